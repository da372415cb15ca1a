//! Outputs: what goes and what stays, in which order, and what is said of a Secret that will not go.

use std::time::Duration;

use control_plane::{AuditEvent, Options};
use futures::{StreamExt, pin_mut};
use github_simulator::{NewToken, Reply};
use jiff::SignedDuration;
use k8s_openapi::api::{
    admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding},
    core::v1::Secret,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, json};

use crate::{
    events::notes,
    tenant::{Tenant, eventually, in_, questions, until_asked, within},
    world::{NAMESPACE, SOON, World, from, is_so},
};

fn publish(name: &str, format: &str) -> Value {
    json!([{ "secretName": name, "format": format }])
}

async fn finalizers(tenant: Tenant<'_>, secret: &str, finalizers: Value) {
    let patch = Patch::Merge(json!({ "metadata": { "finalizers": finalizers } }));
    tenant.secrets().patch(secret, &PatchParams::default(), &patch).await.unwrap();
}

/// What the operator wrote to this object so far.
fn written(world: &World, name: &str) -> Vec<AuditEvent> {
    world.requests().into_iter().filter(|event| event.is_write() && event.name == name).collect()
}

#[tokio::test]
async fn an_output_that_waits_for_a_finalizer_is_said_and_nothing_is_written_meanwhile() {
    let world = World::audited().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    for name in ["ci", "clock"] {
        ours.secret(name, &world.github.token(NewToken::classic(name, name))).await;
    }
    ours.connection("clock", json!({})).await;
    ours.connection("ci", json!({ "publish": publish("out", "Opaque") })).await;
    ours.ready("ci", "True", "Ready").await;
    finalizers(ours, "out", json!(["example.com/backup"])).await;
    ours.change("ci", json!({ "publish": publish("out", "BasicAuth") })).await;
    let said = ours.condition("ci", "Published", "False", "Leaving").await;
    assert!(said.contains("Secret out") && said.contains("example.com/backup"), "{said}");
    ours.ready("ci", "False", "Leaving").await;
    let status = ours.until("ci", |_| true).await.status.unwrap();
    assert_eq!(status.outputs.len(), 1, "it stands still: {:?}", status.outputs);

    until_asked(&world.github, "clock", questions(&world.github, "clock").len() + 1).await;
    let (out, ci) = (written(&world, "out").len(), written(&world, "ci").len());
    until_asked(&world.github, "clock", questions(&world.github, "clock").len() + 2).await;
    let since = (written(&world, "out").len() - out, written(&world, "ci").len() - ci);
    assert_eq!(since, (0, 0), "nothing is written to output and status while it waits");
    let deletions = written(&world, "out").iter().filter(|event| event.verb == "delete").count();
    assert!(deletions <= 2, "it was deleted {deletions} times");
    let told = notes(&world, "ci").await;
    assert!(!told.iter().any(|note| note.contains("anew")), "it stands still: {told:?}");

    finalizers(ours, "out", Value::Null).await;
    ours.ready("ci", "True", "Ready").await;
    assert_eq!(ours.value("out", "username").await.as_deref(), Some("ci"));
}

#[tokio::test]
async fn a_withdrawn_output_that_will_not_go_is_not_said_to_be_deleted() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    let ending = NewToken::classic("ci", "acme-ci").expires(in_(10));
    ours.secret("ci", &world.github.token(ending)).await;
    ours.connection("ci", json!({
        "warnBefore": [], "interval": "24h", "onInvalid": "Withdraw",
        "publish": [{ "secretName": "held", "format": "Opaque" }, { "secretName": "free", "format": "Opaque" }],
    }))
    .await;
    ours.ready("ci", "True", "Ready").await;
    finalizers(ours, "held", json!(["example.com/backup"])).await;
    ours.ready("ci", "False", "Expired").await;
    ours.secret_until("free", |secret| secret.is_none()).await;
    let said = ours.condition("ci", "Published", "False", "Leaving").await;
    assert!(said.contains("Secret held") && said.contains("example.com/backup"), "{said}");
    let of_deletions = async || {
        let mut notes = notes(&world, "ci").await;
        notes.retain(|note| note.starts_with("OutputDeleted: "));
        notes
    };
    within(SOON, "both deletions are told", async || of_deletions().await.len() == 2).await;
    for note in of_deletions().await {
        let expected = if note.contains("Secret held ") {
            "Secret held is to go, since spec.onInvalid is Withdraw"
        } else {
            "Secret free was deleted, since spec.onInvalid is Withdraw"
        };
        assert!(note.contains(expected), "{note}");
        assert!(
            note.contains("held") == note.ends_with("finalizers are removed: example.com/backup"),
            "{note}"
        );
    }
    finalizers(ours, "held", Value::Null).await;
    ours.condition("ci", "Published", "False", "Withdrawn").await;
}

