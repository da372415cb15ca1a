//! Which Secrets and connections have which token, so that nobody is told to revoke one that somebody else still needs.

use std::{collections::BTreeSet, num::NonZeroU64};

use super::super::object::ObjectKey;
use crate::domain::token::HashedToken;

/// Objects by the first bytes of a token's hash.
#[derive(Debug, Default)]
pub(super) struct ByToken(BTreeSet<(NonZeroU64, ObjectKey)>);

impl ByToken {
    /// The object has this token in the place of that one.
    pub(super) fn change(&mut self, key: &ObjectKey, before: Option<NonZeroU64>, after: Option<NonZeroU64>) {
        if before == after {
            return;
        }
        if let Some(before) = before {
            self.0.remove(&(before, key.clone()));
        }
        if let Some(after) = after {
            self.0.insert((after, key.clone()));
        }
    }

    pub(super) fn of(&self, token: HashedToken) -> impl Iterator<Item = &ObjectKey> {
        let token = token.leading();
        // No key is smaller than this one.
        let first = (token, ObjectKey::new("", ""));
        self.0.range(first..).take_while(move |(of, _)| *of == token).map(|(_, key)| key)
    }
}
