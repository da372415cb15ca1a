//! No writes and no needless questions: in steady state, after a restart, and while GitHub is down.

use std::collections::BTreeMap;

use github_simulator::{NewToken, Outage};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::world::{NAMESPACE, SOON, World};

const MANY: usize = 200;
const INTERVAL: SignedDuration = SignedDuration::from_secs(20);
/// By default 600 questions a minute would be spread over the time that a test has.
const UNHURRIED: [&str; 2] = ["--questions-per-minute", "60000"];
/// How late a question may come on a busy machine.
const LATE: SignedDuration = SignedDuration::from_secs(6);

async fn converge(world: &World, count: usize, interval: &str) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|number| format!("bot-{number}")).collect();
    for name in &names {
        world.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        let publish = json!([{ "secretName": format!("{name}-out"), "format": "Opaque" }]);
        world.connection(name, json!({ "interval": interval, "publish": publish })).await;
    }
    names
}

/// The instants at which each token was asked about, from the given call on.
fn asked(world: &World, from: usize) -> BTreeMap<String, Vec<Timestamp>> {
    let mut asked = BTreeMap::<_, Vec<_>>::new();
    for call in world.github.calls().into_iter().skip(from) {
        asked.entry(call.token.unwrap()).or_default().push(call.at);
    }
    asked
}

/// Waits until each token was asked about so often, counted from the given call on.
async fn until_all_asked(world: &World, names: &[String], from: usize, times: usize) {
    for name in names {
        let counted = |calls: &[github_simulator::Call]| {
            calls.iter().skip(from).filter(|call| call.token.as_ref() == Some(name)).count() >= times
        };
        assert!(world.github.wait_until(std::time::Duration::from_secs(120), counted).await, "{name}");
    }
}

/// How far the span is from a whole number of intervals.
fn off(span: SignedDuration) -> SignedDuration {
    let rest = SignedDuration::from_millis((span.as_millis() % INTERVAL.as_millis()).try_into().unwrap());
    rest.min(INTERVAL.checked_sub(rest).unwrap())
}

/// How often the operator read each Secret, from the given request on. It reads single ones only: the list and the watches of the
/// metadata are those of the one namespace that has connections.
fn reads(world: &World, from: usize) -> BTreeMap<String, usize> {
    let (mut reads, mut lists) = (BTreeMap::new(), 0);
    for event in world.requests().into_iter().skip(from).filter(|event| !event.is_write()) {
        if event.verb == "get" && event.resource == "secrets" {
            *reads.entry(event.name).or_default() += 1;
        } else if event.resource == "secrets" || event.resource == "githubpatconnections" {
            let (verb, is_of_secrets) = (event.verb.as_str(), event.resource == "secrets");
            let namespace = if is_of_secrets { NAMESPACE } else { "" };
            let is_of_many = ["list", "watch"].contains(&verb) && event.name.is_empty();
            assert!(is_of_many && event.namespace == namespace, "{verb} {}", event.uri);
            lists += usize::from(is_of_secrets && verb == "list" && !event.uri.contains("continue="));
        }
    }
    assert!(lists <= 1, "they are listed once, not {lists} times");
    reads
}

