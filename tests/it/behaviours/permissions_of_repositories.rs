//! Which permissions of repositories a fine-grained token has, where one repository is demanded.

use super::row::{
    ACME,
    Given::{Organization, Repository},
    MEMBER, PRIVATE, PUBLIC,
    Policy::NeedsApproval,
    ROW, Row, Seen, Theme, Trait, fine,
};

pub(super) const THEME: Theme = Theme {
    title: "Permissions of repositories, by what is demanded",
    about: "GitHub tells no token which permissions it has. Each permission has one GET that needs it, and that is \
            asked once the token sees the repository.",
    rows: ROWS,
};

const ROWS: &[Row] = &[
    Row {
        name: "permissions without a question of their own",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[
            ("agent_secrets", "read"),
            ("agent_variables", "read"),
            ("artifact_metadata", "read"),
            ("code_quality", "read"),
            ("discussions", "read"),
            ("merge_queues", "read"),
            ("repository_custom_properties", "read"),
        ]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"agent_secrets": "read",
            "agent_variables": "read", "artifact_metadata": "read",
            "code_quality": "read", "discussions": "read", "merge_queues": "read",
            "repository_custom_properties": "read"}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "Permission agent_secrets: read: Unproven NotProvable",
            "Permission agent_variables: read: Unproven NotProvable",
            "Permission artifact_metadata: read: Unproven NotProvable",
            "Permission code_quality: read: Unproven NotProvable",
            "Permission discussions: read: Unproven NotProvable",
            "Permission merge_queues: read: Unproven NotProvable",
            "Permission repository_custom_properties: read: Unproven NotProvable",
        ],
        calls: &[("/repos/acme/app", 1)],
        ..ROW
    },
    Row {
        name: "permissions without a question of their own, where what is not proven is refused",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[("workflows", "write")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"workflows": "write"},
            "unproven": "Refuse"}"#,
        ready: ("False", "NotProven"),
        lines: &["Repository acme/app: Met Proven", "Permission workflows: write: Unproven NotProvable"],
        calls: &[("/repos/acme/app", 1)],
        ..ROW
    },
    Row {
        name: "nothing is asked before the token sees a repository",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[("secrets", "read")]).only(&["acme/other"]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"secrets": "read"}}"#,
        ready: ("False", "RepositoryNotVisible"),
        lines: &[
            "Repository acme/app: NotMet RepositoryNotVisible",
            "Permission secrets: read: Unknown ProofAwaited",
        ],
        calls: &[("/repos/acme/app", 2)],
        ..ROW
    },
    Row {
        name: "no repository is demanded, so there is nothing to ask about",
        given: &[ACME, MEMBER],
        token: fine(&[("secrets", "read")]),
        require: r#"{"permissions": {"secrets": "read"}}"#,
        lines: &["Permission secrets: read: Unproven NotProvable"],
        ..ROW
    },
    Row {
        name: "a public repository that is not selected answers like one of which the permission is missing",
        given: &[ACME, MEMBER, PUBLIC],
        token: fine(&[("secrets", "read")]).only(&["acme/other"]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"secrets": "read"}}"#,
        ready: ("False", "PermissionMissing"),
        says: "made without this repository",
        lines: &["Repository acme/app: Met Proven", "Permission secrets: read: NotMet PermissionMissing"],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/actions/secrets?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "a public repository, and the token waits for approval",
        given: &[Organization("acme", &[NeedsApproval]), MEMBER, PUBLIC],
        token: fine(&[("secrets", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"secrets": "read"}}"#,
        ready: ("False", "PermissionMissing"),
        says: "waits for approval",
        lines: &["Repository acme/app: Met Proven", "Permission secrets: read: NotMet PermissionMissing"],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/actions/secrets?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "a renamed private repository",
        given: &[ACME, MEMBER, Repository(Seen::Private, "acme/app", &[Trait::Was("acme/old")])],
        token: fine(&[("issues", "read")]),
        require: r#"{"repositories": [{"name": "acme/old"}], "permissions": {"issues": "read"}}"#,
        lines: &["Repository acme/old: Met Proven", "Permission issues: read: Met Proven"],
        calls: &[("/repos/acme/old", 1), ("/repositories/ID", 1), ("/repos/acme/app/issues?per_page=1", 1)],
        ..ROW
    },
    Row {
        name: "of permissions in one demand, each has its own line",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[("contents", "read"), ("issues", "write")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"contents": "read",
            "issues": "read", "pull_requests": "read"}}"#,
        ready: ("False", "PermissionMissing"),
        says: "permission pull_requests",
        lines: &[
            "Repository acme/app: Met Proven",
            "Permission contents: read: Met Proven",
            "Permission issues: read: Met Proven",
            "Permission pull_requests: read: NotMet PermissionMissing",
        ],
        calls: &[
            ("/repos/acme/app", 1),
            ("/repos/acme/app/commits?per_page=1", 1),
            ("/repos/acme/app/issues?per_page=1", 1),
            ("/repos/acme/app/pulls?per_page=1", 2),
        ],
        ..ROW
    },
    Row {
        name: "attestations are asked about on the organization of the repository",
        given: &[ACME, MEMBER, PUBLIC],
        token: fine(&[("attestations", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"attestations": "read"}}"#,
        lines: &["Repository acme/app: Met Proven", "Permission attestations: read: Met Proven"],
        calls: &[("/repos/acme/app", 1), ("/orgs/acme/attestations/repositories?per_page=1", 1)],
        ..ROW
    },
    Row {
        name: "attestations, and the token lacks the permission",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"attestations": "read"}}"#,
        ready: ("False", "PermissionMissing"),
        lines: &[
            "Repository acme/app: Met Proven",
            "Permission attestations: read: NotMet PermissionMissing",
        ],
        calls: &[("/repos/acme/app", 1), ("/orgs/acme/attestations/repositories?per_page=1", 2)],
        ..ROW
    },
];
