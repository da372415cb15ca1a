//! Repositories: who sees them, what state they are in.

use crate::refusal::Refused;
use std::collections::{BTreeMap, BTreeSet};

/// A repository that [`Simulator::repository`](crate::Simulator::repository) is to make.
///
/// Without further words it has commits on `main`, every [`Feature`], and no environment.
#[derive(Clone, Debug)]
pub struct NewRepository {
    pub(crate) name: String,
    pub(crate) visibility: Visibility,
    pub(crate) state: State,
    pub(crate) former: Vec<String>,
}

/// Who sees a repository or a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Visibility {
    /// Those who were given access.
    Private,
    /// Every member of the organization too.
    Internal,
    /// Everyone.
    Public,
}

/// What a user may do in a repository; each includes those before it.
///
/// Source: <https://docs.github.com/organizations/managing-user-access-to-your-organizations-repositories/managing-repository-roles/repository-roles-for-an-organization>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Access {
    /// `pull`.
    Read,
    /// `triage`.
    Triage,
    /// `push`.
    Push,
    /// `maintain`.
    Maintain,
    /// `admin`.
    Admin,
}

/// What a repository may lack; some questions are then answered with a status of their own, once every right is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Feature {
    /// Without it the repository is empty: 409 for its commits, 404 for its contents.
    Commits,
    /// Without it 410 for its issues.
    Issues,
    /// Without it 404 for its site.
    Pages,
    /// Without it 404: there is no analysis.
    CodeScanning,
    /// Without it 404: secret scanning is disabled.
    SecretScanning,
    /// Without it 403: the alerts are disabled.
    DependabotAlerts,
}

/// How a repository is kept from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    /// 403, for a breach of the terms of service.
    Terms,
    /// 451, after a notice of infringement.
    Dmca,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) archived: bool,
    pub(crate) block: Option<Block>,
    pub(crate) lacks: BTreeSet<Feature>,
    pub(crate) environments: Vec<String>,
}

/// A repository that is there.
pub(crate) struct Repository {
    pub(crate) id: u32,
    /// `owner/name`, as it was given.
    pub(crate) name: String,
    pub(crate) visibility: Visibility,
    pub(crate) state: State,
    /// Earlier names, in lower case.
    pub(crate) former: BTreeSet<String>,
    /// By login in lower case.
    pub(crate) collaborators: BTreeMap<String, Access>,
}

impl NewRepository {
    /// One that those see who were given access; `name` is `owner/name`.
    pub fn private(name: &str) -> NewRepository {
        NewRepository::of(Visibility::Private, name)
    }

    /// One that every member of its organization sees.
    pub fn internal(name: &str) -> NewRepository {
        NewRepository::of(Visibility::Internal, name)
    }

    /// One that everyone sees.
    pub fn public(name: &str) -> NewRepository {
        NewRepository::of(Visibility::Public, name)
    }

    /// One of any visibility.
    pub fn of(visibility: Visibility, name: &str) -> NewRepository {
        NewRepository { name: name.to_owned(), visibility, state: State::default(), former: Vec::new() }
    }

    /// That nobody can push to.
    #[must_use]
    pub fn archived(mut self) -> NewRepository {
        self.state.archived = true;
        self
    }

    /// Without any commit.
    #[must_use]
    pub fn empty(self) -> NewRepository {
        self.without(Feature::Commits)
    }

    /// Without issues.
    #[must_use]
    pub fn without_issues(self) -> NewRepository {
        self.without(Feature::Issues)
    }

    /// Without this.
    #[must_use]
    pub fn without(mut self, feature: Feature) -> NewRepository {
        self.state.lacks.insert(feature);
        self
    }

    /// With an environment of this name.
    #[must_use]
    pub fn environment(mut self, name: &str) -> NewRepository {
        self.state.environments.push(name.to_owned());
        self
    }

    /// That had this name, `owner/name`, before: it redirects to the present one. A repository that still has it is this one,
    /// and keeps its id and its collaborators.
    #[must_use]
    pub fn was(mut self, name: &str) -> NewRepository {
        self.former.push(name.to_owned());
        self
    }

    /// Blocked for a breach of the terms of service: 403.
    #[must_use]
    pub fn blocked(mut self) -> NewRepository {
        self.state.block = Some(Block::Terms);
        self
    }

    /// Taken down after a notice of infringement: 451.
    #[must_use]
    pub fn taken_down(mut self) -> NewRepository {
        self.state.block = Some(Block::Dmca);
        self
    }
}

impl Repository {
    /// The login or organization it belongs to.
    pub(crate) fn owner(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    pub(crate) fn is_public(&self) -> bool {
        self.visibility == Visibility::Public
    }

    pub(crate) fn has(&self, feature: Feature) -> bool {
        !self.state.lacks.contains(&feature)
    }
}

/// `owner/name` in lower case.
pub(crate) fn key(name: &str) -> Result<String, Refused> {
    match name.split_once('/') {
        Some((owner, rest)) if !owner.is_empty() && !rest.is_empty() && !rest.contains('/') => {
            Ok(name.to_lowercase())
        }
        _ => Err(Refused::new("name", format!("`{name}` is not like owner/name"))),
    }
}
