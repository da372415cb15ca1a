//! What the message of a rotation says.

use super::*;
use crate::domain::{
    decide::foreign,
    workload::{Restart, WorkloadKind},
};

/// What is said of a second token with this under the name of the output, beside these others.
fn said(stand: Option<Stand>, others: &[(String, Stand)]) -> RotationStatus {
    let (first, seen) = (status(None, &holding("a", T)), holding("b", T + 60));
    let decision = decide(&seen);
    let stands = [("out", stand.unwrap_or(Stand::Wanted))];
    let summary = StatusSummary::from(first);
    let pass = Pass { stands: &stands, others, ..pass(&seen, &decision) };
    next(Before { summary: Some(&summary), conditions: &[] }, Some(3), &pass).unwrap().rotation.unwrap()
}

#[test]
fn whoever_must_mend_an_output_before_it_can_hold_the_new_token_is_named() {
    let foreign = || Some(Stand::Refused(foreign("out", None)));
    let leaving = Some(Stand::Leaving(vec!["example.com/backup".to_owned()]));
    let rival = [("out".to_owned(), Stand::Refused(contended("out", Some("kubectl"))))];
    let passing = Stand::Refused(Finding::new(Reason::NamespaceTerminating, "it goes"));
    let rows = [
        (
            "of somebody else",
            foreign(),
            &[][..],
            "condition Published says what keeps it from these outputs: out (ForeignSecret)",
        ),
        ("being deleted", leaving, &[], "keeps it from these outputs: out (Leaving)"),
        ("fought over", None, &rival, "keeps it from these outputs: out (Contended)"),
        ("both", foreign(), &rival, "keeps it from these outputs: out (ForeignSecret), out (Contended)"),
        ("not there yet", Some(Stand::Absent), &[], "is proven and is written to the outputs"),
        ("comes by itself", Some(passing), &[], "is proven and is written to the outputs"),
    ];
    for (name, stand, others, words) in rows {
        let rotation = said(stand, others);
        assert_eq!(rotation.phase, Phase::Publishing, "{name}");
        assert!(rotation.message.contains(words), "{name}: {}", rotation.message);
    }
}

#[test]
fn of_pods_and_of_names_of_earlier_versions_each_is_seen_however_long() {
    let used = |kind, number: usize, used, started| Consumer {
        kind,
        name: format!("builder-of-everything-7d9c5b8f6d-x2x4{number}"),
        output: "out".to_owned(),
        used,
        taken_on: started,
        started,
    };
    let pods = (0..3).map(|number| used("Pod", number, Use::AtStart, Some(at(T))));
    let names = (0..2).map(|number| used("Deployment", number, Use::Earlier, None));
    let consumers = Some(Consumers { all: pods.chain(names).collect(), ..Consumers::default() });
    let following = Following { published: Some(at(T + 60)), consumers, ..Following::default() };
    let after = After { lists_consumers: true, following: Some(&following), ..After::default() };
    let rotation = told(&status(None, &holding("a", T)), &holding("b", T + 60), &[], after);
    assert_eq!(
        rotation.message,
        "every output holds the new token; restart these Pods, which run with the old one: builder-of-everything-7d9c5b8f6d-x2x40 and 2 \
         more; have these name the present version of an output: Deployment builder-of-everything-7d9c5b8f6d-x2x40 and 1 more"
    );
}

#[test]
fn a_token_that_was_accepted_before_is_not_called_new_to_github() {
    let first = status(None, &holding("a", T));
    let unproven = told(&first, &storing("b", T + 60), &[], After::default());
    assert_eq!(
        unproven.message,
        "the new token in Secret pat is not proven yet; the outputs keep what they hold"
    );
    let unfit = holding("b", T + 60).finds(&[ours("out", OTHER)]).lacks_a_scope();
    let rotation = told(&first, &unfit, &[], After::default());
    assert_eq!(
        rotation.message,
        "GitHub accepts the new token in Secret pat, which is not proven to be of use: condition RequirementsMet says why; the outputs \
         keep what they hold"
    );
    let open = Status {
        rotation: Some(said(Some(Stand::Absent), &[])),
        ..status(Some(&first), &holding("b", T + 60))
    };
    let refused = holding("b", T + 60).refused(T + 120).refused(T + 180).at(T + 180);
    let rotation = told(&open, &refused, &[], After::default());
    assert_eq!(rotation.phase, Phase::Proving);
    let words = "GitHub accepted the new token in Secret pat before, and it is not proven now: the conditions say why; the \
                 outputs keep what they hold";
    assert_eq!(rotation.message, words);
}

