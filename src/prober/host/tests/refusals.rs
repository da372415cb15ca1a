//! Refusals: when they condemn, when the host is not believed, and how many logins may fail.

use super::*;

/// Questions about these tokens, which were good, wait from this second on.
fn ask_all(world: &mut World, tokens: std::ops::Range<usize>, second: i64) {
    for token in tokens {
        world.state.ask(Question { accepted_before: true, ..question_of(token, "a") }, at(second));
    }
}

#[test]
fn an_incident_of_half_a_minute_condemns_nobody() {
    let refusing = |token, second| {
        if (SETTLED..SETTLED + 25).contains(&second) { refuses() } else { accepts(token as i64) }
    };
    let mut world = World::new(LIMITS_OF_TESTS, refusing);
    world.connect(0..20, "a", 0);
    world.connect(100..200, "b", 0);
    world.run(0..SETTLED);
    // The worst case: all are asked about within it.
    world.connections.iter_mut().for_each(|connection| connection.since = SETTLED);
    ask_all(&mut world, 0..20, SETTLED);
    world.run(SETTLED..SETTLED + 25);
    world.connect([999], "c", SETTLED + 20);
    for minute in 0..60 {
        let begin = SETTLED + 25 + minute * MINUTE;
        world.run(begin..begin + MINUTE);
        assert_eq!(world.condemned(), [0; 0]);
    }
    assert_eq!(world.state.admission.incident().since(), None);
    assert!(
        world.is_accepted(999, SETTLED + 20..SETTLED + 2 * MINUTE),
        "a new one is accepted soon after it"
    );
    for token in 0..20 {
        assert!(world.is_accepted(token, SETTLED + 25..SETTLED + 2 * MINUTE), "{token} is accepted again");
    }
}

/// The process ends, and another one begins later with what the statuses remember.
fn restart(world: &mut World, second: i64) {
    for index in 0..world.connections.len() {
        world.connections[index].remembered = world.knowledge(index);
    }
    world.state = State::new(LIMITS_OF_TESTS);
    world.state.take_over(at(second));
    for connection in &world.connections {
        let known = &connection.remembered;
        let ends = known.deferred.and_then(|deferred| deferred.deferral.incident_ends);
        if let Some(ends) = ends.filter(|_| known.is_good()) {
            world.state.remember_incident(connection.question.hashed, ends, at(second));
        }
    }
    (0..world.connections.len()).for_each(|index| see(world, index, second));
}

/// The Secret of the connection is read, and what its status remembers is taken in.
fn see(world: &mut World, index: usize, second: i64) {
    let connection = &mut world.connections[index];
    (connection.since, connection.not_before) = (second, second);
    let (known, token) = (&connection.remembered, connection.question.hashed);
    match known.deferred {
        Some(deferred) => {
            world.state.remember_deferral(&token, (deferred.deferral, known.is_good()), at(second))
        }
        None if known.grant.is_some() && known.refused.is_none() => world.state.remember_good(token),
        None => {}
    }
}

const BEGINS: i64 = SETTLED;

/// All of 20 good tokens are asked about when the incident begins.
fn incident(host: fn(usize, i64) -> Reply) -> World {
    let mut world = World::new(LIMITS_OF_TESTS, host);
    world.connect(0..20, "a", 0);
    world.run(0..BEGINS);
    world.connections.iter_mut().for_each(|connection| connection.not_before = BEGINS);
    ask_all(&mut world, 0..20, BEGINS);
    world
}

const HOLD: i64 = LIMITS_OF_TESTS.incident_hold.as_secs();

