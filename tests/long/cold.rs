//! What a connection costs: reads, writes and questions, cold, in steady state and after an absence.

use std::{collections::BTreeSet, time::Duration};

use control_plane::{AuditEvent, usage};
use futures::{StreamExt, stream};
use github_simulator::{Call, NewToken, most_within};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use crate::{
    tenant::{Tenant, in_, questions, until_asked},
    world::{NAMESPACE, World, from, is_so},
};

/// Twice as many are below what may be asked at once; who waits longer is written about.
const MANY: usize = 25;

fn names(of: &str) -> Vec<String> {
    (0..MANY).map(|number| format!("{of}-{number}")).collect()
}

async fn large_secrets(tenant: Tenant<'_>, count: usize, bytes: usize) {
    let made = stream::iter(0..count).for_each_concurrent(4, async |number| {
        let large: Secret = from(json!({
            "metadata": { "name": format!("large-{number}") }, "stringData": { "blob": "x".repeat(bytes) },
        }));
        tenant.secrets().create(&PostParams::default(), &large).await.unwrap();
    });
    made.await;
}

/// How many requests of each kind the operator made.
fn counted(requests: &[AuditEvent]) -> std::collections::BTreeMap<String, usize> {
    let mut counted = std::collections::BTreeMap::new();
    for event in requests.iter().filter(|event| event.verb != "watch") {
        let name = format!("{} {} {}", event.verb, event.resource, event.subresource);
        *counted.entry(name.trim().to_owned()).or_default() += 1;
    }
    counted
}

/// Those of these questions, after this many, that were asked before the instant that the status names. Texts of tokens are random, so
/// the instants of some may lie within a test.
async fn too_soon(tenant: &Tenant<'_>, calls: &[Call], names: &[String], after: usize) -> Vec<Call> {
    let mut soon = Vec::new();
    for name in names {
        let status = tenant.connections().get(name).await.unwrap().status.unwrap();
        // Kept in whole seconds.
        let next = status.next_check_at.unwrap().0;
        let of_it = calls.iter().filter(|call| call.token.as_ref() == Some(name)).skip(after);
        soon.extend(of_it.filter(|call| call.at < next).cloned());
    }
    soon
}

async fn told(world: &World, requests: usize) {
    crate::tenant::eventually("the audit log tells", async || world.requests().len() >= requests).await;
}

