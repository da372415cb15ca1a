//! What the status says of the Secrets that the token may come from, and of the change from one token to the next.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConditionStatus, TokenStatus};
use crate::domain::{
    Finding,
    candidate::Standing,
    token::{HashedToken, TokenKind},
};

/// A Secret that the token may come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CandidateStatus {
    /// The Secret.
    pub secret_name: String,
    /// Set if its token is in use. All that is known of that stands in status.token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_use: bool,
    /// Since when its token is in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Whether its token could be in use.
    pub usable: ConditionStatus,
    /// Why, in one word for machines; docs/reasons.md explains each.
    pub reason: String,
    /// Why it is not usable, and what to do about it; of a preferred one that is usable and not in use, what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub message: Option<String>,
    /// What is known of its token; of the one in use only what tells it apart, and its expiry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Box<TokenStatus>>,
}

impl CandidateStatus {
    /// What it remembers of the token; nothing if nobody could tell.
    pub(crate) fn standing(&self) -> Option<Standing> {
        let finding = || {
            let message = self.message.clone().unwrap_or_default();
            Some(Finding::new(self.reason.parse().ok()?, message))
        };
        match self.usable {
            ConditionStatus::True => Some(Standing::Usable),
            ConditionStatus::False => finding().map(Standing::Unusable),
            ConditionStatus::Unknown => None,
        }
    }
}

/// The change from one token in use to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RotationStatus {
    /// How far it is.
    pub phase: Phase,
    /// The token that was in use.
    pub old_token: RotatedToken,
    /// The host of the old token, if spec.host has become another one since: it is to be revoked there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub old_host: Option<String>,
    /// The token that takes its place.
    pub new_token: RotatedToken,
    /// Tokens that were in use before or between the two, since rotations began before earlier ones were over: they are to be revoked
    /// too. The latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3), extend("x-kubernetes-list-type" = "atomic"))]
    pub further_old_tokens: Vec<FurtherOldToken>,
    /// When the operator saw that another token is to be in use.
    pub started_at: Time,
    /// When the operator began to write the new token to outputs, rounded up to a whole second, until every output holds it. Absent as long
    /// as none can have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_at: Option<Time>,
    /// When every output held the new token, rounded up to a whole second: what started before may have the old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Time>,
    /// When outputs had to be written anew the last time, since one of them had another token after every output held the new one:
    /// workloads of spec.restart are restarted once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_anew_at: Option<Time>,
    /// The rotation to a token that every output held when the new one came. It goes on if that token comes back before the new one is
    /// proven, and no output has another one by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<InterruptedRotation>,
    /// How many other connections still hold the old token in an output or have not ended their own rotation from it, once that is
    /// all that is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_connections: Option<i64>,
    /// What is awaited, or what to do with the old token.
    #[schemars(length(max = 256))]
    pub message: String,
    /// Set if the old token is of no use any more, so that it need not be revoked: BadCredentials or Expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_token_ended: Option<String>,
    /// The page on which the old token can be revoked, once that is safe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke_at: Option<String>,
}

impl RotationStatus {
    /// True while the new token is not proven, unless every output held it before.
    pub(crate) fn is_proving(&self) -> bool {
        self.phase == Phase::Proving && self.published_at.is_none()
    }

    /// True while it waits for what comes after the outputs.
    pub(crate) fn is_followed(&self) -> bool {
        matches!(self.phase, Phase::Restarting | Phase::WaitingForConsumers)
    }
}

/// A rotation that another one has interrupted after every output held its new token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InterruptedRotation {
    /// Base64 of the SHA-256 of its new token.
    pub hashed_token: HashedToken,
    /// Its startedAt.
    pub started_at: Time,
    /// Its publishedAt.
    pub published_at: Time,
    /// Its writtenAnewAt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_anew_at: Option<Time>,
}

/// How far a rotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Phase {
    /// The new token is not proven yet, or not any more; it is written to no output meanwhile.
    Proving,
    /// The new token is proven and is being written to the outputs.
    Publishing,
    /// Every output holds the new token, and the workloads of spec.restart are restarted.
    Restarting,
    /// Pods still run with the old token, or something else still has it, such as another connection.
    WaitingForConsumers,
    /// Every output holds the new token, and nobody that is known of has the old one: it can be revoked.
    SafeToRevoke,
}

/// A token in a rotation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RotatedToken {
    /// The Secret it was read from.
    pub secret_name: String,
    /// Its kind, from its prefix.
    pub kind: TokenKind,
    /// Base64 of its SHA-256, by which GitHub's audit log can be searched.
    pub hashed_token: HashedToken,
    /// The login of its account, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
}

/// A token that is to be revoked too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FurtherOldToken {
    /// Its kind, from its prefix.
    pub kind: TokenKind,
    /// Base64 of its SHA-256, by which GitHub's audit log can be searched.
    pub hashed_token: HashedToken,
    /// The login of its account, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
}

impl From<&RotatedToken> for FurtherOldToken {
    fn from(token: &RotatedToken) -> Self {
        FurtherOldToken { kind: token.kind, hashed_token: token.hashed_token, login: token.login.clone() }
    }
}

impl From<&TokenStatus> for RotatedToken {
    fn from(token: &TokenStatus) -> Self {
        RotatedToken {
            secret_name: token.secret_name.clone(),
            kind: token.kind,
            hashed_token: token.hashed_token,
            login: token.known_login().cloned(),
        }
    }
}
