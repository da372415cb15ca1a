//! Sets the stage, plays steps on it, and watches whether each shows what it should.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use control_plane::{ControlPlane, Options, Port};
use futures::{StreamExt, pin_mut};
use github_pat_operator::{
    api::{self, GithubPatConnection},
    cluster::transport,
    run,
    settings::{Settings, SettingsInput},
};
use github_simulator::Simulator;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
    core::gvk::GroupVersionKind,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use serde_json::json;
use tokio::{sync::watch, task::JoinSet};

use super::{
    Failed, plugin,
    show::{self, Screen},
};

pub(crate) const NAMESPACE: &str = "demo";
/// By when a step must show what it should.
const DEADLINE: Duration = Duration::from_secs(60);
/// A watch of a definition that was deleted says nothing until it ends.
const WATCH_SECONDS: u32 = 20;

/// The running pieces, and what was seen of them.
pub(crate) struct Stage {
    /// Watches the connections. It stands first, so that it ends before the control plane does.
    _follower: JoinSet<()>,
    pub(crate) github: Simulator,
    plane: ControlPlane,
    pub(crate) client: Client,
    seen: Arc<Mutex<Seen>>,
    changed: watch::Receiver<()>,
    screen: Screen,
    results: Vec<(String, bool)>,
    /// Where the operator serves its metrics.
    operator: SocketAddr,
}

#[derive(Default)]
struct Seen {
    connections: BTreeMap<String, GithubPatConnection>,
    watched_over: BTreeSet<String>,
    shaken: BTreeSet<String>,
}

impl Seen {
    fn keep(&mut self, connection: GithubPatConnection) {
        let name = connection.name_any();
        let ready = connection.status.as_ref().and_then(|status| status.condition("Ready"));
        let is_ready = ready.is_some_and(|ready| ready.status == api::ConditionStatus::True);
        if self.watched_over.contains(&name) && !is_ready {
            self.shaken.insert(name.clone());
        }
        self.connections.insert(name, connection);
    }
}

