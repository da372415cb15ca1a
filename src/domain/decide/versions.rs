//! Which versions of an output stand, and which of them have had their time.

use std::cmp::Reverse;

use super::super::{
    consumer::Consumers,
    output::{Output, Stamp},
};
use super::{Change, Found, Observation};

impl Observation {
    /// What the output shall hold, as far as it is known without the bytes.
    pub fn stamp(&self, output: &Output) -> Option<Stamp> {
        let (grant, _) = self.knowledge.grant.as_ref().filter(|_| !output.awaits_entries())?;
        Some(output.stamp(self.token.yes()?.hashed, grant, self.addresses()?))
    }

    /// Names the versions of outputs, as far as it is known which ones they are.
    pub fn name_versions(&mut self) {
        let stamps: Vec<_> = self.demand.outputs.iter().map(|output| self.stamp(output)).collect();
        for (output, stamp) in self.demand.outputs.iter_mut().zip(stamps) {
            if let Some(stamp) = stamp {
                output.name_version(stamp);
            }
        }
    }

    /// The version of the output that serves until the present one is written: the one that the status names, else the newest.
    pub fn serving_version(&self, output: &Output) -> Option<&str> {
        versions(self, output).first().map(|found| found.name())
    }

    /// True if it is the name of a version of an output of the spec.
    pub fn is_version(&self, name: &str) -> bool {
        self.demand.outputs.iter().any(|output| output.is_version(name))
    }
}

/// Deletes the earlier versions that nothing names, once everything that may name one was looked through.
///
/// Nobody asks for it during a rotation. A new layout or new entries begin none, so what is about to name the version of before those
/// may come too late.
pub fn unnamed(seen: &Observation, consumers: &Consumers) -> Vec<Change> {
    let is_whole = consumers.forbidden.is_empty() && consumers.unread.is_empty();
    if !is_whole || seen.demand.suspend {
        return Vec::new();
    }
    let is_named = |name: &str| {
        consumers.revisions.contains(name) || consumers.all.iter().any(|consumer| consumer.output == name)
    };
    let is_current = |name: &str| seen.demand.outputs.iter().any(|output| output.target() == Some(name));
    let is_read = |name: &str| seen.is_source(name) || seen.has_entries_of(name);
    // The one that serves stays until the next one stands, however long that is refused.
    let stands = |name: &str| seen.found.iter().any(|found| found.is_ours() && found.name() == name);
    let is_replaced = |name: &str| {
        let mut of_it = seen.demand.outputs.iter().filter(|output| output.is_version(name));
        of_it.all(|output| output.target().is_some_and(stands))
    };
    let goes = |name: &str| {
        seen.is_version(name) && !is_current(name) && !is_read(name) && !is_named(name) && is_replaced(name)
    };
    seen.found.iter().filter(|found| goes(found.name())).filter_map(Change::deletion).collect()
}

/// Deletes the versions that are too many, the oldest first: `keepVersions` stay beside the one of the target, named or not.
pub(super) fn outdated(seen: &Observation, output: &Output) -> impl Iterator<Item = Change> {
    let mut earlier = versions(seen, output);
    let is_read = |name: &str| seen.is_source(name) || seen.has_entries_of(name);
    earlier.retain(|found| output.target() != Some(found.name()) && !is_read(found.name()));
    let outdated = earlier.iter().skip(output.kept_versions()).rev();
    let outdated: Vec<_> = outdated.filter_map(|found| Change::deletion(found)).collect();
    outdated.into_iter()
}

/// True if the target stands, is not yet the version that serves, and looks older than another one: a token came back that was
/// replaced before. It is written once more, so that it counts as the newest from now on.
pub(super) fn is_behind(seen: &Observation, output: &Output) -> bool {
    let is_target = |found: &&&Found| output.target() == Some(found.name());
    let versions = versions(seen, output);
    let target = versions.iter().find(is_target).and_then(|found| written(found));
    let is_newer = |found: &&Found| target.is_some_and(|target| written(found) > Some(target));
    versions.first().is_some_and(|first| output.target() != Some(first.name()))
        && versions.iter().any(is_newer)
}

/// The versions of the output that stand and are ours: the one that the status names, then those that were written last. Only that
/// one is sure to be in its place, since anybody may label the others.
fn versions<'a>(seen: &'a Observation, output: &Output) -> Vec<&'a Found> {
    let is_its = |found: &&Found| found.is_ours() && output.is_version(found.name());
    let mut versions: Vec<_> = seen.found.iter().filter(is_its).collect();
    versions
        .sort_by_key(|found| Reverse((seen.serving.iter().any(|name| name == found.name()), written(found))));
    versions
}

/// The place of the last change of a Secret in the order of all changes.
const fn written(found: &Found) -> Option<u64> {
    match found {
        Found::Ours { version, .. } => version.resource_version.number(),
        _ => None,
    }
}
