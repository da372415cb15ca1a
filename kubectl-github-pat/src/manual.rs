//! `manual`: the pages for man.

use std::{path::PathBuf, process::ExitCode};

use clap::Command;
use github_pat_operator::settings::unread;

use crate::error::Error;

/// Writes the manual pages to a folder, one for each subcommand.
#[derive(Debug, clap::Args)]
pub(crate) struct Manual {
    /// The folder, such as ~/.local/share/man/man1
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

pub(crate) fn run(manual: &Manual, command: Command) -> Result<ExitCode, Error> {
    let folder = &manual.folder;
    let written = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
    match written {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(Error::Usage(format!("cannot write to {}: {}", folder.display(), unread(&error)))),
    }
}
