//! The spec of a connection as it is kept between two reconciles: as JSON, without what is the default. Most specs say little, so
//! this takes a fifth of the memory of the spec itself, and is read in some microseconds.

use std::{borrow::Cow, sync::LazyLock};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    api::{DEFAULT_HOST, GithubPatConnectionSpec as Spec},
    domain::token::Token,
};

/// The spec of a connection, or what stands in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSpec(Box<str>);

/// What a spec names a Secret for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It reads a token or further entries from it.
    Reads,
    /// It writes the token to it.
    Writes,
    /// It makes the names of versions of it.
    NamesVersions,
}

/// The fields that a spec has without saying so.
static DEFAULTS: LazyLock<Value> = LazyLock::new(|| {
    // No Secret has this name, so it is nobody's default.
    let least = serde_json::json!({ "secretRef": { "name": "\0" } });
    serde_json::from_value::<Spec>(least).and_then(serde_json::to_value).unwrap_or_default()
});

impl From<Value> for StoredSpec {
    fn from(mut spec: Value) -> Self {
        drop_defaults(&mut spec, &DEFAULTS);
        StoredSpec(spec.to_string().into())
    }
}

impl StoredSpec {
    /// The spec.
    ///
    /// # Errors
    ///
    /// Which field of it cannot be read, its value, and why. A token in that value is not repeated.
    pub fn read(&self) -> Result<Spec, String> {
        let mut reader = serde_json::Deserializer::from_str(&self.0);
        serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            let pointer = format!("/{}", path.replace(['.', '['], "/").replace(']', ""));
            let spec: Value = serde_json::from_str(&self.0).unwrap_or_default();
            let value = if path == "." { Some(&spec) } else { spec.pointer(&pointer) };
            let field = if path == "." { "spec".to_owned() } else { format!("spec.{path}") };
            let shown = value.map(Value::to_string);
            if shown.as_deref().is_some_and(Token::stands_in) {
                return format!("{field} has a token in the place of its value");
            }
            let shown = shown.filter(|shown| shown.len() <= 64 && !shown.starts_with('{'));
            let shown = shown.map_or_else(String::new, |shown| format!(" = {shown}"));
            format!("{field}{shown}: {}", without_place(&error.inner().to_string()))
        })
    }

    /// The host that it names, read without the rest; `None` if it cannot be read.
    pub fn host(&self) -> Option<Cow<'_, str>> {
        #[derive(Deserialize)]
        struct Named<'a> {
            #[serde(borrow, default)]
            host: Option<Cow<'a, str>>,
        }
        let named = serde_json::from_str::<Named<'_>>(&self.0).ok()?;
        Some(named.host.unwrap_or(Cow::Borrowed(DEFAULT_HOST)))
    }

    /// The owner of all organizations and repositories that it demands, in lower case, since GitHub tells no cases apart; `None` if it
    /// demands none, or those of several.
    pub fn organization(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Named<'a> {
            #[serde(borrow)]
            name: Cow<'a, str>,
        }
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Demands<'a> {
            #[serde(borrow)]
            organizations: Vec<Named<'a>>,
            #[serde(borrow)]
            repositories: Vec<Named<'a>>,
        }
        #[derive(Deserialize)]
        struct Demanding<'a> {
            #[serde(borrow)]
            require: Demands<'a>,
        }
        // Most demand nothing.
        if !self.0.contains("\"require\"") {
            return None;
        }
        let demands = serde_json::from_str::<Demanding<'_>>(&self.0).ok()?.require;
        let named = demands.organizations.iter().chain(&demands.repositories);
        let mut owners = named.filter_map(|demand| demand.name.split('/').next());
        let owner = owners.next().filter(|owner| !Token::stands_in(owner))?.to_ascii_lowercase();
        owners.all(|other| other.eq_ignore_ascii_case(&owner)).then_some(owner)
    }

    /// When its token ends at the latest, by `require.expiry`; `None` if it does not say, or cannot be read.
    pub fn declared_end(&self) -> Option<Timestamp> {
        #[derive(Deserialize)]
        struct Ends {
            #[serde(rename = "expiresAt")]
            expires_at: Timestamp,
        }
        #[derive(Deserialize)]
        struct Required {
            expiry: Ends,
        }
        #[derive(Deserialize)]
        struct Requiring {
            require: Required,
        }
        // Most do not say.
        if !self.0.contains("\"expiresAt\"") {
            return None;
        }
        serde_json::from_str::<Requiring>(&self.0).ok().map(|spec| spec.require.expiry.expires_at)
    }

    /// The Secrets that it names and what for, those that it reads first; none if it cannot be read.
    pub fn secrets(&self) -> Vec<(String, Role)> {
        let Ok(spec) = self.read() else { return Vec::new() };
        let further = spec.publish.iter().filter_map(|output| output.extra_entries_from.as_ref());
        let sources = spec.sources().chain(further.map(|from| from.name.as_str()));
        let sources = sources.map(|source| (source, Role::Reads));
        let outputs = spec.publish.iter().map(|output| {
            let role = if output.versioned { Role::NamesVersions } else { Role::Writes };
            (output.secret_name.as_str(), role)
        });
        sources.chain(outputs).map(|(secret, role)| (secret.to_owned(), role)).collect()
    }
}

