//! What an API server writes into an empty etcd when it starts: roles, namespaces and the like. The first one of this process writes it,
//! and the next ones find it there, which takes a third off the CPU time of their start.

use super::{ControlPlane, Error, Kubernetes, snapshot::DATA};
use std::{
    collections::HashMap,
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

/// Those of this process, by the Kubernetes that wrote them.
static TEMPLATES: LazyLock<Mutex<HashMap<Kubernetes, Arc<Template>>>> = LazyLock::new(Mutex::default);

/// The data of an etcd that was frozen after the start of an API server.
#[derive(Debug, Default)]
struct Template {
    folders: Vec<PathBuf>,
    files: Vec<Saved>,
}

/// A file of etcd, which reserves far more than it has written.
#[derive(Debug)]
struct Saved {
    name: PathBuf,
    /// All before the zeros at its end.
    bytes: Vec<u8>,
    length: u64,
}

impl ControlPlane {
    /// Gives etcd, which has not been started, what an API server would write into it; `false` if none of this process has done so yet.
    pub(super) fn lay_template(&self) -> Result<bool, Error> {
        let template = templates().get(&self.options.kubernetes).cloned();
        template.map_or(Ok(false), |template| template.lay(&self.path(DATA)).map(|()| true))
    }

    /// Keeps what the API server has written for those of the next control planes of this process. Nobody else has written yet.
    pub(super) async fn keep_template(&mut self) -> Result<(), Error> {
        let snapshot = self.save().await?;
        let mut template = Template::default();
        template.read(snapshot.folder(), Path::new(""))?;
        templates().insert(self.options.kubernetes, Arc::new(template));
        Ok(())
    }
}

fn templates() -> std::sync::MutexGuard<'static, HashMap<Kubernetes, Arc<Template>>> {
    TEMPLATES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Template {
    /// Takes in all below this folder of the saved one.
    fn read(&mut self, root: &Path, below: &Path) -> Result<(), Error> {
        let folder = root.join(below);
        for entry in fs::read_dir(&folder).map_err(failed(&folder))? {
            let entry = entry.map_err(failed(&folder))?;
            let name = below.join(entry.file_name());
            if entry.file_type().map_err(failed(&folder))?.is_dir() {
                self.folders.push(name.clone());
                self.read(root, &name)?;
            } else {
                let path = root.join(&name);
                let mut bytes = fs::read(&path).map_err(failed(&path))?;
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                let written =
                    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
                bytes.truncate(written);
                bytes.shrink_to_fit();
                self.files.push(Saved { name, bytes, length });
            }
        }
        Ok(())
    }

    fn lay(&self, data: &Path) -> Result<(), Error> {
        let folders = self.folders.iter().map(|name| data.join(name));
        for folder in std::iter::once(data.to_owned()).chain(folders) {
            fs::create_dir_all(&folder).map_err(failed(&folder))?;
            // etcd refuses data that others may read.
            fs::set_permissions(&folder, Permissions::from_mode(0o700)).map_err(failed(&folder))?;
        }
        for Saved { name, bytes, length } in &self.files {
            let path = data.join(name);
            let written = File::create(&path).and_then(|mut file| {
                file.set_permissions(Permissions::from_mode(0o600))?;
                file.write_all(bytes)?;
                file.set_len(*length)
            });
            written.map_err(failed(&path))?;
        }
        Ok(())
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::File { path, source }
}