#[test]
fn a_restart_makes_no_incident_longer_and_condemns_nobody_within_it() {
    let revoked = |token, second| if second >= BEGINS { refuses() } else { accepts(token as i64) };
    let mended = |token, second| {
        if (BEGINS..BEGINS + 20 * MINUTE).contains(&second) { refuses() } else { accepts(token as i64) }
    };
    for (is_revoked, restarts) in [(true, 0), (true, 1), (true, 5), (false, 1), (false, 5)] {
        let mut world = incident(if is_revoked { revoked } else { mended });
        let mut last = BEGINS;
        for number in 0..restarts {
            let next = BEGINS + MINUTE + (HOLD - 2 * MINUTE) * number / restarts;
            world.run(last..next);
            assert_eq!(world.condemned(), [0; 0], "before restart {number} of {restarts}");
            restart(&mut world, next);
            last = next;
        }
        world.run(last..BEGINS + HOLD);
        assert_eq!(world.condemned(), [0; 0], "{restarts} restarts: the hold is not over");
        // Three refusals of each, a minute apart.
        world.run(BEGINS + HOLD..BEGINS + HOLD + 10 * MINUTE);
        assert_eq!(world.state.admission.incident().since(), None, "{restarts} restarts: the hold is over");
        let condemned = world.condemned().len();
        assert_eq!(condemned, if is_revoked { 20 } else { 0 }, "{restarts} restarts: after the hold");
    }
}

#[test]
fn nobody_is_held_anew_by_a_process_that_begins_just_after_the_end() {
    let revoked = |token, second| if second >= BEGINS { refuses() } else { accepts(token as i64) };
    // The process that saw it ends before its end, and another one begins afterwards.
    for (begins, condemned) in [(HOLD, 20), (HOLD + MINUTE, 20), (HOLD + 5 * MINUTE, 0)] {
        let mut world = incident(revoked);
        world.run(BEGINS..BEGINS + HOLD - MINUTE);
        restart(&mut world, BEGINS + begins);
        world.run(BEGINS + begins..BEGINS + begins + 10 * MINUTE);
        assert_eq!(
            world.condemned().len(),
            condemned,
            "{begins}: later the host may have been well meanwhile"
        );
    }
}

#[test]
fn what_was_not_asked_about_before_a_restart_is_held_too() {
    let refusing = |token, second| if second >= BEGINS { refuses() } else { accepts(token as i64) };
    let mut world = World::new(LIMITS_OF_TESTS, refusing);
    world.connect(0..20, "a", 0);
    world.run(0..BEGINS);
    // Three make the incident, and the others are not due before the restart.
    let due = |token: &usize| if *token < 3 { BEGINS } else { i64::MAX };
    world.connections.iter_mut().for_each(|connection| connection.not_before = due(&connection.token));
    ask_all(&mut world, 0..3, BEGINS);
    world.run(BEGINS..BEGINS + 10);
    assert!(world.state.admission.incident().since().is_some());
    for connection in &mut world.connections {
        connection.not_before = due(&connection.token);
    }
    world.run(BEGINS + 10..BEGINS + 2 * MINUTE);
    restart(&mut world, BEGINS + 2 * MINUTE);
    world.run(BEGINS + 2 * MINUTE..BEGINS + HOLD - 1);
    assert_eq!(world.condemned(), [0; 0]);
}

#[test]
fn a_host_that_is_well_after_a_restart_is_believed_at_once() {
    const BACK: i64 = BEGINS + 10 * MINUTE;
    let host =
        |token, second| if (BEGINS..BACK).contains(&second) { refuses() } else { accepts(token as i64) };
    let mut world = incident(host);
    world.run(BEGINS..BACK);
    restart(&mut world, BACK);
    assert_eq!(world.state.admission.incident().since(), Some(at(BEGINS)));
    world.run(BACK..BACK + 2 * MINUTE);
    assert_eq!(world.state.admission.incident().since(), None);
    let late = (0..20).filter(|token| !world.is_accepted(*token, BACK..BACK + 2 * MINUTE));
    assert_eq!(late.count(), 0, "each is asked about as soon as the incident is over");
}

#[test]
fn where_only_a_part_of_a_host_refuses_a_restart_lets_nobody_end_the_incident_who_was_not_refused() {
    // The odd ones are of the part that is well.
    let host = |token, second| {
        if second >= BEGINS && token % 2 == 0 { refuses() } else { accepts(token as i64) }
    };
    let mut world = incident(host);
    world.run(BEGINS..BEGINS + 5 * MINUTE);
    restart(&mut world, BEGINS + 5 * MINUTE);
    world.run(BEGINS + 5 * MINUTE..BEGINS + HOLD - 1);
    assert_eq!(world.state.admission.incident().since(), Some(at(BEGINS)));
    assert_eq!(world.condemned(), [0; 0]);
    let well = (0..20).filter(|token| world.is_accepted(*token, BEGINS + 5 * MINUTE..BEGINS + HOLD - 1));
    assert_eq!(well.collect::<Vec<_>>(), (0..20).filter(|token| token % 2 == 1).collect::<Vec<_>>());
}

