//! What the spans of one reconcile cost while nobody listens, and while somebody does.
//!
//! `cargo bench --bench traces` measures in two processes, since one has one log. The spans are those of a reconcile that reads a Secret,
//! writes an output and asks GitHub.

use std::{
    env,
    error::Error,
    hint::black_box,
    io::{self, Write},
    process::Command,
    time::{Duration, Instant},
};

use github_pat_operator::{
    settings::{LogFormat, Settings, SettingsInput},
    telemetry,
    traces::{Origin, TARGET},
};
use tracing::{Instrument, Span, field::Empty};

type Failed = Box<dyn Error + Send + Sync>;

/// How often the spans are opened and closed.
const TIMES: u32 = 20_000;
/// The best of so many rounds counts: the others were disturbed.
const ROUNDS: u32 = 7;
/// What they may cost while nobody listens, also in a debug build: a thousandth of the shortest reconcile.
const NOTHING: Duration = Duration::from_micros(5);
/// By which the second process is told to send traces.
const LISTENED_TO: &str = "--listened-to";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let flags: Vec<_> = env::args().skip(1).collect();
    let is_listened_to = flags.iter().any(|flag| flag == LISTENED_TO);
    if !is_listened_to && !flags.iter().any(|flag| flag == "--bench") {
        // As from `cargo test --all-targets`: nothing is measured.
        return Ok(());
    }
    let input = SettingsInput {
        // Nobody is there, which shall cost no more than somebody who is.
        traces_endpoint: is_listened_to.then(|| "http://127.0.0.1:9".to_owned()),
        ..SettingsInput::default()
    };
    // Several TLS users in one process: the first one installs the provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = Settings::new(input, SettingsInput::default())?;
    let _sending = telemetry::start(LogFormat::Json, "info", settings.traces.as_ref())?;
    let (bare, spans) = (best(work).await, best(reconcile).await);
    let cost = spans.saturating_sub(bare).as_nanos();
    let who = if is_listened_to { "somebody listens" } else { "nobody listens" };
    writeln!(io::stdout(), "the spans of one reconcile while {who}: {cost} ns")?;
    if !is_listened_to {
        if spans.saturating_sub(bare) > NOTHING {
            return Err(format!("that is more than {NOTHING:?}").into());
        }
        let status = Command::new(env::current_exe()?).arg(LISTENED_TO).status()?;
        if !status.success() {
            return Err(format!("the second process failed: {status}").into());
        }
    }
    Ok(())
}

/// How long one takes, at best.
async fn best<F: Future<Output = u64>>(one: impl Fn(u64) -> F) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for number in 0..TIMES {
            black_box(one(black_box(number.into())).await);
        }
        best = best.min(begun.elapsed().checked_div(TIMES).unwrap_or_default());
    }
    best
}

/// What stands for a step.
async fn work(number: u64) -> u64 {
    black_box(number.wrapping_mul(31))
}

async fn reconcile(number: u64) -> u64 {
    let root = tracing::info_span!(target: TARGET, parent: None, "reconcile", connection = %number);
    async {
        let read = tracing::info_span!(target: TARGET, "read Secret", secret = number);
        let number = work(number).instrument(read).await;
        black_box(Origin::current());
        let asking =
            tracing::info_span!(target: TARGET, parent: None, "ask GitHub", host = number, status = Empty);
        let answered = async {
            Span::current().record("status", 200);
            number
        };
        let number = answered.instrument(asking).await;
        let number = tracing::info_span!(target: TARGET, "decide").in_scope(|| black_box(number));
        let publish = tracing::info_span!(target: TARGET, "publish", secret = number);
        let number = async { black_box(number) }.instrument(publish).await;
        async { black_box(number) }.instrument(tracing::info_span!(target: TARGET, "report")).await
    }
    .instrument(root)
    .await
}
