//! Values that are only compared, in few bytes each: one number stands for whatever it was made of.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    num::NonZeroU64,
};

/// Stands for a value in this process. Takes 8 bytes, and so does an option of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sum(NonZeroU64);

/// Equal for equal values.
pub(super) fn sum(of: &(impl Hash + ?Sized)) -> Sum {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    Sum(NonZeroU64::new(hasher.finish()).unwrap_or(NonZeroU64::MIN))
}
