//! The Lease that one of several replicas holds.

use jiff::SignedDuration;

use crate::domain::{selector::Selector, shard::Shard};

use super::{Error, LEASE_DURATION, RENEW_DEADLINE, RETRY_PERIOD, SettingsInput};

/// The longest name of a namespace; an object's may have 253 letters.
const LONGEST_NAMESPACE: usize = 63;
const LONGEST_NAME: usize = 253;

/// The Lease, and how it is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its name.
    pub name: String,
    /// Its namespace; `None` means that of the Pod or of the kubeconfig.
    pub namespace: Option<String>,
    /// How long the others wait for a leader that is not heard of any more.
    pub duration: SignedDuration,
    /// How long the leader tries to renew it before it ends.
    pub renew_deadline: SignedDuration,
    /// How far apart the renewals are.
    pub retry_period: SignedDuration,
}

impl Lease {
    /// The Lease, if several replicas may run. What is wrong with it is told in any case.
    pub(super) fn new(
        outer: &SettingsInput,
        inner: &SettingsInput,
        name: &str,
        shard: Option<Shard>,
    ) -> Result<Option<Self>, Error> {
        // Each shard has its own.
        let name = shard.map_or(name.to_owned(), |shard| format!("{name}-{}", shard.index()));
        let namespace = outer.lease_namespace.as_ref().or(inner.lease_namespace.as_ref());
        let duration = outer.lease_duration.or(inner.lease_duration);
        let renew_deadline = outer.renew_deadline.or(inner.renew_deadline);
        let retry_period = outer.retry_period.or(inner.retry_period);
        let lease = Lease {
            name: object_name("leaseName", &name, LONGEST_NAME)?,
            namespace: namespace
                .map(|name| object_name("leaseNamespace", name, LONGEST_NAMESPACE))
                .transpose()?,
            duration: LEASE_DURATION.checked_duration(duration)?,
            renew_deadline: RENEW_DEADLINE.checked_duration(renew_deadline)?,
            retry_period: RETRY_PERIOD.checked_duration(retry_period)?,
        };
        if lease.renew_deadline >= lease.duration {
            let message = "it is not below leaseDuration, so another replica would lead before this one has ended: lower it, or \
                           raise leaseDuration";
            return Err(Error::value(RENEW_DEADLINE.name, message));
        }
        if lease.retry_period.saturating_mul(2) > lease.renew_deadline {
            let message = "it is above half of renewDeadline, so one renewal that fails would end the leader: lower it, or raise \
                           renewDeadline";
            return Err(Error::value(RETRY_PERIOD.name, message));
        }
        Ok(outer.leader_election.or(inner.leader_election).unwrap_or_default().then_some(lease))
    }
}

/// The name of the Lease, without the number of a shard. Operators for other connections do not lead in turn, so each has its own.
pub(super) fn name(outer: &SettingsInput, inner: &SettingsInput, selector: Option<&Selector>) -> String {
    let given = outer.lease_name.as_ref().or(inner.lease_name.as_ref());
    // Nothing that could be the number of a shard.
    let of = |selector: &Selector| format!("github-pat-operator-of-{}", selector.digest());
    given.cloned().unwrap_or_else(|| selector.map_or("github-pat-operator".to_owned(), of))
}

fn object_name(setting: &str, name: &str, longest: usize) -> Result<String, Error> {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let is_rim = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_name = name.starts_with(is_rim) && name.ends_with(is_rim) && name.chars().all(is_inner);
    let is_right = is_name && name.len() <= longest && (longest > LONGEST_NAMESPACE || !name.contains('.'));
    if is_right {
        return Ok(name.to_owned());
    }
    let message = "it is no name of Kubernetes: write lower case letters, digits and hyphens";
    Err(Error::value(setting, message))
}
