//! What a status keeps, what it remembers, and when it is written.

use super::*;
use crate::api::RefusedStatus;
use crate::{
    api::StatusDigest,
    domain::{knowledge::Deferred, probing::schedule::Past},
};

fn checked(status: &Status) -> Option<i64> {
    status.token.as_ref()?.checked_at.as_ref().map(|at| at.0.as_second())
}

/// The status as another process reads it, and what it remembers of the token.
fn restarted(seen: &Observation, status: &Status) -> (Observation, Status) {
    let stored: Status = serde_json::from_str(&serde_json::to_string(status).unwrap()).unwrap();
    let digest = StatusDigest::from(stored.clone());
    let subject = seen.token.yes().map(|token| token.hashed).zip(seen.host.yes());
    let seen = seen.clone().with(|again| {
        again.knowledge = subject.map_or_else(Knowledge::default, |(hashed, host)| {
            digest.knowledge(hashed, &host.name, &seen.demand.requirement)
        });
        again.past = Past::unasked(again.now);
    });
    (seen, stored)
}

#[test]
fn a_second_reconcile_and_a_restart_write_nothing() {
    for (name, seen) in histories() {
        let first = status(None, &seen);
        let again = settled(&seen);
        let later = seen.now.as_second() + 5;
        assert_eq!(written(Some(&first), &again.clone().at(later)), None, "{name}: a second look");
        let (again, stored) = restarted(&again, &first);
        assert_eq!(stored, first, "{name}: as it was stored");
        assert_eq!(written(Some(&stored), &again.at(later)), None, "{name}: after a restart");
    }
}

#[test]
fn two_operators_that_ask_one_after_the_other_agree_on_the_first_acceptance() {
    let heard = |second: i64| settled(&seen().accepted(second, Expiry::Never).at(T + HOUR / 2));
    let by = |second: i64| status(None, &heard(second));
    for (theirs, ours, is_written) in [(T, T + 5, false), (T, T, false), (T + 5, T, true)] {
        let written = written(Some(&by(theirs)), &heard(ours)).is_some();
        assert_eq!(written, is_written, "{theirs} was said, and {ours} is meant");
    }
    // By a clock that lies, or on another host of this name.
    assert!(written(Some(&by(T - 2 * HOUR)), &heard(T)).is_some());
}

#[test]
fn another_generation_is_said_once() {
    for (name, seen) in histories() {
        let before = Status { observed_generation: Some(2), ..status(None, &seen) };
        let now = written(Some(&before), &settled(&seen)).map(|status| status.observed_generation);
        assert_eq!(now, Some(Some(3)), "{name}");
    }
}

#[test]
fn checked_at_stands_until_the_heartbeat_or_until_something_changes() {
    let looks = |second: i64| {
        seen().accepted(T, Expiry::Never).accepted(second, Expiry::Never).finds(&[ours("out", Holds::Wanted)])
    };
    let first = status(None, &looks(T));
    let outage = looks(T + 60).deferred(T + 120, Reason::TimedOut);
    let ahead = status(None, &looks(T + 30 * DAY));
    let rows = [
        ("below the heartbeat", &first, looks(T + HOUR - 1), None),
        ("the heartbeat", &first, looks(T + HOUR), Some(Some(T + HOUR))),
        ("something else changed", &first, outage, Some(Some(T + 60))),
        ("written by a clock that ran ahead", &ahead, looks(T), Some(Some(T))),
        ("not heard of since, however long ago", &first, looks(T).at(T + DAY), None),
        ("never accepted", &first, seen().refused(T).refused(T + 60), Some(None)),
    ];
    for (name, before, seen, expected) in rows {
        assert_eq!(written(Some(before), &seen).map(|status| checked(&status)), expected, "{name}");
    }
}

#[test]
fn the_next_check_is_written_with_other_changes_only() {
    let next = |status: &Status| status.next_check_at.clone().map(|at| at.0);
    let first = status(None, &good());
    let again = good().accepted(T + HOUR - 1, Expiry::Never);
    assert_ne!(again.due(), good().due(), "it moved");
    assert_eq!(next(&first), good().due());
    assert_eq!(written(Some(&first), &again), None);
    let beat = good().accepted(T + HOUR, Expiry::Never);
    assert_eq!(written(Some(&first), &beat).as_ref().and_then(next), beat.due(), "at the heartbeat");
    let refused = good().refused(T + 60);
    assert_eq!(written(Some(&first), &refused).as_ref().and_then(next), Some(at(T + 120)), "with a change");
}

