//! Whether a host refuses good tokens: several that it accepted before, within a short time.
//!
//! Then their refusals say nothing about them, for a while. A real revocation of many tokens looks the same, so it is believed after
//! that while, when each token was refused three times more.

use std::collections::{HashSet, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::{
    super::{probe::Probe, token::HashedToken},
    Key, Limits,
    schedule::{earlier, later},
    scouting::Scouting,
};

/// The number of distinct refused tokens that makes an incident.
const TOKENS: usize = 3;
/// The shortest time within which their refusals count together.
const SHORTEST_WINDOW: SignedDuration = SignedDuration::from_mins(1);
/// The first pause between two scouts, and the longest.
const PAUSES: (SignedDuration, SignedDuration) =
    (SignedDuration::from_secs(10), SignedDuration::from_mins(1));

/// The refusals of one host that may be the host's fault.
#[derive(Debug, Default)]
pub struct Incident {
    /// Tokens that were accepted before, in the order of their last refusals.
    refused: VecDeque<Refused>,
    open: Option<Open>,
    /// When that of the process before has ended, since it had lasted as long as it may.
    ended: Option<Timestamp>,
    /// When this process began to ask, or was told first of an incident of the process before, which began no later. So no status makes one
    /// last longer than that.
    taken_over: Option<Timestamp>,
    /// True if the host has accepted a token again that was held: what a status tells of an incident of before is over.
    has_recovered: bool,
}

#[derive(Debug)]
struct Refused {
    token: HashedToken,
    at: Timestamp,
    /// Whether the host has accepted any token since.
    accepts_others: bool,
}

#[derive(Debug)]
struct Open {
    started: Timestamp,
    /// The first refusal that belongs to it.
    first: Timestamp,
    /// Whether the host has accepted any token since that one.
    accepts_others: bool,
    held: HashSet<HashedToken>,
    /// Whether it began in the process before.
    goes_on: bool,
    /// Asks about the held ones, one at a time.
    scouting: Scouting,
    /// Asks about others, one at a time, while the host refuses whatever it is asked.
    witness: Scouting,
}

/// What a refusal means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// What it says.
    Refused,
    /// The host may be wrong: this token is held.
    Held,
    /// The host may be wrong: an incident begins, and all of these are held.
    Begins(Vec<HashedToken>),
}

impl Incident {
    /// The clock was set back.
    pub fn set_back(&mut self, now: Timestamp) {
        self.refused.iter_mut().for_each(|refused| refused.at = refused.at.min(now));
        [&mut self.ended, &mut self.taken_over].into_iter().flatten().for_each(|at| *at = (*at).min(now));
        if let Some(open) = &mut self.open {
            open.started = open.started.min(now);
            open.first = open.first.min(now);
            open.scouting.set_back(now);
            open.witness.set_back(now);
        }
    }

    /// Since when there is an incident.
    pub fn since(&self) -> Option<Timestamp> {
        self.open.as_ref().map(|open| open.started)
    }

    /// The first refusal of the incident.
    pub fn first(&self) -> Option<Timestamp> {
        self.open.as_ref().map(|open| open.first)
    }

    /// The same, or that of the incident that may begin.
    pub fn first_suspected(&self) -> Option<Timestamp> {
        self.first().or_else(|| self.refused.front().map(|refused| refused.at))
    }

    /// When the incident ends at the latest.
    pub fn ends(&self, limits: &Limits) -> Option<Timestamp> {
        self.since().map(|since| later(since, limits.incident_hold))
    }

    /// True if its refusals are held back.
    pub fn holds(&self, token: &HashedToken) -> bool {
        self.open.as_ref().is_some_and(|open| open.held.contains(token))
    }

    /// This process begins to ask: of before, it knows only what it is told from now on.
    pub fn take_over(&mut self, now: Timestamp) {
        *self = Incident { taken_over: Some(now), ..Incident::default() };
    }

    /// The process before held this good token back, until then at the latest: the incident goes on, and ends when it would have.
    pub fn remember(&mut self, token: HashedToken, ends: Timestamp, limits: &Limits, now: Timestamp) {
        let taken_over = *self.taken_over.get_or_insert(now);
        let started = earlier(ends, limits.incident_hold).min(taken_over);
        let ends = later(started, limits.incident_hold);
        if ends <= now {
            self.ended = self.ended.max(Some(ends));
            return;
        }
        if self.has_recovered {
            return;
        }
        let scouting = Scouting::new(now, PAUSES.0, PAUSES.1);
        let open = self.open.get_or_insert_with(|| Open {
            started,
            // Which logins failed within it, no status tells.
            first: now,
            accepts_others: false,
            held: HashSet::new(),
            goes_on: true,
            witness: scouting.clone(),
            scouting,
        });
        if open.goes_on && started >= open.started {
            if started > open.started {
                // The others are of one before, which is over.
                open.held.clear();
                open.started = started;
            }
            open.held.insert(token);
        }
    }

