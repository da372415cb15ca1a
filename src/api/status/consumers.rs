//! What the status says of the objects that name an output.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The objects of the namespace that name an output, as they were listed last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsumersStatus {
    /// When they were listed: during a rotation, and else when the status is written anyway.
    pub observed_at: Time,
    /// How many there are of each kind.
    pub counts: BTreeMap<String, i64>,
    /// How many of them still have what the outputs held before.
    #[serde(default)]
    pub behind: i64,
    /// The first of them, those that are behind before the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub objects: Vec<ConsumerStatus>,
    /// The resources that the operator may not list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbidden: Vec<String>,
    /// The custom resources that the API server could not list, for instance since their conversion webhook is down. The operator's log
    /// has the cause.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

/// An object that names an output.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerStatus {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Set on a Pod that still runs with what an output held before, and on whatever names an earlier version of one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub behind: bool,
}
