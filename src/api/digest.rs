//! What the operator keeps of a status: whether another one says the same, and little more. The status itself is read when it is
//! written anew, so that ten thousand of them cost no memory.

mod said;
mod sum;

use std::num::NonZeroI64;

use jiff::{SignedDuration, Timestamp};

use super::{
    CandidateStatus, ConditionStatus, DeferralStatus, FurtherRequirements,
    GithubPatConnectionStatus as Status, PermissionProofs, Phase, RequirementStatus, TokenStatus,
    WithdrawnOutput,
    status::{Purposes, knowledge},
};
use crate::domain::{
    Reason,
    candidate::Standing,
    knowledge::Knowledge,
    output::base_of,
    probing::{logins::FailedLogin, schedule},
    requirement::Requirement,
    second::Second,
    token::{Flaw, HashedToken, TokenKind},
};
use said::Said;
use sum::sum;
pub(super) use sum::sum_with_transitions;

/// Whether another status says the same as the one in the cluster, and little more.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusDigest {
    /// Equal for two statuses that say the same, whenever they began to.
    sum: u64,
    /// The generation that it speaks of.
    observed_generation: Option<NonZeroI64>,
    /// What the conditions say.
    said: Said,
    /// The token that was last seen in the Secret.
    pub token: Option<HashedToken>,
    /// Its kind.
    pub kind: Option<TokenKind>,
    /// Whether it names outputs.
    has_outputs: bool,
    /// When GitHub had accepted it, as `checkedAt` says.
    checked_at: Option<Second>,
    /// When it ends, as `expiresAt` says.
    expires_at: Option<Second>,
    /// Ahead of now only if somebody else wrote its instants: see [`StatusDigest::is_strange`].
    newest: Option<Second>,
    /// What few statuses say.
    rare: Option<Box<Rare>>,
    /// What it remembers of the token, until somebody has taken it.
    remembers: Option<Box<Remembered>>,
}

/// What few statuses say.
#[derive(Clone, Debug, Default, PartialEq)]
struct Rare {
    /// Since when something speaks for withdrawing the outputs.
    withdrawing_since: Option<Second>,
    /// Whether that is a missing source Secret.
    misses_source: bool,
    /// The present versions of outputs.
    serving: Vec<Box<str>>,
    /// The request that was last acted on.
    last_handled_request: Option<Box<str>>,
    /// The token of a rotation that waits for workloads or consumers, and when every output held it.
    published: Option<(HashedToken, Second)>,
    /// When it began, or when outputs had to be written anew in it.
    begun: Option<Second>,
    /// When the consumers were listed last, how many there were, and how many of them had what the outputs held before.
    consumers: Option<(Second, u32, u32)>,
    /// How many candidates are usable, are not, and may be.
    candidates: Option<[u8; 3]>,
    /// When the last of the usable ones ends.
    last_end: Option<Second>,
    /// The rotation that is not over.
    leaves: Option<Leaves>,
}

/// A rotation that is not over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leaves {
    /// The token that was in use.
    pub token: HashedToken,
    /// Whether something of the connection's own is to come yet, and not only other connections are waited for.
    pub waits_for_itself: bool,
    /// The token that every output has held since this rotation, or the one that it has interrupted, wrote it there.
    pub held: Option<HashedToken>,
}

