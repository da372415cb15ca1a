use super::*;
use crate::domain::{
    Reason,
    answer::{Answer, Deferral, Refusal, Reply},
    knowledge::Proven,
    probe::Probe,
};

fn version(resource_version: &str) -> Version {
    Version { uid: "s".into(), resource_version: resource_version.into() }
}

fn reference(key: &str) -> SecretKeyRef {
    SecretKeyRef { name: "pat".to_owned(), key: key.to_owned() }
}

/// What is read where 40 hexadecimal digits are no token.
fn of(reference: &SecretKeyRef) -> Reading<'_> {
    Reading { reference, legacy: LegacyTokens::Refused }
}

fn token(letter: &str) -> Token {
    Token::try_from(["ghp_", &letter.repeat(36)].concat().as_bytes()).unwrap()
}

fn watched() -> Watched {
    Watched::new(0, Timestamp::UNIX_EPOCH)
}

#[test]
fn a_clock_that_is_set_back_sets_the_beginning_back_once() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let mut watched = Watched::new(0, at(7200));
    let since = [9000, 3600, 3610, 9000].map(|now| {
        watched.not_ahead_of(at(now));
        Timestamp::from(watched.since).as_second()
    });
    assert_eq!(since, [7200, 3600, 3600, 3600]);
}

#[test]
fn nothing_that_is_remembered_lies_ahead_of_a_clock_that_was_set_back() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let waits = |second| {
        let until = Some(at(second + 60));
        Deferred::first(Deferral { until, ..Deferral::new(Reason::HostBusy) }, at(second))
    };
    for (ahead, expected) in [(3000, 3000), (86_400, 3600)] {
        let mut watched = Watched::new(0, at(0));
        watched.first_proven = Some(at(ahead).into());
        let mut known = Knowledge::default();
        known.learn(Reply::Answer(Answer::Refused(Refusal::BadCredentials)), at(ahead));
        watched.remembered = Some(Box::new(known));
        watched.not_now = Some(Box::new(waits(ahead)));
        let proven = Proven { deferred: Some(waits(ahead)), ..Proven::default() };
        watched.proofs_not_now = Some(Box::new([(Probe::Identity, proven)].into()));
        watched.not_ahead_of(at(3600));
        let refused = watched.remembered.and_then(|known| known.refused).map(|refused| refused.last);
        let proofs = watched.proofs_not_now.unwrap();
        assert_eq!(
            (watched.first_proven.map(Timestamp::from), refused),
            (Some(at(expected)), Some(at(expected)))
        );
        for deferred in [watched.not_now.map(|deferred| *deferred), proofs[&Probe::Identity].deferred] {
            assert_eq!(deferred, Some(waits(expected)), "{ahead}");
        }
    }
}

#[test]
fn what_was_read_holds_for_one_key_of_one_state_of_the_source() {
    let mut watched = watched();
    let token = Verdict::Yes(token("a").describe());
    watched.read_source(of(&reference("token")), Some(&version("7")), token.clone());
    assert_eq!(watched.source(of(&reference("token")), Some(&version("7"))), Some(&token));
    for (key, state) in [("token", Some("8")), ("token", None), ("other", Some("7"))] {
        let state = state.map(version);
        assert_eq!(watched.source(of(&reference(key)), state.as_ref()), None, "{key} {state:?}");
    }
    let reference = reference("token");
    let allowed = Reading { legacy: LegacyTokens::Allowed, ..of(&reference) };
    assert_eq!(
        watched.source(allowed, Some(&version("7"))),
        None,
        "another host takes other values for tokens"
    );
}

#[test]
fn that_there_was_no_secret_is_looked_at_again() {
    let mut watched = watched();
    watched.read_source(of(&reference("token")), None, Verdict::no(Reason::SecretNotFound, "none"));
    assert_eq!(watched.source(of(&reference("token")), None), None);
}

#[tokio::test(start_paused = true)]
async fn bytes_are_used_once_soon_and_in_the_same_state_only() {
    let mut watched = watched();
    let (reference, seven, eight) = (reference("token"), version("7"), version("8"));
    watched.hold(of(&reference), Some(&seven), token("a"), Instant::now());
    assert!(watched.release(of(&reference), Some(&eight), BYTES_HELD).is_none(), "the source has changed");
    watched.hold(of(&reference), Some(&seven), token("a"), Instant::now());
    let released = watched.release(of(&reference), Some(&seven), BYTES_HELD);
    assert_eq!(released.map(|(token, _)| token), Some(token("a")));
    assert!(watched.release(of(&reference), Some(&seven), BYTES_HELD).is_none(), "used already");
    watched.hold(of(&reference), Some(&seven), token("a"), Instant::now());
    tokio::time::advance(Duration::from_secs(3)).await;
    assert!(watched.release(of(&reference), Some(&seven), BYTES_HELD).is_none(), "read too long ago");
}
