//! An operator with a selector that knows of nothing yet, for the tests of its parts.

mod writes;

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{Context, DEADLINE, put_back, reconcile, tell};
use crate::{
    api::{GithubPatConnectionStatus as Status, StatusDigest},
    cluster::{connections::Connection, object::ObjectKey, scope::Scope, shown::Shown},
    domain::{probing::Subject, token::Token},
    github::Github,
    prober::Prober,
    settings::{SecretScope, Settings, SettingsInput, from_yaml},
    sinks::Sinks,
};
use jiff::Timestamp;

/// What the API server answers: status and body.
pub(crate) type Answer = (u16, serde_json::Value);

/// The operator whose API server answers so, by method and path.
pub(crate) fn context<F>(answer: impl Fn(String, String) -> F + Send + Sync + 'static) -> Context
where
    F: Future<Output = Answer> + Send + 'static,
{
    context_of(move |method, path, _| answer(method, path), "")
}

/// The same, by what it is sent too.
pub(super) fn hearing<F>(answer: impl Fn(String, String, Value) -> F + Send + Sync + 'static) -> Context
where
    F: Future<Output = Answer> + Send + 'static,
{
    context_of(answer, "")
}

/// The same with a sink, which nobody serves.
pub(super) fn telling<F>(answer: impl Fn(String, String) -> F + Send + Sync + 'static) -> Context
where
    F: Future<Output = Answer> + Send + 'static,
{
    context_of(move |method, path, _| answer(method, path), "{ name: all, url: 'http://127.0.0.1:9' }")
}

/// A connection with this status, as the index keeps it.
pub(super) fn connection(key: &ObjectKey, status: &Value) -> (Connection, Status) {
    let status: Status = serde_json::from_value(status.clone()).unwrap();
    let connection = Connection {
        key: key.clone(),
        uid: "u".into(),
        resource_version: "1".into(),
        generation: Some(1),
        deleting: false,
        shown: None,
        requested: None,
        spec: json!({ "secretRef": { "name": "pat" } }).into(),
        status: Some(StatusDigest::from(status.clone())),
    };
    (connection, status)
}

/// A status that says this in `Ready`.
pub(super) fn ready(status: &str, reason: &str) -> Value {
    json!({ "observedGeneration": 1, "conditions": [{
        "type": "Ready", "status": status, "reason": reason, "message": "", "lastTransitionTime": "2026-03-01T12:00:00Z",
    }] })
}

fn context_of<F>(answer: impl Fn(String, String, Value) -> F + Send + Sync + 'static, sinks: &str) -> Context
where
    F: Future<Output = Answer> + Send + 'static,
{
    // Several TLS users in one process: the first one installs the provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let answer = Arc::new(answer);
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let answer = answer.clone();
        async move {
            let sent = request.into_body().collect_bytes().await.unwrap();
            let (code, body) = answer(method, path, serde_json::from_slice(&sent).unwrap_or_default()).await;
            let body = kube::client::Body::from(body.to_string().into_bytes());
            Ok::<_, std::io::Error>(http::Response::builder().status(code).body(body).unwrap())
        }
    });
    let (selector, secret_scope) = (Some("team=infra".to_owned()), Some(SecretScope::Cluster));
    let sinks = from_yaml::<SettingsInput>(&format!("sinks: [{sinks}]")).unwrap();
    let input = SettingsInput { selector, secret_scope, ..sinks };
    let settings = Settings::new(input, SettingsInput::default()).unwrap();
    let (_, github) = tokio::sync::watch::channel(Arc::new(Github::new(&settings).unwrap()));
    let (prober, _) = Prober::new(github, settings.limited_hosts());
    let client = kube::Client::new(service, "default");
    let sinks = Sinks::new(&settings.sinks.all).unwrap();
    Context::new(client, prober, sinks, settings)
}

#[tokio::test]
async fn a_reconcile_that_ends_after_its_connection_went_leaves_nothing_behind() {
    for (what, expected) in [("stays", true), ("goes", false), ("is made anew", false)] {
        let ctx = context(async |_, _| unreachable!("nobody asks the API server"));
        let key = ObjectKey::new("team-a", "ci");
        let (before, _) = connection(&key, &ready("True", "Ready"));
        ctx.index.saw_connection(before.clone());
        let (mut record, _) = ctx.records.take(&key, &before.uid, Timestamp::now(), |_, _| {});
        let token = Token::try_from(format!("{}_{:036}", "ghp", 1).as_bytes()).unwrap();
        let subject = Subject { host: "github.com".into(), token: token.hashed() };
        ctx.records.share(&key, record.first.id, None, &subject, |_, _| {});
        record.first.subject = Some(subject.clone());
        match what {
            "goes" => drop(ctx.index.lost_connection(&key, &before.uid)),
            "is made anew" => {
                drop(ctx.index.saw_connection(Connection { uid: "v".into(), ..before.clone() }))
            }
            _ => {}
        }
        put_back(&before, record, &ctx);
        assert_eq!(ctx.records.has(&key, &before.uid), expected, "the connection {what}");
        assert_eq!(
            !ctx.records.sharing(&subject).is_empty(),
            expected,
            "its token, where the connection {what}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn no_reconcile_takes_longer_than_its_deadline_also_where_it_first_tells_of_a_move() {
    let key = ObjectKey::new("team-a", "ci");
    let ctx = telling(|_, path| async move {
        if path.ends_with("/ci") {
            tokio::time::sleep(Duration::from_secs(4)).await;
            return (
                404,
                json!({ "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404 }),
            );
        }
        std::future::pending().await
    });
    ctx.index.connections_listed(&Scope::All);
    ctx.index.secrets_listed(&Scope::All);
    let (mut known, _) = connection(&key, &ready("True", "Ready"));
    let standby: Vec<_> = (0..9).map(|number| json!({ "name": format!("standby-{number}") })).collect();
    known.spec = json!({ "secretRef": { "name": "pat" }, "standby": standby }).into();
    ctx.index.saw_connection(known);
    for is_moved in [false, true] {
        if is_moved {
            ctx.moves.came(&key);
        }
        let begun = tokio::time::Instant::now();
        assert!(reconcile(&key, &ctx).await.is_some());
        let took = begun.elapsed();
        assert!(
            took >= DEADLINE && took < DEADLINE.saturating_add(Duration::from_millis(10)),
            "{is_moved}: {took:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_is_told_of_what_is_open_once_the_labels_of_a_connection_choose_it() {
    let key = ObjectKey::new("team-a", "ci");
    let sinks = "{ name: all, url: 'http://127.0.0.1:9' },
        { name: ops, url: 'http://127.0.0.1:9', labels: { owner: ops } }";
    let labels = json!({ "owner": "ops" });
    let metadata =
        json!({ "namespace": "team-a", "name": "ci", "uid": "u", "resourceVersion": "2", "labels": labels });
    let live = json!({ "metadata": metadata, "status": ready("False", "BadCredentials") });
    let failures = std::sync::atomic::AtomicU32::new(1);
    let ctx = context_of(
        move |_, _, _| {
            let fails = failures.swap(0, std::sync::atomic::Ordering::Relaxed) > 0;
            let body = if fails { json!({ "kind": "Status", "code": 500 }) } else { live.clone() };
            async move { (if fails { 500 } else { 200 }, body) }
        },
        sinks,
    );
    let waiting = || ctx.sinks.each().map(|sink| sink.waiting().0).collect::<Vec<_>>();
    let (known, before) = connection(&key, &ready("True", "Ready"));
    let (_, refused) = connection(&key, &ready("False", "BadCredentials"));
    ctx.index.saw_connection(known.clone());
    tell::tell(&known, Some(&before), &refused, &ctx);
    assert_eq!(waiting(), [1, 0]);
    assert_eq!(reconcile(&key, &ctx).await, None);
    assert_eq!(waiting(), [1, 0], "no label chooses it");
    let shown = Shown { labels: serde_json::from_value(labels).unwrap(), ..Shown::default() };
    let chosen = Connection { resource_version: "2".into(), shown: Some(Box::new(shown)), ..known };
    ctx.index.saw_connection(chosen);
    assert!(reconcile(&key, &ctx).await.is_some(), "the API server does not tell, and is asked again");
    for _ in 0..2 {
        reconcile(&key, &ctx).await;
        assert_eq!(waiting(), [1, 1], "it is told once");
    }
}
