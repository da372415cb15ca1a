//! What is known of a Secret, and which connections name it for what.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::super::{object::ObjectKey, secrets::SecretEntry, spec::Role};
use crate::domain::output::base_of;

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
) -> impl Iterator<Item = &'a ObjectKey> + use<'a> {
    let named_by = slots.get(secret).into_iter().flat_map(|known| &known.named_by);
    #[cfg(test)]
    let named_by = named_by.inspect(|_| LOOKS.set(LOOKS.get().saturating_add(1)));
    named_by.filter(move |(_, named_for)| *named_for == role).map(|(key, _)| key)
}

/// The connections to which it matters what stands under this name: those that name the Secret, and those of which it may be a
/// version.
pub(super) fn concerned<'a>(
    slots: &'a Slots,
    secret: &ObjectKey,
) -> impl Iterator<Item = &'a ObjectKey> + use<'a> {
    let naming = slots.get(secret).into_iter().flat_map(|known| &known.named_by).map(|(key, _)| key);
    naming.chain(versioning(slots, secret))
}

/// The connections of which the Secret may be a version of an output, by its name.
pub(super) fn versioning<'a>(
    slots: &'a Slots,
    secret: &ObjectKey,
) -> impl Iterator<Item = &'a ObjectKey> + use<'a> {
    let base = base_of(secret.name()).map(|base| secret.beside(base));
    base.into_iter().flat_map(|base| namers(slots, &base, Role::NamesVersions))
}

#[cfg(test)]
thread_local! {
    /// How often a connection that names a Secret was looked at.
    pub(super) static LOOKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
