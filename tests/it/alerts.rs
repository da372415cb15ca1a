//! The rules for Prometheus, and what promtool says of them.

mod files;
mod flaps;
mod monitors;
mod reasons;
mod server;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use control_plane::{Program, binaries};
use github_pat_operator::settings::RANGES;
use serde_json::{Value, json};

use crate::{
    chart::{of_kind, rendered},
    release::{said, template},
};
pub(crate) use monitors::define_monitors;
pub(crate) use server::Prometheus;

/// Where the rules are for those who do not use the chart.
const RULES: &str = "examples/prometheus/rules.yaml";

/// When each alert fires, to the minute, and what is just beyond its threshold.
const BOUNDS: &str = "tests/alerts/bounds.yaml";

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
    promtool_with(rules, &read("tests/alerts/tests.yaml"), arguments)
}

/// The same with other tests.
pub(crate) fn promtool_with(rules: &Value, tests: &str, arguments: &[&str]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rules.yaml"), rules.to_string()).unwrap();
    fs::write(folder.path().join("tests.yaml"), tests).unwrap();
    let mut promtool = Command::new(binaries::find(Program::Promtool).unwrap());
    let output = promtool.args(arguments).current_dir(folder.path()).output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.success(), said)
}

#[test]
#[ignore = "runs promtool for many rows; .ci/long runs it"]
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
#[ignore = "runs promtool for each expression; .ci/long runs it"]
fn a_test_of_an_alert_fails_where_what_it_leaves_out_is_another() {
    let rules = rules(&[]);
    let rows = [
        ("a token that ends", "GithubPatTokenExpiresNotice", "BadCredentials", "None"),
        ("a token that ends", "GithubPatTokenExpiresWarning", "BadCredentials", "None"),
        ("a token that ends", "GithubPatTokenExpiresWarning", "declared_", "other_"),
        ("a token that ends", "GithubPatTokenExpiresWarning", "min by", "max by"),
        ("a token that ends", "GithubPatTokenExpiresCritical", "AccountSuspended", "None"),
        ("what is not proven", "GithubPatProofTooOld", "breaker_open == 1", "breaker_open == 2"),
        ("what is not proven", "GithubPatProofTooOld", "[780s]) == 0", "[780s]) > 0"),
        ("what is not proven", "GithubPatOutputsUnproven", "breaker_open == 1", "breaker_open == 2"),
        ("what is not proven", "GithubPatOutputsUnproven", "[780s]) == 0", "[780s]) > 0"),
        ("what is not proven", "GithubPatOutputsUnproven", "ApiServerUnavailable", "NotDetermined"),
    ];
    for (test, name, from, to) in rows {
        let mut changed = rules.clone();
        let all = changed["groups"][0]["rules"].as_array_mut().unwrap();
        let rule = all.iter_mut().find(|rule| rule["alert"] == name).unwrap();
        rule["expr"] = json!(rule["expr"].as_str().unwrap().replace(from, to));
        assert_ne!(changed, rules, "{name} has no {from}");
        let (succeeded, _) = promtool(&changed, &["test", "rules", "--run", test, "tests.yaml"]);
        assert!(!succeeded, "{name} may have {to} in the place of {from}");
    }
}

/// Whether a threshold is told or not told otherwise, with one alert made another one.
fn says_otherwise(rules: &Value, name: &str, change: impl Fn(&mut Value)) -> bool {
    let mut changed = rules.clone();
    let all = changed["groups"][0]["rules"].as_array_mut().unwrap();
    change(all.iter_mut().find(|rule| rule["alert"] == name).unwrap());
    assert_ne!(&changed, rules, "{name} stays as it was");
    let arguments = ["test", "rules", "--run", "what is just beyond a threshold", "tests.yaml"];
    !promtool_with(&changed, &read(BOUNDS), &arguments).0
}

#[test]
#[ignore = "runs promtool for many rows; .ci/long runs it"]
fn each_alert_fires_after_its_time_and_not_a_minute_before_or_after() {
    let rules = rules(&[]);
    let (succeeded, said) = promtool_with(&rules, &read(BOUNDS), &["test", "rules", "tests.yaml"]);
    assert!(succeeded, "{said}");
    // Each row has the alerts that begin to fire in its minute.
    let tests: Value = serde_saphyr::from_str(&read(BOUNDS)).unwrap();
    let rows = tests["tests"][0]["promql_expr_test"].as_array().unwrap();
    for name in names(&rules) {
        let words = format!("alertname=\"{name}\"}}");
        let has_it = |row: &&Value| {
            let samples = row["exp_samples"].as_array().unwrap();
            samples.iter().any(|sample| sample["labels"].as_str().unwrap().contains(&words))
        };
        assert_eq!(rows.iter().filter(has_it).count(), 1, "nothing shows when {name} fires");
    }
}

