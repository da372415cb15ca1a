//! One token takes the place of another.

use github_simulator::{NewToken, Outage};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Secret};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;

use super::{
    Failed,
    stage::{NAMESPACE, Stage, field, output, ready},
};

/// The account of the tokens.
const LOGIN: &str = "acme-ci";

/// A token that stands by takes over, and is replaced in its turn.
pub(super) async fn play(stage: &mut Stage) -> Result<(), Failed> {
    stage.store("standby-pat", &stage.github.token(NewToken::classic("first", LOGIN))).await?;
    stage.store("standby-pat-next", &stage.github.token(NewToken::classic("next", LOGIN))).await?;
    stage.apply(&["standby.yaml"]).await?;
    stage
        .step(
            "two tokens are stored for one connection, one of which stands by",
            "Ready; both are proven, and the first one is in use",
            &[
                ready("standby", "True", "Ready"),
                field("standby", "/candidates/0/inUse", "true"),
                field("standby", "/candidates/1/usable", "True"),
                output("standby-git", "password", "first"),
            ],
        )
        .await?;
    stage.github.revoke("first");
    stage
        .step(
            "the one in use is revoked on GitHub",
            "the other one takes over once the refusal is believed; nothing stands by any more",
            &[
                ready("standby", "True", "StandbyUnusable"),
                field("standby", "/candidates/1/inUse", "true"),
                field("standby", "/rotation/phase", "SafeToRevoke"),
                field("standby", "/rotation/oldTokenEnded", "BadCredentials"),
                output("standby-git", "password", "next"),
            ],
        )
        .await?;
    let planned = stage.github.token(NewToken::classic("planned", LOGIN));
    stage.store("standby-pat", &planned).await?;
    stage
        .step(
            "the next token is stored in the Secret that is named first",
            "it comes into use once it is proven, while GitHub accepts both; the old one stands by",
            &[
                ready("standby", "True", "Ready"),
                field("standby", "/candidates/0/inUse", "true"),
                field("standby", "/candidates/1/usable", "True"),
                field("standby", "/rotation/phase", "SafeToRevoke"),
                output("standby-git", "password", "planned"),
            ],
        )
        .await?;
    hold_up(stage).await?;
    phases(stage).await
}

/// What keeps the next rotation from its end, so that its phases show.
async fn hold_up(stage: &mut Stage) -> Result<(), Failed> {
    stage.apply(&["builder.yaml", "foreign.yaml"]).await?;
    roll_out(stage).await?;
    let shared = stage.github.token_text("planned").ok_or("the simulated GitHub has forgotten a token")?;
    stage.store("beside-pat", &shared).await?;
    stage.apply(&["beside.yaml", "standby-restart.yaml"]).await?;
    stage
        .step(
            "a second output is asked for, whose name a Secret of somebody else has; another connection has the same token",
            "ForeignSecret: the Secret stays as it is; and the other one is Ready",
            &[
                ready("standby", "False", "ForeignSecret"),
                ready("beside", "True", "Ready"),
                output("beside-token", "token", "planned"),
            ],
        )
        .await
}

/// A rotation, from one phase to the next.
async fn phases(stage: &mut Stage) -> Result<(), Failed> {
    stage.github.outage(Some(Outage::Status(503)));
    let newer = stage.github.token(NewToken::classic("newer", LOGIN));
    stage.store("standby-pat", &newer).await?;
    stage
        .step(
            "GitHub goes down, and a new token is stored over the one in use",
            "the rotation stays Proving, and standby-git keeps the token that was proven",
            &[field("standby", "/rotation/phase", "Proving"), output("standby-git", "password", "planned")],
        )
        .await?;
    stage.github.outage(None);
    let waits = "the new token in Secret standby-pat is proven, and condition Published says what keeps it from these outputs: \
                 standby-env (ForeignSecret)";
    stage
        .step(
            "GitHub is back",
            "the new token is proven and published where that can be",
            &[
                field("standby", "/rotation/phase", "Publishing"),
                field("standby", "/rotation/message", waits),
                output("standby-git", "password", "newer"),
            ],
        )
        .await?;
    let secrets = Api::<Secret>::namespaced(stage.client.clone(), NAMESPACE);
    secrets.delete("standby-env", &DeleteParams::default()).await?;
    let waits = "every output holds the new token; waiting for Deployment builder (0 of 1 Pods are new)";
    stage
        .step(
            "the Secret of somebody else is deleted",
            "every output holds the new token, and the Deployment that has it in its environment is restarted",
            &[
                field("standby", "/rotation/phase", "Restarting"),
                field("standby", "/rotation/message", waits),
                output("standby-env", "GITHUB_TOKEN", "newer"),
            ],
        )
        .await?;
    roll_out(stage).await?;
    let waits = "every output holds the new token, and these other connections are not done with the old one: beside; they are waited for: give each another token, or do what its status asks";
    stage
        .step(
            "its Pods are new (the demo says so in the place of the controller of Deployments)",
            "the old token is waited for, since the other connection publishes it",
            &[
                field("standby", "/rotation/phase", "WaitingForConsumers"),
                field("standby", "/rotation/message", waits),
            ],
        )
        .await?;
    stage.store("beside-pat", &newer).await?;
    stage
        .step(
            "the new token is stored for that one, too",
            "the status says that the old one can be revoked, and where",
            &[
                field("standby", "/rotation/phase", "SafeToRevoke"),
                field("standby", "/rotation/oldToken/login", LOGIN),
                output("beside-token", "token", "newer"),
            ],
        )
        .await
}

/// What the controller of Deployments writes once all Pods are new; none runs here.
async fn roll_out(stage: &Stage) -> Result<(), Failed> {
    let deployments = Api::<Deployment>::namespaced(stage.client.clone(), NAMESPACE);
    let generation = deployments.get("builder").await?.metadata.generation;
    let status = json!({ "status": {
        "observedGeneration": generation, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
    } });
    deployments.patch_status("builder", &PatchParams::default(), &Patch::Merge(status)).await?;
    Ok(())
}
