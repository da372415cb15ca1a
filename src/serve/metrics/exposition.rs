//! The text of a scrape, in the form that the reader asks for, written piece by piece: it is never held whole.

use std::{fmt, io, mem, sync::Arc};

use axum::body::Bytes;
use futures::{Stream, stream};
use prometheus_client::{encoding::text, registry::Registry};
use tokio::{
    runtime::Handle,
    sync::mpsc::{self, Sender},
};

use super::room::Place;

/// How large a piece is, in bytes.
const PIECE: usize = 32 * 1024;

/// A form of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// <https://prometheus.io/docs/specs/om/open_metrics_spec/>
    OpenMetrics,
    /// <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>
    Plain,
}

impl Form {
    /// The form that the values of the header `Accept` prefer; who names none reads plain text.
    pub(super) fn wanted<'a>(accepted: impl Iterator<Item = &'a str>) -> Self {
        let (mut open, mut plain) = (0.0_f32, 0.0_f32);
        for range in accepted.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let parameters: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
            let of = |name| parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
            let quality = of("q").and_then(|quality| quality.parse().ok()).unwrap_or(1.0);
            match (media.as_str(), of("version")) {
                ("application/openmetrics-text", None | Some("1.0.0")) => open = open.max(quality),
                ("text/plain" | "text/*" | "*/*", None | Some("0.0.4")) => plain = plain.max(quality),
                _ => {}
            }
        }
        if open > 0.0 && open >= plain { Form::OpenMetrics } else { Form::Plain }
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Form::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Form::Plain => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// The text of all metrics. It breaks off when the reader hangs up or loses his place, which is kept until then.
pub(super) fn text(
    registry: Arc<Registry>,
    form: Form,
    place: Place,
) -> impl Stream<Item = io::Result<Bytes>> {
    let (sender, receiver) = mpsc::channel(1);
    let mut pieces =
        Pieces { runtime: Handle::current(), sender, place, form, text: String::new(), help: None };
    tokio::task::spawn_blocking(move || {
        // Who does not read is told nothing.
        let _ = text::encode(&mut pieces, &registry).and_then(|()| pieces.end());
    });
    stream::unfold(Some(receiver), async |receiver| {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Some(piece)) => Some((Ok(piece), Some(receiver))),
            Some(None) => None,
            None => Some((Err(io::Error::other("the metrics end too early")), None)),
        }
    })
}

/// Takes the text of a scrape, and hands it on in pieces of whole lines; nothing in place of a piece ends it.
struct Pieces {
    runtime: Handle,
    sender: Sender<Option<Bytes>>,
    place: Place,
    form: Form,
    text: String,
    /// The help of the family that comes next, whose type is not told yet.
    help: Option<String>,
}

impl fmt::Write for Pieces {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text.push_str(text);
        if self.text.len() < PIECE || !text.ends_with('\n') {
            return Ok(());
        }
        self.hand_on()
    }
}

impl Pieces {
    fn end(&mut self) -> fmt::Result {
        self.hand_on()?;
        self.send(None)
    }

    fn hand_on(&mut self) -> fmt::Result {
        let text = mem::take(&mut self.text);
        let text = match self.form {
            Form::OpenMetrics => text,
            Form::Plain => plain(&text, &mut self.help),
        };
        if text.is_empty() { Ok(()) } else { self.send(Some(text.into())) }
    }

    fn send(&self, piece: Option<Bytes>) -> fmt::Result {
        let is_sent = self.runtime.block_on(async {
            tokio::select! {
                sent = self.sender.send(piece) => sent.is_ok(),
                () = self.place.ended() => false,
            }
        });
        if is_sent { Ok(()) } else { Err(fmt::Error) }
    }
}

/// The same lines as plain text: a family of counters has the name of its samples, and there are neither units nor an end.
fn plain(lines: &str, help: &mut Option<String>) -> String {
    let mut text = String::with_capacity(lines.len());
    for line in lines.split_inclusive('\n') {
        let Some(comment) = line.strip_prefix("# ") else {
            text.push_str(line);
            continue;
        };
        let mut words = comment.trim_end().splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some("HELP"), Some(_), says) => *help = Some(says.unwrap_or_default().to_owned()),
            (Some("TYPE"), Some(family), Some(type_)) => {
                let suffix = if type_ == "counter" { "_total" } else { "" };
                let type_ = if type_ == "unknown" { "untyped" } else { type_ };
                let says = help.take().unwrap_or_default();
                text += &format!("# HELP {family}{suffix} {says}\n# TYPE {family}{suffix} {type_}\n");
            }
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_what_the_reader_prefers() {
        let prometheus_2 = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
                            text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                            application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
                            text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        let rows = [
            (prometheus_2, Form::OpenMetrics),
            (prometheus_3, Form::OpenMetrics),
            ("application/openmetrics-text", Form::OpenMetrics),
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", Form::OpenMetrics),
            ("application/openmetrics-text;q=0", Form::Plain),
            ("application/openmetrics-text;version=2.0.0", Form::Plain),
            ("text/plain, application/openmetrics-text;q=0.5", Form::Plain),
            ("*/*", Form::Plain),
            ("text/html", Form::Plain),
            ("", Form::Plain),
        ];
        for (accepted, form) in rows {
            assert_eq!(Form::wanted([accepted].into_iter()), form, "{accepted}");
        }
        assert_eq!(
            Form::wanted(["*/*;q=0.1", "application/openmetrics-text"].into_iter()),
            Form::OpenMetrics
        );
    }

    #[test]
    fn plain_text_has_the_names_of_its_samples_and_no_end() {
        let lines = "# HELP a_b Says.\n# TYPE a_b counter\na_b_total{x=\"# TYPE\"} 1\n# HELP c_seconds Says more.\n\
                     # TYPE c_seconds gauge\n# UNIT c_seconds seconds\nc_seconds 2\n# EOF\n";
        let expected = "# HELP a_b_total Says.\n# TYPE a_b_total counter\na_b_total{x=\"# TYPE\"} 1\n# HELP c_seconds Says more.\n\
                        # TYPE c_seconds gauge\nc_seconds 2\n";
        assert_eq!(plain(lines, &mut None), expected);
        for (at, _) in lines.match_indices('\n') {
            let (first, second) = lines.split_at(at + 1);
            let mut help = None;
            assert_eq!(plain(first, &mut help) + &plain(second, &mut help), expected, "in two pieces");
        }
    }
}
