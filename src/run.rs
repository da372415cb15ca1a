//! The composition root: builds everything and supervises the tasks. The end of any of them ends the process.

mod client;
mod heap;
pub mod kubeconfig;
mod metrics;
mod reload;
mod replica;

use std::{future::Future, panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration};

use futures::{
    FutureExt,
    future::{self, BoxFuture},
};
use kube::{Client, config::Kubeconfig};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
};

use crate::{
    cluster::{
        self, fence::Fence, lease::Lost, requests::Requests, reviews::Reviews, scope::Scope,
        transport::Transport, watch::LONGEST_SILENCE,
    },
    github::{self, Github},
    prober::{Prober, Workers},
    reconcile::{self, Context},
    serve::{self, Health, Listening, readers::Readers},
    settings::Settings,
    sinks::{self, Sinks},
};
pub use reload::Reload;
use replica::Replica;

/// How long giving back the Lease may take; the Pod is killed 30 s after it was told to stop.
const GIVING_BACK: Duration = Duration::from_secs(3);

// While every worker has a reconcile that takes as long as it may, nothing moves and nothing is stuck.
const _: () = assert!(reconcile::DEADLINE.as_secs() < serve::STUCK.as_secs());

/// What ends the operator early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A host cannot be asked.
    #[error(transparent)]
    Github(#[from] github::Error),
    /// A sink cannot be told anything.
    #[error(transparent)]
    Sink(#[from] sinks::Error),
    /// There is no cluster to talk to.
    #[error("no cluster to talk to: {0}")]
    Config(String),
    /// The kubeconfig names no proxy that there is.
    #[error(
        "the proxy-url of the cluster in the kubeconfig is no http or https URL, as in http://proxy.example.com:3128: correct it, \
         or remove it"
    )]
    Proxy,
    /// The cluster cannot be talked to.
    #[error("no cluster to talk to: {}", kubeconfig::no_client(.0))]
    Client(#[from] kube::Error),
    /// The probes cannot be served.
    #[error(transparent)]
    Serve(#[from] serve::Error),
    /// The signals to stop cannot be caught.
    #[error("cannot catch signals: {0}")]
    Signal(#[from] std::io::Error),
    /// A task panicked; what it panicked over is on standard error already.
    #[error("a task of the operator panicked ({0}); please report this")]
    Panic(&'static str),
    /// This replica led, and leads no more.
    #[error(
        "this replica lost the Lease {lease}: {why}; it ends, so that it is started anew and waits for the Lease"
    )]
    Lost {
        /// Namespace and name.
        lease: String,
        /// How.
        why: Lost,
    },
    /// A task that never ends has ended.
    #[error("a task of the operator ended ({0}); it is to be started anew")]
    Task(&'static str),
}

/// Runs the operator until it is told to stop.
///
/// # Errors
///
/// What keeps it from running, or the end of any task.
pub async fn run(settings: Settings, reload: Option<Reload>) -> Result<(), Error> {
    let (mut terminated, mut interrupted) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    allow_connections();
    let config = kubeconfig::cluster().await?;
    let proxy = Kubeconfig::read().ok().and_then(|kubeconfig| proxy_of(&kubeconfig));
    let namespace = config.default_namespace.clone();
    let transport = client::connect(impatient(config, proxy.as_deref())?)?;
    operate(transport, namespace, settings, reload, async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    })
    .await
}

/// Runs the operator in this namespace, by this transport to the API server, until it is told to stop.
///
/// # Errors
///
/// What keeps it from running, or the end of any task.
pub async fn operate(
    transport: Transport,
    namespace: String,
    settings: Settings,
    reload: Option<Reload>,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    // What cannot be had ends the process before anything else begins.
    let scraping = &settings.scraping;
    let listening = Listening::new(settings.listen, scraping.listen, scraping.tls_directory.as_deref())?;
    let listen = listening.of_probes().unwrap_or(settings.listen);
    let github = watch::Sender::new(Arc::new(Github::new(&settings)?));
    let sinks = Sinks::new(&settings.sinks.all)?;
    let (prober, asking) = Prober::new(github.subscribe(), settings.limited_hosts());
    let requests = Requests::default();
    let transport = requests.around(transport);
    let client = Client::new(transport.clone(), namespace.clone());
    // A replica that waits is scraped too.
    let readers = settings.scraping.authentication.then(|| Readers::new(Reviews::new(client.clone())));
    let mut replica = settings.lease.as_ref().map(|lease| Replica::new(&client, lease, settings.shard));
    let client = match &replica {
        Some(replica) => Client::new(replica.fence.around(transport), namespace),
        None => client,
    };
    let ctx = Arc::new(Context::new(client, prober, sinks, settings));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %listen, "started");
    let metrics = metrics::of(&ctx, &requests, reload.as_ref().map(Reload::reloads));
    let mut tasks = following(&ctx, &requests);
    let serving = ctx.clone();
    tasks.spawn(named("serving the probes", async move {
        match serve::serve(listening, move || health_of(&serving), metrics, readers).await {}
    }));
    tasks.spawn(named("giving back memory", async { match heap::give_back().await {} }));
    if let Some(reload) = reload {
        let taking = ctx.clone();
        tasks.spawn(named("following the settings", async move { reload.follow(&taking, &github).await }));
    }
    let ended = lead(&ctx, &mut tasks, asking, replica.as_mut(), stop).await;
    tasks.shutdown().await;
    let is_lost = matches!(ended, Err(Error::Lost { .. }));
    if let Some(Replica { elector, .. }) = replica.as_mut().filter(|_| !is_lost) {
        let given_back = tokio::time::timeout(GIVING_BACK, elector.release()).await;
        if !matches!(given_back, Ok(Ok(()))) {
            tracing::warn!(lease = elector.shown(), "the lease was not given back; it runs out by itself");
        }
    }
    ended
}

