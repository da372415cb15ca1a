//! What the conditions of a status say, in the words for machines and in few bytes: two for each.

use super::super::{Condition, ConditionStatus, status::ALL_TYPES};
use crate::domain::Reason;

/// Status and reason of each condition; none of a condition that is not there, or whose reason this version does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Said([Option<(ConditionStatus, Reason)>; ALL_TYPES.len()]);

impl Said {
    pub(super) fn of(conditions: &[Condition]) -> Self {
        Said(ALL_TYPES.map(|type_| {
            let said = conditions.iter().find(|condition| condition.type_ == type_)?;
            Some((said.status, said.reason.parse().ok()?))
        }))
    }

    /// What `Ready` says.
    pub(super) fn ready(&self) -> Option<(ConditionStatus, Reason)> {
        let [ready, ..] = self.0;
        ready
    }

    /// Each condition that is there.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, ConditionStatus, Reason)> {
        let said = ALL_TYPES.into_iter().zip(self.0);
        said.filter_map(|(type_, said)| said.map(|(status, reason)| (type_, status, reason)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_takes_two_bytes() {
        assert_eq!(size_of::<Said>(), 2 * ALL_TYPES.len());
    }
}
