//! The resource `GithubPatConnection`: spec, status, columns and rules, and the CustomResourceDefinition made of them.
//!
//! The doc comments of the fields are what `kubectl explain` prints.

mod digest;
mod outlook;
mod status;
mod summary;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{CustomResource, CustomResourceExt};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

pub use digest::StatusDigest;
pub use outlook::Usability;
pub(crate) use status::time;
pub use status::{
    AcceptedBefore, CONDITION_TYPES, CandidateStatus, Condition, ConditionStatus, ConsumerStatus,
    ConsumersStatus, DeferralStatus, FurtherOldToken, FurtherRequirements, GithubPatConnectionStatus,
    InterruptedRotation, Links, OutputStatus, PermissionProofs, Phase, PreviousAccount, RECONCILING,
    ReadyChange, RefusedStatus, RequirementStatus, RotatedToken, RotationStatus, SEE_READY, STALLED,
    TokenStatus, WithdrawalStatus, WithdrawnOutput,
};
pub use summary::{StatusSummary, Transition};

use crate::domain::{
    Reason,
    decide::{Demand, OnInvalid},
    duration::{self, Duration},
    format::{DATA_KEY, OBJECT_NAME},
    output::Output,
    requirement::{Expectation, Requirement},
    workload::Workload,
};

/// Keeps a GitHub personal access token under watch: reads it from a Secret, asks GitHub whether it works for its purpose,
/// says so in the status, and writes proven tokens to the Secrets that workloads read.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "githubpat.dev",
    version = "v1alpha1",
    kind = "GithubPatConnection",
    plural = "githubpatconnections",
    shortname = "ghpat",
    category = "githubpat",
    doc = "A GitHub personal access token under watch: whether it works for its purpose, until when, and what to do about it.",
    namespaced,
    status = "GithubPatConnectionStatus",
    derive = "PartialEq",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#
    ),
    printcolumn(name = "Login", type_ = "string", json_path = ".status.token.login"),
    printcolumn(name = "Kind", type_ = "string", json_path = ".status.token.kind"),
    printcolumn(name = "Expires", type_ = "string", json_path = ".status.token.expiresAt"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Host", type_ = "string", json_path = ".spec.host", priority = "1"),
    printcolumn(name = "Scopes", type_ = "string", json_path = ".status.token.scopes", priority = "1"),
    printcolumn(name = "Checked", type_ = "date", json_path = ".status.token.checkedAt", priority = "1"),
    printcolumn(name = "Secret", type_ = "string", json_path = ".spec.secretRef.name", priority = "1"),
    printcolumn(
        name = "In Use",
        type_ = "string",
        json_path = ".status.candidates[?(@.inUse==true)].secretName",
        priority = "1"
    )
)]
#[expect(clippy::duplicated_attributes, reason = "each column of the table has the same attributes")]
#[serde(rename_all = "camelCase", expecting = "an object")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "!has(self.publish) || self.publish.all(output, output.secretName != self.secretRef.name)",
    "message": "publish must not name the Secret that secretRef reads from: give the output a name of its own",
}, {
    "rule": "!has(self.withdrawAfter) || self.onInvalid == 'Withdraw'",
    "message": "withdrawAfter is for onInvalid Withdraw: set that, or leave withdrawAfter out",
}, {
    "rule": "!has(self.publish) || self.publish.all(one, !has(one.versioned) || !one.versioned || \
             !(self.secretRef.name.startsWith(one.secretName + '-') && size(self.secretRef.name) == size(one.secretName) + 11) && \
             self.publish.all(other, !(other.secretName.startsWith(one.secretName + '-') && \
             size(other.secretName) == size(one.secretName) + 11)))",
    "message": "no other Secret may have the name of a version of an output, which is its secretName, a hyphen and ten characters",
}, {
    "rule": "!has(self.standby) || !has(self.publish) || self.standby.all(other, self.publish.all(one, !has(one.versioned) || \
             !one.versioned || !(other.name.startsWith(one.secretName + '-') && size(other.name) == size(one.secretName) + 11)))",
    "message": "standby must not have the name of a version of an output, which is its secretName, a hyphen and ten characters",
}, {
    "rule": "!has(self.standby) || self.standby.all(other, other.name != self.secretRef.name)",
    "message": "standby must not name the Secret that secretRef reads from: put the next token into another Secret",
}, {
    "rule": "!has(self.standby) || !has(self.publish) || self.standby.all(other, self.publish.all(output, output.secretName != other.name))",
    "message": "publish must not name a Secret of standby: give the output a name of its own",
}, {
    "rule": "!has(self.restart) || size(self.restart) == 0 || has(self.publish) && size(self.publish) > 0",
    "message": "restart needs an output that the workloads read: name one in publish, or leave restart out",
}]))]
pub struct GithubPatConnectionSpec {
    /// The GitHub host that the token was made on, by its name in the operator's settings. `github.com` is built in; an
    /// Enterprise Server or a tenant of ghe.com is added there by an administrator.
    #[serde(default = "default_host")]
    #[schemars(length(max = 253), extend("x-kubernetes-validations" = [{
        "rule": OBJECT_NAME,
        "message": "host must be the name of a host in the operator's settings, such as github.com, and no URL",
    }]))]
    pub host: String,
    /// The Secret that holds the token, in the namespace of the connection.
    pub secret_ref: SecretKeyRef,
    /// Secrets with further tokens, in order of preference after secretRef. Each is judged by the same requirements; the first one
    /// that is usable takes over when the token in use is refused, has expired or does not meet the requirements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub standby: Vec<SecretKeyRef>,
    /// How long a token stays in use before one that is preferred to it comes back, from 0s to 24h; 10m if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-validations" = duration::rules("holdDown", "0s", "24h")))]
    pub hold_down: Option<Duration>,
    /// The account whose token it must be. A token of another account is not published, so that nobody's own token takes the place
    /// of a bot's by mistake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expectation>,
    /// What the token must be and have to be of use.
    #[serde(default)]
    pub require: Requirement,
    /// How often GitHub is asked about an accepted token, from 10s to 24h. The operator's settings have a minimum, to which a
    /// shorter interval is raised.
    #[serde(default = "default_interval")]
    #[schemars(extend("x-kubernetes-validations" = duration::rules("interval", "10s", "24h")))]
    pub interval: Duration,
    /// How long before the expiry to warn. `NotExpiring` turns False at the longest, and its message changes at each.
    #[serde(default = "default_warn_before")]
    #[schemars(schema_with = "warnings")]
    pub warn_before: Vec<Duration>,
    /// What becomes of the outputs when the token turns invalid: Retain lets them keep the last proven token, Withdraw deletes
    /// those that hold this token once GitHub has refused it three times over at least ten minutes, its expiry is confirmed, or
    /// the requirements do not hold. An outage or a rate limit does not make it invalid.
    #[serde(default)]
    pub on_invalid: OnInvalid,
    /// How long the outputs stay before they are deleted, from 10s. Without it, an invalid token costs them at once, and a missing
    /// source Secret only those whose token GitHub has refused for good; with it, a source Secret that is missing for so long costs all of
    /// them. Outputs in the formats of Argo CD and Flux go at once in any case when the token is dead, since polling with it would lock
    /// its account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kubernetes-validations" = duration::rules("withdrawAfter", "10s", "99999h")))]
    pub withdraw_after: Option<Duration>,
    /// The Secrets to write the token to once GitHub has accepted it and the requirements hold. They go with the connection.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["secretName"]))]
    pub publish: Vec<Output>,
    /// The workloads whose Pods are replaced once every output holds a new token, as `kubectl rollout restart` does it. The first token
    /// of a connection restarts nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["kind", "name"]))]
    pub restart: Vec<Workload>,
    /// Whether to stop asking GitHub and to stop writing, until it is unset. What was published stays.
    #[serde(default)]
    pub suspend: bool,
}

