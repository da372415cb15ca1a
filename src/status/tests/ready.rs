//! How the conditions add up to `Ready`.

use super::*;

#[test]
fn a_classic_token_that_never_expires_is_told_to_be_kept_in_use_after_eleven_months() {
    let fine = ["github_pat_", &"a".repeat(22), "_", &"b".repeat(59)].concat();
    let fine = Token::try_from(fine.as_bytes()).unwrap().describe();
    let is_told = |seen: &Observation| {
        let status = status(None, seen);
        assert_eq!(said(&status, "NotExpiring"), ("True", "NeverExpires"));
        status
            .message("NotExpiring")
            .unwrap()
            .contains("kept it in use for more than eleven months, since 2026-03-01")
    };
    let after = |days: i64| good().accepted(T + days * DAY, Expiry::Never);
    assert!(!is_told(&after(334)) && is_told(&after(335)) && is_told(&after(800)));
    assert!(
        !is_told(&after(335).with(|seen| seen.token = Verdict::Yes(fine))),
        "of GitHub's rule for classic ones"
    );
}

#[test]
fn ready_sums_up() {
    let soon = || good().accepted(T, Expiry::At(at(T + DAY)));
    let incident =
        |seen: &mut Observation| seen.knowledge.take_back(Deferral::new(Reason::HostRefusesMany), seen.now);
    let unread =
        |seen: &mut Observation| seen.token = Verdict::unknown(Reason::ApiServerUnavailable, "silent");
    let rows = [
        ("good", good(), ("True", "Ready")),
        ("new", seen(), ("Unknown", "NotAskedYet")),
        ("an outage", good().deferred(T, Reason::ServerError), ("True", "AcceptedEarlier")),
        ("an outage from the start", seen().deferred(T, Reason::ServerError), ("Unknown", "ServerError")),
        ("a long outage", good().deferred(T, Reason::ServerError).at(T + DAY), ("Unknown", "ServerError")),
        ("refused once", good().refused(T + 60), ("True", "AcceptedEarlier")),
        ("refused twice", good().refused(T + 60).refused(T + 120), ("False", "BadCredentials")),
        ("expires soon", soon(), ("True", "ExpiresSoon")),
        ("expires soon, in an outage", soon().deferred(T, Reason::TimedOut), ("True", "AcceptedEarlier")),
        ("expires soon, and a scope is missing", soon().lacks_a_scope(), ("False", "ScopeMissing")),
        ("expires soon, and a foreign Secret", soon().finds(&[others("out")]), ("False", "ForeignSecret")),
        ("expired", soon().at(T + DAY), ("False", "Expired")),
        ("unreadable expiry", good().accepted(T, Expiry::Unreadable), ("Unknown", "ExpiryUnreadable")),
        ("implausible", good().accepted(T, Expiry::Implausible(at(T))), ("True", "ExpiryImplausible")),
        ("a scope is missing", good().lacks_a_scope(), ("False", "ScopeMissing")),
        ("a scope went once", good().demands_repo().has(T + 60, &[]), ("True", "ViolatedOnce")),
        ("a scope went", good().demands_repo().has(T + 60, &[]).has(T + 120, &[]), ("False", "ScopeMissing")),
        ("the host refuses many", good().refused(T + 60).with(incident), ("True", "HostRefusesMany")),
        (
            "and for long",
            good().refused(T + 60).with(incident).at(T + 60 + DAY),
            ("Unknown", "HostRefusesMany"),
        ),
        ("a foreign Secret", good().finds(&[others("out")]), ("False", "ForeignSecret")),
        ("an output that is being deleted", good().finds(&[leaving("out")]), ("False", "Leaving")),
        ("no Secret", seen().has_no_token(Reason::SecretNotFound), ("False", "SecretNotFound")),
        (
            "no Secret, no host",
            seen().has_no_token(Reason::KeyNotFound).has_no_host(),
            ("False", "KeyNotFound"),
        ),
        ("the API server is silent", good().with(unread), ("Unknown", "ApiServerUnavailable")),
        ("an unknown host needs a person", seen().has_no_host(), ("False", "HostUnknown")),
        (
            "so does a policy, once the trust is used up",
            good().deferred(T + 9, Reason::AccessRestricted).at(T + 9 + DAY),
            ("False", "AccessRestricted"),
        ),
        (
            "before that, it does not",
            good().deferred(T + 9, Reason::AccessRestricted).at(T + 8 + DAY),
            ("True", "AcceptedEarlier"),
        ),
        ("suspended", good().suspended(), ("Unknown", "Suspended")),
    ];
    for (name, seen, expected) in rows {
        let status = status(None, &seen);
        assert_eq!(said(&status, "Ready"), expected, "{name}: {:#?}", status.conditions);
    }
}

/// `Ready` of conditions that do not hold, for these reasons.
fn of(reasons: &[Reason]) -> (&'static str, Reason) {
    of_conditions(&reasons.iter().map(|reason| (ConditionStatus::Unknown, *reason)).collect::<Vec<_>>())
}

fn of_conditions(conditions: &[(ConditionStatus, Reason)]) -> (&'static str, Reason) {
    let drafts: Vec<_> =
        conditions.iter().map(|(status, reason)| ("", says(*status, *reason, String::new()))).collect();
    let draft = super::ready(&drafts);
    (draft.status.as_str(), draft.finding.reason)
}

