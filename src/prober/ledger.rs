//! What this process has heard from one host about each token. Nothing here comes from a status.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;

use crate::domain::{
    Reason,
    answer::{Answer, Deferral, Expiry, Grant, Reply},
    knowledge::{Deferred, Hidden, Knowledge, Proofs, Proven, Refused},
    probe::Probe,
    second::Second,
    token::HashedToken,
};

/// One entry for each token that a connection uses.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    of: HashMap<HashedToken, Box<Entry>>,
    /// The tokens that nobody uses any more, and since when, the first first.
    unused: VecDeque<(HashedToken, Timestamp)>,
}

/// The most purposes of one token that are remembered. One connection can demand 576: 16 repositories with as many pushes, 32 permissions
/// on each of them, 8 organizations with the memberships, 8 images. What is forgotten is asked again. The share of an account is a
/// thousand questions an hour, so with the default `proofInterval` it is spent before so many are known.
const PURPOSES: usize = 8192;
/// The most tokens that are remembered while no connection uses them.
const UNUSED: usize = 1024;

/// What was heard about a token. Most tokens are accepted and nothing else is to be said, so the rest has a place of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    grant: Option<(Grant, Timestamp)>,
    first_proven: Option<Second>,
    rest: Option<Box<Rest>>,
    /// When it was asked about last.
    pub(super) asked: Option<Timestamp>,
    /// When the answer to that came, or that there is none.
    pub(super) answered: Option<Second>,
    /// True if it was accepted before, by what this process or a connection's status knows.
    pub(super) accepted_before: bool,
    /// True if the last question confirmed something, sooner after the one before than `minimum_interval`.
    pub(super) hurried: bool,
    /// True if the answer to a question beside identity said since that the token is no good, or the host refused many when the process before
    /// ended.
    pub(super) suspected: bool,
    /// Since when nobody uses it, if nobody does.
    unused: Option<Second>,
    /// True while no connection that uses it has it asked about: each is suspended, has lost the Secret, or cannot be read.
    unasked: bool,
    /// True if an incident held its refusals back, and it was not accepted since.
    pub(super) was_held: bool,
}

/// What speaks against an acceptance, or may, and what was proven beside identity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rest {
    before: Option<Box<Grant>>,
    refused: Option<Refused>,
    deferred: Option<Deferred>,
    proofs: Proofs,
    hidden: Hidden,
}

impl Ledger {
    /// The entry of the token, made if there is none.
    pub(super) fn open(&mut self, token: HashedToken) -> &mut Entry {
        self.of.entry(token).or_default()
    }

    /// The entry of the token.
    pub(super) fn get(&self, token: &HashedToken) -> Option<&Entry> {
        self.of.get(token).map(|entry| &**entry)
    }

    /// The entry of the token, to be changed.
    pub(super) fn get_mut(&mut self, token: &HashedToken) -> Option<&mut Entry> {
        self.of.get_mut(token).map(|entry| &mut **entry)
    }

    /// True if somebody uses the token.
    pub(super) fn is_used(&self, token: &HashedToken) -> bool {
        self.get(token).is_some_and(|entry| entry.unused.is_none())
    }

