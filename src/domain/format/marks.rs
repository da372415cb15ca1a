//! The labels and annotations of an output that its spec or its format asks for.
//!
//! Others put labels and annotations on the same Secret, which stay. What was put there for the spec is known by two annotations
//! that list the keys: they stand in the Secret itself, so they outlast a restart and are restored with it. `managedFields` would
//! not do, since backups drop them, and a write by another tool makes its manager an owner of what it only repeats.

use std::collections::{BTreeMap, BTreeSet};

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::{
    super::{Finding, Reason, excerpt, token::Token},
    Format, Output, basic_auth,
};

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
const KEY: &str = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?\
    [A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
/// The longest prefix of a key, before the slash.
const LONGEST_PREFIX: usize = 253;
/// The longest name of a key and the longest value of a label.
const LONGEST_NAME: usize = 63;
/// The form of the value of a label.
const LABEL: &str = "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$";

impl Output {
    /// What the spec and the format ask for.
    pub fn marks(&self) -> Marks {
        let definition = self.format.definition();
        let labels = definition.labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let asked = self.labels.iter().filter(|(key, value)| is_label(key, value) && !self.is_found_by(key));
        let noted = self.annotations.iter().filter(|(key, _)| is_key(key) && !is_of_tekton(key));
        let owned = |(key, value): (&String, &String)| (key.clone(), value.clone());
        Marks {
            labels: asked.map(owned).chain(labels).collect(),
            annotations: noted.map(owned).chain((definition.annotations)(self)).collect(),
        }
    }

    /// The labels and annotations of the spec that no object can have, or that would give the token away. The definition takes none, but what was stored before it had
    /// the rule stays: then the Secret is written without them, so that its token is not an old one for their sake.
    pub fn impossible_marks(&self) -> impl Iterator<Item = Finding> {
        let labels = self.labels.iter().filter(|(key, value)| !is_label(key, value));
        let labels = labels.map(|(key, _)| ("labels", key));
        let annotations = self.annotations.keys().filter(|key| !is_key(key)).map(|key| ("annotations", key));
        let name = self.base();
        let of_tekton = self.annotations.keys().filter(|key| is_key(key) && is_of_tekton(key)).map(move |key| {
            let key = excerpt::beginning(key, LONGEST_NAME);
            let message = format!(
                "Secret {name} does without {key} of its annotations, which may name any host: name the URLs in tektonGit, or leave it out"
            );
            Finding::new(Reason::OutputInvalid, message)
        });
        let found_by = self.labels.keys().filter(|key| self.is_found_by(key)).map(move |key| {
            let message = format!(
                "Secret {name} does without {key} of its labels, by which its consumer would find every version: leave out that or versioned"
            );
            Finding::new(Reason::OutputInvalid, message)
        });
        let impossible = labels.chain(annotations).map(move |(field, key)| {
            let key = if Token::stands_in(key) { "a key" } else { excerpt::beginning(key, LONGEST_NAME) };
            let message = format!(
                "Secret {name} does without {key} of its {field}, which Kubernetes does not take: give it a form such as \
                 example.com/team, with at most {LONGEST_NAME} characters in its name and value, or leave it out"
            );
            Finding::new(Reason::OutputInvalid, message)
        });
        impossible.chain(of_tekton).chain(found_by)
    }

    /// True for a label by which a consumer finds Secrets, if there are several of this output.
    fn is_found_by(&self, key: &str) -> bool {
        let mut labels = Format::ALL.iter().flat_map(|format| format.definition().labels);
        self.versioned && labels.any(|(label, _)| *label == key)
    }
}

/// True for what tells Tekton for which URLs or registries a Secret is:
/// <https://tekton.dev/docs/pipelines/auth/#understanding-credential-selection>.
fn is_of_tekton(key: &str) -> bool {
    key.starts_with(basic_auth::TEKTON)
}

fn is_label(key: &str, value: &str) -> bool {
    is_key(key) && (value.is_empty() || is_name(value))
}

/// True for what the API server takes as the key of a label or an annotation.
fn is_key(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let is_part = |part: &str| {
        let is_its = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        is_between(part, is_its) && part.bytes().all(|byte| is_its(byte) || byte == b'-')
    };
    let is_prefix = |prefix: &str| prefix.len() <= LONGEST_PREFIX && prefix.split('.').all(is_part);
    prefix.is_none_or(is_prefix) && is_name(name)
}

fn is_name(name: &str) -> bool {
    let is_its = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    name.len() <= LONGEST_NAME
        && is_between(name, |byte| byte.is_ascii_alphanumeric())
        && name.bytes().all(is_its)
}

/// True if such characters are the first and the last one.
fn is_between(text: &str, is_end: impl Fn(u8) -> bool) -> bool {
    let ends = [text.bytes().next(), text.bytes().next_back()];
    ends.into_iter().all(|end| end.is_some_and(&is_end))
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
            "maxLength": LONGEST_NAME,
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
    let reserved = [
        "githubpat.dev/",
        "kubernetes.io/",
        "k8s.io/",
        "kubectl.kubernetes.io/",
        "app.kubernetes.io/managed-by",
    ];
    let is_reserved = reserved.map(|prefix| format!("key.startsWith('{prefix}')")).join(" || ");
    json!([
        {
            "rule": format!("self.all(key, key.indexOf('/') <= {LONGEST_PREFIX} && key.matches('{KEY}'))"),
            "message": format!(
                "each of {field} must have a key such as team or example.com/team: a name of up to {LONGEST_NAME} characters, and \
                 before it, if anything, a domain in lower case and a slash"
            ),
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
    let keys: Vec<_> = formats.keys().copied().collect();
    let found_by = json!({
        "rule": format!(
            "!has(self.versioned) || !self.versioned || !has(self.labels) || !self.labels.exists(key, key in ['{}'])",
            keys.join("', '")
        ),
        "message": format!(
            "versioned is not for a Secret with the label {}, by which its consumer finds every version: leave one of the two out",
            keys.join(" or ")
        ),
    });
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
    let prefix = basic_auth::TEKTON;
    let annotations = json!({
        "rule": format!("!has(self.annotations) || !self.annotations.exists(key, key.startsWith('{prefix}'))"),
        "message": format!(
            "annotations must not have keys that begin with {prefix}: name the URLs in tektonGit, which are held to the host of the connection"
        ),
    });
    labels.chain([found_by, versions, annotations]).collect()
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
    fn what_no_object_can_have_is_left_out_and_told() {
        let prefix = |length: usize| format!("{}/a", "a".repeat(length));
        let name = |length: usize| format!("example.com/{}", "a".repeat(length));
        let rows = [
            ("team", true),
            ("a.b-c/D_e.f", true),
            ("1/2", true),
            (&name(63), true),
            (&name(64), false),
            (&prefix(253), true),
            (&prefix(254), false),
            ("", false),
            ("/a", false),
            ("a/", false),
            ("a/b/c", false),
            ("a..b/c", false),
            (".a/b", false),
            ("a-/b", false),
            ("a.-b/c", false),
            ("A/b", false),
            ("-a", false),
            ("a_", false),
            ("a b", false),
            ("ä", false),
        ];
        for (key, is_taken) in rows {
            let mut output = Output::new("out", Format::Opaque);
            (output.labels, output.annotations) = (map(&[(key, "x")]), map(&[(key, "x y")]));
            let Marks { labels, annotations } = output.marks();
            let told: Vec<_> = output.impossible_marks().collect();
            let left = if is_taken { (1, 1, 0) } else { (0, 0, 2) };
            assert_eq!((labels.len(), annotations.len(), told.len()), left, "{key}");
        }
        let mut output = Output::new("out", Format::BasicAuth);
        output.annotations =
            map(&[("tekton.dev/git-0", "https://evil.example"), ("tekton.dev/docker-0", "x"), ("team", "a")]);
        assert_eq!(output.marks().annotations, map(&[("team", "a")]), "stored before there was a rule");
        assert_eq!(output.impossible_marks().count(), 2);
        for (versioned, left) in [(false, 2), (true, 1)] {
            let mut output = Output::new("out", Format::Opaque);
            (output.versioned, output.labels) =
                (versioned, map(&[("argocd.argoproj.io/secret-type", "repository"), ("team", "a")]));
            assert_eq!(output.marks().labels.len(), left);
            assert_eq!(output.impossible_marks().count() + left, 2);
        }
        for (value, is_taken) in
            [("", true), ("a_b.C-d", true), ("a b", false), ("-", false), (&"a".repeat(64), false)]
        {
            let mut output = Output::new("out", Format::Opaque);
            output.labels = map(&[("team", value)]);
            let told: Vec<_> = output.impossible_marks().collect();
            assert_eq!(
                (output.marks().labels.len(), told.len()),
                (is_taken.into(), (!is_taken).into()),
                "{value}"
            );
            assert!(
                told.iter()
                    .all(|told| told.message.starts_with("Secret out does without team of its labels"))
            );
        }
        let mut output = Output::new("out", Format::Opaque);
        let token = ["ghp_", &"a".repeat(36)].concat();
        output.labels = map(&[(&format!("{token} "), "x")]);
        assert!(output.impossible_marks().all(|told| !told.message.contains(&token)));
    }

    #[test]
    fn a_format_has_the_last_word_on_its_own_label() {
        let mut output = Output::new("out", Format::ArgoCDRepository);
        output.labels = map(&[("argocd.argoproj.io/secret-type", "cluster"), ("team", "a")]);
        let labels = map(&[("argocd.argoproj.io/secret-type", "repository"), ("team", "a")]);
        assert_eq!(output.marks().labels, labels);
    }
}
