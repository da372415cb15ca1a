//! Every documented answer: status, headers, body.

use crate::client::{ask, builder, client, get, header, json, number};
use github_simulator::{ExpiryLayout, NewToken, Outage, Reply, Simulator, TokenKind, token_text_for};
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};

const COMMON: [&str; 17] = [
    "server",
    "date",
    "content-type",
    "vary",
    "x-github-media-type",
    "x-github-api-version-selected",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-used",
    "x-ratelimit-reset",
    "x-ratelimit-resource",
    "x-github-request-id",
    "access-control-expose-headers",
    "strict-transport-security",
    "x-frame-options",
    "x-content-type-options",
    "content-security-policy",
];

#[tokio::test]
async fn a_live_token_gets_its_user_and_the_headers_of_its_kind() {
    let github = Simulator::start().await.unwrap();
    let soon: Timestamp = "2099-05-16T09:52:29Z".parse().unwrap();
    let classic = |name: &str| NewToken::classic(name, "acme-ci");
    let utc = Some("2099-05-16 09:52:29 UTC");
    let permissionless = Some("allows_permissionless_access=true");
    // Scopes, client id, permissions, expiry.
    let rows = [
        (classic("scopes").scopes(&["repo", "gist"]), Some("gist, repo"), false, None, None),
        (classic("no scopes"), Some(""), false, None, None),
        (classic("expiring").expires(soon), Some(""), false, None, utc),
        (NewToken::of(TokenKind::Legacy, "legacy", "acme-ci"), Some(""), false, None, None),
        (NewToken::oauth("oauth", "acme-ci").scopes(&["repo"]), Some("repo"), true, None, None),
        (NewToken::app_user("app user", "acme-ci").expires(soon), Some(""), true, None, utc),
        (NewToken::fine_grained("fine", "acme-ci"), None, false, permissionless, None),
        (NewToken::fine_grained("fine utc", "acme-ci").expires(soon), None, false, permissionless, utc),
        (
            NewToken::fine_grained("fine offset", "acme-ci")
                .expires(soon)
                .layout(ExpiryLayout::Offset("+0200")),
            None,
            false,
            permissionless,
            Some("2099-05-16 11:52:29 +0200"),
        ),
    ];
    for (new, scopes, client_id, permissions, expiry) in rows {
        let row = format!("{new:?}");
        let response = ask(&github, &github.token(new)).await;
        assert_eq!(response.status(), 200, "{row}");
        assert_eq!(header(&response, "x-oauth-scopes").as_deref(), scopes, "{row}");
        assert_eq!(header(&response, "x-accepted-oauth-scopes").as_deref(), scopes.map(|_| ""), "{row}");
        assert_eq!(header(&response, "x-oauth-client-id").is_some(), client_id, "{row}");
        assert_eq!(header(&response, "x-accepted-github-permissions").as_deref(), permissions, "{row}");
        assert_eq!(header(&response, "github-authentication-token-expiration").as_deref(), expiry, "{row}");
        for name in COMMON.into_iter().chain(["cache-control", "etag", "deprecation", "sunset", "link"]) {
            assert!(header(&response, name).is_some(), "{name} is missing: {row}");
        }
        let user = json(response).await;
        assert_eq!(user["login"], "acme-ci", "{row}");
        assert_eq!(user["id"], github.account("acme-ci"), "{row}");
        assert_eq!(user["type"], "User", "{row}");
    }
}

