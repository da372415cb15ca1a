//! Which permissions a fine-grained token must have, and which it must not have.
//!
//! A fine-grained token has one set of permissions for all its repositories, so that one of them suffices to prove a permission; it
//! is the first private one among those that are demanded.

use std::collections::BTreeMap;

use super::{
    super::{
        Reason,
        knowledge::Proven,
        permission::{Level, Permission, Resource, Row, find, nearest, never},
        probe::Probe,
        proof::{Denial, Facts, Proof, Visibility},
        token::TokenKind,
    },
    Evidence, Requirement,
    line::{Kind, Line, State, policy},
    organization,
};

/// One line a permission.
pub(super) fn lines(demanded: &Requirement, evidence: &Evidence<'_>) -> Vec<Line> {
    if evidence.kind != TokenKind::FineGrained {
        return Vec::new();
    }
    let of = |kind, permissions: &BTreeMap<String, Level>| {
        let lines = permissions.iter().map(|(key, level)| line(kind, key, *level, demanded, evidence));
        lines.collect::<Vec<_>>()
    };
    let mut lines = of(Kind::Permission, &demanded.permissions);
    lines.extend(of(Kind::ForbiddenPermission, &demanded.forbid.permissions));
    lines
}

/// What is to be asked.
pub(super) fn probes(demanded: &Requirement, evidence: &Evidence<'_>) -> Vec<Probe> {
    if evidence.kind != TokenKind::FineGrained {
        return Vec::new();
    }
    let all = demanded.permissions.iter().chain(&demanded.forbid.permissions);
    let probe = |(key, level): (&String, &Level)| {
        let row = find(key)?;
        let permission = Permission::provable(row, *level)?;
        match target(row, permission, demanded, evidence) {
            Target::On(target) => Some(Probe::Permission(permission, target.into())),
            Target::Awaited | Target::Open | Target::Missing => None,
        }
    };
    all.filter_map(probe).collect()
}

/// On what a permission is to be proven.
enum Target {
    /// On this.
    On(String),
    /// Nobody knows yet whether a repository is private.
    Awaited,
    /// On none: every repository is public, and the GET is answered there to everybody.
    Open,
    /// On none: no repository or organization is demanded.
    Missing,
}

fn target(row: &Row, permission: Permission, demanded: &Requirement, evidence: &Evidence<'_>) -> Target {
    let is_open = permission.get().is_some_and(|get| get.open);
    let of_login = permission.get().is_some_and(|get| get.of_login);
    let account = evidence.grant.and_then(|grant| grant.account.as_ref());
    let login = account.map(|account| account.login.to_ascii_lowercase()).filter(|_| of_login);
    match row.resource {
        _ if of_login && login.is_none() => Target::Awaited,
        Resource::Account => Target::On(login.unwrap_or_default()),
        // Any organization may have something public, and nothing tells whether it has anything else.
        Resource::Organization if is_open => Target::Open,
        Resource::Organization => {
            let first = demanded.organizations.first().map(|demand| demand.name.to_ascii_lowercase());
            let place = |name: String| match &login {
                Some(login) => format!("{name}/{login}"),
                None => name,
            };
            first.map_or(Target::Missing, |name| Target::On(place(name)))
        }
        Resource::Repository => {
            let seen: Vec<_> = demanded
                .repositories
                .iter()
                .filter_map(|demand| Probe::repository(&demand.name))
                .map(|probe| (evidence.proven(&probe).and_then(|proven| proven.facts().cloned()), probe))
                .collect();
            let hides = |facts: &Option<Facts>| {
                facts.as_ref().is_some_and(|facts| facts.visibility != Some(Visibility::Public))
            };
            let (hidden, visible) =
                (seen.iter().find(|(facts, _)| hides(facts)), seen.iter().find(|(facts, _)| facts.is_some()));
            let is_awaited = seen.iter().any(|(_, probe)| evidence.proof(probe).is_none());
            match (hidden, visible) {
                (Some((facts, probe)), _) => Target::On(place(facts, probe)),
                _ if seen.is_empty() => Target::Missing,
                _ if is_awaited => Target::Awaited,
                (None, Some((facts, probe))) if !is_open => Target::On(place(facts, probe)),
                (None, Some(_)) => Target::Open,
                (None, None) => Target::Awaited,
            }
        }
    }
}

