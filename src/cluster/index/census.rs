//! What connections have made, counted for those who only look.

use super::{super::connections::Connection, Index};

/// The outputs of one connection, by what they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputCounts {
    /// They hold the token that its status names.
    pub current: u32,
    /// They hold another one.
    pub outdated: u32,
    /// They are versions before the present one, kept for those who still name them.
    pub earlier: u32,
    /// They are being deleted.
    pub leaving: u32,
}

impl OutputCounts {
    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        OutputCounts {
            current: self.current.saturating_add(other.current),
            outdated: self.outdated.saturating_add(other.outdated),
            earlier: self.earlier.saturating_add(other.earlier),
            leaving: self.leaving.saturating_add(other.leaving),
        }
    }
}

impl Index {
    /// The outputs in its own namespace that this connection has made.
    pub fn count_outputs(&self, connection: &Connection) -> OutputCounts {
        let token = connection.status.as_ref().and_then(|status| status.token);
        let token = token.map(|token| token.leading());
        let inner = self.lock();
        let owned = inner.owners.get(&connection.uid).into_iter().flat_map(|owner| &owner.outputs);
        let owned = owned.filter(|output| output.namespace() == connection.key.namespace());
        let mut counts = OutputCounts::default();
        for (name, output) in owned.filter_map(|name| Some((name, inner.secret(name)?))) {
            let count = if output.leaving.is_some() {
                &mut counts.leaving
            } else if token.is_some() && output.token == token {
                &mut counts.current
            } else if inner.is_earlier(name, &connection.key) {
                &mut counts.earlier
            } else {
                &mut counts.outdated
            };
            *count = count.saturating_add(1);
        }
        counts
    }
}
