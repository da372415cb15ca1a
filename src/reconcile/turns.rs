//! Namespaces of which something is being listed. Each has one turn at a time, so that a crowded one keeps one worker busy at most.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The namespaces whose turn somebody has.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashSet<Box<str>>>);

/// The turn of a namespace.
pub(super) struct Turn<'a> {
    all: &'a Turns,
    namespace: &'a str,
}

impl Turns {
    /// The turn of this namespace; `None` while somebody else has it.
    pub(super) fn turn<'a>(&'a self, namespace: &'a str) -> Option<Turn<'a>> {
        let is_free = self.lock().insert(namespace.into());
        is_free.then(|| Turn { all: self, namespace })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Box<str>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.all.lock().remove(self.namespace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_has_one_turn_at_a_time() {
        let turns = Turns::default();
        let turn = turns.turn("a");
        assert!(turns.turn("a").is_none() && turns.turn("b").is_some());
        drop(turn);
        assert!(turns.turn("a").is_some());
    }
}
