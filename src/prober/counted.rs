//! What was asked of the hosts and what came of it, as numbers that only grow.

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

use crate::{
    domain::{
        answer::{Deferral, Reply},
        probe::Probe,
    },
    github::Exchange,
};

/// In seconds; the longest timeout of a host is a minute.
const BUCKETS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The counters of all hosts.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    questions: Family<Class, Counter>,
    seconds: Family<Asked, Histogram>,
    deferrals: Family<Deferred, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Class {
    host: Arc<str>,
    probe: &'static str,
    class: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    host: Arc<str>,
    probe: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Deferred {
    host: Arc<str>,
    reason: &'static str,
}

impl Default for Counted {
    fn default() -> Self {
        Counted {
            questions: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            deferrals: Family::default(),
        }
    }
}

impl Counted {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "github_pat_questions",
            "Questions to GitHub that are over, by what came of them",
            self.questions.clone(),
        );
        registry.register(
            "github_pat_question_duration_seconds",
            "From the question until its answer was read to the end, or failed",
            self.seconds.clone(),
        );
        registry.register(
            "github_pat_deferrals",
            "Questions whose answer said nothing about the token, by reason",
            self.deferrals.clone(),
        );
    }

    /// Counts a question that is over.
    pub(super) fn count(&self, host: &Arc<str>, probe: &Probe, exchange: &Exchange) {
        let (host, probe) = (host.clone(), probe.kind());
        if let Reply::Deferral(Deferral { reason, .. }) = &exchange.reply {
            self.deferrals.get_or_create(&Deferred { host: host.clone(), reason: reason.as_str() }).inc();
        }
        let class = exchange.reply.class();
        self.questions.get_or_create(&Class { host: host.clone(), probe, class }).inc();
        let took = Duration::try_from(exchange.answered.duration_since(exchange.at)).unwrap_or_default();
        self.seconds.get_or_create(&Asked { host, probe }).observe(took.as_secs_f64());
    }
}
