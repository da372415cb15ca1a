//! The binary and its example.

use crate::client::{client, json};
use std::{collections::BTreeMap, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/example.yaml");

fn binary(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_github-simulator"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

#[tokio::test]
async fn it_starts_from_the_example_and_prints_tokens_and_url() {
    let mut child =
        binary(&["--config", EXAMPLE, "--print-tokens", "--listen", "127.0.0.1:0"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut tokens = BTreeMap::new();
    let url = loop {
        let line = lines.next_line().await.unwrap().expect("the url is the last line");
        match line.split_once(": ") {
            Some((name, text)) => tokens.insert(name.to_owned(), text.to_owned()),
            None => break line,
        };
    };
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let rows = [
        ("ci", vec![200, 200]),
        ("ci-fine", vec![200]),
        ("reader", vec![200]),
        ("pusher", vec![200]),
        ("laptop", vec![200]),
        ("app", vec![200]),
        ("actions", vec![403]),
        ("gone", vec![403]),
        ("old", vec![401]),
        ("forever", vec![200, 200, 200, 403]),
        ("flaky", vec![503, 403]),
    ];
    let client = client();
    assert_eq!(tokens.len(), rows.len());
    for (name, statuses) in rows {
        for status in statuses {
            let response = client.get(format!("{url}/user")).bearer_auth(&tokens[name]).send().await.unwrap();
            assert_eq!(response.status(), status, "{name}");
        }
    }
    let organization =
        client.get(format!("{url}/orgs/acme")).bearer_auth(&tokens["ci"]).send().await.unwrap();
    assert_eq!(json(organization).await["login"], "acme");
    let rows = [
        ("reader", "/repos/acme/app", 200),
        ("reader", "/repos/acme/app/issues", 200),
        ("reader", "/repos/acme/app/pulls", 403),
        ("reader", "/repos/acme/old", 301),
        ("pusher", "/repos/acme/app", 200),
        ("laptop", "/repos/acme/app", 403),
        ("forever", "/orgs/acme", 403),
    ];
    for (name, path, status) in rows {
        let request = client.get(format!("{url}{path}")).bearer_auth(&tokens[name]);
        assert_eq!(request.send().await.unwrap().status(), status, "{name} {path}");
    }
    for path in [
        "/acme/app.git/info/refs?service=git-receive-pack",
        "/token?scope=repository%3Aacme%2Fapp%3Apull&service=here",
    ] {
        let request = client.get(format!("{url}{path}")).basic_auth("acme-ci", Some(&tokens["pusher"]));
        assert_eq!(request.send().await.unwrap().status(), 200, "{path}");
    }
}

#[tokio::test]
async fn it_can_count_without_a_log() {
    let arguments = ["--config", EXAMPLE, "--counts-only"];
    let mut child = binary(&arguments).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines.next_line().await.unwrap().unwrap();
    let client = client();
    client.get(format!("{url}/user")).send().await.unwrap();
    let told =
        async |page: &str| json(client.get(format!("{url}/_simulator/{page}")).send().await.unwrap()).await;
    assert_eq!(told("calls").await, serde_json::json!([]));
    assert_eq!(told("statistics").await["calls"], 1);
}

#[tokio::test]
async fn it_refuses_what_it_cannot_do_in_one_sentence() {
    let rows: [(&[&str], &str); 6] = [
        (&[], "--config is missing"),
        (&["--config"], "--config needs a value"),
        (&["--config", EXAMPLE, "--listen", "0.0.0.0:0"], "listens on loopback addresses only"),
        (&["--config", EXAMPLE, "--listen", "here"], "--listen: `here` is not like"),
        (&["--config", "/nowhere.yaml"], "cannot read /nowhere.yaml"),
        (&["--verbose"], "there is no argument --verbose"),
    ];
    for (arguments, sentence) in rows {
        let output = binary(arguments).output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(sentence), "{arguments:?}: {said}");
    }
}
