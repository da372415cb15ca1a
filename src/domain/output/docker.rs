//! The file that container runtimes read to pull images:
//! <https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets>.

use base64::{Engine, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use super::{
    super::{Finding, Reason, token::TokenKind},
    Entry, Format, Layout, Material, bytes,
};

pub(super) const LAYOUT: Layout =
    Layout { format: Format::DockerConfigJson, secret_type: "kubernetes.io/dockerconfigjson", entries };

fn entries(material: &Material<'_>) -> Result<Vec<Entry>, Finding> {
    let registry = registry(material)?;
    let (username, text) = (material.username, material.token.expose());
    let pair = Zeroizing::new(format!("{username}:{text}"));
    let auth = Zeroizing::new(BASE64_STANDARD.encode(pair.as_bytes()));
    // None of the parts has a character that JSON would escape: a login, a registry's host name, a token, base64.
    let config = Zeroizing::new(format!(
        r#"{{"auths":{{"{registry}":{{"auth":"{}","password":"{text}","username":"{username}"}}}}}}"#,
        *auth
    ));
    Ok(vec![(".dockerconfigjson", bytes(&config))])
}

fn registry<'a>(material: &Material<'a>) -> Result<&'a str, Finding> {
    let name = material.secret_name;
    // https://docs.github.com/en/packages/learn-github-packages/introduction-to-github-packages
    if material.token.kind() == TokenKind::FineGrained {
        return Err(Finding::new(
            Reason::FormatNeedsClassic,
            format!(
                "Secret {name} is not written: GitHub's container registry does not take fine-grained tokens; \
                 use a classic token with the scope read:packages"
            ),
        ));
    }
    material.registry.ok_or_else(|| {
        Finding::new(
            Reason::RegistryUnknown,
            format!(
                "Secret {name} is not written: the settings name no container registry for the host; \
                 have an administrator set registry for it"
            ),
        )
    })
}
