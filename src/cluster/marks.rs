//! The labels and annotations that others put on outputs.
//!
//! A value that might hold a token never leaves the Secret for a status.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;

use super::object::DOMAIN;
use crate::{
    api::WithdrawnOutput,
    domain::output::{Map, Marks},
};

/// Where `kubectl apply` keeps what it applied, with the data of a Secret: an old token would stay in it.
pub(super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
pub(super) const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "github-pat-operator");
/// More than this of one output is not kept, in bytes: annotations may have 256 KiB.
const LARGEST_MARKS: usize = 16 * 1024;
/// More than this of all outputs is not written to a status, in bytes of JSON.
const LARGEST_IN_A_STATUS: usize = 900;
/// No token is shorter, in plain text or in base64.
const SHORTEST_TOKEN: usize = 40;

/// Those of outputs which are gone, for when they are made again. Kept by whoever makes the changes, who may lose them.
#[derive(Debug, Default, PartialEq)]
pub struct ForeignMarks(Option<Box<Kept>>);

/// By the names of the outputs.
type Kept = BTreeMap<String, Marks>;

impl ForeignMarks {
    /// Forgets those of all other outputs.
    pub fn retain(&mut self, is_named: impl Fn(&str) -> bool) {
        if let Some(kept) = &mut self.0 {
            kept.retain(|name, _| is_named(name));
        }
        self.0 = self.0.take().filter(|kept| !kept.is_empty());
    }

    /// What a status says of them, for the next process: of each output all or the labels or nothing, as far as there is room.
    pub fn told(&self) -> Vec<WithdrawnOutput> {
        let mut room = LARGEST_IN_A_STATUS;
        let mut told = Vec::new();
        for (name, marks) in self.0.iter().flat_map(|kept| kept.iter()) {
            let Marks { labels, annotations } = marks.without_tokens();
            let labels = WithdrawnOutput { secret_name: name.clone(), labels, annotations: BTreeMap::new() };
            let whole = WithdrawnOutput { annotations, ..labels.clone() };
            let fitting = [whole, labels].into_iter().find_map(|output| {
                let is_empty = output.labels.is_empty() && output.annotations.is_empty();
                let left = room.checked_sub(size(&output))?;
                (!is_empty).then_some((output, left))
            });
            if let Some((output, left)) = fitting {
                room = left;
                told.push(output);
            }
        }
        told
    }

    pub(super) fn keep(&mut self, name: &str, marks: &Marks) {
        let maps = [&marks.labels, &marks.annotations];
        let sizes = maps.into_iter().flatten().map(|(key, value)| key.len().saturating_add(value.len()));
        let size = sizes.fold(0, usize::saturating_add);
        if (1..=LARGEST_MARKS).contains(&size) {
            self.0.get_or_insert_default().insert(name.to_owned(), marks.clone());
        }
    }

    pub(super) fn of(&self, name: &str) -> Marks {
        self.0.as_ref().and_then(|kept| kept.get(name)).cloned().unwrap_or_default()
    }
}

impl From<&[WithdrawnOutput]> for ForeignMarks {
    fn from(told: &[WithdrawnOutput]) -> Self {
        let mut others = ForeignMarks::default();
        for WithdrawnOutput { secret_name, labels, annotations } in told {
            others.keep(secret_name, &Marks::of_others(labels, annotations));
        }
        others
    }
}

impl Marks {
    /// Those on the Secret that are neither ours nor were put there for its spec.
    pub(super) fn of_others_on(secret: &Secret) -> Self {
        Marks::of_others(secret.labels(), secret.annotations())
    }

    fn of_others(labels: &Map, annotations: &Map) -> Self {
        let ours = |key: &str| key == MANAGED_BY.0 || key == LAST_APPLIED || key.starts_with(DOMAIN);
        let mut marks = Marks { labels: labels.clone(), annotations: annotations.clone() };
        marks.drop_applied();
        marks.labels.retain(|key, _| !ours(key));
        marks.annotations.retain(|key, _| !ours(key));
        marks
    }

