//! Namespaces in which no gate may be lifted: one Pod at a time tries it again there, for all of them.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::{
    cluster::DEADLINE,
    domain::backoff::{backoff, spread},
};

/// The first pause after a gate could not be lifted, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));
/// How long a refusal is kept after its next attempt was due. If nobody tried by then, there are no Pods any more.
const KEPT: Duration = Duration::from_secs(600);

/// What was refused, by namespace.
#[derive(Debug, Default)]
pub(super) struct Refusals(BTreeMap<Box<str>, Refusal>);

#[derive(Debug)]
struct Refusal {
    cause: Box<str>,
    failures: u32,
    /// From when on one may try again.
    next: Instant,
}

/// Why a Pod does not try now, and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotYet {
    /// What stands against it, as a sentence.
    pub cause: Box<str>,
    /// After this pause one of the Pods tries.
    pub pause: Duration,
}

impl Refusals {
    /// Lets a Pod try. Others of its namespace wait then for what comes of it.
    pub(super) fn admit(&mut self, namespace: &str) -> Result<(), NotYet> {
        let Some(refusal) = self.0.get_mut(namespace) else { return Ok(()) };
        let now = Instant::now();
        if now < refusal.next {
            return Err(NotYet { cause: refusal.cause.clone(), pause: refusal.next.duration_since(now) });
        }
        refusal.next = now.checked_add(DEADLINE).unwrap_or(now);
        Ok(())
    }

    /// A Pod was refused for this cause; gives the pause after which one tries again.
    pub(super) fn refused(&mut self, namespace: &str, cause: &str) -> Duration {
        let now = Instant::now();
        self.0.retain(|_, refusal| now.saturating_duration_since(refusal.next) < KEPT);
        let failures = self.0.get(namespace).map_or(0, |known| known.failures);
        let pause = spread(backoff(PAUSES, failures), fastrand::f64());
        let next = now.checked_add(pause).unwrap_or(now);
        let refusal = Refusal { cause: cause.into(), failures: failures.saturating_add(1), next };
        self.0.insert(namespace.into(), refusal);
        pause
    }

    /// The gate of a Pod was lifted. True if others were held back.
    pub(super) fn lifted(&mut self, namespace: &str) -> bool {
        self.0.remove(namespace).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn where_it_is_refused_one_pod_in_a_pause_tries_again() {
        let mut refusals = Refusals::default();
        assert_eq!(refusals.admit("a"), Ok(()));
        let pause = refusals.refused("a", "no right");
        assert_eq!(refusals.admit("a"), Err(NotYet { cause: "no right".into(), pause }));
        assert_eq!(refusals.admit("b"), Ok(()), "another namespace");
        tokio::time::advance(pause).await;
        assert_eq!(refusals.admit("a"), Ok(()));
        assert!(refusals.admit("a").is_err(), "one tries it already");
        for _ in 0..20 {
            refusals.refused("a", "no right");
        }
        let longest = refusals.refused("a", "no right");
        assert!(longest >= PAUSES.1 / 2 && longest <= PAUSES.1, "{longest:?}");
        assert!(refusals.lifted("a") && !refusals.lifted("a"));
        assert_eq!(refusals.admit("a"), Ok(()));
        refusals.refused("a", "no right");
        tokio::time::advance(KEPT + PAUSES.1).await;
        refusals.refused("b", "no right");
        assert_eq!(refusals.0.len(), 1, "nobody is remembered for ever");
    }
}