#[tokio::test]
async fn a_new_connection_costs_one_read_two_writes_and_one_question_and_then_only_the_due_source_is_read() {
    let world = World::audited().await;
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    // One of the namespaces is full of large Secrets: 350 MB.
    large_secrets(theirs, 500, 700_000).await;
    let operator = world.operator().await;
    let small = usage(operator.id()).unwrap();
    eprintln!("before: {} KiB resident, {} KiB peak", small.rss / 1024, small.peak / 1024);
    let began = world.requests().len();
    for (tenant, of) in [(ours, "ours"), (theirs, "theirs")] {
        for name in names(of) {
            tenant.secret(&name, &world.github.token(NewToken::classic(&name, &name))).await;
            let publish = json!([{ "secretName": format!("{name}-out"), "format": "Opaque" }]);
            tenant.connection(&name, json!({ "interval": "20s", "publish": publish })).await;
        }
        for name in names(of) {
            tenant.ready(&name, "True", "Ready").await;
        }
    }
    told(&world, began + 3 * 2 * MANY).await;
    let cold = counted(&world.requests()[began..]);
    let mut writes = std::collections::BTreeMap::<_, Vec<_>>::new();
    for event in world.requests().into_iter().filter(|event| event.subresource == "status") {
        writes.entry((event.namespace, event.name)).or_default().push((event.code, event.received));
    }
    writes.retain(|_, writes| writes.len() > 1);
    assert!(writes.is_empty(), "one status write for each: {writes:?}");
    eprintln!("cold, {} connections: {cold:?}, {} questions", 2 * MANY, world.github.calls().len());
    let count = |name: &str| cold.get(name).copied().unwrap_or_default();
    assert_eq!(count("create secrets"), 2 * MANY);
    let status: usize =
        cold.iter().filter(|(name, _)| name.ends_with("githubpatconnections status")).map(|(_, n)| n).sum();
    assert_eq!(status, 2 * MANY, "one status write for each: {cold:?}");
    // The Secrets of a namespace are listed once, in pages of ten, when its first connection comes: one and its own, and 500 more.
    let pages = 1 + 51;
    assert!(
        count("list secrets") + count("list githubpatconnections") <= pages,
        "no lists but of the watches: {cold:?}"
    );
    // Two tokens were perhaps asked about again already, after which their sources are read again.
    let again = world.github.calls().len().saturating_sub(2 * MANY);
    let reads = count("get secrets");
    assert!(reads <= 2 * MANY + again + 2, "{reads} reads for {} connections", 2 * MANY);

    let since = Timestamp::now();
    until_asked(&world.github, "ours-0", questions(&world.github, "ours-0").len() + 3).await;
    // All sources that are due in one second are read before GitHub is asked about their tokens, so at that moment there are more reads.
    crate::tenant::eventually("one read of the source for each question", async || {
        let reads = counted(&world.requests()[began..]).get("get secrets").copied().unwrap_or_default();
        reads.abs_diff(world.github.calls().len()) <= 3
    })
    .await;
    let requests: Vec<_> = world.requests().into_iter().filter(|request| since <= request.received).collect();
    let steady = counted(&requests);
    let took = Timestamp::now().duration_since(since).as_secs();
    eprintln!("steady for {took} s: {steady:?}, {} questions in all", world.github.calls().len());
    let others: Vec<_> =
        steady.keys().filter(|name| *name != "get secrets" && !name.starts_with("list")).collect();
    assert!(others.is_empty(), "nothing else is asked or written: {steady:?}");
    let large = usage(operator.id()).unwrap();
    eprintln!("after: {} KiB resident, {} KiB peak", large.rss / 1024, large.peak / 1024);
    assert!(large.peak - small.rss < 24 << 20, "the large Secrets are held nowhere");
}

#[tokio::test]
async fn a_restart_reads_no_source_before_it_is_due_and_writes_nothing() {
    let world = World::audited().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let operator = world.operator().await;
    for name in names("bot") {
        ours.secret(&name, &world.github.token(NewToken::classic(&name, &name))).await;
        let publish = json!([{ "secretName": format!("{name}-out"), "format": "Opaque" }]);
        ours.connection(&name, json!({ "interval": "24h", "publish": publish })).await;
    }
    for name in names("bot") {
        ours.ready(&name, "True", "Ready").await;
    }
    operator.stop().await;
    let (writes, asked) = (world.until_written(2 * MANY).await.len(), world.github.calls().len());
    let began = world.requests().len();
    let _operator = world.operator().await;
    // New before known, and a clock: it is asked thrice after the restart.
    ours.secret("clock", &world.github.token(NewToken::classic("clock", "clock"))).await;
    let since = std::time::Instant::now();
    ours.connection("clock", json!({})).await;
    ours.ready("clock", "True", "Ready").await;
    eprintln!("a new connection was Ready {:?} after a restart", since.elapsed());
    until_asked(&world.github, "clock", 3).await;
    assert_eq!(world.until_written(writes + 1).await.len(), writes + 1, "only the clock's status");
    let calls = world.github.calls().split_off(asked);
    assert_eq!(too_soon(&ours, &calls, &names("bot"), 0).await, vec![]);
    let restart = counted(&world.requests()[began..]);
    eprintln!("restart: {restart:?}");
    // Each source and each output once, to compare them.
    assert!(restart["get secrets"] <= 2 * MANY + 3, "{restart:?}");
}

