use super::*;
use crate::domain::{
    answer::{Account, Expiry},
    probe::Probe,
    proof::{Facts, Proof},
    scopes::Scopes,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn granted() -> Reply {
    let account = Some(Account { login: "octocat".into(), id: 1 });
    Reply::Answer(Answer::Granted(Grant { account, scopes: Some(Scopes::default()), expiry: Expiry::Never }))
}

fn refused() -> Reply {
    Reply::Answer(Answer::Refused(Refusal::BadCredentials))
}

fn deferred() -> Reply {
    Reply::Deferral(Deferral::new(Reason::ServerError))
}

#[test]
fn silence_and_refusals_leave_the_last_acceptance_in_place() {
    let mut knowledge = Knowledge::default();
    for (reply, second) in [(granted(), 1), (deferred(), 2), (refused(), 3), (deferred(), 4)] {
        knowledge.learn(reply, at(second));
    }
    assert_eq!(knowledge.grant.as_ref().map(|(_, at)| at.as_second()), Some(1));
    assert_eq!(knowledge.refused.map(|refused| refused.count), Some(1));
    assert_eq!(knowledge.deferred.map(|deferred| deferred.since), Some(at(4)));
}

#[test]
fn a_refusal_is_believed_when_it_comes_twice_and_forgotten_when_accepted() {
    let mut knowledge = Knowledge::default();
    knowledge.learn(refused(), at(1));
    assert_eq!(knowledge.believed_refusal(), None);
    knowledge.learn(deferred(), at(2));
    assert_eq!(knowledge.believed_refusal(), None);
    knowledge.learn(refused(), at(3));
    assert_eq!(
        knowledge.believed_refusal().map(|refused| (refused.first, refused.last)),
        Some((at(1), at(3)))
    );
    knowledge.learn(granted(), at(4));
    assert_eq!(knowledge.refused, None);
}

#[test]
fn an_answer_that_says_something_else_is_believed_when_it_comes_twice() {
    let scopes = |scopes: &[&str]| {
        let scopes = Some(scopes.iter().map(|scope| (*scope).to_owned()).collect());
        Grant { account: None, scopes, expiry: Expiry::Never }
    };
    let (with, without) = (scopes(&["repo"]), scopes(&[]));
    let rows = [
        ("the first", vec![&with], None),
        ("the same", vec![&with, &with], None),
        ("another one once", vec![&with, &without], Some(&with)),
        ("another one twice", vec![&with, &without, &without], None),
        ("and back", vec![&with, &without, &with], None),
    ];
    for (name, grants, before) in rows {
        let mut knowledge = Knowledge::default();
        for (second, grant) in grants.iter().enumerate() {
            let second = i64::try_from(second).unwrap();
            knowledge.learn(Reply::Answer(Answer::Granted((*grant).clone())), at(second));
        }
        assert_eq!(knowledge.before.as_deref(), before, "{name}");
    }
    let mut remembered = Knowledge::default();
    remembered.learn(Reply::Answer(Answer::Granted(with.clone())), at(1));
    let mut heard = Knowledge::default();
    heard.learn(Reply::Answer(Answer::Granted(without.clone())), at(9));
    assert_eq!(remembered.overlaid(&heard).before.as_deref(), Some(&with), "across a restart");
    heard.learn(Reply::Answer(Answer::Granted(without)), at(19));
    assert_eq!(remembered.overlaid(&heard).before, None);
}

#[test]
fn what_single_sign_on_hides_is_remembered_until_every_answer_was_heard_again() {
    let probe = Probe::membership("acme").unwrap();
    let held = Proof::Held(Facts::default());
    let mut remembered = known(1, &[&granted()]);
    remembered.proofs.insert(probe.clone(), Proven::remembered(held.clone(), at(1)));
    remembered.hidden = Hidden::remembered(&[5]);
    let mut heard = Knowledge::default();
    assert_eq!(remembered.overlaid(&heard).hidden.numbers(), [5]);
    heard.learn(granted(), at(9));
    heard.hidden.learn(&Probe::Identity, &[3]);
    assert_eq!(remembered.overlaid(&heard).hidden.numbers(), [3, 5], "it may be of the other question");
    heard.proofs.entry(probe).or_default().learn(held, at(12));
    assert_eq!(remembered.overlaid(&heard).hidden.numbers(), [3]);
}

#[test]
fn the_first_proof_stays_the_first() {
    let mut knowledge = Knowledge::default();
    knowledge.learn(granted(), at(1));
    knowledge.learn(granted(), at(9));
    assert_eq!(knowledge.first_proven, Some(at(1)));
}

#[test]
fn a_silence_begins_once() {
    let mut knowledge = Knowledge::default();
    knowledge.learn(deferred(), at(5));
    knowledge.learn(Reply::Deferral(Deferral::new(Reason::TimedOut)), at(9));
    let deferred = knowledge.deferred.unwrap();
    assert_eq!((deferred.since, deferred.deferral.reason), (at(5), Reason::ServerError), "one outage");
    knowledge.learn(Reply::Deferral(Deferral::new(Reason::RateLimited)), at(12));
    let deferred = knowledge.deferred.unwrap();
    assert_eq!((deferred.since, deferred.deferral.reason), (at(5), Reason::RateLimited), "something else");
}

#[test]
fn of_answers_that_are_not_known_the_first_stays_until_reason_or_status_is_another_one() {
    let (odd, unexplained) = (Reason::UnexpectedAnswer, Reason::UnexplainedUnauthorized);
    let deferral = |reason, answer: &str| Deferral { answer: answer.parse().ok(), ..Deferral::new(reason) };
    let (first, second) = (deferral(odd, "403 A:B:C:D:1"), deferral(odd, "403 A:B:C:D:2"));
    let other = deferral(odd, "418 A:B:C:D:3");
    let (no, no_more) = (deferral(unexplained, "401 A:B:C:D:4"), deferral(unexplained, "401 A:B:C:D:5"));
    let rows: [(&str, &[Deferral], Deferral); 5] = [
        ("once", &[first], first),
        ("again", &[first, second, second], first),
        ("with another status", &[first, other, second], second),
        ("for another reason once, which is not told", &[first, no], first),
        ("for another reason twice", &[first, no, no_more], no_more),
    ];
    for (name, deferrals, expected) in rows {
        let mut knowledge = Knowledge::default();
        for (second, deferral) in (1..).zip(deferrals) {
            knowledge.learn(Reply::Deferral(*deferral), at(second));
        }
        let told = knowledge.deferred.map(|deferred| deferred.deferral);
        assert_eq!(told, Some(expected), "{name}");
    }
    let (mut remembered, mut heard) = (Knowledge::default(), Knowledge::default());
    remembered.learn(Reply::Deferral(first), at(1));
    heard.learn(Reply::Deferral(second), at(9));
    let told = |heard: &Knowledge| remembered.overlaid(heard).deferred.map(|deferred| deferred.deferral);
    assert_eq!(told(&heard), Some(first), "across a restart");
    heard = Knowledge::default();
    heard.learn(Reply::Deferral(other), at(9));
    assert_eq!(told(&heard), Some(other));
}

/// What is known after these replies at seconds 10, 11, ... or at those from another second on.
fn known(from: i64, replies: &[&Reply]) -> Knowledge {
    let mut knowledge = Knowledge::default();
    for (second, reply) in (from..).zip(replies) {
        knowledge.learn(Reply::clone(reply), at(second));
    }
    knowledge
}

#[test]
fn what_this_process_heard_lies_over_what_a_status_remembers() {
    // Remembered, heard; then the refusals with the first, whether there is an acceptance, the beginning of the deferral.
    type Row<'a> = (&'a str, &'a [&'a Reply], &'a [&'a Reply], Option<(i32, i64)>, bool, Option<i64>);
    let (yes, no, wait) = (granted(), refused(), deferred());
    let rows: [Row<'_>; 8] = [
        ("nothing heard", &[&yes, &no], &[], Some((1, 11)), true, None),
        ("accepted", &[&no, &no, &wait], &[&yes], None, true, None),
        ("deferred", &[&yes, &no], &[&wait], Some((1, 11)), true, Some(100)),
        ("deferred both times", &[&yes, &wait], &[&wait], None, true, Some(11)),
        ("refused again", &[&yes, &no], &[&no], Some((2, 11)), true, None),
        ("refused, not deferred any more", &[&yes, &wait], &[&no], Some((1, 100)), true, None),
        ("accepted, then refused", &[&no], &[&yes, &no], Some((1, 101)), true, None),
        ("never accepted", &[&no], &[&no, &wait], Some((2, 10)), false, Some(101)),
    ];
    for (name, remembered, heard, refused, accepted, deferred) in rows {
        let knowledge = known(10, remembered).overlaid(&known(100, heard));
        let refusals = knowledge.refused.map(|refused| (refused.count, refused.first.as_second()));
        assert_eq!(refusals, refused, "{name}");
        assert_eq!(knowledge.grant.is_some(), accepted, "{name}");
        assert_eq!(knowledge.deferred.map(|deferred| deferred.since.as_second()), deferred, "{name}");
    }
}

