//! What is known belongs to a token on a host: one verdict for all who use it.

use github_simulator::NewToken;
use jiff::SignedDuration;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::{
    tenant::{Tenant, questions, until_asked},
    world::{NAMESPACE, World, is_so},
};

fn spec(interval: &str, output: &str) -> Value {
    json!({
        "secretRef": { "name": "shared" },
        "interval": interval,
        "onInvalid": "Withdraw",
        "publish": [{ "secretName": output, "format": "Opaque" }],
    })
}

#[tokio::test]
async fn one_token_of_two_connections_with_two_intervals_has_one_verdict() {
    let mut world = World::start().await;
    world.another_host("other").await;
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("shared", "acme-ci"));
    let elsewhere = world.host("other").token(NewToken::classic("twin", "acme-ci").text(&text));
    assert_eq!(text, elsewhere);
    for tenant in [ours, theirs] {
        tenant.secret("shared", &text).await;
    }
    ours.connection("often", spec("10s", "often-out")).await;
    theirs.connection("seldom", spec("24h", "seldom-out")).await;
    let mut on_other = spec("24h", "other-out");
    on_other["host"] = json!("other");
    theirs.connection("other", on_other).await;
    ours.ready("often", "True", "Ready").await;
    theirs.ready("seldom", "True", "Ready").await;
    theirs.ready("other", "True", "Ready").await;

    until_asked(&world.github, "shared", 4).await;
    let asked = questions(&world.github, "shared");
    for pair in asked[1..].windows(2) {
        let apart = pair[1].0.duration_since(pair[0].0);
        assert!(apart > SignedDuration::from_secs(8), "one question for each interval of 10 s: {asked:?}");
    }

    world.github.revoke("shared");
    ours.ready("often", "False", "BadCredentials").await;
    theirs.ready("seldom", "False", "BadCredentials").await;
    theirs.secrets().delete("seldom-out", &DeleteParams::default()).await.unwrap();
    // A later reconcile comes to the same verdict.
    theirs.change("seldom", json!({ "warnBefore": ["24h"] })).await;
    theirs.ready("seldom", "False", "BadCredentials").await;
    assert_eq!(theirs.value("seldom-out", "token").await, None, "a dead token is not written");
    assert_eq!(ours.value("often-out", "token").await, Some(text.clone()), "two refusals withdraw nothing");
    let refused = questions(&world.github, "shared").into_iter().filter(|(_, status)| *status == Some(401));
    assert_eq!(refused.count(), 2, "one question and one confirmation for both");

    let seen = theirs.until("other", |_| true).await;
    assert!(is_so(&seen, "Ready", "True", "Ready"), "the other host accepts the same bytes");
    assert_eq!(questions(world.host("other"), "twin").len(), 1);
}

#[tokio::test]
async fn after_a_restart_the_one_that_asks_first_speaks_for_both() {
    let world = World::start().await;
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    let operator = world.operator().await;
    let text = world.github.token(NewToken::classic("shared", "acme-ci"));
    for tenant in [ours, theirs] {
        tenant.secret("shared", &text).await;
    }
    ours.connection("often", spec("10s", "often-out")).await;
    theirs.connection("seldom", spec("24h", "seldom-out")).await;
    ours.ready("often", "True", "Ready").await;
    theirs.ready("seldom", "True", "Ready").await;
    operator.stop().await;
    world.github.revoke("shared");
    theirs.secrets().delete("seldom-out", &DeleteParams::default()).await.unwrap();
    let _operator = world.operator().await;
    ours.ready("often", "False", "BadCredentials").await;
    theirs.ready("seldom", "False", "BadCredentials").await;
}
