//! How many logins may fail on a host: in an hour, for the address and for each namespace.
//!
//! Too many make GitHub reject every login of an account or address for a while:
//! <https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api#failed-login-limit>

mod unproven;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};

use super::{
    super::token::HashedToken,
    Key, Limits, Question, Urgency,
    schedule::{earlier, later},
};
use unproven::Unproven;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// The shortest time for which a token that was refused once keeps room for its confirmation.
const SHORTEST_PROMISE: SignedDuration = SignedDuration::from_mins(10);
/// The pause after the first confirmation of others is due, for what has to wait for them.
const AFTER_CONFIRMATION: SignedDuration = SignedDuration::from_secs(10);
/// The time that it takes to see whether a token is one of a flood.
const FLOOD_SEEN: SignedDuration = SignedDuration::from_secs(20);

/// The failed logins of an hour.
#[derive(Debug, Default)]
pub struct FailedLogins {
    /// The last ones, as many as the address may have in an hour, of tokens that were good once and of the others: while those are
    /// recent, nothing else matters.
    failed: VecDeque<FailedLogin>,
    /// The questions on their way that may fail.
    risked: HashMap<Key, Risk>,
    /// The tokens that were refused once, of those that need a second refusal.
    unconfirmed: HashMap<HashedToken, FailedLogin>,
    /// The tokens that were never accepted, a few of each namespace.
    unproven: Unproven,
}

/// A 401 about a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedLogin {
    /// When it came.
    pub at: Timestamp,
    /// The token.
    pub token: HashedToken,
    /// For whom it was asked about.
    pub namespace: Arc<str>,
    /// True if its checksum was wrong.
    pub dubious: bool,
    /// True if the token was good once.
    pub accepted_before: bool,
}

/// What may fail.
#[derive(Debug)]
struct Risk {
    namespace: Arc<str>,
    dubious: bool,
    /// How many failed logins it takes at most until the token is judged.
    needs: u32,
}

/// What is left for a question that may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// It may go.
    Some,
    /// The rest is risked by questions on their way.
    Risked,
    /// Nothing before this instant.
    Nothing(Timestamp),
}

impl FailedLogins {
    /// What is left for a question about a token that was never accepted.
    ///
    /// A refusal counts only once it is confirmed, so a first question needs room for two failed logins, and a token that was
    /// refused once keeps the room for the second one: some get an answer rather than all half of one. With a budget of one,
    /// each gets its halves in two hours.
    ///
    /// A third of the address's budget is left to namespaces of which no new token was refused within the hour, so that a few tenants
    /// with many bad tokens do not spend what others need for their first. Half of that third is left to those of them that have a
    /// few such tokens only, however many tenants have a flood; whether they have one is seen after a while. Tokens with a wrong
    /// checksum get half at most, of the namespace and of the address. So do tokens that were good once, which are asked about
    /// whatever is left: who replaces those that were revoked is not kept waiting by them.
    pub fn left(&self, question: &Question, limits: &Limits, now: Timestamp) -> Left {
        let flying: Vec<&Risk> = self.risked.values().collect();
        let is_flying = |token: &HashedToken| self.risked.keys().any(|(flying, _)| flying == token);
        let others = self.unconfirmed(limits, now).filter(|login| login.token != question.hashed);
        let promised: Vec<Risk> = others
            .filter(|login| !is_flying(&login.token))
            .map(|login| Risk { namespace: login.namespace.clone(), dubious: false, needs: 1 })
            .collect();
        let all: Vec<&Risk> = flying.iter().copied().chain(&promised).collect();
        match self.left_beside(&all, question, limits, now) {
            Left::Risked if self.left_beside(&flying, question, limits, now) == Left::Some => {
                let first = self.unconfirmed(limits, now).map(|login| login.at).min().unwrap_or(now);
                let due = later(first, limits.confirm_after).max(now);
                Left::Nothing(later(due, AFTER_CONFIRMATION))
            }
            left => left,
        }
    }

