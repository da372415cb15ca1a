//! The chart as Helm installs and upgrades it in a cluster.

use std::collections::BTreeMap;

use control_plane::{ControlPlane, Options};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::ConfigMap};

use super::*;
use crate::release::helm_in;

/// A cluster with a release of the chart in it.
pub(super) struct Cluster {
    plane: ControlPlane,
    pub(super) client: Client,
    /// Where Helm keeps what it remembers.
    home: tempfile::TempDir,
}

impl Cluster {
    pub(super) async fn with_release(flags: &[&str]) -> Cluster {
        Cluster::with_release_of(&chart(), flags).await
    }

    /// With a release of the chart in this folder.
    pub(super) async fn with_release_of(chart: &Path, flags: &[&str]) -> Cluster {
        // Several TLS users in one process: the first one installs the provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let plane = ControlPlane::start(Options::default()).await.unwrap();
        let client = plane.admin_client().unwrap();
        let cluster = Cluster { plane, client, home: tempfile::tempdir().unwrap() };
        let installed = cluster.helm(&["install", "--create-namespace"], Some(chart), flags);
        assert!(installed.status.success(), "{}", said(&installed));
        cluster
    }

    /// Collects garbage, as a cluster does.
    pub(super) async fn collect_garbage(&mut self) {
        self.plane.start_controller_manager().await.unwrap();
    }

    pub(super) fn kubeconfig(&self) -> &Path {
        self.plane.admin_kubeconfig()
    }

    pub(super) fn upgrade(&self, flags: &[&str]) -> Output {
        self.helm(&["upgrade"], Some(&chart()), flags)
    }

    /// What Helm says to this, about the release and this chart.
    pub(super) fn helm(&self, verb: &[&str], chart: Option<&Path>, flags: &[&str]) -> Output {
        helm_in(self.plane.admin_kubeconfig(), self.home.path(), verb, chart, flags)
    }

    /// The objects in the namespace of the release.
    pub(super) fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), RELEASE)
    }

    /// As `kubectl scale` does it.
    pub(super) async fn scale(&self, replicas: i32) {
        self.scale_of(RELEASE, replicas).await;
    }

    pub(super) async fn scale_of(&self, deployment: &str, replicas: i32) {
        let scale = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        let params = PatchParams { field_manager: Some("kubectl".to_owned()), ..PatchParams::default() };
        self.api::<Deployment>().patch_scale(deployment, &params, &scale).await.unwrap();
    }

    pub(super) async fn replicas(&self) -> Option<i32> {
        let deployment = self.api::<Deployment>().get(RELEASE).await.unwrap();
        deployment.spec.unwrap().replicas
    }

    async fn configuration(&self) -> BTreeMap<String, String> {
        self.api::<ConfigMap>().get(RELEASE).await.unwrap().data.unwrap()
    }
}

#[tokio::test]
#[ignore = "installs and upgrades releases by helm; .ci/long runs it"]
async fn an_upgrade_leaves_the_replicas_that_somebody_has_scaled() {
    let cluster = Cluster::with_release(&[]).await;
    assert_eq!(cluster.replicas().await, Some(2));
    let rows = [(0, "settings.trustFor=48h"), (3, "settings.trustFor=72h"), (1, "settings.trustFor=96h")];
    for (replicas, trust_for) in rows {
        cluster.scale(replicas).await;
        let upgraded = cluster.upgrade(&["--set", trust_for]);
        assert!(upgraded.status.success(), "{}", said(&upgraded));
        assert_eq!(cluster.replicas().await, Some(replicas));
        let told = said(&upgraded);
        let stopped =
            format!("is in the namespace {RELEASE} and does not run, since its Deployment has 0 replicas.");
        let runs = format!("runs in the namespace {RELEASE}.");
        assert_eq!((told.contains(&stopped), told.contains(&runs)), (replicas == 0, replicas > 0), "{told}");
    }

    // With a number among the values both want the field, as docs/platforms.md says.
    let set = ["--set", "replicaCount=1"];
    assert!(cluster.upgrade(&set).status.success());
    cluster.scale(2).await;
    let conflict = cluster.upgrade(&set);
    let told = said(&conflict);
    assert!(!conflict.status.success() && told.contains("conflict with \"kubectl\""), "{told}");
    let forced = cluster.upgrade(&[&set[..], &["--force-conflicts"]].concat());
    assert!(forced.status.success(), "{}", said(&forced));
    assert_eq!(cluster.replicas().await, Some(1));
}

