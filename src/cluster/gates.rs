//! Which Pods wait behind our scheduling gate, and which of them is to be looked at next.
//!
//! A Pod is looked at when it comes, when a connection that it names is not what it was seen to be, and after a pause if whoever looked
//! asked for one.

mod refusals;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{object::ObjectKey, pods::WaitingPod, scope::Scope};
use crate::domain::gate::{Readiness, Told, Wish};
pub use refusals::NotYet;
use refusals::Refusals;

/// How long an answer is believed whether another operator looks after a connection: less than a Pod waits before it is told that there is none.
const BELIEVED: Duration = Duration::from_secs(2);

/// The Pods that wait. Cheap to ask: most connections have none.
#[derive(Debug, Default)]
pub struct Gates {
    inner: Mutex<Inner>,
    changed: Notify,
}

/// A Pod that is being looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Namespace and name.
    pub key: ObjectKey,
    /// `metadata.uid`.
    pub uid: Box<str>,
    /// `metadata.resourceVersion`, as it was seen last.
    pub version: Box<str>,
    /// What it waits for.
    pub wish: Wish,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Since when this process knows it.
    pub since: Instant,
    /// What each connection that it names was seen to be; `None` if this operator looks after none of this name.
    pub seen: Vec<Option<Readiness>>,
    /// Why it waits, as was told.
    pub told: Told,
    /// How often in a row its gate could not be lifted.
    pub failures: u32,
}

#[derive(Debug, Default)]
struct Inner {
    pods: BTreeMap<ObjectKey, Waiting>,
    /// When each is to be looked at that is not being looked at.
    due: BTreeSet<(Instant, ObjectKey)>,
    refusals: Refusals,
    /// Of connections that are not known here, whether there is one all the same, and since when that is known.
    elsewhere: BTreeMap<ObjectKey, (Instant, bool)>,
}

#[derive(Debug)]
struct Waiting {
    look: Look,
    /// Its instant in `due`.
    due: Option<Instant>,
    /// Whether somebody looks at it.
    is_looked_at: bool,
    /// Whether it is in the list that is being read.
    is_listed: bool,
}

impl Gates {
    /// A list of the Pods of the scope begins.
    pub(super) fn list(&self, scope: &Scope) {
        let mut inner = self.lock();
        inner.pods.iter_mut().filter(|(key, _)| scope.covers(key)).for_each(|(_, pod)| pod.is_listed = false);
    }

    /// The list is complete: what was not in it is gone.
    pub(super) fn listed(&self, scope: &Scope) {
        let mut inner = self.lock();
        let is_gone = |(key, pod): (&ObjectKey, &Waiting)| scope.covers(key) && !pod.is_listed;
        let gone: Vec<_> =
            inner.pods.iter().filter(|pod| is_gone(*pod)).map(|(key, _)| key.clone()).collect();
        gone.iter().for_each(|key| inner.forget(key));
    }

    /// Takes in a Pod that a list or an event told of.
    pub(super) fn saw(&self, pod: WaitingPod) {
        let mut inner = self.lock();
        let WaitingPod { key, uid, version, created, wish, waits, .. } = pod;
        if !waits {
            inner.forget(&key);
            return;
        }
        let now = Instant::now();
        if let Some(known) = inner.pods.get_mut(&key).filter(|known| known.look.uid == uid) {
            known.is_listed = true;
            known.look.version = version;
            if known.look.wish == wish {
                return;
            }
            known.look.wish = wish;
        } else {
            inner.forget(&key);
            let look = Look {
                key: key.clone(),
                uid,
                version,
                wish,
                created,
                since: now,
                seen: Vec::new(),
                told: Told::default(),
                failures: 0,
            };
            let waiting = Waiting { look, due: None, is_looked_at: false, is_listed: true };
            inner.pods.insert(key.clone(), waiting);
        }
        inner.look_at(&key, now);
        drop(inner);
        self.changed.notify_one();
    }

    /// The Pod waits no more.
    pub fn lost(&self, key: &ObjectKey, uid: &str) {
        let mut inner = self.lock();
        if inner.pods.get(key).is_some_and(|known| *known.look.uid == *uid) {
            inner.forget(key);
        }
    }

    /// The gate of the Pod was lifted. What kept others from it in its namespace may be over.
    pub fn lifted(&self, look: &Look) {
        let mut inner = self.lock();
        if inner.refusals.lifted(look.key.namespace()) {
            let all = inner.beside(&look.key, |_| true);
            all.iter().for_each(|key| inner.look_at(key, Instant::now()));
        }
        drop(inner);
        self.lost(&look.key, &look.uid);
        self.changed.notify_one();
    }

