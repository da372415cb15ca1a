//! One node: containerd, and a kubelet that joins the cluster.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    pin::pin,
    process::Command,
    time::Duration,
};

use control_plane::{ControlPlane, Guarded, Launch, Program, binaries};
use k8s_openapi::api::core::v1 as core;
use kube::{Api, runtime::wait::await_condition};
use serde_json::{Value, json};

use crate::{
    cluster::SOON,
    programs::{from_debian, printed},
};

/// The image in whose container the network of a Pod is kept, and in which scripts run.
pub(crate) const BUSYBOX: &str = "localhost/busybox:1";

/// An image that is to be pulled, under the name that nodes have it by before it is in a registry.
pub(crate) const PRIVATE: &str = "localhost/private:1";

/// A node; it ends when dropped.
pub(crate) struct Node {
    pub(crate) name: String,
    runtime: Runtime,
    _kubelet: Guarded,
}

/// What runs containers.
struct Runtime {
    socket: PathBuf,
    _containerd: Guarded,
}

/// The folder with the programs of Debian that a node is made of; `None` if they cannot be had, which a line tells.
pub(crate) fn programs() -> Option<PathBuf> {
    let packages = ["containerd", "runc", "containernetworking-plugins", "busybox-static"];
    let program = from_debian(&packages, "usr/bin/containerd")?;
    program.ancestors().nth(3).map(Path::to_owned)
}

/// A program of such a package.
pub(crate) fn program(path: &str) -> PathBuf {
    programs().unwrap().join(path)
}

impl Node {
    /// Starts the node of this number, and returns when it takes Pods. Its files are below the folder.
    pub(crate) async fn start(plane: &ControlPlane, number: u8, images: &[PathBuf], folder: &Path) -> Node {
        let name = format!("node-{number}");
        let address = format!("192.0.2.{number}");
        printed(Command::new("ip").args(["address", "add", &format!("{address}/32"), "dev", "lo"]));
        let folder = folder.join(&name);
        fs::create_dir_all(folder.join("networks")).unwrap();
        let runtime = Runtime::start(number, &folder).await;
        for image in images {
            runtime.import(image);
        }
        let user = plane.user(&format!("system:node:{name}"), Some("system:nodes")).unwrap();
        let config = configuration(plane, &runtime, &address, &folder);
        fs::write(folder.join("kubelet.yaml"), config.to_string()).unwrap();
        let launch = Launch::new(binaries::find(Program::Kubelet).unwrap()).arguments([
            format!("--kubeconfig={}", user.display()),
            format!("--config={}", folder.join("kubelet.yaml").display()),
            format!("--root-dir={}", folder.join("kubelet").display()),
            format!("--cert-dir={}", folder.join("certificates").display()),
            format!("--hostname-override={name}"),
            format!("--node-ip={address}"),
        ]);
        let log = folder.join("kubelet.log");
        let launch = launch.variable("PATH", path()).output(&log, &log);
        let ready = tokio::time::timeout(SOON, until_ready(plane, &name));
        let (kubelet, ready) = running_until(&launch, ready).await;
        if ready.is_err() {
            let logs = [&log, &folder.join("containerd.log")].map(|log| last_lines(log));
            panic!("{name} does not become ready\n{}", logs.join("\n"));
        }
        Node { name, runtime, _kubelet: kubelet }
    }

    /// What `ctr` prints about the containers and images of the kubelet.
    pub(crate) fn ctr(&self, arguments: &[&str]) -> String {
        self.runtime.ctr(arguments)
    }
}

async fn until_ready(plane: &ControlPlane, name: &str) {
    let nodes = Api::<core::Node>::all(plane.admin_client().unwrap());
    let is_ready = |node: Option<&core::Node>| {
        let conditions = node.and_then(|node| node.status.as_ref()?.conditions.as_ref());
        conditions.into_iter().flatten().any(|one| one.type_ == "Ready" && one.status == "True")
    };
    await_condition(nodes, name, is_ready).await.unwrap();
}

/// Keeps the program running until the other has come. One that ends is started again, as systemd does with a kubelet: it gives up where it
/// does not find at once what it needs.
async fn running_until<T>(launch: &Launch, other: impl Future<Output = T>) -> (Guarded, T) {
    let mut program = Guarded::spawn(launch).unwrap();
    let mut other = pin!(other);
    loop {
        tokio::select! {
            biased;
            ended = program.wait(Duration::MAX) => {
                eprintln!("{ended:?}: started again: {launch:?}");
                tokio::time::sleep(Duration::from_secs(1)).await;
                program = Guarded::spawn(launch).unwrap();
            }
            outcome = &mut other => return (program, outcome),
        }
    }
}

