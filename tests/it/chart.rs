//! The Helm chart: what it renders, whether a real API server takes it, and whether its rights are those that are used.

mod platforms;
mod policies;
mod releases;
mod replicas;
mod values;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use control_plane::{Options, Program, binaries};
use github_pat_operator::{
    api,
    settings::{self, Settings, SettingsInput, from_yaml},
};
use github_simulator::{NewToken, Simulator};
use k8s_openapi::{
    api::core::v1::{Namespace, Pod, Secret},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
    core::{GroupVersionKind, ObjectMeta},
    runtime::wait::await_condition,
};
use serde_json::{Value, json};

use crate::world::{NAMESPACE, SOON, World, from};

/// Where the chart is installed, and the name of the release, after which its objects are named.
const RELEASE: &str = "github-pat-operator";
/// Where the Pod sees its settings.
const MOUNTED: &str = "/etc/github-pat-operator";
/// Group, resource with subresource, and verb.
type Right = (String, String, String);

#[tokio::test]
async fn helm_finds_nothing_to_complain_about() {
    let values = every_value().await;
    for more in [vec![], vec!["--values", values.path().to_str().unwrap()]] {
        let linted = helm(&[&["lint", "--strict", chart().to_str().unwrap()], more.as_slice()].concat());
        assert!(linted.status.success(), "{}", said(&linted));
    }
}

#[tokio::test]
async fn the_api_server_takes_every_manifest_by_the_letter() {
    let world = World::start().await;
    world.namespace(RELEASE).await;
    let values = every_value().await;
    for more in [vec![], vec!["--values", values.path().to_str().unwrap()]] {
        for manifest in rendered(&more) {
            apply(&world.client, &manifest, true).await;
        }
    }
}

#[tokio::test]
async fn with_the_rights_of_the_chart_a_token_is_published_and_each_right_is_used() {
    // The right to list is used where the API server sends no list as a stream.
    let world = World::with(Options { audit: true, paged_lists: true, ..Options::default() }).await;
    world.namespace(RELEASE).await;
    let manifests = rendered(&[]);
    for manifest in &manifests {
        apply(&world.client, manifest, false).await;
    }
    let kubeconfig = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
    let lease = ["--leader-election", "true", "--lease-namespace", RELEASE];
    let operator = world.operator_as(kubeconfig, &lease).await;
    let first = world.github.token(NewToken::classic("first", "acme-ci"));
    world.secret("ci", &first).await;
    world.connection("ci", json!({ "publish": [{ "secretName": "out", "format": "Opaque" }] })).await;
    world.ready("ci", "True", "Ready").await;
    world.secret_until("out", |secret| holds(secret, &first)).await;
    let second = world.github.token(NewToken::classic("second", "acme-ci"));
    world.secret("ci", &second).await;
    world.secret_until("out", |secret| holds(secret, &second)).await;
    world.change("ci", json!({ "publish": [] })).await;
    world.secret_until("out", |secret| secret.is_none()).await;
    operator.stop().await;

    let granted = granted(&manifests);
    let used = used_once_as_many(&world, granted.len()).await;
    assert_eq!(used, granted);
}

