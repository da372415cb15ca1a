#![expect(clippy::arithmetic_side_effects, reason = "instants of a test are small")]

mod account;
mod events;
mod memory;
mod notices;
mod published;
mod ready;
mod room;
mod rotation;
mod standby;

use super::*;
use crate::domain::{
    Verdict,
    answer::{Deferral, Expiry, Refusal, Reply},
    decide::{
        Circle, Condemned, Found, Holds, Host, OnInvalid, decide,
        tests::{leaving, others, ours},
    },
    format::Addresses,
    knowledge::{Knowledge, Refused},
    output::{Format, Output},
    token::{Flaw, Token},
};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// An instant at which nothing in particular happens.
const T: i64 = 1_772_366_400;
/// The output holds another token.
const OTHER: Holds = Holds::Other { same_token: false, fixed: false };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn token(letter: &str) -> Token {
    Token::try_from(["ghp_", &letter.repeat(36)].concat().as_bytes()).unwrap()
}

/// A connection with one output, at `T`, whose token GitHub has not been asked about.
fn seen() -> Observation {
    crate::domain::decide::tests::seen().with(|seen| {
        seen.demand.outputs = vec![Output::new("out", Format::Opaque)];
        seen.demand.warn_before = vec![SignedDuration::from_hours(168)];
    })
}

fn without_registry() -> std::sync::Arc<Addresses> {
    Addresses { registry: None, ..Addresses::of_github() }.into()
}

/// The same with an accepted token in its output.
fn good() -> Observation {
    seen().accepted(T, Expiry::Never).finds(&[ours("out", Holds::Wanted)])
}

/// Beside those that the tests of `decide` have.
impl Observation {
    fn deferred(self, second: i64, reason: Reason) -> Self {
        self.hears(
            second,
            Reply::Deferral(Deferral { until: Some(at(second + 90)), ..Deferral::new(reason) }),
        )
    }

    fn suspended(self) -> Self {
        self.with(|seen| seen.demand.suspend = true)
    }

    fn withdraws(self) -> Self {
        self.with(|seen| seen.demand.on_invalid = OnInvalid::Withdraw)
    }

    /// They go an hour after something speaks for it.
    fn graced(self) -> Self {
        self.withdraws().with(|seen| seen.demand.withdraw_after = Some(SignedDuration::from_hours(1)))
    }

    fn lacks_a_scope(self) -> Self {
        self.with(|seen| seen.demand.requirement.scopes = vec!["gist".to_owned()])
    }

    /// Its scope met the demand, for which it was accepted.
    fn demands_repo(self) -> Self {
        self.with(|seen| seen.demand.requirement.scopes = vec!["repo".to_owned()])
    }

    fn has_no_token(self, reason: Reason) -> Self {
        self.with(|seen| {
            seen.token = Verdict::no(reason, "bad");
            seen.bytes = None;
            seen.knowledge = Knowledge::default();
        })
    }

    fn has_no_host(self) -> Self {
        self.with(|seen| {
            seen.host = Verdict::unknown(Reason::HostUnknown, "no such host");
            seen.knowledge = Knowledge::default();
        })
    }
}

/// Every way in which a status can come about, each with a name.
fn histories() -> Vec<(&'static str, Observation)> {
    let dated = || seen().accepted(T, Expiry::At(at(T + 90 * DAY))).finds(&[ours("out", Holds::Wanted)]);
    let soon = || good().accepted(T, Expiry::At(at(T + DAY)));
    let unread = |seen: &mut Observation| {
        seen.token = Verdict::unknown(Reason::ApiServerUnavailable, "silent");
        seen.knowledge = Knowledge::default();
    };
    let incident =
        |seen: &mut Observation| seen.knowledge.take_back(Deferral::new(Reason::HostRefusesMany), seen.now);
    vec![
        ("new", seen()),
        ("accepted, nothing stands", seen().accepted(T, Expiry::Never)),
        ("good", good()),
        ("good, with an expiry", dated()),
        ("an outage", dated().deferred(T + 60, Reason::ServerError)),
        ("a long outage", dated().deferred(T + 60, Reason::ServerError).at(T + 2 * DAY)),
        ("an outage from the start", seen().deferred(T, Reason::TimedOut)),
        ("a limit from the start", seen().deferred(T, Reason::RateLimited)),
        ("an overload of ours", good().deferred(T + 60, Reason::HostBusy)),
        ("refused once", dated().refused(T + 60)),
        ("refused twice", dated().refused(T + 60).refused(T + 120)),
        (
            "refused, then deferred",
            dated().refused(T + 60).refused(T + 99).deferred(T + 999, Reason::TimedOut),
        ),
        ("condemned, Withdraw", dated().condemned(T + HOUR).withdraws()),
        (
            "condemned, Withdraw, an earlier token",
            dated().finds(&[ours("out", OTHER)]).condemned(T + HOUR).withdraws(),
        ),
        ("refused, never accepted", seen().refused(T).refused(T + 60)),
        ("expires soon", soon()),
        ("expires soon, in an outage", soon().deferred(T, Reason::TimedOut)),
        ("expires soon, and a scope is missing", soon().lacks_a_scope()),
        ("expired", dated().at(T + 90 * DAY)),
        ("expired and confirmed", dated().refused(T + 90 * DAY + 2)),
        ("unreadable expiry", good().accepted(T, Expiry::Unreadable)),
        ("implausible expiry", good().accepted(T, Expiry::Implausible(at(T - 1)))),
        ("a scope is missing", good().lacks_a_scope()),
        ("a scope went", good().demands_repo().has(T + 60, &[]).has(T + 120, &[])),
        ("the host refuses many", dated().refused(T + 60).with(incident)),
        ("a foreign Secret", good().finds(&[others("out")])),
        ("an output that is being deleted", good().finds(&[leaving("out")])),
        ("no output is asked for", good().with(|seen| seen.demand.outputs.clear())),
        ("suspended", good().suspended()),
        ("no Secret", seen().has_no_token(Reason::SecretNotFound)),
        ("no host", seen().has_no_host()),
        ("no Secret, no host", seen().has_no_token(Reason::KeyNotFound).has_no_host()),
        ("an unread Secret", good().with(unread)),
    ]
}

