//! Keeps the index in step with the cluster: one watch of connections, one of the metadata of Secrets.
//!
//! A watch that ends with an error begins anew with a list. The API server may have come back on an earlier state of etcd, as
//! after the restore of a backup; a watch from a later version would then wait in silence:
//! <https://kubernetes.io/docs/tasks/administer-cluster/configure-upgrade-etcd/#restoring-an-etcd-cluster>.
//!
//! The first list comes as a stream of objects, of which one at a time is held:
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists>. It may be a moment old, which harms nobody who
//! knows nothing yet; the watch that follows tells the rest. Later lists outweigh what is known, so they come in consistent pages,
//! as the first one does from an API server that sends no stream.

use std::{
    fmt::Debug,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{StreamExt, pin_mut};
use kube::{Api, Client, Resource, runtime::watcher};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use super::{
    connections::Received,
    index::{Index, Woken},
    innermost,
    secrets::SecretMeta,
};
use crate::domain::backoff::{backoff, spread};

/// A half-open watch is noticed after this many seconds, in place of five minutes.
const WATCH_SECONDS: u32 = 60;
/// Longer than any watch is silent, so that a list without an answer ends too.
pub const LONGEST_SILENCE: Duration = Duration::from_secs(75);
/// Where a list comes in pages, each is held in memory whole. A connection with its status has about 5 KiB.
const PAGE_OF_CONNECTIONS: u32 = 300;
/// A Secret's annotations may have 256 KiB.
const PAGE_OF_SECRETS: u32 = 10;
/// Whatever seems to have gone back in time, everything is listed anew once in so long.
const BETWEEN_RELISTS: Duration = Duration::from_secs(60);
/// The same failure is logged again after so long.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(600);
/// The first pause after a watch has failed, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Makes both watches begin anew with a list.
#[derive(Debug, Default)]
pub struct Relist {
    connections: Notify,
    secrets: Notify,
    requested: Mutex<Option<Instant>>,
}

impl Relist {
    /// Begins anew as soon as possible, once a minute at most.
    pub fn request(&self) {
        let mut requested = self.requested.lock().unwrap_or_else(PoisonError::into_inner);
        if requested.is_some_and(|before| before.elapsed() < BETWEEN_RELISTS) {
            return;
        }
        *requested = Some(Instant::now());
        self.connections.notify_one();
        self.secrets.notify_one();
    }
}

/// Follows the connections for ever.
pub async fn connections(client: Client, index: &Index, relist: &Relist, wake: impl Fn(Woken)) {
    let follow = |event| {
        let woken = match event {
            watcher::Event::Init => {
                index.list_connections();
                Vec::new()
            }
            watcher::Event::InitApply(received) => index.listed(received).into_iter().collect(),
            watcher::Event::InitDone => index.connections_listed(),
            watcher::Event::Apply(received) => index.received(received).into_iter().collect(),
            watcher::Event::Delete(received) => index.lost_connection(&received.key, received.uid()),
        };
        woken.into_iter().for_each(&wake);
    };
    let connections = "githubpatconnections";
    followed(Api::<Received>::all(client), PAGE_OF_CONNECTIONS, &relist.connections, connections, follow)
        .await;
}

/// Follows the metadata of Secrets for ever.
pub async fn secrets(client: Client, index: &Index, relist: &Relist, wake: impl Fn(Woken)) {
    let follow = |event| {
        let woken = match event {
            watcher::Event::Init => {
                index.list_secrets();
                Vec::new()
            }
            watcher::Event::InitApply(SecretMeta { key, entry, .. }) => index.listed_secret(&key, entry),
            watcher::Event::InitDone => index.secrets_listed(),
            watcher::Event::Apply(SecretMeta { key, entry, .. }) => index.saw_secret(&key, entry),
            watcher::Event::Delete(SecretMeta { key, entry, .. }) => {
                index.lost_secret(&key, &entry.version.uid)
            }
        };
        woken.into_iter().for_each(&wake);
    };
    followed(Api::<SecretMeta>::all(client), PAGE_OF_SECRETS, &relist.secrets, "secrets", follow).await;
}

/// Hands on every event, and begins anew with a list after each error and at each request.
async fn followed<K>(
    api: Api<K>,
    page: u32,
    relist: &Notify,
    watched: &'static str,
    mut follow: impl FnMut(watcher::Event<K>),
) where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let paged = watcher::Config::default().timeout(WATCH_SECONDS).page_size(page);
    let mut config = paged.clone().streaming_lists();
    let mut failures = 0_u32;
    let mut told: Option<(String, Instant)> = None;
    loop {
        let events = watcher(api.clone(), config.clone());
        pin_mut!(events);
        let failed = loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(event)) => {
                        // `Init` comes before anything was asked.
                        if !matches!(event, watcher::Event::Init) {
                            failures = 0;
                            told = None;
                        }
                        if matches!(event, watcher::Event::InitDone) {
                            config = paged.clone();
                        }
                        follow(event);
                    }
                    Some(Err(error)) if config != paged && is_not_streamed(&error) => {
                        config = paged.clone();
                        break false;
                    }
                    Some(Err(error)) => {
                        let remedy = remedy(&error, watched);
                        let is_news = told.as_ref().is_none_or(|(before, at)| {
                            *before != remedy || at.elapsed() >= BETWEEN_WARNINGS
                        });
                        if is_news {
                            let cause = innermost(&error);
                            tracing::warn!(watched, remedy, cause, "cannot watch");
                            told = Some((remedy, Instant::now()));
                        }
                        break true;
                    }
                    None => break true,
                },
                () = relist.notified() => break false,
            }
        };
        if failed {
            tokio::time::sleep(spread(backoff(PAUSES, failures), fastrand::f64())).await;
            failures = failures.saturating_add(1);
        }
    }
}

/// What to do about it, by cause. The same words each time.
fn remedy(error: &watcher::Error, watched: &str) -> String {
    match code(error) {
        Some(403) => format!(
            "the operator may not list and watch {watched} in all namespaces: bind the ClusterRole of the chart to its \
             ServiceAccount with a ClusterRoleBinding"
        ),
        Some(404) => format!("the API server does not know {watched}: install the CustomResourceDefinition"),
        Some(401) => "the API server does not accept the operator's credentials: check its ServiceAccount or kubeconfig".to_owned(),
        Some(code) => format!("the API server answered {code}; the operator tries again"),
        None => "the API server could not be reached, or its answer not be read; the operator tries again".to_owned(),
    }
}

fn code(error: &watcher::Error) -> Option<u16> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status.code),
        _ => None,
    }
}

/// True if the API server does not send a list as a stream of events: before Kubernetes 1.34 that is switched off.
fn is_not_streamed(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(_)) && code(error) == Some(422)
}
