//! What GitHub may say about a token, and what is remembered of it.

use jiff::{SignedDuration, Timestamp};

use super::{Reason, proof::Proof, scopes::Scopes, unexplained::Unexplained};

/// The text, and what a person with a proxy must know.
macro_rules! without_proxy {
    ($text:literal) => {
        concat!($text, "; the operator uses no proxy of the environment (HTTPS_PROXY), only the host's proxy in the settings")
    };
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// GitHub has spoken about the token.
    Answer(Answer),
    /// It has not: the token may be good.
    Deferral(Deferral),
}

impl Reply {
    /// What it comes to, in one word for logs and metrics.
    pub const fn class(&self) -> &'static str {
        match self {
            Reply::Answer(Answer::Granted(_)) => "Granted",
            Reply::Answer(Answer::Refused(_)) => "Refused",
            Reply::Answer(Answer::Proof(Proof::Held(_))) => "Held",
            Reply::Answer(Answer::Proof(Proof::Denied(_))) => "Denied",
            Reply::Deferral(_) => "Deferred",
        }
    }
}

/// What GitHub said about the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It accepted the token.
    Granted(Grant),
    /// It did not.
    Refused(Refusal),
    /// It showed whether the token serves one purpose.
    Proof(Proof),
}

/// What an acceptance tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The account; `None` for tokens of an app installation, which belong to no user.
    pub account: Option<Account>,
    /// Classic scopes as GitHub lists them; `None` if it sent no list, which is not the same as an empty one, and for kinds that
    /// have none.
    pub scopes: Option<Scopes>,
    /// When the token ends.
    pub expiry: Expiry,
}

impl Grant {
    /// True if it says something that the acceptance before did not say. A later end alone is no news: it takes nothing away.
    pub fn is_news_after(&self, before: &Grant) -> bool {
        let is_later = match (before.expiry, self.expiry) {
            (Expiry::At(before), Expiry::At(now)) => now >= before,
            (before, now) => now == before,
        };
        !is_later || self.account != before.account || self.scopes != before.scopes
    }
}

/// A GitHub account. The id stays when the login is renamed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The login, in GitHub's grammar for logins.
    pub login: Box<str>,
    /// The numeric id.
    pub id: i64,
}

/// The end of a token as GitHub's header `GitHub-Authentication-Token-Expiration` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// GitHub named none.
    Never,
    /// At this instant, to the second.
    At(Timestamp),
    /// GitHub named one in a form that could not be read.
    Unreadable,
    /// GitHub named this instant, and accepted the token when it had passed. The token works, and the instant counts for nothing.
    Implausible(Timestamp),
}

/// Once an end was implausible, only one that lies further ahead than this is believed.
const FAR: SignedDuration = SignedDuration::from_hours(24);

impl Expiry {
    /// The same, no later than this end, which a person declared for a token whose end GitHub does not tell.
    #[must_use]
    pub fn no_later_than(self, declared: Option<Timestamp>) -> Expiry {
        match (self, declared) {
            (expiry, None) => expiry,
            (Expiry::At(at), Some(declared)) => Expiry::At(at.min(declared)),
            (Expiry::Never | Expiry::Unreadable | Expiry::Implausible(_), Some(declared)) => {
                Expiry::At(declared)
            }
        }
    }

    /// The same, if an acceptance at this instant by GitHub's clock named it, after one that named the end `before`.
    ///
    /// The end of a token never changes. An end that had passed is not plausible, and neither is one that moves on as soon as it is
    /// reached: the instant that was reached first is kept then, so that such a host changes no status each time.
    #[must_use]
    pub fn accepted_at(self, github_now: Timestamp, before: Option<Expiry>) -> Expiry {
        let Expiry::At(at) = self else { return self };
        let is_far = at.duration_since(github_now) > FAR;
        match before {
            Some(Expiry::Implausible(first)) if !is_far => Expiry::Implausible(first),
            Some(Expiry::At(before)) if before <= github_now && !is_far => Expiry::Implausible(before),
            _ if at <= github_now => Expiry::Implausible(at),
            _ => self,
        }
    }
}

/// The hourly budget as an answer tells it: of the token's account, or of the address that asked if the answer is a refusal.
///
/// <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests an hour.
    pub limit: u64,
    /// How many of them are left.
    pub remaining: u64,
    /// When the hour ends, in seconds since 1970 by the host's clock.
    pub reset: i64,
}

impl RateLimit {
    /// The hourly window of GitHub, and so the longest that a limit can last:
    /// <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>
    pub const LONGEST: SignedDuration = SignedDuration::from_hours(1);
}

