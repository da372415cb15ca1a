//! The change from one token in use to the next, and when the old one is said to be of no use.

use super::*;
use crate::{
    api::{CandidateStatus, Phase, RotationStatus, StatusDigest},
    domain::{
        answer::{Answer, Refusal},
        candidate::Candidate,
        consumer::{Consumer, Consumers, Use},
        decide::{Heard, contended, judge},
    },
};

mod hosts;
mod interruptions;
mod messages;

/// A connection whose Secret holds the token of this letter, accepted at this second and in its output.
fn holding(letter: &str, second: i64) -> Observation {
    let held = token(letter);
    let seen = seen().with(|seen| {
        seen.token = Verdict::Yes(held.describe());
        seen.bytes = Some(held);
    });
    seen.accepted(second, Expiry::Never).finds(&[ours("out", Holds::Wanted)])
}

/// The same before GitHub was asked about it, while the output holds another one.
fn storing(letter: &str, second: i64) -> Observation {
    let seen = holding(letter, second).finds(&[ours("out", OTHER)]);
    seen.with(|seen| seen.knowledge = Knowledge::default())
}

/// What is written after this status, with these other Secrets, and with this after the outputs.
fn told(
    previous: &Status,
    seen: &Observation,
    others: &[(String, Stand)],
    after: After<'_>,
) -> RotationStatus {
    told_beside(previous, seen, others, after, None)
}

/// The same beside these Secrets with tokens.
fn told_beside(
    previous: &Status,
    seen: &Observation,
    others: &[(String, Stand)],
    after: After<'_>,
    standbys: Option<Standbys<'_>>,
) -> RotationStatus {
    written(previous, seen, others, after, standbys).unwrap().rotation.unwrap()
}

/// The whole status; `None` if nothing is to be written.
fn written(
    previous: &Status,
    seen: &Observation,
    others: &[(String, Stand)],
    after: After<'_>,
    standbys: Option<Standbys<'_>>,
) -> Option<Status> {
    let (decision, summary) = (decide(seen), StatusSummary::from(previous.clone()));
    let stands = stands(&decision, &[]);
    let pass = Pass { after, stands: &stands, others, standbys, ..pass(seen, &decision) };
    next(Before { summary: Some(&summary), conditions: &[] }, Some(3), &pass)
}

#[test]
fn nothing_is_safe_to_revoke_while_another_writer_undoes_what_was_published() {
    let first = status(None, &holding("a", T));
    let rival = [("out".to_owned(), Stand::Refused(contended("out", Some("kubectl"))))];
    let phase = |others| told(&first, &holding("b", T + 60), others, After::default()).phase;
    assert_eq!((phase(&[]), phase(&rival)), (Phase::SafeToRevoke, Phase::Publishing));
}

