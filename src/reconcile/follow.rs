//! Once every output holds the token: restarts the workloads that shall take it, and checks who still has the one before.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    Context, LOST, act::Outcomes, failed::Failed, observe::Observed, rare::Restarted, records::Record,
};
use crate::{
    api::GithubPatConnectionSpec as Spec,
    cluster::{
        Fault,
        connections::Connection,
        consumers::{LISTING, consumers},
        workloads,
    },
    domain::{
        backoff::backoff,
        consumer::{Consumers, Use, by_label},
        decide::{Change, Decision, Plan, Stand, unnamed as unnamed_versions},
        event::{Event, EventType, WORKLOAD_RESTARTED},
        holder::Holders,
        probing::schedule::later,
        workload::{Following, Restart, Workload, mark, restart},
    },
};

/// How long after a look at workloads and consumers the next one comes, while somebody is waited for: at first, and at most.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// The factor by which the pause is longer while only other connections are waited for: a token that many share may have a last user for months.
const FOR_OTHERS: u32 = 10;

/// The pause before a workload is restarted once more, since the mark of its restart is gone: half of the first, and the longest.
const RESTART_AGAIN: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(3600));

/// Restarts and looks, if the status says that a rotation has come so far, and looks at the consumers once a heartbeat else; `None` if
/// nothing was to be done. `holders` are those that have the earlier token.
pub(super) async fn follow(
    connection: &Connection,
    spec: &Spec,
    observed: &Observed,
    outcomes: &Outcomes<'_>,
    holders: &Holders,
    record: &mut Record,
    ctx: &Context,
) -> Option<Following> {
    let token = observed.seen.token.yes().filter(|_| !spec.suspend)?.hashed;
    let mut stands = outcomes.stands.iter().map(|(_, stand)| *stand == Stand::Wanted);
    let (has_any, is_written) =
        (stands.clone().any(|is_wanted| is_wanted), stands.all(|is_wanted| is_wanted));
    let digest = connection.status.as_ref().filter(|_| has_any && connection.was_judged())?;
    let published = digest.published(token).filter(|published| *published <= observed.seen.now);
    if published.is_none() && !(record.rare.restarts.is_empty() && record.rare.not_restarted.is_empty()) {
        (record.rare.restarts, record.rare.not_restarted) = (Vec::new(), Failed::default());
    }
    if published.is_some() && !is_written {
        return None;
    }
    // The status is to say first that it was published anew.
    let rewritten = record.rare.rewritten.map(Timestamp::from);
    if published.is_some_and(|at| observed.seen.finds_another_token() || rewritten >= Some(at)) {
        return None;
    }
    let mut following = Following { published, ..Following::default() };
    if let Some((_, begun)) = published.zip(digest.begun()) {
        let mark = mark(&token.to_string(), begun);
        following.restarts = restarts(connection, &spec.restart, &mark, record, ctx).await;
    }
    // Nothing of its own is left.
    let waits_for_others =
        holders.others() > 0 && digest.leaves().is_some_and(|leaves| !leaves.waits_for_itself);
    let (apart, listed_at) = (if waits_for_others { FOR_OTHERS } else { 1 }, digest.consumers_at());
    let waits = following.restarts.iter().any(|(_, restart)| !restart.is_over());
    let is_due = match published {
        // Nobody waits for them yet: once, and then as seldom as without a rotation.
        Some(published) if waits => {
            let looked = listed_at.max(record.rare.looked.map(Timestamp::from));
            looked.is_none_or(|at| at < published) || is_old(listed_at, record, ctx)
        }
        Some(published) => is_time_to_look(published, apart, record.rare.looked.map(Timestamp::from)),
        None => is_old(listed_at, record, ctx),
    };
    if ctx.settings().consumers && is_due {
        match listed(connection, observed, outcomes, record, ctx).await {
            Some(Ok(found)) => following.consumers = Some(found),
            Some(Err(cause)) => following.unlisted = Some(cause),
            None => {}
        }
    }
    (published.is_some() || following.consumers.is_some()).then_some(following)
}

