//! What is known of the cluster: every connection, the Secrets that they name or have made, and who is to be woken.
//!
//! What a list says outweighs everything that was known before: the cluster may have gone back in time.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::{
    connections::Connection,
    object::{ObjectKey, is_older},
    secrets::SecretEntry,
};
use crate::{api::StatusDigest, domain::decide::Version};

/// Whom to reconcile, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Woken {
    /// A connection that the operator has not judged in this form.
    New(ObjectKey),
    /// A connection or one of its Secrets has changed.
    Changed(ObjectKey),
    /// A connection that was judged before this process started.
    Known(ObjectKey),
    /// A connection that is gone.
    Gone(ObjectKey),
}

/// What has been listed once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The connections.
    pub connections: bool,
    /// The metadata of the Secrets.
    pub secrets: bool,
}

impl Listed {
    /// True if nothing is missing.
    pub const fn all(self) -> bool {
        self.connections && self.secrets
    }
}

/// The index. Cheap to share; no call waits for anything.
#[derive(Debug)]
pub struct Index {
    inner: Mutex<Inner>,
    listed: watch::Sender<Listed>,
}

#[derive(Debug, Default)]
struct Inner {
    connections: HashMap<ObjectKey, Arc<Connection>>,
    secrets: HashMap<ObjectKey, SecretEntry>,
    /// The connections that name a Secret.
    naming: HashMap<ObjectKey, Vec<ObjectKey>>,
    /// The connection with this uid.
    uids: HashMap<Arc<str>, ObjectKey>,
    /// The outputs of the connection with this uid.
    owned: HashMap<Arc<str>, Vec<ObjectKey>>,
    /// What a list that is under way has not brought yet.
    unlisted_connections: HashSet<ObjectKey>,
    unlisted_secrets: HashSet<ObjectKey>,
}

impl Default for Index {
    fn default() -> Self {
        Index { inner: Mutex::default(), listed: watch::Sender::new(Listed::default()) }
    }
}

impl Index {
    /// Tells what has been listed, now and whenever it changes.
    pub fn listed(&self) -> watch::Receiver<Listed> {
        self.listed.subscribe()
    }

