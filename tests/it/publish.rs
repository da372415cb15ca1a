//! The Secrets that workloads read: only ever proven bytes, and never somebody else's Secret.

use std::time::{Duration, Instant};

use base64::{Engine, prelude::BASE64_STANDARD};
use control_plane::Options;
use github_simulator::{NewToken, Outage};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    runtime::wait::{await_condition, conditions::is_deleted},
};
use serde_json::json;

use crate::{
    metrics::text::Scrape,
    world::{NAMESPACE, SOON, World, from, is_so},
};

/// What "within seconds" is at most.
const SECONDS: Duration = Duration::from_secs(10);

fn output(format: &str) -> serde_json::Value {
    json!([{ "secretName": "out", "format": format }])
}

#[tokio::test]
async fn outputs_have_the_type_and_keys_that_workloads_read_and_belong_to_the_connection() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci").scopes(&["read:packages"]));
    world.secret("ci", &text).await;
    let publish = json!([
        { "secretName": "opaque", "format": "Opaque" },
        { "secretName": "git", "format": "BasicAuth" },
        { "secretName": "pull", "format": "DockerConfigJson" },
    ]);
    let connection = world.connection("ci", json!({ "publish": publish })).await;
    let status = world.ready("ci", "True", "Ready").await.status.unwrap();
    assert_eq!(
        status.outputs.iter().map(|output| output.secret_name.as_str()).collect::<Vec<_>>(),
        ["opaque", "git", "pull"]
    );
    assert_eq!(world.value("opaque", "token").await.as_ref(), Some(&text));
    assert_eq!(world.value("git", "username").await.as_deref(), Some("acme-ci"));
    assert_eq!(world.value("git", "password").await.as_ref(), Some(&text));
    let config: serde_json::Value =
        serde_json::from_str(&world.value("pull", ".dockerconfigjson").await.unwrap()).unwrap();
    let auth = BASE64_STANDARD.encode(format!("acme-ci:{text}"));
    assert_eq!(
        config["auths"]["registry.example"],
        json!({ "username": "acme-ci", "password": text, "auth": auth })
    );
    let types = [
        ("opaque", "Opaque"),
        ("git", "kubernetes.io/basic-auth"),
        ("pull", "kubernetes.io/dockerconfigjson"),
    ];
    for (name, type_) in types {
        let secret = world.secrets().get(name).await.unwrap();
        assert_eq!(secret.type_.as_deref(), Some(type_));
        assert_eq!(secret.labels().get("githubpat.dev/connection-uid"), connection.uid().as_ref());
        assert_eq!(secret.owner_references().first().map(|owner| owner.uid.clone()), connection.uid());
    }
}

#[tokio::test]
async fn a_bad_paste_over_a_good_token_does_not_reach_the_output() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let good = world.github.token(NewToken::classic("good", "acme-ci"));
    world.secret("ci", &good).await;
    world.connection("ci", json!({ "publish": output("Opaque") })).await;
    world.ready("ci", "True", "Ready").await;
    let before = world.secrets().get("out").await.unwrap();

    world.secret("ci", &format!("\"{good}\"")).await;
    world.ready("ci", "False", "TokenMalformed").await;
    let dead = world.github.token(NewToken::classic("dead", "acme-ci"));
    world.github.revoke("dead");
    world.secret("ci", &dead).await;
    world.ready("ci", "False", "BadCredentials").await;
    assert!(is_so(&world.until("ci", |_| true).await, "Published", "False", "Withheld"));
    assert_eq!(world.secrets().get("out").await.unwrap(), before, "the output was not touched");

    let mended = world.github.token(NewToken::classic("mended", "acme-ci"));
    world.secret("ci", &mended).await;
    let stored = Instant::now();
    world.secret_until("out", |secret| holds(secret, &mended)).await;
    assert!(stored.elapsed() < SECONDS, "the mended one took {:?}", stored.elapsed());
    world.ready("ci", "True", "Ready").await;
}

