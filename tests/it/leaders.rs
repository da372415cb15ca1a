//! Several replicas, of which one works: who leads, and what the next one does.

use std::time::{Duration, Instant};

use github_simulator::NewToken;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::{
    replica::{LEASE, Replica, SHORT, lease, leases},
    world::World,
};

const MANY: usize = 20;

#[tokio::test]
async fn after_a_graceful_stop_another_replica_leads_within_a_second_and_goes_on_where_the_first_was() {
    let world = World::audited().await;
    let first = Replica::start(&world, "first", &[]).await;
    first.leads().await;
    let second = Replica::start(&world, "second", &[]).await;
    let names: Vec<String> = (0..MANY).map(|number| format!("bot-{number}")).collect();
    for name in &names {
        world.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        let publish = json!([{ "secretName": format!("{name}-out"), "format": "Opaque" }]);
        world.connection(name, json!({ "interval": "24h", "publish": publish })).await;
    }
    for name in &names {
        world.ready(name, "True", "Ready").await;
    }
    let held = lease(&world).await;
    assert_eq!((&held["leaseDurationSeconds"], &held["leaseTransitions"]), (&json!(15), &json!(0)));
    let asked = world.github.calls().len();
    assert_eq!(asked, MANY, "one question for each");
    let idle = second.requests(&world);
    assert!(idle.iter().all(|event| !event.is_write()), "who does not lead writes nothing: {idle:?}");
    assert!(!second.has_led());

    let begun = Instant::now();
    let stopping = tokio::spawn(first.stop());
    second.leads().await;
    let gap = begun.elapsed();
    assert!(gap < Duration::from_secs(1), "{gap:?}");
    stopping.await.unwrap();
    assert_eq!(lease(&world).await["leaseTransitions"], 1);

    // What comes is done by the second, and nothing of what was done is done again.
    let text = world.github.token(NewToken::classic("next", "bot-0"));
    world.secret("bot-0", &text).await;
    world
        .secret_until("bot-0-out", |secret| {
            let value = secret.and_then(|secret| secret.data.as_ref()?.get("token"));
            value.is_some_and(|value| value.0 == text.as_bytes())
        })
        .await;
    world.ready("bot-0", "True", "Ready").await;
    let others: Vec<_> =
        second.writes(&world).into_iter().filter(|event| !event.name.starts_with("bot-0")).collect();
    let others: Vec<_> = others.iter().filter(|event| event.resource != "events").collect();
    assert!(others.is_empty(), "a change of the leader writes nothing: {others:?}");
    assert_eq!(world.github.calls().len(), asked + 1, "and asks nothing: only the new token is asked about");
}

#[tokio::test]
async fn after_a_kill_another_replica_leads_once_the_lease_is_over() {
    let world = World::start().await;
    let mut first = Replica::start(&world, "first", &SHORT).await;
    first.leads().await;
    let second = Replica::start(&world, "second", &SHORT).await;
    let begun = Instant::now();
    first.operator.process().kill().unwrap();
    second.leads().await;
    let gap = begun.elapsed();
    assert!(gap < Duration::from_millis(3500), "{gap:?}");
}

#[tokio::test]
async fn a_leader_whose_lease_somebody_else_holds_ends_and_says_so() {
    let world = World::start().await;
    let mut first = Replica::start(&world, "first", &SHORT).await;
    first.leads().await;
    let patch = Patch::Merge(json!({ "spec": { "holderIdentity": "somebody" } }));
    leases(&world.client).patch(LEASE, &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(first.ends().await, 4, "{}", first.operator.log());
    assert!(
        first.operator.log().contains("lost the Lease team-a/github-pat-operator: somebody holds it"),
        "{}",
        first.operator.log()
    );
    assert_eq!(lease(&world).await["holderIdentity"], "somebody", "it takes nothing back");
}
