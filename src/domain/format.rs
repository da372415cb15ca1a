//! How a token is laid out in an output Secret, by the program that reads it.
//!
//! Each format is one definition, in a file of its own or in that of its family, with the source of its layout. A new one is that
//! and a line in the list below: the enum, the rules of the definition and the tests follow from it.

mod addresses;
mod argocd;
mod basic_auth;
mod docker;
mod entries;
mod environment;
mod escape;
mod field;
mod flux;
mod gh;
mod git;
mod jenkins;
mod marks;
mod opaque;
mod packages;
mod renovate;
mod runners;
mod terraform;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    Finding, Reason,
    answer::Grant,
    scopes::Scopes,
    token::{Token, TokenKind},
};

pub use addresses::Addresses;
pub(super) use entries::{CONFIG, tokens};
pub use entries::{Entries, EntriesFrom, Extra};
use field::Field;
pub use field::{DATA_KEY, OBJECT_NAME};
pub use marks::{APPLIED, Map, Marks};

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

            /// The `type` of the Secret.
            pub const fn secret_type(self) -> &'static str {
                self.definition().secret_type
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
    /// Variables of the environment for gh, actions and most other programs.
    Env = environment::ENV;
    /// User name and password for git over HTTPS, as Kubernetes has them; also for Tekton.
    BasicAuth = basic_auth::BASIC_AUTH;
    /// The file of git's credential store.
    GitCredentials = git::GIT_CREDENTIALS;
    /// The file `.netrc` of git, curl and others.
    Netrc = git::NETRC;
    /// For `imagePullSecrets`.
    DockerConfigJson = docker::DOCKER_CONFIG_JSON;
    /// The file `.npmrc`.
    Npmrc = packages::NPMRC;
    /// Maven's `settings.xml`.
    MavenSettings = packages::MAVEN_SETTINGS;
    /// The file `nuget.config`.
    NuGetConfig = packages::NUGET_CONFIG;
    /// A repository of Argo CD.
    ArgoCDRepository = argocd::REPOSITORY;
    /// A repository that Argo CD pushes to.
    ArgoCDRepositoryWrite = argocd::REPOSITORY_WRITE;
    /// Credentials of Argo CD for all repositories whose URL begins with one.
    ArgoCDRepoCreds = argocd::REPO_CREDS;
    /// The same for repositories that Argo CD pushes to.
    ArgoCDRepoCredsWrite = argocd::REPO_CREDS_WRITE;
    /// For a GitRepository of Flux.
    FluxGit = flux::GIT;
    /// For a notification Provider of Flux.
    FluxNotification = flux::NOTIFICATION;
    /// For the runners of actions-runner-controller.
    ActionsRunnerController = runners::ACTIONS_RUNNER_CONTROLLER;
    /// The folder of gh's configuration.
    GhHosts = gh::HOSTS;
    /// For Crossplane's provider-upjet-github.
    CrossplaneGithub = terraform::CROSSPLANE_GITHUB;
    /// Variables of the environment for Renovate.
    Renovate = renovate::RENOVATE;
    /// Variables of the environment for the GitHub provider of Terraform and OpenTofu.
    TerraformGithub = terraform::TERRAFORM_GITHUB;
    /// Credentials of Jenkins.
    Jenkins = jenkins::JENKINS;
}

/// One Secret that workloads read the token from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
#[schemars(extend("x-kubernetes-validations" = rules()))]
pub struct Output {
    /// The Secret to create, in the namespace of the connection. A Secret of this name that the connection did not make is
    /// left alone.
    #[schemars(length(max = 253), extend("x-kubernetes-validations" = [{
        "rule": OBJECT_NAME,
        "message": "secretName must be the name of a Secret: lower case letters, digits, dots and hyphens",
    }]))]
    pub secret_name: String,
    /// How the token is laid out in it, by the program that reads it. Env, Renovate and TerraformGithub are variables of the
    /// environment; GitCredentials, Netrc, Npmrc, MavenSettings, NuGetConfig and GhHosts are files.
    pub format: Format,
    /// The key of Opaque under which the token stands, by default token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), extend("x-kubernetes-validations" = [{
        "rule": DATA_KEY.0,
        "message": DATA_KEY.1,
    }]))]
    pub key: Option<String>,
    /// The repository of ArgoCDRepository and ArgoCDRepositoryWrite, or with what the URLs of the repositories begin for
    /// ArgoCDRepoCreds and ArgoCDRepoCredsWrite. It must be on the host of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = field::LONGEST_URL), extend("x-kubernetes-validations" = field::url("url")))]
    pub url: Option<String>,
    /// The project of Argo CD that may use the repository; without it, every project may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), extend("x-kubernetes-validations" = [{
        "rule": "self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
        "message": "project must be the name of an AppProject: lower case letters, digits, dots and hyphens",
    }]))]
    pub project: Option<String>,
    /// The account or organization whose packages are meant (Npmrc, NuGetConfig), or that is managed (TerraformGithub,
    /// CrossplaneGithub).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 39), extend("x-kubernetes-validations" = [{
        "rule": "self.matches('^[a-zA-Z0-9_-]+$')",
        "message": "owner must be the login of an account or organization, such as acme",
    }]))]
    pub owner: Option<String>,
    /// The registries of DockerConfigJson, in place of the one of the host, as in ghcr.io or ghcr.io/acme.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "field::registries")]
    pub registries: Vec<String>,
    /// A pull secret of the namespace whose entries DockerConfigJson takes too, so that one pull secret serves several registries. For
    /// a registry that this output signs in to itself, its own entry counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_entries_from: Option<EntriesFrom>,
    /// What is known of those entries.
    #[serde(skip)]
    pub extra: Extra,
    /// Whether DockerConfigJson shall pull public images only, so that the scope read:packages is not needed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub public_only: bool,
    /// Whether each token gets an immutable Secret of its own. Its name is secretName, a hyphen and ten hexadecimal digits;
    /// status.outputs has the present one. A kubelet proves a new token for its images only under a new name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub versioned: bool,
    /// How many earlier versions stay beside the present one at most, 2 by default. The oldest goes when a new one is made; where the
    /// operator lists consumers, one that none of them names goes sooner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10))]
    pub keep_versions: Option<i32>,
    /// The name in the spec, once `secret_name` is that of a version.
    #[serde(skip)]
    pub version_of: Option<Box<str>>,
    /// The URLs for which Tekton shall use BasicAuth, as in `https://github.com`: they become the annotations tekton.dev/git-0,
    /// tekton.dev/git-1 and so on. Each must be on the host of the connection.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "field::tekton_git")]
    pub tekton_git: Vec<String>,
    /// Labels to put on the Secret. They are kept up to date; those of others stay.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "marks::labels")]
    pub labels: Map,
    /// Annotations to put on the Secret. They are kept up to date; those of others stay.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "marks::annotations")]
    pub annotations: Map,
}

