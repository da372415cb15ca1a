//! The log of every call, and waiting for what it is to hold.
//!
//! Texts of known tokens never get in: not from the path, not from a header.

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
    calls: Mutex<Vec<Call>>,
    length: watch::Sender<usize>,
}

impl Journal {
    pub(crate) fn new() -> Journal {
        Journal { calls: Mutex::new(Vec::new()), length: watch::Sender::new(0) }
    }

    pub(crate) fn note(&self, call: Call) {
        let mut calls = self.lock();
        calls.push(call);
        // Inside the lock, so that the lengths come in order.
        self.length.send_replace(calls.len());
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.lock().clone()
    }

    /// Whether the calls came to be as wished before `deadline` had passed.
    pub(crate) async fn wait_until(&self, deadline: Duration, reached: impl Fn(&[Call]) -> bool) -> bool {
        let mut length = self.length.subscribe();
        let deadline = Instant::now().checked_add(deadline);
        loop {
            length.borrow_and_update();
            if reached(&self.lock()) {
                return true;
            }
            let woken = match deadline {
                Some(deadline) => {
                    matches!(tokio::time::timeout_at(deadline, length.changed()).await, Ok(Ok(())))
                }
                None => length.changed().await.is_ok(),
            };
            if !woken {
                return reached(&self.lock());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
