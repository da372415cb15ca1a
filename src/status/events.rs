//! What a status says that the one before it did not, as events. Each is told when the status is written, so once, whoever
//! restarts.

use super::{account, standby::STANDS_BY};
use crate::{
    api::{Condition, ConditionStatus, GithubPatConnectionStatus as Status, Phase, TokenStatus},
    domain::{
        Reason,
        event::{ACCOUNT_CHANGED, ACCOUNT_RENAMED, Event, EventType, SAFE_TO_REVOKE, TOKEN_IN_USE_CHANGED},
    },
};

/// The events of a status that was written in the place of another one.
///
/// That a new connection became Ready is none: its status says so, nothing has got worse, and it would be a third write for each.
pub fn events(before: Option<&Status>, after: &Status) -> Vec<Event> {
    let before = before.filter(|before| before.observed_generation.is_some());
    let told = [ready, expires_soon, account_changed, token_in_use_changed, safe_to_revoke];
    told.iter().filter_map(|told| told(before, after)).collect()
}

fn ready(before: Option<&Status>, after: &Status) -> Option<Event> {
    let ready = after.condition("Ready")?;
    // The schema's default says Unknown.
    let was = before.and_then(|before| before.condition("Ready"));
    let was = was.map_or(ConditionStatus::Unknown, |was| was.status);
    let is_first = before.is_none() && ready.status == ConditionStatus::True;
    if was == ready.status || is_first {
        return None;
    }
    let is_bad = ready.status == ConditionStatus::False;
    let type_ = if is_bad { EventType::Warning } else { EventType::Normal };
    Some(Event::new(type_, ready.reason.parse::<Reason>().ok()?.as_str(), ready.message.clone()))
}

/// One for each of the durations of `warnBefore`: the sentence changes with each.
fn expires_soon(before: Option<&Status>, after: &Status) -> Option<Event> {
    let (type_, reason, now) = stage(after)?;
    let is_news = before.and_then(stage) != Some((type_, reason, now));
    is_news.then(|| Event::new(type_, reason.as_str(), now))
}

/// What is said of the expiry while it is near, or of a token that cannot take over, without what is added to it. What is said of one
/// that stands by may come after the end of the token in use.
fn stage(status: &Status) -> Option<(EventType, Reason, &str)> {
    let reason: Reason = status.condition("NotExpiring")?.reason.parse().ok()?;
    let message = status.message("NotExpiring")?;
    let told = match message.find(STANDS_BY).filter(|_| reason == Reason::StandbyExpiresSoon) {
        Some(at) => message.get(at..)?.find("; ").map_or(message.len(), |end| at.saturating_add(end)),
        None => message.find("; ").unwrap_or(message.len()),
    };
    Some((reason.event()?, reason, message.get(..told)?))
}

/// The Secret whose token is in use, if the status says which.
fn in_use(status: &Status) -> Option<&str> {
    status.candidates.iter().find(|candidate| candidate.in_use).map(|candidate| &*candidate.secret_name)
}

fn token_in_use_changed(before: Option<&Status>, after: &Status) -> Option<Event> {
    let (before, now) = (before.and_then(in_use)?, in_use(after)?);
    let why = after.candidates.iter().find(|candidate| candidate.secret_name == before);
    let why = why.filter(|candidate| candidate.reason != Reason::Accepted.as_str());
    let why = why.map_or_else(String::new, |candidate| format!(" ({})", candidate.reason));
    let message = format!("the token in Secret {now} is in use in place of the one in Secret {before}{why}");
    (before != now).then(|| Event::new(EventType::Normal, TOKEN_IN_USE_CHANGED, message))
}

fn safe_to_revoke(before: Option<&Status>, after: &Status) -> Option<Event> {
    let safe = |status: &Status| {
        let rotation = status.rotation.clone().filter(|rotation| rotation.phase == Phase::SafeToRevoke)?;
        Some((rotation.old_token.hashed_token, rotation.new_token.hashed_token, rotation))
    };
    let (old, new, rotation) = safe(after)?;
    if before.and_then(safe).is_some_and(|(before, after, _)| (before, after) == (old, new)) {
        return None;
    }
    let page = rotation.revoke_at.map_or_else(String::new, |page| format!("; tokens are revoked on {page}"));
    let message = format!("{}{page}; oldToken.hashedToken is {old}", rotation.message);
    Some(Event::new(EventType::Normal, SAFE_TO_REVOKE, message))
}

fn account_changed(before: Option<&Status>, after: &Status) -> Option<Event> {
    let token = noted(after)?;
    let who = |token: &TokenStatus| {
        let previous =
            token.previous_account.as_deref().map(|previous| (previous.login.clone(), previous.user_id));
        (token.login.clone(), token.user_id, previous)
    };
    if before.and_then(noted).map(who) == Some(who(token)) {
        return None;
    }
    let (_, is_renamed) = account::noted(token)?;
    let (login, id) = token.login.as_deref().zip(token.user_id)?;
    let message = format!("the token is that of {login} (id {id}){}", account::note(token)?);
    Some(if is_renamed {
        Event::new(EventType::Normal, ACCOUNT_RENAMED, message)
    } else {
        Event::new(EventType::Warning, ACCOUNT_CHANGED, message)
    })
}

/// The token, if a change of its account is noted. One that `spec.expect` refuses is told by its own reason.
fn noted(status: &Status) -> Option<&TokenStatus> {
    let is_refused = |met: &Condition| met.reason == Reason::AnotherAccount.as_str();
    let is_refused = status.condition("RequirementsMet").is_some_and(is_refused);
    status.token.as_ref().filter(|token| !is_refused && account::noted(token).is_some())
}
