//! Tells the sinks of the settings what has changed of connections, over HTTP. Each is told by itself, one message after the other, so
//! that one that is down delays no other, and the changes of a connection arrive in their order.
//!
//! Nobody waits for a sink: a reconcile leaves its notices here and goes on. No message holds any part of a token.

mod counted;
mod message;
mod queue;
mod send;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use prometheus_client::registry::Registry;
use tokio::sync::{Notify, watch};

use crate::{
    domain::{
        backoff::{backoff, spread},
        notice::{About, Level, Notice, State},
    },
    settings,
};
use counted::{Counted, Waiting};
use message::Message;
pub use message::{Named, schema};
use queue::Queue;
pub use send::Error;
use send::{Outcome, Sender};

/// A status names the instant at which its pass began, and is written up to so much later. Until then nobody says that all has been told
/// that happened by that instant.
pub const LAG: SignedDuration = SignedDuration::from_secs(30);
/// The first pause after a failure, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// All sinks.
#[derive(Debug)]
pub struct Sinks {
    each: Vec<Arc<Sink>>,
    wrong: Mutex<Wrong>,
    counted: Counted,
}

/// What is wrong with connections.
#[derive(Debug)]
struct Wrong {
    /// By the names of connections: who deletes one ends it.
    open: HashMap<(String, String), BTreeMap<About, Open>>,
    /// What ended, and when, while it is read what the process before has told; `None` once that is known.
    early: Option<HashMap<(String, String, About), Timestamp>>,
}

/// An incident that is not over.
#[derive(Debug)]
struct Open {
    /// As it is, and as it was when this was told first: who was told by labels that are gone is told that it is over.
    named: Arc<Named>,
    first: Arc<Named>,
    gravest: Level,
    /// True if the process before may have told of graver.
    was_recalled: bool,
}

impl Open {
    /// The gravest that somebody may have been told.
    const fn told(&self) -> Level {
        if self.was_recalled { Level::Critical } else { self.gravest }
    }
}

/// One of them.
#[derive(Debug)]
pub struct Sink {
    settings: settings::Sink,
    sender: Sender,
    queue: Mutex<Queue>,
    wake: Notify,
    /// Tells that a message was told or given up.
    done: watch::Sender<()>,
    /// True from a failure until the next message is taken.
    fails: watch::Sender<bool>,
    counted: Counted,
}

impl Sinks {
    /// Those of the settings.
    ///
    /// # Errors
    ///
    /// If the certificates of one cannot be used.
    pub fn new(settings: &[settings::Sink]) -> Result<Self, Error> {
        let counted = Counted::default();
        let each = settings.iter().map(|settings| {
            let sender = Sender::new(settings)?;
            let (settings, counted) = (settings.clone(), counted.clone());
            counted.begin(&settings.name);
            let (queue, wake, done, fails) = Default::default();
            Ok(Arc::new(Sink { settings, sender, queue, wake, done, fails, counted }))
        });
        let wrong = Wrong { open: HashMap::new(), early: Some(HashMap::new()) };
        Ok(Sinks { each: each.collect::<Result<_, _>>()?, wrong: wrong.into(), counted })
    }

    /// Each of them.
    pub fn each(&self) -> impl Iterator<Item = &Arc<Sink>> {
        self.each.iter()
    }

    /// True if nobody is to be told anything.
    pub fn is_empty(&self) -> bool {
        self.each.is_empty()
    }

    /// Shows what was sent and what waits.
    pub fn register(&self, registry: &mut Registry) {
        if !self.is_empty() {
            self.counted.register(registry);
            registry.register_collector(Box::new(Waiting(self.each.clone())));
        }
    }

    /// Has every sink told of it that wants to be.
    pub fn tell(&self, named: &Arc<Named>, notices: Vec<Notice>) {
        for mut notice in notices {
            let known = self.known(named, notice.about);
            let told = self.remember(named, &notice);
            if notice.about == About::NotExpiring {
                // Else it is over, and nobody was told that the end is near.
                let Some(gravest) = told else { continue };
                notice.gravest = gravest;
                let known = known.as_ref().map(|(gravest, _)| *gravest);
                notice.before = notice.before.map(|before| known.map_or(before, |known| known.max(before)));
            }
            self.push(named, notice, known.map(|(_, first)| first).as_deref());
        }
    }

    /// How grave it was that is wrong with the connection, and how that was named when it was told first.
    fn known(&self, named: &Named, about: About) -> Option<(Level, Arc<Named>)> {
        let wrong = lock(&self.wrong);
        let open = wrong.open.get(&(named.namespace.clone(), named.name.clone()))?.get(&about)?;
        Some((open.gravest, open.first.clone()))
    }

