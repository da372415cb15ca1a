//! Answers that say nothing about a token, and that either trouble of the host or the text of that token may bring.
//!
//! They keep no other question back, so that no tenant holds up another. When the host answers somebody again, the next question
//! about each token that waits because of one is brought forward once. A token that stays so is asked about no more often for that.
//! While it answers nobody, one of them is asked about as often as of a host that is down.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::{super::token::HashedToken, schedule::later};

/// Doubled with each question that was brought forward in vain: how long until the next may be.
const REST: SignedDuration = SignedDuration::from_mins(1);
/// How often the pause is doubled at most.
const DOUBLED: u32 = 6;

/// The tokens of one host that wait because of such answers.
#[derive(Debug, Default)]
pub struct Unanswered {
    of: HashMap<HashedToken, Waiting>,
    /// How many of them take turns.
    turns: u32,
    /// True if one of them waits for the next answer about any token.
    is_due: bool,
}

/// One token, since its last answer.
#[derive(Debug, Default)]
struct Waiting {
    /// When its next question was brought forward last.
    brought_forward: Option<Timestamp>,
    /// True until that question has brought something.
    is_tried: bool,
    /// How many such questions brought the same again.
    in_vain: u32,
    /// True if the answer is none of GitHub's, so that it is asked about in turn with others like it.
    takes_turn: bool,
}

impl Waiting {
    /// True if its next question may be brought forward. `is_back` tells that a token which waited like this one was answered, which
    /// says more than that another was, as the host may have answered that one all the time.
    fn may(&self, is_back: bool, now: Timestamp) -> bool {
        let rest = REST.saturating_mul(1_i32 << self.in_vain.min(DOUBLED));
        let has_rested = self.brought_forward.is_none_or(|last| later(last, rest) <= now);
        !self.is_tried && (self.in_vain == 0 || is_back && has_rested)
    }
}

impl Unanswered {
    /// The clock was set back.
    pub fn set_back(&mut self, now: Timestamp) {
        for waiting in self.of.values_mut() {
            waiting.brought_forward = waiting.brought_forward.map(|at| at.min(now));
        }
    }

    /// A question brought such an answer. `is_foreign` tells that it is none of GitHub's.
    pub fn heard(&mut self, token: HashedToken, is_foreign: bool) {
        let waiting = self.waits(token, is_foreign);
        if std::mem::take(&mut waiting.is_tried) {
            waiting.in_vain = waiting.in_vain.saturating_add(1);
        }
        self.is_due |= waiting.in_vain == 0;
    }

    /// The process before this one had such an answer last.
    pub fn remember(&mut self, token: HashedToken, is_foreign: bool) {
        self.waits(token, is_foreign);
        self.is_due = true;
    }

    fn waits(&mut self, token: HashedToken, is_foreign: bool) -> &mut Waiting {
        let waiting = self.of.entry(token).or_default();
        if waiting.takes_turn != is_foreign {
            waiting.takes_turn = is_foreign;
            self.turns = if is_foreign { self.turns.saturating_add(1) } else { self.turns.saturating_sub(1) };
        }
        waiting
    }

    /// The host answered a question. `of` is the token if the answer says whether it is good. Gives the tokens whose next question is
    /// brought forward; one that is being asked about at this moment waits for what that brings.
    pub fn answered(
        &mut self,
        of: Option<&HashedToken>,
        is_asking: impl Fn(&HashedToken) -> bool,
        now: Timestamp,
    ) -> Vec<HashedToken> {
        // What was brought forward is answered because the host is back, which is known by then.
        let waited = of.and_then(|token| self.remove(token));
        let is_back = waited.is_some_and(|waiting| !waiting.is_tried);
        if !is_back && !self.is_due {
            return Vec::new();
        }
        self.is_due = false;
        let mut brought_forward = Vec::new();
        for (token, waiting) in self.of.iter_mut().filter(|(_, waiting)| waiting.may(is_back, now)) {
            if is_asking(token) {
                self.is_due |= waiting.in_vain == 0;
                continue;
            }
            (waiting.is_tried, waiting.brought_forward) = (true, Some(now));
            brought_forward.push(*token);
        }
        brought_forward
    }

    /// How many tokens take turns, if the host has answered nobody since the last of them came.
    pub fn count(&self) -> u32 {
        if self.is_due { self.turns } else { 0 }
    }

    /// When the next question about the token was brought forward last.
    pub fn brought_forward(&self, token: &HashedToken) -> Option<Timestamp> {
        self.of.get(token)?.brought_forward
    }

    /// Nobody asks about the token for the time being, so it takes no turn. What it brought before is kept.
    pub fn rest(&mut self, token: &HashedToken) {
        if let Some(waiting) = self.of.get_mut(token) {
            self.turns = self.turns.saturating_sub(std::mem::take(&mut waiting.takes_turn).into());
        }
    }

    /// Nobody wants to know about the token any more.
    pub fn forget(&mut self, token: &HashedToken) {
        self.remove(token);
    }

    fn remove(&mut self, token: &HashedToken) -> Option<Waiting> {
        let waiting = self.of.remove(token)?;
        self.turns = self.turns.saturating_sub(waiting.takes_turn.into());
        Some(waiting)
    }
}

#[cfg(test)]
mod tests;
