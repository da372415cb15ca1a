//! Notifications: what receivers get that take them, fail, stall, redirect and repeat.

pub(crate) mod receiver;

use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, Instant},
};

use control_plane::AuditEvent;
use github_simulator::{NewToken, Outage};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use receiver::{Behaviour, Receiver};
use serde_json::{Value, json};

use crate::world::{NAMESPACE, Operator, World};

/// Where it is kept until when sinks have been told.
const RECEIPTS: &str = "github-pat-operator-sinks";

fn settings(world: &World, sinks: &Value) -> String {
    format!("{}leaseNamespace: {NAMESPACE}\nconnectionLabels: [team]\nsinks: {sinks}\n", world.settings())
}

async fn operator(world: &World, sinks: &Value) -> Operator {
    world.operator_with_settings(&settings(world, sinks)).await
}

/// The same once it has read what is wrong and what was told: an end that comes before that may be one of which nobody was told.
async fn operator_that_tells(world: &World, sinks: &Value) -> Operator {
    let operator = operator(world, sinks).await;
    operator.until_logged("the sinks are told what changes from now on").await;
    operator
}

/// A connection whose token GitHub accepts.
async fn good(world: &World, name: &str) -> String {
    let token = world.github.token(NewToken::classic(name, "acme-ci").scopes(&["repo"]));
    world.secret(name, &token).await;
    world.connection(name, json!({})).await;
    token
}

/// The words of each message: which connection, which condition, what became of it and why.
pub(crate) fn words(messages: &[Value]) -> Vec<String> {
    let word =
        |message: &Value, pointer: &str| message.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let words = messages.iter().map(|message| {
        ["/connection/name", "/condition/type", "/state", "/condition/reason"]
            .map(|pointer| word(message, pointer))
            .join(" ")
    });
    words.collect()
}

async fn receipts(world: &World) -> Option<ConfigMap> {
    Api::<ConfigMap>::namespaced(world.client.clone(), NAMESPACE).get_opt(RECEIPTS).await.unwrap()
}

fn writes_of_receipts(world: &World) -> usize {
    let is_one = |event: &AuditEvent| event.is_write() && event.resource == "configmaps";
    world.requests().into_iter().filter(is_one).count()
}

