//! When each connection became Ready, seen from outside by a watch that keeps nothing else.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::StreamExt;
use github_pat_operator::api::GithubPatConnection;
use kube::{
    Api, Client, ResourceExt,
    api::ApiResource,
    core::{NotUsed, Object},
    runtime::{WatchStreamExt, watcher},
};
use serde::{Deserialize, Serialize};
use tokio::{sync::watch, task::JoinHandle};

use crate::Failed;

/// A connection without its spec, and with the conditions of its status only.
type Glimpse = Object<NotUsed, Conditions>;

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Conditions {
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
}

/// By namespace and name.
type Seen = HashMap<String, HashMap<String, Instant>>;

/// A running watch.
pub(crate) struct Ready {
    seen: Arc<Mutex<Seen>>,
    changed: watch::Receiver<()>,
    task: JoinHandle<()>,
}

impl Ready {
    pub(crate) fn begin(client: Client) -> Self {
        let seen = Arc::default();
        let (sender, changed) = watch::channel(());
        Self { task: tokio::spawn(follow(client, Arc::clone(&seen), sender)), seen, changed }
    }

    /// Waits until so many connections of the namespace are Ready, and gives the instant of the last one.
    pub(crate) async fn all(
        &self,
        namespace: &str,
        count: u32,
        deadline: Duration,
    ) -> Result<Instant, Failed> {
        let counted = |seen: &Seen| seen.get(namespace).map_or(0, HashMap::len);
        let reached = self.until(deadline, |seen| counted(seen) >= count as usize).await;
        let seen = lock(&self.seen);
        match seen.get(namespace).and_then(|connections| connections.values().max()) {
            Some(last) if reached => Ok(*last),
            _ => {
                let ready = counted(&seen);
                Err(format!("only {ready} of {count} connections are Ready after {deadline:?}").into())
            }
        }
    }

    /// When the connection became Ready; `None` if it did not before the deadline.
    pub(crate) async fn one(&self, namespace: &str, name: &str, deadline: Duration) -> Option<Instant> {
        let of = |seen: &Seen| seen.get(namespace)?.get(name).copied();
        self.until(deadline, |seen| of(seen).is_some()).await;
        of(&lock(&self.seen))
    }

    async fn until(&self, deadline: Duration, reached: impl Fn(&Seen) -> bool) -> bool {
        let mut changed = self.changed.clone();
        let come = async {
            loop {
                changed.borrow_and_update();
                if reached(&lock(&self.seen)) {
                    return true;
                }
                if changed.changed().await.is_err() {
                    return false;
                }
            }
        };
        tokio::time::timeout(deadline, come).await.unwrap_or_default()
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(client: Client, seen: Arc<Mutex<Seen>>, changed: watch::Sender<()>) {
    let resource = ApiResource::erase::<GithubPatConnection>(&());
    let connections = Api::<Glimpse>::all_with(client, &resource);
    let mut events =
        watcher(connections, watcher::Config::default()).default_backoff().applied_objects().boxed();
    while let Some(event) = events.next().await {
        let Ok(connection) = event else { continue };
        let conditions = connection.status.as_ref().map(|status| status.conditions.as_slice());
        let is_ready = |condition: &Condition| condition.type_ == "Ready" && condition.status == "True";
        if conditions.unwrap_or_default().iter().any(is_ready) {
            let mut seen = lock(&seen);
            let of = seen.entry(connection.namespace().unwrap_or_default()).or_default();
            of.entry(connection.name_any()).or_insert_with(Instant::now);
            drop(seen);
            changed.send_replace(());
        }
    }
}

/// No holder of the lock can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
