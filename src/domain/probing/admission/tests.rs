#![expect(clippy::arithmetic_side_effects, reason = "instants of a test are small")]

use super::*;
use crate::domain::{
    answer::{Expiry, Grant},
    probing::tests::*,
};

const T: i64 = 1_772_366_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(T + second).unwrap()
}

/// What the reply about a token means that was accepted before, or was not.
fn hear(admission: &mut Admission, number: usize, accepted_before: bool, good: bool, second: i64) -> Effect {
    let question = Question { accepted_before, ..question_of(number, "a") };
    let grant = Grant { account: None, scopes: None, expiry: Expiry::Never };
    let answer = if good { Answer::Granted(grant) } else { Answer::Refused(Refusal::BadCredentials) };
    let metadata = Metadata { answered: at(second), ..Metadata::default() };
    admission.answered(&question, &Reply::Answer(answer), metadata, accepted_before)
}

#[test]
fn an_incident_takes_back_its_own_failed_logins_alone_also_where_the_clock_was_set_back() {
    // After how many of its refusals the clock is set back, if it is.
    for after in [None, Some(0), Some(1), Some(2), Some(3), Some(4)] {
        let mut admission = Admission::new(LIMITS_OF_TESTS);
        let mut second = 3600;
        hear(&mut admission, 9, false, false, second);
        for refused in 0..5 {
            if after == Some(refused) {
                second = 0;
                admission.set_back(at(second));
            }
            second += 1;
            // The fourth is held, and was never accepted.
            if refused < 4 {
                hear(&mut admission, refused, refused != 3, false, second);
            }
        }
        assert_eq!(admission.state(at(second)).failed_logins, 5, "{after:?}");
        assert!(hear(&mut admission, 1, true, true, second + 1).ends_trouble, "{after:?}");
        assert_eq!(admission.state(at(second + 1)).failed_logins, 1, "{after:?}: that of the bad token");
    }
}

#[test]
fn nothing_waits_since_an_instant_that_lies_ahead_after_the_clock_was_set_back() {
    let mut admission = Admission::new(LIMITS_OF_TESTS);
    for (number, second) in [(1, -60), (2, 3600)] {
        assert!(admission.push(question_of(number, "a"), at(second)).is_ok());
    }
    admission.set_back(at(0));
    let new = Urgency::ALL.iter().position(|urgency| *urgency == Urgency::New).unwrap();
    assert_eq!(admission.state(at(0)).waiting[new], (2, Some(at(-60))));
    admission.forget(&question_of(1, "a").hashed);
    assert_eq!(admission.state(at(0)).waiting[new], (1, Some(at(0))));
}

#[test]
fn what_is_spent_of_a_host_and_of_its_accounts_is_told_until_it_has_come_back() {
    let mut admission = Admission::new(LIMITS_OF_TESTS);
    let question = |number| Question { accepted_before: true, account: Some(7), ..question_of(number, "a") };
    let spent = |admission: &Admission, second| {
        let state = admission.state(at(second));
        (state.points_spent, state.accounts_blocked)
    };
    for number in 0..5 {
        assert!(admission.push(question(number), at(0)).is_ok());
        assert!(matches!(admission.next(at(0)).step, Step::Ask(_)));
        assert_eq!(spent(&admission, 0), (u32::try_from(number).unwrap() + 1, 0));
    }
    // Ten come back each second.
    assert_eq!(spent(&admission, 1), (0, 0));
    let limited = Deferral { until: Some(at(60)), ..Deferral::new(Reason::RateLimited) };
    let metadata = Metadata { answered: at(1), ..Metadata::default() };
    admission.answered(&question(0), &Reply::Deferral(limited), metadata, true);
    assert_eq!([spent(&admission, 59), spent(&admission, 60)], [(0, 1), (0, 0)]);
}