/// Where the restart of each workload is. Those that failed when they were tried last go behind the others, and once too much time is lost
/// to what fails, the rest is left for the next pass.
async fn restarts(
    connection: &Connection,
    workloads: &[Workload],
    mark: &str,
    record: &mut Record,
    ctx: &Context,
) -> Vec<(Workload, Restart)> {
    let names: Vec<_> = workloads.iter().map(Workload::to_string).collect();
    if !record.rare.not_restarted.is_empty() {
        record.rare.not_restarted.keep(names.iter().map(String::as_str));
    }
    let mut order: Vec<_> = workloads.iter().zip(&names).enumerate().collect();
    order.sort_by_cached_key(|(_, (_, name))| record.rare.not_restarted.place(name));
    let (mut lost, mut found) = (Duration::ZERO, Vec::new());
    for (place, (workload, name)) in order {
        if lost >= LOST {
            let message = "the API server takes too long to answer for others; the operator tries again";
            let why = record.rare.not_restarted.why(name).cloned();
            found.push((
                place,
                workload.clone(),
                why.unwrap_or_else(|| Restart::Refused(message.to_owned())),
            ));
            continue;
        }
        let begun = Instant::now();
        if !record.rare.not_restarted.is_empty() {
            record.rare.not_restarted.remove(name);
        }
        let restart = restarted(connection, workload, mark, record, ctx).await.unwrap_or_else(|fault| {
            lost = lost.saturating_add(begun.elapsed());
            let why = refused(connection, workload, &fault);
            record.rare.not_restarted.push(name, why.clone());
            why
        });
        found.push((place, workload.clone(), restart));
    }
    found.sort_by_key(|(place, ..)| *place);
    found.into_iter().map(|(_, workload, restart)| (workload, restart)).collect()
}

/// Who names an output, or why the API server does not tell; `None` if somebody else looks in this namespace.
async fn listed(
    connection: &Connection,
    observed: &Observed,
    outcomes: &Outcomes<'_>,
    record: &mut Record,
    ctx: &Context,
) -> Option<Result<Consumers, String>> {
    let namespace = connection.key.namespace();
    let _turn = ctx.consumers.turn(namespace)?;
    record.rare.looked = Some(observed.seen.now.into());
    let is_current = |name: &str| outcomes.stands.iter().any(|(current, _)| *current == name);
    let is_output = |name: &str| is_current(name) || observed.seen.is_version(name);
    match consumers(&ctx.client, namespace, is_output).await {
        Ok(Some(mut found)) => {
            let earlier = found.all.iter_mut().filter(|consumer| !is_current(&consumer.output));
            earlier.for_each(|consumer| consumer.used = Use::Earlier);
            found.all.extend(by_label(&observed.seen.demand.outputs));
            found.all.sort();
            Some(Ok(found))
        }
        Ok(None) => {
            tracing::warn!(connection = %connection.key, "listing the consumers took too long and was given up");
            Some(Err(format!("it takes more than {} s", LISTING.as_secs())))
        }
        Err(fault) => {
            tracing::warn!(connection = %connection.key, error = %fault, said = fault.said(None), "the consumers were not listed");
            Some(Err(fault.to_string()))
        }
    }
}

/// The versions that go, if this pass changed nothing, no rotation is open and the consumers were listed in it.
/// Another connection may read one.
pub(super) fn unnamed(
    connection: &Connection,
    observed: &Observed,
    decision: &Decision<'_>,
    outcomes: &Outcomes<'_>,
    ctx: &Context,
) -> Vec<Change> {
    let is_quiet =
        decision.plan == Plan::Write && decision.changes.is_empty() && decision.leftovers.is_empty();
    let rotates = connection.status.as_ref().is_some_and(|digest| digest.leaves().is_some());
    let following = outcomes.following.as_ref().filter(|_| is_quiet && !rotates);
    let consumers = following.and_then(|following| following.consumers.as_ref());
    let mut unnamed = consumers.map(|all| unnamed_versions(&observed.seen, all)).unwrap_or_default();
    unnamed.retain(|change| !ctx.index.is_read(&connection.key.beside(change.name())));
    unnamed
}

