//! What is waited for, by what the connection says alone.

use serde_json::{Value, json};

use super::*;

const FIRST: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
const SECOND: &str = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
const THIRD: &str = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=";

fn token(hash: &str) -> Value {
    json!({ "secretName": "pat", "host": "github.com", "kind": "Classic", "hashedToken": hash })
}

fn candidate(secret: &str, in_use: bool, usable: &str, hash: &str) -> Value {
    let token = if hash.is_empty() { Value::Null } else { token(hash) };
    json!({
        "secretName": secret, "inUse": in_use, "usable": usable, "reason": format!("Is{usable}"),
        "message": format!("{secret} is {usable}"), "token": token,
    })
}

/// A connection after its rotation from the first token to the second, which is in use from the second candidate.
fn rotated(preferred: &Value, mark: Option<&str>) -> GithubPatConnection {
    let rotation = json!({
        "phase": "SafeToRevoke", "startedAt": "2026-03-01T10:00:00Z", "message": "over",
        "oldToken": token(FIRST), "newToken": token(SECOND),
    });
    let annotations = mark.map(|mark| json!({ "githubpat.dev/rotating-to": mark }));
    serde_json::from_value(json!({
        "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection",
        "metadata": { "name": "ci", "generation": 1, "annotations": annotations },
        "spec": { "secretRef": { "name": "pat" }, "standby": [{ "name": "next" }] },
        "status": {
            "observedGeneration": 1, "conditions": [], "token": token(SECOND), "rotation": rotation,
            "candidates": [preferred, candidate("next", true, "True", SECOND)],
        },
    }))
    .unwrap()
}

/// What a person who waits until the old token is safe to revoke sees of it.
fn seen(connection: &GithubPatConnection) -> &'static str {
    let wait = Wait {
        name: "ci".to_owned(),
        goal: SAFE_TO_REVOKE.to_owned(),
        timeout: "1s".parse().unwrap(),
        way: Way::among(&[]),
    };
    match wait.seen(connection) {
        Seen::Reached => "Reached",
        Seen::Settled => "Settled",
        Seen::Stalled => "Stalled",
        Seen::Not => "Not",
    }
}

#[test]
fn the_end_of_a_rotation_is_not_that_of_the_next_one_which_is_not_proven() {
    let rows = [
        (
            "the old token is dead",
            candidate("pat", false, "False", FIRST),
            None,
            "Settled",
            "SafeToRevoke over",
        ),
        (
            "nobody can tell of the old token",
            candidate("pat", false, "Unknown", FIRST),
            None,
            "Settled",
            "SafeToRevoke over",
        ),
        (
            "the Secret of the old token is empty",
            candidate("pat", false, "False", ""),
            None,
            "Settled",
            "SafeToRevoke over",
        ),
        (
            "the mark of this rotation stays",
            candidate("pat", false, "False", FIRST),
            Some(SECOND),
            "Settled",
            "SafeToRevoke over",
        ),
        (
            "the next token is not judged",
            candidate("pat", false, "Unknown", THIRD),
            None,
            "Not",
            "IsUnknown pat is Unknown",
        ),
        (
            "the next token is refused",
            candidate("pat", false, "False", THIRD),
            None,
            "Stalled",
            "IsFalse pat is False",
        ),
        (
            "the next token is proven",
            candidate("pat", false, "True", THIRD),
            None,
            "Not",
            "IsTrue the token in Secret pat is proven; ",
        ),
        (
            "the next token is not stored",
            candidate("pat", false, "False", FIRST),
            Some(THIRD),
            "Not",
            "Proving a rotation to another token was begun, ",
        ),
    ];
    for (row, preferred, mark, expected, said) in rows {
        let connection = rotated(&preferred, mark);
        assert_eq!(seen(&connection), expected, "{row}");
        let (reason, message) = reason(&connection, SAFE_TO_REVOKE);
        assert!(format!("{reason} {message}").starts_with(said), "{row}: {reason} {message}");
    }
}

