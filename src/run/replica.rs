//! One of several replicas: it waits until it leads.

use std::{sync::Arc, time::Duration};

use kube::Client;
use tokio::time;

use crate::{
    cluster::{DEADLINE, election::Terms, fence::Fence, lease::Elector, peers::Peers},
    domain::shard::Shard,
    reconcile::Context,
    settings::Lease,
};

/// A replica that has not listed everything by then stands for election all the same: there may be none that has.
const UNTIL_WARM: Duration = Duration::from_secs(30);

/// A replica, the Lease for which it stands, and the fence that this opens.
pub(super) struct Replica {
    pub(super) fence: Arc<Fence>,
    pub(super) elector: Elector,
    peers: Option<Peers>,
}

impl Replica {
    pub(super) fn new(client: &Client, lease: &Lease, shard: Option<Shard>) -> Self {
        let terms = Terms {
            lease_duration: lease.duration.unsigned_abs(),
            renew_deadline: lease.renew_deadline.unsigned_abs(),
            retry_period: lease.retry_period.unsigned_abs(),
        };
        let fence = Fence::new(terms.write_deadline(DEADLINE));
        let namespace = lease.namespace.as_deref().unwrap_or_else(|| client.default_namespace());
        let elector = Elector::new(client.clone(), namespace, &lease.name, shard, terms, fence.clone());
        let peers = shard.map(|shard| Peers::new(client.clone(), namespace, &lease.name, shard, terms));
        Replica { fence, elector, peers }
    }

    /// Returns when this replica leads, and no operator does that counts other shards.
    pub(super) async fn leads(&mut self, ctx: &Context) {
        let Some(peers) = &mut self.peers else { return self.elector.acquire(warm(ctx)).await };
        loop {
            peers.until_alone().await;
            self.elector.acquire(warm(ctx)).await;
            if peers.is_alone().await {
                return;
            }
            if let Err(error) = self.elector.release().await {
                tracing::warn!(%error, "the Lease cannot be given back, and runs out");
            }
            time::sleep(peers.pause()).await;
        }
    }
}

/// Waits until everything is listed, but not for ever.
async fn warm(ctx: &Context) {
    let mut listed = ctx.index.has_listed();
    let _ = time::timeout(UNTIL_WARM, listed.wait_for(|listed| listed.all())).await;
}
