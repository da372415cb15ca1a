//! What stands under the names of the outputs.

use jiff::Timestamp;

use super::{super::Failure, Observer};
use crate::{
    api::StatusDigest,
    cluster::{
        Fault,
        index::Woken,
        object::ObjectKey,
        outputs::{self, Owner},
        secrets::{self, Read, SecretEntry},
    },
    domain::{
        answer::{Expiry, Grant},
        decide::{Found, Holds, Observation, OnInvalid, holds, is_gone, is_over},
        format::Addresses,
        output::{Output, Payload, Stamp},
        probing::schedule::earlier,
        token::Token,
    },
};

impl Observer<'_> {
    /// What stands under the names of the outputs, and which outputs of before are not named any more.
    pub(super) fn found(&self, seen: &Observation) -> Vec<Found> {
        let is_bound = |entry: &SecretEntry| entry.bound_to.as_ref() == Some(&self.connection.uid);
        let bound = self.spec.candidates().filter_map(|source| {
            let entry = self.entry(&source.name).filter(is_bound)?;
            Some((&source.name, entry))
        });
        let bound = bound.filter(|(_, entry)| !entry.is_output);
        let bound = bound.map(|(source, entry)| self.classify(source, &entry, None));
        let named = seen.demand.outputs.iter().filter_map(|output| {
            let target = output.target()?;
            Some(self.classify(target, &self.entry(target)?, seen.stamp(output)))
        });
        let owned = self.ctx.index.owned(self.connection);
        let is_named =
            |key: &ObjectKey| seen.demand.outputs.iter().any(|output| output.target() == Some(key.name()));
        let others = owned.iter().filter(|key| !is_named(key)).filter_map(|key| {
            let entry = self.ctx.index.secret(key)?;
            Some(self.classify(key.name(), &entry, None))
        });
        named.chain(others).chain(bound).collect()
    }

    fn classify(&self, name: &str, entry: &SecretEntry, stamp: Option<Stamp>) -> Found {
        let name = name.to_owned();
        if let Some(finalizers) = &entry.leaving {
            return Found::Leaving { name, finalizers: finalizers.to_vec() };
        }
        let is_bound = entry.bound_to.as_ref() == Some(&self.connection.uid);
        if !is_bound || !entry.is_output {
            if self.ctx.index.may_adopt(self.connection, entry) {
                let holds = self.record.holds(&name, &entry.version, stamp);
                return Found::Adoptable { name, version: entry.version.clone(), holds };
            }
            if is_bound {
                return Found::Bound { name, version: entry.version.clone() };
            }
            let of = self.ctx.index.maker(&self.connection.key, entry);
            return Found::Foreign { name, of };
        }
        let holds = self.record.holds(&name, &entry.version, stamp);
        Found::Ours { name, version: entry.version.clone(), holds, format: entry.format }
    }

    /// The outputs that hold the token which the source held before it was gone, if GitHub does not know that any more, or it has expired. Each
    /// that has its mark is read. What only a status remembers deletes none.
    pub(super) async fn condemned_before(
        &self,
        seen: &Observation,
        failures: &mut Vec<Failure>,
    ) -> Option<Vec<String>> {
        let (subject, host) = (self.watched().subject.as_ref()?, seen.host.yes()?);
        let withdraws = seen.demand.on_invalid == OnInvalid::Withdraw && !seen.demand.suspend;
        if !withdraws || !is_gone(&seen.token) || subject.host != host.name {
            return None;
        }
        let heard = self.ctx.prober.snapshot(subject).map(|snapshot| snapshot.knowledge).unwrap_or_default();
        let known =
            self.watched().remembered.as_deref().map_or(heard.clone(), |known| known.overlaid(&heard));
        // The end that a person declared is not GitHub's word.
        let ends = match known.grant.as_ref().map(|(grant, _)| grant.expiry) {
            Some(Expiry::At(at)) => Some(earlier(at, seen.skew)),
            _ => None,
        };
        let token = Some(subject.token.leading());
        let names = seen.found.iter().filter(|found| found.is_ours()).map(Found::name);
        let marked =
            names.filter_map(|name| Some((name, self.entry(name).filter(|entry| entry.token == token)?)));
        let marked: Vec<_> = marked.collect();
        if heard.refused.is_none() {
            let accepted = known.grant.as_ref().map_or(Timestamp::UNIX_EPOCH, |(_, at)| *at);
            let is_told = known.refused.is_some() || self.ctx.records.is_refused_since(subject, accepted);
            if is_told && !marked.is_empty() && self.ctx.records.want(subject) {
                // Those that nothing is due for yet have not read their source since this process began.
                let all = self.ctx.index.connections();
                let has_it = |status: &StatusDigest| status.token == Some(subject.token);
                let sharing = all.iter().filter(|other| other.status.as_ref().is_some_and(has_it));
                let woken = sharing.map(|other| Woken::Changed(other.key.clone())).collect();
                self.ctx.wake_others(&self.connection.key, woken);
            }
        }
        known.refused.filter(|refused| is_over(refused, ends))?;
        if heard.refused.is_none() {
            return Some(Vec::new());
        }
        let mut holders = Vec::new();
        for (name, entry) in marked {
            let holds = |read: &Read| {
                let (is_same, values) = (read.entry.version == entry.version, read.payload.data.values());
                // What somebody has put beside it may be of use.
                let is_alone = !values.clone().any(|value| subject.token.is_beside_another_in(value));
                is_same && is_alone && values.clone().any(|value| subject.token.is_in(value))
            };
            match secrets::read(&self.ctx.client, &self.connection.key.beside(name)).await {
                Ok(read) => holders.extend(read.as_ref().filter(|read| holds(read)).map(|_| name.to_owned())),
                Err(fault) => {
                    failures.push(Failure { doing: "read", secret: name.to_owned(), verbs: "get", fault });
                }
            }
        }
        Some(holders)
    }

    /// Reads one output and compares it with what it shall hold.
    pub(super) async fn output(&mut self, seen: &mut Observation, name: &str) -> Result<(), Fault> {
        let key = self.connection.key.beside(name);
        let Some(token) = &seen.bytes else { return Ok(()) };
        let before = self.version(name);
        let read = secrets::read(&self.ctx.client, &key).await?;
        let output = seen.demand.outputs.iter().find(|output| output.target() == Some(name));
        let stamp = output.and_then(|output| seen.stamp(output));
        if let Some(read) = &read {
            let grant = seen.knowledge.grant.as_ref().map(|(grant, _)| grant);
            let wanted = wanted(output, token, grant, seen.addresses());
            let wanted = wanted.as_ref().zip(output.map(|output| output.versioned));
            let compared = holds(&read.payload, read.immutable, token, wanted);
            let owner = Owner { key: &self.connection.key, uid: &self.connection.uid };
            let is_described =
                |output| outputs::describe(&read.marks, owner, output, &read.payload, token.hashed());
            let is_marked_otherwise = compared == Holds::Wanted && !output.is_some_and(is_described);
            let compared =
                if is_marked_otherwise { Holds::Other { same_token: true, fixed: false } } else { compared };
            if compared != Holds::Wanted && self.record.wrote(name, stamp) {
                let by = &read.changed_by;
                let rival = if is_marked_otherwise { &by.marks } else { &by.data };
                self.record.rare.contentions.of(name).was_changed_by(rival.clone());
            }
            self.record.verify(name, &read.entry.version, stamp, compared, false);
        }
        let entry = read.map(|read| read.entry);
        let woken = self.ctx.index.read_secret(&key, before.as_ref(), entry.clone());
        self.ctx.wake_others(&self.connection.key, woken);
        seen.found.retain(|found| {
            !matches!(found, Found::Ours { name: known, .. } | Found::Adoptable { name: known, .. } if known == name)
        });
        seen.found.extend(entry.map(|entry| self.classify(name, &entry, stamp)));
        Ok(())
    }
}

fn wanted(
    output: Option<&Output>,
    token: &Token,
    grant: Option<&Grant>,
    addresses: Option<&Addresses>,
) -> Option<Payload> {
    output?.payload(token, grant?, addresses?).ok()
}
