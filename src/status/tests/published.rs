//! What is said of the outputs.

use super::*;

fn names(status: &Status) -> Vec<(String, Format)> {
    status.outputs.iter().map(|output| (output.secret_name.clone(), output.format)).collect()
}

#[test]
fn the_outputs_are_those_that_stand_once_the_changes_are_made() {
    use Format::{BasicAuth, DockerConfigJson, Opaque};
    let format = |format| move |seen: &mut Observation| seen.demand.outputs[0].format = format;
    let refused = || good().refused(T + 1).refused(T + 61);
    let holds = |holds| [ours("out", holds)];
    let relaid = Holds::Other { same_token: true, fixed: true };
    let no_registry = |seen: &mut Observation| {
        format(DockerConfigJson)(seen);
        seen.host = Verdict::Yes(Host { name: "github.com".into(), addresses: without_registry() });
    };
    let rows = [
        ("created now", seen().accepted(T, Expiry::Never), Some(Opaque), ("True", "Published")),
        ("as before", good(), Some(Opaque), ("True", "Published")),
        ("not asked yet", seen(), None, ("Unknown", "NotDetermined")),
        ("nothing stands, and the token is bad", refused().finds(&[]), None, ("False", "Withheld")),
        ("retained", refused(), Some(Opaque), ("True", "Retained")),
        (
            "an earlier token, and the new one is bad",
            refused().finds(&holds(OTHER)),
            Some(Opaque),
            ("False", "Withheld"),
        ),
        (
            "an earlier token, and the new one is not proven",
            seen().finds(&holds(OTHER)),
            Some(Opaque),
            ("Unknown", "NotDetermined"),
        ),
        ("withdrawn", good().condemned(T + HOUR).withdraws(), None, ("False", "Withdrawn")),
        (
            "to be withdrawn",
            good().condemned(T + HOUR).graced(),
            Some(Opaque),
            ("False", "WithdrawalPending"),
        ),
        ("nothing stands that would go", seen().condemned(T + HOUR).graced(), None, ("False", "Withheld")),
        (
            "all that stood was polled with, and went at once",
            seen().with(format(Format::FluxGit)).condemned(T + HOUR).graced(),
            None,
            ("False", "Withdrawn"),
        ),
        (
            "the source is gone",
            good().has_no_token(Reason::SecretNotFound).graced(),
            Some(Opaque),
            ("False", "WithdrawalPending"),
        ),
        (
            "the source is gone for long",
            good()
                .has_no_token(Reason::SecretNotFound)
                .graced()
                .with(|seen| (seen.withdrawing_since, seen.withdrawing_missing) = (Some(at(T - HOUR)), true)),
            None,
            ("False", "Withdrawn"),
        ),
        (
            "not withdrawn: it holds an earlier token",
            good().condemned(T + HOUR).withdraws().finds(&holds(OTHER)),
            Some(Opaque),
            ("False", "Withheld"),
        ),
        (
            "made anew",
            good().finds(&holds(relaid)).with(format(BasicAuth)),
            Some(BasicAuth),
            ("True", "Published"),
        ),
        (
            "not made anew before the token is good",
            refused().finds(&holds(relaid)).with(format(BasicAuth)),
            Some(Opaque),
            ("False", "Withheld"),
        ),
        (
            "not laid out so, and the old layout stands",
            good().finds(&holds(relaid)).with(no_registry),
            Some(Opaque),
            ("False", "RegistryUnknown"),
        ),
        ("foreign", good().finds(&[others("out")]), None, ("False", "ForeignSecret")),
        (
            "leads back to a Secret that this connection reads",
            good().with(|seen| {
                seen.circles =
                    vec![Circle::new("out".to_owned(), ["a", "b"].map(str::to_owned).into_iter(), 2)];
            }),
            Some(Opaque),
            ("False", "PublishCycle"),
        ),
        ("being deleted", good().finds(&[leaving("out")]), Some(Opaque), ("False", "Leaving")),
        ("being deleted, not asked yet", seen().finds(&[leaving("out")]), Some(Opaque), ("False", "Leaving")),
        (
            "no longer named",
            good().with(|seen| seen.demand.outputs.clear()),
            None,
            ("True", "NothingRequested"),
        ),
    ];
    let before = status(None, &good());
    for (name, seen, stands, published) in rows {
        let status = status(Some(&before), &seen);
        let expected: Vec<_> = stands.into_iter().map(|format| ("out".to_owned(), format)).collect();
        assert_eq!(names(&status), expected, "{name}");
        assert_eq!(said(&status, "Published"), published, "{name}");
    }
}

