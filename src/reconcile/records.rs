//! What the process remembers of each connection beside its status; always safe to lose.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
};

use arcstr::ArcStr;
use jiff::{SignedDuration, Timestamp};
use smallvec::SmallVec;
use tokio::time::Instant;

use super::{
    rare::Rare,
    standby::Standby,
    sum::{Sum, sum},
    watched::Watched,
};
use crate::{
    api::SecretKeyRef,
    cluster::object::{Few, ObjectKey},
    domain::{decide::Holds, output::Stamp, probing::Subject, second::Second, version::Version},
};

/// What is remembered of one connection.
#[derive(Debug)]
pub(super) struct Record {
    /// The connection, beyond its name.
    pub(super) uid: ArcStr,
    /// The Secret that `spec.secretRef` names, and the token in it.
    pub(super) first: Watched,
    /// The standbys, if the spec names any.
    pub(super) standby: Option<Box<Standby>>,
    /// What the outputs hold.
    pub(super) outputs: SmallVec<[Verified; 1]>,
    /// The demands that were seen last, as a sum.
    pub(super) demands: Option<Sum>,
    /// The status that we wrote last, or found to say all there is to say.
    pub(super) written: Option<Written>,
    /// The draft that was found to say what stands in the cluster, and what stands there, by one sum of both.
    pub(super) said: Option<Sum>,
    /// What few connections have.
    pub(super) rare: Rare,
    /// Failed reconciles in a row.
    pub(super) failures: u32,
    /// Whether what its status says is the word of this process.
    pub(super) is_judged: bool,
}

/// What an output holds, in which state of it, compared with what. Name, state and stamp are kept as sums.
#[derive(Clone, Debug)]
pub(super) struct Verified {
    name: Sum,
    state: Sum,
    stamp: Sum,
    pub(super) holds: Holds,
    /// Whether this process wrote it so, whatever it holds by now.
    pub(super) ours: bool,
}

/// A status that we wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) fingerprint: u64,
    pub(super) generation: i64,
    /// No answer to a later write has come, so what stands may be that one.
    pub(super) is_unsure: bool,
}

impl Record {
    fn new(uid: ArcStr, now: Timestamp) -> Self {
        Record {
            uid,
            first: Watched::new(0, now),
            standby: None,
            outputs: SmallVec::new(),
            demands: None,
            written: None,
            said: None,
            rare: Rare::default(),
            failures: 0,
            is_judged: false,
        }
    }

    /// What the output holds, if it is still in the state in which somebody looked, and is compared with the same.
    pub(super) fn holds(&self, name: &str, version: &Version, stamp: Option<Stamp>) -> Holds {
        let known = self.outputs.iter().find(|known| known.name == sum(name));
        let known = known.filter(|known| known.state == sum(version) && known.stamp == sum(&stamp));
        known.map_or(Holds::Unread, |known| known.holds)
    }

    /// Keeps what an output holds. That we wrote it as it is wanted is kept too: who finds it changed knows it was somebody else.
    pub(super) fn verify(
        &mut self,
        name: &str,
        version: &Version,
        stamp: Option<Stamp>,
        holds: Holds,
        ours: bool,
    ) {
        let ours = ours || self.wrote(name, stamp);
        let (name, state, stamp) = (sum(name), sum(version), sum(&stamp));
        self.outputs.retain(|known| known.name != name);
        self.outputs.push(Verified { name, state, stamp, holds, ours });
    }

    /// True if this process has looked at the output, or has written it.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.outputs.iter().any(|known| known.name == sum(name))
    }

    /// True if this process wrote the output as it is wanted, so that whatever else stands there is somebody else's doing.
    pub(super) fn wrote(&self, name: &str, stamp: Option<Stamp>) -> bool {
        self.outputs.iter().any(|known| known.name == sum(name) && known.ours && known.stamp == sum(&stamp))
    }

    /// Forgets all other outputs than these, but for what somebody else may be about to undo.
    pub(super) fn retain_outputs<'a>(&mut self, known: impl Iterator<Item = &'a str> + Clone) {
        let now = Instant::now();
        self.rare.contentions.retain(|name| known.clone().any(|known| known == name), now);
        self.outputs.retain(|output| known.clone().any(|known| output.name == sum(known)));
    }

    /// Forgets what this output holds.
    pub(super) fn forget_output(&mut self, name: &str) {
        let name = sum(name);
        self.outputs.retain(|known| known.name != name);
    }
}

impl Record {
    /// What is remembered of this candidate: 0 is the Secret of `spec.secretRef`, then come those of `spec.standby`.
    pub(super) fn watched(&self, place: usize) -> &Watched {
        let standby = place.checked_sub(1).zip(self.standby.as_deref());
        standby.and_then(|(place, standby)| standby.get(place)).unwrap_or(&self.first)
    }

    /// The same, to be changed.
    pub(super) fn watched_mut(&mut self, place: usize) -> &mut Watched {
        let standby = place.checked_sub(1).zip(self.standby.as_deref_mut());
        standby.and_then(|(place, standby)| standby.get_mut(place)).unwrap_or(&mut self.first)
    }

