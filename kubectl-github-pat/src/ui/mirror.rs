//! All connections that the user may see, at a glance, kept up to date by a watch, and until when they were so if it fails.

mod broken;

use std::{
    collections::BTreeMap,
    future::pending,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{FutureExt, StreamExt};
use github_pat_operator::api::GithubPatConnection;
use jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    api::{ListParams, WatchEvent, WatchParams},
    core::DeserializeGuard,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};

use self::broken::Broken;
use super::rights::may_look_everywhere;
use crate::{cluster::Cluster, summary::Summary};

/// The number that are listed at once: a status has up to 8 KiB.
const PAGE: u32 = 500;
/// How long a page of the list may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the making of a watch may take.
const MAKING: Duration = Duration::from_secs(10);
/// How many seconds a watch lasts. Each begins by asking whether the API server is there and the user may still look.
const WATCH: u32 = 10;
/// How long until a watch that was made and does not end is believed to be cut off.
const LONGEST_WATCH: Duration = Duration::from_secs(15);
/// How long to wait before a watch that failed is begun anew; twice as long each time.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// An API server that cannot tell what came after a version lets the watch begin and says so in its first event.
const SETTLED: Duration = Duration::from_secs(1);
/// How long to wait before asking whether the user may look everywhere again; twice as long each time.
const NARROW: Duration = Duration::from_secs(2);
const LONGEST_NARROW: Duration = Duration::from_secs(60);

type Guarded = DeserializeGuard<GithubPatConnection>;
/// Namespace and name.
type Key = (String, String);

/// Which namespaces are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    All,
    /// This one, since the user has named it.
    Named(String),
    /// This one, since the user may not look at all.
    Allowed(String),
}

/// What is known at one moment.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    /// Another one when any summary is.
    pub(super) version: u64,
    pub(super) scope: Scope,
    pub(super) problem: Option<Problem>,
    /// False until the first list has come.
    pub(super) is_listed: bool,
    /// What breaks next first.
    pub(super) connections: Arc<[Arc<Summary>]>,
}

/// Why nothing is known, or nothing new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) message: String,
    /// Until when all that is known was so; `None` if nothing is.
    pub(super) as_of: Option<Timestamp>,
}

/// A connection, and which version of it.
struct Seen {
    summary: Arc<Summary>,
    version: String,
}

struct State {
    connections: BTreeMap<Key, Seen>,
    snapshot: Snapshot,
    /// False once a summary has changed since the snapshot.
    is_sorted: bool,
    /// When the API server last said how things are.
    heard_at: Option<Timestamp>,
    /// How often the watch has failed or worked again, or follows other namespaces.
    turns: u64,
}

/// The connections, of which many ask.
pub(super) struct Mirror {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

impl Mirror {
    /// Nothing is known yet.
    pub(super) fn new(scope: Scope) -> Self {
        let connections = Arc::default();
        let snapshot = Snapshot { version: 0, scope, problem: None, is_listed: false, connections };
        Mirror {
            state: Mutex::new(State {
                connections: BTreeMap::new(),
                snapshot,
                is_sorted: true,
                heard_at: None,
                turns: 0,
            }),
            changed: watch::Sender::new(()),
        }
    }

    /// What is known now.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut state = self.state();
        if !state.is_sorted {
            let mut all: Vec<_> = state.connections.values().map(|seen| seen.summary.clone()).collect();
            all.sort_by_cached_key(|summary| summary.order());
            state.snapshot.connections = all.into();
            state.is_sorted = true;
        }
        state.snapshot.clone()
    }

    /// What changes whenever this connection does, or whether it is followed.
    pub(super) fn version(&self, namespace: &str, name: &str) -> String {
        let key = (namespace.to_owned(), name.to_owned());
        let state = self.state();
        let version = state.connections.get(&key).map(|seen| seen.version.as_str()).unwrap_or_default();
        format!("{}.{version}", state.turns)
    }

