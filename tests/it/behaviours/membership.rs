//! Whether an organization lets the token in, and whether the account is a member.

use github_simulator::Role;

use super::row::{
    ACME,
    Given::{Member, Organization, Repository},
    IN_ACME, INTERNAL, MEMBER, OWNER, PRIVATE, PUBLIC,
    Policy::Sso,
    ROW, Row, Seen, Theme, classic, fine, oauth, own,
};

pub(super) const THEME: Theme = Theme {
    title: "Organizations and membership",
    about: "A classic token shows the membership with the scope `read:org`, a fine-grained one with the \
            permission `members: read`.",
    rows: ROWS,
};

const BOTH: &str = r#"{"organizations": [{"name": "acme"}, {"name": "acme-labs"}]}"#;
const LABS: &str = "/orgs/acme-labs";
const IN_LABS: &str = "/user/memberships/orgs/acme-labs";
const IS_IN: &str = "/user/memberships/orgs/acme";
const MET: &[&str] = &["Organization acme: Met Proven"];
const NOT_COVERED: &[&str] = &["Organization acme: Unproven CoverageNotProvable"];
const ASKED: &[(&str, usize)] = &[("/orgs/acme", 1), (IS_IN, 1)];
const ASKED_TWICE: &[(&str, usize)] = &[("/orgs/acme", 1), (IS_IN, 2)];

