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
        object::{Few, ObjectKey},
        outputs::Others,
    },
    domain::{
        Verdict,
        decide::Holds,
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
mod tests {
    use super::*;

    fn version(resource_version: &str) -> Version {
        Version { uid: "s".into(), resource_version: resource_version.into() }
    }

    fn reference(key: &str) -> SecretKeyRef {
        SecretKeyRef { name: "pat".to_owned(), key: key.to_owned() }
    }

    /// What is read where 40 hexadecimal digits are no token.
    fn of(reference: &SecretKeyRef) -> Reading<'_> {
        Reading { reference, legacy: LegacyTokens::Refused }
    }

    fn token(letter: &str) -> Token {
        Token::try_from(["ghp_", &letter.repeat(36)].concat().as_bytes()).unwrap()
    }

    fn subject(host: &str, letter: &str) -> Subject {
        Subject { host: host.into(), token: token(letter).hashed() }
    }

    fn record() -> Record {
        Record::new("uid".into(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_was_read_holds_for_one_key_of_one_state_of_the_source() {
        let mut record = record();
        let token = Verdict::Yes(token("a").describe());
        record.read_source(of(&reference("token")), Some(&version("7")), token.clone());
        assert_eq!(record.source(of(&reference("token")), Some(&version("7"))), Some(&token));
        for (key, state) in [("token", Some("8")), ("token", None), ("other", Some("7"))] {
            let state = state.map(version);
            assert_eq!(record.source(of(&reference(key)), state.as_ref()), None, "{key} {state:?}");
        }
        let reference = reference("token");
        let allowed = Reading { legacy: LegacyTokens::Allowed, ..of(&reference) };
        assert_eq!(
            record.source(allowed, Some(&version("7"))),
            None,
            "another host takes other values for tokens"
        );
    }

    #[test]
    fn that_there_was_no_secret_is_looked_at_again() {
        let mut record = record();
        record.read_source(
            of(&reference("token")),
            None,
            Verdict::no(crate::domain::Reason::SecretNotFound, "none"),
        );
        assert_eq!(record.source(of(&reference("token")), None), None);
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_are_used_once_soon_and_in_the_same_state_only() {
        let mut record = record();
        let (reference, seven, eight) = (reference("token"), version("7"), version("8"));
        record.hold(of(&reference), Some(&seven), token("a"), Instant::now());
        assert!(record.release(of(&reference), Some(&eight)).is_none(), "the source has changed");
        record.hold(of(&reference), Some(&seven), token("a"), Instant::now());
        let released = record.release(of(&reference), Some(&seven));
        assert_eq!(released.map(|(token, _)| token), Some(token("a")));
        assert!(record.release(of(&reference), Some(&seven)).is_none(), "used already");
        record.hold(of(&reference), Some(&seven), token("a"), Instant::now());
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!(record.release(of(&reference), Some(&seven)).is_none(), "read too long ago");
    }

    #[test]
    fn an_output_that_we_wrote_stays_ours_when_it_is_found_changed() {
        let (mut record, seven, eight) = (record(), version("7"), version("8"));
        let other = Holds::Other { same_token: false, fixed: false };
        record.verify("out", &seven, None, Holds::Wanted, true);
        record.verify("out", &eight, None, other, false);
        assert!(record.wrote("out", None));
        record.verify("found", &seven, None, other, false);
        assert!(!record.wrote("found", None), "it stood there before this process");
    }

    #[test]
    fn a_refusal_that_a_status_remembers_contests_what_was_accepted_before() {
        let (records, one) = (Records::default(), subject("h", "a"));
        let at = |second| Timestamp::from_second(second).unwrap();
        records.remember_refusal(one.clone(), at(9));
        records.remember_refusal(one.clone(), at(5));
        assert_eq!([8, 9].map(|second| records.is_refused_since(&one, at(second))), [true, false]);
        assert!(!records.is_refused_since(&subject("i", "a"), at(1)), "another host");
        let key = ObjectKey::new("x", "a");
        records.share(&key, None, &one, |_| {});
        records.share(&key, Some(&one), &subject("i", "a"), |_| {});
        assert!(!records.is_refused_since(&one, at(1)), "nobody uses it any more");
    }

    #[test]
    fn a_token_is_given_back_when_the_last_connection_leaves_it() {
        let records = Records::default();
        let (a, b) = (ObjectKey::new("x", "a"), ObjectKey::new("y", "b"));
        let (one, two) = (subject("h", "a"), subject("i", "a"));
        let given_back = std::cell::RefCell::new(Vec::new());
        let forget = |subject: &Subject| given_back.borrow_mut().push(subject.clone());
        records.share(&a, None, &one, forget);
        records.share(&b, None, &one, forget);
        assert_eq!(records.sharing(&one).as_slice(), [a.clone(), b.clone()]);
        records.share(&a, Some(&one), &two, forget);
        assert_eq!(given_back.borrow().as_slice(), [], "b uses it still");
        let mut record = Box::new(record());
        record.subject = Some(one.clone());
        records.put(&b, record);
        records.forget(&b, forget);
        assert_eq!(given_back.borrow().as_slice(), std::slice::from_ref(&one));
        assert_eq!(
            (records.sharing(&one).len(), records.sharing(&two).as_slice()),
            (0, [a.clone()].as_slice())
        );
        let mut record = Box::new(Record::new("earlier".into(), Timestamp::UNIX_EPOCH));
        record.subject = Some(two.clone());
        records.put(&a, record);
        records.take(&a, &"later".into(), Timestamp::UNIX_EPOCH, forget);
        assert_eq!(given_back.borrow().as_slice(), [one, two], "a connection made anew under the same name");
        assert!(records.lock().records.is_empty() && records.lock().sharing.is_empty());
    }
}
