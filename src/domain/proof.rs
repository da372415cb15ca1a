//! What GitHub may show about one purpose of a token.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::unexplained::Unexplained;

/// What a reply to a probe other than that of identity showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The token has what was asked for.
    Held(Facts),
    /// It has not, or nobody can tell from this answer.
    Denied(Denial),
}

/// What else the answer told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Who sees the repository. That of a permission is known only if a 404 showed it, beside the sight of the repository.
    pub visibility: Option<Visibility>,
    /// Whether the repository is archived, so that nobody pushes to it.
    pub archived: bool,
    /// The name that the repository has now, if it was asked for under an earlier one.
    pub moved_to: Option<Arc<str>>,
    /// What the account may do in the repository, whatever the token may.
    pub role: Option<Role>,
}

/// What an account may do in a repository: <https://docs.github.com/en/organizations/managing-user-access-to-your-organizations-repositories/managing-repository-roles/repository-roles-for-an-organization>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Role {
    /// Read it.
    Read,
    /// Manage its issues too.
    Triage,
    /// Push to it too.
    Write,
    /// Manage it too.
    Maintain,
    /// Everything.
    Admin,
}

impl Role {
    /// The word that GitHub shows for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Read => "Read",
            Role::Triage => "Triage",
            Role::Write => "Write",
            Role::Maintain => "Maintain",
            Role::Admin => "Admin",
        }
    }
}

/// Who sees a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Visibility {
    /// Everybody.
    Public,
    /// The members of the enterprise.
    Internal,
    /// Who was let in.
    Private,
}

/// Why the token does not have what was asked for.
///
/// Sources of each: <https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api> and
/// <https://docs.github.com/en/organizations/managing-programmatic-access-to-your-organization/setting-a-personal-access-token-policy-for-your-organization>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Denial {
    /// 404: there is none, or the token must not know of it.
    NotFound,
    /// The organization wants the token authorized for its single sign-on.
    SsoRequired,
    /// The organization or its enterprise lets no classic token in.
    ClassicForbidden,
    /// The organization or its enterprise lets no fine-grained token in.
    FineGrainedForbidden,
    /// The organization or its enterprise lets no token in that lives so long.
    LifetimeForbidden(Lifetime),
    /// The organization has a list of addresses, and that of the cluster is not on it.
    AddressForbidden,
    /// The organization lets no app in that it has not approved.
    AppForbidden,
    /// The membership waits for the account to accept the invitation.
    MembershipPending,
    /// GitHub blocks the repository, for its terms of service or a legal demand.
    Blocked,
    /// A fine-grained token lacks the permission.
    PermissionMissing,
    /// 403 or 404 for another cause: the account's role, a feature that is off, or a text that is not known. With the answer, if it
    /// is still known.
    Undecided(Option<Unexplained>),
    /// The registry refuses the token, or git does.
    Refused,
}

/// What the answer of a lifetime policy names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lifetime {
    /// The longest lifetime in days that is allowed.
    pub days: Option<u16>,
    /// GitHub's number of the token, which is part of the address of its page.
    pub token: Option<i64>,
}

impl Proof {
    /// True if nothing speaks against the token.
    pub const fn is_held(&self) -> bool {
        matches!(self, Proof::Held(_))
    }

    /// True if it shows a permission that is forbidden. A 404 that shows one may have other causes, by which nobody shall be told to edit
    /// a good token.
    pub const fn convicts(&self) -> bool {
        matches!(self, Proof::Held(Facts { visibility: None, .. }))
    }

    /// The same after this one: of answers without a known cause the first stays, so that a status says the same each time.
    #[must_use]
    pub fn after(self, before: Option<Denial>) -> Proof {
        match (&self, before) {
            (Proof::Denied(Denial::Undecided(_)), Some(first @ Denial::Undecided(Some(_)))) => {
                Proof::Denied(first)
            }
            _ => self,
        }
    }
}
