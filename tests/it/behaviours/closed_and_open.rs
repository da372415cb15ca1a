//! Which permissions a question proves, closed or open, on repositories of each visibility.

use github_simulator::Access;

use super::row::{ACME, Given::Collaborator, INTERNAL, MEMBER, PRIVATE, PUBLIC, ROW, Row, Theme, fine};

pub(super) const THEME: Theme = Theme {
    title: "Permissions of repositories, by visibility",
    about: "A closed question is answered only with the permission. An open one is answered to everybody on \
            public repositories, so it counts on private and internal ones only.",
    rows: ROWS,
};

const CLOSED: &[(&str, &str)] = &[
    ("actions_variables", "read"),
    ("administration", "read"),
    ("codespaces", "read"),
    ("codespaces_metadata", "read"),
    ("dependabot_secrets", "read"),
    ("repository_hooks", "read"),
    ("secret_scanning_alerts", "read"),
    ("secrets", "read"),
    ("security_events", "read"),
    ("vulnerability_alerts", "read"),
];

const CLOSED_DEMANDED: &str = r#"{"repositories": [{"name": "acme/app"}],
    "permissions": {"actions_variables": "read", "administration": "read", "codespaces": "read",
    "codespaces_metadata": "read", "dependabot_secrets": "read", "repository_hooks": "read",
    "secret_scanning_alerts": "read", "secrets": "read", "security_events": "read",
    "vulnerability_alerts": "read"}}"#;

const CLOSED_HELD: &[&str] = &[
    "Repository acme/app: Met Proven",
    "Permission actions_variables: read: Met Proven",
    "Permission administration: read: Met Proven",
    "Permission codespaces: read: Met Proven",
    "Permission codespaces_metadata: read: Met Proven",
    "Permission dependabot_secrets: read: Met Proven",
    "Permission repository_hooks: read: Met Proven",
    "Permission secret_scanning_alerts: read: Met Proven",
    "Permission secrets: read: Met Proven",
    "Permission security_events: read: Met Proven",
    "Permission vulnerability_alerts: read: Met Proven",
];

const CLOSED_MISSING: &[&str] = &[
    "Repository acme/app: Met Proven",
    "Permission actions_variables: read: NotMet PermissionMissing",
    "Permission administration: read: NotMet PermissionMissing",
    "Permission codespaces: read: NotMet PermissionMissing",
    "Permission codespaces_metadata: read: NotMet PermissionMissing",
    "Permission dependabot_secrets: read: NotMet PermissionMissing",
    "Permission repository_hooks: read: NotMet PermissionMissing",
    "Permission secret_scanning_alerts: read: NotMet PermissionMissing",
    "Permission secrets: read: NotMet PermissionMissing",
    "Permission security_events: read: NotMet PermissionMissing",
    "Permission vulnerability_alerts: read: NotMet PermissionMissing",
];

const CLOSED_ASKED: &[(&str, usize)] = &[
    ("/repos/acme/app", 1),
    ("/repos/acme/app/actions/variables?per_page=1", 1),
    ("/repos/acme/app/actions/permissions?per_page=1", 1),
    ("/repos/acme/app/codespaces?per_page=1", 1),
    ("/repos/acme/app/codespaces/devcontainers?per_page=1", 1),
    ("/repos/acme/app/dependabot/secrets?per_page=1", 1),
    ("/repos/acme/app/hooks?per_page=1", 1),
    ("/repos/acme/app/secret-scanning/alerts?per_page=1", 1),
    ("/repos/acme/app/actions/secrets?per_page=1", 1),
    ("/repos/acme/app/code-scanning/alerts?per_page=1", 1),
    ("/repos/acme/app/dependabot/alerts?per_page=1", 1),
];