/// A key of a Secret in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct SecretKeyRef {
    /// The name of the Secret.
    #[schemars(length(max = 253), extend("x-kubernetes-validations" = [{
        "rule": OBJECT_NAME,
        "message": "name must be that of a Secret: lower case letters, digits, dots and hyphens",
    }]))]
    pub name: String,
    /// The key whose value is the token.
    #[serde(default = "default_key")]
    #[schemars(length(max = 253), extend("x-kubernetes-validations" = [{
        "rule": DATA_KEY.0,
        "message": DATA_KEY.1,
    }]))]
    pub key: String,
}

impl GithubPatConnectionSpec {
    /// The names of the Secrets that a token is read from.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.candidates().map(|reference| reference.name.as_str())
    }

    /// The Secrets that the token may come from, in order of preference.
    pub fn candidates(&self) -> impl Iterator<Item = &SecretKeyRef> {
        std::iter::once(&self.secret_ref).chain(&self.standby)
    }

    /// How long a token stays in use before one that is preferred to it comes back.
    pub fn hold_down(&self) -> Duration {
        self.hold_down.unwrap_or(Duration::minutes(10))
    }

    /// The part of it that a decision needs.
    pub fn demand(&self) -> Demand {
        Demand {
            sources: self.sources().map(str::to_owned).collect(),
            expectation: self.expect.clone().unwrap_or_default(),
            requirement: self.require.clone(),
            outputs: self.publish.clone(),
            on_invalid: self.on_invalid,
            may_be_replaced: false,
            withdraw_after: self.withdraw_after.map(Duration::get),
            warn_before: self.warn_before.iter().map(|duration| duration.get()).collect(),
            suspend: self.suspend,
        }
    }
}

/// The host of a connection that names none.
pub const DEFAULT_HOST: &str = "github.com";

