//! What is written to the outputs, and what stands under their names before.

use super::*;

/// What stands under the names of the outputs, in words.
fn stands(decision: &Decision<'_>) -> Vec<String> {
    let word = |stand: &Stand| match stand {
        Stand::Wanted => "wanted".to_owned(),
        Stand::Other => "other".to_owned(),
        Stand::Absent => "absent".to_owned(),
        Stand::Leaving(finalizers) => format!("leaving {}", finalizers.join(" ")),
        Stand::Refused(finding) => finding.reason.as_str().to_owned(),
    };
    decision.stands.iter().map(|(name, stand)| format!("{name} {}", word(stand))).collect()
}

fn payload(output: &Output, letter: &str) -> Payload {
    output.payload(&token("ghp_", letter), &grant(Expiry::Never), &Addresses::of_github()).unwrap()
}

#[test]
fn a_proven_token_is_written_and_a_second_reconcile_changes_nothing() {
    let proven = seen().accepted(T, Expiry::Never);
    let decision = decide(&proven);
    assert_eq!((changes(&decision).as_str(), decision.plan), ("create one, create two", Plan::Write));
    for (change, wanted) in decision.changes.iter().zip(&proven.demand.outputs) {
        let Change::Create { output, payload: made } = change else { panic!("{change:?}") };
        assert_eq!((output, made), (wanted, &payload(wanted, "a")));
        assert!(change.writes());
    }
    let published = proven.clone().published(Holds::Wanted);
    let again = decide(&published);
    assert_eq!((changes(&again).as_str(), again.plan), ("", Plan::Write));
    assert_eq!(stands(&again), ["one wanted", "two wanted"]);
}

#[test]
fn nothing_is_written_before_the_token_is_proven_to_meet_the_requirements() {
    let scope = |seen: &mut Observation| seen.demand.requirement.scopes = vec!["gist".to_owned()];
    let unlisted = |seen: &mut Observation| {
        scope(seen);
        seen.knowledge.grant.as_mut().unwrap().0.scopes = None;
    };
    let missing = |seen: &mut Observation| seen.token = Verdict::no(Reason::SecretNotFound, "none");
    let unread = |seen: &mut Observation| seen.token = Verdict::unknown(Reason::ApiServerUnavailable, "?");
    let proven = || seen().accepted(T, Expiry::Never);
    let rows = [
        ("not asked", seen()),
        ("GitHub is silent", seen().unanswered(T)),
        ("refused once", seen().refused(T)),
        ("refused twice", seen().refused(T - 60).refused(T)),
        ("a scope is missing", proven().with(scope)),
        ("scopes are not known", proven().with(unlisted)),
        ("no Secret", proven().with(missing)),
        ("the API server is silent", proven().with(unread)),
        ("expired", seen().accepted(T - DAY, Expiry::At(at(T))).at(T)),
        ("the doubt is too old", proven().unanswered(T + HOUR).at(T + DAY + HOUR)),
    ];
    for (name, seen) in rows {
        let decision = decide(&seen);
        assert_eq!((changes(&decision).as_str(), decision.plan), ("", Plan::Keep), "{name}");
    }
}

#[test]
fn each_output_becomes_what_the_spec_asks_for_and_others_secrets_stay() {
    let proven = seen().accepted(T, Expiry::Never);
    let rows: [(&str, &[Found], &str, [&str; 2]); 10] = [
        ("nothing stands", &[], "create one, create two", ["one absent", "two absent"]),
        ("another token", &[ours("one", OTHER)], "replace one, create two", ["one other", "two absent"]),
        ("another layout", &[ours("one", RELAID)], "replace one, create two", ["one other", "two absent"]),
        ("another type", &[ours("one", FIXED)], "create two, recreate one", ["one other", "two absent"]),
        ("one stands", &[ours("two", Holds::Wanted)], "create one", ["one absent", "two wanted"]),
        ("foreign", &[others("one")], "create two", ["one ForeignSecret", "two absent"]),
        ("being deleted", &[leaving("one")], "create two", ["one leaving example.com/backup", "two absent"]),
        (
            "no longer named",
            &[ours("three", OTHER)],
            "create one, create two | delete three",
            ["one absent", "two absent"],
        ),
        ("foreign and not named", &[others("three")], "create one, create two", ["one absent", "two absent"]),
        (
            "no longer named, and being deleted",
            &[leaving("three")],
            "create one, create two",
            ["one absent", "two absent"],
        ),
    ];
    for (name, found, expected, standing) in rows {
        let seen = proven.clone().finds(found);
        let decision = decide(&seen);
        assert_eq!(changes(&decision), expected, "{name}");
        assert_eq!(stands(&decision), standing, "{name}");
    }
}

