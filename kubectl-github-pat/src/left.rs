//! A token that was put into a Secret before, and that nothing uses yet: a good one is not written over by another.
//!
//! GitHub shows a token once, so whoever has stored one may have it nowhere else.

use std::collections::BTreeMap;

use github_pat_operator::{
    api::{GithubPatConnectionStatus as Status, Usability},
    domain::{Reason, reason::Dead, token::HashedToken},
    settings::Host,
};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use crate::{error::Error, offer::Offer};

/// The beginning of the annotations of a Secret that say which token the plugin has stored under a key, by its hash, and for which host: who
/// may write a Secret and not read it sees its annotations. Each key has its own, so that one of another key takes none away.
const STORED: &str = "githubpat.dev/stored.";
/// What an annotation can hold of a key at most; a digest of a longer one is of this length.
const LONGEST_KEY: usize = 40;

/// A token that was left in a Secret.
pub(crate) struct Left {
    /// The Secret.
    name: String,
    pub(crate) hashed: HashedToken,
    /// The token, if the user may read it and the host may be shown it.
    pub(crate) offer: Option<Offer>,
}

impl Left {
    /// The token under this key of the Secret; nothing if there is none. It is judged by the host for which it was stored alone, or by that
    /// of the connection that names the Secret already.
    pub(crate) fn read(secret: &Secret, key: &str, host: &Host, is_named: bool) -> Option<Self> {
        let (name, value) = (secret.name_any(), secret.data.as_ref()?.get(key)?);
        let offer = Offer { source: format!("Secret {name}"), bytes: Zeroizing::new(value.0.clone()) };
        let hashed = offer.hashed(host.legacy_tokens)?;
        let is_for_host = is_named || noted(key, secret.annotations()) == Some((hashed, &*host.name));
        Some(Left { name, hashed, offer: Some(offer).filter(|_| is_for_host) })
    }

    /// The token that was stored last under this key of the Secret, as its annotations say.
    pub(crate) fn noted(name: String, key: &str, annotations: &BTreeMap<String, String>) -> Option<Self> {
        let (hashed, _) = noted(key, annotations)?;
        Some(Left { name, hashed, offer: None })
    }

    /// The token that stands by in this Secret, as the status of a connection says.
    pub(crate) const fn told(name: String, hashed: HashedToken) -> Self {
        Left { name, hashed, offer: None }
    }

    /// The error where the user may not read the Secret, so that nobody can judge its token. `blind` says what helps.
    pub(crate) fn unread(&self, blind: &str) -> Error {
        let Left { name, .. } = self;
        Error::Usage(format!(
            "Secret {name} holds another token, which was put there before and is not in use yet: nothing was written; {blind}"
        ))
    }

    /// What is said before a person makes a token that could not take its place.
    pub(crate) fn holds(&self) -> String {
        let Left { name, .. } = self;
        format!(
            "Secret {name} holds a token, which was put there before and is not in use yet: that one is taken, and no other; name \
             another Secret for yours"
        )
    }

    /// Why another one does not take its place, which GitHub does not say to be of no use.
    pub(crate) fn stays(&self, usability: Usability, again: &str) -> Error {
        let (what, next) = match usability {
            Usability::Usable => (
                "another good token",
                format!(
                    "{again}, and without a token, goes on with that one, and yours can follow by a rotation"
                ),
            ),
            Usability::NotUsable => (
                "another token, which does not meet what is demanded here and may be good for something else",
                format!(
                    "name another Secret for yours, or revoke that one, and {again} stores yours in its place"
                ),
            ),
            Usability::Undetermined => (
                "another token, of which nobody can tell now whether it is good",
                format!("{again} a little later, or name another Secret for yours"),
            ),
        };
        let Left { name, .. } = self;
        Error::Usage(format!(
            "Secret {name} holds {what}, which was put there before and is not in use yet: nothing was written; {next}"
        ))
    }
}

/// True if GitHub refuses the token, or it has expired: a token that lacks something may be good for whoever has stored it.
pub(crate) fn is_dead(status: &Status) -> bool {
    status.condition("Authenticated").is_some_and(|seen| is_end(&seen.reason))
}

/// True if this is the reason of a token that is of no use to anybody.
pub(crate) fn is_end(reason: &str) -> bool {
    reason.parse().ok().and_then(Reason::dead).is_some_and(Dead::is_final)
}

/// The hash of the token that was stored under this key, and the host for which.
fn noted<'a>(key: &str, annotations: &'a BTreeMap<String, String>) -> Option<(HashedToken, &'a str)> {
    let (of, rest) = annotations.get(&noted_in(key))?.split_once('=')?;
    let (hash, host) = rest.rsplit_once('@').filter(|_| of == key)?;
    Some((hash.to_owned().try_into().ok()?, host))
}

/// The annotation for this key.
pub(crate) fn noted_in(key: &str) -> String {
    format!("{STORED}{}", short(key))
}

/// The key, or a digest of one that cannot be the end of the name of an annotation, which has 63 characters at most and ends in a letter or
/// digit. The name of a field manager has 128 characters at most.
pub(crate) fn short(key: &str) -> String {
    let is_end = key.len() < LONGEST_KEY && key.ends_with(|end: char| end.is_ascii_alphanumeric());
    if is_end {
        return key.to_owned();
    }
    let digest = digest(&SHA256, key.as_bytes());
    let mut hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    hex.truncate(LONGEST_KEY);
    hex
}

/// What the annotation says once this token is stored under this key for this host.
pub(crate) fn note(key: &str, hashed: HashedToken, host: &str) -> String {
    format!("{key}={hashed}@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_of_a_secret_has_an_annotation_of_its_own_that_kubernetes_takes() {
        let (long, longer) = ("k".repeat(200), "k".repeat(201));
        let digest = noted_in(&long).split_off(STORED.len());
        let keys = [
            "token",
            "a.b_c-d",
            "ends.",
            "-",
            "_",
            &*"k".repeat(39),
            &*"k".repeat(40),
            &*long,
            &*longer,
            &*digest,
        ];
        let mut names: Vec<_> = keys.map(noted_in).into();
        for name in &names {
            let (prefix, rest) = name.split_once('/').unwrap();
            assert!(prefix == "githubpat.dev" && rest.len() <= 63, "{name}");
            assert!(rest.ends_with(|end: char| end.is_ascii_alphanumeric()), "{name}");
        }
        assert_eq!(names[0], "githubpat.dev/stored.token");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), keys.len(), "{names:?}");
    }
}
