//! A connection that the API server stores and nobody here can read.

use github_pat_operator::api::GithubPatConnection;
use github_simulator::NewToken;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    tenant::{Tenant, eventually, questions, until_asked},
    world::{NAMESPACE, World, from, is_so},
};

/// Lets the API server take anything, as a version of the definition might have that nobody knows here.
async fn lift_schema(world: &World) {
    let definitions = Api::<CustomResourceDefinition>::all(world.client.clone());
    let mut lax = definitions.get("githubpatconnections.githubpat.dev").await.unwrap();
    let schema =
        json!({ "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } });
    lax.spec.versions[0].schema = Some(from(schema));
    definitions.replace("githubpatconnections.githubpat.dev", &PostParams::default(), &lax).await.unwrap();
}

fn raw(world: &World, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(world.client.clone(), namespace, &ApiResource::erase::<GithubPatConnection>(&()))
}

async fn ready(api: &Api<DynamicObject>, name: &str) -> (Value, Value) {
    let object = api.get(name).await.unwrap();
    let conditions = object.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready").unwrap_or_default();
    (ready, object.data["status"].clone())
}

#[tokio::test]
async fn a_connection_that_becomes_unreadable_names_field_and_value_and_keeps_its_time_over_restarts() {
    let world = World::audited().await;
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    let operator = world.operator().await;
    let tenants = [(ours, "one"), (theirs, "two")];
    for (tenant, name) in tenants {
        tenant.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        let publish = json!([{ "secretName": format!("{name}-out"), "format": "Opaque" }]);
        tenant.connection(name, json!({ "publish": publish })).await;
        tenant.ready(name, "True", "Ready").await;
    }
    lift_schema(&world).await;
    let api = raw(&world, NAMESPACE);
    let broken = Patch::Merge(json!({ "spec": { "interval": "every-other-day" } }));
    // The new schema is in force a moment after it was stored.
    eventually("the broken spec is stored", async || {
        api.patch("one", &PatchParams::default(), &broken).await.is_ok()
    })
    .await;
    let generation = api.get("one").await.unwrap().metadata.generation.unwrap();
    eventually("it says so", async || ready(&api, "one").await.0["reason"] == "SpecUnreadable").await;
    let (said, status) = ready(&api, "one").await;
    assert_eq!((&said["status"], &said["observedGeneration"]), (&json!("False"), &json!(generation)));
    assert_eq!(status["observedGeneration"], json!(generation), "kstatus compares this one");
    let message = said["message"].as_str().unwrap();
    assert!(message.contains("spec.interval") && message.contains("every-other-day"), "{message}");
    assert!(ours.value("one-out", "token").await.is_some(), "its output stays");
    for condition in status["conditions"].as_array().unwrap() {
        assert_eq!(condition["observedGeneration"], json!(generation), "{condition}");
    }

    let writes = |world: &World| world.writes().into_iter().filter(|(_, _, name)| name == "one").count();
    let before = (said["lastTransitionTime"].clone(), writes(&world));
    operator.stop().await;
    let _operator = world.operator().await;
    until_asked(&world.github, "two", questions(&world.github, "two").len() + 2).await;
    let (said, _) = ready(&api, "one").await;
    assert_eq!(
        (said["lastTransitionTime"].clone(), writes(&world)),
        before,
        "a restart moves and writes nothing"
    );
    assert!(is_so(&theirs.until("two", |_| true).await, "Ready", "True", "Ready"), "the other is as it was");

    let mended = Patch::Merge(json!({ "spec": { "interval": "10s" } }));
    api.patch("one", &PatchParams::default(), &mended).await.unwrap();
    eventually("it is mended", async || ready(&api, "one").await.0["reason"] == "Ready").await;
}
