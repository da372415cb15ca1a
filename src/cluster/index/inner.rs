//! What the lock of the index guards, and how it is kept in step with itself.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    num::NonZeroU64,
    sync::Arc,
};

use arcstr::ArcStr;

use smallvec::SmallVec;

use super::{
    super::{
        connections::Connection,
        object::{Few, ObjectKey},
        scope::Scope,
        secrets::{Heir, SecretEntry},
        shown::Kept,
        spec::Role,
    },
    Woken,
    circles::Chains,
    holders::ByToken,
    scopes::{Access, Scopes},
    slot::{self, Slot, Slots, concerned, versioning},
};
use crate::{
    api::StatusDigest,
    domain::{
        decide::Circle, holder::Holders, output::base_of, selector::Selector, token::HashedToken,
        version::Uid,
    },
};

/// The answer to a call is seldom so late that more Secrets than this are gone meanwhile.
const LOST: usize = 64;

/// The first bytes of the tokens of one Secret.
type Tokens = SmallVec<[NonZeroU64; 1]>;

/// What is known.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) scopes: Scopes,
    pub(super) connections: HashMap<ObjectKey, Arc<Connection>>,
    /// The Secrets that a connection names, exist or not, and those that one has made.
    pub(super) secrets: Slots,
    /// The owners by their uid.
    pub(super) owners: HashMap<ArcStr, Owner>,
    pub(super) chains: Chains,
    /// The outputs, by the token that each holds.
    pub(super) outputs_by_token: ByToken,
    /// The connections that change from one token to the next, by the old one.
    pub(super) rotating_by_token: ByToken,
    /// The connections that have begun to publish another token while their status still names the one before, by the one before.
    moving_by_token: ByToken,
    /// Secrets of others that have the name of a version.
    pub(super) strangers: BTreeSet<ObjectKey>,
    /// The Secrets that were told last as gone, the latest one last.
    lost: VecDeque<(ObjectKey, Uid)>,
    /// What is kept of what is shown of connections.
    pub(super) kept: Kept,
    /// The labels of the connections that are looked after.
    pub(super) selector: Option<Selector>,
}

/// Whose uid stands in our label and in an owner reference of Secrets.
#[derive(Debug, Default)]
pub(super) struct Owner {
    /// The connection that has the uid.
    connection: Option<ObjectKey>,
    /// The Secrets.
    pub(super) outputs: Few,
}

impl Inner {
    pub(super) fn new(scopes: Scopes) -> Self {
        Inner {
            scopes,
            connections: HashMap::new(),
            secrets: Slots::new(),
            owners: HashMap::new(),
            chains: Chains::default(),
            outputs_by_token: ByToken::default(),
            rotating_by_token: ByToken::default(),
            moving_by_token: ByToken::default(),
            strangers: BTreeSet::new(),
            lost: VecDeque::new(),
            kept: Kept::default(),
            selector: None,
        }
    }

    /// Keeps for a while that this Secret is gone, if it was somebody's: no other is written.
    pub(super) fn keep_lost(&mut self, key: &ObjectKey, uid: &Uid) {
        if !self.secrets.contains_key(key) {
            return;
        }
        if self.lost.len() >= LOST {
            self.lost.pop_front();
        }
        self.lost.push_back((key.clone(), uid.clone()));
    }

    /// True if that this Secret is gone was told a while ago.
    pub(super) fn is_lost(&self, key: &ObjectKey, uid: &Uid) -> bool {
        self.lost.iter().any(|(name, lost)| name == key && lost == uid)
    }

    /// The Secret of this name, if there is one.
    pub(super) fn secret(&self, key: &ObjectKey) -> Option<&SecretEntry> {
        self.secrets.get(key)?.entry.as_ref()
    }

    /// The outputs of this connection that lead back to it, and whom it concerns that circles have come, gone or changed.
    pub(super) fn circles(&mut self, connection: &Connection) -> (Vec<Circle>, Vec<Woken>) {
        let woken = self.chains.refresh(&self.secrets, connection.key.namespace());
        let circles = self.chains.circles(&self.secrets, connection);
        (circles, woken.into_iter().map(Woken::Changed).collect())
    }

