//! When outputs are withdrawn: after the grace, and after the third refusal.

use std::time::Duration;

use github_pat_operator::api::GithubPatConnection;
use github_simulator::NewToken;
use jiff::{SignedDuration, Timestamp};
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::world::{World, from};

#[tokio::test]
async fn a_source_that_vanished_costs_the_outputs_after_the_grace_and_no_sooner_whoever_restarts() {
    let world = World::start().await;
    let operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    // One comes back in time, one does not, and one has no grace.
    for name in ["back", "gone", "kept"] {
        world.secret(name, &text).await;
        let mut spec = json!({
            "interval": "24h", "onInvalid": "Withdraw",
            "publish": [{ "secretName": format!("{name}-out"), "format": "Opaque" }],
        });
        if name != "kept" {
            spec["withdrawAfter"] = json!("12s");
        }
        world.connection(name, spec).await;
        world.ready(name, "True", "Ready").await;
    }
    let uid = |name: &'static str| async {
        world.secrets().get_opt(name).await.unwrap().map(|secret| secret.uid().unwrap())
    };
    let before = [uid("back-out").await, uid("kept-out").await];
    let vanished = Timestamp::now();
    for name in ["back", "gone", "kept"] {
        world.secrets().delete(name, &DeleteParams::default()).await.unwrap();
    }
    for name in ["back", "gone"] {
        world.condition(name, "Published", "False", "WithdrawalPending").await;
        world.ready(name, "False", "SecretNotFound").await;
    }
    let told = world.until("gone", |_| true).await.status.unwrap().withdrawal.unwrap();
    assert!(told.since.0 >= vanished, "{told:?}");
    assert_eq!(told.at.0.duration_since(told.since.0).as_secs(), 12);
    operator.stop().await;
    let _operator = world.operator().await;
    world.secret("back", &text).await;
    world.ready("back", "True", "Ready").await;

    world.secret_until("gone-out", |secret| secret.is_none()).await;
    let now = Timestamp::now();
    assert!(now >= told.at.0, "{now} is before {told:?}");
    assert!(
        now.duration_since(told.at.0).unsigned_abs() < Duration::from_secs(5),
        "{now} is long after {told:?}"
    );
    let said = world.condition("gone", "Published", "False", "Withdrawn").await.message;
    assert!(said.contains("the source Secret is missing"), "{said}");
    let status = world.until("back", |_| true).await.status.unwrap();
    assert_eq!(status.withdrawal, None);
    assert_eq!([uid("back-out").await, uid("kept-out").await], before);
    world.condition("kept", "Published", "False", "Withheld").await;

    world.secret("gone", &text).await;
    world.ready("gone", "True", "Ready").await;
    assert_eq!(world.value("gone-out", "token").await, Some(text));
}

/// Moves every instant of a status back, as if all of it had happened so much earlier.
fn move_back(status: &mut Value, by: SignedDuration) {
    match status {
        Value::String(text) => {
            if let Ok(at) = text.parse::<Timestamp>() {
                *text = (at - by).to_string();
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|value| move_back(value, by)),
        Value::Object(all) => all.values_mut().for_each(|value| move_back(value, by)),
        _ => {}
    }
}

#[tokio::test]
async fn a_token_that_github_refuses_three_times_over_ten_minutes_costs_the_outputs_that_hold_it_and_no_others()
 {
    let world = World::start().await;
    let operator = world.operator().await;
    let token = |name: &str| world.github.token(NewToken::classic(name, "acme-ci"));
    let (good, dead) = (token("good"), token("dead"));
    let publish = |name: &str| {
        json!([
            { "secretName": format!("{name}-out"), "format": "Opaque" },
            { "secretName": format!("{name}-flux"), "format": "FluxGit" },
        ])
    };
    // One whose token dies, the same with a grace, one that gets a token which was never good, and one that stays well.
    for (name, token) in [("dead", &dead), ("graced", &dead), ("mistyped", &good), ("well", &good)] {
        world.secret(name, token).await;
        let mut spec = json!({ "interval": "24h", "onInvalid": "Withdraw", "publish": publish(name) });
        if name == "graced" {
            spec["withdrawAfter"] = json!("1h");
        }
        world.connection(name, spec).await;
        world.ready(name, "True", "Ready").await;
    }
    world.github.revoke("dead");
    let never_good = token("never-good");
    world.github.revoke("never-good");
    world.secret("mistyped", &never_good).await;
    let request =
        Patch::Merge(json!({ "metadata": { "annotations": { "githubpat.dev/requestedAt": "1" } } }));
    world.connections().patch("dead", &PatchParams::default(), &request).await.unwrap();
    for name in ["dead", "graced", "mistyped"] {
        world.ready(name, "False", "BadCredentials").await;
    }
    let refused = |seen: &GithubPatConnection| {
        seen.status.as_ref()?.token.as_ref()?.refused.as_ref().map(|refused| refused.count)
    };
    let names = ["dead", "graced", "mistyped", "well"];
    let held = async || {
        let mut held = Vec::new();
        for name in names {
            let flux = world.value(&format!("{name}-flux"), "password").await;
            held.push((world.value(&format!("{name}-out"), "token").await, flux));
        }
        held
    };
    let both = |token: &String| (Some(token.clone()), Some(token.clone()));
    assert_eq!(held().await, [both(&dead), both(&dead), both(&good), both(&good)], "two withdraw nothing");
    operator.stop().await;

    // The next question is due five minutes after the last refusal of a token that was good, and an hour after that of another.
    for (name, minutes) in [("dead", 11), ("graced", 11), ("mistyped", 61)] {
        let seen = world.connections().get(name).await.unwrap();
        assert_eq!(refused(&seen), Some(2), "{name}");
        let mut whole = serde_json::to_value(&seen).unwrap();
        move_back(&mut whole["status"], SignedDuration::from_mins(minutes));
        let moved: GithubPatConnection = from(whole);
        world.connections().replace_status(name, &PostParams::default(), &moved).await.unwrap();
    }
    let _operator = world.operator().await;
    for name in ["dead", "graced", "mistyped"] {
        world.until(name, |seen| refused(seen) >= Some(3)).await;
    }
    for name in ["dead-out", "dead-flux", "graced-flux"] {
        world.secret_until(name, |secret| secret.is_none()).await;
    }
    world.condition("dead", "Published", "False", "Withdrawn").await;
    world.condition("graced", "Published", "False", "WithdrawalPending").await;
    let expected = [(None, None), (Some(dead.clone()), None), both(&good), both(&good)];
    assert_eq!(
        held().await,
        expected,
        "nobody polls with a dead token, and other tokens are none of its business"
    );
    world.ready("well", "True", "Ready").await;
    assert_eq!(world.asked("dead"), 4, "accepted once and refused three times");
}
