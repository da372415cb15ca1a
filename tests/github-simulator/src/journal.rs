//! The log of every call and the counts beside it, and waiting for what they are to hold.
//!
//! Texts of known tokens never get in: not from the path, not from a header.

use crate::statistics::{Glimpse, Statistics, Tally};
use jiff::Timestamp;
use serde::Serialize;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// One request that reached the simulator, the admin endpoint excepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// When it was read, on the machine's own clock, whatever [`Simulator::clock_offset`](crate::Simulator::clock_offset).
    pub at: Timestamp,
    /// The name of the token it carried; `None` without one, or with one that was never made here.
    pub token: Option<String>,
    /// Whether it carried an `Authorization` header at all.
    pub authorized: bool,
    /// The method, in capitals.
    pub method: String,
    /// Path and query, the prefix `/api/v3` included.
    pub path: String,
    /// The status it is answered with; `None` when cut or stalled. Latency comes after this was noted.
    pub status: Option<u16>,
    /// The headers of the request in lower case, without `authorization`.
    pub headers: Vec<(String, String)>,
    /// The number of the TCP connection it came on, counted from 1.
    pub connection: u64,
}

pub(crate) struct Journal {
    record: Mutex<Record>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Record {
    calls: Vec<Call>,
    /// Whether further calls are only counted.
    counts_only: bool,
    tally: Tally,
}

impl Journal {
    pub(crate) fn new() -> Journal {
        Journal { record: Mutex::default(), changed: watch::Sender::new(()) }
    }

    /// Counts a call, and makes and keeps `call` if calls are kept.
    pub(crate) fn note(&self, glimpse: Glimpse, call: impl FnOnce() -> Call) {
        self.change(|record| {
            record.tally.count(glimpse);
            if !record.counts_only {
                record.calls.push(call());
            }
        });
    }

    pub(crate) fn connection_opened(&self) {
        self.change(|record| {
            let statistics = &mut record.tally.statistics;
            statistics.connections = statistics.connections.saturating_add(1);
            statistics.open_connections = statistics.open_connections.saturating_add(1);
        });
    }

    pub(crate) fn connection_closed(&self) {
        self.change(|record| {
            let open = &mut record.tally.statistics.open_connections;
            *open = open.saturating_sub(1);
        });
    }

    pub(crate) fn keep_calls(&self, keep: bool) {
        self.change(|record| record.counts_only = !keep);
    }

    pub(crate) fn forget(&self) {
        self.change(|record| {
            record.calls = Vec::new();
            record.tally.forget();
        });
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    pub(crate) fn statistics(&self) -> Statistics {
        self.lock().tally.statistics.clone()
    }

    /// Whether calls and counts came to be as wished before `deadline` had passed.
    pub(crate) async fn wait_until(
        &self,
        deadline: Duration,
        reached: impl Fn(&[Call], &Statistics) -> bool,
    ) -> bool {
        let reached = || {
            let record = self.lock();
            reached(&record.calls, &record.tally.statistics)
        };
        let mut changed = self.changed.subscribe();
        let deadline = Instant::now().checked_add(deadline);
        loop {
            changed.borrow_and_update();
            if reached() {
                return true;
            }
            let woken = match deadline {
                Some(deadline) => {
                    matches!(tokio::time::timeout_at(deadline, changed.changed()).await, Ok(Ok(())))
                }
                None => changed.changed().await.is_ok(),
            };
            if !woken {
                return reached();
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Record)) {
        change(&mut self.lock());
        self.changed.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
