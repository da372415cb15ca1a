//! Writes the status if it says something new.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{
    Context, Next,
    act::Outcomes,
    contention::STATUS,
    holding::{holders, of_others},
    observe::{Observed, Standbys},
    records::{Record, Written},
    sum::sum,
    tell::Doubt,
};
use crate::{
    api::{
        ConditionStatus, GithubPatConnectionSpec as Spec, GithubPatConnectionStatus as Status, Phase,
        RotationStatus, StatusDigest, StatusSummary, TokenStatus,
    },
    cluster::{
        Fault,
        connections::{self, Connection},
        index::{Access, Woken},
    },
    domain::{
        Reason, decide::Decision, event::Event, holder::Holders, probing::schedule::later,
        version::ResourceVersion, workload::Following,
    },
    links::links,
    status::{self, Before, Pass},
};

/// The first answer about a token mostly comes within this; a status that says "not asked yet" would be two writes for one.
const PATIENCE: Duration = Duration::from_secs(2);
/// A connection that was never judged says `Pending` by the default of the schema, so its first status can wait longer.
const PATIENCE_WITH_NEW: Duration = Duration::from_secs(30);

/// A connection that was judged before, of which the operator has not heard for long, keeps its status for this long while too many others
/// are asked about.
const PATIENCE_IN_THE_QUEUE: Duration = Duration::from_secs(300);

/// What a status depends on beside the draft.
#[derive(Debug, Default, Hash)]
struct After<'a> {
    lists_consumers: bool,
    /// How often the token of a source that is gone was refused, and when last.
    refused: Option<(i32, Timestamp)>,
    following: Option<&'a Following>,
    holders: Option<&'a Holders>,
    rewritten: Option<Timestamp>,
    heard: bool,
}

/// Writes the status if it says something new; also after a conflict or a failure, of which it tells. Gives when to come again
/// for what could not be written now.
pub(super) async fn report(
    connection: &Connection,
    spec: &Spec,
    observed: &Observed,
    decision: &Decision<'_>,
    outcomes: &Outcomes<'_>,
    record: &mut Record,
    ctx: &Context,
) -> Next {
    if let Some(pause) = awaits(connection, observed, record) {
        return Next::After(pause);
    }
    let asked = spec.interval.get();
    let settings = ctx.settings();
    let host = settings.host(&spec.host);
    let kind = observed.seen.token.yes().map(|token| token.kind);
    let links =
        host.map(|host| links(host, &connection.key.to_string(), spec, kind, &decision.judgement.lines));
    let standbys = observed.standbys.as_ref();
    let place = standbys.map_or(0, |standbys| standbys.place);
    let secret = &spec.candidates().nth(place).unwrap_or(&spec.secret_ref).name;
    let source = format!("Secret {secret}");
    let before = connection.status.as_ref().and_then(StatusDigest::last_handled_request);
    // Until all answers are here, whoever comes after this process is to ask.
    let handled_request = record.rare.handled_request.clone().filter(|_| !observed.seen.is_asking());
    let withdrawn = record.rare.foreign_marks.told();
    let holders = holders(connection, observed, ctx);
    let pass = Pass {
        source: &source,
        seen: &observed.seen,
        decision,
        stands: &outcomes.stands,
        others: &outcomes.others,
        withdrawn_outputs: Some(&withdrawn),
        secret_name: secret,
        links: links.as_ref(),
        raised_from: (asked < settings.minimum_interval).then_some(asked),
        standbys: standbys.map(|Standbys { all, place, since, .. }| status::Standbys {
            all,
            place: *place,
            since: *since,
            back_at: since.map(|since| later(since, spec.hold_down().get())),
        }),
        after: status::After {
            restart: &spec.restart,
            lists_consumers: settings.consumers,
            following: outcomes.following.as_ref(),
            acted: outcomes.acted,
            rewritten: record.rare.rewritten.map(Timestamp::from),
            holders: Some(&holders),
        },
        web: host.map(|host| &*host.addresses.web_url),
        handled_request: handled_request.as_deref().or(before),
    };
    let say = |before: Before<'_>, of_others: Option<&Holders>| match of_others {
        None => status::next(before, connection.generation, &pass),
        Some(_) => {
            let after = status::After { holders: of_others, ..pass.after };
            status::next(before, connection.generation, &Pass { after, ..pass })
        }
    };
    let refused = observed.seen.condemned_before.as_ref().and_then(|condemned| condemned.heard);
    let after = After {
        lists_consumers: settings.consumers,
        refused: refused.map(|refused| (refused.count, refused.last)),
        following: outcomes.following.as_ref(),
        holders: Some(&holders),
        rewritten: record.rare.rewritten.map(Timestamp::from),
        heard: observed.seen.has_heard(),
    };
    say_it(connection, say, &after, observed.seen.timing.heartbeat, record, ctx).await
}