/// What stands once the changes are made, but for those that are refused.
fn stands<'a>(decision: &Decision<'a>, refused: &[(&str, Finding)]) -> Vec<(&'a str, Stand)> {
    let made = |name: &str, stand: &Stand| {
        let change = decision.changes.iter().find(|change| change.name() == name);
        let refusal = refused.iter().find(|(refused, _)| *refused == name);
        match (change, refusal) {
            (None, _) => stand.clone(),
            (Some(_), Some((_, finding))) => Stand::Refused(finding.clone()),
            (Some(change), None) if change.writes() => Stand::Wanted,
            (Some(_), None) => Stand::Absent,
        }
    };
    decision.stands.iter().map(|(name, stand)| (*name, made(name, stand))).collect()
}

/// The Secrets as they are found once the changes are made.
fn settled(seen: &Observation) -> Observation {
    let mut found = seen.found.clone();
    for change in decide(seen).changes {
        let name = change.name();
        found.retain(|found| !matches!(found, Found::Ours { name: found, .. } if found == name));
        if change.writes() {
            found.push(ours(name, Holds::Wanted));
        }
    }
    seen.clone().finds(&found)
}

/// What is written after this status; `None` if it says the same.
fn written(previous: Option<&Status>, seen: &Observation) -> Option<Status> {
    written_with(previous, seen, &[], None)
}

/// What is seen and decided, with nothing else.
fn pass<'a>(seen: &'a Observation, decision: &'a Decision<'a>) -> Pass<'a> {
    Pass {
        after: After::default(),
        seen,
        decision,
        stands: &[],
        others: &[],
        withdrawn_outputs: None,
        source: "Secret pat",
        secret_name: "pat",
        links: None,
        raised_from: None,
        standbys: None,
        web: Some("https://github.com"),
        handled_request: None,
    }
}

fn written_with(
    previous: Option<&Status>,
    seen: &Observation,
    refused: &[(&str, Finding)],
    raised_from: Option<SignedDuration>,
) -> Option<Status> {
    let links =
        Links { create_token: "https://github.com/settings/tokens/new".to_owned(), ..Links::default() };
    let (decision, summary) = (decide(seen), previous.cloned().map(StatusSummary::from));
    let stands = stands(&decision, refused);
    let pass = Pass { stands: &stands, links: Some(&links), raised_from, ..pass(seen, &decision) };
    let kept = previous.filter(|_| seen.demand.suspend).map(|status| status.conditions.as_slice());
    let before = Before { summary: summary.as_ref(), conditions: kept.unwrap_or_default() };
    next(before, Some(3), &pass)
}

/// What stands after a look at this.
fn status(previous: Option<&Status>, seen: &Observation) -> Status {
    written(previous, seen).or_else(|| previous.cloned()).unwrap()
}

fn said<'a>(status: &'a Status, type_: &str) -> (&'static str, &'a str) {
    let condition = status.condition(type_).unwrap();
    (condition.status.as_str(), condition.reason.as_str())
}

fn since(status: &Status, type_: &str) -> i64 {
    status.condition(type_).unwrap().last_transition_time.0.as_second()
}