    fn push(&self, named: &Arc<Named>, notice: Notice, first: Option<&Named>) {
        let message = Arc::new(Message::new(named.clone(), notice));
        for sink in &self.each {
            if let Some(message) = sink.wanted(&message, first) {
                sink.push(message);
            }
        }
    }

    /// Keeps that something is wrong with the connection, or is not any more, and gives the gravest that may have been told of it;
    /// `None` if nothing was.
    fn remember(&self, named: &Arc<Named>, notice: &Notice) -> Option<Level> {
        let mut wrong = lock(&self.wrong);
        let Wrong { open, early } = &mut *wrong;
        let key = (named.namespace.clone(), named.name.clone());
        if notice.state != State::Resolved {
            return Some(insert(open, key, named, notice, false));
        }
        if let Some(early) = early {
            early.insert((key.0.clone(), key.1.clone(), notice.about), notice.at);
        }
        // Whatever the process before has told, whoever was told of it is told that it is over.
        let before = early.as_ref().map(|_| Level::Critical);
        let Some(of) = open.get_mut(&key) else { return before };
        let over = of.remove(&notice.about).map(|open| open.told());
        if of.is_empty() {
            open.remove(&key);
        }
        before.max(over)
    }

    /// Keeps what the process before has told of the connection: that something is wrong. What has ended since then is not wrong any
    /// more, though the status was read before that. Does nothing once all of it is known.
    pub fn recall(&self, named: &Arc<Named>, notice: &Notice) {
        let mut wrong = lock(&self.wrong);
        let Wrong { open, early: Some(early) } = &mut *wrong else { return };
        let of = (named.namespace.clone(), named.name.clone(), notice.about);
        if early.get(&of).is_none_or(|ended| *ended < notice.at) {
            insert(open, (of.0, of.1), named, notice, true);
        }
    }

    /// It is known now what the process before has told.
    pub fn recalled(&self) {
        lock(&self.wrong).early = None;
    }

    /// Nobody knows whether something came to stand in a status at this instant or later, which no sink was told: it is derived again.
    pub fn doubt(&self, at: Timestamp) {
        for sink in &self.each {
            sink.queue().leave_out(at);
            sink.done.send_replace(());
        }
    }

    /// The uid of the connection of this name with which something is wrong, if that is so.
    pub fn open(&self, namespace: &str, name: &str) -> Option<String> {
        let wrong = lock(&self.wrong);
        let of = wrong.open.get(&(namespace.to_owned(), name.to_owned()))?;
        of.values().next().map(|open| open.named.uid.clone())
    }

    /// Somebody else tells what becomes of the connection: what is wrong with it is not over.
    pub fn leave(&self, namespace: &str, name: &str) {
        lock(&self.wrong).open.remove(&(namespace.to_owned(), name.to_owned()));
    }

    /// The connection is gone, and what was wrong with it is over.
    pub fn gone(&self, namespace: &str, name: &str) {
        let over = lock(&self.wrong).open.remove(&(namespace.to_owned(), name.to_owned()));
        for (about, open) in over.into_iter().flatten() {
            let notice = Notice {
                about,
                state: State::Resolved,
                level: Level::Info,
                gravest: open.told(),
                before: None,
                at: Timestamp::now(),
                status: "Unknown",
                reason: "Deleted".to_owned(),
                message: Some("the connection was deleted".to_owned()),
                within: None,
                ends: None,
            };
            self.remember(&open.named, &notice);
            self.push(&open.named, notice, Some(&open.first));
        }
    }

    /// Waits until every sink has been told everything, but for those that fail. True if none fails.
    pub async fn told(&self) -> bool {
        let mut all = true;
        for sink in &self.each {
            all &= sink.told().await;
        }
        all
    }
}

/// Keeps that something is wrong, and gives the gravest of it that this process has told.
fn insert(
    open: &mut HashMap<(String, String), BTreeMap<About, Open>>,
    key: (String, String),
    named: &Arc<Named>,
    notice: &Notice,
    is_recalled: bool,
) -> Level {
    let of = open.entry(key).or_default();
    let before = of.get(&notice.about).filter(|_| is_recalled || notice.state == State::Changed);
    let gravest = before.map_or(notice.gravest, |before| before.gravest.max(notice.gravest));
    let was_recalled = is_recalled || before.is_some_and(|before| before.was_recalled);
    let first = before.map_or_else(|| named.clone(), |before| before.first.clone());
    of.insert(notice.about, Open { named: named.clone(), first, gravest, was_recalled });
    gravest
}

