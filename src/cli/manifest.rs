//! What is taken from a manifest: a connection, and the Secret that it names if that stands there too.

use std::{fs, io::Read, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{Error, STANDARD_INPUT, shown};
use crate::{
    api::{self, GithubPatConnectionSpec as Spec},
    domain::{Reason, token::Token},
    settings::{documents, from_value, unread, with_names},
};

const API_VERSION: &str = "githubpat.dev/v1alpha1";
const KIND: &str = "GithubPatConnection";
/// Where the schema of the spec is in the definition.
const SPEC_SCHEMA: &str = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";

/// A connection of a manifest.
pub struct Manifest {
    /// It, as it stands there.
    pub object: Value,
    /// Its spec.
    pub spec: Spec,
    /// The Secret that it names, if that is in the same manifest.
    pub secret: Option<SecretValue>,
}

/// What a Secret in a manifest has under the key that the connection names.
pub struct SecretValue {
    /// The Secret and the manifest, as a sentence names them.
    pub source: String,
    /// The value; `None` if there is no such key.
    pub value: Option<Zeroizing<Vec<u8>>>,
}

/// True if this file stands for standard input, as for kubectl.
pub fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The connection in this file, the one of this name if there are several.
///
/// # Errors
///
/// What is wrong with the file, or how to name one of its connections.
pub fn read(path: &Path, name: Option<&str>) -> Result<Manifest, Error> {
    let mut text = Zeroizing::new(String::new());
    let (place, read) = if is_standard_input(path) {
        (STANDARD_INPUT.to_owned(), std::io::stdin().read_to_string(&mut text))
    } else {
        let file = fs::File::open(path);
        (shown(&path.display().to_string()), file.and_then(|mut file| file.read_to_string(&mut text)))
    };
    read.map_err(|error| Error::Usage(format!("cannot read {place}: {}", unread(&error))))?;
    manifest(&text, name, &place).map_err(|message| Error::Usage(format!("{place} is wrong: {message}")))
}

fn manifest(text: &str, name: Option<&str>, place: &str) -> Result<Manifest, String> {
    let objects: Vec<Value> = documents(text)?.into_iter().flat_map(items).collect();
    let connection = chosen(&objects, name)?;
    if text_at(connection, "/apiVersion") != Some(API_VERSION) {
        return Err(format!("apiVersion of {} must be {API_VERSION}: correct it", label(connection)));
    }
    with_names("metadata", connection.get("metadata"))?;
    let Some(spec) = connection.get("spec") else { return Err("spec is missing: add it".to_owned()) };
    let schema = serde_json::to_value(api::definition()).unwrap_or_default();
    if let Some(field) = schema.pointer(SPEC_SCHEMA).and_then(|schema| unknown_field("spec", spec, schema)) {
        let field = shown(&field);
        return Err(format!("{field} is no field of a {KIND}: remove it, or correct its name"));
    }
    let spec: Spec = from_value("spec", spec)?;
    let secret = secret(&objects, connection, &spec);
    let secret = secret.map(|secret| value(secret, &spec, place)).transpose()?;
    Ok(Manifest { object: connection.clone(), spec, secret })
}

/// The objects that a document has: those of a list, as `kubectl get -o yaml` writes it, else itself.
fn items(mut document: Value) -> Vec<Value> {
    let is_list = text_at(&document, "/kind").is_some_and(|kind| kind.ends_with("List"));
    match document.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list => items,
        _ => vec![document],
    }
}

/// The connection of this name, or the only one.
fn chosen<'a>(objects: &'a [Value], name: Option<&str>) -> Result<&'a Value, String> {
    let all: Vec<_> = objects.iter().filter(|object| text_at(object, "/kind") == Some(KIND)).collect();
    let labels = |connections: &[&Value]| {
        connections.iter().map(|connection| label(connection)).collect::<Vec<_>>().join(", ")
    };
    let is_named = |connection: &&&Value| {
        name.is_none_or(|name| {
            text_at(connection, "/metadata/name") == Some(name) || label(connection) == name
        })
    };
    let named: Vec<_> = all.iter().filter(is_named).copied().collect();
    match (named.as_slice(), all.as_slice()) {
        ([connection], _) => Ok(connection),
        ([], []) => Err(format!("it has no {KIND}{}: name the file that has one", others(objects))),
        ([], _) => {
            let name = shown(name.unwrap_or_default());
            Err(format!("it has no connection {name}: name one of {} with --name", labels(&all)))
        }
        (several, _) => {
            Err(format!("it has {} connections: name one of {} with --name", several.len(), labels(several)))
        }
    }
}

