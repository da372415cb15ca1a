//! What happens to replicas, and who leads then.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams},
};

use super::measured;
use crate::{cluster::Cluster, lease::Watch, pods, replicas};

/// What docs/high-availability.md promises for a leader that is killed: `leaseDuration` after it has written its Lease last, and a second.
const RUN_OUT: Duration = Duration::from_secs(16);
/// What it promises where the leader gives its Lease back.
pub(super) const HANDED_OVER: Duration = Duration::from_secs(1);

/// Gives the name of its Pod.
pub(super) async fn kill(cluster: &Cluster, lease: &mut Watch) -> String {
    let leader = cluster.of_release::<Pod>().get(lease.pod()).await.unwrap();
    let before = cluster.standing().await;
    lease.until_renewed().await;
    replicas::node(cluster, &leader).ctr(&[
        "task",
        "kill",
        "--signal",
        "SIGKILL",
        replicas::container(&leader),
    ]);
    let change = lease.next().await;
    measured("from its last renewal to the next leader", change.silent);
    assert!(change.vacant.is_none(), "who is killed gives nothing back");
    assert!(change.silent < RUN_OUT, "{:?}", change.silent);
    replicas::until_restarted(cluster, &leader.name_any()).await;
    cluster.stands_as(&before).await;
    leader.name_any()
}

/// Deletes its Pod without a grace period, as `kubectl delete pod --force` does: the API server forgets it at once, and the kubelet ends it
/// after that.
pub(super) async fn delete(cluster: &Cluster, lease: &mut Watch) {
    let leader = lease.pod().to_owned();
    let before = cluster.standing().await;
    let mut others = replicas::names(&replicas::all(cluster).await);
    assert!(others.remove(&leader) && others.len() == 1, "{others:?}");
    lease.until_renewed().await;
    let at_once = DeleteParams::default().grace_period(0);
    cluster.of_release::<Pod>().delete(&leader, &at_once).await.unwrap();
    let change = lease.next().await;
    measured("from its last renewal to the next leader", change.silent);
    assert!(others.contains(&change.pod), "{} leads, and not the one that was there", change.pod);
    assert!(change.silent < RUN_OUT, "{:?}", change.silent);
    let all = replicas::names(&replicas::until_ready(cluster).await);
    assert!(!all.contains(&leader) && all.is_superset(&others), "{all:?}");
    cluster.stands_as(&before).await;
}

pub(super) async fn drain(cluster: &Cluster, lease: &mut Watch) {
    let of_release = cluster.of_release();
    let leader = of_release.get(lease.pod()).await.unwrap();
    let node = replicas::node(cluster, &leader);
    let before = cluster.standing().await;
    cluster.cordon(node, true).await;
    let mut other = replicas::all(cluster).await;
    other.retain(|pod| pod.name_any() != leader.name_any());
    assert!(replicas::evict(&of_release, &leader).await, "one may go");
    assert!(!replicas::evict(&of_release, &other[0]).await, "both may not go at a time");
    let workers = cluster.api::<Pod>().list(&ListParams::default().labels("app=worker")).await.unwrap();
    for worker in workers.iter().filter(|worker| replicas::node(cluster, worker).name == node.name) {
        assert!(replicas::evict(&cluster.api(), worker).await, "nothing holds it");
    }
    let change = lease.next().await;
    let vacant = change.vacant.expect("the Lease is given back");
    measured("without a leader", vacant);
    assert!(vacant < HANDED_OVER, "{vacant:?}");
    assert_eq!(change.pod, other[0].name_any());
    for replica in replicas::until_ready(cluster).await {
        assert_ne!(replicas::node(cluster, &replica).name, node.name);
    }
    pods::until_all_of(cluster, "worker", &cluster.github.token_text("second").unwrap()).await;
    cluster.cordon(node, false).await;
    cluster.stands_as(&before).await;
}
