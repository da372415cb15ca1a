//! The rules for Prometheus: what promtool says of them, and what a real Prometheus server makes of a running operator.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use control_plane::{Guarded, Launch, Program, binaries};
use github_simulator::{NewToken, Outage};
use serde_json::{Value, json};

use crate::{
    chart::{of_kind, rendered},
    world::{SOON, World, free_address},
};

/// Where the rules are for those who do not use the chart.
const RULES: &str = "examples/prometheus/rules.yaml";

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(file(path)).unwrap()
}

/// The groups of rules that the chart makes.
fn rules(flags: &[&str]) -> Value {
    let manifests = rendered(&[&["--set", "metrics.prometheusRule=true"], flags].concat());
    of_kind(&manifests, "PrometheusRule")["spec"].clone()
}

/// Each alert of these rules.
fn alerts(rules: &Value) -> Vec<&Value> {
    let all = rules["groups"][0]["rules"].as_array().unwrap();
    all.iter().filter(|rule| rule["alert"].is_string()).collect()
}

fn names(rules: &Value) -> BTreeSet<String> {
    alerts(rules).iter().map(|alert| alert["alert"].as_str().unwrap().to_owned()).collect()
}

/// Runs promtool in a folder with the rules and their tests.
fn promtool(rules: &Value, arguments: &[&str]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yaml"), rules.to_string()).unwrap();
    fs::write(folder.path().join("tests.yaml"), read("tests/alerts/tests.yaml")).unwrap();
    let mut promtool = Command::new(binaries::find(Program::Promtool).unwrap());
    let output = promtool.args(arguments).current_dir(folder.path()).output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.success(), said)
}

#[test]
fn each_alert_fires_where_it_should_and_nowhere_else() {
    let rules = rules(&[]);
    for arguments in
        [["check", "rules", "--lint-fatal", "rules.yaml"].as_slice(), &["test", "rules", "tests.yaml"]]
    {
        let (succeeded, said) = promtool(&rules, arguments);
        assert!(succeeded, "{said}");
    }
    let tests = read("tests/alerts/tests.yaml");
    for name in names(&rules) {
        assert!(tests.contains(&format!("alertname=\"{name}\"")), "nothing shows that {name} fires");
    }
}

#[test]
fn a_test_of_an_alert_fails_where_its_threshold_or_its_switch_is_another() {
    let rows = [
        "metrics.alerts.GithubPatTokenExpiresCritical.threshold=1",
        "metrics.alerts.GithubPatManyNotReady.threshold=6",
        "metrics.alerts.GithubPatManyNotReady.enabled=false",
        "metrics.alerts.GithubPatProofTooOld.threshold=90",
        "metrics.alerts.GithubPatHostBudgetLow.threshold=5",
        "metrics.alerts.GithubPatNoProgress.threshold=61",
        "metrics.alerts.GithubPatWatchStale.threshold=181",
        "metrics.alerts.GithubPatOperatorDown.for=1h",
        "metrics.alerts.GithubPatTokenRefused.severity=info",
    ];
    for row in rows {
        let (succeeded, said) = promtool(&rules(&["--set", row]), &["test", "rules", "tests.yaml"]);
        assert!(!succeeded, "{row} changes nothing: {said}");
    }
}

#[test]
fn each_alert_can_be_switched_off_and_has_summary_cause_remedy_and_runbook() {
    let all = rules(&[]);
    let page = read("docs/alerts.md");
    for name in names(&all) {
        let off = format!("metrics.alerts.{name}.enabled=false");
        let left = names(&rules(&["--set", &off]));
        let expected = names(&all).into_iter().filter(|other| *other != name).collect();
        assert_eq!(left, expected);
        assert!(page.contains(&format!("\n## {name}\n")), "docs/alerts.md has no section {name}");
    }
    assert_eq!(page.matches("\n## GithubPat").count(), names(&all).len(), "docs/alerts.md has others");
    for alert in alerts(&all) {
        for part in ["summary", "description", "remedy", "runbook_url"] {
            assert!(alert["annotations"][part].as_str().is_some_and(|text| !text.is_empty()), "{alert}");
        }
        assert!(!alert["expr"].as_str().unwrap().contains('$'), "{alert}");
    }
    let given = rules(&[
        "--set",
        "metrics.alertLabels.team=platform",
        "--set",
        "metrics.runbookUrl=https://docs.example.com/alerts",
    ]);
    for alert in alerts(&given) {
        assert_eq!(alert["labels"]["team"], "platform");
        assert!(
            alert["annotations"]["runbook_url"]
                .as_str()
                .unwrap()
                .starts_with("https://docs.example.com/alerts#")
        );
    }
}

