//! What is said of the tokens that stand by, and while one is about to take the place of one that is of no use.

use super::{super::Standbys, *};
use crate::{
    api::STALLED,
    domain::candidate::{Candidate, Considered},
};

/// What is said of a token in use beside another one of which this was seen.
fn beside(used: &Observation, other: &Observation) -> Status {
    let other = other.clone().with(|seen| {
        seen.token = match &seen.token {
            Verdict::Yes(_) => Verdict::Yes(token("b").describe()),
            none => none.clone(),
        };
    });
    both(used, &other)
}

/// What is said of what is in use and what stands by.
fn both(used: &Observation, other: &Observation) -> Status {
    let of = |secret: &str, seen: &Observation| Candidate::new(secret, seen, None);
    let all: [Considered; 2] = [(of("pat", used), None), (of("next", other), Some(Box::new(other.clone())))];
    let standbys = Standbys { all: &all, place: 0, since: Some(at(T)), back_at: None };
    let decision = decide(used);
    let stands = stands(&decision, &[]);
    let pass = Pass { stands: &stands, standbys: Some(standbys), ..pass(used, &decision) };
    next(Before::default(), Some(3), &pass).unwrap()
}

#[test]
fn nobody_is_stalled_while_another_token_is_about_to_take_over() {
    let refused = || good().refused(T + 60).refused(T + 120);
    let expired = || good().accepted(T, Expiry::At(at(T + 100))).at(T + 120);
    let takes_over = "Secret next takes over once its token is proven; ";
    let rows = [
        ("refused, a good one", refused(), good(), "Authenticated", true),
        ("refused, a new one", refused(), seen(), "Authenticated", true),
        ("refused, a dead one", refused(), refused(), "Authenticated", false),
        (
            "refused, one in an outage",
            refused(),
            seen().deferred(T, Reason::ServerError),
            "Authenticated",
            true,
        ),
        (
            "refused, an empty Secret",
            refused(),
            seen().has_no_token(Reason::TokenEmpty),
            "Authenticated",
            false,
        ),
        ("expired, a good one", expired(), good(), "Authenticated", true),
        ("lacks a scope, a good one", good().lacks_a_scope(), good(), "RequirementsMet", true),
        (
            "lacks a scope, another such one",
            good().lacks_a_scope(),
            good().lacks_a_scope(),
            "RequirementsMet",
            false,
        ),
    ];
    for (name, used, other, type_, is_coming) in rows {
        let status = beside(&used, &other);
        assert_eq!(said(&status, type_).0, "False", "{name}: the token is of no use all the same");
        assert_eq!(said(&status, "Ready").0, "False", "{name}");
        for type_ in ["Ready", type_] {
            let message = status.message(type_).unwrap();
            assert_eq!(message.starts_with(takes_over), is_coming, "{name}: {message}");
        }
        assert_eq!(status.condition(STALLED).is_none(), is_coming, "{name}");
    }
    // A fault that has nothing to do with the token in use is no matter of another one.
    let status = beside(&good().finds(&[others("out")]), &good());
    assert!(!status.message("Ready").unwrap().contains("takes over"));
}

#[test]
fn each_candidate_names_its_token_and_when_that_ends() {
    let ends = |seconds| good().accepted(T, Expiry::At(at(T + seconds)));
    let status = beside(&ends(86_400), &ends(172_800));
    let named = status.candidates.iter().map(|candidate| {
        let token = candidate.token.as_deref().unwrap();
        (&*token.secret_name, token.expires_at.as_ref().unwrap().0)
    });
    assert_eq!(named.collect::<Vec<_>>(), [("pat", at(T + 86_400)), ("next", at(T + 172_800))]);
    let (token, used) = (status.token.as_ref().unwrap(), status.candidates[0].token.as_deref().unwrap());
    assert_eq!((used.hashed_token, &used.login), (token.hashed_token, &token.login));
    assert!(token.checked_at.is_some());
    assert_eq!(used.checked_at, None, "what changes with each question stands there once");
    let messages: Vec<_> = status.candidates.iter().map(|candidate| candidate.message.as_deref()).collect();
    assert_eq!(messages[0], None, "nothing is to be done about the one in use");
    let next = messages[1].unwrap();
    assert!(next.contains("make this Secret spec.secretRef first") && next.len() <= 256, "{next}");
}

#[test]
fn what_takes_over_and_ends_soon_too_is_warned_about() {
    let ends = |seconds| good().accepted(T, Expiry::At(at(T + seconds)));
    let rows = [
        ("for long", 300 * 86_400, "StandbyTakesOver", "; Secret next takes over"),
        ("a day longer", 2 * 86_400, "StandbyExpiresSoon", "in less than 7 days"),
    ];
    for (name, seconds, reason, end) in rows {
        let status = beside(&ends(86_400), &ends(seconds));
        assert_eq!(said(&status, "NotExpiring"), ("True", reason), "{name}");
        let message = status.message("NotExpiring").unwrap();
        assert!(message.contains("; Secret next takes over") && message.ends_with(end), "{name}: {message}");
    }
    // The Event says which one it speaks of, wherever that stands.
    let soon = beside(&ends(86_400), &ends(2 * 86_400));
    let calm = beside(&ends(300 * 86_400), &ends(2 * 86_400));
    for (name, status, begins) in
        [("both", soon, "the token expires at "), ("the standby", calm, "in Secret next, which ")]
    {
        let told: Vec<_> =
            events(Some(&both(&good(), &good())), &status).into_iter().map(|event| event.message).collect();
        let [message] = &told[..] else { panic!("{name}: {told:?}") };
        let standby = "in Secret next, which stands by, the token expires at ";
        assert!(message.starts_with(begins) && message.contains(standby), "{name}: {message}");
        assert!(message.ends_with("in less than 7 days"), "{name}: {message}");
    }
}

#[test]
fn a_secret_with_the_token_in_use_is_no_standby() {
    let status = both(&good(), &good());
    assert_eq!(said(&status, "NotExpiring"), ("True", "StandbyUnusable"));
    let same = "it holds the token that is in use from Secret pat: put the next one into it";
    let message = status.message("NotExpiring").unwrap();
    assert!(message.starts_with(&format!("Secret next is no standby ({same})")), "{message}");
    let messages: Vec<_> = status.candidates.iter().map(|candidate| candidate.message.as_deref()).collect();
    assert_eq!(messages, [None, Some(same)]);
    assert_ne!(said(&beside(&good(), &good()), "NotExpiring").1, "StandbyUnusable");
}

#[test]
fn what_stands_by_does_not_change_the_stage_of_a_warning() {
    let soon = || good().accepted(T, Expiry::At(at(T + 86_400)));
    let warned = soon().lacks_a_scope();
    let rows = [
        ("a good one", soon().has(T, &["gist"]), "takes over"),
        ("a new one", seen(), "takes over"),
        ("a dead one", good().refused(T + 60).refused(T + 120), "nothing can take over"),
    ];
    for (name, other, expected) in rows {
        let status = beside(&warned, &other);
        let message = status.message("NotExpiring").unwrap();
        let stage = "the token expires at 2026-03-02T12:00:00Z, in less than 7 days";
        assert!(message.starts_with(stage), "{name}: {message}");
        let all = [message, status.message("Ready").unwrap()].join(" ");
        assert!(all.contains(expected), "{name}: {all}");
        let is_contradicted = all.contains("Secret next takes over") && all.contains("nothing can take over");
        assert!(!is_contradicted, "{name}: {all}");
    }
}
