//! The plugin from outside: its own program on a real etcd and kube-apiserver, with the operator at work and a simulated GitHub.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what goes wrong in a test shall stop it where it stands"
)]

mod audit;
mod completion;
mod connect;
mod connect_beside;
mod dry;
mod hostile;
mod krew;
mod looks;
mod page;
mod paste;
mod rights;
mod rotate;
mod rotate_anew;
mod rotate_beside;
mod rotate_cut;
mod secrecy;
mod terminal;
mod ui;
mod wire;
mod world;
mod wrong;
