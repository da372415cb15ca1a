//! What each endpoint demands, and what it answers to those who may ask: a table, one line an endpoint.

use crate::repository::Access;

/// An endpoint of the REST API that reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint {
    /// As in the documentation: `/repos/{owner}/{repo}/hooks`.
    pub(crate) path: &'static str,
    /// What a fine-grained token needs, in the grammar of `X-Accepted-GitHub-Permissions`; empty where it needs nothing.
    pub(crate) permissions: &'static str,
    /// Whether public resources are answered without the permission.
    pub(crate) open: bool,
    /// What a classic token needs on top of what it needs to see the resource, any one of them; empty where it needs nothing.
    pub(crate) scopes: &'static [&'static str],
    /// What the user needs to be.
    pub(crate) rank: Rank,
    pub(crate) success: Success,
}

/// What the user needs to be, whatever the token may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rank {
    Any,
    /// Else 403.
    Access(Access),
    /// An administrator of the repository, else 404.
    Hidden,
    /// An owner of the organization, else 404.
    Owner,
}

/// What is answered when every right is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Success {
    /// 200 with an empty list.
    List,
    /// 200 with `total_count` and an empty list of this name.
    Count(&'static str),
    /// 200 with an object that says nothing.
    Object,
    /// A bare status: 202 or 204.
    Status(u16),
    /// 404 for what the path names.
    Missing,
    /// 422 without this parameter, else [`Success::Object`].
    Needs(&'static str),
    Repository,
    Commits,
    Contents,
    Commit,
    Issues,
    Pages,
    CodeScanning,
    SecretScanning,
    DependabotAlerts,
    Environments,
    Environment,
    Organization,
    Organizations,
    Memberships,
    Membership,
}

/// What a path names of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    Repository { owner: &'a str, name: &'a str },
    Organization(&'a str),
    Account,
}

impl Endpoint {
    /// The endpoint of a path without query, and the values of the names in braces, in order.
    pub(crate) fn find(route: &str) -> Option<(&'static Endpoint, Vec<&str>)> {
        ENDPOINTS.iter().find_map(|endpoint| Some((endpoint, values(endpoint.path, route)?)))
    }

    /// What the values of [`Endpoint::find`] name.
    pub(crate) fn place<'a>(&self, values: &[&'a str]) -> Place<'a> {
        match values {
            [owner, name, ..] if self.path.starts_with("/repos/") => Place::Repository { owner, name },
            [name, ..] if self.path.starts_with("/orgs/") => Place::Organization(name),
            [.., name] if self.path.ends_with("/orgs/{org}") => Place::Organization(name),
            _ => Place::Account,
        }
    }

    const fn scopes(self, scopes: &'static [&'static str]) -> Endpoint {
        Endpoint { scopes, ..self }
    }

    const fn rank(self, rank: Rank) -> Endpoint {
        Endpoint { rank, ..self }
    }
}

/// The values of the names in braces; `None` if the route is another one.
fn values<'a>(path: &str, route: &'a str) -> Option<Vec<&'a str>> {
    let (mut names, mut parts) = (path.split('/'), route.split('/'));
    let mut values = Vec::new();
    loop {
        match (names.next(), parts.next()) {
            (None, None) => return Some(values),
            (Some(name), Some(part)) if name.starts_with('{') => values.push(part),
            (Some(name), Some(part)) if name == part => {}
            _ => return None,
        }
    }
}

const fn endpoint(path: &'static str, permissions: &'static str, open: bool, success: Success) -> Endpoint {
    Endpoint { path, permissions, open, scopes: &[], rank: Rank::Any, success }
}

/// One that answers public resources without the permission.
const fn open(path: &'static str, permissions: &'static str, success: Success) -> Endpoint {
    endpoint(path, permissions, true, success)
}

/// One that wants the permission always.
const fn closed(path: &'static str, permissions: &'static str, success: Success) -> Endpoint {
    endpoint(path, permissions, false, success)
}

const ADMIN: Rank = Rank::Access(Access::Admin);
const PUSH: Rank = Rank::Access(Access::Push);
const ADMIN_ORG: &[&str] = &["admin:org"];
const READ_ORG: &[&str] = &["read:org"];
const SECURITY: &[&str] = &["security_events"];

