//! Asks GitHub for everyone: once about each token on each host, within what the host allows, and keeps what it says.
//!
//! Nobody waits here. A question is left with the worker of its host, and whoever is concerned is told when something is known.

mod counted;
mod host;
mod ledger;

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future::{self, BoxFuture};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::registry::Registry;
use tokio::{sync::Notify, task::JoinSet};

use crate::{
    domain::{
        Reason,
        answer::Deferral,
        knowledge::Knowledge,
        probe::Probe,
        probing::{
            Limits, Question, Subject, Urgency, admission::HostState, logins::FailedLogin, schedule::Past,
        },
        token::{HashedToken, Token},
    },
    github::Github,
};
use counted::Counted;
use host::{Ask, Host, Now};

/// Asks hosts, and knows what they said. Cheap to clone.
#[derive(Clone)]
pub struct Prober {
    hosts: Arc<BTreeMap<Arc<str>, Arc<Host>>>,
    changes: Changes,
    counted: Counted,
    now: Now,
}

/// The workers, one a host. Nothing is asked unless they run.
pub struct Workers(Vec<BoxFuture<'static, ()>>);

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It waits or is on its way; [`Prober::changes`] tells when its answer is there.
    Pending,
    /// It was not taken, and is to be asked again at the instant that the deferral names.
    NotNow(Deferral),
}

/// For whom a question is asked, and what that connection knows of the token from before this process.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The namespace of the connection.
    pub namespace: &'a str,
    /// True if the host has accepted the token before, by this process or by the connection's status.
    pub accepted_before: bool,
    /// True if a refusal of the token is believed already: another one is no news, and no sign of a fault of the host.
    pub condemned: bool,
    /// The id of the token's account.
    pub account: Option<i64>,
}

/// What this process has heard from a host about a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The replies.
    pub knowledge: Knowledge,
    /// When the host was asked last.
    pub asked: Option<Timestamp>,
    /// When a breaker of the host closed or an incident of it ended last.
    pub released: Option<Timestamp>,
    /// When the next question about the token was brought forward last, because the host answered another one.
    pub brought_forward: Option<Timestamp>,
    /// How many tokens wait for an answer of the host that says something, if it has given none since.
    pub unanswered: u32,
    /// Whether the last question confirmed something, sooner after the one before than `minimum_interval`.
    pub hurried: bool,
    /// Whether the answer to another question said since that the token is no good.
    pub suspected: bool,
    /// True if the question about identity waits or is on its way.
    pub pending: bool,
}

/// The subjects of which something changed, each once until it is taken out. All clones share them, so one reader takes them.
#[derive(Clone, Default)]
pub struct Changes(Arc<Shared>);

#[derive(Default)]
struct Shared {
    of: Mutex<Pending>,
    wake: Notify,
}

#[derive(Default)]
struct Pending {
    known: HashSet<Subject>,
    order: VecDeque<Subject>,
}

impl Prober {
    /// A prober of these hosts, by their names in the settings, each with its limits.
    pub fn new(
        github: Github,
        hosts: impl IntoIterator<Item = (impl Into<Arc<str>>, Limits)>,
    ) -> (Prober, Workers) {
        let github = Arc::new(github);
        let ask: Ask = Arc::new(move |token, probe, host, line| {
            let github = github.clone();
            Box::pin(async move { github.ask(&token, probe, &host, line).await })
        });
        Prober::with(ask, hosts, Timestamp::now)
    }

    fn with(
        ask: Ask,
        hosts: impl IntoIterator<Item = (impl Into<Arc<str>>, Limits)>,
        now: Now,
    ) -> (Prober, Workers) {
        let (changes, counted) = (Changes::default(), Counted::default());
        let named = |(name, limits): (_, Limits)| {
            let name: Arc<str> = Into::into(name);
            (name.clone(), Arc::new(Host::new(name, limits, changes.clone(), counted.clone())))
        };
        let hosts: BTreeMap<_, _> = hosts.into_iter().map(named).collect();
        let work =
            |host: &Arc<Host>| -> BoxFuture<'static, ()> { Box::pin(host.clone().work(ask.clone(), now)) };
        let workers = Workers(hosts.values().map(work).collect());
        (Prober { hosts: Arc::new(hosts), changes, counted, now }, workers)
    }

    /// Asks about the token, if nobody is asking already; never waits.
    ///
    /// What keeps a question back because of the host (a breaker, an incident) is also kept as heard, so that [`Prober::snapshot`]
    /// shows it.
    pub fn ask(
        &self,
        token: Token,
        subject: &Subject,
        probe: Probe,
        urgency: Urgency,
        asker: &Asker<'_>,
        now: Timestamp,
    ) -> Asked {
        let Some(host) = self.hosts.get(&subject.host) else {
            return Asked::NotNow(Deferral::new(Reason::HostUnknown));
        };
        // The answer would land on another token.
        if token.hashed() != subject.token {
            tracing::error!(host = %subject.host, "a question about another token than its subject; please report this");
            return Asked::NotNow(Deferral::new(Reason::QuestionFailed));
        }
        let question = Question {
            token,
            hashed: subject.token,
            probe,
            urgency,
            namespace: asker.namespace.into(),
            accepted_before: asker.accepted_before,
            condemned: asker.condemned,
            account: asker.account,
        };
        host.ask(question, now)
    }

