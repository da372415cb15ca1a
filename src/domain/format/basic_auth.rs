//! User name and password for git over HTTPS:
//! <https://kubernetes.io/docs/concepts/configuration/secret/#basic-authentication-secret>.

use super::{Definition, Entry, Material, PLAIN, entry};

pub(super) const BASIC_AUTH: Definition =
    Definition { secret_type: "kubernetes.io/basic-auth", data: pair, ..PLAIN };

/// What git asks for, under the names that Kubernetes gave it.
pub(super) fn pair(material: &Material<'_>) -> Vec<Entry> {
    vec![entry("username", material.username), entry("password", material.secret())]
}
