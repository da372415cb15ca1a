//! The Helm chart: what it renders, whether a real API server takes it, and whether its rights are those that are used.

mod platforms;
mod policies;
mod releases;
mod replicas;
mod rights;
mod values;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
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
    let modes = rights::MODES.map(|(value, _)| vec!["--set", value]);
    for more in [vec![], vec!["--values", values.path().to_str().unwrap()]].into_iter().chain(modes) {
        for manifest in rendered(&more) {
            apply(&world.client, &manifest, true).await;
        }
    }
}

#[test]
fn tenants_may_edit_connections_and_never_their_status() {
    let manifests = rendered(&[]);
    let aggregated =
        |manifest: &&Value| manifest["metadata"]["labels"].to_string().contains("/aggregate-to-");
    let tenants: Vec<_> = manifests.iter().filter(aggregated).collect();
    assert_eq!(tenants.len(), 2);
    for role in tenants {
        let resources: Vec<_> = rights::rules(role).into_iter().map(|[_, resource, _]| resource).collect();
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
pub(crate) fn rendered(flags: &[&str]) -> Vec<Value> {
    let output = template(flags);
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let documents = lines.split(|line| *line == "---").map(|document| document.join("\n"));
    let written = documents.filter(|document| document.contains("kind:"));
    written.map(|document| from_yaml(&document).unwrap()).collect()
}

pub(crate) fn of_kind<'a>(manifests: &'a [Value], kind: &str) -> &'a Value {
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
        "grant": { "namespaces": [NAMESPACE], "allNamespaces": null },
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
