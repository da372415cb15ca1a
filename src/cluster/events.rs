//! Events of Kubernetes about connections, sent one after the other by a task of its own.
//!
//! Nobody waits for one: a reconcile leaves it here and goes on. One that cannot be sent is logged and lost, since the status says
//! what holds.

mod turns;

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event as KubernetesEvent},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client, Resource,
    api::{ObjectMeta, PostParams},
};
use tokio::sync::Notify;

use super::{
    connections::Connection,
    object::{FIELD_MANAGER, ObjectKey},
    within,
};
use crate::{api::GithubPatConnection, domain::event::Event};
use turns::Turns;

/// The most Events of connections that wait, and as many of Pods, so that an API server that does not answer costs no memory.
const LONGEST_QUEUE: usize = 1000;
/// The longest note that the API server takes, in bytes:
/// <https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/>
const LONGEST_NOTE: usize = 1024;
/// Of the longest name of an object, what the instant behind it leaves.
const LONGEST_NAME: usize = 220;
/// What the operator did when it had something to tell, which the API wants to know.
const ACTION: &str = "Reconcile";

/// The events that are yet to be sent.
#[derive(Debug, Default)]
pub struct Events {
    queue: Mutex<Queue>,
    wake: Notify,
    /// One was sent, or given up.
    done: Notify,
}

/// A Pod, such as that in which the operator runs.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Its namespace and name.
    pub key: ObjectKey,
    /// Its uid, by which `kubectl describe` finds what is about it.
    pub uid: String,
}

/// An event that is yet to be sent.
#[derive(Debug)]
struct Due {
    key: ObjectKey,
    event: KubernetesEvent,
    /// Whether somebody may have sent it before.
    is_told_once: bool,
}

#[derive(Debug, Default)]
struct Queue {
    /// Those of connections, and of the operator's own Pod.
    waiting: VecDeque<Due>,
    /// Those of Pods of others.
    of_pods: Turns<Due>,
    /// Whether it is the turn of those.
    is_turn_of_pods: bool,
    /// How many there were, which tells apart those of one instant.
    count: u32,
    /// Whether one is on its way.
    is_sending: bool,
    /// Whether this process ends: whoever leads next tells the Pods of others.
    is_ending: bool,
}

impl Events {
    /// Lets events about the connection, which happened at this instant, be sent.
    pub fn post(&self, connection: &Connection, at: Timestamp, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.leave(&connection.key, regarding(connection), at, event);
        }
    }

    /// Lets an event about the Pod be sent in which the operator runs.
    pub fn post_of(&self, pod: &Pod, at: Timestamp, event: Event) {
        self.leave(&pod.key, regarding_pod(pod), at, event);
    }

    /// The same about any Pod, once for all who tell it with the same `which`: the name follows from that, the Pod and the message. False
    /// if as many wait as may, or the namespace has as many waiting, or had a moment ago, as it may have.
    pub fn post_once(&self, pod: &Pod, at: Timestamp, event: Event, which: (i64, usize)) -> bool {
        let sum = format!("{} {} {} {which:?}", pod.uid, event.reason, event.message);
        let name = format!("{}.{:08x}", beginning(&pod.key), crc32fast::hash(sum.as_bytes()));
        let make = || Due {
            key: pod.key.clone(),
            event: made(name, &pod.key, regarding_pod(pod), at, event),
            is_told_once: true,
        };
        let is_taken = self.lock().of_pods.take(pod.key.namespace(), make);
        self.wake.notify_one();
        is_taken
    }

    fn leave(&self, key: &ObjectKey, regarding: ObjectReference, at: Timestamp, event: Event) {
        let mut queue = self.lock();
        if queue.waiting.len() >= LONGEST_QUEUE {
            tracing::warn!(regarding = %key, reason = event.reason, "an event was dropped: too many wait to be sent");
            return;
        }
        queue.count = queue.count.wrapping_add(1);
        // The names of one instant are told apart.
        let name = format!("{}.{:x}.{:x}", beginning(key), at.as_microsecond(), queue.count);
        let event = made(name, key, regarding, at, event);
        queue.waiting.push_back(Due { key: key.clone(), event, is_told_once: false });
        drop(queue);
        self.wake.notify_one();
    }

    /// Sends what is there, and what comes, for ever.
    pub async fn send(&self, client: &Client) {
        loop {
            let woken = self.wake.notified();
            match self.next() {
                Some(due) => send(client, &due).await,
                None => woken.await,
            }
        }
    }

    /// Waits until none is there, nor on its way, but for those of Pods of others that wait: the next leader tells them. A write that is
    /// cut off would hold back the Lease until it can take effect no more.
    pub async fn sent(&self) {
        self.lock().is_ending = true;
        loop {
            let done = self.done.notified();
            {
                let queue = self.lock();
                if queue.waiting.is_empty() && !queue.is_sending {
                    return;
                }
            }
            done.await;
        }
    }

    /// The next one to be sent; the one before is done with. Those of connections and those of Pods take turns.
    fn next(&self) -> Option<Due> {
        let mut queue = self.lock();
        let has_turn = queue.is_turn_of_pods && !queue.is_ending;
        let of_pods = if has_turn { queue.of_pods.next() } else { None };
        queue.is_turn_of_pods = of_pods.is_none();
        let mut next = of_pods.or_else(|| queue.waiting.pop_front());
        if next.is_none() && !queue.is_ending {
            next = queue.of_pods.next();
        }
        queue.is_sending = next.is_some();
        drop(queue);
        self.done.notify_waiters();
        next
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn send(client: &Client, due: &Due) {
    let Due { key, event, is_told_once } = due;
    let events = Api::<KubernetesEvent>::namespaced(client.clone(), key.namespace());
    match within(events.create(&PostParams::default(), event)).await {
        Ok(_) => {}
        Err(fault) if fault.is_terminating() || *is_told_once && fault.is_already_there() => {}
        Err(fault) => {
            let (reason, said) = (event.reason.as_deref(), fault.said(None));
            tracing::warn!(regarding = %key, reason, error = %fault, said, "an event was not sent");
        }
    }
}

fn regarding(connection: &Connection) -> ObjectReference {
    ObjectReference {
        api_version: Some(GithubPatConnection::api_version(&()).into_owned()),
        kind: Some(GithubPatConnection::kind(&()).into_owned()),
        namespace: Some(connection.key.namespace().to_owned()),
        name: Some(connection.key.name().to_owned()),
        uid: Some(connection.uid.to_string()),
        resource_version: Some(connection.resource_version.to_string()),
        ..ObjectReference::default()
    }
}

fn regarding_pod(pod: &Pod) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        namespace: Some(pod.key.namespace().to_owned()),
        name: Some(pod.key.name().to_owned()),
        uid: Some(pod.uid.clone()),
        ..ObjectReference::default()
    }
}

