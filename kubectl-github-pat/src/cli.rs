//! The subcommands.

use std::{
    io::{self, Read},
    process::ExitCode,
};

use clap::{CommandFactory, Parser, Subcommand};
use github_pat_operator::cli::{self as operator, Check};

use crate::{
    audit::{self, Auditing},
    completion::{self, Complete, Completion},
    connect::{self, Connect},
    error::Error,
    explain::{self, Explain},
    link::{self, Link},
    list::{self, List},
    manual::{self, Manual},
    offer,
    rotate::{self, Rotate},
    screen,
    status::{self, Status},
    terminal,
    ui::{self, Ui},
    wait::{self, Wait},
};

/// What each exit code means.
const EXIT_CODES: &str = "\
Exit codes:
  0    the connection, or the token, is usable; what was asked for is done
  1    it is not usable: only a person can help; audit has found something
  2    nobody can tell, or time ran out; or the cluster did not do what it was asked; audit could not look everywhere
  3    wrong usage: an argument, a file, a variable or a name is wrong, and nothing was written
  130  interrupted; ui, which is there until then, ends with 0";

/// The GitHub personal access tokens of a cluster in your hands, with your own rights.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES, bin_name = "kubectl github-pat", name = "kubectl-github_pat")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Connect(Box<Connect>),
    Rotate(Box<Rotate>),
    Status(Box<Status>),
    List(Box<List>),
    Explain(Explain),
    Wait(Box<Wait>),
    Ui(Box<Ui>),
    Audit(Box<Auditing>),
    Check(Box<Check>),
    Completion(Completion),
    Manual(Manual),
    Link(Link),
    #[command(name = "__complete", hide = true)]
    Complete(Complete),
}

/// Runs the subcommand.
///
/// # Errors
///
/// What kept it from its end.
pub(crate) async fn run(cli: Cli) -> Result<ExitCode, Error> {
    match cli.command {
        Command::Connect(connect) => connect::run(*connect).await,
        Command::Rotate(rotate) => rotate::run(*rotate).await,
        Command::Status(status) => status::run(*status).await,
        Command::List(list) => list::run(*list).await,
        Command::Explain(explain) => explain::run(&explain),
        Command::Wait(wait) => wait::run(*wait).await,
        Command::Ui(page) => ui::run(*page).await,
        Command::Audit(auditing) => audit::run(*auditing).await,
        Command::Completion(completion) => completion::run(&completion),
        Command::Manual(manual) => manual::run(&manual, Cli::command()),
        Command::Link(link) => link::run(link),
        Command::Complete(complete) => completion::complete(complete, &Cli::command()).await,
        Command::Check(check) => checked(*check).await,
    }
}

/// The operator's own check, but that a person at a terminal is asked for the token without its being shown.
async fn checked(check: Check) -> Result<ExitCode, Error> {
    let mut unread = None;
    let handed = || -> io::Result<Box<dyn Read>> {
        if !terminal::is_there() {
            return Ok(Box::new(io::stdin()));
        }
        match terminal::hidden(offer::QUESTION) {
            Ok(bytes) => Ok(Box::new(io::Cursor::new(bytes))),
            Err(error) => Err(io::Error::other(unread.insert(error).to_string())),
        }
    };
    let checking = operator::check(check, handed);
    let checked = screen::before_output("asking GitHub about the token", checking).await;
    match unread {
        Some(error) => Err(error),
        None => Ok(checked?),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn no_two_flags_are_in_each_others_way() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_page_of_help_has_what_stands_in_a_variable() {
        let mut command = Cli::command();
        command.build();
        let all = command.get_subcommands().flat_map(clap::Command::get_arguments);
        let mut read = all.filter(|argument| argument.get_env().is_some()).peekable();
        assert!(read.peek().is_some(), "some flags are read from variables");
        read.for_each(|argument| assert!(argument.is_hide_env_values_set(), "{argument}"));
    }

    /// docs/cli.md is generated: `WRITE_CLI=1 cargo test -p kubectl-github-pat the_page_of`.
    #[test]
    fn the_page_of_the_command_line_is_the_one_that_is_generated() {
        let mut command = Cli::command();
        command.build();
        let mut page = String::from(
            "# kubectl github-pat\n\nThe [plugin](../README.md#kubectl-github-pat) as its own help has it. This page is generated, and a \
             test compares it.\n",
        );
        let mut section = |heading: &str, command: &mut clap::Command| {
            let help = command.render_long_help().to_string();
            let lines: Vec<_> = help.lines().map(str::trim_end).collect();
            let _ = write!(page, "\n## {heading}\n\n```text\n{}\n```\n", lines.join("\n"));
        };
        section("All subcommands", &mut command.clone());
        for inner in
            command.get_subcommands_mut().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help")
        {
            let name = inner.get_name().to_owned();
            section(&name, inner);
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md");
        if std::env::var_os("WRITE_CLI").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let stands = std::fs::read_to_string(path).unwrap_or_default();
        assert!(stands == page, "run: WRITE_CLI=1 cargo test -p kubectl-github-pat the_page_of");
    }
}
