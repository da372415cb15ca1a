//! Has the sinks told what has changed of connections, and keeps until when each has been told everything.
//!
//! Nothing of it is kept in statuses, which have what is to be told in their history: after a start it is derived from them from the
//! instant on until which the sink had been told.

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};

use futures::future::{join_all, select_all};
use jiff::{SignedDuration, Timestamp};
use tokio::{sync::watch, time};

use super::{Context, Priority, kept_labels};
use crate::{
    api::{GithubPatConnectionSpec as Spec, GithubPatConnectionStatus as Status},
    cluster::{
        Fault,
        connections::{self, Connection},
        object::ObjectKey,
        receipts::Receipts,
        scope::Scope,
    },
    domain::{
        Reason,
        backoff::{backoff, spread},
        notice::{Notice, State},
    },
    sinks::{LAG, Named, Sink},
    status::{self, Warned},
};

/// The first pause after the API server did not answer, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What to make notices from.
type Derive = fn(&Status, Option<Timestamp>, Warned<'_>) -> Vec<Notice>;

/// Leaves what the status says anew, which was written in the place of the one before, to the sinks.
pub(super) fn tell(connection: &Connection, before: Option<&Status>, status: &Status, ctx: &Context) {
    let notices = notices(connection, before, status, ctx);
    if notices.is_empty() {
        return;
    }
    let key = &connection.key;
    let open = || ctx.sinks.open(key.namespace(), key.name());
    // Another one of this name was deleted, and nobody has heard of that.
    if !ctx.has_let_go(connection) && open().is_some_and(|uid| *uid != *connection.uid) {
        ctx.sinks.gone(key.namespace(), key.name());
    }
    ctx.sinks.tell(&named(connection, ctx), notices);
    // It was deleted while its status was written, and whoever heard of that found nothing wrong with it yet.
    if ctx.has_let_go(connection) && open().is_some_and(|uid| *uid == *connection.uid) {
        ctx.end_incidents(key);
    }
}

/// What the status says anew that was to be written in the place of the one before; none if nobody is to be told.
fn notices(connection: &Connection, before: Option<&Status>, status: &Status, ctx: &Context) -> Vec<Notice> {
    if ctx.sinks.is_empty() {
        return Vec::new();
    }
    let spec = connection.spec.read().ok();
    with_warned(spec.as_ref(), |warned| status::notices(before, status, warned))
}

/// A status may or may not have been written. If that is in doubt at the end, also because nobody waited for the answer, what it says
/// anew is derived again from what stands there then.
#[must_use = "the doubt begins when this is dropped"]
pub(super) struct Doubt<'a> {
    connection: &'a Connection,
    before: Option<&'a Status>,
    status: &'a Status,
    ctx: &'a Context,
    is_over: bool,
}

impl<'a> Doubt<'a> {
    /// Whether this status is written in the place of the one before.
    pub(super) const fn of(
        connection: &'a Connection,
        before: Option<&'a Status>,
        status: &'a Status,
        ctx: &'a Context,
    ) -> Self {
        Doubt { connection, before, status, ctx, is_over: false }
    }

    /// The API server has told.
    pub(super) fn ends(mut self) {
        self.is_over = true;
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        let Doubt { connection, before, status, ctx, is_over } = *self;
        let notices = if is_over { Vec::new() } else { notices(connection, before, status, ctx) };
        if let Some(first) = notices.iter().map(|notice| notice.at).min() {
            ctx.sinks.doubt(first, Timestamp::now());
        }
    }
}

/// Leaves what is wrong with a connection that another operator has judged before to the sinks.
pub(super) fn tell_open(connection: &Connection, status: &Status, ctx: &Context) {
    let spec = connection.spec.read().ok();
    let notices = with_warned(spec.as_ref(), |warned| status::notices_open(status, warned));
    ctx.sinks.tell(&named(connection, ctx), notices);
}

/// True if the labels of the connection have come to choose it for a sink that has heard nothing of what is wrong with it.
pub(super) fn is_unheard(connection: &Connection, ctx: &Context) -> bool {
    let key = &connection.key;
    if ctx.sinks.open(key.namespace(), key.name()).is_none() {
        return false;
    }
    let mut said = connection.status.iter().flat_map(|status| status.conditions());
    let is_near = |reason| matches!(reason, Reason::ExpiresSoon | Reason::Expired);
    let tells_end = said.any(|(type_, _, reason)| type_ == "NotExpiring" && is_near(reason));
    ctx.sinks.has_unheard(&named(connection, ctx), tells_end)
}

