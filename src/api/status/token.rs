//! What a status says of the token.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{
    knowledge::BELIEVED,
    token::{Flaw, HashedToken, TokenKind},
};

/// What is known of the token; never a part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenStatus {
    /// The Secret it was read from.
    pub secret_name: String,
    /// The host that was asked about it.
    pub host: String,
    /// Its kind, from its prefix.
    pub kind: TokenKind,
    /// Base64 of its SHA-256, by which GitHub's audit log can be searched.
    pub hashed_token: HashedToken,
    /// GitHub's number of the token, if a policy of an organization named it. It is part of the address of the token's page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// Why it may have been cut or mistyped, if its shape is unusual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flaw: Option<Flaw>,
    /// The login of its account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// The numeric id of its account, which stays when the login is renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<i64>,
    /// Whose token was there before, or what the login was, if that is another one. It goes with the next token of the same
    /// account, and once spec.expect names the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_account: Option<Box<PreviousAccount>>,
    /// Its classic scopes as GitHub lists them; absent for tokens that have none by nature, empty for a classic token without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub scopes: Option<Vec<String>>,
    /// When it ends, if GitHub named an expiry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// Set if GitHub named an expiry in a form that could not be read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expiry_unreadable: bool,
    /// Set if the expiry had passed when GitHub accepted the token; it counts for nothing then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expiry_implausible: bool,
    /// Scopes beyond those that are demanded, which nobody needs by what the connection says; the first of them, if there is no room
    /// for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "set"))]
    pub excess: Vec<String>,
    /// The numbers of organizations that single sign-on left out of GitHub's answers, since the token is not authorized for it; the
    /// first ten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "set"))]
    pub hidden_organizations: Vec<i64>,
    /// When GitHub was first seen to accept it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_proven_at: Option<Time>,
    /// Who accepted it before, so that outputs may hold it; as long as `host` has not accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_before: Option<Box<AcceptedBefore>>,
    /// GitHub accepted it at this instant or later: refreshed when something changed or when it is older than the heartbeat of
    /// the settings, not at each check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Time>,
    /// The refusals since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusedStatus>,
}

impl TokenStatus {
    /// The host that accepted it, if any did: outputs may hold it then.
    pub(crate) fn accepted_by(&self) -> Option<&str> {
        let before = self.accepted_before.as_deref().map(|before| &*before.host);
        before.or(self.first_proven_at.as_ref().map(|_| &*self.host))
    }

    /// The login of its account, as the host says that accepted it.
    pub(crate) fn known_login(&self) -> Option<&String> {
        self.login.as_ref().or_else(|| self.accepted_before.as_ref()?.login.as_ref())
    }

    /// What tells it apart, and its expiry.
    pub(crate) fn brief(&self) -> TokenStatus {
        TokenStatus {
            secret_name: self.secret_name.clone(),
            host: self.host.clone(),
            kind: self.kind,
            hashed_token: self.hashed_token,
            id: self.id,
            flaw: None,
            login: self.login.clone(),
            user_id: self.user_id,
            previous_account: None,
            scopes: None,
            expires_at: self.expires_at.clone(),
            expiry_unreadable: self.expiry_unreadable,
            expiry_implausible: self.expiry_implausible,
            excess: Vec::new(),
            hidden_organizations: Vec::new(),
            first_proven_at: None,
            accepted_before: None,
            checked_at: None,
            refused: None,
        }
    }
}

/// What is known of a token by the host that accepted it before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedBefore {
    /// The name of the host.
    pub host: String,
    /// The login of its account there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
}

/// An account whose token a connection had before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviousAccount {
    /// Its login.
    pub login: String,
    /// Its numeric id.
    pub user_id: i64,
    /// When the operator saw that it is another one.
    pub until: Time,
}

/// Refusals of the token in a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefusedStatus {
    /// What GitHub said the last time.
    pub reason: String,
    /// How many there were.
    pub count: i32,
    /// How many in a row are believed: two, but one if the checksum of a token that was never accepted is wrong, and three of a
    /// token that the host refused together with many others.
    #[serde(default = "believed")]
    pub needed: i32,
    /// The first of them.
    pub first: Time,
    /// The last of them.
    pub last: Time,
}

/// How many refusals are believed unless something else is said.
const fn believed() -> i32 {
    BELIEVED
}
