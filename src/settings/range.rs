//! What a setting may be: its default, its bounds and its unit, and the sentences that follow from them.

use jiff::SignedDuration;

use super::Error;
use crate::domain::duration::Duration;

/// A setting with bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// As in the file.
    pub name: &'static str,
    unit: Unit,
    /// What it is if nobody sets it, in seconds or as a number.
    pub default: u32,
    /// The smallest that is taken.
    pub least: u32,
    /// The largest that is taken.
    pub most: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Seconds,
    Count,
}

impl Range {
    pub(super) const fn duration(name: &'static str, default: u32, least: u32, most: u32) -> Self {
        Range { name, unit: Unit::Seconds, default, least, most }
    }

    pub(super) const fn count(name: &'static str, default: u32, least: u32, most: u32) -> Self {
        Range { name, unit: Unit::Count, default, least, most }
    }

    /// Type and bounds, as in `duration, 10s to 24h`.
    pub fn bounds(&self) -> String {
        let type_ = match self.unit {
            Unit::Seconds => "duration",
            Unit::Count => "number",
        };
        format!("{type_}, {} to {}", self.shown(self.least), self.shown(self.most))
    }

    /// The default as it would be written in the file.
    pub fn default(&self) -> String {
        self.shown(self.default)
    }

    /// The bounds as the help text of a flag has them, as in `From 10s to 24h`.
    pub fn help(&self) -> String {
        format!("From {} to {}", self.shown(self.least), self.shown(self.most))
    }

    /// The long name of the flag, without hyphens before it.
    pub fn flag(&self) -> String {
        let mut flag = String::new();
        for letter in self.name.chars() {
            if letter.is_ascii_uppercase() {
                flag.push('-');
            }
            flag.push(letter.to_ascii_lowercase());
        }
        flag
    }

    /// What is given if it is within the bounds, else the default.
    pub(super) fn checked_duration(&self, given: Option<Duration>) -> Result<SignedDuration, Error> {
        self.length(given).map_err(|message| Error::value(self.name, message))
    }

    /// The same, with the sentence alone where it goes wrong: a setting of a host stands at an index.
    pub(super) fn length(&self, given: Option<Duration>) -> Result<SignedDuration, String> {
        let given = given.unwrap_or(Duration::seconds(self.default));
        let within = given >= Duration::seconds(self.least) && given <= Duration::seconds(self.most);
        if within { Ok(given.get()) } else { Err(self.outside(given)) }
    }

    /// The same for a number.
    pub(super) fn checked_number<T: TryFrom<i64>>(&self, given: Option<i64>) -> Result<T, Error> {
        self.number(given).map_err(|message| Error::value(self.name, message))
    }

    /// The same, with the sentence alone.
    pub(super) fn number<T: TryFrom<i64>>(&self, given: Option<i64>) -> Result<T, String> {
        let given = given.unwrap_or(i64::from(self.default));
        let within = (i64::from(self.least)..=i64::from(self.most)).contains(&given);
        T::try_from(given).ok().filter(|_| within).ok_or_else(|| self.outside(given))
    }

    /// The bounds as a sentence has them, as in `10s and 24h`.
    pub fn between(&self) -> String {
        format!("{} and {}", self.shown(self.least), self.shown(self.most))
    }

    /// True if it is a length of time.
    pub fn is_duration(&self) -> bool {
        self.unit == Unit::Seconds
    }

    fn outside(&self, given: impl std::fmt::Display) -> String {
        format!("{given} is not between {}", self.between())
    }

    fn shown(&self, amount: u32) -> String {
        match self.unit {
            Unit::Seconds => Duration::seconds(amount).to_string(),
            Unit::Count => amount.to_string(),
        }
    }
}