/// Waits until this replica leads, which it does from the start if there is one only, and works until it is told to stop.
async fn lead(
    ctx: &Arc<Context>,
    tasks: &mut JoinSet<Error>,
    asking: Workers,
    mut replica: Option<&mut Replica>,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let mut stop = pin!(stop);
    if let Some(replica) = &mut replica {
        tokio::select! {
            ended = first_end(tasks) => return Err(ended),
            () = stop.as_mut() => return Ok(()),
            () = replica.leads(ctx) => ctx.lead(),
        }
    }
    working(tasks, ctx, asking, replica.as_ref().map(|replica| &replica.fence));
    let kept = async {
        match replica {
            Some(Replica { elector, .. }) => {
                let why = elector.keep().await;
                Error::Lost { lease: elector.shown().to_owned(), why }
            }
            None => future::pending().await,
        }
    };
    let finished = async {
        stop.await;
        tracing::info!("stopping");
        reconcile::finish(ctx).await;
    };
    tokio::select! {
        ended = first_end(tasks) => Err(ended),
        lost = kept => Err(lost),
        () = finished => Ok(()),
    }
}

/// Waits until any of the tasks ends, and gives why.
async fn first_end(tasks: &mut JoinSet<Error>) -> Error {
    // There always are some, and nobody aborts one before the first has ended.
    tasks.join_next().await.and_then(Result::ok).unwrap_or(Error::Task("it has no name"))
}

/// A task that does this for ever; gives why it has ended all the same.
async fn named(task: &'static str, work: impl Future<Output = ()>) -> Error {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(()) => Error::Task(task),
        Err(_) => Error::Panic(task),
    }
}

/// What every replica does, whether it leads or not.
fn following(ctx: &Arc<Context>, requests: &Requests) -> JoinSet<Error> {
    let mut tasks = JoinSet::new();
    let watched = ctx.clone();
    tasks.spawn(named("watching connections", async move {
        let wake = |woken| watched.wake(woken);
        let settings = watched.settings();
        let scopes = Scope::of(&settings.watch.namespaces, settings.shard);
        let (client, selector) = (watched.client.clone(), settings.selector.as_ref());
        cluster::watch::connections(client, &scopes, selector, &watched.index, &watched.relist, wake).await;
    }));
    let (watched, requests) = (ctx.clone(), requests.clone());
    tasks.spawn(named("watching Secrets", async move {
        let wake = |woken| watched.wake(woken);
        let all = watched.settings().shard.map_or(Scope::All, Scope::Part);
        let (client, index) = (watched.client.clone(), &watched.index);
        let ended = |namespace: &str| requests.forget(cluster::requests::SECRETS, namespace);
        cluster::watch::secrets(client, all, index, &watched.relist, wake, ended).await;
    }));
    tasks
}