const CLOSED_ASKED_TWICE: &[(&str, usize)] = &[
    ("/repos/acme/app", 1),
    ("/repos/acme/app/actions/variables?per_page=1", 2),
    ("/repos/acme/app/actions/permissions?per_page=1", 2),
    ("/repos/acme/app/codespaces?per_page=1", 2),
    ("/repos/acme/app/codespaces/devcontainers?per_page=1", 2),
    ("/repos/acme/app/dependabot/secrets?per_page=1", 2),
    ("/repos/acme/app/hooks?per_page=1", 2),
    ("/repos/acme/app/secret-scanning/alerts?per_page=1", 2),
    ("/repos/acme/app/actions/secrets?per_page=1", 2),
    ("/repos/acme/app/code-scanning/alerts?per_page=1", 2),
    ("/repos/acme/app/dependabot/alerts?per_page=1", 2),
];

const OPEN: &[(&str, &str)] = &[
    ("actions", "read"),
    ("contents", "read"),
    ("deployments", "read"),
    ("issues", "read"),
    ("metadata", "read"),
    ("pages", "read"),
    ("pull_requests", "read"),
    ("repository_advisories", "read"),
    ("statuses", "read"),
];

const OPEN_DEMANDED: &str = r#"{"repositories": [{"name": "acme/app"}], "permissions": {"actions": "read",
    "contents": "read", "deployments": "read", "issues": "read", "metadata": "read", "pages": "read",
    "pull_requests": "read", "repository_advisories": "read", "statuses": "read"}}"#;

const OPEN_HELD: &[&str] = &[
    "Repository acme/app: Met Proven",
    "Permission actions: read: Met Proven",
    "Permission contents: read: Met Proven",
    "Permission deployments: read: Met Proven",
    "Permission issues: read: Met Proven",
    "Permission metadata: read: Met Proven",
    "Permission pages: read: Met Proven",
    "Permission pull_requests: read: Met Proven",
    "Permission repository_advisories: read: Met Proven",
    "Permission statuses: read: Met Proven",
];

const OPEN_MISSING: &[&str] = &[
    "Repository acme/app: Met Proven",
    "Permission actions: read: NotMet PermissionMissing",
    "Permission contents: read: NotMet PermissionMissing",
    "Permission deployments: read: NotMet PermissionMissing",
    "Permission issues: read: NotMet PermissionMissing",
    "Permission metadata: read: Met Proven",
    "Permission pages: read: NotMet PermissionMissing",
    "Permission pull_requests: read: NotMet PermissionMissing",
    "Permission repository_advisories: read: NotMet PermissionMissing",
    "Permission statuses: read: NotMet PermissionMissing",
];

const OPEN_ON_PUBLIC: &[&str] = &[
    "Repository acme/app: Met Proven",
    "Permission actions: read: Unproven PublicRepository",
    "Permission contents: read: Unproven PublicRepository",
    "Permission deployments: read: Unproven PublicRepository",
    "Permission issues: read: Unproven PublicRepository",
    "Permission metadata: read: Unproven PublicRepository",
    "Permission pages: read: Unproven PublicRepository",
    "Permission pull_requests: read: Unproven PublicRepository",
    "Permission repository_advisories: read: Unproven PublicRepository",
    "Permission statuses: read: Unproven PublicRepository",
];

const OPEN_ASKED: &[(&str, usize)] = &[
    ("/repos/acme/app", 1),
    ("/repos/acme/app/actions/artifacts?per_page=1", 1),
    ("/repos/acme/app/commits?per_page=1", 1),
    ("/repos/acme/app/deployments?per_page=1", 1),
    ("/repos/acme/app/issues?per_page=1", 1),
    ("/repos/acme/app?per_page=1", 1),
    ("/repos/acme/app/pages?per_page=1", 1),
    ("/repos/acme/app/pulls?per_page=1", 1),
    ("/repos/acme/app/security-advisories?per_page=1", 1),
    ("/repos/acme/app/commits/HEAD/status?per_page=1", 1),
];

const OPEN_ASKED_TWICE: &[(&str, usize)] = &[
    ("/repos/acme/app", 1),
    ("/repos/acme/app/actions/artifacts?per_page=1", 2),
    ("/repos/acme/app/commits?per_page=1", 2),
    ("/repos/acme/app/deployments?per_page=1", 2),
    ("/repos/acme/app/issues?per_page=1", 2),
    ("/repos/acme/app?per_page=1", 1),
    ("/repos/acme/app/pages?per_page=1", 2),
    ("/repos/acme/app/pulls?per_page=1", 2),
    ("/repos/acme/app/security-advisories?per_page=1", 2),
    ("/repos/acme/app/commits/HEAD/status?per_page=1", 2),
];

