#![expect(clippy::arithmetic_side_effects, reason = "instants of a test are small")]

mod properties;
mod refusals;

use TokenKind::{AppInstallation, AppUser, Classic, FineGrained, OAuth};
use jiff::SignedDuration;
use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
};

use super::*;
use crate::{
    domain::answer::{Deferral, Expiry},
    github::response::limited_account,
};

type Row<'a> = (&'a str, TokenKind, u16, &'a [(&'a str, &'a str)], &'a str, Reply);

type Of403<'a> = (&'a str, TokenKind, &'a [(&'a str, &'a str)], &'a str, Reply);

const NOW: &str = "2026-03-01T12:00:00Z";
/// 100 seconds after [`NOW`].
const RESET: &str = "1772366500";
const SPENT: &[(&str, &str)] = &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", RESET)];
const PLENTY: &[(&str, &str)] = &[("x-ratelimit-remaining", "4999"), ("x-ratelimit-reset", RESET)];
const MARK: &[(&str, &str)] = &[("x-github-request-id", "0400:1DC1:1A2B:3C4D:69A42C40")];
const HTML: &[(&str, &str)] = &[("content-type", "text/html")];
const EMPTY: &[(&str, &str)] = &[];
const UNICORN: &str = "<!DOCTYPE html><html><title>Unicorn! &middot; GitHub</title></html>";
const OCTOCAT: &str = r#"{"login":"octocat","id":583231,"type":"User","name":null}"#;

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn reply(kind: TokenKind, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let line = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    };
    let headers = headers.iter().map(line).collect();
    let response = Response { status: StatusCode::from_u16(status).unwrap(), headers, body: body.to_vec() };
    interpret(kind, &response, now())
}

