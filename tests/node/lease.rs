//! Who leads, and for how long nobody did.

use std::time::{Duration, Instant};

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::{api::coordination::v1::Lease, apimachinery::pkg::apis::meta::v1::MicroTime};
use kube::{
    Api,
    runtime::{WatchStreamExt, watcher},
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::cluster::{Cluster, RELEASE, SOON};

/// Follows the Lease.
pub(crate) struct Watch {
    changes: UnboundedReceiver<Seen>,
    /// Who led last.
    holder: String,
    /// When it renewed the Lease last, by its own clock, which is that of every node here.
    renewed: Timestamp,
}

/// The Lease as it was seen.
struct Seen {
    at: Instant,
    holder: Option<String>,
    acquired: Timestamp,
    renewed: Timestamp,
}

impl Seen {
    fn new(lease: &Lease) -> Seen {
        let spec = lease.spec.as_ref().unwrap();
        let instant = |at: &Option<MicroTime>| at.as_ref().map_or(Timestamp::UNIX_EPOCH, |at| at.0);
        let (acquired, renewed) = (instant(&spec.acquire_time), instant(&spec.renew_time));
        Seen { at: Instant::now(), holder: holder(lease), acquired, renewed }
    }
}

/// From one leader to the next.
pub(crate) struct Change {
    /// The Pod that leads now.
    pub(crate) pod: String,
    /// For how long the Lease was given back before; `None` if it was not, but ran out.
    pub(crate) vacant: Option<Duration>,
    /// How long before the next one took the Lease the one before had renewed it.
    pub(crate) silent: Duration,
}

impl Watch {
    pub(crate) async fn begin(cluster: &Cluster) -> Watch {
        let leases: Api<Lease> = cluster.of_release();
        let Seen { holder, renewed, .. } = Seen::new(&leases.get(RELEASE).await.unwrap());
        let (sender, changes) = unbounded_channel();
        tokio::spawn(async move {
            let config = watcher::Config::default().fields(&format!("metadata.name={RELEASE}"));
            let mut seen = watcher(leases, config).default_backoff().applied_objects().boxed();
            while let Some(lease) = seen.next().await {
                let Ok(lease) = lease else { continue };
                if sender.send(Seen::new(&lease)).is_err() {
                    return;
                }
            }
        });
        Watch { changes, holder: holder.unwrap(), renewed }
    }

    /// The Pod that led when it was last looked.
    pub(crate) fn pod(&self) -> &str {
        pod(&self.holder)
    }

    /// Waits until the leader has written the Lease anew.
    pub(crate) async fn until_renewed(&mut self) {
        let begun = Timestamp::now();
        while self.renewed < begun {
            let seen = tokio::time::timeout(SOON, self.changes.recv()).await.unwrap().unwrap();
            assert_eq!(seen.holder.as_ref(), Some(&self.holder));
            self.renewed = seen.renewed;
        }
    }

    /// The next change of the leader.
    pub(crate) async fn next(&mut self) -> Change {
        let waited = tokio::time::timeout(SOON, self.changed()).await;
        waited.unwrap_or_else(|_| panic!("{} leads on", self.holder))
    }

    async fn changed(&mut self) -> Change {
        let mut given_back = None;
        loop {
            let Seen { at, holder, acquired, renewed } = self.changes.recv().await.unwrap();
            match holder {
                Some(holder) if holder != self.holder => {
                    self.holder = holder;
                    let vacant = given_back.map(|since| at.duration_since(since));
                    let silent = acquired.duration_since(self.renewed).unsigned_abs();
                    self.renewed = renewed;
                    return Change { pod: self.pod().to_owned(), vacant, silent };
                }
                Some(_) => (given_back, self.renewed) = (None, renewed),
                None => given_back = given_back.or(Some(at)),
            }
        }
    }
}

fn holder(lease: &Lease) -> Option<String> {
    lease.spec.as_ref()?.holder_identity.clone().filter(|holder| !holder.is_empty())
}

/// A replica is named by its Pod and a number.
fn pod(holder: &str) -> &str {
    holder.split('_').next().unwrap_or(holder)
}
