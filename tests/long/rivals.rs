//! Others who write the same Secrets: who undoes a deletion or a release, who gives a Secret away, and what other tools leave on it.

use control_plane::AuditEvent;
use github_simulator::NewToken;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    tenant::{Tenant, eventually, questions, until_asked},
    world::{NAMESPACE, World, from, is_so},
};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn publish(name: &str, format: &str) -> Value {
    json!([{ "secretName": name, "format": format }])
}

/// A token in the Secret of this name, and a connection that publishes it as `<name>-out`.
async fn ready(world: &World, tenant: Tenant<'_>, name: &str) {
    tenant.secret(name, &world.github.token(NewToken::classic(name, name))).await;
    let publish = publish(&format!("{name}-out"), "Opaque");
    tenant.connection(name, json!({ "interval": "24h", "publish": publish })).await;
    tenant.ready(name, "True", "Ready").await;
}

#[tokio::test]
async fn who_undoes_a_release_or_a_deletion_is_answered_ever_more_slowly_and_that_is_logged() {
    let world = World::audited().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let operator = world.operator().await;
    ready(&world, ours, "clock").await;
    ours.change("clock", json!({ "interval": "10s" })).await;
    for name in ["released", "deleted"] {
        ready(&world, ours, name).await;
    }
    let was = ours.secrets().get("released-out").await.unwrap();
    let labels = Patch::Merge(json!({ "metadata": {
        "labels": was.metadata.labels, "ownerReferences": was.metadata.owner_references,
    } }));
    let mut leftover = ours.secrets().get("deleted-out").await.unwrap();
    leftover.metadata.resource_version = None;
    leftover.metadata.uid = None;
    ours.change("released", json!({ "secretRef": { "name": "released-out" }, "publish": [] })).await;
    ours.change("deleted", json!({ "publish": [] })).await;
    let secrets = ours.secrets();
    let rival = tokio::spawn(async move {
        loop {
            let released = secrets.get("released-out").await.unwrap();
            if released.owner_references().is_empty() {
                let _ = secrets.patch("released-out", &PatchParams::default(), &labels).await;
            }
            let _ = secrets.create(&PostParams::default(), &leftover).await;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    until_asked(&world.github, "clock", questions(&world.github, "clock").len() + 2).await;
    rival.abort();
    let written = |name: &str, verb: &str| {
        let writes = world.requests().into_iter().filter(AuditEvent::is_write);
        writes.filter(|event| event.name == name && event.verb == verb && event.code < 300).count()
    };
    let (released, deleted) = (written("released-out", "update"), written("deleted-out", "delete"));
    // After 0, 2, 6, 14, 30 s.
    assert!((2..=6).contains(&released) && (2..=6).contains(&deleted), "{released} and {deleted}");
    for secret in ["released-out", "deleted-out"] {
        let said =
            |line: &&str| line.contains("somebody else keeps changing an output") && line.contains(secret);
        assert!(operator.log().lines().any(|line| said(&line)), "{secret}");
    }
    // Once nobody undoes it any more, it stays so.
    ours.secret_until("deleted-out", |secret| secret.is_none()).await;
    ours.secret_until("released-out", |secret| {
        secret.is_some_and(|secret| secret.owner_references().is_empty())
    })
    .await;
}

#[tokio::test]
async fn a_secret_with_another_owner_is_adopted_by_nobody() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    let owner = |controller: bool| {
        json!([{
            "apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "controller": controller,
            "uid": "11111111-1111-1111-1111-111111111111",
        }])
    };
    let rows = [
        ("free", json!([]), "free", true),
        ("owned", owner(false), "owned", false),
        ("controlled", owner(true), "controlled", false),
        ("other", json!([]), "another", false),
    ];
    for (name, references, heir, is_adopted) in rows {
        let secret: Secret = from(json!({
            "metadata": {
                "name": format!("{name}-out"), "annotations": { "githubpat.dev/adopt": heir }, "ownerReferences": references,
            },
            "stringData": { "token": "of somebody" },
        }));
        ours.secrets().create(&PostParams::default(), &secret).await.unwrap();
        ours.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        let publish = publish(&format!("{name}-out"), "Opaque");
        ours.connection(name, json!({ "interval": "24h", "publish": publish })).await;
        if is_adopted {
            ours.ready(name, "True", "Ready").await;
        } else {
            ours.ready(name, "False", "ForeignSecret").await;
        }
        let value = ours.value(&format!("{name}-out"), "token").await.unwrap();
        assert_eq!(value != "of somebody", is_adopted, "{name}");
    }
}

#[tokio::test]
async fn an_output_that_is_given_to_another_connection_is_taken_over_when_its_own_is_gone() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    ready(&world, ours, "one").await;
    let given = Patch::Merge(json!({ "metadata": { "annotations": { "githubpat.dev/adopt": "two" } } }));
    ours.secrets().patch("one-out", &PatchParams::default(), &given).await.unwrap();
    let uid = ours.uids().await["one-out"].clone();
    let text = world.github.token(NewToken::classic("two", "two"));
    ours.secret("two", &text).await;
    ours.connection("two", json!({ "interval": "24h", "publish": publish("one-out", "Opaque") })).await;
    ours.ready("two", "False", "ForeignSecret").await;
    // There is no garbage collector here, so no change of the Secret tells of it.
    ours.connections().delete("one", &DeleteParams::default()).await.unwrap();
    ours.ready("two", "True", "Ready").await;
    let taken = ours.secrets().get("one-out").await.unwrap();
    assert_eq!(taken.owner_references().iter().map(|owner| owner.name.as_str()).collect::<Vec<_>>(), ["two"]);
    assert!(!taken.annotations().contains_key("githubpat.dev/adopt"), "{:?}", taken.annotations());
    assert_eq!(
        (ours.value("one-out", "token").await, ours.uids().await.get("one-out")),
        (Some(text), Some(&uid))
    );
}

#[tokio::test]
async fn a_name_that_no_connection_can_have_gives_an_output_to_nobody() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    ready(&world, ours, "ci").await;
    let given =
        Patch::Merge(json!({ "metadata": { "annotations": { "githubpat.dev/adopt": "x".repeat(254) } } }));
    ours.secrets().patch("ci-out", &PatchParams::default(), &given).await.unwrap();
    let uid = ours.uids().await["ci-out"].clone();
    ours.connections().delete("ci", &DeleteParams::default()).await.unwrap();
    eventually("the connection is gone", async || ours.connections().get_opt("ci").await.unwrap().is_none())
        .await;
    // So it falls to the next connection of its own name.
    ours.connection("ci", json!({ "interval": "24h", "publish": publish("ci-out", "Opaque") })).await;
    ours.ready("ci", "True", "Ready").await;
    assert_eq!(ours.uids().await.get("ci-out"), Some(&uid));
}

