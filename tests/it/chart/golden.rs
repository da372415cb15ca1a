//! What the chart renders in full over a few sets of values, so that a review shows what a change of a template comes to.
//!
//! `WRITE_GOLDEN=1 cargo test --test it the_rendered_manifests` writes the files anew.

use super::*;

/// Name of the file and the values. The definition and the dashboard, which are copies, are left out, and the policies but once.
const MATRIX: [(&str, &[&str]); 4] = [
    ("default", &[]),
    (
        "namespaces",
        &[
            "watchNamespaces={team-a,team-b}",
            "settings.leaderElection=false",
            "settings.consumers=true",
            "restartWorkloads=true",
            "waitingPods.enabled=true",
            "admissionPolicies.requireSecretAccess=false",
            "admissionPolicies.requireWorkloadAccess=false",
        ],
    ),
    (
        "shards",
        &[
            "shards=2",
            "replicaCount=3",
            "grant.allNamespaces=true",
            "networkPolicy.enabled=true",
            "metrics.service=true",
            "admissionPolicies.requireSecretAccess=false",
            "admissionPolicies.requireWorkloadAccess=false",
            "admissionPolicies.warnUnlessGranted=false",
            "admissionPolicies.confineOperator=false",
        ],
    ),
    (
        "hosts",
        &[
            "grant.namespaces={team-a}",
            "settings.hosts.ghe.apiUrl=https://ghe.example.com/api/v3",
            "settings.hosts.ghe.caBundleFrom.configMap.name=authorities",
            "settings.hosts.ghe.caBundleFrom.configMap.key=ca.crt",
            "settings.hosts.ghe.clientCertificateSecret.name=ghe-client",
            "settings.hosts.ghe.proxy.url=http://proxy.example.com:3128",
            "settings.hosts.ghe.proxy.credentialsSecret.name=egress",
            "settings.hosts.ghe.proxy.credentialsSecret.key=login",
            "settings.hosts.acme.apiUrl=https://api.acme.ghe.com",
            "settings.hosts.acme.caBundleFrom.clusterTrustBundle.name=egress-gateway",
            "settings.sinks.ops.url=https://hooks.example.com/github-pats",
            "settings.sinks.ops.secret.name=ops-hook",
            "settings.sinks.ops.secret.key=secret",
            "admissionPolicies.requireSecretAccess=false",
            "admissionPolicies.requireWorkloadAccess=false",
            "admissionPolicies.warnUnlessGranted=false",
            "admissionPolicies.confineOperator=false",
        ],
    ),
];

/// The flags of every set of values that the chart is rendered with, of which one is in this file.
pub(super) fn matrix(every_value: &Path) -> Vec<Vec<String>> {
    let monitors =
        [vec!["metrics.serviceMonitor=true", "metrics.prometheusRule=true"], vec!["metrics.podMonitor=true"]];
    let sets = MATRIX.map(|(_, values)| values.to_vec()).into_iter();
    let modes = rights::MODES.map(|(value, _)| vec![value]);
    let all = sets.chain(modes).chain(monitors);
    let flags =
        |values: Vec<&str>| values.iter().flat_map(|value| ["--set", value]).map(str::to_owned).collect();
    let file = ["--values", every_value.to_str().unwrap()].map(str::to_owned).to_vec();
    all.map(flags).chain([file]).collect()
}

#[tokio::test]
async fn the_rendered_manifests_are_the_golden_ones_and_the_api_server_takes_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/chart/golden");
    let world = World::start().await;
    for namespace in [RELEASE, "team-a", "team-b"] {
        // The world has one of these already.
        if namespace != NAMESPACE {
            world.namespace(namespace).await;
        }
    }
    let mut other = Vec::new();
    for (name, values) in MATRIX {
        let flags: Vec<_> = values.iter().flat_map(|value| ["--set", value]).collect();
        let flags = [&["--set", "crds.enabled=false"], flags.as_slice()].concat();
        let output = template(&flags);
        assert!(output.status.success(), "{name}: {}", said(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        let path = folder.join(format!("{name}.yaml"));
        if std::env::var_os("WRITE_GOLDEN").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &text).unwrap();
        }
        if fs::read_to_string(&path).unwrap_or_default() != text {
            other.push(name);
        }
        for manifest in rendered(&flags) {
            apply(&world.client, &manifest, true).await;
        }
    }
    assert!(
        other.is_empty(),
        "{other:?} differ; run: WRITE_GOLDEN=1 cargo test --test it the_rendered_manifests"
    );
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["default.yaml", "hosts.yaml", "namespaces.yaml", "shards.yaml"]);
}