#[test]
fn a_status_remembers_what_is_known_of_the_token() {
    let known = seen().accepted(T - DAY, Expiry::At(at(T + DAY))).accepted(T, Expiry::At(at(T + DAY)));
    let rows = [
        ("accepted", known.clone()),
        ("accepted by an app's installation", seen().accepted(T, Expiry::Never)),
        ("unreadable expiry", seen().accepted(T, Expiry::Unreadable)),
        ("implausible expiry", seen().accepted(T, Expiry::Implausible(at(T - 1)))),
        ("refused once", known.clone().refused(T + 60)),
        ("refused twice", known.clone().refused(T + 60).refused(T + 120)),
        ("refused and limited", known.clone().refused(T + 60).deferred(T + 120, Reason::RateLimited)),
        ("never accepted", seen().refused(T)),
    ];
    for (name, seen) in rows {
        let (again, _) = restarted(&seen, &status(None, &seen));
        assert_eq!(again.knowledge, seen.knowledge, "{name}");
    }
}

#[test]
fn an_answer_that_is_not_believed_yet_is_not_remembered() {
    let met = || good().demands_repo().withdraws();
    let once = met().has(T + 60, &[]);
    let first = status(Some(&status(None, &met())), &once);
    assert_eq!(said(&first, "RequirementsMet"), ("True", "ViolatedOnce"));
    assert_eq!(first.token.as_ref().and_then(|token| token.scopes.clone()), Some(vec!["repo".to_owned()]));
    assert_eq!(written(Some(&first), &once.clone().at(T + 65)), None, "a second look");
    let (again, stored) = restarted(&once, &first);
    assert_eq!(decide(&again).changes, [], "one answer condemns nobody, whatever restarts");
    assert_eq!(said(&status(Some(&stored), &again), "Ready"), ("True", "Ready"));
    let twice = status(Some(&first), &once.has(T + 120, &[]));
    assert_eq!(twice.token.and_then(|token| token.scopes), Some(vec![]), "believed");
}

#[test]
fn what_was_known_of_a_token_outlasts_a_pause_a_bad_paste_and_a_wrong_host() {
    let known = status(None, &good());
    let unread =
        |seen: &mut Observation| seen.token = Verdict::unknown(Reason::ApiServerUnavailable, "silent");
    let rows = [
        ("paste", seen().has_no_token(Reason::TokenMalformed)),
        ("host", seen().has_no_host()),
        ("unread", seen().with(unread)),
        ("suspended", seen().with(unread).suspended()),
    ];
    for (name, seen) in rows {
        assert_eq!(status(Some(&known), &seen.at(T + 60)).token, known.token, "{name}");
    }
    let other = seen().with(|seen| seen.token = Verdict::Yes(token("b").describe())).at(T + 60);
    let other = status(Some(&known), &other).token.unwrap();
    assert_eq!((other.hashed_token, other.login, other.checked_at), (token("b").hashed(), None, None));
}

#[test]
fn a_suspension_changes_ready_and_nothing_else() {
    for (name, seen) in histories() {
        let known = status(None, &seen);
        let paused = settled(&seen).suspended().at(seen.now.as_second() + 60);
        let suspended = status(Some(&known), &paused);
        assert_eq!(said(&suspended, "Ready"), ("Unknown", "Suspended"), "{name}");
        let whole = known.conditions[1..6].iter().map(|condition| Condition {
            message: match said(&known, "Ready") {
                (_, "Suspended") => condition.message.clone(),
                _ => known.message(&condition.type_).unwrap().to_owned(),
            },
            ..condition.clone()
        });
        assert_eq!(suspended.conditions[1..], whole.collect::<Vec<_>>(), "{name}");
        assert_eq!(
            (&suspended.token, &suspended.outputs, &suspended.deferral, suspended.next_check_at.clone()),
            (&known.token, &known.outputs, &known.deferral, None),
            "{name}"
        );
        let later = paused.now.as_second() + DAY;
        assert_eq!(written(Some(&suspended), &paused.at(later)), None, "{name}: one write");
    }
    let paused = status(Some(&status(None, &good())), &good().suspended().at(T + 60));
    assert_eq!(since(&paused, "Ready"), T + 60);
    let resumed = status(Some(&paused), &good().at(T + 120));
    assert_eq!((since(&resumed, "Ready"), since(&resumed, "Published")), (T + 120, T));
}

