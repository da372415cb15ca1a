//! A client that makes the same two writes for each connection as the operator, with the same bytes, and nothing else.

use std::{future::Future, time::Instant};

use clap::ValueEnum;
use futures::{StreamExt, TryStreamExt, stream};
use kube::Client;
use serde_json::{Value, json};

use crate::{
    Failed,
    load::{CONNECTIONS, Created, JSON, created, send},
};

/// Requests at once: twice the default of the operator's setting `concurrency`, and as many as it was when the goals were set.
pub(crate) const CONCURRENCY: usize = 32;

/// How a status is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Manner {
    Put,
    Apply,
    Merge,
}

/// What the operator wrote for one connection, to be written for others of equally long names.
pub(crate) struct Sample {
    of: Created,
    output: String,
    status: Value,
    pub(crate) manner: Manner,
}

impl Manner {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Manner::Put => "PUT",
            Manner::Apply => "apply",
            Manner::Merge => "merge patch",
        }
    }

    /// The same in two letters, for names of objects.
    pub(crate) const fn letters(self) -> &'static str {
        match self {
            Manner::Put => "pu",
            Manner::Apply => "ap",
            Manner::Merge => "me",
        }
    }
}

impl Sample {
    /// Reads what the operator wrote for the connection.
    pub(crate) async fn read(
        client: &Client,
        namespace: &str,
        name: &str,
        manner: Option<Manner>,
    ) -> Result<Self, Failed> {
        let uri = format!("{CONNECTIONS}/{namespace}/githubpatconnections/{name}");
        let connection: Value =
            serde_json::from_slice(&send(client, "GET", &uri, JSON, String::new()).await?)?;
        let uri = format!("/api/v1/namespaces/{namespace}/secrets/{name}-out");
        let output: Value = serde_json::from_slice(&send(client, "GET", &uri, JSON, String::new()).await?)?;
        let kept = |field: &str| output.pointer(&format!("/metadata/{field}")).cloned().unwrap_or_default();
        let written = json!({
            "apiVersion": "v1", "kind": "Secret", "type": output.get("type"), "data": output.get("data"),
            "metadata": {
                "name": kept("name"), "labels": kept("labels"), "annotations": kept("annotations"),
                "ownerReferences": kept("ownerReferences"),
            },
        });
        Ok(Self {
            of: created(&connection)?,
            output: written.to_string(),
            status: connection.get("status").cloned().ok_or("the connection has no status")?,
            manner: manner.unwrap_or_else(|| as_written(&connection)),
        })
    }

    /// How many bytes a status has.
    pub(crate) fn status_bytes(&self) -> usize {
        self.status.to_string().len()
    }

    /// The same with other words in a condition and another instant, as after a later change.
    pub(crate) fn changed(&self) -> Self {
        let mut status = self.status.clone();
        if let Some(message) = status.pointer_mut("/conditions/0/message") {
            *message = "something changed that this sentence speaks of".into();
        }
        if let Some(instant) = status.pointer_mut("/token/checkedAt") {
            *instant = "2100-01-01T00:00:00Z".into();
        }
        Self { of: self.of.clone(), output: self.output.clone(), status, manner: self.manner }
    }

    /// Creates the output of a connection.
    pub(crate) async fn create_output(&self, client: &Client, connection: &Created) -> Result<(), Failed> {
        let uri = format!("/api/v1/namespaces/{}/secrets", connection.namespace);
        send(client, "POST", &uri, JSON, self.told_of(&self.output, connection)).await.map(drop)
    }

    /// Writes the status of a connection, in this manner, for the version that the connection names.
    pub(crate) async fn write_status(
        &self,
        client: &Client,
        connection: &Created,
        manner: Manner,
    ) -> Result<Created, Failed> {
        let Created { name, namespace, uid, version } = connection;
        let status: Value = serde_json::from_str(&self.told_of(&self.status.to_string(), connection))?;
        let (version_of_api, kind) = ("githubpat.dev/v1alpha1", "GithubPatConnection");
        let metadata =
            json!({ "name": name, "namespace": namespace, "uid": uid, "resourceVersion": version });
        let body = match manner {
            // The operator sends no spec either, which a write of the status does not change.
            Manner::Put | Manner::Apply => json!({
                "apiVersion": version_of_api, "kind": kind, "metadata": metadata, "status": status,
            }),
            Manner::Merge => json!({ "metadata": metadata, "status": status }),
        };
        let (method, query, content_type) = match manner {
            Manner::Put => ("PUT", "fieldManager=github-pat-operator", JSON),
            Manner::Apply => {
                ("PATCH", "fieldManager=github-pat-operator&force=true", "application/apply-patch+yaml")
            }
            Manner::Merge => ("PATCH", "fieldManager=github-pat-operator", "application/merge-patch+json"),
        };
        let uri = format!("{CONNECTIONS}/{namespace}/githubpatconnections/{name}/status?{query}");
        let answer = send(client, method, &uri, content_type, body.to_string()).await?;
        created(&serde_json::from_slice(&answer)?)
    }

    /// Makes both writes for every connection, and gives how many seconds that took.
    pub(crate) async fn write_all(&self, client: &Client, connections: &[Created]) -> Result<f64, Failed> {
        let both = async |connection: &Created| {
            self.create_output(client, connection).await?;
            self.write_status(client, connection, self.manner).await
        };
        let (seconds, _) = timed(connections, both).await?;
        Ok(seconds)
    }

    /// The text with names and uid of the connection in place of those of the sample. Both are equally long.
    fn told_of(&self, text: &str, connection: &Created) -> String {
        text.replace(&self.of.uid, &connection.uid)
            .replace(&self.of.name, &connection.name)
            .replace(&format!("\"{}\"", self.of.namespace), &format!("\"{}\"", connection.namespace))
    }
}

/// Does the same for every connection, `CONCURRENCY` of them at once, and gives how many seconds that took.
pub(crate) async fn timed<'a, T, F: Future<Output = Result<T, Failed>>>(
    connections: &'a [Created],
    write: impl Fn(&'a Created) -> F,
) -> Result<(f64, Vec<T>), Failed> {
    let begin = Instant::now();
    let done = stream::iter(connections).map(write).buffer_unordered(CONCURRENCY).try_collect().await?;
    Ok((begin.elapsed().as_secs_f64(), done))
}

/// By the managed fields, an apply can be told from the others, and the others not from one another.
fn as_written(connection: &Value) -> Manner {
    let entries = connection.pointer("/metadata/managedFields").and_then(Value::as_array);
    let is_applied = |entry: &Value| {
        let is = |field, value| entry.get(field).and_then(Value::as_str) == Some(value);
        is("subresource", "status") && is("operation", "Apply")
    };
    if entries.into_iter().flatten().any(is_applied) { Manner::Apply } else { Manner::Put }
}
