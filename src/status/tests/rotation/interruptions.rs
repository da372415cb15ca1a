//! Tokens that come in between, and those that come back.

use super::*;

#[test]
fn a_token_that_comes_back_after_another_one_was_published_takes_its_place() {
    let first = status(None, &holding("a", T));
    let proving = status(Some(&first), &storing("b", T + 60));
    assert_eq!(proving.rotation.as_ref().unwrap().phase, Phase::Proving);
    let back = status(Some(&proving), &holding("a", T + 120));
    assert_eq!(back.rotation, None, "nobody had the other one");
    // The outputs hold it, and workloads are about to take it.
    let restart =
        [serde_json::from_value(serde_json::json!({ "kind": "Deployment", "name": "web" })).unwrap()];
    let open = told(&first, &holding("b", T + 60), &[], After { restart: &restart, ..After::default() });
    assert_eq!(open.phase, Phase::Restarting);
    let published = Status { rotation: Some(open), ..status(Some(&first), &holding("b", T + 60)) };
    let back = status(Some(&published), &holding("a", T + 120)).rotation.unwrap();
    assert_eq!(back.old_token.hashed_token, token("b").describe().hashed);
    assert_eq!(back.new_token.hashed_token, token("a").describe().hashed);
}

#[test]
fn a_token_that_never_met_what_is_demanded_changes_nothing_when_the_one_before_it_is_back() {
    let first = status(None, &holding("a", T));
    let unfit = holding("b", T + 60).finds(&[ours("out", OTHER)]).lacks_a_scope();
    let proving = status(Some(&first), &unfit);
    assert_eq!(proving.rotation.as_ref().unwrap().phase, Phase::Proving);
    assert!(proving.token.as_ref().unwrap().first_proven_at.is_some(), "GitHub accepts it");
    let back = status(Some(&proving), &holding("a", T + 120));
    assert_eq!(back.rotation, None, "no output had it, so nobody is restarted, and it is nobody's old token");
    // An operator that was killed may have written it before its status said so.
    let moved = status(Some(&proving), &holding("a", T + 120).finds(&[ours("out", OTHER)]));
    let rotation = moved.rotation.unwrap();
    assert_eq!(rotation.old_token.hashed_token, token("b").describe().hashed);
}

#[test]
fn a_token_that_was_never_proven_between_two_others_hides_neither_of_them() {
    let hash = |letter: &str| token(letter).describe().hashed;
    let restart =
        [serde_json::from_value(serde_json::json!({ "kind": "Deployment", "name": "web" })).unwrap()];
    let waits = || After { restart: &restart, ..After::default() };
    let next = |before: &Status, seen: &Observation| {
        let rotation = told(before, seen, &[], waits());
        Status { rotation: Some(rotation), ..status(Some(before), seen) }
    };
    let first = status(None, &holding("a", T));
    let second = next(&first, &holding("b", T + 60));
    let third = next(&second, &storing("c", T + 120));
    assert_eq!(third.rotation.as_ref().unwrap().phase, Phase::Proving);
    let back = holding("a", T + 180).finds(&[ours("out", OTHER)]);
    let fourth = next(&third, &back).rotation.unwrap();
    assert_eq!((fourth.old_token.hashed_token, fourth.new_token.hashed_token), (hash("b"), hash("a")));
    assert_eq!((fourth.phase, fourth.further_old_tokens), (Phase::Restarting, Vec::new()));
    // The same with one more that an output held before.
    let third = next(&second, &holding("c", T + 120));
    let fourth = next(&third, &storing("d", T + 180));
    let fifth = next(&fourth, &back).rotation.unwrap();
    let further: Vec<_> = fifth.further_old_tokens.iter().map(|token| token.hashed_token).collect();
    assert_eq!((fifth.old_token.hashed_token, further), (hash("c"), vec![hash("b")]));
}

