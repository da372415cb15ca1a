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
    /// The role that lets the operator lift the gates of the Pods of a namespace, of the same kind.
    pub waiting_pods_role: String,
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
        let role = |name: &'static str, of: fn(&SettingsInput) -> &Option<String>, default: &str| {
            let role = of(outer).as_deref().or(of(inner).as_deref()).unwrap_or(default);
            let wrong = || Error::value(name, format!("{role:?} is no name of a role"));
            is_role(role).then(|| role.to_owned()).ok_or_else(wrong)
        };
        Ok(Watch {
            secret_scope,
            namespaces,
            secrets_role: role("secretsRole", |of| &of.secrets_role, "github-pat-operator-secrets")?,
            waiting_pods_role: role(
                "waitingPodsRole",
                |of| &of.waiting_pods_role,
                "github-pat-operator-waiting-pods",
            )?,
        })
    }

    /// The command that binds this role in the namespace to the user whom the API server refuses, if it names him. The binding has the
    /// name of the ServiceAccount for the Secrets, else that of the role.
    pub fn grants(&self, role: &str, namespace: &str, user: Option<&str>) -> String {
        let kind = if self.namespaces.is_empty() { "clusterrole" } else { "role" };
        let account = user.and_then(|user| user.strip_prefix("system:serviceaccount:"));
        let subject = match (account, user) {
            (Some(account), _) => format!("--serviceaccount={account}"),
            (None, Some(user)) => format!("--user={user}"),
            (None, None) => "--serviceaccount=<namespace>:<name of the operator's>".to_owned(),
        };
        let of_account = account.and_then(|account| account.rsplit(':').next());
        let binding = of_account.filter(|_| role == self.secrets_role).unwrap_or(role);
        format!("kubectl create rolebinding {binding} -n {namespace} --{kind}={role} {subject}")
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
        let roles = (watch.secrets_role.as_str(), watch.waiting_pods_role.as_str());
        assert_eq!(roles, ("github-pat-operator-secrets", "github-pat-operator-waiting-pods"));
    }

    #[test]
    fn a_role_is_granted_to_whom_the_api_server_refuses_by_a_binding_of_its_own() {
        let (all, some) = (
            watch(|_| {}).unwrap(),
            watch(|input| input.watch_namespaces = Some(vec!["a".to_owned()])).unwrap(),
        );
        let account = Some("system:serviceaccount:pats:op");
        let rows = [
            (
                &all,
                "github-pat-operator-secrets",
                account,
                "op -n a --clusterrole=github-pat-operator-secrets --serviceaccount=pats:op",
            ),
            (&some, "pods", account, "pods -n a --role=pods --serviceaccount=pats:op"),
            (&all, "pods", Some("me"), "pods -n a --clusterrole=pods --user=me"),
            (
                &all,
                "pods",
                None,
                "pods -n a --clusterrole=pods --serviceaccount=<namespace>:<name of the operator's>",
            ),
        ];
        for (watch, role, user, expected) in rows {
            assert_eq!(watch.grants(role, "a", user), format!("kubectl create rolebinding {expected}"));
        }
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
            let said = watch(|input| input.waiting_pods_role = Some(role.to_owned())).unwrap_err();
            assert!(said.contains("waitingPodsRole"), "{role:?}: {said}");
        }
        assert!(watch(|input| input.secrets_role = Some("system:a.b_c-d".to_owned())).is_ok());
    }
}