/// Why GitHub does not accept a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 401 `Bad credentials`: revoked, expired, mistyped, or made on another host; GitHub does not tell which.
    BadCredentials,
    /// 403 `Sorry. Your account was suspended.`
    AccountSuspended,
}

impl Refusal {
    /// The reason that stands for it in the status.
    pub const fn reason(self) -> Reason {
        match self {
            Refusal::BadCredentials => Reason::BadCredentials,
            Refusal::AccountSuspended => Reason::AccountSuspended,
        }
    }

    /// The refusal that a reason stands for.
    pub const fn from_reason(reason: Reason) -> Option<Self> {
        match reason {
            Reason::BadCredentials => Some(Refusal::BadCredentials),
            Reason::AccountSuspended => Some(Refusal::AccountSuspended),
            _ => None,
        }
    }
}

/// GitHub has not said anything about the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deferral {
    /// Why not; one of those that [`Deferral::sentence`] knows.
    pub reason: Reason,
    /// Not before this instant GitHub wants to be asked again, if it named one.
    pub until: Option<Timestamp>,
    /// The answer of the host, if its cause is not known.
    pub answer: Option<Unexplained>,
    /// When refusals are believed again at the latest, if the host refuses many.
    pub incident_ends: Option<Timestamp>,
}

impl Deferral {
    /// A deferral without a named end.
    pub const fn new(reason: Reason) -> Self {
        Deferral { reason, until: None, answer: None, incident_ends: None }
    }

    /// True if the host was not asked since others go first: nothing was tried.
    pub const fn is_of_queue(self) -> bool {
        matches!(self.reason, Reason::HostBusy)
    }

    /// True if the host is down in one way or another. The ways change from try to try; the first one is told.
    ///
    /// A certificate that is not accepted is none of these ways: it stays until a person acts, who must be told.
    pub const fn is_outage(self) -> bool {
        matches!(
            self.reason,
            Reason::DnsNameNotFound
                | Reason::DnsFailed
                | Reason::ConnectionRefused
                | Reason::Unreachable
                | Reason::ConnectTimedOut
                | Reason::ProxyFailed
                | Reason::ConnectionBroken
                | Reason::TimedOut
                | Reason::TlsHandshakeFailed
                | Reason::ServerError
        )
    }

    /// True if it is about the host and not about the token: it is down, shows a certificate that is not accepted, or lies behind a
    /// proxy that lets nobody through.
    pub const fn is_of_host(self) -> bool {
        matches!(
            self.reason,
            Reason::ProxyAuthenticationRequired
                | Reason::CertificateUnknownAuthority
                | Reason::CertificateNameMismatch
                | Reason::CertificateExpired
                | Reason::CertificateNotYetValid
                | Reason::CertificateIsAuthority
                | Reason::TlsFailed
        ) || self.is_outage()
    }

    /// True if it is about the host when the question is who the token belongs to: what answers is not the API, or not what was
    /// sent arrives. To another question it may be about one repository or organization.
    pub const fn is_of_identity(self) -> bool {
        matches!(
            self.reason,
            Reason::Redirected
                | Reason::NotTheApi
                | Reason::CredentialsNotReceived
                | Reason::ApiVersionRejected
        ) || self.is_of_host()
    }

    /// True if it is an unexplained answer that nothing marks as GitHub's: a gateway may have given it in the place of the host.
    pub const fn is_foreign(self) -> bool {
        matches!(
            self.reason,
            Reason::UnexplainedUnauthorized | Reason::RequestRejected | Reason::UnexpectedAnswer
        )
    }

    /// True if it is an answer that says nothing about the token, and that either trouble of the host or the text of the token may
    /// bring.
    pub const fn is_unexplained(self) -> bool {
        matches!(
            self.reason,
            Reason::UnexplainedUnauthorized
                | Reason::TakenForJwt
                | Reason::OneTimePasswordDemanded
                | Reason::RequestRejected
                | Reason::UnexpectedAnswer
        )
    }

    /// Cause and remedy, and what GitHub's support needs to find an answer that is not known.
    pub fn told(self) -> String {
        let answer = self.answer.map_or_else(String::new, |answer| answer.told());
        format!("{}{answer}", self.sentence())
    }

