//! Files of package managers that install from GitHub Packages.
//!
//! Its registries take classic tokens only, and give nothing without the scope, not even what is public but for container images:
//! <https://docs.github.com/en/packages/learn-github-packages/introduction-to-github-packages#authenticating-to-github-packages>,
//! <https://docs.github.com/en/packages/learn-github-packages/about-permissions-for-github-packages>.

use zeroize::Zeroizing;

use super::{Definition, Entry, Field, Material, PLAIN, Terms, entry, escape};
use crate::domain::{Finding, Reason, scopes, scopes::Scopes, token::TokenKind};

/// What installing a package or pulling a private image needs.
pub(super) const PULLS: &str = "read:packages";

/// npm's file, with the scope of an account if one is given:
/// <https://docs.github.com/en/packages/working-with-a-github-packages-registry/working-with-the-npm-registry>,
/// <https://docs.npmjs.com/cli/configuring-npm/npmrc#auth-related-configuration>.
pub(super) const NPMRC: Definition =
    Definition { takes: &[Field::Owner], registry: Some("npm registry"), data: npmrc, ..OF_A_REGISTRY };

/// Maven's settings, with a server `github`, to which repositories of that id belong:
/// <https://docs.github.com/en/packages/working-with-a-github-packages-registry/working-with-the-apache-maven-registry>,
/// <https://maven.apache.org/settings.html#servers>.
pub(super) const MAVEN_SETTINGS: Definition =
    Definition { registry: Some("Maven registry"), data: maven_settings, ..OF_A_REGISTRY };

/// NuGet's file, with a source `github`. The password is in clear text, since only Windows encrypts it:
/// <https://docs.github.com/en/packages/working-with-a-github-packages-registry/working-with-the-nuget-registry>,
/// <https://learn.microsoft.com/en-us/nuget/reference/nuget-config-file#packagesourcecredentials>.
pub(super) const NUGET_CONFIG: Definition = Definition {
    needs: &[Field::Owner],
    registry: Some("NuGet registry"),
    data: nuget_config,
    ..OF_A_REGISTRY
};

const OF_A_REGISTRY: Definition = Definition { scope: |_| Some(PULLS), ..PLAIN };

fn npmrc(material: &Material<'_>) -> Vec<Entry> {
    let registry = material.addresses.packages("npm");
    let (_, place) = registry.split_once(':').unwrap_or_default();
    // Names of packages, and so their scopes, have small letters only.
    let owner = material.output.owner.as_ref().map(|owner| owner.to_ascii_lowercase());
    let scope = owner.map(|owner| format!("@{owner}:registry={registry}\n")).unwrap_or_default();
    let token = escape::ini(material.secret());
    let file = Zeroizing::new(format!("{scope}{place}/:_authToken={}\n", *token));
    vec![entry(".npmrc", &file)]
}

fn maven_settings(material: &Material<'_>) -> Vec<Entry> {
    let (username, password) = (escape::xml(material.username), escape::xml(material.secret()));
    let file = Zeroizing::new(format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<settings xmlns="http://maven.apache.org/SETTINGS/1.0.0">
  <servers>
    <server>
      <id>github</id>
      <username>{}</username>
      <password>{}</password>
    </server>
  </servers>
</settings>
"#,
        *username, *password
    ));
    vec![entry("settings.xml", &file)]
}

fn nuget_config(material: &Material<'_>) -> Vec<Entry> {
    let registry = material.addresses.packages("nuget");
    let owner = material.output.owner.as_deref().unwrap_or_default();
    let source = escape::xml(&format!("{registry}/{owner}/index.json"));
    let (username, password) = (escape::xml(material.username), escape::xml(material.secret()));
    let file = Zeroizing::new(format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<configuration>
  <packageSources>
    <add key="github" value="{}" />
  </packageSources>
  <packageSourceCredentials>
    <github>
      <add key="Username" value="{}" />
      <add key="ClearTextPassword" value="{}" />
    </github>
  </packageSourceCredentials>
</configuration>
"#,
        *source, *username, *password
    ));
    vec![entry("nuget.config", &file)]
}

/// Whether a registry of GitHub Packages takes tokens of this kind.
pub(super) fn takes_the_kind(terms: &Terms<'_>, registry: &str) -> Result<(), Finding> {
    if terms.kind != TokenKind::FineGrained {
        return Ok(());
    }
    let name = &terms.output.secret_name;
    Err(Finding::new(
        Reason::FormatNeedsClassic,
        format!(
            "Secret {name} is not written: GitHub's {registry} does not take fine-grained tokens; use a classic token with the scope \
             {PULLS}"
        ),
    ))
}

/// Whether a classic token has the scope that consumers need, if they need one.
pub(super) fn takes_the_scopes(terms: &Terms<'_>) -> Result<(), Finding> {
    let Some(needed) = terms.output.needed_scope() else { return Ok(()) };
    // Without a list of scopes nobody can tell.
    let lacks = |scopes: &Scopes| !scopes::closure(scopes.iter()).contains(needed);
    if terms.kind != TokenKind::Classic || !terms.scopes.is_some_and(lacks) {
        return Ok(());
    }
    let name = &terms.output.secret_name;
    let (what, instead) = if terms.output.format.definition().takes.contains(&Field::PublicOnly) {
        (
            "the token pulls no private image without the scope",
            ", or set publicOnly on the output if it shall pull public images only",
        )
    } else {
        ("the token installs no package without the scope", "")
    };
    Err(Finding::new(
        Reason::FormatNeedsScope,
        format!(
            "Secret {name} is not written: {what} {needed}; add it to the token under Settings, \
             Developer settings, Tokens (classic), where its value stays the same{instead}"
        ),
    ))
}
