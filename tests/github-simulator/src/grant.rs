//! What a fine-grained token was granted: by whom, on which repositories, which permissions.

use crate::refusal::Refused;
use std::collections::{BTreeMap, BTreeSet};

/// How far a permission goes; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Read,
    Write,
    Admin,
}

/// What a fine-grained token was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The resource owner, an organization or the account itself, in lower case.
    pub(crate) owner: String,
    pub(crate) permissions: BTreeMap<String, Level>,
    pub(crate) selection: Selection,
    /// Whether the organization said yes, if it was to be asked.
    pub(crate) approved: bool,
}

/// The repositories of the resource owner that a token covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    All,
    /// By name in lower case.
    Of(BTreeSet<String>),
}

impl Level {
    fn parse(text: &str) -> Option<Level> {
        match text {
            "read" => Some(Level::Read),
            "write" => Some(Level::Write),
            "admin" => Some(Level::Admin),
            _ => None,
        }
    }
}

impl Grant {
    /// Whether it has all of one of the sets in `accepted`, in the grammar of `X-Accepted-GitHub-Permissions`: `;` stands
    /// between alternatives, `,` between what is needed together.
    ///
    /// Source: <https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api>.
    pub(crate) fn meets(&self, accepted: &str) -> bool {
        accepted.split(';').any(|set| set.split(',').all(|entry| self.has(entry.trim())))
    }

    /// `metadata` is mandatory, so every token has it.
    fn has(&self, entry: &str) -> bool {
        let Some((key, level)) = entry.split_once('=') else { return false };
        let held = self.permissions.get(key).copied().or((key == "metadata").then_some(Level::Read));
        Level::parse(level).is_some_and(|level| held.is_some_and(|held| held >= level))
    }
}

/// Permissions by key; two words each, the second `read`, `write` or `admin`.
pub(crate) fn permissions<'a>(
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<BTreeMap<String, Level>, Refused> {
    let checked = pairs.into_iter().map(|(key, level)| {
        if !KEYS.contains(&key) {
            return Err(Refused::new("permissions", format!("a fine-grained token cannot have `{key}`")));
        }
        let level = Level::parse(level)
            .ok_or_else(|| Refused::new("permissions", format!("`{level}` is not read, write or admin")))?;
        Ok((key.to_owned(), level))
    });
    checked.collect()
}

/// The names of permissions that a fine-grained token can have; `checks` and `packages` are not among them.
///
/// Source: <https://github.com/github/docs>, `src/github-apps/data/fpt-2026-03-10/fine-grained-pat-permissions.json`, and the
/// parameters of the form as documented until May 2026.
const KEYS: [&str; 88] = [
    // Repository.
    "actions",
    "actions_variables",
    "administration",
    "agent_secrets",
    "agent_variables",
    "artifact_metadata",
    "attestations",
    "code_quality",
    "codespaces",
    "codespaces_lifecycle_admin",
    "codespaces_metadata",
    "codespaces_secrets",
    "contents",
    "copilot_agent_settings",
    "dependabot_secrets",
    "deployments",
    "discussions",
    "environments",
    "issues",
    "merge_queues",
    "metadata",
    "pages",
    "pull_requests",
    "repository_advisories",
    "repository_custom_properties",
    "repository_hooks",
    "secret_scanning_alerts",
    "secrets",
    "security_events",
    "statuses",
    "vulnerability_alerts",
    "workflows",
    // Organization.
    "issue_fields",
    "issue_types",
    "members",
    "org_copilot_content_exclusion",
    "organization_actions_variables",
    "organization_administration",
    "organization_agent_secrets",
    "organization_agent_variables",
    "organization_announcement_banners",
    "organization_api_insights",
    "organization_campaigns",
    "organization_code_scanning_dismissal_requests",
    "organization_codespaces",
    "organization_codespaces_secrets",
    "organization_codespaces_settings",
    "organization_copilot_agent_settings",
    "organization_copilot_metrics",
    "organization_copilot_seat_management",
    "organization_copilot_spaces",
    "organization_custom_org_roles",
    "organization_custom_properties",
    "organization_custom_roles",
    "organization_dependabot_secrets",
    "organization_events",
    "organization_hooks",
    "organization_knowledge_bases",
    "organization_models",
    "organization_network_configurations",
    "organization_plan",
    "organization_private_registries",
    "organization_projects",
    "organization_runner_custom_images",
    "organization_secrets",
    "organization_self_hosted_runners",
    "organization_user_blocking",
    "team_discussions",
    // Account.
    "blocking",
    "codespaces_user_secrets",
    "copilot_editor_context",
    "copilot_messages",
    "copilot_requests",
    "emails",
    "followers",
    "gists",
    "git_signing_ssh_public_keys",
    "gpg_keys",
    "interaction_limits",
    "keys",
    "knowledge_bases",
    "plan",
    "private_repository_invitations",
    "profile",
    "starring",
    "user_events",
    "user_models",
    "watching",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(pairs: &[(&str, &str)]) -> Grant {
        let permissions = permissions(pairs.iter().copied()).unwrap();
        Grant { owner: "acme".to_owned(), permissions, selection: Selection::All, approved: false }
    }

    #[test]
    fn a_grant_meets_one_of_the_alternatives_in_full() {
        // What is held, what is accepted, whether it suffices.
        let rows: [(&[(&str, &str)], &str, bool); 9] = [
            (&[], "metadata=read", true),
            (&[], "contents=read", false),
            (&[("contents", "read")], "contents=read", true),
            (&[("contents", "read")], "contents=write", false),
            (&[("contents", "write")], "contents=read", true),
            (&[("pages", "write")], "administration=write; pages=write", true),
            (&[("contents", "write")], "contents=write, workflows=write", false),
            (&[("contents", "write"), ("workflows", "write")], "contents=write, workflows=write", true),
            (&[("starring", "read")], "metadata=read, starring=read", true),
        ];
        for (held, accepted, expected) in rows {
            assert_eq!(grant(held).meets(accepted), expected, "{held:?} {accepted}");
        }
    }

    #[test]
    fn what_no_fine_grained_token_has_cannot_be_granted() {
        for pair in [("checks", "read"), ("packages", "read"), ("content", "read"), ("contents", "much")] {
            assert!(permissions([pair]).unwrap_err().to_string().starts_with("permissions: "), "{pair:?}");
        }
    }
}
