//! The file that container runtimes read to pull images:
//! <https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets>.

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use super::{
    super::{Finding, Reason, scopes, scopes::Scopes, token::TokenKind},
    Entry, Format, Layout, Material, Terms, bytes,
};

pub(super) const LAYOUT: Layout = Layout {
    format: Format::DockerConfigJson,
    secret_type: "kubernetes.io/dockerconfigjson",
    suits,
    entries,
};

/// What pulling a private image needs.
pub(super) const PULLS: &str = "read:packages";

fn entries(material: &Material<'_>) -> Vec<Entry> {
    let (username, text) = (material.username, material.token.expose());
    let registry = material.registry.unwrap_or_default();
    let pair = Zeroizing::new(format!("{username}:{text}"));
    let auth = Zeroizing::new(BASE64_STANDARD.encode(pair.as_bytes()));
    // None of the parts has a character that JSON would escape: a login, a registry's host name, a token, base64.
    let config = Zeroizing::new(format!(
        r#"{{"auths":{{"{registry}":{{"auth":"{}","password":"{text}","username":"{username}"}}}}}}"#,
        *auth
    ));
    vec![(".dockerconfigjson", bytes(&config))]
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
    if terms.registry.is_none() {
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
