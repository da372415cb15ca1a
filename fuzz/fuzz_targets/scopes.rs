//! Lists of scopes: what a scope includes is found, and it ends.
#![no_main]

use github_pat_operator::domain::scopes::{Scopes, closure, missing};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let scopes: Scopes = text.split(',').map(str::trim).filter(|scope| !scope.is_empty()).collect();
    let reached = closure(scopes.iter());
    assert!(scopes.iter().all(|scope| reached.contains(scope)));
    let demanded: Vec<String> = scopes.iter().map(str::to_owned).collect();
    assert!(missing(&demanded, &scopes).is_empty(), "a token satisfies what it has");
});
