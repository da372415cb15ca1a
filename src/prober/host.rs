//! One host, and the worker that asks it.

mod state;

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::{Notify, watch},
    time::{self, Instant},
};
use tracing::{Instrument, Span, field::Empty};

use super::{Asked, Changes, Snapshot, counted::Counted, origins::Origins};
use crate::{
    domain::{
        Reason,
        answer::{Deferral, Reply},
        probe::Probe,
        probing::{
            Key, Limits, Question, Urgency,
            admission::{HostState, Step},
            logins::FailedLogin,
            schedule::earlier,
        },
        token::{HashedToken, Token},
    },
    github::{Exchange, Transport},
    traces::{self, Origin},
};
use state::{Due, Logged, State};

/// The worker looks at the clock as often as this, which may have been set.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// Above the longest `timeout` that a host may have.
const DEADLINE: Duration = Duration::from_secs(70);

/// Asks one question.
pub(super) type Ask =
    Arc<dyn Fn(Token, Probe, Arc<str>, Transport) -> BoxFuture<'static, Exchange> + Send + Sync>;
/// Reads the clock.
pub(super) type Now = fn() -> Timestamp;

/// A host and all that is known from it.
pub(super) struct Host {
    name: Arc<str>,
    /// Since when it has this name, if another one had it before.
    moved: Option<Timestamp>,
    state: Mutex<State>,
    wake: Notify,
    changes: Changes,
    /// How many questions are on their way.
    open: watch::Sender<usize>,
    counted: Counted,
    /// For whom each question is asked that waits or is on its way, while somebody listens to traces.
    origins: Mutex<Origins>,
}

impl Host {
    /// A host that was not asked yet.
    pub(super) fn new(name: Arc<str>, limits: Limits, changes: Changes, counted: Counted) -> Self {
        Host {
            name,
            moved: None,
            state: Mutex::new(State::new(limits)),
            wake: Notify::new(),
            changes,
            open: watch::Sender::new(0),
            counted,
            origins: Mutex::default(),
        }
    }

    /// The same, which has its name since then, in the place of another one.
    pub(super) fn since(self, moved: Option<Timestamp>) -> Self {
        Host { moved, ..self }
    }

    /// Since when it has this name, if another one had it before.
    pub(super) const fn moved(&self) -> Option<Timestamp> {
        self.moved
    }

    /// Lets a question wait, unless it may not.
    pub(super) fn ask(&self, question: Question, now: Timestamp) -> Asked {
        let origin = Origin::current().map(|origin| (origin, (question.hashed, question.probe.clone())));
        let (asked, changed) = self.lock().ask(question, now);
        match asked {
            Asked::Pending => {
                if let Some((origin, of)) = origin {
                    self.came_from(origin, of);
                }
                self.wake.notify_one();
            }
            Asked::NotNow(_) => {}
        }
        self.tell(changed);
        asked
    }

    /// Why no question of this namespace and urgency can wait, if so.
    pub(super) fn busy(
        &self,
        key: &Key,
        namespace: &str,
        urgency: Urgency,
        now: Timestamp,
    ) -> Option<Deferral> {
        self.lock().admission.busy(key, namespace, urgency, now).map(|busy| busy.deferral)
    }

    /// Counts a failed login of the process before.
    pub(super) fn remember(&self, login: FailedLogin, is_unconfirmed: bool, now: Timestamp) {
        self.lock().admission.remember(login, is_unconfirmed, now);
    }

    /// This process begins to ask.
    pub(super) fn take_over(&self, now: Timestamp) {
        self.lock().take_over(now);
    }

    /// The process before held this good token back, until then at the latest.
    pub(super) fn remember_incident(&self, token: HashedToken, ends: Timestamp, now: Timestamp) {
        let mut state = self.lock();
        // What was said by the host that the name stood for before says nothing of this one.
        let began = earlier(ends, state.admission.limits().incident_hold);
        if self.moved.is_some_and(|moved| began < moved) {
            return;
        }
        let before = state.logged();
        state.remember_incident(token, ends, now);
        self.log(before, state.logged());
        drop(state);
        self.wake.notify_one();
    }

