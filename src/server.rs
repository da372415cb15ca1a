//! `/livez` and `/readyz`.

use std::net::SocketAddr;

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::{net::TcpListener, sync::watch};

use crate::watches::Listed;

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

/// Serves the probes until the future is dropped: alive while the process answers, ready once everything has been listed.
///
/// # Errors
///
/// If the address cannot be listened on, or serving ends.
pub async fn serve(address: SocketAddr, listed: watch::Receiver<Listed>) -> Result<(), Error> {
    let listener = TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })?;
    let router =
        Router::new().route("/livez", get(async || "ok")).route("/readyz", get(ready)).with_state(listed);
    axum::serve(listener, router).await.map_err(|source| Error::Serve { source })
}

async fn ready(State(listed): State<watch::Receiver<Listed>>) -> (StatusCode, &'static str) {
    if listed.borrow().all() {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "connections or Secrets have not been listed yet")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ready_is_said_once_connections_and_secrets_were_listed() {
        let rows = [(false, false, 503), (true, false, 503), (false, true, 503), (true, true, 200)];
        for (connections, secrets, expected) in rows {
            let (_sender, receiver) = watch::channel(Listed { connections, secrets });
            let (status, _) = ready(State(receiver)).await;
            assert_eq!(status.as_u16(), expected, "{connections} {secrets}");
        }
    }
}
