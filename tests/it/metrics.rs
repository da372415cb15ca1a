//! `/metrics` of a running operator.

mod counted;
pub(crate) mod text;

use github_simulator::NewToken;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, api::DeleteParams};
use serde_json::json;

use crate::world::{NAMESPACE, Operator, SOON, World, from};
use github_pat_operator::api::GithubPatConnection;
use text::{Scrape, Type};

impl Operator {
    /// What a Prometheus server reads.
    pub(crate) async fn scrape(&self) -> Scrape {
        let (content_type, text) = self.metrics(OPEN_METRICS).await;
        assert_eq!(content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
        Scrape::open_metrics(&text)
    }

    /// The text in the form that is accepted, and its type.
    pub(crate) async fn metrics(&self, accept: &str) -> (String, String) {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let answer =
            client.get(format!("{}/metrics", self.url)).header("accept", accept).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        let content_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (content_type, answer.text().await.unwrap())
    }

    /// A scrape in which this holds.
    pub(crate) async fn scrape_until(&self, what: &str, holds: impl Fn(&Scrape) -> bool) -> Scrape {
        let scraped = async {
            loop {
                let scrape = self.scrape().await;
                if holds(&scrape) {
                    return scrape;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(SOON, scraped).await;
        waited.unwrap_or_else(|_| panic!("{what} was not seen"))
    }
}

const OPEN_METRICS: &str =
    "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const CONDITION: &str = "github_pat_connection_condition";
const EXPIRATION: &str = "github_pat_token_expiration_timestamp_seconds";

/// Two namespaces and two hosts: connections that are well, one whose Secret is missing, and one that is suspended.
async fn busy_world() -> World {
    let mut world = World::start().await;
    world.another_host("second").await;
    world.namespace("team-b").await;
    let ends = jiff::Timestamp::from_second(1_900_000_000).unwrap();
    let good = world.github.token(NewToken::classic("good", "acme-ci").scopes(&["repo"]).expires(ends));
    world.secret("good", &good).await;
    let publish = json!([{ "secretName": "good-out", "format": "Opaque" }]);
    world.connection("good", json!({ "publish": publish })).await;
    let forever = world.host("second").token(NewToken::classic("forever", "acme-ci").scopes(&["repo"]));
    world.secret("forever", &forever).await;
    world.connection("forever", json!({ "host": "second" })).await;
    world.connection("missing", json!({})).await;
    world.connection("suspended", json!({ "suspend": true })).await;
    world.connection("nowhere", json!({ "host": "third", "secretRef": { "name": "good" } })).await;
    let elsewhere: GithubPatConnection = from(json!({
        "metadata": { "name": "good" }, "spec": { "host": "simulated", "secretRef": { "name": "none" } },
    }));
    let connections = Api::<GithubPatConnection>::namespaced(world.client.clone(), "team-b");
    connections.create(&Default::default(), &elsewhere).await.unwrap();
    world
}

async fn settled(world: &World) {
    world.ready("good", "True", "Ready").await;
    world.ready("forever", "True", "Ready").await;
    world.ready("missing", "False", "SecretNotFound").await;
    world.ready("suspended", "Unknown", "Suspended").await;
    world.ready("nowhere", "False", "HostUnknown").await;
}

#[tokio::test]
async fn metrics_tell_of_each_connection_what_its_status_says_and_nothing_of_what_is_gone() {
    let world = busy_world().await;
    let operator = world.operator().await;
    settled(&world).await;
    let told = |scrape: &Scrape| {
        let says = [("team-a", "nowhere", "HostUnknown"), ("team-b", "good", "SecretNotFound")];
        says.iter().all(|(namespace, name, reason)| {
            let labels =
                [("namespace", *namespace), ("name", *name), ("condition", "Ready"), ("reason", *reason)];
            scrape.value(CONDITION, &labels) == Some(1.0)
        })
    };
    let scrape = operator.scrape_until("every connection", told).await;
    let of = |name: &'static str| [("namespace", NAMESPACE), ("name", name)];
    let said = |name, condition| {
        let [namespace, name] = of(name);
        let samples = scrape.samples(CONDITION, &[namespace, name, ("condition", condition)]);
        samples
            .iter()
            .map(|sample| format!("{} {}", sample.label("status"), sample.label("reason")))
            .collect::<Vec<_>>()
    };
    assert_eq!(said("good", "Ready"), ["True Ready"]);
    assert_eq!(said("good", "Published"), [""; 0], "it is as it should be");
    assert_eq!(said("missing", "Ready"), ["False SecretNotFound"]);
    assert_eq!(said("missing", "SecretResolved"), ["False SecretNotFound"]);
    assert_eq!(said("suspended", "Ready"), ["Unknown Suspended"]);
    assert_eq!(said("nowhere", "Ready"), ["False HostUnknown"]);
    assert_eq!(scrape.value(EXPIRATION, &of("good")), Some(1_900_000_000.0));
    for without in ["forever", "missing", "suspended", "nowhere"] {
        assert_eq!(scrape.value(EXPIRATION, &of(without)), None, "{without}");
    }
    let now = jiff::Timestamp::now().as_second() as f64;
    let checked = scrape.value("github_pat_token_checked_timestamp_seconds", &of("good")).unwrap();
    assert!((now - 120.0..=now + 1.0).contains(&checked), "{checked} is not {now}");
    for (name, host, kind) in [
        ("good", "simulated", "Classic"),
        ("forever", "second", "Classic"),
        ("missing", "simulated", "unknown"),
        ("nowhere", "unknown", "unknown"),
    ] {
        let [namespace, name] = of(name);
        let labels = [namespace, name, ("host", host), ("kind", kind)];
        assert_eq!(scrape.value("github_pat_connection_info", &labels), Some(1.0), "{labels:?}");
    }
    assert_eq!(scrape.value("github_pat_outputs", &[("state", "current")]), Some(1.0));
    let ready = [("condition", "Ready"), ("status", "True"), ("reason", "Ready")];
    assert_eq!(scrape.value("github_pat_connections", &ready), Some(2.0));
    let missing = [("condition", "Ready"), ("status", "False"), ("reason", "SecretNotFound")];
    assert_eq!(scrape.value("github_pat_connections", &missing), Some(2.0), "one in each namespace");

    world.connections().delete("good", &DeleteParams::default()).await.unwrap();
    let gone = operator
        .scrape_until("the deletion", |scrape| scrape.samples(CONDITION, &of("good")).is_empty())
        .await;
    assert!(
        gone.all().iter().all(|sample| !of("good").iter().all(|label| sample.has(label))),
        "nothing is left of it"
    );
    let other = [("namespace", "team-b"), ("name", "good"), ("condition", "Ready")];
    assert_eq!(gone.value(CONDITION, &other), Some(1.0), "its namesake stays");
    assert_eq!(gone.value("github_pat_connections", &ready), Some(1.0));
}

#[tokio::test]
async fn metrics_tell_of_each_host_what_was_asked_of_it() {
    let world = busy_world().await;
    let operator = world.operator().await;
    settled(&world).await;
    world.secret("missing", "").await;
    let bad = world.github.token(NewToken::classic("bad", "acme-ci"));
    world.github.revoke("bad");
    world.secret("missing", &bad).await;
    world.ready("missing", "False", "BadCredentials").await;
    let scrape = operator.scrape().await;
    let asked = |host, class| {
        scrape.value("github_pat_questions_total", &[("host", host), ("probe", "Identity"), ("class", class)])
    };
    assert!(asked("simulated", "Granted") >= Some(1.0) && asked("second", "Granted") >= Some(1.0));
    assert_eq!((asked("simulated", "Refused"), asked("second", "Refused")), (Some(2.0), None));
    for (host, class) in [("simulated", "Granted"), ("simulated", "Refused"), ("second", "Granted")] {
        let of = [("host", host), ("probe", "Identity"), ("class", class)];
        let took = |part| scrape.value(&format!("github_pat_question_duration_seconds_{part}"), &of).unwrap();
        assert_eq!(Some(took("count")), asked(host, class), "{host} {class}");
        assert!(took("sum") > 0.0, "{host} {class}");
    }
    assert_eq!(scrape.value("github_pat_host_failed_logins", &[("host", "simulated")]), Some(2.0));
    assert_eq!(scrape.value("github_pat_host_failed_logins", &[("host", "second")]), Some(0.0));
    assert_eq!(scrape.value("github_pat_host_failed_logins_limit", &[("host", "second")]), Some(30.0));
    for host in ["simulated", "second", "github.com"] {
        let of = |name| scrape.value(name, &[("host", host)]).unwrap();
        let (all, used, left) = (
            of("github_pat_host_points"),
            of("github_pat_host_points_used"),
            of("github_pat_host_points_left"),
        );
        assert_eq!((all, used + left), (60.0, 60.0), "{host}");
        let open = [("host", host), ("reason", "")];
        assert_eq!(scrape.value("github_pat_host_breaker_open", &open), Some(0.0), "{host}");
        let waiting = [("host", host), ("urgency", "Routine")];
        assert_eq!(scrape.value("github_pat_queue_depth", &waiting), Some(0.0), "{host}");
        assert_eq!(scrape.value("github_pat_queue_oldest_seconds", &waiting), Some(0.0), "{host}");
    }

    world.github.outage(Some(github_simulator::Outage::Cut));
    let open = [("host", "simulated"), ("reason", "ConnectionBroken")];
    operator
        .scrape_until("the open breaker", |scrape| {
            scrape.value("github_pat_host_breaker_open", &open) == Some(1.0)
        })
        .await;
    // A scrape reads one value after the other: the first that shows the open breaker may have read the count before that.
    let down = operator.scrape().await;
    let broken =
        down.value("github_pat_deferrals_total", &[("host", "simulated"), ("reason", "ConnectionBroken")]);
    assert!(broken >= Some(3.0), "{broken:?}");
    assert_eq!(down.value("github_pat_host_breaker_open", &[("host", "second"), ("reason", "")]), Some(0.0));
}

#[tokio::test]
async fn metrics_tell_of_the_operator_under_the_names_that_dashboards_know() {
    let world = busy_world().await;
    let operator = world.operator().await;
    settled(&world).await;
    let scrape = operator.scrape().await;
    let controller = ("controller", "githubpatconnection");
    let ended = |result| {
        scrape.value("controller_runtime_reconcile_total", &[controller, ("result", result)]).unwrap()
    };
    let all = ["success", "requeue", "requeue_after", "error"].map(ended).iter().sum::<f64>();
    assert!(all >= 6.0, "{all}");
    assert_eq!(ended("error"), 0.0);
    let took = scrape.value("controller_runtime_reconcile_time_seconds_count", &[controller]).unwrap();
    assert!(took >= all, "{took} of {all}");
    let adds = scrape.value("workqueue_adds_total", &[controller]);
    assert!(adds >= Some(6.0), "{adds:?}");
    let of_queue = [("name", "githubpatconnection"), controller];
    let adds_up = |scrape: &Scrape| {
        let of = |name| scrape.value(name, &of_queue).unwrap();
        let taken = of("workqueue_queue_duration_seconds_count");
        let worked = of("workqueue_work_duration_seconds_count");
        let rests = ["workqueue_depth", "workqueue_unfinished_work_seconds"].map(of) == [0.0; 2]
            && scrape.value("controller_runtime_active_workers", &[controller]) == Some(0.0);
        rests && of("workqueue_adds_total") == taken && taken == worked && taken >= 6.0
    };
    let rested = operator.scrape_until("that all who were queued were taken and let go", adds_up).await;
    for (name, value) in [
        ("controller_runtime_reconcile_errors_total", 0.0),
        ("controller_runtime_reconcile_panics_total", 0.0),
        ("controller_runtime_reconcile_timeouts_total", 0.0),
        ("controller_runtime_max_concurrent_reconciles", 16.0),
        ("workqueue_retries_total", 0.0),
    ] {
        assert_eq!(rested.value(name, &[controller]), Some(value), "{name}");
    }
    let sum = |name| rested.value(name, &[controller]).unwrap();
    let worked = sum("workqueue_work_duration_seconds_sum");
    assert!(worked >= sum("controller_runtime_reconcile_time_seconds_sum"), "{worked}");
    assert!((f64::EPSILON..60.0).contains(&sum("workqueue_queue_duration_seconds_sum")));
    assert_eq!(sum("workqueue_longest_running_processor_seconds"), 0.0, "nothing is under way");
    for method in ["GET", "PUT", "POST"] {
        let of =
            |code: &str| scrape.value("rest_client_requests_total", &[("method", method), ("code", code)]);
        assert!(of(if method == "POST" { "201" } else { "200" }) >= Some(1.0), "{method}");
    }
    for resource in ["githubpatconnections", "secrets"] {
        let age = scrape.value("github_pat_watch_age_seconds", &[("resource", resource)]).unwrap();
        assert!((0.0..75.0).contains(&age), "{resource}: {age}");
    }
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    assert_eq!(scrape.value("github_pat_operator_build_info", &version), Some(1.0));
    assert_eq!(scrape.value("github_pat_operator_ready", &[]), Some(1.0));
    assert_eq!(scrape.value("github_pat_operator_stalled_seconds", &[]), Some(0.0));
    let now = jiff::Timestamp::now().as_second() as f64;
    let started = scrape.value("process_start_time_seconds", &[]).unwrap();
    assert!((now - 300.0..=now + 2.0).contains(&started), "{started} is not before {now}");
    for (name, range) in [
        ("process_cpu_seconds_total", 0.01..300.0),
        ("process_resident_memory_bytes", 4e6..1e9),
        ("process_virtual_memory_bytes", 4e6..1e13),
        ("process_open_fds", 5.0..1000.0),
        ("process_max_fds", 64.0..1e10),
        ("process_threads", 1.0..50.0),
    ] {
        let value = scrape.value(name, &[]).unwrap();
        assert!(range.contains(&value), "{name} is {value}");
    }
}

#[tokio::test]
async fn names_of_connections_are_not_shown_where_a_setting_drops_them() {
    let world = busy_world().await;
    let acme = json!({ "organizations": [{ "name": "acme" }] });
    world.connection("demanding", json!({ "suspend": true, "require": acme })).await;
    let operator = world.operator_with(&["--metrics-per-connection", "false"]).await;
    settled(&world).await;
    let ready = [("condition", "Ready"), ("status", "True"), ("reason", "Ready")];
    let scrape = operator
        .scrape_until("two that are Ready", |scrape| {
            scrape.value("github_pat_connections", &ready) == Some(2.0)
        })
        .await;
    for sample in scrape.all() {
        assert!(!sample.names().any(|label| ["namespace", "organization"].contains(&label)), "{sample:?}");
        assert!(
            !sample.names().any(|label| label == "name") || sample.name.starts_with("workqueue_"),
            "{sample:?}"
        );
    }
    let classic = [("host", "simulated"), ("kind", "Classic")];
    assert_eq!(scrape.value("github_pat_connections_by_host", &classic), Some(1.0));
}

#[tokio::test]
async fn labels_of_connections_are_shown_that_the_settings_name() {
    let world = World::start().await;
    let labels = json!({ "team": "infra", "example.com/owner": "a-b", "other": "x" });
    for name in ["labelled", "plain"] {
        world.connection(name, json!({})).await;
    }
    let operator = world.operator_with(&["--connection-labels", "team,example.com/owner"]).await;
    world.ready("labelled", "False", "SecretNotFound").await;
    let patch = kube::api::Patch::Merge(json!({ "metadata": { "labels": labels } }));
    world.connections().patch("labelled", &Default::default(), &patch).await.unwrap();
    let labelled = [("name", "labelled"), ("label_team", "infra"), ("label_example_com_owner", "a-b")];
    let shows = |scrape: &Scrape| scrape.value("github_pat_connection_info", &labelled) == Some(1.0);
    let scrape = operator.scrape_until("a label that was put on", shows).await;
    for (name, count) in [("labelled", 6), ("plain", 4)] {
        let samples = scrape.samples("github_pat_connection_info", &[("name", name)]);
        assert_eq!((samples.len(), samples[0].names().count()), (1, count), "{name}");
    }
}

#[tokio::test]
async fn the_account_and_what_hangs_on_a_token_are_shown_where_a_setting_says_so() {
    let world = World::start().await;
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci").scopes(&["repo"]))).await;
    world.connection("ci", json!({ "publish": [{ "secretName": "out", "format": "Opaque" }] })).await;
    let account: ServiceAccount =
        from(json!({ "metadata": { "name": "builder" }, "imagePullSecrets": [{ "name": "out" }] }));
    let accounts = Api::<ServiceAccount>::namespaced(world.client.clone(), NAMESPACE);
    accounts.create(&Default::default(), &account).await.unwrap();
    let operator =
        world.operator_with(&["--consumers", "true", "--metrics-details", "account,consumers"]).await;
    let next = world.github.token(NewToken::classic("next", "acme-ci").scopes(&["repo"]));
    world.ready("ci", "True", "Ready").await;
    world.secret("ci", &next).await;
    let labels = [("name", "ci"), ("account", "acme-ci"), ("consumers", "ServiceAccount/builder")];
    let shows = |scrape: &Scrape| scrape.value("github_pat_connection_info", &labels) == Some(1.0);
    operator.scrape_until("the account and the consumers", shows).await;
}

#[tokio::test]
async fn who_reads_no_open_metrics_gets_plain_text_with_the_same_samples() {
    let world = busy_world().await;
    let operator = world.operator().await;
    settled(&world).await;
    let (content_type, text) = operator.metrics("text/plain;version=0.0.4,*/*;q=0.1").await;
    assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8");
    let (plain, open) = (Scrape::plain(&text), operator.scrape().await);
    let series = |scrape: &Scrape| {
        scrape.all().iter().map(|sample| format!("{}{:?}", sample.name, sample.labels)).collect::<Vec<_>>()
    };
    let (plain, open) = (series(&plain), series(&open));
    let lacking: Vec<_> = plain.iter().filter(|series| !open.contains(series)).collect();
    assert!(plain.len() > 100 && lacking.is_empty(), "{lacking:?}");
}

/// The rows of the tables in docs/metrics.md: name, type and labels.
fn documented() -> Vec<(String, Type, Vec<String>)> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let type_ = Type::named(cells[1]).unwrap_or_else(|| panic!("{row} has no type"));
        let labels = cells[2].split(", ").filter(|label| !label.is_empty());
        let labels = labels.map(|label| label.trim_matches('`').to_owned()).collect();
        (cells[0].trim_matches('`').to_owned(), type_, labels)
    })
    .collect()
}

#[tokio::test]
async fn the_page_of_metrics_has_every_metric_of_a_run_and_no_other() {
    let world = busy_world().await;
    let ends = jiff::Timestamp::from_second(1_900_000_000).unwrap();
    let standby = NewToken::classic("standby", "acme-ci").scopes(&["repo"]).expires(ends);
    world.secret("standby", &world.github.token(standby)).await;
    world.secret("first", "").await;
    let require = json!({ "expiry": { "expiresAt": "2030-01-01T00:00:00Z" } });
    world.connection("first", json!({ "standby": [{ "name": "standby" }], "require": require })).await;
    let sinks = json!([{ "name": "nobody", "url": "http://127.0.0.1:9" }]);
    let settings = format!(
        "{}consumers: true\nleaderElection: true\nleaseNamespace: {NAMESPACE}\nshard: 0/1\nsinks: {sinks}\n",
        world.settings()
    );
    let operator = world.operator_with_settings(&settings).await;
    settled(&world).await;
    world.ready("first", "True", "StandbyUnusable").await;
    world.secret("good", &world.github.token(NewToken::classic("next", "acme-ci").scopes(&["repo"]))).await;
    let shows = |name: &'static str| move |scrape: &Scrape| !scrape.samples(name, &[]).is_empty();
    operator.scrape_until("a consumer", shows("github_pat_connection_consumers")).await;
    operator.scrape_until("a candidate", shows("github_pat_connection_candidates")).await;
    world.github.outage(Some(github_simulator::Outage::Cut));
    world.secret("good", &world.github.token(NewToken::classic("unproven", "acme-ci"))).await;
    operator.scrape_until("an output that is outdated", shows("github_pat_connection_outputs")).await;
    operator.scrape_until("a message that is not told", shows("github_pat_notifications_total")).await;
    let scrape = operator.scrape_until("a deferral", shows("github_pat_deferrals_total")).await;
    let mut documented = documented();
    documented.sort();
    let names: Vec<_> = documented.iter().map(|(name, type_, _)| (name.clone(), *type_)).collect();
    assert_eq!(scrape.families(), names, "docs/metrics.md has the second list");
    for (name, type_, labels) in documented {
        let samples = scrape.of_family(&name, type_);
        assert!(!samples.is_empty(), "nothing of {name} is seen");
        for sample in samples {
            let own: Vec<_> = sample.names().filter(|label| *label != "le").collect();
            assert_eq!(own, labels, "{name} in docs/metrics.md");
        }
    }
}
