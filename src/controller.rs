//! The reconcile: observe, decide, act, report; and what to do after an error.

mod observe;

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams},
    core::error_boundary::InvalidObject,
    runtime::{
        Controller,
        controller::{self, Action},
        reflector,
    },
};

use crate::{
    api::{GithubPatConnection, GithubPatConnectionStatus as Status},
    apiserver::{Fault, within},
    domain::{
        Finding, Reason,
        decide::{Change, Decision, decide},
    },
    github::Github,
    links::links,
    publish::{self, Owner},
    records::Records,
    settings::Settings,
    status::{self, Outcome},
    watches::{Guarded, Watches},
};
use observe::{Observed, observe};

/// The field manager of the status.
const FIELD_MANAGER: &str = "github-pat-operator";
/// How soon to look again at what changed meanwhile; the watch mostly tells sooner.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The first pause after a failure, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));
/// So many failed readings in a row are not told: what the API server does not answer once, it mostly answers a second later.
const SILENT_FAILURES: u32 = 3;

/// What a reconcile needs beside the connection.
struct Context {
    client: Client,
    github: Github,
    settings: Settings,
    records: Arc<Records>,
}

/// What kept a reconcile from its end. It comes again.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// The source Secret was not read.
    #[error("cannot read Secret {name}: {source}")]
    ReadSecret {
        /// The Secret.
        name: String,
        /// Why.
        source: Fault,
    },
    /// The outputs were not read or changed.
    #[error(transparent)]
    Publish(#[from] publish::Error),
    /// The status was not written.
    #[error("cannot write the status: {source}")]
    WriteStatus {
        /// Why.
        source: Fault,
    },
    /// A fault of this program, met by one connection; the others go on.
    #[error("the reconcile panicked; please report this")]
    Panicked,
}

impl Error {
    /// True if RBAC forbids it, so that it does not pass by itself.
    fn is_forbidden(&self) -> bool {
        match self {
            Error::ReadSecret { source, .. } => source.code() == Some(403),
            Error::Publish(error) => error.is_forbidden(),
            Error::WriteStatus { .. } | Error::Panicked => false,
        }
    }
}

/// Reconciles every connection until the shutdown is asked for.
pub async fn run(
    client: Client,
    github: Github,
    settings: Settings,
    watches: Arc<Watches>,
    shutdown: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let records = Arc::new(Records::default());
    let (store, writer) = reflector::store();
    let connections = watches.clone().connections(client.clone(), writer, records.clone());
    let secrets = watches.secrets(client.clone(), store.clone());
    let config = controller::Config::default().concurrency(settings.concurrency);
    let context = Arc::new(Context { client, github, settings, records });
    Controller::for_stream(connections, store)
        .with_config(config)
        .reconcile_on(secrets)
        .graceful_shutdown_on(shutdown)
        .run(guarded, after_error, context)
        .for_each(|_| async {})
        .await;
}

/// Keeps what goes wrong with one connection from the others.
async fn guarded(connection: Arc<Guarded>, ctx: Arc<Context>) -> Result<Action, Error> {
    let uid = connection.uid().unwrap_or_default();
    let done = match &connection.0 {
        Ok(readable) => {
            ctx.records.readable(&uid);
            contained(reconcile(readable, &ctx)).await
        }
        Err(unreadable) => refuse(unreadable, &ctx).await,
    };
    if done.is_ok() {
        ctx.records.succeeded(&uid);
    }
    done
}

/// Turns a panic into an error; kube would end the whole controller with it.
async fn contained(reconcile: impl Future<Output = Result<Action, Error>>) -> Result<Action, Error> {
    AssertUnwindSafe(reconcile).catch_unwind().await.unwrap_or(Err(Error::Panicked))
}

async fn reconcile(connection: &GithubPatConnection, ctx: &Context) -> Result<Action, Error> {
    if connection.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let started = Instant::now();
    let observed = observe(connection, ctx).await;
    let failures = ctx.records.failures(&connection.uid().unwrap_or_default());
    let observed = match observed {
        Observed { fault: Some(fault), .. } if !fault.is_forbidden() && failures < SILENT_FAILURES => {
            return Err(fault);
        }
        observed => observed,
    };
    let decision = decide(&observed.seen);
    let acted = act(&decision, connection, ctx).await;
    if acted.overtaken {
        return Ok(Action::requeue(LOOK_AGAIN));
    }
    let reported = report(connection, &observed, &decision, &acted, ctx).await?;
    match (observed.fault.or(acted.fault), reported) {
        (Some(fault), _) => Err(fault),
        (None, Reported::Overtaken) => Ok(Action::requeue(LOOK_AGAIN)),
        (None, Reported::Said) => {
            Ok(Action::requeue(decision.requeue_after.unsigned_abs().saturating_sub(started.elapsed())))
        }
    }
}

