//! Which other connections still have the token that this one has replaced.

use std::{iter, mem, time::Duration};

use arcstr::ArcStr;
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::{
    Context,
    elsewhere::{Have, Holder, SHORTEST},
    follow::pause,
    observe::Observed,
    sum::sum,
};
use crate::{
    api::{GithubPatConnectionStatus as Status, Phase, StatusDigest},
    cluster::{
        connections::{self, Connection},
        object::ObjectKey,
        scope::Scope,
    },
    domain::{holder::Holders, token::HashedToken},
};

/// How long one look may take, over all namespaces.
const LISTING: Duration = Duration::from_secs(10);

/// Those that the operator looks after; of the connection's own outputs those that are neither named nor kept, and those that have it from
/// another Secret.
pub(super) fn holders(connection: &Connection, observed: &Observed, ctx: &Context) -> Holders {
    let token = observed.seen.token.yes().map(|token| token.hashed);
    let status = connection.status.iter();
    let known = status.flat_map(|status| [status.leaves().map(|leaves| leaves.token), status.token]);
    let mut holders = Holders::default();
    for old in known.flatten().filter(|old| token.is_some_and(|token| token != *old)) {
        holders.add(ctx.index.holders(connection, old));
    }
    let outputs = &observed.seen.demand.outputs;
    let is_known = |name: &str| outputs.iter().any(|output| output.target() == Some(name));
    let (taken_in, former) = mem::take(&mut holders.taken_in).into_iter().partition(|name| is_known(name));
    holders.taken_in = taken_in;
    holders.own.extend::<Vec<_>>(former);
    holders.own.retain(|name| !is_known(name) && !observed.seen.is_version(name));
    holders
}

/// Those that another operator looks after, since this one has a selector, and after which pause to look again; `None` if there are none. Asked
/// once the status would say that the token is safe to revoke: nothing tells this operator what becomes of the connections of others. A namespace
/// of which the API server does not tell keeps what was known of it, and nobody from being told of the others.
pub(super) async fn of_others(
    connection: &Connection,
    [before, next]: [&Status; 2],
    ctx: &Context,
) -> Option<(Holders, Duration)> {
    let is_safe =
        |status: &Status| status.rotation.as_ref().filter(|of| of.phase == Phase::SafeToRevoke).cloned();
    let rotation = is_safe(next).filter(|rotation| {
        let was = is_safe(before);
        rotation.old_token_ended.is_none()
            && was.is_none_or(|was| was.old_token.hashed_token != rotation.old_token.hashed_token)
    });
    let rotation = rotation.filter(|_| ctx.settings().selector.is_some())?;
    let tokens = [&rotation.old_token, &rotation.new_token].map(|of| of.hashed_token);
    let (holders, left) = looked(connection, tokens, ctx).await;
    let waited = rotation.published_at.map(|at| Timestamp::now().duration_since(at.0)).unwrap_or_default();
    let again = if holders.is_partial { pause(waited.unsigned_abs()) } else { left };
    let is_there = holders.others() > 0 || holders.is_partial;
    is_there.then(|| (holders, again.max(SHORTEST)))
}

