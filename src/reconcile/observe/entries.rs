//! The entries that pull secrets take from other Secrets of the namespace.

use std::mem;

use super::{
    super::{
        Failure,
        sum::{Sum, sum},
    },
    Observed, Observer,
};
use crate::{
    cluster::secrets,
    domain::{
        format::{EntriesFrom, Extra},
        output::Output,
        version::Version,
    },
};

impl Observer<'_> {
    /// What is known of them. A Secret is read if it is not in the state in which it was read last; that there was none is never taken
    /// for known.
    pub(super) async fn entries(&mut self, observed: &mut Observed) {
        let is_of_use = observed.seen.token.yes().is_some() && !self.spec.suspend;
        let mut outputs = mem::take(&mut observed.seen.demand.outputs);
        let before = match self.record.rare.entries.is_empty() {
            true => Vec::new(),
            false => mem::take(&mut self.record.rare.entries),
        };
        for output in outputs.iter_mut().filter(|_| is_of_use) {
            let Some(from) = output.extra_entries_from.clone() else { continue };
            let state = self.version(&from.name).map(|version| state(output, &from, &version));
            let known = before.iter().find(|(known, _)| Some(*known) == state);
            output.extra = match known {
                Some(known) => {
                    self.record.rare.entries.push(known.clone());
                    known.1.clone().map_or_else(Extra::Unusable, Extra::Seen)
                }
                None => self.read_entries(output, &from, &mut observed.failures).await,
            };
        }
        observed.seen.demand.outputs = outputs;
    }

    /// The entries themselves, which are about to be written or compared. If they are others by now, the reconcile begins anew.
    pub(super) async fn complete_entries(&mut self, observed: &mut Observed) {
        let mut outputs = mem::take(&mut observed.seen.demand.outputs);
        for output in &mut outputs {
            let (Some(from), Extra::Seen(digest)) = (output.extra_entries_from.clone(), &output.extra) else {
                continue;
            };
            let (digest, failures) = (*digest, observed.failures.len());
            output.extra = self.read_entries(output, &from, &mut observed.failures).await;
            // What cannot be read is told, and tried again after a pause.
            let is_read = observed.failures.len() == failures;
            observed.conflict |= is_read && output.extra.digest() != Some(digest);
        }
        observed.seen.demand.outputs = outputs;
    }

    async fn read_entries(
        &mut self,
        output: &Output,
        from: &EntriesFrom,
        failures: &mut Vec<Failure>,
    ) -> Extra {
        let key = self.connection.key.beside(&from.name);
        let before = self.version(&from.name);
        let read = match secrets::read(&self.ctx.client, &key).await {
            Ok(read) => read,
            Err(fault) => {
                let failure = Failure { doing: "read", secret: from.name.clone(), verbs: "get", fault };
                let finding = failure.finding();
                failures.push(failure);
                return Extra::Unusable(finding);
            }
        };
        let found = read.as_ref().map(|read| {
            let value = read.payload.data.get(&from.key).map(|value| value.as_slice());
            from.read(output.base(), &read.entry.version.uid, value)
        });
        let entry = read.map(|read| read.entry);
        if let Some((version, found)) = entry.as_ref().map(|entry| &entry.version).zip(found.as_ref()) {
            let state = state(output, from, version);
            self.record.rare.entries.retain(|(known, _)| *known != state);
            let found = found.as_ref().map(|entries| entries.digest()).map_err(Clone::clone);
            self.record.rare.entries.push((state, found));
        }
        let woken = self.ctx.index.read_secret(&key, before.as_ref(), entry);
        self.ctx.wake_others(&self.connection.key, woken);
        found.unwrap_or_else(|| Err(from.missing(output.base()))).map_or_else(Extra::Unusable, Extra::Read)
    }
}

/// One number for the part of the Secret that this output takes, in one state.
fn state(output: &Output, from: &EntriesFrom, version: &Version) -> Sum {
    sum(&(output.base(), from, version))
}

#[cfg(test)]
mod tests;
