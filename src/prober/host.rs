//! One host: its questions, what was heard from it, and the worker that asks it.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::{Notify, watch},
    time,
};

use super::{Asked, Changes, Snapshot, counted::Counted, ledger::Ledger};
use crate::{
    domain::{
        Reason,
        answer::{Answer, Deferral, Expiry, RateLimit, Refusal, Reply},
        probe::Probe,
        probing::{
            Limits, Question, Urgency,
            admission::{Admission, Effect, HostState, Metadata, Step},
            logins::FailedLogin,
            schedule,
        },
        token::{HashedToken, Token},
    },
    github::{Exchange, Line},
};

/// The worker looks at the clock as often as this, which may have been set.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// Above the longest `timeout` that a host may have.
const DEADLINE: Duration = Duration::from_secs(70);

/// Asks one question.
pub(super) type Ask = Arc<dyn Fn(Token, Probe, Arc<str>, Line) -> BoxFuture<'static, Exchange> + Send + Sync>;
/// Reads the clock.
pub(super) type Now = fn() -> Timestamp;

/// A host and all that is known from it.
pub(super) struct Host {
    name: Arc<str>,
    state: Mutex<State>,
    wake: Notify,
    changes: Changes,
    /// How many questions are on their way.
    open: watch::Sender<usize>,
    counted: Counted,
}

/// What the lock guards.
#[derive(Debug)]
struct State {
    admission: Admission,
    ledger: Ledger,
    /// Since when a question waits that the worker has not looked at.
    unseen: Option<Timestamp>,
    /// When the worker wakes at the latest.
    wakes_at: Option<Timestamp>,
    /// What the clock said last.
    told_time: Timestamp,
    /// Whether nothing is asked any more.
    rests: bool,
}

/// A question to be asked now, and how.
struct Due {
    question: Question,
    line: Line,
}

impl Host {
    /// A host that was not asked yet.
    pub(super) fn new(name: Arc<str>, limits: Limits, changes: Changes, counted: Counted) -> Self {
        let (admission, ledger) = (Admission::new(limits), Ledger::default());
        let told_time = Timestamp::MIN;
        let state = State { admission, ledger, unseen: None, wakes_at: None, told_time, rests: false };
        Host {
            name,
            state: Mutex::new(state),
            wake: Notify::new(),
            changes,
            open: watch::Sender::new(0),
            counted,
        }
    }

    /// Lets a question wait, unless it may not.
    pub(super) fn ask(&self, question: Question, now: Timestamp) -> Asked {
        let (asked, changed) = self.lock().ask(question, now);
        match asked {
            Asked::Pending => self.wake.notify_one(),
            Asked::NotNow(_) => self.tell(changed),
        }
        asked
    }

    /// Counts a failed login of the process before.
    pub(super) fn remember(&self, login: FailedLogin, is_unconfirmed: bool, now: Timestamp) {
        self.lock().admission.remember(login, is_unconfirmed, now);
    }

