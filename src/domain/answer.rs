//! What GitHub may say about a token, and what is remembered of it.

use jiff::Timestamp;

use super::{Finding, Reason};

/// What GitHub can be asked about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// Whose token it is, by `GET /user`: tells validity, owner, classic scopes and expiry at once.
    Identity,
}

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
    const fn is_outage(self) -> bool {
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
            _ => "the host answered in a way that GitHub does not document: look for a proxy before it",
        }
    }
}

/// What is remembered of one token on one host. Silence never erases an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The last acceptance and its instant; a later refusal does not erase it.
    pub grant: Option<(Grant, Timestamp)>,
    /// The refusals since.
    pub refused: Option<Refused>,
    /// The first acceptance of all.
    pub first_proven: Option<Timestamp>,
    /// The silence since the last answer.
    pub silence: Option<Silence>,
}

/// Refusals in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The last one.
    pub refusal: Refusal,
    /// How many, at least one. Only the second is believed.
    pub count: i32,
    /// The first of them.
    pub first: Timestamp,
    /// The last of them.
    pub last: Timestamp,
}

/// Questions in a row that brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// The first of them.
    pub since: Timestamp,
    /// What the last of them brought.
    pub deferral: Deferral,
}

impl Memory {
    /// Takes in what came back at this instant, which is kept in whole seconds, as the status keeps it.
    pub fn learn(&mut self, reply: Reply, at: Timestamp) {
        let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
        match reply {
            Reply::Answer(Answer::Granted(grant)) => {
                self.grant = Some((grant, at));
                self.first_proven.get_or_insert(at);
                self.refused = None;
                self.silence = None;
            }
            Reply::Answer(Answer::Refused(refusal)) => {
                let (count, first) = self.refused.map_or((0, at), |refused| (refused.count, refused.first));
                self.refused = Some(Refused { refusal, count: count.saturating_add(1), first, last: at });
                self.silence = None;
            }
            Reply::Deferral(deferral) => {
                let before = self.silence;
                let since = before.map_or(at, |silence| silence.since);
                let outage = before.filter(|before| before.deferral.is_outage() && deferral.is_outage());
                let reason = outage.map_or(deferral.reason, |before| before.deferral.reason);
                self.silence = Some(Silence { since, deferral: Deferral { reason, ..deferral } });
            }
        }
    }

    /// The refusal, once it is believed.
    pub fn believed_refusal(&self) -> Option<Refused> {
        self.refused.filter(|refused| refused.count > 1)
    }

    /// The expiry that GitHub named last.
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self.grant.as_ref().map(|(grant, _)| grant.expiry) {
            Some(Expiry::At(at)) => Some(at),
            _ => None,
        }
    }
}

impl From<Refused> for Finding {
    fn from(refused: Refused) -> Finding {
        let message = match refused.refusal {
            Refusal::BadCredentials => {
                "GitHub refused the token twice (401 Bad credentials): it was revoked, has expired, was mistyped or \
                 belongs to another host; make a new token and store it in the Secret"
            }
            Refusal::AccountSuspended => {
                "GitHub says that the account of the token is suspended: have an owner lift the suspension, \
                 or use a token of another account"
            }
        };
        Finding::new(refused.refusal.reason(), message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn granted() -> Reply {
        let account = Some(Account { login: "octocat".to_owned(), id: 1 });
        Reply::Answer(Answer::Granted(Grant { account, scopes: Some(vec![]), expiry: Expiry::Never }))
    }

    fn refused() -> Reply {
        Reply::Answer(Answer::Refused(Refusal::BadCredentials))
    }

    fn deferred() -> Reply {
        Reply::Deferral(Deferral::new(Reason::ServerError))
    }

    #[test]
    fn silence_and_refusals_leave_the_last_acceptance_in_place() {
        let mut memory = Memory::default();
        for (reply, second) in [(granted(), 1), (deferred(), 2), (refused(), 3), (deferred(), 4)] {
            memory.learn(reply, at(second));
        }
        assert_eq!(memory.grant.as_ref().map(|(_, at)| at.as_second()), Some(1));
        assert_eq!(memory.refused.map(|refused| refused.count), Some(1));
        assert_eq!(memory.silence.map(|silence| silence.since), Some(at(4)));
    }

    #[test]
    fn a_refusal_is_believed_when_it_comes_twice_and_forgotten_when_accepted() {
        let mut memory = Memory::default();
        memory.learn(refused(), at(1));
        assert_eq!(memory.believed_refusal(), None);
        memory.learn(deferred(), at(2));
        assert_eq!(memory.believed_refusal(), None);
        memory.learn(refused(), at(3));
        assert_eq!(
            memory.believed_refusal().map(|refused| (refused.first, refused.last)),
            Some((at(1), at(3)))
        );
        memory.learn(granted(), at(4));
        assert_eq!(memory.refused, None);
    }

    #[test]
    fn the_first_proof_stays_the_first() {
        let mut memory = Memory::default();
        memory.learn(granted(), at(1));
        memory.learn(granted(), at(9));
        assert_eq!(memory.first_proven, Some(at(1)));
    }

    #[test]
    fn a_silence_begins_once() {
        let mut memory = Memory::default();
        memory.learn(deferred(), at(5));
        memory.learn(Reply::Deferral(Deferral::new(Reason::TimedOut)), at(9));
        let silence = memory.silence.unwrap();
        assert_eq!((silence.since, silence.deferral.reason), (at(5), Reason::ServerError), "one outage");
        memory.learn(Reply::Deferral(Deferral::new(Reason::RateLimited)), at(12));
        let silence = memory.silence.unwrap();
        assert_eq!((silence.since, silence.deferral.reason), (at(5), Reason::RateLimited), "something else");
    }
}
