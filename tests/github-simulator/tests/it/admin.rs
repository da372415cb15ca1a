//! The admin endpoint.

use crate::client::{ask, client, get, header, json, number};
use github_simulator::{NewToken, Simulator};
use reqwest::Response;
use serde_json::{Value, json};

async fn post(github: &Simulator, page: &str, body: &Value) -> Response {
    let url = format!("{}/_simulator/{page}", github.url());
    client().post(url).body(body.to_string()).send().await.unwrap()
}

#[tokio::test]
async fn accounts_and_tokens_are_made_and_told() {
    let github = Simulator::start().await.unwrap();
    let response = post(&github, "accounts", &json!({"login": "acme-ci"})).await;
    assert_eq!(response.status(), 201);
    assert_eq!(json(response).await["id"], github.account("acme-ci"));
    let wish = json!({
        "name": "ci", "login": "acme-ci", "kind": "fineGrained", "expiresAt": "2099-05-16T09:52:29Z",
        "expiryLayout": "-0700",
    });
    let response = post(&github, "tokens", &wish).await;
    assert_eq!(response.status(), 201);
    let text = json(response).await["token"].as_str().unwrap().to_owned();
    assert_eq!(github.token_text("ci").as_ref(), Some(&text));
    let response = ask(&github, &text).await;
    let expiry = header(&response, "github-authentication-token-expiration");
    assert_eq!(expiry.as_deref(), Some("2099-05-16 02:52:29 -0700"));
}

#[tokio::test]
async fn changes_are_those_of_the_library() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    let rows = [
        (json!({"revoke": {"token": "ci"}}), 401),
        (json!({"restore": {"token": "ci"}}), 200),
        (json!({"suspend": {"login": "acme-ci"}}), 403),
        (json!({"unsuspend": {"login": "acme-ci"}}), 200),
        (json!({"scopes": {"token": "ci", "scopes": ["repo"]}}), 200),
        (json!({"expiry": {"token": "ci", "in": "-1h"}}), 401),
        (json!({"expiry": {"token": "ci"}}), 200),
        (json!({"outage": {"status": 502}}), 502),
        (json!({"outage": {"manner": "over"}}), 200),
        (json!({"latency": {"milliseconds": 1}}), 200),
        (json!({"clockOffset": {"seconds": 60}}), 200),
        (json!({"script": {"token": "ci", "replies": [{"status": 500}]}}), 500),
        (json!({"script": {"token": "ci", "replies": ["badCredentials"]}}), 401),
        (json!({"script": {"token": "ci", "replies": [{"secondaryLimit": {"retryAfter": 1}}]}}), 403),
        (json!({"script": {"token": "ci", "replies": [{"redirect": {"to": "https://example.com/"}}]}}), 301),
        (json!({"script": {"token": "ci", "replies": [{"answer": {"status": 418, "body": "tea"}}]}}), 418),
        (json!({"script": {"token": "ci", "replies": ["asUsual", "loginLocked"]}}), 200),
        (json!({"script": {"token": "ci", "replies": [{"dated": {"seconds": -60}}]}}), 200),
        (json!({"script": {"token": "ci", "replies": ["gatewayBadCredentials"]}}), 401),
        (json!({"script": {"token": "ci", "replies": ["unmarked"]}}), 200),
        (json!({"dateOffset": {"seconds": 60}}), 200),
        (json!({"claimedExpiry": {"token": "ci", "in": "0s"}}), 200),
        (json!({"claimedExpiry": {"token": "ci"}}), 200),
        (json!({"refuse": "everyone"}), 401),
        (json!({"refuse": {"percent": 0}}), 200),
        (json!({"refuse": {"tokens": ["ci"]}}), 401),
        (json!({"refuse": "nobody"}), 200),
        (json!({"addressLimit": {"requests": 0, "window": "1m", "whenSpent": "lockedOut"}}), 403),
        (json!({"addressLimit": {}}), 200),
        (json!({"limit": {"login": "acme-ci", "remaining": 0, "resetIn": "5m"}}), 403),
        (json!({"limit": {"login": "acme-ci", "remaining": 9, "reset": "2099-01-01T00:00:00Z"}}), 200),
        (json!({"path": {"token": "ci", "path": "/user", "reply": "notFound"}}), 404),
    ];
    for (change, status) in rows {
        let response = post(&github, "changes", &change).await;
        assert_eq!(response.status(), 204, "{change}: {}", response.text().await.unwrap());
        assert_eq!(ask(&github, &text).await.status(), status, "{change}");
    }
    assert_eq!(number(&ask(&github, &text).await, "x-ratelimit-reset"), 4_070_908_800);
}

