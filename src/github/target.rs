//! Where each question is sent: the REST API of the host, its git endpoint, or its registry.

use reqwest::Url;

use crate::{
    domain::{
        permission::{Get, Permission, Resource},
        probe::Probe,
    },
    settings::{self, Host},
};

/// The URL of the question; `None` if the host has no registry in the settings.
pub(super) fn url(host: &Host, probe: &Probe) -> Option<Url> {
    let api = |path: &str| Some(below(host.endpoint(""), path));
    match probe {
        Probe::Identity => Some(host.endpoint("user")),
        Probe::Organization(name) => api(&format!("orgs/{name}")),
        Probe::Membership(name) => api(&format!("user/memberships/orgs/{name}")),
        Probe::Repository(name) => api(&format!("repos/{name}")),
        Probe::Permission(permission, target) => {
            let mut url = api(&path(*permission, permission.get()?, target))?;
            url.set_query(permission.get().map(|get| get.query));
            Some(url)
        }
        Probe::Push(name) => {
            let mut url = below(Url::parse(&host.addresses.web_url).ok()?, &format!("{name}.git/info/refs"));
            url.set_query(Some(PUSH));
            Some(url)
        }
        Probe::Package(name) => {
            let registry = host.addresses.registry.as_deref()?;
            // Only a registry on this machine is asked without TLS, whatever the API is.
            let scheme = if host.is_plain() && is_loopback(registry) { "http" } else { "https" };
            let scope = format!("repository:{name}:pull");
            let query = [("scope", &*scope), ("service", registry)];
            Url::parse_with_params(&format!("{scheme}://{registry}/token"), query).ok()
        }
    }
}

fn is_loopback(registry: &str) -> bool {
    let host = Url::parse(&format!("http://{registry}")).ok();
    host.is_some_and(|url| settings::is_loopback(&url))
}

fn path(permission: Permission, get: Get, target: &str) -> String {
    let owner = target.split('/').next().unwrap_or(target);
    match permission.row().resource {
        Resource::Organization if get.of_login => {
            let login = target.split('/').next_back().unwrap_or(target);
            format!("users/{login}{}/{owner}", get.path)
        }
        _ if get.of_login => format!("users/{target}{}", get.path),
        _ if get.of_owner => format!("orgs/{owner}{}", get.path),
        Resource::Repository => format!("repos/{target}{}", get.path),
        Resource::Organization => format!("orgs/{target}{}", get.path),
        Resource::Account => format!("user{}", get.path),
    }
}

/// The path below this URL. Each part is escaped, so that none leads elsewhere.
fn below(mut url: Url, path: &str) -> Url {
    if let Ok(mut parts) = url.path_segments_mut() {
        parts.pop_if_empty().extend(path.split('/'));
    }
    url
}

/// Where a renamed or transferred repository is, if the redirect leads to the same API, or for a push to the same git endpoint:
/// <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects>,
/// <https://docs.github.com/en/repositories/creating-and-managing-repositories/renaming-a-repository>
pub(super) fn moved(host: &Host, probe: &Probe, location: &str) -> Option<Url> {
    let (root, is_repository): (Url, fn(&str) -> bool) = match probe {
        Probe::Identity | Probe::Package(_) => return None,
        Probe::Push(_) => (Url::parse(&host.addresses.web_url).ok()?, is_git_endpoint),
        _ => (host.endpoint(""), is_by_number),
    };
    let url = root.join(location).ok()?;
    let is_same = url.origin() == root.origin() && url.username().is_empty() && url.password().is_none();
    let is_push = url.query() == Some(PUSH);
    let rest = url.path().strip_prefix(root.path())?;
    (is_same && is_repository(rest) && (is_push || !matches!(probe, Probe::Push(_)))).then_some(url)
}

/// What git asks before a push: <https://git-scm.com/docs/http-protocol>.
const PUSH: &str = "service=git-receive-pack";

/// True of `repositories/1` and what lies below it.
fn is_by_number(path: &str) -> bool {
    let id = path.strip_prefix("repositories/").and_then(|rest| rest.split('/').next());
    id.is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
}

