//! What the process remembers of each connection beside its status; always safe to lose.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use smallvec::SmallVec;
use tokio::time::Instant;

use super::contention::Contentions;
use crate::{
    api::SecretKeyRef,
    cluster::{
        marks::Others,
        object::{Few, ObjectKey},
    },
    domain::{
        Verdict,
        decide::{Circle, Holds},
        knowledge::{Deferred, Knowledge},
        output::Stamp,
        probing::Subject,
        second::Second,
        token::{Description, LegacyTokens, Token},
        version::Version,
    },
};

/// The bytes of a token are used no longer than this after they were read, and only while the Secret is in the same state.
const BYTES_HELD: Duration = Duration::from_secs(2);
/// What is remembered of one connection.
#[derive(Debug)]
pub(super) struct Record {
    /// The connection, beyond its name.
    pub(super) uid: Arc<str>,
    /// When this process first saw the token that is in the source.
    pub(super) since: Second,
    /// What was read from the source.
    pub(super) source: Option<Source>,
    /// The token on its host.
    pub(super) subject: Option<Subject>,
    /// What the status said of it when this process started.
    pub(super) remembered: Option<Box<Knowledge>>,
    /// When GitHub accepted the token first, as the status said.
    pub(super) first_proven: Option<Second>,
    /// The outputs that lead back to the connection.
    pub(super) circles: Box<[Circle]>,
    /// What the outputs hold.
    pub(super) outputs: SmallVec<[Verified; 1]>,
    /// The token, while a question about it is on its way.
    pub(super) held: Option<Box<Held>>,
    /// Why the prober does not take a question at present.
    pub(super) not_now: Option<Box<Deferred>>,
    /// The request that was acted on in this process.
    pub(super) handled_request: Option<Box<str>>,
    /// When a suspension ended that the status still tells of.
    pub(super) resumed: Option<Second>,
    /// Whether the status of another connection remembers that the token was refused since this one's says it was accepted.
    pub(super) is_contested: bool,
    /// The demands that were seen last, as a sum.
    pub(super) demands: Option<u64>,
    /// Since when they are demanded, if they changed in this process.
    pub(super) demanded: Option<Second>,
    /// When GitHub was last asked because of a request.
    pub(super) asked_on_request: Option<Second>,
    /// The status that we wrote last, or found to say all there is to say.
    pub(super) written: Option<Written>,
    /// The draft that was found to say what stands in the cluster, and what stands there, by one sum of both.
    pub(super) said: Option<u64>,
    /// Since when the first answer about the token is awaited.
    pub(super) awaiting: Option<Instant>,
    /// The labels and annotations of outputs that are gone, for when they are made again.
    pub(super) others: Others,
    /// Other writers of the same objects.
    pub(super) contentions: Contentions,
    /// Failed reconciles in a row.
    pub(super) failures: u32,
}

/// What the source held, and in which state of it.
#[derive(Debug)]
pub(super) struct Source {
    state: u64,
    pub(super) token: Verdict<Description>,
}

/// What an output holds, in which state of it, compared with what. Name, state and stamp are kept as sums.
#[derive(Clone, Debug)]
pub(super) struct Verified {
    name: u64,
    state: u64,
    stamp: u64,
    pub(super) holds: Holds,
    /// Whether this process wrote it so, whatever it holds by now.
    pub(super) ours: bool,
}

/// The bytes of the token, and the state of the source in which they stood.
#[derive(Debug)]
pub(super) struct Held {
    state: u64,
    at: Instant,
    token: Token,
}

/// What is read of the source, and what is taken for a token in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    pub(super) reference: &'a SecretKeyRef,
    pub(super) legacy: LegacyTokens,
}

impl Held {
    fn is_young(&self) -> bool {
        self.at.elapsed() <= BYTES_HELD
    }
}

/// A status that we wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) fingerprint: u64,
    pub(super) generation: i64,
}

impl Record {
    fn new(uid: Arc<str>, now: Timestamp) -> Self {
        Record {
            uid,
            since: now.into(),
            source: None,
            subject: None,
            remembered: None,
            first_proven: None,
            circles: Box::default(),
            outputs: SmallVec::new(),
            held: None,
            not_now: None,
            handled_request: None,
            resumed: None,
            is_contested: false,
            demands: None,
            demanded: None,
            asked_on_request: None,
            written: None,
            said: None,
            awaiting: None,
            others: Others::default(),
            contentions: Contentions::default(),
            failures: 0,
        }
    }

    /// What was read from the source, if it is still in that state.
    pub(super) fn source(
        &self,
        reading: Reading<'_>,
        version: Option<&Version>,
    ) -> Option<&Verdict<Description>> {
        // That there was none is never taken for known: an event may have been on its way.
        let source = self.source.as_ref().filter(|_| version.is_some())?;
        (source.state == state(reading, version)).then_some(&source.token)
    }

    /// Keeps what was read from the source in this state.
    pub(super) fn read_source(
        &mut self,
        reading: Reading<'_>,
        version: Option<&Version>,
        token: Verdict<Description>,
    ) {
        self.source = Some(Source { state: state(reading, version), token });
    }

    /// Keeps the bytes, which were read then, while a question about them is on its way.
    pub(super) fn hold(
        &mut self,
        reading: Reading<'_>,
        version: Option<&Version>,
        token: Token,
        at: Instant,
    ) {
        self.held = Some(Box::new(Held { state: state(reading, version), at, token }));
    }

    /// The bytes that were held, if they were read a moment ago and the source is still in that state.
    pub(super) fn release(
        &mut self,
        reading: Reading<'_>,
        version: Option<&Version>,
    ) -> Option<(Token, Instant)> {
        let held = self.held.take()?;
        (held.is_young() && held.state == state(reading, version)).then_some((held.token, held.at))
    }

