//! Asks GitHub about a token. It can express nothing but one GET without a body.
//!
//! A token goes to the host that the settings name and nowhere else: no redirects, no cookies, no proxy from the environment.

mod fault;
mod headers;
mod identity;
mod proof;
mod response;
mod target;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use reqwest::{
    Client, ClientBuilder, StatusCode, Url,
    header::{ACCEPT, AUTHORIZATION, HeaderValue, LOCATION},
};
use tracing::Span;

use crate::{
    domain::{
        Reason,
        answer::{Answer, Deferral, RateLimit, Reply},
        probe::Probe,
        proof::{Denial, Proof},
        token::{LegacyTokens, Token},
        unexplained::{RequestId, Unexplained},
    },
    http::{self, Trust},
    settings::{self, Host, Settings},
};
pub use headers::NotBefore;
pub use identity::interpret;
pub use proof::{by_sight, interpret as interpret_proof, rests_on_sight};
pub use response::Response;

/// A user object has about 2 KiB.
const LONGEST_BODY: usize = 64 * 1024;
/// For how long an idle connection is kept. GitHub closes it after 60 s, and a question that it crosses is lost:
/// <https://github.com/sourcegraph/sourcegraph-public-snapshot/pull/4345>
const IDLE: Duration = Duration::from_secs(30);
/// How long a silent connection waits for the first sign of life. Load balancers forget connections without a word.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// The hosts that can be asked. Questions share connections and nothing else.
#[derive(Debug)]
pub struct Github {
    hosts: BTreeMap<String, Arc<Transports>>,
    api_version: HeaderValue,
}

/// The ways to one host.
#[derive(Debug)]
struct Transports {
    host: Host,
    kept: Client,
    fresh: Client,
}

