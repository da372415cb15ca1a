//! What a connection demands of a token.
//!
//! A rule is a function in `RULES`, in a file of its own; it says what it found, or that nobody can tell yet.

mod expectation;
mod expiry;
mod forbid;
mod impossible;
mod kind;
mod line;
mod organization;
mod package;
mod packed;
mod permission;
mod repository;
mod scope;
mod stated;

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{
    Reason, Verdict,
    answer::Grant,
    knowledge::{Proofs, Proven},
    permission::{Level, Permission},
    probe::Probe,
    proof::Proof,
    scopes,
    token::TokenKind,
};
pub use expectation::Expectation;
pub use expiry::ExpiryRule;
pub use forbid::{Excess, Forbid, Unproven};
pub use line::{Kind, Line, State, remembered};
pub use organization::OrganizationDemand;
pub use package::PackageDemand;
pub use packed::{Packed, PackedPermissions};
pub use repository::{Access, RepositoryDemand};
pub use stated::Stated;

/// What the token must be and have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
#[schemars(extend("x-kubernetes-validations" = impossible::rules()))]
pub struct Requirement {
    /// The kinds of token that are allowed. Tokens of other kinds are asked about too, and are then refused by name.
    #[schemars(length(min = 1, max = 5), extend("x-kubernetes-list-type" = "set"))]
    pub kinds: Vec<TokenKind>,
    /// Classic scopes that the token must have, itself or by a larger scope: `repo` satisfies `public_repo`. They bind tokens that
    /// have scopes. A fine-grained token has none; it is refused unless `permissions` says what it needs.
    #[schemars(schema_with = "scope_names")]
    pub scopes: Vec<String>,
    /// Permissions that a fine-grained token must have, by GitHub's keys, as in `contents: write`. They bind fine-grained tokens.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "forbid::permissions")]
    pub permissions: BTreeMap<String, Level>,
    /// Organizations that must let the token in, and of which its account must be a member.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub organizations: Vec<OrganizationDemand>,
    /// Repositories that the token must see, or to which git must take its pushes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub repositories: Vec<RepositoryDemand>,
    /// Container images that the token must be able to pull from the host's registry. GitHub's takes classic tokens only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub packages: Vec<PackageDemand>,
    /// What the token must not have.
    #[serde(skip_serializing_if = "is_default")]
    pub forbid: Forbid,
    /// What becomes of a token with scopes beyond `scopes`: Report lists them in the status, Refuse makes the requirements fail.
    #[serde(skip_serializing_if = "is_default")]
    pub excess: Excess,
    /// What becomes of what no request that only reads can prove: Accept counts it as met, Refuse makes the requirements fail.
    #[serde(skip_serializing_if = "is_default")]
    pub unproven: Unproven,
    /// What is demanded of the token's expiry.
    pub expiry: ExpiryRule,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
        Requirement {
            kinds,
            scopes: Vec::new(),
            permissions: BTreeMap::new(),
            organizations: Vec::new(),
            repositories: Vec::new(),
            packages: Vec::new(),
            forbid: Forbid::default(),
            excess: Excess::default(),
            unproven: Unproven::default(),
            expiry: ExpiryRule::default(),
        }
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
    /// What GitHub showed beside identity.
    pub proofs: &'a Proofs,
    /// Whether the settings name a registry of the host.
    pub has_registry: bool,
    /// The scope that an output needs, if one does.
    pub needed: Option<&'static str>,
    /// The present instant by GitHub's clock.
    pub now: Timestamp,
}

impl<'a> Evidence<'a> {
    /// What a status remembers of a token of this kind, for what its proofs bring.
    pub const fn remembered(kind: TokenKind, grant: &'a Grant, proofs: &'a Proofs) -> Self {
        let (has_registry, now) = (false, Timestamp::UNIX_EPOCH);
        Evidence { kind, grant: Some(grant), first_proven: None, proofs, has_registry, needed: None, now }
    }

    fn proven(&self, probe: &Probe) -> Option<&'a Proven> {
        self.proofs.get(probe)
    }

    fn proof(&self, probe: &Probe) -> Option<&'a Proof> {
        self.proven(probe)?.proof()
    }
}

