//! Which connections that another operator looks after have a token still. Nothing tells of them, so they are listed: once for all who want to
//! know it of one namespace and token, and again after a pause.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    sum::{Sum, sum},
    turns::{Turn, Turns},
};
use crate::domain::{backoff::backoff, token::HashedToken, version::ResourceVersion};

/// How long an answer counts at first; nobody looks again sooner.
pub(super) const SHORTEST: Duration = Duration::from_secs(10);
/// How long it counts at most.
const LONGEST: Duration = Duration::from_secs(60);
/// An answer that nobody wanted for so long is forgotten. So long it counts where there are no connections at all: one that comes has no output
/// with the token before that is seen.
const KEPT: Duration = Duration::from_secs(600);

/// What was listed, by a sum of namespace and token.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    listed: Mutex<HashMap<Sum, Listed>>,
    /// When a list was last begun, whatever came of it.
    asked: Mutex<HashMap<Sum, Instant>>,
    turns: Turns,
}

#[derive(Debug)]
struct Listed {
    namespace: Box<str>,
    token: HashedToken,
    at: Instant,
    /// The outputs that were known then.
    outputs: Sum,
    holders: Vec<Holder>,
    /// How many connections there were.
    count: usize,
    /// How often in a row nothing was different.
    times: u32,
}

/// A connection that has the token, in the state in which it was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) name: String,
    pub(super) version: ResourceVersion,
}

/// Who has the token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Have {
    pub(super) holders: Vec<Holder>,
    /// How long this counts still.
    pub(super) left: Duration,
}

/// How long it is kept when a namespace was asked about.
const ASKED: Duration = Duration::from_secs(3600);

impl Listed {
    fn left(&self) -> Duration {
        let lasts = match self.count {
            0 => KEPT,
            // What lets the token be called safe to revoke is to be new.
            _ if self.holders.is_empty() => SHORTEST,
            _ => backoff((SHORTEST, LONGEST), self.times),
        };
        lasts.saturating_sub(self.at.elapsed())
    }
}

impl Elsewhere {
    /// What was listed a moment ago, while the same outputs were known.
    pub(super) fn known(&self, of: (&str, HashedToken), outputs: Sum) -> Option<Have> {
        let all = self.lock();
        let listed = all.get(&sum(&of)).filter(|listed| listed.outputs == outputs)?;
        let left = Some(listed.left()).filter(|left| !left.is_zero())?;
        Some(Have { holders: listed.holders.clone(), left })
    }

    /// What was listed last, whatever has become of it.
    pub(super) fn last(&self, of: (&str, HashedToken)) -> Have {
        let holders = self.lock().get(&sum(&of)).map(|listed| listed.holders.clone());
        Have { holders: holders.unwrap_or_default(), left: Duration::ZERO }
    }

    /// The namespaces in which somebody had this token when they were listed last.
    pub(super) fn named(&self, token: HashedToken) -> Vec<Box<str>> {
        let all = self.lock();
        let named = all.values().filter(|listed| listed.token == token && !listed.holders.is_empty());
        named.map(|listed| listed.namespace.clone()).collect()
    }

    /// Keeps who has the token of so many that were listed.
    pub(super) fn keep(
        &self,
        (namespace, token): (&str, HashedToken),
        outputs: Sum,
        holders: Vec<Holder>,
        count: usize,
    ) -> Have {
        let of = sum(&(namespace, token));
        let mut all = self.lock();
        all.retain(|_, listed| listed.at.elapsed() < KEPT);
        let same =
            all.get(&of).filter(|listed| listed.outputs == outputs && are_same(&listed.holders, &holders));
        let times = same.map_or(0, |listed| listed.times.saturating_add(1));
        let (namespace, at) = (namespace.into(), Instant::now());
        let listed = Listed { namespace, token, at, outputs, holders: holders.clone(), count, times };
        let left = listed.left();
        all.insert(of, listed);
        Have { holders, left }
    }

    /// When a list was last begun; `None` if that is long ago.
    pub(super) fn asked(&self, of: (&str, HashedToken)) -> Option<Instant> {
        lock(&self.asked).get(&sum(&of)).copied()
    }

    /// A list begins.
    pub(super) fn asks(&self, of: (&str, HashedToken)) {
        let mut asked = lock(&self.asked);
        asked.retain(|_, at| at.elapsed() < ASKED);
        asked.insert(sum(&of), Instant::now());
    }

    /// The turn to list this namespace, unless somebody has it.
    pub(super) fn turn<'a>(&'a self, namespace: &'a str) -> Option<Turn<'a>> {
        self.turns.turn(namespace)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Sum, Listed>> {
        lock(&self.listed)
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether they are the same connections, in whichever states.
fn are_same(before: &[Holder], after: &[Holder]) -> bool {
    before.iter().map(|holder| &holder.name).eq(after.iter().map(|holder| &holder.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::token::Token;

    #[tokio::test(start_paused = true)]
    async fn what_was_listed_counts_for_all_and_ever_longer_while_nothing_changes() {
        let others = Elsewhere::default();
        let text = ["ghp_", &"o".repeat(36)].concat();
        let token = Token::try_from(text.as_bytes()).unwrap().describe().hashed;
        let (of, outputs) = (("team-a", token), sum("out"));
        let names = |version: &str| vec![Holder { name: "b".to_owned(), version: version.into() }];
        for seconds in [10, 20, 40, 60, 60] {
            assert_eq!(others.known(of, outputs), None);
            let have = others.keep(of, outputs, names(&seconds.to_string()), 2);
            assert_eq!((&have.holders[0].name[..], have.left.as_secs()), ("b", seconds));
            assert_eq!(others.known(of, outputs), Some(have), "for whoever else asks");
            tokio::time::advance(Duration::from_secs(seconds)).await;
        }
        assert_eq!(others.last(of).holders, names("60"), "where nobody tells now");
        others.keep(of, outputs, names("1"), 2);
        assert_eq!(others.known(of, sum("another")), None, "an output has come or gone");
        assert_eq!(others.known(("team-b", token), outputs), None);
        assert_eq!(others.last(("team-b", token)), Have::default());
        assert_eq!(others.keep(of, sum("another"), names("1"), 2).left.as_secs(), 10);
        assert_eq!(others.named(token), [Box::<str>::from("team-a")]);
        for _ in 0..3 {
            let have = others.keep(of, sum("another"), Vec::new(), 2);
            assert_eq!(have.left.as_secs(), 10, "that nobody has it does not count longer");
        }
        assert!(others.named(token).is_empty());
        assert_eq!(others.keep(of, sum("another"), Vec::new(), 0).left, KEPT, "there is nobody at all");
        tokio::time::advance(KEPT).await;
        others.keep(("team-b", token), outputs, Vec::new(), 1);
        assert_eq!(others.lock().len(), 1, "nothing is kept for ever");
    }
}
