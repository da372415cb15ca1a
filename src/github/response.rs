//! A response of GitHub, and what all of its endpoints say alike. Texts are matched without regard to case, and never passed on.

use jiff::Timestamp;
use reqwest::{StatusCode, Url, header::HeaderMap};
use serde_json::Value;

use super::headers;
use crate::domain::{
    Reason,
    answer::{Deferral, Reply},
};

/// Where the pages are that errors point to, those of Enterprise Servers included; both hosts are in recorded answers.
const DOCUMENTATION: [&str; 2] = ["docs.github.com", "developer.github.com"];

/// A response, read to its end.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// True if it shows that GitHub itself made it: by a header, or by the page that an error points to.
    pub(super) fn is_marked(&self) -> bool {
        headers::marked(&self.headers) || ErrorBody::of(self).points_to_documentation()
    }
}

/// The part of an error body that is looked at, in lower case; everything may be missing or of another form.
/// <https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api>
#[derive(Clone, Debug)]
pub(super) struct ErrorBody {
    pub(super) message: String,
    documentation_url: String,
}

impl ErrorBody {
    /// What the body says, as far as it is JSON of that form; whatever its content type claims.
    pub(super) fn of(response: &Response) -> Self {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let text =
            |field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
        ErrorBody { message: text("message"), documentation_url: text("documentation_url") }
    }

    /// The body itself in place of a message, where it is a page: edges before GitHub answer so. Never ground for a refusal.
    pub(super) fn or_page(&self, response: &Response) -> Self {
        if !self.message.is_empty() {
            return self.clone();
        }
        let message = String::from_utf8_lossy(&response.body).to_ascii_lowercase();
        ErrorBody { message, documentation_url: self.documentation_url.clone() }
    }

    pub(super) fn names(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.message.contains(word))
    }

    pub(super) fn points_to_documentation(&self) -> bool {
        let page = Url::parse(&self.documentation_url);
        page.is_ok_and(|page| page.host_str().is_some_and(|host| DOCUMENTATION.contains(&host)))
    }

    pub(super) fn points_to(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.documentation_url.contains(word))
    }
}

/// Which limit holds, if one does.
pub(super) fn limit(response: &Response, said: &ErrorBody) -> Option<Reason> {
    let headers = &response.headers;
    if said.names(&["secondary rate limit", "abuse detection"])
        || said.points_to(&["secondary-rate-limit", "abuse-rate-limit"])
    {
        return Some(Reason::SecondaryRateLimited);
    }
    if headers::nothing_remains(headers) || said.names(&["rate limit"]) || said.points_to(&["rate-limit"]) {
        return Some(Reason::RateLimited);
    }
    if response.status == StatusCode::TOO_MANY_REQUESTS || headers.contains_key("retry-after") {
        return Some(Reason::SecondaryRateLimited);
    }
    said.names(&["login attempt exceeded", "login attempts exceeded"]).then_some(Reason::LoginLocked)
}

/// The account whose limit is spent, if that is what the message says: "API rate limit exceeded for user ID 1."
/// <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>
pub(super) fn limited_account(said: &ErrorBody) -> Option<i64> {
    let (_, after) = said.message.split_once("rate limit exceeded for user id ")?;
    after.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

/// A limit, with its end if the response names one, by its own date. Who knows the host's clock computes the end anew.
pub(super) fn limited(reason: Reason, response: &Response, now: Timestamp) -> Reply {
    let date = headers::date(&response.headers);
    let end = headers::not_before(&response.headers);
    let until = end.and_then(|end| end.instant(date, date.unwrap_or(now), now));
    Reply::Deferral(Deferral { until, ..Deferral::new(reason) })
}

/// No answer, for this reason.
pub(super) fn defer(reason: Reason) -> Reply {
    Reply::Deferral(Deferral::new(reason))
}
