#![expect(clippy::arithmetic_side_effects, reason = "instants of a test are small")]

mod forbidden;

use proptest::prelude::*;

use super::*;
use crate::domain::{
    answer::{Account, Answer, Deferral, Expiry, Grant, Refusal, Reply},
    proof::{Denial, Facts},
    token::{HashedToken, Token},
};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// An instant at which nothing in particular happens.
const T: i64 = 1_772_366_400;
const PACE: Timing = Timing {
    interval: SignedDuration::from_mins(30),
    minimum_interval: SignedDuration::from_secs(10),
    confirm_after: SignedDuration::from_secs(60),
    heartbeat: SignedDuration::from_hours(1),
    trust_for: SignedDuration::from_hours(24),
    proof_interval: SignedDuration::from_hours(6),
    follows: false,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn hashed(number: usize) -> HashedToken {
    Token::try_from(format!("ghp_{number:036}").as_bytes()).unwrap().hashed()
}

fn accepted(second: i64, ends: Option<i64>) -> Knowledge {
    let account = Some(Account { login: "octocat".into(), id: 1 });
    let expiry = ends.map_or(Expiry::Never, |ends| Expiry::At(at(ends)));
    let mut knowledge = Knowledge::default();
    knowledge.learn(Reply::Answer(Answer::Granted(Grant { account, scopes: None, expiry })), at(second));
    knowledge
}

fn refuse(knowledge: &mut Knowledge, second: i64) {
    knowledge.learn(Reply::Answer(Answer::Refused(Refusal::BadCredentials)), at(second));
}

fn defer(knowledge: &mut Knowledge, reason: Reason, until: Option<i64>, second: i64) {
    knowledge.learn(Reply::Deferral(Deferral { until: until.map(at), ..Deferral::new(reason) }), at(second));
}

/// When token number 1 is due, in seconds.
fn next(knowledge: &Knowledge, past: Past, ends: Option<i64>) -> Option<i64> {
    next_of(1, "github.com", knowledge, past, ends)
}

fn next_of(token: usize, host: &str, knowledge: &Knowledge, past: Past, ends: Option<i64>) -> Option<i64> {
    due(&subject(token, host), knowledge, past, ends.map(at), &PACE).map(Timestamp::as_second)
}

fn subject(token: usize, host: &str) -> Subject {
    Subject { host: host.into(), token: hashed(token) }
}

fn asked(second: i64) -> Past {
    Past { asked: Some(at(second)), ..Past::unasked(at(T - 30 * DAY)) }
}

fn started(second: i64) -> Past {
    Past::unasked(at(second))
}

#[test]
fn an_accepted_token_is_due_at_its_own_fixed_instants() {
    let first = next(&accepted(T, None), asked(T), None).unwrap();
    assert!(first > T && first <= T + 30 * MINUTE);
    let mut last = first;
    for _ in 0..100 {
        let due = next(&accepted(last, None), asked(last), None).unwrap();
        assert_eq!(due, last + 30 * MINUTE);
        last = due;
    }
    // However late it was asked.
    assert_eq!(next(&accepted(first, None), asked(first + 7 * MINUTE), None), Some(first + 30 * MINUTE));
}

#[test]
fn connections_that_share_a_token_on_a_host_share_its_instants() {
    let one = next(&accepted(T, None), asked(T), None);
    let other = next(&accepted(T + 20, Some(T + 90 * DAY)), asked(T + 20), Some(T + 90 * DAY));
    assert_eq!(one, other);
    assert_ne!(one, next_of(2, "github.com", &accepted(T, None), asked(T), None));
    assert_ne!(one, next_of(1, "ghe.example.com", &accepted(T, None), asked(T), None));
}

#[test]
fn tokens_are_spread_evenly_over_the_interval() {
    let mut tenths = [0_usize; 10];
    for token in 0..1000 {
        let due = next_of(token, "github.com", &accepted(T, None), asked(T), None).unwrap();
        tenths[usize::try_from((due - T - 1) * 10 / (30 * MINUTE)).unwrap()] += 1;
    }
    assert!(tenths.iter().all(|count| (50..200).contains(count)), "{tenths:?}");
}

#[test]
fn after_a_restart_a_token_waits_for_its_own_next_instant() {
    let knowledge = accepted(T, None);
    let first = next(&knowledge, asked(T), None).unwrap();
    for (name, restart) in [("at once", T + 1), ("just before it", first - 1)] {
        assert_eq!(next(&knowledge, started(restart), None), Some(first), "{name}");
    }
    assert_eq!(
        next(&knowledge, started(first + 1), None),
        Some(first + 30 * MINUTE),
        "an instant was missed"
    );
    let latest = T + 30 * MINUTE + HOUR;
    assert!(next(&knowledge, started(latest), None).unwrap() > latest, "as old as a status may be");
}

#[test]
fn a_restart_asks_about_what_it_knows_too_little_of() {
    let stale = accepted(T - DAY, None);
    assert_eq!(next(&stale, started(T), None), Some(T), "overdue");
    assert_eq!(next(&Knowledge::default(), started(T), None), Some(T), "a new token at once");
}

#[test]
fn an_acceptance_in_the_future_does_not_postpone_the_next_question() {
    // A status that was written by a clock that ran ahead.
    let knowledge = accepted(T + 365 * DAY, None);
    assert!(next(&knowledge, started(T), None).unwrap() <= T + 30 * MINUTE);
    let mut silent = Knowledge::default();
    defer(&mut silent, Reason::ServerError, None, T + 365 * DAY);
    assert!(next(&silent, started(T), None).unwrap() <= T + MINUTE);
    for refusals in [1, 2] {
        let mut refused = Knowledge::default();
        (0..refusals).for_each(|_| refuse(&mut refused, T + 365 * DAY));
        assert!(next(&refused, started(T), None).unwrap() <= T + HOUR, "{refusals} refusals");
    }
}

#[test]
fn a_first_refusal_is_confirmed_after_the_pause_for_it() {
    let mut knowledge = accepted(T - HOUR, None);
    refuse(&mut knowledge, T);
    assert_eq!(next(&knowledge, asked(T), None), Some(T + 60));
    assert_eq!(next(&knowledge, started(T + 10), None), Some(T + 60), "after a restart too");
    assert_eq!(next(&knowledge, started(T + DAY), None), Some(T + 60), "at once, if the restart took long");
    defer(&mut knowledge, Reason::TimedOut, None, T + 60);
    assert!(next(&knowledge, asked(T + 60), None).unwrap() >= T + 70, "a deferred postpones it");
}

#[test]
fn no_pause_is_cut_short_by_what_is_kept_in_whole_seconds() {
    let quick = Timing { confirm_after: SignedDuration::from_secs(1), ..PACE };
    let answered = at(T) + SignedDuration::from_millis(957);
    let past = Past { asked: Some(answered), ..asked(T) };
    let after = |at: Option<Timestamp>| at.unwrap().duration_since(answered).as_millis();
    let mut refused = accepted(T - HOUR, None);
    refused.learn(Reply::Answer(Answer::Refused(Refusal::BadCredentials)), answered);
    assert_eq!(after(due(&subject(1, "github.com"), &refused, past, None, &quick)), 1000, "a refusal");

    let mut news = accepted(T - HOUR, None);
    let account = Some(Account { login: "mona".into(), id: 2 });
    let granted = Answer::Granted(Grant { account, scopes: None, expiry: Expiry::Never });
    news.learn(Reply::Answer(granted), answered);
    assert!(news.before.is_some());
    assert_eq!(after(due(&subject(1, "github.com"), &news, past, None, &quick)), 1000, "another account");

    let mut proven = Proven::default();
    proven.learn(Proof::Denied(Denial::NotFound), answered);
    let probe = Probe::Identity;
    let due = proof_due(&subject(1, "github.com"), &probe, Some(&proven), false, past, None, &quick);
    assert_eq!(after(Some(due)), 1000, "a denial");
}

#[test]
fn a_refused_token_that_was_never_accepted_is_asked_about_ever_more_seldom() {
    let mut knowledge = Knowledge::default();
    refuse(&mut knowledge, T);
    let mut last = T;
    let mut pauses = Vec::new();
    for _ in 0..9 {
        let due = next(&knowledge, asked(last), None).unwrap();
        assert_eq!(next(&knowledge, started(last + 1), None), Some(due), "the same after a restart");
        pauses.push(due - last);
        refuse(&mut knowledge, due);
        last = due;
    }
    assert_eq!(pauses[0], 60);
    let hours: Vec<i64> = pauses[1..].iter().map(|pause| pause / HOUR).collect();
    assert_eq!(hours, [1, 2, 4, 8, 16, 24, 24, 24]);
    knowledge.refused.as_mut().unwrap().count = i32::MAX;
    assert_eq!(next(&knowledge, asked(last), None), Some(last + DAY));
}

#[test]
fn an_expired_token_is_asked_about_once() {
    let ends = T + 20;
    let mut knowledge = accepted(T, Some(ends));
    assert_eq!(next(&knowledge, asked(T), Some(ends)), Some(ends + 4), "at the expiry");
    assert_eq!(next(&knowledge, started(T + 5), Some(ends)), Some(ends + 4), "after a restart too");
    defer(&mut knowledge, Reason::ServerError, None, ends);
    assert!(next(&knowledge, asked(ends), Some(ends)).unwrap() > ends, "again, if there was no answer");
    refuse(&mut knowledge, ends + 20);
    assert_eq!(next(&knowledge, asked(ends + 20), Some(ends)), None, "not after its 401");
    assert_eq!(next(&knowledge, started(ends + DAY), Some(ends)), None, "nor after a restart");
    let mut behind = knowledge.clone();
    defer(&mut behind, Reason::ServerError, None, ends + 10);
    assert!(
        next(&behind, asked(ends + 10), Some(ends)).is_some(),
        "an answer is still to come, also by a clock that is behind that of who heard the refusal"
    );
    defer(&mut knowledge, Reason::ServerError, None, ends + DAY);
    let again = next(&knowledge, asked(ends + DAY), Some(ends)).unwrap();
    assert!(again > ends + DAY, "whoever asked all the same is to have an answer");
}

#[test]
fn a_token_that_outlives_its_expiry_is_asked_about_as_before() {
    let ends = T;
    let knowledge = accepted(T + 4, Some(ends));
    let due = next(&knowledge, asked(T + 4), Some(ends)).unwrap();
    assert!(due > T + 4 && due <= T + 4 + 30 * MINUTE);
    let at_once = accepted(T + 1, Some(ends));
    assert_eq!(next(&at_once, asked(T + 1), Some(ends)), Some(T + 11), "a little after it says nothing");
}

#[test]
fn a_refusal_before_the_expiry_is_confirmed_and_the_expiry_still_noticed() {
    let ends = T + 30;
    let mut knowledge = accepted(T - HOUR, Some(ends));
    refuse(&mut knowledge, T);
    assert_eq!(next(&knowledge, asked(T), Some(ends)), Some(T + 60));
    refuse(&mut knowledge, T + 60);
    assert_eq!(next(&knowledge, asked(T + 60), Some(ends)), None);
}

/// The pauses between questions that all bring this.
fn pauses_of(reason: Reason) -> Vec<i64> {
    let mut knowledge = accepted(T - HOUR, None);
    let (mut last, mut pauses) = (T, Vec::new());
    for _ in 0..12 {
        defer(&mut knowledge, reason, None, last);
        let due = next(&knowledge, asked(last), None).unwrap();
        for restart in [last, last + 1, due - 10] {
            let after = next(&knowledge, started(restart.max(last)), None).unwrap();
            assert!(after >= due, "a restart asks no sooner: {restart} {after} {due}");
        }
        pauses.push(due - last);
        last = due;
    }
    pauses
}

#[test]
fn questions_into_a_silence_come_ever_more_seldom_and_to_a_host_that_is_down_every_minute_at_least() {
    let seldom = [10, 20, 40, 80, 160, 320, 640, 1280, 1800, 1800, 1800, 1800];
    for reason in [Reason::UnexplainedUnauthorized, Reason::UnexpectedAnswer] {
        assert_eq!(pauses_of(reason), seldom, "{reason:?}");
    }
    let of_host = [
        Reason::Unreachable,
        Reason::CertificateUnknownAuthority,
        Reason::ServerError,
        Reason::ProxyAuthenticationRequired,
        Reason::NotTheApi,
    ];
    for reason in of_host {
        assert_eq!(pauses_of(reason), [10, 20, 40, 45, 45, 45, 45, 45, 45, 45, 45, 45], "{reason:?}");
    }
}

#[test]
fn a_pause_that_github_named_is_kept() {
    use Reason::{RateLimited, SecondaryRateLimited, ServerError};
    for reason in [RateLimited, SecondaryRateLimited, ServerError] {
        let mut knowledge = accepted(T - HOUR, None);
        defer(&mut knowledge, reason, Some(T + 1000), T);
        for past in [asked(T), started(T + 1), started(T + 999)] {
            let due = next(&knowledge, past, None).unwrap();
            assert_eq!(due, T + 1001, "{reason:?} {past:?}");
        }
    }
}

#[test]
fn a_limit_without_an_end_and_a_login_lock_have_a_shortest_pause() {
    let rows = [
        (Reason::RateLimited, MINUTE),
        (Reason::SecondaryRateLimited, MINUTE),
        (Reason::LoginLocked, HOUR),
        (Reason::ServerError, 10),
    ];
    for (reason, least) in rows {
        // The deferred may have begun otherwise, at any time.
        for earlier in [0, 1, 9, 50, 59, 61, 1000, HOUR - 1, HOUR, 5 * HOUR - 1] {
            let mut knowledge = accepted(T - DAY, None);
            if earlier > 0 {
                defer(&mut knowledge, Reason::Unreachable, None, T - earlier);
            }
            defer(&mut knowledge, reason, None, T);
            let mut last = T;
            for question in 0..5 {
                let due = next(&knowledge, asked(last), None).unwrap();
                assert!(due >= last + least, "{reason:?} after {earlier} s, {question}: {}", due - last);
                assert!(due <= last + 2 * HOUR, "{reason:?} after {earlier} s, {question}: {}", due - last);
                last = due + 3;
            }
        }
    }
}

#[test]
fn a_token_that_was_accepted_before_is_asked_about_soon_after_its_refusal_is_believed() {
    let mut knowledge = accepted(T - HOUR, None);
    refuse(&mut knowledge, T - 60);
    refuse(&mut knowledge, T);
    let (mut last, mut instants) = (T, Vec::new());
    for _ in 0..11 {
        last = next(&knowledge, asked(last), None).unwrap();
        instants.push((last - T) / MINUTE);
        refuse(&mut knowledge, last);
    }
    assert_eq!(instants[..4], [5, 15, 30, 60], "minutes after the belief");
    let hours: Vec<i64> = instants.windows(2).skip(3).map(|pair| (pair[1] - pair[0]) / 60).collect();
    assert_eq!(hours, [1, 2, 4, 8, 16, 24, 24]);
}

#[test]
fn a_refusal_is_confirmed_as_often_as_it_is_needed() {
    // How many are needed, the pauses in minutes between the first refusals.
    let rows: [(i32, &[i64]); 3] = [(1, &[24 * 60, 24 * 60]), (2, &[1, 60, 120]), (3, &[1, 1, 60])];
    for (needed, expected) in rows {
        let mut knowledge = Knowledge::default();
        let (mut last, mut pauses) = (T, Vec::new());
        for _ in expected {
            let reply = Reply::Answer(Answer::Refused(Refusal::BadCredentials));
            knowledge.learn_of(reply, needed, at(last));
            let due = next(&knowledge, asked(last), None).unwrap();
            pauses.push((due - last) / MINUTE);
            last = due;
        }
        assert_eq!(pauses, expected, "{needed}");
    }
}

#[test]
fn no_host_is_asked_more_often_than_the_minimum_interval_but_for_one_confirmation() {
    let minute = Timing { minimum_interval: SignedDuration::from_mins(1), ..PACE };
    let quick = Timing { confirm_after: SignedDuration::from_secs(1), ..minute };
    let due_by = |timing: &Timing, knowledge: &Knowledge, ends: Option<i64>| {
        due(&subject(1, "github.com"), knowledge, asked(T), ends.map(at), timing).unwrap().as_second() - T
    };
    let deferred = |reason, until: Option<i64>| {
        let mut knowledge = accepted(T - HOUR, None);
        defer(&mut knowledge, reason, until, T);
        knowledge
    };
    let refused = |count| {
        let mut knowledge = accepted(T - HOUR, None);
        (0..count).for_each(|_| {
            let reply = Reply::Answer(Answer::Refused(Refusal::BadCredentials));
            knowledge.learn_of(reply, 3, at(T));
        });
        knowledge
    };
    let rows = [
        ("an expiry that is this very moment", due_by(&minute, &accepted(T, Some(T)), Some(T)), 60),
        ("an expiry in five seconds", due_by(&minute, &accepted(T, Some(T + 5)), Some(T + 5)), 60),
        ("a server error", due_by(&minute, &deferred(Reason::ServerError, None), None), 60),
        ("a limit of a second", due_by(&minute, &deferred(Reason::RateLimited, Some(T + 1)), None), 60),
        ("the first refusal", due_by(&quick, &refused(1), None), 1),
        ("the second refusal", due_by(&quick, &refused(2), None), 60),
    ];
    for (name, seconds, expected) in rows {
        assert_eq!(seconds, expected, "{name}");
    }
}

#[test]
fn no_purpose_is_asked_about_more_often_than_the_minimum_interval_but_for_one_confirmation() {
    let minute = Timing { minimum_interval: SignedDuration::from_mins(1), ..PACE };
    let probe = Probe::Identity;
    let subject = subject(1, "github.com");
    let after = |proven: &Proven, past: Past, timing: &Timing| {
        proof_due(&subject, &probe, Some(proven), false, past, None, timing).as_second() - T
    };
    let deferred = |reason, until: Option<i64>| {
        let mut proven = Proven::default();
        proven.learn(Proof::Held(Facts::default()), at(T - HOUR));
        proven.defer(Deferral { until: until.map(at), ..Deferral::new(reason) }, at(T));
        proven
    };
    let limited = deferred(Reason::RateLimited, Some(T + 1));
    assert_eq!(after(&limited, asked(T), &minute), 60, "a limit of a second");
    let down = deferred(Reason::ServerError, Some(T + 1));
    assert_eq!(after(&down, asked(T), &minute), 60, "an outage of a second");
    let released = Past { released: Some(at(T + 2)), ..asked(T) };
    assert_eq!(after(&deferred(Reason::ServerError, None), released, &minute), 60, "the trouble is over");
    for reason in [Reason::HostBusy, Reason::RateLimited] {
        let mut turned_away = Proven::default();
        turned_away.turn_away(Deferral { until: Some(at(T + 2)), ..Deferral::new(reason) }, at(T));
        assert_eq!(after(&turned_away, asked(T), &minute), 3, "{reason:?}: it was not asked");
        turned_away.defer(Deferral { until: Some(at(T + 2)), ..Deferral::new(Reason::RateLimited) }, at(T));
        assert_eq!(after(&turned_away, asked(T), &minute), 60, "{reason:?}: it was");
    }
    let mut denied = Proven::default();
    denied.learn(Proof::Denied(Denial::NotFound), at(T));
    let quick = Timing { confirm_after: SignedDuration::from_secs(1), ..minute };
    assert_eq!(after(&denied, asked(T), &quick), 1, "one confirmation");
    // Wherever in the interval the answer came, and whoever had heard it.
    let often = Timing { proof_interval: SignedDuration::from_mins(2), ..minute };
    for second in 0..120 {
        let mut held = Proven::default();
        held.learn(Proof::Held(Facts::default()), at(T + second));
        assert!(after(&held, asked(T), &often) >= second + 60, "heard at {second}");
        let remembered = Proven { asked: None, ..held };
        assert!(after(&remembered, started(T + second), &often) >= second + 60, "remembered at {second}");
    }
}

#[test]
fn the_end_of_a_hosts_trouble_makes_a_deferred_token_due() {
    let mut knowledge = accepted(T - DAY, None);
    defer(&mut knowledge, Reason::Unreachable, None, T - 5 * HOUR);
    let released = |asked, released| Past {
        since: at(T - 30 * DAY),
        asked,
        released: Some(at(released)),
        brought_forward: None,
        unanswered: 0,
        hurried: false,
        suspected: false,
    };
    let asked = Some(at(T - 10));
    let due = |past| next(&knowledge, past, None).unwrap();
    assert!(due(released(asked, T - 11)) > T + 10, "an end before the last question says nothing");
    assert_eq!(due(released(asked, T + 5)), T + 5);
    assert_eq!(due(released(asked, T - 9)), T, "not before the minimum interval has passed");
    let mut limited = accepted(T - DAY, None);
    defer(&mut limited, Reason::RateLimited, Some(T + 1000), T - 10);
    assert_eq!(next(&limited, released(asked, T + 5), None), Some(T + 1001), "a limit is kept");
}

#[test]
fn those_whom_a_host_answers_nothing_take_turns_in_asking_whether_it_is_back() {
    let pauses = |reason: Reason, unanswered: u32| -> Vec<i64> {
        let mut knowledge = Knowledge::default();
        defer(&mut knowledge, reason, None, T);
        let mut last = T;
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let due = next(&knowledge, Past { unanswered, ..asked(last) }, None).unwrap();
            pauses.push(due - last);
            last = due;
        }
        pauses
    };
    let rows = [
        (Reason::UnexplainedUnauthorized, 1, [10, 20, 40, 45, 45, 45, 45, 45, 45]),
        (Reason::UnexpectedAnswer, 4, [10, 20, 40, 80, 160, 180, 180, 180, 180]),
        (Reason::RequestRejected, u32::MAX, [10, 20, 40, 80, 160, 320, 640, 1280, 1800]),
        (Reason::UnexpectedAnswer, 0, [10, 20, 40, 80, 160, 320, 640, 1280, 1800]),
        // These are GitHub's own words.
        (Reason::TakenForJwt, 1, [10, 20, 40, 80, 160, 320, 640, 1280, 1800]),
        (Reason::OneTimePasswordDemanded, 1, [10, 20, 40, 80, 160, 320, 640, 1280, 1800]),
    ];
    for (reason, unanswered, expected) in rows {
        assert_eq!(pauses(reason, unanswered), expected, "{reason:?} {unanswered}");
    }
}

