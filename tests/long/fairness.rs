//! How often a host is asked, and that no tenant can have it asked so often that another one waits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use control_plane::AuditEvent;
use futures::future::join_all;
use github_simulator::{NewToken, Reply, TokenKind, token_text_for};
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::{
    tenant::{Tenant, questions, until_asked},
    world::{NAMESPACE, World, is_so},
};

/// How many seconds lie between the questions about a token.
fn gaps(world: &World, token: &str) -> Vec<f64> {
    let asked = questions(&world.github, token);
    asked.windows(2).map(|pair| pair[1].0.duration_since(pair[0].0).as_secs_f64()).collect()
}

#[tokio::test]
async fn a_tenant_whose_tokens_keep_changing_keeps_no_other_tenants_new_token_waiting() {
    const MANY: usize = 24;
    let world = World::start().await;
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    let _operator = world.operator().await;
    ours.secret("clock", &world.github.token(NewToken::classic("clock", "clock"))).await;
    ours.connection("clock", json!({})).await;
    ours.ready("clock", "True", "Ready").await;
    let token = |login: &str, turn| world.github.token(NewToken::classic(&format!("{login}-{turn}"), login));
    let texts: Vec<_> =
        (0..MANY).map(|number| [0, 1].map(|turn| token(&format!("x{number}"), turn))).collect();
    let first = texts.iter().enumerate().map(|(number, texts)| (format!("x{number}"), texts[0].clone()));
    theirs.many(first, &json!({ "interval": "24h" })).await;
    let secrets = theirs.secrets();
    let changes = Arc::new(AtomicUsize::new(0));
    let changed = changes.clone();
    let flood = tokio::spawn(async move {
        for turn in 0_usize.. {
            let change = async |(number, texts): (usize, &[String; 2])| {
                let patch = Patch::Merge(json!({ "stringData": { "token": texts[turn % 2] } }));
                let patched = secrets.patch(&format!("x{number}"), &PatchParams::default(), &patch).await;
                changed.fetch_add(usize::from(patched.is_ok()), Ordering::Relaxed);
            };
            join_all(texts.iter().enumerate().map(change)).await;
        }
    });
    let begun = std::time::Instant::now();
    // Ten seconds each.
    until_asked(&world.github, "clock", questions(&world.github, "clock").len() + 3).await;
    for name in ["fresh", "fresher"] {
        ours.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        ours.connection(name, json!({})).await;
        ours.until_within(Duration::from_secs(60), name, |seen| is_so(seen, "Ready", "True", "Ready")).await;
    }
    let rounds = begun.elapsed().as_secs() as usize / 10 + 2;
    flood.abort();
    assert!(changes.load(Ordering::Relaxed) > MANY * rounds, "tokens change all the time: {changes:?}");
    for (number, turn) in (0..MANY).flat_map(|number| [(number, 0), (number, 1)]) {
        let asked = questions(&world.github, &format!("x{number}-{turn}")).len();
        assert!(asked <= rounds, "a token that comes and goes was asked about {asked} times");
    }
    let late: Vec<_> = gaps(&world, "clock").into_iter().filter(|gap| *gap > 20.0).collect();
    assert!(late.is_empty(), "the other tenant's token is asked about at its instants: {late:?}");
}

#[tokio::test]
async fn two_intervals_that_do_not_divide_ask_no_more_often_than_the_shorter_one() {
    let world = World::start().await;
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("shared", "acme-ci"));
    for (tenant, interval) in [(ours, "20s"), (theirs, "30s")] {
        tenant.secret("shared", &text).await;
        tenant.connection("shared", json!({ "interval": interval })).await;
        tenant.ready("shared", "True", "Ready").await;
    }
    until_asked(&world.github, "shared", 5).await;
    // It takes two questions to come to the instants of the token.
    let gaps = gaps(&world, "shared").split_off(2);
    assert!(gaps.iter().all(|gap| *gap > 18.0), "{gaps:?}");
}

