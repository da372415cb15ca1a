//! What a status says that the one before it did not, as events. Each is told when the status is written, so once, whoever
//! restarts.

use super::account;
use crate::{
    api::{Condition, ConditionStatus, GithubPatConnectionStatus as Status, TokenStatus},
    domain::{
        Reason,
        event::{ACCOUNT_CHANGED, ACCOUNT_RENAMED, Event, EventType},
    },
};

/// The events of a status that was written in the place of another one.
///
/// That a new connection became Ready is none: its status says so, nothing has got worse, and it would be a third write for each.
pub fn events(before: Option<&Status>, after: &Status) -> Vec<Event> {
    let before = before.filter(|before| before.observed_generation.is_some());
    [ready(before, after), expires_soon(before, after), account_changed(before, after)]
        .into_iter()
        .flatten()
        .collect()
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
    let now = stage(after)?;
    let is_news = before.and_then(stage) != Some(now);
    is_news.then(|| Event::new(EventType::Warning, Reason::ExpiresSoon.as_str(), now))
}

/// What is said of the expiry while it is near, without what `Ready` adds.
fn stage(status: &Status) -> Option<&str> {
    let is_near = |condition: &&Condition| condition.reason == Reason::ExpiresSoon.as_str();
    status.condition("NotExpiring").filter(is_near)?;
    status.message("NotExpiring")?.split("; ").next()
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
