//! The whole product on one machine: a control plane, a simulated GitHub, the operator, and what a cluster admin meets.
//!
//! `cargo run --example demo` shows it and keeps running until Ctrl-C; with `-- --once` it ends by itself, with exit code 1 if a
//! step did not show what it should; with `-- --ui` the plugin's page of this cluster opens in the browser. With `GITHUB_TOKEN` set, one more connection asks the real github.com about that token.

mod plugin;
mod purposes;
mod rotation;
mod show;
mod stage;

use std::{error::Error, process::ExitCode};

use github_simulator::{NewToken, Outage};
use jiff::{SignedDuration, Timestamp};
use stage::{Expected, Stage, output, ready, says};

type Failed = Box<dyn Error + Send + Sync>;

/// What comes after the steps.
enum End {
    /// Nothing.
    Once,
    /// The table, until Ctrl-C.
    Table,
    /// The page of the plugin, until Ctrl-C.
    Page,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let end = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => End::Table,
        ["--once"] => End::Once,
        ["--ui"] => End::Page,
        _ => {
            show::line("usage: cargo run --example demo [-- --once | --ui]")?;
            return Ok(ExitCode::from(3));
        }
    };
    tokio::select! {
        biased;
        // First: the page ends by it too, with 0.
        _ = tokio::signal::ctrl_c() => Ok(ExitCode::from(130)),
        played = play(end) => played,
    }
}