#[test]
fn outputs_that_had_to_be_written_anew_are_published_anew() {
    let first = status(None, &holding("a", T));
    let restart =
        [serde_json::from_value(serde_json::json!({ "kind": "Deployment", "name": "web" })).unwrap()];
    let after = After { restart: &restart, ..After::default() };
    let rival = [("out".to_owned(), Stand::Refused(contended("out", Some("kubectl"))))];
    let told_at = |before: &Status, second: i64, finds: Holds, others: &[(String, Stand)]| {
        let seen = holding("b", T + 60).at(second).finds(&[ours("out", finds)]);
        let rotation = told(before, &seen, others, after);
        Status { rotation: Some(rotation), ..status(Some(before), &seen) }
    };
    let instant = |status: &Status| {
        let rotation = status.rotation.as_ref().unwrap();
        (rotation.phase, rotation.published_at.as_ref().map(|at| at.0))
    };
    let open = told_at(&first, T + 60, OTHER, &[]);
    assert_eq!(instant(&open), (Phase::Restarting, Some(at(T + 60))));
    let layout = Holds::Other { same_token: true, fixed: false };
    for finds in [Holds::Wanted, layout] {
        let same = told_at(&open, T + 100, finds, &[]);
        assert_eq!(instant(&same), (Phase::Restarting, Some(at(T + 60))), "nobody had another token");
    }
    // The old token was put into the output, or into one that is adopted, and is replaced in the same pass.
    let written = told_at(&open, T + 200, OTHER, &[]);
    assert_eq!(instant(&written), (Phase::Restarting, Some(at(T + 200))));
    // Nobody knows what stands between two looks.
    let contended = told_at(&open, T + 300, Holds::Wanted, &rival);
    assert_eq!(instant(&contended), (Phase::Publishing, None));
    let back = told_at(&contended, T + 600, Holds::Wanted, &[]);
    assert_eq!(instant(&back), (Phase::Restarting, Some(at(T + 600))));
    // In the very second in which they had been published.
    let rewritten = After { rewritten: Some(at(T + 60)), ..after };
    let seen = holding("b", T + 60).at(T + 61).finds(&[ours("out", Holds::Wanted)]);
    let again = told(&open, &seen, &[], rewritten);
    assert_eq!(again.published_at.unwrap().0, at(T + 61));
    let hash = |letter: &str| token(letter).describe().hashed;
    // It is said before, so that an operator knows that was killed in between.
    let said = undone(&open, hash("b"), at(T + 200)).unwrap();
    assert_eq!((instant(&said), undone(&said, hash("b"), at(T + 201))), ((Phase::Publishing, None), None));
    let begun = |status: &Status| status.rotation.as_ref().unwrap().written_anew_at.as_ref().map(|at| at.0);
    assert_eq!(begun(&said), Some(at(T + 200)));
    let killed = told_at(&said, T + 300, Holds::Wanted, &[]);
    assert_eq!(
        (instant(&killed), begun(&killed)),
        ((Phase::Restarting, Some(at(T + 300))), Some(at(T + 300)))
    );
    assert_eq!(undone(&first, hash("a"), at(T + 200)), None, "nothing is rotated");
}

#[test]
fn an_end_that_a_person_declared_ends_no_token_at_github() {
    let declared =
        |seen: Observation| seen.with(|seen| seen.demand.requirement.expiry.expires_at = Some(at(T + 90)));
    let named = |letter, second, end| {
        let seen = holding(letter, second).accepted(second, Expiry::At(at(T + end))).at(T + 120);
        declared(seen.finds(&[ours("out", Holds::Wanted)]))
    };
    for (name, end, ended) in [("later", DAY, None), ("by then", 100, Some("Expired"))] {
        let first = status(None, &named("a", T, end));
        // It is replaced in its Secret, and by one that stands by.
        let second = told(&first, &holding("b", T + 120).at(T + 120), &[], After::default());
        assert_eq!(second.old_token_ended.as_deref(), ended, "{name}");
        assert_eq!(second.revoke_at.is_some(), ended.is_none(), "{name}: {}", second.message);
        let (old, used) = (named("a", T, end), holding("b", T + 120).at(T + 120));
        let of = |secret: &str, seen: &Observation| Candidate::new(secret, seen, None);
        let all = [(of("pat", &old), Some(Box::new(old.clone()))), (of("next", &used), None)];
        assert_eq!(all[0].0.standing.finding().unwrap().reason, Reason::Expired, "{name}");
        let standbys = Standbys { all: &all, place: 1, since: Some(at(T + 120)), back_at: None };
        let second = told_beside(&first, &used, &[], After::default(), Some(standbys));
        assert_eq!(second.old_token_ended.as_deref(), ended, "{name}");
    }
}

