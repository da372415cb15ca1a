//! The subcommands: `run`, `crds`, `check`.

mod check;

use std::{io::Write, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::{Parser, Subcommand};
use futures::{FutureExt, future};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    api, controller,
    github::{self, Github},
    server,
    settings::{self, Settings, SettingsInput},
    telemetry,
    watches::{LONGEST_SILENCE, Watches},
};
pub use check::Check;

/// How long reconciles may go on after the signal to stop. They can be cut anywhere; a host that stalls holds one for longer.
const LAST_WORDS: Duration = Duration::from_secs(5);

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
    #[arg(long, env = "GITHUB_PAT_OPERATOR_CONFIG", value_name = "FILE")]
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
    /// There is no cluster to talk to.
    #[error("no cluster to talk to: {0}; set KUBECONFIG or run in a Pod")]
    Config(#[from] kube::config::InferConfigError),
    /// The cluster cannot be talked to.
    #[error("cannot talk to the cluster: {0}")]
    Client(#[from] kube::Error),
    /// The probes cannot be served.
    #[error(transparent)]
    Server(#[from] server::Error),
    /// Output cannot be written.
    #[error("cannot write: {0}")]
    Write(#[from] std::io::Error),
    /// A token could not be judged.
    #[error(transparent)]
    Check(Box<Error>),
    /// What was to be printed cannot be.
    #[error("cannot print: {0}")]
    Print(String),
}

impl Error {
    /// 3 for what the caller must mend on the command line or in a file; else 2 for `check`, which leaves the token undetermined,
    /// and 1 for the others.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Usage(_) | Error::Settings(_) | Error::Telemetry(telemetry::Error::Filter(_)) => 3,
            Error::Check(error) => error.exit_code().max(2),
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
        Command::Check(check) => check::run(*check).await.map_err(|error| Error::Check(Box::new(error))),
    }
}

async fn operate(run: Run) -> Result<(), Error> {
    let settings = Settings::new(run.given, file(run.config)?)?;
    telemetry::start(settings.log_format, &settings.log_filter)?;
    let client = kube::Client::try_from(impatient(kube::Config::infer().await?))?;
    let github = Github::new(&settings)?;
    let watches = Arc::new(Watches::default());
    let probes = server::serve(settings.listen, watches.listed());
    tracing::info!(version = env!("CARGO_PKG_VERSION"), listen = %settings.listen, "started");
    let (mut terminated, mut interrupted) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let shutdown = async move {
        future::select(Box::pin(terminated.recv()), Box::pin(interrupted.recv())).await;
        tracing::info!("stopping");
    };
    let shutdown = shutdown.boxed().shared();
    let overdue = shutdown.clone().then(|()| tokio::time::sleep(LAST_WORDS));
    tokio::select! {
        failed = probes => failed?,
        () = controller::run(client, github, settings, watches, shutdown) => {}
        () = overdue => tracing::info!("stopped while GitHub or the cluster was being asked"),
    }
    Ok(())
}

/// Each call has a deadline of its own, and what fails is tried again by the reconcile, so the client does not try; the lists
/// and watches that feed it end when nothing comes for long.
fn impatient(mut config: kube::Config) -> kube::Config {
    config.default_retry = false;
    // As in a Pod; without it a proxy in the environment keeps the client from being made.
    config.proxy_url = None;
    config.read_timeout = Some(LONGEST_SILENCE);
    config.reset_reader_on_write = true;
    config
}

fn file(path: Option<PathBuf>) -> Result<SettingsInput, Error> {
    Ok(path.map(|path| SettingsInput::read(&path)).transpose()?.unwrap_or_default())
}

fn yaml(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_saphyr::to_string(value).map_err(|error| Error::Print(error.to_string()))
}

/// A reader that hangs up early is no failure of ours.
fn print(text: &str) -> Result<(), Error> {
    match writeln!(std::io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_of_the_api_server_neither_tries_again_nor_waits_for_ever() {
        let mut config = kube::Config::new("https://127.0.0.1:6443".parse().unwrap());
        config.proxy_url = Some("http://127.0.0.1:3128".parse().unwrap());
        let config = impatient(config);
        assert!(!config.default_retry && config.proxy_url.is_none());
        assert_eq!((config.read_timeout, config.reset_reader_on_write), (Some(LONGEST_SILENCE), true));
    }
}
