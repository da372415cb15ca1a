//! What the operator tells OpenTelemetry of its own work: spans, and which work a question was asked for.
//!
//! Where nobody listens, a span costs what a log line costs that is not written. No field of any has a byte of a token.

use opentelemetry::{
    Context,
    trace::{SpanContext, TraceContextExt},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The target of all spans. The log leaves it out.
pub const TARGET: &str = "traces";

/// The work from which a question was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(SpanContext);

impl Origin {
    /// The work that is done here; `None` where nobody listens, or nothing of it is told.
    pub fn current() -> Option<Self> {
        let span = Span::current();
        if span.is_none() {
            return None;
        }
        let context = span.context().span().span_context().clone();
        context.is_valid().then_some(Origin(context))
    }
}

#[cfg(test)]
impl Origin {
    /// One of many.
    pub(crate) fn numbered(number: usize) -> Self {
        use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState};
        let span = SpanId::from(u64::try_from(number).unwrap().saturating_add(1));
        Origin(SpanContext::new(TraceId::from(1), span, TraceFlags::SAMPLED, false, TraceState::NONE))
    }
}

/// Tells for whom the work of this span was done.
pub fn link(span: &Span, origins: impl IntoIterator<Item = Origin>) {
    for Origin(context) in origins {
        span.add_link(context);
    }
}

/// The ids of the trace and of the span in which this runs, as OpenTelemetry writes them.
pub fn ids() -> Option<(String, String)> {
    let context = Context::current();
    let span = context.span();
    let context = span.span_context();
    context.is_valid().then(|| (context.trace_id().to_string(), context.span_id().to_string()))
}
