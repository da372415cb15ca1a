//! Pull secrets that take the entries of another Secret in.

use github_simulator::NewToken;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::world::World;

fn publishes(more: Value) -> Value {
    let mut output = json!({
        "secretName": "pull", "format": "DockerConfigJson", "extraEntriesFrom": { "name": "further" },
    });
    for (field, value) in more.as_object().unwrap() {
        output[field] = value.clone();
    }
    json!({ "publish": [output], "interval": "24h" })
}

impl World {
    /// Stores a pull secret with this value.
    async fn further(&self, name: &str, value: &str) {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "stringData": { ".dockerconfigjson": value },
        });
        let params = PatchParams::apply("test").force();
        self.secrets().patch(name, &params, &Patch::Apply(secret)).await.unwrap();
    }

    /// Waits until the Secret signs in to just these registries, as these users.
    async fn signs_in(&self, secret: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> =
            expected.iter().map(|(registry, user)| ((*registry).to_owned(), json!(user))).collect();
        self.secret_until(secret, |found| {
            found.is_some_and(|found| {
                let auths = auths(found);
                auths
                    .iter()
                    .map(|(registry, entry)| (registry.clone(), entry["username"].clone()))
                    .eq(expected.clone())
            })
        })
        .await;
    }
}

fn auths(secret: &Secret) -> serde_json::Map<String, Value> {
    let value = &secret.data.as_ref().unwrap()[".dockerconfigjson"];
    let config: Value = serde_json::from_slice(&value.0).unwrap();
    config["auths"].as_object().unwrap().clone()
}

fn entries(entries: Value) -> String {
    json!({ "auths": entries, "credsStore": "none" }).to_string()
}

#[tokio::test]
async fn one_pull_secret_serves_the_registries_of_another_one_too() {
    let world = World::audited().await;
    let operator = world.operator().await;
    let token = world.github.token(NewToken::classic("ci", "acme-ci").scopes(&["read:packages"]));
    world.secret("ci", &token).await;
    world.connection("ci", publishes(json!({}))).await;
    let told = world.condition("ci", "Published", "False", "ExtraEntriesUnusable").await;
    let words = "Secret pull is not written: there is no Secret further in the namespace: create it with the key \
                 .dockerconfigjson, or leave extraEntriesFrom out";
    assert_eq!(told.message, words);

    let (r, own) = (("r.example", "r"), ("registry.example", "acme-ci"));
    world
        .further("further", &entries(json!({ "r.example": { "username": "r" }, "https://registry.example/v2/": { "username": "no" } })))
        .await;
    world.signs_in("pull", &[r, own]).await;
    world.ready("ci", "True", "Ready").await;
    world.further("further", &entries(json!({ "r.example": { "username": "s" } }))).await;
    world.signs_in("pull", &[("r.example", "s"), own]).await;

    // What is no pull secret, or gone, leaves the good one in its place.
    let before = world.secrets().get("pull").await.unwrap().resource_version();
    for value in [r#"{"auths":{"r.example":"s3cret"}}"#, "{"] {
        world.further("further", value).await;
        let told = world.condition("ci", "Published", "False", "ExtraEntriesUnusable").await;
        assert!(told.message.contains("has no JSON") && !told.message.contains("s3cret"), "{}", told.message);
    }
    world.secrets().delete("further", &DeleteParams::default()).await.unwrap();
    world
        .until("ci", |seen| {
            let message = seen.status.as_ref().and_then(|status| status.message("Published"));
            message.is_some_and(|message| message.contains("there is no Secret further"))
        })
        .await;
    assert_eq!(world.secrets().get("pull").await.unwrap().resource_version(), before);
    world.further("further", &entries(json!({ "r.example": { "username": "s" } }))).await;
    world.ready("ci", "True", "Ready").await;

    // Labels of it are no change, nor is a restart.
    let wrote = world.writes().into_iter().filter(|(_, _, name)| name == "pull").count();
    let labels = Patch::Merge(json!({ "metadata": { "labels": { "team": "a" } } }));
    world.secrets().patch("further", &PatchParams::default(), &labels).await.unwrap();
    operator.stop().await;
    let _operator = world.operator().await;
    world.secret("later", &token).await;
    world.connection("later", json!({ "publish": [{ "secretName": "out", "format": "Opaque" }] })).await;
    world.ready("later", "True", "Ready").await;
    world.further("further", &entries(json!({}))).await;
    world.signs_in("pull", &[own]).await;
    let writes = world.until_written(wrote + 1).await;
    assert_eq!(writes.iter().filter(|(_, _, name)| name == "pull").count(), wrote + 1, "{writes:?}");
}

#[tokio::test]
async fn a_versioned_pull_secret_has_a_new_name_for_other_entries_and_the_same_for_the_same() {
    let world = World::start().await;
    let _operator = world.operator().await;
    world
        .secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci").scopes(&["read:packages"])))
        .await;
    world.further("further", &entries(json!({ "r.example": { "username": "r" } }))).await;
    world.connection("ci", publishes(json!({ "versioned": true }))).await;
    let name = |seen: &github_pat_operator::api::GithubPatConnection| {
        seen.status.as_ref()?.outputs.first()?.current_name.clone()
    };
    let first = name(&world.ready("ci", "True", "Ready").await).unwrap();
    world.signs_in(&first, &[("r.example", "r"), ("registry.example", "acme-ci")]).await;
    let labels = Patch::Merge(json!({ "metadata": { "labels": { "team": "a" } } }));
    world.secrets().patch("further", &PatchParams::default(), &labels).await.unwrap();
    world.further("further", "broken").await;
    let seen = world.ready("ci", "False", "ExtraEntriesUnusable").await;
    assert_eq!(name(&seen).as_ref(), Some(&first), "the last good one serves");
    world.further("further", &entries(json!({ "r.example": { "username": "s" } }))).await;
    let seen = world.until("ci", |seen| name(seen).is_some_and(|now| now != first)).await;
    world.signs_in(&name(&seen).unwrap(), &[("r.example", "s"), ("registry.example", "acme-ci")]).await;
    world.further("further", &entries(json!({ "r.example": { "username": "r" } }))).await;
    world.until("ci", |seen| name(seen).as_ref() == Some(&first)).await;
}

#[tokio::test]
async fn entries_that_lead_back_to_their_own_source_are_a_cycle() {
    let world = World::start().await;
    let _operator = world.operator().await;
    world
        .secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci").scopes(&["read:packages"])))
        .await;
    world.connection("ci", publishes(json!({}))).await;
    let back = json!({
        "secretRef": { "name": "pull" }, "publish": [{ "secretName": "further", "format": "Opaque" }],
    });
    world.connection("back", back).await;
    for name in ["ci", "back"] {
        world.condition(name, "Published", "False", "PublishCycle").await;
    }
    assert_eq!(world.value("pull", ".dockerconfigjson").await, None);
}
