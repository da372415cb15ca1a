//! What a host is asked next, and what its replies mean for the questions that wait.
//!
//! It holds the queue and all rules of one host together: budgets, breaker, incident, clock.

mod state;

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use super::{
    super::{
        Reason,
        answer::{Answer, Deferral, Refusal, Reply},
        probe::Probe,
        token::HashedToken,
    },
    Key, Limits, Question, Urgency,
    breaker::{self, Breaker},
    budget::{Accounts, Rate, Spent},
    clock::Clock,
    incident::{Incident, Meaning},
    logins::{FailedLogin, FailedLogins, Left},
    queue::{NotNow, Permit, Queue, earliest},
    schedule::later,
    unanswered::Unanswered,
};
pub use state::HostState;

/// When to come again if the queue is full.
const WHEN_FULL: SignedDuration = SignedDuration::from_secs(30);
/// How long an account is left alone that has a limit without a named end:
/// <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api>
const WITHOUT_END: SignedDuration = SignedDuration::from_mins(1);

/// Everything that decides what one host is asked.
#[derive(Debug)]
pub struct Admission {
    limits: Limits,
    queue: Queue,
    asking: HashSet<Key>,
    points: Spent,
    accounts: Accounts,
    logins: FailedLogins,
    breaker: Breaker,
    incident: Incident,
    unanswered: Unanswered,
    clock: Clock,
    /// When questions that were held back by a breaker or an incident became free last.
    released: Option<Timestamp>,
}

/// What to do now.
#[derive(Debug)]
pub struct Turn {
    /// These wait no longer and were not asked.
    pub turned_away: Vec<(Question, NotNow)>,
    /// What to ask.
    pub step: Step,
}

/// What the worker does.
#[derive(Debug)]
pub enum Step<Q = Question> {
    /// Asks this.
    Ask(Q),
    /// Waits until this instant, if there is one, or until something happens.
    Wait(Option<Timestamp>),
}

/// What an answer said beside its reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// When it came, by our clock.
    pub answered: Timestamp,
    /// Its date.
    pub date: Option<Timestamp>,
    /// The hourly limit of the account.
    pub limit: Option<u32>,
    /// The account whose limit is spent, if the host named it in the place of an answer.
    pub limited_account: Option<i64>,
    /// When the account's limit is spent, until when it is.
    pub spent_until: Option<Timestamp>,
    /// How many requests the question took beside the first, which is counted when it goes.
    pub further: u32,
}

/// What a reply means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// The refusal is not believed: it is a deferral.
    pub held: bool,
    /// Refusals of these tokens within the last window are taken back.
    pub taken_back: Vec<HashedToken>,
    /// True if what was deferred may be asked again.
    pub ends_trouble: bool,
    /// The next questions about these tokens are brought forward.
    pub brought_forward: Vec<HashedToken>,
}

impl Admission {
    /// Of a host that was not asked yet.
    pub fn new(limits: Limits) -> Self {
        Admission {
            limits,
            queue: Queue::default(),
            asking: HashSet::new(),
            points: Spent::default(),
            accounts: Accounts::default(),
            logins: FailedLogins::default(),
            breaker: Breaker::default(),
            incident: Incident::default(),
            unanswered: Unanswered::default(),
            clock: Clock::default(),
            released: None,
        }
    }

    /// True if the question waits or is on its way.
    pub fn is_pending(&self, key: &Key) -> bool {
        self.asking.contains(key) || self.queue.contains(key)
    }

    /// How many questions wait or are on their way.
    pub fn pending(&self) -> usize {
        self.asking.len().saturating_add(self.queue.len())
    }

    /// Why no question of this namespace and urgency can wait, if so: too many others do.
    pub fn busy(&self, key: &Key, namespace: &str, urgency: Urgency, now: Timestamp) -> Option<NotNow> {
        let is_busy = !self.is_pending(key) && !self.queue.has_room(namespace, urgency);
        is_busy.then(|| NotNow::until(Reason::HostBusy, later(now, WHEN_FULL)))
    }

