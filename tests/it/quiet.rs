//! No writes and no needless questions: in steady state, after a restart, and while GitHub is down.

use std::collections::BTreeMap;

use github_simulator::{NewToken, Outage};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::world::World;

const MANY: usize = 200;
const INTERVAL: SignedDuration = SignedDuration::from_secs(20);
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

#[tokio::test]
async fn two_hundred_connections_converge_with_two_writes_each_and_then_write_nothing() {
    let world = World::audited().await;
    let names = converge(&world, MANY, "20s").await;
    let operator = world.operator().await;
    for name in &names {
        world.ready(name, "True", "Ready").await;
    }
    let mut writes = BTreeMap::<String, Vec<String>>::new();
    for (verb, resource, name) in world.until_written(MANY * 2).await {
        writes.entry(name.replace("-out", "")).or_default().push(format!("{verb} {resource}"));
    }
    for name in &names {
        let of = writes.remove(name).unwrap_or_default();
        assert_eq!(of, ["create secrets", "patch githubpatconnections"], "{name}");
    }
    assert!(writes.is_empty(), "{writes:?}");

    let (written, first) = (world.writes().len(), world.github.calls().len());
    until_all_asked(&world, &names, first, 3).await;
    assert_eq!(world.writes().len(), written, "nothing is written in steady state");
    for (name, instants) in asked(&world, first) {
        for pair in instants.windows(2) {
            let apart = pair[1].duration_since(pair[0]);
            assert!((apart - INTERVAL).abs() < LATE, "{name}: one question an interval, not after {apart}");
        }
    }

    let log = operator.stop().await;
    assert_eq!(log.matches("token judged").count(), MANY, "one line for each judgement");
    let before = asked(&world, first);
    let stopped = world.github.calls().len();
    let _operator = world.operator().await;
    until_all_asked(&world, &names, stopped, 1).await;
    assert_eq!(world.writes().len(), written, "a restart writes nothing");
    for (name, instants) in asked(&world, stopped) {
        let apart = instants[0].duration_since(*before[&name].last().unwrap());
        assert!(off(apart) < LATE, "{name}: after a restart a token waits for its own instant, not {apart}");
    }
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
    let first = world.github.calls().len();
    world.github.outage(Some(Outage::Status(502)));
    until_all_asked(&world, &names, first, 4).await;
    for name in &names {
        world.ready(name, "True", "AcceptedEarlier").await;
    }
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
    until_all_asked(&world, &names, stopped, 2).await;
    assert_eq!(world.writes().len(), written);
}
