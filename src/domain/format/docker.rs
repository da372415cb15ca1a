//! The file that container runtimes read to pull images:
//! <https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets>.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    super::{Finding, Reason, scopes, scopes::Scopes, token::TokenKind},
    Definition, Entry, Field, Material, Terms, escape,
};

pub(super) const DOCKER_CONFIG_JSON: Definition = Definition {
    secret_type: "kubernetes.io/dockerconfigjson",
    takes: &[Field::PublicOnly],
    scope: |output| (!output.public_only).then_some(PULLS),
    suits,
    data,
};

/// What pulling a private image needs.
const PULLS: &str = "read:packages";

/// `~/.docker/config.json`, as far as it is about credentials:
/// <https://github.com/docker/cli/blob/master/cli/config/types/authconfig.go>.
#[derive(Serialize)]
struct Config<'a> {
    auths: BTreeMap<&'a str, Auth<'a>>,
}

#[derive(Serialize)]
struct Auth<'a> {
    auth: &'a str,
    password: &'a str,
    username: &'a str,
}

fn data(material: &Material<'_>) -> Vec<Entry> {
    let (username, password) = (material.username, material.secret());
    let pair = Zeroizing::new(format!("{username}:{password}"));
    let auth = Zeroizing::new(BASE64_STANDARD.encode(pair.as_bytes()));
    let registries = material.addresses.registry.as_deref().into_iter();
    let auths = registries.map(|registry| (registry, Auth { auth: &auth, password, username })).collect();
    vec![(".dockerconfigjson".to_owned(), escape::json(&Config { auths }))]
}

/// GitHub Packages takes classic tokens only, and pulls no private image without the scope:
/// <https://docs.github.com/en/packages/learn-github-packages/introduction-to-github-packages>,
/// <https://docs.github.com/en/packages/working-with-a-github-packages-registry/working-with-the-container-registry>.
fn suits(terms: &Terms<'_>) -> Result<(), Finding> {
    let name = &terms.output.secret_name;
    if terms.kind == TokenKind::FineGrained {
        return Err(Finding::new(
            Reason::FormatNeedsClassic,
            format!(
                "Secret {name} is not written: GitHub's container registry does not take fine-grained tokens; \
                 use a classic token with the scope {PULLS}"
            ),
        ));
    }
    if terms.addresses.registry.is_none() {
        return Err(Finding::new(
            Reason::RegistryUnknown,
            format!(
                "Secret {name} is not written: the settings name no container registry for the host; \
                 have an administrator set registry for it"
            ),
        ));
    }
    // Without a list of scopes nobody can tell.
    let lacks = |scopes: &Scopes| !scopes::closure(scopes.iter()).contains(PULLS);
    if terms.kind == TokenKind::Classic && !terms.output.public_only && terms.scopes.is_some_and(lacks) {
        return Err(Finding::new(
            Reason::FormatNeedsScope,
            format!(
                "Secret {name} is not written: the token pulls no private image without the scope {PULLS}; add it to the token \
                 under Settings, Developer settings, Tokens (classic), where its value stays the same, or set publicOnly on the \
                 output if it shall pull public images only"
            ),
        ));
    }
    Ok(())
}
