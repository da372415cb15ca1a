//! Pods of the tenant, which use outputs.

use std::time::Duration;

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, LogParams, PostParams},
    runtime::wait::{await_condition, conditions::is_deleted},
};
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, SOON, from},
    node::BUSYBOX,
};

const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Says every second which token each way gives: an environment variable, a file of a volume, and one of a subPath.
const READ: &str =
    r#"while :; do echo "env=$TOKEN volume=$(cat /volume/token) subPath=$(cat /token)"; sleep 1; done"#;

/// A Pod that reads the output `ci-token`.
pub(crate) fn reader(name: &str) -> Pod {
    from(json!({ "metadata": { "name": name }, "spec": reading_spec() }))
}

fn reading_spec() -> Value {
    json!({
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": false,
        "containers": [{
            "name": "reader",
            "image": BUSYBOX,
            "command": ["sh", "-c", READ],
            "env": [{ "name": "TOKEN", "valueFrom": { "secretKeyRef": { "name": "ci-token", "key": "token" } } }],
            "volumeMounts": [
                { "name": "token", "mountPath": "/volume" },
                { "name": "token", "mountPath": "/token", "subPath": "token" },
            ],
        }],
        "volumes": [{ "name": "token", "secret": { "secretName": "ci-token" } }],
    })
}

/// What it says.
pub(crate) fn reading(env: &str, volume: &str, sub_path: &str) -> String {
    format!("env={env} volume={volume} subPath={sub_path}")
}

/// A Pod of a private image, with the output `ci-pull` or without it.
pub(crate) fn puller(name: &str, image: &str, with_secret: bool) -> Pod {
    let secrets = if with_secret { json!([{ "name": "ci-pull" }]) } else { json!([]) };
    from(json!({
        "metadata": { "name": name },
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "imagePullSecrets": secrets,
            "containers": [{ "name": "app", "image": image, "imagePullPolicy": "Always" }],
        },
    }))
}

pub(crate) async fn start(cluster: &Cluster, pod: &Pod) {
    cluster.api::<Pod>().create(&PostParams::default(), pod).await.unwrap();
}

/// A Deployment of one Pod that reads the output.
pub(crate) async fn start_deployment(cluster: &Cluster, name: &str) {
    let deployment: Deployment = from(json!({
        "metadata": { "name": name },
        "spec": {
            "selector": { "matchLabels": { "app": name } },
            "template": { "metadata": { "labels": { "app": name } }, "spec": reading_spec() },
        },
    }));
    cluster.api().create(&PostParams::default(), &deployment).await.unwrap();
}

/// Deletes a Pod, and waits until it is gone.
pub(crate) async fn delete(cluster: &Cluster, name: &str) {
    let pods: Api<Pod> = cluster.api();
    let uid = pods.delete(name, &DeleteParams::default()).await.unwrap().left().unwrap().uid().unwrap();
    let waited = tokio::time::timeout(SOON, await_condition(pods, name, is_deleted(&uid))).await;
    waited.unwrap_or_else(|_| panic!("{name} does not go")).unwrap();
}

/// Waits until the last line that a Pod has said is this one.
pub(crate) async fn until_said(cluster: &Cluster, pod: &str, line: &str) {
    let mut said = String::new();
    let says = async {
        while said != line {
            tokio::time::sleep(LOOK_AGAIN).await;
            said = last_words(cluster, pod).await;
        }
    };
    let waited = tokio::time::timeout(SOON, says).await;
    assert!(waited.is_ok(), "{pod} was to say {line}, and says {said}");
}

/// Waits until a Deployment has one Pod that is not on its way out, and this is what it reads in all three ways.
pub(crate) async fn until_all_of(cluster: &Cluster, deployment: &str, token: &str) {
    let labelled = ListParams::default().labels(&format!("app={deployment}"));
    let line = reading(token, token, token);
    let mut said = Vec::new();
    let says = async {
        while said != [line.as_str()] {
            tokio::time::sleep(LOOK_AGAIN).await;
            said.clear();
            for pod in cluster.api::<Pod>().list(&labelled).await.unwrap() {
                if pod.metadata.deletion_timestamp.is_none() {
                    said.push(last_words(cluster, &pod.name_any()).await);
                }
            }
        }
    };
    let waited = tokio::time::timeout(SOON, says).await;
    assert!(waited.is_ok(), "{deployment} was to say {line}, and says {said:?}");
}

/// The last line that a Pod has said, or why there is none.
async fn last_words(cluster: &Cluster, pod: &str) -> String {
    let last = LogParams { tail_lines: Some(1), ..LogParams::default() };
    let said = cluster.api::<Pod>().logs(pod, &last).await;
    said.map_or_else(|error| error.to_string(), |said| said.trim_end().to_owned())
}

/// Waits until the containers of a Pod run.
pub(crate) async fn until_running(cluster: &Cluster, name: &str) {
    let is_running = |pod: Option<&Pod>| {
        let phase = pod.and_then(|pod| pod.status.as_ref()?.phase.as_deref());
        phase == Some("Running")
    };
    let waited = tokio::time::timeout(SOON, await_condition(cluster.api(), name, is_running)).await;
    waited.unwrap_or_else(|_| panic!("{name} does not run")).unwrap();
}

/// What the kubelet says about the image that it cannot pull for a Pod.
pub(crate) async fn refused(cluster: &Cluster, name: &str) -> String {
    let message = |pod: &Pod| {
        let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
        let waiting = statuses.iter().find_map(|one| one.state.as_ref()?.waiting.as_ref())?;
        waiting.message.clone().filter(|_| waiting.reason.as_deref() == Some("ErrImagePull"))
    };
    let is_refused = |pod: Option<&Pod>| pod.is_some_and(|pod| message(pod).is_some());
    let waited = tokio::time::timeout(SOON, await_condition(cluster.api(), name, is_refused)).await;
    let pod = waited.unwrap_or_else(|_| panic!("{name} is not refused")).unwrap().unwrap();
    message(&pod).unwrap()
}
