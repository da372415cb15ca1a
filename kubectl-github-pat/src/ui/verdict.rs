//! What is said of a token that was pasted and is of no use.

use github_pat_operator::{domain::requirement::State, judge::Judged};
use jiff::Timestamp;

use super::{
    detail::{Step, chain},
    remedies::{Page, pages},
};

/// Why nothing was written.
pub(super) struct Verdict {
    pub(super) words: &'static str,
    pub(super) chain: Vec<Step>,
    pub(super) message: String,
    pub(super) lines: Vec<String>,
    pub(super) pages: Vec<Page>,
    pub(super) fill_in: Option<String>,
}

impl Verdict {
    pub(super) fn of(judged: &Judged, now: Timestamp) -> Self {
        let status = &judged.status;
        let lines = judged.lines.iter().filter(|line| line.state != State::Met).map(|line| {
            let on = line.on.as_deref().filter(|on| !on.is_empty()).map(|on| format!("on {on}: "));
            let (reason, message) = (line.finding.reason.as_str(), &line.finding.message);
            format!("{:?} {}: {reason}: {}{message}", line.kind, line.name, on.unwrap_or_default())
        });
        let links = status.links.as_ref();
        Verdict {
            words: status.usability().words(),
            chain: chain(Some(status), now),
            message: status.message("Ready").unwrap_or_default().to_owned(),
            lines: lines.collect(),
            pages: links.map(pages).unwrap_or_default(),
            fill_in: links.and_then(|links| links.fill_in.clone()),
        }
    }
}
