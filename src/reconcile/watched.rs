//! What the process remembers of one Secret that the token is read from, and of the token in it; always safe to lose.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::sum::{Sum, sum};
use crate::{
    api::SecretKeyRef,
    domain::{
        Verdict,
        knowledge::{Deferred, Knowledge, Proofs},
        probing::Subject,
        second::Second,
        token::{Description, LegacyTokens, Token},
        version::Version,
    },
};

/// The bytes of a token are used no longer than this after they were read, and only while the Secret is in the same state.
pub(super) const BYTES_HELD: Duration = Duration::from_secs(2);
/// The same while nobody tells of changes of the Secret, since those of the namespace are not listed yet, or their watch is broken. The list of a namespace with large
/// Secrets takes longer than a question does, so that the bytes of most questions are read within this.
pub(super) const UNTOLD: Duration = Duration::from_millis(500);

/// What is remembered of one Secret that the token is read from, and of the token in it.
#[derive(Debug)]
pub(super) struct Watched {
    /// Tells it from the others of the same connection, whatever their order.
    pub(super) id: u8,
    /// When this process first saw the token that is in it.
    pub(super) since: Second,
    /// What was read from it.
    pub(super) source: Option<Source>,
    /// The token on its host.
    pub(super) subject: Option<Subject>,
    /// What the status said of it when this process started.
    pub(super) remembered: Option<Box<Knowledge>>,
    /// When GitHub accepted the token first, as the status said.
    pub(super) first_proven: Option<Second>,
    /// The token, while a question about it is on its way.
    pub(super) bytes: Option<Box<Bytes>>,
    /// Why the prober does not take a question at present.
    pub(super) not_now: Option<Box<Deferred>>,
    /// The same of questions beside identity, for which the queue of the host has no room.
    pub(super) proofs_not_now: Option<Box<Proofs>>,
    /// Whether the status of another connection remembers that the token was refused since this one's says it was accepted.
    pub(super) is_contested: bool,
}

/// What the source held, and in which state of it.
#[derive(Debug)]
pub(super) struct Source {
    state: Sum,
    pub(super) token: Verdict<Description>,
}

/// The bytes of the token, and the state of the source in which they stood.
#[derive(Debug)]
pub(super) struct Bytes {
    state: Sum,
    at: Instant,
    token: Token,
}

/// What is read of the source, and what is taken for a token in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    pub(super) reference: &'a SecretKeyRef,
    pub(super) legacy: LegacyTokens,
}

impl Bytes {
    fn is_young(&self) -> bool {
        self.at.elapsed() <= BYTES_HELD
    }
}

impl Watched {
    pub(super) fn new(id: u8, now: Timestamp) -> Self {
        Watched {
            id,
            since: now.into(),
            source: None,
            subject: None,
            remembered: None,
            first_proven: None,
            bytes: None,
            not_now: None,
            proofs_not_now: None,
            is_contested: false,
        }
    }

    /// A clock that was set back must not have every pause begin anew at each look, nor one last until an instant that only the wrong
    /// clock would have reached.
    pub(super) fn not_ahead_of(&mut self, now: Timestamp) {
        let second = Second::from(now);
        self.since = self.since.min(second);
        self.first_proven = self.first_proven.map(|at| at.min(second));
        self.remembered.iter_mut().for_each(|knowledge| knowledge.set_back(now));
        self.not_now.iter_mut().for_each(|deferred| deferred.set_back(now));
        let proofs = self.proofs_not_now.iter_mut().flat_map(|proofs| proofs.values_mut());
        proofs.for_each(|proven| proven.set_back(now));
    }

    /// Its host has been another one since then: nothing is known of the token there. What the process remembers from later on stays.
    pub(super) fn host_moved(&mut self, at: Timestamp) {
        if Timestamp::from(self.since) < at {
            self.since = at.into();
            (self.remembered, self.first_proven) = (None, None);
            (self.not_now, self.proofs_not_now) = (None, None);
            self.is_contested = false;
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
        self.bytes = Some(Box::new(Bytes { state: state(reading, version), at, token }));
    }

    /// The bytes that were held, if they were read within this time and the source is still in that state.
    pub(super) fn release(
        &mut self,
        reading: Reading<'_>,
        version: Option<&Version>,
        within: Duration,
    ) -> Option<(Token, Instant)> {
        let held = self.bytes.take()?;
        (held.at.elapsed() <= within && held.state == state(reading, version))
            .then_some((held.token, held.at))
    }

    /// Drops the bytes that are held, unless they are of use still.
    pub(super) fn drop_bytes(&mut self, of_use: bool) {
        self.bytes = self.bytes.take().filter(|held| of_use && held.is_young());
    }
}

/// One number for the part of the source that is read, in one state.
fn state(reading: Reading<'_>, version: Option<&Version>) -> Sum {
    sum(&(&reading.reference.name, &reading.reference.key, reading.legacy, version))
}

#[cfg(test)]
mod tests;
