//! Budgets of requests: so many in an hour, counted for a user or for an address.
//!
//! Source: <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api>.

use jiff::{SignedDuration, Timestamp};

/// Requests of a user in an hour, all tokens together.
pub(crate) const USER: u32 = 5_000;
/// Requests in an hour of an address without credentials, or with bad ones.
pub(crate) const ANONYMOUS: u32 = 60;

const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// The budget of one caller in a fixed window of an hour, which begins with the first request after the last window.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    limit: u32,
    remaining: u32,
    reset: Option<Timestamp>,
}

/// What the `X-RateLimit-*` headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    pub(crate) reset: Timestamp,
}

impl Rate {
    pub(crate) fn used(self) -> u32 {
        self.limit.saturating_sub(self.remaining)
    }
}

impl Budget {
    pub(crate) fn new(limit: u32) -> Budget {
        Budget { limit, remaining: limit, reset: None }
    }

    /// How things stand, without a request being counted.
    pub(crate) fn rate(&mut self, now: Timestamp) -> Rate {
        let reset = match self.reset {
            Some(reset) if now < reset => reset,
            _ => {
                self.remaining = self.limit;
                let reset = now.saturating_add(WINDOW).unwrap_or(Timestamp::MAX);
                // Epoch seconds in the header, so nothing finer in the decision.
                Timestamp::from_second(reset.as_second()).unwrap_or(reset)
            }
        };
        self.reset = Some(reset);
        Rate { limit: self.limit, remaining: self.remaining, reset }
    }

    /// Counts a request; `None` if there was nothing left for it.
    pub(crate) fn spend(&mut self, now: Timestamp) -> Option<Rate> {
        let rate = self.rate(now);
        let remaining = rate.remaining.checked_sub(1)?;
        self.remaining = remaining;
        Some(Rate { remaining, ..rate })
    }

    /// From now on so many requests until `reset`, then the full budget again.
    pub(crate) fn set(&mut self, remaining: u32, reset: Timestamp) {
        self.remaining = remaining.min(self.limit);
        self.reset = Some(reset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_begins_with_the_first_request_and_lasts_an_hour() {
        let start: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let later = start + SignedDuration::from_mins(59);
        let after = start + SignedDuration::from_mins(60);
        let mut budget = Budget::new(USER);
        assert_eq!(budget.spend(start), Some(Rate { limit: 5000, remaining: 4999, reset: after }));
        assert_eq!(budget.spend(later), Some(Rate { limit: 5000, remaining: 4998, reset: after }));
        assert_eq!(budget.spend(after).map(|rate| rate.remaining), Some(4999));
    }

    #[test]
    fn an_exhausted_budget_is_full_again_after_its_reset() {
        let start: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let reset = start + SignedDuration::from_secs(90);
        let mut budget = Budget::new(USER);
        budget.set(1, reset);
        assert_eq!(budget.spend(start), Some(Rate { limit: 5000, remaining: 0, reset }));
        assert_eq!(budget.spend(start), None);
        assert_eq!(budget.spend(reset).map(|rate| rate.remaining), Some(4999));
    }
}
