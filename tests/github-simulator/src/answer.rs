//! Answers as GitHub dresses them: which header stands on which answer.
//!
//! Sources: <https://docs.github.com/rest/using-the-rest-api/getting-started-with-the-rest-api>, and recorded answers of 2024
//! to 2026 where the documentation is silent.

use crate::{account::Token, budget::Rate, token::TokenKind};
use jiff::Timestamp;

/// The versions of the REST API, oldest first; the oldest is the default.
///
/// Source: <https://docs.github.com/rest/about-the-rest-api/api-versions>.
pub(crate) const VERSIONS: [&str; 2] = ["2022-11-28", "2026-03-10"];

pub(crate) type Headers = Vec<(String, String)>;

/// Status, headers and body as they go over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: String,
    pub(crate) manner: Manner,
}

/// How the body goes over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Whole,
    /// One byte a second, without end.
    Drip,
    /// Made very long.
    Huge,
}

/// What the dressing of an answer depends on.
pub(crate) struct Scene<'a> {
    pub(crate) now: Timestamp,
    /// What the header `Date` says.
    pub(crate) date: Timestamp,
    pub(crate) version: &'static str,
    pub(crate) request_id: &'a str,
    /// Whose budget the answer shows.
    pub(crate) rate: Rate,
    pub(crate) bearer: Option<&'a Token>,
    pub(crate) accepted: Accepted,
}

/// What the endpoint would accept, whatever the token has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Accepted {
    /// Of a fine-grained token.
    pub(crate) permissions: &'static str,
    /// Of a classic one, any of them; empty if it needs none.
    pub(crate) scopes: &'static [&'static str],
}

impl Answer {
    /// An answer of GitHub's edge, which knows nothing of the API.
    pub(crate) fn page(status: u16, text: &str, date: Timestamp) -> Answer {
        let name = reason(status);
        Answer {
            status,
            headers: list([
                ("date", http_date(date)),
                ("content-type", "text/html".to_owned()),
                ("cache-control", "no-cache".to_owned()),
            ]),
            body: format!(
                "<html>\n<head><title>{status} {name}</title></head>\n<body><h1>{name}</h1>\n<p>{text}</p></body>\n</html>\n"
            ),
            manner: Manner::Whole,
        }
    }

    /// The same, and the headers GitHub sends along, where it has none of that name itself.
    pub(crate) fn dressed(self, scene: &Scene<'_>) -> Answer {
        let status = self.status;
        let mut headers = list([("date", http_date(scene.date)), ("server", "github.com".to_owned())]);
        if status != 304 {
            headers.extend(list([("content-type", "application/json; charset=utf-8".to_owned())]));
        }
        if let (Some(token), false) = (scene.bearer, matches!(status, 401 | 304)) {
            headers.extend(told_of(token, scene.accepted, scene.now));
        }
        headers.extend(rated(scene.rate));
        headers.extend(versioned(scene.version));
        headers.extend(common(scene.request_id));
        headers.extend(list([("vary", vary(status).to_owned())]));
        headers.retain(|(name, _)| !self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)));
        headers.extend(self.headers);
        Answer { headers, ..self }
    }

    /// The same with those of these headers that it has not got.
    pub(crate) fn with_missing<const N: usize>(mut self, others: [(&str, String); N]) -> Answer {
        for (name, value) in others {
            if !self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)) {
                self.headers.push((name.to_owned(), value));
            }
        }
        self
    }

    /// The same with this `Date`.
    pub(crate) fn dated(mut self, date: Timestamp) -> Answer {
        self.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("date"));
        self.headers.push(("date".to_owned(), http_date(date)));
        self
    }

    /// The same without any header that only GitHub sends.
    pub(crate) fn unmarked(mut self) -> Answer {
        self.headers.retain(|(name, _)| {
            ["date", "content-type"].into_iter().any(|common| name.eq_ignore_ascii_case(common))
        });
        self
    }
}

