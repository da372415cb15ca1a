//! Fewer shards: what an upgrade by Helm leaves of those that go, and who has their connections then.

use github_pat_operator::settings::from_yaml;
use k8s_openapi::api::{
    apps::v1::Deployment,
    coordination::v1::Lease,
    core::v1::ConfigMap,
    policy::v1::PodDisruptionBudget,
    rbac::v1::{Role, RoleBinding},
};
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams},
};
use serde_json::Value;

use super::*;
use crate::{
    release::{RELEASE, chart, helm_in, said},
    world::Operator,
};

/// The names of the objects of this kind in the namespace of the release, and what stands in them.
async fn objects<K>(world: &World) -> (Vec<String>, String)
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned
        + serde::Serialize,
    K::DynamicType: Default,
{
    let api = Api::<K>::namespaced(world.client.clone(), RELEASE);
    let found = api.list(&ListParams::default()).await.unwrap().items;
    let text = serde_json::to_string(&found).unwrap();
    (found.iter().map(ResourceExt::name_any).collect(), text)
}

/// A Pod of the Deployment of this shard: it has the rights and the settings of the release, but of hosts it knows the simulated one.
async fn pod(world: &World, shard: &str) -> Operator {
    let maps = Api::<ConfigMap>::namespaced(world.client.clone(), RELEASE);
    let text = maps.get(RELEASE).await.unwrap().data.unwrap().remove("settings.yaml").unwrap();
    let [mut settings, of_world] = [text, world.settings()].map(|text| from_yaml::<Value>(&text).unwrap());
    settings["hosts"] = of_world["hosts"].clone();
    let kubeconfig = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
    world.unready_operator(
        kubeconfig,
        &settings.to_string(),
        &["--shard", shard, "--lease-namespace", RELEASE],
    )
}

#[tokio::test]
#[ignore = "installs and upgrades a release by helm, and waits for a Lease to run out; .ci/long runs it"]
async fn with_fewer_shards_nothing_but_a_lease_is_left_of_the_one_that_goes_and_the_other_has_its_connections_unasked()
 {
    let world = World::audited().await;
    let home = tempfile::tempdir().unwrap();
    for team in TEAMS {
        connect(&world, team).await;
    }
    let teams = TEAMS.join(",");
    let upgrade = |shards: u16| {
        let values = format!(
            "shards={shards},crds.enabled=false,grant.namespaces={{{teams}}},settings.proofInterval=168h,\
             settings.leaseDuration=3s,settings.renewDeadline=2s,settings.retryPeriod=1s"
        );
        let verb = ["upgrade", "--install", "--create-namespace"];
        let flags = ["--set", &values];
        let output = helm_in(world.plane.admin_kubeconfig(), home.path(), &verb, Some(&chart()), &flags);
        assert!(output.status.success(), "{}", said(&output));
    };
    let [first, second] = ["0", "1"].map(|index| format!("{RELEASE}-{index}"));

    upgrade(2);
    let mut two = [pod(&world, "0/2").await, pod(&world, "1/2").await];
    for pod in &two {
        pod.until_logged("leading").await;
    }
    are_published(&world, 0).await;
    let both = vec![first.clone(), second.clone()];
    assert_eq!(objects::<Deployment>(&world).await.0, both);
    assert_eq!(objects::<PodDisruptionBudget>(&world).await.0, both);
    assert_eq!(objects::<Lease>(&world).await.0, both);
    assert!(objects::<Role>(&world).await.1.contains(&second));

    // The leader of the second one has no right to its Lease any more.
    world.may_be_refused("/leases/github-pat-operator-1");
    let (asked, written) = (world.github.calls().len(), world.plane.audit().unwrap().len());
    upgrade(1);
    assert_eq!(objects::<Deployment>(&world).await.0, [first.as_str()]);
    assert_eq!(objects::<PodDisruptionBudget>(&world).await.0, [first.as_str()]);
    for (kind, text) in [
        ("Role", objects::<Role>(&world).await.1),
        ("RoleBinding", objects::<RoleBinding>(&world).await.1),
        ("ConfigMap", objects::<ConfigMap>(&world).await.1),
    ] {
        assert!(!text.contains(&second), "{kind}: {text}");
    }

    // As a rollout has it: the new one is there before the old ones go.
    let one = pod(&world, "0/1").await;
    one.wait_until_ready().await;
    for old in &mut two {
        // The second one ends by itself too, since it cannot renew its Lease.
        old.process().terminate().ok();
        old.process().wait(SOON).await.unwrap();
    }
    one.until_logged("leading").await;
    let leases = Api::<Lease>::namespaced(world.client.clone(), RELEASE);
    assert_eq!(objects::<Lease>(&world).await.0, both, "docs/high-availability.md has it deleted by hand");
    leases.delete(&second, &DeleteParams::default()).await.unwrap();
    // What would be asked or written for the change alone has been by then.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(objects::<Lease>(&world).await.0, [first.as_str()], "nobody writes it again");
    assert_eq!(world.github.calls().len(), asked, "nothing is asked for the change");
    let account = format!("system:serviceaccount:{RELEASE}:{RELEASE}");
    let writes = || {
        let events = world.plane.audit().unwrap().split_off(written).into_iter();
        let ours = events.filter(|event| event.is_write() && event.user == account);
        ours.filter(|event| TEAMS.contains(&&*event.namespace)).collect::<Vec<_>>()
    };
    assert!(writes().is_empty(), "nothing is written for the change: {:?}", writes());

    for team in TEAMS {
        store(&world, team, 1).await;
    }
    are_published(&world, 1).await;
    for team in TEAMS {
        let asked = [0, 1].map(|round| world.asked(&format!("{team}-{round}")));
        assert_eq!(asked, [1, 1], "{team}: each token once");
    }
    drop(one);
}
