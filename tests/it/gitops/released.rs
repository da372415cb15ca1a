//! The release of the sample, as Flux's own helm-controller makes it. Source-controller, which clones the repository, is played by the test.

use control_plane::{Guarded, Launch, Options};
use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::Namespace,
};
use kube::{
    ResourceExt,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::{
    programs::built,
    release::{chart, helm, said},
    world::from,
};

const FLUX: &str = "flux-system";

/// The objects of this kind in the namespace of Flux.
fn of_flux(client: &Client, group: &str, version: &str, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    Api::namespaced_with(client.clone(), FLUX, &resource)
}

/// Serves the chart as source-controller packs it; gives what it says of it.
async fn served() -> Value {
    let folder = tempfile::tempdir().unwrap();
    let packed =
        helm(&["package", chart().to_str().unwrap(), "--destination", folder.path().to_str().unwrap()]);
    assert!(packed.status.success(), "{}", said(&packed));
    let file = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let bytes = fs::read(&file).unwrap();
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/chart.tgz", listener.local_addr().unwrap());
    let artifact = json!({
        "path": "chart.tgz", "url": url, "revision": env!("CARGO_PKG_VERSION"), "digest": format!("sha256:{digest}"),
        "size": bytes.len(), "lastUpdateTime": "2026-01-01T00:00:00Z",
    });
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /chart.tgz "), "{read}");
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len());
            stream.write_all(&[head.as_bytes(), &bytes].concat()).await.unwrap();
        }
    });
    artifact
}

/// The object once there is one and it is so.
async fn seen<K>(api: Api<K>, name: &str, log: &std::path::Path, reached: impl Fn(&K) -> bool) -> K
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned + kube::Resource + Send + 'static,
{
    let waited = await_condition(api, name, |object: Option<&K>| object.is_some_and(&reached));
    let waited = tokio::time::timeout(SOON, waited).await;
    let log = || fs::read_to_string(log).unwrap();
    waited.unwrap_or_else(|_| panic!("{name} did not become so: {}", log())).unwrap().unwrap()
}

/// What a cluster makes of the Deployment: one ReplicaSet, all of whose Pods are ready.
async fn run(client: &Client, deployment: &Deployment) {
    let (name, spec) = (deployment.name_any(), deployment.spec.as_ref().unwrap());
    let template = serde_json::to_value(&spec.template).unwrap();
    let set: ReplicaSet = from(json!({
        "metadata": { "name": name, "labels": template["metadata"]["labels"], "ownerReferences": [{
            "apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": deployment.metadata.uid, "controller": true,
        }] },
        "spec": { "replicas": spec.replicas, "selector": spec.selector, "template": template },
    }));
    let sets = Api::<ReplicaSet>::namespaced(client.clone(), RELEASE);
    let set = sets.create(&PostParams::default(), &set).await.unwrap();
    let status = |generation: Option<i64>| {
        Patch::Merge(json!({ "status": {
            "observedGeneration": generation, "replicas": spec.replicas, "readyReplicas": spec.replicas,
            "availableReplicas": spec.replicas,
        } }))
    };
    let params = PatchParams::default();
    sets.patch_status(&name, &params, &status(set.metadata.generation)).await.unwrap();
    let deployments = Api::<Deployment>::namespaced(client.clone(), RELEASE);
    deployments.patch_status(&name, &params, &status(deployment.metadata.generation)).await.unwrap();
}

#[tokio::test]
#[ignore = "builds and runs the helm-controller of Flux; .ci/long runs it"]
async fn the_helm_controller_of_flux_installs_the_release_of_the_sample_and_says_that_it_is_ready() {
    let Some(program) = built("helm-controller", "github.com/fluxcd/helm-controller") else { return };
    // Several TLS users in one process: the first one installs the provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let plane = ControlPlane::start(Options::default()).await.unwrap();
    let client = plane.admin_client().unwrap();
    let namespace: Namespace = from(json!({ "metadata": { "name": FLUX } }));
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    define(&plane).await;
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let launch = Launch::new(program)
        .arguments(["--metrics-addr=0", "--health-addr=0", "--events-addr="])
        .variable("KUBECONFIG", plane.admin_kubeconfig())
        .variable("RUNTIME_NAMESPACE", FLUX)
        .output(&log, &log);
    let _controller = Guarded::spawn(&launch).unwrap();
    let of_release = objects("flux").into_iter().filter(|object| object["metadata"]["name"] == RELEASE);
    for object in of_release {
        apply(&client, &object, false).await;
    }

    let charts = of_flux(&client, "source.toolkit.fluxcd.io", "v1", "HelmChart");
    let asked = seen(charts.clone(), &format!("{FLUX}-{RELEASE}"), &log, |_| true).await;
    assert_eq!(asked.data["spec"]["chart"], "charts/github-pat-operator");
    assert_eq!(asked.data["spec"]["sourceRef"]["name"], RELEASE);
    let generation = asked.metadata.generation;
    let ready = json!({
        "type": "Ready", "status": "True", "reason": "ChartPackageSucceeded", "message": "packaged",
        "observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    let status = json!({ "status": { "observedGeneration": generation, "artifact": served().await, "conditions": [ready] } });
    charts.patch_status(&asked.name_any(), &PatchParams::default(), &Patch::Merge(status)).await.unwrap();

    let deployments = Api::<Deployment>::namespaced(client.clone(), RELEASE);
    let deployment = seen(deployments, RELEASE, &log, |_| true).await;
    let image = deployment.spec.as_ref().unwrap().template.spec.as_ref().unwrap().containers[0].image.clone();
    let expected = concat!("registry.example.com/github-pat-operator:", env!("CARGO_PKG_VERSION"));
    assert_eq!(image.as_deref(), Some(expected));
    run(&client, &deployment).await;
    let releases = of_flux(&client, "helm.toolkit.fluxcd.io", "v2", "HelmRelease");
    let is_ready = |release: &DynamicObject| {
        let conditions = release.data.pointer("/status/conditions").and_then(Value::as_array);
        let mut ready = conditions.into_iter().flatten().filter(|condition| condition["type"] == "Ready");
        ready.any(|condition| condition["status"] == "True" && condition["reason"] == "InstallSucceeded")
    };
    seen(releases, RELEASE, &log, is_ready).await;
}
