//! Outputs of connections that this operator does not look after, as their Secrets tell.

use std::collections::BTreeMap;

use arcstr::ArcStr;

use super::Index;
use crate::{cluster::secrets::SecretEntry, domain::token::HashedToken};

/// The outputs of others that hold a token, by namespace: the name of each, and the uid in the label of who made it. Anybody may write such a
/// label.
pub type Unseen = BTreeMap<Box<str>, Vec<(Box<str>, ArcStr)>>;

impl Index {
    /// The outputs with this token of connections that are not known here.
    pub fn unseen(&self, token: HashedToken) -> Unseen {
        let inner = self.lock();
        let mut unseen = Unseen::new();
        for output in inner.outputs_by_token.of(token.leading()) {
            let owner = inner.secret(output).and_then(SecretEntry::owner);
            let Some(uid) = owner.filter(|uid| !inner.lives(uid)) else { continue };
            let of_namespace = unseen.entry(output.namespace().into()).or_default();
            of_namespace.push((output.name().into(), uid.clone()));
        }
        unseen
    }
}
