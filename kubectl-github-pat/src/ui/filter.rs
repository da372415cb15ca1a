//! Which connections are looked at, as the address of the page says.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use jiff::{civil::Date, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::health::Health;
use crate::summary::Summary;

/// The number of connections on one page.
const PAGE: usize = 50;
/// More are not told at once.
const LONGEST_PAGE: usize = 500;

/// What is asked for. An empty text asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Filter {
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "unless_empty")]
    pub(super) health: Option<Health>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) namespace: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) host: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) login: String,
    /// A part of the name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) name: String,
    /// The day on which the token in use ends.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "unless_empty")]
    pub(super) expires: Option<Date>,
    /// From 1 on.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "unless_empty")]
    pub(super) page: Option<usize>,
    /// How many connections a page has.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "unless_empty")]
    pub(super) limit: Option<usize>,
}

/// A page of what is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) number: usize,
    /// How many pages there are, 1 at least.
    pub(super) count: usize,
    /// How many connections there are.
    pub(super) total: usize,
}

impl Filter {
    /// True if it is asked for.
    pub(super) fn wants(&self, summary: &Summary) -> bool {
        let is = |wanted: &String, has: Option<&String>| {
            wanted.is_empty() || has.is_some_and(|has| has.eq_ignore_ascii_case(wanted))
        };
        self.health.is_none_or(|health| Health::of(summary) == health)
            && is(&self.namespace, Some(&summary.namespace))
            && is(&self.host, summary.host.as_ref())
            && is(&self.login, summary.login.as_ref())
            && summary.name.contains(self.name.as_str())
            && self.expires.is_none_or(|wanted| day(summary) == Some(wanted))
    }

    /// The page of all that are asked for.
    pub(super) fn page<T: AsRef<Summary>>(&self, all: impl IntoIterator<Item = T>) -> Page<T> {
        let limit = self.limit.unwrap_or(PAGE).clamp(1, LONGEST_PAGE);
        let mut items: Vec<_> = all.into_iter().filter(|summary| self.wants(summary.as_ref())).collect();
        let total = items.len();
        let count = total.div_ceil(limit).max(1);
        let number = self.page.unwrap_or(1).clamp(1, count);
        let first = number.saturating_sub(1).saturating_mul(limit);
        let items = items.drain(first..first.saturating_add(limit).min(total)).collect();
        Page { items, number, count, total }
    }

    /// True if all connections are asked for.
    pub(super) fn is_open(&self) -> bool {
        Filter { page: None, limit: None, ..self.clone() } == Filter::default()
    }

    /// The address of the overview with it.
    pub(super) fn address(&self) -> String {
        let query = form(self);
        if query.is_empty() { "/".to_owned() } else { format!("/?{query}") }
    }

    /// The same at another page.
    pub(super) fn at(&self, page: usize) -> Self {
        Filter { page: Some(page), ..self.clone() }
    }

    /// What a person reads first: the broken ones.
    pub(super) fn of_health(health: Health) -> Self {
        Filter { health: Some(health), ..Filter::default() }
    }
}

/// The day on which the token in use ends, as UTC counts.
pub(super) fn day(summary: &Summary) -> Option<Date> {
    summary.expires_at.as_ref().map(|at| at.0.to_zoned(TimeZone::UTC).date())
}

/// What stands in a field of a form; nothing in one that was cleared.
fn unless_empty<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
    field: D,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(field)?;
    let text = Some(text.as_str()).filter(|text| !text.is_empty());
    text.map(str::parse).transpose().map_err(D::Error::custom)
}

/// As a query has it.
fn form(filter: &Filter) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(filter) else { return String::new() };
    let texts = fields
        .into_iter()
        .map(|(key, value)| (key, value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    // The order of JSON's fields is nobody's promise.
    let pairs: BTreeMap<_, _> = texts.collect();
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ui::tests::summary;

    #[test]
    fn a_page_is_cut_from_what_is_asked_for_alone() {
        let all: Vec<_> = (0..120)
            .map(|number| Arc::new(summary(&format!("a{}", number % 2), &format!("c{number}"))))
            .collect();
        let filter = Filter { namespace: "a1".to_owned(), ..Filter::default() };
        let page = filter.at(2).page(all.iter());
        assert_eq!((page.total, page.count, page.number, page.items.len()), (60, 2, 2, 10));
        assert_eq!(page.items.first().unwrap().name, "c101");
        for (page, expected) in [(0, 1), (9, 2), (usize::MAX, 2)] {
            assert_eq!(filter.at(page).page(all.iter()).number, expected);
        }
        let none = Filter { name: "x".to_owned(), ..filter }.page(all.iter());
        assert_eq!((none.total, none.count, none.number), (0, 1, 1));
        assert_eq!(Filter { limit: Some(0), ..Filter::default() }.page(all.iter()).items.len(), 1);
    }

    #[test]
    fn a_field_that_was_cleared_asks_for_nothing() {
        let address = "/?name=&health=&expires=&page=&limit=".parse().unwrap();
        assert_eq!(axum::extract::Query::<Filter>::try_from_uri(&address).unwrap().0, Filter::default());
        let address = "/?expires=2026-03-01&page=2&limit=7".parse().unwrap();
        let filter = axum::extract::Query::<Filter>::try_from_uri(&address).unwrap().0;
        assert_eq!(
            (filter.expires, filter.page, filter.limit),
            ("2026-03-01".parse().ok(), Some(2), Some(7))
        );
        for wrong in ["/?expires=soon", "/?page=x", "/?limit=-1", "/?health=ready", "/?namspace=x"] {
            assert!(
                axum::extract::Query::<Filter>::try_from_uri(&wrong.parse().unwrap()).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn what_is_asked_for_stands_in_the_address() {
        assert_eq!(Filter::default().address(), "/");
        let filter = Filter {
            login: "a&b=c d\u{202e}".to_owned(),
            expires: Some("2026-03-01".parse().unwrap()),
            ..Filter::default()
        };
        assert_eq!(filter.at(3).address(), "/?expires=2026-03-01&login=a%26b%3Dc+d%E2%80%AE&page=3");
    }
}