    fn without_tokens(&self) -> Self {
        let harmless = |map: &BTreeMap<String, String>| {
            let harmless = map.iter().filter(|(_, value)| !may_hold_a_token(value));
            harmless.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        Marks { labels: harmless(&self.labels), annotations: harmless(&self.annotations) }
    }

    /// Puts those of others on a Secret that is made again, where it has none of that name.
    pub(super) fn put_back(self, secret: &mut Secret) {
        let Secret { metadata, .. } = secret;
        for (others, map) in
            [(self.labels, &mut metadata.labels), (self.annotations, &mut metadata.annotations)]
        {
            let ours = map.take().unwrap_or_default();
            *map = Some(others.into_iter().chain(ours).collect());
        }
    }
}

/// True if the value has a run of characters of tokens or of base64 that is as long as the shortest token.
fn may_hold_a_token(value: &str) -> bool {
    let may_be_of_one = |byte: u8| byte.is_ascii_alphanumeric() || b"_+/=".contains(&byte);
    value.as_bytes().split(|byte| !may_be_of_one(*byte)).any(|run| run.len() >= SHORTEST_TOKEN)
}

/// In a status, with the comma behind it.
fn size(output: &WithdrawnOutput) -> usize {
    serde_json::to_string(output).map_or(usize::MAX, |text| text.len().saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn others(labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> ForeignMarks {
        let mut others = ForeignMarks::default();
        others.keep("out", &Marks::of_others(&map(labels), &map(annotations)));
        others
    }

    #[test]
    fn a_status_has_no_value_that_might_hold_a_token_and_nothing_of_ours() {
        let token = ["ghp_", &"a".repeat(36)].concat();
        let in_json = format!("{{\"data\":{{\"token\":\"{}\"}}}}", "Z".repeat(56));
        let rows = [
            ("reloader.example.com/match", "true", true),
            ("replicate-to", "team-a,team-b,team-c,team-d,team-e,team-f,team-g", true),
            ("a", &token, false),
            ("b", &in_json, false),
            (LAST_APPLIED, "{}", false),
            ("githubpat.dev/adopt", "ci", false),
        ];
        for (key, value, is_told) in rows {
            let expected = if is_told { map(&[(key, value)]) } else { map(&[]) };
            let told = others(&[], &[(key, value)]).told().pop();
            assert_eq!(told.map(|told| told.annotations).unwrap_or_default(), expected, "{key}");
            let told = others(&[(key, value)], &[]).told().pop();
            assert_eq!(told.map(|told| told.labels).unwrap_or_default(), expected, "{key}");
        }
    }

    #[test]
    fn a_status_has_900_bytes_of_them_at_most_and_rather_labels_than_annotations() {
        let long = "x y ".repeat(200);
        let mut others = others(&[("team", "a")], &[("long", &long), ("longer", &long)]);
        for number in 0..100 {
            others.keep(&format!("p-{number}"), &Marks::of_others(&map(&[("team", "b")]), &map(&[])));
        }
        let told = others.told();
        assert_eq!(told[0].labels, map(&[("team", "a")]));
        assert_eq!(told[0].annotations, map(&[]));
        let bytes = serde_json::to_string(&told).unwrap().len();
        assert!(bytes <= 902 && told.len() > 10, "{bytes} bytes, {} outputs", told.len());
    }

    #[test]
    fn the_next_process_keeps_what_was_told_of_others_and_nothing_of_ours() {
        let told = others(&[("team", "a")], &[("match", "true")]).told();
        assert_eq!(ForeignMarks::from(&*told).told(), told);
        let forged = WithdrawnOutput {
            secret_name: "out".to_owned(),
            labels: map(&[("githubpat.dev/owner", "other")]),
            annotations: map(&[]),
        };
        assert_eq!(ForeignMarks::from(&[forged][..]).told(), []);
    }

    #[test]
    fn no_more_is_kept_of_an_output_than_its_share() {
        let marks = |bytes: usize| Marks {
            annotations: BTreeMap::from([("a".to_owned(), "x".repeat(bytes))]),
            ..Marks::default()
        };
        let mut others = ForeignMarks::default();
        for (name, bytes, kept) in [("small", 100, 100), ("large", 200 * 1024, 0)] {
            others.keep(name, &marks(bytes));
            assert_eq!(others.of(name).annotations.values().map(String::len).sum::<usize>(), kept, "{name}");
        }
        others.keep("empty", &Marks::default());
        assert_eq!(others.0.as_ref().map(|kept| kept.len()), Some(1));
    }
}
