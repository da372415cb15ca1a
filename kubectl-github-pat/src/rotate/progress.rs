//! How far a rotation is, as it is told, and what is left to do at its end.

use github_pat_operator::{
    api::{CandidateStatus, ConditionStatus, GithubPatConnection, Phase, RotationStatus, STALLED, Usability},
    domain::token::HashedToken,
};
use jiff::Timestamp;
use kube::ResourceExt;

use crate::{
    course::{in_use, is_old, missing, overtaken, token_in_use},
    sheet::{Cell, Colour, Sheet},
    summary::Summary,
    wait::{Seen, held_back, held_down},
};

/// How far the rotation to this token is.
pub(super) fn told(connection: &GithubPatConnection, hashed: HashedToken) -> (String, String) {
    let status = connection.status.as_ref();
    let rotation = status.and_then(|status| status.rotation.as_ref());
    if let Some(rotation) = rotation.filter(|rotation| rotation.new_token.hashed_token == hashed) {
        if let Some(missing) = lost(connection, rotation) {
            return missing;
        }
        return (format!("{:?}", rotation.phase), rotation.message.clone());
    }
    if let Some(why) = overtaken(connection, hashed) {
        return (Summary::of(connection, Timestamp::now()).reason, why.to_owned());
    }
    let candidates = status.into_iter().flat_map(|status| &status.candidates);
    let is_it = |token: &github_pat_operator::api::TokenStatus| token.hashed_token == hashed;
    let mut next = candidates.filter(|candidate| candidate.token.as_deref().is_some_and(is_it));
    match next.next().filter(|next| !next.in_use && token_in_use(connection) != Some(hashed)) {
        Some(next) if next.usable == ConditionStatus::True => {
            let is_preferred = held_back(connection).is_some_and(|held| held.secret_name == next.secret_name);
            match is_preferred || !connection.is_judged() {
                true => held_down(connection, next),
                false => put_behind(connection, next),
            }
        }
        Some(next) => (next.reason.clone(), next.message.clone().unwrap_or_default()),
        None => {
            let summary = Summary::of(connection, Timestamp::now());
            (summary.reason, summary.message)
        }
    }
}

/// That this token is proven and does not come into use.
fn put_behind(connection: &GithubPatConnection, next: &CandidateStatus) -> (String, String) {
    let message = format!(
        "the token in Secret {} is proven, and Secret {} is preferred to it, since somebody has changed spec.secretRef: rotate prefers it \
         once more",
        next.secret_name,
        in_use(connection)
    );
    (next.reason.clone(), message)
}

/// Whether the rotation to this token is over. One from a token that was never proven has no phases.
pub(super) fn seen(connection: &GithubPatConnection, hashed: HashedToken) -> Seen {
    let Some(status) = connection.status.as_ref().filter(|_| connection.is_judged()) else {
        return Seen::Not;
    };
    let is_used = status.token.as_ref().is_some_and(|token| token.hashed_token == hashed);
    let rotation = status.rotation.as_ref().filter(|rotation| rotation.new_token.hashed_token == hashed);
    let is_lost = rotation.is_some_and(|rotation| lost(connection, rotation).is_some());
    let is_refused = status.candidates.iter().any(|candidate| {
        let is_it = candidate.token.as_ref().is_some_and(|token| token.hashed_token == hashed);
        is_it && candidate.usable == ConditionStatus::False
    });
    match (rotation, connection.usability()) {
        (Some(rotation), _) if is_used && rotation.phase == Phase::SafeToRevoke => Seen::Reached,
        // A status that announces another token in use names that of before until it is.
        (None, Usability::Usable) if is_used && !is_old(connection, hashed) => Seen::Reached,
        (_, Usability::NotUsable) if is_used && status.condition(STALLED).is_some() => Seen::Stalled,
        _ if is_refused || is_lost => Seen::Stalled,
        _ => Seen::Not,
    }
}

/// What the status says of the Secret of the new token, if it was deleted before the rotation is over.
fn lost(connection: &GithubPatConnection, rotation: &RotationStatus) -> Option<(String, String)> {
    let is_over = rotation.phase == Phase::SafeToRevoke;
    missing(connection, &rotation.new_token.secret_name).filter(|_| !is_over)
}

