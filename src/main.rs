//! Parses the command line, runs it, turns the result into an exit code.

use std::{io::Write, process::ExitCode};

use clap::{Parser, error::ErrorKind};
use github_pat_operator::cli::{self, Cli};

/// Wrong usage, for all subcommands; clap's own 2 would say that a token is undetermined.
const WRONG_USAGE: u8 = 3;

#[tokio::main]
async fn main() -> ExitCode {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return failed("another TLS provider was installed before", 1);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            let printed = error.print().is_ok();
            return if asked_for && printed { ExitCode::SUCCESS } else { ExitCode::from(WRONG_USAGE) };
        }
    };
    match cli::run(cli).await {
        Ok(code) => code,
        Err(error) => failed(&error.to_string(), error.exit_code()),
    }
}

fn failed(message: &str, code: u8) -> ExitCode {
    // There is nowhere to say that standard error is closed.
    let _ = writeln!(std::io::stderr(), "github-pat-operator: {message}");
    ExitCode::from(code)
}
