//! Statuses from a backup, of an earlier time, or lost: what only a status says is asked about before anything is done by it.

use github_simulator::{NewToken, Reply};
use jiff::{SignedDuration, Timestamp};
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::{
    tenant::{Tenant, ago, questions, until_asked},
    world::{NAMESPACE, World, is_so},
};

const HOUR: i64 = 3600;

/// A connection that is asked about once a day and publishes `<name>-out`.
fn spec(name: &str, more: Value) -> Value {
    let mut spec = json!({ "interval": "24h", "publish": [{ "secretName": format!("{name}-out"), "format": "Opaque" }] });
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    spec
}

/// An answer of GitHub about the token of this account without its scopes.
fn bare(world: &World, login: &str) -> Reply {
    let id = world.github.account(login);
    Reply::json(&json!({ "login": login, "id": id })).with_header("x-oauth-scopes", "")
}

#[tokio::test]
async fn a_restored_status_deletes_no_output_of_a_good_token() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let operator = world.operator().await;
    let names = ["expired", "scopes", "refused", "ahead"];
    for name in names {
        ours.secret(name, &world.github.token(NewToken::classic(name, name).scopes(&["repo"]))).await;
        let more = json!({ "onInvalid": "Withdraw", "require": { "scopes": ["repo"] } });
        ours.connection(name, spec(name, more)).await;
        ours.ready(name, "True", "Ready").await;
    }
    let before = ours.uids().await;
    operator.stop().await;
    let refused = |count: i64, first: i64, last: i64| json!({ "reason": "BadCredentials", "count": count, "first": ago(first), "last": ago(last) });
    ours.replace_status("expired", |status| {
        status["token"]["expiresAt"] = json!(ago(2 * HOUR));
        status["token"]["checkedAt"] = json!(ago(4 * HOUR));
        status["token"]["refused"] = refused(1, HOUR, HOUR);
    })
    .await;
    ours.replace_status("scopes", |status| status["token"]["scopes"] = json!(["gist"])).await;
    ours.replace_status("refused", |status| {
        status["token"]["checkedAt"] = json!(ago(4 * HOUR));
        status["token"]["refused"] = refused(3, HOUR, 60);
    })
    .await;
    ours.replace_status("ahead", |status| {
        status["token"]["checkedAt"] = json!(ago(-240 * HOUR));
        status["token"]["refused"] = refused(3, -241 * HOUR, -242 * HOUR);
    })
    .await;
    let _operator = world.operator().await;
    for name in names {
        until_asked(&world.github, name, 2).await;
        ours.until(name, |seen| {
            let token = seen.status.as_ref().and_then(|status| status.token.as_ref());
            is_so(seen, "Ready", "True", "Ready") && token.is_some_and(|token| token.refused.is_none())
        })
        .await;
    }
    assert_eq!(ours.uids().await, before, "every output is the same Secret");
}

#[tokio::test]
async fn a_token_that_another_status_says_is_refused_is_asked_about_before_it_is_written() {
    let world = World::start().await;
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    let operator = world.operator().await;
    let names = ["dead", "good"];
    for name in names {
        let text = world.github.token(NewToken::classic(name, name));
        for tenant in [ours, theirs] {
            tenant.secret(name, &text).await;
            tenant.connection(name, spec(name, json!({}))).await;
            tenant.ready(name, "True", "Ready").await;
        }
    }
    operator.stop().await;
    world.github.revoke("dead");
    for name in names {
        theirs.secrets().delete(&format!("{name}-out"), &DeleteParams::default()).await.unwrap();
        // The process ended after it had written the refusal to one status, and before the other.
        ours.replace_status(name, |status| {
            status["token"]["checkedAt"] = json!(ago(HOUR));
            status["token"]["refused"] =
                json!({ "reason": "BadCredentials", "count": 2, "first": ago(60), "last": ago(30) });
        })
        .await;
        theirs.replace_status(name, |status| status["token"]["checkedAt"] = json!(ago(HOUR))).await;
    }
    let _operator = world.operator().await;
    theirs.ready("dead", "False", "BadCredentials").await;
    ours.ready("dead", "False", "BadCredentials").await;
    assert_eq!(theirs.value("dead-out", "token").await, None, "a dead token is not written");
    // A status that is wrong costs one question, and no verdict.
    theirs.secret_until("good-out", |secret| secret.is_some()).await;
    theirs.ready("good", "True", "Ready").await;
    ours.ready("good", "True", "Ready").await;
}

