//! What a suspended connection keeps of its status: what it said itself, and nothing that another manager put there.

use super::{Draft, says};
use crate::{
    api::{ConditionStatus, DeferralStatus, OutputStatus, RequirementStatus, StatusSummary, TokenStatus},
    domain::{
        Reason,
        decide::{Found, Observation},
        knowledge::Knowledge,
        requirement::Line,
    },
};

pub(super) fn ready() -> Draft {
    let message = "spec.suspend is set: GitHub is not asked and nothing is written; unset it to go on";
    says(ConditionStatus::Unknown, Reason::Suspended, message.to_owned())
}

/// The token as it was known, without a refusal that does not hold.
pub(super) fn token(summary: &StatusSummary, seen: &Observation) -> Option<TokenStatus> {
    let token = summary.token.as_deref()?.clone();
    let refused = token.refused.clone().filter(|_| known(summary, seen).refused.is_some());
    Some(TokenStatus { refused, ..token })
}

/// The deferral, if it holds.
pub(super) fn deferral(summary: &StatusSummary, seen: &Observation) -> Option<DeferralStatus> {
    summary.deferral.as_deref().filter(|_| known(summary, seen).deferred.is_some()).cloned()
}

/// The lines of what is demanded still.
pub(super) fn requirements(before: &[RequirementStatus], demanded: &[Line]) -> Vec<RequirementStatus> {
    let is_demanded = |line: &&RequirementStatus| {
        demanded.iter().any(|demanded| (demanded.kind, &demanded.name) == (line.kind, &line.name))
    };
    before.iter().filter(is_demanded).cloned().collect()
}

/// The outputs that stand.
pub(super) fn outputs(before: &[OutputStatus], seen: &Observation) -> Vec<OutputStatus> {
    let stands = |output: &&OutputStatus| {
        seen.found.iter().any(|found| match found {
            Found::Ours { name, .. } | Found::Leaving { name, .. } => {
                name == output.current_name.as_ref().unwrap_or(&output.secret_name)
            }
            Found::Bound { .. } | Found::Adoptable { .. } | Found::Foreign { .. } => false,
        })
    };
    before.iter().filter(stands).cloned().collect()
}

/// What this process knows of the token; what the status itself makes credible, if that is nothing.
fn known(summary: &StatusSummary, seen: &Observation) -> Knowledge {
    let is_told = summary.token.as_deref().zip(seen.token.yes().zip(seen.host.yes()));
    let is_same = is_told
        .is_some_and(|(told, (token, host))| told.hashed_token == token.hashed && told.host == *host.name);
    if is_same && seen.knowledge != Knowledge::default() {
        seen.knowledge.clone()
    } else {
        summary.knowledge()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        decide::{
            Holds,
            tests::{ours, seen},
        },
        output::Format,
    };

    #[test]
    fn a_versioned_output_stays_in_the_status_while_its_version_stands() {
        let output = |secret_name: &str, current_name: Option<&str>| OutputStatus {
            secret_name: secret_name.to_owned(),
            current_name: current_name.map(str::to_owned),
            format: Format::Opaque,
        };
        let before = [output("pull", Some("pull-0123456789")), output("env", None), output("gone", None)];
        let stands = |name: &str| ours(name, Holds::Wanted);
        let mut seen = seen();
        seen.found = vec![stands("pull-0123456789"), stands("env")];
        assert_eq!(outputs(&before, &seen), before[..2]);
    }
}
