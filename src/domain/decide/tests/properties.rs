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
        2 => prop::collection::vec((0..5_u8, 0..7_u8), 0..5).prop_map(Event::Found),
        1 => (prop::collection::vec(0..4_u8, 0..4), on_invalid, any::<bool>(), any::<bool>())
            .prop_map(|(outputs, on_invalid, suspend, scope)| Event::Demand(outputs, on_invalid, suspend, scope)),
        1 => Just(Event::Restarts),
    ]
}

/// The fourth is the source, which no output names.
fn name(number: u8) -> String {
    if number == 4 { "source".to_owned() } else { format!("out-{number}") }
}

fn happens(mut seen: Observation, event: &Event) -> Observation {
    let now = seen.now.as_second();
    match event {
        Event::Accepted(expiry) => seen.accepted(now, *expiry),
        Event::Refused(refusal) => seen.hears(now, Reply::Answer(Answer::Refused(*refusal))),
        Event::Silent(reason, until) => {
            let until = until.map(|until| at(now + until));
            seen.hears(now, Reply::Deferral(Deferral { until, ..Deferral::new(*reason) }))
        }
        Event::Waits(seconds) => seen.at(now + seconds),
        Event::Clock(seconds) => seen.with(|seen| seen.skew = SignedDuration::from_secs(*seconds)),
        Event::Stored(stored) => {
            seen.knowledge = Knowledge::default();
            (seen.token, seen.bytes) = match stored {
                Stored::Token(prefix, letter) => {
                    let token = token(prefix, &letter.to_string());
                    (Verdict::Yes(token.describe()), Some(token))
                }
                Stored::Nothing => (Verdict::no(Reason::SecretNotFound, "none"), None),
                Stored::Unread => (Verdict::unknown(Reason::ApiServerUnavailable, "?"), None),
            };
            seen
        }
        Event::Found(stands) => {
            let mut stands = stands.clone();
            stands.sort_unstable();
            stands.dedup_by_key(|(number, _)| *number);
            let stand = |(number, what): (u8, u8)| match what {
                0 => others(&name(number)),
                1 => leaving(&name(number)),
                2 => ours(&name(number), Holds::Unread),
                3 => ours(&name(number), Holds::Wanted),
                4 => ours(&name(number), RELAID),
                5 => ours(&name(number), OTHER),
                _ => ours(&name(number), FIXED),
            };
            seen.found = stands.into_iter().map(stand).collect();
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
            seen.past = Past::unasked(seen.now);
            seen
        }
    }
}

/// What must hold of every decision, whatever happened before it.
fn hold(seen: &Observation) -> Result<(), TestCaseError> {
    let decision = decide(seen);
    prop_assert!(decision.requeue_after >= SignedDuration::from_secs(1));
    prop_assert!(decision.requeue_after <= SignedDuration::from_hours(24));
    let named = |name: &str| seen.demand.outputs.iter().any(|output| output.secret_name == name);
    let holds = |name: &str| {
        seen.found.iter().find_map(|found| match found {
            Found::Ours { name: found, holds, .. } if found == name => Some(*holds),
            _ => None,
        })
    };
    let mut names: Vec<_> = decision.changes.iter().chain(&decision.leftovers).map(Change::name).collect();
    names.sort_unstable();
    prop_assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "one change a Secret: {names:?}");
    for change in &decision.changes {
        let releases = matches!(change, Change::Release { .. });
        prop_assert!(!seen.demand.suspend || releases);
        prop_assert!(matches!(change, Change::Create { .. }) == holds(change.name()).is_none(), "{change:?}");
        match change {
            Change::Create { output, .. }
            | Change::Replace { output, .. }
            | Change::Recreate { output, .. } => {
                prop_assert!(named(&output.secret_name) && decision.plan == Plan::Write);
                prop_assert!(seen.knowledge.grant.is_some() && seen.knowledge.believed_refusal().is_none());
                prop_assert!(
                    decision.judgement.identity.yes().is_some()
                        && decision.judgement.requirements.yes().is_some()
                );
            }
            Change::Delete { name, .. } => {
                prop_assert!(
                    decision.plan == Plan::Withdraw && seen.demand.on_invalid == OnInvalid::Withdraw
                );
                prop_assert!(matches!(holds(name), Some(Holds::Wanted | RELAID)), "{change:?}");
            }
            Change::Release { name, .. } => prop_assert!(seen.demand.sources.contains(name)),
        }
    }
    for change in &decision.leftovers {
        let is_unnamed =
            !named(change.name()) && !seen.demand.sources.iter().any(|source| source == change.name());
        prop_assert!(change.verb() == "delete" && is_unnamed, "{change:?}");
    }
    if decision.plan == Plan::Withdraw {
        prop_assert!(seen.token.yes().is_some());
        prop_assert!(decision.judgement.identity.is_no() || decision.judgement.requirements.is_no());
    }
    Ok(())
}

/// The Secrets after these changes, as they are found then.
fn made(found: &mut Vec<Found>, changes: &[Change]) {
    for change in changes {
        let name = change.name();
        found.retain(|found| match found {
            Found::Ours { name: found, .. }
            | Found::Leaving { name: found, .. }
            | Found::Bound { name: found, .. }
            | Found::Adoptable { name: found, .. }
            | Found::Foreign { name: found, .. } => found != name,
        });
        if change.writes() {
            found.push(ours(name, Holds::Wanted));
        }
    }
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
        let mut now = events.iter().fold(seen(), happens);
        let (changes, leftovers, plan) = {
            let decision = decide(&now);
            (decision.changes, decision.leftovers, decision.plan)
        };
        made(&mut now.found, &changes);
        made(&mut now.found, &leftovers);
        let again = decide(&now);
        prop_assert_eq!((again.changes, again.leftovers, again.plan), (vec![], vec![], plan));
    }

    #[test]
    fn a_decision_with_bytes_and_read_outputs_misses_nothing(events in prop::collection::vec(event(), 0..25)) {
        let mut now = events.iter().fold(seen(), happens);
        for found in &mut now.found {
            if let Found::Ours { holds: holds @ Holds::Unread, .. } = found {
                *holds = OTHER;
            }
        }
        prop_assert_eq!(decide(&now).missing, Missing::default());
    }
}
