//! The grace before outputs are withdrawn.

use std::time::Duration;

use github_simulator::NewToken;
use jiff::Timestamp;
use kube::{ResourceExt, api::DeleteParams};
use serde_json::json;

use crate::world::World;

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
    assert!(said.contains("its source Secret is missing"), "{said}");
    let status = world.until("back", |_| true).await.status.unwrap();
    assert_eq!(status.withdrawal, None);
    assert_eq!([uid("back-out").await, uid("kept-out").await], before);
    world.condition("kept", "Published", "False", "Withheld").await;

    world.secret("gone", &text).await;
    world.ready("gone", "True", "Ready").await;
    assert_eq!(world.value("gone-out", "token").await, Some(text));
}
