//! What can go wrong with a control plane.

use crate::{binaries, guard};
use std::{io, path::PathBuf, process::ExitStatus, time::Duration};

/// What keeps a control plane from starting or answering.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program cannot be had.
    #[error(transparent)]
    Binaries(#[from] binaries::Error),
    /// A program cannot be run.
    #[error(transparent)]
    Guard(#[from] guard::Error),
    /// A file or folder cannot be read or written.
    #[error("cannot use {path}: {source}", path = path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A certificate or key cannot be made.
    #[error("cannot make {what}: {source}")]
    Certificate {
        /// What it is for.
        what: String,
        /// Why.
        source: rcgen::Error,
    },
    /// No port could be had.
    #[error("cannot find a free port: {source}")]
    Port {
        /// Why.
        source: io::Error,
    },
    /// Somebody else has taken the API server's port.
    #[error("port {port} was taken before kube-apiserver had it")]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// A program ended that should run on.
    #[error("{program} ended with {status}: {log}")]
    Ended {
        /// The program's name.
        program: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// The last lines of its log.
        log: String,
    },
    /// A program runs but is not ready.
    #[error("{program} is not ready after {deadline:?}: {cause}; its log ends with: {log}")]
    NotReady {
        /// The program's name.
        program: &'static str,
        /// How long we waited.
        deadline: Duration,
        /// What it lacks, or its last answer.
        cause: String,
        /// The last lines of its log.
        log: String,
    },
    /// A kubeconfig of ours is not understood.
    #[error("cannot use kubeconfig {path}: {source}", path = path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<kube::config::KubeconfigError>,
    },
    /// A client cannot be made.
    #[error("cannot make a client for {url}: {source}")]
    Client {
        /// The API server.
        url: String,
        /// Why.
        source: Box<kube::Error>,
    },
    /// There is no token for a ServiceAccount.
    #[error("cannot get a token for ServiceAccount {namespace}/{name}: {source}")]
    Token {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Why.
        source: Box<kube::Error>,
    },
    /// The API server does not serve a resource.
    #[error("the API server does not serve {name}: {source}")]
    Definition {
        /// The name of the definition.
        name: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The audit log holds something else than events.
    #[error("the audit log holds a line that is no event: {cause}: {line}")]
    Audit {
        /// The line.
        line: String,
        /// What is wrong with it.
        cause: String,
    },
    /// etcd does not answer, or says something that is not understood.
    #[error("cannot ask etcd: {cause}")]
    Etcd {
        /// Why.
        cause: String,
    },
    /// A blocking task was cut off, as the runtime is being shut down.
    #[error("cannot look for {program}: {source}")]
    Interrupted {
        /// The program's name.
        program: &'static str,
        /// Why.
        source: tokio::task::JoinError,
    },
}

impl Error {
    pub(super) fn certificate(what: impl Into<String>) -> impl FnOnce(rcgen::Error) -> Self {
        let what = what.into();
        move |source| Self::Certificate { what, source }
    }
}
