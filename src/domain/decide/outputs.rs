//! What becomes of the outputs: what to write, what to delete, and how they stand afterwards.

use super::super::{
    Finding, Reason,
    format::{Output, Payload},
};
use super::{Change, Found, Judgement, Observation, OnInvalid, Standing};

/// The changes in their order, the outputs that cannot be written, and how all stand once the changes are made.
pub(super) fn outputs(seen: &Observation, judgement: &Judgement) -> (Vec<Change>, Vec<Finding>, Standing) {
    let found = match &seen.found {
        Ok(found) if !seen.demand.suspend => found,
        Ok(_) => return (Vec::new(), Vec::new(), Standing::Pending),
        Err(finding) => return (Vec::new(), vec![finding.clone()], Standing::Pending),
    };
    let named = |name: &str| seen.demand.outputs.iter().any(|output| output.secret_name == name);
    // An output of before that is now the source is somebody's only copy of the token.
    let kept = |name: &str| named(name) || name == seen.demand.source;
    let mut changes: Vec<_> =
        found.iter().filter(|secret| !kept(secret.name())).filter_map(deletion).collect();
    if seen.demand.outputs.is_empty() {
        return (changes, Vec::new(), Standing::NothingRequested);
    }
    let Some(token) = seen.token.yes() else {
        return (changes, Vec::new(), unproven(seen, judgement, found));
    };
    if is_condemned(seen, judgement) && seen.demand.on_invalid == OnInvalid::Withdraw {
        changes.extend(found.iter().filter(|secret| named(secret.name())).filter_map(deletion));
        return (changes, Vec::new(), Standing::Withdrawn);
    }
    let (Some(grant), Some(())) = (judgement.identity.yes(), judgement.requirements.yes()) else {
        return (changes, Vec::new(), unproven(seen, judgement, found));
    };
    let mut refusals = Vec::new();
    for output in &seen.demand.outputs {
        match output.payload(token, grant, registry(seen)) {
            Ok(payload) => match writing(&output.secret_name, payload, found) {
                Ok(more) => changes.extend(more),
                Err(finding) => refusals.push(finding),
            },
            Err(finding) => refusals.push(finding),
        }
    }
    (changes, refusals, Standing::Published)
}

/// True once the token is known to be of no use, by GitHub's word or by the requirements.
fn is_condemned(seen: &Observation, judgement: &Judgement) -> bool {
    let refused = seen.knowledge.believed_refusal().is_some();
    let expired_and_confirmed =
        seen.knowledge.refused.zip(seen.ends()).is_some_and(|(refused, ends)| ends <= refused.last);
    refused || expired_and_confirmed || (judgement.identity.yes().is_some() && judgement.requirements.is_no())
}

/// What to change so that the named Secret holds the payload: at most a deletion and a creation.
fn writing(name: &str, payload: Payload, found: &[Found]) -> Result<Vec<Change>, Finding> {
    let name = name.to_owned();
    match found.iter().find(|secret| secret.name() == name) {
        None => Ok(vec![Change::Create { name, payload }]),
        Some(Found::Foreign { .. }) => Err(Finding::new(
            Reason::ForeignSecret,
            format!(
                "Secret {name} exists and was not made by this connection, so it is left alone: \
                     delete it, or give the output another name"
            ),
        )),
        Some(Found::Ours { payload: present, .. }) if *present == payload => Ok(Vec::new()),
        Some(Found::Ours { version, payload: present, immutable, .. }) => {
            let version = version.clone();
            Ok(if present.type_ == payload.type_ && !immutable {
                vec![Change::Replace { name, version, payload }]
            } else {
                vec![Change::Delete { name: name.clone(), version }, Change::Create { name, payload }]
            })
        }
    }
}

fn deletion(secret: &Found) -> Option<Change> {
    match secret {
        Found::Ours { name, version, .. } => {
            Some(Change::Delete { name: name.clone(), version: version.clone() })
        }
        Found::Foreign { .. } => None,
    }
}

/// How the outputs stand while the token may not be written.
fn unproven(seen: &Observation, judgement: &Judgement, found: &[Found]) -> Standing {
    let grant = seen.knowledge.grant.as_ref().map(|(grant, _)| grant);
    let wanted = |output: &Output| output.payload(seen.token.yes()?, grant?, registry(seen)).ok();
    let ours = |output: &Output| {
        found.iter().find_map(|secret| match secret {
            Found::Ours { name, payload, .. } if *name == output.secret_name => Some(payload),
            _ => None,
        })
    };
    let outputs = &seen.demand.outputs;
    if outputs.iter().all(|output| ours(output).is_some() && ours(output) == wanted(output).as_ref()) {
        return Standing::Retained;
    }
    let against = seen.token.is_no() || judgement.identity.is_no() || judgement.requirements.is_no();
    if against { Standing::Withheld(outputs.iter().filter_map(ours).count()) } else { Standing::Pending }
}

fn registry(seen: &Observation) -> Option<&str> {
    seen.host.yes().and_then(|host| host.registry.as_deref())
}
