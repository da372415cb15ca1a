//! The GitHub hosts that connections may name. They stand in the settings, since a URL in a tenant's hands would send tokens to
//! strangers.

use std::{
    fs,
    num::NonZeroU16,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::SignedDuration;
use reqwest::{Certificate, Url};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde::Deserialize;

use super::{
    CONNECT_TIMEOUT, ClientCertificate, ClientCertificateInput, Error, HOST_CONCURRENCY, Proxy, ProxyInput,
    TIMEOUT, unread, url::parsed,
};
use crate::domain::{duration::Duration, format::Addresses, token::LegacyTokens};

/// One GitHub: github.com, an Enterprise Server, a tenant of ghe.com, or a simulator.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// The name by which connections call it.
    pub name: String,
    /// The root of its REST API; its path ends in a slash.
    api_url: Url,
    /// Where it is.
    pub addresses: Arc<Addresses>,
    /// How many questions may be open at it at once.
    pub concurrency: u16,
    /// Authorities to trust beside those of the machine.
    pub ca_bundle: Vec<CertificateDer<'static>>,
    /// Whether to trust no others.
    pub only_ca_bundle: bool,
    /// By which the operator proves to it who it is.
    pub client_certificate: Option<ClientCertificate>,
    /// The proxy on the way to it.
    pub proxy: Option<Proxy>,
    /// How long a connection to it may take to be made.
    pub connect_timeout: SignedDuration,
    /// How long a question may take, its answer read to the end.
    pub timeout: SignedDuration,
    /// Whether it is sent tokens of the form of before 2021.
    pub legacy_tokens: LegacyTokens,
}

/// A host as the file gives it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostInput {
    /// The name by which connections call it.
    pub name: String,
    /// The root of its REST API, as in `https://ghe.example.com/api/v3`.
    pub api_url: Option<String>,
    /// The root of its pages, for links; by default it follows from `apiUrl`.
    pub web_url: Option<String>,
    /// Its container registry, as in `containers.ghe.example.com`.
    pub registry: Option<String>,
    /// How many questions may be open at it at once.
    pub concurrency: Option<i64>,
    /// The path of a PEM file with authorities to trust beside those of the machine.
    pub ca_bundle: Option<PathBuf>,
    /// Whether to trust no others than these authorities.
    pub only_ca_bundle: Option<bool>,
    /// By which the operator proves to it who it is.
    pub client_certificate: Option<ClientCertificateInput>,
    /// The proxy on the way to it.
    pub proxy: Option<ProxyInput>,
    /// How long a connection to it may take to be made.
    pub connect_timeout: Option<Duration>,
    /// How long a question may take.
    pub timeout: Option<Duration>,
    /// Whether 40 hexadecimal digits are a token on it.
    pub legacy_tokens: Option<bool>,
}

/// What is known of github.com without any entry. An entry of that name replaces what it gives and nothing else.
struct BuiltIn;

impl BuiltIn {
    const NAME: &str = "github.com";
    const API_URL: &str = "https://api.github.com";
    const REGISTRY: &str = "ghcr.io";
}

impl Host {
    /// The URL of a path of the API.
    pub fn endpoint(&self, path: &str) -> Url {
        self.api_url.join(path).unwrap_or_else(|_| self.api_url.clone())
    }

    /// The URL of a page for people, with a query.
    pub fn page(&self, path: &str, query: &[(&str, &str)]) -> String {
        let page = format!("{}/{path}", self.addresses.web_url);
        if query.is_empty() {
            return page;
        }
        Url::parse_with_params(&page, query).map_or(page, String::from)
    }

    /// True if it is a tenant of ghe.com.
    pub fn is_tenant(&self) -> bool {
        self.api_url.host_str().is_some_and(|host| host.ends_with(".ghe.com"))
    }

    /// True if it is asked over plain HTTP, which only a loopback address is.
    pub fn is_plain(&self) -> bool {
        self.api_url.scheme() == "http"
    }
}

