//! The labels and annotations of an output that its spec or its format asks for.
//!
//! Others put labels and annotations on the same Secret, which stay. What was put there for the spec is known by two annotations
//! that list the keys: they stand in the Secret itself, so they outlast a restart and are restored with it. `managedFields` would
//! not do, since backups drop them, and a write by another tool makes its manager an owner of what it only repeats.

use std::collections::{BTreeMap, BTreeSet};

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::{Format, Output, basic_auth};

/// Labels or annotations.
pub type Map = BTreeMap<String, String>;

/// Labels and annotations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The labels.
    pub labels: Map,
    /// The annotations.
    pub annotations: Map,
}

/// The annotations that list the labels and the annotations which were put on a Secret for its spec.
pub const APPLIED: [&str; 2] = ["githubpat.dev/applied-labels", "githubpat.dev/applied-annotations"];

/// How many labels, and how many annotations, a spec may ask for.
const MOST: usize = 16;
/// The longest annotation of a spec, in characters.
const LONGEST_ANNOTATION: usize = 1024;
/// The form of a key: <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>.
const KEY: &str = "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$";
/// A prefix of up to 253 characters, a slash, and a name of up to 63.
const LONGEST_KEY: usize = 253 + 1 + 63;
/// The form of the value of a label.
const LABEL: &str = "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$";

impl Output {
    /// What the spec and the format ask for.
    pub fn marks(&self) -> Marks {
        let definition = self.format.definition();
        let labels = definition.labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Marks {
            labels: self.labels.clone().into_iter().chain(labels).collect(),
            annotations: self.annotations.clone().into_iter().chain((definition.annotations)(self)).collect(),
        }
    }
}

impl Marks {
    /// True if these, and none that was put there before, are among the labels and annotations of a Secret.
    pub fn are_on(&self, found: &Marks) -> bool {
        let mut after = found.clone();
        self.put_on(&mut after);
        after == *found
    }

    /// Puts these on a Secret with such labels and annotations, and takes off what was put there before and is not asked for any
    /// more.
    pub fn put_on(&self, found: &mut Marks) {
        found.drop_applied();
        found.labels.extend(self.labels.clone());
        found.annotations.extend(self.annotations.clone());
        let lists = APPLIED.into_iter().zip([&self.labels, &self.annotations].map(list));
        let lists = lists.filter(|(_, list)| !list.is_empty());
        found.annotations.extend(lists.map(|(name, list)| (name.to_owned(), list)));
    }

    /// Takes off what was put on a Secret for its spec, and the lists of it.
    pub fn drop_applied(&mut self) {
        let [labels, annotations] = APPLIED.map(|list| self.annotations.remove(list).unwrap_or_default());
        drop_listed(&mut self.labels, &labels);
        drop_listed(&mut self.annotations, &annotations);
    }
}

fn list(map: &Map) -> String {
    map.keys().map(String::as_str).collect::<Vec<_>>().join(",")
}

fn drop_listed(map: &mut Map, list: &str) {
    let listed: BTreeSet<_> = list.split(',').collect();
    map.retain(|key, _| !listed.contains(&**key));
}

/// The schema of the labels in a spec.
pub(super) fn labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": MOST,
        "additionalProperties": {
            "type": "string",
            "maxLength": 63,
            "x-kubernetes-validations": [{
                "rule": format!("self.matches('{LABEL}')"),
                "message": "each of labels must have a value of letters, digits, hyphens, underscores and dots, as in team-a",
            }],
        },
        "x-kubernetes-validations": keys("labels"),
    })
}

/// The schema of the annotations in a spec.
pub(super) fn annotations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": MOST,
        "additionalProperties": { "type": "string", "maxLength": LONGEST_ANNOTATION },
        "x-kubernetes-validations": keys("annotations"),
    })
}

/// The rules of the keys: their form, and that none is the operator's own or kubectl's, which would keep the token.
fn keys(field: &str) -> Value {
    let reserved =
        ["githubpat.dev/", "kubernetes.io/", "kubectl.kubernetes.io/", "app.kubernetes.io/managed-by"];
    let is_reserved = reserved.map(|prefix| format!("key.startsWith('{prefix}')")).join(" || ");
    json!([
        {
            "rule": format!("self.all(key, size(key) <= {LONGEST_KEY} && key.matches('{KEY}'))"),
            "message": format!("each of {field} must have a key such as team or example.com/team"),
        },
        {
            "rule": format!("!self.exists(key, {is_reserved})"),
            "message": format!("{field} must not have keys that begin with {}", reserved.join(", ")),
        },
    ])
}