#[test]
fn what_is_from_before_the_last_rotation_does_not_keep_it_from_its_end() {
    let (before, after) = ("2026-03-01T09:00:00Z", "2026-03-01T11:00:00Z");
    let accepted = |hash: &str, at: &str| {
        let mut candidate = candidate("pat", false, "False", hash);
        candidate["token"]["firstProvenAt"] = at.into();
        candidate
    };
    let dead = candidate("pat", false, "False", FIRST);
    let mut unknown = accepted(THIRD, before);
    unknown["usable"] = "Unknown".into();
    let secret_ref = json!({ "f:spec": { "f:secretRef": {} } });
    let annotation = json!({ "f:metadata": { "f:annotations": { "f:githubpat.dev/rotating-to": {} } } });
    let entry = |manager: &str, at: &str, fields: &Value| json!({ "manager": manager, "operation": "Update", "time": at, "fieldsV1": fields });
    // Who has written spec.secretRef, where the token of the preferred Secret was accepted before and is dead.
    let preferred = [
        ("a person has preferred it before", entry("kubectl-edit", before, &secret_ref), "Settled"),
        ("a person has preferred it since", entry("kubectl-edit", after, &secret_ref), "Stalled"),
        (
            "a tool has preferred it in the same second",
            entry("argocd-controller", "2026-03-01T10:00:00Z", &secret_ref),
            "Stalled",
        ),
        ("a person has changed all else", entry("kubectl-edit", after, &annotation), "Settled"),
        ("the plugin has taken its mark away", entry("kubectl-github-pat", after, &secret_ref), "Settled"),
    ];
    for (row, entry, expected) in preferred {
        let mut connection = rotated(&accepted(THIRD, before), None);
        connection.metadata.managed_fields = serde_json::from_value(json!([entry])).unwrap();
        assert_eq!(seen(&connection), expected, "{row}");
    }
    // With a mark, and when it was written as the API server has it.
    let rows = [
        ("the mark is of the old token", dead.clone(), Some(FIRST), None, "Settled"),
        ("so is one from before", dead.clone(), Some(FIRST), Some(before), "Settled"),
        ("the old token comes back", dead.clone(), Some(FIRST), Some(after), "Not"),
        (
            "the mark is of a token that an earlier rotation replaced",
            dead.clone(),
            Some(THIRD),
            Some(before),
            "Settled",
        ),
        (
            "the mark is written in the same second",
            dead.clone(),
            Some(THIRD),
            Some("2026-03-01T10:00:00Z"),
            "Not",
        ),
        ("the mark is of the next token", dead, Some(THIRD), Some(after), "Not"),
        ("a token that an earlier rotation replaced is dead", accepted(THIRD, before), None, None, "Settled"),
        ("nobody can tell yet whether one of before is good", unknown, None, None, "Not"),
        (
            "it was rotated to, and the mark stays",
            accepted(THIRD, before),
            Some(THIRD),
            Some(before),
            "Settled",
        ),
        ("it is rotated to once more", accepted(THIRD, before), Some(THIRD), Some(after), "Stalled"),
        (
            "GitHub accepts the next token, which lacks something",
            accepted(THIRD, after),
            None,
            None,
            "Stalled",
        ),
    ];
    for (row, preferred, mark, written, expected) in rows {
        let mut connection = rotated(&preferred, mark);
        // The API server tells the time in whole seconds, the status need not.
        let rotation = connection.status.as_mut().and_then(|status| status.rotation.as_mut()).unwrap();
        rotation.started_at = serde_json::from_value(json!("2026-03-01T10:00:00.5Z")).unwrap();
        if let Some(at) = written {
            let entry = entry("kubectl-github-pat", at, &annotation);
            connection.metadata.managed_fields = serde_json::from_value(json!([entry])).unwrap();
        }
        assert_eq!(seen(&connection), expected, "{row}");
        let is_told = reason(&connection, SAFE_TO_REVOKE).0 == "SafeToRevoke";
        assert_eq!(is_told, expected == "Settled", "{row}");
    }
}
