//! A container registry that lets one token in: distribution, as in the tests of consumers.

use std::{fs, path::PathBuf, process::Command};

use control_plane::{Guarded, Launch, Port};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::{
    cluster::SOON,
    node::{Node, PRIVATE},
    programs::{built, printed},
};

/// The account that all tokens are of.
pub(crate) const LOGIN: &str = "acme-ci";

pub(crate) struct Registry {
    /// Its address, which containerd asks over plain HTTP, since it is one of this machine alone.
    pub(crate) authority: String,
    folder: TempDir,
    process: Option<Guarded>,
}

/// The registry, and the program that makes its passwords; `None` if they cannot be had, which a line tells.
pub(crate) fn programs() -> Option<(PathBuf, PathBuf)> {
    let server = built("distribution", "github.com/distribution/distribution/v3/cmd/registry")?;
    Some((server, built("images", ".")?))
}

impl Registry {
    pub(crate) fn start() -> Registry {
        let authority = Port::reserve().unwrap().keep().to_string();
        Registry { authority, folder: tempfile::tempdir().unwrap(), process: None }
    }

    /// Lets this token in, and no other one.
    pub(crate) async fn let_in(&mut self, token: &str) {
        let (server, passwords) = programs().unwrap();
        let folder = self.folder.path();
        fs::write(folder.join("htpasswd"), printed(Command::new(passwords).args(["htpasswd", LOGIN, token])))
            .unwrap();
        let configuration = json!({
            "version": 0.1,
            "http": { "addr": self.authority },
            "storage": { "filesystem": { "rootdirectory": folder.join("images") } },
            "auth": { "htpasswd": { "realm": "GitHub", "path": folder.join("htpasswd") } },
        });
        // JSON is YAML.
        fs::write(folder.join("config.yml"), configuration.to_string()).unwrap();
        let launch = Launch::new(server).arguments(["serve", folder.join("config.yml").to_str().unwrap()]);
        // The old one ends first, since both want the same port.
        drop(self.process.take());
        self.process = Some(Guarded::spawn(&launch).unwrap());
        let listens = async {
            while TcpStream::connect(&self.authority).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(SOON, listens).await.unwrap();
    }

    /// The image that is pulled.
    pub(crate) fn image(&self) -> String {
        format!("{}/acme/app:1", self.authority)
    }

    /// Brings the image here from a node.
    pub(crate) fn push(&self, node: &Node, token: &str) {
        let image = self.image();
        node.ctr(&["image", "tag", PRIVATE, &image]);
        node.ctr(&["image", "push", "--plain-http", "--user", &format!("{LOGIN}:{token}"), &image]);
        node.ctr(&["image", "rm", &image]);
    }
}
