//! Several replicas, of which one works: who leads, and what the next one does.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use control_plane::AuditEvent;
use github_simulator::NewToken;
use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::{
    replica::{LEASE, Replica, SHORT, lease, leases},
    world::{SOON, World},
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

    let (late, begun) = (Lateness::measure(), Timestamp::now());
    let stopping = tokio::spawn(first.stop());
    second.leads().await;
    let led = taken(&world, &second).await;
    let (gap, late) = (led.received.duration_since(begun).as_secs_f64(), late.seconds());
    assert!(gap < 1.0 + late, "{gap} s, on a machine that is {late} s late");
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

    // A watch that broke begins with another list.
    let is_broken = second.operator.log().contains("cannot watch");
    // The audit log tells of a watch when it has ended.
    second.stop().await;
    let of_second = || world.plane.audit().unwrap().into_iter().filter(|event| event.user == "second");
    let is_list = |event: &AuditEvent| event.verb == "list" || event.uri.contains("sendInitialEvents=true");
    let lists =
        |resource: &str| of_second().filter(|event| event.resource == resource && is_list(event)).count();
    let resources = ["githubpatconnections", "secrets"];
    let deadline = Instant::now() + SOON;
    while resources.iter().any(|resource| lists(resource) == 0) {
        assert!(Instant::now() < deadline, "the lists of the second are not in the audit log");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let lists = resources.map(lists);
    assert!(lists == [1, 1] || is_broken, "{lists:?}: what a standby has listed, it lists no more");
    let late: Vec<_> = of_second().filter(|event| event.received > led.received && is_list(event)).collect();
    assert!(late.is_empty() || is_broken, "it lists nothing when it leads: {late:?}");
}

/// Whether it took or renewed the Lease.
fn is_claim(event: &AuditEvent) -> bool {
    event.resource == "leases" && event.is_write() && event.code < 300
}

/// The request by which this replica, which leads, took the Lease. The audit log has it a moment after its answer.
async fn taken(world: &World, replica: &Replica) -> AuditEvent {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(taken) = replica.requests(world).into_iter().find(is_claim) {
            return taken;
        }
        assert!(Instant::now() < deadline, "the request by which it leads is not in the audit log");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How late this machine wakes whom a timer is to wake, at worst, until it is stopped: a replica is as late as that.
struct Lateness {
    measuring: JoinHandle<()>,
    worst: Arc<Mutex<Duration>>,
}

impl Lateness {
    fn measure() -> Lateness {
        let worst = Arc::<Mutex<Duration>>::default();
        let shared = worst.clone();
        let pause = Duration::from_millis(10);
        let measuring = tokio::spawn(async move {
            loop {
                let begun = Instant::now();
                tokio::time::sleep(pause).await;
                let late = begun.elapsed().saturating_sub(pause);
                let mut worst = shared.lock().unwrap();
                *worst = (*worst).max(late);
            }
        });
        Lateness { measuring, worst }
    }

    fn seconds(self) -> f64 {
        self.measuring.abort();
        let worst = *self.worst.lock().unwrap();
        worst.as_secs_f64()
    }
}

#[tokio::test]
async fn after_a_kill_another_replica_leads_once_the_lease_is_over() {
    let world = World::audited().await;
    let mut first = Replica::start(&world, "first", &SHORT).await;
    first.leads().await;
    let second = Replica::start(&world, "second", &SHORT).await;
    let late = Lateness::measure();
    let killed = Timestamp::now();
    first.operator.process().kill().unwrap();
    let renewed: Timestamp = lease(&world).await["renewTime"].as_str().unwrap().parse().unwrap();
    second.leads().await;
    // By the API server's clock, which is that of this machine; how late the log is read is of no matter.
    let taken = taken(&world, &second).await;
    let late = late.seconds();
    let since = |before: Timestamp| taken.received.duration_since(before).as_secs_f64();
    let gap = since(killed);
    assert!(gap < 3.5 + late, "{gap} s, on a machine that is {late} s late");
    let unheard = since(renewed);
    assert!(
        (3.0..4.5 + late).contains(&unheard),
        "{unheard} s after the last renewal, of a lease of 3 s, on a machine that is {late} s late"
    );
    let renewals = first.requests(&world).into_iter().filter(is_claim);
    let unheard = since(renewals.map(|event| event.received).max().unwrap());
    assert!(unheard >= 3.0, "{unheard} s after the last renewal came in");
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
