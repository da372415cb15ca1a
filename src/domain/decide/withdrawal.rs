//! Whether the outputs are to be withdrawn, why, and when.

use jiff::{SignedDuration, Timestamp};

use super::super::{
    Reason, Verdict,
    probing::schedule::{earlier, later},
    token::Description,
};
use super::{Judgement, Observation, OnInvalid, Plan, is_condemned, judge};

/// A withdrawal that has a grace, which may be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// Since when something speaks for it, as the status says it: in whole seconds, and not earlier than it was seen.
    pub since: Timestamp,
    /// When the outputs go.
    pub at: Timestamp,
    /// Whether it is that the source Secret is missing, which has a grace of its own.
    pub missing: bool,
}

/// How far ahead an instant may lie that was rounded to a whole second.
const ROUNDED: SignedDuration = SignedDuration::from_secs(1);

impl Observation {
    /// True once the source Secret has been missing for as long as `withdrawAfter` allows.
    pub fn is_lost(&self) -> bool {
        let is_over = |withdrawal: Withdrawal| withdrawal.at <= self.now;
        is_vanished(self) && withdrawal(self, &judge(self)).is_some_and(is_over)
    }

    /// Why outputs are withdrawn, if they are.
    pub fn cause_of_withdrawal(&self) -> &'static str {
        match (is_vanished(self), &self.condemned_before) {
            (true, Some(_)) => "the source Secret is missing and GitHub had refused the token for good",
            (true, None) => "the source Secret is missing",
            (false, _) => "the token is of no use",
        }
    }
}

/// The withdrawal, if the spec has a grace and something speaks for it. What cannot be told right now ends no grace and begins none.
pub(super) fn withdrawal(seen: &Observation, judgement: &Judgement<'_>) -> Option<Withdrawal> {
    let demand = &seen.demand;
    let withdraws = demand.on_invalid == OnInvalid::Withdraw;
    let after = demand.withdraw_after.filter(|_| withdraws && !demand.suspend)?;
    let is_wanted = demand.withdraws() && is_condemned(seen, judgement) || is_vanished(seen);
    let missing = if is_unread(seen) { seen.withdrawing_missing } else { is_vanished(seen) };
    // The outputs of a bad paste hold the good token still: that the paste is gone now costs them nothing before a grace is over.
    let is_same = seen.withdrawing_missing == missing;
    // What lies ahead was written by a clock that was wrong.
    let before = seen.withdrawing_since.filter(|since| is_same && earlier(*since, ROUNDED) <= seen.now);
    let since = match before {
        Some(since) if is_wanted || is_unread(seen) => since,
        _ if is_wanted => rounded_up(seen.now),
        _ => return None,
    };
    Some(Withdrawal { since, at: later(since, after), missing })
}

/// What the outputs are meant to become, if that is their withdrawal.
pub(super) fn plan(
    seen: &Observation,
    judgement: &Judgement<'_>,
    withdrawal: Option<Withdrawal>,
) -> Option<Plan> {
    let vanished = withdrawal.is_some() && is_vanished(seen);
    let withdraws = seen.demand.withdraws();
    let is_wanted = vanished || withdraws && (is_condemned(seen, judgement) || was_condemned(seen));
    if !is_wanted {
        return None;
    }
    match withdrawal {
        Some(withdrawal) if seen.now < withdrawal.at => Some(Plan::WithdrawAt(withdrawal.at)),
        // Another token is about to take over.
        _ => withdraws.then_some(Plan::Withdraw),
    }
}

/// True if there is no source Secret.
pub(super) fn is_vanished(seen: &Observation) -> bool {
    is_gone(&seen.token)
}

/// The same of what was found in its place.
pub fn is_gone(token: &Verdict<Description>) -> bool {
    matches!(token, Verdict::No(findings) if findings.iter().any(|finding| finding.reason == Reason::SecretNotFound))
}

/// True if the source is gone, and GitHub had refused the token in it for good: whoever made the source may have deleted it for that.
pub(super) fn was_condemned(seen: &Observation) -> bool {
    is_vanished(seen) && seen.condemned_before.is_some()
}

/// True if nobody can tell what the source holds.
fn is_unread(seen: &Observation) -> bool {
    match &seen.token {
        Verdict::Yes(_) => false,
        Verdict::No(findings) => {
            let unread = [Reason::SecretForbidden, Reason::NamespaceNotGranted];
            findings.iter().any(|finding| unread.contains(&finding.reason))
        }
        Verdict::Unknown(_) => true,
    }
}

/// A grace that is counted from this whole second is not cut short.
fn rounded_up(at: Timestamp) -> Timestamp {
    let second = at.as_second().saturating_add((at.subsec_nanosecond() > 0).into());
    Timestamp::from_second(second).unwrap_or(at)
}
