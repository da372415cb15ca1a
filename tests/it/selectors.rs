//! Several operators, each for the connections that have some labels.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use github_pat_operator::{
    api::GithubPatConnection,
    cluster::transport::{Transport, transport},
    run::{self, operate},
    settings::{Settings, SettingsInput},
};
use github_simulator::NewToken;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, oneshot},
    task::JoinHandle,
};

use crate::{
    replica::{Replica, SHORT, leases},
    sinks::{receiver::Receiver, words},
    world::{NAMESPACE, SOON, World, free_address, merged},
};

/// An operator for these connections, with the Lease of the default name.
async fn start(world: &World, user: &str, selector: &str) -> Replica {
    start_with(world, user, selector, &world.settings()).await
}

async fn start_with(world: &World, user: &str, selector: &str, settings: &str) -> Replica {
    let flags = ["--leader-election", "true", "--lease-namespace", NAMESPACE, "--selector", selector];
    let flags = [&flags, &SHORT[..]].concat();
    let kubeconfig = world.replica(user, settings, &flags).await;
    let operator = world.unready_operator(kubeconfig, settings, &flags);
    Replica { user: user.to_owned(), operator }
}

async fn label(world: &World, name: &str, team: &str) {
    let patch = Patch::Merge(json!({ "metadata": { "labels": { "team": team } } }));
    world.connections().patch(name, &PatchParams::default(), &patch).await.unwrap();
}

/// Stores a token, and waits until the output holds it.
async fn rotate(world: &World, name: &str, round: usize) {
    let text = world.github.token(NewToken::classic(&format!("{name}-{round}"), "acme-ci"));
    world.secret(name, &text).await;
    let holds = |secret: Option<&Secret>| {
        let value = secret.and_then(|secret| secret.data.as_ref()?.get("token"));
        value.is_some_and(|value| value.0 == text.as_bytes())
    };
    world.secret_until(&format!("{name}-out"), holds).await;
}

/// A part of the status.
fn said(seen: &GithubPatConnection, path: &str) -> Value {
    serde_json::to_value(&seen.status).unwrap().pointer(path).cloned().unwrap_or_default()
}

/// Who wrote what belongs to this connection, since so many requests of the audit log.
fn writers(world: &World, name: &str, since: usize) -> BTreeSet<String> {
    let written = world.plane.audit().unwrap().split_off(since).into_iter();
    let is_its = |event: &str| event == name || event == format!("{name}-out");
    let written = written.filter(|event| event.is_write() && is_its(&event.name));
    written.map(|event| event.user).filter(|user| user.ends_with("-operator")).collect()
}

/// The audit log has a request a moment after its answer.
async fn until_written(world: &World, name: &str, since: usize) {
    let deadline = tokio::time::Instant::now() + SOON;
    while writers(world, name, since).is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "nobody wrote {name}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn an_operator_sees_only_the_connections_with_its_labels_and_takes_over_what_gets_them() {
    let world = World::audited().await;
    let infra = start(&world, "infra-operator", "team = infra").await;
    let others = start(&world, "other-operator", "team!=infra").await;
    for replica in [&infra, &others] {
        replica.leads().await;
    }
    let held: Vec<_> = leases(&world.client).list(&Default::default()).await.unwrap().items;
    let held: BTreeSet<_> = held.iter().map(ResourceExt::name_any).collect();
    assert_eq!(held.len(), 2, "each leads by a Lease of its own: {held:?}");

    for name in ["a", "b"] {
        let output = json!([{ "secretName": format!("{name}-out"), "format": "Opaque" }]);
        world.connection(name, json!({ "publish": output, "interval": "24h" })).await;
    }
    label(&world, "a", "infra").await;
    for name in ["a", "b"] {
        rotate(&world, name, 0).await;
        world.ready(name, "True", "Ready").await;
    }
    let only = |user: &str| BTreeSet::from([user.to_owned()]);
    let first = said(&world.connections().get("a").await.unwrap(), "/token/hashedToken");
    let since = world.plane.audit().unwrap().len();
    for name in ["a", "b"] {
        rotate(&world, name, 1).await;
    }
    until_written(&world, "a", since).await;
    until_written(&world, "b", since).await;
    assert_eq!(writers(&world, "a", since), only("infra-operator"));
    assert_eq!(writers(&world, "b", since), only("other-operator"));
    for (replica, name) in [(&infra, "a"), (&others, "b")] {
        let scrape = replica.operator.scrape().await;
        let shown = scrape.samples("github_pat_connection_info", &[]);
        assert_eq!(shown.len(), 1);
        assert!(scrape.value("github_pat_connection_info", &[("name", name)]).is_some(), "{name}");
    }

    // What gets other labels moves to the other operator, which asks and writes nothing for that.
    world.until("a", |seen| said(seen, "/token/hashedToken") != first).await;
    world.until("a", |seen| said(seen, "/rotation/phase") == "SafeToRevoke").await;
    let (before, asked) = (world.connections().get("a").await.unwrap(), world.asked("a-1"));
    let since = world.plane.audit().unwrap().len();
    label(&world, "a", "web").await;
    others
        .operator
        .scrape_until("both", |scrape| scrape.samples("github_pat_connection_info", &[]).len() == 2)
        .await;
    infra
        .operator
        .scrape_until("none", |scrape| scrape.samples("github_pat_connection_info", &[]).is_empty())
        .await;
    // What would be asked or written for the change alone has been by then.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(writers(&world, "a", since), BTreeSet::new());
    assert_eq!(world.asked("a-1"), asked);
    let after = world.connections().get("a").await.unwrap();
    assert_eq!(serde_json::to_value(before.status).unwrap(), serde_json::to_value(after.status).unwrap());
    assert!(world.value("a-out", "token").await.is_some(), "the output stays");
    rotate(&world, "a", 2).await;
    until_written(&world, "a", since).await;
    assert_eq!(writers(&world, "a", since), only("other-operator"));
    for replica in [infra, others] {
        let user = replica.user.clone();
        replica.stop().await;
        only_selected_was_sent(&world, &user).await;
    }
}

