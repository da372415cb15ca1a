//! Primary rate limits: counted for a user, in windows of an hour.

use crate::client::{ask, builder, get, header, json, number};
use github_simulator::{AddressLimit, NewToken, Reply, Simulator, TokenKind, WhenSpent, token_text_for};
use jiff::{SignedDuration, Timestamp};
use reqwest::Response;
use std::net::{IpAddr, Ipv4Addr};

#[tokio::test]
async fn all_tokens_of_a_user_share_5000_requests_an_hour() {
    let github = Simulator::start().await.unwrap();
    let first = github.token(NewToken::classic("first", "acme-ci"));
    let second = github.token(NewToken::fine_grained("second", "ACME-CI"));
    let other = github.token(NewToken::classic("other", "octo-dev"));
    for (text, remaining) in [(&first, 4999), (&second, 4998), (&other, 4999), (&first, 4997)] {
        let response = ask(&github, text).await;
        assert_eq!(number(&response, "x-ratelimit-limit"), 5000);
        assert_eq!(number(&response, "x-ratelimit-remaining"), remaining);
        assert_eq!(number(&response, "x-ratelimit-used"), 5000 - remaining);
        assert_eq!(header(&response, "x-ratelimit-resource").as_deref(), Some("core"));
        let ahead = number(&response, "x-ratelimit-reset") - Timestamp::now().as_second();
        assert!((3500..=3600).contains(&ahead), "{ahead}");
    }
}

#[tokio::test]
async fn a_spent_budget_is_403_with_remaining_0_until_the_reset_and_full_after_it() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci").scopes(&["repo"]));
    let sibling = github.token(NewToken::classic("sibling", "acme-ci"));
    let reset = Timestamp::now() + SignedDuration::from_mins(10);
    github.limit("acme-ci", 2, reset);
    for (text, status, remaining) in
        [(&text, 200, 1), (&sibling, 200, 0), (&text, 403, 0), (&sibling, 403, 0)]
    {
        let response = ask(&github, text).await;
        assert_eq!(response.status(), status);
        assert_eq!(number(&response, "x-ratelimit-remaining"), remaining);
        assert_eq!(number(&response, "x-ratelimit-reset"), reset.as_second());
        if status == 403 {
            assert!(header(&response, "x-oauth-scopes").is_some());
            assert_eq!(header(&response, "retry-after"), None);
            let message = format!("API rate limit exceeded for user ID {}.", github.account("acme-ci"));
            assert_eq!(json(response).await["message"], message);
        }
    }
    github.clock_offset(SignedDuration::from_mins(11));
    let response = ask(&github, &text).await;
    assert_eq!(response.status(), 200);
    assert_eq!(number(&response, "x-ratelimit-remaining"), 4999);
}

#[tokio::test]
async fn asking_for_the_rates_costs_nothing() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci").scopes(&["repo"]));
    ask(&github, &text).await;
    for _ in 0..3 {
        let response = get(&github, "/rate_limit").bearer_auth(&text).send().await.unwrap();
        assert_eq!(number(&response, "x-ratelimit-remaining"), 4999);
        assert_eq!(header(&response, "x-oauth-scopes").as_deref(), Some("repo"));
        let body = json(response).await;
        assert_eq!(body["resources"]["core"]["remaining"], 4999);
        assert_eq!(body["resources"]["core"]["used"], 1);
        assert_eq!(body["rate"]["limit"], 5000);
    }
    let anonymous = get(&github, "/rate_limit").send().await.unwrap();
    assert_eq!(json(anonymous).await["resources"]["core"]["limit"], 60);
}

#[tokio::test]
async fn bad_credentials_cost_the_address_and_not_the_user() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    for seed in 0..61 {
        let response = ask(&github, &token_text_for(TokenKind::Classic, seed)).await;
        assert_eq!(response.status(), 401);
        let left = 59_i64.saturating_sub(i64::try_from(seed).unwrap()).max(0);
        assert_eq!(number(&response, "x-ratelimit-remaining"), left);
    }
    assert_eq!(number(&ask(&github, &text).await, "x-ratelimit-remaining"), 4999);
}

#[tokio::test]
async fn a_scripted_refusal_counts_and_leaves_requests_over() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    github.script("ci", vec![Reply::secondary_limit(None)]);
    assert_eq!(number(&ask(&github, &text).await, "x-ratelimit-remaining"), 4999);
    assert_eq!(number(&ask(&github, &text).await, "x-ratelimit-remaining"), 4998);
}

#[tokio::test]
async fn each_address_has_a_budget_of_its_own() {
    let github = Simulator::start().await.unwrap();
    for (address, remaining) in [(1, 59), (1, 58), (2, 59), (1, 57), (2, 58)] {
        let response = ask_from(&github, address, &unknown()).await;
        assert_eq!(response.status(), 401);
        assert_eq!(number(&response, "x-ratelimit-limit"), 60);
        assert_eq!(number(&response, "x-ratelimit-remaining"), remaining, "127.0.0.{address}");
    }
}

#[tokio::test]
async fn an_address_that_spent_its_budget_gets_what_the_test_says_until_the_window_ends() {
    let limited = "API rate limit exceeded for 127.0.0.1. (But here's the good news: Authenticated requests get a higher rate \
                   limit. Check out the documentation for more details.)";
    let locked = "Maximum number of login attempts exceeded. Please try again later.";
    // What bad credentials get then, and what a good token gets.
    let rows = [
        (WhenSpent::AsBefore, (401, "Bad credentials"), 200),
        (WhenSpent::RateLimited, (403, limited), 200),
        (WhenSpent::LockedOut, (403, locked), 403),
    ];
    for (when_spent, (status, message), good) in rows {
        let github = Simulator::start().await.unwrap();
        let text = github.token(NewToken::classic("ci", "acme-ci").scopes(&["repo"]));
        github.address_limit(AddressLimit { requests: 2, window: SignedDuration::from_mins(1), when_spent });
        for remaining in [1, 0] {
            let response = ask(&github, &unknown()).await;
            assert_eq!(response.status(), 401, "{when_spent:?}");
            assert_eq!(number(&response, "x-ratelimit-limit"), 2);
            assert_eq!(number(&response, "x-ratelimit-remaining"), remaining);
        }
        let response = ask(&github, &unknown()).await;
        assert_eq!(response.status(), status, "{when_spent:?}");
        assert_eq!(number(&response, "x-ratelimit-remaining"), 0);
        let ahead = number(&response, "x-ratelimit-reset") - Timestamp::now().as_second();
        assert!((30..=60).contains(&ahead), "{ahead}");
        assert_eq!(json(response).await["message"], message);
        let response = ask(&github, &text).await;
        assert_eq!(response.status(), good, "{when_spent:?}");
        assert_eq!(header(&response, "x-oauth-scopes").is_some(), good == 200);
        assert_eq!(ask_from(&github, 2, &text).await.status(), 200, "another address");
        github.clock_offset(SignedDuration::from_mins(2));
        assert_eq!(ask(&github, &text).await.status(), 200, "{when_spent:?}");
        assert_eq!(ask(&github, &unknown()).await.status(), 401, "{when_spent:?}");
    }
}

fn unknown() -> String {
    token_text_for(TokenKind::Classic, 1)
}

async fn ask_from(github: &Simulator, last: u8, text: &str) -> Response {
    let address = IpAddr::from(Ipv4Addr::new(127, 0, 0, last));
    let client = builder().user_agent("simulator-tests").local_address(address).build().unwrap();
    client.get(format!("{}/user", github.url())).bearer_auth(text).send().await.unwrap()
}
