//! What sinks are told of a connection: that something is wrong with it, has changed, or is well again.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Reason, reason::Severity};

/// How grave it is, in the words of the alerts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// To be known.
    #[default]
    Info,
    /// A person has to act.
    Warning,
    /// What uses the token fails, or soon will.
    Critical,
}

/// The level of a token that ends within this many days. The alerts and the metrics use the same days.
pub const DAYS: [(Level, i64); 3] = [(Level::Critical, 3), (Level::Warning, 14), (Level::Info, 30)];

impl Level {
    /// That of a connection that is not Ready for this reason. Those are critical that are so as alerts.
    pub const fn of(reason: Reason) -> Level {
        match (reason.dead(), reason.severity()) {
            (Some(_), _) => Level::Critical,
            (None, Severity::Mend) => Level::Warning,
            (None, Severity::Fine | Severity::Note | Severity::Wait) => Level::Info,
        }
    }

    /// That of a token that ends within this time, by [`DAYS`].
    pub fn within(left: SignedDuration) -> Level {
        let days = DAYS.into_iter().find(|(_, days)| left.as_secs() <= days.saturating_mul(86_400));
        days.map_or(Level::Info, |(level, _)| level)
    }
}

/// Which condition it is about. Each is an incident of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum About {
    /// Whether the token serves its purposes.
    Ready,
    /// Whether the token ends soon.
    NotExpiring,
}

impl About {
    /// The type of the condition.
    pub const fn as_str(self) -> &'static str {
        match self {
            About::Ready => "Ready",
            About::NotExpiring => "NotExpiring",
        }
    }
}

/// Where an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It begins.
    Opened,
    /// It goes on in another way.
    Changed,
    /// It is over.
    Resolved,
}

impl State {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Opened => "Opened",
            State::Changed => "Changed",
            State::Resolved => "Resolved",
        }
    }
}

/// One change of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Which condition it is about.
    pub about: About,
    /// Where the incident stands.
    pub state: State,
    /// How grave it is now.
    pub level: Level,
    /// How grave it has been since it began, by which it is filtered: who was told that it opened is told that it is over.
    pub gravest: Level,
    /// How grave it had been before this; `None` unless it was wrong already.
    pub before: Option<Level>,
    /// When it changed.
    pub at: Timestamp,
    /// True, False or Unknown.
    pub status: &'static str,
    /// Why, in one word.
    pub reason: String,
    /// One sentence for a person; `None` of a change after which there was another one. Never holds any part of a token.
    pub message: Option<String>,
    /// Within which time of `warnBefore` the token ends; zero if it has ended.
    pub within: Option<SignedDuration>,
    /// When the token ends.
    pub ends: Option<Timestamp>,
}

impl Notice {
    /// The reason of the last one of a connection that was deleted: no status says it any more.
    pub const DELETED: &str = "Deleted";

    /// What goes on of it, if it was wrong already and so grave.
    #[must_use]
    pub fn after(self, before: Option<Level>) -> Notice {
        let state = if before.is_some() { State::Changed } else { State::Opened };
        Notice { state, before, ..self }
    }

    /// The same for the same change of the same connection, however often it is derived.
    pub fn id(&self, uid: &str) -> String {
        let (about, at) = (self.about.as_str(), self.at.as_second());
        match (self.within, self.ends) {
            (Some(within), Some(ends)) => {
                format!("{uid}.{about}.{at}.{}.{}", ends.as_second(), within.as_secs())
            }
            _ => format!("{uid}.{about}.{at}.{}", self.reason),
        }
    }

    /// The same for all changes of one condition of one connection: what opens an incident and what resolves it.
    pub fn incident(&self, uid: &str) -> String {
        format!("{uid}.{}", self.about.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_must_mend_is_a_warning_and_a_dead_token_is_critical() {
        let rows = [
            (Reason::BadCredentials, Level::Critical),
            (Reason::Expired, Level::Critical),
            (Reason::SecretNotFound, Level::Warning),
            (Reason::ScopeMissing, Level::Warning),
            (Reason::ServerError, Level::Info),
            (Reason::Suspended, Level::Info),
            (Reason::Ready, Level::Info),
        ];
        for (reason, expected) in rows {
            assert_eq!(Level::of(reason), expected, "{reason:?}");
        }
        let within =
            [0, 24, 72, 73, 168, 336, 337, 720].map(|hours| Level::within(SignedDuration::from_hours(hours)));
        use Level::{Critical, Info, Warning};
        assert_eq!(within, [Critical, Critical, Critical, Warning, Warning, Warning, Info, Info]);
        let beyond = [259_201, 1_209_601].map(|seconds| Level::within(SignedDuration::from_secs(seconds)));
        assert_eq!(beyond, [Warning, Info], "a second beyond three days, and beyond fourteen");
    }
}