fn holds(secret: Option<&Secret>, text: &str) -> bool {
    let value = secret.and_then(|secret| secret.data.as_ref()?.get("token"));
    value.is_some_and(|value| value.0 == text.as_bytes())
}

#[tokio::test]
async fn new_bytes_wait_for_github_while_it_is_down() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let first = world.github.token(NewToken::classic("first", "acme-ci"));
    world.secret("ci", &first).await;
    world.connection("ci", json!({ "publish": output("Opaque") })).await;
    world.ready("ci", "True", "Ready").await;
    world.github.outage(Some(Outage::Status(500)));
    let second = world.github.token(NewToken::classic("second", "acme-ci"));
    world.secret("ci", &second).await;
    world.ready("ci", "Unknown", "ServerError").await;
    assert_eq!(world.value("out", "token").await, Some(first));
    world.github.outage(None);
    world.secret_until("out", |secret| holds(secret, &second)).await;
}

#[tokio::test]
async fn a_foreign_secret_is_left_alone_and_taken_over_once_it_is_gone() {
    let world = World::start().await;
    let _operator = world.operator().await;
    world.secret("out", "somebody else's").await;
    let before = world.secrets().get("out").await.unwrap();
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("ci", &text).await;
    world.connection("ci", json!({ "publish": output("Opaque") })).await;
    let ready = world.condition("ci", "Ready", "False", "ForeignSecret").await;
    assert!(ready.message.contains("Secret out"), "{}", ready.message);
    assert_eq!(world.secrets().get("out").await.unwrap(), before);
    world.secrets().delete("out", &DeleteParams::default()).await.unwrap();
    world.secret_until("out", |secret| holds(secret, &text)).await;
    world.ready("ci", "True", "Ready").await;

    let disowned =
        Patch::Merge(json!({ "metadata": { "ownerReferences": null }, "data": { "token": "eA==" } }));
    let disowned = world.secrets().patch("out", &PatchParams::default(), &disowned).await.unwrap();
    world.ready("ci", "False", "ForeignSecret").await;
    assert_eq!(world.secrets().get("out").await.unwrap(), disowned, "the label alone makes it nobody's");
}

#[tokio::test]
async fn of_two_connections_that_name_one_output_the_first_has_it() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let (one, two) = (NewToken::classic("one", "one"), NewToken::classic("two", "two"));
    let texts = [world.github.token(one), world.github.token(two)];
    for (name, text) in ["one", "two"].iter().zip(&texts) {
        world.secret(name, text).await;
        world.connection(name, json!({ "publish": output("Opaque") })).await;
        world.until(name, |seen| is_so(seen, "Authenticated", "True", "Accepted")).await;
        if *name == "one" {
            world.ready("one", "True", "Ready").await;
        }
    }
    let said = world.condition("two", "Ready", "False", "ForeignSecret").await.message;
    assert!(said.contains("an output of connection one") && !said.contains("delete"), "{said}");
    assert_eq!(world.value("out", "token").await.as_ref(), Some(&texts[0]));
    world.change("one", json!({ "publish": [] })).await;
    world.ready("two", "True", "Ready").await;
    world.secret_until("out", |secret| holds(secret, &texts[1])).await;
}

#[tokio::test]
async fn outputs_follow_the_spec_and_are_restored_when_somebody_changes_them() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("ci", &text).await;
    world.connection("ci", json!({ "publish": output("Opaque") })).await;
    world.ready("ci", "True", "Ready").await;

    let noted = Patch::Merge(
        json!({ "metadata": { "annotations": { "note": "kept" } }, "data": { "token": "eA==" } }),
    );
    world.secrets().patch("out", &PatchParams::default(), &noted).await.unwrap();
    world.secret_until("out", |secret| holds(secret, &text)).await;
    let restored = world.secrets().get("out").await.unwrap();
    assert_eq!(restored.annotations().get("note").map(String::as_str), Some("kept"));
    let fixed = Patch::Merge(json!({ "immutable": true }));
    world.secrets().patch("out", &PatchParams::default(), &fixed).await.unwrap();
    world.secrets().delete("out", &DeleteParams::default()).await.unwrap();
    world.secret_until("out", |secret| holds(secret, &text)).await;

    world.change("ci", json!({ "publish": output("BasicAuth") })).await;
    let basic = |secret: Option<&Secret>| {
        secret.is_some_and(|s| s.type_.as_deref() == Some("kubernetes.io/basic-auth"))
    };
    world.secret_until("out", basic).await;
    world.change("ci", json!({ "publish": [{ "secretName": "new", "format": "Opaque" }] })).await;
    world.secret_until("new", |secret| holds(secret, &text)).await;
    world.secret_until("out", |secret| secret.is_none()).await;
    world.ready("ci", "True", "Ready").await;
}

