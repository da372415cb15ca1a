//! What the process holds: nothing of what is gone, and nothing of what it does not need.

use control_plane::usage;
use futures::{StreamExt, stream};
use github_simulator::NewToken;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;

use crate::{
    tenant::{Tenant, connections_of_others, eventually},
    world::{NAMESPACE, World, from},
};

/// Creates so many connections with tokens of their own, each made Ready and deleted again.
async fn come_and_go(world: &World, tenant: Tenant<'_>, from: usize, to: usize) {
    let passing = stream::iter(from..to).for_each_concurrent(8, async |number| {
        let name = format!("passing-{number}");
        tenant.secret(&name, &world.github.token(NewToken::classic(&name, "acme-ci"))).await;
        tenant.connection(&name, json!({ "interval": "24h" })).await;
        // Every third goes while its question is on its way.
        if number % 3 != 0 {
            tenant.ready(&name, "True", "Ready").await;
        }
        tenant.connections().delete(&name, &DeleteParams::default()).await.unwrap();
        tenant.secrets().delete(&name, &DeleteParams::default()).await.unwrap();
    });
    passing.await;
}

#[tokio::test]
async fn connections_that_come_and_go_leave_nothing_behind() {
    let world = World::start().await;
    world.github.keep_calls(false);
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    let operator = world.operator().await;
    let counts: [usize; 2] = if std::env::var_os("CI").is_some() { [1000, 2000] } else { [300, 900] };
    let start = usage(operator.id()).unwrap().rss;
    eprintln!("at the start: {} KiB resident", start / 1024);
    let mut resident = Vec::new();
    for (from, to) in [(0, counts[0]), (counts[0], counts[1])] {
        let middle = from.midpoint(to);
        tokio::join!(come_and_go(&world, ours, from, middle), come_and_go(&world, theirs, middle, to));
        // A marker: it is judged after what came before.
        let marker = format!("marker-{to}");
        ours.secret(&marker, &world.github.token(NewToken::classic(&marker, "marker"))).await;
        ours.connection(&marker, json!({ "interval": "24h" })).await;
        ours.ready(&marker, "True", "Ready").await;
        resident.push(usage(operator.id()).unwrap().rss);
        eprintln!("after {to}: {} KiB resident", resident.last().unwrap() / 1024);
    }
    let grown = resident[1].saturating_sub(resident[0]);
    assert!(resident[1] * 10 <= resident[0] * 12, "grown by {grown} bytes: {resident:?}");
    assert!(resident[1] * 10 <= start * 12, "{resident:?} after {start} at the start");
    let each = grown / u64::try_from(counts[1] - counts[0]).unwrap();
    eprintln!("{each} bytes for each that came and went");
    assert!(each <= 1024, "one that is kept takes about twice as much: {resident:?}");
}

#[tokio::test]
async fn what_a_burst_took_is_given_back() {
    /// One for each watch, and what is used now and then.
    const AT_REST: usize = 8;
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let names: Vec<_> = (0..200).map(|number| format!("burst-{number}")).collect();
    let made = stream::iter(&names).for_each_concurrent(16, async |name| {
        ours.secret(name, &world.github.token(NewToken::classic(name, "acme-ci"))).await;
        ours.connection(name, json!({ "interval": "24h" })).await;
    });
    made.await;
    // Those of the API server to itself.
    let before = connections_of_others(&world);
    let connections = || connections_of_others(&world).saturating_sub(before);
    let operator = world.operator().await;
    let (mut most, mut burst) = (0, 0);
    for name in &names {
        most = most.max(connections());
        ours.ready(name, "True", "Ready").await;
        burst = burst.max(usage(operator.id()).unwrap().rss);
    }
    assert!(most > AT_REST, "{most} connections are no burst");
    eventually("idle connections", async || connections() <= AT_REST).await;
    // GitHub's connections go after 30 s, and the memory within 30 s of that.
    eventually("memory", async || usage(operator.id()).unwrap().rss + (512 << 10) <= burst).await;
    let rest = usage(operator.id()).unwrap().rss;
    eprintln!("{most} connections, {} KiB; at rest {} KiB", burst / 1024, rest / 1024);
}

#[tokio::test]
async fn annotations_of_other_secrets_are_not_held() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    ours.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    ours.connection("ci", json!({ "publish": [{ "secretName": "out", "format": "Opaque" }] })).await;
    let operator = world.operator().await;
    ours.ready("ci", "True", "Ready").await;
    let before = usage(operator.id()).unwrap();
    operator.stop().await;
    let made = stream::iter(0..300_usize).for_each_concurrent(4, async |number| {
        let annotated: Secret = from(json!({ "metadata": {
            "name": format!("annotated-{number}"), "annotations": { "example.com/blob": "x".repeat(228 << 10) },
        } }));
        ours.secrets().create(&PostParams::default(), &annotated).await.unwrap();
    });
    made.await;
    let operator = world.operator().await;
    ours.secret("second", &world.github.token(NewToken::classic("second", "acme-ci"))).await;
    ours.connection("second", json!({})).await;
    ours.ready("second", "True", "Ready").await;
    let listed = usage(operator.id()).unwrap();
    // Each event of a watch brings one whole.
    let changed = json!({ "metadata": { "labels": { "touched": "yes" } } });
    for number in 0..40 {
        let patch = kube::api::Patch::Merge(changed.clone());
        let name = format!("annotated-{number}");
        ours.secrets().patch(&name, &kube::api::PatchParams::default(), &patch).await.unwrap();
    }
    ours.secrets().delete("out", &DeleteParams::default()).await.unwrap();
    eventually("the output is made anew", async || ours.value("out", "token").await.is_some()).await;
    let watched = usage(operator.id()).unwrap();
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    eprintln!(
        "peak without {:.1} MiB, listed {:.1}, watched {:.1}; resident {:.1} and {:.1}",
        mib(before.peak),
        mib(listed.peak),
        mib(watched.peak),
        mib(before.rss),
        mib(watched.rss)
    );
    let grown = watched.peak.saturating_sub(before.peak);
    assert!(grown <= 4 << 20, "68 MiB of annotations raise the peak by {:.1} MiB", mib(grown));
}
