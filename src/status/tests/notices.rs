//! What sinks are told, and that whoever starts anew derives the same.

use super::*;
use crate::domain::notice::{About, Level, Notice, State};

const WARN: [SignedDuration; 2] = [SignedDuration::from_hours(24), SignedDuration::from_hours(168)];

fn warned() -> Warned<'static> {
    Warned { before: &WARN, declared: None }
}

fn shown(notices: &[Notice]) -> Vec<String> {
    let shown = notices.iter().map(|notice| {
        let Notice { about, state, level, reason, .. } = notice;
        format!("{} {} {level:?} {reason}", about.as_str(), state.as_str())
    });
    shown.collect()
}

/// What is told along these states, and the last status.
fn told(states: &[Observation]) -> (Vec<Notice>, Status) {
    let (mut told, mut before) = (Vec::new(), None);
    for seen in states {
        let now = status(before.as_ref(), seen);
        told.extend(notices(before.as_ref(), &now, warned()));
        before = Some(now);
    }
    (told, before.unwrap())
}

#[test]
fn what_breaks_is_opened_what_breaks_otherwise_changed_and_what_is_well_resolved() {
    let refused = |by: i64| good().refused(T + by).refused(T + by + 60).at(T + by + 60);
    let mended = || good().accepted(T + 600, Expiry::Never);
    let rows: [(&str, Vec<Observation>, &[&str]); 8] = [
        ("new and well", vec![good()], &[]),
        (
            "new and broken",
            vec![seen().has_no_token(Reason::SecretNotFound)],
            &["Ready Opened Warning SecretNotFound"],
        ),
        (
            "breaks and is mended",
            vec![good(), refused(60), mended().at(T + 600)],
            &["Ready Opened Critical BadCredentials", "Ready Resolved Info Ready"],
        ),
        (
            "is well for one reason after the other",
            vec![
                good(),
                refused(60),
                mended().at(T + 600),
                mended().deferred(T + 700, Reason::ServerError).at(T + 700),
                mended().at(T + 800),
            ],
            &["Ready Opened Critical BadCredentials", "Ready Resolved Info Ready"],
        ),
        (
            "new, broken and mended",
            vec![seen().has_no_token(Reason::SecretNotFound), good().at(T + 3)],
            &[
                "Ready Opened Warning SecretNotFound",
                "Ready Resolved Info Ready",
                "NotExpiring Resolved Info NeverExpires",
            ],
        ),
        (
            "breaks for one reason after the other",
            vec![good(), seen().has_no_token(Reason::SecretNotFound).at(T + 60), refused(600)],
            // Whether anybody had been told of the end, the sinks know.
            &[
                "Ready Opened Warning SecretNotFound",
                "Ready Changed Critical BadCredentials",
                "NotExpiring Resolved Info NeverExpires",
            ],
        ),
        ("an outage that nobody need mend", vec![good(), good().deferred(T + 60, Reason::ServerError)], &[]),
        ("is suspended", vec![good(), good().suspended().at(T + 60)], &["Ready Opened Info Suspended"]),
    ];
    for (name, states, expected) in rows {
        let (notices, last) = told(&states);
        assert_eq!(shown(&notices), expected, "{name}");
        assert_eq!(super::notices(Some(&last), &last, warned()), [], "{name}: nothing new");
    }
}

#[test]
fn who_was_told_that_it_is_critical_is_told_that_it_is_over() {
    let refused = good().refused(T + 60).refused(T + 120).at(T + 120);
    let missing = seen().has_no_token(Reason::SecretNotFound).at(T + 300);
    let (mut notices, _) =
        told(&[good(), refused, missing, good().accepted(T + 600, Expiry::Never).at(T + 600)]);
    notices.retain(|notice| notice.about == About::Ready);
    assert_eq!(notices.iter().map(|notice| notice.gravest).collect::<Vec<_>>(), [Level::Critical; 3]);
    assert_eq!(notices.last().unwrap().state, State::Resolved);
    let incidents: std::collections::BTreeSet<_> =
        notices.iter().map(|notice| notice.incident("u")).collect();
    let ids: std::collections::BTreeSet<_> = notices.iter().map(|notice| notice.id("u")).collect();
    assert_eq!((incidents.len(), ids.len()), (1, 3));
}