    fn all_watched(&self) -> impl Iterator<Item = &Watched> {
        std::iter::once(&self.first).chain(self.standby.iter().flat_map(|standby| standby.all()))
    }

    /// True if nothing of the status is needed any more. While there are standbys, it also tells which token is in use.
    pub(super) fn has_taken_memory(&self) -> bool {
        self.first.subject.is_some() && self.standby.is_none()
    }

    /// Drops the bytes that are held of every token, unless they are of use still.
    pub(super) fn drop_bytes(&mut self, of_use: bool) {
        self.first.drop_bytes(of_use);
        let standby = self.standby.iter_mut().flat_map(|standby| standby.all_mut());
        standby.for_each(|watched| watched.drop_bytes(of_use));
    }

    /// Brings what is remembered in step with the Secrets that the spec names; gives what is watched no more.
    pub(super) fn align(
        &mut self,
        source: &SecretKeyRef,
        standby: &[SecretKeyRef],
        now: Timestamp,
    ) -> Vec<Watched> {
        if standby.is_empty() && self.standby.is_none() {
            return Vec::new();
        }
        let named = |reference: &SecretKeyRef| sum(&(&reference.name, &reference.key));
        let mut known = self.standby.take().unwrap_or_else(|| Box::new(Standby::new(named(source))));
        let left = known.align(&mut self.first, named(source), standby.iter().map(named), now);
        self.standby = (!standby.is_empty()).then_some(known);
        left
    }
}

/// All records, and who shares a token.
#[derive(Debug, Default)]
pub(super) struct Records {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    records: HashMap<ObjectKey, Box<Record>>,
    /// Who shares a token, by the sum of its subject.
    sharing: HashMap<Sum, Sharers>,
    /// When the tokens were refused last that a status of the first list remembers as refused.
    refused: HashMap<Subject, Second>,
    /// The tokens that this process has yet to hear refused, for outputs that hold them and whose connection has lost the source.
    wanted: HashSet<Subject>,
}

/// Who uses a token, after one connection has changed how it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    /// No connection.
    Unused,
    /// Connections that do not have it asked about: each is suspended, has lost the Secret or cannot be read.
    Unasked,
    /// Connections of which at least one has it asked about.
    Asked,
}

/// Who shares a token. A connection may have it in several Secrets.
type Sharers = SmallVec<[Sharer; 1]>;

#[derive(Debug)]
struct Sharer {
    key: ObjectKey,
    /// Of the Secret among those of the connection.
    id: u8,
    /// In seconds, if the connection has the token asked about at all.
    interval: Option<NonZeroU32>,
}

impl Sharer {
    fn is(&self, key: &ObjectKey, id: u8) -> bool {
        self.key == *key && self.id == id
    }
}

impl Records {
    /// Takes the record of a connection out; a new one if there is none of this uid. `tell` is told who uses the tokens of another one.
    pub(super) fn take(
        &self,
        key: &ObjectKey,
        uid: &ArcStr,
        now: Timestamp,
        tell: impl Fn(&Subject, Usage),
    ) -> (Box<Record>, bool) {
        let mut inner = self.lock();
        match inner.records.remove(key) {
            Some(record) if record.uid == *uid => return (record, false),
            Some(other) => inner.leave(key, &other, tell),
            None => {}
        }
        (Box::new(Record::new(uid.clone(), now)), true)
    }

    /// True if there is a record of the connection with this uid.
    pub(super) fn has(&self, key: &ObjectKey, uid: &ArcStr) -> bool {
        self.lock().records.get(key).is_some_and(|record| record.uid == *uid)
    }

    /// True if this process has judged the connection with this uid.
    pub(super) fn has_judged(&self, key: &ObjectKey, uid: &ArcStr) -> bool {
        self.lock().records.get(key).is_some_and(|record| record.uid == *uid && record.is_judged)
    }

    /// Puts it back.
    pub(super) fn put(&self, key: &ObjectKey, record: Box<Record>) {
        self.lock().records.insert(key.clone(), record);
    }

    /// Who shares this token.
    pub(super) fn sharing(&self, subject: &Subject) -> Few {
        let inner = self.lock();
        inner.sharing.get(&sum(subject)).into_iter().flatten().map(|sharer| sharer.key.clone()).collect()
    }

    /// The connection uses this token now, in place of the one before. `tell` is told who uses that one, before anybody else can use it
    /// again.
    pub(super) fn share(
        &self,
        key: &ObjectKey,
        id: u8,
        before: Option<&Subject>,
        after: &Subject,
        tell: impl Fn(&Subject, Usage),
    ) {
        let mut inner = self.lock();
        let sharing = inner.sharing.entry(sum(after)).or_default();
        if !sharing.iter().any(|sharer| sharer.is(key, id)) {
            sharing.push(Sharer { key: key.clone(), id, interval: None });
        }
        if let Some(before) = before.filter(|before| *before != after) {
            inner.unshare(key, id, before, tell);
        }
    }