fn check(rows: &[Row<'_>]) {
    for (name, kind, status, headers, body, expected) in rows {
        assert_eq!(reply(*kind, *status, headers, body.as_bytes()), *expected, "{name}");
    }
}

fn limit(reason: Reason, seconds: i64) -> Reply {
    let until = Some(now() + SignedDuration::from_secs(seconds));
    Reply::Deferral(Deferral { until, ..Deferral::new(reason) })
}

fn accepted(login: &str, scopes: Option<&[&str]>, expiry: Option<&str>) -> Reply {
    let account = Some(Account { login: login.into(), id: 583_231 });
    let scopes = scopes.map(|list| list.iter().collect());
    let expiry = expiry.map_or(Expiry::Never, |at| Expiry::At(at.parse().unwrap()));
    Reply::Answer(Answer::Granted(Grant { account, scopes, expiry }))
}

fn installation() -> Reply {
    Reply::Answer(Answer::Granted(Grant { account: None, scopes: None, expiry: Expiry::Never }))
}

#[test]
fn a_user_with_login_and_id_is_an_acceptance() {
    let zoned = ("github-authentication-token-expiration", "2026-05-16 11:52:29 +0200");
    let utc = ("github-authentication-token-expiration", "2026-05-16 09:52:29 UTC");
    let end = Some("2026-05-16T09:52:29Z");
    let some = accepted("octocat", Some(&["repo", "read:org"]), None);
    let bare = accepted("octocat", None, None);
    let bot = r#"{"login":"acme-ci[bot]","id":583231}"#;
    let managed = r#"{"login":"mona-cat_acme","id":583231}"#;
    check(&[
        ("classic", Classic, 200, &[("x-oauth-scopes", "repo, read:org")], OCTOCAT, some.clone()),
        ("an OAuth app's", OAuth, 200, &[("x-oauth-scopes", "repo,read:org")], OCTOCAT, some),
        ("no scopes", Classic, 200, &[("x-oauth-scopes", "")], OCTOCAT, accepted("octocat", Some(&[]), None)),
        ("a proxy took the scopes", Classic, 200, EMPTY, OCTOCAT, bare.clone()),
        ("classic in UTC", Classic, 200, &[utc], OCTOCAT, accepted("octocat", None, end)),
        ("classic with an offset", Classic, 200, &[zoned], OCTOCAT, accepted("octocat", None, end)),
        ("fine-grained, no end", FineGrained, 200, EMPTY, OCTOCAT, bare.clone()),
        ("fine-grained in UTC", FineGrained, 200, &[utc], OCTOCAT, accepted("octocat", None, end)),
        ("fine-grained, offset", FineGrained, 200, &[zoned], OCTOCAT, accepted("octocat", None, end)),
        // Recorded in 2023 and 2024: both families of headers, and an empty list of scopes for a token that cannot have any.
        (
            "an app user's",
            AppUser,
            200,
            &[("x-oauth-scopes", ""), ("x-oauth-client-id", "Iv1.x"), utc],
            OCTOCAT,
            accepted("octocat", None, end),
        ),
        ("labelled otherwise", Classic, 200, HTML, OCTOCAT, bare.clone()),
        ("nothing remains, and it was answered", Classic, 200, SPENT, OCTOCAT, bare),
        ("a bot", Classic, 200, EMPTY, bot, accepted("acme-ci[bot]", None, None)),
        ("a managed user", Classic, 200, EMPTY, managed, accepted("mona-cat_acme", None, None)),
    ]);
    let odd = reply(
        Classic,
        200,
        &[("github-authentication-token-expiration", "16 May 2026 CEST")],
        OCTOCAT.as_bytes(),
    );
    assert!(matches!(odd, Reply::Answer(Answer::Granted(Grant { expiry: Expiry::Unreadable, .. }))));
}

#[test]
fn every_login_that_github_has_is_taken() {
    let longest = "a".repeat(39);
    let longest_managed = format!("{}_octo", "a".repeat(34));
    // The last ones were made when hyphens were allowed anywhere.
    for login in [
        "a",
        "0",
        "octo-cat-1",
        &longest,
        &longest_managed,
        "octo_admin",
        "mona-cat_acme",
        "github-actions[bot]",
        "artur-",
        "-ACE-",
        "0----0",
    ] {
        let body = format!(r#"{{"login":"{login}","id":583231}}"#);
        assert_eq!(reply(Classic, 200, &[], body.as_bytes()), accepted(login, None, None), "{login}");
    }
}

#[test]
fn what_is_not_a_user_is_not_githubs_api() {
    let huge = format!(r#"{{"login":"{}","id":1}}"#, "a".repeat(60_000));
    let long = format!(r#"{{"login":"{}","id":1}}"#, "a".repeat(40));
    let long_managed = format!(r#"{{"login":"{}_octo","id":1}}"#, "a".repeat(35));
    let rows = [
        ("a captive portal", UNICORN),
        ("nothing", ""),
        ("no object", "[]"),
        ("null", "null"),
        ("no id", r#"{"login":"octocat"}"#),
        ("no login", r#"{"id":1}"#),
        ("the id is text", r#"{"login":"octocat","id":"1"}"#),
        ("the id is too big", r#"{"login":"octocat","id":18446744073709551615}"#),
        ("the id is null", r#"{"login":"octocat","id":null}"#),
        ("an empty login", r#"{"login":"","id":1}"#),
        ("nothing but a suffix", r#"{"login":"[bot]","id":1}"#),
        ("a line break in the login", r#"{"login":"octo\ncat","id":1}"#),
        ("an escape in the login", r#"{"login":"octo\u001b[31mcat","id":1}"#),
        ("a login of other letters", r#"{"login":"öctocat","id":1}"#),
        ("a colon, which basic auth splits at", r#"{"login":"octo:cat","id":1}"#),
        ("a huge login", &huge),
        ("a login of 40 characters", &long),
        ("a managed login of 40 characters", &long_managed),
        ("an underscore at the end", r#"{"login":"octocat_","id":1}"#),
        ("an underscore at the beginning", r#"{"login":"_octo","id":1}"#),
        ("two underscores", r#"{"login":"octo_cat_acme","id":1}"#),
        ("a hyphen in the short code", r#"{"login":"octo_ac-me","id":1}"#),
        ("hyphens alone", r#"{"login":"---","id":1}"#),
        ("a dot", r#"{"login":"octo.cat","id":1}"#),
        ("two suffixes", r#"{"login":"octo[bot][bot]","id":1}"#),
        ("markup", r#"{"login":"<script>","id":1}"#),
        ("the id is zero", r#"{"login":"octocat","id":0}"#),
        ("the id is negative", r#"{"login":"octocat","id":-1}"#),
        ("cut", r#"{"login":"octocat","id":1"#),
        ("two objects", r#"{"login":"octocat","id":1}{}"#),
        ("an error with 200", r#"{"message":"Bad credentials"}"#),
    ];
    for (name, body) in rows {
        assert_eq!(reply(Classic, 200, &[], body.as_bytes()), defer(Reason::NotTheApi), "{name}");
    }
    assert_eq!(reply(Classic, 200, &[], b"{\"login\":\"oc\xFFto\",\"id\":1}"), defer(Reason::NotTheApi));
}

#[test]
fn a_limit_is_no_word_about_the_token_and_keeps_its_end() {
    use Reason::{LoginLocked, RateLimited, SecondaryRateLimited};
    let user = r#"{"message":"API rate limit exceeded for user ID 583231.","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"}"#;
    let old = r#"{"message":"API Rate Limit Exceeded for 192.0.2.1"}"#;
    let ip = r#"{"message":"API rate limit exceeded for 192.0.2.1. (But here's the good news: …)"}"#;
    let secondary = r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}"#;
    let by_page = r#"{"message":"Slow down","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}"#;
    let upper_page =
        r#"{"documentation_url":"https://docs.github.com/REST/overview/Rate-Limits-for-the-rest-api"}"#;
    let abuse = r#"{"message":"You have triggered an abuse detection mechanism. Please wait a few minutes before you try again.","documentation_url":"https://developer.github.com/v3/#abuse-rate-limits"}"#;
    let locked = r#"{"message":"Maximum number of login attempts exceeded. Please try again later.","documentation_url":"https://docs.github.com/rest"}"#;
    let locked_old = r#"{"message":"Max number of login attempt exceeded"}"#;
    let after = &[("retry-after", "30")];
    let both = &[("retry-after", "30"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", RESET)];
    let suspended = r#"{"message":"Sorry. Your account was suspended."}"#;
    let integration = r#"{"message":"Resource not accessible by integration"}"#;
    check(&[
        ("primary, 403", Classic, 403, SPENT, user, limit(RateLimited, 100)),
        ("primary, 429", FineGrained, 429, SPENT, user, limit(RateLimited, 100)),
        ("primary of an address", Classic, 403, SPENT, ip, limit(RateLimited, 100)),
        ("primary of 2013", Classic, 403, EMPTY, old, defer(RateLimited)),
        ("primary by its page", Classic, 403, EMPTY, upper_page, defer(RateLimited)),
        ("nothing remains, no text", Classic, 403, SPENT, "", limit(RateLimited, 100)),
        ("nothing remains, HTML", Classic, 429, SPENT, UNICORN, limit(RateLimited, 100)),
        ("the pause outweighs the window", Classic, 403, both, user, limit(RateLimited, 30)),
        ("secondary", Classic, 403, PLENTY, secondary, defer(SecondaryRateLimited)),
        ("secondary, 429, a pause", Classic, 429, after, secondary, limit(SecondaryRateLimited, 30)),
        ("secondary, nothing remains", Classic, 403, SPENT, secondary, limit(SecondaryRateLimited, 100)),
        ("secondary by its page", Classic, 403, PLENTY, by_page, defer(SecondaryRateLimited)),
        ("abuse, the old name", Classic, 403, EMPTY, abuse, defer(SecondaryRateLimited)),
        ("403 with a pause", Classic, 403, after, "{}", limit(SecondaryRateLimited, 30)),
        ("an unreadable pause", Classic, 403, &[("retry-after", "soon")], "{}", defer(SecondaryRateLimited)),
        ("an empty 429", Classic, 429, EMPTY, "", defer(SecondaryRateLimited)),
        ("429 as a page", Classic, 429, HTML, UNICORN, defer(SecondaryRateLimited)),
        ("a limit hides a suspension", Classic, 403, SPENT, suspended, limit(RateLimited, 100)),
        ("429 never condemns", Classic, 429, EMPTY, suspended, defer(SecondaryRateLimited)),
        ("429 never accepts", AppInstallation, 429, EMPTY, integration, defer(SecondaryRateLimited)),
        ("logins locked", Classic, 403, PLENTY, locked, defer(LoginLocked)),
        ("logins locked, 2013", Classic, 403, EMPTY, locked_old, defer(LoginLocked)),
    ]);
}

#[test]
fn a_limit_of_an_account_names_it() {
    let rows = [
        ("API rate limit exceeded for user ID 583231.", Some(583_231)),
        (
            "API rate limit exceeded for user ID 583231. If you reach out to GitHub Support for help, …",
            Some(583_231),
        ),
        ("API rate limit exceeded for user ID 99999999999999999999.", None),
        ("API rate limit exceeded for user ID octocat.", None),
        ("API rate limit exceeded for installation ID 1.", None),
        ("API rate limit exceeded for 192.0.2.1. (But here's the good news: …)", None),
        ("You have exceeded a secondary rate limit. Please wait a few minutes before you try again.", None),
        ("", None),
    ];
    for (message, account) in rows {
        let body = format!(r#"{{"message":"{message}"}}"#).into_bytes();
        let response = Response { status: StatusCode::FORBIDDEN, headers: HeaderMap::new(), body };
        assert_eq!(limited_account(&ErrorBody::of(&response)), account, "{message}");
    }
}

#[test]
fn every_other_status_leaves_the_token_unjudged() {
    use Reason::{ApiVersionRejected, NotTheApi, Redirected, ServerError, UnexpectedAnswer};
    let version = r#"{"message":"The version you specified in the \"X-GitHub-API-Version\" request header, \"2020-01-01\", is not a supported version. The following versions are currently supported: \"2022-11-28\"."}"#;
    let moved = r#"{"message":"Moved Permanently","url":"https://api.github.com/repositories/1"}"#;
    let location = &[("location", "https://elsewhere.example/user")];
    let invalid = r#"{"message":"Validation Failed","errors":["a text",{"resource":"User"}],"status":"422"}"#;
    let bad = r#"{"message":"Bad credentials","status":"401"}"#;
    check(&[
        ("an unknown version", Classic, 400, EMPTY, version, defer(ApiVersionRejected)),
        (
            "a bad request",
            Classic,
            400,
            EMPTY,
            r#"{"message":"Problems parsing JSON"}"#,
            defer(UnexpectedAnswer),
        ),
        ("a load balancer's 400", Classic, 400, HTML, UNICORN, defer(UnexpectedAnswer)),
        ("a retired version", Classic, 410, EMPTY, "", defer(ApiVersionRejected)),
        ("not found", Classic, 404, EMPTY, r#"{"message":"Not Found","status":"404"}"#, defer(NotTheApi)),
        ("not found, a page", Classic, 404, HTML, UNICORN, defer(NotTheApi)),
        ("moved", Classic, 301, location, moved, defer(Redirected)),
        ("found elsewhere, no body", Classic, 302, location, "", defer(Redirected)),
        ("found elsewhere, a user", Classic, 302, location, OCTOCAT, defer(Redirected)),
        ("temporarily elsewhere", Classic, 307, location, "", defer(Redirected)),
        ("permanently elsewhere", Classic, 308, EMPTY, "", defer(Redirected)),
        ("not modified", Classic, 304, EMPTY, "", defer(UnexpectedAnswer)),
        ("no content", Classic, 204, EMPTY, "", defer(UnexpectedAnswer)),
        ("a proxy's copy", Classic, 203, EMPTY, OCTOCAT, defer(UnexpectedAnswer)),
        ("a part", Classic, 206, EMPTY, OCTOCAT, defer(UnexpectedAnswer)),
        ("method", Classic, 405, EMPTY, "", defer(UnexpectedAnswer)),
        ("a proxy's login", Classic, 407, HTML, bad, defer(UnexpectedAnswer)),
        ("a conflict", Classic, 409, EMPTY, "", defer(UnexpectedAnswer)),
        ("media type", Classic, 415, EMPTY, "", defer(UnexpectedAnswer)),
        ("invalid", Classic, 422, EMPTY, invalid, defer(UnexpectedAnswer)),
        (
            "blocked by law",
            Classic,
            451,
            EMPTY,
            r#"{"message":"Repository access blocked"}"#,
            defer(UnexpectedAnswer),
        ),
        ("broken", Classic, 500, EMPTY, r#"{"message":"Server Error"}"#, defer(ServerError)),
        ("a bad gateway", Classic, 502, HTML, UNICORN, defer(ServerError)),
        (
            "HTML called JSON",
            Classic,
            503,
            &[("content-type", "application/json")],
            UNICORN,
            defer(ServerError),
        ),
        ("a pause is named", Classic, 503, &[("retry-after", "120")], "", limit(ServerError, 120)),
        ("a pause beyond the hour", Classic, 503, &[("retry-after", "86400")], "", limit(ServerError, 3600)),
        ("too late", Classic, 504, EMPTY, "", defer(ServerError)),
        ("words of a bad token", Classic, 500, EMPTY, bad, defer(ServerError)),
        ("no such status", Classic, 599, EMPTY, "", defer(ServerError)),
        ("nor this", Classic, 999, EMPTY, "", defer(UnexpectedAnswer)),
    ]);
}

#[test]
fn a_page_names_a_limit_and_never_refuses_a_token() {
    let page = |text: &str| Response {
        status: StatusCode::FORBIDDEN,
        headers: HeaderMap::new(),
        body: format!("<html><body>{text}</body></html>").into_bytes(),
    };
    let rows = [
        ("Sorry. Your account was suspended.", Reason::UnexpectedAnswer),
        ("You have exceeded a secondary rate limit.", Reason::SecondaryRateLimited),
        ("Request forbidden by administrative rules.", Reason::RequestRejected),
    ];
    for (text, reason) in rows {
        let reply = interpret(TokenKind::Classic, &page(text), Timestamp::UNIX_EPOCH);
        assert!(matches!(reply, Reply::Deferral(deferral) if deferral.reason == reason), "{text}: {reply:?}");
    }
}
