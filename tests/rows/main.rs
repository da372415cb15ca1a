//! What the first shape of the operator got wrong, each as a promise: on a real etcd and kube-apiserver.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "what goes wrong in a test shall stop it where it stands, and what was measured is shown"
)]

mod clocks;
mod cold;
mod conflicts;
mod hosts;
mod memory;
mod outputs;
mod progress;
mod refusals;
mod sharing;
mod tenant;
mod unreadable;
#[path = "../it/world.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod world;
