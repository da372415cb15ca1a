//! Outputs that are withdrawn when the token ends.

use github_pat_operator::api::GithubPatConnectionStatus as Status;
use github_simulator::{NewToken, Outage};
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;

use crate::{
    tenant::{Tenant, in_, questions, until_asked},
    world::{NAMESPACE, SOON, World},
};

#[tokio::test]
async fn what_argo_cd_and_flux_poll_with_goes_without_the_grace_that_the_others_have() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    let ending = NewToken::classic("ci", "acme-ci").expires(in_(10));
    ours.secret("ci", &world.github.token(ending)).await;
    let url = format!("{}/acme/app", world.github.url());
    ours.connection(
        "ci",
        json!({
            "warnBefore": [], "interval": "24h", "onInvalid": "Withdraw", "withdrawAfter": "1h",
            "publish": [
                { "secretName": "argocd", "format": "ArgoCDRepository", "url": url },
                { "secretName": "flux", "format": "FluxGit" },
                { "secretName": "env", "format": "Opaque" },
            ],
        }),
    )
    .await;
    ours.ready("ci", "True", "Ready").await;
    let before = ours.uids().await;
    ours.ready("ci", "False", "Expired").await;
    for polled in ["argocd", "flux"] {
        ours.secret_until(polled, |secret| secret.is_none()).await;
    }
    ours.condition("ci", "Published", "False", "WithdrawalPending").await;
    assert_eq!(ours.uids().await.get("env"), before.get("env"), "its grace has only begun");
}

#[tokio::test]
async fn what_holds_a_dead_token_goes_also_where_another_connection_has_deleted_its_source_before() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let operator = world.operator().await;
    ours.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci").expires(in_(15)))).await;
    let first = [json!({ "secretName": "between", "format": "Opaque" })];
    ours.connection(
        "first",
        json!({ "secretRef": { "name": "ci" }, "warnBefore": [], "interval": "24h", "onInvalid": "Withdraw", "publish": first }),
    )
    .await;
    let next = ["second", "bare", "mended", "applied", "later", "well"];
    for name in next {
        let publish = json!([
            { "secretName": format!("{name}-flux"), "format": "FluxGit" },
            { "secretName": format!("{name}-env"), "format": "Opaque" },
        ]);
        let spec = json!({ "secretRef": { "name": "between" }, "warnBefore": [], "interval": "24h", "publish": publish });
        ours.connection(name, spec).await;
        ours.ready(name, "True", "Ready").await;
    }
    // As long as they retain, the first one withdraws before them.
    ours.ready("first", "False", "Expired").await;
    ours.secret_until("between", |secret| secret.is_none()).await;
    for name in next {
        ours.ready(name, "False", "SecretNotFound").await;
    }
    let standing = async |name: &str| {
        let all = ours.uids().await;
        ["flux", "env"].map(|output| all.contains_key(&format!("{name}-{output}")))
    };
    for name in next {
        assert_eq!(standing(name).await, [true, true], "{name}");
    }
    ours.change("second", json!({ "onInvalid": "Withdraw" })).await;
    let said = ours.condition("second", "Published", "False", "Withdrawn").await;
    assert!(said.contains("GitHub had refused the token for good"), "{said}");
    assert_eq!(standing("second").await, [false, false]);

    // Without a mark it is the bytes that tell.
    let without = json!({ "metadata": { "annotations": { "githubpat.dev/token-hash": null } } });
    for output in ["bare-flux", "bare-env"] {
        ours.secrets().patch(output, &PatchParams::default(), &Patch::Merge(&without)).await.unwrap();
    }
    ours.change("bare", json!({ "onInvalid": "Withdraw" })).await;
    ours.condition("bare", "Published", "False", "Withdrawn").await;
    assert_eq!(standing("bare").await, [false, false]);

    // Somebody has put another token into one of them by hand, whose mark is still that of the dead one.
    let by_hand = PatchParams { field_manager: Some("kubectl-patch".to_owned()), ..PatchParams::default() };
    let another = Patch::Merge(json!({ "stringData": { "token": "another" } }));
    ours.secrets().patch("mended-env", &by_hand, &another).await.unwrap();
    let applied = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "applied-env" }, "stringData": { "token": "another" },
    });
    ours.secrets()
        .patch("applied-env", &PatchParams::apply("kubectl").force(), &Patch::Apply(applied))
        .await
        .unwrap();
    for name in ["mended", "applied"] {
        ours.change(name, json!({ "onInvalid": "Withdraw" })).await;
        ours.secret_until(&format!("{name}-flux"), |secret| secret.is_none()).await;
        assert_eq!(standing(name).await, [false, true], "{name}");
        assert_eq!(ours.value(&format!("{name}-env"), "token").await.as_deref(), Some("another"), "{name}");
    }

    // The next process knows from the status what was there, and deletes nothing before it has heard that it is dead.
    operator.stop().await;
    let _operator = world.operator().await;
    ours.change("later", json!({ "onInvalid": "Withdraw", "withdrawAfter": "1h" })).await;
    // The first one has the token, and has it asked about once for the other.
    ours.secret_until("later-flux", |secret| secret.is_none()).await;
    assert_eq!(standing("later").await, [false, true], "what is not polled with has its grace");
    assert_eq!(standing("well").await, [true, true]);
    // A good token comes in the end.
    ours.secret("ci", &world.github.token(NewToken::classic("next", "acme-ci"))).await;
    for name in next {
        ours.ready(name, "True", "Ready").await;
        assert_eq!(standing(name).await, [true, true], "{name}");
    }
}

