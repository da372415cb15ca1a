//! Counts that outlive the log of calls: how many, how fast, how often refused.
//!
//! Time is an argument. All of it goes by the machine's own clock, as [`Call::at`](crate::Call::at) does.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What happened so far, or since [`Simulator::forget_calls`](crate::Simulator::forget_calls).
///
/// Calls of the admin endpoint are left out of all counts of calls; their connections count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Statistics {
    /// Requests.
    pub calls: u64,
    /// TCP connections that were accepted.
    pub connections: u64,
    /// TCP connections that are open now.
    pub open_connections: u64,
    /// The highest number of requests in any 60 seconds.
    pub most_in_a_minute: u64,
    /// Requests with an `Authorization` header that were answered with 401.
    pub failed_logins: u64,
    /// The highest number of failed logins in any 60 minutes.
    pub most_failed_logins_in_an_hour: u64,
    /// Requests that were cut or stalled.
    pub unanswered: u64,
    /// Answers by their status.
    pub by_status: BTreeMap<u16, u64>,
    /// Requests by the second of the Unix epoch in which they were read.
    pub by_second: BTreeMap<i64, u64>,
}

/// What the counts need to know of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glimpse {
    pub(crate) at: Timestamp,
    pub(crate) authorized: bool,
    pub(crate) status: Option<u16>,
}

/// Statistics in the making.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) statistics: Statistics,
    minute: Rolling,
    hour: Rolling,
}

/// The instants of the last window: as many as happen in it, however long all takes.
#[derive(Debug)]
struct Rolling {
    window: SignedDuration,
    instants: VecDeque<Timestamp>,
    most: usize,
}

impl Statistics {
    /// Requests from the second of `from` on, up to and without the second of `to`.
    pub fn calls_between(&self, from: Timestamp, to: Timestamp) -> u64 {
        let (from, to) = (from.as_second(), to.as_second());
        if from < to { self.by_second.range(from..to).map(|(_, calls)| calls).sum() } else { 0 }
    }
}

impl Default for Tally {
    fn default() -> Tally {
        Tally { statistics: Statistics::default(), minute: Rolling::of(MINUTE), hour: Rolling::of(HOUR) }
    }
}

impl Tally {
    pub(crate) fn count(&mut self, call: Glimpse) {
        let statistics = &mut self.statistics;
        add(&mut statistics.calls);
        add(statistics.by_second.entry(call.at.as_second()).or_default());
        statistics.most_in_a_minute = self.minute.push(call.at);
        match call.status {
            Some(status) => add(statistics.by_status.entry(status).or_default()),
            None => add(&mut statistics.unanswered),
        }
        if call.authorized && call.status == Some(401) {
            add(&mut statistics.failed_logins);
            statistics.most_failed_logins_in_an_hour = self.hour.push(call.at);
        }
    }

    /// Begins anew, with the connections that are open.
    pub(crate) fn forget(&mut self) {
        let open_connections = self.statistics.open_connections;
        *self = Tally {
            statistics: Statistics { open_connections, ..Statistics::default() },
            ..Tally::default()
        };
    }
}

impl Rolling {
    fn of(window: SignedDuration) -> Rolling {
        Rolling { window, instants: VecDeque::new(), most: 0 }
    }

    /// The most there were in any window, this instant included. Instants come in order.
    fn push(&mut self, at: Timestamp) -> u64 {
        let left = |first: &Timestamp| at.duration_since(*first) >= self.window;
        while self.instants.front().is_some_and(left) {
            self.instants.pop_front();
        }
        self.instants.push_back(at);
        self.most = self.most.max(self.instants.len());
        u64::try_from(self.most).unwrap_or(u64::MAX)
    }
}

/// The highest number of instants in any window of this length; two that are `window` apart are not in one.
///
/// The instants come in order, as those of [`Simulator::calls`](crate::Simulator::calls) do.
pub fn most_within(instants: impl IntoIterator<Item = Timestamp>, window: SignedDuration) -> u64 {
    let mut rolling = Rolling::of(window);
    instants.into_iter().map(|at| rolling.push(at)).max().unwrap_or_default()
}

fn add(count: &mut u64) {
    *count = count.saturating_add(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn call(at: i64, authorized: bool, status: Option<u16>) -> Glimpse {
        Glimpse { at: second(at), authorized, status }
    }

    #[test]
    fn the_busiest_window_is_found_wherever_it_begins() {
        let rows: [(&str, &[i64], u64); 5] = [
            ("none", &[], 0),
            ("one", &[5], 1),
            ("exactly a window apart", &[0, 60], 1),
            ("over the full minute", &[0, 50, 59, 60, 61, 100, 110], 5),
            ("the early ones", &[0, 1, 2, 300, 301], 3),
        ];
        for (row, seconds, most) in rows {
            assert_eq!(most_within(seconds.iter().copied().map(second), MINUTE), most, "{row}");
        }
    }

    #[test]
    fn a_failed_login_is_a_401_to_credentials() {
        let mut tally = Tally::default();
        for one in [
            call(0, true, Some(401)),
            call(1, false, Some(401)),
            call(2, true, Some(403)),
            call(3, true, None),
            call(3599, true, Some(401)),
            call(3600, true, Some(401)),
        ] {
            tally.count(one);
        }
        let statistics = &tally.statistics;
        assert_eq!((statistics.calls, statistics.unanswered, statistics.failed_logins), (6, 1, 3));
        assert_eq!(statistics.most_failed_logins_in_an_hour, 2);
        assert_eq!(statistics.by_status, BTreeMap::from([(401, 4), (403, 1)]));
    }

    #[test]
    fn the_calls_of_a_stretch_are_counted_by_whole_seconds() {
        let mut tally = Tally::default();
        for at in [0, 0, 1, 2, 9] {
            tally.count(call(at, true, Some(200)));
        }
        let between = |from, to| tally.statistics.calls_between(second(from), second(to));
        assert_eq!(
            [between(0, 2), between(1, 9), between(9, 10), between(2, 2), between(9, 0)],
            [3, 2, 1, 0, 0]
        );
    }
}
