//! Demands that no token can meet.

use github_simulator::{Access, Role};

use super::row::{
    ACME, GIT,
    Given::{Collaborator, Member, Organization, Repository},
    MEMBER, PRIVATE, ROW, Row, Seen, Theme, classic, fine,
};

pub(super) const THEME: Theme = Theme {
    title: "Impossible demands",
    about: "They are told from the spec and the kind of the token, with what to demand instead. What can be \
            asked is asked all the same. Demands that contradict each other whatever the token are refused by the \
            API server when they are applied.",
    rows: ROWS,
};

const ROWS: &[Row] = &[
    Row {
        name: "several organizations of a fine-grained token",
        given: &[ACME, MEMBER, Organization("acme-labs", &[]), Member("acme-labs", Role::Member)],
        token: fine(&[("members", "read")]),
        require: r#"{"organizations": [{"name": "acme"}, {"name": "acme-labs"}]}"#,
        ready: ("False", "DemandImpossible"),
        says: "a fine-grained token is made for one",
        lines: &["Organization acme: Met Proven", "Organization acme-labs: Unproven CoverageNotProvable"],
        calls: &[
            ("/orgs/acme", 1),
            ("/user/memberships/orgs/acme", 1),
            ("/orgs/acme-labs", 1),
            ("/user/memberships/orgs/acme-labs", 2),
        ],
        ..ROW
    },
    Row {
        name: "pushes of a fine-grained token to repositories of several owners",
        given: &[
            ACME,
            MEMBER,
            PRIVATE,
            Collaborator("acme/app", Access::Push),
            Organization("acme-labs", &[]),
            Member("acme-labs", Role::Member),
            Repository(Seen::Public, "acme-labs/lib", &[]),
        ],
        token: fine(&[("contents", "write")]),
        require: r#"{"repositories": [{"name": "acme/app", "access": "Push"},
            {"name": "acme-labs/lib", "access": "Push"}]}"#,
        ready: ("False", "DemandImpossible"),
        says: "to repositories of several owners",
        lines: &[
            "Repository acme/app: Met Proven",
            "Push acme/app: Met Proven",
            "Repository acme-labs/lib: Met Proven",
            "Push acme-labs/lib: NotMet PushRefused",
        ],
        calls: &[
            ("/repos/acme/app", 1),
            (GIT, 1),
            ("/repos/acme-labs/lib", 1),
            ("/acme-labs/lib.git/info/refs?service=git-receive-pack", 2),
        ],
        ..ROW
    },
    Row {
        name: "reads of repositories of several owners, which may be public",
        given: &[
            ACME,
            MEMBER,
            PRIVATE,
            Organization("acme-labs", &[]),
            Repository(Seen::Public, "acme-labs/lib", &[]),
        ],
        token: fine(&[("contents", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}, {"name": "acme-labs/lib"}]}"#,
        lines: &["Repository acme/app: Met Proven", "Repository acme-labs/lib: Met Proven"],
        calls: &[("/repos/acme/app", 1), ("/repos/acme-labs/lib", 1)],
        ..ROW
    },
    Row {
        name: "projects of users, which no fine-grained token reaches",
        given: &[ACME, MEMBER],
        token: fine(&[("contents", "read")]),
        require: r#"{"permissions": {"user_projects": "read"}}"#,
        ready: ("False", "DemandImpossible"),
        says: "reach no projects of users: demand organization_projects, or the scope project",
        lines: &["Permission user_projects: read: NotMet DemandImpossible"],
        ..ROW
    },
    Row {
        name: "permissions of enterprises, which no fine-grained token reaches",
        given: &[ACME, MEMBER],
        token: fine(&[("contents", "read")]),
        require: r#"{"permissions": {"enterprise_administration": "read"}}"#,
        ready: ("False", "DemandImpossible"),
        says: "demand a scope such as read:enterprise of a classic token",
        lines: &["Permission enterprise_administration: read: NotMet DemandImpossible"],
        ..ROW
    },
    Row {
        name: "checks, which no personal access token has",
        given: &[ACME, MEMBER],
        token: fine(&[("contents", "read")]),
        require: r#"{"permissions": {"checks": "read"}}"#,
        ready: ("False", "DemandImpossible"),
        says: "demand statuses",
        lines: &["Permission checks: read: NotMet DemandImpossible"],
        ..ROW
    },
    Row {
        name: "packages, which are for classic tokens",
        given: &[ACME, MEMBER],
        token: fine(&[("contents", "read")]),
        require: r#"{"permissions": {"packages": "read"}}"#,
        ready: ("False", "DemandImpossible"),
        says: "read:packages",
        lines: &["Permission packages: read: NotMet DemandImpossible"],
        ..ROW
    },
    Row {
        name: "single_file, which is for GitHub Apps",
        given: &[ACME, MEMBER],
        token: fine(&[("contents", "read")]),
        require: r#"{"permissions": {"single_file": "read"}}"#,
        ready: ("False", "DemandImpossible"),
        says: "demand contents",
        lines: &["Permission single_file: read: NotMet DemandImpossible"],
        ..ROW
    },
    Row {
        name: "projects of repositories, which are gone",
        given: &[ACME, MEMBER],
        token: fine(&[("contents", "read")]),
        require: r#"{"permissions": {"repository_projects": "write"}}"#,
        ready: ("False", "DemandImpossible"),
        says: "demand organization_projects",
        lines: &["Permission repository_projects: write: NotMet DemandImpossible"],
        ..ROW
    },
    Row {
        name: "a permission that does not exist, with the nearest ones",
        given: &[ACME, MEMBER],
        token: fine(&[("contents", "read")]),
        require: r#"{"permissions": {"pull_request": "read"}}"#,
        ready: ("False", "DemandImpossible"),
        says: "the nearest are pull_requests",
        lines: &["Permission pull_request: read: NotMet DemandImpossible"],
        ..ROW
    },
    Row {
        name: "a permission that is like no other",
        given: &[ACME, MEMBER],
        token: fine(&[("contents", "read")]),
        require: r#"{"permissions": {"zzzz": "read"}}"#,
        ready: ("False", "DemandImpossible"),
        says: "GitHub has no such permission",
        lines: &["Permission zzzz: read: NotMet DemandImpossible"],
        ..ROW
    },
    Row {
        name: "a level that the permission does not have",
        given: &[ACME, MEMBER],
        token: fine(&[("contents", "read")]),
        require: r#"{"permissions": {"workflows": "read"}}"#,
        ready: ("False", "DemandImpossible"),
        says: "as write only",
        lines: &["Permission workflows: read: NotMet DemandImpossible"],
        ..ROW
    },
    Row {
        name: "a level above those of the permission",
        given: &[ACME, MEMBER],
        token: fine(&[("contents", "read")]),
        require: r#"{"permissions": {"metadata": "write"}}"#,
        ready: ("False", "DemandImpossible"),
        says: "as read only",
        lines: &["Permission metadata: write: NotMet DemandImpossible"],
        ..ROW
    },
    Row {
        name: "a forbidden permission that does not exist",
        given: &[ACME, MEMBER],
        token: fine(&[("contents", "read")]),
        require: r#"{"forbid": {"permissions": {"content": "read"}}}"#,
        ready: ("False", "DemandImpossible"),
        says: "contents",
        lines: &["ForbiddenPermission content: read: NotMet DemandImpossible"],
        ..ROW
    },
    Row {
        name: "what is impossible for fine-grained tokens says nothing of a classic one",
        token: classic(&["repo", "read:org"]),
        require: r#"{"permissions": {"checks": "read"}}"#,
        ..ROW
    },
];
