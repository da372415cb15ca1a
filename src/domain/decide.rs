//! From what was seen to what is to be done: whether to ask GitHub, what holds, what to change, when to look again.
//!
//! Pure, total and deterministic. Nothing here can fail.

mod outputs;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Finding, Judged, Reason,
    answer::{Deferral, Expiry, Grant, Reply},
    format::{Output, Payload},
    knowledge::Knowledge,
    probe::Probe,
    probing::{
        Subject,
        schedule::{self, Past, Timing, earlier, later},
    },
    requirement::{Evidence, Requirement},
    token::Token,
};

/// What becomes of the outputs when the token turns invalid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnInvalid {
    /// They keep the last proven token.
    #[default]
    Retain,
    /// They are deleted once GitHub refused the token twice, or the account is suspended, or the token has expired and GitHub
    /// confirmed it, or the requirements do not hold. An outage, a limit or an unreadable source Secret deletes nothing.
    Withdraw,
}

/// What of a GitHub host matters for a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The name by which connections call it.
    pub name: String,
    /// Its container registry, if the settings name one.
    pub registry: Option<String>,
}

/// Everything that a decision rests on.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The present instant by the clock of this process.
    pub now: Timestamp,
    /// How much GitHub's clock is ahead of ours.
    pub skew: SignedDuration,
    /// The token in the Secret.
    pub token: Judged<Token>,
    /// The host that `spec.host` names.
    pub host: Judged<Host>,
    /// What is remembered of the token on that host.
    pub knowledge: Knowledge,
    /// What the process knows of the time before.
    pub past: Past,
    /// What the connection demands.
    pub demand: Demand,
    /// When to ask.
    pub timing: Timing,
    /// The Secrets that stand where outputs shall stand, and our outputs that are no longer named; or why they could not be
    /// listed.
    pub found: Result<Vec<Found>, Finding>,
}

/// The part of the spec that a decision needs.
#[derive(Clone, Debug)]
pub struct Demand {
    /// The Secret that the token is read from.
    pub source: String,
    /// What the token must be and have.
    pub requirement: Requirement,
    /// Where it is to be written.
    pub outputs: Vec<Output>,
    /// What becomes of the outputs when it turns invalid.
    pub on_invalid: OnInvalid,
    /// How long before the expiry to warn, in any order.
    pub warn_before: Vec<SignedDuration>,
    /// Whether to ask and write nothing.
    pub suspend: bool,
}

/// A Secret that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// An output of this connection.
    Ours {
        /// Its name.
        name: String,
        /// Which one it is, and in which state.
        version: Version,
        /// Type and data.
        payload: Payload,
        /// True if it is marked `immutable`, so that it can only be made anew.
        immutable: bool,
    },
    /// Somebody else's; nothing but its existence is known.
    Foreign {
        /// Its name.
        name: String,
    },
}

/// One state of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
}

impl Found {
    fn name(&self) -> &str {
        match self {
            Found::Ours { name, .. } | Found::Foreign { name } => name,
        }
    }
}

/// One change of one Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// To be made; nothing of that name was there.
    Create {
        /// Its name.
        name: String,
        /// Type and data.
        payload: Payload,
    },
    /// To hold something else.
    Replace {
        /// Its name.
        name: String,
        /// The state that is replaced.
        version: Version,
        /// Type and data.
        payload: Payload,
    },
    /// To go.
    Delete {
        /// Its name.
        name: String,
        /// The state that goes.
        version: Version,
    },
}

/// What holds of the token, step by step.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The host is known.
    pub host: Judged<Host>,
    /// There is a token.
    pub secret: Judged<Token>,
    /// GitHub accepts it.
    pub identity: Judged<Grant>,
    /// Why the acceptance is an earlier one, if it is.
    pub earlier: Option<Finding>,
    /// It meets the requirements.
    pub requirements: Judged<()>,
    /// It does not end soon.
    pub expiry: Judged<Expiry>,
}

/// How the outputs stand once the changes are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// None is asked for.
    NothingRequested,
    /// They hold the token, but for those that were refused.
    Published,
    /// They hold the token, which was proven before and is not now.
    Retained,
    /// They do not hold the token, which something speaks against; so many hold an earlier one.
    Withheld(usize),
    /// They were deleted.
    Withdrawn,
    /// They do not hold the token, of which nothing is known yet.
    Pending,
}

