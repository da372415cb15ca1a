//! How a token is laid out in an output Secret, by the program that reads it.
//!
//! Each format is one definition, in a file of its own or in that of its family, with the source of its layout. A new one is that
//! and a line in the list below: the enum, the rules of the definition and the tests follow from it.

mod addresses;
mod basic_auth;
mod docker;
mod escape;
mod field;
mod opaque;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    Finding,
    answer::Grant,
    scopes::Scopes,
    token::{Token, TokenKind},
};

pub use addresses::Addresses;
use field::Field;

macro_rules! formats {
    ($($(#[$documented:meta])+ $name:ident = $definition:path;)+) => {
        /// The layout of an output Secret.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Format {
            $($(#[$documented])+ $name,)+
        }

        impl Format {
            /// All there are.
            pub const ALL: &[Format] = &[$(Format::$name,)+];

            /// The word in the spec.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Format::$name => stringify!($name),)+
                }
            }

            /// How it is written.
            const fn definition(self) -> &'static Definition {
                match self {
                    $(Format::$name => &$definition,)+
                }
            }
        }
    };
}

formats! {
    /// The token alone, under a key of choice.
    Opaque = opaque::OPAQUE;
    /// User name and password for git over HTTPS.
    BasicAuth = basic_auth::BASIC_AUTH;
    /// For `imagePullSecrets`. GitHub Packages takes classic tokens only.
    DockerConfigJson = docker::DOCKER_CONFIG_JSON;
}

/// One Secret that workloads read the token from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
#[schemars(extend("x-kubernetes-validations" = field::rules()))]
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
    /// Whether each token gets an immutable Secret of its own. Its name is secretName, a hyphen and ten hexadecimal digits;
    /// status.outputs has the present one. A kubelet proves a new token for its images only under a new name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub versioned: bool,
    /// How many earlier versions stay beside the present one, 2 by default. The oldest goes when a new one is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10))]
    pub keep_versions: Option<i32>,
    /// The name in the spec, once `secret_name` is that of a version.
    #[serde(skip)]
    pub version_of: Option<Box<str>>,
}

/// How one format is written.
struct Definition {
    /// The `type` of the Secret, which cannot be changed later.
    secret_type: &'static str,
    /// The fields of an output that it takes beside those that all take.
    takes: &'static [Field],
    /// The classic scope without which its consumers get nothing.
    scope: fn(&Output) -> Option<&'static str>,
    /// Whether its consumers can use such a token.
    suits: fn(&Terms<'_>) -> Result<(), Finding>,
    /// The keys with their values.
    data: fn(&Material<'_>) -> Vec<Entry>,
}

/// What most formats have in common.
const PLAIN: Definition = Definition {
    secret_type: "Opaque",
    takes: &[],
    scope: |_| None,
    suits: |_| Ok(()),
    data: |_| Vec::new(),
};

/// What decides whether a format is of use.
struct Terms<'a> {
    output: &'a Output,
    kind: TokenKind,
    scopes: Option<&'a Scopes>,
    addresses: &'a Addresses,
}

/// What a Secret is made of.
struct Material<'a> {
    token: &'a Token,
    username: &'a str,
    addresses: &'a Addresses,
}

/// A key of a Secret and its value.
pub(super) type Entry = (String, Zeroizing<Vec<u8>>);

impl Material<'_> {
    fn secret(&self) -> &str {
        self.token.expose()
    }
}

impl Output {
    #[cfg(test)]
    pub(crate) fn new(secret_name: &str, format: Format) -> Self {
        Output {
            secret_name: secret_name.to_owned(),
            format,
            public_only: false,
            versioned: false,
            keep_versions: None,
            version_of: None,
        }
    }

    /// The classic scope that its consumers need, if they need one.
    pub fn needed_scope(&self) -> Option<&'static str> {
        (self.format.definition().scope)(self)
    }

    /// Whether consumers of the format can use such a token of the host.
    ///
    /// # Errors
    ///
    /// Why not, and what to do about it.
    pub fn suits(&self, kind: TokenKind, grant: &Grant, addresses: &Addresses) -> Result<(), Finding> {
        (self.format.definition().suits)(&Terms {
            output: self,
            kind,
            scopes: grant.scopes.as_ref(),
            addresses,
        })
    }

    /// The `type` and the data of the Secret, for a token that suits.
    pub(super) fn content(
        &self,
        token: &Token,
        grant: &Grant,
        addresses: &Addresses,
    ) -> (&'static str, Vec<Entry>) {
        let definition = self.format.definition();
        let material = Material { token, username: username(grant), addresses };
        (definition.secret_type, (definition.data)(&material))
    }
}

/// A token of an app installation has no account; git and registries ask for any name that is not empty:
/// <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-as-a-github-app-installation>
pub(super) fn username(grant: &Grant) -> &str {
    grant.account.as_ref().map_or("x-access-token", |account| &*account.login)
}

fn entry(key: &str, value: &str) -> Entry {
    (key.to_owned(), Zeroizing::new(value.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests;