/// What the one replica does that leads, and only while the fence is open, if there is one.
fn working(tasks: &mut JoinSet<Error>, ctx: &Arc<Context>, asking: Workers, fence: Option<&Arc<Fence>>) {
    let mut spawn = |task: &'static str, work: BoxFuture<'static, ()>| {
        let fence = fence.cloned();
        tasks.spawn(named(task, async move {
            let is_over = match fence {
                Some(fence) => fence.while_open(work).await.is_none(),
                None => {
                    work.await;
                    false
                }
            };
            // Why it is over is told by the elector.
            if is_over {
                future::pending().await
            }
        }));
    };
    spawn("asking GitHub", Box::pin(asking.run()));
    let following = ctx.clone();
    spawn(
        "following GitHub's answers",
        Box::pin(async move {
            future::join(reconcile::open(&following), reconcile::follow_answers(&following)).await;
        }),
    );
    let telling = ctx.clone();
    spawn("sending Events", Box::pin(async move { telling.events.send(&telling.client).await }));
    if ctx.settings().waiting_pods {
        let watching = ctx.clone();
        spawn("lifting the gates of Pods", Box::pin(async move { watch_pods(&watching).await }));
    }
    if !ctx.sinks.is_empty() {
        let telling = ctx.clone();
        spawn("telling the sinks", Box::pin(async move { reconcile::tell_sinks(&telling).await }));
    }
    for _ in 0..ctx.settings().concurrency {
        let working = ctx.clone();
        spawn("reconciling", Box::pin(async move { reconcile::work(&working).await }));
    }
}

/// Follows the Pods that wait, and lifts their gates.
async fn watch_pods(ctx: &Context) {
    let settings = ctx.settings();
    let scopes = Scope::of(&settings.watch.namespaces, settings.shard);
    let watched = cluster::watch::pods(ctx.client.clone(), &scopes, &ctx.gates, &ctx.relist);
    future::join(watched, reconcile::lift_gates(ctx)).await;
}

fn health_of(ctx: &Context) -> Health {
    Health { listed: ctx.index.has_listed().borrow().all(), stalled_for: stalled_for(ctx) }
}

/// For how long work has waited while nothing moved; `None` while nothing waits.
fn stalled_for(ctx: &Context) -> Option<Duration> {
    ctx.queue.stalled_for().max(ctx.prober.stalled())
}

/// Lets the process open as many files as it ever may: each watch is a connection to the API server of its own, and many systems allow
/// 1,024 unless a process asks for more.
fn allow_connections() {
    let allowed = getrlimit(Resource::Nofile);
    let all = Rlimit { current: allowed.maximum, ..allowed };
    if let Err(error) = setrlimit(Resource::Nofile, all) {
        tracing::warn!(%error, "cannot raise the number of open files");
    }
}

/// Each call has a deadline of its own, and what fails is tried again by the reconcile, so the client does not try; the lists
/// and watches that feed it end when nothing comes for long.
fn impatient(mut config: kube::Config, proxy: Option<&str>) -> Result<kube::Config, Error> {
    config.default_retry = false;
    // Proxies of the environment are not used, as for GitHub.
    config.proxy_url = proxy.map(str::parse).transpose().map_err(|_| Error::Proxy)?;
    let scheme = config.proxy_url.as_ref().map(|proxy| proxy.scheme_str().unwrap_or_default());
    if scheme.is_some_and(|scheme| !["http", "https"].contains(&scheme)) {
        return Err(Error::Proxy);
    }
    config.read_timeout = Some(LONGEST_SILENCE);
    config.reset_reader_on_write = true;
    Ok(config)
}

