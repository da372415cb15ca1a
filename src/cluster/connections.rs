//! Connections: read from the API server in a slim form, and their status written.

use kube::{
    Api, Client, Resource,
    api::ObjectMeta,
    core::{
        NamespaceResourceScope, Request,
        params::{GetParams, PostParams},
    },
};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::{borrow::Cow, sync::Arc};

use super::{
    Fault,
    object::{Meta, ObjectKey},
    spec::StoredSpec,
    within,
};
use crate::{
    api::{GithubPatConnection, GithubPatConnectionStatus as Status, StatusDigest},
    domain::version::ResourceVersion,
};

/// The field manager of the status.
pub const FIELD_MANAGER: &str = "github-pat-operator";
/// The annotation whose change makes the operator ask GitHub at once.
pub const REQUESTED_AT: &str = "githubpat.dev/requestedAt";
/// The longest value of it that is looked at; the schema of the status allows no more.
const LONGEST_REQUEST: usize = 256;

/// A connection as it is kept: what a reconcile needs, and no more.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Namespace and name.
    pub key: ObjectKey,
    /// `metadata.uid`; all that is kept of the connection shares it.
    pub uid: Arc<str>,
    /// `metadata.resourceVersion`.
    pub resource_version: ResourceVersion,
    /// `metadata.generation`.
    pub generation: Option<i64>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// The value of the annotation `githubpat.dev/requestedAt`.
    pub requested: Option<Box<str>>,
    /// The spec.
    pub spec: StoredSpec,
    /// What stands in the status.
    pub status: Option<StatusDigest>,
}

impl Connection {
    /// The same without what its status remembers of the token: somebody has taken that.
    #[must_use]
    pub fn without_memory(self) -> Self {
        Connection { status: self.status.map(StatusDigest::without_memory), ..self }
    }

    /// True if the operator has judged this generation of it before.
    pub fn is_known(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.observed_generation == self.generation)
    }
}

/// A connection as the API server sends it, with nothing in memory that is not needed. Never fails for one object: what cannot
/// be read of it is told in its own place, and must not keep the others from being read.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) connection: Connection,
    meta: ObjectMeta,
}

impl<'de> Deserialize<'de> for Received {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Parts {
            #[serde(default)]
            metadata: Meta,
            #[serde(default)]
            spec: Value,
            #[serde(default)]
            status: Option<Value>,
        }
        let Parts { metadata, spec, status } = Parts::deserialize(deserializer)?;
        // What a later version wrote in a form that is not known here can be learnt anew.
        let status = status.and_then(|status| serde_json::from_value::<Status>(status).ok());
        let requested = metadata.annotations.as_ref().and_then(|annotations| annotations.get(REQUESTED_AT));
        let connection = Connection {
            key: metadata.key(),
            uid: metadata.uid.clone().unwrap_or_default().into(),
            resource_version: metadata.resource_version.as_deref().unwrap_or_default().into(),
            generation: metadata.generation,
            deleting: metadata.deletion_timestamp.is_some(),
            requested: requested.map(|text| text.chars().take(LONGEST_REQUEST).collect::<String>().into()),
            spec: StoredSpec::from(spec),
            status: status.map(StatusDigest::from),
        };
        let meta = ObjectMeta {
            name: metadata.name,
            namespace: metadata.namespace,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            ..ObjectMeta::default()
        };
        Ok(Received { connection, meta })
    }
}

impl Resource for Received {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        GithubPatConnection::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        GithubPatConnection::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        GithubPatConnection::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        GithubPatConnection::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

/// The connection as it stands now, past every cache; `None` if there is none.
///
/// # Errors
///
/// If the API server does not tell.
pub async fn get(client: &Client, key: &ObjectKey) -> Result<Option<Connection>, Fault> {
    let connections = Api::<Received>::namespaced(client.clone(), key.namespace());
    Ok(within(connections.get_opt(key.name())).await?.map(|received| received.connection))
}

/// The connection as it stands now, past every cache, with its whole status; `None` if there is none.
///
/// # Errors
///
/// If the API server does not tell.
pub async fn live(client: &Client, key: &ObjectKey) -> Result<Option<(Connection, Status)>, Fault> {
    let read = within(async {
        let request = Request::new(GithubPatConnection::url_path(&(), Some(key.namespace())));
        let request = request.get(key.name(), &GetParams::default()).map_err(kube::Error::BuildRequest)?;
        let object: Value = client.request(request).await?;
        let status = object.get("status").cloned().unwrap_or_default();
        let received: Received = serde_json::from_value(object).map_err(kube::Error::SerdeError)?;
        Ok((received.connection, serde_json::from_value(status).unwrap_or_default()))
    });
    match read.await {
        Err(fault) if fault.code() == Some(404) => Ok(None),
        read => read.map(Some),
    }
}

/// Makes this the status of that version of the connection, and of no other; gives the connection as it stands then.
///
/// It replaces the whole status: what another field manager put there, as the restore of a backup does, goes with it.
///
/// # Errors
///
/// If the connection has changed meanwhile, or the API server refuses.
pub async fn write_status(
    client: &Client,
    connection: &Connection,
    status: &Status,
) -> Result<Connection, Fault> {
    let (namespace, name) = (connection.key.namespace(), connection.key.name());
    let body = serde_json::json!({
        "apiVersion": GithubPatConnection::api_version(&()),
        "kind": GithubPatConnection::kind(&()),
        "metadata": {
            "namespace": namespace,
            "name": name,
            "uid": &*connection.uid,
            "resourceVersion": connection.resource_version.to_string(),
        },
        "status": status,
    });
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let written = within(async {
        let body = serde_json::to_vec(&body).map_err(kube::Error::SerdeError)?;
        let request = Request::new(GithubPatConnection::url_path(&(), Some(namespace)));
        let request = request.replace_subresource("status", name, &params, body);
        client.request::<Received>(request.map_err(kube::Error::BuildRequest)?).await
    });
    Ok(written.await?.connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(spec: serde_json::Value) -> Connection {
        serde_json::from_value::<Received>(serde_json::json!({
            "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection",
            "metadata": {
                "name": "ci", "namespace": "team-a", "uid": "u", "resourceVersion": "7", "generation": 2,
                "annotations": { "githubpat.dev/requestedAt": "now", "other": "x" },
            },
            "spec": spec,
        }))
        .unwrap()
        .connection
    }

    #[test]
    fn a_connection_is_read_in_its_slim_form() {
        let connection = received(serde_json::json!({
            "secretRef": { "name": "pat" }, "publish": [{ "secretName": "out", "format": "Opaque" }],
        }));
        assert_eq!(connection.key, ObjectKey::new("team-a", "ci"));
        assert_eq!(connection.requested.as_deref(), Some("now"));
        assert_eq!(connection.spec.secrets(), ["pat", "out"]);
        assert!(!connection.is_known() && !connection.deleting);
    }
}
