//! When tokens end: the next twelve months as a drawing.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

use super::{
    filter::{Filter, day},
    health::Health,
};
use crate::{summary::Summary, when::distance};

/// The most names in the title of a mark.
const MOST_NAMES: usize = 12;
/// Where the drawing begins and how wide it is, in percent of its frame, so that a mark at either end is seen whole.
const LEFT: f64 = 2.0;
const WIDTH: f64 = 96.0;

/// The next twelve months.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Timeline {
    pub(super) months: Vec<Month>,
    pub(super) marks: Vec<Mark>,
    /// How many tokens end later.
    pub(super) later: usize,
    /// How many have ended.
    pub(super) ended: usize,
    /// Of how many no end is known, or they have none.
    pub(super) endless: usize,
}

/// The first day of a month.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Month {
    pub(super) x: String,
    pub(super) name: String,
    /// Where it is not that of the month before.
    pub(super) year: Option<i16>,
    /// The first of a quarter, whose name stands also where there is no room for each.
    pub(super) is_quarter: bool,
}

/// The tokens that end on one day.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    pub(super) x: String,
    /// In pixels; larger for more of them.
    pub(super) radius: u32,
    pub(super) health: Health,
    pub(super) title: String,
    pub(super) address: String,
}

/// The drawing of these connections, which the filter asks for.
pub(super) fn timeline<'a>(
    now: Timestamp,
    filter: &Filter,
    connections: impl Iterator<Item = &'a Summary>,
) -> Timeline {
    let today = now.to_zoned(TimeZone::UTC).date();
    let end = today.saturating_add(12.months());
    let mut days: BTreeMap<Date, Vec<&Summary>> = BTreeMap::new();
    let mut timeline = Timeline { months: months(today, end), ..Timeline::default() };
    for summary in connections {
        let other = match day(summary) {
            None => &mut timeline.endless,
            Some(day) if day < today => &mut timeline.ended,
            Some(day) if day > end => &mut timeline.later,
            Some(day) => {
                days.entry(day).or_default().push(summary);
                continue;
            }
        };
        *other = other.saturating_add(1);
    }
    let marks = days.into_iter().map(|(day, ending)| {
        let there = Filter { expires: Some(day), page: None, ..filter.clone() };
        mark((today, now), end, day, &ending, &there)
    });
    timeline.marks = marks.collect();
    timeline
}

/// The mark of this day, which leads to the connections that the filter asks for.
fn mark((today, now): (Date, Timestamp), end: Date, day: Date, ending: &[&Summary], filter: &Filter) -> Mark {
    let mut names: Vec<_> = ending
        .iter()
        .take(MOST_NAMES)
        .map(|summary| format!("{}/{}", summary.namespace, summary.name))
        .collect();
    let more = ending.len().saturating_sub(names.len());
    if more > 0 {
        names.push(format!("{more} more"));
    }
    // As list and status have it, of the first of them.
    let first = ending.iter().filter_map(|summary| summary.expires_at.as_ref()).map(|at| at.0).min();
    let first = first.map(|at| format!(", {}", distance(at, now))).unwrap_or_default();
    let address = match ending {
        [only] => format!("/connections/{}/{}", only.namespace, only.name),
        _ => filter.address(),
    };
    Mark {
        x: place(today, end, day),
        radius: ending.len().ilog2().saturating_add(5),
        health: ending.iter().map(|summary| Health::of(summary)).min().unwrap_or(Health::Fine),
        title: format!("{day}{first}: {}", names.join(", ")),
        address,
    }
}

fn months(today: Date, end: Date) -> Vec<Month> {
    let mut months = Vec::new();
    let mut first = today.first_of_month().saturating_add(1.month());
    let mut year = None;
    while first <= end {
        months.push(Month {
            x: place(today, end, first),
            name: first.strftime("%b").to_string(),
            year: Some(first.year()).filter(|now| year != Some(*now)),
            is_quarter: first.month() % 3 == 1,
        });
        year = Some(first.year());
        first = first.saturating_add(1.month());
    }
    months
}

fn between(today: Date, day: Date) -> i32 {
    today.until(day).map(|span| span.get_days()).unwrap_or_default()
}

fn place(today: Date, end: Date, day: Date) -> String {
    let share = f64::from(between(today, day)) / f64::from(between(today, end).max(1));
    format!("{:.2}%", LEFT + WIDTH * share)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;
    use crate::ui::tests::summary;

    fn ending(name: &str, at: Option<&str>) -> Summary {
        Summary { expires_at: at.map(|at| Time(at.parse().unwrap())), ..summary("a", name) }
    }

    #[test]
    fn tokens_stand_on_the_day_on_which_they_end_and_the_others_are_counted() {
        let now = "2026-03-15T10:00:00Z".parse().unwrap();
        let rows = [
            ending("first", Some("2026-03-15T23:59:59Z")),
            ending("last", Some("2027-03-15T00:00:00Z")),
            ending("one", Some("2026-04-01T00:00:00Z")),
            ending("other", Some("2026-04-01T10:00:00Z")),
            ending("later", Some("2027-03-16T00:00:00Z")),
            ending("ended", Some("2026-03-14T23:59:59Z")),
            ending("endless", None),
        ];
        let drawn = timeline(now, &Filter::default(), rows.iter());
        assert_eq!((drawn.later, drawn.ended, drawn.endless), (1, 1, 1));
        let marks: Vec<_> = drawn
            .marks
            .iter()
            .map(|mark| (mark.x.as_str(), mark.title.as_str(), mark.address.as_str()))
            .collect();
        assert_eq!(
            marks,
            [
                ("2.00%", "2026-03-15, in 13 hours: a/first", "/connections/a/first"),
                ("6.47%", "2026-04-01, in 16 days: a/one, a/other", "/?expires=2026-04-01"),
                ("98.00%", "2027-03-15, in 364 days: a/last", "/connections/a/last"),
            ]
        );
        assert_eq!(drawn.months.len(), 12);
        let years: Vec<_> =
            drawn.months.iter().filter_map(|month| Some((month.name.as_str(), month.year?))).collect();
        assert_eq!(years, [("Apr", 2026), ("Jan", 2027)]);
        let quarters = drawn.months.iter().filter(|month| month.is_quarter).map(|month| month.name.as_str());
        assert_eq!(quarters.collect::<Vec<_>>(), ["Apr", "Jul", "Oct", "Jan"]);
    }

    #[test]
    fn a_mark_leads_to_what_is_drawn_and_to_no_more() {
        let rows = ["one", "other"].map(|name| ending(name, Some("2026-04-01T00:00:00Z")));
        let filter = Filter { namespace: "a".to_owned(), limit: Some(7), page: Some(2), ..Filter::default() };
        let drawn = timeline("2026-03-15T10:00:00Z".parse().unwrap(), &filter, rows.iter());
        let addresses: Vec<_> = drawn.marks.iter().map(|mark| mark.address.as_str()).collect();
        assert_eq!(addresses, ["/?expires=2026-04-01&limit=7&namespace=a"]);
    }

    #[test]
    fn a_day_on_which_thousands_end_is_one_mark() {
        let rows: Vec<_> =
            (0..10_000).map(|number| ending(&format!("c{number}"), Some("2026-05-01T00:00:00Z"))).collect();
        let now = "2026-03-15T10:00:00Z".parse().unwrap();
        let drawn = timeline(now, &Filter::default(), rows.iter());
        let [mark] = drawn.marks.as_slice() else { panic!("{drawn:?}") };
        assert!(mark.title.ends_with("a/c11, 9988 more") && mark.radius == 18, "{mark:?}");
    }
}
