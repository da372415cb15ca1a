//! What is known of one token on one host, and the rules by which it changes.

mod hidden;
mod proven;

use jiff::{SignedDuration, Timestamp};

use super::{
    Finding, Reason,
    answer::{Answer, Deferral, Grant, RateLimit, Refusal, Reply},
    unexplained::Unexplained,
};
pub use hidden::Hidden;
pub use proven::{Proofs, Proven};

/// What is remembered of one token on one host. A deferral never erases an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Knowledge {
    /// The last acceptance and its instant; a later refusal does not erase it.
    pub grant: Option<(Grant, Timestamp)>,
    /// What the acceptance before said, while the last one says something else for the first time: neither is believed alone.
    pub before: Option<Box<Grant>>,
    /// The refusals since.
    pub refused: Option<Refused>,
    /// The first acceptance of all.
    pub first_proven: Option<Timestamp>,
    /// The deferrals since the last answer.
    pub deferred: Option<Deferred>,
    /// What GitHub showed beside identity.
    pub proofs: Proofs,
    /// The organizations that single sign-on left out of answers.
    pub hidden: Hidden,
}

/// How many refusals in a row are believed.
pub const BELIEVED: i32 = 2;
/// The number of refusals, and the time over which they came, from which on outputs are deleted.
const WITHDRAWING: (i32, SignedDuration) = (3, SignedDuration::from_mins(10));

/// Refusals in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The last one.
    pub refusal: Refusal,
    /// How many, at least one.
    pub count: i32,
    /// How many make it believed: two; three of a token that an incident of the host held back; one of a token that was never
    /// accepted and whose checksum is wrong.
    pub needed: i32,
    /// The first of them.
    pub first: Timestamp,
    /// The last of them.
    pub last: Timestamp,
}

/// Deferrals in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// The first of them.
    pub since: Timestamp,
    /// What the last of them brought, or what the first did if the cause changes from each to the next.
    pub deferral: Deferral,
    /// Another cause that the last of them brought for the first time.
    pub other: Option<Reason>,
}

impl Deferred {
    /// A first deferral.
    pub const fn first(deferral: Deferral, since: Timestamp) -> Self {
        Deferred { since, deferral, other: None }
    }

    /// The same after one more. A limit is told at once; of causes that take turns only the first is, so that a status is not written
    /// for each.
    #[must_use]
    pub fn then(self, deferral: Deferral) -> Self {
        let before = self.deferral.reason;
        let is_outage = self.deferral.is_outage() && deferral.is_outage();
        let is_limit = matches!(
            deferral.reason,
            Reason::RateLimited
                | Reason::SecondaryRateLimited
                | Reason::LoginLocked
                | Reason::HostRefusesMany
        );
        let is_told = is_limit || self.other == Some(deferral.reason);
        let (reason, other) = match deferral.reason {
            reason if reason == before || is_outage => (before, None),
            reason if is_told => (reason, None),
            reason => (before, Some(reason)),
        };
        let answer = if reason == before { self.deferral.answer } else { None };
        let deferral =
            Deferral { reason, answer: deferral.answer.filter(|_| reason == deferral.reason), ..deferral };
        Deferred { deferral, other, ..self }.after(answer)
    }

    /// The same where this answer came before, if it was the same but for the request: the first one stays, so that a status is not
    /// written for each.
    fn after(mut self, first: Option<Unexplained>) -> Self {
        self.deferral.answer = match (first, self.deferral.answer) {
            (Some(first), Some(now)) if first.status != now.status => Some(now),
            (first, now) => first.or(now),
        };
        self
    }
}

impl Deferred {
    /// The clock was set back: it began no later than now, and lasts no longer than it did by the other clock, nor than any limit does.
    pub fn set_back(&mut self, now: Timestamp) {
        if self.since > now {
            let lasts = self.deferral.until.map(|until| until.duration_since(self.since));
            self.deferral.until = lasts.map(|lasts| now.checked_add(lasts).unwrap_or(Timestamp::MAX));
            self.since = now;
        }
        let latest = now.checked_add(RateLimit::LONGEST).unwrap_or(Timestamp::MAX);
        self.deferral.until = self.deferral.until.map(|until| until.min(latest));
    }
}

impl Refused {
    /// These refusals, and those before them.
    fn after(self, before: Option<Refused>) -> Refused {
        // What a host said before its incident does not count among the three that are needed afterwards.
        let Some(before) = before.filter(|before| before.needed >= self.needed) else { return self };
        Refused {
            count: self.count.saturating_add(before.count),
            needed: before.needed,
            first: before.first.min(self.first),
            ..self
        }
    }

    /// One refusal of which two are needed.
    pub const fn once(refusal: Refusal, at: Timestamp) -> Self {
        Refused { refusal, count: 1, needed: BELIEVED, first: at, last: at }
    }

    /// The clock was set back: the last one came no later than now, and the first one as long before it as by the other clock.
    fn set_back(&mut self, now: Timestamp) {
        let lasted = self.last.duration_since(self.first);
        self.last = self.last.min(now);
        self.first = self.first.min(self.last.checked_sub(lasted).unwrap_or(Timestamp::MIN));
    }

    /// True if the token is taken to be bad.
    pub const fn is_believed(&self) -> bool {
        self.count >= self.needed
    }

    /// True if outputs that hold the token may be deleted: three refusals, the last at least ten minutes after the first.
    pub fn withdraws(&self) -> bool {
        let lasted = self.last.duration_since(self.first);
        self.is_believed() && self.count >= WITHDRAWING.0 && lasted >= WITHDRAWING.1
    }
}

