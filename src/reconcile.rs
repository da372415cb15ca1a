//! The reconcile of one connection: observe, decide, act, report. It waits for the API server, never for GitHub.

mod act;
mod contention;
mod counted;
mod elsewhere;
mod failed;
mod follow;
mod gates;
mod holding;
mod lead;
mod moved;
mod observe;
mod queue;
mod rare;
mod records;
mod report;
mod standby;
mod sum;
mod tell;
mod turns;
mod watched;

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use futures::FutureExt;
use jiff::Timestamp;
use kube::Client;
use tokio::{sync::watch, time::Instant};
use tracing::Instrument;

use crate::{
    api::GithubPatConnectionSpec as Spec,
    cluster::{
        Fault,
        connections::Connection,
        events::Events,
        gates::Gates,
        index::{Index, Woken},
        object::ObjectKey,
        scope::{Scope, SecretScope},
        shown::Kept,
        watch::Relist,
    },
    domain::{
        Finding, Reason,
        backoff::{backoff, spread},
        decide::{Observation, Plan, decide},
        probing::Subject,
        token::{HashedToken, Token},
    },
    prober::Prober,
    settings::{self, MetricsDetail, Settings},
    sinks::Sinks,
    traces::TARGET,
};
use act::{act, retire};
use counted::Counted;
pub use counted::register;
use elsewhere::Elsewhere;
pub use gates::lift_gates;
pub use lead::finish;
use moved::Moves;
use observe::Observer;
pub use queue::{Priority, Queue};
use records::{Record, Records, Usage};
pub use tell::tell_sinks;
use turns::Turns;

/// How long one reconcile may take: several calls to the API server, each with a deadline of its own.
pub const DEADLINE: Duration = Duration::from_secs(25);
/// A reconcile stops starting reads, writes or restarts once failed ones of that kind have taken this long.
///
/// Calls that failed in the last reconcile come last, so they delay no others. The rest of [`DEADLINE`] is for the status.
const LOST: Duration = Duration::from_secs(6);
/// The first pause after a failure, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));
/// Failed reads and writes are retried silently this many times; the API server mostly answers the next one.
const SILENT_RETRIES: u32 = 3;
/// The longest wait for an answer of GitHub, which wakes the connection; after it the connection is requeued.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The pause of connections that publish while the connections are listed for the first time.
const UNTIL_LISTED: Duration = Duration::from_secs(1);
/// What may be asked in less than this is waited for as long.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// What a reconcile needs beside the connection.
pub struct Context {
    /// The way to the API server.
    pub client: Client,
    /// Asks GitHub.
    pub prober: Prober,
    settings: watch::Sender<Arc<Settings>>,
    /// What is known of the cluster.
    pub index: Arc<Index>,
    /// The Pods that wait.
    pub gates: Gates,
    /// What is to be told as Events.
    pub events: Events,
    /// Whom to tell of changes.
    pub sinks: Sinks,
    /// Has everything listed anew.
    pub relist: Arc<Relist>,
    /// Which connection is next.
    pub queue: Queue,
    /// Whether this replica works.
    leads: AtomicBool,
    records: Records,
    /// The namespaces whose consumers are being listed.
    consumers: Turns,
    elsewhere: Elsewhere,
    counted: Counted,
    moves: Moves,
}

/// What kept a reconcile from its end. It comes again.
#[derive(Debug)]
struct Failure {
    doing: &'static str,
    secret: String,
    verbs: &'static str,
    fault: Fault,
}

/// How a reconcile ended.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// It comes again when something changes.
    Wait,
    /// The same, and after this pause at the latest.
    After(Duration),
    /// It failed, and comes again after a pause that grows with each failure in a row.
    Failed,
    /// The same, or after this pause, whichever is shorter: what fails does not keep the token from being asked about.
    FailedOr(Duration),
}

impl Context {
    /// True if the connection is gone meanwhile, or has labels by which another operator looks after it.
    fn has_let_go(&self, connection: &Connection) -> bool {
        self.index.connection(&connection.key).is_none_or(|now| now.uid != connection.uid)
    }