#[tokio::test]
#[ignore = "installs and upgrades releases by helm; .ci/long runs it"]
async fn the_notes_name_the_shards_that_somebody_has_stopped() {
    let cluster = Cluster::with_release(&["--set", "shards=2"]).await;
    for (stopped, words) in [
        (
            1,
            "runs in the namespace github-pat-operator, but for github-pat-operator-1, which has 0 replicas.",
        ),
        (0, "does not run, since its Deployments have 0 replicas."),
    ] {
        cluster.scale_of(&format!("{RELEASE}-{stopped}"), 0).await;
        let told = said(&cluster.upgrade(&["--set", "shards=2"]));
        assert!(told.contains(words), "{told}");
    }
}

#[tokio::test]
#[ignore = "installs and upgrades releases by helm; .ci/long runs it"]
async fn who_turns_leader_election_off_or_on_gets_one_or_two_replicas() {
    let cluster = Cluster::with_release(&["--set", "settings.leaderElection=false"]).await;
    assert_eq!(cluster.replicas().await, Some(1));
    // Who has no Lease must have ended before others begin.
    let rows =
        [(true, "Recreate", 2), (true, "RollingUpdate", 2), (false, "Recreate", 1), (true, "Recreate", 2)];
    for (leader_election, strategy, replicas) in rows {
        let set = format!("settings.leaderElection={leader_election}");
        let upgraded = cluster.upgrade(&["--set", &set]);
        assert!(upgraded.status.success(), "{}", said(&upgraded));
        assert_eq!(cluster.replicas().await, Some(replicas), "{set}");
        let deployment = cluster.api::<Deployment>().get(RELEASE).await.unwrap();
        assert_eq!(deployment.spec.unwrap().strategy.unwrap().type_.as_deref(), Some(strategy));
    }
}

#[tokio::test]
#[ignore = "installs and upgrades releases by helm; .ci/long runs it"]
async fn a_certificate_set_once_outlasts_upgrades_that_set_other_fields_and_hosts() {
    let github = Simulator::start_tls().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let pem = file("ca.pem", github.ca_pem().unwrap());
    let hosts = json!({ "ghe.example.com": { "apiUrl": "https://ghe.example.com/api/v3" } });
    let first = file("first.yaml", &json!({ "settings": { "hosts": hosts } }).to_string());
    let hosts = json!({
        "acme.ghe.com": { "apiUrl": "https://api.acme.ghe.com" },
        "ghe.example.com": { "apiUrl": "https://ghe.example.com/api/v3", "concurrency": 4 },
    });
    let second = file("second.yaml", &json!({ "settings": { "hosts": hosts } }).to_string());
    let set_pem = format!(r"settings.hosts.ghe\.example\.com.caBundle={pem}");
    let cluster = Cluster::with_release(&["--values", &first, "--set-file", &set_pem]).await;
    let keep = ["--reset-then-reuse-values", "--values", &second];
    let upgraded = cluster.upgrade(&keep);
    let trusted = "\nghe.example.com: the public ones and those of its caBundle\n";
    assert!(upgraded.status.success() && said(&upgraded).contains(trusted), "{}", said(&upgraded));

    let configuration = cluster.configuration().await;
    assert_eq!(configuration.get("hosts-1.pem").unwrap().trim(), github.ca_pem().unwrap().trim());
    let written: Value = from_yaml(&configuration["settings.yaml"]).unwrap();
    let hosts = json!([
        { "name": "acme.ghe.com", "apiUrl": "https://api.acme.ghe.com" },
        {
            "name": "ghe.example.com",
            "apiUrl": "https://ghe.example.com/api/v3",
            "concurrency": 4,
            "caBundle": format!("{MOUNTED}/hosts-1.pem"),
        },
    ]);
    assert_eq!(written["hosts"], hosts);

    let removed =
        cluster.upgrade(&[&keep[..], &["--set", r"settings.hosts.ghe\.example\.com=null"]].concat());
    assert!(removed.status.success(), "{}", said(&removed));
    let written: Value = from_yaml(&cluster.configuration().await["settings.yaml"]).unwrap();
    assert_eq!(written["hosts"][0]["name"], "acme.ghe.com");
    assert_eq!(written["hosts"].as_array().unwrap().len(), 1);
}
