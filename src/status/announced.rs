//! The status that names another token in use before anything is done with it.

use jiff::Timestamp;

use super::rotation::{after, publishing, short};
use crate::{
    api::{
        CandidateStatus, ConditionStatus, GithubPatConnectionStatus as Status, Phase, RotatedToken,
        RotationStatus, time,
    },
    domain::{Reason, decide::Observation},
};

/// The status that stands with another token in use, before that is written anywhere: who starts anew goes on with it.
///
/// `named` are the Secrets of the spec: those of an earlier one leave no room for another in the schema.
pub fn announced(
    before: &Status,
    named: &[&str],
    secret: &str,
    since: Timestamp,
    seen: &Observation,
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
    let old = before.token.as_ref().filter(|old| old.first_proven_at.is_some());
    let new = seen.token.yes().filter(|new| old.is_some_and(|old| old.hashed_token != new.hashed));
    if let Some((old, new)) = old.zip(new) {
        let account = seen.knowledge.grant.as_ref().and_then(|(grant, _)| grant.account.as_ref());
        let new_token = RotatedToken {
            secret_name: secret.to_owned(),
            kind: new.kind,
            hashed_token: new.hashed,
            login: account.map(|account| account.login.to_string()),
        };
        let rotation = after(before.rotation.as_ref(), old, new_token, seen);
        let (phase, message) = (Phase::Publishing, short(publishing(secret)));
        status.rotation = Some(RotationStatus { phase, message, ..rotation });
    }
    status
}
