//! The API server's audit log: who asked for what, and how it was answered.
//!
//! There is one event for each answered request, written before its answer is complete. Requests of the API server to
//! itself are left out, and a watch is in the log only when it has ended.

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

/// The audit policy, which is JSON where YAML is expected.
pub(crate) const POLICY: &str = r#"{
  "apiVersion": "audit.k8s.io/v1",
  "kind": "Policy",
  "omitStages": ["RequestReceived", "ResponseStarted"],
  "rules": [{ "level": "None", "users": ["system:apiserver"] }, { "level": "Metadata" }]
}
"#;

/// One answered request, from <https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/>.
///
/// Texts the request has no value for are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEvent {
    /// Who asked: a user name such as `system:serviceaccount:ci:bot`.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`; a method in lower case for
    /// what is not a resource.
    pub verb: String,
    /// The API group, empty for the core group.
    pub group: String,
    /// The resource in the plural, such as `secrets`.
    pub resource: String,
    /// The subresource, such as `status`.
    pub subresource: String,
    /// The object's namespace.
    pub namespace: String,
    /// The object's name; empty for lists and for created objects whose name the API server makes up.
    pub name: String,
    /// The HTTP status of the answer, 0 if there was none.
    pub code: u16,
    /// `ResponseComplete`, or `Panic` if the API server failed over the request.
    pub stage: String,
    /// Path and query.
    pub uri: String,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// When the request came in.
    pub received: Timestamp,
    /// When it was answered.
    pub answered: Timestamp,
}

impl AuditEvent {
    /// Whether the request was to change something, allowed or not.
    pub fn is_write(&self) -> bool {
        matches!(self.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection")
    }

    fn parse(line: &str) -> Result<Self, String> {
        let event: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let text = |pointer| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let time = |pointer| text(pointer).parse().map_err(|error| format!("{pointer}: {error}"));
        let code = event.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or_default();
        Ok(Self {
            user: text("/user/username"),
            verb: text("/verb"),
            group: text("/objectRef/apiGroup"),
            resource: text("/objectRef/resource"),
            subresource: text("/objectRef/subresource"),
            namespace: text("/objectRef/namespace"),
            name: text("/objectRef/name"),
            code: u16::try_from(code).map_err(|error| format!("code {code}: {error}"))?,
            stage: text("/stage"),
            uri: text("/requestURI"),
            user_agent: text("/userAgent"),
            received: time("/requestReceivedTimestamp")?,
            answered: time("/stageTimestamp")?,
        })
    }
}

/// The events of a log that may be in the middle of being written, or the first line that is none and what is wrong
/// with it.
pub(crate) fn events(log: &str) -> Result<Vec<AuditEvent>, (String, String)> {
    let whole = log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    whole.map(|line| AuditEvent::parse(line).map_err(|cause| (line.to_owned(), cause))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"kind":"Event","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/ci/secrets?x=y","verb":"create","user":{"username":"admin","groups":["system:masters"]},"userAgent":"curl","objectRef":{"resource":"secrets","namespace":"ci","name":"bot","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":201},"requestReceivedTimestamp":"2026-11-23T06:40:45.854809Z","stageTimestamp":"2026-11-23T06:40:45.859001Z"}"#;

    #[test]
    fn an_event_names_user_object_and_answer() {
        let [event] = events(&format!("{LINE}\n")).unwrap().try_into().unwrap();
        assert_eq!((event.user.as_str(), event.verb.as_str(), event.code), ("admin", "create", 201));
        assert_eq!((event.namespace.as_str(), event.name.as_str()), ("ci", "bot"));
        assert!(event.is_write() && event.subresource.is_empty() && event.answered > event.received);
    }

    #[test]
    fn a_line_still_being_written_is_no_event_yet() {
        let log = format!("{LINE}\n{}", LINE.split_at(40).0);
        assert_eq!(events(&log).unwrap().len(), 1);
    }

    #[test]
    fn a_line_that_is_no_event_is_an_error() {
        assert_eq!(events("nonsense\n").unwrap_err().0, "nonsense");
    }
}