#[tokio::test]
async fn a_receiver_is_told_what_breaks_and_that_it_is_well_again_as_one_incident() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let secret = world.file("secret", "hush\n");
    let sinks = json!([
        { "name": "ops", "url": receiver.url("/ops"), "secretFile": secret },
        { "name": "bus", "url": receiver.url("/bus"), "format": "CloudEvents", "secretFile": secret },
        { "name": "grave", "url": receiver.url("/grave"), "severity": "critical" },
        { "name": "warned", "url": receiver.url("/warned"), "severity": "warning" },
        { "name": "elsewhere", "url": receiver.url("/elsewhere"), "namespaces": ["team-b"] },
    ]);
    let _operator = operator_that_tells(&world, &sinks).await;
    good(&world, "ci").await;
    world.connection("missing", json!({})).await;
    world.ready("ci", "True", "Ready").await;
    world.ready("missing", "False", "SecretNotFound").await;
    world.github.revoke("ci");
    world.ready("ci", "False", "BadCredentials").await;
    let again = world.github.token(NewToken::classic("again", "acme-ci").scopes(&["repo"]));
    world.secret("ci", &again).await;
    world.ready("ci", "True", "Ready").await;
    world.connection("late", json!({})).await;
    world.ready("late", "False", "SecretNotFound").await;
    world.secret("late", &again).await;
    world.ready("late", "True", "Ready").await;
    // It is well for another reason, and for the first one again.
    world.github.outage(Some(Outage::Status(503)));
    world.ready("late", "True", "AcceptedEarlier").await;
    world.github.outage(None);
    world.ready("late", "True", "Ready").await;
    world.connections().delete("missing", &DeleteParams::default()).await.unwrap();
    let expected = [
        "missing Ready Opened SecretNotFound",
        "ci Ready Opened BadCredentials",
        "ci Ready Resolved Ready",
        "late Ready Opened SecretNotFound",
        "late Ready Resolved Ready",
        "missing Ready Resolved Deleted",
    ];
    let told = receiver.until("/ops", |messages| messages.len() >= expected.len()).await;
    assert_eq!(words(&told), expected);
    let ids: BTreeSet<_> = told.iter().map(|message| message["id"].to_string()).collect();
    let incidents: BTreeSet<_> = told.iter().map(|message| message["incident"].to_string()).collect();
    assert_eq!((ids.len(), incidents.len()), (6, 3));
    let opened = &told[1];
    assert_eq!((&opened["version"], &opened["severity"]), (&json!("1"), &json!("critical")));
    assert_eq!(opened["connection"]["host"], "simulated");
    assert!(opened["condition"]["message"].as_str().unwrap().contains("make a new token"), "{opened}");
    let grave = receiver.until("/grave", |messages| messages.len() >= 2).await;
    assert_eq!(words(&grave), expected[1..3], "what was critical, and that it is over");
    let warned = receiver.until("/warned", |messages| messages.len() >= expected.len()).await;
    assert_eq!(words(&warned), expected, "that it is over too, of what was the first verdict");
    let events = receiver.until("/bus", |messages| messages.len() >= expected.len()).await;
    let data: Vec<_> = events.iter().map(|event| event["data"].clone()).collect();
    assert_eq!(data, told, "the same within a CloudEvent");
    assert!(receiver.messages("/elsewhere").is_empty());
    for request in receiver.requests() {
        let signed = request.path == "/ops" || request.path == "/bus";
        assert_eq!(request.is_signed_by("hush"), signed, "{}", request.path);
        assert_eq!(request.method, "POST");
        let type_ = if request.path == "/bus" {
            "application/cloudevents+json; charset=UTF-8"
        } else {
            "application/json"
        };
        assert_eq!(request.header("content-type"), Some(type_));
    }
    valid(&told);
}

/// Holds messages against the JSON Schema in the docs.
fn valid(messages: &[Value]) {
    let schema =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/notification.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    for message in messages {
        let errors: Vec<_> = schema.iter_errors(message).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{message}");
    }
}

#[test]
fn the_schema_in_the_docs_is_that_of_the_messages() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/notification.schema.json");
    let schema = serde_json::to_string_pretty(&github_pat_operator::sinks::schema()).unwrap() + "\n";
    if std::env::var_os("WRITE_SCHEMA").is_some() {
        fs::write(path, &schema).unwrap();
    }
    let written = fs::read_to_string(path).unwrap();
    assert!(
        written == schema,
        "write it anew with WRITE_SCHEMA=1 cargo test --test it the_schema_in_the_docs"
    );
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    assert!(!validator.is_valid(&json!({ "version": "2" })), "it refuses what is none");
}

#[tokio::test]
async fn each_stage_of_the_end_of_a_token_is_told_and_that_another_token_came() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let _operator = operator_that_tells(&world, &json!([{ "name": "ops", "url": receiver.url("/") }])).await;
    let ends = |hours: i64| jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
    let token = |name: &str, hours| {
        world.github.token(NewToken::classic(name, "acme-ci").scopes(&["repo"]).expires(ends(hours)))
    };
    world.secret("ci", &token("soon", 30)).await;
    world.connection("ci", json!({ "warnBefore": ["24h", "168h"] })).await;
    world.condition("ci", "NotExpiring", "False", "ExpiresSoon").await;
    let told = receiver.until("/", |messages| messages.len() == 1).await;
    assert_eq!(words(&told), ["ci NotExpiring Opened ExpiresSoon"]);
    assert_eq!((&told[0]["expiry"]["within"], &told[0]["severity"]), (&json!("168h"), &json!("warning")));
    world.secret("ci", &token("sooner", 20)).await;
    let told = receiver.until("/", |messages| messages.len() == 2).await;
    assert_eq!(words(&told)[1], "ci NotExpiring Changed ExpiresSoon");
    assert_eq!((&told[1]["expiry"]["within"], &told[1]["severity"]), (&json!("24h"), &json!("critical")));
    world.secret("ci", &token("late", 9000)).await;
    let told = receiver.until("/", |messages| messages.len() == 3).await;
    assert_eq!(words(&told)[2], "ci NotExpiring Resolved NotExpiring");
    let incidents: BTreeSet<_> = told.iter().map(|message| message["incident"].to_string()).collect();
    assert_eq!(incidents.len(), 1);
    valid(&told);
}

