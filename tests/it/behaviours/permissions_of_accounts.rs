//! Which permissions of its own account a fine-grained token has.

use super::row::{ACME, MEMBER, ROW, Row, Theme, classic, fine, own};

pub(super) const THEME: Theme = Theme {
    title: "Permissions of accounts",
    about: "Only a fine-grained token that was made for its account has them.",
    rows: ROWS,
};

const ROWS: &[Row] = &[
    Row {
        name: "the token is for the account, and has them",
        token: own(&[
            ("blocking", "read"),
            ("codespaces_user_secrets", "read"),
            ("emails", "read"),
            ("followers", "read"),
            ("git_signing_ssh_public_keys", "read"),
            ("gpg_keys", "read"),
            ("interaction_limits", "read"),
            ("keys", "read"),
        ]),
        require: r#"{"permissions": {"blocking": "read", "codespaces_user_secrets": "read",
            "emails": "read", "followers": "read", "git_signing_ssh_public_keys": "read",
            "gpg_keys": "read", "interaction_limits": "read", "keys": "read"}}"#,
        lines: &[
            "Permission blocking: read: Met Proven",
            "Permission codespaces_user_secrets: read: Met Proven",
            "Permission emails: read: Met Proven",
            "Permission followers: read: Met Proven",
            "Permission git_signing_ssh_public_keys: read: Met Proven",
            "Permission gpg_keys: read: Met Proven",
            "Permission interaction_limits: read: Met Proven",
            "Permission keys: read: Met Proven",
        ],
        calls: &[
            ("/user/blocks?per_page=1", 1),
            ("/user/codespaces/secrets?per_page=1", 1),
            ("/user/emails?per_page=1", 1),
            ("/user/followers?per_page=1", 1),
            ("/user/ssh_signing_keys?per_page=1", 1),
            ("/user/gpg_keys?per_page=1", 1),
            ("/user/interaction-limits?per_page=1", 1),
            ("/user/keys?per_page=1", 1),
        ],
        ..ROW
    },
    Row {
        name: "the token is for the account, and lacks them",
        token: own(&[]),
        require: r#"{"permissions": {"blocking": "read", "codespaces_user_secrets": "read",
            "emails": "read", "followers": "read", "git_signing_ssh_public_keys": "read",
            "gpg_keys": "read", "interaction_limits": "read", "keys": "read"}}"#,
        ready: ("False", "PermissionMissing"),
        lines: &[
            "Permission blocking: read: NotMet PermissionMissing",
            "Permission codespaces_user_secrets: read: NotMet PermissionMissing",
            "Permission emails: read: NotMet PermissionMissing",
            "Permission followers: read: NotMet PermissionMissing",
            "Permission git_signing_ssh_public_keys: read: NotMet PermissionMissing",
            "Permission gpg_keys: read: NotMet PermissionMissing",
            "Permission interaction_limits: read: NotMet PermissionMissing",
            "Permission keys: read: NotMet PermissionMissing",
        ],
        calls: &[
            ("/user/blocks?per_page=1", 2),
            ("/user/codespaces/secrets?per_page=1", 2),
            ("/user/emails?per_page=1", 2),
            ("/user/followers?per_page=1", 2),
            ("/user/ssh_signing_keys?per_page=1", 2),
            ("/user/gpg_keys?per_page=1", 2),
            ("/user/interaction-limits?per_page=1", 2),
            ("/user/keys?per_page=1", 2),
        ],
        ..ROW
    },
    Row {
        name: "a token for an organization has no permission of the account",
        given: &[ACME, MEMBER],
        token: fine(&[]),
        require: r#"{"permissions": {"emails": "read", "keys": "read"}}"#,
        ready: ("False", "PermissionMissing"),
        lines: &[
            "Permission emails: read: NotMet PermissionMissing",
            "Permission keys: read: NotMet PermissionMissing",
        ],
        calls: &[("/user/emails?per_page=1", 2), ("/user/keys?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "emails: write, of which only the reading can be proven",
        token: own(&[("emails", "write")]),
        require: r#"{"permissions": {"emails": "write"}}"#,
        lines: &["Permission emails: write: Unproven WriteNotProvable"],
        calls: &[("/user/emails?per_page=1", 1)],
        ..ROW
    },
    Row {
        name: "permissions of accounts without a question of their own",
        token: own(&[
            ("copilot_messages", "read"),
            ("knowledge_bases", "read"),
            ("starring", "read"),
            ("user_models", "read"),
            ("watching", "read"),
        ]),
        require: r#"{"permissions": {"copilot_messages": "read", "knowledge_bases": "read", "starring": "read", "user_models": "read", "watching": "read"}}"#,
        lines: &[
            "Permission copilot_messages: read: Unproven NotProvable",
            "Permission knowledge_bases: read: Unproven NotProvable",
            "Permission starring: read: Unproven NotProvable",
            "Permission user_models: read: Unproven NotProvable",
            "Permission watching: read: Unproven NotProvable",
        ],
        ..ROW
    },
    Row {
        name: "the plan, which is asked about by the login",
        token: own(&[("plan", "read")]),
        require: r#"{"permissions": {"plan": "read"}}"#,
        lines: &["Permission plan: read: Met Proven"],
        calls: &[("/users/ci/settings/billing/usage?per_page=1", 1)],
        ..ROW
    },
    Row {
        name: "the plan, and the token lacks the permission",
        token: own(&[]),
        require: r#"{"permissions": {"plan": "read"}}"#,
        ready: ("False", "PermissionMissing"),
        lines: &["Permission plan: read: NotMet PermissionMissing"],
        calls: &[("/users/ci/settings/billing/usage?per_page=1", 2)],
        ..ROW
    },
    Row {
        name: "permissions of accounts that can only be written",
        token: own(&[("gists", "write"), ("profile", "write")]),
        require: r#"{"permissions": {"gists": "write", "profile": "write"}}"#,
        lines: &[
            "Permission gists: write: Unproven NotProvable",
            "Permission profile: write: Unproven NotProvable",
        ],
        ..ROW
    },
    Row {
        name: "a classic token has no permissions, and needs none",
        token: classic(&["user"]),
        require: r#"{"permissions": {"emails": "read"}}"#,
        ..ROW
    },
];