#[test]
#[ignore = "runs promtool for each of 24 expressions; .ci/long runs it"]
fn a_test_of_an_alert_fails_where_its_expression_is_another() {
    let rules = rules(&[]);
    let rows = [
        ("GithubPatTokenExpiresNotice", "< 30 *", "< 25 *"),
        ("GithubPatTokenExpiresNotice", "< 30 *", "< 31 *"),
        ("GithubPatTokenExpiresNotice", "> 14 *", "> 13 *"),
        ("GithubPatTokenExpiresWarning", "<= 14 *", "<= 19 *"),
        ("GithubPatTokenExpiresWarning", "<= 14 *", "< 13 *"),
        ("GithubPatTokenExpiresWarning", "time()) > 0", "time()) > -999999"),
        ("GithubPatTokenExpiresCritical", "time()) > 0", "time()) > -999999"),
        ("GithubPatTokenExpiresCritical", "<= 3 *", "<= 4 *"),
        ("GithubPatTokenRefused", "|AccountSuspended", ""),
        ("GithubPatConnectionNotUsable", "=\"GithubPatTokenRefused\"", "=\"None\""),
        ("GithubPatConnectionNotUsable", "=\"GithubPatTokenExpired\"", "=\"None\""),
        ("GithubPatProofTooOld", "> 48 *", "> 49 *"),
        ("GithubPatProofTooOld", "> 48 *", ">= 48 *"),
        ("GithubPatProofTooOld", "status=\"False\"", "status=\"None\""),
        ("GithubPatOutputsUnproven", "> 0", ">= 0"),
        ("GithubPatOutputsUnproven", "Ready\", status=\"False\"", "Ready\", status=\"None\""),
        ("GithubPatNoStandby", "< 2", "< 3"),
        ("GithubPatHostBudgetLow", "< 10 /", "< 49 /"),
        ("GithubPatHostBudgetLow", "< 10 /", "<= 10 /"),
        ("GithubPatNoProgress", "> 30", ">= 30"),
        ("GithubPatWatchStale", "> 180", ">= 180"),
        ("GithubPatSinkBehind", "> 600", ">= 600"),
        ("GithubPatNotificationsRefused", "> 0", ">= 0"),
        ("GithubPatNotificationsRefused", "[1h]", "[2h]"),
        ("GithubPatNotificationsRefused", "result=\"Refused\"", "result!=\"None\""),
    ];
    for (name, from, to) in rows {
        let is_seen = says_otherwise(&rules, name, |rule| {
            rule["expr"] = json!(rule["expr"].as_str().unwrap().replace(from, to));
        });
        assert!(is_seen, "{name} may have {to} in the place of {from}");
    }
}

#[test]
#[ignore = "runs promtool for each of many rules; .ci/long runs it"]
fn a_test_of_an_alert_fails_where_its_threshold_or_its_switch_is_another() {
    let rows = [
        ("a token that ends", "GithubPatTokenExpiresCritical.threshold=1"),
        ("many connections", "GithubPatManyNotReady.threshold=6"),
        ("four connections", "GithubPatManyNotReady.threshold=4"),
        ("many connections", "GithubPatManyNotReady.enabled=false"),
        ("what is not proven", "GithubPatProofTooOld.threshold=90"),
        ("a host is told", "GithubPatHostBudgetLow.threshold=5"),
        ("an operator that does nothing", "GithubPatNoProgress.threshold=31"),
        ("an operator that does nothing", "GithubPatWatchStale.threshold=181"),
        ("a sink that takes nothing", "GithubPatSinkBehind.threshold=602"),
        ("no operator at all", "GithubPatOperatorDown.for=1h"),
        ("a connection that is not Ready", "GithubPatTokenRefused.severity=info"),
    ];
    for (test, row) in rows {
        let arguments = ["test", "rules", "--run", test, "tests.yaml"];
        let flag = format!("metrics.alerts.{row}");
        let (succeeded, said) = promtool(&rules(&["--set", &flag]), &arguments);
        assert!(!succeeded, "{row} changes nothing: {said}");
    }
}

