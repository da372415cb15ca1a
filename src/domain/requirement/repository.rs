//! Which repositories the token must see, and to which git must take a push.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Reason,
        probe::Probe,
        proof::{Denial, Facts, Proof, Role},
        token::TokenKind,
    },
    Evidence, Requirement,
    line::{Kind, Line, State, policy},
};

/// A repository that the token must reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct RepositoryDemand {
    /// Its owner and name, as in `acme/app`.
    #[schemars(length(max = 140), extend("x-kubernetes-validations" = [{
        "rule": "self.matches('^[a-zA-Z0-9_-]+/[a-zA-Z0-9_.-]+$') && !self.matches('/[.][.]?$')",
        "message": "name must be owner/name of a repository, such as acme/app, and no URL",
    }]))]
    pub name: String,
    /// Whether the token must only see it, or git must take a push too.
    #[serde(default)]
    pub access: Access,
}

/// What the token must be able to do with a repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Access {
    /// See it.
    #[default]
    Read,
    /// Push to it.
    Push,
}

/// One line a repository, and one more for a push.
pub(super) fn lines(demanded: &Requirement, evidence: &Evidence<'_>) -> Vec<Line> {
    let of = |demand: &RepositoryDemand| {
        let push = (demand.access == Access::Push).then(|| push(&demand.name, evidence));
        std::iter::once(line(demand, evidence)).chain(push).collect::<Vec<_>>()
    };
    demanded.repositories.iter().flat_map(of).collect()
}

/// What is to be asked: whether the token sees the repository, then whether git takes a push.
pub(super) fn probes(demanded: &Requirement, evidence: &Evidence<'_>) -> Vec<Probe> {
    let of = |demand: &RepositoryDemand| {
        let seen = Probe::repository(&demand.name)?;
        let facts = evidence.proven(&seen).and_then(|proven| proven.facts());
        let is_open = facts.is_some_and(|facts| !facts.archived);
        let push = Probe::push(&demand.name).filter(|_| is_open && demand.access == Access::Push);
        Some(std::iter::once(seen).chain(push))
    };
    demanded.repositories.iter().filter_map(of).flatten().collect()
}

fn line(demand: &RepositoryDemand, evidence: &Evidence<'_>) -> Line {
    let name = &*demand.name;
    let line = Line::new(Kind::Repository, name);
    let Some(probe) = Probe::repository(name) else {
        let message = "this is no owner/name of a repository: correct it in require.repositories";
        return line.is(State::NotMet, Reason::DemandImpossible, message);
    };
    let proven = evidence.proven(&probe);
    match proven.and_then(|proven| proven.proof().map(|proof| (proven, proof))) {
        None => line.awaits(proven),
        Some((proven, Proof::Held(facts))) => {
            let mut line = line.by(proven).is(State::Met, Reason::Proven, seen(facts));
            // It matters for a push only.
            line.facts.role = line.facts.role.filter(|_| demand.access == Access::Push);
            line
        }
        Some((proven, Proof::Denied(denial))) => denied(line.by(proven), name, *denial, evidence.kind),
    }
}

/// What there is to know of a repository that the token sees.
fn seen(facts: &Facts) -> String {
    let mut words = "the token sees it".to_owned();
    if let Some(name) = &facts.moved_to {
        words += &format!("; its name is {name} now: use that in require.repositories");
    }
    if facts.archived {
        words += "; it is archived";
    }
    words
}

fn denied(line: Line, name: &str, denial: Denial, kind: TokenKind) -> Line {
    let owner = name.split('/').next().unwrap_or(name);
    if let Some(finding) = policy(denial, owner) {
        return line.is(State::NotMet, finding.reason, finding.message);
    }
    match denial {
        Denial::NotFound => line.is(State::NotMet, Reason::RepositoryNotVisible, not_visible(owner, kind)),
        _ => line.is(
            State::Unproven,
            Reason::RoleOrFeature,
            "GitHub answers 403 for a cause that it does not name",
        ),
    }
}

/// The causes for which GitHub shows a token no repository; it does not tell which. That fine-grained tokens do not reach what their
/// account is an outside collaborator of stands in GitHub's list of limitations:
/// <https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/managing-your-personal-access-tokens#fine-grained-personal-access-tokens-limitations>
fn not_visible(owner: &str, kind: TokenKind) -> String {
    let always = "GitHub shows the token no such repository, which has the same answer for each cause: it does not exist; the \
                  account has no access";
    if kind != TokenKind::FineGrained {
        return always.to_owned();
    }
    format!(
        "{always}; the token was made without it, for another owner than {owner}, or waits for approval; the account is no member \
         of {owner} but an outside collaborator, for which only a classic token serves"
    )
}

/// What the repository shows of the account's role, which is no proof of what the token may.
fn told(role: Option<Role>) -> String {
    role.map_or_else(String::new, |role| {
        format!("; the account has the role {} there, whatever the token may", role.as_str())
    })
}

/// Why git refuses a push, as far as the role of the account tells.
fn refused(role: Option<Role>) -> String {
    let token = "the token needs the scope repo (public_repo for public repositories) or, if it is fine-grained, the permission \
                 contents: write on this repository";
    match role {
        None => format!("git refuses a push: the account needs the role Write, and {token}"),
        Some(role) if role >= Role::Write => {
            format!("git refuses a push, though the account has the role {}: {token}", role.as_str())
        }
        Some(role) => format!(
            "git refuses a push: the account has the role {} there and needs Write, which an administrator of the repository \
             gives; {token}",
            role.as_str()
        ),
    }
}

fn push(name: &str, evidence: &Evidence<'_>) -> Line {
    let line = Line::new(Kind::Push, name);
    let (Some(repository), Some(probe)) = (Probe::repository(name), Probe::push(name)) else {
        let message = "this is no owner/name of a repository: correct it in require.repositories";
        return line.is(State::NotMet, Reason::DemandImpossible, message);
    };
    let facts = evidence.proven(&repository).and_then(|proven| proven.facts());
    let role = facts.and_then(|facts| facts.role);
    if facts.is_some_and(|facts| facts.archived) {
        let message = "the repository is archived, so nobody pushes to it: have an owner unarchive it";
        return line.is(State::NotMet, Reason::RepositoryArchived, message);
    }
    if matches!(evidence.proof(&repository), Some(Proof::Denied(Denial::Undecided(_)))) {
        let message = "git is not asked, since GitHub's answer about the repository names no cause";
        return line.is(State::Unproven, Reason::RoleOrFeature, message);
    }
    if matches!(evidence.proof(&repository), Some(Proof::Denied(_))) {
        let message = "git is not asked before the token sees the repository";
        return line.is(State::Unknown, Reason::ProofAwaited, message);
    }
    let proven = evidence.proven(&probe);
    match proven.and_then(|proven| proven.proof().map(|proof| (proven, proof))) {
        None => line.awaits(proven),
        Some((proven, Proof::Held(_))) => line.by(proven).is(
            State::Met,
            Reason::Proven,
            format!("git offers to take a push; rules of branches may still refuse one{}", told(role)),
        ),
        Some((proven, Proof::Denied(denial))) => {
            let line = line.by(proven);
            let owner = name.split('/').next().unwrap_or(name);
            match policy(*denial, owner) {
                Some(finding) => line.is(State::NotMet, finding.reason, finding.message),
                None if matches!(denial, Denial::Undecided(_)) => {
                    let message = "git answers 403 for a cause that it does not name";
                    line.is(State::Unproven, Reason::RoleOrFeature, message)
                }
                None => line.is(State::NotMet, Reason::PushRefused, refused(role)),
            }
        }
    }
}