    /// Whether all connections are known that are followed.
    pub(super) fn is_listed(&self) -> bool {
        self.state().snapshot.is_listed
    }

    /// What is wrong with the watch.
    pub(super) fn problem(&self) -> Option<Problem> {
        self.state().snapshot.problem.clone()
    }

    /// The one namespace whose connections are followed, if not all are.
    pub(super) fn alone(&self) -> Option<String> {
        match &self.state().snapshot.scope {
            Scope::All => None,
            Scope::Named(namespace) | Scope::Allowed(namespace) => Some(namespace.clone()),
        }
    }

    /// Wakes when anything has changed.
    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Watches for as long as the page is served.
    pub(super) async fn follow(&self, cluster: &Cluster) {
        let (mut version, mut pause, mut narrow) = (None, PAUSE, NARROW);
        // Whether the user may look everywhere again is asked beside the watch: an API server that falls silent meanwhile is told as soon.
        let mut regained = pending().boxed();
        loop {
            let scope = self.state().snapshot.scope.clone();
            let api = match &scope {
                Scope::All => Api::all(cluster.client.clone()),
                Scope::Named(namespace) | Scope::Allowed(namespace) => {
                    Api::namespaced(cluster.client.clone(), namespace)
                }
            };
            let followed = async {
                match &mut version {
                    None => self.list(&api).await.map(|listed| version = Some(listed)),
                    Some(version) => self.watch(&api, version).await,
                }
            };
            let done = tokio::select! {
                done = followed => done,
                () = &mut regained => {
                    (version, regained) = (None, pending().boxed());
                    self.widen();
                    continue;
                }
            };
            match done {
                Ok(()) => pause = PAUSE,
                Err(Broken::Forbidden(_)) if scope == Scope::All => {
                    (version, regained) = (None, regains(cluster, narrow).boxed());
                    narrow = narrow.saturating_mul(2).min(LONGEST_NARROW);
                    self.narrow(&cluster.namespace);
                }
                Err(broken) => {
                    if matches!(broken, Broken::Gone) {
                        version = None;
                    }
                    self.say(Some(broken.told(cluster)));
                    sleep(pause).await;
                    pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Takes all that there are, and returns the version of the list. Whether they can be followed is not known by that.
    async fn list(&self, api: &Api<Guarded>) -> Result<String, Broken> {
        let (mut listed, mut params) = (BTreeMap::new(), ListParams::default().limit(PAGE));
        let version = loop {
            let page = timeout(PATIENCE, api.list(&params)).await.map_err(|_| Broken::TooSlow)??;
            listed.extend(page.items.iter().map(seen));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => break page.metadata.resource_version.unwrap_or_default(),
            }
        };
        self.change(|state| {
            state.connections = listed;
            state.is_sorted = false;
            if !state.snapshot.is_listed {
                state.snapshot.is_listed = true;
                state.turns = state.turns.saturating_add(1);
            }
            state.heard_at = Some(Timestamp::now());
        });
        Ok(version)
    }

    /// Follows the changes after this version, which moves along, until the API server ends the watch.
    async fn watch(&self, api: &Api<Guarded>, version: &mut String) -> Result<(), Broken> {
        let (params, begun) = (WatchParams::default().timeout(WATCH), Instant::now());
        let made = timeout(MAKING, api.watch(&params, version)).await.map_err(|_| Broken::TooSlow)??;
        let watched = async {
            let mut events = pin!(made.fuse());
            if let Ok(Some(event)) = timeout(SETTLED, events.next()).await {
                self.see(event?, version)?;
            }
            self.hear();
            while let Some(event) = events.next().await {
                self.see(event?, version)?;
            }
            self.hear();
            // A proxy may end each watch at once.
            sleep_until(begun.checked_add(PAUSE).unwrap_or(begun)).await;
            Ok(())
        };
        timeout(LONGEST_WATCH, watched).await.map_err(|_| Broken::TooSlow)?
    }

    fn see(&self, event: WatchEvent<Guarded>, version: &mut String) -> Result<(), Broken> {
        match event {
            WatchEvent::Added(guarded) | WatchEvent::Modified(guarded) => {
                *version = guarded.resource_version().unwrap_or_default();
                self.take(&guarded);
            }
            WatchEvent::Deleted(guarded) => {
                *version = guarded.resource_version().unwrap_or_default();
                let (key, _) = seen(&guarded);
                self.state().connections.remove(&key);
                self.settle(true);
            }
            WatchEvent::Bookmark(bookmark) => *version = bookmark.metadata.resource_version,
            WatchEvent::Error(status) => return Err(Broken::from(kube::Error::Api(status))),
        }
        Ok(())
    }

    fn take(&self, guarded: &Guarded) {
        let (key, seen) = seen(guarded);
        let before = self.state().connections.get(&key).map(|seen| seen.summary.clone());
        let is_same = before.is_some_and(|before| before == seen.summary);
        self.state().connections.insert(key, seen);
        self.settle(!is_same);
    }

    /// A summary has changed, or only the connection behind it.
    fn settle(&self, is_changed: bool) {
        self.state().heard_at = Some(Timestamp::now());
        if is_changed {
            self.change(|state| state.is_sorted = false);
        } else {
            self.changed.send_replace(());
        }
    }

    /// The API server is there, and lets the user look.
    fn hear(&self) {
        self.state().heard_at = Some(Timestamp::now());
        self.say(None);
    }

    fn say(&self, message: Option<String>) {
        let said = self.state().snapshot.problem.as_ref().map(|problem| problem.message.clone());
        if said != message {
            self.change(|state| {
                let as_of = state.heard_at;
                state.snapshot.problem = message.map(|message| Problem { message, as_of });
                state.turns = state.turns.saturating_add(1);
            });
        }
    }

    /// The user may not look at all namespaces: nothing is shown of the others any more.
    fn narrow(&self, namespace: &str) {
        self.change(|state| {
            state.snapshot.scope = Scope::Allowed(namespace.to_owned());
            state.snapshot.is_listed = false;
            state.snapshot.problem = None;
            state.connections.clear();
            state.is_sorted = false;
            state.turns = state.turns.saturating_add(1);
        });
    }

    /// The user may look at all namespaces again.
    fn widen(&self) {
        self.change(|state| {
            state.snapshot.scope = Scope::All;
            state.snapshot.is_listed = false;
            // What was wrong was so of one namespace.
            state.snapshot.problem = None;
            // No page is followed until all are listed, those of the one namespace neither.
            state.turns = state.turns.saturating_add(1);
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        {
            let mut state = self.state();
            change(&mut state);
            state.snapshot.version = state.snapshot.version.saturating_add(1);
        }
        self.changed.send_replace(());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns once the user may look everywhere, which is asked after this pause, and after one twice as long each time.
async fn regains(cluster: &Cluster, mut pause: Duration) {
    loop {
        sleep(pause).await;
        if may_look_everywhere(cluster).await {
            return;
        }
        pause = pause.saturating_mul(2).min(LONGEST_NARROW);
    }
}

fn seen(guarded: &Guarded) -> (Key, Seen) {
    let key = (guarded.namespace().unwrap_or_default(), guarded.name_any());
    let summary = match &guarded.0 {
        Ok(connection) => Summary::of(connection, Timestamp::now()),
        Err(invalid) => Summary::unreadable(&invalid.metadata, &invalid.error),
    };
    // In days it is told when it is shown.
    let summary = Arc::new(Summary { expires_in_days: None, ..summary });
    (key, Seen { summary, version: guarded.resource_version().unwrap_or_default() })
}

impl Problem {
    /// What a person reads.
    pub(super) fn told(&self) -> String {
        let Problem { message, as_of } = self;
        match as_of {
            Some(at) => format!("{message}. What is shown is as it was at {}.", at.strftime("%H:%M:%S UTC")),
            None => message.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
