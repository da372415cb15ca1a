//! Asks GitHub for everyone: once about each token on each host, within what the host allows, and keeps what it says.
//!
//! Nobody waits here. A question is left with the worker of its host, and whoever is concerned is told when something is known.

mod counted;
mod host;
mod ledger;
mod origins;

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use futures::{StreamExt, future, stream::FuturesUnordered};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::registry::Registry;
use tokio::sync::{Notify, mpsc, watch};

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
    traces::Origin,
};
use counted::Counted;
use host::{Ask, Host, Now};

/// Asks hosts, and knows what they said. Cheap to clone.
#[derive(Clone)]
pub struct Prober {
    hosts: Arc<RwLock<Hosts>>,
    /// To the workers.
    begun: mpsc::UnboundedSender<Arc<Host>>,
    changes: Changes,
    counted: Counted,
    now: Now,
}

type Hosts = BTreeMap<Arc<str>, Arc<Host>>;

/// The workers, one a host. Nothing is asked unless they run.
pub struct Workers {
    begun: mpsc::UnboundedReceiver<Arc<Host>>,
    ask: Ask,
    now: Now,
}

/// What has changed of a host that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostChange {
    /// It is the same host, over another way.
    Way,
    /// Another host has its name now: what the one before said is not its word.
    Address,
}

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
    /// True if a refusal of the token is believed already, or the end that the host named has passed: a refusal is no news, and no sign of a
    /// fault of the host.
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
    /// When the answer to that came, or that there is none.
    pub answered: Option<Timestamp>,
    /// When a breaker of the host closed or an incident of it ended last.
    pub released: Option<Timestamp>,
    /// When the next question about the token was brought forward last, because the host answered another one.
    pub brought_forward: Option<Timestamp>,
    /// How many tokens wait for an answer of the host that says something, if it has given none since.
    pub unanswered: u32,
    /// Whether the last question confirmed something, sooner after the one before than `minimum_interval`.
    pub hurried: bool,
    /// Whether the answer to another question said since that the token is no good, or the host refused many when the process before ended.
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
    /// A prober of these hosts, by their names in the settings, each with its limits. They are asked by what `github` is at that moment.
    pub fn new(
        github: watch::Receiver<Arc<Github>>,
        hosts: impl IntoIterator<Item = (impl Into<Arc<str>>, Limits)>,
    ) -> (Prober, Workers) {
        let ask: Ask = Arc::new(move |token, probe, host, line| {
            let github = github.borrow().clone();
            Box::pin(async move { github.ask(&token, probe, &host, line).await })
        });
        Prober::with(ask, hosts, Timestamp::now)
    }

    fn with(
        ask: Ask,
        hosts: impl IntoIterator<Item = (impl Into<Arc<str>>, Limits)>,
        now: Now,
    ) -> (Prober, Workers) {
        let (sender, begun) = mpsc::unbounded_channel();
        let prober = Prober {
            hosts: Arc::default(),
            begun: sender,
            changes: Changes::default(),
            counted: Counted::default(),
            now,
        };
        prober.reconfigure(hosts, &BTreeMap::new());
        (prober, Workers { begun, ask, now })
    }

    /// Goes on with these hosts and limits. What was heard from a host that stays, waits for it and was spent on it, stays; one that
    /// has `changed` is asked anew. One that goes, or whose address goes, answers what it was asked, and all else of it is dropped.
    pub fn reconfigure(
        &self,
        hosts: impl IntoIterator<Item = (impl Into<Arc<str>>, Limits)>,
        changed: &BTreeMap<&str, HostChange>,
    ) {
        let now = (self.now)();
        let mut known = self.hosts.write().unwrap_or_else(PoisonError::into_inner);
        let mut left = std::mem::take(&mut *known);
        for (name, limits) in hosts {
            let name = name.into();
            let change = changed.get(&*name);
            let host = match left.remove(&name) {
                Some(host) if change != Some(&HostChange::Address) => {
                    host.reconfigure(limits, change.is_some(), now);
                    host
                }
                before => {
                    let moved = before.map(|before| {
                        before.retire();
                        whole_second_after(now)
                    });
                    let (changes, counted) = (self.changes.clone(), self.counted.clone());
                    let host = Arc::new(Host::new(name.clone(), limits, changes, counted).since(moved));
                    // Nobody takes it after the workers have ended, when nothing is asked any more.
                    let _ = self.begun.send(host.clone());
                    host
                }
            };
            known.insert(name, host);
        }
        left.values().for_each(|host| host.retire());
    }

    /// The name of the host, as all share it; `None` if there is no such host.
    pub fn name(&self, host: &str) -> Option<Arc<str>> {
        self.hosts().get_key_value(host).map(|(name, _)| name.clone())
    }

    /// Since when the name stands for another host than before, in whole seconds; `None` if it never did. What a status, or anybody,
    /// remembers of the host from before then was said by the other one.
    pub fn moved(&self, host: &str) -> Option<Timestamp> {
        self.hosts().get(host)?.moved()
    }

    fn hosts(&self) -> RwLockReadGuard<'_, Hosts> {
        self.hosts.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn host(&self, name: &str) -> Option<Arc<Host>> {
        self.hosts().get(name).cloned()
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
        let Some(host) = self.host(&subject.host) else {
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

    /// Why [`Prober::ask`] would not take a question of this namespace and urgency, if too many others wait. Who asks this first need
    /// not have the token.
    pub fn busy(
        &self,
        subject: &Subject,
        probe: Probe,
        urgency: Urgency,
        namespace: &str,
        now: Timestamp,
    ) -> Option<Deferral> {
        self.host(&subject.host)?.busy(&(subject.token, probe), namespace, urgency, now)
    }

    /// This process begins to ask. It is told what the process before knew after this.
    pub fn take_over(&self, now: Timestamp) {
        self.hosts().values().for_each(|host| host.take_over(now));
    }

    /// Counts a failed login that the process before had with this host, and whether a second one was to confirm it.
    pub fn remember(&self, host: &str, login: FailedLogin, is_unconfirmed: bool, now: Timestamp) {
        if let Some(host) = self.host(host) {
            host.remember(login, is_unconfirmed, now);
        }
    }

    /// The process before held the refusals of this good token back until then at the latest, since the host refused many.
    pub fn remember_incident(&self, host: &str, token: HashedToken, ends: Timestamp, now: Timestamp) {
        if let Some(host) = self.host(host) {
            host.remember_incident(token, ends, now);
        }
    }

    /// The process before knew this token to be good.
    pub fn remember_good(&self, subject: &Subject) {
        if let Some(host) = self.host(&subject.host) {
            host.remember_good(subject.token);
        }
    }

    /// True if an incident holds the refusals of this token back.
    #[cfg(test)]
    pub fn holds_back(&self, subject: &Subject) -> bool {
        self.host(&subject.host).is_some_and(|host| host.holds_back(&subject.token))
    }

    /// The connection that remembers that token uses another one.
    pub fn leave_incident(&self, subject: &Subject) {
        if let Some(host) = self.host(&subject.host) {
            host.leave_incident(&subject.token);
        }
    }

    /// Keeps what the process before heard last about the token, if that was no answer, unless this one has heard of it itself.
    /// With it, whether that process knew the token to be good.
    pub fn remember_deferral(&self, subject: &Subject, said: (Deferral, bool), now: Timestamp) {
        if let Some(host) = self.host(&subject.host) {
            host.remember_deferral(&subject.token, said, now);
        }
    }

    /// When the next question about the token was brought forward last, because the host answered another one; and how many tokens
    /// wait for an answer of the host that says something, if it has given none since.
    pub fn awaited(&self, subject: &Subject) -> (Option<Timestamp>, u32) {
        self.host(&subject.host).map(|host| host.awaited(&subject.token)).unwrap_or_default()
    }

    /// What this process has heard about the token; `None` if it knows nothing of it.
    pub fn snapshot(&self, subject: &Subject) -> Option<Snapshot> {
        self.host(&subject.host)?.snapshot(&subject.token)
    }

    /// True if this question about the token waits or is on its way.
    pub fn is_pending(&self, subject: &Subject, probe: &Probe) -> bool {
        self.host(&subject.host).is_some_and(|host| host.is_pending(&subject.token, probe))
    }

    /// Tells whoever listens to traces that what is done here waits for this question, too.
    pub fn awaits(&self, subject: &Subject, probe: &Probe) {
        if let Some(origin) = Origin::current()
            && let Some(host) = self.host(&subject.host)
        {
            host.came_from(origin, (subject.token, probe.clone()));
        }
    }

    /// How much the clock of the host is ahead of ours.
    pub fn clock_offset(&self, host: &str) -> SignedDuration {
        self.host(host).map(|host| host.clock_offset()).unwrap_or_default()
    }

    /// The subjects of which something changed.
    pub fn changes(&self) -> Changes {
        self.changes.clone()
    }

    /// A connection uses the token.
    pub fn keep(&self, subject: &Subject) {
        if let Some(host) = self.host(&subject.host) {
            host.keep(&subject.token);
        }
    }

    /// Whether a connection that uses the token has it asked about: none does that is suspended, has lost the Secret or cannot be read.
    pub fn has_asker(&self, subject: &Subject, has: bool) {
        if let Some(host) = self.host(&subject.host) {
            host.has_asker(&subject.token, has);
        }
    }

    /// No connection uses the token any more: what is known of it is dropped after a while.
    pub fn forget(&self, subject: &Subject) {
        if let Some(host) = self.host(&subject.host) {
            host.forget(&subject.token, (self.now)());
        }
    }

    /// Asks nothing any more, and waits for the answers to what was asked.
    pub async fn rest(&self) {
        let hosts: Vec<_> = self.hosts().values().cloned().collect();
        future::join_all(hosts.iter().map(|host| host.rest())).await;
    }

    /// How each host stands, by name.
    pub fn states(&self, now: Timestamp) -> Vec<(Arc<str>, HostState)> {
        self.hosts().iter().map(|(name, host)| (name.clone(), host.state(now))).collect()
    }

    /// Shows what was asked, and what came of it.
    pub fn register(&self, registry: &mut Registry) {
        self.counted.register(registry);
    }

    /// For how long work that may go has waited for a worker; `None` if none has.
    pub fn stalled(&self) -> Option<Duration> {
        self.hosts().values().filter_map(|host| host.stalled()).max()
    }
}

/// Records keep instants in whole seconds, cut off: none of before is taken for one of after.
fn whole_second_after(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().saturating_add(1)).unwrap_or(at)
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
    /// Runs all of them, for ever, and those of hosts that come. That of a host which goes ends with its last answer.
    pub async fn run(mut self) {
        let mut working = FuturesUnordered::new();
        loop {
            tokio::select! {
                begun = self.begun.recv() => match begun {
                    Some(host) => working.push(host.work(self.ask.clone(), self.now)),
                    None => return,
                },
                Some(()) = working.next() => {}
            }
        }
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
