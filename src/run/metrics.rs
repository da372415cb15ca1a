//! Puts together what `/metrics` shows.

use std::sync::Arc;

use prometheus_client::registry::Registry;

use super::reload::Reloads;
use crate::{
    cluster::requests::Requests,
    reconcile::{self, Context},
    serve::metrics::{Metrics, View},
};

/// All metrics of this operator.
pub(super) fn of(ctx: &Arc<Context>, requests: &Requests, reloads: Option<&Reloads>) -> Metrics {
    let mut registry = Registry::default();
    if let Some(reloads) = reloads {
        reloads.register(&mut registry);
    }
    reconcile::register(ctx, &mut registry);
    ctx.prober.register(&mut registry);
    ctx.sinks.register(&mut registry);
    let (working, shown) = (ctx.clone(), ctx.clone());
    let view = View {
        index: ctx.index.clone(),
        prober: ctx.prober.clone(),
        requests: requests.clone(),
        per_connection: Box::new(move || shown.settings().metrics_per_connection),
        labels: ctx.settings().connection_labels.clone(),
        stalled_for: Box::new(move || super::stalled_for(&working)),
    };
    Metrics::new(registry, view)
}
