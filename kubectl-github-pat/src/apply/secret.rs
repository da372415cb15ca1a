//! Secrets, as they were seen and as a token is written into them. No value of a Secret that the user may not read is asked for.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, prelude::BASE64_STANDARD};
use github_pat_operator::{api::SecretKeyRef, domain::token::Token};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
    core::Status,
};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::{Effect, OF_NOTHING, is_of, is_plugin, is_tool, manager_of, managers_of};
use crate::{
    cluster::Cluster,
    error::Error,
    left::{Left, note, noted_in},
};

/// What stands under the name of a Secret.
pub(crate) enum Present {
    /// This one.
    There(Box<Secret>),
    /// None.
    Absent,
    /// The user may not read it, if there is one.
    Hidden,
}

/// A Secret as it was seen before somebody else could write it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Basis {
    version: String,
    /// What stands under the key that is to be written; nothing where the user may not read it.
    held: Option<Held>,
}

/// What stands under a key, by its hash, and who has written it.
#[derive(Clone, PartialEq, Eq)]
struct Held {
    hash: Option<Vec<u8>>,
    managers: BTreeSet<String>,
}

/// What a dry run tells of a Secret that the user may not read.
#[derive(Default)]
pub(crate) struct Glimpse {
    /// Nothing if there is no such Secret, or the user may not write it either.
    pub(crate) basis: Option<Basis>,
    /// Who has written the key, as the API server names whoever would be in the way of another value.
    pub(crate) holders: Vec<String>,
    /// The token that the plugin has stored there, unless somebody else has written the key since.
    pub(crate) left: Option<Left>,
}

/// What is put into a Secret.
#[derive(Default)]
struct Content<'a> {
    data: BTreeMap<&'a str, String>,
    annotations: BTreeMap<String, String>,
}

impl<'a> Content<'a> {
    /// The token under this key, and a note which one it is, and for which host.
    fn of(key: &'a str, (token, host): (&Token, &str)) -> Self {
        Content {
            data: BTreeMap::from([(key, BASE64_STANDARD.encode(token.expose()))]),
            annotations: BTreeMap::from([(noted_in(key), note(key, token.hashed(), host))]),
        }
    }
}

impl Basis {
    /// What a write under this key of the Secret rests on.
    pub(crate) fn of(secret: &Secret, key: &str) -> Self {
        let value = secret.data.as_ref().and_then(|data| data.get(key));
        let managers = ["data", "stringData"].into_iter().flat_map(|field| managers_of(secret, [field, key]));
        let hash = value.map(|value| digest(&SHA256, &value.0).as_ref().to_vec());
        let held = Held { hash, managers: managers.collect() };
        Basis { version: secret.resource_version().unwrap_or_default(), held: Some(held) }
    }
}

impl Cluster {
    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// What stands under this name.
    ///
    /// # Errors
    ///
    /// If the API server does not answer.
    pub(crate) async fn secret(&self, name: &str) -> Result<Present, Error> {
        let found = async {
            match self.secrets().get_opt(name).await {
                Err(kube::Error::Api(status)) if status.code == 403 => Ok(Present::Hidden),
                found => Ok(found?.map_or(Present::Absent, |secret| Present::There(Box::new(secret)))),
            }
        };
        self.call(&format!("read Secret {name}"), found).await
    }

    /// True if there is such a Secret, whatever it holds, as far as the user may read it or write this key of it.
    pub(crate) async fn has_secret(&self, SecretKeyRef { name, key }: &SecretKeyRef) -> bool {
        match self.secret(name).await {
            Ok(Present::There(_)) => true,
            Ok(Present::Hidden) => self.glimpse(name, key).await.is_ok_and(|seen| seen.basis.is_some()),
            Ok(Present::Absent) | Err(_) => false,
        }
    }

    /// Puts the token for this host under the key of the Secret. Without a token it only tells whether that may be. `again` is the command by which a
    /// person does it once more.
    ///
    /// # Errors
    ///
    /// If the API server does not let it happen, or somebody else has put something there.
    pub(crate) async fn store(
        &self,
        name: &str,
        key: &str,
        token: Option<(&Token, &str)>,
        effect: Effect,
        again: &str,
    ) -> Result<(), Error> {
        let stored = self.stored(name, key, token, effect, again).await;
        stored.map_err(|error| match token {
            Some((token, _)) => error.without(token),
            None => error,
        })
    }

