//! How many questions of each namespace wait, and whose last one gives its place to another when the queue is full.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::Urgency;

/// How many questions of each namespace wait.
#[derive(Debug, Default)]
pub(super) struct Shares {
    /// By urgency as in [`Urgency::ALL`]; no namespace without a question.
    of: HashMap<Arc<str>, [usize; Urgency::ALL.len()]>,
    /// How many there are in all, the largest last.
    by_size: BTreeSet<(usize, Arc<str>)>,
}

impl Shares {
    /// One more waits.
    pub(super) fn add(&mut self, namespace: &Arc<str>, urgency: Urgency) {
        self.change(namespace, urgency, |count| count.saturating_add(1));
    }

    /// One less waits.
    pub(super) fn remove(&mut self, namespace: &Arc<str>, urgency: Urgency) {
        self.change(namespace, urgency, |count| count.saturating_sub(1));
    }

    fn change(&mut self, namespace: &Arc<str>, urgency: Urgency, to: impl Fn(usize) -> usize) {
        let share = self.of.entry(namespace.clone()).or_default();
        let before = share.iter().sum();
        if let Some(count) = share.get_mut(urgency as usize) {
            *count = to(*count);
        }
        let after = share.iter().sum();
        if after == 0 {
            self.of.remove(namespace);
        }
        self.by_size.remove(&(before, namespace.clone()));
        if after > 0 {
            self.by_size.insert((after, namespace.clone()));
        }
    }

    /// The namespace whose last question gives its place to one of this namespace and urgency, and how urgent that question is.
    ///
    /// The namespace that has most gives way to one that has two fewer. Else a question takes the place of one that is less urgent:
    /// of its own namespace, or of the largest, if that has more. So each exchange makes the shares more equal, or more urgent questions wait,
    /// and however often those that gave way come again, the exchanges end.
    pub(super) fn gives_way(&self, namespace: &str, urgency: Urgency) -> Option<(&Arc<str>, Urgency)> {
        let (most, largest) = self.by_size.last()?;
        let own = self.of.get_key_value(namespace);
        let ours: usize = own.map_or(0, |(_, share)| share.iter().sum());
        if *most > ours.saturating_add(1) {
            return self.last(largest);
        }
        let less_urgent = |of| self.last(of).filter(|(_, last)| *last > urgency);
        let of_own = own.and_then(|(own, _)| less_urgent(own));
        of_own.or_else(|| less_urgent(largest).filter(|_| *most > ours))
    }

    /// How many questions of each namespace wait, the largest last.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> Vec<usize> {
        self.by_size.iter().map(|(size, _)| *size).collect()
    }

    /// How urgent the least urgent question of the namespace is.
    fn last<'a>(&self, namespace: &'a Arc<str>) -> Option<(&'a Arc<str>, Urgency)> {
        let share = self.of.get(namespace)?;
        let last = Urgency::ALL.into_iter().zip(share).rev().find(|(_, count)| **count > 0);
        last.map(|(urgency, _)| (namespace, urgency))
    }
}