#[test]
fn a_rotation_goes_on_where_its_token_is_back_after_one_that_no_output_held() {
    let restart =
        [serde_json::from_value(serde_json::json!({ "kind": "Deployment", "name": "web" })).unwrap()];
    let next = |before: &Status, seen: &Observation| {
        let rotation = told(before, seen, &[], After { restart: &restart, ..After::default() });
        Status { rotation: Some(rotation), ..status(Some(before), seen) }
    };
    let instants = |status: &Status| {
        let rotation = status.rotation.as_ref().unwrap();
        let published_at = rotation.published_at.as_ref().map(|at| at.0);
        (rotation.new_token.hashed_token, rotation.started_at.0, published_at, rotation.interrupted.is_some())
    };
    let hash = |letter: &str| token(letter).describe().hashed;
    let others = |seen: Observation| seen.finds(&[ours("out", OTHER)]);
    let first = status(None, &holding("a", T));
    let second = next(&first, &holding("b", T + 60));
    assert_eq!(instants(&second), (hash("b"), at(T + 60), Some(at(T + 60)), false));
    // What is not proven is written nowhere, however often it changes.
    let third = next(&second, &others(storing("c", T + 120)));
    assert_eq!(instants(&third), (hash("c"), at(T + 120), None, true));
    let unfit = next(&third, &others(holding("d", T + 150)).lacks_a_scope());
    let fourth = next(&unfit, &others(storing("e", T + 180)));
    assert_eq!(instants(&fourth), (hash("e"), at(T + 180), None, true));
    let fit = next(&fourth, &holding("d", T + 240).finds(&[]));
    assert_eq!(instants(&fit).1, at(T + 240), "no output held it, whether they were read or not");
    for proving in [&third, &unfit, &fourth] {
        let back = next(proving, &holding("b", T + 240));
        assert_eq!(
            instants(&back),
            (hash("b"), at(T + 60), Some(at(T + 60)), false),
            "nobody is restarted again"
        );
        let further = back.rotation.unwrap().further_old_tokens;
        assert!(further.iter().all(|token| token.hashed_token != hash("b")), "{further:?}");
        // It stands by as well, and takes over.
        let taken = announced(proving, &["pat", "next"], "next", at(T + 240), &holding("b", T + 240), false);
        let is_known = proving.token.as_ref().unwrap().first_proven_at.is_some();
        let started_at = taken.rotation.unwrap().started_at.0;
        assert_eq!(started_at == at(T + 60), is_known, "{started_at}");
        // An output has another one meanwhile; it is said before that is mended.
        let undone = undone(proving, hash("b"), at(T + 240)).unwrap();
        assert!(!instants(&undone).3 && instants(&undone).1 == instants(proving).1);
        let moved = next(proving, &others(holding("b", T + 240)));
        assert_eq!(instants(&moved).1, at(T + 240), "an output had another one in between");
    }
    // The old token is put back, at once or after another one, and is of no use.
    for before in [&second, &third] {
        let turned = next(before, &others(storing("a", T + 200)));
        assert_eq!(instants(&turned), (hash("a"), at(T + 200), None, true));
        let back = next(&turned, &holding("b", T + 240));
        assert_eq!(instants(&back), (hash("b"), at(T + 60), Some(at(T + 60)), false));
        assert_eq!(back.rotation.unwrap().old_token.hashed_token, hash("a"));
        let moved = next(&turned, &others(holding("b", T + 240))).rotation;
        assert_eq!(moved.map(|moved| moved.started_at.0), Some(at(T + 240)), "an output had another one");
    }
    let proven = next(&third, &holding("c", T + 240));
    assert_eq!(instants(&proven), (hash("c"), at(T + 120), Some(at(T + 240)), false));
    let back = next(&proven, &others(holding("b", T + 300)));
    assert_eq!(instants(&back).1, at(T + 300));
}

#[test]
fn a_token_that_was_written_to_no_output_is_not_the_old_one_of_the_standby_that_takes_over() {
    let hash = |letter: &str| token(letter).describe().hashed;
    let first = status(None, &holding("a", T));
    let unfit = status(Some(&first), &holding("b", T + 60).finds(&[ours("out", OTHER)]).lacks_a_scope());
    assert!(unfit.token.as_ref().unwrap().first_proven_at.is_some(), "GitHub accepts it");
    let taken = |before: &Status, is_held: bool| {
        let status =
            announced(before, &["pat", "next"], "next", at(T + 120), &holding("c", T + 120), is_held);
        let rotation = status.rotation.unwrap();
        let further: Vec<_> = rotation.further_old_tokens.iter().map(|token| token.hashed_token).collect();
        (rotation.old_token.hashed_token, rotation.new_token.hashed_token, further)
    };
    assert_eq!(taken(&unfit, false), (hash("a"), hash("c"), Vec::new()), "no output had it");
    assert_eq!(taken(&unfit, true).0, hash("b"), "an output has it all the same");
    // A copy of the token that the outputs hold stands by.
    let same = announced(&unfit, &["pat", "next"], "next", at(T + 120), &holding("a", T + 120), false);
    assert_eq!(same.rotation, unfit.rotation);
    assert_eq!(status(Some(&same), &holding("a", T + 120)).rotation, None, "no output changes");
    let fit = status(Some(&first), &holding("b", T + 60));
    assert_eq!(taken(&fit, false).0, hash("b"), "it was in use");
}
