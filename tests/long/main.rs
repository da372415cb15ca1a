//! Hosts, tenants, tokens and operators that get in each other's way: on a real etcd and kube-apiserver, with minutes of waiting.
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
mod edits;
mod fairness;
mod forbidden;
mod grants;
mod hosts;
mod kills;
mod leaders;
mod lists;
mod logins;
mod memory;
mod outputs;
mod progress;
mod quiet;
mod refusals;
#[path = "../it/replica.rs"]
mod replica;
mod restored;
mod rivals;
mod sharing;
mod standby;
mod tenant;
#[path = "../it/ungranted.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod ungranted;
mod unreadable;
mod versions;
mod watches;
#[path = "../it/world.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod world;
