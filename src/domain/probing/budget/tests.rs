#![expect(clippy::arithmetic_side_effects, reason = "instants of a test are small")]

use proptest::prelude::*;

use super::*;
use crate::domain::probing::tests::*;

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

proptest! {
    #[test]
    fn no_minute_has_more_arrivals_than_the_limit_if_the_first_are_on_their_way_for_up_to_a_second(
        limit in 1..700_u32,
        late in 0..1000_i64,
    ) {
        let limits = Limits { points_per_minute: limit, ..LIMITS };
        let burst = limits.points_per_minute / 10;
        let gone = spend(Rate::points(&limits), &[0; 1500]);
        // What goes at once is held up on a busy machine, what follows is not.
        let is_held_up = |number: usize| number < burst.max(1) as usize;
        let arrived = |(number, at): (usize, &i64)| if is_held_up(number) { at + late } else { *at };
        let mut arrived: Vec<_> = gone.iter().enumerate().map(arrived).collect();
        arrived.sort_unstable();
        for (number, begin) in arrived.iter().enumerate() {
            let within = arrived[number..].iter().take_while(|at| **at < begin + 60_000).count();
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
    assert_eq!(by(60), 591, "nine are left for a second that questions may be on their way");
    assert!((595..=601).contains(&by(61)), "{}", by(61));
}

#[test]
fn an_account_gets_its_share_and_nothing_while_its_limit_is_spent() {
    let mut accounts = Accounts::default();
    let limits = Limits { account_share: 2000, ..LIMITS };
    for (account, told, burst) in [(1, None, 499..=500), (2, Some(15_000), 1495..=1500)] {
        accounts.spend(account, &limits, at(T));
        if let Some(limit) = told {
            accounts.told(account, limit);
        }
        let mut count = 1;
        while accounts.spent(account, &limits, Urgency::New, at(T)).is_none() {
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
fn however_many_of_an_account_are_due_again_there_is_room_for_what_cannot_wait() {
    let mut accounts = Accounts::default();
    let limits = Limits { account_share: 2000, ..LIMITS };
    let mut gone = [0, 0];
    // Each second more are due than the share has places; one is to be confirmed once a minute.
    for second in 0..3600 {
        if second % 60 == 0 {
            assert_eq!(accounts.spent(1, &limits, Urgency::Confirm, at(T + second)), None, "{second}");
            accounts.spend(1, &limits, at(T + second));
            gone[0] += 1;
        }
        while accounts.spent(1, &limits, Urgency::Routine, at(T + second)).is_none() {
            accounts.spend(1, &limits, at(T + second));
            gone[1] += 1;
        }
    }
    assert_eq!(gone[0], 60);
    assert!((850..=940).contains(&gone[1]), "the others have the rest of the share: {gone:?}");
}

#[test]
fn accounts_that_nothing_holds_back_are_not_kept() {
    let mut accounts = Accounts::default();
    for number in 0..10_000 {
        accounts.spend(number, &LIMITS, at(T + number * 60));
    }
    assert!(accounts.len() < 200, "{}", accounts.len());
}

#[test]
fn a_rate_that_is_lowered_holds_from_the_next_one_on_and_gives_nothing_for_what_was_spent() {
    let of = |points_per_minute| Rate::points(&Limits { points_per_minute, ..LIMITS });
    for (before, after) in [(600, 60), (60, 600), (600, 10), (10, 600)] {
        let mut spent = Spent::default();
        // All of the burst of before.
        while spent.next(of(before)) <= at(T) {
            spent.spend(of(before), at(T));
        }
        let mut gone = 0;
        for second in 0..600 {
            while spent.next(of(after)) <= at(T + second) {
                spent.spend(of(after), at(T + second));
                gone += 1;
            }
        }
        let most = after * 10;
        assert!(gone <= most && gone * 10 >= most * 8, "{before} to {after}: {gone} of {most}");
    }
}
