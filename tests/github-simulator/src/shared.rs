//! What requests and the handle of a test share.

use crate::{journal::Journal, world::World};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One GitHub, and what it was asked.
pub(crate) struct Shared {
    world: Mutex<World>,
    pub(crate) journal: Journal,
}

impl Shared {
    /// `scheme` is how it is reached: `http` or `https`.
    pub(crate) fn new(scheme: &'static str) -> Shared {
        Shared { world: Mutex::new(World::new(scheme)), journal: Journal::new() }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