#[tokio::test]
async fn a_fine_grained_token_is_not_put_into_a_pull_secret() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::fine_grained("ci", "acme-ci"));
    world.secret("ci", &text).await;
    let publish = json!([{ "secretName": "pull", "format": "DockerConfigJson" }, { "secretName": "out", "format": "Opaque" }]);
    world.connection("ci", json!({ "publish": publish })).await;
    let published = world.condition("ci", "Published", "False", "FormatNeedsClassic").await;
    assert!(published.message.contains("Secret pull") && published.message.contains("read:packages"));
    assert_eq!(world.value("out", "token").await, Some(text));
    assert!(world.secrets().get_opt("pull").await.unwrap().is_none());
}

#[tokio::test]
async fn a_withdrawing_connection_deletes_its_outputs_when_scopes_are_missing_and_not_in_an_outage_or_at_two_refusals()
 {
    let world = World::start().await;
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci").scopes(&["repo"]));
    world.secret("ci", &text).await;
    let spec =
        json!({ "onInvalid": "Withdraw", "publish": output("Opaque"), "require": { "scopes": ["repo"] } });
    world.connection("ci", spec).await;
    world.ready("ci", "True", "Ready").await;
    let uid = world.secrets().get("out").await.unwrap().uid();

    world.github.outage(Some(Outage::Status(503)));
    world.ready("ci", "True", "AcceptedEarlier").await;
    world.secrets().delete("ci", &DeleteParams::default()).await.unwrap();
    world.ready("ci", "False", "SecretNotFound").await;
    assert_eq!(
        world.secrets().get("out").await.unwrap().uid(),
        uid,
        "an outage and a missing source delete nothing"
    );
    world.secret("ci", &text).await;
    world.github.outage(None);
    world.ready("ci", "True", "Ready").await;

    world.github.set_scopes("ci", &[]);
    world.secret_until("out", |secret| secret.is_none()).await;
    world.condition("ci", "Published", "False", "Withdrawn").await;
    world.github.set_scopes("ci", &["repo"]);
    world.secret_until("out", |secret| holds(secret, &text)).await;
    world.github.revoke("ci");
    world.ready("ci", "False", "BadCredentials").await;
    world.condition("ci", "Published", "True", "Retained").await;
    assert!(
        holds(world.secrets().get_opt("out").await.unwrap().as_ref(), &text),
        "two refusals delete nothing yet"
    );
}

