#![expect(clippy::arithmetic_side_effects, reason = "instants of a test are small")]

use super::*;
use crate::domain::probing::tests::*;

const MINUTE: i64 = 60;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_366_400 + second).unwrap()
}

fn token(number: usize) -> HashedToken {
    question_of(number, "a").hashed
}

/// Which of the first ten are brought forward when number so-and-so is answered.
fn answered(tokens: &mut Unanswered, of: usize, second: i64) -> Vec<usize> {
    let brought_forward = tokens.answered(Some(&token(of)), |_| false, at(second));
    (0..10).filter(|number| brought_forward.contains(&token(*number))).collect()
}

#[test]
fn the_first_answer_brings_every_token_forward_once() {
    let mut tokens = Unanswered::default();
    (0..3).for_each(|number| tokens.heard(token(number), true));
    assert_eq!(answered(&mut tokens, 9, 100), [0, 1, 2]);
    assert_eq!(tokens.brought_forward(&token(1)), Some(at(100)));
    for (number, second) in [(9, 101), (0, 102), (1, 200)] {
        assert_eq!(answered(&mut tokens, number, second), [0_usize; 0], "{number} at {second}");
    }
    tokens.heard(token(2), true);
    assert_eq!(answered(&mut tokens, 9, 10_000), [0_usize; 0], "it was tried");
    assert_eq!(tokens.brought_forward(&token(1)), None, "it was answered");
}

#[test]
fn a_token_that_stays_so_is_brought_forward_when_another_comes_back_and_that_ever_more_seldom() {
    let mut tokens = Unanswered::default();
    let mut instants = Vec::new();
    for second in 0..3 * 60 * MINUTE {
        if second % 20 == 0 {
            tokens.heard(token(1), true);
            tokens.heard(token(2), true);
        }
        if second % 20 == 10 && answered(&mut tokens, 2, second).contains(&1) {
            instants.push(second);
        }
    }
    let pauses: Vec<_> = instants.windows(2).map(|pair| (pair[1] - pair[0]).div_euclid(MINUTE)).collect();
    assert_eq!(pauses, [2, 4, 8, 16, 32, 64]);
}

#[test]
fn a_new_token_is_brought_forward_whatever_the_others_were() {
    let mut tokens = Unanswered::default();
    tokens.heard(token(1), true);
    assert_eq!(answered(&mut tokens, 9, 0), [1]);
    tokens.heard(token(1), true);
    tokens.heard(token(2), true);
    assert_eq!(answered(&mut tokens, 9, 1), [2]);
}

#[test]
fn one_that_is_being_asked_about_waits_for_what_that_brings() {
    let mut tokens = Unanswered::default();
    (0..2).for_each(|number| tokens.heard(token(number), true));
    let is_asking = |other: &HashedToken| *other == token(1);
    assert_eq!(tokens.answered(None, is_asking, at(0)), [token(0)]);
    tokens.heard(token(1), true);
    assert_eq!(answered(&mut tokens, 9, 1), [1]);
}

#[test]
fn what_is_forgotten_or_was_answered_before_is_not_brought_forward() {
    let mut tokens = Unanswered::default();
    (0..3).for_each(|number| tokens.heard(token(number), true));
    tokens.forget(&token(0));
    assert_eq!(answered(&mut tokens, 1, 0), [2]);
    tokens.set_back(at(-50));
    assert_eq!(tokens.brought_forward(&token(2)), Some(at(-50)));
}

#[test]
fn what_is_githubs_own_word_takes_no_turn_and_who_goes_gives_up_its_turn() {
    let mut tokens = Unanswered::default();
    tokens.heard(token(0), true);
    tokens.heard(token(1), false);
    tokens.remember(token(2), true);
    tokens.remember(token(2), true);
    assert_eq!(tokens.count(), 2);
    tokens.forget(&token(2));
    tokens.forget(&token(2));
    assert_eq!(tokens.count(), 1);
    tokens.heard(token(0), false);
    assert_eq!(tokens.count(), 0);
    tokens.heard(token(0), true);
    assert_eq!(tokens.count(), 1);
    assert_eq!(answered(&mut tokens, 9, 0), [0, 1]);
    assert_eq!(tokens.count(), 0, "the host answers");
}
