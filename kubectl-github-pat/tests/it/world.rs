//! One cluster, one GitHub and one operator for all tests, each of which has a namespace of its own.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::{OnceLock, mpsc},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use control_plane::{ControlPlane, Options};
use github_pat_operator::{
    api::{self, CandidateStatus, ConditionStatus, GithubPatConnection},
    cluster::transport,
    run,
    settings::{Settings, SettingsInput, from_yaml},
};
use github_simulator::Simulator;
use k8s_openapi::{
    api::core::v1::{Namespace, Secret},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
    runtime::wait::{await_condition, conditions::is_crd_established},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, process::Command};

/// The program.
pub(crate) const PLUGIN: &str = env!("CARGO_BIN_EXE_kubectl-github_pat");
/// How long anything may take that should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// Where the operator looks after connections; a test has those that begin with its name.
const NAMESPACES: &[&str] = &[
    "audit",
    "audit-blind",
    "audit-half",
    "complete",
    "connect",
    "hostile",
    "looks",
    "order",
    "rights",
    "rotate",
    "ui",
    "ui-half",
    "waits",
];
/// Where nobody does, so that a status stays as a test writes it.
pub(crate) const UNWATCHED: &str = "unwatched";

/// What all tests share.
pub(crate) struct World {
    pub(crate) plane: ControlPlane,
    pub(crate) github: Simulator,
    /// The settings file, which knows the simulated GitHub as the host `simulated`.
    pub(crate) settings: PathBuf,
    pub(crate) folder: TempDir,
}

/// A namespace, and a client that belongs to one test.
pub(crate) struct Place {
    pub(crate) world: &'static World,
    pub(crate) client: Client,
    pub(crate) namespace: &'static str,
}

/// How the plugin ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    /// The one world, which the first test starts.
    pub(crate) fn get() -> &'static World {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(|| {
            let (sender, receiver) = mpsc::channel();
            // What goes on in the world outlives the runtime of the test that starts it.
            std::thread::spawn(move || {
                let runtime =
                    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
                runtime.unwrap().block_on(World::run(&sender));
            });
            receiver.recv().unwrap()
        })
    }

    async fn run(started: &mpsc::Sender<World>) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let plane = ControlPlane::start(Options { audit: true, ..Options::default() }).await.unwrap();
        let client = plane.admin_client().unwrap();
        let definitions = Api::<CustomResourceDefinition>::all(client.clone());
        definitions.create(&PostParams::default(), &api::definition()).await.unwrap();
        let established =
            await_condition(definitions, "githubpatconnections.githubpat.dev", is_crd_established());
        tokio::time::timeout(SOON, established).await.unwrap().unwrap();
        for name in NAMESPACES.iter().chain([&UNWATCHED]) {
            let namespace: Namespace = from(json!({ "metadata": { "name": name } }));
            Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
        }
        let github = Simulator::start().await.unwrap();
        let url = github.url();
        let watched = NAMESPACES.join(", ");
        let text = format!(
            "hosts: [{{ name: simulated, apiUrl: '{url}', registry: registry.example }}]\nminimumInterval: 10s\nconfirmAfter: 1s\n\
             watchNamespaces: [{watched}]\nlisten: 127.0.0.1:0\n"
        );
        let input: SettingsInput = from_yaml(&text).unwrap();
        let settings = Settings::new(SettingsInput::default(), input).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.yaml");
        std::fs::write(&path, text).unwrap();
        started.send(World { plane, github, settings: path, folder }).unwrap();
        let namespace = client.default_namespace().to_owned();
        let ended =
            run::operate(transport::of(client), namespace, settings, None, std::future::pending()).await;
        panic!("the operator ended: {ended:?}");
    }

    /// The namespace of a test.
    pub(crate) fn place(namespace: &'static str) -> Place {
        let world = World::get();
        assert!(NAMESPACES.contains(&namespace) || namespace == UNWATCHED, "{namespace} does not exist");
        Place { world, client: world.plane.admin_client().unwrap(), namespace }
    }

    /// A new file.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(format!("{}-{name}", fastrand::u64(..)));
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Place {
    pub(crate) fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), self.namespace)
    }

    pub(crate) fn connections(&self) -> Api<GithubPatConnection> {
        Api::namespaced(self.client.clone(), self.namespace)
    }

    /// Creates the Secret with this value under the key `token`, or puts the value into it.
    pub(crate) async fn secret(&self, name: &str, value: &str) {
        let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "stringData": { "token": value } });
        let params = PatchParams::apply("test").force();
        self.secrets().patch(name, &params, &Patch::Apply(secret)).await.unwrap();
    }

    /// Creates a connection on the simulated host that reads the Secret `NAME-pat`.
    pub(crate) async fn connection(&self, name: &str, spec: Value) {
        let mut whole =
            json!({ "host": "simulated", "secretRef": { "name": format!("{name}-pat") }, "interval": "10s" });
        for (key, value) in spec.as_object().unwrap() {
            whole[key] = value.clone();
        }
        let connection = from(json!({ "metadata": { "name": name }, "spec": whole }));
        self.connections().create(&PostParams::default(), &connection).await.unwrap();
    }

    /// Writes a status, where no operator does.
    pub(crate) async fn status(&self, name: &str, status: Value) {
        let patch = Patch::Merge(json!({ "status": status }));
        self.connections().patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// The connection once Ready has this reason.
    pub(crate) async fn until(&self, name: &str, reason: &str) -> GithubPatConnection {
        let is_so = |seen: Option<&GithubPatConnection>| {
            let status = seen.and_then(|seen| seen.status.as_ref());
            let ready = status.and_then(|status| status.condition("Ready"));
            seen.is_some_and(GithubPatConnection::is_judged)
                && ready.is_some_and(|ready| ready.reason == reason)
        };
        let waited = tokio::time::timeout(SOON, await_condition(self.connections(), name, is_so)).await;
        match waited {
            Ok(seen) => seen.unwrap().unwrap(),
            Err(_) => panic!("{name} did not become {reason}: {:?}", self.connections().get(name).await),
        }
    }

    /// Returns once the second candidate of the connection is usable.
    pub(crate) async fn stands_by(&self, name: &str) {
        self.until_candidate(name, |next| next.usable == ConditionStatus::True).await;
    }

    /// Returns once the second candidate of the connection is not usable for this reason.
    pub(crate) async fn until_standby(&self, name: &str, reason: &str) {
        self.until_candidate(name, |next| next.usable == ConditionStatus::False && next.reason == reason)
            .await;
    }

    async fn until_candidate(&self, name: &str, is_so: impl Fn(&CandidateStatus) -> bool) {
        let is_so = |seen: Option<&GithubPatConnection>| {
            let status = seen.and_then(|seen| seen.status.as_ref());
            status.and_then(|status| status.candidates.get(1)).is_some_and(&is_so)
        };
        let waited = await_condition(self.connections(), name, is_so);
        tokio::time::timeout(SOON, waited).await.unwrap().unwrap();
    }

    /// Runs the plugin as administrator in this namespace.
    pub(crate) async fn plugin(&self, arguments: &[&str]) -> Ended {
        self.plugin_as(self.world.plane.admin_kubeconfig().to_path_buf(), arguments).await
    }

    /// Runs it with this kubeconfig.
    pub(crate) async fn plugin_as(&self, kubeconfig: PathBuf, arguments: &[&str]) -> Ended {
        self.plugin_with(&kubeconfig, arguments, b"").await
    }

    /// Runs it with this kubeconfig, the settings of the world, and this on standard input.
    pub(crate) async fn plugin_with(&self, kubeconfig: &Path, arguments: &[&str], input: &[u8]) -> Ended {
        let arguments = [arguments, &["-n", self.namespace]].concat();
        run_with(&arguments, &self.variables(kubeconfig), input).await
    }

    /// What the environment of the plugin has.
    pub(crate) fn variables<'a>(&'a self, kubeconfig: &'a Path) -> [(&'static str, &'a str); 2] {
        let settings = self.world.settings.to_str().unwrap();
        [("KUBECONFIG", kubeconfig.to_str().unwrap()), ("GITHUB_PAT_OPERATOR_CONFIG", settings)]
    }

    /// The names of the Secrets of this namespace that begin so, and of the connections.
    pub(crate) async fn names(&self, prefix: &str) -> Vec<String> {
        let all = ListParams::default();
        let secrets = self.secrets().list(&all).await.unwrap().items.into_iter().map(|it| it.name_any());
        let connections =
            self.connections().list(&all).await.unwrap().items.into_iter().map(|it| it.name_any());
        let mut names: Vec<_> = secrets.chain(connections).filter(|name| name.starts_with(prefix)).collect();
        names.sort();
        names
    }

    /// The value of a key of a Secret, if there is such a Secret.
    pub(crate) async fn value(&self, secret: &str, key: &str) -> Option<String> {
        let data = self.secrets().get_opt(secret).await.unwrap()?.data?;
        data.get(key).map(|value| String::from_utf8(value.0.clone()).unwrap())
    }
}

