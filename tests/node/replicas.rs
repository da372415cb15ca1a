//! The Pods of the release.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Event, Pod};
use kube::{
    Api, ResourceExt,
    api::{EvictParams, ListParams},
};

use crate::{
    cluster::{Cluster, SOON},
    node::Node,
};

/// Those that are not on their way out.
pub(crate) async fn all(cluster: &Cluster) -> Vec<Pod> {
    let labelled = ListParams::default().labels("app.kubernetes.io/name=github-pat-operator");
    let pods = cluster.of_release::<Pod>().list(&labelled).await.unwrap().items;
    pods.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect()
}

/// Their names.
pub(crate) fn names(replicas: &[Pod]) -> BTreeSet<String> {
    replicas.iter().map(ResourceExt::name_any).collect()
}

/// Waits until there are two, both ready.
pub(crate) async fn until_ready(cluster: &Cluster) -> Vec<Pod> {
    until(cluster, "ready", |replicas| replicas.len() == 2 && replicas.iter().all(is_ready)).await
}

/// Waits until there are none.
pub(crate) async fn until_gone(cluster: &Cluster) {
    until(cluster, "gone", |replicas| replicas.is_empty()).await;
}

/// Waits until one has been started anew by the kubelet, and is ready.
pub(crate) async fn until_restarted(cluster: &Cluster, name: &str) {
    let is_anew = |pod: &&Pod| pod.name_any() == name && is_ready(pod) && restarts(pod) > 0;
    let replicas = until(cluster, "started anew", |replicas| replicas.iter().any(|pod| is_anew(&pod))).await;
    let all = replicas.iter().map(|pod| (pod.name_any(), restarts(pod)));
    let expected = replicas.iter().map(|pod| (pod.name_any(), i32::from(pod.name_any() == name)));
    assert!(all.clone().eq(expected), "{:?}", all.collect::<Vec<_>>());
}

/// Whatever happened, the kubelet was answered when it asked whether a replica lives. It may have asked the one that was killed before it saw
/// that.
pub(crate) async fn were_alive(cluster: &Cluster, killed: &str) {
    let events = cluster.of_release::<Event>().list(&ListParams::default().fields("reason=Unhealthy")).await;
    let said = |event: &Event| event.message.clone().unwrap_or_default();
    let failed = events.unwrap().items.into_iter().filter(|event| said(event).starts_with("Liveness"));
    let once = |event: &Event| {
        event.involved_object.name.as_deref() == Some(killed) && event.count.is_none_or(|count| count == 1)
    };
    let failed: Vec<_> = failed.filter(|event| !once(event)).map(|event| said(&event)).collect();
    assert_eq!(failed, [""; 0]);
}

async fn until(cluster: &Cluster, what: &str, reached: impl Fn(&[Pod]) -> bool) -> Vec<Pod> {
    let mut replicas = all(cluster).await;
    let comes = async {
        while !reached(&replicas) {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            replicas = all(cluster).await;
        }
    };
    let waited = tokio::time::timeout(SOON, comes).await;
    assert!(waited.is_ok(), "{:?} are not {what}", names(&replicas));
    replicas
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|one| one.type_ == "Ready" && one.status == "True")
}

fn restarts(pod: &Pod) -> i32 {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    statuses.into_iter().flatten().map(|one| one.restart_count).sum()
}

/// The node that a Pod is on.
pub(crate) fn node<'a>(cluster: &'a Cluster, pod: &Pod) -> &'a Node {
    let name = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    cluster.nodes.iter().find(|node| Some(node.name.as_str()) == name).unwrap()
}

/// The image that its container was made of.
pub(crate) fn image(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.containers[0].image.as_deref()).unwrap()
}

/// The name of its container on the node.
pub(crate) fn container(pod: &Pod) -> &str {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    let id = statuses.and_then(|statuses| statuses[0].container_id.as_deref()).unwrap();
    id.strip_prefix("containerd://").unwrap()
}

/// What its process holds in memory, in KiB: all, and what it shares with nobody.
pub(crate) fn memory(cluster: &Cluster, pod: &Pod) -> (u64, u64) {
    let tasks = node(cluster, pod).ctr(&["task", "ls"]);
    let task = tasks.lines().find_map(|line| line.strip_prefix(container(pod))).unwrap();
    let process = task.split_whitespace().next().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let kib = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    };
    (kib("VmRSS:"), kib("RssAnon:"))
}

/// How long after the start of its container it was ready, in whole seconds.
pub(crate) fn start(pod: &Pod) -> i64 {
    let status = pod.status.as_ref().unwrap();
    let state = status.container_statuses.as_ref().unwrap()[0].state.as_ref().unwrap();
    let begun = state.running.as_ref().unwrap().started_at.as_ref().unwrap().0;
    let conditions = status.conditions.as_ref().unwrap();
    let ready = conditions.iter().find(|one| one.type_ == "Ready").unwrap();
    ready.last_transition_time.as_ref().unwrap().0.as_second() - begun.as_second()
}

/// Has a Pod leave its node, as `kubectl drain` does it; false if a PodDisruptionBudget forbids it.
pub(crate) async fn evict(pods: &Api<Pod>, pod: &Pod) -> bool {
    match pods.evict(&pod.name_any(), &EvictParams::default()).await {
        Ok(_) => true,
        Err(kube::Error::Api(status)) if status.code == 429 => false,
        Err(error) => panic!("{error}"),
    }
}
