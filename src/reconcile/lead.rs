//! One replica works; the others only keep the index in step with the cluster, so that any of them goes on at once.

use std::{sync::atomic::Ordering, time::Duration};

use jiff::Timestamp;
use tokio::time;

use super::{Context, Priority};
use crate::{
    api::StatusDigest,
    cluster::{connections::Connection, object::ObjectKey},
};

/// How long answers of GitHub are waited for that are on their way when the process is stopped.
const ANSWERS: Duration = Duration::from_secs(3);
/// How long connections are reconciled that were queued by then.
const QUEUED: Duration = Duration::from_millis(1500);
/// How long what is under way may take after that.
const UNDER_WAY: Duration = Duration::from_secs(1);
/// How long Events may take that wait to be sent.
const EVENTS: Duration = Duration::from_millis(500);

impl Context {
    /// True if this replica works. One that only follows the cluster queues nobody, so that nothing piles up in it.
    pub(super) fn leads(&self) -> bool {
        self.leads.load(Ordering::Acquire)
    }

    /// From now on this replica works: it takes up what the statuses remember, as after a start, and queues everybody.
    pub fn lead(&self) {
        // Before that nobody was queued; what is woken meanwhile is queued twice, which is once.
        self.leads.store(true, Ordering::Release);
        for connection in self.index.connections() {
            self.remember(&connection.key, &connection);
            let priority = if connection.is_known() { Priority::Known } else { Priority::New };
            self.queue.wake(&connection.key, priority);
        }
    }

    /// Keeps which tokens were refused, and what the process before has spent of the failed logins, as the status tells.
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
    }
}

/// Ends the work: asks no more questions, writes down the answers to those that are open, and ends what is under way. Takes six
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
    let in_time = [
        time::timeout(ANSWERS, answered).await.is_ok(),
        time::timeout(QUEUED, ctx.queue.quiet()).await.is_ok(),
        time::timeout(UNDER_WAY, ctx.queue.close()).await.is_ok(),
        time::timeout(EVENTS, ctx.events.sent()).await.is_ok(),
    ];
    let [answers, queued, under_way, events] = in_time;
    tracing::info!(answers, queued, under_way, events, "finished what was under way");
}
