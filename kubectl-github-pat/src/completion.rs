//! `completion`: scripts for shells, and what they ask for: flags and values from the command line's own definition, names from the
//! cluster.

mod engine;

use std::process::ExitCode;

use clap::Command;
use github_pat_operator::cli::plain::plain;

use self::engine::{Wanted, wanted};
use crate::{
    cluster::{Cluster, Way},
    error::Error,
    list, screen,
};

/// Prints a script that completes the command line, with the names of connections from the cluster.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  kubectl github-pat completion bash > ~/.local/share/bash-completion/completions/kubectl-github_pat
  kubectl github-pat completion zsh > \"${fpath[1]}/_kubectl-github_pat\"
  kubectl github-pat completion fish > ~/.config/fish/completions/kubectl-github_pat.fish

kubectl asks a program of its own about the arguments of a plugin. To have it complete kubectl github-pat, put that one on the PATH:

  kubectl github-pat completion kubectl > ~/.local/bin/kubectl_complete-github_pat
  chmod +x ~/.local/bin/kubectl_complete-github_pat")]
pub(crate) struct Completion {
    /// For whom
    shell: Shell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Kubectl,
}

/// Prints what may stand at the end of these words, as programs made with cobra do: one a line, with its meaning behind a tab, and
/// at the end what else the shell may offer.
#[derive(Debug, clap::Args)]
pub(crate) struct Complete {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// The shell offers nothing by itself: <https://pkg.go.dev/github.com/spf13/cobra#ShellCompDirective>.
const NO_FILES: u8 = 4;
/// The shell offers files.
const FILES: u8 = 0;

pub(crate) fn run(completion: &Completion) -> Result<ExitCode, Error> {
    screen::print(match completion.shell {
        Shell::Bash => include_str!("completion/completion.bash"),
        Shell::Zsh => include_str!("completion/completion.zsh"),
        Shell::Fish => include_str!("completion/completion.fish"),
        Shell::Kubectl => include_str!("completion/kubectl.sh"),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Answers a shell about this command line. Whoever completes a word wants no faults told, so there are none.
pub(crate) async fn complete(complete: Complete, command: &Command) -> Result<ExitCode, Error> {
    let way = Way::among(&complete.words);
    let (rows, directive) = match wanted(command, &complete.words) {
        Wanted::Words(words) => (words, NO_FILES),
        Wanted::Files => (Vec::new(), FILES),
        Wanted::Connections(begin) => (named(way, &begin, list::names).await, NO_FILES),
        Wanted::Namespaces(begin) => (named(way, &begin, Cluster::namespaces).await, NO_FILES),
    };
    let mut text = String::new();
    for (word, meaning) in rows {
        text += &plain(&word);
        if !meaning.is_empty() {
            text.push('\t');
            text += &plain(&meaning);
        }
        text.push('\n');
    }
    screen::print(&format!("{text}:{directive}"))?;
    Ok(ExitCode::SUCCESS)
}

/// The names in the cluster that begin so; none if it cannot be asked.
async fn named<F: Future<Output = Result<Vec<String>, Error>>>(
    way: Way,
    begin: &str,
    ask: impl FnOnce(Cluster) -> F,
) -> Vec<(String, String)> {
    let Ok(cluster) = way.open().await else { return Vec::new() };
    let names = ask(cluster).await.unwrap_or_default();
    names.into_iter().filter(|name| name.starts_with(begin)).map(|name| (name, String::new())).collect()
}
