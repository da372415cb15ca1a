//! What is known of one host under its lock: the questions that wait, and what was heard.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{
    super::{
        Asked, Snapshot,
        ledger::{Entry, Ledger},
    },
    until,
};
use crate::{
    domain::{
        Reason,
        answer::{Answer, Deferral, Expiry, RateLimit, Refusal, Reply},
        probe::Probe,
        probing::{
            Limits, Question, Urgency,
            admission::{Admission, Effect, Metadata, Step},
            queue::NotNow,
            schedule,
        },
        token::HashedToken,
    },
    github::{Exchange, Transport},
};

/// What the lock guards.
#[derive(Debug)]
pub(super) struct State {
    pub(super) admission: Admission,
    pub(super) ledger: Ledger,
    /// Since when a question waits that the worker has not looked at.
    pub(super) unseen: Option<Instant>,
    /// When the worker wakes at the latest, if it then may have something to do. No clock that is set moves that.
    pub(super) wakes_at: Option<Instant>,
    /// What the clock said last.
    told_time: Timestamp,
    /// Whether nothing is asked any more.
    pub(super) rests: bool,
    /// Whether the settings name it no more.
    pub(super) is_retired: bool,
}

/// A question to be asked now, and how.
pub(super) struct Due {
    pub(super) question: Question,
    pub(super) transport: Transport,
}

/// What is worth a line in the log when it changes.
#[derive(Clone, Copy)]
pub(super) struct Logged {
    pub(super) breaker: Option<Reason>,
    pub(super) incident: bool,
    pub(super) outliers: u64,
}

impl State {
    /// Of a host that was not asked yet.
    pub(super) fn new(limits: Limits) -> State {
        State {
            admission: Admission::new(limits),
            ledger: Ledger::default(),
            unseen: None,
            wakes_at: None,
            told_time: Timestamp::MIN,
            rests: false,
            is_retired: false,
        }
    }

    fn tell_time(&mut self, now: Timestamp) {
        if now < self.told_time {
            self.admission.set_back(now);
            self.ledger.set_back(now);
        }
        self.told_time = now;
    }

    pub(super) fn ask(&mut self, mut question: Question, now: Timestamp) -> (Asked, Vec<HashedToken>) {
        self.tell_time(now);
        let (token, probe) = (question.hashed, question.probe.clone());
        let entry = self.ledger.open(token);
        entry.accepted_before |= question.accepted_before;
        question.accepted_before = entry.accepted_before;
        question.condemned |= entry.refused().is_some_and(|refused| refused.is_believed());
        question.account = entry.account().or(question.account);
        let why = match self.admission.push(question, now) {
            Ok(pushed_out) => {
                self.unseen.get_or_insert_with(Instant::now);
                return (Asked::Pending, pushed_out.into_iter().map(|out| out.hashed).collect());
            }
            Err(why) => why,
        };
        // That others go first is not kept for the token: whoever uses it in another namespace may find a place.
        if probe != Probe::Identity && !why.deferral.is_of_queue() {
            let news = self.ledger.open(token).turn_away(&probe, why.keep.unwrap_or(why.deferral), now);
            return (Asked::NotNow(why.deferral), if news { vec![token] } else { Vec::new() });
        }
        let keep = why.keep.map(|keep| self.admission.within_incident(&token, keep));
        let news = keep.is_some_and(|keep| self.ledger.open(token).defer(keep, now));
        (Asked::NotNow(why.deferral), if news { vec![token] } else { Vec::new() })
    }

    /// This process begins to ask.
    pub(super) fn take_over(&mut self, now: Timestamp) {
        self.admission.take_over(now);
    }

    /// The process before held this good token back, until then at the latest. What this one has heard accepted is good.
    pub(super) fn remember_incident(&mut self, token: HashedToken, ends: Timestamp, now: Timestamp) {
        if !self.ledger.get(&token).is_some_and(Entry::is_granted) {
            self.admission.remember_incident(token, ends, now);
        }
    }

