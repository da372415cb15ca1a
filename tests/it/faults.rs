//! What goes wrong around the operator, and that it comes back by itself.

use std::time::Duration;

use control_plane::Options;
use github_pat_operator::api::GithubPatConnection;
use github_simulator::NewToken;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::rbac::v1::{ClusterRole, ClusterRoleBinding},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    runtime::wait::await_condition,
};
use serde_json::json;

use crate::{
    github::proxy::{OPENS, Proxy},
    world::{NAMESPACE, SOON, World, from, is_so},
};

#[tokio::test]
async fn an_api_server_that_streams_no_lists_is_asked_for_pages() {
    let options = Options { audit: true, paged_lists: true, ..Options::default() };
    let paged = World::with(options).await;
    let streamed = World::audited().await;
    for (world, expected) in [(&paged, 2), (&streamed, 0)] {
        world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
        world.connection("ci", json!({ "publish": [{ "secretName": "out", "format": "Opaque" }] })).await;
        let _operator = world.operator().await;
        world.ready("ci", "True", "Ready").await;
        let lists = world.requests().into_iter().filter(|event| event.verb == "list" && event.code == 200);
        assert_eq!(lists.count(), expected);
        // What is created now comes by the watch.
        world.secret("late", &world.github.token(NewToken::classic("late", "acme-ci"))).await;
        world.connection("late", json!({ "secretRef": { "name": "late" } })).await;
        world.ready("late", "True", "Ready").await;
    }
}

#[tokio::test]
async fn an_api_server_that_was_away_is_found_again() {
    let mut world = World::start().await;
    let operator = world.operator().await;
    world.may_be_refused("");
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("ci", &text).await;
    world.connection("ci", json!({ "publish": [{ "secretName": "out", "format": "Opaque" }] })).await;
    world.ready("ci", "True", "Ready").await;
    world.plane.stop_api_server().unwrap();
    operator.until_logged("cannot watch").await;
    operator.until_logged("a call about a Secret failed").await;
    world.plane.start_api_server().await.unwrap();
    world.secrets().delete("out", &DeleteParams::default()).await.unwrap();
    world.secret_until("out", |secret| secret.is_some()).await;
    operator.stop().await;
}

#[tokio::test]
async fn what_happened_while_the_operator_was_away_is_noticed_when_it_starts() {
    let world = World::start().await;
    let operator = world.operator().await;
    for name in ["gone", "changed"] {
        world.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        world.connection(name, json!({})).await;
        world.ready(name, "True", "Ready").await;
    }
    operator.stop().await;
    world.secrets().delete("gone", &DeleteParams::default()).await.unwrap();
    world.secret("changed", &world.github.token(NewToken::classic("new", "somebody"))).await;
    let _operator = world.operator().await;
    world.ready("gone", "False", "SecretNotFound").await;
    let login = |seen: &GithubPatConnection| seen.status.as_ref()?.token.as_ref()?.login.clone();
    world.until("changed", |seen| login(seen).as_deref() == Some("somebody")).await;
}

/// An operator that lacks one right.
async fn without(world: &World, verb: &str) -> std::path::PathBuf {
    let secrets: Vec<_> = ["get", "list", "watch", "create", "update", "delete"]
        .into_iter()
        .filter(|granted| *granted != verb)
        .collect();
    let role: ClusterRole = from(json!({
        "metadata": { "name": "limited" },
        "rules": [
            { "apiGroups": [""], "resources": ["secrets"], "verbs": secrets },
            { "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": ["get", "list", "watch"] },
            { "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections/status"], "verbs": ["update"] },
        ],
    }));
    let binding: ClusterRoleBinding = from(json!({
        "metadata": { "name": "limited" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "limited" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "limited" }],
    }));
    let params = PostParams::default();
    Api::all(world.client.clone()).create(&params, &role).await.unwrap();
    Api::all(world.client.clone()).create(&params, &binding).await.unwrap();
    world.plane.user("limited", None).unwrap()
}