#[test]
fn the_plain_file_of_rules_is_what_the_chart_makes_without_values() {
    let rules = rules(&[]);
    if std::env::var_os("WRITE_RULES").is_some() {
        let head = "# Rules for a Prometheus without its operator: name this file in rule_files. docs/alerts.md explains each alert.\n";
        fs::write(file(RULES), head.to_owned() + &serde_saphyr::to_string(&rules).unwrap()).unwrap();
    }
    let plain: Value = serde_saphyr::from_str(&read(RULES)).unwrap();
    assert_eq!(plain, rules, "write it anew with WRITE_RULES=1 cargo test --test it the_plain_file_of_rules");
}

#[test]
fn monitors_find_the_operator_and_leave_its_labels_alone() {
    let all = [
        "metrics.serviceMonitor=true",
        "metrics.podMonitor=true",
        "metrics.interval=45s",
        "metrics.monitorLabels.release=prometheus",
    ];
    let flags: Vec<&str> = all.iter().flat_map(|value| ["--set", value]).collect();
    let manifests = rendered(&flags);
    let of = |kind| of_kind(&manifests, kind);
    let pod = &of("Deployment")["spec"]["template"];
    let container = &pod["spec"]["containers"][0]["ports"][0];
    let includes = |labels: &Value, selector: &Value| {
        selector.as_object().unwrap().iter().all(|(name, value)| labels[name] == *value)
    };
    let service = of("Service");
    assert_eq!(service["spec"]["ports"][0]["targetPort"], container["name"]);
    assert!(includes(&pod["metadata"]["labels"], &service["spec"]["selector"]));
    let monitor = of("ServiceMonitor");
    assert!(includes(&service["metadata"]["labels"], &monitor["spec"]["selector"]["matchLabels"]));
    assert_eq!(monitor["spec"]["endpoints"][0]["port"], service["spec"]["ports"][0]["name"]);
    let pods = of("PodMonitor");
    assert!(includes(&pod["metadata"]["labels"], &pods["spec"]["selector"]["matchLabels"]));
    assert_eq!(pods["spec"]["podMetricsEndpoints"][0]["port"], container["name"]);
    for (monitor, endpoints) in [(monitor, "endpoints"), (pods, "podMetricsEndpoints")] {
        let endpoint = &monitor["spec"][endpoints][0];
        assert_eq!(
            (&endpoint["path"], &endpoint["honorLabels"], &endpoint["interval"]),
            (&json!("/metrics"), &json!(true), &json!("45s"))
        );
        assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    }
    let without = rendered(&[]);
    let kinds: BTreeSet<_> = without.iter().map(|manifest| manifest["kind"].as_str().unwrap()).collect();
    for kind in ["Service", "ServiceMonitor", "PodMonitor", "PrometheusRule"] {
        assert!(!kinds.contains(kind), "{kind} is made unasked");
    }
}