impl Knowledge {
    /// The clock was set back: nothing that was heard lies ahead.
    pub fn set_back(&mut self, now: Timestamp) {
        // Kept in whole seconds, as all of it.
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let accepted = self.grant.iter_mut().map(|(_, at)| at).chain(&mut self.first_proven);
        accepted.for_each(|at| *at = (*at).min(now));
        self.refused.iter_mut().for_each(|refused| refused.set_back(now));
        self.deferred.iter_mut().for_each(|deferred| deferred.set_back(now));
        self.proofs.values_mut().for_each(|proven| proven.set_back(now));
    }

    /// What a connection may hold true: what its own status remembers from before this process, under what this process heard.
    ///
    /// An answer that was heard outweighs the status. Deferrals leave the status's answers as they are. Refusals that were heard
    /// add to those that are remembered.
    pub fn overlaid(&self, heard: &Knowledge) -> Knowledge {
        let mut knowledge = if heard.grant.is_some() { heard.clone() } else { self.clone() };
        knowledge.proofs = proven::overlaid(&self.proofs, &heard.proofs);
        let is_heard = |probe| heard.proofs.get(probe).is_some_and(|proven| proven.asked.is_some());
        // Only the answers that this process has heard tell of which question it was.
        let is_all = heard.grant.is_some() && self.proofs.keys().all(is_heard);
        knowledge.hidden =
            if is_all { heard.hidden.clone() } else { heard.hidden.clone().after(&self.hidden) };
        if heard.heard_one_acceptance() {
            let before = self.grant.as_ref().map(|(grant, _)| grant);
            let other = before
                .filter(|before| heard.grant.as_ref().is_some_and(|(grant, _)| grant.is_news_after(before)));
            knowledge.before = other.map(|before| Box::new(before.clone()));
        }
        knowledge.first_proven = self.first_proven.into_iter().chain(heard.first_proven).min();
        if heard.grant.is_some() {
            return knowledge;
        }
        if let Some(refused) = heard.refused {
            knowledge.refused = Some(refused.after(self.refused));
        }
        knowledge.deferred = match (self.deferred, heard.deferred) {
            (_, None) if heard.refused.is_some() => None,
            (before, None) => before,
            (Some(before), Some(now)) if heard.refused.is_none() => {
                let first = before.deferral.answer.filter(|_| before.deferral.reason == now.deferral.reason);
                let now = Deferred { since: before.since.min(now.since), ..now };
                Some(now.after(first))
            }
            (_, now) => now,
        };
        knowledge
    }

    /// Takes in what came back at this instant, which is kept in whole seconds, as the status keeps it.
    pub fn learn(&mut self, reply: Reply, at: Timestamp) {
        self.learn_of(reply, BELIEVED, at);
    }

    /// The same about a token of which so many refusals are needed.
    pub fn learn_of(&mut self, reply: Reply, needed: i32, at: Timestamp) {
        let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
        match reply {
            Reply::Answer(Answer::Granted(grant)) => {
                self.before = match (&self.grant, self.before.take()) {
                    (Some((before, _)), None) if grant.is_news_after(before) => {
                        Some(Box::new(before.clone()))
                    }
                    // The second answer is believed, whatever it says.
                    _ => None,
                };
                self.grant = Some((grant, at));
                self.first_proven.get_or_insert(at);
                self.refused = None;
                self.deferred = None;
            }
            Reply::Answer(Answer::Refused(refusal)) => {
                let once = Refused { needed, ..Refused::once(refusal, at) };
                self.refused = Some(once.after(self.refused));
                self.deferred = None;
            }
            // Proofs are learnt one by one, each under its probe.
            Reply::Answer(Answer::Proof(_)) => {}
            Reply::Deferral(deferral) => {
                let before = self.deferred;
                let first = || Deferred::first(deferral, at);
                self.deferred = Some(before.map_or_else(first, |before| before.then(deferral)));
            }
        }
    }

    /// Takes the refusals back: the host may have been wrong. The token is in doubt since the first of them.
    pub fn take_back(&mut self, why: Deferral, at: Timestamp) {
        let first = self.refused.take().map_or(at, |refused| refused.first);
        let since = self.deferred.map_or(first, |deferred| deferred.since.min(first));
        self.deferred = Some(Deferred::first(why, since));
    }

    /// True if the last acceptance is the first: nothing that was known before is confirmed by it.
    pub fn heard_one_acceptance(&self) -> bool {
        self.grant.as_ref().is_some_and(|(_, at)| Some(*at) == self.first_proven)
    }

    /// The refusal, once it is believed.
    pub fn believed_refusal(&self) -> Option<Refused> {
        self.refused.filter(Refused::is_believed)
    }

    /// True if nothing of it was heard before this instant.
    pub fn is_since(&self, first: Timestamp) -> bool {
        let (accepted, refused) = (self.grant.as_ref().map(|(_, at)| *at), self.refused.map(|of| of.first));
        let deferred = self.deferred.map(|deferred| deferred.since);
        [accepted, refused, deferred].into_iter().flatten().all(|at| at >= first)
    }

    /// True if the token was accepted at any time.
    pub const fn accepted_before(&self) -> bool {
        self.grant.is_some() || self.first_proven.is_some()
    }

    /// True if it was accepted before and is not taken to be bad.
    pub fn is_good(&self) -> bool {
        self.accepted_before() && self.believed_refusal().is_none()
    }
}

impl From<Refused> for Finding {
    fn from(refused: Refused) -> Finding {
        let message = match refused.refusal {
            Refusal::BadCredentials => {
                "GitHub refused the token more than once (401 Bad credentials): it was revoked, has expired, was mistyped or \
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
mod tests;
