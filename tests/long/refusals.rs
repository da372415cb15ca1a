//! Refusals: when one is believed, and what a wrong one must not do.

use std::time::Duration;

use github_pat_operator::api::GithubPatConnection;
use github_simulator::{NewToken, Reply, Whom};
use jiff::{SignedDuration, Timestamp};
use kube::api::DeleteParams;
use serde_json::json;

use crate::{
    tenant::{Tenant, eventually, questions, until_asked},
    world::{NAMESPACE, World, is_so},
};

#[tokio::test]
async fn a_host_that_refuses_everyone_for_half_a_minute_condemns_nobody() {
    let mut world = World::start().await;
    world.another_host("calm").await;
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    let operator = world.operator().await;
    let names = |tenant: Tenant<'_>| (0..10).map(|n| format!("{}-{n}", tenant.namespace)).collect::<Vec<_>>();
    for tenant in [ours, theirs] {
        for name in names(tenant) {
            tenant.secret(&name, &world.github.token(NewToken::classic(&name, &name))).await;
            let publish = json!([{ "secretName": format!("{name}-out"), "format": "Opaque" }]);
            tenant.connection(&name, json!({ "onInvalid": "Withdraw", "publish": publish })).await;
        }
        for name in names(tenant) {
            tenant.ready(&name, "True", "Ready").await;
        }
    }
    ours.secret("calm", &world.host("calm").token(NewToken::classic("calm", "calm"))).await;
    ours.connection("calm", json!({ "host": "calm" })).await;
    ours.ready("calm", "True", "Ready").await;
    let before = [ours.uids().await, theirs.uids().await];
    let histories = [ours.history(), theirs.history()];

    world.github.refuse(Whom::Everyone);
    operator.until_logged("the host refuses tokens that it accepted before").await;
    // The other host's token is asked every ten seconds, so this takes 25 s or a little more.
    until_asked(world.host("calm"), "calm", questions(world.host("calm"), "calm").len() + 3).await;
    let refused = world.github.statistics().failed_logins;
    eprintln!("{refused} failed logins of 20 tokens");
    assert!(refused >= 3, "the host did refuse");
    world.github.refuse(Whom::Nobody);

    for tenant in [ours, theirs] {
        for name in names(tenant) {
            tenant
                .until_within(Duration::from_secs(150), &name, |seen| is_so(seen, "Ready", "True", "Ready"))
                .await;
        }
    }
    assert_eq!([ours.uids().await, theirs.uids().await], before, "every output is the same Secret");
    let seen: Vec<_> = histories.iter().flat_map(|history| history.seen()).collect();
    let shaken: Vec<_> = seen.iter().filter(|(_, status, _)| status != "True").collect();
    assert!(shaken.is_empty(), "{shaken:?}");
    assert!(
        !seen.iter().any(|(name, _, reason)| name == "calm" && reason != "Ready"),
        "the other host is calm"
    );
}

#[tokio::test]
async fn an_incident_is_seen_by_the_tokens_that_can_be_asked_about() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let operator = world.operator().await;
    // Nobody asks about the first ones any more, and they were asked about longest ago.
    let (left, active) = (["suspended", "lost", "elsewhere"], ["a", "b", "c"]);
    for name in left.into_iter().chain(active) {
        ours.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        ours.connection(name, json!({ "interval": "12h" })).await;
        ours.ready(name, "True", "Ready").await;
    }
    ours.change("suspended", json!({ "suspend": true })).await;
    ours.secrets().delete("lost", &DeleteParams::default()).await.unwrap();
    ours.change("elsewhere", json!({ "host": "unknown" })).await;
    for (name, reason) in left.into_iter().zip(["Suspended", "SecretNotFound", "HostUnknown"]) {
        ours.until(name, |seen| {
            ["True", "False", "Unknown"].iter().any(|status| is_so(seen, "Ready", status, reason))
        })
        .await;
    }
    let asked = questions(&world.github, "c")[0].0;
    let has_rested = async || Timestamp::now().duration_since(asked) > SignedDuration::from_secs(11);
    eventually("the shortest interval is over", has_rested).await;
    let history = ours.history();

    world.github.refuse(Whom::Everyone);
    ours.request("a", "now").await;
    operator.until_logged("the host refuses tokens that it accepted before").await;
    let asked = active.map(|name| questions(&world.github, name).len());
    assert_eq!(asked, [2; 3], "one acceptance, one refusal of each");
    for name in active {
        ours.until(name, |seen| is_so(seen, "Ready", "True", "HostRefusesMany")).await;
    }
    let seen = history.seen();
    assert!(
        !seen.iter().any(|(name, status, _)| active.contains(&name.as_str()) && status != "True"),
        "{seen:?}"
    );
}

