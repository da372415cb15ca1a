//! Outputs that are deleted, or will be.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::time;
use crate::domain::decide::Withdrawal;

/// Outputs are deleted, or will be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WithdrawalStatus {
    /// Since when the operator is sure that the token is of no use, or has not found the source Secret. A refusal is sure with one that
    /// comes ten minutes after the first, or later.
    pub since: Time,
    /// When the outputs are deleted, or a token that stands by takes over, if that does not end before.
    pub at: Time,
    /// Set if it is that the source Secret is missing, which is counted by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub source_missing: bool,
}

impl From<Withdrawal> for WithdrawalStatus {
    fn from(withdrawal: Withdrawal) -> Self {
        WithdrawalStatus {
            since: time(withdrawal.since),
            at: time(withdrawal.at),
            source_missing: withdrawal.missing,
        }
    }
}
