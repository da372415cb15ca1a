//! Opens the page in the browser without showing the link to other users of the machine, who see the arguments of every program.
//!
//! The browser is sent to a file that the user alone can read, which sends it on.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
};

use crate::{form::browse, screen};

/// The file, which goes when this is dropped.
pub(super) struct Opening(PathBuf);

impl Opening {
    /// Opens the link; nothing if the file cannot be written.
    pub(super) fn begin(link: &str) -> Option<Self> {
        let folder = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let path = folder.join(format!("kubectl-github-pat-{}.html", std::process::id()));
        match written(&path, link) {
            Ok(()) => {
                browse(&format!("file://{}", path.display()));
                Some(Opening(path))
            }
            Err(error) => {
                screen::say(&format!("cannot write {}: {error}; open the link by hand", path.display()));
                None
            }
        }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        // What is left behind is of no use to anybody: the link works once.
        let _ = fs::remove_file(&self.0);
    }
}

fn written(path: &PathBuf, link: &str) -> io::Result<()> {
    // What stands there may be somebody else's, or lead elsewhere.
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(
        file,
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\
         <meta http-equiv=\"refresh\" content=\"0; url={link}\"><title>kubectl github-pat</title><a href=\"{link}\">Open the page</a>"
    )
}