#[tokio::test]
async fn bytes_that_are_no_longer_in_the_source_are_never_written() {
    for latency in [4, 1] {
        let world = World::start().await;
        let _operator = world.operator().await;
        let texts = published(&world, Duration::from_secs(latency)).await;
        assert_eq!(texts, ["two", "three"], "with answers after {latency} s");
    }
}

/// The names of the tokens that the output held, in order, while a source that holds the first gets the second as soon as the first
/// is asked about, and the third when the second is published.
async fn published(world: &World, latency: Duration) -> Vec<&'static str> {
    let ours = Tenant::of(world, NAMESPACE);
    let names = ["one", "two", "three"];
    let texts = names.map(|name| world.github.token(NewToken::classic(name, name)));
    world.github.latency(latency);
    let secrets = ours.secrets();
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = seen.clone();
    let watching = tokio::spawn(async move {
        let config = watcher::Config::default().fields("metadata.name=out");
        let events = watcher(secrets, config).default_backoff().applied_objects();
        pin_mut!(events);
        while let Some(event) = events.next().await {
            let data = event.ok().and_then(|secret| secret.data).unwrap_or_default();
            noted.lock().unwrap().extend(data.get("token").map(|value| value.0.clone()));
        }
    });
    ours.secret("ci", &texts[0]).await;
    ours.connection("ci", json!({ "interval": "24h", "publish": publish("out", "Opaque") })).await;
    until_asked(&world.github, "one", 1).await;
    // The answer about the first is on its way.
    ours.secret("ci", &texts[1]).await;
    until_asked(&world.github, "two", 1).await;
    ours.secret_until("out", |secret| secret.is_some()).await;
    ours.secret("ci", &texts[2]).await;
    until_asked(&world.github, "three", 1).await;
    eventually("the third is written", async || {
        ours.value("out", "token").await.as_deref() == Some(texts[2].as_str())
    })
    .await;
    eventually("the watch tells of it", async || {
        seen.lock().unwrap().last().map(Vec::as_slice) == Some(texts[2].as_bytes())
    })
    .await;
    watching.abort();
    let seen = seen.lock().unwrap().clone();
    let name =
        |text: &Vec<u8>| texts.iter().zip(names).find(|(known, _)| known.as_bytes() == text).unwrap().1;
    seen.iter().map(name).collect()
}

#[tokio::test]
async fn an_output_that_is_renamed_while_the_token_is_refused_stays_until_the_new_one_stands() {
    let world = World::audited().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    ours.secret("ci", &text).await;
    ours.connection("ci", json!({ "publish": publish("old", "Opaque") })).await;
    ours.ready("ci", "True", "Ready").await;
    world.github.revoke("ci");
    ours.request("ci", "1").await;
    ours.ready("ci", "False", "BadCredentials").await;
    ours.change("ci", json!({ "publish": publish("new", "Opaque") })).await;
    let said = ours.condition("ci", "Published", "False", "Withheld").await;
    assert!(!said.is_empty());
    assert_eq!(ours.value("old", "token").await, Some(text.clone()), "the named one does not stand yet");
    assert_eq!(ours.value("new", "token").await, None);

    world.github.restore("ci");
    ours.request("ci", "2").await;
    ours.ready("ci", "True", "Ready").await;
    ours.secret_until("old", |secret| secret.is_none()).await;
    assert_eq!(ours.value("new", "token").await, Some(text));
    eventually("the audit log tells of the deletion", async || !written(&world, "old").is_empty()).await;
    let (made, gone) = (written(&world, "new"), written(&world, "old"));
    let (made, gone) = (made.first().unwrap(), gone.iter().find(|event| event.verb == "delete").unwrap());
    assert!(made.verb == "create" && made.answered <= gone.received, "created before deleted");
}

