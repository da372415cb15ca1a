//! Which repositories the token sees.

use github_simulator::{Access, Role};

use super::row::{
    ACME, APP, APP_MET, APP_NOT_VISIBLE,
    Given::{Collaborator, Member, Organization, Repository},
    INTERNAL, MEMBER, PRIVATE, PUBLIC,
    Policy::{MembersMay, Sso},
    ROW, Row, Seen, Theme, Trait, classic, fine, own,
};

pub(super) const THEME: Theme = Theme {
    title: "Repositories",
    about: "That a token sees a private or internal repository proves that it covers it. On a public one it \
            proves nothing.",
    rows: ROWS,
};

const ROWS: &[Row] = &[
    Row {
        name: "a private repository of the organization",
        given: &[ACME, MEMBER, PRIVATE],
        token: classic(&["repo"]),
        ..APP_MET
    },
    Row {
        name: "a private repository, and the account has left",
        given: &[ACME, PRIVATE],
        token: classic(&["repo"]),
        says: "shows the token no such repository",
        ..APP_NOT_VISIBLE
    },
    Row {
        name: "a private repository, and the classic token lacks the scope repo",
        given: &[ACME, MEMBER, PRIVATE],
        token: classic(&["public_repo", "read:org"]),
        ..APP_NOT_VISIBLE
    },
    Row {
        name: "an internal repository, and the classic token lacks the scope repo",
        given: &[ACME, MEMBER, INTERNAL],
        token: classic(&["public_repo"]),
        ..APP_NOT_VISIBLE
    },
    Row {
        name: "a public repository, and the classic token has no scope at all",
        given: &[ACME, PUBLIC],
        token: classic(&[]),
        ..APP_MET
    },
    Row {
        name: "a private repository that members have no access to by default",
        given: &[Organization("acme", &[MembersMay(None)]), MEMBER, PRIVATE],
        token: classic(&["repo"]),
        ..APP_NOT_VISIBLE
    },
    Row {
        name: "an internal repository, which every member sees",
        given: &[Organization("acme", &[MembersMay(None)]), MEMBER, INTERNAL],
        token: classic(&["repo"]),
        ..APP_MET
    },
    Row {
        name: "a private repository to which the account was invited",
        given: &[
            Organization("acme", &[MembersMay(None)]),
            MEMBER,
            PRIVATE,
            Collaborator("acme/app", Access::Read),
        ],
        token: classic(&["repo"]),
        ..APP_MET
    },
    Row {
        name: "a classic token of an outside collaborator",
        given: &[ACME, PRIVATE, Collaborator("acme/app", Access::Push)],
        token: classic(&["repo"]),
        ..APP_MET
    },
    Row {
        name: "a fine-grained token of an outside collaborator, which does not reach there",
        given: &[ACME, PRIVATE, Collaborator("acme/app", Access::Push)],
        token: fine(&[("contents", "write")]),
        ..APP_NOT_VISIBLE
    },
    Row {
        name: "a private repository that is selected",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[]).only(&["acme/app"]),
        ..APP_MET
    },
    Row {
        name: "a private repository that is not selected",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[("contents", "read")]).only(&["acme/other"]),
        says: "the token was made without it",
        ..APP_NOT_VISIBLE
    },
    Row {
        name: "an internal repository that is not selected",
        given: &[ACME, MEMBER, INTERNAL],
        token: fine(&[("contents", "read")]).only(&["acme/other"]),
        ..APP_NOT_VISIBLE
    },
    Row {
        name: "a public repository that is not selected, which everybody sees",
        given: &[ACME, MEMBER, PUBLIC],
        token: fine(&[]).only(&["acme/other"]),
        ..APP_MET
    },
    Row {
        name: "a private repository of another owner than the token's",
        given: &[ACME, MEMBER, PRIVATE, Organization("acme-labs", &[]), Member("acme-labs", Role::Member)],
        token: fine(&[("contents", "read")]).of("acme-labs"),
        says: "for another owner than acme",
        ..APP_NOT_VISIBLE
    },
    Row {
        name: "a public repository of another owner than the token's",
        given: &[ACME, MEMBER, PUBLIC, Organization("acme-labs", &[]), Member("acme-labs", Role::Member)],
        token: fine(&[]).of("acme-labs"),
        ..APP_MET
    },
    Row {
        name: "a fine-grained token for the account itself, and a private repository of the organization",
        given: &[ACME, MEMBER, PRIVATE],
        token: own(&[("contents", "read")]),
        ..APP_NOT_VISIBLE
    },
    Row {
        name: "a private repository of the account, and a fine-grained token for it",
        given: &[Repository(Seen::Private, "ci/app", &[])],
        token: own(&[]),
        require: r#"{"repositories": [{"name": "ci/app"}]}"#,
        lines: &["Repository ci/app: Met Proven"],
        calls: &[("/repos/ci/app", 1)],
        ..ROW
    },
    Row {
        name: "a private repository of the account, and a fine-grained token for an organization",
        given: &[ACME, MEMBER, Repository(Seen::Private, "ci/app", &[])],
        token: fine(&[]),
        require: r#"{"repositories": [{"name": "ci/app"}]}"#,
        ready: ("False", "RepositoryNotVisible"),
        lines: &["Repository ci/app: NotMet RepositoryNotVisible"],
        calls: &[("/repos/ci/app", 2)],
        ..ROW
    },
    Row {
        name: "a private repository of the account, and a classic token",
        given: &[Repository(Seen::Private, "ci/app", &[])],
        token: classic(&["repo"]),
        require: r#"{"repositories": [{"name": "ci/app"}]}"#,
        lines: &["Repository ci/app: Met Proven"],
        calls: &[("/repos/ci/app", 1)],
        ..ROW
    },
    Row {
        name: "a repository that does not exist",
        given: &[ACME, MEMBER],
        token: classic(&["repo"]),
        ..APP_NOT_VISIBLE
    },
    Row {
        name: "a repository of an organization that does not exist",
        token: classic(&["repo"]),
        ..APP_NOT_VISIBLE
    },
    Row {
        name: "the name of a repository counts without regard to case",
        given: &[ACME, MEMBER, PRIVATE],
        token: classic(&["repo"]),
        require: r#"{"repositories": [{"name": "ACME/App"}]}"#,
        lines: &["Repository ACME/App: Met Proven"],
        calls: &[("/repos/acme/app", 1)],
        ..ROW
    },
    Row {
        name: "a renamed repository is followed",
        given: &[ACME, MEMBER, Repository(Seen::Private, "acme/app", &[Trait::Was("acme/old")])],
        token: classic(&["repo"]),
        require: r#"{"repositories": [{"name": "acme/old"}]}"#,
        lines: &["Repository acme/old: Met Proven"],
        calls: &[("/repos/acme/old", 1), ("/repositories/ID", 1)],
        ..ROW
    },
    Row {
        name: "a renamed repository that the token does not see",
        given: &[ACME, Repository(Seen::Private, "acme/app", &[Trait::Was("acme/old")])],
        token: classic(&["repo"]),
        require: r#"{"repositories": [{"name": "acme/old"}]}"#,
        ready: ("False", "RepositoryNotVisible"),
        lines: &["Repository acme/old: NotMet RepositoryNotVisible"],
        calls: &[("/repos/acme/old", 2)],
        ..ROW
    },
    Row {
        name: "a repository that moved to another organization, which wants single sign-on",
        given: &[
            ACME,
            MEMBER,
            Organization("acme-labs", &[Sso]),
            Member("acme-labs", Role::Member),
            Repository(Seen::Private, "acme-labs/app", &[Trait::Was("acme/app")]),
        ],
        token: classic(&["repo"]),
        require: APP,
        ready: ("False", "SsoRequired"),
        lines: &["Repository acme/app: NotMet SsoRequired"],
        calls: &[("/repos/acme/app", 2)],
        ..ROW
    },
    Row {
        name: "an archived repository can be read",
        given: &[ACME, MEMBER, Repository(Seen::Private, "acme/app", &[Trait::Archived])],
        token: classic(&["repo"]),
        ..APP_MET
    },
    Row {
        name: "an empty repository can be seen",
        given: &[ACME, MEMBER, Repository(Seen::Private, "acme/app", &[Trait::Empty])],
        token: classic(&["repo"]),
        ..APP_MET
    },
    Row {
        name: "a repository that GitHub has blocked",
        given: &[ACME, MEMBER, Repository(Seen::Private, "acme/app", &[Trait::Blocked])],
        token: classic(&["repo"]),
        require: APP,
        ready: ("False", "RepositoryBlocked"),
        lines: &["Repository acme/app: NotMet RepositoryBlocked"],
        calls: &[("/repos/acme/app", 2)],
        ..ROW
    },
    Row {
        name: "a public repository that was taken down",
        given: &[ACME, MEMBER, Repository(Seen::Public, "acme/app", &[Trait::TakenDown])],
        token: fine(&[("contents", "read")]),
        require: APP,
        ready: ("False", "RepositoryBlocked"),
        lines: &["Repository acme/app: NotMet RepositoryBlocked"],
        calls: &[("/repos/acme/app", 2)],
        ..ROW
    },
    Row {
        name: "of two repositories, one is not selected",
        given: &[ACME, MEMBER, PRIVATE, Repository(Seen::Private, "acme/lib", &[])],
        token: fine(&[]).only(&["acme/lib"]),
        require: r#"{"repositories": [{"name": "acme/app"}, {"name": "acme/lib"}]}"#,
        ready: ("False", "RepositoryNotVisible"),
        says: "repository acme/app",
        lines: &["Repository acme/app: NotMet RepositoryNotVisible", "Repository acme/lib: Met Proven"],
        calls: &[("/repos/acme/app", 2), ("/repos/acme/lib", 1)],
        ..ROW
    },
    Row {
        name: "repositories of two organizations, and a classic token",
        given: &[
            ACME,
            MEMBER,
            PRIVATE,
            Organization("acme-labs", &[]),
            Member("acme-labs", Role::Member),
            Repository(Seen::Private, "acme-labs/app", &[]),
        ],
        token: classic(&["repo"]),
        require: r#"{"repositories": [{"name": "acme/app"}, {"name": "acme-labs/app"}]}"#,
        lines: &["Repository acme/app: Met Proven", "Repository acme-labs/app: Met Proven"],
        calls: &[("/repos/acme/app", 1), ("/repos/acme-labs/app", 1)],
        ..ROW
    },
    Row {
        name: "repositories of two organizations, and a fine-grained token for one",
        given: &[
            ACME,
            MEMBER,
            PRIVATE,
            Organization("acme-labs", &[]),
            Member("acme-labs", Role::Member),
            Repository(Seen::Private, "acme-labs/app", &[]),
        ],
        token: fine(&[]),
        require: r#"{"repositories": [{"name": "acme/app"}, {"name": "acme-labs/app"}]}"#,
        ready: ("False", "RepositoryNotVisible"),
        lines: &["Repository acme/app: Met Proven", "Repository acme-labs/app: NotMet RepositoryNotVisible"],
        calls: &[("/repos/acme/app", 1), ("/repos/acme-labs/app", 2)],
        ..ROW
    },
];
