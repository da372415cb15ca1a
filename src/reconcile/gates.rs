//! Lifts the scheduling gate off Pods once all connections are Ready that they wait for, and tells why if it does not.

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;

use super::Context;
use crate::{
    api::ConditionStatus,
    cluster::{
        Fault, connections, events,
        gates::{Look, NotYet},
        object::ObjectKey,
        pods,
    },
    domain::{
        backoff::{backoff, spread},
        event::{Event, EventType, POD_WAITS},
        gate::{Course, GATE, Readiness, Wish, course},
    },
};

/// The number of Pods that are looked at side by side.
const WORKERS: usize = 8;
/// Who waits no longer than this is not told why: a connection that is applied together with its Pods is Ready by then.
const PATIENCE: Duration = Duration::from_secs(5);
/// An Event of a Pod is kept for an hour by the API server, in seconds:
/// <https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/>.
const HOUR: i64 = 3600;
/// The pause until a Pod is told that could not be, since many of its namespace were.
const UNTIL_TAKEN: Duration = Duration::from_secs(20);
/// The first pause after something failed, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// Looks at the Pods that wait, for ever.
pub async fn lift_gates(ctx: &Context) {
    let mut listed = ctx.index.has_listed();
    // Before all connections are known, nobody knows which are missing. The sender lives as long as the index.
    let _ = listed.wait_for(|listed| listed.connections).await;
    join_all((0..WORKERS).map(|_| work(ctx))).await;
}

async fn work(ctx: &Context) {
    loop {
        let mut look = ctx.gates.next().await;
        let again = look_at(&mut look, ctx).await;
        ctx.gates.done(&look, again);
    }
}

/// Whom it concerns that a connection is not what it was is looked at.
pub(super) fn changed(key: &ObjectKey, ctx: &Context) {
    ctx.gates.changed(key, known(key, ctx));
}

/// Lifts the gate or tells why not; gives the pause after which to look again though nothing changes.
async fn look_at(look: &mut Look, ctx: &Context) -> Option<Duration> {
    let course = match look.wish.clone() {
        Wish::Unclear(unclear) => Ok(Course::Wait(unclear.sentence())),
        Wish::Connections(names) => judged(look, &names, ctx).await,
    };
    match course {
        Ok(Course::Start) => lift(look, ctx).await,
        // Once it is judged, it was reconciled, and the Pod is looked at again.
        Ok(Course::Leave | Course::Listen) => None,
        Ok(Course::Wait(cause)) => {
            look.failures = 0;
            let early = PATIENCE.checked_sub(look.since.elapsed()).filter(|left| !left.is_zero());
            early.or_else(|| Some(tell(look, &cause, ctx)))
        }
        Err(fault) => Some(not_judged(look, &fault, ctx)),
    }
}

async fn judged(look: &mut Look, names: &[Box<str>], ctx: &Context) -> Result<Course, Fault> {
    let (pod, mut named) = (look.key.clone(), Vec::new());
    look.seen.clear();
    for name in names {
        let key = pod.beside(name);
        let known = known(&key, ctx);
        look.seen.push(known);
        let readiness = match known {
            Some(readiness) => readiness,
            None if is_elsewhere(&key, ctx).await? => Readiness::OfAnother,
            None => Readiness::Missing,
        };
        named.push((&**name, readiness));
    }
    Ok(course(pod.namespace(), &named))
}

/// What a connection is that this operator looks after.
fn known(key: &ObjectKey, ctx: &Context) -> Option<Readiness> {
    let connection = ctx.index.connection(key)?;
    // What an earlier process says of outputs may have changed since.
    let is_judged = connection.is_known() && ctx.records.has_judged(key, &connection.uid);
    let said = connection.status.as_ref().filter(|_| is_judged).and_then(|status| status.ready());
    Some(match said {
        _ if connection.deleting => Readiness::Leaving,
        None => Readiness::Unjudged,
        Some((ConditionStatus::True, _)) => Readiness::Ready,
        Some((_, reason)) => Readiness::NotReady(reason),
    })
}

