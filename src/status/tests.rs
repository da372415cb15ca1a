#![expect(clippy::arithmetic_side_effects, reason = "instants of a test are small")]

use super::*;
use crate::domain::{
    answer::{Account, Deferral, Reply},
    decide::{Host, OnInvalid, Version, decide},
    format::Format,
    knowledge::{Deferred, Knowledge},
    probing::schedule::Past,
};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// An instant at which nothing in particular happens.
const T: i64 = 1_772_366_400;
const TYPES: [&str; 6] =
    ["Ready", "SecretResolved", "Authenticated", "RequirementsMet", "NotExpiring", "Published"];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn token(letter: &str) -> Token {
    Token::try_from(["ghp_", &letter.repeat(36)].concat().as_bytes()).unwrap()
}

fn grant(expiry: Expiry) -> Grant {
    let account = Some(Account { login: "octocat".to_owned(), id: 583_231 });
    Grant { account, scopes: Some(vec!["repo".to_owned()]), expiry }
}

/// A connection with one output, at `T`, whose token GitHub has not been asked about.
fn seen() -> Observation {
    crate::domain::decide::tests::seen().with(|seen| {
        seen.demand.outputs = vec![Output { secret_name: "out".to_owned(), format: Format::Opaque }];
        seen.demand.warn_before = vec![SignedDuration::from_hours(168)];
    })
}

/// Beside those that the tests of `decide` have.
impl Observation {
    fn deferred(self, second: i64, reason: Reason) -> Self {
        self.hears(second, Reply::Deferral(Deferral { reason, until: Some(at(second + 90)) }))
    }

    fn finds(self, name: &str, format: Format) -> Self {
        let output = Output { secret_name: name.to_owned(), format };
        let payload = output.payload(&token("a"), &grant(Expiry::Never), Some("ghcr.io")).unwrap();
        let version = Version { uid: "uid".to_owned(), resource_version: "7".to_owned() };
        let ours = Found::Ours { name: name.to_owned(), version, payload, immutable: false };
        self.with(|seen| seen.found.as_mut().unwrap().push(ours))
    }
}

fn status(previous: Option<&Status>, seen: &Observation) -> Status {
    status_with(previous, seen, &[], None)
}

fn status_with(
    previous: Option<&Status>,
    seen: &Observation,
    failed: &[(String, Finding)],
    raised_from: Option<SignedDuration>,
) -> Status {
    let links = Links { create_token: "https://github.com/settings/tokens/new".to_owned() };
    let decision = decide(seen);
    let outcome = Outcome {
        seen,
        decision: &decision,
        failed,
        source: "Secret pat",
        secret_name: "pat",
        links: Some(&links),
        raised_from,
    };
    next(previous, Some(3), &outcome)
}

fn said<'a>(status: &'a Status, type_: &str) -> (&'static str, &'a str) {
    let condition = status.condition(type_).unwrap();
    (condition.status.as_str(), condition.reason.as_str())
}

fn since(status: &Status, type_: &str) -> i64 {
    status.condition(type_).unwrap().last_transition_time.0.as_second()
}

fn checked(status: &Status) -> Option<i64> {
    status.token.as_ref()?.checked_at.as_ref().map(|at| at.0.as_second())
}

/// The status as another process reads it, and what it remembers of the token.
fn restarted(seen: &Observation, status: &Status) -> (Observation, Status) {
    let stored: Status = serde_json::from_str(&serde_json::to_string(status).unwrap()).unwrap();
    let hashed = token("a").hashed();
    let seen = seen.clone().with(|seen| {
        seen.knowledge = stored.knowledge(&hashed, "github.com");
        seen.past = Past { since: seen.now, asked: None, released: None };
    });
    (seen, stored)
}

