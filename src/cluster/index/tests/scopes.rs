use super::*;
use crate::{api::StatusDigest, cluster::shown::Shown};

fn namespaced() -> Index {
    Index::new(vec![Scope::All], SecretScope::Namespaced)
}

fn scope(namespace: &str) -> Scope {
    Scope::Namespace(namespace.into())
}

fn beside(namespace: &str, name: &str) -> ObjectKey {
    ObjectKey::new(namespace, name)
}

/// A connection of another namespace.
fn within(namespace: &str, name: &str, outputs: &[&str]) -> Connection {
    let uid = format!("uid-{namespace}-{name}").into();
    Connection { key: beside(namespace, name), uid, ..connection(name, "1", outputs) }
}

/// The same, judged before.
fn judged(namespace: &str, name: &str) -> Connection {
    let status: crate::api::GithubPatConnectionStatus =
        serde_json::from_value(serde_json::json!({ "observedGeneration": 1, "conditions": [] })).unwrap();
    Connection { status: Some(StatusDigest::from(status)), ..within(namespace, name, &[]) }
}

fn list_connections(index: &Index, connections: impl IntoIterator<Item = Connection>) {
    index.list_connections(&Scope::All);
    connections.into_iter().for_each(|connection| drop(index.listed_connection(connection)));
    index.connections_listed(&Scope::All);
}

#[test]
fn a_namespace_is_watched_from_its_first_connection_to_its_last() {
    let index = namespaced();
    let mut changes = index.changes().unwrap();
    for (name, begun) in [("one", true), ("two", false)] {
        index.saw_connection(within("a", name, &[]));
        assert_eq!(
            changes.try_recv().is_ok_and(|change| change == ScopeChange::Begun("a".into())),
            begun,
            "{name}"
        );
    }
    for (name, ended) in [("one", false), ("two", true)] {
        index.lost_connection(&beside("a", name), &format!("uid-a-{name}"));
        assert_eq!(
            changes.try_recv().is_ok_and(|change| change == ScopeChange::Ended("a".into())),
            ended,
            "{name}"
        );
    }
    assert!(changes.try_recv().is_err());
}

#[test]
fn nothing_is_kept_of_a_namespace_without_connections() {
    let index = namespaced();
    index.saw_connection(within("a", "one", &["out"]));
    index.list_secrets(&scope("a"));
    let owned = secret("2", Some("uid-a-one"));
    for name in ["one-pat", "out", "former"] {
        index.listed_secret(&scope("a"), &beside("a", name), owned.clone());
    }
    index.secrets_listed(&scope("a"));
    index.list_secrets(&scope("a"));
    index.lost_connection(&beside("a", "one"), "uid-a-one");
    // What comes too late: events, the end of a list, and what a reconcile wrote.
    index.saw_secret(&beside("a", "former"), owned.clone());
    index.wrote_secret(&beside("a", "out"), owned.clone());
    index.read_secret(&beside("a", "one-pat"), None, Some(owned));
    assert_eq!(index.secrets_listed(&scope("a")), []);
    let inner = index.lock();
    assert!(inner.secrets.is_empty() && inner.owners.is_empty() && inner.connections.is_empty());
    assert_eq!(inner.scopes.access("a"), Access::Awaited);
}

#[test]
fn a_list_of_one_namespace_takes_nothing_off_another_whose_list_is_under_way() {
    let index = namespaced();
    for namespace in ["a", "b"] {
        index.saw_connection(within(namespace, "one", &[]));
        index.saw_secret(&beside(namespace, "one-pat"), secret("2", None));
    }
    index.list_secrets(&scope("a"));
    index.list_secrets(&scope("b"));
    index.listed_secret(&scope("b"), &beside("b", "one-pat"), secret("2", None));
    assert_eq!(index.secrets_listed(&scope("a")), [Woken::Changed(beside("a", "one"))]);
    assert_eq!(index.secret(&beside("a", "one-pat")), None);
    assert_eq!(index.secrets_listed(&scope("b")), []);
    assert!(index.secret(&beside("b", "one-pat")).is_some());
}

#[test]
fn who_was_judged_before_waits_for_the_secrets_of_its_own_namespace_alone() {
    let index = namespaced();
    list_connections(
        &index,
        [judged("a", "one"), judged("b", "one"), judged("c", "one"), within("a", "new", &[])],
    );
    let waits = |namespace: &str| index.awaits_secrets(&judged(namespace, "one"));
    assert!(["a", "b", "c"].into_iter().all(waits));
    assert!(!index.awaits_secrets(&within("a", "new", &[])));
    assert_eq!(index.secrets_listed(&scope("a")), [Woken::Known(beside("a", "one"))]);
    assert_eq!(index.secrets_refused(&scope("b"), Some("op")), [Woken::Changed(beside("b", "one"))]);
    assert_eq!([waits("a"), waits("b"), waits("c")], [false, false, true]);
    assert!(!index.has_listed().borrow().secrets);
    index.secrets_listed(&scope("c"));
    assert!(index.has_listed().borrow().all(), "one that is refused is not waited for");
    // What comes later is not waited for.
    index.saw_connection(judged("d", "one"));
    index.secrets_listed(&scope("c"));
    assert!(waits("d") && index.has_listed().borrow().all());
}