    /// The connection watches these Secrets no more.
    pub(super) fn leave(&self, key: &ObjectKey, watched: &[Watched], tell: impl Fn(&Subject, Usage)) {
        let mut inner = self.lock();
        watched.iter().for_each(|watched| inner.unwatch(key, watched, &tell));
    }

    /// Keeps that a status remembers a refusal of the token.
    pub(super) fn remember_refusal(&self, subject: Subject, at: Timestamp) {
        let mut inner = self.lock();
        let last = inner.refused.entry(subject).or_insert(at.into());
        *last = Timestamp::from(*last).max(at).into();
    }

    /// Keeps that whoever has the token is to have it asked about once; true if that is news.
    pub(super) fn want(&self, subject: &Subject) -> bool {
        self.lock().wanted.insert(subject.clone())
    }

    /// True if the token is to be asked about for another connection.
    pub(super) fn is_wanted(&self, subject: &Subject) -> bool {
        self.lock().wanted.contains(subject)
    }

    /// True if some status remembers that the token was refused after this instant.
    pub(super) fn is_refused_since(&self, subject: &Subject, accepted: Timestamp) -> bool {
        self.lock().refused.get(subject).is_some_and(|at| Timestamp::from(*at) > accepted)
    }

    /// Keeps how often this connection has the token asked about; `None` if it does not. True if another one has it asked about more
    /// often. `tell` is told who uses it, before that can change.
    pub(super) fn follows(
        &self,
        key: &ObjectKey,
        id: u8,
        subject: &Subject,
        interval: Option<SignedDuration>,
        tell: impl Fn(&Subject, Usage),
    ) -> bool {
        self.lock().follows(key, id, subject, interval, tell)
    }

    /// The connection has none of its tokens asked about for the time being. The record is the one that is kept, unless one is given.
    /// `tell` is told who uses them.
    pub(super) fn rest(&self, key: &ObjectKey, record: Option<&Record>, tell: impl Fn(&Subject, Usage)) {
        let mut inner = self.lock();
        let kept = inner.records.get(key).map(|kept| &**kept);
        let watched = record.or(kept).into_iter().flat_map(Record::all_watched);
        let used: Vec<_> =
            watched.filter_map(|watched| Some((watched.id, watched.subject.clone()?))).collect();
        for (id, subject) in used {
            inner.follows(key, id, &subject, None, &tell);
        }
    }

    /// Forgets a connection, and its token if nobody else uses it.
    pub(super) fn forget(&self, key: &ObjectKey, tell: impl Fn(&Subject, Usage)) {
        let mut inner = self.lock();
        if let Some(record) = inner.records.remove(key) {
            inner.leave(key, &record, tell);
        }
    }

    /// No change of this runs code that can panic, so a lock that a panicking holder left is as good as any.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn follows(
        &mut self,
        key: &ObjectKey,
        id: u8,
        subject: &Subject,
        interval: Option<SignedDuration>,
        tell: impl Fn(&Subject, Usage),
    ) -> bool {
        let seconds =
            interval.and_then(|interval| u32::try_from(interval.as_secs()).ok()).and_then(NonZeroU32::new);
        let Some(sharing) = self.sharing.get_mut(&sum(subject)) else { return false };
        let before = usage(sharing);
        let mut follows = false;
        for sharer in sharing.iter_mut() {
            if sharer.is(key, id) {
                sharer.interval = seconds;
            } else {
                let is_shorter = |interval| seconds.is_some_and(|seconds| interval < seconds);
                follows |= sharer.interval.is_some_and(is_shorter);
            }
        }
        let after = usage(sharing);
        // That nobody asks about it is told each time: an answer may have come since.
        if after != before || after == Usage::Unasked {
            tell(subject, after);
        }
        follows
    }

    fn leave(&mut self, key: &ObjectKey, record: &Record, tell: impl Fn(&Subject, Usage)) {
        record.all_watched().for_each(|watched| self.unwatch(key, watched, &tell));
    }

    fn unwatch(&mut self, key: &ObjectKey, watched: &Watched, tell: impl Fn(&Subject, Usage)) {
        if let Some(subject) = &watched.subject {
            self.unshare(key, watched.id, subject, tell);
        }
    }

    fn unshare(&mut self, key: &ObjectKey, id: u8, subject: &Subject, tell: impl Fn(&Subject, Usage)) {
        let of = sum(subject);
        let Some(sharing) = self.sharing.get_mut(&of) else { return };
        sharing.retain(|sharer| !sharer.is(key, id));
        let left = usage(sharing);
        if left == Usage::Unused {
            self.sharing.remove(&of);
            self.refused.remove(subject);
            self.wanted.remove(subject);
        }
        if left != Usage::Asked {
            tell(subject, left);
        }
    }
}

fn usage(sharers: &Sharers) -> Usage {
    if sharers.is_empty() {
        Usage::Unused
    } else if sharers.iter().all(|sharer| sharer.interval.is_none()) {
        Usage::Unasked
    } else {
        Usage::Asked
    }
}

#[cfg(test)]
mod tests;