    /// Cause and remedy. The same words each time, so that a status does not change while nothing else does.
    pub const fn sentence(self) -> &'static str {
        match self.reason {
            Reason::RateLimited => {
                "the hourly rate limit is spent, which all tokens of the account share; nothing to do but wait, \
                 or have its other users ask less"
            }
            Reason::SecondaryRateLimited => "a secondary rate limit of GitHub holds; nothing to do but wait",
            Reason::LoginLocked => {
                "GitHub rejects all logins of the account for a while, because of too many failed ones: \
                 find who uses a dead token of that account"
            }
            Reason::DnsNameNotFound => without_proxy!(
                "DNS knows no address for the name in the host's apiUrl: check the name, and whether the cluster's DNS \
                 knows names of that network"
            ),
            Reason::DnsFailed => without_proxy!(
                "DNS did not answer for the name in the host's apiUrl: check the cluster's DNS, and whether a network \
                 policy keeps the operator from it"
            ),
            Reason::ConnectionRefused => without_proxy!(
                "the host refuses connections: check whether it runs, the host name and port of its apiUrl, and firewalls"
            ),
            Reason::Unreachable => without_proxy!(
                "no way leads to the host's address: check network policies, firewalls and routes, and the host's apiUrl"
            ),
            Reason::ConnectTimedOut => without_proxy!(
                "no connection to the host could be made in time: look for a network policy or firewall that drops packets"
            ),
            Reason::ProxyFailed => {
                "the host's proxy opened no way to it, for the cause in the operator's log: check the proxy's url, whether it \
                 runs, and whether it allows CONNECT to the host of apiUrl"
            }
            Reason::ProxyAuthenticationRequired => {
                "the host's proxy wants credentials (407): name a file with user:password as the proxy's credentialsFile, or \
                 correct that file, which is read again when it changes"
            }
            Reason::ConnectionBroken => {
                "the connection to the host broke before the answer was complete: look at the host, and for a firewall, \
                 load balancer or proxy before it"
            }
            Reason::TimedOut => {
                "the host was connected and did not answer in time: look at the load of the host, and for a firewall, \
                 load balancer or proxy before it"
            }
            Reason::CertificateUnknownAuthority => {
                "the host's certificate comes from an authority that is not trusted: name the file of that authority as \
                 the host's caBundle, or replace the one that is named, and let the host send its intermediate certificates; \
                 if the host has a public certificate, set onlyCaBundle to false where it is true, or find out who intercepts \
                 the connection"
            }
            Reason::CertificateNameMismatch => {
                "the host's certificate is not for the host name in apiUrl: use a name that the certificate has, or get one \
                 that has this name as its subjectAltName (a common name does not count)"
            }
            Reason::CertificateExpired => {
                "the host's certificate, or one of its authorities', has expired: renew it; if it has not, set the clock of \
                 the operator's node"
            }
            Reason::CertificateNotYetValid => {
                "the host's certificate, or one of its authorities', is not valid yet: set the clock of the operator's \
                 node, or of the machine that made the certificate"
            }
            Reason::CertificateIsAuthority => {
                "the host shows the certificate of an authority (CA:TRUE) as its own, which caBundle does not help: get the \
                 host a server certificate (CA:FALSE), which this authority may sign"
            }
            Reason::TlsFailed => {
                "the host's certificate was not accepted, for the cause in the operator's log: get the host another one"
            }
            Reason::TlsHandshakeFailed => {
                "no TLS connection could be agreed on: check the port of the host's apiUrl, which may not speak TLS, and \
                 whether the host offers TLS 1.2 or 1.3, and whether it wants a client certificate, or another one than the settings name"
            }
            Reason::ServerError => {
                "the host answers with server errors; see githubstatus.com, nothing to do but wait"
            }
            Reason::Redirected => {
                "the host answers with a redirect, which is not followed lest the token go elsewhere: \
                 mend the host's apiUrl in the settings"
            }
            Reason::CredentialsNotReceived => {
                "the host says that no usable credentials arrived: look for a proxy that strips the Authorization header"
            }
            Reason::OneTimePasswordDemanded => {
                "the host asks for a one-time password, as if a password had been sent: look for a proxy that changes \
                 the Authorization header"
            }
            Reason::TakenForJwt => {
                "the host took the token for the JWT of a GitHub App: look for a proxy that changes the Authorization header"
            }
            Reason::UnexplainedUnauthorized => {
                "the host answered 401 without GitHub's words for a bad token, or without a mark of GitHub: look for a proxy \
                 before it, and at the host's apiUrl"
            }
            Reason::ApiVersionRejected => {
                "the host does not support the API version: mend githubApiVersion in the settings"
            }
            Reason::RequestRejected => {
                "the host rejects the request whatever the token: look for a proxy or firewall before it"
            }
            Reason::NotTheApi => {
                "what answers is not GitHub's REST API: mend the host's apiUrl in the settings \
                 (an Enterprise Server wants /api/v3 at its end)"
            }
            Reason::AccessRestricted => {
                "GitHub knows the token and a policy forbids its use from here: ask the owner of the organization or \
                 enterprise about its IP allow list, single sign-on and token policies"
            }
            Reason::AccountRestricted => {
                "GitHub knows the token and holds back its account, because of an unverified e-mail address or a bill: \
                 sign in as that account and see what GitHub asks for"
            }
            Reason::HostRefusesMany => {
                "the host refuses several tokens that it accepted before, so its refusals are not believed for a while: \
                 see githubstatus.com; if the tokens were revoked, make new ones"
            }
            Reason::FailedLoginsSpent => {
                "the host refused too many tokens within the last hour, so tokens that were never accepted wait: \
                 remove the connections whose tokens are refused, or replace their tokens"
            }
            Reason::HostBusy => {
                "more questions wait for the host than the settings allow to ask at once; nothing to do but wait, \
                 or raise the limits in the settings"
            }
            Reason::QuestionFailed => {
                "the operator failed while it asked the host, which is a bug: report it with the lines of the operator's log"
            }
            _ => "the host answered in a way that GitHub does not document: look for a proxy before it",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_cause_of_no_connection_has_its_own_sentence() {
        let causes = [
            Reason::DnsNameNotFound,
            Reason::DnsFailed,
            Reason::ConnectionRefused,
            Reason::Unreachable,
            Reason::ConnectTimedOut,
            Reason::ConnectionBroken,
            Reason::TimedOut,
            Reason::CertificateUnknownAuthority,
            Reason::CertificateNameMismatch,
            Reason::CertificateExpired,
            Reason::CertificateNotYetValid,
            Reason::CertificateIsAuthority,
            Reason::TlsFailed,
            Reason::TlsHandshakeFailed,
            Reason::UnexpectedAnswer,
        ];
        let sentences: BTreeSet<_> = causes.map(|reason| Deferral::new(reason).sentence()).into();
        assert_eq!(sentences.len(), causes.len());
        let of_a_proxy =
            causes.iter().filter(|reason| Deferral::new(**reason).sentence().contains("HTTPS_PROXY"));
        assert_eq!(of_a_proxy.count(), 5, "as long as nothing is connected");
        let of_authorities = Deferral::new(Reason::CertificateUnknownAuthority).sentence();
        assert!(
            of_authorities.contains("caBundle") && of_authorities.contains("onlyCaBundle"),
            "{of_authorities}"
        );
    }

    #[test]
    fn an_end_that_moves_as_soon_as_it_is_reached_is_not_believed() {
        let at = |second: i64| Timestamp::from_second(1_772_366_400_i64.saturating_add(second)).unwrap();
        let (ends, implausible) = (|second| Expiry::At(at(second)), |second| Expiry::Implausible(at(second)));
        let rows = [
            ("the first", ends(5), None, ends(5)),
            ("this very moment", ends(0), None, implausible(0)),
            ("the same as before", ends(90), Some(ends(90)), ends(90)),
            ("the one before is yet to come", ends(90), Some(ends(60)), ends(90)),
            ("the one before has passed", ends(5), Some(ends(-3)), implausible(-3)),
            ("and again", ends(5), Some(implausible(-30)), implausible(-30)),
            ("one that is far away", ends(86_401), Some(implausible(-30)), ends(86_401)),
            ("none", Expiry::Never, Some(implausible(-30)), Expiry::Never),
        ];
        for (name, named, before, expected) in rows {
            assert_eq!(named.accepted_at(at(0), before), expected, "{name}");
        }
    }

    #[test]
    fn a_later_end_alone_is_no_news() {
        let at = |second: i64| Expiry::At(Timestamp::from_second(second).unwrap());
        let grant = |expiry| Grant { account: None, scopes: None, expiry };
        let rows = [
            (at(5), at(5), false),
            (at(5), at(6), false),
            (at(6), at(5), true),
            (Expiry::Never, at(5), true),
            (at(5), Expiry::Never, true),
            (Expiry::Never, Expiry::Never, false),
        ];
        for (before, now, is_news) in rows {
            assert_eq!(grant(now).is_news_after(&grant(before)), is_news, "{before:?} {now:?}");
        }
        let scopes = Grant { scopes: Some(Scopes::default()), ..grant(at(6)) };
        assert!(scopes.is_news_after(&grant(at(5))));
    }
}
