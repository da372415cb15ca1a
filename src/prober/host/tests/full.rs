//! More questions than may wait.

use super::*;
use crate::domain::probing::queue::CAPACITY;

/// A question about a token that was accepted before.
fn good(number: usize, namespace: &str) -> Question {
    Question { accepted_before: true, ..question_of(number, namespace) }
}

#[test]
fn however_many_questions_of_one_namespace_wait_anothers_is_taken_and_goes_soon() {
    let identity: fn(usize) -> Question = |number| good(number, "a");
    let purposes: fn(usize) -> Question = |number| {
        let probe = Probe::repository(&format!("acme/app-{}", number % 64)).unwrap();
        Question { probe, ..good(number / 64, "a") }
    };
    for (name, of) in [("identity", identity), ("purposes", purposes)] {
        let mut world = World::new(LIMITS_OF_TESTS, |_, _| accepts(1));
        let taken =
            (0..CAPACITY + 500).filter(|number| world.state.ask(of(*number), at(0)).0 == Asked::Pending);
        assert_eq!(taken.count(), CAPACITY, "{name}");
        let theirs = Question { urgency: Urgency::Routine, ..good(9999, "b") };
        let (asked, changed) = world.state.ask(theirs, at(0));
        assert_eq!(asked, Asked::Pending, "{name}");
        assert_eq!(changed, [of(CAPACITY - 1).hashed], "{name}: the last gives its place");
        let last = of(CAPACITY - 1);
        assert!(!world.state.is_pending(&last.hashed, &last.probe), "{name}");
        let busy = Deferral { until: Some(at(31)), ..Deferral::new(Reason::HostBusy) };
        assert_eq!(world.state.ask(last, at(1)).0, Asked::NotNow(busy), "{name}: it comes again");
        let order = (0..4).map(|_| {
            let Step::Ask(due) = world.state.step(at(1)).0 else { panic!("it is asked") };
            due.question.namespace
        });
        assert!(order.collect::<Vec<_>>().contains(&"b".into()), "{name}");
    }
}

#[test]
fn what_is_more_urgent_goes_in_the_place_of_what_is_less_so_in_the_same_namespace() {
    let mut world = World::new(LIMITS_OF_TESTS, |_, _| accepts(1));
    let routine = |number| Question { urgency: Urgency::Routine, ..good(number, "a") };
    (0..CAPACITY).for_each(|number| assert_eq!(world.state.ask(routine(number), at(0)).0, Asked::Pending));
    assert!(matches!(world.state.ask(routine(CAPACITY), at(0)).0, Asked::NotNow(_)));
    assert_eq!(world.state.ask(good(9999, "a"), at(0)), (Asked::Pending, vec![routine(CAPACITY - 1).hashed]));
    let Step::Ask(due) = world.state.step(at(1)).0 else { panic!("it is asked") };
    assert_eq!(number(&due.question), 9999);
}

#[test]
fn a_tenant_with_more_tokens_than_may_wait_keeps_no_others_new_token_from_being_asked_within_a_minute() {
    let limits = Limits { points_per_minute: 60, ..LIMITS_OF_TESTS };
    let mut world = World::new(limits, |token, _| accepts(token as i64));
    world.connect(0..5500, "a", 0);
    let others = ["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "b9", "b10", "b11"];
    for (number, namespace) in others.into_iter().enumerate() {
        world.connect([9000 + number], namespace, 2 * MINUTE);
    }
    world.run(0..3 * MINUTE);
    for token in 9000..9012 {
        assert!(world.is_accepted(token, 2 * MINUTE..3 * MINUTE), "{token}");
    }
}

#[test]
fn that_a_namespace_finds_no_place_is_no_news_of_a_token_that_others_use_too() {
    let mut world = World::new(LIMITS_OF_TESTS, |_, _| accepts(1));
    let purpose =
        |namespace| Question { probe: Probe::repository("acme/app").unwrap(), ..good(9999, namespace) };
    let known = |world: &World| world.state.snapshot(&good(9999, "a").hashed).unwrap().knowledge.proofs;
    (0..CAPACITY).for_each(|number| assert_eq!(world.state.ask(good(number, "a"), at(0)).0, Asked::Pending));
    let (asked, changed) = world.state.ask(purpose("a"), at(0));
    assert!(matches!(asked, Asked::NotNow(Deferral { reason: Reason::HostBusy, .. })), "{asked:?}");
    assert_eq!((changed, known(&world)), (Vec::new(), BTreeMap::new()));
    assert_eq!(world.state.ask(purpose("b"), at(0)).0, Asked::Pending);
    let (token, probe) = (purpose("b").hashed, purpose("b").probe);
    assert!(world.state.is_pending(&token, &probe));
    // Another one of the largest share is pushed out, and asked for again by whoever wants to know.
    let mut world = World::new(LIMITS_OF_TESTS, |_, _| accepts(1));
    (1..CAPACITY).for_each(|number| assert_eq!(world.state.ask(good(number, "a"), at(0)).0, Asked::Pending));
    assert_eq!(world.state.ask(purpose("a"), at(0)).0, Asked::Pending);
    assert_eq!(world.state.ask(good(8888, "c"), at(0)), (Asked::Pending, vec![token]));
    assert!(!world.state.is_pending(&token, &probe));
    assert_eq!(known(&world), BTreeMap::new());
}
