//! Upgrades that Helm refuses, since they would delete connections.

use github_pat_operator::api::GithubPatConnection;
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
