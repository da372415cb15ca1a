//! The entries that a pull secret takes from another Secret of its namespace, so that it serves further registries.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{DATA_KEY, OBJECT_NAME, Output};
use crate::domain::{
    Finding, Reason,
    token::{HashedToken, LegacyTokens, Token},
    version::Uid,
};

/// The key under which the entries stand in a pull secret.
pub(in crate::domain) const CONFIG: &str = ".dockerconfigjson";

/// A pull secret whose entries go into another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct EntriesFrom {
    /// The name of the Secret.
    #[schemars(length(max = 253), extend("x-kubernetes-validations" = [{
        "rule": OBJECT_NAME,
        "message": "name must be that of a Secret: lower case letters, digits, dots and hyphens",
    }]))]
    pub name: String,
    /// The key whose value has the entries, in the form of Docker's config.json.
    #[serde(default = "default_key")]
    #[schemars(length(max = 253), extend("x-kubernetes-validations" = [{
        "rule": DATA_KEY.0,
        "message": DATA_KEY.1,
    }]))]
    pub key: String,
}

fn default_key() -> String {
    CONFIG.to_owned()
}

/// What is known of the entries that an output takes from another Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Extra {
    /// Nobody has looked.
    #[default]
    Unseen,
    /// They are those of this digest.
    Seen(u64),
    /// They are these.
    Read(Entries),
    /// Why there are none.
    Unusable(Finding),
}

/// Entries by their registries, each as JSON. Their `Debug` shows none, and they are wiped when they are dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Entries {
    digest: u64,
    auths: BTreeMap<String, Zeroizing<String>>,
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entries({:?})", self.auths.keys())
    }
}

/// The part of Docker's configuration that is read.
#[derive(Deserialize)]
struct Config<'a> {
    #[serde(borrow)]
    auths: BTreeMap<String, &'a RawValue>,
}

/// What of an entry may be a token:
/// <https://github.com/docker/cli/blob/master/cli/config/types/authconfig.go>.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Login {
    auth: String,
    password: String,
    #[serde(rename = "identitytoken")]
    identity_token: String,
    #[serde(rename = "registrytoken")]
    registry_token: String,
}

impl EntriesFrom {
    /// The entries in this value of the key of the Secret of this uid.
    ///
    /// # Errors
    ///
    /// Why there are none, as of an output of this name.
    pub fn read(&self, output: &str, uid: &Uid, value: Option<&[u8]>) -> Result<Entries, Finding> {
        let EntriesFrom { name, key } = self;
        let Some(value) = value else {
            let problem =
                format!("Secret {name} has no key {key}: add it, or name another in extraEntriesFrom.key");
            return Err(unusable(output, &problem));
        };
        // What the parser says may repeat a password.
        let config = serde_json::from_slice::<Config<'_>>(value).ok();
        let config = config.filter(|config| config.auths.values().all(|entry| entry.get().starts_with('{')));
        let Some(Config { auths }) = config else {
            let problem = format!(
                "the key {key} of Secret {name} has no JSON with an object of registries in auths: mend it, or leave \
                 extraEntriesFrom out"
            );
            return Err(unusable(output, &problem));
        };
        let entry =
            |(registry, entry): (String, &RawValue)| (registry, Zeroizing::new(entry.get().to_owned()));
        Ok(Entries::new(uid, auths.into_iter().map(entry).collect()))
    }

    /// There is no such Secret.
    pub fn missing(&self, output: &str) -> Finding {
        let EntriesFrom { name, key } = self;
        let problem = format!(
            "there is no Secret {name} in the namespace: create it with the key {key}, or leave extraEntriesFrom out"
        );
        unusable(output, &problem)
    }
}

/// The tokens of GitHub in the entries of this configuration of Docker, by their hashes.
pub(in crate::domain) fn tokens(config: &[u8]) -> BTreeSet<HashedToken> {
    let auths = serde_json::from_slice::<Config<'_>>(config).map(|config| config.auths).unwrap_or_default();
    let logins = auths.into_values().filter_map(|entry| serde_json::from_str::<Login>(entry.get()).ok());
    logins.flat_map(|login| login.tokens()).collect()
}

fn unusable(output: &str, problem: &str) -> Finding {
    Finding::new(Reason::ExtraEntriesUnusable, format!("Secret {output} is not written: {problem}"))
}