#[test]
#[ignore = "runs helm and promtool for each stage; .ci/long runs it"]
fn a_stage_of_expiry_that_is_switched_off_is_told_by_the_stage_before() {
    let series = |of: &str, days: i32| {
        let series =
            format!("github_pat_{of}_expiration_timestamp_seconds{{namespace=\"ci\", name=\"days\"}}");
        json!({ "series": series, "values": format!("{}x100", days * 86_400) })
    };
    let rows = [
        ("GithubPatTokenExpiresWarning.enabled=false", 10, None, "GithubPatTokenExpiresNotice"),
        ("GithubPatTokenExpiresWarning.enabled=false", 2, None, "GithubPatTokenExpiresCritical"),
        ("GithubPatTokenExpiresWarning.enabled=false", 2, Some(2), "GithubPatTokenExpiresCritical"),
        ("GithubPatTokenExpiresWarning.enabled=false", 2, Some(10), "GithubPatTokenExpiresNotice"),
        ("GithubPatTokenExpiresWarning=null", 10, None, "GithubPatTokenExpiresNotice"),
        ("GithubPatTokenExpiresWarning=null", 2, Some(10), "GithubPatTokenExpiresNotice"),
        ("GithubPatTokenExpiresCritical.enabled=false", 2, None, "GithubPatTokenExpiresWarning"),
        ("GithubPatTokenExpiresCritical=null", 20, None, "GithubPatTokenExpiresNotice"),
    ];
    for (flag, left, standby, told) in rows {
        let rules = rules(&["--set", &format!("metrics.alerts.{flag}")]);
        let expected = json!([{ "labels": format!("{{alertname=\"{told}\"}}"), "value": 1 }]);
        let query = "count by (alertname) (ALERTS{name=\"days\", alertstate=\"firing\"})";
        let input = [Some(("token", left)), standby.map(|days| ("candidates", days))];
        let input: Vec<_> = input.into_iter().flatten().map(|(of, days)| series(of, days)).collect();
        let test = json!({
            "interval": "4m", "input_series": input,
            "promql_expr_test": [{ "expr": query, "eval_time": "4h", "exp_samples": expected }],
        });
        let tests = json!({ "rule_files": ["rules.yaml"], "evaluation_interval": "4m", "tests": [test] });
        let (succeeded, said) = promtool_with(&rules, &tests.to_string(), &["test", "rules", "tests.yaml"]);
        assert!(succeeded, "{flag}, {left} days, standby {standby:?}: {said}");
    }
}

#[test]
fn what_could_never_fire_by_the_settings_is_no_alert() {
    let all = names(&rules(&[]));
    let left = |flag| rules(&["--set", flag]);
    let without = left("settings.metricsPerConnection=false");
    let of_operator = [
        "GithubPatHostBudgetLow",
        "GithubPatHostRefusesMany",
        "GithubPatHostUnreachable",
        "GithubPatNoLeader",
        "GithubPatNoProgress",
        "GithubPatNotificationsRefused",
        "GithubPatOperatorDown",
        "GithubPatSettingsRefused",
        "GithubPatSinkBehind",
        "GithubPatWatchStale",
    ];
    assert_eq!(names(&without), of_operator.map(str::to_owned).into());
    assert_eq!(without["groups"][0]["rules"].as_array().unwrap().len(), of_operator.len(), "no records");
    let gone: Vec<_> = all.difference(&names(&left("settings.leaderElection=false"))).cloned().collect();
    assert_eq!(gone, ["GithubPatNoLeader"]);
    assert_eq!(names(&left("settings.metricsPerConnection=null")), all, "the operator's own default");
}

#[test]
#[ignore = "runs helm for each alert; .ci/long runs it"]
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
fn texts_name_the_settings_in_effect_and_nothing_is_recorded_that_two_releases_would_both_record() {
    let said = |flags: &[&str]| rules(flags)["groups"][0]["rules"].to_string();
    let default = |name| RANGES.into_iter().find(|range| range.name == name).unwrap().default();
    let rows = [
        (vec![], default("trustFor"), default("incidentHold")),
        (
            vec!["--set", "settings.trustFor=null,settings.incidentHold=null"],
            default("trustFor"),
            default("incidentHold"),
        ),
        (vec!["--set", "settings.trustFor=48h,settings.incidentHold=1h"], "48h".to_owned(), "1h".to_owned()),
    ];
    for (flags, trust_for, incident_hold) in rows {
        let said = said(&flags);
        for words in [format!("trustFor ({trust_for})"), format!("incidentHold ({incident_hold})")] {
            assert!(said.contains(&words), "{flags:?}: {words} is not in {said}");
        }
        assert!(!said.contains("\"record\""), "{said}");
    }
}