/// Leaves what is wrong with the connection to the sinks that have come to choose it by its labels.
pub(super) fn tell_unheard(connection: &Connection, status: &Status, ctx: &Context) {
    let spec = connection.spec.read().ok();
    let notices = with_warned(spec.as_ref(), |warned| status::notices_open(status, warned));
    ctx.sinks.tell_unheard(&named(connection, ctx), notices);
}

/// Tells the sinks what the process before has not told, and what happens, for ever.
pub async fn tell_sinks(ctx: &Context) {
    let receipts = receipts(ctx);
    // The sender lives as long as the index.
    let _ = ctx.index.has_listed().wait_for(|listed| listed.connections).await;
    let mut told = insist(|| receipts.read(), "what sinks were told was not read").await;
    let begun = Timestamp::now();
    let all = insist(|| read(ctx, &told, None), "connections were not read for the sinks").await;
    ctx.sinks.recalled();
    for (place, (sink, derived)) in ctx.sinks.each().zip(all).enumerate() {
        let since = told.get(sink.name()).copied();
        ctx.sinks.fill(place, derived, since, begun);
    }
    look_after_gone(ctx);
    let new: Vec<_> =
        ctx.sinks.each().map(|sink| sink.name()).filter(|name| !told.contains_key(*name)).collect();
    tracing::info!(
        ?new,
        "the sinks are told what changes from now on, and the new ones what is wrong already"
    );
    let serve = ctx.sinks.each().map(|sink| sink.serve());
    let again = (0..).zip(ctx.sinks.each()).map(|(place, sink)| derive_again(place, sink, ctx));
    let keep = keep(&receipts, &mut told, ctx);
    futures::join!(join_all(serve), join_all(again), keep);
}

/// Writes at the end of the process until when the sinks have been told everything. If nothing `is_under_way`, whoever leads next
/// repeats nothing.
pub(super) async fn finish(ctx: &Context, is_under_way: bool) {
    if ctx.sinks.is_empty() {
        return;
    }
    let receipts = receipts(ctx);
    let Ok(stood) = receipts.read().await else { return };
    // A status that is on its way may be written yet, and names the instant at which its pass began.
    let lag = if is_under_way { LAG } else { SignedDuration::ZERO };
    let now = told_now(ctx, &stood, lag);
    if now != stood && receipts.write(&now, &gone(&stood, ctx)).await.is_err() {
        tracing::warn!("what the sinks were told was not written; some of it is told again");
    }
}

fn receipts(ctx: &Context) -> Receipts {
    let settings = ctx.settings();
    let sinks = &settings.sinks;
    Receipts::new(ctx.client.clone(), sinks.namespace.as_deref(), &sinks.config_map)
}

/// What each sink is to be told: what happened since it was told everything, or, if it is new, what is wrong, and what has ended since it
/// was told a part of that.
async fn read(
    ctx: &Context,
    told: &BTreeMap<String, Timestamp>,
    begun: Option<Timestamp>,
) -> Result<Vec<Vec<(Arc<Named>, Notice)>>, Fault> {
    let settings = ctx.settings();
    let since: Vec<_> = ctx.sinks.each().map(|sink| told.get(sink.name()).copied()).collect();
    let mut all = vec![Vec::new(); since.len()];
    // Only the process before can have told what no status says any more.
    let is_start = begun.is_none() && since.iter().any(Option::is_some);
    let derive: Derive = |status, since, warned| match since {
        Some(since) => status::notices_since(status, since, warned),
        None => status::notices_open(status, warned),
    };
    for scope in Scope::of(&settings.watch.namespaces, settings.shard) {
        let each = |connection: Connection, status: Status| {
            if !scope.covers(&connection.key) {
                return;
            }
            let (named, spec) = (named(&connection, ctx), connection.spec.read().ok());
            with_warned(spec.as_ref(), |warned| {
                let open = derive(&status, None, warned);
                let doubted = status::end_in_doubt(&status).filter(|_| is_start);
                open.iter().for_each(|notice| ctx.sinks.recall(&named, notice));
                let was_told = |place: usize| since.get(place).is_some_and(Option::is_some);
                doubted.iter().for_each(|notice| ctx.sinks.recall_doubted(&named, notice, was_told));
                for (derived, since) in all.iter_mut().zip(&since) {
                    let notices = derive(&status, *since, warned);
                    let begun = begun.filter(|_| since.is_none());
                    let ends = begun.map(|begun| status::notices_since(&status, begun, warned));
                    let ends = ends.into_iter().flatten().filter(|notice| notice.state == State::Resolved);
                    derived.extend(notices.into_iter().chain(ends).map(|notice| (named.clone(), notice)));
                }
            });
        };
        connections::each(&ctx.client, &scope, settings.selector.as_ref(), each).await?;
    }
    Ok(all)
}

