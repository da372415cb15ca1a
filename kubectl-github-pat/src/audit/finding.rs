//! What somebody should look at, from connections and from what was found in Secrets.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use github_pat_operator::{
    api::{GithubPatConnection, TokenStatus, Usability},
    domain::{
        requirement::Expectation,
        token::{HashedToken, LegacyTokens, TokenKind},
    },
};
use kube::{ResourceExt, api::DynamicObject};
use serde::Serialize;
use serde_json::Value;

use super::secrets::{Found, Stored};
use crate::summary::never_ends;

/// A connection by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Named {
    pub(super) namespace: String,
    pub(super) name: String,
}

/// All that there is to look at.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Audit {
    /// How many connections were looked at.
    pub(super) connections: usize,
    /// How many tokens they have.
    pub(super) tokens: usize,
    /// Of how many accounts these are.
    pub(super) accounts: usize,
    pub(super) shared_tokens: Vec<SharedToken>,
    pub(super) shared_accounts: Vec<SharedAccount>,
    pub(super) never_expiring: Vec<NeverExpiring>,
    pub(super) excess: Vec<Excess>,
    pub(super) uncovered: Vec<Uncovered>,
    /// Values that may be a token of before 2021, or a commit; none unless a host of the settings takes such tokens.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) possible: Vec<Possible>,
    /// Namespaces whose Secrets the user may not list.
    pub(super) not_listed: Vec<String>,
    /// Whether namespaces without a connection were not looked at, since the user may list neither them nor all Secrets.
    pub(super) namespaces_unknown: bool,
    pub(super) unreadable: Vec<Named>,
}

/// A connection that this version cannot read.
pub(super) struct Unreadable {
    named: Named,
    /// All texts of its spec, any of which may name a Secret.
    texts: BTreeSet<String>,
}

/// A token of several connections.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SharedToken {
    pub(super) hashed_token: HashedToken,
    pub(super) connections: Vec<Named>,
}

/// An account of several connections.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SharedAccount {
    pub(super) host: String,
    pub(super) account: Expectation,
    pub(super) tokens: usize,
    pub(super) connections: Vec<Named>,
}

/// A token without an end.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NeverExpiring {
    pub(super) connection: Named,
    pub(super) secret_name: String,
}

/// A token with more than is demanded of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Excess {
    pub(super) connection: Named,
    pub(super) secret_name: String,
    pub(super) scopes: Vec<String>,
}

/// A Secret with a token that no connection looks after.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Uncovered {
    pub(super) namespace: String,
    pub(super) secret_name: String,
    pub(super) key: String,
    pub(super) kind: TokenKind,
    pub(super) hashed_token: HashedToken,
    /// Whether a connection can read it: the value is the token alone.
    pub(super) readable: bool,
    /// The connections that have the same token elsewhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) also_of: Vec<Named>,
}

/// A Secret with 40 hexadecimal digits that no connection looks after.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Possible {
    pub(super) namespace: String,
    pub(super) secret_name: String,
    pub(super) key: String,
    /// What its hash is if it is a token.
    pub(super) hashed_token: HashedToken,
}