#[test]
fn what_was_condemned_before_an_incident_stays_condemned() {
    let host = |token, second| {
        let ended = token == 0 && second >= BEGINS - 10 * MINUTE;
        if ended || second >= BEGINS { refuses() } else { accepts(token as i64) }
    };
    for restarts in [false, true] {
        let mut world = World::new(LIMITS_OF_TESTS, host);
        world.connect(0..20, "a", 0);
        world.run(0..BEGINS - 10 * MINUTE);
        world.connections[0].not_before = BEGINS - 10 * MINUTE;
        world.state.ask(Question { accepted_before: true, ..question_of(0, "a") }, at(BEGINS - 10 * MINUTE));
        world.run(BEGINS - 10 * MINUTE..BEGINS);
        assert_eq!(world.condemned(), [0]);
        for minute in 0..2 * HOLD / MINUTE {
            let second = BEGINS + minute * MINUTE;
            if restarts && minute == 10 {
                restart(&mut world, second);
            }
            world.run(second..second + MINUTE);
            assert!(world.condemned().contains(&0), "minute {minute}, {restarts}");
        }
        assert_eq!(world.condemned().len(), 20, "{restarts}");
    }
}

#[test]
fn an_outage_before_an_incident_makes_its_hold_no_shorter_over_a_restart() {
    const OUTAGE: i64 = BEGINS - HOLD + 2 * MINUTE;
    let host = |token, second| match second {
        BEGINS.. => refuses(),
        OUTAGE.. => Reply::Deferral(Deferral::new(Reason::ServerError)),
        _ => accepts(token as i64),
    };
    let mut world = incident(host);
    // The breaker closes after a while, and what the tokens are refused with begins then.
    let mut second = BEGINS;
    while world.state.admission.incident().since().is_none() {
        world.run(second..second + 1);
        second += 1;
        assert!(second < BEGINS + HOLD, "no incident is seen");
    }
    world.run(second..second + 5 * MINUTE);
    restart(&mut world, second + 5 * MINUTE);
    world.run(second + 5 * MINUTE..second - 1 + HOLD);
    assert_eq!(world.condemned(), [0; 0]);
}

#[test]
fn the_latest_incident_that_statuses_remember_goes_on() {
    let mut world = World::new(LIMITS_OF_TESTS, |token, _| accepts(token as i64));
    world.state.take_over(at(MINUTE));
    // One is of an incident before, which is over: its status was not written again.
    for (token, ends) in [(1, HOLD - 10 * MINUTE), (2, HOLD), (3, 9 * HOLD), (4, HOLD)] {
        let token = question_of(token, "a").hashed;
        world.state.remember_incident(token, at(ends), at(2 * MINUTE));
        let began = if ends > HOLD { MINUTE } else { ends - HOLD };
        let began =
            began.max(world.state.admission.incident().since().map_or(i64::MIN, |at| at.as_second() - T));
        assert_eq!(world.state.admission.incident().since(), Some(at(began)), "{ends}");
    }
    // What an incident of before held back says nothing of the latest.
    for (token, goes_on) in [(1, true), (2, true), (4, true), (3, false)] {
        world.state.ask(Question { accepted_before: true, ..question_of(token, "a") }, at(3 * MINUTE));
        answers(&mut world, 3 * MINUTE, accepts(1));
        assert_eq!(world.state.admission.incident().since().is_some(), goes_on, "{token} is accepted");
    }
    // Statuses that are read later tell of nothing newer.
    for (token, second, ends) in [(5, 4, HOLD), (1, 4, 9 * HOLD), (5, 4, HOLD + 2 * MINUTE)] {
        world.state.remember_incident(question_of(token, "a").hashed, at(ends), at(second * MINUTE));
        assert_eq!(world.state.admission.incident().since(), None, "{token}: {ends}");
    }
}

#[test]
fn what_was_left_is_held_again_by_whoever_uses_it_and_is_read_later() {
    let mut world = World::new(LIMITS_OF_TESTS, |_, _| refuses());
    let token = question_of(1, "a").hashed;
    world.state.remember_incident(token, at(HOLD), at(0));
    world.state.leave_incident(&token);
    let said = Deferral { incident_ends: Some(at(HOLD)), ..Deferral::new(Reason::HostRefusesMany) };
    world.state.remember_deferral(&token, (said, true), at(1));
    assert!(world.state.admission.incident().holds(&token));
}

