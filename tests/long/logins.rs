//! Failed logins: how many there may be, and that no tenant's are another's.

use std::time::Duration;

use futures::future::join_all;
use github_pat_operator::api::GithubPatConnection;
use github_simulator::{NewToken, TokenKind, token_text_for};
use jiff::SignedDuration;
use serde_json::json;

use crate::{
    tenant::{Tenant, questions, until_asked},
    world::{NAMESPACE, World, is_so},
};

#[tokio::test]
async fn made_up_tokens_fail_no_more_logins_than_their_namespace_and_the_address_may() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    for name in ["good", "doomed"] {
        ours.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        ours.connection(name, json!({})).await;
        ours.ready(name, "True", "Ready").await;
    }
    let made_up = |namespace: u64, count: u64| {
        (0..count).map(move |number| {
            let seed = 1_000_000 + namespace * 1000 + number;
            (format!("made-up-{number}"), token_text_for(TokenKind::Classic, seed))
        })
    };
    let first = Tenant::new(&world, "made-up-0").await;
    first.many(made_up(0, 200), &json!({})).await;
    // A good token of another tenant does not wait for those.
    ours.secret("fresh", &world.github.token(NewToken::classic("fresh", "fresh"))).await;
    let since = std::time::Instant::now();
    ours.connection("fresh", json!({})).await;
    ours.until_within(Duration::from_secs(60), "fresh", |seen| is_so(seen, "Ready", "True", "Ready")).await;
    eprintln!("a good new token was Ready after {:?}", since.elapsed());
    for number in 0..200 {
        let name = format!("made-up-{number}");
        let said = |seen: &GithubPatConnection| {
            let reason = ["FailedLoginsSpent", "BadCredentials"];
            reason.iter().any(|reason| {
                is_so(seen, "Ready", "Unknown", reason) || is_so(seen, "Ready", "False", reason)
            })
        };
        let seen = first.until(&name, said).await;
        let message = &seen.status.as_ref().unwrap().condition("Ready").unwrap().message;
        let (instant, _) =
            message.strip_prefix("since ").and_then(|rest| rest.split_once(", ")).unwrap_or_default();
        assert!(!instant.contains('.'), "whole seconds, which are the same after a restart: {message}");
    }
    until_asked(&world.github, "good", questions(&world.github, "good").len() + 2).await;
    let failed = world.github.statistics().failed_logins;
    eprintln!("{failed} failed logins of one namespace");
    assert!((1..=6).contains(&failed), "the share of one namespace is 6, and {failed} failed");

    for namespace in 1..9_u64 {
        let name = format!("made-up-{namespace}");
        let tenant = Tenant::new(&world, &name).await;
        tenant.many(made_up(namespace, 20), &json!({})).await;
    }
    world.github.revoke("doomed");
    ours.request("doomed", "now").await;
    ours.ready("doomed", "False", "BadCredentials").await;
    let refused: Vec<_> =
        questions(&world.github, "doomed").into_iter().filter(|(_, status)| *status == Some(401)).collect();
    assert!(refused[1].0.duration_since(refused[0].0) <= SignedDuration::from_secs(5), "{refused:?}");
    until_asked(&world.github, "good", questions(&world.github, "good").len() + 3).await;
    let failed = world.github.statistics().failed_logins;
    eprintln!("{failed} failed logins of the address");
    // Two are those of the token that was accepted before, which no budget holds back.
    assert!(failed <= 32, "the address may have 30, and {failed} failed");
}

