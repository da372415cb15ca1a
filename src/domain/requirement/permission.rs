//! Which permissions a fine-grained token must have, and which it must not have.
//!
//! Each is asked about on each repository or organization that is demanded. A line is met only if that holds on all of them; else it
//! names the first that says otherwise.

mod target;

use std::collections::BTreeMap;

use super::{
    super::{
        Reason,
        permission::{Level, Permission, Resource, find, nearest, never},
        probe::Probe,
        proof::{Denial, Proof, Visibility},
        token::TokenKind,
    },
    Evidence, Requirement,
    line::{Kind, Line, State, policy},
    organization,
};
use target::{Target, seen, targets};

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
    let of = |(key, level): (&String, &Level)| {
        let row = find(key)?;
        let permission = Permission::provable(row, *level)?;
        let targets = targets(permission, demanded, evidence);
        Some(targets.into_iter().filter_map(move |target| target.probe(permission)))
    };
    all.filter_map(of).flatten().collect()
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
    let targets = targets(permission, demanded, evidence);
    let on_each = targets.iter().map(|target| on(line.clone(), target, level, permission, evidence));
    let on_each: Vec<_> = on_each.collect();
    match on_each.len() {
        0 => nothing(line, row.resource),
        1 => on_each.into_iter().next().unwrap_or(line),
        _ => {
            let probes = targets.into_iter().filter_map(|target| target.probe(permission));
            let each =
                probes.filter_map(|probe| evidence.proven(&probe).cloned().map(|proven| (probe, proven)));
            Line { each: each.collect(), ..all(on_each).unwrap_or(line) }
        }
    }
}

/// There is nothing on which it could be proven.
fn nothing(line: Line, resource: Resource) -> Line {
    let (what, field) = match resource {
        Resource::Organization => ("an organization", "require.organizations"),
        Resource::Repository | Resource::Account => ("a repository", "require.repositories"),
    };
    let message = format!("there is nothing to prove it on: name {what} in {field}");
    line.is(State::Unproven, Reason::NotProvable, message)
}

/// What is known of the demand on one of its targets.
fn on(line: Line, target: &Target, level: Level, permission: Permission, evidence: &Evidence<'_>) -> Line {
    let line = Line { on: Some(target.name().to_owned()), ..line };
    match target {
        Target::On(on) => {
            let probe = Probe::Permission(permission, on.as_str().into());
            proven(line, level, permission, &probe, evidence)
        }
        Target::Awaited(_) => {
            let message = "it is asked about once GitHub has told what the token sees";
            line.is(State::Unknown, Reason::ProofAwaited, message)
        }
        Target::Undecided(_) => line.is(
            State::Unproven,
            Reason::RoleOrFeature,
            "it is not asked about, since GitHub's answer about the repository names no cause",
        ),
        Target::Open(_) if permission.row().resource == Resource::Organization => line.is(
            State::Unproven,
            Reason::NotProvable,
            "GitHub answers this to everybody as far as it is public: look at the token's page on GitHub",
        ),
        Target::Open(_) => line.is(
            State::Unproven,
            Reason::PublicRepository,
            "GitHub answers this to everybody on public repositories, so that nothing proves it on this one: to prove it, demand \
             private repositories only",
        ),
    }
}

/// What holds on all of them: the gravest of these lines, and of equals the first. `None` if there are none.
fn all(mut on_each: Vec<Line>) -> Option<Line> {
    let is_forbidden = on_each.iter().any(|line| line.kind == Kind::ForbiddenPermission);
    if is_forbidden && on_each.iter().any(|line| line.state == State::Met) {
        // A token has one set of permissions. It lacks this one, so that it does not matter which repositories it covers.
        let is_refused = |line: &&mut Line| line.finding.reason == Reason::CoverageNotProvable;
        on_each.iter_mut().filter(is_refused).for_each(|line| *line = absent(line.clone()));
    }
    let at = on_each.iter().filter_map(|line| line.at).min();
    let has_it = |line: &&Line| matches!(line.finding.reason, Reason::Proven | Reason::WriteNotProvable);
    let granted = on_each.iter().find(has_it).and_then(|line| line.on.clone()).filter(|_| !is_forbidden);
    let mut gravest = on_each.into_iter().min_by_key(|line| line.state.rank())?;
    match (gravest.finding.reason, granted) {
        (Reason::PermissionMissing, Some(other)) => {
            gravest.finding.message += &format!("; GitHub grants it on {other}");
        }
        _ if gravest.state == State::Met => (gravest.on, gravest.at) = (None, at),
        _ => {}
    }
    Some(gravest)
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
        (Kind::ForbiddenPermission, None) => absent(line),
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

/// A forbidden permission that the token is seen to lack.
fn absent(line: Line) -> Line {
    line.is(State::Met, Reason::Proven, "the token does not have it")
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
        Resource::Repository => seen(target, evidence).is_some_and(|facts| {
            facts.visibility != Some(Visibility::Public)
                || !facts.archived && takes_push(target, evidence)
                || has_another(target, evidence)
        }),
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
        Proof::Held(_) if is_forbidden && permission.level() >= level && !proof.convicts() => undecided(line),
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
