//! The cluster: a control plane, nodes, a GitHub that its Pods take for github.com, and Helm.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use control_plane::{ControlPlane, Options, Program, binaries};
use github_pat_operator::api::{GithubPatConnection, Phase};
use github_simulator::Simulator;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{self as core, Namespace, Secret};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
    runtime::wait::await_condition,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};

use crate::{
    image::Root,
    node::{self, BUSYBOX, Node, PRIVATE},
    programs::printed,
};

/// How long anything may take that should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(90);
/// The name of the release, and its namespace.
pub(crate) const RELEASE: &str = "github-pat-operator";
/// Where connections and the Pods that use their outputs live.
pub(crate) const NAMESPACE: &str = "team-a";
/// The operator's image without its tag.
const IMAGE: &str = "localhost/github-pat-operator";
/// The address of the Service `kubernetes`, by which Pods reach the API server.
const API_SERVER: &str = "10.0.0.1:443";
/// Where Pods reach what they take for api.github.com.
const GITHUB: &str = "192.0.2.100";

/// A cluster of nodes.
pub(crate) struct Cluster {
    pub(crate) client: Client,
    pub(crate) github: Simulator,
    pub(crate) nodes: Vec<Node>,
    pub(crate) plane: ControlPlane,
    /// Where Helm keeps what it remembers.
    home: TempDir,
}

/// How often GitHub was asked, the versions of the tenant's objects, and when the next check is due.
#[derive(Debug, PartialEq)]
pub(crate) struct Standing {
    asked: usize,
    versions: BTreeMap<String, String>,
    due: Timestamp,
}

impl Cluster {
    /// With so many nodes, which have the operator's image.
    pub(crate) async fn start(count: u8, folder: &Path) -> Cluster {
        // Several TLS users in one process: the first one installs the provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let plane = ControlPlane::start(Options { workloads: true, audit: true, ..Options::default() })
            .await
            .unwrap();
        let github = Simulator::start_tls().await.unwrap();
        let port = plane.url().rsplit(':').next().unwrap().parse().unwrap();
        forward(API_SERVER, SocketAddr::from(([127, 0, 0, 1], port))).await;
        forward(&format!("{GITHUB}:443"), github.address()).await;
        let images = images(folder);
        let mut nodes = Vec::new();
        for number in 1..=count {
            nodes.push(Node::start(&plane, number, &images, folder).await);
        }
        let client = plane.admin_client().unwrap();
        Cluster { client, github, nodes, plane, home: tempfile::tempdir().unwrap() }
    }

    /// What Helm says to this about the release.
    pub(crate) fn helm(&self, verb: &[&str], flags: &[&str]) -> String {
        let mut helm = Command::new(binaries::find(Program::Helm).unwrap());
        helm.args(verb).args(flags).args(["--namespace", RELEASE]);
        helm.arg("--kubeconfig").arg(self.plane.admin_kubeconfig());
        helm.env("HOME", self.home.path()).env("XDG_CACHE_HOME", self.home.path());
        printed(&mut helm)
    }

    /// A file of values: the operator's image of this tag, and the GitHub of this cluster in place of github.com.
    pub(crate) fn values(&self, tag: &str) -> String {
        let values = json!({
            "image": { "repository": IMAGE, "tag": tag },
            "hostAliases": [{ "ip": GITHUB, "hostnames": ["api.github.com"] }],
            "settings": { "hosts": { "github.com": { "caBundle": self.github.ca_pem().unwrap() } } },
            "grant": { "namespaces": [NAMESPACE] },
            "restartWorkloads": true,
        });
        let file = self.home.path().join(format!("{tag}.json"));
        std::fs::write(&file, values.to_string()).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// Makes the namespace of the tenant.
    pub(crate) async fn namespace(&self) {
        let namespace: Namespace = from(json!({ "metadata": { "name": NAMESPACE } }));
        Api::all(self.client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
    }

    /// Stores a token, as `kubectl apply` does it.
    pub(crate) async fn secret(&self, name: &str, token: &str) {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "stringData": { "token": token },
        });
        let params = PatchParams::apply("test").force();
        self.api::<Secret>().patch(name, &params, &Patch::Apply(secret)).await.unwrap();
    }

