use super::*;
use crate::domain::{
    Reason,
    answer::{Account, Expiry},
};
use base64::{Engine, prelude::BASE64_STANDARD};

fn token(prefix: &str) -> Token {
    Token::try_from([prefix, &"a".repeat(36)].concat().as_bytes()).unwrap()
}

fn grant(login: Option<&str>) -> Grant {
    let account = login.map(|login| Account { login: login.into(), id: 7 });
    Grant { account, scopes: None, expiry: Expiry::Never }
}

fn output(format: Format) -> Output {
    Output::new("out", format)
}

/// The type and the data of the Secret, as texts.
fn content(output: &Output, token: &Token, grant: &Grant) -> (&'static str, Vec<(String, String)>) {
    let (type_, data) = output.content(token, grant, &Addresses::of_github());
    let text = |(key, value): Entry| (key, String::from_utf8(value.to_vec()).unwrap());
    (type_, data.into_iter().map(text).collect())
}

#[test]
fn each_format_has_the_type_and_keys_that_its_consumers_read() {
    let token = token("ghp_");
    let secret = token.expose().to_owned();
    let auth = BASE64_STANDARD.encode(format!("octocat:{secret}"));
    let docker = format!(
        r#"{{"auths":{{"ghcr.io":{{"auth":"{auth}","password":"{secret}","username":"octocat"}}}}}}"#
    );
    let rows: &[(Format, &str, &[(&str, &str)])] = &[
        (Format::Opaque, "Opaque", &[("token", &secret)]),
        (Format::BasicAuth, "kubernetes.io/basic-auth", &[("username", "octocat"), ("password", &secret)]),
        (Format::DockerConfigJson, "kubernetes.io/dockerconfigjson", &[(".dockerconfigjson", &docker)]),
    ];
    assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), Format::ALL);
    for (format, type_, data) in rows {
        let data = data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        assert_eq!(content(&output(*format), &token, &grant(Some("octocat"))), (*type_, data), "{format:?}");
    }
}

#[test]
fn an_installation_token_signs_in_as_x_access_token() {
    let (_, data) = content(&output(Format::BasicAuth), &token("ghs_"), &grant(None));
    assert_eq!(data[0], ("username".to_owned(), "x-access-token".to_owned()));
}

#[test]
fn a_registry_takes_no_fine_grained_token_and_must_be_known() {
    let github = Addresses::of_github();
    let unknown = Addresses { registry: None, ..Addresses::of_github() };
    let rows = [
        (TokenKind::FineGrained, &github, Reason::FormatNeedsClassic),
        (TokenKind::FineGrained, &unknown, Reason::FormatNeedsClassic),
        (TokenKind::Classic, &unknown, Reason::RegistryUnknown),
    ];
    for (kind, addresses, reason) in rows {
        let suits = output(Format::DockerConfigJson).suits(kind, &grant(Some("octocat")), addresses);
        let finding = suits.unwrap_err();
        assert_eq!(finding.reason, reason);
        assert!(finding.message.contains("Secret out"));
    }
}

#[test]
fn a_pull_secret_of_a_classic_token_needs_the_scope_to_pull_with() {
    let scopes = |scopes: &[&str]| Grant { scopes: Some(scopes.iter().collect()), ..grant(Some("octocat")) };
    let all = output(Format::DockerConfigJson);
    let public = Output { public_only: true, ..output(Format::DockerConfigJson) };
    let rows = [
        ("the scope", &all, scopes(&["read:packages"]), true),
        ("a larger one", &all, scopes(&["repo", "write:packages"]), true),
        ("another one", &all, scopes(&["repo"]), false),
        ("none", &all, scopes(&[]), false),
        ("no list", &all, grant(Some("octocat")), true),
        ("public images only", &public, scopes(&[]), true),
        ("another format", &output(Format::Opaque), scopes(&[]), true),
    ];
    for (name, output, grant, suits) in rows {
        let found = output.suits(TokenKind::Classic, &grant, &Addresses::of_github());
        let reason = found.err().map(|finding| finding.reason);
        assert_eq!(reason, (!suits).then_some(Reason::FormatNeedsScope), "{name}");
    }
}