impl Sink {
    /// By which the settings call it.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Adds what was derived from the statuses, which were read from `begun` on: what happened after `since`, or what is wrong, if it is
    /// new. Of what happened shortly before, some may stand in no status yet.
    pub fn fill(&self, derived: Vec<(Arc<Named>, Notice)>, since: Option<Timestamp>, begun: Timestamp) {
        let until = begun.checked_sub(LAG).unwrap_or(begun);
        let messages = derived.into_iter().map(|(named, notice)| Arc::new(Message::new(named, notice)));
        let wanted = messages.filter_map(|message| self.wanted(&message, None)).collect();
        self.queue().fill(wanted, since, until);
        self.wake.notify_one();
    }

    /// The instant until which it has been told everything; `None` if that is not to be remembered.
    pub fn told_until(&self) -> Option<Timestamp> {
        self.queue().told_until()
    }

    /// From when on it is to be derived again what it is to be told, if something was left out.
    pub fn left_out(&self) -> Option<Timestamp> {
        self.queue().left_out()
    }

    /// Changes whenever a message is told or given up.
    pub fn progress(&self) -> watch::Receiver<()> {
        self.done.subscribe()
    }

    /// Tells it what waits, and what comes, for ever.
    pub async fn serve(&self) {
        let mut failures = 0;
        loop {
            let woken = self.wake.notified();
            let Some(message) = self.queue().next() else {
                woken.await;
                continue;
            };
            match self.sender.send(&message).await {
                Outcome::Failed(cause) => {
                    self.counted.count(self.name(), "Failed");
                    let pause = pause(failures, fastrand::f64());
                    failures = failures.saturating_add(1);
                    self.fails.send_replace(true);
                    tracing::warn!(sink = self.name(), cause, failures, retry_after = ?pause, "a notification was not taken");
                    tokio::time::sleep(pause).await;
                    continue;
                }
                Outcome::Refused(status) => {
                    self.counted.count(self.name(), "Refused");
                    let connection = format!("{}/{}", message.named.namespace, message.named.name);
                    tracing::warn!(sink = self.name(), status, %connection, id = message.id, "a notification was refused and is given up");
                }
                Outcome::Delivered => {
                    self.counted.count(self.name(), "Delivered");
                    tracing::debug!(sink = self.name(), id = message.id, "a notification was taken");
                }
            }
            failures = 0;
            self.fails.send_replace(false);
            self.queue().done(&message);
            self.done.send_replace(());
        }
    }

    async fn told(&self) -> bool {
        let (mut progress, mut fails) = (self.progress(), self.fails.subscribe());
        // The senders live as long as the sink.
        tokio::select! {
            _ = progress.wait_for(|()| self.queue().next().is_none()) => true,
            _ = fails.wait_for(|fails| *fails) => false,
        }
    }

    /// The message as this sink gets it, if it does. `first` is how the connection was named when the incident was told first. What
    /// was not grave enough before, or of no connection of this sink, opens for it now.
    fn wanted(&self, message: &Arc<Message>, first: Option<&Named>) -> Option<Arc<Message>> {
        let (notice, severity) = (&message.notice, self.settings.severity);
        let first = first.filter(|_| notice.state != State::Opened);
        let (fits, fitted) = (self.fits(&message.named), first.map(|first| self.fits(first)));
        if notice.gravest < severity || !fits && fitted != Some(true) {
            return None;
        }
        let is_new = notice.before.is_some_and(|before| before < severity) || fitted == Some(false);
        match notice.state {
            State::Changed if is_new => {
                let notice = Notice { state: State::Opened, ..notice.clone() };
                Some(Arc::new(Message::new(message.named.clone(), notice)))
            }
            _ => Some(message.clone()),
        }
    }

    fn fits(&self, named: &Named) -> bool {
        let settings::Sink { namespaces, labels, .. } = &self.settings;
        (namespaces.is_empty() || namespaces.contains(&named.namespace))
            && labels.iter().all(|(key, value)| named.labels.get(key) == Some(value))
    }

    fn push(&self, message: Arc<Message>) {
        self.queue().push(message);
        self.wake.notify_one();
    }

    /// How many messages wait, and for how long the first of them has.
    fn waiting(&self) -> (usize, Duration) {
        self.queue().waiting()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

/// How long to wait after so many failures before this one; `share` is from 0 to 1.
fn pause(failures: u32, share: f64) -> Duration {
    spread(backoff(PAUSES, failures), share)
}

/// No change of these runs code that can panic, so a lock that a panicking holder left is as good as any.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
