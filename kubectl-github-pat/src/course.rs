//! Where a rotation stands, by what the connection says alone, so that a run that was interrupted goes on.

use github_pat_operator::{
    api::{CandidateStatus, ConditionStatus, GithubPatConnection, Phase, SecretKeyRef},
    domain::{Reason, token::HashedToken},
};
use jiff::Timestamp;
use kube::ResourceExt;

use crate::{apply::writers_of, cluster::fitting, left::is_end};

/// The annotation that names the token to which a connection is rotated, by its hash, until the old one is safe to revoke.
pub(crate) const ROTATING_TO: &str = "githubpat.dev/rotating-to";
/// The annotation that names the tokens that were given up for the one to which a connection is rotated, by their hashes, until then.
pub(crate) const GIVEN_UP: &str = "githubpat.dev/given-up";

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Course {
    /// The connection has been told of the next token: its phases are to be followed.
    Follow(HashedToken),
    /// A usable token stands by in this Secret: it is to be preferred.
    Prefer(SecretKeyRef, HashedToken),
    /// The next token is to be stored in this Secret.
    Store(SecretKeyRef),
}

/// How a person wants it done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted<'a> {
    /// The Secret that is named for the next token.
    pub(crate) secret: Option<&'a str>,
    /// Whether the next token goes over the one in use.
    pub(crate) in_place: bool,
    /// Whether another token takes the place of the one to which a rotation was begun.
    pub(crate) anew: bool,
}

/// Where the rotation of the connection stands.
pub(crate) fn course(connection: &GithubPatConnection, Wanted { secret, anew, .. }: Wanted<'_>) -> Course {
    let begun = marked(connection);
    let is_left = |hashed| is_replaced(connection, hashed) || given_up(connection).contains(&hashed);
    if let Some(hashed) = begun.filter(|hashed| !anew && is_known(connection, *hashed) && !is_left(*hashed)) {
        return match put_back(connection, hashed) {
            Some(reference) => Course::Prefer(reference, hashed),
            None => Course::Follow(hashed),
        };
    }
    let spec = &connection.spec;
    let keyed = |name: &str| spec.candidates().find(|candidate| candidate.name == name).cloned();
    let new = |name: String| SecretKeyRef { name, key: spec.secret_ref.key.clone() };
    let idle: Vec<_> = spec.candidates().filter(|candidate| candidate.name != in_use(connection)).collect();
    let named = |candidate: &&&SecretKeyRef| secret.is_none_or(|name| candidate.name == name);
    let next = idle
        .iter()
        .filter(named)
        .filter_map(|candidate| Some(((*candidate).clone(), next_token(connection, &candidate.name)?)))
        .find(|(_, hashed)| Some(*hashed) != begun);
    match (next, secret) {
        (Some((reference, hashed)), _) => Course::Prefer(reference, hashed),
        (None, Some(name)) => Course::Store(keyed(name).unwrap_or_else(|| new(name.to_owned()))),
        (None, None) => {
            let first = idle.first().map(|candidate| (*candidate).clone());
            Course::Store(first.unwrap_or_else(|| new(next_name(&spec.secret_ref.name))))
        }
    }
}

/// The Secret with the proven token to which a rotation was begun, if the one in use stands before it: somebody has put the spec back.
pub(crate) fn put_back(connection: &GithubPatConnection, begun: HashedToken) -> Option<SecretKeyRef> {
    let behind = connection.spec.candidates().skip_while(|candidate| candidate.name != in_use(connection));
    let mut behind = behind.skip(1).filter(|_| token_in_use(connection) != Some(begun));
    let is_proven = |it: &CandidateStatus| {
        let hashed = it.token.as_ref().map(|token| token.hashed_token);
        it.usable == ConditionStatus::True && hashed == Some(begun)
    };
    behind.find(|reference| candidate(connection, &reference.name).is_some_and(is_proven)).cloned()
}

