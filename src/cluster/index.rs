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
    connections::{Connection, Received},
    object::{Few, ObjectKey},
    secrets::{Heir, SecretEntry},
};
use crate::{
    api::StatusDigest,
    domain::version::{ResourceVersion, Uid, Version},
};

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
    /// The Secrets that a connection names, exist or not, and those that one has made.
    secrets: HashMap<ObjectKey, Box<Slot>>,
    /// The owners by their uid.
    owners: HashMap<Arc<str>, Owner>,
    /// What a list that is under way has not brought yet.
    unlisted_connections: HashSet<ObjectKey>,
    unlisted_secrets: HashSet<ObjectKey>,
}

/// What is known of a Secret.
#[derive(Debug, Default)]
struct Slot {
    /// The Secret, if there is one.
    entry: Option<SecretEntry>,
    /// The connections that name it.
    named_by: Few,
}

/// Whose uid stands in our label and in an owner reference of Secrets.
#[derive(Debug, Default)]
struct Owner {
    /// The connection that has the uid.
    connection: Option<ObjectKey>,
    /// The Secrets.
    outputs: Few,
}

impl Default for Index {
    fn default() -> Self {
        Index { inner: Mutex::default(), listed: watch::Sender::new(Listed::default()) }
    }
}

impl Index {
    /// Tells what has been listed, now and whenever it changes.
    pub fn has_listed(&self) -> watch::Receiver<Listed> {
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
        self.lock().secret(key).cloned()
    }

    /// True if this connection may take over the Secret: it is named as the heir, and no owner lives.
    pub fn may_adopt(&self, connection: &Connection, entry: &SecretEntry) -> bool {
        let Some(heir) = entry.heir.as_deref().filter(|heir| *heir.name == *connection.key.name()) else {
            return false;
        };
        let inner = self.lock();
        !inner.is_owned(entry) && !heir.of.as_ref().is_some_and(|uid| inner.lives(uid))
    }

    /// The outputs in its own namespace that this connection has made.
    pub fn owned(&self, connection: &Connection) -> Vec<ObjectKey> {
        let inner = self.lock();
        let owned = inner.owners.get(&connection.uid).into_iter().flat_map(|owner| &owner.outputs);
        owned.filter(|output| output.namespace() == connection.key.namespace()).cloned().collect()
    }

    /// Takes in a connection that an event told of, unless it is known in this very state, as our own writes are.
    pub(super) fn received(&self, received: Received) -> Option<Woken> {
        if self.has(&received) { None } else { self.saw_connection(received.into()) }
    }

    /// Takes in a connection of a list, in the same way.
    pub(super) fn listed(&self, received: Received) -> Option<Woken> {
        if !self.has(&received) {
            return self.listed_connection(received.into());
        }
        self.lock().unlisted_connections.remove(&received.key);
        None
    }

    fn has(&self, received: &Received) -> bool {
        self.lock().connections.get(&received.key).is_some_and(|known| {
            *known.uid == *received.uid() && known.resource_version == received.resource_version
        })
    }

    /// Takes in a connection that an event told of, or our own write. What is older than what is known is passed over.
    pub fn saw_connection(&self, connection: Connection) -> Option<Woken> {
        let mut inner = self.lock();
        let known = inner.connections.get(&connection.key);
        if known.is_some_and(|known| {
            known.uid == connection.uid && connection.resource_version.is_older(&known.resource_version)
        }) {
            return None;
        }
        inner.take_connection(connection, Woken::Changed)
    }

