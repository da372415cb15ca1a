//! A real Prometheus server, and what it makes of a running operator.

use std::{fs, time::Duration};

use control_plane::{Guarded, Launch, Program, binaries};
use github_simulator::{NewToken, Outage};
use serde_json::{Value, json};

use super::rules;
use crate::world::{SOON, World, free_address};

/// A Prometheus server that scrapes one operator each second and evaluates the rules.
pub(crate) struct Prometheus {
    _process: Guarded,
    url: String,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    pub(crate) fn start(operator: &str) -> Prometheus {
        Prometheus::scraping(operator.trim_start_matches("http://"), json!({}))
    }

    /// The same of this address, with more of how to scrape it.
    pub(crate) fn scraping(address: &str, more: Value) -> Prometheus {
        let mut scrape = json!({
            "job_name": "github-pat-operator", "honor_labels": true, "static_configs": [{ "targets": [address] }],
        });
        scrape.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let config = json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "rule_files": ["rules.yaml"],
            "scrape_configs": [scrape],
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
    pub(crate) async fn until(&self, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
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
#[ignore = "waits for the scrapes of a Prometheus; .ci/long runs it"]
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
