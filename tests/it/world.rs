//! A cluster, a GitHub and the operator's own binary between them, for one test.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use control_plane::{AuditEvent, Guarded, Launch, Options, Pool, Pooled, Port};
use futures::{StreamExt, pin_mut};
use github_pat_operator::api::{self, Condition, GithubPatConnection};
use github_simulator::Simulator;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt, wait::await_condition, watcher},
};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    mode::Mode,
    release::{Rights, is_account},
};

/// How long anything may take that should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(90);
/// What the chart has Kubernetes tell the operator of its Pod.
const POD: [(&str, &str); 2] = [("POD_NAME", "operator-0"), ("POD_UID", "7")];
/// Where the connections of most tests live.
pub(crate) const NAMESPACE: &str = "team-a";

/// Those that earlier tests have left.
static PLANES: Pool = Pool::new();

/// A cluster that knows the resource, and a GitHub.
pub(crate) struct World {
    pub(crate) plane: Pooled,
    pub(crate) github: Simulator,
    pub(crate) client: Client,
    /// Further hosts, by the names that connections call them.
    others: Vec<(String, Simulator)>,
    /// What the operators may do.
    pub(crate) rights: Rights,
    /// What stands in the environment of operators that are started later.
    pub(crate) environment: Vec<(&'static str, OsString)>,
    /// What operators that are started later are.
    pub(crate) program: PathBuf,
    mode: Mode,
    directory: TempDir,
}

/// A running operator; ended when dropped.
pub(crate) struct Operator {
    process: Guarded,
    _port: Port,
    pub(crate) url: String,
    /// The file that has its settings.
    pub(crate) settings: PathBuf,
    log: PathBuf,
}

impl World {
    pub(crate) async fn start() -> World {
        World::with(Options::default()).await
    }

    /// For a test that reads the audit log, which every world has.
    pub(crate) async fn audited() -> World {
        World::start().await
    }

    pub(crate) async fn with(options: Options) -> World {
        // Several TLS users in one process: the first one installs the provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let collector = options.controller_manager;
        // What is refused must be known.
        let options = Options { controller_manager: false, audit: true, ..options };
        let taken = PLANES.take(options, async |plane| plane.define(&api::definition()).await.unwrap()).await;
        let mut plane = taken.unwrap();
        let client = plane.admin_client().unwrap();
        if collector {
            plane.start_controller_manager().await.unwrap();
        }
        let github = Simulator::start().await.unwrap();
        let (others, rights, directory) = (Vec::new(), Rights::default(), tempfile::tempdir().unwrap());
        let mode = Mode::of_this_test();
        let (environment, program) = (Vec::new(), env!("CARGO_BIN_EXE_github-pat-operator").into());
        let world = World { plane, github, client, others, rights, environment, program, mode, directory };
        world.namespace(NAMESPACE).await;
        world
    }

    /// Another GitHub beside the first, for operators that are started later.
    pub(crate) async fn another_host(&mut self, name: &str) {
        self.others.push((name.to_owned(), Simulator::start().await.unwrap()));
    }

    /// The other GitHub of this name.
    pub(crate) fn host(&self, name: &str) -> &Simulator {
        &self.others.iter().find(|(known, _)| known == name).unwrap().1
    }

    pub(crate) async fn namespace(&self, name: &str) {
        let namespace: Namespace = from(json!({ "metadata": { "name": name } }));
        Api::<Namespace>::all(self.client.clone()).create(&PostParams::default(), &namespace).await.unwrap();
        self.rights.namespace(&self.client, name).await;
    }

