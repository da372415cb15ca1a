//! Changes the outputs of a connection, one at a time, each only if the Secret is still in the state that was seen.

use std::{
    collections::BTreeMap,
    mem::take,
    ops::{Deref, DerefMut},
};

use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ObjectMeta, PostParams, Preconditions},
    core::Request,
};
use zeroize::Zeroize;

use super::{
    Fault,
    marks::{ForeignMarks, LAST_APPLIED, MANAGED_BY},
    object::{FIELD_MANAGER, ObjectKey},
    secrets::{
        ADOPT, CONNECTION, ENTRIES_TOKEN_HASHES, FORMAT, OWNER_LABEL, SecretEntry, SecretMeta, TOKEN_HASH,
        entry, is_ours, read_meta,
    },
    within,
};
use crate::{
    api::GithubPatConnection,
    domain::{
        decide::Change,
        format::APPLIED,
        output::{Map, Marks, Output, Payload},
        token::HashedToken,
        version::Version,
    },
};

/// The connection as the owner of its outputs.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// Its namespace and name.
    pub key: &'a ObjectKey,
    /// Its uid.
    pub uid: &'a str,
}

/// What an output says of itself, in its annotations.
#[derive(Clone, Copy, Debug)]
pub struct Provenance {
    /// The token, by its hash.
    pub token: HashedToken,
    /// When GitHub accepted it.
    pub at: Timestamp,
    /// When it ends, if that is known.
    pub expires: Option<Timestamp>,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The Secret holds what it shall, in this state.
    Written(SecretEntry),
    /// The Secret is gone.
    Gone,
    /// It is being deleted and waits for its finalizers.
    Leaving(SecretEntry),
    /// It belongs to nobody now.
    Released(SecretEntry),
    /// A Secret of that name stands there that was not known: reconcile again.
    Taken(SecretEntry),
    /// It is no longer in the state that was seen: reconcile again.
    Conflict,
}

/// A Secret whose values are wiped when it is dropped or filled anew.
///
/// The bytes of requests and answers are not wiped. `ByteString` encodes each value in a string of its own, `kube::Client::request` takes the
/// body as a plain `Vec`, and hyper and rustls copy it.
struct Wiped(Secret);

impl Wiped {
    fn wipe(&mut self) {
        self.0.data.iter_mut().flat_map(BTreeMap::values_mut).for_each(|value| value.0.zeroize());
    }

