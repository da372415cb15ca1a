//! Pauses that double.

use std::time::Duration;

/// The pause after a failure: `first`, doubled for each of the `failures` before it, `longest` at most.
pub fn backoff((first, longest): (Duration, Duration), failures: u32) -> Duration {
    first.saturating_mul(1_u32 << failures.min(16)).min(longest)
}

/// Between half of a pause and all of it, by a share from 0 to 1, so that many that failed together do not come back together.
pub fn spread(pause: Duration, share: f64) -> Duration {
    pause.mul_f64(share.mul_add(0.5, 0.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_are_spread() {
        let pauses = (Duration::from_millis(500), Duration::from_secs(30));
        let seconds: Vec<f64> =
            [0, 1, 2, 5, 6, 8, u32::MAX].map(|failures| backoff(pauses, failures).as_secs_f64()).to_vec();
        assert_eq!(seconds, [0.5, 1.0, 2.0, 16.0, 30.0, 30.0, 30.0]);
        let spreads = [0.0, 0.5, 1.0].map(|share| spread(Duration::from_secs(1), share).as_secs_f64());
        assert_eq!(spreads, [0.5, 0.75, 1.0]);
    }
}
