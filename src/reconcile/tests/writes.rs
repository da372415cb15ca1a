//! What becomes of a write of an output that the API server does not take.

use std::sync::{Arc, Mutex};

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use kube::core::Status;
use serde_json::{Value, json};

use super::{
    super::{Failure, SILENT_RETRIES, reconcile},
    connection, hearing, ready,
};
use crate::{
    cluster::{self, Fault, object::ObjectKey, scope::Scope},
    domain::{Reason, token::Token},
};

/// What the API server answers a write.
type Answered = Option<(u16, &'static str, &'static str)>;

/// How many statuses were written, and what `Published` and `Ready` of the last one say, in that order.
type Said = (usize, Vec<(String, String)>);

fn says(status: &Value) -> Vec<(String, String)> {
    let conditions = status["conditions"].as_array().unwrap();
    let of = |type_: &str| conditions.iter().find(|condition| condition["type"] == type_);
    let word = |condition: &Value, field: &str| condition[field].as_str().unwrap().to_owned();
    let said = |condition| (word(condition, "status"), word(condition, "reason"));
    ["Published", "Ready"].into_iter().filter_map(of).map(said).collect()
}

/// What the status says after each of so many reconciles. The API server answers the creation of each of the two outputs so; in the
/// last reconcile it takes both.
async fn said(answered: [Answered; 2], reconciles: u32) -> Vec<Said> {
    let token = Token::try_from(format!("{}_{:036}", "ghp", 1).as_bytes()).unwrap();
    let now = Timestamp::now().to_string();
    let mut status = ready("True", "Ready");
    status["token"] = json!({
        "secretName": "pat", "host": "github.com", "kind": "Classic", "hashedToken": token.hashed(),
        "firstProvenAt": now, "checkedAt": now, "login": "acme-ci", "userId": 1, "scopes": [],
    });
    let publish = ["one", "two"].map(|name| json!({ "secretName": name, "format": "Opaque" }));
    let spec = json!({ "secretRef": { "name": "pat" }, "publish": publish });
    let key = ObjectKey::new("team-a", "ci");
    let (mut known, _) = connection(&key, &status);
    known.spec = spec.clone().into();
    let source = json!({
        "metadata": { "name": "pat", "namespace": "team-a", "uid": "s", "resourceVersion": "1" },
        "data": { "token": BASE64_STANDARD.encode(token.expose()) },
    });
    let written = Arc::new(Mutex::new(vec![status.clone()]));
    let takes = Arc::new(Mutex::new(false));
    let (kept, is_taken) = (written.clone(), takes.clone());
    let ctx = hearing(move |method, path, sent| {
        let name = sent["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let answer = answered[usize::from(name == "two")].filter(|_| !*is_taken.lock().unwrap());
        let failed = |code: u16, reason: &str, message: &str| {
            Some((
                code,
                json!({ "kind": "Status", "status": "Failure", "reason": reason, "code": code, "message": message }),
            ))
        };
        let stands = |statuses: &[Value]| {
            let metadata = json!({
                "name": "ci", "namespace": "team-a", "uid": "u", "generation": 1, "labels": { "team": "infra" },
                "resourceVersion": statuses.len().to_string(),
            });
            let (api_version, kind) = ("githubpat.dev/v1alpha1", "GithubPatConnection");
            let status = statuses.last();
            Some((
                200,
                json!({ "apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec, "status": status }),
            ))
        };
        let answer = match (method.as_str(), path.rsplit('/').next().unwrap_or_default()) {
            ("GET", "pat") => Some((200, source.clone())),
            ("GET", "ci") => stands(&kept.lock().unwrap()),
            ("PUT", "status") => {
                let mut statuses = kept.lock().unwrap();
                statuses.push(sent["status"].clone());
                stands(&statuses)
            }
            ("POST", "secrets") => match answer {
                Some((0, ..)) => None,
                Some((code, reason, message)) => failed(code, reason, message),
                None => {
                    let mut metadata = sent["metadata"].clone();
                    metadata["namespace"] = "team-a".into();
                    metadata["uid"] = name.into();
                    metadata["resourceVersion"] = "9".into();
                    Some((201, json!({ "metadata": metadata })))
                }
            },
            _ => failed(404, "NotFound", ""),
        };
        async move {
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        }
    });
    ctx.index.connections_listed(&Scope::All);
    ctx.index.secrets_listed(&Scope::All);
    ctx.index.saw_connection(known);
    let mut said = Vec::new();
    for number in 1..=reconciles {
        *takes.lock().unwrap() = number == reconciles;
        assert!(reconcile(&key, &ctx).await.is_some(), "it comes again");
        let statuses = written.lock().unwrap();
        said.push((statuses.len().saturating_sub(1), statuses.last().map(says).unwrap_or_default()));
    }
    said
}

#[tokio::test(start_paused = true)]
async fn what_passes_by_itself_is_told_after_silent_retries_and_asks_for_nobody() {
    let busy = |code, reason| Some((code, reason, "try again"));
    let pair = |status: &str, reason: &str| (status.to_owned(), reason.to_owned());
    let waits = vec![pair("Unknown", "ApiServerUnavailable"), pair("Unknown", "ApiServerUnavailable")];
    let mend = vec![pair("False", "WriteFailed"), pair("False", "WriteFailed")];
    let user = "secrets is forbidden: User \"op\" cannot create resource";
    let policy =
        "secrets \"one\" is forbidden: ValidatingAdmissionPolicy 'no' with binding 'b' denied request: x";
    let webhook = "Internal error occurred: failed calling webhook \"guard.example.com\": x";
    // What the API server answers, and whether it passes by itself.
    let rows = [
        ([busy(429, "TooManyRequests"), None], true),
        ([None, busy(429, "TooManyRequests")], true),
        ([busy(500, "InternalError"), busy(504, "Timeout")], true),
        ([busy(503, "ServiceUnavailable"), None], true),
        ([Some((0, "", "")), None], true),
        ([Some((403, "Forbidden", user)), None], false),
        ([Some((422, "Invalid", policy)), None], false),
        ([Some((422, "Invalid", "x")), None], false),
        ([Some((403, "Forbidden", "exceeded quota: small, requested: x")), None], false),
        ([Some((500, "InternalError", webhook)), None], false),
        (
            [
                Some((429, "TooManyRequests", "admission webhook \"guard.example.com\" denied the request")),
                None,
            ],
            false,
        ),
    ];
    for (answered, passes) in rows {
        let said = said(answered, SILENT_RETRIES.saturating_add(2)).await;
        let silent: Vec<_> = said.iter().take_while(|(written, _)| *written == 0).collect();
        assert_eq!(silent.len(), if passes { 3 } else { 0 }, "{answered:?}: {said:?}");
        let told = &said[silent.len()];
        assert_eq!(told.1, if passes { waits.clone() } else { mend.clone() }, "{answered:?}");
        assert_eq!(
            said.last().unwrap().1[0],
            pair("True", "Published"),
            "{answered:?}: in the end it is written"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_person_has_to_mend_is_told_beside_what_passes_by_itself() {
    let (busy, forbidden) = (Some((429, "TooManyRequests", "")), Some((403, "Forbidden", "")));
    for answered in [[busy, forbidden], [forbidden, busy]] {
        let said = said(answered, SILENT_RETRIES.saturating_add(2)).await;
        let (_, told) = &said[3];
        assert_eq!(told[0], ("False".to_owned(), "WriteFailed".to_owned()), "{said:?}");
    }
}

#[test]
fn what_could_not_be_read_is_never_told_as_a_write() {
    let refused = |code| Fault::from(kube::Error::Api(Box::new(Status::failure("x", "x").with_code(code))));
    let rows = [
        ("read", Fault::Late(cluster::DEADLINE), Reason::ApiServerUnavailable),
        ("read", refused(503), Reason::ApiServerUnavailable),
        ("read", refused(401), Reason::ApiServerUnavailable),
        ("read", refused(403), Reason::SecretForbidden),
        ("update", Fault::Late(cluster::DEADLINE), Reason::ApiServerUnavailable),
        ("update", refused(401), Reason::WriteFailed),
        ("update", refused(403), Reason::WriteFailed),
    ];
    for (doing, fault, reason) in rows {
        let failure = Failure { doing, secret: "out".to_owned(), verbs: "get", fault };
        assert_eq!(failure.finding().reason, reason, "{doing}: {}", failure.fault);
    }
}
