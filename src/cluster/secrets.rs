//! Secrets: their metadata as the index keeps it, and their bytes read one at a time.

use std::{borrow::Cow, collections::BTreeMap, num::NonZeroU64};

use arcstr::ArcStr;
use k8s_openapi::{
    ByteString,
    api::core::v1::Secret,
    apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, OwnerReference},
};
use kube::{Api, Client, Resource, api::ObjectMeta, core::NamespaceResourceScope};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::{
    Fault, get_opt,
    object::{DOMAIN, FIELD_MANAGER, Meta, ObjectKey},
    within,
};
use crate::{
    api::GithubPatConnection,
    domain::{
        output::{Format, Marks, Payload},
        token::HashedToken,
        version::Version,
    },
};

/// The label whose value is the uid of the connection that made the Secret.
pub const OWNER_LABEL: &str = "githubpat.dev/connection-uid";

/// The annotation that lets the connection of this name take over a Secret that nobody owns.
pub const ADOPT: &str = "githubpat.dev/adopt";
/// The longest name of an object.
const LONGEST_NAME: usize = 253;
/// The annotation of an output that names its connection.
pub const CONNECTION: &str = "githubpat.dev/connection";
/// The annotation of an output that names its format.
pub const FORMAT: &str = "githubpat.dev/format";
/// The annotation of an output that has the hash of its token, as GitHub's audit log has it.
pub const TOKEN_HASH: &str = "githubpat.dev/token-hash";
/// The annotation of an output that has the hashes of the tokens in the entries that it took from another Secret, with commas.
pub const ENTRIES_TOKEN_HASHES: &str = "githubpat.dev/entries-token-hashes";

/// The annotations that the index reads.
const READ: [&str; 5] = [ADOPT, CONNECTION, FORMAT, TOKEN_HASH, ENTRIES_TOKEN_HASHES];

/// What the index keeps of a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretEntry {
    /// Which one it is, and in which state.
    pub version: Version,
    /// The connection whose uid stands in an owner reference: the Secret is deleted together with it.
    pub bound_to: Option<ArcStr>,
    /// Whether the same uid stands in our label, so that the Secret is an output of the connection.
    pub is_output: bool,
    /// Who may take it over while nobody owns it.
    pub heir: Option<Box<Heir>>,
    /// The format in which it was written, as its annotation says.
    pub format: Option<Format>,
    /// The token that it holds, if it is an output, as its annotation says: [`HashedToken::leading`].
    pub token: Option<NonZeroU64>,
    /// The tokens in the entries that it took from another Secret, in the same way.
    pub further: Option<Box<Vec<NonZeroU64>>>,
    /// The finalizers that it waits for, if it is being deleted.
    pub leaving: Option<Box<Vec<String>>>,
}

/// Who may take over a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heir {
    /// The name of the connection.
    pub name: Box<str>,
    /// The uid of the connection of that name that made the Secret, and must be gone; `None` if a person gives it away.
    pub of: Option<ArcStr>,
}

/// The metadata of a Secret as the API server sends it; its data is not asked for.
#[derive(Clone, Debug)]
pub(super) struct SecretMeta {
    pub(super) key: ObjectKey,
    pub(super) entry: SecretEntry,
    meta: ObjectMeta,
}

impl<'de> Deserialize<'de> for SecretMeta {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Parts {
            #[serde(default)]
            metadata: Meta,
        }
        let Parts { metadata } = Parts::deserialize(deserializer)?;
        let entry = SecretEntry::from(&metadata);
        let meta = ObjectMeta {
            name: metadata.name.clone(),
            namespace: metadata.namespace.clone(),
            uid: metadata.uid.clone(),
            resource_version: metadata.resource_version.clone(),
            ..ObjectMeta::default()
        };
        Ok(SecretMeta { key: metadata.key(), entry, meta })
    }
}

impl Resource for SecretMeta {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        Secret::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        Secret::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        Secret::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        Secret::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }

    fn metadata_api() -> bool {
        true
    }
}

impl From<&Meta> for SecretEntry {
    fn from(metadata: &Meta) -> Self {
        let finalizers = metadata.finalizers.as_deref().unwrap_or_default();
        SecretEntry::new(
            [metadata.uid.as_deref(), metadata.resource_version.as_deref()],
            metadata.labels.as_ref().and_then(|labels| labels.get(OWNER_LABEL)),
            READ.map(|name| metadata.annotations.as_ref()?.get(name)),
            metadata.owner_references.as_deref().unwrap_or_default(),
            metadata.deletion_timestamp.is_some().then_some(finalizers),
        )
    }
}

