//! Which outputs lead back to the connection that publishes them, over whatever chain of sources and outputs.
//!
//! Only specs are looked at, so that a circle is known before anything is written into it. Every tenant's connections share one
//! lock, so a namespace without a chain costs nothing here, and one with chains is looked through once after each change of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    iter, mem,
};

use super::{
    super::{connections::Connection, object::ObjectKey, spec::Role},
    slot::{Slots, namers, versioning},
};
use crate::domain::{decide::Circle, output::base_of};

/// The chains of each namespace that has any.
#[derive(Debug, Default)]
pub(super) struct Chains {
    chained: HashMap<Box<str>, Chained>,
    /// The Secrets that a connection reads and that have the name of a version, exist or not.
    versions: BTreeSet<ObjectKey>,
}

/// The chains of the connections of one namespace.
#[derive(Debug, Default)]
struct Chained {
    /// The Secrets that one connection writes and one reads.
    links: BTreeSet<ObjectKey>,
    /// Whether a link has changed since the knots were sought.
    is_stale: bool,
    /// The connections that may be in a circle, each with the links that it reads.
    knots: Knots,
    /// A digest of the links between them.
    digest: u64,
}

/// Both ends of a link.
const ENDS: [Role; 2] = [Role::Reads, Role::Writes];

type Knots = BTreeMap<ObjectKey, Vec<ObjectKey>>;

/// The links of a connection.
#[derive(Default, Hash)]
struct Ends<'a> {
    reads: Vec<&'a ObjectKey>,
    writes: Vec<&'a ObjectKey>,
}

/// The way from a connection to the one whose circles are sought: how long it is, and which one comes next.
struct Hop<'a> {
    length: usize,
    next: &'a ObjectKey,
}

impl Chains {
    /// True if there is none.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.chained.is_empty() && self.versions.is_empty()
    }

    /// Keeps the links in step with how connections name this Secret.
    pub(super) fn relink(&mut self, slots: &Slots, secret: &ObjectKey) {
        let is_read = ends(slots, secret, Role::Reads).next().is_some();
        if is_read && base_of(secret.name()).is_some() {
            self.versions.insert(secret.clone());
        } else {
            self.versions.remove(secret);
        }
        self.relink_alone(slots, secret);
        for version in self.versions_of(secret) {
            self.relink_alone(slots, &version);
        }
    }

    /// The Secrets that a connection reads and that have the name of a version of this output.
    fn versions_of(&self, base: &ObjectKey) -> Vec<ObjectKey> {
        if self.versions.is_empty() {
            return Vec::new();
        }
        let is_version = |key: &&ObjectKey| base_of(key.name()) == Some(base.name());
        let prefix = format!("{base}-");
        let first = base.beside(&format!("{}-", base.name()));
        let named = self.versions.range(first..).take_while(|key| key.to_string().starts_with(&prefix));
        named.filter(is_version).cloned().collect()
    }

    fn relink_alone(&mut self, slots: &Slots, secret: &ObjectKey) {
        let is_link = ENDS.into_iter().all(|role| ends(slots, secret, role).next().is_some());
        let namespace = secret.namespace();
        if !is_link && !self.chained.contains_key(namespace) {
            return;
        }
        let chained = self.chained.entry(namespace.into()).or_default();
        let was_link = chained.links.remove(secret);
        if is_link {
            chained.links.insert(secret.clone());
        }
        chained.is_stale |= is_link || was_link;
        self.drop_unchained(namespace);
    }

    /// Finds out anew who may be in a circle, if a link of the namespace has changed; gives whom that concerns.
    pub(super) fn refresh(&mut self, slots: &Slots, namespace: &str) -> Vec<ObjectKey> {
        let Some(chained) = self.chained.get_mut(namespace).filter(|chained| chained.is_stale) else {
            return Vec::new();
        };
        let (knots, digest) = knots(slots, &chained.links);
        chained.is_stale = false;
        if mem::replace(&mut chained.digest, digest) == digest {
            return Vec::new();
        }
        let before = mem::replace(&mut chained.knots, knots);
        let concerned: BTreeSet<_> = before.into_keys().chain(chained.knots.keys().cloned()).collect();
        self.drop_unchained(namespace);
        concerned.into_iter().collect()
    }

    /// Those whose circles may have changed since this connection is gone.
    pub(super) fn freed(&mut self, slots: &Slots, gone: &ObjectKey) -> Vec<ObjectKey> {
        if self.chained.get(gone.namespace()).is_none_or(|chained| !chained.knots.contains_key(gone)) {
            return Vec::new();
        }
        let mut freed = self.refresh(slots, gone.namespace());
        freed.retain(|key| key != gone);
        freed
    }

    /// The outputs of this connection that lead back to it, each with the shortest way. It goes backwards from the connection to all
    /// that lead to it, each once, and then on from each of the outputs.
    pub(super) fn circles(&self, slots: &Slots, connection: &Connection) -> Vec<Circle> {
        let start = &connection.key;
        let Some(chains) =
            self.chained.get(start.namespace()).filter(|chains| chains.knots.contains_key(start))
        else {
            return Vec::new();
        };
        let mut hops = HashMap::from([(start, Hop { length: 0, next: start })]);
        let (mut seen, mut waiting) = (HashSet::new(), VecDeque::from([(start, 0_usize)]));
        while let Some((next, length)) = waiting.pop_front() {
            let length = length.saturating_add(1);
            for link in chains.knots.get(next).into_iter().flatten().filter(|link| seen.insert(*link)) {
                for writer in ends(slots, link, Role::Writes) {
                    if !hops.contains_key(writer) && chains.knots.contains_key(writer) {
                        hops.insert(writer, Hop { length, next });
                        waiting.push_back((writer, length));
                    }
                }
            }
        }
        let circle = |(output, role): (String, Role)| {
            let output_key = start.beside(&output);
            let read = match role {
                Role::Reads => Vec::new(),
                Role::Writes => vec![output_key],
                Role::NamesVersions => self.versions_of(&output_key),
            };
            let readers = read.iter().flat_map(|read| ends(slots, read, Role::Reads));
            let (first, hop) = readers
                .filter_map(|reader| Some((reader, hops.get(reader)?)))
                .min_by_key(|(_, hop)| hop.length)?;
            let way = iter::successors(Some(first), |key| hops.get(key).map(|hop| hop.next));
            let way = iter::once(start).chain(way.take_while(|key| *key != start));
            Some(Circle::new(output, way.map(|key| key.name().to_owned()), hop.length.saturating_add(1)))
        };
        connection.spec.secrets().into_iter().filter_map(circle).collect()
    }

    fn drop_unchained(&mut self, namespace: &str) {
        if self
            .chained
            .get(namespace)
            .is_some_and(|chained| chained.links.is_empty() && chained.knots.is_empty())
        {
            self.chained.remove(namespace);
        }
    }
}

