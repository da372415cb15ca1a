//! Grants of namespaces: that one is taken away while the operator looks on, and a thousand of them.

use std::time::{Duration, Instant};

use control_plane::{Options, usage};
use futures::{StreamExt, stream};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::{Api, api::PostParams};

use crate::{
    tenant::connections_of_others,
    ungranted::{
        OPERATOR, becomes, binding, command, connect, grant, operator, operator_with, revoke, run, ungranted,
    },
    world::{NAMESPACE, from, is_so},
};

#[tokio::test]
async fn a_grant_that_is_taken_away_is_noticed_within_a_minute_and_a_new_one_within_seconds() {
    let world = ungranted(Options::default()).await;
    world.namespace("team-b").await;
    for namespace in [NAMESPACE, "team-b"] {
        grant(&world, namespace).await;
    }
    let _operator = operator(&world).await;
    for namespace in [NAMESPACE, "team-b"] {
        connect(&world, namespace).await;
        becomes(&world, namespace, "True", "Ready").await;
    }
    let uid = async || world.secrets().get("out").await.unwrap().metadata.uid;
    let before = uid().await;
    for _ in 0..2 {
        revoke(&world, NAMESPACE).await;
        let seen = becomes(&world, NAMESPACE, "False", "NamespaceNotGranted").await;
        assert!(is_so(&seen, "Authenticated", "Unknown", "NoToken"));
        becomes(&world, "team-b", "True", "Ready").await;
        run(&world, &command(&seen)).await;
        let granted = Instant::now();
        becomes(&world, NAMESPACE, "True", "Ready").await;
        assert!(granted.elapsed() < Duration::from_secs(10), "{:?}", granted.elapsed());
    }
    assert_eq!((uid().await, world.asked(NAMESPACE)), (before, 1));
}

/// A connection in each of a thousand namespaces, by a watch for each or by one for all: what the operator needs is shown.
async fn a_thousand(flags: &[&str]) -> (Duration, usize, u64) {
    let world = ungranted(Options::default()).await;
    world.github.keep_calls(false);
    let role: ClusterRoleBinding = from({
        let mut everywhere = binding("github-pat-operator-secrets");
        everywhere["metadata"]["name"] = "everywhere".into();
        everywhere
    });
    Api::all(world.client.clone()).create(&PostParams::default(), &role).await.unwrap();
    let names: Vec<_> = (0..1000).map(|number| format!("team-{number}")).collect();
    let made = stream::iter(&names).for_each_concurrent(8, async |name| {
        world.namespace(name).await;
        connect(&world, name).await;
    });
    made.await;
    // Those of the API server to itself.
    let before = connections_of_others(&world);
    let budgets = [
        "--questions-per-minute=60000",
        "--failed-logins-per-hour=10000",
        "--failed-logins-per-namespace=10000",
    ];
    let began = Instant::now();
    let operator = operator_with(&world, &[flags, &budgets].concat()).await;
    for name in &names {
        becomes(&world, name, "True", "Ready").await;
    }
    let took = began.elapsed();
    // Ordinary calls pass beside the watches.
    world.namespace("late").await;
    let late = Instant::now();
    connect(&world, "late").await;
    becomes(&world, "late", "True", "Ready").await;
    let late = late.elapsed();
    assert!(late < Duration::from_secs(5), "{late:?}");
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (open, rss) =
        (connections_of_others(&world).saturating_sub(before), usage(operator.id()).unwrap().rss);
    assert!(!operator.log().contains("cannot watch"), "{}", operator.log());
    eprintln!(
        "{OPERATOR} {flags:?}: Ready {took:?}, one more {late:?}, {open} connections, {} KiB",
        rss / 1024
    );
    (took, open, rss)
}

#[tokio::test]
async fn a_thousand_namespaces_have_a_watch_each_and_hold_up_nobody() {
    let (_, few, small) = a_thousand(&["--secret-scope", "Cluster"]).await;
    let (_, many, large) = a_thousand(&[]).await;
    assert!(few < 100 && many > 1000 && many < 1200, "{few} {many}");
    let each = large.saturating_sub(small) / 1000;
    assert!(each < 128 * 1024, "{each} bytes for each namespace");
}