impl Named {
    pub(super) fn of(object: &impl ResourceExt) -> Self {
        Named { namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl Audit {
    /// Whether all is well, somebody should act, or nobody can tell, since there are places where nobody looked.
    pub(super) fn usability(&self) -> Usability {
        let Audit { shared_tokens, never_expiring, excess, uncovered, unreadable, .. } = self;
        let is_of_note = !shared_tokens.is_empty()
            || !never_expiring.is_empty()
            || !excess.is_empty()
            || !uncovered.is_empty()
            || !unreadable.is_empty();
        match (is_of_note, self.namespaces_unknown || !self.not_listed.is_empty()) {
            (true, _) => Usability::NotUsable,
            (false, true) => Usability::Undetermined,
            (false, false) => Usability::Usable,
        }
    }
}

/// The connections that this version can read, and the others.
pub(super) fn read(listed: Vec<DynamicObject>) -> (Vec<GithubPatConnection>, Vec<Unreadable>) {
    let (mut connections, mut unreadable) = (Vec::new(), Vec::new());
    for object in listed {
        let named = Named::of(&object);
        let mut texts = BTreeSet::new();
        object.data.get("spec").into_iter().for_each(|spec| gather(spec, &mut texts));
        match serde_json::to_value(object).and_then(serde_json::from_value) {
            Ok(connection) => connections.push(connection),
            Err(_) => unreadable.push(Unreadable { named, texts }),
        }
    }
    (connections, unreadable)
}

fn gather(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(texts.insert(text.clone())),
        Value::Array(values) => values.iter().for_each(|value| gather(value, texts)),
        Value::Object(fields) => fields.values().for_each(|value| gather(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What there is to look at.
pub(super) fn audit(
    connections: &[GithubPatConnection],
    unreadable: Vec<Unreadable>,
    stored: Stored,
    legacy: LegacyTokens,
) -> Audit {
    let all: Vec<_> = connections.iter().flat_map(|connection| of(connection)).collect();
    let mut by_token: BTreeMap<HashedToken, BTreeSet<Named>> = BTreeMap::new();
    let mut by_account: BTreeMap<(String, i64), (Option<String>, BTreeSet<HashedToken>, BTreeSet<Named>)> =
        BTreeMap::new();
    for (named, token) in &all {
        by_token.entry(token.hashed_token).or_default().insert(named.clone());
        if let Some(id) = token.user_id {
            let (login, tokens, named_by) = by_account.entry((token.host.clone(), id)).or_default();
            *login = token.login.clone();
            tokens.insert(token.hashed_token);
            named_by.insert(named.clone());
        }
    }
    let left = left(connections, &unreadable, stored.found);
    // Forty digits that a connection has elsewhere are a token.
    let is_known = |found: &Found| !found.is_legacy || by_token.contains_key(&found.hashed_token);
    let (known, possible): (Vec<_>, Vec<_>) = left.into_iter().partition(is_known);
    let possible = possible.into_iter().filter(|found| found.is_alone && legacy == LegacyTokens::Allowed);
    let shared = by_token.iter().filter(|(_, named)| named.len() > 1);
    let shared_accounts = by_account.iter().filter(|(_, (_, _, named))| named.len() > 1);
    Audit {
        connections: connections.len(),
        tokens: by_token.len(),
        accounts: by_account.len(),
        shared_tokens: shared
            .map(|(hashed, named)| SharedToken {
                hashed_token: *hashed,
                connections: named.iter().cloned().collect(),
            })
            .collect(),
        shared_accounts: shared_accounts
            .map(|((host, id), (login, tokens, named))| SharedAccount {
                host: host.clone(),
                account: Expectation { login: login.clone(), user_id: Some(*id) },
                tokens: tokens.len(),
                connections: named.iter().cloned().collect(),
            })
            .collect(),
        never_expiring: connections.iter().flat_map(never_expiring).collect(),
        excess: connections.iter().flat_map(excess).collect(),
        uncovered: known.into_iter().map(|found| Uncovered::new(found, &by_token)).collect(),
        possible: possible.map(Possible::from).collect(),
        not_listed: stored.not_listed,
        namespaces_unknown: stored.namespaces_unknown,
        unreadable: unreadable.into_iter().map(|unreadable| unreadable.named).collect(),
    }
}

/// The tokens of a connection.
fn of(connection: &GithubPatConnection) -> Vec<(Named, &TokenStatus)> {
    let status = connection.status.iter();
    let tokens = status.flat_map(|status| {
        let standbys = status.candidates.iter().filter_map(|candidate| candidate.token.as_deref());
        status.token.iter().chain(standbys)
    });
    tokens.map(|token| (Named::of(connection), token)).collect()
}

fn never_expiring(connection: &GithubPatConnection) -> Vec<NeverExpiring> {
    let declared = connection.spec.require.expiry.expires_at;
    let endless = of(connection).into_iter().filter(|(_, token)| never_ends(token, declared));
    endless
        .map(|(connection, token)| NeverExpiring { connection, secret_name: token.secret_name.clone() })
        .collect()
}

fn excess(connection: &GithubPatConnection) -> Vec<Excess> {
    let mighty = of(connection).into_iter().filter(|(_, token)| !token.excess.is_empty());
    mighty
        .map(|(connection, token)| Excess {
            connection,
            secret_name: token.secret_name.clone(),
            scopes: token.excess.clone(),
        })
        .collect()
}

/// What was found where no connection reads, and none may read that cannot be read itself.
fn left(connections: &[GithubPatConnection], unreadable: &[Unreadable], found: Vec<Found>) -> Vec<Found> {
    let read = connections.iter().flat_map(|connection| {
        let namespace = connection.namespace().unwrap_or_default();
        connection
            .spec
            .candidates()
            .map(move |named| (namespace.clone(), named.name.clone(), named.key.clone()))
    });
    let read: BTreeSet<_> = read.collect();
    let is_read = |found: &Found| {
        let may_be_read = |other: &Unreadable| {
            other.named.namespace == found.namespace && other.texts.contains(&found.secret_name)
        };
        read.contains(&(found.namespace.clone(), found.secret_name.clone(), found.key.clone()))
            || unreadable.iter().any(may_be_read)
    };
    found.into_iter().filter(|found| !is_read(found)).collect()
}

impl Uncovered {
    fn new(found: Found, by_token: &BTreeMap<HashedToken, BTreeSet<Named>>) -> Self {
        let Found { namespace, secret_name, key, kind, hashed_token, is_alone, is_legacy: _ } = found;
        let also_of = by_token.get(&hashed_token).into_iter().flatten().cloned().collect();
        Uncovered { namespace, secret_name, key, kind, hashed_token, readable: is_alone, also_of }
    }
}

impl From<Found> for Possible {
    fn from(Found { namespace, secret_name, key, hashed_token, .. }: Found) -> Self {
        Possible { namespace, secret_name, key, hashed_token }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(namespace: &str, secret: &str) -> Found {
        Found {
            namespace: namespace.to_owned(),
            secret_name: secret.to_owned(),
            key: "token".to_owned(),
            kind: TokenKind::Classic,
            hashed_token: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned().try_into().unwrap(),
            is_alone: true,
            is_legacy: false,
        }
    }

    #[test]
    fn forty_digits_are_named_where_a_connection_has_them_too_or_a_host_takes_them() {
        let stored = || Stored {
            found: [("alone", true), ("in-a-text", false)]
                .map(|(name, is_alone)| Found { is_alone, is_legacy: true, ..found("here", name) })
                .into(),
            ..Stored::default()
        };
        let token = json!({
            "secretName": "pat", "host": "ghe", "kind": "Classic", "hashedToken": stored().found[0].hashed_token,
        });
        let connection: GithubPatConnection = serde_json::from_value(json!({
            "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection",
            "metadata": { "name": "ci", "namespace": "here" }, "spec": { "secretRef": { "name": "pat" } },
            "status": { "conditions": [], "token": token },
        }))
        .unwrap();
        for (connections, legacy, uncovered, possible) in [
            (&[][..], LegacyTokens::Refused, 0, 0),
            (&[], LegacyTokens::Allowed, 0, 1),
            (&[connection], LegacyTokens::Refused, 2, 0),
        ] {
            let audit = audit(connections, Vec::new(), stored(), legacy);
            assert_eq!((audit.uncovered.len(), audit.possible.len()), (uncovered, possible), "{audit:?}");
        }
    }

    #[test]
    fn the_secret_of_a_connection_that_cannot_be_read_is_not_said_to_have_none() {
        let object = |name: &str, spec: Value| -> DynamicObject {
            serde_json::from_value(json!({
                "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection",
                "metadata": { "name": name, "namespace": "here" }, "spec": spec,
            }))
            .unwrap()
        };
        let later = json!({ "secretRef": { "name": "first" }, "standby": [{ "name": "second" }], "interval": ["new"] });
        let (connections, unreadable) =
            read(vec![object("plain", json!({ "secretRef": { "name": "plain" } })), object("later", later)]);
        let names = ["plain", "first", "second", "stray"];
        let stored = Stored {
            found: names
                .map(|name| found("here", name))
                .into_iter()
                .chain([found("there", "first")])
                .collect(),
            ..Stored::default()
        };
        let audit = audit(&connections, unreadable, stored, LegacyTokens::Refused);
        assert_eq!((audit.connections, audit.unreadable[0].name.as_str()), (1, "later"));
        let left: Vec<_> =
            audit.uncovered.iter().map(|it| (it.namespace.as_str(), it.secret_name.as_str())).collect();
        assert_eq!(left, [("here", "stray"), ("there", "first")]);
    }
}
