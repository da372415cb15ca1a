//! The file from which the binary starts.

use crate::{
    Error, Simulator,
    wish::{AccountWish, ChangeWish, OrganizationWish, PackageWish, RepositoryWish, TokenWish},
};
use jiff::Timestamp;
use serde::Deserialize;
use std::{fs, path::Path};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Settings {
    accounts: Vec<AccountWish>,
    organizations: Vec<OrganizationWish>,
    repositories: Vec<RepositoryWish>,
    packages: Vec<PackageWish>,
    tokens: Vec<TokenWish>,
    changes: Vec<ChangeWish>,
}

impl Simulator {
    /// Does what a YAML file says: makes its `accounts`, `organizations`, `repositories`, `packages` and `tokens`, then its
    /// `changes`, as the admin endpoint would.
    ///
    /// # Errors
    ///
    /// [`Error::ReadSettings`], or [`Error::Settings`] with a sentence that names the field; what stood before it is done.
    pub fn configure(&self, path: &Path) -> Result<(), Error> {
        let text = fs::read_to_string(path)
            .map_err(|source| Error::ReadSettings { path: path.to_owned(), source })?;
        let wrong = |why: String| Error::Settings { path: path.to_owned(), why };
        let settings: Settings = serde_saphyr::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let mut world = self.world();
        let now = world.now(Timestamp::now());
        for account in settings.accounts {
            account.grant(&mut world).map_err(|refused| wrong(refused.to_string()))?;
        }
        for organization in settings.organizations {
            organization.grant(&mut world).map_err(|refused| wrong(refused.to_string()))?;
        }
        for repository in settings.repositories {
            repository.grant(&mut world).map_err(|refused| wrong(refused.to_string()))?;
        }
        for package in settings.packages {
            package.grant(&mut world).map_err(|refused| wrong(refused.to_string()))?;
        }
        for token in settings.tokens {
            token.grant(&mut world, now).map_err(|refused| wrong(refused.to_string()))?;
        }
        for change in settings.changes {
            change.grant(&mut world, now).map_err(|refused| wrong(refused.to_string()))?;
        }
        Ok(())
    }
}
