//! `/livez` and `/readyz`.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::net::TcpListener;

/// Work that waits for so long while nothing moves means that this process is stuck.
const STUCK: Duration = Duration::from_secs(30);

/// The probes cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not to be had.
    #[error("cannot listen on {address}, which the setting listen names: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Serving ended.
    #[error("the probes are no longer served: {source}")]
    Serve {
        /// Why.
        source: std::io::Error,
    },
}

/// What the probes tell, at the moment of the question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether connections and Secrets have been listed.
    pub listed: bool,
    /// For how long work has waited while nothing moved; `None` while nothing waits.
    pub stalled_for: Option<Duration>,
}

type Probe = Arc<dyn Fn() -> Health + Send + Sync>;

/// Listens on the address.
///
/// # Errors
///
/// If it cannot be listened on.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })
}

/// Serves the probes for ever: alive while work moves or none waits, ready once everything has been listed.
///
/// # Errors
///
/// If serving ends.
pub async fn serve(
    listener: TcpListener,
    health: impl Fn() -> Health + Send + Sync + 'static,
) -> Result<(), Error> {
    let router = Router::new()
        .route("/livez", get(async |State(probe): State<Probe>| alive(probe())))
        .route("/readyz", get(async |State(probe): State<Probe>| ready(probe())))
        .with_state(Arc::new(health) as Probe);
    axum::serve(listener, router).await.map_err(|source| Error::Serve { source })
}

fn alive(health: Health) -> (StatusCode, &'static str) {
    if health.stalled_for.is_some_and(|stalled| stalled >= STUCK) {
        (StatusCode::SERVICE_UNAVAILABLE, "work waits, and nothing has moved for 30 s")
    } else {
        (StatusCode::OK, "ok")
    }
}

fn ready(health: Health) -> (StatusCode, &'static str) {
    if health.listed {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "connections or Secrets have not been listed yet")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alive_is_said_while_work_moves_or_none_waits() {
        let rows = [(None, 200), (Some(0), 200), (Some(29), 200), (Some(30), 503), (Some(3600), 503)];
        for (seconds, expected) in rows {
            let health = Health { listed: true, stalled_for: seconds.map(Duration::from_secs) };
            assert_eq!(alive(health).0.as_u16(), expected, "{seconds:?}");
        }
    }

    #[test]
    fn ready_is_said_once_everything_was_listed() {
        for (listed, expected) in [(false, 503), (true, 200)] {
            assert_eq!(ready(Health { listed, stalled_for: None }).0.as_u16(), expected);
        }
    }
}
