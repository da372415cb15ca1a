//! One of several operators that share a Lease, each a user of its own, so that the audit log tells them apart.

use std::{
    cell::Cell,
    collections::BTreeMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use control_plane::AuditEvent;
use github_simulator::NewToken;
use jiff::Timestamp;
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Secret};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject},
};
use serde_json::{Value, json};

use crate::world::{NAMESPACE, Operator, SOON, World};

/// The name of the Lease, which is in the namespace of the connections.
pub(crate) const LEASE: &str = "github-pat-operator";
/// The shortest terms that the settings take.
pub(crate) const SHORT: [&str; 6] =
    ["--lease-duration", "3s", "--renew-deadline", "2s", "--retry-period", "1s"];

/// A running replica.
pub(crate) struct Replica {
    pub(crate) user: String,
    pub(crate) operator: Operator,
}

impl Replica {
    /// Starts one, and waits until it is ready, whether it leads or not.
    pub(crate) async fn start(world: &World, user: &str, flags: &[&str]) -> Replica {
        let replica = Replica::unready(world, user, flags).await;
        replica.operator.wait_until_ready().await;
        replica
    }

    /// One that may not be ready yet.
    pub(crate) async fn unready(world: &World, user: &str, flags: &[&str]) -> Replica {
        let flags =
            [&["--leader-election", "true", "--lease-namespace", NAMESPACE, "--lease-name", LEASE], flags]
                .concat();
        let kubeconfig = world.replica(user, &world.settings(), &flags).await;
        let operator = world.unready_operator(kubeconfig, &world.settings(), &flags);
        Replica { user: user.to_owned(), operator }
    }

    /// Waits until it leads.
    pub(crate) async fn leads(&self) {
        self.operator.until_logged("leading").await;
    }

    /// True if it has led at any time.
    pub(crate) fn has_led(&self) -> bool {
        self.operator.log().contains("leading")
    }

    /// What it asked of the API server so far.
    pub(crate) fn requests(&self, world: &World) -> Vec<AuditEvent> {
        world.plane.audit().unwrap().into_iter().filter(|event| event.user == self.user).collect()
    }

    /// What it wrote so far, but for the Lease.
    pub(crate) fn writes(&self, world: &World) -> Vec<AuditEvent> {
        let written = self.requests(world).into_iter().filter(AuditEvent::is_write);
        written.filter(|event| event.resource != "leases").collect()
    }

    /// Waits until its process has ended; gives its exit code.
    pub(crate) async fn ends(&mut self) -> i32 {
        self.operator.process().wait(SOON).await.unwrap().code().unwrap()
    }

    /// Tells it to stop, and waits until it has; gives how long that took.
    pub(crate) async fn stop(mut self) -> Duration {
        let begun = Instant::now();
        self.operator.process().terminate().unwrap();
        let status = self.operator.process().wait(Duration::from_secs(10)).await.unwrap();
        assert!(status.success(), "{status}: {}", self.operator.log());
        begun.elapsed()
    }
}

/// The Leases, whatever stands in them.
pub(crate) fn leases(client: &Client) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), NAMESPACE, &ApiResource::erase::<Lease>(&()))
}

/// What the Lease says.
pub(crate) async fn lease(world: &World) -> Value {
    let lease = leases(&world.client).get_opt(LEASE).await.unwrap();
    lease.map(|lease| lease.data["spec"].clone()).unwrap_or_default()
}

/// The leader and the other one; whoever has ended is replaced by a new one with a name of its own.
pub(crate) struct Pair<'a> {
    world: &'a World,
    flags: &'a [&'a str],
    replicas: Vec<Replica>,
    users: Vec<String>,
}

