//! What the operator asked of the API server, from the audit log.

use std::collections::BTreeMap;

use control_plane::AuditEvent;

use crate::{Failed, operator::USER, report::Figures, stage::Stage};

/// Requests of the operator in a span of time.
#[derive(Clone, Debug)]
pub(crate) struct Requests(Vec<AuditEvent>);

impl Requests {
    /// All of them so far.
    pub(crate) fn so_far(stage: &Stage) -> Result<Self, Failed> {
        Ok(Self(stage.plane.audit()?.into_iter().filter(|event| event.user == USER).collect()))
    }

    /// Without those of connections and Secrets whose name begins with this.
    pub(crate) fn without(mut self, prefix: &str) -> Self {
        self.0.retain(|event| !event.name.starts_with(prefix));
        self
    }

    /// Those that came after `earlier`.
    pub(crate) fn since(mut self, earlier: &Requests) -> Self {
        self.0.drain(..earlier.0.len().min(self.0.len()));
        self
    }

    pub(crate) fn writes(&self) -> f64 {
        self.0.iter().filter(|event| event.is_write()).count() as f64
    }

    /// A watch is no read of one connection, and stands in the log only when it has ended.
    pub(crate) fn reads(&self) -> f64 {
        self.0.iter().filter(|event| matches!(event.verb.as_str(), "get" | "list")).count() as f64
    }

    /// A line for each verb and resource, divided by `by`.
    pub(crate) fn add_each(&self, figures: &mut Figures, by: f64) {
        let mut counts = BTreeMap::<String, f64>::new();
        for event in &self.0 {
            let slash = if event.subresource.is_empty() { "" } else { "/" };
            let what = format!("  {} {}{slash}{}", event.verb, event.resource, event.subresource);
            *counts.entry(what).or_default() += 1.0;
        }
        for (what, count) in counts {
            figures.add(what, count / by, "");
        }
    }
}
