//! Whether a host is down, or limits everyone: then one scout asks it, and nobody else.

use jiff::{SignedDuration, Timestamp};

use super::{
    super::{Reason, answer::Deferral, token::HashedToken},
    Key,
    schedule::later,
    scouting::Scouting,
};

/// The number of failed questions in a row that opens the breaker.
const IN_A_ROW: u32 = 3;
/// The first pause between two scouts.
const FIRST: SignedDuration = SignedDuration::from_secs(10);
/// The longest to a host that is down: whoever mends it does not wait for longer than a minute until all that wait are asked about.
const LONGEST: SignedDuration = SignedDuration::from_secs(30);
/// The longest to a host that limits everyone. Without a named end GitHub wants pauses that grow:
/// <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api>
const LONGEST_OF_A_LIMIT: SignedDuration = SignedDuration::from_mins(5);

/// Closed while the host answers.
#[derive(Clone, Debug, Default)]
pub struct Breaker {
    failed: u32,
    open: Option<Open>,
}

/// A host that does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// What the last question brought.
    pub deferral: Deferral,
    scouting: Scouting,
}

/// Whether a deferral of the question about identity speaks of the host as a whole. `account_known` tells that a limit is that of one account.
pub const fn speaks_of_host(reason: Reason, account_known: bool) -> bool {
    match reason {
        Reason::RateLimited | Reason::SecondaryRateLimited => !account_known,
        reason => Deferral::new(reason).is_of_identity(),
    }
}

/// The longest pause between two scouts while this is what they bring.
fn longest(deferral: Deferral) -> SignedDuration {
    if deferral.is_of_identity() { LONGEST } else { LONGEST_OF_A_LIMIT }
}

impl Breaker {
    /// The clock was set back.
    pub fn set_back(&mut self, now: Timestamp) {
        if let Some(open) = &mut self.open {
            let latest = later(now, longest(open.deferral));
            open.deferral.until = open.deferral.until.map(|until| until.min(latest));
            open.scouting.set_back(now);
        }
    }

    /// The state, if it is open.
    pub const fn open(&self) -> Option<&Open> {
        self.open.as_ref()
    }

    /// True if a question about this token may go.
    pub fn lets(&self, key: &Key, now: Timestamp) -> bool {
        self.open.as_ref().is_none_or(|open| open.scouting.may(key, now))
    }

    /// The question goes; it is the scout if the breaker is open.
    pub fn send(&mut self, key: Key) {
        if let Some(open) = &mut self.open {
            open.scouting.send(key);
        }
    }

    /// The question that was to go will not.
    pub fn recall(&mut self, key: &Key) {
        if let Some(open) = &mut self.open {
            open.scouting.recall(key);
        }
    }

    /// No question about the token will be asked.
    pub fn forget(&mut self, token: &HashedToken) {
        if let Some(open) = &mut self.open {
            open.scouting.forget(token);
        }
    }

    /// What one that is turned away is told, and when it may come again.
    pub fn turn_away(&mut self, token: &HashedToken, now: Timestamp) -> Option<(Deferral, Timestamp)> {
        let open = self.open.as_mut()?;
        Some((open.deferral, open.scouting.turn_away(*token, now)))
    }

    /// An answer about a token came, so the host is there, or the way to it has changed. True if the breaker was open.
    pub fn answered(&mut self) -> bool {
        self.failed = 0;
        self.open.take().is_some()
    }

    /// A question brought a deferral.
    pub fn deferred(&mut self, key: &Key, deferral: Deferral, of_host: bool, now: Timestamp) {
        if let Some(open) = &mut self.open {
            if of_host {
                open.deferral = deferral;
                open.scouting.at_most(longest(deferral));
            }
            open.scouting.came_back(key, deferral.until, now);
            return;
        }
        if !of_host {
            return;
        }
        self.failed = self.failed.saturating_add(1);
        if self.failed >= IN_A_ROW {
            let next = later(now, FIRST).max(deferral.until.unwrap_or(Timestamp::MIN));
            let scouting = Scouting::new(next, FIRST.saturating_mul(2), longest(deferral));
            self.open = Some(Open { deferral, scouting });
        }
    }
}

#[cfg(test)]
mod tests;