    /// Lets a question wait, or tells why it may not. Gives the one that waits no longer since this one takes its place.
    pub fn push(&mut self, question: Question, now: Timestamp) -> Result<Option<Question>, Box<NotNow>> {
        let key = question.key();
        if self.asking.contains(&key) || self.queue.holds(&key, question.urgency) {
            return Ok(None);
        }
        if let Some(busy) = self.busy(&key, &question.namespace, question.urgency, now) {
            return Err(busy.into());
        }
        if !question.accepted_before {
            self.logins.want(&question, now);
        }
        if let Permit::NotNow(why) = self.permit(&question, now) {
            return Err(why);
        }
        let pushed_out = self.make_room(&question);
        if question.probe.is_of_api() {
            self.breaker.send(key.clone());
            self.incident.send(key);
        }
        self.queue.push(question, now);
        Ok(pushed_out)
    }

    /// Takes the question out that gives way to this one, if the queue is full.
    fn make_room(&mut self, question: &Question) -> Option<Question> {
        if !self.queue.is_full() || self.queue.contains(&question.key()) {
            return None;
        }
        let last = self.queue.make_room(&question.namespace, question.urgency);
        last.iter().for_each(|last| self.recall(last));
        last
    }

    /// What waits no longer is no scout.
    fn recall(&mut self, question: &Question) {
        if question.probe.is_of_api() {
            let key = question.key();
            self.breaker.recall(&key);
            self.incident.recall(&key);
        }
    }

    /// Counts a failed login of the process before.
    pub fn remember(&mut self, login: FailedLogin, is_unconfirmed: bool, now: Timestamp) {
        self.logins.remember(login, is_unconfirmed, &self.limits, now);
    }

    /// This process begins to ask.
    pub fn take_over(&mut self, now: Timestamp) {
        self.incident.take_over(now);
    }

    /// The process before held this good token back, until then at the latest.
    pub fn remember_incident(&mut self, token: HashedToken, ends: Timestamp, now: Timestamp) {
        self.incident.remember(token, ends, &self.limits, now);
    }

    /// No connection uses that token any more.
    pub fn leave_incident(&mut self, token: &HashedToken) {
        self.incident.leave(token);
    }

    /// Keeps what the process before heard last about a token that this one has not asked about.
    pub fn remember_deferral(&mut self, token: HashedToken, deferral: Deferral) {
        if deferral.is_unexplained() {
            self.unanswered.remember(token, deferral.is_foreign());
        }
    }

    /// Nobody has the token asked about for the time being: what waits about it is not asked.
    pub fn rest(&mut self, token: &HashedToken) {
        self.unanswered.rest(token);
        for question in self.queue.remove_all(token) {
            self.recall(&question);
        }
    }

    /// What to do now. What is given to ask counts as on its way.
    pub fn next(&mut self, now: Timestamp) -> Turn {
        let wait = |at| Turn { turned_away: Vec::new(), step: Step::Wait(at) };
        let ends = self.incident.ends(&self.limits);
        if self.queue.is_empty() || self.asking.len() >= usize::from(self.limits.concurrency) {
            return wait(ends);
        }
        let rate = Rate::points(&self.limits);
        let refilled = self.points.next(rate);
        if refilled > now {
            return wait(earliest(Some(refilled), ends));
        }
        let mut queue = std::mem::take(&mut self.queue);
        let (taken, turned_away) = queue.take(|question| self.permit(question, now));
        self.queue = queue;
        turned_away.iter().for_each(|(question, _)| self.recall(question));
        let Some(question) = taken else { return Turn { turned_away, step: Step::Wait(ends) } };
        self.points.spend(rate, now);
        if let Some(account) = question.account {
            self.accounts.spend(account, &self.limits, now);
        }
        if !question.accepted_before {
            self.logins.risk(&question, &self.limits, now);
        }
        if question.probe.is_of_api() {
            self.breaker.send(question.key());
            self.incident.send(question.key());
        }
        self.asking.insert(question.key());
        Turn { turned_away, step: Step::Ask(question) }
    }