#[test]
fn a_question_that_is_brought_forward_takes_the_place_of_the_next_one() {
    let mut knowledge = Knowledge::default();
    defer(&mut knowledge, Reason::UnexpectedAnswer, None, T);
    let due = |last, brought_forward: i64| {
        let past = Past { brought_forward: Some(at(T + brought_forward)), ..asked(T + last) };
        next(&knowledge, past, None).unwrap() - T
    };
    // Else it is due at 10, 30, 70, 150, 310 and 630.
    let rows = [
        ("it comes at once", 70, 100, 100),
        ("not before the minimum interval has passed", 70, 73, 80),
        ("not later than it would come", 70, 200, 150),
        ("and the one in whose place it came does not", 100, 99, 310),
        ("however long it waited", 149, 100, 310),
        ("but one that came no sooner took no place", 150, 100, 310),
        ("and in the end everything is as before", 310, 100, 630),
    ];
    for (name, last, brought_forward, expected) in rows {
        assert_eq!(due(last, brought_forward), expected, "{name}");
    }
    let restarted = Past { brought_forward: Some(at(T + 101)), ..started(T + 100) };
    assert_eq!(next(&knowledge, restarted, None), Some(T + 110), "after a restart as after a question");
}

#[test]
fn the_next_reconcile_is_the_earliest_instant_ahead_within_a_second_and_a_day() {
    let rows: [(&str, &[i64], i64); 6] = [
        ("nothing to wait for", &[], DAY),
        ("the earliest", &[T + 300, T + 20, T + 50], 20),
        ("what has passed does not count", &[T - 5, T, T + 40], 40),
        ("only what has passed", &[T - 5, T], DAY),
        ("beyond a day", &[T + 3 * DAY], DAY),
        ("a second", &[T + 1], 1),
    ];
    for (name, instants, expected) in rows {
        let pause = requeue_after(at(T), None, instants.iter().map(|second| at(*second)));
        assert_eq!(pause, SignedDuration::from_secs(expected), "{name}");
    }
    let soon = at(T) + SignedDuration::from_millis(3);
    assert_eq!(requeue_after(at(T), None, [soon]), SignedDuration::from_secs(1), "never less than a second");
    let overdue = requeue_after(at(T), Some(at(T - 9)), [at(T + 60)]);
    assert_eq!(overdue, SignedDuration::from_secs(1), "a question that is overdue comes at once");
}

