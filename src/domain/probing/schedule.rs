//! When GitHub may be asked about a token again, and when to requeue.
//!
//! Time is an argument: nothing here reads a clock or draws a random number. The instants at which a token is due are fixed by
//! the token, so they are the same after a restart and need not be stored.

use jiff::{SignedDuration, Timestamp};

use super::{
    super::{
        Reason,
        answer::Deferral,
        knowledge::{Deferred, Knowledge, Proven, Refused},
        probe::Probe,
        proof::Proof,
    },
    Subject,
};

/// The longest pause between two reconciles.
const LONGEST_REQUEUE: SignedDuration = SignedDuration::from_hours(24);
/// A check lies no farther ahead than this: what does was written by a clock that was wrong, or by somebody else.
pub const FARTHEST: SignedDuration = SignedDuration::from_hours(48);
/// The first pause after a deferral, if `minimum_interval` is not longer.
const SHORTEST_PAUSE: SignedDuration = SignedDuration::from_secs(10);
/// The longest pause while the host is down or reached wrongly, if `minimum_interval` is not longer.
const LONGEST_OF_A_HOST: SignedDuration = SignedDuration::from_secs(45);
/// How long after the expiry the question comes that shall confirm it, and none before it: clocks may differ a little, and an
/// answer that another asker got just before the expiry must not serve as this one.
pub const AFTER_EXPIRY: SignedDuration = SignedDuration::from_secs(4);
/// A refused token is asked about once an hour, then more seldom, at last once a day: failed logins count against the account
/// (<https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api#failed-login-limit>).
const REFUSED: (SignedDuration, SignedDuration) =
    (SignedDuration::from_hours(1), SignedDuration::from_hours(24));
/// What was accepted before may be good after all: the pauses before the first questions after its refusal is believed, which so
/// come 5, 15, 30 and 60 minutes after that.
const ACCEPTED_BEFORE: [SignedDuration; 4] = [
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(10),
    SignedDuration::from_mins(15),
    SignedDuration::from_mins(30),
];

/// The settings that govern when GitHub is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How far apart the instants are at which an accepted token is due.
    pub interval: SignedDuration,
    /// The shortest time between two questions, but for one confirmation.
    pub minimum_interval: SignedDuration,
    /// How long after a first refusal the confirming question comes.
    pub confirm_after: SignedDuration,
    /// How old `checkedAt` in the status may become before it is written anew.
    pub heartbeat: SignedDuration,
    /// How long an acceptance is trusted while GitHub gives no answer.
    pub trust_for: SignedDuration,
    /// How far apart the instants are at which the other questions about a token are due.
    pub proof_interval: SignedDuration,
    /// Whether another connection has the same token asked about more often. Its answers serve this one too.
    pub follows: bool,
}

impl Timing {
    /// How old an acceptance can be that nothing speaks against: older, and the operator was away for long.
    pub fn stale_after(&self) -> SignedDuration {
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
    /// When a breaker of the host closed or an incident of it ended last: what was deferred before may be asked then.
    pub released: Option<Timestamp>,
    /// When the next question about the token was brought forward last, because the host answered another one.
    pub brought_forward: Option<Timestamp>,
    /// How many tokens wait for an answer of the host that says something, if it has given none since.
    pub unanswered: u32,
    /// Whether the last question was a confirmation, and came sooner after the one before than `minimum_interval`.
    pub hurried: bool,
    /// Whether an answer to another question said that the token is no good, which identity is to tell; or the host refused many when the
    /// process before ended.
    pub suspected: bool,
}

impl Past {
    /// Of a token that this process saw first at this instant, and has not asked about.
    pub const fn unasked(since: Timestamp) -> Past {
        Past {
            since,
            asked: None,
            released: None,
            brought_forward: None,
            unanswered: 0,
            hurried: false,
            suspected: false,
        }
    }

    /// The same, without what lies ahead: the clock was set back since.
    pub fn by(self, now: Timestamp) -> Past {
        let passed = |at: &Timestamp| *at <= now;
        let (asked, released) = (self.asked.filter(passed), self.released.filter(passed));
        let brought_forward = self.brought_forward.filter(passed);
        Past { since: self.since.min(now), asked, released, brought_forward, ..self }
    }