#[tokio::test]
async fn during_an_incident_it_is_said_why_nothing_is_known() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let operator = world.operator().await;
    for name in ["a", "b", "c", "d"] {
        ours.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        ours.connection(name, json!({})).await;
        ours.ready(name, "True", "Ready").await;
    }
    world.github.refuse(Whom::Everyone);
    for name in ["a", "b", "c", "d"] {
        let seen = ours
            .until(name, |seen| {
                let deferral = seen.status.as_ref().and_then(|status| status.deferral.as_ref());
                deferral.is_some_and(|deferral| deferral.reason == "HostRefusesMany")
            })
            .await;
        assert!(is_so(&seen, "Ready", "True", "HostRefusesMany"), "{name}: {:?}", seen.status);
        assert!(seen.status.unwrap().token.unwrap().refused.is_none(), "{name} is not refused");
    }
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let scraped = client.get(format!("{}/metrics", operator.url)).send().await.unwrap().text().await.unwrap();
    let line = "github_pat_host_refuses_many{host=\"simulated\"} 1.0";
    assert!(scraped.lines().any(|told| told == line), "what the alert asks for: {scraped}");
    // A new token cannot be told from a bad one now, and is no part of it.
    ours.secret("new", &world.github.token(NewToken::classic("new", "new"))).await;
    ours.connection("new", json!({})).await;
    ours.ready("new", "Unknown", "HostRefusesMany").await;
}

#[tokio::test]
async fn a_condemned_token_is_asked_again_after_five_minutes_and_at_once_when_that_is_requested() {
    let world = World::start().await;
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    let operator = world.operator().await;
    for (tenant, name) in [(ours, "ci"), (theirs, "other"), (ours, "clock")] {
        tenant.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        let publish = json!([{ "secretName": format!("{name}-out"), "format": "Opaque" }]);
        tenant.connection(name, json!({ "onInvalid": "Withdraw", "publish": publish })).await;
        tenant.ready(name, "True", "Ready").await;
    }
    for (tenant, name) in [(ours, "ci"), (theirs, "other")] {
        world.github.revoke(name);
        let status = tenant.ready(name, "False", "BadCredentials").await.status.unwrap();
        let again =
            status.next_check_at.unwrap().0.duration_since(status.token.unwrap().refused.unwrap().last.0);
        assert_eq!(again, SignedDuration::from_mins(5), "{name}");
        assert!(
            tenant.value(&format!("{name}-out"), "token").await.is_some(),
            "two refusals withdraw nothing"
        );
    }
    for name in ["ci", "other"] {
        world.github.restore(name);
    }
    let asked = questions(&world.github, "ci").len();
    until_asked(&world.github, "clock", questions(&world.github, "clock").len() + 2).await;
    assert_eq!(questions(&world.github, "ci").len(), asked, "nobody has asked for it");

    ours.request("ci", "2026-03-01T10:00:00Z").await;
    let status = ours.ready("ci", "True", "Ready").await.status.unwrap();
    assert_eq!(status.last_handled_request.as_deref(), Some("2026-03-01T10:00:00Z"));
    assert_eq!(questions(&world.github, "ci").len(), asked + 1);
    theirs.ready("other", "False", "BadCredentials").await;

    // The next process knows that the request was met.
    operator.stop().await;
    let asked = questions(&world.github, "ci");
    let _operator = world.operator().await;
    until_asked(&world.github, "ci", asked.len() + 2).await;
    let since: Vec<_> = questions(&world.github, "ci")[asked.len()..].iter().map(|(at, _)| *at).collect();
    let apart = since[1].duration_since(since[0]);
    assert!(apart > SignedDuration::from_secs(8), "only at its instants: {since:?}");
}

