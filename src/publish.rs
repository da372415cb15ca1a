//! Reads and changes the Secrets of a connection, one change at a time. It decides nothing.
//!
//! Ours is what carries both the label with the connection's uid and an owner reference to it. What lacks the label is not read,
//! only its existence is asked; what lacks either is not touched.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, PostParams, Preconditions},
};

use crate::{
    api::GithubPatConnection,
    apiserver::{Fault, within},
    domain::{
        decide::{Change, Found, Version},
        format::Payload,
    },
};

/// The label whose value is the uid of the connection that made the Secret.
pub const OWNER_LABEL: &str = "githubpat.dev/connection-uid";
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "github-pat-operator");

/// The connection as the owner of its outputs.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its uid.
    pub uid: &'a str,
}

/// A failed reading or change.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The outputs cannot be listed.
    #[error("cannot list the outputs: {source}")]
    List {
        /// Why.
        source: Fault,
    },
    /// Nobody knows whether a Secret exists.
    #[error("cannot tell whether Secret {name} exists: {source}")]
    Look {
        /// The Secret.
        name: String,
        /// Why.
        source: Fault,
    },
    /// A Secret cannot be created.
    #[error("cannot create Secret {name}: {source}")]
    Create {
        /// The Secret.
        name: String,
        /// Why.
        source: Fault,
    },
    /// A Secret cannot be changed.
    #[error("cannot update Secret {name}: {source}")]
    Replace {
        /// The Secret.
        name: String,
        /// Why.
        source: Fault,
    },
    /// A Secret cannot be deleted.
    #[error("cannot delete Secret {name}: {source}")]
    Delete {
        /// The Secret.
        name: String,
        /// Why.
        source: Fault,
    },
    /// A Secret is no longer in the state that was seen.
    #[error("Secret {name} changed meanwhile")]
    Moved {
        /// The Secret.
        name: String,
    },
}

impl Error {
    /// True if RBAC forbids it.
    pub fn is_forbidden(&self) -> bool {
        match self {
            Error::List { source }
            | Error::Look { source, .. }
            | Error::Create { source, .. }
            | Error::Replace { source, .. }
            | Error::Delete { source, .. } => source.code() == Some(403),
            Error::Moved { .. } => false,
        }
    }
}

/// Our Secrets, and what else stands under the given names.
///
/// # Errors
///
/// If the API server does not tell.
pub async fn found(secrets: &Api<Secret>, owner: Owner<'_>, names: &[&str]) -> Result<Vec<Found>, Error> {
    let labelled = ListParams::default().labels(&format!("{OWNER_LABEL}={}", owner.uid));
    let listed = within(secrets.list(&labelled)).await.map_err(|source| Error::List { source })?;
    let mut found: Vec<Found> = listed.items.into_iter().map(|secret| classify(secret, owner)).collect();
    for name in names {
        let known = |secret: &Found| matches!(secret, Found::Ours { name: n, .. } | Found::Foreign { name: n } if n == name);
        if found.iter().any(known) {
            continue;
        }
        let looked = within(secrets.get_metadata_opt(name)).await;
        if looked.map_err(|source| Error::Look { name: (*name).to_owned(), source })?.is_some() {
            found.push(Found::Foreign { name: (*name).to_owned() });
        }
    }
    Ok(found)
}

fn classify(secret: Secret, owner: Owner<'_>) -> Found {
    let name = secret.name_any();
    if !is_owned(&secret.metadata, owner) {
        return Found::Foreign { name };
    }
    let version = version(&secret.metadata);
    let data = secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect();
    let payload = Payload { type_: secret.type_.unwrap_or_default(), data };
    Found::Ours { name, version, payload, immutable: secret.immutable == Some(true) }
}

fn is_owned(meta: &ObjectMeta, owner: Owner<'_>) -> bool {
    meta.owner_references.iter().flatten().any(|reference| reference.uid == owner.uid)
}

fn version(meta: &ObjectMeta) -> Version {
    Version {
        uid: meta.uid.clone().unwrap_or_default(),
        resource_version: meta.resource_version.clone().unwrap_or_default(),
    }
}

/// Makes the change, if the Secret is still in the state that the change was decided on.
///
/// # Errors
///
/// If it is not, or the API server refuses.
pub async fn apply(secrets: &Api<Secret>, owner: Owner<'_>, change: &Change) -> Result<(), Error> {
    match change {
        Change::Create { name, payload } => create(secrets, owner, name, payload).await,
        Change::Replace { name, version, payload } => replace(secrets, name, version, payload).await,
        Change::Delete { name, version } => delete(secrets, name, version).await,
    }
}

