//! Forbids dumps of its memory, parses the command line, runs it, turns the result into an exit code.

use std::{io::Write, process::ExitCode};

use clap::{Parser, error::ErrorKind};
use github_pat_operator::{
    cli::{
        self, Cli, unless_a_token,
        usage::{names_a_word, repeats_a_token},
    },
    dumps,
};

/// Wrong usage, for all subcommands; clap's own 2 would say that a token is undetermined.
const WRONG_USAGE: u8 = 3;

fn main() -> ExitCode {
    // Before anything is read: the environment may have a token.
    for error in dumps::forbid() {
        say(&format!("warning: {error}"));
    }
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(start());
            // The resolver may hang for long in a thread of its own, which nobody waits for.
            runtime.shutdown_background();
            code
        }
        Err(error) => failed(&format!("cannot start: {error}"), 1),
    }
}

async fn start() -> ExitCode {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return failed("another TLS provider was installed before", 1);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if names_a_word(&error) => {
            return failed(
                "the command line has a word where only a flag or one of run, crds and check can stand; it is not repeated \
                 here, since it may be a token, which is read from --secret-file, GITHUB_TOKEN or standard input",
                WRONG_USAGE,
            );
        }
        Err(error) if repeats_a_token(&error) => {
            return failed(
                "the command line has what looks like a token, which other users of the machine can see there: give it by \
                 --secret-file, GITHUB_TOKEN or standard input",
                WRONG_USAGE,
            );
        }
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
    say(message);
    ExitCode::from(code)
}

fn say(message: &str) {
    // There is nowhere to say that standard error is closed.
    let _ = writeln!(std::io::stderr(), "github-pat-operator: {}", unless_a_token(message));
}
