//! A number for what a status says.

use std::hash::{DefaultHasher, Hash, Hasher};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::super::{
    AcceptedBefore, CandidateStatus, Condition, ConsumersStatus, DeferralStatus, FurtherRequirements,
    GithubPatConnectionStatus as Status, PermissionProofs, Phase, PreviousAccount, RefusedStatus,
    RequirementStatus, RotationStatus, TokenStatus, WithdrawalStatus,
};

/// The same for statuses that say the same, in one process, whenever they began to.
pub(super) fn sum(status: &Status) -> u64 {
    let mut hasher = DefaultHasher::new();
    hash(status, &mut hasher);
    hasher.finish()
}

/// The same for equal statuses, in one process, apart from instants that are written with other changes only.
pub(in crate::api) fn sum_with_transitions(status: &Status) -> u64 {
    let mut hasher = DefaultHasher::new();
    hash(status, &mut hasher);
    for condition in &status.conditions {
        second(&condition.last_transition_time).hash(&mut hasher);
    }
    hasher.finish()
}

/// An instant as a status has it.
fn second(time: &Time) -> i64 {
    time.0.as_second()
}

/// What a status says: everything but the instants since when it says so, and those that are written with other changes only.
fn hash(status: &Status, hasher: &mut DefaultHasher) {
    let Status {
        observed_generation,
        conditions,
        token,
        requirements,
        further_requirements,
        permission_proofs,
        outputs,
        withdrawal,
        withdrawn_outputs,
        deferral,
        next_check_at: _,
        candidates,
        consumers,
        rotation,
        // It changes with Ready.
        history: _,
        last_handled_request,
        links,
    } = status;
    (observed_generation, outputs, withdrawn_outputs, last_handled_request, links).hash(hasher);
    let consumers = consumers.as_ref();
    consumers
        .map(|ConsumersStatus { observed_at: _, counts, behind, objects, forbidden, unread }| {
            (counts, behind, objects, forbidden, unread)
        })
        .hash(hasher);
    // While it is Proving, and once it is over, it follows from the token and what is known of it.
    let is_told = |rotation: &&RotationStatus| rotation.is_followed() || rotation.phase == Phase::Publishing;
    let rotation = rotation.as_ref().filter(is_told);
    rotation
        .map(|rotation| {
            let published_at = rotation.published_at.as_ref().map(second);
            (rotation.phase, &rotation.message, published_at, rotation.other_connections)
        })
        .hash(hasher);
    for Condition { type_, status, reason, message, last_transition_time: _, observed_generation } in
        conditions
    {
        (type_, status, reason, message, observed_generation).hash(hasher);
    }
    for RequirementStatus {
        kind,
        name,
        state,
        reason,
        on,
        visibility,
        archived,
        moved_to,
        role,
        longest_days,
        answer,
        at: _,
    } in requirements
    {
        (kind, name, state, reason, on, visibility, archived, moved_to, role, longest_days, answer)
            .hash(hasher);
    }
    let withdrawal = withdrawal.as_ref();
    withdrawal
        .map(|WithdrawalStatus { since, at, source_missing }| (second(since), second(at), source_missing))
        .hash(hasher);
    let further = further_requirements.as_ref();
    let further =
        further.map(|FurtherRequirements { count, not_met, on, proofs, at: _ }| (count, not_met, on, proofs));
    further.hash(hasher);
    let permissions = permission_proofs.as_ref();
    permissions.map(|PermissionProofs { proofs, at: _ }| proofs).hash(hasher);
    let deferral = deferral.as_ref();
    deferral
        .map(|DeferralStatus { since, reason, answer, not_before: _, incident_ends_at }| {
            (second(since), reason, answer, incident_ends_at.as_ref().map(second))
        })
        .hash(hasher);
    for CandidateStatus { secret_name, in_use, since, usable, reason, message, token } in candidates {
        (secret_name, in_use, since.as_ref().map(second), usable, reason, message).hash(hasher);
        hash_token(token.as_deref(), hasher);
    }
    hash_token(token.as_ref(), hasher);
}

fn hash_token(token: Option<&TokenStatus>, hasher: &mut DefaultHasher) {
    token.is_some().hash(hasher);
    if let Some(token) = token {
        let TokenStatus {
            secret_name,
            host,
            kind,
            hashed_token,
            id,
            flaw,
            login,
            user_id,
            previous_account,
            scopes,
            expires_at,
            expiry_unreadable,
            expiry_implausible,
            excess,
            hidden_organizations,
            first_proven_at,
            accepted_before,
            checked_at: _,
            refused,
        } = token;
        (secret_name, host, kind, hashed_token, id, flaw, login, user_id, scopes).hash(hasher);
        let previous = previous_account.as_deref();
        previous
            .map(|PreviousAccount { login, user_id, until }| (login, user_id, second(until)))
            .hash(hasher);
        let (expires_at, first_proven_at) =
            (expires_at.as_ref().map(second), first_proven_at.as_ref().map(second));
        (expires_at, expiry_unreadable, expiry_implausible, first_proven_at).hash(hasher);
        let before = accepted_before.as_deref().map(|AcceptedBefore { host, login }| (host, login));
        (before, excess, hidden_organizations).hash(hasher);
        let refused = refused.as_ref();
        refused
            .map(|RefusedStatus { reason, count, needed, first, last }| {
                (reason, count, needed, second(first), second(last))
            })
            .hash(hasher);
    }
}
