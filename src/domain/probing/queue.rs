//! The questions that wait for one host, in the order in which they go.
//!
//! Every other question goes by urgency, and within each urgency one namespace after the other. The questions between them go one
//! namespace after the other whatever their urgency, so that no tenant's many urgent questions keep another's from being asked.
//! When it is full, a question takes the place of one of the namespace that has most.

mod shares;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;

use super::super::{Reason, answer::Deferral, token::HashedToken};
use super::{Key, Question, Urgency};
use shares::Shares;

/// More than this do not wait; whoever finds no place then is told to come again.
pub const CAPACITY: usize = 4096;

/// Whether a question may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Now.
    Go,
    /// When another question has its answer.
    Wait,
    /// Not before something else changes; it does not wait in the queue for that.
    NotNow(Box<NotNow>),
}

/// Why a question does not go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotNow {
    /// The reason, and when to try again.
    pub deferral: Deferral,
    /// What it says about the host, to be kept for the token as if it had been asked about.
    pub keep: Option<Deferral>,
}

impl NotNow {
    /// Says nothing about the host.
    pub const fn until(reason: Reason, until: Timestamp) -> Self {
        NotNow { deferral: Deferral { until: Some(until), ..Deferral::new(reason) }, keep: None }
    }

    /// Holds for everyone who asks this host.
    pub const fn of_host(keep: Deferral, until: Timestamp) -> Self {
        NotNow { deferral: Deferral { until: Some(until), ..keep }, keep: Some(keep) }
    }
}

/// Questions in order.
#[derive(Debug, Default)]
pub struct Queue {
    lanes: [Lane; Urgency::ALL.len()],
    /// How urgent each is, and since when it waits.
    waiting: HashMap<Key, (Urgency, Timestamp)>,
    /// The namespaces of the questions that wait, those first that were served longest ago.
    turns: VecDeque<Arc<str>>,
    /// Whether the next question goes by the turns of the namespaces.
    by_turns: bool,
    shares: Shares,
}

/// The questions of one urgency. The namespace in front is served next, and goes to the back then.
#[derive(Debug, Default)]
struct Lane {
    namespaces: VecDeque<(Arc<str>, VecDeque<Question>)>,
}

impl Queue {
    /// How many questions wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// True if none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// True if no other fits.
    pub fn is_full(&self) -> bool {
        self.len() >= CAPACITY
    }

    /// True if a question of this namespace and urgency may wait: there is room, or another one gives way.
    pub fn has_room(&self, namespace: &str, urgency: Urgency) -> bool {
        !self.is_full() || self.shares.gives_way(namespace, urgency).is_some()
    }

    /// Takes out the question that gives way to one of this namespace and urgency.
    pub fn make_room(&mut self, namespace: &str, urgency: Urgency) -> Option<Question> {
        let (from, least) = self.shares.gives_way(namespace, urgency)?;
        let last = self.lanes.get_mut(least as usize)?.take_last(from)?;
        self.waiting.remove(&last.key());
        self.shares.remove(&last.namespace, last.urgency);
        Some(last)
    }

    /// True if this question waits.
    pub fn contains(&self, key: &Key) -> bool {
        self.waiting.contains_key(key)
    }

    /// True if this question waits, and is no less urgent.
    pub fn holds(&self, key: &Key, urgency: Urgency) -> bool {
        self.waiting.get(key).is_some_and(|(waiting, _)| *waiting <= urgency)
    }

    /// How many questions wait, and since when the oldest of them does, by urgency as in [`Urgency::ALL`].
    pub fn waiting(&self) -> [(usize, Option<Timestamp>); Urgency::ALL.len()] {
        Urgency::ALL.map(|urgency| {
            let waiting = self.waiting.values().filter(|(of, _)| *of == urgency);
            (waiting.clone().count(), waiting.map(|(_, since)| *since).min())
        })
    }

    /// The clock was set back: none waits since an instant that lies ahead.
    pub fn set_back(&mut self, now: Timestamp) {
        self.waiting.values_mut().for_each(|(_, since)| *since = (*since).min(now));
    }

    /// Lets the question wait. One that waits already stays, unless the new one is more urgent.
    pub fn push(&mut self, question: Question, now: Timestamp) {
        let (key, urgency) = (question.key(), question.urgency);
        if self.holds(&key, urgency) {
            return;
        }
        let since = self.waiting.get(&key).map_or(now, |(_, since)| *since);
        self.remove(&key);
        self.waiting.insert(key, (urgency, since));
        self.shares.add(&question.namespace, urgency);
        if !self.turns.contains(&question.namespace) {
            self.turns.push_front(question.namespace.clone());
        }
        if let Some(lane) = self.lanes.get_mut(urgency as usize) {
            lane.push(question);
        }
    }