/// What a step must show.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected {
    /// A condition of a connection: its name, type, status and reason.
    Condition(&'static str, &'static str, &'static str, &'static str),
    /// A line of the requirements of a connection: its name, and what the line says.
    Line(&'static str, &'static str),
    /// A field of the status of a connection: its name, the pointer to the field, and its value.
    Field(&'static str, &'static str, &'static str),
    /// A Secret whose key holds the token of this name.
    Output(&'static str, &'static str, &'static str),
    /// A Secret that exists.
    Secret(&'static str),
    /// A Secret that does not exist.
    NoSecret(&'static str),
    /// No question ever came without a token that the simulator made, nor about this account.
    NeverAsked(&'static str),
    /// None of the connections that are watched over was ever anything but Ready.
    NeverShaken,
    /// A connection of which GitHub has been asked, whatever came of it.
    Verdict(&'static str),
}

/// The connection is Ready or not, for this reason.
pub(crate) const fn ready(name: &'static str, status: &'static str, reason: &'static str) -> Expected {
    says(name, "Ready", status, reason)
}

/// A condition has this status and reason.
pub(crate) const fn says(
    name: &'static str,
    type_: &'static str,
    status: &'static str,
    reason: &'static str,
) -> Expected {
    Expected::Condition(name, type_, status, reason)
}

/// The requirements of the connection have this line.
pub(crate) const fn line(name: &'static str, says: &'static str) -> Expected {
    Expected::Line(name, says)
}

/// The field of the status of the connection has this value.
pub(crate) const fn field(name: &'static str, pointer: &'static str, value: &'static str) -> Expected {
    Expected::Field(name, pointer, value)
}

/// The key of the Secret holds the token of this name.
pub(crate) const fn output(secret: &'static str, key: &'static str, token: &'static str) -> Expected {
    Expected::Output(secret, key, token)
}

impl Expected {
    const fn line(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Expected::Line(name, says) => Some((name, says)),
            _ => None,
        }
    }

    const fn field(&self) -> Option<(&'static str, &'static str, &'static str)> {
        match self {
            Expected::Field(name, pointer, value) => Some((name, pointer, value)),
            _ => None,
        }
    }
}

impl Stage {
    /// Starts control plane, simulated GitHub and operator, and makes the resource known.
    pub(crate) async fn set() -> Result<Stage, Failed> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        show::line(
            "starting a control plane (etcd and kube-apiserver), a simulated GitHub and the operator …",
        )?;
        let plane = ControlPlane::start(Options::default()).await?;
        let client = plane.admin_client()?;
        plane.define(&api::definition()).await?;
        let github = Simulator::start().await?;
        let operator = Port::reserve()?.keep();
        operate(&plane, &client, &github, operator)?;
        let (sender, changed) = watch::channel(());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let _follower = JoinSet::from_iter([follow(client.clone(), seen.clone(), sender)]);
        let screen = Screen::new(client.clone());
        let mut stage =
            Stage { _follower, github, plane, client, seen, changed, screen, results: Vec::new(), operator };
        stage.apply(&["namespace.yaml"]).await?;
        Ok(stage)
    }

    /// Applies manifests of `examples/demo`, as `kubectl apply -f` would.
    pub(crate) async fn apply(&mut self, files: &[&str]) -> Result<(), Failed> {
        for file in files {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/demo").join(file);
            let manifest: serde_json::Value = serde_saphyr::from_str(&std::fs::read_to_string(path)?)?;
            self.apply_value(manifest).await?;
        }
        Ok(())
    }

    async fn apply_value(&self, manifest: serde_json::Value) -> Result<(), Failed> {
        let object: DynamicObject = serde_json::from_value(manifest)?;
        let types = object.types.clone().ok_or("a manifest without kind")?;
        let resource = kube::core::ApiResource::from_gvk(&GroupVersionKind::try_from(types)?);
        let api: Api<DynamicObject> = match object.namespace() {
            Some(namespace) => Api::namespaced_with(self.client.clone(), &namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        };
        let params =
            PatchParams { field_validation: Some(kube::api::ValidationDirective::Strict), ..apply() };
        api.patch(&object.name_any(), &params, &Patch::Apply(&object)).await?;
        Ok(())
    }

    /// Puts a value under the key `token` of a Secret, as `kubectl create secret generic` would.
    pub(crate) async fn store(&self, secret: &str, value: &str) -> Result<(), Failed> {
        let manifest = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": { "name": secret, "namespace": NAMESPACE },
            "stringData": { "token": value },
        });
        self.apply_value(manifest).await
    }

    /// A connection that asks the real GitHub.
    pub(crate) async fn connect_to_github_com(&self, name: &str, secret: &str) -> Result<(), Failed> {
        let manifest = json!({
            "apiVersion": "githubpat.dev/v1alpha1",
            "kind": "GithubPatConnection",
            "metadata": { "name": name, "namespace": NAMESPACE },
            "spec": { "host": "github.com", "secretRef": { "name": secret } },
        });
        self.apply_value(manifest).await
    }

    /// From now on these must stay Ready.
    pub(crate) fn watch_over(&self, names: &[&str]) {
        self.seen().watched_over.extend(names.iter().map(|name| (*name).to_owned()));
    }

    /// Tells what was done and what to look at, and watches until it shows.
    pub(crate) async fn step(&mut self, done: &str, look: &str, expected: &[Expected]) -> Result<(), Failed> {
        let number = self.results.len().saturating_add(1);
        self.screen.say(&format!("{number:>2}. {done}\n    → {look}"))?;
        let deadline = tokio::time::Instant::now().checked_add(DEADLINE).ok_or("no such instant")?;
        let mut missing = self.missing(expected).await?;
        while !missing.is_empty() {
            self.draw().await?;
            if tokio::time::timeout_at(deadline, self.changed.changed()).await.is_err() {
                break;
            }
            missing = self.missing(expected).await?;
        }
        self.draw().await?;
        self.screen.settle();
        // The table has the reason of Ready and no line of the requirements.
        for (name, says) in expected.iter().filter_map(|expected| expected.line()) {
            if self.lines(name).iter().any(|line| line == says) {
                show::line(&format!("    {name}: {says}"))?;
            }
        }
        for (name, pointer, value) in expected.iter().filter_map(|expected| expected.field()) {
            if self.field(name, pointer).as_deref() == Some(value) {
                show::line(&format!("    {name}: status{} is {value}", pointer.replace('/', ".")))?;
            }
        }
        for expectation in &missing {
            show::line(&format!("    did not show: {expectation:?}"))?;
        }
        self.results.push((done.to_owned(), missing.is_empty()));
        Ok(())
    }

    /// Prints what was shown; true if everything was.
    pub(crate) fn sum_up(&self) -> Result<bool, Failed> {
        let shown = self.results.iter().filter(|(_, shown)| *shown).count();
        show::line(&format!("\n{shown} of {} steps showed what they should:", self.results.len()))?;
        for (number, (done, shown)) in self.results.iter().enumerate() {
            let mark = if *shown { "ok    " } else { "FAILED" };
            show::line(&format!("  {mark} {:>2}. {done}", number.saturating_add(1)))?;
        }
        Ok(shown == self.results.len())
    }

    /// Shows the table until Ctrl-C.
    pub(crate) async fn keep_showing(mut self) -> Result<ExitCode, Failed> {
        self.tell_what_to_try()?;
        loop {
            self.draw().await?;
            self.changed.changed().await?;
        }
    }

    /// Serves the plugin's page of this cluster until Ctrl-C.
    pub(crate) async fn show_page(self) -> Result<ExitCode, Failed> {
        self.tell_what_to_try()?;
        plugin::page(self.plane.admin_kubeconfig(), self.plane.directory()).await
    }

    fn tell_what_to_try(&self) -> Result<(), Failed> {
        show::line(
            "\nEverything keeps running. Look around in another terminal, and end it here with Ctrl-C:\n",
        )?;
        show::line(&format!("  export KUBECONFIG={}", self.plane.admin_kubeconfig().display()))?;
        show::line("  kubectl get ghpat -A -o wide")?;
        show::line("  (no controller manager runs here, so outputs outlive a connection that you delete)")?;
        show::line(&format!(
            "  the operator's log: {}",
            self.plane.directory().join("operator.log").display()
        ))?;
        show::line(&format!("  the operator's metrics: http://{}/metrics", self.operator))?;
        show::line(
            "  the simulated GitHub makes and revokes tokens on demand, as tests/github-simulator/example.yaml tells:",
        )?;
        show::line(&format!(
            "    curl -d '{{\"name\": \"mine\", \"login\": \"acme-ci\", \"kind\": \"classic\", \"scopes\": [\"repo\"]}}' {}/_simulator/tokens\n",
            self.github.url()
        ))?;
        plugin::commands(&self.github, self.plane.directory())
    }

    /// Draws the table. That it cannot be had, as while the CustomResourceDefinition is away, is said and ends nothing.
    async fn draw(&mut self) -> Result<(), Failed> {
        let Err(error) = self.screen.draw().await else { return Ok(()) };
        self.screen.settle();
        show::line(&format!("the table cannot be shown now: {}", show::plain(&*error)))
    }

    async fn missing(&self, expected: &[Expected]) -> Result<Vec<Expected>, Failed> {
        let mut missing = Vec::new();
        for expectation in expected {
            if !self.holds(*expectation).await? {
                missing.push(*expectation);
            }
        }
        Ok(missing)
    }

    async fn holds(&self, expected: Expected) -> Result<bool, Failed> {
        let secrets = Api::<Secret>::namespaced(self.client.clone(), NAMESPACE);
        Ok(match expected {
            Expected::Condition(name, type_, status, reason) => {
                let condition = self.condition(name, type_);
                condition.is_some_and(|(s, r)| s == status && r == reason)
            }
            Expected::Line(name, says) => self.lines(name).iter().any(|line| line == says),
            Expected::Field(name, pointer, value) => self.field(name, pointer).as_deref() == Some(value),
            Expected::Output(secret, key, token) => {
                let data = secrets.get_opt(secret).await?.and_then(|secret| secret.data).unwrap_or_default();
                let text = self.github.token_text(token);
                text.is_some() && data.get(key).map(|value| value.0.clone()) == text.map(String::into_bytes)
            }
            Expected::Secret(name) => secrets.get_metadata_opt(name).await?.is_some(),
            Expected::NoSecret(name) => secrets.get_metadata_opt(name).await?.is_none(),
            Expected::NeverAsked(name) => {
                let strangers =
                    |call: &github_simulator::Call| call.token.as_deref().is_none_or(|token| token == name);
                !self.github.calls().iter().any(strangers)
            }
            Expected::NeverShaken => self.seen().shaken.is_empty(),
            Expected::Verdict(name) => {
                let condition = self.condition(name, "Ready");
                condition.is_some_and(|(_, reason)| reason != "Pending" && reason != "NotAskedYet")
            }
        })
    }

    fn condition(&self, name: &str, type_: &str) -> Option<(String, String)> {
        let seen = self.seen();
        let connection = seen.connections.get(name)?;
        let condition = connection.status.as_ref()?.condition(type_)?;
        Some((condition.status.as_str().to_owned(), condition.reason.clone()))
    }

    fn field(&self, name: &str, pointer: &str) -> Option<String> {
        let seen = self.seen();
        let status = serde_json::to_value(seen.connections.get(name)?.status.as_ref()?).ok()?;
        let value = status.pointer(pointer)?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    fn lines(&self, name: &str) -> Vec<String> {
        let seen = self.seen();
        let lines = seen.connections.get(name).and_then(|connection| connection.status.as_ref());
        let lines = lines.into_iter().flat_map(|status| &status.requirements);
        lines.map(|line| format!("{:?} {}: {:?} {}", line.kind, line.name, line.state, line.reason)).collect()
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps what the API server says of the connections. Whatever is done to the cluster, as the CustomResourceDefinition deleted or
/// replaced, is said once, and does not end it.
async fn follow(client: Client, seen: Arc<Mutex<Seen>>, changed: watch::Sender<()>) {
    let connections = Api::<GithubPatConnection>::all(client);
    let events = watcher(connections, watcher::Config::default().timeout(WATCH_SECONDS)).default_backoff();
    pin_mut!(events);
    let mut is_away = false;
    while let Some(event) = events.next().await {
        // Whoever no longer reads misses nothing.
        match event {
            Ok(Event::Init) => continue,
            Ok(event) => {
                if is_away {
                    let _ = show::line("the connections are watched again");
                }
                is_away = false;
                if let Event::Apply(connection) | Event::InitApply(connection) = event {
                    seen.lock().unwrap_or_else(PoisonError::into_inner).keep(connection);
                }
            }
            Err(_) if is_away => continue,
            Err(error) => {
                let _ =
                    show::line(&format!("the connections cannot be watched now: {}", show::plain(&error)));
                is_away = true;
            }
        }
        changed.send_replace(());
    }
}

/// Runs the operator in this process, its log in a file beside those of the control plane.
fn operate(
    plane: &ControlPlane,
    client: &Client,
    github: &Simulator,
    listen: SocketAddr,
) -> Result<(), Failed> {
    let path = plane.directory().join("settings.yaml");
    // It is its own registry.
    let (url, registry) = (github.url(), github.address());
    let host = format!("{{ name: github.simulated, apiUrl: '{url}', registry: '{registry}' }}");
    std::fs::write(
        &path,
        // The demo revokes more tokens in two minutes than a namespace may spend failed logins on in an hour by default.
        format!(
            "hosts: [{host}]\nminimumInterval: 10s\nconfirmAfter: 2s\nfailedLoginsPerNamespace: 20\nlisten: {listen}\n"
        ),
    )?;
    let settings = Settings::new(SettingsInput::default(), SettingsInput::read(&path)?)?;
    let log = std::fs::File::create(plane.directory().join("operator.log"))?;
    tracing_subscriber::fmt().with_ansi(false).with_writer(Mutex::new(log)).try_init()?;
    let namespace = client.default_namespace().to_owned();
    let transport = transport::of(client.clone());
    tokio::spawn(run::operate(transport, namespace, settings, None, std::future::pending()));
    Ok(())
}

fn apply() -> PatchParams {
    PatchParams::apply("demo").force()
}
