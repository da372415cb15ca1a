use super::*;
use crate::domain::{
    Reason,
    answer::{Answer, Refusal, Reply},
    proof::{Denial, Proof},
};

#[test]
fn what_waited_for_others_to_go_first_is_as_urgent_as_it_was() {
    let at = Timestamp::from_second(1_772_366_400).unwrap();
    let deferred = |reason| Some(Deferred::first(Deferral::new(reason), at));
    let (busy, failed) = (deferred(Reason::HostBusy), deferred(Reason::TimedOut));
    let fresh = |deferred| Knowledge { deferred, ..Knowledge::default() };
    let mut refused = fresh(busy);
    refused.learn(Reply::Answer(Answer::Refused(Refusal::BadCredentials)), at);
    let rows = [
        ("new", fresh(None), false, Urgency::New),
        ("new, and turned away", fresh(busy), false, Urgency::New),
        ("rotated, and turned away", fresh(busy), true, Urgency::Rotated),
        ("no answer", fresh(failed), true, Urgency::Retry),
        ("refused, and turned away", Knowledge { deferred: busy, ..refused }, false, Urgency::Confirm),
    ];
    for (name, knowledge, is_rotated, urgency) in rows {
        assert_eq!(urgency_of_identity(&knowledge, false, is_rotated), urgency, "{name}");
    }
    let proven = Proven::remembered(Proof::Denied(Denial::NotFound), at);
    let unproven = Proven { last: None, ..proven.clone() };
    let rows = [
        ("never asked", None, Urgency::New),
        ("never asked, and turned away", Some(Proven { deferred: busy, ..unproven.clone() }), Urgency::New),
        ("no answer", Some(Proven { deferred: failed, ..unproven }), Urgency::Retry),
        ("known", Some(proven.clone()), Urgency::Routine),
        ("known, and turned away", Some(Proven { deferred: busy, ..proven.clone() }), Urgency::Routine),
        ("doubted", Some(Proven { doubted: Some((Denial::NotFound, at)), ..proven }), Urgency::Confirm),
    ];
    for (name, proven, urgency) in rows {
        assert_eq!(urgency_of_proof(proven.as_ref()), urgency, "{name}");
    }
}