/// True of `owner/name.git/info/refs`.
fn is_git_endpoint(path: &str) -> bool {
    path.strip_suffix(".git/info/refs").is_some_and(|name| Probe::push(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::permission::Level,
        settings::{Settings, SettingsInput},
    };

    fn host(settings: &str) -> Host {
        let given: SettingsInput = serde_json::from_str(settings).unwrap();
        Settings::new(given, SettingsInput::default()).unwrap().hosts.last().unwrap().clone()
    }

    #[test]
    fn each_question_has_its_url() {
        let github = host("{}");
        let enterprise = host(
            r#"{"hosts": [{"name": "ghe", "apiUrl": "https://ghe.example.com/api/v3", "registry": "containers.ghe.example.com"}]}"#,
        );
        let plain = host(r#"{"hosts": [{"name": "github.com", "apiUrl": "http://127.0.0.1:8080"}]}"#);
        let simulated = host(
            r#"{"hosts": [{"name": "simulated", "apiUrl": "http://127.0.0.1:8080", "registry": "127.0.0.1:5000"}]}"#,
        );
        let permission = |key, level, target: &str| {
            Probe::Permission(Permission::named(key, level).unwrap(), target.into())
        };
        let api = "https://api.github.com";
        let rows = [
            (&github, Some(Probe::Identity), format!("{api}/user")),
            (&github, Probe::organization("Acme"), format!("{api}/orgs/acme")),
            (&github, Probe::membership("acme"), format!("{api}/user/memberships/orgs/acme")),
            (&github, Probe::repository("acme/app"), format!("{api}/repos/acme/app")),
            (
                &github,
                Some(permission("secrets", Level::Read, "acme/app")),
                format!("{api}/repos/acme/app/actions/secrets?per_page=1"),
            ),
            (
                &github,
                Some(permission("repository_advisories", Level::Write, "acme/app")),
                format!("{api}/orgs/acme/security-advisories?per_page=1"),
            ),
            (
                &github,
                Some(permission("members", Level::Read, "acme")),
                format!("{api}/orgs/acme/teams?per_page=1"),
            ),
            (
                &github,
                Some(permission("organization_events", Level::Read, "acme/ci")),
                format!("{api}/users/ci/events/orgs/acme?per_page=1"),
            ),
            (
                &github,
                Some(permission("plan", Level::Read, "ci")),
                format!("{api}/users/ci/settings/billing/usage?per_page=1"),
            ),
            (
                &github,
                Some(permission("organization_api_insights", Level::Read, "acme")),
                format!(
                    "{api}/orgs/acme/insights/api/subject-stats?min_timestamp=2026-01-01T00:00:00Z&per_page=1"
                ),
            ),
            (&github, Some(permission("emails", Level::Read, "")), format!("{api}/user/emails?per_page=1")),
            (
                &github,
                Probe::push("acme/app"),
                "https://github.com/acme/app.git/info/refs?service=git-receive-pack".to_owned(),
            ),
            (
                &github,
                Probe::package("acme/app"),
                "https://ghcr.io/token?scope=repository%3Aacme%2Fapp%3Apull&service=ghcr.io".to_owned(),
            ),
            (
                &enterprise,
                Probe::repository("acme/app"),
                "https://ghe.example.com/api/v3/repos/acme/app".to_owned(),
            ),
            (
                &enterprise,
                Probe::push("acme/app"),
                "https://ghe.example.com/acme/app.git/info/refs?service=git-receive-pack".to_owned(),
            ),
            (
                &plain,
                Probe::package("acme/app"),
                "https://ghcr.io/token?scope=repository%3Aacme%2Fapp%3Apull&service=ghcr.io".to_owned(),
            ),
            (
                &simulated,
                Probe::package("acme/app"),
                "http://127.0.0.1:5000/token?scope=repository%3Aacme%2Fapp%3Apull&service=127.0.0.1%3A5000"
                    .to_owned(),
            ),
        ];
        for (host, probe, expected) in rows {
            let probe = probe.unwrap();
            assert_eq!(url(host, &probe).unwrap().as_str(), expected, "{probe:?}");
        }
    }

    #[test]
    fn a_redirect_is_followed_to_a_repository_of_the_same_api_and_nowhere_else() {
        let enterprise = host(r#"{"hosts": [{"name": "ghe", "apiUrl": "https://ghe.example.com/api/v3"}]}"#);
        let rows = [
            ("https://ghe.example.com/api/v3/repositories/42", true),
            ("https://ghe.example.com/api/v3/repositories/42/actions/secrets?per_page=1", true),
            ("/api/v3/repositories/42", true),
            ("https://ghe.example.com/api/v3/repositories/x", false),
            ("https://ghe.example.com/api/v3/user", false),
            ("https://ghe.example.com/repositories/42", false),
            ("http://ghe.example.com/api/v3/repositories/42", false),
            ("https://ghe.example.com:444/api/v3/repositories/42", false),
            ("https://evil.example.com/api/v3/repositories/42", false),
            ("https://user@ghe.example.com/api/v3/repositories/42", false),
            ("//evil.example.com/api/v3/repositories/42", false),
        ];
        let repository = Probe::repository("acme/app").unwrap();
        for (location, is_followed) in rows {
            assert_eq!(moved(&enterprise, &repository, location).is_some(), is_followed, "{location}");
            assert_eq!(moved(&enterprise, &Probe::Identity, location), None, "{location}");
            assert_eq!(
                moved(&enterprise, &Probe::package("acme/app").unwrap(), location),
                None,
                "{location}"
            );
        }
        let push = Probe::push("acme/app").unwrap();
        let rows = [
            ("https://ghe.example.com/acme/new.git/info/refs?service=git-receive-pack", true),
            ("/acme/new.git/info/refs?service=git-receive-pack", true),
            ("https://ghe.example.com/acme/new.git/info/refs?service=git-upload-pack", false),
            ("https://ghe.example.com/acme/new.git/info/refs", false),
            ("https://ghe.example.com/acme/new/info/refs?service=git-receive-pack", false),
            ("https://ghe.example.com/api/v3/repositories/42?service=git-receive-pack", false),
            ("https://evil.example.com/acme/new.git/info/refs?service=git-receive-pack", false),
            ("https://user@ghe.example.com/acme/new.git/info/refs?service=git-receive-pack", false),
            ("http://ghe.example.com/acme/new.git/info/refs?service=git-receive-pack", false),
            ("https://ghe.example.com/login?service=git-receive-pack", false),
        ];
        for (location, is_followed) in rows {
            assert_eq!(moved(&enterprise, &push, location).is_some(), is_followed, "{location}");
        }
    }
}
