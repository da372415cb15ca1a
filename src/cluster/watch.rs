//! Keeps the index in step with the cluster: watches of connections, and of the metadata of Secrets, of all namespaces or of each.

mod followed;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{
    StreamExt,
    future::{AbortHandle, abortable, join_all},
    stream::FuturesUnordered,
};
use kube::{Client, runtime::watcher};
use tokio::sync::watch;

use super::{
    connections::Received,
    gates::Gates,
    index::{Index, ScopeChange, Woken},
    pods::{UNSCHEDULED, WaitingPod},
    scope::{Scope, SecretScope},
    secrets::SecretMeta,
};
use crate::domain::selector::Selector;

use followed::{Shared, Told};

/// Longer than any watch is silent, so that a list without an answer ends too.
pub const LONGEST_SILENCE: Duration = Duration::from_secs(75);
/// Where a list comes in pages, each is held in memory whole. A connection with its status has about 5 KiB.
const PAGE_OF_CONNECTIONS: u32 = 300;
/// A Secret's annotations may have 256 KiB.
const PAGE_OF_SECRETS: u32 = 10;
/// A Pod mostly has ten kilobytes.
const PAGE_OF_PODS: u32 = 100;
/// The shortest time between two new lists because the cluster seems to have gone back in time.
const BETWEEN_RELISTS: Duration = Duration::from_secs(60);

/// Makes every watch begin anew with a list.
#[derive(Debug, Default)]
pub struct Relist {
    requests: watch::Sender<()>,
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
        self.requests.send_replace(());
    }
}

/// Follows the connections of these scopes for ever, or those alone that have the labels of the selector.
pub async fn connections(
    client: Client,
    scopes: &[Scope],
    selector: Option<&Selector>,
    index: &Index,
    relist: &Relist,
    wake: impl Fn(Woken),
) {
    let shared = Shared::new("githubpatconnections", PAGE_OF_CONNECTIONS, true).of(selector);
    let watches = scopes.iter().map(|scope| {
        let take = |told: Told<'_, Received>| {
            let woken = match told {
                Told::Event(watcher::Event::Init) => {
                    index.list_connections(scope);
                    Vec::new()
                }
                Told::Event(watcher::Event::InitApply(received)) => {
                    index.listed(received).into_iter().collect()
                }
                Told::Event(watcher::Event::InitDone) => index.connections_listed(scope),
                Told::Event(watcher::Event::Apply(received)) => {
                    index.received(received).into_iter().collect()
                }
                Told::Event(watcher::Event::Delete(received)) => {
                    index.lost_connection(&received.key, received.uid())
                }
                Told::Refused(_) => {
                    index.connections_refused(scope);
                    Vec::new()
                }
                Told::Ended => Vec::new(),
            };
            woken.into_iter().for_each(&wake);
        };
        shared.follow(&client, scope, true, relist.requests.subscribe(), take)
    });
    join_all(watches).await;
}

/// Follows the metadata of Secrets for ever: of `all` namespaces, or of each that has connections, by a watch that begins with its
/// first one and ends with its last, which `ended` is told. Of Secrets only those are kept that a connection names or has made, so the
/// connections are listed first.
pub async fn secrets(
    client: Client,
    all: Scope,
    index: &Index,
    relist: &Relist,
    wake: impl Fn(Woken),
    ended: impl Fn(&str),
) {
    // The connections of a namespace tell that its Secrets are refused.
    let is_cluster = index.secret_scope() == SecretScope::Cluster;
    let shared = Shared::new("secrets", PAGE_OF_SECRETS, is_cluster);
    let mut listed = index.has_listed();
    // The sender lives as long as the index.
    let _ = listed.wait_for(|listed| listed.connections).await;
    // A first list that is a moment old harms nobody who knows nothing yet.
    let watch = async |scope: Scope, is_first: bool| {
        let take = |told: Told<'_, SecretMeta>| secret_told(index, &scope, told).into_iter().for_each(&wake);
        shared.follow(&client, &scope, is_first, relist.requests.subscribe(), take).await;
    };
    let changes = index.changes().filter(|_| index.secret_scope() == SecretScope::Namespaced);
    let Some(mut changes) = changes else { return watch(all, true).await };
    let mut watched: HashMap<_, AbortHandle> = HashMap::new();
    let mut watches = FuturesUnordered::new();
    loop {
        tokio::select! {
            change = changes.recv() => match change {
                Some(ScopeChange::Begun(namespace)) => {
                    let is_first = !listed.borrow().secrets;
                    let (watch, handle) = abortable(watch(Scope::Namespace(namespace.clone()), is_first));
                    watched.insert(namespace, handle);
                    watches.push(Box::pin(watch));
                }
                Some(ScopeChange::Ended(namespace)) => {
                    watched.remove(&namespace).iter().for_each(AbortHandle::abort);
                    ended(&namespace);
                }
                // The sender lives as long as the index.
                None => return,
            },
            Some(_) = watches.next() => {}
        }
    }
}

