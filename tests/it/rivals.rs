//! Others who write the same Secrets and the same resource: who keeps changing an output, and tools that share an object with us.

use std::time::Duration;

use control_plane::AuditEvent;
use futures::{StreamExt, pin_mut};
use github_simulator::NewToken;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::world::{SOON, World};

/// Changes the output as soon as it is what it shall be, for ever.
fn rival(secrets: Api<Secret>, manager: &'static str, patch: Value) -> JoinHandle<()> {
    tokio::spawn(async move {
        let config = watcher::Config::default().fields("metadata.name=out");
        let events = watcher(secrets.clone(), config).default_backoff().applied_objects();
        pin_mut!(events);
        let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        let spoilt = Patch::Merge(patch);
        while let Some(event) = events.next().await {
            let Ok(secret) = event else { continue };
            let is_labelled = secret.labels().get("team").is_some_and(|team| team == "a");
            if is_labelled && secret.data.is_some_and(|data| data["token"].0 != b"x") {
                let _ = secrets.patch("out", &params, &spoilt).await;
            }
        }
    })
}

#[tokio::test]
#[ignore = "waits for pauses that grow; .ci/long runs it"]
async fn who_keeps_changing_an_output_is_named_until_it_ceases_and_answered_ever_more_slowly() {
    is_named_and_answered_ever_more_slowly("kubectl-edit", json!({ "data": { "token": "eA==" } })).await;
}

#[tokio::test]
#[ignore = "waits for pauses that grow; .ci/long runs it"]
async fn who_keeps_changing_a_label_of_an_output_is_named_as_well() {
    let labels = json!({ "team": "b" });
    is_named_and_answered_ever_more_slowly("kubectl-label", json!({ "metadata": { "labels": labels } }))
        .await;
}

async fn is_named_and_answered_ever_more_slowly(manager: &'static str, patch: Value) {
    let world = World::audited().await;
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("ci", &text).await;
    let publish = json!([
        { "secretName": "out", "format": "Opaque", "labels": { "team": "a" } },
        { "secretName": "calm", "format": "Opaque" },
    ]);
    world.connection("ci", json!({ "interval": "24h", "publish": publish })).await;
    world.ready("ci", "True", "Ready").await;
    let begun = world.requests().len();
    let rival = rival(world.secrets(), manager, patch);
    let said = world.condition("ci", "Published", "False", "Contended").await;
    assert!(
        said.message.contains(&format!("field manager {manager} keeps changing Secret out")),
        "{}",
        said.message
    );
    assert!(!said.message.contains("calm"), "{}", said.message);
    world.ready("ci", "False", "Contended").await;
    rival.abort();
    let ready = world.ready("ci", "True", "Ready").await;
    assert_eq!(world.value("out", "token").await, Some(text));

    let requests = world.requests().split_off(begun);
    let of = |name: &str, verb: &str| {
        requests.iter().filter(|event: &&AuditEvent| event.name == name && event.verb == verb).count()
    };
    let (reads, writes) = (of("out", "get"), of("out", "update"));
    assert!((2..=4).contains(&writes), "after 0, 2 and 6 s: {writes}");
    assert!(
        reads <= 2 * (writes + 1),
        "one to compare and one to keep what others put there: {reads} for {writes}"
    );
    assert!(
        of("ci", "update") <= 4,
        "the status says it once, and once that it is over: {}",
        of("ci", "update")
    );
    let history = ready.status.unwrap().history;
    let told: Vec<_> = history.iter().map(|change| change.reason.as_str()).collect();
    assert_eq!(told.last(), Some(&"Ready"));
    assert_eq!(told.iter().filter(|reason| **reason == "Contended").count(), 1, "{told:?}");
}

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What one tool sends: the patch, and under which name.
struct Tool {
    name: &'static str,
    manager: &'static str,
    /// Of an object in this form; `True` for one of the API server's own kinds.
    patch: fn(Value, bool) -> Patch<Value>,
}

/// The requests that these tools make: <https://kubernetes.io/docs/reference/using-api/server-side-apply/>,
/// <https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/#how-apply-calculates-differences-and-merges-changes>.
/// A merge of three ways ends in a patch with the difference, and what was applied beside it.
const TOOLS: [Tool; 3] = [
    Tool { name: "kubectl apply --server-side", manager: "kubectl", patch: |object, _| Patch::Apply(object) },
    Tool { name: "kubectl edit", manager: "kubectl-edit", patch: merged },
    Tool {
        name: "Argo CD",
        manager: "argocd-controller",
        patch: |mut object, of_server| {
            let applied = object.to_string();
            object["metadata"]["annotations"][LAST_APPLIED] = json!(applied);
            merged(object, of_server)
        },
    },
];

fn merged(object: Value, of_server: bool) -> Patch<Value> {
    if of_server { Patch::Strategic(object) } else { Patch::Merge(object) }
}

impl Tool {
    fn params(&self) -> PatchParams {
        PatchParams { field_manager: Some(self.manager.to_owned()), ..PatchParams::default() }
    }
}

