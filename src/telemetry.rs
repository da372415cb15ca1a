//! The tracing subscriber. What is logged is decided where it happens; no line ever has a byte of a token.

use tracing_subscriber::{EnvFilter, fmt, util::SubscriberInitExt};

use crate::settings::LogFormat;

/// The log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directives are wrong.
    #[error("the setting logFilter is wrong: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// There is a subscriber already.
    #[error("cannot start logging: {0}")]
    Start(#[from] tracing_subscriber::util::TryInitError),
}

/// Sends log lines to standard error.
///
/// # Errors
///
/// If the directives are wrong, or logging was started before.
pub fn start(format: LogFormat, filter: &str) -> Result<(), Error> {
    // It logs the body of an answer that it cannot read, which may be that of a Secret.
    let quiet = "kube_client::client=off".parse()?;
    let builder = fmt()
        .with_env_filter(EnvFilter::builder().parse(filter)?.add_directive(quiet))
        .with_writer(std::io::stderr)
        .with_ansi(false);
    match format {
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .finish()
            .try_init()?,
        LogFormat::Text => builder.finish().try_init()?,
    }
    Ok(())
}
