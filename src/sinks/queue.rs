//! What one sink is yet to be told, and until when it has been told everything. No queue outlives the process: what is lost with it is
//! derived again from the statuses, from that instant on.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

use super::{LAG, message::Message};
use crate::domain::notice::{Notice, State};

/// The most messages that wait, which bounds the memory that a sink costs while it is down. The others are derived again once these are told.
const LONGEST: usize = 1000;
/// The most messages that wait, those of deleted connections included: no status is left from which to derive them again.
const LONGEST_WITH_DELETED: usize = 10_000;

/// The messages for one sink.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Entry>,
    /// What happened at this instant is told, unless it waits or was left out. `None` until it is known what the process before has
    /// told.
    latest: Option<Timestamp>,
    /// When the first of those happened that were left out, and when the last.
    left_out: Option<(Timestamp, Timestamp)>,
    /// Of those that were left out and came long after they had happened, such as stages of an end that began while no operator ran:
    /// when the first happened, and when the last came.
    left_out_late: Option<(Timestamp, Timestamp)>,
    /// What was told since then, as sums of the ids: it is not told again when the others are derived.
    told: HashSet<u64>,
    /// What was told last since then, by sums of the incidents: when it had happened, and the sum of its id. What was before is not told
    /// after that.
    latest_of: HashMap<u64, (Timestamp, u64)>,
    /// The incidents of what found no room since then, as sums; true if the sink had heard of it. Holds `LONGEST_WITH_DELETED` at most.
    without_room: HashMap<u64, bool>,
    /// True while the sink is told the first of those that wait: nothing comes before it any more.
    is_sending: bool,
    /// True while there was no room for all that is wrong when the sink came.
    is_new: bool,
    /// What was derived last and has happened so lately that its writer may tell it yet, as sums of ids and instants.
    derived: HashSet<u64>,
}

#[derive(Debug)]
struct Entry {
    message: Arc<Message>,
    /// Whether it tells a new sink what is wrong already: until it has heard all of that, it counts as new.
    is_first: bool,
    /// Since when it has waited here.
    since: Instant,
}

impl Queue {
    /// Adds a message that comes now and was not derived meanwhile, or remembers that there was no room for it.
    pub(super) fn push(&mut self, message: Arc<Message>, now: Timestamp) {
        if self.derived.contains(&moment(&message)) {
            return;
        }
        let longest = if is_deleted(&message) { LONGEST_WITH_DELETED } else { LONGEST };
        if self.waiting.len() >= longest {
            self.lacks_room(&message, now);
        } else {
            self.waiting.push_back(Entry { message, is_first: false, since: Instant::now() });
        }
    }

    /// Remembers that something may be left out which happened at this instant or later, and came to stand in a status by now.
    pub(super) fn leave_out(&mut self, at: Timestamp, now: Timestamp) {
        let is_late = at.checked_add(LAG).is_ok_and(|latest| latest < now);
        let (left_out, last) =
            if is_late { (&mut self.left_out_late, now) } else { (&mut self.left_out, at) };
        let (first, latest) = left_out.unwrap_or((at, last));
        *left_out = Some((first.min(at), latest.max(last)));
    }

    fn lacks_room(&mut self, message: &Message, now: Timestamp) {
        self.leave_out(message.notice.at, now);
        if self.without_room.len() < LONGEST_WITH_DELETED {
            let had_heard = message.notice.state != State::Opened;
            self.without_room.entry(incident(message)).or_insert(had_heard);
        }
    }

    /// True if more of this incident was to be told to the sink, which has heard of it, and found no room.
    pub(super) fn has_left_out(&self, message: &Message) -> bool {
        self.without_room.get(&incident(message)) == Some(&true)
    }

    /// Of what happened at this instant, nothing is to be told.
    pub(super) fn pass(&mut self, at: Timestamp) {
        self.latest = self.latest.map(|latest| latest.max(at));
    }

    /// Adds what was derived from the statuses; what waits already is not told twice. Nothing else is left to tell that happened before
    /// `until`; `since` is from when on it was derived. For what finds no room, it is derived once more.
    pub(super) fn fill(
        &mut self,
        mut derived: Vec<Arc<Message>>,
        since: Option<Timestamp>,
        until: Timestamp,
    ) {
        self.left_out =
            self.left_out.filter(|(_, last)| *last >= until).map(|(first, last)| (first.max(until), last));
        self.left_out_late = self.left_out_late.filter(|(_, last)| *last >= until);
        derived.sort_by_key(|message| message.notice.at);
        let mut waiting = std::mem::take(&mut self.waiting);
        let open: HashSet<u64> = waiting.iter().map(|entry| incident(&entry.message)).collect();
        let sent = if self.is_sending { waiting.pop_front() } else { None };
        if let Some(sent) = &sent {
            self.hear(&sent.message);
        }
        let lately = until.checked_sub(LAG).unwrap_or(until);
        self.derived = derived
            .iter()
            .filter(|message| message.notice.at >= lately)
            .map(|message| moment(message))
            .collect();
        let is_first = since.is_none();
        let now = Instant::now();
        let news = self.news(derived, |message| {
            // A new sink hears no end of what it never heard of.
            is_first && message.notice.state == State::Resolved && !open.contains(&incident(message))
        });
        let news = news.into_iter().map(|message| Entry { message, is_first, since: now }).collect();
        let mut all: Vec<_> = sent.into_iter().chain(merge(news, waiting)).collect();
        let more = all.split_off(all.len().min(LONGEST));
        let (deleted, more): (Vec<_>, Vec<_>) =
            more.into_iter().partition(|entry| is_deleted(&entry.message));
        self.is_new = is_first && !more.is_empty();
        more.iter().for_each(|entry| self.lacks_room(&entry.message, entry.message.notice.at));
        self.waiting = all.into_iter().chain(deleted).collect();
        if self.left_out.or(self.left_out_late).is_none() {
            self.told.clear();
            self.latest_of.clear();
            self.without_room.clear();
        }
        self.latest = self.latest.max(Some(since.unwrap_or(until)));
    }

