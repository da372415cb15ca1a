//! The Leases of operators that share the namespaces in another way: while one of them leads, a namespace may be theirs and ours.
//!
//! Each shard takes its Lease first, looks at those of the others then, and gives it back if one that counts other shards leads. So of
//! two that begin at once, at least one sees the other.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams},
};
use tokio::time::{self, Instant};

use super::{
    Fault,
    election::{Terms, Waiting},
    lease::{SHARDS, record},
    within,
};
use crate::domain::shard::Shard;

/// Who else may lead, as far as this replica has seen.
pub struct Peers {
    leases: Api<DynamicObject>,
    /// The name of the Lease without the number of the shard.
    base: String,
    shard: Shard,
    terms: Terms,
    /// What was seen of each that counts other shards.
    seen: HashMap<String, Waiting>,
    /// What was logged last.
    told: Option<String>,
}

impl Peers {
    /// Those of the shard with the Lease of this name.
    pub fn new(client: Client, namespace: &str, name: &str, shard: Shard, terms: Terms) -> Self {
        let resource = ApiResource::erase::<Lease>(&());
        Peers {
            leases: Api::namespaced_with(client, namespace, &resource),
            base: name.strip_suffix(&format!("-{}", shard.index())).unwrap_or(name).to_owned(),
            shard,
            terms,
            seen: HashMap::new(),
            told: None,
        }
    }

    /// Waits until none of them leads.
    pub async fn until_alone(&mut self) {
        while !self.is_alone().await {
            time::sleep(self.terms.retry_period).await;
        }
    }

    /// True if none of them leads, nor may. What cannot be read may be.
    pub async fn is_alone(&mut self) -> bool {
        let said = match self.leading().await {
            Ok(None) => {
                self.told = None;
                return true;
            }
            Ok(Some(name)) => {
                format!(
                    "the Lease {name} is held by an operator that counts other shards; this one waits until it ends"
                )
            }
            Err(fault) => format!(
                "the Leases of other shards cannot be listed ({fault}); the operator needs the right to list them in its namespace"
            ),
        };
        if self.told.as_ref() != Some(&said) {
            tracing::warn!(shard = %self.shard, "{said}");
            self.told = Some(said);
        }
        false
    }

    /// A while of its own, so that two that have seen each other do not meet again.
    pub fn pause(&self) -> Duration {
        self.terms.retry_period.mul_f64(1.0 + fastrand::f64())
    }

    async fn leading(&mut self) -> Result<Option<String>, Fault> {
        let leases = within(self.leases.list(&ListParams::default())).await?;
        let now = Instant::now();
        // The leader of one that somebody deleted may not have heard of it yet.
        let mut others: BTreeMap<_, _> = self.seen.keys().map(|name| (name.clone(), None)).collect();
        for lease in &leases.items {
            if self.is_of_another_count(lease) {
                others.insert(lease.name_any(), Some(record(lease)));
            } else {
                others.remove(&lease.name_any());
            }
        }
        let mut first = None;
        for (name, record) in others {
            let terms = self.terms;
            let new = || Waiting::new(String::new(), terms);
            let waiting = self.seen.entry(name.clone()).or_insert_with(new);
            waiting.see(record.as_ref(), now);
            if waiting.free_at().is_none_or(|at| at > now) {
                first.get_or_insert(name);
            }
        }
        Ok(first)
    }

    /// One without a number is that of an operator without shards.
    fn is_of_another_count(&self, lease: &DynamicObject) -> bool {
        let name = lease.name_any();
        let Some(rest) = name.strip_prefix(&self.base) else { return false };
        let is_shard = rest.strip_prefix('-').is_some_and(|rest| rest.parse::<u16>().is_ok());
        // Without this it is that of another release, whose name ends in a number.
        let Some(count) = lease.annotations().get(SHARDS) else { return rest.is_empty() };
        rest.is_empty() || is_shard && *count != self.shard.count().to_string()
    }
}

#[cfg(test)]
mod tests;
