//! The forms, which do what the commands do.

pub(super) mod connect;
pub(super) mod rotate;
