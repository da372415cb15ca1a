//! Outputs in the hands of the programs that they are for, against servers that look at the credentials.
//!
//! git, npm and Maven are those on the `PATH`, where `.ci/consumers` installs them if it can. The other programs are built from Go modules,
//! or taken from Debian's archive or from npm. What cannot be had is told in one line, and its test passes without it. Which program stands for which format is said at each test.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what goes wrong in a test shall stop it where it stands"
)]

mod controllers;
mod gh;
mod git;
mod images;
mod material;
mod packages;
mod programs;
mod renovate;
mod server;
mod terraform;