fn default_host() -> String {
    DEFAULT_HOST.to_owned()
}

fn default_key() -> String {
    "token".to_owned()
}

fn default_interval() -> Duration {
    Duration::minutes(30)
}

fn default_warn_before() -> Vec<Duration> {
    [720, 336, 168, 24].map(Duration::hours).to_vec()
}

fn warnings(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 10,
        "items": {
            "type": "string",
            "maxLength": 18,
            "x-kubernetes-validations": duration::rules("each of warnBefore", "1m", "99999h"),
        },
        "x-kubernetes-list-type": "set",
    })
}

/// The definition that makes an API server know the resource.
pub fn definition() -> CustomResourceDefinition {
    let mut definition = GithubPatConnection::crd();
    for version in &mut definition.spec.versions {
        let schema = version.schema.take().and_then(|validation| serde_json::to_value(validation).ok());
        version.schema = schema.and_then(|mut schema| {
            without_null(&mut schema);
            flowing(&mut schema);
            if let Some(status) = schema.pointer_mut("/openAPIV3Schema/properties/status") {
                status["default"] = unseen();
            }
            serde_json::from_value(schema).ok()
        });
    }
    definition
}

/// Null is not a value of any field: one that is not known is absent.
fn without_null(schema: &mut serde_json::Value) {
    match schema {
        serde_json::Value::Object(fields) => {
            fields.remove("nullable");
            fields.values_mut().for_each(without_null);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(without_null),
        _ => {}
    }
}

/// Joins the lines of the descriptions, which are broken as the source is.
fn flowing(schema: &mut serde_json::Value) {
    match schema {
        serde_json::Value::Object(fields) => {
            if let Some(serde_json::Value::String(text)) = fields.get_mut("description") {
                let paragraphs: Vec<_> =
                    text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
                *text = paragraphs.join("\n\n");
            }
            fields.values_mut().for_each(flowing);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(flowing),
        _ => {}
    }
}

/// The status of a connection that the operator has not seen, so that nobody takes it for done.
fn unseen() -> serde_json::Value {
    serde_json::json!({ "conditions": [{
        "type": "Ready",
        "status": "Unknown",
        "reason": Reason::Pending.as_str(),
        "message": "waiting for the operator to judge this connection",
        "lastTransitionTime": "1970-01-01T00:00:00Z",
    }] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> serde_json::Value {
        let definition = definition();
        serde_json::to_value(definition.spec.versions.first().unwrap().schema.as_ref().unwrap()).unwrap()
    }

    #[test]
    fn every_field_has_a_description() {
        fn walk(path: &str, schema: &serde_json::Value, bare: &mut Vec<String>) {
            let Some(properties) = schema.get("properties").and_then(|properties| properties.as_object())
            else {
                if let Some(items) = schema.get("items") {
                    walk(path, items, bare);
                }
                return;
            };
            for (name, property) in properties {
                let path = format!("{path}.{name}");
                if property.get("description").is_none() {
                    bare.push(path.clone());
                }
                walk(&path, property, bare);
            }
        }
        let mut bare = Vec::new();
        walk("", &schema()["openAPIV3Schema"], &mut bare);
        bare.retain(|path| path != ".status" && path != ".spec");
        assert_eq!(bare, Vec::<String>::new());
    }

    #[test]
    fn a_token_stays_in_use_for_ten_minutes_unless_the_spec_says_otherwise() {
        let spec = |more: serde_json::Value| -> GithubPatConnectionSpec {
            let mut spec = serde_json::json!({ "secretRef": { "name": "pat" } });
            spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value(spec).unwrap()
        };
        assert_eq!(spec(serde_json::json!({})).hold_down(), Duration::minutes(10));
        assert_eq!(spec(serde_json::json!({ "holdDown": "1h" })).hold_down(), Duration::minutes(60));
    }

    #[test]
    fn no_field_takes_null_and_an_unseen_connection_is_pending() {
        let schema = schema();
        assert!(!schema.to_string().contains("nullable"));
        let ready = &schema["openAPIV3Schema"]["properties"]["status"]["default"]["conditions"][0];
        assert_eq!((ready["status"].as_str(), ready["reason"].as_str()), (Some("Unknown"), Some("Pending")));
    }

    #[test]
    fn a_minimal_connection_has_the_documented_defaults() {
        let text = serde_json::json!({ "secretRef": { "name": "pat" } });
        let spec: GithubPatConnectionSpec = serde_json::from_value(text).unwrap();
        assert_eq!((spec.host.as_str(), spec.secret_ref.key.as_str()), ("github.com", "token"));
        assert_eq!(spec.interval.to_string(), "30m");
        let warnings: Vec<_> = spec.warn_before.iter().map(ToString::to_string).collect();
        assert_eq!(warnings, ["720h", "336h", "168h", "24h"]);
    }
}