#[tokio::test]
async fn a_refusal_without_a_mark_of_github_condemns_nobody() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    for name in ["known", "new"] {
        ours.secret(name, &world.github.token(NewToken::classic(name, name))).await;
    }
    ours.connection("known", json!({})).await;
    ours.ready("known", "True", "Ready").await;
    for name in ["known", "new"] {
        world.github.script(name, vec![Reply::gateway_bad_credentials(); 3]);
    }
    ours.connection("new", json!({})).await;
    let history = ours.history();
    until_asked(&world.github, "known", questions(&world.github, "known").len() + 2).await;
    until_asked(&world.github, "new", 2).await;
    ours.until("known", |seen| is_so(seen, "Ready", "True", "AcceptedEarlier")).await;
    ours.until("new", |seen| is_so(seen, "Authenticated", "Unknown", "UnexplainedUnauthorized")).await;
    for name in ["known", "new"] {
        ours.ready(name, "True", "Ready").await;
    }
    let shaken: Vec<_> = history.seen().into_iter().filter(|(_, status, _)| status == "False").collect();
    assert_eq!(shaken, vec![]);
}

#[tokio::test]
async fn a_request_asks_at_once_and_many_ask_no_more_often_than_the_minimum_interval() {
    let world = World::start().await;
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    let _operator = world.operator().await;
    for (tenant, name) in [(ours, "good"), (theirs, "dead"), (ours, "clock")] {
        tenant.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        let interval = if name == "clock" { "10s" } else { "24h" };
        tenant.connection(name, json!({ "interval": interval })).await;
        tenant.ready(name, "True", "Ready").await;
    }
    world.github.revoke("dead");
    let begun = Timestamp::now();
    let until = questions(&world.github, "clock").len() + 3;
    let mut number = 0;
    // As fast as the API server takes them, for 20 s at least.
    while questions(&world.github, "clock").len() < until {
        number += 1;
        ours.request("good", &number.to_string()).await;
        theirs.request("dead", &number.to_string()).await;
    }
    let last = number.to_string();
    for (tenant, name) in [(ours, "good"), (theirs, "dead")] {
        tenant
            .until(name, |seen| {
                let handled = seen.status.as_ref().and_then(|status| status.last_handled_request.as_ref());
                handled == Some(&last)
            })
            .await;
        let asked: Vec<_> = questions(&world.github, name).into_iter().map(|(at, _)| at).collect();
        eprintln!("{name}: {number} requests, {} questions", asked.len());
        let apart = asked.windows(2).map(|pair| pair[1].duration_since(pair[0]));
        let hasty = apart.filter(|apart| *apart < SignedDuration::from_secs(9)).count();
        assert!(hasty <= 2, "{name}: but for the first request and one confirmation: {asked:?}");
        let first = asked.iter().find(|at| **at > begun).map(|at| at.duration_since(begun));
        // At least five seconds after the question that made it Ready.
        let is_prompt = first.is_some_and(|first| first < SignedDuration::from_secs(8));
        assert!(is_prompt, "{name}: the first request asks at once: {first:?}");
    }
    theirs.ready("dead", "False", "BadCredentials").await;
}

