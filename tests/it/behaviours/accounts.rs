//! Whose token it is, of which kind, and with which scopes.

use super::row::{ACME, APP_MET, MEMBER, PRIVATE, ROW, Row, Theme, app_user, classic, fine, oauth};

pub(super) const THEME: Theme = Theme {
    title: "Accounts, kinds and scopes",
    about: "`GET /user` alone tells these. Scopes bind tokens that have scopes, permissions bind fine-grained ones.",
    rows: ROWS,
};

const ROWS: &[Row] = &[
    Row { name: "a token of the account that is expected", expect: r#"{"login": "ci"}"#, ..ROW },
    Row { name: "the login counts without regard to case", expect: r#"{"login": "CI"}"#, ..ROW },
    Row { name: "the id of the account suffices", expect: r#"{"userId": ID}"#, ..ROW },
    Row {
        name: "a renamed account keeps its id",
        expect: r#"{"login": "former", "userId": ID}"#,
        token: classic(&[]),
        ..ROW
    },
    Row {
        name: "a token of another account",
        expect: r#"{"login": "somebody"}"#,
        ready: ("False", "AnotherAccount"),
        says: "store a token of that account",
        ..ROW
    },
    Row {
        name: "a token of an account with another id",
        expect: r#"{"login": "ci", "userId": 1}"#,
        ready: ("False", "AnotherAccount"),
        ..ROW
    },
    Row {
        name: "a fine-grained token of another account",
        given: &[ACME, MEMBER],
        token: fine(&[("contents", "read")]),
        expect: r#"{"login": "somebody"}"#,
        ready: ("False", "AnotherAccount"),
        ..ROW
    },
    Row {
        name: "a token of another account, whose other demands are judged too",
        given: &[ACME, MEMBER, PRIVATE],
        token: classic(&["repo"]),
        expect: r#"{"login": "somebody"}"#,
        ready: ("False", "AnotherAccount"),
        ..APP_MET
    },
    Row {
        name: "a classic token where fine-grained ones are demanded",
        require: r#"{"kinds": ["FineGrained"]}"#,
        ready: ("False", "KindNotAllowed"),
        ..ROW
    },
    Row {
        name: "a fine-grained token where classic ones are demanded",
        given: &[ACME, MEMBER],
        token: fine(&[]),
        require: r#"{"kinds": ["Classic"]}"#,
        ready: ("False", "KindNotAllowed"),
        ..ROW
    },
    Row {
        name: "the token of gh auth login, which is not allowed by default",
        token: oauth(&["repo"]),
        ready: ("False", "KindNotAllowed"),
        says: "store a personal access token",
        ..ROW
    },
    Row {
        name: "the token of gh auth login where it is allowed",
        given: &[ACME, MEMBER, PRIVATE],
        token: oauth(&["repo"]),
        require: r#"{"kinds": ["OAuth"], "scopes": ["repo"], "repositories": [{"name": "acme/app"}]}"#,
        lines: &["Repository acme/app: Met Proven"],
        calls: &[("/repos/acme/app", 1)],
        ..ROW
    },
    Row {
        name: "the token of a GitHub App for a user, which is not allowed by default",
        token: app_user(),
        ready: ("False", "KindNotAllowed"),
        ..ROW
    },
    Row {
        name: "a scope that the token has",
        token: classic(&["repo", "gist"]),
        require: r#"{"scopes": ["repo"]}"#,
        ..ROW
    },
    Row {
        name: "a scope that a larger one includes",
        token: classic(&["repo", "admin:org"]),
        require: r#"{"scopes": ["public_repo", "read:org"]}"#,
        ..ROW
    },
    Row {
        name: "a scope that the token lacks",
        token: classic(&["gist"]),
        require: r#"{"scopes": ["repo", "gist", "read:org"]}"#,
        ready: ("False", "ScopeMissing"),
        says: "scopes repo, read:org",
        ..ROW
    },
    Row {
        name: "scopes alone, demanded of a fine-grained token",
        given: &[ACME, MEMBER],
        token: fine(&[("contents", "write")]),
        require: r#"{"scopes": ["repo"]}"#,
        ready: ("False", "ScopesNotApplicable"),
        ..ROW
    },
    Row {
        name: "scopes and permissions are demanded, and a classic token is bound by the scopes",
        given: &[ACME, MEMBER, PRIVATE],
        token: classic(&["repo"]),
        require: r#"{"scopes": ["repo"], "permissions": {"secrets": "read"},
            "repositories": [{"name": "acme/app"}]}"#,
        lines: &["Repository acme/app: Met Proven"],
        calls: &[("/repos/acme/app", 1)],
        ..ROW
    },
    Row {
        name: "scopes and permissions are demanded, and a fine-grained token is bound by the permissions",
        given: &[ACME, MEMBER, PRIVATE],
        token: fine(&[("secrets", "read")]),
        require: r#"{"scopes": ["repo"], "permissions": {"secrets": "read"},
            "repositories": [{"name": "acme/app"}]}"#,
        lines: &["Repository acme/app: Met Proven", "Permission secrets: read: Met Proven"],
        calls: &[("/repos/acme/app", 1), ("/repos/acme/app/actions/secrets?per_page=1", 1)],
        ..ROW
    },
    Row {
        name: "scopes and permissions are demanded, and a classic token lacks a scope",
        given: &[ACME, MEMBER, PRIVATE],
        token: classic(&["public_repo"]),
        require: r#"{"scopes": ["read:org"], "permissions": {"secrets": "read"}}"#,
        ready: ("False", "ScopeMissing"),
        ..ROW
    },
];