impl SecretEntry {
    /// An output has our label and an owner reference with the same uid. Without the label it is left alone, but the garbage
    /// collector deletes it all the same.
    fn new(
        [uid, resource_version]: [Option<&str>; 2],
        label: Option<&str>,
        [adopt, connection, format, token, further]: [Option<&str>; 5],
        references: &[OwnerReference],
        leaving: Option<&[String]>,
    ) -> Self {
        let version = Version {
            uid: uid.unwrap_or_default().into(),
            resource_version: resource_version.unwrap_or_default().into(),
        };
        let is_output = label.is_some_and(|uid| references.iter().any(|reference| reference.uid == *uid));
        let bound_to = if is_output {
            label
        } else {
            references.iter().find(|reference| is_ours(reference)).map(|reference| reference.uid.as_str())
        };
        let leaving = leaving.map(|finalizers| Box::new(finalizers.to_vec()));
        // What an earlier connection left has the label of that one.
        // A longer value is no name, and would be kept.
        let [adopt, connection] =
            [adopt, connection].map(|name| name.filter(|name| name.len() <= LONGEST_NAME));
        let given = adopt.map(|name| Heir { name: name.into(), of: None });
        let left = connection.zip(label).map(|(name, uid)| Heir { name: name.into(), of: Some(uid.into()) });
        let heir = given.or(left);
        let is_anothers = references.iter().any(|reference| !is_ours(reference));
        SecretEntry {
            version,
            bound_to: bound_to.map(Into::into),
            is_output,
            heir: heir.filter(|_| !is_anothers).map(Box::new),
            format: format
                .and_then(|word| Format::ALL.iter().copied().find(|format| format.as_str() == word)),
            token: token.filter(|_| is_output).and_then(leading),
            further: further
                .filter(|_| is_output)
                .map(|hashes| Box::new(hashes.split(',').filter_map(leading).collect())),
            leaving,
        }
    }

    /// Every token that it holds.
    pub fn tokens(&self) -> impl Iterator<Item = NonZeroU64> {
        self.token.into_iter().chain(self.further.iter().flat_map(|further| further.iter().copied()))
    }

    /// The connection that it is an output of.
    pub fn owner(&self) -> Option<&ArcStr> {
        self.bound_to.as_ref().filter(|_| self.is_output)
    }
}

/// The beginning of the token with this hash.
fn leading(hash: &str) -> Option<NonZeroU64> {
    HashedToken::try_from(hash.to_owned()).ok().map(|hashed| hashed.leading())
}

/// A whole Secret as the API server sends it.
#[derive(Deserialize)]
struct Whole {
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(default, rename = "type")]
    type_: Option<String>,
    #[serde(default)]
    data: Option<BTreeMap<String, ByteString>>,
    #[serde(default)]
    immutable: Option<bool>,
}

/// Names of field managers are no longer: <https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers>.
const LONGEST_MANAGER: usize = 128;
/// What says whose an output is, in the fields of a manager.
const MARKS: [&str; 3] =
    ["/f:metadata/f:labels", "/f:metadata/f:annotations", "/f:metadata/f:ownerReferences"];

/// The field managers that changed a Secret last, each if it is another one than ours and the API server names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangedBy {
    /// Who changed its data.
    pub data: Option<String>,
    /// Who changed a label, an annotation or an owner after our last write.
    pub marks: Option<String>,
}

impl ChangedBy {
    fn of(managed: &[ManagedFieldsEntry]) -> ChangedBy {
        let is_ours = |entry: &&ManagedFieldsEntry| entry.manager.as_deref() == Some(FIELD_MANAGER);
        let written = managed.iter().filter(is_ours).map(|entry| &entry.time).max();
        let fields = |entry: &ManagedFieldsEntry, path: &str| {
            entry.fields_v1.as_ref().is_some_and(|fields| fields.0.pointer(path).is_some())
        };
        let latest = |is_meant: &dyn Fn(&ManagedFieldsEntry) -> bool| {
            let others = managed.iter().filter(|entry| entry.manager.is_some() && !is_ours(entry));
            let entry =
                others.filter(|entry| is_meant(entry)).max_by(|one, other| one.time.cmp(&other.time))?;
            let name = entry.manager.iter().flat_map(|manager| manager.chars());
            Some(name.filter(|c| !c.is_control()).take(LONGEST_MANAGER).collect())
        };
        // Whoever marked it before us has not undone what we wrote.
        let is_later = |entry: &ManagedFieldsEntry| written.is_none_or(|written| entry.time >= *written);
        ChangedBy {
            data: latest(&|entry| fields(entry, "/f:data")),
            marks: latest(&|entry| is_later(entry) && MARKS.iter().any(|path| fields(entry, path))),
        }
    }
}