#[tokio::test]
async fn a_confirmed_expiry_withdraws_the_outputs_that_hold_the_token_and_no_others() {
    let world = World::start().await;
    let operator = world.operator().await;
    let soon = Timestamp::from_second(Timestamp::now().as_second() + 20).unwrap();
    // As many as begin an incident where nothing has ended.
    for (name, policy) in [("withdrawn", "Withdraw"), ("retained", "Retain"), ("another", "Withdraw")] {
        world.secret(name, &world.github.token(NewToken::classic(name, "acme-ci").expires(soon))).await;
        let publish = json!([{ "secretName": format!("{name}-out"), "format": "Opaque" }]);
        world.connection(name, json!({ "warnBefore": [], "onInvalid": policy, "publish": publish })).await;
        world.ready(name, "True", "Ready").await;
    }
    for name in ["withdrawn", "another"] {
        world.ready(name, "False", "Expired").await;
        world.secret_until(&format!("{name}-out"), |secret| secret.is_none()).await;
    }
    world.condition("withdrawn", "Published", "False", "Withdrawn").await;
    world.condition("retained", "Published", "True", "Retained").await;
    let retained = world.secrets().get("retained-out").await.unwrap();
    assert!(retained.data.as_ref().is_some_and(|data| data.contains_key("token")));
    assert_eq!(retained.annotations()["githubpat.dev/expires-at"], soon.to_string());
    let calls = world.github.calls();
    let refused =
        calls.iter().filter(|call| call.token.as_deref() == Some("withdrawn") && call.status == Some(401));
    assert_eq!(refused.count(), 1, "one question confirms it");
    let ended = |scrape: &Scrape| scrape.value("github_pat_tokens_expired", &[]) == Some(3.0);
    operator.scrape_until("the tokens that have ended", ended).await;
    assert!(!operator.log().contains("HostRefusesMany"), "{}", operator.log());
}

#[tokio::test]
async fn outputs_go_with_their_connection_and_a_namespace_can_be_deleted() {
    let world = World::with(Options { controller_manager: true, ..Options::default() }).await;
    let operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("ci", &text).await;
    world.connection("ci", json!({ "publish": output("Opaque") })).await;
    world.ready("ci", "True", "Ready").await;
    operator.stop().await;
    world.connections().delete("ci", &DeleteParams::default()).await.unwrap();
    let gone = await_condition(world.secrets(), "out", |secret: Option<&Secret>| secret.is_none());
    tokio::time::timeout(SOON.saturating_mul(2), gone).await.unwrap().unwrap();
    assert_eq!(world.value("ci", "token").await, Some(text), "the source is nobody's output");

    // Its ServiceAccount is in a namespace that stays.
    let _operator = world.operator_with(&["--lease-namespace", "default"]).await;
    world.may_be_refused("");
    world.connection("ci", json!({ "publish": output("Opaque") })).await;
    world.ready("ci", "True", "Ready").await;
    let namespaces = Api::<Namespace>::all(world.client.clone());
    let uid = namespaces.get(NAMESPACE).await.unwrap().uid().unwrap();
    namespaces.delete(NAMESPACE, &DeleteParams::default()).await.unwrap();
    let gone = await_condition(namespaces, NAMESPACE, is_deleted(&uid));
    tokio::time::timeout(SOON.saturating_mul(2), gone).await.unwrap().unwrap();
}

#[tokio::test]
async fn secrets_of_other_namespaces_are_out_of_reach() {
    let world = World::start().await;
    world.namespace("team-b").await;
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    let there = Api::<Secret>::namespaced(world.client.clone(), "team-b");
    let secret = from(json!({ "metadata": { "name": "ci" }, "stringData": { "token": text } }));
    there.create(&PostParams::default(), &secret).await.unwrap();
    world.connection("ci", json!({})).await;
    world.ready("ci", "False", "SecretNotFound").await;
    assert_eq!(world.github.calls().len(), 0);
}

/// An output that has these values under `token`, `username` and so on, as a person makes it.
fn by_hand(name: &str, annotations: &serde_json::Value, references: &serde_json::Value) -> Secret {
    from(json!({
        "metadata": {
            "name": name, "labels": { "team": "a" }, "annotations": annotations, "ownerReferences": references,
        },
        "stringData": { "token": "old" },
    }))
}

