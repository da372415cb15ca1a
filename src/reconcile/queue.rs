//! Which connection is reconciled next: first what GitHub has just answered about, then new ones, then changed ones, then those that
//! were judged before this process started.
//!
//! A connection is reconciled by one worker at a time. What wakes it meanwhile is not lost: it comes again.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus_client::metrics::histogram::Histogram;
use tokio::{sync::Notify, time::Instant};

use crate::cluster::object::ObjectKey;

/// How soon a connection is served; the first comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// GitHub has just answered about its token, whose bytes are at hand.
    Answered,
    /// Nobody has judged it yet.
    New,
    /// Something has changed, or an instant was reached.
    Changed,
    /// It was judged before; it is only checked whether it is as it was.
    Known,
}

const PRIORITIES: [Priority; 4] = [Priority::Answered, Priority::New, Priority::Changed, Priority::Known];

/// The number of priorities, from the most urgent on, that are served before the Secrets are listed.
const CLOSED: usize = 2;
/// The length up to which a line keeps its memory when it is empty.
const SHORT: usize = 64;
/// The interval at which one is taken from the end of the line.
const ONE_IN: u32 = 8;
/// The bounds of a histogram in seconds, as controller-runtime has them.
const BUCKETS: [f64; 12] = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0];

/// How much there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// How many connections wait for a worker.
    pub waiting: u64,
    /// How many are at work.
    pub running: u64,
    /// How many come again at an instant.
    pub timed: u64,
    /// How many were queued so far.
    pub added: u64,
    /// For how long those at work have been, together.
    pub unfinished: Duration,
    /// The longest of these.
    pub longest: Duration,
}

/// The queue of connections.
#[derive(Debug)]
pub struct Queue {
    inner: Mutex<Inner>,
    changed: Notify,
    /// A reconcile has ended.
    ended: Notify,
    /// For how many seconds each waited for a worker.
    pub(super) waited: Histogram,
    /// For how many seconds each was at work.
    pub(super) worked: Histogram,
}

#[derive(Debug, Default)]
struct Inner {
    ready: [VecDeque<ObjectKey>; 4],
    timers: BTreeSet<(Instant, ObjectKey)>,
    entries: HashMap<ObjectKey, Entry>,
    /// Whether connections that were judged before are served.
    open: bool,
    /// Whether nobody is served any more.
    closed: bool,
    /// How many are queued.
    waiting: usize,
    /// How many were queued so far.
    added: u64,
    /// Those that are at work, and since when each is.
    running: HashMap<ObjectKey, Instant>,
    /// How many were taken so far.
    taken: u32,
    /// When a connection was taken or finished last.
    moved: Option<Instant>,
}

/// Where a connection is.
#[derive(Debug)]
enum Entry {
    /// It comes at this instant.
    Timed(Instant),
    /// It waits for a worker, since this instant.
    Queued(Priority, Instant),
    /// It is at work, and comes again at once if it was woken meanwhile.
    Running(Option<Priority>),
}

impl Default for Queue {
    fn default() -> Self {
        Queue {
            inner: Mutex::default(),
            changed: Notify::new(),
            ended: Notify::new(),
            waited: Histogram::new(BUCKETS),
            worked: Histogram::new(BUCKETS),
        }
    }
}

impl Queue {
    /// Has the connection reconciled as soon as possible.
    pub fn wake(&self, key: &ObjectKey, priority: Priority) {
        self.lock().wake(key, priority);
        self.changed.notify_one();
    }

    /// Serves those that were judged before, too.
    pub fn open(&self) {
        self.lock().open = true;
        self.changed.notify_one();
    }

    /// Forgets the connection. One that is running ends by itself.
    pub fn forget(&self, key: &ObjectKey) {
        let mut inner = self.lock();
        if let Some(Entry::Running(again)) = inner.entries.get_mut(key) {
            *again = None;
            return;
        }
        match inner.entries.remove(key) {
            Some(Entry::Queued(..)) => {
                inner.waiting = inner.waiting.saturating_sub(1);
                // Who waits for quiet may have waited for this one.
                self.ended.notify_waiters();
            }
            Some(Entry::Timed(at)) => {
                inner.timers.remove(&(at, key.clone()));
            }
            Some(Entry::Running(_)) | None => {}
        }
    }

    /// The next connection, as soon as there is one.
    pub async fn next(&self) -> ObjectKey {
        loop {
            let (taken, wake_at) = {
                let mut inner = self.lock();
                inner.expire(Instant::now());
                (inner.take(), inner.timers.first().map(|(at, _)| *at))
            };
            if let Some((key, waited)) = taken {
                self.waited.observe(waited.as_secs_f64());
                // Several workers wait, and one change wakes one of them.
                self.changed.notify_one();
                return key;
            }
            match wake_at {
                Some(at) => {
                    tokio::select! {
                        () = self.changed.notified() => {}
                        () = tokio::time::sleep_until(at) => {}
                    }
                }
                None => self.changed.notified().await,
            }
        }
    }

    /// A reconcile has ended; the connection comes again after this pause, if one is named.
    pub fn done(&self, key: &ObjectKey, requeue_after: Option<Duration>) {
        let mut inner = self.lock();
        let now = Instant::now();
        inner.moved = Some(now);
        let since = inner.running.remove(key).unwrap_or(now);
        let Some(Entry::Running(again)) = inner.entries.remove(key) else { return };
        match (again, requeue_after) {
            (Some(priority), _) => inner.wake(key, priority),
            (None, Some(pause)) => {
                let at = now.checked_add(pause).unwrap_or(now);
                inner.entries.insert(key.clone(), Entry::Timed(at));
                inner.timers.insert((at, key.clone()));
            }
            (None, None) => {}
        }
        drop(inner);
        self.worked.observe(now.duration_since(since).as_secs_f64());
        self.changed.notify_one();
        self.ended.notify_waiters();
    }

