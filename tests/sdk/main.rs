//! The examples of `sdk/` on a real API server, as `.ci/sdk` has built them: each creates a connection, and waits until the operator has
//! judged its token.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "what goes wrong in a test shall stop it where it stands, and tell why"
)]

#[path = "../it/mode.rs"]
mod mode;
#[path = "../it/release.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod release;
#[path = "../it/world.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod world;

use std::{
    fs,
    path::{Path, PathBuf},
};

use github_pat_operator::settings::from_yaml;
use github_simulator::NewToken;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    process::Command,
};

use world::{NAMESPACE, World};

/// Where `.ci/sdk` builds.
fn built(file: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/sdk").join(file);
    assert!(path.exists(), "{} is not there: run .ci/sdk", path.display());
    path
}

/// The administrator's kubeconfig, with the namespace in its context.
fn kubeconfig(world: &World, folder: &Path) -> PathBuf {
    let text = fs::read_to_string(world.plane.admin_kubeconfig()).unwrap();
    let mut whole: Value = from_yaml(&text).unwrap();
    whole["contexts"][0]["context"]["namespace"] = NAMESPACE.into();
    let path = folder.join("kubeconfig");
    fs::write(&path, whole.to_string()).unwrap();
    path
}

#[tokio::test]
async fn each_example_creates_a_connection_and_waits_for_it() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let good = world.github.token(NewToken::classic("good", "acme-ci").scopes(&["repo"]));
    let lacking = world.github.token(NewToken::classic("lacking", "acme-ci").scopes(&["gist"]));
    world.secret("good", &good).await;
    world.secret("lacking", &lacking).await;
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = kubeconfig(&world, folder.path());
    let run = async |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        let output = command.args(arguments).env("KUBECONFIG", &kubeconfig).output().await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code(), said)
    };
    let (node, typescript) = (Path::new("node"), built("typescript/built/example.js"));
    let schema = built("schema/example.mjs");
    let manifest = fs::read_to_string(built("schema/connection.yaml")).unwrap();
    for (secret, code, expected) in [
        ("good", 0, "Ready: GitHub accepts the token"),
        ("lacking", 1, "ScopeMissing: the token lacks the scope repo"),
    ] {
        let name = |language: &str| format!("{language}-{secret}");
        let manifest = manifest.replace("name: ci-bot-pat", &format!("name: {secret}"));
        let manifest =
            manifest.replace("ci-bot", &name("schema")).replace("spec:\n", "spec:\n  host: simulated\n");
        let file = folder.path().join(format!("{}.yaml", name("schema")));
        fs::write(&file, &manifest).unwrap();
        let ended = [
            run(&built("example"), &[&name("go"), secret, "simulated"]).await,
            run(node, &[typescript.to_str().unwrap(), &name("typescript"), secret, "simulated"]).await,
            run(node, &[schema.to_str().unwrap(), file.to_str().unwrap()]).await,
        ];
        for (ended, said) in ended {
            assert!(ended == Some(code) && said.starts_with(expected), "{ended:?}: {said}");
        }
        for language in ["go", "typescript", "schema"] {
            let made = world.value(&format!("{}-git", name(language)), "password").await;
            assert_eq!(made, (code == 0).then(|| good.clone()), "{language}");
        }
    }
    // Nobody can tell: the name is taken, the API server is away, or nothing is said of what to create.
    let away = folder.path().join("away");
    let text = fs::read_to_string(&kubeconfig).unwrap();
    let mut whole: Value = from_yaml(&text).unwrap();
    whole["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1".into();
    fs::write(&away, whole.to_string()).unwrap();
    let taken = folder.path().join("schema-good.yaml");
    let again: [(&Path, Vec<&str>); 3] = [
        (&built("example"), vec!["go-good", "good", "simulated"]),
        (node, vec![typescript.to_str().unwrap(), "typescript-good", "good", "simulated"]),
        (node, vec![schema.to_str().unwrap(), taken.to_str().unwrap()]),
    ];
    for (program, arguments) in &again {
        let (ended, said) = run(program, arguments).await;
        assert!(ended == Some(2) && said.contains("already exists"), "{arguments:?}: {ended:?}: {said}");
        let mut command = Command::new(program);
        let output = command.args(arguments).env("KUBECONFIG", &away).output().await.unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        let arguments: Vec<_> = arguments.iter().copied().filter(|word| word.ends_with("js")).collect();
        let (ended, said) = run(program, &arguments).await;
        assert_eq!(ended, Some(2), "{arguments:?}: {said}");
    }
    let wrong = folder.path().join("wrong.yaml");
    fs::write(&wrong, manifest.replace("scopes:", "scope:")).unwrap();
    let (ended, said) = run(node, &[schema.to_str().unwrap(), wrong.to_str().unwrap()]).await;
    assert!(
        ended == Some(3) && said.contains("/spec/require") && said.contains("\"scope\""),
        "{ended:?}: {said}"
    );
}

/// An API server that ends each watch at once, as one does that is about to stop, and the second one once the connection is ready.
async fn ends_watches(listener: TcpListener) {
    let mut watches = 0_u32;
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        let is_whole = |request: &[u8]| {
            let text = String::from_utf8_lossy(request);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
            let lines = head.to_ascii_lowercase();
            let length = lines.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            body.len() >= length.unwrap_or(0)
        };
        while !is_whole(&request) && stream.read_buf(&mut request).await.unwrap() > 0 {}
        let request = String::from_utf8(request).unwrap();
        let ready =
            json!({ "type": "Ready", "status": "True", "reason": "Ready", "message": "the second watch" });
        let connection = json!({
            "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection",
            "metadata": { "name": "ci-bot", "namespace": "default", "generation": 1 }, "spec": {},
            "status": { "observedGeneration": 1, "conditions": [ready] },
        });
        let resource = json!({ "name": "githubpatconnections", "kind": "GithubPatConnection", "namespaced": true, "verbs": [] });
        let (status, body) = if request.contains("/githubpatconnections?") && request.starts_with("GET") {
            watches += 1;
            let event = json!({ "type": "ADDED", "object": connection });
            ("200 OK", if watches == 1 { String::new() } else { format!("{event}\n") })
        } else if request.starts_with("POST") {
            ("201 Created", connection.to_string())
        } else {
            let list = json!({ "kind": "APIResourceList", "groupVersion": "githubpat.dev/v1alpha1", "resources": [resource] });
            ("200 OK", list.to_string())
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn a_watch_that_the_api_server_ends_early_is_begun_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(ends_watches(listener));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "clusters": [{ "name": "it", "cluster": { "server": server, "insecure-skip-tls-verify": true } }],
        "users": [{ "name": "it", "user": {} }],
        "contexts": [{ "name": "it", "context": { "cluster": "it", "user": "it", "namespace": "default" } }],
    });
    fs::write(&path, kubeconfig.to_string()).unwrap();
    let (schema, typescript) = (built("schema/example.mjs"), built("typescript/built/example.js"));
    let manifest = built("schema/connection.yaml");
    let rows = [
        vec![schema.to_str().unwrap(), manifest.to_str().unwrap()],
        vec![typescript.to_str().unwrap(), "ci-bot", "pat"],
    ];
    for arguments in rows {
        let output = Command::new("node").args(&arguments).env("KUBECONFIG", &path).output().await.unwrap();
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), said.as_str()),
            (Some(0), "Ready: the second watch\n"),
            "{arguments:?}"
        );
    }
    serving.abort();
}
