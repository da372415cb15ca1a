use super::*;
use crate::{api::time, domain::token::Token};

const T: i64 = 1_772_366_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn status(message: &str, since: i64) -> Status {
    let condition = Condition {
        type_: "Ready".to_owned(),
        status: ConditionStatus::True,
        reason: "Ready".to_owned(),
        message: message.to_owned(),
        last_transition_time: time(at(since)),
        observed_generation: Some(1),
    };
    Status { observed_generation: Some(1), conditions: vec![condition], ..Status::default() }
}

#[test]
fn a_digest_knows_its_status_again_and_no_other() {
    let digest = StatusDigest::from(status("good", 77));
    assert!(digest.says_the_same(&status("good", 77)) && !digest.says_the_same(&status("bad", 77)));
    assert!(digest.says_the_same(&status("good", 78)), "the status that is written keeps the instant");
    let later = Status { next_check_at: Some(time(at(99))), ..status("good", 77) };
    assert!(digest.says_the_same(&later), "nextCheckAt is written with other changes only");
    assert_eq!(digest.ready(), Some((ConditionStatus::True, Reason::Ready)));
}

#[test]
fn a_status_tells_of_failed_logins_and_of_no_other_refusal() {
    let rows = [
        ("BadCredentials", 1, None, Some((vec![T], true))),
        ("BadCredentials", 1, Some("2026-01-01T00:00:00Z"), Some((vec![T], false))),
        ("BadCredentials", 3, None, Some((vec![T, T + 60], false))),
        ("AccountSuspended", 3, None, None),
    ];
    for (reason, count, proven, expected) in rows {
        let last = if count == 1 { T } else { T + 60 };
        let status = serde_json::json!({ "token": {
            "secretName": "pat", "host": "github.com", "kind": "Classic", "firstProvenAt": proven,
            "hashedToken": Token::try_from(["ghp_", &"a".repeat(36)].concat().as_bytes()).unwrap().hashed(),
            "refused": { "reason": reason, "count": count, "first": time(at(T)), "last": time(at(last)) },
        } });
        let digest = StatusDigest::from(serde_json::from_value::<Status>(status).unwrap());
        let told = digest.failed_logins("team-a").next().map(|(host, logins, is_unconfirmed)| {
            assert!(host == "github.com" && logins.iter().all(|login| *login.namespace == *"team-a"));
            (logins.iter().map(|login| login.at.as_second()).collect::<Vec<_>>(), is_unconfirmed)
        });
        assert_eq!(told, expected, "{reason} {count} {proven:?}");
    }
}

#[test]
fn a_digest_stays_small_since_there_is_one_for_each_connection() {
    assert!(size_of::<StatusDigest>() <= 112, "{}", size_of::<StatusDigest>());
}
