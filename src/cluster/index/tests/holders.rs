//! Who holds a token that is being replaced.

use super::*;
use crate::{api::GithubPatConnectionStatus as Status, domain::token::Token};

fn token(letter: &str) -> HashedToken {
    let text = ["ghp_", &letter.repeat(36)].concat();
    Token::try_from(text.as_bytes()).unwrap().describe().hashed
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
        Holders { own: ["one".to_owned()].into(), beside: ["b".to_owned()].into(), elsewhere: 1 }
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
fn who_waits_for_its_own_part_of_a_rotation_may_have_the_old_token() {
    let rotated = |version: &str, phase: &str, others: Option<i64>| {
        let of = |letter| serde_json::json!({ "secretName": "pat", "kind": "Classic", "hashedToken": token(letter) });
        let rotation = serde_json::json!({
            "phase": phase, "oldToken": of("o"), "newToken": of("n"), "startedAt": "2026-01-01T00:00:00Z",
            "message": "", "otherConnections": others,
        });
        let status = Status { rotation: serde_json::from_value(rotation).unwrap(), ..Status::default() };
        Connection { status: Some(StatusDigest::from(status)), ..connection("b", version, &["two"]) }
    };
    let index = Index::default();
    let ours = connection("a", "1", &[]);
    index.saw_connection(ours.clone());
    index.saw_connection(rotated("2", "Restarting", None));
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
    for (version, phase, others, holders, rotating) in rows {
        index.saw_connection(rotated(version, phase, others));
        assert_eq!(index.holders(&ours, token("o")).others(), holders, "{phase} {others:?}");
        assert_eq!(index.rotating(token("o")).len(), rotating, "{phase} {others:?}");
    }
}
