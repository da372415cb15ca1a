//! What a status says of the outputs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::output::Format;

/// A Secret that holds a proven token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutputStatus {
    /// Its name, as the spec has it.
    pub secret_name: String,
    /// The name of the present version, of a versioned output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_name: Option<String>,
    /// How the token is laid out in it.
    pub format: Format,
}

/// An output that was deleted and is to be made again, if others had put labels or annotations on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WithdrawnOutput {
    /// Its name.
    pub secret_name: String,
    /// The labels that others had put on it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The annotations that others had put on it, but for values that might hold a token.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}
