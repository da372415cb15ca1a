//! The schema as JSON Schema has it, for editors and for checks of manifests.

use serde_json::{Map, Value, json};

/// The file.
pub(super) fn file(schema: &Value) -> String {
    let mut spec = plain(&schema["properties"]["spec"]);
    close(&mut spec);
    let whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "GithubPatConnection",
        "description": "What is demanded of a GitHub personal access token, and where it is published.",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": { "const": "githubpat.dev/v1alpha1" },
            "kind": { "const": "GithubPatConnection" },
            "metadata": { "type": "object" },
            "spec": spec,
            "status": plain(&schema["properties"]["status"]),
        },
        "additionalProperties": false,
    });
    serde_json::to_string_pretty(&whole).unwrap() + "\n"
}

/// Without what only the API server knows, and the kinds of numbers that JSON Schema does not have.
fn plain(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(key, value)| {
                let is_format =
                    *key == "format" && value.as_str().is_some_and(|format| format.starts_with("int"));
                !key.starts_with("x-kubernetes-") && !is_format
            });
            Value::Object(kept.map(|(key, value)| (key.clone(), plain(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(plain).collect()),
        other => other.clone(),
    }
}

/// Refuses fields that are not there, as `kubectl apply` does.
fn close(schema: &mut Value) {
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(close);
        schema["additionalProperties"] = false.into();
    } else {
        for inside in ["items", "additionalProperties"] {
            schema.get_mut(inside).into_iter().for_each(close);
        }
    }
}