    /// Takes in a connection that was read past every cache, unless an event has told more since. False if it is older than
    /// `before`, the version that was known when the read began: then the cluster has gone back in time, and everything must be
    /// listed anew.
    pub fn read_connection(&self, before: &ResourceVersion, connection: Connection) -> bool {
        let mut inner = self.lock();
        let went_back = connection.resource_version.is_older(before);
        let known = inner.connections.get(&connection.key);
        let is_late =
            known.is_some_and(|known| connection.resource_version.is_older(&known.resource_version));
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
        let is_as_before = inner.secret(key).map(|known| &known.version) == before;
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
    pub fn lost_secret(&self, key: &ObjectKey, uid: &Uid) -> Vec<Woken> {
        let mut inner = self.lock();
        if inner.secret(key).is_some_and(|known| known.version.uid != *uid) {
            return Vec::new();
        }
        inner.take_secret(key, None)
    }

    /// A list of Secrets begins.
    pub fn list_secrets(&self) {
        let mut inner = self.lock();
        let there = inner.secrets.iter().filter(|(_, known)| known.entry.is_some());
        inner.unlisted_secrets = there.map(|(key, _)| key.clone()).collect();
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
    /// The Secret of this name, if there is one.
    fn secret(&self, key: &ObjectKey) -> Option<&SecretEntry> {
        self.secrets.get(key)?.entry.as_ref()
    }

    fn take_connection(
        &mut self,
        mut connection: Connection,
        woken: impl FnOnce(ObjectKey) -> Woken,
    ) -> Option<Woken> {
        let known = self.connections.get(&connection.key).cloned();
        // Name and uid are kept once.
        if let Some(known) = known.as_ref().filter(|known| known.uid == connection.uid) {
            connection.key = known.key.clone();
            connection.uid = known.uid.clone();
        }
        let key = connection.key.clone();
        if known.as_ref().is_some_and(|known| {
            known.uid == connection.uid && known.resource_version == connection.resource_version
        }) {
            return None;
        }
        let is_new = !connection.is_known();
        self.rename(known.as_deref(), Some(&connection));
        if let Some(known) = known.filter(|known| known.uid != connection.uid) {
            self.orphan(&known);
        }
        let owner = self.owners.entry(connection.uid.clone()).or_default();
        owner.connection.get_or_insert_with(|| key.clone());
        self.connections.insert(key.clone(), Arc::new(connection));
        Some(if is_new { Woken::New(key) } else { woken(key) })
    }

    fn drop_connection(&mut self, key: &ObjectKey) {
        if let Some(connection) = self.connections.remove(key) {
            self.rename(Some(&connection), None);
            self.orphan(&connection);
        }
    }

    /// A connection is gone: what it has made may be taken over by one that is created anew with its name.
    fn orphan(&mut self, connection: &Connection) {
        let outputs = self.owners.get(&connection.uid).map(|owner| owner.outputs.clone()).unwrap_or_default();
        for output in outputs.iter().filter(|output| output.namespace() == connection.key.namespace()) {
            self.change(output, |known| {
                if let Some(entry) = &mut known.entry {
                    let (name, of) = (connection.key.name().into(), Some(connection.uid.clone()));
                    entry.heir = Some(Box::new(Heir { name, of }));
                }
            });
        }
        self.disown(&connection.uid, |owner| owner.connection = None);
    }

    /// Keeps `named_by` in step with the Secrets that a connection names, before and after.
    fn rename(&mut self, before: Option<&Connection>, after: Option<&Connection>) {
        if before.map(|connection| &connection.spec) == after.map(|connection| &connection.spec) {
            return;
        }
        let named = |connection: Option<&Connection>| {
            let secrets = connection.map(|connection| (connection, connection.spec.secrets()));
            secrets.map_or_else(Vec::new, |(connection, secrets)| {
                secrets.iter().map(|secret| (connection.key.beside(secret), connection.key.clone())).collect()
            })
        };
        let (before, after) = (named(before), named(after));
        // What is still named stays as it is known.
        for (secret, connection) in before.iter().filter(|named| !after.contains(named)) {
            self.change(secret, |known| known.named_by.retain(|naming| naming != connection));
        }
        for (secret, connection) in after.into_iter().filter(|named| !before.contains(named)) {
            let known = self.secrets.entry(secret).or_default();
            if !known.named_by.contains(&connection) {
                known.named_by.push(connection);
            }
        }
    }

    /// A Secret that nobody names is kept only while it is somebody's output.
    fn change(&mut self, key: &ObjectKey, change: impl FnOnce(&mut Slot)) {
        let Some(known) = self.secrets.get_mut(key) else { return };
        change(known);
        let is_ours = known.entry.as_ref().is_some_and(|entry| entry.is_output);
        if known.named_by.is_empty() && !is_ours {
            self.secrets.remove(key);
        }
    }

    /// An owner without a connection is kept only while there are outputs of it.
    fn disown(&mut self, uid: &Arc<str>, change: impl FnOnce(&mut Owner)) {
        let Some(owner) = self.owners.get_mut(uid) else { return };
        change(owner);
        if owner.connection.is_none() && owner.outputs.is_empty() {
            self.owners.remove(uid);
        }
    }

    fn is_outdated(&self, key: &ObjectKey, entry: Option<&SecretEntry>) -> bool {
        let Some((known, entry)) = self.secret(key).zip(entry) else { return false };
        entry.version.resource_version.is_older(&known.version.resource_version)
    }

    fn take_secret(&mut self, key: &ObjectKey, mut entry: Option<SecretEntry>) -> Vec<Woken> {
        // The uid of a connection is kept once.
        if let Some(owner) = entry.as_mut().and_then(|entry| entry.bound_to.as_mut())
            && let Some((uid, _)) = self.owners.get_key_value(owner)
        {
            *owner = uid.clone();
        }
        // Nobody takes over what has a living owner, so the name is not kept.
        if let Some(entry) = entry.as_mut().filter(|entry| self.is_owned(entry)) {
            entry.heir = None;
        }
        let before = self.secret(key);
        if before == entry.as_ref() && entry.is_some() {
            return Vec::new();
        }
        let owner = |entry: Option<&SecretEntry>| entry.and_then(SecretEntry::owner).cloned();
        let owners = [owner(before), owner(entry.as_ref())];
        // The key that is known already is kept once.
        let known = self.secrets.get_key_value(key).map(|(known, _)| known.clone());
        let key = known.unwrap_or_else(|| key.clone());
        self.reown(&key, &owners);
        if owners.iter().any(Option::is_some) {
            self.secrets.entry(key.clone()).or_default();
        }
        let concerned = self.concerned(&key, &owners);
        self.change(&key, |known| known.entry = entry);
        concerned
    }

    /// True if the connection to which the Secret is bound lives.
    fn is_owned(&self, entry: &SecretEntry) -> bool {
        entry.bound_to.as_ref().is_some_and(|uid| self.lives(uid))
    }

    fn lives(&self, uid: &Arc<str>) -> bool {
        self.owners.get(uid).is_some_and(|owner| owner.connection.is_some())
    }

    /// Keeps the outputs of the owners in step with the owner of a Secret before and after.
    fn reown(&mut self, key: &ObjectKey, [before, after]: &[Option<Arc<str>>; 2]) {
        if before == after {
            return;
        }
        if let Some(uid) = before {
            self.disown(uid, |owner| owner.outputs.retain(|output| output != key));
        }
        if let Some(uid) = after {
            self.owners.entry(uid.clone()).or_default().outputs.push(key.clone());
        }
    }

    /// Who names the Secret, and who has made it.
    fn concerned(&self, key: &ObjectKey, owners: &[Option<Arc<str>>]) -> Vec<Woken> {
        let known = self.secrets.get(key);
        let mut concerned: Few = known.map(|known| known.named_by.clone()).unwrap_or_default();
        let owners = owners.iter().flatten().filter_map(|uid| self.owners.get(uid));
        for maker in owners.filter_map(|owner| owner.connection.as_ref()) {
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