/// The Secret whose token is in use.
pub(crate) fn in_use(connection: &GithubPatConnection) -> &str {
    let status = connection.status.as_ref();
    let mut candidates = status.into_iter().flat_map(|status| &status.candidates);
    let chosen = candidates.find(|candidate| candidate.in_use).map(|candidate| &candidate.secret_name);
    chosen.unwrap_or(&connection.spec.secret_ref.name)
}

/// The token that is in use.
pub(crate) fn token_in_use(connection: &GithubPatConnection) -> Option<HashedToken> {
    Some(connection.status.as_ref()?.token.as_ref()?.hashed_token)
}

/// True if the connection was rotated from this token the last time, or came to one that is to be revoked with it.
pub(crate) fn is_old(connection: &GithubPatConnection, hashed: HashedToken) -> bool {
    let rotation = connection.status.as_ref().and_then(|status| status.rotation.as_ref());
    rotation.is_some_and(|rotation| {
        rotation.old_token.hashed_token == hashed
            || rotation.further_old_tokens.iter().any(|further| further.hashed_token == hashed)
    })
}

/// True if the last rotation, which is over, took this token out of use after one to it was begun.
fn is_replaced(connection: &GithubPatConnection, begun: HashedToken) -> bool {
    let rotation = connection.status.as_ref().and_then(|status| status.rotation.as_ref());
    let is_over = rotation.is_some_and(|rotation| rotation.phase == Phase::SafeToRevoke);
    is_over && is_old(connection, begun) && is_past(connection, begun)
}

/// True if the last rotation goes to another token than this one, to which one was begun, and began later. A run that was not followed to the
/// end leaves its mark. Where the API server does not tell when the mark was written, it may be of a rotation to the old token.
pub(crate) fn is_past(connection: &GithubPatConnection, begun: HashedToken) -> bool {
    let rotation = connection.status.as_ref().and_then(|status| status.rotation.as_ref());
    let Some(rotation) = rotation.filter(|rotation| rotation.new_token.hashed_token != begun) else {
        return false;
    };
    match marked_at(connection) {
        // The API server tells whole seconds.
        Some(at) => at.as_second() < rotation.started_at.0.as_second(),
        None => is_old(connection, begun),
    }
}

/// Why the rotation to this token, which was begun, does not come to its end any more: the last one began later, and outputs hold another
/// token. `None` too if the token is of no use, which says it better.
pub(crate) fn overtaken(connection: &GithubPatConnection, begun: HashedToken) -> Option<&'static str> {
    let status = connection.status.as_ref().filter(|_| connection.is_judged())?;
    let is_written = status.rotation.as_ref().is_some_and(|rotation| rotation.phase > Phase::Publishing);
    let is_useless = status.candidates.iter().any(|candidate| {
        let is_it = candidate.token.as_ref().is_some_and(|token| token.hashed_token == begun);
        is_it && candidate.usable == ConditionStatus::False
    });
    if !is_written || is_useless || !is_past(connection, begun) {
        return None;
    }
    match is_told(connection, begun) {
        false => Some("another token has come into use since, and no Secret of the connection holds its own"),
        true if is_replaced(connection, begun) => Some("the token that is in use again has replaced its own"),
        true => None,
    }
}

/// When the mark was written, or what the same writer has written last.
fn marked_at(connection: &GithubPatConnection) -> Option<Timestamp> {
    let writers = writers_of(connection, &["metadata", "annotations", ROTATING_TO]);
    writers.filter_map(|entry| entry.time.as_ref()).map(|time| time.0).max()
}

/// What the status says of the token in this Secret.
fn candidate<'a>(connection: &'a GithubPatConnection, secret: &str) -> Option<&'a CandidateStatus> {
    let candidates = &connection.status.as_ref()?.candidates;
    candidates.iter().find(|candidate| candidate.secret_name == secret)
}

