//! One namespace of a world, and what happened in it.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{StreamExt, pin_mut, stream};
use github_pat_operator::api::GithubPatConnection;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::world::{SOON, World, from, is_so};

/// A namespace.
#[derive(Clone, Copy)]
pub(crate) struct Tenant<'a> {
    world: &'a World,
    pub(crate) namespace: &'a str,
}

impl<'a> Tenant<'a> {
    /// A namespace that is there already.
    pub(crate) fn of(world: &'a World, namespace: &'a str) -> Self {
        Tenant { world, namespace }
    }

    /// A new namespace.
    pub(crate) async fn new(world: &'a World, namespace: &'a str) -> Self {
        world.namespace(namespace).await;
        Tenant { world, namespace }
    }

    pub(crate) fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.world.client.clone(), self.namespace)
    }

    pub(crate) fn connections(&self) -> Api<GithubPatConnection> {
        Api::namespaced(self.world.client.clone(), self.namespace)
    }

    /// Creates the Secret with this value under the key `token`, or puts the value into it.
    pub(crate) async fn secret(&self, name: &str, value: &str) {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "stringData": { "token": value },
        });
        self.secrets().patch(name, &PatchParams::apply("test").force(), &Patch::Apply(secret)).await.unwrap();
    }

    /// The value of a key of a Secret, if there is such a Secret.
    pub(crate) async fn value(&self, secret: &str, key: &str) -> Option<String> {
        let data = self.secrets().get_opt(secret).await.unwrap()?.data?;
        data.get(key).map(|value| String::from_utf8(value.0.clone()).unwrap())
    }

    /// Creates a connection on the simulated host that reads the Secret of its own name.
    pub(crate) async fn connection(&self, name: &str, spec: Value) -> GithubPatConnection {
        let mut whole = json!({ "host": "simulated", "secretRef": { "name": name }, "interval": "10s" });
        for (key, value) in spec.as_object().unwrap() {
            whole[key] = value.clone();
        }
        let connection = from(json!({ "metadata": { "name": name }, "spec": whole }));
        self.connections().create(&PostParams::default(), &connection).await.unwrap()
    }

    /// Creates a connection and its Secret for each of these names and tokens, several at once.
    pub(crate) async fn many(&self, sources: impl IntoIterator<Item = (String, String)>, spec: &Value) {
        let made = stream::iter(sources).for_each_concurrent(8, async |(name, text)| {
            self.secret(&name, &text).await;
            self.connection(&name, spec.clone()).await;
        });
        made.await;
    }

    /// Changes fields of the spec.
    pub(crate) async fn change(&self, name: &str, spec: Value) -> GithubPatConnection {
        let patch = Patch::Merge(json!({ "spec": spec }));
        self.connections().patch(name, &PatchParams::default(), &patch).await.unwrap()
    }

    /// Puts a whole status in place of the one that stands, as `kubectl replace --subresource=status` does.
    pub(crate) async fn replace_status(&self, name: &str, change: impl Fn(&mut Value)) {
        let connection = self.connections().get(name).await.unwrap();
        let mut whole = serde_json::to_value(&connection).unwrap();
        change(&mut whole["status"]);
        let changed: GithubPatConnection = from(whole);
        self.connections().replace_status(name, &PostParams::default(), &changed).await.unwrap();
    }

    /// Asks for a question now.
    pub(crate) async fn request(&self, name: &str, at: &str) {
        let patch =
            Patch::Merge(json!({ "metadata": { "annotations": { "githubpat.dev/requestedAt": at } } }));
        self.connections().patch(name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// The connection once it is so; the test fails with what was seen last if it does not become so in time.
    pub(crate) async fn until_within(
        &self,
        deadline: Duration,
        name: &str,
        reached: impl Fn(&GithubPatConnection) -> bool,
    ) -> GithubPatConnection {
        let mut last = None;
        let seen = tokio::time::timeout(deadline, async {
            let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
            let events = watcher(self.connections(), config).default_backoff().applied_objects();
            pin_mut!(events);
            while let Some(event) = events.next().await {
                let Ok(connection) = event else { continue };
                if reached(&connection) {
                    return connection;
                }
                last = Some(connection);
            }
            unreachable!("a watch does not end")
        })
        .await;
        let status = || serde_json::to_string(&last.as_ref().and_then(|seen| seen.status.as_ref()));
        seen.unwrap_or_else(|_| panic!("{}/{name} did not become so: {:?}", self.namespace, status()))
    }

    /// The same within the usual time.
    pub(crate) async fn until(
        &self,
        name: &str,
        reached: impl Fn(&GithubPatConnection) -> bool,
    ) -> GithubPatConnection {
        self.until_within(SOON, name, reached).await
    }

    /// The connection once it is Ready, or not, for this reason and in its present generation.
    pub(crate) async fn ready(&self, name: &str, status: &str, reason: &str) -> GithubPatConnection {
        self.until(name, |seen| is_so(seen, "Ready", status, reason)).await
    }

    /// The connection once a condition has this status and reason.
    pub(crate) async fn condition(&self, name: &str, type_: &str, status: &str, reason: &str) -> String {
        let connection = self.until(name, |seen| is_so(seen, type_, status, reason)).await;
        connection.status.unwrap().message(type_).unwrap().to_owned()
    }

    /// Waits until the Secret is so; `None` stands for one that does not exist.
    pub(crate) async fn secret_until(&self, name: &str, reached: impl Fn(Option<&Secret>) -> bool) {
        eventually(&format!("Secret {name}"), async || {
            reached(self.secrets().get_opt(name).await.unwrap().as_ref())
        })
        .await;
    }

    /// The uids of all Secrets by name.
    pub(crate) async fn uids(&self) -> BTreeMap<String, String> {
        let secrets = self.secrets().list(&Default::default()).await.unwrap();
        secrets.into_iter().map(|secret| (secret.name_any(), secret.uid().unwrap())).collect()
    }

    /// Follows what the connections say from now on.
    pub(crate) fn history(&self) -> History {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (noted, api) = (seen.clone(), self.connections());
        let task = tokio::spawn(async move {
            let events = watcher(api, watcher::Config::default()).default_backoff().applied_objects();
            pin_mut!(events);
            while let Some(event) = events.next().await {
                let Ok(connection) = event else { continue };
                let ready = connection.status.as_ref().and_then(|status| status.condition("Ready"));
                if let Some(ready) = ready {
                    let said =
                        (connection.name_any(), ready.status.as_str().to_owned(), ready.reason.clone());
                    noted.lock().unwrap().push(said);
                }
            }
        });
        History { seen, task }
    }
}

/// What connections said of `Ready`: name, status and reason of each.
pub(crate) struct History {
    seen: Arc<Mutex<Vec<(String, String, String)>>>,
    task: JoinHandle<()>,
}

impl History {
    pub(crate) fn seen(&self) -> Vec<(String, String, String)> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Asks until it is so; the test fails if it does not become so soon.
pub(crate) async fn eventually(what: &str, reached: impl AsyncFn() -> bool) {
    within(SOON, what, reached).await;
}

/// The same with a deadline.
pub(crate) async fn within(deadline: Duration, what: &str, reached: impl AsyncFn() -> bool) {
    let waited = tokio::time::timeout(deadline, async {
        while !reached().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}: not within {deadline:?}");
}

/// So many seconds ago, in whole ones, as a status has it.
pub(crate) fn ago(seconds: i64) -> String {
    in_(-seconds).to_string()
}

/// So many seconds from now, in whole ones.
pub(crate) fn in_(seconds: i64) -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second() + seconds).unwrap()
}

/// The instants at which a host was asked about a token, and what it answered.
pub(crate) fn questions(host: &github_simulator::Simulator, token: &str) -> Vec<(Timestamp, Option<u16>)> {
    let calls = host.calls().into_iter().filter(|call| call.token.as_deref() == Some(token));
    calls.map(|call| (call.at, call.status)).collect()
}

/// Waits until so many questions about a token came.
pub(crate) async fn until_asked(host: &github_simulator::Simulator, token: &str, times: usize) {
    let counted = |calls: &[github_simulator::Call]| {
        calls.iter().filter(|call| call.token.as_deref() == Some(token)).count() >= times
    };
    let asked = host.wait_until(SOON * 3, counted).await;
    assert!(asked, "{token} was asked about {} times", questions(host, token).len());
}

/// The connections to the API server that are not this process's own.
pub(crate) fn connections_of_others(world: &World) -> usize {
    let port = world.plane.url().rsplit_once(':').unwrap().1.trim_end_matches('/').parse::<u16>().unwrap();
    let links = fs::read_dir("/proc/self/fd").unwrap().map(|fd| fs::read_link(fd.unwrap().path()));
    let own: Vec<String> = links.filter_map(|link| Some(link.ok()?.to_str()?.to_owned())).collect();
    let of_machine = fs::read_to_string("/proc/self/net/tcp").unwrap();
    let rows = of_machine.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    // To that port, and established.
    let to_it = rows.filter(|row| row[2].ends_with(&format!(":{port:04X}")) && row[3] == "01");
    to_it.filter(|row| !own.contains(&format!("socket:[{}]", row[9]))).count()
}