    /// The connection that remembers the token uses it no more. Another one may.
    pub(super) fn leave_incident(&mut self, token: &HashedToken) {
        if !self.ledger.is_used(token) {
            self.admission.leave_incident(token);
        }
    }

    /// The process before knew this token to be good: it may show whether the host still accepts any.
    pub(super) fn remember_good(&mut self, token: HashedToken) {
        self.ledger.open(token).accepted_before = true;
    }

    /// Keeps what the process before heard last about a token that this one has not asked about. `accepted` tells that it knew the token to be
    /// good.
    pub(super) fn remember_deferral(
        &mut self,
        token: &HashedToken,
        (deferral, accepted): (Deferral, bool),
        now: Timestamp,
    ) {
        if self.ledger.get(token).is_some_and(|entry| entry.asked.is_some()) {
            return;
        }
        self.admission.remember_deferral(*token, deferral);
        if !accepted || deferral.reason != Reason::HostRefusesMany && deferral.incident_ends.is_none() {
            return;
        }
        if let Some(ends) = deferral.incident_ends {
            self.remember_incident(*token, ends, now);
        }
        let has_just_ended = self.admission.incident().has_just_ended(self.admission.limits(), now);
        let entry = self.ledger.open(*token);
        (entry.accepted_before, entry.suspected) = (true, true);
        entry.was_held |= has_just_ended;
    }

    /// Whether a connection has the token asked about. One that nobody asks about is no witness, and makes nobody else wait.
    pub(super) fn has_asker(&mut self, token: &HashedToken, has: bool) {
        self.ledger.has_asker(token, has);
        match self.ledger.get(token).and_then(|entry| entry.deferred()) {
            Some(deferral) if has => self.admission.remember_deferral(*token, deferral),
            _ if has => {}
            _ => self.admission.rest(token),
        }
    }

    pub(super) fn is_pending(&self, token: &HashedToken, probe: &Probe) -> bool {
        self.admission.is_pending(&(*token, probe.clone()))
    }

    pub(super) fn snapshot(&self, token: &HashedToken) -> Option<Snapshot> {
        let entry = self.ledger.get(token)?;
        Some(Snapshot {
            knowledge: entry.knowledge(),
            asked: entry.asked,
            answered: entry.answered.map(Timestamp::from),
            released: self.admission.released(),
            brought_forward: self.admission.brought_forward(token),
            unanswered: self.admission.unanswered(),
            hurried: entry.hurried,
            suspected: entry.suspected,
            pending: self.admission.is_pending(&(*token, Probe::Identity)),
        })
    }

    pub(super) fn logged(&self) -> Logged {
        Logged {
            breaker: self.admission.breaker().open().map(|open| open.deferral.reason),
            incident: self.admission.incident().since().is_some(),
            outliers: self.admission.clock().outliers(),
        }
    }

    /// Drops what is known of tokens that nobody has used for as long as they are not asked about again.
    pub(super) fn drop_unused(&mut self, now: Timestamp) {
        let while_ = self.admission.limits().minimum_interval;
        self.ledger.drop_unused(schedule::earlier(now, while_));
    }

    /// What the worker does next, and of which tokens something changed.
    pub(super) fn step(&mut self, now: Timestamp) -> (Step<Due>, Vec<HashedToken>) {
        let mut changed = Vec::new();
        self.tell_time(now);
        self.drop_unused(now);
        if let Some(held) = self.admission.lapse(now) {
            self.release(&held);
            changed.extend(self.ledger.deferred());
        }
        let next = self.admission.next(now);
        changed.extend(self.turned_away(next.turned_away, now));
        self.unseen = None;
        let todo = match next.step {
            Step::Ask(question) => {
                self.wakes_at = Some(Instant::now());
                let transport = self.transport(&question);
                Step::Ask(Due { question, transport })
            }
            Step::Wait(at) => {
                self.wakes_at = at.and_then(|at| Instant::now().checked_add(until(at, now)));
                Step::Wait(at)
            }
        };
        (todo, changed)
    }