    /// Takes in what came of a question. `counts` tells that the token was accepted before, and that a refusal of it is news.
    pub fn answered(
        &mut self,
        question: &Question,
        reply: &Reply,
        metadata: Metadata,
        counts: bool,
    ) -> Effect {
        let (now, key) = (metadata.answered, question.key());
        self.asking.remove(&key);
        if !question.accepted_before {
            self.logins.risk_over(question);
        }
        for _ in 0..metadata.further {
            self.points.owe(Rate::points(&self.limits), now);
            if let Some(account) = question.account {
                self.accounts.owe(account, &self.limits, now);
            }
        }
        if let Some(account) = question.account.or_else(|| account(reply)) {
            self.hear_of_account(account, metadata);
        }
        self.hear_date(metadata);
        let mut effect = Effect::default();
        if !question.probe.is_of_api() {
            // Git and the registry have troubles of their own.
            return effect;
        }
        match reply {
            Reply::Deferral(deferral) => {
                self.deferred(question, metadata.limited_account, *deferral, now);
            }
            Reply::Answer(answer) => {
                effect.ends_trouble = self.breaker.answered();
                let of = (question.probe == Probe::Identity).then_some(&question.hashed);
                let is_asking = |token: &HashedToken| self.asking.contains(&(*token, Probe::Identity));
                effect.brought_forward = self.unanswered.answered(of, is_asking, now);
                match answer {
                    // Only identity tells whether a token is good.
                    Answer::Proof(_) => self.incident.deferred(&key, None, now),
                    Answer::Refused(Refusal::BadCredentials) if question.probe != Probe::Identity => {
                        self.logins.failed(question, &self.limits, now);
                        self.incident.deferred(&key, None, now);
                    }
                    Answer::Granted(_) => self.accepted(&key, &mut effect, now),
                    Answer::Refused(Refusal::BadCredentials) => {
                        self.refused(question, counts, &mut effect, now)
                    }
                    Answer::Refused(Refusal::AccountSuspended) => {
                        self.incident.deferred(&key, None, now);
                        self.logins.settle(&question.hashed);
                    }
                }
            }
        }
        if effect.ends_trouble {
            self.released = Some(now);
        }
        effect
    }

    /// The clock was set back: nothing waits for an instant that only the wrong clock would have reached. What was spent of points
    /// and of accounts' limits is not known by the clock of now, so it is counted anew.
    pub fn set_back(&mut self, now: Timestamp) {
        self.points = Spent::default();
        self.accounts = Accounts::default();
        self.queue.set_back(now);
        self.logins.set_back(self.incident.first_suspected(), now);
        self.breaker.set_back(now);
        self.incident.set_back(now);
        self.unanswered.set_back(now);
        self.released = self.released.map(|at| at.min(now));
    }

    /// Ends an incident that has lasted as long as it may. Gives the tokens that it held back.
    pub fn lapse(&mut self, now: Timestamp) -> Option<HashSet<HashedToken>> {
        let held = self.incident.lapse(&self.limits, now)?;
        self.released = Some(now);
        Some(held)
    }

    /// What is said of a token while there is an incident; its end, if the refusals of this one are held back.
    pub fn held_back(&self, token: &HashedToken) -> Deferral {
        self.within_incident(token, Deferral::new(Reason::HostRefusesMany))
    }

    /// The same deferral, with the end of the incident if one holds the refusals of this token back.
    pub fn within_incident(&self, token: &HashedToken, deferral: Deferral) -> Deferral {
        let incident_ends = self.incident.ends(&self.limits).filter(|_| self.incident.holds(token));
        Deferral { incident_ends, ..deferral }
    }

    /// Nobody wants to know about the token any more.
    pub fn forget(&mut self, token: &HashedToken) {
        if !self.queue.remove_all(token).is_empty() {
            self.breaker.forget(token);
        }
        self.incident.forget(token);
        self.unanswered.forget(token);
        self.logins.settle(token);
    }

    /// The settings have changed. What was spent stays spent.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The way to the host is another one, so a breaker that is open says nothing of it: it closes. True if one was open.
    pub fn begin_anew(&mut self, now: Timestamp) -> bool {
        let was_open = self.breaker.answered();
        if was_open {
            self.released = Some(now);
        }
        was_open
    }

    /// The settings that govern how much the host is asked.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The breaker of the host.
    pub const fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    /// The incident of the host.
    pub const fn incident(&self) -> &Incident {
        &self.incident
    }

    /// The clock of the host.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// When a breaker closed or an incident ended last.
    pub const fn released(&self) -> Option<Timestamp> {
        self.released
    }

    /// How many tokens wait for an answer that says something, if the host has given none since.
    pub fn unanswered(&self) -> u32 {
        self.unanswered.count()
    }

    /// When the next question about the token was brought forward last.
    pub fn brought_forward(&self, token: &HashedToken) -> Option<Timestamp> {
        self.unanswered.brought_forward(token)
    }