#[tokio::test]
async fn however_many_tenants_store_made_up_tokens_anothers_confirmation_and_new_token_do_not_wait() {
    const FLOODS: u64 = 15;
    let world = World::start().await;
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    let _operator = world.operator().await;
    for name in ["good", "doomed"] {
        ours.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        ours.connection(name, json!({})).await;
        ours.ready(name, "True", "Ready").await;
    }
    let names: Vec<_> = (0..FLOODS).map(|flood| format!("flood-{flood}")).collect();
    let floods = names.iter().zip(0..).map(async |(name, flood): (&String, u64)| {
        let tokens = (0..20).map(|number| {
            let text = token_text_for(TokenKind::Classic, 3_000_000 + flood * 100 + number);
            (format!("made-up-{number}"), text)
        });
        Tenant::new(&world, name).await.many(tokens, &json!({})).await;
    });
    join_all(floods).await;
    // Of a tenant that never had a token, and of one whose token is revoked.
    let is_ready = |seen: &GithubPatConnection| is_so(seen, "Ready", "True", "Ready");
    let since = std::time::Instant::now();
    theirs.secret("first", &world.github.token(NewToken::classic("first", "first"))).await;
    theirs.connection("first", json!({})).await;
    theirs.until_within(Duration::from_secs(60), "first", is_ready).await;
    eprintln!("a tenant's first token was Ready after {:?}", since.elapsed());
    world.github.revoke("doomed");
    ours.request("doomed", "now").await;
    ours.ready("doomed", "False", "BadCredentials").await;
    let refused: Vec<_> =
        questions(&world.github, "doomed").into_iter().filter(|(_, status)| *status == Some(401)).collect();
    assert!(refused[1].0.duration_since(refused[0].0) <= SignedDuration::from_secs(5), "{refused:?}");
    let since = std::time::Instant::now();
    ours.secret("doomed", &world.github.token(NewToken::classic("replaced", "doomed"))).await;
    ours.until_within(Duration::from_secs(60), "doomed", is_ready).await;
    eprintln!("a new token in the place of a revoked one was Ready after {:?}", since.elapsed());
    until_asked(&world.github, "good", questions(&world.github, "good").len() + 3).await;
    let failed = world.github.statistics().failed_logins;
    eprintln!("{failed} failed logins of the address");
    assert!(failed <= 32, "the address may have 30, and {failed} failed");
}

#[tokio::test]
async fn a_restart_does_not_renew_the_failed_logins_of_the_hour() {
    let world = World::start().await;
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    let operator = world.operator().await;
    ours.secret("clock", &world.github.token(NewToken::classic("clock", "clock"))).await;
    ours.connection("clock", json!({})).await;
    let made_up = |first: u64| {
        (0..7).map(move |number| {
            (format!("made-up-{number}"), token_text_for(TokenKind::Classic, 2_000_000 + first + number))
        })
    };
    theirs.many(made_up(0), &json!({})).await;
    let refused_and_waiting = async || {
        let mut reasons = Vec::new();
        for number in 0..7 {
            let said = |seen: &GithubPatConnection| {
                is_so(seen, "Ready", "False", "BadCredentials")
                    || is_so(seen, "Ready", "Unknown", "FailedLoginsSpent")
            };
            let seen = theirs.until(&format!("made-up-{number}"), said).await;
            reasons.push(is_so(&seen, "Ready", "False", "BadCredentials"));
        }
        reasons.into_iter().filter(|is_refused| *is_refused).count()
    };
    assert_eq!(refused_and_waiting().await, 3, "six failed logins condemn three tokens, rather than none");
    assert_eq!(world.github.statistics().failed_logins, 6);

    operator.stop().await;
    let _operator = world.operator().await;
    until_asked(&world.github, "clock", questions(&world.github, "clock").len() + 2).await;
    assert_eq!(refused_and_waiting().await, 3);
    assert_eq!(world.github.statistics().failed_logins, 6, "the share of the namespace is spent still");
    // Another namespace has its own.
    ours.many(made_up(100).take(1), &json!({})).await;
    ours.ready("made-up-0", "False", "BadCredentials").await;
    assert_eq!(world.github.statistics().failed_logins, 8);
}

#[tokio::test]
async fn a_token_with_a_wrong_checksum_is_asked_about_once() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let url = world.github.url();
    let settings =
        world.settings().replace("hosts: [", &format!("hosts: [{{ name: github.com, apiUrl: '{url}' }}, "));
    let operator = world.operator_with_settings(&settings).await;
    ours.secret("clock", &world.github.token(NewToken::classic("clock", "clock"))).await;
    ours.connection("clock", json!({})).await;
    let text = token_text_for(TokenKind::Classic, 77);
    let (body, last) = text.split_at(text.len() - 1);
    ours.secret("typo", &format!("{body}{}", if last == "0" { "1" } else { "0" })).await;
    ours.connection("typo", json!({ "host": "github.com" })).await;
    ours.ready("typo", "False", "BadCredentials").await;
    until_asked(&world.github, "clock", questions(&world.github, "clock").len() + 3).await;
    assert_eq!(world.github.statistics().failed_logins, 1);

    let history = ours.history();
    operator.stop().await;
    let _operator = world.operator_with_settings(&settings).await;
    until_asked(&world.github, "clock", questions(&world.github, "clock").len() + 3).await;
    assert_eq!(world.github.statistics().failed_logins, 1, "a restart asks no second time");
    assert_eq!(
        history.seen().into_iter().filter(|(name, status, _)| name == "typo" && status != "False").count(),
        0
    );
}
