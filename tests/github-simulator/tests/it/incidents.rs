//! What a host does wrong while it is up: mass refusals, wrong dates, missing marks, implausible expiries.

use crate::client::{ask, get, header, json, number};
use github_simulator::{NewToken, Outage, Reply, Simulator, TokenKind, Whom, token_text_for};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use reqwest::Response;

const EXPIRY: &str = "github-authentication-token-expiration";
const FAR: SignedDuration = SignedDuration::from_hours(400 * 24);

/// Whether `Date` is so far ahead of this machine, give or take a few seconds.
fn is_dated(response: &Response, ahead: SignedDuration) -> bool {
    let date = rfc2822::parse(&header(response, "date").unwrap()).unwrap().timestamp();
    let off = date.duration_since(Timestamp::now()).saturating_sub(ahead);
    off.abs() <= SignedDuration::from_secs(5)
}

async fn statuses(github: &Simulator, texts: &[String]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for text in texts {
        statuses.push(ask(github, text).await.status().as_u16());
    }
    statuses
}

#[tokio::test]
async fn a_mass_refusal_looks_like_any_other_and_ends_without_a_trace() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::fine_grained("ci", "acme-ci"));
    let honest = ask(&github, &token_text_for(TokenKind::Classic, 1)).await;
    github.refuse(Whom::Everyone);
    let refused = ask(&github, &text).await;
    assert_eq!(refused.status(), 401);
    let names = |response: &Response| -> Vec<String> {
        response.headers().keys().map(|name| name.as_str().to_owned()).collect()
    };
    assert_eq!(names(&refused), names(&honest));
    assert_eq!(number(&refused, "x-ratelimit-limit"), 60);
    assert_eq!(number(&refused, "x-ratelimit-remaining"), 58);
    assert!(header(&refused, "x-github-request-id").is_some());
    assert_eq!(json(refused).await, json(honest).await);
    let anonymous = get(&github, "/user").send().await.unwrap();
    assert_eq!(json(anonymous).await["message"], "Requires authentication");
    github.refuse(Whom::Nobody);
    let response = ask(&github, &text).await;
    assert_eq!(response.status(), 200);
    assert_eq!(number(&response, "x-ratelimit-remaining"), 4999);
}

#[tokio::test]
async fn a_mass_refusal_can_be_of_some_tokens_only() {
    let github = Simulator::start().await.unwrap();
    let texts: Vec<String> =
        (0..4).map(|index| github.token(NewToken::classic(&format!("token {index}"), "acme-ci"))).collect();
    let some = vec!["token 0".to_owned(), "token 2".to_owned()];
    let rows = [
        (Whom::Percent(50), [200, 401, 200, 401]),
        (Whom::Percent(100), [401; 4]),
        (Whom::Tokens(some), [401, 200, 401, 200]),
        (Whom::Tokens(Vec::new()), [200; 4]),
        (Whom::Percent(0), [200; 4]),
    ];
    for (whom, expected) in rows {
        github.refuse(whom.clone());
        assert_eq!(statuses(&github, &texts).await, expected, "{whom:?}");
    }
}

#[tokio::test]
async fn the_script_of_a_refused_token_waits() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    github.script("ci", vec![Reply::Status(503)]);
    github.refuse(Whom::Everyone);
    assert_eq!(ask(&github, &text).await.status(), 401);
    github.refuse(Whom::Nobody);
    assert_eq!(ask(&github, &text).await.status(), 503);
}

#[tokio::test]
async fn one_answer_can_have_a_wrong_date_and_nothing_else() {
    let github = Simulator::start().await.unwrap();
    let soon = Timestamp::now() + SignedDuration::from_hours(1);
    let text = github.token(NewToken::classic("ci", "acme-ci").expires(soon));
    github.script("ci", vec![Reply::Dated(FAR), Reply::Dated(-FAR)]);
    for expected in [FAR, -FAR, SignedDuration::ZERO] {
        let response = ask(&github, &text).await;
        assert_eq!(response.status(), 200);
        assert!(is_dated(&response, expected), "{expected}");
        assert_eq!(header(&response, EXPIRY), Some(soon.strftime("%F %T UTC").to_string()));
        assert!(number(&response, "x-ratelimit-reset") - Timestamp::now().as_second() <= 3600);
    }
    github.at_path("ci", "/user", Reply::Dated(FAR));
    assert!(is_dated(&ask(&github, &text).await, FAR));
    github.revoke("ci");
    let response = ask(&github, &text).await;
    assert_eq!(response.status(), 401);
    assert!(is_dated(&response, FAR));
}

#[tokio::test]
async fn a_host_can_have_a_wrong_date_while_its_clock_is_right() {
    let github = Simulator::start().await.unwrap();
    let soon = Timestamp::now() + SignedDuration::from_hours(1);
    let text = github.token(NewToken::classic("ci", "acme-ci").expires(soon));
    github.date_offset(FAR);
    let response = ask(&github, &text).await;
    assert_eq!(response.status(), 200, "it has not expired");
    assert!(is_dated(&response, FAR));
    assert!(number(&response, "x-ratelimit-reset") - Timestamp::now().as_second() <= 3600);
    github.script("ci", vec![Reply::Dated(-FAR), Reply::gateway_bad_credentials()]);
    assert!(is_dated(&ask(&github, &text).await, SignedDuration::ZERO));
    assert!(is_dated(&ask(&github, &text).await, FAR));
    github.outage(Some(Outage::Status(503)));
    assert!(is_dated(&ask(&github, &text).await, FAR));
}

#[tokio::test]
async fn a_gateway_refuses_without_any_mark_of_github() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    github.script("ci", vec![Reply::gateway_bad_credentials()]);
    let response = ask(&github, &text).await;
    assert_eq!(response.status(), 401);
    assert_eq!(header_names(&response), ["content-length", "content-type", "date"]);
    assert_eq!(json(response).await, serde_json::json!({"message": "Bad credentials"}));
}

#[tokio::test]
async fn the_usual_answer_can_lack_its_marks() {
    let github = Simulator::start().await.unwrap();
    let soon = Timestamp::now() + SignedDuration::from_hours(1);
    let text = github.token(NewToken::classic("ci", "acme-ci").expires(soon));
    github.script("ci", vec![Reply::Unmarked]);
    let response = ask(&github, &text).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header_names(&response), ["content-length", "content-type", "date"]);
    assert_eq!(json(response).await["login"], "acme-ci");
    assert!(header(&ask(&github, &text).await, "x-github-request-id").is_some());
}

#[tokio::test]
async fn an_expiry_can_be_claimed_that_never_comes() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::fine_grained("ci", "acme-ci"));
    for ahead in [SignedDuration::ZERO, SignedDuration::from_mins(-5)] {
        github.claim_expiry("ci", Some(ahead));
        for offset in [SignedDuration::ZERO, FAR] {
            github.clock_offset(offset);
            let response = ask(&github, &text).await;
            assert_eq!(response.status(), 200);
            let date = rfc2822::parse(&header(&response, "date").unwrap()).unwrap().timestamp();
            let claimed = (date + ahead).strftime("%F %T UTC").to_string();
            assert_eq!(header(&response, EXPIRY), Some(claimed));
        }
    }
    github.claim_expiry("ci", None);
    assert_eq!(header(&ask(&github, &text).await, EXPIRY), None);
}

fn header_names(response: &Response) -> Vec<&str> {
    let mut names: Vec<_> = response.headers().keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    names
}
