//! Who holds a token that is being replaced.

use super::*;
use crate::{
    api::{GithubPatConnectionStatus as Status, StatusDigest},
    domain::token::Token,
};

fn token(letter: &str) -> HashedToken {
    let text = ["ghp_", &letter.repeat(36)].concat();
    Token::try_from(text.as_bytes()).unwrap().describe().hashed
}

/// A connection in this phase of the change from the token o to the token n.
fn rotating(name: &str, version: &str, phase: &str, others: Option<i64>) -> Connection {
    let of =
        |letter| serde_json::json!({ "secretName": "pat", "kind": "Classic", "hashedToken": token(letter) });
    let rotation = serde_json::json!({
        "phase": phase, "oldToken": of("o"), "newToken": of("n"), "startedAt": "2026-01-01T00:00:00Z",
        "message": "", "otherConnections": others,
    });
    let status = Status { rotation: serde_json::from_value(rotation).unwrap(), ..Status::default() };
    Connection { status: Some(StatusDigest::from(status)), ..connection(name, version, &["two"]) }
}

#[test]
fn who_holds_a_token_is_known_and_nobody_of_another_namespace_by_name() {
    let index = Index::default();
    let holding = |version: &str, owner: &str, letter: &str| SecretEntry {
        token: Some(token(letter).leading()),
        ..secret(version, Some(owner))
    };
    let elsewhere = Connection {
        key: ObjectKey::new("other", "c"),
        uid: "uid-c".into(),
        ..connection("c", "3", &["out"])
    };
    let ours = connection("a", "1", &["one"]);
    index.saw_connection(ours.clone());
    index.saw_connection(connection("b", "2", &["two"]));
    index.saw_connection(elsewhere);
    index.saw_secret(&key("one"), holding("4", "uid-a", "o"));
    index.saw_secret(&key("two"), holding("5", "uid-b", "o"));
    index.saw_secret(&ObjectKey::new("other", "out"), holding("6", "uid-c", "o"));
    // A label alone makes no Secret of another namespace an output of that connection.
    index.saw_secret(&ObjectKey::new("forged", "out"), holding("7", "uid-b", "f"));
    let held = |letter: &str| index.holders(&ours, token(letter));
    assert_eq!(
        held("o"),
        Holders {
            own: ["one".to_owned()].into(),
            beside: ["b".to_owned()].into(),
            elsewhere: 1,
            ..Holders::default()
        }
    );
    assert_eq!(held("f"), Holders::default());
    index.saw_secret(&key("two"), holding("8", "uid-b", "n"));
    index.saw_secret(&key("one"), secret("9", None));
    index.lost_secret(&ObjectKey::new("other", "out"), &"s".into());
    assert_eq!(held("o"), Holders::default());
    assert_eq!(held("n"), Holders { beside: ["b".to_owned()].into(), ..Holders::default() });
    index.lost_connection(&key("b"), "uid-b");
    assert_eq!(held("n"), Holders::default(), "what is orphaned is taken over or collected");
}

#[test]
fn where_nobody_knows_the_secrets_the_status_tells_who_may_have_a_token() {
    let index = Index::new(vec![Scope::All], SecretScope::Namespaced);
    let ours = connection("a", "1", &["one"]);
    index.saw_connection(ours.clone());
    let telling = |version: &str, letter: &str, reason: &str| {
        let token = serde_json::json!({ "secretName": "pat", "kind": "Classic", "host": "github.com", "hashedToken": token(letter) });
        let published = serde_json::json!({
            "type": "Published", "status": "True", "reason": reason, "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
        });
        let output = serde_json::json!({ "secretName": "out", "format": "Opaque" });
        let outputs = if reason == "NothingRequested" { vec![] } else { vec![output] };
        let status = serde_json::json!({ "token": token, "conditions": [published], "outputs": outputs });
        let status: Status = serde_json::from_value(status).unwrap();
        Connection {
            key: ObjectKey::new("other", "c"),
            uid: "uid-c".into(),
            status: Some(StatusDigest::from(status)),
            ..connection("c", version, &["out"])
        }
    };
    let scope = |namespace: &str| Scope::Namespace(namespace.into());
    index.secrets_listed(&scope("ns"));
    let held = |access: Access, version: &str, letter: &str, reason: &str| {
        index.saw_connection(telling(version, letter, reason));
        match access {
            Access::Awaited => {}
            Access::Granted => drop(index.secrets_listed(&scope("other"))),
            Access::Refused(user) => drop(index.secrets_refused(&scope("other"), user.as_deref())),
        }
        let holders = index.holders(&ours, token("o"));
        (holders.elsewhere, holders.unseen)
    };
    let refused = || Access::Refused(None);
    let rows = [
        ("not listed yet", Access::Awaited, "o", "Published", (1, 0)),
        ("not listed yet, and it has another one", Access::Awaited, "n", "Published", (0, 0)),
        ("not listed yet, and it publishes nothing", Access::Awaited, "o", "NothingRequested", (0, 0)),
        ("refused, and its status does not say so yet", refused(), "o", "Published", (1, 0)),
        ("refused, as its status says", refused(), "o", "NamespaceNotGranted", (0, 1)),
        ("refused, and it has another one", refused(), "n", "NamespaceNotGranted", (0, 0)),
        ("listed, and no output has it", Access::Granted, "o", "Published", (0, 0)),
    ];
    for (place, (name, access, letter, reason, expected)) in rows.into_iter().enumerate() {
        assert_eq!(held(access, &format!("1{place}"), letter, reason), expected, "{name}");
    }
}

