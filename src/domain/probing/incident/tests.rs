#![expect(clippy::arithmetic_side_effects, reason = "instants of a test are small")]

use super::*;
use crate::domain::probing::tests::*;

const T: i64 = 1_772_366_400;
const LIMITS: Limits = LIMITS_OF_TESTS;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(T + second).unwrap()
}

fn token(number: usize) -> HashedToken {
    question_of(number, "a").hashed
}

fn key(number: usize) -> Key {
    question_of(number, "a").key()
}

/// The meaning of these refusals: number of the token, second, whether it counts.
fn refuse(incident: &mut Incident, refusals: &[(usize, i64, bool)]) -> Vec<Meaning> {
    let refused = |(number, second, counts): &(usize, i64, bool)| {
        incident.refused(token(*number), *counts, &LIMITS, at(*second))
    };
    refusals.iter().map(refused).collect()
}

fn begun(refusals: &[(usize, i64, bool)]) -> Incident {
    let mut incident = Incident::default();
    refuse(&mut incident, refusals);
    assert!(incident.since().is_some());
    incident
}

#[test]
fn three_tokens_that_were_accepted_before_make_an_incident_and_nothing_less_does() {
    let rows: [(&str, &[(usize, i64, bool)], bool); 6] = [
        ("three", &[(1, 0, true), (2, 5, true), (3, 9, true)], true),
        ("two", &[(1, 0, true), (2, 5, true)], false),
        ("one, three times", &[(1, 0, true), (1, 5, true), (1, 9, true)], false),
        ("two, one of them twice", &[(1, 0, true), (2, 5, true), (1, 60, true)], false),
        ("never accepted", &[(1, 0, true), (2, 5, true), (3, 9, false), (4, 10, false)], false),
        ("not within two minutes", &[(1, 0, true), (2, 60, true), (3, 121, true)], false),
    ];
    for (name, refusals, is_one) in rows {
        let mut incident = Incident::default();
        let meanings = refuse(&mut incident, refusals);
        assert_eq!(incident.since().is_some(), is_one, "{name}");
        if is_one {
            assert_eq!(meanings.last(), Some(&Meaning::Begins(vec![token(1), token(2), token(3)])), "{name}");
        }
    }
}

#[test]
fn an_acceptance_of_a_held_token_ends_it_and_one_of_another_lets_the_others_go() {
    let mut incident = begun(&[(1, 0, true), (2, 5, true), (3, 9, true)]);
    assert_eq!(refuse(&mut incident, &[(4, 10, false)]), [Meaning::Held], "also what was never accepted");
    assert!(!incident.lets(&key(9), at(11)), "the host has accepted nothing since");
    assert!(incident.lets(&key(9), at(19)), "but for one at a time");
    incident.send(key(9));
    assert!(!incident.lets(&key(8), at(30)));
    assert_eq!(incident.accepted(&token(9)), None);
    assert!(incident.lets(&key(8), at(31)) && incident.lets(&key(7), at(31)), "others are free");
    let released = incident.accepted(&token(2)).unwrap();
    assert_eq!(released.len(), 4);
    assert_eq!(incident.since(), None);
}

#[test]
fn held_tokens_are_asked_about_one_at_a_time_in_turns_at_growing_pauses() {
    let mut incident = begun(&[(1, 0, true), (2, 0, true), (3, 0, true)]);
    let (mut asked, mut last) = (Vec::new(), 0);
    let mut back: [i64; 3] = [0; 3];
    for second in 1..400 {
        for (number, back) in (1..).zip(&mut back) {
            if *back > second {
                continue;
            }
            if !incident.lets(&key(number), at(second)) {
                *back = incident.turn_away(&token(number), at(second)).unwrap().as_second() - T;
                continue;
            }
            incident.send(key(number));
            assert!(!incident.lets(&key(number % 3 + 1), at(second)), "one at a time");
            refuse(&mut incident, &[(number, second, true)]);
            asked.push((number, second - last));
            last = second;
        }
    }
    let pauses: Vec<_> = asked.iter().map(|(_, pause)| *pause).collect();
    assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1] + 3) && pauses[0] >= 10, "{asked:?}");
    assert!(pauses.iter().skip(4).all(|pause| (60..70).contains(pause)), "{asked:?}");
    assert!(asked.windows(2).all(|pair| pair[0].0 != pair[1].0), "in turns: {asked:?}");
}