    /// True if an incident holds the refusals of this token back.
    #[cfg(test)]
    pub(super) fn holds_back(&self, token: &HashedToken) -> bool {
        self.lock().admission.incident().holds(token)
    }

    /// The connection that remembers a token which was held back uses another one.
    pub(super) fn leave_incident(&self, token: &HashedToken) {
        self.lock().leave_incident(token);
        self.wake.notify_one();
    }

    /// The process before knew this token to be good.
    pub(super) fn remember_good(&self, token: HashedToken) {
        self.lock().remember_good(token);
    }

    /// Keeps what the process before heard last about a token, unless this one has heard of it.
    pub(super) fn remember_deferral(&self, token: &HashedToken, said: (Deferral, bool), now: Timestamp) {
        let mut state = self.lock();
        let before = state.logged();
        state.remember_deferral(token, said, now);
        self.log(before, state.logged());
        drop(state);
        self.wake.notify_one();
    }

    /// When the next question about the token was brought forward last, and how many tokens wait, if the host has answered nobody
    /// since.
    pub(super) fn awaited(&self, token: &HashedToken) -> (Option<Timestamp>, u32) {
        let state = self.lock();
        (state.admission.brought_forward(token), state.admission.unanswered())
    }

    /// What was heard about the token.
    pub(super) fn snapshot(&self, token: &HashedToken) -> Option<Snapshot> {
        self.lock().snapshot(token)
    }

    /// True if this question about the token waits or is on its way.
    pub(super) fn is_pending(&self, token: &HashedToken, probe: &Probe) -> bool {
        self.lock().is_pending(token, probe)
    }

    /// How much its clock is ahead of ours.
    pub(super) fn clock_offset(&self) -> SignedDuration {
        self.lock().admission.clock().offset()
    }

    /// Somebody uses the token.
    pub(super) fn keep(&self, token: &HashedToken) {
        self.lock().ledger.keep(token);
    }

    /// Whether a connection has the token asked about.
    pub(super) fn has_asker(&self, token: &HashedToken, has: bool) {
        self.lock().has_asker(token, has);
    }

    /// Nobody uses the token any more.
    pub(super) fn forget(&self, token: &HashedToken, now: Timestamp) {
        let mut state = self.lock();
        state.admission.forget(token);
        state.ledger.leave(token, now);
        state.drop_unused(now);
    }

    /// How it stands.
    pub(super) fn state(&self, now: Timestamp) -> HostState {
        self.lock().admission.state(now)
    }

    /// For how long work that may go has waited for the worker.
    pub(super) fn stalled(&self) -> Option<Duration> {
        let state = self.lock();
        let now = Instant::now();
        let since = state.unseen.into_iter().chain(state.wakes_at.filter(|at| *at < now)).min()?;
        Some(now.duration_since(since))
    }

    /// Goes on with these limits. Over another way it is asked anew, also if it gave no answers over the one before.
    pub(super) fn reconfigure(&self, limits: Limits, is_other_way: bool, now: Timestamp) {
        let mut state = self.lock();
        state.admission.set_limits(limits);
        let is_anew = is_other_way && state.admission.begin_anew(now);
        let changed = if is_anew { state.ledger.deferred().collect() } else { Vec::new() };
        drop(state);
        self.tell(changed);
        self.wake.notify_one();
    }

    /// The settings name it no more: what waits is not asked, and the worker ends with the last answer.
    pub(super) fn retire(&self) {
        let mut state = self.lock();
        state.rests = true;
        state.is_retired = true;
        drop(state);
        self.wake.notify_one();
    }

    /// Asks nothing any more, and waits for the answers to what was asked.
    pub(super) async fn rest(&self) {
        self.lock().rests = true;
        // The sender lives as long as the host.
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }

    /// Asks what is to be asked, until the host is retired.
    pub(super) async fn work(self: Arc<Self>, ask: Ask, now: Now) {
        let mut asking = FuturesUnordered::new();
        loop {
            match self.step(now()) {
                Step::Ask(due) => asking.push(self.clone().asked(ask.clone(), due, now)),
                Step::Wait(_) if asking.is_empty() && self.lock().is_retired => return,
                Step::Wait(at) => {
                    let sleep = at.map_or(LONGEST_SLEEP, |at| until(at, now()));
                    tokio::select! {
                        Some((question, exchange, span)) = asking.next() => {
                            self.link(&span, &question);
                            self.answered(question, exchange, now());
                        }
                        () = self.wake.notified() => {}
                        () = time::sleep(sleep) => {}
                    }
                }
            }
        }
    }

