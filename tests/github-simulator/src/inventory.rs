//! What GitHub hosts: organizations, repositories and packages, and who may do what in them.

use crate::{
    account::Token,
    grant::{Grant, Selection},
    organization::{NewOrganization, Organization, Role},
    refusal::Refused,
    repository::{self, Access, NewRepository, Repository, Visibility},
    scope,
    token::TokenKind,
};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that is hosted; names count without regard to case.
#[derive(Default)]
pub(crate) struct Inventory {
    organizations: BTreeMap<String, Organization>,
    repositories: BTreeMap<String, Repository>,
    /// Container images, by `owner/name`.
    packages: BTreeMap<String, Visibility>,
}

impl Inventory {
    /// The id of the organization. One of the same name keeps its members.
    pub(crate) fn add_organization(&mut self, new: NewOrganization) -> Result<u32, Refused> {
        let key = new.name.to_lowercase();
        if key.is_empty() || key.contains('/') {
            return Err(Refused::new("name", "an organization needs one, without a slash"));
        }
        let id = stable("organization", &key);
        let members = self.organizations.remove(&key).map(|old| old.members).unwrap_or_default();
        let organization = Organization { id, name: new.name, policy: new.policy, members };
        self.organizations.insert(key, organization);
        Ok(id)
    }

    /// The id of the repository. One of the same name, or of an earlier one, keeps its id and its collaborators.
    pub(crate) fn add_repository(&mut self, new: NewRepository) -> Result<u32, Refused> {
        let key = repository::key(&new.name)?;
        let mut former: BTreeSet<String> =
            new.former.iter().map(|name| repository::key(name)).collect::<Result<_, _>>()?;
        let (mut id, mut collaborators) = (stable("repository", &key), BTreeMap::new());
        let names: Vec<String> = former.iter().cloned().chain([key.clone()]).collect();
        for old in names.iter().filter_map(|name| self.repositories.remove(name)) {
            id = old.id;
            collaborators.extend(old.collaborators);
            former.extend(old.former);
        }
        former.remove(&key);
        let NewRepository { name, visibility, state, .. } = new;
        self.repositories.insert(key, Repository { id, name, visibility, state, former, collaborators });
        Ok(id)
    }

    pub(crate) fn add_package(&mut self, name: &str, visibility: Visibility) -> Result<(), Refused> {
        self.packages.insert(repository::key(name)?, visibility);
        Ok(())
    }

    pub(crate) fn set_member(&mut self, organization: &str, login: &str, role: Role) -> Result<(), Refused> {
        self.known(organization)?.members.insert(login.to_lowercase(), role);
        Ok(())
    }

    pub(crate) fn remove_member(&mut self, organization: &str, login: &str) -> Result<(), Refused> {
        self.known(organization)?.members.remove(&login.to_lowercase());
        Ok(())
    }

    pub(crate) fn set_collaborator(
        &mut self,
        name: &str,
        login: &str,
        access: Access,
    ) -> Result<(), Refused> {
        let repository =
            self.repositories.get_mut(&name.to_lowercase()).ok_or_else(|| Refused::no_repository(name))?;
        repository.collaborators.insert(login.to_lowercase(), access);
        Ok(())
    }

    pub(crate) fn organization(&self, name: &str) -> Option<&Organization> {
        self.organizations.get(&name.to_lowercase())
    }

    pub(crate) fn organization_by_id(&self, id: &str) -> Option<&Organization> {
        self.organizations.values().find(|organization| organization.id.to_string() == id)
    }

