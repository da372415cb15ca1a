//! A real registry (distribution) that wants login and token, and who pulls from it: a client of Go (go-containerregistry) that reads the
//! configuration of docker as Flux, ko, crane and others do, and containerd, with what Kubernetes' own package for the kubelet
//! finds in a pull secret: DockerConfigJson.

use std::{
    fs,
    net::TcpStream,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use control_plane::Port;
use github_pat_operator::domain::{output::Output, token::Token};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    material::{LOGIN, addresses, mounted, output, secret, token},
    programs::{built, command, fed, feed, from_debian, missing, printed, untried},
};

/// A program that serves on this machine; ended when dropped.
struct Daemon(Child);

impl Daemon {
    /// Starts it, and waits until it takes calls; gives its last words if it ends instead.
    fn start(mut command: Command, log: &Path, takes_calls: impl Fn() -> bool) -> Result<Daemon, String> {
        let file = fs::File::create(log).unwrap();
        command.stdout(Stdio::null()).stderr(file);
        let mut daemon = Daemon(command.spawn().unwrap());
        let begin = Instant::now();
        while !takes_calls() {
            if daemon.0.try_wait().unwrap().is_some() {
                let log = fs::read_to_string(log).unwrap();
                return Err(log.trim().lines().last().unwrap_or_default().to_owned());
            }
            assert!(begin.elapsed() < Duration::from_secs(30), "{command:?} takes no calls");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(daemon)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A registry that knows one token.
struct Registry {
    authority: String,
    /// The client for it.
    program: PathBuf,
    folder: TempDir,
    _daemon: Daemon,
}

impl Registry {
    fn start(token: &Token) -> Option<Registry> {
        let server = built("distribution", "github.com/distribution/distribution/v3/cmd/registry")?;
        let program = built("images", ".")?;
        let folder = tempfile::tempdir().unwrap();
        let line = printed(command(&program, folder.path()).args(["htpasswd", LOGIN, token.expose()]));
        fs::write(folder.path().join("htpasswd"), line).unwrap();
        let authority = Port::reserve().unwrap().keep().to_string();
        let configuration = json!({
            "version": 0.1,
            "http": { "addr": authority },
            "storage": { "filesystem": { "rootdirectory": folder.path().join("images") } },
            "auth": { "htpasswd": { "realm": "GitHub", "path": folder.path().join("htpasswd") } },
        });
        // JSON is YAML.
        fs::write(folder.path().join("config.yml"), configuration.to_string()).unwrap();
        let mut serve = command(&server, folder.path());
        serve.arg("serve").arg(folder.path().join("config.yml"));
        let daemon =
            Daemon::start(serve, &folder.path().join("log"), || TcpStream::connect(&authority).is_ok());
        Some(Registry { authority, program, folder, _daemon: daemon.unwrap() })
    }

    fn image(&self) -> String {
        format!("{}/acme/app:1", self.authority)
    }

    /// The client with the configuration that is mounted for this token.
    fn client(&self, token: &Token, registries: &[&str]) -> Command {
        let mounted = mounted(&pull_secret(registries), token, &addresses(&self.authority));
        let folder = self.folder.path().join("docker");
        fs::create_dir_all(&folder).unwrap();
        fs::copy(mounted.path().join(".dockerconfigjson"), folder.join("config.json")).unwrap();
        let mut command = command(&self.program, self.folder.path());
        command.env("DOCKER_CONFIG", folder);
        command
    }
}

fn pull_secret(registries: &[&str]) -> Output {
    output("DockerConfigJson", json!({ "registries": registries }))
}

#[test]
fn an_image_is_pushed_and_pulled_with_the_token_and_with_no_other() {
    let (good, other) = (token(), token());
    let Some(registry) = Registry::start(&good) else { return };
    let (authority, image) = (registry.authority.as_str(), registry.image());
    let with = |token: &Token, registries: &[&str]| registry.client(token, registries);

    printed(with(&good, &[]).args(["push", &image]));
    let digest = printed(with(&good, &[]).args(["digest", &image]));
    assert!(digest.starts_with("sha256:"), "{digest}");
    let several = ["registry.example", authority];
    assert_eq!(printed(with(&good, &several).args(["digest", &image])), digest, "one of several registries");
    for (name, mut command) in
        [("another token", with(&other, &[])), ("another registry", with(&good, &["registry.example"]))]
    {
        let output = command.args(["digest", &image]).output().unwrap();
        assert!(!output.status.success(), "{name}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("UNAUTHORIZED"), "{name}: {output:?}");
    }
}

/// A container runtime that pulls images and runs nothing; it is asked over its socket.
fn containerd(folder: &Path) -> Option<(Daemon, PathBuf)> {
    let program = from_debian(&["containerd"], "usr/bin/containerd")?;
    let (place, socket) = (folder.display(), folder.join("socket"));
    let configuration = format!(
        r#"version = 2
root = "{place}/root"
state = "{place}/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "{place}/socket"
[plugins."io.containerd.grpc.v1.cri"]
  disable_cgroup = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{place}/cni"
    conf_dir = "{place}/cni"
"#
    );
    fs::write(folder.join("config.toml"), configuration).unwrap();
    let mut serve = command(&program, folder);
    serve.arg("--config").arg(folder.join("config.toml"));
    match Daemon::start(serve, &folder.join("log"), || UnixStream::connect(&socket).is_ok()) {
        Ok(daemon) => Some((daemon, socket)),
        Err(said) => {
            // It does so without the rights of root.
            let tell = if rustix::process::geteuid().is_root() { missing } else { untried };
            tell("containerd", &format!("it does not start: {said}"));
            None
        }
    }
}

#[test]
fn containerd_pulls_with_what_the_kubelet_finds_in_the_pull_secret() {
    let (good, other) = (token(), token());
    let folder = tempfile::tempdir().unwrap();
    let Some(kubelet) = built("kubelet", ".") else { return };
    let Some((_containerd, socket)) = containerd(folder.path()) else { return };
    let Some(registry) = Registry::start(&good) else { return };
    let (authority, image) = (registry.authority.as_str(), registry.image());
    printed(registry.client(&good, &[]).args(["push", &image]));
    let pull = || {
        let mut pull = command(&kubelet, folder.path());
        pull.arg(&socket).arg(&image);
        pull
    };
    let of = |name: &str, token: &Token, registries: &[&str]| {
        let mut output = pull_secret(registries);
        output.secret_name = name.to_owned();
        secret(&output, token, &addresses(authority))
    };
    let refused = |secrets: &[Value], words: &str| {
        let output = feed(&mut pull(), secrets);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(words), "{said}");
    };
    refused(&[of("old", &other, &[])], "401 Unauthorized");
    refused(&[of("elsewhere", &good, &["registry.example"])], "no credentials");
    let rows = [
        ("its own registry", vec![of("new", &good, &[])]),
        ("one of several", vec![of("new", &good, &["registry.example", authority])]),
        ("the owner within it", vec![of("new", &good, &[&format!("{authority}/acme")])]),
        ("beside an old one", vec![of("old", &other, &[]), of("new", &good, &[])]),
    ];
    for (name, secrets) in rows {
        assert!(fed(&mut pull(), &secrets).starts_with("sha256:"), "{name}");
    }
}
