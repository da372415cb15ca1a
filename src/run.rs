//! The composition root: builds everything and supervises the tasks. The end of any of them ends the process.

mod kubeconfig;

use std::sync::Arc;

use futures::future;
use jiff::Timestamp;
use kube::{Client, config::Kubeconfig};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::{JoinError, JoinSet},
};

use crate::{
    cluster::watch::{self, LONGEST_SILENCE},
    github::{self, Github},
    prober::Prober,
    reconcile::{self, Context},
    serve::{self, Health},
    settings::Settings,
};

/// What ends the operator early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A host cannot be asked.
    #[error(transparent)]
    Github(#[from] github::Error),
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
    /// A task panicked.
    #[error("a task of the operator panicked ({0}); please report this")]
    Panic(#[source] JoinError),
    /// A task that never ends has ended.
    #[error("a task of the operator ended ({0}); it is to be started anew")]
    Task(&'static str),
}

/// Runs the operator until it is told to stop.
///
/// # Errors
///
/// What keeps it from running, or the end of any task.
pub async fn run(settings: Settings) -> Result<(), Error> {
    let (mut terminated, mut interrupted) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let config = kubeconfig::cluster().await?;
    let proxy = Kubeconfig::read().ok().and_then(|kubeconfig| proxy_of(&kubeconfig));
    let client = Client::try_from(impatient(config, proxy.as_deref())?)?;
    tokio::select! {
        ended = operate(client, settings) => return ended,
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    tracing::info!("stopping");
    Ok(())
}

/// Runs the operator with this client for ever.
///
/// # Errors
///
/// What keeps it from running, or the end of any task.
pub async fn operate(client: Client, settings: Settings) -> Result<(), Error> {
    // What cannot be had ends the process before anything else begins.
    let probes = serve::listen(settings.listen)?;
    let listen = probes.local_addr().unwrap_or(settings.listen);
    let github = Github::new(&settings)?;
    let hosts: Vec<_> =
        settings.hosts.iter().map(|host| (host.name.as_str(), settings.limits(host))).collect();
    let (prober, asking) = Prober::new(github, hosts);
    let ctx = Arc::new(Context::new(client, prober, settings));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %listen, "started");
    let mut tasks = tasks(&ctx, probes);
    tasks.spawn(async move {
        asking.run().await;
        Err(Error::Task("asking GitHub"))
    });
    first_end(tasks).await
}

/// Waits until any of the tasks ends, and gives why. All others end with it.
async fn first_end(mut tasks: JoinSet<Result<(), Error>>) -> Result<(), Error> {
    match tasks.join_next().await {
        Some(Ok(ended)) => ended,
        Some(Err(panicked)) => Err(Error::Panic(panicked)),
        None => Ok(()),
    }
}

/// Everything that goes on for ever.
fn tasks(ctx: &Arc<Context>, probes: TcpListener) -> JoinSet<Result<(), Error>> {
    let mut tasks = JoinSet::new();
    let serving = ctx.clone();
    tasks.spawn(async move { Ok(serve::serve(probes, move || health_of(&serving)).await?) });
    let watched = ctx.clone();
    tasks.spawn(async move {
        let wake = |woken| watched.wake(woken);
        watch::connections(watched.client.clone(), &watched.index, &watched.relist, wake).await;
        Err(Error::Task("watching connections"))
    });
    let watched = ctx.clone();
    tasks.spawn(async move {
        let wake = |woken| watched.wake(woken);
        // Of Secrets only those are kept that a connection names or has made, so the connections are listed first.
        let mut listed = watched.index.has_listed();
        let _ = listed.wait_for(|listed| listed.connections).await;
        watch::secrets(watched.client.clone(), &watched.index, &watched.relist, wake).await;
        Err(Error::Task("watching Secrets"))
    });
    let following = ctx.clone();
    tasks.spawn(async move {
        future::join(reconcile::open(&following), reconcile::follow_answers(&following)).await;
        Err(Error::Task("following GitHub's answers"))
    });
    let telling = ctx.clone();
    tasks.spawn(async move {
        telling.events.send(&telling.client).await;
        Err(Error::Task("sending Events"))
    });
    for _ in 0..ctx.settings.concurrency {
        let working = ctx.clone();
        tasks.spawn(async move {
            reconcile::work(&working).await;
            Err(Error::Task("reconciling"))
        });
    }
    tasks
}

fn health_of(ctx: &Context) -> Health {
    let asking = ctx.prober.stalled(Timestamp::now());
    Health { listed: ctx.index.has_listed().borrow().all(), stalled_for: ctx.queue.stalled_for().max(asking) }
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
    use super::*;

    #[tokio::test]
    async fn the_end_of_any_task_ends_the_operator_and_all_other_tasks() {
        let kept = Arc::new(());
        let with_others = || {
            let mut tasks = JoinSet::new();
            let held = kept.clone();
            tasks.spawn(async move {
                let _held = held;
                future::pending().await
            });
            tasks
        };
        let mut tasks = with_others();
        tasks.spawn(async { Err(Error::Task("watching Secrets")) });
        assert!(matches!(first_end(tasks).await, Err(Error::Task("watching Secrets"))));
        let mut tasks = with_others();
        tasks.spawn(async { panic!("a fault of the program") });
        assert!(matches!(first_end(tasks).await, Err(Error::Panic(_))));
        tokio::task::yield_now().await;
        assert_eq!(Arc::strong_count(&kept), 1, "nothing goes on");
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
