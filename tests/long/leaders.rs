//! Several replicas, and everything that may come between them and their Lease: there is one writer at a time, and nothing is lost.

use std::time::{Duration, Instant};

use control_plane::Program;
use github_simulator::NewToken;
use jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::{
    replica::{LEASE, Load, Pair, Replica, SHORT, lease, leases, one_writer_at_a_time},
    tenant::within,
    world::World,
};

/// What the longest Lease of [`SHORT`] takes to run out, and a busy machine to notice.
const RUN_OUT: Duration = Duration::from_secs(6);

fn soon(milliseconds: u64) -> Duration {
    Duration::from_millis(fastrand::u64(..milliseconds))
}

#[tokio::test]
async fn a_leader_that_is_stopped_past_its_lease_and_goes_on_writes_nothing() {
    let world = World::audited().await;
    let mut pair = Pair::start(&world, &SHORT).await;
    let load = Load::of(&world, 6).await;
    let frozen = load
        .during(async {
            let mut frozen = Vec::new();
            for _ in 0..10 {
                tokio::time::sleep(soon(1500)).await;
                let mut first = pair.take_leader().await;
                let heeded = first.operator.process().freeze(RUN_OUT).await;
                assert!(heeded.is_ok(), "{heeded:?}: {}", first.operator.log());
                let second = pair.take_leader().await;
                let (begun, before) = (Instant::now(), second.writes(&world).len());
                within(RUN_OUT, "the next one writes", async || second.writes(&world).len() > before).await;
                let at = Timestamp::now();
                first.operator.process().thaw(RUN_OUT).await.unwrap();
                assert_eq!(first.ends().await, 4, "{}", first.operator.log());
                assert!(begun.elapsed() < RUN_OUT, "it ends at once");
                frozen.push((first, at));
                pair.put_back(second);
                pair.refill().await;
            }
            frozen
        })
        .await;
    for (first, at) in frozen {
        let late: Vec<_> = first.requests(&world).into_iter().filter(|event| event.is_write()).collect();
        let late: Vec<_> = late.iter().filter(|event| event.received >= at).collect();
        assert!(late.is_empty(), "{} wrote after it was stopped past its lease: {late:?}", first.user);
        assert!(first.operator.log().contains("lost the Lease team-a/github-pat-operator"));
    }
    load.is_published().await;
    one_writer_at_a_time(&world);
}

#[tokio::test]
async fn while_the_api_server_is_away_for_a_minute_nobody_leads_and_afterwards_one_does() {
    let mut world = World::audited().await;
    let mut first = Replica::start(&world, "first", &[]).await;
    first.leads().await;
    let second = Replica::start(&world, "second", &[]).await;
    let text = world.github.token(NewToken::classic("early", "ci"));
    world.secret("ci", &text).await;
    let publish = json!([{ "secretName": "out", "format": "Opaque" }]);
    world.connection("ci", json!({ "interval": "10s", "publish": publish })).await;
    world.ready("ci", "True", "Ready").await;

    let begun = Instant::now();
    world.may_be_refused("");
    world.plane.stop_api_server().unwrap();
    assert_eq!(first.ends().await, 4, "{}", first.operator.log());
    let given_up = begun.elapsed();
    eprintln!("without an API server the leader ended after {given_up:?}");
    assert!(given_up < Duration::from_secs(11), "{given_up:?}");
    assert!(first.operator.log().contains("it was not renewed for 10 s"), "{}", first.operator.log());
    // As the kubelet does.
    let third = Replica::unready(&world, "third", &[]).await;
    let asked = world.github.calls().len();
    tokio::time::sleep(Duration::from_secs(60).saturating_sub(begun.elapsed())).await;
    assert_eq!(world.github.calls().len(), asked, "who does not lead asks nothing");
    world.plane.start_api_server().await.unwrap();
    let back = Instant::now();
    within(Duration::from_secs(16), "one leads", async || second.has_led() || third.has_led()).await;
    eprintln!("after the API server came back one led after {:?}", back.elapsed());
    third.operator.wait_until_ready().await;
    assert!(!(second.has_led() && third.has_led()), "and the other does not");
    let text = world.github.token(NewToken::classic("late", "ci"));
    world.secret("ci", &text).await;
    within(Duration::from_secs(60), "work goes on", async || {
        world.value("out", "token").await.as_ref() == Some(&text)
    })
    .await;
    one_writer_at_a_time(&world);
}

