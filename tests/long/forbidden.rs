//! What the API server does not let the operator do: it is told with its cause, and costs nothing that stands.

use control_plane::AuditEvent;
use github_simulator::NewToken;
use k8s_openapi::api::{
    admissionregistration::v1::{
        ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, ValidatingWebhookConfiguration,
    },
    core::v1::{Namespace, ResourceQuota, Secret},
};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    tenant::{Tenant, eventually, questions, until_asked},
    world::{NAMESPACE, World, from},
};

fn publish(names: &[&str], format: &str) -> Value {
    names.iter().map(|name| json!({ "secretName": name, "format": format })).collect()
}

/// A token in the Secret of this name, and a connection that publishes it under these names.
async fn ready(world: &World, tenant: Tenant<'_>, name: &str, outputs: &[&str]) {
    tenant.secret(name, &world.github.token(NewToken::classic(name, name))).await;
    tenant.connection(name, json!({ "interval": "24h", "publish": publish(outputs, "Opaque") })).await;
    tenant.ready(name, "True", "Ready").await;
}

/// A connection that is asked about every ten seconds.
async fn clock(world: &World, tenant: Tenant<'_>) {
    ready(world, tenant, "clock", &[]).await;
    tenant.change("clock", json!({ "interval": "10s" })).await;
}

/// Waits until the clock has been asked about so many times more.
async fn ticks(world: &World, count: usize) {
    until_asked(&world.github, "clock", questions(&world.github, "clock").len() + count).await;
}

/// A policy that refuses these operations on Secrets of which the expression holds, and is in force.
async fn forbid(world: &World, operations: &[&str], expression: &str) {
    let rule = json!({ "apiGroups": [""], "apiVersions": ["v1"], "operations": operations, "resources": ["secrets"] });
    let policy: ValidatingAdmissionPolicy = from(json!({
        "metadata": { "name": "frozen" },
        "spec": {
            "matchConstraints": { "resourceRules": [rule] },
            "matchConditions": [{ "name": "these", "expression": expression }],
            "validations": [{ "expression": "false", "message": "frozen" }],
        },
    }));
    let binding: ValidatingAdmissionPolicyBinding = from(json!({
        "metadata": { "name": "frozen" },
        "spec": { "policyName": "frozen", "validationActions": ["Deny"] },
    }));
    Api::all(world.client.clone()).create(&PostParams::default(), &policy).await.unwrap();
    Api::all(world.client.clone()).create(&PostParams::default(), &binding).await.unwrap();
    let probe: Secret = from(json!({ "metadata": { "name": "frozen-probe" } }));
    let secrets = Api::<Secret>::namespaced(world.client.clone(), NAMESPACE);
    secrets.create(&PostParams::default(), &probe).await.unwrap();
    let dry = DeleteParams { dry_run: true, ..DeleteParams::default() };
    eventually("the policy is in force", async || secrets.delete("frozen-probe", &dry).await.is_err()).await;
}

#[tokio::test]
async fn a_former_output_that_can_neither_go_nor_be_released_is_told_until_it_can() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let operator = world.operator().await;
    clock(&world, ours).await;
    for name in ["frozen-source", "frozen-left", "held"] {
        let outputs = [format!("{name}-out"), format!("{name}-two")];
        ready(&world, ours, name, &outputs.each_ref().map(String::as_str)).await;
    }
    let finalizers = |finalizers: Value| Patch::Merge(json!({ "metadata": { "finalizers": finalizers } }));
    let held = finalizers(json!(["example.com/backup"]));
    ours.secrets().patch("held-out", &PatchParams::default(), &held).await.unwrap();
    forbid(&world, &["UPDATE", "DELETE"], "request.name.startsWith('frozen-') && request.name.endsWith('-out') || request.name == 'frozen-probe'").await;

    let only = |name: &str| publish(&[&format!("{name}-two")], "Opaque");
    let source = json!({ "secretRef": { "name": "frozen-source-out" }, "publish": only("frozen-source") });
    ours.change("frozen-source", source).await;
    ours.change("frozen-left", json!({ "publish": only("frozen-left") })).await;
    ours.change("held", json!({ "publish": only("held") })).await;
    let rows = [
        ("frozen-source", "WriteFailed", "update Secret frozen-source-out", "policy or webhook frozen"),
        ("frozen-left", "WriteFailed", "delete Secret frozen-left-out", "policy or webhook frozen"),
        ("held", "Leaving", "Secret held-out", "example.com/backup"),
    ];
    // It is told the same after several more attempts.
    for _ in 0..2 {
        for (name, reason, what, why) in rows {
            let said = ours.condition(name, "Ready", "False", reason).await;
            assert!(said.contains(what) && said.contains(why), "{name}: {said}");
        }
        ticks(&world, 1).await;
    }
    assert!(!operator.log().contains("somebody else"), "a policy is no other writer: {}", operator.log());

    Api::<ValidatingAdmissionPolicyBinding>::all(world.client.clone())
        .delete("frozen", &DeleteParams::default())
        .await
        .unwrap();
    ours.secrets().patch("held-out", &PatchParams::default(), &finalizers(Value::Null)).await.unwrap();
    for (name, ..) in rows {
        ours.ready(name, "True", "Ready").await;
    }
    let stands = ours.uids().await;
    assert!(stands.contains_key("frozen-source-out"), "it is the source");
    assert!(!stands.contains_key("frozen-left-out") && !stands.contains_key("held-out"), "{stands:?}");
}