#[test]
fn what_the_api_server_refuses_is_said() {
    let refused = [("out", Finding::new(Reason::WriteFailed, "forbidden"))];
    let status = written_with(None, &seen().accepted(T, Expiry::Never), &refused, None).unwrap();
    assert_eq!(names(&status), []);
    for type_ in ["Published", "Ready"] {
        assert_eq!(said(&status, type_), ("False", "WriteFailed"));
    }
}

#[test]
fn a_circle_is_told_before_what_another_output_lacks_for_it() {
    let seen = good().with(|seen| {
        seen.demand.outputs = ["one", "out"].map(|name| Output::new(name, Format::Opaque)).to_vec();
        seen.circles = vec![Circle::new("out".to_owned(), ["ci".to_owned()].into_iter(), 1)];
    });
    let lacks = || Finding::new(Reason::ExtraEntriesUnusable, "there is no Secret out");
    let status = written_with(None, &seen, &[("one", lacks())], None).unwrap();
    for type_ in ["Published", "Ready"] {
        assert_eq!(said(&status, type_), ("False", "PublishCycle"));
        let message = status.message(type_).unwrap();
        assert!(message.ends_with("; there is no Secret out"), "{message}");
    }
}

#[test]
fn a_secret_that_will_not_go_is_told_with_its_finalizers() {
    let condemned = good().condemned(T + HOUR).withdraws();
    let rows = [
        ("accepted", good()),
        ("not asked", seen()),
        ("refused", good().refused(T + 60).refused(T + 120)),
        ("condemned, Withdraw", condemned),
        ("no token", good().has_no_token(Reason::TokenEmpty)),
    ];
    for (name, seen) in rows {
        let status = status(None, &seen.finds(&[leaving("out")]));
        assert_eq!(said(&status, "Published"), ("False", "Leaving"), "{name}");
        let message = status.message("Published").unwrap();
        assert!(
            message.contains("Secret out ") && message.contains("example.com/backup"),
            "{name}: {message}"
        );
        assert_eq!(said(&status, "Ready").0, "False", "{name}");
    }
}

#[test]
fn each_output_that_cannot_be_written_is_named() {
    let two = |seen: &mut Observation| {
        seen.demand.outputs = ["one", "two"].map(|name| Output::new(name, Format::Opaque)).to_vec();
    };
    let seen = good().with(two).finds(&[leaving("one"), others("two")]);
    let status = status(None, &seen);
    assert_eq!(said(&status, "Published"), ("False", "Leaving"), "the first one's reason");
    let message = status.message("Published").unwrap();
    assert!(message.contains("Secret one ") && message.contains("Secret two "), "{message}");
}

#[test]
fn an_output_that_changed_while_it_was_written_is_looked_at_again() {
    let seen = good().finds(&[ours("out", OTHER)]);
    let decision = decide(&seen);
    // A conflict: what stood before stands still, whatever it is.
    let stands = decision.stands.clone();
    let pass = Pass { stands: &stands, ..pass(&seen, &decision) };
    let draft = published(&pass);
    assert_eq!((draft.status, draft.finding.reason), (ConditionStatus::Unknown, Reason::NotDetermined));
}

