//! What controllers make of a Secret, by their own packages from Go modules: Flux's options of git for FluxGit, the database of Argo CD
//! for its four formats.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    material::{LOGIN, addresses, mounted, output, secret, token},
    programs::{built, command, printed},
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

/// What the program prints when it is given these values, one a line.
fn fed(command: &mut Command, values: &[Value]) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines: String = values.iter().map(|value| format!("{value}\n")).collect();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    String::from_utf8(output.stdout).unwrap()
}