    async fn stored(
        &self,
        name: &str,
        key: &str,
        token: Option<(&Token, &str)>,
        effect: Effect,
        again: &str,
    ) -> Result<(), Error> {
        let content = token.map(|token| Content::of(key, token)).unwrap_or_default();
        let params = effect.params(&manager_of(key));
        let is_written = match effect {
            Effect::Forced { seen } => self.apply_over(name, key, &params, &content, &seen).await?,
            Effect::Created { .. } => {
                let is_new = self.apply(name, &params, &manifest(name, &content, Some(OF_NOTHING))).await?;
                return if is_new { Ok(()) } else { Err(Error::Usage(is_taken(name))) };
            }
            Effect::DryRun => self.apply(name, &params, &manifest(name, &content, None)).await?,
        };
        if is_written { Ok(()) } else { Err(is_written_meanwhile(name, again)) }
    }

    /// False if somebody else has written the key since it was seen. Others write labels and annotations too, which takes no token from a
    /// person who has just made it: the Secret is written once more then, as far as the user may read that the key is as it was.
    async fn apply_over(
        &self,
        name: &str,
        key: &str,
        params: &PatchParams,
        content: &Content<'_>,
        seen: &Basis,
    ) -> Result<bool, Error> {
        if self.apply(name, params, &manifest(name, content, Some(&seen.version))).await? {
            return Ok(true);
        }
        match self.unchanged(name, key, seen).await? {
            Some(version) => self.apply(name, params, &manifest(name, content, Some(&version))).await,
            None => Ok(false),
        }
    }

    /// False if somebody else is in the way.
    async fn apply(&self, name: &str, params: &PatchParams, secret: &Value) -> Result<bool, Error> {
        let (api, patch) = (self.secrets(), Patch::Apply(secret));
        let applied = async {
            match api.patch_metadata(name, params, &patch).await {
                Err(kube::Error::Api(status)) if is_of(&status, "secrets") => Ok(false),
                applied => applied.map(|_| true),
            }
        };
        self.call(&format!("write Secret {name}"), applied).await
    }

    /// The version of the Secret now, if the key holds the same by the same hands as it was seen, as far as the user may read that.
    async fn unchanged(&self, name: &str, key: &str, seen: &Basis) -> Result<Option<String>, Error> {
        if seen.held.is_none() {
            return Ok(None);
        }
        Ok(match self.secret(name).await? {
            Present::There(found) => {
                let now = Basis::of(&found, key);
                (now.held == seen.held).then_some(now.version)
            }
            Present::Absent | Present::Hidden => None,
        })
    }

    /// What a dry run tells of a Secret that the user may not read. Nothing is written, and no value comes back.
    ///
    /// # Errors
    ///
    /// If the API server does not answer.
    pub(crate) async fn glimpse(&self, name: &str, key: &str) -> Result<Glimpse, Error> {
        let value = "of a dry run";
        let (seen, held) = (
            manifest(name, &Content::default(), None),
            json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name },
                "data": { key: BASE64_STANDARD.encode(value) }, "stringData": { key: value },
            }),
        );
        // No key has this name, so that the plugin itself is in its own way too.
        let manager = manager_of("?");
        let (api, params) = (self.secrets(), Effect::DryRun.params(&manager));
        let tried = async {
            // Before it is asked who has written it: what comes after this version is refused.
            let seen = match api.patch_metadata(name, &params, &Patch::Apply(&seen)).await {
                // Who may not write it is told so where it is to be written.
                Err(kube::Error::Api(status)) if status.code == 403 => return Ok(Glimpse::default()),
                seen => seen?,
            };
            let version = seen.resource_version().filter(|version| !version.is_empty());
            let params = PatchParams { force: false, ..params };
            let holders = match api.patch_metadata(name, &params, &Patch::Apply(&held)).await {
                Err(kube::Error::Api(status)) if status.code == 409 => in_the_way(&status),
                Err(kube::Error::Api(status)) if status.code == 403 => Vec::new(),
                tried => tried.map(|_| Vec::new())?,
            };
            let left = Left::noted(name.to_owned(), key, seen.annotations()).filter(|_| are_ours(&holders));
            Ok(Glimpse { basis: version.map(|version| Basis { version, held: None }), holders, left })
        };
        self.call(&format!("write Secret {name}"), tried).await
    }
}

/// What is sent of a Secret: over this version of it alone, if one is named.
fn manifest(name: &str, Content { data, annotations }: &Content<'_>, version: Option<&str>) -> Value {
    let metadata = match version {
        Some(version) => json!({ "name": name, "annotations": annotations, "resourceVersion": version }),
        None => json!({ "name": name, "annotations": annotations }),
    };
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data })
}

