//! Tokens in the hands of Pods.

use github_simulator::NewToken;
use serde_json::json;

use super::measured;
use crate::{
    cluster::Cluster,
    pods,
    registry::{LOGIN, Registry},
};

/// A token that does all that the connection demands.
pub(super) fn token(cluster: &Cluster, name: &str) -> String {
    cluster.github.token(NewToken::classic(name, LOGIN).scopes(&["repo", "read:packages"]))
}

pub(super) async fn arrive(cluster: &Cluster, registry: &mut Registry) {
    let token = token(cluster, "first");
    registry.let_in(&token).await;
    registry.push(&cluster.nodes[0], &token);
    pods::start(cluster, &pods::reader("reader")).await;
    pods::start(cluster, &pods::puller("app", &registry.image(), true)).await;
    pods::start_deployment(cluster, "worker").await;
    cluster.secret("ci", &token).await;
    let outputs = json!([
        { "secretName": "ci-token", "format": "Opaque" },
        { "secretName": "ci-pull", "format": "DockerConfigJson", "registries": [registry.authority] },
    ]);
    let workloads = json!([{ "kind": "Deployment", "name": "worker" }]);
    let spec = json!({ "interval": "24h", "publish": outputs, "restart": workloads });
    cluster.connection("ci", spec).await;
    pods::until_said(cluster, "reader", &pods::reading(&token, &token, &token)).await;
    pods::until_running(cluster, "app").await;
    pods::until_all_of(cluster, "worker", &token).await;
}

pub(super) async fn are_needed(cluster: &Cluster, registry: &Registry) {
    pods::start(cluster, &pods::puller("stranger", &registry.image(), false)).await;
    let why = pods::refused(cluster, "stranger").await;
    assert!(why.contains("401 Unauthorized"), "{why}");
    pods::delete(cluster, "stranger").await;
}

pub(super) async fn follow(cluster: &Cluster, registry: &mut Registry) {
    let (old, new) = (cluster.github.token_text("first").unwrap(), token(cluster, "second"));
    registry.let_in(&new).await;
    let begun = std::time::Instant::now();
    cluster.secret("ci", &new).await;
    // A variable and a file that is mounted by itself stay as they were when the Pod started.
    pods::until_said(cluster, "reader", &pods::reading(&old, &new, &old)).await;
    measured("from the source to the volume of a Pod", begun.elapsed());
    pods::until_all_of(cluster, "worker", &new).await;
    measured("from the source to the restarted Deployment", begun.elapsed());
    pods::delete(cluster, "reader").await;
    pods::start(cluster, &pods::reader("reader")).await;
    pods::until_said(cluster, "reader", &pods::reading(&new, &new, &new)).await;
    pods::delete(cluster, "app").await;
    pods::start(cluster, &pods::puller("app", &registry.image(), true)).await;
    pods::until_running(cluster, "app").await;
    cluster.until_safe_to_revoke("ci").await;
    cluster.github.revoke("first");
}