/// When to look again: the status says that somebody is waited for.
pub(super) fn look_again(connection: &Connection, spec: &Spec, ctx: &Context) -> Option<Duration> {
    let now = ctx.index.connection(&connection.key).filter(|_| !spec.suspend)?;
    let status = now.status.as_ref()?;
    status.published(status.token?).map(|published| {
        let wait = published.duration_since(Timestamp::now());
        if wait.is_positive() { wait.unsigned_abs() } else { pause(wait.unsigned_abs()) }
    })
}

/// The pause before the next look at what is waited for so long already.
pub(super) fn pause(waited: Duration) -> Duration {
    waited.div_f64(10.0).clamp(LOOK_AGAIN.0, LOOK_AGAIN.1)
}

/// True if the last look is so many times the pause ago, whatever woke the connection.
fn is_time_to_look(published: Timestamp, times: u32, last: Option<Timestamp>) -> bool {
    let now = Timestamp::now();
    let apart = pause(now.duration_since(published).unsigned_abs()).saturating_mul(times);
    last.is_none_or(|last| last > now || now.duration_since(last).unsigned_abs() >= apart)
}

/// True if the consumers were not listed for a heartbeat, by this process or by what the status says.
fn is_old(told: Option<Timestamp>, record: &Record, ctx: &Context) -> bool {
    let last = told.max(record.rare.looked.map(Timestamp::from));
    last.is_none_or(|last| later(last, ctx.settings().heartbeat) <= Timestamp::now())
}

/// Has the Pods of the workload replaced, if that was not done yet in this rotation. Whoever takes the mark of it off again is answered
/// in growing pauses.
async fn restarted(
    connection: &Connection,
    workload: &Workload,
    mark: &str,
    record: &mut Record,
    ctx: &Context,
) -> Result<Restart, Fault> {
    let key = &connection.key;
    let (stands, version) = workloads::roll_out(&ctx.client, key, workload).await?.unzip();
    let found = restart(stands.as_ref(), mark);
    if found != Restart::Due || ctx.has_let_go(connection) {
        return Ok(found);
    }
    let is_it = |before: &Restarted| before.workload == *workload && before.mark == mark;
    let before = record.rare.restarts.iter().find(|before| is_it(before));
    let times = before.map_or(0, |before| before.times);
    if before.is_some_and(|before| before.last.elapsed() < backoff(RESTART_AGAIN, times)) {
        return Ok(Restart::Unmarked);
    }
    match workloads::restart(&ctx.client, key, workload, mark, &version.unwrap_or_default()).await {
        // Somebody has changed it meanwhile; the next look tells how it is now.
        Err(fault) if fault.is_conflict() => return Ok(Restart::Due),
        restarted => restarted?,
    }
    record.rare.restarts.retain(|before| before.workload != *workload);
    let (times, last) = (times.saturating_add(1), Instant::now());
    record.rare.restarts.push(Restarted { workload: workload.clone(), mark: mark.to_owned(), times, last });
    tracing::info!(connection = %key, workload = %workload, "workload restarted");
    let message = format!("{workload} was restarted, since its Pods shall take the new token");
    let event = Event::new(EventType::Normal, WORKLOAD_RESTARTED, message);
    ctx.events.post(connection, Timestamp::now(), [event]);
    Ok(Restart::Rolling(0, stands.map_or(0, |stands| stands.replaced)))
}

fn refused(connection: &Connection, workload: &Workload, fault: &Fault) -> Restart {
    tracing::warn!(connection = %connection.key, workload = %workload, error = %fault, said = fault.said(None), "a workload was not restarted");
    Restart::Refused(format!("{fault}; {}", remedy(fault)))
}