    /// The last question, or the start of this process, before which the last question lies. What is remembered from later
    /// was written by a clock that ran ahead.
    fn last(self) -> Timestamp {
        self.asked.unwrap_or(self.since)
    }

    /// When something happened that is kept in whole seconds: with the last question, if that was in the same second, so that a pause
    /// that is counted from it is not cut short; not later than the last question.
    pub fn exactly(self, kept: Timestamp) -> Timestamp {
        let last = self.last();
        if last.as_second() == kept.as_second() { last } else { kept.min(last) }
    }
}

/// When GitHub is to be asked next; `None` means not until the Secret changes. What has passed is due at once.
///
/// `ends` is the token's expiry by the clock of this process.
pub fn due(
    subject: &Subject,
    knowledge: &Knowledge,
    past: Past,
    ends: Option<Timestamp>,
    timing: &Timing,
) -> Option<Timestamp> {
    let at = wanted(subject, knowledge, past, ends, timing)?;
    // One confirmation comes sooner, and not another one after it.
    let confirms = !past.hurried
        && knowledge.deferred.is_none()
        && (knowledge.refused.is_some_and(|refused| refused.count < 2) || knowledge.before.is_some());
    // Before the first question of this process, what is remembered tells of one at least.
    let asked = past.asked.or_else(|| last_reply(knowledge).map(|at| at.min(past.since)));
    let soonest = asked.filter(|_| !confirms).map(|asked| later(asked, timing.minimum_interval));
    Some(soonest.map_or(at, |soonest| at.max(soonest)))
}

/// The last instant at which GitHub has spoken about the token.
fn last_reply(knowledge: &Knowledge) -> Option<Timestamp> {
    let accepted = knowledge.grant.as_ref().map(|(_, at)| *at);
    accepted.into_iter().chain(knowledge.refused.map(|refused| refused.last)).max()
}

fn wanted(
    subject: &Subject,
    knowledge: &Knowledge,
    past: Past,
    ends: Option<Timestamp>,
    timing: &Timing,
) -> Option<Timestamp> {
    let accepted_before = knowledge.accepted_before();
    let refused =
        knowledge.refused.map(|refused| after_refusal(refused, accepted_before, past, ends, timing));
    if let Some(deferred) = knowledge.deferred {
        // What an incident held back when the process before ended is asked about first of all: it may be over.
        let is_first = past.asked.is_none() && past.suspected;
        let again = match deferred.deferral.reason {
            Reason::HostRefusesMany if is_first => past.since,
            _ => after_deferral(deferred, past, &Probe::Identity, timing),
        };
        // Of a token that has ended somebody wanted to know more: an answer is still to come.
        return Some(refused.flatten().map_or(again, |due| due.max(again)));
    }
    if let Some(due) = refused {
        return due;
    }
    let Some((_, accepted)) = &knowledge.grant else { return Some(past.since) };
    let accepted = *accepted;
    // What the last answer changed is confirmed like a refusal.
    if knowledge.before.is_some() {
        return Some(later(past.exactly(accepted), timing.confirm_after));
    }
    if past.suspected {
        return Some(past.last());
    }
    let regular = regular(subject, accepted, past, timing);
    let Some(ends) = ends.filter(|ends| accepted < later(*ends, AFTER_EXPIRY)) else { return Some(regular) };
    Some(if regular < ends { regular } else { later(ends, AFTER_EXPIRY) })
}

/// When GitHub is to be asked whether the token serves one purpose: sooner than `minimum_interval` after the last time only for one
/// confirmation, or on request. What has passed is due at once.
///
/// `unwanted` tells that the connection forbids what the question proves; `requested` is when somebody last asked for all questions
/// at once.
pub fn proof_due(
    subject: &Subject,
    probe: &Probe,
    proven: Option<&Proven>,
    unwanted: bool,
    past: Past,
    requested: Option<Timestamp>,
    timing: &Timing,
) -> Timestamp {
    let Some(proven) = proven else { return past.since };
    let past = Past { asked: proven.asked, ..past };
    let speaks_against = |proof: &Proof| if unwanted { proof.convicts() } else { !proof.is_held() };
    // One answer is confirmed after a pause, whoever is in a hurry.
    let once =
        proven.last.as_ref().filter(|(proof, _)| proven.heard == 1 && unwanted && speaks_against(proof));
    let doubted = proven.doubted.map(|(_, at)| at).or(once.map(|(_, at)| *at));
    let confirmed = doubted.map(|at| later(past.exactly(at), timing.confirm_after));
    if let Some(requested) = requested.filter(|requested| past.last() < *requested) {
        return confirmed.map_or(requested, |at| at.max(requested));
    }
    // Before the first question of this process, what is remembered tells of one at least.
    let asked = past.asked.or_else(|| proven.last.as_ref().map(|(_, at)| (*at).min(past.since)));
    let soonest = asked.map_or(Timestamp::MIN, |asked| later(asked, timing.minimum_interval));
    if let Some(deferred) = proven.deferred {
        let again = after_deferral(deferred, past, probe, timing);
        let again = if proven.turned_away { again } else { again.max(soonest) };
        return confirmed.map_or(again, |at| at.max(again));
    }
    if let Some(confirmed) = confirmed {
        return confirmed;
    }
    let Some((proof, at)) = &proven.last else { return past.since };
    // What speaks against the token is mostly mended soon after it is told.
    let often = timing.interval.min(timing.proof_interval);
    let interval = if speaks_against(proof) { often } else { timing.proof_interval };
    let share = share(subject, Some(probe), interval.as_secs());
    if past.asked.is_none() && later(*at, interval.saturating_add(timing.heartbeat)) < past.since {
        return past.since;
    }
    instant_after(share, past.last(), interval).max(soonest)
}

/// When to requeue: at once if a question is due, else at the earliest of the given instants that lies ahead; between one
/// second and a day from now.
pub fn requeue_after(
    now: Timestamp,
    due: Option<Timestamp>,
    instants: impl IntoIterator<Item = Timestamp>,
) -> SignedDuration {
    let ahead = instants.into_iter().filter(|at| *at > now).chain(due).map(|at| at.duration_since(now)).min();
    ahead.unwrap_or(LONGEST_REQUEUE).clamp(SignedDuration::from_secs(1), LONGEST_REQUEUE)
}

/// The next of the token's own instants, which are `phase + k × interval`; at once if the operator was away for longer.
fn regular(subject: &Subject, accepted: Timestamp, past: Past, timing: &Timing) -> Timestamp {
    if let Some(asked) = past.asked {
        return match timing.follows {
            true => later(asked, timing.interval),
            false => next_instant(subject, asked, timing.interval),
        };
    }
    if later(accepted, timing.interval.saturating_add(timing.heartbeat)) < past.since {
        return past.since;
    }
    next_instant(subject, past.since, timing.interval)
}

fn next_instant(subject: &Subject, after: Timestamp, interval: SignedDuration) -> Timestamp {
    instant_after(share(subject, None, interval.as_secs()), after, interval)
}

/// The first instant behind `after` of those at `phase` in each interval.
fn instant_after(phase: i64, after: Timestamp, interval: SignedDuration) -> Timestamp {
    let interval = interval.as_secs().max(1);
    let passed = after.as_second().saturating_sub(phase).rem_euclid(interval);
    let wait = interval.saturating_sub(passed);
    let whole = Timestamp::from_second(after.as_second()).unwrap_or(after);
    later(whole, SignedDuration::from_secs(wait))
}

/// The first of the instants of a growing pause that lies behind the last question, by the first pause at least, and not
/// before GitHub wants it; sooner if the trouble of the host is over.
pub fn after_deferral(deferred: Deferred, past: Past, probe: &Probe, timing: &Timing) -> Timestamp {
    let last = past.last();
    let (first, longest) = pauses(deferred.deferral.reason, probe, past.unanswered, timing);
    let until = deferred.deferral.until.map(|until| later(until, SignedDuration::from_secs(1)));
    if let Some(until) = until.filter(|until| *until > last) {
        return until;
    }
    let next = |behind| growing(deferred.since.min(last), behind, first, longest);
    // A question that was brought forward takes the place of the one that would have come next.
    let (taken, ahead) = match past.brought_forward.filter(|_| deferred.deferral.is_unexplained()) {
        Some(at) if at < last => (next(at).max(last), None),
        ahead => (last, ahead),
    };
    // What defers GitHub may have changed since the first deferral, and asks for a longer pause now.
    let soonest = later(last, first);
    let again = next(taken).max(soonest);
    let released = past.released.filter(|released| *released >= last && *released >= deferred.since);
    // The process before may have asked just before this one began.
    let ahead = ahead.map(|ahead| ahead.max(soonest));
    released.into_iter().chain(ahead).min().map_or(again, |released| released.min(again))
}

/// The first instant behind `last` of those that lie `first`, then twice as far, at most `longest` apart.
fn growing(since: Timestamp, last: Timestamp, first: SignedDuration, longest: SignedDuration) -> Timestamp {
    let mut pause = first;
    let mut at = later(since, pause);
    while at <= last && at < Timestamp::MAX {
        pause = pause.saturating_mul(2).min(longest);
        at = later(at, pause);
        if pause == longest && at <= last {
            let steps = last.duration_since(at).as_secs().checked_div(longest.as_secs()).unwrap_or(0);
            at = later(at, SignedDuration::from_secs(longest.as_secs().saturating_mul(steps)));
        }
    }
    at
}

/// The first and the longest pause. A limit without a named end asks for a minute at least, growing:
/// <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api>
fn pauses(
    reason: Reason,
    probe: &Probe,
    unanswered: u32,
    timing: &Timing,
) -> (SignedDuration, SignedDuration) {
    let shortest = timing.minimum_interval.max(SHORTEST_PAUSE);
    let longest = timing.interval.max(shortest);
    match reason {
        Reason::LoginLocked => {
            let hour = SignedDuration::from_hours(1);
            (shortest.max(hour), longest.max(hour))
        }
        Reason::RateLimited
        | Reason::SecondaryRateLimited
        | Reason::AccessRestricted
        | Reason::AccountRestricted => {
            (shortest.max(SignedDuration::from_secs(60)), longest.max(SignedDuration::from_secs(900)))
        }
        // Nobody else may be asking a host with few tokens, and what is mended is to be noticed soon.
        reason if is_of_host(reason, probe) => (shortest, longest.min(shortest.max(LONGEST_OF_A_HOST))),
        // It may be the host. All who wait take turns.
        reason if unanswered > 0 && *probe == Probe::Identity && Deferral::new(reason).is_foreign() => {
            let turns = i32::try_from(unanswered).unwrap_or(i32::MAX);
            (shortest, longest.min(shortest.max(LONGEST_OF_A_HOST.saturating_mul(turns))))
        }
        _ => (shortest, longest),
    }
}

/// True if this reply to that question speaks of the whole host.
fn is_of_host(reason: Reason, probe: &Probe) -> bool {
    let deferral = Deferral::new(reason);
    match probe {
        Probe::Identity => deferral.is_of_identity(),
        _ => probe.is_of_api() && deferral.is_of_host(),
    }
}

fn after_refusal(
    refused: Refused,
    accepted_before: bool,
    past: Past,
    ends: Option<Timestamp>,
    timing: &Timing,
) -> Option<Timestamp> {
    let last = past.exactly(refused.last);
    // The expiry explains the refusal, and an expired token does not come back.
    if ends.is_some_and(|ends| ends <= last) {
        return None;
    }
    let over = refused.count.saturating_sub(refused.needed);
    let pause = match usize::try_from(over) {
        Err(_) => timing.confirm_after,
        // The checksum speaks against the token too.
        Ok(_) if refused.needed < 2 => REFUSED.1,
        Ok(over) if accepted_before => early(over),
        Ok(over) => doubled(over),
    };
    Some(later(last, pause))
}

/// After so many refusals beyond the belief, of a token that was accepted before.
fn early(over: usize) -> SignedDuration {
    ACCEPTED_BEFORE.get(over).copied().unwrap_or_else(|| doubled(over.saturating_sub(ACCEPTED_BEFORE.len())))
}

/// An hour, doubled so many times, a day at most.
fn doubled(times: usize) -> SignedDuration {
    REFUSED.0.saturating_mul(1_i32 << times.min(10)).min(REFUSED.1)
}

/// A number below `of` that belongs to the token and host, and to the question if it is not about identity, evenly spread over all.
fn share(subject: &Subject, probe: Option<&Probe>, of: i64) -> i64 {
    let mut hash = crc32fast::Hasher::new();
    hash.update(subject.host.as_bytes());
    hash.update(&[0]);
    hash.update(subject.token.as_bytes());
    if let Some(probe) = probe {
        hash.update(format!("{probe:?}").as_bytes());
    }
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