/// Says which token is in use before it is written anywhere, so that whoever starts anew goes on with it. Then comes another pass.
pub(super) async fn announce(
    connection: &Connection,
    spec: &Spec,
    observed: &Observed,
    record: &mut Record,
    ctx: &Context,
) -> Next {
    let Some((standbys, since)) = observed.standbys.as_ref().and_then(|all| Some((all, all.since?))) else {
        return Next::Failed;
    };
    let Some(secret) = spec.candidates().nth(standbys.place) else { return Next::Failed };
    let (now, status) = match live(connection, ctx).await {
        Ok(live) => live,
        Err(next) => return next,
    };
    let named: Vec<_> = spec.sources().collect();
    let is_listed = ctx.index.access(&connection.key) == Access::Granted;
    let in_outputs = |token: &TokenStatus| !ctx.index.holders(connection, token.hashed_token).own.is_empty();
    let is_held = !is_listed || status.token.as_ref().is_some_and(in_outputs);
    let mut announced = status::announced(&status, &named, &secret.name, since, &observed.seen, is_held);
    status::explain(&mut announced, &standbys.all);
    match write(&now, Some(&status), &announced, record, ctx).await {
        Next::Wait => {
            tracing::info!(connection = %connection.key, secret = secret.name, "another token is in use");
            Next::After(Duration::ZERO)
        }
        next => next,
    }
}

/// Says that outputs are written anew in a rotation before they are, if one that held its token has another one now. Then comes another
/// pass; `None` if there is nothing to say, or it cannot be said now: what an output holds is mended all the same.
pub(super) async fn announce_anew(
    connection: &Connection,
    decision: &Decision<'_>,
    observed: &Observed,
    record: &mut Record,
    ctx: &Context,
) -> Option<Next> {
    let token = observed.seen.token.yes()?.hashed;
    let mut changes = decision.changes.iter().filter(|change| change.writes());
    let is_undone = |name: &str| {
        let mut found = observed.seen.found.iter();
        found.any(|found| found.name() == name && found.has_another_token())
    };
    changes.find(|change| is_undone(change.name()))?;
    connection.status.as_ref()?.leaves().filter(|leaves| leaves.held == Some(token))?;
    let (now, status) = match live(connection, ctx).await {
        Ok(live) => live,
        Err(Next::Failed) => return None,
        Err(next) => return Some(next),
    };
    let announced = status::undone(&status, token, observed.seen.now)?;
    match write(&now, Some(&status), &announced, record, ctx).await {
        Next::Wait => Some(Next::After(Duration::ZERO)),
        _ => None,
    }
}

/// What somebody wants of the connection, beside what its status says.
fn asks_for(connection: &Connection) -> (&str, Option<i64>, Option<&str>, bool) {
    (&connection.uid, connection.generation, connection.requested.as_deref(), connection.deleting)
}

