//! How many questions of each namespace wait, and whose last one gives its place to another when the queue is full.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::Urgency;

/// How many questions of one namespace wait, by urgency as in [`Urgency::ALL`].
type Share = [usize; Urgency::ALL.len()];

/// How many questions of each namespace wait.
#[derive(Debug, Default)]
pub(super) struct Shares {
    /// No namespace without a question.
    of: HashMap<Arc<str>, Share>,
    /// How many there are in all and how urgent the last one is. The largest is last, and of those the one whose last question is the
    /// least urgent.
    by_size: BTreeSet<(usize, Urgency, Arc<str>)>,
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
        let before = size(share);
        if let Some(count) = share.get_mut(urgency as usize) {
            *count = to(*count);
        }
        let after = size(share);
        if after.is_none() {
            self.of.remove(namespace);
        }
        if let Some((count, last)) = before {
            self.by_size.remove(&(count, last, namespace.clone()));
        }
        if let Some((count, last)) = after {
            self.by_size.insert((count, last, namespace.clone()));
        }
    }

    /// The namespace whose last question gives its place to one of this namespace and urgency, and how urgent that question is.
    ///
    /// The namespace that has most gives way to one that has two fewer. Else a question takes the place of one that is less urgent:
    /// of its own namespace, or of the largest, if that has more. So each exchange makes the shares more equal, or more urgent questions wait,
    /// and however often those that gave way come again, the exchanges end.
    pub(super) fn gives_way(&self, namespace: &str, urgency: Urgency) -> Option<(&Arc<str>, Urgency)> {
        let (most, last, largest) = self.by_size.last()?;
        let own = self.of.get_key_value(namespace);
        let own = own.and_then(|(own, share)| size(share).map(|(count, last)| (count, (own, last))));
        let ours = own.map_or(0, |(count, _)| count);
        let of_largest = (largest, *last);
        if *most > ours.saturating_add(1) {
            return Some(of_largest);
        }
        let is_less_urgent = |(_, last): &(&Arc<str>, Urgency)| *last > urgency;
        let of_own = own.map(|(_, of_own)| of_own).filter(is_less_urgent);
        of_own.or_else(|| Some(of_largest).filter(is_less_urgent).filter(|_| *most > ours))
    }

    /// How many questions of each namespace wait, the largest last.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> Vec<usize> {
        self.by_size.iter().map(|(size, ..)| *size).collect()
    }
}

/// How many questions there are, and how urgent the last one is; `None` if there is none.
fn size(share: &Share) -> Option<(usize, Urgency)> {
    let (last, _) = Urgency::ALL.into_iter().zip(share).rev().find(|(_, count)| **count > 0)?;
    Some((share.iter().sum(), last))
}