#[test]
fn a_token_of_a_suspended_account_is_to_be_revoked_whatever_end_a_person_declared() {
    let suspended = |seen: Observation, second| {
        seen.hears(second, Reply::Answer(Answer::Refused(Refusal::AccountSuspended))).at(second)
    };
    let declared =
        |seen: Observation| seen.with(|seen| seen.demand.requirement.expiry.expires_at = Some(at(T + 50)));
    for (refused, is_over) in [
        (suspended(suspended(declared(holding("a", T)), T + 60), T + 120), false),
        (declared(holding("a", T)).refused(T + 60).refused(T + 120).at(T + 120), true),
        (declared(holding("a", T)).at(T + 120), false),
    ] {
        assert!(judge(&refused).identity.is_no());
        assert_eq!(refused.is_over_at_github(), is_over);
    }
}

#[test]
fn an_old_token_that_is_accepted_again_has_not_ended() {
    let first = status(None, &holding("a", T));
    let refused = status(Some(&first), &holding("a", T + 60).refused(T + 60).refused(T + 120).at(T + 120));
    let used = |second: i64| holding("b", T + 180).at(second);
    let open = announced(&refused, &["pat", "next"], "next", at(T + 180), &used(T + 180), true);
    assert_eq!(open.rotation.as_ref().unwrap().old_token_ended.as_deref(), Some("BadCredentials"));
    let holders = Holders { beside: vec!["x".to_owned()], ..Holders::default() };
    let pass = |before: &Status, second: i64, old: Observation, holders: &Holders| {
        let seen = used(second);
        let of = |secret: &str, seen: &Observation| Candidate::new(secret, seen, None);
        let all = [(of("pat", &old), Some(Box::new(old.clone()))), (of("next", &seen), None)];
        let standbys = Standbys { all: &all, place: 1, since: Some(at(T + 180)), back_at: None };
        let after = After { holders: Some(holders), ..After::default() };
        let rotation = told_beside(before, &seen, &[], after, Some(standbys));
        Status { rotation: Some(rotation), ..status(Some(before), &seen) }
    };
    let said = |status: &Status| {
        let rotation = status.rotation.as_ref().unwrap();
        (rotation.phase, rotation.old_token_ended.clone(), rotation.other_connections)
    };
    let ended = || Some("BadCredentials".to_owned());
    let dead = holding("a", T + 60).refused(T + 60).refused(T + 120).at(T + 180);
    let safe = pass(&open, T + 180, dead, &holders);
    assert_eq!(said(&safe), (Phase::SafeToRevoke, ended(), None));
    let alive = |second| holding("a", second);
    // Who has it was not looked up for one that has ended.
    let back = pass(&safe, T + 300, alive(T + 300), &Holders::default());
    assert_eq!(said(&back), (Phase::WaitingForConsumers, None, None));
    let waiting = pass(&back, T + 305, alive(T + 300), &holders);
    assert_eq!(said(&waiting), (Phase::WaitingForConsumers, None, Some(1)));
    let over = pass(&waiting, T + 310, alive(T + 300), &Holders::default());
    assert_eq!(said(&over), (Phase::SafeToRevoke, None, None));
    assert!(over.rotation.unwrap().revoke_at.is_some());
    // While its own outputs are waited for, it is taken back at once.
    let open = pass(&open, T + 300, alive(T + 300), &holders);
    assert_eq!(said(&open), (Phase::WaitingForConsumers, None, Some(1)));
}

#[test]
fn a_change_that_was_announced_and_never_came_to_be_ends() {
    let hash = |letter: &str| token(letter).describe().hashed;
    let first = status(None, &holding("a", T));
    let announced = announced(&first, &["pat", "next"], "next", at(T + 60), &holding("b", T + 60), true);
    assert_eq!(announced.rotation.as_ref().unwrap().phase, Phase::Publishing);
    let back = |finds| {
        let seen = holding("a", T + 120).finds(&[ours("out", finds)]);
        written(&announced, &seen, &[], After::default(), None).unwrap().rotation
    };
    assert_eq!(back(Holds::Wanted), None, "no output had the other one");
    let rotation = back(OTHER).unwrap();
    assert_eq!((rotation.old_token.hashed_token, rotation.new_token.hashed_token), (hash("b"), hash("a")));
    assert_eq!(rotation.phase, Phase::SafeToRevoke);
}

