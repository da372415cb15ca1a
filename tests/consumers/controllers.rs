//! What controllers make of a Secret, by their own packages from Go modules: Flux's options of git for FluxGit and its reading of Secrets
//! for FluxNotification, the database of Argo CD for its four formats, Tekton's credentials for BasicAuth, and the clients of
//! actions-runner-controller for its own.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;

use crate::{
    git::{clones_and_pushes, repositories},
    material::{LOGIN, addresses, output, secret, token},
    programs::{built, command, fed, installed},
    server::{Scheme, Server, Service},
};

#[test]
fn flux_reads_the_user_name_and_the_password_of_a_git_repository_and_the_token_of_a_provider() {
    let Some(program) = built("flux", ".") else { return };
    let (token, home) = (token(), tempfile::tempdir().unwrap());
    let of = |format| [secret(&output(format, json!({})), &token, &addresses("127.0.0.1:80"))];
    let mut source = command(&program, home.path());
    let found = fed(source.arg("https://github.com/acme/app"), &of("FluxGit"));
    assert_eq!(found, format!("{LOGIN}\n{}\n", token.expose()));
    let found = fed(&mut command(&program, home.path()), &of("FluxNotification"));
    assert_eq!(found, format!("{}\n", token.expose()));
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
    let home = tempfile::tempdir().unwrap();
    let mut argocd = command(&program, home.path());
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
    fed(command(&program, home.path()).arg(home.path()), &[secret]);
    clones_and_pushes(&git, home.path(), &[], &format!("{}/acme/app.git", at.web_url));
}

#[test]
fn the_runner_controller_registers_runners_with_the_token() {
    let Some(program) = built("arc", ".") else { return };
    let (token, home) = (token(), tempfile::tempdir().unwrap());
    let secret = secret(&output("ActionsRunnerController", json!({})), &token, &addresses("127.0.0.1:80"));
    let pair = BASE64_STANDARD.encode(format!("github:{}", token.expose()));
    let found = fed(&mut command(&program, home.path()), &[secret]);
    assert_eq!(found, format!("/api/v3/orgs/acme/actions/runners/registration-token Basic {pair}\n"));
}
