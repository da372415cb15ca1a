//! What a host says of the time: a wrong date moves nobody's verdict, and an impossible expiry is not believed.

use github_simulator::{NewToken, Reply};
use jiff::SignedDuration;
use serde_json::json;

use crate::{
    tenant::{Tenant, in_, questions, until_asked},
    world::{NAMESPACE, World, is_so},
};

const DAY: i64 = 24 * 3600;

#[tokio::test]
async fn a_date_400_days_ahead_about_one_tenants_token_moves_nobodys_verdict() {
    let mut world = World::start().await;
    world.another_host("other").await;
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    let operator = world.operator().await;
    let spec = json!({
        "onInvalid": "Withdraw",
        "require": { "expiry": { "minRemaining": "480h" } },
        "publish": [{ "secretName": "out", "format": "Opaque" }],
    });
    let ours_text = world.github.token(NewToken::classic("ours", "a").expires(in_(60 * DAY)));
    ours.secret("ours", &ours_text).await;
    ours.connection("ours", spec.clone()).await;
    ours.ready("ours", "True", "Ready").await;
    let elsewhere = world.host("other").token(NewToken::classic("elsewhere", "c").expires(in_(60 * DAY)));
    theirs.secret("elsewhere", &elsewhere).await;
    theirs
        .connection("elsewhere", {
            let mut spec = spec.clone();
            spec["host"] = json!("other");
            spec["publish"] = json!([{ "secretName": "elsewhere-out", "format": "Opaque" }]);
            spec
        })
        .await;
    theirs.ready("elsewhere", "True", "Ready").await;
    let (history, before) = (ours.history(), ours.uids().await);

    let others = theirs.history();
    let theirs_text = world.github.token(NewToken::classic("theirs", "b").expires(in_(60 * DAY)));
    world.github.script("theirs", vec![Reply::Dated(SignedDuration::from_hours(400 * 24))]);
    theirs.secret("theirs", &theirs_text).await;
    theirs.connection("theirs", spec).await;
    theirs.ready("theirs", "True", "Ready").await;
    operator.until_logged("the date of an answer is far").await;

    // Our own answers are as wrong now, and nobody is concerned on the other host.
    world.github.date_offset(SignedDuration::from_hours(400 * 24));
    for (host, token) in
        [(&world.github, "ours"), (&world.github, "theirs"), (world.host("other"), "elsewhere")]
    {
        until_asked(host, token, questions(host, token).len() + 2).await;
    }
    assert_eq!(ours.uids().await, before, "the output is the same Secret");
    assert_eq!(ours.value("out", "token").await, Some(ours_text));
    for (tenant, name) in [(ours, "ours"), (theirs, "theirs"), (theirs, "elsewhere")] {
        let seen = tenant.until(name, |_| true).await;
        assert!(is_so(&seen, "Ready", "True", "Ready"), "{name}");
        assert!(is_so(&seen, "NotExpiring", "True", "NotExpiring"), "{name}");
    }
    let shaken: Vec<_> = history.seen().into_iter().filter(|(_, status, _)| status != "True").collect();
    assert_eq!(shaken, vec![]);
    let condemned: Vec<_> = others.seen().into_iter().filter(|(_, status, _)| status == "False").collect();
    assert_eq!(condemned, vec![]);
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let scraped = client.get(format!("{}/metrics", operator.url)).send().await.unwrap().text().await.unwrap();
    let outliers = |host: &str| {
        let name = format!("github_pat_host_clock_outliers_total{{host=\"{host}\"}} ");
        scraped.lines().find_map(|line| line.strip_prefix(&name)?.parse::<f64>().ok())
    };
    assert!(outliers("simulated") >= Some(5.0), "it is a finding of the host: {scraped}");
    assert_eq!(outliers("other"), Some(0.0));
    assert!(!operator.log().contains("host=other"), "the other host's dates are right");
}

#[tokio::test]
async fn an_accepted_token_whose_expiry_is_this_very_moment_works_and_is_not_asked_faster() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    for (name, ahead) in [("now", 0), ("past", -DAY)] {
        ours.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        world.github.claim_expiry(name, Some(SignedDuration::from_secs(ahead)));
        ours.connection(
            name,
            json!({
                "onInvalid": "Withdraw",
                "publish": [{ "secretName": format!("{name}-out"), "format": "Opaque" }],
            }),
        )
        .await;
    }
    for name in ["now", "past"] {
        let seen = ours
            .until(name, |seen| {
                let expiry = seen.status.as_ref().and_then(|status| status.condition("NotExpiring"));
                expiry.is_some_and(|expiry| expiry.reason == "ExpiryImplausible")
            })
            .await;
        let status = seen.status.as_ref().unwrap();
        assert_eq!(status.condition("Ready").unwrap().status.as_str(), "True", "{name}: {status:?}");
        assert!(is_so(&seen, "Authenticated", "True", "Accepted"), "{name}");
        until_asked(&world.github, name, 4).await;
        let asked = questions(&world.github, name);
        let hasty = asked
            .windows(2)
            .filter(|pair| pair[1].0.duration_since(pair[0].0) < SignedDuration::from_secs(9));
        assert!(hasty.count() <= 1, "{name}: one confirmation at most: {asked:?}");
        assert!(ours.value(&format!("{name}-out"), "token").await.is_some(), "{name} is published");
    }
}