/// Fails if the token, or a long part of it, plain or in base64, stands in the text.
#[track_caller]
pub(crate) fn holds_no(text: &str, token: &str) {
    let parts = token.as_bytes().windows(12).map(|part| str::from_utf8(part).unwrap());
    // What a prefix such as github_pat_ is part of says nothing.
    for part in parts.filter(|part| !part.starts_with("github_pat_")) {
        assert!(!text.contains(part), "a part of the token is in {}", text.replace(part, "TOKEN"));
    }
    let encoded = BASE64_STANDARD.encode(token);
    assert!(!text.contains(&encoded[..encoded.len() - 4]), "the token is there in base64");
}

/// Runs the plugin with nothing in its environment but these variables.
pub(crate) async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    run_with(arguments, variables, b"").await
}

/// The same with this on standard input.
pub(crate) async fn run_with(arguments: &[&str], variables: &[(&str, &str)], input: &[u8]) -> Ended {
    let mut command = Command::new(PLUGIN);
    command.args(arguments).env_clear().envs(variables.iter().copied()).kill_on_drop(true);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Who wants no input may have hung up.
    let _ = child.stdin.take().unwrap().write_all(input).await;
    let ended = tokio::time::timeout(2 * SOON, child.wait_with_output()).await;
    let Output { status, stdout, stderr } = ended.unwrap().unwrap();
    Ended {
        code: status.code().unwrap(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

pub(crate) fn from<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// Fails if the token stands in the arguments or the environment of the process or of one that it has started, as far as others may look.
#[track_caller]
pub(crate) fn processes_hold_no(process: u32, token: &str) {
    // Of one that has ended nothing would be found.
    let arguments = std::fs::read(format!("/proc/{process}/cmdline")).unwrap();
    assert!(!arguments.is_empty(), "it has ended");
    let mut open = vec![process];
    while let Some(process) = open.pop() {
        for name in ["cmdline", "environ"] {
            match std::fs::read(format!("/proc/{process}/{name}")) {
                Ok(text) => holds_no(&String::from_utf8_lossy(&text), token),
                // Whoever is not root may not even look; one that was started may have ended.
                Err(error) => assert!(
                    [ErrorKind::PermissionDenied, ErrorKind::NotFound].contains(&error.kind()),
                    "{name}: {error}"
                ),
            }
        }
        let tasks = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            open.extend(children.split_whitespace().map(|child| child.parse::<u32>().unwrap()));
        }
    }
}
