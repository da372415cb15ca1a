//! Which connection is reconciled next: first what GitHub has just answered about, then new ones, then changed ones, then those that
//! were judged before this process started.
//!
//! A connection is reconciled by one worker at a time. What wakes it meanwhile is not lost: it comes again.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

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

/// So many of them are served before the Secrets are listed.
const CLOSED: usize = 2;
/// A line of so many keeps its memory when it is empty.
const SHORT: usize = 64;
/// One in so many is taken from the end of the line.
const ONE_IN: u32 = 8;

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
}

/// The queue of connections.
#[derive(Debug, Default)]
pub struct Queue {
    inner: Mutex<Inner>,
    changed: Notify,
    /// A reconcile has ended.
    ended: Notify,
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
    /// How many are at work.
    running: usize,
    /// How many were taken so far.
    taken: u32,
    /// When a connection was taken or finished last.
    moved: Option<Instant>,
}

#[derive(Debug, Default)]
struct Entry {
    queued: Option<Priority>,
    timer: Option<Instant>,
    running: bool,
    again: Option<Priority>,
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
        let Some(entry) = inner.entries.get_mut(key) else { return };
        entry.again = None;
        let was_queued = entry.queued.take().is_some();
        let timer = entry.timer.take();
        if !entry.running {
            inner.entries.remove(key);
        }
        inner.waiting = inner.waiting.saturating_sub(was_queued.into());
        if let Some(at) = timer {
            inner.timers.remove(&(at, key.clone()));
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
            if let Some(key) = taken {
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
        inner.running = inner.running.saturating_sub(1);
        let Some(entry) = inner.entries.get_mut(key) else { return };
        entry.running = false;
        match (entry.again.take(), requeue_after) {
            (Some(priority), _) => inner.wake(key, priority),
            (None, Some(pause)) => {
                let at = now.checked_add(pause).unwrap_or(now);
                entry.timer = Some(at);
                inner.timers.insert((at, key.clone()));
            }
            (None, None) => {
                inner.entries.remove(key);
            }
        }
        drop(inner);
        self.changed.notify_one();
        self.ended.notify_waiters();
    }

    /// Waits until nobody is queued or being reconciled.
    pub async fn quiet(&self) {
        self.until(|inner| inner.waiting == 0 && !inner.is_running()).await;
    }

    /// Serves nobody any more, and waits for those that are being reconciled.
    pub async fn close(&self) {
        self.lock().closed = true;
        self.until(|inner| !inner.is_running()).await;
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
        let [waiting, running, timed] = [inner.waiting, inner.running, inner.timers.len()]
            .map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        Size { waiting, running, timed, added: inner.added }
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
        let entry = self.entries.entry(key.clone()).or_default();
        if entry.running {
            entry.again = Some(entry.again.map_or(priority, |again| again.min(priority)));
            return;
        }
        if let Some(at) = entry.timer.take() {
            self.timers.remove(&(at, key.clone()));
        }
        let queued = entry.queued;
        if queued.is_none_or(|queued| priority < queued) {
            entry.queued = Some(priority);
            if queued.is_none() {
                // Nothing waited before, so nothing has stood still.
                if self.waiting == 0 {
                    self.moved = Some(Instant::now());
                }
                self.waiting = self.waiting.saturating_add(1);
                self.added = self.added.saturating_add(1);
            }
            self.of(priority).push_back(key.clone());
        }
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

    fn is_running(&self) -> bool {
        self.entries.values().any(|entry| entry.running)
    }

    /// Queues everything whose instant has come.
    fn expire(&mut self, now: Instant) {
        while self.timers.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, key)) = self.timers.pop_first() {
                if let Some(entry) = self.entries.get_mut(&key) {
                    entry.timer = None;
                }
                self.wake(&key, Priority::Changed);
            }
        }
    }

    /// Takes the first connection of the first priority. A place in line that is no longer good, since the connection was
    /// forgotten or has moved to a better one, is passed over.
    fn take(&mut self) -> Option<ObjectKey> {
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
                if entry.queued == Some(priority) {
                    entry.queued = None;
                    entry.running = true;
                    self.running = self.running.saturating_add(1);
                    self.waiting = self.waiting.saturating_sub(1);
                    self.taken = self.taken.wrapping_add(1);
                    self.moved = Some(Instant::now());
                    return Some(key);
                }
            }
            // What a burst took is given back.
            self.of(priority).shrink_to(SHORT);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    #[tokio::test(start_paused = true)]
    async fn answers_come_before_new_connections_before_changed_ones_before_known_ones() {
        let queue = Queue::default();
        queue.open();
        let woken = [
            ("k", Priority::Known),
            ("c", Priority::Changed),
            ("n", Priority::New),
            ("a", Priority::Answered),
            ("k", Priority::New),
        ];
        for (name, priority) in woken {
            queue.wake(&key(name), priority);
        }
        for name in ["a", "n", "k", "c"] {
            assert_eq!(queue.next().await, key(name));
        }
        assert_eq!(queue.stalled_for(), None, "the first place of k is no longer good");
    }

    #[tokio::test(start_paused = true)]
    async fn who_keeps_coming_does_not_keep_others_from_being_served() {
        let queue = Queue::default();
        queue.open();
        queue.wake(&key("patient"), Priority::Known);
        for turn in 1..=ONE_IN {
            queue.wake(&key(&format!("pushing-{turn}")), Priority::New);
            if queue.next().await == key("patient") {
                return;
            }
        }
        panic!("not within {ONE_IN} turns");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_judged_before_waits_until_the_secrets_are_listed() {
        let queue = Queue::default();
        queue.wake(&key("known"), Priority::Known);
        queue.wake(&key("new"), Priority::New);
        assert_eq!(queue.next().await, key("new"));
        let held = tokio::time::timeout(Duration::from_secs(3600), queue.next()).await;
        assert!(held.is_err() && queue.stalled_for().is_none(), "nobody may take it yet");
        queue.open();
        assert_eq!(queue.next().await, key("known"));
    }

    #[tokio::test(start_paused = true)]
    async fn one_is_reconciled_by_one_worker_and_comes_again_when_woken_meanwhile() {
        let queue = Queue::default();
        queue.open();
        queue.wake(&key("a"), Priority::Changed);
        assert_eq!(queue.next().await, key("a"));
        queue.wake(&key("a"), Priority::Known);
        let second = tokio::time::timeout(Duration::from_secs(3600), queue.next()).await;
        assert!(second.is_err(), "it is running");
        queue.done(&key("a"), Some(Duration::from_secs(9)));
        assert_eq!(queue.next().await, key("a"), "at once, not after the pause");
        let started = Instant::now();
        queue.done(&key("a"), Some(Duration::from_secs(9)));
        assert_eq!((queue.next().await, started.elapsed()), (key("a"), Duration::from_secs(9)));
        queue.done(&key("a"), None);
        assert!(queue.lock().entries.is_empty(), "nothing is kept of who waits for nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_gone_is_forgotten_wherever_it_stands() {
        let queue = Queue::default();
        queue.open();
        for name in ["queued", "timed", "running"] {
            queue.wake(&key(name), Priority::New);
        }
        let order = [queue.next().await, queue.next().await];
        assert_eq!(order, [key("queued"), key("timed")]);
        queue.done(&key("queued"), None);
        queue.done(&key("timed"), Some(Duration::from_secs(1)));
        queue.wake(&key("queued"), Priority::New);
        assert_eq!(queue.next().await, key("running"));
        for name in ["queued", "timed", "running"] {
            queue.forget(&key(name));
        }
        queue.done(&key("running"), None);
        let inner = queue.lock();
        assert!(inner.entries.is_empty() && inner.timers.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_end_nobody_is_taken_and_who_was_taken_is_waited_for() {
        let queue = Queue::default();
        queue.quiet().await;
        queue.open();
        for name in ["a", "b"] {
            queue.wake(&key(name), Priority::Known);
        }
        let patience = Duration::from_secs(3600);
        assert!(tokio::time::timeout(patience, queue.quiet()).await.is_err(), "two are queued");
        assert_eq!(queue.next().await, key("a"));
        assert!(tokio::time::timeout(patience, queue.close()).await.is_err(), "one is being reconciled");
        assert!(tokio::time::timeout(patience, queue.next()).await.is_err(), "b is not taken");
        tokio::join!(queue.close(), async { queue.done(&key("a"), Some(patience)) });
        assert!(tokio::time::timeout(patience, queue.quiet()).await.is_err(), "b waits");
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_waits_while_nothing_moves_is_noticed() {
        let queue = Queue::default();
        queue.open();
        queue.wake(&key("a"), Priority::New);
        queue.wake(&key("b"), Priority::New);
        queue.next().await;
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!(queue.stalled_for(), Some(Duration::from_secs(31)));
        queue.done(&key("a"), None);
        assert_eq!(queue.stalled_for(), Some(Duration::ZERO));
        queue.next().await;
        assert_eq!(queue.stalled_for(), None);

        // After an hour of rest.
        queue.done(&key("b"), Some(Duration::from_secs(3600)));
        tokio::time::advance(Duration::from_secs(3600)).await;
        queue.wake(&key("c"), Priority::New);
        assert_eq!(queue.stalled_for(), Some(Duration::ZERO));
        queue.forget(&key("c"));
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!(queue.stalled_for(), Some(Duration::from_secs(31)), "nobody noticed that b is due");
        assert_eq!(queue.next().await, key("b"));
        assert_eq!(queue.stalled_for(), None);
    }
}