#[tokio::test]
async fn a_connection_that_was_suspended_while_its_token_died_writes_it_nowhere() {
    let world = World::start().await;
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    let operator = world.operator().await;
    let text = world.github.token(NewToken::classic("shared", "acme-ci"));
    ours.secret("often", &text).await;
    ours.connection("often", spec("often", json!({ "interval": "10s" }))).await;
    ours.ready("often", "True", "Ready").await;
    for (name, text) in [("seldom", text), ("alone", world.github.token(NewToken::classic("alone", "alone")))]
    {
        theirs.secret(name, &text).await;
        theirs.connection(name, spec(name, json!({}))).await;
        theirs.ready(name, "True", "Ready").await;
        theirs.change(name, json!({ "suspend": true })).await;
        theirs.ready(name, "Unknown", "Suspended").await;
    }
    world.github.revoke("shared");
    world.github.revoke("alone");
    ours.ready("often", "False", "BadCredentials").await;
    let gone = async |name: &str| {
        theirs.secrets().delete(&format!("{name}-out"), &DeleteParams::default()).await.unwrap();
        theirs.change(name, json!({ "suspend": false })).await;
        theirs.ready(name, "False", "BadCredentials").await;
        theirs.value(&format!("{name}-out"), "token").await
    };
    assert_eq!(gone("alone").await, None, "without a restart");
    operator.stop().await;
    let _operator = world.operator().await;
    assert_eq!(gone("seldom").await, None, "after a restart");
}

#[tokio::test]
async fn after_its_status_was_lost_one_answer_deletes_nothing_and_what_stands_is_said() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let operator = world.operator().await;
    for (name, policy) in [("lost", "Withdraw"), ("dead", "Retain")] {
        ours.secret(name, &world.github.token(NewToken::classic(name, name).scopes(&["repo"]))).await;
        let more = json!({ "onInvalid": policy, "require": { "scopes": ["repo"] } });
        ours.connection(name, spec(name, more)).await;
        ours.ready(name, "True", "Ready").await;
    }
    let before = ours.uids().await;
    operator.stop().await;
    for name in ["lost", "dead"] {
        ours.replace_status(name, |status| *status = json!({})).await;
    }
    world.github.script("lost", vec![bare(&world, "lost")]);
    world.github.revoke("dead");
    let _operator = world.operator().await;
    until_asked(&world.github, "lost", 3).await;
    ours.ready("lost", "True", "Ready").await;
    let status = ours.ready("dead", "False", "BadCredentials").await.status.unwrap();
    let said = status.message("Published").unwrap();
    assert!(said.contains("1 of 1 keep"), "{said}");
    let outputs: Vec<_> = status.outputs.iter().map(|output| output.secret_name.as_str()).collect();
    assert_eq!(outputs, ["dead-out"]);
    assert_eq!(ours.uids().await, before, "every output is the same Secret");
}

#[tokio::test]
async fn a_good_token_that_comes_back_loses_its_outputs_by_no_single_answer() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    ours.secret("clock", &world.github.token(NewToken::classic("clock", "clock"))).await;
    ours.connection("clock", json!({})).await;
    let [good, bad] =
        ["good", "bad"].map(|name| world.github.token(NewToken::classic(name, name).scopes(&["repo"])));
    world.github.revoke("bad");
    ours.secret("ci", &good).await;
    ours.connection("ci", spec("ci", json!({ "onInvalid": "Withdraw", "require": { "scopes": ["repo"] } })))
        .await;
    ours.ready("ci", "True", "Ready").await;
    let before = ours.uids().await;
    ours.secret("ci", &bad).await;
    ours.ready("ci", "False", "BadCredentials").await;
    // Longer than a token is remembered that nobody uses.
    until_asked(&world.github, "clock", questions(&world.github, "clock").len() + 3).await;
    world.github.script("good", vec![bare(&world, "good")]);
    ours.secret("ci", &good).await;
    until_asked(&world.github, "good", 3).await;
    ours.ready("ci", "True", "Ready").await;
    assert_eq!(ours.uids().await, before, "every output is the same Secret");
}

