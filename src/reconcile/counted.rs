//! How reconciles ended, under the names of controller-runtime, so that dashboards made for it work:
//! <https://book.kubebuilder.io/reference/metrics-reference>.

use std::{fmt, sync::Arc, time::Duration};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet},
    metrics::{MetricType, counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

use super::{Context, Next};

/// The name of the one controller.
const CONTROLLER: &str = "githubpatconnection";
/// In seconds; a reconcile is cut after 25.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 25.0];

/// The reconciles that are over.
#[derive(Debug)]
pub(super) struct Counted {
    ended: Family<Ended, Counter>,
    errors: Family<Of, Counter>,
    panics: Family<Of, Counter>,
    retries: Family<Queued, Counter>,
    timeouts: Family<Of, Counter>,
    seconds: Family<Of, Histogram>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    controller: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    controller: &'static str,
    result: &'static str,
}

/// The labels of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Queued {
    name: &'static str,
    controller: &'static str,
}

const OF: Of = Of { controller: CONTROLLER };
const QUEUE: Queued = Queued { name: CONTROLLER, controller: CONTROLLER };

impl Default for Counted {
    fn default() -> Self {
        let counted = Counted {
            ended: Family::default(),
            errors: Family::default(),
            panics: Family::default(),
            retries: Family::default(),
            timeouts: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
        };
        // What never happened is told as 0, so that the first time is seen as an increase.
        for result in ["success", "requeue", "requeue_after", "error"] {
            drop(counted.ended.get_or_create(&Ended { controller: CONTROLLER, result }));
        }
        for never in [&counted.errors, &counted.panics, &counted.timeouts] {
            drop(never.get_or_create(&OF));
        }
        drop(counted.retries.get_or_create(&QUEUE));
        counted
    }
}

impl Counted {
    /// Counts a reconcile that has ended.
    pub(super) fn count(&self, next: &Next, took: Duration) {
        let result = match next {
            Next::Wait => "success",
            Next::After(pause) if pause.is_zero() => "requeue",
            Next::After(_) => "requeue_after",
            Next::Failed | Next::FailedOr(_) => "error",
        };
        self.ended.get_or_create(&Ended { controller: CONTROLLER, result }).inc();
        if result == "error" {
            self.errors.get_or_create(&OF).inc();
            self.retries.get_or_create(&QUEUE).inc();
        }
        self.seconds.get_or_create(&OF).observe(took.as_secs_f64());
    }

    /// Counts one that panicked.
    pub(super) fn count_panic(&self) {
        self.panics.get_or_create(&OF).inc();
    }

    /// Counts one that was cut.
    pub(super) fn count_timeout(&self) {
        self.timeouts.get_or_create(&OF).inc();
    }

    fn register(&self, registry: &mut Registry) {
        registry.register(
            "controller_runtime_reconcile",
            "Reconciles that are over, by how they ended",
            self.ended.clone(),
        );
        registry.register(
            "controller_runtime_reconcile_errors",
            "Reconciles that failed, because of the API server",
            self.errors.clone(),
        );
        registry.register(
            "controller_runtime_reconcile_panics",
            "Reconciles that panicked, which is a fault of the operator",
            self.panics.clone(),
        );
        registry.register(
            "controller_runtime_reconcile_timeouts",
            "Reconciles that were cut since they took too long",
            self.timeouts.clone(),
        );
        registry.register(
            "workqueue_retries",
            "How often a connection was queued again since its reconcile had failed",
            self.retries.clone(),
        );
        registry.register(
            "controller_runtime_reconcile_time_seconds",
            "How long a reconcile took",
            self.seconds.clone(),
        );
    }
}

/// Shows how reconciles ended, and what waits.
pub fn register(ctx: &Arc<Context>, registry: &mut Registry) {
    ctx.counted.register(registry);
    let of_queue = [("name", CONTROLLER), ("controller", CONTROLLER)];
    let of_queue = of_queue.map(|(name, value)| (name.into(), value.into()));
    let queue = registry.sub_registry_with_labels(of_queue.into_iter());
    queue.register(
        "workqueue_queue_duration_seconds",
        "How long a connection waited for a worker",
        ctx.queue.waited.clone(),
    );
    queue.register(
        "workqueue_work_duration_seconds",
        "How long a worker had a connection",
        ctx.queue.worked.clone(),
    );
    registry.register_collector(Box::new(Work(ctx.clone())));
}

/// What waits and what is at work, at the moment of the scrape.
struct Work(Arc<Context>);

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Work")
    }
}

impl Collector for Work {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let size = self.0.queue.size();
        let workers = [("controller", CONTROLLER)];
        let queue = [("name", CONTROLLER), ("controller", CONTROLLER)];
        for (name, help, time) in [
            (
                "workqueue_unfinished_work_seconds",
                "How long the workers have had what they work on, together",
                size.unfinished,
            ),
            ("workqueue_longest_running_processor_seconds", "The longest of these", size.longest),
        ] {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            family.encode_family(&queue)?.encode_gauge(&time.as_secs_f64())?;
        }
        let mut gauge = |name, help, labels: &[(&str, &str)], value: u64| {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            family.encode_family(&labels)?.encode_gauge(&value)
        };
        gauge("controller_runtime_active_workers", "Reconciles under way", &workers, size.running)?;
        let most = u64::from(self.0.settings().concurrency);
        gauge("controller_runtime_max_concurrent_reconciles", "How many may be under way", &workers, most)?;
        gauge("workqueue_depth", "Connections that wait to be reconciled now", &queue, size.waiting)?;
        gauge(
            "github_pat_connections_scheduled",
            "Connections that are reconciled again at an instant",
            &[],
            size.timed,
        )?;
        if let Some(shard) = self.0.settings().shard {
            let (index, count) = (shard.index().to_string(), shard.count().to_string());
            let (name, help) =
                ("github_pat_operator_shard_info", "1, with which shard this is, and of how many");
            gauge(name, help, &[("shard", &index), ("shards", &count)], 1)?;
        }
        if let Some(lease) = &self.0.settings().lease {
            let (name, help) =
                ("leader_election_master_status", "1 while this replica holds the Lease of this name");
            gauge(name, help, &[("name", &lease.name)], self.0.leads().into())?;
        }
        let mut adds = encoder.encode_descriptor(
            "workqueue_adds",
            "How often a connection was queued",
            None,
            MetricType::Counter,
        )?;
        let mut adds = adds.encode_family(&queue)?;
        adds.encode_counter::<[(&str, &str); 0], _, f64>(&size.added, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reconcile_that_failed_is_an_error_and_a_retry_of_the_queue() {
        let counted = Counted::default();
        let pause = Duration::from_secs(1);
        for next in [Next::Wait, Next::After(pause), Next::Failed, Next::FailedOr(pause)] {
            counted.count(&next, pause);
        }
        let mut registry = Registry::default();
        counted.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "workqueue_retries_total{name=\"githubpatconnection\",controller=\"githubpatconnection\"} 2",
            "controller_runtime_reconcile_errors_total{controller=\"githubpatconnection\"} 2",
            "controller_runtime_reconcile_time_seconds_sum{controller=\"githubpatconnection\"} 4.0",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
}