#[test]
fn no_token_that_an_output_may_have_held_is_forgotten_when_rotations_overlap() {
    let hash = |letter: &str| token(letter).describe().hashed;
    let further = |rotation: &RotationStatus| {
        rotation.further_old_tokens.iter().map(|token| token.hashed_token).collect::<Vec<_>>()
    };
    let restart =
        [serde_json::from_value(serde_json::json!({ "kind": "Deployment", "name": "web" })).unwrap()];
    let waits = || After { restart: &restart, ..After::default() };
    let first = status(None, &holding("a", T));
    let after = |before: &Status, letter: &str, second: i64, after: After<'_>| {
        let seen = holding(letter, second);
        let rotation = told(before, &seen, &[], after);
        Status { rotation: Some(rotation), ..status(Some(before), &seen) }
    };
    let second = after(&first, "b", T + 60, waits());
    let third = after(&second, "c", T + 120, waits());
    let fourth = after(&third, "d", T + 180, After::default()).rotation.unwrap();
    assert_eq!(third.rotation.as_ref().map(further), Some(vec![hash("b")]));
    assert_eq!((fourth.old_token.hashed_token, further(&fourth)), (hash("a"), vec![hash("b"), hash("c")]));
    assert_eq!(fourth.phase, Phase::SafeToRevoke);
    assert!(
        fourth.message.contains("; furtherOldTokens names others to revoke once nothing else uses them"),
        "{}",
        fourth.message
    );
    let back = after(&third, "a", T + 180, After::default()).rotation.unwrap();
    assert_eq!((back.old_token.hashed_token, further(&back)), (hash("c"), vec![hash("b")]));
    // Some outputs may have held it though it does not do any more.
    let mut again = second.clone();
    let open = again.rotation.as_mut().unwrap();
    assert_eq!(open.written_at, None, "publishedAt says it");
    (open.phase, open.written_at, open.published_at) = (Phase::Proving, open.published_at.take(), None);
    let later = after(&again, "c", T + 120, waits()).rotation.unwrap();
    assert_eq!((later.old_token.hashed_token, further(&later)), (hash("a"), vec![hash("b")]));
    let proving = status(Some(&first), &storing("b", T + 60));
    let next = after(&proving, "c", T + 120, After::default());
    assert_eq!(next.rotation.as_ref().map(further), Some(Vec::new()), "no output held the one between");
    let last = after(&next, "d", T + 180, After::default()).rotation.unwrap();
    assert_eq!(
        (last.old_token.hashed_token, further(&last)),
        (hash("c"), Vec::new()),
        "of the first all was told"
    );
    // GitHub accepts it, and it lacks what the spec requires: it is written nowhere.
    let unfit = status(Some(&first), &holding("b", T + 60).finds(&[ours("out", OTHER)]).lacks_a_scope());
    let open = unfit.rotation.as_ref().unwrap();
    assert_eq!((open.phase, &open.written_at), (Phase::Proving, &None));
    let fit = after(&unfit, "c", T + 120, After::default());
    assert_eq!(fit.rotation.as_ref().map(further), Some(Vec::new()), "no output held the unfit one");
    // Who wrote it was stopped before it said so.
    let unsaid = status(Some(&first), &holding("b", T + 60).lacks_a_scope());
    assert_eq!(unsaid.rotation.as_ref().unwrap().phase, Phase::Proving);
    let fit = after(&unsaid, "c", T + 120, waits());
    assert_eq!(fit.rotation.as_ref().map(further), Some(vec![hash("b")]), "an output holds the unfit one");
    // A standby takes over before the outputs' consumers have left the first one.
    let standing = announced(&second, &["pat", "next"], "next", at(T + 120), &holding("c", T + 120), true);
    let standing = standing.rotation.unwrap();
    assert_eq!((standing.old_token.hashed_token, further(&standing)), (hash("b"), vec![hash("a")]));
}

