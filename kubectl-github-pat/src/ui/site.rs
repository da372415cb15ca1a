//! All that the page needs while it is served.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::http::StatusCode;
use github_pat_operator::{api::GithubPatConnection, domain::token::HashedToken};

use super::{answer::Failure, door::Door, mirror::Mirror, opening::Opening};
use crate::{
    cluster::{Cluster, object_name},
    trial::Trial,
};

/// What is served from, and what goes on.
pub(super) struct Site {
    pub(super) door: Door,
    pub(super) mirror: Mirror,
    pub(super) cluster: Cluster,
    pub(super) trial: Trial,
    /// The file that leads the browser here, until it has come.
    pub(super) opening: Mutex<Option<Opening>>,
    /// The rotations that are followed to their ends.
    pub(super) followed: Mutex<BTreeSet<Followed>>,
}

/// A rotation: namespace, name, and the token to which it leads.
type Followed = (String, String, String);

/// Takes a rotation out of those that are followed once this is dropped.
pub(super) struct Following {
    site: Arc<Site>,
    followed: Followed,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.site.followed().remove(&self.followed);
    }
}

impl Site {
    /// The right to follow this rotation; nothing if somebody does.
    pub(super) fn follow(
        self: &Arc<Self>,
        namespace: &str,
        name: &str,
        hashed: HashedToken,
    ) -> Option<Following> {
        let followed = (namespace.to_owned(), name.to_owned(), hashed.to_string());
        let is_new = self.followed().insert(followed.clone());
        is_new.then(|| Following { site: self.clone(), followed })
    }

    fn followed(&self) -> MutexGuard<'_, BTreeSet<Followed>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cluster with another namespace.
    pub(super) fn cluster(&self, namespace: &str) -> Cluster {
        self.cluster.at(namespace)
    }

    /// The connection as it is now, if the user may read it.
    ///
    /// # Errors
    ///
    /// Why there is none to show.
    pub(super) async fn connection(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<GithubPatConnection, Failure> {
        let missing = || Failure {
            status: StatusCode::NOT_FOUND,
            message: self.cluster(namespace).no_such(name).to_string(),
        };
        if object_name(namespace).is_err() || object_name(name).is_err() {
            return Err(missing());
        }
        self.cluster(namespace).find(name).await?.ok_or_else(missing)
    }
}
