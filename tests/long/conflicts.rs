//! Other writers, and a cluster that goes back in time.

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use control_plane::AuditEvent;
use futures::{StreamExt, pin_mut};
use github_pat_operator::api::GithubPatConnection;
use github_simulator::NewToken;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, json};

use crate::{
    tenant::{self, Tenant, questions, until_asked, within},
    world::{NAMESPACE, Operator, World, is_so},
};

/// What is logged of each conflict.
const LOGGED: &str = "it is reconciled again";
/// The rights of operators on everything but Secrets.
const ROLE: &str = "github-pat-operator";

fn spec(name: &str) -> Value {
    json!({
        "onInvalid": "Withdraw",
        "publish": [{ "secretName": format!("{name}-out"), "format": "Opaque" }],
    })
}

fn ago(hours: i64) -> String {
    tenant::ago(hours * 3600)
}

fn writes_to(world: &World, name: &str) -> Vec<AuditEvent> {
    world.requests().into_iter().filter(|event| event.is_write() && event.name == name).collect()
}

#[tokio::test]
async fn after_etcd_went_back_to_an_earlier_state_the_operator_follows_what_stands_there() {
    let mut world = World::audited().await;
    world.namespace("team-b").await;
    let operator = world.operator().await;
    let spaces = [NAMESPACE, "team-b"];
    for space in spaces {
        let tenant = Tenant::of(&world, space);
        for name in ["one", "two"] {
            let token = format!("{space}-{name}-early");
            tenant.secret(name, &world.github.token(NewToken::classic(&token, &token))).await;
            tenant.connection(name, spec(name)).await;
            tenant.ready(name, "True", "Ready").await;
        }
    }
    let saved = world.plane.save().await.unwrap();
    for space in spaces {
        let tenant = Tenant::of(&world, space);
        for name in ["one", "two"] {
            let token = format!("{space}-{name}-late");
            let text = world.github.token(NewToken::classic(&token, &token));
            tenant.secret(name, &text).await;
            within(Duration::from_secs(40), "the late token is written", async || {
                tenant.value(&format!("{name}-out"), "token").await.as_ref() == Some(&text)
            })
            .await;
            for _ in 0..10 {
                tenant.change(name, json!({ "warnBefore": ["24h", "48h"] })).await;
                tenant.change(name, json!({ "warnBefore": ["24h"] })).await;
            }
        }
        tenant.secret("lost", &world.github.token(NewToken::classic(&format!("{space}-lost"), "lost"))).await;
        tenant.connection("lost", spec("lost")).await;
        tenant.ready("lost", "True", "Ready").await;
    }
    world.may_be_refused("");
    world.plane.restore(&saved).await.unwrap();
    let restored = world.requests().len();
    let logged = |operator: &Operator| operator.log().matches(LOGGED).count();
    let logged_before = logged(&operator);

    // Everything that is changed from now on has versions that were given out before.
    let mut third = Vec::new();
    for space in spaces {
        let tenant = Tenant::of(&world, space);
        let token = format!("{space}-third");
        let text = world.github.token(NewToken::classic(&token, "third"));
        tenant.secret("one", &text).await;
        let garbage = Patch::Merge(json!({ "stringData": { "token": "garbage" } }));
        tenant.secrets().patch("two-out", &PatchParams::default(), &garbage).await.unwrap();
        third.push(text);
    }
    let minute = Duration::from_secs(90);
    for (space, text) in spaces.into_iter().zip(&third) {
        let tenant = Tenant::of(&world, space);
        let early = world.github.token_text(&format!("{space}-two-early")).unwrap();
        within(minute, "the third token is written", async || {
            tenant.value("one-out", "token").await.as_ref() == Some(text)
        })
        .await;
        within(minute, "the garbage is gone", async || {
            tenant.value("two-out", "token").await.as_ref() == Some(&early)
        })
        .await;
        for (name, login) in [("one", "third".to_owned()), ("two", format!("{space}-two-early"))] {
            tenant
                .until_within(minute, name, |seen| {
                    let token = seen.status.as_ref().and_then(|status| status.token.as_ref());
                    is_so(seen, "Ready", "True", "Ready")
                        && token.is_some_and(|token| token.login.as_ref() == Some(&login))
                })
                .await;
        }
        assert!(tenant.connections().get_opt("lost").await.unwrap().is_none());
    }
    // Who is no more is asked about no more.
    let lost = questions(&world.github, "team-b-lost").len();
    until_asked(&world.github, "team-b-third", questions(&world.github, "team-b-third").len() + 3).await;
    assert!(questions(&world.github, "team-b-lost").len() <= lost + 1);
    let requests = world.requests();
    let after = &requests[restored.min(requests.len())..];
    let conflicts = after.iter().filter(|event| event.code == 409).count();
    eprintln!("{conflicts} conflicts after the restore");
    assert!(conflicts <= 12, "conflicts back off: {conflicts}");
    let updates = after.iter().filter(|event| event.code == 409 && event.verb != "create").count();
    within(Duration::from_secs(10), "the conflicts are logged", async || {
        logged(&operator) >= logged_before + updates
    })
    .await;
}