const ROWS: &[Row] = &[
    Row {
        name: "a classic token of a member",
        given: &[ACME, MEMBER],
        token: classic(&["read:org"]),
        require: IN_ACME,
        lines: MET,
        calls: ASKED,
        ..ROW
    },
    Row {
        name: "a classic token of an owner, with a larger scope",
        given: &[ACME, OWNER],
        token: classic(&["admin:org"]),
        require: IN_ACME,
        lines: MET,
        calls: ASKED,
        ..ROW
    },
    Row {
        name: "the login of an organization counts without regard to case",
        given: &[ACME, MEMBER],
        token: classic(&["read:org"]),
        require: r#"{"organizations": [{"name": "ACME"}]}"#,
        lines: &["Organization ACME: Met Proven"],
        calls: ASKED,
        ..ROW
    },
    Row {
        name: "an account that has not accepted its invitation",
        given: &[ACME, Member("acme", Role::Pending)],
        token: classic(&["read:org"]),
        require: IN_ACME,
        ready: ("False", "MembershipPending"),
        says: "accept it at",
        lines: &["Organization acme: NotMet MembershipPending"],
        calls: ASKED_TWICE,
        ..ROW
    },
    Row {
        name: "an account that is no member",
        given: &[ACME],
        token: classic(&["read:org"]),
        require: IN_ACME,
        ready: ("False", "NotAMember"),
        lines: &["Organization acme: NotMet NotAMember"],
        calls: ASKED_TWICE,
        ..ROW
    },
    Row {
        name: "single sign-on says nothing to an account that is no member",
        given: &[Organization("acme", &[Sso])],
        token: classic(&["read:org"]),
        require: IN_ACME,
        ready: ("False", "NotAMember"),
        lines: &["Organization acme: NotMet NotAMember"],
        calls: ASKED_TWICE,
        ..ROW
    },
    Row {
        name: "an organization that does not exist",
        token: classic(&["read:org"]),
        require: IN_ACME,
        ready: ("False", "OrganizationNotFound"),
        lines: &["Organization acme: NotMet OrganizationNotFound"],
        calls: &[("/orgs/acme", 2)],
        ..ROW
    },
    Row {
        name: "a classic token without read:org is not shown the membership",
        given: &[ACME, MEMBER],
        token: classic(&["repo"]),
        require: IN_ACME,
        lines: &["Organization acme: Unproven MembershipNotShown"],
        calls: ASKED_TWICE,
        ..ROW
    },
    Row {
        name: "a classic token without read:org, where what is not proven is refused",
        given: &[ACME, MEMBER],
        token: classic(&["repo"]),
        require: r#"{"organizations": [{"name": "acme"}], "unproven": "Refuse"}"#,
        ready: ("False", "NotProven"),
        lines: &["Organization acme: Unproven MembershipNotShown"],
        calls: ASKED_TWICE,
        ..ROW
    },
    Row {
        name: "the token of gh auth login is told to authorize for single sign-on too",
        given: &[Organization("acme", &[Sso]), MEMBER],
        token: oauth(&["read:org"]),
        require: r#"{"kinds": ["OAuth"], "organizations": [{"name": "acme"}]}"#,
        ready: ("False", "SsoRequired"),
        lines: &["Organization acme: NotMet SsoRequired"],
        calls: &[("/orgs/acme", 2)],
        ..ROW
    },
    Row {
        name: "a classic token in two organizations",
        given: &[ACME, MEMBER, Organization("acme-labs", &[]), Member("acme-labs", Role::Member)],
        token: classic(&["read:org"]),
        require: BOTH,
        lines: &["Organization acme: Met Proven", "Organization acme-labs: Met Proven"],
        calls: &[("/orgs/acme", 1), (IS_IN, 1), (LABS, 1), (IN_LABS, 1)],
        ..ROW
    },
    Row {
        name: "a classic token that is authorized for one of two organizations",
        given: &[
            Organization("acme", &[Sso]),
            MEMBER,
            Organization("acme-labs", &[Sso]),
            Member("acme-labs", Role::Member),
        ],
        token: classic(&["read:org"]).authorized(&["acme"]),
        require: BOTH,
        ready: ("False", "SsoRequired"),
        says: "acme-labs wants the token authorized",
        lines: &["Organization acme: Met Proven", "Organization acme-labs: NotMet SsoRequired"],
        calls: &[("/orgs/acme", 1), (IS_IN, 1), (LABS, 2)],
        ..ROW
    },
    Row {
        name: "a classic token whose account is a member of one of two organizations",
        given: &[ACME, MEMBER, Organization("acme-labs", &[])],
        token: classic(&["read:org"]),
        require: BOTH,
        ready: ("False", "NotAMember"),
        lines: &["Organization acme: Met Proven", "Organization acme-labs: NotMet NotAMember"],
        calls: &[("/orgs/acme", 1), (IS_IN, 1), (LABS, 1), (IN_LABS, 2)],
        ..ROW
    },
    Row {
        name: "a fine-grained token with members: read",
        given: &[ACME, MEMBER],
        token: fine(&[("members", "read")]),
        require: IN_ACME,
        lines: MET,
        calls: ASKED,
        ..ROW
    },
    Row {
        name: "a fine-grained token without members: read",
        given: &[ACME, MEMBER],
        token: fine(&[("contents", "read")]),
        require: IN_ACME,
        lines: NOT_COVERED,
        calls: ASKED_TWICE,
        ..ROW
    },
    Row {
        name: "a fine-grained token without members: read, where what is not proven is refused",
        given: &[ACME, MEMBER],
        token: fine(&[("contents", "read")]),
        require: r#"{"organizations": [{"name": "acme"}], "unproven": "Refuse"}"#,
        ready: ("False", "NotProven"),
        lines: NOT_COVERED,
        calls: ASKED_TWICE,
        ..ROW
    },
    Row {
        name: "a private repository shows that a fine-grained token covers its organization",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[]),
        require: r#"{"organizations": [{"name": "acme"}], "repositories": [{"name": "acme/app"}]}"#,
        lines: &["Organization acme: Met Covered", "Repository acme/app: Met Proven"],
        calls: &[("/orgs/acme", 1), (IS_IN, 2), ("/repos/acme/app", 1)],
        ..ROW
    },
    Row {
        name: "an internal repository shows that a fine-grained token covers its organization",
        given: &[ACME, MEMBER, INTERNAL],
        token: fine(&[]),
        require: r#"{"organizations": [{"name": "acme"}], "repositories": [{"name": "acme/app"}]}"#,
        lines: &["Organization acme: Met Covered", "Repository acme/app: Met Proven"],
        calls: &[("/orgs/acme", 1), (IS_IN, 2), ("/repos/acme/app", 1)],
        ..ROW
    },
    Row {
        name: "a public repository shows nothing of whether a fine-grained token covers its organization",
        given: &[ACME, MEMBER, PUBLIC],
        token: fine(&[]),
        require: r#"{"organizations": [{"name": "acme"}], "repositories": [{"name": "acme/app"}]}"#,
        lines: &["Organization acme: Unproven CoverageNotProvable", "Repository acme/app: Met Proven"],
        calls: &[("/orgs/acme", 1), (IS_IN, 2), ("/repos/acme/app", 1)],
        ..ROW
    },
    Row {
        name: "a private repository of another organization shows nothing of this one",
        given: &[
            ACME,
            MEMBER,
            Organization("acme-labs", &[]),
            Member("acme-labs", Role::Member),
            Repository(Seen::Private, "acme-labs/app", &[]),
        ],
        token: fine(&[]).of("acme-labs"),
        require: r#"{"organizations": [{"name": "acme"}], "repositories": [{"name": "acme-labs/app"}]}"#,
        lines: &["Organization acme: Unproven CoverageNotProvable", "Repository acme-labs/app: Met Proven"],
        calls: &[("/orgs/acme", 1), (IS_IN, 2), ("/repos/acme-labs/app", 1)],
        ..ROW
    },
    Row {
        name: "a permission of the organization shows that a fine-grained token covers it",
        given: &[ACME, OWNER],
        token: fine(&[("organization_secrets", "read")]),
        require: r#"{"organizations": [{"name": "acme"}], "permissions": {"organization_secrets": "read"}}"#,
        lines: &["Organization acme: Met Covered", "Permission organization_secrets: read: Met Proven"],
        calls: &[("/orgs/acme", 1), (IS_IN, 2), ("/orgs/acme/actions/secrets?per_page=1", 1)],
        ..ROW
    },
    Row {
        name: "a fine-grained token that was made for the account itself",
        given: &[ACME, MEMBER],
        token: own(&[]),
        require: IN_ACME,
        lines: NOT_COVERED,
        calls: ASKED_TWICE,
        ..ROW
    },
    Row {
        name: "a fine-grained token that was made for another organization",
        given: &[ACME, MEMBER, Organization("acme-labs", &[]), Member("acme-labs", Role::Member)],
        token: fine(&[("members", "read")]).of("acme-labs"),
        require: IN_ACME,
        lines: NOT_COVERED,
        calls: ASKED_TWICE,
        ..ROW
    },
    Row {
        name: "a fine-grained token whose account has left the organization",
        given: &[ACME],
        token: fine(&[("members", "read")]),
        require: IN_ACME,
        lines: NOT_COVERED,
        calls: ASKED_TWICE,
        ..ROW
    },
    Row {
        name: "a fine-grained token whose account has not accepted its invitation",
        given: &[ACME, Member("acme", Role::Pending)],
        token: fine(&[("members", "read")]),
        require: IN_ACME,
        lines: NOT_COVERED,
        calls: ASKED_TWICE,
        ..ROW
    },
    Row {
        name: "a fine-grained token that does not see the repository of its organization",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[]).only(&["acme/other"]),
        require: r#"{"organizations": [{"name": "acme"}], "repositories": [{"name": "acme/app"}]}"#,
        ready: ("False", "RepositoryNotVisible"),
        lines: &[
            "Organization acme: Unproven CoverageNotProvable",
            "Repository acme/app: NotMet RepositoryNotVisible",
        ],
        calls: &[("/orgs/acme", 1), (IS_IN, 2), ("/repos/acme/app", 2)],
        ..ROW
    },
];