#[test]
fn it_ends_after_the_hold_at_the_latest() {
    let mut incident = begun(&[(1, 0, true), (2, 5, true), (3, 9, true)]);
    let hold = LIMITS.incident_hold.as_secs();
    assert_eq!(incident.ends(&LIMITS), Some(at(9 + hold)));
    assert_eq!(incident.lapse(&LIMITS, at(8 + hold)), None);
    assert_eq!(incident.lapse(&LIMITS, at(9 + hold)).map(|held| held.len()), Some(3));
    assert_eq!(incident.lapse(&LIMITS, at(9 + hold)), None);
}

#[test]
fn a_forgotten_token_does_not_keep_the_scouts_waiting() {
    let mut incident = begun(&[(1, 0, true), (2, 0, true), (3, 0, true)]);
    incident.send(key(1));
    assert!(!incident.lets(&key(2), at(20)));
    incident.forget(&token(1));
    assert!(incident.lets(&key(2), at(20)));
    assert_eq!(incident.accepted(&token(1)), None, "it is held no longer");
}

#[test]
fn an_incident_ends_when_nobody_uses_the_tokens_any_more_that_it_holds() {
    let mut incident = begun(&[(1, 0, true), (2, 0, true), (3, 0, true)]);
    assert!(incident.lapse(&LIMITS, at(1)).is_none());
    (1..=3).for_each(|number| incident.forget(&token(number)));
    assert!(incident.lapse(&LIMITS, at(2)).is_some() && incident.since().is_none());
}

#[test]
fn an_acceptance_of_before_lets_no_other_go_also_where_the_clock_was_set_back() {
    // After how many refusals the clock is set back, if it is, and after how many a token is accepted that is not held.
    for set_back in [None, Some(0), Some(1), Some(2), Some(3)] {
        for accepted in 0..4 {
            let (mut incident, mut second) = (Incident::default(), 3600);
            for refused in 0..4 {
                if accepted == refused {
                    incident.accepted(&token(9));
                }
                if set_back == Some(refused) {
                    second = 0;
                    incident.set_back(at(second));
                }
                second += 1;
                if refused < 3 {
                    refuse(&mut incident, &[(refused, second, true)]);
                }
            }
            let row = format!("set back after {set_back:?}, accepted after {accepted}");
            assert!(incident.first().is_some_and(|first| first <= at(second)), "{row}");
            assert_eq!(incident.lets(&key(8), at(second)), accepted > 0, "{row}");
        }
    }
}

#[test]
fn no_status_makes_an_incident_last_longer_than_the_hold_after_this_process_began() {
    let hold = LIMITS.incident_hold.as_secs();
    for takes_over in [true, false] {
        let mut incident = Incident::default();
        if takes_over {
            incident.take_over(at(0));
        }
        for (number, second) in [(1, 0), (2, 600), (3, 1200)] {
            incident.remember(token(number), at(9 * hold), &LIMITS, at(second));
            assert_eq!(incident.ends(&LIMITS), Some(at(hold)), "{second}");
        }
        assert!(incident.lapse(&LIMITS, at(hold)).is_some());
        incident.remember(token(4), at(9 * hold), &LIMITS, at(hold + 60));
        assert_eq!(incident.since(), None);
    }
}

#[test]
fn failed_logins_of_before_are_not_forgiven_for_what_a_status_tells() {
    let mut incident = Incident::default();
    incident.remember(token(1), at(LIMITS.incident_hold.as_secs() - 600), &LIMITS, at(0));
    assert_eq!((incident.since(), incident.first()), (Some(at(-600)), Some(at(0))));
}

#[test]
fn the_end_of_one_that_went_on_is_kept_and_lies_no_later_than_a_clock_that_was_set_back() {
    let (mut incident, hold) = (Incident::default(), LIMITS.incident_hold.as_secs());
    incident.remember(token(1), at(hold), &LIMITS, at(0));
    assert!(incident.lapse(&LIMITS, at(hold)).is_some());
    assert!(incident.has_just_ended(&LIMITS, at(hold + 1)));
    incident.set_back(at(0));
    assert!(!incident.has_just_ended(&LIMITS, at(hold)), "long ago by this clock");
    // Also by this clock it began no later than this process.
    let mut incident = Incident::default();
    incident.take_over(at(3600));
    incident.set_back(at(0));
    incident.remember(token(1), at(9 * hold), &LIMITS, at(60));
    assert_eq!(incident.ends(&LIMITS), Some(at(hold)));
}
