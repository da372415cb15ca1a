//! How much a host's clock is ahead of ours.

use jiff::{SignedDuration, Timestamp};

/// The number of differences that are kept.
const KEPT: usize = 9;
/// The number of differences that must agree before they outweigh our own clock.
const AGREEING: usize = 3;
/// Further away a date is wrong.
const FARTHEST: SignedDuration = SignedDuration::from_mins(10);
/// A smaller difference is what dates in whole seconds and a slow network make of none.
const SMALLEST: SignedDuration = SignedDuration::from_secs(2);

/// The last differences of one host's clock and ours.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// In seconds, the oldest first.
    ahead: Vec<i64>,
    /// Dates in a row that differ from those and agree with our own clock.
    else_ahead: Vec<i64>,
    outliers: u64,
}

impl Clock {
    /// Takes in the date of an answer that came now. False if it is an outlier, which computes nothing.
    pub fn tell(&mut self, date: Timestamp, now: Timestamp) -> bool {
        let ahead = date.duration_since(now).as_secs();
        let is_near = |than: i64| ahead.abs_diff(than) <= FARTHEST.as_secs().unsigned_abs();
        if is_near(self.expected()) {
            keep(&mut self.ahead, ahead);
            self.else_ahead.clear();
            return true;
        }
        self.outliers = self.outliers.saturating_add(1);
        if is_near(0) {
            // One of the two clocks was set; a whole set of such dates is believed, since none is far from our own.
            keep(&mut self.else_ahead, ahead);
            if self.else_ahead.len() == KEPT {
                self.ahead = std::mem::take(&mut self.else_ahead);
            }
        }
        false
    }

    /// The median of the differences; zero below two seconds, and while there are fewer than three.
    pub fn offset(&self) -> SignedDuration {
        let offset = SignedDuration::from_secs(self.expected());
        if offset.abs() < SMALLEST { SignedDuration::ZERO } else { offset }
    }

    /// The present instant by the host's clock: the date that an answer names, unless it is far from what the others say.
    pub fn at(&self, date: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let expected = now.checked_add(self.offset()).unwrap_or(now);
        date.filter(|date| date.duration_since(expected).abs() <= FARTHEST).unwrap_or(expected)
    }

    /// How far the next date should be ahead, in seconds.
    fn expected(&self) -> i64 {
        if self.ahead.len() < AGREEING { 0 } else { median(&self.ahead) }
    }

    /// How many dates were outliers.
    pub const fn outliers(&self) -> u64 {
        self.outliers
    }
}

fn keep(kept: &mut Vec<i64>, ahead: i64) {
    if kept.len() >= KEPT {
        kept.remove(0);
    }
    kept.push(ahead);
}

fn median(of: &[i64]) -> i64 {
    let mut sorted = of.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: i64 = 1_772_366_400;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_offset_is_the_median_and_an_outlier_computes_nothing() {
        const DAYS: i64 = 400 * 24 * 3600;
        let rows: [(&str, &[i64], i64, u64); 11] = [
            ("nothing told", &[], 0, 0),
            ("below two seconds", &[1, 1, -1], 0, 0),
            ("ahead", &[90, 91, 89], 90, 0),
            ("behind", &[-300, -300, -300], -300, 0),
            ("one date is not enough", &[540], 0, 0),
            ("nor are two", &[0, 540], 0, 0),
            ("the first is an outlier", &[DAYS], 0, 1),
            ("400 days among good ones", &[5, 5, DAYS, 5], 5, 1),
            ("an hour is an outlier too", &[3600, 3600, 3600, 3600], 0, 4),
            ("beyond ten minutes of the median", &[500, 500, 500, -200], 500, 1),
            ("slow drift beyond ten minutes", &[300, 300, 300, 600, 600, 600, 600, 900, 900], 600, 0),
        ];
        for (name, told, offset, outliers) in rows {
            let mut clock = Clock::default();
            for ahead in told {
                clock.tell(at(T.saturating_add(*ahead)), at(T));
            }
            assert_eq!((clock.offset().as_secs(), clock.outliers()), (offset, outliers), "{name}");
        }
    }

    #[test]
    fn a_clock_that_was_set_is_believed_after_nine_dates_near_our_own() {
        let mut clock = Clock::default();
        (0..9).for_each(|_| assert!(clock.tell(at(T.saturating_add(599)), at(T))));
        (0..8).for_each(|_| assert!(!clock.tell(at(T.saturating_sub(60)), at(T))));
        assert_eq!(clock.offset().as_secs(), 599);
        clock.tell(at(T.saturating_sub(60)), at(T));
        assert_eq!(clock.offset().as_secs(), -60);
        for _ in 0..20 {
            clock.tell(at(T.saturating_add(1_000_000)), at(T));
        }
        assert_eq!(clock.offset().as_secs(), -60, "far from our own clock nothing is believed");
    }
}
