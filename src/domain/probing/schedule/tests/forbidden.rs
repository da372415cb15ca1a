//! When a permission that is forbidden is asked about again.

use super::*;
use crate::domain::proof::{Facts, Visibility};

#[test]
fn what_convicts_nobody_is_not_confirmed() {
    let by_sight = Facts { visibility: Some(Visibility::Private), ..Facts::default() };
    let rows = [
        ("the token has it", Proof::Held(Facts::default()), Some(60)),
        ("a 404, which has other causes too", Proof::Held(by_sight), None),
        ("no answer that names a cause", Proof::Denied(Denial::Undecided(None)), Some(60)),
        ("the token lacks it", Proof::Denied(Denial::PermissionMissing), Some(60)),
    ];
    for (name, proof, pause) in rows {
        let mut proven = Proven::default();
        proven.learn(proof.clone(), at(T));
        let subject = subject(1, "github.com");
        let past = asked(T);
        let due =
            proof_due(&subject, &Probe::Identity, Some(&proven), true, past, None, &PACE).as_second() - T;
        match pause {
            Some(pause) => assert_eq!(due, pause, "{name}"),
            None => assert!(due > 60, "{name}: {due} s"),
        }
        proven.learn(proof, at(T + 60));
        let due = proof_due(&subject, &Probe::Identity, Some(&proven), true, asked(T + 60), None, &PACE);
        assert!(due.as_second() - T > 120, "{name}: twice is enough");
    }
}
