//! Which tokens of a namespace were never accepted and want to be asked about: a few, or a flood.

use std::{collections::HashMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use super::super::{super::token::HashedToken, schedule::earlier};

/// More tokens than this are a flood. No more than one beyond is kept of a namespace.
const FEW: usize = 3;
/// Who waits comes again within an hour: a token that was not heard of for longer than this is not wanted any more.
const KEPT: SignedDuration = SignedDuration::from_hours(2);

/// By namespace.
#[derive(Debug, Default)]
pub(super) struct Unproven(HashMap<Arc<str>, Vec<Wanted>>);

#[derive(Debug)]
struct Wanted {
    token: HashedToken,
    since: Timestamp,
    last: Timestamp,
}

impl Unproven {
    /// A question about the token is wanted.
    pub(super) fn want(&mut self, namespace: &Arc<str>, token: HashedToken, now: Timestamp) {
        let wanted = self.0.entry(namespace.clone()).or_default();
        wanted.retain(|known| known.last > earlier(now, KEPT));
        if let Some(known) = wanted.iter_mut().find(|known| known.token == token) {
            known.last = now;
        } else if wanted.len() <= FEW {
            wanted.push(Wanted { token, since: now, last: now });
        }
    }

    /// The token was accepted, or nobody wants to know about it any more.
    pub(super) fn settle(&mut self, token: &HashedToken) {
        self.0.retain(|_, wanted| {
            wanted.retain(|known| known.token != *token);
            !wanted.is_empty()
        });
    }

    /// Since when the first of them waits, if they are a few; `None` for a flood.
    pub(super) fn few_since(&self, namespace: &Arc<str>) -> Option<Timestamp> {
        let Some(wanted) = self.0.get(namespace) else { return Some(Timestamp::MIN) };
        let is_few = wanted.len() <= FEW;
        wanted.iter().map(|known| known.since).min().filter(|_| is_few)
    }

    /// The clock was set back.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        for known in self.0.values_mut().flatten() {
            (known.since, known.last) = (known.since.min(now), known.last.min(now));
        }
    }
}