#[test]
fn who_was_told_of_the_first_verdict_is_told_that_it_is_over() {
    let (mut told, last) = told(&[seen().has_no_token(Reason::SecretNotFound), good().at(T + 3)]);
    told.retain(|notice| notice.about == About::Ready);
    assert_eq!(told.iter().map(|notice| notice.gravest).collect::<Vec<_>>(), [Level::Warning; 2]);
    let since = notices_since(&last, at(T - 1), warned());
    let without_message = |notice: &Notice| Notice { message: None, ..notice.clone() };
    assert_eq!(
        since.iter().map(without_message).collect::<Vec<_>>(),
        told.iter().map(without_message).collect::<Vec<_>>(),
        "and nothing of an end that was never near"
    );
}

#[test]
fn whoever_starts_anew_says_of_nothing_that_was_always_well_that_it_is_well_again() {
    let doubted = good().deferred(T + 60, Reason::ServerError).at(T + 60);
    let again = good().accepted(T + 120, Expiry::Never).at(T + 120);
    let (told, last) = told(&[good(), doubted, again]);
    assert_eq!(last.history.len(), 3, "it was well for another reason meanwhile");
    assert_eq!((told, notices_since(&last, at(T - 1), warned())), (vec![], vec![]));
}

#[test]
fn of_an_end_that_may_have_been_near_it_is_derived_that_it_is_near_no_more() {
    let end = T + 5 * DAY;
    let renewed = || ends_at(end + 90 * DAY, T + HOUR);
    let missing = || seen().has_no_token(Reason::SecretNotFound);
    let refused = || good().refused(T + 60).refused(T + 120).at(T + 120);
    let rows = [
        ("new and well", vec![renewed()], false),
        ("new, without a token, and well", vec![missing(), missing().at(T + 60), renewed()], false),
        ("ends soon and is renewed", vec![ends_at(end, T), renewed()], true),
        ("ends soon, is gone and is renewed", vec![ends_at(end, T), missing().at(T + 60), renewed()], true),
        ("ends soon, is refused and is renewed", vec![ends_at(end, T), refused(), renewed()], true),
        ("is missing, ends soon and is renewed", vec![missing(), ends_at(end, T + 60), renewed()], true),
    ];
    for (name, states, expected) in rows {
        let (_, last) = told(&states);
        let since = notices_since(&last, at(T - 1), warned());
        let of_end: Vec<_> = since.iter().filter(|notice| notice.about == About::NotExpiring).collect();
        assert_eq!(!of_end.is_empty(), expected, "{name}: {of_end:?}");
        assert!(of_end.iter().all(|notice| notice.state == State::Resolved), "{name}");
    }
}

#[test]
fn of_a_token_of_which_nobody_can_tell_whether_it_ends_soon_it_may_have_been_told() {
    let missing = |by| seen().has_no_token(Reason::SecretNotFound).at(T + by);
    let soon = || ends_at(T + 5 * DAY, T);
    let rows = [
        ("ends soon and is gone", vec![soon(), missing(60)], Some(T + 60)),
        ("ends soon, is gone and still is", vec![soon(), missing(60), missing(600)], Some(T + 60)),
        ("was never there", vec![missing(0), missing(60)], None),
        ("ends soon", vec![soon()], None),
        ("is well", vec![good()], None),
    ];
    for (name, states, expected) in rows {
        let doubted = end_in_doubt(&told(&states).1);
        let at = doubted.as_ref().map(|notice| notice.at.as_second());
        assert_eq!(at, expected, "{name}");
        assert!(doubted.is_none_or(|notice| notice.about == About::NotExpiring), "{name}");
    }
}

fn ends_at(end: i64, now: i64) -> Observation {
    let seen = seen().accepted(T, Expiry::At(at(end))).finds(&[ours("out", Holds::Wanted)]).with(|seen| {
        seen.demand.warn_before = WARN.to_vec();
        seen.timing.interval = SignedDuration::from_hours(99_999);
        seen.timing.trust_for = SignedDuration::from_hours(99_999);
        seen.timing.heartbeat = SignedDuration::from_hours(99_999);
    });
    seen.at(now)
}

#[test]
fn each_stage_of_the_end_is_one_notice_and_another_token_resolves_it() {
    let end = T + 30 * DAY;
    let stages = [200, 168, 100, 24, 3, 0].map(|left| ends_at(end, end - left * HOUR));
    let (notices, last) = told(&stages);
    let of_end: Vec<_> =
        notices.iter().filter(|notice| notice.about == About::NotExpiring).cloned().collect();
    let expected = ["Opened Warning ExpiresSoon", "Changed Critical ExpiresSoon", "Changed Critical Expired"];
    assert_eq!(shown(&of_end), expected.map(|words| format!("NotExpiring {words}")));
    let within: Vec<_> = of_end.iter().map(|notice| notice.within.unwrap().as_hours()).collect();
    assert_eq!((within, of_end[0].ends), (vec![168, 24, 0], Some(at(end))));
    let instants: Vec<_> = of_end.iter().map(|notice| (end - notice.at.as_second()) / HOUR).collect();
    assert_eq!(instants, [168, 24, 0]);
    let renewed = status(Some(&last), &ends_at(end + 90 * DAY, end + HOUR));
    assert_eq!(
        shown(&super::notices(Some(&last), &renewed, warned())),
        ["Ready Resolved Info Ready", "NotExpiring Resolved Info NotExpiring"]
    );
}

