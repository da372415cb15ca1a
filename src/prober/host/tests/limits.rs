//! Hosts that are down, limits and dates.

use super::*;

#[test]
fn a_host_that_is_down_is_asked_by_one_scout_and_recovery_stays_within_the_budget() {
    let host = |token, second| {
        if (HOUR..3 * HOUR).contains(&second) { defers(Reason::ServerError) } else { accepts(token as i64) }
    };
    let mut world = World::new(LIMITS_OF_TESTS, host);
    world.connect(0..1000, "a", 0);
    world.run(0..HOUR);
    let looks = world.looks;
    world.run(HOUR..3 * HOUR);
    let asked = world.count(|_| true, HOUR..3 * HOUR);
    assert!((200..250).contains(&asked), "one question every half minute, not {asked} in two hours");
    let looks = world.looks - looks;
    assert!(looks < 1000 * 40, "a look every five minutes or so: {looks}");
    let since = (0..1000)
        .filter_map(|index| world.knowledge(index).deferred)
        .map(|deferred| deferred.since.as_second() - T);
    assert!(since.clone().count() > 950 && since.max() < Some(HOUR + 36 * MINUTE), "every one is told");
    world.run(3 * HOUR..3 * HOUR + 15 * MINUTE);
    let waiting = (0..1000).filter(|index| world.knowledge(*index).deferred.is_some()).count();
    assert_eq!(waiting, 0, "all were asked again");
    for begin in (0..3 * HOUR + 15 * MINUTE).step_by(17) {
        let minute = world.count(|_| true, begin..begin + MINUTE);
        assert!(minute <= 600, "{minute} in the minute from {begin}");
    }
}

#[test]
fn a_limit_of_one_account_holds_only_its_tokens_back() {
    let host = |token: usize, second| match token % 2 {
        0 if (HOUR..2 * HOUR).contains(&second) => {
            Reply::Deferral(Deferral { until: Some(at(2 * HOUR)), ..Deferral::new(Reason::RateLimited) })
        }
        side => accepts(side as i64),
    };
    let mut world = World::new(LIMITS_OF_TESTS, host);
    world.connect(0..40, "a", 0);
    world.run(0..2 * HOUR);
    assert_eq!(world.state.admission.breaker().open(), None);
    assert_eq!(
        world.count(|token| token % 2 == 0, HOUR..2 * HOUR),
        1,
        "the first tells it for all of the account"
    );
    assert!(world.count(|token| token % 2 == 1, HOUR..2 * HOUR) >= 119);
    world.run(2 * HOUR..2 * HOUR + 2);
    assert_eq!(world.count(|token| token % 2 == 0, 2 * HOUR..2 * HOUR + 2), 20);
}

#[test]
fn a_limit_that_names_its_account_holds_back_the_tokens_of_that_one_alone() {
    for (named, is_open) in [(None, true), (Some(7), false)] {
        let mut world = World::new(LIMITS_OF_TESTS, |_, _| accepts(1));
        for token in 0..3 {
            world.state.ask(question_of(token, "a"), at(0));
            let Step::Ask(due) = world.state.step(at(0)).0 else { panic!("it is asked") };
            let until = Some(at(HOUR));
            let limited = Reply::Deferral(Deferral { until, ..Deferral::new(Reason::RateLimited) });
            let heard = Exchange { limited_account: named, ..Exchange::of(at(0), at(0), limited) };
            world.state.answered(&due.question, heard);
        }
        assert_eq!(world.state.admission.breaker().open().is_some(), is_open, "{named:?}");
        for (account, waits) in [(7, true), (8, is_open)] {
            let question = Question { account: Some(account), ..question_of(10 + account as usize, "b") };
            let (asked, _) = world.state.ask(question, at(1));
            assert_eq!(asked != Asked::Pending, waits, "{named:?}, account {account}");
        }
    }
}

