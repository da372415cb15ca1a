//! The layouts in which a token is handed to workloads.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Finding, Reason,
    answer::Grant,
    token::{Token, TokenKind},
};

/// The layout of an output Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Format {
    /// Type `Opaque` with the key `token`.
    Opaque,
    /// Type `kubernetes.io/basic-auth` with `username` (the account's login) and `password` (the token), for git over HTTPS
    /// as Flux and Tekton read it.
    BasicAuth,
    /// Type `kubernetes.io/dockerconfigjson` for the registry of the host, to be named in `imagePullSecrets`. GitHub Packages
    /// takes classic tokens only.
    DockerConfigJson,
}

impl Format {
    /// The `type` of a Secret of this layout, which cannot be changed later.
    pub const fn secret_type(self) -> &'static str {
        match self {
            Format::Opaque => "Opaque",
            Format::BasicAuth => "kubernetes.io/basic-auth",
            Format::DockerConfigJson => "kubernetes.io/dockerconfigjson",
        }
    }
}

/// One Secret that workloads read the token from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// The Secret to create, in the namespace of the connection. A Secret of this name that the connection did not make is
    /// left alone.
    #[schemars(length(max = 253), extend("x-kubernetes-validations" = [{
        "rule": "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",
        "message": "secretName must be the name of a Secret: lower case letters, digits, dots and hyphens",
    }]))]
    pub secret_name: String,
    /// How the token is laid out in it. Opaque: key token. BasicAuth: keys username and password, for git over HTTPS.
    /// DockerConfigJson: for imagePullSecrets, with the registry of the host; GitHub Packages takes classic tokens only.
    pub format: Format,
}

/// Type and data of a Secret. Its `Debug` shows neither token nor other data.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    /// The `type` of the Secret, which cannot be changed later.
    pub type_: String,
    /// The decoded data.
    pub data: BTreeMap<String, Vec<u8>>,
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Payload({}, {:?})", self.type_, self.data.keys())
    }
}

impl Output {
    /// What the Secret shall hold for a token that GitHub accepted.
    ///
    /// # Errors
    ///
    /// Why this token or host cannot be laid out so, and what to do about it.
    pub fn payload(&self, token: &Token, grant: &Grant, registry: Option<&str>) -> Result<Payload, Finding> {
        let text = token.expose();
        // A token of an app installation has no account; git and registries ask for any name that is not empty:
        // https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation
        let username = grant.account.as_ref().map_or("x-access-token", |account| account.login.as_str());
        let type_ = self.format.secret_type();
        match self.format {
            Format::Opaque => Ok(payload(type_, &[("token", text)])),
            Format::BasicAuth => Ok(payload(type_, &[("username", username), ("password", text)])),
            Format::DockerConfigJson => {
                let registry = self.registry(token.kind(), registry)?;
                let auth = BASE64_STANDARD.encode(format!("{username}:{text}"));
                let entry = serde_json::json!({ "username": username, "password": text, "auth": auth });
                let config = serde_json::json!({ "auths": { registry: entry } }).to_string();
                Ok(payload(type_, &[(".dockerconfigjson", &config)]))
            }
        }
    }

    fn registry<'a>(&self, kind: TokenKind, registry: Option<&'a str>) -> Result<&'a str, Finding> {
        // https://docs.github.com/en/packages/learn-github-packages/introduction-to-github-packages
        if kind == TokenKind::FineGrained {
            return Err(Finding::new(
                Reason::FormatNeedsClassic,
                format!(
                    "Secret {} is not written: GitHub's container registry does not take fine-grained tokens; \
                     use a classic token with the scope read:packages",
                    self.secret_name
                ),
            ));
        }
        registry.ok_or_else(|| {
            Finding::new(
                Reason::RegistryUnknown,
                format!(
                    "Secret {} is not written: the settings name no container registry for the host; \
                     have an administrator set registry for it",
                    self.secret_name
                ),
            )
        })
    }
}

fn payload(type_: &str, data: &[(&str, &str)]) -> Payload {
    let data = data.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect();
    Payload { type_: type_.to_owned(), data }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::answer::{Account, Expiry};

    fn token(prefix: &str) -> Token {
        Token::try_from([prefix, &"a".repeat(36)].concat().as_bytes()).unwrap()
    }

    fn grant(login: Option<&str>) -> Grant {
        let account = login.map(|login| Account { login: login.to_owned(), id: 7 });
        Grant { account, scopes: None, expiry: Expiry::Never }
    }

    fn output(format: Format) -> Output {
        Output { secret_name: "out".to_owned(), format }
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
            (
                Format::BasicAuth,
                "kubernetes.io/basic-auth",
                &[("username", "octocat"), ("password", &secret)],
            ),
            (Format::DockerConfigJson, "kubernetes.io/dockerconfigjson", &[(".dockerconfigjson", &docker)]),
        ];
        for (format, type_, data) in rows {
            let made = output(*format).payload(&token, &grant(Some("octocat")), Some("ghcr.io")).unwrap();
            assert_eq!(made, payload(type_, data), "{format:?}");
        }
    }

    #[test]
    fn an_installation_token_signs_in_as_x_access_token() {
        let made = output(Format::BasicAuth).payload(&token("ghs_"), &grant(None), None).unwrap();
        assert_eq!(made.data.get("username").map(Vec::as_slice), Some(b"x-access-token".as_slice()));
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
            let finding = docker.payload(&token(prefix), &grant(Some("octocat")), registry).unwrap_err();
            assert_eq!(finding.reason, reason);
            assert!(finding.message.contains("Secret out"));
        }
    }

    #[test]
    fn a_payload_does_not_show_its_bytes() {
        let made = output(Format::Opaque).payload(&token("ghp_"), &grant(None), None).unwrap();
        assert_eq!(format!("{made:?}"), "Payload(Opaque, [\"token\"])");
    }
}
