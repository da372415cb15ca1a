//! An instant to the whole second in few bytes: there are several for each connection.

use std::num::NonZeroU64;

use jiff::Timestamp;

/// An instant in whole seconds, as a status has it. Takes 8 bytes, and so does an option of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Second(NonZeroU64);

/// Added to the seconds since 1970, which makes every instant that jiff knows positive.
const SHIFT: i64 = 1 << 40;

impl From<Timestamp> for Second {
    fn from(at: Timestamp) -> Self {
        let shifted = u64::try_from(at.as_second().saturating_add(SHIFT)).unwrap_or_default();
        Second(NonZeroU64::new(shifted).unwrap_or(NonZeroU64::MIN))
    }
}

impl From<Second> for Timestamp {
    fn from(Second(shifted): Second) -> Self {
        let second = i64::try_from(shifted.get()).unwrap_or(i64::MAX).saturating_sub(SHIFT);
        Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_whole_second_comes_back_and_costs_eight_bytes() {
        let last = Timestamp::from_second(Timestamp::MAX.as_second()).unwrap();
        let first = Timestamp::from_second(Timestamp::MIN.as_second()).unwrap();
        for at in [first, Timestamp::UNIX_EPOCH, "2026-03-01T10:00:00Z".parse().unwrap(), last] {
            assert_eq!(Timestamp::from(Second::from(at)), at);
        }
        assert!(Second::from(first) < Second::from(last));
        assert_eq!(size_of::<Option<Second>>(), 8);
    }
}