#[test]
fn labels_of_connections_reach_their_alerts() {
    let labels = "settings.connectionLabels={team,example.com/owner}";
    let details = ["settings.consumers=true", "settings.metricsDetails={account,consumers}"];
    let rules = rules(&["--set", labels, "--set", details[0], "--set", details[1]]);
    let series = |name: &str, of: &str, labels: &str, value: &str| {
        let series = format!("{name}{{pod=\"a\", namespace=\"ci\", name=\"{of}\"{labels}}}");
        json!({ "series": series, "values": format!("{value}x100") })
    };
    let info = ", host=\"github.com\", kind=\"Classic\", label_team=\"infra\", label_example_com_owner=\"me\", account=\"bot\", consumers=\"Deployment/a\"";
    let scaled = info.replace("Deployment/a", "Deployment/a, Deployment/b");
    let rolled_out = "{pod=\"b\", namespace=\"ci\", name=\"other\", label_team=\"web\"}";
    let not_yet = "{pod=\"a\", namespace=\"ci\", name=\"other\"}";
    let bad = ", condition=\"Ready\", status=\"False\", reason=\"BadCredentials\"";
    let told = ", label_team=\"infra\", label_example_com_owner=\"me\", account=\"bot\"";
    let by = "name, label_team, label_example_com_owner, account, consumers";
    let alerts = [
        ("GithubPatTokenRefused", "bot"),
        ("GithubPatTokenExpiresCritical", "late"),
        ("GithubPatOutputsUnproven", "late"),
        ("GithubPatNoStandby", "bot"),
    ];
    let asked = alerts.map(|(alert, name)| {
        let query = format!("count by ({by}) (ALERTS{{alertname=\"{alert}\", alertstate=\"firing\"}})");
        let expected = json!([{ "labels": format!("{{name=\"{name}\"{told}}}"), "value": 1 }]);
        json!({ "expr": query, "eval_time": "90m", "exp_samples": expected })
    });
    let rule = alert_of(&rules, "GithubPatTokenExpiresCritical");
    let mut annotations = rule["annotations"].clone();
    annotations["summary"] = json!("The token of ci/late ends in 1d 0h 3m 0s");
    annotations["consumers"] = json!("Deployment/a, Deployment/b");
    let tests = json!({
        "rule_files": ["rules.yaml"], "evaluation_interval": "1m",
        "tests": [{
            "interval": "1m",
            "input_series": [
                series("github_pat_connection_info", "bot", info, "1"),
                // Its consumers change, and the alert goes on.
                json!({ "series": format!("github_pat_connection_info{{namespace=\"ci\", name=\"late\"{info}}}"), "values": "1x50 _x50" }),
                json!({ "series": format!("github_pat_connection_info{{namespace=\"ci\", name=\"late\"{scaled}}}"), "values": "_x50 1x50" }),
                // While the setting is rolled out, the replicas tell other labels of a connection.
                json!({ "series": format!("github_pat_connection_info{rolled_out}"), "values": "1x100" }),
                json!({ "series": format!("github_pat_connection_info{not_yet}"), "values": "1x100" }),
                series("github_pat_connection_condition", "bot", bad, "1"),
                series("github_pat_token_expiration_timestamp_seconds", "late", "", "90000"),
                series("github_pat_connection_outputs", "late", ", state=\"outdated\"", "1"),
                series("github_pat_connection_candidates", "bot", ", usable=\"True\"", "1"),
            ],
            "promql_expr_test": asked,
            "alert_rule_test": [{ "eval_time": "57m", "alertname": "GithubPatTokenExpiresCritical", "exp_alerts": [{
                "exp_labels": {
                    "severity": "critical", "namespace": "ci", "name": "late", "label_team": "infra",
                    "label_example_com_owner": "me", "account": "bot",
                },
                "exp_annotations": annotations,
            }] }],
        }],
    });
    let (succeeded, said) = promtool_with(&rules, &tests.to_string(), &["test", "rules", "tests.yaml"]);
    assert!(succeeded, "{said}");
    let joined = alerts_of_connections(&rules);
    assert_eq!(joined.len(), 9, "{joined:?}");
}

