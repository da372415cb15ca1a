//! Tests of the control plane with the real programs, and of what finds, builds and guards them.

#![expect(clippy::unwrap_used, reason = "what the tests share is no test to clippy")]

mod access;
mod again;
mod binaries;
mod definitions;
mod effects;
mod faults;
mod guard;
mod life;
mod pool;
mod process;
mod snapshot;
mod usage;
