//! What is told once.

use super::*;
use crate::{
    api::CandidateStatus,
    domain::{candidate::Candidate, event::Event},
};

fn shown(events: &[Event]) -> Vec<(&'static str, &'static str)> {
    events.iter().map(|event| (event.type_.as_str(), event.reason)).collect()
}

#[test]
fn a_transition_of_ready_is_one_event_and_the_first_true_is_none() {
    let refused = || good().refused(T + 60).refused(T + 120);
    let default: Status = serde_json::from_value(serde_json::json!({ "conditions": [{
        "type": "Ready", "status": "Unknown", "reason": "Pending", "message": "waiting",
        "lastTransitionTime": "1970-01-01T00:00:00Z",
    }] }))
    .unwrap();
    let (unasked, well, bad) = (status(None, &seen()), status(None, &good()), status(None, &refused()));
    let rows = [
        ("new, good", None, &well, vec![]),
        ("new, good, with the schema's default", Some(&default), &well, vec![]),
        ("new, bad", Some(&default), &bad, vec![("Warning", "BadCredentials")]),
        ("new, not asked", Some(&default), &unasked, vec![]),
        ("asked late", Some(&unasked), &well, vec![("Normal", "Ready")]),
        ("turns bad", Some(&well), &bad, vec![("Warning", "BadCredentials")]),
        ("is mended", Some(&bad), &well, vec![("Normal", "Ready")]),
        ("the same", Some(&bad), &bad, vec![]),
    ];
    for (name, before, after, expected) in rows {
        assert_eq!(shown(&events(before, after)), expected, "{name}");
    }
    let outage = status(Some(&well), &good().deferred(T + 60, Reason::ServerError));
    assert_eq!(events(Some(&well), &outage), [], "another reason is no transition");
    let paused = status(Some(&well), &good().suspended().at(T + 60));
    assert_eq!(shown(&events(Some(&well), &paused)), [("Normal", "Suspended")]);
}

#[test]
fn each_stage_of_warn_before_is_one_event() {
    let ends = T + 30 * DAY;
    let warned = || {
        seen().accepted(T, Expiry::At(at(ends))).finds(&[ours("out", Holds::Wanted)]).with(|seen| {
            seen.demand.warn_before = [168, 24].map(SignedDuration::from_hours).to_vec();
            seen.timing.interval = SignedDuration::from_hours(99_999);
            seen.timing.trust_for = SignedDuration::from_hours(99_999);
            seen.timing.heartbeat = SignedDuration::from_hours(99_999);
        })
    };
    let mut before = status(None, &warned());
    let mut told = Vec::new();
    for left in [200, 168, 100, 25, 24, 1, 0] {
        let raised = (left < 100).then(|| SignedDuration::from_secs(10));
        let seen = warned().at(ends - left * HOUR);
        let now = written_with(Some(&before), &seen, &[], raised).unwrap_or_else(|| before.clone());
        told.extend(
            events(Some(&before), &now).into_iter().map(|event| (left, event.type_.as_str(), event.reason)),
        );
        before = now;
    }
    let expected =
        [(168, "Warning", "ExpiresSoon"), (24, "Warning", "ExpiresSoon"), (0, "Warning", "Expired")];
    assert_eq!(told, expected);
}

#[test]
fn the_event_of_a_change_of_the_token_in_use_says_why() {
    let before = Status {
        candidates: vec![candidate("pat", true), candidate("next", false)],
        ..status(None, &seen().accepted(T, Expiry::Never))
    };
    let seen = seen().accepted(T, Expiry::Never).at(T + 60);
    let of = |secret: &str, seen: &Observation| (Candidate::new(secret, seen, None), None);
    for (used, why) in
        [(seen.clone().refused(T + 30).refused(T + 50), " (BadCredentials)"), (seen.clone(), "")]
    {
        let mut after = announced(&before, &["pat", "next"], "next", at(T + 60), &seen, true);
        explain(&mut after, &[of("pat", &used), of("next", &seen)]);
        let told: Vec<_> = events(Some(&before), &after).into_iter().map(|event| event.message).collect();
        assert_eq!(
            told,
            [format!("the token in Secret next is in use in place of the one in Secret pat{why}")]
        );
    }
}

/// The Secret, whose token was usable.
fn candidate(secret: &str, in_use: bool) -> CandidateStatus {
    CandidateStatus {
        secret_name: secret.to_owned(),
        in_use,
        since: in_use.then(|| time(at(T))),
        usable: ConditionStatus::True,
        reason: "Accepted".to_owned(),
        message: None,
        token: None,
    }
}

#[test]
fn steady_state_and_a_restart_tell_nothing() {
    for (name, seen) in histories() {
        let first = status(None, &seen);
        assert_eq!(events(Some(&first), &status(Some(&first), &settled(&seen))), [], "{name}");
    }
}
