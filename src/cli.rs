//! The subcommands: `run`, `crds`, `check`.

mod check;
pub mod manifest;
pub mod plain;
pub mod usage;

use std::{
    io::{self, Read, Write},
    path::PathBuf,
    process::ExitCode,
};

use crate::{
    api,
    domain::token::Token,
    github,
    run::Reload,
    settings::{self, Settings, SettingsInput, Source},
    telemetry,
};
pub use check::Check;
use clap::{Parser, Subcommand};

/// How messages call it.
const STANDARD_INPUT: &str = "standard input";

/// Cert-manager for GitHub personal access tokens: asks GitHub whether they work, says so in Kubernetes, and hands proven ones to
/// workloads.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the operator against the cluster of the kubeconfig or of the Pod.
    Run(Box<Run>),
    /// Prints the CustomResourceDefinition, for kubectl apply -f -.
    Crds,
    /// Judges one token without Kubernetes: exit 0 usable, 1 not usable, 2 undetermined, 3 wrong usage.
    Check(Box<Check>),
}

#[derive(Debug, clap::Args)]
struct Run {
    /// The settings file; docs/settings.md has the table.
    #[arg(long, env = "GITHUB_PAT_OPERATOR_CONFIG", hide_env_values = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    given: SettingsInput,
}

/// What ends a subcommand early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line, a file or a setting is wrong.
    #[error("{0}")]
    Usage(String),
    /// A setting is wrong.
    #[error(transparent)]
    Settings(#[from] settings::Error),
    /// The log cannot be set up.
    #[error(transparent)]
    Telemetry(#[from] telemetry::Error),
    /// A host cannot be asked.
    #[error(transparent)]
    Github(#[from] github::Error),
    /// The operator cannot run, or not go on.
    #[error(transparent)]
    Run(#[from] crate::run::Error),
    /// Output cannot be written.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
    /// A token could not be judged.
    #[error(transparent)]
    Check(Box<Error>),
    /// What was to be printed cannot be.
    #[error("cannot print: {0}")]
    Print(String),
}

impl Error {
    /// 3 for what the caller must mend on the command line or in a file; else 2 for `check`, which leaves the token undetermined,
    /// 4 for a replica that led and leads no more, and 1 for the others.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Usage(_)
            | Error::Settings(_)
            | Error::Telemetry(telemetry::Error::Filter(_) | telemetry::Error::Target(_)) => 3,
            Error::Check(error) => error.exit_code().max(2),
            Error::Run(crate::run::Error::Lost { .. }) => 4,
            _ => 1,
        }
    }
}

/// Runs the subcommand.
///
/// # Errors
///
/// What kept it from its end; `check` puts its judgement into the exit code instead.
pub async fn run(cli: Cli) -> Result<ExitCode, Error> {
    match cli.command {
        Command::Run(run) => operate(*run).await.map(|()| ExitCode::SUCCESS),
        Command::Crds => print(&yaml(&api::definition())?).map(|()| ExitCode::SUCCESS),
        Command::Check(check) => self::check(*check, || Ok(io::stdin())).await,
    }
}

/// Judges one token without Kubernetes, prints the judgement, and gives it as the exit code. `handed` gives what stands on standard input, and
/// is called if nothing else has the token.
///
/// # Errors
///
/// What kept it from a judgement.
pub async fn check<R: Read>(check: Check, handed: impl FnOnce() -> io::Result<R>) -> Result<ExitCode, Error> {
    check::run(check, handed).await.map_err(|error| Error::Check(Box::new(error)))
}

async fn operate(run: Run) -> Result<(), Error> {
    let mut source = Source::new(run.given, run.config);
    let settings = source.read()?;
    let (filter, exporting) =
        telemetry::start(settings.log_format, &settings.log_filter, settings.traces.as_ref())?;
    let ended = crate::run::run(settings, Reload::new(source, filter)).await;
    if let Some(exporting) = exporting {
        exporting.finish().await;
    }
    Ok(ended?)
}

fn file(path: Option<PathBuf>) -> Result<SettingsInput, Error> {
    Ok(path.map(|path| SettingsInput::read(&path)).transpose()?.unwrap_or_default())
}

/// The host of this name.
///
/// # Errors
///
/// If the settings do not have it: which ones they have.
pub fn host<'a>(settings: &'a Settings, name: &str) -> Result<&'a settings::Host, Error> {
    settings.host(name).ok_or_else(|| {
        let known: Vec<_> = settings.hosts.iter().map(|host| host.name.as_str()).collect();
        let (name, known) = (shown(name), known.join(", "));
        Error::Usage(format!("there is no host {name} in the settings: name one of {known}"))
    })
}

fn yaml(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_saphyr::to_string(value).map_err(|error| Error::Print(error.to_string()))
}

/// True if the word may have a token in it, so that no message may repeat it.
pub fn holds_a_token(word: &str) -> bool {
    Token::may_be_in(word)
}

/// True if the word has a token in it, or is all of one of before 2021 on whatever host: whoever put it into a place where it cannot stand
/// need not be shown which word it was.
fn may_be_a_token(word: &str) -> bool {
    holds_a_token(word)
        || (Token::legacy_may_be_in(word) && word.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// A word of the command line or of a file as a message may repeat it: people put a token where a name belongs.
fn shown(word: &str) -> String {
    if may_be_a_token(word) {
        "what looks like a token (not repeated here)".to_owned()
    } else {
        word.to_owned()
    }
}

/// A sentence for standard error. Sentences name files and variables, where people put a token by mistake.
pub fn unless_a_token(sentence: &str) -> &str {
    if holds_a_token(sentence) {
        "what was to be said here repeats what looks like a token, so it is left out: look for one where a name or a path belongs, in an \
         argument, a file or a variable"
    } else {
        sentence
    }
}

/// A reader that hangs up early is no failure of ours.
fn print(text: &str) -> Result<(), Error> {
    match writeln!(io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
