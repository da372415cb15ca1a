//! Reads a reply of GitHub to `GET /user`: an answer about the token, or a deferral. Pure.
//!
//! Only 401 `Bad credentials` and 403 for a suspended account speak against a token, and only with a mark of GitHub: a gateway
//! before it may use the same words. Texts of GitHub are matched, without regard to case, and never passed on.

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    headers,
    response::{ErrorBody, Response, defer, limit, limited},
};
use crate::domain::{
    Reason,
    answer::{Account, Answer, Grant, Refusal, Reply},
    token::TokenKind,
};

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

#[cfg(test)]
mod tests;
