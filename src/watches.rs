//! What wakes the reconciler: connections, and the Secrets that they name.
//!
//! Secrets are watched by metadata only; their bytes are read in the reconcile. An index from Secret to connections wakes exactly
//! those that name it, as source or as output.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{Stream, StreamExt, future, stream};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client, ResourceExt,
    core::{DeserializeGuard, PartialObjectMeta},
    runtime::{
        WatchStreamExt,
        reflector::{self, ObjectRef, store::Writer},
        watcher,
    },
};
use tokio::sync::watch;

use crate::{api::GithubPatConnection, records::Records};

/// A connection, or the metadata of one that cannot be read.
pub type Guarded = DeserializeGuard<GithubPatConnection>;

/// A half-open watch is noticed after this many seconds, in place of five minutes.
const WATCH_SECONDS: u32 = 60;
/// Longer than any watch is silent, so that a list without an answer ends too.
pub const LONGEST_SILENCE: Duration = Duration::from_secs(75);

/// Which connections name which Secrets, and whether everything has been listed once.
#[derive(Debug)]
pub struct Watches {
    names: Mutex<Names>,
    listed: watch::Sender<Listed>,
}

#[derive(Debug, Default)]
struct Names {
    by_secret: HashMap<Key, HashSet<Key>>,
    by_connection: HashMap<Key, Vec<Key>>,
}

/// What a list has brought so far; it holds once it is complete.
#[derive(Debug, Default)]
struct Relisted {
    uids: HashSet<String>,
    names: Names,
}

/// Namespace and name.
type Key = (String, String);

/// What has been listed once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    pub(crate) connections: bool,
    pub(crate) secrets: bool,
}

impl Listed {
    /// True if nothing is missing.
    pub const fn all(self) -> bool {
        self.connections && self.secrets
    }
}

impl Default for Watches {
    fn default() -> Self {
        Watches { names: Mutex::default(), listed: watch::Sender::new(Listed::default()) }
    }
}

impl Watches {
    /// Tells what has been listed, now and whenever it changes.
    pub fn listed(&self) -> watch::Receiver<Listed> {
        self.listed.subscribe()
    }

    /// Every connection that was touched, also in the index and the store, and gone from the records when it is gone.
    pub fn connections(
        self: Arc<Self>,
        client: Client,
        writer: Writer<Guarded>,
        records: Arc<Records>,
    ) -> impl Stream<Item = Result<Guarded, watcher::Error>> + Send {
        let (mut relisted, mut held) = (Relisted::default(), Vec::new());
        watcher(Api::<Guarded>::all(client), config())
            .default_backoff()
            .modify(|connection| connection.managed_fields_mut().clear())
            .inspect(move |event| match event {
                Ok(event) => self.note(event, &mut relisted, &records),
                Err(error) => tracing::warn!(%error, "cannot watch connections; is the CustomResourceDefinition installed?"),
            })
            .reflect(writer)
            .flat_map(move |event| stream::iter(released(event, &mut held)))
    }

    /// Whom to wake for what happens to Secrets; everybody after each new list, since what was deleted while the watch was broken
    /// sends no event.
    pub fn secrets(
        self: Arc<Self>,
        client: Client,
        store: reflector::Store<Guarded>,
    ) -> impl Stream<Item = ObjectRef<Guarded>> + Send {
        watcher(Api::<PartialObjectMeta<Secret>>::all(client), config())
            .default_backoff()
            .filter_map(|event| {
                future::ready(event.inspect_err(|error| tracing::warn!(%error, "cannot watch Secrets")).ok())
            })
            .flat_map(move |event| {
                let woken = match event {
                    watcher::Event::Init | watcher::Event::InitApply(_) => Vec::new(),
                    watcher::Event::InitDone => {
                        self.listed.send_modify(|listed| listed.secrets = true);
                        store
                            .state()
                            .iter()
                            .map(|connection| ObjectRef::from_obj(connection.as_ref()))
                            .collect()
                    }
                    watcher::Event::Apply(secret) | watcher::Event::Delete(secret) => self.naming(&secret),
                };
                stream::iter(woken)
            })
    }

    fn note(&self, event: &watcher::Event<Guarded>, relisted: &mut Relisted, records: &Records) {
        match event {
            watcher::Event::Init => *relisted = Relisted::default(),
            watcher::Event::InitApply(connection) => {
                relisted.uids.extend(connection.uid());
                relisted.names.set(key(connection), secrets_of(connection));
            }
            watcher::Event::InitDone => {
                records.forget_all_but(&relisted.uids);
                *self.names() = std::mem::take(&mut relisted.names);
                self.listed.send_modify(|listed| listed.connections = true);
            }
            watcher::Event::Apply(connection) => self.names().set(key(connection), secrets_of(connection)),
            watcher::Event::Delete(connection) => {
                self.names().set(key(connection), Vec::new());
                connection.uid().inspect(|uid| records.forget(uid));
            }
        }
    }

