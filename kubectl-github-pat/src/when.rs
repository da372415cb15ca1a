//! Instants and lengths of time as people read and write them.

use std::str::FromStr;

use github_pat_operator::domain::duration::Duration;
use jiff::{SignedDuration, Timestamp};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The date and the time of day to the minute.
pub(crate) fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// How far away it is, in the largest unit of which there are two at least.
pub(crate) fn distance(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.duration_since(now).as_secs();
    let (count, unit) = match seconds.saturating_abs() {
        near if near < 2 * MINUTE => return if at <= now { "just now" } else { "in a moment" }.to_owned(),
        minutes if minutes < 2 * HOUR => (minutes / MINUTE, "minutes"),
        hours if hours < 2 * DAY => (hours / HOUR, "hours"),
        days => (days / DAY, "days"),
    };
    if seconds < 0 { format!("{count} {unit} ago") } else { format!("in {count} {unit}") }
}

/// Whole days until then; negative once it has passed.
pub(crate) fn days(at: Timestamp, now: Timestamp) -> i64 {
    at.duration_since(now).as_secs().div_euclid(DAY)
}

/// A length of time in days, as in `30d`, or in the notation of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) SignedDuration);

/// What a text is not, with an example of what would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a duration: write days as in 30d, or hours and minutes as in 12h or 1h30m")]
pub(crate) struct NotASpan;

impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, NotASpan> {
        let Some(days) = text.strip_suffix('d') else {
            return text.parse().map(|span: Duration| Span(span.get())).map_err(|_| NotASpan);
        };
        let is_count = (1..=5).contains(&days.len()) && days.bytes().all(|byte| byte.is_ascii_digit());
        let days = Some(days).filter(|_| is_count).and_then(|days| days.parse::<u32>().ok());
        let seconds = days.map(|days| i64::from(days).saturating_mul(DAY));
        seconds.map(|seconds| Span(SignedDuration::from_secs(seconds))).ok_or(NotASpan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_is_told_in_the_unit_that_people_use() {
        let now: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let rows = [
            (0, "just now", 0),
            (1, "in a moment", 0),
            (-30, "just now", -1),
            (7199, "in 119 minutes", 0),
            (7200, "in 2 hours", 0),
            (-3 * HOUR, "3 hours ago", -1),
            (2 * DAY - 1, "in 47 hours", 1),
            (26 * DAY + HOUR, "in 26 days", 26),
            (-7 * DAY, "7 days ago", -7),
        ];
        for (seconds, expected, whole) in rows {
            let at = now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
            assert_eq!((distance(at, now).as_str(), days(at, now)), (expected, whole), "{seconds}");
        }
        assert_eq!(date(now), "2026-03-01 10:00 UTC");
    }

    #[test]
    fn a_span_is_of_days_or_as_kubernetes_writes_it() {
        let rows = [
            ("30d", Some(720)),
            ("720h", Some(720)),
            ("0d", Some(0)),
            ("d", None),
            ("+1d", None),
            ("30", None),
            ("1d2h", None),
        ];
        for (text, hours) in rows {
            assert_eq!(
                text.parse().ok(),
                hours.map(|hours| Span(SignedDuration::from_hours(hours))),
                "{text}"
            );
        }
    }
}
