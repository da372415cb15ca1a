//! For whom the questions are asked that wait or are on their way, while somebody listens to traces.

use std::collections::HashMap;

use crate::{domain::probing::Key, traces::Origin};

/// A question is linked to so many for whom it was asked; who shares a token by the thousand is told by some.
const MOST: usize = 16;
/// The number of entries from which on those that wait no more are dropped.
const FEW: usize = 16;

/// For whom, by the question.
#[derive(Debug, Default)]
pub(super) struct Origins(HashMap<Key, Vec<Origin>>);

impl Origins {
    /// Keeps for whom a question is asked. `pending` is the number of questions that wait or are on their way.
    ///
    /// Nobody removes the entry of a question that was dropped without being asked. Such entries are looked for only when they may be more
    /// than half of all entries, so that the cost of one question does not grow with the number that wait.
    pub(super) fn add(
        &mut self,
        origin: Origin,
        question: Key,
        pending: usize,
        is_pending: impl Fn(&Key) -> bool,
    ) {
        if !is_pending(&question) {
            return;
        }
        let known = self.0.entry(question).or_default();
        if known.len() < MOST && !known.contains(&origin) {
            known.push(origin);
        }
        if self.0.len() > pending.saturating_mul(2).saturating_add(FEW) {
            self.0.retain(|question, _| is_pending(question));
        }
    }

    /// For whom this question was asked.
    pub(super) fn take(&mut self, question: &Key) -> Vec<Origin> {
        self.0.remove(question).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, collections::HashSet};

    use super::*;
    use crate::domain::{
        probe::Probe,
        token::{HashedToken, Token},
    };

    fn question(number: usize) -> Key {
        let text = format!("ghp_{number:036}");
        let hashed: HashedToken = Token::try_from(text.as_bytes()).unwrap().describe().hashed;
        (hashed, Probe::Identity)
    }

    #[test]
    fn a_question_costs_the_same_however_many_wait_and_what_waits_no_more_is_forgotten() {
        const MANY: usize = 4096;
        let (mut origins, mut waiting) = (Origins::default(), HashSet::new());
        let looks = Cell::new(0);
        let add = |origins: &mut Origins, waiting: &HashSet<Key>, number: usize| {
            let is_pending = |question: &Key| {
                looks.set(looks.get() + 1);
                waiting.contains(question)
            };
            origins.add(Origin::numbered(number), question(number), waiting.len(), is_pending);
        };
        for number in 0..MANY {
            waiting.insert(question(number));
            add(&mut origins, &waiting, number);
        }
        assert_eq!(looks.get(), MANY, "one look for each");
        // All of them are dropped without an answer, and others come.
        waiting.clear();
        for number in MANY..2 * MANY {
            waiting.insert(question(number));
            add(&mut origins, &waiting, number);
        }
        assert!(looks.get() <= 6 * MANY, "{} looks", looks.get());
        assert!(origins.0.len() <= 2 * MANY);
        waiting.clear();
        add(&mut origins, &waiting, 0);
        assert!(origins.take(&question(0)).is_empty(), "it does not wait");
        waiting.insert(question(1));
        add(&mut origins, &waiting, 1);
        assert_eq!((origins.0.len(), origins.take(&question(1)).len()), (1, 1));
    }

    #[test]
    fn a_question_is_linked_to_some_of_those_for_whom_it_was_asked_and_to_each_once() {
        let mut origins = Origins::default();
        for number in (0..2 * MOST).chain(0..MOST) {
            origins.add(Origin::numbered(number), question(1), 1, |_| true);
        }
        assert_eq!(origins.take(&question(1)).len(), MOST);
        assert!(origins.take(&question(1)).is_empty());
    }
}
