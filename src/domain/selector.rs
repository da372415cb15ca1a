//! Which connections an operator looks after, by their labels.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use sha2::{Digest, Sha256};

/// A selector of labels in the notation of the API server: `team=infra,tier in (a, b),!legacy`. All of it must hold.
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    text: Box<str>,
    demands: Vec<Demand>,
}

/// What one part demands of the label of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Demand {
    key: String,
    values: Values,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Values {
    Any,
    None,
    In(Vec<String>),
    NotIn(Vec<String>),
}

/// What a text is not, with an example of what would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is no selector of labels: write it as in team=infra, tier!=test, tier in (a, b), tier notin (a, b), team or !team"
)]
pub struct NotASelector;

impl Selector {
    /// As the API server reads it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True if these labels satisfy it.
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        self.demands.iter().all(|demand| {
            let value = labels.get(&demand.key);
            match &demand.values {
                Values::Any => value.is_some(),
                Values::None => value.is_none(),
                Values::In(values) => value.is_some_and(|value| values.contains(value)),
                Values::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            }
        })
    }

    /// Eight hexadecimal digits that tell it from others. The order in which it says things does not count, nor what it says twice.
    pub fn digest(&self) -> String {
        let said: BTreeSet<_> = self.demands.iter().map(|demand| demand.in_order().to_string()).collect();
        let text = said.into_iter().collect::<Vec<_>>().join(",");
        Sha256::digest(text.as_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Demand {
    /// The same with its values in order, each once.
    fn in_order(&self) -> Self {
        let once = |values: &[String]| values.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let values = match &self.values {
            Values::In(values) => Values::In(once(values)),
            Values::NotIn(values) => Values::NotIn(once(values)),
            Values::Any => Values::Any,
            Values::None => Values::None,
        };
        Demand { key: self.key.clone(), values }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Selector {
    type Err = NotASelector;

    fn from_str(text: &str) -> Result<Self, NotASelector> {
        let demands = split(text).map(demand).collect::<Option<Vec<_>>>().ok_or(NotASelector)?;
        let text = demands.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        Ok(Selector { text: text.into(), demands })
    }
}

/// The parts between commas, but for those between brackets.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut is_list = false;
    text.split(move |c| {
        is_list = (is_list || c == '(') && c != ')';
        c == ',' && !is_list
    })
}

/// One part; `None` if it is none.
fn demand(text: &str) -> Option<Demand> {
    let text = text.trim();
    let of = |key: &str, values| Some(Demand { key: key_of(key)?.to_owned(), values });
    let owned = |value: &str| value_of(value).map(str::to_owned);
    if let Some(key) = text.strip_prefix('!') {
        return of(key, Values::None);
    }
    if let Some(rest) = text.strip_suffix(')') {
        let (head, values) = rest.split_once('(')?;
        let (key, word) = head.trim_end().rsplit_once(char::is_whitespace)?;
        let values = values.split(',').map(owned).collect::<Option<Vec<_>>>()?;
        return match word {
            "in" => of(key, Values::In(values)),
            "notin" => of(key, Values::NotIn(values)),
            _ => None,
        };
    }
    if let Some((key, value)) = text.split_once("!=") {
        return of(key, Values::NotIn(vec![owned(value)?]));
    }
    match text.split_once("==").or_else(|| text.split_once('=')) {
        Some((key, value)) => of(key, Values::In(vec![owned(value)?])),
        None => of(text, Values::Any),
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.values {
            Values::Any => write!(f, "{key}"),
            Values::None => write!(f, "!{key}"),
            Values::In(values) => match values.as_slice() {
                [value] => write!(f, "{key}={value}"),
                _ => write!(f, "{key} in ({})", values.join(",")),
            },
            Values::NotIn(values) => match values.as_slice() {
                [value] => write!(f, "{key}!={value}"),
                _ => write!(f, "{key} notin ({})", values.join(",")),
            },
        }
    }
}

fn key_of(text: &str) -> Option<&str> {
    let key = text.trim();
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let is_prefix = |prefix: &str| {
        let is_part = |part: &str| {
            let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            !part.is_empty() && part.chars().all(is_inner) && !part.starts_with('-') && !part.ends_with('-')
        };
        prefix.len() <= 253 && prefix.split('.').all(is_part)
    };
    (is_word(name) && prefix.is_none_or(is_prefix)).then_some(key)
}

fn value_of(text: &str) -> Option<&str> {
    let value = text.trim();
    (value.is_empty() || is_word(value)).then_some(value)
}

/// True for what a label's name is, and its value if it has one.
fn is_word(text: &str) -> bool {
    let is_rim = |c: char| c.is_ascii_alphanumeric();
    (1..=63).contains(&text.len())
        && text.chars().all(|c| is_rim(c) || matches!(c, '-' | '_' | '.'))
        && text.starts_with(is_rim)
        && text.ends_with(is_rim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_read_as_the_api_server_reads_it_and_written_in_one_way() {
        let rows = [
            ("team=infra", "team=infra"),
            ("team == infra", "team=infra"),
            (" team != infra ", "team!=infra"),
            ("team=", "team="),
            ("team", "team"),
            ("! example.com/owner", "!example.com/owner"),
            ("tier in (a,b)", "tier in (a,b)"),
            ("tier  notin ( a , )", "tier notin (a,)"),
            ("tier in (a)", "tier=a"),
            ("a=b,tier in (a, b), !c", "a=b,tier in (a,b),!c"),
        ];
        for (text, written) in rows {
            let selector: Selector = text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"));
            assert_eq!(selector.as_str(), written, "{text:?}");
            assert_eq!(written.parse(), Ok(selector), "{text:?}");
        }
    }

    #[test]
    fn what_the_api_server_would_refuse_is_no_selector() {
        let long = "a".repeat(64);
        let rows = [
            "",
            ",",
            "a=b,",
            "=b",
            "a=b c",
            "a b",
            "!a=b",
            "!",
            "a>1",
            "in (a)",
            "a in",
            "a in b",
            "a in (b",
            "a in b)",
            "a of (b)",
            "a in (b) c",
            "-a",
            "a-",
            "A.com/b",
            "/a",
            "a/",
            "a/b/c",
            "a=ä",
            "a.-b/c",
            "a..b/c",
            "a='b'",
            &long,
        ];
        for text in rows {
            assert_eq!(text.parse::<Selector>(), Err(NotASelector), "{text:?}");
        }
    }

    #[test]
    fn labels_are_selected_as_the_api_server_selects_them() {
        let labels = |text: &str| -> BTreeMap<String, String> {
            let pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
            pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        };
        let rows = [
            ("a=b", "a=b c=d", true),
            ("a=b", "a=c", false),
            ("a=b", "", false),
            ("a=", "a=", true),
            ("a!=b", "a=c", true),
            ("a!=b", "", true),
            ("a!=b", "a=b", false),
            ("a in (b,c)", "a=c", true),
            ("a in (b,c)", "", false),
            ("a notin (b,c)", "", true),
            ("a notin (b,c)", "a=c", false),
            ("a", "a=", true),
            ("a", "b=a", false),
            ("!a", "b=a", true),
            ("!a", "a=", false),
            ("a=b,!c", "a=b", true),
            ("a=b,!c", "a=b c=d", false),
        ];
        for (selector, of, selected) in rows {
            let selector: Selector = selector.parse().unwrap();
            assert_eq!(selector.selects(&labels(of)), selected, "{selector} of {of:?}");
        }
    }

    #[test]
    fn selectors_that_say_the_same_have_one_digest_and_others_have_others() {
        let digest = |text: &str| text.parse::<Selector>().unwrap().digest();
        let same = [
            ("a == b", "a=b"),
            ("a=b,c", "c,a=b"),
            ("a in (b,c),!d", "!d,a in (c,b)"),
            ("a notin (c,b,b)", "a notin (b,c)"),
            ("a,a", "a"),
            ("a in (b,b)", "a=b"),
        ];
        for (one, other) in same {
            assert_eq!(digest(one), digest(other), "{one} and {other}");
        }
        assert_ne!(digest("a,b"), digest("a,!b"));
        assert_ne!(digest("a=b"), digest("a!=b"));
        assert_eq!(digest("a=b").len(), 8);
    }
}
