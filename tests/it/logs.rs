//! What the log has of each question and of each change.

use futures::{StreamExt, pin_mut};
use github_pat_operator::api::GithubPatConnection;
use github_simulator::NewToken;
use kube::{
    api::DeleteParams,
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, json};

use crate::world::{Operator, SOON, World, is_so};

/// The lines with this message, each as JSON.
fn lines(operator: &Operator, message: &str) -> Vec<Value> {
    let lines = operator.log();
    let all = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    all.filter(|line| line["message"] == message).collect()
}

#[tokio::test]
async fn each_question_is_one_line_at_debug_and_each_change_of_a_condition_one_at_info() {
    let world = World::start().await;
    let filter = "info,github_pat_operator=debug";
    let operator = world.operator_with(&["--log-format", "json", "--log-filter", filter]).await;
    let token = world.github.token(NewToken::classic("ci", "acme-ci").scopes(&["repo"]));
    world.secret("ci", &token).await;
    world.connection("ci", json!({})).await;
    let accepted = world.ready("ci", "True", "Ready").await;
    let hashed_token = serde_json::to_value(&accepted).unwrap().pointer("/status/token/hashedToken").cloned();
    operator.until_logged("token judged").await;
    assert_eq!(lines(&operator, "token judged").len(), 1, "the first judgement is one line");
    assert_eq!(lines(&operator, "condition changed"), [Value::Null; 0]);
    world.github.revoke("ci");
    world.ready("ci", "False", "BadCredentials").await;
    operator.until_logged(r#""ready":"False","reason":"BadCredentials""#).await;
    operator.until_logged(r#""condition":"Authenticated","status":"False""#).await;
    let changed = lines(&operator, "condition changed");
    let of =
        |condition: &str| changed.iter().filter(|line| line["condition"] == condition).collect::<Vec<_>>();
    let accepted = of("Authenticated");
    let last = accepted.last().unwrap();
    assert_eq!(
        [&last["level"], &last["connection"], &last["status"], &last["reason"]],
        ["INFO", "team-a/ci", "False", "BadCredentials"]
    );
    assert_eq!(of("SecretResolved").len(), 0, "it says what it said before");
    let judged: Vec<_> = lines(&operator, "token judged").iter().map(|line| line["reason"].clone()).collect();
    assert_eq!((judged.first(), judged.last()), (Some(&json!("Ready")), Some(&json!("BadCredentials"))));

    let asked = lines(&operator, "question answered");
    let hashed = &hashed_token.unwrap();
    assert!(!operator.log().contains(&token), "the token is in no line");
    assert_eq!(asked.len(), world.github.calls().len());
    let told: Vec<_> = asked
        .iter()
        .map(|line| ["level", "host", "method", "path", "class"].map(|field| line[field].as_str().unwrap()))
        .collect();
    assert_eq!(told.first(), Some(&["DEBUG", "simulated", "GET", "/user", "Granted"]));
    assert_eq!(told.last(), Some(&["DEBUG", "simulated", "GET", "/user", "Refused"]));
    for line in &asked {
        assert!(line["ms"].as_u64().is_some_and(|ms| ms < 10_000) && line["requests"] == 1, "{line}");
        assert!(line["request"].as_str().is_some_and(|id| !id.is_empty()), "{line}");
        // Of which token it is: by the same value its status and GitHub's audit log name it.
        assert_eq!(line["hashed_token"], *hashed, "{line}");
    }
    assert_eq!((&asked[0]["status"], &asked[asked.len() - 1]["status"]), (&json!(200), &json!(401)));
}

/// What the conditions say but for `Ready`: type, status and reason of each.
fn said(seen: &GithubPatConnection) -> Vec<[String; 3]> {
    let conditions = seen.status.iter().flat_map(|status| &status.conditions);
    let others = conditions.filter(|condition| condition.type_ != "Ready");
    others
        .map(|condition| {
            [&*condition.type_, condition.status.as_str(), condition.reason.as_str()].map(str::to_owned)
        })
        .collect()
}

#[tokio::test]
async fn whatever_a_condition_comes_to_say_is_one_line_at_info() {
    let world = World::start().await;
    let operator = world.operator_with(&["--log-format", "json", "--log-filter", "info"]).await;
    let ends = |hours: i64| jiff::Timestamp::now() + jiff::SignedDuration::from_hours(hours);
    let token = |name: &str, scopes: &[&str], hours| {
        world.github.token(NewToken::classic(name, "acme-ci").scopes(scopes).expires(ends(hours)))
    };
    world.secret("ci", &token("good", &["repo"], 9000)).await;
    world.secret("theirs", "by hand").await;
    let publish = json!([{ "secretName": "out", "format": "Opaque" }]);
    world.connection("ci", json!({ "publish": publish, "require": { "scopes": ["repo"] } })).await;
    world.ready("ci", "True", "Ready").await;
    let changes = async {
        // The watch brings each status that is written, in its order.
        let events = watcher(world.connections(), watcher::Config::default()).touched_objects();
        pin_mut!(events);
        let (mut before, mut changes) = (None::<Vec<[String; 3]>>, Vec::new());
        let mut step = 0;
        while let Some(seen) = events.next().await {
            let seen = seen.unwrap();
            let now = said(&seen);
            if let Some(before) = &before {
                changes.extend(now.iter().filter(|said| !before.contains(said)).cloned());
                let gone = before.iter().filter(|[type_, ..]| now.iter().all(|[other, ..]| other != type_));
                changes.extend(
                    gone.map(|[type_, _, reason]| [type_.clone(), "removed".to_owned(), reason.clone()]),
                );
            }
            before = Some(now);
            match step {
                0 => {
                    let publish = json!([{ "secretName": "theirs", "format": "Opaque" }]);
                    world.change("ci", json!({ "publish": publish })).await;
                    world.secret("ci", &token("weak", &["gist"], 20)).await;
                }
                1 if is_so(&seen, "RequirementsMet", "False", "ScopeMissing") => {
                    world.secret("ci", &token("strong", &["repo"], 9000)).await;
                }
                2 if is_so(&seen, "NotExpiring", "True", "NotExpiring")
                    && is_so(&seen, "RequirementsMet", "True", "RequirementsMet") =>
                {
                    world.secrets().delete("ci", &DeleteParams::default()).await.unwrap();
                }
                3 if is_so(&seen, "SecretResolved", "False", "SecretNotFound") => return changes,
                _ => continue,
            }
            step += 1;
        }
        unreachable!("a watch does not end")
    };
    let changes = tokio::time::timeout(SOON, changes).await.expect("the conditions did not come to say so");
    let types: std::collections::BTreeSet<_> = changes.iter().map(|[type_, ..]| type_.as_str()).collect();
    for type_ in ["Authenticated", "NotExpiring", "Published", "RequirementsMet", "SecretResolved"] {
        assert!(types.contains(type_), "{type_} never changed: {changes:?}");
    }
    let is_removed = |[type_, status, _]: &[String; 3]| type_ == "Stalled" && status == "removed";
    assert!(changes.iter().any(is_removed), "{changes:?}");
    let deadline = std::time::Instant::now() + SOON;
    while lines(&operator, "condition changed").len() < changes.len() {
        assert!(std::time::Instant::now() < deadline, "too few lines: {}", operator.log());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let logged: Vec<_> = lines(&operator, "condition changed")
        .iter()
        .map(|line| {
            assert_eq!((&line["level"], &line["connection"]), (&json!("INFO"), &json!("team-a/ci")));
            ["condition", "status", "reason"].map(|field| line[field].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(logged, changes);
}
