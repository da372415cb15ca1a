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
    seconds: Family<Class, Histogram>,
    deferrals: Family<Deferred, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Class {
    host: Arc<str>,
    probe: &'static str,
    class: &'static str,
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
        let class = Class { host, probe, class: exchange.reply.class() };
        self.questions.get_or_create(&class).inc();
        let took = Duration::try_from(exchange.answered.duration_since(exchange.at)).unwrap_or_default();
        self.seconds.get_or_create(&class).observe(took.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::domain::{
        Reason,
        answer::{Answer, Refusal},
    };

    /// The sums and counts of the histogram, and its buckets up to 0.25 s and 0.5 s.
    fn shown(counted: &Counted) -> Vec<String> {
        let (mut registry, mut text) = (Registry::default(), String::new());
        counted.register(&mut registry);
        encode(&mut text, &registry).unwrap();
        let asked = |part: &str| {
            let all =
                text.lines().filter_map(|line| line.strip_prefix("github_pat_question_duration_seconds"));
            all.filter(|line| line.contains(part)).map(str::to_owned).collect::<Vec<_>>()
        };
        let mut shown = ["_sum{", "_count{", "le=\"0.25\"", "le=\"0.5\""]
            .iter()
            .flat_map(|part| asked(part))
            .collect::<Vec<_>>();
        shown.sort();
        shown
    }

    #[test]
    fn the_time_of_questions_is_summed_and_counted_by_host_probe_and_class() {
        let refused = || Reply::Answer(Answer::Refused(Refusal::BadCredentials));
        let deferred = || Reply::Deferral(Deferral::new(Reason::ServerError));
        let counted = Counted::default();
        let (first, second): (Arc<str>, Arc<str>) = ("first".into(), "second".into());
        for (host, reply, millis) in [
            (&first, refused(), 250),
            (&first, refused(), 500),
            (&first, deferred(), 60_000),
            (&second, refused(), 125),
            // The clock was set back meanwhile.
            (&second, refused(), -1000),
        ] {
            let answered = Timestamp::UNIX_EPOCH + SignedDuration::from_millis(millis);
            counted.count(host, &Probe::Identity, &Exchange::of(Timestamp::UNIX_EPOCH, answered, reply));
        }
        let of = |suffix: &str, host: &str, class: &str| {
            format!("{suffix}host=\"{host}\",probe=\"Identity\",class=\"{class}\"}}")
        };
        let mut expected = Vec::new();
        for (host, class, sum, count, buckets) in [
            ("first", "Refused", "0.75", 2, [1, 2]),
            ("first", "Deferred", "60.0", 1, [0, 0]),
            ("second", "Refused", "0.125", 2, [2, 2]),
        ] {
            expected.push(format!("{} {sum}", of("_sum{", host, class)));
            expected.push(format!("{} {count}", of("_count{", host, class)));
            for (le, below) in ["0.25", "0.5"].into_iter().zip(buckets) {
                expected.push(format!("{} {below}", of(&format!("_bucket{{le=\"{le}\","), host, class)));
            }
        }
        expected.sort();
        assert_eq!(shown(&counted), expected);
    }
}
