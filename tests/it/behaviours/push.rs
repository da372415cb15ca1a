//! Whether git takes a push: roles, scopes and permissions.

use github_simulator::Access;

use super::row::{
    ACME, GIT, Given::Collaborator, INTERNAL, MEMBER, PRIVATE, PUBLIC, PUSH, ROW, Row, Theme, classic, fine,
};

pub(super) const THEME: Theme = Theme {
    title: "Pushes, by role",
    about: "Git is asked for the advertisement that comes before a push, which changes nothing. It offers one \
            to the role Write and higher, if the token has `repo` (`public_repo` on public repositories) or \
            `contents: write`.",
    rows: ROWS,
};

const ROWS: &[Row] = &[
    Row {
        name: "a classic token with repo, the role Read and a private repository",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Read)],
        token: classic(&["repo"]),
        require: PUSH,
        ready: ("False", "PushRefused"),
        says: "the account needs the role Write",
        lines: &["Repository acme/app: Met Proven", "Push acme/app: NotMet PushRefused"],
        calls: &[("/repos/acme/app", 1), (GIT, 2)],
        ..ROW
    },
    Row {
        name: "a classic token with repo, the role Triage and a private repository",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Triage)],
        token: classic(&["repo"]),
        require: PUSH,
        ready: ("False", "PushRefused"),
        says: "the account needs the role Write",
        lines: &["Repository acme/app: Met Proven", "Push acme/app: NotMet PushRefused"],
        calls: &[("/repos/acme/app", 1), (GIT, 2)],
        ..ROW
    },
    Row {
        name: "a classic token with repo, the role Write and a private repository",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Push)],
        token: classic(&["repo"]),
        require: PUSH,
        lines: &["Repository acme/app: Met Proven", "Push acme/app: Met Proven"],
        calls: &[("/repos/acme/app", 1), (GIT, 1)],
        ..ROW
    },
    Row {
        name: "a classic token with repo, the role Maintain and a private repository",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Maintain)],
        token: classic(&["repo"]),
        require: PUSH,
        lines: &["Repository acme/app: Met Proven", "Push acme/app: Met Proven"],
        calls: &[("/repos/acme/app", 1), (GIT, 1)],
        ..ROW
    },
    Row {
        name: "a classic token with repo, the role Admin and a private repository",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Admin)],
        token: classic(&["repo"]),
        require: PUSH,
        lines: &["Repository acme/app: Met Proven", "Push acme/app: Met Proven"],
        calls: &[("/repos/acme/app", 1), (GIT, 1)],
        ..ROW
    },
    Row {
        name: "a classic token with repo, the role Read and a public repository",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Read)],
        token: classic(&["repo"]),
        require: PUSH,
        ready: ("False", "PushRefused"),
        says: "the account needs the role Write",
        lines: &["Repository acme/app: Met Proven", "Push acme/app: NotMet PushRefused"],
        calls: &[("/repos/acme/app", 1), (GIT, 2)],
        ..ROW
    },
    Row {
        name: "a classic token with repo, the role Triage and a public repository",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Triage)],
        token: classic(&["repo"]),
        require: PUSH,
        ready: ("False", "PushRefused"),
        says: "the account needs the role Write",
        lines: &["Repository acme/app: Met Proven", "Push acme/app: NotMet PushRefused"],
        calls: &[("/repos/acme/app", 1), (GIT, 2)],
        ..ROW
    },
    Row {
        name: "a classic token with repo, the role Write and a public repository",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Push)],
        token: classic(&["repo"]),
        require: PUSH,
        lines: &["Repository acme/app: Met Proven", "Push acme/app: Met Proven"],
        calls: &[("/repos/acme/app", 1), (GIT, 1)],
        ..ROW
    },
    Row {
        name: "a classic token with repo, the role Maintain and a public repository",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Maintain)],
        token: classic(&["repo"]),
        require: PUSH,
        lines: &["Repository acme/app: Met Proven", "Push acme/app: Met Proven"],
        calls: &[("/repos/acme/app", 1), (GIT, 1)],
        ..ROW
    },
    Row {
        name: "a classic token with repo, the role Admin and a public repository",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Admin)],
        token: classic(&["repo"]),
        require: PUSH,
        lines: &["Repository acme/app: Met Proven", "Push acme/app: Met Proven"],
        calls: &[("/repos/acme/app", 1), (GIT, 1)],
        ..ROW
    },
    Row {
        name: "a fine-grained token with contents: write, the role Read and a private repository",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Read)],
        token: fine(&[("contents", "write")]),
        require: PUSH,
        ready: ("False", "PushRefused"),
        lines: &["Repository acme/app: Met Proven", "Push acme/app: NotMet PushRefused"],
        calls: &[("/repos/acme/app", 1), (GIT, 2)],
        ..ROW
    },
    Row {
        name: "a fine-grained token with contents: write, the role Read and an internal repository",
        given: &[ACME, MEMBER, INTERNAL, Collaborator("acme/app", Access::Read)],
        token: fine(&[("contents", "write")]),
        require: PUSH,
        ready: ("False", "PushRefused"),
        lines: &["Repository acme/app: Met Proven", "Push acme/app: NotMet PushRefused"],
        calls: &[("/repos/acme/app", 1), (GIT, 2)],
        ..ROW
    },
    Row {
        name: "a fine-grained token with contents: write, the role Read and a public repository",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Read)],
        token: fine(&[("contents", "write")]),
        require: PUSH,
        ready: ("False", "PushRefused"),
        lines: &["Repository acme/app: Met Proven", "Push acme/app: NotMet PushRefused"],
        calls: &[("/repos/acme/app", 1), (GIT, 2)],
        ..ROW
    },
    Row {
        name: "a fine-grained token with contents: read, the role Write and a private repository",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Push)],
        token: fine(&[("contents", "read")]),
        require: PUSH,
        ready: ("False", "PushRefused"),
        lines: &["Repository acme/app: Met Proven", "Push acme/app: NotMet PushRefused"],
        calls: &[("/repos/acme/app", 1), (GIT, 2)],
        ..ROW
    },
    Row {
        name: "a fine-grained token with contents: write, the role Write and a private repository",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Push)],
        token: fine(&[("contents", "write")]),
        require: PUSH,
        lines: &["Repository acme/app: Met Proven", "Push acme/app: Met Proven"],
        calls: &[("/repos/acme/app", 1), (GIT, 1)],
        ..ROW
    },
    Row {
        name: "a fine-grained token with contents: read, the role Write and an internal repository",
        given: &[ACME, MEMBER, INTERNAL, Collaborator("acme/app", Access::Push)],
        token: fine(&[("contents", "read")]),
        require: PUSH,
        ready: ("False", "PushRefused"),
        lines: &["Repository acme/app: Met Proven", "Push acme/app: NotMet PushRefused"],
        calls: &[("/repos/acme/app", 1), (GIT, 2)],
        ..ROW
    },
    Row {
        name: "a fine-grained token with contents: write, the role Write and an internal repository",
        given: &[ACME, MEMBER, INTERNAL, Collaborator("acme/app", Access::Push)],
        token: fine(&[("contents", "write")]),
        require: PUSH,
        lines: &["Repository acme/app: Met Proven", "Push acme/app: Met Proven"],
        calls: &[("/repos/acme/app", 1), (GIT, 1)],
        ..ROW
    },
];
