//! Reads files and YAML, and says in plain words what is wrong with them.
//!
//! No message has a word of a library in it, or anything that looks like a token.

use std::io;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use super::strict::Strict;
use crate::domain::{duration::NotADuration, token::Token};

/// The longest value that a message repeats, in characters.
const LONGEST_SHOWN: usize = 64;
/// What Rust says of a text that is no address with a port.
const NO_ADDRESS: &str = "invalid socket address syntax";
/// An address as it should be written.
pub(super) const ADDRESS: &str = "an address with a port such as 127.0.0.1:8080";

/// The value that the YAML text is.
///
/// # Errors
///
/// One line that names the field and says what to write.
pub fn from_yaml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let mut documents = documents(text)?;
    if documents.len() > 1 {
        return Err(format!("it has {} documents, with --- between them: keep one", documents.len()));
    }
    let value = documents.pop().unwrap_or_default();
    if value.is_array() {
        return Err("it is a list, where fields with names are wanted".to_owned());
    }
    from_value("", &value)
}

/// Every YAML document of the text that is not empty.
///
/// # Errors
///
/// One line that says where the text is no YAML.
pub fn documents(text: &str) -> Result<Vec<Value>, String> {
    serde_saphyr::from_multiple(text).map_err(|error| no_yaml(error.without_snippet()))
}

/// What the value is, which stands at this path: `spec`, or nothing for the whole. A list is taken for a list only.
///
/// # Errors
///
/// One line that names the field and says what to write.
pub fn from_value<T: DeserializeOwned>(path: &str, value: &Value) -> Result<T, String> {
    serde_path_to_error::deserialize(Strict(value)).map_err(|error| {
        let segments: Vec<_> = error.path().iter().collect();
        let found = segments.iter().try_fold(value, |value, segment| match segment {
            Segment::Seq { index } => value.get(index),
            Segment::Map { key } => value.get(key),
            Segment::Enum { .. } | Segment::Unknown => None,
        });
        let within = error.path().to_string();
        let at = match (path, within.as_str()) {
            (path, ".") => path.to_owned(),
            ("", within) => within.to_owned(),
            (path, within) => format!("{path}.{within}"),
        };
        sentence(&at, found, &error.inner().to_string())
    })
}

/// Why a file could not be read, and what to do.
pub fn unread(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file: correct the path".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "this user may not read it: change its permissions, or run as another user".to_owned()
        }
        io::ErrorKind::IsADirectory => "it is a folder: name a file in it".to_owned(),
        io::ErrorKind::NotADirectory => "a part of its path is no folder: correct the path".to_owned(),
        io::ErrorKind::InvalidData => "it is not UTF-8 text: save it as UTF-8".to_owned(),
        _ => {
            let text = error.to_string();
            let cause = text.split(" (os error").next().unwrap_or_default();
            format!("the system says {cause:?}: try again, or copy the file elsewhere")
        }
    }
}

/// What is wrong with a text that is no YAML, and where.
fn no_yaml(error: &serde_saphyr::Error) -> String {
    let place = error.location().map_or_else(String::new, |location| {
        format!(" at line {}, column {}", location.line(), location.column())
    });
    match error {
        serde_saphyr::Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().filter(|key| key.len() <= LONGEST_SHOWN && !Token::stands_in(key));
            let field = key.map_or_else(|| "a field".to_owned(), |key| format!("the field {key}"));
            format!("{field} stands there twice{place}: keep one")
        }
        serde_saphyr::Error::Budget { .. } => {
            format!(
                "it is larger or more deeply nested than any manifest or settings file{place}: check which file it is"
            )
        }
        _ => {
            format!("it is no YAML{place}: look there and just before for a missing bracket, quote or space")
        }
    }
}

/// The fault that serde tells in its own words, in plain ones. Its sentences:
/// <https://docs.rs/serde/latest/serde/de/trait.Error.html#provided-methods>
fn sentence(at: &str, found: Option<&Value>, fault: &str) -> String {
    let mut named = fault.split('`').skip(1).step_by(2);
    let expected = fault.split_once(", expected ").map(|(_, expected)| expected);
    let colon = if at.is_empty() { "" } else { ": " };
    if fault.starts_with("unknown field ") {
        let name = named.next().unwrap_or_default();
        let field = if at.ends_with(name) { at.to_owned() } else { format!("{at}{colon}{name}") };
        let field = if Token::stands_in(&field) { "what looks like a token" } else { &field };
        let others = listed(&named.collect::<Vec<_>>(), "or");
        return format!("{field} is no field: remove it, or write one of {others}");
    }
    if fault.starts_with("missing field ") {
        let dot = if at.is_empty() { "" } else { "." };
        return format!("{at}{dot}{} is missing: add it", named.next().unwrap_or_default());
    }
    let found = shown(found);
    if fault.starts_with("unknown variant ") {
        let words = listed(&named.skip(1).collect::<Vec<_>>(), "or");
        return format!("{at}{colon}write {words} in place of {found}");
    }
    if fault == NotADuration.to_string() {
        return format!("{at}{colon}{found} is {NotADuration}");
    }
    let wanted = if fault == NO_ADDRESS { ADDRESS } else { expected.map_or("another value", wanted) };
    format!("{at}{colon}write {wanted} in place of {found}")
}

/// What serde expects, as a person calls it.
fn wanted(expected: &str) -> &str {
    match expected {
        "a string" | "string" | "path string" | "a path string" => "a text in quotes",
        "i64" | "i32" | "u64" | "u32" | "u16" => "a whole number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "socket address" => ADDRESS,
        "string or map" => "one of the documented words",
        _ if expected.starts_with("a duration ") || expected.starts_with("an instant ") => expected,
        _ if expected.starts_with("struct ") || ["a map", "an object", "map"].contains(&expected) => {
            "fields with names"
        }
        _ => "another value",
    }
}

/// That the value is one of fields with names, if there is one.
///
/// # Errors
///
/// What to write in place of it.
pub fn with_names(at: &str, value: Option<&Value>) -> Result<(), String> {
    match value {
        None | Some(Value::Null | Value::Object(_)) => Ok(()),
        other => Err(format!("{at}: write fields with names in place of {}", shown(other))),
    }
}

/// The value as a message may repeat it.
fn shown(value: Option<&Value>) -> String {
    match value {
        Some(Value::Null) => "nothing".to_owned(),
        Some(Value::Array(_)) => "a list".to_owned(),
        Some(Value::Object(_)) => "fields with names".to_owned(),
        Some(Value::String(text)) if text.len() > LONGEST_SHOWN || Token::stands_in(text) => {
            "the text that stands there".to_owned()
        }
        Some(value) => value.to_string(),
        None => "what stands there".to_owned(),
    }
}

/// The words with commas between them, and this one before the last.
fn listed(words: &[&str], before_last: &str) -> String {
    match words {
        [] => String::new(),
        [word] => (*word).to_owned(),
        [first @ .., last] => format!("{} {before_last} {last}", first.join(", ")),
    }
}