const ROWS: &[Row] = &[
    Row {
        name: "closed questions prove what the token has on a private repository",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Admin)],
        token: fine(CLOSED),
        require: CLOSED_DEMANDED,
        lines: CLOSED_HELD,
        calls: CLOSED_ASKED,
        ..ROW
    },
    Row {
        name: "closed questions prove what the token lacks on a private repository",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Admin)],
        token: fine(&[]),
        require: CLOSED_DEMANDED,
        ready: ("False", "PermissionMissing"),
        lines: CLOSED_MISSING,
        calls: CLOSED_ASKED_TWICE,
        ..ROW
    },
    Row {
        name: "closed questions prove what the token has on an internal repository",
        given: &[ACME, MEMBER, INTERNAL, Collaborator("acme/app", Access::Admin)],
        token: fine(CLOSED),
        require: CLOSED_DEMANDED,
        lines: CLOSED_HELD,
        calls: CLOSED_ASKED,
        ..ROW
    },
    Row {
        name: "closed questions prove what the token lacks on an internal repository",
        given: &[ACME, MEMBER, INTERNAL, Collaborator("acme/app", Access::Admin)],
        token: fine(&[]),
        require: CLOSED_DEMANDED,
        ready: ("False", "PermissionMissing"),
        lines: CLOSED_MISSING,
        calls: CLOSED_ASKED_TWICE,
        ..ROW
    },
    Row {
        name: "closed questions prove what the token has on a public repository",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Admin)],
        token: fine(CLOSED),
        require: CLOSED_DEMANDED,
        lines: CLOSED_HELD,
        calls: CLOSED_ASKED,
        ..ROW
    },
    Row {
        name: "closed questions prove what the token lacks on a public repository",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Admin)],
        token: fine(&[]),
        require: CLOSED_DEMANDED,
        ready: ("False", "PermissionMissing"),
        lines: CLOSED_MISSING,
        calls: CLOSED_ASKED_TWICE,
        ..ROW
    },
    Row {
        name: "open questions prove what the token has on a private repository",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(OPEN),
        require: OPEN_DEMANDED,
        lines: OPEN_HELD,
        calls: OPEN_ASKED,
        ..ROW
    },
    Row {
        name: "open questions prove what the token lacks on a private repository",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[]),
        require: OPEN_DEMANDED,
        ready: ("False", "PermissionMissing"),
        lines: OPEN_MISSING,
        calls: OPEN_ASKED_TWICE,
        ..ROW
    },
    Row {
        name: "open questions prove what the token has on an internal repository",
        given: &[ACME, MEMBER, INTERNAL],
        token: fine(OPEN),
        require: OPEN_DEMANDED,
        lines: OPEN_HELD,
        calls: OPEN_ASKED,
        ..ROW
    },
    Row {
        name: "open questions prove what the token lacks on an internal repository",
        given: &[ACME, MEMBER, INTERNAL],
        token: fine(&[]),
        require: OPEN_DEMANDED,
        ready: ("False", "PermissionMissing"),
        lines: OPEN_MISSING,
        calls: OPEN_ASKED_TWICE,
        ..ROW
    },
    Row {
        name: "open questions prove nothing on a public repository, though the token has it all",
        given: &[ACME, MEMBER, PUBLIC],
        token: fine(OPEN),
        require: OPEN_DEMANDED,
        lines: OPEN_ON_PUBLIC,
        calls: &[("/repos/acme/app", 1)],
        ..ROW
    },
    Row {
        name: "open questions prove nothing on a public repository, though the token lacks it all",
        given: &[ACME, MEMBER, PUBLIC],
        token: fine(&[]),
        require: OPEN_DEMANDED,
        lines: OPEN_ON_PUBLIC,
        calls: &[("/repos/acme/app", 1)],
        ..ROW
    },
];
