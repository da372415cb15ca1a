#![expect(clippy::arithmetic_side_effects, reason = "instants of a test are small")]

mod outputs;
mod properties;

use super::*;
use crate::domain::{
    answer::{Account, Answer, Refusal},
    duration::Duration,
    format::Format,
};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// An instant at which nothing in particular happens.
const T: i64 = 1_772_366_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn token(prefix: &str, letter: &str) -> Token {
    Token::try_from([prefix, &letter.repeat(36)].concat().as_bytes()).unwrap()
}

fn grant(expiry: Expiry) -> Grant {
    let account = Some(Account { login: "octocat".to_owned(), id: 1 });
    Grant { account, scopes: Some(vec!["repo".to_owned()]), expiry }
}

fn out(name: &str, format: Format) -> Output {
    Output { secret_name: name.to_owned(), format }
}

/// A connection with two outputs, at `T`, whose token GitHub has not been asked about.
pub(crate) fn seen() -> Observation {
    Observation {
        now: at(T),
        skew: SignedDuration::ZERO,
        token: Judged::Yes(token("ghp_", "a")),
        host: Judged::Yes(Host { name: "github.com".to_owned(), registry: Some("ghcr.io".to_owned()) }),
        knowledge: Knowledge::default(),
        not_before: None,
        past: Past { since: at(T - DAY), asked: None, released: None },
        demand: Demand {
            source: "source".to_owned(),
            requirement: Requirement::default(),
            outputs: vec![out("one", Format::Opaque), out("two", Format::BasicAuth)],
            on_invalid: OnInvalid::Retain,
            warn_before: [168, 24].map(SignedDuration::from_hours).to_vec(),
            suspend: false,
        },
        timing: Timing {
            interval: SignedDuration::from_mins(30),
            confirm_after: SignedDuration::from_secs(60),
            heartbeat: SignedDuration::from_hours(1),
            minimum_interval: SignedDuration::from_secs(10),
            trust_for: SignedDuration::from_hours(24),
        },
        found: Ok(Vec::new()),
    }
}

/// A history in sentences, for the tests of the status too.
impl Observation {
    pub(crate) fn hears(mut self, second: i64, reply: Reply) -> Self {
        self.now = at(second);
        let now = self.now;
        self.learn(reply, now);
        self
    }

    pub(crate) fn accepted(self, second: i64, expiry: Expiry) -> Self {
        self.hears(second, Reply::Answer(Answer::Granted(grant(expiry))))
    }

    pub(crate) fn refused(self, second: i64) -> Self {
        self.hears(second, Reply::Answer(Answer::Refused(Refusal::BadCredentials)))
    }

    fn unanswered(self, second: i64) -> Self {
        self.hears(second, Reply::Deferral(Deferral::new(Reason::ServerError)))
    }