    /// The clock was set back: nothing that was heard lies ahead.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        self.entries().for_each(|(_, entry)| entry.set_back(now));
        self.unused.iter_mut().for_each(|(_, at)| *at = (*at).min(now));
    }

    /// Every entry, to be changed.
    pub(super) fn entries(&mut self) -> impl Iterator<Item = (&HashedToken, &mut Entry)> {
        self.of.iter_mut().map(|(token, entry)| (token, &mut **entry))
    }

    /// Somebody uses the token.
    pub(super) fn keep(&mut self, token: &HashedToken) {
        if let Some(entry) = self.get_mut(token) {
            entry.unused = None;
        }
    }

    /// Whether a connection has the token asked about.
    pub(super) fn has_asker(&mut self, token: &HashedToken, has: bool) {
        if let Some(entry) = self.get_mut(token) {
            entry.unasked = !has;
        }
    }

    /// Nobody uses the token any more. It is remembered for a while all the same: who takes it out and puts it back again and again
    /// has it asked about no more often for that.
    pub(super) fn leave(&mut self, token: &HashedToken, now: Timestamp) {
        if let Some(entry) = self.get_mut(token) {
            entry.unused = Some(now.into());
            self.unused.push_back((*token, now));
        }
    }

    /// Drops what nobody has used since then.
    pub(super) fn drop_unused(&mut self, since: Timestamp) {
        while let Some((token, at)) = self.unused.front().copied() {
            if at > since && self.unused.len() <= UNUSED {
                return;
            }
            self.unused.pop_front();
            if self.get(&token).is_some_and(|entry| entry.unused == Some(at.into())) {
                self.forget(&token);
            }
        }
        self.unused.shrink_to(0);
    }

    /// Drops the entry, and gives memory back when much of it is unused.
    fn forget(&mut self, token: &HashedToken) {
        self.of.remove(token);
        if self.of.len().saturating_mul(4) < self.of.capacity() {
            self.of.shrink_to(self.of.len().saturating_mul(2));
        }
    }

    /// How many entries there are, and for how many there is room.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.of.len(), self.of.capacity())
    }

    /// What an entry takes, beside the texts of its account and scopes.
    #[cfg(test)]
    pub(super) const fn bytes_of_an_entry() -> usize {
        size_of::<(HashedToken, Box<Entry>, Entry)>()
    }

    /// A token that shows whether the host still accepts tokens at all: one that was accepted, that nothing speaks against, that is asked
    /// about and was not since then, and that belongs to another account if possible; of those the one that was asked about longest ago.
    pub(super) fn witness(&self, beside: &HashedToken, since: Timestamp) -> Option<HashedToken> {
        let account = self.get(beside).and_then(Entry::account);
        let is_good = |entry: &Entry| {
            let in_doubt = entry.awaits_confirmation() || entry.is_deferred() || entry.suspected;
            // Before the first question of this process, a status may know that it was accepted.
            let was_accepted = entry.grant.is_some() || entry.asked.is_none() && entry.accepted_before;
            was_accepted && !in_doubt && entry.unused.is_none() && !entry.unasked
        };
        let witnesses = self.of.iter().filter(|(token, entry)| *token != beside && is_good(entry));
        let asked = witnesses.filter_map(|(token, entry)| {
            let asked = entry.asked.unwrap_or(Timestamp::MIN);
            (asked <= since).then(|| (account.is_some() && entry.account() == account, asked, *token))
        });
        asked.min_by_key(|(same_account, asked, _)| (*same_account, *asked)).map(|(.., token)| token)
    }

    /// The tokens about which the last question brought no answer.
    pub(super) fn deferred(&self) -> impl Iterator<Item = HashedToken> {
        self.of.iter().filter(|(_, entry)| entry.is_deferred()).map(|(token, _)| *token)
    }
}

impl Entry {
    /// The replies.
    pub(super) fn knowledge(&self) -> Knowledge {
        let Rest { before, refused, deferred, proofs, hidden } =
            self.rest.as_deref().cloned().unwrap_or_default();
        let (grant, first_proven) = (self.grant.clone(), self.first_proven.map(Timestamp::from));
        Knowledge { grant, before, refused, first_proven, deferred, proofs, hidden }
    }

    /// The account of the token, if it was told.
    pub(super) fn account(&self) -> Option<i64> {
        let (grant, _) = self.grant.as_ref()?;
        Some(grant.account.as_ref()?.id)
    }

    /// True if this process has heard it accepted.
    pub(super) const fn is_granted(&self) -> bool {
        self.grant.is_some()
    }

    /// The end that the last acceptance named.
    pub(super) fn expiry(&self) -> Option<Expiry> {
        self.grant.as_ref().map(|(grant, _)| grant.expiry)
    }

    /// The refusals since the last acceptance.
    pub(super) fn refused(&self) -> Option<Refused> {
        self.rest.as_ref()?.refused
    }

