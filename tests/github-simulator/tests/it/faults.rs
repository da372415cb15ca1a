//! Cut, stalled, slow and endless answers, and scripts.

use crate::client::{ask, client, header};
use github_simulator::{NewToken, Outage, Reply, Simulator};
use reqwest::Response;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_script_is_followed_call_by_call_and_then_forgotten() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    let other = github.token(NewToken::classic("other", "acme-ci"));
    let exact = Reply::Answer {
        status: 418,
        headers: vec![("x-odd".to_owned(), "1".to_owned()), ("content-length".to_owned(), "99".to_owned())],
        body: "tea".to_owned(),
    };
    github.script("ci", vec![Reply::Status(503), Reply::AsUsual, Reply::Status(401), exact]);
    assert_eq!(ask(&github, &text).await.status(), 503);
    assert_eq!(ask(&github, &other).await.status(), 200);
    assert_eq!(ask(&github, &text).await.status(), 200);
    assert_eq!(ask(&github, &text).await.status(), 401);
    let response = ask(&github, &text).await;
    assert_eq!(response.status(), 418);
    let mut names: Vec<_> = response.headers().keys().map(|name| name.as_str().to_owned()).collect();
    names.sort();
    assert_eq!(names, ["content-length", "date", "x-odd"]);
    assert_eq!(response.text().await.unwrap(), "tea");
    assert_eq!(ask(&github, &text).await.status(), 200);
}

#[tokio::test]
async fn a_cut_closes_the_connection_without_an_answer_and_is_one_call() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    let client = client();
    let request = || client.get(format!("{}/user", github.url())).bearer_auth(&text);
    assert_eq!(request().send().await.unwrap().bytes().await.unwrap().first(), Some(&b'{'));
    github.script("ci", vec![Reply::Cut]);
    let error = request().send().await.unwrap_err();
    assert!(error.is_request() && !error.is_timeout(), "{error:?}");
    assert_eq!(request().send().await.unwrap().status(), 200);
    let calls: Vec<_> = github.calls().into_iter().map(|call| (call.status, call.connection)).collect();
    assert_eq!(calls, [(Some(200), 1), (None, 1), (Some(200), 2)]);
}

#[tokio::test]
async fn a_stalled_request_is_noted_and_never_answered_while_others_are() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    let other = github.token(NewToken::classic("other", "acme-ci"));
    github.script("ci", vec![Reply::Stall]);
    let request = client().get(format!("{}/user", github.url())).bearer_auth(&text).send();
    let stalled = tokio::spawn(request);
    assert!(github.wait_until(LONG, |calls| calls.len() == 1).await);
    assert_eq!(ask(&github, &other).await.status(), 200);
    assert!(!stalled.is_finished());
    assert_eq!(github.calls()[0].status, None);
    stalled.abort();
}

#[tokio::test]
async fn an_outage_can_cut_or_stall_every_connection() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    let request = || client().get(format!("{}/user", github.url())).bearer_auth(&text);
    github.outage(Some(Outage::Cut));
    assert!(!request().send().await.unwrap_err().is_timeout());
    github.outage(Some(Outage::Stall));
    assert!(request().timeout(Duration::from_millis(200)).send().await.unwrap_err().is_timeout());
    github.outage(None);
    assert_eq!(ask(&github, &text).await.status(), 200);
    let statuses: Vec<_> = github.calls().into_iter().map(|call| call.status).collect();
    assert_eq!(statuses, [None, None, Some(200)]);
}

#[tokio::test]
async fn latency_holds_answers_back() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    github.latency(Duration::from_millis(150));
    let start = Instant::now();
    assert_eq!(ask(&github, &text).await.status(), 200);
    assert!(start.elapsed() >= Duration::from_millis(150));
    github.latency(Duration::ZERO);
}

#[tokio::test]
async fn answers_are_held_back_until_they_are_let_go() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    github.hold(true);
    let request = client().get(format!("{}/user", github.url())).bearer_auth(&text);
    let asked = tokio::spawn(request.send());
    assert!(github.wait_until(Duration::from_secs(60), |calls| calls.len() == 1).await);
    assert!(!asked.is_finished());
    github.hold(false);
    assert_eq!(asked.await.unwrap().unwrap().status(), 200);
    assert_eq!(ask(&github, &text).await.status(), 200);
}

#[tokio::test]
async fn a_dripping_body_begins_and_does_not_end() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci").scopes(&["repo"]));
    github.script("ci", vec![Reply::Drip]);
    let mut response: Response = ask(&github, &text).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "x-oauth-scopes").as_deref(), Some("repo"));
    let (first, second) = (response.chunk().await.unwrap(), response.chunk().await.unwrap());
    assert_eq!((first.unwrap().len(), second.unwrap().len()), (1, 1));
}

#[tokio::test]
async fn a_huge_body_is_good_json_of_32_mib_without_a_length() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    github.script("ci", vec![Reply::Huge]);
    let response = ask(&github, &text).await;
    assert_eq!(response.content_length(), None);
    let body = response.bytes().await.unwrap();
    assert!(body.len() > 32 << 20, "{}", body.len());
    let user: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(user["login"], "acme-ci");
}

#[tokio::test]
#[should_panic(expected = "there is no token named `typo`")]
async fn a_token_that_does_not_exist_fails_the_test_that_names_it() {
    Simulator::start().await.unwrap().revoke("typo");
}

#[tokio::test]
async fn a_stopped_simulator_frees_its_port_and_ends_its_connections() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    github.script("ci", vec![Reply::Stall]);
    let (address, url) = (github.address(), github.url());
    let stalled = tokio::spawn(client().get(format!("{url}/user")).bearer_auth(&text).send());
    assert!(github.wait_until(LONG, |calls| calls.len() == 1).await);
    github.stop().await;
    assert!(stalled.await.unwrap().is_err());
    let again = Simulator::start_on(address, false).await.unwrap();
    assert_eq!(again.url(), url);
    assert_eq!(ask(&again, &text).await.status(), 401);
}

#[tokio::test]
async fn addresses_that_others_can_reach_are_refused() {
    let error = Simulator::start_on("0.0.0.0:0".parse().unwrap(), false).await.err().unwrap();
    assert!(error.to_string().starts_with("cannot listen on 0.0.0.0:0: "), "{error}");
}
