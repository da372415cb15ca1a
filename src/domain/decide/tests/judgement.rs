//! What holds of the token, step by step.

use super::*;

#[test]
fn an_acceptance_is_trusted_through_silence_for_a_while() {
    use Reason::{AcceptedEarlier, BadCredentials, NotAskedYet, RefusedOnce, ServerError};
    let proven = || seen().accepted(T, Expiry::Never);
    let daily = || proven().with(|seen| seen.timing.interval = SignedDuration::from_hours(24));
    let earlier = Some(AcceptedEarlier);
    let incident =
        |seen: &mut Observation| seen.knowledge.take_back(Deferral::new(Reason::HostRefusesMany), seen.now);
    let rows = [
        ("never asked", seen(), unknown(NotAskedYet), None),
        ("deferred from the start", seen().unanswered(T), unknown(ServerError), None),
        ("refused once from the start", seen().refused(T), unknown(RefusedOnce), None),
        ("accepted", proven(), TRUE, None),
        ("accepted a day ago, not asked since", proven().at(T + DAY), TRUE, None),
        ("a moment before that is too long ago", proven().at(T + DAY + HOUR * 3 / 2 - 1), TRUE, None),
        ("accepted too long ago", proven().at(T + DAY + HOUR * 3 / 2), unknown(NotAskedYet), None),
        ("an outage", proven().unanswered(T + 60), TRUE, earlier),
        ("refused once", proven().refused(T + 60), TRUE, earlier),
        ("asked daily, one 502", daily().unanswered(T + DAY), TRUE, earlier),
        ("a moment before the end", daily().unanswered(T + DAY).at(T + 2 * DAY - 1), TRUE, earlier),
        ("at the end", daily().unanswered(T + DAY).at(T + 2 * DAY), unknown(ServerError), None),
        (
            "a long outage begins once",
            proven().unanswered(T + 60).unanswered(T + DAY).at(T + DAY + 60),
            unknown(ServerError),
            None,
        ),
        ("refused once, before the end", proven().refused(T + 60).at(T + DAY + 59), TRUE, earlier),
        ("refused once, at the end", proven().refused(T + 60).at(T + DAY + 60), unknown(RefusedOnce), None),
        (
            "refused once, then an outage: the doubt began with the refusal",
            proven().refused(T + 60).unanswered(T + HOUR).at(T + DAY + 60),
            unknown(ServerError),
            None,
        ),
        (
            "an incident of the host took the refusals back",
            proven().refused(T + 60).refused(T + 120).with(incident).at(T + DAY + 59),
            TRUE,
            Some(Reason::HostRefusesMany),
        ),
        (
            "the incident lasts",
            proven().refused(T + 60).refused(T + 120).with(incident).at(T + DAY + 60),
            unknown(Reason::HostRefusesMany),
            None,
        ),
        ("refused twice", proven().refused(T + 60).refused(T + 120), no(BadCredentials), None),
        (
            "refused, deferred, refused",
            proven().refused(T + 1).unanswered(T + 61).refused(T + 99),
            no(BadCredentials),
            None,
        ),
        ("accepted again", proven().refused(T + 1).accepted(T + 61, Expiry::Never), TRUE, None),
    ];
    for (name, seen, identity, noted) in rows {
        let judgement = decide(&seen).judgement;
        assert_eq!(word(&judgement.identity), identity, "{name}");
        assert_eq!(judgement.earlier.map(|finding| finding.reason), noted, "{name}");
    }
    let outage = proven().unanswered(T + 60);
    let message = decide(&outage).judgement.earlier.unwrap().message;
    assert!(message.contains("accepted the token at 2026-03-01T12:00:00Z"), "{message}");
    assert!(message.contains("since 2026-03-01T12:01:00Z, the host answers with server errors"), "{message}");
}