/// What became of the changes.
struct Acted {
    /// A Secret was no longer what it was when it was decided on: look again.
    overtaken: bool,
    failed: Vec<(String, Finding)>,
    fault: Option<Error>,
}

/// Makes every change; one that fails keeps only its own Secret from the next.
async fn act(decision: &Decision, connection: &GithubPatConnection, ctx: &Context) -> Acted {
    let secrets = Api::<Secret>::namespaced(ctx.client.clone(), &connection.namespace().unwrap_or_default());
    let (name, uid) = (connection.name_any(), connection.uid().unwrap_or_default());
    let owner = Owner { name: &name, uid: &uid };
    let mut acted = Acted { overtaken: false, failed: Vec::new(), fault: None };
    for change in &decision.changes {
        let (Change::Create { name, .. } | Change::Replace { name, .. } | Change::Delete { name, .. }) =
            change;
        if acted.failed.iter().any(|(failed, _)| failed == name) {
            continue;
        }
        match publish::apply(&secrets, owner, change).await {
            Ok(()) => {
                tracing::info!(connection = %key(connection), secret = %name, change = verb(change), "output changed")
            }
            Err(publish::Error::Moved { .. }) => {
                acted.overtaken = true;
                break;
            }
            Err(error) => {
                let message =
                    format!("{error}: see that the operator may write Secrets here; it tries again");
                acted.failed.push((name.clone(), Finding::new(Reason::WriteFailed, message)));
                acted.fault = acted.fault.or(Some(error.into()));
            }
        }
    }
    acted
}

const fn verb(change: &Change) -> &'static str {
    match change {
        Change::Create { .. } => "create",
        Change::Replace { .. } => "replace",
        Change::Delete { .. } => "delete",
    }
}

/// What became of the status.
enum Reported {
    /// It says what was found.
    Said,
    /// The connection has changed meanwhile, or is another one of the same name: look again.
    Overtaken,
}

/// Writes the status if it says something new.
///
/// On `/status` of a custom resource the API server does not hold an apply to the uid that it names, so the version guards it.
async fn report(
    connection: &GithubPatConnection,
    observed: &Observed,
    decision: &Decision,
    acted: &Acted,
    ctx: &Context,
) -> Result<Reported, Error> {
    let spec = &connection.spec;
    let asked = spec.interval.get();
    let host = ctx.settings.host(&spec.host);
    let links = host.map(|host| links(host, &key(connection), spec));
    let source = format!("Secret {}", spec.secret_ref.name);
    let outcome = Outcome {
        source: &source,
        seen: &observed.seen,
        decision,
        failed: &acted.failed,
        secret_name: &spec.secret_ref.name,
        links: links.as_ref(),
        raised_from: (asked < ctx.settings.minimum_interval).then_some(asked),
    };
    let status = status::next(observed.previous.as_ref(), connection.metadata.generation, &outcome);
    if observed.previous.as_ref() == Some(&status) {
        return Ok(Reported::Said);
    }
    let patch = statement(connection, &observed.version, &status);
    let connections = api(connection, ctx);
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let written =
        within(connections.patch_status(&connection.name_any(), &params, &Patch::Apply(patch))).await;
    let written = match written {
        Err(fault) if fault.is_outdated() => return Ok(Reported::Overtaken),
        other => other.map_err(|source| Error::WriteStatus { source })?,
    };
    log(connection, observed.previous.as_ref(), &status, decision.requeue_after);
    let version = written.resource_version().unwrap_or_default();
    ctx.records.wrote(&connection.uid().unwrap_or_default(), version, status);
    Ok(Reported::Said)
}

/// What is applied to say this status of that version of the connection, and of no other.
fn statement(connection: &GithubPatConnection, version: &str, status: &Status) -> serde_json::Value {
    serde_json::json!({
        "apiVersion": GithubPatConnection::api_version(&()),
        "kind": GithubPatConnection::kind(&()),
        "metadata": {
            "name": connection.name_any(),
            "uid": connection.uid(),
            "resourceVersion": version,
        },
        "status": status,
    })
}