/// Who has the old one of these tokens, and how long the last of the answers counts that name somebody.
async fn looked(
    connection: &Connection,
    [token, new]: [HashedToken; 2],
    ctx: &Context,
) -> (Holders, Duration) {
    let own = connection.key.namespace();
    let mut unseen = ctx.index.unseen(token);
    // Whoever has the new one in the outputs by now, or had the old one a moment ago, may wait for Pods still.
    for namespace in ctx.index.unseen(new).into_keys().chain(ctx.elsewhere.named(token)) {
        unseen.entry(namespace).or_default();
    }
    // Those of its own namespace are told by name, so they come first; then those that were asked about longest ago, so that none that
    // takes long keeps the same others from being asked about each time.
    let beside = unseen.remove(own).unwrap_or_default();
    let mut unseen: Vec<_> = unseen.into_iter().collect();
    unseen.sort_by_key(|(namespace, _)| ctx.elsewhere.asked((namespace, token)));
    let until = Instant::now().checked_add(LISTING);
    let (mut holders, mut left) = (Holders::default(), Duration::ZERO);
    for (namespace, outputs) in iter::once((own.into(), beside)).chain(unseen) {
        let have = in_namespace(&namespace, token, &outputs, until, ctx).await;
        holders.is_partial |= have.is_none();
        let have = have.unwrap_or_else(|| ctx.elsewhere.last((&namespace, token)));
        // What the index has seen of it since, the index tells.
        let is_told = |holder: &&Holder| {
            let key = ObjectKey::new(&namespace, &holder.name);
            let now = ctx.index.connection(&key);
            key != connection.key && now.is_none_or(|now| !holder.version.is_older(&now.resource_version))
        };
        let names: Vec<_> = have.holders.iter().filter(is_told).map(|holder| holder.name.clone()).collect();
        if !names.is_empty() {
            left = left.max(have.left);
        }
        if *namespace == *own {
            holders.beside = names;
        } else {
            holders.elsewhere = holders.elsewhere.saturating_add(names.len());
        }
    }
    // One may have come over from another operator meanwhile.
    let Holders { beside, elsewhere, unseen, .. } = ctx.index.holders(connection, token);
    holders.add(Holders { beside, elsewhere, unseen, ..Holders::default() });
    (holders, left)
}

/// Who has it there, whoever looks after them; `None` if that is not to be had now.
async fn in_namespace(
    namespace: &str,
    token: HashedToken,
    outputs: &[(Box<str>, ArcStr)],
    until: Option<Instant>,
    ctx: &Context,
) -> Option<Have> {
    let (of, known) = ((namespace, token), sum(outputs));
    if let Some(have) = ctx.elsewhere.known(of, known) {
        return Some(have);
    }
    let until = until.filter(|until| *until > Instant::now())?;
    let _turn = ctx.elsewhere.turn(namespace)?;
    ctx.elsewhere.asks((namespace, token));
    let (mut all, mut count) = (Vec::new(), 0_usize);
    let read = |other: Connection, status: Status| {
        count = count.saturating_add(1);
        // Of one that is known and publishes nothing, the index knows better.
        let may_count = !status.outputs.is_empty() || ctx.index.connection(&other.key).is_none();
        if may_count && has(&other.uid, status, token, outputs) {
            all.push(Holder { name: other.key.name().into(), version: other.resource_version });
        }
    };
    let scope = Scope::Namespace(namespace.into());
    match timeout_at(until, connections::each(&ctx.client, &scope, None, read)).await {
        Ok(Ok(())) => Some(ctx.elsewhere.keep(of, known, all, count)),
        Ok(Err(fault)) => {
            tracing::warn!(namespace, error = %fault, said = fault.said(None),
                "nobody knows whether connections of another operator have the old token; the operator tries again");
            None
        }
        Err(_) => {
            tracing::warn!(
                namespace,
                "listing the connections took too long and was given up; the operator tries again"
            );
            None
        }
    }
}

/// True if an output of the connection has the token, but for an earlier version of one, or its own change from it is not over, or its status
/// does not tell of that yet: the outputs are written first.
fn has(uid: &str, status: Status, token: HashedToken, outputs: &[(Box<str>, ArcStr)]) -> bool {
    let has_outputs = !status.outputs.is_empty();
    let status = StatusDigest::from(status);
    let mut outputs = outputs.iter().filter(|(_, owner)| **owner == *uid);
    let leaves = status.leaves().filter(|leaves| leaves.token == token);
    let tells_of_none = has_outputs && status.token == Some(token);
    outputs.any(|(name, _)| !status.is_earlier(name))
        || leaves.is_some_and(|leaves| leaves.waits_for_itself)
        || tells_of_none
}

#[cfg(test)]
mod tests;
