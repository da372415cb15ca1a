//! What is said of the objects that name an output.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::{
    api::{ConsumerStatus, ConsumersStatus, time},
    domain::consumer::{Consumer, Consumers, Use},
};

/// The most objects that are named.
const NAMED: usize = 20;
/// The most names in one sentence.
pub(super) const FEW: usize = 3;
/// The characters of their names together, so that the status stays small.
const CHARACTERS: usize = 1300;

/// What is said of them. `published` is when the outputs were written last, as far as that matters still.
pub(super) fn consumers(found: &Consumers, published: Option<Timestamp>, now: Timestamp) -> ConsumersStatus {
    let mut objects = BTreeMap::<(&str, &str), bool>::new();
    for consumer in &found.all {
        let behind = published.is_some_and(|published| consumer.is_behind(published, now));
        *objects.entry((consumer.kind, &consumer.name)).or_default() |= behind;
    }
    let mut counts = BTreeMap::<String, i64>::new();
    for (kind, _) in objects.keys() {
        let count = counts.entry((*kind).to_owned()).or_default();
        *count = count.saturating_add(1);
    }
    let behind = i64::try_from(objects.values().filter(|behind| **behind).count()).unwrap_or(i64::MAX);
    ConsumersStatus {
        observed_at: time(now),
        counts,
        behind,
        objects: named(&objects),
        forbidden: found.forbidden.iter().map(|resource| (*resource).to_owned()).collect(),
        unread: found.unread.iter().map(|resource| (*resource).to_owned()).collect(),
    }
}

/// The first of them, those that are behind before the others, as many as there is room for.
fn named(objects: &BTreeMap<(&str, &str), bool>) -> Vec<ConsumerStatus> {
    let mut room = CHARACTERS;
    let sorted: BTreeSet<_> = objects.iter().map(|(object, behind)| (!behind, object)).collect();
    let fits = |(_, (_, name)): &(bool, &(&str, &str))| {
        room = room.saturating_sub(name.len());
        room > 0
    };
    let named = sorted.into_iter().take(NAMED).take_while(fits);
    named
        .map(|(is_current, (kind, name))| ConsumerStatus {
            kind: (*kind).to_owned(),
            name: (*name).to_owned(),
            behind: !is_current,
        })
        .collect()
}

/// The Pods that run with the earlier bytes, each with whether it keeps them until it is restarted: a volume follows by itself. `None`
/// if there are none.
pub(super) fn behind(
    found: &Consumers,
    published: Timestamp,
    now: Timestamp,
) -> Option<BTreeMap<String, bool>> {
    let is_behind = |consumer: &&Consumer| consumer.is_behind(published, now);
    let mut behind = BTreeMap::<String, bool>::new();
    for pod in found.all.iter().filter(is_behind).filter(|consumer| consumer.used != Use::Earlier) {
        *behind.entry(pod.name.clone()).or_default() |= pod.used != Use::Volume;
    }
    Some(behind).filter(|behind| !behind.is_empty())
}

/// What names an earlier version of an output; `None` if nothing does.
pub(super) fn earlier(found: &Consumers) -> Option<BTreeSet<String>> {
    let earlier = found.all.iter().filter(|consumer| consumer.used == Use::Earlier);
    let earlier = earlier.map(|consumer| format!("{} {}", consumer.kind, consumer.name));
    Some(earlier.collect::<BTreeSet<_>>()).filter(|names| !names.is_empty())
}

/// A few by name, the others by number, as the end of a sentence; `None` if there are none.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> Option<String> {
    Some(few(names, FEW)).filter(|listed| !listed.is_empty())
}

/// Names the first few, and counts the others.
pub(super) fn few(names: impl IntoIterator<Item = impl AsRef<str>>, count: usize) -> String {
    let names: Vec<_> = names.into_iter().collect();
    let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
    let first: Vec<_> = names.iter().copied().take(count).collect();
    let more = names.len().checked_sub(first.len()).filter(|more| *more > 0);
    let more = more.map_or_else(String::new, |more| format!(" and {more} more"));
    format!("{}{more}", first.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, started: i64) -> Consumer {
        let started = Timestamp::from_second(started).ok();
        let (name, output) = (name.to_owned(), "out".to_owned());
        Consumer { kind: "Pod", name, output, used: Use::AtStart, taken_on: started, started }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_object_counts_once_and_those_that_are_behind_come_first() {
        let account =
            Consumer { kind: "ServiceAccount", name: "ci".to_owned(), used: Use::Pull, ..pod("", 0) };
        let twice = Consumer { output: "other".to_owned(), ..pod("b", 5) };
        let all = vec![pod("a", 20), pod("b", 5), twice, account];
        let found = Consumers { all, forbidden: vec!["cronjobs"], ..Consumers::default() };
        let said = consumers(&found, Some(at(10)), at(30));
        assert_eq!(said.counts, BTreeMap::from([("Pod".to_owned(), 2), ("ServiceAccount".to_owned(), 1)]));
        let objects: Vec<_> = said.objects.iter().map(|object| (&*object.name, object.behind)).collect();
        assert_eq!(objects, [("b", true), ("a", false), ("ci", false)]);
        assert_eq!((said.behind, said.forbidden), (1, vec!["cronjobs".to_owned()]));
        assert_eq!(behind(&found, at(10), at(30)), Some(BTreeMap::from([("b".to_owned(), true)])));
        let volume = |name: &str| Consumer { used: Use::Volume, ..pod(name, 5) };
        let mounted = Consumers { all: vec![volume("b"), pod("b", 5), volume("c")], ..Consumers::default() };
        let both = BTreeMap::from([("b".to_owned(), true), ("c".to_owned(), false)]);
        assert_eq!(behind(&mounted, at(10), at(30)), Some(both));
        let said = consumers(&found, None, at(30));
        assert_eq!((said.behind, said.objects.len()), (0, 3));
    }

    #[test]
    fn however_many_there_are_the_status_stays_small() {
        let pods = |length: usize| (0..300).map(|number| pod(&format!("{number:0length$}"), 5)).collect();
        for (length, named) in [(10, NAMED), (63, NAMED), (253, 5)] {
            let found = Consumers { all: pods(length), ..Consumers::default() };
            let said = consumers(&found, Some(at(10)), at(30));
            assert_eq!((said.behind, said.objects.len()), (300, named), "{length}");
            assert!(few(behind(&found, at(10), at(30)).unwrap().keys(), FEW).ends_with(" and 297 more"));
        }
    }
}
