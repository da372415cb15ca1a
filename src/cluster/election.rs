//! Who leads: what the Lease says, when this replica saw it change, and what follows from both.
//!
//! No I/O, and no clock: instants are arguments, read from the replica's own monotonic clock. The times in the Lease are never
//! reckoned with, since the clock of another node wrote them; that they change says that their writer is alive.
//!
//! The words and the protocol are those of client-go: <https://pkg.go.dev/k8s.io/client-go/tools/leaderelection>. Unlike there, a
//! Lease that somebody deleted or emptied by hand is free only after the time that its leader may still count on.

use std::{cmp, time::Duration};

use tokio::time::Instant;

/// What a Lease says for how long when it was released, in place of a duration.
pub const RELEASED: i32 = 1;
/// No Lease is longer, whatever somebody writes into it: the most that the setting takes.
pub const LONGEST: Duration = Duration::from_secs(5 * 60);

/// How long a Lease lasts, and what follows from that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long it is good after the request that renewed it was begun.
    pub lease_duration: Duration,
    /// The leader that cannot renew it for so long is the leader no more.
    pub renew_deadline: Duration,
    /// How far apart the renewals are.
    pub retry_period: Duration,
}

impl Terms {
    /// How long a write may take: what a leader begins at the last moment ends while nobody else can lead.
    pub fn write_deadline(&self, longest: Duration) -> Duration {
        self.lease_duration.saturating_sub(self.renew_deadline).min(longest)
    }

    /// How long one request about the Lease may take, so that a leader has two at least before it gives up.
    pub fn request_deadline(&self, longest: Duration) -> Duration {
        self.renew_deadline.div_f64(2.0).min(longest)
    }
}

/// A Lease as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ElectionRecord {
    /// `metadata.uid` and `metadata.resourceVersion`.
    pub version: (String, String),
    /// `spec.holderIdentity`; `None` if it is empty.
    pub holder: Option<String>,
    /// `spec.leaseDurationSeconds`.
    pub seconds: Option<i32>,
    /// `spec.renewTime`, as it stands there.
    pub renewed: Option<String>,
}

impl ElectionRecord {
    /// True if its leader gave it back.
    fn is_released(&self) -> bool {
        self.holder.is_none() && self.seconds == Some(RELEASED)
    }
}

/// A replica that waits for the Lease.
#[derive(Debug)]
pub struct Waiting {
    identity: String,
    terms: Terms,
    /// What it saw last and when it saw that first; `None` before it looked.
    seen: Option<(Option<ElectionRecord>, Instant)>,
    /// For how long the last leader may count on the Lease, if there was one.
    span: Option<Duration>,
    /// When it renewed the Lease last, by its own clock.
    renewed: Option<String>,
}

impl Waiting {
    /// A replica that has not looked yet.
    pub const fn new(identity: String, terms: Terms) -> Self {
        Waiting { identity, terms, seen: None, span: None, renewed: None }
    }

    /// Takes in what the Lease says, if there is one, at the instant at which the answer was there.
    pub fn see(&mut self, lease: Option<&ElectionRecord>, at: Instant) {
        if self.seen.as_ref().is_some_and(|(before, _)| before.as_ref() == lease) {
            return;
        }
        if let Some(lease) = lease.filter(|lease| lease.holder.is_some()) {
            self.span = Some(self.span_of(lease));
            self.renewed.clone_from(&lease.renewed);
        }
        self.seen = Some((lease.cloned(), at));
    }

    /// When the Lease may be taken, if nothing is seen to change until then; `None` before it was looked at.
    pub fn free_at(&self) -> Option<Instant> {
        let (lease, since) = self.seen.as_ref()?;
        let is_free = lease.as_ref().is_some_and(|lease| {
            // Ours: the answer to the request that took it was lost.
            // A leader that gives it back says when. What somebody has written over a holder has the instant of that holder.
            let is_released =
                lease.is_released() && (self.renewed.is_none() || lease.renewed != self.renewed);
            is_released || lease.holder.as_ref() == Some(&self.identity)
        });
        let wait = match (self.span, lease) {
            _ if is_free => Duration::ZERO,
            (Some(span), _) => span,
            // Somebody may have deleted or emptied it before this replica looked, and its leader may not have heard of it.
            (None, Some(lease)) => self.span_of(lease),
            (None, None) => self.terms.lease_duration,
        };
        since.checked_add(wait)
    }

    /// For how long its leader may count on it: as it says, if that can be. A leader with other settings believes its own.
    fn span_of(&self, lease: &ElectionRecord) -> Duration {
        let told = lease.seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
        let told = told.filter(|told| *told <= LONGEST);
        told.map_or(self.terms.lease_duration, |told| cmp::max(told, self.terms.lease_duration))
    }
}

/// A replica that leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leading {
    terms: Terms,
    /// When the last request began that renewed the Lease.
    renewed: Instant,
}

/// What a leader does about a Lease that is not as it left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It writes itself into this version of it; nobody else has taken it, or somebody else comes first.
    Renew,
    /// It creates the Lease anew, which fails if somebody else has.
    Create,
    /// Somebody else leads.
    Lost(String),
}

impl Leading {
    /// A leader by a request that began at this instant.
    pub const fn since(renewed: Instant, terms: Terms) -> Self {
        Leading { terms, renewed }
    }

    /// When the request began by which it leads.
    pub const fn renewed(&self) -> Instant {
        self.renewed
    }

    /// Until when nobody else can take the Lease.
    pub fn ends_at(&self) -> Instant {
        self.renewed.checked_add(self.terms.lease_duration).unwrap_or(self.renewed)
    }

    /// When it leads no more unless it has renewed the Lease.
    pub fn gives_up_at(&self) -> Instant {
        self.renewed.checked_add(self.terms.renew_deadline).unwrap_or(self.renewed)
    }

    /// What to do about a Lease that was not as this leader left it. While it has not given up, every other replica has waited
    /// less than it must, unless somebody gave the Lease away by hand.
    pub fn claim(lease: Option<&ElectionRecord>, identity: &str) -> Claim {
        match lease {
            None => Claim::Create,
            Some(lease) => match lease.holder.as_deref() {
                Some(holder) if holder != identity => Claim::Lost(holder.to_owned()),
                _ => Claim::Renew,
            },
        }
    }
}

#[cfg(test)]
mod tests;
