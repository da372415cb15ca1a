//! The conditions of a status.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The types of the conditions, `Ready` first.
pub const CONDITION_TYPES: [&str; 6] =
    ["Ready", "SecretResolved", "Authenticated", "RequirementsMet", "NotExpiring", "Published"];
/// The type of the condition that is there only while it is True: nothing but a person helps. Tools that read kstatus give up
/// then: <https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md>.
pub const STALLED: &str = "Stalled";

/// The type of the condition that is there only while it is True: the first answer about the token is awaited.
pub const RECONCILING: &str = "Reconciling";

/// All of these.
pub(in super::super) const ALL_TYPES: [&str; 8] = {
    let [ready, secret, authenticated, requirements, expiring, published] = CONDITION_TYPES;
    [ready, secret, authenticated, requirements, expiring, published, STALLED, RECONCILING]
};

/// One aspect of the connection, with the fields and limits of metav1.Condition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// The aspect.
    #[schemars(
        length(max = 316),
        regex(
            pattern = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
        )
    )]
    #[serde(rename = "type")]
    pub type_: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, in one word for machines; docs/reasons.md explains each.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"))]
    pub reason: String,
    /// Why, and what to do about it, in one sentence for people.
    #[schemars(length(max = 32768))]
    pub message: String,
    /// When the status last changed.
    pub last_transition_time: Time,
    /// The generation of the spec that it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Nobody can tell yet.
    Unknown,
}

impl ConditionStatus {
    /// The word in the status.
    pub const fn as_str(self) -> &'static str {
        match self {
            ConditionStatus::True => "True",
            ConditionStatus::False => "False",
            ConditionStatus::Unknown => "Unknown",
        }
    }
}
