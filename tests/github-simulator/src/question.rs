//! A request as far as answers depend on it.

use crate::answer::VERSIONS;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::net::IpAddr;

/// A request as far as answers depend on it.
pub(crate) struct Question {
    /// In capitals.
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// Where it came from.
    pub(crate) address: IpAddr,
}

/// The part of GitHub that a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Rest,
    Git,
    Registry,
}

impl Question {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The prefix of Enterprise Servers, if the path has it.
    pub(crate) fn prefix(&self) -> &str {
        const PREFIX: &str = "/api/v3";
        if self.path.strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with('/')) { PREFIX } else { "" }
    }

    /// The path without query and without the prefix of Enterprise Servers.
    pub(crate) fn route(&self) -> &str {
        let path = self.path.split('?').next().unwrap_or_default();
        path.strip_prefix(self.prefix()).unwrap_or(path)
    }

    /// The path with its query, without the prefix of Enterprise Servers.
    pub(crate) fn target(&self) -> &str {
        self.path.strip_prefix(self.prefix()).unwrap_or(&self.path)
    }

    /// The value of a parameter of the query, as it stands there.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let (_, query) = self.path.split_once('?')?;
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(own, _)| *own == name)
            .map(|(_, value)| value)
    }

    pub(crate) fn service(&self) -> Service {
        match self.route() {
            route if route.ends_with("/info/refs") => Service::Git,
            "/token" => Service::Registry,
            _ => Service::Rest,
        }
    }

    pub(crate) fn reads(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD")
    }

    /// The API version it is answered with; `None` if it asks for one that is not supported.
    pub(crate) fn version(&self) -> Option<&'static str> {
        match self.header("x-github-api-version") {
            None => VERSIONS.first().copied(),
            Some(asked) => VERSIONS.into_iter().find(|version| *version == asked),
        }
    }

    /// Whether the credentials are basic ones.
    pub(crate) fn is_basic(&self) -> bool {
        let scheme = self.header("authorization").and_then(|value| value.trim().split(' ').next());
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("basic"))
    }

    /// The token in `Authorization`: `Bearer`, `token`, or the password of `Basic`.
    ///
    /// Source: <https://docs.github.com/rest/authentication/authenticating-to-the-rest-api>.
    pub(crate) fn credential(&self) -> Option<String> {
        let value = self.header("authorization")?.trim();
        let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token") {
            return Some(rest.to_owned());
        }
        let password = || {
            let pair = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
            pair.split_once(':').map(|(_, password)| password.to_owned())
        };
        Some(scheme.eq_ignore_ascii_case("basic").then(password).flatten().unwrap_or_default())
    }
}