#[test]
fn every_status_has_the_six_conditions_each_with_a_reason_and_a_sentence() {
    let rows = [
        seen(),
        seen().accepted(T, Expiry::Never),
        seen().refused(T).refused(T + 60),
        seen().with(|seen| seen.demand.suspend = true),
        seen().with(|seen| seen.token = Judged::no(Reason::SecretNotFound, "there is none")),
        seen().with(|seen| seen.host = Judged::unknown(Reason::HostUnknown, "no such host")),
        seen().with(|seen| seen.found = Err(Finding::new(Reason::ApiServerUnavailable, "silent"))),
    ];
    for seen in rows {
        let status = status(None, &seen);
        let types: Vec<_> = status.conditions.iter().map(|condition| condition.type_.as_str()).collect();
        assert_eq!(types, TYPES);
        for condition in &status.conditions {
            assert_eq!(condition.observed_generation, Some(3));
            assert!(condition.reason.parse::<Reason>().is_ok() && !condition.message.is_empty());
            assert_eq!(condition.last_transition_time.0, seen.now);
        }
    }
}

#[test]
fn ready_sums_up() {
    let good = || seen().accepted(T, Expiry::Never).finds("out", Format::Opaque);
    let suspend = |seen: &mut Observation| seen.demand.suspend = true;
    let secret = |reason| move |seen: &mut Observation| seen.token = Judged::no(reason, "bad");
    let host = |seen: &mut Observation| seen.host = Judged::unknown(Reason::HostUnknown, "no such host");
    let scope = |seen: &mut Observation| seen.demand.requirement.scopes = vec!["gist".to_owned()];
    let foreign = |seen: &mut Observation| seen.found = Ok(vec![Found::Foreign { name: "out".to_owned() }]);
    let unlisted =
        |seen: &mut Observation| seen.found = Err(Finding::new(Reason::ApiServerUnavailable, "silent"));
    let soon = || good().accepted(T, Expiry::At(at(T + DAY)));
    let rows = [
        ("good", good(), ("True", "Ready")),
        ("new", seen(), ("Unknown", "NotAskedYet")),
        ("an outage", good().deferred(T, Reason::ServerError), ("True", "AcceptedEarlier")),
        ("an outage from the start", seen().deferred(T, Reason::ServerError), ("Unknown", "ServerError")),
        ("refused once", good().refused(T + 60), ("True", "AcceptedEarlier")),
        ("refused twice", good().refused(T + 60).refused(T + 120), ("False", "BadCredentials")),
        ("expires soon", soon(), ("True", "ExpiresSoon")),
        ("expires soon, in an outage", soon().deferred(T, Reason::TimedOut), ("True", "AcceptedEarlier")),
        ("expires soon, and a scope is missing", soon().with(scope), ("False", "ScopeMissing")),
        ("expires soon, and a foreign Secret", soon().with(foreign), ("False", "ForeignSecret")),
        ("expired", soon().at(T + DAY), ("False", "Expired")),
        ("unreadable expiry", good().accepted(T, Expiry::Unreadable), ("Unknown", "ExpiryUnreadable")),
        ("implausible", good().accepted(T, Expiry::Implausible(at(T))), ("True", "ExpiryImplausible")),
        ("a scope is missing", good().with(scope), ("False", "ScopeMissing")),
        ("a foreign Secret", good().with(foreign), ("False", "ForeignSecret")),
        ("outputs not listed", good().with(unlisted), ("Unknown", "ApiServerUnavailable")),
        ("no Secret", seen().with(secret(Reason::SecretNotFound)), ("False", "SecretNotFound")),
        ("no Secret, no host", seen().with(secret(Reason::KeyNotFound)).with(host), ("False", "KeyNotFound")),
        ("an unknown host needs a person", seen().with(host), ("False", "HostUnknown")),
        (
            "so does a policy, once the trust is used up",
            good().deferred(T + 9, Reason::AccessRestricted).at(T + DAY),
            ("False", "AccessRestricted"),
        ),
        (
            "before that, it does not",
            good().deferred(T + 9, Reason::AccessRestricted),
            ("True", "AcceptedEarlier"),
        ),
        ("suspended", good().with(suspend), ("Unknown", "Suspended")),
    ];
    for (name, seen, expected) in rows {
        let status = status(None, &seen);
        assert_eq!(said(&status, "Ready"), expected, "{name}: {:#?}", status.conditions);
    }
}