    /// A context in which nothing is known yet. Where there may be several replicas, it works from [`Context::lead`] on.
    pub fn new(client: Client, prober: Prober, sinks: Sinks, settings: Settings) -> Self {
        let secrets = match settings.watch.secret_scope {
            settings::SecretScope::Namespaced => SecretScope::Namespaced,
            settings::SecretScope::Cluster => SecretScope::Cluster,
        };
        let index = Index::new(Scope::of(&settings.watch.namespaces, settings.shard), secrets);
        // Where nobody elects a leader, it leads from the start.
        if settings.lease.is_none() {
            prober.take_over(Timestamp::now());
        }
        let shows = |detail| settings.metrics_details.contains(&detail);
        let index = index.selecting(settings.selector.clone()).keeping(Kept {
            labels: kept_labels(&settings).cloned().collect(),
            account: shows(MetricsDetail::Account),
            consumers: shows(MetricsDetail::Consumers),
        });
        Context {
            leads: settings.lease.is_none().into(),
            client,
            prober,
            settings: watch::Sender::new(Arc::new(settings)),
            index: Arc::new(index),
            gates: Gates::default(),
            events: Events::default(),
            sinks,
            relist: Arc::default(),
            queue: Queue::default(),
            records: Records::default(),
            counted: Counted::default(),
            consumers: Turns::default(),
            elsewhere: Elsewhere::default(),
            moves: Moves::default(),
        }
    }

    /// The settings that are in effect now.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.borrow().clone()
    }

    /// From now on these settings are in effect. Everybody is reconciled, since the instants at which they are due may be others now;
    /// `concerns_connections` is false for settings that no reconcile reads.
    pub fn take(&self, settings: Settings, concerns_connections: bool) {
        self.settings.send_replace(Arc::new(settings));
        if concerns_connections && self.leads() {
            for connection in self.index.connections() {
                self.queue.wake(&connection.key, self.priority(&connection.key));
            }
        }
    }

    /// Has the prober know who uses a token.
    fn tells_usage(&self) -> impl Fn(&Subject, Usage) + '_ {
        |subject, usage| match usage {
            Usage::Unused => self.prober.forget(subject),
            Usage::Unasked => self.prober.has_asker(subject, false),
            Usage::Asked => self.prober.has_asker(subject, true),
        }
    }

    /// Queues whom an event concerns.
    pub fn wake(&self, woken: Woken) {
        if !self.leads() {
            return;
        }
        self.remember_first(&woken);
        match woken {
            Woken::New(key) => self.queue.wake(&key, Priority::New),
            Woken::Changed(key) => self.queue.wake(&key, self.priority(&key)),
            Woken::Known(key) => self.queue.wake(&key, Priority::Known),
            Woken::Came(key) => {
                if !self.sinks.is_empty() {
                    self.moves.came(&key);
                }
                self.queue.wake(&key, self.priority(&key));
            }
            Woken::Gone(key) => {
                self.queue.forget(&key);
                self.end_incidents(&key);
                self.records.forget(&key, self.tells_usage());
                gates::changed(&key, self);
            }
        }
    }

    /// Has the sinks told that what was wrong with a connection is over which is gone, or which another operator may look after now.
    fn end_incidents(&self, key: &ObjectKey) {
        if self.settings().selector.is_none() {
            self.sinks.gone(key.namespace(), key.name());
        } else if self.sinks.open(key.namespace(), key.name()).is_some() {
            self.moves.left(key);
            self.queue.wake(key, Priority::Changed);
        }
    }

    /// Queues whom a change concerns that this connection made or saw, but for itself.
    fn wake_others(&self, itself: &ObjectKey, woken: Vec<Woken>) {
        let others = woken.into_iter().filter(|woken| !matches!(woken, Woken::Changed(key) if key == itself));
        others.for_each(|woken| self.wake(woken));
    }

    /// While the first list is read, the statuses tell which tokens were refused, what the process before has spent of the failed logins,
    /// and which incident of a host it saw.
    fn remember_first(&self, woken: &Woken) {
        let (Woken::New(key) | Woken::Known(key)) = woken else { return };
        if self.index.has_listed().borrow().connections {
            return;
        }
        if let Some(connection) = self.index.connection(key) {
            self.remember(key, &connection);
        }
    }

    /// What the knowledge of a token belongs to.
    fn subject(&self, host: &str, token: HashedToken) -> Subject {
        Subject { host: self.host(host), token }
    }

    fn host(&self, name: &str) -> Arc<str> {
        self.prober.name(name).unwrap_or_else(|| name.into())
    }

    fn priority(&self, key: &ObjectKey) -> Priority {
        match self.index.connection(key) {
            Some(connection) if connection.is_known() => Priority::Changed,
            _ => Priority::New,
        }
    }
}

