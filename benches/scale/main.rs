//! What the operator reaches and costs on a real API server, beside what a bare client reaches there.
//!
//! `cargo bench --bench scale` prints every section for 1,000 connections; `docs/benchmarks.md` says what each line means.

mod audit;
mod bare;
mod churn;
mod cold;
mod goals;
mod load;
mod operator;
mod process;
mod ready;
mod report;
mod restart;
mod scrape;
mod stage;
mod stalled;
mod status_write;
mod steady;

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};

use bare::Manner;
use report::Report;

type Failed = Box<dyn Error + Send + Sync>;

/// Measures the operator on a real etcd and kube-apiserver, with a simulated GitHub.
#[derive(Clone, Debug, Parser)]
#[command(name = "scale")]
struct Options {
    /// How many connections there are, each with one output of the format Opaque
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    connections: u32,
    /// The sections to run; all of them if none is named
    #[arg(long, value_delimiter = ',', value_name = "SECTION")]
    only: Vec<Section>,
    /// Prints one JSON object a line in place of tables
    #[arg(long)]
    json: bool,
    /// Waits for Ctrl-C at the end of each section, its processes still running, and prints their ids as they start
    #[arg(long)]
    profile: bool,
    /// How the bare client writes a status; by default as the operator did, where PUT and merge patch look alike and PUT is taken
    #[arg(long, value_name = "MANNER")]
    status_write: Option<Manner>,
    /// A line for the operator's settings file, such as 'concurrency: 64'; may be given several times
    #[arg(long, value_name = "LINE")]
    setting: Vec<String>,
    /// The program to measure, such as that of an image or of another commit; by default the one that cargo has built
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_github-pat-operator"), hide_default_value = true)]
    operator: PathBuf,
    /// Given by `cargo bench`; without it, as from `cargo test --all-targets`, nothing is measured
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Section {
    /// From a cluster full of new connections to all of them Ready; the bare client; memory
    Cold,
    /// The same with 100 ms of latency of GitHub
    Latency,
    /// Requests counted: cold, and over two intervals
    Steady,
    /// Restarts beside known connections, each with a new one
    Restart,
    /// A new connection while another host never answers
    Stalled,
    /// PUT, apply and merge patch of the same status
    StatusWrite,
    /// Memory while connections come and go, a few at a time
    Churn,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Failed> {
    let options = Options::parse();
    if !options.bench {
        report::progress("nothing is measured without --bench, which cargo bench gives");
        return Ok(ExitCode::SUCCESS);
    }
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return Err("another TLS provider was installed before".into());
    }
    // Dropping the future ends every process and removes every folder.
    tokio::select! {
        done = run(&options) => done,
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| ExitCode::from(130)).map_err(Failed::from),
    }
}

/// Runs the sections; a goal that was missed is a failure once all of them have run.
async fn run(options: &Options) -> Result<ExitCode, Failed> {
    let mut report = Report::new(options.json, options.connections);
    for section in Section::value_variants() {
        if !options.only.is_empty() && !options.only.contains(section) {
            continue;
        }
        match section {
            Section::Cold => cold::run(options, &mut report).await?,
            Section::Latency => cold::run_with_latency(options, &mut report).await?,
            Section::Steady => steady::run(options, &mut report).await?,
            Section::Restart => restart::run(options, &mut report).await?,
            Section::Stalled => stalled::run(options, &mut report).await?,
            Section::StatusWrite => status_write::run(options, &mut report).await?,
            Section::Churn => churn::run(options, &mut report).await?,
        }
    }
    match report.missed() {
        0 => Ok(ExitCode::SUCCESS),
        missed => {
            report::progress(&format!("goals missed: {missed}"));
            Ok(ExitCode::FAILURE)
        }
    }
}
