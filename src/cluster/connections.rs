//! Connections: read from the API server in a slim form, and their status written.

use arcstr::ArcStr;
use kube::{
    Client, Resource,
    api::{ListParams, ObjectMeta},
    core::{NamespaceResourceScope, Request, params::PostParams},
};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, value::RawValue};
use std::{borrow::Cow, collections::BTreeMap};

use super::{
    Fault, get_opt,
    object::{FIELD_MANAGER, Meta, ObjectKey},
    scope::Scope,
    shown::{Kept, Shown},
    spec::StoredSpec,
    within,
};
use crate::{
    api::{GithubPatConnection, GithubPatConnectionStatus as Status, StatusDigest},
    domain::{excerpt, selector::Selector, version::ResourceVersion},
};

/// The annotation whose change makes the operator ask GitHub at once.
pub const REQUESTED_AT: &str = "githubpat.dev/requestedAt";
/// The number that are held in memory at once while all are read.
const PAGE: u32 = 300;
/// The longest value of it that is looked at, in bytes of JSON, since the status repeats it.
const LONGEST_REQUEST: usize = 256;

/// A connection as it is kept: what a reconcile needs, and no more.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Namespace and name.
    pub key: ObjectKey,
    /// `metadata.uid`; all that is kept of the connection shares it.
    pub uid: ArcStr,
    /// `metadata.resourceVersion`.
    pub resource_version: ResourceVersion,
    /// `metadata.generation`.
    pub generation: Option<i64>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// What is shown of it; the index keeps that alone which the settings name.
    pub shown: Option<Box<Shown>>,
    /// The value of the annotation `githubpat.dev/requestedAt`.
    pub requested: Option<Box<str>>,
    /// The spec.
    pub spec: StoredSpec,
    /// What stands in the status.
    pub status: Option<StatusDigest>,
}

impl Connection {
    /// The same, of which no more is shown than is to be kept.
    #[must_use]
    pub(super) fn keeping(self, kept: &Kept) -> Self {
        Connection { shown: self.shown.and_then(|shown| shown.kept(kept)), ..self }
    }

    /// The same without what its status remembers of the token: somebody has taken that.
    #[must_use]
    pub fn without_memory(self) -> Self {
        Connection { status: self.status.map(StatusDigest::without_memory), ..self }
    }

    /// True if [`Connection::without_memory`] would change anything.
    pub fn has_memory(&self) -> bool {
        self.status.as_ref().is_some_and(StatusDigest::has_memory)
    }

    /// True if the operator has judged it before, whichever generation of it.
    pub fn was_judged(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.observed_generation().is_some())
    }

    /// True if the operator has judged this generation of it before.
    pub fn is_known(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.observed_generation() == self.generation)
    }
}

/// A connection as the API server sends it. Spec and status are read only if they are news. Never fails for one object: what
/// cannot be read of it is told in its own place, and must not keep the others from being read.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) key: ObjectKey,
    pub(super) resource_version: ResourceVersion,
    metadata: Meta<BTreeMap<String, String>>,
    spec: Option<Box<RawValue>>,
    status: Option<Box<RawValue>>,
    /// For the watcher.
    meta: ObjectMeta,
}

impl<'de> Deserialize<'de> for Received {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Parts {
            #[serde(default)]
            metadata: Meta<BTreeMap<String, String>>,
            #[serde(default)]
            spec: Option<Box<RawValue>>,
            #[serde(default)]
            status: Option<Box<RawValue>>,
        }
        let Parts { metadata, spec, status } = Parts::deserialize(deserializer)?;
        let meta = ObjectMeta {
            name: metadata.name.clone(),
            namespace: metadata.namespace.clone(),
            resource_version: metadata.resource_version.clone(),
            ..ObjectMeta::default()
        };
        let resource_version = metadata.resource_version.as_deref().unwrap_or_default().into();
        Ok(Received { key: metadata.key(), resource_version, metadata, spec, status, meta })
    }
}

impl Received {
    /// Its uid.
    pub(super) fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    /// The status. What a later version wrote in a form that is not known here can be learnt anew.
    fn status(&self) -> Option<Status> {
        serde_json::from_str(self.status.as_ref()?.get()).ok()
    }
}

