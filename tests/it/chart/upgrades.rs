//! From the chart of commit `a555db4`, the first one, to this one and back, and away.

use github_pat_operator::api::GithubPatConnection;
use k8s_openapi::api::{
    apps::v1::Deployment,
    rbac::v1::{ClusterRole, ClusterRoleBinding},
};
use kube::{api::ListParams, runtime::wait::conditions::is_deleted};

use super::{releases::Cluster, *};

/// The chart of that commit.
fn first() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/upgrade/chart")
}

/// Who may read the Secrets of all namespaces by a binding of the release.
async fn reads_all_secrets(cluster: &Cluster) -> bool {
    let bindings = Api::<ClusterRoleBinding>::all(cluster.client.clone());
    let labelled = ListParams::default().labels("app.kubernetes.io/name=github-pat-operator");
    let mut reads = false;
    for binding in bindings.list(&labelled).await.unwrap() {
        let role = Api::<ClusterRole>::all(cluster.client.clone()).get(&binding.role_ref.name).await.unwrap();
        let rules = rights::rules(&serde_json::to_value(role).unwrap());
        reads |= rules.iter().any(|[_, resource, _]| resource == "secrets");
    }
    reads
}

/// How many fields of the spec the API server knows.
async fn fields(cluster: &Cluster) -> usize {
    let definitions = Api::<CustomResourceDefinition>::all(cluster.client.clone());
    let definition = definitions.get("githubpatconnections.githubpat.dev").await.unwrap();
    let schema = serde_json::to_value(&definition.spec.versions[0].schema).unwrap();
    schema["openAPIV3Schema"]["properties"]["spec"]["properties"].as_object().unwrap().len()
}

#[tokio::test]
#[ignore = "installs and upgrades releases by helm; .ci/long runs it"]
async fn a_release_of_the_first_chart_is_upgraded_rolled_back_uninstalled_and_installed_anew() {
    let cluster = Cluster::with_release_of(&first(), &["--set", "settings.trustFor=48h"]).await;
    let (few, connections) = (fields(&cluster).await, cluster.api::<GithubPatConnection>());
    assert!(reads_all_secrets(&cluster).await);
    let connection: GithubPatConnection =
        from(json!({ "metadata": { "name": "ci" }, "spec": { "secretRef": { "name": "ci" } } }));
    let uid = connections.create(&PostParams::default(), &connection).await.unwrap().metadata.uid;
    let replicas = async || cluster.api::<Deployment>().get(RELEASE).await.unwrap().spec.unwrap().replicas;
    let succeeds = |what: &str, output: Output| {
        assert!(output.status.success(), "{what}: {}", said(&output));
        said(&output)
    };

    // The values of the first chart are good for this one.
    let told = succeeds("upgrade", cluster.upgrade(&["--reset-then-reuse-values"]));
    assert!(told.contains("It may read no Secret but where a namespace grants that"), "{told}");
    assert!(!reads_all_secrets(&cluster).await);
    assert!(fields(&cluster).await > few, "the definition is upgraded");
    // The number that the first chart wrote was its own, so this one may raise it.
    assert_eq!(replicas().await, Some(2));
    let settings =
        cluster.api::<k8s_openapi::api::core::v1::ConfigMap>().get(RELEASE).await.unwrap().data.unwrap();
    assert!(settings["settings.yaml"].contains("trustFor: 48h"), "{settings:?}");

    succeeds("upgrade", cluster.upgrade(&["--reset-then-reuse-values", "--set", "grant.allNamespaces=true"]));
    assert!(reads_all_secrets(&cluster).await);

    succeeds("rollback", cluster.helm(&["rollback"], None, &["1"]));
    assert_eq!((fields(&cluster).await, replicas().await), (few, Some(1)));
    succeeds("upgrade", cluster.upgrade(&["--reset-then-reuse-values"]));

    succeeds("uninstall", cluster.helm(&["uninstall"], None, &[]));
    assert_eq!(connections.get("ci").await.unwrap().metadata.uid, uid, "the connections stay");
    succeeds("install", cluster.helm(&["install"], Some(&chart()), &[]));
    assert_eq!(connections.get("ci").await.unwrap().metadata.uid, uid);

    let (definitions, name) =
        (Api::<CustomResourceDefinition>::all(cluster.client.clone()), "githubpatconnections.githubpat.dev");
    let uid = definitions.get(name).await.unwrap().metadata.uid.unwrap();
    succeeds("upgrade", cluster.upgrade(&["--set", "crds.keep=false"]));
    succeeds("uninstall", cluster.helm(&["uninstall"], None, &[]));
    let is_gone = await_condition(definitions, name, is_deleted(&uid));
    tokio::time::timeout(SOON, is_gone).await.unwrap().unwrap();
}