/// The connection as it stands in the cluster, with its status, if it asks for the same still; else what comes next.
async fn live(connection: &Connection, ctx: &Context) -> Result<(Connection, Status), Next> {
    match connections::live(&ctx.client, &connection.key).await {
        // An event of what is written here after it wakes nobody, so what was asked for meanwhile is to be learned first.
        Ok(Some((now, _))) if asks_for(&now) != asks_for(connection) => {
            learn(&connection.resource_version, now, ctx);
            Err(Next::After(Duration::ZERO))
        }
        // What it says is the other operator's to write.
        Ok(Some((now, _))) if !ctx.index.selects(&now) => Err(Next::Wait),
        Ok(Some(live)) => Ok(live),
        Ok(None) => Err(gone(connection, ctx)),
        Err(fault) => Err(failed(connection, &fault)),
    }
}

/// Says it, unless it is said. The status in the cluster is read only if it says something else, since its instants and what it
/// remembers are kept in the next one; that of a connection that was never judged has nothing to keep.
async fn say_it(
    connection: &Connection,
    say: impl Fn(Before<'_>, Option<&Holders>) -> Option<Status>,
    after: &After<'_>,
    heartbeat: SignedDuration,
    record: &mut Record,
    ctx: &Context,
) -> Next {
    let Some(draft) = say(Before::default(), None) else { return Next::Wait };
    let Some(stands) = connection.status.as_ref().filter(|stands| stands.observed_generation().is_some())
    else {
        return write(connection, None, &draft, record, ctx).await;
    };
    let same = (StatusDigest::fingerprint_of(&draft), stands.fingerprint(), after);
    let checked_at = draft.token.as_ref().and_then(|token| token.checked_at.as_ref().map(|at| at.0));
    let is_settled = after.following.is_none() && stands.leaves().is_none();
    let is_said = same.0 == same.1 && is_settled || record.said == Some(sum(&same));
    // A draft without a token keeps the instant of the one that stands.
    let has_aged = checked_at.is_some() && status::has_aged(checked_at, stands.checked_at(), heartbeat);
    let is_to_stay = !has_aged && !stands.is_strange(Timestamp::now());
    if is_said && is_to_stay {
        record.is_judged = true;
        return Next::Wait;
    }
    // It is looked again at once at those of others when anything is said, or an output seen, that was not by then.
    let waits = stands.leaves().map(|leaves| sum(&(&same, ctx.index.unseen(leaves.token))));
    if let Some((_, until)) = record.rare.awaits_others.filter(|(of, _)| is_to_stay && waits == Some(*of)) {
        let left = until.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            return Next::After(left);
        }
    }
    let (now, status) = match live(connection, ctx).await {
        Ok(live) => live,
        Err(next) => return next,
    };
    let summary = StatusSummary::from(status.clone());
    let before = Before { summary: Some(&summary), conditions: &status.conditions };
    let mut next = say(before, None);
    let others = match &next {
        Some(next) => of_others(connection, [&status, next], ctx).await,
        None => None,
    };
    record.rare.awaits_others = None;
    let mut again = Next::Wait;
    if let Some((others, pause)) = others {
        (next, again) = (say(before, Some(&others)), Next::After(pause));
        if next.is_none() {
            record.is_judged = true;
            record.rare.awaits_others = waits.zip(Instant::now().checked_add(pause));
            return again;
        }
    }
    match next {
        Some(next) => match write(&now, Some(&status), &next, record, ctx).await {
            Next::Wait => {
                // It has what the draft lacks, and the next pass does not read it to learn that.
                let stands = StatusDigest::fingerprint_of(&next);
                let is_stored = record.written.is_some_and(|written| written.fingerprint == stands);
                if stands != same.0 && is_stored && after.following.is_none() && is_final(&next, &say) {
                    record.said = Some(sum(&(same.0, stands, after)));
                }
                again
            }
            failed => failed,
        },
        // What the draft lacks is kept from the status that stands.
        None => {
            record.is_judged = true;
            let generation = connection.generation.unwrap_or_default();
            let fingerprint = now.status.as_ref().unwrap_or(stands).fingerprint();
            record.written = Some(Written { fingerprint, generation, is_unsure: false });
            record.said = Some(sum(&same));
            Next::Wait
        }
    }
}

