//! Connections: read from the API server in a slim form, and their status written.

use kube::{
    Api, Client, Resource,
    api::ObjectMeta,
    core::{
        NamespaceResourceScope, Request,
        params::{GetParams, PostParams},
    },
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;
use std::{borrow::Cow, sync::Arc};

use super::{
    Fault,
    object::{Meta, ObjectKey},
    within,
};
use crate::{
    api::{
        GithubPatConnection, GithubPatConnectionSpec as Spec, GithubPatConnectionStatus as Status,
        StatusDigest,
    },
    domain::token::Token,
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
    pub resource_version: Box<str>,
    /// `metadata.generation`.
    pub generation: Option<i64>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// The value of the annotation `githubpat.dev/requestedAt`.
    pub requested: Option<Box<str>>,
    /// The spec, or which field of it cannot be read and why.
    pub spec: Result<Spec, String>,
    /// What stands in the status.
    pub status: Option<StatusDigest>,
}

impl Connection {
    /// The Secrets that it names, its source first.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let spec = self.spec.as_ref().ok();
        let source = spec.map(|spec| spec.secret_ref.name.as_str());
        source
            .into_iter()
            .chain(spec.into_iter().flat_map(|spec| &spec.publish).map(|output| output.secret_name.as_str()))
    }

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
            resource_version: metadata.resource_version.clone().unwrap_or_default().into(),
            generation: metadata.generation,
            deleting: metadata.deletion_timestamp.is_some(),
            requested: requested.map(|text| text.chars().take(LONGEST_REQUEST).collect::<String>().into()),
            spec: read(spec),
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

/// The spec, or the field that cannot be read, its value, and why.
fn read<T: DeserializeOwned>(spec: Value) -> Result<T, String> {
    let shown = spec.clone();
    serde_path_to_error::deserialize(spec).map_err(|error| {
        let path = error.path().to_string();
        let pointer = format!("/{}", path.replace(['.', '['], "/").replace(']', ""));
        let value = shown.pointer(&pointer).map(Value::to_string).filter(|value| value.len() <= 64);
        let field = if path == "." { "spec".to_owned() } else { format!("spec.{path}") };
        let text = shown.pointer(&pointer).and_then(Value::as_str).unwrap_or_default();
        if Token::stands_in(text) {
            return format!("{field} has a token in the place of its value");
        }
        let value = value.map_or_else(String::new, |value| format!(" = {value}"));
        format!("{field}{value}: {}", error.inner())
    })
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
            "resourceVersion": &*connection.resource_version,
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
        assert_eq!(connection.secrets().collect::<Vec<_>>(), ["pat", "out"]);
        assert!(!connection.is_known() && !connection.deleting);
    }

    #[test]
    fn what_cannot_be_read_is_named_with_field_and_value() {
        let rows = [
            (serde_json::json!({ "secretRef": { "name": 7 } }), "spec.secretRef.name = 7: invalid type"),
            (
                serde_json::json!({ "secretRef": { "name": "pat" }, "interval": "soon" }),
                "spec.interval = \"soon\": not a duration",
            ),
            (
                serde_json::json!({ "secretRef": { "name": "pat" }, "publish": [{ "secretName": "a", "format": "No" }] }),
                "spec.publish[0].format = \"No\": unknown variant",
            ),
            (serde_json::json!({}), "spec: missing field `secretRef`"),
        ];
        for (spec, words) in rows {
            let error = received(spec).spec.unwrap_err();
            assert!(error.starts_with(words), "{error}");
        }
    }

    #[test]
    fn a_token_in_a_wrong_place_is_not_repeated() {
        let token = ["ghp_", &"a".repeat(36)].concat();
        for text in [token.clone(), format!("Bearer {token}"), format!(" {token}")] {
            let error =
                received(serde_json::json!({ "secretRef": { "name": "pat" }, "interval": text })).spec;
            assert!(!error.unwrap_err().contains(&token));
        }
    }
}
