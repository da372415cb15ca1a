//! Hosts, tenants, tokens and operators that get in each other's way: on a real etcd and kube-apiserver, with minutes of waiting.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "what goes wrong in a test shall stop it where it stands, and what was measured is shown"
)]

mod chains;
mod clocks;
mod cold;
mod conflicts;
mod cuts;
mod edits;
mod events;
mod everything;
mod fairness;
mod followers;
mod forbidden;
mod grants;
mod hosts;
mod jumps;
mod kills;
mod kubectl;
mod leaders;
mod lists;
mod logins;
mod memory;
#[path = "../it/mode.rs"]
mod mode;
mod outputs;
#[path = "../consumers/programs.rs"]
#[expect(dead_code, reason = "the consumers use the rest")]
mod programs;
mod progress;
mod quiet;
mod refusals;
#[path = "../it/release.rs"]
#[expect(dead_code, reason = "the tests of the chart use the rest")]
mod release;
#[path = "../it/replica.rs"]
mod replica;
mod restored;
mod rivals;
mod sharing;
mod sizing;
mod standby;
#[path = "../it/upgrade/stored.rs"]
mod stored;
mod tenant;
mod traces;
#[path = "../it/ungranted.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod ungranted;
mod unreadable;
mod upgrades;
mod versions;
mod watches;
mod withdrawal;
#[path = "../it/world.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod world;
