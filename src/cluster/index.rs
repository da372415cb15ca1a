//! What is known of the cluster: every connection, the Secrets that they name or have made, and who is to be woken.
//!
//! What a list says outweighs everything that was known before: the cluster may have gone back in time.

mod census;
mod circles;
mod holders;
mod inner;
mod scopes;
mod slot;
mod unseen;

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{mpsc::UnboundedReceiver, watch};

use super::{
    connections::{Connection, Received},
    object::ObjectKey,
    scope::{Scope, SecretScope},
    secrets::SecretEntry,
    shown::Kept,
    spec::Role,
};
use crate::domain::{
    decide::Circle,
    holder::Holders,
    selector::Selector,
    token::HashedToken,
    version::{ResourceVersion, Uid, Version},
};
pub use census::OutputCounts;
use inner::Inner;
use scopes::Scopes;
pub use scopes::{Access, ScopeChange};
pub use unseen::Unseen;

/// Whom to reconcile, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Woken {
    /// A connection that the operator has not judged in this form.
    New(ObjectKey),
    /// A connection or one of its Secrets has changed.
    Changed(ObjectKey),
    /// A connection that was judged before this process started.
    Known(ObjectKey),
    /// A connection that somebody else has judged, and that has the labels now which are looked after.
    Came(ObjectKey),
    /// A connection that is gone, or has other labels than are looked after.
    Gone(ObjectKey),
}

/// What has been listed once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The connections.
    pub connections: bool,
    /// The metadata of the Secrets, but for those of namespaces where that is not granted.
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
    changes: Mutex<Option<UnboundedReceiver<ScopeChange>>>,
}

impl Default for Index {
    fn default() -> Self {
        Index::new(vec![Scope::All], SecretScope::Cluster)
    }
}

impl Index {
    /// An index of the connections of these scopes.
    pub fn new(connections: Vec<Scope>, secrets: SecretScope) -> Self {
        let (scopes, changes) = Scopes::new(connections, secrets);
        Index {
            inner: Mutex::new(Inner::new(scopes)),
            listed: watch::Sender::new(Listed::default()),
            changes: Mutex::new(Some(changes)),
        }
    }

    /// The same, which keeps this of what is shown of connections.
    #[must_use]
    pub fn keeping(self, kept: Kept) -> Self {
        self.lock().kept = kept;
        self
    }

    /// The same of those connections alone that have these labels.
    #[must_use]
    pub fn selecting(self, selector: Option<Selector>) -> Self {
        self.lock().selector = selector;
        self
    }

    /// How the Secrets are watched.
    pub fn secret_scope(&self) -> SecretScope {
        self.lock().scopes.of_secrets()
    }

    /// Which namespaces' Secrets are to be watched, from the first one on; for whoever asks first.
    pub(super) fn changes(&self) -> Option<UnboundedReceiver<ScopeChange>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What the API server has said of the Secrets in the namespace of this object.
    pub fn access(&self, key: &ObjectKey) -> Access {
        self.lock().scopes.access(key.namespace())
    }

    /// True while a watch tells what becomes of the Secrets in the namespace of this object, after a list.
    pub fn is_told(&self, key: &ObjectKey) -> bool {
        self.lock().scopes.is_told(key.namespace())
    }

    /// True if the connection was judged before and nothing is known yet of the Secrets of its namespace: it is woken once there is,
    /// since before that nobody knows which outputs stand.
    pub fn awaits_secrets(&self, connection: &Connection) -> bool {
        connection.is_known() && self.access(&connection.key) == Access::Awaited
    }

    /// Tells what has been listed, now and whenever it changes.
    pub fn has_listed(&self) -> watch::Receiver<Listed> {
        self.listed.subscribe()
    }

    /// False if its labels say that another operator looks after it.
    pub fn selects(&self, connection: &Connection) -> bool {
        self.lock().selects(connection)
    }

    /// The connection of this name.
    pub fn connection(&self, key: &ObjectKey) -> Option<Arc<Connection>> {
        self.lock().connections.get(key).cloned()
    }

