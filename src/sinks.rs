//! Tells the sinks of the settings what has changed of connections, over HTTP. Each is told by itself, one message after the other, so
//! that one that is down delays no other, and the changes of a connection arrive in their order.
//!
//! Nobody waits for a sink: a reconcile leaves its notices here and goes on. No message holds any part of a token.

mod counted;
mod message;
mod queue;
mod send;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
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
    /// How many read the statuses at the moment, to derive what is wrong.
    reads: usize,
    /// What ended meanwhile, by the uids of connections, and when.
    ended: HashMap<(String, About), Timestamp>,
    /// False until it is known what the process before has told.
    is_known: bool,
}

/// How near an end is, and when it is.
type Stage = (Option<SignedDuration>, Option<Timestamp>);
/// Nobody knows whether the end was near.
const UNKNOWN: Stage = (None, None);

/// An incident that is not over.
#[derive(Clone, Debug)]
struct Open {
    named: Arc<Named>,
    /// The sinks that it was of, by their places: who was told by labels that are gone is told that it is over.
    heard: BTreeSet<usize>,
    gravest: Level,
    /// Of which end it was told last, and how near that was.
    stage: Stage,
    /// When it became as it is.
    at: Timestamp,
    /// The gravest of which the process before may have told, or of which is told what was derived.
    recalled: Level,
    /// True if this process has told that it opens. Only another operator that looked after the connection can have told of it before.
    is_new: bool,
    /// True if a sink is told of it that was to be told anew, and whoever writes the status may be about to tell all of them.
    is_derived: bool,
    /// True if it is over by the status, and whoever has written that may be about to tell so.
    is_over: bool,
}

impl Open {
    /// The gravest that somebody may have been told.
    fn told(&self) -> Level {
        self.gravest.max(self.recalled)
    }
}

/// The ways to those sinks that have other authorities, by their places.
#[derive(Debug)]
pub struct Renewed(Vec<(usize, Arc<Sender>)>);

