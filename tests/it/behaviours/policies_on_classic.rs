//! Policies of organizations, and classic tokens.

use super::row::{
    ADDRESS_FORBIDDEN, APP, APP_MET,
    Given::Organization,
    IN_ACME, INTERNAL, LIFETIME_FORBIDDEN, MEMBER, PRIVATE, PUBLIC,
    Policy::{
        AllowsNoAddress, ClassicLivesAtMost, FineGrainedLivesAtMost, ForbidsClassic, ForbidsFineGrained,
        NeedsApproval, OfEnterprise, Sso,
    },
    ROW, Row, Theme, classic,
};

pub(super) const THEME: Theme = Theme {
    title: "Policies of organizations, and classic tokens",
    about: "The token has the scopes `repo` and `read:org`. Bans leave public repositories readable; single \
            sign-on, lifetime caps and lists of addresses do not.",
    rows: ROWS,
};

const ROWS: &[Row] = &[
    Row {
        name: "single sign-on keeps a classic token out that is not authorized: a private repository",
        given: &[Organization("acme", &[Sso]), MEMBER, PRIVATE],
        token: classic(&["repo", "read:org"]),
        require: APP,
        ready: ("False", "SsoRequired"),
        says: "Configure SSO",
        lines: &["Repository acme/app: NotMet SsoRequired"],
        calls: &[("/repos/acme/app", 2)],
        ..ROW
    },
    Row {
        name: "single sign-on keeps a classic token out that is not authorized: an internal repository",
        given: &[Organization("acme", &[Sso]), MEMBER, INTERNAL],
        token: classic(&["repo", "read:org"]),
        require: APP,
        ready: ("False", "SsoRequired"),
        says: "Configure SSO",
        lines: &["Repository acme/app: NotMet SsoRequired"],
        calls: &[("/repos/acme/app", 2)],
        ..ROW
    },
    Row {
        name: "single sign-on keeps a classic token out that is not authorized: a public repository",
        given: &[Organization("acme", &[Sso]), MEMBER, PUBLIC],
        token: classic(&["repo", "read:org"]),
        require: APP,
        ready: ("False", "SsoRequired"),
        says: "Configure SSO",
        lines: &["Repository acme/app: NotMet SsoRequired"],
        calls: &[("/repos/acme/app", 2)],
        ..ROW
    },
    Row {
        name: "single sign-on keeps a classic token out that is not authorized: the organization itself",
        given: &[Organization("acme", &[Sso]), MEMBER],
        token: classic(&["repo", "read:org"]),
        require: IN_ACME,
        ready: ("False", "SsoRequired"),
        lines: &["Organization acme: NotMet SsoRequired"],
        calls: &[("/orgs/acme", 2)],
        ..ROW
    },
    Row {
        name: "single sign-on lets an authorized classic token in: a private repository",
        given: &[Organization("acme", &[Sso]), MEMBER, PRIVATE],
        token: classic(&["repo", "read:org"]).authorized(&["acme"]),
        ..APP_MET
    },
    Row {
        name: "single sign-on lets an authorized classic token in: an internal repository",
        given: &[Organization("acme", &[Sso]), MEMBER, INTERNAL],
        token: classic(&["repo", "read:org"]).authorized(&["acme"]),
        ..APP_MET
    },
    Row {
        name: "single sign-on lets an authorized classic token in: a public repository",
        given: &[Organization("acme", &[Sso]), MEMBER, PUBLIC],
        token: classic(&["repo", "read:org"]).authorized(&["acme"]),
        ..APP_MET
    },
    Row {
        name: "single sign-on lets an authorized classic token in: the organization itself",
        given: &[Organization("acme", &[Sso]), MEMBER],
        token: classic(&["repo", "read:org"]).authorized(&["acme"]),
        require: IN_ACME,
        lines: &["Organization acme: Met Proven"],
        calls: &[("/orgs/acme", 1), ("/user/memberships/orgs/acme", 1)],
        ..ROW
    },
    Row {
        name: "a ban of classic tokens leaves public reads alone: a private repository",
        given: &[Organization("acme", &[ForbidsClassic]), MEMBER, PRIVATE],
        token: classic(&["repo", "read:org"]),
        require: APP,
        ready: ("False", "ClassicTokensForbidden"),
        says: "make a fine-grained one",
        lines: &["Repository acme/app: NotMet ClassicTokensForbidden"],
        calls: &[("/repos/acme/app", 2)],
        ..ROW
    },
    Row {
        name: "a ban of classic tokens leaves public reads alone: an internal repository",
        given: &[Organization("acme", &[ForbidsClassic]), MEMBER, INTERNAL],
        token: classic(&["repo", "read:org"]),
        require: APP,
        ready: ("False", "ClassicTokensForbidden"),
        says: "make a fine-grained one",
        lines: &["Repository acme/app: NotMet ClassicTokensForbidden"],
        calls: &[("/repos/acme/app", 2)],
        ..ROW
    },
    Row {
        name: "a ban of classic tokens leaves public reads alone: a public repository",
        given: &[Organization("acme", &[ForbidsClassic]), MEMBER, PUBLIC],
        token: classic(&["repo", "read:org"]),
        ..APP_MET
    },
    Row {
        name: "a ban of classic tokens: the organization itself",
        given: &[Organization("acme", &[ForbidsClassic]), MEMBER],
        token: classic(&["repo", "read:org"]),
        require: IN_ACME,
        ready: ("False", "ClassicTokensForbidden"),
        lines: &["Organization acme: NotMet ClassicTokensForbidden"],
        calls: &[("/orgs/acme", 2)],
        ..ROW
    },
    Row {
        name: "a ban of fine-grained tokens does not bind a classic one: a private repository",
        given: &[Organization("acme", &[ForbidsFineGrained]), MEMBER, PRIVATE],
        token: classic(&["repo", "read:org"]),
        ..APP_MET
    },
    Row {
        name: "a ban of fine-grained tokens does not bind a classic one: an internal repository",
        given: &[Organization("acme", &[ForbidsFineGrained]), MEMBER, INTERNAL],
        token: classic(&["repo", "read:org"]),
        ..APP_MET
    },
    Row {
        name: "a ban of fine-grained tokens does not bind a classic one: a public repository",
        given: &[Organization("acme", &[ForbidsFineGrained]), MEMBER, PUBLIC],
        token: classic(&["repo", "read:org"]),
        ..APP_MET
    },
    Row {
        name: "a lifetime cap keeps a classic token out that never expires: a private repository",
        given: &[Organization("acme", &[ClassicLivesAtMost(366)]), MEMBER, PRIVATE],
        token: classic(&["repo", "read:org"]),
        says: "longer than 366 days",
        ..LIFETIME_FORBIDDEN
    },
    Row {
        name: "a lifetime cap keeps a classic token out that never expires: an internal repository",
        given: &[Organization("acme", &[ClassicLivesAtMost(366)]), MEMBER, INTERNAL],
        token: classic(&["repo", "read:org"]),
        says: "longer than 366 days",
        ..LIFETIME_FORBIDDEN
    },
    Row {
        name: "a lifetime cap keeps a classic token out that never expires: a public repository",
        given: &[Organization("acme", &[ClassicLivesAtMost(366)]), MEMBER, PUBLIC],
        token: classic(&["repo", "read:org"]),
        says: "longer than 366 days",
        ..LIFETIME_FORBIDDEN
    },
    Row {
        name: "a lifetime cap keeps a classic token out that never expires: the organization itself",
        given: &[Organization("acme", &[ClassicLivesAtMost(366)]), MEMBER],
        token: classic(&["repo", "read:org"]),
        require: IN_ACME,
        ready: ("False", "LifetimeForbidden"),
        says: "longer than 366 days",
        lines: &["Organization acme: NotMet LifetimeForbidden"],
        calls: &[("/orgs/acme", 2)],
        ..ROW
    },
    Row {
        name: "a lifetime cap keeps a classic token out that was made for a day more: a private repository",
        given: &[Organization("acme", &[ClassicLivesAtMost(90)]), MEMBER, PRIVATE],
        token: classic(&["repo", "read:org"]).days(91),
        says: "longer than 90 days",
        ..LIFETIME_FORBIDDEN
    },
    Row {
        name: "a lifetime cap keeps a classic token out that was made for a day more: an internal repository",
        given: &[Organization("acme", &[ClassicLivesAtMost(90)]), MEMBER, INTERNAL],
        token: classic(&["repo", "read:org"]).days(91),
        says: "longer than 90 days",
        ..LIFETIME_FORBIDDEN
    },
    Row {
        name: "a lifetime cap keeps a classic token out that was made for a day more: a public repository",
        given: &[Organization("acme", &[ClassicLivesAtMost(90)]), MEMBER, PUBLIC],
        token: classic(&["repo", "read:org"]).days(91),
        says: "longer than 90 days",
        ..LIFETIME_FORBIDDEN
    },
    Row {
        name: "a lifetime cap lets a classic token in that was made for as long: a private repository",
        given: &[Organization("acme", &[ClassicLivesAtMost(90)]), MEMBER, PRIVATE],
        token: classic(&["repo", "read:org"]).days(90),
        ..APP_MET
    },
    Row {
        name: "a lifetime cap lets a classic token in that was made for as long: an internal repository",
        given: &[Organization("acme", &[ClassicLivesAtMost(90)]), MEMBER, INTERNAL],
        token: classic(&["repo", "read:org"]).days(90),
        ..APP_MET
    },
    Row {
        name: "a lifetime cap lets a classic token in that was made for as long: a public repository",
        given: &[Organization("acme", &[ClassicLivesAtMost(90)]), MEMBER, PUBLIC],
        token: classic(&["repo", "read:org"]).days(90),
        ..APP_MET
    },
    Row {
        name: "a lifetime cap of fine-grained tokens does not bind a classic one: a private repository",
        given: &[Organization("acme", &[FineGrainedLivesAtMost(7)]), MEMBER, PRIVATE],
        token: classic(&["repo", "read:org"]),
        ..APP_MET
    },
    Row {
        name: "a list of addresses keeps a classic token out: a private repository",
        given: &[Organization("acme", &[AllowsNoAddress]), MEMBER, PRIVATE],
        token: classic(&["repo", "read:org"]),
        ..ADDRESS_FORBIDDEN
    },
    Row {
        name: "a list of addresses keeps a classic token out: an internal repository",
        given: &[Organization("acme", &[AllowsNoAddress]), MEMBER, INTERNAL],
        token: classic(&["repo", "read:org"]),
        ..ADDRESS_FORBIDDEN
    },
    Row {
        name: "a list of addresses keeps a classic token out: a public repository",
        given: &[Organization("acme", &[AllowsNoAddress]), MEMBER, PUBLIC],
        token: classic(&["repo", "read:org"]),
        ..ADDRESS_FORBIDDEN
    },
    Row {
        name: "a list of addresses keeps a classic token out: the organization itself",
        given: &[Organization("acme", &[AllowsNoAddress]), MEMBER],
        token: classic(&["repo", "read:org"]),
        require: IN_ACME,
        ready: ("False", "AddressForbidden"),
        lines: &["Organization acme: NotMet AddressForbidden"],
        calls: &[("/orgs/acme", 2)],
        ..ROW
    },
    Row {
        name: "approval is for fine-grained tokens, not for a classic one: a private repository",
        given: &[Organization("acme", &[NeedsApproval]), MEMBER, PRIVATE],
        token: classic(&["repo", "read:org"]),
        ..APP_MET
    },
    Row {
        name: "approval is for fine-grained tokens, not for a classic one: an internal repository",
        given: &[Organization("acme", &[NeedsApproval]), MEMBER, INTERNAL],
        token: classic(&["repo", "read:org"]),
        ..APP_MET
    },
    Row {
        name: "approval is for fine-grained tokens, not for a classic one: a public repository",
        given: &[Organization("acme", &[NeedsApproval]), MEMBER, PUBLIC],
        token: classic(&["repo", "read:org"]),
        ..APP_MET
    },
    Row {
        name: "a lifetime cap of the enterprise is told with its days too",
        given: &[Organization("acme", &[ClassicLivesAtMost(30), OfEnterprise("corp")]), MEMBER, PRIVATE],
        token: classic(&["repo"]),
        says: "longer than 30 days",
        ..LIFETIME_FORBIDDEN
    },
    Row {
        name: "single sign-on of the enterprise",
        given: &[Organization("acme", &[Sso, OfEnterprise("corp")]), MEMBER, PRIVATE],
        token: classic(&["repo"]),
        require: APP,
        ready: ("False", "SsoRequired"),
        lines: &["Repository acme/app: NotMet SsoRequired"],
        calls: &[("/repos/acme/app", 2)],
        ..ROW
    },
];