#[test]
fn what_an_acceptance_ended_does_not_go_on_after_a_restart_though_other_trouble_follows() {
    const BACK: i64 = BEGINS + 5 * MINUTE;
    let host = |token: usize, second| match second {
        BEGINS..BACK => refuses(),
        BACK.. if token % 2 == 1 => defers(Reason::ServerError),
        _ => accepts(token as i64),
    };
    let mut world = incident(host);
    world.run(BEGINS..BACK + 10 * MINUTE);
    assert_eq!(world.state.admission.incident().since(), None, "an even one was accepted");
    restart(&mut world, BACK + 10 * MINUTE);
    assert_eq!(world.state.admission.incident().since(), None, "it is over");
}

#[test]
fn other_trouble_within_an_incident_does_not_end_it_at_a_restart() {
    const TROUBLE: i64 = BEGINS + 5 * MINUTE;
    let host = |token: usize, second| match second {
        BEGINS..TROUBLE => refuses(),
        TROUBLE.. => defers(Reason::ServerError),
        _ => accepts(token as i64),
    };
    let mut world = incident(host);
    world.run(BEGINS..TROUBLE + 10 * MINUTE);
    let held = |world: &World| {
        let holds = |token: &usize| world.state.admission.incident().holds(&question_of(*token, "a").hashed);
        (0..20).filter(holds).collect::<Vec<_>>()
    };
    let before = held(&world);
    assert!(before.len() >= 3, "{before:?}");
    restart(&mut world, TROUBLE + 10 * MINUTE);
    assert_eq!(world.state.admission.incident().since(), Some(at(BEGINS)));
    assert_eq!(held(&world), before);
}

#[test]
fn whose_secret_is_read_only_after_the_end_is_not_held_anew() {
    let revoked = |token, second| if second >= BEGINS { refuses() } else { accepts(token as i64) };
    let mut world = incident(revoked);
    let starts = BEGINS + HOLD - 3;
    world.run(BEGINS..starts);
    restart(&mut world, starts);
    // The Secrets of all but two come later.
    for connection in world.connections.iter_mut().skip(2) {
        connection.not_before = i64::MAX;
    }
    world.run(starts..starts + 5);
    (2..20).for_each(|index| see(&mut world, index, starts + 5));
    world.run(starts + 5..starts + 10 * MINUTE);
    assert_eq!(world.state.admission.incident().since(), None, "the hold is over");
    assert_eq!(world.condemned().len(), 20);
}

#[test]
fn a_token_that_was_replaced_while_no_process_ran_makes_no_incident_go_on() {
    let mut world = World::new(LIMITS_OF_TESTS, |_, _| refuses());
    let [gone, kept] = [1, 2].map(|token| question_of(token, "a"));
    for question in [&gone, &kept] {
        world.state.remember_incident(question.hashed, at(HOLD), at(0));
    }
    world.state.ask(Question { accepted_before: true, ..kept.clone() }, at(0));
    world.state.leave_incident(&kept.hashed);
    world.state.step(at(1));
    assert!(world.state.admission.incident().holds(&kept.hashed), "another connection uses it");
    world.state.leave_incident(&gone.hashed);
    assert!(!world.state.admission.incident().holds(&gone.hashed));
    let mut world = World::new(LIMITS_OF_TESTS, |_, _| refuses());
    world.state.remember_incident(gone.hashed, at(HOLD), at(0));
    world.state.leave_incident(&gone.hashed);
    world.state.step(at(1));
    assert_eq!(world.state.admission.incident().since(), None, "nobody is held");
}

#[test]
fn an_incident_that_meets_one_token_after_the_other_condemns_nobody() {
    let refusing = |token, second| {
        if (SETTLED..SETTLED + 20 * MINUTE).contains(&second) { refuses() } else { accepts(token as i64) }
    };
    let mut world = World::new(LIMITS_OF_TESTS, refusing);
    world.connect((0..40).map(|token| token * 2), "a", 0);
    world.run(0..SETTLED + HOUR);
    assert_eq!(world.condemned(), [0; 0]);
    let refused = world.count(|_| true, SETTLED..SETTLED + 20 * MINUTE);
    assert!(refused < 60, "few questions meanwhile: {refused}");
}

