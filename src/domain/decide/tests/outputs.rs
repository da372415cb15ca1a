use super::*;

fn reasons(findings: &[Finding]) -> Vec<Reason> {
    findings.iter().map(|finding| finding.reason).collect()
}

#[test]
fn a_proven_token_is_written_and_a_second_look_changes_nothing() {
    let proven = seen().accepted(T, Expiry::Never);
    let decision = decide(&proven);
    assert_eq!(verbs(&decision), ["create one", "create two"]);
    assert_eq!((decision.standing, decision.refusals.len()), (Standing::Published, 0));
    let again = decide(&proven.published());
    assert_eq!((verbs(&again).len(), again.standing), (0, Standing::Published));
}

#[test]
fn nothing_is_written_before_the_token_is_proven_to_meet_the_requirements() {
    let scope = |seen: &mut Observation| seen.demand.requirement.scopes = vec!["gist".to_owned()];
    let unlisted = |seen: &mut Observation| {
        scope(seen);
        seen.knowledge.grant.as_mut().unwrap().0.scopes = None;
    };
    let missing = |seen: &mut Observation| seen.token = Judged::no(Reason::SecretNotFound, "none");
    let unread = |seen: &mut Observation| seen.token = Judged::unknown(Reason::ApiServerUnavailable, "?");
    let proven = || seen().accepted(T, Expiry::Never);
    let rows = [
        ("not asked", seen(), Standing::Pending),
        ("GitHub is silent", seen().unanswered(T), Standing::Pending),
        ("refused once", seen().refused(T), Standing::Pending),
        ("refused twice", seen().refused(T - 60).refused(T), Standing::Withheld(0)),
        ("a scope is missing", proven().with(scope), Standing::Withheld(0)),
        ("scopes are not known", proven().with(unlisted), Standing::Pending),
        ("no Secret", seen().with(missing), Standing::Withheld(0)),
        ("the API server is silent", seen().with(unread), Standing::Pending),
        ("expired", proven().accepted(T - DAY, Expiry::At(at(T))).at(T), Standing::Withheld(0)),
        ("the acceptance is too old", proven().unanswered(T + HOUR).at(T + DAY), Standing::Pending),
    ];
    for (name, seen, standing) in rows {
        let decision = decide(&seen);
        assert_eq!((verbs(&decision).len(), decision.standing), (0, standing), "{name}");
    }
}

#[test]
fn an_output_is_replaced_or_made_anew_and_a_foreign_secret_left_alone() {
    let proven = seen().accepted(T, Expiry::Never);
    let typed = Payload { type_: "kubernetes.io/basic-auth".to_owned(), ..older() };
    let sealed =
        Found::Ours { name: "one".to_owned(), version: version("one"), payload: older(), immutable: true };
    let rows: [(&str, Vec<Found>, &[&str]); 5] = [
        ("another token", vec![ours("one", older())], &["replace one", "create two"]),
        ("another type", vec![ours("one", typed)], &["delete one", "create one", "create two"]),
        ("immutable", vec![sealed], &["delete one", "create one", "create two"]),
        ("no longer named", vec![ours("three", older())], &["delete three", "create one", "create two"]),
        ("foreign and not named", vec![foreign("three")], &["create one", "create two"]),
    ];
    for (name, found, expected) in rows {
        let decision = decide(&proven.clone().with(|seen| seen.found = Ok(found)));
        assert_eq!(verbs(&decision), expected, "{name}");
        assert_eq!(decision.refusals, [], "{name}");
    }
    let decision = decide(&proven.with(|seen| seen.found = Ok(vec![foreign("one")])));
    assert_eq!(verbs(&decision), ["create two"]);
    assert_eq!(reasons(&decision.refusals), [Reason::ForeignSecret]);
    assert!(decision.refusals[0].message.contains("Secret one "));
}

#[test]
fn a_format_that_does_not_suit_the_token_keeps_no_other_output_back() {
    let fine_grained = seen()
        .with(|seen| {
            seen.token = Judged::Yes(token("github_pat_", "a"));
            seen.demand.outputs = vec![out("pull", Format::DockerConfigJson), out("git", Format::BasicAuth)];
        })
        .accepted(T, Expiry::Never);
    let decision = decide(&fine_grained);
    assert_eq!(verbs(&decision), ["create git"]);
    assert_eq!(reasons(&decision.refusals), [Reason::FormatNeedsClassic]);
}

#[test]
fn outputs_that_are_no_longer_named_go_whatever_the_token() {
    let left =
        |seen: Observation| seen.with(|seen| seen.found = Ok(vec![ours("three", older()), foreign("x")]));
    for (name, seen) in [("not asked", seen()), ("refused", seen().refused(T - 60).refused(T))] {
        assert_eq!(verbs(&decide(&left(seen))), ["delete three"], "{name}");
    }
    let none = left(seen()).with(|seen| seen.demand.outputs.clear());
    assert_eq!((verbs(&decide(&none)).len(), decide(&none).standing), (1, Standing::NothingRequested));
    let unlisted = seen()
        .accepted(T, Expiry::Never)
        .with(|seen| seen.found = Err(Finding::new(Reason::ApiServerUnavailable, "silent")));
    let decision = decide(&unlisted);
    assert_eq!((verbs(&decision).len(), decision.standing), (0, Standing::Pending));
    assert_eq!(reasons(&decision.refusals), [Reason::ApiServerUnavailable]);
}

