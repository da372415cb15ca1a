//! What the token must not have.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{
    super::{Reason, Verdict, permission::Level, scopes},
    Evidence, Requirement, not_determined, scope_names,
};

/// What the token must not have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
pub struct Forbid {
    /// Classic scopes that the token must not have, neither itself nor by a larger scope.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "scope_names")]
    pub scopes: Vec<String>,
    /// Permissions that a fine-grained token must not have, by GitHub's keys, each with the lowest level that is forbidden.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "permissions")]
    pub permissions: BTreeMap<String, Level>,
}

/// What becomes of a token with scopes beyond those that are demanded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Excess {
    /// They are listed in `status.token.excess`.
    #[default]
    Report,
    /// The requirements do not hold.
    Refuse,
}

/// What becomes of a demand that no request that only reads can prove.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Unproven {
    /// It counts as met.
    #[default]
    Accept,
    /// The requirements do not hold.
    Refuse,
}

/// The schema of a map of permissions.
pub(super) fn permissions(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 16,
        "additionalProperties": generator.subschema_for::<Level>(),
        "x-kubernetes-validations": [{
            "rule": "self.all(key, key.matches('^[a-z_]{1,64}$'))",
            "message": "each of permissions must be a permission by GitHub's key, such as contents or pull_requests",
        }],
    })
}

/// Whether the token has none of the forbidden scopes. Tokens without scopes have none of them.
pub(super) fn scopes(demanded: &Requirement, evidence: &Evidence<'_>) -> Verdict<()> {
    let forbidden = &demanded.forbid.scopes;
    if forbidden.is_empty() || !evidence.kind.has_scopes() {
        return Verdict::Yes(());
    }
    let Some(grant) = evidence.grant else { return not_determined() };
    let Some(granted) = &grant.scopes else { return super::scope::unknown() };
    let reached = scopes::closure(granted.iter());
    let found: Vec<_> =
        forbidden.iter().map(String::as_str).filter(|scope| reached.contains(scope)).collect();
    if found.is_empty() {
        return Verdict::Yes(());
    }
    Verdict::no(
        Reason::ScopeForbidden,
        format!(
            "the token has the scope{} {}, which require.forbid does not allow: edit it under Settings, Developer settings, \
             Tokens (classic)",
            if found.len() > 1 { "s" } else { "" },
            scopes::told(&found)
        ),
    )
}

/// Whether the token has no more scopes than it needs, if the connection refuses more.
pub(super) fn excess(demanded: &Requirement, evidence: &Evidence<'_>) -> Verdict<()> {
    if demanded.excess == Excess::Report {
        return Verdict::Yes(());
    }
    let excess = demanded.excess_of(evidence);
    if excess.is_empty() {
        return Verdict::Yes(());
    }
    Verdict::no(
        Reason::ExcessScopes,
        format!(
            "the token has scopes beyond require.scopes, and require.excess is Refuse: take away {} under Settings, Developer \
             settings, Tokens (classic)",
            scopes::told(&excess)
        ),
    )
}

impl Requirement {
    /// The scopes of the token beyond those that are demanded, if any are: neither demanded nor part of one that is, nor needed to prove
    /// another demand.
    pub fn excess_of<'a>(&self, evidence: &Evidence<'a>) -> Vec<&'a str> {
        let granted = evidence.grant.and_then(|grant| grant.scopes.as_ref());
        let Some(granted) = granted.filter(|_| !self.scopes.is_empty()) else { return Vec::new() };
        let of_organizations = (!self.organizations.is_empty()).then_some("read:org");
        let of_packages = (!self.packages.is_empty()).then_some("read:packages");
        let needed = [evidence.needed, of_organizations, of_packages].into_iter().flatten();
        let wanted = scopes::closure(self.scopes.iter().map(String::as_str).chain(needed));
        granted.iter().filter(|scope| !wanted.contains(scope)).collect()
    }
}