#[tokio::test]
async fn an_overdue_connection_with_a_remembered_outage_is_asked_about_first_and_then_judged() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let operator = world.operator().await;
    for name in ["outage", "plain"] {
        ours.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        ours.connection(name, spec(name, json!({}))).await;
        ours.ready(name, "True", "Ready").await;
    }
    operator.stop().await;
    for (name, hours) in [("outage", 31), ("plain", 80)] {
        ours.replace_status(name, |status| {
            status["token"]["checkedAt"] = json!(ago(hours * HOUR));
            status["token"]["firstProvenAt"] = json!(ago(hours * HOUR));
        })
        .await;
    }
    ours.replace_status("outage", |status| {
        status["deferral"] = json!({ "since": ago(30 * HOUR), "reason": "ServerError" });
        status["conditions"][0]["reason"] = json!("AcceptedEarlier");
    })
    .await;
    let (history, began) = (ours.history(), Timestamp::now());
    let _operator = world.operator().await;
    for name in ["outage", "plain"] {
        until_asked(&world.github, name, 2).await;
        let late = questions(&world.github, name)[1].0.duration_since(began).as_secs();
        assert!(late < 15, "{name} was asked about {late} s after the start");
        ours.until(name, |seen| {
            let token = seen.status.as_ref().and_then(|status| status.token.as_ref());
            let checked = token.and_then(|token| token.checked_at.as_ref());
            is_so(seen, "Ready", "True", "Ready")
                && checked.is_some_and(|at| at.0.duration_since(began) > SignedDuration::from_secs(-2))
        })
        .await;
    }
    let shaken: Vec<_> = history.seen().into_iter().filter(|(_, status, _)| status != "True").collect();
    assert_eq!(shaken, vec![]);
}

#[tokio::test]
async fn what_another_manager_wrote_goes_from_the_status() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    let names = ["running", "suspended"];
    for name in names {
        ours.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        ours.connection(name, spec(name, json!({}))).await;
        ours.ready(name, "True", "Ready").await;
    }
    ours.change("suspended", json!({ "suspend": true })).await;
    ours.ready("suspended", "Unknown", "Suspended").await;
    for name in names {
        ours.replace_status(name, |status| {
            status["nextCheckAt"] = json!("2999-01-01T00:00:00Z");
            status["conditions"][0]["lastTransitionTime"] = json!("2999-01-01T00:00:00Z");
            status["conditions"].as_array_mut().unwrap().push(json!({
                "type": "Foreign", "status": "True", "reason": "Restored", "message": "from a backup",
                "lastTransitionTime": ago(60),
            }));
            status["token"]["refused"] =
                json!({ "reason": "BadCredentials", "count": 2, "first": ago(-60), "last": ago(-60) });
            status["deferral"] = json!({ "since": ago(-60), "reason": "ServerError" });
            let foreign = json!({ "secretName": "foreign", "format": "Opaque" });
            status["outputs"].as_array_mut().unwrap().push(foreign);
        })
        .await;
    }
    for name in names {
        let seen = ours.until(name, |seen| {
            let status = seen.status.as_ref().unwrap();
            let far = Timestamp::now() + SignedDuration::from_hours(48);
            let changed = status.conditions.iter().map(|condition| condition.last_transition_time.0);
            let mut instants = changed.chain(status.next_check_at.as_ref().map(|at| at.0));
            status.condition("Foreign").is_none() && instants.all(|at| at < far)
        });
        let status = seen.await.status.unwrap();
        assert!(status.deferral.is_none() && status.token.unwrap().refused.is_none(), "{name}");
        let outputs: Vec<_> = status.outputs.iter().map(|output| &*output.secret_name).collect();
        assert_eq!(outputs, [format!("{name}-out")], "{name}");
    }
}