/// Over which connection to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// One that may have been used before.
    Kept,
    /// A new one, for a question that shall confirm a refusal: a broken node behind a kept connection would repeat itself.
    Fresh,
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// When the host was asked.
    pub at: Timestamp,
    /// When its response was read to the end, or failed.
    pub answered: Timestamp,
    /// What it says about the token.
    pub reply: Reply,
    /// The host's clock, to the second; `None` if the response has no mark of GitHub, since an edge's clock is not GitHub's.
    pub date: Option<Timestamp>,
    /// When the host wants to be asked again, if it named that.
    pub not_before: Option<NotBefore>,
    /// The hourly budget; `None` as for `date`, and where the host has none.
    pub limit: Option<RateLimit>,
    /// The number of the account whose limit is spent, if the response names it; `None` as for `date`.
    pub limited_account: Option<i64>,
    /// How many requests there were beside the first: where a repository has moved to, or whether the token sees it.
    pub further: u32,
    /// The numbers of the organizations that single sign-on left out of the answer, in order.
    pub hidden: Vec<i64>,
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
        Github::made(settings, |host| Transports::new(host).map(Arc::new))
    }

    /// The same with other settings. Hosts that are the same in both keep their connections.
    ///
    /// # Errors
    ///
    /// As for [`Github::new`].
    pub fn renewed(&self, settings: &Settings) -> Result<Self, Error> {
        Github::made(settings, |host| match self.hosts.get(&host.name) {
            Some(transports) if transports.host == *host => Ok(transports.clone()),
            _ => Transports::new(host).map(Arc::new),
        })
    }

    fn made(
        settings: &Settings,
        transports: impl Fn(&Host) -> Result<Arc<Transports>, Error>,
    ) -> Result<Self, Error> {
        let named = |host: &Host| Ok((host.name.clone(), transports(host)?));
        let hosts = settings.hosts.iter().map(named).collect::<Result<_, _>>()?;
        Ok(Github { hosts, api_version: settings.github_api_version.clone() })
    }

    /// Asks the host about the token, once. Never fails: what cannot be asked is a deferral.
    pub async fn ask(&self, token: &Token, probe: Probe, host: &str, transport: Transport) -> Exchange {
        let at = Timestamp::now();
        let Some(transports) = self.hosts.get(host) else {
            return Exchange::nothing(at, Reason::HostUnknown);
        };
        if token.is_legacy() && transports.host.legacy_tokens == LegacyTokens::Refused {
            tracing::error!(
                host,
                "a token of 40 hexadecimal digits is for a host that allows none, and was not sent; please report this"
            );
            return Exchange::nothing(at, Reason::QuestionFailed);
        }
        let Some(url) = target::url(&transports.host, &probe) else {
            return Exchange::nothing(at, Reason::RegistryUnknown);
        };
        let path = url.path().to_owned();
        let sent = AtomicU32::new(0);
        let asking = Asking { transport, api_version: &self.api_version, sent: &sent };
        let responses = transports.ask_seeing(&probe, url, token, asking).await;
        let further = sent.into_inner().saturating_sub(1);
        let (response, seen) = match responses {
            Ok(responses) => responses,
            Err(Failed { reason, cause }) => {
                let cause = if token.shows_in(&cause) { "it repeats the token".to_owned() } else { cause };
                tracing::warn!(host, reason = reason.as_str(), cause, "no response");
                let exchange = Exchange { further, ..Exchange::nothing(at, reason) };
                exchange.log(host, &path, None, token);
                return exchange;
            }
        };
        let answered = Timestamp::now();
        let marked = Some(&response.headers).filter(|_| response.is_marked() && probe.is_of_api());
        let hidden = marked.map(headers::hidden_by_sso).unwrap_or_default();
        if !hidden.is_empty() {
            tracing::debug!(host, organizations = ?hidden, "single sign-on leaves out organizations");
        }
        // That of the response that the reply comes from.
        let told = seen.as_ref().map_or(&response, |(_, seen)| seen);
        let not_before = headers::not_before(&told.headers);
        let limited_account = marked.and_then(|_| response::limited_account(&response::ErrorBody::of(told)));
        let mut reply = match probe {
            Probe::Identity => without_echo(interpret(token.kind(), &response, answered), token),
            probe => {
                let reply = seen.map(|(repository, seen)| by_sight(&repository, &seen, answered));
                let reply = reply.unwrap_or_else(|| interpret_proof(&probe, &response, answered));
                without_echo(reply, token)
            }
        };
        explain(&mut reply, host, &response, token);
        let exchange = Exchange {
            at,
            answered,
            reply,
            date: marked.and_then(headers::date),
            not_before,
            limit: marked.and_then(headers::rate_limit),
            limited_account,
            further,
            hidden,
        };
        exchange.log(host, &path, Some(&response), token);
        exchange
    }
}

/// How one question is asked.
#[derive(Clone, Copy)]
struct Asking<'a> {
    transport: Transport,
    api_version: &'a HeaderValue,
    /// How many requests there were.
    sent: &'a AtomicU32,
}

impl Transports {
    fn new(host: &Host) -> Result<Self, Error> {
        let failed = |source| Error::Tls { host: host.name.clone(), source };
        let kept = client(host).and_then(ClientBuilder::build).map_err(failed)?;
        let fresh = client(host).and_then(|client| client.pool_max_idle_per_host(0).build());
        Ok(Transports { host: host.clone(), kept, fresh: fresh.map_err(failed)? })
    }

    /// Asks, and after a 404 that depends on it whether the token sees the repository.
    async fn ask_seeing(
        &self,
        probe: &Probe,
        url: Url,
        token: &Token,
        asking: Asking<'_>,
    ) -> Result<(Response, Option<(Probe, Response)>), Failed> {
        let response = self.ask(probe, url, token, asking).await?;
        // What a tenant of ghe.com answers where a permission is missing is not known well enough: a report has 404.
        let counts = rests_on_sight(probe, &response) && !self.host.is_tenant();
        let repository = Probe::repository(probe.target()).filter(|_| counts);
        let Some((repository, url)) =
            repository.and_then(|seen| target::url(&self.host, &seen).map(|url| (seen, url)))
        else {
            return Ok((response, None));
        };
        let seen = self.ask(&repository, url, token, asking).await?;
        Ok((response, Some((repository, seen))))
    }

