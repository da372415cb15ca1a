//! git itself, cloning from and pushing to a server over HTTP that takes one login and one token: GitCredentials, Netrc, BasicAuth,
//! Opaque, whose one key has the password, and the pairs of FluxGit, the formats of Argo CD, and Jenkins, which are the same two keys.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    material::{LOGIN, addresses, mounted, output, token},
    programs::{command, installed, printed},
    server::{Scheme, Server, Service},
};

/// A folder with the repository `acme/app.git`, which takes pushes.
pub(crate) fn repositories(git: &Path) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let bare = root.path().join("acme/app.git");
    fs::create_dir_all(&bare).unwrap();
    let mut init = command(git, root.path());
    printed(init.args(["init", "--quiet", "--bare", "--initial-branch=main"]).arg(&bare));
    printed(command(git, root.path()).arg("-C").arg(&bare).args(["config", "http.receivepack", "true"]));
    root
}

/// Clones, commits and pushes with these further arguments of git.
pub(crate) fn clones_and_pushes(git: &Path, home: &Path, configuration: &[(&str, &str)], url: &str) {
    let work = tempfile::tempdir().unwrap();
    let folder = work.path().join("app");
    let run = |arguments: &[&str], here: &Path| {
        let mut command = command(git, home);
        command.current_dir(here).env("GIT_TERMINAL_PROMPT", "0").env("GIT_CONFIG_NOSYSTEM", "1");
        for (name, value) in configuration {
            command.args(["-c", &format!("{name}={value}")]);
        }
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.com"]).args(arguments);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains("fatal"), "{command:?}: {}\n{said}", output.status);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    run(&["clone", "--quiet", url, "app"], work.path());
    run(&["commit", "--quiet", "--allow-empty", "--message", "one"], &folder);
    run(&["push", "--quiet", "origin", "HEAD:main"], &folder);
    let refs = run(&["ls-remote", "origin", "refs/heads/main"], &folder);
    assert!(refs.contains("refs/heads/main"), "{refs}");
}

/// The helper of `docs/consumers/git.md`, for a file in this folder.
fn helper(folder: &Path) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/consumers/git.md");
    let page = fs::read_to_string(page).unwrap();
    let rest = page.split("GIT_CONFIG_VALUE_0, value: '").nth(1).unwrap();
    rest.split('\'').next().unwrap().replace("/etc/git", &folder.display().to_string())
}

/// A program for `GIT_ASKPASS` that answers with the files of a mounted Secret.
fn askpass(home: &Path, folder: &Path, password: &str) -> PathBuf {
    let path = home.join("askpass");
    let folder = folder.display();
    let script = format!(
        "#!/bin/sh\ncase \"$1\" in Username*) cat {folder}/username ;; *) cat {folder}/{password} ;; esac\n"
    );
    fs::write(&path, script).unwrap();
    assert!(Command::new("chmod").arg("+x").arg(&path).status().unwrap().success());
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn git_clones_and_pushes_with_every_format_that_is_for_it() {
    let Some(git) = installed("git") else { return };
    let argocd = |at: &str| json!({ "url": format!("http://{at}/acme/") });
    let formats = [
        "GitCredentials",
        "Netrc",
        "BasicAuth",
        "Opaque",
        "FluxGit",
        "Jenkins",
        "ArgoCDRepoCreds",
        "ArgoCDRepositoryWrite",
    ];
    for format in formats {
        let root = repositories(&git);
        let token = token();
        let server = Server::start(&token, Scheme::Basic, |_| Service::Git(root.path().to_owned())).await;
        let fields = if format.starts_with("ArgoCD") { argocd(&server.authority) } else { json!({}) };
        let folder = mounted(&output(format, fields), &token, &addresses(&server.authority));
        let home = tempfile::tempdir().unwrap();
        let configuration: Vec<(&str, String)> = match format {
            "GitCredentials" => {
                // Nobody can write to the store while its lock is taken, not even root, as in the volume of a Secret.
                fs::write(folder.path().join(".git-credentials.lock"), "").unwrap();
                vec![("credential.helper", helper(folder.path()))]
            }
            "Netrc" => {
                fs::copy(folder.path().join(".netrc"), home.path().join(".netrc")).unwrap();
                vec![]
            }
            "Opaque" => vec![
                ("core.askPass", askpass(home.path(), folder.path(), "token").display().to_string()),
                ("credential.username", LOGIN.to_owned()),
            ],
            _ => {
                vec![("core.askPass", askpass(home.path(), folder.path(), "password").display().to_string())]
            }
        };
        let configuration: Vec<_> =
            configuration.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let url = format!("http://{}/acme/app.git", server.authority);
        clones_and_pushes(&git, home.path(), &configuration, &url);
        let refused = server.refused();
        assert!(refused.iter().all(Option::is_none), "{format}: {refused:?}");
        assert!(server.served().iter().any(|path| path.ends_with("/git-receive-pack")), "{format}");
    }
}