    pub(crate) fn at(mut self, second: i64) -> Self {
        self.now = at(second);
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// With every output as it would be after publishing now.
    fn published(mut self) -> Self {
        let (token, outputs) = (self.token.yes().unwrap(), &self.demand.outputs);
        let payload =
            |output: &Output| output.payload(token, &grant(Expiry::Never), Some("ghcr.io")).unwrap();
        self.found = Ok(outputs.iter().map(|output| ours(&output.secret_name, payload(output))).collect());
        self
    }
}

fn version(name: &str) -> Version {
    Version { uid: format!("uid of {name}"), resource_version: "7".to_owned() }
}

fn ours(name: &str, payload: Payload) -> Found {
    Found::Ours { name: name.to_owned(), version: version(name), payload, immutable: false }
}

fn foreign(name: &str) -> Found {
    Found::Foreign { name: name.to_owned() }
}

fn older() -> Payload {
    out("", Format::Opaque).payload(&token("ghp_", "z"), &grant(Expiry::Never), None).unwrap()
}

/// The changes as a person would say them.
fn verbs(decision: &Decision) -> Vec<String> {
    let verb = |change: &Change| match change {
        Change::Create { name, .. } => format!("create {name}"),
        Change::Replace { name, version: of, .. } => {
            assert_eq!(*of, version(name));
            format!("replace {name}")
        }
        Change::Delete { name, version: of } => {
            assert_eq!(*of, version(name));
            format!("delete {name}")
        }
    };
    decision.changes.iter().map(verb).collect()
}

fn word<T>(judged: &Judged<T>) -> (&'static str, Option<Reason>) {
    match judged {
        Judged::Yes(_) => ("True", None),
        Judged::No(found) => ("False", found.first().map(|finding| finding.reason)),
        Judged::Unknown(finding) => ("Unknown", Some(finding.reason)),
    }
}

#[test]
fn an_acceptance_is_trusted_through_silence_for_a_while() {
    let proven = || seen().accepted(T, Expiry::Never);
    let earlier = Some(Reason::AcceptedEarlier);
    let rows = [
        ("never asked", seen(), ("Unknown", Some(Reason::NotAskedYet)), None),
        ("deferred from the start", seen().unanswered(T), ("Unknown", Some(Reason::ServerError)), None),
        ("refused once from the start", seen().refused(T), ("Unknown", Some(Reason::RefusedOnce)), None),
        ("accepted", proven(), ("True", None), None),
        ("accepted a day ago, not asked since", proven().at(T + DAY), ("True", None), None),
        (
            "accepted long ago, not asked since",
            proven().at(T + 9 * DAY),
            ("Unknown", Some(Reason::NotAskedYet)),
            None,
        ),
        ("an outage", proven().unanswered(T + 60), ("True", None), earlier),
        ("refused once", proven().refused(T + 60), ("True", None), earlier),
        ("a moment before the end", proven().unanswered(T + 60).at(T + DAY - 1), ("True", None), earlier),
        ("at the end", proven().unanswered(T + 60).at(T + DAY), ("Unknown", Some(Reason::ServerError)), None),
        (
            "refused once, at the end",
            proven().refused(T + 60).at(T + DAY),
            ("Unknown", Some(Reason::RefusedOnce)),
            None,
        ),
        (
            "refused twice",
            proven().refused(T + 60).refused(T + 120),
            ("False", Some(Reason::BadCredentials)),
            None,
        ),
        (
            "refused, deferred, refused",
            proven().refused(T + 1).unanswered(T + 61).refused(T + 99),
            ("False", Some(Reason::BadCredentials)),
            None,
        ),
        ("accepted again", proven().refused(T + 1).accepted(T + 61, Expiry::Never), ("True", None), None),
    ];
    for (name, seen, identity, noted) in rows {
        let judgement = decide(&seen).judgement;
        assert_eq!(word(&judgement.identity), identity, "{name}");
        assert_eq!(judgement.earlier.map(|finding| finding.reason), noted, "{name}");
    }
    let message = decide(&proven().unanswered(T + 60)).judgement.earlier.unwrap().message;
    assert!(message.contains("accepted the token at 2026-03-01T12:00:00Z"), "{message}");
    assert!(message.contains("since 2026-03-01T12:01:00Z, the host answers with server errors"), "{message}");
}

#[test]
fn a_token_expires_at_its_instant_by_githubs_clock() {
    let ends = |skew: i64| {
        seen().accepted(T - HOUR, Expiry::At(at(T))).with(|seen| seen.skew = SignedDuration::from_secs(skew))
    };
    let expired = ("False", Some(Reason::Expired));
    let rows = [
        ("a second before", ends(0).at(T - 1), ("True", None), ("False", Some(Reason::ExpiresSoon))),
        ("at the instant", ends(0).at(T), expired, expired),
        ("GitHub is ahead", ends(300).at(T - 300), expired, expired),
        (
            "GitHub is ahead, not yet",
            ends(300).at(T - 301),
            ("True", None),
            ("False", Some(Reason::ExpiresSoon)),
        ),
        ("GitHub is behind", ends(-300).at(T + 299), ("True", None), ("False", Some(Reason::ExpiresSoon))),
        ("GitHub is behind, now", ends(-300).at(T + 300), expired, expired),
        ("no answer since", ends(0).unanswered(T + 2), expired, expired),
        ("confirmed", ends(0).refused(T + 2), expired, expired),
        ("refused twice around it", ends(0).refused(T - 30).refused(T + 30), expired, expired),
        (
            "revoked before",
            ends(0).refused(T - 90).refused(T - 30).at(T),
            ("False", Some(Reason::BadCredentials)),
            expired,
        ),
        (
            "accepted a moment after it, by a clock that is a little behind",
            ends(0).accepted(T + 1, Expiry::At(at(T))).at(T + 3),
            expired,
            expired,
        ),
        (
            "accepted after it",
            ends(0).accepted(T + 4, Expiry::At(at(T))).at(T + 60),
            ("True", None),
            ("False", Some(Reason::ExpiresSoon)),
        ),
        (
            "refused once after that",
            ends(0).accepted(T + 4, Expiry::At(at(T))).refused(T + 60),
            expired,
            expired,
        ),
    ];
    for (name, seen, identity, expiry) in rows {
        let judgement = decide(&seen).judgement;
        assert_eq!((word(&judgement.identity), word(&judgement.expiry)), (identity, expiry), "{name}");
    }
    let message = decide(&ends(0).at(T + HOUR)).judgement.expiry;
    let Judged::No(findings) = message else { panic!() };
    assert!(findings[0].message.contains("expired at 2026-03-01T12:00:00Z"));
}

#[test]
fn a_warning_comes_at_each_threshold() {
    let left = |seconds: i64| seen().accepted(T, Expiry::At(at(T + seconds)));
    let rows = [
        ("far", left(169 * HOUR), None),
        ("a second too far", left(168 * HOUR + 1), None),
        ("the first", left(168 * HOUR), Some("in less than 7 days")),
        ("between", left(25 * HOUR), Some("in less than 7 days")),
        ("the second", left(24 * HOUR), Some("in less than 24 hours")),
        ("near", left(1), Some("in less than 24 hours")),
    ];
    for (name, seen, expected) in rows {
        let expiry = decide(&seen).judgement.expiry;
        let message = match &expiry {
            Judged::No(findings) => Some(findings[0].message.as_str()),
            _ => None,
        };
        assert_eq!(message.is_some(), expected.is_some(), "{name}");
        assert!(message.unwrap_or_default().contains(expected.unwrap_or_default()), "{name}: {message:?}");
        assert_eq!(word(&decide(&seen).judgement.identity).0, "True", "{name}: a warning is no fault");
    }
    let spans = [
        (HOUR, "1 hour"),
        (2 * HOUR, "2 hours"),
        (90 * 60, "90 minutes"),
        (60, "1 minute"),
        (48 * HOUR, "2 days"),
    ];
    for (seconds, expected) in spans {
        assert_eq!(hours(SignedDuration::from_secs(seconds)), expected);
    }
    let odd = decide(&seen().accepted(T, Expiry::Unreadable)).judgement;
    assert_eq!(word(&odd.expiry), ("Unknown", Some(Reason::ExpiryUnreadable)));
    let past = seen().accepted(T, Expiry::Implausible(at(T)));
    assert_eq!(word(&decide(&past).judgement.expiry), ("Unknown", Some(Reason::ExpiryImplausible)));
    assert_eq!(next_question(&past.at(T + 14)), None, "no question follows from it");
    assert_eq!(word(&decide(&seen().accepted(T, Expiry::Never)).judgement.expiry), ("True", None));
    assert_eq!(word(&decide(&seen()).judgement.expiry), ("Unknown", Some(Reason::NotDetermined)));
}

#[test]
fn a_question_is_asked_when_it_is_due_and_not_twice_at_once() {
    let asks = |seen: &Observation| next_question(seen).is_some();
    assert!(asks(&seen()), "a new token");
    assert!(!asks(&seen().accepted(T, Expiry::Never)), "just asked");
    assert!(asks(&seen().accepted(T, Expiry::Never).at(T + HOUR)), "the interval has passed");
    assert!(!asks(&seen().refused(T).at(T + 59)), "before the confirmation");
    assert!(asks(&seen().refused(T).at(T + 60)), "the confirmation");
    assert!(asks(&seen().accepted(T, Expiry::At(at(T + 10))).at(T + 14)), "after the expiry");
    assert!(!asks(&seen().accepted(T, Expiry::At(at(T + 10))).refused(T + 14).at(T + DAY)), "once");
    assert!(!asks(&seen().with(|seen| seen.demand.suspend = true)), "suspended");
    assert!(!asks(&seen().with(|seen| seen.token = Judged::no(Reason::TokenEmpty, "none"))), "no token");
    assert!(!asks(&seen().with(|seen| seen.host = Judged::unknown(Reason::HostUnknown, "?"))), "no host");
}

#[test]
fn a_suspended_connection_does_nothing() {
    let suspended = |seen: Observation| {
        decide(&seen.published().with(|seen| {
            seen.demand.suspend = true;
            seen.demand.on_invalid = OnInvalid::Withdraw;
        }))
    };
    for decision in [suspended(seen()), suspended(seen().refused(T - 60).refused(T))] {
        assert_eq!((verbs(&decision).len(), decision.refusals.len()), (0, 0));
        assert_eq!(decision.requeue_after, SignedDuration::from_hours(24));
    }
}

#[test]
fn an_unknown_host_outweighs_what_else_is_unknown() {
    let unknown = seen().with(|seen| seen.host = Judged::unknown(Reason::HostUnknown, "?"));
    let judgement = decide(&unknown).judgement;
    assert_eq!(word(&judgement.identity), ("Unknown", Some(Reason::HostUnknown)));
    assert_eq!(word(&judgement.secret).0, "True");
    let neither = decide(&unknown.with(|seen| seen.token = Judged::no(Reason::TokenEmpty, "none"))).judgement;
    assert_eq!(word(&neither.secret), ("False", Some(Reason::TokenEmpty)));
    assert_eq!(word(&neither.identity).0, "Unknown");
}

#[test]
fn the_next_look_misses_nothing_that_happens_by_itself() {
    let daily = |seen: &mut Observation| {
        // So that the next question is later than all else.
        seen.timing.interval = SignedDuration::from_hours(24 * 365);
    };
    let look = |seen: Observation| decide(&seen.with(daily)).requeue_after.as_secs();
    let ends = |left: i64| seen().accepted(T, Expiry::At(at(T + left)));
    let remaining = |seen: &mut Observation| {
        seen.demand.requirement.expiry.min_remaining = Some(Duration::hours(30));
    };
    let rows = [
        ("nothing", look(ends(100 * DAY)), DAY),
        ("a warning", look(ends(168 * HOUR + 50)), 50),
        ("a warning that just came", look(ends(168 * HOUR)), DAY),
        ("the last warning", look(ends(24 * HOUR + 7)), 7),
        ("the expiry", look(ends(5)), 5),
        ("the question after it, by the minimum interval", look(ends(5).at(T + 5)), 5),
        (
            "GitHub's clock is ahead",
            look(ends(60).with(|seen| seen.skew = SignedDuration::from_secs(20))),
            40,
        ),
        ("minRemaining", look(ends(30 * HOUR + 9).with(remaining)), 9),
        ("the confirmation", look(ends(100 * DAY).refused(T)), 60),
        ("trust runs out", look(ends(100 * DAY).unanswered(T + DAY - 10).with(daily).at(T + DAY - 3)), 3),
    ];
    for (name, seconds, expected) in rows {
        assert_eq!(seconds, expected, "{name}");
    }
}
