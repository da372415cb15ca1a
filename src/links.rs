//! GitHub's pages that help, made from what a connection demands.

use crate::{
    api::{GithubPatConnectionSpec, Links},
    domain::{
        Reason,
        permission::find,
        requirement::{Line, State},
        token::TokenKind,
    },
    settings::Host,
};

/// Longer names are refused by the form for fine-grained tokens.
const LONGEST_NAME: usize = 40;
/// A longer address of a form is told without its first values.
const LONGEST_FORM: usize = 1024;
/// The longest list of boxes to tick, in characters.
const LONGEST_LIST: usize = 400;
/// The most pages that are named beside the first.
const MOST_PAGES: usize = 7;

/// Where a person mends what a demand lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// On the page at this path of the host.
    Page(String),
    /// On the token's own page, where its value stays the same.
    Token,
    /// In the form for a new token, since no edit makes this one fit.
    NewToken,
}

/// The links for a connection of this name on this host, of whose demands this is known.
///
/// Both forms take their first values from the URL. GitHub documented the parameters of the form for fine-grained tokens until May
/// 2026 (<https://github.com/github/docs/pull/44419>), so that it may ignore them:
/// <https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/managing-your-personal-access-tokens>
pub fn links(
    host: &Host,
    connection: &str,
    spec: &GithubPatConnectionSpec,
    kind: Option<TokenKind>,
    lines: &[Line],
) -> Links {
    let is_classic = wants_classic(spec);
    let mut create_token = if is_classic {
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
    if create_token.len() > LONGEST_FORM {
        create_token = create_token.split('?').next().unwrap_or_default().to_owned();
    }
    let mut pages: Vec<String> = Vec::new();
    for page in lines.iter().filter_map(|line| page(host, line)) {
        if pages.len() <= MOST_PAGES && !pages.contains(&page) {
            pages.push(page);
        }
    }
    let mut pages = pages.into_iter();
    Links {
        create_token,
        fill_in: if is_classic { None } else { fill_in(spec) },
        act_on: pages.next(),
        also_act_on: pages.collect(),
        token: lines.iter().find_map(|line| line.lifetime.token).map(|id| own_page(host, kind, id)),
    }
}

/// The page of the token with this number.
fn own_page(host: &Host, kind: Option<TokenKind>, id: i64) -> String {
    let tokens = if kind == Some(TokenKind::FineGrained) { "personal-access-tokens" } else { "tokens" };
    host.page(&format!("settings/{tokens}/{id}"), &[])
}

/// What to choose in the form for fine-grained tokens, if the demands tell.
fn fill_in(spec: &GithubPatConnectionSpec) -> Option<String> {
    let owner = owner(spec).map(|owner| format!("choose {owner} as the resource owner"));
    let repositories: Vec<_> = spec.require.repositories.iter().map(|demand| demand.name.clone()).collect();
    let repositories =
        (!repositories.is_empty()).then(|| format!("select the repositories {}", listed(&repositories)));
    let known = spec.require.permissions.iter().filter(|(key, _)| find(key).is_some());
    let boxes: Vec<_> = known.map(|(key, level)| format!("{key}: {}", level.as_str())).collect();
    let boxes = (!boxes.is_empty()).then(|| format!("tick the permissions {}", listed(&boxes)));
    let all: Vec<_> = [owner, repositories, boxes].into_iter().flatten().collect();
    (!all.is_empty())
        .then(|| format!("GitHub's form may ignore the values in its address, so {}", all.join(", ")))
}

/// As many of them as a sentence has room for, and how many more there are.
fn listed(names: &[String]) -> String {
    let mut told = String::new();
    for (place, name) in names.iter().enumerate() {
        if told.len().saturating_add(name.len()) > LONGEST_LIST {
            let more = names.len().saturating_sub(place);
            return format!("{told} and {more} more of the spec");
        }
        if !told.is_empty() {
            told += ", ";
        }
        told += name;
    }
    told
}

/// Whose resources a fine-grained token is to be made for.
fn owner(spec: &GithubPatConnectionSpec) -> Option<&str> {
    let organization = spec.require.organizations.first().map(|demand| demand.name.as_str());
    let repository = || spec.require.repositories.first().and_then(|demand| demand.name.split('/').next());
    organization.or_else(repository)
}

/// Where a person mends what this demand lacks, beside the token's own page and the form for a new one.
fn page(host: &Host, line: &Line) -> Option<String> {
    let remedy = remedy(line.finding.reason, &line.name, line.on.as_deref());
    match remedy.filter(|_| line.state == State::NotMet)? {
        Remedy::Page(path) => Some(host.page(&path, &[])),
        Remedy::Token | Remedy::NewToken => None,
    }
}

/// Where a person mends what a demand lacks that is not met for this reason. `name` is the name in its line, `on` the repository or
/// organization on which a permission was asked about. `None` if the reason names no page that is sure to mend it.
pub fn remedy(reason: Reason, name: &str, on: Option<&str>) -> Option<Remedy> {
    let of = on.unwrap_or(name);
    let owner = of.split('/').next().filter(|owner| !owner.is_empty() && !owner.contains(' '));
    let of_owner = |path: &str| owner.map(|owner| Remedy::Page(path.replace("OWNER", owner)));
    let at = |path: &str| Some(Remedy::Page(path.to_owned()));
    match reason {
        // The query of GitHub's own link is private and short-lived.
        Reason::SsoRequired => of_owner("orgs/OWNER/sso"),
        Reason::ClassicTokensForbidden | Reason::FineGrainedTokensForbidden | Reason::LifetimeForbidden => {
            of_owner("organizations/OWNER/settings/personal-access-tokens")
        }
        Reason::AddressForbidden => of_owner("organizations/OWNER/settings/security"),
        Reason::AppForbidden => of_owner("organizations/OWNER/settings/oauth_application_policy"),
        Reason::NotAMember => of_owner("orgs/OWNER/people"),
        Reason::MembershipPending => of_owner("orgs/OWNER/invitation"),
        Reason::PermissionMissing | Reason::PermissionForbidden => at("settings/personal-access-tokens"),
        Reason::PackageRefused => at("settings/tokens"),
        Reason::RepositoryArchived => at(&format!("{name}/settings")),
        Reason::ScopeMissing
        | Reason::ScopeForbidden
        | Reason::ExcessScopes
        | Reason::RepositoryNotVisible => Some(Remedy::Token),
        Reason::AnotherAccount
        | Reason::KindNotAllowed
        | Reason::ScopesNotApplicable
        | Reason::ExpiryRequired
        | Reason::LifetimeTooLong
        | Reason::RemainingTooShort => Some(Remedy::NewToken),
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
    !spec.require.packages.is_empty() || spec.publish.iter().any(|output| output.needs_classic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            Finding,
            proof::{Facts, Lifetime},
            requirement::Kind,
        },
        settings::{Settings, SettingsInput},
    };

    fn link(spec: serde_json::Value) -> String {
        let settings = Settings::new(SettingsInput::default(), SettingsInput::default()).unwrap();
        let spec = serde_json::from_value(spec).unwrap();
        links(settings.host("github.com").unwrap(), "team-a/ci bot", &spec, None, &[]).create_token
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

    fn of(spec: serde_json::Value, kind: Option<TokenKind>, lines: &[Line]) -> Links {
        let settings = Settings::new(SettingsInput::default(), SettingsInput::default()).unwrap();
        let spec = serde_json::json!({ "secretRef": { "name": "pat" }, "require": spec });
        let spec = serde_json::from_value(spec).unwrap();
        links(settings.host("github.com").unwrap(), "team-a/ci", &spec, kind, lines)
    }

    fn not_met(kind: Kind, name: &str, on: Option<&str>, reason: Reason) -> Line {
        Line {
            kind,
            name: name.to_owned(),
            on: on.map(str::to_owned),
            each: Vec::new(),
            state: State::NotMet,
            finding: Finding::new(reason, ""),
            facts: Facts::default(),
            lifetime: Lifetime::default(),
            answer: None,
            at: None,
        }
    }

    #[test]
    fn each_organization_that_keeps_the_token_out_has_its_page_once() {
        let organization = |name: &str, reason| not_met(Kind::Organization, name, None, reason);
        let lines: Vec<_> = [organization("acme", Reason::SsoRequired)]
            .into_iter()
            .chain([not_met(Kind::Repository, "acme/app", None, Reason::SsoRequired)])
            .chain((0..20).map(|number| organization(&format!("labs{number}"), Reason::LifetimeForbidden)))
            .collect();
        let links = of(serde_json::json!({}), None, &lines);
        assert_eq!(links.act_on.as_deref(), Some("https://github.com/orgs/acme/sso"));
        let page =
            |number| format!("https://github.com/organizations/labs{number}/settings/personal-access-tokens");
        assert_eq!(links.also_act_on, (0..7).map(page).collect::<Vec<_>>(), "and no more than seven");
    }

    #[test]
    fn the_page_of_the_token_is_told_where_github_named_its_number() {
        let mut line = not_met(Kind::Organization, "acme", None, Reason::LifetimeForbidden);
        assert_eq!(
            of(serde_json::json!({}), Some(TokenKind::Classic), std::slice::from_ref(&line)).token,
            None
        );
        line.lifetime.token = Some(7);
        for (kind, page) in
            [(TokenKind::Classic, "tokens"), (TokenKind::FineGrained, "personal-access-tokens")]
        {
            let links = of(serde_json::json!({}), Some(kind), std::slice::from_ref(&line));
            assert_eq!(links.token, Some(format!("https://github.com/settings/{page}/7")), "{kind:?}");
        }
    }

    #[test]
    fn what_the_form_may_ignore_is_told_in_words() {
        let name = |number: usize| format!("acme/{number}{}", "n".repeat(40));
        let many: Vec<_> = (0..16).map(|number| serde_json::json!({ "name": name(number) })).collect();
        let rows = [
            (serde_json::json!({}), None, ""),
            (serde_json::json!({ "scopes": ["repo"] }), None, ""),
            (
                serde_json::json!({
                    "organizations": [{ "name": "acme" }], "repositories": [{ "name": "acme/app" }, { "name": "acme/lib" }],
                    "permissions": { "contents": "write", "issues": "read", "nonsense": "read" },
                }),
                Some(
                    "GitHub's form may ignore the values in its address, so choose acme as the resource owner, select the \
                      repositories acme/app, acme/lib, tick the permissions contents: write, issues: read",
                ),
                "permissions",
            ),
            (serde_json::json!({ "repositories": many }), None, " and 8 more of the spec"),
        ];
        for (require, expected, words) in rows {
            let told = of(require.clone(), None, &[]).fill_in;
            assert!(expected.is_none_or(|expected| told.as_deref() == Some(expected)), "{require}: {told:?}");
            let told = told.unwrap_or_default();
            assert!(
                told.contains(words) && told.is_empty() == words.is_empty() && told.len() < 600,
                "{require}: {told}"
            );
        }
    }

    #[test]
    fn a_form_whose_address_would_be_too_long_is_told_without_values() {
        let scopes: Vec<_> = (0..64)
            .map(|number| format!("{}:{}", "a".repeat(number % 30 + 1), "b".repeat(20 + number / 30)))
            .collect();
        let links = of(serde_json::json!({ "scopes": scopes }), None, &[]);
        assert_eq!(links.create_token, "https://github.com/settings/tokens/new");
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
            (Kind::Repository, "acme/app", None, Reason::RepositoryArchived, Some("acme/app/settings")),
            (Kind::Package, "acme/app", None, Reason::PackageRefused, Some("settings/tokens")),
            (Kind::Repository, "acme/app", None, Reason::PushRefused, None),
        ];
        for (kind, name, on, reason, expected) in rows {
            let line = not_met(kind, name, on, reason);
            let expected = expected.map(|path| format!("https://github.com/{path}"));
            assert_eq!(page(host, &line), expected, "{name} {reason:?}");
            let unknown = Line { state: State::Unknown, ..line };
            assert_eq!(page(host, &unknown), None, "{name} {reason:?}: nobody knows that it lacks anything");
        }
    }
}
