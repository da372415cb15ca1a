#![expect(clippy::arithmetic_side_effects, reason = "instants of a test are small")]

use proptest::prelude::*;

use super::*;
use crate::domain::{probing::tests::*, token::Token};

const T: i64 = 1_772_366_400;
const LIMITS: Limits =
    Limits { failed_logins_per_hour: 30, failed_logins_per_namespace: 6, ..LIMITS_OF_TESTS };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// The instants in milliseconds at which questions go that come at these distances.
fn spend(rate: Rate, distances: &[i64]) -> Vec<i64> {
    let (mut spent, mut now, mut gone) = (Spent::default(), T * 1000, Vec::new());
    for distance in distances {
        now += distance;
        let instant = |milli| Timestamp::from_millisecond(milli).unwrap();
        let next = spent.next(rate);
        if next > instant(now) {
            now = next.as_millisecond() + 1;
        }
        spent.spend(rate, instant(now));
        gone.push(now);
    }
    gone
}

proptest! {
    #[test]
    fn no_minute_has_more_questions_than_the_limit(
        limit in 1..700_u32,
        distances in prop::collection::vec(prop_oneof![Just(0), 0..200_i64, 0..20_000_i64], 1..1500),
    ) {
        let limits = Limits { points_per_minute: limit, ..LIMITS };
        let gone = spend(Rate::points(&limits), &distances);
        for (number, begin) in gone.iter().enumerate() {
            let within = gone[number..].iter().take_while(|at| **at < begin + 60_000).count();
            prop_assert!(within <= limit as usize, "{within} in a minute");
        }
    }
}

#[test]
fn a_tenth_of_the_minute_may_go_at_once_and_the_rest_evenly() {
    let limits = Limits { points_per_minute: 600, ..LIMITS };
    let gone = spend(Rate::points(&limits), &[0; 700]);
    let by = |second: i64| gone.iter().filter(|at| **at <= (T + second) * 1000).count();
    assert_eq!((by(0), by(2)), (60, 77), "nine a second");
    assert!((595..=601).contains(&by(60)), "{}", by(60));
}

#[test]
fn an_account_gets_its_share_and_nothing_while_its_limit_is_spent() {
    let mut accounts = Accounts::default();
    let limits = Limits { account_share: 20, ..LIMITS };
    for (account, told, burst) in [(1, None, 499..=500), (2, Some(15_000), 1495..=1500)] {
        accounts.spend(account, &limits, at(T));
        if let Some(limit) = told {
            accounts.told(account, limit);
        }
        let mut count = 1;
        while accounts.spent(account, &limits, at(T)).is_none() {
            accounts.spend(account, &limits, at(T));
            count += 1;
        }
        assert!(burst.contains(&count), "{account}: {count}");
    }
    accounts.block(3, at(T + 100));
    assert_eq!(accounts.blocked(3, at(T + 99)), Some(at(T + 100)));
    assert_eq!((accounts.blocked(3, at(T + 100)), accounts.blocked(1, at(T))), (None, None));
}

#[test]
fn accounts_that_nothing_holds_back_are_not_kept() {
    let mut accounts = Accounts::default();
    for number in 0..10_000 {
        accounts.spend(number, &LIMITS, at(T + number * 60));
    }
    assert!(accounts.len() < 200, "{}", accounts.len());
}

/// A question of that namespace about a token that was never accepted.
fn question(namespace: &str, dubious: bool) -> Question {
    let urgency = if dubious { Urgency::Dubious } else { Urgency::New };
    Question { urgency, ..question_of(1, namespace) }
}

/// The question that confirms a refusal.
fn confirming(question: &Question) -> Question {
    Question { urgency: Urgency::Confirm, ..question.clone() }
}

#[test]
fn failed_logins_of_one_namespace_leave_the_others_theirs() {
    let (mut logins, a, b) = (FailedLogins::default(), question("a", false), question("b", false));
    (0..6).for_each(|second| logins.failed(&confirming(&a), &LIMITS, at(T + second)));
    assert_eq!(
        logins.left(&a, &LIMITS, at(T + 10)),
        Left::Nothing(at(T + 3601)),
        "until there is room for a refusal and its confirmation"
    );
    assert_eq!(logins.left(&confirming(&a), &LIMITS, at(T + 10)), Left::Nothing(at(T + 3600)));
    assert_eq!(logins.left(&b, &LIMITS, at(T + 10)), Left::Some);
    assert_eq!(logins.left(&a, &LIMITS, at(T + 3601)), Left::Some);
    (0..24).for_each(|other| logins.failed(&question(&other.to_string(), false), &LIMITS, at(T + 20)));
    assert_eq!(logins.left(&b, &LIMITS, at(T + 30)), Left::Nothing(at(T + 3601)), "the address has no more");
    logins.forgive(at(T + 20));
    assert_eq!(logins.left(&b, &LIMITS, at(T + 30)), Left::Some, "the host's own fault does not count");
}