    /// The connection of this name.
    pub fn connection(&self, key: &ObjectKey) -> Option<Arc<Connection>> {
        self.lock().connections.get(key).cloned()
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        self.lock().connections.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is known of a Secret that a connection names or has made; `None` if there is none, or nobody has told of it.
    pub fn secret(&self, key: &ObjectKey) -> Option<SecretEntry> {
        self.lock().secrets.get(key).cloned()
    }

    /// The outputs in its own namespace that this connection has made.
    pub fn owned(&self, connection: &Connection) -> Vec<ObjectKey> {
        let inner = self.lock();
        let owned = inner.owned.get(&connection.uid).into_iter().flatten();
        owned.filter(|output| output.namespace() == connection.key.namespace()).cloned().collect()
    }

    /// Takes in a connection that an event told of, or our own write. What is older than what is known is passed over.
    pub fn saw_connection(&self, connection: Connection) -> Option<Woken> {
        let mut inner = self.lock();
        let known = inner.connections.get(&connection.key);
        if known.is_some_and(|known| {
            known.uid == connection.uid && is_older(&connection.resource_version, &known.resource_version)
        }) {
            return None;
        }
        inner.take_connection(connection, Woken::Changed)
    }

    /// Takes in a connection that was read past every cache, unless an event has told more since. False if it is older than
    /// `before`, the version that was known when the read began: then the cluster has gone back in time, and everything must be
    /// listed anew.
    pub fn read_connection(&self, before: &str, connection: Connection) -> bool {
        let mut inner = self.lock();
        let went_back = is_older(&connection.resource_version, before);
        let known = inner.connections.get(&connection.key);
        let is_late =
            known.is_some_and(|known| is_older(&connection.resource_version, &known.resource_version));
        if went_back || !is_late {
            inner.take_connection(connection, Woken::Changed);
        }
        !went_back
    }

    /// What the status of this version of the connection remembers has been taken, and is kept no longer.
    pub fn drop_memory(&self, connection: &Connection) {
        let mut inner = self.lock();
        let known = inner.connections.get_mut(&connection.key);
        let known = known.filter(|known| known.resource_version == connection.resource_version);
        if let Some(known) = known.filter(|known| known.status.as_ref().is_some_and(StatusDigest::has_memory))
        {
            *known = Arc::new(Connection::clone(known).without_memory());
        }
    }

    /// Takes in a connection of a list.
    pub fn listed_connection(&self, connection: Connection) -> Option<Woken> {
        let mut inner = self.lock();
        inner.unlisted_connections.remove(&connection.key);
        inner.take_connection(connection, Woken::Known)
    }

    /// Forgets a connection.
    pub fn lost_connection(&self, key: &ObjectKey, uid: &str) -> Option<Woken> {
        let mut inner = self.lock();
        if inner.connections.get(key).is_none_or(|known| *known.uid != *uid) {
            return None;
        }
        inner.drop_connection(key);
        Some(Woken::Gone(key.clone()))
    }

    /// A list of connections begins.
    pub fn list_connections(&self) {
        let mut inner = self.lock();
        inner.unlisted_connections = inner.connections.keys().cloned().collect();
    }

    /// The list is complete; gives those that are gone.
    pub fn connections_listed(&self) -> Vec<Woken> {
        let mut inner = self.lock();
        let gone = mem::take(&mut inner.unlisted_connections);
        for key in &gone {
            inner.drop_connection(key);
        }
        drop(inner);
        self.listed.send_modify(|listed| listed.connections = true);
        gone.into_iter().map(Woken::Gone).collect()
    }

    /// Takes in a Secret that an event told of; gives whom it concerns if it is in another state than was known. What is older
    /// than what is known is passed over.
    pub fn saw_secret(&self, key: &ObjectKey, entry: SecretEntry) -> Vec<Woken> {
        let mut inner = self.lock();
        if inner.is_outdated(key, Some(&entry)) {
            return Vec::new();
        }
        inner.take_secret(key, Some(entry))
    }

    /// Takes in what was read or deleted just now, unless an event has told more since. `before` is the state that was known when
    /// the call began. Whoever made the call knows its answer, so nobody is woken.
    pub fn read_secret(&self, key: &ObjectKey, before: Option<&Version>, entry: Option<SecretEntry>) {
        let mut inner = self.lock();
        let is_as_before = inner.secrets.get(key).map(|known| &known.version) == before;
        let is_news = match &entry {
            Some(entry) => is_as_before || !inner.is_outdated(key, Some(entry)),
            None => is_as_before,
        };
        if is_news {
            inner.take_secret(key, entry);
        }
    }

    /// Takes in what was written just now, unless an event has told more since. Nobody is woken.
    pub fn wrote_secret(&self, key: &ObjectKey, entry: SecretEntry) {
        let mut inner = self.lock();
        if !inner.is_outdated(key, Some(&entry)) {
            inner.take_secret(key, Some(entry));
        }
    }

    /// Takes in a Secret of a list.
    pub fn listed_secret(&self, key: &ObjectKey, entry: SecretEntry) -> Vec<Woken> {
        let mut inner = self.lock();
        inner.unlisted_secrets.remove(key);
        inner.take_secret(key, Some(entry))
    }

    /// Takes in that a Secret is gone.
    pub fn lost_secret(&self, key: &ObjectKey, uid: &str) -> Vec<Woken> {
        let mut inner = self.lock();
        if inner.secrets.get(key).is_some_and(|known| *known.version.uid != *uid) {
            return Vec::new();
        }
        inner.take_secret(key, None)
    }

    /// A list of Secrets begins.
    pub fn list_secrets(&self) {
        let mut inner = self.lock();
        inner.unlisted_secrets = inner.secrets.keys().cloned().collect();
    }

    /// The list is complete; gives whom the Secrets concern that are gone. After the first list, everybody who named a Secret of
    /// which nobody had told yet has asked for it.
    pub fn secrets_listed(&self) -> Vec<Woken> {
        let mut inner = self.lock();
        let gone = mem::take(&mut inner.unlisted_secrets);
        let woken = gone.iter().flat_map(|key| inner.take_secret(key, None)).collect();
        drop(inner);
        self.listed.send_modify(|listed| listed.secrets = true);
        woken
    }

    /// No change of this runs code that can panic, so a lock that a panicking holder left is as good as any.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn take_connection(
        &mut self,
        connection: Connection,
        woken: impl FnOnce(ObjectKey) -> Woken,
    ) -> Option<Woken> {
        let key = connection.key.clone();
        let known = self.connections.get(&key).cloned();
        if known.as_ref().is_some_and(|known| {
            known.uid == connection.uid && known.resource_version == connection.resource_version
        }) {
            return None;
        }
        let is_new = !connection.is_known();
        self.rename(&key, &connection);
        if let Some(known) = known.filter(|known| known.uid != connection.uid) {
            self.uids.remove(&known.uid);
        }
        self.uids.entry(connection.uid.clone()).or_insert_with(|| key.clone());
        self.connections.insert(key.clone(), Arc::new(connection));
        Some(if is_new { Woken::New(key) } else { woken(key) })
    }

