//! Whether a connection is of use, and until when, as a person or a program asks who does not look at conditions.

use jiff::Timestamp;
use serde::Serialize;

use super::{ConditionStatus, GithubPatConnection, GithubPatConnectionStatus as Status};
use crate::domain::duration::Duration;

/// Whether a connection is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Usability {
    /// It is not: `Ready` is False, and a person has to act.
    NotUsable,
    /// Nobody can tell yet: `Ready` is Unknown, or speaks of an earlier spec.
    Undetermined,
    /// It is: `Ready` is True, also while the token expires soon.
    Usable,
}

impl Usability {
    /// The exit code that says so: 0 usable, 1 not usable, 2 undetermined.
    pub const fn exit_code(self) -> u8 {
        match self {
            Usability::Usable => 0,
            Usability::NotUsable => 1,
            Usability::Undetermined => 2,
        }
    }

    /// How people call it.
    pub const fn words(self) -> &'static str {
        match self {
            Usability::Usable => "usable",
            Usability::NotUsable => "not usable",
            Usability::Undetermined => "undetermined",
        }
    }
}

impl Status {
    /// What `Ready` says.
    pub fn usability(&self) -> Usability {
        match self.condition("Ready").map(|ready| ready.status) {
            Some(ConditionStatus::True) => Usability::Usable,
            Some(ConditionStatus::False) => Usability::NotUsable,
            Some(ConditionStatus::Unknown) | None => Usability::Undetermined,
        }
    }
}

impl GithubPatConnection {
    /// True if the status speaks of the present spec.
    pub fn is_judged(&self) -> bool {
        let observed = self.status.as_ref().and_then(|status| status.observed_generation);
        self.metadata.generation.is_none_or(|generation| observed == Some(generation))
    }

    /// What the status says, as far as it speaks of the present spec.
    pub fn usability(&self) -> Usability {
        let status = self.status.as_ref().filter(|_| self.is_judged());
        status.map_or(Usability::Undetermined, Status::usability)
    }

    /// When it is of no use any more by the expiry of its tokens: the last end among those that could be in use, earlier by the time
    /// that `require.expiry.minRemaining` wants left. `None` if one of them does not expire, or nothing is known.
    pub fn breaks_at(&self) -> Option<Timestamp> {
        let status = self.status.as_ref()?;
        let rule = self.spec.require.expiry;
        let usable = |status: ConditionStatus| status == ConditionStatus::True;
        let standbys = status.candidates.iter().filter(|candidate| usable(candidate.usable));
        let tokens = status.token.iter().chain(standbys.filter_map(|candidate| candidate.token.as_deref()));
        let ends = tokens.map(|token| token.ends(rule.expires_at));
        // One that has no end outlasts all others.
        let last = ends.reduce(|one, other| Some(one?.max(other?))).flatten()?;
        let wanted = rule.min_remaining.map(Duration::get).unwrap_or_default();
        last.checked_sub(wanted).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn connection(require: Value, status: Value) -> GithubPatConnection {
        serde_json::from_value(json!({
            "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection",
            "metadata": { "name": "ci", "generation": 2 },
            "spec": { "secretRef": { "name": "pat" }, "require": require },
            "status": status,
        }))
        .unwrap()
    }

    fn ready(status: &str, generation: i64) -> Value {
        json!({ "observedGeneration": generation, "conditions": [{
            "type": "Ready", "status": status, "reason": "Ready", "message": "", "lastTransitionTime": "2026-03-01T10:00:00Z",
        }] })
    }

    fn token(ends: Value) -> Value {
        json!({
            "secretName": "pat", "host": "github.com", "kind": "Classic",
            "hashedToken": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "expiresAt": ends,
        })
    }

    #[test]
    fn a_status_of_an_earlier_spec_says_nothing() {
        let rows = [
            ("True", 2, Usability::Usable, 0),
            ("False", 2, Usability::NotUsable, 1),
            ("Unknown", 2, Usability::Undetermined, 2),
            ("True", 1, Usability::Undetermined, 2),
            ("False", 1, Usability::Undetermined, 2),
        ];
        for (status, generation, expected, code) in rows {
            let found = connection(json!({}), ready(status, generation)).usability();
            assert_eq!((found, found.exit_code()), (expected, code), "{status} {generation}");
        }
        assert_eq!(connection(json!({}), json!({ "conditions": [] })).usability(), Usability::Undetermined);
    }

    #[test]
    fn it_breaks_when_the_last_token_that_could_be_in_use_ends() {
        let (early, late) = ("2026-04-01T00:00:00Z", "2026-06-01T00:00:00Z");
        let candidate = |usable: &str, ends: Value| {
            let token = token(ends);
            json!({ "secretName": "next", "usable": usable, "reason": "Accepted", "token": token })
        };
        let rows = [
            ("alone", json!({}), token(json!(early)), vec![], Some(early)),
            ("without an end", json!({}), token(json!(null)), vec![], None),
            (
                "a later standby",
                json!({}),
                token(json!(early)),
                vec![candidate("True", json!(late))],
                Some(late),
            ),
            (
                "an earlier standby",
                json!({}),
                token(json!(late)),
                vec![candidate("True", json!(early))],
                Some(late),
            ),
            (
                "a standby of no use",
                json!({}),
                token(json!(early)),
                vec![candidate("False", json!(late))],
                Some(early),
            ),
            (
                "a standby without an end",
                json!({}),
                token(json!(early)),
                vec![candidate("True", json!(null))],
                None,
            ),
            (
                "time that must be left",
                json!({ "expiry": { "minRemaining": "24h" } }),
                token(json!(early)),
                vec![],
                Some("2026-03-31T00:00:00Z"),
            ),
            (
                "a declared end",
                json!({ "expiry": { "expiresAt": early } }),
                token(json!(null)),
                vec![],
                Some(early),
            ),
        ];
        for (name, require, token, candidates, expected) in rows {
            let status = json!({ "conditions": [], "token": token, "candidates": candidates });
            let breaks = connection(require, status).breaks_at();
            assert_eq!(breaks, expected.map(|at| at.parse().unwrap()), "{name}");
        }
        assert_eq!(connection(json!({}), json!({ "conditions": [] })).breaks_at(), None, "nothing is known");
    }
}
