//! The binary from outside: what it exits with, what it prints, and what it never prints.

mod authorities;
mod manifests;
mod purposes;
mod usage;
mod words;

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use control_plane::{Guarded, Launch};
use futures::{StreamExt, stream};
use github_pat_operator::domain::token::Token;
use github_simulator::{NewToken, Outage, Reply, Simulator, TokenKind, token_text_for};
use jiff::{SignedDuration, Timestamp};
use proptest::{
    collection::vec,
    prelude::{Strategy, any, prop_oneof},
    strategy::ValueTree,
    test_runner::TestRunner,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::world::World;

const BINARY: &str = env!("CARGO_BIN_EXE_github-pat-operator");

/// A GitHub, and a folder with settings that know it as the host `simulated`.
struct Desk {
    github: Simulator,
    folder: TempDir,
}

/// How the binary ended.
#[derive(Debug)]
struct Ended {
    code: i32,
    out: String,
    err: String,
}

#[tokio::test]
async fn check_says_by_its_exit_code_whether_the_token_is_usable() {
    let desk = Desk::new().await;
    let github = &desk.github;
    let docker = "publish: [{ secretName: pull, format: DockerConfigJson }]";
    let public = "publish: [{ secretName: pull, format: DockerConfigJson, publicOnly: true }]";
    let past = "github-authentication-token-expiration";
    let user = Reply::json(&serde_json::json!({ "login": "acme-ci", "id": 1 }));
    let body = r#"{"login":"acme-ci","id":1}"#.to_owned();
    let bare = Reply::Answer { status: 200, headers: Vec::new(), body };
    let one = |reply: Reply| vec![reply];
    let saml = r#"{"message":"Resource protected by organization SAML enforcement."}"#.to_owned();
    let saml = Reply::Answer { status: 403, headers: Vec::new(), body: saml };
    let refused_once = vec![Reply::bad_credentials(), Reply::AsUsual];
    let refused_then_out = vec![Reply::bad_credentials(), Reply::Status(503)];
    // Name, kind, what happens to it, spec of the manifest if there is one, exit code, words of the output, questions.
    let rows: Vec<(&str, TokenKind, Vec<Reply>, &str, i32, &str, usize)> = vec![
        ("classic", TokenKind::Classic, vec![], "", 0, "Ready            True", 1),
        ("fine", TokenKind::FineGrained, vec![], "interval: 1h", 0, "Ready            True", 1),
        ("scopes", TokenKind::Classic, vec![], "require: { scopes: [public_repo] }", 0, "RequirementsMet", 1),
        ("docker", TokenKind::Classic, vec![], docker, 1, "the scope read:packages", 1),
        ("public", TokenKind::Classic, vec![], public, 0, "Ready            True", 1),
        ("flaky", TokenKind::Classic, refused_once, "", 0, "Ready            True", 2),
        (
            "missing",
            TokenKind::Classic,
            vec![],
            "require: { scopes: [admin:org] }",
            1,
            "lacks the scope admin:org",
            1,
        ),
        ("oauth", TokenKind::OAuth, vec![], "", 1, "KindNotAllowed", 1),
        (
            "endless",
            TokenKind::Classic,
            vec![],
            "require: { expiry: { required: true } }",
            1,
            "ExpiryRequired",
            1,
        ),
        ("pull", TokenKind::FineGrained, vec![], docker, 1, "FormatNeedsClassic", 1),
        // An acceptance outweighs a date that had passed.
        (
            "past",
            TokenKind::Classic,
            one(user.with_header(past, "2020-01-01 00:00:00 UTC")),
            "",
            0,
            "ExpiryImplausible",
            1,
        ),
        (
            "suspended",
            TokenKind::Classic,
            vec![Reply::suspended(), Reply::suspended()],
            "",
            1,
            "AccountSuspended",
            2,
        ),
        ("refused", TokenKind::Classic, vec![Reply::bad_credentials(); 2], "", 1, "BadCredentials", 2),
        // It needs a person, though GitHub says nothing against the token.
        ("restricted", TokenKind::Classic, one(saml), "", 1, "AccessRestricted", 1),
        ("half", TokenKind::Classic, refused_then_out, "", 2, "ServerError", 2),
        (
            "limited",
            TokenKind::Classic,
            one(Reply::secondary_limit(Some(60))),
            "",
            2,
            "SecondaryRateLimited",
            1,
        ),
        ("locked", TokenKind::Classic, one(Reply::login_locked()), "", 2, "LoginLocked", 1),
        ("cut", TokenKind::Classic, one(Reply::Cut), "", 2, "ConnectionBroken", 1),
        (
            "elsewhere",
            TokenKind::Classic,
            one(Reply::redirect("https://github.com/")),
            "",
            2,
            "Redirected",
            1,
        ),
        (
            "lost",
            TokenKind::Classic,
            one(Reply::requires_authentication()),
            "",
            2,
            "CredentialsNotReceived",
            1,
        ),
        ("stripped", TokenKind::Classic, one(bare), "require: { scopes: [repo] }", 2, "ScopesUnknown", 1),
        ("out", TokenKind::Classic, one(Reply::Status(503)), "", 2, "ServerError", 1),
    ];
    let asked = rows.into_iter().map(async |(name, kind, replies, spec, code, words, questions)| {
        let mut new = NewToken::of(kind, name, "acme-ci");
        if kind == TokenKind::Classic {
            new = new.scopes(&["repo"]);
        }
        let text = github.token(new);
        github.script(name, replies);
        let manifest = desk.manifest(spec);
        let mut arguments = vec!["--confirm-after", "1s", "--log-filter", "trace"];
        arguments.extend(if spec.is_empty() { ["--host", "simulated"] } else { ["-f", &manifest] });
        let ended = desk.check(&arguments, text.as_bytes(), &[]).await;
        assert_eq!(ended.code, code, "{name}: {}", ended.out);
        assert!(ended.out.contains(words), "{name}: {}", ended.out);
        assert_eq!(ended.out.contains("A new token: http"), code == 1, "{name}: {}", ended.out);
        for condition in ["Ready", "SecretResolved", "Authenticated", "RequirementsMet", "NotExpiring"] {
            assert!(ended.out.lines().any(|line| line.starts_with(condition)), "{name}: {}", ended.out);
        }
        assert!(ended.err.contains("TRACE") || ended.err.contains("DEBUG"), "{name} logs");
        ended.holds_no(&text);
        let calls = github.calls();
        let calls: Vec<_> = calls.iter().filter(|call| call.token.as_deref() == Some(name)).collect();
        assert_eq!(calls.len(), questions, "{name}");
        if let [first, second] = calls.as_slice() {
            assert_ne!(
                first.connection, second.connection,
                "{name}: the second question comes over a fresh connection"
            );
            assert!(second.at.duration_since(first.at) >= SignedDuration::from_secs(1), "{name}");
        }
    });
    stream::iter(asked).buffer_unordered(4).collect::<()>().await;
}

#[tokio::test]
async fn revoked_expired_and_limited_tokens_and_an_outage_are_told_apart() {
    let desk = Desk::new().await;
    let github = &desk.github;
    let long_ago = Timestamp::now().checked_sub(SignedDuration::from_hours(1)).unwrap();
    let revoked = github.token(NewToken::classic("revoked", "a"));
    let expired = github.token(NewToken::fine_grained("expired", "b").expires(long_ago));
    let limited = github.token(NewToken::classic("limited", "c"));
    github.revoke("revoked");
    github.limit("c", 0, Timestamp::now().checked_add(SignedDuration::from_mins(10)).unwrap());
    let mine = ["--host", "simulated"];
    let slow = [&mine[..], &["--confirm-after", "4s"]].concat();
    let (default, slow) =
        tokio::join!(desk.check(&mine, expired.as_bytes(), &[]), desk.check(&slow, revoked.as_bytes(), &[]));
    assert_eq!((default.code, slow.code), (1, 1));
    for (name, least) in [("expired", 2), ("revoked", 4)] {
        let calls = github.calls();
        let at: Vec<_> =
            calls.iter().filter(|call| call.token.as_deref() == Some(name)).map(|call| call.at).collect();
        assert_eq!(at.len(), 2, "{name}");
        assert!(at[1].duration_since(at[0]) >= SignedDuration::from_secs(least), "{name}: {at:?}");
    }
    let ended = desk.check(&mine, limited.as_bytes(), &[]).await;
    assert!(ended.code == 2 && ended.out.contains("RateLimited"), "{ended:?}");
    github.outage(Some(Outage::Cut));
    let ended = desk.check(&mine, limited.as_bytes(), &[]).await;
    assert!(ended.code == 2 && ended.out.contains("ConnectionBroken"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_comes_from_the_named_file_else_standard_input_else_the_environment() {
    let desk = Desk::new().await;
    let texts =
        ["file", "environment", "input"].map(|name| desk.github.token(NewToken::classic(name, "acme-ci")));
    let file = desk.file("token", &texts[0]);
    let (from_file, nothing) = (["--host", "simulated", "--secret-file", &file], ["--host", "simulated"]);
    let rows = [
        ("all three", &from_file[..], Some(texts[1].as_str()), texts[2].as_str(), "file"),
        ("a file", &from_file[..], None, "", "file"),
        ("no file named", &nothing[..], Some(texts[1].as_str()), texts[2].as_str(), "input"),
        ("no input", &nothing[..], Some(texts[1].as_str()), "", "environment"),
        ("an empty variable", &nothing[..], Some(""), texts[2].as_str(), "input"),
        ("input alone", &nothing[..], None, texts[2].as_str(), "input"),
    ];
    for (name, arguments, variable, input, expected) in rows {
        let variables: Vec<_> = variable.map(|value| ("GITHUB_TOKEN", value)).into_iter().collect();
        let ended = desk.check(arguments, input.as_bytes(), &variables).await;
        assert_eq!(ended.code, 0, "{name}: {ended:?}");
        assert_eq!(desk.github.calls().last().unwrap().token.as_deref(), Some(expected), "{name}");
        texts.iter().for_each(|text| ended.holds_no(text));
    }
    let piped = Command::new("sh")
        .args(["-c", "cat \"$1\" | \"$0\" check --config \"$2\" --host simulated", BINARY, &file])
        .arg(desk.settings())
        .env("GITHUB_TOKEN", &texts[1])
        .output()
        .unwrap();
    let said = String::from_utf8(piped.stdout).unwrap();
    assert!(piped.status.success() && said.contains("standard input holds"), "{said}");
    let open = Command::new("sh")
        .args([
            "-c",
            "sleep 60 | { \"$0\" check --config \"$1\" --host simulated; kill $(jobs -p) 2>/dev/null; }",
            BINARY,
        ])
        .arg(desk.settings())
        .env("GITHUB_TOKEN", &texts[1])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let called = |calls: &[github_simulator::Call]| {
        calls.last().is_some_and(|c| c.token.as_deref() == Some("environment"))
    };
    assert!(
        desk.github.wait_until(Duration::from_secs(30), called).await,
        "an open pipe does not hold it up"
    );
    drop(open);
}

#[tokio::test]
async fn what_is_no_token_is_never_sent() {
    let desk = Desk::new().await;
    let token = token_text_for(TokenKind::Classic, 1);
    let mut runner = TestRunner::deterministic();
    let noise = prop_oneof![
        vec(any::<u8>(), 0..200),
        "[ -~]{0,80}".prop_map(String::into_bytes),
        "(ghp_|github_pat_|ghs_|ghr_|Bearer ghp_)[ -~]{0,60}".prop_map(String::into_bytes),
        "[0-9a-f]{40}".prop_map(String::into_bytes),
    ];
    let noise: Vec<_> = (0..40).map(|_| noise.new_tree(&mut runner).unwrap().current()).collect();
    let written = [
        "correct horse battery staple".to_owned(),
        String::new(),
        token_text_for(TokenKind::Refresh, 1),
        format!("{token}\r\n"),
        format!("{token}\n\n"),
        format!("\u{feff}{token}"),
        format!("\"{token}\""),
        format!("Bearer {token}"),
        format!("{token}\r\nX-Injected: yes"),
        format!("{token}\0"),
        format!("user:{token}"),
        BASE64_STANDARD.encode(&token),
        "a".repeat(1 << 20),
    ];
    let inputs = noise.into_iter().chain(written.map(String::into_bytes));
    let inputs: Vec<_> = inputs.filter(|bytes| Token::try_from(bytes.as_slice()).is_err()).collect();
    assert!(inputs.len() > 40, "{} inputs", inputs.len());
    let asked = inputs.iter().map(async |bytes| {
        let ended = desk.check(&["--host", "simulated", "--log-filter", "trace"], bytes, &[]).await;
        assert_eq!(ended.code, 1, "{bytes:?}: {ended:?}");
        assert!(ended.out.contains("SecretResolved   False"), "{bytes:?}: {ended:?}");
        ended.holds_no(&token);
        if let Some(text) = str::from_utf8(bytes).ok().filter(|text| text.len() > 12) {
            assert!(!ended.out.contains(text) && !ended.err.contains(text), "{ended:?}");
        }
    });
    stream::iter(asked).buffer_unordered(4).collect::<()>().await;
    assert_eq!(desk.github.calls().len(), 0);
}

#[tokio::test]
async fn proxies_of_the_environment_are_not_used() {
    let (desk, proxy) = (Desk::new().await, Simulator::start().await.unwrap());
    let tls = Simulator::start_tls().await.unwrap();
    let bundle = desk.file("ca.pem", tls.ca_pem().unwrap());
    let settings = format!(
        "hosts: [{{ name: simulated, apiUrl: '{}' }}, {{ name: tls, apiUrl: '{}', caBundle: {bundle} }}]",
        desk.github.url(),
        tls.url()
    );
    let settings = desk.file("settings.yaml", &settings);
    let url = proxy.url();
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let variables: Vec<_> = names.iter().map(|name| (*name, url.as_str())).collect();
    for (host, github) in [("simulated", &desk.github), ("tls", &tls)] {
        let token = github.token(NewToken::classic("ci", "acme-ci"));
        let arguments = ["check", "--config", &settings, "--host", host];
        let ended = run(&arguments, token.as_bytes(), &variables).await;
        assert_eq!((ended.code, github.calls().len()), (0, 1), "{host}: {ended:?}");
    }
    assert_eq!(proxy.calls().len(), 0);
}

#[tokio::test]
async fn json_has_the_conditions_and_the_token_without_its_bytes() {
    let desk = Desk::new().await;
    let expiry = Timestamp::now().checked_add(SignedDuration::from_hours(3)).unwrap();
    let token = desk.github.token(NewToken::classic("ci", "acme-ci").scopes(&["gist"]).expires(expiry));
    let ended = desk.check(&["--host", "simulated", "-o", "json"], token.as_bytes(), &[]).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    let status: Value = serde_json::from_str(&ended.out).unwrap();
    let conditions: Vec<_> =
        status["conditions"].as_array().unwrap().iter().map(|each| each["type"].as_str().unwrap()).collect();
    assert_eq!(conditions, ["Ready", "SecretResolved", "Authenticated", "RequirementsMet", "NotExpiring"]);
    assert_eq!(status["conditions"][4]["reason"], "ExpiresSoon");
    let told = &status["token"];
    assert_eq!(
        (&told["login"], &told["kind"], &told["scopes"][0]),
        (&"acme-ci".into(), &"Classic".into(), &"gist".into())
    );
    assert_eq!(told["hashedToken"], Token::try_from(token.as_bytes()).unwrap().hashed().to_string());
    ended.holds_no(&token);
}

impl Desk {
    async fn new() -> Desk {
        let desk = Desk { github: Simulator::start().await.unwrap(), folder: tempfile::tempdir().unwrap() };
        let settings = format!(
            "hosts: [{{ name: simulated, apiUrl: '{}', registry: registry.example }}]",
            desk.github.url()
        );
        fs::write(desk.settings(), settings).unwrap();
        desk
    }

    fn settings(&self) -> PathBuf {
        self.folder.path().join("settings.yaml")
    }

    /// The path of a file of its own folder.
    fn file(&self, name: &str, text: &str) -> String {
        let folder = self.folder.path().join(fastrand::u64(..).to_string());
        fs::create_dir(&folder).unwrap();
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The path of a manifest on the simulated host with these lines in its spec.
    fn manifest(&self, spec: &str) -> String {
        let head = "apiVersion: githubpat.dev/v1alpha1\nkind: GithubPatConnection\nmetadata: { name: ci }\n";
        self.file(
            "connection.yaml",
            &format!("{head}spec:\n  host: simulated\n  secretRef: {{ name: pat }}\n  {spec}\n"),
        )
    }

    async fn check(&self, arguments: &[&str], input: &[u8], variables: &[(&str, &str)]) -> Ended {
        let settings = self.settings();
        let arguments = [&["check", "--config", settings.to_str().unwrap()], arguments].concat();
        run(&arguments, input, variables).await
    }
}

impl Ended {
    /// Fails if the token, or a long part of it, plain or in base64, stands in what was printed.
    #[track_caller]
    fn holds_no(&self, token: &str) {
        let body =
            token.trim_start_matches("ghp_").trim_start_matches("github_pat_").trim_start_matches("gho_");
        for part in body.as_bytes().windows(12).map(|part| str::from_utf8(part).unwrap()) {
            assert!(!self.out.contains(part) && !self.err.contains(part), "a part of the token was printed");
        }
        let encoded = BASE64_STANDARD.encode(token);
        let encoded = &encoded[..encoded.len() - 4];
        assert!(
            !self.out.contains(encoded) && !self.err.contains(encoded),
            "the token was printed in base64"
        );
    }
}

/// Runs the binary with nothing in its environment but these variables.
async fn run(arguments: &[&str], input: &[u8], variables: &[(&str, &str)]) -> Ended {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), input).unwrap();
    let mut command = Command::new(BINARY);
    command.args(arguments).env_clear().envs(variables.iter().copied());
    command.stdin(File::open(file.path()).unwrap());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    Ended {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}