fn is_taken(name: &str) -> String {
    format!(
        "there is a Secret {name} already, and it is not overwritten, since it was not there before or you may not read what is in it: name another one"
    )
}

fn is_written_meanwhile(name: &str, again: &str) -> Error {
    Error::Refused(format!(
        "somebody else has written Secret {name} meanwhile, so nothing was written to it: {again} looks at it anew"
    ))
}

/// True if the plugin has written to the Secret, as in a run that was interrupted, and nobody else to this key of it.
pub(crate) fn is_ours(secret: &Secret, key: &str) -> bool {
    let is_written =
        secret.managed_fields().iter().any(|entry| entry.manager.as_deref().is_some_and(is_plugin));
    is_written && managers_of(secret, ["data", key]).iter().all(|manager| is_plugin(manager))
}

/// Who holds what a server-side apply would change. The API server names each in a sentence of its own, as in
/// `conflict with "argocd-controller" using v1`.
fn in_the_way(status: &Status) -> Vec<String> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes.filter_map(|cause| cause.message.split('"').nth(1)).map(str::to_owned).collect()
}

/// The first of these that is a tool that syncs.
pub(crate) fn tool_among(managers: &[String]) -> Option<String> {
    managers.iter().find(|manager| is_tool(manager)).cloned()
}

/// True if the plugin, and nobody else, is among these.
pub(crate) fn are_ours(managers: &[String]) -> bool {
    !managers.is_empty() && managers.iter().all(|manager| is_plugin(manager))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::{
        body::Body,
        http::{Request, Response, StatusCode},
    };
    use github_pat_operator::domain::token::LegacyTokens;
    use kube::Client;

    use super::*;

    #[tokio::test]
    async fn a_webhook_that_repeats_the_token_is_not_repeated() {
        let legacy = "0123456789abcdef".repeat(3).split_off(8);
        let known = ["ghp_", &"a1".repeat(18)].concat();
        for text in [legacy, known] {
            let token = Token::parse(text.as_bytes(), LegacyTokens::Allowed).unwrap();
            for repeated in [text.clone(), BASE64_STANDARD.encode(&text)] {
                let said = json!({
                    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Forbidden", "code": 403,
                    "message": format!("admission webhook \"nosy\" denied the request: {repeated}"),
                });
                let answers = tower::service_fn(move |_: Request<kube::client::Body>| {
                    let mut answer = Response::new(Body::from(said.to_string()));
                    *answer.status_mut() = StatusCode::FORBIDDEN;
                    async { Ok::<_, Infallible>(answer) }
                });
                let cluster = Cluster::behind(Client::new(answers, "team-a"));
                let made = Effect::Created { dry_run: false };
                let stored = cluster.store("pat", "token", Some((&token, "ghe")), made, "again").await;
                let error = stored.unwrap_err().to_string();
                assert!(error.contains("not repeated here") && !token.shows_in(&error), "{}", error.len());
            }
        }
    }

    #[tokio::test]
    async fn a_quota_that_others_spend_from_is_no_secret_of_others() {
        for (kind, is_taken) in [("secrets", true), ("", true), ("resourcequotas", false)] {
            let said = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Conflict", "code": 409,
                "message": "Operation cannot be fulfilled", "details": { "kind": kind },
            });
            let answers = tower::service_fn(move |_: Request<kube::client::Body>| {
                let mut answer = Response::new(Body::from(said.to_string()));
                *answer.status_mut() = StatusCode::CONFLICT;
                async { Ok::<_, Infallible>(answer) }
            });
            let cluster = Cluster::behind(Client::new(answers, "team-a"));
            let made = Effect::Created { dry_run: false };
            let error = cluster.store("pat", "token", None, made, "again").await.unwrap_err().to_string();
            assert_eq!(error.starts_with("there is a Secret pat already"), is_taken, "{error}");
        }
    }

    #[test]
    fn a_key_is_as_it_was_whichever_of_its_holders_has_written_elsewhere_last() {
        let seen = |managers: [&str; 2]| {
            let held = |manager: &str| json!({ "manager": manager, "operation": "Apply", "apiVersion": "v1", "fieldsV1": { "f:data": { "f:token": {} } } });
            let metadata = json!({ "name": "pat", "managedFields": managers.map(held) });
            Basis::of(&serde_json::from_value(json!({ "metadata": metadata })).unwrap(), "token")
        };
        assert!(seen(["one", "other"]) == seen(["other", "one"]));
        assert!(seen(["one", "other"]) != seen(["one", "third"]));
    }
}
