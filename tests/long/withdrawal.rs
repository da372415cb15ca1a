//! Outputs that are withdrawn when the token ends.

use github_simulator::NewToken;
use serde_json::json;

use crate::{
    tenant::{Tenant, in_},
    world::{NAMESPACE, World},
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
