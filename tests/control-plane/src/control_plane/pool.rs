//! Control planes that the tests of one process hand on to each other. A start takes seconds of CPU time, and putting etcd back a
//! small part of one.

mod etcd;

use super::{ControlPlane, Error, Options};
use etcd::{Etcd, Key};
use std::{
    collections::HashMap,
    mem,
    ops::{Deref, DerefMut},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// After a test, for how long nobody else has the control plane: requests of clients that were killed are answered by then.
const QUIET: Duration = Duration::from_millis(200);
/// How long nothing may change before the next test has it.
const SETTLED: Duration = Duration::from_millis(50);
/// How often etcd is put back until it is settled.
const ROUNDS: usize = 40;
/// With more changes than that, a start is cheaper.
const CHANGES: usize = 1000;
/// How many wait for a test at most: each has some hundred MB.
const IDLE: usize = 5;

/// What tests leave behind that the API server forgets at once when it is gone. Anything else, such as another definition of a resource or a
/// policy, has effects in the API server for a while, and the next test begins with a new one.
const FORGOTTEN: [&str; 18] = [
    "configmaps",
    "deployments",
    "events",
    "githubpat.dev/githubpatconnections",
    "jobs",
    "leases",
    "namespaces",
    "pods",
    "poddisruptionbudgets",
    "replicasets",
    "secrets",
    "serviceaccounts",
    "statefulsets",
    "clusterroles",
    "clusterrolebindings",
    "rolebindings",
    "roles",
    "cronjobs",
];
/// What the API server writes by itself, now and then or some time after it has started: its own Service comes after it is ready.
const OF_THE_SERVER: [&str; 10] = [
    "/registry/endpointslices/default/kubernetes",
    "/registry/ipaddresses/",
    "/registry/leases/kube-system/apiserver-",
    "/registry/masterleases/",
    "/registry/peerserverleases/",
    "/registry/ranges/",
    "/registry/servicecidrs/",
    "/registry/services/endpoints/default/kubernetes",
    "/registry/services/specs/default/kubernetes",
    "compact_rev_key",
];

/// The control planes that no test has at the moment.
#[derive(Debug, Default)]
pub struct Pool {
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    plane: ControlPlane,
    base: Base,
    since: Instant,
}

/// What etcd holds when a test begins.
type Base = HashMap<Key, etcd::Kept>;

/// A control plane that goes to the next test when this value is dropped, unless the test has failed, or has stopped, started or
/// frozen a program of it, or had the means to.
#[derive(Debug)]
pub struct Pooled {
    /// `None` while it is dropped.
    inner: Option<(ControlPlane, Base)>,
    pool: &'static Pool,
    is_as_started: bool,
}

impl Pool {
    /// One that has none yet.
    pub const fn new() -> Self {
        Self { idle: Mutex::new(Vec::new()) }
    }

    /// A control plane with these options, in which there is what `prepare` makes and nothing else. Its audit log begins now.
    ///
    /// # Errors
    ///
    /// As [`ControlPlane::start`], and when etcd does not answer.
    pub async fn take(
        &'static self,
        options: Options,
        prepare: impl AsyncFnOnce(&ControlPlane),
    ) -> Result<Pooled, Error> {
        let (mut plane, base) = match self.again(options).await? {
            Some(found) => found,
            None => {
                let plane = ControlPlane::start(options).await?;
                prepare(&plane).await;
                let base = Etcd::of(&plane).await?.all().await?;
                (plane, base)
            }
        };
        plane.begin_audit()?;
        Ok(Pooled { inner: Some((plane, base)), pool: self, is_as_started: true })
    }

    /// One that a test had, as it was before.
    async fn again(&self, options: Options) -> Result<Option<(ControlPlane, Base)>, Error> {
        while let Some(Idle { mut plane, mut base, since }) = self.oldest(options) {
            tokio::time::sleep(QUIET.saturating_sub(since.elapsed())).await;
            // A test may have killed it by its process id.
            if plane.alive().is_ok() && put_back(&plane, &mut base).await? {
                return Ok(Some((plane, base)));
            }
        }
        Ok(None)
    }

    fn oldest(&self, options: Options) -> Option<Idle> {
        let mut idle = self.locked();
        let place = idle.iter().position(|idle| idle.plane.options == options)?;
        Some(idle.remove(place))
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes etcd hold this and nothing else; `false` if more has changed than can be put back.
async fn put_back(plane: &ControlPlane, base: &mut Base) -> Result<bool, Error> {
    let mut etcd = Etcd::of(plane).await?;
    let mut was_settled = false;
    for _ in 0..ROUNDS {
        let now = etcd.revisions().await?;
        let is_old = |key: &Key| base.get(key).map(|kept| kept.revision) == now.get(key).copied();
        let new = now.keys().filter(|key| !base.contains_key(key));
        let changed = base.keys().chain(new).filter(|key| !is_old(key) && !is_of_the_server(key));
        let changed: Vec<Key> = changed.cloned().collect();
        // A write may be on its way.
        if changed.is_empty() && was_settled {
            return Ok(true);
        }
        was_settled = changed.is_empty();
        if changed.len() > CHANGES || !changed.iter().all(is_forgotten) {
            return Ok(false);
        }
        for key in changed {
            match base.get_mut(&key) {
                Some(kept) => kept.revision = etcd.put(&key, &kept.value).await?,
                None => etcd.delete(&key).await?,
            }
        }
        tokio::time::sleep(SETTLED).await;
    }
    Ok(false)
}

fn is_forgotten(key: &Key) -> bool {
    let name = key.text();
    FORGOTTEN.iter().any(|kind| {
        let rest = name.strip_prefix("/registry/").and_then(|name| name.strip_prefix(kind));
        rest.is_some_and(|rest| rest.starts_with('/'))
    })
}

fn is_of_the_server(key: &Key) -> bool {
    let name = key.text();
    OF_THE_SERVER.iter().any(|prefix| name.starts_with(prefix))
}

impl Deref for Pooled {
    type Target = ControlPlane;

    fn deref(&self) -> &ControlPlane {
        let Some((plane, _)) = &self.inner else { unreachable!("it is gone when it is dropped only") };
        plane
    }
}

impl DerefMut for Pooled {
    fn deref_mut(&mut self) -> &mut ControlPlane {
        self.is_as_started = false;
        let Some((plane, _)) = &mut self.inner else { unreachable!("it is gone when it is dropped only") };
        plane
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let Some((plane, base)) = mem::take(&mut self.inner) else { return };
        let mut idle = self.pool.locked();
        if self.is_as_started && !std::thread::panicking() && idle.len() < IDLE {
            idle.push(Idle { plane, base, since: Instant::now() });
        }
    }
}
