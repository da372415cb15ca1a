//! The formats in which programs read what is printed.

use github_pat_operator::cli::plain::{is_harmless, plain_json};
use serde::Serialize;

use crate::error::Error;

/// As JSON, without anything that a terminal acts upon.
///
/// # Errors
///
/// If it cannot be written so.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Error> {
    let json = serde_json::to_string_pretty(value)
        .map_err(|error| Error::Usage(format!("cannot print: {error}")))?;
    Ok(plain_json(&json))
}

/// As YAML, without anything that a terminal acts upon: where there is such a thing, in the form of JSON, which is YAML too.
///
/// # Errors
///
/// If it cannot be written so.
pub(crate) fn yaml(value: &impl Serialize) -> Result<String, Error> {
    let yaml =
        serde_saphyr::to_string(value).map_err(|error| Error::Usage(format!("cannot print: {error}")))?;
    let is_plain = yaml.chars().all(|letter| letter == '\n' || is_harmless(letter));
    if is_plain { Ok(yaml) } else { json(value) }
}
