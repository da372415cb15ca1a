//! The dashboard for Grafana: each query of each panel is asked of a real Prometheus that scrapes a running operator.

use std::{collections::BTreeSet, fs, path::Path};

use github_simulator::{NewToken, Outage};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::{
    alerts::{Prometheus, promtool_with},
    chart::{of_kind, rendered},
    world::{NAMESPACE, World},
};

fn dashboard() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("charts/github-pat-operator/dashboards/github-pat-operator.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row")
}

/// Each query with the title of its panel.
fn queries(dashboard: &Value) -> Vec<(String, String)> {
    let of = |panel: &Value| {
        let title = panel["title"].as_str().unwrap().to_owned();
        let targets = panel["targets"].as_array().unwrap().clone();
        targets.into_iter().map(move |target| (title.clone(), target["expr"].as_str().unwrap().to_owned()))
    };
    panels(dashboard).flat_map(of).collect()
}

/// The query as Grafana sends it, with all namespaces and hosts chosen.
fn filled(query: &str, connection: &str) -> String {
    let query = query
        .replace("$connection_namespace", NAMESPACE)
        .replace("$namespace", ".*")
        .replace("$connection", connection)
        .replace("$host", ".*");
    let query = query.replace("$__rate_interval", "30s");
    assert!(!query.contains('$'), "{query}");
    query
}

fn escaped(query: &str) -> String {
    let escaped = query.bytes().map(|byte| {
        if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    });
    escaped.collect()
}

#[tokio::test]
#[ignore = "waits for the scrapes of a Prometheus; .ci/long runs it"]
async fn every_query_of_the_dashboard_finds_something_in_a_real_prometheus() {
    let world = World::start().await;
    let ends = jiff::Timestamp::from_second(1_900_000_000).unwrap();
    let token =
        |name: &str| world.github.token(NewToken::classic(name, "acme-ci").scopes(&["repo"]).expires(ends));
    world.secret("first", &token("first")).await;
    world.secret("standby", &token("standby")).await;
    let publish = json!([
        { "secretName": "out", "format": "Opaque" }, { "secretName": "former", "format": "Opaque" },
    ]);
    let spec = json!({ "publish": publish, "standby": [{ "name": "standby" }] });
    world.connection("first", spec).await;
    world.connection("missing", json!({})).await;
    let sinks = json!([{ "name": "nobody", "url": "http://127.0.0.1:9" }]);
    let settings = format!(
        "{}consumers: true\nleaderElection: true\nleaseNamespace: {NAMESPACE}\nsinks: {sinks}\n",
        world.settings()
    );
    let operator = world.operator_with_settings(&settings).await;
    let prometheus = Prometheus::start(&operator.url);
    world.ready("first", "True", "Ready").await;
    world.ready("missing", "False", "SecretNotFound").await;
    world.secret("first", &token("second")).await;
    world
        .until("first", |seen| {
            seen.status.as_ref().is_some_and(|status| status.consumers.is_some() && status.rotation.is_some())
        })
        .await;
    // It waits for a finalizer, and does not hold the token of the status any more.
    let held = Patch::Merge(json!({ "metadata": { "finalizers": ["example.com/held"] } }));
    world.secrets().patch("former", &PatchParams::default(), &held).await.unwrap();
    world.change("first", json!({ "publish": [publish[0]] })).await;
    world.ready("first", "False", "Leaving").await;
    one_of_each(&world).await;
    let dashboard = dashboard();
    let all = queries(&dashboard);
    for ((title, query), (panel, count)) in
        all.iter().zip([("Fine", "1"), ("Warned", "1"), ("Waiting", "1"), ("Broken", "2")])
    {
        let path = format!("query?query={}", escaped(&filled(query, "first")));
        prometheus.until(&path, |data| data["result"][0]["value"][1] == count).await;
        assert_eq!(title, panel);
    }
    world.github.outage(Some(Outage::Cut));
    assert!(all.len() > 35, "{}", all.len());
    for (_, query) in &all {
        let path = format!("query?query={}", escaped(&filled(query, "first")));
        let found = |data: &Value| data["result"].as_array().is_some_and(|found| !found.is_empty());
        prometheus.until(&path, found).await;
    }
    let choices = choices(&dashboard);
    assert_eq!(choices.len(), 4, "{choices:?}");
    for (selector, label) in choices {
        let path = format!(
            "query?query={}",
            escaped(&format!("group by ({label}) ({})", filled(&selector, "first")))
        );
        prometheus.until(&path, |data| data["result"][0]["metric"][&label].is_string()).await;
    }
}

