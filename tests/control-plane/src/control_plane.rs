//! One control plane: its processes, its folder, and ways in.

mod access;
mod definitions;
mod error;
mod pool;
mod processes;
mod snapshot;
mod template;

pub use error::Error;
pub use pool::{Pool, Pooled};
pub use snapshot::Snapshot;

use crate::{
    audit::{self, AuditEvent},
    binaries::Program,
    certificates::{Authority, Pair, token_keys},
    guard::Guarded,
    kubeconfig::Credentials,
    port::Port,
};
use k8s_openapi::jiff::Timestamp;
use kube::Config;
use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// How many times to choose another port when ours was taken before the API server had it.
const PORTS: usize = 5;

/// Which Kubernetes the API server is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kubernetes {
    /// The present one.
    #[default]
    Present,
    /// The oldest one that tests run on, which is built for them alone.
    Oldest,
}

impl Kubernetes {
    const fn api_server(self) -> Program {
        match self {
            Self::Present => Program::KubeApiserver,
            Self::Oldest => Program::OldestKubeApiserver,
        }
    }
}

/// What a control plane does beyond answering.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Which Kubernetes the API server is of.
    pub kubernetes: Kubernetes,
    /// Whether the API server keeps an audit log, for [`ControlPlane::audit`].
    pub audit: bool,
    /// Whether there are garbage collection and namespace deletion from the start, see
    /// [`ControlPlane::start_controller_manager`].
    pub controller_manager: bool,
    /// Whether the API server sends lists in pages only, and not as a stream of events too, as before Kubernetes 1.34.
    pub paged_lists: bool,
    /// Whether Pods are made, scheduled and run: kube-controller-manager runs all of its controllers, there is a kube-scheduler,
    /// and kubelets may join, each as `system:node:<name>` of `system:nodes`.
    pub workloads: bool,
}

/// A running etcd and kube-apiserver with RBAC, killed with all they know when this value is dropped.
///
/// The same happens, by another hand, when this process dies in any way.
#[derive(Debug)]
pub struct ControlPlane {
    // In the order in which they are dropped: nobody misses what is gone already, and the folder is last.
    scheduler: Option<Guarded>,
    controller_manager: Option<Guarded>,
    api_server: Option<Guarded>,
    etcd: Option<Guarded>,
    options: Options,
    port: Port,
    url: String,
    authority: Authority,
    admin_kubeconfig: PathBuf,
    admin: Config,
    /// Where the audit log of this test begins, and when.
    audited: Option<(u64, Timestamp)>,
    directory: TempDir,
}

impl ControlPlane {
    /// Starts a control plane, and returns when the API server is ready and the namespace `default` is there.
    ///
    /// What an API server writes when it starts has the uids that the first control plane of this process gave it.
    ///
    /// The programs come from [`binaries::find`](crate::binaries::find), which may build them first.
    ///
    /// # Errors
    ///
    /// When a program cannot be had or does not start, with the end of its log.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let mut left = PORTS;
        loop {
            let mut control_plane = Self::prepare(options).await?;
            let is_laid = control_plane.lay_template()?;
            control_plane.start_etcd().await?;
            left = left.saturating_sub(1);
            match control_plane.start_api_server().await {
                Err(Error::PortTaken { .. }) if left > 0 => continue,
                started => started?,
            }
            if !is_laid {
                control_plane.keep_template().await?;
            }
            if options.controller_manager || options.workloads {
                control_plane.start_controller_manager().await?;
            }
            if options.workloads {
                control_plane.start_scheduler().await?;
            }
            return Ok(control_plane);
        }
    }

    /// The API server's address, `https://127.0.0.1:…`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder with all files of this control plane, among them the logs `etcd.log`, `kube-apiserver.log` and
    /// `kube-controller-manager.log`, and the certificate `authority.crt` of all who answer. It goes with the control plane.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// All requests answered so far, in the order of their answers; none without [`Options::audit`].
    ///
    /// # Errors
    ///
    /// When the log cannot be read, or holds something else than events.
    pub fn audit(&self) -> Result<Vec<AuditEvent>, Error> {
        let mut events =
            audit::events(&self.audit_text()?).map_err(|(line, cause)| Error::Audit { line, cause })?;
        // The end of an earlier watch may be told late.
        events.retain(|event| self.audited.is_none_or(|(_, since)| event.received >= since));
        Ok(events)
    }

    /// The audit log as it is: a JSON object a line, of which the last may be in the middle of being written.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub fn audit_text(&self) -> Result<String, Error> {
        let path = self.path("audit.log");
        let begin = self.audited.map_or(0, |(begin, _)| begin);
        let mut text = String::new();
        let read = File::open(&path).and_then(|mut file| {
            file.seek(SeekFrom::Start(begin))?;
            file.read_to_string(&mut text)
        });
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(text),
            result => result.map(|_| text).map_err(|source| Error::File { path, source }),
        }
    }

    /// Leaves out of the audit log what is in it now.
    fn begin_audit(&mut self) -> Result<(), Error> {
        let text = self.audit_text()?;
        let whole = text.rfind('\n').map_or(0, |end| end.saturating_add(1));
        let begin = self.audited.map_or(0, |(begin, _)| begin);
        self.audited =
            Some((begin.saturating_add(u64::try_from(whole).unwrap_or(u64::MAX)), Timestamp::now()));
        Ok(())
    }

    /// A folder with keys and certificates, and a port.
    async fn prepare(options: Options) -> Result<Self, Error> {
        let directory = tempfile::Builder::new().prefix("control-plane-").tempdir();
        let directory = directory.map_err(|source| Error::File { path: std::env::temp_dir(), source })?;
        let port = Port::reserve().map_err(|source| Error::Port { source })?;
        let url = format!("https://{}", port.address());
        let authority = Authority::new().map_err(Error::certificate("an authority"))?;
        let admin = authority.user("admin", Some("system:masters"));
        let admin = Credentials::Certificate(&admin.map_err(Error::certificate("the certificate of admin"))?);
        let admin_kubeconfig = access::write_kubeconfig(directory.path(), &url, &authority, admin)?;
        let admin = access::read_config(&admin_kubeconfig).await?;
        let control_plane = Self {
            scheduler: None,
            controller_manager: None,
            api_server: None,
            etcd: None,
            options,
            port,
            url,
            authority,
            admin_kubeconfig,
            admin,
            audited: None,
            directory,
        };
        control_plane.write_keys()?;
        Ok(control_plane)
    }

    fn write_keys(&self) -> Result<(), Error> {
        let server =
            self.authority.server().map_err(Error::certificate("the certificate of kube-apiserver"))?;
        let tokens = token_keys().map_err(Error::certificate("the key of ServiceAccount tokens"))?;
        self.write("authority.crt", &self.authority.certificate())?;
        self.write_pair("kube-apiserver.crt", "kube-apiserver.key", &server)?;
        self.write_pair("tokens.pub", "tokens.key", &tokens)?;
        if self.options.workloads {
            let client = self.authority.user("kube-apiserver", Some("system:masters"));
            let client =
                client.map_err(Error::certificate("the certificate of kube-apiserver for kubelets"))?;
            self.write_pair("kubelet-client.crt", "kubelet-client.key", &client)?;
        }
        self.write("audit-policy.yaml", audit::POLICY)
    }

    fn write_pair(&self, public: &str, private: &str, pair: &Pair) -> Result<(), Error> {
        self.write(public, &pair.public)?;
        self.write(private, &pair.private)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.path(name);
        fs::write(&path, text).map_err(|source| Error::File { path, source })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}
