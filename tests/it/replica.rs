//! One of several operators that share a Lease, each a user of its own, so that the audit log tells them apart.

use std::time::{Duration, Instant};

use control_plane::AuditEvent;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::{Api, Client};

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
        let replica = Replica::unready(world, user, flags);
        replica.operator.wait_until_ready().await;
        replica
    }

    /// One that may not be ready yet.
    pub(crate) fn unready(world: &World, user: &str, flags: &[&str]) -> Replica {
        let kubeconfig = world.plane.user(user, Some("system:masters")).unwrap();
        let flags =
            [&["--leader-election", "true", "--lease-namespace", NAMESPACE, "--lease-name", LEASE], flags]
                .concat();
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

/// The Leases.
pub(crate) fn leases(client: &Client) -> Api<Lease> {
    Api::namespaced(client.clone(), NAMESPACE)
}

/// What the Lease says.
pub(crate) async fn lease(world: &World) -> LeaseSpec {
    leases(&world.client).get(LEASE).await.unwrap().spec.unwrap_or_default()
}

/// The writes of anybody but to the Lease, which user made each, and when it began and was answered.
pub(crate) fn written(world: &World, users: &[&str]) -> Vec<(String, Timestamp, Timestamp)> {
    let events = world.plane.audit().unwrap().into_iter();
    let written = events.filter(|event| event.is_write() && event.resource != "leases");
    let ours = written.filter(|event| users.contains(&event.user.as_str()));
    ours.map(|event| (event.user, event.received, event.answered)).collect()
}