/// One of them.
#[derive(Debug)]
pub struct Sink {
    settings: settings::Sink,
    sender: watch::Sender<Arc<Sender>>,
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
            let sender = watch::Sender::new(Arc::new(Sender::new(settings)?));
            let (settings, counted) = (settings.clone(), counted.clone());
            counted.begin(&settings.name);
            let (queue, wake, done, fails) = Default::default();
            Ok(Arc::new(Sink { settings, sender, queue, wake, done, fails, counted }))
        });
        let wrong = Wrong { open: HashMap::new(), reads: 1, ended: HashMap::new(), is_known: false };
        Ok(Sinks { each: each.collect::<Result<_, _>>()?, wrong: wrong.into(), counted })
    }

    /// Prepares the ways to the same sinks with the authorities that these settings have.
    ///
    /// # Errors
    ///
    /// If the certificates of one cannot be used.
    pub fn renewed(&self, settings: &[settings::Sink]) -> Result<Renewed, Error> {
        let each = self.each.iter().zip(settings).enumerate();
        let others = each.filter(|(_, (sink, settings))| sink.sender.borrow().settings != **settings);
        let prepared = others.map(|(place, (_, settings))| Ok((place, Arc::new(Sender::new(settings)?))));
        prepared.collect::<Result<_, _>>().map(Renewed)
    }

    /// From now on messages go these ways, also one that waits since it was not taken.
    pub fn take(&self, Renewed(senders): Renewed) {
        for (place, sender) in senders {
            if let Some(sink) = self.each.get(place) {
                sink.sender.send_replace(sender);
            }
        }
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
            if let Some(known) = known.as_ref().filter(|known| !known.is_over && !known.is_derived) {
                let is_end = notice.about == About::NotExpiring && known.stage != UNKNOWN;
                if is_end && notice.state == State::Opened {
                    // For a while nobody could tell, and it is as it was.
                    if known.stage == stage(&notice) {
                        self.each.iter().for_each(|sink| sink.queue().pass(notice.at));
                        continue;
                    }
                    (notice.state, notice.before) = (State::Changed, Some(known.gravest));
                }
                // The history of a status may have forgotten it.
                let gravest = if notice.state == State::Resolved { known.told() } else { known.gravest };
                notice.gravest = notice.gravest.max(gravest);
                notice.before = notice.before.map(|before| before.max(known.gravest));
            }
            let told = self.remember(named, &notice);
            if notice.about == About::NotExpiring {
                // Else it is over, and nobody was told that the end is near.
                let Some(gravest) = told else { continue };
                notice.gravest = gravest;
            }
            self.push(named, notice, known.map(|known| known.heard).as_ref());
        }
    }

    /// True if a sink that chooses the connection by the labels that it has now has heard nothing of what is wrong with it. `tells_end` is whether
    /// its status tells of the end of the token now.
    pub fn has_unheard(&self, named: &Named, tells_end: bool) -> bool {
        let wrong = lock(&self.wrong);
        let of = wrong.open.get(&(named.namespace.clone(), named.name.clone()));
        of.into_iter().flat_map(BTreeMap::iter).any(|(about, open)| {
            // Of an end in doubt there is nothing to be told.
            let is_told = *about == About::Ready || tells_end && open.stage != UNKNOWN;
            is_told && !self.unheard(named, open).is_empty()
        })
    }

    /// Has those sinks told what is wrong that choose the connection by the labels that it has now, and have heard nothing of it.
    pub fn tell_unheard(&self, named: &Arc<Named>, notices: Vec<Notice>) {
        for mut notice in notices {
            let mut wrong = lock(&self.wrong);
            let of = wrong.open.get_mut(&(named.namespace.clone(), named.name.clone()));
            let Some(open) = of.and_then(|of| of.get_mut(&notice.about)) else { continue };
            let unheard = self.unheard(named, open);
            open.heard.extend(&unheard);
            notice.gravest = notice.gravest.max(open.gravest);
            drop(wrong);
            let message = Arc::new(Message::new(named.clone(), notice));
            let sinks = unheard.into_iter().filter_map(|place| self.each.get(place));
            sinks
                .filter_map(|sink| Some((sink, sink.wanted(&message, None)?)))
                .for_each(|(sink, message)| sink.push(message));
        }
    }

    /// The places of the sinks that choose the connection, and have not heard of this incident of it.
    fn unheard(&self, named: &Named, open: &Open) -> Vec<usize> {
        if open.is_over || open.named.uid != named.uid {
            return Vec::new();
        }
        let each = self.each.iter().enumerate().filter(|(place, _)| !open.heard.contains(place));
        each.filter(|(_, sink)| sink.fits(named)).map(|(place, _)| place).collect()
    }

    /// Adds for the sink at this place what was derived from the statuses, which were read from `begun` on: what happened after `since`, or
    /// what is wrong, if it is new. Of what happened shortly before, some may stand in no status yet.
    pub fn fill(
        &self,
        place: usize,
        derived: Vec<(Arc<Named>, Notice)>,
        since: Option<Timestamp>,
        begun: Timestamp,
    ) {
        let Some(sink) = self.each.get(place) else { return };
        let until = begun.checked_sub(LAG).unwrap_or(begun);
        let mut wrong = lock(&self.wrong);
        // Whether each incident was of this sink so far, if that is known.
        let mut heard: HashMap<(String, About), Option<bool>> = HashMap::new();
        let mut wanted = Vec::new();
        for (named, notice) in derived {
            let (about, state, fits) = (notice.about, notice.state, sink.fits(&named));
            let open = wrong.open.get_mut(&(named.namespace.clone(), named.name.clone()));
            let mut open = open.and_then(|of| of.get_mut(&about)).filter(|open| open.named.uid == named.uid);
            let key = (named.uid.clone(), about);
            let message = Arc::new(Message::new(named, notice));
            let was_its = heard.entry(key).or_insert_with(|| {
                let known = open.as_ref().map(|open| open.heard.contains(&place));
                if sink.queue().has_left_out(&message) { Some(true) } else { known }
            });
            let message = sink.wanted(&message, *was_its);
            *was_its = match state {
                State::Opened => Some(fits),
                State::Changed => was_its.map(|was_its| was_its || fits),
                State::Resolved => None,
            };
            if let (Some(open), Some(message)) = (&mut open, &message) {
                if state != State::Resolved {
                    open.heard.insert(place);
                } else if message.notice.at < open.at && !fits {
                    // It is the end of the incident before. Whether the sink hears of this one follows; one that it fits was told.
                    open.heard.remove(&place);
                }
            }
            wanted.extend(message);
        }
        drop(wrong);
        sink.queue().fill(wanted, since, until);
        sink.wake.notify_one();
    }

    /// What is known to be wrong with the connection.
    fn known(&self, named: &Named, about: About) -> Option<Open> {
        let wrong = lock(&self.wrong);
        let open = wrong.open.get(&(named.namespace.clone(), named.name.clone()))?.get(&about)?;
        Some(open).filter(|open| open.named.uid == named.uid).cloned()
    }

    /// What is wrong now, as far as this notice tells.
    fn begun(&self, named: &Arc<Named>, notice: &Notice, recalled: Level) -> Open {
        let each = self.each.iter().enumerate();
        let heard = each.filter(|(_, sink)| sink.fits(named)).map(|(place, _)| place).collect();
        let (gravest, stage, at) = (notice.gravest, stage(notice), notice.at);
        let named = named.clone();
        Open { named, heard, gravest, stage, at, recalled, is_new: false, is_derived: false, is_over: false }
    }

    fn push(&self, named: &Arc<Named>, notice: Notice, heard: Option<&BTreeSet<usize>>) {
        let message = Arc::new(Message::new(named.clone(), notice));
        for (place, sink) in self.each.iter().enumerate() {
            if let Some(message) = sink.wanted(&message, heard.map(|heard| heard.contains(&place))) {
                sink.push(message);
            }
        }
    }

    /// Keeps that something is wrong with the connection, or is not any more, and gives the gravest that may have been told of it;
    /// `None` if nothing was.
    fn remember(&self, named: &Arc<Named>, notice: &Notice) -> Option<Level> {
        let mut wrong = lock(&self.wrong);
        let Wrong { open, reads, ended, is_known } = &mut *wrong;
        let key = (named.namespace.clone(), named.name.clone());
        if notice.state != State::Resolved {
            // Not so of an end: for a while nobody could tell how near it is, and the process before may have told of it before that.
            let is_new = notice.state == State::Opened && notice.about == About::Ready;
            let begun = Open { is_new, ..self.begun(named, notice, Level::Info) };
            return Some(insert(open, key, notice.about, begun));
        }
        if *reads > 0 {
            ended.insert((named.uid.clone(), notice.about), notice.at);
        }
        // Whatever the process before has told, whoever was told of it is told that it is over.
        let before = (!*is_known).then_some(Level::Critical);
        let Some(of) = open.get_mut(&key) else { return before };
        let over = of.remove(&notice.about).map(|open| open.told());
        if of.is_empty() {
            open.remove(&key);
        }
        before.max(over)
    }

    /// The statuses are read to derive what is wrong, until [`recalled`](Self::recalled).
    pub fn recalls(&self) {
        let mut wrong = lock(&self.wrong);
        wrong.reads = wrong.reads.saturating_add(1);
    }

    /// Keeps what the status of the connection says, which was told before or is told now: that something is wrong. What has ended since
    /// then is not wrong any more, though the status was read before that.
    pub fn recall(&self, named: &Arc<Named>, notice: &Notice) {
        self.recall_of(named, notice, |_| true);
    }

    fn recall_of(&self, named: &Arc<Named>, notice: &Notice, was_told: impl Fn(usize) -> bool) {
        let mut wrong = lock(&self.wrong);
        let Wrong { open, ended, is_known, .. } = &mut *wrong;
        if ended.get(&(named.uid.clone(), notice.about)).is_some_and(|ended| *ended >= notice.at) {
            return;
        }
        let key = (named.namespace.clone(), named.name.clone());
        let recalled = if *is_known { Level::Info } else { Level::Critical };
        let mut begun = Open { is_derived: *is_known, ..self.begun(named, notice, recalled) };
        begun.heard.retain(|place| was_told(*place));
        let known = open.get_mut(&key).and_then(|of| of.get_mut(&notice.about));
        if let Some(known) = known.filter(|known| *is_known || known.is_new) {
            if known.named.uid != named.uid || known.at >= notice.at {
                return;
            }
            if !known.is_over {
                // An end before this one is not its end.
                known.at = notice.at;
                known.recalled = known.recalled.max(notice.gravest);
                return;
            }
            begun.heard.extend(&known.heard);
        }
        insert(open, key, notice.about, begun);
    }

    /// Keeps that nobody can tell whether the token of the connection ends soon. The process before may have told so to those sinks, by
    /// their places, of which `was_told` is true.
    pub fn recall_doubted(&self, named: &Arc<Named>, notice: &Notice, was_told: impl Fn(usize) -> bool) {
        self.recall_of(named, notice, was_told);
    }

    /// The statuses are read.
    pub fn recalled(&self) {
        let mut wrong = lock(&self.wrong);
        wrong.is_known = true;
        wrong.reads = wrong.reads.saturating_sub(1);
        if wrong.reads == 0 {
            wrong.ended = HashMap::new();
        }
    }

    /// By its status, what was wrong with the connection is over since this notice.
    pub fn ended(&self, named: &Named, notice: &Notice) {
        let mut wrong = lock(&self.wrong);
        let key = (named.namespace.clone(), named.name.clone());
        let open = wrong.open.get_mut(&key).and_then(|of| of.get_mut(&notice.about));
        if let Some(open) = open.filter(|open| open.at <= notice.at) {
            open.is_over = true;
        }
    }

    /// True if what this notice tells has ended since the statuses are read, so that it is told no more.
    pub fn has_ended(&self, named: &Named, notice: &Notice) -> bool {
        lock(&self.wrong)
            .ended
            .get(&(named.uid.clone(), notice.about))
            .is_some_and(|ended| *ended >= notice.at)
    }

    /// Nobody knows whether something came to stand in a status by now that no sink was told, and happened at this instant or later: it is
    /// derived again.
    pub fn doubt(&self, at: Timestamp, now: Timestamp) {
        for sink in &self.each {
            sink.queue().leave_out(at, now);
            sink.done.send_replace(());
        }
    }

    /// The uid of the connection of this name with which something is wrong, if that is so.
    pub fn open(&self, namespace: &str, name: &str) -> Option<String> {
        let wrong = lock(&self.wrong);
        let of = wrong.open.get(&(namespace.to_owned(), name.to_owned()))?;
        of.values().find(|open| !open.is_over).map(|open| open.named.uid.clone())
    }

    /// Each connection with which something is wrong.
    pub fn all_open(&self) -> Vec<Arc<Named>> {
        let wrong = lock(&self.wrong);
        let open = wrong.open.values().filter_map(|of| of.values().find(|open| !open.is_over));
        open.map(|open| open.named.clone()).collect()
    }

    /// Somebody else tells what becomes of the connection: what is wrong with it is not over.
    pub fn leave(&self, namespace: &str, name: &str) {
        lock(&self.wrong).open.remove(&(namespace.to_owned(), name.to_owned()));
    }

    /// The connection is gone, and what was wrong with it is over.
    pub fn gone(&self, namespace: &str, name: &str) {
        let over = lock(&self.wrong).open.remove(&(namespace.to_owned(), name.to_owned()));
        let now = Timestamp::now();
        let at = Timestamp::from_second(now.as_second()).unwrap_or(now);
        for (about, open) in over.into_iter().flatten().filter(|(_, open)| !open.is_over) {
            let notice = Notice {
                about,
                state: State::Resolved,
                level: Level::Info,
                gravest: open.told(),
                before: None,
                at,
                status: "Unknown",
                reason: Notice::DELETED.to_owned(),
                message: Some("the connection was deleted".to_owned()),
                within: None,
                ends: None,
            };
            self.remember(&open.named, &notice);
            self.push(&open.named, notice, Some(&open.heard));
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

/// Keeps what is wrong, with what was known of it, and gives the gravest that this process has told.
fn insert(
    open: &mut HashMap<(String, String), BTreeMap<About, Open>>,
    key: (String, String),
    about: About,
    mut now: Open,
) -> Level {
    let of = open.entry(key).or_default();
    let is_same = |before: &&Open| !before.is_over && before.named.uid == now.named.uid;
    if let Some(before) = of.get(&about).filter(is_same) {
        now.gravest = now.gravest.max(before.gravest);
        now.recalled = now.recalled.max(before.recalled);
        now.is_new |= before.is_new;
        now.heard.extend(&before.heard);
    }
    let gravest = now.gravest;
    of.insert(about, now);
    gravest
}

impl Sink {
    /// By which the settings call it.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// True while it has not heard all that was wrong when it came.
    pub fn is_new(&self) -> bool {
        self.queue().is_new()
    }

    /// The instant until which it has been told everything; `None` if that is not to be remembered.
    pub fn told_until(&self) -> Option<Timestamp> {
        self.queue().told_until()
    }

    /// From when on it is to be derived again what it is to be told, once something was left out and nothing else waits.
    pub async fn left_out(&self) -> Timestamp {
        let mut progress = self.progress();
        loop {
            if let Some(since) = self.queue().left_out() {
                return since;
            }
            // The sender lives as long as the sink.
            let _ = progress.changed().await;
        }
    }

    /// Changes whenever a message is told or given up.
    pub fn progress(&self) -> watch::Receiver<()> {
        self.done.subscribe()
    }

    /// Tells it what waits, and what comes, for ever.
    pub async fn serve(&self) {
        let (mut failures, mut way) = (0, self.sender.subscribe());
        loop {
            let woken = self.wake.notified();
            let Some(message) = self.queue().next() else {
                woken.await;
                continue;
            };
            let sender = way.borrow_and_update().clone();
            match sender.send(&message).await {
                Outcome::Failed(cause) => {
                    self.counted.count(self.name(), "Failed");
                    let pause = pause(failures, fastrand::f64());
                    failures = failures.saturating_add(1);
                    self.fails.send_replace(true);
                    tracing::warn!(sink = self.name(), cause, failures, retry_after = ?pause, "a notification was not taken");
                    // Other authorities may be what it lacks.
                    let _ = tokio::time::timeout(pause, way.changed()).await;
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
            _ = progress.wait_for(|()| self.queue().waiting().0 == 0) => true,
            _ = fails.wait_for(|fails| *fails) => false,
        }
    }

    /// The message as this sink gets it, if it does. `was_its` tells whether the incident was of this sink so far, if that is known. What
    /// was not grave enough before, or of no connection of this sink, opens for it now.
    fn wanted(&self, message: &Arc<Message>, was_its: Option<bool>) -> Option<Arc<Message>> {
        let (notice, severity, fits) = (&message.notice, self.settings.severity, self.fits(&message.named));
        let (is_its, is_new) = match (notice.state, was_its) {
            (State::Opened, _) | (_, None) => (fits, false),
            (State::Changed, Some(was_its)) => (fits || was_its, !was_its),
            (State::Resolved, Some(was_its)) => (was_its, false),
        };
        if notice.gravest < severity || !is_its {
            return None;
        }
        let is_new = is_new || notice.before.is_some_and(|before| before < severity);
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
        let at = message.notice.at;
        let mut queue = self.queue();
        let is_late = queue.told_until().is_some_and(|told| at <= told);
        queue.push(message, Timestamp::now());
        drop(queue);
        if is_late {
            // Less has been told than it was.
            self.done.send_replace(());
        }
        self.wake.notify_one();
    }

    /// How many messages wait, and for how long the first of them has.
    pub fn waiting(&self) -> (usize, Duration) {
        self.queue().waiting()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

const fn stage(notice: &Notice) -> Stage {
    (notice.within, notice.ends)
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
