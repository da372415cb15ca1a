use super::*;
use crate::domain::{
    Reason,
    answer::{Account, Expiry},
};
use base64::{Engine, prelude::BASE64_STANDARD};

fn token(prefix: &str, letter: &str) -> Token {
    Token::try_from([prefix, &letter.repeat(36)].concat().as_bytes()).unwrap()
}

fn grant(login: Option<&str>) -> Grant {
    let account = login.map(|login| Account { login: login.into(), id: 7 });
    Grant { account, scopes: None, expiry: Expiry::Never }
}

fn output(format: Format) -> Output {
    Output { secret_name: "out".to_owned(), format, public_only: false }
}

fn payload(type_: &str, data: &[(&str, &str)]) -> Payload {
    let data = data.iter().map(|(key, value)| ((*key).to_owned(), bytes(value))).collect();
    Payload { type_: type_.to_owned(), data }
}

#[test]
fn each_format_has_the_type_and_keys_that_its_consumers_read() {
    let token = token("ghp_", "a");
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
    assert_eq!(rows.len(), LAYOUTS.len());
    for (format, type_, data) in rows {
        let made = output(*format).payload(&token, &grant(Some("octocat")), Some("ghcr.io")).unwrap();
        assert_eq!(made, payload(type_, data), "{format:?}");
        assert!(made.holds(&token), "{format:?}");
    }
}

#[test]
fn a_docker_configuration_is_json() {
    let made = output(Format::DockerConfigJson)
        .payload(&token("ghp_", "a"), &grant(Some("octocat")), Some("registry.example:5000"))
        .unwrap();
    let value: serde_json::Value = serde_json::from_slice(&made.data[".dockerconfigjson"]).unwrap();
    assert_eq!(value["auths"]["registry.example:5000"]["username"], "octocat");
}

#[test]
fn an_installation_token_signs_in_as_x_access_token() {
    let made = output(Format::BasicAuth).payload(&token("ghs_", "a"), &grant(None), None).unwrap();
    assert_eq!(made.data["username"].as_slice(), b"x-access-token");
}

#[test]
fn a_registry_takes_no_fine_grained_token_and_must_be_known() {
    let docker = output(Format::DockerConfigJson);
    let rows = [
        ("github_pat_", Some("ghcr.io"), Reason::FormatNeedsClassic),
        ("github_pat_", None, Reason::FormatNeedsClassic),
        ("ghp_", None, Reason::RegistryUnknown),
    ];
    for (prefix, registry, reason) in rows {
        let finding = docker.payload(&token(prefix, "a"), &grant(Some("octocat")), registry).unwrap_err();
        assert_eq!(finding.reason, reason);
        assert!(finding.message.contains("Secret out"));
    }
}

#[test]
fn a_pull_secret_of_a_classic_token_needs_the_scope_to_pull_with() {
    let scopes = |scopes: &[&str]| Grant { scopes: Some(scopes.iter().collect()), ..grant(Some("octocat")) };
    let (all, public) =
        (output(Format::DockerConfigJson), Output { public_only: true, ..output(Format::DockerConfigJson) });
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
        let found =
            output.suits(TokenKind::Classic, &grant, Some("ghcr.io")).err().map(|finding| finding.reason);
        assert_eq!(found, (!suits).then_some(Reason::FormatNeedsScope), "{name}");
    }
}

#[test]
fn a_payload_does_not_show_its_bytes() {
    let made = output(Format::Opaque).payload(&token("ghp_", "a"), &grant(None), None).unwrap();
    assert_eq!(format!("{made:?}"), "Payload(Opaque, [\"token\"])");
}

#[test]
fn a_payload_of_another_token_does_not_hold_this_one() {
    let made = output(Format::Opaque).payload(&token("ghp_", "a"), &grant(None), None).unwrap();
    assert!(!made.holds(&token("ghp_", "b")));
    assert!(!payload("Opaque", &[("token", "")]).holds(&token("ghp_", "b")));
}

#[test]
fn a_stamp_changes_with_all_that_the_payload_is_made_of() {
    let (a, b) = (token("ghp_", "a").hashed(), token("ghp_", "b").hashed());
    let base = output(Format::BasicAuth).stamp(a, &grant(Some("octocat")), Some("ghcr.io"));
    let rows = [
        ("token", output(Format::BasicAuth).stamp(b, &grant(Some("octocat")), Some("ghcr.io"))),
        ("login", output(Format::BasicAuth).stamp(a, &grant(Some("hubot")), Some("ghcr.io"))),
        ("registry", output(Format::BasicAuth).stamp(a, &grant(Some("octocat")), Some("r.example"))),
        ("format", output(Format::Opaque).stamp(a, &grant(Some("octocat")), Some("ghcr.io"))),
    ];
    for (what, stamp) in rows {
        assert_ne!(stamp, base, "{what}");
    }
    assert_eq!(output(Format::BasicAuth).stamp(a, &grant(Some("octocat")), Some("ghcr.io")), base);
}
