//! Puts together what `/metrics` shows.

use std::sync::Arc;

use prometheus_client::registry::Registry;

use crate::{
    cluster::requests::Requests,
    reconcile::{self, Context},
    serve::metrics::{Metrics, View},
};

/// All metrics of this operator.
pub(super) fn of(ctx: &Arc<Context>, requests: &Requests) -> Metrics {
    let mut registry = Registry::default();
    reconcile::register(ctx, &mut registry);
    ctx.prober.register(&mut registry);
    let working = ctx.clone();
    let view = View {
        index: ctx.index.clone(),
        prober: ctx.prober.clone(),
        requests: requests.clone(),
        hosts: ctx.settings.hosts.iter().map(|host| host.name.clone()).collect(),
        per_connection: ctx.settings.metrics_per_connection,
        stalled_for: Box::new(move || super::stalled_for(&working)),
    };
    Metrics::new(registry, view)
}
