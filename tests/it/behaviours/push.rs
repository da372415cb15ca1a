//! Whether git takes a push: roles, scopes and permissions.

use github_simulator::Access;

use super::row::{
    ACME, Given::Collaborator, INTERNAL, MEMBER, PRIVATE, PUBLIC, PUSH_MET, PUSH_REFUSED, Row, Theme,
    classic, fine,
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
        says: "the account has the role Read there and needs Write",
        ..PUSH_REFUSED
    },
    Row {
        name: "a classic token with repo, the role Triage and a private repository",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Triage)],
        token: classic(&["repo"]),
        says: "the account has the role Triage there and needs Write",
        ..PUSH_REFUSED
    },
    Row {
        name: "a classic token with repo, the role Write and a private repository",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Push)],
        token: classic(&["repo"]),
        ..PUSH_MET
    },
    Row {
        name: "a classic token with repo, the role Maintain and a private repository",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Maintain)],
        token: classic(&["repo"]),
        ..PUSH_MET
    },
    Row {
        name: "a classic token with repo, the role Admin and a private repository",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Admin)],
        token: classic(&["repo"]),
        ..PUSH_MET
    },
    Row {
        name: "a classic token with repo, the role Read and a public repository",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Read)],
        token: classic(&["repo"]),
        says: "the account has the role Read there and needs Write",
        ..PUSH_REFUSED
    },
    Row {
        name: "a classic token with repo, the role Triage and a public repository",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Triage)],
        token: classic(&["repo"]),
        says: "the account has the role Triage there and needs Write",
        ..PUSH_REFUSED
    },
    Row {
        name: "a classic token with repo, the role Write and a public repository",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Push)],
        token: classic(&["repo"]),
        ..PUSH_MET
    },
    Row {
        name: "a classic token with repo, the role Maintain and a public repository",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Maintain)],
        token: classic(&["repo"]),
        ..PUSH_MET
    },
    Row {
        name: "a classic token with repo, the role Admin and a public repository",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Admin)],
        token: classic(&["repo"]),
        ..PUSH_MET
    },
    Row {
        name: "a fine-grained token with contents: write, the role Read and a private repository",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Read)],
        token: fine(&[("contents", "write")]),
        ..PUSH_REFUSED
    },
    Row {
        name: "a fine-grained token with contents: write, the role Read and an internal repository",
        given: &[ACME, MEMBER, INTERNAL, Collaborator("acme/app", Access::Read)],
        token: fine(&[("contents", "write")]),
        ..PUSH_REFUSED
    },
    Row {
        name: "a fine-grained token with contents: write, the role Read and a public repository",
        given: &[ACME, MEMBER, PUBLIC, Collaborator("acme/app", Access::Read)],
        token: fine(&[("contents", "write")]),
        ..PUSH_REFUSED
    },
    Row {
        name: "a fine-grained token with contents: read, the role Write and a private repository",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Push)],
        token: fine(&[("contents", "read")]),
        ..PUSH_REFUSED
    },
    Row {
        name: "a fine-grained token with contents: write, the role Write and a private repository",
        given: &[ACME, MEMBER, PRIVATE, Collaborator("acme/app", Access::Push)],
        token: fine(&[("contents", "write")]),
        ..PUSH_MET
    },
    Row {
        name: "a fine-grained token with contents: read, the role Write and an internal repository",
        given: &[ACME, MEMBER, INTERNAL, Collaborator("acme/app", Access::Push)],
        token: fine(&[("contents", "read")]),
        ..PUSH_REFUSED
    },
    Row {
        name: "a fine-grained token with contents: write, the role Write and an internal repository",
        given: &[ACME, MEMBER, INTERNAL, Collaborator("acme/app", Access::Push)],
        token: fine(&[("contents", "write")]),
        ..PUSH_MET
    },
];
