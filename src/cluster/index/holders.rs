//! Which Secrets and connections have which token, so that nobody is told to revoke one that somebody else still needs.

use std::{collections::BTreeSet, num::NonZeroU64};

use super::super::object::ObjectKey;

/// Objects by the first bytes of a token's hash.
#[derive(Debug, Default)]
pub(super) struct ByToken(BTreeSet<(NonZeroU64, ObjectKey)>);

impl ByToken {
    /// The object has these tokens in the place of those.
    pub(super) fn change(&mut self, key: &ObjectKey, before: &[NonZeroU64], after: &[NonZeroU64]) {
        if before == after {
            return;
        }
        for before in before {
            self.0.remove(&(*before, key.clone()));
        }
        for after in after {
            self.0.insert((*after, key.clone()));
        }
    }

    /// The objects that have the token of which these are the first bytes.
    pub(super) fn of(&self, token: NonZeroU64) -> impl Iterator<Item = &ObjectKey> {
        // No key is smaller than this one.
        let first = (token, ObjectKey::new("", ""));
        self.0.range(first..).take_while(move |(of, _)| *of == token).map(|(_, key)| key)
    }
}
