//! A real registry (distribution) that wants login and token, and a client of Go (go-containerregistry) that reads the configuration of
//! docker as the kubelet, Flux, ko, crane and others do: DockerConfigJson.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use github_pat_operator::domain::token::Token;
use serde_json::json;

use crate::{
    material::{LOGIN, addresses, mounted, output, token},
    programs::{built, command, printed},
};

/// A registry on this machine; ended when dropped.
struct Registry {
    process: Child,
    authority: String,
}

impl Registry {
    fn start(program: &Path, folder: &Path) -> Registry {
        let authority = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let configuration = json!({
            "version": 0.1,
            "http": { "addr": authority },
            "storage": { "filesystem": { "rootdirectory": folder.join("images") } },
            "auth": { "htpasswd": { "realm": "GitHub", "path": folder.join("htpasswd") } },
        });
        // JSON is YAML.
        fs::write(folder.join("config.yml"), configuration.to_string()).unwrap();
        let mut serve = command(program, folder);
        serve.arg("serve").arg(folder.join("config.yml")).stdout(Stdio::null()).stderr(Stdio::null());
        let registry = Registry { process: serve.spawn().unwrap(), authority };
        let begin = Instant::now();
        while std::net::TcpStream::connect(&registry.authority).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(30), "the registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        registry
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The client with the configuration that is mounted for this token.
fn client(program: &Path, home: &Path, token: &Token, authority: &str, registries: &[&str]) -> Command {
    let mounted = mounted(
        &output("DockerConfigJson", json!({ "registries": registries })),
        token,
        &addresses(authority),
    );
    let folder = home.join("docker");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(mounted.path().join(".dockerconfigjson"), folder.join("config.json")).unwrap();
    let mut command = command(program, home);
    command.env("DOCKER_CONFIG", folder);
    command
}

#[test]
fn an_image_is_pushed_and_pulled_with_the_token_and_with_no_other() {
    let Some(server) = built("distribution", "github.com/distribution/distribution/v3/cmd/registry") else {
        return;
    };
    let Some(program) = built("images", ".") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (good, other) = (token(), token());
    let line = printed(command(&program, folder.path()).args(["htpasswd", LOGIN, good.expose()]));
    fs::write(folder.path().join("htpasswd"), line).unwrap();
    let registry = Registry::start(&server, folder.path());
    let authority = registry.authority.as_str();
    let image = format!("{authority}/acme/app:1");
    let with =
        |token: &Token, registries: &[&str]| client(&program, folder.path(), token, authority, registries);

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
