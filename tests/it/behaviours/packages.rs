//! Which images the token can pull.

use github_simulator::Access;

use super::row::{
    ACME,
    Given::{Collaborator, Organization, Package},
    MEMBER, PRIVATE,
    Policy::{ClassicLivesAtMost, ForbidsClassic, MembersMay, Sso},
    ROW, Row, Seen, Theme, classic, fine, oauth,
};

pub(super) const THEME: Theme = Theme {
    title: "Packages",
    about: "The registry is asked for a token that pulls the image, as `docker login` and a pull do it. Its \
            refusal has the same words for every cause.",
    rows: ROWS,
};

/// A pull of its image is demanded and allowed.
const PULL_MET: Row = Row {
    require: r#"{"packages": [{"name": "acme/app"}]}"#,
    lines: &["Package acme/app: Met Proven"],
    calls: &[("/token?scope=repository:acme/app:pull", 1)],
    ..ROW
};

/// A pull of its image is demanded and refused.
const PULL_REFUSED: Row = Row {
    require: r#"{"packages": [{"name": "acme/app"}]}"#,
    ready: ("False", "PackageRefused"),
    lines: &["Package acme/app: NotMet PackageRefused"],
    calls: &[("/token?scope=repository:acme/app:pull", 2)],
    ..ROW
};

const ROWS: &[Row] = &[
    Row {
        name: "a private image of the organization",
        given: &[ACME, MEMBER, Package(Seen::Private, "acme/app")],
        token: classic(&["read:packages"]),
        ..PULL_MET
    },
    Row {
        name: "a private image, by a larger scope",
        given: &[ACME, MEMBER, Package(Seen::Private, "acme/app")],
        token: classic(&["write:packages"]),
        ..PULL_MET
    },
    Row {
        name: "a private image, and the token lacks read:packages",
        given: &[ACME, MEMBER, Package(Seen::Private, "acme/app")],
        token: classic(&["repo"]),
        says: "the token may lack the scope read:packages",
        ..PULL_REFUSED
    },
    Row {
        name: "an internal image, and the account is a member",
        given: &[ACME, MEMBER, Package(Seen::Internal, "acme/app")],
        token: classic(&["read:packages"]),
        ..PULL_MET
    },
    Row {
        name: "an internal image, and the account is no member",
        given: &[ACME, Package(Seen::Internal, "acme/app")],
        token: classic(&["read:packages"]),
        ..PULL_REFUSED
    },
    Row {
        name: "a public image, and the account is no member",
        given: &[ACME, Package(Seen::Public, "acme/app")],
        token: classic(&["read:packages"]),
        ..PULL_MET
    },
    Row {
        name: "a public image, and the token lacks read:packages",
        given: &[ACME, Package(Seen::Public, "acme/app")],
        token: classic(&[]),
        ..PULL_REFUSED
    },
    Row {
        name: "a private image, and the account is no member",
        given: &[ACME, Package(Seen::Private, "acme/app")],
        token: classic(&["read:packages"]),
        ..PULL_REFUSED
    },
    Row {
        name: "a private image of a repository to which the account was invited",
        given: &[ACME, PRIVATE, Collaborator("acme/app", Access::Read), Package(Seen::Private, "acme/app")],
        token: classic(&["read:packages"]),
        ..PULL_MET
    },
    Row {
        name: "a private image of a repository to which the account has no access",
        given: &[
            Organization("acme", &[MembersMay(None)]),
            MEMBER,
            PRIVATE,
            Package(Seen::Private, "acme/app"),
        ],
        token: classic(&["read:packages"]),
        ..PULL_REFUSED
    },
    Row {
        name: "an image that does not exist",
        given: &[ACME, MEMBER],
        token: classic(&["read:packages"]),
        says: "there may be no such image",
        ..PULL_REFUSED
    },
    Row {
        name: "single sign-on, and the token is not authorized",
        given: &[Organization("acme", &[Sso]), MEMBER, Package(Seen::Private, "acme/app")],
        token: classic(&["read:packages"]),
        says: "single sign-on",
        ..PULL_REFUSED
    },
    Row {
        name: "single sign-on, and the token is authorized",
        given: &[Organization("acme", &[Sso]), MEMBER, Package(Seen::Private, "acme/app")],
        token: classic(&["read:packages"]).authorized(&["acme"]),
        ..PULL_MET
    },
    Row {
        name: "a ban of classic tokens",
        given: &[Organization("acme", &[ForbidsClassic]), MEMBER, Package(Seen::Private, "acme/app")],
        token: classic(&["read:packages"]),
        ..PULL_REFUSED
    },
    Row {
        name: "a lifetime cap of 90 days",
        given: &[Organization("acme", &[ClassicLivesAtMost(90)]), MEMBER, Package(Seen::Private, "acme/app")],
        token: classic(&["read:packages"]),
        ..PULL_REFUSED
    },
    Row {
        name: "an image of the account",
        given: &[Package(Seen::Private, "ci/app")],
        token: classic(&["read:packages"]),
        require: r#"{"packages": [{"name": "ci/app"}]}"#,
        lines: &["Package ci/app: Met Proven"],
        calls: &[("/token?scope=repository:ci/app:pull", 1)],
        ..ROW
    },
    Row {
        name: "the name of an image counts without regard to case",
        given: &[ACME, MEMBER, Package(Seen::Private, "acme/app")],
        token: classic(&["read:packages"]),
        require: r#"{"packages": [{"name": "ACME/App"}]}"#,
        lines: &["Package ACME/App: Met Proven"],
        calls: &[("/token?scope=repository:acme/app:pull", 1)],
        ..ROW
    },
    Row {
        name: "the token of gh auth login pulls",
        given: &[ACME, MEMBER, Package(Seen::Private, "acme/app")],
        token: oauth(&["read:packages"]),
        require: r#"{"kinds": ["OAuth"], "packages": [{"name": "acme/app"}]}"#,
        lines: &["Package acme/app: Met Proven"],
        calls: &[("/token?scope=repository:acme/app:pull", 1)],
        ..ROW
    },
    Row {
        name: "a fine-grained token, which the registry does not take, is not tried",
        given: &[ACME, MEMBER, Package(Seen::Private, "acme/app")],
        token: fine(&[("contents", "read")]),
        require: r#"{"packages": [{"name": "acme/app"}]}"#,
        ready: ("False", "DemandImpossible"),
        says: "store a classic token",
        lines: &["Package acme/app: NotMet DemandImpossible"],
        ..ROW
    },
    Row {
        name: "of two images, one is refused",
        given: &[ACME, MEMBER, Package(Seen::Private, "acme/app"), Package(Seen::Private, "acme-labs/app")],
        token: classic(&["read:packages"]),
        require: r#"{"packages": [{"name": "acme/app"}, {"name": "acme-labs/app"}]}"#,
        ready: ("False", "PackageRefused"),
        says: "package acme-labs/app",
        lines: &["Package acme/app: Met Proven", "Package acme-labs/app: NotMet PackageRefused"],
        calls: &[
            ("/token?scope=repository:acme/app:pull", 1),
            ("/token?scope=repository:acme-labs/app:pull", 2),
        ],
        ..ROW
    },
    Row {
        name: "a host without a registry in the operator's settings",
        given: &[ACME, MEMBER, Package(Seen::Private, "acme/app")],
        token: classic(&["read:packages"]),
        host: "bare",
        require: r#"{"packages": [{"name": "acme/app"}]}"#,
        ready: ("False", "RegistryUnknown"),
        says: "have an administrator add",
        lines: &["Package acme/app: NotMet RegistryUnknown"],
        ..ROW
    },
];