#[tokio::test]
async fn a_secret_made_by_hand_is_taken_over_once_it_says_so_and_the_token_is_proven() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let others =
        json!([{ "apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "u", "controller": true }]);
    let adopt = |name: &str| json!({ "githubpat.dev/adopt": name });
    let secrets = [
        by_hand("ours", &adopt("ci"), &json!(null)),
        by_hand("silent", &json!({}), &json!(null)),
        by_hand("for-another", &adopt("other"), &json!(null)),
        by_hand("owned", &adopt("ci"), &others),
    ];
    for secret in &secrets {
        world.secrets().create(&PostParams::default(), secret).await.unwrap();
    }
    let before = world.secrets().get("ours").await.unwrap();
    let publish: Vec<_> = ["ours", "silent", "for-another", "owned"]
        .map(|name| json!({ "secretName": name, "format": "Opaque" }))
        .to_vec();
    let connection = world.connection("ci", json!({ "publish": publish })).await;
    world.ready("ci", "False", "SecretNotFound").await;
    assert_eq!(world.value("ours", "token").await.as_deref(), Some("old"), "nothing is proven yet");

    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("ci", &text).await;
    // That Secrets of others are in the way is known before the token is.
    world.ready("ci", "False", "ForeignSecret").await;
    let said = world.condition("ci", "Published", "False", "ForeignSecret").await.message;
    assert!(said.contains("silent") && said.contains("for-another") && said.contains("owned"), "{said}");
    assert!(said.contains("githubpat.dev/adopt") && !said.contains("Secret ours"), "{said}");
    world
        .secret_until("ours", |secret| secret.is_some_and(|secret| !secret.owner_references().is_empty()))
        .await;
    let after = world.secrets().get("ours").await.unwrap();
    assert_eq!((after.uid(), world.value("ours", "token").await), (before.uid(), Some(text.clone())));
    assert_eq!(after.owner_references()[0].uid, connection.uid().unwrap());
    assert_eq!(after.labels().get("team").map(String::as_str), Some("a"));
    assert!(!after.annotations().contains_key("githubpat.dev/adopt"), "it is done");
    for name in ["silent", "for-another", "owned"] {
        assert_eq!(world.value(name, "token").await.as_deref(), Some("old"), "{name}");
    }
    // They say so later. One is its own and has lost the label.
    let label = "githubpat.dev/connection-uid";
    let unlabelled = Patch::Merge(json!({ "metadata": { "labels": { label: null } } }));
    world.secrets().patch("ours", &PatchParams::default(), &unlabelled).await.unwrap();
    let lost = "Secret ours has lost the label githubpat.dev/connection-uid";
    let says_so = |seen: &github_pat_operator::api::GithubPatConnection| {
        let status = seen.status.as_ref();
        status.and_then(|status| status.message("Published")).is_some_and(|message| message.contains(lost))
    };
    world.until("ci", says_so).await;
    let patch = Patch::Merge(json!({ "metadata": { "annotations": adopt("ci") } }));
    for name in ["silent", "ours"] {
        world.secrets().patch(name, &PatchParams::default(), &patch).await.unwrap();
        let is_taken = |secret: &Secret| {
            secret.labels().contains_key(label) && !secret.annotations().contains_key("githubpat.dev/adopt")
        };
        world.secret_until(name, |secret| secret.is_some_and(is_taken)).await;
    }
    assert_eq!(world.value("silent", "token").await, Some(text));
}

#[tokio::test]
async fn what_an_earlier_connection_of_the_same_name_left_is_taken_over_and_nothing_of_a_living_one() {
    let world = World::with(Options { controller_manager: true, ..Options::default() }).await;
    let mut operator = Some(world.operator().await);
    let publish = |name: &str| json!({ "publish": [{ "secretName": name, "format": "Opaque" }] });
    for name in ["ci", "lives"] {
        world.secret(name, &world.github.token(NewToken::classic(name, name))).await;
    }
    let lives = json!({ "secretRef": { "name": "lives" }, "publish": publish("lives-out")["publish"] });
    world.connection("lives", lives).await;
    world.connection("ci", publish("out")).await;
    for name in ["ci", "lives"] {
        world.ready(name, "True", "Ready").await;
    }
    let before = world.secrets().get("out").await.unwrap();
    let orphans = DeleteParams {
        propagation_policy: Some(kube::api::PropagationPolicy::Orphan),
        ..DeleteParams::default()
    };
    for restarts in [false, true] {
        if restarts && let Some(running) = operator.take() {
            running.stop().await;
        }
        let uid = world.connections().get("ci").await.unwrap().uid().unwrap();
        world.connections().delete("ci", &orphans).await.unwrap();
        world
            .secret_until("out", |secret| secret.is_some_and(|secret| secret.owner_references().is_empty()))
            .await;
        let gone = await_condition(world.connections(), "ci", is_deleted(&uid));
        tokio::time::timeout(SOON, gone).await.unwrap().unwrap();
        let anew = world.connection("ci", publish("out")).await;
        if restarts {
            operator = Some(world.operator().await);
        }
        world.ready("ci", "True", "Ready").await;
        let after = world.secrets().get("out").await.unwrap();
        assert_eq!(after.uid(), before.uid(), "the same Secret");
        let owners: Vec<_> = after.owner_references().iter().map(|owner| owner.uid.clone()).collect();
        assert_eq!(owners, [anew.uid().unwrap()]);
    }
    world.change("ci", publish("lives-out")).await;
    world.ready("ci", "False", "ForeignSecret").await;
}

#[tokio::test]
async fn a_backup_that_is_restored_with_its_status_and_outputs_works_as_before() {
    let world = World::with(Options { controller_manager: true, ..Options::default() }).await;
    let operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("ci", &text).await;
    let spec = json!({ "interval": "24h", "publish": output("Opaque") });
    world.connection("ci", spec.clone()).await;
    let status = world.ready("ci", "True", "Ready").await.status.unwrap();
    let mut backup = world.secrets().get("out").await.unwrap();
    world.connections().delete("ci", &DeleteParams::default()).await.unwrap();
    world.secret_until("out", |secret| secret.is_none()).await;
    operator.stop().await;
    // As Velero restores: new uids, and no owner references.
    (backup.metadata.uid, backup.metadata.resource_version) = (None, None);
    (backup.metadata.creation_timestamp, backup.metadata.managed_fields) = (None, None);
    backup.metadata.owner_references = None;
    let restored = world.secrets().create(&PostParams::default(), &backup).await.unwrap();
    let mut connection = world.connection("ci", spec).await;
    connection.status = Some(status);
    world.connections().replace_status("ci", &PostParams::default(), &connection).await.unwrap();

    let _operator = world.operator().await;
    world
        .secret_until("out", |secret| secret.is_some_and(|secret| !secret.owner_references().is_empty()))
        .await;
    world.ready("ci", "True", "Ready").await;
    let out = world.secrets().get("out").await.unwrap();
    assert_eq!((out.uid(), world.value("out", "token").await), (restored.uid(), Some(text)));
    assert_eq!(out.owner_references()[0].uid, connection.uid().unwrap());
    assert_eq!(world.asked("ci"), 1, "what the status remembers of the token holds");
}

#[tokio::test]
async fn a_colleagues_token_in_the_place_of_the_bots_is_not_published() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let bot = world.github.token(NewToken::classic("bot", "acme-bot"));
    world.secret("ci", &bot).await;
    let spec = json!({ "publish": output("BasicAuth"), "expect": { "login": "acme-bot" } });
    world.connection("ci", spec).await;
    let status = world.ready("ci", "True", "Ready").await.status.unwrap();
    world.secret("ci", &world.github.token(NewToken::classic("person", "octocat"))).await;
    let said = world.condition("ci", "RequirementsMet", "False", "AnotherAccount").await.message;
    assert!(said.contains("octocat") && said.contains("acme-bot"), "{said}");
    world.ready("ci", "False", "AnotherAccount").await;
    assert_eq!(world.value("out", "username").await.as_deref(), Some("acme-bot"));
    assert_eq!(world.value("out", "password").await.as_ref(), Some(&bot), "the bot's token stays");
    let id = status.token.unwrap().user_id.unwrap();
    world.secret("ci", &world.github.token(NewToken::classic("another", "acme-bot"))).await;
    world.change("ci", json!({ "publish": output("BasicAuth"), "expect": { "userId": id } })).await;
    world.ready("ci", "True", "Ready").await;
}

#[tokio::test]
async fn a_withdrawn_output_comes_back_with_the_labels_and_annotations_of_others() {
    let world = World::start().await;
    let mut operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci").scopes(&["repo"]));
    world.secret("ci", &text).await;
    world.connection("ci", json!({ "publish": output("Opaque"), "onInvalid": "Withdraw" })).await;
    world.ready("ci", "True", "Ready").await;
    let marks = json!({ "metadata": { "labels": { "team": "a" }, "annotations": {
        "reloader": "yes", "applied": text, "kubectl.kubernetes.io/last-applied-configuration": text,
    } } });
    world.secrets().patch("out", &PatchParams::default(), &Patch::Merge(marks)).await.unwrap();
    for restarts in [true, false] {
        world.change("ci", json!({ "require": { "scopes": ["gist"] } })).await;
        world.secret_until("out", |secret| secret.is_none()).await;
        world.ready("ci", "False", "ScopeMissing").await;
        // It is told right after the deletion.
        let told = |seen: &github_pat_operator::api::GithubPatConnection| {
            !seen.status.as_ref().is_none_or(|status| status.withdrawn_outputs.is_empty())
        };
        let withdrawn = world.until("ci", told).await.status.unwrap().withdrawn_outputs;
        let told =
            json!([{ "secretName": "out", "labels": { "team": "a" }, "annotations": { "reloader": "yes" } }]);
        assert_eq!(serde_json::to_value(&withdrawn).unwrap(), told);
        if restarts {
            operator.stop().await;
            operator = world.operator().await;
        }
        world.change("ci", json!({ "require": { "scopes": ["repo"] } })).await;
        let status = world.ready("ci", "True", "Ready").await.status.unwrap();
        assert_eq!((status.withdrawn_outputs, status.outputs.len()), (Vec::new(), 1));
        let out = world.secrets().get("out").await.unwrap();
        assert_eq!(out.labels().get("team").map(String::as_str), Some("a"));
        assert_eq!(out.annotations().get("reloader").map(String::as_str), Some("yes"));
        assert!(!out.annotations().contains_key("kubectl.kubernetes.io/last-applied-configuration"));
    }
}

#[tokio::test]
async fn a_source_that_is_missing_at_the_start_costs_no_labels_of_others() {
    let world = World::start().await;
    let operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci").scopes(&["repo"]));
    world.secret("ci", &text).await;
    let outputs = |second: &str| json!([{ "secretName": "out", "format": "Opaque" }, { "secretName": second, "format": "Opaque" }]);
    let spec = json!({ "interval": "24h", "publish": outputs("more"), "onInvalid": "Withdraw", "withdrawAfter": "10s" });
    world.connection("ci", spec).await;
    world.ready("ci", "True", "Ready").await;
    let marks = Patch::Merge(json!({ "metadata": { "labels": { "team": "a" } } }));
    world.secrets().patch("out", &PatchParams::default(), &marks).await.unwrap();
    world.secrets().delete("ci", &DeleteParams::default()).await.unwrap();
    world.condition("ci", "Published", "False", "WithdrawalPending").await;
    operator.stop().await;

    // This process withdraws without ever having seen the token, and the next one sees neither.
    let operator = world.operator().await;
    world.secret_until("out", |secret| secret.is_none()).await;
    let kept = |seen: &github_pat_operator::api::GithubPatConnection| {
        seen.status.as_ref().is_some_and(|status| !status.withdrawn_outputs.is_empty())
    };
    world.until("ci", kept).await;
    operator.stop().await;
    let _operator = world.operator().await;
    world.change("ci", json!({ "publish": outputs("another") })).await;
    world.until("ci", kept).await;
    world.secret("ci", &text).await;
    world.ready("ci", "True", "Ready").await;
    let out = world.secrets().get("out").await.unwrap();
    assert_eq!(out.labels().get("team").map(String::as_str), Some("a"));
}