#[test]
fn what_is_left_to_revoke_is_said_though_the_old_token_has_ended() {
    let refused = || {
        let (mut refused, dead) = (status(None, &holding("a", T)), holding("a", T + 60));
        refused = status(Some(&refused), &dead.refused(T + 60).refused(T + 120).at(T + 120));
        refused
    };
    let restart =
        [serde_json::from_value(serde_json::json!({ "kind": "Deployment", "name": "web" })).unwrap()];
    let after = After { restart: &restart, ..After::default() };
    let first = refused();
    let second = told(&first, &holding("b", T + 180), &[], after);
    assert_eq!(second.old_token_ended.as_deref(), Some("BadCredentials"));
    let open = Status { rotation: Some(second), ..status(Some(&first), &holding("b", T + 180)) };
    let third = told(&open, &holding("c", T + 240), &[], After::default());
    assert_eq!(third.phase, Phase::SafeToRevoke);
    assert!(!third.message.contains("nothing is left"), "{}", third.message);
    assert!(third.message.contains("furtherOldTokens"), "{}", third.message);
    assert_eq!(third.revoke_at.as_deref(), Some("https://github.com/settings/tokens"));
}

#[test]
fn who_names_an_earlier_version_is_waited_for_however_it_is_used() {
    let first = status(None, &holding("a", T));
    let used = |used, started| Consumer {
        kind: "Deployment",
        name: "web".to_owned(),
        output: "out".to_owned(),
        used,
        taken_on: started,
        started,
    };
    let rows = [
        ("the present one", vec![used(Use::Pull, None)], Phase::SafeToRevoke, "revoke it"),
        (
            "an earlier one",
            vec![used(Use::Earlier, None)],
            Phase::WaitingForConsumers,
            "output: Deployment web;",
        ),
        (
            "old bytes",
            vec![used(Use::AtStart, Some(at(T)))],
            Phase::WaitingForConsumers,
            "with the old one: web;",
        ),
        (
            "a volume",
            vec![used(Use::Volume, Some(at(T)))],
            Phase::WaitingForConsumers,
            "; these Pods get it within 2 minutes, since they mount an output: web",
        ),
        (
            "a volume and old bytes",
            vec![used(Use::Volume, Some(at(T))), used(Use::AtStart, Some(at(T)))],
            Phase::WaitingForConsumers,
            "with the old one: web;",
        ),
        (
            "a volume and an earlier one",
            vec![used(Use::Earlier, None), used(Use::Volume, Some(at(T)))],
            Phase::WaitingForConsumers,
            "since they mount an output: web; have these name the present version of an output: Deployment web",
        ),
        (
            "both",
            vec![used(Use::Earlier, None), used(Use::AtStart, Some(at(T)))],
            Phase::WaitingForConsumers,
            "restart these Pods, which run with the old one: web; have these name the present version of an output: Deployment web",
        ),
    ];
    let mut waiting = None;
    for (name, all, phase, words) in rows {
        let consumers = Some(Consumers { all, ..Consumers::default() });
        let following = Following { published: Some(at(T + 60)), consumers, ..Following::default() };
        let after = After { lists_consumers: true, following: Some(&following), ..After::default() };
        let rotation = told(&first, &holding("b", T + 60), &[], after);
        assert_eq!(rotation.phase, phase, "{name}");
        assert!(rotation.message.contains(words), "{name}: {}", rotation.message);
        waiting = Some(rotation);
    }
    // As long as nobody has looked again, it is said in the same words.
    let before = Status { rotation: waiting.clone(), ..status(Some(&first), &holding("b", T + 60)) };
    let following = Following { published: Some(at(T + 60)), ..Following::default() };
    let after = After { lists_consumers: true, following: Some(&following), ..After::default() };
    let rotation = told(&before, &holding("b", T + 61), &[], after);
    assert_eq!(Some(rotation.message), waiting.map(|rotation| rotation.message));
}

#[test]
fn nobody_is_told_to_revoke_a_token_that_stands_by() {
    let first = status(None, &holding("a", T));
    let (used, other) = (holding("b", T + 60), holding("a", T + 60));
    let of = |secret: &str, seen: &Observation| Candidate::new(secret, seen, None);
    let all = [(of("pat", &used), None), (of("next", &other), Some(Box::new(other.clone())))];
    let standbys = Standbys { all: &all, place: 0, since: Some(at(T + 60)), back_at: None };
    let rotation = told_beside(&first, &used, &[], After::default(), Some(standbys));
    let words = "stands by in Secret next: revoke it only if it shall not take over again";
    assert!(rotation.message.contains(words), "{}", rotation.message);
    assert!(rotation.message.contains("the operator does not check who does (setting consumers)"));
    // Nor one between two rotations.
    let restart =
        [serde_json::from_value(serde_json::json!({ "kind": "Deployment", "name": "web" })).unwrap()];
    let open = told(&first, &used, &[], After { restart: &restart, ..After::default() });
    let second = Status { rotation: Some(open), ..status(Some(&first), &used) };
    let (used, other) = (holding("c", T + 120), holding("b", T + 120));
    let all = [(of("pat", &used), None), (of("next", &other), Some(Box::new(other.clone())))];
    let standbys = Standbys { all: &all, place: 0, since: Some(at(T + 120)), back_at: None };
    let message = |standbys| told_beside(&second, &used, &[], After::default(), standbys).message;
    let words = "furtherOldTokens names others to revoke";
    let named = format!("{words}, but for that of Secret next, which stands by");
    assert!(message(Some(standbys)).ends_with(&named));
    assert!(message(None).ends_with(&format!("{words} once nothing else uses them")));
}

