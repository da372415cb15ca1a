//! What a decision rests on, and what it says of itself: which questions are due, and what is awaited.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Finding, Reason, Verdict,
        answer::{Expiry, Refusal},
        format::Addresses,
        knowledge::{Knowledge, Refused},
        output::Output,
        probe::Probe,
        probing::{
            Subject,
            schedule::{self, Past, Timing, earlier, later},
        },
        requirement::{Expectation, Requirement},
        token::{Description, HashedToken, Token},
    },
    Circle, Found, Holds, doubt, evidence, would_be_useless,
};

/// What becomes of the outputs when the token turns invalid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnInvalid {
    /// They keep the last proven token.
    #[default]
    Retain,
    /// Those that hold the token are deleted once GitHub has refused it three times over at least ten minutes, or it has
    /// expired and GitHub confirmed it, or the requirements do not hold. An outage, a limit or an unreadable source Secret
    /// deletes nothing, and an output that still holds an earlier token stays. With withdrawAfter they go only after that time,
    /// and also when the source Secret is gone for as long.
    Withdraw,
}

/// What of a GitHub host matters for a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The name by which connections call it.
    pub name: Arc<str>,
    /// Where it is.
    pub addresses: Arc<Addresses>,
}

/// What this process has heard itself. What a status remembers may come from a backup, so it deletes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// How many acceptances in a row: none, one, or more.
    pub acceptances: Acceptances,
    /// Whether a refusal was heard.
    pub refusal: bool,
    /// Whether a question brought no answer.
    pub deferral: bool,
}

/// A token that GitHub has refused for good, of a source that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condemned {
    /// The token.
    pub token: HashedToken,
    /// The refusals, if this process has heard one itself: what only the status remembers deletes nothing.
    pub heard: Option<Refused>,
    /// The outputs that hold the token, if a refusal was heard.
    pub holders: Vec<String>,
}

/// How many acceptances this process has heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Acceptances {
    /// None.
    #[default]
    None,
    /// One, which is not believed alone where it costs an output.
    One,
    /// More than one.
    Many,
}

/// Everything that a decision rests on.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The present instant by the clock of this process.
    pub now: Timestamp,
    /// How much GitHub's clock is ahead of ours.
    pub skew: SignedDuration,
    /// The token in the Secret.
    pub token: Verdict<Description>,
    /// Its bytes, if they were read a moment ago.
    pub bytes: Option<Token>,
    /// The host that `spec.host` names.
    pub host: Verdict<Host>,
    /// What is known of the token on that host.
    pub knowledge: Knowledge,
    /// What this process has heard from GitHub, and not only read of in the status.
    pub heard: Heard,
    /// What the process knows of the time before.
    pub past: Past,
    /// Whether the question about identity is on its way.
    pub pending: bool,
    /// The other questions that are on their way.
    pub pending_proofs: Vec<Probe>,
    /// When somebody last asked for all questions at once.
    pub requested: Option<Timestamp>,
    /// Before which instant an acceptance does not count, so that GitHub is asked first: when a suspension ended that the status
    /// still tells of, or when this process found that another status says the opposite.
    pub distrusted_before: Option<Timestamp>,
    /// Since when something speaks for withdrawing the outputs, as the status says.
    pub withdrawing_since: Option<Timestamp>,
    /// Whether that is a missing source Secret, by the status.
    pub withdrawing_missing: bool,
    /// What is known of the token which the source held before it was gone, if GitHub has refused that for good; `None` if it has not, or the
    /// source is there.
    pub condemned_before: Option<Condemned>,
    /// Whether another connection withdraws outputs once this process has heard the token refused, and cannot ask itself.
    pub wanted_by_others: bool,
    /// Before which instant no question is taken, because of the host or of what was spent.
    pub not_before: Option<Timestamp>,
    /// Whether the questions beside identity wait until that is due: a status remembers their answers as a whole.
    pub rests: bool,
    /// What the connection demands.
    pub demand: Demand,
    /// When to ask.
    pub timing: Timing,
    /// The Secrets that stand where outputs shall stand, and our outputs that are no longer named.
    pub found: Vec<Found>,
    /// The versions of outputs that serve, as the status says.
    pub serving: Vec<String>,
    /// Whether every output holds the token and the one before is not safe to revoke yet, by the status.
    pub rotates: bool,
    /// The outputs that lead back to this connection.
    pub circles: Vec<Circle>,
}

/// The part of the spec that a decision needs.
#[derive(Clone, Debug)]
pub struct Demand {
    /// The Secrets that the token may be read from.
    pub sources: Vec<String>,
    /// Whose token it must be.
    pub expectation: Expectation,
    /// What the token must be and have.
    pub requirement: Requirement,
    /// Where it is to be written.
    pub outputs: Vec<Output>,
    /// What becomes of the outputs when it turns invalid.
    pub on_invalid: OnInvalid,
    /// True while another token may take its place: nothing is withdrawn then.
    pub may_be_replaced: bool,
    /// How long they stay before they are withdrawn, also when the source is gone.
    pub withdraw_after: Option<SignedDuration>,
    /// How long before the expiry to warn, in any order.
    pub warn_before: Vec<SignedDuration>,
    /// Whether to ask and write nothing.
    pub suspend: bool,
}

