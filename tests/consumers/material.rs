//! What an output holds, as the operator writes it, laid out in a folder as a volume of Kubernetes would be.

use std::{collections::BTreeMap, fs};

use base64::{Engine, prelude::BASE64_STANDARD};
use github_pat_operator::domain::{
    answer::{Account, Expiry, Grant},
    format::Addresses,
    output::{Output, Payload},
    token::Token,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A login with all that GitHub allows in one: the brackets must be escaped in URLs, and the rest not.
pub(crate) const LOGIN: &str = "octo-cat_acme[bot]";

/// A made-up token.
pub(crate) fn token() -> Token {
    let body: String = (0..36).map(|_| fastrand::alphanumeric()).collect();
    Token::try_from(["ghp_", &body].concat().as_bytes()).unwrap()
}

/// A server on this machine as a GitHub host.
pub(crate) fn addresses(authority: &str) -> Addresses {
    Addresses {
        web_url: format!("http://{authority}"),
        api_url: format!("http://{authority}/api/v3"),
        registry: Some(authority.to_owned()),
    }
}

/// An output of the spec, by its format and further fields.
pub(crate) fn output(format: &str, fields: Value) -> Output {
    let mut output = json!({ "secretName": "out", "format": format });
    for (name, value) in fields.as_object().unwrap() {
        output[name] = value.clone();
    }
    serde_json::from_value(output).unwrap()
}

/// What the operator writes for a token of [`LOGIN`].
fn payload(output: &Output, token: &Token, at: &Addresses) -> Payload {
    let account = Account { login: LOGIN.into(), id: 7 };
    let grant = Grant { account: Some(account), scopes: None, expiry: Expiry::Never };
    output.payload(token, &grant, at).unwrap()
}

/// A folder with a file for each key.
pub(crate) fn mounted(output: &Output, token: &Token, at: &Addresses) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (key, value) in &payload(output, token, at).data {
        fs::write(folder.path().join(key), value).unwrap();
    }
    folder
}

/// The Secret as the API server hands it out.
pub(crate) fn secret(output: &Output, token: &Token, at: &Addresses) -> Value {
    let Payload { type_, data } = payload(output, token, at);
    let data: BTreeMap<_, _> = data.iter().map(|(key, value)| (key, BASE64_STANDARD.encode(value))).collect();
    let marks = output.marks();
    let metadata =
        json!({ "name": output.secret_name, "labels": marks.labels, "annotations": marks.annotations });
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": type_, "data": data })
}

/// The environment that `envFrom` makes of it.
pub(crate) fn environment(folder: &TempDir) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let variable = |entry: fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap())
    };
    entries.map(|entry| variable(entry.unwrap())).collect()
}
