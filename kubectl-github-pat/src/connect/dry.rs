//! What a dry run judges and prints.

use std::process::ExitCode;

use serde_json::Value;

use super::{Output, Plan};
use crate::{cluster::Way, error::Error, format, screen, trial::Trial};

/// What of the metadata the API server alone writes, and takes from nobody.
const OF_THE_SERVER: [&str; 6] =
    ["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"];

impl Plan {
    /// What would be written, without any cluster. A token that is handed over is judged, and none need be.
    pub(super) async fn client(
        mut self,
        trial: &Trial,
        way: &Way,
        output: Output,
    ) -> Result<ExitCode, Error> {
        let named = way.named_namespace();
        if let Some(namespace) = named {
            self.is_for(namespace)?;
        }
        if let Some(offer) = self.handed(trial)? {
            let namespace = named.unwrap_or_default();
            trial.judged(&self.spec, &format!("{namespace}/{}", self.name), &offer).await?;
        }
        let mut object = self.object.clone();
        if let (Some(namespace), Some(metadata)) = (named, object.get_mut("metadata")) {
            metadata["namespace"] = namespace.into();
        }
        dry(&self, object, output, "client dry run")
    }
}

/// The connection in a form that can be applied: without what the API server and the operator have written, also of another cluster.
pub(super) fn as_applied(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|field, _| !OF_THE_SERVER.contains(&field.as_str()));
    }
    object
}

/// Prints what would be written, but for the token.
///
/// # Errors
///
/// If it cannot be printed.
pub(super) fn dry(plan: &Plan, object: Value, output: Output, how: &str) -> Result<ExitCode, Error> {
    let reference = &plan.spec.secret_ref;
    let what = format!(
        "Secret {} with the token under key {}, and connection {}",
        reference.name, reference.key, plan.name
    );
    match output {
        Output::Text => screen::print(&format!("would write {what} ({how})"))?,
        Output::Json | Output::Yaml => {
            screen::say(&format!("would write {what} ({how}); the Secret is not printed"));
            screen::print(&if output == Output::Json {
                format::json(&object)?
            } else {
                format::yaml(&object)?
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
