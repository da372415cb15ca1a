//! The tracing subscriber. What is logged is decided where it happens; no line ever has a byte of a token.

mod export;
mod traced;

use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    fmt::{self, format::JsonFields},
    layer::SubscriberExt,
    registry::Registry,
    reload,
    util::SubscriberInitExt,
};

use crate::{
    settings::{LogFormat, Traces},
    traces,
};
pub use export::{Error as ExportError, Exporting};
use traced::Traced;

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
    /// Traces cannot be sent.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// It cannot be changed.
    #[error("cannot change the setting logFilter: {0}")]
    Set(#[source] reload::Error),
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

/// Which log lines there are, which can be changed while they are written.
#[derive(Clone, Debug)]
pub struct Filter(reload::Handle<Targets, Registry>);

impl Filter {
    /// From now on these lines are written.
    ///
    /// # Errors
    ///
    /// If the directives are wrong, or nothing is logged any more.
    pub fn set(&self, filter: &str) -> Result<(), Error> {
        self.0.reload(quiet(filter)?).map_err(Error::Set)
    }
}

/// Sends log lines to standard error and, if so wanted, spans to a collector.
///
/// # Errors
///
/// If the directives are wrong, logging was started before, or spans cannot be sent at all.
pub fn start(
    format: LogFormat,
    filter: &str,
    traces: Option<&Traces>,
) -> Result<(Filter, Option<Exporting>), Error> {
    match traces {
        None => Ok((log(format, filter)?, None)),
        Some(to) => {
            let exporting = Exporting::new(to)?;
            Ok((log_and_trace(format, filter, &exporting)?, Some(exporting)))
        }
    }
}

/// Log lines alone. The filter stands before all else, so that what is not logged costs nothing.
fn log(format: LogFormat, filter: &str) -> Result<Filter, Error> {
    let (filter, handle) = reload::Layer::new(quiet(filter)?);
    let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Json => {
            let json = layer.json().flatten_event(true).with_current_span(false).with_span_list(false);
            registry.with(json).try_init()?;
        }
        LogFormat::Text => registry.with(layer).try_init()?,
    }
    Ok(Filter(handle))
}

/// Log lines that name the trace in which they were written, and spans.
fn log_and_trace(format: LogFormat, filter: &str, exporting: &Exporting) -> Result<Filter, Error> {
    let (filter, handle) = reload::Layer::new(quiet(filter)?);
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let lines = match format {
        LogFormat::Json => {
            let json =
                fmt::format().json().flatten_event(true).with_current_span(false).with_span_list(false);
            lines.fmt_fields(JsonFields::new()).event_format(Traced::new(json, format)).boxed()
        }
        LogFormat::Text => lines.event_format(Traced::new(fmt::format(), format)).boxed(),
    };
    let spans = tracing_opentelemetry::layer()
        .with_tracer(exporting.tracer())
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(Targets::new().with_target(traces::TARGET, LevelFilter::INFO));
    tracing_subscriber::registry().with(lines.with_filter(filter)).with(spans).try_init()?;
    Ok(Filter(handle))
}

/// The directives, but for what is never logged.
fn quiet(filter: &str) -> Result<Targets, Error> {
    // It logs the body of an answer that it cannot read, which may be that of a Secret.
    Ok(targets(filter)?
        .with_target(traces::TARGET, LevelFilter::OFF)
        .with_target("kube_client::client", LevelFilter::OFF)
        // What a watch fails of is logged where it is begun anew, in words and not at each try.
        .with_target("kube_runtime::watcher", LevelFilter::OFF))
}
