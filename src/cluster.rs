//! What stands where in the cluster, and single changes of it. It decides nothing.
//!
//! Each call has a deadline and gives its failure as a value.

pub mod connections;
pub mod consumers;
pub mod election;
pub mod events;
pub mod fence;
pub mod gates;
pub mod index;
pub mod lease;
pub mod marks;
pub mod object;
pub mod outputs;
pub mod peers;
pub mod pods;
pub mod receipts;
pub mod requests;
pub mod reviews;
pub mod scope;
pub mod secrets;
pub mod shown;
pub mod spec;
pub mod transport;
pub mod watch;
pub mod workloads;

use std::{future::Future, time::Duration};

use kube::{
    Client, Resource,
    core::{Request, Status, params::GetParams},
};
use serde::de::DeserializeOwned;

use crate::domain::{cause::innermost, token::Token};
use object::ObjectKey;

/// How long one call may take. Longer is no use: the next reconcile comes anyway.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No answer within this time.
    #[error("the API server did not answer within {} s", .0.as_secs_f64())]
    Late(Duration),
    /// The API server refused, or could not be reached.
    #[error("{}", plain(.0))]
    Kube(#[from] kube::Error),
}

/// Who or what refused a request, as far as the API server's answer tells.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cause {
    /// The namespace is being deleted: nothing can be created in it, and all of it goes.
    NamespaceTerminating,
    /// RBAC, or whatever else authorizes requests.
    Forbidden,
    /// An admission plugin of the API server, or something before it: it forbids as well, and names no user.
    Plugin,
    /// A ResourceQuota.
    Quota(Option<String>),
    /// A ValidatingAdmissionPolicy or an admission webhook of this name.
    Policy(String),
    /// An admission webhook of this name, which the API server could not ask.
    BrokenWebhook(String),
    /// Too many requests, or a server that is not ready.
    Busy,
    /// The object is not acceptable.
    Invalid,
    /// Something else.
    Other,
}

impl Fault {
    /// The HTTP status of the API server's refusal.
    pub fn code(&self) -> Option<u16> {
        self.api_status().map(|status| status.code)
    }

    /// True if the API server has no such object. A 404 without this reason comes from something before it, such as a proxy.
    pub fn is_not_found(&self) -> bool {
        self.api_status().is_some_and(|status| status.code == 404 && status.reason == "NotFound")
    }

    /// True if what the call was about has changed meanwhile.
    pub fn is_conflict(&self) -> bool {
        (self.is_not_found() || self.code() == Some(409)) && !self.is_terminating()
    }

    /// True if it exists already.
    pub fn is_already_there(&self) -> bool {
        self.api_status().is_some_and(|status| status.code == 409 && status.reason == "AlreadyExists")
    }

    /// True if RBAC, a plugin, a quota or a policy forbids it, so that it does not pass by itself.
    pub fn is_forbidden(&self) -> bool {
        self.code() == Some(403)
    }

    /// True if somebody stands against it: RBAC, a plugin, a quota, a policy, a webhook, or the API server that does not accept it.
    pub fn is_refused(&self) -> bool {
        self.api_status().is_some_and(|status| !matches!(cause(status), Cause::Busy | Cause::Other))
    }

    /// True if it passes by itself: the API server was too slow or too busy, or could not be reached.
    pub fn is_passing(&self) -> bool {
        self.api_status().is_none_or(|status| cause(status) == Cause::Busy)
    }

    /// True if the namespace is being deleted, which is no fault at all.
    pub fn is_terminating(&self) -> bool {
        self.api_status().is_some_and(|status| cause(status) == Cause::NamespaceTerminating)
    }

    /// The user that RBAC, or whatever authorizes requests, does not let do it, if his name is plain; `None` if something else stands
    /// against it.
    pub fn refused_user(&self) -> Option<Option<&str>> {
        let status = self.api_status().filter(|status| cause(status) == Cause::Forbidden)?;
        Some(user(status))
    }

    /// What to do about it, as the end of a sentence. The same words each time.
    pub fn advice(&self, verbs: &str) -> String {
        self.advice_on(verbs, "Secrets")
    }