    pub(super) fn take_connection(
        &mut self,
        connection: Connection,
        woken: impl FnOnce(ObjectKey) -> Woken,
    ) -> Option<Woken> {
        let mut connection = connection.keeping(&self.kept);
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
        let (before, after) = (known.as_deref().and_then(old_token), old_token(&connection));
        self.rotating_by_token.change(&key, before.as_slice(), after.as_slice());
        let (before, after) = (known.as_deref().and_then(named_token), named_token(&connection));
        if before != after {
            self.moving_by_token.change(&key, before.as_slice(), &[]);
        }
        if let Some(known) = known.filter(|known| known.uid != connection.uid) {
            self.orphan(&known);
        }
        let owner = self.owners.entry(connection.uid.clone()).or_default();
        owner.connection.get_or_insert_with(|| key.clone());
        if self.connections.insert(key.clone(), Arc::new(connection)).is_none() {
            self.scopes.enter(key.namespace());
        }
        Some(if is_new { Woken::New(key) } else { woken(key) })
    }

    /// True if a connection as the API server sent it has the labels that are looked after.
    pub(super) fn selects(&self, connection: &Connection) -> bool {
        let labels = connection.shown.as_ref().map(|shown| &shown.labels);
        self.selector.as_ref().zip(labels).is_none_or(|(selector, labels)| selector.selects(labels))
    }

    /// Takes in a connection, unless a later version of it is known.
    pub(super) fn saw_connection(&mut self, connection: Connection) -> Option<Woken> {
        let known = self.connections.get(&connection.key);
        if known.is_some_and(|known| {
            known.uid == connection.uid && connection.resource_version.is_older(&known.resource_version)
        }) {
            return None;
        }
        self.take_connection(connection, Woken::Changed)
    }

    /// Forgets a connection; gives whom that concerns, itself first.
    pub(super) fn drop_connection(&mut self, key: &ObjectKey) -> Vec<Woken> {
        let mut woken = vec![Woken::Gone(key.clone())];
        if let Some(connection) = self.connections.remove(key) {
            self.rename(Some(&connection), None);
            self.rotating_by_token.change(key, old_token(&connection).as_slice(), &[]);
            self.moving_by_token.change(key, named_token(&connection).as_slice(), &[]);
            let mut concerned = self.chains.freed(&self.secrets, key);
            let left = old_token(&connection).into_iter().chain(named_token(&connection));
            woken.extend(self.awaiting(left));
            let heirs = self.orphan(&connection);
            concerned.extend(heirs.into_iter().filter(|heir| !concerned.contains(heir)).collect::<Vec<_>>());
            woken.extend(concerned.into_iter().map(Woken::Changed));
            if self.scopes.leave(key.namespace()) {
                self.forget_secrets(key.namespace());
            }
        }
        woken
    }

    /// Nobody tells any more what becomes of the Secrets of the namespace.
    fn forget_secrets(&mut self, namespace: &str) {
        let known: Vec<_> = self.secrets.keys().filter(|key| key.namespace() == namespace).cloned().collect();
        for key in known {
            self.take_secret(&key, None);
        }
    }

    /// A connection is gone: what it has made may be taken over by one that is created anew with its name, or by the connections
    /// that it was given to, which are returned.
    fn orphan(&mut self, connection: &Connection) -> Vec<ObjectKey> {
        let outputs = self.owners.get(&connection.uid).map(|owner| owner.outputs.clone()).unwrap_or_default();
        let mut heirs = Vec::new();
        for output in outputs.iter().filter(|output| output.namespace() == connection.key.namespace()) {
            let concerned: Vec<_> = concerned(&self.secrets, output).cloned().collect();
            self.change(output, |known| {
                if let Some(entry) = &mut known.entry {
                    let (name, of) = (connection.key.name().into(), Some(connection.uid.clone()));
                    // Somebody may have given it to another connection.
                    let heir = entry.heir.get_or_insert_with(|| Box::new(Heir { name, of }));
                    heirs.extend(concerned.into_iter().filter(|naming| *naming.name() == *heir.name));
                }
            });
        }
        self.disown(&connection.uid, |owner| owner.connection = None);
        heirs
    }

