//! What stands under the names of the outputs.

use jiff::Timestamp;

use super::{
    super::{Failure, sum::sum},
    Observer,
};
use crate::{
    api::StatusDigest,
    cluster::{
        Fault,
        index::Woken,
        object::ObjectKey,
        outputs::{self, Owner},
        secrets::{self, SecretEntry},
    },
    domain::{
        answer::{Expiry, Grant},
        decide::{Condemned, Found, Holds, Observation, OnInvalid, holds, is_gone, is_over},
        format::Addresses,
        knowledge::Knowledge,
        output::{Output, Payload, Stamp},
        probing::{Subject, schedule::earlier},
        token::Token,
        version::Version,
    },
};

impl Observer<'_> {
    /// What stands under the names of the outputs, and which former outputs are not named any more.
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
    /// that has its mark, or none, is read once in each of its states. What only a status remembers deletes none.
    pub(super) async fn condemned_before(
        &mut self,
        seen: &Observation,
        failures: &mut Vec<Failure>,
    ) -> Option<Condemned> {
        let (subject, host) = (self.watched().subject.clone()?, seen.host.yes()?);
        let withdraws = seen.demand.on_invalid == OnInvalid::Withdraw && !seen.demand.suspend;
        if !withdraws || !is_gone(&seen.token) || subject.host != host.name {
            if !self.record.rare.held.is_empty() {
                self.record.rare.held = Vec::new();
            }
            return None;
        }
        let may_hold = |entry: &SecretEntry| entry.token.is_none_or(|token| token == subject.token.leading());
        let names = seen.found.iter().filter(|found| found.is_ours()).map(Found::name);
        let marked: Vec<_> = names
            .filter_map(|name| Some((name, self.entry(name).filter(may_hold)?.version.clone())))
            .collect();
        let heard = self.ctx.prober.snapshot(&subject).map(|snapshot| snapshot.knowledge).unwrap_or_default();
        let remembered = self.not_void(&subject);
        let known = remembered.overlaid(&heard);
        // The end that a person declared is not GitHub's word.
        let ends = match known.grant.as_ref().map(|(grant, _)| grant.expiry) {
            Some(Expiry::At(at)) => Some(earlier(at, seen.skew)),
            _ => None,
        };
        if heard.refused.is_none() && !marked.is_empty() {
            self.hear_again(&subject, &known);
        }
        let (token, refused) = (subject.token, known.refused.filter(|refused| is_over(refused, ends))?);
        if heard.refused.is_none() {
            return Some(Condemned { token, heard: None, holders: Vec::new() });
        }
        let mut holders = Vec::new();
        let mut held = std::mem::take(&mut self.record.rare.held);
        let of = |(name, version): &(&str, Version)| sum(&(name, version, subject.token.leading()));
        held.retain(|(known, _)| marked.iter().any(|marked| of(marked) == *known));
        for marked in &marked {
            let (name, version) = marked;
            let known = held.iter().find(|(known, _)| *known == of(marked)).map(|(_, holds)| *holds);
            let holds = match known {
                Some(holds) => holds,
                None => match secrets::read(&self.ctx.client, &self.connection.key.beside(name)).await {
                    Ok(Some(read)) if read.entry.version == *version => {
                        let holds = read.payload.holds(subject.token);
                        held.push((of(marked), holds));
                        holds
                    }
                    // Another state of it is seen in the next pass.
                    Ok(_) => false,
                    Err(fault) => {
                        let secret = (*name).to_owned();
                        failures.push(Failure { doing: "read", secret, verbs: "get", fault });
                        false
                    }
                },
            };
            holders.extend(holds.then(|| (*name).to_owned()));
        }
        self.record.rare.held = held;
        Some(Condemned { token, heard: Some(refused), holders })
    }

    /// What the status remembers of the token. Its refusals are void where another connection saw the token accepted after them: this one may
    /// have lost its source in between.
    fn not_void(&self, subject: &Subject) -> Knowledge {
        let mut known = self.watched().remembered.as_deref().cloned().unwrap_or_default();
        if let Some(refused) = known.refused {
            let all = self.ctx.index.connections();
            let is_after = |status: &StatusDigest| {
                status.token == Some(subject.token)
                    && status.checked_at().is_some_and(|at| at >= refused.last)
            };
            let others = all.iter().filter(|other| {
                other.key != self.connection.key
                    && other.spec.host().is_some_and(|host| *host == *subject.host)
            });
            let is_void = others.filter_map(|other| other.status.as_ref()).any(is_after);
            known.refused = known.refused.filter(|_| !is_void);
        }
        known
    }

    /// Has whoever has the token in use ask about it once, if this or another status says that it was refused.
    fn hear_again(&self, subject: &Subject, known: &Knowledge) {
        let accepted = known.grant.as_ref().map_or(Timestamp::UNIX_EPOCH, |(_, at)| *at);
        let is_told = known.refused.is_some() || self.ctx.records.is_refused_since(subject, accepted);
        if is_told && self.ctx.records.want(subject) {
            // Those that nothing is due for yet have not read their source since this process began.
            let all = self.ctx.index.connections();
            let has_it = |status: &StatusDigest| status.token == Some(subject.token);
            let sharing = all.iter().filter(|other| other.status.as_ref().is_some_and(has_it));
            let woken = sharing.map(|other| Woken::Changed(other.key.clone())).collect();
            self.ctx.wake_others(&self.connection.key, woken);
        }
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
