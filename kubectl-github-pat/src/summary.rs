//! What a person wants to know of a connection at a glance.

use std::cmp::Reverse;

use github_pat_operator::{
    api::{Condition, ConditionStatus, GithubPatConnection, TokenStatus, Usability},
    domain::{Reason, reason::Severity, token::TokenKind},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::Serialize;

use crate::{sheet::Colour, when::days};

/// One connection at a glance.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) usability: Usability,
    /// Why, in one word.
    pub(crate) reason: String,
    /// Why, and what to do.
    pub(crate) message: String,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    /// The Secret whose token is in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) login: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<TokenKind>,
    /// When the token in use ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Time>,
    /// Whole days until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_in_days: Option<i64>,
    /// Whether GitHub has named no end of the token in use: what it has named and cannot be read is not known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) never_expires: bool,
    /// When the connection is of no use any more, unless somebody acts before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) breaks_at: Option<Time>,
}

impl Summary {
    /// The connection at this instant.
    pub(crate) fn of(connection: &GithubPatConnection, now: Timestamp) -> Self {
        let status = connection.status.as_ref();
        let token = status.and_then(|status| status.token.as_ref());
        let expires = token.and_then(|token| token.ends(connection.spec.require.expiry.expires_at));
        let ready = status.and_then(|status| status.condition("Ready"));
        let (reason, message) = why(connection, ready);
        let used = token.map_or(&connection.spec.secret_ref.name, |token| &token.secret_name);
        Summary {
            usability: connection.usability(),
            since: ready
                .map(|ready| ready.last_transition_time.clone())
                .filter(|at| at.0 > Timestamp::UNIX_EPOCH),
            reason,
            message,
            host: Some(connection.spec.host.clone()),
            secret_name: Some(used.clone()),
            login: token.and_then(|token| token.login.clone()),
            kind: token.map(|token| token.kind),
            expires_at: expires.map(Time),
            expires_in_days: expires.map(|at| days(at, now)),
            never_expires: token
                .is_some_and(|token| never_ends(token, connection.spec.require.expiry.expires_at)),
            breaks_at: connection.breaks_at().map(Time),
            ..Summary::unreadable(&connection.metadata, "")
        }
    }

    /// A connection that this version cannot read.
    pub(crate) fn unreadable(metadata: &ObjectMeta, error: &str) -> Self {
        Summary {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
            usability: Usability::NotUsable,
            reason: Reason::SpecUnreadable.as_str().to_owned(),
            message: error.to_owned(),
            since: None,
            host: None,
            secret_name: None,
            login: None,
            kind: None,
            expires_at: None,
            expires_in_days: None,
            never_expires: false,
            breaks_at: None,
        }
    }

    /// What stands first breaks next: what is broken, the latest first; what nobody can tell; then by when it breaks.
    pub(crate) fn order(&self) -> impl Ord + use<> {
        let at = |time: &Option<Time>| time.as_ref().map(|at| at.0);
        let since = Some(Reverse(at(&self.since))).filter(|_| self.usability != Usability::Usable);
        let breaks = at(&self.breaks_at);
        (self.usability, since, breaks.is_none(), breaks, self.namespace.clone(), self.name.clone())
    }

    /// Good, if there is nothing to know.
    pub(crate) fn colour(&self) -> Colour {
        match self.usability {
            Usability::Usable => of_reason(&self.reason).unwrap_or(Colour::Good),
            Usability::Undetermined => Colour::Warn,
            Usability::NotUsable => Colour::Bad,
        }
    }
}

/// True if the token was accepted, and neither GitHub nor this declaration of the spec has named an end of it.
pub(crate) fn never_ends(token: &TokenStatus, declared: Option<Timestamp>) -> bool {
    let is_unclear = token.expiry_unreadable || token.expiry_implausible;
    token.checked_at.is_some() && !is_unclear && token.ends(declared).is_none()
}

/// What the weight of a reason looks like; `None` if a later version has it.
pub(crate) fn of_reason(reason: &str) -> Option<Colour> {
    Some(match reason.parse::<Reason>().ok()?.severity() {
        Severity::Fine => Colour::Good,
        Severity::Note | Severity::Wait => Colour::Warn,
        Severity::Mend => Colour::Bad,
    })
}

/// What a condition looks like among the others of its connection: what does not hold of a usable one is worth knowing, and breaks nothing.
pub(crate) fn of_condition(condition: &Condition, usability: Usability) -> Colour {
    match condition.status {
        ConditionStatus::True => of_reason(&condition.reason).unwrap_or(Colour::Good),
        ConditionStatus::False if usability != Usability::Usable => Colour::Bad,
        ConditionStatus::False | ConditionStatus::Unknown => Colour::Warn,
    }
}

/// Why it is of use or not. What speaks of an earlier spec is said to.
fn why(connection: &GithubPatConnection, ready: Option<&Condition>) -> (String, String) {
    let pending = Reason::Pending.as_str().to_owned();
    match ready {
        Some(ready) if connection.is_judged() || ready.reason == pending => {
            (ready.reason.clone(), ready.message.clone())
        }
        Some(ready) => {
            let message = format!(
                "the operator has not judged the present spec yet; of the one before it said {}, {}",
                ready.status.as_str(),
                ready.reason
            );
            (pending, message)
        }
        None => (pending, "the operator has not judged this connection yet".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_end_that_github_has_named_and_that_is_not_known_is_not_called_none() {
        for (row, more, expected) in [
            ("none was named", json!({}), true),
            ("it cannot be read", json!({ "expiryUnreadable": true }), false),
            (
                "it cannot be",
                json!({ "expiryImplausible": true, "expiresAt": "2020-01-01T00:00:00Z" }),
                false,
            ),
            ("it is known", json!({ "expiresAt": "2030-01-01T00:00:00Z" }), false),
            ("GitHub has not accepted it", json!({ "checkedAt": null }), false),
        ] {
            let mut token = json!({
                "secretName": "pat", "host": "github.com", "kind": "Classic", "login": "acme-ci", "userId": 1,
                "hashedToken": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "checkedAt": "2026-03-01T10:00:00Z",
            });
            for (field, value) in more.as_object().unwrap() {
                token[field] = value.clone();
            }
            let connection = serde_json::from_value(json!({
                "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection", "metadata": { "name": "ci" },
                "spec": { "secretRef": { "name": "pat" } }, "status": { "conditions": [], "token": token },
            }))
            .unwrap();
            let summary = Summary::of(&connection, "2026-03-02T10:00:00Z".parse().unwrap());
            assert_eq!(summary.never_expires, expected, "{row}");
        }
    }
}