    fn fill(&mut self, payload: &Payload) {
        self.wipe();
        self.0.data = Some(data(payload));
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl Deref for Wiped {
    type Target = Secret;

    fn deref(&self) -> &Secret {
        &self.0
    }
}

impl DerefMut for Wiped {
    fn deref_mut(&mut self) -> &mut Secret {
        &mut self.0
    }
}

/// Makes the change, if the Secret is still in the state that the change was decided on.
///
/// What is created gets the labels and annotations in `foreign_marks`, and what is deleted leaves its own there; without `foreign_marks` it is
/// deleted for good.
///
/// # Errors
///
/// What the API server refused, or that it did not answer.
pub async fn apply(
    client: &Client,
    owner: Owner<'_>,
    change: &Change,
    provenance: Option<Provenance>,
    foreign_marks: Option<&mut ForeignMarks>,
) -> Result<Outcome, Fault> {
    let secrets = Api::<Secret>::namespaced(client.clone(), owner.key.namespace());
    match change {
        Change::Create { output, payload } => {
            let mut secret = made(owner, output, payload, provenance);
            if let Some(foreign_marks) = foreign_marks {
                foreign_marks.of(&output.secret_name).put_back(&mut secret);
            }
            create(client, owner, &secret).await
        }
        Change::Replace { output, version, payload } => {
            replace(client, &secrets, owner, output, version, payload, provenance).await
        }
        Change::Recreate { output, version, payload } => {
            let secret = made(owner, output, payload, provenance);
            recreate(client, &secrets, owner, version, secret, foreign_marks).await
        }
        Change::Delete { name, version } => {
            if let Some(foreign_marks) = foreign_marks {
                let Some(before) = unchanged(&secrets, name, version).await? else {
                    return Ok(Outcome::Conflict);
                };
                foreign_marks.keep(name, &Marks::of_others_on(&before));
            }
            delete(&secrets, name, version).await
        }
        Change::Release { name, version } => release(client, &secrets, owner, name, version).await,
    }
}

/// Deletes the output and makes it anew, with the labels and annotations that others put there.
async fn recreate(
    client: &Client,
    secrets: &Api<Secret>,
    owner: Owner<'_>,
    seen: &Version,
    mut secret: Wiped,
    foreign_marks: Option<&mut ForeignMarks>,
) -> Result<Outcome, Fault> {
    let name = secret.name_any();
    let Some(before) = unchanged(secrets, &name, seen).await? else { return Ok(Outcome::Conflict) };
    let marks = Marks::of_others_on(&before);
    marks.clone().put_back(&mut secret);
    rehearse(client, owner, &secret).await?;
    // Should it not be made again now, it will be later.
    if let Some(foreign_marks) = foreign_marks {
        foreign_marks.keep(&name, &marks);
    }
    match delete(secrets, &name, seen).await? {
        Outcome::Gone => create(client, owner, &secret).await,
        other => Ok(other),
    }
}

async fn create(client: &Client, owner: Owner<'_>, secret: &Secret) -> Result<Outcome, Fault> {
    match write(client, owner, None, secret, &params()).await {
        Ok(created) => Ok(Outcome::Written(created)),
        Err(fault) if fault.is_already_there() => {
            let key = owner.key.beside(&secret.name_any());
            Ok(read_meta(client, &key).await?.map_or(Outcome::Conflict, Outcome::Taken))
        }
        Err(fault) => conflict_or(fault),
    }
}

/// Asks the API server whether it would take the new output, so that the old one is not deleted for nothing. That one of the same
/// name stands is known. A quota that is spent keeps the old one too: what a deletion frees is not free at once.
///
/// # Errors
///
/// If a policy, RBAC or anything else is against it.
async fn rehearse(client: &Client, owner: Owner<'_>, secret: &Secret) -> Result<(), Fault> {
    let params = PostParams { dry_run: true, ..params() };
    match write(client, owner, None, secret, &params).await {
        Err(fault) if !fault.is_already_there() => Err(fault),
        _ => Ok(()),
    }
}

/// The Secret of an output.
fn made(owner: Owner<'_>, output: &Output, payload: &Payload, provenance: Option<Provenance>) -> Wiped {
    let mut marks = Marks::default();
    output.marks().put_on(&mut marks);
    let labels =
        [(OWNER_LABEL, owner.uid), MANAGED_BY].map(|(key, value)| (key.to_owned(), value.to_owned()));
    marks.labels.extend(labels);
    marks.annotations.extend(annotations(owner, output, payload, provenance));
    let metadata = ObjectMeta {
        name: Some(output.secret_name.clone()),
        labels: Some(marks.labels),
        annotations: Some(marks.annotations),
        owner_references: Some(vec![reference(owner)]),
        ..ObjectMeta::default()
    };
    let mut secret = Wiped(Secret {
        metadata,
        type_: Some(payload.type_.clone()),
        immutable: output.versioned.then_some(true),
        ..Secret::default()
    });
    secret.fill(payload);
    secret
}

/// Reads the Secret once more, to keep labels and annotations that others put there.
async fn replace(
    client: &Client,
    secrets: &Api<Secret>,
    owner: Owner<'_>,
    output: &Output,
    seen: &Version,
    payload: &Payload,
    provenance: Option<Provenance>,
) -> Result<Outcome, Fault> {
    let name = &output.secret_name;
    let Some(mut secret) = unchanged(secrets, name, seen).await? else { return Ok(Outcome::Conflict) };
    secret.fill(payload);
    if output.versioned {
        secret.immutable = Some(true);
    }
    let mut marks = Marks { labels: take(secret.labels_mut()), annotations: take(secret.annotations_mut()) };
    output.marks().put_on(&mut marks);
    marks.annotations.retain(|key, _| !ANNOTATIONS.contains(&key.as_str()));
    marks.annotations.extend(annotations(owner, output, payload, provenance));
    (*secret.labels_mut(), *secret.annotations_mut()) = (marks.labels, marks.annotations);
    own(&mut secret, owner);
    match write(client, owner, Some(name), &secret, &params()).await {
        Ok(replaced) => Ok(Outcome::Written(replaced)),
        Err(fault) => conflict_or(fault),
    }
}

/// Makes it ours, if it is not yet: the label and reference of an earlier connection go.
fn own(secret: &mut Secret, owner: Owner<'_>) {
    secret.labels_mut().insert(OWNER_LABEL.to_owned(), owner.uid.to_owned());
    secret.labels_mut().insert(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned());
    secret.annotations_mut().retain(|key, _| key != ADOPT && key != LAST_APPLIED);
    let references = secret.owner_references_mut();
    references.retain(|reference| reference.uid == owner.uid || !is_ours(reference));
    if !references.iter().any(|reference| reference.uid == owner.uid) {
        references.push(reference(owner));
    }
}

async fn delete(secrets: &Api<Secret>, name: &str, seen: &Version) -> Result<Outcome, Fault> {
    let preconditions = Preconditions {
        uid: Some(seen.uid.to_string()),
        resource_version: Some(seen.resource_version.to_string()),
    };
    let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    match within(secrets.delete(name, &params)).await {
        Ok(deleted) => Ok(match deleted.left().filter(|secret| !secret.finalizers().is_empty()) {
            Some(leaving) => Outcome::Leaving(entry(&leaving)),
            None => Outcome::Gone,
        }),
        Err(fault) if fault.is_not_found() => Ok(Outcome::Gone),
        Err(fault) => conflict_or(fault),
    }
}

/// Takes off what makes it ours, so that it does not go with the connection.
async fn release(
    client: &Client,
    secrets: &Api<Secret>,
    owner: Owner<'_>,
    name: &str,
    seen: &Version,
) -> Result<Outcome, Fault> {
    let Some(mut secret) = unchanged(secrets, name, seen).await? else { return Ok(Outcome::Conflict) };
    secret.labels_mut().retain(|key, _| key != OWNER_LABEL && key != MANAGED_BY.0);
    let ours = |key: &str| ANNOTATIONS.contains(&key) || APPLIED.contains(&key);
    secret.annotations_mut().retain(|key, _| !ours(key));
    secret.owner_references_mut().retain(|reference| reference.uid != owner.uid);
    match write(client, owner, Some(name), &secret, &params()).await {
        Ok(released) => Ok(Outcome::Released(released)),
        Err(fault) => conflict_or(fault),
    }
}

/// The Secret, if it is in the state that was seen.
async fn unchanged(secrets: &Api<Secret>, name: &str, seen: &Version) -> Result<Option<Wiped>, Fault> {
    let found = within(secrets.get_opt(name)).await?.map(Wiped);
    Ok(found.filter(|secret| entry(secret).version == *seen))
}

/// Creates the Secret, or replaces the one of this name. Of the answer only the metadata is read.
async fn write(
    client: &Client,
    owner: Owner<'_>,
    replaced: Option<&str>,
    secret: &Secret,
    params: &PostParams,
) -> Result<SecretEntry, Fault> {
    let request = Request::new(Secret::url_path(&(), Some(owner.key.namespace())));
    let written = within(async {
        let body = serde_json::to_vec(secret).map_err(kube::Error::SerdeError)?;
        let request = match replaced {
            None => request.create(params, body),
            Some(name) => request.replace(name, params, body),
        };
        client.request::<SecretMeta>(request.map_err(kube::Error::BuildRequest)?).await
    });
    Ok(written.await?.entry)
}

fn conflict_or(fault: Fault) -> Result<Outcome, Fault> {
    if fault.is_conflict() { Ok(Outcome::Conflict) } else { Err(fault) }
}

fn params() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }
}