#[tokio::test]
async fn what_is_not_a_live_token_gets_401_without_scopes_or_expiry_and_the_rate_of_an_anonymous_caller() {
    let github = Simulator::start().await.unwrap();
    let soon = Timestamp::now() + SignedDuration::from_hours(1);
    let revoked = github.token(NewToken::classic("revoked", "acme-ci").scopes(&["repo"]).expires(soon));
    github.revoke("revoked");
    let expired = github.token(NewToken::fine_grained("expired", "acme-ci").expires(Timestamp::now()));
    let replaced = github.token(NewToken::classic("twice", "acme-ci"));
    let refresh = github.token(NewToken::refresh("refresh", "acme-ci"));
    github.token(NewToken::classic("twice", "acme-ci"));
    let rows = [
        ("revoked", revoked, "Bad credentials"),
        ("expired", expired, "Bad credentials"),
        ("replaced", replaced, "Bad credentials"),
        ("refresh", refresh, "Bad credentials"),
        ("unknown", token_text_for(TokenKind::Classic, 1), "Bad credentials"),
        ("malformed", "nonsense".to_owned(), "Bad credentials"),
        ("JWT", "a.b.c".to_owned(), "A JSON web token could not be decoded"),
    ];
    for (index, (row, text, message)) in (1..).zip(rows) {
        let response = ask(&github, &text).await;
        assert_eq!(response.status(), 401, "{row}");
        assert_eq!(number(&response, "x-ratelimit-limit"), 60, "{row}");
        assert_eq!(number(&response, "x-ratelimit-remaining"), 60 - index, "{row}");
        for name in COMMON {
            assert!(header(&response, name).is_some(), "{name} is missing: {row}");
        }
        let silent = [
            "x-oauth-scopes",
            "github-authentication-token-expiration",
            "x-accepted-github-permissions",
            "etag",
        ];
        for name in silent {
            assert_eq!(header(&response, name), None, "{row}");
        }
        let body = json(response).await;
        assert_eq!(body["message"], message, "{row}");
        assert_eq!(body["documentation_url"], "https://docs.github.com/rest", "{row}");
        assert_eq!(body["status"], "401", "{row}");
    }
}

#[tokio::test]
async fn what_was_taken_away_can_be_given_back() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    github.revoke("ci");
    assert_eq!(ask(&github, &text).await.status(), 401);
    github.restore("ci");
    github.set_expiry("ci", Some(Timestamp::now()));
    assert_eq!(ask(&github, &text).await.status(), 401);
    github.set_expiry("ci", None);
    github.set_scopes("ci", &["workflow", "repo"]);
    let response = ask(&github, &text).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "x-oauth-scopes").as_deref(), Some("repo, workflow"));
    assert_eq!(github.token_text("ci"), Some(text));
    assert_eq!(github.token_text("other"), None);
}

#[tokio::test]
async fn refusals_say_what_is_documented() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci").scopes(&["repo"]));
    // Status, beginning of the message, a header that goes with it.
    let rows = [
        (
            Reply::secondary_limit(Some(60)),
            403,
            "You have exceeded a secondary rate limit",
            Some(("retry-after", "60")),
        ),
        (
            Reply::secondary_limit(None).with_status(429),
            429,
            "You have exceeded a secondary rate limit",
            None,
        ),
        (Reply::login_locked(), 403, "Maximum number of login attempts exceeded.", None),
        (Reply::suspended(), 403, "Sorry. Your account was suspended.", None),
        (Reply::bad_credentials(), 401, "Bad credentials", Some(("x-ratelimit-limit", "60"))),
        (Reply::requires_authentication(), 401, "Requires authentication", None),
        (Reply::not_for_integrations(), 403, "Resource not accessible by integration", None),
        (Reply::not_for_token(), 403, "Resource not accessible by personal access token", None),
        (
            Reply::saml_required("acme"),
            403,
            "Resource protected by organization SAML enforcement.",
            Some((
                "x-github-sso",
                "required; url=https://github.com/orgs/acme/sso?authorization_request=SIMULATED",
            )),
        ),
        (
            Reply::ip_not_allowed("acme"),
            403,
            "Although you appear to have the correct authorization credentials",
            None,
        ),
        (
            Reply::classic_forbidden("acme"),
            403,
            "`acme` forbids access via a personal access token (classic).",
            None,
        ),
        (Reply::lifetime_too_long("acme", 90), 403, "The 'acme' organization forbids access", None),
        (
            Reply::redirect("https://example.com/user"),
            301,
            "Moved",
            Some(("location", "https://example.com/user")),
        ),
        (Reply::not_found(), 404, "Not Found", None),
        (Reply::Status(410), 410, "Gone", None),
    ];
    for (reply, status, message, with) in rows {
        github.script("ci", vec![reply]);
        let response = ask(&github, &text).await;
        assert_eq!(response.status(), status, "{message}");
        if let Some((name, value)) = with {
            assert_eq!(header(&response, name).as_deref(), Some(value), "{message}");
        }
        // https://docs.github.com/rest: only 401 hides what the token is.
        assert_eq!(header(&response, "x-oauth-scopes").is_some(), status != 401, "{message}");
        for name in COMMON {
            assert!(header(&response, name).is_some(), "{name} is missing: {message}");
        }
        let body = json(response).await;
        assert!(body["message"].as_str().unwrap().starts_with(message), "{body}");
    }
    assert_eq!(ask(&github, &text).await.status(), 200);
}

