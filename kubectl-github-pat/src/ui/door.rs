//! Who gets to the page: the browser that opened the link, as long as no other page speaks through it.
//!
//! The page has a name of its own that nobody can guess and that ends in `.localhost`, which browsers take for this machine (RFC
//! 6761). So its cookie goes to no other port of this machine, as one for 127.0.0.1 would.

use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom, SystemRandom},
};

use crate::error::Error;

/// The name of the cookie.
const COOKIE: &str = "github-pat";
/// Where the link leads, with a key after it.
pub(super) const ENTRANCE: &str = "/enter/";

/// The header by which an open page knows that it is this program that answers.
const PROOF: header::HeaderName = header::HeaderName::from_static("github-pat-proof");

/// What the browser is told about each answer.
const HEADERS: [(header::HeaderName, &str); 8] = [
    // What a browser has asked over a connection that was used before, and that breaks, it asks once more by itself, of whoever has the port.
    (header::CONNECTION, "close"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // With no-referrer the browser would send `Origin: null` with the forms.
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Why somebody does not get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The browser was sent here under another name.
    AnotherName,
    /// Another page has sent the browser.
    AnotherPage,
    /// It is not the browser that opened the link.
    Stranger,
}

impl Refusal {
    pub(super) const fn answer(self) -> (StatusCode, &'static str) {
        match self {
            Refusal::AnotherName => {
                (StatusCode::MISDIRECTED_REQUEST, "The page is not served under this name.\n")
            }
            Refusal::AnotherPage => (StatusCode::FORBIDDEN, "The page answers to itself alone.\n"),
            Refusal::Stranger => (
                StatusCode::FORBIDDEN,
                "This browser has not opened the link that kubectl github-pat ui printed, which works once. Press Ctrl-C there and start it \
                 again for a new one.\n",
            ),
        }
    }
}

/// Who is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visitor {
    /// The browser that has opened the link.
    Known,
    /// Whoever comes to the entrance.
    New,
}

/// What lets a browser in.
pub(super) struct Door {
    /// The name and port of the page.
    host: String,
    /// The hash of what the link has, until it was opened.
    key: Mutex<Option<Vec<u8>>>,
    link: String,
    session: String,
    /// What a form must bring.
    form_token: String,
    /// What each answer brings and no request does: whoever gets the port when this program has ended does not know it.
    proof: String,
}

impl Door {
    /// The door of a page on this port.
    ///
    /// # Errors
    ///
    /// If the system gives no random numbers.
    pub(super) fn new(port: u16) -> Result<Self, Error> {
        let (name, key) = (random::<10>()?, random::<32>()?);
        // A host name has no case.
        let name: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
        let host = format!("pat-{name}.localhost:{port}");
        Ok(Door {
            link: format!("http://{host}{ENTRANCE}{key}"),
            host,
            key: Mutex::new(Some(hash(&key))),
            session: random::<32>()?,
            form_token: random::<32>()?,
            proof: random::<32>()?,
        })
    }

    /// The address that lets one browser in, once.
    pub(super) fn link(&self) -> &str {
        &self.link
    }

    /// What a form has to bring along.
    pub(super) fn form_token(&self) -> &str {
        &self.form_token
    }

    /// True if this is what a form of the page brings.
    pub(super) fn is_of_a_form(&self, token: &str) -> bool {
        hash(token) == hash(&self.form_token)
    }

    /// What shows an open page that it is this program that speaks.
    pub(super) fn proof(&self) -> &str {
        &self.proof
    }

    /// Puts the proof at an answer to the browser that has opened the link.
    pub(super) fn sign(&self, headers: &mut HeaderMap) {
        if let Ok(proof) = HeaderValue::from_str(&self.proof) {
            headers.insert(PROOF, proof);
        }
    }

    /// The cookie for whoever has the key, which is worth nothing afterwards.
    pub(super) fn enter(&self, key: &str) -> Option<String> {
        let mut kept = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        kept.take_if(|kept| *kept == hash(key))?;
        Some(format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", self.session))
    }

    /// Whether a request is let through.
    ///
    /// # Errors
    ///
    /// Why not.
    pub(super) fn admits(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Visitor, Refusal> {
        // A name that somebody else has pointed at this machine is theirs: what it brings is of their page.
        if only(headers, &header::HOST) != Some(self.host.as_bytes()) {
            return Err(Refusal::AnotherName);
        }
        let is_read = method == Method::GET || method == Method::HEAD;
        let origin = format!("http://{}", self.host);
        match headers.contains_key(header::ORIGIN) {
            true if only(headers, &header::ORIGIN) != Some(origin.as_bytes()) => {
                return Err(Refusal::AnotherPage);
            }
            false if !is_read => return Err(Refusal::AnotherPage),
            _ => {}
        }
        // The link is opened from elsewhere.
        if is_read && path.starts_with(ENTRANCE) {
            return Ok(Visitor::New);
        }
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
            return Err(Refusal::AnotherPage);
        }
        self.knows(headers).then_some(Visitor::Known).ok_or(Refusal::Stranger)
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let expected = hash(&self.session);
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut values =
            cookies.flat_map(|cookies| cookies.split(';')).filter_map(|it| it.trim().split_once('='));
        values.any(|(name, value)| name == COOKIE && hash(value) == expected)
    }
}

/// Tells the browser to run, load, frame and keep nothing that is not of the page, and no connection.
pub(super) fn close(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then(|| first.as_bytes())
}

/// Random bytes as text.
fn random<const N: usize>() -> Result<String, Error> {
    let mut bytes = [0_u8; N];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| {
        Error::Cluster(
            "the system gives no random numbers: try again once it has, which dmesg tells".to_owned(),
        )
    })?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// Secrets are compared by their hashes, whose first difference tells nothing of them.
fn hash(text: &str) -> Vec<u8> {
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}