    /// The same, while the rest of the limits is risked by these.
    fn left_beside(&self, risks: &[&Risk], question: &Question, limits: &Limits, now: Timestamp) -> Left {
        let (address, namespace) = (limits.failed_logins_per_hour, limits.failed_logins_per_namespace);
        let ours = |failed: &FailedLogin| failed.namespace == question.namespace;
        let sum = |counts: &dyn Fn(&Risk) -> bool| {
            let counted = risks.iter().filter(|risk| counts(risk));
            counted.fold(0_u32, |sum, risk| sum.saturating_add(risk.needs))
        };
        let is_ours = |risk: &Risk| risk.namespace == question.namespace;
        // Who replaces a token that was revoked has no bad ones.
        let is_bad = |failed: &FailedLogin| !failed.accepted_before && ours(failed);
        let is_first = sum(&is_ours) == 0 && self.window(1, 1, 0, now, is_bad) == Left::Some;
        let needs = self.needs(question, limits, now);
        let of_address = |part: u32| self.window(part, needs, sum(&|_| true), now, |_| true);
        let (without_a_third, without_a_sixth) =
            (address.saturating_sub(address / 3), address.saturating_sub(address / 6));
        let few = self.unproven.few_since(&question.namespace).map(|since| later(since, FLOOD_SEEN));
        let of_address = match few {
            _ if self.is_unconfirmed(question, limits, now) => of_address(address),
            _ if !is_first => of_address(without_a_third),
            None => of_address(without_a_sixth),
            Some(seen) if seen <= now => of_address(address),
            Some(seen) => match (of_address(without_a_sixth), of_address(address)) {
                (Left::Nothing(_), Left::Some | Left::Risked) => Left::Nothing(seen),
                (left, _) => left,
            },
        };
        let mut left = vec![of_address, self.window(namespace, needs, sum(&is_ours), now, ours)];
        if question.urgency == Urgency::Dubious {
            let (all, ours_only) = (sum(&|risk| risk.dubious), sum(&|risk| risk.dubious && is_ours(risk)));
            left.push(self.window(address / 2, 1, all, now, |failed| failed.dubious));
            left.push(self.window(namespace / 2, 1, ours_only, now, |failed| failed.dubious && ours(failed)));
        }
        let spent =
            left.iter().filter_map(|left| if let Left::Nothing(until) = left { Some(*until) } else { None });
        spent.max().map_or_else(
            || if left.contains(&Left::Risked) { Left::Risked } else { Left::Some },
            Left::Nothing,
        )
    }

    /// What is left of one limit, which is one at least, for a question that needs so much of it.
    fn window(
        &self,
        limit: u32,
        needs: u32,
        risked: u32,
        now: Timestamp,
        counts: impl Fn(&FailedLogin) -> bool,
    ) -> Left {
        let limit = limit.max(1);
        let room = limit.saturating_sub(needs.min(limit));
        let begin = earlier(now, HOUR);
        let mut recent: Vec<_> =
            self.failed.iter().filter(|failed| failed.at > begin && counts(failed)).collect();
        let half = usize::try_from((limit / 2).min(room)).unwrap_or(usize::MAX);
        let good_once = recent.iter().filter(|failed| failed.accepted_before).count();
        let mut beyond = good_once.saturating_sub(half);
        recent.retain(|failed| {
            let is_beyond = failed.accepted_before && beyond > 0;
            beyond = beyond.saturating_sub(usize::from(is_beyond));
            !is_beyond
        });
        let count = u32::try_from(recent.len()).unwrap_or(u32::MAX);
        if count > room {
            let over = usize::try_from(count.saturating_sub(room).saturating_sub(1)).unwrap_or(usize::MAX);
            return Left::Nothing(later(recent.get(over).map_or(now, |failed| failed.at), HOUR));
        }
        if count.saturating_add(risked) > room { Left::Risked } else { Left::Some }
    }

    /// How many failed logins it takes at most until a token that was never accepted is judged.
    fn needs(&self, question: &Question, limits: &Limits, now: Timestamp) -> u32 {
        let is_last = matches!(question.urgency, Urgency::Confirm | Urgency::Dubious)
            || question.condemned
            || self.is_unconfirmed(question, limits, now);
        if is_last { 1 } else { 2 }
    }

    /// The first refusals of which the second is still to come.
    fn unconfirmed(&self, limits: &Limits, now: Timestamp) -> impl Iterator<Item = &FailedLogin> {
        let begin = earlier(now, promise(limits));
        self.unconfirmed.values().filter(move |login| login.at > begin)
    }

    fn is_unconfirmed(&self, question: &Question, limits: &Limits, now: Timestamp) -> bool {
        self.unconfirmed(limits, now).any(|login| login.token == question.hashed)
    }

