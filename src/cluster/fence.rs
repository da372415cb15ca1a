//! Lets writes to the API server through only while this replica leads: the one place that all of them pass.
//!
//! A write begins only if the Lease outlives its deadline, so that none takes effect while somebody else leads.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use http::{Method, Request, Response};
use kube::{Client, client::Body};
use tokio::{
    sync::Notify,
    time::{self, Instant},
};

/// Why a write was not sent, or not waited for.
#[derive(Debug, thiserror::Error)]
pub enum Closed {
    /// Another replica leads, or may soon.
    #[error("this replica does not hold the Lease for long enough, so it writes nothing")]
    NotLeading,
    /// No answer while the Lease is ours.
    #[error("the API server did not answer while the Lease was ours")]
    Late,
}

/// Whether this replica leads, and which of its writes are under way.
#[derive(Debug)]
pub struct Fence {
    write_deadline: Duration,
    state: Mutex<State>,
    ended: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Until when nobody else can lead; `None` while this replica does not.
    ends_at: Option<Instant>,
    /// How many writes wait for their answer.
    open: u32,
    /// Until when a write whose answer nobody waited for may still take effect.
    unsettled_until: Option<Instant>,
}

/// A write under way.
struct Write<'a> {
    fence: &'a Fence,
    deadline: Instant,
    is_answered: bool,
}

impl Fence {
    /// A closed fence; a write may take so long.
    pub fn new(write_deadline: Duration) -> Arc<Self> {
        Arc::new(Fence { write_deadline, state: Mutex::default(), ended: Notify::new() })
    }

    /// This replica leads, and nobody else can before this instant.
    pub fn open(&self, ends_at: Instant) {
        self.lock().ends_at = Some(ends_at);
    }

    /// This replica leads no more.
    pub fn close(&self) {
        self.lock().ends_at = None;
    }

    /// True if a write that begins now ends while nobody else can lead.
    pub fn is_open(&self) -> bool {
        self.deadline().is_some()
    }

    /// Goes on with the work only while the fence is open; `None` once it is found closed, before anything more was done.
    pub async fn while_open<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|context| match self.is_open() {
            true => work.as_mut().poll(context).map(Some),
            false => Poll::Ready(None),
        })
        .await
    }

    /// Waits until no write of this replica can take effect any more.
    pub async fn settled(&self) {
        loop {
            let ended = self.ended.notified();
            let (open, until) = {
                let state = self.lock();
                (state.open, state.unsettled_until.filter(|until| *until > Instant::now()))
            };
            match (open, until) {
                (0, None) => return,
                (0, Some(until)) => time::sleep_until(until).await,
                _ => ended.await,
            }
        }
    }

    /// The same client, whose writes pass the fence.
    pub fn around(self: &Arc<Self>, client: Client) -> Client {
        let (fence, namespace) = (self.clone(), client.default_namespace().to_owned());
        let service = tower::service_fn(move |request: Request<Body>| {
            let (fence, client) = (fence.clone(), client.clone());
            async move { fence.send(&client, request).await }
        });
        Client::new(service, namespace)
    }

    async fn send(&self, client: &Client, request: Request<Body>) -> kube::Result<Response<Body>> {
        if request.method() == Method::GET {
            return client.send(request).await;
        }
        let closed = |cause: Closed| kube::Error::Service(cause.into());
        let mut write = self.begin().ok_or_else(|| closed(Closed::NotLeading))?;
        let answer = time::timeout_at(write.deadline, client.send(request)).await;
        write.is_answered = answer.as_ref().is_ok_and(Result::is_ok);
        answer.map_err(|_| closed(Closed::Late))?
    }

    /// When a write that begins now ends at the latest, if it may begin.
    fn deadline(&self) -> Option<Instant> {
        let ends_at = self.lock().ends_at?;
        Instant::now().checked_add(self.write_deadline).filter(|deadline| *deadline <= ends_at)
    }

    fn begin(&self) -> Option<Write<'_>> {
        let deadline = self.deadline()?;
        let mut state = self.lock();
        state.open = state.open.saturating_add(1);
        Some(Write { fence: self, deadline, is_answered: false })
    }

    /// No change of this runs code that can panic, so a lock that a panicking holder left is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        let mut state = self.fence.lock();
        state.open = state.open.saturating_sub(1);
        if !self.is_answered {
            state.unsettled_until = state.unsettled_until.max(Some(self.deadline));
        }
        drop(state);
        self.fence.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
