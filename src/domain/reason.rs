//! The closed set of reasons that conditions carry; `docs/reasons.md` explains each, and a test holds the two together.

use std::str::FromStr;

use super::event::EventType;

/// How much a reason matters to a person. `Ready` follows from the gravest that a condition has: False for `Mend`, Unknown for
/// `Wait`, True for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// All is as it should be.
    Fine,
    /// The token serves its purpose, and there is something to know.
    Note,
    /// Nobody can tell yet; it mostly passes by itself.
    Wait,
    /// A person has to act.
    Mend,
}

/// Why a token is dead: it does not work, whatever a connection demands of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dead {
    /// GitHub refuses it for good.
    Refused,
    /// GitHub refuses it for as long as its account is suspended.
    Held,
    /// Its time is over, by GitHub or by the spec.
    Ended,
}

impl Dead {
    /// True if GitHub refuses the token.
    pub const fn is_refused(self) -> bool {
        matches!(self, Dead::Refused | Dead::Held)
    }

    /// True if the token is of no use to anybody any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Dead::Refused | Dead::Ended)
    }
}

// Each row is a reason and its severity. In braces it may have an `event` and a `dead`: see the methods of these names.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $severity:ident $({ $(event: $event:ident)? $(dead: $dead:ident)? })?,)+) => {
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

            /// How much it matters to a person.
            pub const fn severity(self) -> Severity {
                match self { $(Reason::$name => Severity::$severity,)+ }
            }

            /// The type of the Event when a condition takes this reason; `None` if only a change of `Ready` makes one, whose type follows from its
            /// status.
            pub const fn event(self) -> Option<EventType> {
                match self {
                    $($($(Reason::$name => Some(EventType::$event),)?)?)+
                    _ => None,
                }
            }

            /// Why the token is dead, if that is what it says.
            pub const fn dead(self) -> Option<Dead> {
                match self {
                    $($($(Reason::$name => Some(Dead::$dead),)?)?)+
                    _ => None,
                }
            }
        }
    };
}