/// What each variable of the dashboard offers: a selector of series and the label that is taken of them.
fn choices(dashboard: &Value) -> Vec<(String, String)> {
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    let texts = variables.filter_map(|variable| variable["query"]["query"].as_str());
    let inner = texts.map(|text| text.strip_prefix("label_values(").unwrap().strip_suffix(')').unwrap());
    let split = inner.map(|inner| inner.rsplit_once(',').unwrap());
    split.map(|(selector, label)| (selector.trim().to_owned(), label.trim().to_owned())).collect()
}

/// A connection that is fine, one with something to know, and one that nobody can tell of.
async fn one_of_each(world: &World) {
    let ends = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(30);
    world.secret("fine", &world.github.token(NewToken::classic("fine", "acme-ci").scopes(&["repo"]))).await;
    let soon = NewToken::classic("soon", "acme-ci").scopes(&["repo"]).expires(ends);
    world.secret("soon", &world.github.token(soon)).await;
    world.connection("fine", json!({})).await;
    world.connection("soon", json!({ "warnBefore": ["168h"] })).await;
    world.connection("suspended", json!({ "suspend": true })).await;
    world.ready("fine", "True", "Ready").await;
    world.ready("soon", "True", "ExpiresSoon").await;
    world.ready("suspended", "Unknown", "Suspended").await;
}

/// What the panels show of these series, with a namespace chosen; of a panel that begins with `#`, how many rows it has.
fn shows(namespace: &str, series: &[(&str, u32)], expected: &[(&str, &[(&str, u32)])]) {
    let dashboard = dashboard();
    let all = queries(&dashboard);
    let asked = expected.iter().map(|(panel, samples)| {
        let (panel, is_counted) = panel.strip_prefix('#').map_or((*panel, false), |panel| (panel, true));
        let (_, query) = all.iter().find(|(title, _)| title == panel).unwrap();
        let query = filled(&query.replace("$namespace", namespace), "");
        let query = if is_counted { format!("count({query})") } else { query };
        let samples = samples.iter().map(|(labels, value)| json!({ "labels": labels, "value": value }));
        json!({ "expr": query, "eval_time": "1m", "exp_samples": samples.collect::<Vec<_>>() })
    });
    let series = series.iter().map(|(name, value)| json!({ "series": name, "values": format!("{value}x9") }));
    let tests = json!({
        "rule_files": ["rules.yaml"],
        "tests": [{
            "interval": "1m",
            "input_series": series.collect::<Vec<_>>(),
            "promql_expr_test": asked.collect::<Vec<_>>(),
        }],
    });
    let arguments = ["test", "rules", "tests.yaml"];
    let (succeeded, said) = promtool_with(&json!({ "groups": [] }), &tests.to_string(), &arguments);
    assert!(succeeded, "{said}");
}