#[tokio::test]
async fn one_date_nine_minutes_ahead_about_another_tenants_token_deletes_nothing() {
    let world = World::start().await;
    let (ours, theirs) = (Tenant::of(&world, NAMESPACE), Tenant::new(&world, "team-b").await);
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ours", "a").expires(in_(3600 + 300)));
    ours.secret("ours", &text).await;
    ours.connection(
        "ours",
        json!({
            "interval": "24h", "warnBefore": [], "onInvalid": "Withdraw",
            "require": { "expiry": { "minRemaining": "1h" } },
            "publish": [{ "secretName": "out", "format": "Opaque" }],
        }),
    )
    .await;
    ours.ready("ours", "True", "Ready").await;
    let (history, before) = (ours.history(), ours.uids().await);
    let theirs_text = world.github.token(NewToken::classic("theirs", "b"));
    world.github.script("theirs", vec![Reply::Dated(SignedDuration::from_mins(9))]);
    theirs.secret("theirs", &theirs_text).await;
    theirs.connection("theirs", json!({})).await;
    theirs.ready("theirs", "True", "Ready").await;
    // A change of its spec has it judged anew.
    let generation = ours.change("ours", json!({ "warnBefore": ["1m"] })).await.metadata.generation;
    ours.until("ours", |seen| {
        seen.status.as_ref().is_some_and(|status| status.observed_generation == generation)
    })
    .await;
    assert_eq!(ours.uids().await, before);
    assert_eq!(history.seen().into_iter().filter(|(_, status, _)| status != "True").count(), 0);
}

#[tokio::test]
async fn an_end_that_is_always_a_few_seconds_ahead_is_not_believed_for_long() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    for (name, ahead, interval) in [("reached", 5, "24h"), ("never-reached", 15, "10s")] {
        ours.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        world.github.claim_expiry(name, Some(SignedDuration::from_secs(ahead)));
        ours.connection(name, json!({ "warnBefore": [], "interval": interval })).await;
    }
    ours.condition("reached", "NotExpiring", "Unknown", "ExpiryImplausible").await;
    let history = ours.history();
    let before = ["reached", "never-reached"].map(|name| questions(&world.github, name).len());
    until_asked(&world.github, "never-reached", before[1] + 4).await;
    assert!(questions(&world.github, "reached").len() <= before[0] + 1, "one confirmation at most");
    let asked = questions(&world.github, "never-reached").split_off(before[1]);
    let hasty =
        asked.windows(2).filter(|pair| pair[1].0.duration_since(pair[0].0) < SignedDuration::from_secs(9));
    assert!(hasty.count() <= 1, "one confirmation at most: {asked:?}");
    assert_eq!(history.seen().into_iter().filter(|(_, status, _)| status != "True").count(), 0);
}

#[tokio::test]
async fn a_spent_limit_of_an_answer_with_a_date_long_ago_ends_within_its_hour() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    ours.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    ours.connection("ci", json!({})).await;
    ours.ready("ci", "True", "Ready").await;
    world.github.script("ci", vec![Reply::Dated(SignedDuration::from_hours(-400 * 24))]);
    world.github.limit("acme-ci", 1, in_(25));
    let asked = questions(&world.github, "ci").len();
    until_asked(&world.github, "ci", asked + 1).await;
    until_asked(&world.github, "ci", asked + 3).await;
    ours.ready("ci", "True", "Ready").await;
}

#[tokio::test]
async fn a_wrong_date_on_a_limit_makes_it_neither_longer_nor_shorter() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let operator = world.operator().await;
    for (name, hours) in [("behind", -400 * 24), ("ahead", 400 * 24)] {
        ours.secret(name, &world.github.token(NewToken::classic(name, name))).await;
        ours.connection(name, json!({ "interval": "10s" })).await;
        ours.ready(name, "True", "Ready").await;
        world.github.date_offset(SignedDuration::from_hours(hours));
        let ends = in_(25);
        world.github.limit(name, 0, ends);
        let before = questions(&world.github, name).len();
        until_asked(&world.github, name, before + 1).await;
        operator.until_logged("the date of an answer is far").await;
        world.github.date_offset(SignedDuration::ZERO);
        let refused = questions(&world.github, name)[before];
        assert_eq!(refused.1, Some(403), "{name}");
        until_asked(&world.github, name, before + 2).await;
        let next = questions(&world.github, name)[before + 1];
        assert!(next.0 >= ends, "{name}: asked again at {}, and the limit ends at {ends}", next.0);
        assert_eq!(next.1, Some(200), "{name}");
    }
}
