//! Restarts workloads as `kubectl rollout restart` does: by an annotation in their pod template.

use kube::{
    Client,
    api::{Patch, PatchParams},
    core::{Request, params::GetParams},
};
use serde::Deserialize;
use std::collections::BTreeMap;

use super::{
    Fault,
    object::{FIELD_MANAGER, ObjectKey},
    within,
};
use crate::domain::workload::{Halt, RollOut, Workload, WorkloadKind};

/// The prefix of the annotation in the pod template; the name of the connection follows, since several may restart one workload.
const RESTARTED: &str = "restart.githubpat.dev/";
/// The longest name in the key of an annotation, in characters:
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/#syntax-and-character-set>.
const LONGEST_NAME: usize = 63;

/// The part of a workload that is looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Read {
    metadata: Meta,
    spec: Spec,
    status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meta {
    resource_version: String,
    generation: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    paused: bool,
    replicas: Option<i64>,
    update_strategy: Strategy,
    template: Template,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Strategy {
    #[serde(rename = "type")]
    type_: String,
    rolling_update: RollingUpdate,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RollingUpdate {
    partition: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Template {
    metadata: TemplateMeta,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TemplateMeta {
    annotations: Option<BTreeMap<String, String>>,
}

/// The counts of all three kinds; each has its own names for them:
/// <https://kubernetes.io/docs/reference/kubernetes-api/apps/>.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    observed_generation: i64,
    replicas: i64,
    updated_replicas: i64,
    available_replicas: i64,
    desired_number_scheduled: i64,
    current_number_scheduled: i64,
    updated_number_scheduled: i64,
    number_available: i64,
}

/// How far the workload is with the restarts of this connection, and its version; `None` if there is no such workload.
///
/// # Errors
///
/// If the API server does not tell.
pub async fn roll_out(
    client: &Client,
    connection: &ObjectKey,
    workload: &Workload,
) -> Result<Option<(RollOut, String)>, Fault> {
    let request = Request::new(path(connection, workload.kind));
    let request = request.get(&workload.name, &GetParams::default()).map_err(kube::Error::BuildRequest)?;
    match within(client.request::<Read>(request)).await {
        Err(fault) if fault.is_not_found() => Ok(None),
        Err(fault) => Err(fault),
        Ok(read) => {
            let version = read.metadata.resource_version.clone();
            Ok(Some((seen(read, workload.kind, &annotation(connection)), version)))
        }
    }
}

/// Has the Pods of the workload replaced, once for each mark: the annotation has it.
///
/// # Errors
///
/// What the API server refused, or that it did not answer; a conflict if the workload has another version by now, since somebody may have
/// paused it.
pub async fn restart(
    client: &Client,
    connection: &ObjectKey,
    workload: &Workload,
    mark: &str,
    version: &str,
) -> Result<(), Fault> {
    let annotations = BTreeMap::from([(annotation(connection), mark)]);
    let patch = serde_json::json!({
        "metadata": { "resourceVersion": version },
        "spec": { "template": { "metadata": { "annotations": annotations } } },
    });
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let request = Request::new(path(connection, workload.kind));
    let request =
        request.patch(&workload.name, &params, &Patch::Merge(&patch)).map_err(kube::Error::BuildRequest)?;
    within(client.request::<serde::de::IgnoredAny>(request)).await.map(|_| ())
}

fn path(connection: &ObjectKey, kind: WorkloadKind) -> String {
    format!("/apis/apps/v1/namespaces/{}/{}", connection.namespace(), kind.plural())
}

/// The key of the annotation. A long name is cut, and the digest of it keeps two of them apart.
fn annotation(connection: &ObjectKey) -> String {
    let name = connection.name();
    if name.len() <= LONGEST_NAME {
        return format!("{RESTARTED}{name}");
    }
    // The names of objects are ASCII.
    let start: String = name.chars().take(LONGEST_NAME.saturating_sub(9)).collect();
    format!("{RESTARTED}{start}.{:08x}", crc32fast::hash(name.as_bytes()))
}

fn seen(read: Read, kind: WorkloadKind, annotation: &str) -> RollOut {
    let Read { metadata, spec, status } = read;
    let halt = if spec.paused {
        Some(Halt::Paused)
    } else {
        (spec.update_strategy.type_ == "OnDelete").then_some(Halt::OnDelete)
    };
    let restarted_for =
        spec.template.metadata.annotations.and_then(|mut annotations| annotations.remove(annotation));
    let is_observed = status.observed_generation >= metadata.generation;
    let counts = match kind {
        WorkloadKind::Deployment | WorkloadKind::StatefulSet => [
            // A workload that names no number of replicas wants one.
            spec.replicas.unwrap_or(1),
            status.replicas,
            status.updated_replicas,
            status.available_replicas,
        ],
        WorkloadKind::DaemonSet => [
            status.desired_number_scheduled,
            status.current_number_scheduled,
            status.updated_number_scheduled,
            status.number_available,
        ],
    };
    let [wanted, total, updated, available] = counts;
    let replaced = wanted.saturating_sub(spec.update_strategy.rolling_update.partition).max(0);
    RollOut { restarted_for, halt, is_observed, wanted, replaced, total, updated, available }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_kind_tells_its_roll_out_in_its_own_words() {
        let template =
            json!({ "metadata": { "annotations": { "restart.githubpat.dev/ci": "hash", "a": "b" } } });
        let told = RollOut {
            restarted_for: Some("hash".to_owned()),
            halt: None,
            is_observed: true,
            wanted: 3,
            replaced: 3,
            total: 4,
            updated: 2,
            available: 1,
        };
        let replicas =
            json!({ "observedGeneration": 2, "replicas": 4, "updatedReplicas": 2, "availableReplicas": 1 });
        let rows = [
            (
                "a Deployment",
                WorkloadKind::Deployment,
                json!({ "metadata": { "generation": 2 }, "spec": { "replicas": 3, "template": template }, "status": replicas }),
                told.clone(),
            ),
            (
                "one that names no number, is paused and not observed",
                WorkloadKind::Deployment,
                json!({ "metadata": { "generation": 3 }, "spec": { "paused": true, "template": {} }, "status": replicas }),
                RollOut {
                    restarted_for: None,
                    halt: Some(Halt::Paused),
                    is_observed: false,
                    wanted: 1,
                    replaced: 1,
                    ..told.clone()
                },
            ),
            (
                "a StatefulSet of which nothing is known yet",
                WorkloadKind::StatefulSet,
                json!({ "metadata": { "generation": 1 }, "spec": { "updateStrategy": { "type": "OnDelete" }, "template": template } }),
                RollOut {
                    halt: Some(Halt::OnDelete),
                    is_observed: false,
                    wanted: 1,
                    replaced: 1,
                    total: 0,
                    updated: 0,
                    available: 0,
                    ..told.clone()
                },
            ),
            (
                "a StatefulSet that keeps one Pod",
                WorkloadKind::StatefulSet,
                json!({ "metadata": { "generation": 2 }, "spec": {
                    "replicas": 3, "updateStrategy": { "rollingUpdate": { "partition": 1 } }, "template": template,
                }, "status": replicas }),
                RollOut { replaced: 2, ..told.clone() },
            ),
            (
                "a DaemonSet",
                WorkloadKind::DaemonSet,
                json!({ "metadata": { "generation": 2 }, "spec": { "template": template }, "status": {
                    "observedGeneration": 2, "desiredNumberScheduled": 3, "currentNumberScheduled": 4,
                    "updatedNumberScheduled": 2, "numberAvailable": 1,
                } }),
                told,
            ),
        ];
        for (name, kind, object, expected) in rows {
            let read = serde_json::from_value(object).unwrap();
            assert_eq!(seen(read, kind, "restart.githubpat.dev/ci"), expected, "{name}");
        }
    }

    #[test]
    fn the_annotation_is_a_valid_key_of_its_own_for_each_connection() {
        let key = |name: &str| annotation(&ObjectKey::new("team-a", name));
        assert_eq!(key("ci.bot"), "restart.githubpat.dev/ci.bot");
        let (long, other) = (format!("{}a", "x".repeat(100)), format!("{}b", "x".repeat(100)));
        assert_ne!(key(&long), key(&other));
        assert_eq!(key(&long).len(), RESTARTED.len() + LONGEST_NAME);
    }
}