/// Follows the Pods of these scopes for ever that no node has yet.
pub async fn pods(client: Client, scopes: &[Scope], gates: &Gates, relist: &Relist) {
    let shared = Shared::new("pods", PAGE_OF_PODS, true).with(UNSCHEDULED);
    let watches = scopes.iter().map(|scope| {
        let take = |told: Told<'_, WaitingPod>| match told {
            Told::Event(watcher::Event::Init) => gates.list(scope),
            Told::Event(watcher::Event::InitApply(pod) | watcher::Event::Apply(pod)) => gates.saw(pod),
            Told::Event(watcher::Event::InitDone) => gates.listed(scope),
            Told::Event(watcher::Event::Delete(pod)) => gates.lost(&pod.key, &pod.uid),
            // The log tells it.
            Told::Refused(_) | Told::Ended => {}
        };
        shared.follow(&client, scope, true, relist.requests.subscribe(), take)
    });
    join_all(watches).await;
}

fn secret_told(index: &Index, scope: &Scope, told: Told<'_, SecretMeta>) -> Vec<Woken> {
    match told {
        Told::Event(watcher::Event::Init) => {
            index.list_secrets(scope);
            Vec::new()
        }
        Told::Event(watcher::Event::InitApply(SecretMeta { key, entry, .. })) => {
            index.listed_secret(scope, &key, entry)
        }
        Told::Event(watcher::Event::InitDone) => index.secrets_listed(scope),
        Told::Ended => {
            index.secrets_untold(scope);
            Vec::new()
        }
        Told::Event(watcher::Event::Apply(SecretMeta { key, entry, .. })) => index.saw_secret(&key, entry),
        Told::Event(watcher::Event::Delete(SecretMeta { key, entry, .. })) => {
            index.lost_secret(&key, &entry.version.uid)
        }
        // By one watch for all namespaces, the log tells it: no namespace can mend it.
        Told::Refused(_) if scope.is_of_cluster() => Vec::new(),
        Told::Refused(user) => index.secrets_refused(scope, user),
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::json;
    use tower::{BoxError, service_fn};

    use super::{
        super::{
            object::ObjectKey,
            requests::{Requests, SECRETS},
            transport::transport,
        },
        *,
    };

    #[tokio::test(start_paused = true)]
    async fn nothing_is_kept_of_the_watch_of_a_namespace_that_has_no_connection_any_more() {
        let requests = Requests::default();
        // Its lists are empty, and its watches tell nothing.
        let server = |request: Request<Body>| async move {
            if request.uri().query().is_some_and(|query| query.contains("watch=")) {
                std::future::pending::<()>().await;
            }
            let list = json!({ "apiVersion": "v1", "kind": "SecretList", "metadata": { "resourceVersion": "1" }, "items": [] });
            Ok::<_, BoxError>(Response::new(Body::from(list.to_string().into_bytes())))
        };
        let client = Client::new(requests.around(transport(service_fn(server))), "default");
        let (index, relist) = (Index::new(vec![Scope::All], SecretScope::Namespaced), Relist::default());
        index.connections_listed(&Scope::All);
        let comes = |namespace: &str| {
            let connection = json!({
                "metadata": { "name": "ci", "namespace": namespace, "uid": "u", "resourceVersion": "1" },
                "spec": { "secretRef": { "name": "pat" } },
            });
            index.received(serde_json::from_value(connection).unwrap());
        };
        let is_watched =
            |namespace: &str| requests.oldest(|_, of| Some(of == Some(namespace))).contains_key(SECRETS);
        let watched = || ["a", "b"].map(is_watched);
        let come_and_go = async {
            let mut seen = Vec::new();
            comes("a");
            comes("b");
            for _ in 0..2 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                seen.push(watched());
                index.lost_connection(&ObjectKey::new("a", "ci"), "u");
                tokio::time::sleep(Duration::from_secs(1)).await;
                seen.push(watched());
                comes("a");
            }
            seen
        };
        let ended = |namespace: &str| requests.forget(SECRETS, namespace);
        let seen = tokio::select! {
            () = secrets(client, Scope::All, &index, &relist, |_| {}, ended) => unreachable!("it follows for ever"),
            seen = come_and_go => seen,
        };
        assert_eq!(seen, [[true, true], [false, true], [true, true], [false, true]]);
    }
}