#[test]
fn a_foreign_secret_is_named() {
    let seen = seen().accepted(T, Expiry::Never).finds(&[others("one")]);
    let decision = decide(&seen);
    let Some((_, Stand::Refused(finding))) = decision.stands.first() else { panic!() };
    assert!(finding.message.starts_with("Secret one "), "{}", finding.message);
}

#[test]
fn an_output_that_leads_back_to_the_source_is_refused_and_keeps_no_other_one_back() {
    let circle =
        |length: usize| Circle::new("one".to_owned(), (0..length).map(|number| format!("c{number}")), length);
    let rows = [
        ("nothing stands", seen().accepted(T, Expiry::Never), "create two"),
        ("it stands", seen().accepted(T, Expiry::Never).finds(&[ours("one", OTHER)]), "create two"),
        (
            "it holds the token",
            seen().accepted(T, Expiry::Never).finds(&[ours("one", Holds::Wanted)]),
            "create two",
        ),
        (
            "a Secret of somebody else",
            seen().accepted(T, Expiry::Never).finds(&[others("one")]),
            "create two",
        ),
        ("not asked", seen(), ""),
        ("refused", seen().refused(T).refused(T + 60), ""),
    ];
    for (name, seen, expected) in rows {
        let seen = seen.with(|seen| seen.circles = vec![circle(3)]);
        let decision = decide(&seen);
        assert_eq!(changes(&decision), expected, "{name}");
        assert_eq!(stands(&decision), ["one PublishCycle", "two absent"], "{name}");
    }
    for (length, way) in [(1, "(c0 → c0)"), (3, "(c0 → c1 → c2 → c0)"), (14, "→ c11 → 2 more → c0)")]
    {
        let message = circle(length).finding().message;
        assert!(message.contains(way) && message.contains("output one "), "{message}");
    }
}

#[test]
fn a_format_that_does_not_suit_the_token_keeps_no_other_output_back() {
    let fine_grained = seen()
        .with(|seen| {
            let token = token("github_pat_", "a");
            (seen.token, seen.bytes) = (Verdict::Yes(token.describe()), Some(token));
            seen.demand.outputs = vec![out("pull", Format::DockerConfigJson), out("git", Format::BasicAuth)];
        })
        .accepted(T, Expiry::Never);
    let decision = decide(&fine_grained);
    assert_eq!(changes(&decision), "create git");
    assert_eq!(stands(&decision), ["pull FormatNeedsClassic", "git absent"]);
}

#[test]
fn a_secret_that_is_being_deleted_is_left_alone_whatever_the_token() {
    let proven = || seen().accepted(T, Expiry::Never);
    let rows = [
        ("accepted", proven()),
        ("not asked", seen()),
        ("refused", proven().refused(T + 60).refused(T + 120)),
        ("condemned", proven().condemned(T + HOUR).with(|seen| seen.demand.on_invalid = OnInvalid::Withdraw)),
        ("moved to it", proven().with(|seen| seen.demand.sources = vec!["three".to_owned()])),
    ];
    for (name, seen) in rows {
        let seen = seen.finds(&[leaving("one"), leaving("two"), leaving("three")]);
        let decision = decide(&seen);
        assert_eq!((changes(&decision).as_str(), decision.missing.is_empty()), ("", true), "{name}");
        let [one, two] = [0, 1].map(|index| stands(&decision)[index].clone());
        assert_eq!(
            [one, two],
            ["one leaving example.com/backup", "two leaving example.com/backup"],
            "{name}"
        );
    }
}

