//! Starting and stopping the processes of a control plane.

use super::{ControlPlane, Error, snapshot::DATA};
use crate::{
    binaries::{self, Program},
    guard::{Guarded, Launch},
    kubeconfig::Credentials,
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// Far more than a start takes, as several may share few cores.
pub(super) const READY_DEADLINE: Duration = Duration::from_secs(180);
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// A signal goes by way of a shell, and takes milliseconds.
const SIGNAL_DEADLINE: Duration = Duration::from_secs(20);
pub(super) const POLL: Duration = Duration::from_millis(10);
const LOG_LINES: usize = 10;

impl ControlPlane {
    /// Starts etcd with the data it had, if it is not running. The API server finds it by itself, and waits for it.
    ///
    /// # Errors
    ///
    /// When the program cannot be had or started.
    pub async fn start_etcd(&mut self) -> Result<(), Error> {
        if self.etcd.is_none() {
            let program = located(Program::Etcd).await?;
            // A Unix socket cannot be taken by somebody else between choosing and using it, as a port can.
            // The advertised address is only looked at for its form: there is one member, and nobody asks it.
            let arguments = [
                format!("--data-dir={}", self.path(DATA).display()),
                format!("--listen-client-urls={}", self.etcd_url()),
                "--advertise-client-urls=http://127.0.0.1:2379".to_owned(),
                format!("--listen-peer-urls=unix://{}", self.path("etcd-peer.sock").display()),
                "--unsafe-no-fsync".to_owned(),
                "--log-level=error".to_owned(),
            ];
            // Left behind by an etcd that was killed, and not a sign of a new one then.
            let socket = self.etcd_socket();
            if socket.exists() {
                fs::remove_file(&socket).map_err(|source| Error::File { path: socket.clone(), source })?;
            }
            self.etcd = Some(self.launch(Program::Etcd, Launch::new(program), &arguments)?);
            self.listening(&socket).await?;
        }
        Ok(())
    }

    /// Kills etcd. What it had stored is there again after [`start_etcd`](Self::start_etcd).
    ///
    /// # Errors
    ///
    /// When the process cannot be ended.
    pub fn stop_etcd(&mut self) -> Result<(), Error> {
        stop(&mut self.etcd)
    }

    /// Starts the API server on the port it had, if it is not running, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When the program cannot be had or started, ends, or is not ready in time; [`Error::PortTaken`] if somebody else
    /// listens on its port.
    pub async fn start_api_server(&mut self) -> Result<(), Error> {
        if self.api_server.is_none() {
            let program = located(self.options.kubernetes.api_server()).await?;
            let arguments = self.api_server_arguments();
            // A quarter less CPU time for the start, for 100 MB more of memory.
            let launch = Launch::new(program).variable("GOGC", "400");
            self.api_server = Some(self.launch(Program::KubeApiserver, launch, &arguments)?);
            if let Err(error) = self.ready().await {
                self.stop_api_server()?;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Kills the API server: connections break, and nobody listens on its port.
    ///
    /// # Errors
    ///
    /// When the process cannot be ended.
    pub fn stop_api_server(&mut self) -> Result<(), Error> {
        stop(&mut self.api_server)
    }

    /// Starts kube-controller-manager with garbage collection and namespace deletion, or with all there is for
    /// [`Options::workloads`](super::Options::workloads), if it is not running.
    ///
    /// It looks for new resources every 30 seconds only: owners that are custom resources are noticed at once if their
    /// CustomResourceDefinition was there before this call. Its requests are those of `system:kube-controller-manager`.
    ///
    /// # Errors
    ///
    /// When the program cannot be had or started.
    pub async fn start_controller_manager(&mut self) -> Result<(), Error> {
        if self.controller_manager.is_none() {
            let program = located(Program::KubeControllerManager).await?;
            let user = self.authority.user("system:kube-controller-manager", Some("system:masters"));
            let user = user.map_err(Error::certificate("the certificate of kube-controller-manager"))?;
            let kubeconfig = self.write_kubeconfig(Credentials::Certificate(&user))?;
            let mut arguments = vec![
                format!("--kubeconfig={}", kubeconfig.display()),
                "--leader-elect=false".to_owned(),
                "--secure-port=0".to_owned(),
            ];
            arguments.extend(if self.options.workloads {
                let file = |flag: &str, name: &str| format!("--{flag}={}", self.path(name).display());
                vec![
                    file("service-account-private-key-file", "tokens.key"),
                    file("root-ca-file", "authority.crt"),
                ]
            } else {
                vec!["--controllers=garbage-collector-controller,namespace-controller".to_owned()]
            });
            self.controller_manager =
                Some(self.launch(Program::KubeControllerManager, Launch::new(program), &arguments)?);
        }
        Ok(())
    }

    /// Kills kube-controller-manager.
    ///
    /// # Errors
    ///
    /// When the process cannot be ended.
    pub fn stop_controller_manager(&mut self) -> Result<(), Error> {
        stop(&mut self.controller_manager)
    }

    /// Starts kube-scheduler, if it is not running.
    ///
    /// # Errors
    ///
    /// When the program cannot be had or started.
    pub(super) async fn start_scheduler(&mut self) -> Result<(), Error> {
        if self.scheduler.is_none() {
            let program = located(Program::KubeScheduler).await?;
            let kubeconfig = self.user("system:kube-scheduler", None)?;
            let arguments = [
                format!("--kubeconfig={}", kubeconfig.display()),
                "--leader-elect=false".to_owned(),
                "--secure-port=0".to_owned(),
            ];
            self.scheduler = Some(self.launch(Program::KubeScheduler, Launch::new(program), &arguments)?);
        }
        Ok(())
    }

    /// The process ids of all that runs now.
    pub fn process_ids(&self) -> Vec<u32> {
        [&self.etcd, &self.api_server, &self.controller_manager, &self.scheduler]
            .into_iter()
            .flatten()
            .map(Guarded::id)
            .collect()
    }

    /// The process id of a program; `None` if it does not run, or is no part of a control plane.
    pub fn process_id(&self, program: Program) -> Option<u32> {
        self.guarded(program).map(Guarded::id)
    }

    /// Stops a program where it is, by SIGSTOP, and returns when none of its threads runs any more. Its connections stay open,
    /// and new ones are accepted by the kernel, but nothing is answered. A program that does not run is left alone.
    ///
    /// # Errors
    ///
    /// When the program cannot be signalled, or does not stop.
    pub async fn freeze(&mut self, program: Program) -> Result<(), Error> {
        match self.guarded_mut(program) {
            Some(guarded) => Ok(guarded.freeze(SIGNAL_DEADLINE).await?),
            None => Ok(()),
        }
    }

    /// Lets a frozen program go on, by SIGCONT, and returns when it does.
    ///
    /// # Errors
    ///
    /// As [`freeze`](Self::freeze).
    pub async fn thaw(&mut self, program: Program) -> Result<(), Error> {
        match self.guarded_mut(program) {
            Some(guarded) => Ok(guarded.thaw(SIGNAL_DEADLINE).await?),
            None => Ok(()),
        }
    }

    /// Whether a program is frozen now.
    pub fn is_frozen(&self, program: Program) -> bool {
        self.guarded(program).is_some_and(Guarded::is_frozen)
    }

    fn guarded(&self, program: Program) -> Option<&Guarded> {
        match program {
            Program::Etcd => self.etcd.as_ref(),
            Program::KubeApiserver | Program::OldestKubeApiserver => self.api_server.as_ref(),
            Program::KubeControllerManager => self.controller_manager.as_ref(),
            Program::KubeScheduler => self.scheduler.as_ref(),
            Program::Kubelet
            | Program::Helm
            | Program::Kubeconform
            | Program::Lua
            | Program::Prometheus
            | Program::Promtool
            | Program::Amtool
            | Program::Jsonnet => None,
        }
    }

    fn guarded_mut(&mut self, program: Program) -> Option<&mut Guarded> {
        match program {
            Program::Etcd => self.etcd.as_mut(),
            Program::KubeApiserver | Program::OldestKubeApiserver => self.api_server.as_mut(),
            Program::KubeControllerManager => self.controller_manager.as_mut(),
            Program::KubeScheduler => self.scheduler.as_mut(),
            Program::Kubelet
            | Program::Helm
            | Program::Kubeconform
            | Program::Lua
            | Program::Prometheus
            | Program::Promtool
            | Program::Amtool
            | Program::Jsonnet => None,
        }
    }

    fn etcd_url(&self) -> String {
        format!("unix://{}", self.etcd_socket().display())
    }

    pub(super) fn etcd_socket(&self) -> PathBuf {
        self.path("etcd.sock")
    }

    fn api_server_arguments(&self) -> Vec<String> {
        let file = |flag: &str, name: &str| format!("--{flag}={}", self.path(name).display());
        let mut arguments = vec![
            format!("--etcd-servers={}", self.etcd_url()),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={}", self.port.number()),
            file("cert-dir", "kube-apiserver"),
            file("tls-cert-file", "kube-apiserver.crt"),
            file("tls-private-key-file", "kube-apiserver.key"),
            file("client-ca-file", "authority.crt"),
            file("service-account-key-file", "tokens.pub"),
            file("service-account-signing-key-file", "tokens.key"),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            // The Service `kubernetes` needs no endpoints. With them, the address may not be that of a loopback device,
            // and is looked for among the routes of this machine, which may have none.
            "--advertise-address=127.0.0.1".to_owned(),
            "--endpoint-reconciler-type=none".to_owned(),
            "--profiling=false".to_owned(),
        ];
        arguments.extend(if self.options.workloads {
            vec![
                "--authorization-mode=Node,RBAC".to_owned(),
                "--enable-admission-plugins=NodeRestriction".to_owned(),
                "--kubelet-preferred-address-types=InternalIP".to_owned(),
                file("kubelet-client-certificate", "kubelet-client.crt"),
                file("kubelet-client-key", "kubelet-client.key"),
            ]
        } else {
            vec!["--authorization-mode=RBAC".to_owned()]
        });
        if self.options.paged_lists {
            arguments.push("--feature-gates=WatchList=false,WatchListClient=false".to_owned());
        }
        if self.options.audit {
            arguments.extend([
                file("audit-policy-file", "audit-policy.yaml"),
                file("audit-log-path", "audit.log"),
                "--audit-log-mode=blocking".to_owned(),
                // MB, in place of 100: after that the log begins anew, and what was counted on is in another file.
                "--audit-log-maxsize=4000".to_owned(),
            ]);
        }
        arguments
    }

    fn launch(&self, program: Program, launch: Launch, arguments: &[String]) -> Result<Guarded, Error> {
        let log = self.log(program);
        let launch = launch.arguments(arguments).output(&log, &log).orphaned_folder(self.directory());
        Ok(Guarded::spawn(&launch)?)
    }

    /// Waits for the socket of etcd: an API server that comes too early tries again a second later only.
    async fn listening(&mut self, socket: &Path) -> Result<(), Error> {
        let exists = async {
            while !socket.exists() {
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::select! {
            () = exists => Ok(()),
            error = self.end() => Err(error),
            () = tokio::time::sleep(READY_DEADLINE) => {
                Err(self.not_ready(Program::Etcd, "it does not listen".to_owned()))
            }
        }
    }

    /// Waits for `/readyz`, which is before the API server has made the namespace `default`, and for that.
    async fn ready(&mut self) -> Result<(), Error> {
        let client = self.admin_client()?;
        let mut cause = "it was not asked".to_owned();
        let answers = async {
            loop {
                cause = match tokio::time::timeout(PROBE_TIMEOUT, probe(&client)).await {
                    Ok(Ok(())) => return,
                    Ok(Err(cause)) => cause,
                    Err(elapsed) => elapsed.to_string(),
                };
                tokio::time::sleep(POLL).await;
            }
        };
        // Whoever took our port may accept connections and never answer: the end of our process is looked for meanwhile.
        let ready = tokio::select! {
            () = answers => true,
            error = self.end() => return Err(error),
            () = tokio::time::sleep(READY_DEADLINE) => false,
        };
        if ready { Ok(()) } else { Err(self.not_ready(Program::KubeApiserver, cause)) }
    }

    fn not_ready(&self, program: Program, cause: String) -> Error {
        let log = last_lines(&self.log(program));
        Error::NotReady { program: program.name(), deadline: READY_DEADLINE, cause, log }
    }

    /// Waits until etcd or the API server ends by itself.
    async fn end(&mut self) -> Error {
        loop {
            if let Err(error) = self.alive() {
                return error;
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// That etcd and the API server have not ended by themselves.
    pub(super) fn alive(&mut self) -> Result<(), Error> {
        let etcd = (Program::Etcd, &mut self.etcd);
        for (program, slot) in [etcd, (Program::KubeApiserver, &mut self.api_server)] {
            let Some(guarded) = slot else { continue };
            let Some(status) = guarded.try_wait()? else { continue };
            *slot = None;
            let log = last_lines(&self.directory.path().join(log_name(program)));
            if program == Program::KubeApiserver && log.contains("address already in use") {
                return Err(Error::PortTaken { port: self.port.number() });
            }
            return Err(Error::Ended { program: program.name(), status, log });
        }
        Ok(())
    }

    fn log(&self, program: Program) -> PathBuf {
        self.path(&log_name(program))
    }
}

fn log_name(program: Program) -> String {
    format!("{}.log", program.name())
}

fn stop(slot: &mut Option<Guarded>) -> Result<(), Error> {
    if let Some(mut guarded) = slot.take() {
        guarded.kill()?;
    }
    Ok(())
}

/// Looks for a program off the runtime, as building it takes minutes.
async fn located(program: Program) -> Result<PathBuf, Error> {
    let task = tokio::task::spawn_blocking(move || binaries::find(program)).await;
    Ok(task.map_err(|source| Error::Interrupted { program: program.name(), source })??)
}

async fn probe(client: &Client) -> Result<(), String> {
    let request = http::Request::get("/readyz").body(Vec::new()).map_err(|error| error.to_string())?;
    client.request_text(request).await.map_err(|error| error.to_string())?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace = namespaces.get_opt("default").await.map_err(|error| error.to_string())?;
    namespace.map(drop).ok_or_else(|| "there is no namespace default yet".to_owned())
}

fn last_lines(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default().join("\n")
}
