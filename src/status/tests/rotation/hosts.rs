//! Tokens whose host is another one, or that it does not know any more.

use super::*;
use crate::domain::token::HashedToken;

fn elsewhere(seen: &mut Observation) {
    seen.host =
        Verdict::Yes(Host { name: "ghe.acme.example".into(), addresses: Addresses::of_github().into() });
}

/// The old and the new token, and the host of the old one.
fn of(rotation: &RotationStatus) -> (HashedToken, HashedToken, Option<String>) {
    let [old, new] = [&rotation.old_token, &rotation.new_token].map(|token| token.hashed_token);
    (old, new, rotation.old_host.clone())
}

fn hash(letter: &str) -> HashedToken {
    token(letter).describe().hashed
}

/// Where the token was accepted that is not accepted now, by the status.
fn proven_on(status: &Status) -> Option<&str> {
    Some(&status.token.as_ref().unwrap().accepted_before.as_ref()?.host)
}

#[test]
fn a_token_of_another_host_takes_the_place_of_the_one_in_use_which_is_to_be_revoked_where_it_is_of() {
    let first = status(None, &holding("a", T));
    let here = first.token.as_ref().unwrap().host.clone();
    // Whether a rotation was under way or not.
    let second = status(Some(&first), &storing("b", T + 60));
    assert!(second.rotation.is_some());
    for before in [&first, &second] {
        let proving = status(Some(before), &storing("c", T + 120).with(elsewhere));
        let rotation = proving.rotation.as_ref().unwrap();
        assert_eq!(of(rotation), (hash("a"), hash("c"), Some(here.clone())));
        let over = status(Some(&proving), &holding("c", T + 180).with(elsewhere));
        let rotation = over.rotation.as_ref().unwrap();
        assert_eq!((rotation.phase, &rotation.revoke_at), (Phase::SafeToRevoke, &None));
        assert!(rotation.message.contains(&format!(" on {here}, revoke it; ")), "{}", rotation.message);
        // The next one is of the same host.
        let next = status(Some(&over), &holding("d", T + 240).with(elsewhere)).rotation.unwrap();
        assert_eq!(of(&next), (hash("c"), hash("d"), None));
        // No output had the other one.
        assert_eq!(status(Some(&proving), &holding("a", T + 240)).rotation, None);
    }
    // A standby takes over.
    let taken = announced(
        &first,
        &["pat", "next"],
        "next",
        at(T + 120),
        &holding("c", T + 120).with(elsewhere),
        true,
    );
    assert_eq!(of(&taken.rotation.unwrap()), (hash("a"), hash("c"), Some(here)));
    // The same token is that of another host from now on.
    let rotated = status(Some(&first), &holding("b", T + 60));
    assert_eq!(status(Some(&rotated), &holding("b", T + 120).with(elsewhere)).rotation, None);
}

#[test]
fn what_another_host_accepted_is_replaced_though_the_present_one_has_refused_it() {
    let first = status(None, &holding("a", T));
    let here = first.token.as_ref().unwrap().host.clone();
    let safe = status(Some(&first), &holding("b", T + 30));
    assert_eq!(safe.rotation.as_ref().unwrap().phase, Phase::SafeToRevoke);
    let dead = |seen: Observation| seen.refused(T + 60).refused(T + 130).at(T + 130);
    for (letter, before) in [("a", &first), ("b", &safe)] {
        let moved = |refused: bool| {
            let seen = storing(letter, T + 60).with(elsewhere).finds(&[ours("out", Holds::Wanted)]);
            status(Some(before), &if refused { dead(seen) } else { seen })
        };
        for moved in [moved(false), moved(true)] {
            assert_eq!((&moved.rotation, proven_on(&moved)), (&None, Some(&*here)));
            let again = status(Some(&moved), &storing(letter, T + 140).with(elsewhere));
            assert_eq!(proven_on(&again), Some(&*here), "as long as nobody accepts it there");
            let next =
                status(Some(&moved), &holding("c", T + 180).with(elsewhere).finds(&[ours("out", OTHER)]));
            let rotation = next.rotation.as_ref().unwrap();
            assert_eq!(of(rotation), (hash(letter), hash("c"), Some(here.clone())));
            assert_eq!(rotation.old_token_ended, None, "who never accepted it says nothing of it");
            let login = before.token.as_ref().unwrap().login.as_ref();
            assert_eq!((login.is_some(), rotation.old_token.login.as_ref()), (true, login));
            assert_eq!(proven_on(&next), None);
            // A standby takes over.
            let used = holding("c", T + 180).with(elsewhere);
            let taken = announced(&moved, &["pat", "next"], "next", at(T + 180), &used, true);
            assert_eq!(of(&taken.rotation.unwrap()), (hash(letter), hash("c"), Some(here.clone())));
            // Both are names of one host, or it has come there.
            let accepted = status(Some(&moved), &holding(letter, T + 180).with(elsewhere));
            assert_eq!((&accepted.rotation, proven_on(&accepted)), (&None, None));
        }
    }
}