#[tokio::test]
async fn the_rights_to_restart_workloads_and_to_list_consumers_come_with_their_values_and_each_is_used() {
    let world = World::with(Options { audit: true, paged_lists: true, ..Options::default() }).await;
    world.namespace(RELEASE).await;
    let values = ["--set", "restartWorkloads=true", "--set", "settings.consumers=true"];
    let manifests = rendered(&values);
    for manifest in &manifests {
        apply(&world.client, manifest, false).await;
    }
    let template = json!({
        "metadata": { "labels": { "app": "builder" } },
        "spec": { "containers": [{ "name": "main", "image": "builder" }] },
    });
    let kinds = ["Deployment", "StatefulSet", "DaemonSet"];
    for kind in kinds {
        let object: DynamicObject = from(json!({
            "apiVersion": "apps/v1", "kind": kind, "metadata": { "name": "builder" },
            "spec": { "selector": { "matchLabels": { "app": "builder" } }, "template": template },
        }));
        workloads(&world, kind).create(&PostParams::default(), &object).await.unwrap();
    }
    let kubeconfig = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
    let _operator = world.operator_as(kubeconfig, &["--consumers", "true"]).await;
    world.secret("ci", &world.github.token(NewToken::classic("first", "acme-ci"))).await;
    let restart = kinds.map(|kind| json!({ "kind": kind, "name": "builder" }));
    let publish = json!([{ "secretName": "out", "format": "Opaque" }]);
    world.connection("ci", json!({ "publish": publish, "restart": restart })).await;
    world.ready("ci", "True", "Ready").await;
    world.secret("ci", &world.github.token(NewToken::classic("second", "acme-ci"))).await;
    for kind in kinds {
        let annotated = |found: Option<&DynamicObject>| {
            found.is_some_and(|found| found.data.to_string().contains("restart.githubpat.dev/ci"))
        };
        let restarted = await_condition(workloads(&world, kind), "builder", annotated);
        tokio::time::timeout(SOON, restarted).await.unwrap().unwrap();
    }

    let more = |values: &[&str]| granted(&rendered(values));
    let both: BTreeSet<_> = more(&values).difference(&more(&[])).cloned().collect();
    assert_eq!(both.len(), 13);
    for (value, count) in [("restartWorkloads=true", 6), ("settings.consumers=true", 7)] {
        assert_eq!(more(&["--set", value]).difference(&more(&[])).count(), count, "{value}");
    }
    let used = used(&world);
    assert_eq!(both.difference(&used).count(), 0, "{both:?} {used:?}");
    assert!(used.is_subset(&granted(&manifests)), "{used:?}");
}

fn workloads(world: &World, kind: &str) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("apps", "v1", kind);
    Api::namespaced_with(world.client.clone(), NAMESPACE, &ApiResource::from_gvk(&gvk))
}

#[test]
fn tenants_may_edit_connections_and_never_their_status() {
    let manifests = rendered(&[]);
    let aggregated =
        |manifest: &&Value| manifest["metadata"]["labels"].to_string().contains("/aggregate-to-");
    let tenants: Vec<_> = manifests.iter().filter(aggregated).collect();
    assert_eq!(tenants.len(), 2);
    for role in tenants {
        let resources: Vec<_> = rules(role).into_iter().map(|(_, resource, _)| resource).collect();
        assert!(resources.iter().all(|resource| resource == "githubpatconnections"), "{resources:?}");
    }
}

#[test]
fn the_chart_brings_the_resource_that_the_operator_prints_and_keeps_it() {
    let printed = Command::new(env!("CARGO_BIN_EXE_github-pat-operator")).arg("crds").output().unwrap();
    let copy = fs::read(chart().join("files/githubpatconnections.githubpat.dev.yaml")).unwrap();
    let remedy = "run github-pat-operator crds > charts/github-pat-operator/files/githubpatconnections.githubpat.dev.yaml";
    assert!(printed.stdout == copy, "the chart has another resource: {remedy}");
    let manifests = rendered(&[]);
    let definition = of_kind(&manifests, "CustomResourceDefinition");
    let installed: CustomResourceDefinition = from(definition.clone());
    assert!(installed.spec == api::definition().spec, "the template changes the resource");
    assert_eq!(definition["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
    let without = rendered(&["--set", "crds.install=false"]);
    assert_eq!(without.len(), manifests.len() - 1);
}

#[test]
fn other_settings_or_certificates_make_another_pod() {
    let checksum = |flags: &[&str]| {
        let manifests = rendered(flags);
        let pod = &of_kind(&manifests, "Deployment")["spec"]["template"]["metadata"];
        pod["annotations"]["checksum/config"].as_str().unwrap().to_owned()
    };
    assert_eq!(checksum(&[]), checksum(&["--set", "image.tag=next"]));
    assert_ne!(checksum(&[]), checksum(&["--set", "settings.trustFor=2h"]));
}

#[test]
fn the_probes_ask_where_the_operator_listens() {
    let manifests = rendered(&[]);
    let directory = tempfile::tempdir().unwrap();
    let listen = settings(&manifests, directory.path()).listen;
    let deployment = &of_kind(&manifests, "Deployment")["spec"];
    let container = &deployment["template"]["spec"]["containers"][0];
    let port = &container["ports"][0];
    assert_eq!(listen.to_string(), format!("[::]:{}", port["containerPort"]));
    let probes = [("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")];
    for (probe, path) in probes {
        assert_eq!(container[probe]["httpGet"], json!({ "path": path, "port": port["name"] }));
    }
    assert_eq!(
        container["startupProbe"]["initialDelaySeconds"], 2,
        "a probe that fails leaves a Warning event"
    );
}

fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/github-pat-operator")
}

fn helm(arguments: &[&str]) -> Output {
    Command::new(binaries::find(Program::Helm).unwrap()).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

fn template(flags: &[&str]) -> Output {
    let chart = chart();
    helm(&[&["template", RELEASE, chart.to_str().unwrap(), "--namespace", RELEASE], flags].concat())
}

/// The manifests that Helm makes of the chart with these flags.
fn rendered(flags: &[&str]) -> Vec<Value> {
    let output = template(flags);
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let documents = lines.split(|line| *line == "---").map(|document| document.join("\n"));
    let written = documents.filter(|document| document.contains("kind:"));
    written.map(|document| from_yaml(&document).unwrap()).collect()
}

fn of_kind<'a>(manifests: &'a [Value], kind: &str) -> &'a Value {
    manifests.iter().find(|manifest| manifest["kind"] == kind).unwrap()
}

