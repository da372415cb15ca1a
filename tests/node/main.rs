//! The chart on a real cluster: kubelets and containerd run its image and the Pods of those who use outputs.
//!
//! It is one story on one cluster, told in steps. The cluster stands in namespaces of its own, which only root can make.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "what goes wrong in a test shall stop it where it stands, and a long story says how far it is"
)]

mod cluster;
mod image;
mod lease;
mod machine;
mod node;
mod pods;
#[path = "../consumers/programs.rs"]
#[expect(dead_code, reason = "the consumers use the rest")]
mod programs;
mod registry;
mod replicas;
mod story;