/// A Prometheus server that scrapes one operator each second and evaluates the rules.
struct Prometheus {
    _process: Guarded,
    url: String,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    fn start(operator: &str) -> Prometheus {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let config = json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "rule_files": ["rules.yaml"],
            "scrape_configs": [{
                "job_name": "github-pat-operator", "honor_labels": true,
                "static_configs": [{ "targets": [operator.trim_start_matches("http://")] }],
            }],
        });
        fs::write(at("prometheus.yaml"), config.to_string()).unwrap();
        fs::write(at("rules.yaml"), rules(&[]).to_string()).unwrap();
        let listen = free_address();
        let launch = Launch::new(binaries::find(Program::Prometheus).unwrap())
            .arguments([format!("--config.file={}", at("prometheus.yaml").display())])
            .arguments([format!("--storage.tsdb.path={}", at("data").display())])
            .arguments([format!("--web.listen-address={listen}")])
            .output(at("log"), at("log"));
        let process = Guarded::spawn(&launch).unwrap();
        Prometheus { _process: process, url: format!("http://{listen}"), _folder: folder }
    }

    /// What the API answers, once this holds.
    async fn until(&self, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let mut last = Value::Null;
        let asked = async {
            loop {
                if let Ok(answer) = client.get(format!("{}/api/v1/{path}", self.url)).send().await
                    && let Ok(text) = answer.text().await
                    && let Ok(value) = serde_json::from_str::<Value>(&text)
                {
                    if holds(&value["data"]) {
                        return value["data"].clone();
                    }
                    last = value;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let waited = tokio::time::timeout(SOON, asked).await;
        waited.unwrap_or_else(|_| panic!("{path} did not become so; last: {last}"))
    }
}

#[tokio::test]
async fn a_prometheus_server_reads_the_operator_and_its_alerts_come_and_go() {
    let world = World::start().await;
    let ends = jiff::Timestamp::now().as_second() + 10 * 86_400;
    let good = NewToken::classic("good", "acme-ci").scopes(&["repo"]);
    let good = good.expires(jiff::Timestamp::from_second(ends).unwrap());
    world.secret("good", &world.github.token(good)).await;
    world.connection("good", json!({})).await;
    world.connection("missing", json!({})).await;
    let operator = world.operator().await;
    let prometheus = Prometheus::start(&operator.url);
    let targets = prometheus.until("targets", |data| data["activeTargets"][0]["health"] == "up").await;
    assert_eq!(targets["activeTargets"][0]["lastError"], "");
    world.ready("missing", "False", "SecretNotFound").await;
    let pending = |name: &'static str| {
        move |data: &Value| {
            let alerts = data["alerts"].as_array().cloned().unwrap_or_default();
            alerts.iter().any(|alert| alert["labels"]["alertname"] == name)
        }
    };
    let alerts = prometheus
        .until("alerts", |data| {
            pending("GithubPatConnectionNotUsable")(data) && pending("GithubPatTokenExpiresWarning")(data)
        })
        .await;
    let of = |name: &str| {
        let all = alerts["alerts"].as_array().unwrap();
        all.iter().find(|alert| alert["labels"]["alertname"] == name).unwrap().clone()
    };
    assert_eq!(of("GithubPatConnectionNotUsable")["labels"]["name"], "missing");
    let summary = of("GithubPatTokenExpiresWarning")["annotations"]["summary"].clone();
    assert!(summary.as_str().unwrap().starts_with("The token of team-a/good ends in 9d 23h 5"), "{summary}");
    world.github.outage(Some(Outage::Cut));
    prometheus.until("alerts", pending("GithubPatHostUnreachable")).await;
    let rules = prometheus.until("rules", |data| data["groups"][0]["rules"][0]["health"] == "ok").await;
    for rule in rules["groups"][0]["rules"].as_array().unwrap() {
        assert_eq!((&rule["health"], &rule["lastError"]), (&json!("ok"), &Value::Null), "{rule}");
    }
    world.secret("missing", &world.github.token(NewToken::classic("found", "acme-ci"))).await;
    prometheus.until("alerts", |data| !pending("GithubPatConnectionNotUsable")(data)).await;
    let gone = prometheus.until(
        "query?query=github_pat_connection_condition%7Bname%3D%22missing%22,status%3D%22False%22%7D",
        |data| data["result"].as_array().is_some_and(Vec::is_empty),
    );
    gone.await;
}