#[test]
fn a_raised_interval_is_named_in_ready_whatever_else_it_says() {
    let asked = Some(SignedDuration::from_secs(10));
    for seen in [seen(), seen().accepted(T, Expiry::Never), seen().refused(T).refused(T + 60)] {
        let status = status_with(None, &seen, &[], asked);
        let ready = status.condition("Ready").unwrap();
        let note = "; spec.interval of 10s is below the administrator's minimum and was raised to 1800s";
        assert!(ready.message.ends_with(note), "{}", ready.message);
    }
}

#[test]
fn a_transition_time_moves_only_with_the_status() {
    let first = status(None, &seen().accepted(T, Expiry::Never));
    let outage = status(Some(&first), &seen().accepted(T, Expiry::Never).deferred(T + 60, Reason::TimedOut));
    assert_eq!(said(&outage, "Ready"), ("True", "AcceptedEarlier"));
    assert_eq!(since(&outage, "Ready"), T, "another reason is no transition");
    let refused = seen().refused(T + 60).refused(T + 120);
    let bad = status(Some(&outage), &refused);
    assert_eq!((since(&bad, "Ready"), since(&bad, "SecretResolved")), (T + 120, T));
    let default = serde_json::json!({ "conditions": [{
        "type": "Ready", "status": "Unknown", "reason": "Pending", "message": "waiting",
        "lastTransitionTime": "1970-01-01T00:00:00Z",
    }] });
    let default: Status = serde_json::from_value(default).unwrap();
    assert_eq!(since(&status(Some(&default), &seen()), "Ready"), T, "1970 is no transition");
}

#[test]
fn checked_at_stands_until_the_heartbeat_or_until_something_changes() {
    let looks = |second: i64| {
        seen().accepted(T, Expiry::Never).accepted(second, Expiry::Never).finds("out", Format::Opaque)
    };
    let first = status(None, &looks(T));
    let within = status(Some(&first), &looks(T + HOUR - 1));
    assert_eq!(within, first, "nothing is written below the heartbeat");
    assert_eq!(checked(&status(Some(&first), &looks(T + HOUR))), Some(T + HOUR), "the heartbeat");
    let outage = looks(T + 60).deferred(T + 120, Reason::TimedOut);
    assert_eq!(checked(&status(Some(&first), &outage)), Some(T + 60), "something else changed");
    let ahead = status(None, &looks(T + 30 * DAY));
    assert_eq!(checked(&status(Some(&ahead), &looks(T))), Some(T), "written by a clock that ran ahead");
    assert_eq!(checked(&status(Some(&first), &seen().refused(T).refused(T + 60))), None, "never accepted");
}

#[test]
fn a_second_look_and_a_restart_write_nothing() {
    let good = || seen().accepted(T, Expiry::At(at(T + 90 * DAY))).finds("out", Format::Opaque);
    let rows = [
        ("new", seen()),
        ("good", good()),
        ("an outage", good().deferred(T + 60, Reason::ServerError)),
        ("a long outage", good().deferred(T + 60, Reason::ServerError).at(T + 2 * DAY)),
        ("a limit from the start", seen().deferred(T, Reason::RateLimited)),
        ("refused once", good().refused(T + 60)),
        ("refused twice", good().refused(T + 60).refused(T + 120)),
        (
            "refused, then deferred",
            good().refused(T + 60).refused(T + 99).deferred(T + 999, Reason::TimedOut),
        ),
        ("expired", good().at(T + 90 * DAY)),
        ("expired and confirmed", good().refused(T + 90 * DAY + 2)),
        ("unreadable expiry", good().accepted(T, Expiry::Unreadable)),
        ("implausible expiry", good().accepted(T, Expiry::Implausible(at(T - 1)))),
        ("suspended", good().with(|seen| seen.demand.suspend = true)),
        ("no Secret", seen().with(|seen| seen.token = Judged::no(Reason::SecretNotFound, "none"))),
        ("no host", seen().with(|seen| seen.host = Judged::unknown(Reason::HostUnknown, "none"))),
    ];
    for (name, seen) in rows {
        let first = status(None, &seen);
        let later = seen.now.as_second() + 5;
        assert_eq!(status(Some(&first), &seen.clone().at(later)), first, "{name}: a second look");
        let (again, stored) = restarted(&seen, &first);
        assert_eq!(stored, first, "{name}: as it was stored");
        assert_eq!(status(Some(&stored), &again.at(later)), first, "{name}: after a restart");
    }
}

