mod holders;
mod memory;
mod scopes;

use super::*;
use crate::{cluster::secrets::Heir, domain::version::Version};

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("ns", name)
}

/// A connection that names its source `<name>-pat` and these outputs.
fn connection(name: &str, version: &str, outputs: &[&str]) -> Connection {
    let publish: Vec<_> = outputs
        .iter()
        .map(|output| serde_json::json!({ "secretName": output, "format": "Opaque" }))
        .collect();
    let spec = serde_json::json!({ "secretRef": { "name": format!("{name}-pat") }, "publish": publish });
    Connection {
        key: key(name),
        uid: format!("uid-{name}").into(),
        resource_version: version.into(),
        generation: Some(1),
        deleting: false,
        shown: None,
        requested: None,
        spec: spec.into(),
        status: None,
    }
}

fn secret(version: &str, owner: Option<&str>) -> SecretEntry {
    SecretEntry {
        version: Version { uid: "s".into(), resource_version: version.into() },
        bound_to: owner.map(Into::into),
        is_output: owner.is_some(),
        heir: None,
        format: None,
        token: None,
        further: None,
        leaving: None,
    }
}

fn changed(name: &str) -> Vec<Woken> {
    vec![Woken::Changed(key(name))]
}

#[test]
fn our_own_echo_and_what_is_older_wake_nobody() {
    let index = Index::default();
    assert_eq!(index.saw_connection(connection("a", "7", &["out"])), Some(Woken::New(key("a"))));
    assert_eq!(index.saw_connection(connection("a", "7", &["out"])), None, "an echo");
    assert_eq!(index.saw_connection(connection("a", "6", &["other"])), None, "late");
    assert_eq!(index.connection(&key("a")).unwrap().resource_version.to_string(), "7");
    assert_eq!(index.wrote_secret(&key("out"), secret("9", Some("uid-a"))), changed("a"));
    assert_eq!(index.saw_secret(&key("out"), secret("9", Some("uid-a"))), [], "an echo");
    assert_eq!(index.saw_secret(&key("out"), secret("8", None)), [], "late");
    assert_eq!(index.saw_secret(&key("out"), secret("10", Some("uid-a"))), changed("a"));
}

#[test]
fn a_secret_wakes_who_names_it_and_who_made_it_and_nobody_else() {
    let index = Index::default();
    index.saw_connection(connection("a", "1", &["out"]));
    index.saw_connection(connection("b", "2", &[]));
    assert_eq!(index.saw_secret(&key("a-pat"), secret("3", None)), changed("a"));
    assert_eq!(index.saw_secret(&key("b-pat"), secret("4", None)), changed("b"));
    assert_eq!(["a-pat", "out", "stranger"].map(|name| index.is_read(&key(name))), [true, false, false]);
    assert_eq!(index.saw_secret(&key("stranger"), secret("5", None)), []);
    assert_eq!(index.secret(&key("stranger")), None, "nobody needs it");
    assert_eq!(index.saw_secret(&key("former"), secret("6", Some("uid-b"))), changed("b"));
    assert_eq!(index.owned(&connection("b", "2", &[])), [key("former")]);
    assert_eq!(index.lost_secret(&key("former"), &"another".into()), [], "an earlier Secret of that name");
    assert_eq!(index.lost_secret(&key("former"), &"s".into()), changed("b"));
    assert_eq!(index.owned(&connection("b", "2", &[])), []);
}

#[test]
fn a_connection_that_names_other_secrets_is_woken_by_those_only() {
    let index = Index::default();
    index.saw_connection(connection("a", "1", &["one", "shared"]));
    index.saw_connection(connection("b", "2", &["shared"]));
    index.saw_secret(&key("one"), secret("3", None));
    index.saw_connection(connection("a", "4", &["two"]));
    assert_eq!(index.secret(&key("one")), None, "nobody names it any more");
    assert_eq!(index.saw_secret(&key("one"), secret("5", None)), []);
    assert_eq!(index.saw_secret(&key("shared"), secret("6", None)), changed("b"));
    assert_eq!(index.saw_secret(&key("two"), secret("7", None)), changed("a"));
}