#[tokio::test]
async fn what_is_hosted_is_made_told_and_changed() {
    let github = Simulator::start().await.unwrap();
    let made = [
        (
            "organizations",
            json!({"name": "acme", "sso": true, "needsApproval": true, "members": {"acme-ci": "member"}}),
        ),
        (
            "repositories",
            json!({"name": "acme/app", "collaborators": {"acme-ci": "push"}, "without": ["issues"]}),
        ),
        ("packages", json!({"name": "acme/app", "visibility": "internal"})),
        (
            "tokens",
            json!({
                "name": "fine", "login": "acme-ci", "kind": "fineGrained", "owner": "acme", "lifetimeDays": 30,
                "permissions": {"issues": "read"}, "repositories": ["acme/app"], "approved": true,
            }),
        ),
        (
            "tokens",
            json!({
                "name": "old", "login": "acme-ci", "kind": "classic", "scopes": ["repo"], "authorizedFor": ["acme"],
            }),
        ),
    ];
    for (page, wish) in made {
        let response = post(&github, page, &wish).await;
        assert_eq!(response.status(), 201, "{wish}");
        assert_eq!(json(response).await["name"], wish["name"], "{wish}");
    }
    // A change, who asks then, and the status.
    let rows = [
        (json!({"approve": {"token": "fine"}}), "fine", 410),
        (json!({"permissions": {"token": "fine", "permissions": {}}}), "fine", 403),
        (json!({"repositories": {"token": "fine", "repositories": []}}), "fine", 404),
        (json!({"repositories": {"token": "fine"}}), "fine", 403),
        (json!({"deauthorize": {"token": "old", "organization": "acme"}}), "old", 403),
        (json!({"authorize": {"token": "old", "organization": "acme"}}), "old", 410),
        (json!({"leave": {"organization": "acme", "login": "acme-ci"}}), "fine", 404),
        (json!({"member": {"organization": "acme", "login": "acme-ci", "role": "owner"}}), "fine", 403),
        (
            json!({"collaborator": {"repository": "acme/app", "login": "acme-ci", "access": "read"}}),
            "old",
            410,
        ),
    ];
    for (change, name, status) in rows {
        let response = post(&github, "changes", &change).await;
        assert_eq!(response.status(), 204, "{change}: {}", response.text().await.unwrap());
        let issues = get(&github, "/repos/acme/app/issues").bearer_auth(github.token_text(name).unwrap());
        assert_eq!(issues.send().await.unwrap().status(), status, "{change}");
    }
}

#[tokio::test]
async fn calls_are_listed_without_those_of_the_endpoint_itself() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    ask(&github, &text).await;
    let calls = json(get(&github, "/_simulator/calls").send().await.unwrap()).await;
    assert_eq!(calls.as_array().unwrap().len(), 1);
    assert_eq!(calls[0]["token"], "ci");
    assert_eq!(calls[0]["status"], 200);
    assert_eq!(get(&github, "/_simulator/nowhere").send().await.unwrap().status(), 404);
    assert_eq!(github.calls().len(), 1);
}

#[tokio::test]
async fn statistics_are_told_and_the_log_can_be_emptied() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    ask(&github, &text).await;
    github.revoke("ci");
    ask(&github, &text).await;
    let statistics = json(get(&github, "/_simulator/statistics").send().await.unwrap()).await;
    assert_eq!(statistics["calls"], 2);
    assert_eq!(statistics["connections"], 3, "that of the question for them too");
    assert_eq!(statistics["byStatus"], json!({"200": 1, "401": 1}));
    assert_eq!(statistics["mostFailedLoginsInAnHour"], 1);
    let calls = format!("{}/_simulator/calls", github.url());
    assert_eq!(client().delete(calls).send().await.unwrap().status(), 204);
    assert_eq!((github.calls().len(), github.statistics().calls), (0, 0));
}