/// What the status says of the candidate with this Secret, if it was deleted: a reason, and a sentence.
pub(crate) fn missing(connection: &GithubPatConnection, secret: &str) -> Option<(String, String)> {
    let status = connection.status.as_ref().filter(|_| connection.is_judged())?;
    let of_candidate = candidate(connection, secret);
    let of_candidate = of_candidate.map(|it| (it.reason.clone(), it.message.clone().unwrap_or_default()));
    let of_the_only_one = || {
        let ready = status.condition("Ready").filter(|_| connection.spec.secret_ref.name == secret)?;
        Some((ready.reason.clone(), status.message("Ready").unwrap_or_default().to_owned()))
    };
    of_candidate.or_else(of_the_only_one).filter(|(reason, _)| reason == Reason::SecretNotFound.as_str())
}

/// The token in this Secret, if it is usable and none of those that the last rotation replaced or that were given up.
fn next_token(connection: &GithubPatConnection, secret: &str) -> Option<HashedToken> {
    let candidate = candidate(connection, secret)?;
    let hashed = candidate.token.as_ref()?.hashed_token;
    let is_next = candidate.usable == ConditionStatus::True
        && !is_old(connection, hashed)
        && !given_up(connection).contains(&hashed)
        && Some(hashed) != token_in_use(connection);
    is_next.then_some(hashed)
}

/// The token that stands by in this Secret, as the status says.
pub(crate) fn standby(connection: &GithubPatConnection, secret: &str) -> Option<HashedToken> {
    let hashed = candidate(connection, secret)?.token.as_ref()?.hashed_token;
    (Some(hashed) != token_in_use(connection)).then_some(hashed)
}

/// True if this token in the Secret of a candidate may be good for whoever has stored it: the operator has not looked at it, or does not say
/// that it is in use or of no use to anybody. One that lacks something gives way if it is the one to which a rotation was begun.
pub(crate) fn is_kept(connection: &GithubPatConnection, secret: &str, hashed: HashedToken) -> bool {
    if !is_told(connection, hashed) {
        return true;
    }
    let told = candidate(connection, secret).filter(|_| standby(connection, secret) == Some(hashed));
    match told.map(|told| (told.usable, &*told.reason)) {
        Some((ConditionStatus::Unknown, _)) => true,
        Some((_, reason)) => !is_end(reason) && marked(connection) != Some(hashed),
        None => false,
    }
}

/// The token to which a rotation was begun.
pub(crate) fn marked(connection: &GithubPatConnection) -> Option<HashedToken> {
    connection.annotations().get(ROTATING_TO)?.clone().try_into().ok()
}

/// The same, unless it was given up, or the last rotation goes to another token and began later.
pub(crate) fn awaited(connection: &GithubPatConnection) -> Option<HashedToken> {
    let is_left = |begun| is_past(connection, begun) || given_up(connection).contains(&begun);
    marked(connection).filter(|begun| !is_left(*begun))
}

/// The tokens that were given up for the one to which a rotation was begun, and that one itself until another one is stored.
pub(crate) fn given_up(connection: &GithubPatConnection) -> Vec<HashedToken> {
    let hashes = connection.annotations().get(GIVEN_UP).map(String::as_str).unwrap_or_default();
    hashes.split_whitespace().filter_map(|hash| hash.to_owned().try_into().ok()).collect()
}

/// True unless the status knows all tokens of the present spec, and this is none of them: somebody has replaced it.
pub(crate) fn is_known(connection: &GithubPatConnection, hashed: HashedToken) -> bool {
    !connection.is_judged() || is_told(connection, hashed)
}

/// True if the status names this token, whichever spec it speaks of.
pub(crate) fn is_told(connection: &GithubPatConnection, hashed: HashedToken) -> bool {
    let Some(status) = &connection.status else { return false };
    let standbys = status.candidates.iter().filter_map(|candidate| candidate.token.as_deref());
    status.token.iter().chain(standbys).any(|token| token.hashed_token == hashed)
}

