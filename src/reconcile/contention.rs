//! Keeps two writers of one object from chasing each other.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::domain::backoff::backoff;

/// The first pause after somebody else changed what we wrote, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Who has written nothing for so long is at peace with other writers.
const PEACE: Duration = Duration::from_secs(600);

/// The objects that somebody else changed after us: outputs by their names, the status by none.
#[derive(Debug, Default)]
pub(super) struct Contentions(Option<Box<Objects>>);

type Objects = BTreeMap<Box<str>, Contention>;

/// The name under which [`Contentions`] has the status.
pub(super) const STATUS: &str = "";

impl Contentions {
    /// How long this object may not be written yet; `None` if it may.
    pub(super) fn blocked(&self, object: &str, now: Instant) -> Option<Duration> {
        self.0.as_ref()?.get(object)?.blocked(now)
    }

    /// Of this object, which is known from now on.
    pub(super) fn of(&mut self, object: &str) -> &mut Contention {
        self.0.get_or_insert_default().entry(object.into()).or_default()
    }

    /// This object was not changed after all, so nobody can have undone that.
    pub(super) fn forget(&mut self, object: &str) {
        if let Some(objects) = &mut self.0 {
            objects.remove(object);
        }
        self.0 = self.0.take().filter(|objects| !objects.is_empty());
    }
}

/// Keeps two writers of one object from chasing each other.
#[derive(Debug, Default)]
pub(super) struct Contention {
    count: u32,
    last: Option<Instant>,
    blocked_until: Option<Instant>,
}

impl Contention {
    /// How long nothing may be written yet; `None` if it may.
    pub(super) fn blocked(&self, now: Instant) -> Option<Duration> {
        let until = self.blocked_until.filter(|until| *until > now)?;
        Some(until.duration_since(now))
    }

    /// How many times in a row this would overwrite what somebody else changed, if it may be written again now; if not, the pause.
    pub(super) fn admit(&mut self, now: Instant) -> Result<u32, Duration> {
        if let Some(pause) = self.blocked(now) {
            return Err(pause);
        }
        let since = self.last.map(|last| now.duration_since(last));
        if since.is_none_or(|since| since >= PEACE) {
            self.count = 0;
        }
        let pause = backoff(PAUSES, self.count);
        match since {
            Some(since) if since < pause => Err(pause.saturating_sub(since)),
            _ => {
                self.count = self.count.saturating_add(1);
                self.last = Some(now);
                // What we have to say next may be something else; it is not said right away all the same.
                self.blocked_until = now.checked_add(PAUSES.0);
                Ok(self.count)
            }
        }
    }

    /// The API server refused a write, since the object had changed. Gives how many there were, and the pause before the next.
    pub(super) fn conflict(&mut self, now: Instant) -> (u32, Duration) {
        if self.last.is_none_or(|last| now.duration_since(last) >= PEACE) {
            self.count = 0;
        }
        let pause = backoff(PAUSES, self.count);
        self.count = self.count.saturating_add(1);
        self.last = Some(now);
        self.blocked_until = now.checked_add(pause);
        (self.count, pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_others_change_is_written_again_at_once_then_ever_more_slowly() {
        let (mut contention, started) = (Contention::default(), Instant::now());
        let mut at = Vec::new();
        while started.elapsed() < Duration::from_secs(130) {
            match contention.admit(Instant::now()) {
                Ok(_) => at.push(started.elapsed().as_secs()),
                Err(pause) => tokio::time::advance(pause).await,
            }
        }
        assert_eq!(at, [0, 2, 6, 14, 30, 62, 122]);
        tokio::time::advance(PEACE).await;
        assert_eq!(contention.admit(Instant::now()), Ok(1), "peace was kept for a while");
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_conflict_nothing_is_written_for_a_second_then_longer() {
        let mut contention = Contention::default();
        assert_eq!(contention.blocked(Instant::now()), None);
        let pauses: Vec<_> = (0..3).map(|_| contention.conflict(Instant::now()).1.as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4]);
        assert_eq!(contention.blocked(Instant::now()), Some(Duration::from_secs(4)));
        assert!(contention.admit(Instant::now()).is_err());
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(contention.blocked(Instant::now()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_was_refused_is_no_contention() {
        let (mut contentions, now) = (Contentions::default(), Instant::now());
        assert_eq!(contentions.of("out").admit(now), Ok(1));
        contentions.forget("out");
        assert_eq!(contentions.blocked("out", now), None);
    }

    #[tokio::test(start_paused = true)]
    async fn another_writer_of_one_output_holds_up_neither_the_others_nor_the_status() {
        let (mut contentions, now) = (Contentions::default(), Instant::now());
        contentions.of("out").conflict(now);
        assert_eq!(contentions.blocked("out", now), Some(Duration::from_secs(1)));
        assert_eq!((contentions.blocked("other", now), contentions.blocked(STATUS, now)), (None, None));
    }
}
