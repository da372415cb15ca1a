//! The log of calls.

use crate::client::{ask, client, get};
use github_simulator::{NewToken, Reply, Simulator, TokenKind, token_text_for};
use std::time::Duration;

#[tokio::test]
async fn a_call_has_time_name_path_status_and_connection() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    let client = client();
    let before = jiff::Timestamp::now();
    for path in ["/user", "/rate_limit?x=1"] {
        let request = client.get(format!("{}{path}", github.url())).bearer_auth(&text);
        request.header("Accept", "application/vnd.github+json").send().await.unwrap().bytes().await.unwrap();
    }
    ask(&github, &token_text_for(TokenKind::Classic, 3)).await;
    get(&github, "/user").send().await.unwrap();
    let calls = github.calls();
    let seen: Vec<_> = calls
        .iter()
        .map(|call| {
            (call.token.as_deref(), call.authorized, call.path.as_str(), call.status, call.connection)
        })
        .collect();
    let expected = [
        (Some("ci"), true, "/user", Some(200), 1),
        (Some("ci"), true, "/rate_limit?x=1", Some(200), 1),
        (None, true, "/user", Some(401), 2),
        (None, false, "/user", Some(401), 3),
    ];
    assert_eq!(seen, expected);
    assert!(calls.iter().all(|call| call.at >= before && call.method == "GET"));
    let accept = ("accept".to_owned(), "application/vnd.github+json".to_owned());
    assert!(calls[0].headers.contains(&accept), "{:?}", calls[0].headers);
}

#[tokio::test]
async fn no_byte_of_a_token_is_in_the_log() {
    let github = Simulator::start().await.unwrap();
    for (seed, kind) in (0_u64..).zip(TokenKind::ALL) {
        let name = format!("token {seed}");
        let text = github.token(NewToken::of(kind, &name, "acme-ci"));
        let replaced = github.token(NewToken::of(kind, &name, "acme-ci"));
        for text in [&text, &replaced] {
            let request = get(&github, &format!("/user?access_token={text}")).bearer_auth(text);
            request.header("x-forgotten", format!("Bearer {text}")).send().await.unwrap();
        }
        let log = serde_json::to_string(&github.calls()).unwrap() + &format!("{:?}", github.calls());
        assert!(!log.contains(&text) && !log.contains(&replaced), "{kind:?}");
        assert!(log.contains(&format!("access_token=<{name}>")), "{kind:?}");
    }
    assert!(github.calls().iter().all(|call| call.headers.iter().all(|(name, _)| name != "authorization")));
}

#[tokio::test]
async fn waiting_ends_with_the_call_that_was_waited_for_or_with_the_deadline() {
    let github = std::sync::Arc::new(Simulator::start().await.unwrap());
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    assert!(!github.wait_until(Duration::from_millis(50), |calls| !calls.is_empty()).await);
    let waiting = tokio::spawn({
        let github = std::sync::Arc::clone(&github);
        async move { github.wait_until(Duration::from_secs(20), |calls| calls.len() == 2).await }
    });
    github.script("ci", vec![Reply::Status(500)]);
    ask(&github, &text).await;
    ask(&github, &text).await;
    assert!(waiting.await.unwrap());
    assert!(github.wait_until(Duration::ZERO, |calls| calls.len() == 2).await);
}