impl Demand {
    /// True if the outputs go once the token is condemned.
    pub fn withdraws(&self) -> bool {
        self.on_invalid == OnInvalid::Withdraw && !self.may_be_replaced
    }
}

impl Observation {
    /// The present instant by GitHub's clock.
    pub fn github_now(&self) -> Timestamp {
        later(self.now, self.skew)
    }

    /// When GitHub is to be asked; `None` means not before something else changes.
    pub fn due(&self) -> Option<Timestamp> {
        let (token, host) = (self.token.yes()?, self.host.yes()?);
        if self.demand.suspend {
            return None;
        }
        let subject = Subject { host: host.name.clone(), token: token.hashed };
        let due = schedule::due(&subject, &self.knowledge, self.past, self.ends(), &self.timing);
        let due = due.into_iter().chain(self.soon()).min()?;
        Some(self.not_before.map_or(due, |at| due.max(at)))
    }

    /// When the schedule is too slow: what only the status says is to be heard before an output is deleted by it, or before an
    /// acceptance that has become too old is judged, or before a connection that was suspended goes on.
    fn soon(&self) -> Option<Timestamp> {
        let knowledge = &self.knowledge;
        let is_unheard = |since: &Timestamp| self.past.asked.is_none_or(|asked| asked < *since);
        if let Some(since) = self.distrusted_before.filter(is_unheard) {
            return Some(since);
        }
        let is_trusted = |(_, since): (Finding, Timestamp)| self.now < later(since, self.timing.trust_for);
        let is_overdue =
            knowledge.deferred.is_some() && !self.heard.deferral && !doubt(knowledge).is_some_and(is_trusted);
        if is_overdue && self.past.asked.is_none() {
            return Some(self.past.since);
        }
        // A status may come from a backup, and is not enough to call the old token of no use.
        if self.rotates && !self.has_heard() && self.past.asked.is_none() {
            return Some(self.past.since);
        }
        if let Some(at) = self.wanted_soon() {
            return Some(at);
        }
        if !self.may_withdraw() {
            return None;
        }
        let heard_refusal = self.heard.refusal || knowledge.refused.is_none();
        let is_violated = knowledge.refused.is_none() && would_be_useless(self, &knowledge.proofs);
        match self.heard.acceptances {
            _ if !heard_refusal && self.past.asked.is_none() => Some(self.past.since),
            Acceptances::None if is_violated && self.past.asked.is_none() => Some(self.past.since),
            Acceptances::One if is_violated => {
                let accepted = knowledge.grant.as_ref().map(|(_, at)| *at)?;
                Some(later(self.past.exactly(accepted), self.timing.confirm_after))
            }
            _ => None,
        }
    }

    /// When another connection wants to hear whether it is still refused: at once, and after a question that brought no answer as soon as
    /// that pause is over.
    fn wanted_soon(&self) -> Option<Timestamp> {
        if !self.wanted_by_others || self.heard.refusal {
            return None;
        }
        let Some(asked) = self.past.asked else { return Some(self.past.since) };
        let deferred = self.knowledge.deferred.filter(|_| self.heard.deferral)?;
        let again = schedule::after_deferral(deferred, self.past, &Probe::Identity, &self.timing);
        Some(again.max(later(asked, self.timing.minimum_interval)))
    }

    /// True if outputs that hold the token would be deleted, were it condemned.
    fn may_withdraw(&self) -> bool {
        let holds_it = |found: &Found| {
            let holds = match found {
                Found::Ours { holds, .. } => holds,
                _ => return false,
            };
            !matches!(holds, Holds::Other { same_token: false, .. })
        };
        self.demand.withdraws() && self.found.iter().any(holds_it)
    }

    /// True if GitHub is to be asked now.
    pub fn is_due(&self) -> bool {
        !self.pending && self.due().is_some_and(|due| due <= self.now)
    }

    /// True if the token may be read from this Secret.
    pub(super) fn is_source(&self, name: &str) -> bool {
        self.demand.sources.iter().any(|source| source == name)
    }

    /// True if an output takes further entries from this Secret.
    pub(super) fn has_entries_of(&self, name: &str) -> bool {
        let mut further = self.demand.outputs.iter().filter_map(|output| output.extra_entries_from.as_ref());
        further.any(|from| from.name == name)
    }

    /// True while a question about the token is on its way.
    pub fn is_asking(&self) -> bool {
        self.pending || !self.pending_proofs.is_empty()
    }

    /// The questions beside identity that are of use now. There are none before GitHub has accepted the token, nor while something
    /// speaks against that.
    pub fn probes(&self) -> Vec<Probe> {
        let (Some(token), Some(_)) = (self.token.yes(), self.host.yes()) else { return Vec::new() };
        let is_doubted = self.knowledge.refused.is_some() || self.knowledge.deferred.is_some();
        if self.demand.suspend || self.rests || is_doubted || !self.is_fresh() || self.has_ended() {
            return Vec::new();
        }
        let grant = self.knowledge.grant.as_ref().map(|(grant, _)| grant);
        self.demand.requirement.probes(&evidence(self, token, grant, self.github_now()))
    }