    /// Asks once; once more where a repository has moved to.
    async fn ask(
        &self,
        probe: &Probe,
        url: Url,
        token: &Token,
        asking: Asking<'_>,
    ) -> Result<Response, Failed> {
        let response = self.get(probe, url, token, asking).await?;
        if !response.status.is_redirection() {
            return Ok(response);
        }
        let location = response.headers.get(LOCATION).and_then(|location| location.to_str().ok());
        match location.and_then(|location| target::moved(&self.host, probe, location)) {
            Some(url) => self.get(probe, url, token, asking).await,
            None => Ok(response),
        }
    }

    async fn get(
        &self,
        probe: &Probe,
        url: Url,
        token: &Token,
        asking: Asking<'_>,
    ) -> Result<Response, Failed> {
        if url.scheme() == "http" && !settings::is_loopback(&url) {
            let cause = "a token goes in clear text to this machine only; please report this".to_owned();
            return Err(Failed { reason: Reason::QuestionFailed, cause });
        }
        let name = url.host_str().unwrap_or_default();
        let proxied = self.host.proxy.as_ref().is_some_and(|proxy| !proxy.skips(name));
        let client = if asking.transport == Transport::Fresh { &self.fresh } else { &self.kept };
        asking.sent.fetch_add(1, Ordering::Relaxed);
        let got = get(client, probe, url, token, asking.api_version.clone()).await;
        got.map_err(|failed| if proxied { failed.of_proxy() } else { failed })
    }
}

impl Exchange {
    /// One of which nothing but the reply is told.
    pub const fn of(at: Timestamp, answered: Timestamp, reply: Reply) -> Self {
        Exchange {
            at,
            answered,
            reply,
            date: None,
            not_before: None,
            limit: None,
            limited_account: None,
            further: 0,
            hidden: Vec::new(),
        }
    }

    /// One line for each question, however many requests it took. By the hash it says about which token it is, as statuses do.
    fn log(&self, host: &str, path: &str, response: Option<&Response>, token: &Token) {
        let shown = |text: &str| {
            if token.shows_in(text) {
                "(not repeated: it shows the token)".to_owned()
            } else {
                text.to_owned()
            }
        };
        let status = response.map(|response| response.status.as_u16());
        let request = response.and_then(|response| headers::request_id(&response.headers));
        let request = request.map(|id| shown(id.as_str()));
        // Of the question, where that is traced.
        let span = Span::current();
        span.record("status", status.map(i64::from)).record("request_id", request.as_deref());
        let (class, took) = (self.reply.class(), self.answered.duration_since(self.at));
        let (ms, requests) =
            (i64::try_from(took.as_millis()).unwrap_or(i64::MAX), self.further.saturating_add(1));
        tracing::debug!(
            host,
            method = "GET",
            path = shown(path),
            status,
            class,
            ms,
            requests,
            request,
            hashed_token = %token.hashed(),
            "question answered"
        );
    }

    fn nothing(at: Timestamp, reason: Reason) -> Self {
        Exchange::of(at, Timestamp::now(), Reply::Deferral(Deferral::new(reason)))
    }
}

/// Why there is no response.
struct Failed {
    reason: Reason,
    /// For the log.
    cause: String,
}

impl Failed {
    /// The same of a host with a proxy: what kept the connection from being made lies at the proxy or behind it.
    fn of_proxy(self) -> Self {
        Failed { reason: fault::reason_of_proxy(self.reason, &self.cause), ..self }
    }
}

impl From<reqwest::Error> for Failed {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        Failed { reason: fault::reason(&error), cause: fault::cause(&error) }
    }
}