    /// True if that of the process before has just ended: what it held back is not to begin another one. Later than that the host may have
    /// been well meanwhile, which nobody saw.
    pub fn has_just_ended(&self, limits: &Limits, now: Timestamp) -> bool {
        self.open.is_none() && self.ended.is_some_and(|ended| now < later(ended, window(limits)))
    }

    /// A token was refused. `counts` tells that it was accepted before and that nothing spoke against it yet.
    pub fn refused(&mut self, token: HashedToken, counts: bool, limits: &Limits, now: Timestamp) -> Meaning {
        if let Some(open) = &mut self.open {
            let key = (token, Probe::Identity);
            open.held.insert(token);
            open.scouting.came_back(&key, None, now);
            open.witness.came_back(&key, None, now);
            return Meaning::Held;
        }
        if !counts {
            return Meaning::Refused;
        }
        let counts = |at: Timestamp| at >= earlier(now, window(limits)) && at <= now;
        self.refused.retain(|other| other.token != token && counts(other.at));
        self.refused.push_back(Refused { token, at: now, accepts_others: false });
        if self.refused.len() < TOKENS {
            return Meaning::Refused;
        }
        let first = self.refused.front();
        let (first, accepts_others) =
            first.map_or((now, false), |refused| (refused.at, refused.accepts_others));
        let refused = std::mem::take(&mut self.refused).into_iter();
        let held: Vec<_> = refused.map(|refused| refused.token).collect();
        let scouting = Scouting::new(later(now, PAUSES.0), PAUSES.0, PAUSES.1);
        let of = held.iter().copied().collect();
        let witness = scouting.clone();
        let (started, goes_on) = (now, false);
        self.open = Some(Open { started, first, accepts_others, held: of, goes_on, scouting, witness });
        Meaning::Begins(held)
    }

    /// A token was accepted. Gives those that are held no longer, if that ends the incident.
    pub fn accepted(&mut self, token: &HashedToken) -> Option<HashSet<HashedToken>> {
        self.refused.retain(|refused| refused.token != *token);
        self.refused.iter_mut().for_each(|refused| refused.accepts_others = true);
        self.open.iter_mut().for_each(|open| open.accepts_others = true);
        let over = self.open.take_if(|open| open.held.contains(token))?;
        self.has_recovered = true;
        Some(over.held)
    }

    /// A question brought neither.
    pub fn deferred(&mut self, key: &Key, until: Option<Timestamp>, now: Timestamp) {
        if let Some(open) = &mut self.open {
            open.scouting.came_back(key, until, now);
            open.witness.came_back(key, until, now);
        }
    }

    /// Gives those that are held no longer, if the incident has lasted as long as it may.
    pub fn lapse(&mut self, limits: &Limits, now: Timestamp) -> Option<HashSet<HashedToken>> {
        let hold = limits.incident_hold;
        // Nobody is held any more once those who used the tokens are gone.
        let over = |open: &mut Open| {
            open.held.is_empty() || now >= later(open.started, hold) || now < earlier(open.started, hold)
        };
        let over = self.open.take_if(over)?;
        if over.goes_on && now >= later(over.started, hold) {
            self.ended = self.ended.max(Some(later(over.started, hold)));
        }
        Some(over.held)
    }

    /// The token that the process before held back is used no more.
    pub fn leave(&mut self, token: &HashedToken) {
        if let Some(open) = self.open.as_mut().filter(|open| open.goes_on) {
            open.held.remove(token);
        }
    }

    /// True if a question about this token may go: any without an incident; within one a scout at a time about those that are
    /// held, and of the others all if the host has accepted any token since it began, else one at a time.
    pub fn lets(&self, key: &Key, now: Timestamp) -> bool {
        let Some(open) = &self.open else { return true };
        if open.held.contains(&key.0) {
            return open.scouting.may(key, now);
        }
        open.accepts_others || open.witness.may(key, now)
    }

    /// The question goes.
    pub fn send(&mut self, key: Key) {
        if let Some(open) = &mut self.open {
            let scouting = if open.held.contains(&key.0) { &mut open.scouting } else { &mut open.witness };
            scouting.send(key);
        }
    }

    /// The question that was to go will not.
    pub fn recall(&mut self, key: &Key) {
        if let Some(open) = &mut self.open {
            open.scouting.recall(key);
            open.witness.recall(key);
        }
    }

    /// The token is of no interest any more.
    pub fn forget(&mut self, token: &HashedToken) {
        if let Some(open) = &mut self.open {
            open.scouting.forget(token);
            open.witness.forget(token);
            open.held.remove(token);
        }
        self.refused.retain(|refused| refused.token != *token);
    }

    /// When one that is turned away may come again.
    pub fn turn_away(&mut self, token: &HashedToken, now: Timestamp) -> Option<Timestamp> {
        let open = self.open.as_mut()?;
        let scouting = if open.held.contains(token) { &mut open.scouting } else { &mut open.witness };
        Some(scouting.turn_away(*token, now))
    }
}

/// The time within which refusals count together.
fn window(limits: &Limits) -> SignedDuration {
    limits.confirm_after.saturating_mul(2).max(SHORTEST_WINDOW)
}

#[cfg(test)]
mod tests;