#[test]
fn what_is_no_longer_named_goes_last_whatever_the_token() {
    let rows = [
        ("accepted", seen().accepted(T, Expiry::Never), "create one, create two | delete three"),
        ("not asked", seen(), " | delete three"),
        (
            "refused, Retain: nothing is made, so act keeps it",
            seen().refused(T - 60).refused(T),
            " | delete three",
        ),
        ("nothing is named", seen().with(|seen| seen.demand.outputs.clear()), " | delete three"),
        (
            "no token",
            seen().with(|seen| seen.token = Verdict::no(Reason::SecretNotFound, "none")),
            " | delete three",
        ),
    ];
    for (name, seen, expected) in rows {
        let seen = seen.finds(&[ours("three", RELAID), others("x"), leaving("y")]);
        assert_eq!(changes(&decide(&seen)), expected, "{name}");
    }
    let none = seen().with(|seen| seen.demand.outputs.clear());
    assert_eq!(decide(&none).plan, Plan::NothingRequested);
}

#[test]
fn only_what_stands_as_ours_counts_as_standing() {
    let foreign = Stand::Refused(super::foreign("one", None));
    let rows = [
        ("wanted", Stand::Wanted, true),
        ("other", Stand::Other, true),
        ("absent", Stand::Absent, false),
        ("leaving", Stand::Leaving(vec![]), false),
        ("foreign", foreign, false),
    ];
    for (name, stand, expected) in rows {
        assert_eq!(stand.is_ours(), expected, "{name}");
    }
}

#[test]
fn an_output_that_became_the_source_is_released_and_never_deleted() {
    let moved = |seen: Observation| seen.finds(&[ours("source", RELAID), ours("three", OTHER)]);
    let withdraw = |seen: &mut Observation| seen.demand.on_invalid = OnInvalid::Withdraw;
    let proven = || seen().accepted(T, Expiry::Never);
    let rows = [
        ("accepted", proven(), "create one, create two, release source | delete three"),
        ("not asked", seen(), "release source | delete three"),
        ("refused", proven().refused(T + 60).refused(T + 120), "release source | delete three"),
        ("condemned, Retain", proven().condemned(T + HOUR), "release source | delete three"),
        ("condemned, Withdraw", proven().condemned(T + HOUR).with(withdraw), "release source | delete three"),
        (
            "nothing is named",
            seen().with(|seen| seen.demand.outputs.clear()),
            "release source | delete three",
        ),
    ];
    for (name, seen, expected) in rows {
        assert_eq!(changes(&decide(&moved(seen))), expected, "{name}");
    }
    let foreign = seen().finds(&[others("source")]);
    assert_eq!(changes(&decide(&foreign)), "", "the source as it mostly is");
    let bound = seen().finds(&[bound("source"), bound("one")]);
    assert_eq!(
        changes(&decide(&bound)),
        "release source",
        "without its label it would go with us all the same"
    );
    assert_eq!(stands(&decide(&bound))[0], "one ForeignSecret");
}

#[test]
fn what_a_secret_holds_is_compared_with_what_it_shall_hold() {
    let (opaque, basic) = (out("one", Format::Opaque), out("one", Format::BasicAuth));
    let (wanted, a) = (payload(&opaque, "a"), token("ghp_", "a"));
    let other = |same_token, fixed| Holds::Other { same_token, fixed };
    let rows = [
        ("the same", payload(&opaque, "a"), false, Some(&wanted), Holds::Wanted),
        ("the same, immutable", payload(&opaque, "a"), true, Some(&wanted), Holds::Wanted),
        ("another token", payload(&opaque, "b"), false, Some(&wanted), other(false, false)),
        ("another token, immutable", payload(&opaque, "b"), true, Some(&wanted), other(false, true)),
        ("the token in another type", payload(&basic, "a"), false, Some(&wanted), other(true, true)),
        ("another token in another type", payload(&basic, "b"), false, Some(&wanted), other(false, true)),
        ("the token, named no more", payload(&basic, "a"), false, None, other(true, false)),
        ("another token, named no more", payload(&basic, "b"), false, None, other(false, false)),
    ];
    for (name, stands, immutable, wanted, expected) in rows {
        assert_eq!(holds(&stands, immutable, &a, wanted.map(|wanted| (wanted, false))), expected, "{name}");
    }
}
