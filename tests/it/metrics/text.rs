//! Reads a scrape, strictly: what Prometheus would reject fails the test.

use std::collections::{BTreeMap, BTreeSet};

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Type {
    Counter,
    Gauge,
    Histogram,
}

impl Type {
    pub(crate) fn named(name: &str) -> Option<Type> {
        match name {
            "counter" => Some(Type::Counter),
            "gauge" => Some(Type::Gauge),
            "histogram" => Some(Type::Histogram),
            _ => None,
        }
    }

    /// What the names of its samples add to that of the family.
    fn suffixes(self) -> &'static [&'static str] {
        match self {
            Type::Counter => &["_total"],
            Type::Gauge => &[""],
            Type::Histogram => &["_bucket", "_sum", "_count"],
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: f64,
}

impl Sample {
    /// The value of a label that is there.
    pub(crate) fn label(&self, name: &str) -> &str {
        &self.labels.iter().find(|(known, _)| known == name).unwrap().1
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().map(|(name, _)| name.as_str())
    }

    pub(crate) fn has(&self, (name, value): &(&str, &str)) -> bool {
        self.labels.iter().any(|(known, of)| known == name && of == value)
    }
}

#[derive(Debug)]
pub(crate) struct Scrape {
    families: BTreeMap<String, Type>,
    samples: Vec<Sample>,
}

impl Scrape {
    /// Reads OpenMetrics: each family once and in one piece, each series once, an end.
    pub(crate) fn open_metrics(text: &str) -> Scrape {
        let text = text.strip_suffix("# EOF\n").unwrap_or_else(|| panic!("no end: {text}"));
        Scrape::read(text, true)
    }

    /// Reads plain text, where the family of a counter has the name of its samples.
    pub(crate) fn plain(text: &str) -> Scrape {
        assert!(!text.contains("# EOF") && !text.contains("# UNIT"));
        Scrape::read(text, false)
    }

    fn read(text: &str, is_open: bool) -> Scrape {
        let (mut families, mut samples) = (BTreeMap::new(), Vec::new());
        let (mut helped, mut at, mut series) = (None, None, BTreeSet::new());
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                helped = help.split(' ').next().map(str::to_owned);
                assert!(help.contains(' '), "{line} says nothing");
            } else if let Some(family) = line.strip_prefix("# TYPE ") {
                let (name, type_) = family.split_once(' ').unwrap();
                let type_ = Type::named(type_).unwrap_or_else(|| panic!("{line}"));
                assert_eq!(helped.take().as_deref(), Some(name), "{line} has no help");
                let is_total = name.ends_with("_total");
                assert_eq!(is_total, !is_open && type_ == Type::Counter, "{line}");
                assert!(families.insert(name.to_owned(), type_).is_none(), "{name} comes twice");
                at = Some((name.to_owned(), type_));
            } else {
                let sample = sample(line);
                let (family, type_) = at.as_ref().unwrap_or_else(|| panic!("{line} has no family"));
                let suffixes: &[&str] =
                    if *type_ == Type::Counter && !is_open { &[""] } else { type_.suffixes() };
                let is_of = suffixes.iter().any(|suffix| sample.name == format!("{family}{suffix}"));
                assert!(is_of, "{line} stands in {family}");
                assert!(series.insert((sample.name.clone(), sample.labels.clone())), "{line} comes twice");
                samples.push(sample);
            }
        }
        Scrape { families, samples }
    }

    pub(crate) fn all(&self) -> &[Sample] {
        &self.samples
    }

    /// Name and type of each family, by name.
    pub(crate) fn families(&self) -> Vec<(String, Type)> {
        let mut families: Vec<_> = self
            .families
            .iter()
            .map(|(name, type_)| {
                (if *type_ == Type::Counter { format!("{name}_total") } else { name.clone() }, *type_)
            })
            .collect();
        families.sort();
        families
    }

    /// The samples of a family, by its name in the docs.
    pub(crate) fn of_family(&self, name: &str, type_: Type) -> Vec<&Sample> {
        let name = name.strip_suffix("_total").unwrap_or(name);
        let names: Vec<_> = type_.suffixes().iter().map(|suffix| format!("{name}{suffix}")).collect();
        self.samples.iter().filter(|sample| names.contains(&sample.name)).collect()
    }

    /// The samples with this name and these labels, beside others.
    pub(crate) fn samples(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Sample> {
        let is_it = |sample: &&Sample| sample.name == name && labels.iter().all(|label| sample.has(label));
        self.samples.iter().filter(is_it).collect()
    }

    /// The value of the one sample with this name and these labels.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let samples = self.samples(name, labels);
        assert!(samples.len() <= 1, "{name} {labels:?} is not one: {samples:?}");
        samples.first().map(|sample| sample.value)
    }
}

/// One line: name, labels whose values are in quotes, value.
fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
    let value = value.parse().unwrap_or_else(|_| panic!("{line} has no value"));
    let (name, rest) = series.split_once('{').unwrap_or((series, "}"));
    let mut rest = rest.strip_suffix('}').unwrap_or_else(|| panic!("{line}"));
    let mut labels = Vec::new();
    while !rest.is_empty() {
        let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
        let (mut text, mut letters) = (String::new(), after.char_indices());
        let end = loop {
            match letters.next().unwrap_or_else(|| panic!("{line}")) {
                (at, '"') => break at,
                (_, '\\') => text.push(match letters.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, letter @ ('\\' | '"'))) => letter,
                    other => panic!("{line}: {other:?}"),
                }),
                (_, letter) => text.push(letter),
            }
        };
        labels.push((label.to_owned(), text));
        rest = after[end + 1..].trim_start_matches(',');
    }
    Sample { name: name.to_owned(), labels, value }
}