/// Derives anew what found no room in the sink at this place, once there is, for ever.
async fn derive_again(place: usize, sink: &Sink, ctx: &Context) {
    loop {
        let since = sink.left_out().await;
        time::sleep(LAG.unsigned_abs()).await;
        let begun = Timestamp::now();
        let left_out = Some(since);
        let since = left_out.filter(|_| !sink.is_new());
        let told = since.map(|since| (sink.name().to_owned(), since)).into_iter().collect();
        ctx.sinks.recalls();
        let all = insist(|| read(ctx, &told, left_out), "connections were not read for a sink").await;
        let mut derived = all.into_iter().nth(place).unwrap_or_default();
        derived
            .retain(|(named, notice)| notice.state == State::Resolved || !ctx.sinks.has_ended(named, notice));
        let over = derived.iter().filter(|(_, notice)| notice.state == State::Resolved);
        over.for_each(|(named, notice)| ctx.sinks.ended(named, notice));
        ctx.sinks.recalled();
        ctx.sinks.fill(place, derived, since, begun);
        look_after_gone(ctx);
    }
}

/// Has those looked after that were deleted while the statuses were read: whoever heard of that found nothing wrong with them yet.
fn look_after_gone(ctx: &Context) {
    for named in ctx.sinks.all_open() {
        let key = ObjectKey::new(&named.namespace, &named.name);
        if ctx.index.connection(&key).is_none_or(|now| *now.uid != *named.uid) {
            ctx.moves.left(&key);
            ctx.queue.wake(&key, Priority::Changed);
        }
    }
}

/// Writes until when each sink has been told everything, some time after it was told something, for ever.
async fn keep(receipts: &Receipts, told: &mut BTreeMap<String, Timestamp>, ctx: &Context) {
    let mut progress: Vec<_> = ctx.sinks.each().map(|sink| sink.progress()).collect();
    loop {
        let now = told_now(ctx, told, LAG);
        if now != *told {
            let gone = gone(told, ctx);
            insist(|| receipts.write(&now, &gone), "what sinks were told was not written").await;
            *told = now;
        }
        let is_less = |(name, at): (&String, &Timestamp)| told.get(name).is_some_and(|told| at < told);
        due(&mut progress, || told_now(ctx, told, LAG).iter().any(is_less)).await;
    }
}

/// Waits until it is to be written anew what was told: some time after that, and at once what is to be told of before.
async fn due(progress: &mut [watch::Receiver<()>], is_less: impl Fn() -> bool) {
    changed(progress).await;
    // What is told meanwhile is to be written after a pause of its own.
    let mut meanwhile = progress.to_vec();
    let mut pause = pin!(time::sleep(LAG.unsigned_abs()));
    while !is_less() {
        tokio::select! {
            () = &mut pause => break,
            () = changed(&mut meanwhile) => {}
        }
    }
}

/// Waits until a message was told or given up.
async fn changed(progress: &mut [watch::Receiver<()>]) {
    let _ = select_all(progress.iter_mut().map(|progress| Box::pin(progress.changed()))).await;
}

/// Until when each sink has been told everything, no later than so long ago; what was written before stays if nothing is known.
fn told_now(
    ctx: &Context,
    before: &BTreeMap<String, Timestamp>,
    lag: SignedDuration,
) -> BTreeMap<String, Timestamp> {
    let latest = Timestamp::now().checked_sub(lag).unwrap_or(Timestamp::MIN);
    let told = ctx.sinks.each().filter_map(|sink| {
        let before = before.get(sink.name()).copied();
        let until = match (sink.told_until(), before) {
            (Some(until), Some(before)) if until >= before => until.min(latest).max(before),
            (until, before) => until.or(before)?,
        };
        Some((sink.name().to_owned(), Timestamp::from_second(until.as_second()).unwrap_or(until)))
    });
    told.collect()
}