#[test]
fn an_incident_slower_than_its_window_condemns_nobody_where_three_tokens_are_known_also_just_after_a_restart()
{
    const ENDS: i64 = SETTLED + 25 * MINUTE;
    let refusing = |token: usize, second| {
        if (SETTLED..ENDS).contains(&second) { refuses() } else { accepts(token as i64) }
    };
    // Each token is due every 30 minutes: one refusal in 90 seconds, in three minutes and in six.
    for (tokens, condemned) in [(20, false), (10, false), (5, false), (3, false), (2, true)] {
        for restarts in [false, true] {
            let mut world = World::new(LIMITS_OF_TESTS, refusing);
            world.connect((0..tokens).map(|token| token * 2), "a", 0);
            world.run(0..SETTLED);
            if restarts {
                restart(&mut world, SETTLED);
            }
            let mut most = 0;
            for minute in 0..60 {
                world.run(SETTLED + minute * MINUTE..SETTLED + (minute + 1) * MINUTE);
                most = most.max(world.condemned().len());
            }
            let row = format!("{tokens} tokens, {restarts}");
            assert_eq!(most > 0, condemned, "{row}: {most} condemned at once");
            assert_eq!(world.condemned(), [0; 0], "{row}: all is well after it");
            let refused = world.count(|_| true, SETTLED..ENDS);
            assert!(refused < 60, "{row}: few questions meanwhile: {refused}");
        }
    }
}

#[test]
fn a_revoked_token_has_one_other_asked_about_and_is_condemned_no_later_for_that() {
    let refusing =
        |token, second| if token == 0 && second >= SETTLED { refuses() } else { accepts(token as i64) };
    let mut world = World::new(LIMITS_OF_TESTS, refusing);
    world.connect((0..5).map(|token| token * 2), "a", 0);
    world.run(0..SETTLED + HOUR);
    assert_eq!(world.condemned(), [0]);
    let refused: Vec<_> =
        world.asked.iter().filter(|(token, second, _)| *token == 0 && *second >= SETTLED).collect();
    assert_eq!(refused[1].1 - refused[0].1, MINUTE, "as soon as its refusal is confirmed");
    let witnesses = world.count(|token| token > 0, refused[0].1..refused[0].1 + 5);
    assert_eq!(witnesses, 1);
}