#[test]
fn the_first_list_of_consumers_since_the_outputs_hold_the_new_token_is_told_though_it_is_as_before() {
    let restart =
        [serde_json::from_value(serde_json::json!({ "kind": "Deployment", "name": "web" })).unwrap()];
    let consumers = Some(Consumers::default());
    let pass = |before: &Status, second: i64, published: Option<i64>| {
        let following =
            Following { published: published.map(at), consumers: consumers.clone(), ..Following::default() };
        let after = After {
            restart: &restart,
            lists_consumers: true,
            following: Some(&following),
            ..After::default()
        };
        let seen = holding("b", T + 60).at(second);
        written(before, &seen, &[], after, None)
    };
    let first = pass(&status(None, &holding("a", T)), T + 60, None).unwrap();
    let rotation = first.rotation.as_ref().unwrap();
    assert_eq!((rotation.phase, rotation.published_at.clone()), (Phase::Restarting, Some(time(at(T + 60)))));
    // It was listed in the second before.
    let mut listed = first.clone();
    listed.consumers.as_mut().unwrap().observed_at = time(at(T + 59));
    let second = pass(&listed, T + 65, Some(T + 60)).unwrap();
    assert_eq!(second.consumers.as_ref().unwrap().observed_at.0, at(T + 65));
    assert_eq!(pass(&second, T + 70, Some(T + 60)), None, "once");
}

#[test]
fn what_started_while_the_outputs_were_written_may_have_the_old_token() {
    let first = status(None, &holding("a", T));
    let acted = Timestamp::from_millisecond((T + 70) * 1000 + 1).unwrap();
    let rotation = told(&first, &holding("b", T + 60), &[], After { acted, ..After::default() });
    assert_eq!(rotation.published_at.unwrap().0, at(T + 71));
}

#[test]
fn only_secrets_that_the_spec_names_are_announced() {
    let candidate = |place: usize| {
        let secret_name = format!("pat-{place}");
        let in_use = place == 0;
        let (usable, reason) = (ConditionStatus::False, "BadCredentials".to_owned());
        CandidateStatus { secret_name, in_use, since: None, usable, reason, message: None, token: None }
    };
    let before = Status { candidates: (0..5).map(candidate).collect(), ..status(None, &holding("a", T)) };
    let named = ["pat-0", "pat-1", "pat-2", "pat-3", "another"];
    let after = announced(&before, &named, "another", at(T + 60), &holding("b", T + 60), true);
    let secrets: Vec<_> = after.candidates.iter().map(|candidate| &*candidate.secret_name).collect();
    assert_eq!(secrets, named, "the schema takes five");
    let used: Vec<_> = after.candidates.iter().filter(|candidate| candidate.in_use).collect();
    assert_eq!((used.len(), &*used[0].secret_name), (1, "another"));
}

#[test]
fn what_an_earlier_version_holds_undoes_nothing() {
    let first = status(None, &holding("a", T));
    let restart =
        [serde_json::from_value(serde_json::json!({ "kind": "Deployment", "name": "web" })).unwrap()];
    let after = After { restart: &restart, ..After::default() };
    let seen = |second| holding("b", second).finds(&[ours("out", Holds::Wanted), ours("out-1", OTHER)]);
    let open = told(&first, &seen(T + 60), &[], after);
    let before = Status { rotation: Some(open.clone()), ..status(Some(&first), &seen(T + 60)) };
    let next = told(&before, &seen(T + 70), &[], after);
    assert_eq!((next.published_at, next.written_anew_at), (open.published_at, None));
    let put_back = holding("b", T + 80).finds(&[ours("out", OTHER), ours("out-1", OTHER)]);
    assert!(told(&before, &put_back, &[], after).written_anew_at.is_some(), "the output itself does");
}

