//! What etcd holds, by its JSON gateway, <https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/>.

use crate::control_plane::{ControlPlane, Error};
use base64::{Engine, engine::general_purpose::STANDARD};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{collections::HashMap, fmt::Display};
use tokio::net::UnixStream;

/// The smallest key there is; as an end, all that follow.
const ALL: &str = "AA==";

/// A key in base64, as the gateway has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(String);

/// What stands under a key, and since which revision.
#[derive(Debug)]
pub(super) struct Kept {
    /// In base64.
    pub(super) value: String,
    pub(super) revision: i64,
}

/// A connection to an etcd.
pub(super) struct Etcd {
    requests: SendRequest<Full<Bytes>>,
}

impl Key {
    /// The key itself, such as `/registry/secrets/team-a/a`.
    pub(super) fn text(&self) -> String {
        let bytes = STANDARD.decode(&self.0).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Etcd {
    pub(super) async fn of(plane: &ControlPlane) -> Result<Self, Error> {
        let stream = UnixStream::connect(plane.etcd_socket()).await.map_err(failed)?;
        let (requests, connection) = handshake(TokioIo::new(stream)).await.map_err(failed)?;
        tokio::spawn(connection);
        Ok(Self { requests })
    }

    /// All there is.
    pub(super) async fn all(&mut self) -> Result<HashMap<Key, Kept>, Error> {
        let found = self.range(json!({ "key": ALL, "range_end": ALL })).await?;
        let kept = |found: Found| (found.key, Kept { value: found.value, revision: found.revision });
        Ok(found.into_iter().map(kept).collect())
    }

    /// The revision of all there is.
    pub(super) async fn revisions(&mut self) -> Result<HashMap<Key, i64>, Error> {
        let found = self.range(json!({ "key": ALL, "range_end": ALL, "keys_only": true })).await?;
        Ok(found.into_iter().map(|found| (found.key, found.revision)).collect())
    }

    /// Gives the revision of the change.
    pub(super) async fn put(&mut self, key: &Key, value: &str) -> Result<i64, Error> {
        let answer = self.ask("put", &json!({ "key": key.0, "value": value })).await?;
        number(answer.pointer("/header/revision"))
    }

    pub(super) async fn delete(&mut self, key: &Key) -> Result<(), Error> {
        self.ask("deleterange", &json!({ "key": key.0 })).await.map(drop)
    }

    async fn range(&mut self, request: Value) -> Result<Vec<Found>, Error> {
        let answer = self.ask("range", &request).await?;
        let found = answer.get("kvs").and_then(Value::as_array);
        found.into_iter().flatten().map(Found::read).collect()
    }

    async fn ask(&mut self, what: &str, request: &Value) -> Result<Value, Error> {
        self.requests.ready().await.map_err(failed)?;
        let request = http::Request::post(format!("/v3/kv/{what}"))
            .header("Host", "etcd")
            .body(Full::from(request.to_string()))
            .map_err(failed)?;
        let answer = self.requests.send_request(request).await.map_err(failed)?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(failed)?.to_bytes();
        if !status.is_success() {
            return Err(failed(format!("{status}: {}", String::from_utf8_lossy(&body))));
        }
        serde_json::from_slice(&body).map_err(failed)
    }
}

struct Found {
    key: Key,
    value: String,
    revision: i64,
}

impl Found {
    fn read(found: &Value) -> Result<Self, Error> {
        let text = |field| found.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Self { key: Key(text("key")), value: text("value"), revision: number(found.get("mod_revision"))? })
    }
}

/// The gateway writes 64-bit numbers as texts.
fn number(value: Option<&Value>) -> Result<i64, Error> {
    let text = value.and_then(Value::as_str).unwrap_or_default();
    text.parse().map_err(|error| failed(format!("a revision {text:?}: {error}")))
}

fn failed(cause: impl Display) -> Error {
    Error::Etcd { cause: cause.to_string() }
}
