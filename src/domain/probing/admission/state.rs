//! How a host stands, for those who only look: what waits for it, what is spent, what keeps it from being asked.

use jiff::{SignedDuration, Timestamp};

use super::{
    super::{super::Reason, Urgency, budget::Rate},
    Admission,
};

/// How a host stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostState {
    /// How many questions wait, and since when the oldest of them does, by urgency as in [`Urgency::ALL`].
    pub waiting: [(usize, Option<Timestamp>); Urgency::ALL.len()],
    /// How many questions are on their way.
    pub asking: usize,
    /// How many points may be spent at once when none were spent.
    pub points: u32,
    /// How many of these are spent and have not come back.
    pub points_spent: u32,
    /// How many accounts are not asked for, since the limit that GitHub has for them is spent.
    pub accounts_blocked: usize,
    /// How many logins failed within the last hour.
    pub failed_logins: usize,
    /// How many may.
    pub failed_logins_limit: u32,
    /// What the last question brought, if the host gives no answers.
    pub breaker: Option<Reason>,
    /// Whether refusals of the host are not believed at present.
    pub incident: bool,
    /// How much its clock is ahead of ours.
    pub clock_offset: SignedDuration,
    /// How many answers had a date that was not used.
    pub clock_outliers: u64,
}

impl Admission {
    /// How the host stands.
    pub fn state(&self, now: Timestamp) -> HostState {
        let rate = Rate::points(&self.limits);
        HostState {
            waiting: self.queue.waiting(),
            asking: self.asking.len(),
            points: rate.burst(),
            points_spent: self.points.missing(rate, now),
            accounts_blocked: self.accounts.count_blocked(now),
            failed_logins: self.logins.count(now),
            failed_logins_limit: self.limits.failed_logins_per_hour,
            breaker: self.breaker.open().map(|open| open.deferral.reason),
            incident: self.incident.since().is_some(),
            clock_offset: self.clock.offset(),
            clock_outliers: self.clock.outliers(),
        }
    }
}
