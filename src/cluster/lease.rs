//! Takes, renews and gives back the Lease that says which replica leads.
//!
//! Each write names the version that was read, so that of two replicas that take it at once one finds a conflict. Its times are read as
//! texts: the API server takes some that no clock shows, and a Lease that cannot be read could not be mended either.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::{api::coordination::v1::Lease, apimachinery::pkg::apis::meta::v1::MicroTime};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, PostParams, WatchEvent, WatchParams},
};
use serde_json::{Map, Value, json};
use tokio::time::{self, Instant};

use super::{
    DEADLINE, Fault,
    election::{Claim, ElectionRecord, Leading, RELEASED, Terms, Waiting},
    fence::Fence,
    object::FIELD_MANAGER,
};

use crate::domain::shard::Shard;

/// A half-open watch is noticed after this many seconds, in place of five minutes.
const WATCH_SECONDS: u32 = 60;
/// The number of attempts to claim a Lease that others keep editing, before the next pause.
const CLAIMS: usize = 3;
/// The annotation with how many shards there are, as its holder counts them.
pub const SHARDS: &str = "githubpat.dev/shards";

/// Why this replica leads no more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// Somebody else holds the Lease.
    #[error("{0} holds it")]
    Taken(String),
    /// The Lease was not renewed in time.
    #[error("it was not renewed for {} s", .0.as_secs())]
    NotRenewed(Duration),
}

/// What went wrong with a renewal.
enum RenewError {
    Taken(String),
    Fault(Fault),
}

/// One replica and the Lease.
pub struct Elector {
    leases: Api<DynamicObject>,
    resource: ApiResource,
    name: String,
    /// Namespace and name, for the log.
    shown: String,
    shard: Option<Shard>,
    identity: String,
    terms: Terms,
    fence: Arc<Fence>,
    /// The Lease as it was read or written last.
    lease: Option<DynamicObject>,
    leading: Option<Leading>,
    /// Whether it has tried to take the Lease, so that it may hold it without having heard so.
    has_tried: bool,
    /// What was logged last about the API server's refusals.
    told: Option<String>,
}

impl Elector {
    /// A replica that waits for the Lease of this name; the fence opens when it has it. Its client writes past the fence.
    pub fn new(
        client: Client,
        namespace: &str,
        name: &str,
        shard: Option<Shard>,
        terms: Terms,
        fence: Arc<Fence>,
    ) -> Self {
        let resource = ApiResource::erase::<Lease>(&());
        Elector {
            leases: Api::namespaced_with(client, namespace, &resource),
            resource,
            name: name.to_owned(),
            shown: format!("{namespace}/{name}"),
            shard,
            identity: identity(),
            terms,
            fence,
            lease: None,
            leading: None,
            has_tried: false,
            told: None,
        }
    }

    /// The Lease, as namespace and name.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Returns when this replica leads. It looks at the Lease from the beginning, and takes it once it is `warm`.
    pub async fn acquire(&mut self, warm: impl Future<Output = ()>) {
        let mut waiting = Waiting::new(self.identity.clone(), self.terms);
        let mut warm = Warm { future: pin!(warm), is_over: false };
        loop {
            let begun = Instant::now();
            match self.attempt(&mut waiting, &mut warm).await {
                Ok(true) => break,
                // The watch is over, which it is once a minute.
                Ok(false) if begun.elapsed() >= self.terms.retry_period => {}
                Ok(false) => time::sleep(self.terms.retry_period).await,
                // Another replica was faster.
                Err(fault) if fault.code() == Some(409) => {}
                Err(fault) => {
                    self.tell(&fault);
                    time::sleep(self.terms.retry_period).await;
                }
            }
        }
        self.told = None;
        tracing::info!(lease = self.shown, identity = self.identity, "leading");
    }

    /// Renews the Lease for as long as it can; gives why it cannot any more.
    pub async fn keep(&mut self) -> Lost {
        let mut due = self.next_renewal();
        loop {
            let gives_up_at = self.leading.map_or_else(Instant::now, |leading| leading.gives_up_at());
            let renewal = async {
                time::sleep_until(due).await;
                self.renew().await
            };
            due = match time::timeout_at(gives_up_at, renewal).await {
                // An answer that is there is given also where its time is over. It is too late: workers that saw the fence closed do not go on.
                Ok(Ok(())) if Instant::now() < gives_up_at => {
                    self.told = None;
                    self.next_renewal()
                }
                Ok(Err(RenewError::Fault(fault))) => {
                    self.tell(&fault);
                    after(Instant::now(), self.terms.retry_period)
                }
                Ok(Err(RenewError::Taken(holder))) => return self.lost(Lost::Taken(holder)),
                Ok(Ok(())) | Err(_) => return self.lost(Lost::NotRenewed(self.terms.renew_deadline)),
            };
        }
    }