    /// Whether the gate of the Pod may be tried now. Where RBAC refused it, one Pod at a time tries it.
    ///
    /// # Errors
    ///
    /// Why not now, and how long.
    pub fn may_lift(&self, look: &Look) -> Result<(), NotYet> {
        self.lock().refusals.admit(look.key.namespace())
    }

    /// No gate of the Pod's namespace may be lifted, for this cause; gives the pause after which it may be tried again.
    pub fn refused(&self, look: &Look, cause: &str) -> Duration {
        self.lock().refusals.refused(look.key.namespace(), cause)
    }

    /// What a connection is now that this operator looks after, or that it looks after none of this name: those are looked at that have
    /// seen it otherwise.
    pub fn changed(&self, connection: &ObjectKey, readiness: Option<Readiness>) {
        let mut inner = self.lock();
        let concerns = |pod: &Waiting| {
            let place = pod.look.wish.place(connection.name());
            place.is_some_and(|place| pod.is_looked_at || pod.look.seen.get(place) != Some(&readiness))
        };
        let waiting = inner.beside(connection, concerns);
        waiting.iter().for_each(|key| inner.look_at(key, Instant::now()));
        drop(inner);
        if !waiting.is_empty() {
            self.changed.notify_one();
        }
    }

    /// Whether there is a connection that is not known here, if somebody has asked a moment ago.
    pub fn is_elsewhere(&self, connection: &ObjectKey) -> Option<bool> {
        let mut inner = self.lock();
        inner.elsewhere.retain(|_, (since, _)| since.elapsed() < BELIEVED);
        inner.elsewhere.get(connection).map(|(_, is_there)| *is_there)
    }

    /// Keeps whether there is one.
    pub fn keep_elsewhere(&self, connection: ObjectKey, is_there: bool) {
        self.lock().elsewhere.insert(connection, (Instant::now(), is_there));
    }

    /// The next Pod to look at, once there is one. It is nobody else's until [`Gates::done`].
    pub async fn next(&self) -> Look {
        loop {
            let changed = self.changed.notified();
            let next = {
                let mut inner = self.lock();
                match inner.take(Instant::now()) {
                    Ok(look) => {
                        drop(inner);
                        // Another worker may have the next one.
                        self.changed.notify_one();
                        return look;
                    }
                    Err(next) => next,
                }
            };
            match next {
                Some(at) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(at) => {}
                },
                None => changed.await,
            }
        }
    }

    /// It was looked at, and is looked at again when something changes, and after this pause.
    pub fn done(&self, look: &Look, again: Option<Duration>) {
        let mut inner = self.lock();
        let Some(known) = inner.pods.get_mut(&look.key).filter(|known| known.look.uid == look.uid) else {
            return;
        };
        known.is_looked_at = false;
        known.look.seen.clone_from(&look.seen);
        known.look.told.clone_from(&look.told);
        known.look.failures = look.failures;
        let at = again.and_then(|pause| Instant::now().checked_add(pause));
        let due = known.due.into_iter().chain(at).min();
        if let Some(at) = due {
            inner.look_at(&look.key, at);
        }
        drop(inner);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The Pods of the same namespace of which this holds.
    fn beside(&self, key: &ObjectKey, holds: impl Fn(&Waiting) -> bool) -> Vec<ObjectKey> {
        let all = self.pods.range(key.beside("")..);
        let all = all.take_while(|(pod, _)| pod.namespace() == key.namespace());
        all.filter(|(_, pod)| holds(pod)).map(|(key, _)| key.clone()).collect()
    }

    /// Has the Pod looked at at this instant, or at an earlier one that is set already. Who looks at it is waited for.
    fn look_at(&mut self, key: &ObjectKey, at: Instant) {
        let Some(pod) = self.pods.get_mut(key) else { return };
        if let Some(due) = pod.due {
            self.due.remove(&(due, key.clone()));
        }
        let at = pod.due.map_or(at, |due| due.min(at));
        pod.due = Some(at);
        if !pod.is_looked_at {
            self.due.insert((at, key.clone()));
        }
    }

    fn forget(&mut self, key: &ObjectKey) {
        if let Some(due) = self.pods.remove(key).and_then(|pod| pod.due) {
            self.due.remove(&(due, key.clone()));
        }
    }

    /// The Pod whose turn it is, else the instant at which it will be that of one.
    fn take(&mut self, now: Instant) -> Result<Look, Option<Instant>> {
        let Some((at, key)) = self.due.first().cloned() else { return Err(None) };
        if at > now {
            return Err(Some(at));
        }
        self.due.pop_first();
        let pod = self.pods.get_mut(&key).ok_or(None)?;
        pod.due = None;
        pod.is_looked_at = true;
        Ok(pod.look.clone())
    }
}

#[cfg(test)]
mod tests;
