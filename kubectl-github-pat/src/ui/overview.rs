//! The overview: how many are fine, warned, broken, when tokens end, and what breaks next.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use askama::Template;
use github_pat_operator::api::Usability;
use jiff::Timestamp;

use super::{
    filter::{Filter, Page},
    health::{Counts, Health},
    mirror::{Problem, Scope, Snapshot},
    timeline::{Timeline, timeline},
};
use crate::{
    summary::Summary,
    when::{date, days, distance},
};

/// The most namespaces and hosts that are shown; the others are found by the filter.
const MOST_GROUPS: usize = 15;

/// The page.
#[derive(Template)]
#[template(path = "overview.html")]
pub(super) struct Overview {
    events: String,
    scope: Scope,
    problem: Option<Problem>,
    is_listed: bool,
    total: usize,
    tallies: Vec<Tally>,
    timeline: Timeline,
    filter: Filter,
    page: Page<Row>,
    namespaces: Groups,
    hosts: Groups,
}

/// How many there are of one health.
struct Tally {
    health: Health,
    count: usize,
    address: String,
}

/// A connection in one line.
struct Row {
    health: Health,
    summary: Arc<Summary>,
    address: String,
    usable: &'static str,
    ends: String,
    left: String,
    since: String,
}

/// Connections by what they have in common, the worst first.
struct Groups {
    shown: Vec<Group>,
    more: usize,
}

struct Group {
    name: String,
    counts: Counts,
    address: String,
}

impl Overview {
    pub(super) fn new(snapshot: Snapshot, filter: Filter, now: Timestamp) -> Self {
        let all = &snapshot.connections;
        let counts = counts(all);
        let page = filter.page(all.iter());
        let of_namespace = |name: &str| Filter { namespace: name.to_owned(), ..Filter::default() };
        let of_host = |name: &str| Filter { host: name.to_owned(), ..Filter::default() };
        let drawn = all.iter().map(AsRef::as_ref).filter(|summary| filter.wants(summary));
        Overview {
            events: format!("/events?version={}", snapshot.version),
            total: all.len(),
            tallies: Health::ALL.map(|health| Tally::new(health, &counts)).into(),
            timeline: timeline(now, &filter, drawn),
            page: Page {
                items: page.items.into_iter().map(|summary| Row::new(summary, now)).collect(),
                number: page.number,
                count: page.count,
                total: page.total,
            },
            namespaces: Groups::new(all, |summary| Some(summary.namespace.as_str()), of_namespace),
            hosts: Groups::new(all, |summary| summary.host.as_deref(), of_host),
            scope: snapshot.scope,
            problem: snapshot.problem,
            is_listed: snapshot.is_listed,
            filter,
        }
    }

    /// The pages around this one and those at the ends with their addresses, and nothing for those between.
    fn pages(&self) -> Vec<Option<(usize, String)>> {
        let near = |number: usize| self.page.number.abs_diff(number) <= 2;
        let shown: BTreeSet<_> = (1..=self.page.count)
            .filter(|number| near(*number) || *number == 1 || *number == self.page.count)
            .collect();
        let mut pages = Vec::new();
        let mut before = 0_usize;
        for number in shown {
            if number > before.saturating_add(1) {
                pages.push(None);
            }
            pages.push(Some((number, self.filter.at(number).address())));
            before = number;
        }
        pages
    }
}

impl Tally {
    fn new(health: Health, counts: &Counts) -> Self {
        Tally { health, count: counts.of(health), address: Filter::of_health(health).address() }
    }
}

impl Row {
    fn new(summary: &Arc<Summary>, now: Timestamp) -> Self {
        let left = |at: Timestamp| match days(at, now) {
            past if past < 0 => distance(at, now),
            1 => "1 day".to_owned(),
            days => format!("{days} days"),
        };
        let ends = summary.expires_at.as_ref().map(|at| at.0);
        let never = if summary.never_expires { "never" } else { "not known" };
        Row {
            health: Health::of(summary),
            address: format!("/connections/{}/{}", summary.namespace, summary.name),
            usable: match summary.usability {
                Usability::Usable => "yes",
                Usability::NotUsable => "no",
                Usability::Undetermined => "not known",
            },
            ends: ends.map_or_else(|| never.to_owned(), date),
            left: ends.map(left).unwrap_or_default(),
            since: summary.since.as_ref().map(|at| distance(at.0, now)).unwrap_or_default(),
            summary: summary.clone(),
        }
    }
}

impl Groups {
    fn new(
        all: &[Arc<Summary>],
        name: impl Fn(&Summary) -> Option<&str>,
        filter: impl Fn(&str) -> Filter,
    ) -> Self {
        let groups = groups(all, name);
        let more = groups.len().saturating_sub(MOST_GROUPS);
        let shown = groups.into_iter().take(MOST_GROUPS).map(|(name, counts)| {
            let address = filter(&name).address();
            Group { name, counts, address }
        });
        Groups { shown: shown.collect(), more }
    }
}

/// How many there are of each health.
pub(super) fn counts(all: &[Arc<Summary>]) -> Counts {
    let mut counts = Counts::default();
    all.iter().for_each(|summary| counts.add(Health::of(summary)));
    counts
}

/// What they have in common, those with the most broken ones first.
pub(super) fn groups(all: &[Arc<Summary>], name: impl Fn(&Summary) -> Option<&str>) -> Vec<(String, Counts)> {
    let mut groups: BTreeMap<&str, Counts> = BTreeMap::new();
    for summary in all {
        if let Some(name) = name(summary) {
            groups.entry(name).or_default().add(Health::of(summary));
        }
    }
    let mut groups: Vec<_> = groups.into_iter().map(|(name, counts)| (name.to_owned(), counts)).collect();
    groups.sort_by_key(|(_, counts)| std::cmp::Reverse((counts.broken, counts.warned, counts.fine)));
    groups
}
