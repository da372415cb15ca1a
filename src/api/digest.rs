//! What the operator keeps of a status: whether another one says the same, and little more. The status itself is read when it is
//! written anew, so that ten thousand of them cost no memory.

use std::hash::{DefaultHasher, Hasher};

use jiff::Timestamp;

use super::{
    ConditionStatus, DeferralStatus, GithubPatConnectionStatus as Status, TokenStatus, status::knowledge,
};
use crate::domain::{
    Reason,
    knowledge::Knowledge,
    probing::budget::FailedLogin,
    token::{Doubt, HashedToken},
};

/// A status as it stands in the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusDigest {
    /// Equal for two statuses that say the same, whenever they began to.
    sum: u64,
    /// The generation that it speaks of.
    pub observed_generation: Option<i64>,
    /// What `Ready` says, if this version knows the reason.
    pub ready: Option<(ConditionStatus, Reason)>,
    /// The token that was last seen in the Secret.
    pub token: Option<HashedToken>,
    /// When GitHub had accepted it, as `checkedAt` says.
    checked_at: Option<i64>,
    /// What it remembers of the token, until somebody has taken it.
    remembers: Option<Box<Remembered>>,
    /// The request that was last acted on.
    pub last_handled_request: Option<Box<str>>,
}

/// What a status remembers of a token.
#[derive(Clone, Debug, PartialEq)]
struct Remembered {
    token: TokenStatus,
    deferral: Option<DeferralStatus>,
}

impl From<Status> for StatusDigest {
    fn from(status: Status) -> Self {
        let sum = sum(&status);
        let ready = status.condition("Ready");
        let ready = ready.and_then(|ready| Some((ready.status, ready.reason.parse().ok()?)));
        let deferral = status.deferral;
        StatusDigest {
            sum,
            observed_generation: status.observed_generation,
            ready,
            token: status.token.as_ref().map(|token| token.hashed_token),
            checked_at: status.token.as_ref().and_then(checked_at),
            remembers: status.token.map(|token| Box::new(Remembered { token, deferral })),
            last_handled_request: status.last_handled_request.map(Into::into),
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

    /// When GitHub had accepted the token, as `checkedAt` says.
    pub fn checked_at(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.checked_at?).ok()
    }

    /// What it remembers of that token on that host; nothing of any other.
    pub fn knowledge(&self, hashed: HashedToken, host: &str) -> Knowledge {
        let remembers = self.remembers.as_deref();
        let deferral = remembers.and_then(|remembers| remembers.deferral.as_ref());
        knowledge(remembers.map(|remembers| &remembers.token), deferral, hashed, host)
    }

    /// The host and the failed logins that it remembers of the token, for a connection of this namespace: the first and the last
    /// of those in a row.
    pub fn failed_logins(&self, namespace: &str) -> Option<(&str, Vec<FailedLogin>)> {
        let TokenStatus { host, hashed_token: token, doubt, refused, first_proven_at, .. } =
            &self.remembers.as_ref()?.token;
        let refused = refused.as_ref()?;
        let dubious = *doubt == Some(Doubt::Checksum) && first_proven_at.is_none();
        let login = |at| FailedLogin { at, token: *token, namespace: namespace.into(), dubious };
        let instants = [refused.first.0, refused.last.0];
        Some((host, instants.into_iter().take(if refused.count > 1 { 2 } else { 1 }).map(login).collect()))
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

/// When GitHub accepted the token at the latest, in seconds.
fn checked_at(token: &TokenStatus) -> Option<i64> {
    token.checked_at.as_ref().map(|at| at.0.as_second())
}

/// The same for statuses that say the same, in one process, whenever they began to.
fn sum(status: &Status) -> u64 {
    let mut said = status.clone();
    for condition in &mut said.conditions {
        condition.last_transition_time.0 = Timestamp::UNIX_EPOCH;
    }
    sum_without_checks(said)
}

/// The same for equal statuses, apart from instants that are written with other changes only.
pub(super) fn sum_without_checks(mut said: Status) -> u64 {
    struct Sum(DefaultHasher);
    impl std::io::Write for Sum {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.write(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    said.next_check_at = None;
    if let Some(deferral) = &mut said.deferral {
        deferral.not_before = None;
    }
    if let Some(token) = &mut said.token {
        token.checked_at = None;
    }
    let mut sum = Sum(DefaultHasher::new());
    // Neither can fail: a status has no map with keys that are no texts, and a hasher takes every byte.
    let _ = serde_json::to_writer(&mut sum, &said);
    sum.0.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Condition, time};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn status(message: &str, since: i64) -> Status {
        let condition = Condition {
            type_: "Ready".to_owned(),
            status: ConditionStatus::True,
            reason: "Ready".to_owned(),
            message: message.to_owned(),
            last_transition_time: time(at(since)),
            observed_generation: Some(1),
        };
        Status { observed_generation: Some(1), conditions: vec![condition], ..Status::default() }
    }

    #[test]
    fn a_digest_knows_its_status_again_and_no_other() {
        let digest = StatusDigest::from(status("good", 77));
        assert!(digest.says_the_same(&status("good", 77)) && !digest.says_the_same(&status("bad", 77)));
        assert!(digest.says_the_same(&status("good", 78)), "the status that is written keeps the instant");
        let later = Status { next_check_at: Some(time(at(99))), ..status("good", 77) };
        assert!(digest.says_the_same(&later), "nextCheckAt is written with other changes only");
        assert_eq!(digest.ready, Some((ConditionStatus::True, Reason::Ready)));
    }
}