async fn create(secrets: &Api<Secret>, owner: Owner<'_>, name: &str, payload: &Payload) -> Result<(), Error> {
    let labels =
        [(OWNER_LABEL, owner.uid), MANAGED_BY].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let reference = OwnerReference {
        api_version: GithubPatConnection::api_version(&()).into_owned(),
        kind: GithubPatConnection::kind(&()).into_owned(),
        name: owner.name.to_owned(),
        uid: owner.uid.to_owned(),
        controller: Some(true),
        block_owner_deletion: None,
    };
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        labels: Some(BTreeMap::from(labels)),
        owner_references: Some(vec![reference]),
        ..ObjectMeta::default()
    };
    let secret = Secret {
        metadata,
        type_: Some(payload.type_.clone()),
        data: Some(data(payload)),
        ..Secret::default()
    };
    let created = within(secrets.create(&PostParams::default(), &secret)).await;
    outcome(created, name, |name, source| Error::Create { name, source })
}

/// Reads the Secret once more, to keep labels and annotations that others put there.
async fn replace(secrets: &Api<Secret>, name: &str, seen: &Version, payload: &Payload) -> Result<(), Error> {
    let failed = |name, source| Error::Replace { name, source };
    let present = within(secrets.get_opt(name)).await.map_err(|source| failed(name.to_owned(), source))?;
    let Some(mut secret) = present.filter(|secret| version(&secret.metadata) == *seen) else {
        return Err(Error::Moved { name: name.to_owned() });
    };
    secret.data = Some(data(payload));
    outcome(within(secrets.replace(name, &PostParams::default(), &secret)).await, name, failed)
}

async fn delete(secrets: &Api<Secret>, name: &str, seen: &Version) -> Result<(), Error> {
    let preconditions =
        Preconditions { uid: Some(seen.uid.clone()), resource_version: Some(seen.resource_version.clone()) };
    let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    outcome(within(secrets.delete(name, &params)).await, name, |name, source| Error::Delete { name, source })
}

fn outcome<T>(
    done: Result<T, Fault>,
    name: &str,
    failed: impl FnOnce(String, Fault) -> Error,
) -> Result<(), Error> {
    match done {
        Ok(_) => Ok(()),
        Err(fault) if fault.is_outdated() => Err(Error::Moved { name: name.to_owned() }),
        Err(fault) => Err(failed(name.to_owned(), fault)),
    }
}

fn data(payload: &Payload) -> BTreeMap<String, ByteString> {
    payload.data.iter().map(|(key, value)| (key.clone(), ByteString(value.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::{Request, Response};
    use kube::{Client, client::Body};
    use serde_json::{Value, json};

    use super::*;

    /// Makes the change on an API server that has one Secret in this version; gives the outcome and what was asked, with bodies.
    async fn made(change: &Change, version: &str) -> (Result<(), Error>, Vec<(String, Value)>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, version) = (asked.clone(), version.to_owned());
        let server = tower::service_fn(move |request: Request<Body>| {
            let (log, version) = (log.clone(), version.clone());
            async move {
                let method = request.method().to_string();
                let body = request.into_body().collect_bytes().await?;
                log.lock().unwrap().push((method, serde_json::from_slice(&body).unwrap_or_default()));
                let meta = json!({ "name": "out", "uid": "uid", "resourceVersion": version, "labels": { "kept": "yes" } });
                let secret =
                    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "Opaque" });
                Ok::<_, kube::Error>(Response::new(Body::from(secret.to_string().into_bytes())))
            }
        });
        let secrets = Api::<Secret>::namespaced(Client::new(server, "ns"), "ns");
        let outcome = apply(&secrets, Owner { name: "ci", uid: "owner" }, change).await;
        let asked = asked.lock().unwrap().clone();
        (outcome, asked)
    }

    fn version() -> Version {
        Version { uid: "uid".to_owned(), resource_version: "7".to_owned() }
    }

    fn payload() -> Payload {
        Payload { type_: "Opaque".to_owned(), data: BTreeMap::from([("token".to_owned(), b"x".to_vec())]) }
    }

    #[tokio::test]
    async fn a_deletion_names_the_very_state_that_goes() {
        let change = Change::Delete { name: "out".to_owned(), version: version() };
        let (outcome, asked) = made(&change, "7").await;
        assert!(outcome.is_ok());
        let [(method, body)] = asked.as_slice() else { panic!("{asked:?}") };
        assert_eq!(
            (method.as_str(), &body["preconditions"]),
            ("DELETE", &json!({ "uid": "uid", "resourceVersion": "7" }))
        );
    }

    #[tokio::test]
    async fn an_update_replaces_the_state_that_was_seen_and_no_other() {
        let change = Change::Replace { name: "out".to_owned(), version: version(), payload: payload() };
        let (outcome, asked) = made(&change, "7").await;
        assert!(outcome.is_ok());
        let (method, body) = asked.last().unwrap();
        let meta =
            json!({ "name": "out", "uid": "uid", "resourceVersion": "7", "labels": { "kept": "yes" } });
        assert_eq!(
            (method.as_str(), &body["metadata"], &body["data"]["token"]),
            ("PUT", &meta, &json!("eA=="))
        );

        let (outcome, asked) = made(&change, "8").await;
        assert!(matches!(outcome, Err(Error::Moved { .. })));
        assert!(asked.iter().all(|(method, _)| method == "GET"), "{asked:?}");
    }
}
