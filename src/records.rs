//! What the process remembers of each connection beside its status; always safe to lose.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    api::GithubPatConnectionStatus as Status,
    domain::{knowledge::Knowledge, probing::schedule::Past, token::HashedToken},
};

/// One record for each uid, and one clock for each host.
#[derive(Debug, Default)]
pub struct Records {
    of: Mutex<HashMap<String, Record>>,
    skews: Mutex<HashMap<String, SignedDuration>>,
}

#[derive(Debug, Default)]
struct Record {
    token: Option<Known>,
    written: Option<Written>,
    failures: u32,
    unreadable: Option<String>,
}

#[derive(Debug)]
struct Known {
    hashed: HashedToken,
    host: String,
    knowledge: Knowledge,
    past: Past,
}

/// The status that we wrote last, and the version of the object that it made.
#[derive(Debug)]
struct Written {
    resource_version: String,
    status: Status,
}

impl Records {
    /// What is remembered of the token on that host: by this process, else by the status.
    pub fn recall(
        &self,
        uid: &str,
        hashed: &HashedToken,
        host: &str,
        status: Option<&Status>,
        now: Timestamp,
    ) -> (Knowledge, Past) {
        let mut records = lock(&self.of);
        let record = records.entry(uid.to_owned()).or_default();
        if let Some(known) =
            record.token.as_ref().filter(|known| known.hashed == *hashed && known.host == host)
        {
            return (known.knowledge.clone(), known.past.by(now));
        }
        let knowledge = status.map(|status| status.knowledge(hashed, host)).unwrap_or_default();
        let past = Past { since: now, asked: None, released: None };
        let known = Known { hashed: *hashed, host: host.to_owned(), knowledge: knowledge.clone(), past };
        record.token = Some(known);
        (knowledge, past)
    }

    /// Keeps what was learnt of the token.
    pub fn remember(&self, uid: &str, knowledge: &Knowledge, past: Past) {
        let mut records = lock(&self.of);
        if let Some(known) = records.get_mut(uid).and_then(|record| record.token.as_mut()) {
            known.knowledge = knowledge.clone();
            known.past = past;
        }
    }

    /// The status as we last wrote it and the version that this made, while the given object is older than that.
    pub fn newer_status(&self, uid: &str, resource_version: &str) -> Option<(Status, String)> {
        let records = lock(&self.of);
        let written = records.get(uid)?.written.as_ref()?;
        let newer = || (written.status.clone(), written.resource_version.clone());
        is_older(resource_version, &written.resource_version).then(newer)
    }

    /// Keeps the status that was written, with the version that the object has now.
    pub fn wrote(&self, uid: &str, resource_version: String, status: Status) {
        lock(&self.of).entry(uid.to_owned()).or_default().written =
            Some(Written { resource_version, status });
    }

    /// Counts a failed reconcile; gives how many there were in a row before it.
    pub fn failed(&self, uid: &str) -> u32 {
        let mut records = lock(&self.of);
        let record = records.entry(uid.to_owned()).or_default();
        let before = record.failures;
        record.failures = before.saturating_add(1);
        before
    }

    /// How many reconciles failed in a row.
    pub fn failures(&self, uid: &str) -> u32 {
        lock(&self.of).get(uid).map_or(0, |record| record.failures)
    }

    /// Forgets the failures.
    pub fn succeeded(&self, uid: &str) {
        if let Some(record) = lock(&self.of).get_mut(uid) {
            record.failures = 0;
        }
    }

    /// True if it was told already that this object is unreadable for this reason.
    pub fn was_told(&self, uid: &str, error: &str) -> bool {
        lock(&self.of).get(uid).is_some_and(|record| record.unreadable.as_deref() == Some(error))
    }

    /// Keeps that the object can be read.
    pub fn readable(&self, uid: &str) {
        if let Some(record) = lock(&self.of).get_mut(uid) {
            record.unreadable = None;
        }
    }

    /// Keeps that it was told.
    pub fn told(&self, uid: &str, error: &str) {
        lock(&self.of).entry(uid.to_owned()).or_default().unreadable = Some(error.to_owned());
    }

