//! Which objects of a namespace name an output. Of each only the names in its spec are read, and when its containers were started.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use kube::{
    Client,
    api::ListParams,
    core::{ListMeta, Request},
};
use serde::Deserialize;
use serde_json::Value;

use super::{Fault, within};
use crate::domain::consumer::{Consumer, Consumers, Use};

/// How many objects one page has. A Pod can have a megabyte, and mostly has ten kilobytes.
const PAGE: u32 = 250;
/// How long all of it may take: the reconcile that waits for it is cut before long, and would say nothing at all.
pub const LISTING: Duration = Duration::from_secs(10);

/// A kind of object that may name a Secret.
struct Source {
    kind: &'static str,
    /// Group and version, as in the path.
    api: &'static str,
    plural: &'static str,
    /// Where in an object of this kind the names stand.
    shape: Shape,
}

#[derive(Clone, Copy)]
enum Shape {
    Pod,
    /// A controller with a pod template.
    Template,
    /// A Job, which uses nothing any more once it has ended.
    Job,
    /// A CronJob, whose pod template stands two levels deeper.
    CronJob,
    /// What a workload was before, to which `kubectl rollout undo` brings it back.
    Revision,
    ServiceAccount,
    /// A custom resource with `spec.secretRef`.
    SecretRef,
}

/// Flux: <https://fluxcd.io/flux/components/source/gitrepositories/#secret-reference>.
const SOURCES: &[Source] = &[
    source("Pod", "api/v1", "pods", Shape::Pod),
    source("ServiceAccount", "api/v1", "serviceaccounts", Shape::ServiceAccount),
    source("Deployment", "apis/apps/v1", "deployments", Shape::Template),
    source("StatefulSet", "apis/apps/v1", "statefulsets", Shape::Template),
    source("DaemonSet", "apis/apps/v1", "daemonsets", Shape::Template),
    source("Job", "apis/batch/v1", "jobs", Shape::Job),
    source("CronJob", "apis/batch/v1", "cronjobs", Shape::CronJob),
    source("ReplicaSet", "apis/apps/v1", "replicasets", Shape::Revision),
    source("ControllerRevision", "apis/apps/v1", "controllerrevisions", Shape::Revision),
    source("GitRepository", "apis/source.toolkit.fluxcd.io/v1", "gitrepositories", Shape::SecretRef),
];

const fn source(kind: &'static str, api: &'static str, plural: &'static str, shape: Shape) -> Source {
    Source { kind, api, plural, shape }
}

#[derive(Debug, Deserialize)]
struct List {
    metadata: ListMeta,
    items: Vec<Object>,
}

/// The parts of an object of any of the kinds.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Object {
    metadata: Name,
    spec: Spec,
    status: Status,
    /// Of a ControllerRevision; whoever makes one says what it is.
    data: Option<Value>,
    image_pull_secrets: Option<Vec<Name>>,
    secrets: Option<Vec<Name>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Name {
    name: String,
}