/// Where a repository is now.
fn place(facts: &Option<Facts>, probe: &Probe) -> String {
    let moved = facts.as_ref().and_then(|facts| facts.moved_to.as_deref());
    moved.unwrap_or_else(|| probe.target()).to_ascii_lowercase()
}

fn line(kind: Kind, key: &str, level: Level, demanded: &Requirement, evidence: &Evidence<'_>) -> Line {
    let line = Line::new(kind, format!("{key}: {}", level.as_str()));
    let Some(row) = find(key) else { return unknown(line, key) };
    if !row.levels.contains(&level) {
        let levels: Vec<_> = row.levels.iter().map(|level| level.as_str()).collect();
        let message =
            format!("GitHub has this permission as {} only: correct the level", levels.join(" or "));
        return line.is(State::NotMet, Reason::DemandImpossible, message);
    }
    let Some(permission) = Permission::provable(row, level) else {
        return line.is(
            State::Unproven,
            Reason::NotProvable,
            "no request that only reads tells whether the token has it: look at the token's page on GitHub",
        );
    };
    match target(row, permission, demanded, evidence) {
        Target::On(on) => {
            let probe = Probe::Permission(permission, on.as_str().into());
            let line = Line { on: Some(on), ..line };
            proven(line, level, permission, &probe, evidence)
        }
        Target::Awaited => {
            let message = "it is asked about once GitHub has told what the token sees";
            line.is(State::Unknown, Reason::ProofAwaited, message)
        }
        Target::Open if row.resource == Resource::Organization => line.is(
            State::Unproven,
            Reason::NotProvable,
            "GitHub answers this to everybody as far as it is public: look at the token's page on GitHub",
        ),
        Target::Open => line.is(
            State::Unproven,
            Reason::PublicRepository,
            "GitHub answers this to everybody on public repositories: demand a private repository to prove it",
        ),
        Target::Missing => {
            let (what, field) = match row.resource {
                Resource::Organization => ("an organization", "require.organizations"),
                Resource::Repository | Resource::Account => ("a repository", "require.repositories"),
            };
            let message = format!("there is nothing to prove it on: name {what} in {field}");
            line.is(State::Unproven, Reason::NotProvable, message)
        }
    }
}

fn unknown(line: Line, key: &str) -> Line {
    let message = match (never(key), nearest(key).as_slice()) {
        (Some(instead), _) => format!("fine-grained tokens cannot have this permission: {instead}"),
        (None, []) => "GitHub has no such permission of fine-grained tokens".to_owned(),
        (None, nearest) => {
            format!(
                "GitHub has no such permission of fine-grained tokens; the nearest are {}",
                nearest.join(", ")
            )
        }
    };
    line.is(State::NotMet, Reason::DemandImpossible, message)
}

/// What a refusal for want of the permission says. A token that does not cover a public repository or an organization at all gets the
/// same one: <https://github.com/octokit/octokit.js/issues/2758>.
fn missing(line: Line, resource: Resource, is_covered: bool) -> Line {
    let otherwise = match resource {
        _ if is_covered => None,
        Resource::Repository => Some("was made without this repository, or waits for approval"),
        Resource::Organization | Resource::Account => {
            Some("was made for another owner, or waits for approval")
        }
    };
    match (line.kind, otherwise) {
        (Kind::ForbiddenPermission, None) => line.is(State::Met, Reason::Proven, "the token does not have it"),
        (Kind::ForbiddenPermission, Some(otherwise)) => line.is(
            State::Unproven,
            Reason::CoverageNotProvable,
            format!("the token does not have it, or {otherwise}: demand a private repository too to prove which"),
        ),
        (_, None) => line.is(
            State::NotMet,
            Reason::PermissionMissing,
            "the token lacks it: edit the token on GitHub, tick it, and have an owner of the organization approve that if asked; \
             the value stays the same",
        ),
        (_, Some(otherwise)) => line.is(
            State::NotMet,
            Reason::PermissionMissing,
            format!(
                "the token lacks it, or {otherwise}: look at its page on GitHub, tick what is missing, and have an owner of the \
                 organization approve that if asked; the value stays the same"
            ),
        ),
    }
}

