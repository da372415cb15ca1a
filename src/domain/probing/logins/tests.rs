use super::*;
use crate::domain::{probing::tests::*, token::Token};

const T: i64 = 1_772_366_400;
const LIMITS: Limits =
    Limits { failed_logins_per_hour: 30, failed_logins_per_namespace: 6, ..LIMITS_OF_TESTS };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
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
    logins.risk(&first, &LIMITS, at(T));
    assert_eq!(logins.left(&first, &LIMITS, at(T)), Left::Nothing(at(T + 3600)), "one at a time");
    first = question("f", false);
    assert_eq!(logins.left(&first, &LIMITS, at(T)), Left::Some);
}

#[test]
fn the_last_sixth_of_the_address_is_left_to_namespaces_with_a_few_new_tokens() {
    let mut logins = FailedLogins::default();
    let fails = |logins: &mut FailedLogins, namespace: &str, times: usize| {
        let question = confirming(&question(namespace, false));
        (0..times).for_each(|_| logins.failed(&question, &LIMITS, at(T)));
    };
    ["a", "b", "c", "d"].into_iter().for_each(|namespace| fails(&mut logins, namespace, 6));
    (0..20).for_each(|number| logins.want(&question_of(number, "flood"), at(T)));
    (0..3).for_each(|number| logins.want(&question_of(number, "few"), at(T)));
    let hour = Left::Nothing(at(T + 3600));
    let rows = [
        ("one of a flood", "flood", 30, hour),
        ("it may be one of a flood", "few", 10, Left::Nothing(at(T + 20))),
        ("it is none", "few", 20, Left::Some),
    ];
    for (name, namespace, second, expected) in rows {
        assert_eq!(logins.left(&question_of(1, namespace), &LIMITS, at(T + second)), expected, "{name}");
    }
    logins.want(&question_of(4, "few"), at(T + 20));
    assert_eq!(logins.left(&question_of(1, "few"), &LIMITS, at(T + 21)), hour, "a fourth");
    logins.settle(&question_of(4, "few").hashed);
    assert_eq!(logins.left(&question_of(1, "few"), &LIMITS, at(T + 21)), Left::Some, "it was good");
    fails(&mut logins, "few", 1);
    assert_eq!(logins.left(&question_of(1, "few"), &LIMITS, at(T + 21)), hour, "one of them was not");
}

#[test]
fn tokens_that_were_good_once_keep_half_for_new_ones() {
    let mut logins = FailedLogins::default();
    let fails = |logins: &mut FailedLogins, number: usize, namespace: &str, accepted_before: bool| {
        let question = Question { accepted_before, ..confirming(&question_of(number, namespace)) };
        logins.failed(&question, &LIMITS, at(T));
    };
    // Ten tokens of one tenant are revoked, and each is refused six times in the hour that follows.
    (0..60).for_each(|number| fails(&mut logins, number % 10, "a", true));
    assert_eq!(
        logins.left(&question("b", false), &LIMITS, at(T + 1)),
        Left::Some,
        "another tenant's new token"
    );
    assert_eq!(
        logins.left(&question("a", false), &LIMITS, at(T + 1)),
        Left::Some,
        "what replaces one of them"
    );
    (0..2).for_each(|_| fails(&mut logins, 11, "a", false));
    let hour = Left::Nothing(at(T + 3600));
    assert_eq!(logins.left(&question("a", false), &LIMITS, at(T + 1)), hour, "three and two of six");
    (0..14).for_each(|number| fails(&mut logins, number, &format!("c{number}"), false));
    (0..60).for_each(|number| fails(&mut logins, number % 10, "a", true));
    assert_eq!(
        logins.left(&question("b", false), &LIMITS, at(T + 1)),
        hour,
        "the others count in full beside them"
    );
    assert_eq!(logins.left(&question("b", false), &LIMITS, at(T + 3600)), Left::Some);
}

#[test]
fn a_clock_that_was_set_back_leaves_no_failure_ahead() {
    let (mut logins, a) = (FailedLogins::default(), question("a", false));
    (0..6).for_each(|_| logins.failed(&a, &LIMITS, at(T + 7200)));
    logins.set_back(None, at(T));
    assert_eq!(logins.left(&a, &LIMITS, at(T)), Left::Nothing(at(T + 3600)), "an hour from now, not three");
}

