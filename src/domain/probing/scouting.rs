//! One question at a time to a host in trouble, at growing pauses.

use jiff::{SignedDuration, Timestamp};

use super::{super::token::HashedToken, Key, schedule::later};

/// The number of questions that are turned away and told to come back when the next scout may go. The rest hear of the end.
const ON_CALL: usize = 3;
/// When the rest come all the same.
const REST: SignedDuration = SignedDuration::from_mins(5);
/// How long the last scout lets others go first.
const OTHERS_FIRST: SignedDuration = SignedDuration::from_secs(5);

/// Who asks, and when the next may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scouting {
    /// The question on its way. A token may have many due: they are no scouts.
    out: Option<Key>,
    /// The token of the last one that came back.
    last: Option<HashedToken>,
    next: Timestamp,
    pause: SignedDuration,
    longest: SignedDuration,
    /// Those that are told to come for the next scout. However often one of them comes too early, it stays among them: the host
    /// would be asked by nobody if all of them were sent to rest.
    on_call: [Option<HashedToken>; ON_CALL],
    turned_away: i64,
}

impl Scouting {
    /// The clock was set back: no scout waits longer than the longest pause.
    pub fn set_back(&mut self, now: Timestamp) {
        self.next = self.next.min(later(now, self.longest));
    }

    /// Begins with this pause, which doubles up to the longest with each scout that comes back with nothing.
    pub const fn new(next: Timestamp, first: SignedDuration, longest: SignedDuration) -> Self {
        Scouting {
            out: None,
            last: None,
            next,
            pause: first,
            longest,
            on_call: [None; ON_CALL],
            turned_away: 0,
        }
    }

    /// From now on no pause is longer than this.
    pub fn at_most(&mut self, longest: SignedDuration) {
        self.longest = longest;
        self.pause = self.pause.min(longest);
    }

    /// True if this question may be the scout now, or is it already.
    pub fn may(&self, key: &Key, now: Timestamp) -> bool {
        match &self.out {
            Some(out) => out == key,
            None if self.last == Some(key.0) && self.turned_away > 0 => later(self.next, OTHERS_FIRST) <= now,
            None => self.next <= now,
        }
    }

    /// Makes it the scout.
    pub fn send(&mut self, key: Key) {
        self.out = Some(key);
    }

    /// The scout came back, and did not end the trouble. The next one goes no sooner than the host wants.
    pub fn came_back(&mut self, key: &Key, until: Option<Timestamp>, now: Timestamp) {
        if self.out.as_ref() != Some(key) {
            return;
        }
        self.next = later(now, self.pause).max(until.unwrap_or(Timestamp::MIN));
        self.pause = self.pause.saturating_mul(2).min(self.longest);
        self.last = self.out.take().map(|(token, _)| token);
        (self.on_call, self.turned_away) = ([None; ON_CALL], 0);
    }

    /// The scout will not ask.
    pub fn recall(&mut self, key: &Key) {
        self.out.take_if(|out| out == key);
    }

    /// The same, whatever it asks about the token.
    pub fn forget(&mut self, token: &HashedToken) {
        self.out.take_if(|(scout, _)| scout == token);
    }

    /// When one that is turned away may try again: the first few when the next scout may go.
    pub fn turn_away(&mut self, token: HashedToken, now: Timestamp) -> Timestamp {
        let place = self.place(token);
        let second = SignedDuration::from_secs(1);
        let next =
            if self.out.is_some() { later(now, self.pause) } else { self.next }.max(later(now, second));
        if self.on_call.contains(&Some(token)) {
            return later(next, SignedDuration::from_secs(place));
        }
        // One a second, so that the rest do not come all at once.
        later(later(next, REST), SignedDuration::from_secs(place.rem_euclid(REST.as_secs().max(1))))
    }

    /// How many were turned away before this one. One that is on call has its place already.
    fn place(&mut self, token: HashedToken) -> i64 {
        let known = self.on_call.iter().zip(0..).find(|(called, _)| **called == Some(token));
        if let Some((_, place)) = known {
            return place;
        }
        let place = self.turned_away;
        self.turned_away = place.saturating_add(1);
        if let Some(free) = self.on_call.iter_mut().find(|called| called.is_none()) {
            *free = Some(token);
        }
        place
    }
}