#[test]
fn who_has_a_token_in_the_entries_of_another_secret_holds_it_and_losing_it_wakes_who_waits() {
    let taking = |version: &str, letters: &[&str]| {
        let further = letters.iter().map(|letter| token(letter).leading()).collect();
        SecretEntry {
            token: Some(token("m").leading()),
            further: Some(Box::new(further)),
            ..secret(version, Some("uid-b"))
        }
    };
    let index = Index::default();
    index.secrets_listed(&Scope::All);
    let ours = connection("a", "1", &["one"]);
    index.saw_connection(ours.clone());
    let bot = connection("b", "2", &["pull"]);
    index.saw_connection(bot.clone());
    index.saw_connection(rotating("c", "3", "Restarting", None));
    index.saw_secret(&key("pull"), taking("4", &["n", "o"]));
    assert_eq!(index.holders(&ours, token("o")).beside, ["b"]);
    let held = index.holders(&bot, token("o"));
    assert_eq!((held.own, held.taken_in), (vec![], vec!["pull".to_owned()]));
    assert_eq!(index.awaiting(&key("pull")), changed("c"));
    assert_eq!(index.saw_secret(&key("pull"), taking("5", &["o"])), changed("b"), "it has it still");
    let both = [changed("b"), changed("c")].concat();
    assert_eq!(index.saw_secret(&key("pull"), taking("6", &[])), both);
    assert_eq!(index.holders(&ours, token("o")).others(), 0);
}

#[test]
fn an_earlier_version_of_others_counts_for_nothing_once_a_status_names_the_present_one() {
    let index = Index::default();
    let ours = connection("a", "1", &[]);
    index.saw_connection(ours.clone());
    let output =
        |name: &str| serde_json::json!({ "secretName": "two", "format": "Opaque", "currentName": name });
    let versioned = |version: &str, serving: &[&str]| {
        let publish = serde_json::json!([{ "secretName": "two", "format": "Opaque", "versioned": true }]);
        let spec = serde_json::json!({ "secretRef": { "name": "b-pat" }, "publish": publish });
        let outputs = serving.iter().map(|name| serde_json::from_value(output(name)).unwrap()).collect();
        let status = Some(StatusDigest::from(Status { outputs, ..Status::default() }));
        Connection { spec: spec.into(), status, ..connection("b", version, &[]) }
    };
    let (old, new) = ("two-0123456789", "two-abcdef0123");
    let holding = |version: &str, letter: &str| SecretEntry {
        token: Some(token(letter).leading()),
        ..secret(version, Some("uid-b"))
    };
    index.saw_connection(versioned("2", &[]));
    index.saw_secret(&key(old), holding("3", "o"));
    index.saw_secret(&key(new), holding("4", "n"));
    let rows = [("5", &[][..], 1), ("6", &[old], 1), ("7", &[new], 0), ("8", &["it-0123456789"], 1)];
    for (version, serving, held) in rows {
        index.saw_connection(versioned(version, serving));
        assert_eq!(index.holders(&ours, token("o")).others(), held, "{serving:?}");
    }
    index.saw_connection(versioned("9", &[new]));
    let counts = |version: &str, serving: &[&str]| {
        let token = serde_json::json!({ "secretName": "b-pat", "kind": "Classic", "host": "github.com", "hashedToken": token("n") });
        let outputs: Vec<_> = serving.iter().map(|name| output(name)).collect();
        let status = serde_json::json!({ "token": token, "outputs": outputs, "conditions": [] });
        let status: Status = serde_json::from_value(status).unwrap();
        let bot = Connection { status: Some(StatusDigest::from(status)), ..versioned(version, serving) };
        index.saw_connection(bot.clone());
        let counts = index.count_outputs(&bot);
        (counts.current, counts.outdated, counts.earlier)
    };
    assert_eq!(counts("10", &[new]), (1, 0, 1), "kept for those who still name it");
    assert_eq!(counts("11", &[old]), (1, 1, 0), "the present one has another token");
    index.saw_connection(versioned("12", &[new]));
    let bot = index.connection(&key("b")).unwrap();
    assert_eq!(index.holders(&bot, token("o")).own, [old], "of its own the connection knows which it is");
}