/// What the name of an Event about this object begins with.
fn beginning(key: &ObjectKey) -> String {
    let prefix: String = key.name().chars().take(LONGEST_NAME).collect();
    prefix.trim_end_matches(['.', '-']).to_owned()
}

fn made(
    name: String,
    key: &ObjectKey,
    regarding: ObjectReference,
    at: Timestamp,
    event: Event,
) -> KubernetesEvent {
    let metadata =
        ObjectMeta { name: Some(name), namespace: Some(key.namespace().to_owned()), ..ObjectMeta::default() };
    KubernetesEvent {
        metadata,
        event_time: Some(MicroTime(at)),
        reporting_controller: Some(FIELD_MANAGER.to_owned()),
        reporting_instance: Some(FIELD_MANAGER.to_owned()),
        action: Some(ACTION.to_owned()),
        reason: Some(event.reason.to_owned()),
        type_: Some(event.type_.as_str().to_owned()),
        note: Some(bounded(event.message)),
        regarding: Some(regarding),
        ..KubernetesEvent::default()
    }
}

fn bounded(mut note: String) -> String {
    if note.len() <= LONGEST_NOTE {
        return note;
    }
    let room = LONGEST_NOTE.saturating_sub('…'.len_utf8());
    let end = note.char_indices().map(|(at, _)| at).take_while(|at| *at <= room).last();
    note.truncate(end.unwrap_or_default());
    note.push('…');
    note
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cluster::spec::StoredSpec, domain::event::EventType};

    fn connection(name: &str) -> Connection {
        Connection {
            key: ObjectKey::new("team-a", name),
            uid: "u".into(),
            resource_version: "7".into(),
            generation: Some(1),
            deleting: false,
            shown: None,
            requested: None,
            spec: StoredSpec::from(serde_json::Value::Null),
            status: None,
        }
    }

    fn event(message: &str) -> Event {
        Event::new(EventType::Warning, "BadCredentials", message)
    }

    #[test]
    fn an_event_names_its_connection_and_fits_the_api_server() {
        let events = Events::default();
        let long = "a".repeat(253);
        for (name, message) in [("ci", "no"), ("ci", "no"), (&long, &*"€".repeat(1000))] {
            events.post(&connection(name), Timestamp::UNIX_EPOCH, [event(message)]);
        }
        let made: Vec<_> = std::iter::from_fn(|| events.next()).map(|due| due.event).collect();
        let names: Vec<_> = made.iter().map(|event| event.metadata.name.as_deref().unwrap()).collect();
        assert_ne!(names[0], names[1], "of one instant");
        assert!(names.iter().all(|name| name.len() <= 253), "{names:?}");
        assert!(made.iter().all(|event| event.note.as_deref().unwrap().len() <= 1024));
        assert!(made[2].note.as_deref().unwrap().ends_with("€…"));
        let regarding = made[0].regarding.as_ref().unwrap();
        assert_eq!((regarding.name.as_deref(), regarding.uid.as_deref()), (Some("ci"), Some("u")));
        assert_eq!(regarding.kind.as_deref(), Some("GithubPatConnection"));
        assert_eq!(made[0].type_.as_deref(), Some("Warning"));
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_end_those_are_waited_for_that_are_not_sent_yet() {
        let events = Events::default();
        events.sent().await;
        events.post(&connection("ci"), Timestamp::UNIX_EPOCH, [event("no")]);
        let patience = std::time::Duration::from_secs(3600);
        assert!(tokio::time::timeout(patience, events.sent()).await.is_err(), "it waits");
        assert!(events.next().is_some());
        assert!(tokio::time::timeout(patience, events.sent()).await.is_err(), "it is on its way");
        tokio::join!(events.sent(), async { assert!(events.next().is_none()) });
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_waits_for_the_event_of_a_pod_that_is_on_its_way_and_sends_no_other() {
        let events = Events::default();
        let tell = |name: &str| {
            let pod = Pod { key: ObjectKey::new("loud", name), uid: name.to_owned() };
            assert!(events.post_once(&pod, Timestamp::UNIX_EPOCH, event("no"), (0, 0)));
        };
        tell("under-way");
        assert!(events.next().is_some_and(|due| due.is_told_once));
        let patience = std::time::Duration::from_secs(3600);
        assert!(tokio::time::timeout(patience, events.sent()).await.is_err(), "it is on its way");
        (0..5).for_each(|number| tell(&format!("pod-{number}")));
        events.post(&connection("ci"), Timestamp::UNIX_EPOCH, (0..5).map(|_| event("no")));
        let left: Vec<_> = std::iter::from_fn(|| events.next()).collect();
        assert!(left.len() == 5 && left.iter().all(|due| !due.is_told_once), "{}", left.len());
        events.sent().await;
    }

    #[test]
    fn no_more_than_a_thousand_events_wait() {
        let events = Events::default();
        events.post(&connection("ci"), Timestamp::UNIX_EPOCH, (0..1500).map(|_| event("no")));
        assert_eq!(std::iter::from_fn(|| events.next()).count(), LONGEST_QUEUE);
    }

    #[tokio::test(start_paused = true)]
    async fn pods_of_a_loud_namespace_push_out_no_event_of_a_connection_and_take_no_more_than_every_other_turn()
     {
        let events = Events::default();
        let pod = |name: String| Pod { key: ObjectKey::new("loud", &name), uid: name };
        let waits = |number: usize| {
            events.post_once(&pod(format!("pod-{number}")), Timestamp::UNIX_EPOCH, event("no"), (0, 0))
        };
        let taken = (0..2000).filter(|number| waits(*number)).count();
        assert!((1..100).contains(&taken), "{taken}");
        events.post(&connection("ci"), Timestamp::UNIX_EPOCH, (0..LONGEST_QUEUE).map(|_| event("no")));
        let sent: Vec<_> = std::iter::from_fn(|| events.next()).collect();
        assert_eq!(sent.len(), LONGEST_QUEUE + taken);
        let of_pods = sent[..2 * taken].iter().filter(|due| due.is_told_once).count();
        assert_eq!(of_pods, taken, "they take turns");
    }

    #[tokio::test]
    async fn what_is_told_once_has_a_name_of_its_pod_and_message_and_of_which_time_it_is() {
        let events = Events::default();
        let told = |uid: &str, message: &str, which| {
            let pod = Pod { key: ObjectKey::new("team-a", "builder"), uid: uid.to_owned() };
            assert!(events.post_once(&pod, Timestamp::UNIX_EPOCH, event(message), which));
            events.next().unwrap().event.metadata.name.unwrap()
        };
        let first = told("1", "no", (0, 0));
        assert_eq!(told("1", "no", (0, 0)), first);
        let others = [
            told("2", "no", (0, 0)),
            told("1", "why", (0, 0)),
            told("1", "no", (1, 0)),
            told("1", "no", (0, 1)),
        ];
        assert!(!others.contains(&first), "{first} {others:?}");
    }
}