#[tokio::test]
async fn an_overdue_connection_is_asked_about_first_and_then_judged() {
    let world = World::audited().await;
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    let operator = world.operator().await;
    let tenants = [(ours, "one"), (theirs, "two"), (theirs, "edited")];
    for (tenant, name) in tenants {
        tenant.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        tenant.connection(name, json!({ "interval": "24h" })).await;
        tenant.ready(name, "True", "Ready").await;
    }
    operator.stop().await;
    let edit = json!({ "spec": { "interval": "12h" } });
    theirs.connections().patch("edited", &PatchParams::default(), &Patch::Merge(edit)).await.unwrap();
    // The last answer is of last week, as after a long absence of the operator.
    let week =
        Timestamp::from_second(Timestamp::now().as_second()).unwrap() - SignedDuration::from_hours(7 * 24);
    for (tenant, name) in tenants {
        let mut seen = tenant.connections().get(name).await.unwrap();
        let mut status = serde_json::to_value(&seen.status).unwrap();
        status["token"]["checkedAt"] = json!(week.to_string());
        status["token"]["firstProvenAt"] = json!(week.to_string());
        seen.status = from(status);
        tenant.connections().replace_status(name, &PostParams::default(), &seen).await.unwrap();
    }
    let written = world.until_written(3).await.len();
    // Longer than a status waits for the first answer about a new token.
    world.github.latency(Duration::from_secs(5));
    let histories = tenants.map(|(tenant, _)| tenant.history());
    let _operator = world.operator().await;
    for (tenant, name) in tenants {
        tenant
            .until(name, |seen| {
                let token = seen.status.as_ref().and_then(|status| status.token.as_ref());
                let checked = token.and_then(|token| token.checked_at.as_ref());
                is_so(seen, "Ready", "True", "Ready") && checked.is_some_and(|at| at.0 > week)
            })
            .await;
    }
    let seen: Vec<_> = histories.iter().flat_map(|history| history.seen()).collect();
    assert!(seen.iter().all(|(_, status, reason)| status == "True" && reason == "Ready"), "{seen:?}");
    assert_eq!(world.until_written(written + 3).await.len(), written + 3, "one write for each");
}

#[tokio::test]
async fn no_minute_has_more_questions_than_the_budget_whatever_is_due() {
    let world = World::audited().await;
    let ours = Tenant::of(&world, NAMESPACE);
    // Due every ten seconds, these ask for 1,200 questions a minute; 600 may be asked.
    let bots: Vec<_> = (0..200).map(|number| format!("bot-{number}")).collect();
    let made = bots.iter().map(|name| (name.clone(), world.github.token(NewToken::classic(name, name))));
    ours.many(made, &json!({})).await;
    let _operator = world.operator().await;
    for name in &bots {
        ours.ready(name, "True", "Ready").await;
    }
    let written = world.until_written(bots.len()).await.len();
    assert!(world.github.wait_until(Duration::from_secs(150), |calls| calls.len() >= 1000).await);
    let most = world.github.statistics().most_in_a_minute;
    eprintln!("at most {most} questions in a minute");
    assert!(most <= 600, "{most} questions in a minute");
    assert_eq!(world.writes().len(), written, "who waits is not written about");
    // A new one does not wait behind those.
    ours.secret("new", &world.github.token(NewToken::classic("new", "new"))).await;
    let since = std::time::Instant::now();
    ours.connection("new", json!({})).await;
    ours.ready("new", "True", "Ready").await;
    assert!(
        since.elapsed() < Duration::from_secs(3),
        "a new connection was Ready after {:?}",
        since.elapsed()
    );
}

