//! Others who write the same Secrets and the same resource: who keeps changing an output, and tools that share an object with us.

use control_plane::AuditEvent;
use futures::{StreamExt, pin_mut};
use github_simulator::NewToken;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{Patch, PatchParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::world::World;

/// Changes the output as soon as it holds what it shall, for ever.
fn rival(secrets: Api<Secret>, manager: &'static str) -> JoinHandle<()> {
    tokio::spawn(async move {
        let config = watcher::Config::default().fields("metadata.name=out");
        let events = watcher(secrets.clone(), config).default_backoff().applied_objects();
        pin_mut!(events);
        let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        let spoilt = Patch::Merge(json!({ "data": { "token": "eA==" } }));
        while let Some(event) = events.next().await {
            let data = event.ok().and_then(|secret| secret.data).unwrap_or_default();
            if data.get("token").is_some_and(|value| value.0 != b"x") {
                let _ = secrets.patch("out", &params, &spoilt).await;
            }
        }
    })
}

#[tokio::test]
async fn who_keeps_changing_an_output_is_named_until_it_ceases_and_answered_ever_more_slowly() {
    let world = World::audited().await;
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("ci", &text).await;
    let publish =
        json!([{ "secretName": "out", "format": "Opaque" }, { "secretName": "calm", "format": "Opaque" }]);
    world.connection("ci", json!({ "interval": "24h", "publish": publish })).await;
    world.ready("ci", "True", "Ready").await;
    let begun = world.requests().len();
    let rival = rival(world.secrets(), "kubectl-edit");
    let said = world.condition("ci", "Published", "False", "Contended").await;
    assert!(
        said.message.contains("field manager kubectl-edit keeps changing Secret out"),
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