    /// Keeps `naming` in step with the Secrets that the connection names.
    fn rename(&mut self, key: &ObjectKey, connection: &Connection) {
        if let Some(known) = self.connections.get(key).cloned() {
            if known.secrets().eq(connection.secrets()) {
                return;
            }
            self.name(key, connection);
            self.unname(&known, |secret| connection.secrets().any(|named| named == secret));
            return;
        }
        self.name(key, connection);
    }

    fn name(&mut self, key: &ObjectKey, connection: &Connection) {
        for secret in connection.secrets() {
            let naming = self.naming.entry(key.beside(secret)).or_insert_with(|| Vec::with_capacity(1));
            if !naming.contains(key) {
                naming.push(key.clone());
            }
        }
    }

    /// What is still named stays as it is known.
    fn unname(&mut self, connection: &Connection, is_named: impl Fn(&str) -> bool) {
        for secret in connection.secrets().filter(|secret| !is_named(secret)) {
            let secret = connection.key.beside(secret);
            if let Some(naming) = self.naming.get_mut(&secret) {
                naming.retain(|key| *key != connection.key);
                if naming.is_empty() {
                    self.naming.remove(&secret);
                    self.drop_unless_ours(&secret);
                }
            }
        }
    }

    fn drop_connection(&mut self, key: &ObjectKey) {
        if let Some(connection) = self.connections.remove(key) {
            self.unname(&connection, |_| false);
            self.uids.remove(&connection.uid);
        }
    }

    /// A Secret that nobody names is kept only while it is somebody's output.
    fn drop_unless_ours(&mut self, key: &ObjectKey) {
        if self.secrets.get(key).is_some_and(|entry| entry.owner.is_none()) {
            self.secrets.remove(key);
        }
    }

    fn is_outdated(&self, key: &ObjectKey, entry: Option<&SecretEntry>) -> bool {
        let Some((known, entry)) = self.secrets.get(key).zip(entry) else { return false };
        is_older(&entry.version.resource_version, &known.version.resource_version)
    }

    fn take_secret(&mut self, key: &ObjectKey, mut entry: Option<SecretEntry>) -> Vec<Woken> {
        // The uid of a connection is kept once.
        if let Some(owner) = entry.as_mut().and_then(|entry| entry.owner.as_mut())
            && let Some((uid, _)) = self.uids.get_key_value(owner)
        {
            *owner = uid.clone();
        }
        let before = self.secrets.get(key);
        if before == entry.as_ref() && entry.is_some() {
            return Vec::new();
        }
        let owner = |entry: Option<&SecretEntry>| entry.and_then(|entry| entry.owner.clone());
        let owners = [owner(before), owner(entry.as_ref())];
        self.reown(key, &owners);
        let is_wanted = self.naming.contains_key(key) || owner(entry.as_ref()).is_some();
        match entry.filter(|_| is_wanted) {
            // The key that `naming` has, if it has one, is kept once.
            Some(entry) => {
                let key = self.naming.get_key_value(key).map_or(key, |(named, _)| named).clone();
                self.secrets.insert(key, entry)
            }
            None => self.secrets.remove(key),
        };
        self.concerned(key, &owners)
    }

    /// Keeps `owned` in step with the owner before and after.
    fn reown(&mut self, key: &ObjectKey, [before, after]: &[Option<Arc<str>>; 2]) {
        if before == after {
            return;
        }
        if let Some(owned) = before.as_ref().and_then(|uid| self.owned.get_mut(uid)) {
            owned.retain(|output| output != key);
        }
        if let Some(uid) = before
            && self.owned.get(uid).is_some_and(Vec::is_empty)
        {
            self.owned.remove(uid);
        }
        if let Some(uid) = after {
            self.owned.entry(uid.clone()).or_insert_with(|| Vec::with_capacity(1)).push(key.clone());
        }
    }

    /// Who names the Secret, and who has made it.
    fn concerned(&self, key: &ObjectKey, owners: &[Option<Arc<str>>]) -> Vec<Woken> {
        let mut concerned: Vec<ObjectKey> = self.naming.get(key).cloned().unwrap_or_default();
        for maker in owners.iter().flatten().filter_map(|uid| self.uids.get(uid)) {
            // A Secret of another namespace belongs to no connection of this one, whatever its labels say.
            if maker.namespace() == key.namespace() && !concerned.contains(maker) {
                concerned.push(maker.clone());
            }
        }
        concerned.into_iter().map(Woken::Changed).collect()
    }
}

#[cfg(test)]
mod tests;
