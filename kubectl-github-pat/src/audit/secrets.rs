//! The Secrets that hold GitHub tokens, as far as the user may list them. Of a token its kind and hash are kept, and no byte of it.

use std::collections::BTreeSet;

use github_pat_operator::domain::token::{HashedToken, LegacyTokens, Token, TokenKind};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{Api, ResourceExt, api::ListParams};

use crate::{cluster::Cluster, error::Error, list::unless_expired};

/// The number that are listed at once: each may have a MiB.
const PAGE: u32 = 50;
/// What made an output.
const OWNER: &str = "GithubPatConnection";

/// A token in a Secret that no operator has written.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) namespace: String,
    pub(super) secret_name: String,
    pub(super) key: String,
    pub(super) kind: TokenKind,
    pub(super) hashed_token: HashedToken,
    /// True if the value is the token, so that a connection can read it.
    pub(super) is_alone: bool,
    /// True if it has the form of before 2021, which commits have too.
    pub(super) is_legacy: bool,
}

/// What was found, and where nobody was allowed to look.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) found: Vec<Found>,
    pub(super) not_listed: Vec<String>,
    /// Whether there may be namespaces that are not known, where nobody looked.
    pub(super) namespaces_unknown: bool,
}

/// The tokens in all Secrets of the cluster; if the user may not list these, of each namespace that there is; and if they may not list
/// namespaces either, of those that are known.
///
/// # Errors
///
/// What the API server did not let happen.
pub(super) async fn everywhere(cluster: &Cluster, known: BTreeSet<String>) -> Result<Stored, Error> {
    if let Some(found) = list(cluster, &Api::all(cluster.client.clone())).await? {
        return Ok(Stored { found, ..Stored::default() });
    }
    match namespaces(cluster).await? {
        Some(all) => of_namespaces(cluster, all).await,
        None => Ok(Stored { namespaces_unknown: true, ..of_namespaces(cluster, known).await? }),
    }
}

/// The tokens in the Secrets of these namespaces.
///
/// # Errors
///
/// What the API server did not let happen.
pub(super) async fn of_namespaces(
    cluster: &Cluster,
    namespaces: impl IntoIterator<Item = String>,
) -> Result<Stored, Error> {
    let mut stored = Stored::default();
    for namespace in namespaces {
        match list(cluster, &Api::namespaced(cluster.client.clone(), &namespace)).await? {
            Some(found) => stored.found.extend(found),
            None => stored.not_listed.push(namespace),
        }
    }
    Ok(stored)
}

/// The namespaces of the cluster; `None` if the user may not list them.
async fn namespaces(cluster: &Cluster) -> Result<Option<Vec<String>>, Error> {
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    let params = ListParams::default();
    let found = cluster.call("list namespaces", unless_forbidden(api.list_metadata(&params))).await?;
    Ok(found.map(|found| found.items.iter().map(ResourceExt::name_any).collect()))
}

async fn unless_forbidden<T>(
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<Option<T>, kube::Error> {
    match call.await {
        Err(kube::Error::Api(status)) if status.code == 403 => Ok(None),
        called => called.map(Some),
    }
}

/// The tokens in these Secrets; `None` if the user may not list them.
async fn list(cluster: &Cluster, api: &Api<Secret>) -> Result<Option<Vec<Found>>, Error> {
    let mut params = ListParams { limit: Some(PAGE), ..ListParams::default() };
    let (mut found, mut begun) = (Vec::new(), 0_u32);
    loop {
        let listing = unless_forbidden(unless_expired(api.list(&params), begun));
        let Some(page) = cluster.call("list Secrets", listing).await? else { return Ok(None) };
        let Some(page) = page else {
            (found, begun) = (Vec::new(), begun.saturating_add(1));
            params.continue_token = None;
            continue;
        };
        found.extend(page.items.iter().flat_map(tokens));
        params.continue_token = page.metadata.continue_.filter(|next| !next.is_empty());
        if params.continue_token.is_none() {
            return Ok(Some(found));
        }
    }
}

fn tokens(secret: &Secret) -> Vec<Found> {
    let is_output = secret.owner_references().iter().any(|owner| owner.kind == OWNER);
    let data = secret.data.iter().flatten().filter(|_| !is_output);
    let found = data.flat_map(|(key, value)| {
        let is_alone = Token::parse(&value.0, LegacyTokens::Allowed).is_ok();
        Token::all_in(&value.0).into_iter().map(move |token| Found {
            namespace: secret.namespace().unwrap_or_default(),
            secret_name: secret.name_any(),
            key: key.clone(),
            kind: token.kind(),
            hashed_token: token.hashed(),
            is_alone,
            is_legacy: token.is_legacy(),
        })
    });
    found.collect()
}