/// The spec of a Pod, or of something that has one further down.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    #[serde(flatten)]
    pod: PodSpec,
    template: Option<Template>,
    job_template: Option<Box<JobTemplate>>,
    secret_ref: Option<Name>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Template {
    spec: PodSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct JobTemplate {
    spec: JobSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct JobSpec {
    template: Template,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodSpec {
    containers: Option<Vec<Container>>,
    init_containers: Option<Vec<Container>>,
    ephemeral_containers: Option<Vec<Container>>,
    volumes: Option<Vec<Volume>>,
    image_pull_secrets: Option<Vec<Name>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    name: String,
    env: Option<Vec<Variable>>,
    env_from: Option<Vec<EnvFrom>>,
    volume_mounts: Option<Vec<Mount>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Variable {
    value_from: Option<ValueFrom>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ValueFrom {
    secret_key_ref: Option<Name>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EnvFrom {
    secret_ref: Option<Name>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Mount {
    name: String,
    sub_path: String,
    sub_path_expr: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Volume {
    name: String,
    secret: Option<SecretVolume>,
    projected: Option<Projected>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SecretVolume {
    secret_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Projected {
    sources: Option<Vec<ProjectedSource>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ProjectedSource {
    secret: Option<Name>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    phase: String,
    start_time: Option<Timestamp>,
    conditions: Option<Vec<Condition>>,
    container_statuses: Option<Vec<ContainerStatus>>,
    init_container_statuses: Option<Vec<ContainerStatus>>,
    ephemeral_container_statuses: Option<Vec<ContainerStatus>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ContainerStatus {
    name: String,
    state: State,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    running: Option<Started>,
    terminated: Option<Started>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Started {
    started_at: Option<Timestamp>,
}

/// Every object of the namespace that names an output; `None` if there are so many objects that it takes too long. A kind that the
/// cluster does not have has none.
///
/// # Errors
///
/// If the API server does not tell, for another cause than that the operator may not list a kind.
pub async fn consumers(
    client: &Client,
    namespace: &str,
    is_output: impl Fn(&str) -> bool,
) -> Result<Option<Consumers>, Fault> {
    tokio::time::timeout(LISTING, all(client, namespace, is_output))
        .await
        .map_or(Ok(None), |all| all.map(Some))
}

async fn all(client: &Client, namespace: &str, is_output: impl Fn(&str) -> bool) -> Result<Consumers, Fault> {
    let mut found = Consumers::default();
    for source in SOURCES {
        match list(client, namespace, source, &is_output).await {
            Ok(consumers) if matches!(source.shape, Shape::Revision) => {
                found.revisions.extend(consumers.into_iter().map(|consumer| consumer.output));
            }
            Ok(consumers) => found.all.extend(consumers),
            Err(fault) if fault.code() == Some(404) => {}
            Err(fault) if fault.is_forbidden() => found.forbidden.push(source.plural),
            // Its conversion webhook may be down for long; the kinds of Kubernetes need none.
            Err(fault) if matches!(source.shape, Shape::SecretRef) && fault.code().is_some() => {
                tracing::warn!(namespace, resource = source.plural, error = %fault, said = fault.said(None), "consumers were not listed");
                found.unread.push(source.plural);
            }
            Err(fault) => return Err(fault),
        }
    }
    found.all.sort();
    Ok(found)
}

/// The objects of one kind. Of each page only what names an output is kept.
async fn list(
    client: &Client,
    namespace: &str,
    source: &Source,
    is_output: impl Fn(&str) -> bool,
) -> Result<Vec<Consumer>, Fault> {
    let path = format!("/{}/namespaces/{namespace}/{}", source.api, source.plural);
    let mut params = ListParams::default().limit(PAGE);
    let mut consumers = Vec::new();
    loop {
        let request = Request::new(path.as_str()).list(&params).map_err(kube::Error::BuildRequest)?;
        let page: List = within(client.request(request)).await?;
        let uses = page.items.iter().flat_map(|object| uses(source, object));
        consumers.extend(uses.filter(|used| is_output(&used.output)));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params.continue_token = Some(token),
            None => return Ok(consumers),
        }
    }
}

/// What an object names, once for each output and use. A Pod or Job that has ended uses nothing any more.
fn uses(source: &Source, object: &Object) -> Vec<Consumer> {
    let of_template = |template: &Option<Template>| {
        template.as_ref().map(|template| named(&template.spec)).unwrap_or_default()
    };
    let names = match source.shape {
        Shape::Pod if ["Succeeded", "Failed"].contains(&&*object.status.phase) => return Vec::new(),
        Shape::Job if has_ended(&object.status) => return Vec::new(),
        Shape::Pod => named(&object.spec.pod),
        Shape::Template | Shape::Job => of_template(&object.spec.template),
        Shape::Revision => match revised(object) {
            Some(of_controller) => of_template(&of_controller.spec.template),
            None => of_template(&object.spec.template),
        },
        Shape::CronJob => {
            object.spec.job_template.as_ref().map(|job| named(&job.spec.template.spec)).unwrap_or_default()
        }
        Shape::ServiceAccount => {
            let names = [&object.image_pull_secrets, &object.secrets].into_iter().flatten().flatten();
            names.map(|name| (name.name.clone(), Use::Pull)).collect()
        }
        Shape::SecretRef => {
            object.spec.secret_ref.iter().map(|name| (name.name.clone(), Use::Reference)).collect()
        }
    };
    let consumer = |(output, used): (String, Use)| Consumer {
        kind: source.kind,
        name: object.metadata.name.clone(),
        used,
        // A Job has one too, and runs nothing itself.
        taken_on: object.status.start_time.filter(|_| matches!(source.shape, Shape::Pod)),
        started: started(&object.status, &object.spec.pod, &output),
        output,
    };
    names.into_iter().map(consumer).collect()
}

/// What a ControllerRevision keeps of a StatefulSet or DaemonSet.
fn revised(object: &Object) -> Option<Object> {
    serde_json::from_value(object.data.clone()?).ok()
}

/// True for a Job that is over: <https://kubernetes.io/docs/concepts/workloads/controllers/job/#terminal-job-conditions>.
fn has_ended(status: &Status) -> bool {
    let is_terminal = |condition: &Condition| ["Complete", "Failed"].contains(&&*condition.type_);
    status.conditions.iter().flatten().any(|condition| is_terminal(condition) && condition.status == "True")
}

/// The Secrets that a Pod names, and how it uses each.
fn named(pod: &PodSpec) -> BTreeSet<(String, Use)> {
    let lists = [&pod.containers, &pod.init_containers, &pod.ephemeral_containers];
    let containers: Vec<&Container> = lists.into_iter().flatten().flatten().collect();
    let variables = containers.iter().flat_map(|container| container.variables());
    let mut named: BTreeSet<_> = variables.map(|name| (name.to_owned(), Use::AtStart)).collect();
    for volume in pod.volumes.iter().flatten() {
        let is_cut = containers.iter().any(|container| container.cuts(volume));
        let used = if is_cut { Use::AtStart } else { Use::Volume };
        named.extend(volume.secrets().map(|name| (name.to_owned(), used)));
    }
    named.extend(pod.image_pull_secrets.iter().flatten().map(|name| (name.name.clone(), Use::Pull)));
    named
}

impl Volume {
    /// The Secrets that it holds.
    fn secrets(&self) -> impl Iterator<Item = &str> {
        let sources = self.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
        let projected = sources.filter_map(|source| source.secret.as_ref()).map(|secret| &*secret.name);
        self.secret.iter().map(|secret| &*secret.secret_name).chain(projected)
    }
}

impl Container {
    /// The Secrets of which it has environment variables.
    fn variables(&self) -> impl Iterator<Item = &str> {
        let single = self.env.iter().flatten().filter_map(|variable| {
            variable.value_from.as_ref().and_then(|from| from.secret_key_ref.as_ref())
        });
        let whole = self.env_from.iter().flatten().filter_map(|from| from.secret_ref.as_ref());
        single.chain(whole).map(|secret| &*secret.name)
    }

    /// True if it mounts a part of the volume.
    fn cuts(&self, volume: &Volume) -> bool {
        let mut cut = self
            .volume_mounts
            .iter()
            .flatten()
            .filter(|mount| !mount.sub_path.is_empty() || !mount.sub_path_expr.is_empty());
        cut.any(|mount| mount.name == volume.name)
    }
}

/// When the first of the containers that run now was started, or of those before them that have ended and took this output when they
/// started: what they read may be in a file of the Pod.
fn started(status: &Status, pod: &PodSpec, output: &str) -> Option<Timestamp> {
    let lists =
        [&status.container_statuses, &status.init_container_statuses, &status.ephemeral_container_statuses];
    let running =
        lists.into_iter().flatten().flatten().filter_map(|container| container.state.running.as_ref());
    let takes = |container: &Container| {
        let mut volumes = pod.volumes.iter().flatten().filter(|volume| container.cuts(volume));
        container.variables().any(|name| name == output)
            || volumes.any(|volume| volume.secrets().any(|name| name == output))
    };
    let takers: Vec<_> = pod.init_containers.iter().flatten().filter(|container| takes(container)).collect();
    let ended = status.init_container_statuses.iter().flatten();
    let ended = ended.filter(|container| takers.iter().any(|taker| taker.name == container.name));
    let ended = ended.filter_map(|container| container.state.terminated.as_ref());
    running.chain(ended).filter_map(|started| started.started_at).min()
}

#[cfg(test)]
mod tests;
