#![expect(clippy::arithmetic_side_effects, reason = "instants of a test are small")]

use super::*;
use crate::domain::probing::tests::*;

const T: i64 = 1_772_366_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(T + second).unwrap()
}

fn token(number: usize) -> HashedToken {
    question_of(number, "a").hashed
}

fn key(number: usize) -> Key {
    question_of(number, "a").key()
}

fn fail(breaker: &mut Breaker, reason: Reason, until: Option<i64>, second: i64) {
    let deferral = Deferral { until: until.map(at), ..Deferral::new(reason) };
    breaker.deferred(&key(1), deferral, speaks_of_host(reason, false), at(second));
}

#[test]
fn three_failures_in_a_row_open_it_if_they_speak_of_the_host() {
    let rows = [
        (Reason::Unreachable, false, true),
        (Reason::TimedOut, true, true),
        (Reason::TlsFailed, false, true),
        (Reason::ServerError, true, true),
        (Reason::SecondaryRateLimited, false, true),
        (Reason::RateLimited, false, true),
        (Reason::SecondaryRateLimited, true, false),
        (Reason::RateLimited, true, false),
        (Reason::LoginLocked, false, false),
        (Reason::NotTheApi, false, true),
        (Reason::ProxyAuthenticationRequired, false, true),
        (Reason::UnexpectedAnswer, false, false),
        (Reason::QuestionFailed, false, false),
    ];
    for (reason, account_known, opens) in rows {
        let mut breaker = Breaker::default();
        for number in 1..=3 {
            assert!(breaker.open().is_none(), "{reason:?}");
            let of_host = speaks_of_host(reason, account_known);
            breaker.deferred(&key(number), Deferral::new(reason), of_host, at(0));
        }
        assert_eq!(breaker.open().is_some(), opens, "{reason:?} {account_known}");
    }
}

#[test]
fn an_answer_between_failures_keeps_it_closed() {
    let mut breaker = Breaker::default();
    for second in 0..10 {
        fail(&mut breaker, Reason::TimedOut, None, second);
        fail(&mut breaker, Reason::ServerError, None, second);
        assert!(!breaker.answered());
    }
    assert!(breaker.open().is_none());
}

#[test]
fn scouts_go_at_growing_pauses_and_an_answer_closes_it() {
    let mut breaker = Breaker::default();
    (0..3).for_each(|_| fail(&mut breaker, Reason::TimedOut, None, 0));
    let (mut pauses, mut last) = (Vec::new(), 0);
    for second in 1..2000 {
        if breaker.lets(&key(1), at(second)) {
            breaker.send(key(1));
            assert!(!breaker.lets(&key(2), at(second)), "one at a time");
            fail(&mut breaker, Reason::ServerError, None, second);
            pauses.push(second - last);
            last = second;
        }
    }
    assert_eq!(pauses[..7], [10, 20, 30, 30, 30, 30, 30], "who mends it does not wait long");
    assert!(breaker.answered());
    assert!(breaker.lets(&key(1), at(2000)) && breaker.lets(&key(2), at(2000)));
}

#[test]
fn a_pause_that_the_host_named_is_kept_and_failures_of_others_do_not_lengthen_it() {
    let mut breaker = Breaker::default();
    (0..3).for_each(|_| fail(&mut breaker, Reason::SecondaryRateLimited, Some(90), 0));
    (0..20).for_each(|_| fail(&mut breaker, Reason::SecondaryRateLimited, Some(90), 1));
    assert!(!breaker.lets(&key(1), at(89)) && breaker.lets(&key(1), at(90)));
}

#[test]
fn the_first_that_are_turned_away_come_for_the_next_scout_and_the_rest_later() {
    let mut breaker = Breaker::default();
    (0..3).for_each(|_| fail(&mut breaker, Reason::TimedOut, None, 0));
    let back: Vec<i64> =
        (0..1000).map(|number| breaker.turn_away(&token(number), at(1)).unwrap().1.as_second() - T).collect();
    assert_eq!(back[..3], [10, 11, 12]);
    assert!(back[3..].iter().all(|second| (310..=610).contains(second)));
    let most = (310..=610).map(|second| back.iter().filter(|at| **at == second).count()).max();
    assert!(most <= Some(4), "spread: {most:?}");
}