#[test]
fn a_status_remembers_the_token_and_host_it_was_written_for() {
    let known = seen().accepted(T - DAY, Expiry::At(at(T + DAY))).accepted(T, Expiry::At(at(T + DAY)));
    let seen = known.refused(T + 60).deferred(T + 120, Reason::RateLimited);
    let (again, stored) = restarted(&seen, &status(None, &seen));
    assert_eq!(again.knowledge, seen.knowledge);
    assert_eq!(stored.knowledge(&token("b").hashed(), "github.com"), Knowledge::default());
    assert_eq!(stored.knowledge(&token("a").hashed(), "ghe.example.com"), Knowledge::default());
}

#[test]
fn what_was_known_of_a_token_outlasts_a_pause_a_bad_paste_and_a_wrong_host() {
    let known = status(None, &seen().accepted(T, Expiry::Never).finds("out", Format::Opaque));
    let forgetful = |seen: &mut Observation| seen.knowledge = Knowledge::default();
    let paste = seen().with(|seen| seen.token = Judged::no(Reason::TokenMalformed, "quotes")).with(forgetful);
    let host = seen().with(|seen| seen.host = Judged::unknown(Reason::HostUnknown, "none")).with(forgetful);
    let unread = seen().with(|seen| seen.token = Judged::unknown(Reason::ApiServerUnavailable, "silent"));
    let paused = seen().with(|seen| {
        seen.token = Judged::unknown(Reason::Suspended, "not read");
        seen.demand.suspend = true;
    });
    for (name, seen) in [("paste", paste), ("host", host), ("unread", unread), ("paused", paused)] {
        assert_eq!(status(Some(&known), &seen.at(T + 60)).token, known.token, "{name}");
    }
    let other = status(Some(&known), &seen().with(|seen| seen.token = Judged::Yes(token("b"))).at(T + 60));
    let other = other.token.unwrap();
    assert_eq!((other.hashed_token, other.login, other.checked_at), (token("b").hashed(), None, None));
}

#[test]
fn a_pause_changes_ready_and_nothing_else() {
    let known = status(None, &seen().accepted(T, Expiry::Never).finds("out", Format::Opaque));
    let paused = seen().with(|seen| seen.demand.suspend = true).at(T + 60);
    let suspended = status(Some(&known), &paused);
    assert_eq!(said(&suspended, "Ready"), ("Unknown", "Suspended"));
    assert_eq!(since(&suspended, "Ready"), T + 60);
    assert_eq!(suspended.conditions[1..], known.conditions[1..]);
    assert_eq!((&suspended.token, &suspended.outputs), (&known.token, &known.outputs));
    assert_eq!(status(Some(&suspended), &paused.at(T + DAY)), suspended, "one write");
}