impl Rare {
    fn of(status: &Status) -> Option<Box<Self>> {
        let open = status.rotation.as_ref().filter(|rotation| rotation.is_followed());
        let published =
            open.and_then(|open| Some((open.new_token.hashed_token, open.published_at.as_ref()?.0.into())));
        let consumers = status.consumers.as_ref().map(|consumers| {
            let count = consumers.counts.values().fold(0_i64, |sum, count| sum.saturating_add(*count));
            let number = |number: i64| u32::try_from(number.max(0)).unwrap_or(u32::MAX);
            (consumers.observed_at.0.into(), number(count), number(consumers.behind))
        });
        let outputs = status.outputs.iter();
        let rare = Rare {
            withdrawing_since: status.withdrawal.as_ref().map(|withdrawal| withdrawal.since.0.into()),
            misses_source: status.withdrawal.as_ref().is_some_and(|withdrawal| withdrawal.source_missing),
            serving: outputs.filter_map(|output| Some(output.current_name.as_deref()?.into())).collect(),
            last_handled_request: status.last_handled_request.as_deref().map(Into::into),
            published,
            begun: open.map(|open| open.written_anew_at.as_ref().unwrap_or(&open.started_at).0.into()),
            consumers,
            candidates: candidates(&status.candidates),
            last_end: last_end(status),
            leaves: status.rotation.as_ref().filter(|rotation| rotation.phase != Phase::SafeToRevoke).map(
                |open| {
                    let waits_for_itself = open.other_connections.is_none();
                    let published = open.published_at.is_some().then_some(open.new_token.hashed_token);
                    let interrupted = open.interrupted.as_ref().map(|interrupted| interrupted.hashed_token);
                    let (token, held) = (open.old_token.hashed_token, published.or(interrupted));
                    Leaves { token, waits_for_itself, held }
                },
            ),
        };
        (rare != Rare::default()).then(|| Box::new(rare))
    }
}

/// Whether a candidate is usable, in the order in which they are counted.
const USABLE: [ConditionStatus; 3] =
    [ConditionStatus::True, ConditionStatus::False, ConditionStatus::Unknown];

/// How many candidates are usable, are not, and may be.
fn candidates(candidates: &[CandidateStatus]) -> Option<[u8; 3]> {
    let counts =
        USABLE.map(|usable| candidates.iter().filter(|candidate| candidate.usable == usable).count());
    (!candidates.is_empty()).then(|| counts.map(|count| u8::try_from(count).unwrap_or(u8::MAX)))
}

/// When the last of the usable candidates ends, by the clock of GitHub; the end of time if one does not end.
fn last_end(status: &Status) -> Option<Second> {
    let usable = status.candidates.iter().filter(|candidate| candidate.usable == ConditionStatus::True);
    let tokens = usable.filter_map(|candidate| match candidate.in_use {
        true => status.token.as_ref(),
        false => candidate.token.as_deref(),
    });
    tokens.map(|token| expires_at(token).unwrap_or(Timestamp::MAX.into())).max()
}

/// What a status remembers of a token.
#[derive(Clone, Debug, PartialEq)]
struct Remembered {
    token: Option<TokenStatus>,
    candidates: Vec<CandidateStatus>,
    deferral: Option<DeferralStatus>,
    requirements: Vec<RequirementStatus>,
    further: Option<FurtherRequirements>,
    permissions: Option<PermissionProofs>,
    withdrawn_outputs: Vec<WithdrawnOutput>,
}

impl From<Status> for StatusDigest {
    fn from(status: Status) -> Self {
        let sum = sum(&status);
        let said = Said::of(&status.conditions);
        let newest = newest(&status);
        let has_outputs = !status.outputs.is_empty();
        let rare = Rare::of(&status);
        let (deferral, requirements, mut candidates) =
            (status.deferral, status.requirements, status.candidates);
        if let Some(brief) = status.token.as_ref().filter(|_| !candidates.is_empty()).map(TokenStatus::brief)
        {
            // That is for readers: all that is remembered of it stands in `token`.
            let of_it = candidates.iter_mut().filter(|candidate| candidate.token.as_deref() == Some(&brief));
            of_it.for_each(|candidate| candidate.token = None);
        }
        let remembers = status.token.is_some() || !candidates.is_empty();
        let (further, permissions) = (status.further_requirements, status.permission_proofs);
        let withdrawn_outputs = status.withdrawn_outputs;
        let remembered = |token| Remembered {
            token,
            candidates,
            deferral,
            requirements,
            further,
            permissions,
            withdrawn_outputs,
        };
        StatusDigest {
            sum,
            observed_generation: status.observed_generation.and_then(NonZeroI64::new),
            said,
            token: status.token.as_ref().map(|token| token.hashed_token),
            kind: status.token.as_ref().map(|token| token.kind),
            has_outputs,
            checked_at: status.token.as_ref().and_then(checked_at),
            expires_at: status.token.as_ref().and_then(expires_at),
            newest,
            rare,
            remembers: remembers.then(|| Box::new(remembered(status.token))),
        }
    }
}