#[test]
fn a_rotation_that_is_open_when_the_host_changes_forgets_no_token() {
    let here = |status: &Status| status.token.as_ref().unwrap().host.clone();
    let first = status(None, &holding("a", T));
    let restart =
        [serde_json::from_value(serde_json::json!({ "kind": "Deployment", "name": "web" })).unwrap()];
    let waits = After { restart: &restart, ..After::default() };
    let open = written(&first, &holding("b", T + 60), &[], waits, None).unwrap();
    assert_eq!(open.rotation.as_ref().unwrap().phase, Phase::Restarting);
    let moved =
        status(Some(&open), &storing("b", T + 120).with(elsewhere).finds(&[ours("out", Holds::Wanted)]));
    assert_eq!(of(moved.rotation.as_ref().unwrap()), (hash("a"), hash("b"), Some(here(&first))));
    assert_eq!(proven_on(&moved), Some(&*here(&first)));
    let next = status(Some(&moved), &holding("c", T + 180).with(elsewhere).finds(&[ours("out", OTHER)]));
    let rotation = next.rotation.as_ref().unwrap();
    assert_eq!(of(rotation), (hash("a"), hash("c"), Some(here(&first))));
    let further: Vec<_> = rotation.further_old_tokens.iter().map(|token| token.hashed_token).collect();
    assert_eq!(further, [hash("b")]);
}

#[test]
fn a_token_that_is_back_and_not_known_any_more_is_the_old_one_of_the_next() {
    let first = status(None, &holding("a", T));
    let here = first.token.as_ref().unwrap().host.clone();
    let bad = status(Some(&first), &storing("b", T + 60));
    assert_eq!(bad.rotation.as_ref().unwrap().phase, Phase::Proving);
    // It was revoked meanwhile, or GitHub does not answer.
    let back = storing("a", T + 120).finds(&[ours("out", Holds::Wanted)]);
    for back in [back.clone(), back.refused(T + 130).refused(T + 200).at(T + 200)] {
        let back = status(Some(&bad), &back);
        assert_eq!((&back.rotation, proven_on(&back)), (&None, Some(&*here)));
        let next = status(Some(&back), &holding("c", T + 240).finds(&[ours("out", OTHER)]));
        let rotation = next.rotation.as_ref().unwrap();
        assert_eq!(of(rotation), (hash("a"), hash("c"), None));
        assert_eq!(rotation.old_token.login, first.token.as_ref().unwrap().login);
    }
    // What was safe to revoke, and comes back, is held by no output.
    let safe = status(Some(&first), &holding("b", T + 60));
    let revoked = status(Some(&safe), &storing("a", T + 120));
    assert_eq!(proven_on(&revoked), None);
    let next = status(Some(&revoked), &holding("c", T + 240).finds(&[ours("out", OTHER)]));
    assert_eq!(of(next.rotation.as_ref().unwrap()), (hash("b"), hash("c"), None));
    assert_eq!(next.rotation.unwrap().further_old_tokens, []);
}