fn reference(owner: Owner<'_>) -> OwnerReference {
    OwnerReference {
        api_version: GithubPatConnection::api_version(&()).into_owned(),
        kind: GithubPatConnection::kind(&()).into_owned(),
        name: owner.key.name().to_owned(),
        uid: owner.uid.to_owned(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

/// When the token was proven, as it was known at the write.
const PROVEN_AT: &str = "githubpat.dev/proven-at";
/// When the token ends, as it was known at the write.
const EXPIRES_AT: &str = "githubpat.dev/expires-at";
/// The annotations of an output, beside the lists of what its spec asks for.
const ANNOTATIONS: [&str; 6] = [CONNECTION, FORMAT, TOKEN_HASH, PROVEN_AT, EXPIRES_AT, ENTRIES_TOKEN_HASHES];

/// From an output alone one reads what it is: connection, format, the hash that GitHub's audit log has, when it was proven, and
/// until when it is good; of a pull secret with entries of another one also whose tokens these have.
fn annotations(owner: Owner<'_>, output: &Output, payload: &Payload, provenance: Option<Provenance>) -> Map {
    let second = |at: Timestamp| Timestamp::from_second(at.as_second()).unwrap_or(at).to_string();
    let mut annotations =
        vec![(CONNECTION, owner.key.name().to_owned()), (FORMAT, output.format.as_str().to_owned())];
    if let Some(Provenance { token, at, expires }) = provenance {
        annotations.extend([(TOKEN_HASH, token.to_string()), (PROVEN_AT, second(at))]);
        annotations.extend(expires.map(|at| (EXPIRES_AT, second(at))));
        annotations.extend(further(output, payload, token).map(|hashes| (ENTRIES_TOKEN_HASHES, hashes)));
    }
    annotations.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The hashes of the tokens in the entries that the output took from another Secret, if there are any.
fn further(output: &Output, payload: &Payload, token: HashedToken) -> Option<String> {
    output.extra_entries_from.as_ref()?;
    let hashes = payload.further_tokens(token).into_iter().map(String::from);
    Some(hashes.collect::<Vec<_>>().join(",")).filter(|hashes| !hashes.is_empty())
}

/// True if labels and annotations say what the output is, and are those that its spec asks for. The instants are those of the last
/// write, and are left as they are. `payload` is what it holds.
pub fn describe(
    found: &Marks,
    owner: Owner<'_>,
    output: &Output,
    payload: &Payload,
    token: HashedToken,
) -> bool {
    let is_labelled = found.labels.get(MANAGED_BY.0).is_some_and(|value| value == MANAGED_BY.1);
    let hash = token.to_string();
    let said = [(CONNECTION, owner.key.name()), (FORMAT, output.format.as_str()), (TOKEN_HASH, &hash)];
    let says = |(key, value): (&str, &str)| found.annotations.get(key).is_some_and(|found| found == value);
    let further = further(output, payload, token);
    let says_further = found.annotations.get(ENTRIES_TOKEN_HASHES) == further.as_ref();
    is_labelled && said.into_iter().all(says) && says_further && output.marks().are_on(found)
}

/// The bytes leave the wiped buffers of the payload here, for those of a [`Wiped`].
fn data(payload: &Payload) -> BTreeMap<String, ByteString> {
    payload.data.iter().map(|(key, value)| (key.clone(), ByteString(value.to_vec()))).collect()
}

#[cfg(test)]
mod tests;
