//! A gateway that answers in the place of the host, and tokens whose text brings such answers.

use super::*;

/// One whose text brings them.
const ODD: usize = 1;

fn in_the_way(_: usize, _: i64) -> Reply {
    defers(Reason::UnexplainedUnauthorized)
}

fn as_it_should(token: usize, _: i64) -> Reply {
    accepts(token as i64)
}

fn but_for_one(token: usize, second: i64) -> Reply {
    if token == ODD { in_the_way(token, second) } else { as_it_should(token, second) }
}

/// The seconds at which a token was asked about.
fn instants(world: &World, token: usize) -> Vec<i64> {
    world.asked.iter().filter(|(asked, ..)| *asked == token).map(|(_, second, _)| *second).collect()
}

#[test]
fn once_the_host_answers_one_every_connection_that_waits_is_asked_about_within_a_minute() {
    // How many tokens there are, and for how many minutes the gateway is in the way.
    for (tokens, minutes) in [(1, 95), (4, 7), (4, 95), (40, 50), (500, 95)] {
        let mut world = World::new(LIMITS_OF_TESTS, as_it_should);
        world.connect(0..tokens, "a", 0);
        world.run(0..HOUR);
        world.host = in_the_way;
        world.connect(tokens..tokens + 2, "b", HOUR);
        let mended = HOUR + minutes * MINUTE;
        world.run(HOUR..mended);
        let waits = |world: &World| -> Vec<usize> {
            (0..tokens + 2).filter(|index| world.knowledge(*index).deferred.is_some()).collect()
        };
        let waiting = waits(&world);
        assert!(waiting.len() >= 2, "{tokens} for {minutes} minutes");
        world.host = as_it_should;
        world.run(mended..mended + 40 * MINUTE);
        let first = world.asked.iter().find(|(_, second, _)| *second >= mended).unwrap().1;
        let soon = first..first + MINUTE + 2;
        let late: Vec<_> = waiting.iter().filter(|token| !world.is_accepted(**token, soon.clone())).collect();
        assert!(late.is_empty(), "{tokens} for {minutes} minutes, back at {first}: {late:?}");
        assert!(waits(&world).is_empty());
    }
}

#[test]
fn however_few_wait_for_a_host_that_answers_nobody_it_is_asked_every_minute() {
    for tokens in [1, 2, 7, 40] {
        let mut world = World::new(LIMITS_OF_TESTS, as_it_should);
        world.connect(0..tokens, "a", 0);
        world.run(0..HOUR);
        world.host = in_the_way;
        world.run(HOUR..3 * HOUR);
        let before = world.asked.iter().filter(|(_, second, _)| *second >= 2 * HOUR).count();
        let of_intervals = tokens * 6;
        assert!((55..of_intervals.max(130)).contains(&before), "{tokens}: {before} in an hour");
        world.host = as_it_should;
        world.run(3 * HOUR..3 * HOUR + 3 * MINUTE);
        let late = (0..tokens).filter(|token| !world.is_accepted(*token, 3 * HOUR..3 * HOUR + 2 * MINUTE));
        assert_eq!(late.count(), 0, "{tokens}");
    }
}

#[test]
fn tokens_that_nobody_asks_about_make_no_other_wait() {
    let mut world = World::new(LIMITS_OF_TESTS, as_it_should);
    world.connect(0..40, "a", 0);
    world.run(0..HOUR);
    world.host = in_the_way;
    world.run(HOUR..HOUR + 31 * MINUTE);
    (1..40).for_each(|index| world.suspend(index));
    world.run(HOUR + 31 * MINUTE..3 * HOUR);
    let asked = instants(&world, 0).into_iter().filter(|second| *second >= 2 * HOUR).count();
    assert!(asked >= 55, "{asked} in an hour");
    world.host = as_it_should;
    (1..40).for_each(|index| world.resume(index, 3 * HOUR));
    world.run(3 * HOUR..3 * HOUR + 3 * MINUTE);
    let late: Vec<_> =
        (0..40).filter(|token| !world.is_accepted(*token, 3 * HOUR..3 * HOUR + 2 * MINUTE)).collect();
    assert!(late.is_empty(), "{late:?}");
}

