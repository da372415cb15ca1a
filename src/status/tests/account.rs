//! Whose token it was before, and what is told of it.

use super::*;
use crate::domain::{
    answer::{Account, Answer, Grant},
    event::{Event, SAFE_TO_REVOKE},
    requirement::Expectation,
    scopes::Scopes,
};

/// A token of this letter, that GitHub accepts at this instant as that of this account.
fn of(letter: &str, login: &str, id: i64, second: i64) -> Observation {
    let account = Some(Account { login: login.into(), id });
    let grant = Grant { account, scopes: Some(Scopes::default()), expiry: Expiry::Never };
    unknown(letter, second).hears(second, Reply::Answer(Answer::Granted(grant)))
}

/// A token of this letter that GitHub has not been asked about.
fn unknown(letter: &str, second: i64) -> Observation {
    let found = [ours("out", Holds::Wanted)];
    seen().with(|seen| seen.token = Verdict::Yes(token(letter).describe())).finds(&found).at(second)
}

fn expecting(login: Option<&str>, user_id: Option<i64>) -> impl Fn(&mut Observation) {
    let login = login.map(str::to_owned);
    move |seen| seen.demand.expectation = Expectation { login: login.clone(), user_id }
}

/// What is written for one observation after the other, and the events of each but those of a rotation.
fn told(history: &[Observation]) -> Vec<(Status, Vec<Event>)> {
    let mut before: Option<Status> = None;
    let each = history.iter().map(|seen| {
        let now = status(before.as_ref(), seen);
        let mut events = events(before.as_ref(), &now);
        events.retain(|event| event.reason != SAFE_TO_REVOKE);
        before = Some(now.clone());
        (now, events)
    });
    each.collect()
}

fn reasons(events: &[Event]) -> Vec<(&'static str, &'static str)> {
    events.iter().map(|event| (event.type_.as_str(), event.reason)).collect()
}

const CHANGED: (&str, &str) = ("Warning", "AccountChanged");
const RENAMED: (&str, &str) = ("Normal", "AccountRenamed");

#[test]
fn a_change_of_account_is_noted_until_the_next_token_of_the_same_account() {
    let bot = || of("a", "hubot", 2, T);
    let octocat = |letter: &str, second: i64| of(letter, "octocat", 1, second);
    let pending = unknown("b", T + 30).at(T + 30);
    let rows = [
        ("another account", vec![bot(), octocat("b", T + 60)], Some(("hubot", 2, T + 60)), vec![CHANGED]),
        (
            "asked about later",
            vec![bot(), pending.clone(), octocat("b", T + 60)],
            Some(("hubot", 2, T + 30)),
            vec![CHANGED, ("Normal", "Ready")],
        ),
        (
            "the same, asked about later",
            vec![octocat("a", T), pending, octocat("b", T + 60)],
            None,
            vec![("Normal", "Ready")],
        ),
        ("another token of the same", vec![octocat("a", T), octocat("b", T + 60)], None, vec![]),
        (
            "renamed",
            vec![of("a", "hubot", 1, T), octocat("a", T + 60)],
            Some(("hubot", 1, T + 60)),
            vec![RENAMED],
        ),
        (
            "and a day later",
            vec![bot(), octocat("b", T + 60), octocat("b", T + DAY)],
            Some(("hubot", 2, T + 60)),
            vec![],
        ),
        ("and the next", vec![bot(), octocat("b", T + 60), octocat("c", T + 99)], None, vec![]),
        (
            "and back",
            vec![bot(), octocat("b", T + 60), bot().at(T + 99)],
            Some(("octocat", 1, T + 99)),
            vec![CHANGED],
        ),
    ];
    for (name, history, previous, events) in rows {
        let (status, told) = told(&history).pop().unwrap();
        let noted = status.token.as_ref().unwrap().previous_account.as_deref();
        let noted = noted.map(|known| (known.login.as_str(), known.user_id, known.until.0.as_second()));
        assert_eq!(noted, previous, "{name}");
        let mut reasons = reasons(&told);
        reasons.sort_by_key(|(_, reason)| *reason == "Ready");
        assert_eq!(reasons, events, "{name}");
        let said = &status.condition("Authenticated").unwrap().message;
        assert_eq!(said.contains(" until "), previous.is_some(), "{name}: {said}");
        let last = history.last().unwrap();
        let later = last.clone().at(last.now.as_second() + 99);
        assert_eq!(written(Some(&status), &later), None, "{name}: it is written once");
    }
}

#[test]
fn a_change_that_the_spec_names_is_not_noted_and_one_that_it_refuses_has_its_own_reason() {
    let after = |before: (&str, i64), expectation: (Option<&str>, Option<i64>)| {
        let first = of("a", before.0, before.1, T);
        let second = of("b", "octocat", 1, T + 60).with(expecting(expectation.0, expectation.1));
        told(&[first, second]).pop().unwrap()
    };
    let rows = [
        ("nothing", ("hubot", 2), (None, None), true),
        ("its login", ("hubot", 2), (Some("Octocat"), None), false),
        ("its id", ("hubot", 2), (None, Some(1)), false),
        ("the id of one that was renamed", ("hubot", 1), (None, Some(1)), true),
        ("the new login of one that was renamed", ("hubot", 1), (Some("octocat"), Some(1)), false),
    ];
    for (name, before, expectation, is_noted) in rows {
        let (status, events) = after(before, expectation);
        assert_eq!(status.token.as_ref().unwrap().previous_account.is_some(), is_noted, "{name}");
        assert_eq!(events.len(), usize::from(is_noted), "{name}: {events:?}");
        assert_eq!(said(&status, "Ready"), ("True", "Ready"), "{name}");
    }
    let (status, events) = after(("hubot", 2), (Some("hubot"), None));
    assert_eq!(reasons(&events), [("Warning", "AnotherAccount")]);
    assert!(!status.condition("Authenticated").unwrap().message.contains("until"));
    assert!(status.token.unwrap().previous_account.is_some(), "for when spec.expect goes");
}

#[test]
fn the_same_id_on_another_host_is_another_account() {
    let elsewhere = of("b", "octocat", 1, T + 60).with(|seen| {
        seen.host = Verdict::Yes(Host { name: "ghe.example.com".into(), addresses: without_registry() })
    });
    let (status, events) = told(&[of("a", "hubot", 2, T), elsewhere]).pop().unwrap();
    assert_eq!((status.token.unwrap().previous_account, events), (None, vec![]));
}