#[tokio::test]
async fn tools_that_apply_the_resource_again_and_again_meet_no_conflict_and_cause_no_write() {
    let world = World::audited().await;
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("ci", &text).await;
    let publish = json!([{ "secretName": "out", "format": "Opaque" }]);
    world.connection("ci", json!({ "interval": "24h", "publish": publish })).await;
    let mut before = world.ready("ci", "True", "Ready").await;
    for (number, tool) in TOOLS.iter().enumerate() {
        let object = json!({
            "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection",
            "metadata": { "name": "ci", "labels": { format!("tool-{number}"): "yes" } },
            "spec": { "host": "simulated", "interval": "24h", "secretRef": { "name": "ci" }, "publish": publish },
        });
        let connections = world.connections();
        for again in 0..5 {
            let patch = (tool.patch)(object.clone(), false);
            let patched = connections.patch("ci", &tool.params(), &patch).await;
            let patched = patched.unwrap_or_else(|error| panic!("{}: {error}", tool.name));
            assert_eq!(patched.metadata.generation, before.metadata.generation, "{}", tool.name);
            let is_same = patched.metadata.resource_version == before.metadata.resource_version;
            assert!(is_same || again == 0, "{} changed something in round {again}", tool.name);
            before = patched;
        }
    }
    // The operator has looked at all of it when it has read the source once more.
    let last = Timestamp::now();
    let touched = Patch::Merge(json!({ "metadata": { "annotations": { "touched": "yes" } } }));
    world.secrets().patch("ci", &PatchParams::default(), &touched).await.unwrap();
    let is_read = |event: &AuditEvent| {
        event.verb == "get" && event.resource == "secrets" && event.name == "ci" && event.received >= last
    };
    let read = tokio::time::timeout(SOON, async {
        while !world.requests().iter().any(is_read) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(read.await.is_ok(), "the source was not read again");
    let written = world.writes();
    let expected = [("create", "secrets", "out"), ("update", "githubpatconnections", "ci")];
    let written: Vec<_> =
        written.iter().map(|(verb, kind, name)| (verb.as_str(), kind.as_str(), name.as_str())).collect();
    assert_eq!(written, expected, "nothing but what made it ready");

    // One field of each tool is another one now, and the operator follows.
    for (tool, name) in TOOLS.iter().zip(["first", "second", "third"]) {
        let object = json!({
            "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection", "metadata": { "name": "ci" },
            "spec": {
                "host": "simulated", "interval": "24h", "secretRef": { "name": "ci" },
                "publish": [{ "secretName": name, "format": "Opaque" }],
            },
        });
        // Who applies takes the list over from whoever had it.
        let params = PatchParams { force: tool.manager == "kubectl", ..tool.params() };
        world.connections().patch("ci", &params, &(tool.patch)(object, false)).await.unwrap();
        world.secret_until(name, |secret| secret.is_some()).await;
        world.ready("ci", "True", "Ready").await;
    }
}

#[tokio::test]
async fn tools_that_mark_an_output_keep_their_marks_and_cause_no_write() {
    let world = World::audited().await;
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("ci", &text).await;
    let publish = json!([{ "secretName": "out", "format": "Opaque" }]);
    world.connection("ci", json!({ "interval": "24h", "publish": publish })).await;
    world.ready("ci", "True", "Ready").await;
    let marked = |number: usize| {
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": { "name": "out", "labels": { format!("tool-{number}"): "yes" } },
        })
    };
    let apply_all = async |when: &str| {
        for (number, tool) in TOOLS.iter().enumerate() {
            for again in 0..3 {
                let patch = (tool.patch)(marked(number), true);
                let patched = world.secrets().patch("out", &tool.params(), &patch).await;
                let patched =
                    patched.unwrap_or_else(|error| panic!("{when}, {}, {again}: {error}", tool.name));
                assert!(patched.labels().contains_key(&format!("tool-{number}")), "{when}");
            }
        }
    };
    apply_all("at first").await;
    let next = world.github.token(NewToken::classic("next", "acme-ci"));
    world.secret("ci", &next).await;
    world
        .secret_until("out", |secret| {
            secret.is_some_and(|secret| secret.data.as_ref().unwrap()["token"].0 == next.as_bytes())
        })
        .await;
    let rotated = world.secrets().get("out").await.unwrap();
    for number in 0..TOOLS.len() {
        assert!(rotated.labels().contains_key(&format!("tool-{number}")), "{:?}", rotated.labels());
    }
    apply_all("after a rotation").await;
    world.ready("ci", "True", "Ready").await;
    let writes = world.until_written(2).await;
    let of_output = writes.iter().filter(|(_, _, name)| name == "out").count();
    assert_eq!(of_output, 2, "made, and rotated: {writes:?}");

    // The data is ours: who applies it without force is told so by the API server.
    let mut with_data = marked(0);
    with_data["data"] = json!({ "token": "eA==" });
    let refused =
        world.secrets().patch("out", &TOOLS[0].params(), &Patch::Apply(with_data)).await.unwrap_err();
    assert!(refused.to_string().contains("github-pat-operator"), "{refused}");
}