/// What else is there, as a part of a sentence.
fn others(objects: &[Value]) -> String {
    let mut kinds: Vec<_> = objects
        .iter()
        .map(|object| text_at(object, "/kind").map_or_else(|| "something without a kind".to_owned(), shown))
        .collect();
    kinds.sort();
    kinds.dedup();
    if kinds.is_empty() { String::new() } else { format!(" but {}", kinds.join(", ")) }
}

/// The Secret that the connection names: of the same namespace, or of none, which kubectl fills in.
fn secret<'a>(objects: &'a [Value], connection: &Value, spec: &Spec) -> Option<&'a Value> {
    let namespace = text_at(connection, "/metadata/namespace");
    let candidates = objects.iter().filter(|object| {
        text_at(object, "/kind") == Some("Secret")
            && text_at(object, "/metadata/name") == Some(spec.secret_ref.name.as_str())
    });
    let distance = |secret: &&Value| match (namespace, text_at(secret, "/metadata/namespace")) {
        (one, other) if one == other => Some(0),
        (Some(_), Some(_)) => None,
        _ => Some(1),
    };
    candidates.filter(|secret| distance(secret).is_some()).min_by_key(distance)
}

/// What the Secret has under the key. `stringData` outweighs `data`:
/// <https://kubernetes.io/docs/concepts/configuration/secret/#restriction-names-data>
fn value(secret: &Value, spec: &Spec, place: &str) -> Result<SecretValue, String> {
    let (name, key) = (shown(&spec.secret_ref.name), spec.secret_ref.key.as_str());
    let source = format!("Secret {name} in {place}");
    for field in ["stringData", "data"] {
        with_names(&format!("{field} of Secret {name}"), secret.get(field))?;
    }
    let found = |field: &'static str| {
        secret.get(field)?.get(key).filter(|value| !value.is_null()).map(|value| (field, value))
    };
    let Some((field, value)) = found("stringData").or_else(|| found("data")) else {
        return Ok(SecretValue { source, value: None });
    };
    let at = format!("{field}.{} of Secret {name}", shown(key));
    let Some(text) = value.as_str() else { return Err(format!("{at}: write a text in quotes there")) };
    if field == "stringData" {
        return Ok(SecretValue { source, value: Some(Zeroizing::new(text.as_bytes().to_vec())) });
    }
    // A long value may stand on several lines.
    let joined: Zeroizing<String> = Zeroizing::new(text.split_ascii_whitespace().collect());
    let bytes = match BASE64_STANDARD.decode(joined.as_bytes()) {
        Ok(bytes) => bytes,
        // One that is yet to be filled in is named as such.
        Err(_)
            if Token::try_from(text.as_bytes()).is_err_and(|found| found.reason == Reason::Placeholder) =>
        {
            text.as_bytes().to_vec()
        }
        Err(_) => return Err(format!("{at} is no base64: put the value under stringData, or encode it")),
    };
    Ok(SecretValue { source, value: Some(Zeroizing::new(bytes)) })
}

/// The first field that the schema does not have; a demand in a misspelt field would be none, and the token found usable.
fn unknown_field(path: &str, value: &Value, schema: &Value) -> Option<String> {
    match value {
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let path = format!("{path}.{name}");
            // A map has one schema for whatever its keys are.
            let field = schema.get("properties").and_then(|properties| properties.get(name));
            match field.or_else(|| schema.get("additionalProperties")) {
                Some(schema) => unknown_field(&path, value, schema),
                None => Some(path),
            }
        }),
        Value::Array(items) => {
            let schema = schema.get("items")?;
            items
                .iter()
                .enumerate()
                .find_map(|(index, item)| unknown_field(&format!("{path}[{index}]"), item, schema))
        }
        _ => None,
    }
}

/// The name of an object, behind its namespace if it says one.
fn label(object: &Value) -> String {
    let name = text_at(object, "/metadata/name").map_or_else(|| "one without a name".to_owned(), shown);
    text_at(object, "/metadata/namespace")
        .map_or_else(|| name.clone(), |namespace| format!("{}/{name}", shown(namespace)))
}

fn text_at<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Value::as_str)
}