#[test]
fn one_answer_against_a_requirement_that_was_met_is_not_believed() {
    let demands = |scope: &str| {
        let scope = scope.to_owned();
        seen().with(|seen| seen.demand.requirement.scopes = vec![scope])
    };
    let met = || demands("repo").has(T, &["repo"]);
    let (missing, violated) = (no(Reason::ScopeMissing), Some(Reason::ViolatedOnce));
    let rows = [
        ("not asked", demands("repo"), unknown(Reason::NotDetermined), None),
        ("met", met(), TRUE, None),
        ("never met", demands("gist").has(T, &["repo"]), missing, None),
        ("met, then violated", met().has(T + 60, &[]), TRUE, violated),
        ("violated twice", met().has(T + 60, &[]).has(T + 120, &[]), missing, None),
        ("violated in two ways", met().has(T + 60, &[]).has(T + 120, &["gist"]), missing, None),
        ("violated, then met", met().has(T + 60, &[]).has(T + 120, &["repo"]), TRUE, None),
        ("another scope more", met().has(T + 60, &["repo", "gist"]), TRUE, None),
        (
            "violated, then met in another way",
            met().has(T + 60, &[]).has(T + 120, &["repo", "gist"]),
            TRUE,
            None,
        ),
        (
            "a wider demand",
            met().with(|seen| seen.demand.requirement.scopes.push("gist".to_owned())),
            missing,
            None,
        ),
    ];
    for (name, seen, requirements, doubted) in rows {
        let judgement = decide(&seen).judgement;
        assert_eq!(word(&judgement.requirements), requirements, "{name}");
        assert_eq!(judgement.doubted.map(|finding| finding.reason), doubted, "{name}");
    }
    let doubted = met().has(T + 60, &[]);
    let message = decide(&doubted).judgement.doubted.unwrap().message;
    assert!(message.contains("the next decides: the token lacks the scope repo"), "{message}");
}

#[test]
fn a_token_expires_at_its_instant_by_githubs_clock() {
    let ends = |skew: i64| {
        seen().accepted(T - HOUR, Expiry::At(at(T))).with(|seen| seen.skew = SignedDuration::from_secs(skew))
    };
    let (expired, soon) = (no(Reason::Expired), no(Reason::ExpiresSoon));
    let rows = [
        ("a second before", ends(0).at(T - 1), TRUE, soon),
        ("at the instant", ends(0).at(T), expired, expired),
        ("GitHub is ahead", ends(300).at(T - 300), expired, expired),
        ("GitHub is ahead, not yet", ends(300).at(T - 301), TRUE, soon),
        ("GitHub is behind", ends(-300).at(T + 299), TRUE, soon),
        ("GitHub is behind, now", ends(-300).at(T + 300), expired, expired),
        ("no answer since", ends(0).unanswered(T + 2), expired, expired),
        ("confirmed", ends(0).refused(T + 2), expired, expired),
        ("refused twice around it", ends(0).refused(T - 30).refused(T + 30), expired, expired),
        (
            "revoked before",
            ends(0).refused(T - 90).refused(T - 30).at(T),
            no(Reason::BadCredentials),
            expired,
        ),
        (
            "accepted a moment after it",
            ends(0).accepted(T + 1, Expiry::At(at(T))).at(T + 3),
            expired,
            expired,
        ),
        (
            "a date that the accepting answer contradicts counts for nothing",
            ends(0).accepted(T + 1, Expiry::Implausible(at(T))).at(T + 60),
            TRUE,
            unknown(Reason::ExpiryImplausible),
        ),
    ];
    for (name, seen, identity, expiry) in rows {
        let judgement = decide(&seen).judgement;
        assert_eq!((word(&judgement.identity), word(&judgement.expiry)), (identity, expiry), "{name}");
    }
    let ended = ends(0).at(T + HOUR);
    let Verdict::No(findings) = decide(&ended).judgement.expiry else { panic!() };
    assert!(findings[0].message.contains("expired at 2026-03-01T12:00:00Z"));
}

#[test]
fn a_warning_comes_at_each_threshold() {
    let left = |seconds: i64| seen().accepted(T, Expiry::At(at(T + seconds)));
    let rows = [
        ("far", left(169 * HOUR), None),
        ("a second too far", left(168 * HOUR + 1), None),
        ("the first", left(168 * HOUR), Some("in less than 7 days")),
        ("between", left(25 * HOUR), Some("in less than 7 days")),
        ("the second", left(24 * HOUR), Some("in less than 24 hours")),
        ("near", left(1), Some("in less than 24 hours")),
    ];
    for (name, seen, expected) in rows {
        let judgement = decide(&seen).judgement;
        let message = match &judgement.expiry {
            Verdict::No(findings) => Some(findings[0].message.as_str()),
            _ => None,
        };
        assert_eq!(message.is_some(), expected.is_some(), "{name}");
        assert!(message.unwrap_or_default().contains(expected.unwrap_or_default()), "{name}: {message:?}");
        assert_eq!(word(&judgement.identity), TRUE, "{name}: a warning is no fault");
    }
    let lengths = [
        (HOUR, "1 hour"),
        (2 * HOUR, "2 hours"),
        (90 * 60, "90 minutes"),
        (60, "1 minute"),
        (48 * HOUR, "2 days"),
    ];
    for (seconds, expected) in lengths {
        assert_eq!(hours(SignedDuration::from_secs(seconds)), expected);
    }
}