/// What is left to do with the old token.
pub(super) fn outcome(connection: &GithubPatConnection, hashed: HashedToken) -> Sheet {
    let mut sheet = Sheet::default();
    let name = connection.name_any();
    let rotation = connection.status.as_ref().and_then(|status| status.rotation.as_ref());
    match rotation.filter(|rotation| rotation.new_token.hashed_token == hashed) {
        Some(rotation) => {
            sheet.line([
                Cell::new(format!("{:?}:", rotation.phase)).colour(Colour::Good),
                Cell::new(&rotation.message),
            ]);
            let ended = rotation.old_token_ended.is_some();
            let what = if ended { "revoke the further ones on" } else { "revoke the old token on" };
            let revoke = rotation.revoke_at.iter().map(|page| (what, page.clone()));
            let old = rotation.old_token.hashed_token.to_string();
            let further = rotation.further_old_tokens.iter();
            let further =
                further.map(|token| ("the hash of one to revoke too", token.hashed_token.to_string()));
            let rows = revoke.chain([("its hash in GitHub's audit log", old)]).chain(further);
            sheet.table(
                2,
                rows.map(|(what, text)| vec![Cell::new(what).colour(Colour::Faint), Cell::new(text)]),
            );
        }
        None => sheet.line([Cell::new(format!(
            "{name} uses this token, and there is no other one to revoke: GitHub never accepted one before it"
        ))]),
    }
    sheet
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rotation_is_not_over_while_another_token_is_announced() {
        let (hash, other) =
            ("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
        let token = |hash: &str| json!({ "secretName": "next", "host": "github.com", "kind": "Classic", "hashedToken": hash });
        let rotation = |old: &str, new: &str| {
            json!({
                "phase": "Publishing", "startedAt": "2026-03-01T10:00:00Z", "message": "", "oldToken": token(old), "newToken": token(new),
            })
        };
        let third = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=";
        let rows = [
            ("the one of before has no phases", json!(null), true),
            ("an earlier rotation stays", rotation(other, third), true),
            ("another one is announced", rotation(hash, other), false),
        ];
        for (row, rotation, is_over) in rows {
            let ready = json!({ "type": "Ready", "status": "True", "reason": "Ready", "lastTransitionTime": "2026-03-01T10:00:00Z", "message": "", "observedGeneration": 1 });
            let connection: GithubPatConnection = serde_json::from_value(json!({
                "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection",
                "metadata": { "name": "ci", "generation": 1 }, "spec": { "secretRef": { "name": "next" } },
                "status": { "observedGeneration": 1, "conditions": [ready], "token": token(hash), "rotation": rotation },
            }))
            .unwrap();
            let seen = seen(&connection, hash.to_owned().try_into().unwrap());
            assert_eq!(matches!(seen, Seen::Reached), is_over, "{row}");
        }
    }

    #[test]
    fn of_a_next_token_that_is_in_use_it_is_not_told_that_another_secret_is_preferred() {
        let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let token =
            json!({ "secretName": "next", "host": "github.com", "kind": "Classic", "hashedToken": hash });
        let candidate = |in_use: bool| json!({ "secretName": "next", "inUse": in_use, "usable": "True", "reason": "Accepted", "token": token });
        for (in_use, used, is_behind) in [(true, true, false), (false, true, false), (false, false, true)] {
            let connection: GithubPatConnection = serde_json::from_value(json!({
                "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection",
                "metadata": { "name": "ci", "generation": 1 },
                "spec": { "secretRef": { "name": "pat" }, "standby": [{ "name": "next" }] },
                "status": {
                    "observedGeneration": 1, "conditions": [], "token": used.then(|| token.clone()),
                    "candidates": [{ "secretName": "pat", "inUse": !in_use, "usable": "False", "reason": "SecretNotFound" }, candidate(in_use)],
                },
            }))
            .unwrap();
            let (_, message) = told(&connection, hash.to_owned().try_into().unwrap());
            assert_eq!(message.contains("is preferred to it"), is_behind, "{in_use} {used}: {message}");
        }
    }
}
