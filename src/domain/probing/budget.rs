//! How much may be asked of a host: points a minute, a share of each account's hour, failed logins.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};

use super::{
    super::token::HashedToken,
    Limits, Question, Urgency,
    schedule::{earlier, later},
};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// A refusal that was not confirmed within this will not be: nobody asks any more.
const CONFIRMED_WITHIN: SignedDuration = SignedDuration::from_mins(10);
/// What GitHub allows an account in an hour, if its answers do not say otherwise:
/// <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>
const ACCOUNT_LIMIT: u32 = 5000;

/// An allowance of so many in any window of this length, of which a part may go at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    burst: u32,
    every: SignedDuration,
}

impl Rate {
    /// `burst` at once, then evenly, so that no window has more than `limit`.
    pub fn new(limit: u32, window: SignedDuration, burst: u32) -> Self {
        let burst = burst.clamp(1, limit.max(1));
        let evenly = i128::from(limit.saturating_sub(burst).max(1));
        // Rounded up: a little too slow is within the limit.
        let nanos = window.as_nanos().checked_div(evenly).unwrap_or(0).saturating_add(1);
        let every = SignedDuration::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX));
        Rate { burst, every }
    }

    /// The points of a minute; a tenth may go at once.
    pub fn points(limits: &Limits) -> Self {
        Rate::new(limits.points_per_minute, MINUTE, limits.points_per_minute / 10)
    }

    /// The share of an account's hour; half of it may go at once.
    fn share(limits: &Limits, limit: u32) -> Self {
        let share = limit.saturating_mul(limits.account_share) / 100;
        Rate::new(share, HOUR, share / 2)
    }
}

/// What was spent of a [`Rate`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// When all of it will have come back.
    full_at: Option<Timestamp>,
}

impl Spent {
    /// When one more may go; an instant that has passed means now.
    pub fn next(&self, rate: Rate) -> Timestamp {
        let ahead =
            rate.every.saturating_mul(i32::try_from(rate.burst.saturating_sub(1)).unwrap_or(i32::MAX));
        self.full_at.map_or(Timestamp::MIN, |full| earlier(full, ahead))
    }

    /// Spends one.
    pub fn spend(&mut self, rate: Rate, now: Timestamp) {
        let full = self.full_at.map_or(now, |full| full.max(now));
        // A clock that was set back must not keep the host from being asked for longer than the rate does.
        let most = rate.every.saturating_mul(i32::try_from(rate.burst).unwrap_or(i32::MAX));
        self.full_at = Some(later(full, rate.every).min(later(now, most)));
    }

    /// True if nothing is missing any more.
    pub fn is_full(&self, now: Timestamp) -> bool {
        self.full_at.is_none_or(|full| full <= now)
    }
}

/// What is known of the accounts' hourly limits. Accounts that nothing holds back are not kept.
#[derive(Debug, Default)]
pub struct Accounts {
    of: HashMap<i64, Account>,
    /// Beyond this many, those that nothing holds back are dropped.
    sweep_at: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    spent: Spent,
    /// `x-ratelimit-limit`, if it was told.
    limit: Option<u32>,
    /// The account's limit is spent until then.
    blocked: Option<Timestamp>,
}

impl Accounts {
    /// Until when the account's limit is spent, by whomever.
    pub fn blocked(&self, account: i64, now: Timestamp) -> Option<Timestamp> {
        self.of.get(&account)?.blocked.filter(|until| *until > now)
    }

    /// Until when our own share of the account's limit is spent.
    pub fn spent(&self, account: i64, limits: &Limits, now: Timestamp) -> Option<Timestamp> {
        let account = self.of.get(&account)?;
        Some(account.spent.next(account.rate(limits))).filter(|next| *next > now)
    }

    /// Counts a question.
    pub fn spend(&mut self, account: i64, limits: &Limits, now: Timestamp) {
        self.sweep(now);
        let account = self.of.entry(account).or_default();
        account.spent.spend(account.rate(limits), now);
    }

    /// Takes in what an answer says of the account's limit.
    pub fn told(&mut self, account: i64, limit: u32) {
        if let Some(account) = self.of.get_mut(&account) {
            account.limit = Some(limit);
        }
    }