/// Makes a connection of this team.
async fn of_team(world: &World, name: &str, team: &str, spec: Value) {
    let own = json!({ "host": "simulated", "secretRef": { "name": name }, "interval": "24h" });
    let connection = json!({
        "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection",
        "metadata": { "name": name, "labels": { "team": team } },
        "spec": merged(own, spec),
    });
    let connection = serde_json::from_value(connection).unwrap();
    world.connections().create(&PostParams::default(), &connection).await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_with_a_connection_that_gets_other_labels_is_not_over_and_is_told_by_who_gets_it() {
    let world = World::audited().await;
    let receiver = Receiver::start().await;
    let of = |team: &str| json!({ "name": team, "url": receiver.url(&format!("/{team}")), "labels": { "team": team } });
    let sinks = json!([{ "name": "all", "url": receiver.url("/all") }, of("infra"), of("web")]);
    let settings = format!("{}connectionLabels: [team]\nsinks: {sinks}\n", world.settings());
    let infra = start_with(&world, "infra-operator", "team = infra", &settings).await;
    let others = start_with(&world, "other-operator", "team!=infra", &settings).await;
    for replica in [&infra, &others] {
        replica.leads().await;
    }
    for name in ["a", "b"] {
        of_team(&world, name, "infra", json!({})).await;
        world.ready(name, "False", "SecretNotFound").await;
    }
    let opened = receiver.until("/infra", |messages| messages.len() == 2).await;
    label(&world, "a", "web").await;
    let moved = receiver.until("/web", |messages| !messages.is_empty()).await;
    assert_eq!(words(&moved), ["a Ready Opened SecretNotFound"]);
    let first = opened.iter().find(|message| message["connection"]["name"] == "a").unwrap();
    assert_eq!((&moved[0]["id"], &moved[0]["incident"]), (&first["id"], &first["incident"]));
    // What is deleted is told so still, and all that is told of the first one comes before.
    world.connections().delete("b", &DeleteParams::default()).await.unwrap();
    let of_infra = receiver.until("/infra", |messages| messages.len() > 2).await;
    assert_eq!(words(&of_infra)[2..], ["b Ready Resolved Deleted"]);
    let token = world.github.token(NewToken::classic("a", "acme-ci").scopes(&["repo"]));
    world.secret("a", &token).await;
    let moved = receiver.until("/web", |messages| messages.len() > 1).await;
    assert_eq!(words(&moved)[1..], ["a Ready Resolved Ready"]);
    // There and back: each tells what it gets once more, and nothing of it is over while somebody can see it.
    world.secrets().delete("a", &DeleteParams::default()).await.unwrap();
    world.ready("a", "False", "SecretNotFound").await;
    receiver.until("/web", |messages| messages.len() > 2).await;
    let read = read_by(&world, "other-operator", "a");
    label(&world, "a", "infra").await;
    receiver.until("/infra", |messages| messages.len() > 3).await;
    // Who let it go looks whether it is there still.
    let deadline = tokio::time::Instant::now() + SOON;
    while read_by(&world, "other-operator", "a") <= read {
        assert!(tokio::time::Instant::now() < deadline, "nobody looks where it went");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.connections().delete("a", &DeleteParams::default()).await.unwrap();
    let of_infra = receiver.until("/infra", |messages| messages.len() > 4).await;
    assert_eq!(words(&of_infra)[3..], ["a Ready Opened SecretNotFound", "a Ready Resolved Deleted"]);
    assert_eq!(words(&receiver.messages("/web"))[2..], ["a Ready Opened SecretNotFound"]);
    let deleted =
        |messages: &[Value]| words(messages).iter().filter(|words| words.contains("Deleted")).count();
    receiver.until("/all", |messages| deleted(messages) == 2).await;
    for replica in [infra, others] {
        replica.stop().await;
    }
    assert_eq!(deleted(&receiver.messages("/all")), 2, "each once");
}

/// How often this user has read the connection by its name.
fn read_by(world: &World, user: &str, name: &str) -> usize {
    let all = world.plane.audit().unwrap().into_iter();
    let is_read = |event: &control_plane::AuditEvent| {
        event.user == user
            && event.verb == "get"
            && event.resource == "githubpatconnections"
            && event.name == name
    };
    all.filter(is_read).count()
}

#[tokio::test]
async fn a_token_that_a_connection_of_another_operator_publishes_is_not_safe_to_revoke() {
    let world = World::start().await;
    let infra = start(&world, "infra-operator", "team = infra").await;
    let others = start(&world, "other-operator", "team!=infra").await;
    for replica in [&infra, &others] {
        replica.leads().await;
    }
    world.secret("pat", &world.github.token(NewToken::classic("old", "acme-ci").scopes(&["repo"]))).await;
    let publishes = |output: &str| json!({ "secretRef": { "name": "pat" }, "publish": [{ "secretName": output, "format": "Opaque" }] });
    of_team(&world, "first", "infra", publishes("first-out")).await;
    let demands = json!({ "require": { "scopes": ["repo"] } });
    of_team(&world, "second", "web", merged(publishes("second-out"), demands)).await;
    for name in ["first", "second"] {
        world.ready(name, "True", "Ready").await;
    }
    // The next one has no scope, so that the second connection keeps the old one.
    world.secret("pat", &world.github.token(NewToken::classic("new", "acme-ci").scopes(&["gist"]))).await;
    let is = |seen: &GithubPatConnection, phase: &str| said(seen, "/rotation/phase") == phase;
    let waiting =
        world.until("first", |seen| is(seen, "WaitingForConsumers") || is(seen, "SafeToRevoke")).await;
    let message = said(&waiting, "/rotation/message").to_string();
    assert!(is(&waiting, "WaitingForConsumers"), "{message}");
    assert!(
        message.contains("other connections are not done with the old one: second; they are waited for"),
        "{message}"
    );
    assert_eq!(said(&waiting, "/rotation/otherConnections"), 1);
    world.change("second", json!({ "require": null })).await;
    for name in ["first", "second"] {
        world.until(name, |seen| is(seen, "SafeToRevoke")).await;
    }
    for replica in [infra, others] {
        replica.stop().await;
    }
}

/// An operator in this process, for the connections of one team, with the rights of the chart.
struct Here {
    listen: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), run::Error>>,
}

impl Here {
    /// Starts it by the transport that this makes of its client.
    async fn start(world: &World, transport: impl FnOnce(Client) -> Transport) -> Here {
        let listen = free_address();
        let text = format!("{}listen: '{listen}'\nselector: team=infra\n", world.settings());
        let kubeconfig = Kubeconfig::read_from(world.account(&text, &[]).await).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        let transport = transport(Client::try_from(config).unwrap());
        let input = SettingsInput::read(&world.file("settings.yaml", &text)).unwrap();
        let settings = Settings::new(input, SettingsInput::default()).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(operate(transport, NAMESPACE.to_owned(), settings, None, async {
            let _ = stopped.await;
        }));
        Here { listen, stop, task }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

/// A transport that cannot list the connections of a namespace until it is told that it can.
fn unlisting(real: Client, can: Arc<AtomicBool>) -> Transport {
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let (real, uri) = (real.clone(), request.uri());
        let is_list = uri.path().ends_with(&format!("/namespaces/{NAMESPACE}/githubpatconnections"))
            && request.method() == http::Method::GET
            && !uri.query().unwrap_or_default().contains("watch=true");
        let fails = is_list && !can.load(Ordering::SeqCst);
        async move {
            if fails {
                return Ok(http::Response::builder().status(500).body(Body::empty()).unwrap());
            }
            real.send(request).await
        }
    });
    transport(service)
}

#[tokio::test]
async fn a_namespace_that_cannot_be_listed_at_the_end_of_a_rotation_keeps_no_status_from_being_written() {
    let world = World::start().await;
    let can = Arc::<AtomicBool>::default();
    let operator = Here::start(&world, |real| unlisting(real, can.clone())).await;
    world.secret("a", &world.github.token(NewToken::classic("old", "acme-ci"))).await;
    of_team(&world, "a", "infra", json!({ "publish": [{ "secretName": "a-out", "format": "Opaque" }] }))
        .await;
    world.ready("a", "True", "Ready").await;
    rotate(&world, "a", 1).await;
    let waits = |seen: &GithubPatConnection| said(seen, "/rotation/phase") == "WaitingForConsumers";
    let seen = world.until("a", waits).await;
    assert_eq!(said(&seen, "/token/hashedToken"), said(&seen, "/rotation/newToken/hashedToken"));
    let message = said(&seen, "/rotation/message").to_string();
    assert!(message.contains("checks whether connections of another operator have the old one"), "{message}");
    can.store(true, Ordering::SeqCst);
    world.until("a", |seen| said(seen, "/rotation/phase") == "SafeToRevoke").await;
    operator.stop().await;
}

/// What a transport that holds an answer back has seen, and is told.
#[derive(Clone, Default)]
struct Held {
    arrived: Arc<Notify>,
    go_on: Arc<Notify>,
    /// The names of all Secrets that were created by it.
    created: Arc<Mutex<Vec<String>>>,
}

/// A transport that gives the connection other labels before it creates this Secret and holds the answer to that back until it is told to go on.
fn holding(real: Client, connections: Api<GithubPatConnection>, name: &'static str, held: Held) -> Transport {
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let (real, held) = (real.clone(), held.clone());
        let connections = connections.clone();
        async move {
            let is_creation =
                request.method() == http::Method::POST && request.uri().path().ends_with("/secrets");
            if !is_creation {
                return real.send(request).await;
            }
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await?;
            let secret: Value = serde_json::from_slice(&body).unwrap();
            let named = secret["metadata"]["name"].as_str().unwrap().to_owned();
            held.created.lock().unwrap().push(named.clone());
            if named == name {
                let patch = json!({ "metadata": { "labels": { "team": "web" } } });
                connections.patch("a", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
            }
            let answer = real.send(http::Request::from_parts(parts, Body::from(body.to_vec()))).await;
            if named == name {
                held.arrived.notify_one();
                held.go_on.notified().await;
            }
            answer
        }
    });
    transport(service)
}