/// What the answer tells of the token.
///
/// Sources: <https://docs.github.com/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps> for the scopes,
/// <https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api> for the permissions, recorded answers for
/// client id and expiry, and for the empty scopes of `ghu_` tokens.
fn told_of(token: &Token, accepted: Accepted, now: Timestamp) -> Headers {
    let mut headers = Headers::new();
    let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
    if token.kind.has_scopes() || token.kind == TokenKind::AppUser {
        add("x-oauth-scopes", &token.scopes.join(", "));
        add("x-accepted-oauth-scopes", &accepted.scopes.join(", "));
    }
    if let Some(id) = &token.client_id {
        add("x-oauth-client-id", id);
    }
    if token.kind == TokenKind::FineGrained {
        add("x-accepted-github-permissions", accepted.permissions);
    }
    let tells_expiry = !matches!(token.kind, TokenKind::Installation | TokenKind::StatelessInstallation);
    let expires = token.expires.filter(|_| tells_expiry);
    if let Some(at) = token.claimed_expiry.map_or(expires, |ahead| now.saturating_add(ahead).ok()) {
        add("github-authentication-token-expiration", &token.layout.write(at));
    }
    headers
}

fn rated(rate: Rate) -> Headers {
    list([
        ("x-ratelimit-limit", rate.limit.to_string()),
        ("x-ratelimit-remaining", rate.remaining.to_string()),
        ("x-ratelimit-reset", rate.reset.as_second().to_string()),
        ("x-ratelimit-used", rate.used().to_string()),
        ("x-ratelimit-resource", "core".to_owned()),
    ])
}

fn versioned(version: &str) -> Headers {
    let mut headers = vec![("x-github-api-version-selected".to_owned(), version.to_owned())];
    if Some(&version) == VERSIONS.first() {
        let page = "https://docs.github.com/en/rest/about-the-rest-api/api-versions";
        headers.extend(list([
            ("deprecation", "Tue, 10 Mar 2026 00:00:00 GMT".to_owned()),
            ("sunset", "Fri, 10 Mar 2028 00:00:00 GMT".to_owned()),
            ("link", format!("<{page}>; rel=\"deprecation\"; type=\"text/html\"")),
        ]));
    }
    headers
}

/// What nobody reads, as recorded in 2026.
fn common(request_id: &str) -> Headers {
    let exposed = "ETag, Link, Location, Retry-After, X-GitHub-OTP, X-RateLimit-Limit, X-RateLimit-Remaining, \
                   X-RateLimit-Used, X-RateLimit-Resource, X-RateLimit-Reset, X-OAuth-Scopes, X-Accepted-OAuth-Scopes, \
                   X-Poll-Interval, X-GitHub-Media-Type, X-GitHub-SSO, X-GitHub-Request-Id, Deprecation, Sunset, Warning";
    let referrer = "origin-when-cross-origin, strict-origin-when-cross-origin";
    list([
        ("x-github-media-type", "github.v3; format=json".to_owned()),
        ("access-control-expose-headers", exposed.to_owned()),
        ("access-control-allow-origin", "*".to_owned()),
        ("strict-transport-security", "max-age=31536000; includeSubdomains; preload".to_owned()),
        ("x-frame-options", "deny".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
        ("x-xss-protection", "0".to_owned()),
        ("referrer-policy", referrer.to_owned()),
        ("content-security-policy", "default-src 'none'".to_owned()),
        ("x-github-request-id", request_id.to_owned()),
    ])
}

fn vary(status: u16) -> &'static str {
    match status {
        200..400 => "Accept, Authorization, Cookie, X-GitHub-OTP,Accept-Encoding, Accept, X-Requested-With",
        _ => "Accept-Encoding, Accept, X-Requested-With",
    }
}

/// `Thu, 20 Aug 2026 08:28:40 GMT`.
pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The name HTTP gives to a status.
pub(crate) fn reason(status: u16) -> &'static str {
    axum::http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Unknown Status")
}

fn list<const N: usize>(headers: [(&str, String); N]) -> Headers {
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
