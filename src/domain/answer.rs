//! What GitHub may say about a token, and what is remembered of it.

use jiff::Timestamp;

use super::Reason;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// GitHub has spoken about the token.
    Answer(Answer),
    /// It has not: the token may be good.
    Deferral(Deferral),
}

/// What GitHub said about the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It accepted the token.
    Granted(Grant),
    /// It did not.
    Refused(Refusal),
}

/// What an acceptance tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The account; `None` for tokens of an app installation, which belong to no user.
    pub account: Option<Account>,
    /// Classic scopes as GitHub lists them; `None` if it sent no list, which is not the same as an empty one, and for kinds that
    /// have none.
    pub scopes: Option<Vec<String>>,
    /// When the token ends.
    pub expiry: Expiry,
}

/// A GitHub account. The id stays when the login is renamed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The login, in GitHub's grammar for logins.
    pub login: String,
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
}

impl Deferral {
    /// A deferral without a named end.
    pub const fn new(reason: Reason) -> Self {
        Deferral { reason, until: None }
    }

    /// True if the host is down in one way or another. The ways change from try to try; the first one is told.
    pub(super) const fn is_outage(self) -> bool {
        matches!(self.reason, Reason::Unreachable | Reason::TimedOut | Reason::ServerError)
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
            Reason::Unreachable => {
                "no connection to the host could be made, or it broke: check network policies, DNS and the host's apiUrl"
            }
            Reason::TimedOut => {
                "the host did not answer in time: check the network between the cluster and the host"
            }
            Reason::TlsFailed => {
                "the host's certificate was not accepted: set caBundle for the host if it has a private authority"
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
                "the host answered 401 without GitHub's words for a bad token: look for a proxy before it, and at the host's apiUrl"
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
