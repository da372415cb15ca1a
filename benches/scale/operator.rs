//! The operator's release binary, as a process beside us.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use control_plane::{ControlPlane, Guarded, Launch};

use crate::Failed;

/// The name under which the operator talks to the API server.
pub(crate) const USER: &str = "operator";
/// Far more than a start or an end takes.
const DEADLINE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// A running operator; ended when dropped.
pub(crate) struct Operator {
    process: Guarded,
    address: SocketAddr,
    log: PathBuf,
    pub(crate) started: Instant,
}

impl Operator {
    pub(crate) fn start(
        program: &Path,
        plane: &ControlPlane,
        settings: &Path,
        log: &Path,
        address: SocketAddr,
    ) -> Result<Self, Failed> {
        let launch = Launch::new(program)
            .arguments(["run", "--listen", &address.to_string(), "--config"])
            .arguments([settings])
            .variable("KUBECONFIG", plane.user(USER, Some("system:masters"))?)
            .output(log, log);
        let started = Instant::now();
        Ok(Self { process: Guarded::spawn(&launch)?, address, log: log.to_owned(), started })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// What a Prometheus server reads.
    pub(crate) async fn metrics(&self) -> Result<String, Failed> {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build()?;
        let url = format!("http://{}/metrics", self.address);
        let answer = client.get(&url).header("accept", "application/openmetrics-text").send().await?;
        Ok(answer.error_for_status()?.text().await?)
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn ready(&mut self) -> Result<(), Failed> {
        let probe = reqwest::Client::builder().no_proxy().tls_certs_only([]).build()?;
        let url = format!("http://{}/readyz", self.address);
        while !probe.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            if let Some(status) = self.process.try_wait()? {
                return Err(format!("the operator ended with {status}: {}", self.log()).into());
            }
            if self.started.elapsed() > DEADLINE {
                return Err(format!("the operator is not ready: {}", self.log()).into());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Ends it as a cluster would.
    pub(crate) async fn stop(mut self) -> Result<(), Failed> {
        self.process.terminate()?;
        self.process.wait(DEADLINE).await?;
        Ok(())
    }

    /// The last lines of its log.
    pub(crate) fn log(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(10).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}
