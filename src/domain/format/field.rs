//! The fields of an output that belong to some formats only, and the rules that refuse them elsewhere.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::{Format, Output};

/// A field of an output that not every format takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// `key`
    Key,
    /// `url`
    Url,
    /// `project`
    Project,
    /// `owner`
    Owner,
    /// `registries`
    Registries,
    /// `extraEntriesFrom`
    ExtraEntriesFrom,
    /// `publicOnly`
    PublicOnly,
    /// `tektonGit`
    TektonGit,
}

impl Field {
    const ALL: &[Field] = &[
        Field::Key,
        Field::Url,
        Field::Project,
        Field::Owner,
        Field::Registries,
        Field::ExtraEntriesFrom,
        Field::PublicOnly,
        Field::TektonGit,
    ];

    const fn name(self) -> &'static str {
        match self {
            Field::Key => "key",
            Field::Url => "url",
            Field::Project => "project",
            Field::Owner => "owner",
            Field::Registries => "registries",
            Field::ExtraEntriesFrom => "extraEntriesFrom",
            Field::PublicOnly => "publicOnly",
            Field::TektonGit => "tektonGit",
        }
    }

    /// Its name, and what to put there.
    pub(super) const fn wanted(self) -> &'static str {
        match self {
            Field::Url => {
                "url, that of a repository; in the RepoCreds formats the beginning of several, such as https://github.com/acme/"
            }
            Field::Owner => "owner, the account or organization such as acme",
            other => other.name(),
        }
    }

    /// True if the output has it.
    pub(super) const fn is_in(self, output: &Output) -> bool {
        match self {
            Field::Key => output.key.is_some(),
            Field::Url => output.url.is_some(),
            Field::Project => output.project.is_some(),
            Field::Owner => output.owner.is_some(),
            Field::Registries => !output.registries.is_empty(),
            Field::ExtraEntriesFrom => output.extra_entries_from.is_some(),
            Field::PublicOnly => output.public_only,
            Field::TektonGit => !output.tekton_git.is_empty(),
        }
    }

    /// The expression of CEL for an output that lacks it: an empty list and `false` are what it has without being given any.
    fn is_missing(self) -> String {
        let name = self.name();
        match self {
            Field::PublicOnly => format!("(!has(self.{name}) || !self.{name})"),
            Field::Registries | Field::TektonGit => format!("(!has(self.{name}) || size(self.{name}) == 0)"),
            _ => format!("!has(self.{name})"),
        }
    }
}

/// The form of the name of an object, as the API server checks it:
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names>.
pub const OBJECT_NAME: &str =
    "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')";

/// The form of a key of a Secret, as the API server checks it: <https://kubernetes.io/docs/concepts/configuration/secret/>. It must not
/// lead out of the directory in which the Secret is mounted.
pub const DATA_KEY: (&str, &str) = (
    "self.matches('^([-_a-zA-Z0-9]|[.][-_a-zA-Z0-9])[-._a-zA-Z0-9]*$')",
    "key must be that of a Secret: letters, digits, dots, hyphens and underscores; it must not begin with two dots",
);

/// True for a key that a Secret can have.
pub(super) fn is_data_key(key: &str) -> bool {
    let is_its = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !key.is_empty() && key.bytes().all(is_its) && key != "." && !key.starts_with("..")
}

/// The longest URL of a spec, in characters.
pub(super) const LONGEST_URL: usize = 512;

/// The rules of a URL, in CEL. Whether it is on the host stands in the settings only.
pub(super) fn url(field: &str) -> Value {
    json!([{
        "rule": "self.matches('^https?://[-A-Za-z0-9.:]+(/[-A-Za-z0-9._~%/]*)?$')",
        "message": format!("{field} must be a URL such as https://github.com/acme, without user, query and fragment"),
    }])
}

/// The schema of `registries`.
pub(super) fn registries(_: &mut SchemaGenerator) -> Schema {
    set(
        253,
        &json!([{
            "rule": "self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9._-]+)*$')",
            "message": "each of registries must be the host name of a registry, with or without port and path, such as ghcr.io",
        }]),
    )
}

/// The schema of `tektonGit`.
pub(super) fn tekton_git(_: &mut SchemaGenerator) -> Schema {
    set(LONGEST_URL, &url("each of tektonGit"))
}

fn set(longest: usize, rules: &Value) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 8,
        "items": { "type": "string", "maxLength": longest, "x-kubernetes-validations": rules },
        "x-kubernetes-list-type": "set",
    })
}

/// The rules of an output, in CEL: it has what its format needs, nothing that it does not take, and its
/// versions have names.
pub(super) fn rules() -> impl Iterator<Item = Value> {
    let of_fields = Field::ALL.iter().flat_map(|field| [needless(*field), missing(*field)]).flatten();
    of_fields.chain(of_versions()).chain([json!({
        "rule": "!has(self.extraEntriesFrom) || self.extraEntriesFrom.name != self.secretName",
        "message": "extraEntriesFrom must name another Secret than the output itself",
    })])
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
    let takers = formats(|format| {
        let definition = format.definition();
        [definition.needs, definition.takes].into_iter().flatten().any(|taken| *taken == field)
    });
    let (name, instead) = (field.name(), takers.join(", "));
    (!takers.is_empty()).then(|| {
        json!({
            "rule": format!("{} || {}", field.is_missing(), is_one_of(&takers)),
            "message": format!("{name} is for the formats {instead} only: leave it out"),
            "messageExpression": format!(
                "'{name} is not for the format ' + self.format + ', only for {instead}: leave it out'"
            ),
        })
    })
}

fn missing(field: Field) -> Option<Value> {
    let needy = formats(|format| format.definition().needs.contains(&field));
    let wanted = field.wanted();
    (!needy.is_empty()).then(|| {
        json!({
            "rule": format!("!{} || !({})", field.is_missing(), is_one_of(&needy)),
            "message": format!("the formats {} need {wanted}", needy.join(", ")),
            "messageExpression": format!("'the format ' + self.format + ' needs {wanted}'"),
        })
    })
}

fn formats(which: impl Fn(Format) -> bool) -> Vec<&'static str> {
    Format::ALL.iter().copied().filter(|format| which(*format)).map(Format::as_str).collect()
}

fn is_one_of(formats: &[&str]) -> String {
    format!("self.format in ['{}']", formats.join("', '"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_belongs_to_a_format_and_is_told_in_one_sentence() {
        for field in Field::ALL {
            let rule = needless(*field).unwrap_or_else(|| panic!("no format takes {field:?}"));
            assert!(rule["rule"].as_str().unwrap().contains(field.name()), "{rule}");
            assert!(rule["message"].as_str().unwrap().starts_with(field.name()), "{rule}");
        }
    }

    #[test]
    fn a_key_of_a_secret_leads_nowhere_else() {
        let rows = [
            ("token", true),
            (".a", true),
            ("a..b", true),
            ("-_.", true),
            ("", false),
            (".", false),
            ("..", false),
            ("..a", false),
            ("a/b", false),
        ];
        for (key, is_one) in rows {
            assert_eq!(is_data_key(key), is_one, "{key}");
        }
    }

    #[test]
    fn no_format_lists_a_field_twice() {
        for format in Format::ALL {
            let definition = format.definition();
            let all: Vec<_> = definition.needs.iter().chain(definition.takes).collect();
            assert!(
                all.iter().all(|field| all.iter().filter(|other| other == &field).count() == 1),
                "{format:?}"
            );
        }
    }
}
