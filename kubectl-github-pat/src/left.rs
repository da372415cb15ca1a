//! A token that another run has put into a Secret, and that nothing uses yet: a good one is not written over by another.
//!
//! GitHub shows a token once, so whoever has stored one may have it nowhere else.

use std::collections::BTreeMap;

use github_pat_operator::{
    api::{GithubPatConnectionSpec as Spec, GithubPatConnectionStatus as Status, Usability},
    domain::{Reason, token::HashedToken},
    settings::Host,
};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use zeroize::Zeroizing;

use crate::{error::Error, offer::Offer, trial::Trial};

/// The annotation of a Secret that says which token the plugin has stored under which key, by its hash, and for which host: who may write a
/// Secret and not read it sees its annotations.
pub(crate) const STORED: &str = "githubpat.dev/stored";

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

    /// Finds out whether the token of this hash may take its place: it is the same, or GitHub says that the one there is of no use.
    /// `again` is the command by which a person goes on with the one there, `blind` what helps who may not read it.
    ///
    /// # Errors
    ///
    /// If another one would be lost, or nobody can tell.
    pub(crate) async fn gives_way(
        &self,
        trial: &Trial,
        spec: &Spec,
        connection: &str,
        next: HashedToken,
        [again, blind]: [&str; 2],
    ) -> Result<(), Error> {
        if self.hashed == next {
            return Ok(());
        }
        let Left { name, .. } = self;
        let Some(offer) = &self.offer else {
            return Err(Error::Usage(format!(
                "Secret {name} holds another token, which another run has put there and which is not in use yet: nothing was written; {blind}"
            )));
        };
        let (judged, _) = trial.verdict(spec, connection, offer).await?;
        if is_dead(&judged.status) { Ok(()) } else { Err(self.stays(judged.status.usability(), again)) }
    }

    /// What is said before a person makes a token that could not take its place.
    pub(crate) fn holds(&self) -> String {
        let Left { name, .. } = self;
        format!(
            "Secret {name} holds a token, which another run has put there and which is not in use yet: that one is taken, and no other; name \
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
                "name another Secret for yours, or revoke that one".to_owned(),
            ),
            Usability::Undetermined => (
                "another token, of which nobody can tell now whether it is good",
                format!("{again} a little later, or name another Secret for yours"),
            ),
        };
        let Left { name, .. } = self;
        Error::Usage(format!(
            "Secret {name} holds {what}, which another run has put there and which is not in use yet: nothing was written; {next}"
        ))
    }
}

/// True if GitHub refuses the token, or it has expired: a token that lacks something may be good for whoever has stored it.
pub(crate) fn is_dead(status: &Status) -> bool {
    let ended = [Reason::BadCredentials, Reason::Expired].map(Reason::as_str);
    status.condition("Authenticated").is_some_and(|seen| ended.contains(&&*seen.reason))
}

/// The hash of the token that was stored under this key, and the host for which.
fn noted<'a>(key: &str, annotations: &'a BTreeMap<String, String>) -> Option<(HashedToken, &'a str)> {
    let (of, rest) = annotations.get(STORED)?.split_once('=')?;
    let (hash, host) = rest.rsplit_once('@').filter(|_| of == key)?;
    Some((hash.to_owned().try_into().ok()?, host))
}

/// What the annotation says once this token is stored under this key for this host.
pub(crate) fn note(key: &str, hashed: HashedToken, host: &str) -> String {
    format!("{key}={hashed}@{host}")
}