/// Those that are shown, and those that sinks choose by.
fn kept_labels(settings: &Settings) -> impl Iterator<Item = &String> {
    let chosen = settings.sinks.all.iter().flat_map(|sink| sink.labels.keys());
    settings.connection_labels.iter().chain(chosen)
}

/// Holds back what was judged before until the connections are listed; until the Secrets of its namespace are, the reconcile does.
pub async fn open(ctx: &Context) {
    let mut listed = ctx.index.has_listed();
    // The sender lives as long as the index.
    let _ = listed.wait_for(|listed| listed.connections).await;
    ctx.queue.open();
}

/// Wakes every connection whose token GitHub has said something about, for ever.
pub async fn follow_answers(ctx: &Context) {
    let changes = ctx.prober.changes();
    loop {
        let subject = changes.next().await;
        for key in ctx.records.sharing(&subject) {
            let priority = ctx.priority(&key);
            ctx.queue.wake(&key, if priority == Priority::New { Priority::Answered } else { priority });
        }
    }
}

/// Reconciles one connection after the other, for ever. Several of these run side by side.
pub async fn work(ctx: &Context) {
    loop {
        let key = ctx.queue.next().await;
        let requeue_after = reconcile(&key, ctx).await;
        let is_there = ctx.index.connection(&key).is_some() || ctx.moves.awaits(&key);
        ctx.queue.done(&key, requeue_after.filter(|_| is_there));
    }
}

async fn reconcile(key: &ObjectKey, ctx: &Context) -> Option<Duration> {
    let started = Instant::now();
    if let Err(pause) = moved::tell(key, ctx).await {
        return Some(pause);
    }
    let connection = ctx.index.connection(key)?;
    if connection.deleting {
        ctx.records.rest(key, None, ctx.tells_usage());
        gates::changed(key, ctx);
        return None;
    }
    // Whom this process has judged itself does not wait for a list that may be long in coming.
    if ctx.index.awaits_secrets(&connection) && !ctx.records.has(key, &connection.uid) {
        return None;
    }
    let (mut record, is_new) = ctx.records.take(key, &connection.uid, Timestamp::now(), ctx.tells_usage());
    if let Some(status) = connection.status.as_ref().filter(|_| is_new) {
        record.rare.foreign_marks = status.withdrawn_outputs().into();
    }
    let spec = connection.spec.read();
    let is_active = spec.as_ref().is_ok_and(|spec| !spec.suspend);
    if !is_active {
        ctx.records.rest(key, Some(&record), ctx.tells_usage());
    }
    follow_circles(&connection, &mut record, ctx);
    let left = DEADLINE.saturating_sub(started.elapsed());
    let next = contained(&connection, &spec, &mut record, left, ctx).await;
    ctx.counted.count(&next, started.elapsed());
    record.rare.tidy();
    record.drop_bytes(is_active);
    let retry = spread(backoff(PAUSES, record.failures), fastrand::f64());
    let requeue_after = match next {
        Next::Wait => None,
        Next::After(pause) => Some(pause),
        Next::Failed => Some(retry),
        Next::FailedOr(pause) => Some(retry.min(pause)),
    };
    record.failures = match next {
        Next::Failed | Next::FailedOr(_) => record.failures.saturating_add(1),
        Next::Wait | Next::After(_) => 0,
    };
    if record.has_taken_memory() {
        ctx.index.drop_memory(&connection);
    }
    put_back(&connection, record, ctx);
    gates::changed(key, ctx);
    requeue_after
}