#[tokio::test]
async fn refusals_from_before_another_connection_saw_the_token_accepted_condemn_nothing() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let operator = world.operator().await;
    let token = world.github.token(NewToken::classic("ci", "acme-ci"));
    for name in ["kept", "lost"] {
        ours.secret(name, &token).await;
        let publish = json!([{ "secretName": format!("{name}-out"), "format": "Opaque" }]);
        ours.connection(
            name,
            json!({ "secretRef": { "name": name }, "onInvalid": "Withdraw", "publish": publish }),
        )
        .await;
        ours.ready(name, "True", "Ready").await;
    }
    ours.secrets().delete("lost", &DeleteParams::default()).await.unwrap();
    ours.ready("lost", "False", "SecretNotFound").await;
    operator.stop().await;
    // The source went between the last refusal and the acceptance.
    let refused = json!({
        "reason": "BadCredentials", "count": 3, "needed": 2, "first": in_(-3600), "last": in_(-3000),
    });
    let frozen = json!({ "status": { "token": { "checkedAt": in_(-7200), "refused": refused } } });
    ours.connections().patch_status("lost", &PatchParams::default(), &Patch::Merge(frozen)).await.unwrap();
    world.github.revoke("ci");
    let _operator = world.operator().await;
    ours.ready("kept", "False", "BadCredentials").await;
    let standing = ours.uids().await;
    assert!(standing.contains_key("lost-out"), "GitHub has refused its token twice, and not three times");
    let said = ours.condition("lost", "Published", "False", "Withheld").await;
    assert!(said.contains("keep the one that was proven before"), "{said}");
}

#[tokio::test]
async fn what_was_turned_away_at_the_end_of_a_token_is_answered_by_the_refusal_that_another_connection_heard()
{
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let operator = world.operator().await;
    // They keep the host known to be away.
    for number in 0..4 {
        let name = format!("other-{number}");
        ours.secret(&name, &world.github.token(NewToken::classic(&name, "acme-ci"))).await;
        ours.connection(&name, json!({ "interval": "10s" })).await;
        ours.ready(&name, "True", "Ready").await;
    }
    let ends = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(35);
    let token = world.github.token(NewToken::classic("ci", "acme-ci").expires(ends));
    let names = ["one", "two", "three"];
    for name in names {
        ours.secret(name, &token).await;
        let publish = json!([{ "secretName": format!("{name}-out"), "format": "Opaque" }]);
        ours.connection(name, json!({ "warnBefore": [], "interval": "24h", "publish": publish })).await;
        ours.ready(name, "True", "Ready").await;
    }
    world.github.outage(Some(Outage::Status(503)));
    let turned_away = |status: &Status| status.deferral.is_some();
    for name in names {
        ours.until_within(SOON * 2, name, |it| it.status.as_ref().is_some_and(turned_away)).await;
    }
    world.github.outage(None);
    for name in names {
        let is_told = |status: &Status| {
            status.deferral.is_none() && status.token.as_ref().is_some_and(|token| token.refused.is_some())
        };
        ours.until_within(SOON * 2, name, |it| it.status.as_ref().is_some_and(is_told)).await;
        ours.ready(name, "False", "Expired").await;
    }

    // The next process asks once, and once more where that brings no answer.
    ours.change("one", json!({ "onInvalid": "Withdraw", "withdrawAfter": "20s" })).await;
    ours.condition("one", "Published", "False", "WithdrawalPending").await;
    let newer = world.github.token(NewToken::classic("newer", "acme-ci"));
    for name in ["two", "three"] {
        ours.secret(name, &newer).await;
        ours.ready(name, "True", "Ready").await;
    }
    let refused =
        || questions(&world.github, "ci").into_iter().filter(|(_, status)| *status == Some(401)).count();
    assert_eq!(refused(), 1, "nobody asks a second time");
    operator.stop().await;
    let before = questions(&world.github, "ci").len();
    world.github.outage(Some(Outage::Status(503)));
    let _operator = world.operator().await;
    until_asked(&world.github, "ci", before + 1).await;
    world.github.outage(None);
    ours.secret_until("one-out", |secret| secret.is_none()).await;
    assert_eq!(refused(), 2);
}