#[test]
fn the_overview_has_the_counts_of_all_shards_where_connections_are_not_named() {
    let series = [
        ("github_pat_operator_build_info{pod=\"a\"}", 1),
        (
            "github_pat_connections{pod=\"a\", githubpat_dev_shard=\"0\", condition=\"Ready\", status=\"False\", reason=\"Expired\"}",
            1,
        ),
        (
            "github_pat_connections{pod=\"b\", githubpat_dev_shard=\"0\", condition=\"Ready\", status=\"False\", reason=\"Expired\"}",
            1,
        ),
        (
            "github_pat_connections{pod=\"c\", githubpat_dev_shard=\"1\", condition=\"Ready\", status=\"False\", reason=\"Expired\"}",
            2,
        ),
        (
            "github_pat_connections{pod=\"a\", githubpat_dev_shard=\"0\", condition=\"Ready\", status=\"True\", reason=\"Ready\"}",
            5,
        ),
        (
            "github_pat_connections{pod=\"c\", githubpat_dev_shard=\"1\", condition=\"Ready\", status=\"True\", reason=\"ExpiresSoon\"}",
            6,
        ),
        ("github_pat_tokens_expired{pod=\"a\", githubpat_dev_shard=\"0\"}", 1),
        ("github_pat_tokens_expired{pod=\"b\", githubpat_dev_shard=\"0\"}", 1),
        ("github_pat_tokens_expired{pod=\"c\", githubpat_dev_shard=\"1\"}", 2),
        ("github_pat_tokens_expiring{pod=\"a\", githubpat_dev_shard=\"0\", within=\"14d\"}", 3),
        ("github_pat_tokens_expiring{pod=\"c\", githubpat_dev_shard=\"1\", within=\"14d\"}", 4),
        ("github_pat_outputs{pod=\"a\", githubpat_dev_shard=\"0\", state=\"current\"}", 7),
        ("github_pat_outputs{pod=\"b\", githubpat_dev_shard=\"0\", state=\"current\"}", 7),
        ("github_pat_outputs{pod=\"c\", githubpat_dev_shard=\"1\", state=\"current\"}", 8),
        ("github_pat_host_failed_logins{pod=\"a\", githubpat_dev_shard=\"0\", host=\"ghe\"}", 2),
        ("github_pat_host_failed_logins{pod=\"c\", githubpat_dev_shard=\"1\", host=\"ghe\"}", 3),
    ];
    let expected: [(&str, &[(&str, u32)]); 9] = [
        ("Fine", &[("{}", 5)]),
        ("Warned", &[("{}", 6)]),
        ("Waiting", &[("{}", 0)]),
        ("Broken", &[("{}", 3)]),
        ("Ended", &[("{}", 3)]),
        ("End within 14 days", &[("{}", 7)]),
        ("Ready over time", &[("{status=\"False\"}", 3), ("{status=\"True\"}", 11)]),
        ("Outputs", &[("{state=\"current\"}", 15)]),
        ("Failed logins of the last hour", &[("{host=\"ghe\"}", 5)]),
    ];
    shows(".*", &series, &expected);
}

#[test]
fn the_overview_counts_the_connections_of_the_chosen_namespaces_and_nothing_where_no_operator_is_seen() {
    let broken = "pod=\"a\", namespace=\"ci\", name=\"bot\", condition=\"Ready\", status=\"False\", reason=\"Expired\"";
    let named = format!("github_pat_connection_condition{{{broken}}}");
    // While a setting is rolled out, two replicas tell two hosts of one connection.
    let series = [
        ("github_pat_operator_build_info{pod=\"a\"}", 1),
        (&*named, 1),
        ("github_pat_connection_info{pod=\"a\", namespace=\"ci\", name=\"bot\", host=\"ghe\"}", 1),
        ("github_pat_connection_info{pod=\"b\", namespace=\"ci\", name=\"bot\", host=\"unknown\"}", 1),
        ("github_pat_connections{pod=\"a\", condition=\"Ready\", status=\"False\", reason=\"Expired\"}", 1),
    ];
    let shown = "{namespace=\"ci\", name=\"bot\", reason=\"Expired\", host=\"ghe\"}";
    // Which of both is shown is not determined.
    shows("ci", &series, &[("Broken", &[("{}", 1)]), ("Fine", &[("{}", 0)]), ("#Broken now", &[("{}", 1)])]);
    shows("ci", &series[..3], &[("Broken now", &[(shown, 1)])]);
    shows("web", &series, &[("Broken", &[("{}", 0)]), ("Broken now", &[])]);
    shows(".*", &[], &[("Fine", &[]), ("Warned", &[]), ("Waiting", &[]), ("Broken", &[])]);
}

