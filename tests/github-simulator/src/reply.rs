//! Answers that a test puts in place of the usual ones, and the documented refusals among them.

use crate::{
    refusal::Refused,
    token::TokenKind,
    wording::{self, SSO_PAGE, sso_url},
};
use axum::http::{HeaderName, HeaderValue};
use jiff::SignedDuration;
use serde_json::json;

/// What happens to one call of a token, in place of the usual answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// What GitHub would answer; keeps a place in a script.
    AsUsual,
    /// What GitHub would answer, with a `Date` so far ahead of the one it would have had.
    Dated(SignedDuration),
    /// What GitHub would answer, without any header that GitHub alone sends: `Date`, `Content-Type` and `Content-Length` stay.
    Unmarked,
    /// Exactly this. Only `Date`, by the simulator's clock, and `Content-Length` are added; a `Content-Length` and a
    /// `Transfer-Encoding` among the headers are left out, since they are computed.
    Answer {
        /// From 200 to 599.
        status: u16,
        /// In this order, and as often as they are named.
        headers: Vec<(String, String)>,
        /// As it goes over the wire.
        body: String,
    },
    /// This, and the headers GitHub sends along: the common ones, the rate, and those that tell what the token is.
    ///
    /// As in recorded answers a 401 carries the rate of an anonymous caller, and neither 401 nor 304 tell scopes or expiry.
    Github {
        /// From 200 to 599.
        status: u16,
        /// These take the place of others of the same name.
        headers: Vec<(String, String)>,
        /// As it goes over the wire.
        body: String,
    },
    /// A bare status: an HTML page for 5xx, `Bad credentials` for 401, else JSON whose message is the name of the status.
    Status(u16),
    /// The connection is closed without an answer.
    Cut,
    /// The request is read, and never answered; the connection stays open.
    Stall,
    /// Status 200, and a body of one byte a second, without end.
    Drip,
    /// Status 200, and the usual body made 32 MiB long, sent in chunks.
    Huge,
}

/// What happens to every call, whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outage {
    /// GitHub's edge answers with this status and an HTML page.
    Status(u16),
    /// Every connection is closed without an answer.
    Cut,
    /// Requests are read, and never answered.
    Stall,
    /// The same, and on new connections not even TLS begins: they bring no calls, and stay silent when the outage is over.
    ///
    /// The admin endpoint would not be reached either, so this is for tests in the same process. Without TLS it is
    /// [`Outage::Stall`].
    Mute,
}

impl Reply {
    /// A 200 with this JSON, and the headers GitHub sends along.
    pub fn json(body: &serde_json::Value) -> Reply {
        Reply::github(200, body)
    }

    /// A refusal in the form of GitHub's errors, with the headers GitHub sends along.
    ///
    /// The form: <https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api>, and `basic-error` of the
    /// OpenAPI description, whose `status` is a string.
    pub fn error(status: u16, message: &str, documentation_url: &str) -> Reply {
        Reply::github(
            status,
            &json!({"message": message, "documentation_url": documentation_url, "status": status.to_string()}),
        )
    }

    /// 401 for what is not a live credential on this host: unknown, mistyped, revoked, deleted or expired.
    ///
    /// Source: <https://docs.github.com/rest/authentication/authenticating-to-the-rest-api>; text of 2026 from recorded
    /// answers.
    pub fn bad_credentials() -> Reply {
        Reply::error(401, "Bad credentials", "https://docs.github.com/rest")
    }

    /// 401 of a gateway before GitHub that says what GitHub says, without `documentation_url` and any header of GitHub.
    pub fn gateway_bad_credentials() -> Reply {
        Reply::Answer {
            status: 401,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: json!({"message": "Bad credentials"}).to_string(),
        }
    }

    /// 401 for a request that came without `Authorization` (recorded answers).
    pub fn requires_authentication() -> Reply {
        Reply::error(401, "Requires authentication", USER_PAGE)
    }

    /// 403 after too many requests with bad credentials; it refuses good ones as well for a while.
    ///
    /// Source: <https://docs.github.com/rest/authentication/authenticating-to-the-rest-api#failed-login-limit>.
    pub fn login_locked() -> Reply {
        Reply::error(
            403,
            "Maximum number of login attempts exceeded. Please try again later.",
            "https://docs.github.com/rest",
        )
    }

    /// 403 for going too fast, with `Retry-After` in seconds if there is to be one; `with_status(429)` gives the other
    /// documented status. `X-RateLimit-Remaining` need not be 0.
    ///
    /// Source: <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits>.
    pub fn secondary_limit(retry_after: Option<u64>) -> Reply {
        let reply = Reply::error(
            403,
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
            "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits",
        );
        match retry_after {
            Some(seconds) => reply.with_header("retry-after", &seconds.to_string()),
            None => reply,
        }
    }

    /// 403 for the user of a suspended account; text from `octokit.rb` and `go-github`, which match it.
    pub fn suspended() -> Reply {
        Reply::error(403, "Sorry. Your account was suspended.", "https://docs.github.com/rest")
    }

    /// 403 for an installation token where a user must ask (recorded answers).
    pub fn not_for_integrations() -> Reply {
        Reply::error(403, "Resource not accessible by integration", USER_PAGE)
    }

    /// 403 for a fine-grained token that lacks a permission.
    ///
    /// Source: <https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api>.
    pub fn not_for_token() -> Reply {
        Reply::error(403, "Resource not accessible by personal access token", "https://docs.github.com/rest")
    }