    /// Keeps `named_by` in step with the Secrets that a connection names, before and after.
    fn rename(&mut self, before: Option<&Connection>, after: Option<&Connection>) {
        if before.map(|connection| &connection.spec) == after.map(|connection| &connection.spec) {
            return;
        }
        let named = |connection: Option<&Connection>| {
            let secrets = connection.map(|connection| (connection, connection.spec.secrets()));
            secrets.map_or_else(Vec::new, |(connection, secrets)| {
                let named = secrets.into_iter();
                named
                    .map(|(secret, role)| (connection.key.beside(&secret), (connection.key.clone(), role)))
                    .collect()
            })
        };
        let (before, after) = (named(before), named(after));
        // What is still named stays as it is known.
        let gone = before.iter().filter(|named| !after.contains(named));
        let new = after.iter().filter(|named| !before.contains(named));
        for (secret, naming) in gone.clone() {
            self.change(secret, |known| known.named_by.retain(|known| known != naming));
        }
        for (secret, naming) in new.clone() {
            let known = self.secrets.entry(secret.clone()).or_default();
            if !known.named_by.contains(naming) {
                known.named_by.push(naming.clone());
            }
        }
        for (base, _) in gone.clone().filter(|(_, (_, role))| *role == Role::NamesVersions) {
            self.drop_strangers(base);
        }
        gone.chain(new).for_each(|(secret, _)| self.chains.relink(&self.secrets, secret));
    }

    /// A Secret that nobody names is kept only while it is somebody's output, or stands in the place of one.
    fn change(&mut self, key: &ObjectKey, change: impl FnOnce(&mut Slot)) {
        let Some(known) = self.secrets.get_mut(key) else { return };
        change(known);
        let is_ours = known.entry.as_ref().is_some_and(|entry| entry.is_output);
        let is_stranger = known.entry.is_some() && !is_ours;
        let is_named = !known.named_by.is_empty();
        if is_stranger && versioning(&self.secrets, key).next().is_some() {
            self.strangers.insert(key.clone());
            return;
        }
        self.strangers.remove(key);
        if !is_named && !is_ours {
            self.secrets.remove(key);
        }
    }

    /// Nobody may want versions of this name any more.
    fn drop_strangers(&mut self, base: &ObjectKey) {
        let is_version = |key: &&ObjectKey| {
            key.namespace() == base.namespace() && base_of(key.name()) == Some(base.name())
        };
        let first = base.beside(&format!("{}-", base.name()));
        let after =
            self.strangers.range(first..).take_while(|key| key.to_string().starts_with(&format!("{base}-")));
        let strangers: Vec<_> = after.filter(is_version).cloned().collect();
        strangers.iter().for_each(|key| self.change(key, |_| {}));
    }

    /// An owner without a connection is kept only while there are outputs of it.
    fn disown(&mut self, uid: &ArcStr, change: impl FnOnce(&mut Owner)) {
        let Some(owner) = self.owners.get_mut(uid) else { return };
        change(owner);
        if owner.connection.is_none() && owner.outputs.is_empty() {
            self.owners.remove(uid);
        }
    }

    /// The connections of the scope; only those that were judged before, if so wanted.
    pub(super) fn connections_of(&self, scope: &Scope, only_known: bool) -> impl Iterator<Item = ObjectKey> {
        let there = self.connections.values().filter(|connection| scope.covers(&connection.key));
        there
            .filter(move |connection| connection.is_known() || !only_known)
            .map(|connection| connection.key.clone())
    }

    pub(super) fn is_older(&self, key: &ObjectKey, entry: Option<&SecretEntry>) -> bool {
        let Some((known, entry)) = self.secret(key).zip(entry) else { return false };
        entry.version.resource_version.is_older(&known.version.resource_version)
    }

    /// Takes in what a read or a write has told, which is not what a watch tells in its order.
    pub(super) fn find_secret(&mut self, key: &ObjectKey, entry: Option<SecretEntry>) -> Vec<Woken> {
        let is_new = entry.is_some() && self.secret(key).is_none();
        let concerned = self.take_secret(key, entry);
        if is_new {
            self.scopes.found_secret(key);
        }
        concerned
    }

