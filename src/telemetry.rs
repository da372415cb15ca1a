//! The tracing subscriber. What is logged is decided where it happens; no line ever has a byte of a token.

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::settings::LogFormat;

/// The log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directives are wrong.
    #[error(
        "the setting logFilter is wrong: write levels (off, error, warn, info, debug or trace) and targets with levels, as in \
         warn,kube=debug"
    )]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// No such target can be.
    #[error(
        "the setting logFilter is wrong: {0:?} is neither a level nor a target; write kube=warn, for example"
    )]
    Target(String),
    /// There is a subscriber already.
    #[error("cannot start logging: {0}")]
    Start(#[from] tracing_subscriber::util::TryInitError),
}

/// The directives of a filter.
///
/// # Errors
///
/// If they are wrong, or name what is no target, such as a span.
pub fn targets(filter: &str) -> Result<Targets, Error> {
    let is_of_a_target = |character: char| character.is_ascii_alphanumeric() || "-:._".contains(character);
    let filter = filter.strip_suffix(',').unwrap_or(filter);
    let mut targets = filter.split(',').map(|directive| directive.split('=').next().unwrap_or_default());
    match targets.find(|target| target.is_empty() || !target.chars().all(is_of_a_target)) {
        Some(target) => Err(Error::Target(target.to_owned())),
        None => Ok(filter.parse()?),
    }
}

/// Sends log lines to standard error.
///
/// # Errors
///
/// If the directives are wrong, or logging was started before.
pub fn start(format: LogFormat, filter: &str) -> Result<(), Error> {
    // It logs the body of an answer that it cannot read, which may be that of a Secret.
    let filter = targets(filter)?
        .with_target("kube_client::client", LevelFilter::OFF)
        // What a watch fails of is logged where it is begun anew, in words and not at each try.
        .with_target("kube_runtime::watcher", LevelFilter::OFF);
    let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Json => {
            let json = layer.json().flatten_event(true).with_current_span(false).with_span_list(false);
            registry.with(json).try_init()?;
        }
        LogFormat::Text => registry.with(layer).try_init()?,
    }
    Ok(())
}
