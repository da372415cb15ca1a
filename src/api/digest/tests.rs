use serde_json::Value;

use super::*;
use crate::{
    api::{Condition, time},
    domain::token::Token,
};

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
fn the_last_end_of_usable_candidates_is_told_of_connections_with_standbys() {
    let [soon, late] = ["2026-05-01T00:00:00Z", "2026-09-01T00:00:00Z"];
    let endless = "9999-12-30T22:00:00Z";
    let rows = [
        ("both end", vec![(true, Some(soon)), (true, Some(late))], Some(late)),
        ("the standby ends sooner", vec![(true, Some(late)), (true, Some(soon))], Some(late)),
        ("the standby is of no use", vec![(true, Some(soon)), (false, Some(late))], Some(soon)),
        ("one does not end", vec![(true, Some(soon)), (true, None)], Some(endless)),
        ("none is of use", vec![(false, Some(soon)), (false, None)], None),
        ("no standbys", vec![], None),
    ];
    for (name, candidates, expected) in rows {
        let token = |ends: &Option<&str>| {
            let hashed = Token::try_from(["ghp_", &"a".repeat(36)].concat().as_bytes()).unwrap().hashed();
            serde_json::json!({ "secretName": "pat", "host": "github.com", "kind": "Classic", "hashedToken": hashed, "expiresAt": ends })
        };
        let each = candidates.iter().enumerate().map(|(index, (is_usable, ends))| {
            let usable = if *is_usable { "True" } else { "False" };
            let of_it = if index == 0 { Value::Null } else { token(ends) };
            serde_json::json!({
                "secretName": format!("pat-{index}"), "usable": usable, "reason": "Accepted", "inUse": index == 0, "token": of_it,
            })
        });
        let status = serde_json::json!({
            "token": candidates.first().map(|(_, ends)| token(ends)), "candidates": each.collect::<Vec<_>>(),
        });
        let digest = StatusDigest::from(serde_json::from_value::<Status>(status).unwrap());
        assert_eq!(digest.last_end(), expected.map(|at| at.parse().unwrap()), "{name}");
    }
}

#[test]
fn a_digest_stays_small_since_there_is_one_for_each_connection() {
    assert!(size_of::<StatusDigest>() <= 112, "{}", size_of::<StatusDigest>());
}

#[test]
fn a_status_tells_of_the_incident_that_holds_a_good_token_and_of_no_other() {
    let hashed = Token::try_from(["ghp_", &"a".repeat(36)].concat().as_bytes()).unwrap().hashed();
    for (name, proven, count, ends, told) in [
        ("held", true, 0, true, true),
        ("held, once refused before", true, 1, true, true),
        ("condemned", true, 2, true, false),
        ("never accepted", false, 0, true, false),
        ("not held", true, 0, false, false),
    ] {
        let second = |second| time(at(T + second));
        let refused = serde_json::json!({ "reason": "BadCredentials", "count": count, "needed": 2, "first": second(1), "last": second(2) });
        let status = serde_json::json!({
            "token": { "secretName": "pat", "host": "github.com", "kind": "Classic", "hashedToken": hashed,
                "firstProvenAt": proven.then(|| second(0)), "refused": (count > 0).then_some(refused) },
            "deferral": { "since": second(3), "reason": "HostRefusesMany", "incidentEndsAt": ends.then(|| second(1800)) },
        });
        let digest = StatusDigest::from(serde_json::from_value::<Status>(status).unwrap());
        let expected = told.then(|| ("github.com", hashed, second(1800).0));
        assert_eq!(digest.incident(), expected, "{name}");
    }
}