#[test]
fn the_dashboard_shows_an_overview_one_connection_the_traffic_with_github_and_the_operator() {
    let dashboard = dashboard();
    let titles = dashboard["panels"].as_array().unwrap().iter();
    let titles = titles.map(|panel| (panel["type"] == "row", panel["title"].as_str().unwrap()));
    let mut rows: Vec<(&str, Vec<&str>)> = Vec::new();
    for (is_row, title) in titles {
        match rows.last_mut() {
            _ if is_row => rows.push((title, Vec::new())),
            Some((_, panels)) => panels.push(title),
            None => panic!("{title} stands in no row"),
        }
    }
    let wanted: [(&str, &[&str]); 4] = [
        ("Overview", &["Fine", "Warned", "Broken", "Broken now", "What breaks next", "By namespace"]),
        (
            "One connection: $connection_namespace/$connection",
            &["Conditions", "Ends in", "Accepted ago", "Candidates", "Consumers"],
        ),
        ("GitHub", &["Questions", "How long an answer takes", "Budget that is left", "Questions that wait"]),
        (
            "Operator",
            &["Version", "Leaders", "Age of the watches", "Reconciles", "Requests to the API server"],
        ),
    ];
    assert_eq!(rows.len(), wanted.len(), "{rows:?}");
    for ((row, panels), (title, wanted)) in rows.iter().zip(wanted) {
        let lacking: Vec<_> = wanted.iter().filter(|panel| !panels.contains(panel)).collect();
        assert_eq!((*row, lacking.len()), (title, 0), "{lacking:?} of {panels:?}");
    }
}

#[test]
fn the_dashboard_is_one_that_grafana_lays_out() {
    let dashboard = dashboard();
    let ids: BTreeSet<_> =
        dashboard["panels"].as_array().unwrap().iter().map(|panel| panel["id"].to_string()).collect();
    assert_eq!(
        ids.len(),
        dashboard["panels"].as_array().unwrap().len(),
        "each panel has a number of its own"
    );
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let names: BTreeSet<_> = variables.iter().map(|variable| variable["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["connection", "connection_namespace", "datasource", "host", "namespace"].into());
    let number = |panel: &Value, field: &str| panel["gridPos"][field].as_u64().unwrap();
    let mut taken = BTreeSet::new();
    for panel in panels(&dashboard) {
        assert!(!panel["description"].as_str().unwrap().is_empty(), "{panel}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
        let (x, y, w, h) = (number(panel, "x"), number(panel, "y"), number(panel, "w"), number(panel, "h"));
        assert!(x + w <= 24, "{panel}");
        let cells = (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y)));
        assert!(cells.into_iter().all(|cell| taken.insert(cell)), "it lies over another: {panel}");
    }
}

#[test]
fn the_chart_hands_the_dashboard_to_the_sidecar_of_grafana_if_it_is_wanted() {
    let with = |flags: &[&str]| {
        let manifests = rendered(flags);
        manifests.into_iter().find(|manifest| {
            manifest["kind"] == "ConfigMap" && manifest["metadata"]["name"] == "github-pat-operator-dashboard"
        })
    };
    assert_eq!(with(&[]), None);
    let made = with(&["--set", "metrics.dashboard=true"]).unwrap();
    assert_eq!(made["metadata"]["labels"]["grafana_dashboard"], "1");
    let text = made["data"]["github-pat-operator.json"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), dashboard());
    let flags = ["--set", "metrics.dashboard=true", "--set-string", "metrics.dashboardLabels.folder=ops"];
    let manifests = rendered(&flags);
    assert_eq!(with(&flags).unwrap()["metadata"]["labels"]["folder"], "ops");
    assert!(of_kind(&manifests, "ConfigMap")["data"]["settings.yaml"].is_string(), "the settings come first");
}
