//! Many at once: stalled, slow, and as fast as it goes.

use crate::client::{ask, builder, client};
use github_simulator::{NewToken, Outage, Simulator};
use reqwest::Client;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const LONG: Duration = Duration::from_secs(30);
const MANY: u64 = 320;

#[tokio::test]
async fn a_host_that_stalls_320_connections_is_not_exhausted_and_holds_up_no_other_host() {
    let stalled = Simulator::start_tls().await.unwrap();
    let healthy = Simulator::start().await.unwrap();
    let (text, other) = (token(&stalled), token(&healthy));
    let authority = reqwest::Certificate::from_pem(stalled.ca_pem().unwrap().as_bytes()).unwrap();
    let client = builder().user_agent("simulator-tests").tls_certs_only([authority]).build().unwrap();
    stalled.outage(Some(Outage::Stall));
    let mut waiting = JoinSet::new();
    for _ in 0..MANY {
        waiting.spawn(client.get(format!("{}/user", stalled.url())).bearer_auth(&text).send());
    }
    let all = |statistics: &github_simulator::Statistics| statistics.unanswered == MANY;
    assert!(stalled.wait_until_counted(LONG, all).await, "{:?}", stalled.statistics());
    assert_eq!(stalled.statistics().open_connections, MANY);
    assert_eq!(ask(&healthy, &other).await.status(), 200);
    stalled.outage(None);
    let request = client.get(format!("{}/user", stalled.url())).bearer_auth(&text);
    assert_eq!(request.send().await.unwrap().status(), 200, "the next one is answered");
    assert!(waiting.try_join_next().is_none(), "the stalled ones never are");
    waiting.shutdown().await;
    drop(client);
    assert!(stalled.wait_until_counted(LONG, |statistics| statistics.open_connections == 0).await);
}

#[tokio::test]
async fn a_mute_host_accepts_connections_and_begins_no_tls() {
    let github = Simulator::start_tls().await.unwrap();
    let text = token(&github);
    let authority = reqwest::Certificate::from_pem(github.ca_pem().unwrap().as_bytes()).unwrap();
    let client =
        || builder().user_agent("simulator-tests").tls_certs_only([authority.clone()]).build().unwrap();
    let url = format!("{}/user", github.url());
    let kept = client();
    kept.get(&url).bearer_auth(&text).send().await.unwrap().bytes().await.unwrap();
    github.outage(Some(Outage::Mute));
    let mut waiting = JoinSet::new();
    for _ in 0..3 {
        waiting.spawn(client().get(&url).bearer_auth(&text).send());
    }
    assert!(github.wait_until_counted(LONG, |statistics| statistics.connections == 4).await);
    waiting.spawn(kept.get(&url).bearer_auth(&text).send());
    assert!(github.wait_until_counted(LONG, |statistics| statistics.unanswered == 1).await);
    assert_eq!(github.statistics().calls, 2, "those who wait for TLS have asked nothing");
    let connecting = builder().connect_timeout(Duration::from_millis(100)).user_agent("simulator-tests");
    let error = connecting.build().unwrap().get(&url).send().await.unwrap_err();
    assert!(error.is_connect() && error.is_timeout(), "{error:?}");
    github.outage(None);
    assert_eq!(client().get(&url).bearer_auth(&text).send().await.unwrap().status(), 200);
    assert!(waiting.try_join_next().is_none());
    waiting.shutdown().await;
    drop(kept);
    assert!(github.wait_until_counted(LONG, |statistics| statistics.open_connections == 0).await);
}

#[tokio::test]
async fn latency_holds_back_each_answer_and_no_other() {
    let github = Simulator::start().await.unwrap();
    let text = token(&github);
    let latency = Duration::from_millis(300);
    github.latency(latency);
    let client = client();
    let start = Instant::now();
    let mut asking = JoinSet::new();
    for _ in 0..100 {
        asking.spawn(client.get(format!("{}/user", github.url())).bearer_auth(&text).send());
    }
    while let Some(response) = asking.join_next().await {
        assert_eq!(response.unwrap().unwrap().status(), 200);
    }
    let elapsed = start.elapsed();
    // One after the other they would take 30 s.
    assert!(elapsed >= latency && elapsed < Duration::from_secs(10), "{elapsed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: cargo test --release -p github-simulator --test it -- --ignored answers_"]
async fn answers_two_thousand_questions_a_second_and_keeps_none_of_them() {
    const QUESTIONS: u64 = 100_000;
    const CLIENTS: u64 = 16;
    let github = Simulator::start().await.unwrap();
    let texts: Vec<String> = (0..10_000)
        .map(|index| github.token(NewToken::classic(&format!("token {index}"), &format!("login-{index}"))))
        .collect();
    github.keep_calls(false);
    let client = client();
    let start = Instant::now();
    let mut asking = JoinSet::new();
    for part in 0..CLIENTS {
        let url = format!("{}/user", github.url());
        let texts: Vec<String> =
            texts.iter().skip(usize::try_from(part).unwrap()).step_by(16).cloned().collect();
        asking.spawn(ask_all(client.clone(), url, texts, QUESTIONS / CLIENTS));
    }
    while let Some(done) = asking.join_next().await {
        done.unwrap();
    }
    let seconds = start.elapsed().as_secs_f64();
    let statistics = github.statistics();
    assert_eq!((statistics.by_status[&200], github.calls().len()), (QUESTIONS, 0));
    assert!(seconds < 50.0, "{QUESTIONS} questions took {seconds:.1} s");
}

async fn ask_all(client: Client, url: String, texts: Vec<String>, times: u64) {
    for (_, text) in (0..times).zip(texts.iter().cycle()) {
        let response = client.get(&url).bearer_auth(text).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.bytes().await.unwrap();
    }
}

fn token(github: &Simulator) -> String {
    github.token(NewToken::classic("ci", "acme-ci"))
}
