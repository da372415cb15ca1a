//! Questions beside identity.

use super::*;

/// A question about one purpose of the same token.
fn purpose_of(number: usize, probe: Option<Probe>) -> Question {
    Question { probe: probe.unwrap(), accepted_before: true, ..question_of(number, "a") }
}

#[test]
fn a_401_to_another_question_makes_identity_suspected_and_nothing_else() {
    let mut world = World::new(LIMITS_OF_TESTS, |_, _| accepts(1));
    world.state.ask(question_of(1, "a"), at(0));
    answers(&mut world, 0, accepts(1));
    world.state.ask(purpose_of(1, Probe::repository("acme/app")), at(1));
    answers(&mut world, 1, Reply::Answer(Answer::Refused(Refusal::BadCredentials)));
    let snapshot = world.state.snapshot(&question_of(1, "a").hashed).unwrap();
    assert!(snapshot.suspected && snapshot.knowledge.refused.is_none() && snapshot.knowledge.grant.is_some());
    world.state.ask(question_of(1, "a"), at(2));
    answers(&mut world, 2, accepts(1));
    assert!(!world.state.snapshot(&question_of(1, "a").hashed).unwrap().suspected, "identity has told");
}

#[test]
fn purposes_say_nothing_about_the_host_and_git_takes_few_places() {
    let mut world = World::new(LIMITS_OF_TESTS, |_, _| accepts(1));
    let failed = || Reply::Deferral(Deferral::new(Reason::ServerError));
    for number in 0..10 {
        world.state.ask(purpose_of(number, Probe::repository("acme/app")), at(number as i64));
        answers(&mut world, number as i64, failed());
        world.state.ask(purpose_of(number, Probe::push("acme/app")), at(number as i64));
        answers(&mut world, number as i64, failed());
    }
    assert!(world.state.admission.breaker().open().is_none(), "the API was not asked about identity");
    let places = usize::from(LIMITS_OF_TESTS.concurrency / 4).max(1);
    for number in 20..60 {
        world.state.ask(purpose_of(number, Probe::push("acme/app")), at(100));
    }
    for _ in 0..places {
        assert!(matches!(world.state.step(at(100)).0, Step::Ask(_)));
    }
    assert!(matches!(world.state.step(at(100)).0, Step::Wait(_)), "the others wait for an answer of git");
    world.state.ask(question_of(99, "b"), at(100));
    let Step::Ask(due) = world.state.step(at(100)).0 else { panic!("the API is asked") };
    assert_eq!(due.question.probe, Probe::Identity);
}

#[test]
fn a_host_in_trouble_is_asked_one_question_at_a_time_however_many_are_due_about_one_token() {
    let mut world = World::new(LIMITS_OF_TESTS, |_, _| accepts(1));
    for number in 0..3 {
        world.state.ask(question_of(number, "a"), at(0));
        answers(&mut world, 0, defers(Reason::TimedOut));
    }
    assert!(world.state.admission.breaker().open().is_some());
    let purpose = |number| purpose_of(9, Probe::repository(&format!("acme/app-{number}")));
    let taken = (0..64).filter(|number| world.state.ask(purpose(*number), at(20)).0 == Asked::Pending);
    assert_eq!(taken.count(), 1);
    assert_eq!(world.state.ask(purpose(0), at(20)).0, Asked::Pending, "it waits already");
    let Step::Ask(due) = world.state.step(at(20)).0 else { panic!("the scout goes") };
    assert!(matches!(world.state.step(at(20)).0, Step::Wait(_)), "and nothing else");
    assert!(matches!(world.state.ask(purpose(1), at(21)).0, Asked::NotNow(_)));
    let held = Answer::Proof(crate::domain::proof::Proof::Held(Default::default()));
    world.state.answered(&due.question, Exchange::of(at(21), at(21), Reply::Answer(held)));
    assert!(world.state.admission.breaker().open().is_none());
    assert_eq!(world.state.ask(purpose(1), at(21)).0, Asked::Pending);
}