/// A Secret with its bytes, read a moment ago.
#[derive(Debug)]
pub struct Read {
    /// What the index keeps of it.
    pub entry: SecretEntry,
    /// Type and data.
    pub payload: Payload,
    /// All labels and annotations.
    pub marks: Marks,
    /// Whether it is marked `immutable`, so that it can only be made anew.
    pub immutable: bool,
    /// Who changed it last.
    pub changed_by: ChangedBy,
}

/// The Secret as it stands now, past every cache; `None` if there is none.
///
/// # Errors
///
/// If the API server does not tell.
pub async fn read(client: &Client, key: &ObjectKey) -> Result<Option<Read>, Fault> {
    let read = get_opt::<Secret, Whole>(client, key).await?;
    Ok(read.map(|Whole { metadata, type_, data, immutable }| {
        let wiped = |value: ByteString| Zeroizing::new(value.0);
        let data = data.unwrap_or_default().into_iter().map(|(key, value)| (key, wiped(value))).collect();
        let payload = Payload { type_: type_.unwrap_or_default(), data };
        let entry = entry_of(&metadata);
        let ObjectMeta { labels, annotations, managed_fields, .. } = metadata;
        let marks =
            Marks { labels: labels.unwrap_or_default(), annotations: annotations.unwrap_or_default() };
        let changed_by = ChangedBy::of(&managed_fields.unwrap_or_default());
        Read { entry, payload, marks, immutable: immutable == Some(true), changed_by }
    }))
}

/// What the index would keep of the Secret of this name, without its bytes; `None` if there is none.
///
/// # Errors
///
/// If the API server does not tell.
pub async fn read_meta(client: &Client, key: &ObjectKey) -> Result<Option<SecretEntry>, Fault> {
    let secrets = Api::<SecretMeta>::namespaced(client.clone(), key.namespace());
    Ok(within(secrets.get_opt(key.name())).await?.map(|secret| secret.entry))
}

/// True if it refers to a connection, of whatever version.
pub(super) fn is_ours(reference: &OwnerReference) -> bool {
    reference.kind == GithubPatConnection::kind(&()) && reference.api_version.starts_with(DOMAIN)
}

/// What the index keeps of a whole Secret.
pub(super) fn entry(secret: &Secret) -> SecretEntry {
    entry_of(&secret.metadata)
}