    /// Gives the Lease back if it is this replica's, once no write of it can take effect any more.
    ///
    /// # Errors
    ///
    /// If the API server does not take it; then it runs out by itself.
    pub async fn release(&mut self) -> Result<(), Fault> {
        if !self.has_tried {
            return Ok(());
        }
        self.fence.close();
        self.fence.settled().await;
        // The answer to the request that took it may have been lost.
        if self.leading.take().is_none() {
            self.look().await?;
        }
        for _ in 0..CLAIMS {
            if !self.is_ours() {
                return Ok(());
            }
            let released = json!({
                "holderIdentity": "", "leaseDurationSeconds": RELEASED, "acquireTime": now(), "renewTime": now(),
            });
            match self.write(released).await {
                Ok(()) => {
                    tracing::info!(lease = self.shown, "gave the lease back");
                    return Ok(());
                }
                Err(fault) if fault.is_conflict() => self.look().await?,
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    /// Looks, waits until the Lease is free, and takes it; false if the watch ended before.
    async fn attempt<F>(&mut self, waiting: &mut Waiting, warm: &mut Warm<'_, F>) -> Result<bool, Fault>
    where
        F: Future<Output = ()>,
    {
        self.look().await?;
        waiting.see(self.lease.as_ref().map(record).as_ref(), Instant::now());
        let is_free = self.until_free(waiting, warm).await?;
        if is_free {
            self.take().await?;
        }
        Ok(is_free)
    }

    /// Follows the Lease until it is free; false if the watch ends before.
    async fn until_free<F>(&mut self, waiting: &mut Waiting, warm: &mut Warm<'_, F>) -> Result<bool, Fault>
    where
        F: Future<Output = ()>,
    {
        let is_free = |waiting: &Waiting, warm: &Warm<'_, F>| {
            warm.is_over && waiting.free_at().is_some_and(|at| at <= Instant::now())
        };
        // Where the watch is refused, this is the only look.
        warm.look().await;
        if is_free(waiting, warm) {
            return Ok(true);
        }
        let params =
            WatchParams::default().fields(&format!("metadata.name={}", self.name)).timeout(WATCH_SECONDS);
        let version = self.lease.as_ref().and_then(ResourceExt::resource_version);
        let version = version.unwrap_or_else(|| "0".to_owned());
        let mut events = pin!(self.within(self.leases.watch(&params, &version)).await?);
        while !is_free(waiting, warm) {
            let free_at = waiting.free_at().unwrap_or_else(Instant::now);
            tokio::select! {
                event = events.next() => {
                    match event {
                        Some(Ok(WatchEvent::Added(lease) | WatchEvent::Modified(lease))) => self.lease = Some(lease),
                        Some(Ok(WatchEvent::Deleted(_))) => self.lease = None,
                        Some(Ok(WatchEvent::Bookmark(_))) => {}
                        Some(Ok(WatchEvent::Error(status))) => return Err(kube::Error::Api(status).into()),
                        Some(Err(error)) => return Err(error.into()),
                        None => return Ok(false),
                    }
                    waiting.see(self.lease.as_ref().map(record).as_ref(), Instant::now());
                }
                () = warm.future.as_mut(), if !warm.is_over => warm.is_over = true,
                () = time::sleep_until(free_at), if warm.is_over => {}
            }
        }
        Ok(true)
    }

    async fn take(&mut self) -> Result<(), Fault> {
        let before =
            self.spec("leaseTransitions").and_then(Value::as_i64).and_then(|count| i32::try_from(count).ok());
        let transitions = match before {
            Some(count) if !self.is_ours() => count.saturating_add(1),
            count => count.unwrap_or_default(),
        };
        self.hold(json!({ "acquireTime": now(), "leaseTransitions": transitions })).await
    }

    /// Writes the instant of this renewal, whatever others have done to the Lease, unless one of them holds it.
    async fn renew(&mut self) -> Result<(), RenewError> {
        let mut last = None;
        for _ in 0..CLAIMS {
            match self.hold(json!({})).await {
                Ok(()) => return Ok(()),
                Err(fault) if fault.is_conflict() => last = Some(fault),
                Err(fault) => return Err(RenewError::Fault(fault)),
            }
            self.look().await.map_err(RenewError::Fault)?;
            match Leading::claim(self.lease.as_ref().map(record).as_ref(), &self.identity) {
                Claim::Lost(holder) => return Err(RenewError::Taken(holder)),
                Claim::Renew | Claim::Create => {
                    tracing::warn!(lease = self.shown, "somebody has changed the lease; it is written again");
                }
            }
        }
        Err(RenewError::Fault(last.unwrap_or(Fault::Late(self.request_deadline()))))
    }

    /// Makes the Lease this replica's, from the instant at which the request begins, and this too.
    async fn hold(&mut self, mut fields: Value) -> Result<(), Fault> {
        if let Some(fields) = fields.as_object_mut() {
            fields.insert("holderIdentity".to_owned(), json!(self.identity));
            fields.insert("leaseDurationSeconds".to_owned(), json!(self.terms.lease_duration.as_secs()));
            fields.insert("renewTime".to_owned(), now());
        }
        self.has_tried = true;
        let begun = Instant::now();
        self.write(fields).await?;
        let leading = Leading::since(begun, self.terms);
        self.leading = Some(leading);
        self.fence.open(leading.ends_at());
        Ok(())
    }

    /// What this field of the Lease says.
    fn spec(&self, field: &str) -> Option<&Value> {
        self.lease.as_ref()?.data.get("spec")?.get(field)
    }

    fn is_ours(&self) -> bool {
        self.spec("holderIdentity").and_then(Value::as_str) == Some(&self.identity)
    }

    /// Reads the Lease as it stands now.
    async fn look(&mut self) -> Result<(), Fault> {
        self.lease = self.within(self.leases.get_opt(&self.name)).await?;
        Ok(())
    }

    /// Writes these fields in the place of what was read last; whoever was faster makes it a conflict.
    async fn write(&mut self, fields: Value) -> Result<(), Fault> {
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let stands = self.lease.clone();
        let is_new = stands.is_none();
        let mut lease = stands.unwrap_or_else(|| DynamicObject::new(&self.name, &self.resource));
        let spec = lease.data.get("spec").and_then(Value::as_object).cloned();
        let mut spec = spec.unwrap_or_else(Map::new);
        spec.extend(fields.as_object().cloned().unwrap_or_default());
        lease.data = json!({ "spec": spec });
        if let Some(shard) = self.shard {
            lease.annotations_mut().insert(SHARDS.to_owned(), shard.count().to_string());
        }
        let written = if is_new {
            self.within(self.leases.create(&params, &lease)).await
        } else {
            self.within(self.leases.replace(&self.name, &params, &lease)).await
        };
        self.lease = Some(written?);
        Ok(())
    }

    async fn within<T>(&self, call: impl Future<Output = kube::Result<T>>) -> Result<T, Fault> {
        let deadline = self.request_deadline();
        match time::timeout(deadline, call).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(Fault::Late(deadline)),
        }
    }

    fn request_deadline(&self) -> Duration {
        self.terms.request_deadline(DEADLINE)
    }

    fn next_renewal(&self) -> Instant {
        let now = Instant::now();
        self.leading.map_or(now, |leading| after(leading.renewed(), self.terms.retry_period))
    }

    fn lost(&mut self, lost: Lost) -> Lost {
        self.fence.close();
        self.leading = None;
        lost
    }

    /// One line for each kind of trouble in a row.
    fn tell(&mut self, fault: &Fault) {
        let remedy = match fault.code() {
            Some(403) => {
                "the operator may not get, watch, create and update this Lease: bind the Role of the chart to its ServiceAccount"
            }
            Some(404) => {
                "the Lease is gone, or there is no such namespace: create that, or set leaseNamespace"
            }
            _ => "the operator tries again",
        };
        let words = format!("{fault}; {remedy}");
        if self.told.as_ref() != Some(&words) {
            let said = fault.said(None);
            tracing::warn!(lease = self.shown, error = %fault, said, remedy, "the lease was not read or written");
            self.told = Some(words);
        }
    }
}

/// What is waited for before the Lease is taken.
struct Warm<'a, F> {
    future: Pin<&'a mut F>,
    is_over: bool,
}

impl<F: Future<Output = ()>> Warm<'_, F> {
    /// Takes in whether it is over by now.
    async fn look(&mut self) {
        let future = &mut self.future;
        self.is_over |=
            !self.is_over && poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
    }
}

pub(super) fn record(lease: &DynamicObject) -> ElectionRecord {
    let spec = lease.data.get("spec");
    let text = |field: &str| spec?.get(field)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let seconds = spec.and_then(|spec| spec.get("leaseDurationSeconds")?.as_i64());
    ElectionRecord {
        version: (lease.uid().unwrap_or_default(), lease.resource_version().unwrap_or_default()),
        holder: text("holderIdentity"),
        seconds: seconds.and_then(|seconds| i32::try_from(seconds).ok()),
        renewed: text("renewTime"),
    }
}

/// In the form in which the API server keeps it.
fn now() -> Value {
    json!(MicroTime(Timestamp::now()))
}

fn after(at: Instant, span: Duration) -> Instant {
    at.checked_add(span).unwrap_or(at)
}

/// The name of the Pod or machine, and a number, since a process that is started anew in the same Pod is another replica.
fn identity() -> String {
    let name = rustix::system::uname();
    format!("{}_{:016x}", name.nodename().to_string_lossy(), fastrand::u64(..))
}

#[cfg(test)]
mod tests;
