//! Connections that come to this operator or to a sink by their labels, or leave the operator: what is wrong with them is not over for that.
//!
//! The API server sends what loses its labels as deleted, with its last labels that were right, so only a read tells the two apart:
//! <https://github.com/kubernetes/kubernetes/blob/v1.33.0/staging/src/k8s.io/apiserver/pkg/storage/cacher/cache_watcher.go>.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Context, PAUSES};
use crate::{
    cluster::{connections, object::ObjectKey},
    domain::backoff::{backoff, spread},
};

/// What the sinks are yet to be told of each.
#[derive(Debug, Default)]
pub(super) struct Moves {
    pending: Mutex<HashMap<ObjectKey, Move>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Move {
    /// It is gone, or has other labels now.
    left: bool,
    /// It was judged before, and has come to the operator, or to a sink.
    came: bool,
    /// How often the API server did not tell.
    failures: u32,
}

impl Moves {
    pub(super) fn left(&self, key: &ObjectKey) {
        self.lock().entry(key.clone()).or_default().left = true;
    }

    pub(super) fn came(&self, key: &ObjectKey) {
        self.lock().entry(key.clone()).or_default().came = true;
    }

    /// True if the sinks are yet to be told of it.
    pub(super) fn awaits(&self, key: &ObjectKey) -> bool {
        self.lock().contains_key(key)
    }

    fn take(&self, key: &ObjectKey) -> Option<Move> {
        self.lock().remove(key)
    }

    fn put_back(&self, key: &ObjectKey, moved: Move) {
        let mut pending = self.lock();
        let now = pending.entry(key.clone()).or_default();
        let failures = moved.failures.saturating_add(1);
        *now = Move { left: now.left || moved.left, came: now.came || moved.came, failures };
    }

    /// No change of this runs code that can panic, so a lock that a panicking holder left is as good as any.
    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, Move>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has the sinks told that what was wrong is over if the connection is gone, nothing if it has other labels, and what is wrong if it has
/// come, also to a sink alone. As a part of its reconcile, so that all is told in order.
///
/// # Errors
///
/// The pause after which to come again, if the API server does not tell.
pub(super) async fn tell(key: &ObjectKey, ctx: &Context) -> Result<(), Duration> {
    if ctx.index.connection(key).is_some_and(|connection| super::tell::is_unheard(&connection, ctx)) {
        ctx.moves.came(key);
    }
    let Some(moved) = ctx.moves.take(key) else { return Ok(()) };
    let live = match connections::live(&ctx.client, key).await {
        Ok(live) => live,
        Err(fault) => {
            tracing::warn!(connection = %key, error = %fault, said = fault.said(None), "it was not read why the connection is no longer as it was");
            ctx.moves.put_back(key, moved);
            return Err(spread(backoff(PAUSES, moved.failures), fastrand::f64()));
        }
    };
    let there = live.as_ref().map(|(connection, _)| &*connection.uid);
    let (namespace, name) = (key.namespace(), key.name());
    let is_same = |uid: Option<String>| uid.as_deref() == there;
    if moved.left && !is_same(ctx.sinks.open(namespace, name)) {
        ctx.sinks.gone(namespace, name);
    }
    match (ctx.index.connection(key), live) {
        (None, _) => ctx.sinks.leave(namespace, name),
        (Some(known), Some((connection, status))) if moved.came && known.uid == connection.uid => {
            match ctx.sinks.open(namespace, name) {
                None => super::tell::tell_open(&connection, &status, ctx),
                Some(_) => super::tell::tell_unheard(&connection, &status, ctx),
            }
        }
        _ => {}
    }
    Ok(())
}
