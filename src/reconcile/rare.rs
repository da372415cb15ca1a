//! What the process remembers of few connections, so that the others need no room for it; always safe to lose.

use std::{
    ops::{Deref, DerefMut},
    sync::LazyLock,
};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{contention::Contentions, failed::Failed, sum::Sum};
use crate::{
    cluster::marks::ForeignMarks,
    domain::{
        Finding,
        decide::Circle,
        probing::schedule::later,
        second::Second,
        workload::{Restart, Workload},
    },
};

/// What is remembered of few connections. Whoever changes it makes room for it, and [`Rare::tidy`] gives that back.
#[derive(Debug, Default)]
pub(super) struct Rare(Option<Box<Memory>>);

/// All that is remembered of one such connection.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Memory {
    /// The outputs that lead back to the connection.
    pub(super) circles: Box<[Circle]>,
    /// The request that was acted on in this process.
    pub(super) handled_request: Option<Box<str>>,
    /// When a suspension ended that the status still tells of.
    pub(super) resumed: Option<Second>,
    /// Since when the demands are there, if they changed in this process.
    pub(super) demanded: Option<Second>,
    /// When GitHub was last asked because of a request.
    pub(super) asked_on_request: Option<Second>,
    /// When the consumers were listed last.
    pub(super) looked: Option<Second>,
    /// When another token in an output was replaced last, while the status does not say yet that it was published anew.
    pub(super) rewritten: Option<Second>,
    /// Until when the connections of others are waited for before they are listed again, with a sum of all that the status says meanwhile.
    pub(super) awaits_others: Option<(Sum, Instant)>,
    /// Since when the first answer about the token is awaited.
    pub(super) awaiting: Option<Instant>,
    /// The entries that outputs take from other Secrets, by their digests or why there are none, each with a sum of the state in which
    /// somebody looked.
    pub(super) entries: Vec<(Sum, Result<u64, Finding>)>,
    /// Whether outputs hold the token that was condemned before the source was gone, each with a sum of the state in which somebody looked.
    pub(super) held: Vec<(Sum, bool)>,
    /// The labels and annotations of outputs that are gone, for when they are made again.
    pub(super) foreign_marks: ForeignMarks,
    /// The workloads that were restarted in the rotation that goes on.
    pub(super) restarts: Vec<Restarted>,
    /// The outputs whose last change failed, those whose last read did, and the workloads whose last restart did.
    pub(super) not_changed: Failed<Finding>,
    pub(super) not_read: Failed<()>,
    pub(super) not_restarted: Failed<Restart>,
    /// Other writers of the same objects.
    pub(super) contentions: Contentions,
}

/// A workload that was restarted.
#[derive(Debug, PartialEq)]
pub(super) struct Restarted {
    pub(super) workload: Workload,
    /// What was noted of it.
    pub(super) mark: String,
    /// How often, and when last.
    pub(super) times: u32,
    pub(super) last: Instant,
}

static NOTHING: LazyLock<Memory> = LazyLock::new(Memory::default);

impl Rare {
    /// The clock was set back: nothing waits for an instant that only the wrong clock would have reached. What is demanded anew may lie
    /// ahead by the shortest interval. A request that lies ahead counts as acted on.
    pub(super) fn not_ahead_of(&mut self, now: Timestamp, minimum_interval: SignedDuration) {
        let latest = Second::from(later(now, minimum_interval));
        let now = Second::from(now);
        let of = |memory: &Memory| {
            let Memory { resumed, looked, rewritten, demanded, .. } = *memory;
            [(resumed, now), (looked, now), (rewritten, now), (demanded, latest)]
        };
        // A change takes room.
        if of(self).into_iter().all(|(at, latest)| at.is_none_or(|at| at <= latest)) {
            return;
        }
        let [resumed, looked, rewritten, demanded] = of(self).map(|(at, latest)| at.map(|at| at.min(latest)));
        let memory = &mut **self;
        (memory.resumed, memory.looked) = (resumed, looked);
        (memory.rewritten, memory.demanded) = (rewritten, demanded);
    }

    /// Takes no room if there is nothing in it.
    pub(super) fn tidy(&mut self) {
        self.0 = self.0.take().filter(|memory| **memory != *NOTHING);
    }
}

impl Deref for Rare {
    type Target = Memory;

    fn deref(&self) -> &Memory {
        self.0.as_deref().unwrap_or_else(|| &NOTHING)
    }
}

impl DerefMut for Rare {
    fn deref_mut(&mut self) -> &mut Memory {
        self.0.get_or_insert_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_clock_was_set_back_nothing_lies_ahead() {
        let at = |second: i64| Timestamp::from_second(1_772_366_400 + second).unwrap();
        let minimum = SignedDuration::from_mins(1);
        let mut rare = Rare::default();
        rare.not_ahead_of(at(0), minimum);
        assert!(rare.0.is_none(), "nothing takes no room");
        let year: i64 = 365 * 86_400;
        for (ahead, latest) in [(-year, [-year, -year]), (50, [0, 50]), (year, [0, 60])] {
            let instant = Some(Second::from(at(ahead)));
            (rare.resumed, rare.looked, rare.rewritten, rare.demanded) = (instant, instant, instant, instant);
            rare.not_ahead_of(at(0), minimum);
            let [now, demanded] = latest.map(|second| Some(Second::from(at(second))));
            let seen = [rare.resumed, rare.looked, rare.rewritten];
            assert_eq!((seen, rare.demanded), ([now; 3], demanded), "{ahead}");
        }
    }

    #[test]
    fn what_is_not_there_takes_no_room() {
        let mut rare = Rare::default();
        assert_eq!((rare.looked, size_of::<Rare>()), (None, 8));
        rare.looked = None;
        rare.contentions.put_back("out", None);
        rare.tidy();
        assert!(rare.0.is_none());
        rare.handled_request = Some("now".into());
        rare.tidy();
        assert_eq!(rare.handled_request.as_deref(), Some("now"));
    }
}
