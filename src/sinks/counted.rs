//! What was sent to the sinks and what waits for them, for `/metrics`.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet},
    metrics::{MetricType, counter::Counter, family::Family},
    registry::Registry,
};

use super::Sink;

/// What a message or a try of one comes to.
const RESULTS: [&str; 3] = ["Delivered", "Refused", "Failed"];

/// The counters of all sinks.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted(Family<Ended, Counter>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    sink: String,
    result: &'static str,
}

impl Counted {
    /// What never happened is told as 0, so that the first time is seen as an increase.
    pub(super) fn begin(&self, sink: &str) {
        for result in RESULTS {
            drop(self.0.get_or_create(&Ended { sink: sink.to_owned(), result }));
        }
    }

    pub(super) fn count(&self, sink: &str, result: &'static str) {
        self.0.get_or_create(&Ended { sink: sink.to_owned(), result }).inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "github_pat_notifications",
            "Requests to sinks, by what came of them",
            self.0.clone(),
        );
    }
}

/// Shows what waits.
pub(super) struct Waiting(pub(super) Vec<Arc<Sink>>);

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiting")
    }
}

impl Collector for Waiting {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Notifications that a sink is yet to be told";
        let mut family =
            encoder.encode_descriptor("github_pat_notifications_waiting", help, None, MetricType::Gauge)?;
        for sink in &self.0 {
            let count = u64::try_from(sink.waiting().0).unwrap_or(u64::MAX);
            family.encode_family(&[("sink", sink.name())])?.encode_gauge(&count)?;
        }
        let help = "How long the first of them has waited; 0 if none does";
        let name = "github_pat_notifications_oldest_seconds";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for sink in &self.0 {
            let age = sink.waiting().1.as_secs_f64();
            family.encode_family(&[("sink", sink.name())])?.encode_gauge(&age)?;
        }
        Ok(())
    }
}
