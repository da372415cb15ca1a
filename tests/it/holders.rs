//! A token that is replaced is safe to revoke only once nobody has it any more that the operator knows.

use base64::{Engine, prelude::BASE64_STANDARD};
use github_pat_operator::{
    api::{Phase, RotationStatus},
    domain::token::Token,
};
use github_simulator::NewToken;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt,
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
    world.namespace("team-b").await;
    let _operator = world.operator().await;
    let old = world.github.token(NewToken::classic("old", "acme-ci").scopes(&["repo"]));
    world.secret("pat", &old).await;
    world.connection("first", publishes("first-out")).await;
    world.connection("second", publishes("second-out")).await;
    world.change("second", json!({ "require": { "scopes": ["repo"] } })).await;
    // The same token under another name in another namespace.
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

#[tokio::test]
async fn an_earlier_version_of_another_connection_is_not_waited_for() {
    let world = World::start().await;
    let _operator = world.operator().await;
    world.secret("pat", &world.github.token(NewToken::classic("old", "acme-ci"))).await;
    world.connection("plain", publishes("out")).await;
    let publish = json!([{ "secretName": "kept", "format": "Opaque", "versioned": true }]);
    world.connection("versioned", json!({ "secretRef": { "name": "pat" }, "publish": publish })).await;
    for name in ["plain", "versioned"] {
        world.ready(name, "True", "Ready").await;
    }
    world.secret("pat", &world.github.token(NewToken::classic("new", "acme-ci"))).await;
    for name in ["plain", "versioned"] {
        world.rotated(name, Phase::SafeToRevoke).await;
    }
    let versions = world.secrets().list(&Default::default()).await.unwrap();
    let versions = versions.items.iter().filter(|secret| secret.name_any().starts_with("kept-"));
    assert_eq!(versions.count(), 2, "the earlier version stands still");
}

/// A pull secret that signs in to this registry and takes the entries of another one in.
fn pull_secret(name: &str, registry: &str, from: &str) -> Value {
    json!({
        "secretName": name, "format": "DockerConfigJson", "registries": [registry], "extraEntriesFrom": { "name": from },
    })
}

#[tokio::test]
async fn a_pull_secret_that_took_the_old_token_in_keeps_it_from_being_revoked() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let scopes = &["read:packages"];
    let old = world.github.token(NewToken::classic("old", "acme-ci").scopes(scopes));
    world.secret("pat", &old).await;
    world
        .secret("other-pat", &world.github.token(NewToken::classic("other", "acme-bot").scopes(scopes)))
        .await;
    let by_hand = |token: &str| json!({ "auths": { "three.example": { "auth": BASE64_STANDARD.encode(format!("ci:{token}")) } } });
    let further = |token: &str| {
        let value = json!({ ".dockerconfigjson": by_hand(token).to_string() });
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "further" }, "stringData": value })
    };
    let params = PatchParams::apply("test").force();
    world.secrets().patch("further", &params, &Patch::Apply(further(&old))).await.unwrap();
    let publish = json!([
        { "secretName": "one", "format": "DockerConfigJson", "registries": ["one.example"] },
        pull_secret("mine", "one.example", "further"),
    ]);
    world.connection("ci", json!({ "secretRef": { "name": "pat" }, "publish": publish })).await;
    let publish = json!([pull_secret("two", "two.example", "one")]);
    world.connection("bot", json!({ "secretRef": { "name": "other-pat" }, "publish": publish })).await;
    for name in ["ci", "bot"] {
        world.ready(name, "True", "Ready").await;
    }
    let hash = Token::try_from(old.as_bytes()).unwrap().hashed().to_string();
    let told =
        world.secrets().get("two").await.unwrap().annotations()["githubpat.dev/entries-token-hashes"].clone();
    assert_eq!(told, hash);

    world.change("bot", json!({ "suspend": true })).await;
    world.ready("bot", "Unknown", "Suspended").await;
    let new = world.github.token(NewToken::classic("new", "acme-ci").scopes(scopes));
    world.secret("pat", &new).await;
    let waiting = world.rotated("ci", Phase::WaitingForConsumers).await;
    let words = "and these take the old one in by extraEntriesFrom: mine; put the new one into the Secret that they name";
    assert!(waiting.message.contains(words), "{}", waiting.message);
    world.secrets().patch("further", &params, &Patch::Apply(further(&new))).await.unwrap();
    let rotation = |seen: &github_pat_operator::api::GithubPatConnection| seen.status.clone()?.rotation;
    let others = |seen: &github_pat_operator::api::GithubPatConnection| rotation(seen)?.other_connections;
    let waiting = rotation(&world.until("ci", |seen| others(seen) == Some(1)).await).unwrap();
    assert_eq!(waiting.phase, Phase::WaitingForConsumers);
    assert!(waiting.message.contains("the old one: bot; they are waited for"), "{}", waiting.message);

    world.change("bot", json!({ "suspend": false })).await;
    let safe = world.rotated("ci", Phase::SafeToRevoke).await;
    assert!(safe.revoke_at.is_some() && safe.other_connections.is_none(), "{safe:?}");
    let told = world.secrets().get("two").await.unwrap();
    assert_eq!(
        told.annotations()["githubpat.dev/entries-token-hashes"],
        Token::try_from(new.as_bytes()).unwrap().hashed().to_string()
    );
}
