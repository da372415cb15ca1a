//! What no answers lead to.

use proptest::prelude::*;

use super::super::{
    super::{
        knowledge::{Proofs, Proven},
        permission::{Permission, Resource, TABLE},
        proof::{Denial, Facts, Proof, Visibility},
    },
    *,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Any answer to a question about a permission.
fn answer() -> impl Strategy<Value = Proof> {
    let held = Proof::Held(Facts::default());
    let denials = [Denial::PermissionMissing, Denial::Undecided(None), Denial::SsoRequired, Denial::NotFound];
    prop_oneof![3 => Just(held), 1 => prop::sample::select(denials.map(Proof::Denied).to_vec())]
}

proptest! {
    /// GitHub answers an open question to everybody on public repositories, so that no answer to it proves anything there.
    #[test]
    fn no_open_question_proves_a_permission_where_everything_is_public(
        row in 0..TABLE.len(),
        level in prop::sample::select(vec![Level::Read, Level::Write, Level::Admin]),
        answers in prop::collection::vec(answer(), 6),
        is_forbidden in any::<bool>(),
    ) {
        let row = &TABLE[row];
        let repositories = ["acme/app", "acme/lib"];
        let permissions = serde_json::json!({ row.key: level });
        let demanded = serde_json::json!({
            "organizations": [{ "name": "acme" }],
            "repositories": repositories.map(|name| serde_json::json!({ "name": name })),
            "permissions": if is_forbidden { serde_json::json!({}) } else { permissions.clone() },
            "forbid": { "permissions": if is_forbidden { permissions } else { serde_json::json!({}) } },
        });
        let demanded: Requirement = serde_json::from_value(demanded).unwrap();
        let public = Proof::Held(Facts { visibility: Some(Visibility::Public), ..Facts::default() });
        let seen = repositories.map(|name| (Probe::repository(name).unwrap(), public.clone()));
        let places = repositories.into_iter().chain(["acme", ""]);
        // Whatever was answered to questions that the operator would never ask.
        let asked = places.zip(answers.iter().cycle()).flat_map(|(place, answer)| {
            let permissions = [Level::Read, Level::Write].map(|level| Permission::provable(row, level));
            permissions.into_iter().flatten().map(move |permission| (Probe::Permission(permission, place.into()), answer.clone()))
        });
        let remembered = |(probe, proof)| (probe, Proven::remembered(proof, at(1)));
        let proofs: Proofs = seen.into_iter().chain(asked).map(remembered).collect();
        let evidence = Evidence {
            kind: TokenKind::FineGrained,
            grant: None,
            first_proven: None,
            proofs: &proofs,
            has_registry: true,
            needed: None,
            now: at(100),
        };
        let is_open = Permission::provable(row, level).and_then(Permission::get).is_some_and(|get| get.open);
        let wanted = if is_forbidden { Kind::ForbiddenPermission } else { Kind::Permission };
        let lines = demanded.lines(&evidence);
        let line = lines.iter().find(|line| line.kind == wanted).unwrap();
        if is_open && row.resource != Resource::Account {
            prop_assert_ne!(line.state, State::Met, "{:?}", line);
            let is_asked = |probe: &Probe| matches!(probe, Probe::Permission(..));
            prop_assert!(!demanded.probes(&evidence).iter().any(is_asked), "nor is it asked");
        }
    }
}
