//! What stands under the names of the outputs.

use super::Observer;
use crate::{
    cluster::{
        Fault,
        object::ObjectKey,
        outputs::{self, Owner},
        secrets::{self, SecretEntry},
    },
    domain::{
        answer::{Expiry, Grant},
        decide::{Found, Holds, Observation, condemns, holds},
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

    /// The outputs that hold the token which the source held before it was gone, by their marks, if this process heard GitHub refuse that
    /// token on this host for good.
    pub(super) fn condemned_before(&self, seen: &Observation) -> Option<Vec<String>> {
        let (subject, host) = (self.watched().subject.as_ref()?, seen.host.yes()?);
        if seen.token.yes().is_some() || subject.host != host.name {
            return None;
        }
        let heard = self.ctx.prober.snapshot(subject)?.knowledge;
        heard.refused?;
        let known =
            self.watched().remembered.as_deref().map_or(heard.clone(), |known| known.overlaid(&heard));
        let declared = seen.demand.requirement.expiry.expires_at;
        let ends = match known.grant.as_ref().map(|(grant, _)| grant.expiry.no_later_than(declared)) {
            Some(Expiry::At(at)) => Some(earlier(at, seen.skew)),
            _ => None,
        };
        known.refused.filter(|refused| condemns(refused, ends))?;
        let token = Some(subject.token.leading());
        let holds = |name: &str| self.entry(name).is_some_and(|entry| entry.token == token);
        Some(seen.found.iter().map(Found::name).filter(|name| holds(name)).map(str::to_owned).collect())
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
