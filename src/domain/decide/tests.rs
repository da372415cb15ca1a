#![expect(clippy::arithmetic_side_effects, reason = "instants of a test are small")]

mod asking;
mod judgement;
mod missing;
mod outputs;
mod properties;
mod versions;
mod withdrawal;

use super::*;
use crate::domain::{
    answer::{Account, Answer, Deferral, Refusal, Reply},
    duration::Duration,
    format::Addresses,
    output::{Format, Payload},
    probing::schedule::{Past, Timing},
    requirement::{Expectation, Requirement},
    token::Token,
    version::Version,
};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// An instant at which nothing in particular happens.
const T: i64 = 1_772_366_400;
/// Another token.
const OTHER: Holds = Holds::Other { same_token: false, fixed: false };
/// The token of the source in another layout.
const RELAID: Holds = Holds::Other { same_token: true, fixed: false };
/// Another token, in a Secret of another type or an immutable one.
const FIXED: Holds = Holds::Other { same_token: false, fixed: true };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(crate) fn token(prefix: &str, letter: &str) -> Token {
    Token::try_from([prefix, &letter.repeat(36)].concat().as_bytes()).unwrap()
}

fn grant(expiry: Expiry) -> Grant {
    let account = Some(Account { login: "octocat".into(), id: 583_231 });
    Grant { account, scopes: Some(["repo"].into_iter().collect()), expiry }
}

fn out(name: &str, format: Format) -> Output {
    Output::new(name, format)
}

/// A connection with two outputs, at `T`, whose token was read a moment ago and GitHub has not been asked about.
pub(crate) fn seen() -> Observation {
    let token = token("ghp_", "a");
    Observation {
        now: at(T),
        skew: SignedDuration::ZERO,
        token: Verdict::Yes(token.describe()),
        bytes: Some(token),
        host: Verdict::Yes(Host { name: "github.com".into(), addresses: Addresses::of_github().into() }),
        knowledge: Knowledge::default(),
        heard: Heard::default(),
        not_before: None,
        withdrawing_since: None,
        withdrawing_missing: false,
        condemned_before: None,
        wanted_by_others: false,
        past: Past::unasked(at(T - DAY)),
        pending: false,
        pending_proofs: Vec::new(),
        requested: None,
        distrusted_before: None,
        rests: false,
        demand: Demand {
            sources: vec!["source".to_owned()],
            expectation: Expectation::default(),
            requirement: Requirement::default(),
            outputs: vec![out("one", Format::Opaque), out("two", Format::BasicAuth)],
            on_invalid: OnInvalid::Retain,
            may_be_replaced: false,
            withdraw_after: None,
            warn_before: [168, 24].map(SignedDuration::from_hours).to_vec(),
            suspend: false,
        },
        timing: Timing {
            interval: SignedDuration::from_mins(30),
            minimum_interval: SignedDuration::from_secs(10),
            confirm_after: SignedDuration::from_secs(60),
            heartbeat: SignedDuration::from_hours(1),
            trust_for: SignedDuration::from_hours(24),
            proof_interval: SignedDuration::from_hours(6),
            follows: false,
        },
        found: Vec::new(),
        serving: Vec::new(),
        rotates: false,
        circles: Vec::new(),
    }
}

/// A history in sentences, for the tests of the status too.
impl Observation {
    pub(crate) fn hears(mut self, second: i64, reply: Reply) -> Self {
        self.now = at(second);
        self.past.asked = Some(self.now);
        let acceptances = match (&reply, self.heard.acceptances) {
            (Reply::Answer(Answer::Granted(_)), Acceptances::None) => Acceptances::One,
            (Reply::Answer(Answer::Granted(_)), _) => Acceptances::Many,
            (_, before) => before,
        };
        self.knowledge.learn(reply, self.now);
        let (refusal, deferral) = (self.knowledge.refused.is_some(), self.knowledge.deferred.is_some());
        self.heard = Heard { acceptances, refusal, deferral };
        self
    }