async fn play(end: End) -> Result<ExitCode, Failed> {
    let mut stage = Stage::set().await?;
    good_tokens(&mut stage).await?;
    tokens_that_do_not_serve(&mut stage).await?;
    tokens_that_end(&mut stage).await?;
    what_is_no_token(&mut stage).await?;
    github_in_trouble(&mut stage).await?;
    a_bad_paste(&mut stage).await?;
    purposes::arrange(&stage);
    purposes::kept_out(&mut stage).await?;
    purposes::permissions(&mut stage).await?;
    rotation::play(&mut stage).await?;
    your_own(&mut stage).await?;
    let all_shown = stage.sum_up()?;
    match end {
        End::Once => Ok(if all_shown { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        End::Table => stage.keep_showing().await,
        End::Page => stage.show_page().await,
    }
}

async fn good_tokens(stage: &mut Stage) -> Result<(), Failed> {
    let classic =
        NewToken::classic("classic", "acme-ci").scopes(&["repo", "read:packages"]).expires(days(300));
    stage.store("classic-pat", &stage.github.token(classic)).await?;
    let fine_grained = NewToken::fine_grained("fine-grained", "acme-docs").expires(days(90));
    stage.store("fine-grained-pat", &stage.github.token(fine_grained)).await?;
    stage.apply(&["classic.yaml", "fine-grained.yaml"]).await?;
    stage
        .step(
            "a classic and a fine-grained token are stored, and a connection for each is applied",
            "both become Ready, and the Secrets for workloads appear",
            &[
                ready("classic", "True", "Ready"),
                ready("fine-grained", "True", "Ready"),
                output("classic-token", "token", "classic"),
                output("classic-git", "password", "classic"),
                Expected::Secret("classic-pull"),
                output("fine-grained-git", "password", "fine-grained"),
            ],
        )
        .await
}

async fn tokens_that_do_not_serve(stage: &mut Stage) -> Result<(), Failed> {
    let gist = NewToken::classic("lacks-scope", "acme-intern").scopes(&["gist"]);
    stage.store("lacks-scope-pat", &stage.github.token(gist)).await?;
    stage.apply(&["lacks-scope.yaml"]).await?;
    stage
        .step(
            "a token with the scope gist is stored for a connection that requires repo",
            "ScopeMissing, and no Secret lacks-scope-git",
            &[ready("lacks-scope", "False", "ScopeMissing"), Expected::NoSecret("lacks-scope-git")],
        )
        .await?;
    stage.store("revoked-pat", &stage.github.token(NewToken::classic("revoked", "acme-old"))).await?;
    stage.apply(&["revoked.yaml"]).await?;
    stage
        .step(
            "a token for a connection with onInvalid: Withdraw is stored",
            "it becomes Ready, and its Secret revoked-git appears",
            &[ready("revoked", "True", "Ready"), output("revoked-git", "password", "revoked")],
        )
        .await?;
    stage.github.revoke("revoked");
    stage
        .step(
            "that token is revoked on GitHub",
            "one refusal is not believed, the second is: BadCredentials; revoked-git stays until a third, ten minutes on",
            &[
                ready("revoked", "False", "BadCredentials"),
                says("revoked", "Published", "True", "Retained"),
                output("revoked-git", "password", "revoked"),
            ],
        )
        .await
}

async fn tokens_that_end(stage: &mut Stage) -> Result<(), Failed> {
    let soon = NewToken::classic("expires-soon", "acme-ci").expires(days(5));
    stage.store("expires-soon-pat", &stage.github.token(soon)).await?;
    let now = NewToken::fine_grained("expires-now", "acme-docs").expires(seconds(15));
    stage.store("expires-now-pat", &stage.github.token(now)).await?;
    stage.apply(&["expires-soon.yaml", "expires-now.yaml"]).await?;
    stage
        .step(
            "one token with five days left and one with fifteen seconds are stored",
            "both are Ready, the first with the warning ExpiresSoon",
            &[
                ready("expires-soon", "True", "ExpiresSoon"),
                says("expires-soon", "NotExpiring", "False", "ExpiresSoon"),
                ready("expires-now", "True", "Ready"),
                output("expires-now-git", "password", "expires-now"),
            ],
        )
        .await?;
    stage
        .step(
            "fifteen seconds pass",
            "expires-now turns Expired to the second; GitHub confirms it, and expires-now-git is withdrawn",
            &[
                ready("expires-now", "False", "Expired"),
                says("expires-now", "NotExpiring", "False", "Expired"),
                says("expires-now", "Published", "False", "Withdrawn"),
                Expected::NoSecret("expires-now-git"),
            ],
        )
        .await
}

async fn what_is_no_token(stage: &mut Stage) -> Result<(), Failed> {
    stage.store("password-pat", "correct horse battery staple").await?;
    stage.apply(&["missing-secret.yaml", "password.yaml"]).await?;
    stage
        .step(
            "one connection names a Secret that does not exist, another one that holds a password",
            "SecretNotFound and NotAToken; the password is sent nowhere",
            &[
                ready("missing-secret", "False", "SecretNotFound"),
                ready("password", "False", "NotAToken"),
                Expected::NeverAsked("password"),
            ],
        )
        .await
}

async fn github_in_trouble(stage: &mut Stage) -> Result<(), Failed> {
    stage.store("busy-pat", &stage.github.token(NewToken::classic("busy", "acme-busy"))).await?;
    stage.apply(&["busy.yaml"]).await?;
    stage
        .step(
            "a token of the account acme-busy is stored",
            "it becomes Ready",
            &[ready("busy", "True", "Ready"), output("busy-git", "password", "busy")],
        )
        .await?;
    stage.watch_over(&["classic", "fine-grained", "busy"]);
    stage.github.limit("acme-busy", 0, seconds(20));
    stage
        .step(
            "acme-busy has spent its hourly rate limit",
            "busy stays Ready and says AcceptedEarlier; status.deferral tells until when",
            &[
                ready("busy", "True", "AcceptedEarlier"),
                says("busy", "Authenticated", "True", "AcceptedEarlier"),
            ],
        )
        .await?;
    stage.github.outage(Some(Outage::Status(503)));
    stage
        .step(
            "GitHub goes down for all: every answer is a 503",
            "the good tokens stay Ready and say AcceptedEarlier, and their Secrets stay",
            &[
                ready("classic", "True", "AcceptedEarlier"),
                ready("fine-grained", "True", "AcceptedEarlier"),
                output("classic-token", "token", "classic"),
                Expected::NeverShaken,
            ],
        )
        .await?;
    stage.github.outage(None);
    stage
        .step(
            "GitHub is back",
            "they are plainly Ready again, and none was ever anything else",
            &[
                ready("classic", "True", "Ready"),
                ready("fine-grained", "True", "Ready"),
                ready("busy", "True", "Ready"),
                Expected::NeverShaken,
                ready("expires-now", "False", "Expired"),
                ready("revoked", "False", "BadCredentials"),
            ],
        )
        .await
}

async fn a_bad_paste(stage: &mut Stage) -> Result<(), Failed> {
    let first = stage.github.token(NewToken::classic("pasted", "acme-ci"));
    stage.store("pasted-pat", &first).await?;
    stage.apply(&["pasted.yaml"]).await?;
    stage
        .step(
            "a good token is stored",
            "Ready, and the Secret pasted-token holds it",
            &[ready("pasted", "True", "Ready"), output("pasted-token", "token", "pasted")],
        )
        .await?;
    stage.store("pasted-pat", &format!("Bearer {first}\r\n")).await?;
    stage
        .step(
            "somebody pastes \"Bearer …\" with a Windows line end over it",
            "TokenMalformed; pasted-token still holds the good token",
            &[ready("pasted", "False", "TokenMalformed"), output("pasted-token", "token", "pasted")],
        )
        .await?;
    stage.store("pasted-pat", &stage.github.token(NewToken::classic("pasted-anew", "acme-ci"))).await?;
    stage
        .step(
            "the paste is mended with a new token",
            "Ready again, and pasted-token holds the new token",
            &[ready("pasted", "True", "Ready"), output("pasted-token", "token", "pasted-anew")],
        )
        .await
}

/// The real github.com, if the user gave a token for it.
async fn your_own(stage: &mut Stage) -> Result<(), Failed> {
    let Some(token) = std::env::var("GITHUB_TOKEN").ok().filter(|token| !token.is_empty()) else {
        return Ok(());
    };
    stage.store("yours-pat", &token).await?;
    stage.connect_to_github_com("yours", "yours-pat").await?;
    stage
        .step(
            "the token in GITHUB_TOKEN is stored for the real github.com",
            "what GitHub says about it",
            &[Expected::Verdict("yours")],
        )
        .await
}

fn seconds(count: i64) -> Timestamp {
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or(Timestamp::MAX);
    now.checked_add(SignedDuration::from_secs(count)).unwrap_or(Timestamp::MAX)
}

fn days(count: i64) -> Timestamp {
    seconds(count.saturating_mul(86_400))
}
