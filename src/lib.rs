//! github-pat-operator keeps GitHub personal access tokens under watch: it asks GitHub whether they work, says so in the status
//! of `GithubPatConnection` resources, and hands proven tokens to workloads.
//!
//! One reconcile is four steps: observe, decide, act, report. The modules in reading order:

pub mod domain;

pub mod api;
pub mod status;

pub mod links;
pub mod settings;

pub mod traces;

mod http;

pub mod github;
pub mod prober;

pub mod judge;

pub mod sinks;

pub mod cluster;
pub mod reconcile;

pub mod serve;
pub mod telemetry;

pub mod dumps;

pub mod run;

pub mod cli;
