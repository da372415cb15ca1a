//! The Secrets that hand a token to workloads: what each layout holds.

mod basic_auth;
mod docker;
mod opaque;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    Finding,
    answer::Grant,
    scopes::Scopes,
    token::{HashedToken, Token, TokenKind},
};

/// The layout of an output Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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

/// How one format is written. Each stands in a file of its own, with the source of the layout.
struct Layout {
    format: Format,
    /// The `type` of the Secret, which cannot be changed later.
    secret_type: &'static str,
    /// Whether consumers can use a token like this.
    suits: fn(&Terms<'_>) -> Result<(), Finding>,
    /// The keys with their values.
    entries: fn(&Material<'_>) -> Vec<Entry>,
}

/// What decides whether a layout is of use.
struct Terms<'a> {
    output: &'a Output,
    kind: TokenKind,
    scopes: Option<&'a Scopes>,
    registry: Option<&'a str>,
}

/// A key of the Secret and its value.
type Entry = (&'static str, Zeroizing<Vec<u8>>);

/// Every layout there is.
const LAYOUTS: &[Layout] = &[opaque::LAYOUT, basic_auth::LAYOUT, docker::LAYOUT];

/// What a layout is made of.
struct Material<'a> {
    token: &'a Token,
    username: &'a str,
    registry: Option<&'a str>,
}

impl Format {
    /// All there are.
    pub const ALL: &[Format] = &[Format::Opaque, Format::BasicAuth, Format::DockerConfigJson];

    /// The word in the spec.
    pub const fn as_str(self) -> &'static str {
        match self {
            Format::Opaque => "Opaque",
            Format::BasicAuth => "BasicAuth",
            Format::DockerConfigJson => "DockerConfigJson",
        }
    }
}

/// One Secret that workloads read the token from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "!has(self.publicOnly) || !self.publicOnly || self.format == 'DockerConfigJson'",
    "message": "publicOnly is for the format DockerConfigJson: leave it out",
}]))]
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
    /// Whether DockerConfigJson shall pull public images only, so that the scope read:packages is not needed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub public_only: bool,
}

/// Type and data of a Secret. Its `Debug` shows neither token nor other data, and its bytes are wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    /// The `type` of the Secret, which cannot be changed later.
    pub type_: String,
    /// The decoded data.
    pub data: BTreeMap<String, Zeroizing<Vec<u8>>>,
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Payload({}, {:?})", self.type_, self.data.keys())
    }
}

impl Payload {
    /// True if a value of it has the token in it, whatever the layout.
    pub fn holds(&self, token: &Token) -> bool {
        let text = token.expose().as_bytes();
        self.data.values().any(|value| value.windows(text.len()).any(|part| part == text))
    }
}

/// Names what an output shall hold without its bytes: two equal stamps stand for equal payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The token.
    pub token: HashedToken,
    /// A digest of format, user name and registry.
    layout: u32,
}

impl Output {
    /// The classic scope that its consumers need, if they need one.
    pub fn needed_scope(&self) -> Option<&'static str> {
        (self.format == Format::DockerConfigJson && !self.public_only).then_some(docker::PULLS)
    }

    /// What the Secret shall hold for a token that GitHub accepted.
    ///
    /// # Errors
    ///
    /// Why this token or host cannot be laid out so, and what to do about it.
    pub fn payload(&self, token: &Token, grant: &Grant, registry: Option<&str>) -> Result<Payload, Finding> {
        self.suits(token.kind(), grant, registry)?;
        let layout = self.layout();
        let entries = (layout.entries)(&Material { token, username: username(grant), registry });
        let data = entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Ok(Payload { type_: layout.secret_type.to_owned(), data })
    }

    /// Whether consumers of the format can use such a token.
    ///
    /// # Errors
    ///
    /// Why not, and what to do about it.
    pub fn suits(&self, kind: TokenKind, grant: &Grant, registry: Option<&str>) -> Result<(), Finding> {
        (self.layout().suits)(&Terms { output: self, kind, scopes: grant.scopes.as_ref(), registry })
    }

    /// The stamp of [`Output::payload`], without the bytes of the token.
    pub fn stamp(&self, token: HashedToken, grant: &Grant, registry: Option<&str>) -> Stamp {
        let mut layout = crc32fast::Hasher::new();
        for part in [self.format.as_str(), username(grant), registry.unwrap_or_default()] {
            layout.update(part.as_bytes());
            layout.update(&[0]);
        }
        Stamp { token, layout: layout.finalize() }
    }

    fn layout(&self) -> &'static Layout {
        let found = LAYOUTS.iter().find(|layout| layout.format == self.format);
        found.unwrap_or(&opaque::LAYOUT)
    }
}

/// A token of an app installation has no account; git and registries ask for any name that is not empty:
/// <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation>
fn username(grant: &Grant) -> &str {
    grant.account.as_ref().map_or("x-access-token", |account| &*account.login)
}

fn bytes(text: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests;
