//! What a connection demands of a token.
//!
//! A rule is a function in `RULES`, in a file of its own; it says what it found, or that nobody can tell yet.

mod expectation;
mod expiry;
mod kind;
mod scope;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{Reason, Verdict, answer::Grant, scopes, token::TokenKind};
pub use expectation::Expectation;
pub use expiry::ExpiryRule;

/// What the token must be and have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
pub struct Requirement {
    /// The kinds of token that are allowed. Tokens of other kinds are asked about too, and are then refused by name.
    #[schemars(length(min = 1, max = 5), extend("x-kubernetes-list-type" = "set"))]
    pub kinds: Vec<TokenKind>,
    /// Classic scopes that the token must have, itself or by a larger scope: `repo` satisfies `public_repo`. Fine-grained
    /// tokens have no scopes, so they do not satisfy any.
    #[schemars(schema_with = "scope_names")]
    pub scopes: Vec<String>,
    /// What is demanded of the token's expiry.
    pub expiry: ExpiryRule,
}

fn scope_names(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 64,
        "items": {
            "type": "string",
            "maxLength": scopes::LONGEST,
            "x-kubernetes-validations": [{
                "rule": format!("self.matches('{}')", scopes::PATTERN),
                "message": "each of scopes must be one classic scope as GitHub writes it, such as repo or read:org",
            }],
        },
        "x-kubernetes-list-type": "set",
    })
}

impl Default for Requirement {
    fn default() -> Self {
        let kinds = vec![TokenKind::Classic, TokenKind::FineGrained];
        Requirement { kinds, scopes: Vec::new(), expiry: ExpiryRule::default() }
    }
}

/// What is known of a token when its requirements are judged.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Its kind.
    pub kind: TokenKind,
    /// What GitHub said when it accepted the token last.
    pub grant: Option<&'a Grant>,
    /// When it was accepted first.
    pub first_proven: Option<Timestamp>,
    /// The present instant by GitHub's clock.
    pub now: Timestamp,
}

type Rule = fn(&Requirement, &Evidence<'_>) -> Verdict<()>;

/// Every rule, the most important first.
const RULES: &[Rule] = &[kind::kind, scope::scope, expiry::expiry];

impl Requirement {
    /// Whether the expectation and all rules hold: every violation, else the first thing that is not known.
    pub fn judge(&self, expectation: &Expectation, evidence: &Evidence<'_>) -> Verdict<()> {
        let mut violations = Vec::new();
        let mut unknown = None;
        let rules = RULES.iter().map(|rule| rule(self, evidence));
        for verdict in std::iter::once(expectation.judge(evidence.grant)).chain(rules) {
            match verdict {
                Verdict::Yes(()) => {}
                Verdict::No(found) => violations.extend(found),
                Verdict::Unknown(finding) => unknown = unknown.or(Some(finding)),
            }
        }
        match unknown {
            _ if !violations.is_empty() => Verdict::No(violations),
            Some(finding) => Verdict::Unknown(finding),
            None => Verdict::Yes(()),
        }
    }
}

fn not_determined() -> Verdict<()> {
    Verdict::unknown(
        Reason::NotDetermined,
        "GitHub has not accepted the token yet, so nothing is known of it",
    )
}

#[cfg(test)]
mod tests;