#[test]
fn a_field_of_an_alert_that_is_null_is_refused_unless_nothing_needs_it() {
    let rows = [
        ("GithubPatProofTooOld.threshold", false),
        ("GithubPatManyNotReady.for", false),
        ("GithubPatNoStandby.severity", false),
        ("GithubPatManyNotReady.keepFiringFor", true),
        ("GithubPatNoStandby.enabled", true),
        ("GithubPatNoStandby", true),
    ];
    for (field, good) in rows {
        let value = format!("metrics.alerts.{field}=null");
        let output = template(&["--set", "metrics.prometheusRule=true", "--set", &value]);
        let name = field.rsplit('.').next().unwrap();
        let is_named = said(&output).contains(&format!("missing property '{name}'"));
        assert_eq!((output.status.success(), is_named), (good, !good), "{field}: {}", said(&output));
    }
}

#[test]
fn a_notice_of_the_expiry_that_would_never_fire_is_refused_and_both_alerts_are_named() {
    let of = |stage: &str, field: &str| format!("metrics.alerts.GithubPatTokenExpires{stage}.{field}");
    let rows = [
        (vec![of("Notice", "threshold=15")], None),
        (
            vec![of("Notice", "threshold=14")],
            Some("Notice.threshold is wrong: 14 is not above that of GithubPatTokenExpiresWarning, 14,"),
        ),
        (
            vec![of("Notice", "threshold=7")],
            Some("Notice.threshold is wrong: 7 is not above that of GithubPatTokenExpiresWarning, 14,"),
        ),
        // Where a standby takes over, a warning fires all the same.
        (vec![of("Critical", "threshold=14")], None),
        // What is switched off is no stage.
        (vec![of("Notice", "threshold=7"), of("Warning", "enabled=false")], None),
        (vec![of("Notice", "threshold=7"), of("Notice", "enabled=false")], None),
        (
            vec![
                of("Critical", "threshold=60"),
                "metrics.alerts.GithubPatTokenExpiresCritical=null".to_owned(),
            ],
            None,
        ),
    ];
    for (values, refused) in rows {
        let output = template(&["--set", "metrics.prometheusRule=true", "--set", &values.join(",")]);
        let is_named = refused.is_none_or(|words| said(&output).contains(words));
        assert_eq!(
            (output.status.success(), is_named),
            (refused.is_none(), true),
            "{values:?}: {}",
            said(&output)
        );
    }
}

#[test]
fn labels_for_which_prometheus_would_refuse_the_rules_or_that_the_rules_set_are_refused() {
    let names = [
        // By these the rules find what belongs together.
        "namespace",
        "name",
        "host",
        "reason",
        "organization",
        "sink",
        "resource",
        "shard",
        "shards",
        "alertname",
        "severity",
        "__name__",
        "__team",
        "cost-centre",
        "1st",
        "",
    ];
    let of_names = names.map(|name| {
        let words = if name.starts_with(|first: char| first.is_ascii_lowercase()) && !name.contains('-') {
            format!("at '/metrics/alertLabels/{name}': false schema")
        } else {
            format!("at '/metrics/alertLabels': additional properties '{name}' not allowed")
        };
        (json!({ name: "a" }), words)
    });
    let values =
        ["{{ nosuch }}", "a {{"].map(|value| (json!({ "team": value }), "/alertLabels/team".to_owned()));
    for (labels, words) in of_names.into_iter().chain(values) {
        let flag = format!("metrics.alertLabels={labels}");
        let output = template(&["--set", "metrics.prometheusRule=true", "--set-json", &flag]);
        assert!(!output.status.success() && said(&output).contains(&words), "{labels}: {}", said(&output));
    }
    for name in ["team", "_team", "T1"] {
        rules(&["--set-json", &format!("metrics.alertLabels={}", json!({ name: "{ok}" }))]);
    }
}

/// The alert of this name.
fn alert_of<'a>(rules: &'a Value, name: &str) -> &'a Value {
    alerts(rules).into_iter().find(|alert| alert["alert"] == name).unwrap()
}

/// The alerts that have the labels of connections.
fn alerts_of_connections(rules: &Value) -> Vec<&Value> {
    let of = alerts(rules).into_iter();
    of.filter(|alert| alert["expr"].as_str().unwrap().contains("group_left (label_team")).collect()
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
