//! On which repositories and organizations a permission is to be proven.

use super::super::{
    super::{
        permission::{Get, Permission, Resource},
        probe::Probe,
        proof::{Denial, Facts, Proof, Visibility},
    },
    Evidence, Requirement,
};

/// Something on which a permission is to be proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// This can be asked about.
    On(String),
    /// The token must be seen to reach this first; no name if its account is not known yet.
    Awaited(String),
    /// What GitHub answered about this repository names no cause.
    Undecided(String),
    /// The GET is answered on this to everybody; no name if it may be on any organization.
    Open(String),
}

impl Target {
    /// The question, if it can be asked.
    pub(super) fn probe(self, permission: Permission) -> Option<Probe> {
        match self {
            Target::On(target) => Some(Probe::Permission(permission, target.into())),
            Target::Awaited(_) | Target::Undecided(_) | Target::Open(_) => None,
        }
    }

    /// What it is.
    pub(super) fn name(&self) -> &str {
        match self {
            Target::On(name) | Target::Awaited(name) | Target::Undecided(name) | Target::Open(name) => name,
        }
    }
}

/// Everything on which the permission is to be proven; nothing if no such thing is demanded.
pub(super) fn targets(
    permission: Permission,
    demanded: &Requirement,
    evidence: &Evidence<'_>,
) -> Vec<Target> {
    let Some(get) = permission.get() else { return Vec::new() };
    let account = evidence.grant.and_then(|grant| grant.account.as_ref());
    let login = account.map(|account| account.login.to_ascii_lowercase()).filter(|_| get.of_login);
    match permission.row().resource {
        _ if get.of_login && login.is_none() => vec![Target::Awaited(String::new())],
        Resource::Account => vec![Target::On(login.unwrap_or_default())],
        // Any organization may have something public, and nothing tells whether it has anything else.
        Resource::Organization if get.open => vec![Target::Open(String::new())],
        Resource::Organization => {
            let names = demanded.organizations.iter().filter_map(|demand| Probe::organization(&demand.name));
            let place = |name: &str| match &login {
                Some(login) => format!("{name}/{login}"),
                None => name.to_owned(),
            };
            names.map(|probe| Target::On(place(probe.target()))).collect()
        }
        Resource::Repository => of_repositories(get, demanded, evidence),
    }
}

/// The same of a permission of repositories. Two demands may be about one repository that has moved.
fn of_repositories(get: Get, demanded: &Requirement, evidence: &Evidence<'_>) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for probe in demanded.repositories.iter().filter_map(|demand| Probe::repository(&demand.name)) {
        let target = match evidence.proof(&probe) {
            Some(Proof::Held(facts)) if get.open && facts.visibility == Some(Visibility::Public) => {
                Target::Open(place(facts, &probe))
            }
            Some(Proof::Held(facts)) => Target::On(place(facts, &probe)),
            Some(Proof::Denied(Denial::Undecided(_))) => Target::Undecided(probe.target().to_owned()),
            None | Some(Proof::Denied(_)) => Target::Awaited(probe.target().to_owned()),
        };
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    if get.of_owner { one_an_owner(targets, evidence) } else { targets }
}

/// What is asked about the owner is the same question for all of its repositories, so one of them stands for all: the first that is
/// not public, once all of them are known.
fn one_an_owner(targets: Vec<Target>, evidence: &Evidence<'_>) -> Vec<Target> {
    let rank = |target: &Target| match target {
        Target::Awaited(_) => 0,
        Target::On(name) if is_hidden(name, evidence) => 1,
        Target::On(_) => 2,
        Target::Undecided(_) | Target::Open(_) => 3,
    };
    let mut kept: Vec<Target> = Vec::new();
    for target in targets {
        let owner = |target: &Target| target.name().split('/').next().map(str::to_owned);
        match kept.iter_mut().find(|kept| owner(kept) == owner(&target)) {
            Some(kept) if rank(&target) < rank(kept) => *kept = target,
            Some(_) => {}
            None => kept.push(target),
        }
    }
    kept
}

/// Where a repository is now.
fn place(facts: &Facts, probe: &Probe) -> String {
    facts.moved_to.as_deref().unwrap_or_else(|| probe.target()).to_ascii_lowercase()
}

/// What is known of the repository that is there now.
pub(super) fn seen<'a>(target: &str, evidence: &Evidence<'a>) -> Option<&'a Facts> {
    let seen = evidence.proofs.iter().filter(|(probe, _)| matches!(probe, Probe::Repository(_)));
    let facts = seen.filter_map(|(probe, proven)| Some((probe, proven.facts()?)));
    facts.into_iter().find(|(probe, facts)| place(facts, probe) == *target).map(|(_, facts)| facts)
}

/// True if not everybody sees the repository.
fn is_hidden(target: &str, evidence: &Evidence<'_>) -> bool {
    seen(target, evidence).is_some_and(|facts| facts.visibility != Some(Visibility::Public))
}
