//! Going back to what etcd held at an earlier moment, as an administrator does who restores a backup.

use super::{ControlPlane, Error};
use crate::binaries::Program;
use std::{fs, io, path::Path};
use tempfile::TempDir;

/// All that etcd held when it was saved. It is gone when this value or its control plane is dropped.
#[derive(Debug)]
pub struct Snapshot {
    folder: TempDir,
}

impl ControlPlane {
    /// Saves what etcd holds: every answered write, and perhaps one that is not answered yet.
    ///
    /// Clients notice a pause of a fraction of a second only, for etcd is frozen meanwhile; one that is stopped or frozen
    /// already is left so.
    ///
    /// # Errors
    ///
    /// When etcd cannot be frozen or its data not be copied.
    pub async fn save(&mut self) -> Result<Snapshot, Error> {
        let made = tempfile::Builder::new().prefix("etcd-saved-").tempdir_in(self.directory());
        let folder = made.map_err(|source| Error::File { path: self.directory().to_owned(), source })?;
        let was_running = self.process_id(Program::Etcd).is_some() && !self.is_frozen(Program::Etcd);
        if was_running {
            self.freeze(Program::Etcd).await?;
        }
        // Frozen, its files are as they would be found after a crash, which etcd is made to start from.
        let copied = copy(&self.path(DATA), folder.path());
        if was_running {
            self.thaw(Program::Etcd).await?;
        }
        copied?;
        Ok(Snapshot { folder })
    }

    /// Goes back to a snapshot: stops the API server and etcd, gives etcd its old data, and starts both on the port and with
    /// the certificates they had.
    ///
    /// All that was written since is gone, and resource versions are given out again. Clients find their connections broken;
    /// kube-controller-manager runs on.
    ///
    /// # Errors
    ///
    /// When a process cannot be ended or started, or the data not be copied. The snapshot stays good.
    pub async fn restore(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        self.stop_api_server()?;
        self.stop_etcd()?;
        let data = self.path(DATA);
        fs::remove_dir_all(&data).map_err(|source| Error::File { path: data.clone(), source })?;
        copy(snapshot.folder.path(), &data)?;
        self.start_etcd().await?;
        self.start_api_server().await
    }
}

impl Snapshot {
    /// The folder that has the files of etcd.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// The folder of etcd's data in that of the control plane.
pub(super) const DATA: &str = "etcd";

/// Copies a folder and all below it.
fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| Error::File { path, source }
    };
    fs::create_dir_all(to).map_err(failed(to))?;
    // etcd refuses data that others may read.
    let permissions = fs::metadata(from).map_err(failed(from))?.permissions();
    fs::set_permissions(to, permissions).map_err(failed(to))?;
    for entry in fs::read_dir(from).map_err(failed(from))? {
        let entry = entry.map_err(failed(from))?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().map_err(failed(&from))?.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to).map_err(failed(&from))?;
        }
    }
    Ok(())
}