#[test]
fn a_token_that_brings_them_on_a_host_that_answers_others_is_soon_asked_about_at_its_interval_only() {
    let asked = |others: std::ops::Range<usize>| {
        let mut world = World::new(LIMITS_OF_TESTS, but_for_one);
        world.connect(others, "b", 0);
        world.connect([ODD], "a", HOUR);
        world.run(0..DAY);
        instants(&world, ODD)
    };
    let alone = asked(2..2);
    for others in [2..3, 2..4, 2..60] {
        let among = asked(others.clone());
        assert!((100..160).contains(&among.len()), "its interval is ten minutes: {}", among.len());
        for hour in 1..24 {
            let until = |instants: &[i64]| instants.iter().filter(|second| **second < hour * HOUR).count();
            assert!(until(&among) <= until(&alone), "{others:?}: {among:?}, {alone:?}");
        }
    }
}

#[test]
fn a_token_that_stays_so_after_a_repair_is_asked_about_once_for_it() {
    let mut world = World::new(LIMITS_OF_TESTS, but_for_one);
    world.connect([ODD], "a", 0);
    world.connect(2..200, "b", 0);
    world.run(0..4 * HOUR);
    world.host = in_the_way;
    world.run(4 * HOUR..6 * HOUR);
    world.host = but_for_one;
    world.run(6 * HOUR..7 * HOUR);
    let hour: Vec<_> = instants(&world, ODD).into_iter().filter(|second| *second >= 6 * HOUR).collect();
    assert!((6..=8).contains(&hour.len()), "every ten minutes, and once more: {hour:?}");
    let first = world.asked.iter().find(|(_, second, _)| *second >= 6 * HOUR).unwrap().1;
    assert!(hour[0] <= first + MINUTE + 2, "{first}: {hour:?}");
}

#[test]
fn what_a_status_remembers_from_before_a_restart_is_asked_about_within_a_minute_too() {
    let mut world = World::new(LIMITS_OF_TESTS, as_it_should);
    world.connect(0..40, "a", 0);
    for connection in &mut world.connections {
        connection.remembered.learn(in_the_way(0, 0), at(-5 * HOUR));
        let deferral = connection.remembered.deferred.unwrap().deferral;
        world.state.remember_deferral(&connection.question.hashed, (deferral, false), at(0));
    }
    world.run(0..40 * MINUTE);
    let first = world.asked[0].1;
    assert!(first > 0, "a restart asks nothing");
    let late = (0..40).filter(|token| !world.is_accepted(*token, first..first + MINUTE + 2));
    assert_eq!(late.count(), 0, "back at {first}");
}

#[test]
fn what_this_process_has_asked_about_itself_is_not_remembered_from_before() {
    let mut world = World::new(LIMITS_OF_TESTS, as_it_should);
    world.connect([ODD, 2], "a", 0);
    world.run(0..2);
    let token = world.connections[0].question.hashed;
    world.state.remember_deferral(&token, (Deferral::new(Reason::UnexpectedAnswer), true), at(2));
    world.connect([4], "b", 2);
    world.run(2..5);
    assert_eq!(world.state.admission.brought_forward(&token), None);
}

#[test]
fn a_token_that_goes_while_it_is_asked_about_leaves_nothing_and_takes_no_turn_from_another() {
    let mut world = World::new(LIMITS_OF_TESTS, as_it_should);
    let unexplained = || Reply::Deferral(Deferral::new(Reason::UnexpectedAnswer));
    for number in 0..50 {
        let question = question_of(number, "a");
        let now = at(i64::try_from(number).unwrap());
        world.state.ask(question.clone(), now);
        let Step::Ask(due) = world.state.step(now).0 else { panic!("it is asked") };
        world.state.admission.forget(&question.hashed);
        world.state.ledger.leave(&question.hashed, now);
        world.state.answered(&due.question, Exchange::of(now, now, unexplained()));
    }
    assert_eq!(world.state.admission.unanswered(), 0);
    let question = question_of(99, "b");
    world.state.ask(question.clone(), at(60));
    let Step::Ask(due) = world.state.step(at(60)).0 else { panic!("it is asked") };
    world.state.answered(&due.question, Exchange::of(at(60), at(60), unexplained()));
    assert_eq!(world.state.snapshot(&question.hashed).unwrap().unanswered, 1);
}