#[tokio::test]
async fn an_admission_webhook_that_is_down_is_named() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    let guard: ValidatingWebhookConfiguration = from(json!({
        "metadata": { "name": "guard" },
        "webhooks": [{
            "name": "guard.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "failurePolicy": "Fail", "timeoutSeconds": 2, "clientConfig": { "url": "https://127.0.0.1:1/validate" },
            "rules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"] }],
            "matchConditions": [{ "name": "outputs", "expression": "object.metadata.name.endsWith('-out')" }],
        }],
    }));
    Api::<ValidatingWebhookConfiguration>::all(world.client.clone())
        .create(&PostParams::default(), &guard)
        .await
        .unwrap();
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let probe: Secret = from(json!({ "metadata": { "name": "probe-out" } }));
    eventually("it is in force", async || ours.secrets().create(&dry, &probe).await.is_err()).await;
    ours.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    ours.connection("ci", json!({ "publish": publish(&["ci-out"], "Opaque") })).await;
    let said = ours.condition("ci", "Ready", "False", "WriteFailed").await;
    assert!(said.contains("guard.example.com") && said.contains("repair"), "{said}");
    assert!(!said.contains("busy"), "{said}");
}

#[tokio::test]
async fn a_spent_quota_keeps_an_output_that_can_only_be_made_anew() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    clock(&world, ours).await;
    ready(&world, ours, "ci", &["out"]).await;
    let (before, token) = (ours.uids().await, ours.value("out", "token").await);
    // There is no quota controller, so the usage is told here.
    let hard = json!({ "count/secrets": before.len().to_string() });
    let quotas = Api::<ResourceQuota>::namespaced(world.client.clone(), NAMESPACE);
    let quota: ResourceQuota = from(json!({ "metadata": { "name": "small" }, "spec": { "hard": hard } }));
    quotas.create(&PostParams::default(), &quota).await.unwrap();
    let used = Patch::Merge(json!({ "status": { "hard": hard, "used": hard } }));
    quotas.patch_status("small", &PatchParams::default(), &used).await.unwrap();
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let probe: Secret = from(json!({ "metadata": { "name": "probe" } }));
    eventually("it is in force", async || ours.secrets().create(&dry, &probe).await.is_err()).await;

    ours.change("ci", json!({ "publish": publish(&["out"], "BasicAuth") })).await;
    let said = ours.condition("ci", "Published", "False", "WriteFailed").await;
    assert!(!said.is_empty());
    let said = ours.condition("ci", "Ready", "False", "WriteFailed").await;
    assert!(said.contains("ResourceQuota small"), "{said}");
    ticks(&world, 2).await;
    assert_eq!(
        (ours.uids().await, ours.value("out", "token").await),
        (before, token),
        "the old output stands"
    );
    let outputs = ours.until("ci", |_| true).await.status.unwrap().outputs;
    assert_eq!(outputs.iter().map(|output| output.format.as_str()).collect::<Vec<_>>(), ["Opaque"]);

    quotas.delete("small", &DeleteParams::default()).await.unwrap();
    ours.ready("ci", "True", "Ready").await;
    assert!(ours.value("out", "password").await.is_some());
}

#[tokio::test]
async fn in_a_namespace_that_is_being_deleted_that_is_said_once_and_nothing_is_written() {
    let world = World::audited().await;
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    let _operator = world.operator().await;
    clock(&world, ours).await;
    for name in ["gone", "changed"] {
        ready(&world, theirs, name, &[&format!("{name}-out")]).await;
    }
    // Without a namespace controller it stays like this.
    Api::<Namespace>::all(world.client.clone()).delete("team-b", &DeleteParams::default()).await.unwrap();
    theirs.secrets().delete("gone-out", &DeleteParams::default()).await.unwrap();
    theirs.change("changed", json!({ "publish": publish(&["changed-out", "changed-new"], "Opaque") })).await;
    for name in ["gone", "changed"] {
        theirs.ready(name, "Unknown", "NamespaceTerminating").await;
    }
    let written = || {
        let requests = world.requests().into_iter().filter(AuditEvent::is_write);
        let requests = requests.filter(|event| event.namespace == "team-b");
        requests.map(|event| (event.verb, event.name, event.code)).collect::<Vec<_>>()
    };
    // Once the Events are told, nothing is written for ten seconds, nor in the ten that follow.
    eventually("the writes end", async || {
        let before = written();
        ticks(&world, 2).await;
        written() == before
    })
    .await;
    let before = written();
    ticks(&world, 2).await;
    assert_eq!(written(), before);
    let stands: Vec<_> = theirs.uids().await.into_keys().collect();
    assert_eq!(stands, ["changed", "changed-out", "gone"]);
}