reasons! {
    /// All conditions hold.
    Ready = Fine,
    /// The operator has not judged the connection yet.
    Pending = Wait,
    /// `spec.suspend` is set.
    Suspended = Wait,
    /// The resource itself cannot be read, though the API server stored it.
    SpecUnreadable = Mend,

    /// The Secret and key exist and hold a token.
    Resolved = Fine,
    /// There is no Secret of that name.
    SecretNotFound = Mend,
    /// The Secret has no such key.
    KeyNotFound = Mend,
    /// The operator may not read the Secret.
    SecretForbidden = Mend,
    /// The Secrets of the namespace are not granted to the operator.
    NamespaceNotGranted = Mend,
    /// The API server did not answer.
    ApiServerUnavailable = Wait,
    /// The key holds nothing.
    TokenEmpty = Mend,
    /// The key holds what a tool should have replaced by the token.
    Placeholder = Mend,
    /// The key holds a token and something around or inside it.
    TokenMalformed = Mend,
    /// The key holds something that is no GitHub token.
    NotAToken = Mend,
    /// The key holds a refresh token of a GitHub App.
    RefreshToken = Mend,
    /// The key holds 40 hexadecimal digits, the form that tokens had before 2021.
    LegacyToken = Mend,

    /// GitHub accepted the token.
    Accepted = Fine,
    /// GitHub accepted the token earlier and has not given an answer since.
    AcceptedEarlier = Note,
    /// There is no token to ask about.
    NoToken = Wait,
    /// GitHub has not been asked yet.
    NotAskedYet = Wait,
    /// GitHub refused the token once, which is not believed yet.
    RefusedOnce = Wait,
    /// GitHub refused the token twice.
    BadCredentials = Mend { dead: Refused },
    /// The token's expiry has passed.
    Expired = Mend { dead: Ended },
    /// The account that the token belongs to is suspended.
    AccountSuspended = Mend { dead: Held },
    /// `spec.host` is not among the hosts of the settings.
    HostUnknown = Mend,

    /// The hourly budget of the account or address is spent.
    RateLimited = Wait,
    /// One of GitHub's secondary limits holds.
    SecondaryRateLimited = Wait,
    /// GitHub rejects all logins of the account for a while.
    LoginLocked = Wait,
    /// DNS knows no address of the host's name.
    DnsNameNotFound = Wait,
    /// DNS did not answer.
    DnsFailed = Wait,
    /// The host's address refuses connections.
    ConnectionRefused = Wait,
    /// No way leads to the host's address.
    Unreachable = Wait,
    /// No connection to the host was made in time.
    ConnectTimedOut = Wait,
    /// The proxy of the host's settings made no way to the host.
    ProxyFailed = Wait,
    /// The proxy of the host's settings wants credentials, or others.
    ProxyAuthenticationRequired = Wait,
    /// The connection to the host broke before the answer was complete.
    ConnectionBroken = Wait,
    /// The host was connected and did not answer in time.
    TimedOut = Wait,
    /// The host's certificate comes from an authority that is not trusted.
    CertificateUnknownAuthority = Wait,
    /// The host's certificate is for another name.
    CertificateNameMismatch = Wait,
    /// The host's certificate has expired.
    CertificateExpired = Wait,
    /// The host's certificate is not valid yet.
    CertificateNotYetValid = Wait,
    /// The host shows the certificate of an authority as its own.
    CertificateIsAuthority = Wait,
    /// The host's certificate was not accepted for another cause.
    TlsFailed = Wait,
    /// No TLS connection could be agreed on.
    TlsHandshakeFailed = Wait,
    /// The host answered with a server error.
    ServerError = Wait,
    /// The host answered with a redirect, which is not followed.
    Redirected = Wait,
    /// The host says that no credentials arrived.
    CredentialsNotReceived = Wait,
    /// The host asks for a one-time password, as it does when a password signs in.
    OneTimePasswordDemanded = Wait,
    /// The host took the token for the JWT of a GitHub App.
    TakenForJwt = Wait,
    /// The host answered 401 without GitHub's words for a bad token, or without a mark of GitHub.
    UnexplainedUnauthorized = Wait,
    /// The host does not support the API version of the settings.
    ApiVersionRejected = Wait,
    /// The host rejects the request itself, whatever the token.
    RequestRejected = Wait,
    /// What answers is not GitHub's REST API.
    NotTheApi = Wait,
    /// GitHub knows the token and forbids its use.
    AccessRestricted = Mend,
    /// GitHub knows the token and holds back its account.
    AccountRestricted = Mend,
    /// The answer is of no documented kind.
    UnexpectedAnswer = Wait,

    /// The host refuses several tokens that it accepted before.
    HostRefusesMany = Wait,
    /// Too many failed logins within the hour.
    FailedLoginsSpent = Wait,
    /// More questions wait for the host, or for the account, than may be asked now.
    HostBusy = Wait,
    /// A fault of this program met the question.
    QuestionFailed = Wait,

    /// Every requirement holds.
    RequirementsMet = Fine,
    /// GitHub's last answer speaks against a requirement that was met before, which is not believed yet.
    ViolatedOnce = Note,
    /// Nothing can be said before GitHub has answered.
    NotDetermined = Wait,
    /// The token belongs to another account than `spec.expect` names.
    AnotherAccount = Mend,
    /// The token is of a kind that `require.kinds` does not name.
    KindNotAllowed = Mend,
    /// The token lacks a demanded scope.
    ScopeMissing = Mend,
    /// Scopes are demanded of a token that cannot have any.
    ScopesNotApplicable = Mend,
    /// GitHub did not say which scopes the token has.
    ScopesUnknown = Wait,
    /// An expiry is demanded, and GitHub named none.
    ExpiryRequired = Mend,
    /// The token lives longer than `maxLifetime`.
    LifetimeTooLong = Mend,
    /// Less than `minRemaining` is left.
    RemainingTooShort = Mend,
    /// No token can meet the demands.
    DemandImpossible = Mend,
    /// The token has a scope that `require.forbid` names.
    ScopeForbidden = Mend,
    /// The token has scopes beyond those that are demanded.
    ExcessScopes = Mend,
    /// A demand cannot be proven, and `require.unproven` is Refuse.
    NotProven = Mend,

    /// GitHub has shown that the demand is met.
    Proven = Fine,
    /// Another proof shows that the token covers the organization.
    Covered = Fine,
    /// GitHub has not been asked about the demand yet, or its answer is to be confirmed.
    ProofAwaited = Wait,
    /// The organization wants the token authorized for its single sign-on.
    SsoRequired = Mend,
    /// The organization lets no classic token in.
    ClassicTokensForbidden = Mend,
    /// The organization lets no fine-grained token in.
    FineGrainedTokensForbidden = Mend,
    /// The organization lets no token in that lives so long.
    LifetimeForbidden = Mend,
    /// The organization's list of addresses does not have that of the cluster.
    AddressForbidden = Mend,
    /// The organization has not approved the app.
    AppForbidden = Mend,
    /// GitHub knows no such organization.
    OrganizationNotFound = Mend,
    /// The account is no member of the organization.
    NotAMember = Mend,
    /// The account has not accepted its invitation to the organization.
    MembershipPending = Mend,
    /// GitHub does not show the membership to this token.
    MembershipNotShown = Note,
    /// GitHub does not tell whether a fine-grained token covers the organization.
    CoverageNotProvable = Note,
    /// GitHub shows the token no such repository.
    RepositoryNotVisible = Mend,
    /// The repository is archived, and a push is demanded.
    RepositoryArchived = Mend,
    /// GitHub blocks the repository.
    RepositoryBlocked = Mend,
    /// Git refuses a push.
    PushRefused = Mend,
    /// The fine-grained token lacks the permission.
    PermissionMissing = Mend,
    /// The fine-grained token has a permission that `require.forbid` names.
    PermissionForbidden = Mend,
    /// No request that only reads proves the level.
    WriteNotProvable = Note,
    /// Everybody has it on public repositories.
    PublicRepository = Note,
    /// No request that only reads proves the permission.
    NotProvable = Note,
    /// The account's role is too low, or a feature is off.
    RoleOrFeature = Note,
    /// The registry does not let the token pull the image.
    PackageRefused = Mend,

    /// The expiry is far away.
    NotExpiring = Fine,
    /// GitHub named no expiry.
    NeverExpires = Fine,
    /// The expiry is within `warnBefore`.
    ExpiresSoon = Note { event: Warning },
    /// The expiry is within `warnBefore`, and another token takes over.
    StandbyTakesOver = Note,
    /// A token that stands by is of no use, or there is none.
    StandbyUnusable = Note { event: Warning },
    /// The expiry of a token that stands by is within `warnBefore`.
    StandbyExpiresSoon = Note { event: Warning },
    /// GitHub's expiry could not be read.
    ExpiryUnreadable = Wait,
    /// GitHub's expiry had passed when GitHub accepted the token.
    ExpiryImplausible = Note,

    /// Every output holds the proven token.
    Published = Fine,
    /// No output is asked for.
    NothingRequested = Fine,
    /// The outputs keep the token that was proven before.
    Retained = Fine,
    /// The token is not written to the outputs.
    Withheld = Mend,
    /// The outputs will be deleted soon.
    WithdrawalPending = Mend,
    /// The outputs were deleted, if there were any.
    Withdrawn = Mend,
    /// An output is being deleted and waits for its finalizers.
    Leaving = Mend,
    /// A Secret of that name belongs to somebody else.
    ForeignSecret = Mend,
    /// Somebody else keeps changing an output.
    Contended = Mend,
    /// An output leads back to a Secret that its own connection reads.
    PublishCycle = Mend,
    /// The format works with classic tokens only.
    FormatNeedsClassic = Mend,
    /// The format needs a scope that the token does not have.
    FormatNeedsScope = Mend,
    /// The output lacks what its format needs, or names a URL of another host.
    OutputInvalid = Mend,
    /// The Secret of `extraEntriesFrom` is missing, or has no entries.
    ExtraEntriesUnusable = Mend,
    /// The host has no container registry in the settings.
    RegistryUnknown = Mend,
    /// The namespace is being deleted, so nothing can be created in it.
    NamespaceTerminating = Wait,
    /// The API server did not accept a change of an output.
    WriteFailed = Mend,
}

