//! One line a permission: its key, to what it applies, its levels, and the GETs that prove reading and writing.
//!
//! Where there is none, no GET of its own tells it: it is for GraphQL or for writing only, its GET takes another permission in its
//! place, or needs a name that nobody knows.

use super::{
    Get, Level,
    Level::{Admin, Read, Write},
    Resource::{self, Account, Organization, Repository},
    Row,
};

const R: &[Level] = &[Read];
const W: &[Level] = &[Write];
const RW: &[Level] = &[Read, Write];
const RWA: &[Level] = &[Read, Write, Admin];
const NONE: Option<Get> = None;

/// Answered on public resources to every token.
const fn open(path: &'static str, also: &'static [u16]) -> Option<Get> {
    Some(Get { path, open: true, of_owner: false, of_login: false, query: ONE, also })
}

/// Answered only with the permission.
const fn closed(path: &'static str, also: &'static [u16]) -> Option<Get> {
    Some(Get { path, open: false, of_owner: false, of_login: false, query: ONE, also })
}

/// The same below the organization that owns the repository.
const fn of_owner(path: &'static str) -> Option<Get> {
    Some(Get { path, open: false, of_owner: true, of_login: false, query: ONE, also: &[] })
}

/// The same below the account by its login.
const fn of_login(path: &'static str) -> Option<Get> {
    Some(Get { path, open: false, of_owner: false, of_login: true, query: ONE, also: &[] })
}

/// The same with this query, without which it is not answered.
const fn with(path: &'static str, query: &'static str) -> Option<Get> {
    Some(Get { path, open: false, of_owner: false, of_login: false, query, also: &[] })
}

/// One item of a list.
const ONE: &str = "per_page=1";

const fn row(
    key: &'static str,
    resource: Resource,
    levels: &'static [Level],
    read: Option<Get>,
    write: Option<Get>,
) -> Row {
    Row { key, resource, levels, read, write }
}

