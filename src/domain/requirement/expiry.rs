//! When the token may or must end.

use std::fmt;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{
    super::{
        Finding, Reason, Verdict,
        answer::Expiry,
        duration::{self, Duration},
    },
    Evidence, Requirement, impossible, not_determined,
};

/// What is demanded of the token's expiry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
#[schemars(extend("x-kubernetes-validations" = impossible::rules_of_expiry()))]
pub struct ExpiryRule {
    /// Whether the token must expire at all.
    pub required: bool,
    /// The longest lifetime, counted from the first time the operator saw GitHub accept the token, since a bearer cannot learn
    /// when a token was made. A token without expiry violates it. As in `8784h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-validations" = duration::rules("maxLifetime", "1h", "99999h")))]
    pub max_lifetime: Option<Duration>,
    /// The least time that must be left. As in `24h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-validations" = duration::rules("minRemaining", "1m", "99999h")))]
    pub min_remaining: Option<Duration>,
    /// When the token ends, if GitHub does not tell or tells a later end: it only ever makes the end earlier. As in
    /// `2027-01-31T00:00:00Z`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "read_instant")]
    #[schemars(schema_with = "instant")]
    pub expires_at: Option<Timestamp>,
}

/// Reads an instant from a text, and says of anything else that one is wanted.
fn read_instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    struct Text;
    impl de::Visitor<'_> for Text {
        type Value = Option<Timestamp>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an instant such as 2027-01-31T00:00:00Z")
        }

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            let invalid = |_| E::invalid_value(de::Unexpected::Str(text), &self);
            text.parse().map(Some).map_err(invalid)
        }
    }
    deserializer.deserialize_any(Text)
}

fn instant(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "date-time" })
}

/// Whether the end of the token is as demanded.
pub(super) fn expiry(demanded: &Requirement, evidence: &Evidence<'_>) -> Verdict<()> {
    let rule = demanded.expiry;
    if !rule.required && rule.max_lifetime.is_none() && rule.min_remaining.is_none() {
        return Verdict::Yes(());
    }
    let Some(grant) = evidence.grant else { return not_determined() };
    match grant.expiry.no_later_than(rule.expires_at) {
        Expiry::Unreadable => unreadable(),
        Expiry::Implausible(_) => implausible(),
        Expiry::Never => never(rule),
        Expiry::At(at) => {
            let found: Vec<_> =
                [lifetime(rule, at, evidence), remaining(rule, at, evidence)].into_iter().flatten().collect();
            if found.is_empty() { Verdict::Yes(()) } else { Verdict::No(found) }
        }
    }
}

fn never(rule: ExpiryRule) -> Verdict<()> {
    if rule.required {
        return Verdict::no(
            Reason::ExpiryRequired,
            "require.expiry.required is set, and the token never expires: make one with an expiry",
        );
    }
    match rule.max_lifetime {
        Some(longest) => Verdict::no(
            Reason::LifetimeTooLong,
            format!(
                "the token never expires, and require.expiry.maxLifetime is {longest}: make one with an expiry"
            ),
        ),
        None => Verdict::Yes(()),
    }
}

fn lifetime(rule: ExpiryRule, at: Timestamp, evidence: &Evidence<'_>) -> Option<Finding> {
    let longest = rule.max_lifetime?;
    let lived_since = evidence.first_proven.unwrap_or(evidence.now);
    (at.duration_since(lived_since) > longest.get()).then(|| {
        Finding::new(
            Reason::LifetimeTooLong,
            format!(
                "the token expires at {at}, more than require.expiry.maxLifetime ({longest}) after it was first seen: \
                 make one that ends sooner"
            ),
        )
    })
}

fn remaining(rule: ExpiryRule, at: Timestamp, evidence: &Evidence<'_>) -> Option<Finding> {
    let least = rule.min_remaining?;
    (at.duration_since(evidence.now) <= least.get()).then(|| {
        Finding::new(
            Reason::RemainingTooShort,
            format!(
                "the token expires at {at}, in less than require.expiry.minRemaining ({least}): \
                 make a new one and store it in the Secret"
            ),
        )
    })
}

fn implausible() -> Verdict<()> {
    Verdict::unknown(
        Reason::NotDetermined,
        "GitHub accepts the token and names an end that had passed, so that nobody can tell when it ends: make a new one",
    )
}

fn unreadable() -> Verdict<()> {
    Verdict::unknown(
        Reason::NotDetermined,
        "GitHub named an expiry in a form that could not be read: look for a newer version of this operator",
    )
}