    pub(crate) fn accepted(self, second: i64, expiry: Expiry) -> Self {
        self.hears(second, Reply::Answer(Answer::Granted(grant(expiry))))
    }

    /// Accepted with these scopes.
    pub(crate) fn has(self, second: i64, scopes: &[&str]) -> Self {
        let scopes = Some(scopes.iter().collect());
        self.hears(second, Reply::Answer(Answer::Granted(Grant { scopes, ..grant(Expiry::Never) })))
    }

    pub(crate) fn refused(self, second: i64) -> Self {
        self.hears(second, Reply::Answer(Answer::Refused(Refusal::BadCredentials)))
    }

    /// Refused at this instant for the third time, over ten minutes.
    pub(crate) fn condemned(self, second: i64) -> Self {
        [second - 600, second - 540, second].into_iter().fold(self, Self::refused)
    }

    pub(crate) fn unanswered(self, second: i64) -> Self {
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

    /// With these Secrets in place of those that stood.
    pub(crate) fn finds(self, found: &[Found]) -> Self {
        self.with(|seen| seen.found = found.to_vec())
    }

    /// With every output in a Secret that holds this.
    fn published(self, holds: Holds) -> Self {
        let names = self.demand.outputs.iter().map(|output| ours(&output.secret_name, holds));
        let found: Vec<_> = names.collect();
        self.finds(&found)
    }

    /// The source holds another token, of which nothing is known.
    fn stores(self, letter: &str) -> Self {
        let token = token("ghp_", letter);
        self.with(|seen| {
            seen.token = Verdict::Yes(token.describe());
            seen.bytes = Some(token);
            seen.knowledge = Knowledge::default();
        })
    }
}

fn version(name: &str) -> Version {
    Version { uid: format!("uid of {name}").as_str().into(), resource_version: "7".into() }
}

pub(crate) fn ours(name: &str, holds: Holds) -> Found {
    Found::Ours { name: name.to_owned(), version: version(name), holds, format: Some(Format::Opaque) }
}

pub(crate) fn leaving(name: &str) -> Found {
    Found::Leaving { name: name.to_owned(), finalizers: vec!["example.com/backup".to_owned()] }
}

pub(crate) fn others(name: &str) -> Found {
    Found::Foreign { name: name.to_owned(), of: None }
}

/// A Secret whose label somebody took off.
fn bound(name: &str) -> Found {
    let Found::Ours { name, version, .. } = ours(name, Holds::Unread) else { panic!() };
    Found::Bound { name, version }
}

/// The changes as a person would say them. Each names the state that was seen.
fn verbs(changes: &[Change]) -> Vec<String> {
    let verb = |change: &Change| {
        let name = change.name();
        match change {
            Change::Create { .. } => {}
            Change::Replace { version: state, .. }
            | Change::Recreate { version: state, .. }
            | Change::Delete { version: state, .. }
            | Change::Release { version: state, .. } => assert_eq!(*state, version(name)),
        }
        format!("{} {name}", change.verb())
    };
    changes.iter().map(verb).collect()
}

/// The changes, and after a bar what goes last.
fn changes(decision: &Decision<'_>) -> String {
    let (first, last) = (verbs(&decision.changes).join(", "), verbs(&decision.leftovers).join(", "));
    if last.is_empty() { first } else { format!("{first} | {last}") }
}

fn word<T>(judged: &Verdict<T>) -> (&'static str, Option<Reason>) {
    match judged {
        Verdict::Yes(_) => ("True", None),
        Verdict::No(found) => ("False", found.first().map(|finding| finding.reason)),
        Verdict::Unknown(finding) => ("Unknown", Some(finding.reason)),
    }
}

const TRUE: (&str, Option<Reason>) = ("True", None);

const fn no(reason: Reason) -> (&'static str, Option<Reason>) {
    ("False", Some(reason))
}

const fn unknown(reason: Reason) -> (&'static str, Option<Reason>) {
    ("Unknown", Some(reason))
}