#[test]
fn who_waits_for_its_own_part_of_a_rotation_may_have_the_old_token() {
    let index = Index::default();
    index.secrets_listed(&Scope::All);
    let ours = connection("a", "1", &[]);
    index.saw_connection(ours.clone());
    index.saw_connection(rotating("b", "2", "Restarting", None));
    assert_eq!(index.holders(&ours, token("o")).others(), 0, "it has published nothing");
    index.saw_secret(
        &key("two"),
        SecretEntry { token: Some(token("n").leading()), ..secret("3", Some("uid-b")) },
    );
    let rows = [
        ("4", "Proving", None, 1, 1),
        ("5", "Restarting", None, 1, 1),
        ("6", "WaitingForConsumers", None, 1, 1),
        ("7", "WaitingForConsumers", Some(1), 0, 1),
        ("8", "SafeToRevoke", None, 0, 0),
    ];
    for (version, phase, others, holders, leaving) in rows {
        index.saw_connection(rotating("b", version, phase, others));
        assert_eq!(index.holders(&ours, token("o")).others(), holders, "{phase} {others:?}");
        assert_eq!(index.rotating(token("o")).len(), leaving, "{phase} {others:?}");
    }
}

#[test]
fn whose_output_has_the_next_token_before_the_status_tells_of_it_has_the_old_one_until_then() {
    let naming = |version: &str, letter: &str| {
        let token = serde_json::json!({ "secretName": "pat", "kind": "Classic", "host": "github.com", "hashedToken": token(letter) });
        let status: Status =
            serde_json::from_value(serde_json::json!({ "token": token, "conditions": [] })).unwrap();
        Connection { status: Some(StatusDigest::from(status)), ..connection("b", version, &["two"]) }
    };
    let holding = |version: &str, letter: &str| SecretEntry {
        token: Some(token(letter).leading()),
        ..secret(version, Some("uid-b"))
    };
    let ours = connection("a", "1", &[]);
    let known = || {
        let index = Index::default();
        index.secrets_listed(&Scope::All);
        index.saw_connection(ours.clone());
        index.saw_connection(naming("2", "o"));
        index.saw_connection(rotating("c", "3", "WaitingForConsumers", Some(1)));
        index.saw_secret(&key("two"), holding("4", "o"));
        index.saw_secret(&key("two"), holding("5", "n"));
        assert_eq!(index.holders(&ours, token("o")).beside, ["b"], "its Pods may be told to restart yet");
        index
    };
    let others = |index: &Index| index.holders(&ours, token("o")).others();

    let index = known();
    index.saw_connection(naming("6", "o"));
    assert_eq!(others(&index), 1, "a status that tells of something else");
    index.saw_connection(naming("7", "n"));
    assert_eq!(others(&index), 0);
    index.saw_secret(&key("two"), holding("8", "o"));
    index.lost_secret(&key("two"), &"s".into());
    assert_eq!(others(&index), 0, "an output that is gone brings no other token");

    let index = known();
    index.saw_secret(&key("two"), holding("6", "o"));
    assert_eq!(others(&index), 1, "it was put back");
    index.lost_secret(&key("two"), &"s".into());
    assert_eq!(others(&index), 0, "nothing has moved");
    let index = known();
    index.lost_secret(&key("two"), &"s".into());
    assert_eq!(others(&index), 0, "it publishes no more");
    index.saw_secret(&key("two"), holding("7", "n"));
    assert_eq!(others(&index), 1, "it does once more");
    index.saw_secret(&key("two"), holding("8", "o"));
    index.saw_secret(&key("two"), holding("9", "n"));
    assert_eq!(others(&index), 1, "it moves once more");

    let index = known();
    let woken = index.lost_connection(&key("b"), "uid-b");
    assert!(woken.iter().any(|woken| changed("c").contains(woken)), "who waits is woken: {woken:?}");
    assert_eq!(others(&index), 0);
}