    /// Asks nothing of the account until then.
    pub fn block(&mut self, account: i64, until: Timestamp) {
        let account = self.of.entry(account).or_default();
        account.blocked = account.blocked.max(Some(until));
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// True if none is kept.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    fn sweep(&mut self, now: Timestamp) {
        if self.of.len() < self.sweep_at.max(64) {
            return;
        }
        self.of.retain(|_, account| {
            !account.spent.is_full(now) || account.blocked.is_some_and(|until| until > now)
        });
        self.sweep_at = self.of.len().saturating_mul(2);
        self.of.shrink_to(self.sweep_at);
    }
}

impl Account {
    fn rate(&self, limits: &Limits) -> Rate {
        Rate::share(limits, self.limit.unwrap_or(ACCOUNT_LIMIT))
    }
}

/// The failed logins of an hour, of the address and of each namespace.
///
/// Too many make GitHub reject every login of an account or address for a while:
/// <https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api#failed-login-limit>
#[derive(Debug, Default)]
pub struct FailedLogins {
    /// The last ones, as many as the address may have in an hour: while those are recent, nothing else matters.
    failed: VecDeque<FailedLogin>,
    /// Questions on their way that may fail, by namespace.
    risked: HashMap<Arc<str>, Risked>,
    /// The tokens that were refused once, of those that need a second refusal.
    unconfirmed: HashMap<HashedToken, FailedLogin>,
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
}

#[derive(Clone, Copy, Debug, Default)]
struct Risked {
    all: u32,
    dubious: u32,
}

impl Risked {
    fn by(question: &Question) -> Self {
        Risked { all: needs(question), dubious: u32::from(question.urgency == Urgency::Dubious) }
    }

    const fn plus(self, other: Risked) -> Risked {
        Risked {
            all: self.all.saturating_add(other.all),
            dubious: self.dubious.saturating_add(other.dubious),
        }
    }

    const fn minus(self, other: Risked) -> Risked {
        Risked {
            all: self.all.saturating_sub(other.all),
            dubious: self.dubious.saturating_sub(other.dubious),
        }
    }
}