#[test]
fn ready_follows_from_the_severity_of_each_reason() {
    for reason in Reason::ALL {
        let expected = match reason.severity() {
            Severity::Fine => ("True", Reason::Ready),
            Severity::Note => ("True", *reason),
            Severity::Wait => ("Unknown", *reason),
            Severity::Mend => ("False", *reason),
        };
        assert_eq!(of(&[Reason::Resolved, *reason, Reason::Published]), expected, "{reason:?}");
    }
}

#[test]
fn the_gravest_reason_speaks_and_the_first_of_equals() {
    use Reason::*;
    let rows: [(&str, &[Reason], (&str, Reason)); 7] = [
        ("a note after what is fine", &[Resolved, Accepted, ExpiresSoon, Published], ("True", ExpiresSoon)),
        ("waiting after a note", &[AcceptedEarlier, ScopesUnknown, ExpiresSoon], ("Unknown", ScopesUnknown)),
        ("a fault after waiting", &[NotAskedYet, NotDetermined, ForeignSecret], ("False", ForeignSecret)),
        ("a fault before waiting", &[ScopeMissing, NotDetermined], ("False", ScopeMissing)),
        ("two faults", &[BadCredentials, Withheld], ("False", BadCredentials)),
        ("two that wait", &[ServerError, NotDetermined], ("Unknown", ServerError)),
        ("two notes", &[AcceptedEarlier, ExpiresSoon], ("True", AcceptedEarlier)),
    ];
    for (name, reasons, expected) in rows {
        assert_eq!(of(reasons), expected, "{name}");
    }
}

#[test]
fn a_condition_that_holds_is_worth_a_note_at_most() {
    for reason in Reason::ALL {
        let expected = if reason.severity() == Severity::Fine { Reason::Ready } else { *reason };
        assert_eq!(of_conditions(&[(ConditionStatus::True, *reason)]), ("True", expected), "{reason:?}");
    }
}

#[test]
fn a_raised_interval_is_named_in_ready_whatever_else_it_says() {
    let asked = Some(SignedDuration::from_secs(10));
    let note = "; spec.interval of 10s is below the administrator's minimum and was raised to 1800s";
    for (name, seen) in histories() {
        let status = written_with(None, &seen, &[], asked).unwrap();
        let message = &status.condition("Ready").unwrap().message;
        assert_eq!(message.ends_with(note), !seen.demand.suspend, "{name}: {message}");
    }
}

#[test]
fn what_ready_says_is_written_once() {
    for (name, seen) in histories() {
        let status = status(None, &seen);
        let ready = &status.condition("Ready").unwrap().message;
        let same = status.conditions.iter().filter(|condition| condition.message == *ready);
        assert_eq!(same.count(), 1, "{name}: {:#?}", status.conditions);
    }
}

#[test]
fn a_refused_token_whose_shape_is_doubtful_is_told_so_in_ready_too() {
    // Without the words of the flaw, GitHub's own ambiguity is told.
    let rows = [
        (None, "belongs to another host"),
        (
            Some(Flaw::Checksum),
            "its checksum does not match, it may have been mistyped: copy the whole token again",
        ),
        (Some(Flaw::Length), "its length is unusual, it may have been cut: copy the whole token again"),
    ];
    for (flaw, words) in rows {
        let doubtful = |seen: &mut Observation| {
            if let Verdict::Yes(token) = &mut seen.token {
                token.flaw = flaw;
            }
        };
        let worked = good().refused(T + 60).refused(T + 120).with(doubtful);
        let message = &status(None, &worked).condition("Ready").unwrap().message.clone();
        assert!(message.contains("it was revoked"), "what worked was not mistyped: {message}");
        let refused = seen().refused(T + 60).refused(T + 120).with(doubtful);
        let status = status(None, &refused);
        for type_ in ["Ready", "Authenticated"] {
            let message = status.message(type_).unwrap();
            assert!(message.contains(words), "{type_}, {flaw:?}: {message}");
        }
    }
}

#[test]
fn the_last_ten_changes_of_ready_are_kept_and_the_first_judgement_is_none() {
    let first = status(None, &good());
    assert_eq!(first.history, []);
    let mut last = first;
    for round in 0..8 {
        let start = T + 1000 + round * 1000;
        let refused = good().refused(start).refused(start + 60);
        last = status(Some(&last), &refused);
        last = status(Some(&last), &refused.accepted(start + 120, Expiry::At(at(T + 90 * DAY))));
    }
    assert_eq!(last.history.len(), 10);
    let told: Vec<_> = last.history.iter().map(|change| change.reason.as_str()).collect();
    assert_eq!(told[8..], ["BadCredentials", "Ready"]);
    assert!(last.history.is_sorted_by_key(|change| change.at.0));
    let later = good().accepted(T + 20_000, Expiry::At(at(T + 90 * DAY)));
    assert_eq!(status(Some(&last), &later).history, last.history, "nothing changes");
}

#[test]
fn an_answer_that_was_never_given_is_awaited_and_nothing_else_is() {
    let is_awaited = |seen: &Observation| status(None, seen).condition(RECONCILING).is_some();
    let rows = [
        ("not asked yet", seen(), true),
        ("deferred from the start", seen().unanswered(T), true),
        ("good", good(), false),
        ("an outage", good().unanswered(T + 60), false),
        ("a long outage", good().unanswered(T + 60).at(T + 3 * DAY), false),
        ("refused", seen().refused(T).refused(T + 60), false),
        ("no token", seen().has_no_token(Reason::TokenEmpty), false),
        ("suspended", good().suspended(), false),
    ];
    for (name, seen, expected) in rows {
        assert_eq!(is_awaited(&seen), expected, "{name}");
    }
}