/// What to do and to say.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What holds.
    pub judgement: Judgement,
    /// What to change, in this order.
    pub changes: Vec<Change>,
    /// Which outputs cannot be written, and why.
    pub refusals: Vec<Finding>,
    /// How the outputs stand afterwards.
    pub standing: Standing,
    /// When to look again; from one second to a day.
    pub requeue_after: SignedDuration,
}

impl Observation {
    /// The present instant by GitHub's clock.
    pub fn github_now(&self) -> Timestamp {
        later(self.now, self.skew)
    }

    /// Takes in the reply to a question that was due now and asked at this instant.
    pub fn learn(&mut self, reply: Reply, at: Timestamp) {
        self.past.asked = Some(self.now);
        self.knowledge.learn(reply, at);
    }

    /// The token's expiry by the clock of this process.
    fn ends(&self) -> Option<Timestamp> {
        self.knowledge.expires_at().map(|at| earlier(at, self.skew))
    }

    fn has_ended(&self) -> bool {
        self.ends().is_some_and(|ends| ends <= self.now)
    }

    /// When GitHub is to be asked; `None` means not before something else changes.
    fn due(&self) -> Option<Timestamp> {
        let (token, host) = (self.token.yes()?, self.host.yes()?);
        if self.demand.suspend {
            return None;
        }
        let subject = Subject { host: host.name.as_str().into(), token: token.hashed() };
        schedule::due(&subject, &self.knowledge, self.past, self.ends(), &self.timing)
    }
}

/// What to ask GitHub now, if anything.
pub fn next_question(seen: &Observation) -> Option<Probe> {
    let asked_already = seen.past.asked.is_some_and(|asked| asked >= seen.now);
    let due = seen.due()?;
    (due <= seen.now && !asked_already).then_some(Probe::Identity)
}

/// What to do and to say about what was seen.
pub fn decide(seen: &Observation) -> Decision {
    let (identity, earlier) = identity(seen);
    let judgement = Judgement {
        host: seen.host.clone(),
        secret: seen.token.clone(),
        identity,
        earlier,
        requirements: requirements(seen),
        expiry: expiry(seen),
    };
    let (changes, refusals, standing) = outputs::outputs(seen, &judgement);
    Decision { requeue_after: requeue_after(seen), judgement, changes, refusals, standing }
}

/// Whether GitHub accepts the token, and why that is an earlier answer if it is.
fn identity(seen: &Observation) -> (Judged<Grant>, Option<Finding>) {
    if let Judged::Unknown(finding) = &seen.host {
        return (Judged::Unknown(finding.clone()), None);
    }
    if seen.token.yes().is_none() {
        return (Judged::unknown(Reason::NoToken, "there is no token to ask GitHub about"), None);
    }
    if let Some(refused) = seen.knowledge.believed_refusal() {
        let expired = seen.ends().is_some_and(|ends| ends <= refused.last);
        return (Judged::No(vec![if expired { expired_finding(seen) } else { refused.into() }]), None);
    }
    if seen.has_ended() && !accepted_after_its_end(seen) {
        return (Judged::No(vec![expired_finding(seen)]), None);
    }
    let doubt = doubt(&seen.knowledge);
    match (&seen.knowledge.grant, doubt) {
        (Some((grant, at)), None) if seen.now < later(*at, seen.timing.longest_silence()) => {
            (Judged::Yes(grant.clone()), None)
        }
        (Some((grant, at)), Some((doubt, since))) if seen.now < later(*at, seen.timing.trust_for) => {
            let message = format!("GitHub accepted the token at {at}; since {since}, {}", doubt.message);
            (Judged::Yes(grant.clone()), Some(Finding::new(Reason::AcceptedEarlier, message)))
        }
        (_, Some((doubt, since))) => {
            let message = format!("since {since}, {}", doubt.message);
            (Judged::unknown(doubt.reason, message), None)
        }
        (_, None) => {
            (Judged::unknown(Reason::NotAskedYet, "GitHub has not been asked about the token yet"), None)
        }
    }
}

/// What has stood against the last acceptance, and since when.
fn doubt(knowledge: &Knowledge) -> Option<(Finding, Timestamp)> {
    if let Some(deferred) = knowledge.deferred {
        let Deferral { reason, .. } = deferred.deferral;
        return Some((Finding::new(reason, deferred.deferral.sentence()), deferred.since));
    }
    let refused = knowledge.refused?;
    let message = "GitHub refuses the token; one refusal is not believed, the next question decides";
    Some((Finding::new(Reason::RefusedOnce, message), refused.first))
}