    /// The question that goes next, if it has its permit, and those that were turned away before it.
    pub fn take(
        &mut self,
        mut permits: impl FnMut(&Question) -> Permit,
    ) -> (Option<Question>, Vec<(Question, NotNow)>) {
        let mut turned_away = Vec::new();
        let by_turns = self.by_turns.then(|| self.next_in_turn(&mut permits, &mut turned_away)).flatten();
        let taken = by_turns
            .or_else(|| self.lanes.iter_mut().find_map(|lane| lane.take(&mut permits, &mut turned_away)));
        self.by_turns = !self.by_turns;
        if let Some(question) = &taken {
            self.turns.retain(|namespace| *namespace != question.namespace);
            self.turns.push_back(question.namespace.clone());
        }
        for question in taken.iter().chain(turned_away.iter().map(|(question, _)| question)) {
            self.waiting.remove(&question.key());
            self.shares.remove(&question.namespace, question.urgency);
        }
        if self.waiting.is_empty() {
            // What a burst of questions took is given back.
            *self = Queue::default();
        }
        (taken, turned_away)
    }

    /// The most urgent question of the namespace that was served longest ago. What is asked last stays last.
    fn next_in_turn(
        &mut self,
        permits: &mut impl FnMut(&Question) -> Permit,
        turned_away: &mut Vec<(Question, NotNow)>,
    ) -> Option<Question> {
        let lanes = self.lanes.get_mut(..Urgency::Dubious as usize)?;
        let take = |namespace: &Arc<str>| {
            lanes.iter_mut().find_map(|lane| lane.take_of(namespace, permits, turned_away))
        };
        self.turns.iter().find_map(take)
    }

    /// Takes the question out.
    pub fn remove(&mut self, key: &Key) -> Option<Question> {
        let (urgency, _) = self.waiting.remove(key)?;
        let removed = self.lanes.get_mut(urgency as usize)?.remove(key)?;
        self.shares.remove(&removed.namespace, urgency);
        Some(removed)
    }
}

impl Queue {
    /// Takes out every question about the token.
    pub fn remove_all(&mut self, token: &HashedToken) -> Vec<Question> {
        let of_token = |key: &&Key| key.0 == *token;
        let keys: Vec<Key> = self.waiting.keys().filter(of_token).cloned().collect();
        keys.iter().filter_map(|key| self.remove(key)).collect()
    }
}

impl Lane {
    fn push(&mut self, question: Question) {
        match self.namespaces.iter_mut().find(|(namespace, _)| *namespace == question.namespace) {
            Some((_, questions)) => questions.push_back(question),
            None => self.namespaces.push_back((question.namespace.clone(), VecDeque::from([question]))),
        }
    }

    fn take(
        &mut self,
        permits: &mut impl FnMut(&Question) -> Permit,
        turned_away: &mut Vec<(Question, NotNow)>,
    ) -> Option<Question> {
        for _ in 0..self.namespaces.len() {
            let (namespace, mut questions) = self.namespaces.pop_front()?;
            let taken = first(&mut questions, permits, turned_away);
            if !questions.is_empty() {
                self.namespaces.push_back((namespace, questions));
            }
            if taken.is_some() {
                return taken;
            }
        }
        None
    }

    /// The first question of the namespace that may go.
    fn take_of(
        &mut self,
        namespace: &Arc<str>,
        permits: &mut impl FnMut(&Question) -> Permit,
        turned_away: &mut Vec<(Question, NotNow)>,
    ) -> Option<Question> {
        let (_, questions) = self.namespaces.iter_mut().find(|(known, _)| known == namespace)?;
        let taken = first(questions, permits, turned_away);
        self.namespaces.retain(|(_, questions)| !questions.is_empty());
        taken
    }

    /// The question of the namespace that came last.
    fn take_last(&mut self, namespace: &Arc<str>) -> Option<Question> {
        let (_, questions) = self.namespaces.iter_mut().find(|(known, _)| known == namespace)?;
        let last = questions.pop_back();
        self.namespaces.retain(|(_, questions)| !questions.is_empty());
        last
    }

    fn remove(&mut self, key: &Key) -> Option<Question> {
        let removed = self.namespaces.iter_mut().find_map(|(_, questions)| {
            let place = questions.iter().position(|question| question.key() == *key)?;
            questions.remove(place)
        });
        self.namespaces.retain(|(_, questions)| !questions.is_empty());
        removed
    }
}

/// The first question that may go; what is turned away before it leaves the queue.
fn first(
    questions: &mut VecDeque<Question>,
    permits: &mut impl FnMut(&Question) -> Permit,
    turned_away: &mut Vec<(Question, NotNow)>,
) -> Option<Question> {
    let mut place = 0_usize;
    while let Some(question) = questions.get(place) {
        match permits(question) {
            Permit::Go => return questions.remove(place),
            Permit::Wait => place = place.saturating_add(1),
            Permit::NotNow(why) => turned_away.extend(questions.remove(place).map(|gone| (gone, *why))),
        }
    }
    None
}

/// The earlier of two instants, of which either may be missing.
pub fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests;