    /// True if the next answer confirms or disproves the last one.
    pub(super) fn awaits_confirmation(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| rest.refused.is_some() || rest.before.is_some())
    }

    /// What was deferred since the last answer.
    pub(super) fn deferred(&self) -> Option<Deferral> {
        Some(self.rest.as_ref()?.deferred?.deferral)
    }

    /// True if the last question about it, or about one of its purposes, brought no answer.
    fn is_deferred(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| {
            rest.deferred.is_some() || rest.proofs.values().any(|proven| proven.deferred.is_some())
        })
    }

    fn change(&mut self, change: impl FnOnce(&mut Knowledge)) {
        let Rest { before, refused, deferred, proofs, hidden } = *self.rest.take().unwrap_or_default();
        let (grant, first_proven) = (self.grant.take(), self.first_proven.map(Timestamp::from));
        let mut knowledge = Knowledge { grant, before, refused, first_proven, deferred, proofs, hidden };
        change(&mut knowledge);
        let Knowledge { grant, before, refused, first_proven, deferred, proofs, hidden } = knowledge;
        (self.grant, self.first_proven) = (grant, first_proven.map(Second::from));
        let rest = Rest { before, refused, deferred, proofs, hidden };
        self.rest = (rest != Rest::default()).then(|| Box::new(rest));
    }

    /// Takes in which organizations single sign-on left out of an answer.
    pub(super) fn hide(&mut self, probe: &Probe, numbers: &[i64]) {
        if self.rest.is_some() || !numbers.is_empty() {
            self.change(|knowledge| knowledge.hidden.learn(probe, numbers));
        }
    }

    /// Takes in the reply to a question. `needed` is how many refusals make one believed.
    pub(super) fn learn(&mut self, reply: Reply, needed: i32, asked: Timestamp) {
        if matches!(reply, Reply::Answer(Answer::Granted(_))) {
            self.accepted_before = true;
            self.was_held = false;
        }
        self.change(|knowledge| knowledge.learn_of(reply, needed, asked));
    }

    /// Takes in the reply to a question about one purpose of the token. Whether the token is good is for identity to tell, which is
    /// due at once if this reply speaks against it.
    pub(super) fn prove(&mut self, probe: &Probe, reply: Reply, asked: Timestamp) {
        let is_refused = matches!(reply, Reply::Answer(Answer::Refused(_)));
        let is_first_denial = |proven: &Proven| proven.heard == 1 && proven.doubted.is_some();
        self.purpose(probe, |proven| match reply {
            Reply::Answer(Answer::Proof(proof)) => proven.learn(proof, asked),
            Reply::Deferral(deferral) => proven.defer(deferral, asked),
            Reply::Answer(_) => proven.defer(Deferral::new(Reason::UnexplainedUnauthorized), asked),
        });
        // A registry answers in the same way to a token that is dead.
        let proven = self.rest.as_ref().and_then(|rest| rest.proofs.get(probe));
        let is_denied = matches!(probe, Probe::Package(_)) && proven.is_some_and(is_first_denial);
        self.suspected |= is_refused || is_denied;
    }

    /// Changes what is known of one purpose. Beyond the limit, the one that was asked about longest ago is dropped.
    fn purpose(&mut self, probe: &Probe, change: impl FnOnce(&mut Proven)) {
        self.change(|knowledge| {
            change(knowledge.proofs.entry(probe.clone()).or_default());
            if knowledge.proofs.len() > PURPOSES {
                let oldest = knowledge.proofs.iter().min_by_key(|(_, proven)| proven.asked);
                let oldest = oldest.map(|(probe, _)| probe.clone());
                oldest.and_then(|oldest| knowledge.proofs.remove(&oldest));
            }
        });
    }

    /// Keeps that a question about one purpose was not taken. True if that is news.
    pub(super) fn turn_away(&mut self, probe: &Probe, deferral: Deferral, now: Timestamp) -> bool {
        let reason = |entry: &Entry| {
            let proven = entry.rest.as_ref()?.proofs.get(probe)?;
            proven.deferred.map(|deferred| deferred.deferral.reason)
        };
        let before = reason(self);
        self.purpose(probe, |proven| proven.turn_away(deferral, now));
        before != Some(deferral.reason)
    }

    /// Keeps a deferral of the whole host for this token. True if that is news.
    pub(super) fn defer(&mut self, deferral: Deferral, now: Timestamp) -> bool {
        let before = self.rest.as_ref().and_then(|rest| rest.deferred);
        self.change(|knowledge| knowledge.learn(Reply::Deferral(deferral), now));
        self.rest.as_ref().and_then(|rest| rest.deferred) != before
    }

    fn set_back(&mut self, now: Timestamp) {
        let second = Second::from(now);
        self.asked = self.asked.map(|at| at.min(now));
        self.answered = self.answered.map(|at| at.min(second));
        self.unused = self.unused.map(|at| at.min(second));
        self.change(|knowledge| knowledge.set_back(now));
    }

    /// Takes back what the host refused during an incident.
    pub(super) fn hold(&mut self, why: Deferral, now: Timestamp) {
        self.change(|knowledge| knowledge.take_back(why, now));
    }
}
