//! What keeps a simulator from starting.

use std::{io, net::SocketAddr, path::PathBuf};

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not one of the machine itself.
    #[error(
        "cannot listen on {address}: the simulator listens on loopback addresses only, for it gives tokens to anyone"
    )]
    NotLoopback {
        /// What was asked for.
        address: SocketAddr,
    },
    /// The address is taken, or not there.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The certificate could not be used.
    #[error("cannot use the certificate: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
    /// The settings could not be read.
    #[error("cannot read {}: {source}", path.display())]
    ReadSettings {
        /// Their file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The settings are not what they should be; the text names the field.
    #[error("{} is not a configuration of the simulator: {why}", path.display())]
    Settings {
        /// Their file.
        path: PathBuf,
        /// One sentence.
        why: String,
    },
}
