//! Lengths of time as Kubernetes writes them: `90s`, `30m`, `1h30m`, `720h`.

use std::{borrow::Cow, fmt, str::FromStr};

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

/// A length of time in whole seconds, not negative.
///
/// Written as hours, minutes and seconds, each with up to five digits, largest first: Go's notation without fractions,
/// which is what `metav1.Duration` reads. At most 99999h99999m99999s, so nothing computed from it can overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(into = "String")]
pub struct Duration(SignedDuration);

/// The rule by which the API server holds the field of this name to the notation and to the bounds, with one sentence for all
/// that can be wrong.
pub fn rules(field: &str, least: &str, most: &str) -> serde_json::Value {
    let pattern = Duration::PATTERN;
    let is_long = most.parse().is_ok_and(|most: Duration| most >= Duration::hours(720));
    let examples = if is_long { "30m, 1h30m or 720h" } else { "30m or 1h30m" };
    serde_json::json!([{
        "rule": format!(
            "self != '' && self.matches('{pattern}') && duration(self) >= duration('{least}') && \
             duration(self) <= duration('{most}')"
        ),
        "message": format!(
            "{field} must be a duration from {least} to {most}, written as hours, minutes and seconds: {examples}"
        ),
    }])
}

/// What a text is not, with an example of what would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a duration: write hours, minutes and seconds as in 30m, 1h30m or 720h")]
pub struct NotADuration;

impl Duration {
    /// The pattern of the text, for the schema and for rules.
    pub const PATTERN: &str = "^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$";

    /// This many seconds.
    pub const fn seconds(count: u32) -> Self {
        Duration(SignedDuration::from_secs(count as i64))
    }

    /// This many minutes.
    pub const fn minutes(count: u16) -> Self {
        Duration::seconds(60_u32.saturating_mul(count as u32))
    }

    /// This many hours.
    pub const fn hours(count: u16) -> Self {
        Duration::seconds(3600_u32.saturating_mul(count as u32))
    }

    /// As a duration to compute with.
    pub const fn get(self) -> SignedDuration {
        self.0
    }
}

impl FromStr for Duration {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Self, NotADuration> {
        let mut rest = text;
        let mut total: i64 = 0;
        for (unit, factor) in [('h', 3600_i64), ('m', 60), ('s', 1)] {
            let Some((digits, after)) = rest.split_once(unit) else { continue };
            if digits.is_empty() || digits.len() > 5 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(NotADuration);
            }
            let count: i64 = digits.parse().map_err(|_| NotADuration)?;
            total = total.saturating_add(count.saturating_mul(factor));
            rest = after;
        }
        if text.is_empty() || !rest.is_empty() {
            return Err(NotADuration);
        }
        Ok(Duration(SignedDuration::from_secs(total)))
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text)
    }
}

/// Reads a duration from a text, and says of anything else that a duration is wanted.
struct Text;

impl de::Visitor<'_> for Text {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as 30m, 1h30m or 720h")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
        text.parse().map_err(E::custom)
    }
}

impl From<Duration> for String {
    fn from(duration: Duration) -> String {
        duration.to_string()
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.0.as_secs();
        let parts = [(total / 3600, 'h'), (total % 3600 / 60, 'm'), (total % 60, 's')];
        if total == 0 {
            return f.write_str("0s");
        }
        parts.iter().filter(|(count, _)| *count > 0).try_for_each(|(count, unit)| write!(f, "{count}{unit}"))
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": 18 })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn kubernetes_notation_is_read() {
        let rows = [
            ("90s", 90),
            ("30m", 1800),
            ("1h30m", 5400),
            ("720h", 2_592_000),
            ("8784h", 31_622_400),
            ("0s", 0),
        ];
        for (text, seconds) in rows {
            assert_eq!(text.parse::<Duration>().unwrap().get().as_secs(), seconds, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "", "30", "m", "-1h", "1.5h", "1d", "30m1h", "1h1h", "999999h", "1e9h", "NaN", " 1h", "1h ",
            "１h",
        ] {
            assert_eq!(text.parse::<Duration>(), Err(NotADuration), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in 0_u32..=359_996_400) {
            let duration = Duration::seconds(seconds);
            prop_assert_eq!(duration.to_string().parse::<Duration>(), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,24}") {
            let _ = text.parse::<Duration>();
        }
    }
}