/// With a selector there may be one that another operator looks after.
async fn is_elsewhere(key: &ObjectKey, ctx: &Context) -> Result<bool, Fault> {
    if ctx.settings().selector.is_none() {
        return Ok(false);
    }
    if let Some(is_there) = ctx.gates.is_elsewhere(key) {
        return Ok(is_there);
    }
    let is_there = connections::get(&ctx.client, key).await?.is_some();
    ctx.gates.keep_elsewhere(key.clone(), is_there);
    Ok(is_there)
}

async fn lift(look: &mut Look, ctx: &Context) -> Option<Duration> {
    if let Err(NotYet { cause, pause }) = ctx.gates.may_lift(look) {
        tell(look, &cause, ctx);
        return Some(pause);
    }
    match pods::lift(&ctx.client, &look.key, &look.uid, &look.version).await {
        Ok(()) => {
            tracing::info!(pod = %look.key, "the connections that the Pod waits for are Ready: its gate was lifted");
            ctx.gates.lifted(look);
            None
        }
        Err(fault) => Some(not_lifted(look, &fault, ctx)),
    }
}

/// Why the gate was not lifted: told if a person has to act, and tried again in any case.
fn not_lifted(look: &mut Look, fault: &Fault, ctx: &Context) -> Duration {
    let (is_first, pause) = failed(look);
    if fault.is_conflict() {
        // The watch tells what has become of it.
        return pause;
    }
    if is_first {
        tracing::warn!(pod = %look.key, error = %fault, said = fault.said(None), "the gate of a Pod was not lifted; the operator tries again");
    }
    if !fault.is_refused() {
        return pause;
    }
    let user = fault.refused_user();
    let advice = match user {
        Some(user) => {
            let settings = ctx.settings();
            let watch = &settings.watch;
            let command = watch.grants(&watch.waiting_pods_role, look.key.namespace(), user);
            format!("it goes on within a minute once an administrator has run: {command}")
        }
        None => fault.advice_on("patch", "Pods"),
    };
    let cause = format!(
        "all connections that the Pod waits for are Ready, and the operator may not lift the gate {GATE}: {fault}; {advice}"
    );
    tell(look, &cause, ctx);
    // What a policy or a plugin refuses of one Pod says nothing of the others.
    if user.is_some() { ctx.gates.refused(look, &cause) } else { pause }
}

/// Why nobody knows whether the Pod may start.
fn not_judged(look: &mut Look, fault: &Fault, ctx: &Context) -> Duration {
    let (is_first, pause) = failed(look);
    if is_first {
        tracing::warn!(pod = %look.key, error = %fault, said = fault.said(None),
            "cannot tell whether there is a connection that a Pod waits for; the operator tries again");
    }
    if fault.is_refused() {
        let cause = format!(
            "the operator cannot tell whether there is a connection that the Pod waits for: {fault}; {}",
            fault.advice_on("get", "githubpatconnections")
        );
        tell(look, &cause, ctx);
    }
    pause
}

/// Whether it is the first failure, and the pause after which to try again.
fn failed(look: &mut Look) -> (bool, Duration) {
    let pause = spread(backoff(PAUSES, look.failures), fastrand::f64());
    look.failures = look.failures.saturating_add(1);
    (look.failures == 1, pause)
}

/// Tells the Pod why it waits, each cause once in each hour of the Pod; gives the pause until it is to be told again.
fn tell(look: &mut Look, cause: &str, ctx: &Context) -> Duration {
    let now = Timestamp::now();
    let age = look.created.map_or(0, |created| now.duration_since(created).as_secs().max(0));
    let (hour, left) = (age.div_euclid(HOUR), HOUR.saturating_sub(age.rem_euclid(HOUR)));
    let left = Duration::from_secs(left.unsigned_abs());
    let Some(again) = look.told.again(cause, hour) else { return left };
    let pod = events::Pod { key: look.key.clone(), uid: look.uid.to_string() };
    let event = Event::new(EventType::Warning, POD_WAITS, cause);
    if !ctx.events.post_once(&pod, now, event, (hour, again)) {
        return spread(UNTIL_TAKEN, fastrand::f64());
    }
    tracing::info!(pod = %look.key, cause, "a Pod waits");
    look.told.tell(cause, hour);
    left
}

#[cfg(test)]
mod tests;