impl<'a> Pair<'a> {
    /// Starts both, and waits until one leads and the other is ready.
    pub(crate) async fn start(world: &'a World, flags: &'a [&'a str]) -> Pair<'a> {
        let mut pair = Pair { world, flags, replicas: Vec::new(), users: Vec::new() };
        pair.refill().await;
        let leader = pair.take_leader().await;
        pair.put_back(leader);
        pair.refill().await;
        pair
    }

    /// Starts one in the place of who has ended, and waits until it is ready.
    pub(crate) async fn refill(&mut self) {
        let user = format!("replica-{}", self.users.len());
        self.users.push(user.clone());
        self.replicas.push(Replica::start(self.world, &user, self.flags).await);
    }

    /// Takes out who leads, as soon as somebody does.
    pub(crate) async fn take_leader(&mut self) -> Replica {
        let led = async {
            loop {
                if let Some(place) = self.replicas.iter().position(Replica::has_led) {
                    return place;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let Ok(place) = tokio::time::timeout(SOON, led).await else {
            let logs: Vec<_> = self.replicas.iter().map(|replica| replica.operator.log()).collect();
            panic!("nobody leads: {}\n{}", lease(self.world).await, logs.join("\n---\n"));
        };
        self.replicas.remove(place)
    }

    /// Puts back who was taken out.
    pub(crate) fn put_back(&mut self, replica: Replica) {
        self.replicas.push(replica);
    }
}

/// Connections whose tokens change all the time.
pub(crate) struct Load<'a> {
    world: &'a World,
    /// The token of each connection, last of all that it has had.
    tokens: Mutex<Vec<Vec<String>>>,
}

impl<'a> Load<'a> {
    /// So many connections, each with an output, once they are ready.
    pub(crate) async fn of(world: &'a World, count: usize) -> Load<'a> {
        let load = Load { world, tokens: Mutex::new(vec![Vec::new(); count]) };
        for place in 0..count {
            load.rotate(place).await;
            let publish = json!([{ "secretName": format!("load-{place}-out"), "format": "Opaque" }]);
            let spec = json!({ "interval": "24h", "publish": publish });
            world.connection(&format!("load-{place}"), spec).await;
        }
        load.is_published().await;
        load
    }

    /// Does this while tokens change; no change is under way any more when it is done.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let count = self.tokens.lock().unwrap().len();
        let is_done = Cell::new(false);
        let working = async {
            let done = work.await;
            is_done.set(true);
            done
        };
        let rotating = async {
            while !is_done.get() {
                self.rotate(fastrand::usize(..count)).await;
                tokio::time::sleep(Duration::from_millis(fastrand::u64(100..500))).await;
            }
        };
        futures::join!(working, rotating).0
    }

    /// Waits until every output holds the last token of its connection, and the status says so.
    pub(crate) async fn is_published(&self) {
        let last: Vec<String> =
            self.tokens.lock().unwrap().iter().map(|all| all.last().unwrap().clone()).collect();
        for (place, text) in last.into_iter().enumerate() {
            let name = format!("load-{place}");
            let holds = |secret: Option<&Secret>| {
                let value = secret.and_then(|secret| secret.data.as_ref()?.get("token"));
                value.is_some_and(|value| value.0 == text.as_bytes())
            };
            self.world.secret_until(&format!("{name}-out"), holds).await;
            self.world.ready(&name, "True", "Ready").await;
        }
    }

    /// No token was asked about by two leaders, nor twice by one.
    pub(crate) fn was_asked_once(&self, world: &World) {
        let mut asked = BTreeMap::<_, usize>::new();
        for call in world.github.calls() {
            *asked.entry(call.token.unwrap()).or_default() += 1;
        }
        let twice: Vec<_> = asked.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "of {} tokens: {twice:?}", asked.len());
    }

    async fn rotate(&self, place: usize) {
        let rotation = self.tokens.lock().unwrap()[place].len();
        let name = format!("load-{place}-{rotation}");
        let text = self.world.github.token(NewToken::classic(&name, "load"));
        self.world.secret(&format!("load-{place}"), &text).await;
        self.tokens.lock().unwrap()[place].push(text);
    }
}

/// What one replica wrote, by the audit log.
#[derive(Debug)]
struct Write {
    user: String,
    resource: String,
    name: String,
    received: Timestamp,
    answered: Timestamp,
}

impl Write {
    fn of(event: AuditEvent) -> Option<Self> {
        let is_replica = event.user != "admin" && !event.user.starts_with("system:");
        let is_done = is_replica && event.is_write() && event.code < 300;
        let AuditEvent { user, resource, name, received, answered, .. } = event;
        is_done.then_some(Write { user, resource, name, received, answered })
    }
}

/// By the audit log, whoever wrote anything held the Lease: it had written that last, and nobody else wrote it before the write was
/// answered.
pub(crate) fn one_writer_at_a_time(world: &World) {
    let events = world.plane.audit().unwrap();
    one_writer(events.into_iter().filter_map(Write::of)).unwrap();
}

/// The same of these writes. One of the Lease names the version that it replaces, so that each took effect before the next one was
/// received; but two of them may be answered the other way round.
fn one_writer(writes: impl Iterator<Item = Write>) -> Result<(), String> {
    let (mut leases, others): (Vec<_>, Vec<_>) = writes.partition(|write| write.resource == "leases");
    leases.sort_by_key(|lease| lease.received);
    for write in &others {
        let before = leases.iter().rposition(|lease| lease.answered <= write.received);
        let Some(before) = before.filter(|before| leases[*before].user == write.user) else {
            return Err(format!(
                "somebody else, or nobody, held the Lease before {} was written, {write:?}: {leases:?}",
                write.name
            ));
        };
        let later = leases.iter().skip(before);
        let meanwhile =
            later.into_iter().find(|lease| lease.user != write.user && lease.received < write.answered);
        if let Some(taken) = meanwhile {
            return Err(format!("somebody else took the Lease during {write:?}: {taken:?}"));
        }
    }
    if others.is_empty() { Err("nobody wrote".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_held_the_lease_is_told_by_the_order_in_which_its_writes_took_effect() {
        // Who, what, and the milliseconds at which the API server received and answered it.
        type Row<'a> = (&'a str, &'a str, i64, i64);
        let verdict = |rows: &[Row<'_>]| {
            let write = |(user, resource, received, answered): &Row<'_>| Write {
                user: (*user).to_owned(),
                resource: (*resource).to_owned(),
                name: "any".to_owned(),
                received: Timestamp::from_millisecond(*received).unwrap(),
                answered: Timestamp::from_millisecond(*answered).unwrap(),
            };
            one_writer(rows.iter().map(write)).is_ok()
        };
        let (one, two) = (("one", "leases", 0, 5), ("two", "leases", 20, 25));
        let rows: [(&str, &[Row<'_>], bool); 8] = [
            ("whoever holds it writes", &[one, ("one", "secrets", 6, 9)], true),
            ("nobody has it", &[("one", "secrets", 6, 9)], false),
            ("nobody writes", &[one], false),
            ("it is taken before the write", &[one, two, ("one", "secrets", 26, 29)], false),
            ("it is taken during the write", &[one, two, ("one", "secrets", 6, 22)], false),
            ("it is taken after the write", &[one, two, ("one", "secrets", 6, 19)], true),
            ("the taking is not answered yet", &[one, two, ("two", "secrets", 24, 29)], false),
            (
                "what was given back is answered after it was taken",
                &[one, ("one", "leases", 18, 27), two, ("two", "secrets", 28, 40)],
                true,
            ),
        ];
        for (row, events, expected) in rows {
            assert_eq!(verdict(events), expected, "{row}");
        }
    }
}
