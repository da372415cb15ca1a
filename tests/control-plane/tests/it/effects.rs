use control_plane::{AuditEvent, ControlPlane, Options};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Namespace, Pod, Secret},
};
use kube::{
    Api, Resource,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
};
use serde_json::{from_value, json};
use std::{pin::pin, time::Duration};

const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_write_is_in_the_audit_log_once_when_it_is_answered() {
    let control_plane = ControlPlane::start(Options { audit: true, ..Options::default() }).await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(control_plane.admin_client().unwrap());
    let writes = || -> Vec<AuditEvent> {
        let events = control_plane.audit().unwrap().into_iter();
        events
            .filter(|event| event.resource == "configmaps" && event.user == "admin" && event.is_write())
            .collect()
    };
    for count in 1..=50_usize {
        // Answers of more than one buffer are sent in parts.
        let map = json!({ "metadata": { "name": format!("map-{count}") }, "data": { "text": "x".repeat(200 * count) } });
        maps.create(&PostParams::default(), &from_value(map).unwrap()).await.unwrap();
        maps.list(&ListParams::default()).await.unwrap();
        assert_eq!(writes().len(), count);
    }
    let patch = Patch::Merge(json!({ "data": null }));
    assert!(maps.patch("missing", &PatchParams::default(), &patch).await.is_err());
    let last = writes().pop().unwrap();
    assert_eq!((last.verb.as_str(), last.name.as_str(), last.code), ("patch", "missing", 404));
    assert_eq!((last.namespace.as_str(), last.stage.as_str()), ("default", "ResponseComplete"));
}

#[tokio::test]
async fn without_the_option_there_is_no_audit_log() {
    let control_plane = ControlPlane::start(Options::default()).await.unwrap();
    assert_eq!(control_plane.audit().unwrap(), []);
}

#[tokio::test]
async fn the_controller_manager_collects_what_lost_its_owner_and_deletes_namespaces() {
    let control_plane =
        ControlPlane::start(Options { controller_manager: true, ..Options::default() }).await.unwrap();
    let client = control_plane.admin_client().unwrap();
    let params = PostParams::default();
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let owner =
        maps.create(&params, &from_value(json!({ "metadata": { "name": "owner" } })).unwrap()).await.unwrap();
    let secrets: Api<Secret> = Api::default_namespaced(client.clone());
    let reference = owner.owner_ref(&()).unwrap();
    let owned = json!({ "metadata": { "name": "owned", "ownerReferences": [reference] } });
    let owned = secrets.create(&params, &from_value(owned).unwrap()).await.unwrap();
    maps.delete("owner", &DeleteParams::default()).await.unwrap();
    deleted(&secrets, &owned).await;

    let namespaces: Api<Namespace> = Api::all(client);
    let namespace = from_value(json!({ "metadata": { "name": "gone" } })).unwrap();
    let namespace = namespaces.create(&params, &namespace).await.unwrap();
    namespaces.delete("gone", &DeleteParams::default()).await.unwrap();
    deleted(&namespaces, &namespace).await;
}

#[tokio::test]
async fn with_workloads_a_deployment_gets_a_pod_with_a_service_account_that_waits_for_a_node() {
    let control_plane = ControlPlane::start(Options { workloads: true, ..Options::default() }).await.unwrap();
    let client = control_plane.admin_client().unwrap();
    let template = json!({
        "metadata": { "labels": { "app": "idle" } },
        "spec": { "containers": [{ "name": "idle", "image": "idle" }] },
    });
    let spec = json!({ "selector": { "matchLabels": { "app": "idle" } }, "template": template });
    let deployment = from_value(json!({ "metadata": { "name": "idle" }, "spec": spec })).unwrap();
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    deployments.create(&PostParams::default(), &deployment).await.unwrap();
    let pods: Api<Pod> = Api::default_namespaced(client);
    let waits = |pod: &Pod| {
        let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
        conditions.into_iter().flatten().any(|one| one.reason.as_deref() == Some("Unschedulable"))
    };
    let waiting = async {
        loop {
            if let [pod] = pods.list(&ListParams::default()).await.unwrap().items.as_slice()
                && waits(pod)
            {
                return pod.spec.as_ref().and_then(|spec| spec.service_account_name.clone());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let account = tokio::time::timeout(DEADLINE, waiting).await.unwrap();
    assert_eq!(account.as_deref(), Some("default"));
}

/// Watches an object until it is deleted.
async fn deleted<K>(api: &Api<K>, object: &K)
where
    K: Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let params =
        WatchParams::default().fields(&format!("metadata.name={}", object.meta().name.as_deref().unwrap()));
    let version = object.meta().resource_version.as_deref().unwrap();
    let watching = async {
        let mut events = pin!(api.watch(&params, version).await.unwrap().boxed());
        while let Some(event) = events.try_next().await.unwrap() {
            if matches!(event, WatchEvent::Deleted(_)) {
                return;
            }
        }
        unreachable!("the watch ended early");
    };
    tokio::time::timeout(DEADLINE, watching).await.unwrap();
}