#[tokio::test]
async fn a_bad_wish_is_refused_with_one_sentence_that_names_the_field() {
    let github = Simulator::start().await.unwrap();
    github.token(NewToken::fine_grained("fine", "acme-ci"));
    let rows = [
        ("accounts", json!({}), "login"),
        ("accounts", json!({"login": ""}), "login"),
        ("accounts", json!({"login": "a", "id": 1}), "id"),
        ("tokens", json!({"name": "x", "login": "a", "kind": "golden"}), "kind"),
        ("tokens", json!({"name": "", "login": "a", "kind": "classic"}), "name"),
        ("tokens", json!({"name": "x", "login": "a", "kind": "fineGrained", "scopes": ["repo"]}), "scopes"),
        ("tokens", json!({"name": "x", "login": "a", "kind": "classic", "expiresAt": "soon"}), "expiresAt"),
        (
            "tokens",
            json!({"name": "x", "login": "a", "kind": "classic", "expiryLayout": "CEST"}),
            "expiryLayout",
        ),
        ("tokens", json!({"name": "x", "login": "a", "kind": "classic", "owner": "acme"}), "permissions"),
        (
            "tokens",
            json!({"name": "x", "login": "a", "kind": "fineGrained", "permissions": {"checks": "read"}}),
            "permissions",
        ),
        ("organizations", json!({"name": ""}), "name"),
        ("organizations", json!({"name": "acme", "longestLifetime": {"oauth": 1}}), "oauth"),
        ("organizations", json!({"name": "acme", "members": {"a": "boss"}}), "boss"),
        ("repositories", json!({"name": "app"}), "name"),
        ("repositories", json!({"name": "acme/app", "without": ["love"]}), "love"),
        ("packages", json!({"name": "acme/app", "visibility": "odd"}), "odd"),
        (
            "changes",
            json!({"member": {"organization": "typo", "login": "a", "role": "owner"}}),
            "organization",
        ),
        (
            "changes",
            json!({"collaborator": {"repository": "a/typo", "login": "a", "access": "read"}}),
            "repository",
        ),
        (
            "changes",
            json!({"permissions": {"token": "fine", "permissions": {"contents": "all"}}}),
            "permissions",
        ),
        ("changes", json!({"authorize": {"token": "fine", "organization": "typo"}}), "organization"),
        ("changes", json!({"explode": {}}), "explode"),
        ("changes", json!({"revoke": {"token": "typo"}}), "token"),
        ("changes", json!({"suspend": {"login": "typo"}}), "login"),
        ("changes", json!({"scopes": {"token": "fine", "scopes": []}}), "scopes"),
        ("changes", json!({"limit": {"login": "acme-ci", "remaining": -1, "resetIn": "5m"}}), "remaining"),
        ("changes", json!({"limit": {"login": "acme-ci", "remaining": 1}}), "reset"),
        ("changes", json!({"outage": {"status": 42}}), "status"),
        ("changes", json!({"outage": {}}), "status"),
        ("changes", json!({"refuse": {"percent": 101}}), "percent"),
        ("changes", json!({"refuse": {"tokens": ["typo"]}}), "token"),
        ("changes", json!({"addressLimit": {"window": "0s"}}), "window"),
        ("changes", json!({"addressLimit": {"limit": 1}}), "limit"),
        ("changes", json!({"claimedExpiry": {"token": "typo", "in": "0s"}}), "token"),
        ("changes", json!({"script": {"token": "fine", "replies": [{"status": 1}]}}), "status"),
        ("changes", json!({"path": {"token": "fine", "path": "orgs", "reply": "cut"}}), "path"),
    ];
    for (page, wish, field) in rows {
        let response = post(&github, page, &wish).await;
        assert_eq!(response.status(), 400, "{wish}");
        let body = json(response).await;
        let message = body["message"].as_str().unwrap();
        assert!(
            message.contains(field) && message.ends_with('.') && !message.contains('\n'),
            "{wish}: {message}"
        );
    }
}
