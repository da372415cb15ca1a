//! The chart as Helm renders it, and the rights that it grants the operators of tests: those that come with their settings.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clap::Parser;
use control_plane::{AuditEvent, Program, binaries};
use futures::future::join_all;
use github_pat_operator::settings::{SecretScope, Settings, SettingsInput, from_yaml};
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use serde_json::{Value, json};

use crate::world::{NAMESPACE, SOON, World, from};

/// The name of the release, after which its objects are named, and the namespace that tests of the chart install it in.
pub(crate) const RELEASE: &str = "github-pat-operator";
/// The ServiceAccount of the operators that a world starts.
const ACCOUNT: &str = "operator";
/// Who is in this group has the same rights, under a name that the audit log tells from others.
const REPLICAS: &str = "replicas";
/// What has to do with rights.
const KINDS: [&str; 5] = ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];

/// What Helm has rendered in this process, by namespace and values.
static RENDERED: LazyLock<Mutex<BTreeMap<Release, Vec<Value>>>> = LazyLock::new(Mutex::default);

/// The flags of `github-pat-operator run`.
#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    given: SettingsInput,
}

/// Where the chart is installed, and with which values.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Release {
    namespace: String,
    values: Vec<String>,
}

/// What the operators of a world may do.
#[derive(Default)]
pub(crate) struct Rights {
    /// Values of the chart that are not in the settings.
    more: Mutex<Vec<&'static str>>,
    /// The namespaces that there are.
    namespaces: Mutex<Vec<String>>,
    /// What is installed. As by an upgrade of the release, it is from then on what those have too who were started before.
    installed: Mutex<(Release, Vec<Value>)>,
    /// From which line of the audit log on requests may be refused whose address has these words.
    taken: Mutex<Vec<(usize, &'static str)>>,
}

impl Rights {
    /// Grants what the chart grants with this value too, to operators that are started later.
    pub(crate) fn add(&self, value: &'static str) {
        locked(&self.more).push(value);
    }

    /// The namespaces that there are.
    pub(crate) fn namespaces(&self) -> Vec<String> {
        locked(&self.namespaces).clone()
    }

    /// Grants in this namespace, which is new, what the chart grants in one that opts in.
    pub(crate) async fn namespace(&self, client: &Client, name: &str) {
        locked(&self.namespaces).push(name.to_owned());
        let rights = locked(&self.installed).1.clone();
        let opted_in: Vec<_> = rights.iter().filter(|object| is_opt_in(object)).collect();
        let bindings: Vec<_> = opted_in.into_iter().map(|binding| moved(binding, name)).collect();
        install(client, &bindings, &rights).await;
    }

    /// Grants what the chart grants with these settings; gives the namespace of its ServiceAccount.
    pub(crate) async fn grant(&self, client: &Client, file: &str, flags: &[&str]) -> String {
        let release = Release::of(&settings(file, flags), &locked(&self.more));
        if locked(&self.installed).0 != release {
            let rights = release.rights();
            let namespaces = self.namespaces();
            let placed = |object: &Value| match is_opt_in(object) {
                true => namespaces.iter().map(|namespace| moved(object, namespace)).collect(),
                false => vec![object.clone()],
            };
            install(client, &rights.iter().flat_map(placed).collect::<Vec<_>>(), &rights).await;
            *locked(&self.installed) = (release.clone(), rights);
        }
        release.namespace
    }