#[tokio::test]
async fn two_hundred_connections_converge_with_a_read_and_two_writes_each_and_then_only_read_when_due() {
    let world = World::audited().await;
    let names = converge(&world, MANY, "20s").await;
    let operator = world.operator_with(&UNHURRIED).await;
    for name in &names {
        world.ready(name, "True", "Ready").await;
    }
    let mut writes = BTreeMap::<String, Vec<String>>::new();
    for (verb, resource, name) in world.until_written(MANY * 2).await {
        writes.entry(name.replace("-out", "")).or_default().push(format!("{verb} {resource}"));
    }
    for name in &names {
        let of = writes.remove(name).unwrap_or_default();
        assert_eq!(of, ["create secrets", "update githubpatconnections"], "{name}");
    }
    assert!(writes.is_empty(), "{writes:?}");

    let (written, first) = (world.writes().len(), world.github.calls().len());
    until_all_asked(&world, &names, first, 4).await;
    assert_eq!(world.writes().len(), written, "nothing is written in steady state");
    for (name, instants) in asked(&world, first) {
        // The first may have been put off: minimumInterval had not passed at the token's own instant.
        for pair in instants[1..].windows(2) {
            let apart = pair[1].duration_since(pair[0]);
            assert!((apart - INTERVAL).abs() < LATE, "{name}: one question an interval, not after {apart}");
        }
    }

    let log = operator.stop().await;
    assert_eq!(log.matches("token judged").count(), MANY, "one line for each judgement");
    let (questions, mut read) = (asked(&world, 0), reads(&world, 0));
    for name in &names {
        // The one that is asked when the operator ends may be under way.
        let (asked, read) = (questions[name].len(), read.remove(name).unwrap_or_default());
        assert!((asked..=asked + 1).contains(&read), "{name}: {read} reads for {asked} questions");
    }
    assert!(read.is_empty(), "no output is read: {read:?}");

    let (before, stopped, requests) =
        (asked(&world, first), world.github.calls().len(), world.requests().len());
    let _operator = world.operator_with(&UNHURRIED).await;
    until_all_asked(&world, &names, stopped, 2).await;
    let since = world.writes().split_off(written);
    assert!(since.is_empty(), "a restart writes nothing: {since:?}");
    for (name, instants) in asked(&world, stopped) {
        let apart = instants[0].duration_since(*before[&name].last().unwrap());
        assert!(off(apart) < LATE, "{name}: after a restart a token waits for its own instant, not {apart}");
    }
    let (read, questions) = (reads(&world, requests), asked(&world, stopped));
    for name in &names {
        assert_eq!(read[&format!("{name}-out")], 1, "{name}: its output is read once");
        let (asked, read) = (questions[name].len(), read[name]);
        assert!(
            (asked..=asked + 2).contains(&read),
            "{name}: {read} reads, one of them at the start, for {asked} questions"
        );
    }
}

/// What one connection costs, beside others that are converged.
#[tokio::test]
async fn a_cold_connection_costs_a_read_two_writes_and_a_question() {
    let world = World::audited().await;
    let _operator = world.operator().await;
    for name in converge(&world, 12, "24h").await {
        world.ready(&name, "True", "Ready").await;
        assert_eq!(world.asked(&name), 1, "{name}");
    }
    let written = world.until_written(24).await;
    assert_eq!(written.len(), 24, "{written:?}");
    let read = reads(&world, 0);
    assert!(read.len() == 12 && read.values().all(|times| *times == 1), "{read:?}");
}

#[tokio::test]
async fn an_outage_costs_one_status_write_however_long_it_lasts() {
    let world = World::audited().await;
    let names = converge(&world, 12, "10s").await;
    let _operator = world.operator().await;
    for name in &names {
        world.ready(name, "True", "Ready").await;
    }
    let before = world.until_written(names.len() * 2).await.len();
    world.github.outage(Some(Outage::Status(502)));
    for name in &names {
        world.ready(name, "True", "AcceptedEarlier").await;
    }
    // One more question without an answer: a scout's, since the host as a whole is taken to be down.
    let told = world.github.calls().len();
    assert!(world.github.wait_until(SOON, |calls| calls.len() > told).await, "a down host is asked again");
    let during = world.until_written(before + names.len()).await.len();
    assert_eq!(during, before + names.len(), "one for each connection");
    world.github.outage(None);
    for name in &names {
        world.ready(name, "True", "Ready").await;
    }
    let after = world.until_written(during + names.len()).await.len();
    assert_eq!(after, during + names.len(), "and one when it is over");
}

#[tokio::test]
async fn a_restart_during_an_outage_writes_nothing() {
    let world = World::audited().await;
    let names = converge(&world, 4, "10s").await;
    let operator = world.operator().await;
    for name in &names {
        world.ready(name, "True", "Ready").await;
    }
    world.github.outage(Some(Outage::Cut));
    for name in &names {
        world.ready(name, "True", "AcceptedEarlier").await;
    }
    operator.stop().await;
    let written = world.until_written(names.len() * 3).await.len();
    let stopped = world.github.calls().len();
    let _operator = world.operator().await;
    assert!(world.github.wait_until(SOON, |calls| calls.len() > stopped + 3).await, "it is asked again");
    assert_eq!(world.writes().len(), written);
}
