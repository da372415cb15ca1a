//! `kubectl github-pat`: the GitHub personal access tokens of a cluster in a person's hands.
//!
//! It acts with the kubeconfig and the rights of whoever runs it. What a token is worth, what a reason means and where GitHub's
//! forms are it knows from the operator's library alone. The modules in reading order:

mod sheet;
mod when;

mod screen;
mod terminal;

mod error;
mod format;

mod apply;
mod cluster;
mod rights;

mod form;
mod offer;
mod trial;

mod course;
mod summary;

mod audit;
mod connect;
mod explain;
mod list;
mod rotate;
mod status;
mod wait;

mod ui;

mod completion;
mod left;
mod link;
mod manual;

mod cli;

use std::process::ExitCode;

use clap::{
    Parser,
    error::{ContextValue, ErrorKind},
};
use github_pat_operator::{
    cli::{
        holds_a_token,
        plain::plain,
        usage::{names_a_word, repeats_a_token},
    },
    domain::token::Token,
    dumps,
};

use crate::{cli::Cli, trial::Trial};

/// Wrong usage, as of the operator's own program; clap's 2 would say that a connection is undetermined.
const WRONG_USAGE: u8 = 3;

fn main() -> ExitCode {
    // Before anything is read: the environment may have a token.
    for error in dumps::forbid() {
        screen::say(&format!("warning: {error}"));
    }
    let _as_it_was = terminal::AsItWas;
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(start());
            // The resolver may hang for long in a thread of its own, which nobody waits for.
            runtime.shutdown_background();
            code
        }
        Err(error) => failed(&format!("cannot start: {error}"), 2),
    }
}

async fn start() -> ExitCode {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return failed("another TLS provider was installed before", 2);
    }
    let words: Vec<_> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    if words.iter().any(|word| in_parts(word, holds_a_token)) {
        return failed(
            "the command line has what looks like a token; it is not repeated here, but other users of the machine can see it there, and \
             the shell may keep it: a token is never an argument, so give it by --token-file, by a pipe or when asked, and revoke this one",
            WRONG_USAGE,
        );
    }
    if words.iter().any(|word| in_parts(word, Token::legacy_may_be_in)) && Trial::takes_legacy(&words) {
        return failed(
            "the command line has 40 hexadecimal digits, which a host of the settings file takes for a token of before 2021; they are not \
             repeated here, but other users of the machine can see them there, and the shell may keep them: a token is never an argument, so \
             give it by --token-file, by a pipe or when asked, and revoke this one",
            WRONG_USAGE,
        );
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if names_a_word(&error) || repeats_a_token(&error) => {
            return failed(
                "the command line has a word that cannot stand there; it is not repeated here, since it may be a token, which other \
                 users of the machine can see there: kubectl github-pat --help shows what can, and a token is never an argument",
                WRONG_USAGE,
            );
        }
        Err(error) => {
            let text = error.render().to_string();
            if !matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
                screen::say_lines(&with_plain_words(text, &error));
                return ExitCode::from(WRONG_USAGE);
            }
            return screen::print(&text).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
        }
    };
    match cli::run(cli).await {
        Ok(code) => code,
        Err(error) => failed(&error.to_string(), error.exit_code()),
    }
}

/// True if it is so of a word of the command line, or of what stands right behind the letters of flags, as in `-n` and `-An`.
fn in_parts(word: &str, is_so: fn(&str) -> bool) -> bool {
    let mut values =
        word.strip_prefix('-').into_iter().flat_map(|flags| (1..=2).filter_map(|cut| flags.get(cut..)));
    is_so(word) || values.any(is_so)
}

/// The text of clap, in which a word of the command line ends no line.
fn with_plain_words(text: String, error: &clap::Error) -> String {
    error.context().fold(text, |text, (_, value)| match value {
        ContextValue::String(word) => text.replace(word.as_str(), &plain(word)),
        _ => text,
    })
}

fn failed(message: &str, code: u8) -> ExitCode {
    screen::say(message);
    ExitCode::from(code)
}
