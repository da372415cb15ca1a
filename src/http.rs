//! HTTP clients for GitHub, sinks and the collector of traces; kube has its own for the API server.
//!
//! A request goes to the address in the settings and nowhere else: no redirects, no retries, no proxy from the environment.

use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, redirect};
use rustls::pki_types::CertificateDer;

use crate::domain::cause::innermost;

/// How long a connection to a sink or to the collector may take to be made.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How a server shows that it is the one that the settings name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trust<'a> {
    /// Not at all: it is asked over plain HTTP.
    Plain,
    /// By a certificate of an authority that the machine trusts, or of one of these.
    With(&'a [CertificateDer<'static>]),
    /// By a certificate of one of these authorities.
    Only(&'a [CertificateDer<'static>]),
}

/// A client with these limits for making a connection, and for the whole request.
///
/// # Errors
///
/// If a certificate cannot be read.
pub(crate) fn client(
    trust: Trust<'_>,
    connect_timeout: Duration,
    timeout: Duration,
) -> reqwest::Result<ClientBuilder> {
    let builder = Client::builder()
        .user_agent(concat!("github-pat-operator/", env!("CARGO_PKG_VERSION")))
        .http1_only()
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(connect_timeout)
        .timeout(timeout);
    Ok(match trust {
        // No certificate is needed, so a machine without any is no obstacle.
        Trust::Plain => builder.tls_certs_only([]),
        Trust::With(authorities) => builder.https_only(true).tls_certs_merge(certificates(authorities)?),
        Trust::Only(authorities) => builder.https_only(true).tls_certs_only(certificates(authorities)?),
    })
}

fn certificates(authorities: &[CertificateDer<'static>]) -> reqwest::Result<Vec<Certificate>> {
    authorities.iter().map(|der| Certificate::from_der(der)).collect()
}

/// Why the request failed, as a sentence about the server, which is called so.
pub(crate) fn cause(error: &reqwest::Error, server: &str) -> String {
    if error.is_timeout() { format!("{server} did not answer in time") } else { innermost(error) }
}
