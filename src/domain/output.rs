//! The Secrets that hand a token to workloads: what each holds.

mod versions;

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::{
    Finding,
    answer::Grant,
    format::{self, Addresses},
    token::{HashedToken, Token},
};

pub use super::format::{Format, Map, Marks, Output};
pub use versions::base_of;

/// Far more than the registries of a pull secret have, and three KiB of hashes.
const MOST_FURTHER_TOKENS: usize = 64;

/// Type and data of a Secret. Its `Debug` shows neither token nor other data, and its bytes are wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    /// The `type` of the Secret, which cannot be changed later.
    pub type_: String,
    /// The decoded data.
    pub data: BTreeMap<String, Zeroizing<Vec<u8>>>,
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Payload({}, {:?})", self.type_, self.data.keys())
    }
}

impl Payload {
    /// True if a value of it has the token with this hash in it, whatever the layout. A longer token of which that one is a part is another
    /// one.
    pub fn holds(&self, token: HashedToken) -> bool {
        self.data.values().any(|value| token.is_in(value))
    }

    /// The other tokens in a pull secret than this one, by their hashes: those in the entries that it has from another Secret. Each
    /// once, and so many at most that an annotation can list them.
    pub fn further_tokens(&self, token: HashedToken) -> Vec<HashedToken> {
        let tokens = self.data.get(format::CONFIG).map(|config| format::tokens(config)).unwrap_or_default();
        tokens.into_iter().filter(|further| *further != token).take(MOST_FURTHER_TOKENS).collect()
    }
}

/// Names what an output shall hold without its bytes: two equal stamps stand for equal payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The token.
    pub token: HashedToken,
    /// A digest of everything else that the payload is made of.
    layout: u32,
    /// A digest of the labels and annotations that the spec asks for.
    marks: u32,
}

impl Output {
    /// What the Secret shall hold for a token that GitHub accepted.
    ///
    /// # Errors
    ///
    /// Why this token or host cannot be laid out so, and what to do about it.
    pub fn payload(&self, token: &Token, grant: &Grant, addresses: &Addresses) -> Result<Payload, Finding> {
        self.suits(token.kind(), grant, addresses)?;
        if let Some(finding) = self.unusable_entries() {
            return Err(finding.clone());
        }
        let (type_, data) = self.content(token, grant, addresses);
        Ok(Payload { type_: type_.to_owned(), data: data.into_iter().collect() })
    }

    /// The stamp of [`Output::payload`], without the bytes of the token.
    pub fn stamp(&self, token: HashedToken, grant: &Grant, addresses: &Addresses) -> Stamp {
        let marks = serde_json::to_vec(&(&self.labels, &self.annotations)).unwrap_or_default();
        // Whatever the format makes of its fields, it makes the same of the same.
        let (secret_name, labels, annotations) = (String::new(), Map::new(), Map::new());
        let fields = Output { secret_name, labels, annotations, keep_versions: None, ..self.clone() };
        let fields = serde_json::to_vec(&fields);
        let Addresses { web_url, api_url, registry } = addresses;
        let registry = registry.as_deref().unwrap_or_default();
        let mut layout = crc32fast::Hasher::new();
        layout.update(&fields.unwrap_or_default());
        for part in [format::username(grant), web_url, api_url, registry] {
            layout.update(&[0]);
            layout.update(part.as_bytes());
        }
        if let Some(digest) = self.extra.digest() {
            layout.update(&digest.to_be_bytes());
        }
        Stamp { token, layout: layout.finalize(), marks: crc32fast::hash(&marks) }
    }
}

#[cfg(test)]
mod tests;
