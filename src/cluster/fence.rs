//! Lets writes to the API server through only while this replica leads: the one place that all of them pass.
//!
//! A write begins only if the Lease outlives its deadline, so that none takes effect while somebody else leads. What is written waits in
//! its connection until that is ready: a process that is stopped meanwhile and goes on later would send it then, so the body of each
//! write knows its deadline too.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use http::{Method, Request};
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use kube::client::Body;
use tokio::{
    sync::Notify,
    time::{self, Instant},
};
use tower::{BoxError, ServiceExt, service_fn, util::BoxCloneService};

use super::transport::{Answer, Transport};

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

/// Until when the body of a request may be sent.
#[derive(Clone, Copy, Debug)]
struct Deadline(Instant);

/// The body of a request that keeps to the deadline which the fence gave it. All requests that change anything have one: kube sends the
/// options of a deletion in it.
#[derive(Debug)]
pub struct InTime {
    body: Body,
    deadline: Option<Instant>,
}

impl InTime {
    /// The same request. After its deadline its connection ends in place of sending what is not sent yet, so that the API server does
    /// not have the whole of it.
    pub fn of(request: Request<Body>) -> Request<Self> {
        let deadline = request.extensions().get().map(|Deadline(deadline)| *deadline);
        request.map(|body| InTime { body, deadline })
    }
}

impl HttpBody for InTime {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.deadline {
            Some(deadline) if deadline <= Instant::now() => Poll::Ready(Some(Err(Closed::Late.into()))),
            _ => Pin::new(&mut self.body).poll_frame(context).map_err(BoxError::from),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
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
        self.deadline(&self.lock()).is_some()
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

    /// The same transport, whose writes pass the fence.
    pub fn around(self: &Arc<Self>, transport: Transport) -> Transport {
        let fence = self.clone();
        BoxCloneService::new(service_fn(move |request: Request<Body>| {
            let (fence, transport) = (fence.clone(), transport.clone());
            async move { fence.send(transport, request).await }
        }))
    }

    async fn send(&self, transport: Transport, mut request: Request<Body>) -> Result<Answer, BoxError> {
        if request.method() == Method::GET {
            return transport.oneshot(request).await;
        }
        let mut write = self.begin().ok_or(Closed::NotLeading)?;
        request.extensions_mut().insert(Deadline(write.deadline));
        let answer = until(write.deadline, transport.oneshot(request)).await;
        write.is_answered = answer.as_ref().is_some_and(Result::is_ok);
        answer.ok_or(Closed::Late)?
    }

    /// When a write that begins now ends at the latest, if it may begin.
    fn deadline(&self, state: &State) -> Option<Instant> {
        let ends_at = state.ends_at?;
        Instant::now().checked_add(self.write_deadline).filter(|deadline| *deadline <= ends_at)
    }

    fn begin(&self) -> Option<Write<'_>> {
        let mut state = self.lock();
        let deadline = self.deadline(&state)?;
        state.open = state.open.saturating_add(1);
        Some(Write { fence: self, deadline, is_answered: false })
    }

    /// No change of this runs code that can panic, so a lock that a panicking holder left is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Goes on with the work until the deadline; `None` then. A process that was stopped until after it does not go on either: what was
/// not sent yet stays so.
async fn until<T>(deadline: Instant, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let in_time = poll_fn(|context| match Instant::now() < deadline {
        true => work.as_mut().poll(context).map(Some),
        false => Poll::Ready(None),
    });
    time::timeout_at(deadline, in_time).await.ok().flatten()
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
