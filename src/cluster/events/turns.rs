//! Events of Pods that wait to be sent: a few of each namespace, one namespace after the other, so that nobody who makes many Pods takes
//! the room or the turns of others.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    time::Duration,
};

use tokio::time::Instant;

/// The most that wait, of all namespaces together.
pub(super) const LONGEST: usize = 1000;
/// The most of one namespace that are taken within this time.
const MOST: u32 = 10;
const IN: Duration = Duration::from_secs(10);

/// What waits, by namespace.
#[derive(Debug)]
pub(super) struct Turns<T> {
    lanes: BTreeMap<Box<str>, Lane<T>>,
    /// How many wait.
    count: usize,
    /// The namespace that had the last turn.
    last: Box<str>,
}

#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<T>,
    since: Instant,
    /// How many were taken since then.
    taken: u32,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Turns { lanes: BTreeMap::new(), count: 0, last: Box::default() }
    }
}

impl<T> Turns<T> {
    /// Takes what `make` gives, unless as many wait as may, or the namespace has as many waiting, or had a moment ago, as it may have.
    pub(super) fn take(&mut self, namespace: &str, make: impl FnOnce() -> T) -> bool {
        if self.count >= LONGEST {
            return false;
        }
        let now = Instant::now();
        // What has no more to say than a new one is forgotten.
        self.lanes.retain(|_, lane| !lane.waiting.is_empty() || now.duration_since(lane.since) < IN);
        let lane = self.lanes.entry(namespace.into()).or_insert_with(|| Lane {
            waiting: VecDeque::new(),
            since: now,
            taken: 0,
        });
        if now.duration_since(lane.since) >= IN {
            (lane.since, lane.taken) = (now, u32::try_from(lane.waiting.len()).unwrap_or(MOST));
        }
        if lane.taken >= MOST {
            return false;
        }
        lane.taken = lane.taken.saturating_add(1);
        lane.waiting.push_back(make());
        self.count = self.count.saturating_add(1);
        true
    }

    /// The next one, of the namespace whose turn it is.
    pub(super) fn next(&mut self) -> Option<T> {
        let after = (Bound::Excluded(&*self.last), Bound::Unbounded);
        let mut all = self.lanes.range::<str, _>(after).chain(&self.lanes);
        let namespace = all.find(|(_, lane)| !lane.waiting.is_empty())?.0.clone();
        self.last.clone_from(&namespace);
        self.count = self.count.saturating_sub(1);
        self.lanes.get_mut(&namespace)?.waiting.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_namespace_with_thousands_of_pods_has_ten_told_in_ten_seconds_and_every_other_turn() {
        let mut turns = Turns::default();
        let taken: usize = (0..2000).map(|pod| usize::from(turns.take("loud", || ("loud", pod)))).sum();
        assert_eq!(taken, 10);
        assert!(turns.take("quiet", || ("quiet", 0)) && turns.take("quiet", || ("quiet", 1)));
        let first: Vec<_> = (0..5).filter_map(|_| turns.next()).collect();
        assert_eq!(first, [("loud", 0), ("quiet", 0), ("loud", 1), ("quiet", 1), ("loud", 2)]);
        assert!(!turns.take("loud", || ("loud", 0)), "who was sent counts too");
        tokio::time::advance(IN).await;
        let taken: usize = (0..2000).map(|pod| usize::from(turns.take("loud", || ("loud", pod)))).sum();
        assert_eq!(taken, 3, "so many are sent of the ten that waited");
        assert_eq!(std::iter::from_fn(|| turns.next()).count(), 10);
        tokio::time::advance(IN).await;
        assert!(turns.take("other", || ("other", 0)));
        assert_eq!(turns.lanes.len(), 1, "nobody is remembered for ever");
    }
    #[tokio::test(start_paused = true)]
    async fn no_more_than_a_thousand_wait_however_many_namespaces_they_are_of() {
        let mut turns = Turns::default();
        let mut taken = |from: usize| -> usize {
            let namespaces = (from * 10..(from + 500) * 10).map(|number| format!("team-{}", number / 10));
            namespaces.map(|namespace| usize::from(turns.take(&namespace, || ()))).sum()
        };
        assert_eq!(taken(0), LONGEST);
        assert_eq!(taken(500), 0);
        assert_eq!(turns.lanes.len(), LONGEST / 10, "who was turned away takes no room");
        assert_eq!((0..10).filter_map(|_| turns.next()).count(), 10);
        let taken: usize =
            (0..20).map(|number| usize::from(turns.take(&format!("new-{number}"), || ()))).sum();
        assert_eq!(taken, 10, "so many were sent");
        assert_eq!(std::iter::from_fn(|| turns.next()).count(), LONGEST);
    }
}
