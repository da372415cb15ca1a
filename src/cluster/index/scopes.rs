//! Which namespaces' Secrets are watched, and what the API server has said of each.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    mem,
};

use arcstr::ArcStr;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::super::{
    object::ObjectKey,
    scope::{Scope, SecretScope},
};

/// What the API server has said of the Secrets of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Nothing yet.
    #[default]
    Awaited,
    /// They were listed.
    Granted,
    /// The operator, whose user name it mostly tells, may not list and watch them.
    Refused(Option<ArcStr>),
}

/// A namespace whose Secrets are to be watched from now on, or no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeChange {
    /// It has its first connection.
    Begun(ArcStr),
    /// Its last connection is gone.
    Ended(ArcStr),
}

/// What is watched.
#[derive(Debug)]
pub(super) struct Scopes {
    connections: Connections,
    secrets: SecretScope,
    /// Of one watch for all namespaces.
    all: Watched,
    /// Of a watch for each namespace that has connections.
    namespaces: HashMap<ArcStr, Namespace>,
    /// The namespaces of the first list of connections of which nothing is known yet.
    first: HashSet<ArcStr>,
    changes: UnboundedSender<ScopeChange>,
}

/// The watches of connections.
#[derive(Debug)]
struct Connections {
    /// Those that have not listed anything yet.
    awaited: BTreeSet<Scope>,
    /// Those among them that were refused.
    refused: BTreeSet<Scope>,
    /// What a list that is under way has not brought yet.
    unlisted: HashMap<Scope, HashSet<ObjectKey>>,
    /// Whether any was listed.
    is_any_listed: bool,
    /// Whether all were listed but for those that were refused.
    are_listed: bool,
}

#[derive(Debug, Default)]
struct Watched {
    access: Access,
    /// Whether a watch goes on from the last list.
    is_told: bool,
    /// Whether a list is under way that has not brought anything yet.
    is_asked: bool,
    /// What a list that is under way has not brought yet.
    unlisted: HashSet<ObjectKey>,
}

#[derive(Debug, Default)]
struct Namespace {
    watched: Watched,
    connections: usize,
}

impl Scopes {
    pub(super) fn new(
        connections: Vec<Scope>,
        secrets: SecretScope,
    ) -> (Self, UnboundedReceiver<ScopeChange>) {
        let (changes, receiver) = mpsc::unbounded_channel();
        let connections = Connections {
            awaited: connections.into_iter().collect(),
            refused: BTreeSet::new(),
            unlisted: HashMap::new(),
            is_any_listed: false,
            are_listed: false,
        };
        let scopes = Scopes {
            connections,
            secrets,
            all: Watched::default(),
            namespaces: HashMap::new(),
            first: HashSet::new(),
            changes,
        };
        (scopes, receiver)
    }

    pub(super) const fn of_secrets(&self) -> SecretScope {
        self.secrets
    }

    /// A connection has come into the namespace.
    pub(super) fn enter(&mut self, namespace: &str) {
        if self.secrets == SecretScope::Cluster {
            return;
        }
        if let Some(known) = self.namespaces.get_mut(namespace) {
            known.connections = known.connections.saturating_add(1);
            return;
        }
        let name = ArcStr::from(namespace);
        self.namespaces.insert(name.clone(), Namespace { connections: 1, ..Namespace::default() });
        // Where nobody listens, nothing is watched.
        let _ = self.changes.send(ScopeChange::Begun(name));
    }

    /// A connection has left the namespace; true if it was the last one of a namespace that had a watch of its own.
    pub(super) fn leave(&mut self, namespace: &str) -> bool {
        let Some(known) = self.namespaces.get_mut(namespace) else { return false };
        known.connections = known.connections.saturating_sub(1);
        if known.connections > 0 {
            return false;
        }
        self.first.remove(namespace);
        if let Some((name, _)) = self.namespaces.remove_entry(namespace) {
            let _ = self.changes.send(ScopeChange::Ended(name));
        }
        true
    }

    /// True if somebody tells what becomes of the Secrets of the namespace.
    pub(super) fn watches(&self, namespace: &str) -> bool {
        self.secrets == SecretScope::Cluster || self.namespaces.contains_key(namespace)
    }

    /// Whether a watch tells what becomes of the Secrets of the namespace, or of all; `None` if there is none, or it is refused.
    pub(super) fn follows(&self, namespace: Option<&str>) -> Option<bool> {
        if self.secrets == SecretScope::Cluster {
            return Some(true);
        }
        match &self.namespaces.get(namespace?)?.watched.access {
            Access::Awaited => Some(false),
            Access::Granted => Some(true),
            Access::Refused(_) => None,
        }
    }

    /// What the API server has said of the Secrets of the namespace.
    pub(super) fn access(&self, namespace: &str) -> Access {
        match self.secrets {
            SecretScope::Cluster => self.all.access.clone(),
            SecretScope::Namespaced => {
                self.namespaces.get(namespace).map(|known| known.watched.access.clone()).unwrap_or_default()
            }
        }
    }