impl Reason {
    /// True if there is no token to be judged.
    pub const fn lacks_a_token(self) -> bool {
        matches!(
            self,
            Reason::Pending
                | Reason::SecretNotFound
                | Reason::KeyNotFound
                | Reason::SecretForbidden
                | Reason::NamespaceNotGranted
                | Reason::TokenEmpty
                | Reason::Placeholder
                | Reason::TokenMalformed
                | Reason::NotAToken
                | Reason::RefreshToken
                | Reason::LegacyToken
                | Reason::NoToken
        )
    }

    /// True if only a person can mend it, by a change of the token or of the connection. What another object may mend by arriving,
    /// such as the source Secret, does not stall: tools give up on what stalls.
    pub const fn stalls(self) -> bool {
        matches!(
            self,
            Reason::SpecUnreadable
                | Reason::TokenMalformed
                | Reason::Placeholder
                | Reason::NotAToken
                | Reason::RefreshToken
                | Reason::LegacyToken
                | Reason::BadCredentials
                | Reason::Expired
                | Reason::AccountSuspended
                | Reason::AccessRestricted
                | Reason::AccountRestricted
                | Reason::AnotherAccount
                | Reason::KindNotAllowed
                | Reason::ScopeMissing
                | Reason::ScopesNotApplicable
                | Reason::ExpiryRequired
                | Reason::LifetimeTooLong
                | Reason::RemainingTooShort
                | Reason::DemandImpossible
                | Reason::ScopeForbidden
                | Reason::ExcessScopes
                | Reason::NotProven
                | Reason::SsoRequired
                | Reason::ClassicTokensForbidden
                | Reason::FineGrainedTokensForbidden
                | Reason::LifetimeForbidden
                | Reason::AddressForbidden
                | Reason::AppForbidden
                | Reason::OrganizationNotFound
                | Reason::NotAMember
                | Reason::MembershipPending
                | Reason::RepositoryNotVisible
                | Reason::RepositoryArchived
                | Reason::RepositoryBlocked
                | Reason::PushRefused
                | Reason::PermissionMissing
                | Reason::PermissionForbidden
                | Reason::PackageRefused
                | Reason::FormatNeedsClassic
                | Reason::FormatNeedsScope
                | Reason::OutputInvalid
        )
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
    use super::{Reason::*, *};

    #[test]
    fn each_reason_matters_as_much_as_a_person_has_to_do_with_it() {
        let of = |severity| Reason::ALL.iter().copied().filter(move |reason| reason.severity() == severity);
        let fine = [
            Ready,
            Resolved,
            Accepted,
            RequirementsMet,
            Proven,
            Covered,
            NotExpiring,
            NeverExpires,
            Published,
            NothingRequested,
            Retained,
        ];
        let note = [
            AcceptedEarlier,
            ViolatedOnce,
            MembershipNotShown,
            CoverageNotProvable,
            WriteNotProvable,
            PublicRepository,
            NotProvable,
            RoleOrFeature,
            ExpiresSoon,
            StandbyTakesOver,
            StandbyUnusable,
            StandbyExpiresSoon,
            ExpiryImplausible,
        ];
        let mend = [
            SpecUnreadable,
            SecretNotFound,
            KeyNotFound,
            SecretForbidden,
            NamespaceNotGranted,
            TokenEmpty,
            Placeholder,
            TokenMalformed,
            NotAToken,
            RefreshToken,
            LegacyToken,
            BadCredentials,
            Expired,
            AccountSuspended,
            HostUnknown,
            AccessRestricted,
            AccountRestricted,
            AnotherAccount,
            KindNotAllowed,
            ScopeMissing,
            ScopesNotApplicable,
            ExpiryRequired,
            LifetimeTooLong,
            RemainingTooShort,
            DemandImpossible,
            ScopeForbidden,
            ExcessScopes,
            NotProven,
            SsoRequired,
            ClassicTokensForbidden,
            FineGrainedTokensForbidden,
            LifetimeForbidden,
            AddressForbidden,
            AppForbidden,
            OrganizationNotFound,
            NotAMember,
            MembershipPending,
            RepositoryNotVisible,
            RepositoryArchived,
            RepositoryBlocked,
            PushRefused,
            PermissionMissing,
            PermissionForbidden,
            PackageRefused,
            Withheld,
            WithdrawalPending,
            Withdrawn,
            Leaving,
            ForeignSecret,
            Contended,
            PublishCycle,
            FormatNeedsClassic,
            FormatNeedsScope,
            OutputInvalid,
            ExtraEntriesUnusable,
            RegistryUnknown,
            WriteFailed,
        ];
        // All others pass by themselves, or nobody can tell yet.
        assert_eq!(of(Severity::Fine).collect::<Vec<_>>(), fine);
        assert_eq!(of(Severity::Note).collect::<Vec<_>>(), note);
        assert_eq!(of(Severity::Mend).collect::<Vec<_>>(), mend);
    }

    #[test]
    fn what_stalls_is_for_a_person_to_mend_and_nothing_that_may_still_arrive() {
        for reason in Reason::ALL.iter().filter(|reason| reason.stalls()) {
            assert_eq!(reason.severity(), Severity::Mend, "{reason:?}");
        }
        let may_arrive = [
            SecretNotFound,
            KeyNotFound,
            NamespaceNotGranted,
            TokenEmpty,
            ForeignSecret,
            Contended,
            PublishCycle,
            HostUnknown,
            WriteFailed,
            ExtraEntriesUnusable,
            RegistryUnknown,
        ];
        assert!(may_arrive.iter().all(|reason| !reason.stalls()));
    }

    #[test]
    fn every_reason_is_read_back_from_its_word() {
        for reason in Reason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
        }
        assert_eq!("NoSuchReason".parse::<Reason>(), Err(()));
    }
}
