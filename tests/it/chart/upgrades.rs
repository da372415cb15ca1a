//! From the chart of commit `a555db4`, the first one, to this one and back, and away.

use github_pat_operator::api::GithubPatConnection;
use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    rbac::v1::{ClusterRole, ClusterRoleBinding},
};
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams},
    runtime::wait::conditions::is_deleted,
};

use super::{releases::Cluster, *};
use crate::programs::{built, command};

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

/// The ReplicaSet and the Pod that a cluster makes of the Deployment; the Pod stays until its kubelet has ended it.
async fn running(cluster: &Cluster) -> Pod {
    let owned = |kind: &str, owner: &kube::core::ObjectMeta| {
        json!([{
            "apiVersion": "apps/v1", "kind": kind, "name": owner.name, "uid": owner.uid,
            "controller": true, "blockOwnerDeletion": true,
        }])
    };
    let deployment = cluster.api::<Deployment>().get(RELEASE).await.unwrap();
    let template = serde_json::to_value(&deployment.spec.as_ref().unwrap().template).unwrap();
    let labels = template["metadata"]["labels"].clone();
    let set: ReplicaSet = from(json!({
        "metadata": { "name": RELEASE, "labels": labels, "ownerReferences": owned("Deployment", &deployment.metadata) },
        "spec": { "replicas": 1, "selector": { "matchLabels": labels }, "template": template },
    }));
    let set = cluster.api::<ReplicaSet>().create(&PostParams::default(), &set).await.unwrap();
    let mut pod = json!({
        "metadata": { "name": RELEASE, "labels": labels, "ownerReferences": owned("ReplicaSet", &set.metadata) },
        "spec": template["spec"],
    });
    pod["spec"]["nodeName"] = json!("node");
    cluster.api::<Pod>().create(&PostParams::default(), &from(pod)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs kubectl, and releases by helm; .ci/long runs it"]
async fn who_goes_forward_by_a_rollback_ends_the_first_operator_before_by_the_command_of_the_page() {
    let Some(kubectl) = built("kubectl", ".") else { return };
    let mut cluster = Cluster::with_release_of(&first(), &[]).await;
    cluster.collect_garbage().await;
    let succeeds = |what: &str, output: Output| assert!(output.status.success(), "{what}: {}", said(&output));
    succeeds("upgrade", cluster.upgrade(&["--reset-then-reuse-values"]));
    succeeds("rollback", cluster.helm(&["rollback"], None, &["1"]));
    let first = cluster.api::<Deployment>().get(RELEASE).await.unwrap();
    cluster.scale(3).await;
    let refused = cluster.helm(&["rollback"], None, &["2"]);
    assert!(!refused.status.success() && said(&refused).contains("conflict"), "{}", said(&refused));

    let pod = running(&cluster).await;
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/upgrading.md")).unwrap();
    let line = page.lines().find(|line| line.starts_with("kubectl delete deployment ")).unwrap();
    let home = tempfile::tempdir().unwrap();
    let mut deleting = command(&kubectl, home.path());
    deleting.env("KUBECONFIG", cluster.kubeconfig()).args(line.split(' ').skip(1));
    let mut deleting = deleting.spawn().unwrap();
    let pods = cluster.api::<Pod>();
    let is_ending = |pod: Option<&Pod>| pod.is_some_and(|pod| pod.metadata.deletion_timestamp.is_some());
    let ends = await_condition(pods.clone(), RELEASE, is_ending);
    tokio::time::timeout(SOON, ends).await.unwrap().unwrap();
    assert!(deleting.try_wait().unwrap().is_none(), "it waits for the operator");
    assert_eq!(cluster.api::<Deployment>().get(RELEASE).await.unwrap().uid(), first.uid());
    // What the kubelet does once the containers have ended.
    pods.delete(&pod.name_any(), &DeleteParams::default().grace_period(0)).await.unwrap();
    let ended = tokio::task::spawn_blocking(move || deleting.wait().unwrap()).await.unwrap();
    assert!(ended.success(), "{line}: {ended}");
    assert!(cluster.api::<Deployment>().get_opt(RELEASE).await.unwrap().is_none(), "{line}");

    succeeds("rollback", cluster.helm(&["rollback"], None, &["2"]));
    let forward = cluster.api::<Deployment>().get(RELEASE).await.unwrap();
    assert_ne!(forward.uid(), first.uid());
    assert_eq!(forward.spec.unwrap().replicas, Some(2), "the chart of today");
}
