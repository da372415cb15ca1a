//! Budgets of requests: so many in an hour, counted for a user or for an address.
//!
//! Source: <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api>.

use crate::refusal::Refused;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// Requests of a user in an hour, all tokens together.
pub(crate) const USER: u32 = 5_000;
/// Requests in an hour of an address without credentials, or with bad ones.
pub(crate) const ANONYMOUS: u32 = 60;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// How many requests without good credentials an address has, and what it gets when they are spent.
///
/// The default is what is known of GitHub: 60 an hour, and 401 as before when they are spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AddressLimit {
    /// Requests in a window; `X-RateLimit-Limit` of an anonymous caller and of a 401 shows it.
    pub requests: u32,
    /// How long a window lasts, from its first request on, by the simulator's clock. It ends at a whole second.
    pub window: SignedDuration,
    /// What comes then.
    pub when_spent: WhenSpent,
}

/// What an address gets that has spent its requests without good credentials, until the window ends.
///
/// GitHub documents that bad credentials count for the address, and that too many of them lock the user out; what it does in
/// which order was never recorded. So a test says which it means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WhenSpent {
    /// The same as before: 401 to bad credentials, with `X-RateLimit-Remaining: 0`. Good tokens do not notice.
    #[default]
    AsBefore,
    /// 403 `API rate limit exceeded` to bad credentials and to none. Good tokens do not notice.
    ///
    /// Source: <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit>.
    RateLimited,
    /// 403 `Maximum number of login attempts exceeded` to all credentials, good ones too.
    ///
    /// Source: <https://docs.github.com/rest/authentication/authenticating-to-the-rest-api#failed-login-limit>.
    LockedOut,
}

/// The budget of one caller in a fixed window, which begins with the first request after the last window.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    limit: u32,
    window: SignedDuration,
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

impl Default for AddressLimit {
    fn default() -> AddressLimit {
        AddressLimit { requests: ANONYMOUS, window: HOUR, when_spent: WhenSpent::default() }
    }
}

impl AddressLimit {
    /// Whether its window ends in the future.
    pub(crate) fn check(self) -> Result<AddressLimit, Refused> {
        match self.window.as_secs() {
            ..1 => Err(Refused::new("window", "it lasts a second at least")),
            _ => Ok(self),
        }
    }

    pub(crate) fn budget(self) -> Budget {
        Budget { limit: self.requests, window: self.window, remaining: self.requests, reset: None }
    }
}

impl Budget {
    /// The budget of a user.
    pub(crate) fn of_user() -> Budget {
        Budget { limit: USER, window: HOUR, remaining: USER, reset: None }
    }

    /// How things stand, without a request being counted.
    pub(crate) fn rate(&mut self, now: Timestamp) -> Rate {
        let reset = match self.reset {
            Some(reset) if now < reset => reset,
            _ => {
                self.remaining = self.limit;
                let reset = now.saturating_add(self.window).unwrap_or(Timestamp::MAX);
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
        let mut budget = Budget::of_user();
        assert_eq!(budget.spend(start), Some(Rate { limit: 5000, remaining: 4999, reset: after }));
        assert_eq!(budget.spend(later), Some(Rate { limit: 5000, remaining: 4998, reset: after }));
        assert_eq!(budget.spend(after).map(|rate| rate.remaining), Some(4999));
    }

    #[test]
    fn an_exhausted_budget_is_full_again_after_its_reset() {
        let start: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let reset = start + SignedDuration::from_secs(90);
        let mut budget = Budget::of_user();
        budget.set(1, reset);
        assert_eq!(budget.spend(start), Some(Rate { limit: 5000, remaining: 0, reset }));
        assert_eq!(budget.spend(start), None);
        assert_eq!(budget.spend(reset).map(|rate| rate.remaining), Some(4999));
    }
}