    /// Makes a connection that reads the Secret of its own name.
    pub(crate) async fn connection(&self, name: &str, spec: Value) {
        let mut connection = json!({ "metadata": { "name": name }, "spec": spec });
        connection["spec"]["secretRef"] = json!({ "name": name });
        let connection: GithubPatConnection = from(connection);
        self.api().create(&PostParams::default(), &connection).await.unwrap();
    }

    /// Waits until the last rotation of a connection is over.
    pub(crate) async fn until_safe_to_revoke(&self, name: &str) {
        let is_over = |connection: Option<&GithubPatConnection>| {
            let rotation = connection.and_then(|connection| connection.status.as_ref()?.rotation.as_ref());
            rotation.is_some_and(|rotation| rotation.phase == Phase::SafeToRevoke)
        };
        let waited = tokio::time::timeout(SOON, await_condition(self.api(), name, is_over)).await;
        waited.unwrap_or_else(|_| panic!("the rotation of {name} does not end")).unwrap();
    }

    /// What there is of the tenant's that the operator asks about and writes.
    pub(crate) async fn standing(&self) -> Standing {
        let connections = self.api::<GithubPatConnection>().list(&ListParams::default()).await.unwrap().items;
        let secrets = self.api::<Secret>().list(&ListParams::default()).await.unwrap().items;
        let of_connections = connections.iter().map(|one| (one.name_any(), one.resource_version().unwrap()));
        let of_secrets = secrets.iter().map(|one| (one.name_any(), one.resource_version().unwrap()));
        let due = connections
            .iter()
            .filter_map(|one| one.status.as_ref()?.next_check_at.clone())
            .map(|time| time.0)
            .min()
            .unwrap();
        Standing {
            asked: self.github.calls().len(),
            versions: of_connections.chain(of_secrets).collect(),
            due,
        }
    }

    /// Nothing was asked or written since.
    pub(crate) async fn stands_as(&self, before: &Standing) {
        assert!(
            Timestamp::now() < before.due,
            "a check has become due at {}: nobody can tell what else was asked",
            before.due
        );
        assert_eq!(&self.standing().await, before);
    }

    /// Lets no more Pods come to a node, or lets them come again, as `kubectl cordon` does it.
    pub(crate) async fn cordon(&self, node: &Node, closed: bool) {
        let patch = Patch::Merge(json!({ "spec": { "unschedulable": closed } }));
        let nodes = Api::<core::Node>::all(self.client.clone());
        nodes.patch(&node.name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// The objects of the tenant.
    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    /// The objects of the release.
    pub(crate) fn of_release<K>(&self) -> Api<K>
    where
        K: Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), RELEASE)
    }
}

/// The path of the chart.
pub(crate) fn chart() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/charts/github-pat-operator")
}

/// An object from its JSON.
pub(crate) fn from<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// The operator's image under two tags, so that there is one to upgrade to, from the archive in `NODE_TEST_IMAGE` if that is set; the one that scripts run in, and one that is to be pulled.
fn images(folder: &Path) -> Vec<PathBuf> {
    let operator = json!({
        "User": "65532:65532",
        "Entrypoint": ["/github-pat-operator"],
        "Cmd": ["run"],
        "Env": ["SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
    });
    let tags = ["1", "2"].map(|tag| format!("{IMAGE}:{tag}"));
    let busybox = Root::of_busybox(&node::program("bin/busybox"));
    // Another image to the kubelet, which lets nobody without credentials have what it has pulled with some.
    let scripts = |label: &str| json!({ "Env": ["PATH=/bin"], "Cmd": ["/bin/sleep", "1000000000"], "Labels": { "for": label } });
    let operator = match std::env::var_os("NODE_TEST_IMAGE") {
        Some(archive) => archive.into(),
        None => Root::of_the_operator().archive(&tags.each_ref().map(String::as_str), &operator, folder),
    };
    vec![
        operator,
        busybox.archive(&[BUSYBOX], &scripts("all"), folder),
        busybox.archive(&[PRIVATE], &scripts("some"), folder),
    ]
}

/// Passes connections to an address of this machine on to another one.
async fn forward(from: &str, to: SocketAddr) {
    let (address, _) = from.split_once(':').unwrap();
    printed(Command::new("ip").args(["address", "add", &format!("{address}/32"), "dev", "lo"]));
    let listener = TcpListener::bind(from).await.unwrap();
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let Ok(mut far) = TcpStream::connect(to).await else { return };
                // Whichever end breaks off, the other one sees its connection end.
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
}
