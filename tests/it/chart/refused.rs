//! Upgrades that Helm refuses, since they would delete connections or have two operators write.

use github_pat_operator::api::GithubPatConnection;
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;

use super::{releases::Cluster, *};

#[tokio::test]
#[ignore = "installs and upgrades releases by helm; .ci/long runs it"]
async fn a_release_lets_go_of_its_definition_only_if_helm_keeps_it() {
    let cluster = Cluster::with_release(&["--set", "crds.keep=false"]).await;
    let connections = cluster.api::<GithubPatConnection>();
    let connection: GithubPatConnection =
        from(json!({ "metadata": { "name": "ci" }, "spec": { "secretRef": { "name": "ci" } } }));
    let uid = connections.create(&PostParams::default(), &connection).await.unwrap().uid();
    let (definitions, name) =
        (Api::<CustomResourceDefinition>::all(cluster.client.clone()), "githubpatconnections.githubpat.dev");
    let annotate = async |key: &str, value: &str| {
        let patch = Patch::Merge(json!({ "metadata": { "annotations": { key: value } } }));
        definitions.patch_metadata(name, &PatchParams::default(), &patch).await.unwrap();
    };
    let without = ["--set", "crds.enabled=false"];
    let refused = cluster.upgrade(&without);
    let remedy = format!("kubectl annotate customresourcedefinition {name} helm.sh/resource-policy=keep");
    assert!(!refused.status.success() && said(&refused).contains(&remedy), "{}", said(&refused));
    // That of another release goes with that one.
    annotate("meta.helm.sh/release-name", "other").await;
    let taken = cluster.upgrade(&[&without[..], &["--dry-run=server"]].concat());
    assert!(taken.status.success(), "{}", said(&taken));
    annotate("meta.helm.sh/release-name", RELEASE).await;
    annotate("helm.sh/resource-policy", "keep").await;
    for _ in 0..2 {
        let upgraded = cluster.upgrade(&without);
        assert!(upgraded.status.success(), "{}", said(&upgraded));
        assert_eq!(connections.get("ci").await.unwrap().uid(), uid);
    }
}

#[tokio::test]
#[ignore = "installs and upgrades releases by helm; .ci/long runs it"]
async fn an_operator_without_shards_does_not_start_beside_shards_nor_shards_beside_one_that_holds_no_lease() {
    let cluster = Cluster::with_release(&["--set", "shards=2"]).await;
    let refused = |flags: &[&str], running: &str, remedy: &str| {
        let output = cluster.upgrade(flags);
        let told = said(&output);
        let is_told =
            told.contains(&format!("the Deployment {RELEASE}{running} runs")) && told.contains(remedy);
        assert!(!output.status.success() && is_told, "{flags:?}: {told}");
    };
    let upgraded = |flags: &[&str]| {
        let output = cluster.upgrade(flags);
        assert!(output.status.success(), "{flags:?}: {}", said(&output));
    };
    let stop = format!(
        "kubectl scale deployment --namespace {RELEASE} --selector app.kubernetes.io/instance={RELEASE},githubpat.dev/shard --replicas 0"
    );
    refused(&["--set", "shards=null"], "-0", &stop);
    cluster.scale_of(&format!("{RELEASE}-0"), 0).await;
    refused(&["--set", "shards=null"], "-1", &stop);
    cluster.scale_of(&format!("{RELEASE}-1"), 0).await;
    upgraded(&["--set", "shards=null"]);
    assert_eq!(cluster.replicas().await, Some(2));
    // One with a Lease is waited for.
    upgraded(&["--set", "shards=2"]);
    upgraded(&["--set", "shards=3,replicaCount=0"]);
    upgraded(&["--set", "settings.leaderElection=false"]);

    let stop = format!("kubectl scale deployment --namespace {RELEASE} {RELEASE} --replicas 0");
    refused(&["--set", "shards=2"], "", &stop);
    cluster.scale(0).await;
    upgraded(&["--set", "shards=2"]);
}

/// Its name looks like that of a shard.
#[tokio::test]
#[ignore = "installs and upgrades releases by helm; .ci/long runs it"]
async fn a_deployment_of_another_release_is_no_shard() {
    let cluster = Cluster::with_release(&["--set", "settings.trustFor=48h"]).await;
    let mut other = cluster.api::<Deployment>().get(RELEASE).await.unwrap();
    let labels = json!({ "app.kubernetes.io/instance": "other", "githubpat.dev/shard": "0" });
    other.metadata = from(json!({ "name": format!("{RELEASE}-0"), "labels": labels }));
    cluster.api::<Deployment>().create(&PostParams::default(), &other).await.unwrap();
    let upgraded = cluster.upgrade(&[]);
    assert!(upgraded.status.success(), "{}", said(&upgraded));
}
