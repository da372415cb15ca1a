//! `link`: the program under its short name.

use std::{
    env, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::ExitCode,
};

use github_pat_operator::{cli::unless_a_token, settings::unread};

use crate::{error::Error, screen};

/// The name of the program.
const PROGRAM: &str = "kubectl-github_pat";
/// The name under which kubectl finds it as `kubectl ghpat`.
const SHORT: &str = "kubectl-ghpat";

/// Links the program as kubectl-ghpat, so that kubectl ghpat runs it too.
///
/// The link is made beside the program, where PATH finds it, and stays good when the program is replaced. krew's archives have no links, so
/// this is done once after an installation. What has that name already is left alone.
#[derive(Debug, clap::Args)]
pub(crate) struct Link {}

pub(crate) fn run(Link {}: Link) -> Result<ExitCode, Error> {
    let Some(folder) = folder() else {
        return Err(Error::Usage(format!("PATH has no folder with {PROGRAM}: put it into one first")));
    };
    let link = folder.join(SHORT);
    let made = symlink(PROGRAM, &link);
    let is_there = || link.read_link().is_ok_and(|target| target == Path::new(PROGRAM));
    let named = link.display();
    match made {
        Ok(()) => screen::print(unless_a_token(&format!("{named} is made: kubectl ghpat")))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_there() => {
            screen::print(unless_a_token(&format!("{named} is there already: kubectl ghpat")))?;
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Error::Usage(format!(
                "{named} is something else already, and is left alone: move it away, and run kubectl github-pat link again"
            )));
        }
        Err(error) => {
            return Err(Error::Usage(format!(
                "cannot make {named}: {}: run as who may write there, or ln -s {PROGRAM} {SHORT} in a folder of PATH where {PROGRAM} is",
                unread(&error)
            )));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Where PATH finds the program.
fn folder() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).find(|folder| folder.join(PROGRAM).is_file())
}
