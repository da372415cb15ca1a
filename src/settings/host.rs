//! The GitHub hosts that connections may name. They stand in the settings, since a URL in a tenant's hands would send tokens to
//! strangers.

use std::{fs, num::NonZeroU16, path::PathBuf};

use reqwest::{Certificate, Url};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde::Deserialize;

use super::{Error, HOST_CONCURRENCY};

/// One GitHub: github.com, an Enterprise Server, a tenant of ghe.com, or a simulator.
#[derive(Clone, Debug)]
pub struct Host {
    /// The name by which connections call it.
    pub name: String,
    /// The root of its REST API; its path ends in a slash.
    api_url: Url,
    /// The root of its pages, without a slash at the end.
    pub web_url: String,
    /// Its container registry.
    pub registry: Option<String>,
    /// How many questions may be open at it at once.
    pub concurrency: u16,
    /// Authorities to trust beside those of the machine.
    pub ca_bundle: Vec<Certificate>,
}

/// A host as the file gives it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostInput {
    /// The name by which connections call it.
    pub name: String,
    /// The root of its REST API, as in `https://ghe.example.com/api/v3`.
    pub api_url: String,
    /// The root of its pages, for links; by default it follows from `apiUrl`.
    pub web_url: Option<String>,
    /// Its container registry, as in `containers.ghe.example.com`.
    pub registry: Option<String>,
    /// How many questions may be open at it at once.
    pub concurrency: Option<i64>,
    /// The path of a PEM file with authorities to trust beside those of the machine.
    pub ca_bundle: Option<PathBuf>,
}

impl Host {
    /// The URL of a path of the API.
    pub fn endpoint(&self, path: &str) -> Url {
        self.api_url.join(path).unwrap_or_else(|_| self.api_url.clone())
    }

    /// The URL of a page for people, with a query.
    pub fn page(&self, path: &str, query: &[(&str, &str)]) -> String {
        let page = format!("{}/{path}", self.web_url);
        Url::parse_with_params(&page, query).map_or(page, String::from)
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
    if !hosts.iter().any(|host| host.name == "github.com") {
        let github = HostInput {
            name: "github.com".to_owned(),
            api_url: "https://api.github.com".to_owned(),
            web_url: None,
            registry: Some("ghcr.io".to_owned()),
            concurrency: None,
            ca_bundle: None,
        };
        hosts.insert(0, github.checked(0)?);
    }
    Ok(hosts)
}

impl HostInput {
    fn checked(self, index: usize) -> Result<Host, Error> {
        let wrong = |field: &str, message: String| Error::value(format!("hosts[{index}].{field}"), message);
        if !is_host_name(&self.name) {
            let message =
                format!("{:?} is not made of lower case letters, digits, dots and hyphens", self.name);
            return Err(wrong("name", message));
        }
        let mut api_url = checked_url(&self.api_url).map_err(|message| wrong("apiUrl", message))?;
        if !api_url.path().ends_with('/') {
            api_url.set_path(&format!("{}/", api_url.path()));
        }
        let web_url = match &self.web_url {
            Some(text) => checked_url(text).map_err(|message| wrong("webUrl", message))?,
            None => pages_of(&api_url),
        };
        if let Some(registry) = self.registry.as_ref().filter(|registry| !is_registry(registry)) {
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
        let web_url = web_url.as_str().trim_end_matches('/').to_owned();
        Ok(Host { name: self.name, api_url, web_url, registry: self.registry, concurrency, ca_bundle })
    }
}

/// An `https` URL, or an `http` one of a loopback address, without user, query and fragment.
fn checked_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{text:?} is not a URL: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL with a user or password is not taken".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{text} has a query or fragment, which a root cannot have"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(format!("{text} is plain http, which is taken for loopback addresses only: use https")),
        _ => Err(format!("{text} is not an https URL")),
    }
}

fn is_loopback(url: &Url) -> bool {
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

fn certificates(path: &std::path::Path) -> Result<Vec<Certificate>, String> {
    let pem = fs::read(path).map_err(|error| error.to_string())?;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| format!("not PEM: {error}"))?;
        RootCertStore::empty().add(certificate).map_err(|error| format!("not a certificate: {error}"))?;
    }
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| error.to_string())?;
    if certificates.is_empty() { Err("holds no certificate in PEM".to_owned()) } else { Ok(certificates) }
}
