//! What sinks are told of a status: derived from what it says and from its history, so that whoever starts anew derives the same,
//! under the same ids.

use jiff::{SignedDuration, Timestamp};

use crate::{
    api::{ConditionStatus, GithubPatConnectionStatus as Status, ReadyChange, time},
    domain::{
        Reason,
        decide::expires_soon,
        notice::{About, Level, Notice, State},
    },
    status::HISTORY,
};

/// What the spec says of the end of the token.
#[derive(Clone, Copy, Debug, Default)]
pub struct Warned<'a> {
    /// How long before the end to warn.
    pub before: &'a [SignedDuration],
    /// When the token ends at the latest, whatever GitHub says.
    pub declared: Option<Timestamp>,
}

/// The notices of a status that was written in the place of another one. That a new connection is well is none.
pub fn notices(before: Option<&Status>, after: &Status, warned: Warned<'_>) -> Vec<Notice> {
    let before = before.filter(|before| before.observed_generation.is_some());
    let ready = ready_changed(before, after);
    let stage_before = before.and_then(said_of_end);
    let level_before = before.and_then(|before| of_end(before, warned)).map(|notice| notice.level);
    let expiry = match (stage_before, said_of_end(after)) {
        (before, Some(now)) if before != Some(now) => {
            of_end(after, warned).map(|notice| notice.after(level_before))
        }
        (Some(_), None) => end_resolved(after),
        // It may have been near before nobody could tell; whoever told of it knows.
        (None, None) if before.is_some_and(ends_unknown) => end_resolved(after),
        _ => None,
    };
    ready.into_iter().chain(expiry).collect()
}

/// Those of the status that happened after this instant, as far as its history goes back: what may not have been told.
pub fn notices_since(status: &Status, since: Timestamp, warned: Warned<'_>) -> Vec<Notice> {
    if status.observed_generation.is_none() {
        return Vec::new();
    }
    let ready = of_ready(status, None).into_iter().flatten();
    let changed = |type_: &str| status.condition(type_).map(|condition| condition.last_transition_time.0);
    let opened_before = changed("NotExpiring").is_some_and(|at| at <= since);
    let expiry = match said_of_end(status) {
        Some(_) => of_end(status, warned).map(|notice| {
            let before = opened_before.then(|| stage_before(&notice, warned));
            notice.after(before)
        }),
        None => end_resolved(status).filter(|notice| had_a_token_before(status, notice.at)),
    };
    ready.chain(expiry).filter(|notice| notice.at > since).collect()
}

/// What is wrong now, for a sink that has never been told anything.
pub fn notices_open(status: &Status, warned: Warned<'_>) -> Vec<Notice> {
    if status.observed_generation.is_none() {
        return Vec::new();
    }
    let ready = of_ready(status, None).pop().flatten().filter(|notice| notice.state != State::Resolved);
    let ready = ready.map(|notice| Notice { state: State::Opened, before: None, ..notice });
    ready.into_iter().chain(of_end(status, warned)).collect()
}

/// That nobody can tell whether the end of the token is near, if there was one before: it may have been told that it is.
pub fn end_in_doubt(status: &Status) -> Option<Notice> {
    let condition = status.condition("NotExpiring").filter(|_| ends_unknown(status))?;
    let doubted = Notice {
        about: About::NotExpiring,
        state: State::Opened,
        level: Level::Info,
        gravest: Level::Info,
        before: None,
        at: condition.last_transition_time.0,
        status: condition.status.as_str(),
        reason: condition.reason.clone(),
        message: None,
        within: None,
        ends: None,
    };
    Some(doubted).filter(|notice| had_a_token_before(status, notice.at))
}

fn ready_changed(before: Option<&Status>, after: &Status) -> Option<Notice> {
    let was = before.and_then(|before| before.condition("Ready"));
    let now = after.condition("Ready")?;
    if was.is_some_and(|was| was.status == now.status && was.reason == now.reason) {
        return None;
    }
    of_ready(after, Some(was.is_some_and(|was| was.status != ConditionStatus::True))).pop().flatten()
}

/// What `Ready` has said, as far as it is remembered, the latest last.
fn changes(status: &Status) -> Vec<ReadyChange> {
    let mut changes = status.history.clone();
    if let Some(ready) = status.condition("Ready").filter(|_| changes.is_empty()) {
        let at = ready.last_transition_time.clone();
        changes.push(ReadyChange { at, ready: ready.status, reason: ready.reason.clone() });
    }
    changes
}

/// True unless the connection never had a token before this instant, so that the end of none can have been near.
fn had_a_token_before(status: &Status, at: Timestamp) -> bool {
    let has_none = |change: &ReadyChange| change.reason.parse().is_ok_and(Reason::lacks_a_token);
    let is_all = status.history.len() < HISTORY;
    !is_all || changes(status).iter().take_while(|change| change.at.0 < at).any(|change| !has_none(change))
}