#[test]
fn a_token_that_somebody_else_has_is_not_safe_to_revoke() {
    let first = status(None, &holding("a", T));
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let holders = |own: &[&str], beside: &[&str], elsewhere| Holders {
        own: names(own),
        taken_in: names(&[]),
        beside: names(beside),
        elsewhere,
        unseen: 0,
        is_partial: false,
    };
    let rows = [
        ("nobody", holders(&[], &[], 0), Phase::SafeToRevoke, None, "revoke it"),
        (
            "of the namespace",
            holders(&[], &["x", "y"], 0),
            Phase::WaitingForConsumers,
            Some(2),
            "old one: x, y; they",
        ),
        (
            "of another",
            holders(&[], &[], 1),
            Phase::WaitingForConsumers,
            Some(1),
            "old one: one of another namespace; they",
        ),
        (
            "both",
            holders(&[], &["x"], 3),
            Phase::WaitingForConsumers,
            Some(4),
            "x, and 3 of other namespaces; they",
        ),
        (
            "a former output",
            holders(&["was"], &["x"], 0),
            Phase::WaitingForConsumers,
            None,
            "with the old one: was;",
        ),
    ];
    let taken_in = Holders { taken_in: names(&["pull"]), ..holders(&[], &["x"], 0) };
    let words = "take the old one in by extraEntriesFrom: pull; put";
    let taken_in = ("entries of a Secret", taken_in, Phase::WaitingForConsumers, None, words);
    for (name, holders, phase, others, words) in rows.into_iter().chain([taken_in]) {
        let after = After { holders: Some(&holders), ..After::default() };
        let rotation = told(&first, &holding("b", T + 60), &[], after);
        assert_eq!((rotation.phase, rotation.other_connections), (phase, others), "{name}");
        assert!(rotation.message.contains(words), "{name}: {}", rotation.message);
        assert_eq!(rotation.revoke_at.is_some(), phase == Phase::SafeToRevoke, "{name}");
    }
}

#[test]
fn however_much_is_to_be_looked_at_before_it_is_said_that_the_old_token_is_to_be_revoked() {
    let workload = |name: &str| Workload { kind: WorkloadKind::StatefulSet, name: name.to_owned() };
    let rows = [
        (vec![workload("builder")], "there is no StatefulSet builder to restart; every output"),
        (
            ["a", "b", "c"].map(workload).to_vec(),
            "there is no StatefulSet a and 2 more to restart; every output",
        ),
        (vec![workload(&"long-".repeat(50))], "…; every output"),
    ];
    for (forbidden, (missing, words)) in [vec![], vec!["pods", "jobs", "cronjobs", "deployments"]]
        .into_iter()
        .flat_map(|forbidden| rows.clone().map(|row| (forbidden.clone(), row)))
    {
        let is_short = forbidden.is_empty();
        let restarts = missing.into_iter().map(|workload| (workload, Restart::Missing)).collect();
        let consumers = Consumers { forbidden, ..Consumers::default() };
        let (published, consumers) = (Some(at(T + 60)), Some(consumers));
        let following = Following { restarts, published, consumers, ..Following::default() };
        let first = status(None, &holding("a", T));
        let after = After { following: Some(&following), lists_consumers: true, ..After::default() };
        let message = told(&first, &holding("b", T + 120), &[], after).message;
        assert!(message.contains("revoke it") && message.len() <= 256, "{message}");
        assert!(!is_short || message.contains(words), "{message}");
    }
}

#[test]
fn whom_nobody_may_look_at_is_told_of_where_the_old_token_is_called_safe_to_revoke() {
    let first = status(None, &holding("a", T));
    for (unseen, who) in [(1, "1 connection may"), (2, "2 connections may")] {
        let holders = Holders { unseen, ..Holders::default() };
        let after = After { holders: Some(&holders), lists_consumers: false, ..After::default() };
        let rotation = told(&first, &holding("b", T + 60), &[], after);
        assert_eq!((rotation.phase, rotation.other_connections), (Phase::SafeToRevoke, None));
        let words = format!(
            "{who} have the old token where the operator may not read Secrets, so look there first; every"
        );
        assert!(rotation.message.starts_with(&words), "{}", rotation.message);
    }
}