    /// Whether a question may go.
    fn permit(&mut self, question: &Question, now: Timestamp) -> Permit {
        if !question.probe.is_of_api() {
            // Git and the registry hold no more than a part of the places, lest one that stalls keep the API from being asked.
            let others = self.asking.iter().filter(|(_, probe)| !probe.is_of_api()).count();
            let places = usize::from(self.limits.concurrency).div_euclid(4).max(1);
            return if others < places { Permit::Go } else { Permit::Wait };
        }
        let token = &question.hashed;
        if let Some(until) = question.account.and_then(|account| self.accounts.blocked(account, now)) {
            return Permit::NotNow(NotNow::until(Reason::RateLimited, until).into());
        }
        let is_in_trouble = self.breaker.open().is_some() || self.incident.since().is_some();
        let key = is_in_trouble.then(|| question.key());
        if key.as_ref().is_some_and(|key| !self.breaker.lets(key, now))
            && let Some((deferral, until)) = self.breaker.turn_away(token, now)
        {
            return Permit::NotNow(NotNow::of_host(deferral, until).into());
        }
        if key.as_ref().is_some_and(|key| !self.incident.lets(key, now))
            && let Some(until) = self.incident.turn_away(token, now)
        {
            return Permit::NotNow(NotNow::of_host(self.held_back(token), until).into());
        }
        let spent = |account| self.accounts.spent(account, &self.limits, question.urgency, now);
        if let Some(until) = question.account.and_then(spent) {
            return Permit::NotNow(NotNow::until(Reason::HostBusy, until).into());
        }
        if question.accepted_before {
            return Permit::Go;
        }
        match self.logins.left(question, &self.limits, now) {
            Left::Some => Permit::Go,
            Left::Risked => Permit::Wait,
            Left::Nothing(until) => Permit::NotNow(NotNow::until(Reason::FailedLoginsSpent, until).into()),
        }
    }

    fn hear_of_account(&mut self, account: i64, metadata: Metadata) {
        if let Some(limit) = metadata.limit {
            self.accounts.told(account, limit);
        }
        if let Some(until) = metadata.spent_until.filter(|until| *until > metadata.answered) {
            self.accounts.block(account, until);
        }
    }

    fn hear_date(&mut self, metadata: Metadata) {
        if let Some(date) = metadata.date {
            self.clock.tell(date, metadata.answered);
        }
    }

    fn deferred(
        &mut self,
        question: &Question,
        limited_account: Option<i64>,
        deferral: Deferral,
        now: Timestamp,
    ) {
        // A new token may be one of an account that nobody knew to be limited.
        let (key, account) = (question.key(), question.account.or(limited_account));
        // One endpoint that fails is not the host; everybody asks that of identity.
        let of_host =
            question.probe == Probe::Identity && breaker::speaks_of_host(deferral.reason, account.is_some());
        self.breaker.deferred(&key, deferral, of_host, now);
        self.incident.deferred(&key, deferral.until, now);
        if question.probe == Probe::Identity && deferral.is_unexplained() {
            self.unanswered.heard(question.hashed, deferral.is_foreign());
        }
        let is_limit = matches!(deferral.reason, Reason::RateLimited | Reason::SecondaryRateLimited);
        if let Some(account) = account.filter(|_| is_limit) {
            self.accounts.block(account, deferral.until.unwrap_or_else(|| later(now, WITHOUT_END)));
        }
    }

    fn accepted(&mut self, key: &Key, effect: &mut Effect, now: Timestamp) {
        let token = &key.0;
        self.logins.settle(token);
        let first = self.incident.first();
        if self.incident.accepted(token).is_some() {
            effect.ends_trouble = true;
            // The host refused good tokens, so those were no failed logins.
            self.logins.forgive(first.unwrap_or(now));
        }
        self.incident.deferred(key, None, now);
    }

    fn refused(&mut self, question: &Question, counts: bool, effect: &mut Effect, now: Timestamp) {
        self.logins.failed(question, &self.limits, now);
        match self.incident.refused(question.hashed, counts, &self.limits, now) {
            Meaning::Refused => {}
            Meaning::Held => effect.held = true,
            Meaning::Begins(held) => {
                effect.held = true;
                effect.taken_back = held;
            }
        }
    }
}

fn account(reply: &Reply) -> Option<i64> {
    match reply {
        Reply::Answer(Answer::Granted(grant)) => grant.account.as_ref().map(|account| account.id),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