    /// Of what was derived, in the order in which it happened, what comes after all that the sink has heard of the same incident.
    fn news(
        &self,
        derived: Vec<Arc<Message>>,
        is_unheard_of: impl Fn(&Message) -> bool,
    ) -> Vec<Arc<Message>> {
        let latest = |message: &Message| self.latest_of.get(&incident(message));
        let places: HashMap<u64, usize> = (0..)
            .zip(&derived)
            .filter(|(_, message)| latest(message).is_some_and(|(_, last)| *last == sum(message)))
            .map(|(place, message)| (incident(message), place))
            .collect();
        let is_past =
            |place: usize, message: &Message| match (latest(message), places.get(&incident(message))) {
                (None, _) => is_unheard_of(message),
                (Some(_), Some(last)) => place <= *last,
                (Some((at, _)), None) => message.notice.at < *at || self.told.contains(&sum(message)),
            };
        let news = (0..).zip(derived).filter(|(place, message)| !is_past(*place, message));
        news.map(|(_, message)| message).collect()
    }

    /// The next one to be told. It stays the next one until it is [`done`](Self::done).
    pub(super) fn next(&mut self) -> Option<Arc<Message>> {
        let next = self.waiting.front().map(|entry| entry.message.clone());
        self.is_sending = next.is_some();
        next
    }

    /// That one is told, or given up.
    pub(super) fn done(&mut self, message: &Message) {
        // Another one that waits has the same id if all was as before within one second.
        if let Some(place) = self.waiting.iter().position(|entry| entry.message.id == message.id) {
            self.waiting.remove(place);
        }
        self.is_sending = false;
        if self.left_out.or(self.left_out_late).is_some() {
            self.hear(message);
        }
        self.latest = self.latest.max(Some(message.notice.at));
    }

    /// Keeps that the sink has heard it, or hears it now.
    fn hear(&mut self, message: &Message) {
        self.told.insert(sum(message));
        let now = (message.notice.at, sum(message));
        let latest = self.latest_of.entry(incident(message)).or_insert(now);
        if latest.0 <= now.0 {
            *latest = now;
        }
    }

    /// From when on what was left out is to be derived again, once nothing waits.
    pub(super) fn left_out(&self) -> Option<Timestamp> {
        self.first_left_out().filter(|_| self.waiting.is_empty()).map(before)
    }

    fn first_left_out(&self) -> Option<Timestamp> {
        self.left_out.into_iter().chain(self.left_out_late).map(|(first, _)| first).min()
    }

    /// True while there was no room for all that is wrong when the sink came.
    pub(super) const fn is_new(&self) -> bool {
        self.is_new
    }

    /// How many wait, and for how long the first of them has.
    pub(super) fn waiting(&self) -> (usize, Duration) {
        let longest = self.waiting.iter().map(|entry| entry.since.elapsed()).max();
        (self.waiting.len(), longest.unwrap_or_default())
    }

    /// The instant until which everything has been told; `None` as long as a process that starts anew shall treat the sink as this one
    /// did.
    pub(super) fn told_until(&self) -> Option<Timestamp> {
        if self.is_new || self.waiting.iter().any(|entry| entry.is_first) {
            return None;
        }
        let left_out = self.first_left_out();
        let waiting = self.waiting.iter().map(|entry| entry.message.notice.at);
        let untold = waiting.chain(left_out).min().map(before);
        self.latest.map(|latest| untold.map_or(latest, |untold| untold.min(latest)))
    }
}

/// Both in the order in which it happened, which is the order for each connection. What waits already is not told twice.
fn merge(mut news: Vec<Entry>, waiting: VecDeque<Entry>) -> Vec<Entry> {
    let mut places: HashMap<u64, VecDeque<usize>> = HashMap::new();
    for (place, entry) in news.iter().enumerate() {
        places.entry(sum(&entry.message)).or_default().push_back(place);
    }
    let mut others = Vec::new();
    for entry in waiting {
        let place = places.get_mut(&sum(&entry.message)).and_then(VecDeque::pop_front);
        match place.and_then(|place| news.get_mut(place)) {
            Some(same) => *same = entry,
            None => others.push(entry),
        }
    }
    news.append(&mut others);
    news.sort_by_key(|entry| entry.message.notice.at);
    news
}

fn is_deleted(message: &Message) -> bool {
    message.notice.reason == Notice::DELETED
}

fn sum(message: &Message) -> u64 {
    let mut hasher = DefaultHasher::new();
    message.id.hash(&mut hasher);
    hasher.finish()
}

/// The same for all that opens, changes and resolves one incident.
fn incident(message: &Message) -> u64 {
    let mut hasher = DefaultHasher::new();
    message.notice.incident(&message.named.uid).hash(&mut hasher);
    hasher.finish()
}

/// The same for the same change at the same instant: an end may come near twice under one id.
fn moment(message: &Message) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&message.id, message.notice.at).hash(&mut hasher);
    hasher.finish()
}

/// The second before.
fn before(at: Timestamp) -> Timestamp {
    at.checked_sub(SignedDuration::from_secs(1)).unwrap_or(at)
}

#[cfg(test)]
mod tests;