#[test]
fn a_limit_that_an_answer_announces_is_kept() {
    let rows = [
        ("GitHub's clock is a minute ahead", Some(60), 900, 840),
        ("no date", None, 900, 900),
        ("a date 400 days behind", Some(-400 * DAY), 900, 900),
        ("a reset 400 days ahead", Some(0), 400 * DAY, HOUR),
    ];
    for (name, date, reset, until) in rows {
        let mut world = World::new(LIMITS_OF_TESTS, |_, _| accepts(1));
        let question = Question { account: Some(1), ..question_of(1, "a") };
        world.state.ask(question.clone(), at(0));
        let Step::Ask(_) = world.state.step(at(0)).0 else { panic!("it is asked") };
        let limit = RateLimit { limit: 5000, remaining: 0, reset: at(reset).as_second() };
        let date = date.map(at);
        let heard = Exchange { date, limit: Some(limit), ..Exchange::of(at(0), at(0), accepts(1)) };
        world.state.answered(&question, heard);
        let (asked, _) = world.state.ask(Question { account: Some(1), ..question_of(2, "a") }, at(1));
        let spent = Deferral { until: Some(at(until)), ..Deferral::new(Reason::RateLimited) };
        assert_eq!(asked, Asked::NotNow(spent), "{name}");
        let other = Question { account: Some(2), ..question_of(3, "a") };
        assert_eq!(world.state.ask(other, at(1)).0, Asked::Pending, "{name}");
    }
}

#[test]
fn a_wrong_date_on_a_limit_makes_it_neither_longer_nor_shorter() {
    let rows = [
        ("no date", None, NotBefore::At(at(30).as_second()), 30, 0),
        ("400 days behind", Some(-400 * DAY), NotBefore::At(at(30).as_second()), 30, 1),
        ("400 days ahead", Some(400 * DAY), NotBefore::At(at(30).as_second()), 30, 1),
        ("a minute ahead", Some(60), NotBefore::At(at(90).as_second()), 30, 0),
        ("ours is 20 minutes ahead", Some(-1200), NotBefore::At(at(-300).as_second()), 900, 1),
        ("ours is 20 minutes behind", Some(1200), NotBefore::At(at(1230).as_second()), 30, 1),
        ("seconds need no date", Some(400 * DAY), NotBefore::After(60), 60, 1),
        ("a reset 400 days ahead", Some(0), NotBefore::At(at(400 * DAY).as_second()), HOUR, 0),
    ];
    for (name, date, not_before, until, outliers) in rows {
        let mut world = World::new(LIMITS_OF_TESTS, |_, _| accepts(1));
        let question = |number| Question { account: Some(1), ..question_of(number, "a") };
        world.state.ask(question(1), at(0));
        let Step::Ask(due) = world.state.step(at(0)).0 else { panic!("it is asked") };
        let by_its_own_date = date.map(at);
        let reply = Reply::Deferral(Deferral {
            until: not_before.instant(by_its_own_date, by_its_own_date.unwrap_or(at(0)), at(0)),
            ..Deferral::new(Reason::RateLimited)
        });
        let not_before = Some(not_before);
        let heard = Exchange { date: date.map(at), not_before, ..Exchange::of(at(0), at(0), reply) };
        world.state.answered(&due.question, heard);
        let limited = Deferral { until: Some(at(until)), ..Deferral::new(Reason::RateLimited) };
        let known = world.state.snapshot(&due.question.hashed).unwrap().knowledge;
        assert_eq!(known.deferred.map(|deferred| deferred.deferral), Some(limited), "{name}");
        assert_eq!(world.state.ask(question(2), at(0)).0, Asked::NotNow(limited), "{name}: of the account");
        assert_eq!(world.state.admission.clock().outliers(), outliers, "{name}");
    }
}

#[test]
fn a_wrong_date_is_counted_and_moves_nothing() {
    let mut world = World::new(LIMITS_OF_TESTS, |_, _| accepts(1));
    for (number, date) in [3, 3, 400 * DAY, 3].into_iter().enumerate() {
        world.state.ask(question_of(number, "a"), at(0));
        let Step::Ask(due) = world.state.step(at(0)).0 else { panic!("it is asked") };
        let heard = Exchange { date: Some(at(date)), ..Exchange::of(at(0), at(0), accepts(1)) };
        world.state.answered(&due.question, heard);
    }
    let clock = world.state.admission.clock();
    assert_eq!((clock.offset().as_secs(), clock.outliers()), (3, 1));
}

#[test]
fn every_request_of_a_question_is_a_point() {
    for (further, most) in [(0, 600), (1, 302), (2, 202)] {
        let mut world = World::new(LIMITS_OF_TESTS, |_, _| accepts(1));
        for number in 0..700 {
            world.state.ask(Question { accepted_before: true, ..question_of(number, "a") }, at(0));
        }
        let mut asked = 0;
        for second in 0..60 {
            while let Step::Ask(due) = world.state.step(at(second)).0 {
                asked += 1;
                let reply = accepts(asked);
                let heard = Exchange { further, ..Exchange::of(at(second), at(second), reply) };
                world.state.answered(&due.question, heard);
            }
        }
        assert!(
            (most - 20..=most).contains(&asked),
            "{asked} questions in a minute, each with {further} more"
        );
    }
}
