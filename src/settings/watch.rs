//! What of the cluster is watched, and by which rights.

use serde::Deserialize;

use super::{Error, SettingsInput};

/// How the Secrets are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
pub enum SecretScope {
    /// One watch for each namespace that has connections.
    #[value(name = "Namespaced")]
    Namespaced,
    /// One watch for all namespaces.
    #[value(name = "Cluster")]
    Cluster,
}

/// What of the cluster is watched, and by which rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// How the Secrets are watched.
    pub secret_scope: SecretScope,
    /// The namespaces whose connections are looked after; of none, all.
    pub namespaces: Vec<String>,
    /// The role that grants the Secrets of a namespace, once it is bound there: a Role if the namespaces are named, else a ClusterRole.
    pub secrets_role: String,
}

impl Watch {
    pub(super) fn new(outer: &SettingsInput, inner: &SettingsInput) -> Result<Self, Error> {
        let namespaces = outer.watch_namespaces.as_ref().or(inner.watch_namespaces.as_ref());
        let namespaces = namespaces.cloned().unwrap_or_default();
        for (place, name) in namespaces.iter().enumerate() {
            if !is_label(name) {
                let message = format!("{name:?} is no name of a namespace, as in team-a");
                return Err(Error::value("watchNamespaces", message));
            }
            if namespaces.iter().take(place).any(|before| before == name) {
                return Err(Error::value("watchNamespaces", format!("{name} stands in it twice")));
            }
        }
        let secret_scope = outer.secret_scope.or(inner.secret_scope).unwrap_or(SecretScope::Namespaced);
        if secret_scope == SecretScope::Cluster && !namespaces.is_empty() {
            let message = "Cluster is for the connections of all namespaces: leave it out, or leave out watchNamespaces";
            return Err(Error::value("secretScope", message));
        }
        let role = outer.secrets_role.as_ref().or(inner.secrets_role.as_ref());
        let secrets_role = role.cloned().unwrap_or_else(|| "github-pat-operator-secrets".to_owned());
        if !is_role(&secrets_role) {
            return Err(Error::value("secretsRole", format!("{secrets_role:?} is no name of a role")));
        }
        Ok(Watch { secret_scope, namespaces, secrets_role })
    }
}

/// True for what can be the name of a namespace.
fn is_label(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len())
        && name.chars().all(is_plain)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// True for a name of a role that a shell takes as one word.
fn is_role(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
    (1..=253).contains(&name.len()) && name.chars().all(is_plain) && !name.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(more: impl FnOnce(&mut SettingsInput)) -> Result<Watch, String> {
        let mut input = SettingsInput::default();
        more(&mut input);
        Watch::new(&input, &SettingsInput::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn by_default_all_connections_are_watched_and_the_secrets_of_their_namespaces_alone() {
        let watch = watch(|_| {}).unwrap();
        assert_eq!((watch.secret_scope, watch.namespaces.len()), (SecretScope::Namespaced, 0));
        assert_eq!(watch.secrets_role, "github-pat-operator-secrets");
    }

    #[test]
    fn what_cannot_be_watched_is_refused_by_name() {
        let namespaces = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        let rows = [
            (namespaces(&["team-a", "a/b"]), None, "watchNamespaces", "a/b"),
            (namespaces(&["Team"]), None, "watchNamespaces", "Team"),
            (namespaces(&[""]), None, "watchNamespaces", "no name"),
            (namespaces(&["-a"]), None, "watchNamespaces", "-a"),
            (namespaces(&["a", "b", "a"]), None, "watchNamespaces", "twice"),
            (namespaces(&["a"]), Some(SecretScope::Cluster), "secretScope", "leave out watchNamespaces"),
        ];
        for (namespaces, scope, name, words) in rows {
            let said = watch(|input| {
                input.watch_namespaces = namespaces.clone();
                input.secret_scope = scope;
            });
            let said = said.unwrap_err();
            assert!(said.contains(name) && said.contains(words), "{namespaces:?}: {said}");
        }
        for role in ["", "a b", "a;b", "-a", "$(a)"] {
            let said = watch(|input| input.secrets_role = Some(role.to_owned())).unwrap_err();
            assert!(said.contains("secretsRole"), "{role:?}: {said}");
        }
        assert!(watch(|input| input.secrets_role = Some("system:a.b_c-d".to_owned())).is_ok());
    }
}