#[test]
fn what_a_list_does_not_bring_is_gone_and_what_it_brings_outweighs_what_was_known() {
    let index = Index::default();
    for (name, version) in [("a", "10"), ("b", "11")] {
        index.saw_connection(connection(name, version, &[]));
        index.saw_secret(&key(&format!("{name}-pat")), secret(version, None));
    }
    index.list_connections(&Scope::All);
    index.list_secrets(&Scope::All);
    assert_eq!(
        index.listed_connection(connection("a", "5", &[])),
        Some(Woken::New(key("a"))),
        "the cluster went back"
    );
    assert_eq!(index.listed_secret(&Scope::All, &key("a-pat"), secret("10", None)), [], "as it was");
    assert_eq!(index.connections_listed(&Scope::All), [Woken::Gone(key("b"))]);
    assert_eq!(index.secrets_listed(&Scope::All), [], "b is gone, and its source with it");
    assert_eq!(index.connection(&key("a")).unwrap().resource_version.to_string(), "5");
    assert!(index.has_listed().borrow().all());
    assert_eq!(index.len(), 1);
}

#[test]
fn a_secret_that_vanished_while_nobody_watched_wakes_its_connection() {
    let index = Index::default();
    index.saw_connection(connection("a", "1", &["out"]));
    index.saw_secret(&key("out"), secret("2", Some("uid-a")));
    index.list_secrets(&Scope::All);
    assert_eq!(index.secrets_listed(&Scope::All), changed("a"));
    assert_eq!(index.secret(&key("out")), None);
}

#[test]
fn a_read_that_is_older_than_what_is_known_tells_that_the_cluster_went_back() {
    let index = Index::default();
    index.saw_connection(connection("a", "100", &[]));
    assert!(index.read_connection(&"100".into(), connection("a", "101", &[])));
    assert!(!index.read_connection(&"101".into(), connection("a", "50", &[])));
    assert_eq!(index.connection(&key("a")).unwrap().resource_version.to_string(), "50");
}

#[test]
fn nothing_is_left_of_who_is_gone() {
    let index = Index::default();
    for number in 0..10 {
        let name = format!("c{number}");
        index.saw_connection(connection(&name, "1", &["out"]));
        index.saw_secret(&key(&format!("{name}-pat")), secret("1", None));
        let output = key(&format!("{name}-out"));
        index.wrote_secret(&output, secret("2", Some(&format!("uid-{name}"))));
        assert_eq!(index.lost_connection(&key(&name), "another uid"), []);
        assert_eq!(index.lost_connection(&key(&name), &format!("uid-{name}")), [Woken::Gone(key(&name))]);
        index.lost_secret(&output, &"s".into());
    }
    let inner = index.lock();
    assert_eq!((inner.connections.len(), inner.secrets.len(), inner.owners.len()), (0, 0, 0));
    assert!(inner.chains.is_empty());
}

