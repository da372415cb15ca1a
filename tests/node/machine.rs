//! The machine within this one on which the cluster stands.

use std::{env, path::Path, process::Command};

use control_plane::{Program, binaries};

use crate::{node, registry, story};

/// What the test that runs inside is told by those who run it there.
const INSIDE: &str = "NODE_TEST_FOLDER";

#[test]
fn the_chart_serves_workloads_on_real_nodes_from_its_installation_to_its_end() {
    for program in [
        Program::Etcd,
        Program::KubeApiserver,
        Program::KubeControllerManager,
        Program::KubeScheduler,
        Program::Kubelet,
        Program::Helm,
    ] {
        binaries::find(program).unwrap();
    }
    // Inside there is no network to fetch them by.
    node::programs().unwrap();
    registry::programs().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node/machine.sh");
    let status = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private"])
        .args(["sh", script, "outside"])
        .arg(folder.path())
        .arg(env::current_exe().unwrap())
        .args(["--exact", "machine::inside", "--ignored", "--nocapture"])
        .env(INSIDE, folder.path())
        .status()
        .unwrap();
    if !status.success() {
        keep_logs(folder.path());
    }
    assert!(status.success(), "{status}");
}

/// Puts what the programs of the nodes have logged where it can be looked at.
fn keep_logs(folder: &Path) {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("node");
    let script = r#"rm -rf "$1" && mkdir "$1" && cd "$0" && cp -r --parents node-*/*.log node-*/pods "$1""#;
    let copied = Command::new("sh").args(["-c", script]).args([folder, &kept]).status();
    eprintln!("the logs of the nodes are in {}: {copied:?}", kept.display());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the other test, on a machine of its own"]
async fn inside() {
    if let Some(folder) = env::var_os(INSIDE) {
        story::play(Path::new(&folder)).await;
    }
}
