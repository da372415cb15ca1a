//! What a row is made of. All of it are values, so that the page of behaviours can be made of them too.

use github_simulator::{Access, Role};

/// Rows about one thing.
pub(crate) struct Theme {
    /// The heading in the page.
    pub(crate) title: &'static str,
    /// A sentence or two below it.
    pub(crate) about: &'static str,
    pub(crate) rows: &'static [Row],
}

/// One situation, one demand, and what must come of it. `acme` and `acme-labs` are organizations, and `ci` is the account of the
/// token; in the world of the test each row has its own.
pub(crate) struct Row {
    /// What it shows.
    pub(crate) name: &'static str,
    /// What is the case at GitHub.
    pub(crate) given: &'static [Given],
    /// The token.
    pub(crate) token: Token,
    /// `spec.host`: `simulated`, or `bare`, which is the same without a registry.
    pub(crate) host: &'static str,
    /// `spec.expect`; `ID` stands for the id of `ci`.
    pub(crate) expect: &'static str,
    /// `spec.require`.
    pub(crate) require: &'static str,
    /// `Ready`: status and reason.
    pub(crate) ready: (&'static str, &'static str),
    /// A part of the message of `Ready`.
    pub(crate) says: &'static str,
    /// `status.requirements`: kind, name, state, reason.
    pub(crate) lines: &'static [&'static str],
    /// What GitHub is asked beside one `GET /user`, each path with how often.
    pub(crate) calls: &'static [(&'static str, usize)],
}

/// What a row is that says nothing else.
pub(crate) const ROW: Row = Row {
    name: "",
    given: &[],
    token: classic(&[]),
    host: "simulated",
    expect: "",
    require: "{}",
    ready: ("True", "Ready"),
    says: "",
    lines: &[],
    calls: &[],
};

/// What is the case at GitHub.
#[derive(Clone, Copy)]
pub(crate) enum Given {
    /// An organization with these policies.
    Organization(&'static str, &'static [Policy]),
    /// The account is in the organization.
    Member(&'static str, Role),
    /// A repository.
    Repository(Seen, &'static str, &'static [Trait]),
    /// What the account may do in a repository.
    Collaborator(&'static str, Access),
    /// An image in the registry.
    Package(Seen, &'static str),
}

/// Who sees a repository or an image.
#[derive(Clone, Copy)]
pub(crate) enum Seen {
    Private,
    Internal,
    Public,
}

/// What is special about a repository.
#[derive(Clone, Copy)]
pub(crate) enum Trait {
    Archived,
    Empty,
    WithoutIssues,
    WithoutPages,
    WithoutCodeScanning,
    WithoutSecretScanning,
    WithoutDependabotAlerts,
    Was(&'static str),
    Blocked,
    TakenDown,
}

/// A policy of an organization.
#[derive(Clone, Copy)]
pub(crate) enum Policy {
    Sso,
    ForbidsClassic,
    ForbidsFineGrained,
    ClassicLivesAtMost(u32),
    FineGrainedLivesAtMost(u32),
    AllowsNoAddress,
    NeedsApproval,
    /// Its policies are those of this enterprise.
    OfEnterprise(&'static str),
    /// What its members may do in all its repositories.
    MembersMay(Option<Access>),
}

/// A token of the account `ci`.
#[derive(Clone, Copy)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// Scopes of tokens that have some.
    pub(crate) scopes: &'static [&'static str],
    /// The organizations for whose single sign-on it is authorized.
    pub(crate) authorized: &'static [&'static str],
    /// The organization whose resources a fine-grained token is for; empty for those of the account.
    pub(crate) owner: &'static str,
    pub(crate) permissions: &'static [(&'static str, &'static str)],
    /// The repositories that a fine-grained token is for; `None` is all of its owner.
    pub(crate) selected: Option<&'static [&'static str]>,
    pub(crate) approved: bool,
    /// For how long it was made; `None` is for ever.
    pub(crate) days: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Classic,
    FineGrained,
    OAuth,
    AppUser,
}

const fn token(kind: Kind) -> Token {
    Token {
        kind,
        scopes: &[],
        authorized: &[],
        owner: "",
        permissions: &[],
        selected: None,
        approved: false,
        days: None,
    }
}

/// A classic token with these scopes.
pub(crate) const fn classic(scopes: &'static [&'static str]) -> Token {
    Token { scopes, ..token(Kind::Classic) }
}

/// A token of an OAuth app with these scopes.
pub(crate) const fn oauth(scopes: &'static [&'static str]) -> Token {
    Token { scopes, ..token(Kind::OAuth) }
}

/// A token of a GitHub App for the account.
pub(crate) const fn app_user() -> Token {
    token(Kind::AppUser)
}