    /// How much the host's clock is ahead of ours.
    pub fn skew(&self, host: &str) -> SignedDuration {
        lock(&self.skews).get(host).copied().unwrap_or_default()
    }

    /// Keeps how much the host's clock is ahead of ours.
    pub fn set_skew(&self, host: &str, skew: SignedDuration) {
        lock(&self.skews).insert(host.to_owned(), skew);
    }

    /// Forgets the connection of this uid.
    pub fn forget(&self, uid: &str) {
        lock(&self.of).remove(uid);
    }

    /// Forgets every connection but these.
    pub fn forget_all_but(&self, uids: &HashSet<String>) {
        lock(&self.of).retain(|uid, _| uids.contains(uid));
    }
}

/// True if the first resource version comes before the second. They are numbers that can be compared since Kubernetes 1.35, and
/// were in practice before; of what are none, only equality is known.
fn is_older(version: &str, than: &str) -> bool {
    match (version.parse::<u64>(), than.parse::<u64>()) {
        (Ok(version), Ok(than)) => version < than,
        _ => false,
    }
}

/// A lock that a panicking holder left is as good as any: no change of a record runs code that can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        answer::{Deferral, Reply},
        reason::Reason,
        token::Token,
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn hashed(letter: &str) -> HashedToken {
        Token::try_from(["ghp_", &letter.repeat(36)].concat().as_bytes()).unwrap().hashed()
    }

    #[test]
    fn our_own_status_holds_while_the_cache_is_older() {
        let records = Records::default();
        let status = Status { observed_generation: Some(7), ..Status::default() };
        records.wrote("uid", "1000".to_owned(), status.clone());
        let rows = [
            ("older", "999", true),
            ("the same", "1000", false),
            ("newer", "1001", false),
            ("no number", "x", false),
        ];
        for (name, cached, ours) in rows {
            let newer = records.newer_status("uid", cached);
            assert_eq!(newer, ours.then(|| (status.clone(), "1000".to_owned())), "{name}");
        }
        assert_eq!(records.newer_status("another", "1"), None);
    }

    #[test]
    fn what_is_remembered_belongs_to_one_token_on_one_host() {
        let records = Records::default();
        let (mut knowledge, past) = records.recall("uid", &hashed("a"), "one", None, at(10));
        assert_eq!((past.since, past.asked), (at(10), None));
        knowledge.learn(Reply::Deferral(Deferral::new(Reason::TimedOut)), at(11));
        records.remember("uid", &knowledge, Past { asked: Some(at(11)), ..past });
        let (again, past) = records.recall("uid", &hashed("a"), "one", None, at(20));
        assert_eq!((again, past.asked), (knowledge, Some(at(11))));
        let (_, set_back) = records.recall("uid", &hashed("a"), "one", None, at(5));
        assert_eq!((set_back.since, set_back.asked), (at(5), None), "the clock was set back");
        for (token, host) in [("b", "one"), ("a", "two")] {
            let (other, past) = records.recall("uid", &hashed(token), host, None, at(30));
            assert_eq!((other, past.asked), (Knowledge::default(), None), "{token} on {host}");
        }
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let records = Records::default();
        for uid in ["a", "b", "c"] {
            assert_eq!(records.failed(uid), 0);
        }
        records.forget("a");
        records.forget_all_but(&HashSet::from(["c".to_owned()]));
        assert_eq!(["a", "b", "c"].map(|uid| records.failures(uid)), [0, 0, 1]);
        records.succeeded("c");
        assert_eq!(records.failures("c"), 0);
    }

    #[test]
    fn an_unreadable_object_is_told_once_and_again_after_it_was_readable() {
        let records = Records::default();
        assert!(!records.was_told("uid", "error"));
        records.told("uid", "error");
        assert!(records.was_told("uid", "error") && !records.was_told("uid", "another"));
        records.readable("uid");
        assert!(!records.was_told("uid", "error"));
    }
}
