//! Why no response came: an error of the HTTP client as a reason, with the cause that lies deepest.
//!
//! Errors are told apart by their types. The one exception is DNS, of which the standard library keeps nothing but a text.

use std::{
    error::Error,
    io::{self, ErrorKind},
    iter,
};

use rustls::CertificateError;

use crate::domain::Reason;

/// What `getaddrinfo` says when DNS answered and knows no such name, or no address of it: glibc, musl and macOS. Everything else is
/// a DNS that did not answer. The standard library drops the number: `cvt_gai` in `library/std/src/sys/net`.
const NAME_NOT_FOUND: [&str; 5] = [
    "Name or service not known",
    "No address associated with hostname",
    "Name does not resolve",
    "Name has no usable address",
    "nodename nor servname provided, or not known",
];
/// A certificate can name many hosts, and a cause lists them.
const LONGEST_CAUSE: usize = 300;

/// The reason that the error comes to.
pub(super) fn reason(error: &reqwest::Error) -> Reason {
    if let Some(fault) = find::<rustls::Error>(error) {
        return tls(fault);
    }
    if error.is_timeout() {
        return if error.is_connect() { Reason::ConnectTimedOut } else { Reason::TimedOut };
    }
    if error.is_dns() {
        return dns(&cause(error));
    }
    if find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) {
        return Reason::UnexpectedAnswer;
    }
    match causes(error).filter_map(|inner| inner.downcast_ref()).last().map(io::Error::kind) {
        Some(ErrorKind::ConnectionRefused) => Reason::ConnectionRefused,
        Some(ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe) => {
            Reason::ConnectionBroken
        }
        // Chunks of a body that are no chunks.
        Some(ErrorKind::InvalidData | ErrorKind::InvalidInput) if !error.is_connect() => {
            Reason::UnexpectedAnswer
        }
        _ if error.is_connect() => Reason::Unreachable,
        _ => Reason::ConnectionBroken,
    }
}

/// The reason if a proxy is on the way. The client keeps of a proxy's refusal nothing but a text.
pub(super) fn reason_of_proxy(reason: Reason, cause: &str) -> Reason {
    match reason {
        Reason::Unreachable if cause.contains("proxy authorization required") => {
            Reason::ProxyAuthenticationRequired
        }
        Reason::Unreachable
        | Reason::ConnectionRefused
        | Reason::ConnectTimedOut
        | Reason::DnsNameNotFound
        | Reason::DnsFailed => Reason::ProxyFailed,
        other => other,
    }
}

/// The words of the cause that lies deepest, for the log; of bounded length and on one line.
pub(super) fn cause(error: &reqwest::Error) -> String {
    let deepest = causes(error).last().map(ToString::to_string).unwrap_or_default();
    deepest.chars().filter(|char| !char.is_control()).take(LONGEST_CAUSE).collect()
}

fn tls(fault: &rustls::Error) -> Reason {
    let rustls::Error::InvalidCertificate(certificate) = fault else { return Reason::TlsHandshakeFailed };
    match certificate {
        // A bad signature is that of an authority with the name of a trusted one and another key: made anew, mostly.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            Reason::CertificateUnknownAuthority
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Reason::CertificateNameMismatch
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Reason::CertificateExpired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Reason::CertificateNotYetValid
        }
        CertificateError::Other(other)
            if matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity)) =>
        {
            Reason::CertificateIsAuthority
        }
        _ => Reason::TlsFailed,
    }
}

fn dns(cause: &str) -> Reason {
    if NAME_NOT_FOUND.iter().any(|text| cause.ends_with(text)) {
        Reason::DnsNameNotFound
    } else {
        Reason::DnsFailed
    }
}

fn find<E: Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    causes(error).find_map(|inner| inner.downcast_ref())
}

/// The error and what lies beneath it. `source` of an I/O error passes over the error that it holds, and reqwest puts one into
/// another.
fn causes<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let outermost: &'a (dyn Error + 'static) = error;
    iter::successors(Some(outermost), |outer| {
        let outer: &'a (dyn Error + 'static) = *outer;
        let held = outer.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        held.map(|held| held as &(dyn Error + 'static)).or_else(|| outer.source())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::{AlertDescription, InvalidMessage, OtherError, PeerIncompatible};

    use super::*;

    #[test]
    fn each_fault_of_tls_has_a_reason() {
        let webpki = |error: webpki::Error| CertificateError::Other(OtherError(Arc::new(error)));
        let certificates = [
            (CertificateError::UnknownIssuer, Reason::CertificateUnknownAuthority),
            (CertificateError::NotValidForName, Reason::CertificateNameMismatch),
            (CertificateError::Expired, Reason::CertificateExpired),
            (CertificateError::NotValidYet, Reason::CertificateNotYetValid),
            (webpki(webpki::Error::CaUsedAsEndEntity), Reason::CertificateIsAuthority),
            (webpki(webpki::Error::UnsupportedCertVersion), Reason::TlsFailed),
            (CertificateError::Revoked, Reason::TlsFailed),
            (CertificateError::BadSignature, Reason::CertificateUnknownAuthority),
            (CertificateError::InvalidPurpose, Reason::TlsFailed),
        ];
        for (error, reason) in certificates {
            assert_eq!(tls(&rustls::Error::InvalidCertificate(error.clone())), reason, "{error}");
        }
        let others = [
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType),
            rustls::Error::AlertReceived(AlertDescription::ProtocolVersion),
            rustls::Error::AlertReceived(AlertDescription::CertificateRequired),
            rustls::Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered),
            rustls::Error::NoApplicationProtocol,
        ];
        for error in others {
            assert_eq!(tls(&error), Reason::TlsHandshakeFailed, "{error}");
        }
    }

    #[test]
    fn a_name_that_dns_does_not_know_is_not_a_dns_that_is_out() {
        let rows = [
            ("Name or service not known", Reason::DnsNameNotFound),
            ("No address associated with hostname", Reason::DnsNameNotFound),
            ("Name does not resolve", Reason::DnsNameNotFound),
            ("Temporary failure in name resolution", Reason::DnsFailed),
            ("Non-recoverable failure in name resolution", Reason::DnsFailed),
            ("Try again", Reason::DnsFailed),
            ("", Reason::DnsFailed),
        ];
        for (text, reason) in rows {
            assert_eq!(dns(&format!("failed to lookup address information: {text}")), reason, "{text:?}");
        }
    }
}
