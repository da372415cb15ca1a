//! Asks GitHub about a token. It can express nothing but one GET without a body.
//!
//! A token goes to the host that the settings name and nowhere else: no redirects, no cookies, no proxy from the environment.

mod headers;
mod interpret;

use std::{collections::BTreeMap, error::Error as _, time::Duration};

use jiff::Timestamp;
use reqwest::{
    Client, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, HeaderValue},
    redirect,
};

use crate::{
    domain::{
        Reason,
        answer::{Answer, Deferral, Reply},
        probe::Probe,
        token::Token,
    },
    settings::{Host, Settings},
};
pub use interpret::{Response, interpret};

/// To be connected at all.
const CONNECT: Duration = Duration::from_secs(3);
/// For the whole of a question, its answer read to the end; GitHub itself gives up after 10 s.
const TOTAL: Duration = Duration::from_secs(10);
/// A user object has about 2 KiB.
const LONGEST_BODY: usize = 64 * 1024;
/// The hosts that can be asked.
#[derive(Debug)]
pub struct Github {
    hosts: BTreeMap<String, Lines>,
    api_version: HeaderValue,
}

/// The ways to one host.
#[derive(Debug)]
struct Lines {
    user: Url,
    kept: Client,
    fresh: Client,
}

/// Over which connection to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Line {
    /// One that may have been used before.
    Kept,
    /// A new one, for a question that shall confirm a refusal: a broken node behind a kept connection would repeat itself.
    Fresh,
}

/// What came of a question.
#[derive(Clone, Debug)]
pub struct Heard {
    /// When GitHub was asked.
    pub at: Timestamp,
    /// When its answer was there.
    pub answered: Timestamp,
    /// What it says about the token.
    pub reply: Reply,
    /// The date of the answer, by GitHub's clock.
    pub date: Option<Timestamp>,
    /// The hourly limit, as the answer names it.
    pub limit: Option<Budget>,
}

/// An hourly limit of GitHub: of an account, or of an address whose tokens are bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How many questions the hour allows.
    pub limit: u32,
    /// How many are left.
    pub remaining: u32,
    /// When it begins anew, by GitHub's clock.
    pub reset: Timestamp,
}

/// What keeps a host from being asked at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The TLS set-up failed.
    #[error("cannot prepare TLS for host {host}: {source}")]
    Tls {
        /// The name of the host.
        host: String,
        /// Why.
        source: reqwest::Error,
    },
}

impl Github {
    /// Clients for every host of the settings.
    ///
    /// # Errors
    ///
    /// If the certificates of a host cannot be used, or the machine has none.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let lines = |host: &Host| {
            let failed = |source| Error::Tls { host: host.name.clone(), source };
            let kept = client(host).build().map_err(failed)?;
            let fresh = client(host).pool_max_idle_per_host(0).build().map_err(failed)?;
            Ok((host.name.clone(), Lines { user: host.endpoint("user"), kept, fresh }))
        };
        let hosts = settings.hosts.iter().map(lines).collect::<Result<_, _>>()?;
        Ok(Github { hosts, api_version: settings.github_api_version.clone() })
    }

    /// Asks the host about the token. Never fails: what cannot be asked is a deferral.
    pub async fn ask(&self, token: &Token, probe: Probe, host: &str, line: Line) -> Heard {
        let at = Timestamp::now();
        let silent = |reason| {
            let reply = Reply::Deferral(Deferral::new(reason));
            Heard { at, answered: Timestamp::now(), reply, date: None, limit: None }
        };
        let Some(lines) = self.hosts.get(host) else { return silent(Reason::HostUnknown) };
        let client = if line == Line::Fresh { &lines.fresh } else { &lines.kept };
        let Probe::Identity = probe;
        let response = match get(client, lines.user.clone(), token, self.api_version.clone()).await {
            Ok(response) => response,
            Err(reason) => return silent(reason),
        };
        let answered = Timestamp::now();
        let reply = without_echo(interpret(token.kind(), &response, answered), token);
        tracing::debug!(host, status = response.status.as_u16(), "GitHub replied");
        let date = headers::date(&response.headers);
        Heard { at, answered, reply, date, limit: headers::budget(&response.headers) }
    }
}

/// A host that answers with parts of the token in its texts is no GitHub, or a hostile one; nothing of it may reach a status.
fn without_echo(mut reply: Reply, token: &Token) -> Reply {
    if let Reply::Answer(Answer::Granted(grant)) = &mut reply {
        if grant.account.as_ref().is_some_and(|account| token.shows_in(&account.login)) {
            return Reply::Deferral(Deferral::new(Reason::NotTheApi));
        }
        if let Some(scopes) = &mut grant.scopes {
            scopes.retain(|scope| !token.shows_in(scope));
        }
    }
    reply
}

async fn get(client: &Client, url: Url, token: &Token, api_version: HeaderValue) -> Result<Response, Reason> {
    let bearer = HeaderValue::try_from(format!("Bearer {}", token.expose()));
    let mut bearer = bearer.map_err(|_| Reason::RequestRejected)?;
    bearer.set_sensitive(true);
    let request = client
        .get(url)
        .header(AUTHORIZATION, bearer)
        .header(ACCEPT, "application/vnd.github+json")
        .header("x-github-api-version", api_version);
    let mut response = request.send().await.map_err(fault)?;
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(fault)? {
        if body.len().saturating_add(chunk.len()) > LONGEST_BODY {
            return Err(if status == StatusCode::OK { Reason::NotTheApi } else { Reason::UnexpectedAnswer });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response { status, headers, body })
}

fn client(host: &Host) -> reqwest::ClientBuilder {
    let builder = Client::builder()
        .user_agent(concat!("github-pat-operator/", env!("CARGO_PKG_VERSION")))
        .http1_only()
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(CONNECT)
        .timeout(TOTAL)
        .pool_max_idle_per_host(4);
    if host.is_plain() {
        // No certificate is needed, so a machine without any is no obstacle.
        return builder.tls_certs_only([]);
    }
    builder.https_only(true).tls_certs_merge(host.ca_bundle.iter().cloned())
}

/// Why no response came. The error itself holds the URL and nothing of the token.
fn fault(error: reqwest::Error) -> Reason {
    let error = error.without_url();
    let mut cause = error.source();
    let mut tls = false;
    while let Some(inner) = cause {
        tls |= inner.is::<rustls::Error>();
        // `source` of an I/O error passes over the error that it holds, and reqwest puts one into another.
        let held = inner.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        cause = held.map(|held| held as &dyn std::error::Error).or_else(|| inner.source());
    }
    let reason = if tls {
        Reason::TlsFailed
    } else if error.is_timeout() {
        Reason::TimedOut
    } else {
        Reason::Unreachable
    };
    tracing::debug!(%error, reason = reason.as_str(), "no response");
    reason
}
