//! When and in which order a host may be asked about tokens.
//!
//! Time is an argument: nothing here reads a clock, waits or draws a random number.

pub mod admission;
pub mod breaker;
pub mod budget;
pub mod clock;
pub mod incident;
pub mod logins;
pub mod queue;
pub mod schedule;
pub mod scouting;
pub mod unanswered;

use std::sync::Arc;

use jiff::SignedDuration;

use super::{
    probe::Probe,
    token::{HashedToken, Token},
};

/// What knowledge belongs to: a token on a host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The name of the host in the settings.
    pub host: Arc<str>,
    /// The token.
    pub token: HashedToken,
}

/// How soon a question goes, compared with the others that wait. Each waits for all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// A new token stands where an accepted one stood.
    Rotated,
    /// Nothing is known of the token yet.
    New,
    /// A refusal or an expiry is to be confirmed.
    Confirm,
    /// The last question brought no answer.
    Retry,
    /// An accepted token is due again.
    Routine,
    /// The token was never accepted, and its checksum is wrong on github.com.
    Dubious,
}

impl Urgency {
    /// True of what nothing new depends on: what is known of the token holds meanwhile.
    pub const fn can_wait(self) -> bool {
        matches!(self, Urgency::Retry | Urgency::Routine | Urgency::Dubious)
    }

    /// All, the first served first.
    pub const ALL: [Urgency; 6] = [
        Urgency::Rotated,
        Urgency::New,
        Urgency::Confirm,
        Urgency::Retry,
        Urgency::Routine,
        Urgency::Dubious,
    ];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Urgency::Rotated => "Rotated",
            Urgency::New => "New",
            Urgency::Confirm => "Confirm",
            Urgency::Retry => "Retry",
            Urgency::Routine => "Routine",
            Urgency::Dubious => "Dubious",
        }
    }
}

/// The settings that govern how much a host is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long after a first refusal the confirming question comes.
    pub confirm_after: SignedDuration,
    /// The shortest time between two questions about one token, but for one confirmation.
    pub minimum_interval: SignedDuration,
    /// How long an incident holds refusals back at most.
    pub incident_hold: SignedDuration,
    /// How many 401 a host may answer in an hour before tokens that were never accepted wait.
    pub failed_logins_per_hour: u32,
    /// The share of one namespace in that.
    pub failed_logins_per_namespace: u32,
    /// How many points are spent on a host in any minute; a GET costs one.
    pub points_per_minute: u32,
    /// How many questions are on their way to a host at once.
    pub concurrency: u16,
    /// How much of an account's hourly limit is spent, in hundredths of a percent.
    pub account_share: u32,
}

/// One question that waits to be asked. It holds the bytes of the token, so it is dropped with its answer.
#[derive(Clone, Debug)]
pub struct Question {
    /// What is sent to the host and nowhere else.
    pub token: Token,
    /// Its hash.
    pub hashed: HashedToken,
    /// What is asked.
    pub probe: Probe,
    /// How soon.
    pub urgency: Urgency,
    /// For a connection of this namespace.
    pub namespace: Arc<str>,
    /// True if the host has accepted the token before.
    pub accepted_before: bool,
    /// True if a refusal of the token is believed already, or the end that the host named has passed.
    pub condemned: bool,
    /// The id of the token's account, if it is known.
    pub account: Option<i64>,
}

impl Question {
    /// What may be asked only once at a time.
    pub fn key(&self) -> Key {
        (self.hashed, self.probe.clone())
    }
}

/// What tells two questions to a host apart.
pub type Key = (HashedToken, Probe);

#[cfg(test)]
pub(crate) mod tests;