#[test]
fn every_status_has_the_six_conditions_each_with_a_reason_and_a_sentence() {
    for (name, seen) in histories() {
        let status = status(None, &seen);
        let types: Vec<_> = status.conditions.iter().map(|condition| condition.type_.as_str()).collect();
        assert_eq!(types[..6], CONDITION_TYPES, "{name}");
        let (ready, reason) = said(&status, "Ready");
        let stalls = ready == "False" && reason.parse::<Reason>().unwrap().stalls();
        assert_eq!(types[6..].contains(&STALLED), stalls, "{name}");
        assert_eq!(status.observed_generation, Some(3), "{name}");
        for condition in &status.conditions {
            assert_eq!(condition.observed_generation, Some(3), "{name}");
            assert!(condition.reason.parse::<Reason>().is_ok() && !condition.message.is_empty(), "{name}");
            assert_eq!(condition.last_transition_time.0, seen.now, "{name}");
        }
    }
}

#[test]
fn a_transition_time_moves_only_with_the_status() {
    let first = status(None, &good());
    let outage = status(Some(&first), &good().deferred(T + 60, Reason::TimedOut));
    assert_eq!(said(&outage, "Ready"), ("True", "AcceptedEarlier"));
    assert_eq!(since(&outage, "Ready"), T, "another reason is no transition");
    let bad = status(Some(&outage), &good().refused(T + 60).refused(T + 120));
    assert_eq!((since(&bad, "Ready"), since(&bad, "SecretResolved")), (T + 120, T));
    let default = serde_json::json!({ "conditions": [{
        "type": "Ready", "status": "Unknown", "reason": "Pending", "message": "waiting",
        "lastTransitionTime": "1970-01-01T00:00:00Z",
    }] });
    let default: Status = serde_json::from_value(default).unwrap();
    assert_eq!(since(&status(Some(&default), &seen()), "Ready"), T, "1970 is no transition");
}

#[test]
fn a_newline_and_a_doubt_are_told_with_the_secret() {
    let pasted = ["ghp_", &"a".repeat(30), "\n"].concat();
    let odd = Token::try_from(pasted.as_bytes()).unwrap();
    let status = status(None, &seen().with(|seen| seen.token = Verdict::Yes(odd.describe())));
    let message = &status.condition("SecretResolved").unwrap().message;
    assert!(
        message.starts_with("Secret pat holds a classic personal access token; one newline"),
        "{message}"
    );
    assert!(message.ends_with("; its length is unusual, it may have been cut"), "{message}");
    assert_eq!(said(&status, "SecretResolved"), ("True", "Resolved"));
}

#[test]
fn an_unreadable_connection_says_so_in_all_six_conditions_and_forgets_nothing() {
    let error = "spec.interval: 10 parsecs is no duration";
    let known = status(None, &good().deferred(T + 60, Reason::ServerError));
    let summary = StatusSummary::from(known.clone());
    let unread = unreadable(Some(&summary), Some(4), error, at(T + 99)).unwrap();
    let shown: Vec<_> = unread.conditions.iter().map(|seen| (&*seen.type_, seen.status.as_str())).collect();
    let expected = CONDITION_TYPES.map(|type_| (type_, if type_ == "Ready" { "False" } else { "Unknown" }));
    assert_eq!((&shown[..6], shown[6]), (&expected[..], (STALLED, "True")));
    for condition in &unread.conditions {
        assert_eq!((&*condition.reason, condition.observed_generation), ("SpecUnreadable", Some(4)));
        assert!(unread.message(&condition.type_).unwrap().contains(error), "{}", condition.message);
        assert_eq!(condition.last_transition_time.0, at(T + 99), "each of them was True");
    }
    assert_eq!((unread.observed_generation, unread.next_check_at.clone()), (Some(4), None));
    assert_eq!(
        (&unread.token, &unread.outputs, &unread.deferral),
        (&known.token, &known.outputs, &known.deferral)
    );

    let summary = StatusSummary::from(unread.clone());
    assert_eq!(unreadable(Some(&summary), Some(4), error, at(T + DAY)), None, "it is said already");
    let again = unreadable(Some(&summary), Some(5), error, at(T + DAY)).unwrap();
    assert_eq!(again.observed_generation, Some(5), "another generation that is no better");
    let times = again.conditions.iter().map(|condition| condition.last_transition_time.0);
    assert!(times.eq(vec![at(T + 99); 7]), "and no transition");
    let other = unreadable(Some(&summary), Some(4), "spec.host: missing", at(T + DAY)).unwrap();
    assert!(other.message("Ready").unwrap().contains("spec.host: missing"));
}

#[test]
fn a_connection_that_was_never_readable_says_so_too() {
    let unread = unreadable(None, Some(1), "missing field `secretRef`", at(T)).unwrap();
    assert_eq!(said(&unread, "Ready"), ("False", "SpecUnreadable"));
    assert_eq!((since(&unread, "Ready"), unread.token), (T, None));
}
