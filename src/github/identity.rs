//! Reads a reply of GitHub to `GET /user`: an answer about the token, or a deferral. Pure.
//!
//! Only 401 `Bad credentials` and 403 for a suspended account speak against a token, and only with a mark of GitHub: a gateway
//! before it may use the same words. Texts of GitHub are matched, without regard to case, and never passed on.

use jiff::Timestamp;
use reqwest::{StatusCode, Url, header::HeaderMap};
use serde::Deserialize;
use serde_json::Value;

use super::headers;
use crate::domain::{
    Reason,
    answer::{Account, Answer, Deferral, Grant, Refusal, Reply},
    token::TokenKind,
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
struct ErrorBody {
    message: String,
    documentation_url: String,
}

/// The part of a user that is looked at.
/// <https://docs.github.com/en/rest/users/users#get-the-authenticated-user>
#[derive(Debug, Deserialize)]
struct User {
    login: String,
    id: i64,
}

/// What the response says about a token of this kind.
pub fn interpret(kind: TokenKind, response: &Response, now: Timestamp) -> Reply {
    let said = ErrorBody::of(response);
    match response.status.as_u16() {
        200 => user(kind, response),
        304 => defer(Reason::UnexpectedAnswer),
        300..=399 => defer(Reason::Redirected),
        401 => unauthorized(response, &said),
        403 | 429 => forbidden(kind, response, &said, now),
        404 => defer(Reason::NotTheApi),
        400 if said.names(&["x-github-api-version"]) => defer(Reason::ApiVersionRejected),
        410 => defer(Reason::ApiVersionRejected),
        500..=599 => limited(Reason::ServerError, response, now),
        _ => defer(Reason::UnexpectedAnswer),
    }
}

/// 200 is an acceptance only with the login and id of a user; a captive portal answers 200 too.
fn user(kind: TokenKind, response: &Response) -> Reply {
    match serde_json::from_slice::<User>(&response.body) {
        Ok(user) if is_login(&user.login) && user.id > 0 => {
            granted(kind, Some(Account { login: user.login.into(), id: user.id }), response)
        }
        _ => defer(Reason::NotTheApi),
    }
}

/// The longest login, with the suffix of a managed user.
/// <https://docs.github.com/en/enterprise-cloud@latest/admin/managing-iam/iam-configuration-reference/username-considerations-for-external-authentication>
const LONGEST_LOGIN: usize = 39;

/// Letters, digits and hyphens. New logins have single hyphens between other characters; older accounts have them anywhere, and
/// keep working: <https://github.com/shinnn/github-username-regex/issues/7>.
///
/// The login of a managed user has an underscore and the enterprise's short code at its end (see [`LONGEST_LOGIN`]), that of an
/// app the suffix `[bot]`.
fn is_login(login: &str) -> bool {
    let is_name = |name: &str| {
        name.bytes().any(|byte| byte.is_ascii_alphanumeric())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_short_code =
        |code: &str| !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let login = login.strip_suffix("[bot]").unwrap_or(login);
    let managed = login.split_once('_');
    login.len() <= LONGEST_LOGIN
        && managed.map_or_else(|| is_name(login), |(name, code)| is_name(name) && is_short_code(code))
}

fn unauthorized(response: &Response, said: &ErrorBody) -> Reply {
    if said.names(&["bad credentials"]) && response.is_marked() {
        return refuse(Refusal::BadCredentials);
    }
    defer(if said.names(&["requires authentication"]) {
        Reason::CredentialsNotReceived
    } else if said.names(&["two-factor"]) || response.headers.contains_key("x-github-otp") {
        Reason::OneTimePasswordDemanded
    } else if said.names(&["json web token", "'expiration time'", "'issued at'", "'issuer'"]) {
        Reason::TakenForJwt
    } else {
        Reason::UnexplainedUnauthorized
    })
}

/// A dozen different 403s, of which one speaks against the token. A limit comes as 403 or as 429.
fn forbidden(kind: TokenKind, response: &Response, said: &ErrorBody, now: Timestamp) -> Reply {
    if let Some(limit) = limit(response, &said.or_page(response)) {
        return limited(limit, response, now);
    }
    if said.names(&["account was suspended", "account is suspended"]) && response.is_marked() {
        return refuse(Refusal::AccountSuspended);
    }
    if kind == TokenKind::AppInstallation && said.names(&["not accessible by integration"]) {
        return granted(kind, None, response);
    }
    if said.names(&["email address must be verified", "billing issue", "billing problem"]) {
        return defer(Reason::AccountRestricted);
    }
    let policy = ["ip allow list", "saml", "forbids access", "organization has enabled"];
    if response.headers.contains_key("x-github-sso") || said.names(&policy) {
        return defer(Reason::AccessRestricted);
    }
    if said.or_page(response).names(&["user agent", "administrative rules"]) {
        return defer(Reason::RequestRejected);
    }
    defer(Reason::UnexpectedAnswer)
}

/// Which limit holds, if one does.
fn limit(response: &Response, said: &ErrorBody) -> Option<Reason> {
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

impl ErrorBody {
    /// What the body says, as far as it is JSON of that form; whatever its content type claims.
    fn of(response: &Response) -> Self {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let text =
            |field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
        ErrorBody { message: text("message"), documentation_url: text("documentation_url") }
    }

    /// The body itself in place of a message, where it is a page: edges before GitHub answer so. Never ground for a refusal.
    fn or_page(&self, response: &Response) -> Self {
        if !self.message.is_empty() {
            return self.clone();
        }
        let message = String::from_utf8_lossy(&response.body).to_ascii_lowercase();
        ErrorBody { message, documentation_url: self.documentation_url.clone() }
    }

    fn names(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.message.contains(word))
    }

    fn points_to_documentation(&self) -> bool {
        let page = Url::parse(&self.documentation_url);
        page.is_ok_and(|page| page.host_str().is_some_and(|host| DOCUMENTATION.contains(&host)))
    }

    fn points_to(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.documentation_url.contains(word))
    }
}

fn granted(kind: TokenKind, account: Option<Account>, response: &Response) -> Reply {
    let headers = &response.headers;
    Reply::Answer(Answer::Granted(Grant {
        account,
        // Tokens that an app got for a user come with an empty list, though they have no scopes by nature.
        scopes: headers::scopes(headers).filter(|_| kind.has_scopes()),
        expiry: headers::expiry(headers),
    }))
}

fn refuse(refusal: Refusal) -> Reply {
    Reply::Answer(Answer::Refused(refusal))
}

fn limited(reason: Reason, response: &Response, now: Timestamp) -> Reply {
    Reply::Deferral(Deferral { reason, until: headers::not_before(&response.headers, now) })
}

fn defer(reason: Reason) -> Reply {
    Reply::Deferral(Deferral::new(reason))
}

#[cfg(test)]
mod tests;