/// Whether the operators may list and watch the connections from now on.
async fn may_list(world: &World, may: bool) {
    let roles = Api::<ClusterRole>::all(world.client.clone());
    let mut role = roles.get(ROLE).await.unwrap();
    let verbs: &[&str] = if may { &["get", "list", "watch"] } else { &["get"] };
    for rule in role.rules.iter_mut().flatten() {
        if rule.resources.iter().flatten().any(|resource| resource == "githubpatconnections") {
            rule.verbs = verbs.iter().map(|verb| (*verb).to_owned()).collect();
        }
    }
    roles.replace(ROLE, &PostParams::default(), &role).await.unwrap();
}

#[tokio::test]
async fn that_etcd_went_back_is_logged_also_where_a_connection_tells_it_before_any_list() {
    let mut world = World::audited().await;
    let operator = world.operator().await;
    let ours = Tenant::of(&world, NAMESPACE);
    ours.secret("ci", &world.github.token(NewToken::classic("early", "early"))).await;
    ours.connection("ci", spec("ci")).await;
    ours.ready("ci", "True", "Ready").await;
    world.may_be_refused("");
    // In the state to which the cluster goes back nobody may list connections, so the operator goes by what it knew.
    may_list(&world, false).await;
    let saved = world.plane.save().await.unwrap();
    may_list(&world, true).await;
    let ours = Tenant::of(&world, NAMESPACE);
    ours.change("ci", json!({ "warnBefore": ["24h", "48h"] })).await;
    ours.secret("ci", &world.github.token(NewToken::classic("late", "late"))).await;
    let is_of = |seen: &GithubPatConnection, login: &str| {
        let token = seen.status.as_ref().and_then(|status| status.token.as_ref());
        is_so(seen, "Ready", "True", "Ready")
            && token.is_some_and(|token| token.login.as_deref() == Some(login))
    };
    ours.until("ci", |seen| is_of(seen, "late")).await;
    world.plane.restore(&saved).await.unwrap();
    operator.until_logged("the cluster went back to an earlier state; everything is listed anew").await;
    may_list(&world, true).await;
    Tenant::of(&world, NAMESPACE).until("ci", |seen| is_of(seen, "early")).await;
}

/// What follows this field in a line of the log.
fn logged<'a>(line: &'a str, field: &str) -> &'a str {
    let (_, after) = line.split_once(&format!(" {field}=")).unwrap_or_else(|| panic!("no {field}: {line}"));
    after.split(' ').next().unwrap()
}

#[tokio::test]
async fn each_conflict_is_logged_with_how_many_there_were_and_each_write_after_it_waits_longer() {
    let world = World::audited().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let operator = world.operator().await;
    ours.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    ours.connection("ci", spec("ci")).await;
    ours.ready("ci", "True", "Ready").await;
    // What it writes over was mostly changed since it was read.
    let connections = ours.connections();
    let rival = tokio::spawn(async move {
        for number in 0_u64.. {
            let touch = json!({ "metadata": { "annotations": { "touched": number.to_string() } } });
            let _ = connections.patch("ci", &PatchParams::default(), &Patch::Merge(touch)).await;
        }
    });
    let conflicts = || {
        let refused = writes_to(&world, "ci").into_iter().filter(|event| event.code == 409);
        refused.map(|event| event.answered).collect::<Vec<_>>()
    };
    let hours = AtomicU32::new(1);
    within(Duration::from_secs(90), "three conflicts", async || {
        let warned = format!("{}h", hours.fetch_add(1, Relaxed));
        ours.change("ci", json!({ "warnBefore": [warned] })).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        conflicts().len() >= 3
    })
    .await;
    rival.abort();
    ours.ready("ci", "True", "Ready").await;
    let conflicts = conflicts();
    operator.until_logged(&format!(" count={} ", conflicts.len())).await;
    let log = operator.log();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let scraped = client.get(format!("{}/metrics", operator.url)).send().await.unwrap().text().await.unwrap();
    let counted = format!("rest_client_requests_total{{code=\"409\",method=\"PUT\"}} {}", conflicts.len());
    assert!(scraped.lines().any(|line| line == counted), "{counted}: {scraped}");
    let lines: Vec<_> = log.lines().filter(|line| line.contains(LOGGED)).collect();
    let told: Vec<_> =
        lines.iter().map(|line| (logged(line, "count"), logged(line, "requeue_after"))).collect();
    let expected = [("1", "1s"), ("2", "2s"), ("3", "4s"), ("4", "8s"), ("5", "16s")];
    assert_eq!(told, expected[..conflicts.len()], "{conflicts:?}");
    for (pair, pause) in conflicts.windows(2).zip([1, 2, 4, 8]) {
        let apart = pair[1].duration_since(pair[0]);
        assert!(apart >= SignedDuration::from_secs(pause), "{apart} after a conflict: {told:?}");
    }
}

