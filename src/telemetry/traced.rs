//! A log line that names the trace in which it was written.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

use crate::{settings::LogFormat, traces};

/// Writes lines as another does, with the ids of trace and span at their end.
#[derive(Debug)]
pub(super) struct Traced<F> {
    lines: F,
    format: LogFormat,
}

impl<F> Traced<F> {
    pub(super) const fn new(lines: F, format: LogFormat) -> Self {
        Traced { lines, format }
    }
}

impl<S, N, F> FormatEvent<S, N> for Traced<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some((trace, span)) = traces::ids() else {
            return self.lines.format_event(ctx, writer, event);
        };
        let mut line = String::new();
        self.lines.format_event(ctx, Writer::new(&mut line), event)?;
        writeln!(writer, "{}", named(&line, self.format, &trace, &span))
    }
}

/// The line with both ids, of which JSON has fields.
fn named(line: &str, format: LogFormat, trace: &str, span: &str) -> String {
    let line = line.trim_end();
    match (format, line.strip_suffix('}')) {
        (LogFormat::Json, Some(open)) => {
            format!(r#"{open},"trace_id":"{trace}","span_id":"{span}"}}"#)
        }
        _ => format!("{line} trace_id={trace} span_id={span}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_its_trace_in_its_own_form() {
        let json = named("{\"level\":\"INFO\",\"message\":\"a}\"}\n", LogFormat::Json, "0af7", "b7ad");
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            (&read["trace_id"], &read["span_id"], &read["message"]),
            (&"0af7".into(), &"b7ad".into(), &"a}".into())
        );
        let text = named("INFO: started {}\n", LogFormat::Text, "0af7", "b7ad");
        assert_eq!(text, "INFO: started {} trace_id=0af7 span_id=b7ad");
    }
}
