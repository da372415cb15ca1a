//! One replica works; the others only keep the index in step with the cluster, so that any of them goes on at once.

use std::{sync::atomic::Ordering, time::Duration};

use jiff::Timestamp;
use tokio::time::{self, Instant};

use super::{Context, Priority};
use crate::{
    api::StatusDigest,
    cluster::{connections::Connection, object::ObjectKey},
};

/// Until when answers of GitHub are waited for that are on their way when the process is stopped, counted from the stop. What one step
/// does not need is left to the next.
const ANSWERS: Duration = Duration::from_secs(3);
/// Until when connections are reconciled that were queued by then.
const QUEUED: Duration = Duration::from_millis(4500);
/// Until when what is under way may take after that.
const UNDER_WAY: Duration = Duration::from_millis(5500);
/// Until when Events are sent that wait.
const EVENTS: Duration = Duration::from_secs(6);
/// Until when notifications are sent that wait, and until when it is kept what was told. What is late is told after the next start.
const SINKS: Duration = Duration::from_millis(6300);
const RECEIPTS: Duration = Duration::from_millis(6800);
/// How long a sink that does not answer holds up the end, at most.
const SILENT_SINK: Duration = Duration::from_secs(2);

impl Context {
    /// True if this replica works. One that only follows the cluster queues nobody, so that nothing piles up in it.
    pub fn leads(&self) -> bool {
        self.leads.load(Ordering::Acquire)
    }

    /// From now on this replica works: it takes up what the statuses remember, as after a start, and queues everybody.
    pub fn lead(&self) {
        // Before that nobody was queued; what is woken meanwhile is queued twice, which is once.
        self.leads.store(true, Ordering::Release);
        self.prober.take_over(Timestamp::now());
        let connections = self.index.connections();
        // All of it, before the first question.
        connections.iter().for_each(|connection| self.remember(&connection.key, connection));
        for connection in connections {
            let priority = if connection.is_known() { Priority::Known } else { Priority::New };
            self.queue.wake(&connection.key, priority);
        }
    }

    /// Keeps which tokens were refused, what the process before has spent of the failed logins, and which incident of a host it saw, as the
    /// status tells.
    pub(super) fn remember(&self, key: &ObjectKey, connection: &Connection) {
        let status = connection.status.as_ref();
        for (host, token, at) in status.into_iter().flat_map(StatusDigest::refusals) {
            self.records.remember_refusal(self.subject(host, token), at);
        }
        let now = Timestamp::now();
        let remembered = status.into_iter().flat_map(|status| status.failed_logins(key.namespace()));
        for (host, logins, is_unconfirmed) in remembered {
            logins.into_iter().for_each(|login| self.prober.remember(host, login, is_unconfirmed, now));
        }
        // A suspended connection waits for nothing.
        let is_asked_about = || connection.spec.read().is_ok_and(|spec| !spec.suspend);
        if let Some((host, token, ends)) =
            status.and_then(StatusDigest::incident).filter(|_| is_asked_about())
        {
            self.prober.remember_incident(host, token, ends, now);
        }
    }
}

/// Ends the work: asks no more questions, writes down the answers to those that are open, and ends what is under way. Takes seven
/// seconds at most; what is not done by then is left as it is, and whoever leads next does it.
pub async fn finish(ctx: &Context) {
    if !ctx.leads() {
        return;
    }
    let answered = async {
        ctx.prober.rest().await;
        // Whoever takes out a change queues its connections before it takes the next.
        while !ctx.prober.changes().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let stopped = Instant::now();
    let left = |until: Duration| until.saturating_sub(stopped.elapsed());
    let answers = time::timeout(left(ANSWERS), answered).await.is_ok();
    let queued = time::timeout(left(QUEUED), ctx.queue.quiet()).await.is_ok();
    let under_way = time::timeout(left(UNDER_WAY), ctx.queue.close()).await.is_ok();
    let events = time::timeout(left(EVENTS), ctx.events.sent()).await.is_ok();
    let sinks = time::timeout(left(SINKS).min(SILENT_SINK), ctx.sinks.told()).await == Ok(true);
    let receipts = time::timeout(left(RECEIPTS), super::tell::finish(ctx, !under_way)).await.is_ok();
    tracing::info!(answers, queued, under_way, events, sinks, receipts, "finished what was under way");
}