#[test]
fn what_another_manager_wrote_goes_from_a_suspended_connection_too() {
    let unread = |seen: &mut Observation| {
        seen.token = Verdict::unknown(Reason::Suspended, "not read");
        seen.knowledge = Knowledge::default();
    };
    let (known, unknown) = (good().suspended(), good().suspended().with(unread));
    let suspended = status(Some(&status(None, &good())), &known.clone().at(T + 60));
    let refused = |last: i64| RefusedStatus {
        reason: "BadCredentials".to_owned(),
        count: 2,
        needed: 2,
        first: time(at(last)),
        last: time(at(last)),
    };
    let deferral = |since: i64| DeferralStatus {
        since: time(at(since)),
        reason: "ServerError".to_owned(),
        answer: None,
        not_before: None,
        incident_ends_at: None,
    };
    let foreign =
        OutputStatus { secret_name: "foreign".to_owned(), current_name: None, format: Format::Opaque };
    // What this process knows nothing of stays, unless the status itself disproves it; the next question decides.
    let rows = [
        ("known", &known, T + 30, T + 30, (false, false)),
        ("unknown", &unknown, T + 30, T + 30, (true, true)),
        ("unknown and void", &unknown, T - 60, T - 60, (false, false)),
    ];
    for (name, seen, last, since, kept) in rows {
        let mut written_by_others = suspended.clone();
        written_by_others.outputs.push(foreign.clone());
        written_by_others.token.as_mut().unwrap().refused = Some(refused(last));
        written_by_others.deferral = Some(deferral(since));
        let next = written(Some(&written_by_others), &seen.clone().at(T + 120)).unwrap();
        let told = (next.token.as_ref().unwrap().refused.is_some(), next.deferral.is_some());
        assert_eq!((told, &next.outputs), (kept, &suspended.outputs), "{name}");
        if kept == (false, false) {
            assert_eq!((&next.token, &next.conditions), (&suspended.token, &suspended.conditions), "{name}");
        }
    }
}

#[test]
fn a_connection_that_begins_suspended_says_so_in_every_condition() {
    let status = status(None, &seen().suspended());
    for type_ in CONDITION_TYPES {
        assert_eq!(said(&status, type_), ("Unknown", "Suspended"), "{type_}");
    }
}

#[test]
fn a_status_remembers_when_an_incident_ends_whatever_was_deferred_before() {
    let incident = Deferral { incident_ends: Some(at(T + 3_600)), ..Deferral::new(Reason::HostRefusesMany) };
    let mut seen = seen().accepted(T, Expiry::Never);
    for (outage, since) in [(None, T + 60), (Some(Deferral::new(Reason::ServerError)), T + 30)] {
        if let Some(outage) = outage {
            seen = seen.hears(T + 30, Reply::Deferral(outage));
        }
        let held = seen.clone().with(|seen| seen.knowledge.take_back(incident, at(T + 60))).at(T + 60);
        let status = status(None, &held);
        let told = status.deferral.as_ref().unwrap();
        assert_eq!((&*told.reason, told.since.0), ("HostRefusesMany", at(since)));
        assert_eq!(told.incident_ends_at.as_ref().map(|end| end.0), Some(at(T + 3_600)));
        let (again, _) = restarted(&held, &status);
        assert_eq!(again.knowledge.deferred.unwrap().deferral, incident);
    }
}

#[test]
fn the_end_of_a_limit_is_told_and_that_of_an_outage_is_not() {
    let rows = [
        (Reason::RateLimited, true),
        (Reason::SecondaryRateLimited, true),
        (Reason::LoginLocked, true),
        (Reason::ServerError, false),
        (Reason::HostBusy, false),
        (Reason::HostRefusesMany, false),
    ];
    for (reason, told) in rows {
        let deferred = Deferred::first(Deferral { until: Some(at(T)), ..Deferral::new(reason) }, at(T));
        assert_eq!(DeferralStatus::from(deferred).not_before.is_some(), told, "{reason:?}");
    }
}

#[test]
fn an_answer_that_is_not_known_is_told_by_its_request_and_written_once() {
    let odd = |id: &str| {
        let answer = format!("403 {id}").parse().ok();
        Reply::Deferral(Deferral { answer, ..Deferral::new(Reason::UnexpectedAnswer) })
    };
    for (name, known) in [("accepted before", good()), ("not known", seen())] {
        let first = status(None, &known.clone().hears(T + 60, odd("A:B:C:D:1")));
        let told = first.deferral.as_ref().unwrap();
        assert_eq!(told.answer.as_deref(), Some("403 A:B:C:D:1"), "{name}");
        let said = first.message("Authenticated").unwrap();
        assert!(said.contains("(status 403, X-GitHub-Request-Id A:B:C:D:1)"), "{name}: {said}");
        let again = known.hears(T + 60, odd("A:B:C:D:1")).hears(T + 90, odd("A:B:C:D:2"));
        assert_eq!(written(Some(&first), &again), None, "{name}: the next has another id");
        // Another process knows it by the status.
        let digest = crate::api::StatusDigest::from(first.clone());
        let (hashed, host) = (again.token.yes().unwrap().hashed, again.host.yes().unwrap().name.clone());
        let remembered = digest.knowledge(hashed, &host, &again.demand.requirement);
        let heard = {
            let mut heard = Knowledge::default();
            heard.learn(odd("A:B:C:D:3"), at(T + 120));
            heard
        };
        let restarted = again.with(|again| again.knowledge = remembered.overlaid(&heard));
        assert_eq!(written(Some(&first), &restarted), None, "{name}: after a restart");
    }
}