#[tokio::test]
async fn that_the_end_is_not_near_any_more_is_told_though_nobody_could_tell_while_another_process_started() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let sinks = json!([{ "name": "ops", "url": receiver.url("/"), "severity": "warning" }]);
    let first = operator_that_tells(&world, &sinks).await;
    let token = |name: &str| NewToken::classic(name, "acme-ci").scopes(&["repo"]);
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(30);
    world.secret("ci", &world.github.token(token("soon").expires(soon))).await;
    world.connection("ci", json!({ "warnBefore": ["24h", "168h"] })).await;
    world.condition("ci", "NotExpiring", "False", "ExpiresSoon").await;
    // Of what happens within one second no status says what came first.
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.secret("ci", "").await;
    world.ready("ci", "False", "TokenEmpty").await;
    receiver.until("/", |messages| messages.len() == 2).await;
    first.stop().await;

    let _second = operator(&world, &sinks).await;
    // What it tells shows that it has read what the first one may have told.
    world.connection("other", json!({})).await;
    receiver.until("/", |messages| messages.len() == 3).await;
    world.secret("ci", &world.github.token(token("late"))).await;
    world.ready("ci", "True", "Ready").await;
    let told = receiver.until("/", |messages| messages.len() >= 5).await;
    assert_eq!(words(&told[..2]), ["ci NotExpiring Opened ExpiresSoon", "ci Ready Opened TokenEmpty"]);
    let over: BTreeSet<_> = words(&told[3..]).into_iter().collect();
    let expected = ["ci NotExpiring Resolved NeverExpires", "ci Ready Resolved Ready"];
    assert_eq!(over, expected.map(str::to_owned).into());
}

