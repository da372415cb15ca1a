//! Our resource as the API server may store it: what is read is written and read again as the same.
#![no_main]

use github_pat_operator::{
    api::{GithubPatConnectionSpec, GithubPatConnectionStatus},
    domain::requirement::PackedPermissions,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(spec) = serde_json::from_slice::<GithubPatConnectionSpec>(bytes) {
        let _ = spec.demand();
        let again = serde_json::to_vec(&spec).ok().and_then(|text| serde_json::from_slice(&text).ok());
        assert_eq!(again, Some(spec));
    }
    if let Ok(status) = serde_json::from_slice::<GithubPatConnectionStatus>(bytes) {
        if let Some(packed) = status.permission_proofs.as_ref().map(|proofs| proofs.packed()) {
            let (shown, at) = packed.texts();
            assert_eq!(PackedPermissions::read(&shown, &at), packed);
        }
        let again = serde_json::to_vec(&status).ok().and_then(|text| serde_json::from_slice(&text).ok());
        assert_eq!(again, Some(status));
    }
});