/// Every endpoint that is known here.
///
/// Permissions and openness: the endpoint pages of <https://docs.github.com/rest>, captured on 2026-03-15; a test compares them.
/// What is marked "2026" came later, from the list of permissions of that year. Scopes: the same pages, where they name some.
/// Ranks: probes of `trufflesecurity/trufflehog` (`pkg/analyzer/analyzers/github/finegrained`), which take 403 and 404 alike.
#[rustfmt::skip]
pub(crate) const ENDPOINTS: &[Endpoint] = {
    use Success::{
        CodeScanning, Commit, Commits, Contents, Count, DependabotAlerts, Environment, Environments, Issues, List, Membership,
        Memberships, Missing, Needs, Object, Organization, Organizations, Pages, Repository, SecretScanning, Status,
    };
    &[
    open("/repos/{owner}/{repo}", "metadata=read", Repository).scopes(&["repo"]),
    closed("/repos/{owner}/{repo}/collaborators", "metadata=read", List).rank(PUSH),
    open("/repos/{owner}/{repo}/contents/{path}", "contents=read", Contents),
    open("/repos/{owner}/{repo}/commits", "contents=read", Commits),
    open("/repos/{owner}/{repo}/actions/artifacts", "actions=read", Count("artifacts")),
    open("/repos/{owner}/{repo}/actions/runs", "actions=read", Count("workflow_runs")),
    closed("/repos/{owner}/{repo}/actions/cache/storage-limit", "actions=read", Object).rank(ADMIN),
    open("/repos/{owner}/{repo}/issues", "issues=read", Issues),
    open("/repos/{owner}/{repo}/pulls", "pull_requests=read", List),
    open("/repos/{owner}/{repo}/commits/{ref}/status", "statuses=read", Commit),
    open("/repos/{owner}/{repo}/commits/{ref}/check-runs", "checks=read", Commit),
    open("/repos/{owner}/{repo}/deployments", "deployments=read", List),
    open("/repos/{owner}/{repo}/pages", "pages=read", Pages),
    closed("/repos/{owner}/{repo}/pages/health", "administration=write; pages=write", Status(202)).rank(ADMIN),
    open("/repos/{owner}/{repo}/attestations/{subject_digest}", "attestations=read", Missing),
    open("/repos/{owner}/{repo}/security-advisories", "repository_advisories=read", List),
    closed("/repos/{owner}/{repo}/actions/permissions", "administration=read", Object).rank(ADMIN).scopes(&["repo"]),
    closed("/repos/{owner}/{repo}/keys", "administration=read", List).rank(ADMIN).scopes(&["repo"]),
    closed("/repos/{owner}/{repo}/autolinks", "administration=read", List).rank(ADMIN).scopes(&["repo"]),
    closed("/repos/{owner}/{repo}/automated-security-fixes", "administration=read", Object).rank(ADMIN).scopes(&["repo"]),
    closed("/repos/{owner}/{repo}/actions/secrets", "secrets=read", Count("secrets")).scopes(&["repo"]),
    closed("/repos/{owner}/{repo}/actions/secrets/public-key", "secrets=read", Object).scopes(&["repo"]),
    closed("/repos/{owner}/{repo}/actions/variables", "actions_variables=read", Count("variables")).scopes(&["repo"]),
    closed("/repos/{owner}/{repo}/dependabot/secrets", "dependabot_secrets=read", Count("secrets")).scopes(&["repo"]),
    closed("/repos/{owner}/{repo}/dependabot/alerts", "vulnerability_alerts=read", DependabotAlerts).scopes(SECURITY),
    closed("/repos/{owner}/{repo}/code-scanning/alerts", "security_events=read", CodeScanning).scopes(SECURITY),
    closed("/repos/{owner}/{repo}/secret-scanning/alerts", "secret_scanning_alerts=read", SecretScanning).scopes(SECURITY),
    closed("/repos/{owner}/{repo}/hooks", "repository_hooks=read", List).rank(Rank::Hidden).scopes(&["read:repo_hook", "repo"]),
    open("/repos/{owner}/{repo}/environments", "actions=read", Environments),
    closed("/repos/{owner}/{repo}/environments/{environment_name}/variables", "environments=read", Environment).scopes(&["repo"]),
    closed("/repos/{owner}/{repo}/environments/{environment_name}/secrets", "environments=read", Environment).scopes(&["repo"]),
    closed("/repos/{owner}/{repo}/codespaces", "codespaces=read", Count("codespaces")).scopes(&["codespace"]),
    closed("/repos/{owner}/{repo}/codespaces/devcontainers", "codespaces_metadata=read", Count("devcontainers")).scopes(&["codespace"]),
    closed("/repos/{owner}/{repo}/codespaces/machines", "codespaces_metadata=read", Count("machines")).scopes(&["codespace"]),
    closed("/repos/{owner}/{repo}/codespaces/permissions_check", "codespaces=write", Needs("ref")).scopes(&["codespace"]),
    closed("/repos/{owner}/{repo}/codespaces/secrets", "codespaces_secrets=write", Count("secrets")).scopes(&["repo"]),
    closed("/repos/{owner}/{repo}/codespaces/secrets/{secret_name}", "codespaces_secrets=write", Missing).scopes(&["repo"]),
    closed("/repos/{owner}/{repo}/invitations", "administration=read; private_repository_invitations=read", List).rank(ADMIN),
    open("/repos/{owner}/{repo}/properties/values", "metadata=read", List),
    closed("/repos/{owner}/{repo}/code-quality/findings", "code_quality=read", List).scopes(SECURITY),              // 2026
    closed("/repos/{owner}/{repo}/agents/secrets", "agent_secrets=read", Count("secrets")).scopes(&["repo"]),     // 2026
    closed("/repos/{owner}/{repo}/agents/variables", "agent_variables=read", Count("variables")).scopes(&["repo"]), // 2026

    open("/orgs/{org}", "", Organization),
    closed("/orgs/{org}/teams", "members=read", List).scopes(READ_ORG),
    closed("/orgs/{org}/invitations", "members=read", List).scopes(ADMIN_ORG),
    open("/orgs/{org}/members", "members=read", List),
    open("/orgs/{org}/public_members", "members=read", List),
    closed("/orgs/{org}/attestations/repositories", "attestations=read", List),
    closed("/orgs/{org}/artifacts/{subject_digest}/metadata/storage-records", "contents=read; artifact_metadata=read", Missing),
    closed("/orgs/{org}/actions/permissions", "organization_administration=read", Object).rank(Rank::Owner).scopes(ADMIN_ORG),
    closed("/orgs/{org}/rulesets", "organization_administration=write", List).rank(Rank::Owner).scopes(ADMIN_ORG),
    closed("/orgs/{org}/security-advisories", "repository_advisories=write", List).scopes(&["repo"]),
    closed("/orgs/{org}/actions/secrets", "organization_secrets=read", Count("secrets")).scopes(ADMIN_ORG),
    closed("/orgs/{org}/actions/variables", "organization_actions_variables=read", Count("variables")).scopes(ADMIN_ORG),
    closed("/orgs/{org}/actions/runners", "organization_self_hosted_runners=read", Count("runners")).scopes(&["manage_runners:org"]),
    closed("/orgs/{org}/actions/runner-groups", "organization_self_hosted_runners=read", Count("runner_groups")).scopes(ADMIN_ORG),
    closed("/orgs/{org}/hooks", "organization_hooks=read", List).scopes(&["admin:org_hook"]),
    closed("/orgs/{org}/dependabot/secrets", "organization_dependabot_secrets=read", Count("secrets")).scopes(ADMIN_ORG),
    closed("/orgs/{org}/codespaces/secrets", "organization_codespaces_secrets=read", Count("secrets")).scopes(ADMIN_ORG),
    closed("/orgs/{org}/codespaces", "codespaces=read; organization_codespaces=read", Count("codespaces")).scopes(ADMIN_ORG),
    closed("/orgs/{org}/private-registries", "organization_private_registries=read", Count("configurations")).scopes(ADMIN_ORG),
    closed("/orgs/{org}/properties/schema", "organization_custom_properties=read", List).scopes(READ_ORG),
    closed("/orgs/{org}/organization-roles", "organization_custom_org_roles=read", Count("roles")).scopes(ADMIN_ORG),
    closed("/orgs/{org}/blocks", "organization_user_blocking=read", List).scopes(ADMIN_ORG),
    closed("/orgs/{org}/campaigns", "organization_campaigns=read", List).scopes(SECURITY),
    closed("/orgs/{org}/settings/network-configurations", "organization_network_configurations=read", Count("network_configurations")).scopes(&["read:network_configurations"]),
    closed("/orgs/{org}/actions/hosted-runners/images/custom", "organization_runner_custom_images=read", Count("images")).scopes(&["manage_runners:org"]),
    closed("/orgs/{org}/issue-types", "issue_types=read", List).scopes(READ_ORG),
    closed("/orgs/{org}/issue-fields", "issue_fields=read", List).scopes(READ_ORG),
    closed("/orgs/{org}/insights/api/subject-stats", "organization_api_insights=read", Needs("min_timestamp")).scopes(READ_ORG),
    closed("/orgs/{org}/copilot/billing", "organization_copilot_seat_management=read; organization_administration=read", Object).scopes(READ_ORG),
    closed("/orgs/{org}/copilot/content_exclusion", "org_copilot_content_exclusion=read", Object).scopes(&["copilot", "read:org"]),
    open("/orgs/{org}/projectsV2", "organization_projects=read", List).scopes(&["read:project"]),
    closed("/orgs/{org}/code-scanning/alerts", "security_events=read", List).scopes(SECURITY),
    closed("/orgs/{org}/dependabot/alerts", "vulnerability_alerts=read", List).scopes(SECURITY),
    closed("/orgs/{org}/secret-scanning/alerts", "secret_scanning_alerts=read", List).scopes(SECURITY),
    closed("/user/memberships/orgs/{org}", "members=read", Membership).scopes(READ_ORG),
    closed("/users/{username}/events/orgs/{org}", "organization_events=read", List),

    closed("/user/memberships/orgs", "", Memberships).scopes(READ_ORG),
    closed("/user/orgs", "", Organizations).scopes(&["read:org", "user"]),
    closed("/user/teams", "", List).scopes(&["user", "repo", "read:org"]),
    closed("/user/emails", "emails=read", List).scopes(&["user:email"]),
    open("/user/public_emails", "emails=read", List).scopes(&["user:email"]),
    closed("/user/followers", "followers=read", List),
    closed("/user/gpg_keys", "gpg_keys=read", List).scopes(&["read:gpg_key"]),
    closed("/user/keys", "keys=read", List).scopes(&["read:public_key"]),
    closed("/user/ssh_signing_keys", "git_signing_ssh_public_keys=read", List).scopes(&["read:ssh_signing_key"]),
    closed("/user/blocks", "blocking=read", List).scopes(&["user"]),
    closed("/user/interaction-limits", "interaction_limits=read", Status(204)),
    closed("/user/codespaces/secrets", "codespaces_user_secrets=read", Count("secrets")).scopes(&["codespace:secrets"]),
    open("/user/codespaces", "codespaces=read", Count("codespaces")).scopes(&["codespace"]),
    closed("/users/{username}/settings/billing/usage", "plan=read", Object).scopes(&["user"]),
    closed("/user/starred/{owner}/{repo}", "metadata=read, starring=read", Missing),
    open("/user/starred", "starring=read", List),
    open("/user/subscriptions", "watching=read", List),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_has_the_endpoints_that_the_agreement_is_about_and_three_that_came_later() {
        let extract = include_str!("../tests/it/data/fg-get-endpoints-extract.tsv");
        let mut expected: BTreeSet<&str> =
            extract.lines().skip(2).filter_map(|line| line.split('\t').next()).collect();
        expected.extend([
            "/repos/{owner}/{repo}/code-quality/findings",
            "/repos/{owner}/{repo}/agents/secrets",
            "/repos/{owner}/{repo}/agents/variables",
        ]);
        let table: BTreeSet<&str> = ENDPOINTS.iter().map(|endpoint| endpoint.path).collect();
        assert_eq!(table, expected);
        assert_eq!(ENDPOINTS.len(), expected.len(), "one line an endpoint");
    }

    #[test]
    fn a_route_finds_its_endpoint_and_what_it_names() {
        let repository = Place::Repository { owner: "acme", name: "app" };
        let rows = [
            ("/repos/acme/app", "/repos/{owner}/{repo}", repository),
            ("/repos/acme/app/contents/", "/repos/{owner}/{repo}/contents/{path}", repository),
            ("/repos/acme/app/actions/secrets", "/repos/{owner}/{repo}/actions/secrets", repository),
            ("/orgs/acme", "/orgs/{org}", Place::Organization("acme")),
            ("/user/memberships/orgs/acme", "/user/memberships/orgs/{org}", Place::Organization("acme")),
            (
                "/users/me/events/orgs/acme",
                "/users/{username}/events/orgs/{org}",
                Place::Organization("acme"),
            ),
            ("/user/starred/acme/app", "/user/starred/{owner}/{repo}", Place::Account),
            ("/user/emails", "/user/emails", Place::Account),
        ];
        for (route, path, place) in rows {
            let (endpoint, values) = Endpoint::find(route).unwrap();
            assert_eq!((endpoint.path, endpoint.place(&values)), (path, place), "{route}");
        }
        for route in ["/", "/repos/acme", "/repos/acme/app/", "/repos/acme/app/nothing", "/orgs/acme/actions"]
        {
            assert!(Endpoint::find(route).is_none(), "{route}");
        }
    }
}