async fn grant_everything(world: &World) {
    let rule = json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": ["*"] });
    let patch = Patch::Json::<()>(from(json!([{ "op": "replace", "path": "/rules/0", "value": rule }])));
    let roles = Api::<ClusterRole>::all(world.client.clone());
    roles.patch("limited", &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test]
async fn an_output_that_may_not_be_written_is_told_and_written_once_it_may() {
    let world = World::start().await;
    let kubeconfig = without(&world, "create").await;
    let _operator = world.operator_as(kubeconfig, &[]).await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("ci", &text).await;
    world.connection("ci", json!({ "publish": [{ "secretName": "out", "format": "Opaque" }] })).await;
    let published = world.condition("ci", "Published", "False", "WriteFailed").await;
    assert!(
        published.message.contains("Secret out") && published.message.contains("Forbidden (403)"),
        "{}",
        published.message
    );
    assert!(is_so(&world.until("ci", |_| true).await, "Authenticated", "True", "Accepted"));
    grant_everything(&world).await;
    world.ready("ci", "True", "Ready").await;
    assert_eq!(world.value("out", "token").await, Some(text));
    assert_eq!(world.asked("ci"), 1, "GitHub has nothing to do with it");
}

#[tokio::test]
async fn a_source_that_may_not_be_read_is_told() {
    let world = World::start().await;
    let kubeconfig = without(&world, "get").await;
    let _operator = world.operator_as(kubeconfig, &["--secret-scope", "Cluster"]).await;
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    world.connection("ci", json!({})).await;
    let ready = world.condition("ci", "Ready", "False", "SecretForbidden").await;
    assert!(
        ready.message.contains("Secret ci") && ready.message.contains("ServiceAccount"),
        "{}",
        ready.message
    );
    grant_everything(&world).await;
    world.ready("ci", "True", "Ready").await;
}

#[tokio::test]
async fn a_source_that_may_be_listed_and_not_read_is_told_as_one_of_a_namespace_that_is_not_granted() {
    let world = World::start().await;
    let kubeconfig = without(&world, "get").await;
    let _operator = world.operator_as(kubeconfig, &[]).await;
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    world.connection("ci", json!({})).await;
    let ready = world.condition("ci", "Ready", "False", "NamespaceNotGranted").await;
    let command = "kubectl create rolebinding github-pat-operator-secrets -n team-a \
                   --clusterrole=github-pat-operator-secrets --user=limited";
    assert!(ready.message.ends_with(command), "{}", ready.message);
    grant_everything(&world).await;
    world.ready("ci", "True", "Ready").await;
}

#[tokio::test]
async fn an_expiry_comes_by_githubs_clock() {
    let world = World::start().await;
    let operator = world.operator().await;
    // More than ten minutes would be a fault of the host, and compute nothing.
    let ahead = SignedDuration::from_mins(5);
    world.github.clock_offset(ahead);
    // Three dates agree.
    world.secret("clock", &world.github.token(NewToken::classic("clock", "clock"))).await;
    world.connection("clock", json!({ "interval": "10s" })).await;
    world.until_asked("clock", 3).await;
    let end =
        Timestamp::from_second(Timestamp::now().as_second()).unwrap() + ahead + SignedDuration::from_secs(20);
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci").expires(end))).await;
    world.connection("ci", json!({ "interval": "24h", "warnBefore": [] })).await;
    world.ready("ci", "True", "Ready").await;
    world.ready("ci", "False", "Expired").await;
    assert!(Timestamp::now() < end, "by our clock five minutes are left");
    let scrape = operator.scrape().await;
    let offset = scrape.value("github_pat_host_clock_offset_seconds", &[("host", "simulated")]).unwrap();
    assert!((290.0..=310.0).contains(&offset), "{offset}");
}

/// Lets the API server take anything, as a version of the definition might have that nobody knows here.
async fn lift_schema(world: &World) {
    let definitions = Api::<CustomResourceDefinition>::all(world.client.clone());
    let mut lax = definitions.get("githubpatconnections.githubpat.dev").await.unwrap();
    let schema =
        json!({ "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } });
    lax.spec.versions[0].schema = Some(from(schema));
    definitions.replace("githubpatconnections.githubpat.dev", &PostParams::default(), &lax).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_cannot_be_read_says_so_and_stops_no_other() {
    let world = World::start().await;
    lift_schema(&world).await;
    let _operator = world.operator().await;
    let raw = Api::<DynamicObject>::namespaced_with(
        world.client.clone(),
        NAMESPACE,
        &ApiResource::erase::<GithubPatConnection>(&()),
    );
    let broken: DynamicObject = from(json!({
        "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection",
        "metadata": { "name": "broken" }, "spec": { "secretRef": "no object" },
    }));
    // The new schema is in force a moment after it was stored.
    let created = async {
        while raw.create(&PostParams::default(), &broken).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, created).await.unwrap();
    let told = |object: Option<&DynamicObject>| {
        object.is_some_and(|object| object.data["status"]["conditions"][0]["reason"] == "SpecUnreadable")
    };
    tokio::time::timeout(SOON, await_condition(raw, "broken", told)).await.unwrap().unwrap();
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    world.connection("ci", json!({ "warnBefore": [], "require": {} })).await;
    world.ready("ci", "True", "Ready").await;
}

#[tokio::test]
async fn what_does_not_change_the_token_asks_and_writes_nothing() {
    let world = World::audited().await;
    let _operator = world.operator().await;
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    world.connection("ci", json!({ "interval": "24h" })).await;
    world.ready("ci", "True", "Ready").await;
    let written = world.until_written(1).await.len();
    for count in 0..20 {
        let touch = Patch::Merge(json!({ "metadata": { "annotations": { "count": count.to_string() } } }));
        world.secrets().patch("ci", &PatchParams::default(), &touch).await.unwrap();
        world.connections().patch("ci", &PatchParams::default(), &touch).await.unwrap();
    }
    // A marker: what is created now is judged after all that was woken before.
    world.secret("marker", &world.github.token(NewToken::classic("marker", "acme-ci"))).await;
    world.connection("marker", json!({ "interval": "24h" })).await;
    world.ready("marker", "True", "Ready").await;
    assert_eq!(world.asked("ci"), 1);
    let since = world.until_written(written + 1).await.split_off(written);
    assert!(since.iter().all(|(_, _, name)| name == "marker"), "only the marker's status: {since:?}");
}

#[tokio::test]
async fn what_cannot_be_watched_is_told_once_with_its_own_remedy() {
    let world = World::start().await;
    let nobody = world.plane.user("nobody", None).unwrap();
    let granted = world.account(&world.settings(), &[]).await;
    let definitions = Api::<CustomResourceDefinition>::all(world.client.clone());
    let name = "githubpatconnections.githubpat.dev";
    let forbidden = world.unready_operator(nobody, &world.settings(), &[]);
    forbidden.until_logged("may not list and watch githubpatconnections").await;
    definitions.delete(name, &DeleteParams::default()).await.unwrap();
    // It goes on answering for the kind for a moment, with 429 among others, after the definition has gone.
    let unknown = async {
        while !matches!(world.connections().list(&ListParams::default()).await, Err(kube::Error::Api(status)) if status.code == 404)
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, unknown).await.unwrap();
    let missing = world.unready_operator(granted, &world.settings(), &[]);
    missing.until_logged("install the CustomResourceDefinition").await;
    // Several tries later.
    tokio::time::sleep(Duration::from_secs(8)).await;
    for log in [forbidden.stop().await, missing.stop().await] {
        assert_eq!(log.matches("cannot watch watched=").count(), 1, "{log}");
        assert!(!log.contains("Status {"), "{log}");
    }
}

#[tokio::test]
async fn the_proxy_of_the_kubeconfig_leads_to_the_api_server() {
    let world = World::start().await;
    let proxy = Proxy::start(Some("bot:x"), OPENS);
    let named = proxy.url.replace("http://", "http://bot:x@");
    let plain = world.account(&world.settings(), &[]).await;
    let mut kubeconfig: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(plain).unwrap()).unwrap();
    kubeconfig["clusters"][0]["cluster"]["proxy-url"] = named.into();
    let kubeconfig = world.file("proxied", &kubeconfig.to_string());
    let _operator = world.operator_as(kubeconfig, &[]).await;
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    world.connection("ci", json!({})).await;
    world.ready("ci", "True", "Ready").await;
    let heads = proxy.heads();
    assert!(!heads.is_empty() && heads.iter().all(|head| head.starts_with("CONNECT ")), "{heads:?}");
    assert!(
        heads.iter().all(|head| head.to_lowercase().contains("proxy-authorization: basic ")),
        "{heads:?}"
    );
}