#[test]
fn what_is_known_of_the_expiry_is_said() {
    let rows = [
        ("never asked", seen(), unknown(Reason::NotDetermined)),
        ("none", seen().accepted(T, Expiry::Never), TRUE),
        ("unreadable", seen().accepted(T, Expiry::Unreadable), unknown(Reason::ExpiryUnreadable)),
        ("implausible", seen().accepted(T, Expiry::Implausible(at(T))), unknown(Reason::ExpiryImplausible)),
        ("far", seen().accepted(T, Expiry::At(at(T + 99 * DAY))), TRUE),
        (
            "known, but the source holds no token now",
            seen()
                .accepted(T, Expiry::Never)
                .with(|seen| seen.token = Verdict::no(Reason::TokenEmpty, "none")),
            unknown(Reason::NotDetermined),
        ),
    ];
    for (name, seen, expiry) in rows {
        assert_eq!(word(&decide(&seen).judgement.expiry), expiry, "{name}");
    }
}

#[test]
fn an_unknown_host_outweighs_what_else_is_unknown() {
    let unnamed = seen().with(|seen| seen.host = Verdict::unknown(Reason::HostUnknown, "?"));
    assert_eq!(word(&decide(&unnamed).judgement.identity), unknown(Reason::HostUnknown));
    let neither = unnamed.with(|seen| seen.token = Verdict::no(Reason::TokenEmpty, "none"));
    let judgement = decide(&neither).judgement;
    assert_eq!(word(&judgement.identity), unknown(Reason::HostUnknown));
    assert_eq!(word(&judgement.requirements), unknown(Reason::NotDetermined));
    let no_token = seen().with(|seen| seen.token = Verdict::no(Reason::TokenEmpty, "none"));
    assert_eq!(word(&decide(&no_token).judgement.identity), unknown(Reason::NoToken));
}

#[test]
fn an_end_that_the_spec_declares_only_makes_the_end_earlier() {
    let declares = |second: i64| {
        move |seen: &mut Observation| seen.demand.requirement.expiry.expires_at = Some(at(second))
    };
    let never = || seen().accepted(T, Expiry::Never);
    let ends = || seen().accepted(T, Expiry::At(at(T + 90 * DAY)));
    let rows = [
        ("never", never().with(declares(T + 60 * DAY)), Some(Expiry::At(at(T + 60 * DAY)))),
        ("an earlier end", ends().with(declares(T + 60 * DAY)), Some(Expiry::At(at(T + 60 * DAY)))),
        ("a later end", ends().with(declares(T + 100 * DAY)), Some(Expiry::At(at(T + 90 * DAY)))),
        ("soon", never().with(declares(T + DAY)), None),
    ];
    for (name, seen, expected) in rows {
        assert_eq!(decide(&seen).judgement.expiry.yes().copied(), expected, "{name}");
    }
    let ended = never().with(declares(T + HOUR)).at(T + HOUR);
    let judgement = decide(&ended).judgement;
    assert!(judgement.identity.is_no() && judgement.expiry.is_no(), "it is over, whatever GitHub says");
    let demands = never().with(|seen| seen.demand.requirement.expiry.required = true);
    assert!(decide(&demands).judgement.requirements.is_no());
    let declared = demands.with(declares(T + 60 * DAY));
    assert!(decide(&declared).judgement.requirements.yes().is_some());
}

#[test]
fn of_a_refused_token_nobody_says_that_more_is_to_come() {
    let rows = [
        ("never asked", seen(), "GitHub has not accepted the token yet"),
        ("refused once", seen().refused(T), "GitHub has not accepted the token yet"),
        ("refused twice", seen().refused(T).refused(T + 60), "GitHub refuses the token"),
    ];
    for (name, seen, words) in rows {
        let judgement = decide(&seen).judgement;
        for said in [said(&judgement.requirements), said(&judgement.expiry)] {
            assert_eq!(said.contains("refuses"), words.contains("refuses"), "{name}: {said}");
        }
        assert!(said(&judgement.requirements).contains(words), "{name}");
    }
}

fn said<T>(judged: &Verdict<T>) -> String {
    match judged {
        Verdict::Unknown(finding) => finding.message.clone(),
        _ => panic!("it is not known"),
    }
}