impl Login {
    fn tokens(self) -> Vec<HashedToken> {
        let pair = Zeroizing::new(BASE64_STANDARD.decode(&*Zeroizing::new(self.auth)).unwrap_or_default());
        let password = pair.splitn(2, |byte| *byte == b':').nth(1).unwrap_or_default();
        let others = [self.password, self.identity_token, self.registry_token].map(Zeroizing::new);
        let all = others.iter().map(|text| text.as_bytes()).chain([password]);
        let tokens = all.filter_map(|bytes| Token::parse(bytes, LegacyTokens::Allowed).ok());
        tokens.map(|token| token.hashed()).collect()
    }
}

impl Entries {
    /// The digest becomes part of the name of a version, so it rests on the uid too: nobody who may not read the Secret can try
    /// passwords by it.
    fn new(uid: &Uid, auths: BTreeMap<String, Zeroizing<String>>) -> Self {
        let mut hasher = Sha256::new_with_prefix(uid.to_string());
        for (registry, entry) in &auths {
            for part in [registry, &**entry] {
                hasher.update(part.len().to_be_bytes());
                hasher.update(part);
            }
        }
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hasher.finalize());
        Entries { digest: u64::from_be_bytes([a, b, c, d, e, f, g, h]), auths }
    }

    /// Each with its registry, as JSON.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.auths.iter().map(|(registry, entry)| (registry.as_str(), entry.as_str()))
    }

    /// Equal for equal entries of the same Secret.
    pub const fn digest(&self) -> u64 {
        self.digest
    }
}

impl Extra {
    /// That of the entries, if somebody has looked.
    pub const fn digest(&self) -> Option<u64> {
        match self {
            Extra::Seen(digest) => Some(*digest),
            Extra::Read(entries) => Some(entries.digest),
            Extra::Unseen | Extra::Unusable(_) => None,
        }
    }
}

impl Output {
    /// Why the entries that it takes from another Secret cannot be used, if that is known.
    pub const fn unusable_entries(&self) -> Option<&Finding> {
        match &self.extra {
            Extra::Unusable(finding) => Some(finding),
            _ => None,
        }
    }

    /// True if nobody can tell yet what it shall hold.
    pub const fn awaits_entries(&self) -> bool {
        self.extra_entries_from.is_some() && self.extra.digest().is_none()
    }

    /// True if it takes entries from another Secret that nobody has at hand.
    pub const fn lacks_entries(&self) -> bool {
        self.extra_entries_from.is_some() && !matches!(self.extra, Extra::Read(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Option<&str>) -> Result<Entries, Finding> {
        let from = EntriesFrom { name: "further".to_owned(), key: default_key() };
        from.read("out", &Uid::from("u"), value.map(str::as_bytes))
    }

    #[test]
    fn what_has_no_entries_is_told_with_the_field_and_no_part_of_it() {
        let rows = [
            (
                None,
                "Secret further has no key .dockerconfigjson: add it, or name another in extraEntriesFrom.key",
            ),
            (Some(""), "has no JSON"),
            (Some("{}"), "has no JSON"),
            (Some("s3cret"), "has no JSON"),
            (Some(r#"{"auths":"s3cret"}"#), "has no JSON"),
            (Some(r#"{"auths":{"r.example":"s3cret"}}"#), "has no JSON"),
            (Some(r#"{"auths":{"r.example":{"password":"s3cret"}}"#), "has no JSON"),
        ];
        for (value, words) in rows {
            let Finding { reason, message } = read(value).unwrap_err();
            assert_eq!(reason, Reason::ExtraEntriesUnusable);
            assert!(
                message.starts_with("Secret out is not written: ") && message.contains(words),
                "{message}"
            );
            assert!(message.contains("extraEntriesFrom") && !message.contains("s3cret"), "{message}");
        }
    }

    #[test]
    fn equal_entries_have_equal_digests_and_show_nothing() {
        let one = read(Some(r#"{"auths":{"b":{"auth":"s3cret"},"a":{}},"credsStore":"x"}"#)).unwrap();
        let same = read(Some(r#"{ "auths": { "a": {}, "b": {"auth":"s3cret"} } }"#)).unwrap();
        let other = read(Some(r#"{"auths":{"b":{"auth":"s3cre"},"a":{}}}"#)).unwrap();
        assert_eq!(one, same);
        assert_ne!(one.digest(), other.digest());
        assert!(!format!("{one:?}").contains("s3cret"), "{one:?}");
        assert_eq!(one.iter().collect::<Vec<_>>(), [("a", "{}"), ("b", r#"{"auth":"s3cret"}"#)]);
    }
}
