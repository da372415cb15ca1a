//! The certificate with which `/metrics` is served, which is another one once its files are others.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use zeroize::Zeroizing;

/// The files, as a Secret of the type `kubernetes.io/tls` has them.
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";

/// Why the files are no certificate to serve with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file has something else in it.
    #[error("{} holds no {what} in PEM", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        what: &'static str,
    },
    /// They do not go together.
    #[error("tls.crt and tls.key cannot be used together: {0}")]
    Pair(#[from] rustls::Error),
}

/// The certificate of the files in a folder, read anew for each connection: a Secret that changes is used from the next one on.
#[derive(Debug)]
pub(super) struct Tls {
    folder: PathBuf,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    /// Of the files that were seen last, whether they could be used or not.
    seen: Seen,
    /// The last that could.
    config: Arc<ServerConfig>,
}

/// Tells two states of the files apart, without their bytes; `None` while they cannot be read.
type Seen = Option<[u8; 32]>;

impl Tls {
    /// Of the files in this folder.
    ///
    /// # Errors
    ///
    /// If they are no certificate to serve with.
    pub(super) fn new(folder: &Path) -> Result<Self, Error> {
        let files = Files::read(folder)?;
        let held = Held { seen: files.seen(), config: files.config(folder)? };
        Ok(Tls { folder: folder.to_owned(), held: Mutex::new(held) })
    }

    /// Shakes hands.
    ///
    /// # Errors
    ///
    /// If the other side does not.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config()).accept(stream).await
    }

    /// What to serve with now. Files that cannot be used change nothing, and are told once.
    fn config(&self) -> Arc<ServerConfig> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let files = Files::read(&self.folder);
        let seen = files.as_ref().ok().and_then(Files::seen);
        if seen != held.seen {
            held.seen = seen;
            match files.and_then(|files| files.config(&self.folder)) {
                Ok(config) => {
                    held.config = config;
                    tracing::info!(folder = %self.folder.display(), "metrics are served with another certificate");
                }
                Err(error) => {
                    tracing::error!(%error, "the changed certificate for metrics cannot be used; the one of before stays");
                }
            }
        }
        held.config.clone()
    }
}

struct Files {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl Files {
    fn read(folder: &Path) -> Result<Self, Error> {
        let read = |name| {
            let path = folder.join(name);
            fs::read(&path).map_err(|source| Error::Read { path, source })
        };
        Ok(Files { certificate: read(CERTIFICATE)?, key: Zeroizing::new(read(KEY)?) })
    }

    fn seen(&self) -> Seen {
        let both = Sha256::new().chain_update(&self.certificate).chain_update([0]).chain_update(&self.key);
        Some(both.finalize().into())
    }

    fn config(&self, folder: &Path) -> Result<Arc<ServerConfig>, Error> {
        let chain = CertificateDer::pem_slice_iter(&self.certificate).collect::<Result<Vec<_>, _>>();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain =
            chain.ok_or_else(|| Error::Pem { path: folder.join(CERTIFICATE), what: "certificate" })?;
        // The library's own words may have bytes of the file in them.
        let key = PrivateKeyDer::from_pem_slice(&self.key);
        let key = key.map_err(|_| Error::Pem { path: folder.join(KEY), what: "private key" })?;
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions()?;
        let mut config = builder.with_no_client_auth().with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(folder.join(CERTIFICATE), made.cert.pem()).unwrap();
        fs::write(folder.join(KEY), made.signing_key.serialize_pem()).unwrap();
    }

    #[test]
    fn other_files_are_used_at_once_and_those_that_cannot_be_used_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path());
        let tls = Tls::new(folder.path()).unwrap();
        let first = tls.config();
        assert!(Arc::ptr_eq(&first, &tls.config()), "nothing has changed");
        write(folder.path());
        let second = tls.config();
        assert!(!Arc::ptr_eq(&first, &second));
        let key = fs::read(folder.path().join(KEY)).unwrap();
        for wrong in [&b""[..], b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            fs::write(folder.path().join(KEY), wrong).unwrap();
            assert!(Arc::ptr_eq(&second, &tls.config()));
        }
        fs::remove_file(folder.path().join(KEY)).unwrap();
        assert!(Arc::ptr_eq(&second, &tls.config()));
        fs::write(folder.path().join(KEY), key).unwrap();
        assert!(!Arc::ptr_eq(&second, &tls.config()), "they are read again when they are others again");
    }

    #[test]
    fn what_is_no_certificate_is_told_by_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let said = || Tls::new(folder.path()).unwrap_err().to_string();
        assert!(said().contains("tls.crt: No such file"), "{}", said());
        write(folder.path());
        fs::write(folder.path().join(KEY), "hunter2").unwrap();
        assert!(said().ends_with("tls.key holds no private key in PEM"), "{}", said());
        write(folder.path());
        fs::write(folder.path().join(CERTIFICATE), "hunter2").unwrap();
        assert!(said().ends_with("tls.crt holds no certificate in PEM"), "{}", said());
        let other = tempfile::tempdir().unwrap();
        write(other.path());
        fs::copy(other.path().join(CERTIFICATE), folder.path().join(CERTIFICATE)).unwrap();
        assert!(said().contains("cannot be used together"), "{}", said());
    }
}