/// A fine-grained token for `acme` with these permissions.
pub(crate) const fn fine(permissions: &'static [(&'static str, &'static str)]) -> Token {
    Token { permissions, owner: "acme", ..token(Kind::FineGrained) }
}

/// A fine-grained token for what the account itself owns, with these permissions.
pub(crate) const fn own(permissions: &'static [(&'static str, &'static str)]) -> Token {
    Token { permissions, ..token(Kind::FineGrained) }
}

impl Token {
    /// Authorized for the single sign-on of these organizations.
    pub(crate) const fn authorized(self, organizations: &'static [&'static str]) -> Token {
        Token { authorized: organizations, ..self }
    }

    /// For the resources of another organization than `acme`.
    pub(crate) const fn of(self, owner: &'static str) -> Token {
        Token { owner, ..self }
    }

    /// For these repositories only.
    pub(crate) const fn only(self, repositories: &'static [&'static str]) -> Token {
        Token { selected: Some(repositories), ..self }
    }

    /// Approved by its organization.
    pub(crate) const fn approved(self) -> Token {
        Token { approved: true, ..self }
    }

    /// Made for so many days.
    pub(crate) const fn days(self, days: u32) -> Token {
        Token { days: Some(days), ..self }
    }
}

/// `acme` without any policy.
pub(crate) const ACME: Given = Given::Organization("acme", &[]);
/// `ci` is a member of `acme`.
pub(crate) const MEMBER: Given = Given::Member("acme", Role::Member);
/// `ci` is an owner of `acme`.
pub(crate) const OWNER: Given = Given::Member("acme", Role::Owner);
/// `acme/app`, private.
pub(crate) const PRIVATE: Given = Given::Repository(Seen::Private, "acme/app", &[]);
/// `acme/app`, internal.
pub(crate) const INTERNAL: Given = Given::Repository(Seen::Internal, "acme/app", &[]);
/// `acme/app`, public.
pub(crate) const PUBLIC: Given = Given::Repository(Seen::Public, "acme/app", &[]);
/// That the token sees `acme/app`.
pub(crate) const APP: &str = r#"{"repositories": [{"name": "acme/app"}]}"#;
/// The same, and that git takes a push to it.
pub(crate) const PUSH: &str = r#"{"repositories": [{"name": "acme/app", "access": "Push"}]}"#;
/// That `acme` lets the token in.
pub(crate) const IN_ACME: &str = r#"{"organizations": [{"name": "acme"}]}"#;
/// The call about a push to `acme/app`.
pub(crate) const GIT: &str = "/acme/app.git/info/refs?service=git-receive-pack";

/// The repository `acme/app` is demanded and seen.
pub(crate) const APP_MET: Row = Row {
    require: APP,
    lines: &["Repository acme/app: Met Proven"],
    calls: &[("/repos/acme/app", 1)],
    ..ROW
};

/// It is demanded and not seen.
pub(crate) const APP_NOT_VISIBLE: Row = Row {
    require: APP,
    ready: ("False", "RepositoryNotVisible"),
    lines: &["Repository acme/app: NotMet RepositoryNotVisible"],
    calls: &[("/repos/acme/app", 2)],
    ..ROW
};

/// A push to it is demanded and offered.
pub(crate) const PUSH_MET: Row = Row {
    require: PUSH,
    lines: &["Repository acme/app: Met Proven", "Push acme/app: Met Proven"],
    calls: &[("/repos/acme/app", 1), (GIT, 1)],
    ..ROW
};

/// A push to it is demanded and not offered.
pub(crate) const PUSH_REFUSED: Row = Row {
    require: PUSH,
    ready: ("False", "PushRefused"),
    lines: &["Repository acme/app: Met Proven", "Push acme/app: NotMet PushRefused"],
    calls: &[("/repos/acme/app", 1), (GIT, 2)],
    ..ROW
};

/// It is demanded, and its organization has a policy against the lifetime of the token.
pub(crate) const LIFETIME_FORBIDDEN: Row = Row {
    require: APP,
    ready: ("False", "LifetimeForbidden"),
    lines: &["Repository acme/app: NotMet LifetimeForbidden"],
    calls: &[("/repos/acme/app", 2)],
    ..ROW
};

/// It is demanded, and its organization has a policy against the address.
pub(crate) const ADDRESS_FORBIDDEN: Row = Row {
    require: APP,
    ready: ("False", "AddressForbidden"),
    says: "list of allowed addresses",
    lines: &["Repository acme/app: NotMet AddressForbidden"],
    calls: &[("/repos/acme/app", 2)],
    ..ROW
};