#[tokio::test]
async fn after_a_long_absence_the_overdue_are_asked_about_within_the_budget_and_written_once() {
    const OVERDUE: usize = 150;
    let world = World::audited().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let bots: Vec<_> = (0..OVERDUE).map(|number| format!("bot-{number}")).collect();
    let made = bots.iter().map(|name| (name.clone(), world.github.token(NewToken::classic(name, name))));
    ours.many(made, &json!({ "interval": "24h" })).await;
    let operator = world.operator().await;
    for name in &bots {
        ours.ready(name, "True", "Ready").await;
    }
    operator.stop().await;
    let week =
        Timestamp::from_second(Timestamp::now().as_second()).unwrap() - SignedDuration::from_hours(7 * 24);
    for name in &bots {
        let patch = json!({ "status": { "token": { "checkedAt": week.to_string() } } });
        let patch = kube::api::Patch::Merge(patch);
        ours.connections().patch_status(name, &Default::default(), &patch).await.unwrap();
    }
    let written = world.writes().len();
    world.github.forget_calls();
    let history = ours.history();
    let _operator = world.operator().await;
    let all = |calls: &[Call]| {
        let asked: BTreeSet<_> = calls.iter().filter_map(|call| call.token.as_ref()).collect();
        asked.len() >= OVERDUE
    };
    assert!(world.github.wait_until(Duration::from_secs(60), all).await);
    for name in &bots {
        ours.until(name, |seen| {
            let token = seen.status.as_ref().and_then(|status| status.token.as_ref());
            token.and_then(|token| token.checked_at.as_ref()).is_some_and(|at| at.0 > week)
        })
        .await;
    }
    let calls = world.github.calls();
    let most = most_within(calls.iter().map(|call| call.at), SignedDuration::from_secs(5));
    eprintln!("{} questions, at most {most} within 5 s", calls.len());
    // A tenth of the minute's 600 at once, then nine a second.
    assert!(most <= 60 + 5 * 9 + 2, "{most} questions within 5 s");
    assert_eq!(too_soon(&ours, &calls, &bots, 1).await, vec![], "one question for each");
    let mut writes = world.until_written(written + OVERDUE).await.split_off(written);
    writes.sort();
    let status = |name: &String| ("update".to_owned(), "githubpatconnections".to_owned(), name.clone());
    let mut expected: Vec<_> = bots.iter().map(status).collect();
    expected.sort();
    let others: Vec<_> = writes.iter().filter(|write| !expected.contains(write)).collect();
    let again: Vec<_> = writes.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(
        others.is_empty() && again.is_empty(),
        "one write for each, and not {others:?}, nor twice {again:?}"
    );
    assert_eq!(writes, expected, "one write for each");
    let shaken: Vec<_> = history.seen().into_iter().filter(|(_, status, _)| status != "True").collect();
    assert_eq!(shaken, vec![], "who waits for its question is not doubted meanwhile");
}

#[tokio::test]
async fn a_limit_of_every_account_costs_one_write_and_ends_within_the_budget() {
    const LIMITED: usize = 100;
    let world = World::audited().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let bots: Vec<_> = (0..LIMITED).map(|number| format!("bot-{number}")).collect();
    let made = bots.iter().map(|name| (name.clone(), world.github.token(NewToken::classic(name, name))));
    ours.many(made, &json!({ "interval": "20s" })).await;
    let _operator = world.operator().await;
    for name in &bots {
        ours.ready(name, "True", "Ready").await;
    }
    let written = world.until_written(LIMITED).await.len();
    let reset = in_(45);
    bots.iter().for_each(|name| world.github.limit(name, 0, reset));
    for name in &bots {
        ours.ready(name, "True", "AcceptedEarlier").await;
    }
    let during = world.until_written(written + LIMITED).await.len();
    for name in &bots {
        ours.until_within(Duration::from_secs(120), name, |seen| is_so(seen, "Ready", "True", "Ready")).await;
    }
    assert_eq!(during, written + LIMITED, "one write for each silence");
    assert_eq!(world.until_written(during + LIMITED).await.len(), during + LIMITED, "and one at its end");
    let after = world.github.calls().into_iter().map(|call| call.at).filter(|at| *at >= reset);
    let most = most_within(after, SignedDuration::from_secs(5));
    eprintln!("at most {most} questions within 5 s after the limit");
    assert!(most <= 60 + 5 * 9 + 2, "{most} questions within 5 s");
    let early = world.github.calls().into_iter().filter(|call| call.at < reset && call.status == Some(403));
    assert!(early.count() <= LIMITED, "nobody asks again before the limit ends");
}