#[test]
fn a_host_of_which_a_part_refuses_every_token_condemns_nobody() {
    // As behind a load balancer: who asks twice may meet another machine.
    fn refusing(token: usize, second: i64) -> Reply {
        let mixed = (token as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            ^ (second as u64).wrapping_mul(0xD1B5_4A32_D192_ED03);
        let is_part = (mixed >> 40).is_multiple_of(2) && (SETTLED..SETTLED + HOUR).contains(&second);
        if is_part { refuses() } else { accepts(token as i64) }
    }
    let mut world = World::new(LIMITS_OF_TESTS, refusing);
    world.connect(0..40, "a", 0);
    world.run(0..SETTLED);
    let mut most = 0;
    for second in SETTLED..SETTLED + 70 * MINUTE {
        world.run(second..second + 1);
        most = most.max(world.condemned().len());
    }
    assert_eq!(most, 0);
    assert_eq!(world.state.admission.incident().since(), None);
}

#[test]
fn only_what_somebody_asks_about_is_a_witness() {
    // Those of suspended connections were asked about longest ago.
    for suspended in [0, 1, 2, 7] {
        let mut world =
            World::new(
                LIMITS_OF_TESTS,
                |token, second| {
                    if second >= SETTLED { refuses() } else { accepts(token as i64) }
                },
            );
        world.connect((0..suspended).map(|token| 100 + token), "b", 0);
        world.connect((0..3).map(|token| token * 2), "a", 0);
        world.run(0..HOUR);
        (0..suspended).for_each(|index| world.suspend(index));
        world.run(HOUR..SETTLED);
        for minute in 0..20 {
            world.run(SETTLED + minute * MINUTE..SETTLED + (minute + 1) * MINUTE);
            assert_eq!(world.condemned(), [0; 0], "{suspended} suspended, minute {minute}");
        }
        assert!(world.state.admission.incident().since().is_some(), "{suspended} suspended");
    }
}

#[test]
fn an_answer_that_comes_after_the_clock_was_set_back_counts_with_those_before() {
    for ahead in [0, HOUR] {
        let mut world = World::new(LIMITS_OF_TESTS, |token, _| accepts(token as i64));
        let mut due = Vec::new();
        for token in 0..3 {
            let question = Question { accepted_before: true, ..question_of(token, "a") };
            world.state.ask(question, at(ahead));
            let Step::Ask(asked) = world.state.step(at(ahead)).0 else { panic!("it is asked") };
            due.push(asked.question);
        }
        for (token, second) in [(0, ahead), (1, ahead + 1), (2, 2)] {
            let exchange = Exchange::of(at(ahead), at(second), refuses());
            world.state.hear(&due[token], exchange, at(second));
        }
        assert!(world.state.admission.incident().since().is_some(), "{ahead} s ahead");
    }
}

#[test]
fn tokens_that_are_really_revoked_at_once_are_condemned_after_the_hold() {
    let refusing = |token, second| {
        if token < 20 && second >= SETTLED { refuses() } else { accepts(token as i64) }
    };
    let mut world = World::new(LIMITS_OF_TESTS, refusing);
    world.connect(0..20, "a", 0);
    world.connect(100..150, "b", 0);
    world.run(0..SETTLED);
    world.run(SETTLED..SETTLED + 30 * MINUTE);
    assert!(world.condemned().len() < 3, "held");
    assert!(world.count(|token| token >= 100, SETTLED..SETTLED + 30 * MINUTE) >= 75, "others go on as usual");
    world.run(SETTLED + 30 * MINUTE..SETTLED + 75 * MINUTE);
    assert_eq!(world.condemned(), (0..20).collect::<Vec<_>>());
    let asked = |token| world.count(|of| of == token, SETTLED + 10 * MINUTE..SETTLED + 75 * MINUTE);
    assert!((0..20).all(|token| asked(token) >= 3), "each by three refusals of its own");
    world.run(SETTLED + 75 * MINUTE..SETTLED + 5 * HOUR);
    assert_eq!(world.condemned().len(), 20, "they make no new incident");
    assert_eq!(world.state.admission.incident().since(), None);
}

#[test]
fn a_single_token_that_is_revoked_is_condemned_after_two_refusals() {
    let refusing =
        |token, second| if token == 0 && second >= HOUR { refuses() } else { accepts(token as i64) };
    let mut world = World::new(LIMITS_OF_TESTS, refusing);
    world.connect([0, 2], "a", 0);
    world.connect([1, 3], "b", 0);
    world.run(0..HOUR + 31 * MINUTE);
    assert_eq!(world.condemned(), [0]);
    world.run(HOUR + 31 * MINUTE..2 * DAY);
    let refusals: Vec<_> =
        world.asked.iter().filter(|asked| asked.0 == 0 && asked.1 >= HOUR).map(|asked| asked.1).collect();
    let minutes: Vec<_> = refusals.iter().map(|second| (second - refusals[1]) / MINUTE).collect();
    assert_eq!(minutes[..8], [-1, 0, 5, 15, 30, 60, 120, 240], "{minutes:?}");
}

#[test]
fn dead_tokens_that_a_restart_asks_about_again_make_no_incident() {
    let mut world = World::new(LIMITS_OF_TESTS, |_, _| refuses());
    world.connect(0..50, "a", 0);
    for connection in &mut world.connections {
        let mut knowledge = Knowledge::default();
        knowledge.learn(accepts(1), at(-DAY));
        for _ in 0..5 {
            knowledge.learn(refuses(), at(-HOUR));
        }
        connection.remembered = knowledge;
    }
    world.run(0..3 * HOUR);
    assert_eq!(world.state.admission.incident().since(), None);
    assert_eq!(world.condemned().len(), 50);
    let counts: Vec<_> = (0..50).map(|index| world.knowledge(index).refused.unwrap().count).collect();
    assert!(counts.iter().all(|count| *count > 5), "they add up: {counts:?}");
}

#[test]
fn made_up_tokens_spend_the_failed_logins_of_their_namespace_only() {
    let host = |token, second| match token {
        0..200 => refuses(),
        300 if second >= HOUR => refuses(),
        _ => accepts(token as i64),
    };
    let mut world = World::new(LIMITS_OF_TESTS, host);
    world.connect([300, 301], "good", 0);
    world.run(0..HOUR);
    world.connect(0..200, "bad", HOUR);
    world.connect([400], "other", HOUR + 5);
    world.run(HOUR..HOUR + 30 * MINUTE + 61);
    assert!(world.is_accepted(400, HOUR..HOUR + MINUTE), "another tenant's new token");
    assert!(world.condemned().contains(&300), "another tenant's confirmation");
    world.run(HOUR + 30 * MINUTE + 61..9 * HOUR);
    for begin in (HOUR..8 * HOUR).step_by(60) {
        let made_up = world.count(|token| token < 200, begin..begin + HOUR);
        assert!(made_up <= 6, "{made_up} in the hour from {begin}");
    }
    let waiting = world
        .connections
        .iter()
        .filter(|connection| connection.told.is_some_and(|told| told.reason == Reason::FailedLoginsSpent));
    assert!(waiting.count() > 150, "the others are told why they wait");
}

#[test]
fn however_many_namespaces_have_a_flood_anothers_new_token_and_confirmation_do_not_wait_for_it() {
    for namespaces in [15, 40] {
        let host = |token, second| match token {
            0 if second >= HOUR => refuses(),
            0..10 => accepts(token as i64),
            _ => refuses(),
        };
        let mut world = World::new(LIMITS_OF_TESTS, host);
        world.connect([0, 1], "good", 0);
        world.run(0..HOUR);
        for namespace in 1..=namespaces {
            let first = namespace * 100;
            let name: &'static str = format!("flood-{namespace}").leak();
            // One of each comes a moment before the rest.
            world.connect([first], name, HOUR);
            world.connect(first + 1..first + 20, name, HOUR + 3);
        }
        world.connect([2], "new", HOUR + 30);
        world.run(HOUR..HOUR + 30 * MINUTE + 61);
        assert!(world.is_accepted(2, HOUR + 30..HOUR + 30 + MINUTE), "{namespaces}: a tenant's first token");
        assert!(world.condemned().contains(&0), "{namespaces}: another tenant's confirmation");
        world.connect([3], "good", HOUR + 31 * MINUTE);
        world.run(HOUR + 30 * MINUTE + 61..HOUR + 33 * MINUTE);
        let within = HOUR + 31 * MINUTE..HOUR + 32 * MINUTE;
        assert!(world.is_accepted(3, within), "{namespaces}: a new token beside accepted ones");
        let made_up = world.count(|token| token >= 100, HOUR..HOUR + 33 * MINUTE);
        assert!(made_up <= 30, "{namespaces}: {made_up} failed");
    }
}

#[test]
fn failed_logins_of_many_namespaces_hold_within_the_address() {
    let mut world = World::new(LIMITS_OF_TESTS, |_, _| refuses());
    for (number, namespace) in ["a", "b", "c", "d", "e", "f", "g", "h"].into_iter().enumerate() {
        world.connect(number * 100..number * 100 + 20, namespace, 0);
    }
    world.run(0..4 * HOUR);
    for begin in (0..3 * HOUR).step_by(60) {
        let refused = world.count(|_| true, begin..begin + HOUR);
        assert!(refused <= 30, "{refused} in the hour from {begin}");
    }
}

#[test]
fn tokens_with_a_wrong_checksum_are_asked_about_last_and_condemned_at_once() {
    let mut world = World::new(LIMITS_OF_TESTS, |token, _| if token < 10 { refuses() } else { accepts(1) });
    world.connect(0..10, "a", 0);
    world.connections.iter_mut().for_each(|connection| connection.dubious = true);
    world.connect([20], "a", 0);
    world.run(0..DAY);
    assert_eq!(world.asked[0].0, 20, "{:?}", world.asked[0]);
    assert_eq!(world.count(|token| token < 10, 0..HOUR), 3, "half of the namespace's share");
    assert_eq!(world.condemned().len(), 10);
    assert!((0..10).all(|token| world.count(|of| of == token, 0..DAY) == 1), "once a day");
}