/// One line for each change of the judgement.
fn log(
    connection: &GithubPatConnection,
    previous: Option<&Status>,
    status: &Status,
    requeue_after: SignedDuration,
) {
    let ready = |status: &Status| status.condition("Ready").map(|ready| (ready.status, ready.reason.clone()));
    let Some((now, reason)) = ready(status) else { return };
    if previous.and_then(ready).as_ref() == Some(&(now, reason.clone())) {
        return;
    }
    let (connection, host, ready) = (key(connection), connection.spec.host.as_str(), now.as_str());
    tracing::info!(%connection, host, ready, reason, requeue_after = %requeue_after, "token judged");
}

/// Says of a connection that cannot be read that it cannot; its outputs stay as they are.
async fn refuse(unreadable: &InvalidObject, ctx: &Context) -> Result<Action, Error> {
    let InvalidObject { metadata: meta, error } = unreadable;
    let (uid, name) = (meta.uid.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default());
    if ctx.records.was_told(&uid, error) {
        return Ok(Action::await_change());
    }
    let namespace = meta.namespace.clone().unwrap_or_default();
    tracing::error!(connection = %format!("{namespace}/{name}"), %error, "connection unreadable");
    let conditions = status::unreadable(error, meta.generation, Timestamp::now());
    let patch = serde_json::json!({
        "metadata": { "uid": uid, "resourceVersion": &meta.resource_version },
        "status": { "conditions": conditions },
    });
    let connections = Api::<Guarded>::namespaced(ctx.client.clone(), &namespace);
    let written =
        within(connections.patch_status(&name, &PatchParams::default(), &Patch::Merge(patch))).await;
    match written {
        Ok(_) => {
            ctx.records.told(&uid, error);
            Ok(Action::await_change())
        }
        Err(fault) if fault.is_outdated() => Ok(Action::requeue(LOOK_AGAIN)),
        Err(source) => Err(Error::WriteStatus { source }),
    }
}

/// Tries again after a pause that doubles with each failure in a row.
fn after_error(connection: Arc<Guarded>, error: &Error, ctx: Arc<Context>) -> Action {
    let failures = ctx.records.failed(&connection.uid().unwrap_or_default());
    let pause = pause(failures, fastrand::f64());
    let connection = format!("{}/{}", connection.namespace().unwrap_or_default(), connection.name_any());
    tracing::warn!(%connection, %error, requeue_after = ?pause, "reconcile failed");
    Action::requeue(pause)
}

/// The pause after so many failures before this one: between half of it and all of it, by a share from 0 to 1.
fn pause(failures: u32, share: f64) -> Duration {
    let longest = PAUSES.0.saturating_mul(1_u32 << failures.min(16)).min(PAUSES.1);
    longest.mul_f64(share.mul_add(0.5, 0.5))
}

fn api(connection: &GithubPatConnection, ctx: &Context) -> Api<GithubPatConnection> {
    Api::namespaced(ctx.client.clone(), &connection.namespace().unwrap_or_default())
}

fn key(connection: &GithubPatConnection) -> String {
    format!("{}/{}", connection.namespace().unwrap_or_default(), connection.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_and_are_spread() {
        let seconds = |failures, share| pause(failures, share).as_secs_f64();
        let longest: Vec<f64> = [0, 1, 2, 6, 7, 8, u32::MAX].map(|failures| seconds(failures, 1.0)).to_vec();
        assert_eq!(longest, [0.5, 1.0, 2.0, 32.0, 60.0, 60.0, 60.0]);
        assert_eq!((seconds(1, 0.0), seconds(1, 0.5)), (0.5, 0.75));
    }

    #[test]
    fn a_status_is_said_of_the_version_that_was_seen() {
        let connection: GithubPatConnection = serde_json::from_value(serde_json::json!({
            "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection",
            "metadata": { "name": "ci", "uid": "one", "resourceVersion": "6" },
            "spec": { "secretRef": { "name": "pat" } },
        }))
        .unwrap();
        let said = statement(&connection, "7", &Status::default());
        assert_eq!(
            said["metadata"],
            serde_json::json!({ "name": "ci", "uid": "one", "resourceVersion": "7" })
        );
        assert_eq!(said["apiVersion"], "githubpat.dev/v1alpha1");
    }

    #[tokio::test]
    async fn a_panic_is_an_error_of_one_reconcile() {
        let panicking = async { panic!("met by one connection") };
        assert!(matches!(contained(panicking).await, Err(Error::Panicked)));
        let done = contained(async { Ok(Action::await_change()) }).await;
        assert!(done.is_ok_and(|action| action == Action::await_change()));
    }
}
