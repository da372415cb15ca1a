//! Demands that no token can meet.

use github_simulator::Role;

use super::row::{
    ACME,
    Given::{Member, Organization},
    MEMBER, ROW, Row, Theme, classic, fine,
};

pub(super) const THEME: Theme = Theme {
    title: "Impossible demands",
    about: "They are told from the spec and the kind of the token, with what to demand instead. What can be \
            asked is asked all the same.",
    rows: ROWS,
};

const ROWS: &[Row] = &[
    Row {
        name: "scopes of fine-grained tokens",
        given: &[ACME, MEMBER],
        token: fine(&[("contents", "read")]),
        require: r#"{"kinds": ["FineGrained"], "scopes": ["repo"]}"#,
        ready: ("False", "DemandImpossible"),
        says: "no kind in require.kinds has scopes",
        ..ROW
    },
    Row {
        name: "permissions of classic tokens",
        token: classic(&["repo", "read:org"]),
        require: r#"{"kinds": ["Classic"], "permissions": {"contents": "read"}}"#,
        ready: ("False", "DemandImpossible"),
        says: "require.kinds does not allow fine-grained tokens",
        ..ROW
    },
    Row {
        name: "packages of fine-grained tokens",
        given: &[ACME, MEMBER],
        token: fine(&[("contents", "read")]),
        require: r#"{"kinds": ["FineGrained"], "packages": [{"name": "acme/app"}]}"#,
        ready: ("False", "DemandImpossible"),
        says: "takes classic tokens only",
        lines: &["Package acme/app: NotMet DemandImpossible"],
        ..ROW
    },
    Row {
        name: "more time to be left than a token may live",
        token: classic(&["repo", "read:org"]),
        require: r#"{"expiry": {"minRemaining": "48h", "maxLifetime": "24h"}}"#,
        ready: ("False", "DemandImpossible"),
        says: "lower minRemaining",
        ..ROW
    },
    Row {
        name: "a scope that is demanded and forbidden",
        token: classic(&["repo", "read:org"]),
        require: r#"{"scopes": ["repo"], "forbid": {"scopes": ["repo"]}}"#,
        ready: ("False", "DemandImpossible"),
        says: "leave it out of one of them",
        ..ROW
    },
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
