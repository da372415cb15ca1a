//! What is counted, with and without a log.

use crate::client::{ask, client, get};
use github_simulator::{NewToken, Reply, Simulator, most_within};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn questions_connections_and_failed_logins_are_counted() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    let before = Timestamp::now();
    let kept = client();
    for _ in 0..3 {
        let request = kept.get(format!("{}/user", github.url())).bearer_auth(&text);
        request.send().await.unwrap().bytes().await.unwrap();
    }
    github.revoke("ci");
    ask(&github, &text).await;
    get(&github, "/user").send().await.unwrap();
    let statistics = github.statistics();
    assert_eq!((statistics.calls, statistics.connections), (5, 3));
    assert_eq!((statistics.failed_logins, statistics.most_failed_logins_in_an_hour), (1, 1));
    assert_eq!((statistics.by_status[&200], statistics.by_status[&401]), (3, 2));
    assert_eq!(statistics.most_in_a_minute, 5);
    let after = Timestamp::now() + SignedDuration::from_secs(1);
    assert_eq!(statistics.calls_between(before, after), 5);
    let calls = github.calls();
    let instants = calls.iter().map(|call| call.at);
    assert_eq!(most_within(instants, SignedDuration::from_mins(1)), 5);
    drop(kept);
    assert!(github.wait_until_counted(LONG, |statistics| statistics.open_connections == 0).await);
}

#[tokio::test]
async fn counts_need_no_log_and_both_can_begin_anew() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    ask(&github, &text).await;
    github.keep_calls(false);
    github.script("ci", vec![Reply::Cut]);
    get(&github, "/user").bearer_auth(&text).send().await.unwrap_err();
    ask(&github, &text).await;
    assert!(github.wait_until_counted(LONG, |statistics| statistics.calls == 3).await);
    assert_eq!((github.calls().len(), github.statistics().unanswered), (1, 1));
    github.forget_calls();
    assert_eq!((github.calls().len(), github.statistics().calls), (0, 0));
    assert!(!github.wait_until_counted(Duration::ZERO, |statistics| statistics.calls > 0).await);
    github.keep_calls(true);
    ask(&github, &text).await;
    assert_eq!((github.calls().len(), github.statistics().calls), (1, 1));
}
