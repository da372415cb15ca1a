//! The status that names another token in use before anything is done with it.

use jiff::Timestamp;

use super::{
    rotation::{after, instead, may_be_written, old_host, publishing, rounded_up, short},
    standby::LONGEST,
};
use crate::{
    api::{
        CandidateStatus, ConditionStatus, GithubPatConnectionStatus as Status, Phase, RotatedToken,
        RotationStatus, time,
    },
    domain::{
        Reason,
        candidate::{Considered, Standing},
        decide::Observation,
        excerpt,
        token::HashedToken,
    },
};

/// The status that stands with another token in use, before that is written anywhere: who starts anew goes on with it.
///
/// `named` are the Secrets of the spec: those of an earlier one leave no room for another in the schema. `is_held` is whether an output has,
/// or may have, the earlier token.
pub fn announced(
    before: &Status,
    named: &[&str],
    secret: &str,
    since: Timestamp,
    seen: &Observation,
    is_held: bool,
) -> Status {
    let mut status = before.clone();
    status.candidates.retain(|candidate| named.contains(&&*candidate.secret_name));
    for candidate in status.candidates.iter_mut().filter(|candidate| candidate.in_use) {
        (candidate.in_use, candidate.since) = (false, None);
        let known = before.token.as_ref().filter(|known| known.secret_name == candidate.secret_name);
        candidate.token = known.map(|known| Box::new(known.clone())).or(candidate.token.take());
    }
    let since = Some(time(since));
    match status.candidates.iter_mut().find(|candidate| candidate.secret_name == secret) {
        Some(chosen) => (chosen.in_use, chosen.since) = (true, since),
        None => status.candidates.push(CandidateStatus {
            secret_name: secret.to_owned(),
            in_use: true,
            since,
            usable: ConditionStatus::True,
            reason: Reason::Accepted.as_str().to_owned(),
            message: None,
            token: None,
        }),
    }
    let old = before.token.as_ref().filter(|old| old.accepted_by().is_some());
    let new = seen.token.yes().filter(|new| old.is_some_and(|old| old.hashed_token != new.hashed));
    if let Some((old, new)) = old.zip(new) {
        let account = seen.knowledge.grant.as_ref().and_then(|(grant, _)| grant.account.as_ref());
        let new_token = RotatedToken {
            secret_name: secret.to_owned(),
            kind: new.kind,
            hashed_token: new.hashed,
            login: account.map(|account| account.login.to_string()),
        };
        // What the outputs hold is older than a token that none of them has.
        let unwritten = before
            .rotation
            .as_ref()
            .filter(|open| !is_held && open.is_proving() && open.new_token.hashed_token == old.hashed_token);
        let met = before.condition("RequirementsMet").map(|met| met.status);
        let rotation = match unwritten {
            // They hold this one already.
            Some(open) if open.old_token.hashed_token == new.hashed => return status,
            Some(open) => {
                let is_written = may_be_written(open, Some(old), met);
                instead(open, is_written, new_token, seen.now, seen.finds_another_token())
            }
            None => after(before.rotation.as_ref(), old, new_token, met, seen),
        };
        let (phase, message) = (Phase::Publishing, short(publishing(secret)));
        let host = seen.host.yes().map_or(&*old.host, |host| &*host.name);
        let old_host = old_host(&rotation, before.rotation.as_ref(), old.accepted_by(), host);
        let written_at = rotation.published_at.is_none().then(|| time(rounded_up(seen.now)));
        let rotation = RotationStatus { phase, message, old_host, written_at, interrupted: None, ..rotation };
        status.rotation = Some(rotation);
    }
    status
}

/// Says of each other candidate that is of no use why it is: of the one that was in use before, why it is not any more.
pub fn explain(status: &mut Status, all: &[Considered]) {
    for candidate in status.candidates.iter_mut().filter(|candidate| !candidate.in_use) {
        let known = all.iter().find(|(known, _)| known.secret == candidate.secret_name);
        if let Some((Standing::Unusable(finding) | Standing::Absent(finding), candidate)) =
            known.map(|(known, _)| (&known.standing, candidate))
        {
            let mut message = finding.message.clone();
            excerpt::cut(&mut message, LONGEST);
            candidate.usable = ConditionStatus::False;
            candidate.reason = finding.reason.as_str().to_owned();
            candidate.message = Some(message);
        }
    }
}

/// The status that stands before outputs are written anew that held this token in an open rotation, and of which one has another token now:
/// who starts anew knows that Pods may have started with that one. `None` if there is no such rotation.
pub fn undone(before: &Status, token: HashedToken, now: Timestamp) -> Option<Status> {
    let open = before.rotation.as_ref().filter(|open| open.phase != Phase::SafeToRevoke)?;
    let rotation = if open.published_at.is_some() && open.new_token.hashed_token == token {
        RotationStatus {
            phase: Phase::Publishing,
            message: short(publishing(&open.new_token.secret_name)),
            written_at: open.written_at.clone().or_else(|| open.published_at.clone()),
            published_at: None,
            written_anew_at: Some(time(rounded_up(now))),
            other_connections: None,
            ..open.clone()
        }
    } else {
        open.interrupted.as_ref().filter(|interrupted| interrupted.hashed_token == token)?;
        RotationStatus { interrupted: None, ..open.clone() }
    };
    Some(Status { rotation: Some(rotation), ..before.clone() })
}