    /// The same that are not on their way, each with the instant at which it is due.
    pub fn proofs_due(&self) -> Vec<(Probe, Timestamp)> {
        let (Some(token), Some(host)) = (self.token.yes(), self.host.yes()) else { return Vec::new() };
        // What was refused to another question is for identity to tell first.
        if self.pending || self.past.suspected {
            return Vec::new();
        }
        let subject = Subject { host: host.name.clone(), token: token.hashed };
        let due = |probe: Probe| {
            let proven = self.knowledge.proofs.get(&probe);
            let unwanted = self.demand.requirement.forbids(&probe);
            let past = self.past;
            let at =
                schedule::proof_due(&subject, &probe, proven, unwanted, past, self.requested, &self.timing);
            (probe, at)
        };
        self.probes().into_iter().filter(|probe| !self.pending_proofs.contains(probe)).map(due).collect()
    }

    /// True while the first answer about this token is on its way, so that there is nothing to say of it yet: what a status
    /// remembers of refusals is about to be confirmed or disproved.
    pub fn awaits_first_answer(&self) -> bool {
        self.awaits_identity() || self.awaits_first_proof()
    }

    /// True while whether GitHub accepts the token is on its way, and not known by anything young enough to speak for itself.
    pub fn awaits_identity(&self) -> bool {
        let is_deferred = self.knowledge.deferred.is_some();
        let knows_nothing = match (is_deferred, self.knowledge.refused.is_some()) {
            (true, _) => !self.heard.deferral,
            (false, true) => !self.heard.refusal,
            (false, false) => !self.is_fresh(),
        };
        self.pending && knows_nothing
    }

    /// True if the last acceptance of the token is too old to speak for itself, and the question is not taken yet, since others go first.
    pub fn waits_for_its_turn(&self) -> bool {
        let is_old = self.knowledge.grant.is_some() && !self.is_fresh() && !self.has_ended();
        let is_free = self.knowledge.deferred.is_none() && self.knowledge.refused.is_none();
        is_old && is_free && !self.pending && self.not_before.is_some_and(|at| at > self.now)
    }

    /// True while the first answer about one of its purposes is on its way.
    fn awaits_first_proof(&self) -> bool {
        self.pending_proofs.iter().any(|probe| !self.knowledge.proofs.contains_key(probe))
    }

    /// True if this process has heard GitHub accept the token.
    pub fn has_heard(&self) -> bool {
        self.heard.acceptances != Acceptances::None
    }

    /// True if the last acceptance is young enough to speak for itself.
    pub(super) fn is_fresh(&self) -> bool {
        let accepted = self.knowledge.grant.as_ref().map(|(_, at)| *at);
        let accepted = accepted.filter(|at| self.distrusted_before.is_none_or(|since| *at >= since));
        accepted.is_some_and(|at| self.now < later(at, self.timing.stale_after()))
    }

    /// The token's expiry, as GitHub names it or the spec declares it.
    pub(super) fn expiry(&self) -> Option<Expiry> {
        let (grant, _) = self.knowledge.grant.as_ref()?;
        Some(grant.expiry.no_later_than(self.demand.requirement.expiry.expires_at))
    }

    /// When the token ends, if GitHub or the spec names an end.
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self.expiry() {
            Some(Expiry::At(at)) => Some(at),
            _ => None,
        }
    }

    /// The token's expiry by the clock of this process.
    pub(super) fn ends(&self) -> Option<Timestamp> {
        self.expires_at().map(|at| earlier(at, self.skew))
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ends().is_some_and(|ends| ends <= self.now)
    }

    /// True if GitHub never accepts the token again: it does not know it any more, which is believed, or the end that it named has passed. An
    /// end that a person declared ends nothing there, and a suspended account may come back.
    pub fn is_over_at_github(&self) -> bool {
        let named = self.knowledge.grant.as_ref().map(|(grant, _)| grant.expiry);
        let has_ended = matches!(named, Some(Expiry::At(at)) if at <= self.github_now());
        let refused = self.knowledge.believed_refusal();
        has_ended || refused.is_some_and(|refused| refused.refusal == Refusal::BadCredentials)
    }

    /// Why nobody may look at the Secrets of the namespace, if that is so.
    pub fn not_granted(&self) -> Option<&Finding> {
        match &self.token {
            Verdict::No(findings) => {
                findings.iter().find(|finding| finding.reason == Reason::NamespaceNotGranted)
            }
            Verdict::Yes(_) | Verdict::Unknown(_) => None,
        }
    }

    /// True if a Secret in which the token is to be had another one when it was looked at. Versions of before, and what is not named
    /// any more, have others.
    pub fn finds_another_token(&self) -> bool {
        let mut targets = self.demand.outputs.iter().filter_map(Output::target);
        let has_another =
            |name| self.found.iter().any(|found| found.name() == name && found.has_another_token());
        targets.any(has_another)
    }

    /// Where the host is.
    pub fn addresses(&self) -> Option<&Addresses> {
        self.host.yes().map(|host| &*host.addresses)
    }
}
