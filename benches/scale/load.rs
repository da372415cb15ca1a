//! Connections and the Secrets that they read, created as fast as the API server takes them.

use futures::{StreamExt, TryStreamExt, stream};
use github_simulator::{NewToken, Simulator};
use kube::{Client, client::Body};
use serde_json::{Value, json};

use crate::{
    Failed,
    stage::{HOST, NAMESPACE, Stage},
};

/// Requests at once: enough to keep two cores busy, and far below the 200 changes at once that the API server takes by default.
const CONCURRENCY: usize = 16;
/// An interval in which no second question comes while a section runs.
pub(crate) const LONG_INTERVAL: &str = "12h";

/// A connection as the API server made it.
#[derive(Clone, Debug)]
pub(crate) struct Created {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) uid: String,
    pub(crate) version: String,
}

/// What the connections of a load have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) host: &'a str,
    pub(crate) interval: &'a str,
    /// What their names begin with.
    pub(crate) prefix: &'a str,
    pub(crate) count: u32,
}

impl Load<'_> {
    /// So many connections for the operator, on the host that answers.
    pub(crate) fn of(count: u32) -> Self {
        Load { namespace: NAMESPACE, host: HOST, interval: LONG_INTERVAL, prefix: "bot", count }
    }

    /// The name of a connection; all are equally long.
    pub(crate) fn name(&self, number: u32) -> String {
        format!("{}-{number:05}", self.prefix)
    }

    /// Creates a Secret with a good token of an account of its own, and a connection that reads it, for each name.
    pub(crate) async fn create(&self, stage: &Stage) -> Result<Vec<Created>, Failed> {
        self.secrets(stage).await?;
        self.connections(stage).await
    }

    /// Creates the Secrets only.
    pub(crate) async fn secrets(&self, stage: &Stage) -> Result<(), Failed> {
        let create = |number| self.create_secret(&stage.client, &stage.github, number);
        stream::iter(0..self.count).map(create).buffer_unordered(CONCURRENCY).try_collect().await
    }

    /// Creates the connections only.
    pub(crate) async fn connections(&self, stage: &Stage) -> Result<Vec<Created>, Failed> {
        let create = |number| self.create_connection(&stage.client, number);
        stream::iter(0..self.count).map(create).buffer_unordered(CONCURRENCY).try_collect().await
    }

    async fn create_secret(&self, client: &Client, github: &Simulator, number: u32) -> Result<(), Failed> {
        let name = self.name(number);
        // A primary limit of GitHub counts by account.
        let token = github.token(NewToken::classic(&name, &name).scopes(&["repo"]));
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "stringData": { "token": token },
        });
        let uri = format!("/api/v1/namespaces/{}/secrets", self.namespace);
        send(client, "POST", &uri, JSON, secret.to_string()).await.map(drop)
    }

    async fn create_connection(&self, client: &Client, number: u32) -> Result<Created, Failed> {
        let name = self.name(number);
        let spec = json!({
            "host": self.host, "interval": self.interval, "secretRef": { "name": name },
            "publish": [{ "secretName": format!("{name}-out"), "format": "Opaque" }],
        });
        let connection = json!({
            "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection",
            "metadata": { "name": name }, "spec": spec,
        });
        let uri = format!("{CONNECTIONS}/{}/githubpatconnections", self.namespace);
        let answer = send(client, "POST", &uri, JSON, connection.to_string()).await?;
        created(&serde_json::from_slice(&answer)?)
    }
}

/// Up to the namespace.
pub(crate) const CONNECTIONS: &str = "/apis/githubpat.dev/v1alpha1/namespaces";
pub(crate) const JSON: &str = "application/json";

/// What is needed to write to a connection, from the API server's own words.
pub(crate) fn created(connection: &Value) -> Result<Created, Failed> {
    let text = |pointer: &str| -> Result<String, Failed> {
        let text = connection.pointer(pointer).and_then(Value::as_str);
        Ok(text.ok_or_else(|| format!("a connection without {pointer}"))?.to_owned())
    };
    Ok(Created {
        name: text("/metadata/name")?,
        namespace: text("/metadata/namespace")?,
        uid: text("/metadata/uid")?,
        version: text("/metadata/resourceVersion")?,
    })
}

/// Sends a request and gives the body of a successful answer.
pub(crate) async fn send(
    client: &Client,
    method: &str,
    uri: &str,
    content_type: &str,
    body: String,
) -> Result<Vec<u8>, Failed> {
    let request = || {
        let request = http::Request::builder().method(method).uri(uri).header("content-type", content_type);
        request.body(Body::from(body.clone().into_bytes()))
    };
    let answer = match client.send(request()?).await {
        // The API server closed an idle connection just as it was used again; nothing was done.
        Err(kube::Error::Service(_) | kube::Error::HyperError(_)) => client.send(request()?).await?,
        answer => answer?,
    };
    let status = answer.status();
    let body = answer.into_body().collect_bytes().await?;
    if status.is_success() {
        return Ok(body.to_vec());
    }
    Err(format!("{method} {uri}: {status}: {}", String::from_utf8_lossy(&body)).into())
}
