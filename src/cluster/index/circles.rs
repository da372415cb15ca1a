//! Which outputs lead back to the connection that publishes them, over whatever chain of sources and outputs.
//!
//! Only specs are looked at, so that a circle is known before anything is written into it.

use std::collections::{HashMap, VecDeque};

use super::{
    super::{connections::Connection, object::ObjectKey},
    inner::Inner,
};
use crate::domain::decide::Circle;

impl Inner {
    /// The outputs of this connection that lead back to it, each with the shortest way.
    pub(super) fn circles(&self, connection: &Connection) -> Vec<Circle> {
        let outputs = connection.spec.outputs();
        let circle = |output: String| {
            let way = self.way_back(&connection.key, &output)?;
            let through = way.iter().map(|key| key.name().to_owned()).collect();
            Some(Circle { output, through })
        };
        outputs.into_iter().filter_map(circle).collect()
    }

    /// Those whose circles may change when this connection goes: who reads its outputs, and who writes its sources.
    pub(super) fn chained(&self, connection: &Connection) -> Vec<ObjectKey> {
        let (sources, outputs) = (connection.spec.sources(), connection.spec.outputs());
        let readers = outputs.iter().flat_map(|output| self.readers(&connection.key.beside(output)));
        let naming = |source: &String| self.naming(&connection.key.beside(source)).into_iter().flatten();
        let writers = sources.iter().flat_map(|source| {
            naming(source).filter(|key| self.outputs_of(key).is_some_and(|outputs| outputs.contains(source)))
        });
        let mut chained: Vec<_> = readers.chain(writers.cloned()).collect();
        chained.retain(|key| *key != connection.key);
        chained.sort_unstable();
        chained.dedup();
        chained
    }

    /// From the connection over those that come after this output of it, in order, until one writes a source of the connection.
    fn way_back(&self, start: &ObjectKey, output: &str) -> Option<Vec<ObjectKey>> {
        let mut before: HashMap<ObjectKey, Option<ObjectKey>> = HashMap::new();
        let mut waiting = VecDeque::from([(None, start.beside(output))]);
        while let Some((writer, secret)) = waiting.pop_front() {
            for reader in self.readers(&secret) {
                if reader == *start {
                    return Some(way(start, writer, &before));
                }
                if before.contains_key(&reader) {
                    continue;
                }
                before.insert(reader.clone(), writer.clone());
                let outputs = self.outputs_of(&reader).unwrap_or_default();
                waiting.extend(outputs.iter().map(|output| (Some(reader.clone()), start.beside(output))));
            }
        }
        None
    }

    /// The connections that read the Secret.
    fn readers(&self, secret: &ObjectKey) -> Vec<ObjectKey> {
        let reads = |key: &&ObjectKey| {
            let connection = self.connections.get(*key);
            let sources = connection.map(|connection| connection.spec.sources()).unwrap_or_default();
            sources.iter().any(|source| source == secret.name())
        };
        self.naming(secret).into_iter().flatten().filter(reads).cloned().collect()
    }

    fn outputs_of(&self, key: &ObjectKey) -> Option<Vec<String>> {
        Some(self.connections.get(key)?.spec.outputs())
    }
}

/// The way from the start to the last writer, told in its order.
fn way(
    start: &ObjectKey,
    last: Option<ObjectKey>,
    before: &HashMap<ObjectKey, Option<ObjectKey>>,
) -> Vec<ObjectKey> {
    let mut way = Vec::new();
    let mut at = last;
    while let Some(key) = at {
        at = before.get(&key).cloned().flatten();
        way.push(key);
    }
    way.push(start.clone());
    way.reverse();
    way
}