#[tokio::test]
async fn an_output_that_becomes_the_source_survives_its_connection() {
    let world = World::with(Options { controller_manager: true, ..Options::default() }).await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    ours.secret("ci", &text).await;
    ours.connection("ci", json!({
        "publish": [{ "secretName": "kept", "format": "Opaque" }, { "secretName": "marker", "format": "Opaque" }],
    }))
    .await;
    ours.ready("ci", "True", "Ready").await;
    let uid = ours.uids().await["kept"].clone();
    ours.change("ci", json!({ "secretRef": { "name": "kept" }, "publish": publish("marker", "Opaque") }))
        .await;
    let is_free = |secret: Option<&Secret>| {
        secret.is_some_and(|secret| secret.owner_references().is_empty() && secret.labels().is_empty())
    };
    ours.secret_until("kept", is_free).await;
    ours.ready("ci", "True", "Ready").await;
    ours.secrets().delete("ci", &DeleteParams::default()).await.unwrap();
    ours.connections().delete("ci", &DeleteParams::default()).await.unwrap();
    // The garbage collector has come by when the other output is gone.
    within(Duration::from_secs(90), "the marker goes", async || !ours.uids().await.contains_key("marker"))
        .await;
    assert_eq!(ours.value("kept", "token").await, Some(text), "the only copy of the token");
    assert_eq!(ours.uids().await["kept"], uid);
}

#[tokio::test]
async fn an_output_that_becomes_the_source_of_a_suspended_connection_is_released_too() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    ours.secret("ci", &text).await;
    ours.connection("ci", json!({ "publish": publish("kept", "Opaque") })).await;
    ours.ready("ci", "True", "Ready").await;
    ours.change("ci", json!({ "suspend": true, "secretRef": { "name": "kept" }, "publish": [] })).await;
    ours.ready("ci", "Unknown", "Suspended").await;
    let is_free = |secret: Option<&Secret>| {
        secret.is_some_and(|secret| secret.owner_references().is_empty() && secret.labels().is_empty())
    };
    ours.secret_until("kept", is_free).await;
    assert_eq!(ours.value("kept", "token").await, Some(text));
}

#[tokio::test]
async fn outputs_that_hold_an_earlier_token_stay_when_a_new_one_is_of_no_use() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    let good = world.github.token(NewToken::classic("good", "acme-ci").scopes(&["repo"]));
    let rows = [
        ("revoked", NewToken::classic("revoked", "a").scopes(&["repo"]), "BadCredentials"),
        ("poor", NewToken::classic("poor", "a").scopes(&["gist"]), "ScopeMissing"),
    ];
    for (name, new, reason) in rows {
        let bad = world.github.token(new);
        if name == "revoked" {
            world.github.revoke(name);
        }
        ours.secret(name, &good).await;
        let output = format!("{name}-out");
        ours.connection(name, json!({
            "onInvalid": "Withdraw", "require": { "scopes": ["repo"] }, "publish": publish(&output, "Opaque"),
        }))
        .await;
        ours.ready(name, "True", "Ready").await;
        let before = ours.uids().await[&output].clone();
        ours.secret(name, &bad).await;
        ours.ready(name, "False", reason).await;
        until_asked(&world.github, name, 2).await;
        ours.condition(name, "Published", "False", "Withheld").await;
        assert_eq!(ours.uids().await.get(&output), Some(&before), "{name}");
        assert_eq!(ours.value(&output, "token").await.as_ref(), Some(&good), "{name}");
    }
}

#[tokio::test]
async fn a_single_answer_without_scopes_withdraws_nothing_and_a_second_one_does() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci").scopes(&["repo"]));
    ours.secret("ci", &text).await;
    ours.connection(
        "ci",
        json!({
            "onInvalid": "Withdraw", "require": { "scopes": ["repo"] }, "publish": publish("out", "Opaque"),
        }),
    )
    .await;
    ours.ready("ci", "True", "Ready").await;
    let before = ours.uids().await["out"].clone();
    // Answers 200 with an empty list of scopes once, as a cache or proxy before GitHub does that drops headers.
    let id = world.github.account("acme-ci");
    let bare = Reply::json(&json!({ "login": "acme-ci", "id": id })).with_header("x-oauth-scopes", "");
    world.github.script("ci", vec![bare]);
    until_asked(&world.github, "ci", questions(&world.github, "ci").len() + 3).await;
    ours.ready("ci", "True", "Ready").await;
    assert_eq!(ours.uids().await.get("out"), Some(&before), "one answer condemns nobody");

    world.github.set_scopes("ci", &["gist"]);
    ours.ready("ci", "False", "ScopeMissing").await;
    ours.secret_until("out", |secret| secret.is_none()).await;
    let seen = ours.until("ci", |_| true).await;
    assert!(is_so(&seen, "Authenticated", "True", "Accepted"), "the token itself works");
}