    fn naming(&self, secret: &PartialObjectMeta<Secret>) -> Vec<ObjectRef<Guarded>> {
        let names = self.names();
        let connections = names.by_secret.get(&key(secret)).into_iter().flatten();
        connections.map(|(namespace, name)| ObjectRef::new(name).within(namespace)).collect()
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Names {
    fn set(&mut self, connection: Key, secrets: Vec<Key>) {
        for secret in self.by_connection.remove(&connection).unwrap_or_default() {
            if let Some(connections) = self.by_secret.get_mut(&secret) {
                connections.remove(&connection);
                if connections.is_empty() {
                    self.by_secret.remove(&secret);
                }
            }
        }
        for secret in &secrets {
            self.by_secret.entry(secret.clone()).or_default().insert(connection.clone());
        }
        if !secrets.is_empty() {
            self.by_connection.insert(connection, secrets);
        }
    }
}

/// Whom to reconcile after this event. A list is held back until it is complete, since the store has nothing of it before.
fn released<E>(
    event: Result<watcher::Event<Guarded>, E>,
    held: &mut Vec<Guarded>,
) -> Vec<Result<Guarded, E>> {
    match event {
        Ok(watcher::Event::Init) => {
            held.clear();
            Vec::new()
        }
        Ok(watcher::Event::InitApply(connection)) => {
            held.push(connection);
            Vec::new()
        }
        Ok(watcher::Event::InitDone) => held.drain(..).map(Ok).collect(),
        Ok(watcher::Event::Apply(connection) | watcher::Event::Delete(connection)) => vec![Ok(connection)],
        Err(error) => vec![Err(error)],
    }
}

/// Source and outputs of a connection.
fn secrets_of(connection: &Guarded) -> Vec<Key> {
    let Ok(readable) = &connection.0 else { return Vec::new() };
    let namespace = connection.namespace().unwrap_or_default();
    let outputs = readable.spec.publish.iter().map(|output| &output.secret_name);
    let names = std::iter::once(&readable.spec.secret_ref.name).chain(outputs);
    names.map(|name| (namespace.clone(), name.clone())).collect()
}

fn key(object: &impl ResourceExt) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// Consistent lists: a stale one would bring back what is gone.
fn config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        ("ns".to_owned(), name.to_owned())
    }

    #[test]
    fn a_list_wakes_nobody_before_it_is_complete() {
        let connection = |name: &str| -> Guarded {
            serde_json::from_value(serde_json::json!({
                "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection",
                "metadata": { "name": name }, "spec": { "secretRef": { "name": "pat" } },
            }))
            .unwrap()
        };
        let mut held = Vec::new();
        let mut woken = |event| {
            let released = released::<()>(Ok(event), &mut held);
            released.into_iter().map(|connection| connection.unwrap().name_any()).collect::<Vec<_>>()
        };
        let nobody = Vec::<String>::new();
        assert_eq!(woken(watcher::Event::Init), nobody);
        assert_eq!(woken(watcher::Event::InitApply(connection("lost"))), nobody);
        assert_eq!(woken(watcher::Event::Init), nobody, "the list began anew");
        assert_eq!(woken(watcher::Event::InitApply(connection("a"))), nobody);
        assert_eq!(woken(watcher::Event::InitApply(connection("b"))), nobody);
        assert_eq!(woken(watcher::Event::InitDone), ["a", "b"]);
        assert_eq!(woken(watcher::Event::InitDone), nobody);
        assert_eq!(woken(watcher::Event::Apply(connection("c"))), ["c"]);
    }

    #[test]
    fn a_connection_that_changes_its_secrets_is_woken_by_the_new_ones_only() {
        let mut names = Names::default();
        names.set(key("a"), vec![key("source"), key("shared")]);
        names.set(key("b"), vec![key("shared")]);
        names.set(key("a"), vec![key("other")]);
        assert_eq!(names.by_secret.get(&key("source")), None);
        assert_eq!(names.by_secret.get(&key("shared")), Some(&HashSet::from([key("b")])));
        assert_eq!(names.by_secret.get(&key("other")), Some(&HashSet::from([key("a")])));
        names.set(key("a"), Vec::new());
        names.set(key("b"), Vec::new());
        assert!(names.by_secret.is_empty() && names.by_connection.is_empty());
    }
}
