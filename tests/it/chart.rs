//! The Helm chart: what it renders, whether a real API server takes it, and whether its rights are those that are used.

mod authorities;
mod beside;
mod bounds;
mod confined;
mod contradictions;
mod durations;
mod fields;
mod forged;
mod golden;
mod hub;
mod jailed;
mod missed;
mod names;
mod networks;
mod nulls;
mod oldest;
mod page;
mod platforms;
mod policies;
mod readers;
mod refused;
mod releases;
mod releasing;
mod replicas;
mod restarting;
mod rights;
mod schemas;
mod selectors;
mod sinks;
mod taken;
mod upgrades;
mod values;
mod waiting;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use control_plane::{Options, Program, binaries};
use github_pat_operator::{
    api,
    settings::{self, NEED_A_RESTART, Settings, SettingsInput, from_yaml},
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

pub(crate) use crate::release::{RELEASE, apply, rendered};
use crate::{
    release::{chart, helm, rendered_as, said, template},
    world::{NAMESPACE, SOON, World, from},
};

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

#[tokio::test]
async fn the_api_server_takes_every_manifest_whatever_the_release_is_called() {
    let world = World::start().await;
    world.namespace(RELEASE).await;
    let longest = "a".repeat(53);
    let full = "b".repeat(63);
    let with_full = format!("metrics.service=true,fullnameOverride={full}");
    let rows = [
        (&*longest, "metrics.service=true"),
        ("pats.of.team-a", "metrics.service=true"),
        ("1st", "metrics.service=true"),
        ("123", "metrics.service=true"),
        (RELEASE, &with_full),
    ];
    for (release, values) in rows {
        let named = |more: &str| {
            let set = format!("{values}{more}");
            rendered_as(release, &["--set", &set])
        };
        let manifests = named("");
        for manifest in &manifests {
            apply(&world.client, manifest, true).await;
        }
        // Monitors check the certificate by the name of the Service.
        let service = of_kind(&manifests, "Service")["metadata"]["name"].as_str().unwrap();
        let manifests = named(",metrics.serviceMonitor=true,metrics.tls.secretName=tls");
        let endpoint = &of_kind(&manifests, "ServiceMonitor")["spec"]["endpoints"][0];
        assert_eq!(endpoint["tlsConfig"]["serverName"], format!("{service}.{RELEASE}.svc"), "{release}");
    }
}

#[test]
fn no_two_releases_of_a_namespace_have_one_service() {
    let full = "b".repeat(62);
    let names = [
        ("a.b", String::new()),
        ("a-b", String::new()),
        ("1st", String::new()),
        ("r1st", String::new()),
        (RELEASE, format!(",fullnameOverride={full}a")),
        (RELEASE, format!(",fullnameOverride={full}b")),
    ];
    let service = |(release, more): &(&str, String)| {
        let manifests = rendered_as(release, &["--set", &format!("metrics.service=true{more}")]);
        of_kind(&manifests, "Service")["metadata"]["name"].as_str().unwrap().to_owned()
    };
    let services: BTreeSet<_> = names.iter().map(service).collect();
    assert_eq!(services.len(), names.len(), "{services:?}");
}

#[test]
fn tenants_may_edit_connections_and_never_their_status() {
    let manifests = rendered(&[]);
    let aggregated =
        |manifest: &&Value| manifest["metadata"]["labels"].to_string().contains("/aggregate-to-");
    let tenants: Vec<_> = manifests.iter().filter(aggregated).collect();
    assert_eq!(tenants.len(), 2);
    for role in &tenants {
        let resources: Vec<_> = rights::rules(role).into_iter().map(|[_, resource, _]| resource).collect();
        assert!(resources.iter().all(|resource| resource == "githubpatconnections"), "{resources:?}");
    }
    let reads = ["get", "list", "watch"];
    let writes = ["create", "update", "patch", "delete", "deletecollection"];
    let all = [reads.as_slice(), &writes].concat();
    for (aggregate, expected) in [("view", reads.to_vec()), ("edit", all.clone()), ("admin", all)] {
        let label = format!("rbac.authorization.k8s.io/aggregate-to-{aggregate}");
        let into = tenants.iter().filter(|role| role["metadata"]["labels"][&label] == "true");
        let rights: BTreeSet<_> = into.flat_map(|role| rights::rules(role)).collect();
        let expected = expected.into_iter().map(|verb| ["githubpat.dev", "githubpatconnections", verb]);
        let expected: BTreeSet<_> = expected.map(|right| right.map(str::to_owned)).collect();
        assert_eq!(rights, expected, "{aggregate}");
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
    let is_definition = |manifest: &Value| manifest["kind"] == "CustomResourceDefinition";
    for flag in ["crds.enabled=false", "crds.install=false"] {
        let without = rendered(&["--set", flag]);
        assert_eq!(without.len(), manifests.len() - 1, "{flag}");
        assert!(!without.iter().any(is_definition), "{flag}");
    }
    let left = rendered(&["--set", "crds.keep=false"]);
    assert_eq!(of_kind(&left, "CustomResourceDefinition")["metadata"]["annotations"], Value::Null);
}

#[tokio::test]
async fn artifact_hub_is_told_of_the_resource_by_its_names_and_by_an_example_that_the_api_server_takes() {
    let about: Value = from_yaml(&fs::read_to_string(chart().join("Chart.yaml")).unwrap()).unwrap();
    let annotation = |name: &str| -> Value {
        serde_saphyr::from_str(about["annotations"][format!("artifacthub.io/{name}")].as_str().unwrap())
            .unwrap()
    };
    let (told, definition) = (annotation("crds"), api::definition());
    assert_eq!(told.as_array().unwrap().len(), 1);
    let [kind, version, name] = ["kind", "version", "name"].map(|field| told[0][field].as_str().unwrap());
    assert_eq!((kind, name), (&*definition.spec.names.kind, definition.metadata.name.as_deref().unwrap()));
    assert_eq!(version, definition.spec.versions[0].name);
    let world = World::start().await;
    for example in annotation("crdsExamples").as_array().unwrap() {
        assert_eq!(example["kind"], kind);
        apply(&world.client, example, true).await;
    }
}

#[test]
fn settings_that_need_a_restart_make_another_pod_and_no_others_do() {
    let checksum = |flags: &[&str]| {
        let manifests = rendered(flags);
        let pod = &of_kind(&manifests, "Deployment")["spec"]["template"]["metadata"];
        pod["annotations"]["checksum/settings"].as_str().unwrap().to_owned()
    };
    let before = checksum(&[]);
    for same in [
        "image.tag=next",
        "settings.trustFor=48h",
        "settings.logFilter=debug",
        "settings.questionsPerMinute=1",
    ] {
        assert_eq!(checksum(&["--set", same]), before, "{same}");
    }
    let host = "settings.hosts.ghe={\"apiUrl\": \"https://ghe.example.com/api/v3\", \"caBundle\": \"-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----\"}";
    assert_eq!(checksum(&["--set-json", host]), before);
    for other in [
        "settings.concurrency=8",
        "grant.allNamespaces=true",
        "watchNamespaces={a}",
        "settings.leaderElection=false",
        "fullnameOverride=pats",
        "selector.matchLabels.team=infra",
        "settings.leaseDuration=20s",
        "settings.renewDeadline=8s",
        "settings.retryPeriod=1s",
        "settings.logFormat=text",
        "settings.connectionLabels={team}",
        "settings.metricsDetails={account}",
        "waitingPods.enabled=true",
        "settings.tracesEndpoint=http://collector:4318",
        "metrics.tls.secretName=metrics-tls",
        "metrics.tls.secretName=metrics-tls,metrics.authentication.enabled=true",
    ] {
        assert_ne!(checksum(&["--set", other]), before, "{other}");
    }
    let sink = |pem: &str| {
        format!(
            "settings.sinks.a={{\"url\": \"https://a.example.com\", \"caBundle\": \"-----BEGIN CERTIFICATE-----\\n{pem}\\n-----END CERTIFICATE-----\"}}"
        )
    };
    let of_sinks = ["MIIB", "MIIC"].map(|pem| checksum(&["--set-json", &sink(pem)]));
    assert!(of_sinks[0] != before && of_sinks[0] != of_sinks[1], "another certificate too");
    let helpers = fs::read_to_string(chart().join("templates/_helpers.tpl")).unwrap();
    let list = helpers.split("settingsOfTheStart\" -}}").nth(1).unwrap();
    let named: BTreeSet<_> = list.split('"').filter(|word| word.chars().all(char::is_alphabetic)).collect();
    assert_eq!(named, NEED_A_RESTART.into());
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
            "onlyCaBundle": true,
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
    let sinks = json!({
        "bus": { "url": "http://broker.example.com/default", "format": "CloudEvents" },
        "ops": {
            "url": "https://hooks.example.com/github-pats?a=b",
            "format": "Webhook",
            "secret": { "name": "hook", "key": "secret" },
            "namespaces": [NAMESPACE],
            "labels": { "team": "infra" },
            "severity": "critical",
            "timeout": "5s",
            "caBundle": github.ca_pem().unwrap(),
        },
    });
    let network = json!({
        "enabled": true,
        "from": [{ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "monitoring" } } }],
        "dns": [{ "podSelector": { "matchLabels": { "k8s-app": "kube-dns" } }, "namespaceSelector": {} }],
        "apiServer": { "cidrs": ["10.0.0.1/32"], "ports": [6443] },
        "hosts": { "cidrs": ["192.0.2.0/24", "2001:db8::/32"], "ports": [9443] },
        "traces": { "to": [{ "podSelector": { "matchLabels": { "app": "collector" } } }], "ports": [14318] },
    });
    let more = json!([
        { "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "{{ .Release.Name }}-more", "namespace": RELEASE } },
        "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: yet-more, namespace: {{ .Release.Namespace }} }",
    ]);
    let operator = json!({
        "minimumInterval": "10s", "trustFor": "48h", "confirmAfter": "2m", "heartbeat": "2h", "concurrency": 8,
        "proofInterval": "12h",
        "leaderElection": false, "leaseDuration": "60s", "renewDeadline": "40s", "retryPeriod": "15s",
        "incidentHold": "1h", "failedLoginsPerHour": 60, "failedLoginsPerNamespace": 10, "questionsPerMinute": 10,
        "metricsPerConnection": false, "connectionLabels": ["team", "example.com/owner"], "metricsDetails": ["account"],
        "sinks": sinks, "tracesEndpoint": "https://collector.example.com:4318", "tracesCaBundle": github.ca_pem().unwrap(),
        "githubApiVersion": "2026-03-10", "logFormat": "text", "logFilter": "debug", "hosts": hosts,
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
        "commonAnnotations": { "owner": "platform" },
        "crds": { "enabled": true, "keep": false },
        "networkPolicy": network,
        "extraObjects": more,
        "admissionPolicies": { "requireSecretAccess": false, "requireWorkloadAccess": false, "warnUnlessGranted": false, "confineOperator": true },
        "selector": { "matchLabels": { "team": "infra" }, "matchExpressions": [{ "key": "tier", "operator": "Exists" }] },
        "replicaCount": 0,
        "podDisruptionBudget": { "maxUnavailable": null, "minAvailable": "50%" },
        "grant": { "namespaces": [NAMESPACE], "allNamespaces": null },
        "serviceAccount": { "create": true, "name": "pats", "annotations": { "note": "c" } },
        "waitingPods": { "enabled": true, "addGate": true, "namespaceSelector": { "matchExpressions": [{ "key": "team", "operator": "Exists" }] } },
        "podSecurityContext": { "runAsUser": null, "fsGroup": 2000 },
        "securityContext": { "privileged": false },
        "extraEnv": [{ "name": "SSL_CERT_FILE", "value": "/certificates/ca.pem" }],
        "extraVolumes": [{ "name": "certificates", "configMap": { "name": "authorities" } }],
        "extraVolumeMounts": [{ "name": "certificates", "mountPath": "/certificates", "readOnly": true }],
        "hostAliases": [{ "ip": "fd00::5", "hostnames": ["ghe.example.com"] }],
        "dnsConfig": { "nameservers": ["10.0.0.53"], "searches": ["example.com"], "options": [{ "name": "edns0" }] },
        "settings": operator,
        "metrics": metrics(),
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

/// Metrics and alerts, without what needs the operator of Prometheus.
fn metrics() -> Value {
    json!({
        "service": true,
        "serviceMonitor": false,
        "podMonitor": false,
        "prometheusRule": false,
        "tls": { "secretName": "metrics-tls", "serverName": "pats.example.com", "ca": { "name": "roots", "key": "roots.pem" } },
        "authentication": {
            "enabled": true,
            "readers": [{ "name": "prometheus", "namespace": "monitoring" }],
            "tokenSecret": { "name": "scraper", "key": "bearer" },
        },
        "dashboard": true,
        "dashboardLabels": { "grafana_dashboard": "yes" },
        "monitorLabels": { "release": "prometheus" },
        "interval": "45s",
        "alertLabels": { "team": "platform" },
        "runbookUrl": "https://docs.example.com/alerts",
        "alerts": {
            "GithubPatOperatorDown": { "enabled": false, "severity": "warning", "for": "1h" },
            "GithubPatWatchStale": { "enabled": true, "severity": "critical", "for": "1m", "threshold": 200 },
        },
    })
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

fn holds(secret: Option<&Secret>, text: &str) -> bool {
    let value = secret.and_then(|secret| secret.data.as_ref()?.get("token"));
    value.is_some_and(|value| value.0 == text.as_bytes())
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }
}
