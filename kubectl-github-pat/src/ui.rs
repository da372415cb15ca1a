//! `ui`: a page for one person on this machine, with their own kubeconfig and rights.
//!
//! It keeps nothing and writes nothing by itself. A token goes from the form to the check and to the Secret, and nowhere else.

mod address;
mod answer;
mod api;
mod blocks;
mod detail;
mod door;
mod filter;
mod form;
mod health;
mod mirror;
mod note;
mod opening;
mod overview;
mod posted;
mod remedies;
mod rights;
mod routes;
mod signals;
mod site;
mod text;
mod timeline;
mod verdict;

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr},
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex},
};

use tokio::net::TcpListener;

use self::{
    door::Door,
    mirror::{Mirror, Scope},
    opening::Opening,
    routes::router,
    site::Site,
};
use crate::{
    cluster::Way,
    error::Error,
    screen,
    trial::{CONFIG, Trial},
};

/// How often a port is drawn, if somebody else has it on the other loopback address.
const DRAWS: u32 = 20;

/// Serves a page with all connections to your browser, until Ctrl-C.
///
/// The page listens on this machine alone and lets in the one browser that opens its link, which is printed and works once. It reads and
/// writes with your kubeconfig what you may read and write.
#[derive(Debug, clap::Args)]
#[command(mut_arg("namespace", |namespace| namespace.help("The namespace [default: all]")))]
pub(crate) struct Ui {
    /// Prints the link, and opens no browser
    #[arg(long)]
    no_open: bool,
    /// The settings file with the GitHub hosts, as the operator has it
    #[arg(long, env = CONFIG, hide_env_values = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    way: Way,
}

pub(crate) async fn run(ui: Ui) -> Result<ExitCode, Error> {
    let trial = Trial::new(ui.config.as_deref(), None)?;
    let cluster = ui.way.open().await?;
    let scope = match ui.way.named_namespace().is_some() {
        true => Scope::Named(cluster.namespace.clone()),
        false => Scope::All,
    };
    let (listeners, port) = listen().await.map_err(|error| {
        Error::Cluster(format!(
            "cannot listen: {error}; ip address show lo shows whether this machine has its loopback addresses"
        ))
    })?;
    let door = Door::new(port)?;
    // What leads the browser here goes with the program, however that is ended.
    let ended_by_signal = signals::ended().map_err(|error| {
        Error::Cluster(format!(
            "cannot hear the signals that end the page: {error}; ulimit -n shows how many files a program may have open"
        ))
    })?;
    screen::print(door.link())?;
    screen::say("the link above works once, in one browser; the page is served until Ctrl-C");
    let opening = Some(door.link()).filter(|_| !ui.no_open).and_then(Opening::begin);
    let site = Arc::new(Site {
        door,
        mirror: Mirror::new(scope),
        cluster,
        trial,
        opening: Mutex::new(opening),
        followed: Mutex::default(),
    });
    let router = router(&site);
    let served = listeners.map(|listener| async {
        match listener {
            Some(listener) => axum::serve(listener, router.clone()).await,
            None => std::future::pending().await,
        }
    });
    let [one, other] = served;
    tokio::select! {
        () = ended_by_signal => {}
        ended = one => ended?,
        ended = other => ended?,
        () = site.mirror.follow(&site.cluster) => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// A port of this machine, on both loopback addresses where it has both: on one that was free, somebody else could wait for the browser.
async fn listen() -> io::Result<([Option<TcpListener>; 2], u16)> {
    let mut draws = 0_u32;
    loop {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = first.local_addr()?.port();
        match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
            Ok(second) => return Ok(([Some(first), Some(second)], port)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && draws < DRAWS => {
                draws = draws.saturating_add(1);
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            Err(_) => return Ok(([Some(first), None], port)),
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    use crate::summary::Summary;

    /// A connection of which nothing is known.
    pub(super) fn summary(namespace: &str, name: &str) -> Summary {
        let metadata = ObjectMeta {
            namespace: Some(namespace.to_owned()),
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        };
        Summary::unreadable(&metadata, "")
    }
}
