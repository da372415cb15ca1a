//! The fields of an output that belong to some formats only, and the rules that refuse them elsewhere.

use serde_json::{Value, json};

use super::Format;

/// A field of an output that not every format takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// `publicOnly`
    PublicOnly,
}

impl Field {
    const ALL: &[Field] = &[Field::PublicOnly];

    const fn name(self) -> &'static str {
        match self {
            Field::PublicOnly => "publicOnly",
        }
    }

    /// The expression of CEL for an output that lacks it.
    fn is_missing(self) -> String {
        let name = self.name();
        match self {
            // False is what it is without being given.
            Field::PublicOnly => format!("(!has(self.{name}) || !self.{name})"),
        }
    }
}

/// The rules of an output, in CEL: it has nothing that its format does not take, and its versions have names.
pub(super) fn rules() -> Value {
    Field::ALL.iter().filter_map(|field| needless(*field)).chain(of_versions()).collect()
}

fn of_versions() -> [Value; 2] {
    [
        json!({
            "rule": "!has(self.keepVersions) || has(self.versioned) && self.versioned",
            "message": "keepVersions is for versioned: leave it out",
        }),
        json!({
            "rule": "!has(self.versioned) || !self.versioned || size(self.secretName) <= 242",
            "message": "secretName must have at most 242 characters if versioned is set: the names of the versions are longer",
        }),
    ]
}

fn needless(field: Field) -> Option<Value> {
    let takers = formats(|format| format.definition().takes.contains(&field));
    let name = field.name();
    (!takers.is_empty()).then(|| {
        json!({
            "rule": format!("{} || self.format in {}", field.is_missing(), list(&takers)),
            "message": format!("{name} is for the format {}: leave it out", takers.join(", ")),
            "messageExpression": format!(
                "'{name} is not for the format ' + self.format + ': leave it out, or use {}'", takers.join(", ")
            ),
        })
    })
}

fn formats(which: impl Fn(Format) -> bool) -> Vec<&'static str> {
    Format::ALL.iter().copied().filter(|format| which(*format)).map(Format::as_str).collect()
}

/// A list of texts in CEL.
fn list(formats: &[&str]) -> String {
    format!("['{}']", formats.join("', '"))
}