    /// The same about objects of another kind.
    pub fn advice_on(&self, verbs: &str, kind: &str) -> String {
        let Some(status) = self.api_status() else {
            return "the operator tries again soon".to_owned();
        };
        match cause(status) {
            Cause::Forbidden => {
                format!("give the operator's ServiceAccount {verbs} on {kind} in this namespace (RBAC)")
            }
            Cause::Plugin => {
                "an admission plugin of the API server, or a proxy before it, refused it; the operator's log has its words".to_owned()
            }
            Cause::Quota(Some(name)) => format!("raise the ResourceQuota {name} or free some of it"),
            Cause::Quota(None) => "raise the ResourceQuota of the namespace or free some of it".to_owned(),
            Cause::Policy(name) => {
                format!(
                    "the admission policy or webhook {name} refused it: have its owner allow what the operator does with {kind}"
                )
            }
            Cause::BrokenWebhook(name) => {
                format!("the API server could not ask the admission webhook {name}: have its owner repair it")
            }
            Cause::NamespaceTerminating => "the namespace is being deleted".to_owned(),
            Cause::Busy => "the API server is busy; the operator tries again soon".to_owned(),
            Cause::Invalid | Cause::Other => {
                "the operator tries again; its log has the API server's words".to_owned()
            }
        }
    }

    /// The API server's own sentence, for the log, unless it shows the token.
    pub fn said(&self, token: Option<&Token>) -> String {
        let said = match self {
            Fault::Late(_) => return String::new(),
            // A webhook may quote what it refused, in an encoding of its own.
            Fault::Kube(kube::Error::Api(status)) => match quoted(&status.message, WEBHOOK) {
                Some(name) => format!("refused by {name}"),
                None => status.message.clone(),
            },
            Fault::Kube(error) => innermost(error),
        };
        match token {
            Some(token) if token.shows_in(&said) => "(not repeated: it shows a token)".to_owned(),
            _ => said,
        }
    }

    fn api_status(&self) -> Option<&Status> {
        match self {
            Fault::Kube(kube::Error::Api(status)) => Some(status),
            _ => None,
        }
    }
}

/// Who refused. The API server tells policies, webhooks and quotas apart in its sentence only:
/// <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/>,
/// <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/>.
fn cause(status: &Status) -> Cause {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    if causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating") {
        return Cause::NamespaceTerminating;
    }
    let message = status.message.as_str();
    for introduction in ["ValidatingAdmissionPolicy '", WEBHOOK] {
        if let Some(name) = quoted(message, introduction) {
            return Cause::Policy(name);
        }
    }
    if let Some(name) = quoted(message, "failed calling webhook \"") {
        return Cause::BrokenWebhook(name);
    }
    if message.contains("exceeded quota") {
        return Cause::Quota(message.split("exceeded quota: ").nth(1).and_then(word));
    }
    match status.code {
        403 if message.contains(USER) => Cause::Forbidden,
        403 => Cause::Plugin,
        422 | 400 => Cause::Invalid,
        429 | 500..=599 => Cause::Busy,
        _ => Cause::Other,
    }
}

/// How the API server introduces whom it does not authorize:
/// <https://kubernetes.io/docs/reference/access-authn-authz/authorization/>.
const USER: &str = "forbidden: User \"";

/// How the API server introduces the name of a webhook.
const WEBHOOK: &str = "admission webhook \"";

/// The name of the user whom the API server does not authorize, if it is plain enough to be repeated.
fn user(status: &Status) -> Option<&str> {
    let (_, rest) = status.message.split_once(USER)?;
    let (name, _) = rest.split_once('"')?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '.' | '_' | '@');
    (!name.is_empty() && name.len() <= 600 && name.chars().all(is_plain)).then_some(name)
}

/// The object name that follows these words.
fn quoted(message: &str, introduction: &str) -> Option<String> {
    message.split(introduction).nth(1).and_then(word)
}

/// The object name at the start: nothing else of a refusal is repeated, since a webhook may quote what it refused.
fn word(text: &str) -> Option<String> {
    let name: String =
        text.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')).take(253).collect();
    (!name.is_empty()).then_some(name)
}

/// Waits for the call, no longer than the deadline.
///
/// # Errors
///
/// What the API server refused, or that it did not answer in time.
pub async fn within<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, Fault> {
    match tokio::time::timeout(DEADLINE, call).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Fault::Late(DEADLINE)),
    }
}

/// An object of this kind as it stands now, past every cache, in whatever form is wanted; `None` if there is none.
///
/// # Errors
///
/// If the API server does not tell.
async fn get_opt<K, T>(client: &Client, key: &ObjectKey) -> Result<Option<T>, Fault>
where
    K: Resource<DynamicType = ()>,
    T: DeserializeOwned,
{
    let request = Request::new(K::url_path(&(), Some(key.namespace())));
    let request = request.get(key.name(), &GetParams::default()).map_err(kube::Error::BuildRequest)?;
    match within(client.request(request)).await {
        Err(fault) if fault.is_not_found() => Ok(None),
        read => read.map(Some),
    }
}