#[tokio::test]
async fn a_sink_that_fails_stalls_or_redirects_delays_no_other_and_gets_everything_in_its_order_in_the_end() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.behave("/fails", [Behaviour::Answer(500), Behaviour::Answer(401), Behaviour::Cut]);
    receiver.behave("/stalls", [Behaviour::Stall]);
    receiver.behave("/redirects", [Behaviour::Redirect("/secret-place")]);
    receiver.behave("/forgets", [Behaviour::TakeAndCut]);
    receiver.behave("/refuses", [Behaviour::Answer(422)]);
    receiver.behave("/dead", std::iter::repeat_n(Behaviour::Stall, 1000));
    let paths = ["/dead", "/fails", "/stalls", "/redirects", "/forgets", "/refuses", "/well"];
    // Only those that stall have a short time: what a busy machine answers late counts as not answered, and is rightly told again.
    let timeout = |path| if ["/dead", "/stalls"].contains(&path) { "2s" } else { "10s" };
    let sinks =
        paths.map(|path| json!({ "name": &path[1..], "url": receiver.url(path), "timeout": timeout(path) }));
    let operator = operator_that_tells(&world, &json!(sinks)).await;
    world.connection("ci", json!({})).await;
    world.ready("ci", "False", "SecretNotFound").await;
    let token = world.github.token(NewToken::classic("ci", "acme-ci").scopes(&["repo"]));
    world.secret("ci", &token).await;
    world.ready("ci", "True", "Ready").await;
    let was_ready = Instant::now();
    let expected = ["ci Ready Opened SecretNotFound", "ci Ready Resolved Ready"];
    receiver.until("/well", |messages| messages.len() >= 2).await;
    let told: Vec<_> = receiver.requests().into_iter().filter(|request| request.path == "/well").collect();
    let late = told[1].at.saturating_duration_since(was_ready);
    assert!(late < Duration::from_secs(5), "{late:?} behind the status, while another sink is dead");
    assert!(receiver.messages("/dead").is_empty());
    for path in ["/well", "/fails", "/stalls", "/redirects"] {
        let told = receiver.until(path, |messages| messages.len() >= 2).await;
        assert_eq!(words(&told), expected, "{path}");
    }
    let tries = receiver.came("/fails");
    let pauses: Vec<_> = tries.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs_f64()).collect();
    for (pause, least) in pauses.iter().zip([0.5, 1.0, 2.0]) {
        assert!(*pause >= least, "a pause of 1 s that doubles, or half of it at least: {pauses:?}");
    }
    let well = told[0].at;
    assert!(well < tries[3], "what fails was taken at its fourth try, long after the others had it");
    let told = receiver.until("/forgets", |messages| messages.len() >= 3).await;
    assert_eq!(words(&told), [expected[0], expected[0], expected[1]], "who may not have it gets it again");
    assert_eq!(told[0]["id"], told[1]["id"], "under the same id");
    let told = receiver.until("/refuses", |messages| !messages.is_empty()).await;
    assert_eq!(words(&told), expected[1..], "what it refuses for good keeps nothing else from it");
    assert!(receiver.messages("/secret-place").is_empty(), "redirects are not followed");
    let log = operator.log();
    for words in [
        "it answered 500",
        "it did not answer in time",
        "redirects are not followed",
        "was refused and is given up",
    ] {
        assert!(log.contains(words), "{words}: {log}");
    }
    let scrape = operator.scrape().await;
    let of =
        |sink, result| scrape.value("github_pat_notifications_total", &[("sink", sink), ("result", result)]);
    assert_eq!((of("well", "Delivered"), of("well", "Failed")), (Some(2.0), Some(0.0)));
    assert_eq!((of("fails", "Failed"), of("refuses", "Refused")), (Some(3.0), Some(1.0)));
    assert_eq!(scrape.value("github_pat_notifications_waiting", &[("sink", "well")]), Some(0.0));
    let oldest = |sink| scrape.value("github_pat_notifications_oldest_seconds", &[("sink", sink)]).unwrap();
    assert_eq!(oldest("well"), 0.0);
    assert!((1.0..600.0).contains(&oldest("dead")), "{}", oldest("dead"));
}

#[tokio::test]
async fn a_restart_tells_and_writes_nothing_and_a_crash_loses_nothing() {
    let world = World::audited().await;
    let receiver = Receiver::start().await;
    let sinks = json!([{ "name": "ops", "url": receiver.url("/"), "timeout": "5s" }]);
    let mut first = operator_that_tells(&world, &sinks).await;
    // The stop comes before its answer.
    receiver.behave("/", [Behaviour::TakeLate]);
    world.connection("ci", json!({})).await;
    good(&world, "well").await;
    world.ready("ci", "False", "SecretNotFound").await;
    world.ready("well", "True", "Ready").await;
    receiver.until("/", |messages| messages.len() == 1).await;
    first.process().terminate().unwrap();
    first.until_logged("stopping").await;
    receiver.answer_late();
    assert!(first.process().wait(Duration::from_secs(10)).await.unwrap().success());
    let log = first.log();
    assert!(log.contains("sinks=true receipts=true"), "{log}");
    let kept = receipts(&world).await.unwrap().data.unwrap();
    assert!(kept["ops"].parse::<jiff::Timestamp>().is_ok(), "{kept:?}");
    let (written, changed) =
        (world.writes().len(), receipts(&world).await.unwrap().metadata.resource_version);

    let mut second = operator(&world, &sinks).await;
    world.until_asked("well", world.asked("well") + 1).await;
    let told = receiver.messages("/");
    assert_eq!(told.len(), 1, "a restart repeats nothing: {kept:?} {:?} {told:#?} {log}", world.writes());
    assert_eq!(world.writes().len(), written, "and writes nothing: {:?}", world.writes());
    receiver.behave("/", std::iter::repeat_n(Behaviour::Answer(503), 100));
    world.github.revoke("well");
    world.ready("well", "False", "BadCredentials").await;
    second.until_logged("it answered 503").await;
    second.process().kill().unwrap();
    drop(second);
    assert_eq!(receipts(&world).await.unwrap().metadata.resource_version, changed);

    receiver.behave("/", []);
    let _third = operator(&world, &sinks).await;
    let told = receiver.until("/", |messages| messages.len() >= 2).await;
    assert_eq!(words(&told), ["ci Ready Opened SecretNotFound", "well Ready Opened BadCredentials"]);
    valid(&told);
    assert!(writes_of_receipts(&world) <= 3, "{:?}", world.writes());
}