#[tokio::test]
async fn what_is_not_said_any_more_goes_from_the_status_whoever_owns_it() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    ours.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    ours.connection("ci", spec("ci")).await;
    ours.ready("ci", "True", "Ready").await;
    ours.replace_status("ci", |status| {
        status["token"]["refused"] =
            json!({ "reason": "BadCredentials", "count": 2, "first": ago(2), "last": ago(1) });
        status["deferral"] = json!({ "since": ago(1), "reason": "ServerError" });
        status["outputs"] = json!([
            { "secretName": "ci-out", "format": "Opaque" }, { "secretName": "nowhere", "format": "BasicAuth" },
        ]);
        status["lastHandledRequest"] = json!("never");
        status["conditions"].as_array_mut().unwrap().push(json!({
            "type": "Foreign", "status": "True", "reason": "Restored", "message": "from a backup",
            "lastTransitionTime": ago(1),
        }));
    })
    .await;
    ours.until("ci", |seen| {
        let status = seen.status.as_ref().unwrap();
        let token = status.token.as_ref().unwrap();
        let has_foreign = status.condition("Foreign").is_some();
        token.refused.is_none() && status.deferral.is_none() && status.outputs.len() == 1 && !has_foreign
    })
    .await;
    ours.ready("ci", "True", "Ready").await;
}

#[tokio::test]
async fn a_status_of_another_time_token_or_host_deletes_nothing_at_the_next_start() {
    let world = World::start().await;
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    let operator = world.operator().await;
    let names = [(ours, "older"), (ours, "token"), (theirs, "host"), (theirs, "expired"), (ours, "backup")];
    for (tenant, name) in names {
        tenant.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        tenant.connection(name, spec(name)).await;
        tenant.ready(name, "True", "Ready").await;
    }
    let foreign = ours.until("older", |_| true).await.status.unwrap().token.unwrap().hashed_token;
    operator.stop().await;
    let refused = json!({ "reason": "BadCredentials", "count": 3, "first": ago(3), "last": ago(2) });
    ours.replace_status("older", |status| status["token"]["refused"] = refused.clone()).await;
    let recent = json!({ "reason": "BadCredentials", "count": 3, "first": ago(1), "last": ago(0) });
    ours.replace_status("token", |status| {
        status["token"]["hashedToken"] = json!(foreign);
        status["token"]["checkedAt"] = json!(ago(4));
        status["token"]["refused"] = recent.clone();
    })
    .await;
    theirs
        .replace_status("host", |status| {
            status["token"]["host"] = json!("github.com");
            status["token"]["checkedAt"] = json!(ago(4));
            status["token"]["refused"] = recent.clone();
        })
        .await;
    theirs
        .replace_status("expired", |status| {
            status["token"]["hashedToken"] = json!(foreign);
            status["token"]["expiresAt"] = json!(ago(4));
            status["token"]["refused"] = recent.clone();
        })
        .await;
    // A backup from a time when the same token was refused, and was accepted before that.
    ours.replace_status("backup", |status| {
        status["token"]["checkedAt"] = json!(ago(4));
        status["token"]["refused"] = refused.clone();
    })
    .await;
    let before = [ours.uids().await, theirs.uids().await];
    let histories = [ours.history(), theirs.history()];
    let _operator = world.operator().await;
    for (tenant, name) in names {
        until_asked(&world.github, name, questions(&world.github, name).len() + 2).await;
        tenant
            .until(name, |seen| {
                let token = seen.status.as_ref().and_then(|status| status.token.as_ref());
                is_so(seen, "Ready", "True", "Ready") && token.is_some_and(|token| token.refused.is_none())
            })
            .await;
    }
    assert_eq!([ours.uids().await, theirs.uids().await], before, "every output is the same Secret");
    let seen = histories.iter().flat_map(|history| history.seen());
    assert_eq!(seen.filter(|(_, status, _)| status == "False").collect::<Vec<_>>(), vec![]);
}

