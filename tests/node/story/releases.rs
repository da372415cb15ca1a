//! The release: installed, upgraded, rolled back and uninstalled.

use std::collections::BTreeSet;

use github_pat_operator::api::GithubPatConnection;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;

use super::{leaders::HANDED_OVER, measured, tokens};
use crate::{
    cluster::{Cluster, RELEASE, chart},
    lease::Watch,
    pods, replicas,
};

pub(super) async fn install(cluster: &Cluster) {
    cluster.namespace().await;
    let flags = ["--create-namespace", "--wait", "--values", &cluster.values("1")];
    cluster.helm(&["install", RELEASE, chart()], &flags);
    let replicas = replicas::all(cluster).await;
    let nodes: BTreeSet<_> = replicas.iter().map(|pod| replicas::node(cluster, pod).name.as_str()).collect();
    assert_eq!((replicas.len(), nodes.len()), (2, 2));
    for replica in &replicas {
        let ((all, own), start) = (replicas::memory(cluster, replica), replicas::start(replica));
        eprintln!(
            "          ready {start} s after the start, with {all} KiB of memory, {own} KiB of it anonymous"
        );
    }
}

pub(super) async fn upgrade(cluster: &Cluster, lease: &mut Watch) {
    let values = cluster.values("2");
    change(cluster, lease, "2", &["upgrade", RELEASE, chart(), "--values", &values]).await;
}

pub(super) async fn roll_back(cluster: &Cluster, lease: &mut Watch) {
    change(cluster, lease, "1", &["rollback", RELEASE, "1"]).await;
}

/// Other replicas, with the image of this tag: nothing is asked or written for it, and somebody leads all the while.
async fn change(cluster: &Cluster, lease: &mut Watch, tag: &str, verb: &[&str]) {
    let before = cluster.standing().await;
    cluster.helm(verb, &["--wait"]);
    let replicas = replicas::until_ready(cluster).await;
    for replica in &replicas {
        assert!(replicas::image(replica).ends_with(&format!(":{tag}")));
    }
    // The lead changes twice if it goes to an old one first.
    while !replicas::names(&replicas).contains(lease.pod()) {
        let change = lease.next().await;
        let vacant = change.vacant.expect("the Lease is given back");
        measured("without a leader", vacant);
        assert!(vacant < HANDED_OVER, "{vacant:?}");
    }
    cluster.stands_as(&before).await;
}

pub(super) async fn uninstall(cluster: &Cluster) {
    let before = cluster.standing().await;
    cluster.helm(&["uninstall", RELEASE], &["--wait"]);
    replicas::until_gone(cluster).await;
    let definitions = Api::<CustomResourceDefinition>::all(cluster.client.clone());
    definitions.get("githubpatconnections.githubpat.dev").await.unwrap();
    cluster.api::<GithubPatConnection>().get("ci").await.unwrap();
    cluster.stands_as(&before).await;
    let token = cluster.github.token_text("second").unwrap();
    pods::delete(cluster, "reader").await;
    pods::start(cluster, &pods::reader("reader")).await;
    pods::until_said(cluster, "reader", &pods::reading(&token, &token, &token)).await;
}

pub(super) async fn install_again(cluster: &Cluster) {
    let before = cluster.standing().await;
    cluster.helm(&["install", RELEASE, chart()], &["--wait", "--values", &cluster.values("2")]);
    let mut lease = Watch::begin(cluster).await;
    if !replicas::names(&replicas::all(cluster).await).contains(lease.pod()) {
        lease.next().await;
    }
    cluster.stands_as(&before).await;
    let token = tokens::token(cluster, "third");
    cluster.secret("ci", &token).await;
    pods::until_all_of(cluster, "worker", &token).await;
}