#[tokio::test]
async fn no_confirmation_follows_another_sooner_than_the_minimum_interval() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    ours.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci").scopes(&["repo"]))).await;
    ours.connection("ci", json!({})).await;
    ours.ready("ci", "True", "Ready").await;
    let id = world.github.account("acme-ci");
    let bare = || Reply::json(&json!({ "login": "acme-ci", "id": id })).with_header("x-oauth-scopes", "");
    // What is to be confirmed, and what the confirmation brings, which is to be confirmed itself.
    world.github.script("ci", vec![bare(), Reply::bad_credentials(), Reply::AsUsual, bare()]);
    until_asked(&world.github, "ci", 6).await;
    let gaps = gaps(&world, "ci");
    let hasty = gaps.windows(2).filter(|pair| pair.iter().all(|gap| *gap < 9.0)).count();
    assert_eq!(hasty, 0, "{gaps:?}");
}

#[tokio::test]
async fn a_silence_whose_causes_take_turns_is_told_once_for_each() {
    let world = World::audited().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    ours.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    ours.connection("ci", json!({})).await;
    ours.ready("ci", "True", "Ready").await;
    let written = world.until_written(1).await.len();
    let turns = [Reply::error(503, "unavailable", ""), Reply::gateway_bad_credentials()];
    world.github.script("ci", turns.iter().cycle().take(8).cloned().collect());
    until_asked(&world.github, "ci", 5).await;
    ours.ready("ci", "True", "AcceptedEarlier").await;
    let writes = world.writes().split_off(written);
    assert!(writes.len() <= 2, "{writes:?}");
}

#[tokio::test]
async fn a_request_for_a_token_with_a_wrong_checksum_costs_one_login_and_changes_no_verdict() {
    let world = World::audited().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let url = world.github.url();
    let github = format!("hosts: [{{ name: github.com, apiUrl: '{url}' }}, ");
    let settings = world.settings().replace("hosts: [", &github);
    let _operator = world.operator_with_settings(&settings).await;
    ours.secret("clock", &world.github.token(NewToken::classic("clock", "clock"))).await;
    ours.connection("clock", json!({})).await;
    let text = token_text_for(TokenKind::Classic, 77);
    let (body, last) = text.split_at(text.len() - 1);
    ours.secret("typo", &format!("{body}{}", if last == "0" { "1" } else { "0" })).await;
    ours.connection("typo", json!({ "host": "github.com" })).await;
    ours.ready("typo", "False", "BadCredentials").await;
    let history = ours.history();
    ours.request("typo", "1").await;
    ours.until("typo", |seen| {
        seen.status.as_ref().is_some_and(|status| status.last_handled_request.as_deref() == Some("1"))
    })
    .await;
    // A confirmation would come after a second.
    until_asked(&world.github, "clock", questions(&world.github, "clock").len() + 2).await;
    assert_eq!(world.github.statistics().failed_logins, 2, "one at first, and one for the request");
    let shaken = history.seen().into_iter().filter(|(name, status, _)| name == "typo" && status != "False");
    assert_eq!(shaken.count(), 0);
    let writes =
        world.requests().into_iter().filter(AuditEvent::is_write).filter(|event| event.name == "typo");
    assert!(writes.count() <= 3, "the verdict, and the request");
}

#[tokio::test]
async fn a_refusal_is_confirmed_though_the_others_of_its_account_take_all_of_its_share_again_and_again() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let made = (0..100).map(|number| {
        let name = format!("bot-{number}");
        let text = world.github.token(NewToken::classic(&name, "acme-ci"));
        (name, text)
    });
    ours.many(made, &json!({ "interval": "10s" })).await;
    let _operator = world.operator().await;
    // Of a fifth of the account's 5,000 in an hour half may go at once.
    let has_gone = |calls: &[github_simulator::Call]| calls.len() >= 440;
    assert!(world.github.wait_until(Duration::from_secs(180), has_gone).await);
    loop {
        let before = world.github.calls().len();
        tokio::time::sleep(Duration::from_secs(5)).await;
        if world.github.calls().len() - before <= 3 {
            break;
        }
    }
    let since = Instant::now();
    world.github.revoke("bot-7");
    ours.request("bot-7", "now").await;
    ours.until_within(Duration::from_secs(300), "bot-7", |seen| {
        is_so(seen, "Ready", "False", "BadCredentials")
    })
    .await;
    eprintln!("confirmed after {:?}", since.elapsed());
    assert!(since.elapsed() <= Duration::from_secs(20), "{:?}", since.elapsed());
}
