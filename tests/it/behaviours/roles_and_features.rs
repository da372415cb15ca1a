//! What roles and features that are off make of an answer.

use super::row::{
    ACME, Given::Repository, MEMBER, OWNER, PRIVATE, PUBLIC, ROW, Row, Seen, Theme, Trait, fine,
};

pub(super) const THEME: Theme = Theme {
    title: "Roles, and features that are off",
    about: "Some answers come only after GitHub has found the permission, so they prove it. A 404 proves it only of a private \
            repository that the token is seen to reach at that moment. Others have several causes, and prove nothing.",
    rows: ROWS,
};

/// The call about environments.
const ENVIRONMENT: &str = "/repos/acme/app/environments/unknown/variables?per_page=1";

const ROWS: &[Row] = &[
    Row {
        name: "an empty repository answers 409 and 404, which tell that the permission is there",
        given: &[ACME, MEMBER, Repository(Seen::Private, "acme/app", &[Trait::Empty])],
        token: fine(&[("contents", "read"), ("statuses", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"contents": "read",
            "statuses": "read"}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "Permission contents: read: Met Proven",
            "Permission statuses: read: Met Proven",
        ],
        calls: &[
            ("/repos/acme/app", 2),
            ("/repos/acme/app/commits?per_page=1", 1),
            ("/repos/acme/app/commits/HEAD/status?per_page=1", 1),
        ],
        ..ROW
    },
    Row {
        name: "an empty repository, and the token lacks the permission",
        given: &[ACME, MEMBER, Repository(Seen::Private, "acme/app", &[Trait::Empty])],
        token: fine(&[]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"contents": "read",
            "statuses": "read"}}"#,
        ready: ("False", "PermissionMissing"),
        lines: &[
            "Repository acme/app: Met Proven",
            "Permission contents: read: NotMet PermissionMissing",
            "Permission statuses: read: NotMet PermissionMissing",
        ],
        calls: &[
            ("/repos/acme/app", 1),
            ("/repos/acme/app/commits?per_page=1", 2),
            ("/repos/acme/app/commits/HEAD/status?per_page=1", 2),
        ],
        ..ROW
    },
    Row {
        name: "issues are off, which tells that the permission is there",
        given: &[ACME, MEMBER, Repository(Seen::Private, "acme/app", &[Trait::WithoutIssues])],
        token: fine(&[("issues", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"issues": "read"}}"#,
        lines: &["Repository acme/app: Met Proven", "Permission issues: read: Met Proven"],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/issues?per_page=1", 1)],
        ..ROW
    },
    Row {
        name: "issues are off, and the token lacks the permission",
        given: &[ACME, MEMBER, Repository(Seen::Private, "acme/app", &[Trait::WithoutIssues])],
        token: fine(&[]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"issues": "read"}}"#,
        ready: ("False", "PermissionMissing"),
        lines: &["Repository acme/app: Met Proven", "Permission issues: read: NotMet PermissionMissing"],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/issues?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "there is no site, which tells that the permission is there",
        given: &[ACME, MEMBER, Repository(Seen::Private, "acme/app", &[Trait::WithoutPages])],
        token: fine(&[("pages", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"pages": "read"}}"#,
        lines: &["Repository acme/app: Met Proven", "Permission pages: read: Met Proven"],
        calls: &[("/repos/acme/app", 2), ("/repos/acme/app/pages?per_page=1", 1)],
        ..ROW
    },
    Row {
        name: "there is no code scanning, which tells that the permission is there",
        given: &[ACME, MEMBER, Repository(Seen::Private, "acme/app", &[Trait::WithoutCodeScanning])],
        token: fine(&[("security_events", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"security_events": "read"}}"#,
        lines: &["Repository acme/app: Met Proven", "Permission security_events: read: Met Proven"],
        calls: &[("/repos/acme/app", 2), ("/repos/acme/app/code-scanning/alerts?per_page=1", 1)],
        ..ROW
    },
    Row {
        name: "secret scanning is off, which tells that the permission is there",
        given: &[ACME, MEMBER, Repository(Seen::Private, "acme/app", &[Trait::WithoutSecretScanning])],
        token: fine(&[("secret_scanning_alerts", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}],
            "permissions": {"secret_scanning_alerts": "read"}}"#,
        lines: &["Repository acme/app: Met Proven", "Permission secret_scanning_alerts: read: Met Proven"],
        calls: &[("/repos/acme/app", 2), ("/repos/acme/app/secret-scanning/alerts?per_page=1", 1)],
        ..ROW
    },
    Row {
        name: "there is no code scanning of a public repository, whose 404 everybody may get",
        given: &[ACME, MEMBER, Repository(Seen::Public, "acme/app", &[Trait::WithoutCodeScanning])],
        token: fine(&[("security_events", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"security_events": "read"}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "Permission security_events: read: Unproven RoleOrFeature",
        ],
        calls: &[("/repos/acme/app", 3), ("/repos/acme/app/code-scanning/alerts?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "environments are asked about by one that is not there",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[("environments", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"environments": "read"}}"#,
        lines: &["Repository acme/app: Met Proven", "Permission environments: read: Met Proven"],
        calls: &[("/repos/acme/app", 2), (ENVIRONMENT, 1)],
        ..ROW
    },
    Row {
        name: "environments, and the token lacks the permission",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"environments": "read"}}"#,
        ready: ("False", "PermissionMissing"),
        lines: &[
            "Repository acme/app: Met Proven",
            "Permission environments: read: NotMet PermissionMissing",
        ],
        calls: &[("/repos/acme/app", 1), (ENVIRONMENT, 2)],
        ..ROW
    },
    Row {
        name: "environments of a public repository, whose 404 proves nothing",
        given: &[ACME, MEMBER, PUBLIC],
        token: fine(&[("environments", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"environments": "read"}}"#,
        lines: &["Repository acme/app: Met Proven", "Permission environments: read: Unproven RoleOrFeature"],
        calls: &[("/repos/acme/app", 3), (ENVIRONMENT, 2)],
        ..ROW
    },
    Row {
        name: "Dependabot alerts are off, which looks like other causes",
        given: &[ACME, MEMBER, Repository(Seen::Private, "acme/app", &[Trait::WithoutDependabotAlerts])],
        token: fine(&[("vulnerability_alerts", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}],
            "permissions": {"vulnerability_alerts": "read"}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "Permission vulnerability_alerts: read: Unproven RoleOrFeature",
        ],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/dependabot/alerts?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "Dependabot alerts are off, and the token lacks the permission",
        given: &[ACME, MEMBER, Repository(Seen::Private, "acme/app", &[Trait::WithoutDependabotAlerts])],
        token: fine(&[]),
        require: r#"{"repositories": [{"name": "acme/app"}],
            "permissions": {"vulnerability_alerts": "read"}}"#,
        ready: ("False", "PermissionMissing"),
        lines: &[
            "Repository acme/app: Met Proven",
            "Permission vulnerability_alerts: read: NotMet PermissionMissing",
        ],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/dependabot/alerts?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "permissions of administrators, and the account is none",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[("administration", "read"), ("repository_hooks", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"administration": "read",
            "repository_hooks": "read"}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "Permission administration: read: Unproven RoleOrFeature",
            "Permission repository_hooks: read: Unproven RoleOrFeature",
        ],
        calls: &[
            ("/repos/acme/app", 1),
            ("/repos/acme/app/actions/permissions?per_page=1", 2),
            ("/repos/acme/app/hooks?per_page=1", 2),
        ],
        ..ROW
    },
    Row {
        name: "permissions of administrators, and the account is none, where what is not proven is refused",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[("administration", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"administration": "read"},
            "unproven": "Refuse"}"#,
        ready: ("False", "NotProven"),
        lines: &[
            "Repository acme/app: Met Proven",
            "Permission administration: read: Unproven RoleOrFeature",
        ],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/actions/permissions?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "permissions of administrators, and neither account nor token has them",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"administration": "read",
            "repository_hooks": "read"}}"#,
        ready: ("False", "PermissionMissing"),
        lines: &[
            "Repository acme/app: Met Proven",
            "Permission administration: read: NotMet PermissionMissing",
            "Permission repository_hooks: read: NotMet PermissionMissing",
        ],
        calls: &[
            ("/repos/acme/app", 1),
            ("/repos/acme/app/actions/permissions?per_page=1", 2),
            ("/repos/acme/app/hooks?per_page=1", 2),
        ],
        ..ROW
    },
    Row {
        name: "permissions of administrators, and the account is an owner",
        given: &[ACME, OWNER, PRIVATE],
        token: fine(&[("administration", "read"), ("repository_hooks", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"administration": "read",
            "repository_hooks": "read"}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "Permission administration: read: Met Proven",
            "Permission repository_hooks: read: Met Proven",
        ],
        calls: &[
            ("/repos/acme/app", 1),
            ("/repos/acme/app/actions/permissions?per_page=1", 1),
            ("/repos/acme/app/hooks?per_page=1", 1),
        ],
        ..ROW
    },
    Row {
        name: "organization_administration: read, and the account is no owner",
        given: &[ACME, MEMBER],
        token: fine(&[("organization_administration", "read")]),
        require: r#"{"organizations": [{"name": "acme"}],
            "permissions": {"organization_administration": "read"}}"#,
        lines: &[
            "Organization acme: Unproven CoverageNotProvable",
            "Permission organization_administration: read: Unproven RoleOrFeature",
        ],
        calls: &[
            ("/orgs/acme", 1),
            ("/user/memberships/orgs/acme", 2),
            ("/orgs/acme/actions/permissions?per_page=1", 2),
        ],
        ..ROW
    },
];