    pub(super) fn take_secret(&mut self, key: &ObjectKey, entry: Option<SecretEntry>) -> Vec<Woken> {
        // What comes too late would stay for ever.
        let mut entry = entry.filter(|_| self.scopes.watches(key.namespace()));
        // The uid of a connection is kept once.
        if let Some(owner) = entry.as_mut().and_then(|entry| entry.bound_to.as_mut())
            && let Some((uid, _)) = self.owners.get_key_value(owner)
        {
            *owner = uid.clone();
        }
        // Nobody takes over what has a living owner, so that its own name need not be kept.
        if let Some(entry) = entry.as_mut().filter(|entry| self.is_owned(entry)) {
            entry.heir = entry.heir.take().filter(|heir| heir.of.is_none());
        }
        let before = self.secret(key);
        if before == entry.as_ref() && entry.is_some() {
            return Vec::new();
        }
        let tokens = |entry: Option<&SecretEntry>| -> Tokens {
            entry.into_iter().flat_map(SecretEntry::tokens).collect()
        };
        let tokens = [tokens(before), tokens(entry.as_ref())];
        let owner = |entry: Option<&SecretEntry>| entry.and_then(SecretEntry::owner).cloned();
        let owners = [owner(before), owner(entry.as_ref())];
        // The key that is known already is kept once.
        let known = self.secrets.get_key_value(key).map(|(known, _)| known.clone());
        let key = known.unwrap_or_else(|| key.clone());
        self.outputs_by_token.change(&key, &tokens[0], &tokens[1]);
        self.moves(&owners, &tokens);
        self.reown(&key, &owners);
        let is_version = || versioning(&self.secrets, &key).next().is_some();
        if owners.iter().any(Option::is_some) || entry.is_some() && is_version() {
            self.secrets.entry(key.clone()).or_default();
        }
        let mut concerned = self.concerned(&key, &owners);
        let lost = tokens[0].iter().copied().filter(|token| !tokens[1].contains(token));
        let awaiting: Vec<_> = self.awaiting(lost).filter(|woken| !concerned.contains(woken)).collect();
        concerned.extend(awaiting);
        self.change(&key, |known| known.entry = entry);
        concerned
    }

    /// Keeps whose output has another token than their status names.
    fn moves(&mut self, [owner, same]: &[Option<ArcStr>; 2], [before, after]: &[Tokens; 2]) {
        let key =
            owner.as_ref().filter(|_| owner == same).and_then(|uid| self.owners.get(uid)?.connection.clone());
        let Some(key) = key.filter(|_| !after.is_empty()) else { return };
        let named = self.connections.get(&key).and_then(|connection| named_token(connection));
        let lost = named.filter(|named| before.contains(named) && !after.contains(named));
        // It was put back: the status has nothing to tell.
        let regained = named.filter(|named| !before.contains(named) && after.contains(named));
        self.moving_by_token.change(&key, regained.as_slice(), lost.as_slice());
    }

    /// Those who may wait until a Secret has none of these tokens any more.
    pub(super) fn awaiting(&self, tokens: impl Iterator<Item = NonZeroU64>) -> impl Iterator<Item = Woken> {
        tokens.flat_map(|token| self.rotating_by_token.of(token)).cloned().map(Woken::Changed)
    }

    /// True if the connection to which the Secret is bound lives.
    pub(super) fn is_owned(&self, entry: &SecretEntry) -> bool {
        entry.bound_to.as_ref().is_some_and(|uid| self.lives(uid))
    }

    pub(super) fn lives(&self, uid: &ArcStr) -> bool {
        self.owners.get(uid).is_some_and(|owner| owner.connection.is_some())
    }

