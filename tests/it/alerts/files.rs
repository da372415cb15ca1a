//! Files for those who do not use the chart: the mixin, and the configuration of Alertmanager in the docs.

use std::{fs, process::Command};

use control_plane::{Program, binaries};
use serde_json::{Value, json};

use super::{RULES, alerts, file, read};

/// The rules and the dashboard for those who write their monitoring in Jsonnet.
const MIXIN: &str = "examples/prometheus/mixin.libsonnet";

#[test]
fn the_mixin_has_the_rules_of_the_plain_file_and_the_dashboard() {
    let script = format!(
        "local mixin = import '{}'; {{ alerts: mixin.prometheusAlerts, dashboards: mixin.grafanaDashboards }}",
        file(MIXIN).display()
    );
    let jsonnet = binaries::find(Program::Jsonnet).unwrap();
    let made = Command::new(jsonnet).args(["--exec", &script]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let plain: Value = serde_saphyr::from_str(&read(RULES)).unwrap();
    assert!(alerts(&plain).len() > 15);
    assert_eq!(made["alerts"], plain);
    let dashboard: Value =
        serde_json::from_str(&read("charts/github-pat-operator/dashboards/github-pat-operator.json"))
            .unwrap();
    assert_eq!(made["dashboards"], json!({ "github-pat-operator.json": dashboard }));
}

#[test]
fn alertmanager_takes_the_configuration_of_the_docs_and_routes_by_the_label_of_a_team() {
    let page = read("docs/notifications.md");
    let config = page.split("```text\nroute:").nth(1).unwrap().split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alertmanager.yaml");
    fs::write(&path, format!("route:{config}")).unwrap();
    let amtool = |arguments: &[&str]| {
        let mut amtool = Command::new(binaries::find(Program::Amtool).unwrap());
        let said = amtool.args(arguments).output().unwrap();
        let words = [said.stdout, said.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (said.status.success(), words)
    };
    let path = path.to_str().unwrap();
    let (is_good, said) = amtool(&["check-config", path]);
    assert!(is_good && said.contains("3 receivers"), "{said}");
    let name = "alertname=GithubPatTokenExpired";
    for (labels, receiver) in [
        (vec![name, "label_team=infra"], "infra"),
        (vec![name, "label_team=web"], "web"),
        (vec![name], "platform"),
        (vec!["alertname=Other", "label_team=infra"], "platform"),
    ] {
        let of_routes = ["config", "routes", "test", "--config.file", path];
        let (_, said) = amtool(&[of_routes.as_slice(), &labels].concat());
        assert_eq!(said.trim(), receiver, "{labels:?}");
    }
    fs::write(path, format!("route:{}", config.replace("slack_configs", "slack_config"))).unwrap();
    assert!(!amtool(&["check-config", path]).0, "what it does not know is refused");
}