impl StatusDigest {
    /// True if that status says the same, apart from instants at which something was checked or began.
    pub fn says_the_same(&self, status: &Status) -> bool {
        self.sum == sum(status)
    }

    /// The fingerprint of a status that is not written yet.
    pub fn fingerprint_of(status: &Status) -> u64 {
        sum(status)
    }

    /// Equal for statuses that say the same; good for this process only.
    pub const fn fingerprint(&self) -> u64 {
        self.sum
    }

    /// The generation that it speaks of; the first one is 1.
    pub fn observed_generation(&self) -> Option<i64> {
        self.observed_generation.map(NonZeroI64::get)
    }

    /// What `Ready` says, if this version knows the reason.
    pub fn ready(&self) -> Option<(ConditionStatus, Reason)> {
        self.said.ready()
    }

    /// Type, status and reason of each condition of which this version knows the reason.
    pub fn conditions(&self) -> impl Iterator<Item = (&'static str, ConditionStatus, Reason)> {
        self.said.all()
    }

    /// When the token ends, if GitHub named an expiry that may be.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at.map(Timestamp::from)
    }

    /// When GitHub had accepted the token, as `checkedAt` says.
    pub fn checked_at(&self) -> Option<Timestamp> {
        self.checked_at.map(Timestamp::from)
    }

    /// Since when something speaks for withdrawing the outputs.
    pub fn withdrawing_since(&self) -> Option<Timestamp> {
        self.rare.as_ref()?.withdrawing_since.map(Timestamp::from)
    }

    /// True if that is a missing source Secret.
    pub fn misses_source(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.misses_source)
    }

    /// The present versions of outputs.
    pub fn serving(&self) -> impl Iterator<Item = &str> {
        self.rare.iter().flat_map(|rare| &rare.serving).map(|name| &**name)
    }

    /// True if this is the name of an earlier version of an output: another one is the present version of it.
    pub fn is_earlier(&self, name: &str) -> bool {
        let Some(base) = base_of(name) else { return false };
        let mut serving = self.serving().filter(|serving| base_of(serving) == Some(base)).peekable();
        serving.peek().is_some() && serving.all(|serving| serving != name)
    }

    /// The request that was last acted on.
    pub fn last_handled_request(&self) -> Option<&str> {
        self.rare.as_ref()?.last_handled_request.as_deref()
    }

    /// When every output held this token, if a rotation to it waits for workloads or consumers.
    pub fn published(&self, token: HashedToken) -> Option<Timestamp> {
        let (of, at) = self.rare.as_ref()?.published.as_ref()?;
        (*of == token).then(|| Timestamp::from(*at))
    }

    /// When that rotation began, or when outputs had to be written anew in it, since they had another token once more: no restart of
    /// before counts for it.
    pub fn begun(&self) -> Option<Timestamp> {
        self.rare.as_ref()?.begun.map(Timestamp::from)
    }

    /// When the consumers were listed last.
    pub fn consumers_at(&self) -> Option<Timestamp> {
        self.rare.as_ref()?.consumers.map(|(at, ..)| Timestamp::from(at))
    }

    /// How many objects name an output, and how many of them have what the outputs held before, as they were listed last.
    pub fn consumers(&self) -> Option<(u32, u32)> {
        self.rare.as_ref()?.consumers.map(|(_, count, behind)| (count, behind))
    }

    /// How many of the Secrets that the token may come from are usable, are not, and may be; none if there is one only.
    pub fn candidates(&self) -> Option<[(ConditionStatus, u8); 3]> {
        let counts = self.rare.as_ref()?.candidates?;
        let [usable, not, unknown] = counts;
        let [yes, no, maybe] = USABLE;
        Some([(yes, usable), (no, not), (maybe, unknown)])
    }

    /// When the last of the usable ones among them ends; the end of time if GitHub named no end of one.
    pub fn last_end(&self) -> Option<Timestamp> {
        self.rare.as_ref()?.last_end.map(Timestamp::from)
    }

    /// The rotation that is not over.
    pub fn leaves(&self) -> Option<Leaves> {
        self.rare.as_ref()?.leaves
    }

    /// True if it tells that outputs may have this token, for where nobody knows what the outputs hold.
    pub fn tells_of(&self, token: HashedToken) -> bool {
        let leaves = self.leaves().filter(|leaves| leaves.token == token);
        self.has_outputs
            && (self.token == Some(token) || leaves.is_some_and(|leaves| leaves.waits_for_itself))
    }

    /// True if it says that the operator may not read the Secrets of the namespace.
    pub fn tells_of_no_grant(&self) -> bool {
        self.conditions().any(|(_, _, reason)| reason == Reason::NamespaceNotGranted)
    }

    /// True if it names instants that this operator does not write: a change ahead of now, or a check that lies too far ahead.
    pub fn is_strange(&self, now: Timestamp) -> bool {
        self.newest.is_some_and(|newest| Timestamp::from(newest) > now)
    }

    /// What it remembers of that token on that host, as far as this is demanded; nothing of any other.
    pub fn knowledge(&self, hashed: HashedToken, host: &str, demanded: &Requirement) -> Knowledge {
        let Some(remembers) = self.remembers.as_deref() else { return Knowledge::default() };
        let is_it = |token: &&TokenStatus| token.hashed_token == hashed && token.host == host;
        let in_use = remembers.token.as_ref().filter(is_it);
        let mut others = remembers.candidates.iter().filter_map(|candidate| candidate.token.as_deref());
        let Remembered { deferral, requirements, further, permissions, .. } = remembers;
        match in_use {
            None => knowledge(others.find(is_it), None, Purposes::default(), (hashed, host), demanded),
            in_use => {
                let (further, permissions) = (further.as_ref(), permissions.as_ref());
                let purposes = Purposes { requirements, further, permissions };
                knowledge(in_use, deferral.as_ref(), purposes, (hashed, host), demanded)
            }
        }
    }

    /// What others had put on outputs that are gone.
    pub fn withdrawn_outputs(&self) -> &[WithdrawnOutput] {
        self.remembers.as_deref().map(|remembers| &*remembers.withdrawn_outputs).unwrap_or_default()
    }

    /// The Secret whose token is in use, and since when, if it tells.
    pub fn in_use(&self) -> Option<(&str, Timestamp)> {
        let in_use = self.remembers.as_ref()?.candidates.iter().find(|candidate| candidate.in_use)?;
        Some((&in_use.secret_name, in_use.since.as_ref()?.0))
    }

    /// When the token ends that it names as the last one of that Secret, for that host; no later than this end, which a person declared.
    pub fn end_of(&self, secret: &str, host: &str, declared: Option<Timestamp>) -> Option<Timestamp> {
        let token = self.remembers.as_ref()?.token.as_ref()?;
        (token.secret_name == secret && token.host == host).then(|| token.ends(declared))?
    }

    /// What it says of the token in that Secret, as long as it is that token.
    pub fn standing(&self, secret: &str, hashed: HashedToken, host: &str) -> Option<Standing> {
        let is_it = |candidate: &&CandidateStatus| {
            let token = candidate.token.as_ref();
            candidate.secret_name == secret
                && token.is_some_and(|token| token.hashed_token == hashed && token.host == host)
        };
        self.remembers.as_ref()?.candidates.iter().find(is_it)?.standing()
    }

    /// The tokens that it remembers.
    fn tokens(&self) -> impl Iterator<Item = &TokenStatus> {
        self.remembers.iter().flat_map(|remembers| {
            let others = remembers.candidates.iter().filter_map(|candidate| candidate.token.as_deref());
            remembers.token.iter().chain(others)
        })
    }

    /// The host and the failed logins that it remembers of each token, for a connection of this namespace.
    pub fn failed_logins(&self, namespace: &str) -> impl Iterator<Item = (&str, Vec<FailedLogin>, bool)> {
        self.tokens().filter_map(move |token| failed_logins(token, namespace))
    }

    /// The tokens that it remembers to have been refused, each with its host and the instant of the last refusal.
    pub fn refusals(&self) -> impl Iterator<Item = (&str, HashedToken, Timestamp)> {
        self.tokens().filter_map(|TokenStatus { host, hashed_token, refused, .. }| {
            Some((host.as_str(), *hashed_token, refused.as_ref()?.last.0))
        })
    }

    /// The good token whose refusals an incident of its host holds back, with the host, and when they are believed again at the latest.
    pub fn incident(&self) -> Option<(&str, HashedToken, Timestamp)> {
        let remembers = self.remembers.as_deref()?;
        let ends = remembers.deferral.as_ref()?.incident_ends_at.as_ref()?.0;
        let token = remembers.token.as_ref()?;
        let subject = (token.hashed_token, token.host.as_str());
        let known = knowledge(Some(token), None, Purposes::default(), subject, &Requirement::default());
        known.is_good().then_some((subject.1, subject.0, ends))
    }

    /// The same without what it remembers: somebody has taken that.
    #[must_use]
    pub fn without_memory(self) -> Self {
        StatusDigest { remembers: None, ..self }
    }

    /// True if [`StatusDigest::without_memory`] would change anything.
    pub const fn has_memory(&self) -> bool {
        self.remembers.is_some()
    }
}

