//! What is sent: one change of one connection, as JSON. `docs/notification.schema.json` is made of these types, and a test holds the
//! two together.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{
    domain::{
        duration::Duration,
        notice::{Level, Notice},
    },
    settings::SinkFormat,
};

/// The version of the form. A field that comes is no other version; one that goes or means something else is.
const VERSION: &str = "1";

/// The connection that a message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The GitHub host that it names.
    pub host: String,
    /// The labels that the settings name.
    pub labels: BTreeMap<String, String>,
}

/// A notice about a connection.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) named: Arc<Named>,
    pub(super) notice: Notice,
    pub(super) id: String,
}

/// What a webhook gets, and what the data of a CloudEvent are.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Notification of github-pat-operator")]
struct Payload<'a> {
    /// The version of this form.
    #[schemars(extend("const" = "1"))]
    version: &'static str,
    /// The same whenever this message is repeated, and whenever the same happens again within a second. What to leave out follows from at.
    id: &'a str,
    /// The same for everything that opens, changes or resolves one incident.
    incident: String,
    /// Where the incident stands.
    #[schemars(extend("enum" = ["Opened", "Changed", "Resolved"]))]
    state: &'static str,
    /// How grave it is now.
    #[schemars(with = "String", extend("enum" = ["info", "warning", "critical"]))]
    severity: Level,
    /// When it changed, in whole seconds. Leave out a message that is older than the last one taken of its incident.
    #[schemars(with = "String", extend("format" = "date-time"))]
    at: Timestamp,
    /// The GithubPatConnection.
    connection: Subject<'a>,
    /// The condition of the connection that has changed.
    condition: Said<'a>,
    /// Of a token that ends soon or has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry: Option<Ending>,
}

/// The GithubPatConnection.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Connection")]
struct Subject<'a> {
    /// Its namespace.
    namespace: &'a str,
    /// Its name.
    name: &'a str,
    /// Its uid.
    uid: &'a str,
    /// The GitHub host that it names.
    host: &'a str,
    /// Those of its labels that the setting connectionLabels names, or by which a sink is chosen.
    labels: &'a BTreeMap<String, String>,
}

/// A condition of the connection.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Condition")]
struct Said<'a> {
    /// Ready or NotExpiring.
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["Ready", "NotExpiring"]))]
    type_: &'static str,
    /// Whether it holds.
    #[schemars(extend("enum" = ["True", "False", "Unknown"]))]
    status: &'static str,
    /// Why, in one word: a reason of docs/reasons.md, or Deleted.
    reason: &'a str,
    /// One sentence for a person, cause and remedy. Absent if the connection has changed again since.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

/// The end of a token.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Expiry")]
struct Ending {
    /// When the token ends; absent if that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    expires_at: Option<Timestamp>,
    /// The duration of spec.warnBefore within which it ends, as in 168h; 0s if it has ended.
    #[schemars(extend("pattern" = "^([0-9]+h)?([0-9]+m)?([0-9]+s)?$"))]
    within: String,
}

/// A CloudEvent in structured mode, so that the signature is also that of its attributes:
/// <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#32-structured-content-mode>
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    #[serde(rename = "type")]
    type_: String,
    subject: String,
    time: Timestamp,
    datacontenttype: &'static str,
    data: Payload<'a>,
}

impl Message {
    pub(super) fn new(named: Arc<Named>, notice: Notice) -> Self {
        let id = notice.id(&named.uid);
        Message { named, notice, id }
    }

    /// The type of the body and the body.
    pub(super) fn body(&self, format: SinkFormat) -> (&'static str, Result<Vec<u8>, serde_json::Error>) {
        match format {
            SinkFormat::Webhook => ("application/json", serde_json::to_vec(&self.payload())),
            SinkFormat::CloudEvents => {
                ("application/cloudevents+json; charset=UTF-8", serde_json::to_vec(&self.event()))
            }
        }
    }

    fn payload(&self) -> Payload<'_> {
        let Message { named, notice, id } = self;
        Payload {
            version: VERSION,
            id,
            incident: notice.incident(&named.uid),
            state: notice.state.as_str(),
            severity: notice.level,
            at: notice.at,
            connection: Subject {
                namespace: &named.namespace,
                name: &named.name,
                uid: &named.uid,
                host: &named.host,
                labels: &named.labels,
            },
            condition: Said {
                type_: notice.about.as_str(),
                status: notice.status,
                reason: &notice.reason,
                message: notice.message.as_deref(),
            },
            expiry: notice.within.map(|within| {
                let seconds = u32::try_from(within.as_secs()).unwrap_or(u32::MAX);
                Ending { expires_at: notice.ends, within: Duration::seconds(seconds).to_string() }
            }),
        }
    }

    fn event(&self) -> CloudEvent<'_> {
        let Named { namespace, name, .. } = &*self.named;
        CloudEvent {
            specversion: "1.0",
            id: &self.id,
            source: format!(
                "/apis/githubpat.dev/v1alpha1/namespaces/{namespace}/githubpatconnections/{name}"
            ),
            type_: format!("dev.githubpat.connection.{}", self.notice.state.as_str().to_ascii_lowercase()),
            subject: format!("{namespace}/{name}"),
            time: self.notice.at,
            datacontenttype: "application/json",
            data: self.payload(),
        }
    }
}

/// The JSON Schema of a message.
pub fn schema() -> Value {
    schemars::schema_for!(Payload<'static>).to_value()
}