impl From<Received> for Connection {
    fn from(received: Received) -> Self {
        let status = received.status();
        let Received { key, resource_version, metadata, spec, .. } = received;
        let spec = spec.and_then(|spec| serde_json::from_str(spec.get()).ok()).unwrap_or(Value::Null);
        let requested = metadata.annotations.as_ref().and_then(|annotations| annotations.get(REQUESTED_AT));
        Connection {
            key,
            uid: metadata.uid.as_deref().unwrap_or_default().into(),
            resource_version,
            generation: metadata.generation,
            deleting: metadata.deletion_timestamp.is_some(),
            shown: Some(Box::new(Shown::of(metadata.labels, status.as_ref()))),
            requested: requested.map(|text| excerpt::beginning(text, LONGEST_REQUEST).into()),
            spec: StoredSpec::from(spec),
            status: status.map(StatusDigest::from),
        }
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
    Ok(get_opt::<GithubPatConnection, Received>(client, key).await?.map(Connection::from))
}

/// The connection as it stands now, past every cache, with its whole status; `None` if there is none.
///
/// # Errors
///
/// If the API server does not tell.
pub async fn live(client: &Client, key: &ObjectKey) -> Result<Option<(Connection, Status)>, Fault> {
    let read = get_opt::<GithubPatConnection, Received>(client, key).await?;
    Ok(read.map(|received| {
        let status = received.status().unwrap_or_default();
        (received.into(), status)
    }))
}

/// Reads every connection of the scope past every cache, each with its whole status, a page at a time.
///
/// # Errors
///
/// If the API server does not tell; some may have been read by then.
pub async fn each(
    client: &Client,
    scope: &Scope,
    selector: Option<&Selector>,
    mut read: impl FnMut(Connection, Status),
) -> Result<(), Fault> {
    let api = scope.api::<Received>(client.clone());
    let mut params = ListParams::default().limit(PAGE);
    params.label_selector = selector.map(|selector| selector.as_str().to_owned());
    loop {
        let page = within(api.list(&params)).await?;
        for received in page.items {
            let status = received.status().unwrap_or_default();
            read(received.into(), status);
        }
        match page.metadata.continue_.filter(|more| !more.is_empty()) {
            Some(more) => params = params.continue_token(&more),
            None => return Ok(()),
        }
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
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        api_version: Cow<'a, str>,
        kind: Cow<'a, str>,
        metadata: ObjectMeta,
        status: &'a Status,
    }
    let (namespace, name) = (connection.key.namespace(), connection.key.name());
    let metadata = ObjectMeta {
        namespace: Some(namespace.to_owned()),
        name: Some(name.to_owned()),
        uid: Some(connection.uid.to_string()),
        resource_version: Some(connection.resource_version.to_string()),
        ..ObjectMeta::default()
    };
    let (api_version, kind) = (GithubPatConnection::api_version(&()), GithubPatConnection::kind(&()));
    let body = Body { api_version, kind, metadata, status };
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let written = within(async {
        let body = serde_json::to_vec(&body).map_err(kube::Error::SerdeError)?;
        let request = Request::new(GithubPatConnection::url_path(&(), Some(namespace)));
        let request = request.replace_subresource("status", name, &params, body);
        client.request::<Received>(request.map_err(kube::Error::BuildRequest)?).await
    });
    Ok(written.await?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(spec: serde_json::Value) -> Connection {
        serde_json::from_value::<Received>(serde_json::json!({
            "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection",
            "metadata": {
                "name": "ci", "namespace": "team-a", "uid": "u", "resourceVersion": "7", "generation": 2,
                "labels": { "team": "infra", "other": "x" },
                "annotations": { "githubpat.dev/requestedAt": "now", "other": "x" },
            },
            "spec": spec,
        }))
        .unwrap()
        .into()
    }

    #[test]
    fn a_connection_is_read_in_its_slim_form() {
        let connection = received(serde_json::json!({
            "secretRef": { "name": "pat" }, "publish": [{ "secretName": "out", "format": "Opaque" }],
        }));
        assert_eq!(connection.key, ObjectKey::new("team-a", "ci"));
        assert_eq!(connection.requested.as_deref(), Some("now"));
        assert_eq!(connection.spec.secrets().len(), 2);
        let labels = |keys: &[&str]| {
            let labels = keys.iter().map(|key| (*key).to_owned()).collect();
            let kept = connection.clone().keeping(&Kept { labels, ..Kept::default() });
            kept.shown.map(|shown| shown.labels.into_values().collect::<Vec<_>>())
        };
        assert_eq!(labels(&["team", "owner"]), Some(vec!["infra".to_owned()]));
        assert_eq!(labels(&[]), None, "labels that nobody asked for cost no memory");
        assert!(!connection.is_known() && !connection.deleting);
    }
}
