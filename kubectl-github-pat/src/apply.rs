//! Writes to the cluster, with the rights of whoever runs the plugin.

mod secret;

use github_pat_operator::api::GithubPatConnection;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, ValidationDirective},
    core::Status,
};
use serde_json::{Value, json};

pub(crate) use self::secret::{Basis, Glimpse, Present, are_ours, is_ours, tool_among};
use crate::{cluster::Cluster, error::Error, left::short};

/// Under which name the API server keeps what the plugin has written.
const MANAGER: &str = "kubectl-github-pat";

/// Under which name it keeps what the plugin has written under a key of a Secret. One name for all keys would give up each key that
/// the next write leaves out, and the API server deletes what nobody holds any more.
fn manager_of(key: &str) -> String {
    format!("{MANAGER}/{}", short(key))
}

/// The version that is named where an object is to be made and none changed. An apply with a version makes what is not there, and is a
/// conflict with what is there in another version, also if that has come meanwhile. No object of a user is in this one, the first of a store:
/// <https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions>.
const OF_NOTHING: &str = "1";

/// Whether a change of a connection takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The API server only tells whether it would let it happen.
    DryRun,
    Written,
}

/// How a write of an object takes effect.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The API server only tells whether it would let it happen.
    DryRun,
    /// It does, whoever has written there, unless somebody has since the object was seen so.
    Forced {
        /// How it was seen.
        seen: Basis,
    },
    /// It does, unless there is an object of this name already: for what was not there, or the user may not read.
    Created {
        /// Whether the API server only tells so.
        dry_run: bool,
    },
}

impl Effect {
    fn params(&self, manager: &str) -> PatchParams {
        let field_validation = Some(ValidationDirective::Strict);
        let dry_run = matches!(self, Effect::DryRun | Effect::Created { dry_run: true });
        let force = matches!(self, Effect::DryRun | Effect::Forced { .. });
        PatchParams { dry_run, force, field_validation, ..PatchParams::apply(manager) }
    }

    /// A write over what is there as it was seen, else of what was not there.
    pub(crate) fn over(seen: Option<Basis>) -> Self {
        seen.map_or(Effect::Created { dry_run: false }, |seen| Effect::Forced { seen })
    }
}

impl Cluster {
    /// Changes fields of a connection whose spec, and whose annotations that are to change, are still as they were seen, unless it is as
    /// wanted already.
    ///
    /// # Errors
    ///
    /// If the API server does not let it happen, or somebody has changed it meanwhile.
    pub(crate) async fn change(
        &self,
        seen: &GithubPatConnection,
        patch: &Value,
        change: Change,
    ) -> Result<(), Error> {
        let api: Api<GithubPatConnection> = Api::namespaced(self.client.clone(), &self.namespace);
        let (name, dry_run) = (seen.name_any(), change == Change::DryRun);
        let params =
            PatchParams { dry_run, field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let changing = async {
            let mut version = seen.resource_version();
            loop {
                let mut whole = patch.clone();
                if let Some(metadata) = whole.get_mut("metadata").and_then(Value::as_object_mut) {
                    metadata.insert("resourceVersion".to_owned(), json!(version));
                }
                match api.patch(&name, &params, &Patch::Merge(whole)).await {
                    Err(kube::Error::Api(status)) if status.code == 409 => {}
                    other => return other.map(|_| true),
                }
                // The operator writes the status at any time.
                let now = api.get(&name).await?;
                // As after a write whose answer was lost.
                let is_done = serde_json::to_value(&now).is_ok_and(|now| is_as_wanted(&now, patch));
                if is_done && !dry_run {
                    return Ok(true);
                }
                if is_changed(seen, &now, patch) {
                    return Ok(false);
                }
                version = now.resource_version();
            }
        };
        match self.call(&format!("change connection {name}"), changing).await? {
            true => Ok(()),
            false => Err(Error::Refused(format!(
                "somebody else has changed connection {name} meanwhile, so it stays as it is: {} shows how it is now",
                self.command(&format!("status {name}"))
            ))),
        }
    }

    /// The connection as it would be made. The API server is strict about its fields, and writes nothing.
    ///
    /// # Errors
    ///
    /// If the API server would not let it happen.
    pub(crate) async fn would_make(&self, name: &str, object: &Value) -> Result<GithubPatConnection, Error> {
        let api: Api<GithubPatConnection> = Api::namespaced(self.client.clone(), &self.namespace);
        let (params, patch) = (Effect::DryRun.params(MANAGER), Patch::Apply(object));
        self.call(&format!("write connection {name}"), api.patch(name, &params, &patch)).await
    }

    /// Makes the connection. False if there is one of this name.
    ///
    /// # Errors
    ///
    /// If the API server does not let it happen.
    pub(crate) async fn make(&self, name: &str, object: &Value) -> Result<bool, Error> {
        let api: Api<GithubPatConnection> = Api::namespaced(self.client.clone(), &self.namespace);
        let (doing, mut object) = (format!("write connection {name}"), object.clone());
        let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
            return Err(Error::Usage(format!("cannot {doing}: it has no metadata, so add its name there")));
        };
        metadata.insert("resourceVersion".to_owned(), OF_NOTHING.into());
        let (params, patch) = (Effect::Created { dry_run: false }.params(MANAGER), Patch::Apply(object));
        let made = async {
            match api.patch_metadata(name, &params, &patch).await {
                Err(kube::Error::Api(status)) if is_of(&status, "githubpatconnections") => Ok(false),
                made => made.map(|_| true),
            }
        };
        self.call(&doing, made).await
    }
}