/// Keeps which outputs lead back to the connection, and wakes everybody whom it concerns that circles have come or gone: only one of
/// their connections was edited. Before all connections are known, nobody knows.
fn follow_circles(connection: &Connection, record: &mut Record, ctx: &Context) {
    if !ctx.index.has_listed().borrow().connections {
        return;
    }
    let (circles, woken) = ctx.index.circles(connection);
    record.rare.circles = circles.into();
    ctx.wake_others(&connection.key, woken);
}

/// Keeps what goes wrong with one connection from the others: a panic, or what takes longer than what is left of the time. What is
/// remembered stays.
async fn contained(
    connection: &Connection,
    spec: &Result<Spec, String>,
    record: &mut Record,
    left: Duration,
    ctx: &Context,
) -> Next {
    // Boxed: it takes many KiB, which each layer around it would hold and move once more.
    let span = tracing::info_span!(target: TARGET, parent: None, "reconcile", connection = %connection.key);
    let reconciled = async {
        match spec {
            Ok(spec) => pass(connection, spec, record, ctx).await,
            Err(error) => report::unreadable(connection, error, record, ctx).await,
        }
    };
    let reconciled = Box::pin(reconciled.instrument(span));
    match tokio::time::timeout(left, AssertUnwindSafe(reconciled).catch_unwind()).await {
        Ok(Ok(next)) => next,
        Ok(Err(_)) => {
            tracing::error!(connection = %connection.key, "the reconcile panicked; please report this");
            ctx.counted.count_panic();
            Next::After(PAUSES.1)
        }
        Err(_) => {
            tracing::warn!(connection = %connection.key, "the reconcile took too long and was cut; it comes again");
            ctx.counted.count_timeout();
            Next::Failed
        }
    }
}

/// Keeps the record, unless the connection is gone meanwhile: a late reconcile leaves nothing behind.
fn put_back(connection: &Connection, record: Box<Record>, ctx: &Context) {
    let key = &connection.key;
    ctx.records.put(key, record);
    let is_there = ctx.index.connection(key).is_some_and(|now| now.uid == connection.uid);
    if !is_there {
        ctx.records.forget(key, ctx.tells_usage());
    }
}

