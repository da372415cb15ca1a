//! The product from outside: on a real etcd and kube-apiserver, with a simulated GitHub over real sockets.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what goes wrong in a test shall stop it where it stands"
)]

mod adoption;
mod alerts;
mod behaviours;
mod chains;
mod chart;
mod cli;
mod crds;
mod docs;
mod entries;
mod events;
mod faults;
mod followers;
mod formats;
mod github;
mod grants;
mod health;
mod holders;
mod image;
mod layering;
mod leaders;
mod leaks;
mod metrics;
mod namespaces;
#[path = "../consumers/programs.rs"]
#[expect(dead_code, reason = "the consumers use the rest")]
mod programs;
mod publish;
mod purposes;
mod reconcile;
#[expect(dead_code, reason = "the long tests use the rest")]
mod replica;
mod rivals;
mod standby;
mod ungranted;
mod versions;
mod withdrawal;
#[expect(dead_code, reason = "the rows use more of it")]
mod world;
