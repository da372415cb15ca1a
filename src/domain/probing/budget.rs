//! How much may be asked of a host: points a minute, a share of each account's hour.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::{
    Limits, Urgency,
    schedule::{earlier, later},
};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// What GitHub allows an account in an hour, if its answers do not say otherwise:
/// <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>
const ACCOUNT_LIMIT: u32 = 5000;
/// GitHub counts what arrives. This is how much longer one question may be on its way than another.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_secs(1);

/// An allowance of so many in any window of this length, of which a part may go at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    burst: u32,
    every: SignedDuration,
}

impl Rate {
    /// `burst` at once, then evenly, so that in no window more than `limit` arrive.
    pub fn new(limit: u32, window: SignedDuration, burst: u32) -> Self {
        let burst = burst.clamp(1, limit.max(1));
        let evenly = i128::from(limit.saturating_sub(burst).max(1));
        // Rounded up: a little too slow is within the limit.
        let window = window.saturating_add(ON_ITS_WAY);
        let nanos = window.as_nanos().checked_div(evenly).unwrap_or(0).saturating_add(1);
        let every = SignedDuration::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX));
        Rate { burst, every }
    }

    /// The points of a minute; a tenth may go at once.
    pub fn points(limits: &Limits) -> Self {
        Rate::new(limits.points_per_minute, MINUTE, limits.points_per_minute / 10)
    }

    /// How many may go at once.
    pub const fn burst(self) -> u32 {
        self.burst
    }

    /// The share of an account's hour; half of it may go at once.
    fn share(limits: &Limits, limit: u32) -> Self {
        let share = limit.saturating_mul(limits.account_share) / 10_000;
        Rate::new(share, HOUR, share / 2)
    }
}

/// What was spent of a [`Rate`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// When all of it will have come back.
    full_at: Option<Timestamp>,
}

impl Spent {
    /// When one more may go; an instant that has passed means now.
    pub fn next(&self, rate: Rate) -> Timestamp {
        self.next_beside(rate, 0)
    }

    /// When one more may go that leaves so many of those that may go at once to others.
    fn next_beside(&self, rate: Rate, others: u32) -> Timestamp {
        let burst = rate.burst.saturating_sub(others.saturating_add(1));
        let ahead = rate.every.saturating_mul(i32::try_from(burst).unwrap_or(i32::MAX));
        self.full_at.map_or(Timestamp::MIN, |full| earlier(full, ahead))
    }

    /// Spends one.
    pub fn spend(&mut self, rate: Rate, now: Timestamp) {
        self.owe(rate, now);
        // A clock that was set back must not keep the host from being asked for longer than the rate does.
        let most = rate.every.saturating_mul(i32::try_from(rate.burst).unwrap_or(i32::MAX));
        self.full_at = self.full_at.min(Some(later(now, most)));
    }

    /// Counts one that was sent without being let: what comes next waits for it.
    pub fn owe(&mut self, rate: Rate, now: Timestamp) {
        let full = self.full_at.map_or(now, |full| full.max(now));
        self.full_at = Some(later(full, rate.every));
    }

    /// How many were spent and have not come back.
    pub fn missing(&self, rate: Rate, now: Timestamp) -> u32 {
        let left = self.full_at.map_or(SignedDuration::ZERO, |full| full.duration_since(now));
        let every = rate.every.as_nanos().max(1);
        let missing = left.as_nanos().max(0).saturating_add(every.saturating_sub(1)).checked_div(every);
        missing.and_then(|missing| u32::try_from(missing).ok()).unwrap_or(u32::MAX)
    }

    /// True if nothing is missing any more.
    pub fn is_full(&self, now: Timestamp) -> bool {
        self.full_at.is_none_or(|full| full <= now)
    }
}

/// What is known of the accounts' hourly limits. Accounts that nothing holds back are not kept.
#[derive(Debug, Default)]
pub struct Accounts {
    of: HashMap<i64, Account>,
    /// Beyond this many, those that nothing holds back are dropped.
    sweep_at: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    spent: Spent,
    /// `x-ratelimit-limit`, if it was told.
    limit: Option<u32>,
    /// The account's limit is spent until then.
    blocked: Option<Timestamp>,
}

impl Accounts {
    /// Until when the account's limit is spent, by whomever.
    pub fn blocked(&self, account: i64, now: Timestamp) -> Option<Timestamp> {
        self.of.get(&account)?.blocked.filter(|until| *until > now)
    }

    /// Until when our own share of the account's limit is spent. A question that can wait leaves a tenth of what may go at once to those
    /// that cannot: many that are due again and again would take each place from them.
    pub fn spent(
        &self,
        account: i64,
        limits: &Limits,
        urgency: Urgency,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let account = self.of.get(&account)?;
        let rate = account.rate(limits);
        let others = if urgency.can_wait() { rate.burst / 10 } else { 0 };
        Some(account.spent.next_beside(rate, others)).filter(|next| *next > now)
    }

    /// Counts a question.
    pub fn spend(&mut self, account: i64, limits: &Limits, now: Timestamp) {
        self.sweep(now);
        let account = self.of.entry(account).or_default();
        account.spent.spend(account.rate(limits), now);
    }

    /// Counts a request that was sent beside a question.
    pub fn owe(&mut self, account: i64, limits: &Limits, now: Timestamp) {
        let account = self.of.entry(account).or_default();
        account.spent.owe(account.rate(limits), now);
    }

    /// Takes in what an answer says of the account's limit.
    pub fn told(&mut self, account: i64, limit: u32) {
        if let Some(account) = self.of.get_mut(&account) {
            account.limit = Some(limit);
        }
    }

    /// Asks nothing of the account until then.
    pub fn block(&mut self, account: i64, until: Timestamp) {
        let account = self.of.entry(account).or_default();
        account.blocked = account.blocked.max(Some(until));
    }

    /// Of how many the limit is spent.
    pub fn count_blocked(&self, now: Timestamp) -> usize {
        self.of.values().filter(|account| account.blocked.is_some_and(|until| until > now)).count()
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// True if none is kept.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    fn sweep(&mut self, now: Timestamp) {
        if self.of.len() < self.sweep_at.max(64) {
            return;
        }
        self.of.retain(|_, account| {
            !account.spent.is_full(now) || account.blocked.is_some_and(|until| until > now)
        });
        self.sweep_at = self.of.len().saturating_mul(2);
        self.of.shrink_to(self.sweep_at);
    }
}

impl Account {
    fn rate(&self, limits: &Limits) -> Rate {
        Rate::share(limits, self.limit.unwrap_or(ACCOUNT_LIMIT))
    }
}

#[cfg(test)]
mod tests;