#[test]
fn a_refusal_and_its_end_wake_everybody_of_the_namespace_once_and_forget_nothing() {
    let index = namespaced();
    index.saw_connection(within("a", "one", &[]));
    index.saw_connection(within("b", "one", &[]));
    index.secrets_listed(&scope("a"));
    index.saw_secret(&beside("a", "one-pat"), secret("2", None));
    let woken = [Woken::Changed(beside("a", "one"))];
    assert_eq!(index.secrets_refused(&scope("a"), Some("op")), woken);
    assert_eq!(index.access(&beside("a", "one")), Access::Refused(Some("op".into())));
    assert_eq!(index.secrets_refused(&scope("a"), Some("op")), [], "it is known");
    index.list_secrets(&scope("a"));
    assert_eq!(index.secrets_refused(&scope("a"), Some("op")), []);
    assert!(index.secret(&beside("a", "one-pat")).is_some(), "nobody said that it is gone");
    index.list_secrets(&scope("a"));
    index.listed_secret(&scope("a"), &beside("a", "one-pat"), secret("2", None));
    assert_eq!(index.secrets_listed(&scope("a")), woken);
    assert_eq!(index.access(&beside("b", "one")), Access::Awaited);
}

#[test]
fn of_several_namespaces_one_that_is_refused_is_not_waited_for_unless_all_are() {
    let index = Index::new(vec![scope("a"), scope("b")], SecretScope::Namespaced);
    index.connections_refused(&scope("a"));
    assert!(!index.has_listed().borrow().connections);
    index.connections_refused(&scope("b"));
    assert!(!index.has_listed().borrow().connections, "there is nothing to do");
    index.list_connections(&scope("b"));
    index.listed_connection(within("b", "one", &[]));
    index.connections_listed(&scope("b"));
    assert!(index.has_listed().borrow().connections);
    // A list of one takes nothing off the other.
    index.list_connections(&scope("a"));
    index.listed_connection(within("a", "one", &[]));
    assert_eq!(index.connections_listed(&scope("a")), []);
    index.list_connections(&scope("b"));
    assert_eq!(index.connections_listed(&scope("b")), [Woken::Gone(beside("b", "one"))]);
    assert!(index.connection(&beside("a", "one")).is_some());
}

#[test]
fn by_one_watch_for_all_namespaces_all_wait_for_it() {
    let index = Index::default();
    list_connections(&index, [judged("a", "one"), judged("b", "one")]);
    assert!(index.awaits_secrets(&judged("a", "one")));
    assert_eq!(index.secrets_listed(&Scope::All).len(), 2);
    assert!(!index.awaits_secrets(&judged("b", "one")) && index.has_listed().borrow().all());
}

#[test]
fn what_is_no_longer_looked_after_does_not_come_back_by_an_answer_that_is_late() {
    let labelled = |version: &str, team: &str| {
        let labels = [("team".to_owned(), team.to_owned())].into();
        Connection {
            shown: Some(Box::new(Shown { labels, ..Shown::default() })),
            ..connection("a", version, &[])
        }
    };
    let index = Index::default().selecting(Some("team=infra".parse().unwrap()));
    index.saw_connection(labelled("1", "infra"));
    index.wrote_connection(labelled("2", "infra"));
    assert_eq!(index.connection(&key("a")).unwrap().resource_version.to_string(), "2");
    // It gets other labels, and an event tells so.
    index.lost_connection(&key("a"), "uid-a");
    index.wrote_connection(labelled("3", "infra"));
    assert!(index.read_connection(&"2".into(), labelled("4", "web")));
    assert_eq!(index.len(), 0);
    assert!(index.read_connection(&"2".into(), labelled("5", "infra")), "they come back");
    assert_eq!(index.len(), 1);
}

#[test]
fn what_was_written_before_a_list_answers_and_is_not_brought_is_gone() {
    let index = namespaced();
    index.saw_connection(judged("a", "one"));
    index.list_secrets(&scope("a"));
    let [stays, goes] = ["stays", "goes"].map(|name| beside("a", name));
    for key in [&stays, &goes] {
        index.wrote_secret(key, secret("2", Some("uid-a-one")));
    }
    // Somebody has deleted it before the list was made.
    index.listed_secret(&scope("a"), &stays, secret("2", Some("uid-a-one")));
    let woken = index.secrets_listed(&scope("a"));
    assert!(woken.contains(&Woken::Changed(beside("a", "one"))), "{woken:?}");
    assert!(index.secret(&goes).is_none() && index.secret(&stays).is_some());
    // What is written once the list answers may be younger than it.
    let later = beside("a", "later");
    index.list_secrets(&scope("a"));
    index.listed_secret(&scope("a"), &stays, secret("2", Some("uid-a-one")));
    index.wrote_secret(&later, secret("4", Some("uid-a-one")));
    assert_eq!(index.secrets_listed(&scope("a")), []);
    assert!(index.secret(&later).is_some());
    // While none is under way, the watch tells.
    index.wrote_secret(&goes, secret("3", Some("uid-a-one")));
    assert_eq!(index.secrets_listed(&scope("a")), []);
    assert!(index.secret(&goes).is_some());
}