#[tokio::test]
async fn a_reconcile_under_way_begins_no_further_write_for_a_connection_that_gets_other_labels() {
    let world = World::start().await;
    let held = Held::default();
    let operator = Here::start(&world, |real| holding(real, world.connections(), "one", held.clone())).await;
    world.secret("a", &world.github.token(NewToken::classic("a", "acme-ci"))).await;
    let outputs = ["one", "two"].map(|name| json!({ "secretName": name, "format": "Opaque" }));
    of_team(&world, "a", "infra", json!({ "publish": outputs })).await;
    tokio::time::timeout(SOON, held.arrived.notified()).await.unwrap();
    let scraped = async |holds: fn(&str) -> bool| {
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let deadline = tokio::time::Instant::now() + SOON;
        loop {
            let answer = http.get(format!("http://{}/metrics", operator.listen)).send().await.unwrap();
            if holds(&answer.text().await.unwrap()) {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "nothing of this was seen");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    scraped(|text| !text.contains("github_pat_connection_info{")).await;
    held.go_on.notify_one();
    scraped(|text| text.contains("controller_runtime_active_workers{controller=\"githubpatconnection\"} 0"))
        .await;
    assert_eq!(*held.created.lock().unwrap(), ["one"]);
    assert!(world.value("two", "token").await.is_none());
    operator.stop().await;
}

/// Waits until the audit log has a list or watch of connections by this user, which it may have once that has ended, and looks at all.
async fn only_selected_was_sent(world: &World, user: &str) {
    let uris = || -> Vec<String> {
        let asked = world.plane.audit().unwrap().into_iter();
        let asked = asked.filter(|event| event.user == user && event.resource == "githubpatconnections");
        asked.filter(|event| ["list", "watch"].contains(&&*event.verb)).map(|event| event.uri).collect()
    };
    let deadline = tokio::time::Instant::now() + SOON;
    while uris().is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "{user} never listed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Those of one namespace are listed once for each change of a token there, before the old one is called safe to revoke.
    let of_namespace = format!("/namespaces/{NAMESPACE}/githubpatconnections?&limit=");
    let (listed, others): (Vec<_>, Vec<_>) = uris().into_iter().partition(|uri| uri.contains(&of_namespace));
    assert!(others.iter().all(|uri| uri.contains("labelSelector=team")), "{others:?}");
    assert!(listed.len() <= 2, "{listed:?}");
}