/// The name of a Secret for the next token.
fn next_name(secret: &str) -> String {
    match fitting(secret, "-next") {
        // One as long as that, of a Secret that was named so itself.
        same if same == secret => fitting(secret, "-2"),
        next => next,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const OLD: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    const NEW: &str = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";

    fn hashed(text: &str) -> HashedToken {
        text.to_owned().try_into().unwrap()
    }

    fn token(hash: &str) -> Value {
        json!({ "secretName": "pat", "host": "github.com", "kind": "Classic", "hashedToken": hash })
    }

    fn candidate(secret: &str, in_use: bool, usable: &str, hash: &str) -> Value {
        json!({ "secretName": secret, "inUse": in_use, "usable": usable, "reason": "Accepted", "token": token(hash) })
    }

    fn connection(standby: &[&str], marker: Option<&str>, status: Value) -> GithubPatConnection {
        let standby: Vec<_> = standby.iter().map(|name| json!({ "name": name })).collect();
        let annotations = marker.map(|marker| json!({ ROTATING_TO: marker }));
        serde_json::from_value(json!({
            "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection",
            "metadata": { "name": "ci", "generation": 1, "annotations": annotations },
            "spec": { "secretRef": { "name": "pat", "key": "t" }, "standby": standby },
            "status": status,
        }))
        .unwrap()
    }

    #[test]
    fn a_run_that_was_interrupted_goes_on_where_it_stood() {
        let reference = |name: &str, key: &str| SecretKeyRef { name: name.to_owned(), key: key.to_owned() };
        let status = |more: Value| {
            let mut status = json!({ "observedGeneration": 1, "conditions": [], "token": token(OLD) });
            for (key, value) in more.as_object().unwrap() {
                status[key] = value.clone();
            }
            status
        };
        let rotated = json!({
            "phase": "SafeToRevoke", "startedAt": "2026-03-01T10:00:00Z", "message": "",
            "oldToken": token(NEW), "newToken": token(OLD),
        });
        // Another token took the place of one that was in use already.
        let mut anew = rotated.clone();
        anew["oldToken"]["hashedToken"] = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=".into();
        anew["furtherOldTokens"] = json!([{ "kind": "Classic", "hashedToken": NEW }]);
        let pair = |usable: &str| {
            json!([candidate("pat", true, "True", OLD), candidate("next", false, usable, NEW)])
        };
        let failed_over =
            json!([candidate("pat", false, "False", NEW), candidate("next", true, "True", OLD)]);
        let rows = [
            (
                "nothing stands by",
                connection(&[], None, status(json!({}))),
                Course::Store(reference("pat-next", "t")),
            ),
            (
                "an empty Secret stands by",
                connection(&["next"], None, status(json!({}))),
                Course::Store(reference("next", "token")),
            ),
            (
                "the next token stands by",
                connection(&["next"], None, status(json!({ "candidates": pair("True") }))),
                Course::Prefer(reference("next", "token"), hashed(NEW)),
            ),
            (
                "it is of no use",
                connection(&["next"], None, status(json!({ "candidates": pair("False") }))),
                Course::Store(reference("next", "token")),
            ),
            (
                "the old token of the last rotation stands by",
                connection(
                    &["next"],
                    None,
                    status(json!({ "candidates": pair("True"), "rotation": rotated })),
                ),
                Course::Store(reference("next", "token")),
            ),
            (
                "a token that was replaced before the last rotation was over stands by",
                connection(&["next"], None, status(json!({ "candidates": pair("True"), "rotation": anew }))),
                Course::Store(reference("next", "token")),
            ),
            (
                "the standby is in use",
                connection(&["next"], None, status(json!({ "candidates": failed_over }))),
                Course::Store(reference("pat", "t")),
            ),
            (
                "the connection was told",
                connection(&["next"], Some(NEW), status(json!({ "candidates": pair("Unknown") }))),
                Course::Follow(hashed(NEW)),
            ),
            (
                "the operator has not looked since",
                connection(
                    &[],
                    Some(NEW),
                    json!({ "observedGeneration": 0, "conditions": [], "token": token(OLD) }),
                ),
                Course::Follow(hashed(NEW)),
            ),
            (
                "that token is gone",
                connection(&[], Some(NEW), status(json!({}))),
                Course::Store(reference("pat-next", "t")),
            ),
        ];
        for (name, connection, expected) in rows {
            assert_eq!(course(&connection, Wanted::default()), expected, "{name}");
        }
        let told = connection(&["next"], None, status(json!({ "candidates": pair("True") })));
        assert_eq!(
            course(&told, Wanted { secret: Some("other"), ..Wanted::default() }),
            Course::Store(reference("other", "t")),
            "a Secret of choice"
        );
        let anew = Wanted { anew: true, ..Wanted::default() };
        let begun = connection(&["next"], Some(NEW), status(json!({ "candidates": pair("True") })));
        assert_eq!(
            course(&begun, anew),
            Course::Store(reference("next", "token")),
            "another one takes its place, although it is proven"
        );
        assert_eq!(
            course(&told, anew),
            Course::Prefer(reference("next", "token"), hashed(NEW)),
            "no rotation was begun"
        );
    }

    #[test]
    fn a_token_that_was_given_up_is_not_the_next_one() {
        let status = json!({
            "observedGeneration": 1, "conditions": [], "token": token(OLD),
            "candidates": [candidate("pat", true, "True", OLD), candidate("next", false, "True", NEW)],
        });
        let mut cut = connection(&["next"], Some("n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="), status);
        cut.annotations_mut().insert(GIVEN_UP.to_owned(), NEW.to_owned());
        let expected = Course::Store(SecretKeyRef { name: "next".to_owned(), key: "token".to_owned() });
        assert_eq!(course(&cut, Wanted::default()), expected);
        // The run was cut off before the connection was told of the other one.
        cut.annotations_mut().insert(ROTATING_TO.to_owned(), NEW.to_owned());
        assert_eq!(course(&cut, Wanted::default()), expected);
    }

    #[test]
    fn a_mark_that_stayed_does_not_bring_back_the_old_token_of_a_later_rotation() {
        let next = SecretKeyRef { name: "next".to_owned(), key: "token".to_owned() };
        let (before, after) = ("2026-03-01T09:00:00Z", "2026-03-01T11:00:00Z");
        let rows = [
            ("nobody tells when it was written", "SafeToRevoke", None, Course::Store(next.clone())),
            ("it was written before", "SafeToRevoke", Some(before), Course::Store(next.clone())),
            ("it was written since", "SafeToRevoke", Some(after), Course::Prefer(next.clone(), hashed(NEW))),
            ("the later one is not over", "Publishing", Some(before), Course::Prefer(next, hashed(NEW))),
        ];
        for (row, phase, written, expected) in rows {
            let rotation = json!({
                "phase": phase, "startedAt": "2026-03-01T10:00:00Z", "message": "",
                "oldToken": token(NEW), "newToken": token(OLD),
            });
            let status = json!({
                "observedGeneration": 1, "conditions": [], "token": token(OLD), "rotation": rotation,
                "candidates": [candidate("pat", true, "True", OLD), candidate("next", false, "True", NEW)],
            });
            let mut connection = connection(&["next"], Some(NEW), status);
            if let Some(at) = written {
                let fields = json!({ "f:metadata": { "f:annotations": { format!("f:{ROTATING_TO}"): {} } } });
                let entry = json!({ "manager": "kubectl-github-pat", "operation": "Update", "time": at, "fieldsV1": fields });
                connection.metadata.managed_fields = serde_json::from_value(json!([entry])).unwrap();
            }
            assert_eq!(course(&connection, Wanted::default()), expected, "{row}");
            assert_eq!(
                overtaken(&connection, hashed(NEW)).is_some(),
                matches!(expected, Course::Store(_)),
                "{row}"
            );
            connection.status.as_mut().unwrap().candidates.get_mut(1).unwrap().usable =
                ConditionStatus::False;
            assert_eq!(overtaken(&connection, hashed(NEW)), None, "{row}: it is of no use");
        }
    }

    #[test]
    fn a_rotation_whose_token_was_overwritten_is_followed_until_another_one_began_later() {
        let other = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=";
        let before = "2026-03-01T09:00:00Z";
        let rows = [
            ("no token was replaced yet", 1, None, before, None),
            ("the last one began before", 1, Some(("Restarting", OLD)), "2026-03-01T11:00:00Z", None),
            ("the operator has not looked since", 0, Some(("Restarting", OLD)), before, None),
            ("it goes to this token", 1, Some(("Restarting", NEW)), before, None),
            ("nobody knows yet whether the other one is of use", 1, Some(("Proving", OLD)), before, None),
            ("the other one is announced", 1, Some(("Publishing", OLD)), before, None),
            (
                "it began later",
                1,
                Some(("Restarting", OLD)),
                before,
                Some("no Secret of the connection holds its own"),
            ),
        ];
        for (row, observed, to, written, expected) in rows {
            let rotation = to.map(|(phase, to)| {
                json!({
                    "phase": phase, "startedAt": "2026-03-01T10:00:00Z", "message": "",
                    "oldToken": token(other), "newToken": token(to),
                })
            });
            let status = json!({
                "observedGeneration": observed, "conditions": [], "token": token(OLD), "rotation": rotation,
                "candidates": [candidate("pat", true, "True", OLD)],
            });
            let mut connection = connection(&[], Some(NEW), status);
            let fields = json!({ "f:metadata": { "f:annotations": { format!("f:{ROTATING_TO}"): {} } } });
            let entry = json!({ "manager": "kubectl-github-pat", "operation": "Update", "time": written, "fieldsV1": fields });
            connection.metadata.managed_fields = serde_json::from_value(json!([entry])).unwrap();
            let why = overtaken(&connection, hashed(NEW));
            assert_eq!(why.is_some(), expected.is_some(), "{row}: {why:?}");
            assert!(why.unwrap_or_default().contains(expected.unwrap_or_default()), "{row}: {why:?}");
        }
    }

    #[test]
    fn a_token_to_which_a_rotation_was_begun_is_preferred_once_more_where_it_stands_behind_the_one_in_use() {
        let status = |used: usize, usable: &str, hash: &str| {
            let candidates =
                [candidate("pat", used == 0, usable, OLD), candidate("next", used == 1, usable, NEW)];
            json!({ "observedGeneration": 1, "conditions": [], "token": token(hash), "candidates": candidates })
        };
        let next = SecretKeyRef { name: "next".to_owned(), key: "token".to_owned() };
        let (new, old) = (hashed(NEW), hashed(OLD));
        let rows = [
            ("it stands behind", Some(NEW), status(0, "True", OLD), Course::Prefer(next, new)),
            ("it stands behind and is not proven", Some(NEW), status(0, "Unknown", OLD), Course::Follow(new)),
            ("it stands behind and is of no use", Some(NEW), status(0, "False", OLD), Course::Follow(new)),
            ("it is in use", Some(NEW), status(1, "True", NEW), Course::Follow(new)),
            ("it stands in front", Some(OLD), status(1, "True", NEW), Course::Follow(old)),
            ("the one in use is the same", Some(NEW), status(0, "True", NEW), Course::Follow(new)),
        ];
        for (row, mark, status, expected) in rows {
            assert_eq!(course(&connection(&["next"], mark, status), Wanted::default()), expected, "{row}");
        }
    }
}
