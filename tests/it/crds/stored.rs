//! What was stored before there was a rule against it.

use std::time::Instant;

use github_pat_operator::api::definition;
use github_simulator::NewToken;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{create, object, raw, refusal, spec};
use crate::world::{SOON, World};

/// Demands that contradict each other, each for a rule of its own.
fn impossible() -> Value {
    json!({ "require": {
        "kinds": ["FineGrained"], "scopes": ["repo"], "packages": [{ "name": "acme/app" }],
        "organizations": [{ "name": "acme" }, { "name": "labs" }], "forbid": { "scopes": ["repo"] },
        "expiry": { "minRemaining": "48h", "maxLifetime": "24h" },
    } })
}

#[tokio::test]
async fn a_connection_that_was_stored_before_a_rule_can_be_changed_elsewhere_and_judged() {
    let world = World::start().await;
    install(&world, without_rules(definition())).await;
    until(&world, true).await;
    raw(&world).create(&PostParams::default(), &object("old", spec(impossible()))).await.unwrap();
    install(&world, definition()).await;
    until(&world, false).await;

    let params = PatchParams::default();
    let merged = Patch::Merge;
    let labels = merged(json!({ "metadata": { "labels": { "a": "b" } } }));
    refusal(raw(&world).patch("old", &params, &labels).await).unwrap();
    let interval = merged(json!({ "spec": { "interval": "10m" } }));
    refusal(raw(&world).patch("old", &params, &interval).await).unwrap();
    let ready = json!({
        "type": "Ready", "status": "False", "reason": "DemandImpossible", "message": "as it is",
        "lastTransitionTime": "2020-01-01T00:00:00Z",
    });
    let status = merged(json!({ "status": { "conditions": [ready] } }));
    refusal(raw(&world).patch_status("old", &params, &status).await).unwrap();
    let scopes = merged(json!({ "spec": { "require": { "scopes": ["repo", "gist"] } } }));
    let refused = refusal(raw(&world).patch("old", &params, &scopes).await).unwrap_err();
    assert!(refused.message.contains("no kind in require.kinds has scopes"), "{}", refused.message);
}

#[tokio::test]
async fn marks_that_no_secret_can_have_and_were_stored_before_a_rule_stop_no_rotation() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let outputs =
        "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/publish/items/properties";
    let mut before = serde_json::to_value(definition()).unwrap();
    for field in ["labels", "annotations", "key"] {
        let rules = before.pointer_mut(&format!("{outputs}/{field}")).unwrap().as_object_mut().unwrap();
        assert!(rules.remove("x-kubernetes-validations").is_some(), "{field}");
    }
    install(&world, serde_json::from_value(before).unwrap()).await;
    let marked = json!({ "secretName": "marked", "format": "Opaque", "labels": { "a..b/c": "x", "team": "a" },
        "annotations": { ("a".repeat(64)): "x", "note": "b" } });
    let keyed = json!({ "secretName": "keyed", "format": "Opaque", "key": ".." });
    let old = |outputs: &[&Value]| {
        object("old", spec(json!({ "host": "simulated", "interval": "24h", "publish": outputs })))
    };
    let first = world.github.token(NewToken::classic("first", "acme-ci"));
    world.secret("pat", &first).await;
    let begun = Instant::now();
    while raw(&world).create(&PostParams::default(), &old(&[&marked, &keyed])).await.is_err() {
        assert!(begun.elapsed() < SOON, "the definition is not in force");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    install(&world, definition()).await;
    let said = world.condition("old", "Published", "False", "OutputInvalid").await.message;
    for words in [
        "Secret marked does without a..b/c of its labels",
        "of its annotations",
        "Secret keyed is not written: its key must",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let second = world.github.token(NewToken::classic("second", "acme-ci"));
    world.secret("pat", &second).await;
    let holds = |secret: Option<&Secret>| {
        let value = secret.and_then(|secret| secret.data.as_ref()?.get("token"));
        value.is_some_and(|value| value.0 == second.as_bytes())
    };
    world.secret_until("marked", holds).await;
    let secret = world.secrets().get("marked").await.unwrap();
    assert_eq!((secret.labels()["team"].as_str(), secret.annotations()["note"].as_str()), ("a", "b"));
    assert!(world.secrets().get_opt("keyed").await.unwrap().is_none());
    world.condition("old", "Published", "False", "OutputInvalid").await;
}

/// The definition as it was before there were rules across fields.
fn without_rules(definition: CustomResourceDefinition) -> CustomResourceDefinition {
    let mut definition = serde_json::to_value(definition).unwrap();
    let require = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/require";
    for place in [require.to_owned(), format!("{require}/properties/expiry")] {
        let rules = definition.pointer_mut(&place).unwrap().as_object_mut().unwrap();
        assert!(rules.remove("x-kubernetes-validations").is_some(), "{place}");
    }
    serde_json::from_value(definition).unwrap()
}

async fn install(world: &World, wanted: CustomResourceDefinition) {
    let definitions = Api::<CustomResourceDefinition>::all(world.client.clone());
    let name = "githubpatconnections.githubpat.dev";
    let spec = serde_json::to_value(wanted.spec).unwrap();
    let patch = Patch::Merge(json!({ "spec": { "versions": spec["versions"] } }));
    definitions.patch(name, &PatchParams::default(), &patch).await.unwrap();
}

/// Waits until the API server takes such demands, or does not; a new definition comes into force a moment later.
async fn until(world: &World, taken: bool) {
    let begun = Instant::now();
    while create(world, "new", spec(impossible())).await.is_ok() != taken {
        assert!(begun.elapsed() < SOON, "the definition is not in force");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
