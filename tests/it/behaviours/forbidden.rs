//! What the token must not have.

use github_simulator::Access;

use super::row::{
    ACME, Given::Collaborator, MEMBER, OWNER, PRIVATE, PUBLIC, ROW, Row, Theme, classic, fine, own,
};

pub(super) const THEME: Theme = Theme {
    title: "Forbidden, and beyond the demand",
    about: "A refusal proves that a token lacks a permission only where it is known to cover the repository or \
            organization: the answer to a token that does not is the same.",
    rows: ROWS,
};

/// The call about environments.
const ENVIRONMENT: &str = "/repos/acme/app/environments/unknown/variables?per_page=1";

const ROWS: &[Row] = &[
    Row {
        name: "a forbidden scope that the token does not have",
        token: classic(&["repo"]),
        require: r#"{"forbid": {"scopes": ["delete_repo"]}}"#,
        ..ROW
    },
    Row {
        name: "a forbidden scope that the token has",
        token: classic(&["repo", "delete_repo"]),
        require: r#"{"forbid": {"scopes": ["delete_repo", "admin:org"]}}"#,
        ready: ("False", "ScopeForbidden"),
        says: "the scope delete_repo",
        ..ROW
    },
    Row {
        name: "a forbidden scope that a larger one includes",
        token: classic(&["admin:org"]),
        require: r#"{"forbid": {"scopes": ["write:org"]}}"#,
        ready: ("False", "ScopeForbidden"),
        ..ROW
    },
    Row {
        name: "a fine-grained token has no scopes that could be forbidden",
        given: &[ACME, MEMBER],
        token: fine(&[("contents", "write")]),
        require: r#"{"forbid": {"scopes": ["repo"]}}"#,
        ..ROW
    },
    Row {
        name: "scopes beyond the demand are reported",
        token: classic(&["repo", "gist"]),
        require: r#"{"scopes": ["repo"]}"#,
        ..ROW
    },
    Row {
        name: "scopes beyond the demand are refused",
        token: classic(&["repo", "gist", "user"]),
        require: r#"{"scopes": ["repo"], "excess": "Refuse"}"#,
        ready: ("False", "ExcessScopes"),
        says: "take away gist, user",
        ..ROW
    },
    Row {
        name: "a scope that a demanded one includes is none beyond the demand",
        token: classic(&["repo", "public_repo"]),
        require: r#"{"scopes": ["repo"], "excess": "Refuse"}"#,
        ..ROW
    },
    Row {
        name: "a larger scope than the demanded one is one beyond the demand",
        token: classic(&["admin:org"]),
        require: r#"{"scopes": ["read:org"], "excess": "Refuse"}"#,
        ready: ("False", "ExcessScopes"),
        ..ROW
    },
    Row {
        name: "without a demand for scopes none is beyond it",
        token: classic(&["repo", "gist"]),
        require: r#"{"excess": "Refuse"}"#,
        ..ROW
    },
    Row {
        name: "a forbidden permission that the token does not have, on a private repository",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Admin)],
        token: fine(&[("contents", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}],
            "forbid": {"permissions": {"administration": "read"}}}"#,
        lines: &["Repository acme/app: Met Proven", "ForbiddenPermission administration: read: Met Proven"],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/actions/permissions?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "a forbidden permission that the token has, on a private repository",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Admin)],
        token: fine(&[("administration", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}],
            "forbid": {"permissions": {"administration": "read"}}}"#,
        ready: ("False", "PermissionForbidden"),
        lines: &[
            "Repository acme/app: Met Proven",
            "ForbiddenPermission administration: read: NotMet PermissionForbidden",
        ],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/actions/permissions?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "a forbidden permission that the token has, on a public repository",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Admin)],
        token: fine(&[("administration", "write")]),
        require: r#"{"repositories": [{"name": "acme/app"}],
            "forbid": {"permissions": {"administration": "read"}}}"#,
        ready: ("False", "PermissionForbidden"),
        lines: &[
            "Repository acme/app: Met Proven",
            "ForbiddenPermission administration: read: NotMet PermissionForbidden",
        ],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/actions/permissions?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "a public repository does not show whether the token covers it, so a refusal proves nothing",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Admin)],
        token: fine(&[("contents", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}],
            "forbid": {"permissions": {"administration": "read"}}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "ForbiddenPermission administration: read: Unproven CoverageNotProvable",
        ],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/actions/permissions?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "a public repository that is not selected refuses what the token has elsewhere",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Admin)],
        token: fine(&[("administration", "write")]).only(&["acme/other"]),
        require: r#"{"repositories": [{"name": "acme/app"}],
            "forbid": {"permissions": {"administration": "read"}}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "ForbiddenPermission administration: read: Unproven CoverageNotProvable",
        ],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/actions/permissions?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "another permission that is proven on the public repository shows that the token covers it",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Admin)],
        token: fine(&[("secrets", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"secrets": "read"},
            "forbid": {"permissions": {"administration": "read"}}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "Permission secrets: read: Met Proven",
            "ForbiddenPermission administration: read: Met Proven",
        ],
        calls: &[
            ("/repos/acme/app", 1),
            ("/repos/acme/app/actions/secrets?per_page=1", 1),
            ("/repos/acme/app/actions/permissions?per_page=1", 2),
        ],
        ..ROW
    },
    Row {
        name: "an open question proves no absence on a public repository",
        given: &[ACME, MEMBER, PUBLIC],
        token: fine(&[]),
        require: r#"{"repositories": [{"name": "acme/app"}],
            "forbid": {"permissions": {"contents": "read"}}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "ForbiddenPermission contents: read: Unproven PublicRepository",
        ],
        calls: &[("/repos/acme/app", 1)],
        ..ROW
    },
    Row {
        name: "a forbidden permission, and the account's role is too low to tell",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[("administration", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}],
            "forbid": {"permissions": {"administration": "read"}}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "ForbiddenPermission administration: read: Unproven RoleOrFeature",
        ],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/actions/permissions?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "a forbidden permission that only a 404 shows, which convicts nobody",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[("environments", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}],
            "forbid": {"permissions": {"environments": "read"}}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "ForbiddenPermission environments: read: Unproven RoleOrFeature",
        ],
        calls: &[("/repos/acme/app", 2), (ENVIRONMENT, 1)],
        ..ROW
    },
    Row {
        name: "a forbidden permission that only a 404 shows, where what is not proven is refused",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[("environments", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}],
            "forbid": {"permissions": {"environments": "read"}}, "unproven": "Refuse"}"#,
        ready: ("False", "NotProven"),
        lines: &[
            "Repository acme/app: Met Proven",
            "ForbiddenPermission environments: read: Unproven RoleOrFeature",
        ],
        calls: &[("/repos/acme/app", 2), (ENVIRONMENT, 1)],
        ..ROW
    },
    Row {
        name: "a forbidden permission whose 404 would show it, and the token does not have it",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[]),
        require: r#"{"repositories": [{"name": "acme/app"}],
            "forbid": {"permissions": {"environments": "read"}}}"#,
        lines: &["Repository acme/app: Met Proven", "ForbiddenPermission environments: read: Met Proven"],
        calls: &[("/repos/acme/app", 1), (ENVIRONMENT, 2)],
        ..ROW
    },
    Row {
        name: "forbidden to write, and the token cannot read",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[]),
        require: r#"{"repositories": [{"name": "acme/app"}],
            "forbid": {"permissions": {"contents": "write"}}}"#,
        lines: &["Repository acme/app: Met Proven", "ForbiddenPermission contents: write: Met Proven"],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/commits?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "forbidden to write, and the token can read",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[("contents", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}],
            "forbid": {"permissions": {"contents": "write"}}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "ForbiddenPermission contents: write: Unproven WriteNotProvable",
        ],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/commits?per_page=1", 1)],
        ..ROW
    },
    Row {
        name: "forbidden to write, and the token can read, where what is not proven is refused",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[("contents", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}],
            "forbid": {"permissions": {"contents": "write"}}, "unproven": "Refuse"}"#,
        ready: ("False", "NotProven"),
        lines: &[
            "Repository acme/app: Met Proven",
            "ForbiddenPermission contents: write: Unproven WriteNotProvable",
        ],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/commits?per_page=1", 1)],
        ..ROW
    },
    Row {
        name: "forbidden to write codespaces, and the token only reads them",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[("codespaces", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}],
            "forbid": {"permissions": {"codespaces": "write"}}}"#,
        lines: &["Repository acme/app: Met Proven", "ForbiddenPermission codespaces: write: Met Proven"],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/codespaces/permissions_check?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "forbidden to write codespaces, and the token does",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[("codespaces", "write")]),
        require: r#"{"repositories": [{"name": "acme/app"}],
            "forbid": {"permissions": {"codespaces": "write"}}}"#,
        ready: ("False", "PermissionForbidden"),
        lines: &[
            "Repository acme/app: Met Proven",
            "ForbiddenPermission codespaces: write: NotMet PermissionForbidden",
        ],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/codespaces/permissions_check?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "a forbidden permission of the organization that the token has",
        given: &[ACME, OWNER],
        token: fine(&[("organization_secrets", "read")]),
        require: r#"{"organizations": [{"name": "acme"}],
            "forbid": {"permissions": {"organization_secrets": "read"}}}"#,
        ready: ("False", "PermissionForbidden"),
        lines: &[
            "Organization acme: Met Covered",
            "ForbiddenPermission organization_secrets: read: NotMet PermissionForbidden",
        ],
        calls: &[
            ("/orgs/acme", 1),
            ("/user/memberships/orgs/acme", 2),
            ("/orgs/acme/actions/secrets?per_page=1", 2),
        ],
        ..ROW
    },
    Row {
        name: "a forbidden permission of the organization, and the token may be for another owner",
        given: &[ACME, OWNER],
        token: fine(&[("contents", "read")]),
        require: r#"{"organizations": [{"name": "acme"}],
            "forbid": {"permissions": {"organization_secrets": "read"}}}"#,
        lines: &[
            "Organization acme: Unproven CoverageNotProvable",
            "ForbiddenPermission organization_secrets: read: Unproven CoverageNotProvable",
        ],
        calls: &[
            ("/orgs/acme", 1),
            ("/user/memberships/orgs/acme", 2),
            ("/orgs/acme/actions/secrets?per_page=1", 2),
        ],
        ..ROW
    },
    Row {
        name: "a forbidden permission of the organization that the token, which covers it, does not have",
        given: &[ACME, OWNER],
        token: fine(&[("members", "read")]),
        require: r#"{"organizations": [{"name": "acme"}],
            "forbid": {"permissions": {"organization_secrets": "read"}}}"#,
        lines: &[
            "Organization acme: Met Proven",
            "ForbiddenPermission organization_secrets: read: Met Proven",
        ],
        calls: &[
            ("/orgs/acme", 1),
            ("/user/memberships/orgs/acme", 1),
            ("/orgs/acme/actions/secrets?per_page=1", 2),
        ],
        ..ROW
    },
    Row {
        name: "a forbidden permission of the account that the token has",
        token: own(&[("emails", "read")]),
        require: r#"{"forbid": {"permissions": {"emails": "read"}}}"#,
        ready: ("False", "PermissionForbidden"),
        lines: &["ForbiddenPermission emails: read: NotMet PermissionForbidden"],
        calls: &[("/user/emails?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "a forbidden permission of the account that the token does not have",
        token: own(&[]),
        require: r#"{"forbid": {"permissions": {"emails": "read"}}}"#,
        lines: &["ForbiddenPermission emails: read: Met Proven"],
        calls: &[("/user/emails?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "a forbidden permission without a question of its own",
        token: own(&[]),
        require: r#"{"forbid": {"permissions": {"gists": "write"}}}"#,
        lines: &["ForbiddenPermission gists: write: Unproven NotProvable"],
        ..ROW
    },
    Row {
        name: "a forbidden permission says nothing of classic tokens",
        token: classic(&["repo"]),
        require: r#"{"forbid": {"permissions": {"administration": "read"}}}"#,
        ..ROW
    },
];