    /// True while a watch tells what becomes of the Secrets of the namespace, after a list.
    pub(super) fn is_told(&self, namespace: &str) -> bool {
        match self.secrets {
            SecretScope::Cluster => self.all.is_told,
            SecretScope::Namespaced => {
                self.namespaces.get(namespace).is_some_and(|known| known.watched.is_told)
            }
        }
    }

    /// The watch of the Secrets of the scope has ended.
    pub(super) fn untold(&mut self, scope: &Scope) {
        if let Some(watched) = self.watched(scope) {
            watched.is_told = false;
        }
    }

    /// True if the Secrets of every namespace with connections were listed.
    pub(super) fn are_all_granted(&self) -> bool {
        match self.secrets {
            SecretScope::Cluster => self.all.access == Access::Granted,
            SecretScope::Namespaced => {
                self.namespaces.values().all(|known| known.watched.access == Access::Granted)
            }
        }
    }

    /// A list of Secrets begins; these are known.
    pub(super) fn list_secrets(&mut self, scope: &Scope, known: HashSet<ObjectKey>) {
        if let Some(watched) = self.watched(scope) {
            (watched.is_asked, watched.unlisted) = (true, known);
        }
    }

    /// A Secret has come to be known by a read or a write. A list that has not begun to answer brings this one, or it is gone: a deletion
    /// before the list was made is told by nobody. What is found later, the watch tells of: all pages of a list are of its beginning.
    pub(super) fn found_secret(&mut self, key: &ObjectKey) {
        let watched = match self.secrets {
            SecretScope::Cluster => Some(&mut self.all),
            SecretScope::Namespaced => {
                self.namespaces.get_mut(key.namespace()).map(|known| &mut known.watched)
            }
        };
        if let Some(watched) = watched.filter(|watched| watched.is_asked) {
            watched.unlisted.insert(key.clone());
        }
    }

    /// A list of Secrets has brought this one.
    pub(super) fn listed_secret(&mut self, scope: &Scope, key: &ObjectKey) {
        if let Some(watched) = self.watched(scope) {
            watched.is_asked = false;
            watched.unlisted.remove(key);
        }
    }

    /// Keeps what the API server has said; gives what it has said before, and which Secrets a list has not brought.
    pub(super) fn settle(&mut self, scope: &Scope, access: Access) -> Option<(Access, HashSet<ObjectKey>)> {
        let watched = self.watched(scope)?;
        watched.is_told = access == Access::Granted;
        let before = (mem::replace(&mut watched.access, access), mem::take(&mut watched.unlisted));
        watched.is_asked = false;
        if let Scope::Namespace(name) = scope {
            self.first.remove(name);
        }
        Some(before)
    }

    fn watched(&mut self, scope: &Scope) -> Option<&mut Watched> {
        match scope {
            Scope::All | Scope::Part(_) => Some(&mut self.all),
            Scope::Namespace(name) => self.namespaces.get_mut(name).map(|known| &mut known.watched),
        }
    }

    /// A list of connections begins; these are known.
    pub(super) fn list_connections(&mut self, scope: &Scope, known: HashSet<ObjectKey>) {
        self.connections.unlisted.insert(scope.clone(), known);
    }

    /// A list of connections has brought this one.
    pub(super) fn listed_connection(&mut self, key: &ObjectKey) {
        let unlisted = self.connections.unlisted.iter_mut().find(|(scope, _)| scope.covers(key));
        if let Some((_, unlisted)) = unlisted {
            unlisted.remove(key);
        }
    }

    /// A list of connections is complete; gives which ones it has not brought.
    pub(super) fn connections_listed(&mut self, scope: &Scope) -> HashSet<ObjectKey> {
        self.connections.awaited.remove(scope);
        self.connections.refused.remove(scope);
        self.connections.is_any_listed = true;
        self.connections.unlisted.remove(scope).unwrap_or_default()
    }

    /// The API server does not let the connections of the scope be listed: it is not waited for, unless no other one is listed.
    pub(super) fn connections_refused(&mut self, scope: &Scope) {
        if self.connections.awaited.contains(scope) {
            self.connections.refused.insert(scope.clone());
        }
    }

    /// Whether the connections have been listed once, and the Secrets of those that there were then.
    pub(super) fn listed(&mut self) -> (bool, bool) {
        let Connections { awaited, refused, is_any_listed, are_listed, .. } = &mut self.connections;
        if !*are_listed && *is_any_listed && awaited.len() == refused.len() {
            *are_listed = true;
            let awaited = self.namespaces.iter().filter(|(_, known)| known.watched.access == Access::Awaited);
            self.first = awaited.map(|(name, _)| name.clone()).collect();
        }
        let are_listed = *are_listed;
        let secrets = match self.secrets {
            SecretScope::Cluster => self.all.access == Access::Granted,
            SecretScope::Namespaced => are_listed && self.first.is_empty(),
        };
        (are_listed, secrets)
    }
}