    /// 403 for a token that was not authorised for an organisation with SAML single sign-on.
    ///
    /// Source: <https://docs.github.com/rest/authentication/authenticating-to-the-rest-api>; text from third-party reports.
    pub fn saml_required(organization: &str) -> Reply {
        let text = wording::saml_required(TokenKind::Classic, false);
        let url = sso_url(organization);
        Reply::error(403, &text, SSO_PAGE).with_header("x-github-sso", &format!("required; url={url}"))
    }

    /// 403 from an address that an organisation does not allow; text from third-party reports.
    pub fn ip_not_allowed(organization: &str) -> Reply {
        Reply::error(403, &wording::ip_not_allowed(organization), "https://docs.github.com/rest")
    }

    /// 403 for an organisation without personal access tokens (classic); text from third-party reports.
    pub fn classic_forbidden(organization: &str) -> Reply {
        Reply::error(403, &wording::classic_forbidden(organization), "https://docs.github.com/rest")
    }

    /// 403 for an organisation without fine-grained personal access tokens; text from third-party reports.
    pub fn fine_grained_forbidden(organization: &str) -> Reply {
        Reply::error(403, &wording::fine_grained_forbidden(organization), "https://docs.github.com/rest")
    }

    /// 403 for a fine-grained token that lives longer than an organisation wants; text from third-party reports.
    pub fn lifetime_too_long(organization: &str, days: u32) -> Reply {
        let owner = format!("'{organization}' organization");
        let text = wording::lifetime_too_long(TokenKind::FineGrained, &owner, days, 1);
        Reply::error(403, &text, "https://docs.github.com/rest")
    }

    /// 404: not there, or not for this token; GitHub does not say which.
    pub fn not_found() -> Reply {
        Reply::error(404, "Not Found", "https://docs.github.com/rest")
    }

    /// 301 to another place.
    ///
    /// Source: <https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects>;
    /// body from recorded answers.
    pub fn redirect(to: &str) -> Reply {
        let body = json!({
            "message": "Moved Permanently",
            "url": to,
            "documentation_url": "https://docs.github.com/v3/#http-redirects",
        });
        Reply::github(301, &body).with_header("location", to)
    }

    /// The same with another status, where the reply has one.
    ///
    /// A `status` member of the body follows.
    #[must_use]
    pub fn with_status(self, code: u16) -> Reply {
        match self {
            Reply::Answer { headers, body, .. } => Reply::Answer { status: code, headers, body },
            Reply::Github { status, headers, body } => {
                let (old, new) = (format!("\"status\":\"{status}\""), format!("\"status\":\"{code}\""));
                Reply::Github { status: code, headers, body: body.replace(&old, &new) }
            }
            Reply::Status(_) => Reply::Status(code),
            other => other,
        }
    }

    /// The same with one more header, where the reply has headers.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Reply {
        if let Reply::Answer { headers, .. } | Reply::Github { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Whether it is what GitHub would answer, perhaps with other headers.
    pub(crate) fn is_usual(&self) -> bool {
        matches!(self, Reply::AsUsual | Reply::Dated(_) | Reply::Unmarked)
    }

    fn github(status: u16, body: &serde_json::Value) -> Reply {
        Reply::Github { status, headers: Vec::new(), body: body.to_string() }
    }

    /// Whether HTTP can carry it.
    pub(crate) fn check(&self) -> Result<(), Refused> {
        match self {
            Reply::Answer { status, headers, .. } | Reply::Github { status, headers, .. } => {
                check_status(*status)?;
                headers.iter().try_for_each(|(name, value)| check_header(name, value))
            }
            Reply::Status(status) => check_status(*status),
            _ => Ok(()),
        }
    }
}

impl Outage {
    /// Whether HTTP can carry it.
    pub(crate) fn check(&self) -> Result<(), Refused> {
        match self {
            Outage::Status(status) => check_status(*status),
            Outage::Cut | Outage::Stall | Outage::Mute => Ok(()),
        }
    }
}

/// The page to which errors of `GET /user` point (recorded answers).
pub(crate) const USER_PAGE: &str = "https://docs.github.com/rest/users/users#get-the-authenticated-user";

fn check_status(status: u16) -> Result<(), Refused> {
    if (200..600).contains(&status) {
        return Ok(());
    }
    Err(Refused::new("status", format!("{status} is not between 200 and 599")))
}

fn check_header(name: &str, value: &str) -> Result<(), Refused> {
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err(Refused::new("headers", format!("`{name}` is not the name of a header")));
    }
    if HeaderValue::from_str(value).is_err() {
        return Err(Refused::new("headers", format!("the value of `{name}` cannot be sent")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_status_shows_in_the_body_too() {
        let Reply::Github { status, headers, body } = Reply::secondary_limit(Some(7)).with_status(429) else {
            panic!("not a dressed answer")
        };
        assert_eq!(status, 429);
        assert_eq!(headers, [("retry-after".to_owned(), "7".to_owned())]);
        assert!(body.contains(r#""status":"429""#), "{body}");
    }

    #[test]
    fn what_http_cannot_carry_is_refused_with_the_name_of_the_field() {
        let rows = [
            (Reply::Status(99), "status"),
            (Reply::not_found().with_status(600), "status"),
            (Reply::not_found().with_header("a b", "c"), "headers"),
            (Reply::not_found().with_header("a", "b\nc"), "headers"),
        ];
        for (reply, field) in rows {
            assert!(reply.check().unwrap_err().to_string().starts_with(field), "{reply:?}");
        }
    }
}
