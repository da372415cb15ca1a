//! The change from one token in use to the next, as a person follows it. The status remembers it until the next one begins.

mod message;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{Pass, consumers};
use crate::{
    api::{
        ConditionStatus, FurtherOldToken, InterruptedRotation, Phase, RotatedToken, RotationStatus,
        StatusSummary, TokenStatus, time,
    },
    domain::{
        Reason,
        candidate::{Candidate, Standing},
        decide::{Found, Holds, Observation, Stand},
        probing::schedule::later,
        reason::Dead,
        token::HashedToken,
        workload::Following,
    },
};
use message::{page, proving, restarting, safe, unpublished, waiting};
pub(super) use message::{publishing, short};

/// The most further old tokens that are named.
const FURTHER: usize = 3;

/// A phase, and whether what it awaits has come to be.
type Step = (Phase, fn(&Pass<'_>) -> bool);

/// The phases before the last one, in order: a rotation stands at the first that has not come to be.
const STEPS: [Step; 4] = [
    (Phase::Proving, is_proven),
    (Phase::Publishing, is_published),
    (Phase::Restarting, is_restarted),
    (Phase::WaitingForConsumers, is_consumed),
];

fn is_proven(pass: &Pass<'_>) -> bool {
    let judgement = &pass.decision.judgement;
    let is_accepted = judgement.identity.yes().is_some() && pass.seen.knowledge.refused.is_none();
    is_accepted && judgement.requirements.yes().is_some()
}

fn is_published(pass: &Pass<'_>) -> bool {
    pass.stands.iter().all(|(_, stand)| *stand == Stand::Wanted) && !is_contended(pass)
}

/// What another writer keeps changing may hold the old token again in the next moment.
fn contended<'a>(pass: &'a Pass<'_>) -> impl Iterator<Item = (&'a str, &'a Stand)> {
    let is_contended =
        |stand: &Stand| matches!(stand, Stand::Refused(finding) if finding.reason == Reason::Contended);
    let others = pass.others.iter().filter(move |(_, stand)| is_contended(stand));
    others.map(|(name, stand)| (name.as_str(), stand))
}

fn is_contended(pass: &Pass<'_>) -> bool {
    contended(pass).next().is_some()
}

/// True if an output had another token, or may have had one, since every output held the new one at that instant.
fn is_undone(published: Timestamp, pass: &Pass<'_>) -> bool {
    // The one is rounded down to a whole second, the other up.
    let was_rewritten = pass.after.rewritten.is_some_and(|rewritten| rewritten >= published);
    was_rewritten || pass.seen.finds_another_token() || is_contended(pass)
}

fn is_restarted(pass: &Pass<'_>) -> bool {
    let is_over = |following: &Following| following.published.is_some() && following.awaited().is_none();
    pass.after.restart.is_empty() || pass.after.following.is_some_and(is_over)
}

fn is_consumed(pass: &Pass<'_>) -> bool {
    let is_seen = |following: &&Following| following.published.is_some() && following.consumers.is_some();
    let is_over =
        pass.after.following.filter(is_seen).is_some() && behind(pass).is_none() && earlier(pass).is_none();
    !pass.after.lists_consumers || pass.stands.is_empty() || is_over
}

/// What keeps the old token from being revoked once nothing of the connection's own is to be done.
struct Left {
    message: String,
    /// How many other connections have it, if that is all.
    other_connections: Option<i64>,
}

fn left(rotation: &RotationStatus, pass: &Pass<'_>) -> Option<Left> {
    let holds = "every output holds the new token";
    let own = |message| Some(Left { message, other_connections: None });
    if let Some(former) = pass.after.holders.and_then(|holders| consumers::listed(&holders.own)) {
        return own(format!(
            "{holds}, and these former outputs are still there with the old one: {former}; have their finalizers ended"
        ));
    }
    if let Some(outputs) = pass.after.holders.and_then(|holders| consumers::listed(&holders.taken_in)) {
        return own(format!(
            "{holds}, and these take the old one in by extraEntriesFrom: {outputs}; put the new one into the Secret that they name"
        ));
    }
    // What a status remembers may come from a backup.
    if !pass.seen.has_heard() {
        return own(format!(
            "{holds}; the operator has GitHub asked about it once more, since it has started anew"
        ));
    }
    let holders = pass.after.holders.filter(|holders| holders.others() > 0 || holders.is_partial)?;
    if holders.others() == 0 {
        return Some(unlooked(
            rotation,
            format!("{holds}; the operator checks whether connections of another operator have the old one"),
        ));
    }
    let elsewhere = match holders.elsewhere {
        0 => None,
        1 => Some("one of another namespace".to_owned()),
        count => Some(format!("{count} of other namespaces")),
    };
    let who: Vec<_> = consumers::listed(&holders.beside).into_iter().chain(elsewhere).collect();
    let message = format!(
        "{holds}, and these other connections are not done with the old one: {}; they are waited for: give each another token, or do what its status asks",
        who.join(", and ")
    );
    Some(Left { message, other_connections: Some(i64::try_from(holders.others()).unwrap_or(i64::MAX)) })
}

/// What is said while nobody knows whether others have it: what was known last, if that is more.
fn unlooked(rotation: &RotationStatus, message: String) -> Left {
    let is_told = rotation.phase == Phase::WaitingForConsumers;
    match rotation.other_connections.filter(|_| is_told) {
        Some(others) => Left { message: rotation.message.clone(), other_connections: Some(others) },
        // Nothing of its own is left, so that nobody waits for this one.
        None => Left { message, other_connections: Some(0) },
    }
}

/// The Pods that still run with the old token, each with whether it does until it is restarted.
fn behind(pass: &Pass<'_>) -> Option<BTreeMap<String, bool>> {
    let following = pass.after.following?;
    consumers::behind(following.consumers.as_ref()?, following.published?, pass.seen.now)
}

/// What names an earlier version of an output.
fn earlier(pass: &Pass<'_>) -> Option<BTreeSet<String>> {
    consumers::earlier(pass.after.following?.consumers.as_ref()?)
}

/// The rotation after this pass. While there is no token, or it is not looked at, it stays as it was.
pub(super) fn next(
    summary: Option<&StatusSummary>,
    token: Option<&TokenStatus>,
    pass: &Pass<'_>,
) -> Option<RotationStatus> {
    let before = summary.and_then(|summary| summary.rotation.as_deref());
    let is_looked_at = pass.seen.token.yes().is_some() && pass.seen.host.yes().is_some();
    let (Some(token), true) = (token, is_looked_at && !pass.seen.demand.suspend) else {
        return before.cloned();
    };
    let last = summary.and_then(|summary| summary.token.as_deref());
    let is_elsewhere = last.is_some_and(|last| last.host != token.host);
    let met = summary.and_then(|summary| summary.condition("RequirementsMet")).map(|met| met.status);
    let may_be_written = before.is_some_and(|open| may_be_written(open, last, met));
    let rotation = match before {
        // Of a token that another host is to know from now on nothing is left to tell.
        Some(same)
            if is_elsewhere
                && same.new_token.hashed_token == token.hashed_token
                && same.phase == Phase::SafeToRevoke =>
        {
            return None;
        }
        Some(same) if same.new_token.hashed_token == token.hashed_token => same.clone(),
        // The old token is back before anybody had the new one: what outputs held in between is to be replaced.
        Some(open)
            if open.old_token.hashed_token == token.hashed_token
                && open.is_proving()
                && (!finds_others(pass) || !may_be_held(open, was_accepted(open, last))) =>
        {
            match taken_up(open, may_be_written, &token.into(), pass.seen.now, finds_others(pass)) {
                Some(same) => same,
                // It was held and put back, and an output had another one in between.
                None if open.interrupted.as_ref().is_some_and(|it| it.hashed_token == token.hashed_token) => {
                    let rotation = begun(open.new_token.clone(), token.into(), pass.seen.now);
                    RotationStatus {
                        further_old_tokens: unrevoked(open, may_be_written, &rotation),
                        ..rotation
                    }
                }
                // One that is not proven takes the place of another in the same Secret only.
                None => resumed(open, &open.new_token.secret_name, token.into(), pass.seen.now)?,
            }
        }
        // It was announced, and the old token is in use still: the status names no other one.
        Some(open)
            if open.old_token.hashed_token == token.hashed_token
                && last.is_some_and(|last| last.hashed_token == token.hashed_token) =>
        {
            let rotation = begun(open.new_token.clone(), token.into(), pass.seen.now);
            match finds_others(pass) {
                true => RotationStatus {
                    further_old_tokens: unrevoked(open, may_be_written, &rotation),
                    ..rotation
                },
                false => resumed(open, &token.secret_name, token.into(), pass.seen.now)?,
            }
        }
        Some(open)
            if open.phase != Phase::SafeToRevoke && open.old_token.hashed_token != token.hashed_token =>
        {
            instead(open, may_be_written, token.into(), pass.seen.now, finds_others(pass))
        }
        _ => {
            let last = last.filter(|last| last.hashed_token != token.hashed_token);
            match last.filter(|last| last.accepted_by().is_some()) {
                Some(last) => after(before, last, token.into(), met, pass.seen),
                None if is_elsewhere => return None,
                None => return before.cloned(),
            }
        }
    };
    let last_host = last.map(|last| last.accepted_by().unwrap_or(&last.host));
    let old_host = old_host(&rotation, before, last_host, &token.host);
    let rotation = RotationStatus { old_host, ..rotation };
    let is_over = rotation.phase == Phase::SafeToRevoke && !lives_again(&rotation, pass);
    Some(if is_over { rotation } else { advanced(rotation, token, pass) })
}

/// True if an output had another token than the one in use.
fn finds_others(pass: &Pass<'_>) -> bool {
    pass.seen.finds_another_token() || pass.after.rewritten.is_some()
}

/// The host of the old token, if it is not the present one. `host` is that of the token that was in use before this pass.
pub(super) fn old_host(
    rotation: &RotationStatus,
    before: Option<&RotationStatus>,
    host: Option<&str>,
    present: &str,
) -> Option<String> {
    let same = before.filter(|open| open.old_token.hashed_token == rotation.old_token.hashed_token);
    let host = same.and_then(|open| open.old_host.as_deref()).or(host);
    host.filter(|host| *host != present).map(str::to_owned)
}

/// The rotation from the same old token to another new one, or the one to that token which was interrupted, unless an output has another
/// token by now (`finds_others`).
pub(super) fn instead(
    open: &RotationStatus,
    may_be_written: bool,
    new_token: RotatedToken,
    now: Timestamp,
    finds_others: bool,
) -> RotationStatus {
    if let Some(same) = taken_up(open, may_be_written, &new_token, now, finds_others) {
        return same;
    }
    let rotation = begun(open.old_token.clone(), new_token, now);
    RotationStatus {
        old_token_ended: open.old_token_ended.clone(),
        further_old_tokens: unrevoked(open, may_be_written, &rotation),
        interrupted: interrupted(open),
        ..rotation
    }
}

/// The rotation to this token that was interrupted, if every output has held the token all the time.
fn taken_up(
    open: &RotationStatus,
    may_be_written: bool,
    new_token: &RotatedToken,
    now: Timestamp,
    finds_others: bool,
) -> Option<RotationStatus> {
    let before = open.interrupted.as_ref().filter(|_| open.is_proving() && !finds_others)?;
    if before.hashed_token != new_token.hashed_token {
        return None;
    }
    // The old token may have been put back, so that the two have changed places.
    let is_turned = open.old_token.hashed_token == new_token.hashed_token;
    let old_token = if is_turned { &open.new_token } else { &open.old_token };
    let rotation = begun(old_token.clone(), new_token.clone(), now);
    Some(RotationStatus {
        old_token_ended: open.old_token_ended.clone().filter(|_| !is_turned),
        further_old_tokens: unrevoked(open, may_be_written, &rotation),
        started_at: before.started_at.clone(),
        published_at: Some(before.published_at.clone()),
        written_anew_at: before.written_anew_at.clone(),
        ..rotation
    })
}

/// What the next rotation remembers of this one, if every output holds its new token or still holds that of the one before.
fn interrupted(open: &RotationStatus) -> Option<InterruptedRotation> {
    match &open.published_at {
        Some(published_at) => Some(InterruptedRotation {
            hashed_token: open.new_token.hashed_token,
            started_at: open.started_at.clone(),
            published_at: published_at.clone(),
            written_anew_at: open.written_anew_at.clone(),
        }),
        None => open.interrupted.clone().filter(|_| open.is_proving()),
    }
}

fn begun(old_token: RotatedToken, new_token: RotatedToken, now: Timestamp) -> RotationStatus {
    let (phase, message) = (Phase::Proving, String::new());
    let started_at = time(now);
    RotationStatus {
        phase,
        old_token,
        old_host: None,
        new_token,
        further_old_tokens: Vec::new(),
        started_at,
        message,
        old_token_ended: None,
        written_at: None,
        published_at: None,
        written_anew_at: None,
        interrupted: None,
        other_connections: None,
        revoke_at: None,
    }
}

/// The rotation from the token that outputs held last to one that they held before it, after one that they never held; `None` if
/// there is nothing in between. It was in this Secret.
fn resumed(
    open: &RotationStatus,
    secret: &str,
    new_token: RotatedToken,
    now: Timestamp,
) -> Option<RotationStatus> {
    let mut further_old_tokens = open.further_old_tokens.clone();
    let FurtherOldToken { kind, hashed_token, login } = further_old_tokens.pop()?;
    let secret_name = secret.to_owned();
    let old_token = RotatedToken { secret_name, kind, hashed_token, login };
    let interrupted = interrupted(open).filter(|interrupted| interrupted.hashed_token == hashed_token);
    Some(RotationStatus { further_old_tokens, interrupted, ..begun(old_token, new_token, now) })
}

/// True unless no output can have the new token. One that was proven and does not do any more may be in some of them.
fn may_be_held(open: &RotationStatus, may_be_written: bool) -> bool {
    let is_told = open.written_at.is_some() || open.written_anew_at.is_some();
    !open.is_proving() || is_told || may_be_written
}

/// True if an operator that was stopped before it said so may have written the new token: GitHub has accepted it, and it lacked nothing that is
/// required (`met`), by what was known last.
pub(super) fn may_be_written(
    open: &RotationStatus,
    last: Option<&TokenStatus>,
    met: Option<ConditionStatus>,
) -> bool {
    was_accepted(open, last) && met != Some(ConditionStatus::False)
}

fn was_accepted(open: &RotationStatus, last: Option<&TokenStatus>) -> bool {
    last.is_some_and(|last| last.hashed_token == open.new_token.hashed_token && last.accepted_by().is_some())
}

/// The tokens that outputs may have held since an open rotation began, and of which nobody was told yet that they can be revoked, but
/// for the two of this rotation.
fn unrevoked(open: &RotationStatus, may_be_written: bool, rotation: &RotationStatus) -> Vec<FurtherOldToken> {
    if open.phase == Phase::SafeToRevoke {
        return Vec::new();
    }
    let old = Some(&open.old_token).filter(|_| open.old_token_ended.is_none());
    let new = Some(&open.new_token).filter(|_| may_be_held(open, may_be_written));
    let (old, new) = (old.map(FurtherOldToken::from), new.map(FurtherOldToken::from));
    let own = [&rotation.old_token, &rotation.new_token].map(|token| token.hashed_token);
    let all = old.into_iter().chain(open.further_old_tokens.iter().cloned()).chain(new);
    let mut others: Vec<_> = all.filter(|token| !own.contains(&token.hashed_token)).collect();
    others.split_off(others.len().saturating_sub(FURTHER))
}

/// The rotation that takes the place of a token of which this was known last. `before` is the one that stood.
pub(super) fn after(
    before: Option<&RotationStatus>,
    old: &TokenStatus,
    new_token: RotatedToken,
    met: Option<ConditionStatus>,
    seen: &Observation,
) -> RotationStatus {
    // A host that never accepted it does not speak for the one that did.
    let told = Some(old).filter(|old| old.accepted_before.is_none());
    let refused = told.and_then(|old| old.refused.as_ref()).filter(|refused| refused.count >= refused.needed);
    let is_gone = refused.is_some_and(|refused| refused.reason == Reason::BadCredentials.as_str());
    // Its Secret may be gone, so that nothing else tells of it. GitHub goes on accepting one whose end a person declared.
    let ends = told.and_then(|old| old.ends(None));
    let has_ended = ends.is_some_and(|ends| ends <= seen.github_now());
    let ended = is_gone.then_some(Reason::BadCredentials).or(has_ended.then_some(Reason::Expired));
    let old_token_ended = ended.map(|reason| reason.as_str().to_owned());
    let rotation = begun(old.into(), new_token, seen.now);
    let further = |open: &RotationStatus| {
        let may_be_written = may_be_written(open, Some(old), met);
        unrevoked(open, may_be_written, &rotation)
    };
    let further_old_tokens = before.map(further).unwrap_or_default();
    // The old token of one that is open was put back.
    let is_turned = |open: &&RotationStatus| {
        open.phase != Phase::SafeToRevoke
            && open.old_token.hashed_token == rotation.new_token.hashed_token
            && open.new_token.hashed_token == rotation.old_token.hashed_token
    };
    let interrupted = before.filter(is_turned).and_then(interrupted);
    RotationStatus { old_token_ended, further_old_tokens, interrupted, ..rotation }
}

/// The rotation in the phase in which it is now, with what to do next.
fn advanced(rotation: RotationStatus, token: &TokenStatus, pass: &Pass<'_>) -> RotationStatus {
    let awaited = STEPS.iter().find(|(_, is_done)| !is_done(pass)).map(|(phase, _)| *phase);
    // While it is not proven nothing is written, so that the instant is of use still.
    let published = rotation.published_at.as_ref().filter(|_| awaited != Some(Phase::Proving));
    let is_undone = published.is_some_and(|at| is_undone(at.0, pass));
    // Nobody has looked since.
    let is_as_before = awaited == Some(Phase::WaitingForConsumers) && awaited == Some(rotation.phase);
    if is_as_before && !is_undone && !is_looked(pass) {
        return rotation;
    }
    let lives_again = lives_again(&rotation, pass);
    // Nobody has looked who has it while it was of no use.
    let is_called_safe = rotation.phase == Phase::SafeToRevoke;
    let awaited = if is_called_safe { Some(Phase::WaitingForConsumers) } else { awaited };
    let ended = rotation.old_token_ended.clone().filter(|_| !lives_again);
    // The present host does not speak for another one.
    let ended =
        ended.or_else(|| found_ended(&rotation.old_token, pass).filter(|_| rotation.old_host.is_none()));
    // Who has what is of no use needs not be waited for.
    let left = if awaited.is_none() && ended.is_none() { left(&rotation, pass) } else { None };
    let phase = awaited.or(left.as_ref().map(|_| Phase::WaitingForConsumers)).unwrap_or(Phase::SafeToRevoke);
    let other_connections = left.as_ref().and_then(|left| left.other_connections);
    let new_token = RotatedToken::from(token);
    let message = match phase {
        Phase::Proving => proving(token, pass),
        Phase::Publishing => unpublished(&new_token.secret_name, pass),
        Phase::Restarting => restarting(pass),
        Phase::WaitingForConsumers if is_called_safe => {
            "GitHub accepts the old token again; the operator checks who still has it".to_owned()
        }
        Phase::WaitingForConsumers => left.map_or_else(|| waiting(pass), |left| left.message),
        Phase::SafeToRevoke => safe(&rotation, ended.as_deref(), pass),
    };
    let old = Some(rotation.old_token.kind).filter(|_| ended.is_none());
    let kind = old.or(rotation.further_old_tokens.first().map(|further| further.kind));
    let kind = kind.filter(|_| phase == Phase::SafeToRevoke && rotation.old_host.is_none());
    let revoke_at = pass.web.zip(kind).map(|(web, kind)| format!("{web}/{}", page(kind)));
    let message = short(message);
    let is_published = phase > Phase::Publishing;
    let written_at = pass.seen.now.max(pass.after.acted);
    // What lies ahead was written by a clock that was wrong.
    let published_at =
        rotation.published_at.clone().filter(|at| !is_undone && at.0 <= rounded_up(written_at));
    let published_at = published_at.or_else(|| is_published.then(|| time(rounded_up(written_at))));
    // Who was stopped before it said so may have written it.
    let has_it = |found: &Found| {
        let same = |holds: &Holds| matches!(holds, Holds::Wanted | Holds::Other { same_token: true, .. });
        matches!(found, Found::Ours { holds, .. } if same(holds))
    };
    let is_held = phase > Phase::Proving || pass.seen.found.iter().any(has_it);
    let before = rotation.written_at.as_ref().or(rotation.published_at.as_ref());
    let before = before.map(|at| time(at.0.min(rounded_up(written_at))));
    let began = before.or_else(|| is_held.then(|| time(rounded_up(written_at))));
    let began = began.filter(|_| published_at.is_none());
    let written_anew_at = is_undone.then(|| time(rounded_up(written_at)));
    let again = published_at.as_ref().filter(|_| rotation.published_at.is_none());
    let again = again.filter(|_| rotation.written_anew_at.is_some()).cloned();
    let written_anew_at = written_anew_at.or(again).or_else(|| rotation.written_anew_at.clone());
    let interrupted = rotation.interrupted.clone().filter(|_| phase == Phase::Proving);
    RotationStatus {
        phase,
        new_token,
        message,
        old_token_ended: ended,
        written_at: began,
        published_at,
        written_anew_at,
        interrupted,
        other_connections,
        revoke_at,
        ..rotation
    }
}

/// True if somebody has looked in this pass, and seen who names an output or why that cannot be seen.
fn is_looked(pass: &Pass<'_>) -> bool {
    pass.after
        .following
        .is_some_and(|following| following.consumers.is_some() || following.unlisted.is_some())
}

/// The instant in whole seconds, not before it.
pub(super) fn rounded_up(at: Timestamp) -> Timestamp {
    let whole = Timestamp::from_second(at.as_second()).unwrap_or(at);
    if whole == at { at } else { later(whole, SignedDuration::from_secs(1)) }
}

/// Why the old token needs not be revoked, if it stands by and is known to be of no use.
fn found_ended(old: &RotatedToken, pass: &Pass<'_>) -> Option<String> {
    let mut all = pass.standbys?.all.iter();
    let (old, seen) = all.find(|(candidate, _)| candidate.token == Some(old.hashed_token))?;
    let Standing::Unusable(finding) = &old.standing else { return None };
    let is_over = match finding.reason {
        Reason::BadCredentials => true,
        Reason::Expired => seen.as_ref().is_some_and(|seen| seen.is_over_at_github()),
        _ => false,
    };
    is_over.then(|| finding.reason.as_str().to_owned())
}

/// True if the old token was called of no use, and stands by as one that GitHub accepts.
fn lives_again(rotation: &RotationStatus, pass: &Pass<'_>) -> bool {
    let is_accepted = |standing: &Standing| match standing {
        Standing::Usable => true,
        Standing::Unusable(finding) => finding.reason.dead().is_none(),
        Standing::Unknown(_) | Standing::Absent(_) => false,
    };
    rotation.old_token_ended.is_some()
        && stands_by_as(rotation.old_token.hashed_token, pass, is_accepted).is_some()
}

/// The Secret in which the token stands by, unless it is of no use to anybody any more: it could take over again, at the latest once what keeps
/// it from that is mended.
fn stands_by<'a>(token: HashedToken, pass: &Pass<'a>) -> Option<&'a str> {
    let serves = |standing: &Standing| match standing {
        Standing::Usable => true,
        Standing::Unusable(finding) => !finding.reason.dead().is_some_and(Dead::is_final),
        Standing::Unknown(_) | Standing::Absent(_) => false,
    };
    stands_by_as(token, pass, serves)
}

fn stands_by_as<'a>(
    token: HashedToken,
    pass: &Pass<'a>,
    serves: impl Fn(&Standing) -> bool,
) -> Option<&'a str> {
    let standbys = pass.standbys?;
    let mut others = standbys.all.iter().enumerate().filter(|(place, _)| *place != standbys.place);
    let is_it = |candidate: &Candidate| candidate.token == Some(token) && serves(&candidate.standing);
    others.find_map(|(_, (candidate, _))| is_it(candidate).then_some(&*candidate.secret))
}