/// The failed logins that are remembered of a token: the first and the last of those in a row, and whether the last is to be
/// confirmed.
fn failed_logins<'a>(token: &'a TokenStatus, namespace: &str) -> Option<(&'a str, Vec<FailedLogin>, bool)> {
    let TokenStatus { host, hashed_token: token, flaw, refused, first_proven_at, .. } = token;
    let refused = refused.as_ref().filter(|refused| refused.reason == Reason::BadCredentials.as_str())?;
    let dubious = *flaw == Some(Flaw::Checksum) && first_proven_at.is_none();
    let accepted_before = first_proven_at.is_some();
    let login = |at| FailedLogin { at, token: *token, namespace: namespace.into(), dubious, accepted_before };
    let (is_first, instants) = (refused.count <= 1, [refused.first.0, refused.last.0]);
    let logins = instants.into_iter().take(if is_first { 1 } else { 2 }).map(login).collect();
    Some((host, logins, is_first && !dubious && first_proven_at.is_none()))
}

/// The latest instant at which a condition changed, or so long before the next check as that may lie ahead.
fn newest(status: &Status) -> Option<Second> {
    let changed = status.conditions.iter().map(|seen| seen.last_transition_time.0);
    let checks = status.next_check_at.iter().map(|at| schedule::earlier(at.0, schedule::FARTHEST));
    let followed = status.rotation.iter().filter(|rotation| rotation.is_followed());
    // It is rounded up to a whole second.
    let published = followed.filter_map(|rotation| rotation.published_at.as_ref());
    let published = published.map(|at| schedule::earlier(at.0, SignedDuration::from_secs(1)));
    changed.chain(checks).chain(published).max().map(Second::from)
}

/// When GitHub accepted the token at the latest.
fn checked_at(token: &TokenStatus) -> Option<Second> {
    token.checked_at.as_ref().map(|at| at.0.into())
}

/// When the token ends, unless the answer that named the instant contradicts it.
fn expires_at(token: &TokenStatus) -> Option<Second> {
    token.expires_at.as_ref().filter(|_| !token.expiry_implausible).map(|at| at.0.into())
}

#[cfg(test)]
mod tests;
