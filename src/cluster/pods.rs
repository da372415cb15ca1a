//! Pods that wait behind the scheduling gate of the operator. Of each only its gates and our annotation are read, and nothing is changed
//! but that gate.

use std::borrow::Cow;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Client, Resource,
    api::{ObjectMeta, Patch, PatchParams},
    core::{NamespaceResourceScope, Request},
};
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::{
    Fault,
    object::{FIELD_MANAGER, Meta, ObjectKey},
    within,
};
use crate::domain::gate::{GATE, WAIT_FOR, Wish};

/// Those that no node has yet: the API server sends no others.
pub(super) const UNSCHEDULED: &str = "spec.nodeName=,status.phase=Pending";

/// A Pod as the API server sends it.
#[derive(Clone, Debug)]
pub struct WaitingPod {
    /// Namespace and name.
    pub key: ObjectKey,
    /// `metadata.uid`.
    pub uid: Box<str>,
    /// `metadata.resourceVersion`.
    pub version: Box<str>,
    /// `metadata.creationTimestamp`.
    pub created: Option<Timestamp>,
    /// What it waits for.
    pub wish: Wish,
    /// Whether our gate keeps it, and nobody is deleting it.
    pub waits: bool,
    /// For the watcher.
    meta: ObjectMeta,
}

impl<'de> Deserialize<'de> for WaitingPod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Parts {
            #[serde(default)]
            metadata: Meta,
            #[serde(default)]
            spec: Spec,
        }
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct Spec {
            scheduling_gates: Option<Vec<Named>>,
        }
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Named {
            name: String,
        }
        let Parts { metadata, spec } = Parts::deserialize(deserializer)?;
        let is_gated = spec.scheduling_gates.iter().flatten().any(|gate| gate.name == GATE);
        let annotation = metadata.annotations.as_ref().and_then(|annotations| annotations.get(WAIT_FOR));
        let meta = ObjectMeta {
            name: metadata.name.clone(),
            namespace: metadata.namespace.clone(),
            resource_version: metadata.resource_version.clone(),
            ..ObjectMeta::default()
        };
        Ok(WaitingPod {
            key: metadata.key(),
            uid: metadata.uid.as_deref().unwrap_or_default().into(),
            version: metadata.resource_version.as_deref().unwrap_or_default().into(),
            created: metadata.creation_timestamp.and_then(|at| at.parse().ok()),
            wish: Wish::of(annotation),
            waits: is_gated && metadata.deletion_timestamp.is_none(),
            meta,
        })
    }
}

impl Resource for WaitingPod {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        Pod::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        Pod::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        Pod::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        Pod::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

/// Takes our gate off the Pod of this uid and resourceVersion, so that it is the one that was looked at, and waits for nothing else by
/// now. Gates of others stay.
///
/// # Errors
///
/// What the API server refused, or that it did not answer.
pub async fn lift(client: &Client, key: &ObjectKey, uid: &str, version: &str) -> Result<(), Fault> {
    let patch = serde_json::json!({
        "metadata": { "uid": uid, "resourceVersion": version },
        "spec": { "schedulingGates": [{ "$patch": "delete", "name": GATE }] },
    });
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let request = Request::new(Pod::url_path(&(), Some(key.namespace())));
    let request =
        request.patch(key.name(), &params, &Patch::Strategic(&patch)).map_err(kube::Error::BuildRequest)?;
    within(client.request::<IgnoredAny>(request)).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_waits_behind_our_gate_alone_and_while_it_lives() {
        let pod = |gates: &[&str], deleted: Option<&str>| -> WaitingPod {
            let gates: Vec<_> = gates.iter().map(|name| json!({ "name": name })).collect();
            let annotations = json!({ "githubpat.dev/wait-for": "ci", "other": "x" });
            serde_json::from_value(json!({
                "metadata": {
                    "name": "a", "namespace": "team-a", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z", "annotations": annotations, "deletionTimestamp": deleted,
                },
                "spec": { "schedulingGates": gates, "containers": [{ "name": "main" }] },
            }))
            .unwrap()
        };
        assert!(pod(&["other", GATE], None).waits);
        assert!(!pod(&["other"], None).waits && !pod(&[GATE], Some("2026-01-01T00:00:00Z")).waits);
        let read = pod(&[GATE], None);
        assert_eq!((read.key.to_string().as_str(), &*read.uid), ("team-a/a", "u"));
        assert_eq!(
            (read.wish.place("ci"), read.created),
            (Some(0), Some("2026-01-01T00:00:00Z".parse().unwrap()))
        );
    }
}