#[test]
fn a_read_that_an_event_has_overtaken_changes_nothing() {
    let index = Index::default();
    index.saw_connection(connection("a", "1", &["out"]));
    // The read began while there was no Secret; it was created, and the event came before the answer.
    assert_eq!(index.saw_secret(&key("a-pat"), secret("5", None)), changed("a"));
    index.read_secret(&key("a-pat"), None, None);
    assert!(index.secret(&key("a-pat")).is_some(), "it exists");
    let before = secret("5", None).version;
    index.read_secret(&key("a-pat"), Some(&before), None);
    assert_eq!(index.secret(&key("a-pat")), None, "it is gone, and nothing else was told since");

    // It was there when the read began, and its deletion was told before the answer came.
    index.saw_secret(&key("a-pat"), secret("6", None));
    let before = secret("6", None).version;
    index.lost_secret(&key("a-pat"), &"s".into());
    assert_eq!(index.read_secret(&key("a-pat"), Some(&before), Some(secret("6", None))), []);
    assert_eq!(index.secret(&key("a-pat")), None, "nobody would tell again that it is gone");

    // It was written, and that it came and went was told before the answer.
    index.saw_secret(&key("a-out"), secret("7", Some("uid-a")));
    index.lost_secret(&key("a-out"), &"s".into());
    // However many Secrets of others go meanwhile.
    for number in 0..100 {
        index.lost_secret(&key(&format!("other-{number}")), &"another".into());
    }
    assert_eq!(index.wrote_secret(&key("a-out"), secret("7", Some("uid-a"))), []);
    assert_eq!(index.secret(&key("a-out")), None);

    index.saw_connection(connection("a", "11", &["out"]));
    assert!(
        index.read_connection(&"10".into(), connection("a", "10", &[])),
        "late, and no sign of an earlier state"
    );
    assert_eq!(index.connection(&key("a")).unwrap().resource_version.to_string(), "11");
}

#[test]
fn who_else_names_a_secret_is_woken_by_what_one_of_them_wrote_or_read() {
    let index = Index::default();
    for (name, version) in [("a", "1"), ("b", "2")] {
        index.saw_connection(connection(name, version, &["shared"]));
    }
    let both = [changed("a"), changed("b")].concat();
    assert_eq!(index.wrote_secret(&key("shared"), secret("5", Some("uid-a"))), both);
    assert_eq!(index.saw_secret(&key("shared"), secret("5", Some("uid-a"))), [], "its event is no news");
    let before = secret("5", None).version;
    assert_eq!(index.read_secret(&key("shared"), Some(&before), Some(secret("5", Some("uid-a")))), []);
    assert_eq!(index.read_secret(&key("shared"), Some(&before), Some(secret("6", None))), both);
    let before = secret("6", None).version;
    assert_eq!(index.read_secret(&key("shared"), Some(&before), None), both, "it is gone");
    assert_eq!(index.read_secret(&key("shared"), None, None), [], "who looks again and again wakes nobody");
}

/// A connection that makes versions of `pull`.
fn versioning(name: &str, version: &str) -> Connection {
    let publish = serde_json::json!([{ "secretName": "pull", "format": "Opaque", "versioned": true }]);
    let spec = serde_json::json!({ "secretRef": { "name": format!("{name}-pat") }, "publish": publish });
    Connection { spec: spec.into(), ..connection(name, version, &[]) }
}

#[test]
fn whoever_makes_versions_of_a_name_is_woken_by_every_secret_that_may_be_one() {
    let index = Index::default();
    index.saw_connection(versioning("a", "1"));
    index.saw_connection(versioning("b", "2"));
    index.saw_connection(connection("c", "3", &["push"]));
    let (of_a, stranger) = (key("pull-0123456789"), key("pull-abcdef0123"));
    let both = [changed("a"), changed("b")].concat();
    assert_eq!(index.wrote_secret(&of_a, secret("5", Some("uid-a"))), both);
    assert_eq!(index.lost_secret(&of_a, &"s".into()), both, "a may have been the one that had it");
    assert_eq!(index.saw_secret(&stranger, secret("6", None)), both);
    assert!(index.secret(&stranger).is_some(), "nobody tries to make it");
    for other in ["pull", "push-0123456789", "pull-012345678", "pull-next-0123456789"] {
        let expected = if other == "pull" { both.clone() } else { vec![] };
        assert_eq!(index.saw_secret(&key(other), secret("7", None)), expected, "{other}");
    }
    assert_eq!(index.saw_secret(&ObjectKey::new("other", "pull-0123456789"), secret("8", None)), []);
    index.lost_connection(&key("a"), "uid-a");
    assert!(index.secret(&stranger).is_some(), "b makes versions too");
    index.lost_connection(&key("b"), "uid-b");
    assert_eq!(index.secret(&stranger), None);
    let inner = index.lock();
    assert!(inner.strangers.is_empty() && inner.secrets.len() == 2, "those of c: {:?}", inner.secrets.keys());
}

