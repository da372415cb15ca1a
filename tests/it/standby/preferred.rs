//! When a token comes into use that is preferred to the one in use.

use github_pat_operator::api::ConditionStatus;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{candidate, in_use, is_safe, is_usable, rotation};
use crate::world::World;

#[tokio::test]
async fn a_preferred_token_comes_back_with_a_new_proof_and_not_before_the_hold_down() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let mut changed = Vec::new();
    for (name, hold_down) in [("soon", "15s"), ("late", "24h")] {
        world.pair(name, json!({ "holdDown": hold_down })).await;
        world.github.revoke(name);
        let seen = world.until(name, is_safe).await;
        changed.push(candidate(&seen, 1).unwrap().since.unwrap().0);
    }
    for name in ["soon", "late"] {
        world.store(name, &format!("{name}-anew")).await;
    }
    let seen = world.until("soon", |seen| in_use(seen).as_deref() == Some("soon") && is_safe(seen)).await;
    let since = candidate(&seen, 0).unwrap().since.unwrap().0;
    let before = rotation(&seen).unwrap();
    assert_eq!(before.old_token.secret_name, "soon-next");
    assert_eq!(before.old_token_ended, None, "it stands by again, and works");
    let text = world.github.token_text("soon-anew");
    assert_eq!(world.held("soon").await, [text.clone(), text]);
    let seen = world.until("late", |seen| is_usable(seen, 0, ConditionStatus::True)).await;
    assert_eq!(in_use(&seen).as_deref(), Some("late-next"));
    let at = changed[1].checked_add(SignedDuration::from_hours(24)).unwrap();
    let waits = format!(
        "takes over at {at} at the earliest (spec.holdDown), once GitHub accepts it after the last change"
    );
    assert_eq!(candidate(&seen, 0).unwrap().message, Some(waits));
    assert_eq!(candidate(&seen, 1).unwrap().since.unwrap().0, changed[1]);
    assert!(since.duration_since(changed[0]) >= SignedDuration::from_secs(15), "{since} {changed:?}");
}

/// The spec that names the second Secret first.
fn swapped(name: &str) -> Value {
    json!({ "secretRef": { "name": format!("{name}-next") }, "standby": [{ "name": name }] })
}

#[tokio::test]
async fn a_standby_that_is_named_first_is_asked_about_at_once_and_comes_into_use() {
    let world = World::start().await;
    let operator = world.operator().await;
    // Nothing else is due on this day.
    let texts = world.pair("ci", json!({ "interval": "24h", "holdDown": "0s" })).await;
    let held = world.pair("held", json!({ "interval": "24h", "holdDown": "24h" })).await;
    let asked = world.asked("ci-next");
    world.change("ci", swapped("ci")).await;
    let seen = world.until("ci", |seen| in_use(seen).as_deref() == Some("ci-next") && is_safe(seen)).await;
    assert_eq!(world.held("ci").await, [Some(texts[1].clone()), Some(texts[1].clone())]);
    assert_eq!(rotation(&seen).unwrap().old_token.secret_name, "ci");
    assert_eq!(world.asked("ci-next"), asked + 1, "for a new proof");
    let (after, asked_held) = (world.asked("ci"), world.asked("held-next"));
    operator.stop().await;

    // Whoever starts anew has heard nothing, and asks when it matters.
    let _operator = world.operator().await;
    world.change("held", swapped("held")).await;
    world
        .until("held", |seen| candidate(seen, 0).is_some_and(|first| first.secret_name == "held-next"))
        .await;
    world.change("ci", json!({ "secretRef": { "name": "ci" }, "standby": [{ "name": "ci-next" }] })).await;
    world.until("ci", |seen| in_use(seen).as_deref() == Some("ci") && is_safe(seen)).await;
    assert_eq!(world.held("ci").await, [Some(texts[0].clone()), Some(texts[0].clone())]);
    assert_eq!(world.asked("ci"), after + 1);
    assert_eq!(world.asked("held-next"), asked_held, "it cannot come into use yet");
    assert_eq!(world.held("held").await, [Some(held[0].clone()), Some(held[0].clone())]);
}
