//! The sample repositories for Argo CD and Flux, applied to a real API server.

mod released;

use std::fs;

use control_plane::{ControlPlane, sources};
use github_pat_operator::settings::documents;
use github_simulator::NewToken;
use kube::{Api, Client, runtime::wait::await_condition};
use serde_json::Value;

use crate::{
    chart::{RELEASE, apply, of_kind, rendered},
    docs::{root, walk},
    world::{SOON, World},
};

/// The objects in a folder of the samples, in the order of the files.
fn objects(folder: &str) -> Vec<Value> {
    let mut files = Vec::new();
    walk(&root().join("examples/gitops").join(folder), &mut files);
    files.sort();
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    texts.flat_map(|text| documents(&text).unwrap()).collect()
}

/// Each path that an object of the tools names in the repository of the team, which has them all.
fn paths(object: &Value) -> Vec<&str> {
    [
        object.pointer("/spec/path"),
        object.pointer("/spec/source/path"),
        object.pointer("/spec/chart/spec/chart"),
    ]
    .into_iter()
    .flatten()
    .filter_map(Value::as_str)
    .collect()
}

/// Has the API server know the objects of both tools.
async fn define(plane: &ControlPlane) {
    for definition in sources::gitops_crds().unwrap() {
        let definition = serde_saphyr::from_str(&fs::read_to_string(definition).unwrap()).unwrap();
        plane.define(&definition).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "applies the samples of two tools; .ci/long runs it"]
async fn what_argo_cd_and_flux_apply_is_taken_by_the_api_server_and_by_the_operator() {
    let world = World::start().await;
    for namespace in [RELEASE, "argocd", "flux-system"] {
        world.namespace(namespace).await;
    }
    define(&world.plane).await;
    for object in [objects("argocd"), objects("flux")].concat() {
        for path in paths(&object) {
            let place = if path.starts_with("charts") { root() } else { root().join("examples/gitops") };
            assert!(place.join(path).is_dir(), "{path}");
        }
        apply(&world.client, &object, true).await;
    }

    for (tool, place) in [("argocd", "/spec/source/helm/valuesObject"), ("flux", "/spec/values")] {
        let given: Vec<_> =
            objects(tool).iter().filter_map(|object| object.pointer(place).cloned()).collect();
        let [values] = &given[..] else { panic!("{tool} gives values once: {given:?}") };
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, values.to_string()).unwrap();
        let manifests = rendered(&["--values", file.path().to_str().unwrap()]);
        let image =
            of_kind(&manifests, "Deployment").pointer("/spec/template/spec/containers/0/image").unwrap();
        let repository = values.pointer("/image/repository").unwrap().as_str().unwrap();
        assert!(image.as_str().unwrap().starts_with(repository), "{tool}: {image}");
        for manifest in &manifests {
            apply(&world.client, manifest, false).await;
        }
    }
    let (tokens, workloads) = (objects("team-a/tokens"), objects("team-a/workloads"));
    for object in tokens.iter().chain(&workloads) {
        apply(&world.client, object, false).await;
    }
    let kubeconfig = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
    let settings =
        format!("hosts: [{{ name: github.com, apiUrl: '{}', registry: ghcr.io }}]\n", world.github.url());
    let operator = world.unready_operator(kubeconfig, &settings, &[]);
    operator.wait_until_ready().await;
    world.ready("ci-bot", "False", "SecretNotFound").await;
    let token = world.github.token(NewToken::classic("ci", "acme-ci").scopes(&["read:packages"]));
    world.secret("ci-bot-pat", &token).await;
    world.ready("ci-bot", "True", "Ready").await;
    let pulls =
        of_kind(&workloads, "Deployment").pointer("/spec/template/spec/imagePullSecrets/0/name").unwrap();
    assert!(world.secrets().get_opt(pulls.as_str().unwrap()).await.unwrap().is_some());
}