    /// Asks, and keeps a panic from everyone else.
    async fn asked(self: Arc<Self>, ask: Ask, due: Due, now: Now) -> (Question, Exchange, Span) {
        let Due { question, transport } = due;
        let at = now();
        let span = tracing::info_span!(
            target: traces::TARGET,
            parent: None,
            "ask GitHub",
            otel.kind = "client",
            host = &*self.name,
            probe = question.probe.kind(),
            status = Empty,
            class = Empty,
            request_id = Empty,
        );
        let (token, probe, host) = (question.token.clone(), question.probe.clone(), self.name.clone());
        let answer =
            AssertUnwindSafe(async { ask(token, probe, host, transport).await }.instrument(span.clone()));
        let answer = answer.catch_unwind();
        let failed = |reason| {
            let reply = Reply::Deferral(Deferral::new(reason));
            Exchange::of(at, now(), reply)
        };
        let exchange = match time::timeout(DEADLINE, answer).await {
            Ok(Ok(exchange)) => exchange,
            Ok(Err(_)) => {
                tracing::error!(host = %self.name, "a question panicked; please report this");
                failed(Reason::QuestionFailed)
            }
            Err(_) => failed(Reason::TimedOut),
        };
        span.record("class", exchange.reply.class());
        (question, exchange, span)
    }

    /// Keeps for whom a question is asked that waits or is on its way.
    pub(super) fn came_from(&self, origin: Origin, of: (HashedToken, Probe)) {
        let state = self.lock();
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        origins.add(origin, of, state.admission.pending(), |question| state.admission.is_pending(question));
    }

    /// Tells for whom a question was asked.
    fn link(&self, span: &Span, question: &Question) {
        if !span.is_none() {
            let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
            traces::link(span, origins.take(&question.key()));
        }
    }

    fn step(&self, now: Timestamp) -> Step<Due> {
        let mut state = self.lock();
        if state.rests {
            return Step::Wait(None);
        }
        let before = state.logged();
        let (todo, changed) = state.step(now);
        self.log(before, state.logged());
        if matches!(todo, Step::Ask(_)) {
            self.open.send_modify(|open| *open = open.saturating_add(1));
        }
        drop(state);
        self.tell(changed);
        todo
    }

    fn answered(&self, question: Question, exchange: Exchange, now: Timestamp) {
        self.counted.count(&self.name, &question.probe, &exchange);
        let mut state = self.lock();
        let before = state.logged();
        let changed = state.hear(&question, exchange, now);
        self.log(before, state.logged());
        drop(state);
        self.tell(changed);
        self.open.send_modify(|open| *open = open.saturating_sub(1));
    }

    fn tell(&self, changed: Vec<HashedToken>) {
        for token in changed {
            self.changes.push(self.name.clone(), token);
        }
    }

    /// One line for each beginning and end of a trouble.
    fn log(&self, before: Logged, after: Logged) {
        let host = &self.name;
        match (before.breaker, after.breaker) {
            (None, Some(reason)) => {
                tracing::warn!(%host, reason = reason.as_str(), "the host gives no answers; one question at a time")
            }
            (Some(_), None) => tracing::info!(%host, "the host answers again"),
            _ => {}
        }
        match (before.incident, after.incident) {
            (false, true) => {
                let reason = Reason::HostRefusesMany.as_str();
                tracing::error!(%host, reason, "the host refuses tokens that it accepted before; not believed for now")
            }
            (true, false) => tracing::info!(%host, "refusals of the host are believed again"),
            _ => {}
        }
        if after.outliers > before.outliers {
            tracing::warn!(%host, outliers = after.outliers, "the date of an answer is far from what was expected and was not used; if this is said of every host, the clock of the operator's node is wrong");
        }
    }

    /// A lock that a panicking holder left is as good as any: nothing under it can panic.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For how long the worker sleeps that has nothing to do before this instant.
fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or_default().min(LONGEST_SLEEP)
}

#[cfg(test)]
mod tests;