/// True if no rotation is under way in it, and the next pass has nothing to add to it.
fn is_final(status: &Status, say: impl Fn(Before<'_>, Option<&Holders>) -> Option<Status>) -> bool {
    let is_over = |rotation: &RotationStatus| rotation.phase == Phase::SafeToRevoke;
    if !status.rotation.as_ref().is_none_or(is_over) {
        return false;
    }
    let summary = StatusSummary::from(status.clone());
    say(Before { summary: Some(&summary), conditions: &status.conditions }, None).is_none()
}

/// How long to wait with the status for the first answer about the token. A connection that was judged before, of which the
/// operator has not heard for long, is asked about first and then judged, however long that takes once the question is on its way.
pub(super) fn awaits(connection: &Connection, observed: &Observed, record: &mut Record) -> Option<Duration> {
    let awaits = observed.seen.awaits_first_answer();
    if observed.seen.waits_for_its_turn() && connection.is_known() {
        let since = *record.rare.awaiting.get_or_insert_with(Instant::now);
        let left = PATIENCE_IN_THE_QUEUE.saturating_sub(since.elapsed());
        return (!left.is_zero()).then_some(left.min(super::LONGEST_WAIT));
    }
    let standbys = observed.standbys.iter().flat_map(|standbys| &standbys.all);
    if !awaits && !standbys.into_iter().any(|(candidate, _)| candidate.is_awaited) {
        record.rare.awaiting = None;
        return None;
    }
    let token = observed.seen.token.yes().map(|token| token.hashed);
    // An acceptance on this host is remembered whatever else of the spec is new, until it is heard again.
    let hears_again = observed.seen.awaits_identity() && observed.seen.knowledge.grant.is_some();
    let remembers = connection.is_known() || hears_again;
    let judged = connection.status.as_ref().filter(|_| remembers).and_then(|status| status.token);
    if awaits && judged.is_some() && judged == token {
        // What is awaited after that has its own time; who is sent back while it waits for its turn begins no new one.
        record.rare.awaiting = record.rare.awaiting.filter(|_| observed.seen.awaits_identity());
        return Some(super::LONGEST_WAIT);
    }
    let since = *record.rare.awaiting.get_or_insert_with(Instant::now);
    let is_new = connection.status.as_ref().is_none_or(|status| status.observed_generation().is_none());
    let patience = if is_new && awaits { PATIENCE_WITH_NEW } else { PATIENCE };
    let left = patience.saturating_sub(since.elapsed());
    (!left.is_zero()).then_some(left)
}

/// True if the status says already that this generation is suspended.
pub(super) fn says_suspended(connection: &Connection, record: &Record) -> bool {
    let status = connection.status.as_ref().filter(|_| connection.is_known());
    // What stands there was looked at, or written, by this process.
    let is_seen = |status: &&StatusDigest| {
        record.written.is_some_and(|written| written.fingerprint == status.fingerprint())
    };
    let status = status.filter(is_seen).filter(|status| !status.is_strange(Timestamp::now()));
    status.and_then(|status| status.ready()).is_some_and(|(_, reason)| reason == Reason::Suspended)
}

/// Says of a connection that cannot be read that it cannot, and which field; its outputs stay as they are.
pub(super) async fn unreadable(
    connection: &Connection,
    error: &str,
    record: &mut Record,
    ctx: &Context,
) -> Next {
    let told = connection.status.as_ref().and_then(|status| status.ready()).map(|(_, reason)| reason);
    if told != Some(Reason::SpecUnreadable) || !connection.is_known() {
        tracing::error!(connection = %connection.key, error, "connection unreadable");
    }
    let now = Timestamp::now();
    let say = |before: Before<'_>, _: Option<&_>| {
        status::unreadable(before.summary, connection.generation, error, now)
    };
    say_it(connection, say, &After::default(), SignedDuration::MAX, record, ctx).await
}

