//! Organizations: their policies on tokens, and their members.

use crate::{refusal::Refused, repository::Access, token::TokenKind};
use std::collections::BTreeMap;

/// An organization that [`Simulator::organization`](crate::Simulator::organization) is to make.
///
/// Without further words it has no policy, no member, and its members read all its repositories.
#[derive(Clone, Debug)]
pub struct NewOrganization {
    pub(crate) name: String,
    pub(crate) policy: Policy,
}

/// What a user is in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// `state: active`, `role: member`.
    Member,
    /// `state: active`, `role: admin`: reads and administers every repository of the organization.
    Owner,
    /// Invited as a member and not there yet: `state: pending`.
    Pending,
}

/// What an organization demands of tokens, and grants its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) sso: bool,
    pub(crate) forbids_classic: bool,
    pub(crate) forbids_fine_grained: bool,
    /// In days.
    pub(crate) longest_classic: Option<u32>,
    /// In days.
    pub(crate) longest_fine_grained: Option<u32>,
    pub(crate) allows_no_address: bool,
    pub(crate) needs_approval: bool,
    /// The enterprise that set the policies, as some texts name it.
    pub(crate) enterprise: Option<String>,
    /// What every member may do in every repository.
    pub(crate) base: Option<Access>,
}

/// An organization that is there.
pub(crate) struct Organization {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) policy: Policy,
    /// By login in lower case.
    pub(crate) members: BTreeMap<String, Role>,
}

impl NewOrganization {
    /// One of this name.
    pub fn new(name: &str) -> NewOrganization {
        let policy = Policy {
            sso: false,
            forbids_classic: false,
            forbids_fine_grained: false,
            longest_classic: None,
            longest_fine_grained: None,
            allows_no_address: false,
            needs_approval: false,
            enterprise: None,
            base: Some(Access::Read),
        };
        NewOrganization { name: name.to_owned(), policy }
    }

    /// With SAML single sign-on enforced: a member's classic and OAuth tokens need
    /// [`Simulator::authorize`](crate::Simulator::authorize), fine-grained ones are authorised when they are made.
    ///
    /// Source: <https://docs.github.com/rest/authentication/authenticating-to-the-rest-api#personal-access-tokens-and-saml-sso>.
    #[must_use]
    pub fn sso(mut self) -> NewOrganization {
        self.policy.sso = true;
        self
    }

    /// Without personal access tokens (classic).
    ///
    /// Source: <https://docs.github.com/organizations/managing-programmatic-access-to-your-organization/setting-a-personal-access-token-policy-for-your-organization>.
    #[must_use]
    pub fn forbids_classic(mut self) -> NewOrganization {
        self.policy.forbids_classic = true;
        self
    }

    /// Without fine-grained personal access tokens. Source: the same page.
    #[must_use]
    pub fn forbids_fine_grained(mut self) -> NewOrganization {
        self.policy.forbids_fine_grained = true;
        self
    }

    /// With tokens of this kind that were made for so many days at most; one that never expires was made for longer.
    ///
    /// # Panics
    ///
    /// If the kind is neither classic nor fine-grained: there is no such policy.
    #[must_use]
    #[track_caller]
    pub fn longest_lifetime(mut self, kind: TokenKind, days: u32) -> NewOrganization {
        crate::refusal::accepted(self.policy.set_longest(kind, days));
        self
    }

    /// With an IP allow list on which no caller is.
    ///
    /// Source: <https://docs.github.com/enterprise-cloud@latest/organizations/keeping-your-organization-secure/managing-security-settings-for-your-organization/managing-allowed-ip-addresses-for-your-organization>.
    #[must_use]
    pub fn allows_no_address(mut self) -> NewOrganization {
        self.policy.allows_no_address = true;
        self
    }

    /// With fine-grained tokens of members that are good for nothing private before
    /// [`Simulator::approve`](crate::Simulator::approve). Those of an owner are approved at once.
    #[must_use]
    pub fn needs_approval(mut self) -> NewOrganization {
        self.policy.needs_approval = true;
        self
    }

    /// With policies of an enterprise, which the texts on lifetime and single sign-on then name in its place.
    #[must_use]
    pub fn enterprise(mut self, name: &str) -> NewOrganization {
        self.policy.enterprise = Some(name.to_owned());
        self
    }

    /// What its members may do in each of its repositories; `None` leaves it to
    /// [`Simulator::collaborator`](crate::Simulator::collaborator). GitHub's own default is to read.
    ///
    /// Source: <https://docs.github.com/organizations/managing-user-access-to-your-organizations-repositories/managing-repository-roles/setting-base-permissions-for-an-organization>.
    #[must_use]
    pub fn base_access(mut self, access: Option<Access>) -> NewOrganization {
        self.policy.base = access;
        self
    }
}

impl Policy {
    pub(crate) fn set_longest(&mut self, kind: TokenKind, days: u32) -> Result<(), Refused> {
        match kind {
            TokenKind::Classic => self.longest_classic = Some(days),
            TokenKind::FineGrained => self.longest_fine_grained = Some(days),
            other => {
                return Err(Refused::new("longestLifetime", format!("no policy is about {other:?} tokens")));
            }
        }
        Ok(())
    }

    /// The longest lifetime of a kind, in days.
    pub(crate) fn longest(&self, kind: TokenKind) -> Option<u32> {
        match kind {
            TokenKind::Classic | TokenKind::Legacy => self.longest_classic,
            TokenKind::FineGrained => self.longest_fine_grained,
            _ => None,
        }
    }
}

impl Organization {
    pub(crate) fn role(&self, login: &str) -> Option<Role> {
        self.members.get(&login.to_lowercase()).copied()
    }

    /// Whether the user is in it, not only invited.
    pub(crate) fn has_member(&self, login: &str) -> bool {
        matches!(self.role(login), Some(Role::Member | Role::Owner))
    }
}
