//! The demands of a connection, each with its state.

use github_pat_operator::{
    api::{
        GithubPatConnection, GithubPatConnectionSpec as Spec, GithubPatConnectionStatus as Status,
        RequirementStatus, TokenStatus,
    },
    domain::{
        Finding, Verdict,
        knowledge::Proofs,
        output::Output,
        requirement::{Evidence, State, Stated},
        token::TokenKind,
    },
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Serialize;

/// One demand.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Demand {
    /// What is demanded, in words.
    pub(crate) demand: String,
    pub(crate) state: State,
    /// Why, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Why, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// On which repository or organization a permission was proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) on: Option<String>,
    /// When GitHub last said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<Time>,
}

/// Each demand of the connection, those that are not met first.
pub(super) fn all(connection: &GithubPatConnection, now: Timestamp) -> Vec<Demand> {
    let status = connection.status.as_ref();
    let token = status.and_then(|status| status.token.as_ref());
    let Some(token) = token else { return open(&connection.spec, now) };
    let asked = status.into_iter().flat_map(|status| &status.requirements).map(of_line);
    let further = status.and_then(further);
    let stated = stated(&connection.spec, token, now).into_iter();
    let mut all: Vec<_> = stated.chain(asked).chain(further).collect();
    all.sort_by_key(|demand| demand.state.rank());
    all
}

/// All of them while there is no token, so that nothing is known of any.
fn open(spec: &Spec, now: Timestamp) -> Vec<Demand> {
    let kinds = &spec.require.kinds;
    // Some demands are of fine-grained tokens alone.
    let fine_grained = kinds.iter().find(|kind| **kind == TokenKind::FineGrained);
    let kind = *fine_grained.or(kinds.first()).unwrap_or(&TokenKind::FineGrained);
    let proofs = Proofs::default();
    let evidence = Evidence {
        kind,
        grant: None,
        first_proven: None,
        proofs: &proofs,
        has_registry: true,
        needed: None,
        now,
    };
    let expectation = spec.expect.clone().unwrap_or_default();
    let stated = spec.require.stated(&expectation, &evidence).into_iter().map(|stated| stated.demand);
    let asked =
        spec.require.lines(&evidence).into_iter().map(|line| format!("{:?} {}", line.kind, line.name));
    let demand =
        |demand| Demand { demand, state: State::Unknown, reason: None, message: None, on: None, at: None };
    stated.chain(asked).map(demand).collect()
}

/// Those that the answer decides which accepts a token.
fn stated(spec: &Spec, token: &TokenStatus, now: Timestamp) -> Vec<Demand> {
    let (grant, proofs) = (token.grant(), Proofs::default());
    let evidence = Evidence {
        grant: token.checked_at.as_ref().map(|_| &grant),
        first_proven: token.first_proven_at.as_ref().map(|at| at.0),
        needed: spec.publish.iter().find_map(Output::needed_scope),
        now,
        ..Evidence::remembered(token.kind, &grant, &proofs)
    };
    let expectation = spec.expect.clone().unwrap_or_default();
    spec.require.stated(&expectation, &evidence).into_iter().map(|stated| of_stated(stated, token)).collect()
}

fn of_stated(Stated { demand, verdict }: Stated, token: &TokenStatus) -> Demand {
    let (state, finding) = match verdict {
        Verdict::Yes(()) => (State::Met, None),
        Verdict::No(findings) => (State::NotMet, findings.into_iter().next()),
        Verdict::Unknown(finding) => (State::Unknown, Some(finding)),
    };
    let (reason, message) =
        finding.map(|Finding { reason, message }| (reason.as_str().to_owned(), message)).unzip();
    Demand { demand, state, reason, message, on: None, at: token.checked_at.clone() }
}

fn of_line(line: &RequirementStatus) -> Demand {
    let (kind, name) = (format!("{:?}", line.kind), &line.name);
    Demand {
        demand: format!("{kind} {name}"),
        state: line.state,
        reason: Some(line.reason.clone()),
        message: None,
        on: line.on.clone(),
        at: line.at.clone(),
    }
}

/// Those that have no line of their own, as one. The operator writes lines of what is told first, so that behind one that is met are no others.
fn further(status: &Status) -> Option<Demand> {
    let further = status.further_requirements.as_ref()?;
    let state = match status.requirements.last() {
        _ if further.not_met > 0 => State::NotMet,
        Some(last) if last.state == State::Met => State::Met,
        _ => State::Unknown,
    };
    let demand = format!("{} more, of which {} are not met", further.count, further.not_met);
    Some(Demand { demand, state, reason: None, message: None, on: None, at: None })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn demands_without_lines_are_as_well_met_as_the_last_line_says() {
        let line = |state: &str| json!({ "kind": "Repository", "name": "acme/app", "state": state, "reason": "Accessible" });
        for (last, not_met, expected) in [
            (Some("Met"), 0, State::Met),
            (Some("Unproven"), 0, State::Unknown),
            (Some("NotMet"), 0, State::Unknown),
            (Some("NotMet"), 2, State::NotMet),
            (None, 0, State::Unknown),
        ] {
            let lines: Vec<_> = last.into_iter().flat_map(|last| [line("NotMet"), line(last)]).collect();
            let further = json!({ "count": 37, "notMet": not_met, "proofs": "", "at": "" });
            let status = json!({ "requirements": lines, "furtherRequirements": further });
            let further = super::further(&serde_json::from_value(status).unwrap()).unwrap();
            assert_eq!(further.state, expected, "{last:?}, {not_met}");
            assert_eq!(further.demand, format!("37 more, of which {not_met} are not met"));
        }
    }
}