#[tokio::test]
async fn callers_are_told_apart_before_paths_are() {
    let github = Simulator::start().await.unwrap();
    let user = github.token(NewToken::classic("user", "acme-ci"));
    let gone = github.token(NewToken::classic("gone", "acme-gone"));
    let app = github.token(NewToken::installation("app", "acme-app[bot]"));
    let stateless =
        github.token(NewToken::of(TokenKind::StatelessInstallation, "stateless", "acme-app[bot]"));
    github.suspend("acme-gone");
    let rows = [
        ("nobody", "/user", None, 401, "Requires authentication"),
        ("nobody elsewhere", "/nowhere", None, 404, "Not Found"),
        ("a stranger elsewhere", "/nowhere", Some("unknown"), 401, "Bad credentials"),
        ("a user elsewhere", "/nowhere", Some(user.as_str()), 404, "Not Found"),
        ("a suspended user", "/user", Some(&gone), 403, "Sorry. Your account was suspended."),
        ("an installation", "/user", Some(&app), 403, "Resource not accessible by integration"),
        (
            "a stateless installation",
            "/user",
            Some(&stateless),
            403,
            "Resource not accessible by integration",
        ),
    ];
    for (row, path, token, status, message) in rows {
        let request = get(&github, path);
        let request = if let Some(text) = token { request.bearer_auth(text) } else { request };
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{row}");
        assert_eq!(json(response).await["message"], message, "{row}");
    }
    github.unsuspend("acme-gone");
    assert_eq!(ask(&github, &gone).await.status(), 200);
}

#[tokio::test]
async fn a_token_may_come_as_bearer_token_or_password_and_below_the_prefix_of_enterprise_servers() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::fine_grained("ci", "acme-ci"));
    let requests = [
        get(&github, "/user").header("authorization", format!("bearer {text}")),
        get(&github, "/user").header("authorization", format!("token {text}")),
        get(&github, "/user").basic_auth("x", Some(&text)),
        get(&github, "/api/v3/user?cache=no").bearer_auth(&text),
    ];
    for request in requests {
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    let calls = github.calls();
    assert!(calls.iter().all(|call| call.token.as_deref() == Some("ci")), "{calls:?}");
    assert_eq!(calls[3].path, "/api/v3/user?cache=no");
}

#[tokio::test]
async fn the_version_of_the_api_is_chosen_or_refused() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    // Version asked for, status, version selected, whether it says that it ends.
    let rows = [
        (None, 200, "2022-11-28", true),
        (Some("2022-11-28"), 200, "2022-11-28", true),
        (Some("2026-03-10"), 200, "2026-03-10", false),
        (Some("2031-01-01"), 400, "2022-11-28", true),
    ];
    for (asked, status, selected, ends) in rows {
        let request = get(&github, "/rate_limit").bearer_auth(&text);
        let request =
            if let Some(asked) = asked { request.header("X-GitHub-Api-Version", asked) } else { request };
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{asked:?}");
        assert_eq!(
            header(&response, "x-github-api-version-selected").as_deref(),
            Some(selected),
            "{asked:?}"
        );
        for name in ["deprecation", "sunset", "link"] {
            assert_eq!(header(&response, name).is_some(), ends, "{name} {asked:?}");
        }
        let body = json(response).await;
        if status == 400 {
            let message = body["message"].as_str().unwrap();
            assert!(message.contains("\"2031-01-01\", is not a supported version."), "{message}");
            assert!(message.contains("\"2022-11-28\", \"2026-03-10\""), "{message}");
        } else {
            assert_eq!(body["rate"].is_object(), ends, "{asked:?}");
        }
    }
}

#[tokio::test]
async fn head_answers_as_get_without_a_body_and_other_methods_are_not_found() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci").scopes(&["repo"]));
    for (method, status) in
        [(Method::HEAD, 200), (Method::POST, 404), (Method::DELETE, 404), (Method::PATCH, 404)]
    {
        let url = format!("{}/user", github.url());
        let response = client().request(method.clone(), url).bearer_auth(&text).send().await.unwrap();
        assert_eq!(response.status(), status, "{method}");
        assert_eq!(header(&response, "x-oauth-scopes").as_deref(), Some("repo"), "{method}");
        assert_eq!(response.bytes().await.unwrap().is_empty(), method == Method::HEAD, "{method}");
    }
    let methods: Vec<_> = github.calls().into_iter().map(|call| (call.method, call.status)).collect();
    assert_eq!(methods[1], ("POST".to_owned(), Some(404)));
    assert_eq!(methods.len(), 4);
}

