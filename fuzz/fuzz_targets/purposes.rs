//! Replies to the questions whether a token serves a purpose: organizations, repositories, permissions, git and the registry.
#![no_main]

mod response;

use github_pat_operator::{
    domain::{
        answer::{Answer, Reply},
        permission::{Level, Permission},
        probe::Probe,
        proof::Proof,
    },
    github::interpret_proof,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(response) = response::response(bytes) else { return };
    let permission = |key| Some(Probe::Permission(Permission::named(key, Level::Read)?, "acme/app".into()));
    let probes = [
        Probe::organization("acme"),
        Probe::membership("acme"),
        Probe::repository("acme/app"),
        Probe::push("acme/app"),
        Probe::package("acme/app"),
        permission("contents"),
        permission("secrets"),
    ];
    for probe in probes.into_iter().flatten() {
        match interpret_proof(&probe, &response, response::now()) {
            Reply::Answer(Answer::Granted(_)) => panic!("only identity accepts a token"),
            Reply::Answer(Answer::Proof(Proof::Held(facts))) => {
                let moved = facts.moved_to.as_deref().is_none_or(|name| Probe::repository(name).is_some());
                assert!(moved && !response.status.is_server_error());
            }
            Reply::Answer(_) | Reply::Deferral(_) => {}
        }
    }
});
