//! `explain`: what a reason means and what to do, from the pages that the operator's own tests hold against its code.

use std::{ffi::OsStr, process::ExitCode};

use clap::builder::{PossibleValue, TypedValueParser};
use github_pat_operator::{
    api::Phase,
    domain::{Reason, event},
};

use crate::{error::Error, screen};

const PAGE: &str = include_str!("../../docs/reasons.md");
/// Where what is no reason of a condition has a row of a table: what it is, and the page, by its name and its text.
const TABLES: [(&str, &str, &str); 2] = [
    ("A phase of a rotation", "docs/rotation.md", include_str!("../../docs/rotation.md")),
    ("An Event", "docs/resource.md", include_str!("../../docs/resource.md")),
];
const PHASES: [Phase; 5] =
    [Phase::Proving, Phase::Publishing, Phase::Restarting, Phase::WaitingForConsumers, Phase::SafeToRevoke];

/// Prints what a reason means and what to do, as docs/reasons.md has it; of a phase of a rotation, or the reason of an Event, what it is.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// The reason, as a condition, a requirement or an Event has it, or the phase of a rotation; without it, all of them are listed
    #[arg(value_parser = Reasons, hide_possible_values = true)]
    reason: Option<&'static str>,
}

pub(crate) fn run(explain: &Explain) -> Result<ExitCode, Error> {
    match explain.reason {
        Some(word) => screen::print(&explained(word))?,
        None => screen::print(&all().map(|word| format!("{word}\n")).collect::<String>())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// All words that can be explained.
fn all() -> impl Iterator<Item = &'static str> {
    let phases = PHASES.map(phase);
    let events = event::REASONS.into_iter().filter(move |reason| !phases.contains(reason));
    Reason::ALL.iter().map(|reason| reason.as_str()).chain(phases).chain(events)
}

/// The phase as the status has it.
const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Proving => "Proving",
        Phase::Publishing => "Publishing",
        Phase::Restarting => "Restarting",
        Phase::WaitingForConsumers => "WaitingForConsumers",
        Phase::SafeToRevoke => "SafeToRevoke",
    }
}

/// What the word means.
fn explained(word: &str) -> String {
    if let Some(section) = word.parse().ok().and_then(section) {
        return section.to_owned();
    }
    let begin = format!("| `{word}` | ");
    let rows = TABLES.iter().flat_map(|(what, page, text)| {
        let rows = text.lines().filter_map(|line| line.strip_prefix(&begin)?.strip_suffix(" |"));
        rows.map(move |row| format!("\n- {what} ({page}): {}\n", row.replace(" | ", ": ")))
    });
    format!("### `{word}`\n{}", rows.collect::<String>())
}

/// Reads a reason, and knows all of them.
#[derive(Clone)]
struct Reasons;

impl TypedValueParser for Reasons {
    type Value = &'static str;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<&'static str, clap::Error> {
        let read: fn(&str) -> Result<&'static str, String> = reason;
        read.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(all().map(PossibleValue::new)))
    }
}

/// The reason of this name, in any case.
fn reason(text: &str) -> Result<&'static str, String> {
    if let Some(word) = all().find(|word| word.eq_ignore_ascii_case(text)) {
        return Ok(word);
    }
    let is_part = |word: &&str| word.to_ascii_lowercase().contains(&text.to_ascii_lowercase());
    let close: Vec<_> = all().filter(is_part).collect();
    match close.as_slice() {
        [] => Err("no such reason: kubectl github-pat explain lists all of them".to_owned()),
        close => Err(format!("no such reason: there is {}", close.join(", "))),
    }
}

/// The section of the page, without its end at the next one.
pub(crate) fn section(reason: Reason) -> Option<&'static str> {
    let heading = format!("### `{}`\n", reason.as_str());
    let begin = PAGE.find(&heading)?;
    let text = PAGE.get(begin..)?;
    let inside = text.get(heading.len()..)?;
    let end = ["\n### ", "\n## "].iter().filter_map(|next| inside.find(next)).min();
    text.get(..end.map_or(text.len(), |end| end.saturating_add(heading.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_section_and_nothing_of_the_next_one() {
        for reason in Reason::ALL {
            let text = section(*reason).unwrap();
            assert_eq!(text.matches("\n- **What to do**: ").count(), 1, "{reason:?}");
            assert!(text.starts_with(&format!("### `{}`\n", reason.as_str())), "{reason:?}");
            assert_eq!(text.lines().filter(|line| line.starts_with('#')).count(), 1, "{reason:?}");
        }
    }

    #[test]
    fn every_phase_and_every_event_is_explained_by_its_row() {
        for (words, what) in [
            (PHASES.map(phase).as_slice(), "\n- A phase of a rotation (docs/rotation.md): "),
            (event::REASONS.as_slice(), "\n- An Event (docs/resource.md): "),
        ] {
            for word in words {
                let text = explained(reason(&word.to_ascii_uppercase()).unwrap());
                assert!(text.starts_with(&format!("### `{word}`\n")), "{text}");
                let row = text.split_once(what).map(|(_, row)| row.trim()).unwrap_or_default();
                assert!(row.len() > 20 && !row.contains('|'), "{text}");
            }
        }
        let words: Vec<_> = all().collect();
        assert_eq!(words.iter().collect::<std::collections::BTreeSet<_>>().len(), words.len());
    }

    #[test]
    fn a_reason_is_found_in_any_case_and_one_that_is_close_is_named() {
        assert_eq!(reason("badcredentials"), Ok("BadCredentials"));
        assert!(reason("Scope").unwrap_err().contains("ScopeMissing"));
        assert!(reason("nonsense").unwrap_err().contains("lists all"));
    }
}
