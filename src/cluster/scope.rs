//! Where objects are watched: in all namespaces, or in one.

use arcstr::ArcStr;
use kube::{Api, Client, Resource, core::NamespaceResourceScope};

use super::object::ObjectKey;

/// Where objects are watched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// In all namespaces.
    All,
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
    /// The scopes of these namespaces; of none, all of them.
    pub fn of(namespaces: &[String]) -> Vec<Scope> {
        match namespaces {
            [] => vec![Scope::All],
            some => some.iter().map(|name| Scope::Namespace(name.as_str().into())).collect(),
        }
    }

    /// True if the object is in it.
    pub fn covers(&self, key: &ObjectKey) -> bool {
        match self {
            Scope::All => true,
            Scope::Namespace(name) => *name == key.namespace(),
        }
    }

    /// The objects of this kind in it.
    pub(super) fn api<K>(&self, client: Client) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match self {
            Scope::All => Api::all(client),
            Scope::Namespace(name) => Api::namespaced(client, name),
        }
    }
}