    /// Counts a failed login that the process before had with this host, and whether a second one was to confirm it.
    pub fn remember(&self, host: &str, login: FailedLogin, is_unconfirmed: bool, now: Timestamp) {
        if let Some(host) = self.hosts.get(host) {
            host.remember(login, is_unconfirmed, now);
        }
    }

    /// Keeps what the process before heard last about the token, if that was no answer, unless this one has heard of it itself.
    pub fn remember_deferral(&self, subject: &Subject, deferral: Deferral) {
        if let Some(host) = self.hosts.get(&subject.host) {
            host.remember_deferral(&subject.token, deferral);
        }
    }

    /// When the next question about the token was brought forward last, because the host answered another one; and how many tokens
    /// wait for an answer of the host that says something, if it has given none since.
    pub fn awaited(&self, subject: &Subject) -> (Option<Timestamp>, u32) {
        self.hosts.get(&subject.host).map(|host| host.awaited(&subject.token)).unwrap_or_default()
    }

    /// What this process has heard about the token; `None` if it was never asked about.
    pub fn snapshot(&self, subject: &Subject) -> Option<Snapshot> {
        self.hosts.get(&subject.host)?.snapshot(&subject.token)
    }

    /// True if this question about the token waits or is on its way.
    pub fn is_pending(&self, subject: &Subject, probe: &Probe) -> bool {
        self.hosts.get(&subject.host).is_some_and(|host| host.is_pending(&subject.token, probe))
    }

    /// How much the clock of the host is ahead of ours.
    pub fn clock_offset(&self, host: &str) -> SignedDuration {
        self.hosts.get(host).map(|host| host.clock_offset()).unwrap_or_default()
    }

    /// The subjects of which something changed.
    pub fn changes(&self) -> Changes {
        self.changes.clone()
    }

    /// A connection uses the token.
    pub fn keep(&self, subject: &Subject) {
        if let Some(host) = self.hosts.get(&subject.host) {
            host.keep(&subject.token);
        }
    }

    /// No connection uses the token any more: what is known of it is dropped after a while.
    pub fn forget(&self, subject: &Subject) {
        if let Some(host) = self.hosts.get(&subject.host) {
            host.forget(&subject.token, (self.now)());
        }
    }

    /// Asks nothing any more, and waits for the answers to what was asked.
    pub async fn rest(&self) {
        future::join_all(self.hosts.values().map(|host| host.rest())).await;
    }

    /// How each host stands, by name.
    pub fn states(&self, now: Timestamp) -> impl Iterator<Item = (&str, HostState)> {
        self.hosts.iter().map(move |(name, host)| (&**name, host.state(now)))
    }

    /// Shows what was asked, and what came of it.
    pub fn register(&self, registry: &mut Registry) {
        self.counted.register(registry);
    }

    /// For how long work that may go has waited for a worker; `None` if none has.
    pub fn stalled(&self, now: Timestamp) -> Option<Duration> {
        self.hosts.values().filter_map(|host| host.stalled(now)).max()
    }
}

impl Snapshot {
    /// What the schedule needs of the time before; `since` is when this process first saw the token on the host.
    pub const fn past(&self, since: Timestamp) -> Past {
        Past {
            since,
            asked: self.asked,
            released: self.released,
            brought_forward: self.brought_forward,
            unanswered: self.unanswered,
            hurried: self.hurried,
            suspected: self.suspected,
        }
    }
}

impl Workers {
    /// Runs all of them, each as a task of its own. It ends when any of them does, which none should; the rest end with it.
    pub async fn run(self) {
        let mut tasks: JoinSet<()> = self.each().collect();
        tasks.join_next().await;
    }

    /// Each of them, to be run as a task of its own. None should ever end.
    pub fn each(self) -> impl Iterator<Item = BoxFuture<'static, ()>> {
        self.0.into_iter()
    }
}

impl Changes {
    /// The next subject of which something changed.
    pub async fn next(&self) -> Subject {
        loop {
            let woken = self.0.wake.notified();
            if let Some(subject) = self.pop() {
                return subject;
            }
            woken.await;
        }
    }

    /// True if none is there.
    pub fn is_empty(&self) -> bool {
        self.0.of.lock().unwrap_or_else(PoisonError::into_inner).order.is_empty()
    }

    fn push(&self, host: Arc<str>, token: HashedToken) {
        let subject = Subject { host, token };
        let mut pending = self.0.of.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.known.insert(subject.clone()) {
            pending.order.push_back(subject);
        }
        drop(pending);
        self.0.wake.notify_one();
    }

    fn pop(&self) -> Option<Subject> {
        let mut pending = self.0.of.lock().unwrap_or_else(PoisonError::into_inner);
        let subject = pending.order.pop_front()?;
        pending.known.remove(&subject);
        if pending.order.is_empty() {
            // What a burst took is given back.
            *pending = Pending::default();
        }
        Some(subject)
    }
}

#[cfg(test)]
mod tests;
