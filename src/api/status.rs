//! What the operator says of a connection, and remembers of it.

mod candidate;
mod condition;
mod consumers;
mod memory;
mod output;
mod requirement;
mod token;
mod withdrawal;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

pub use candidate::{
    CandidateStatus, FurtherOldToken, InterruptedRotation, Phase, RotatedToken, RotationStatus,
};
pub(super) use condition::ALL_TYPES;
pub use condition::{CONDITION_TYPES, Condition, ConditionStatus, RECONCILING, STALLED};
pub use consumers::{ConsumerStatus, ConsumersStatus};
pub(super) use memory::{Purposes, knowledge};
pub use output::{OutputStatus, WithdrawnOutput};
pub use requirement::{FurtherRequirements, PermissionProofs, RequirementStatus};
pub use token::{AcceptedBefore, PreviousAccount, RefusedStatus, TokenStatus};
pub use withdrawal::WithdrawalStatus;

/// What is known of the connection. Every instant says when something happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GithubPatConnectionStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready sums up SecretResolved, Authenticated, RequirementsMet, NotExpiring and Published. True is good in each.
    #[serde(default, deserialize_with = "readable_items")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The token that was last seen in the Secret.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenStatus>,
    /// The demands that GitHub is asked about, one line each; those that are not met first, if there is no room for all.
    #[serde(default, deserialize_with = "readable_items", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["kind", "name"]))]
    pub requirements: Vec<RequirementStatus>,
    /// The demands that have no line in requirements, so that the status stays below 8 KiB.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub further_requirements: Option<FurtherRequirements>,
    /// What is known of permissions on each repository or organization, if several are demanded.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub permission_proofs: Option<PermissionProofs>,
    /// The Secrets that the token may come from, in order of preference; there if spec.standby names any.
    #[serde(default, deserialize_with = "readable_items", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["secretName"]))]
    pub candidates: Vec<CandidateStatus>,
    /// The last change from one token in use to the next.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub rotation: Option<RotationStatus>,
    /// The Secrets that hold a proven token for workloads; the first of them, if there is no room for all.
    #[serde(default, deserialize_with = "readable_items", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["secretName"]))]
    pub outputs: Vec<OutputStatus>,
    /// Set while spec.withdrawAfter counts, and until the outputs are of use again.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub withdrawal: Option<WithdrawalStatus>,
    /// What others had put on outputs that were deleted, for when these are made again, 900 bytes in all at most.
    #[serde(default, deserialize_with = "readable_items", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["secretName"]))]
    pub withdrawn_outputs: Vec<WithdrawnOutput>,
    /// The objects that name an output, if the operator lists them.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub consumers: Option<ConsumersStatus>,
    /// Set while GitHub gives no answer about the token.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub deferral: Option<DeferralStatus>,
    /// When GitHub is asked about the token next at the latest. It is written when something else changes, so it may lie in the
    /// past while nothing does.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub next_check_at: Option<Time>,
    /// The last ten changes of Ready, the latest last. The first of all is the first judgement, once another one has come.
    #[serde(default, deserialize_with = "readable_items", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "atomic"))]
    pub history: Vec<ReadyChange>,
    /// The value of the annotation githubpat.dev/requestedAt that was last acted on: GitHub was asked when it changed.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_request: Option<String>,
    /// Pages that help.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "Option::is_none")]
    pub links: Option<Links>,
}

/// A change of Ready.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadyChange {
    /// When it changed.
    pub at: Time,
    /// What Ready says since.
    pub ready: ConditionStatus,
    /// Why, in one word.
    pub reason: String,
}

/// GitHub has given no answer about the token for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeferralStatus {
    /// The first question without an answer.
    pub since: Time,
    /// What the last one brought.
    pub reason: String,
    /// GitHub's answer if its cause is not known: the status, and the id of the request for GitHub's support. The first one stays
    /// until the reason or the status is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// When the limit ends, if GitHub named an instant. It is written when something else changes, like nextCheckAt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Time>,
    /// When refusals of the token are believed again at the latest, if they are held back since the host refuses many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_ends_at: Option<Time>,
}

/// Pages that help.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Links {
    /// GitHub's form for a new token, filled in as far as GitHub allows. It may ignore the permissions of a fine-grained token.
    pub create_token: String,
    /// What to choose and tick in that form, which may ignore what its address says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill_in: Option<String>,
    /// Where to mend what the first demand lacks that is not met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act_on: Option<String>,
    /// Where to mend what the others lack, each page once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 7), extend("x-kubernetes-list-type" = "atomic"))]
    pub also_act_on: Vec<String>,
    /// The token's own page, if GitHub named its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl Links {
    /// The form without its first values, and the page for what is most urgent.
    pub(crate) fn shorten(&mut self) {
        let form = self.create_token.split('?').next().unwrap_or_default().to_owned();
        *self = Links { create_token: form, fill_in: None, also_act_on: Vec::new(), ..self.clone() };
    }
}

/// Stands for the message of a condition that `Ready` gives in full, so that it is written once.
pub const SEE_READY: &str = "see the message of Ready";

impl GithubPatConnectionStatus {
    /// The condition of this type.
    pub fn condition(&self, type_: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == type_)
    }

    /// The message of this condition, in full where it refers to that of `Ready`.
    pub fn message(&self, type_: &str) -> Option<&str> {
        let message = |type_| self.condition(type_).map(|condition| &*condition.message);
        message(type_).and_then(|own| if own == SEE_READY { message("Ready") } else { Some(own) })
    }
}

/// The value, or none if a later version of this operator wrote it in a form that is not known here: what a status remembers can
/// be learnt anew, and must not make its connection unreadable.
fn readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(serde_json::from_value(value).ok())
}

/// The items that are known here.
fn readable_items<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Vec<T>, D::Error> {
    let items = Vec::<serde_json::Value>::deserialize(from)?;
    Ok(items.into_iter().filter_map(|item| serde_json::from_value(item).ok()).collect())
}

/// The instant as Kubernetes writes it, in whole seconds.
pub(crate) fn time(at: Timestamp) -> Time {
    Time(Timestamp::from_second(at.as_second()).unwrap_or(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::output::Format;

    #[test]
    fn what_a_later_version_wrote_is_skipped_and_the_rest_is_read() {
        let status: GithubPatConnectionStatus = serde_json::from_value(serde_json::json!({
            "token": { "kind": "NotInventedYet" },
            "outputs": [{ "secretName": "a", "format": "Opaque" }, { "secretName": "b", "format": "NotInventedYet" }],
            "deferral": { "since": "soon" },
            "somethingNew": true,
        }))
        .unwrap();
        assert_eq!((status.token, status.deferral), (None, None));
        assert_eq!(
            status.outputs,
            [OutputStatus { secret_name: "a".to_owned(), current_name: None, format: Format::Opaque }]
        );
    }
}