#[test]
fn a_stage_that_begins_a_second_time_is_another_message_for_all_who_derive_it() {
    let end = T + 5 * DAY;
    let (soon, renewed) = (|now: i64| ends_at(end, now), ends_at(end + 90 * DAY, T + HOUR));
    let (mut told, last) = told(&[soon(T), renewed, soon(T + 2 * HOUR)]);
    told.retain(|notice| notice.about == About::NotExpiring);
    let (opened, again) = ("NotExpiring Opened Warning ExpiresSoon", told.last().unwrap());
    assert_eq!(shown(&told), [opened, "NotExpiring Resolved Info NotExpiring", opened]);
    assert_ne!(told[0].id("u"), again.id("u"));
    let read_again: Status = serde_json::from_value(serde_json::to_value(&last).unwrap()).unwrap();
    let derived = [notices_since(&read_again, at(T + HOUR), warned()), notices_open(&read_again, warned())];
    for derived in derived {
        let ids = derived.iter().filter(|notice| notice.about == About::NotExpiring).map(|seen| seen.id("u"));
        assert_eq!(ids.collect::<Vec<_>>(), [again.id("u")]);
    }
}

#[test]
fn whoever_starts_anew_derives_what_was_told_since_an_instant_under_the_same_ids() {
    let refused = |by: i64| good().refused(T + by).refused(T + by + 60).at(T + by + 60);
    let missing = || seen().has_no_token(Reason::SecretNotFound);
    let end = T + 30 * DAY;
    let rows = [
        ("broken from the beginning", vec![missing()]),
        ("breaks", vec![good(), refused(60)]),
        (
            "breaks and is mended",
            vec![good(), refused(60), good().accepted(T + 600, Expiry::Never).at(T + 600)],
        ),
        ("breaks otherwise", vec![good(), missing().at(T + 60), refused(600)]),
        ("was in doubt and breaks", vec![good(), good().deferred(T + 60, Reason::ServerError), refused(600)]),
        ("ends soon", vec![ends_at(end, T), ends_at(end, end - 100 * HOUR), ends_at(end, end - 20 * HOUR)]),
    ];
    for (name, states) in rows {
        let (mut told, last) = told(&states);
        told.retain(|notice| notice.about == About::Ready || notice.state != State::Resolved);
        let (notice, ids) = (told.last().unwrap(), |notices: &[Notice]| {
            notices.iter().map(|notice| notice.id("u")).collect::<Vec<_>>()
        });
        let before = notice.at.checked_sub(SignedDuration::from_secs(1)).unwrap();
        let mut since = notices_since(&last, before, warned());
        since.retain(|other| other.about == notice.about);
        assert_eq!(since, std::slice::from_ref(notice), "{name}");
        assert_eq!(notices_since(&last, notice.at, warned()), [], "{name}: all is told");
        let all = ids(&notices_since(&last, at(T - 1), warned()));
        let of_ready = told.iter().filter(|notice| notice.about == About::Ready);
        for id in ids(&of_ready.cloned().collect::<Vec<_>>()) {
            assert!(all.contains(&id), "{name}: {id} of {all:?}");
        }
        let open = notices_open(&last, warned());
        assert_eq!(open.is_empty(), notice.state == State::Resolved, "{name}");
        assert!(open.iter().all(|notice| notice.state == State::Opened), "{name}");
    }
}

#[test]
fn steady_state_tells_nothing_in_any_history() {
    for (name, seen) in histories() {
        let first = status(None, &seen);
        let again = status(Some(&first), &settled(&seen));
        assert_eq!(super::notices(Some(&first), &again, warned()), [], "{name}");
        assert_eq!(notices_since(&again, at(T + 999 * DAY), warned()), [], "{name}");
    }
}

#[test]
fn that_a_new_connection_is_well_is_told_by_nobody_who_starts_anew() {
    let (told, first) = told(&[good()]);
    assert_eq!(first.condition("NotExpiring").unwrap().status, ConditionStatus::True);
    assert_eq!((told, notices_since(&first, at(T - 1), warned())), (vec![], vec![]));
}