/// A file that sets every value to something else than its default.
async fn every_value() -> tempfile::NamedTempFile {
    let github = Simulator::start_tls().await.unwrap();
    let hosts = json!({
        "ghe.example.com": {
            "apiUrl": "https://ghe.example.com:8443/api/v3",
            "webUrl": "https://ghe.example.com",
            "registry": "containers.ghe.example.com:5000",
            "concurrency": 4,
            "caBundle": github.ca_pem().unwrap(),
            "connectTimeout": "5s",
            "timeout": "20s",
            "legacyTokens": true,
            "proxy": {
                "url": "http://proxy.example.com:3128",
                "credentialsSecret": { "name": "egress", "key": "login" },
                "noProxy": ["10.0.0.0/8"],
            },
        },
        "acme.ghe.com": { "apiUrl": "https://api.acme.ghe.com" },
    });
    let values = json!({
        "image": {
            "repository": "registry.example.com:5000/team/operator",
            "tag": "next",
            "digest": format!("sha256:{}", "0".repeat(64)),
            "pullPolicy": "Always",
        },
        "imagePullSecrets": [{ "name": "registry" }],
        "nameOverride": "pats",
        "fullnameOverride": "all-pats",
        "commonLabels": { "cost-centre": "42" },
        "crds": { "install": true },
        "admissionPolicies": { "requireSecretAccess": false, "warnUnlessGranted": false, "confineOperator": false },
        "replicaCount": 0,
        "podDisruptionBudget": { "maxUnavailable": null, "minAvailable": "50%" },
        "serviceAccount": { "create": true, "name": "pats", "annotations": { "note": "c" } },
        "podSecurityContext": { "runAsUser": null, "fsGroup": 2000 },
        "securityContext": { "privileged": false },
        "extraEnv": [{ "name": "SSL_CERT_FILE", "value": "/certificates/ca.pem" }],
        "extraVolumes": [{ "name": "certificates", "configMap": { "name": "authorities" } }],
        "extraVolumeMounts": [{ "name": "certificates", "mountPath": "/certificates", "readOnly": true }],
        "hostAliases": [{ "ip": "fd00::5", "hostnames": ["ghe.example.com"] }],
        "dnsConfig": { "nameservers": ["10.0.0.53"], "searches": ["example.com"], "options": [{ "name": "edns0" }] },
        "settings": {
            "minimumInterval": "10s", "trustFor": "48h", "confirmAfter": "2m", "heartbeat": "2h", "concurrency": 8,
            "proofInterval": "12h",
            "leaderElection": false, "leaseDuration": "60s", "renewDeadline": "40s", "retryPeriod": "15s",
            "incidentHold": "1h", "failedLoginsPerHour": 60, "failedLoginsPerNamespace": 10, "questionsPerMinute": 10,
            "githubApiVersion": "2026-03-10", "logFormat": "text", "logFilter": "debug", "hosts": hosts,
        },
        "resources": { "requests": { "cpu": 1 }, "limits": { "memory": "64Mi" } },
        "terminationGracePeriodSeconds": 10,
        "podLabels": { "team": "a" },
        "podAnnotations": { "note": "b" },
        "nodeSelector": { "kubernetes.io/arch": "amd64" },
        "tolerations": [{ "key": "a", "operator": "Exists", "effect": "NoSchedule" }],
        "affinity": { "podAntiAffinity": {} },
        "topologySpreadConstraints": [{
            "maxSkew": 1,
            "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": { "matchLabels": { "team": "a" } },
        }],
        "priorityClassName": "system-cluster-critical",
    });
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    fs::write(file.path(), values.to_string()).unwrap();
    file
}