#[test]
fn an_output_that_became_the_source_stays() {
    let seen = seen().accepted(T, Expiry::Never).with(|seen| {
        seen.found = Ok(vec![ours("source", older()), ours("other", older())]);
    });
    assert!(
        !verbs(&decide(&seen)).iter().any(|change| change.contains("source")),
        "{:?}",
        verbs(&decide(&seen))
    );
    assert!(verbs(&decide(&seen)).iter().any(|change| change.contains("other")));
}

#[test]
fn outputs_are_withdrawn_only_on_githubs_word_or_the_requirements() {
    let proven = || seen().accepted(T - HOUR, Expiry::At(at(T + 100 * DAY)));
    let ends = || seen().accepted(T - HOUR, Expiry::At(at(T)));
    let scope = |seen: &mut Observation| seen.demand.requirement.scopes = vec!["gist".to_owned()];
    let suspended = Reply::Answer(Answer::Refused(Refusal::AccountSuspended));
    let host = |seen: &mut Observation| {
        seen.host = Judged::unknown(Reason::HostUnknown, "?");
        seen.knowledge = Knowledge::default();
    };
    let bad = |reason| {
        move |seen: &mut Observation| {
            seen.token = Judged::no(reason, "bad");
            seen.knowledge = Knowledge::default();
        }
    };
    let unread = |seen: &mut Observation| {
        seen.token = Judged::unknown(Reason::ApiServerUnavailable, "?");
        seen.knowledge = Knowledge::default();
    };
    let rows = [
        ("good", proven(), false, Standing::Published),
        ("refused once", proven().refused(T), false, Standing::Published),
        ("refused twice", proven().refused(T - 60).refused(T), true, Standing::Retained),
        (
            "refused twice, then deferred",
            proven().refused(T - 99).refused(T - 9).unanswered(T),
            true,
            Standing::Retained,
        ),
        ("suspended once", proven().hears(T, suspended.clone()), false, Standing::Published),
        (
            "suspended twice",
            proven().hears(T - 60, suspended.clone()).hears(T, suspended),
            true,
            Standing::Retained,
        ),
        ("expired, not confirmed", ends().at(T), false, Standing::Retained),
        ("expired, GitHub is silent", ends().unanswered(T + 2), false, Standing::Retained),
        ("expired, confirmed", ends().refused(T + 2), true, Standing::Retained),
        (
            "accepted after the expiry, then refused",
            ends().accepted(T + 2, Expiry::At(at(T))).refused(T + 900),
            true,
            Standing::Retained,
        ),
        ("a requirement is not met", proven().with(scope), true, Standing::Retained),
        ("the same in an outage", proven().unanswered(T).with(scope), true, Standing::Retained),
        (
            "the same after a long outage",
            proven().unanswered(T).at(T + 2 * DAY).with(scope),
            false,
            Standing::Retained,
        ),
        ("an outage", proven().unanswered(T), false, Standing::Published),
        ("a long outage", proven().unanswered(T).at(T + 2 * DAY), false, Standing::Retained),
        ("no such Secret", proven().with(bad(Reason::SecretNotFound)), false, Standing::Withheld(2)),
        ("no such key", proven().with(bad(Reason::KeyNotFound)), false, Standing::Withheld(2)),
        ("a bad paste", proven().with(bad(Reason::TokenMalformed)), false, Standing::Withheld(2)),
        ("a forbidden Secret", proven().with(bad(Reason::SecretForbidden)), false, Standing::Withheld(2)),
        ("an unread Secret", proven().with(unread), false, Standing::Pending),
        ("an unknown host", proven().with(host), false, Standing::Pending),
    ];
    for (name, seen, withdrawn, retained) in rows {
        let published = Observation { found: proven().published().found, ..seen };
        let decision = decide(&published);
        assert_eq!((verbs(&decision).len(), decision.standing), (0, retained), "{name}: Retain");
        let decision = decide(&published.with(|seen| seen.demand.on_invalid = OnInvalid::Withdraw));
        let expected: &[&str] = if withdrawn { &["delete one", "delete two"] } else { &[] };
        assert_eq!(verbs(&decision), expected, "{name}: Withdraw");
        let standing = if withdrawn { Standing::Withdrawn } else { retained };
        assert_eq!(decision.standing, standing, "{name}: Withdraw");
    }
}

#[test]
fn another_token_in_the_secret_does_not_reach_the_outputs_before_it_is_proven() {
    let fresh = |seen: &mut Observation| {
        seen.token = Judged::Yes(token("ghp_", "b"));
        seen.knowledge = Knowledge::default();
    };
    let before = seen().accepted(T, Expiry::Never).published().with(fresh);
    assert_eq!((verbs(&decide(&before)).len(), decide(&before).standing), (0, Standing::Pending));
    let refused = before.clone().refused(T).refused(T + 60);
    assert_eq!((verbs(&decide(&refused)).len(), decide(&refused).standing), (0, Standing::Withheld(2)));
    let withdrawn = refused.with(|seen| seen.demand.on_invalid = OnInvalid::Withdraw);
    assert_eq!(verbs(&decide(&withdrawn)), ["delete one", "delete two"]);
    let proven = before.accepted(T + 90, Expiry::Never);
    assert_eq!(verbs(&decide(&proven)), ["replace one", "replace two"]);
}