/// The rules of an output that keep the spec from the labels and annotations that its format puts there, and versions from whoever
/// finds a Secret by its label.
pub(super) fn rules() -> Vec<Value> {
    let labelled = Format::ALL.iter().flat_map(|format| {
        let labels = format.definition().labels.iter();
        labels.map(|(key, _)| (*key, format.as_str()))
    });
    let mut formats: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (key, format) in labelled {
        formats.entry(key).or_default().push(format);
    }
    let labels = formats.into_iter().map(|(key, formats)| {
        json!({
            "rule": format!("!has(self.labels) || !('{key}' in self.labels) || !(self.format in ['{}'])", formats.join("', '")),
            "message": format!("labels must not have {key} with a format that sets it itself"),
        })
    });
    let found = Format::ALL.iter().filter(|format| !format.definition().labels.is_empty());
    let found: Vec<_> = found.map(|format| format.as_str()).collect();
    // Whoever looks for a label would find every version, with old tokens too.
    let versions = json!({
        "rule": format!("!has(self.versioned) || !self.versioned || !(self.format in ['{}'])", found.join("', '")),
        "message": "versioned is not for formats whose consumer finds its Secrets by a label: leave it out",
        "messageExpression": "'versioned is not for the format ' + self.format + ', whose consumer finds every version: leave it out'",
    });
    let prefix = basic_auth::TEKTON_GIT;
    let annotations = json!({
        "rule": format!(
            "!has(self.tektonGit) || !has(self.annotations) || !self.annotations.exists(key, key.startsWith('{prefix}'))"
        ),
        "message": format!("annotations must not have keys that begin with {prefix} beside tektonGit, which sets them"),
    });
    labels.chain([versions, annotations]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Map {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn marks(labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Marks {
        Marks { labels: map(labels), annotations: map(annotations) }
    }

    #[test]
    fn what_is_asked_for_is_put_on_and_what_is_not_any_more_is_taken_off_and_the_rest_stays() {
        let mut found = marks(&[("theirs", "1")], &[("their.s/note", "2")]);
        let rows = [
            ("first", marks(&[("team", "a"), ("tier", "b")], &[("note", "x, y")])),
            ("changed", marks(&[("team", "b")], &[("other", "")])),
            ("none", Marks::default()),
        ];
        for (name, wanted) in rows {
            assert!(!wanted.are_on(&found), "{name}");
            wanted.put_on(&mut found);
            assert!(wanted.are_on(&found), "{name}");
            for (map, wanted) in [(&found.labels, &wanted.labels), (&found.annotations, &wanted.annotations)]
            {
                assert!(wanted.iter().all(|pair| map.iter().any(|found| found == pair)), "{name}: {map:?}");
                let others =
                    map.keys().filter(|key| !key.starts_with("githubpat.dev/") && !wanted.contains_key(*key));
                assert_eq!(others.count(), 1, "{name}: {map:?}");
            }
        }
        assert_eq!(found, marks(&[("theirs", "1")], &[("their.s/note", "2")]));
    }

    #[test]
    fn whatever_somebody_changes_of_it_is_seen() {
        let wanted = marks(&[("team", "a")], &[("note", "x")]);
        let mut whole = Marks::default();
        wanted.put_on(&mut whole);
        let changes: &[(&str, fn(&mut Marks))] = &[
            ("a label's value", |found| drop(found.labels.insert("team".to_owned(), "b".to_owned()))),
            ("a label is gone", |found| found.labels.clear()),
            ("an annotation is gone", |found| drop(found.annotations.remove("note"))),
            ("a list is gone", |found| drop(found.annotations.remove(APPLIED[0]))),
            ("a list is longer", |found| {
                drop(found.annotations.insert(APPLIED[1].to_owned(), "a,b".to_owned()))
            }),
        ];
        for (name, change) in changes {
            let mut found = whole.clone();
            change(&mut found);
            assert!(!wanted.are_on(&found), "{name}");
            wanted.put_on(&mut found);
            assert_eq!(found, whole, "{name}");
        }
    }

    #[test]
    fn a_format_has_the_last_word_on_its_own_label() {
        let mut output = Output::new("out", Format::ArgoCDRepository);
        output.labels = map(&[("argocd.argoproj.io/secret-type", "cluster"), ("team", "a")]);
        let labels = map(&[("argocd.argoproj.io/secret-type", "repository"), ("team", "a")]);
        assert_eq!(output.marks().labels, labels);
    }
}
