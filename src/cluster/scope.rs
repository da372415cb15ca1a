//! Where objects are watched: in all namespaces, or in one.

use arcstr::ArcStr;
use kube::{Api, Client, Resource, core::NamespaceResourceScope};

use super::object::ObjectKey;
use crate::domain::shard::Shard;

/// Where objects are watched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// In all namespaces.
    All,
    /// In the namespaces of this shard.
    Part(Shard),
    /// In this one.
    Namespace(ArcStr),
}

/// How the Secrets are watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecretScope {
    /// By one watch of all namespaces.
    #[default]
    Cluster,
    /// By a watch for each namespace that has connections.
    Namespaced,
}

impl Scope {
    /// The scopes of these namespaces; of none, all of them, or those of the shard.
    pub fn of(namespaces: &[String], shard: Option<Shard>) -> Vec<Scope> {
        match namespaces {
            [] => vec![shard.map_or(Scope::All, Scope::Part)],
            some => some.iter().map(|name| Scope::Namespace(name.as_str().into())).collect(),
        }
    }

    /// True if the object is in it.
    pub fn covers(&self, key: &ObjectKey) -> bool {
        self.has(key.namespace())
    }

    /// True if the namespace is in it.
    pub fn has(&self, namespace: &str) -> bool {
        match self {
            Scope::All => true,
            Scope::Part(shard) => shard.has(namespace),
            Scope::Namespace(name) => *name == namespace,
        }
    }

    /// True if it is watched by one watch of all namespaces.
    pub const fn is_of_cluster(&self) -> bool {
        matches!(self, Scope::All | Scope::Part(_))
    }

    /// The objects of this kind in it.
    pub(super) fn api<K>(&self, client: Client) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match self {
            Scope::All | Scope::Part(_) => Api::all(client),
            Scope::Namespace(name) => Api::namespaced(client, name),
        }
    }
}
