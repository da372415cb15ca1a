use crate::process;
use control_plane::{ControlPlane, Options, Pool, Pooled, Program};
use futures::FutureExt;
use k8s_openapi::{
    api::core::v1::{ConfigMap, Namespace, Secret},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, from_value, json};
use std::{panic::AssertUnwindSafe, process::Command};

const OPTIONS: Options = Options {
    audit: true,
    kubernetes: control_plane::Kubernetes::Present,
    controller_manager: false,
    paged_lists: false,
    workloads: false,
};

/// Two ConfigMaps with which each test begins.
async fn prepare(plane: &ControlPlane) {
    let maps = maps(plane);
    for name in ["kept", "lost"] {
        create(&maps, json!({ "metadata": { "name": name }, "data": { "text": "first" } })).await;
    }
}

fn maps(plane: &ControlPlane) -> Api<ConfigMap> {
    Api::default_namespaced(plane.admin_client().unwrap())
}

async fn create<T>(api: &Api<T>, object: Value) -> T
where
    T: Clone + std::fmt::Debug + DeserializeOwned + serde::Serialize,
{
    api.create(&PostParams::default(), &from_value(object).unwrap()).await.unwrap()
}

#[tokio::test]
async fn the_next_one_finds_what_the_first_one_found_and_nothing_else() {
    static POOL: Pool = Pool::new();
    let first = POOL.take(OPTIONS, prepare).await.unwrap();
    let ids = first.process_ids();
    assert_eq!(first.audit().unwrap(), [], "what the preparation asked for is not its own");
    let client = first.admin_client().unwrap();
    create(&Api::<Namespace>::all(client.clone()), json!({ "metadata": { "name": "made" } })).await;
    let stuck = json!({ "metadata": { "name": "stuck", "finalizers": ["example.com/x"] } });
    create(&Api::<Secret>::namespaced(client.clone(), "made"), stuck).await;
    let other = Patch::Merge(json!({ "data": { "text": "other" } }));
    maps(&first).patch("kept", &PatchParams::default(), &other).await.unwrap();
    maps(&first).delete("lost", &DeleteParams::default()).await.unwrap();
    assert!(!first.audit().unwrap().is_empty());
    drop(first);

    let next = POOL.take(OPTIONS, async |_| unreachable!("it is prepared already")).await.unwrap();
    assert_eq!(next.process_ids(), ids);
    assert_eq!(next.audit().unwrap(), []);
    assert_eq!(next.audit_text().unwrap(), "");
    for name in ["kept", "lost"] {
        assert_eq!(maps(&next).get(name).await.unwrap().data.unwrap()["text"], "first");
    }
    let namespaces = Api::<Namespace>::all(client.clone());
    assert!(namespaces.get_opt("made").await.unwrap().is_none());
    assert_eq!(Api::<Secret>::all(client).list(&ListParams::default()).await.unwrap().items.len(), 0);
    // A name of the first one is free.
    create(&namespaces, json!({ "metadata": { "name": "made" } })).await;
}

#[tokio::test]
async fn two_at_once_and_other_options_have_their_own() {
    static POOL: Pool = Pool::new();
    let one = POOL.take(OPTIONS, prepare).await.unwrap();
    let two = POOL.take(OPTIONS, prepare).await.unwrap();
    assert_ne!(one.url(), two.url());
    let url = one.url().to_owned();
    drop(one);
    let paged = POOL.take(Options { paged_lists: true, ..OPTIONS }, prepare).await.unwrap();
    assert_ne!(paged.url(), url);
}

#[tokio::test]
async fn one_that_may_be_otherwise_is_not_handed_on() {
    async fn frozen(plane: &mut Pooled) {
        plane.freeze(Program::KubeApiserver).await.unwrap();
        plane.thaw(Program::KubeApiserver).await.unwrap();
    }
    async fn killed(plane: &mut Pooled) {
        let id = plane.process_id(Program::KubeApiserver).unwrap();
        assert!(Command::new("kill").args(["-9", &id.to_string()]).status().unwrap().success());
        process::await_end("the API server", || !process::runs(id));
    }
    async fn taught(plane: &mut Pooled) {
        let definition = json!({
            "metadata": { "name": "things.example.com" },
            "spec": { "group": "example.com", "scope": "Namespaced", "names": { "plural": "things", "kind": "Thing" },
                "versions": [{ "name": "v1", "served": true, "storage": true,
                    "schema": { "openAPIV3Schema": { "type": "object" } } }] },
        });
        create(&Api::<CustomResourceDefinition>::all(plane.admin_client().unwrap()), definition).await;
    }
    static POOL: Pool = Pool::new();
    let mut last = String::new();
    for round in 0..4 {
        let mut plane = POOL.take(OPTIONS, prepare).await.unwrap();
        assert_ne!(plane.url(), last, "round {round}");
        plane.url().clone_into(&mut last);
        match round {
            0 => frozen(&mut plane).await,
            1 => killed(&mut plane).await,
            2 => taught(&mut plane).await,
            _ => {
                let failing = AssertUnwindSafe(async move {
                    let _held = plane;
                    panic!("a test fails");
                });
                assert!(failing.catch_unwind().await.is_err());
            }
        }
    }
    assert_ne!(POOL.take(OPTIONS, prepare).await.unwrap().url(), last);
}
