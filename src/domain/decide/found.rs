//! What stands in the cluster where outputs shall stand, and what it holds.

use super::super::{
    Finding, Reason,
    output::{Format, Payload},
    token::Token,
    version::Version,
};

/// A Secret that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// An output of this connection.
    Ours {
        /// Its name.
        name: String,
        /// Which one it is, and in which state.
        version: Version,
        /// What it holds.
        holds: Holds,
        /// The format in which it was written, if it tells.
        format: Option<Format>,
    },
    /// A Secret that is being deleted and waits for its finalizers.
    Leaving {
        /// Its name.
        name: String,
        /// What it waits for.
        finalizers: Vec<String>,
    },
    /// Somebody took our label off and left the owner reference: it is left alone, but goes with the connection.
    Bound {
        /// Its name.
        name: String,
        /// Which one it is, and in which state.
        version: Version,
    },
    /// Nobody else owns it, and it names this connection as the one that may take it over.
    Adoptable {
        /// Its name.
        name: String,
        /// Which one it is, and in which state.
        version: Version,
        /// What it holds.
        holds: Holds,
    },
    /// Somebody else's.
    Foreign {
        /// Its name.
        name: String,
        /// The connection of this namespace whose output it is, if it is one.
        of: Option<String>,
    },
}

/// An output that leads back to its connection: another one reads its token from it, and so on, until one publishes the source of
/// the first. A token in such a circle has no beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle {
    /// The name of the output.
    pub output: String,
    /// The connections, from the one whose output it is to the one that publishes its source; the first of them.
    pub through: Vec<String>,
    /// How many more there are.
    pub more: usize,
}

/// More connections than this are counted and not named.
const NAMED: usize = 12;

impl Circle {
    /// A circle through so many connections.
    pub fn new(output: String, through: impl Iterator<Item = String>, length: usize) -> Self {
        Circle { output, through: through.take(NAMED).collect(), more: length.saturating_sub(NAMED) }
    }

    /// Why nothing is written into it.
    pub(super) fn finding(&self) -> Finding {
        let Circle { output, through, more } = self;
        let first = through.first().map_or("", String::as_str);
        let mut way: Vec<_> = through.iter().map(String::as_str).collect();
        let others = format!("{more} more");
        if *more > 0 {
            way.push(&others);
        }
        way.push(first);
        Finding::new(
            Reason::PublishCycle,
            format!(
                "output {output} leads back to a Secret that this connection reads ({}), so nothing is written to it: take one of \
                 these connections' outputs out of spec.publish, or let one of them read another Secret (secretRef, standby or \
                 extraEntriesFrom)",
                way.join(" → ")
            ),
        )
    }
}

/// What an output holds, compared with what it shall hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Nobody has looked since it changed.
    Unread,
    /// The payload that the spec asks for, of the token in the source.
    Wanted,
    /// Something else.
    Other {
        /// True if the token in the source is in it all the same, in another layout.
        same_token: bool,
        /// True if it can only be made anew: its type is another one, or it is immutable.
        fixed: bool,
    },
}

impl Found {
    /// The name of the Secret.
    pub fn name(&self) -> &str {
        match self {
            Found::Ours { name, .. }
            | Found::Leaving { name, .. }
            | Found::Bound { name, .. }
            | Found::Adoptable { name, .. }
            | Found::Foreign { name, .. } => name,
        }
    }

    /// True if it is an output, or is taken over as one, and what it holds lacks the token of the source.
    pub const fn has_another_token(&self) -> bool {
        matches!(
            self,
            Found::Ours { holds: Holds::Other { same_token: false, .. }, .. }
                | Found::Adoptable { holds: Holds::Other { same_token: false, .. }, .. }
        )
    }

    /// True if it is an output of the connection.
    pub const fn is_ours(&self) -> bool {
        matches!(self, Found::Ours { .. })
    }
}

/// What a Secret with this payload holds. `wanted` is what it shall hold, if that is known, and whether it shall be immutable.
pub fn holds(payload: &Payload, immutable: bool, token: &Token, wanted: Option<(&Payload, bool)>) -> Holds {
    if wanted.is_some_and(|(wanted, fixed)| wanted == payload && (immutable || !fixed)) {
        return Holds::Wanted;
    }
    let wanted = wanted.map(|(wanted, _)| wanted);
    let fixed = immutable || wanted.is_some_and(|wanted| wanted.type_ != payload.type_);
    Holds::Other { same_token: payload.holds(token.hashed()), fixed }
}