/// The sinks that the settings name no more.
fn gone(told: &BTreeMap<String, Timestamp>, ctx: &Context) -> Vec<String> {
    let is_gone = |name: &&String| !ctx.sinks.each().any(|sink| sink.name() == **name);
    told.keys().filter(is_gone).cloned().collect()
}

/// The connection as a message names it.
fn named(connection: &Connection, ctx: &Context) -> Arc<Named> {
    let labels = connection.shown.iter().flat_map(|shown| &shown.labels);
    let settings = ctx.settings();
    let known = |key: &String| kept_labels(&settings).any(|kept| kept == key);
    Arc::new(Named {
        namespace: connection.key.namespace().to_owned(),
        name: connection.key.name().to_owned(),
        uid: connection.uid.to_string(),
        host: connection.spec.host().map(Into::into).unwrap_or_default(),
        labels: labels
            .filter(|(key, _)| known(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    })
}

fn with_warned<T>(spec: Option<&Spec>, derive: impl FnOnce(Warned<'_>) -> T) -> T {
    let before: Vec<_> =
        spec.into_iter().flat_map(|spec| &spec.warn_before).map(|before| before.get()).collect();
    let declared = spec.and_then(|spec| spec.require.expiry.expires_at);
    derive(Warned { before: &before, declared })
}

/// What the API server answers, however often it must be asked.
async fn insist<T, F: Future<Output = Result<T, Fault>>>(call: impl Fn() -> F, what: &'static str) -> T {
    let mut failures = 0;
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(fault) => {
                tracing::warn!(error = %fault, said = fault.said(None), "{what}");
                time::sleep(spread(backoff(PAUSES, failures), fastrand::f64())).await;
                failures = failures.saturating_add(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde_json::json;

    use super::{
        super::{
            moved,
            tests::{ready, telling},
        },
        *,
    };

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_deleted_while_the_statuses_are_read_leaves_nothing_open() {
        let ctx = telling(|_, path| async move {
            // The list is one of before.
            let listed = path.ends_with("/githubpatconnections");
            let metadata = json!({ "namespace": "team-a", "name": "ci", "uid": "u", "resourceVersion": "1" });
            let spec = json!({ "secretRef": { "name": "pat" } });
            let item =
                json!({ "metadata": metadata, "spec": spec, "status": ready("False", "BadCredentials") });
            match listed {
                true => (200, json!({ "metadata": {}, "items": [item] })),
                false => (
                    404,
                    json!({ "kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "message": "" }),
                ),
            }
        });
        let settings = ctx.settings();
        for scope in Scope::of(&settings.watch.namespaces, settings.shard) {
            ctx.index.list_connections(&scope);
            ctx.index.connections_listed(&scope);
        }
        ctx.queue.open();
        let woken = async {
            tokio::select! {
                key = ctx.queue.next() => key,
                () = tell_sinks(&ctx) => unreachable!("it tells for ever"),
            }
        };
        let woken = time::timeout(Duration::from_secs(1), woken).await;
        assert_eq!(woken.ok(), Some(ObjectKey::new("team-a", "ci")), "it is looked after");
        moved::tell(&ObjectKey::new("team-a", "ci"), &ctx).await.unwrap();
        assert_eq!(ctx.sinks.each().next().unwrap().waiting().0, 2, "that it opened, and that it is over");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_to_be_told_of_before_is_written_at_once_and_the_rest_half_a_minute_later() {
        let rows = [("more was told", None, [30, 60]), ("less was told", Some(7), [7, 7])];
        for (name, less_after, expected) in rows {
            let (sender, receiver) = watch::channel(());
            let begun = time::Instant::now();
            let is_less = Cell::new(false);
            let tell = async {
                for second in 0..10 {
                    is_less.set(less_after.is_some_and(|after| second >= after));
                    sender.send_replace(());
                    time::sleep(Duration::from_secs(1)).await;
                }
                std::future::pending().await
            };
            let mut progress = [receiver];
            let write = async {
                let mut written = [0; 2];
                for second in &mut written {
                    due(&mut progress, || is_less.get()).await;
                    *second = begun.elapsed().as_secs();
                }
                written
            };
            let written = tokio::select! {
                written = write => written,
                () = tell => unreachable!("it tells for ever"),
            };
            assert_eq!(written, expected, "{name}");
        }
    }
}
