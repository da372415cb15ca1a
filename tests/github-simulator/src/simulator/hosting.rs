//! The part of the handle on what GitHub hosts: organizations, repositories, packages, and what tokens may do there.

use crate::{
    organization::{NewOrganization, Role},
    refusal::accepted,
    repository::{Access, NewRepository, Visibility},
    simulator::Simulator,
};

impl Simulator {
    /// The id of an organization that is made, in place of one of the same name, whose members it keeps.
    ///
    /// It depends on the name alone, so it is the same in every run.
    ///
    /// # Panics
    ///
    /// If its name is empty or has a slash.
    #[track_caller]
    pub fn organization(&self, new: NewOrganization) -> i64 {
        i64::from(accepted(self.world().inventory.add_organization(new)))
    }

    /// Makes a user a member of an organization, or changes what it is there.
    ///
    /// # Panics
    ///
    /// If there is no such organization.
    #[track_caller]
    pub fn member(&self, organization: &str, login: &str, role: Role) {
        accepted(self.world().inventory.set_member(organization, login, role));
    }

    /// From now on the user is no member of the organization.
    ///
    /// # Panics
    ///
    /// If there is no such organization.
    #[track_caller]
    pub fn leave(&self, organization: &str, login: &str) {
        accepted(self.world().inventory.remove_member(organization, login));
    }

    /// The id of a repository that is made, in place of one of the same name, whose id and collaborators it keeps.
    ///
    /// Its owner is an organization if there is one of that name, else an account.
    ///
    /// # Panics
    ///
    /// If one of its names is not like `owner/name`.
    #[track_caller]
    pub fn repository(&self, new: NewRepository) -> i64 {
        i64::from(accepted(self.world().inventory.add_repository(new)))
    }

    /// What a user may do in a repository, on top of what its organization grants all members.
    ///
    /// A user who is no member of the organization is an outside collaborator: fine-grained tokens do not reach there.
    ///
    /// # Panics
    ///
    /// If there is no such repository.
    #[track_caller]
    pub fn collaborator(&self, repository: &str, login: &str, access: Access) {
        accepted(self.world().inventory.set_collaborator(repository, login, access));
    }

    /// A container image in the registry of this host, `owner/name`.
    ///
    /// # Panics
    ///
    /// If its name is not like `owner/name`.
    #[track_caller]
    pub fn package(&self, name: &str, visibility: Visibility) {
        accepted(self.world().inventory.add_package(name, visibility));
    }

    /// Gives a fine-grained token these permissions in place of its others.
    ///
    /// # Panics
    ///
    /// If there is no such token, its kind has none, or there is no such permission.
    #[track_caller]
    pub fn set_permissions(&self, token_name: &str, pairs: &[(&str, &str)]) {
        accepted(self.world().set_permissions(token_name, pairs.iter().copied()));
    }

    /// Lets a fine-grained token cover these repositories of its resource owner alone, `owner/name`.
    ///
    /// # Panics
    ///
    /// If there is no such token, its kind has no selection, or a name is not like `owner/name`.
    #[track_caller]
    pub fn set_repositories(&self, token_name: &str, names: &[&str]) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        accepted(self.world().set_repositories(token_name, Some(&names)));
    }

    /// Approves a fine-grained token for its organization.
    ///
    /// # Panics
    ///
    /// If there is no such token, or its kind is not approved.
    #[track_caller]
    pub fn approve(&self, token_name: &str) {
        accepted(self.world().approve(token_name));
    }

    /// Authorises a token for an organization with single sign-on.
    ///
    /// # Panics
    ///
    /// If there is no such token or organization, or the token's kind is not authorised in this way.
    #[track_caller]
    pub fn authorize(&self, token_name: &str, organization: &str) {
        accepted(self.world().set_authorized(token_name, organization, true));
    }

    /// Takes [`authorize`](Self::authorize) back.
    ///
    /// # Panics
    ///
    /// If there is no such token or organization, or the token's kind is not authorised in this way.
    #[track_caller]
    pub fn deauthorize(&self, token_name: &str, organization: &str) {
        accepted(self.world().set_authorized(token_name, organization, false));
    }
}