/// The settings in the ConfigMap, as the operator reads them if `directory` is where the Pod sees them.
fn settings(manifests: &[Value], directory: &Path) -> Settings {
    read_settings(manifests, directory).unwrap()
}

fn read_settings(manifests: &[Value], directory: &Path) -> Result<Settings, settings::Error> {
    let proxies = directory.join("proxies");
    for (name, text) in of_kind(manifests, "ConfigMap")["data"].as_object().unwrap() {
        let text = text.as_str().unwrap().replace(&format!("{MOUNTED}-proxies"), proxies.to_str().unwrap());
        fs::write(directory.join(name), text.replace(MOUNTED, directory.to_str().unwrap())).unwrap();
    }
    let volumes = of_kind(manifests, "Deployment")["spec"]["template"]["spec"]["volumes"].as_array().unwrap();
    for volume in volumes.iter().filter_map(|volume| volume["name"].as_str()?.strip_prefix("proxy-")) {
        fs::create_dir_all(proxies.join(volume)).unwrap();
        fs::write(proxies.join(volume).join("credentials"), "bot:x").unwrap();
    }
    let container = &of_kind(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["args"], json!(["run", format!("--config={MOUNTED}/settings.yaml")]));
    assert_eq!(container["volumeMounts"][0]["mountPath"], MOUNTED);
    Settings::new(SettingsInput::default(), SettingsInput::read(&directory.join("settings.yaml"))?)
}

/// Applies a manifest; a field that the API server does not know is an error.
async fn apply(client: &Client, manifest: &Value, dry_run: bool) {
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

fn holds(secret: Option<&Secret>, text: &str) -> bool {
    let value = secret.and_then(|secret| secret.data.as_ref()?.get("token"));
    value.is_some_and(|value| value.0 == text.as_bytes())
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }
}

/// What the roles grant that are bound to the ServiceAccount: one everywhere, one in its own namespace.
fn granted(manifests: &[Value]) -> BTreeSet<Right> {
    let mut granted = BTreeSet::new();
    for (kind, binding) in [("ClusterRole", "ClusterRoleBinding"), ("Role", "RoleBinding")] {
        let binding = of_kind(manifests, binding);
        assert_eq!(
            binding["subjects"],
            json!([{ "kind": "ServiceAccount", "name": RELEASE, "namespace": RELEASE }])
        );
        let bound = |manifest: &&Value| {
            manifest["kind"] == kind && manifest["metadata"]["name"] == binding["roleRef"]["name"]
        };
        granted.extend(rules(manifests.iter().find(bound).unwrap()));
    }
    granted
}

fn rules(role: &Value) -> Vec<Right> {
    let texts = |rule: &Value, field: &str| -> Vec<String> { from(rule[field].clone()) };
    let mut rights = Vec::new();
    for rule in role["rules"].as_array().unwrap() {
        for group in texts(rule, "apiGroups") {
            for resource in texts(rule, "resources") {
                let verbs = texts(rule, "verbs").into_iter();
                rights.extend(verbs.map(|verb| (group.clone(), resource.clone(), verb)));
            }
        }
    }
    rights
}

/// The rights that the ServiceAccount has used, once they are so many: a watch is in the audit log only when it has ended.
async fn used_once_as_many(world: &World, count: usize) -> BTreeSet<Right> {
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        let used = used(world);
        if used.len() >= count || tokio::time::Instant::now() > deadline {
            return used;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn used(world: &World) -> BTreeSet<Right> {
    let user = format!("system:serviceaccount:{RELEASE}:{RELEASE}");
    let events = world.plane.audit().unwrap().into_iter().filter(|event| event.user == user);
    let right = |event: control_plane::AuditEvent| {
        assert_ne!(event.code, 403, "{} {} is not granted", event.verb, event.uri);
        let parts = [event.resource, event.subresource];
        (event.group, parts.join("/").trim_end_matches('/').to_owned(), event.verb)
    };
    events.map(right).collect()
}