#[tokio::test]
async fn an_api_server_that_hangs_ends_the_leader_as_one_that_is_away() {
    let mut world = World::audited().await;
    let mut first = Replica::start(&world, "first", &[]).await;
    first.leads().await;
    let second = Replica::start(&world, "second", &[]).await;
    world.secret("ci", &world.github.token(NewToken::classic("early", "ci"))).await;
    world.connection("ci", json!({ "interval": "24h" })).await;
    world.ready("ci", "True", "Ready").await;
    let begun = Instant::now();
    world.plane.freeze(Program::KubeApiserver).await.unwrap();
    assert_eq!(first.ends().await, 4, "{}", first.operator.log());
    let given_up = begun.elapsed();
    eprintln!("with an API server that hangs the leader ended after {given_up:?}");
    assert!(given_up < Duration::from_secs(11), "{given_up:?}");
    tokio::time::sleep(Duration::from_secs(30).saturating_sub(begun.elapsed())).await;
    world.plane.thaw(Program::KubeApiserver).await.unwrap();
    within(Duration::from_secs(20), "the other one leads", async || second.has_led()).await;
    world.secret("ci", &world.github.token(NewToken::classic("late", "ci"))).await;
    world.until_asked("late", 1).await;
    within(Duration::from_secs(60), "work goes on", async || !second.writes(&world).is_empty()).await;
    one_writer_at_a_time(&world);
}

/// What somebody may write into a Lease, or put in its place.
fn edits() -> Vec<(&'static str, Option<Value>)> {
    let spec = |spec: Value| Some(json!({ "spec": spec }));
    vec![
        ("deleted", None),
        ("emptied", spec(json!({ "holderIdentity": "" }))),
        ("no holder", spec(json!({ "holderIdentity": null }))),
        ("as if it were given back", spec(json!({ "holderIdentity": "", "leaseDurationSeconds": 1 }))),
        ("no spec", spec(Value::Null)),
        ("an absurd duration", spec(json!({ "leaseDurationSeconds": i32::MAX }))),
        ("a short duration", spec(json!({ "leaseDurationSeconds": 1 }))),
        ("no duration", spec(json!({ "leaseDurationSeconds": null }))),
        ("a time of long ago", spec(json!({ "renewTime": "0001-01-01T00:00:00.000000Z" }))),
        ("a time to come", spec(json!({ "renewTime": "9999-12-31T23:59:59.999999Z", "acquireTime": null }))),
        ("many transitions", spec(json!({ "leaseTransitions": i32::MAX }))),
        ("labels", Some(json!({ "metadata": { "labels": { "a": "b" } } }))),
    ]
}

