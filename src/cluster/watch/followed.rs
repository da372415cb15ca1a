//! One watch: it hands on every event, and begins anew with a list after each error and at each request.
//!
//! A watch that ends with an error begins anew with a list. The API server may have come back on an earlier state of etcd, as
//! after the restore of a backup; a watch from a later version would then wait in silence:
//! <https://kubernetes.io/docs/tasks/administer-cluster/configure-upgrade-etcd/#restoring-an-etcd-cluster>.
//!
//! The first list comes as a stream of objects, of which one at a time is held:
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists>. It may be a moment old, which harms nobody who
//! knows nothing yet; the watch that follows tells the rest. Later lists outweigh what is known, so they come in consistent pages,
//! as the first one does from an API server that sends no stream.

use std::{
    collections::HashMap,
    fmt::Debug,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, pin_mut};
use kube::{
    Client, Resource,
    core::{NamespaceResourceScope, Status},
    runtime::watcher,
};
use serde::de::DeserializeOwned;
use tokio::{
    sync::{Semaphore, watch::Receiver},
    time::{Instant, sleep, sleep_until},
};

use super::super::{innermost, scope::Scope, user};
use crate::domain::{
    backoff::{backoff, spread},
    selector::Selector,
};

/// A half-open watch is noticed after this many seconds, in place of five minutes.
const WATCH_SECONDS: u32 = 60;
/// The pause before the same failure is logged again.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(600);
/// The first pause after a watch has failed, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// The same where the API server does not let the operator watch one namespace: whoever grants it waits for this.
const PAUSES_WHILE_REFUSED: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// The pause between two attempts to watch refused namespaces, however many of them there are.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(50);
/// The most lists that are under way at once.
const LISTS: usize = 32;

/// What the watches of one kind share, so that a thousand of them cost the API server no more at a time than a few.
#[derive(Debug)]
pub(super) struct Shared {
    /// The plural of the kind.
    watched: &'static str,
    /// Which of them, by their labels.
    selector: Option<Selector>,
    /// Which of them, by their fields.
    fields: Option<&'static str>,
    /// The number of objects in one page.
    page: u32,
    /// Whether nobody but the log tells that a namespace is refused.
    logs_refusals: bool,
    lists: Semaphore,
    /// When the API server may be asked next about a namespace that it refused.
    next_question: Mutex<Instant>,
    /// What was logged, and when.
    told: Mutex<HashMap<String, Instant>>,
    /// Whether the API server sends lists as streams.
    streams: AtomicBool,
}

/// What a watch tells.
pub(super) enum Told<'a, K> {
    /// An event.
    Event(watcher::Event<K>),
    /// The watch has ended, and begins anew with a list.
    Ended,
    /// The API server does not let this user watch.
    Refused(Option<&'a str>),
}

impl Shared {
    pub(super) fn new(watched: &'static str, page: u32, logs_refusals: bool) -> Self {
        Shared {
            watched,
            selector: None,
            fields: None,
            page,
            logs_refusals,
            lists: Semaphore::new(LISTS),
            next_question: Mutex::new(Instant::now()),
            told: Mutex::default(),
            streams: true.into(),
        }
    }

    /// The same of those alone that have these labels. What loses them is told as deleted.
    pub(super) fn of(self, selector: Option<&Selector>) -> Self {
        Shared { selector: selector.cloned(), ..self }
    }

    /// The same of those alone whose fields are so.
    pub(super) fn with(self, fields: &'static str) -> Self {
        Shared { fields: Some(fields), ..self }
    }

    /// Waits until it is the turn of a namespace that was refused.
    async fn turn(&self) {
        let turn = {
            let mut next = self.next_question.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = (*next).max(Instant::now());
            *next = turn.checked_add(BETWEEN_QUESTIONS).unwrap_or(turn);
            turn
        };
        sleep_until(turn).await;
    }

    /// Logs why there is no watch, unless that was logged a while ago.
    fn tell(&self, error: &watcher::Error, scope: &Scope) {
        let remedy = remedy(error, self.watched, scope);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.get(&remedy).is_none_or(|at| at.elapsed() >= BETWEEN_WARNINGS) {
            let cause = innermost(error);
            tracing::warn!(watched = self.watched, remedy, cause, "cannot watch");
            told.insert(remedy, Instant::now());
        }
    }