    /// Every connection.
    pub fn connections(&self) -> Vec<Arc<Connection>> {
        self.lock().connections.values().cloned().collect()
    }

    /// How many connections there are.
    pub fn len(&self) -> usize {
        self.lock().connections.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a watch tells what becomes of the Secrets of the namespace, or of all, for connections that there are; `None` if there
    /// is no such watch, or it is refused.
    pub fn follows_secrets(&self, namespace: Option<&str>) -> Option<bool> {
        let inner = self.lock();
        let follows = inner.scopes.follows(namespace)?;
        Some(follows && !inner.connections.is_empty())
    }

    /// What is known of a Secret that a connection names or has made; `None` if there is none, or nobody has told of it.
    pub fn secret(&self, key: &ObjectKey) -> Option<SecretEntry> {
        self.lock().secret(key).cloned()
    }

    /// True if a connection reads from the Secret, by its spec.
    pub fn is_read(&self, key: &ObjectKey) -> bool {
        slot::namers(&self.lock().secrets, key, Role::Reads).next().is_some()
    }

    /// True if this connection may take over the Secret: it is named as the heir, and no other owner lives.
    pub fn may_adopt(&self, connection: &Connection, entry: &SecretEntry) -> bool {
        let Some(heir) = entry.heir.as_deref().filter(|heir| *heir.name == *connection.key.name()) else {
            return false;
        };
        let inner = self.lock();
        let is_anothers = entry.bound_to.as_ref() != Some(&connection.uid) && inner.is_owned(entry);
        !is_anothers && !heir.of.as_ref().is_some_and(|uid| inner.lives(uid))
    }

    /// The name of the living connection whose output the Secret is, beside this connection.
    pub fn maker(&self, beside: &ObjectKey, entry: &SecretEntry) -> Option<String> {
        let inner = self.lock();
        let maker = inner.maker(entry)?;
        // A Secret of another namespace belongs to no connection of this one, whatever its labels say.
        (maker.namespace() == beside.namespace()).then(|| maker.name().to_owned())
    }

    /// The outputs of this connection that lead back to it, by the specs of all connections of its namespace; and whom it concerns
    /// that circles of the namespace have come, gone or changed since somebody asked.
    pub fn circles(&self, connection: &Connection) -> (Vec<Circle>, Vec<Woken>) {
        self.lock().circles(connection)
    }

    /// Who has this token beside the connection, and which of its own outputs have it.
    pub fn holders(&self, connection: &Connection, token: HashedToken) -> Holders {
        self.lock().holders(connection, token)
    }

    /// The connections that change from this token to the next.
    pub fn rotating(&self, token: HashedToken) -> Vec<ObjectKey> {
        self.lock().rotating_by_token.of(token.leading()).cloned().collect()
    }

    /// Those who may wait until this Secret has its tokens no more.
    pub fn awaiting(&self, secret: &ObjectKey) -> Vec<Woken> {
        let inner = self.lock();
        let tokens = inner.secret(secret).into_iter().flat_map(SecretEntry::tokens);
        inner.awaiting(tokens).collect()
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
        self.lock().scopes.listed_connection(&received.key);
        None
    }

    fn has(&self, received: &Received) -> bool {
        self.lock().connections.get(&received.key).is_some_and(|known| {
            *known.uid == *received.uid() && known.resource_version == received.resource_version
        })
    }

    /// Takes in a connection that an event told of. What is older than what is known is passed over.
    pub fn saw_connection(&self, connection: Connection) -> Option<Woken> {
        let mut inner = self.lock();
        let comes = self.comes(&inner, &connection);
        inner.saw_connection(connection).map(|woken| if comes { came(woken) } else { woken })
    }

    /// Takes in our own write, unless the connection is gone by then, or has other labels than are looked after: nobody would tell
    /// that again.
    pub fn wrote_connection(&self, connection: Connection) -> Option<Woken> {
        let mut inner = self.lock();
        let known = inner.connections.get_mut(&connection.key).filter(|known| known.uid == connection.uid)?;
        // Its event has come sooner, with all that the status remembers.
        if known.resource_version == connection.resource_version && !connection.has_memory() {
            drop_memory(known);
        }
        inner.saw_connection(connection)
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
        if !inner.selects(&connection) {
            // An event tells that it is no longer looked after, or has told so.
            return !went_back;
        }
        if went_back || !is_late {
            inner.take_connection(connection, Woken::Changed);
        }
        !went_back
    }

    /// What the status of this version of the connection remembers has been taken, and is kept no longer.
    pub fn drop_memory(&self, connection: &Connection) {
        let mut inner = self.lock();
        let known = inner.connections.get_mut(&connection.key);
        if let Some(known) = known.filter(|known| known.resource_version == connection.resource_version) {
            drop_memory(known);
        }
    }

    /// Takes in a connection of a list.
    pub fn listed_connection(&self, connection: Connection) -> Option<Woken> {
        let mut inner = self.lock();
        inner.scopes.listed_connection(&connection.key);
        let comes = self.comes(&inner, &connection);
        inner.take_connection(connection, Woken::Known).map(|woken| if comes { came(woken) } else { woken })
    }

    /// True if the connection was judged while it was none of those that are looked after. Of the first list, all were.
    fn comes(&self, inner: &Inner, connection: &Connection) -> bool {
        let is_known = inner.connections.contains_key(&connection.key);
        !is_known && inner.selector.is_some() && connection.was_judged() && self.listed.borrow().connections
    }

    /// Forgets a connection; gives whom that concerns.
    pub fn lost_connection(&self, key: &ObjectKey, uid: &str) -> Vec<Woken> {
        let mut inner = self.lock();
        if inner.connections.get(key).is_none_or(|known| *known.uid != *uid) {
            return Vec::new();
        }
        inner.drop_connection(key)
    }

    /// A list of the connections of the scope begins.
    pub fn list_connections(&self, scope: &Scope) {
        let mut inner = self.lock();
        let known = inner.connections.keys().filter(|key| scope.covers(key)).cloned().collect();
        inner.scopes.list_connections(scope, known);
    }

    /// The list is complete; gives those that are gone, and whom that concerns.
    pub fn connections_listed(&self, scope: &Scope) -> Vec<Woken> {
        let mut inner = self.lock();
        let gone = inner.scopes.connections_listed(scope);
        let woken = gone.iter().flat_map(|key| inner.drop_connection(key)).collect();
        self.tell_listed(inner);
        woken
    }

    /// The operator may not list the connections of the scope, for which others do not wait.
    pub fn connections_refused(&self, scope: &Scope) {
        let mut inner = self.lock();
        inner.scopes.connections_refused(scope);
        self.tell_listed(inner);
    }

    /// Takes in a Secret that an event told of; gives whom it concerns if it is in another state than was known. What is older
    /// than what is known is passed over.
    pub fn saw_secret(&self, key: &ObjectKey, entry: SecretEntry) -> Vec<Woken> {
        let mut inner = self.lock();
        if inner.is_older(key, Some(&entry)) {
            return Vec::new();
        }
        inner.take_secret(key, Some(entry))
    }

    /// Takes in what was read or deleted just now, unless an event has told more since. `before` is the state that was known when
    /// the call began. Gives whom it concerns if it is in another state: whoever made the call knows its answer, the others do not,
    /// and the event that follows is no news any more.
    pub fn read_secret(
        &self,
        key: &ObjectKey,
        before: Option<&Version>,
        entry: Option<SecretEntry>,
    ) -> Vec<Woken> {
        let mut inner = self.lock();
        let known = inner.secret(key).map(|known| &known.version);
        let is_as_before = known == before;
        let is_same = known == entry.as_ref().map(|entry| &entry.version);
        let is_news = match &entry {
            // That it is gone was told since, and if it was made again, its event comes.
            Some(_) if known.is_none() => is_as_before,
            Some(entry) => is_as_before || !inner.is_older(key, Some(entry)),
            None => is_as_before,
        };
        if !is_news {
            return Vec::new();
        }
        let concerned = inner.find_secret(key, entry);
        if is_same { Vec::new() } else { concerned }
    }

    /// Takes in what was written just now, unless an event has told more since; gives whom it concerns.
    pub fn wrote_secret(&self, key: &ObjectKey, entry: SecretEntry) -> Vec<Woken> {
        let mut inner = self.lock();
        // Nobody tells again that it is gone.
        if inner.is_older(key, Some(&entry)) || inner.is_lost(key, &entry.version.uid) {
            return Vec::new();
        }
        inner.find_secret(key, Some(entry))
    }

    /// Takes in a Secret of a list.
    pub fn listed_secret(&self, scope: &Scope, key: &ObjectKey, entry: SecretEntry) -> Vec<Woken> {
        let mut inner = self.lock();
        inner.scopes.listed_secret(scope, key);
        inner.take_secret(key, Some(entry))
    }

    /// Takes in that a Secret is gone.
    pub fn lost_secret(&self, key: &ObjectKey, uid: &Uid) -> Vec<Woken> {
        let mut inner = self.lock();
        inner.keep_lost(key, uid);
        if inner.secret(key).is_some_and(|known| known.version.uid != *uid) {
            return Vec::new();
        }
        inner.take_secret(key, None)
    }

    /// A list of the Secrets of the scope begins.
    pub fn list_secrets(&self, scope: &Scope) {
        let mut inner = self.lock();
        let there = inner.secrets.iter().filter(|(key, known)| known.entry.is_some() && scope.covers(key));
        let known = there.map(|(key, _)| key.clone()).collect();
        inner.scopes.list_secrets(scope, known);
    }

    /// The list is complete; gives whom it concerns that Secrets are gone, or that the Secrets may be listed now. After the first
    /// list, everybody who named a Secret of which nobody had told yet has asked for it.
    pub fn secrets_listed(&self, scope: &Scope) -> Vec<Woken> {
        let mut inner = self.lock();
        let Some((before, gone)) = inner.scopes.settle(scope, Access::Granted) else { return Vec::new() };
        let mut woken: Vec<_> = gone.iter().flat_map(|key| inner.take_secret(key, None)).collect();
        match before {
            Access::Awaited => woken.extend(inner.connections_of(scope, true).map(Woken::Known)),
            Access::Refused(_) => woken.extend(inner.connections_of(scope, false).map(Woken::Changed)),
            Access::Granted => {}
        }
        self.tell_listed(inner);
        woken
    }

    /// The watch of the Secrets of the scope has ended: until they are listed anew, nobody tells what becomes of them.
    pub fn secrets_untold(&self, scope: &Scope) {
        self.lock().scopes.untold(scope);
    }

    /// The API server does not let this user list and watch the Secrets of the scope; gives whom it concerns, if that is news. What is
    /// known of the Secrets stays.
    pub fn secrets_refused(&self, scope: &Scope, user: Option<&str>) -> Vec<Woken> {
        let mut inner = self.lock();
        let access = Access::Refused(user.map(Into::into));
        let Some((before, _)) = inner.scopes.settle(scope, access.clone()) else { return Vec::new() };
        let is_news = before != access;
        let woken = inner.connections_of(scope, false).filter(|_| is_news).map(Woken::Changed).collect();
        self.tell_listed(inner);
        woken
    }

    /// Tells what has been listed by now.
    fn tell_listed(&self, mut inner: MutexGuard<'_, Inner>) {
        let (connections, secrets) = inner.scopes.listed();
        drop(inner);
        self.listed.send_if_modified(|listed| {
            let now = Listed { connections, secrets: secrets || listed.secrets };
            mem::replace(listed, now) != now
        });
    }

    /// No change of this runs code that can panic, so a lock that a panicking holder left is as good as any.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn drop_memory(known: &mut Arc<Connection>) {
    if known.has_memory() {
        *known = Arc::new(Connection::clone(known).without_memory());
    }
}

fn came(woken: Woken) -> Woken {
    match woken {
        Woken::New(key) | Woken::Changed(key) | Woken::Known(key) => Woken::Came(key),
        woken => woken,
    }
}

#[cfg(test)]
mod tests;
