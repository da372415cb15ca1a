//! When GitHub may be asked about a token again, and when to look again.
//!
//! Time is an argument: nothing here reads a clock or draws a random number. The instants at which a token is due are fixed by
//! the token, so they are the same after a restart and need not be stored.

use jiff::{SignedDuration, Timestamp};

use super::super::{
    Reason,
    knowledge::{Deferred, Knowledge, Refused},
    token::HashedToken,
};

/// The longest pause between two looks.
const LONGEST_LOOK: SignedDuration = SignedDuration::from_hours(24);
/// Over how long the questions are spread that are overdue when the operator starts.
const SPREAD_OF_OVERDUE: SignedDuration = SignedDuration::from_secs(30);
/// Over how long the questions are spread that waited for one limit to end.
const SPREAD_OF_LIMITED: i64 = 5;
/// Between two questions in a deferred, however soon a host wants the next.
const SHORTEST_PAUSE: SignedDuration = SignedDuration::from_secs(10);
/// How long after the expiry the question comes that shall confirm it, and none before it: clocks may differ a little, and an
/// answer that another asker got just before the expiry must not serve as this one.
pub const AFTER_EXPIRY: SignedDuration = SignedDuration::from_secs(4);
/// A refused token is asked about once an hour, then more seldom, at last once a day: failed logins count against the account
/// (<https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api#failed-login-limit>).
const REFUSED: (SignedDuration, SignedDuration) =
    (SignedDuration::from_hours(1), SignedDuration::from_hours(24));

/// The settings that govern when GitHub is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How far apart the instants are at which an accepted token is due.
    pub interval: SignedDuration,
    /// How long after a first refusal the confirming question comes.
    pub confirm_after: SignedDuration,
    /// How old `checkedAt` in the status may become before it is written anew.
    pub heartbeat: SignedDuration,
    /// How long an acceptance is trusted while GitHub gives no answer.
    pub trust_for: SignedDuration,
}

impl Timing {
    /// How old an acceptance can be that nothing speaks against: older, and the operator was away for long.
    pub fn longest_silence(&self) -> SignedDuration {
        self.trust_for.saturating_add(self.interval).saturating_add(self.heartbeat)
    }
}

/// What the process knows of the time before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// When this process first saw the token on this host.
    pub since: Timestamp,
    /// When it last asked about it.
    pub asked: Option<Timestamp>,
}

impl Past {
    /// The same, without what lies ahead: the clock was set back since.
    pub fn by(self, now: Timestamp) -> Past {
        Past { since: self.since.min(now), asked: self.asked.filter(|asked| *asked <= now) }
    }

    /// The last question, or the start of this process, before which the last question lies. What is remembered from later
    /// was written by a clock that ran ahead.
    fn last(self) -> Timestamp {
        self.asked.unwrap_or(self.since)
    }
}

/// Whom the instants belong to.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The name of the host.
    pub host: &'a str,
    /// The token.
    pub hashed: &'a HashedToken,
}

/// When GitHub is to be asked next; `None` means not until the Secret changes.
///
/// `ends` is the token's expiry by the clock of this process.
pub fn due(
    subject: Subject<'_>,
    knowledge: &Knowledge,
    past: Past,
    ends: Option<Timestamp>,
    timing: &Timing,
) -> Option<Timestamp> {
    let refused = knowledge.refused.map(|refused| after_refusal(refused, past, ends, timing));
    if let Some(deferred) = knowledge.deferred {
        let again = after_silence(subject, deferred, past, timing);
        return refused.map_or(Some(again), |due| due.map(|due| due.max(again)));
    }
    if let Some(due) = refused {
        return due;
    }
    let Some((_, accepted)) = &knowledge.grant else { return Some(past.since) };
    let accepted = *accepted;
    if let Some(ends) = ends.filter(|ends| accepted < later(*ends, AFTER_EXPIRY)) {
        let regular = regular(subject, accepted, past, timing);
        return Some(if regular < ends { regular } else { later(ends, AFTER_EXPIRY) });
    }
    Some(regular(subject, accepted, past, timing))
}

/// When to look again: at once if a question is due, else at the earliest of the given instants that lies ahead; between one
/// second and a day from now.
pub fn requeue_after(
    now: Timestamp,
    due: Option<Timestamp>,
    instants: impl IntoIterator<Item = Timestamp>,
) -> SignedDuration {
    let ahead = instants.into_iter().filter(|at| *at > now).chain(due).map(|at| at.duration_since(now)).min();
    ahead.unwrap_or(LONGEST_LOOK).clamp(SignedDuration::from_secs(1), LONGEST_LOOK)
}