#[test]
fn the_outputs_are_those_that_stand_once_the_changes_are_made() {
    let good = || seen().accepted(T, Expiry::Never);
    let names = |status: &Status| -> Vec<(String, Format)> {
        status.outputs.iter().map(|output| (output.secret_name.clone(), output.format)).collect()
    };
    let out = |format| vec![("out".to_owned(), format)];
    let format = |format| move |seen: &mut Observation| seen.demand.outputs[0].format = format;
    let failed = [("out".to_owned(), Finding::new(Reason::WriteFailed, "forbidden"))];
    let first = status(None, &good());
    assert_eq!(names(&first), out(Format::Opaque), "created now");
    assert_eq!(names(&status_with(None, &good(), &failed, None)), [], "not created");
    assert_eq!(said(&status_with(None, &good(), &failed, None), "Published"), ("False", "WriteFailed"));
    let stands = || good().finds("out", Format::Opaque);
    let refused = stands().refused(T + 1).refused(T + 61);
    assert_eq!(names(&status(Some(&first), &refused)), out(Format::Opaque), "retained");
    assert_eq!(said(&status(Some(&first), &refused), "Published"), ("True", "Retained"));
    let withdrawn = refused.clone().with(|seen| seen.demand.on_invalid = OnInvalid::Withdraw);
    assert_eq!(names(&status(Some(&first), &withdrawn)), [], "withdrawn");
    let anew = stands().with(format(Format::BasicAuth));
    assert_eq!(names(&status(Some(&first), &anew)), out(Format::BasicAuth), "made anew");
    let later = refused.with(format(Format::BasicAuth));
    assert_eq!(names(&status(Some(&first), &later)), out(Format::Opaque), "not before the token is good");
    let no_registry = stands().with(format(Format::DockerConfigJson)).with(|seen| {
        seen.host = Judged::Yes(Host { name: "github.com".to_owned(), registry: None });
    });
    assert_eq!(names(&status(Some(&first), &no_registry)), out(Format::Opaque), "not laid out so");
    let unnamed = stands().with(|seen| seen.demand.outputs.clear());
    assert_eq!(names(&status(Some(&first), &unnamed)), [], "no longer named");
}

#[test]
fn a_newline_and_a_doubt_are_told_with_the_secret() {
    let pasted = ["ghp_", &"a".repeat(30), "\n"].concat();
    let odd = Token::try_from(pasted.as_bytes()).unwrap();
    let status = status(None, &seen().with(|seen| seen.token = Judged::Yes(odd)));
    let message = &status.condition("SecretResolved").unwrap().message;
    assert!(
        message.starts_with("Secret pat holds a classic personal access token; one newline"),
        "{message}"
    );
    assert!(message.ends_with("; its length is unusual, it may have been cut"), "{message}");
    assert_eq!(said(&status, "SecretResolved"), ("True", "Resolved"));
}

#[test]
fn a_status_stays_small_and_within_the_schema() {
    let endless = "€".repeat(100_000);
    let failed = [("out".to_owned(), Finding::new(Reason::WriteFailed, endless.clone()))];
    let bad = seen().with(|seen| seen.token = Judged::no(Reason::KeyNotFound, endless.clone()));
    for status in [status(None, &bad), status_with(None, &seen().accepted(T, Expiry::Never), &failed, None)] {
        assert!(status.conditions.iter().all(|condition| condition.message.chars().count() <= 32_768));
        assert!(serde_json::to_string(&status).unwrap().len() < 100_000);
    }
    let ordinary = status(None, &seen().accepted(T, Expiry::At(at(T + DAY))));
    assert!(serde_json::to_string(&ordinary).unwrap().len() < 4096);
}

#[test]
fn an_unreadable_connection_has_all_six_conditions() {
    let conditions = unreadable("missing field `secretRef`", Some(4), seen().now);
    let shown: Vec<_> = conditions.iter().map(|seen| (seen.type_.as_str(), seen.status.as_str())).collect();
    assert_eq!(shown[0], ("Ready", "False"));
    assert_eq!(shown.len(), 6);
    assert!(
        conditions.iter().all(|seen| seen.reason == "SpecUnreadable" && seen.message.contains("secretRef"))
    );
}

#[test]
fn the_end_of_a_limit_is_told_and_that_of_an_outage_is_not() {
    for (reason, told) in
        [(Reason::RateLimited, true), (Reason::LoginLocked, true), (Reason::ServerError, false)]
    {
        let deferred = Deferred { since: seen().now, deferral: Deferral { reason, until: Some(seen().now) } };
        assert_eq!(RetryStatus::from(deferred).not_before.is_some(), told, "{reason:?}");
    }
}