/// Tells what GitHub's support needs to find an answer that is not known here.
fn explain(reply: &mut Reply, host: &str, response: &Response, token: &Token) {
    let request = headers::request_id(&response.headers).filter(|id| !token.shows_in(id.as_str()));
    let (status, id) = (response.status.as_u16(), request.as_ref().map(RequestId::as_str));
    match reply {
        Reply::Answer(Answer::Proof(Proof::Denied(Denial::Undecided(answer)))) => {
            tracing::info!(host, status, request = id, "GitHub refused for a cause that is not known here");
            *answer = Some(Unexplained { status, request });
        }
        Reply::Deferral(Deferral {
            reason: reason @ (Reason::UnexpectedAnswer | Reason::UnexplainedUnauthorized),
            answer,
            ..
        }) => {
            tracing::warn!(
                host,
                reason = reason.as_str(),
                status,
                request = id,
                "an answer that is not known here"
            );
            *answer = Some(Unexplained { status, request });
        }
        _ => {}
    }
}

/// A host that answers with parts of the token in its texts is no GitHub, or a hostile one; nothing of it may reach a status.
fn without_echo(mut reply: Reply, token: &Token) -> Reply {
    if let Reply::Answer(Answer::Proof(Proof::Held(facts))) = &mut reply {
        facts.moved_to = facts.moved_to.take().filter(|name| !token.shows_in(name));
    }
    if let Reply::Answer(Answer::Granted(grant)) = &mut reply {
        if grant.account.as_ref().is_some_and(|account| token.shows_in(&account.login)) {
            return Reply::Deferral(Deferral::new(Reason::NotTheApi));
        }
        if let Some(scopes) = &mut grant.scopes {
            *scopes = scopes.iter().filter(|scope| !token.shows_in(scope)).collect();
        }
    }
    reply
}

async fn get(
    client: &Client,
    probe: &Probe,
    url: Url,
    token: &Token,
    api_version: HeaderValue,
) -> Result<Response, Failed> {
    let request = if probe.is_of_api() {
        let request = client.get(url).header(ACCEPT, "application/vnd.github+json");
        request.header("x-github-api-version", api_version).header(AUTHORIZATION, bearer(token)?)
    } else {
        // Any user name is taken beside a token:
        // https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/managing-your-personal-access-tokens
        client.get(url).basic_auth("x-access-token", Some(token.expose()))
    };
    let mut response = request.send().await?;
    let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = LONGEST_BODY.saturating_sub(body.len());
        if chunk.len() > room {
            if is_told_by_its_beginning(probe) {
                body.extend(chunk.iter().take(room));
                break;
            }
            let reason = if status == StatusCode::OK { Reason::NotTheApi } else { Reason::UnexpectedAnswer };
            return Err(Failed { reason, cause: format!("the body is longer than {LONGEST_BODY} bytes") });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response { status, headers, body })
}

fn bearer(token: &Token) -> Result<HeaderValue, Failed> {
    let unsent =
        |_| Failed { reason: Reason::RequestRejected, cause: "the token is no header value".to_owned() };
    let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(unsent)?;
    bearer.set_sensitive(true);
    Ok(bearer)
}

/// A list of one item may be long, and so is the list of references of a large repository.
const fn is_told_by_its_beginning(probe: &Probe) -> bool {
    matches!(probe, Probe::Push(_) | Probe::Permission(..))
}

fn client(host: &Host) -> reqwest::Result<ClientBuilder> {
    let trust = match (host.is_plain(), host.only_ca_bundle) {
        (true, _) => Trust::Plain,
        (false, true) => Trust::Only(&host.ca_bundle),
        (false, false) => Trust::With(&host.ca_bundle),
    };
    let builder = http::client(trust, host.connect_timeout.unsigned_abs(), host.timeout.unsigned_abs())?
        // As many as there are questions at a time, or a busy host closes and opens them in turn.
        .pool_max_idle_per_host(usize::from(host.concurrency))
        .pool_idle_timeout(IDLE)
        .tcp_keepalive(KEEPALIVE);
    if host.is_plain() {
        return Ok(builder);
    }
    let builder = match &host.client_certificate {
        Some(certificate) => builder.identity(certificate.for_client()?),
        None => builder,
    };
    Ok(match &host.proxy {
        Some(proxy) => builder.proxy(proxy.for_client()?),
        None => builder,
    })
}