fn undecided(line: Line) -> Line {
    line.is(
        State::Unproven,
        Reason::RoleOrFeature,
        "GitHub's answer names no cause: the account's role may be too low, or the feature is off",
    )
}

/// True if the token is known to cover the repository or organization, so that a refusal speaks of the permission.
fn covers(permission: Permission, target: &str, evidence: &Evidence<'_>) -> bool {
    match permission.row().resource {
        // A token for another owner has no permission of the account.
        Resource::Account => true,
        Resource::Organization => {
            let name = target.split('/').next().unwrap_or(target);
            organization::line(name, evidence).state == State::Met
        }
        Resource::Repository => {
            let is_it = |(probe, proven): (&Probe, &'_ Proven)| {
                let facts = proven.facts().cloned();
                matches!(probe, Probe::Repository(_)) && place(&facts, probe) == *target
            };
            let facts =
                evidence.proofs.iter().find(|found| is_it(*found)).and_then(|(_, proven)| proven.facts());
            facts.is_some_and(|facts| {
                facts.visibility != Some(Visibility::Public)
                    || !facts.archived && takes_push(target, evidence)
                    || has_another(target, evidence)
            })
        }
    }
}

/// True if git takes a push of the token to the repository.
fn takes_push(target: &str, evidence: &Evidence<'_>) -> bool {
    Probe::push(target).and_then(|probe| evidence.proof(&probe)).is_some_and(Proof::is_held)
}

/// True if a permission was proven on it that not everybody has there.
fn has_another(target: &str, evidence: &Evidence<'_>) -> bool {
    evidence.proofs.iter().any(|(probe, proven)| {
        let Probe::Permission(permission, on) = probe else { return false };
        let is_of_it = permission.get().is_some_and(|get| !get.open && !get.of_owner) && **on == *target;
        is_of_it && proven.proof().is_some_and(Proof::is_held)
    })
}

/// True if one answer shows what must not be there, which the next one is to confirm.
fn is_heard_once(evidence: &Evidence<'_>, probe: &Probe) -> bool {
    evidence.proven(probe).is_some_and(|proven| proven.heard == 1)
}

/// What the answer to the GET says about the demand.
fn proven(line: Line, level: Level, permission: Permission, probe: &Probe, evidence: &Evidence<'_>) -> Line {
    let is_forbidden = line.kind == Kind::ForbiddenPermission;
    let proven = evidence.proven(probe);
    let (line, proof) = match proven.and_then(|proven| proven.proof().map(|proof| (proven, proof))) {
        // The absence of a permission is what a forbidden one must show, so one answer that shows it suffices.
        None if is_forbidden && proven.is_some_and(|proven| proven.doubted.is_some()) => {
            return line.is(State::Unknown, Reason::ProofAwaited, "the answer of GitHub is to be confirmed");
        }
        None => return line.awaits(proven),
        Some((proven, proof)) => (line.by(proven), proof),
    };
    match proof {
        // A 404 has other causes too, by which nobody shall be told to edit a good token.
        Proof::Held(facts) if is_forbidden && permission.level() >= level && facts.visibility.is_some() => {
            undecided(line)
        }
        Proof::Held(_) if is_forbidden && permission.level() >= level && is_heard_once(evidence, probe) => {
            line.is(State::Unknown, Reason::ProofAwaited, "the answer of GitHub is to be confirmed")
        }
        Proof::Held(_) if is_forbidden && permission.level() >= level => line.is(
            State::NotMet,
            Reason::PermissionForbidden,
            "the token has it, and require.forbid does not allow it: edit the token on GitHub and take it away",
        ),
        Proof::Held(_) if is_forbidden || permission.level() < level => line.is(
            State::Unproven,
            Reason::WriteNotProvable,
            format!(
                "the token can read it; no request that only reads tells whether it can {} it too",
                level.as_str()
            ),
        ),
        Proof::Held(_) => line.met(),
        Proof::Denied(Denial::PermissionMissing) => {
            let is_covered = covers(permission, probe.target(), evidence);
            missing(line, permission.row().resource, is_covered)
        }
        Proof::Denied(denial) => {
            let owner = probe.target().split('/').next().unwrap_or_default();
            match policy(*denial, owner) {
                Some(finding) => line.is(State::NotMet, finding.reason, finding.message),
                None => undecided(line),
            }
        }
    }
}