    /// What the API server has refused operators for want of a right, but for what may be.
    pub(crate) fn missed(&self, audit: &str) -> Vec<String> {
        let taken = locked(&self.taken).clone();
        let lines = audit.lines().enumerate();
        let refused = lines.filter(|(_, line)| line.contains(r#""authorization.k8s.io/decision":"forbid""#));
        // The last line may be in the middle of being written.
        let events = refused
            .filter_map(|(place, line)| Some((place, serde_json::from_str::<Value>(line).ok()?)))
            .filter(|(_, event)| is_operator(event));
        let unexpected = events.filter(|(place, event)| {
            let address = event["requestURI"].as_str().unwrap();
            !taken.iter().any(|(since, words)| place >= since && address.contains(words))
        });
        unexpected.map(|(_, event)| format!("{} {}", event["verb"], event["requestURI"])).collect()
    }
}

impl World {
    /// The kubeconfig of the chart's ServiceAccount, with the rights that the chart grants for these settings.
    pub(crate) async fn account(&self, settings: &str, flags: &[&str]) -> PathBuf {
        let namespace = self.rights.grant(&self.client, settings, flags).await;
        self.plane.service_account(&namespace, ACCOUNT).await.unwrap()
    }

    /// From now on RBAC may refuse requests whose address has these words: the test takes such rights away by intent, or stops the API
    /// server, which knows of none for a moment when it starts.
    pub(crate) fn may_be_refused(&self, words: &'static str) {
        let since = self.plane.audit_text().unwrap().lines().count();
        locked(&self.rights.taken).push((since, words));
    }

    /// That of a user with the same rights, whom the audit log tells from others.
    pub(crate) async fn replica(&self, user: &str, settings: &str, flags: &[&str]) -> PathBuf {
        self.rights.grant(&self.client, settings, flags).await;
        self.plane.user(user, Some(REPLICAS)).unwrap()
    }
}

impl Drop for World {
    /// Operators have done nothing that the chart does not grant.
    fn drop(&mut self) {
        let missed = self.rights.missed(&self.plane.audit_text().unwrap());
        // A second panic would end all tests.
        if std::thread::panicking() {
            const WRITES: usize = 20;
            let writes: Vec<_> = self.requests().into_iter().filter(AuditEvent::is_write).collect();
            eprintln!("{} writes of the operator, of which these are the last:", writes.len());
            for AuditEvent { verb, resource, subresource, name, code, received, .. } in
                writes.iter().skip(writes.len().saturating_sub(WRITES))
            {
                eprintln!("  {received} {verb} {resource} {subresource} {name}: {code}");
            }
            eprintln!("the chart does not grant: {missed:?}");
            return;
        }
        assert!(missed.is_empty(), "the chart does not grant: {missed:#?}");
    }
}

impl Release {
    /// The one that has these settings, and these values beside them.
    fn of(settings: &Settings, more: &[&str]) -> Release {
        let shard = settings.shard.map(|shard| format!("-{}", shard.index())).unwrap_or_default();
        let name = settings.sinks.config_map.strip_suffix(&format!("{shard}-sinks")).unwrap();
        let mut values = vec![
            format!("fullnameOverride={name}"),
            format!("serviceAccount.name={ACCOUNT}"),
            format!("settings.leaderElection={}", settings.lease.is_some()),
            format!("settings.consumers={}", settings.consumers),
            format!("waitingPods.enabled={},waitingPods.addGate=false", settings.waiting_pods),
        ];
        values.extend(settings.shard.map(|shard| format!("shards={}", shard.count())));
        if !settings.sinks.all.is_empty() {
            values.push("settings.sinks.any.url=https://sink.example.com".to_owned());
        }
        values.push(match settings.watch.secret_scope {
            SecretScope::Cluster => "grant.allNamespaces=true".to_owned(),
            SecretScope::Namespaced if settings.watch.namespaces.is_empty() => {
                format!("grant.namespaces={{{NAMESPACE}}}")
            }
            SecretScope::Namespaced => format!("watchNamespaces={{{}}}", settings.watch.namespaces.join(",")),
        });
        values.extend(more.iter().map(|value| (*value).to_owned()));
        let namespace = settings.sinks.namespace.clone().unwrap_or_else(|| NAMESPACE.to_owned());
        Release { namespace, values }
    }

    /// The ServiceAccount, the roles that are bound to it, and what binds them.
    fn rights(&self) -> Vec<Value> {
        let mut rendered = locked(&RENDERED);
        let rendered = rendered.entry(self.clone()).or_insert_with(|| {
            let flags: Vec<_> = self.values.iter().flat_map(|value| ["--set", value]).collect();
            documents(&template_in(&self.namespace, &flags))
        });
        let is_bound = |role: &Value| rendered.iter().any(|binding| is_role_of(role, binding));
        let of_rights = rendered.iter().filter(|object| KINDS.iter().any(|kind| object["kind"] == *kind));
        let ours = of_rights.filter(|object| object["rules"].is_null() || is_bound(object)).cloned();
        ours.map(with_replicas).collect()
    }
}

/// True for the name that the operators of a world have in the audit log, but for replicas.
pub(crate) fn is_account(user: &str) -> bool {
    user.strip_prefix("system:serviceaccount:").is_some_and(|name| name.ends_with(&format!(":{ACCOUNT}")))
}

/// True if a replica or any ServiceAccount asked, but for those of Kubernetes itself.
fn is_operator(event: &Value) -> bool {
    let user = event["user"]["username"].as_str().unwrap();
    let groups = event.pointer("/user/groups").and_then(Value::as_array);
    let is_replica = groups.is_some_and(|groups| groups.contains(&json!(REPLICAS)));
    let account = user.strip_prefix("system:serviceaccount:");
    is_replica || account.is_some_and(|account| !account.starts_with("kube-system:"))
}

/// What this holds, also if a test has failed meanwhile.
fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn settings(file: &str, flags: &[&str]) -> Settings {
    let given = Flags::parse_from(["run"].iter().chain(flags)).given;
    let file = from_yaml::<Option<SettingsInput>>(file).unwrap().unwrap_or_default();
    Settings::new(given, file).unwrap()
}

/// A binding of a ClusterRole in one namespace, which another one makes for itself.
fn is_opt_in(object: &Value) -> bool {
    object["kind"] == "RoleBinding" && object["roleRef"]["kind"] == "ClusterRole"
}

/// The same in this namespace.
fn moved(binding: &Value, namespace: &str) -> Value {
    let mut binding = binding.clone();
    binding["metadata"]["namespace"] = namespace.into();
    binding
}

fn with_replicas(mut object: Value) -> Value {
    if let Some(subjects) = object.get_mut("subjects").and_then(Value::as_array_mut) {
        subjects.push(json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": REPLICAS }));
    }
    object
}

/// Applies these, and waits until the API server lets the operator do what they grant by roles that are among the rights.
async fn install(client: &Client, objects: &[Value], rights: &[Value]) {
    join_all(objects.iter().map(|object| apply(client, object, false))).await;
    let mut reviews = Vec::new();
    for binding in objects.iter().filter(|object| !object["roleRef"].is_null()) {
        let mut roles = rights.iter().filter(|role| is_role_of(role, binding));
        let rules = roles.next().unwrap()["rules"].as_array().unwrap();
        reviews.extend(rules.iter().map(|rule| review(binding, rule)));
    }
    join_all(reviews.iter().map(|review| until_allowed(client, review))).await;
}

/// True for the role that this binds, if it binds any.
pub(crate) fn is_role_of(role: &Value, binding: &Value) -> bool {
    let is_beside =
        role["kind"] == "ClusterRole" || role["metadata"]["namespace"] == binding["metadata"]["namespace"];
    role["kind"] == binding["roleRef"]["kind"]
        && role["metadata"]["name"] == binding["roleRef"]["name"]
        && is_beside
}

/// Whether the first of those who are bound may do the first of what the rule says.
fn review(binding: &Value, rule: &Value) -> SubjectAccessReview {
    let (resource, subresource) = {
        let resource = rule["resources"][0].as_str().unwrap();
        resource.split_once('/').unwrap_or((resource, ""))
    };
    let subject = &binding["subjects"][0];
    let user = format!(
        "system:serviceaccount:{}:{}",
        subject["namespace"].as_str().unwrap(),
        subject["name"].as_str().unwrap()
    );
    from(json!({ "metadata": {}, "spec": { "user": user, "resourceAttributes": {
        "namespace": binding["metadata"]["namespace"], "group": rule["apiGroups"][0], "resource": resource,
        "subresource": subresource, "verb": rule["verbs"][0], "name": rule["resourceNames"][0],
    } } }))
}

async fn until_allowed(client: &Client, review: &SubjectAccessReview) {
    let reviews = Api::<SubjectAccessReview>::all(client.clone());
    let deadline = tokio::time::Instant::now() + SOON;
    while !reviews.create(&PostParams::default(), review).await.unwrap().status.unwrap().allowed {
        assert!(tokio::time::Instant::now() < deadline, "not granted: {review:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/github-pat-operator")
}

pub(crate) fn helm(arguments: &[&str]) -> Output {
    Command::new(binaries::find(Program::Helm).unwrap()).args(arguments).output().unwrap()
}

/// What Helm says to this about the release in the cluster of this kubeconfig. The folder is where it keeps what it remembers.
pub(crate) fn helm_in(
    kubeconfig: &Path,
    home: &Path,
    verb: &[&str],
    chart: Option<&Path>,
    flags: &[&str],
) -> Output {
    let release = [RELEASE].into_iter().chain(chart.map(|chart| chart.to_str().unwrap()));
    let place = ["--namespace", RELEASE, "--kubeconfig", kubeconfig.to_str().unwrap()];
    Command::new(binaries::find(Program::Helm).unwrap())
        .args([verb, &release.collect::<Vec<_>>(), &place, flags].concat())
        .env("HOME", home)
        .env("XDG_CACHE_HOME", home)
        .output()
        .unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

pub(crate) fn template(flags: &[&str]) -> Output {
    template_in(RELEASE, flags)
}

fn template_in(namespace: &str, flags: &[&str]) -> Output {
    let chart = chart();
    helm(&[&["template", RELEASE, chart.to_str().unwrap(), "--namespace", namespace], flags].concat())
}

/// The manifests that Helm makes of the chart with these flags.
pub(crate) fn rendered(flags: &[&str]) -> Vec<Value> {
    documents(&template(flags))
}

/// Those of a release of this name.
pub(crate) fn rendered_as(release: &str, flags: &[&str]) -> Vec<Value> {
    let chart = chart();
    documents(&helm(
        &[&["template", release, chart.to_str().unwrap(), "--namespace", RELEASE], flags].concat(),
    ))
}

pub(crate) fn documents(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", said(output));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let documents = lines.split(|line| *line == "---").map(|document| document.join("\n"));
    let written = documents.filter(|document| document.contains("kind:"));
    written.map(|document| from_yaml(&document).unwrap()).collect()
}

/// Applies a manifest; a field that the API server does not know is an error.
pub(crate) async fn apply(client: &Client, manifest: &Value, dry_run: bool) {
    let object: DynamicObject = from(manifest.clone());
    let resource =
        ApiResource::from_gvk(&GroupVersionKind::try_from(object.types.as_ref().unwrap()).unwrap());
    let api: Api<DynamicObject> = match &object.metadata.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let name = object.metadata.name.clone().unwrap();
    let params = PatchParams { dry_run, ..PatchParams::apply("helm").force().validation_strict() };
    let applied = api.patch(&name, &params, &Patch::Apply(&object)).await;
    applied.unwrap_or_else(|error| panic!("{} {name}: {error}", manifest["kind"]));
}
