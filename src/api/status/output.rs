//! What a status says of the outputs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::output::Format;

/// A Secret that holds a proven token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutputStatus {
    /// Its name.
    pub secret_name: String,
    /// How the token is laid out in it.
    pub format: Format,
}