/// Writes the status in the place of the one before, and tells what is news in it.
async fn write(
    connection: &Connection,
    before: Option<&Status>,
    status: &Status,
    record: &mut Record,
    ctx: &Context,
) -> Next {
    if let Err(pause) = may_write(connection, record) {
        return Next::After(pause);
    }
    let doubt = Doubt::of(connection, before, status, ctx);
    let known = record.written;
    record.written.iter_mut().for_each(|written| written.is_unsure = true);
    match connections::write_status(&ctx.client, connection, status).await {
        Ok(written) => {
            doubt.ends();
            log(connection, status);
            tell(connection, before, status, ctx);
            record.is_judged = true;
            record.written = written.status.as_ref().map(|status| Written {
                fingerprint: status.fingerprint(),
                generation: connection.generation.unwrap_or_default(),
                is_unsure: false,
            });
            let is_taken = record.has_taken_memory();
            ctx.index.wrote_connection(if is_taken { written.without_memory() } else { written });
            release(connection, before, status, ctx);
            Next::Wait
        }
        Err(fault) if fault.is_conflict() => {
            doubt.ends();
            record.written = known;
            conflict(connection, record, ctx).await
        }
        Err(fault) => {
            // An answer that was lost may have been one that it was written.
            if fault.code().is_some_and(|code| code < 500) {
                doubt.ends();
                record.written = known;
            }
            failed(connection, &fault)
        }
    }
}

/// Wakes those that may have waited for this connection before their common old token is said to be of no use, also since a version
/// of an output serves no longer.
fn release(connection: &Connection, before: Option<&Status>, status: &Status, ctx: &Context) {
    let is_over = |rotation: &&RotationStatus| {
        rotation.phase == Phase::SafeToRevoke || rotation.other_connections.is_some()
    };
    let over = status.rotation.as_ref().filter(is_over);
    let named = |status: &Status| status.token.as_ref().map(|token| token.hashed_token);
    let moved = before.and_then(named).filter(|token| named(status) != Some(*token));
    let left = over.map(|over| over.old_token.hashed_token).into_iter().chain(moved);
    let waiting = left.flat_map(|token| ctx.index.rotating(token));
    let serves =
        |name: &str| status.outputs.iter().any(|output| output.current_name.as_deref() == Some(name));
    let outputs = before.into_iter().flat_map(|before| &before.outputs);
    let former = outputs.filter_map(|output| output.current_name.as_deref()).filter(|name| !serves(name));
    let former = former.flat_map(|name| ctx.index.awaiting(&connection.key.beside(name)));
    ctx.wake_others(&connection.key, waiting.map(Woken::Changed).chain(former).collect());
}

/// Whether the status may be written now: not right after a conflict, and ever more slowly while somebody else keeps changing
/// what we wrote.
fn may_write(connection: &Connection, record: &mut Record) -> Result<(), Duration> {
    let now = Instant::now();
    let stands = connection.status.as_ref().map(|status| status.fingerprint());
    let ours = record.written.filter(|written| !written.is_unsure);
    let ours = ours.filter(|written| Some(written.generation) == connection.generation);
    let is_contended = ours.is_some_and(|written| Some(written.fingerprint) != stands);
    if !is_contended {
        return match record.rare.contentions.blocked(STATUS, now) {
            Some(pause) => Err(pause),
            None => Ok(()),
        };
    }
    let count = record.rare.contentions.of(STATUS).admit(now)?;
    if count > 1 {
        tracing::warn!(connection = %connection.key, count,
            "somebody else keeps changing the status; it is written again ever more slowly");
    }
    Ok(())
}

