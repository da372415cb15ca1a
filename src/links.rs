//! GitHub's pages that help, made from what a connection demands.

use crate::{
    api::{GithubPatConnectionSpec, Links},
    domain::{
        Reason,
        output::Format,
        permission::find,
        requirement::{Line, State},
        token::TokenKind,
    },
    settings::Host,
};

/// Longer names are refused by the form for fine-grained tokens.
const LONGEST_NAME: usize = 40;

/// The links for a connection of this name on this host, of whose demands this is known.
///
/// Both forms take their first values from the URL. GitHub documented the parameters of the form for fine-grained tokens until May
/// 2026 (<https://github.com/github/docs/pull/44419>), so that it may ignore them:
/// <https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/managing-your-personal-access-tokens>
pub fn links(host: &Host, connection: &str, spec: &GithubPatConnectionSpec, lines: &[Line]) -> Links {
    let create_token = if wants_classic(spec) {
        let mut scopes: Vec<&str> = spec.require.scopes.iter().map(String::as_str).collect();
        if scopes.is_empty() && pulls(spec) {
            scopes.push("read:packages");
        }
        let scopes = scopes.join(",");
        host.page("settings/tokens/new", &[("scopes", &scopes), ("description", connection)])
    } else {
        let name: String = connection.chars().take(LONGEST_NAME).collect();
        let mut query = vec![("name", name.as_str())];
        query.extend(owner(spec).map(|owner| ("target_name", owner)));
        let permissions = spec.require.permissions.iter().filter(|(key, _)| find(key).is_some());
        query.extend(permissions.map(|(key, level)| (key.as_str(), level.as_str())));
        host.page("settings/personal-access-tokens/new", &query)
    };
    Links { create_token, act_on: lines.iter().find_map(|line| page(host, line)) }
}

/// Whose resources a fine-grained token is to be made for.
fn owner(spec: &GithubPatConnectionSpec) -> Option<&str> {
    let organization = spec.require.organizations.first().map(|demand| demand.name.as_str());
    let repository = || spec.require.repositories.first().and_then(|demand| demand.name.split('/').next());
    organization.or_else(repository)
}

/// Where a person mends what this demand lacks.
fn page(host: &Host, line: &Line) -> Option<String> {
    if line.state != State::NotMet {
        return None;
    }
    let of = line.on.as_deref().unwrap_or(&line.name);
    let owner = of.split('/').next().filter(|owner| !owner.is_empty() && !owner.contains(' '));
    let of_owner = |path: &str| owner.map(|owner| host.page(&path.replace("OWNER", owner), &[]));
    match line.finding.reason {
        // The query of GitHub's own link is private and short-lived.
        Reason::SsoRequired => of_owner("orgs/OWNER/sso"),
        Reason::ClassicTokensForbidden | Reason::FineGrainedTokensForbidden | Reason::LifetimeForbidden => {
            of_owner("organizations/OWNER/settings/personal-access-tokens")
        }
        Reason::AddressForbidden => of_owner("organizations/OWNER/settings/security"),
        Reason::AppForbidden => of_owner("organizations/OWNER/settings/oauth_application_policy"),
        Reason::NotAMember => of_owner("orgs/OWNER/people"),
        Reason::MembershipPending => of_owner("orgs/OWNER/invitation"),
        Reason::PermissionMissing | Reason::PermissionForbidden => {
            Some(host.page("settings/personal-access-tokens", &[]))
        }
        Reason::PackageRefused => Some(host.page("settings/tokens", &[])),
        Reason::RepositoryArchived => Some(host.page(&format!("{}/settings", line.name), &[])),
        _ => None,
    }
}

/// True if only a classic token can serve, or the connection allows no fine-grained one.
fn wants_classic(spec: &GithubPatConnectionSpec) -> bool {
    let allows = |kind| spec.require.kinds.contains(&kind);
    allows(TokenKind::Classic)
        && (!spec.require.scopes.is_empty() || pulls(spec) || !allows(TokenKind::FineGrained))
}

fn pulls(spec: &GithubPatConnectionSpec) -> bool {
    !spec.require.packages.is_empty()
        || spec.publish.iter().any(|output| output.format == Format::DockerConfigJson)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Finding, proof::Facts, requirement::Kind},
        settings::{Settings, SettingsInput},
    };

    fn link(spec: serde_json::Value) -> String {
        let settings = Settings::new(SettingsInput::default(), SettingsInput::default()).unwrap();
        let spec = serde_json::from_value(spec).unwrap();
        links(settings.host("github.com").unwrap(), "team-a/ci bot", &spec, &[]).create_token
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
            (
                serde_json::json!({
                    "kinds": ["FineGrained"], "permissions": { "contents": "write" }, "repositories": [{ "name": "acme/app" }],
                }),
                "personal-access-tokens/new?name=team-a%2Fci+bot&target_name=acme&contents=write",
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

    #[test]
    fn what_is_not_met_has_the_page_to_mend_it() {
        let settings = Settings::new(SettingsInput::default(), SettingsInput::default()).unwrap();
        let host = settings.host("github.com").unwrap();
        let rows = [
            (Kind::Repository, "acme/app", None, Reason::SsoRequired, Some("orgs/acme/sso")),
            (
                Kind::Organization,
                "acme",
                None,
                Reason::LifetimeForbidden,
                Some("organizations/acme/settings/personal-access-tokens"),
            ),
            (
                Kind::Permission,
                "secrets: read",
                Some("acme/app"),
                Reason::PermissionMissing,
                Some("settings/personal-access-tokens"),
            ),
            (Kind::Permission, "secrets: read", Some("acme/app"), Reason::SsoRequired, Some("orgs/acme/sso")),
            (Kind::Permission, "emails: read", Some(""), Reason::SsoRequired, None),
            (Kind::Repository, "acme/app", None, Reason::RepositoryNotVisible, None),
        ];
        for (kind, name, on, reason, expected) in rows {
            let line = Line {
                kind,
                name: name.to_owned(),
                on: on.map(str::to_owned),
                state: State::NotMet,
                finding: Finding::new(reason, ""),
                facts: Facts::default(),
                days: None,
                at: None,
            };
            let expected = expected.map(|path| format!("https://github.com/{path}"));
            assert_eq!(page(host, &line), expected, "{name} {reason:?}");
        }
    }
}
