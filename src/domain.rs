//! The vocabulary: what is wrong or unknown, as one reason for machines and one sentence for people.
//!
//! Everything below this module takes values and gives values: no clock, no network, no file, no randomness.

pub mod answer;
pub mod decide;
pub mod duration;
pub mod knowledge;
pub mod output;
pub mod probe;
pub mod probing;
pub mod reason;
pub mod requirement;
pub mod scopes;
pub mod token;

pub use self::reason::Reason;

/// What is wrong or unknown, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// For machines; documented in `docs/reasons.md`.
    pub reason: Reason,
    /// One sentence for a person: cause, then remedy. Never holds any part of a token.
    pub message: String,
}

impl Finding {
    /// A finding with this reason and sentence.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Finding { reason, message: message.into() }
    }
}

/// The outcome of a judgement: it holds, it does not, or nobody can tell yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged<T> {
    /// It holds, and this is what was found.
    Yes(T),
    /// It does not; at least one finding, the most important first.
    No(Vec<Finding>),
    /// It could not be determined.
    Unknown(Finding),
}

impl<T> Judged<T> {
    /// What was found, if it holds.
    pub fn yes(&self) -> Option<&T> {
        match self {
            Judged::Yes(value) => Some(value),
            Judged::No(_) | Judged::Unknown(_) => None,
        }
    }

    /// True if it definitely does not hold.
    pub fn is_no(&self) -> bool {
        matches!(self, Judged::No(_))
    }

    /// The single finding that speaks against it.
    pub fn no(reason: Reason, message: impl Into<String>) -> Self {
        Judged::No(vec![Finding::new(reason, message)])
    }

    /// Undetermined, for this reason.
    pub fn unknown(reason: Reason, message: impl Into<String>) -> Self {
        Judged::Unknown(Finding::new(reason, message))
    }
}