/// What went wrong, in words that do not depend on the occasion, since a sentence that changes each time would be written to
/// the status each time.
fn plain(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.reason.is_empty() => {
            format!("the API server answered {} ({})", status.reason, status.code)
        }
        kube::Error::Api(status) => format!("the API server answered {}", status.code),
        _ => "the API server could not be reached, or its answer not be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, reason: &str, message: &str) -> Fault {
        Fault::from(kube::Error::Api(Box::new(Status::failure(message, reason).with_code(code))))
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_without_an_answer_ends_after_five_seconds() {
        let started = tokio::time::Instant::now();
        let answer = within(std::future::pending::<kube::Result<()>>()).await;
        assert!(matches!(answer, Err(Fault::Late(DEADLINE))));
        assert_eq!(started.elapsed(), Duration::from_secs(5));
    }

    #[test]
    fn the_words_of_the_api_server_are_not_passed_on() {
        let fault = refused(403, "Forbidden", "admission webhook says: secret");
        assert_eq!(
            (fault.to_string().as_str(), fault.code()),
            ("the API server answered Forbidden (403)", Some(403))
        );
    }

    #[test]
    fn each_cause_of_a_refusal_has_its_advice() {
        let rows = [
            (
                refused(403, "Forbidden", "secrets is forbidden: User \"op\" cannot create resource"),
                "give the operator's ServiceAccount create",
            ),
            (
                refused(
                    403,
                    "Forbidden",
                    "secrets is forbidden: User \"arn:aws:iam::1:role/op\" cannot create x",
                ),
                "give the operator's ServiceAccount create",
            ),
            (
                refused(403, "Forbidden", "secrets \"a\" is forbidden: cannot set blockOwnerDeletion: x"),
                "an admission plugin",
            ),
            (
                refused(
                    403,
                    "Forbidden",
                    "secrets \"a\" is forbidden: exceeded quota: small, requested: secrets=1",
                ),
                "ResourceQuota small",
            ),
            (
                refused(
                    422,
                    "Invalid",
                    "secrets \"a\" is forbidden: ValidatingAdmissionPolicy 'no-pats' with binding 'b' denied request: x",
                ),
                "admission policy or webhook no-pats refused",
            ),
            (
                refused(400, "", "admission webhook \"guard.example.com\" denied the request: x"),
                "admission policy or webhook guard.example.com refused",
            ),
            (
                refused(
                    500,
                    "InternalError",
                    "Internal error occurred: failed calling webhook \"guard.example.com\": failed to call webhook: x",
                ),
                "could not ask the admission webhook guard.example.com",
            ),
            (refused(503, "ServiceUnavailable", "not ready"), "busy"),
            (Fault::Late(DEADLINE), "tries again soon"),
        ];
        for (fault, words) in rows {
            let advice = fault.advice("create");
            assert!(advice.contains(words), "{fault}: {advice}");
        }
    }

    #[test]
    fn who_is_refused_by_whatever_authorizes_requests_is_known_where_his_name_is_plain() {
        let rows = [
            ("User \"system:serviceaccount:ops:op\" cannot", Some(Some("system:serviceaccount:ops:op"))),
            ("User \"arn:aws:iam::1:role/op\" cannot", Some(None)),
            ("violates PodSecurity \"restricted:latest\"", None),
        ];
        for (why, user) in rows {
            let fault = refused(403, "Forbidden", &format!("pods \"a\" is forbidden: {why}"));
            assert_eq!(fault.refused_user(), user, "{why}");
            assert!(fault.is_refused() && fault.is_forbidden(), "{why}");
        }
    }

    #[test]
    fn a_404_of_a_proxy_does_not_say_that_an_object_is_gone() {
        let missing = refused(404, "NotFound", "secrets \"a\" not found");
        assert!(missing.is_not_found() && missing.is_conflict());
        let proxy = refused(404, "Failed to parse error data", "<html>not here</html>");
        assert!(!proxy.is_not_found() && !proxy.is_conflict());
        assert!(refused(409, "Conflict", "x").is_conflict());
    }

    #[test]
    fn a_terminating_namespace_is_no_conflict_and_no_fault() {
        let mut status =
            Status::failure("unable to create new content in namespace a", "Forbidden").with_code(403);
        status.details = serde_json::from_value(serde_json::json!({
            "causes": [{ "reason": "NamespaceTerminating", "message": "namespace a is being terminated", "field": "" }],
        }))
        .unwrap();
        let fault = Fault::from(kube::Error::Api(Box::new(status)));
        assert!(fault.is_terminating() && !fault.is_conflict());
    }

    #[test]
    fn a_sentence_that_shows_the_token_is_not_logged() {
        let token = Token::try_from(["ghp_", &"a".repeat(36)].concat().as_bytes()).unwrap();
        let fault = refused(403, "Forbidden", &format!("denied: {}", token.expose()));
        assert!(!fault.said(Some(&token)).contains(token.expose()));
        assert_eq!(refused(403, "Forbidden", "denied").said(Some(&token)), "denied");
    }
}