fn last_lines(log: &Path) -> String {
    let all = String::from_utf8_lossy(&fs::read(log).unwrap()).into_owned();
    let lines: Vec<&str> = all.lines().collect();
    let last = lines.split_at(lines.len().saturating_sub(40)).1;
    format!("the end of {}:\n{}", log.display(), last.join("\n"))
}

impl Runtime {
    async fn start(number: u8, folder: &Path) -> Runtime {
        let state = PathBuf::from(format!("/run/containerd-{number}"));
        let socket = state.join("socket");
        let network = json!({
            "cniVersion": "0.4.0",
            "name": "pods",
            "plugins": [{
                "type": "bridge",
                "bridge": format!("pods-{number}"),
                "isGateway": true,
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "dataDir": format!("/run/networks-{number}"),
                    "ranges": [[{ "subnet": format!("10.1.{number}.0/24") }]],
                    "routes": [{ "dst": "0.0.0.0/0" }],
                },
            }],
        });
        fs::write(folder.join("networks/10-pods.conflist"), network.to_string()).unwrap();
        // Without groups for containers: all that runs here stays in the group of this machine. Requests and limits do not count.
        let configuration = format!(
            r#"version = 2
root = "{folder}/containerd"
state = "{state}"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  disable_cgroup = true
  restrict_oom_score_adj = true
  sandbox_image = "{BUSYBOX}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{folder}/networks"
"#,
            folder = folder.display(),
            state = state.display(),
            socket = socket.display(),
            plugins = program("usr/lib/cni").display(),
        );
        fs::write(folder.join("containerd.toml"), configuration).unwrap();
        let launch = Launch::new(program("usr/bin/containerd"))
            .arguments([format!("--config={}", folder.join("containerd.toml").display())])
            .variable("PATH", path());
        let log = folder.join("containerd.log");
        let containerd = Guarded::spawn(&launch.output(&log, &log)).unwrap();
        let runtime = Runtime { socket, _containerd: containerd };
        let answers = async {
            while !runtime.command(&["version"]).output().unwrap().status.success() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(SOON, answers).await;
        waited.unwrap_or_else(|_| panic!("{}", fs::read_to_string(&log).unwrap()));
        runtime
    }

    fn import(&self, archive: &Path) {
        self.ctr(&["image", "import", archive.to_str().unwrap()]);
    }

    fn ctr(&self, arguments: &[&str]) -> String {
        printed(&mut self.command(arguments))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("usr/bin/ctr"));
        command.arg("--address").arg(&self.socket).args(["--namespace", "k8s.io"]).args(arguments);
        command
    }
}

fn configuration(plane: &ControlPlane, runtime: &Runtime, address: &str, folder: &Path) -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": address,
        "authentication": {
            "anonymous": { "enabled": false },
            "webhook": { "enabled": false },
            "x509": { "clientCAFile": plane.directory().join("authority.crt") },
        },
        "authorization": { "mode": "AlwaysAllow" },
        "containerRuntimeEndpoint": format!("unix://{}", runtime.socket.display()),
        "podLogsDir": folder.join("pods"),
        "volumePluginDir": folder.join("plugins"),
        "healthzPort": 0,
        "resolvConf": "",
        // Nobody answers there; the names that Pods need are in their hosts files.
        "clusterDNS": ["10.0.0.10"],
        "failSwapOn": false,
        "cgroupDriver": "cgroupfs",
        "cgroupsPerQOS": false,
        "enforceNodeAllocatable": [],
        "localStorageCapacityIsolation": false,
        "oomScoreAdj": 0,
        // A disk that is nearly full is none of its business: images that were imported could not be pulled again.
        "evictionHard": {},
        "imageGCHighThresholdPercent": 100,
        // How often it looks whether volumes hold what they should; a minute by default.
        "syncFrequency": "2s",
    })
}

/// Where kubelet and containerd find what they run.
fn path() -> OsString {
    let ours = ["usr/bin", "usr/sbin"].map(program);
    let theirs = env::var_os("PATH").unwrap_or_default();
    env::join_paths(ours.into_iter().chain(env::split_paths(&theirs))).unwrap()
}
