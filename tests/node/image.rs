//! Images that are made here: one layer, in the form in which `docker save` writes them.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::programs::printed;

/// Where Debian and the Dockerfile have the authorities that everybody trusts.
const AUTHORITIES: &str = "etc/ssl/certs/ca-certificates.crt";

/// The files of an image in the making.
pub(crate) struct Root(TempDir);

impl Root {
    /// With the operator as it was built for the tests, and the libraries that it is linked with.
    pub(crate) fn of_the_operator() -> Root {
        let (root, program) = (Root::empty(), Path::new(env!("CARGO_BIN_EXE_github-pat-operator")));
        root.copy(program, "github-pat-operator");
        root.copy(&Path::new("/").join(AUTHORITIES), AUTHORITIES);
        let linked = printed(Command::new("ldd").arg(program));
        for library in linked.split_whitespace().filter(|word| word.starts_with('/')) {
            root.copy(Path::new(library), library.trim_start_matches('/'));
        }
        root
    }

    /// With a shell and what scripts need.
    pub(crate) fn of_busybox(program: &Path) -> Root {
        let root = Root::empty();
        root.copy(program, "bin/busybox");
        for applet in printed(Command::new(program).arg("--list")).lines().filter(|name| *name != "busybox") {
            symlink("busybox", root.0.path().join("bin").join(applet)).unwrap();
        }
        root
    }

    fn empty() -> Root {
        let folder = tempfile::tempdir().unwrap();
        // It is the root folder of whoever runs in it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Root(folder)
    }

    fn copy(&self, from: &Path, to: &str) {
        let to = self.0.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }

    /// The archive of an image of these names with these files, in the folder.
    pub(crate) fn archive(&self, names: &[&str], config: &Value, folder: &Path) -> PathBuf {
        let parts = tempfile::tempdir_in(folder).unwrap();
        let layer = parts.path().join("layer.tar");
        tar(self.0.path(), &["."], &layer);
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": config,
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", digest(&layer))] },
        });
        let manifest = json!([{ "Config": "config.json", "RepoTags": names, "Layers": ["layer.tar"] }]);
        for (name, value) in [("config.json", config), ("manifest.json", manifest)] {
            fs::write(parts.path().join(name), value.to_string()).unwrap();
        }
        let archive = folder.join(format!("{}.tar", names[0].replace(['/', ':'], "-")));
        tar(parts.path(), &["manifest.json", "config.json", "layer.tar"], &archive);
        archive
    }
}

fn tar(folder: &Path, names: &[&str], archive: &Path) {
    let owned = ["--owner=0", "--group=0", "--numeric-owner"];
    printed(Command::new("tar").args(owned).arg("-C").arg(folder).arg("-cf").arg(archive).args(names));
}

fn digest(file: &Path) -> String {
    printed(Command::new("sha256sum").arg(file))[..64].to_owned()
}
