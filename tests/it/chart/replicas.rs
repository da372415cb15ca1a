//! Several replicas: how they are spread, replaced and evicted, and what they may do with their Lease.

use super::*;

#[test]
fn without_leader_election_there_is_one_replica_that_ends_before_the_next_starts() {
    let two = ["--set", "replicaCount=2"];
    let off = ["--set", "settings.leaderElection=false"];
    let unset = ["--set", "settings.leaderElection=null"];
    for (flags, replicas, strategy) in [
        (vec![], 2, "RollingUpdate"),
        (["--set", "replicaCount=3"].to_vec(), 3, "RollingUpdate"),
        (off.to_vec(), 1, "Recreate"),
        (unset.to_vec(), 1, "Recreate"),
    ] {
        let manifests = rendered(&flags);
        let deployment = &of_kind(&manifests, "Deployment")["spec"];
        assert_eq!(deployment["replicas"], replicas, "{flags:?}");
        assert_eq!(deployment["strategy"]["type"], strategy, "{flags:?}");
        let has_role = manifests.iter().any(|manifest| manifest["kind"] == "Role");
        assert_eq!(has_role, strategy == "RollingUpdate", "{flags:?}");
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(settings(&manifests, directory.path()).lease.is_some(), has_role, "{flags:?}");
    }
    for flags in [off, unset] {
        let refused = template(&[flags, two].concat());
        assert!(!refused.status.success() && said(&refused).contains("/replicaCount"), "{}", said(&refused));
    }
}

#[test]
fn the_lease_is_the_one_that_the_role_names_in_the_namespace_of_the_release() {
    for (flags, name) in [(vec![], RELEASE), (vec!["--set", "fullnameOverride=pats"], "pats")] {
        let manifests = rendered(&flags);
        let directory = tempfile::tempdir().unwrap();
        let lease = settings(&manifests, directory.path()).lease.unwrap();
        assert_eq!((lease.name.as_str(), lease.namespace), (name, None));
        let role = of_kind(&manifests, "Role");
        assert_eq!(role["metadata"]["namespace"], RELEASE);
        assert_eq!(role["rules"][0]["resourceNames"], json!([name]));
        assert_eq!(role["rules"][1]["verbs"], json!(["create"]), "which cannot be bound to a name");
        assert_eq!(of_kind(&manifests, "RoleBinding")["metadata"]["namespace"], RELEASE);
    }
}

#[test]
fn replicas_prefer_nodes_of_their_own_and_one_is_evicted_at_a_time() {
    let spread = |flags: &[&str]| {
        let manifests = rendered(flags);
        let pod = &of_kind(&manifests, "Deployment")["spec"]["template"];
        (pod["spec"]["topologySpreadConstraints"].clone(), pod["metadata"]["labels"].clone())
    };
    let (constraints, labels) = spread(&[]);
    assert_eq!(constraints[0]["topologyKey"], "kubernetes.io/hostname");
    assert_eq!(constraints[0]["whenUnsatisfiable"], "ScheduleAnyway");
    for (name, value) in constraints[0]["labelSelector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(labels[name], *value, "it selects the Pods of the chart");
    }
    assert_eq!(spread(&["--set-json", "topologySpreadConstraints=[]"]).0, Value::Null);

    let manifests = rendered(&[]);
    let budget = &of_kind(&manifests, "PodDisruptionBudget")["spec"];
    assert_eq!(budget["maxUnavailable"], 1);
    assert_eq!(budget["selector"], of_kind(&manifests, "Deployment")["spec"]["selector"]);
    let without = rendered(&["--set", "podDisruptionBudget=null"]);
    assert_eq!(without.len(), manifests.len() - 1);
}