impl<'a> Ends<'a> {
    fn of(&mut self, role: Role) -> &mut Vec<&'a ObjectKey> {
        match role {
            Role::Reads => &mut self.reads,
            Role::Writes | Role::NamesVersions => &mut self.writes,
        }
    }

    /// True if no other connection comes before this one, or none after it.
    fn is_loose(&self) -> bool {
        self.reads.is_empty() || self.writes.is_empty()
    }
}

/// The connections at this end of a link. Whoever makes versions of an output writes every Secret that has the name of one.
fn ends<'a>(slots: &'a Slots, link: &ObjectKey, role: Role) -> impl Iterator<Item = &'a ObjectKey> + use<'a> {
    let versions = (role == Role::Writes).then(|| versioning(slots, link));
    namers(slots, link, role).chain(versions.into_iter().flatten())
}

/// What is left when every connection goes before which or after which no other one comes, again and again: the circles, and what
/// lies between them. Looks at each link of each connection a few times, whatever their number.
fn knots(slots: &Slots, links: &BTreeSet<ObjectKey>) -> (Knots, u64) {
    let mut left: BTreeMap<&ObjectKey, Ends<'_>> = BTreeMap::new();
    let mut counts: HashMap<(&ObjectKey, Role), usize> = HashMap::new();
    for link in links {
        for role in ENDS {
            for key in ends(slots, link, role) {
                left.entry(key).or_default().of(role).push(link);
                let count = counts.entry((link, role)).or_default();
                *count = count.saturating_add(1);
            }
        }
    }
    let mut loose: Vec<_> = left.iter().filter(|(_, ends)| ends.is_loose()).map(|(key, _)| *key).collect();
    while let Some(key) = loose.pop() {
        let Some(mut gone) = left.remove(key) else { continue };
        for (role, other) in [(Role::Reads, Role::Writes), (Role::Writes, Role::Reads)] {
            for link in gone.of(role).drain(..) {
                let Some(count) = counts.get_mut(&(link, role)) else { continue };
                *count = count.saturating_sub(1);
                if *count > 0 {
                    continue;
                }
                for key in ends(slots, link, other) {
                    let Some(ends) = left.get_mut(key) else { continue };
                    ends.of(other).retain(|known| *known != link);
                    if ends.is_loose() {
                        loose.push(key);
                    }
                }
            }
        }
    }
    let mut hasher = DefaultHasher::new();
    left.hash(&mut hasher);
    let reads = |ends: Ends<'_>| ends.reads.into_iter().cloned().collect();
    (left.into_iter().map(|(key, ends)| (key.clone(), reads(ends))).collect(), hasher.finish())
}