#[test]
fn after_an_incident_three_refusals_of_its_own_are_needed() {
    let mut heard = Knowledge::default();
    heard.learn_of(refused(), 3, at(100));
    heard.learn_of(refused(), 3, at(160));
    let knowledge = known(10, &[&refused()]).overlaid(&heard);
    assert_eq!(knowledge.believed_refusal(), None);
    heard.learn_of(refused(), 3, at(220));
    assert!(heard.believed_refusal().is_some());

    // The process after that knows nothing of the incident.
    let mut remembered = Knowledge::default();
    remembered.learn_of(refused(), 3, at(100));
    let after = |seconds: &[i64]| {
        let mut heard = Knowledge::default();
        seconds.iter().for_each(|second| heard.learn(refused(), at(*second)));
        remembered.overlaid(&heard).believed_refusal().is_some()
    };
    assert_eq!([after(&[]), after(&[160]), after(&[160, 220])], [false, false, true]);
}

#[test]
fn outputs_are_deleted_after_three_refusals_over_ten_minutes() {
    let rows: [(&[i64], bool); 4] =
        [(&[0, 600], false), (&[0, 60, 360], false), (&[0, 60, 600], true), (&[0, 60, 360, 960], true)];
    for (seconds, withdraws) in rows {
        let mut knowledge = Knowledge::default();
        seconds.iter().for_each(|second| knowledge.learn(refused(), at(*second)));
        assert_eq!(knowledge.refused.is_some_and(|refused| refused.withdraws()), withdraws, "{seconds:?}");
    }
}