fn any_instant() -> impl Strategy<Value = Timestamp> {
    let edges = vec![Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH];
    let whole = (Timestamp::MIN.as_second()..=Timestamp::MAX.as_second()).prop_map(at);
    prop_oneof![whole, (T - DAY..T + DAY).prop_map(at), prop::sample::select(edges)]
}

fn any_length() -> impl Strategy<Value = SignedDuration> {
    let edges = vec![SignedDuration::MIN, SignedDuration::ZERO, SignedDuration::MAX];
    prop_oneof![
        (-DAY..30 * DAY).prop_map(SignedDuration::from_secs),
        prop::sample::select(edges),
        any::<(i64, i32)>().prop_map(|(secs, nanos)| SignedDuration::new(secs / 2, nanos)),
    ]
}

/// Any knowledge that a status can hold, sensible or not.
fn any_memory(instant: impl Strategy<Value = Timestamp> + Clone) -> impl Strategy<Value = Knowledge> {
    let refused = (any::<i32>(), 0..4_i32, instant.clone(), instant.clone()).prop_map(
        |(count, needed, first, last)| {
            let once = Refused::once(Refusal::BadCredentials, first);
            Refused { count, needed, last, ..once }
        },
    );
    let deferred = (prop::sample::select(Reason::ALL), instant.clone(), prop::option::of(instant.clone()));
    let deferred = deferred.prop_map(|(reason, since, until)| {
        Deferred::first(Deferral { until, ..Deferral::new(reason) }, since)
    });
    let parts = (prop::option::of(instant), prop::option::of(refused), prop::option::of(deferred));
    parts.prop_map(|(grant, refused, deferred)| {
        let grant = grant.map(|at| (Grant { account: None, scopes: None, expiry: Expiry::Never }, at));
        Knowledge { grant, refused, deferred, ..Knowledge::default() }
    })
}