/// The proxy that the kubeconfig names for the cluster of its current context.
fn proxy_of(kubeconfig: &Kubeconfig) -> Option<String> {
    let current = kubeconfig.current_context.as_ref()?;
    let context = kubeconfig.contexts.iter().find(|context| context.name == *current)?.context.as_ref()?;
    let cluster = kubeconfig.clusters.iter().find(|cluster| cluster.name == context.cluster)?;
    cluster.cluster.as_ref()?.proxy_url.clone().filter(|proxy| !proxy.is_empty())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{
        cluster::{index::Woken, object::ObjectKey},
        domain::{
            probe::Probe,
            probing::{Subject, Urgency},
            token::Token,
        },
        prober::{Asked, Asker},
        reconcile::tests::context,
    };

    #[tokio::test(start_paused = true)]
    async fn the_probe_is_told_of_a_connection_and_of_a_question_that_nobody_takes() {
        let ctx = context(|_, _| future::pending());
        let stalled = || health_of(&ctx).stalled_for;
        assert_eq!(stalled(), None);
        let second = Duration::from_secs(1);
        ctx.queue.open();
        ctx.wake(Woken::New(ObjectKey::new("team-a", "ci")));
        assert_eq!(stalled(), Some(Duration::ZERO));
        tokio::time::advance(30 * second).await;
        assert_eq!(stalled(), Some(30 * second));
        ctx.queue.next().await;
        assert_eq!(stalled(), None, "it is at work");

        let token = Token::try_from(["ghp_", &"a".repeat(36)].concat().as_bytes()).unwrap();
        let subject = Subject { host: "github.com".into(), token: token.hashed() };
        let asker = Asker { namespace: "team-a", accepted_before: true, condemned: false, account: None };
        let asked = ctx.prober.ask(token, &subject, Probe::Identity, Urgency::New, &asker, Timestamp::now());
        assert_eq!(asked, Asked::Pending);
        tokio::time::advance(30 * second).await;
        assert_eq!(stalled(), Some(30 * second));
    }

    #[tokio::test]
    async fn the_end_of_any_task_ends_the_operator_and_all_other_tasks() {
        let kept = Arc::new(());
        let with_others = || {
            let mut tasks = JoinSet::new();
            let held = kept.clone();
            tasks.spawn(named("another", async move {
                let _held = held;
                future::pending().await
            }));
            tasks
        };
        let mut tasks = with_others();
        tasks.spawn(named("watching Secrets", async {}));
        assert!(matches!(first_end(&mut tasks).await, Error::Task("watching Secrets")));
        tasks.shutdown().await;
        let mut tasks = with_others();
        tasks.spawn(named("watching Secrets", async { panic!("a fault of the program") }));
        assert!(matches!(first_end(&mut tasks).await, Error::Panic("watching Secrets")));
        tasks.shutdown().await;
        assert_eq!(Arc::strong_count(&kept), 1, "nothing goes on");
    }

    #[test]
    fn as_many_files_may_be_open_as_the_system_allows() {
        let allowed = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(256), ..allowed }).unwrap();
        allow_connections();
        let now = getrlimit(Resource::Nofile);
        assert_eq!((now.current, now.maximum), (allowed.maximum, allowed.maximum));
    }

    #[test]
    fn the_client_of_the_api_server_neither_tries_again_nor_waits_for_ever() {
        let mut config = kube::Config::new("https://127.0.0.1:6443".parse().unwrap());
        config.proxy_url = Some("http://127.0.0.1:3128".parse().unwrap());
        let config = impatient(config, None).unwrap();
        assert!(!config.default_retry && config.proxy_url.is_none());
        assert_eq!((config.read_timeout, config.reset_reader_on_write), (Some(LONGEST_SILENCE), true));
    }

    #[test]
    fn the_proxy_is_that_of_the_cluster_in_the_current_context() {
        let of = |proxy: &str| {
            let text = serde_json::json!({
                "current-context": "here",
                "contexts": [
                    { "name": "there", "context": { "cluster": "b" } }, { "name": "here", "context": { "cluster": "a" } },
                ],
                "clusters": [
                    { "name": "b", "cluster": { "server": "https://b", "proxy-url": "http://other:1" } },
                    { "name": "a", "cluster": { "server": "https://a", "proxy-url": proxy } },
                ],
            });
            proxy_of(&Kubeconfig::from_yaml(&text.to_string()).unwrap())
        };
        let rows = [
            ("http://proxy.example.com:3128", Some(true)),
            ("https://user:word@proxy.example.com", Some(true)),
            ("socks5://127.0.0.1:1080", Some(false)),
            ("proxy.example.com:3128", Some(false)),
            ("http://a b", Some(false)),
            ("", None),
        ];
        for (proxy, is_taken) in rows {
            let named = of(proxy);
            assert_eq!(named.is_some(), is_taken.is_some(), "{proxy:?}");
            let config = kube::Config::new("https://127.0.0.1:6443".parse().unwrap());
            let made = impatient(config, named.as_deref());
            assert_eq!(made.is_ok_and(|made| made.proxy_url.is_some()), is_taken == Some(true), "{proxy:?}");
        }
    }
}