#[test]
fn refusals_that_are_taken_back_leave_a_doubt_since_the_first() {
    let mut knowledge = known(10, &[&granted(), &refused(), &refused()]);
    knowledge.take_back(Deferral::new(Reason::HostRefusesMany), at(20));
    assert_eq!((knowledge.refused, knowledge.accepted_before()), (None, true));
    assert_eq!(knowledge.deferred.map(|deferred| deferred.since), Some(at(11)));
}

#[test]
fn other_trouble_tells_of_the_incident_that_it_fell_into_and_of_none_before() {
    let ends = Some(at(1_800));
    let incident = Deferral { incident_ends: ends, ..Deferral::new(Reason::HostRefusesMany) };
    let mut knowledge = known(10, &[&granted()]);
    knowledge.take_back(incident, at(20));
    let told = knowledge.clone();
    for (second, ends) in [(30, ends), (40, ends), (50, None), (60, None)] {
        let trouble = Deferral { incident_ends: ends, ..Deferral::new(Reason::ServerError) };
        knowledge.learn(Reply::Deferral(trouble), at(second));
        let told_now = knowledge.deferred.and_then(|deferred| deferred.deferral.incident_ends);
        assert_eq!(told_now, ends, "{second}");
        let after = told.overlaid(&known(second, &[&Reply::Deferral(trouble)])).deferred.unwrap().deferral;
        assert_eq!(after.incident_ends, ends, "{second}, after a restart");
    }
    let mut alternates = told.clone();
    let trouble = Deferral { incident_ends: ends, ..Deferral::new(Reason::ServerError) };
    alternates.learn(Reply::Deferral(trouble), at(30));
    alternates.take_back(incident, at(40));
    assert_eq!(alternates.deferred, told.deferred, "nothing that a status would be written for");
}

#[test]
fn a_clock_that_is_set_back_shortens_no_time_between_refusals_and_leaves_no_end_beyond_the_longest_limit() {
    let (hour, year) = (3600, 365 * 86_400);
    let of = |first: i64, last: i64| Refused {
        last: at(last),
        count: 3,
        ..Refused::once(Refusal::BadCredentials, at(first))
    };
    for ahead in [0, year] {
        let mut knowledge = Knowledge { refused: Some(of(ahead - 660, ahead)), ..Knowledge::default() };
        knowledge.set_back(at(0));
        let refused = knowledge.refused.unwrap();
        assert_eq!(
            (refused.first, refused.last, refused.withdraws()),
            (at(-660), at(0), true),
            "{ahead} s ahead"
        );
    }
    // It began by the right clock, and was told an end by the wrong one.
    let limited = |until: i64| Deferral { until: Some(at(until)), ..Deferral::new(Reason::RateLimited) };
    for (since, until, expected) in [(-60, 600, 600), (-60, year + hour, hour), (year, year + 600, 600)] {
        let mut deferred = Deferred::first(limited(until), at(since));
        deferred.set_back(at(0));
        assert_eq!((deferred.since, deferred.deferral.until), (at(since.min(0)), Some(at(expected))));
    }
}