/// The rules of an output, in CEL.
fn rules() -> Value {
    field::rules().chain(marks::rules()).collect()
}

/// How one format is written.
struct Definition {
    /// The `type` of the Secret, which cannot be changed later.
    secret_type: &'static str,
    /// The fields of an output that it cannot do without.
    needs: &'static [Field],
    /// The fields that it takes beside those.
    takes: &'static [Field],
    /// The labels by which its consumer finds it.
    labels: &'static [(&'static str, &'static str)],
    /// The annotations that its consumer reads.
    annotations: fn(&Output) -> Map,
    /// The program that asks GitHub again and again with what the Secret holds, whether it is of use or not.
    polled_by: Option<&'static str>,
    /// The registry of GitHub Packages that its consumers ask.
    registry: Option<&'static str>,
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
    needs: &[],
    takes: &[],
    labels: &[],
    annotations: |_| Map::new(),
    polled_by: None,
    registry: None,
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
    output: &'a Output,
    addresses: &'a Addresses,
}

/// A key of a Secret and its value.
pub(super) type Entry = (String, Zeroizing<Vec<u8>>);

impl Terms<'_> {
    /// Whether a URL of the spec is on the host.
    fn covers(&self, field: &str, url: &str) -> Result<(), Finding> {
        if self.addresses.covers(url) {
            return Ok(());
        }
        let (name, root) = (&self.output.secret_name, &self.addresses.web_url);
        let message = format!(
            "Secret {name} is not written: {field} must be on the host of the token, so it must be {root} or begin with {root}/"
        );
        Err(Finding::new(Reason::OutputInvalid, message))
    }
}

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
            key: None,
            url: None,
            project: None,
            owner: None,
            registries: Vec::new(),
            extra_entries_from: None,
            extra: Extra::Unseen,
            public_only: false,
            tekton_git: Vec::new(),
            labels: Map::new(),
            annotations: Map::new(),
            versioned: false,
            keep_versions: None,
            version_of: None,
        }
    }

    /// True if its consumers can use classic tokens only, not fine-grained ones.
    pub fn needs_classic(&self) -> bool {
        self.format.definition().registry.is_some()
    }

    /// The program that asks GitHub again and again with what the Secret holds, if its consumer is one.
    pub fn polled_by(&self) -> Option<&'static str> {
        self.format.definition().polled_by
    }

    /// The classic scope that its consumers need, if they need one.
    pub fn needed_scope(&self) -> Option<&'static str> {
        (self.format.definition().scope)(self)
    }

    /// Whether consumers of the format can use such a token of the host, and the output says all that the format needs.
    ///
    /// # Errors
    ///
    /// Why not, and what to do about it.
    pub fn suits(&self, kind: TokenKind, grant: &Grant, addresses: &Addresses) -> Result<(), Finding> {
        let definition = self.format.definition();
        if let Some(field) = definition.needs.iter().find(|field| !field.is_in(self)) {
            let (name, format) = (&self.secret_name, self.format.as_str());
            let message =
                format!("Secret {name} is not written: the format {format} needs {}", field.wanted());
            return Err(Finding::new(Reason::OutputInvalid, message));
        }
        if self.key.as_deref().is_some_and(|key| !field::is_data_key(key)) {
            let (name, message) = (&self.secret_name, DATA_KEY.1);
            let message = format!("Secret {name} is not written: its {message}");
            return Err(Finding::new(Reason::OutputInvalid, message));
        }
        let terms = Terms { output: self, kind, scopes: grant.scopes.as_ref(), addresses };
        definition.registry.map_or(Ok(()), |registry| packages::takes_the_kind(&terms, registry))?;
        (definition.suits)(&terms)?;
        packages::takes_the_scopes(&terms)
    }

    /// The `type` and the data of the Secret, for a token that suits.
    pub(super) fn content(
        &self,
        token: &Token,
        grant: &Grant,
        addresses: &Addresses,
    ) -> (&'static str, Vec<Entry>) {
        let definition = self.format.definition();
        let material = Material { token, username: username(grant), output: self, addresses };
        (self.format.secret_type(), (definition.data)(&material))
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
