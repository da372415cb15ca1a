use proptest::prelude::*;

use super::*;

/// What happens to a connection.
#[derive(Clone, Debug)]
enum Event {
    Accepted(Expiry),
    Refused(Refusal),
    Silent(Reason, Option<i64>),
    Waits(i64),
    Clock(i64),
    Stored(Stored),
    Found(Vec<(u8, u8)>),
    Demand(Vec<u8>, OnInvalid, bool, bool),
    Restarts,
}

#[derive(Clone, Copy, Debug)]
enum Stored {
    Token(&'static str, u8),
    Nothing,
    Unread,
}

fn event() -> impl Strategy<Value = Event> {
    let expiry = prop_oneof![
        Just(Expiry::Never),
        Just(Expiry::Unreadable),
        (T - 2 * DAY..T).prop_map(|second| Expiry::Implausible(at(second))),
        (T - 2 * DAY..T + 40 * DAY).prop_map(|second| Expiry::At(at(second))),
    ];
    let refusal = prop_oneof![Just(Refusal::BadCredentials), Just(Refusal::AccountSuspended)];
    let prefix = prop::sample::select(vec!["ghp_", "github_pat_", "gho_", "ghs_"]);
    let stored = prop_oneof![
        4 => (prefix, 0..2_u8).prop_map(|(prefix, letter)| Stored::Token(prefix, letter)),
        1 => Just(Stored::Nothing),
        1 => Just(Stored::Unread),
    ];
    let on_invalid = prop_oneof![Just(OnInvalid::Retain), Just(OnInvalid::Withdraw)];
    prop_oneof![
        4 => expiry.prop_map(Event::Accepted),
        3 => refusal.prop_map(Event::Refused),
        2 => (prop::sample::select(Reason::ALL), prop::option::of(-DAY..DAY)).prop_map(|(reason, until)| Event::Silent(reason, until)),
        3 => (0..3 * DAY).prop_map(Event::Waits),
        1 => (-HOUR..HOUR).prop_map(Event::Clock),
        2 => stored.prop_map(Event::Stored),
        2 => prop::collection::vec((0..4_u8, 0..5_u8), 0..4).prop_map(Event::Found),
        1 => (prop::collection::vec(0..4_u8, 0..4), on_invalid, any::<bool>(), any::<bool>())
            .prop_map(|(outputs, on_invalid, suspend, scope)| Event::Demand(outputs, on_invalid, suspend, scope)),
        1 => Just(Event::Restarts),
    ]
}

fn name(number: u8) -> String {
    format!("out-{number}")
}

fn happens(mut seen: Observation, event: &Event) -> Observation {
    let now = seen.now.as_second();
    match event {
        Event::Accepted(expiry) => seen.accepted(now, *expiry),
        Event::Refused(refusal) => seen.hears(now, Reply::Answer(Answer::Refused(*refusal))),
        Event::Silent(reason, until) => {
            let until = until.map(|until| at(now + until));
            seen.hears(now, Reply::Deferral(Deferral { reason: *reason, until }))
        }
        Event::Waits(seconds) => seen.at(now + seconds),
        Event::Clock(seconds) => seen.with(|seen| seen.skew = SignedDuration::from_secs(*seconds)),
        Event::Stored(stored) => {
            seen.knowledge = Knowledge::default();
            seen.token = match stored {
                Stored::Token(prefix, letter) => Judged::Yes(token(prefix, &letter.to_string())),
                Stored::Nothing => Judged::no(Reason::SecretNotFound, "none"),
                Stored::Unread => Judged::unknown(Reason::ApiServerUnavailable, "?"),
            };
            seen
        }
        Event::Found(stands) => {
            let mut stands = stands.clone();
            stands.sort_unstable();
            stands.dedup_by_key(|(number, _)| *number);
            let stand = |(number, what): (u8, u8)| match what {
                0 => foreign(&name(number)),
                1 => ours(&name(number), older()),
                2 => ours(&name(number), Payload { type_: "other".to_owned(), ..older() }),
                _ => Found::Ours {
                    name: name(number),
                    version: version(&name(number)),
                    payload: older(),
                    immutable: true,
                },
            };
            seen.found = Ok(stands.into_iter().map(stand).collect());
            seen
        }
        Event::Demand(outputs, on_invalid, suspend, scope) => {
            let formats = [Format::Opaque, Format::BasicAuth, Format::DockerConfigJson, Format::Opaque];
            let mut outputs = outputs.clone();
            outputs.sort_unstable();
            outputs.dedup();
            let output = |number: &u8| out(&name(*number), formats[usize::from(*number)]);
            seen.demand.outputs = outputs.iter().map(output).collect();
            (seen.demand.on_invalid, seen.demand.suspend) = (*on_invalid, *suspend);
            seen.demand.requirement.scopes = if *scope { vec!["gist".to_owned()] } else { Vec::new() };
            seen
        }
        Event::Restarts => {
            seen.past = Past { since: seen.now, asked: None, released: None };
            seen
        }
    }
}

/// What must hold of every decision, whatever happened before it.
fn hold(seen: &Observation) -> Result<(), TestCaseError> {
    let (decision, again) = (decide(seen), decide(seen));
    prop_assert_eq!(format!("{decision:?}"), format!("{again:?}"));
    prop_assert_eq!(&decision.changes, &again.changes);
    prop_assert!(decision.requeue_after >= SignedDuration::from_secs(1));
    prop_assert!(decision.requeue_after <= SignedDuration::from_hours(24));
    let found = seen.found.as_deref().unwrap_or_default();
    let named = |name: &str| seen.demand.outputs.iter().any(|output| output.secret_name == name);
    for change in &decision.changes {
        let (Change::Create { name, .. } | Change::Replace { name, .. } | Change::Delete { name, .. }) =
            change;
        prop_assert!(!found.contains(&foreign(name)), "{change:?}");
        prop_assert!(!seen.demand.suspend);
        match change {
            Change::Create { name, .. } | Change::Replace { name, .. } => {
                prop_assert!(named(name));
                prop_assert!(seen.knowledge.grant.is_some() && seen.knowledge.believed_refusal().is_none());
                prop_assert!(decision.judgement.identity.yes().is_some());
                prop_assert!(requirements(seen).yes().is_some());
                prop_assert_eq!(decision.standing, Standing::Published);
            }
            Change::Delete { name, .. } if named(name) => {
                let remade = matches!(decision.standing, Standing::Published);
                prop_assert!(remade || seen.demand.on_invalid == OnInvalid::Withdraw);
                prop_assert!(remade || seen.token.yes().is_some());
            }
            Change::Delete { .. } => {}
        }
    }
    if decision.standing == Standing::Withdrawn {
        let spoken = seen.knowledge.refused.is_some() || requirements(seen).is_no();
        prop_assert!(spoken && seen.knowledge.deferred.is_none_or(|_| spoken));
        prop_assert!(decision.judgement.identity.is_no() || requirements(seen).is_no());
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_history_leads_to_a_decision_that_breaks_a_promise(events in prop::collection::vec(event(), 0..25)) {
        let mut now = seen();
        hold(&now)?;
        for event in &events {
            now = happens(now, event);
            hold(&now)?;
        }
    }

    #[test]
    fn after_the_changes_are_made_there_is_nothing_left_to_change(events in prop::collection::vec(event(), 0..25)) {
        let mut now = seen();
        for event in &events {
            now = happens(now, event);
        }
        let decision = decide(&now);
        if let Ok(found) = &mut now.found {
            for change in decision.changes {
                let (Change::Create { name, .. } | Change::Replace { name, .. } | Change::Delete { name, .. }) =
                    &change;
                found.retain(|secret| secret.name() != name);
                if let Change::Create { name, payload } | Change::Replace { name, payload, .. } = change {
                    found.push(ours(&name, payload));
                }
            }
        }
        prop_assert_eq!(decide(&now).changes, []);
        prop_assert_eq!(decide(&now).standing, decision.standing);
    }
}