/// The given hosts, and github.com unless one of them has that name.
pub(super) fn all(given: impl Iterator<Item = HostInput>) -> Result<Vec<Host>, Error> {
    let mut hosts: Vec<Host> = Vec::new();
    for (index, given) in given.enumerate() {
        let host = given.checked(index)?;
        if hosts.iter().any(|known| known.name == host.name) {
            return Err(Error::value(
                format!("hosts[{index}].name"),
                format!("{} is named twice", host.name),
            ));
        }
        hosts.push(host);
    }
    if !hosts.iter().any(|host| host.name == BuiltIn::NAME) {
        hosts.insert(0, HostInput { name: BuiltIn::NAME.to_owned(), ..HostInput::default() }.checked(0)?);
    }
    Ok(hosts)
}

impl HostInput {
    /// The files that it names.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let credentials = self.proxy.as_ref().and_then(ProxyInput::file);
        let certificate = self.client_certificate.iter().flat_map(ClientCertificateInput::files);
        self.ca_bundle.as_deref().into_iter().chain(credentials).chain(certificate)
    }

    fn checked(self, index: usize) -> Result<Host, Error> {
        let wrong = |field: &str, message: String| Error::value(format!("hosts[{index}].{field}"), message);
        if !is_host_name(&self.name) {
            let message =
                format!("{:?} is not made of lower case letters, digits, dots and hyphens", self.name);
            return Err(wrong("name", message));
        }
        let is_built_in = self.name == BuiltIn::NAME;
        let built_in = |value: &str| is_built_in.then(|| value.to_owned());
        let Some(api_url) = self.api_url.or_else(|| built_in(BuiltIn::API_URL)) else {
            let message =
                "it is missing: give the root of the REST API, as in https://ghe.example.com/api/v3";
            return Err(wrong("apiUrl", message.to_owned()));
        };
        let registry = self.registry.or_else(|| built_in(BuiltIn::REGISTRY));
        let mut api_url = checked_url(&api_url).map_err(|message| wrong("apiUrl", message))?;
        if let Some(message) = misses_api(&api_url) {
            return Err(wrong("apiUrl", message));
        }
        if !api_url.path().ends_with('/') {
            api_url.set_path(&format!("{}/", api_url.path()));
        }
        let web_url = match &self.web_url {
            Some(text) => checked_url(text).map_err(|message| wrong("webUrl", message))?,
            None => pages_of(&api_url),
        };
        if let Some(registry) = registry.as_ref().filter(|registry| !is_registry(registry)) {
            let message = format!("{registry:?} is not a host name with or without a port, as in ghcr.io");
            return Err(wrong("registry", message));
        }
        let concurrency =
            HOST_CONCURRENCY.number(self.concurrency).map_err(|message| wrong("concurrency", message))?;
        let ca_bundle = match self.ca_bundle {
            Some(path) => certificates(&path)
                .map_err(|message| wrong("caBundle", format!("{}: {message}", path.display())))?,
            None => Vec::new(),
        };
        let only_ca_bundle = self.only_ca_bundle.unwrap_or_default();
        if only_ca_bundle && ca_bundle.is_empty() {
            let message =
                "there is no caBundle whose authorities would be the only ones: give that, or leave it out";
            return Err(wrong("onlyCaBundle", message.to_owned()));
        }
        let client_certificate = self.client_certificate.as_ref().map(ClientCertificateInput::checked);
        let client_certificate =
            client_certificate.transpose().map_err(|(field, message)| wrong(field, message))?;
        if client_certificate.is_some() && api_url.scheme() == "http" {
            let message = "a host that is asked over plain http sees no certificate: leave it out";
            return Err(wrong("clientCertificate", message.to_owned()));
        }
        let proxy = self.proxy.map(ProxyInput::checked).transpose();
        let proxy = proxy.map_err(|(field, message)| wrong(field, message))?;
        if proxy.is_some() && api_url.scheme() == "http" {
            let message = "a host that is asked over plain http has no proxy, which would see the token";
            return Err(wrong("proxy", message.to_owned()));
        }
        let connect_timeout = CONNECT_TIMEOUT
            .length(self.connect_timeout)
            .map_err(|message| wrong("connectTimeout", message))?;
        let timeout = TIMEOUT.length(self.timeout).map_err(|message| wrong("timeout", message))?;
        if self.connect_timeout.is_some() && connect_timeout > timeout {
            let message = "it is above timeout, which includes it: lower it, or raise timeout";
            return Err(wrong("connectTimeout", message.to_owned()));
        }
        let legacy_tokens = match self.legacy_tokens {
            Some(true) if is_built_in || is_run_by_github(&api_url) => {
                let message = "github.com and ghe.com have other tokens than 40 hexadecimal digits, so those are never sent there: leave \
                               it out, it is for an Enterprise Server";
                return Err(wrong("legacyTokens", message.to_owned()));
            }
            Some(true) => LegacyTokens::Allowed,
            _ => LegacyTokens::Refused,
        };
        let root = |url: &Url| url.as_str().trim_end_matches('/').to_owned();
        let addresses = Addresses { web_url: root(&web_url), api_url: root(&api_url), registry };
        Ok(Host {
            name: self.name,
            api_url,
            addresses: Arc::new(addresses),
            concurrency,
            ca_bundle,
            only_ca_bundle,
            client_certificate,
            proxy,
            connect_timeout: connect_timeout.min(timeout),
            timeout,
            legacy_tokens,
        })
    }
}