#[tokio::test]
async fn two_operators_that_differ_write_ever_more_slowly_and_say_so() {
    let world = World::audited().await;
    let ours = Tenant::of(&world, NAMESPACE);
    ours.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    ours.secret("clock", &world.github.token(NewToken::classic("clock", "clock"))).await;
    let first = world.operator().await;
    // The second raises the interval, and says so in the message of `Ready`.
    let second = world.operator_with(&["--minimum-interval", "1m"]).await;
    ours.connection("ci", json!({ "interval": "20s" })).await;
    ours.connection("clock", json!({ "interval": "60s" })).await;
    ours.ready("ci", "True", "Ready").await;
    let since = Timestamp::now();
    first.until_logged("somebody else keeps changing the status").await;
    second.until_logged("somebody else keeps changing the status").await;
    until_asked(&world.github, "ci", questions(&world.github, "ci").len() + 2).await;
    let took = Timestamp::now().duration_since(since).as_secs();
    let writes = writes_to(&world, "ci");
    let writes: Vec<_> = writes.iter().filter(|event| event.received >= since).collect();
    eprintln!("{} writes in {took} s by two operators", writes.len());
    // Each writes after 1, 3, 7, 15, 31 s.
    assert!(writes.len() <= 14, "{} writes in {took} s", writes.len());
    let clock = writes_to(&world, "clock").len();
    assert!(clock <= 4, "of one mind about the other connection, they wrote it {clock} times");
}

#[tokio::test]
async fn a_writer_that_changes_status_and_output_after_every_write_is_answered_ever_more_slowly() {
    let world = World::audited().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let operator = world.operator().await;
    for name in ["ci", "clock"] {
        ours.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        ours.connection(name, spec(name)).await;
        ours.ready(name, "True", "Ready").await;
    }
    let begun = Timestamp::now();
    let (connections, secrets) = (ours.connections(), ours.secrets());
    let rival = tokio::spawn(async move {
        let events = watcher(connections.clone(), watcher::Config::default()).applied_objects();
        pin_mut!(events);
        while let Some(event) = events.next().await {
            let Ok(mut seen) = event else { continue };
            let is_ours = seen.status.as_ref().is_some_and(|status| {
                status.condition("Ready").is_some_and(|ready| ready.message != "rival")
            });
            if seen.name_any() == "ci" && is_ours {
                if let Some(status) = &mut seen.status {
                    status.conditions.iter_mut().for_each(|condition| condition.message = "rival".to_owned());
                }
                let _ = connections.replace_status("ci", &PostParams::default(), &seen).await;
            }
        }
    });
    let rival_of_output = tokio::spawn(async move {
        let config = watcher::Config::default().fields("metadata.name=ci-out");
        let events = watcher(secrets.clone(), config).applied_objects();
        pin_mut!(events);
        while let Some(event) = events.next().await {
            let data = event.ok().and_then(|secret| secret.data).unwrap_or_default();
            if data.get("token").is_some_and(|value| value.0 != b"rival") {
                let patch = Patch::Merge(json!({ "stringData": { "token": "rival" } }));
                let _ = secrets.patch("ci-out", &PatchParams::default(), &patch).await;
            }
        }
    });
    operator.until_logged("somebody else keeps changing the status").await;
    operator.until_logged("somebody else keeps changing an output").await;
    let since = Timestamp::now();
    until_asked(&world.github, "clock", questions(&world.github, "clock").len() + 3).await;
    let took = Timestamp::now().duration_since(since).as_secs();
    for name in ["ci", "ci-out"] {
        let writes = writes_to(&world, name).into_iter().filter(|event| event.received >= since).count();
        eprintln!("{writes} writes to {name} in {took} s");
        assert!(writes <= 6, "{name}: {writes} writes in {took} s");
        // What was written before there was a rival answers nobody.
        let all: Vec<_> = writes_to(&world, name)
            .into_iter()
            .filter(|event| event.received >= begun)
            .map(|event| (event.received, event.verb, event.code))
            .collect();
        let hasty = all.windows(2).filter(|pair| pair[1].0.duration_since(pair[0].0).as_millis() < 900);
        assert!(hasty.count() <= 1, "{name}: at most one write a second: {all:?}");
    }
    rival.abort();
    rival_of_output.abort();
    ours.ready("clock", "True", "Ready").await;
    ours.connections().delete("ci", &DeleteParams::default()).await.unwrap();
}
