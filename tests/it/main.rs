//! The product from outside: on a real etcd and kube-apiserver, with a simulated GitHub over real sockets.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "what goes wrong in a test shall stop it where it stands, and tell why"
)]

mod adoption;
mod alerts;
mod behaviours;
mod chart;
mod cli;
mod crds;
mod dashboards;
mod docs;
mod entries;
mod faults;
mod formats;
mod github;
mod gitops;
mod grants;
mod health;
mod holders;
mod image;
mod layering;
mod leaders;
mod leaks;
mod logs;
mod metrics;
mod mode;
mod modes;
mod namespaces;
#[path = "../consumers/programs.rs"]
#[expect(dead_code, reason = "the consumers use the rest")]
mod programs;
mod publish;
mod purposes;
mod reconcile;
#[expect(dead_code, reason = "the long tests use the rest")]
mod release;
mod reload;
#[expect(dead_code, reason = "the long tests use the rest")]
mod replica;
mod rivals;
mod sdk;
mod selectors;
mod shards;
mod sinks;
mod standby;
mod threats;
mod traces;
mod ungranted;
mod upgrade;
mod versions;
mod withdrawal;
#[expect(dead_code, reason = "the rows use more of it")]
mod world;