fn entry_of(meta: &ObjectMeta) -> SecretEntry {
    let annotation = |name| meta.annotations.as_ref()?.get(name).map(String::as_str);
    SecretEntry::new(
        [meta.uid.as_deref(), meta.resource_version.as_deref()],
        meta.labels.as_ref().and_then(|labels| labels.get(OWNER_LABEL)).map(String::as_str),
        READ.map(annotation),
        meta.owner_references.as_deref().unwrap_or_default(),
        meta.deletion_timestamp.is_some().then(|| meta.finalizers.as_deref().unwrap_or_default()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(label: Option<&str>, owner: Option<&str>) -> SecretMeta {
        let references = owner.map(|uid| {
            serde_json::json!([{ "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection", "name": "c", "uid": uid }])
        });
        serde_json::from_value(serde_json::json!({
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
            "metadata": {
                "name": "out", "namespace": "team-a", "uid": "s", "resourceVersion": "7",
                "labels": label.map(|uid| serde_json::json!({ (OWNER_LABEL): uid })),
                "ownerReferences": references,
                "annotations": { "big": "x".repeat(4096) },
            },
        }))
        .unwrap()
    }

    #[tokio::test]
    async fn secrets_are_listed_and_watched_without_their_data() {
        let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let kept = asked.clone();
        let server = tower::service_fn(move |request: http::Request<kube::client::Body>| {
            let accept = request.headers()[http::header::ACCEPT].to_str().unwrap().to_owned();
            let is_watch = request.uri().query().unwrap_or_default().contains("watch=");
            kept.lock().unwrap().push((is_watch, accept));
            let list = r#"{ "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "items": [] }"#;
            let body = if is_watch { Vec::new() } else { list.as_bytes().to_vec() };
            async { Ok::<_, std::io::Error>(http::Response::new(kube::client::Body::from(body))) }
        });
        let api: kube::Api<SecretMeta> = kube::Api::all(kube::Client::new(server, "ns"));
        assert!(api.list(&kube::api::ListParams::default()).await.unwrap().items.is_empty());
        drop(api.watch(&kube::api::WatchParams::default(), "0").await.unwrap());
        let asked = std::mem::take(&mut *asked.lock().unwrap());
        assert_eq!(asked.iter().map(|(is_watch, _)| *is_watch).collect::<Vec<_>>(), [false, true]);
        for (_, accept) in asked {
            let alone = |form: &str| form.contains("as=PartialObjectMetadata");
            assert!(accept.split(',').all(alone), "the API server may answer with whole Secrets: {accept}");
        }
    }

    #[test]
    fn an_output_has_the_label_and_the_owner_reference() {
        let rows = [
            (Some("c"), Some("c"), Some("c"), Some("c")),
            (Some("c"), None, None, None),
            (None, Some("c"), None, Some("c")),
            (Some("c"), Some("d"), None, Some("d")),
            (None, None, None, None),
        ];
        for (label, reference, owner, bound_to) in rows {
            let read = secret(label, reference);
            assert_eq!(read.entry.owner().map(|uid| &**uid), owner, "{label:?} {reference:?}");
            assert_eq!(read.entry.bound_to.as_deref(), bound_to, "{label:?} {reference:?}");
            assert_eq!(read.key, ObjectKey::new("team-a", "out"));
        }
    }

    #[test]
    fn who_changed_the_data_or_the_marks_last_is_told_unless_it_was_ours() {
        let entry = |manager: &str, time: &str, fields: serde_json::Value| serde_json::json!({ "manager": manager, "operation": "Update", "time": time, "fieldsV1": fields });
        let data = serde_json::json!({ "f:data": { "f:token": {} } });
        let labels = serde_json::json!({ "f:metadata": { "f:labels": { "f:team": {} } } });
        let name = serde_json::json!({ "f:metadata": { "f:name": {} } });
        let ours = entry(FIELD_MANAGER, "2026-01-01T00:00:06Z", data.clone());
        let early = entry("kubectl-create", "2026-01-01T00:00:00Z", data.clone());
        let late = entry("kubectl-edit", "2026-01-01T00:00:05Z", data.clone());
        let marked = entry("argocd-controller", "2026-01-01T00:00:07Z", labels.clone());
        let at_once = entry("kubectl-label", "2026-01-01T00:00:06Z", labels.clone());
        let marked_before = entry("helm", "2026-01-01T00:00:05Z", labels);
        let neither = entry("kubectl-patch", "2026-01-01T00:00:08Z", name);
        let long = entry(&"x".repeat(300), "2026-01-01T00:00:08Z", data);
        let edit = Some("kubectl-edit");
        let rows = [
            ("nobody", vec![], None, None),
            ("ours alone", vec![&ours], None, None),
            ("the latest of others", vec![&late, &ours, &early], edit, None),
            ("labels are no data", vec![&marked, &late, &early], edit, Some("argocd-controller")),
            ("labels alone", vec![&marked, &ours], None, Some("argocd-controller")),
            ("in the same second", vec![&at_once, &ours], None, Some("kubectl-label")),
            ("labels before ours", vec![&marked_before, &ours], None, None),
            ("the latest after ours", vec![&marked, &at_once, &ours], None, Some("argocd-controller")),
            ("neither", vec![&neither, &ours], None, None),
            ("a long name", vec![&long], Some(&*"x".repeat(128)), None),
        ];
        for (name, managed, of_data, of_marks) in rows {
            let secret = serde_json::json!({ "metadata": { "name": "out", "managedFields": managed } });
            let read: Whole = serde_json::from_value(secret).unwrap();
            assert_eq!(read.metadata.name.as_deref(), Some("out"), "{name}");
            let found = ChangedBy::of(&read.metadata.managed_fields.unwrap());
            assert_eq!((found.data.as_deref(), found.marks.as_deref()), (of_data, of_marks), "{name}");
        }
        assert_eq!(ChangedBy::of(&[]), ChangedBy::default());
    }
}