    /// Keeps that a question about a token is wanted that was never accepted.
    pub fn want(&mut self, question: &Question, now: Timestamp) {
        self.unproven.want(&question.namespace, question.hashed, now);
    }

    /// Keeps that a question that may fail is on its way.
    pub fn risk(&mut self, question: &Question, limits: &Limits, now: Timestamp) {
        let needs = self.needs(question, limits, now);
        let (namespace, dubious) = (question.namespace.clone(), question.urgency == Urgency::Dubious);
        self.risked.insert(question.key(), Risk { namespace, dubious, needs });
    }

    /// Keeps that such a question is over, however it ended.
    pub fn risk_over(&mut self, question: &Question) {
        self.risked.remove(&question.key());
    }

    /// The token was accepted, or nobody wants to know about it any more.
    pub fn settle(&mut self, token: &HashedToken) {
        self.unconfirmed.remove(token);
        self.unproven.settle(token);
    }

    /// Counts a failed login.
    pub fn failed(&mut self, question: &Question, limits: &Limits, now: Timestamp) {
        let (namespace, dubious) = (question.namespace.clone(), question.urgency == Urgency::Dubious);
        let accepted_before = question.accepted_before;
        let login = FailedLogin { at: now, token: question.hashed, namespace, dubious, accepted_before };
        let is_first = !question.accepted_before && self.needs(question, limits, now) > 1;
        self.keep(login, is_first, limits, now);
    }

    /// Counts a failed login that the process before had, as a status tells, so that a restart does not renew the budget. Several
    /// connections may tell of the same one, and of what a wrong clock wrote.
    pub fn remember(&mut self, login: FailedLogin, is_unconfirmed: bool, limits: &Limits, now: Timestamp) {
        let is_known = self.failed.iter().any(|known| (known.token, known.at) == (login.token, login.at));
        if !is_known && login.at <= now && login.at > earlier(now, HOUR) {
            self.keep(login, is_unconfirmed, limits, now);
        }
    }

    fn keep(&mut self, login: FailedLogin, is_unconfirmed: bool, limits: &Limits, now: Timestamp) {
        self.unconfirmed.remove(&login.token);
        if is_unconfirmed {
            let begin = earlier(now, promise(limits));
            self.unconfirmed.retain(|_, login| login.at > begin);
            self.unconfirmed.insert(login.token, login.clone());
        }
        let place = self.failed.partition_point(|known| known.at <= login.at);
        self.failed.insert(place, login);
        let most = usize::try_from(limits.failed_logins_per_hour).unwrap_or(usize::MAX).max(1);
        for good_once in [true, false] {
            let of_these = |failed: &FailedLogin| failed.accepted_before == good_once;
            let mut beyond =
                self.failed.iter().filter(|failed| of_these(failed)).count().saturating_sub(most);
            self.failed.retain(|failed| {
                let is_beyond = of_these(failed) && beyond > 0;
                beyond = beyond.saturating_sub(usize::from(is_beyond));
                !is_beyond
            });
        }
    }

    /// The clock was set back: no failed login lies ahead. Those before the first one of an incident still lie before that.
    pub fn set_back(&mut self, incident: Option<Timestamp>, now: Timestamp) {
        let before = earlier(now, SignedDuration::from_nanos(1));
        for failed in self.failed.iter_mut().chain(self.unconfirmed.values_mut()) {
            let is_before = incident.is_some_and(|first| failed.at < first);
            failed.at = failed.at.min(if is_before { before } else { now });
        }
        self.unproven.set_back(now);
    }

    /// Takes back what was counted since then: the host refused good tokens.
    pub fn forgive(&mut self, since: Timestamp) {
        self.failed.retain(|failed| failed.at < since);
        self.unconfirmed.retain(|_, failed| failed.at < since);
    }

    /// How many there were in the last hour, as far as they matter.
    pub fn count(&self, now: Timestamp) -> usize {
        self.failed.iter().filter(|failed| failed.at > earlier(now, HOUR)).count()
    }
}

/// How long a token that was refused once keeps room for its confirmation.
fn promise(limits: &Limits) -> SignedDuration {
    limits.confirm_after.saturating_mul(2).max(SHORTEST_PROMISE)
}

#[cfg(test)]
mod tests;