    /// Those in which a user is, or to which one is invited.
    pub(crate) fn organizations_of<'a>(
        &'a self,
        login: &'a str,
    ) -> impl Iterator<Item = (&'a Organization, Role)> {
        self.organizations
            .values()
            .filter_map(move |organization| Some((organization, organization.role(login)?)))
    }

    /// The repository that has this name now.
    pub(crate) fn repository(&self, name: &str) -> Option<&Repository> {
        self.repositories.get(&name.to_lowercase())
    }

    /// The repository that had this name.
    pub(crate) fn moved(&self, name: &str) -> Option<&Repository> {
        let name = name.to_lowercase();
        self.repositories.values().find(|repository| repository.former.contains(&name))
    }

    pub(crate) fn repository_by_id(&self, id: &str) -> Option<&Repository> {
        self.repositories.values().find(|repository| repository.id.to_string() == id)
    }

    pub(crate) fn package(&self, name: &str) -> Option<Visibility> {
        self.packages.get(&name.to_lowercase()).copied()
    }

    /// What a user may do in a repository, apart from what everyone may; `None` without any part in it.
    pub(crate) fn access(&self, repository: &Repository, login: &str) -> Option<Access> {
        let login = login.to_lowercase();
        let by_organization = match self.organization(repository.owner()) {
            None => (repository.owner().to_lowercase() == login).then_some(Access::Admin),
            Some(organization) => match organization.role(&login) {
                Some(Role::Owner) => Some(Access::Admin),
                Some(Role::Member) if repository.visibility == Visibility::Internal => {
                    organization.policy.base.or(Some(Access::Read))
                }
                Some(Role::Member) => organization.policy.base,
                Some(Role::Pending) | None => None,
            },
        };
        by_organization.max(repository.collaborators.get(&login).copied())
    }

    /// Whether a token sees a repository that is not public.
    ///
    /// Sources: <https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api>, and for outside collaborators
    /// <https://docs.github.com/authentication/keeping-your-account-and-data-secure/managing-your-personal-access-tokens>.
    pub(crate) fn sees(&self, repository: &Repository, token: &Token) -> bool {
        self.access(repository, &token.login).is_some()
            && match token.kind {
                TokenKind::FineGrained => self.covers(repository, token),
                kind => kind.has_scopes() && scope::include(&token.scopes, "repo"),
            }
    }

    /// Whether a repository is in the selection of a fine-grained token whose resource owner let it in.
    pub(crate) fn covers(&self, repository: &Repository, token: &Token) -> bool {
        let selected = match &token.grant.selection {
            Selection::All => true,
            Selection::Of(names) => {
                names.contains(&repository.name.to_lowercase()) || !names.is_disjoint(&repository.former)
            }
        };
        selected && self.acts_for(token, repository.owner())
    }

    /// Whether a fine-grained token acts for this owner: it was made for it, its user belongs to it, and it is approved.
    pub(crate) fn acts_for(&self, token: &Token, owner: &str) -> bool {
        let Grant { owner: granted, approved, .. } = &token.grant;
        *granted == owner.to_lowercase()
            && match self.organization(owner) {
                None => *granted == token.login.to_lowercase(),
                Some(organization) => match organization.role(&token.login) {
                    Some(Role::Owner) => true,
                    Some(Role::Member) => *approved || !organization.policy.needs_approval,
                    Some(Role::Pending) | None => false,
                },
            }
    }

    /// Whether a user may pull a package: as the repository of its name says, else as a member of its owner.
    pub(crate) fn pulls(&self, name: &str, login: &str) -> bool {
        let owner = name.split('/').next().unwrap_or_default();
        let is_member = || match self.organization(owner) {
            Some(organization) => organization.has_member(login),
            None => owner.eq_ignore_ascii_case(login),
        };
        match (self.package(name), self.repository(name)) {
            (None, _) => false,
            (Some(Visibility::Public), _) => true,
            (Some(Visibility::Private), Some(repository)) => self.access(repository, login).is_some(),
            (Some(_), _) => is_member(),
        }
    }

    fn known(&mut self, name: &str) -> Result<&mut Organization, Refused> {
        self.organizations.get_mut(&name.to_lowercase()).ok_or_else(|| Refused::no_organization(name))
    }
}

/// An id that is the same in every run.
fn stable(kind: &str, key: &str) -> u32 {
    (crc32fast::hash(format!("{kind} {key}").as_bytes()) % 900_000_000).saturating_add(1)
}
