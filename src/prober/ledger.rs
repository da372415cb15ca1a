//! What this process has heard from one host about each token. Nothing here comes from a status.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::domain::{
    Reason,
    answer::{Answer, Deferral, Reply},
    knowledge::Knowledge,
    token::HashedToken,
};

/// One entry for each token that a connection uses.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    of: HashMap<HashedToken, Box<Entry>>,
}

/// What was heard about a token.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// The replies.
    pub(super) knowledge: Knowledge,
    /// When it was asked about last.
    pub(super) asked: Option<Timestamp>,
    /// True if it was accepted before, by what this process or a connection's status knows.
    pub(super) accepted_before: bool,
    /// True if an incident held its refusals back, and it was not accepted since.
    pub(super) was_held: bool,
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

    /// Every entry, to be changed.
    pub(super) fn entries(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.of.values_mut().map(|entry| &mut **entry)
    }

    /// Drops the entry, and gives memory back when much of it is unused.
    pub(super) fn forget(&mut self, token: &HashedToken) {
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

    /// The tokens about which the last question brought no answer.
    pub(super) fn deferred(&self) -> impl Iterator<Item = HashedToken> {
        self.of.iter().filter(|(_, entry)| entry.knowledge.deferred.is_some()).map(|(token, _)| *token)
    }
}

impl Entry {
    /// Takes in the reply to a question. `needed` is how many refusals make one believed.
    pub(super) fn learn(&mut self, reply: Reply, needed: i32, asked: Timestamp) {
        if matches!(reply, Reply::Answer(Answer::Granted(_))) {
            self.accepted_before = true;
            self.was_held = false;
        }
        self.knowledge.learn_of(reply, needed, asked);
    }

    /// Keeps a deferral of the whole host for this token. True if that is news.
    pub(super) fn defer(&mut self, deferral: Deferral, now: Timestamp) -> bool {
        let before = self.knowledge.deferred;
        self.knowledge.learn(Reply::Deferral(deferral), now);
        self.knowledge.deferred != before
    }

    /// Takes back what the host refused during an incident.
    pub(super) fn hold(&mut self, now: Timestamp) {
        self.knowledge.take_back(Reason::HostRefusesMany, now);
    }
}
