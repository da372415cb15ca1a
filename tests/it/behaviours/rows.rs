//! The rows.

use github_simulator::{Access, Role};

use super::{
    Given::{Collaborator, Member, Organization, Repository},
    Policy, Row,
    Seen::{Private, Public},
    Token::{Authorized, Classic, Fine},
    Trait,
};

const APP: &str = r#"{"repositories": [{"name": "acme/app"}]}"#;

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "a classic token sees a private repository of its organization",
        given: &[Organization(&[]), Member(Role::Member), Repository(Private, "acme/app", &[])],
        token: Classic(&["repo"]),
        require: APP,
        ready: ("True", "Ready"),
        lines: &[("Repository", "acme/app", "Met", "Proven")],
        calls: &[("/repos/acme/app", 1)],
    },
    Row {
        name: "a classic token whose account has left sees none",
        given: &[Organization(&[]), Repository(Private, "acme/app", &[])],
        token: Classic(&["repo"]),
        require: APP,
        ready: ("False", "RepositoryNotVisible"),
        lines: &[("Repository", "acme/app", "NotMet", "RepositoryNotVisible")],
        calls: &[("/repos/acme/app", 2)],
    },
    Row {
        name: "single sign-on keeps a classic token out",
        given: &[Organization(&[Policy::Sso]), Member(Role::Member), Repository(Private, "acme/app", &[])],
        token: Classic(&["repo"]),
        require: APP,
        ready: ("False", "SsoRequired"),
        lines: &[("Repository", "acme/app", "NotMet", "SsoRequired")],
        calls: &[("/repos/acme/app", 2)],
    },
    Row {
        name: "single sign-on lets an authorized token in",
        given: &[Organization(&[Policy::Sso]), Member(Role::Member), Repository(Private, "acme/app", &[])],
        token: Authorized(&["repo"]),
        require: APP,
        ready: ("True", "Ready"),
        lines: &[("Repository", "acme/app", "Met", "Proven")],
        calls: &[("/repos/acme/app", 1)],
    },
    Row {
        name: "a fine-grained token without the permission",
        given: &[Organization(&[]), Member(Role::Member), Repository(Private, "acme/app", &[])],
        token: Fine(&[("contents", "read")]),
        require: r#"{"repositories": [{"name": "acme/app"}], "permissions": {"issues": "read", "contents": "write"}}"#,
        ready: ("False", "PermissionMissing"),
        lines: &[
            ("Repository", "acme/app", "Met", "Proven"),
            ("Permission", "contents: write", "Unproven", "WriteNotProvable"),
            ("Permission", "issues: read", "NotMet", "PermissionMissing"),
        ],
        calls: &[
            ("/repos/acme/app", 1),
            ("/repos/acme/app/commits?per_page=1", 1),
            ("/repos/acme/app/issues?per_page=1", 2),
        ],
    },
    Row {
        name: "an organization of which the account is a member",
        given: &[
            Organization(&[]),
            Member(Role::Member),
            Repository(Public, "acme/app", &[Trait::Archived]),
            Collaborator("acme/app", Access::Read),
        ],
        token: Classic(&["read:org"]),
        require: r#"{"organizations": [{"name": "acme"}]}"#,
        ready: ("True", "Ready"),
        lines: &[("Organization", "acme", "Met", "Proven")],
        calls: &[("/orgs/acme", 1), ("/user/memberships/orgs/acme", 1)],
    },
];