#[tokio::test]
async fn a_new_sink_is_told_what_is_wrong_and_a_secret_that_changes_signs_the_next_message() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let operator_without = operator(&world, &json!([])).await;
    good(&world, "well").await;
    world.connection("ci", json!({})).await;
    world.ready("ci", "False", "SecretNotFound").await;
    world.ready("well", "True", "Ready").await;
    operator_without.stop().await;
    assert_eq!(receipts(&world).await, None, "nothing is written where nobody is told anything");

    let secret = world.file("secret", "");
    let sinks = json!([{ "name": "ops", "url": receiver.url("/"), "secretFile": secret, "labels": { "team": "infra" } }]);
    let patch =
        kube::api::Patch::Merge(json!({ "metadata": { "labels": { "team": "infra", "other": "x" } } }));
    for name in ["ci", "well"] {
        world.connections().patch(name, &Default::default(), &patch).await.unwrap();
    }
    let operator = operator(&world, &sinks).await;
    operator.until_logged("it is empty: put the secret into it").await;
    assert!(receiver.requests().is_empty(), "nothing goes unsigned");
    fs::write(&secret, "first").unwrap();
    let told = receiver.until("/", |messages| messages.len() == 1).await;
    assert_eq!(words(&told), ["ci Ready Opened SecretNotFound"]);
    assert_eq!(told[0]["connection"]["labels"], json!({ "team": "infra" }), "those that the settings name");
    fs::write(&secret, "second").unwrap();
    world.secret("ci", "").await;
    let told = receiver.until("/", |messages| messages.len() == 2).await;
    assert_eq!(words(&told)[1], "ci Ready Changed TokenEmpty");
    let signed: Vec<_> = receiver.requests().iter().map(|request| request.is_signed_by("second")).collect();
    assert_eq!(signed, [false, true]);
}

#[tokio::test]
async fn of_two_replicas_the_leader_alone_tells() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let sinks = json!([{ "name": "ops", "url": receiver.url("/") }]);
    let text = settings(&world, &sinks) + "leaderElection: true\n";
    let (_one, _other) =
        (world.operator_with_settings(&text).await, world.operator_with_settings(&text).await);
    world.connection("ci", json!({})).await;
    world.ready("ci", "False", "SecretNotFound").await;
    receiver.until("/", |messages| messages.len() == 1).await;
    world.secret("ci", "").await;
    let told = receiver.until("/", |messages| messages.len() >= 2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(words(&told), ["ci Ready Opened SecretNotFound", "ci Ready Changed TokenEmpty"]);
    assert_eq!(receiver.messages("/").len(), 2);
    let all =
        Api::<ConfigMap>::namespaced(world.client.clone(), NAMESPACE).list(&ListParams::default()).await;
    assert!(all.unwrap().iter().filter(|map| map.metadata.name.as_deref() == Some(RECEIPTS)).count() <= 1);
}