/// The connection is not what the index says: it is read past every cache.
async fn conflict(connection: &Connection, record: &mut Record, ctx: &Context) -> Next {
    let (count, pause) = record.rare.contentions.of(STATUS).conflict(Instant::now());
    tracing::warn!(connection = %connection.key, count, requeue_after = ?pause,
        "the connection changed while its status was written; it is reconciled again");
    match connections::get(&ctx.client, &connection.key).await {
        Ok(Some(now)) => learn(&connection.resource_version, now, ctx),
        Ok(None) => return gone(connection, ctx),
        Err(fault) => return failed(connection, &fault),
    }
    Next::After(pause)
}

/// Takes in a connection that was read past every cache. If it is older than what was known, the cluster has gone back in time, as
/// after the restore of a backup, and everything is listed anew.
fn learn(before: &ResourceVersion, now: Connection, ctx: &Context) {
    let key = now.key.clone();
    if !ctx.index.read_connection(before, now) {
        tracing::warn!(connection = %key, "the cluster went back to an earlier state; everything is listed anew");
        ctx.relist.request();
    }
}

fn gone(connection: &Connection, ctx: &Context) -> Next {
    ctx.index.lost_connection(&connection.key, &connection.uid).into_iter().for_each(|woken| ctx.wake(woken));
    Next::Wait
}

fn failed(connection: &Connection, fault: &Fault) -> Next {
    tracing::warn!(connection = %connection.key, error = %fault, said = fault.said(None), "the status was not written");
    Next::Failed
}

/// Has the news told as Events and to the sinks. A process that ends here has not told the Events, and no other one does; what the sinks
/// are to be told, the next one derives from the status.
fn tell(connection: &Connection, before: Option<&Status>, status: &Status, ctx: &Context) {
    let events = status::events(before, status);
    let token = status.token.as_ref();
    for Event { reason, .. } in events.iter().filter(|event| event.is_of_account()) {
        let (login, user_id) =
            (token.and_then(|token| token.login.as_deref()), token.and_then(|token| token.user_id));
        let before = token.and_then(|token| token.previous_account.as_deref());
        let (login_before, user_id_before) =
            (before.map(|before| &*before.login), before.map(|before| before.user_id));
        tracing::warn!(connection = %connection.key, reason, login, user_id, login_before, user_id_before,
            "the account of the token is not the one before");
    }
    ctx.events.post(connection, Timestamp::now(), events);
    super::tell::tell(connection, before, status, ctx);
}

/// One line for each condition that says something else than before, and for `Ready` in any case. The first judgement is one line.
fn log(connection: &Connection, status: &Status) {
    let Some(ready) = status.condition("Ready") else { return };
    let before = connection.status.as_ref().and_then(|status| status.ready());
    let is_same = before
        .is_some_and(|(before, reason)| before == ready.status && reason.as_str() == ready.reason.as_str());
    if !is_same {
        let host = connection.spec.read().map_or_else(|_| String::new(), |spec| spec.host);
        let (ready, reason) = (ConditionStatus::as_str(ready.status), ready.reason.as_str());
        tracing::info!(connection = %connection.key, host, ready, reason, "token judged");
    }
    let Some(before) = connection.status.as_ref().filter(|status| status.observed_generation().is_some())
    else {
        return;
    };
    for condition in status.conditions.iter().filter(|condition| condition.type_ != "Ready") {
        let was = before.conditions().find(|(type_, ..)| *type_ == condition.type_);
        let (now, reason) = (condition.status.as_str(), condition.reason.as_str());
        if was.is_none_or(|(_, status, was)| status != condition.status || was.as_str() != reason) {
            let was = was.map(|(_, status, _)| status.as_str());
            tracing::info!(connection = %connection.key, condition = condition.type_, status = now, was, reason, "condition changed");
        }
    }
    // Stalled and Reconciling go once they do not hold.
    for (condition, was, reason) in
        before.conditions().filter(|(type_, ..)| status.condition(type_).is_none())
    {
        let (was, reason) = (was.as_str(), reason.as_str());
        tracing::info!(connection = %connection.key, condition, status = "removed", was, reason, "condition changed");
    }
}

#[cfg(test)]
mod tests;
