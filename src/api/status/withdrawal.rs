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
    /// Since when the token is invalid, or the source Secret is missing.
    pub since: Time,
    /// When the outputs are deleted, if that does not end before.
    pub at: Time,
}

impl From<Withdrawal> for WithdrawalStatus {
    fn from(withdrawal: Withdrawal) -> Self {
        WithdrawalStatus { since: time(withdrawal.since), at: time(withdrawal.at) }
    }
}
