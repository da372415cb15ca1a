//! Policies of organizations, and fine-grained tokens.

use super::row::{
    ADDRESS_FORBIDDEN, APP, APP_MET, APP_NOT_VISIBLE,
    Given::Organization,
    IN_ACME, INTERNAL, LIFETIME_FORBIDDEN, MEMBER, OWNER, PRIVATE, PUBLIC,
    Policy::{
        AllowsNoAddress, ClassicLivesAtMost, FineGrainedLivesAtMost, ForbidsClassic, ForbidsFineGrained,
        NeedsApproval, Sso,
    },
    ROW, Row, Theme, fine,
};

pub(super) const THEME: Theme = Theme {
    title: "Policies of organizations, and fine-grained tokens",
    about: "The token is made for `acme`. Approval hides private repositories until an owner gives it, with \
            the same answer as a repository that is not selected.",
    rows: ROWS,
};

const ROWS: &[Row] = &[
    Row {
        name: "single sign-on asks nothing more of a fine-grained token: a private repository",
        given: &[Organization("acme", &[Sso]), MEMBER, PRIVATE],
        token: fine(&[("contents", "read")]),
        ..APP_MET
    },
    Row {
        name: "single sign-on asks nothing more of a fine-grained token: an internal repository",
        given: &[Organization("acme", &[Sso]), MEMBER, INTERNAL],
        token: fine(&[("contents", "read")]),
        ..APP_MET
    },
    Row {
        name: "single sign-on asks nothing more of a fine-grained token: a public repository",
        given: &[Organization("acme", &[Sso]), MEMBER, PUBLIC],
        token: fine(&[("contents", "read")]),
        ..APP_MET
    },
    Row {
        name: "a ban of fine-grained tokens leaves public reads alone: a private repository",
        given: &[Organization("acme", &[ForbidsFineGrained]), MEMBER, PRIVATE],
        token: fine(&[("contents", "read")]),
        require: APP,
        ready: ("False", "FineGrainedTokensForbidden"),
        says: "use a GitHub App",
        lines: &["Repository acme/app: NotMet FineGrainedTokensForbidden"],
        calls: &[("/repos/acme/app", 2)],
        ..ROW
    },
    Row {
        name: "a ban of fine-grained tokens leaves public reads alone: an internal repository",
        given: &[Organization("acme", &[ForbidsFineGrained]), MEMBER, INTERNAL],
        token: fine(&[("contents", "read")]),
        require: APP,
        ready: ("False", "FineGrainedTokensForbidden"),
        says: "use a GitHub App",
        lines: &["Repository acme/app: NotMet FineGrainedTokensForbidden"],
        calls: &[("/repos/acme/app", 2)],
        ..ROW
    },
    Row {
        name: "a ban of fine-grained tokens leaves public reads alone: a public repository",
        given: &[Organization("acme", &[ForbidsFineGrained]), MEMBER, PUBLIC],
        token: fine(&[("contents", "read")]),
        ..APP_MET
    },
    Row {
        name: "a ban of fine-grained tokens: the organization itself",
        given: &[Organization("acme", &[ForbidsFineGrained]), MEMBER],
        token: fine(&[("contents", "read")]),
        require: IN_ACME,
        ready: ("False", "FineGrainedTokensForbidden"),
        lines: &["Organization acme: NotMet FineGrainedTokensForbidden"],
        calls: &[("/orgs/acme", 2)],
        ..ROW
    },
    Row {
        name: "a ban of classic tokens does not bind a fine-grained one: a private repository",
        given: &[Organization("acme", &[ForbidsClassic]), MEMBER, PRIVATE],
        token: fine(&[("contents", "read")]),
        ..APP_MET
    },
    Row {
        name: "a ban of classic tokens does not bind a fine-grained one: an internal repository",
        given: &[Organization("acme", &[ForbidsClassic]), MEMBER, INTERNAL],
        token: fine(&[("contents", "read")]),
        ..APP_MET
    },
    Row {
        name: "a ban of classic tokens does not bind a fine-grained one: a public repository",
        given: &[Organization("acme", &[ForbidsClassic]), MEMBER, PUBLIC],
        token: fine(&[("contents", "read")]),
        ..APP_MET
    },
    Row {
        name: "a lifetime cap keeps a fine-grained token out that was made for longer: a private repository",
        given: &[Organization("acme", &[FineGrainedLivesAtMost(90)]), MEMBER, PRIVATE],
        token: fine(&[("contents", "read")]).days(366),
        says: "longer than 90 days",
        ..LIFETIME_FORBIDDEN
    },
    Row {
        name: "a lifetime cap keeps a fine-grained token out that was made for longer: an internal repository",
        given: &[Organization("acme", &[FineGrainedLivesAtMost(90)]), MEMBER, INTERNAL],
        token: fine(&[("contents", "read")]).days(366),
        says: "longer than 90 days",
        ..LIFETIME_FORBIDDEN
    },
    Row {
        name: "a lifetime cap keeps a fine-grained token out that was made for longer: a public repository",
        given: &[Organization("acme", &[FineGrainedLivesAtMost(90)]), MEMBER, PUBLIC],
        token: fine(&[("contents", "read")]).days(366),
        says: "longer than 90 days",
        ..LIFETIME_FORBIDDEN
    },
    Row {
        name: "a lifetime cap keeps a fine-grained token out that was made for longer: the organization itself",
        given: &[Organization("acme", &[FineGrainedLivesAtMost(90)]), MEMBER],
        token: fine(&[("contents", "read")]).days(366),
        require: IN_ACME,
        ready: ("False", "LifetimeForbidden"),
        says: "longer than 90 days",
        lines: &["Organization acme: NotMet LifetimeForbidden"],
        calls: &[("/orgs/acme", 2)],
        ..ROW
    },
    Row {
        name: "a lifetime cap keeps a fine-grained token out that never expires: a private repository",
        given: &[Organization("acme", &[FineGrainedLivesAtMost(366)]), MEMBER, PRIVATE],
        token: fine(&[("contents", "read")]),
        says: "longer than 366 days",
        ..LIFETIME_FORBIDDEN
    },
    Row {
        name: "a lifetime cap lets a fine-grained token in that was made for as long: a private repository",
        given: &[Organization("acme", &[FineGrainedLivesAtMost(90)]), MEMBER, PRIVATE],
        token: fine(&[("contents", "read")]).days(90),
        ..APP_MET
    },
    Row {
        name: "a lifetime cap lets a fine-grained token in that was made for as long: an internal repository",
        given: &[Organization("acme", &[FineGrainedLivesAtMost(90)]), MEMBER, INTERNAL],
        token: fine(&[("contents", "read")]).days(90),
        ..APP_MET
    },
    Row {
        name: "a lifetime cap lets a fine-grained token in that was made for as long: a public repository",
        given: &[Organization("acme", &[FineGrainedLivesAtMost(90)]), MEMBER, PUBLIC],
        token: fine(&[("contents", "read")]).days(90),
        ..APP_MET
    },
    Row {
        name: "a lifetime cap of classic tokens does not bind a fine-grained one: a private repository",
        given: &[Organization("acme", &[ClassicLivesAtMost(7)]), MEMBER, PRIVATE],
        token: fine(&[("contents", "read")]).days(90),
        ..APP_MET
    },
    Row {
        name: "a list of addresses keeps a fine-grained token out: a private repository",
        given: &[Organization("acme", &[AllowsNoAddress]), MEMBER, PRIVATE],
        token: fine(&[("contents", "read")]),
        ..ADDRESS_FORBIDDEN
    },
    Row {
        name: "a list of addresses keeps a fine-grained token out: an internal repository",
        given: &[Organization("acme", &[AllowsNoAddress]), MEMBER, INTERNAL],
        token: fine(&[("contents", "read")]),
        ..ADDRESS_FORBIDDEN
    },
    Row {
        name: "a list of addresses keeps a fine-grained token out: a public repository",
        given: &[Organization("acme", &[AllowsNoAddress]), MEMBER, PUBLIC],
        token: fine(&[("contents", "read")]),
        ..ADDRESS_FORBIDDEN
    },
    Row {
        name: "a list of addresses keeps a fine-grained token out: the organization itself",
        given: &[Organization("acme", &[AllowsNoAddress]), MEMBER],
        token: fine(&[("contents", "read")]),
        require: IN_ACME,
        ready: ("False", "AddressForbidden"),
        lines: &["Organization acme: NotMet AddressForbidden"],
        calls: &[("/orgs/acme", 2)],
        ..ROW
    },
    Row {
        name: "a fine-grained token that waits for approval sees what everybody sees: a private repository",
        given: &[Organization("acme", &[NeedsApproval]), MEMBER, PRIVATE],
        token: fine(&[("contents", "read")]),
        says: "waits for approval",
        ..APP_NOT_VISIBLE
    },
    Row {
        name: "a fine-grained token that waits for approval sees what everybody sees: an internal repository",
        given: &[Organization("acme", &[NeedsApproval]), MEMBER, INTERNAL],
        token: fine(&[("contents", "read")]),
        says: "waits for approval",
        ..APP_NOT_VISIBLE
    },
    Row {
        name: "a fine-grained token that waits for approval sees what everybody sees: a public repository",
        given: &[Organization("acme", &[NeedsApproval]), MEMBER, PUBLIC],
        token: fine(&[("contents", "read")]),
        ..APP_MET
    },
    Row {
        name: "a fine-grained token that waits for approval: the organization itself",
        given: &[Organization("acme", &[NeedsApproval]), MEMBER],
        token: fine(&[("members", "read")]),
        require: IN_ACME,
        lines: &["Organization acme: Unproven CoverageNotProvable"],
        calls: &[("/orgs/acme", 1), ("/user/memberships/orgs/acme", 2)],
        ..ROW
    },
    Row {
        name: "a fine-grained token that was approved: a private repository",
        given: &[Organization("acme", &[NeedsApproval]), MEMBER, PRIVATE],
        token: fine(&[("contents", "read")]).approved(),
        ..APP_MET
    },
    Row {
        name: "a fine-grained token that was approved: an internal repository",
        given: &[Organization("acme", &[NeedsApproval]), MEMBER, INTERNAL],
        token: fine(&[("contents", "read")]).approved(),
        ..APP_MET
    },
    Row {
        name: "a fine-grained token that was approved: a public repository",
        given: &[Organization("acme", &[NeedsApproval]), MEMBER, PUBLIC],
        token: fine(&[("contents", "read")]).approved(),
        ..APP_MET
    },
    Row {
        name: "a fine-grained token that was approved: the organization itself",
        given: &[Organization("acme", &[NeedsApproval]), MEMBER],
        token: fine(&[("members", "read")]).approved(),
        require: IN_ACME,
        lines: &["Organization acme: Met Proven"],
        calls: &[("/orgs/acme", 1), ("/user/memberships/orgs/acme", 1)],
        ..ROW
    },
    Row {
        name: "a fine-grained token of an owner needs no approval: a private repository",
        given: &[Organization("acme", &[NeedsApproval]), OWNER, PRIVATE],
        token: fine(&[("contents", "read")]),
        ..APP_MET
    },
];