/// A connection of this namespace that reads this Secret and writes these.
fn chained(namespace: &str, name: &str, source: &str, outputs: &[&str]) -> Connection {
    let publish =
        outputs.iter().map(|output| serde_json::json!({ "secretName": output, "format": "Opaque" }));
    let publish: Vec<_> = publish.collect();
    let spec = serde_json::json!({ "secretRef": { "name": source }, "publish": publish });
    let key = ObjectKey::new(namespace, name);
    Connection { key, spec: spec.into(), ..connection(name, "1", &[]) }
}

/// The circles of this connection, each as its output and the way that leads back.
fn circles(index: &Index, namespace: &str, name: &str) -> Vec<String> {
    let connection = index.connection(&ObjectKey::new(namespace, name)).unwrap();
    let circles = index.circles(&connection).0.into_iter();
    circles.map(|circle| format!("{}: {}", circle.output, circle.through.join(" "))).collect()
}

#[test]
fn an_output_that_leads_back_to_the_source_is_found_over_any_number_of_connections() {
    for length in [1, 2, 3, 10] {
        let index = Index::default();
        let name = |number: usize| format!("c{}", number % length);
        for number in 0..length {
            let outputs = [format!("of-{}", name(number + 1)), format!("free-{number}")];
            let outputs = outputs.each_ref().map(String::as_str);
            index.saw_connection(chained("ns", &name(number), &format!("of-{}", name(number)), &outputs));
        }
        for number in 0..length {
            let way: Vec<_> = (number..number + length).map(name).collect();
            let expected = format!("of-{}: {}", name(number + 1), way.join(" "));
            assert_eq!(circles(&index, "ns", &name(number)), [expected], "{length}");
        }
        // One of them reads something else.
        let freed = chained("ns", "c0", "elsewhere", &[&format!("of-{}", name(1))]);
        index.saw_connection(Connection { resource_version: "2".into(), ..freed });
        for number in 0..length {
            assert_eq!(circles(&index, "ns", &name(number)), [""; 0], "{length}");
        }
    }
}

#[test]
fn a_chain_is_no_circle_nor_are_connections_of_two_namespaces() {
    let index = Index::default();
    index.saw_connection(chained("ns", "a", "one", &["two"]));
    index.saw_connection(chained("ns", "b", "two", &["three", "four"]));
    index.saw_connection(chained("ns", "c", "two", &["three"]));
    index.saw_connection(chained("other", "d", "three", &["one"]));
    for (namespace, name) in [("ns", "a"), ("ns", "b"), ("ns", "c"), ("other", "d")] {
        assert_eq!(circles(&index, namespace, name), [""; 0], "{name}");
    }
    index.saw_connection(chained("ns", "e", "three", &["one"]));
    assert_eq!(circles(&index, "ns", "a"), ["two: a b e"]);
    assert_eq!(circles(&index, "ns", "b"), ["three: b e a"], "four leads nowhere");
    assert_eq!(circles(&index, "ns", "c"), ["three: c e a"]);
    assert_eq!(circles(&index, "other", "d"), [""; 0]);
    let woken = index.lost_connection(&key("e"), "uid-e");
    let concerned = ["a", "b", "c"].map(|name| Woken::Changed(key(name)));
    assert_eq!(woken, [&[Woken::Gone(key("e"))], &concerned[..]].concat());
    assert_eq!(circles(&index, "ns", "a"), [""; 0]);
}

/// A thousand connections in layers of fifty, in which each writes the most outputs that a spec may have, for the next layer.
fn layers(index: &Index) {
    for (layer, next) in (0..20).zip(1..) {
        for place in 0..50 {
            let outputs = (0..50).cycle().skip(place).take(16).map(|place| format!("s{next}-{place}"));
            let outputs: Vec<_> = outputs.collect();
            let outputs: Vec<_> = outputs.iter().map(String::as_str).collect();
            let name = format!("c{layer}-{place}");
            index.saw_connection(chained("ns", &name, &format!("s{layer}-{place}"), &outputs));
        }
    }
}