proptest! {
    #[test]
    fn no_instant_and_no_length_is_too_much(
        knowledge in any_memory(any_instant().boxed()),
        (since, asked) in (any_instant(), prop::option::of(any_instant())),
        released in prop::option::of(any_instant()),
        brought_forward in prop::option::of(any_instant()),
        unanswered in any::<u32>(),
        ends in prop::option::of(any_instant()),
        (interval, confirm_after, heartbeat) in (any_length(), any_length(), any_length()),
    ) {
        let timing =
            Timing { interval, minimum_interval: heartbeat, confirm_after, heartbeat, trust_for: interval, proof_interval: interval, follows: false };
        let past = Past { since, asked, released, brought_forward, unanswered, hurried: false, suspected: false };
        let due = due(&subject(1, "github.com"), &knowledge, past, ends, &timing);
        let pause = requeue_after(since, due, []);
        prop_assert!(pause >= SignedDuration::from_secs(1) && pause <= LONGEST_REQUEUE);
    }

    #[test]
    fn what_was_asked_is_due_later_and_never_due_sooner_than_it_was(
        seconds in prop::collection::vec(1..3 * DAY, 1..20),
        replies in prop::collection::vec(0..5_u8, 20),
        ends in prop::option::of(T..T + 30 * DAY),
    ) {
        let mut knowledge = Knowledge::default();
        let (mut now, mut before) = (T, T);
        for (late, reply) in seconds.into_iter().zip(replies) {
            match reply {
                0 => defer(&mut knowledge, Reason::ServerError, None, now),
                1 => defer(&mut knowledge, Reason::RateLimited, Some(now + 600), now),
                2 => defer(&mut knowledge, Reason::LoginLocked, None, now),
                3 => refuse(&mut knowledge, now),
                _ => knowledge = accepted(now, ends),
            }
            let past = Past { asked: Some(at(now)), ..Past::unasked(at(T)) };
            let Some(due) = next(&knowledge, past, ends) else { break };
            prop_assert!(due >= now + 10 && due >= before, "{reply} at {now}: {due}");
            prop_assert!(due <= now + DAY, "{reply} at {now}: {due}");
            before = due;
            now = due + late % 60;
        }
    }
}
