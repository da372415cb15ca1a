use crate::{again, process};
use control_plane::{ControlPlane, Guarded, Launch, Options, Program, usage, usage::forget_peak};
use std::time::Duration;

const MIB: u64 = 1 << 20;

#[tokio::test]
async fn what_runs_costs_cpu_time_and_memory() {
    let control_plane = ControlPlane::start(Options::default()).await.unwrap();
    for program in [Program::Etcd, Program::KubeApiserver] {
        let id = control_plane.process_id(program).unwrap();
        assert!(control_plane.process_ids().contains(&id));
        let used = usage(id).unwrap();
        assert!(used.cpu > Duration::ZERO && used.cpu < Duration::from_secs(600), "{used:?}");
        assert!(used.rss > MIB && used.peak >= used.rss && used.peak < 4096 * MIB, "{used:?}");
    }
    assert_eq!(control_plane.process_id(Program::KubeControllerManager), None);
}

#[test]
fn work_is_counted_and_idleness_is_not() {
    let busy = shell("while :; do :; done");
    let idle = shell("exec sleep 600");
    process::await_end("idleness", || usage(busy.id()).unwrap().cpu >= Duration::from_millis(100));
    assert!(usage(idle.id()).unwrap().cpu < Duration::from_millis(100));
}

#[test]
fn a_peak_outlives_its_memory_until_it_is_forgotten() {
    let output = again::command("usage::measures_itself").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "run by a_peak_outlives_its_memory_until_it_is_forgotten, in a process of its own"]
fn measures_itself() {
    if again::runs() {
        let id = std::process::id();
        let held = vec![1_u8; 256 << 20];
        let high = usage(id).unwrap();
        assert!(held.iter().all(|byte| *byte == 1) && high.rss > 250 * MIB, "{high:?}");
        drop(held);
        let after = usage(id).unwrap();
        assert!(after.rss < 128 * MIB && after.peak > 250 * MIB, "{after:?}");
        forget_peak(id).unwrap();
        assert!(usage(id).unwrap().peak < 128 * MIB);
    }
}

#[test]
fn a_process_that_is_gone_cannot_be_measured() {
    let mut ended = shell("exec sleep 600");
    ended.kill().unwrap();
    let error = usage(ended.id()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot measure process {}", ended.id())), "{error}");
}

fn shell(script: &str) -> Guarded {
    Guarded::spawn(&Launch::new("/bin/sh").arguments(["-c", script])).unwrap()
}