#[test]
fn an_instant_of_publication_that_lies_ahead_is_taken_anew() {
    let first = status(None, &holding("a", T));
    let restart =
        [serde_json::from_value(serde_json::json!({ "kind": "Deployment", "name": "web" })).unwrap()];
    let after = After { restart: &restart, ..After::default() };
    let open = told(&first, &holding("b", T + 60), &[], after);
    let ahead = RotationStatus { published_at: Some(time(at(T + DAY))), ..open };
    let before = Status { rotation: Some(ahead), ..status(Some(&first), &holding("b", T + 60)) };
    assert!(StatusDigest::from(before.clone()).is_strange(at(T + 90)));
    let rotation = told(&before, &holding("b", T + 90), &[], after);
    assert_eq!(rotation.published_at.unwrap().0, at(T + 90));
}

#[test]
fn a_look_at_others_that_was_cut_short_calls_no_token_safe_to_revoke_and_forgets_nobody() {
    let first = status(None, &holding("a", T));
    let said = |before: &Status, at, holders: Holders| {
        told(before, &holding("b", at), &[], After { holders: Some(&holders), ..After::default() })
    };
    let cut = || Holders { is_partial: true, ..Holders::default() };
    let unknown = said(&first, T + 60, cut());
    assert_eq!((unknown.phase, unknown.other_connections), (Phase::WaitingForConsumers, Some(0)));
    let of_others = StatusDigest::from(Status { rotation: Some(unknown.clone()), ..Status::default() });
    assert!(!of_others.leaves().unwrap().waits_for_itself, "it keeps nobody else waiting");
    assert!(
        unknown.message.contains("checks whether connections of another operator"),
        "{}",
        unknown.message
    );
    assert_eq!(unknown.revoke_at, None);

    let known = Holders { beside: vec!["x".to_owned()], ..cut() };
    let waiting = said(&first, T + 60, known);
    assert_eq!((waiting.phase, waiting.other_connections), (Phase::WaitingForConsumers, Some(1)));
    let rotating = |rotation: &RotationStatus| Status {
        rotation: Some(rotation.clone()),
        ..status(Some(&first), &holding("b", T + 60))
    };
    assert_eq!(said(&rotating(&waiting), T + 70, cut()), waiting, "what was known says more");
    let over = said(&rotating(&waiting), T + 80, Holders::default());
    assert_eq!(over.phase, Phase::SafeToRevoke);
    assert_eq!(said(&rotating(&unknown), T + 80, Holders::default()).phase, Phase::SafeToRevoke);
}

#[test]
fn an_acceptance_that_only_a_status_remembers_calls_no_token_safe_to_revoke() {
    let first = status(None, &holding("a", T));
    let remembered = holding("b", T + 60).with(|seen| seen.heard = Heard::default());
    let rotation = told(&first, &remembered, &[], After::default());
    assert_eq!(rotation.phase, Phase::WaitingForConsumers);
    assert!(rotation.message.contains("has GitHub asked about it once more"), "{}", rotation.message);
    let before = Status { rotation: Some(rotation), ..status(Some(&first), &holding("b", T + 60)) };
    assert!(StatusDigest::from(before.clone()).leaves().is_some_and(|leaves| leaves.waits_for_itself));
    assert_eq!(told(&before, &holding("b", T + 61), &[], After::default()).phase, Phase::SafeToRevoke);
}

