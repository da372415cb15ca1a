//! What a status remembers of its token is kept until somebody has taken it.

use super::*;
use crate::{
    api::{GithubPatConnectionStatus as Status, StatusDigest},
    domain::token::Token,
};

/// A connection whose status remembers a token.
fn remembering(version: &str) -> Connection {
    let token = Token::try_from(["ghp_", &"o".repeat(36)].concat().as_bytes()).unwrap();
    let hash = token.describe().hashed;
    let token = serde_json::json!({ "secretName": "pat", "kind": "Classic", "host": "github.com", "hashedToken": hash });
    let status: Status =
        serde_json::from_value(serde_json::json!({ "token": token, "conditions": [] })).unwrap();
    Connection { status: Some(StatusDigest::from(status)), ..connection("a", version, &[]) }
}

#[test]
fn whose_own_write_was_told_by_an_event_first_keeps_no_memory_that_was_taken() {
    let index = Index::default();
    let has_memory = || index.connection(&key("a")).unwrap().has_memory();
    index.saw_connection(remembering("1"));
    assert!(has_memory(), "nobody has taken it");
    index.saw_connection(remembering("2"));
    assert_eq!(index.wrote_connection(remembering("2").without_memory()), None);
    assert!(!has_memory());

    index.saw_connection(remembering("4"));
    index.wrote_connection(remembering("3").without_memory());
    assert!(has_memory(), "somebody else has written since");
    index.wrote_connection(remembering("4"));
    assert!(has_memory(), "it was not taken");
}
