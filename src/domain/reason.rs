//! The closed set of reasons that conditions carry; `docs/reasons.md` explains each, and a test holds the two together.

use std::str::FromStr;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Why a condition has its status, for machines.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[doc = $doc])+ $name,)+ }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &[Reason] = &[$(Reason::$name,)+];

            /// The word that stands in the status.
            pub const fn as_str(self) -> &'static str {
                match self { $(Reason::$name => stringify!($name),)+ }
            }
        }
    };
}

reasons! {
    /// All conditions hold.
    Ready,
    /// The operator has not judged the connection yet.
    Pending,
    /// `spec.suspend` is set.
    Suspended,
    /// The resource itself cannot be read, though the API server stored it.
    SpecUnreadable,

    /// The Secret and key exist and hold a token.
    Resolved,
    /// There is no Secret of that name.
    SecretNotFound,
    /// The Secret has no such key.
    KeyNotFound,
    /// The operator may not read the Secret.
    SecretForbidden,
    /// The API server did not answer.
    ApiServerUnavailable,
    /// The key holds nothing.
    TokenEmpty,
    /// The key holds a token and something around or inside it.
    TokenMalformed,
    /// The key holds something that is no GitHub token.
    NotAToken,
    /// The key holds a refresh token of a GitHub App.
    RefreshToken,
    /// The key holds 40 hexadecimal digits, the form that tokens had before 2021.
    LegacyToken,

    /// GitHub accepted the token.
    Accepted,
    /// GitHub accepted the token earlier and has not given an answer since.
    AcceptedEarlier,
    /// There is no token to ask about.
    NoToken,
    /// GitHub has not been asked yet.
    NotAskedYet,
    /// GitHub refused the token once, which is not believed yet.
    RefusedOnce,
    /// GitHub refused the token twice.
    BadCredentials,
    /// The token's expiry has passed.
    Expired,
    /// The account that the token belongs to is suspended.
    AccountSuspended,
    /// `spec.host` is not among the hosts of the settings.
    HostUnknown,

    /// The hourly budget of the account or address is spent.
    RateLimited,
    /// One of GitHub's secondary limits holds.
    SecondaryRateLimited,
    /// GitHub rejects all logins of the account for a while.
    LoginLocked,
    /// No connection to the host could be made, or it broke.
    Unreachable,
    /// The host did not answer in time.
    TimedOut,
    /// The host's certificate was not accepted.
    TlsFailed,
    /// The host answered with a server error.
    ServerError,
    /// The host answered with a redirect, which is not followed.
    Redirected,
    /// The host says that no credentials arrived.
    CredentialsNotReceived,
    /// The host asks for a one-time password, as it does when a password signs in.
    OneTimePasswordDemanded,
    /// The host took the token for the JWT of a GitHub App.
    TakenForJwt,
    /// The host answered 401 and did not say `Bad credentials`.
    UnexplainedUnauthorized,
    /// The host does not support the API version of the settings.
    ApiVersionRejected,
    /// The host rejects the request itself, whatever the token.
    RequestRejected,
    /// What answers is not GitHub's REST API.
    NotTheApi,
    /// GitHub knows the token and forbids its use.
    AccessRestricted,
    /// GitHub knows the token and holds back its account.
    AccountRestricted,
    /// The answer is of no documented kind.
    UnexpectedAnswer,
    /// The host refuses several tokens that it accepted before.
    HostRefusesMany,
    /// Too many failed logins within the hour.
    FailedLoginsSpent,
    /// More questions wait for the host, or for the account, than may be asked now.
    HostBusy,
    /// A fault of this program met the question.
    QuestionFailed,

    /// Every requirement holds.
    RequirementsMet,
    /// Nothing can be said before GitHub has answered.
    NotDetermined,
    /// The token is of a kind that `require.kinds` does not name.
    KindNotAllowed,
    /// The token lacks a demanded scope.
    ScopeMissing,
    /// Scopes are demanded of a token that cannot have any.
    ScopesNotApplicable,
    /// GitHub did not say which scopes the token has.
    ScopesUnknown,
    /// An expiry is demanded, and GitHub named none.
    ExpiryRequired,
    /// The token lives longer than `maxLifetime`.
    LifetimeTooLong,
    /// Less than `minRemaining` is left.
    RemainingTooShort,

    /// The expiry is far away.
    NotExpiring,
    /// GitHub named no expiry.
    NeverExpires,
    /// The expiry is within `warnBefore`.
    ExpiresSoon,
    /// GitHub's expiry could not be read.
    ExpiryUnreadable,

    /// Every output holds the proven token.
    Published,
    /// No output is asked for.
    NothingRequested,
    /// The outputs keep the token that was proven before.
    Retained,
    /// The token is not written to the outputs.
    Withheld,
    /// The outputs were deleted.
    Withdrawn,
    /// A Secret of that name belongs to somebody else.
    ForeignSecret,
    /// The format works with classic tokens only.
    FormatNeedsClassic,
    /// The host has no container registry in the settings.
    RegistryUnknown,
    /// The API server did not accept a change of an output.
    WriteFailed,
}

impl Reason {
    /// True if an undetermined token of this reason stays so until a person acts.
    pub const fn needs_a_person(self) -> bool {
        matches!(self, Reason::HostUnknown | Reason::AccessRestricted | Reason::AccountRestricted)
    }
}

impl FromStr for Reason {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Reason::ALL.iter().copied().find(|reason| reason.as_str() == text).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_read_back_from_its_word() {
        for reason in Reason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
        }
        assert_eq!("NoSuchReason".parse::<Reason>(), Err(()));
    }
}
