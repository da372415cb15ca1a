//! Settings that change while the operator runs.

use std::{fs, path::Path, time::Duration};

use github_simulator::{NewToken, Simulator};
use k8s_openapi::api::events::v1::Event;
use kube::{Api, api::ListParams};
use serde_json::json;

use crate::{
    metrics::text::Scrape,
    replica::Replica,
    sinks::receiver::Receiver,
    world::{NAMESPACE, Operator, SOON, World},
};

const SUCCESSFUL: &str = "github_pat_operator_config_last_reload_successful";
const SUCCEEDED: &str = "github_pat_operator_config_last_reload_success_timestamp_seconds";

impl Operator {
    /// Puts these settings into the place of those of before, all at once.
    pub(crate) fn renew(&self, settings: &str) {
        let next = self.settings.with_extension("next");
        fs::write(&next, settings).unwrap();
        fs::rename(next, &self.settings).unwrap();
    }

    async fn until_reloaded(&self, successful: bool) {
        let expected = f64::from(u8::from(successful));
        self.scrape_until(SUCCESSFUL, |scrape| scrape.value(SUCCESSFUL, &[]) == Some(expected)).await;
    }
}

/// Waits until an Event of this reason about the Pod of the operator has these words.
pub(crate) async fn until_told(world: &World, namespace: &str, reason: &str, words: &str) {
    let api = Api::<Event>::namespaced(world.client.clone(), namespace);
    let told = async {
        loop {
            let events = api.list(&ListParams::default()).await.unwrap().items;
            let is_it = |event: &Event| {
                let regarding = event.regarding.as_ref().unwrap();
                let of_pod = (regarding.kind.as_deref(), regarding.name.as_deref(), regarding.uid.as_deref())
                    == (Some("Pod"), Some("operator-0"), Some("7"));
                of_pod
                    && event.reason.as_deref() == Some(reason)
                    && event.note.as_deref().unwrap().contains(words)
            };
            if events.iter().any(is_it) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = tokio::time::timeout(SOON, told).await;
    waited.unwrap_or_else(|_| panic!("no Event {reason} about the Pod says {words:?}"));
}

async fn connect(world: &World, name: &str, host: &str, github: &Simulator) -> String {
    let token = github.token(NewToken::classic(name, "acme-ci"));
    world.secret(name, &token).await;
    let publish = json!([{ "secretName": format!("{name}-out"), "format": "Opaque" }]);
    world.connection(name, json!({ "host": host, "interval": "24h", "publish": publish })).await;
    token
}

#[tokio::test]
async fn a_host_comes_and_goes_while_questions_are_under_way_and_nothing_is_asked_or_written_twice() {
    let mut world = World::audited().await;
    let alone = world.settings();
    world.another_host("second").await;
    let both = world.settings();
    let operator = world.operator_with_settings(&alone).await;
    connect(&world, "one", "simulated", &world.github).await;
    let two = connect(&world, "two", "second", world.host("second")).await;
    world.ready("one", "True", "Ready").await;
    world.ready("two", "False", "HostUnknown").await;
    let outputs = world.until_written(4).await.len();

    world.github.latency(Duration::from_secs(4));
    connect(&world, "slow", "simulated", &world.github).await;
    world.until_asked("slow", 1).await;
    operator.renew(&format!("{both}questionsPerMinute: 60\nfailedLoginsPerHour: 7\n"));
    world.ready("two", "True", "Ready").await;
    let host = [("host", "simulated")];
    let scrape = operator.scrape().await;
    assert_eq!(scrape.value("github_pat_host_questions_in_flight", &host), Some(1.0), "it goes on");
    assert_eq!(scrape.value("github_pat_host_points", &host), Some(6.0));
    assert_eq!(scrape.value("github_pat_host_failed_logins_limit", &host), Some(7.0));
    let since = scrape.value(SUCCEEDED, &[]).unwrap();
    until_told(&world, NAMESPACE, "SettingsReloaded", "hosts, failedLoginsPerHour, questionsPerMinute").await;
    world.ready("slow", "True", "Ready").await;
    assert!(world.writes().len() > outputs);

    // The host goes while it is asked about a token, and its connections say so; what was published stays.
    world.host("second").latency(Duration::from_secs(4));
    connect(&world, "late", "second", world.host("second")).await;
    assert!(world.host("second").wait_until(SOON, |calls| calls.len() == 2).await);
    operator.renew(&alone);
    world.ready("late", "False", "HostUnknown").await;
    world.ready("two", "False", "HostUnknown").await;
    assert_eq!(world.value("two-out", "token").await.as_deref(), Some(two.as_str()));
    let scrape = operator.scrape().await;
    assert!(scrape.samples("github_pat_host_points", &[("host", "second")]).is_empty());
    assert!(scrape.value(SUCCEEDED, &[]).unwrap() > since);
    let last = format!("{both}trustFor: 48h\nlogFilter: debug\n");
    operator.renew(&last);
    world.ready("late", "True", "Ready").await;
    world.ready("two", "True", "Ready").await;
    assert!(operator.log().contains("DEBUG"), "the log follows");
    assert_eq!((world.asked("one"), world.asked("slow")), (1, 1));
    let calls = world.host("second").calls();
    let asked = |name: &str| calls.iter().filter(|call| call.token.as_deref() == Some(name)).count();
    assert_eq!(asked("two"), 2, "once each time that the host came");
    assert!(asked("late") <= 2);

    // What changes nothing of a connection costs it nothing.
    let requests = world.requests().len();
    let passes = |scrape: &Scrape| {
        let ended = scrape.samples("controller_runtime_reconcile_total", &[]);
        ended.iter().map(|sample| sample.value).sum::<f64>()
    };
    let before = passes(&operator.scrape().await);
    operator.renew(&last.replace("48h", "72h"));
    until_told(&world, NAMESPACE, "SettingsReloaded", "in effect now: trustFor").await;
    operator.scrape_until("a pass of each", |scrape| passes(scrape) >= before + 4.0).await;
    let of_connections = world.requests().split_off(requests);
    let others: Vec<_> = of_connections
        .into_iter()
        .filter(|event| !["watch", "list"].contains(&event.verb.as_str()) && event.resource != "events")
        .collect();
    assert_eq!(others, [], "a reconcile with other settings reads and writes nothing");

    // What was written is not read once more to learn that it was: the first status alone needs no read before it.
    let requests = world.requests();
    let of_two = |verb: &str| {
        let of_two =
            requests.iter().filter(|event| event.resource == "githubpatconnections" && event.name == "two");
        of_two.filter(|event| event.verb == verb).map(|event| event.code).collect::<Vec<_>>()
    };
    let (read, written) = (of_two("get"), of_two("update"));
    assert!(written.len() >= 4, "unknown, ready, unknown, ready: {written:?}");
    // After a conflict it is read, too.
    let conflicts = written.iter().filter(|code| **code == 409).count();
    assert_eq!(read.len(), written.len() - 1 + conflicts, "{read:?} {written:?}");
    drop(operator.stop().await);
}

#[tokio::test]
async fn settings_that_cannot_be_used_change_nothing_and_what_needs_a_restart_is_named() {
    let world = World::start().await;
    let operator = world.operator().await;
    let settings = world.settings();
    connect(&world, "ci", "simulated", &world.github).await;
    world.ready("ci", "True", "Ready").await;
    let half = &settings[..settings.find("registry").unwrap()];
    for (text, words) in [
        (half.to_owned(), "is wrong"),
        (format!("{settings}trustFor: 1s\n"), "trustFor is wrong"),
        (format!("{settings}trustfor: 48h\n"), "trustfor"),
        (format!("{settings}logFilter: a=b=c\n"), "logFilter is wrong"),
        (settings.replace("http:", "ftp:"), "apiUrl"),
        (String::new(), "is empty"),
    ] {
        operator.renew(&text);
        until_told(&world, NAMESPACE, "SettingsRefused", words).await;
        operator.until_reloaded(false).await;
        assert!(operator.log().contains("the changed settings were refused"), "{}", operator.log());
        operator.renew(&settings);
        operator.until_reloaded(true).await;
    }
    fs::remove_file(&operator.settings).unwrap();
    until_told(&world, NAMESPACE, "SettingsRefused", "cannot read the settings file").await;
    operator.renew(&settings);
    operator.until_reloaded(true).await;
    assert!(operator.log().contains("settings reloaded"));

    operator
        .renew(&format!("{settings}concurrency: 3\nlisten: 127.0.0.1:1\nheartbeat: 2h\nlogFormat: json\n"));
    until_told(
        &world,
        NAMESPACE,
        "SettingsReloaded",
        "now: heartbeat; after a restart: concurrency, logFormat",
    )
    .await;
    assert!(operator.log().contains("need a restart"));
    let scrape = operator.scrape().await;
    assert_eq!(scrape.value("controller_runtime_max_concurrent_reconciles", &[]), Some(16.0));
    assert_eq!(world.asked("ci"), 1);
}

/// Makes this the file of the kubelet's: it leads over a link that is swapped.
fn mount(folder: &Path, version: &str, name: &str, text: &str) {
    fs::create_dir(folder.join(version)).unwrap();
    fs::write(folder.join(version).join(name), text).unwrap();
    std::os::unix::fs::symlink(version, folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    let _ = std::os::unix::fs::symlink(Path::new("..data").join(name), folder.join(name));
}

#[tokio::test]
async fn a_host_whose_authority_is_replaced_is_asked_at_once_and_only_the_leader_tells() {
    let world = World::audited().await;
    let (github, stranger) = (Simulator::start_tls().await.unwrap(), Simulator::start_tls().await.unwrap());
    let folder = tempfile::tempdir().unwrap();
    mount(folder.path(), "..1", "ca.pem", stranger.ca_pem().unwrap());
    let ca = folder.path().join("ca.pem");
    let settings = format!(
        "hosts: [{{ name: private, apiUrl: '{}', caBundle: {} }}]\nminimumInterval: 10s\n{}",
        github.url(),
        ca.display(),
        world.of_mode()
    );
    let flags = ["--leader-election", "true", "--lease-namespace", NAMESPACE];
    let kubeconfig = world.replica("leader", &settings, &flags).await;
    let operator = world.unready_operator(kubeconfig, &settings, &flags);
    let leader = Replica { user: "leader".to_owned(), operator };
    leader.leads().await;
    let kubeconfig = world.replica("standby", &settings, &flags).await;
    let standby = Replica {
        user: "standby".to_owned(),
        operator: world.unready_operator(kubeconfig, &settings, &flags),
    };
    standby.operator.wait_until_ready().await;
    let mut tokens = Vec::new();
    for name in ["a", "b", "c", "d"] {
        tokens.push(connect(&world, name, "private", &github).await);
        world.condition(name, "Authenticated", "Unknown", "CertificateUnknownAuthority").await;
    }
    let is_open = [("host", "private"), ("reason", "CertificateUnknownAuthority")];
    leader
        .operator
        .scrape_until("a breaker", |scrape| {
            scrape.value("github_pat_host_breaker_open", &is_open) == Some(1.0)
        })
        .await;

    mount(folder.path(), "..2", "ca.pem", github.ca_pem().unwrap());
    for name in ["a", "b", "c", "d"] {
        world.ready(name, "True", "Ready").await;
    }
    assert_eq!(github.calls().len(), tokens.len(), "each was asked about once");
    until_told(&world, NAMESPACE, "SettingsReloaded", "in effect now: hosts").await;
    standby.operator.until_logged("settings reloaded").await;
    assert_eq!(standby.writes(&world), []);
    for (replica, leads) in [(&leader, 1.0), (&standby, 0.0)] {
        let lease = [("name", "github-pat-operator")];
        let scrape = replica.operator.scrape().await;
        assert_eq!(scrape.value("leader_election_master_status", &lease), Some(leads), "{}", replica.user);
    }
}

#[tokio::test]
async fn a_sink_whose_authority_is_replaced_is_told_at_once_what_waits() {
    let world = World::start().await;
    let (receiver, authority) = Receiver::start_tls().await;
    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    mount(folder.path(), "..1", "ca.pem", &stranger.cert.pem());
    let sink =
        json!({ "name": "ops", "url": receiver.url("/ops"), "caBundle": folder.path().join("ca.pem") });
    let settings = format!("{}leaseNamespace: {NAMESPACE}\nsinks: [{sink}]\n", world.settings());
    let operator = world.operator_with_settings(&settings).await;
    world.connection("missing", json!({})).await;
    world.ready("missing", "False", "SecretNotFound").await;
    operator.until_logged("a notification was not taken").await;
    assert_eq!(receiver.requests().len(), 0);

    mount(folder.path(), "..2", "ca.pem", &authority);
    receiver.until("/ops", |messages| messages.len() == 1).await;
    until_told(&world, NAMESPACE, "SettingsReloaded", "in effect now: sinks[].caBundle").await;
    operator.stop().await;
}

#[tokio::test]
async fn hosts_whose_addresses_were_mixed_up_are_asked_anew_once_that_is_mended() {
    let mut world = World::start().await;
    world.another_host("second").await;
    let right = world.settings();
    let [one, two] = [&world.github, world.host("second")].map(|host| format!("'{}'", host.url()));
    let mixed = right.replace(&one, "first").replace(&two, &one).replace("first", &two);
    assert_ne!(right, mixed);
    let operator = world.operator_with_settings(&mixed).await;
    let tokens = [
        ("one", connect(&world, "one", "simulated", &world.github).await),
        ("two", connect(&world, "two", "second", world.host("second")).await),
    ];
    for (name, _) in &tokens {
        world.ready(name, "False", "BadCredentials").await;
        assert_eq!(world.value(&format!("{name}-out"), "token").await, None);
    }
    // Neither is asked about again for an hour because of what the other host said.
    operator.renew(&right);
    for (name, token) in &tokens {
        world.ready(name, "True", "Ready").await;
        assert_eq!(world.value(&format!("{name}-out"), "token").await.as_ref(), Some(token), "{name}");
    }
    // Nor does an acceptance of the one prove anything to the other, though it is a day until the next question.
    operator.renew(&mixed);
    for (name, _) in &tokens {
        world.ready(name, "False", "BadCredentials").await;
    }
    drop(operator.stop().await);
}