#[test]
fn what_may_not_be_listed_is_said_where_the_old_token_is_called_safe_to_revoke() {
    let first = status(None, &holding("a", T));
    let all = vec!["pods", "serviceaccounts", "cronjobs", "replicasets", "controllerrevisions"];
    let rows = [
        (vec![], vec![], vec![]),
        (
            vec!["pods", "cronjobs"],
            vec![],
            vec!["the operator may not list pods, cronjobs, so look there for yourself first"],
        ),
        (
            all,
            vec!["gitrepositories"],
            vec![
                "list pods, serviceaccounts, cronjobs and 2 more, so look there",
                "the API server could not list gitrepositories, so look there",
            ],
        ),
    ];
    for (forbidden, unread, expected) in rows {
        let consumers = Some(Consumers { forbidden, unread, ..Consumers::default() });
        let following = Following { published: Some(at(T + 60)), consumers, ..Following::default() };
        let after = After { lists_consumers: true, following: Some(&following), ..After::default() };
        let rotation = told(&first, &holding("b", T + 60), &[], after);
        assert_eq!(rotation.phase, Phase::SafeToRevoke);
        let message = &rotation.message;
        assert_eq!(message.starts_with("the operator may not list"), !expected.is_empty(), "{message}");
        assert!(expected.iter().all(|words| message.contains(words)), "{message}");
    }
}

#[test]
fn why_the_consumers_cannot_be_listed_is_said_while_they_are_waited_for() {
    let first = status(None, &holding("a", T));
    let looked = |before: &Status, second, following: Following| {
        let following = Following { published: Some(at(T + 60)), ..following };
        let after = After { lists_consumers: true, following: Some(&following), ..After::default() };
        told(before, &holding("b", second), &[], after)
    };
    let rotating = |rotation: RotationStatus| Status {
        rotation: Some(rotation),
        ..status(Some(&first), &holding("b", T + 60))
    };
    let nobody = looked(&first, T + 60, Following::default());
    let unlisted = || Following { unlisted: Some("503 of pods".to_owned()), ..Following::default() };
    let told = looked(&rotating(nobody), T + 70, unlisted());
    assert_eq!(told.phase, Phase::WaitingForConsumers);
    assert!(
        told.message.contains("cannot be listed: 503 of pods; the operator tries again"),
        "{}",
        told.message
    );
    let again = looked(&rotating(told.clone()), T + 80, unlisted());
    assert_eq!(again, told, "the same is not written twice");
    let found = Following { consumers: Some(Consumers::default()), ..Following::default() };
    assert_eq!(looked(&rotating(told), T + 90, found).phase, Phase::SafeToRevoke);
}

#[test]
fn that_nobody_looks_who_has_the_old_token_is_said_where_it_is_called_safe_to_revoke() {
    let first = status(None, &holding("a", T));
    let consumers = Some(Consumers::default());
    let following = Following { published: Some(at(T + 60)), consumers, ..Following::default() };
    let looks = After { lists_consumers: true, following: Some(&following), ..After::default() };
    let held = || holding("b", T + 60);
    let rows = [
        ("nobody looks", After::default(), held(), true),
        ("the operator looks", looks, held(), false),
        ("no outputs", After::default(), held().with(|seen| seen.demand.outputs.clear()), false),
        ("nobody looks, and the login is long", After::default(), held(), true),
    ];
    for (name, after, seen, is_told) in rows {
        let mut before = first.clone();
        if name.ends_with("long") {
            before.token.as_mut().unwrap().login = Some("a".repeat(39));
        }
        let rotation = told(&before, &seen, &[], after);
        assert_eq!(rotation.phase, Phase::SafeToRevoke);
        let message = rotation.message;
        assert!(
            message.contains("revoke it") && message.ends_with("oldToken.hashedToken"),
            "{name}: {message}"
        );
        let words = "; the operator does not check who does (setting consumers)";
        assert_eq!(message.contains(words), is_told, "{name}: {message}");
    }
}

#[test]
fn nobody_waits_for_who_has_a_token_that_is_of_no_use() {
    let refused = holding("a", T).refused(T + 10).refused(T + 80);
    let first = status(Some(&status(None, &holding("a", T))), &refused);
    let holders = Holders { beside: vec!["x".to_owned()], ..Holders::default() };
    let after = After { holders: Some(&holders), ..After::default() };
    let rotation = told(&first, &holding("b", T + 90), &[], after);
    assert_eq!(rotation.phase, Phase::SafeToRevoke);
    assert!(rotation.message.contains("nothing is left to revoke"), "{}", rotation.message);
}
