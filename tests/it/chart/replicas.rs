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
    let own = constraints[0]["labelSelector"].clone();
    let given = |selector: Value| {
        let zones = json!({ "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule" });
        crate::world::merged(zones, selector)
    };
    let some = json!({ "labelSelector": { "matchExpressions": [{ "key": "a", "operator": "Exists" }] } });
    let all = [given(json!({})), given(json!({ "labelSelector": null })), given(some.clone())];
    let flag = format!("topologySpreadConstraints={}", json!(all));
    let ours = given(json!({ "labelSelector": own, "matchLabelKeys": ["pod-template-hash"] }));
    assert_eq!(spread(&["--set-json", &flag]).0, json!([ours, ours, given(some)]));

    let manifests = rendered(&[]);
    let budget = &of_kind(&manifests, "PodDisruptionBudget")["spec"];
    assert_eq!(budget["maxUnavailable"], 1);
    assert_eq!(
        budget["unhealthyPodEvictionPolicy"], "AlwaysAllow",
        "two that are not ready hold up no drain"
    );
    assert_eq!(budget["selector"], of_kind(&manifests, "Deployment")["spec"]["selector"]);
    let refused = template(&["--set", "podDisruptionBudget.maxUnavailable=null"]);
    assert!(!refused.status.success() && said(&refused).contains("give minAvailable"), "{}", said(&refused));
    let without = rendered(&["--set", "podDisruptionBudget=null"]);
    assert_eq!(without.len(), manifests.len() - 1);
}

#[test]
fn each_shard_has_a_deployment_a_lease_and_a_disruption_budget_of_its_own() {
    let manifests =
        rendered(&["--set", "shards=3,metrics.podMonitor=true,settings.sinks.a.url=https://a.example.com"]);
    let all = |kind: &str| manifests.iter().filter(|manifest| manifest["kind"] == kind).collect::<Vec<_>>();
    let (deployments, budgets) = (all("Deployment"), all("PodDisruptionBudget"));
    let names = |all: &[&Value]| all.iter().map(|one| one["metadata"]["name"].clone()).collect::<Vec<_>>();
    let expected = ["0", "1", "2"].map(|index| json!(format!("{RELEASE}-{index}")));
    assert_eq!((names(&deployments), names(&budgets)), (expected.to_vec(), expected.to_vec()));
    let role = of_kind(&manifests, "Role");
    assert_eq!(role["rules"][0]["resourceNames"], json!(expected));
    let receipts = ["0", "1", "2"].map(|index| format!("{RELEASE}-{index}-sinks"));
    let of_config_maps =
        role["rules"].as_array().unwrap().iter().find(|rule| rule["resources"][0] == "configmaps");
    assert_eq!(of_config_maps.unwrap()["resourceNames"], json!(receipts));
    let confined =
        manifests.iter().find(|manifest| manifest["metadata"]["name"] == format!("{RELEASE}-confined"));
    let confined = confined.unwrap().to_string();
    for name in receipts.iter().map(String::as_str).chain(expected.iter().filter_map(Value::as_str)) {
        assert!(confined.contains(&format!("\\\"{name}\\\"")), "{name}: {confined}");
    }
    let directory = tempfile::tempdir().unwrap();
    let zone = r#"topologySpreadConstraints=[{"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"}]"#;
    for deployment in rendered(&["--set", "shards=2", "--set-json", zone]) {
        let pod = &deployment["spec"]["template"];
        let spread = &pod["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"];
        assert!(pod.is_null() || *spread == pod["metadata"]["labels"], "{deployment}");
    }
    for (index, (deployment, budget)) in deployments.iter().zip(budgets).enumerate() {
        let selector = &deployment["spec"]["selector"]["matchLabels"];
        assert_eq!(selector["githubpat.dev/shard"], index.to_string());
        assert_eq!(budget["spec"]["selector"]["matchLabels"], *selector);
        let pod = &deployment["spec"]["template"];
        assert_eq!(pod["metadata"]["labels"], *selector);
        assert_eq!(pod["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"], *selector);
        let args = pod["spec"]["containers"][0]["args"].as_array().unwrap();
        let shard = args[2].as_str().unwrap().strip_prefix("--shard=").unwrap();
        assert_eq!(shard, format!("{index}/3"));
        fs::write(
            directory.path().join("settings.yaml"),
            of_kind(&manifests, "ConfigMap")["data"]["settings.yaml"].as_str().unwrap(),
        )
        .unwrap();
        let outer = SettingsInput { shard: Some(shard.to_owned()), ..SettingsInput::default() };
        let inner = SettingsInput::read(&directory.path().join("settings.yaml")).unwrap();
        let settings = Settings::new(outer, inner).unwrap();
        assert_eq!(json!(settings.lease.unwrap().name), expected[index]);
        assert_eq!(settings.sinks.config_map, receipts[index]);
    }
    assert_eq!(of_kind(&manifests, "PodMonitor")["spec"]["podTargetLabels"], json!(["githubpat.dev/shard"]));
    for (value, words) in [
        ("shards=0", "/shards"),
        ("shards=65", "/shards"),
        ("shards=2,watchNamespaces={a}", "leave one of both out"),
        ("shards=2,settings.leaderElection=false", "needs settings.leaderElection"),
    ] {
        let refused = template(&["--set", value]);
        assert!(!refused.status.success() && said(&refused).contains(words), "{value}: {}", said(&refused));
    }
}