/// Every permission that a fine-grained token can have, by March 2026.
#[rustfmt::skip]
pub const TABLE: &[Row] = &[
    row("metadata", Repository, R, open("", &[]), NONE),
    row("actions", Repository, RW, open("/actions/artifacts", &[]), NONE),
    row("administration", Repository, RW, closed("/actions/permissions", &[]), NONE),
    row("agent_secrets", Repository, RW, NONE, NONE),
    row("agent_variables", Repository, RW, NONE, NONE),
    row("artifact_metadata", Repository, RW, NONE, NONE),
    row("attestations", Repository, RW, of_owner("/attestations/repositories"), NONE),
    row("code_quality", Repository, RW, NONE, NONE),
    row("codespaces", Repository, RW, closed("/codespaces", &[]), closed("/codespaces/permissions_check", &[422])),
    row("codespaces_lifecycle_admin", Repository, RW, NONE, NONE),
    row("codespaces_metadata", Repository, R, closed("/codespaces/devcontainers", &[]), NONE),
    row("codespaces_secrets", Repository, W, NONE, closed("/codespaces/secrets", &[])),
    row("contents", Repository, RW, open("/commits", &[409]), NONE),
    row("copilot_agent_settings", Repository, R, NONE, NONE),
    row("dependabot_secrets", Repository, RW, closed("/dependabot/secrets", &[]), NONE),
    row("deployments", Repository, RW, open("/deployments", &[]), NONE),
    row("discussions", Repository, RW, NONE, NONE),
    row("environments", Repository, RW, closed("/environments/unknown/variables", &[404]), NONE),
    row("issues", Repository, RW, open("/issues", &[410]), NONE),
    row("merge_queues", Repository, RW, NONE, NONE),
    row("pages", Repository, RW, open("/pages", &[404]), NONE),
    row("pull_requests", Repository, RW, open("/pulls", &[]), NONE),
    row("repository_advisories", Repository, RW, open("/security-advisories", &[]), of_owner("/security-advisories")),
    row("repository_custom_properties", Repository, RW, NONE, NONE),
    row("repository_hooks", Repository, RW, closed("/hooks", &[]), NONE),
    row("secret_scanning_alerts", Repository, RW, closed("/secret-scanning/alerts", &[404]), NONE),
    row("secrets", Repository, RW, closed("/actions/secrets", &[]), NONE),
    row("security_events", Repository, RW, closed("/code-scanning/alerts", &[404]), NONE),
    row("statuses", Repository, RW, open("/commits/HEAD/status", &[404, 422]), NONE),
    row("actions_variables", Repository, RW, closed("/actions/variables", &[]), NONE),
    row("vulnerability_alerts", Repository, RW, closed("/dependabot/alerts", &[]), NONE),
    row("workflows", Repository, W, NONE, NONE),
    row("issue_fields", Organization, RW, closed("/issue-fields", &[]), NONE),
    row("issue_types", Organization, RW, closed("/issue-types", &[]), NONE),
    row("members", Organization, RW, closed("/teams", &[]), NONE),
    row("org_copilot_content_exclusion", Organization, RW, closed("/copilot/content_exclusion", &[]), NONE),
    row("organization_actions_variables", Organization, RW, closed("/actions/variables", &[]), NONE),
    row("organization_administration", Organization, RW, closed("/actions/permissions", &[]), closed("/rulesets", &[])),
    row("organization_agent_secrets", Organization, RW, NONE, NONE),
    row("organization_agent_variables", Organization, RW, NONE, NONE),
    row("organization_announcement_banners", Organization, RW, NONE, NONE),
    row("organization_api_insights", Organization, R, with("/insights/api/subject-stats", "min_timestamp=2026-01-01T00:00:00Z&per_page=1"), NONE),
    row("organization_campaigns", Organization, RW, closed("/campaigns", &[]), NONE),
    row("organization_code_scanning_dismissal_requests", Organization, RW, NONE, NONE),
    row("organization_codespaces", Organization, RW, NONE, NONE),
    row("organization_codespaces_secrets", Organization, RW, closed("/codespaces/secrets", &[]), NONE),
    row("organization_codespaces_settings", Organization, RW, NONE, NONE),
    row("organization_copilot_agent_settings", Organization, RW, NONE, NONE),
    row("organization_copilot_metrics", Organization, R, NONE, NONE),
    row("organization_copilot_seat_management", Organization, RW, NONE, NONE),
    row("organization_copilot_spaces", Organization, RW, NONE, NONE),
    row("organization_custom_org_roles", Organization, R, closed("/organization-roles", &[]), NONE),
    row("organization_custom_properties", Organization, RWA, closed("/properties/schema", &[]), NONE),
    row("organization_custom_roles", Organization, RW, NONE, NONE),
    row("organization_dependabot_secrets", Organization, RW, closed("/dependabot/secrets", &[]), NONE),
    row("organization_events", Organization, R, of_login("/events/orgs"), NONE),
    row("organization_hooks", Organization, RW, closed("/hooks", &[]), NONE),
    row("organization_knowledge_bases", Organization, RW, NONE, NONE),
    row("organization_models", Organization, R, NONE, NONE),
    row("organization_network_configurations", Organization, RW, closed("/settings/network-configurations", &[]), NONE),
    row("organization_plan", Organization, R, NONE, NONE),
    row("organization_private_registries", Organization, RW, closed("/private-registries", &[]), NONE),
    row("organization_projects", Organization, RWA, open("/projectsV2", &[]), NONE),
    row("organization_runner_custom_images", Organization, RW, closed("/actions/hosted-runners/images/custom", &[]), NONE),
    row("organization_secrets", Organization, RW, closed("/actions/secrets", &[]), NONE),
    row("organization_self_hosted_runners", Organization, RW, closed("/actions/runners", &[]), NONE),
    row("organization_user_blocking", Organization, RW, closed("/blocks", &[]), NONE),
    row("team_discussions", Organization, RW, NONE, NONE),
    row("blocking", Account, RW, closed("/blocks", &[]), NONE),
    row("codespaces_user_secrets", Account, RW, closed("/codespaces/secrets", &[]), NONE),
    row("copilot_editor_context", Account, R, NONE, NONE),
    row("copilot_messages", Account, R, NONE, NONE),
    row("copilot_requests", Account, W, NONE, NONE),
    row("emails", Account, RW, closed("/emails", &[]), NONE),
    row("followers", Account, RW, closed("/followers", &[]), NONE),
    row("gists", Account, W, NONE, NONE),
    row("git_signing_ssh_public_keys", Account, RW, closed("/ssh_signing_keys", &[]), NONE),
    row("gpg_keys", Account, RW, closed("/gpg_keys", &[]), NONE),
    row("interaction_limits", Account, RW, closed("/interaction-limits", &[]), NONE),
    row("keys", Account, RW, closed("/keys", &[]), NONE),
    row("knowledge_bases", Account, RW, NONE, NONE),
    row("plan", Account, R, of_login("/settings/billing/usage"), NONE),
    row("private_repository_invitations", Account, R, NONE, NONE),
    row("profile", Account, W, NONE, NONE),
    row("starring", Account, RW, NONE, NONE),
    row("user_events", Account, R, NONE, NONE),
    row("user_models", Account, R, NONE, NONE),
    row("watching", Account, RW, NONE, NONE),
];
