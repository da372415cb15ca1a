//! A token that is replaced is safe to revoke only once nobody has it any more that the operator knows.

use github_pat_operator::api::{Phase, RotationStatus};
use github_simulator::NewToken;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::world::{World, from};

impl World {
    /// The last rotation of this connection, once it is in this phase.
    async fn rotated(&self, name: &str, phase: Phase) -> RotationStatus {
        let rotation = |seen: &github_pat_operator::api::GithubPatConnection| seen.status.clone()?.rotation;
        let seen =
            self.until(name, |seen| rotation(seen).is_some_and(|rotation| rotation.phase == phase)).await;
        rotation(&seen).unwrap()
    }
}

fn publishes(output: &str) -> Value {
    json!({ "secretRef": { "name": "pat" }, "publish": [{ "secretName": output, "format": "Opaque" }] })
}

#[tokio::test]
async fn an_old_token_is_not_safe_to_revoke_while_another_connection_publishes_it() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let old = world.github.token(NewToken::classic("old", "acme-ci").scopes(&["repo"]));
    world.secret("pat", &old).await;
    world.connection("first", publishes("first-out")).await;
    world.connection("second", publishes("second-out")).await;
    world.change("second", json!({ "require": { "scopes": ["repo"] } })).await;
    // The same token under another name in another namespace.
    world.namespace("team-b").await;
    let secrets = Api::<Secret>::namespaced(world.client.clone(), "team-b");
    let copy: Secret = from(json!({ "metadata": { "name": "pat" }, "stringData": { "token": old } }));
    secrets.create(&PostParams::default(), &copy).await.unwrap();
    let connections =
        Api::<github_pat_operator::api::GithubPatConnection>::namespaced(world.client.clone(), "team-b");
    let spec = json!({
        "host": "simulated", "secretRef": { "name": "pat" }, "interval": "10s",
        "publish": [{ "secretName": "third-out", "format": "Opaque" }],
    });
    let third = from(json!({ "metadata": { "name": "third" }, "spec": spec }));
    connections.create(&PostParams::default(), &third).await.unwrap();
    for name in ["first", "second"] {
        world.ready(name, "True", "Ready").await;
    }
    let is_published =
        kube::runtime::wait::await_condition(secrets.clone(), "third-out", |found: Option<&Secret>| {
            found.is_some()
        });
    tokio::time::timeout(crate::world::SOON, is_published).await.unwrap().unwrap();

    // The next one has no scope, so that the second connection keeps the old one.
    let new = world.github.token(NewToken::classic("new", "acme-ci").scopes(&["gist"]));
    world.secret("pat", &new).await;
    let waiting = world.rotated("first", Phase::WaitingForConsumers).await;
    assert_eq!(world.value("first-out", "token").await.as_deref(), Some(&*new));
    assert_eq!(waiting.other_connections, Some(2));
    let words = "the old one: second, and one of another namespace; they are waited for";
    assert!(waiting.message.contains(words), "{}", waiting.message);
    assert!(!waiting.message.contains("third") && !waiting.message.contains("team-b"), "{}", waiting.message);
    assert_eq!(waiting.revoke_at, None);

    world.change("second", json!({ "require": null })).await;
    let rotation = |seen: &github_pat_operator::api::GithubPatConnection| seen.status.clone()?.rotation;
    let seen = world
        .until("first", |seen| rotation(seen).is_some_and(|rotation| rotation.other_connections == Some(1)))
        .await;
    let message = rotation(&seen).unwrap().message;
    assert!(message.contains("the old one: one of another namespace;"), "{message}");
    let next = json!({ "stringData": { "token": new } });
    secrets.patch("pat", &PatchParams::default(), &Patch::Merge(&next)).await.unwrap();
    for name in ["first", "second"] {
        let safe = world.rotated(name, Phase::SafeToRevoke).await;
        assert!(safe.revoke_at.is_some() && safe.other_connections.is_none(), "{safe:?}");
    }
}

#[tokio::test]
async fn a_former_output_that_will_not_go_keeps_its_token_from_being_revoked() {
    let world = World::start().await;
    let _operator = world.operator().await;
    world.secret("pat", &world.github.token(NewToken::classic("old", "acme-ci"))).await;
    world.connection("ci", publishes("out")).await;
    world.ready("ci", "True", "Ready").await;
    let held = |finalizers: Value| Patch::Merge(json!({ "metadata": { "finalizers": finalizers } }));
    let params = PatchParams::default();
    world.secrets().patch("out", &params, &held(json!(["example.com/backup"]))).await.unwrap();
    world.change("ci", publishes("renamed")).await;
    world
        .secret_until("out", |found| found.is_some_and(|found| found.metadata.deletion_timestamp.is_some()))
        .await;
    world.secret("pat", &world.github.token(NewToken::classic("new", "acme-ci"))).await;
    let waiting = world.rotated("ci", Phase::WaitingForConsumers).await;
    assert!(waiting.message.contains("still there with the old one: out;"), "{}", waiting.message);
    world.secrets().patch("out", &params, &held(Value::Null)).await.unwrap();
    world.rotated("ci", Phase::SafeToRevoke).await;
}