fn drop_defaults(spec: &mut Value, defaults: &Value) {
    let (Value::Object(spec), Value::Object(defaults)) = (spec, defaults) else { return };
    spec.retain(|field, value| defaults.get(field) != Some(value));
    for (field, value) in spec {
        if let Some(defaults) = defaults.get(field) {
            drop_defaults(value, defaults);
        }
    }
}

/// The sentence of a fault without its line and column, which are those of our JSON.
fn without_place(error: &str) -> &str {
    error.split_once(" at line ").map_or(error, |(sentence, _)| sentence)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_the_default_takes_no_room_and_comes_back() {
        let said = json!({ "secretRef": { "name": "pat" }, "publish": [{ "secretName": "out", "format": "Opaque" }] });
        let spec: Spec = serde_json::from_value(said.clone()).unwrap();
        let stored = StoredSpec::from(serde_json::to_value(&spec).unwrap());
        assert_eq!(serde_json::from_str::<Value>(&stored.0).unwrap(), said, "{stored:?}");
        assert_eq!(stored.read().unwrap(), spec);
        assert_eq!(stored.secrets(), [("pat".to_owned(), Role::Reads), ("out".to_owned(), Role::Writes)]);
        let said = json!({ "secretRef": { "name": "pat" }, "standby": [{ "name": "next" }], "publish": said["publish"] });
        let expected = [("pat", Role::Reads), ("next", Role::Reads), ("out", Role::Writes)];
        assert_eq!(StoredSpec::from(said).secrets(), expected.map(|(name, role)| (name.to_owned(), role)));
    }

    #[test]
    fn the_organization_is_the_one_owner_of_all_that_is_demanded() {
        let token = ["ghp_", &"a".repeat(36)].concat();
        let rows = [
            (json!({}), None),
            (json!({ "require": { "scopes": ["repo"] } }), None),
            (json!({ "require": { "organizations": [{ "name": "Acme" }] } }), Some("acme")),
            (
                json!({ "require": { "repositories": [{ "name": "acme/app" }, { "name": "ACME/lib" }] } }),
                Some("acme"),
            ),
            (
                json!({ "require": { "organizations": [{ "name": "acme" }], "repositories": [{ "name": "other/app" }] } }),
                None,
            ),
            (json!({ "require": { "repositories": [{ "name": format!("{token}/app") }] } }), None),
        ];
        for (spec, expected) in rows {
            assert_eq!(StoredSpec::from(spec.clone()).organization().as_deref(), expected, "{spec}");
        }
    }

    #[test]
    fn what_is_not_the_default_is_kept() {
        let rows = [
            json!({ "secretRef": { "name": "" } }),
            json!({ "secretRef": { "name": "pat", "key": "other" }, "host": "ghe", "interval": "1h", "suspend": true }),
            json!({ "secretRef": { "name": "pat" }, "require": { "expiry": { "required": true }, "scopes": ["repo"] }, "warnBefore": [] }),
            json!({ "secretRef": { "name": "pat" }, "require": { "kinds": ["Classic"] }, "onInvalid": "Withdraw" }),
        ];
        for said in rows {
            let spec: Result<Spec, _> = serde_json::from_value(said.clone());
            let spec = spec.unwrap_or_else(|error| panic!("{said}: {error}"));
            assert_eq!(
                StoredSpec::from(serde_json::to_value(&spec).unwrap()).read().unwrap(),
                spec,
                "{said}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_with_field_and_value() {
        let publish = json!([{ "secretName": "a", "format": "No" }]);
        let rows = [
            (
                json!({ "secretRef": { "name": 7 } }),
                "spec.secretRef.name = 7: invalid type: integer `7`, expected a string",
            ),
            (
                json!({ "secretRef": { "name": "pat" }, "interval": "soon" }),
                "spec.interval = \"soon\": not a duration",
            ),
            (
                json!({ "secretRef": { "name": "pat" }, "publish": publish }),
                "spec.publish[0].format = \"No\": unknown variant",
            ),
            (json!({ "secretRef": null }), "spec.secretRef = null: invalid type: null, expected an object"),
            (
                json!({ "secretRef": { "name": "pat" }, "publish": [7] }),
                "spec.publish[0] = 7: invalid type: integer `7`, expected an object",
            ),
            (json!({}), "spec: missing field `secretRef`"),
            (json!({ "secretRef": { "key": "token" } }), "spec.secretRef: missing field `name`"),
            (json!(null), "spec = null: invalid type: null, expected an object"),
        ];
        for (spec, words) in rows {
            let error = StoredSpec::from(spec).read().unwrap_err();
            assert!(error.starts_with(words), "{error}");
            assert!(!error.contains("struct") && !error.contains("line"), "{error}");
        }
    }

    #[test]
    fn a_token_in_a_wrong_place_is_not_repeated() {
        let token = ["ghp_", &"a".repeat(36)].concat();
        for text in [token.clone(), format!("Bearer {token}"), format!(" {token}")] {
            let spec = StoredSpec::from(json!({ "secretRef": { "name": "pat" }, "interval": text }));
            assert!(!spec.read().unwrap_err().contains(&token));
            for spec in [json!({ "host": text }), json!({ "secretRef": { "key": text } })] {
                assert!(!StoredSpec::from(spec).read().unwrap_err().contains(&token));
            }
        }
    }
}