    /// Keeps why these wait no longer; gives their tokens.
    fn turned_away(&mut self, questions: Vec<(Question, NotNow)>, now: Timestamp) -> Vec<HashedToken> {
        let mut changed = Vec::new();
        for (question, why) in questions {
            match (why.keep, self.ledger.get_mut(&question.hashed)) {
                (_, Some(entry)) if question.probe != Probe::Identity => {
                    entry.turn_away(&question.probe, why.keep.unwrap_or(why.deferral), now);
                }
                (Some(keep), Some(entry)) => {
                    entry.defer(self.admission.within_incident(&question.hashed, keep), now);
                }
                _ => {}
            }
            changed.push(question.hashed);
        }
        changed
    }

    /// A refusal is confirmed over a new connection: a broken node behind a kept one would repeat itself.
    fn transport(&self, question: &Question) -> Transport {
        let entry = self.ledger.get(&question.hashed);
        let in_doubt = entry.is_some_and(|entry| {
            let refuses = |deferral: Deferral| deferral.reason == Reason::HostRefusesMany;
            entry.refused().is_some() || entry.deferred().is_some_and(refuses)
        });
        if in_doubt || question.urgency == Urgency::Confirm { Transport::Fresh } else { Transport::Kept }
    }

    /// Takes in what came of a question, at this instant; gives the tokens of which something changed.
    pub(super) fn hear(
        &mut self,
        question: &Question,
        mut exchange: Exchange,
        now: Timestamp,
    ) -> Vec<HashedToken> {
        self.tell_time(now);
        // It was asked by the clock of before, if that was set back meanwhile.
        exchange.at = exchange.at.min(now);
        self.answered(question, exchange)
    }

    pub(super) fn answered(&mut self, question: &Question, mut exchange: Exchange) -> Vec<HashedToken> {
        let token = question.hashed;
        let entry = self.ledger.get(&token);
        let counts = entry.is_some_and(|entry| {
            !question.condemned
                && entry.accepted_before
                && !entry.was_held
                && !entry.refused().is_some_and(|refused| refused.is_believed())
        });
        let github_now = self.admission.clock().at(exchange.date, exchange.answered);
        if let (Reply::Deferral(deferral), Some(end)) = (&mut exchange.reply, exchange.not_before) {
            // The reply goes by the date beside it, which may be wrong.
            let until = end.instant(exchange.date, github_now, exchange.answered);
            deferral.until = deferral.until.and(until);
        }
        let effect =
            self.admission.answered(question, &exchange.reply, metadata(&exchange, github_now), counts);
        if let Reply::Deferral(deferral) = &mut exchange.reply {
            *deferral = self.admission.within_incident(&token, *deferral);
        }
        let minimum = self.admission.limits().minimum_interval;
        let mut changed = Vec::new();
        if let (Reply::Answer(_), Some(entry)) = (&exchange.reply, self.ledger.get_mut(&token)) {
            entry.hide(&question.probe, &exchange.hidden);
        }
        let is_refusal = matches!(exchange.reply, Reply::Answer(Answer::Refused(Refusal::BadCredentials)));
        // Nobody uses a token any more that has no entry.
        if let Some(entry) = self.ledger.get_mut(&token).filter(|_| question.probe != Probe::Identity) {
            entry.prove(&question.probe, exchange.reply, exchange.at);
            changed.push(token);
        } else if let Some(entry) = self.ledger.get_mut(&token) {
            let before = entry.asked.filter(|before| *before <= exchange.at);
            let is_soon = before.is_some_and(|before| exchange.at.duration_since(before) < minimum);
            // What somebody requested comes soon too, and is confirmed like any other.
            entry.hurried = is_soon && entry.awaits_confirmation();
            entry.asked = Some(exchange.at);
            entry.answered = Some(exchange.answered.into());
            entry.suspected = false;
            let needed = if question.urgency == Urgency::Dubious && !entry.accepted_before {
                1
            } else if entry.was_held && !question.condemned {
                3
            } else {
                2
            };
            match effect.held {
                true if question.condemned => {
                    entry.defer(self.admission.held_back(&token), exchange.at);
                }
                true => entry.hold(self.admission.held_back(&token), exchange.at),
                false => {
                    let reply = plausible(exchange.reply, github_now, entry.expiry());
                    entry.learn(reply, needed, exchange.at);
                }
            }
            changed.push(token);
        }
        if !self.ledger.is_used(&token) {
            // Nothing is kept of a token that went while it was asked about.
            self.admission.forget(&token);
        }
        self.apply(&effect, exchange.at, &mut changed);
        if is_refusal && counts && !effect.held && question.probe == Probe::Identity {
            changed.extend(self.call_witness(&token, exchange.at));
        }
        changed
    }

