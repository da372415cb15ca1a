//! Which organizations must let the token in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Reason,
        permission::Resource,
        probe::Probe,
        proof::{Denial, Proof, Visibility},
        token::TokenKind,
    },
    Evidence, Requirement,
    line::{Kind, Line, State, policy},
};

/// An organization that must let the token in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct OrganizationDemand {
    /// Its login, as in `acme`.
    #[schemars(length(max = 39), extend("x-kubernetes-validations" = [{
        "rule": "self.matches('^[a-zA-Z0-9_-]+$')",
        "message": "name must be the login of an organization, such as acme",
    }]))]
    pub name: String,
}

/// One line an organization.
pub(super) fn lines(demanded: &Requirement, evidence: &Evidence<'_>) -> Vec<Line> {
    demanded.organizations.iter().map(|demand| line(&demand.name, evidence)).collect()
}

/// What is to be asked: first whether the organization lets the token in, then about the membership.
pub(super) fn probes(demanded: &Requirement, evidence: &Evidence<'_>) -> Vec<Probe> {
    let of = |name: &str| {
        let organization = Probe::organization(name)?;
        let is_let_in = evidence.proof(&organization).is_some_and(Proof::is_held);
        let membership = Probe::membership(name).filter(|_| is_let_in);
        Some(std::iter::once(organization).chain(membership))
    };
    demanded.organizations.iter().filter_map(|demand| of(&demand.name)).flatten().collect()
}

/// What is known of this organization.
pub(super) fn line(name: &str, evidence: &Evidence<'_>) -> Line {
    let line = Line::new(Kind::Organization, name);
    let (Some(organization), Some(membership)) = (Probe::organization(name), Probe::membership(name)) else {
        let message = "this is no login of an organization: correct it in require.organizations";
        return line.is(State::NotMet, Reason::DemandImpossible, message);
    };
    let proven = evidence.proven(&organization);
    let line = match proven.and_then(|proven| proven.proof().map(|proof| (proven, proof))) {
        None => return line.awaits(proven),
        Some((proven, Proof::Denied(denial))) => {
            return match policy(*denial, name) {
                Some(finding) => line.by(proven).is(State::NotMet, finding.reason, finding.message),
                None if *denial == Denial::NotFound => line.by(proven).is(
                    State::NotMet,
                    Reason::OrganizationNotFound,
                    "GitHub knows no organization of this login: correct it in require.organizations",
                ),
                None => line.by(proven).is(State::Unproven, Reason::RoleOrFeature, UNDECIDED),
            };
        }
        Some((proven, Proof::Held(_))) => line.by(proven),
    };
    let proven = evidence.proven(&membership);
    match proven.and_then(|proven| proven.proof().map(|proof| (proven, proof))) {
        None => line.awaits(proven),
        Some((proven, Proof::Held(_))) => line.by(proven).met(),
        Some((proven, Proof::Denied(denial))) => without_membership(line.by(proven), name, *denial, evidence),
    }
}

const UNDECIDED: &str =
    "GitHub answers 403 for a cause that it does not name; see the organization's settings for tokens";

fn without_membership(line: Line, name: &str, denial: Denial, evidence: &Evidence<'_>) -> Line {
    if let Some(finding) = policy(denial, name) {
        return line.is(State::NotMet, finding.reason, finding.message);
    }
    match denial {
        _ if covers(name, evidence) => line.is(
            State::Met,
            Reason::Covered,
            "a private repository or a permission of it is proven, so the token covers it",
        ),
        // A fine-grained token for another owner gets this too.
        Denial::NotFound if evidence.kind != TokenKind::FineGrained => line.is(
            State::NotMet,
            Reason::NotAMember,
            format!("the account of the token is no member of {name}: have an owner of {name} invite it"),
        ),
        Denial::MembershipPending => line.is(
            State::NotMet,
            Reason::MembershipPending,
            format!("the account of the token has not accepted its invitation yet: accept it at github.com/orgs/{name}/invitation"),
        ),
        _ if evidence.kind == TokenKind::FineGrained => line.is(
            State::Unproven,
            Reason::CoverageNotProvable,
            format!(
                "GitHub does not tell whether the token was made for {name}, or still waits for approval there: demand a private \
                 repository or a permission of {name} too, or give the token the permission members: read"
            ),
        ),
        _ => line.is(
            State::Unproven,
            Reason::MembershipNotShown,
            format!("GitHub shows the membership in {name} only to tokens with the scope read:org: add it to prove this"),
        ),
    }
}

/// True if a private repository or a permission of the organization was proven, so that a fine-grained token covers it.
fn covers(name: &str, evidence: &Evidence<'_>) -> bool {
    let name = name.to_ascii_lowercase();
    let is_of = |target: &str| target.split('/').next() == Some(&*name);
    evidence.proofs.iter().any(|(probe, proven)| match probe {
        Probe::Repository(target) => proven.facts().is_some_and(|facts| {
            let is_hidden = facts.visibility.is_some_and(|seen| seen != Visibility::Public);
            is_hidden && is_of(&facts.moved_to.as_deref().unwrap_or(target).to_ascii_lowercase())
        }),
        Probe::Permission(permission, target) => {
            is_of(target)
                && permission.row().resource == Resource::Organization
                && permission.get().is_some_and(|get| !get.open)
                && proven.proof().is_some_and(Proof::is_held)
        }
        _ => false,
    })
}