async fn edit(world: &World, edit: Option<&Value>) {
    let leases = leases(&world.client);
    match edit {
        None => drop(leases.delete(LEASE, &DeleteParams::default()).await.unwrap()),
        Some(patch) => {
            drop(leases.patch(LEASE, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap());
        }
    }
}

#[tokio::test]
async fn whatever_somebody_does_to_the_lease_the_leader_leads_on_and_nobody_beside_it() {
    let world = World::audited().await;
    let mut first = Replica::start(&world, "first", &SHORT).await;
    first.leads().await;
    let mut second = Replica::start(&world, "second", &SHORT).await;
    let load = Load::of(&world, 4).await;
    let identity = lease(&world).await["holderIdentity"].clone();
    load.during(async {
        for (name, change) in edits() {
            for _ in 0..2 {
                tokio::time::sleep(soon(1200)).await;
                edit(&world, change.as_ref()).await;
                within(RUN_OUT, name, async || {
                    let held = lease(&world).await;
                    held["holderIdentity"] == identity && held["leaseDurationSeconds"] == 3
                })
                .await;
                assert!(!second.has_led(), "{name}");
            }
        }
        let strange = leases(&world.client).get(LEASE).await.unwrap();
        assert_eq!(strange.metadata.labels.unwrap()["a"], "b", "what is not its own stays");
        assert!(first.operator.process().try_wait().unwrap().is_none(), "{}", first.operator.log());
        // Only another holder ends it: it cannot know whether that one works.
        edit(&world, Some(&json!({ "spec": { "holderIdentity": "somebody" } }))).await;
        assert_eq!(first.ends().await, 4, "{}", first.operator.log());
        within(RUN_OUT, "the other one leads", async || second.has_led()).await;
        assert!(second.operator.process().try_wait().unwrap().is_none());
    })
    .await;
    load.is_published().await;
    one_writer_at_a_time(&world);
}

#[tokio::test]
async fn whatever_stands_in_the_lease_of_a_leader_that_was_killed_the_next_one_leads() {
    let world = World::audited().await;
    let mut pair = Pair::start(&world, &SHORT).await;
    for (name, change) in edits() {
        let mut first = pair.take_leader().await;
        first.operator.process().kill().unwrap();
        edit(&world, change.as_ref()).await;
        let begun = Instant::now();
        let second = pair.take_leader().await;
        let gap = begun.elapsed();
        eprintln!("{name}: the next one led after {gap:?}");
        assert!(gap < RUN_OUT, "{name}: {gap:?}");
        pair.put_back(second);
        pair.refill().await;
    }
    // A Lease that somebody made by hand before anybody led.
    drop(pair);
    edit(&world, None).await;
    let made = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": { "name": LEASE },
    });
    let made = serde_json::from_value(made).unwrap();
    leases(&world.client).create(&PostParams::default(), &made).await.unwrap();
    Replica::start(&world, "last", &SHORT).await.leads().await;
}

/// So many seconds a question may come late, or early after one that came late, on a busy machine.
const LATE: i64 = 7;

#[tokio::test]
async fn a_change_of_the_leader_asks_nothing_before_its_instant_and_writes_nothing() {
    let world = World::audited().await;
    // With the terms of the default: nobody starts the replica anew that gives a short one up on a busy machine.
    let mut pair = Pair::start(&world, &["--questions-per-minute", "60000"]).await;
    let names: Vec<String> = (0..30).map(|number| format!("bot-{number}")).collect();
    for name in &names {
        world.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        let publish = json!([{ "secretName": format!("{name}-out"), "format": "Opaque" }]);
        world.connection(name, json!({ "interval": "20s", "publish": publish })).await;
    }
    for name in &names {
        world.ready(name, "True", "Ready").await;
    }
    let written = || {
        let events = world.plane.audit().unwrap().into_iter();
        let ours = events.filter(|event| event.user.starts_with("replica-") && event.is_write());
        ours.filter(|event| event.resource != "leases").map(|event| event.uri).collect::<Vec<_>>()
    };
    within(Duration::from_secs(10), "all is written", async || written().len() >= 2 * names.len()).await;
    let (before, first) = (written().len(), world.github.calls().len());
    let asked = |times: usize| {
        let names = &names;
        let world = &world;
        async move {
            for name in names {
                world.until_asked(name, times).await;
            }
        }
    };
    asked(2).await;
    pair.take_leader().await.stop().await;
    pair.refill().await;
    asked(4).await;
    pair.take_leader().await.operator.process().kill().unwrap();
    pair.refill().await;
    asked(6).await;
    let after = written();
    assert_eq!(after.len(), before, "{:?}", &after[before..]);
    for name in &names {
        let calls = world.github.calls();
        let of = calls.iter().skip(first).filter(|call| call.token.as_ref() == Some(name));
        let instants: Vec<_> = of.map(|call| call.at).collect();
        // The first may have been put off: minimumInterval had not passed at the token's own instant.
        for pair in instants[1..].windows(2) {
            // An instant at which nobody led is passed over, as after a restart.
            let apart = pair[1].duration_since(pair[0]).as_secs();
            let off = (apart % 20).min(20 - apart % 20);
            assert!(off < LATE && apart > 20 - LATE, "{name}: {apart} s apart of {instants:?}");
        }
    }
    one_writer_at_a_time(&world);
}
