//! Room for those who read the metrics at once. Who reads slowly gives way to who comes.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{self, Instant},
};

/// The number of concurrent readers: two Prometheus servers, a person, and one more.
pub(super) const AT_ONCE: usize = 4;
/// How long a reader has his place to himself. Ten thousand connections take a fifth of a second.
const GRACE: Duration = Duration::from_secs(2);
/// How long he may take altogether.
const LONGEST: Duration = Duration::from_secs(30);

/// The places.
#[derive(Clone, Debug)]
pub(super) struct Room {
    free: Arc<Semaphore>,
    taken: Arc<Mutex<VecDeque<Arc<Notify>>>>,
}

/// The place of one reader, which he leaves when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    room: Room,
    given_away: Arc<Notify>,
    since: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Room {
    pub(super) fn new() -> Self {
        Room { free: Arc::new(Semaphore::new(AT_ONCE)), taken: Arc::default() }
    }

    /// A place, for which whoever has had one for longest gives his away if nobody has left meanwhile; `None` if even he does not.
    pub(super) async fn place(&self) -> Option<Place> {
        let free = || time::timeout(GRACE, self.free.clone().acquire_owned());
        let permit = match free().await {
            Ok(permit) => permit,
            Err(_) => {
                if let Some(longest) = self.taken().pop_front() {
                    longest.notify_one();
                }
                free().await.ok()?
            }
        };
        // It is never closed.
        let permit = permit.ok()?;
        let given_away = Arc::<Notify>::default();
        self.taken().push_back(given_away.clone());
        Some(Place { room: self.clone(), given_away, since: Instant::now(), _permit: permit })
    }

    fn taken(&self) -> MutexGuard<'_, VecDeque<Arc<Notify>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Returns when the place is given away, or was had for as long as may be.
    pub(super) async fn ended(&self) {
        let _ = time::timeout(LONGEST.saturating_sub(self.since.elapsed()), self.given_away.notified()).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.taken().retain(|other| !Arc::ptr_eq(other, &self.given_away));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reader_has_his_place_for_a_while_and_loses_it_only_if_somebody_waits() {
        let room = Room::new();
        let mut places = Vec::new();
        for _ in 0..AT_ONCE {
            places.push(room.place().await.unwrap());
        }
        let begun = Instant::now();
        let first = places.remove(0);
        let leaving = async {
            first.ended().await;
            let lasted = begun.elapsed();
            drop(first);
            lasted
        };
        let (lasted, next) = tokio::join!(leaving, room.place());
        assert_eq!(lasted, GRACE, "nobody is put out at once");
        assert!(next.is_some());
        places[0].ended().await;
        assert_eq!(begun.elapsed(), LONGEST, "nobody else waited");
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_leave_keeps_his_place_and_the_next_is_told_so() {
        let room = Room::new();
        let mut places = Vec::new();
        for _ in 0..AT_ONCE {
            places.push(room.place().await.unwrap());
        }
        assert!(room.place().await.is_none());
        drop(places);
        assert!(room.place().await.is_some() && room.taken().is_empty());
    }
}