    /// Drops the bytes that are held, unless they are of use still.
    pub(super) fn drop_bytes(&mut self, of_use: bool) {
        self.held = self.held.take().filter(|held| of_use && held.is_young());
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

    /// True if this process wrote the output as it is wanted, so that whatever else stands there is somebody else's doing.
    pub(super) fn wrote(&self, name: &str, stamp: Option<Stamp>) -> bool {
        self.outputs.iter().any(|known| known.name == sum(name) && known.ours && known.stamp == sum(&stamp))
    }

    /// Forgets what this output holds.
    pub(super) fn forget_output(&mut self, name: &str) {
        let name = sum(name);
        self.outputs.retain(|known| known.name != name);
    }
}

/// One number for the part of the source that is read, in one state.
fn state(reading: Reading<'_>, version: Option<&Version>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&reading.reference.name, &reading.reference.key, reading.legacy, version).hash(&mut hasher);
    hasher.finish()
}

/// Equal for equal values, in this process.
pub(super) fn sum(of: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// All records, and who shares a token.
#[derive(Debug, Default)]
pub(super) struct Records {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    records: HashMap<ObjectKey, Box<Record>>,
    sharing: HashMap<Subject, Sharers>,
    /// When the tokens were refused last that a status of the first list remembers as refused.
    refused: HashMap<Subject, Second>,
}

/// The connections that share a token, each with its interval in seconds, if it asks at all.
type Sharers = SmallVec<[(ObjectKey, Option<NonZeroU32>); 1]>;

impl Records {
    /// Takes the record of a connection out; a new one if there is none of this uid. `forget` is told of a token that nobody uses
    /// any more.
    pub(super) fn take(
        &self,
        key: &ObjectKey,
        uid: &Arc<str>,
        now: Timestamp,
        forget: impl Fn(&Subject),
    ) -> Box<Record> {
        let mut inner = self.lock();
        match inner.records.remove(key) {
            Some(record) if record.uid == *uid => return record,
            Some(other) => inner.leave(key, &other, forget),
            None => {}
        }
        Box::new(Record::new(uid.clone(), now))
    }

    /// Puts it back.
    pub(super) fn put(&self, key: &ObjectKey, record: Box<Record>) {
        self.lock().records.insert(key.clone(), record);
    }

    /// Who shares this token.
    pub(super) fn sharing(&self, subject: &Subject) -> Few {
        let inner = self.lock();
        inner.sharing.get(subject).into_iter().flatten().map(|(key, _)| key.clone()).collect()
    }

    /// The connection uses this token now, in place of the one before. `forget` is told of that one if nobody uses it any more,
    /// before anybody else can use it again.
    pub(super) fn share(
        &self,
        key: &ObjectKey,
        before: Option<&Subject>,
        after: &Subject,
        forget: impl Fn(&Subject),
    ) {
        let mut inner = self.lock();
        let sharing = inner.sharing.entry(after.clone()).or_default();
        if !sharing.iter().any(|(sharer, _)| sharer == key) {
            sharing.push((key.clone(), None));
        }
        if let Some(before) = before.filter(|before| *before != after) {
            inner.unshare(key, before, forget);
        }
    }

    /// Keeps that a status remembers a refusal of the token.
    pub(super) fn remember_refusal(&self, subject: Subject, at: Timestamp) {
        let mut inner = self.lock();
        let last = inner.refused.entry(subject).or_insert(at.into());
        *last = Timestamp::from(*last).max(at).into();
    }

    /// True if some status remembers that the token was refused after this instant.
    pub(super) fn is_refused_since(&self, subject: &Subject, accepted: Timestamp) -> bool {
        self.lock().refused.get(subject).is_some_and(|at| Timestamp::from(*at) > accepted)
    }

    /// Keeps how often this connection has the token asked about; `None` if it does not. True if another one has it asked about more
    /// often.
    pub(super) fn follows(
        &self,
        key: &ObjectKey,
        subject: &Subject,
        interval: Option<SignedDuration>,
    ) -> bool {
        let seconds =
            interval.and_then(|interval| u32::try_from(interval.as_secs()).ok()).and_then(NonZeroU32::new);
        let mut inner = self.lock();
        let Some(sharing) = inner.sharing.get_mut(subject) else { return false };
        let mut follows = false;
        for (sharer, interval) in sharing {
            if sharer == key {
                *interval = seconds;
            } else {
                follows |= interval.is_some_and(|interval| seconds.is_some_and(|seconds| interval < seconds));
            }
        }
        follows
    }

    /// Forgets a connection, and its token if nobody else uses it.
    pub(super) fn forget(&self, key: &ObjectKey, forget: impl Fn(&Subject)) {
        let mut inner = self.lock();
        if let Some(record) = inner.records.remove(key) {
            inner.leave(key, &record, forget);
        }
    }

    /// No change of this runs code that can panic, so a lock that a panicking holder left is as good as any.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn leave(&mut self, key: &ObjectKey, record: &Record, forget: impl Fn(&Subject)) {
        if let Some(subject) = &record.subject {
            self.unshare(key, subject, forget);
        }
    }

    fn unshare(&mut self, key: &ObjectKey, subject: &Subject, forget: impl Fn(&Subject)) {
        let Some(sharing) = self.sharing.get_mut(subject) else { return };
        sharing.retain(|(sharer, _)| sharer != key);
        if sharing.is_empty() {
            self.sharing.remove(subject);
            self.refused.remove(subject);
            forget(subject);
        }
    }
}

#[cfg(test)]
mod tests;