    /// Who has this token beside the connection, and which of its own outputs have it.
    pub(super) fn holders(&self, connection: &Connection, token: HashedToken) -> Holders {
        let (mut own, mut taken_in, mut others) = (Vec::new(), Vec::new(), BTreeSet::new());
        for output in self.outputs_by_token.of(token.leading()) {
            let has_it_itself = self.secret(output).is_some_and(|entry| entry.token == Some(token.leading()));
            // A Secret of another namespace belongs to no connection of this one, whatever its labels say.
            let owner = self.owner_of(output).filter(|owner| owner.namespace() == output.namespace());
            match owner.filter(|owner| **owner == connection.key || !self.is_earlier(output, owner)) {
                Some(owner) if *owner == connection.key && has_it_itself => {
                    own.push(output.name().to_owned())
                }
                Some(owner) if *owner == connection.key => taken_in.push(output.name().to_owned()),
                Some(owner) => drop(others.insert(owner)),
                None => {}
            }
        }
        let publishes = |key: &&ObjectKey| {
            let owner = self.connections.get(*key).and_then(|other| self.owners.get(&other.uid));
            owner.is_some_and(|owner| !owner.outputs.is_empty())
        };
        let moving = self.moving_by_token.of(token.leading());
        let changing = self.leaving(token).chain(moving).filter(publishes);
        others.extend(changing.filter(|key| **key != connection.key));
        others.extend(self.unlooked(token).filter(|key| **key != connection.key));
        let (unseen, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|key| self.is_given_up(key));
        let beside = others.iter().filter(|key| key.namespace() == connection.key.namespace());
        let beside: Vec<_> = beside.map(|key| key.name().to_owned()).collect();
        let elsewhere = others.len().saturating_sub(beside.len());
        Holders { own, taken_in, beside, elsewhere, unseen: unseen.len(), is_partial: false }
    }

    /// The connections that may have this token, by their status, in namespaces of which nobody knows the Secrets.
    fn unlooked(&self, token: HashedToken) -> impl Iterator<Item = &ObjectKey> {
        let all = (!self.scopes.are_all_granted()).then_some(&self.connections);
        let may_have = move |(key, other): &(&ObjectKey, &Arc<Connection>)| {
            other.status.as_ref().is_some_and(|status| status.tells_of(token))
                && self.scopes.access(key.namespace()) != Access::Granted
        };
        all.into_iter().flatten().filter(may_have).map(|(key, _)| key)
    }

    /// True if the connection says itself that the Secrets of its namespace are refused to the operator, as they are: nobody knows when
    /// that ends.
    fn is_given_up(&self, key: &ObjectKey) -> bool {
        let status = self.connections.get(key).and_then(|connection| connection.status.as_ref());
        status.is_some_and(StatusDigest::tells_of_no_grant)
            && matches!(self.scopes.access(key.namespace()), Access::Refused(_))
    }

    /// True if it is an earlier version of an output of this connection, whose status names the present one.
    pub(super) fn is_earlier(&self, output: &ObjectKey, owner: &ObjectKey) -> bool {
        let status = self.connections.get(owner).and_then(|connection| connection.status.as_ref());
        status.is_some_and(|status| status.is_earlier(output.name()))
            && versioning(&self.secrets, output).any(|key| key == owner)
    }

    /// The connections whose change from this token to the next is not over, but for what others do.
    fn leaving(&self, token: HashedToken) -> impl Iterator<Item = &ObjectKey> {
        self.rotating_by_token.of(token.leading()).filter(|key| {
            let status = self.connections.get(*key).and_then(|connection| connection.status.as_ref());
            status.and_then(|status| status.leaves()).is_some_and(|leaves| leaves.waits_for_itself)
        })
    }

    /// The connection that has made the output, if it lives.
    fn owner_of(&self, output: &ObjectKey) -> Option<&ObjectKey> {
        self.maker(self.secret(output)?)
    }

    pub(super) fn maker(&self, output: &SecretEntry) -> Option<&ObjectKey> {
        self.owners.get(output.owner()?)?.connection.as_ref()
    }

    /// Keeps the outputs of the owners in step with the owner of a Secret before and after.
    fn reown(&mut self, key: &ObjectKey, [before, after]: &[Option<ArcStr>; 2]) {
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

    /// Whom it matters what stands there, and who has made it.
    fn concerned(&self, key: &ObjectKey, owners: &[Option<ArcStr>]) -> Vec<Woken> {
        let mut concerned = Few::new();
        for key in slot::concerned(&self.secrets, key) {
            if !concerned.contains(key) {
                concerned.push(key.clone());
            }
        }
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

/// The token that its status names.
fn named_token(connection: &Connection) -> Option<NonZeroU64> {
    Some(connection.status.as_ref()?.token?.leading())
}

/// The token that a change of the connection leaves, while that is not over.
fn old_token(connection: &Connection) -> Option<NonZeroU64> {
    Some(connection.status.as_ref()?.leaves()?.token.leading())
}