/// One pass: observe, decide, act, report.
async fn pass(connection: &Connection, spec: &Spec, record: &mut Record, ctx: &Context) -> Next {
    if spec.suspend && report::says_suspended(connection, record) {
        return Next::Wait;
    }
    let started = Instant::now();
    let mut observer = Observer { connection, spec, ctx, record, place: 0, used: 0, read: None };
    let mut observed = observer.observe().await;
    // Before all connections are known, nobody knows whether an output leads back to its source.
    if !spec.publish.is_empty() && !ctx.index.has_listed().borrow().connections {
        return Next::After(UNTIL_LISTED);
    }
    if observed.standbys.as_ref().is_some_and(|standbys| standbys.is_news) {
        return report::announce(connection, spec, &observed, record, ctx).await;
    }
    let (bytes, outputs) = {
        let missing = decide(&observed.seen).missing;
        (missing.bytes, missing.outputs.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    if bytes || !outputs.is_empty() || !observer.record.rare.not_read.is_empty() {
        observer.complete(&mut observed, bytes, &outputs).await;
    }
    if observed.conflict {
        return Next::After(Duration::ZERO);
    }
    let is_transient = |failure: &Failure| !failure.fault.is_forbidden();
    if record.failures < SILENT_RETRIES && observed.failures.iter().any(is_transient) {
        tell(connection, &observed.failures, None);
        return Next::Failed;
    }
    let decision = tracing::info_span!(target: TARGET, "decide").in_scope(|| decide(&observed.seen));
    if let Some(next) = report::announce_anew(connection, &decision, &observed, record, ctx).await {
        return next;
    }
    let mut outcomes = act(&decision, &observed, connection, record, ctx).await;
    // What a new connection made at first is told by its status.
    if connection.was_judged() {
        ctx.events.post(connection, observed.seen.now, outcomes.events.drain(..));
    }
    let holders = holding::holders(connection, &observed, ctx);
    let looked = record.rare.looked;
    outcomes.following = follow::follow(connection, spec, &observed, &outcomes, &holders, record, ctx).await;
    let unnamed = follow::unnamed(connection, &observed, &decision, &outcomes, ctx);
    if !unnamed.is_empty() {
        outcomes = retire(outcomes, &unnamed, &observed, connection, record, ctx).await;
        ctx.events.post(connection, observed.seen.now, outcomes.events.drain(..));
    }
    let standbys = observed.standbys.as_ref();
    let unread = standbys.into_iter().flat_map(|standbys| &standbys.failures);
    let failures = || observed.failures.iter().chain(&outcomes.failures).chain(unread.clone());
    tell(connection, failures(), observed.seen.bytes.as_ref());
    if outcomes.is_late {
        tracing::warn!(connection = %connection.key, "the changes of its outputs took too long, and go on in the next reconcile");
    }
    let mut writes = outcomes.failures.iter();
    let passes = outcomes.is_late || writes.any(|failure| failure.fault.is_passing());
    let may_pass = record.failures < SILENT_RETRIES && passes;
    // What whoever leads next must know is told at once: what was condemned, and the labels of what was deleted.
    let told = connection.status.as_ref().map(|status| status.withdrawn_outputs()).unwrap_or_default();
    let can_wait = decision.plan == Plan::Write && record.rare.foreign_marks.told() == told;
    let has_failed = outcomes.is_late || failures().next().is_some();
    let conflicted = outcomes.conflicted.filter(|_| !has_failed);
    let silent = if may_pass { Some(Next::Failed) } else { conflicted.map(Next::After) };
    let reported = if let Some(next) = silent.filter(|_| can_wait) {
        // What was found is told by the next one, which looks again.
        record.rare.looked = looked;
        next
    } else {
        let reported = report::report(connection, spec, &observed, &decision, &outcomes, record, ctx);
        reported.instrument(tracing::info_span!(target: TARGET, "report")).await
    };
    // The bytes of the token are kept no longer than its question is on its way.
    let considered = standbys.into_iter().flat_map(|standbys| &standbys.all);
    let others = considered.filter_map(|(_, seen)| seen.as_deref());
    let is_pending = std::iter::once(&observed.seen).chain(others).any(Observation::is_asking);
    record.drop_bytes(is_pending);
    let pause = match reported {
        Next::Failed | Next::FailedOr(_) => return Next::Failed,
        Next::After(pause) => Some(pause),
        Next::Wait if outcomes.terminating => return Next::Wait,
        Next::Wait => None,
    };
    let due = decision.requeue_after.unsigned_abs();
    let due = if is_pending { due.min(LONGEST_WAIT) } else { due };
    let requested = observed.requested_at.map(|at| at.duration_since(observed.seen.now).unsigned_abs());
    let due =
        requested.map_or(due, |wait| wait.max(SHORTEST_WAIT).min(due)).saturating_sub(started.elapsed());
    let of_others = standbys.map(|standbys| {
        standbys.due.duration_since(observed.seen.now).max(SHORTEST_WAIT.try_into().unwrap_or_default())
    });
    let of_others = of_others.map(|wait| wait.unsigned_abs());
    let again = follow::look_again(connection, spec, ctx);
    let next = pause.into_iter().chain(outcomes.pause).chain(of_others).chain(again).fold(due, Duration::min);
    if has_failed { Next::FailedOr(next) } else { Next::After(next) }
}

/// Logs why, with the API server's own words.
fn tell<'a>(connection: &Connection, failures: impl IntoIterator<Item = &'a Failure>, token: Option<&Token>) {
    for Failure { doing, secret, fault, .. } in failures {
        tracing::warn!(connection = %connection.key, secret, doing, error = %fault, said = fault.said(token), "a call about a Secret failed");
    }
}

impl Failure {
    /// The finding that stands for it in the status.
    fn finding(&self) -> Finding {
        let Failure { doing, secret, verbs, fault } = self;
        let reason = match *doing {
            "read" if fault.is_forbidden() => Reason::SecretForbidden,
            "read" => Reason::ApiServerUnavailable,
            _ if fault.is_passing() => Reason::ApiServerUnavailable,
            _ => Reason::WriteFailed,
        };
        let message = format!("cannot {doing} Secret {secret}: {fault}; {}", fault.advice(verbs));
        Finding::new(reason, message)
    }
}

#[cfg(test)]
pub(crate) mod tests;