    pub(crate) fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    pub(crate) fn connections(&self) -> Api<GithubPatConnection> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    /// Creates the Secret with this value under the key `token`, or puts the value into it.
    pub(crate) async fn secret(&self, name: &str, value: &str) {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "stringData": { "token": value },
        });
        let params = PatchParams::apply("test").force();
        self.secrets().patch(name, &params, &Patch::Apply(secret)).await.unwrap();
    }

    /// The value of a key of a Secret, if there is such a Secret.
    pub(crate) async fn value(&self, secret: &str, key: &str) -> Option<String> {
        let data = self.secrets().get_opt(secret).await.unwrap()?.data?;
        data.get(key).map(|value| String::from_utf8(value.0.clone()).unwrap())
    }

    /// Creates a connection on the simulated host that reads the Secret of its own name.
    pub(crate) async fn connection(&self, name: &str, spec: serde_json::Value) -> GithubPatConnection {
        let connection = from(json!({
            "metadata": { "name": name },
            "spec": merged(json!({ "host": "simulated", "secretRef": { "name": name }, "interval": "10s" }), spec),
        }));
        self.connections().create(&PostParams::default(), &connection).await.unwrap()
    }

    /// Changes fields of the spec.
    pub(crate) async fn change(&self, name: &str, spec: serde_json::Value) -> GithubPatConnection {
        let patch = Patch::Merge(json!({ "spec": spec }));
        self.connections().patch(name, &PatchParams::default(), &patch).await.unwrap()
    }

    /// The connection once it is so; the test fails with what was seen last if it does not become so soon.
    pub(crate) async fn until(
        &self,
        name: &str,
        reached: impl Fn(&GithubPatConnection) -> bool,
    ) -> GithubPatConnection {
        let seen = self.comes_to_be(name, reached).await;
        if let Some(seen) = seen {
            return seen;
        }
        let last = self.connections().get(name).await.ok();
        panic!("{name} did not become so; last seen: {}", shown(last.as_ref()))
    }

    /// The same; `None` if it does not become so soon.
    pub(crate) async fn comes_to_be(
        &self,
        name: &str,
        reached: impl Fn(&GithubPatConnection) -> bool,
    ) -> Option<GithubPatConnection> {
        let seen = tokio::time::timeout(SOON, async {
            let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
            let events = watcher(self.connections(), config).default_backoff().applied_objects();
            pin_mut!(events);
            while let Some(event) = events.next().await {
                let Ok(connection) = event else { continue };
                if reached(&connection) {
                    return connection;
                }
            }
            unreachable!("a watch does not end")
        })
        .await;
        seen.ok()
    }

    /// The condition once it has this status and reason, and speaks of the present generation; its message in full.
    pub(crate) async fn condition(&self, name: &str, type_: &str, status: &str, reason: &str) -> Condition {
        let connection = self.until(name, |seen| is_so(seen, type_, status, reason)).await;
        let status = connection.status.unwrap();
        Condition {
            message: status.message(type_).unwrap().to_owned(),
            ..status.condition(type_).unwrap().clone()
        }
    }

    /// The connection once it is Ready, for this reason.
    pub(crate) async fn ready(&self, name: &str, status: &str, reason: &str) -> GithubPatConnection {
        self.until(name, |seen| is_so(seen, "Ready", status, reason)).await
    }

    /// Waits until the Secret is so; `None` stands for one that does not exist.
    pub(crate) async fn secret_until(&self, name: &str, reached: impl Fn(Option<&Secret>) -> bool) {
        let reached = |secret: Option<&Secret>| reached(secret);
        let waited = tokio::time::timeout(SOON, await_condition(self.secrets(), name, reached)).await;
        waited.unwrap_or_else(|_| panic!("Secret {name} did not become so")).unwrap();
    }

    /// An operator with the rights of the chart, asking the simulated GitHub.
    pub(crate) async fn operator(&self) -> Operator {
        self.operator_with(&[]).await
    }

    /// The same with more flags.
    pub(crate) async fn operator_with(&self, flags: &[&str]) -> Operator {
        self.operator_as(self.account(&self.settings(), flags).await, flags).await
    }

    /// An operator with this kubeconfig and more flags.
    pub(crate) async fn operator_as(&self, kubeconfig: PathBuf, flags: &[&str]) -> Operator {
        self.operator_of(kubeconfig, &self.settings(), flags).await
    }

    /// An operator with the rights of the chart and these settings.
    pub(crate) async fn operator_with_settings(&self, settings: &str) -> Operator {
        self.operator_of(self.account(settings, &[]).await, settings, &[]).await
    }

    async fn operator_of(&self, kubeconfig: PathBuf, settings: &str, flags: &[&str]) -> Operator {
        let operator = self.unready_operator(kubeconfig, settings, flags);
        operator.wait_until_ready().await;
        operator
    }

    /// An operator that may never become ready.
    pub(crate) fn unready_operator(&self, kubeconfig: PathBuf, settings: &str, flags: &[&str]) -> Operator {
        let port = Port::reserve().unwrap();
        let listen = port.address().to_string();
        let settings = self.file("settings.yaml", settings);
        let log = self.directory.path().join(format!("operator-{}.log", fastrand::u64(..)));
        let launch = POD
            .into_iter()
            .fold(Launch::new(&self.program), |launch, (name, value)| launch.variable(name, value));
        let launch =
            self.environment.iter().fold(launch, |launch, (name, value)| launch.variable(name, value));
        // Its Lease is where its Pod is.
        let mut after = flags.iter().skip_while(|flag| **flag != "--lease-namespace");
        let launch = launch.variable("POD_NAMESPACE", after.nth(1).unwrap_or(&NAMESPACE));
        let launch = launch
            .arguments(["run", "--listen", &listen, "--config", settings.to_str().unwrap()])
            .arguments(flags.iter().copied())
            .variable("KUBECONFIG", kubeconfig)
            .output(&log, &log);
        Operator {
            process: Guarded::spawn(&launch).unwrap(),
            _port: port,
            url: format!("http://{listen}"),
            settings,
            log,
        }
    }

    /// Settings under which the simulated GitHub is asked often, in the mode of this run.
    ///
    /// Each purpose of a token is asked about again at instants of its own, `proofInterval` apart. Texts of tokens are random, so an
    /// instant may lie within a test that counts questions. The longest interval makes that the rarest.
    pub(crate) fn settings(&self) -> String {
        let url = self.github.url();
        let mut hosts = format!("{{ name: simulated, apiUrl: '{url}', registry: registry.example }}");
        for (name, host) in &self.others {
            hosts += &format!(", {{ name: {name}, apiUrl: '{}', registry: registry.{name} }}", host.url());
        }
        let mode = self.of_mode();
        format!("hosts: [{hosts}]\nminimumInterval: 10s\nconfirmAfter: 1s\nproofInterval: 168h\n{mode}")
    }

    /// What settings that a test writes by itself need, so that the operator works in the mode of this run.
    pub(crate) fn of_mode(&self) -> String {
        self.mode.settings(&self.rights.namespaces())
    }

    /// A file in the folder of this world.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(format!("{}-{name}", fastrand::u32(..)));
        std::fs::write(&path, text).unwrap();
        path
    }

    /// How many questions about this token came so far.
    pub(crate) fn asked(&self, token: &str) -> usize {
        self.github.calls().iter().filter(|call| call.token.as_deref() == Some(token)).count()
    }

    /// Waits until so many questions about this token came.
    pub(crate) async fn until_asked(&self, token: &str, times: usize) {
        let counted = |calls: &[github_simulator::Call]| {
            calls.iter().filter(|call| call.token.as_deref() == Some(token)).count() >= times
        };
        assert!(
            self.github.wait_until(SOON, counted).await,
            "{token} was asked about {} times",
            self.asked(token)
        );
    }

    /// What the operator asked of the API server so far, from the audit log.
    pub(crate) fn requests(&self) -> Vec<AuditEvent> {
        self.plane.audit().unwrap().into_iter().filter(|event| is_account(&event.user)).collect()
    }

    /// Waits until the audit log has so many writes of the operator: it tells of a request a moment after its effect is seen.
    pub(crate) async fn until_written(&self, count: usize) -> Vec<(String, String, String)> {
        let told = async {
            while self.writes().len() < count {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(SOON, told).await;
        assert!(waited.is_ok(), "{count} writes were expected, and there are {:?}", self.writes());
        self.writes()
    }

    /// What the operator wrote so far, as verb, resource and name.
    pub(crate) fn writes(&self) -> Vec<(String, String, String)> {
        let written = self.requests().into_iter().filter(AuditEvent::is_write);
        written.map(|event| (event.verb, event.resource, event.name)).collect()
    }
}

impl Operator {
    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until it has logged these words.
    pub(crate) async fn until_logged(&self, words: &str) {
        let logged = async {
            while !self.log().contains(words) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(SOON, logged).await;
        assert!(waited.is_ok(), "{words:?} was not logged: {}", self.log());
    }

    /// Its process, to be ended or stopped in other ways.
    pub(crate) fn process(&mut self) -> &mut Guarded {
        &mut self.process
    }

    /// Ends it as a cluster would.
    pub(crate) async fn stop(mut self) -> String {
        self.process.terminate().unwrap();
        let status = self.process.wait(Duration::from_secs(10)).await.unwrap();
        assert!(status.success(), "{status}: {}", self.log());
        self.log()
    }

    pub(crate) async fn wait_until_ready(&self) {
        let probe = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let answered = async {
            loop {
                let answer = probe.get(format!("{}/readyz", self.url)).send().await;
                if answer.is_ok_and(|answer| answer.status().is_success()) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(SOON, answered).await;
        assert!(waited.is_ok(), "the operator did not become ready: {}", self.log());
    }
}

impl Drop for Operator {
    /// What it said last tells why a test failed.
    fn drop(&mut self) {
        const LINES: usize = 20;
        const CHARACTERS: usize = 300;
        if !std::thread::panicking() {
            return;
        }
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        eprintln!("the operator at {} logged {} lines, of which these are the last:", self.url, lines.len());
        for line in lines.iter().skip(lines.len().saturating_sub(LINES)) {
            eprintln!("  {}", line.chars().take(CHARACTERS).collect::<String>());
        }
    }
}

pub(crate) fn is_so(seen: &GithubPatConnection, type_: &str, status: &str, reason: &str) -> bool {
    let condition = seen.status.as_ref().and_then(|status| status.condition(type_));
    condition.is_some_and(|condition| {
        condition.status.as_str() == status
            && condition.reason == reason
            && condition.observed_generation == seen.metadata.generation
    })
}

/// Conditions as one line each, for the message of a failed test.
fn shown(connection: Option<&GithubPatConnection>) -> String {
    let Some(connection) = connection else { return "nothing".to_owned() };
    let conditions = connection.status.iter().flat_map(|status| &status.conditions);
    let lines =
        conditions.map(|seen| format!("{} {:?} {}: {}", seen.type_, seen.status, seen.reason, seen.message));
    let rotation = connection.status.as_ref().and_then(|status| status.rotation.as_ref());
    format!(
        "{} at {:?}\n{}\n{rotation:?}",
        connection.name_any(),
        connection.metadata.generation,
        lines.collect::<Vec<_>>().join("\n")
    )
}

pub(crate) fn from<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

pub(crate) fn merged(mut base: serde_json::Value, more: serde_json::Value) -> serde_json::Value {
    for (key, value) in more.as_object().unwrap() {
        base[key] = value.clone();
    }
    base
}

/// An address at which nobody listens who is not told to.
pub(crate) fn free_address() -> String {
    Port::reserve().unwrap().keep().to_string()
}