#[tokio::test]
async fn what_kubectl_applied_to_an_output_does_not_keep_an_old_token_in_it() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    ready(&world, ours, "ci").await;
    let applied = async || {
        let annotations = json!({ LAST_APPLIED: "the old token", "example.com/team": "a" });
        let patch = Patch::Merge(json!({ "metadata": { "annotations": annotations } }));
        ours.secrets().patch("ci-out", &PatchParams::default(), &patch).await.unwrap();
    };
    let is_clean = |secret: Option<&Secret>| {
        let annotations = secret.map(|secret| secret.annotations());
        annotations.is_some_and(|annotations| {
            !annotations.contains_key(LAST_APPLIED)
                && annotations.get("example.com/team").is_some_and(|team| team == "a")
        })
    };
    applied().await;
    ours.secret("ci", &world.github.token(NewToken::classic("next", "ci"))).await;
    ours.secret_until("ci-out", is_clean).await;
    applied().await;
    ours.change("ci", json!({ "publish": publish("ci-out", "BasicAuth") })).await;
    ours.secret_until("ci-out", is_clean).await;
    eventually("it is made anew in its new format", async || {
        is_so(&ours.until("ci", |_| true).await, "Ready", "True", "Ready")
            && ours.value("ci-out", "password").await.is_some()
    })
    .await;
}