    /// A token that was good is refused. If the host refuses every token, it refuses another good one too, which is asked about at
    /// once: so an incident that meets the tokens one after the other, each at its own instants, is seen before it condemns any.
    fn call_witness(&mut self, refused: &HashedToken, now: Timestamp) -> Option<HashedToken> {
        let minimum = self.admission.limits().minimum_interval;
        let witness = self.ledger.witness(refused, schedule::earlier(now, minimum))?;
        self.ledger.get_mut(&witness)?.suspected = true;
        Some(witness)
    }

    /// What an answer about one token means for others.
    fn apply(&mut self, effect: &Effect, at: Timestamp, changed: &mut Vec<HashedToken>) {
        for token in &effect.taken_back {
            // What has been through an incident stays condemned in the next one.
            if let Some(entry) = self.ledger.get_mut(token).filter(|entry| !entry.was_held) {
                entry.hold(self.admission.held_back(token), at);
                changed.push(*token);
            }
        }
        if effect.ends_trouble {
            changed.extend(self.ledger.deferred());
        }
        changed.extend(&effect.brought_forward);
    }

    /// The incident has lasted as long as it may. Of tokens that were accepted before, and that it held back or turned away, three
    /// refusals are needed now, and they begin no other one. Where the host has accepted one of them, it may refuse the others again
    /// as it did before: then it is an incident again.
    fn release(&mut self, held: &HashSet<HashedToken>) {
        for (token, entry) in self.ledger.entries() {
            let deferred = entry.deferred().map(|deferral| deferral.reason);
            let is_held = deferred == Some(Reason::HostRefusesMany) || held.contains(token);
            entry.was_held |= entry.accepted_before && is_held;
        }
    }
}

/// What an answer tells beside its reply. The limit that comes with a refusal is that of the address.
fn metadata(exchange: &Exchange, github_now: Timestamp) -> Metadata {
    let granted = matches!(exchange.reply, Reply::Answer(Answer::Granted(_)));
    let limit = exchange.limit.filter(|_| granted);
    let spent = limit.filter(|limit| limit.remaining == 0);
    let spent_until = spent.and_then(|limit| {
        let left = SignedDuration::from_secs(limit.reset.saturating_sub(github_now.as_second()));
        exchange.answered.checked_add(left.min(RateLimit::LONGEST)).ok()
    });
    Metadata {
        answered: exchange.answered,
        date: exchange.date,
        limit: limit.and_then(|limit| u32::try_from(limit.limit).ok()),
        limited_account: exchange.limited_account,
        spent_until,
        further: exchange.further,
    }
}

/// An end is held against the host's clock: a date of this very answer that is wrong makes no end of it implausible.
fn plausible(reply: Reply, github_now: Timestamp, before: Option<Expiry>) -> Reply {
    match reply {
        Reply::Answer(Answer::Granted(mut grant)) => {
            grant.expiry = grant.expiry.accepted_at(github_now, before);
            Reply::Answer(Answer::Granted(grant))
        }
        reply => reply,
    }
}