/// A policy that lets nobody create a Secret of this type, and says so in these words.
async fn forbid(world: &World, type_: &str, message: &str) {
    let rule = json!({ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["secrets"] });
    let validation = json!({ "expression": format!("object.type != '{type_}'"), "message": message });
    let policy: ValidatingAdmissionPolicy = from(json!({
        "metadata": { "name": "no-such-secrets" },
        "spec": { "matchConstraints": { "resourceRules": [rule] }, "validations": [validation] },
    }));
    let binding: ValidatingAdmissionPolicyBinding = from(json!({
        "metadata": { "name": "no-such-secrets" },
        "spec": { "policyName": "no-such-secrets", "validationActions": ["Deny"] },
    }));
    Api::all(world.client.clone()).create(&PostParams::default(), &policy).await.unwrap();
    Api::all(world.client.clone()).create(&PostParams::default(), &binding).await.unwrap();
    let probe =
        json!({ "metadata": { "generateName": "probe-" }, "type": type_, "stringData": { "password": "x" } });
    let probe: Secret = from(probe);
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let secrets = Api::<Secret>::namespaced(world.client.clone(), NAMESPACE);
    eventually("the policy is in force", async || {
        let refused = secrets.create(&dry, &probe).await.err().map(|error| error.to_string());
        refused.is_some_and(|refused| refused.contains("no-such-secrets"))
    })
    .await;
}

#[tokio::test]
async fn a_new_format_that_a_policy_forbids_costs_neither_the_output_that_stands_nor_the_next_questions() {
    let world = World::audited().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let operator = world.operator().await;
    ours.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    ours.connection("ci", json!({ "publish": publish("out", "Opaque") })).await;
    ours.ready("ci", "True", "Ready").await;
    let before = ours.uids().await;
    forbid(&world, "kubernetes.io/basic-auth", "ask the platform team").await;

    ours.change(
        "ci",
        json!({ "publish": [
        { "secretName": "out", "format": "BasicAuth" }, { "secretName": "new", "format": "Opaque" },
    ] }),
    )
    .await;
    let said = ours.condition("ci", "Published", "False", "WriteFailed").await;
    assert!(said.contains("no-such-secrets"), "{said}");
    operator.until_logged("ask the platform team").await;
    let after = ours.uids().await;
    assert_eq!(after.get("out"), before.get("out"), "the old output stands");
    assert!(after.contains_key("new"), "and the other is made");

    let asked = questions(&world.github, "ci").len();
    until_asked(&world.github, "ci", asked + 4).await;
    let asked = questions(&world.github, "ci").split_off(asked);
    let late: Vec<_> = asked
        .windows(2)
        .map(|pair| pair[1].0.duration_since(pair[0].0))
        .filter(|gap| *gap > SignedDuration::from_secs(13))
        .collect();
    assert_eq!(late, vec![], "every 10 s");
}

#[tokio::test]
async fn what_is_new_is_created_before_an_output_is_made_anew() {
    let world = World::audited().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    ours.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    ours.connection("ci", json!({ "publish": publish("a", "Opaque") })).await;
    ours.ready("ci", "True", "Ready").await;
    let begun = world.requests().len();
    ours.change(
        "ci",
        json!({ "publish": [
        { "secretName": "a", "format": "BasicAuth" }, { "secretName": "b", "format": "Opaque" },
    ] }),
    )
    .await;
    ours.secret_until("a", |secret| secret.is_some_and(|secret| secret.type_.as_deref() != Some("Opaque")))
        .await;
    let writes = world.requests().split_off(begun).into_iter().filter(|event| event.resource == "secrets");
    let writes: Vec<_> =
        writes.filter(AuditEvent::is_write).map(|event| format!("{} {}", event.verb, event.name)).collect();
    // The first creation of a is a dry run.
    assert_eq!(writes, ["create b", "create a", "delete a", "create a"]);
}

#[tokio::test]
async fn a_former_output_that_lost_its_label_is_released_too_when_it_becomes_the_source() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    ours.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    ours.connection("ci", json!({ "publish": publish("kept", "Opaque") })).await;
    ours.ready("ci", "True", "Ready").await;
    let unlabelled =
        Patch::Merge(json!({ "metadata": { "labels": { "githubpat.dev/connection-uid": null } } }));
    ours.secrets().patch("kept", &PatchParams::default(), &unlabelled).await.unwrap();
    ours.ready("ci", "False", "ForeignSecret").await;
    ours.change("ci", json!({ "secretRef": { "name": "kept" }, "publish": publish("out", "Opaque") })).await;
    ours.secret_until("kept", |secret| secret.is_some_and(|secret| secret.owner_references().is_empty()))
        .await;
    ours.ready("ci", "True", "Ready").await;
}