#[test]
fn failed_logins_of_the_process_before_count_once_each() {
    let (mut logins, a) = (FailedLogins::default(), question("a", false));
    logins.failed(&confirming(&a), &LIMITS, at(T));
    for number in 0..5 {
        let token = question_of(number, "a").hashed;
        let login = FailedLogin {
            at: at(T - 60),
            token,
            namespace: "a".into(),
            dubious: false,
            accepted_before: false,
        };
        for _ in 0..2 {
            logins.remember(login.clone(), false, &LIMITS, at(T));
        }
    }
    assert_eq!(logins.count(at(T)), 6);
    assert_eq!(logins.left(&a, &LIMITS, at(T)), Left::Nothing(at(T + 3540)), "until two are an hour old");
}

#[test]
fn what_a_wrong_clock_wrote_or_is_over_is_not_remembered() {
    let (mut logins, a) = (FailedLogins::default(), question("a", false));
    for instant in [T + 1, T + 86_400, T - 3600] {
        let login = FailedLogin {
            at: at(instant),
            token: a.hashed,
            namespace: "a".into(),
            dubious: false,
            accepted_before: false,
        };
        logins.remember(login, true, &LIMITS, at(T));
    }
    assert_eq!((logins.count(at(T + 2)), logins.count(at(T + 86_401))), (0, 0));
}

#[test]
fn a_first_refusal_of_the_process_before_keeps_room_for_its_confirmation() {
    let (mut logins, a, b) = (FailedLogins::default(), question_of(1, "a"), question_of(2, "a"));
    let limits = Limits { failed_logins_per_namespace: 3, ..LIMITS };
    let login = FailedLogin {
        at: at(T - 30),
        token: a.hashed,
        namespace: "a".into(),
        dubious: false,
        accepted_before: false,
    };
    logins.remember(login, true, &limits, at(T));
    assert_eq!(logins.left(&b, &limits, at(T)), Left::Nothing(at(T + 40)));
    assert_eq!(logins.left(&confirming(&a), &limits, at(T)), Left::Some);
}

#[test]
fn what_is_on_its_way_is_kept_for() {
    let (mut logins, a, b) = (FailedLogins::default(), question("a", false), question("b", false));
    (0..2).for_each(|_| logins.failed(&confirming(&a), &LIMITS, at(T)));
    let flying = [question_of(8, "a"), question_of(9, "a")];
    flying.iter().for_each(|question| logins.risk(question, &LIMITS, at(T)));
    assert_eq!(logins.left(&a, &LIMITS, at(T)), Left::Risked);
    assert_eq!(logins.left(&b, &LIMITS, at(T)), Left::Some);
    logins.risk_over(&flying[0]);
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
    let (four, soon) = (question_of(4, "a"), Left::Nothing(at(T + 70)));
    assert_eq!(logins.left(&four, &LIMITS, at(T)), soon, "three are to be confirmed a minute later");
    for again in [confirming(&one), Question { urgency: Urgency::New, ..one.clone() }] {
        assert_eq!(logins.left(&again, &LIMITS, at(T)), Left::Some, "{:?}", again.urgency);
    }
    logins.settle(&one.hashed);
    assert_eq!(logins.left(&four, &LIMITS, at(T)), soon, "one was good after all, two are left");
    logins.failed(&Question { urgency: Urgency::New, ..two.clone() }, &LIMITS, at(T + 1));
    assert_eq!(logins.left(&four, &LIMITS, at(T + 1)), soon, "two was asked about by request");
    assert_eq!(logins.left(&confirming(&three), &LIMITS, at(T + 1)), Left::Some);
    logins.settle(&three.hashed);
    assert_eq!(logins.left(&four, &LIMITS, at(T + 1)), Left::Some);
}

#[test]
fn a_confirmation_on_its_way_counts_once() {
    let (mut logins, one, two) = (FailedLogins::default(), question_of(1, "a"), question_of(2, "a"));
    let limits = Limits { failed_logins_per_namespace: 4, ..LIMITS };
    logins.failed(&one, &limits, at(T));
    logins.risk(&confirming(&one), &limits, at(T + 60));
    assert_eq!(logins.left(&two, &limits, at(T + 60)), Left::Some);
}

#[test]
fn a_confirmation_that_never_comes_keeps_no_room() {
    for (confirm_after, kept) in [(60, 599), (1200, 2399)] {
        let (mut logins, one, two) = (FailedLogins::default(), question_of(1, "a"), question_of(2, "a"));
        let confirm_after = SignedDuration::from_secs(confirm_after);
        let limits = Limits { failed_logins_per_namespace: 3, confirm_after, ..LIMITS };
        logins.failed(&one, &limits, at(T));
        assert_ne!(logins.left(&two, &limits, at(T + kept)), Left::Some, "{kept}");
        assert_eq!(logins.left(&two, &limits, at(T + kept + 2)), Left::Some, "{kept}");
    }
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
    logins.risk(&dubious, &LIMITS, at(T));
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
