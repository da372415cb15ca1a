//! Kubeconfig files: one cluster, one user, everything embedded, so that a file can be copied anywhere on this machine.

use crate::certificates::Pair;
use k8s_openapi::ByteString;
use serde_json::{Value, json};

/// How somebody proves who they are.
pub(crate) enum Credentials<'a> {
    Certificate(&'a Pair),
    Token(&'a str),
}

/// The text of a kubeconfig: JSON, which is YAML too.
pub(crate) fn kubeconfig(url: &str, authority: &str, credentials: Credentials<'_>) -> String {
    let user = match credentials {
        Credentials::Certificate(pair) => json!({
            "client-certificate-data": base64(&pair.public),
            "client-key-data": base64(&pair.private),
        }),
        Credentials::Token(token) => json!({ "token": token }),
    };
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "control-plane",
            "cluster": { "server": url, "certificate-authority-data": base64(authority) },
        }],
        "users": [{ "name": "user", "user": user }],
        "contexts": [{ "name": "control-plane", "context": { "cluster": "control-plane", "user": "user" } }],
        "current-context": "control-plane",
    });
    format!("{config:#}\n")
}

fn base64(text: &str) -> Value {
    json!(ByteString(text.as_bytes().to_vec()))
}