#[test]
fn whoever_comes_for_the_next_scout_too_early_is_not_sent_to_rest() {
    let mut breaker = Breaker::default();
    (0..3).for_each(|_| fail(&mut breaker, Reason::TimedOut, None, 0));
    for second in 1..10 {
        for number in [1, 2, 3, 4] {
            let back = breaker.turn_away(&token(number), at(second)).unwrap().1.as_second() - T;
            assert_eq!(back >= 300, number == 4, "{number} at {second}: {back}");
        }
    }
    // The last scout lets others go first, and comes again until it may.
    breaker.send(key(1));
    breaker.deferred(&key(1), Deferral::new(Reason::TimedOut), true, at(10));
    let mut second = 10;
    while !breaker.lets(&key(1), at(second)) {
        second = breaker.turn_away(&token(1), at(second)).unwrap().1.as_second() - T;
        assert!(second <= 60, "{second}");
    }
}

#[test]
fn every_way_in_which_a_host_can_be_down_or_be_reached_wrongly_speaks_of_the_host() {
    use Reason::*;
    let of_host = [
        DnsNameNotFound,
        DnsFailed,
        ConnectionRefused,
        Unreachable,
        ConnectTimedOut,
        ProxyFailed,
        ProxyAuthenticationRequired,
        ConnectionBroken,
        TimedOut,
        TlsHandshakeFailed,
        CertificateUnknownAuthority,
        CertificateNameMismatch,
        CertificateExpired,
        CertificateNotYetValid,
        CertificateIsAuthority,
        TlsFailed,
        ServerError,
        Redirected,
        NotTheApi,
        CredentialsNotReceived,
        ApiVersionRejected,
    ];
    for reason in of_host {
        assert!(speaks_of_host(reason, true) && speaks_of_host(reason, false), "{reason:?}");
    }
    for reason in [RateLimited, SecondaryRateLimited] {
        assert!(speaks_of_host(reason, false) && !speaks_of_host(reason, true), "{reason:?}");
    }
    // The text of one token may bring these.
    let of_token = [LoginLocked, AccessRestricted, UnexplainedUnauthorized, TakenForJwt, UnexpectedAnswer];
    for reason in of_token.into_iter().chain([HostRefusesMany]) {
        assert!(!speaks_of_host(reason, false), "{reason:?}");
    }
}

#[test]
fn a_host_that_limits_everyone_is_asked_ever_more_rarely_and_one_that_is_down_then_soon_again() {
    let mut breaker = Breaker::default();
    (0..3).for_each(|_| fail(&mut breaker, Reason::SecondaryRateLimited, None, 0));
    let (mut pauses, mut last) = (Vec::new(), 0);
    for second in 1..1500 {
        if breaker.lets(&key(1), at(second)) {
            breaker.send(key(1));
            let reason = if second < 700 { Reason::SecondaryRateLimited } else { Reason::ConnectionRefused };
            fail(&mut breaker, reason, None, second);
            pauses.push(second - last);
            last = second;
        }
    }
    assert_eq!(pauses[..10], [10, 20, 40, 80, 160, 300, 300, 30, 30, 30]);
}

#[test]
fn nobody_is_told_to_wait_for_an_instant_that_only_a_clock_of_before_would_have_reached() {
    let mut breaker = Breaker::default();
    (0..3).for_each(|_| fail(&mut breaker, Reason::SecondaryRateLimited, Some(7260), 7200));
    breaker.set_back(at(0));
    let (deferral, next) = breaker.turn_away(&token(1), at(0)).unwrap();
    assert!(next <= at(300), "{next}");
    assert!(deferral.until.is_some_and(|until| until <= at(300)), "{deferral:?}");
}
