//! Which permissions to write a GET can prove.

use super::row::{ACME, Given::Repository, MEMBER, OWNER, PRIVATE, PUBLIC, ROW, Row, Seen, Theme, fine, own};

pub(super) const THEME: Theme = Theme {
    title: "Permissions to write",
    about: "Nothing but GET is sent. Four questions need a permission to write, and prove it; for all others \
            the reading is proven at most.",
    rows: ROWS,
};

const ROWS: &[Row] = &[
    Row {
        name: "the token reads contents, and nobody can tell whether it writes them",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[("contents", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"contents": "write"}}"#,
        lines: &["Repository acme/app: Met Proven", "Permission contents: write: Unproven WriteNotProvable"],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/commits?per_page=1", 1)],
        ..ROW
    },
    Row {
        name: "the token writes contents, and nobody can tell that either",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[("contents", "write")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"contents": "write"}}"#,
        lines: &["Repository acme/app: Met Proven", "Permission contents: write: Unproven WriteNotProvable"],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/commits?per_page=1", 1)],
        ..ROW
    },
    Row {
        name: "the token cannot even read contents",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"contents": "write"}}"#,
        ready: ("False", "PermissionMissing"),
        lines: &["Repository acme/app: Met Proven", "Permission contents: write: NotMet PermissionMissing"],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/commits?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "contents: write, where what is not proven is refused",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[("contents", "write")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"contents": "write"},
            "unproven": "Refuse"}"#,
        ready: ("False", "NotProven"),
        lines: &["Repository acme/app: Met Proven", "Permission contents: write: Unproven WriteNotProvable"],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/commits?per_page=1", 1)],
        ..ROW
    },
    Row {
        name: "contents: write on a public repository",
        given: &[ACME, MEMBER, PUBLIC],
        token: fine(&[("contents", "write")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"contents": "write"}}"#,
        lines: &["Repository acme/app: Met Proven", "Permission contents: write: Unproven PublicRepository"],
        calls: &[("/repos/acme/app", 1)],
        ..ROW
    },
    Row {
        name: "secrets: write on a public repository, where reading can be proven",
        given: &[ACME, MEMBER, PUBLIC],
        token: fine(&[("secrets", "write")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"secrets": "write"}}"#,
        lines: &["Repository acme/app: Met Proven", "Permission secrets: write: Unproven WriteNotProvable"],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/actions/secrets?per_page=1", 1)],
        ..ROW
    },
    Row {
        name: "three permissions of which a question proves the writing, on a private repository",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[
            ("codespaces", "write"),
            ("codespaces_secrets", "write"),
            ("repository_advisories", "write"),
        ]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"codespaces": "write",
            "codespaces_secrets": "write", "repository_advisories": "write"}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "Permission codespaces: write: Met Proven",
            "Permission codespaces_secrets: write: Met Proven",
            "Permission repository_advisories: write: Met Proven",
        ],
        calls: &[
            ("/repos/acme/app", 1),
            ("/repos/acme/app/codespaces/permissions_check?per_page=1", 1),
            ("/repos/acme/app/codespaces/secrets?per_page=1", 1),
            ("/orgs/acme/security-advisories?per_page=1", 1),
        ],
        ..ROW
    },
    Row {
        name: "the token only reads, on a private repository",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[("codespaces", "read"), ("repository_advisories", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"codespaces": "write",
            "codespaces_secrets": "write", "repository_advisories": "write"}}"#,
        ready: ("False", "PermissionMissing"),
        lines: &[
            "Repository acme/app: Met Proven",
            "Permission codespaces: write: NotMet PermissionMissing",
            "Permission codespaces_secrets: write: NotMet PermissionMissing",
            "Permission repository_advisories: write: NotMet PermissionMissing",
        ],
        calls: &[
            ("/repos/acme/app", 1),
            ("/repos/acme/app/codespaces/permissions_check?per_page=1", 2),
            ("/repos/acme/app/codespaces/secrets?per_page=1", 2),
            ("/orgs/acme/security-advisories?per_page=1", 2),
        ],
        ..ROW
    },
    Row {
        name: "three permissions of which a question proves the writing, on a public repository",
        given: &[ACME, MEMBER, PUBLIC],
        token: fine(&[
            ("codespaces", "write"),
            ("codespaces_secrets", "write"),
            ("repository_advisories", "write"),
        ]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"codespaces": "write",
            "codespaces_secrets": "write", "repository_advisories": "write"}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "Permission codespaces: write: Met Proven",
            "Permission codespaces_secrets: write: Met Proven",
            "Permission repository_advisories: write: Met Proven",
        ],
        calls: &[
            ("/repos/acme/app", 1),
            ("/repos/acme/app/codespaces/permissions_check?per_page=1", 1),
            ("/repos/acme/app/codespaces/secrets?per_page=1", 1),
            ("/orgs/acme/security-advisories?per_page=1", 1),
        ],
        ..ROW
    },
    Row {
        name: "the token only reads, on a public repository",
        given: &[ACME, MEMBER, PUBLIC],
        token: fine(&[("codespaces", "read"), ("repository_advisories", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"codespaces": "write",
            "codespaces_secrets": "write", "repository_advisories": "write"}}"#,
        ready: ("False", "PermissionMissing"),
        lines: &[
            "Repository acme/app: Met Proven",
            "Permission codespaces: write: NotMet PermissionMissing",
            "Permission codespaces_secrets: write: NotMet PermissionMissing",
            "Permission repository_advisories: write: NotMet PermissionMissing",
        ],
        calls: &[
            ("/repos/acme/app", 1),
            ("/repos/acme/app/codespaces/permissions_check?per_page=1", 2),
            ("/repos/acme/app/codespaces/secrets?per_page=1", 2),
            ("/orgs/acme/security-advisories?per_page=1", 2),
        ],
        ..ROW
    },
    Row {
        name: "repository_advisories: write on a repository of the account, of which the question knows nothing",
        given: &[Repository(Seen::Private, "ci/app", &[])],
        token: own(&[("repository_advisories", "write")]),
        require: r#"{"repositories": [{"name": "ci/app"}],
            "permissions": {"repository_advisories": "write"}}"#,
        lines: &[
            "Repository ci/app: Met Proven",
            "Permission repository_advisories: write: Unproven RoleOrFeature",
        ],
        calls: &[("/repos/ci/app", 1), ("/orgs/ci/security-advisories?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "organization_administration: write of an owner",
        given: &[ACME, OWNER],
        token: fine(&[("organization_administration", "write")]),
        require: r#"{"organizations": [{"name": "acme"}],
            "permissions": {"organization_administration": "write"}}"#,
        lines: &[
            "Organization acme: Met Covered",
            "Permission organization_administration: write: Met Proven",
        ],
        calls: &[
            ("/orgs/acme", 1),
            ("/user/memberships/orgs/acme", 2),
            ("/orgs/acme/rulesets?per_page=1", 1),
        ],
        ..ROW
    },
    Row {
        name: "organization_administration: write, and the token only reads",
        given: &[ACME, OWNER],
        token: fine(&[("organization_administration", "read")]),
        require: r#"{"organizations": [{"name": "acme"}],
            "permissions": {"organization_administration": "write"}}"#,
        ready: ("False", "PermissionMissing"),
        lines: &[
            "Organization acme: Unproven CoverageNotProvable",
            "Permission organization_administration: write: NotMet PermissionMissing",
        ],
        calls: &[
            ("/orgs/acme", 1),
            ("/user/memberships/orgs/acme", 2),
            ("/orgs/acme/rulesets?per_page=1", 2),
        ],
        ..ROW
    },
    Row {
        name: "organization_administration: write, and the account is no owner",
        given: &[ACME, MEMBER],
        token: fine(&[("organization_administration", "write")]),
        require: r#"{"organizations": [{"name": "acme"}],
            "permissions": {"organization_administration": "write"}}"#,
        lines: &[
            "Organization acme: Unproven CoverageNotProvable",
            "Permission organization_administration: write: Unproven RoleOrFeature",
        ],
        calls: &[
            ("/orgs/acme", 1),
            ("/user/memberships/orgs/acme", 2),
            ("/orgs/acme/rulesets?per_page=1", 2),
        ],
        ..ROW
    },
    Row {
        name: "organization_secrets: write, of which only the reading can be proven",
        given: &[ACME, OWNER],
        token: fine(&[("organization_secrets", "write")]),
        require: r#"{"organizations": [{"name": "acme"}], "permissions": {"organization_secrets": "write"}}"#,
        lines: &[
            "Organization acme: Met Covered",
            "Permission organization_secrets: write: Unproven WriteNotProvable",
        ],
        calls: &[
            ("/orgs/acme", 1),
            ("/user/memberships/orgs/acme", 2),
            ("/orgs/acme/actions/secrets?per_page=1", 1),
        ],
        ..ROW
    },
    Row {
        name: "organization_custom_properties: admin, of which only the reading can be proven",
        given: &[ACME, OWNER],
        token: fine(&[("organization_custom_properties", "admin")]),
        require: r#"{"organizations": [{"name": "acme"}],
            "permissions": {"organization_custom_properties": "admin"}}"#,
        lines: &[
            "Organization acme: Met Covered",
            "Permission organization_custom_properties: admin: Unproven WriteNotProvable",
        ],
        calls: &[
            ("/orgs/acme", 1),
            ("/user/memberships/orgs/acme", 2),
            ("/orgs/acme/properties/schema?per_page=1", 1),
        ],
        ..ROW
    },
    Row {
        name: "permissions that can only be written, of which no question tells",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[("workflows", "write")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"workflows": "write"}}"#,
        lines: &["Repository acme/app: Met Proven", "Permission workflows: write: Unproven NotProvable"],
        calls: &[("/repos/acme/app", 1)],
        ..ROW
    },
];