type Rule = fn(&Requirement, &Evidence<'_>) -> Verdict<()>;

/// Every rule that needs nothing but what GitHub says of the token itself, the most important first.
const RULES: &[Rule] =
    &[impossible::impossible, kind::kind, scope::scope, forbid::scopes, forbid::excess, expiry::expiry];

/// A kind of demand that GitHub is asked about: its lines, and the questions that are of use now.
struct Asked {
    lines: fn(&Requirement, &Evidence<'_>) -> Vec<Line>,
    probes: fn(&Requirement, &Evidence<'_>) -> Vec<Probe>,
}

/// Every kind of demand that GitHub is asked about, the most important first.
const ASKED: &[Asked] = &[
    Asked { lines: organization::lines, probes: organization::probes },
    Asked { lines: repository::lines, probes: repository::probes },
    Asked { lines: permission::lines, probes: permission::probes },
    Asked { lines: package::lines, probes: package::probes },
];

impl Requirement {
    /// Whether the expectation and all rules hold: every violation, else the first thing that is not known.
    pub fn judge(&self, expectation: &Expectation, evidence: &Evidence<'_>) -> Verdict<()> {
        let mut violations = Vec::new();
        let mut unknown = None;
        let lines = self.lines(evidence);
        let rules = RULES.iter().map(|rule| rule(self, evidence));
        let asked = lines.iter().map(Line::verdict).chain([self.unproven(&lines)]);
        for verdict in std::iter::once(expectation.judge(evidence.grant)).chain(rules).chain(asked) {
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

    /// One line for each demand that GitHub must be asked about.
    pub fn lines(&self, evidence: &Evidence<'_>) -> Vec<Line> {
        ASKED.iter().flat_map(|asked| (asked.lines)(self, evidence)).collect()
    }

    /// What GitHub is to be asked beside identity, each once. What one answer decides may bring further questions.
    pub fn probes(&self, evidence: &Evidence<'_>) -> Vec<Probe> {
        let mut probes: Vec<_> = ASKED.iter().flat_map(|asked| (asked.probes)(self, evidence)).collect();
        let mut seen = std::collections::BTreeSet::new();
        probes.retain(|probe| seen.insert(probe.clone()));
        probes
    }

    /// The questions about permissions among these, with what a status remembers of them.
    pub fn remembered(&self, evidence: &Evidence<'_>, packed: &PackedPermissions) -> Proofs {
        let probes = permission::probes(self, evidence).into_iter();
        probes.filter_map(|probe| packed.proven(&probe).map(|proven| (probe, proven))).collect()
    }

    /// True if the connection forbids what this question proves.
    pub fn forbids(&self, probe: &Probe) -> bool {
        let Probe::Permission(permission, _) = probe else { return false };
        let forbidden = self.forbid.permissions.get(permission.row().key);
        forbidden.is_some_and(|level| permission.level() >= *level)
    }

    /// True if the question belongs to a demand: what others demand of the same token, or this connection did before, proves nothing
    /// here.
    pub fn asks(&self, probe: &Probe) -> bool {
        let is = |name: &str, other: &str| name.eq_ignore_ascii_case(other);
        match probe {
            Probe::Identity => true,
            Probe::Organization(name) | Probe::Membership(name) => {
                self.organizations.iter().any(|demand| is(&demand.name, name))
            }
            Probe::Repository(name) => self.repositories.iter().any(|demand| is(&demand.name, name)),
            Probe::Push(name) => {
                let pushes =
                    |demand: &RepositoryDemand| demand.access == Access::Push && is(&demand.name, name);
                self.repositories.iter().any(pushes)
            }
            Probe::Package(name) => self.packages.iter().any(|demand| is(&demand.name, name)),
            Probe::Permission(permission, _) => {
                let all = self.permissions.iter().chain(&self.forbid.permissions);
                let provable = |(key, level): (&String, &Level)| Permission::named(key, *level);
                all.filter_map(provable).any(|provable| provable == *permission)
            }
        }
    }

    /// Whether everything is proven, if the connection refuses what is not.
    fn unproven(&self, lines: &[Line]) -> Verdict<()> {
        let unproven: Vec<_> = lines
            .iter()
            .filter(|line| line.state == State::Unproven)
            .map(|line| line.name.as_str())
            .collect();
        if self.unproven == Unproven::Accept || unproven.is_empty() {
            return Verdict::Yes(());
        }
        Verdict::no(
            Reason::NotProven,
            format!(
                "no request that only reads proves {}, and require.unproven is Refuse; status.requirements says why",
                scopes::told(&unproven)
            ),
        )
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
