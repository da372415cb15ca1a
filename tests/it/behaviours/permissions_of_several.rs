//! Which permissions a fine-grained token has, where several repositories are demanded.

use github_simulator::Access;

use super::row::{
    ACME,
    Given::{Collaborator, Organization, Repository},
    MEMBER, OWNER, PRIVATE, PUBLIC, ROW, Row, Seen, Theme, Trait, fine,
};

pub(super) const THEME: Theme = Theme {
    title: "Permissions on several repositories",
    about: "Each permission is asked about on each repository that is demanded, and is met only if it is proven on all of \
            them. Else its line names the first that says otherwise.",
    rows: ROWS,
};

/// `acme/lib`, private.
const LIB: super::row::Given = Repository(Seen::Private, "acme/lib", &[]);
/// `acme/web`, public.
const WEB: super::row::Given = Repository(Seen::Public, "acme/web", &[]);
const SEEN: [(&str, usize); 2] = [("/repos/acme/app", 1), ("/repos/acme/lib", 1)];

const ROWS: &[Row] = &[
    Row {
        name: "a permission that the token has on each of two",
        given: &[ACME, MEMBER, PRIVATE, LIB],
        token: fine(&[("issues", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}, {"name": "acme/lib"}], "permissions": {"issues": "read"}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "Repository acme/lib: Met Proven",
            "Permission issues: read: Met Proven",
        ],
        calls: &[
            SEEN[0],
            SEEN[1],
            ("/repos/acme/app/issues?per_page=1", 1),
            ("/repos/acme/lib/issues?per_page=1", 1),
        ],
        ..ROW
    },
    Row {
        name: "a permission that it lacks on both, of which the first is named",
        given: &[ACME, MEMBER, PRIVATE, LIB],
        token: fine(&[]),
        require: r#"{"repositories": [{"name": "acme/app"}, {"name": "acme/lib"}], "permissions": {"issues": "read"}}"#,
        ready: ("False", "PermissionMissing"),
        says: "permission issues: read on acme/app: the token lacks it",
        lines: &[
            "Repository acme/app: Met Proven",
            "Repository acme/lib: Met Proven",
            "Permission issues: read: NotMet PermissionMissing",
        ],
        calls: &[
            SEEN[0],
            SEEN[1],
            ("/repos/acme/app/issues?per_page=1", 2),
            ("/repos/acme/lib/issues?per_page=1", 2),
        ],
        ..ROW
    },
    Row {
        name: "a public repository beside a private one proves nothing where everybody is answered",
        given: &[ACME, MEMBER, PUBLIC, LIB],
        token: fine(&[("issues", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}, {"name": "acme/lib"}],
            "permissions": {"issues": "read", "contents": "read"}}"#,
        ready: ("False", "PermissionMissing"),
        says: "permission contents: read on acme/lib",
        lines: &[
            "Repository acme/app: Met Proven",
            "Repository acme/lib: Met Proven",
            "Permission contents: read: NotMet PermissionMissing",
            "Permission issues: read: Unproven PublicRepository",
        ],
        calls: &[
            SEEN[0],
            SEEN[1],
            ("/repos/acme/lib/commits?per_page=1", 2),
            ("/repos/acme/lib/issues?per_page=1", 1),
        ],
        ..ROW
    },
    Row {
        name: "the same where what is not proven is refused",
        given: &[ACME, MEMBER, PUBLIC, LIB],
        token: fine(&[("issues", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}, {"name": "acme/lib"}], "permissions": {"issues": "read"},
            "unproven": "Refuse"}"#,
        ready: ("False", "NotProven"),
        lines: &[
            "Repository acme/app: Met Proven",
            "Repository acme/lib: Met Proven",
            "Permission issues: read: Unproven PublicRepository",
        ],
        calls: &[SEEN[0], SEEN[1], ("/repos/acme/lib/issues?per_page=1", 1)],
        ..ROW
    },
    Row {
        name: "a public repository for which the token was not made lacks what it has on the private one",
        given: &[ACME, MEMBER, PRIVATE, WEB],
        token: fine(&[("secrets", "read")]).only(&["acme/app"]),
        require: r#"{"repositories": [{"name": "acme/app"}, {"name": "acme/web"}], "permissions": {"secrets": "read"}}"#,
        ready: ("False", "PermissionMissing"),
        says: "permission secrets: read on acme/web: the token lacks it, or was made without this repository",
        lines: &[
            "Repository acme/app: Met Proven",
            "Repository acme/web: Met Proven",
            "Permission secrets: read: NotMet PermissionMissing",
        ],
        calls: &[
            ("/repos/acme/app", 1),
            ("/repos/acme/web", 1),
            ("/repos/acme/app/actions/secrets?per_page=1", 1),
            ("/repos/acme/web/actions/secrets?per_page=1", 2),
        ],
        ..ROW
    },
    Row {
        name: "a private repository that the token does not see leaves its permissions unknown",
        given: &[ACME, MEMBER, PUBLIC, LIB],
        token: fine(&[("secrets", "read")]).only(&["acme/app"]),
        require: r#"{"repositories": [{"name": "acme/app"}, {"name": "acme/lib"}],
            "permissions": {"issues": "read", "secrets": "read"}}"#,
        ready: ("False", "RepositoryNotVisible"),
        lines: &[
            "Repository acme/app: Met Proven",
            "Repository acme/lib: NotMet RepositoryNotVisible",
            "Permission issues: read: Unknown ProofAwaited",
            "Permission secrets: read: Unknown ProofAwaited",
        ],
        calls: &[SEEN[0], ("/repos/acme/lib", 2), ("/repos/acme/app/actions/secrets?per_page=1", 1)],
        ..ROW
    },
    Row {
        name: "the account's role is too low in one of them",
        given: &[ACME, MEMBER, PRIVATE, LIB, Collaborator("acme/app", Access::Admin)],
        token: fine(&[("administration", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}, {"name": "acme/lib"}],
            "permissions": {"administration": "read"}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "Repository acme/lib: Met Proven",
            "Permission administration: read: Unproven RoleOrFeature",
        ],
        calls: &[
            SEEN[0],
            SEEN[1],
            ("/repos/acme/app/actions/permissions?per_page=1", 1),
            ("/repos/acme/lib/actions/permissions?per_page=1", 2),
        ],
        ..ROW
    },
    Row {
        name: "two names of one repository are one question",
        given: &[ACME, MEMBER, Repository(Seen::Private, "acme/app", &[Trait::Was("acme/old")])],
        token: fine(&[("issues", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}, {"name": "acme/old"}], "permissions": {"issues": "read"}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "Repository acme/old: Met Proven",
            "Permission issues: read: Met Proven",
        ],
        calls: &[
            ("/repos/acme/app", 1),
            ("/repos/acme/old", 1),
            ("/repositories/ID", 1),
            ("/repos/acme/app/issues?per_page=1", 1),
        ],
        ..ROW
    },
    Row {
        name: "what is asked of the owner of two repositories is one question",
        given: &[ACME, MEMBER, PUBLIC, LIB],
        token: fine(&[("attestations", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}, {"name": "acme/lib"}],
            "permissions": {"attestations": "read"}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "Repository acme/lib: Met Proven",
            "Permission attestations: read: Met Proven",
        ],
        calls: &[SEEN[0], SEEN[1], ("/orgs/acme/attestations/repositories?per_page=1", 1)],
        ..ROW
    },
    Row {
        name: "a forbidden permission that is on neither",
        given: &[ACME, MEMBER, PRIVATE, LIB],
        token: fine(&[]),
        require: r#"{"repositories": [{"name": "acme/app"}, {"name": "acme/lib"}],
            "forbid": {"permissions": {"secrets": "read"}}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "Repository acme/lib: Met Proven",
            "ForbiddenPermission secrets: read: Met Proven",
        ],
        calls: &[
            SEEN[0],
            SEEN[1],
            ("/repos/acme/app/actions/secrets?per_page=1", 2),
            ("/repos/acme/lib/actions/secrets?per_page=1", 2),
        ],
        ..ROW
    },
    Row {
        name: "a forbidden permission that the token has on the second, a public one refusing the first",
        given: &[ACME, MEMBER, PRIVATE, WEB],
        token: fine(&[("secrets", "read")]).only(&["acme/app"]),
        require: r#"{"repositories": [{"name": "acme/web"}, {"name": "acme/app"}],
            "forbid": {"permissions": {"secrets": "read"}}}"#,
        ready: ("False", "PermissionForbidden"),
        says: "forbidden permission secrets: read on acme/app",
        lines: &[
            "Repository acme/web: Met Proven",
            "Repository acme/app: Met Proven",
            "ForbiddenPermission secrets: read: NotMet PermissionForbidden",
        ],
        calls: &[
            ("/repos/acme/app", 1),
            ("/repos/acme/web", 1),
            ("/repos/acme/app/actions/secrets?per_page=1", 2),
            ("/repos/acme/web/actions/secrets?per_page=1", 2),
        ],
        ..ROW
    },
    Row {
        name: "a forbidden permission that is absent on a private repository is absent on the public one that refuses it",
        given: &[ACME, MEMBER, PRIVATE, WEB],
        token: fine(&[]).only(&["acme/app"]),
        require: r#"{"repositories": [{"name": "acme/app"}, {"name": "acme/web"}],
            "forbid": {"permissions": {"secrets": "read"}}}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "Repository acme/web: Met Proven",
            "ForbiddenPermission secrets: read: Met Proven",
        ],
        calls: &[
            ("/repos/acme/app", 1),
            ("/repos/acme/web", 1),
            ("/repos/acme/app/actions/secrets?per_page=1", 2),
            ("/repos/acme/web/actions/secrets?per_page=1", 2),
        ],
        ..ROW
    },
    Row {
        name: "a permission of organizations is asked about on each, though a fine-grained token is made for one",
        given: &[ACME, OWNER, Organization("acme-labs", &[])],
        token: fine(&[("organization_secrets", "read")]),
        require: r#"{"organizations": [{"name": "acme"}, {"name": "acme-labs"}],
            "permissions": {"organization_secrets": "read"}}"#,
        ready: ("False", "DemandImpossible"),
        lines: &[
            "Organization acme: Met Covered",
            "Organization acme-labs: Unproven CoverageNotProvable",
            "Permission organization_secrets: read: NotMet PermissionMissing",
        ],
        calls: &[
            ("/orgs/acme", 1),
            ("/orgs/acme-labs", 1),
            ("/user/memberships/orgs/acme", 2),
            ("/user/memberships/orgs/acme-labs", 2),
            ("/orgs/acme/actions/secrets?per_page=1", 1),
            ("/orgs/acme-labs/actions/secrets?per_page=1", 2),
        ],
        ..ROW
    },
];