/// How many failed logins it takes at most until a question about a token that was never accepted is answered for good.
const fn needs(question: &Question) -> u32 {
    match question.urgency {
        Urgency::Confirm | Urgency::Dubious => 1,
        Urgency::Rotated | Urgency::New | Urgency::Retry | Urgency::Routine => {
            if question.condemned {
                1
            } else {
                2
            }
        }
    }
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
    /// A refusal counts only once it is confirmed, so a first question needs room for two failed logins, and who was refused once
    /// keeps the room for the second one: some get an answer rather than all half of one.
    ///
    /// A third of the address's budget is left to namespaces that have failed no login within the hour, so that a few tenants
    /// with many bad tokens do not spend what others need for their first. Tokens with a wrong checksum get half at most, of
    /// the namespace and of the address.
    pub fn left(&self, question: &Question, limits: &Limits, now: Timestamp) -> Left {
        let dubious = question.urgency == Urgency::Dubious;
        let (address, namespace) = (limits.failed_logins_per_hour, limits.failed_logins_per_namespace);
        let ours = |failed: &FailedLogin| failed.namespace == question.namespace;
        let (risked, risked_by_all) = self.risked(question, now);
        let is_first = risked.all == 0 && self.window(1, 1, 0, now, ours) == Left::Some;
        let is_promised = is_first || self.unconfirmed.contains_key(&question.hashed);
        let shared = if is_promised { address } else { address.saturating_sub(address / 3).max(1) };
        let needs = needs(question);
        let mut left = vec![
            self.window(shared, needs, risked_by_all.all, now, |_| true),
            self.window(namespace, needs, risked.all, now, ours),
        ];
        if dubious {
            let halves = (address / 2, namespace / 2);
            left.push(self.window(halves.0, 1, risked_by_all.dubious, now, |failed| failed.dubious));
            left.push(self.window(halves.1, 1, risked.dubious, now, |failed| failed.dubious && ours(failed)));
        }
        let spent =
            left.iter().filter_map(|left| if let Left::Nothing(until) = left { Some(*until) } else { None });
        spent.max().map_or_else(
            || if left.contains(&Left::Risked) { Left::Risked } else { Left::Some },
            Left::Nothing,
        )
    }

    /// What others in the namespace of the question, and what all others, risk by questions on their way or still to be confirmed.
    fn risked(&self, question: &Question, now: Timestamp) -> (Risked, Risked) {
        let mut ours = self.risked.get(&question.namespace).copied().unwrap_or_default();
        let mut all = self.risked.values().fold(Risked::default(), |sum, risked| sum.plus(*risked));
        let begin = earlier(now, CONFIRMED_WITHIN);
        let others = self.unconfirmed.iter().filter(|(token, _)| **token != question.hashed);
        for login in others.map(|(_, login)| login).filter(|login| login.at > begin) {
            let one = Risked { all: 1, dubious: 0 };
            all = all.plus(one);
            if login.namespace == question.namespace {
                ours = ours.plus(one);
            }
        }
        (ours, all)
    }

    /// What is left of one limit for a question that needs so much of it, by the failed logins that count against it.
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
        let recent = || self.failed.iter().filter(|failed| failed.at > begin && counts(failed));
        let count = u32::try_from(recent().count()).unwrap_or(u32::MAX);
        if count > room {
            let over = usize::try_from(count.saturating_sub(room).saturating_sub(1)).unwrap_or(usize::MAX);
            return Left::Nothing(later(recent().nth(over).map_or(now, |failed| failed.at), HOUR));
        }
        if count.saturating_add(risked) > room { Left::Risked } else { Left::Some }
    }

    /// Keeps that a question that may fail is on its way.
    pub fn risk(&mut self, question: &Question) {
        let risked = self.risked.entry(question.namespace.clone()).or_default();
        *risked = risked.plus(Risked::by(question));
    }

    /// Keeps that such a question is over, however it ended.
    pub fn risk_over(&mut self, question: &Question) {
        let Some(risked) = self.risked.get_mut(&question.namespace) else { return };
        *risked = risked.minus(Risked::by(question));
        if risked.all == 0 {
            self.risked.remove(&question.namespace);
        }
    }

    /// Nothing of this token is to be confirmed any more.
    pub fn settle(&mut self, token: &HashedToken) {
        self.unconfirmed.remove(token);
    }

    /// Counts a failed login.
    pub fn failed(&mut self, question: &Question, limits: &Limits, now: Timestamp) {
        let dubious = question.urgency == Urgency::Dubious;
        let (token, namespace) = (question.hashed, question.namespace.clone());
        let login = FailedLogin { at: now, token, namespace, dubious };
        if needs(question) > 1 && !question.accepted_before {
            let begin = earlier(now, CONFIRMED_WITHIN);
            self.unconfirmed.retain(|_, login| login.at > begin);
            self.unconfirmed.insert(token, login.clone());
        } else {
            self.settle(&token);
        }
        self.failed.push_back(login);
        self.shorten(limits);
    }

    /// Counts a failed login that the process before had, as a status tells, so that a restart does not renew the budget. Several
    /// connections may tell of the same one.
    pub fn remember(&mut self, login: FailedLogin, limits: &Limits) {
        if self.failed.iter().any(|known| (known.token, known.at) == (login.token, login.at)) {
            return;
        }
        let place = self.failed.partition_point(|known| known.at <= login.at);
        self.failed.insert(place, login);
        self.shorten(limits);
    }

    fn shorten(&mut self, limits: &Limits) {
        let most = usize::try_from(limits.failed_logins_per_hour).unwrap_or(usize::MAX).max(1);
        while self.failed.len() > most {
            self.failed.pop_front();
        }
    }

    /// The clock was set back: no failed login lies ahead.
    pub fn set_back(&mut self, now: Timestamp) {
        let known = self.failed.iter_mut().chain(self.unconfirmed.values_mut());
        known.for_each(|failed| failed.at = failed.at.min(now));
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

#[cfg(test)]
mod tests;
