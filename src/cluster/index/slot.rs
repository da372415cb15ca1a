//! What is known of a Secret, and which connections name it for what.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::super::{object::ObjectKey, secrets::SecretEntry, spec::Role};

/// The Secrets that a connection names, exist or not, and those that one has made.
pub(super) type Slots = HashMap<ObjectKey, Box<Slot>>;

/// What is known of a Secret.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// The Secret, if there is one.
    pub(super) entry: Option<SecretEntry>,
    /// The connections that name it, and what for.
    pub(super) named_by: SmallVec<[(ObjectKey, Role); 1]>,
}

/// The connections that name the Secret for this.
pub(super) fn namers<'a>(
    slots: &'a Slots,
    secret: &ObjectKey,
    role: Role,
) -> impl Iterator<Item = &'a ObjectKey> {
    let named_by = slots.get(secret).into_iter().flat_map(|known| &known.named_by);
    #[cfg(test)]
    let named_by = named_by.inspect(|_| LOOKS.set(LOOKS.get().saturating_add(1)));
    named_by.filter(move |(_, named_for)| *named_for == role).map(|(key, _)| key)
}

#[cfg(test)]
thread_local! {
    /// How often a connection that names a Secret was looked at.
    pub(super) static LOOKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