/// True if what is there of these objects is in the way, as opposed to a quota that others have just spent from.
fn is_of(status: &Status, resource: &str) -> bool {
    let kind = status.details.as_ref().map(|details| details.kind.as_str()).unwrap_or_default();
    status.code == 409 && (kind.is_empty() || kind == resource)
}

/// Who else looks after this field and would put back what was there: a tool that syncs, as opposed to a person with kubectl.
pub(crate) fn tool_behind(object: &impl ResourceExt, path: [&str; 2]) -> Option<String> {
    managers_of(object, path).into_iter().find(|manager| is_tool(manager))
}

/// True if somebody else than the plugin may have written this field since, at the latest in the second in which that was: the API server
/// keeps the time of whatever the same writer has written last.
pub(crate) fn is_written_since(object: &impl ResourceExt, path: [&str; 2], since: Timestamp) -> bool {
    writers_of(object, &path).any(|entry| {
        let is_other = entry.manager.as_deref().is_none_or(|manager| !is_plugin(manager));
        is_other && entry.time.as_ref().is_some_and(|time| time.0.as_second() >= since.as_second())
    })
}

/// True if the object is as a merge of the patch would leave it.
fn is_as_wanted(object: &Value, patch: &Value) -> bool {
    match patch {
        Value::Object(fields) => {
            fields.iter().all(|(name, field)| is_as_wanted(object.get(name).unwrap_or(&Value::Null), field))
        }
        Value::Array(items) if items.is_empty() => object.is_null() || object == patch,
        _ => object == patch,
    }
}

/// True if somebody has changed what the patch rests on.
fn is_changed(seen: &GithubPatConnection, now: &GithubPatConnection, patch: &Value) -> bool {
    let annotations = patch.pointer("/metadata/annotations").and_then(Value::as_object);
    let mut names = annotations.into_iter().flat_map(|annotations| annotations.keys());
    now.metadata.generation != seen.metadata.generation
        || now.metadata.uid != seen.metadata.uid
        || names.any(|name| now.annotations().get(name) != seen.annotations().get(name))
}

fn is_plugin(manager: &str) -> bool {
    manager.split('/').next() == Some(MANAGER)
}

fn is_tool(manager: &str) -> bool {
    // kubectl-create, kubectl-edit, kubectl-client-side-apply and so on; MANAGER is one of them by its name.
    !manager.starts_with("kubectl")
}

/// Who has written this field.
fn managers_of(object: &impl ResourceExt, path: [&str; 2]) -> Vec<String> {
    writers_of(object, &path).filter_map(|entry| entry.manager.clone()).collect()
}

/// What the API server keeps of each who has written this field.
pub(crate) fn writers_of<'a>(
    object: &'a impl ResourceExt,
    path: &[&str],
) -> impl Iterator<Item = &'a ManagedFieldsEntry> {
    let parts: Vec<_> = path.iter().map(|part| format!("f:{part}")).collect();
    let has_field = move |entry: &&ManagedFieldsEntry| {
        let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
        fields.and_then(|fields| parts.iter().try_fold(fields, |above, part| above.get(part))).is_some()
    };
    object.managed_fields().iter().filter(has_field)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::{
        body::Body,
        http::{Method, Request, Response, StatusCode},
    };
    use kube::Client;

    use super::*;

    #[test]
    fn the_name_under_which_a_key_is_written_is_one_that_the_api_server_takes() {
        let long = "k".repeat(253);
        let names = ["token", "ends.", &*long, &*"k".repeat(252), "?"].map(manager_of);
        assert_eq!(names.first().map(String::as_str), Some("kubectl-github-pat/token"));
        // https://kubernetes.io/docs/reference/kubernetes-api/common-parameters/common-parameters/#fieldManager
        assert!(names.iter().all(|name| name.len() <= 128 && is_plugin(name)), "{names:?}");
        let different: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len(), "{names:?}");
    }

    const CONFLICT: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"no","reason":"Conflict","code":409}"#;

    fn connection(generation: i64) -> Value {
        json!({
            "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection",
            "metadata": { "name": "ci", "namespace": "team-b", "generation": generation, "resourceVersion": "1" },
            "spec": { "secretRef": { "name": "pat" } },
        })
    }

    #[tokio::test]
    async fn who_comes_too_late_to_a_connection_is_told_what_shows_it() {
        let answers = tower::service_fn(async |request: Request<kube::client::Body>| {
            let (code, text) = match *request.method() {
                Method::GET => (StatusCode::OK, connection(2).to_string()),
                _ => (StatusCode::CONFLICT, CONFLICT.to_owned()),
            };
            let mut answer = Response::new(Body::from(text));
            *answer.status_mut() = code;
            Ok::<_, Infallible>(answer)
        });
        let cluster = Cluster::behind(Client::new(answers, "team-a")).at("team-b");
        let seen = serde_json::from_value(connection(1)).unwrap();
        let patch = json!({ "metadata": { "annotations": { "to": "another" } } });
        let error = cluster.change(&seen, &patch, Change::Written).await.unwrap_err();
        let said = "somebody else has changed connection ci meanwhile, so it stays as it is: \
                    kubectl github-pat status ci -n team-b shows how it is now";
        assert_eq!(error.to_string(), said);
    }
}
