//! Events of Kubernetes about connections, sent one after the other by a task of its own.
//!
//! Nobody waits for one: a reconcile leaves it here and goes on. One that cannot be sent is logged and lost, since the status says
//! what holds.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
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

/// So many wait at most, so that an API server that does not answer costs no memory.
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

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<(ObjectKey, KubernetesEvent)>,
    /// How many there were, which tells apart those of one instant.
    count: u32,
    /// Whether one is on its way.
    is_sending: bool,
}

impl Events {
    /// Lets events about the connection, which happened at this instant, be sent.
    pub fn post(&self, connection: &Connection, at: Timestamp, events: impl IntoIterator<Item = Event>) {
        for event in events {
            let key = &connection.key;
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.waiting.len() >= LONGEST_QUEUE {
                tracing::warn!(connection = %key, reason = event.reason, "an event was dropped: too many wait to be sent");
                continue;
            }
            queue.count = queue.count.wrapping_add(1);
            let event = made(connection, at, queue.count, event);
            queue.waiting.push_back((key.clone(), event));
            drop(queue);
            self.wake.notify_one();
        }
    }

    /// Sends what is there, and what comes, for ever.
    pub async fn send(&self, client: &Client) {
        loop {
            let woken = self.wake.notified();
            match self.next() {
                Some((key, event)) => send(client, &key, &event).await,
                None => woken.await,
            }
        }
    }

    /// Waits until none is there.
    pub async fn sent(&self) {
        loop {
            let done = self.done.notified();
            {
                let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                if queue.waiting.is_empty() && !queue.is_sending {
                    return;
                }
            }
            done.await;
        }
    }

    /// The next one to be sent; the one before is done with.
    fn next(&self) -> Option<(ObjectKey, KubernetesEvent)> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let next = queue.waiting.pop_front();
        queue.is_sending = next.is_some();
        drop(queue);
        self.done.notify_waiters();
        next
    }
}

async fn send(client: &Client, key: &ObjectKey, event: &KubernetesEvent) {
    let events = Api::<KubernetesEvent>::namespaced(client.clone(), key.namespace());
    match within(events.create(&PostParams::default(), event)).await {
        Ok(_) => {}
        Err(fault) if fault.is_terminating() => {}
        Err(fault) => {
            let (reason, said) = (event.reason.as_deref(), fault.said(None));
            tracing::warn!(connection = %key, reason, error = %fault, said, "an event was not sent");
        }
    }
}

fn made(connection: &Connection, at: Timestamp, count: u32, event: Event) -> KubernetesEvent {
    let (namespace, name) = (connection.key.namespace().to_owned(), connection.key.name());
    let prefix: String = name.chars().take(LONGEST_NAME).collect();
    let metadata = ObjectMeta {
        name: Some(format!("{}.{:x}.{count:x}", prefix.trim_end_matches(['.', '-']), at.as_microsecond())),
        namespace: Some(namespace.clone()),
        ..ObjectMeta::default()
    };
    let regarding = ObjectReference {
        api_version: Some(GithubPatConnection::api_version(&()).into_owned()),
        kind: Some(GithubPatConnection::kind(&()).into_owned()),
        namespace: Some(namespace),
        name: Some(name.to_owned()),
        uid: Some(connection.uid.to_string()),
        resource_version: Some(connection.resource_version.to_string()),
        ..ObjectReference::default()
    };
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
        let made: Vec<_> = std::iter::from_fn(|| events.next()).map(|(_, event)| event).collect();
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

    #[test]
    fn no_more_than_a_thousand_events_wait() {
        let events = Events::default();
        events.post(&connection("ci"), Timestamp::UNIX_EPOCH, (0..1500).map(|_| event("no")));
        assert_eq!(std::iter::from_fn(|| events.next()).count(), LONGEST_QUEUE);
    }
}