    /// Keeps what the process before heard last about a token, unless this one has heard of it.
    pub(super) fn remember_deferral(&self, token: &HashedToken, deferral: Deferral) {
        self.lock().remember_deferral(token, deferral);
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
    pub(super) fn stalled(&self, now: Timestamp) -> Option<Duration> {
        let state = self.lock();
        let since = state.unseen.into_iter().chain(state.wakes_at.filter(|at| *at < now)).min()?;
        Some(now.duration_since(since).try_into().unwrap_or_default())
    }

    /// Asks nothing any more, and waits for the answers to what was asked.
    pub(super) async fn rest(&self) {
        self.lock().rests = true;
        // The sender lives as long as the host.
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }

    /// Asks what is to be asked, for ever.
    pub(super) async fn work(self: Arc<Self>, ask: Ask, now: Now) {
        let mut asking = FuturesUnordered::new();
        loop {
            match self.step(now()) {
                Step::Ask(due) => asking.push(self.clone().asked(ask.clone(), due, now)),
                Step::Wait(at) => {
                    let sleep = at.map_or(LONGEST_SLEEP, |at| until(at, now()));
                    tokio::select! {
                        Some((question, exchange)) = asking.next() => self.answered(question, exchange),
                        () = self.wake.notified() => {}
                        () = time::sleep(sleep) => {}
                    }
                }
            }
        }
    }

    /// Asks, and keeps a panic from everyone else.
    async fn asked(self: Arc<Self>, ask: Ask, due: Due, now: Now) -> (Question, Exchange) {
        let Due { question, line } = due;
        let at = now();
        let (token, probe, host) = (question.token.clone(), question.probe.clone(), self.name.clone());
        let answer = AssertUnwindSafe(async { ask(token, probe, host, line).await }).catch_unwind();
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
        (question, exchange)
    }

    fn step(&self, now: Timestamp) -> Step<Due> {
        let mut state = self.lock();
        if state.rests {
            return Step::Wait(None);
        }
        let before = state.trouble();
        let (todo, changed) = state.step(now);
        self.log(before, state.trouble());
        if matches!(todo, Step::Ask(_)) {
            self.open.send_modify(|open| *open = open.saturating_add(1));
        }
        drop(state);
        self.tell(changed);
        todo
    }

    fn answered(&self, question: Question, exchange: Exchange) {
        self.counted.count(&self.name, &question.probe, &exchange);
        let mut state = self.lock();
        let before = state.trouble();
        let changed = state.answered(&question, exchange);
        self.log(before, state.trouble());
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
    fn log(&self, before: Trouble, after: Trouble) {
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
            tracing::warn!(%host, outliers = after.outliers, "the date of an answer is wrong and was not used");
        }
    }

    /// A lock that a panicking holder left is as good as any: nothing under it can panic.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is worth a line in the log when it changes.
#[derive(Clone, Copy)]
struct Trouble {
    breaker: Option<Reason>,
    incident: bool,
    outliers: u64,
}

impl State {
    fn ask(&mut self, mut question: Question, now: Timestamp) -> (Asked, Vec<HashedToken>) {
        let (token, probe) = (question.hashed, question.probe.clone());
        let entry = self.ledger.open(token);
        entry.accepted_before |= question.accepted_before;
        question.accepted_before = entry.accepted_before;
        question.condemned |= entry.refused().is_some_and(|refused| refused.is_believed());
        question.account = entry.account().or(question.account);
        let Err(why) = self.admission.push(question, now) else {
            self.unseen.get_or_insert(now);
            return (Asked::Pending, Vec::new());
        };
        if probe != Probe::Identity {
            let news = self.ledger.open(token).turn_away(&probe, why.keep.unwrap_or(why.deferral), now);
            return (Asked::NotNow(why.deferral), if news { vec![token] } else { Vec::new() });
        }
        let news = why.keep.is_some_and(|keep| self.ledger.open(token).defer(keep, now));
        (Asked::NotNow(why.deferral), if news { vec![token] } else { Vec::new() })
    }

    fn remember_deferral(&mut self, token: &HashedToken, deferral: Deferral) {
        if self.ledger.get(token).is_none() {
            self.admission.remember_deferral(*token, deferral);
        }
    }

    fn is_pending(&self, token: &HashedToken, probe: &Probe) -> bool {
        self.admission.is_pending(&(*token, probe.clone()))
    }

    fn snapshot(&self, token: &HashedToken) -> Option<Snapshot> {
        let entry = self.ledger.get(token)?;
        Some(Snapshot {
            knowledge: entry.knowledge(),
            asked: entry.asked,
            released: self.admission.released(),
            brought_forward: self.admission.brought_forward(token),
            unanswered: self.admission.unanswered(),
            hurried: entry.hurried,
            suspected: entry.suspected,
            pending: self.admission.is_pending(&(*token, Probe::Identity)),
        })
    }

    fn trouble(&self) -> Trouble {
        Trouble {
            breaker: self.admission.breaker().open().map(|open| open.deferral.reason),
            incident: self.admission.incident().since().is_some(),
            outliers: self.admission.clock().outliers(),
        }
    }

    /// Drops what is known of tokens that nobody has used for as long as they are not asked about again.
    fn drop_unused(&mut self, now: Timestamp) {
        let while_ = self.admission.limits().minimum_interval;
        self.ledger.drop_unused(schedule::earlier(now, while_));
    }

    /// What the worker does next, and of which tokens something changed.
    fn step(&mut self, now: Timestamp) -> (Step<Due>, Vec<HashedToken>) {
        let mut changed = Vec::new();
        if now < self.told_time {
            self.admission.set_back(now);
        }
        self.told_time = now;
        self.drop_unused(now);
        if self.admission.lapse(now) {
            self.release();
            changed.extend(self.ledger.deferred());
        }
        let next = self.admission.next(now);
        for (question, why) in next.turned_away {
            match (why.keep, self.ledger.get_mut(&question.hashed)) {
                (_, Some(entry)) if question.probe != Probe::Identity => {
                    entry.turn_away(&question.probe, why.keep.unwrap_or(why.deferral), now);
                }
                (Some(keep), Some(entry)) => {
                    entry.defer(keep, now);
                }
                _ => {}
            }
            changed.push(question.hashed);
        }
        self.unseen = None;
        let todo = match next.step {
            Step::Ask(question) => {
                self.wakes_at = Some(now);
                let line = self.line(&question);
                Step::Ask(Due { question, line })
            }
            Step::Wait(at) => {
                self.wakes_at = at;
                Step::Wait(at)
            }
        };
        (todo, changed)
    }

    /// A refusal is confirmed over a new connection: a broken node behind a kept one would repeat itself.
    fn line(&self, question: &Question) -> Line {
        let entry = self.ledger.get(&question.hashed);
        let in_doubt = entry.is_some_and(|entry| {
            let refuses = |deferral: Deferral| deferral.reason == Reason::HostRefusesMany;
            entry.refused().is_some() || entry.deferred().is_some_and(refuses)
        });
        if in_doubt || question.urgency == Urgency::Confirm { Line::Fresh } else { Line::Kept }
    }

    /// Takes in what came of a question; gives the tokens of which something changed.
    fn answered(&mut self, question: &Question, exchange: Exchange) -> Vec<HashedToken> {
        let token = question.hashed;
        let entry = self.ledger.get(&token);
        let counts = entry.is_some_and(|entry| {
            !question.condemned
                && entry.accepted_before
                && !entry.was_held
                && !entry.refused().is_some_and(|refused| refused.is_believed())
        });
        let github_now = self.admission.clock().at(exchange.date, exchange.answered);
        let effect =
            self.admission.answered(question, &exchange.reply, metadata(&exchange, github_now), counts);
        let minimum = self.admission.limits().minimum_interval;
        let mut changed = Vec::new();
        if let (Reply::Answer(_), Some(entry)) = (&exchange.reply, self.ledger.get_mut(&token)) {
            entry.hide(&question.probe, &exchange.hidden);
        }
        let is_refusal = matches!(exchange.reply, Reply::Answer(Answer::Refused(Refusal::BadCredentials)));
        // Nobody uses a token any more that has no entry.
        if let Some(entry) = self.ledger.get_mut(&token).filter(|_| question.probe != Probe::Identity) {
            entry.prove(&question.probe, exchange.reply, exchange.at);
            changed.push(token);
        } else if let Some(entry) = self.ledger.get_mut(&token) {
            let before = entry.asked.filter(|before| *before <= exchange.at);
            let is_soon = before.is_some_and(|before| exchange.at.duration_since(before) < minimum);
            // What somebody requested comes soon too, and is confirmed like any other.
            entry.hurried = is_soon && entry.awaits_confirmation();
            entry.asked = Some(exchange.at);
            entry.suspected = false;
            let needed = if question.urgency == Urgency::Dubious && !entry.accepted_before {
                1
            } else if entry.was_held {
                3
            } else {
                2
            };
            match effect.held {
                true if question.condemned => {
                    entry.defer(Deferral::new(Reason::HostRefusesMany), exchange.at);
                }
                true => entry.hold(exchange.at),
                false => {
                    let reply = plausible(exchange.reply, github_now, entry.expiry());
                    entry.learn(reply, needed, exchange.at);
                }
            }
            changed.push(token);
        }
        if !self.ledger.is_used(&token) {
            // Nothing is kept of a token that went while it was asked about.
            self.admission.forget(&token);
        }
        self.apply(&effect, exchange.at, &mut changed);
        if is_refusal && counts && !effect.held && question.probe == Probe::Identity {
            changed.extend(self.call_witness(&token, exchange.at));
        }
        changed
    }

    /// A token that was good is refused. If the host refuses every token, it refuses another good one too, which is asked about at
    /// once: so an incident that meets the tokens one after the other, each at its own instants, is seen before it condemns any.
    fn call_witness(&mut self, refused: &HashedToken, now: Timestamp) -> Option<HashedToken> {
        let minimum = self.admission.limits().minimum_interval;
        let witness = self.ledger.witness(refused, schedule::earlier(now, minimum))?;
        self.ledger.get_mut(&witness)?.suspected = true;
        Some(witness)
    }

    /// What an answer about one token means for others.
    fn apply(&mut self, effect: &Effect, at: Timestamp, changed: &mut Vec<HashedToken>) {
        for token in &effect.taken_back {
            // What has been through an incident stays condemned in the next one.
            if let Some(entry) = self.ledger.get_mut(token).filter(|entry| !entry.was_held) {
                entry.hold(at);
                changed.push(*token);
            }
        }
        if effect.ends_incident {
            self.release();
        }
        if effect.ends_trouble {
            changed.extend(self.ledger.deferred());
        }
        changed.extend(&effect.brought_forward);
    }

    /// The incident is over. Of tokens that were accepted before, and that it held back or turned away, three
    /// refusals are needed now.
    fn release(&mut self) {
        for entry in self.ledger.entries() {
            let deferred = entry.deferred().map(|deferral| deferral.reason);
            entry.was_held |= entry.accepted_before && deferred == Some(Reason::HostRefusesMany);
        }
    }
}

/// What an answer tells beside its reply. The limit that comes with a refusal is that of the address.
fn metadata(exchange: &Exchange, github_now: Timestamp) -> Metadata {
    let granted = matches!(exchange.reply, Reply::Answer(Answer::Granted(_)));
    let limit = exchange.limit.filter(|_| granted);
    let spent = limit.filter(|limit| limit.remaining == 0);
    let spent_until = spent.and_then(|limit| {
        let left = SignedDuration::from_secs(limit.reset.saturating_sub(github_now.as_second()));
        exchange.answered.checked_add(left.min(RateLimit::LONGEST)).ok()
    });
    // The edge of a host that gives no answer has a clock of its own.
    let date = exchange.date.filter(|_| matches!(exchange.reply, Reply::Answer(_)));
    Metadata {
        answered: exchange.answered,
        date,
        limit: limit.and_then(|limit| u32::try_from(limit.limit).ok()),
        spent_until,
        further: exchange.further,
    }
}

/// An end is held against the host's clock: a date of this very answer that is wrong makes no end of it implausible.
fn plausible(reply: Reply, github_now: Timestamp, before: Option<Expiry>) -> Reply {
    match reply {
        Reply::Answer(Answer::Granted(mut grant)) => {
            grant.expiry = grant.expiry.accepted_at(github_now, before);
            Reply::Answer(Answer::Granted(grant))
        }
        reply => reply,
    }
}

fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or_default().min(LONGEST_SLEEP)
}

#[cfg(test)]
mod tests;
