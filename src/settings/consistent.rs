//! Which settings bound each other, and whether they go together.

use super::{
    Error, FAILED_LOGINS_PER_HOUR, FAILED_LOGINS_PER_NAMESPACE, MetricsDetail, QUESTIONS_PER_MINUTE,
    Settings, TRUST_FOR,
};

impl Settings {
    /// The settings, if those that bound each other do.
    pub(super) fn consistent(self) -> Result<Self, Error> {
        if self.trust_for < self.heartbeat {
            let message = "it is below heartbeat, and after a restart an acceptance may seem that old: raise it, or lower heartbeat";
            return Err(Error::value(TRUST_FOR.name, message));
        }
        let (share, all) = (self.failed_logins_per_namespace, self.failed_logins_per_hour);
        if share > all {
            let message = format!(
                "{share} is above failedLoginsPerHour, {all}, of which it is a share: lower it, or raise failedLoginsPerHour"
            );
            return Err(Error::value(FAILED_LOGINS_PER_NAMESPACE.name, message));
        }
        if self.lacks_consumers() {
            let message = "it has consumers, which are known with the setting consumers alone: set that, or leave it out";
            return Err(Error::value("metricsDetails", message));
        }
        if self.shard.is_some() && !self.watch.namespaces.is_empty() {
            let message =
                "watchNamespaces says already which namespaces this operator has: leave one of both out";
            return Err(Error::value("shard", message));
        }
        let of_each = [
            (FAILED_LOGINS_PER_HOUR.name.to_owned(), self.failed_logins_per_hour),
            (QUESTIONS_PER_MINUTE.name.to_owned(), self.questions_per_minute),
        ];
        let of_hosts = self
            .hosts
            .iter()
            .map(|host| (format!("hosts.{}.concurrency", host.name), host.concurrency.into()));
        if let Some((name, all)) =
            of_each.into_iter().chain(of_hosts).find(|(_, all)| self.is_too_little(*all))
        {
            let shards = self.shards();
            let message = format!("{all} is below the number of shards, {shards}, which share it: raise it");
            return Err(Error::value(name, message));
        }
        Ok(self)
    }

    /// Goes back to the setting of before where a new one does not go together with one that stays: both wait then. Gives the names
    /// of those. What is below the number of shards was not before, so that no share of it is too large either.
    pub(super) fn go_together(&mut self, before: &Settings) -> Vec<&'static str> {
        let mut waiting = Vec::new();
        if self.lacks_consumers() {
            self.consumers = before.consumers;
            waiting.push("consumers");
        }
        if self.is_too_little(self.failed_logins_per_hour) {
            self.failed_logins_per_hour = before.failed_logins_per_hour;
            waiting.push(FAILED_LOGINS_PER_HOUR.name);
        }
        if self.is_too_little(self.questions_per_minute) {
            self.questions_per_minute = before.questions_per_minute;
            waiting.push(QUESTIONS_PER_MINUTE.name);
        }
        if self.hosts.iter().any(|host| self.is_too_little(host.concurrency.into())) {
            self.hosts.clone_from(&before.hosts);
            waiting.push("hosts");
        }
        waiting
    }

    fn lacks_consumers(&self) -> bool {
        self.metrics_details.contains(&MetricsDetail::Consumers) && !self.consumers
    }

    /// True if not each shard gets some of it.
    fn is_too_little(&self, all: u32) -> bool {
        all < self.shards()
    }
}
