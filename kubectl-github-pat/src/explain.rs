//! `explain`: what a reason means and what to do, from the page that the operator's own tests hold against its code.

use std::{ffi::OsStr, process::ExitCode};

use clap::builder::{PossibleValue, TypedValueParser};
use github_pat_operator::domain::Reason;

use crate::{error::Error, screen};

const PAGE: &str = include_str!("../../docs/reasons.md");

/// Prints what a reason means and what to do, as docs/reasons.md has it.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// The reason, as a condition or a requirement has it; without it, all of them are listed
    #[arg(value_parser = Reasons, hide_possible_values = true)]
    reason: Option<Reason>,
}

pub(crate) fn run(explain: &Explain) -> Result<ExitCode, Error> {
    match explain.reason {
        Some(reason) => screen::print(section(reason).unwrap_or_default())?,
        None => screen::print(
            &Reason::ALL.iter().map(|reason| format!("{}\n", reason.as_str())).collect::<String>(),
        )?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a reason, and knows all of them.
#[derive(Clone)]
struct Reasons;

impl TypedValueParser for Reasons {
    type Value = Reason;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Reason, clap::Error> {
        let read: fn(&str) -> Result<Reason, String> = reason;
        read.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Reason::ALL.iter().map(|reason| PossibleValue::new(reason.as_str()))))
    }
}

/// The reason of this name, in any case.
fn reason(text: &str) -> Result<Reason, String> {
    let is_it = |reason: &&Reason| reason.as_str().eq_ignore_ascii_case(text);
    if let Some(reason) = Reason::ALL.iter().find(is_it) {
        return Ok(*reason);
    }
    let is_part =
        |reason: &&Reason| reason.as_str().to_ascii_lowercase().contains(&text.to_ascii_lowercase());
    let close: Vec<_> = Reason::ALL.iter().filter(is_part).map(|reason| reason.as_str()).collect();
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
    fn a_reason_is_found_in_any_case_and_one_that_is_close_is_named() {
        assert_eq!(reason("badcredentials"), Ok(Reason::BadCredentials));
        assert!(reason("Scope").unwrap_err().contains("ScopeMissing"));
        assert!(reason("nonsense").unwrap_err().contains("lists all"));
    }
}