#[tokio::test]
async fn a_request_without_user_agent_is_refused_in_html() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    let response = builder()
        .build()
        .unwrap()
        .get(format!("{}/user", github.url()))
        .bearer_auth(&text)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(header(&response, "content-type").as_deref(), Some("text/html"));
    assert_eq!(header(&response, "x-ratelimit-limit"), None);
    assert!(response.text().await.unwrap().contains("Request forbidden by administrative rules."));
}

#[tokio::test]
async fn an_unchanged_user_is_304_for_its_own_token_only_and_tells_neither_scopes_nor_expiry() {
    let github = Simulator::start().await.unwrap();
    let soon = Timestamp::now() + SignedDuration::from_hours(1);
    let text = github.token(NewToken::classic("ci", "acme-ci").scopes(&["repo"]).expires(soon));
    let other = github.token(NewToken::classic("other", "acme-ci"));
    let first = ask(&github, &text).await;
    let tag = header(&first, "etag").unwrap();
    assert!(tag.starts_with("W/\""), "{tag}");
    let again = |text: &str| get(&github, "/user").bearer_auth(text).header("if-none-match", &tag).send();
    let unchanged = again(&text).await.unwrap();
    assert_eq!(unchanged.status(), 304);
    assert_eq!(header(&unchanged, "x-oauth-scopes"), None);
    assert_eq!(header(&unchanged, "github-authentication-token-expiration"), None);
    // https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api: it costs nothing.
    assert_eq!(number(&unchanged, "x-ratelimit-used"), number(&first, "x-ratelimit-used"));
    assert_eq!(again(&other).await.unwrap().status(), 200);
}

#[tokio::test]
async fn dates_and_expiry_go_by_the_simulators_clock() {
    let github = Simulator::start().await.unwrap();
    let soon = Timestamp::now() + SignedDuration::from_hours(1);
    let text = github.token(NewToken::classic("ci", "acme-ci").expires(soon));
    let read = |response: &reqwest::Response| {
        let date = header(response, "date").unwrap();
        jiff::fmt::rfc2822::parse(&date).unwrap().timestamp()
    };
    let near = |at: Timestamp, expected: Timestamp| {
        at.duration_since(expected).abs() < SignedDuration::from_secs(30)
    };
    let response = ask(&github, &text).await;
    assert!(near(read(&response), Timestamp::now()));
    github.clock_offset(SignedDuration::from_hours(2));
    let response = ask(&github, &text).await;
    assert_eq!(response.status(), 401);
    assert!(near(read(&response), Timestamp::now() + SignedDuration::from_hours(2)));
    assert!(near(github.calls()[1].at, Timestamp::now()));
}

#[tokio::test]
async fn a_path_can_be_given_an_answer_for_one_token() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::fine_grained("ci", "acme-ci"));
    let other = github.token(NewToken::fine_grained("other", "acme-ci"));
    github.at_path("ci", "/orgs/acme", Reply::json(&serde_json::json!({"login": "acme"})));
    let look = |text: &str| get(&github, "/api/v3/orgs/acme?x=1").bearer_auth(text).send();
    let response = look(&text).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(
        header(&response, "x-accepted-github-permissions").as_deref(),
        Some("allows_permissionless_access=true")
    );
    assert_eq!(json(response).await["login"], "acme");
    assert_eq!(look(&other).await.unwrap().status(), 404);
    github.at_path("ci", "/orgs/acme", Reply::AsUsual);
    assert_eq!(look(&text).await.unwrap().status(), 404);
}

#[tokio::test]
async fn an_outage_answers_everyone_with_a_page_until_it_is_over() {
    let github = Simulator::start().await.unwrap();
    let text = github.token(NewToken::classic("ci", "acme-ci"));
    github.script("ci", vec![Reply::Status(429)]);
    github.outage(Some(Outage::Status(503)));
    for text in [&text, "unknown"] {
        let response = ask(&github, text).await;
        assert_eq!(response.status(), 503);
        assert_eq!(header(&response, "content-type").as_deref(), Some("text/html"));
        assert_eq!(header(&response, "x-ratelimit-limit"), None);
        assert!(response.text().await.unwrap().starts_with("<html>"));
    }
    github.outage(None);
    assert_eq!(ask(&github, &text).await.status(), 429);
    assert_eq!(ask(&github, &text).await.status(), 200);
}