    /// A watch that failed is well again: what comes next is news.
    fn forget(&self) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How a watch begins that may take its first list as a stream, or not.
    fn config(&self, streams: bool) -> watcher::Config {
        let paged = watcher::Config::default().timeout(WATCH_SECONDS).page_size(self.page);
        let paged = match &self.selector {
            Some(selector) => paged.labels(selector.as_str()),
            None => paged,
        };
        let paged = match self.fields {
            Some(fields) => paged.fields(fields),
            None => paged,
        };
        if streams && self.streams.load(Ordering::Relaxed) { paged.streaming_lists() } else { paged }
    }

    /// Follows the objects of the scope for ever. `streams` tells whether a first list that is a moment old is good enough.
    pub(super) async fn follow<K>(
        &self,
        client: &Client,
        scope: &Scope,
        mut streams: bool,
        mut relist: Receiver<()>,
        mut take: impl FnMut(Told<'_, K>),
    ) where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + 'static,
    {
        let (mut failures, mut refusals) = (0_u32, 0_u32);
        loop {
            // Nobody closes it.
            let mut listing = self.lists.acquire().await.ok();
            let config = self.config(streams);
            let events = watcher(scope.api::<K>(client.clone()), config.clone());
            pin_mut!(events);
            let failed = loop {
                let event = tokio::select! {
                    event = events.next() => event,
                    _ = relist.changed() => break None,
                };
                match event {
                    Some(Ok(event)) => {
                        // `Init` comes before anything was asked.
                        if !matches!(event, watcher::Event::Init) {
                            if failures > 0 {
                                self.forget();
                            }
                            (failures, refusals) = (0, 0);
                        }
                        if matches!(event, watcher::Event::InitDone) {
                            streams = false;
                            listing = None;
                        }
                        if is_in(scope, &event) {
                            take(Told::Event(event));
                        }
                    }
                    Some(Err(error)) if is_not_streamed(&error) && config != self.config(false) => {
                        self.streams.store(false, Ordering::Relaxed);
                        break None;
                    }
                    Some(Err(error)) => break Some(Some(error)),
                    None => break Some(None),
                }
            };
            drop(listing);
            take(Told::Ended);
            let Some(error) = failed else { continue };
            let refused = error.as_ref().and_then(status).filter(|status| status.code == 403);
            if let Some(status) = refused {
                take(Told::Refused(user(status)));
            }
            if let Some(error) = error.as_ref().filter(|_| refused.is_none() || self.logs_refusals) {
                self.tell(error, scope);
            }
            if refused.is_some() && !scope.is_of_cluster() {
                sleep(spread(backoff(PAUSES_WHILE_REFUSED, refusals), fastrand::f64())).await;
                refusals = refusals.saturating_add(1);
                self.turn().await;
                continue;
            }
            sleep(spread(backoff(PAUSES, failures), fastrand::f64())).await;
            failures = failures.saturating_add(1);
        }
    }
}

/// The API server sends what is in the other shards, too.
fn is_in<K: Resource>(scope: &Scope, event: &watcher::Event<K>) -> bool {
    match event {
        watcher::Event::InitApply(object)
        | watcher::Event::Apply(object)
        | watcher::Event::Delete(object) => scope.has(object.meta().namespace.as_deref().unwrap_or_default()),
        watcher::Event::Init | watcher::Event::InitDone => true,
    }
}

/// What to do about it, by cause. The same words each time.
fn remedy(error: &watcher::Error, watched: &str, scope: &Scope) -> String {
    let code = status(error).map(|status| status.code);
    match (code, scope) {
        (Some(403), Scope::All | Scope::Part(_)) => format!(
            "the operator may not list and watch {watched} in all namespaces: bind the ClusterRole of the chart to its \
             ServiceAccount with a ClusterRoleBinding"
        ),
        (Some(403), Scope::Namespace(name)) => format!(
            "the operator may not list and watch {watched} in the namespace {name}: bind the Role of the chart to its \
             ServiceAccount with a RoleBinding"
        ),
        (Some(404), _) => format!("the API server does not know {watched}: install the CustomResourceDefinition"),
        (Some(401), _) => "the API server does not accept the operator's credentials: check its ServiceAccount or kubeconfig".to_owned(),
        (Some(code), _) => format!("the API server answered {code}; the operator tries again"),
        (None, _) => "the API server could not be reached, or its answer not be read; the operator tries again".to_owned(),
    }
}

fn status(error: &watcher::Error) -> Option<&Status> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status),
        _ => None,
    }
}

/// True if the API server does not send a list as a stream of events: before Kubernetes 1.34 that is switched off.
fn is_not_streamed(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(_))
        && status(error).is_some_and(|status| status.code == 422)
}
