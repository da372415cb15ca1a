//! Whether a connection is fine, warned or broken, as a page counts them.

use std::str::FromStr;

use serde::Serialize;

use crate::{sheet::Colour, summary::Summary};

/// How a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Health {
    Broken,
    Warned,
    Fine,
}

impl Health {
    pub(super) const ALL: [Health; 3] = [Health::Broken, Health::Warned, Health::Fine];

    pub(super) fn of(summary: &Summary) -> Self {
        Health::from(summary.colour())
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Health::Fine => "fine",
            Health::Warned => "warned",
            Health::Broken => "broken",
        }
    }

    /// What tells it without a colour.
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Health::Fine => "✓",
            Health::Warned => "!",
            Health::Broken => "✗",
        }
    }
}

impl FromStr for Health {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let health = Health::ALL.into_iter().find(|health| health.word() == text);
        health.ok_or("health is one of broken, warned, fine")
    }
}

impl From<Colour> for Health {
    fn from(colour: Colour) -> Self {
        match colour {
            Colour::Bad => Health::Broken,
            Colour::Warn => Health::Warned,
            Colour::Good | Colour::Faint | Colour::Strong => Health::Fine,
        }
    }
}

/// How many there are of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    pub(super) broken: usize,
    pub(super) warned: usize,
    pub(super) fine: usize,
}

impl Counts {
    pub(super) fn add(&mut self, health: Health) {
        let count = match health {
            Health::Fine => &mut self.fine,
            Health::Warned => &mut self.warned,
            Health::Broken => &mut self.broken,
        };
        *count = count.saturating_add(1);
    }

    pub(super) const fn of(&self, health: Health) -> usize {
        match health {
            Health::Fine => self.fine,
            Health::Warned => self.warned,
            Health::Broken => self.broken,
        }
    }
}