#[test]
fn long_chains_are_looked_through_once_after_a_change_and_whoever_is_in_none_costs_nothing() {
    let index = Index::default();
    let looks = || slot::LOOKS.take();
    for number in 0..1000 {
        index.saw_connection(connection(&format!("c{number}"), "1", &["shared"]));
    }
    looks();
    for number in 0..1000 {
        assert_eq!(circles(&index, "ns", &format!("c{number}")), [""; 0]);
    }
    assert_eq!(looks(), 0, "nothing is chained");

    let index = Index::default();
    layers(&index);
    let names = 1000 * 17;
    looks();
    for number in 0..1000 {
        assert_eq!(circles(&index, "ns", &format!("c{}-{}", number / 50, number % 50)), [""; 0]);
    }
    let seen = looks();
    assert!(seen <= 3 * names, "{seen} looks at {names} names for all of them");

    // The last layer leads back to the first one.
    let closing = chained("ns", "closing", "s20-0", &["s0-0"]);
    index.saw_connection(closing.clone());
    let (found, woken) = index.circles(&closing);
    assert_eq!((found.len(), found[0].through.len(), found[0].more), (1, 12, 9), "{found:?}");
    assert!(woken.len() > 500, "{}", woken.len());
    let seen = looks();
    assert!(seen <= 5 * names, "{seen} looks at {names} names to find the circles and one way back");
    let (_, woken) = index.circles(&index.connection(&key("c0-0")).unwrap());
    assert_eq!(woken, [], "they are told once");
    let seen = looks();
    assert!(seen <= 2 * names, "{seen} looks at {names} names for one way back");
    let freed = index.lost_connection(&key("closing"), "uid-closing");
    assert!(freed.len() > 500 && freed.iter().all(|woken| !matches!(woken, Woken::New(_))));
    looks();
    assert_eq!((circles(&index, "ns", "c0-0"), looks()), (vec![], 0));
}

#[test]
fn a_secret_of_another_namespace_belongs_to_no_connection_whatever_it_says() {
    let index = Index::default();
    index.saw_connection(connection("a", "1", &[]));
    let elsewhere = ObjectKey::new("other", "a-pat");
    assert_eq!(index.saw_secret(&elsewhere, secret("5", Some("uid-a"))), []);
    assert_eq!(index.owned(&connection("a", "1", &[])), []);
}

#[test]
fn a_connection_that_names_one_more_secret_keeps_what_is_known_of_the_others() {
    let index = Index::default();
    index.saw_connection(connection("a", "1", &["out"]));
    index.saw_secret(&key("a-pat"), secret("2", None));
    index.saw_secret(&key("out"), secret("3", None));
    index.saw_connection(connection("a", "4", &["out", "more"]));
    assert!(index.secret(&key("a-pat")).is_some() && index.secret(&key("out")).is_some());
}

#[test]
fn who_may_take_over_an_output_is_told_when_its_connection_is_gone() {
    let index = Index::default();
    for (name, version) in [("one", "1"), ("two", "2"), ("three", "3")] {
        index.saw_connection(connection(name, version, &["out"]));
    }
    let given = Heir { name: "two".into(), of: None };
    let output = SecretEntry { heir: Some(Box::new(given)), ..secret("4", Some("uid-one")) };
    index.saw_secret(&key("out"), output);
    let may_adopt = |name: &str| {
        let connection = index.connection(&key(name)).unwrap();
        index.may_adopt(&connection, &index.secret(&key("out")).unwrap())
    };
    assert!(!may_adopt("two"), "its owner lives");
    let woken = index.lost_connection(&key("one"), "uid-one");
    assert_eq!(woken, [Woken::Gone(key("one")), Woken::Changed(key("two"))]);
    assert_eq!([may_adopt("two"), may_adopt("three")], [true, false]);
}
