//! GitHub's pages that help, made from what a connection demands.

use crate::{
    api::{GithubPatConnectionSpec, Links},
    domain::{output::Format, token::TokenKind},
    settings::Host,
};

/// Longer names are refused by the form for fine-grained tokens.
const LONGEST_NAME: usize = 40;

/// The links for a connection of this name on this host.
///
/// Both forms take their first values from the URL; permissions of fine-grained tokens come with the requirement for them:
/// <https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/managing-your-personal-access-tokens>
pub fn links(host: &Host, connection: &str, spec: &GithubPatConnectionSpec) -> Links {
    let create_token = if wants_classic(spec) {
        let mut scopes: Vec<&str> = spec.require.scopes.iter().map(String::as_str).collect();
        if scopes.is_empty() && pulls(spec) {
            scopes.push("read:packages");
        }
        let scopes = scopes.join(",");
        host.page("settings/tokens/new", &[("scopes", &scopes), ("description", connection)])
    } else {
        let name: String = connection.chars().take(LONGEST_NAME).collect();
        host.page("settings/personal-access-tokens/new", &[("name", &name)])
    };
    Links { create_token }
}

/// True if only a classic token can serve, or the connection allows no fine-grained one.
fn wants_classic(spec: &GithubPatConnectionSpec) -> bool {
    let allows = |kind| spec.require.kinds.contains(&kind);
    allows(TokenKind::Classic)
        && (!spec.require.scopes.is_empty() || pulls(spec) || !allows(TokenKind::FineGrained))
}

fn pulls(spec: &GithubPatConnectionSpec) -> bool {
    spec.publish.iter().any(|output| output.format == Format::DockerConfigJson)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Settings, SettingsInput};

    fn link(spec: serde_json::Value) -> String {
        let settings = Settings::new(SettingsInput::default(), SettingsInput::default()).unwrap();
        let spec = serde_json::from_value(spec).unwrap();
        links(settings.host("github.com").unwrap(), "team-a/ci bot", &spec).create_token
    }

    #[test]
    fn the_form_fits_the_demand() {
        let base = "https://github.com/settings/";
        let rows = [
            (serde_json::json!({}), "personal-access-tokens/new?name=team-a%2Fci+bot"),
            (
                serde_json::json!({ "scopes": ["repo", "read:org"] }),
                "tokens/new?scopes=repo%2Cread%3Aorg&description=team-a%2Fci+bot",
            ),
            (serde_json::json!({ "kinds": ["Classic"] }), "tokens/new?scopes=&description=team-a%2Fci+bot"),
            (
                serde_json::json!({ "kinds": ["FineGrained"], "scopes": ["repo"] }),
                "personal-access-tokens/new?name=team-a%2Fci+bot",
            ),
        ];
        for (require, expected) in rows {
            let spec = serde_json::json!({ "secretRef": { "name": "pat" }, "require": require });
            assert_eq!(link(spec), format!("{base}{expected}"));
        }
        let docker = serde_json::json!({
            "secretRef": { "name": "pat" },
            "publish": [{ "secretName": "pull", "format": "DockerConfigJson" }],
        });
        assert!(link(docker).starts_with("https://github.com/settings/tokens/new?scopes=read%3Apackages&"));
    }
}
