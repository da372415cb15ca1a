//! Wishes for what GitHub hosts: organizations, repositories and packages.

use crate::{
    organization::{NewOrganization, Role},
    refusal::Refused,
    repository::{Access, Feature, NewRepository, Visibility},
    token::TokenKind,
    world::World,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// An organization to be made, or changed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OrganizationWish {
    pub(crate) name: String,
    #[serde(default)]
    sso: bool,
    #[serde(default)]
    forbids_classic: bool,
    #[serde(default)]
    forbids_fine_grained: bool,
    #[serde(default)]
    longest_lifetime: LifetimeWish,
    #[serde(default)]
    allows_no_address: bool,
    #[serde(default)]
    needs_approval: bool,
    enterprise: Option<String>,
    #[serde(default)]
    base_access: BaseWish,
    /// By login.
    #[serde(default)]
    members: BTreeMap<String, Role>,
}

/// In days.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LifetimeWish {
    classic: Option<u32>,
    fine_grained: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
enum BaseWish {
    None,
    #[default]
    Read,
    Triage,
    Push,
    Maintain,
    Admin,
}

/// A repository to be made, or changed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RepositoryWish {
    pub(crate) name: String,
    #[serde(default = "private")]
    visibility: Visibility,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    taken_down: bool,
    #[serde(default)]
    without: Vec<Feature>,
    #[serde(default)]
    environments: Vec<String>,
    #[serde(default)]
    was: Vec<String>,
    /// By login.
    #[serde(default)]
    collaborators: BTreeMap<String, Access>,
}

/// A container image to be made, or changed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PackageWish {
    pub(crate) name: String,
    #[serde(default = "private")]
    visibility: Visibility,
}

impl OrganizationWish {
    /// The id of the organization.
    pub(crate) fn grant(self, world: &mut World) -> Result<u32, Refused> {
        let mut new = NewOrganization::new(&self.name).base_access(self.base_access.into());
        let policy = &mut new.policy;
        policy.sso = self.sso;
        policy.forbids_classic = self.forbids_classic;
        policy.forbids_fine_grained = self.forbids_fine_grained;
        policy.allows_no_address = self.allows_no_address;
        policy.needs_approval = self.needs_approval;
        policy.enterprise = self.enterprise;
        if let Some(days) = self.longest_lifetime.classic {
            policy.set_longest(TokenKind::Classic, days)?;
        }
        if let Some(days) = self.longest_lifetime.fine_grained {
            policy.set_longest(TokenKind::FineGrained, days)?;
        }
        let id = world.inventory.add_organization(new)?;
        for (login, role) in self.members {
            world.inventory.set_member(&self.name, &login, role)?;
        }
        Ok(id)
    }
}

impl RepositoryWish {
    /// The id of the repository.
    pub(crate) fn grant(self, world: &mut World) -> Result<u32, Refused> {
        let mut new = NewRepository::of(self.visibility, &self.name);
        new = if self.archived { new.archived() } else { new };
        new = if self.blocked { new.blocked() } else { new };
        new = if self.taken_down { new.taken_down() } else { new };
        new = self.without.into_iter().fold(new, NewRepository::without);
        new = self.environments.iter().fold(new, |new, name| new.environment(name));
        new = self.was.iter().fold(new, |new, name| new.was(name));
        let id = world.inventory.add_repository(new)?;
        for (login, access) in self.collaborators {
            world.inventory.set_collaborator(&self.name, &login, access)?;
        }
        Ok(id)
    }
}

impl PackageWish {
    pub(crate) fn grant(self, world: &mut World) -> Result<(), Refused> {
        world.inventory.add_package(&self.name, self.visibility)
    }
}

impl From<BaseWish> for Option<Access> {
    fn from(wish: BaseWish) -> Option<Access> {
        match wish {
            BaseWish::None => None,
            BaseWish::Read => Some(Access::Read),
            BaseWish::Triage => Some(Access::Triage),
            BaseWish::Push => Some(Access::Push),
            BaseWish::Maintain => Some(Access::Maintain),
            BaseWish::Admin => Some(Access::Admin),
        }
    }
}

fn private() -> Visibility {
    Visibility::Private
}