#[test]
fn outputs_that_may_hold_a_token_that_was_refused_before_its_source_went_are_said_to_do_so() {
    let refused = Refused { count: 3, ..Refused::once(Refusal::BadCredentials, at(T)) };
    let known = |heard| Some(Condemned { token: token("a").hashed(), heard, holders: Vec::new() });
    let (none, held) = (known(None), known(Some(refused)));
    let rows = [
        (None, false, "keep the one that was proven before"),
        (none.clone(), false, "once GitHub refuses theirs again"),
        (none, true, "keep it until a token that stands by takes over"),
        (held.clone(), true, "keep it until a token that stands by takes over"),
        (held, false, "keep the one that was proven before"),
    ];
    for (condemned, may_be_replaced, expected) in rows {
        let gone = good().has_no_token(Reason::SecretNotFound).finds(&[ours("out", Holds::Unread)]);
        let seen = gone.with(|seen| {
            seen.demand.on_invalid = OnInvalid::Withdraw;
            seen.demand.may_be_replaced = may_be_replaced;
            seen.condemned_before.clone_from(&condemned);
        });
        let status = status(None, &seen);
        assert_eq!(said(&status, "Published"), ("False", "Withheld"), "{expected}");
        let message = status.message("Published").unwrap();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn refusals_that_were_heard_after_the_source_went_are_remembered() {
    let before = status(None, &good());
    let token_before = before.token.clone().unwrap();
    let gone = good().has_no_token(Reason::SecretNotFound);
    let refused = Refused { count: 3, ..Refused::once(Refusal::BadCredentials, at(T)) };
    for (token, heard, expected) in [
        (token_before.hashed_token, Some(refused), Some(3)),
        (token_before.hashed_token, None, None),
        (token("z").hashed(), Some(refused), None),
    ] {
        let seen = gone.clone().with(|seen| {
            seen.condemned_before = Some(Condemned { token, heard, holders: Vec::new() });
        });
        let kept = status(Some(&before), &seen).token.unwrap();
        assert_eq!(kept.refused.as_ref().map(|refused| refused.count), expected);
        assert_eq!(crate::api::TokenStatus { refused: None, ..kept }, token_before);
    }
}

#[test]
fn a_grace_stands_in_the_status_until_there_is_a_good_token_again() {
    let gone = good().has_no_token(Reason::SecretNotFound).graced();
    let first = status(None, &gone);
    let withdrawal = first.withdrawal.clone().unwrap();
    assert_eq!((withdrawal.since.0, withdrawal.at.0), (at(T), at(T + HOUR)));
    assert!(first.message("Published").unwrap().contains(&at(T + HOUR).to_string()));
    assert!(first.message("Published").unwrap().contains("the source Secret is missing"));
    let digest = crate::api::StatusDigest::from(first.clone());
    let later = gone.at(T + 60).with(|seen| {
        seen.withdrawing_since = digest.withdrawing_since();
        seen.withdrawing_missing = digest.misses_source();
    });
    assert_eq!(written(Some(&first), &later), None, "nothing new is said meanwhile");
    let after = later.at(T + HOUR);
    let second = status(Some(&first), &after);
    assert_eq!((said(&second, "Published"), &second.withdrawal), (("False", "Withdrawn"), &first.withdrawal));
    assert_eq!(status(Some(&second), &good().graced()).withdrawal, None);
}

#[test]
fn who_would_poll_with_a_dead_token_is_told_unless_it_is_withdrawn() {
    use Format::{ArgoCDRepoCreds, ArgoCDRepository, BasicAuth, FluxGit, FluxNotification, Opaque};
    let rows: [(&[Format], Option<&str>); 6] = [
        (&[Opaque, BasicAuth], None),
        (&[FluxGit], Some("; Flux would go on")),
        (&[FluxNotification], Some("; Flux would go on")),
        (&[ArgoCDRepoCreds, ArgoCDRepository, Opaque], Some("; Argo CD would go on")),
        (&[FluxGit, ArgoCDRepository], Some("; Argo CD and Flux would go on")),
        (&[], None),
    ];
    for (formats, expected) in rows {
        let names: Vec<_> = (0..formats.len()).map(|number| format!("out-{number}")).collect();
        let url = |format: &Format| {
            format.as_str().starts_with("ArgoCD").then(|| "https://github.com/acme".to_owned())
        };
        let output =
            |(name, format): (&String, &Format)| Output { url: url(format), ..Output::new(name, *format) };
        let outputs = names.iter().zip(formats).map(output).collect();
        let found: Vec<_> = names.iter().map(|name| ours(name, Holds::Wanted)).collect();
        let seen = good().with(|seen| seen.demand.outputs = outputs).finds(&found);
        let says = |seen: &Observation| {
            let status = status(None, seen);
            expected.is_some_and(|expected| status.message("Published").unwrap().contains(expected))
                && status.message("Published").unwrap().contains("Withdraw")
        };
        assert_eq!(says(&seen), expected.is_some(), "{formats:?}");
        assert_eq!(
            says(&seen.clone().refused(T + 1).refused(T + 61)),
            expected.is_some(),
            "{formats:?}: retained"
        );
        let earlier = Holds::Other { same_token: false, fixed: false };
        let found: Vec<_> = names.iter().map(|name| ours(name, earlier)).collect();
        let withheld = seen.clone().finds(&found).refused(T + 1).refused(T + 61);
        if !formats.is_empty() {
            assert_eq!(said(&status(None, &withheld), "Published"), ("False", "Withheld"), "{formats:?}");
        }
        assert_eq!(says(&withheld), expected.is_some(), "{formats:?}: the outputs hold an earlier token");
        assert!(!says(&seen.clone().withdraws()), "{formats:?}");
        let replaced = seen.withdraws().with(|seen| seen.demand.may_be_replaced = true);
        assert!(!says(&replaced), "{formats:?}: the spec has it, though another token may take over first");
    }
}

#[test]
fn what_keeps_a_refused_token_though_it_is_to_be_withdrawn_says_when_that_begins() {
    let refused = || good().refused(T + 1).refused(T + 61);
    let expired = || good().accepted(T, Expiry::At(at(T + 90))).at(T + 91);
    let rows = [
        ("retained", refused(), None),
        (
            "withdraws",
            refused().withdraws(),
            Some("; spec.onInvalid takes effect with a refusal that comes ten"),
        ),
        (
            "after a grace",
            refused().graced(),
            Some("; spec.onInvalid takes effect with a refusal that comes ten"),
        ),
        ("expired", expired().withdraws(), Some("; spec.onInvalid takes effect once GitHub has confirmed")),
        ("good", good().withdraws(), None),
        ("refused once", good().refused(T + 1).withdraws(), None),
    ];
    for (name, seen, expected) in rows {
        let status = status(None, &seen);
        let message = status.message("Published").unwrap();
        match expected {
            Some(expected) => assert!(message.contains(expected), "{name}: {message}"),
            None => assert!(!message.contains("onInvalid"), "{name}: {message}"),
        }
    }
}

#[test]
fn nothing_is_called_deleted_that_may_never_have_stood() {
    let missing = seen().has_no_token(Reason::SecretNotFound).graced();
    let missing = missing.with(|seen| {
        (seen.withdrawing_since, seen.withdrawing_missing) = (Some(at(T - HOUR)), true);
    });
    for (seen, cause) in [
        (missing, "the source Secret is missing"),
        (seen().condemned(T + HOUR).withdraws(), "the token is of no use"),
    ] {
        let status = status(None, &seen);
        assert_eq!(said(&status, "Published"), ("False", "Withdrawn"));
        let message = status.message("Published").unwrap();
        assert!(message.starts_with("no output stands, since") && message.ends_with(cause), "{message}");
    }
}