/// For each change of what `Ready` says the notice, unless it is none; the latest last. `was_open` says whether something was wrong
/// before the last change, if that is known; otherwise it follows from the change before it.
fn of_ready(status: &Status, was_open: Option<bool>) -> Vec<Option<Notice>> {
    let changes = changes(status);
    let (last, mut notices) = (changes.len(), Vec::new());
    // A history that is not full begins with the first judgement, before which nothing was wrong. What was before a full one nobody
    // knows, unless Ready has turned since.
    let since = status.condition("Ready").map(|ready| ready.last_transition_time.0);
    let is_transition = changes.first().is_some_and(|change| Some(change.at.0) == since);
    let is_all = status.history.len() < HISTORY;
    let (mut open, mut gravest) = ((is_all || !is_transition).then_some(false), Level::Info);
    for (place, ReadyChange { at, ready, reason }) in (1..).zip(changes) {
        let is_last = place == last;
        let before = was_open.filter(|_| is_last).or(open);
        let level = reason.parse().map_or(Level::Info, Level::of);
        let is_open = ready != ConditionStatus::True;
        open = Some(is_open);
        let known = (before == Some(true)).then_some(gravest);
        gravest = known.map_or(level, |known| known.max(level));
        let state = match (before, is_open) {
            (Some(false), false) => {
                notices.push(None);
                continue;
            }
            (Some(true), true) => State::Changed,
            (_, true) => State::Opened,
            (_, false) => State::Resolved,
        };
        notices.push(Some(Notice {
            about: About::Ready,
            state,
            level: if is_open { level } else { Level::Info },
            gravest,
            before: known,
            at: at.0,
            status: ready.as_str(),
            reason,
            message: status.message("Ready").filter(|_| is_last).map(str::to_owned),
            within: None,
            ends: None,
        }));
    }
    notices
}

/// What is said while the end of the token is near or has passed, without what is added to it.
fn said_of_end(status: &Status) -> Option<(&str, &str)> {
    let reason = &*status.condition("NotExpiring")?.reason;
    let is_near = [Reason::ExpiresSoon, Reason::Expired].iter().any(|known| known.as_str() == reason);
    let said = status.message("NotExpiring")?.split("; ").next()?;
    is_near.then_some((reason, said))
}

fn ends_unknown(status: &Status) -> bool {
    status.condition("NotExpiring").is_some_and(|condition| condition.status == ConditionStatus::Unknown)
}

/// That the end is near or has passed, as if nobody knew yet.
fn of_end(status: &Status, warned: Warned<'_>) -> Option<Notice> {
    let condition = status.condition("NotExpiring")?;
    let (reason, said) = said_of_end(status)?;
    let named = status.token.as_ref().and_then(|token| token.expires_at.as_ref().map(|at| at.0));
    let ends = named.into_iter().chain(warned.declared).min();
    let within = match ends {
        _ if reason == Reason::Expired.as_str() => Some(SignedDuration::ZERO),
        Some(ends) => warned.before.iter().copied().find(|within| said == expires_soon(ends, *within)),
        None => None,
    };
    // The first stage begins with the condition, or with the token that came in the place of another one.
    let since = condition.last_transition_time.0;
    let replaced = status.rotation.as_ref().map(|rotation| rotation.started_at.0);
    let begun = ends.zip(within).and_then(|(ends, within)| ends.checked_sub(within).ok());
    let at = [Some(since), replaced, begun].into_iter().flatten().max().unwrap_or(since);
    let level = within.map_or(Level::Warning, Level::within);
    Some(Notice {
        about: About::NotExpiring,
        state: State::Opened,
        level,
        gravest: level,
        before: None,
        at: time(at).0,
        status: condition.status.as_str(),
        reason: reason.to_owned(),
        message: status.message("NotExpiring").map(str::to_owned),
        within,
        ends,
    })
}

/// How grave the stage before this one was.
fn stage_before(notice: &Notice, warned: Warned<'_>) -> Level {
    let longer = warned.before.iter().filter(|within| notice.within.is_some_and(|now| **within > now));
    longer.min().map_or(Level::Info, |within| Level::within(*within))
}

/// The end is not near any more. While nobody can tell, it stays as it was.
fn end_resolved(status: &Status) -> Option<Notice> {
    let condition = status.condition("NotExpiring").filter(|seen| seen.status == ConditionStatus::True)?;
    Some(Notice {
        about: About::NotExpiring,
        state: State::Resolved,
        level: Level::Info,
        // Whoever was told of any stage is told that it is over.
        gravest: Level::Critical,
        before: None,
        at: condition.last_transition_time.0,
        status: condition.status.as_str(),
        reason: condition.reason.clone(),
        message: status.message("NotExpiring").map(str::to_owned),
        within: None,
        ends: None,
    })
}
