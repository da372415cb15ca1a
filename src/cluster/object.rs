//! The name of an object, and one state of it.

use std::fmt;

use arcstr::ArcStr;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde::Deserialize;
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// The field manager of all that the operator writes.
pub(super) const FIELD_MANAGER: &str = "github-pat-operator";

/// Namespace and name, as `namespace/name`. Cheap to copy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(ArcStr);

/// Some keys, seldom more than one.
pub type Few = SmallVec<[ObjectKey; 1]>;

impl ObjectKey {
    /// The key of an object; neither part of it can have a slash.
    pub fn new(namespace: &str, name: &str) -> Self {
        ObjectKey(format!("{namespace}/{name}").into())
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        self.0.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// The key of another object in the same namespace.
    pub fn beside(&self, name: &str) -> Self {
        ObjectKey::new(self.namespace(), name)
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The part of an object's metadata that is looked at. Everything else, above all `managedFields` and annotations of others, is
/// passed over while it is read, so that it costs no memory.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[serde(bound(deserialize = "L: Deserialize<'de>"))]
pub(super) struct Meta<L = Ours> {
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) uid: Option<String>,
    pub(super) resource_version: Option<String>,
    pub(super) generation: Option<i64>,
    pub(super) creation_timestamp: Option<String>,
    pub(super) deletion_timestamp: Option<String>,
    pub(super) finalizers: Option<Vec<String>>,
    pub(super) labels: Option<L>,
    pub(super) annotations: Option<Ours>,
    pub(super) owner_references: Option<Vec<OwnerReference>>,
}

impl<L> Default for Meta<L> {
    fn default() -> Self {
        Meta {
            name: None,
            namespace: None,
            uid: None,
            resource_version: None,
            generation: None,
            creation_timestamp: None,
            deletion_timestamp: None,
            finalizers: None,
            labels: None,
            annotations: None,
            owner_references: None,
        }
    }
}

/// The labels or annotations that are ours.
#[derive(Clone, Debug, Default)]
pub(super) struct Ours(pub(super) BTreeMap<String, String>);

/// The prefix of what is ours.
pub(super) const DOMAIN: &str = "githubpat.dev/";

impl<'de> Deserialize<'de> for Ours {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Ours;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of texts")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Ours, A::Error> {
                let mut ours = BTreeMap::new();
                while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                    if key.starts_with(DOMAIN) {
                        ours.insert(key.into_owned(), map.next_value()?);
                    } else {
                        map.next_value::<serde::de::IgnoredAny>()?;
                    }
                }
                Ok(Ours(ours))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

impl Ours {
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

impl<L> Meta<L> {
    pub(super) fn key(&self) -> ObjectKey {
        ObjectKey::new(
            self.namespace.as_deref().unwrap_or_default(),
            self.name.as_deref().unwrap_or_default(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_two_parts() {
        let key = ObjectKey::new("team-a", "ci.bot");
        assert_eq!(
            (key.namespace(), key.name(), key.to_string().as_str()),
            ("team-a", "ci.bot", "team-a/ci.bot")
        );
        assert_eq!(key.beside("out"), ObjectKey::new("team-a", "out"));
    }

    #[test]
    fn only_our_annotations_are_kept() {
        let meta: Meta = serde_json::from_value(serde_json::json!({
            "name": "a", "namespace": "n", "managedFields": [{ "x": 1 }],
            "annotations": { "big": "x".repeat(1000), "githubpat.dev/format": "Opaque" },
        }))
        .unwrap();
        let annotations = meta.annotations.unwrap();
        assert_eq!(annotations.0.len(), 1);
        assert_eq!(annotations.get("githubpat.dev/format"), Some("Opaque"));
    }
}
