//! Whose credentials GitHub refuses for no reason of theirs.

use crate::refusal::Refused;
use serde::Deserialize;
use std::collections::BTreeSet;

/// Whose questions are answered with 401 `Bad credentials`, however good the token is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Whom {
    /// All is as usual.
    #[default]
    Nobody,
    /// Every request with an `Authorization` header.
    Everyone,
    /// This share of the tokens there are now, from 0 to 100: evenly spread over their names in order, rounded down. Tokens that
    /// are made later are not among them.
    Percent(u8),
    /// The tokens of these names.
    Tokens(Vec<String>),
}

/// A checked [`Whom`].
#[derive(Debug, Default)]
pub(crate) enum Chosen {
    #[default]
    Nobody,
    Everyone,
    Named(BTreeSet<String>),
}

impl Whom {
    /// The chosen among tokens of these names, which come in order.
    pub(crate) fn among<'a>(self, names: impl Iterator<Item = &'a str>) -> Result<Chosen, Refused> {
        match self {
            Whom::Nobody => Ok(Chosen::Nobody),
            Whom::Everyone => Ok(Chosen::Everyone),
            Whom::Percent(percent @ 0..=100) => Ok(Chosen::Named(spread(percent, names))),
            Whom::Percent(percent) => Err(Refused::new("percent", format!("{percent} is more than 100"))),
            Whom::Tokens(wanted) => {
                let known: BTreeSet<&str> = names.collect();
                match wanted.iter().find(|name| !known.contains(name.as_str())) {
                    Some(name) => Err(Refused::no_token(name)),
                    None => Ok(Chosen::Named(wanted.into_iter().collect())),
                }
            }
        }
    }
}

impl Chosen {
    /// Whether a request with credentials is refused; `name` is that of its token, if it has one of ours.
    pub(crate) fn has(&self, name: Option<&str>) -> bool {
        match self {
            Chosen::Nobody => false,
            Chosen::Everyone => true,
            Chosen::Named(names) => name.is_some_and(|name| names.contains(name)),
        }
    }
}

fn spread<'a>(percent: u8, names: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let mut sum: u8 = 0;
    let mut chosen = BTreeSet::new();
    for name in names {
        sum = sum.saturating_add(percent);
        if sum >= 100 {
            sum = sum.saturating_sub(100);
            chosen.insert(name.to_owned());
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_exact_and_spread() {
        for (percent, expected) in [
            (0, vec![]),
            (25, vec!["d"]),
            (50, vec!["b", "d"]),
            (99, vec!["b", "c", "d"]),
            (100, vec!["a", "b", "c", "d"]),
        ] {
            let chosen: Vec<_> = spread(percent, ["a", "b", "c", "d"].into_iter()).into_iter().collect();
            assert_eq!(chosen, expected, "{percent}");
        }
    }
}