/// The next of the token's own instants, which are `phase + k × interval`.
fn regular(subject: Subject<'_>, accepted: Timestamp, past: Past, timing: &Timing) -> Timestamp {
    if let Some(asked) = past.asked {
        return next_instant(subject, asked, timing.interval);
    }
    let stale = later(accepted, timing.interval.saturating_add(timing.heartbeat)) < past.since;
    if stale {
        let spread = share(subject, SPREAD_OF_OVERDUE.as_secs());
        return later(past.since, SignedDuration::from_secs(spread));
    }
    next_instant(subject, past.since, timing.interval)
}

fn next_instant(subject: Subject<'_>, after: Timestamp, interval: SignedDuration) -> Timestamp {
    let interval = interval.as_secs().max(1);
    let phase = share(subject, interval);
    let passed = after.as_second().saturating_sub(phase).rem_euclid(interval);
    let wait = interval.saturating_sub(passed);
    let whole = Timestamp::from_second(after.as_second()).unwrap_or(after);
    later(whole, SignedDuration::from_secs(wait))
}

/// The first of the instants of a growing pause that lies behind the last question, by the first pause at least, and not
/// before GitHub wants it.
fn after_silence(subject: Subject<'_>, deferred: Deferred, past: Past, timing: &Timing) -> Timestamp {
    let last = past.last();
    let (first, longest) = pauses(deferred.deferral.reason, timing);
    let mut pause = first;
    let mut at = later(deferred.since.min(last), pause);
    while at <= last && at < Timestamp::MAX {
        pause = pause.saturating_mul(2).min(longest);
        at = later(at, pause);
        if pause == longest && at <= last {
            let steps = last.duration_since(at).as_secs().checked_div(longest.as_secs()).unwrap_or(0);
            at = later(at, SignedDuration::from_secs(longest.as_secs().saturating_mul(steps)));
        }
    }
    let jitter = share(subject, (pause.as_secs() / 5).max(1));
    let at = later(at, SignedDuration::from_secs(jitter));
    let wanted = deferred.deferral.until.map(|until| {
        let spread = share(subject, SPREAD_OF_LIMITED).saturating_add(1);
        later(until, SignedDuration::from_secs(spread))
    });
    match wanted {
        Some(wanted) if wanted > last => {
            past.asked.map_or(wanted, |asked| wanted.max(later(asked, SHORTEST_PAUSE)))
        }
        // What deferred GitHub may have changed since the deferred began, and asks for a longer pause.
        _ => at.max(later(last, first)),
    }
}

/// The first and the longest pause. A limit without a named end asks for a minute at least, growing:
/// <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api>
fn pauses(reason: Reason, timing: &Timing) -> (SignedDuration, SignedDuration) {
    let longest = timing.interval.max(SHORTEST_PAUSE);
    match reason {
        Reason::LoginLocked => (SignedDuration::from_hours(1), longest.max(SignedDuration::from_hours(1))),
        Reason::RateLimited
        | Reason::SecondaryRateLimited
        | Reason::AccessRestricted
        | Reason::AccountRestricted => {
            (SignedDuration::from_secs(60), longest.max(SignedDuration::from_secs(900)))
        }
        _ => (SHORTEST_PAUSE, longest),
    }
}

fn after_refusal(
    refused: Refused,
    past: Past,
    ends: Option<Timestamp>,
    timing: &Timing,
) -> Option<Timestamp> {
    let (first, last) = (refused.first.min(past.last()), refused.last.min(past.last()));
    // The expiry explains the refusal, and an expired token does not come back.
    if ends.is_some_and(|ends| ends <= last) {
        return None;
    }
    if refused.count < 2 {
        return Some(later(first, timing.confirm_after));
    }
    let doublings = u32::try_from(refused.count.saturating_sub(2)).unwrap_or(0).min(10);
    let pause = REFUSED.0.saturating_mul(1_i32 << doublings).min(REFUSED.1);
    Some(later(last, pause))
}

/// A number below `of` that belongs to the token and host, evenly spread over all of them.
fn share(subject: Subject<'_>, of: i64) -> i64 {
    let mut hash = crc32fast::Hasher::new();
    hash.update(subject.host.as_bytes());
    hash.update(&[0]);
    hash.update(subject.hashed.as_bytes());
    i64::from(hash.finalize()).checked_rem(of).unwrap_or(0)
}

/// The sum, or the last instant there is.
pub fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// The difference, or the first instant there is.
pub fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