#[test]
fn a_third_of_the_address_is_left_to_namespaces_without_a_failure() {
    let mut logins = FailedLogins::default();
    for namespace in ["a", "b", "c", "d"] {
        let question = confirming(&question(namespace, false));
        (0..5).for_each(|_| logins.failed(&question, &LIMITS, at(T)));
    }
    assert_eq!(logins.left(&question("a", false), &LIMITS, at(T)), Left::Nothing(at(T + 3600)));
    let mut first = question("e", false);
    assert_eq!(logins.left(&first, &LIMITS, at(T)), Left::Some);
    logins.risk(&first);
    assert_eq!(logins.left(&first, &LIMITS, at(T)), Left::Nothing(at(T + 3600)), "one at a time");
    first = question("f", false);
    assert_eq!(logins.left(&first, &LIMITS, at(T)), Left::Some);
}

#[test]
fn a_clock_that_was_set_back_leaves_no_failure_ahead() {
    let (mut logins, a) = (FailedLogins::default(), question("a", false));
    (0..6).for_each(|_| logins.failed(&a, &LIMITS, at(T + 7200)));
    logins.set_back(at(T));
    assert_eq!(logins.left(&a, &LIMITS, at(T)), Left::Nothing(at(T + 3600)), "an hour from now, not three");
}

#[test]
fn failed_logins_of_the_process_before_count_once_each() {
    let (mut logins, a) = (FailedLogins::default(), question("a", false));
    logins.failed(&confirming(&a), &LIMITS, at(T));
    for number in 0..5 {
        let token = question_of(number, "a").hashed;
        let login = FailedLogin { at: at(T - 60), token, namespace: "a".into(), dubious: false };
        for _ in 0..2 {
            logins.remember(login.clone(), &LIMITS);
        }
    }
    assert_eq!(logins.count(at(T)), 6);
    assert_eq!(logins.left(&a, &LIMITS, at(T)), Left::Nothing(at(T + 3540)), "until two are an hour old");
}

#[test]
fn what_is_on_its_way_is_kept_for() {
    let (mut logins, a, b) = (FailedLogins::default(), question("a", false), question("b", false));
    (0..2).for_each(|_| logins.failed(&confirming(&a), &LIMITS, at(T)));
    (0..2).for_each(|_| logins.risk(&a));
    assert_eq!(logins.left(&a, &LIMITS, at(T)), Left::Risked);
    assert_eq!(logins.left(&b, &LIMITS, at(T)), Left::Some);
    logins.risk_over(&a);
    assert_eq!(logins.left(&a, &LIMITS, at(T)), Left::Some);
}

#[test]
fn who_was_refused_once_keeps_room_for_the_confirmation() {
    let (mut logins, one, two, three) =
        (FailedLogins::default(), question_of(1, "a"), question_of(2, "a"), question_of(3, "a"));
    for question in [&one, &two, &three] {
        assert_eq!(logins.left(question, &LIMITS, at(T)), Left::Some);
        logins.failed(question, &LIMITS, at(T));
    }
    let four = question_of(4, "a");
    assert_eq!(logins.left(&four, &LIMITS, at(T)), Left::Risked, "three are to be confirmed");
    assert_eq!(logins.left(&confirming(&one), &LIMITS, at(T)), Left::Some);
    logins.settle(&one.hashed);
    assert_eq!(logins.left(&four, &LIMITS, at(T)), Left::Risked, "one was good after all, two are left");
    logins.failed(&confirming(&two), &LIMITS, at(T));
    assert_eq!(logins.left(&four, &LIMITS, at(T)), Left::Risked);
    assert_eq!(logins.left(&confirming(&three), &LIMITS, at(T)), Left::Some);
    logins.settle(&three.hashed);
    assert_eq!(logins.left(&four, &LIMITS, at(T)), Left::Some);
}

#[test]
fn a_confirmation_that_never_comes_keeps_no_room() {
    let (mut logins, one, two) = (FailedLogins::default(), question_of(1, "a"), question_of(2, "a"));
    let limits = Limits { failed_logins_per_namespace: 3, ..LIMITS };
    logins.failed(&one, &limits, at(T));
    assert_eq!(logins.left(&two, &limits, at(T + 599)), Left::Risked);
    assert_eq!(logins.left(&two, &limits, at(T + 601)), Left::Some);
}

#[test]
fn a_budget_of_one_is_spent_by_one() {
    let (mut logins, one, two) = (FailedLogins::default(), question_of(1, "a"), question_of(2, "a"));
    let limits = Limits { failed_logins_per_namespace: 1, ..LIMITS };
    assert_eq!(logins.left(&one, &limits, at(T)), Left::Some);
    logins.failed(&one, &limits, at(T));
    for question in [&confirming(&one), &two] {
        assert_eq!(logins.left(question, &limits, at(T)), Left::Nothing(at(T + 3600)));
    }
}

#[test]
fn tokens_with_a_wrong_checksum_get_half_of_their_namespace() {
    let (mut logins, dubious, sound) = (FailedLogins::default(), question("a", true), question("a", false));
    (0..2).for_each(|_| logins.failed(&dubious, &LIMITS, at(T)));
    logins.risk(&dubious);
    assert_eq!(logins.left(&dubious, &LIMITS, at(T)), Left::Risked);
    logins.risk_over(&dubious);
    logins.failed(&dubious, &LIMITS, at(T));
    assert_eq!(logins.left(&dubious, &LIMITS, at(T)), Left::Nothing(at(T + 3600)));
    assert_eq!(logins.left(&sound, &LIMITS, at(T)), Left::Some);
}

#[test]
fn a_token_of_the_tests_is_a_token() {
    let token: &Token = &question("a", false).token;
    assert_eq!(token.hashed(), question("b", true).hashed);
}
