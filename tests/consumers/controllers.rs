//! What controllers make of a Secret, by their own packages from Go modules: Flux's options of git for FluxGit, the database of Argo CD
//! for its four formats, Tekton's credentials for BasicAuth, and the clients of actions-runner-controller for its own.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{
    git::{clones_and_pushes, repositories},
    material::{LOGIN, addresses, mounted, output, secret, token},
    programs::{built, command, installed, printed},
    server::{Scheme, Server, Service},
};

#[test]
fn flux_reads_user_name_and_password_of_a_git_repository() {
    let Some(program) = built("flux", ".") else { return };
    let token = token();
    let folder = mounted(&output("FluxGit", json!({})), &token, &addresses("127.0.0.1:80"));
    let mut command = command(&program, folder.path());
    let found = printed(command.arg(folder.path()).arg("https://github.com/acme/app"));
    assert_eq!(found, format!("{LOGIN}\n{}\n", token.expose()));
}

#[test]
fn argo_cd_finds_repositories_and_credentials_to_read_and_to_push_with() {
    let Some(program) = built("argocd", ".") else { return };
    let at = addresses("127.0.0.1:80");
    let url = |path: &str| format!("{}/{path}", at.web_url);
    let tokens = [token(), token(), token(), token()];
    let rows = [
        ("ArgoCDRepository", json!({ "url": url("acme/app.git"), "project": "shop" })),
        ("ArgoCDRepositoryWrite", json!({ "url": url("acme/app.git"), "project": "shop" })),
        ("ArgoCDRepoCreds", json!({ "url": url("acme/") })),
        ("ArgoCDRepoCredsWrite", json!({ "url": url("acme/") })),
    ];
    let secrets = rows.iter().zip(&tokens).map(|((format, fields), token)| {
        let mut output = output(format, fields.clone());
        output.secret_name = format.to_lowercase();
        secret(&output, token, &at)
    });
    let secrets: Vec<_> = secrets.collect();
    let (one, of_creds, other) = (url("acme/app.git"), url("acme/other"), url("elsewhere/app"));
    let mut argocd = Command::new(&program);
    let found = fed(argocd.args([&one, &of_creds, &other]), &secrets);
    let known = |index: usize, project: &str| format!("{LOGIN}:{}:{project}:git", tokens[index].expose());
    let expected = [
        format!("{one} {} {}", known(0, "shop"), known(1, "shop")),
        format!("{of_creds} {} {}", known(2, ""), known(3, "")),
        format!("{other} ::: :::"),
    ];
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn git_pushes_with_what_tekton_makes_of_the_secret_for_the_steps_of_a_task() {
    let (Some(program), Some(git)) = (built("tekton", "."), installed("git")) else { return };
    let (token, root, home) = (token(), repositories(&git), tempfile::tempdir().unwrap());
    let folder = root.path().to_owned();
    let server = Server::start(&token, Scheme::Basic, |_| Service::Git(folder)).await;
    let at = addresses(&server.authority);
    let secret = secret(&output("BasicAuth", json!({ "tektonGit": [at.web_url] })), &token, &at);
    fed(Command::new(&program).arg(home.path()), &[secret]);
    clones_and_pushes(&git, home.path(), &[], &format!("{}/acme/app.git", at.web_url));
}

#[test]
fn the_runner_controller_registers_runners_with_the_token() {
    let Some(program) = built("arc", ".") else { return };
    let token = token();
    let folder = mounted(&output("ActionsRunnerController", json!({})), &token, &addresses("127.0.0.1:80"));
    let pair = BASE64_STANDARD.encode(format!("github:{}", token.expose()));
    let found = printed(command(&program, folder.path()).arg(folder.path()));
    assert_eq!(found, format!("/api/v3/orgs/acme/actions/runners/registration-token Basic {pair}\n"));
}

/// What the program prints when it is given these values, one a line.
fn fed(command: &mut Command, values: &[Value]) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines: String = values.iter().map(|value| format!("{value}\n")).collect();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    String::from_utf8(output.stdout).unwrap()
}
