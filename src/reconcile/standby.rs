//! What the process remembers of the standbys of one connection; always safe to lose.

use std::mem;

use jiff::Timestamp;

use super::{sum::Sum, watched::Watched};
use crate::domain::second::Second;

/// What is remembered of the Secrets that stand by, and which Secret is in use.
#[derive(Debug)]
pub(super) struct Standby {
    /// The Secret that `spec.secretRef` names, as a sum.
    source: Sum,
    /// The Secrets of `spec.standby`, in its order, each with its sum.
    others: Vec<(Sum, Watched)>,
    /// The Secret whose token is in use, once one is.
    pub(super) in_use: Option<InUse>,
    /// Since when another token may have to take over, so that an acceptance from before does not count.
    pub(super) wanted: Option<Second>,
}

/// A Secret whose token is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InUse {
    /// Its name.
    pub(super) secret: Box<str>,
    /// Since when.
    pub(super) since: Second,
}

impl Standby {
    /// None yet, beside the Secret of this sum.
    pub(super) const fn new(source: Sum) -> Self {
        Standby { source, others: Vec::new(), in_use: None, wanted: None }
    }

    /// The standby at this place.
    pub(super) fn get(&self, place: usize) -> Option<&Watched> {
        self.others.get(place).map(|(_, watched)| watched)
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Watched> {
        self.others.get_mut(place).map(|(_, watched)| watched)
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Watched> {
        self.others.iter().map(|(_, watched)| watched)
    }

    /// All of them, to be changed.
    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Watched> {
        self.others.iter_mut().map(|(_, watched)| watched)
    }

    /// What lies ahead was said by a clock that was wrong, and would keep the next token waiting until then.
    pub(super) fn doubt(&mut self, now: Second) {
        self.wanted = self.wanted.filter(|wanted| *wanted <= now);
        if let Some(in_use) = &mut self.in_use {
            in_use.since = in_use.since.min(now);
        }
    }

    /// Brings what is remembered in step with the Secrets that the spec names, by their sums; gives what is watched no more.
    pub(super) fn align(
        &mut self,
        first: &mut Watched,
        source: Sum,
        standby: impl Iterator<Item = Sum>,
        now: Timestamp,
    ) -> Vec<Watched> {
        // A standby that becomes the first choice keeps what is known of it.
        let is_new = self.source != source;
        let promoted = self.others.iter_mut().find(|(other, _)| is_new && *other == source);
        if let Some((other, watched)) = promoted {
            mem::swap(watched, first);
            *other = self.source;
        }
        self.source = source;
        let mut before = mem::take(&mut self.others);
        for wanted in standby {
            let at = before.iter().position(|(other, _)| *other == wanted);
            let kept = at.map(|at| before.swap_remove(at));
            self.others.push(kept.unwrap_or_else(|| (wanted, Watched::new(0, now))));
        }
        self.number(first.id, &before);
        before.into_iter().map(|(_, watched)| watched).collect()
    }

    /// Gives those an id that have none yet: one that neither the first choice has nor anybody of before.
    fn number(&mut self, first: u8, before: &[(Sum, Watched)]) {
        let mut taken: Vec<u8> = self.others.iter().chain(before).map(|(_, watched)| watched.id).collect();
        taken.push(first);
        let is_new = |watched: &&mut (Sum, Watched)| watched.1.subject.is_none();
        for (_, watched) in self.others.iter_mut().filter(is_new) {
            let free = (0..=u8::MAX).find(|id| !taken.contains(id)).unwrap_or_default();
            watched.id = free;
            taken.push(free);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sum::sum, *};

    #[test]
    fn a_clock_that_was_ahead_keeps_no_token_waiting() {
        let at = |second| Second::from(Timestamp::from_second(second).unwrap());
        let mut standby = Standby::new(sum("ci"));
        standby.in_use = Some(InUse { secret: "ci".into(), since: at(9) });
        standby.wanted = Some(at(9));
        for (now, since, wanted) in [(10, 9, Some(9)), (5, 5, None)] {
            standby.doubt(at(now));
            let since_then = standby.in_use.as_ref().map(|in_use| in_use.since);
            assert_eq!((since_then, standby.wanted), (Some(at(since)), wanted.map(at)), "{now}");
        }
    }
}