/// GitHub accepted the token well after the instant it named, and has not refused it since: the clocks differ.
fn accepted_after_its_end(seen: &Observation) -> bool {
    let accepted =
        seen.knowledge.grant.as_ref().map(|(_, at)| *at).filter(|_| seen.knowledge.refused.is_none());
    seen.ends().zip(accepted).is_some_and(|(ends, accepted)| accepted >= later(ends, schedule::AFTER_EXPIRY))
}

fn expired_finding(seen: &Observation) -> Finding {
    let at = seen.knowledge.expires_at().unwrap_or(seen.now);
    Finding::new(
        Reason::Expired,
        format!("the token expired at {at}: make a new one and store it in the Secret"),
    )
}

fn requirements(seen: &Observation) -> Judged<()> {
    let Some(token) = seen.token.yes() else {
        return Judged::unknown(Reason::NotDetermined, "there is no token to judge");
    };
    let evidence = Evidence {
        kind: token.kind(),
        grant: seen.knowledge.grant.as_ref().map(|(grant, _)| grant),
        first_proven: seen.knowledge.first_proven,
        now: seen.github_now(),
    };
    match seen.demand.requirement.judge(&evidence) {
        Judged::Yes(()) if evidence.grant.is_none() => Judged::unknown(
            Reason::NotDetermined,
            "GitHub has not accepted the token yet, so nothing is known of it",
        ),
        judged => judged,
    }
}

fn expiry(seen: &Observation) -> Judged<Expiry> {
    let grant = seen.token.yes().and(seen.knowledge.grant.as_ref());
    let Some((grant, _)) = grant else {
        return Judged::unknown(Reason::NotDetermined, "GitHub has not told yet when the token expires");
    };
    match grant.expiry {
        Expiry::Never => Judged::Yes(Expiry::Never),
        Expiry::Unreadable => Judged::unknown(
            Reason::ExpiryUnreadable,
            "GitHub named an expiry in a form that could not be read: look for a newer version of this operator",
        ),
        Expiry::At(_) if seen.has_ended() && !accepted_after_its_end(seen) => {
            Judged::No(vec![expired_finding(seen)])
        }
        Expiry::At(at) if seen.has_ended() => Judged::no(
            Reason::ExpiresSoon,
            format!("GitHub still accepts the token, though it names {at} as its end: make a new one now"),
        ),
        Expiry::At(at) => {
            let left = at.duration_since(seen.github_now());
            match seen.demand.warn_before.iter().filter(|warning| left <= **warning).min() {
                Some(warning) => Judged::no(
                    Reason::ExpiresSoon,
                    format!(
                        "the token expires at {at}, in less than {}: make a new one in time",
                        hours(*warning)
                    ),
                ),
                None => Judged::Yes(Expiry::At(at)),
            }
        }
    }
}

fn requeue_after(seen: &Observation) -> SignedDuration {
    if seen.demand.suspend {
        return schedule::requeue_after(seen.now, None, []);
    }
    let ends = seen.ends();
    let before_end = |by: SignedDuration| ends.map(|ends| earlier(ends, by));
    let remaining = seen.demand.requirement.expiry.min_remaining.map(|duration| duration.get());
    let trusted = seen.knowledge.grant.as_ref().map(|(_, at)| later(*at, seen.timing.trust_for));
    let instants =
        [ends, remaining.and_then(before_end), trusted.filter(|_| doubt(&seen.knowledge).is_some())];
    let warnings = seen.demand.warn_before.iter().map(|warning| before_end(*warning));
    schedule::requeue_after(seen.now, seen.due(), instants.into_iter().chain(warnings).flatten())
}

fn hours(length: SignedDuration) -> String {
    let (hours, rest) = (length.as_hours(), length.as_secs() % 3600);
    match (hours / 24, hours % 24, rest) {
        (days, 0, 0) if days > 1 => format!("{days} days"),
        (_, _, 0) => counted(hours, "hour"),
        _ => counted(length.as_mins(), "minute"),
    }
}

fn counted(count: i64, unit: &str) -> String {
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
pub(crate) mod tests;
