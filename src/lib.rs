//! github-pat-operator keeps GitHub personal access tokens under watch.

pub mod domain;
