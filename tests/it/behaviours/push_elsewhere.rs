//! Whether git takes a push: which repository, and which policy.

use github_simulator::Access;

use super::row::{
    ACME, GIT,
    Given::{Collaborator, Organization, Repository},
    MEMBER, OWNER, PRIVATE, PUBLIC, PUSH, PUSH_MET, PUSH_REFUSED,
    Policy::{ForbidsClassic, ForbidsFineGrained, NeedsApproval, Sso},
    ROW, Row, Seen, Theme, Trait, classic, fine, oauth, own,
};

pub(super) const THEME: Theme = Theme {
    title: "Pushes, by repository and policy",
    about: "Git is asked once the token sees the repository, and not at all if that is archived.",
    rows: ROWS,
};

const ROWS: &[Row] = &[
    Row {
        name: "a fine-grained token with contents: read, the role Write and a public repository",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Push)],
        token: fine(&[("contents", "read")]),
        ..PUSH_REFUSED
    },
    Row {
        name: "a fine-grained token with contents: write, the role Write and a public repository",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Push)],
        token: fine(&[("contents", "write")]),
        ..PUSH_MET
    },
    Row {
        name: "public_repo suffices for a public repository",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Push)],
        token: classic(&["public_repo"]),
        ..PUSH_MET
    },
    Row {
        name: "a public repository, and the classic token has no scope",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Push)],
        token: classic(&["read:org"]),
        ..PUSH_REFUSED
    },
    Row {
        name: "public_repo does not suffice for a private repository",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Push)],
        token: classic(&["public_repo"]),
        require: PUSH,
        ready: ("False", "RepositoryNotVisible"),
        lines: &["Repository acme/app: NotMet RepositoryNotVisible", "Push acme/app: Unknown ProofAwaited"],
        calls: &[("/repos/acme/app", 2)],
        ..ROW
    },
    Row {
        name: "a public repository of others",
        given: &[ACME, PUBLIC],
        token: classic(&["repo"]),
        ..PUSH_REFUSED
    },
    Row {
        name: "a public repository that is not selected",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Push)],
        token: fine(&[("contents", "write")]).only(&["acme/other"]),
        ..PUSH_REFUSED
    },
    Row {
        name: "an owner of the organization",
        given: &[ACME, OWNER, PRIVATE],
        token: classic(&["repo"]),
        ..PUSH_MET
    },
    Row {
        name: "a fine-grained token of an outside collaborator on a public repository",
        given: &[ACME, PUBLIC, Collaborator("acme/app", Access::Push)],
        token: fine(&[("contents", "write")]),
        ..PUSH_REFUSED
    },
    Row {
        name: "the token of gh auth login",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Push)],
        token: oauth(&["repo"]),
        require: r#"{"kinds": ["OAuth"], "repositories": [{"name": "acme/app", "access": "Push"}]}"#,
        lines: &["Repository acme/app: Met Proven", "Push acme/app: Met Proven"],
        calls: &[("/repos/acme/app", 1), (GIT, 1)],
        ..ROW
    },
    Row {
        name: "the account's own repository",
        given: &[Repository(Seen::Private, "ci/app", &[])],
        token: own(&[("contents", "write")]),
        require: r#"{"repositories": [{"name": "ci/app", "access": "Push"}]}"#,
        lines: &["Repository ci/app: Met Proven", "Push ci/app: Met Proven"],
        calls: &[("/repos/ci/app", 1), ("/ci/app.git/info/refs?service=git-receive-pack", 1)],
        ..ROW
    },
    Row {
        name: "an archived private repository takes no push, and git is not asked",
        given: &[
            ACME,
            MEMBER,
            Repository(Seen::Private, "acme/app", &[Trait::Archived]),
            Collaborator("acme/app", Access::Admin),
        ],
        token: classic(&["repo"]),
        require: PUSH,
        ready: ("False", "RepositoryArchived"),
        lines: &["Repository acme/app: Met Proven", "Push acme/app: NotMet RepositoryArchived"],
        calls: &[("/repos/acme/app", 1)],
        ..ROW
    },
    Row {
        name: "an archived public repository takes no push, and git is not asked",
        given: &[
            ACME,
            MEMBER,
            Repository(Seen::Public, "acme/app", &[Trait::Archived]),
            Collaborator("acme/app", Access::Admin),
        ],
        token: fine(&[("contents", "write")]),
        require: PUSH,
        ready: ("False", "RepositoryArchived"),
        lines: &["Repository acme/app: Met Proven", "Push acme/app: NotMet RepositoryArchived"],
        calls: &[("/repos/acme/app", 1)],
        ..ROW
    },
    Row {
        name: "an empty repository takes a push",
        given: &[
            ACME,
            MEMBER,
            Repository(Seen::Private, "acme/app", &[Trait::Empty]),
            Collaborator("acme/app", Access::Push),
        ],
        token: classic(&["repo"]),
        ..PUSH_MET
    },
    Row {
        name: "a renamed repository takes a push under its old name",
        given: &[
            ACME,
            MEMBER,
            Repository(Seen::Private, "acme/app", &[Trait::Was("acme/old")]),
            Collaborator("acme/app", Access::Push),
        ],
        token: classic(&["repo"]),
        require: r#"{"repositories": [{"name": "acme/old", "access": "Push"}]}"#,
        lines: &["Repository acme/old: Met Proven", "Push acme/old: Met Proven"],
        calls: &[
            ("/repos/acme/old", 1),
            ("/repositories/ID", 1),
            ("/acme/old.git/info/refs?service=git-receive-pack", 1),
            (GIT, 1),
        ],
        ..ROW
    },
    Row {
        name: "a blocked repository",
        given: &[
            ACME,
            MEMBER,
            Repository(Seen::Private, "acme/app", &[Trait::Blocked]),
            Collaborator("acme/app", Access::Push),
        ],
        token: classic(&["repo"]),
        require: PUSH,
        ready: ("False", "RepositoryBlocked"),
        lines: &["Repository acme/app: NotMet RepositoryBlocked", "Push acme/app: Unknown ProofAwaited"],
        calls: &[("/repos/acme/app", 2)],
        ..ROW
    },
    Row {
        name: "git says what a ban of classic tokens means for a public repository",
        given: &[
            Organization("acme", &[ForbidsClassic]),
            MEMBER,
            PUBLIC,
            Collaborator("acme/app", Access::Push),
        ],
        token: classic(&["repo"]),
        require: PUSH,
        ready: ("False", "ClassicTokensForbidden"),
        lines: &["Repository acme/app: Met Proven", "Push acme/app: NotMet ClassicTokensForbidden"],
        calls: &[("/repos/acme/app", 1), (GIT, 2)],
        ..ROW
    },
    Row {
        name: "git says what a ban of fine-grained tokens means for a public repository",
        given: &[
            Organization("acme", &[ForbidsFineGrained]),
            MEMBER,
            PUBLIC,
            Collaborator("acme/app", Access::Push),
        ],
        token: fine(&[("contents", "write")]),
        require: PUSH,
        ready: ("False", "FineGrainedTokensForbidden"),
        lines: &["Repository acme/app: Met Proven", "Push acme/app: NotMet FineGrainedTokensForbidden"],
        calls: &[("/repos/acme/app", 1), (GIT, 2)],
        ..ROW
    },
    Row {
        name: "single sign-on, and the token that pushes is authorized",
        given: &[Organization("acme", &[Sso]), MEMBER, PRIVATE, Collaborator("acme/app", Access::Push)],
        token: classic(&["repo"]).authorized(&["acme"]),
        ..PUSH_MET
    },
    Row {
        name: "a fine-grained token that waits for approval, and a public repository",
        given: &[
            Organization("acme", &[NeedsApproval]),
            MEMBER,
            PUBLIC,
            Collaborator("acme/app", Access::Push),
        ],
        token: fine(&[("contents", "write")]),
        ..PUSH_REFUSED
    },
    Row {
        name: "of two repositories, one takes a push and the other is only read",
        given: &[
            ACME,
            MEMBER,
            PRIVATE,
            Collaborator("acme/app", Access::Push),
            Repository(Seen::Private, "acme/lib", &[]),
        ],
        token: classic(&["repo"]),
        require: r#"{"repositories": [{"name": "acme/app", "access": "Push"}, {"name": "acme/lib"}]}"#,
        lines: &[
            "Repository acme/app: Met Proven",
            "Push acme/app: Met Proven",
            "Repository acme/lib: Met Proven",
        ],
        calls: &[("/repos/acme/app", 1), (GIT, 1), ("/repos/acme/lib", 1)],
        ..ROW
    },
];