fn remedy(fault: &Fault) -> String {
    match fault.refused_user() {
        Some(_) => {
            "have an administrator set the chart value restartWorkloads, or leave the workload out of spec.restart"
                .to_owned()
        }
        None => fault.advice_on("get and patch", "workloads"),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use serde_json::json;

    use super::{
        super::{
            DEADLINE,
            tests::{connection, context, ready},
        },
        *,
    };
    use crate::{cluster::object::ObjectKey, domain::workload::WorkloadKind};

    #[tokio::test(start_paused = true)]
    async fn workloads_that_nobody_answers_for_keep_no_other_one_waiting() {
        let ctx = context(async |_, path| {
            if path.contains("hangs") {
                std::future::pending::<()>().await;
            }
            (404, json!({ "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404 }))
        });
        let (connection, _) = connection(&ObjectKey::new("team-a", "ci"), &ready("True", "Ready"));
        ctx.index.saw_connection(connection.clone());
        let (mut record, _) = ctx.records.take(&connection.key, &connection.uid, Timestamp::now(), |_, _| {});
        let named = |name: &str| Workload { kind: WorkloadKind::Deployment, name: name.to_owned() };
        let workloads = ["hangs-1", "hangs-2", "hangs-3", "hangs-4", "gone-1", "gone-2"].map(named);
        let (mut passes, mut told) = (Vec::new(), Vec::new());
        for _ in 0..4 {
            let begun = Instant::now();
            let found = restarts(&connection, &workloads, "mark", &mut record, &ctx).await;
            assert!(begun.elapsed() < DEADLINE);
            assert!(found.iter().map(|(workload, _)| workload).eq(&workloads), "in the order of the spec");
            let is_seen = |(_, restart): &(Workload, Restart)| *restart == Restart::Missing;
            passes.push(found.iter().filter(|found| is_seen(found)).count());
            told.push(found);
        }
        assert_eq!(passes, [0, 0, 2, 2], "two are given up, and go last in the passes after that");
        assert_eq!(
            told.get(2),
            told.get(3),
            "what is told of those that are left does not change with each pass"
        );
    }

    #[test]
    fn the_chart_value_is_named_where_a_right_is_missing_and_nowhere_else() {
        let rows = [
            (
                403,
                "User \"op\" cannot patch resource \"deployments\"",
                "set the chart value restartWorkloads",
            ),
            (403, "a plugin does not want it", "an admission plugin"),
            (
                422,
                "ValidatingAdmissionPolicy 'freeze' with binding 'b' denied request: x",
                "policy or webhook freeze",
            ),
            (503, "not ready", "busy; the operator tries again soon"),
        ];
        for (code, why, words) in rows {
            let status = Status::failure(&format!("deployments.apps \"a\" is forbidden: {why}"), "Forbidden");
            let fault = Fault::from(kube::Error::Api(Box::new(status.with_code(code))));
            assert!(remedy(&fault).contains(words), "{why}: {}", remedy(&fault));
        }
    }

    #[test]
    fn while_only_others_are_waited_for_the_looks_are_ten_times_as_far_apart() {
        let now = Timestamp::now();
        let ago = |minutes| now - jiff::SignedDuration::from_mins(minutes);
        for (looked, times, expected) in [(2, 1, true), (2, FOR_OTHERS, false), (11, FOR_OTHERS, true)] {
            assert_eq!(is_time_to_look(ago(600), times, Some(ago(looked))), expected, "{looked} {times}");
        }
    }

    #[test]
    fn who_is_waited_for_is_looked_at_ever_more_slowly() {
        let pauses = [0, 49, 100, 600, 86_400].map(|waited| pause(Duration::from_secs(waited)).as_secs());
        assert_eq!(pauses, [5, 5, 10, 60, 60]);
    }
}
