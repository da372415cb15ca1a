//! The documents GitHub sends: the user, the rates, and errors of the API and of its edge.

use crate::{
    account::{Account, Token},
    answer::{Answer, Manner, VERSIONS, reason},
    budget::{ANONYMOUS, Rate, USER},
    reply::Reply,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;

pub(crate) mod hosted;

/// The user object, with the fields of recorded answers of 2026.
pub(crate) fn user(account: &Account) -> String {
    let (id, login) = (account.id, &account.login);
    let api = format!("https://api.github.com/users/{login}");
    json!({
        "login": login, "id": id, "node_id": format!("U_{}", STANDARD.encode(id.to_be_bytes())),
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{id}?v=4"), "gravatar_id": "",
        "url": api, "html_url": format!("https://github.com/{login}"),
        "followers_url": format!("{api}/followers"), "following_url": format!("{api}/following{{/other_user}}"),
        "gists_url": format!("{api}/gists{{/gist_id}}"), "starred_url": format!("{api}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": format!("{api}/subscriptions"), "organizations_url": format!("{api}/orgs"),
        "repos_url": format!("{api}/repos"), "events_url": format!("{api}/events{{/privacy}}"),
        "received_events_url": format!("{api}/received_events"),
        "type": "User", "user_view_type": "public", "site_admin": false, "name": null, "company": null, "blog": "",
        "location": null, "email": null, "hireable": null, "bio": null, "twitter_username": null,
        "notification_email": null, "public_repos": 2, "public_gists": 0, "followers": 0, "following": 0,
        "created_at": "2021-04-05T12:00:00Z", "updated_at": "2026-02-01T08:30:00Z",
    })
    .to_string()
}

/// A weak tag that differs from token to token (<https://github.com/github/docs/issues/34689>).
pub(crate) fn etag(token: &Token, body: &str) -> String {
    let digest = Sha256::new().chain_update(&token.text).chain_update(body).finalize();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("W/\"{hex}\"")
}

/// An answer that a client may keep for a minute (recorded answers).
pub(crate) fn cached(status: u16, etag: String, body: String) -> Answer {
    let headers = vec![
        ("cache-control".to_owned(), "private, max-age=60, s-maxage=60".to_owned()),
        ("etag".to_owned(), etag),
    ];
    Answer { status, headers, body, manner: Manner::Whole }
}

/// The buckets of a caller; `rate` is left out from version 2026-03-10 on.
///
/// Sources: <https://docs.github.com/rest/rate-limit/rate-limit>,
/// <https://docs.github.com/rest/about-the-rest-api/breaking-changes>.
pub(crate) fn rate_limit(version: &str, core: Rate) -> Answer {
    let bucket =
        |limit: u32| json!({"limit": limit, "used": 0, "remaining": limit, "reset": core.reset.as_second()});
    let shown = json!({
        "limit": core.limit, "used": core.used(), "remaining": core.remaining, "reset": core.reset.as_second(),
    });
    let signed_in = core.limit == USER;
    let mut body = json!({"resources": {
        "core": shown,
        "search": bucket(if signed_in { 30 } else { 10 }),
        "graphql": bucket(if signed_in { USER } else { 0 }),
        "integration_manifest": bucket(if signed_in { USER } else { ANONYMOUS }),
        "code_search": bucket(if signed_in { 10 } else { ANONYMOUS }),
    }});
    if let (Some(&oldest), Some(body)) = (VERSIONS.first(), body.as_object_mut())
        && version == oldest
    {
        body.insert("rate".to_owned(), shown);
    }
    let headers = vec![("cache-control".to_owned(), "no-cache".to_owned())];
    Answer { status: 200, headers, body: body.to_string(), manner: Manner::Whole }
}

/// The status, headers and body of a documented refusal.
pub(crate) fn error(refusal: Reply) -> Answer {
    match refusal {
        Reply::Github { status, headers, body } => Answer { status, headers, body, manner: Manner::Whole },
        _ => plain(500),
    }
}

/// 403 when the hour's budget of a user is spent.
///
/// Source: <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit>; text from
/// third-party reports.
pub(crate) fn over_limit(user: u32) -> Answer {
    error(Reply::error(
        403,
        &format!("API rate limit exceeded for user ID {user}."),
        "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api",
    ))
}

/// 403 when the budget of an address is spent.
///
/// Source: <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit>; text from
/// third-party reports.
pub(crate) fn over_address_limit(address: IpAddr) -> Answer {
    error(Reply::error(
        403,
        &format!(
            "API rate limit exceeded for {address}. (But here's the good news: Authenticated requests get a higher rate \
             limit. Check out the documentation for more details.)"
        ),
        "https://docs.github.com/rest/overview/resources-in-the-rest-api#rate-limiting",
    ))
}

/// 400 for a version of the API that is not supported.
///
/// Source: <https://docs.github.com/rest/about-the-rest-api/api-versions>; text from third-party reports, of 2023, when there
/// was one version.
pub(crate) fn unsupported_version(asked: &str) -> Answer {
    let supported: Vec<String> = VERSIONS.iter().map(|version| format!("\"{version}\"")).collect();
    let message = format!(
        "The version you specified in the \"X-GitHub-API-Version\" request header, \"{asked}\", is not a supported \
         version. The following versions are currently supported: {} (most recent).\n",
        supported.join(", ")
    );
    error(Reply::error(400, &message, "https://docs.github.com/rest"))
}

/// 401 for three parts with dots between them that are no known token (recorded answers).
pub(crate) fn undecodable() -> Answer {
    error(Reply::error(401, "A JSON web token could not be decoded", "https://docs.github.com/rest"))
}

/// A status with nothing to say but its name.
pub(crate) fn plain(status: u16) -> Answer {
    match status {
        204 | 304 => Answer { status, headers: Vec::new(), body: String::new(), manner: Manner::Whole },
        401 => error(Reply::bad_credentials()),
        _ => error(Reply::error(status, reason(status), "https://docs.github.com/rest")),
    }
}

/// A page of GitHub's edge when what is behind it does not answer (recorded answers).
pub(crate) fn unavailable(status: u16, now: Timestamp) -> Answer {
    Answer::page(status, "No server is available to handle your request right now.", now)
}

/// 403 in HTML for a request without `User-Agent`.
///
/// Source: <https://docs.github.com/rest/using-the-rest-api/getting-started-with-the-rest-api#user-agent>.
pub(crate) fn without_user_agent(now: Timestamp) -> Answer {
    let text = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header \
                (https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required). Check \
                https://developer.github.com for other possible causes.";
    Answer::page(403, text, now)
}