#[tokio::test]
async fn many_tokens_that_are_really_revoked_are_condemned_after_the_incident() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let operator = world.operator_with_settings(&(world.settings() + "incidentHold: 1m\n")).await;
    let theirs = Tenant::new(&world, "team-b").await;
    let names: Vec<_> = (0..20).map(|number| format!("bot-{number}")).collect();
    let tenants = || names.iter().zip([ours, theirs].into_iter().cycle());
    // One in three, of either tenant.
    let publishes = |name: &str| names.iter().step_by(3).any(|other| other == name);
    for (name, tenant) in tenants() {
        tenant.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        let publish = [json!({ "secretName": format!("{name}-out"), "format": "Opaque" })];
        let outputs = if publishes(name) { &publish[..] } else { &[] };
        tenant.connection(name, json!({ "onInvalid": "Withdraw", "publish": outputs })).await;
    }
    for (name, tenant) in tenants() {
        tenant.ready(name, "True", "Ready").await;
    }
    names.iter().for_each(|name| world.github.revoke(name));
    operator.until_logged("the host refuses tokens that it accepted before").await;
    let began = jiff::Timestamp::now();
    for (name, tenant) in tenants() {
        let condemned = |seen: &GithubPatConnection| is_so(seen, "Ready", "False", "BadCredentials");
        let status = tenant.until_within(Duration::from_secs(240), name, condemned).await.status.unwrap();
        let said = status.condition("Ready").unwrap().last_transition_time.0.duration_since(began);
        eprintln!("{name}: condemned {said:#} after the incident began");
        assert!(
            said >= SignedDuration::from_secs(58),
            "{name}: condemned during the incident, after {said:#}"
        );
        assert_eq!(status.token.unwrap().refused.unwrap().count, 3, "{name}: by three refusals of its own");
        // The third refusal came less than ten minutes after the first.
        let stands = tenant.value(&format!("{name}-out"), "token").await.is_some();
        assert_eq!(stands, publishes(name), "{name}: its output stands");
    }
    let failed = world.github.statistics().failed_logins;
    eprintln!("{failed} failed logins of {} tokens", names.len());
}

#[tokio::test]
async fn an_incident_that_an_operator_takes_over_ends_when_it_would_have() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let settings = world.settings() + "incidentHold: 1m\n";
    let operator = world.operator_with_settings(&settings).await;
    let names = ["a", "b", "c", "d"];
    for name in names {
        ours.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        ours.connection(name, json!({})).await;
        ours.ready(name, "True", "Ready").await;
    }
    names.iter().for_each(|name| world.github.revoke(name));
    operator.until_logged("the host refuses tokens that it accepted before").await;
    let ends = |seen: &GithubPatConnection| {
        Some(seen.status.as_ref()?.deferral.as_ref()?.incident_ends_at.as_ref()?.0)
    };
    let mut all = Vec::new();
    for name in names {
        all.extend(ends(
            &ours.until(name, |seen| is_so(seen, "Authenticated", "True", "HostRefusesMany")).await,
        ));
    }
    let end = *all.first().unwrap();
    assert!(all.len() >= 3 && all.iter().all(|other| *other == end), "{all:?}");
    // Where it begins anew, it lasts until 45 s after that.
    let before = end.duration_since(Timestamp::now()) - SignedDuration::from_secs(15);
    tokio::time::sleep(before.unsigned_abs()).await;
    drop(operator);
    let operator = world.operator_with_settings(&settings).await;
    operator.until_logged("the host refuses tokens that it accepted before").await;
    for name in names {
        let condemned = |seen: &GithubPatConnection| is_so(seen, "Ready", "False", "BadCredentials");
        let status = ours.until_within(Duration::from_secs(120), name, condemned).await.status.unwrap();
        let after = status.condition("Ready").unwrap().last_transition_time.0.duration_since(end);
        eprintln!("{name}: condemned {after:#} after the end");
        assert!((-1..40).contains(&after.as_secs()), "{name}: {after:#} after the end");
    }
}

#[tokio::test]
async fn a_request_does_not_confirm_a_refusal_before_its_pause() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let settings = world.settings().replace("confirmAfter: 1s", "confirmAfter: 20s");
    let _operator = world.operator_with_settings(&settings).await;
    ours.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    ours.connection("ci", json!({ "interval": "24h" })).await;
    ours.ready("ci", "True", "Ready").await;
    world.github.script("ci", vec![Reply::bad_credentials()]);
    ours.request("ci", "1").await;
    until_asked(&world.github, "ci", 2).await;
    ours.request("ci", "2").await;
    ours.until("ci", |seen| {
        seen.status.as_ref().is_some_and(|status| status.last_handled_request.as_deref() == Some("2"))
    })
    .await;
    let asked: Vec<_> = questions(&world.github, "ci").into_iter().map(|(at, _)| at).collect();
    let pause = asked[2].duration_since(asked[1]);
    assert!(pause >= SignedDuration::from_secs(19), "{pause}: {asked:?}");
    ours.ready("ci", "True", "Ready").await;
}