/// An `https` URL, or an `http` one of a loopback address, without user, query and fragment.
fn checked_url(text: &str) -> Result<Url, String> {
    let url = parsed(text, "https://ghe.example.com/api/v3")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL with a user or password is not taken".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query or fragment, which a root does not have: leave them out".to_owned());
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err("it is plain http, which is taken for loopback addresses only: use https".to_owned()),
        _ => Err("it is not an https URL: use https".to_owned()),
    }
}

/// True for github.com and the tenants of ghe.com.
fn is_run_by_github(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    ["github.com", "ghe.com"]
        .iter()
        .any(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// A hint for the roots of pages that are often given as the root of the API:
/// <https://docs.github.com/en/enterprise-cloud@latest/admin/data-residency/network-details-for-ghecom>.
fn misses_api(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    let has_pages = host == "github.com" || (host.ends_with(".ghe.com") && !host.starts_with("api."));
    has_pages.then(|| format!("{host} has no API: it is at https://api.{host}"))
}

/// True if the URL leads to this machine.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Where the pages are of the API at this root: on github.com and ghe.com the API has a host name of its own, an Enterprise
/// Server has it under `/api/v3`.
fn pages_of(api_url: &Url) -> Url {
    let mut url = api_url.clone();
    url.set_path("");
    let bare = url.host_str().and_then(|host| host.strip_prefix("api.")).map(str::to_owned);
    if let Some(bare) = bare {
        // A host that cannot be set leaves the link on the API's host, where a person sees what is meant.
        return url.set_host(Some(&bare)).map_or_else(|_| api_url.clone(), |()| url);
    }
    url
}

fn is_host_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(plain)
        && !text.starts_with(['-', '.'])
        && !text.ends_with(['-', '.'])
}

fn is_registry(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "443"));
    // A sign before the digits would parse.
    is_host_name(name)
        && port.starts_with(|first: char| first.is_ascii_digit())
        && port.parse::<NonZeroU16>().is_ok()
}

pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = fs::read(path).map_err(|error| unread(&error))?;
    // The library's own words have the bytes of the file in them, in decimal.
    let broken =
        |_| "it is no complete PEM: a certificate has a BEGIN line, base64, and an END line".to_owned();
    let mut certificates = Vec::new();
    for (index, der) in CertificateDer::pem_slice_iter(&pem).enumerate() {
        let der = der.map_err(broken)?;
        let unusable = |error: &dyn std::error::Error| {
            format!("certificate {} in it cannot be used as an authority: {error}", index.saturating_add(1))
        };
        RootCertStore::empty().add(der.clone()).map_err(|error| unusable(&error))?;
        Certificate::from_der(&der).map_err(|error| unusable(&error))?;
        certificates.push(der);
    }
    if certificates.is_empty() { Err("it holds no certificate in PEM".to_owned()) } else { Ok(certificates) }
}
