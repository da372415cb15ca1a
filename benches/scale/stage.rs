//! A cluster that knows the resource, a simulated GitHub, and what is seen of both from outside.

use std::{path::PathBuf, time::Duration};

use crate::{
    Failed, Options,
    operator::Operator,
    process::{self, Cpu},
    ready::Ready,
    report::progress,
};
use control_plane::{ControlPlane, Options as PlaneOptions, Port};
use github_pat_operator::api;
use github_simulator::Simulator;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};

/// Where the connections live.
pub(crate) const NAMESPACE: &str = "cold";
/// Where those of the bare client live. The name is as long as the other, so that the bytes are as many.
pub(crate) const BARE_NAMESPACE: &str = "bare";
/// The host that answers.
pub(crate) const HOST: &str = "simulated";
/// The host that accepts and never answers.
pub(crate) const STALLED_HOST: &str = "stalled";
/// Garbage of the load, and what the API server does after its start, must not count as the operator's.
pub(crate) const SETTLE: Duration = Duration::from_secs(3);

/// Whether the API server writes an audit log, which costs it CPU time: only requests are counted with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audit {
    Kept,
    None,
}

/// All processes of a section; they end when it is dropped.
pub(crate) struct Stage {
    // Dropped first, before the API server is gone that it watches.
    pub(crate) ready: Ready,
    pub(crate) client: Client,
    pub(crate) plane: ControlPlane,
    pub(crate) github: Simulator,
    pub(crate) stalled: Simulator,
    operator: PathBuf,
    settings: String,
    profile: bool,
}

/// The budgets that protect github.com would be all that a cold start measures; an Enterprise Server has none by default.
const BUDGETS: [(&str, u32); 3] =
    [("questionsPerMinute", 60_000), ("failedLoginsPerHour", 10_000), ("failedLoginsPerNamespace", 10_000)];

/// The budgets, unless they are given, and what is given.
fn settings(given: &[String]) -> String {
    let is_given = |name: &str| given.iter().any(|line| line.starts_with(name));
    let budgets =
        BUDGETS.iter().filter(|(name, _)| !is_given(name)).map(|(name, most)| format!("{name}: {most}"));
    budgets.chain(given.iter().cloned()).collect::<Vec<_>>().join("\n")
}

impl Stage {
    pub(crate) async fn set(options: &Options, audit: Audit) -> Result<Self, Failed> {
        progress("starting etcd and kube-apiserver");
        let plane_options = PlaneOptions { audit: audit == Audit::Kept, ..PlaneOptions::default() };
        let plane = ControlPlane::start(plane_options).await?;
        let client = plane.admin_client()?;
        plane.define(&api::definition()).await?;
        for name in [NAMESPACE, BARE_NAMESPACE] {
            let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
            let namespace = Namespace { metadata, ..Namespace::default() };
            Api::all(client.clone()).create(&PostParams::default(), &namespace).await?;
        }
        let stage = Stage {
            ready: Ready::begin(client.clone()),
            client,
            plane,
            github: Simulator::start().await?,
            stalled: Simulator::start().await?,
            operator: options.operator.clone(),
            settings: settings(&options.setting),
            profile: options.profile,
        };
        for id in stage.plane.process_ids() {
            stage.tell_id(&process::name(id)?, id);
        }
        Ok(stage)
    }

    /// Starts the operator and returns at once.
    pub(crate) fn operator(&self) -> Result<Operator, Failed> {
        let address = Port::reserve()?.keep();
        // In the folder that goes with the control plane, even when this process is killed.
        let settings = self.plane.directory().join("settings.yaml");
        let host = |name: &str, github: &Simulator| format!("{{ name: {name}, apiUrl: '{}' }}", github.url());
        let hosts = [host(HOST, &self.github), host(STALLED_HOST, &self.stalled)].join(", ");
        // The steady section has intervals below the default minimum.
        std::fs::write(&settings, format!("hosts: [{hosts}]\nminimumInterval: 10s\n{}\n", self.settings))?;
        let log = self.plane.directory().join("operator.log");
        let operator = Operator::start(&self.operator, &self.plane, &settings, &log, address)?;
        self.tell_id("github-pat-operator", operator.id());
        Ok(operator)
    }

    /// What everything has used so far.
    pub(crate) fn cpu(&self, operator: Option<&Operator>) -> Result<Cpu, Failed> {
        let mut cpu = Cpu { benchmark: process::cpu_seconds("self")?, ..process::machine()? };
        if let Some(operator) = operator {
            cpu.operator = process::cpu_seconds(&operator.id().to_string())?;
        }
        for id in self.plane.process_ids() {
            let seconds = process::cpu_seconds(&id.to_string())?;
            // The name of the file that is run has the version at its end.
            if process::name(id)?.starts_with("etcd") {
                cpu.etcd = seconds;
            } else {
                cpu.api_server = seconds;
            }
        }
        Ok(cpu)
    }

    /// Keeps the processes for a profiler until Ctrl-C, if that was asked for.
    pub(crate) async fn linger(&self) {
        if self.profile {
            progress("everything still runs; Ctrl-C ends it");
            std::future::pending::<()>().await;
        }
    }

    fn tell_id(&self, name: &str, id: u32) {
        if self.profile {
            progress(&format!("{name} is process {id}"));
        }
    }
}
