//! One token takes the place of another.

use github_simulator::{NewToken, Outage};

use super::{
    Failed,
    stage::{Stage, field, output, ready},
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
    stage.github.outage(Some(Outage::Status(503)));
    stage.store("standby-pat-next", &stage.github.token(NewToken::classic("newer", LOGIN))).await?;
    stage
        .step(
            "GitHub goes down, and a new token is stored over the one in use",
            "the rotation stays Proving, and standby-git keeps the token that was proven",
            &[field("standby", "/rotation/phase", "Proving"), output("standby-git", "password", "next")],
        )
        .await?;
    stage.github.outage(None);
    stage
        .step(
            "GitHub is back",
            "the new token is proven and published; the status says that the old one can be revoked, and where",
            &[
                field("standby", "/rotation/phase", "SafeToRevoke"),
                field("standby", "/rotation/oldToken/login", LOGIN),
                output("standby-git", "password", "newer"),
            ],
        )
        .await
}