    /// Waits until nobody is queued or being reconciled.
    pub async fn quiet(&self) {
        self.until(|inner| inner.waiting == 0 && inner.running.is_empty()).await;
    }

    /// Serves nobody any more, and waits for those that are being reconciled.
    pub async fn close(&self) {
        self.lock().closed = true;
        self.until(|inner| inner.running.is_empty()).await;
    }

    async fn until(&self, is_so: impl Fn(&Inner) -> bool) {
        loop {
            let ended = self.ended.notified();
            if is_so(&self.lock()) {
                return;
            }
            ended.await;
        }
    }

    /// How much there is to do.
    pub fn size(&self) -> Size {
        let inner = self.lock();
        let now = Instant::now();
        // Whose instant has come waits too, also before a worker is free to notice.
        let overdue = inner.timers.iter().take_while(|(at, _)| *at <= now).count();
        let waiting = inner.waiting.saturating_add(overdue);
        let timed = inner.timers.len().saturating_sub(overdue);
        let [waiting, running, timed] =
            [waiting, inner.running.len(), timed].map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        let under_way = inner.running.values().map(|since| now.duration_since(*since));
        let (unfinished, longest) = under_way
            .fold((Duration::ZERO, Duration::ZERO), |(sum, longest), one| {
                (sum.saturating_add(one), longest.max(one))
            });
        Size { waiting, running, timed, added: inner.added, unfinished, longest }
    }

    /// For how long work has waited while nothing was taken or finished; `None` while nothing waits. An instant that has come
    /// and that nobody has noticed is work too.
    pub fn stalled_for(&self) -> Option<Duration> {
        let inner = self.lock();
        let moved = inner.moved.map_or(Duration::ZERO, |moved| moved.elapsed());
        let is_queued = inner.open && inner.waiting > 0;
        let overdue = inner.timers.first().map(|(at, _)| at.elapsed()).filter(|overdue| !overdue.is_zero());
        if is_queued { Some(moved) } else { overdue.map(|overdue| overdue.min(moved)) }
    }

    /// No change of this runs code that can panic, so a lock that a panicking holder left is as good as any.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn wake(&mut self, key: &ObjectKey, priority: Priority) {
        match self.entries.get_mut(key) {
            Some(Entry::Running(again)) => {
                *again = Some(again.map_or(priority, |again| again.min(priority)));
                return;
            }
            Some(Entry::Queued(queued, _)) => {
                if *queued <= priority {
                    return;
                }
                *queued = priority;
            }
            Some(Entry::Timed(at)) => {
                let at = *at;
                self.timers.remove(&(at, key.clone()));
                self.enter(key, priority, at.min(Instant::now()));
            }
            None => self.enter(key, priority, Instant::now()),
        }
        self.of(priority).push_back(key.clone());
    }

    /// `since` is when it came, noticed or not.
    fn enter(&mut self, key: &ObjectKey, priority: Priority, since: Instant) {
        // Nothing waited before, so nothing has stood still.
        if self.waiting == 0 {
            self.moved = Some(Instant::now());
        }
        self.waiting = self.waiting.saturating_add(1);
        self.added = self.added.saturating_add(1);
        self.entries.insert(key.clone(), Entry::Queued(priority, since));
    }

    fn of(&mut self, priority: Priority) -> &mut VecDeque<ObjectKey> {
        let [answered, new, changed, known] = &mut self.ready;
        match priority {
            Priority::Answered => answered,
            Priority::New => new,
            Priority::Changed => changed,
            Priority::Known => known,
        }
    }

    /// Queues everything whose instant has come.
    fn expire(&mut self, now: Instant) {
        while self.timers.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, key)) = self.timers.pop_first() {
                self.wake(&key, Priority::Changed);
            }
        }
    }

    /// Takes the first connection of the first priority, and tells for how long it waited. A place in line that is no longer good, since
    /// the connection was forgotten or has moved to a better one, is passed over.
    fn take(&mut self) -> Option<(ObjectKey, Duration)> {
        if self.closed {
            return None;
        }
        let mut served = PRIORITIES.to_vec();
        served.truncate(if self.open { PRIORITIES.len() } else { CLOSED });
        // Nobody waits for ever because others keep coming: now and then the last in line is the first.
        if self.taken % ONE_IN == ONE_IN - 1 {
            served.reverse();
        }
        for priority in served {
            while let Some(key) = self.of(priority).pop_front() {
                let Some(entry) = self.entries.get_mut(&key) else { continue };
                if let Entry::Queued(queued, since) = *entry
                    && queued == priority
                {
                    let now = Instant::now();
                    *entry = Entry::Running(None);
                    self.running.insert(key.clone(), now);
                    self.waiting = self.waiting.saturating_sub(1);
                    self.taken = self.taken.wrapping_add(1);
                    self.moved = Some(now);
                    return Some((key, now.duration_since(since)));
                }
            }
            // What a burst took is given back.
            self.of(priority).shrink_to(SHORT);
        }
        None
    }
}

#[cfg(test)]
mod tests;
