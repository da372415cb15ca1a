use crate::{again, process};
use control_plane::{Guarded, Launch, guard::Error};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
    thread,
    time::Duration,
};

const DEADLINE: Duration = Duration::from_secs(20);

fn shell(script: &str) -> Launch {
    Launch::new("/bin/sh").arguments(["-c", script])
}

#[tokio::test]
async fn the_status_of_a_program_that_ends_is_told() {
    let mut guarded = Guarded::spawn(&shell("exit 7")).unwrap();
    assert_eq!(guarded.wait(DEADLINE).await.unwrap().code(), Some(7));
    assert_eq!(guarded.try_wait().unwrap().and_then(|status| status.code()), Some(7));
}

#[tokio::test]
async fn arguments_environment_and_output_are_the_programs_own() {
    let folder = tempfile::tempdir().unwrap();
    let (stdout, stderr) = (folder.path().join("out put"), folder.path().join("err'or"));
    let launch = Launch::new("/bin/sh")
        .arguments(["-c", r#"cat; echo "$1 $ONE ${HOME-unset}"; echo oops >&2"#, "name", "a  'b' \"$c\""])
        .variable("ONE", "1")
        .without_variable("HOME")
        .output(&stdout, &stderr);
    let status = Guarded::spawn(&launch).unwrap().wait(DEADLINE).await.unwrap();
    assert!(status.success());
    assert_eq!(fs::read_to_string(&stdout).unwrap(), "a  'b' \"$c\" 1 unset\n");
    assert_eq!(fs::read_to_string(&stderr).unwrap(), "oops\n");
}

#[tokio::test]
async fn a_terminated_program_may_end_in_its_own_way() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let launch =
        shell("trap 'exit 3' TERM; echo >&2; while :; do sleep 0.05; done").output("/dev/null", &ready);
    let mut guarded = Guarded::spawn(&launch).unwrap();
    process::await_end("the start", || fs::read(&ready).is_ok_and(|text| !text.is_empty()));
    guarded.terminate().unwrap();
    assert_eq!(guarded.wait(DEADLINE).await.unwrap().code(), Some(3));
    guarded.terminate().unwrap();
}

#[tokio::test]
async fn a_program_that_runs_on_is_not_waited_for_beyond_the_deadline() {
    let mut guarded = Guarded::spawn(&shell("exec sleep 600")).unwrap();
    let result = guarded.wait(Duration::from_millis(50)).await;
    assert!(matches!(result, Err(Error::StillRunning { .. })), "{result:?}");
    assert!(process::runs(guarded.id()));
    assert_eq!(guarded.kill().unwrap().code(), Some(128 + 9));
    assert!(!process::runs(guarded.id()));
}

#[tokio::test]
async fn a_frozen_program_does_nothing_until_it_is_thawed_and_can_be_killed() {
    let folder = tempfile::tempdir().unwrap();
    let beats = folder.path().join("beats");
    let count = || fs::read(&beats).map_or(0, |beats| beats.len());
    let mut guarded =
        Guarded::spawn(&shell("while :; do echo; sleep 0.01; done").output(&beats, "/dev/null")).unwrap();
    for _ in 0..2 {
        let before = count();
        process::await_end("the pause", || count() > before);
        guarded.freeze(DEADLINE).await.unwrap();
        assert!(guarded.is_frozen());
        let frozen = count();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(count(), frozen);
        guarded.thaw(DEADLINE).await.unwrap();
        assert!(!guarded.is_frozen());
        process::await_end("the pause", || count() > frozen);
    }
    guarded.freeze(DEADLINE).await.unwrap();
    assert_eq!(guarded.kill().unwrap().code(), Some(128 + 9));
    let result = guarded.freeze(Duration::ZERO).await;
    assert!(matches!(result, Err(Error::Unheeded { .. })), "{result:?}");
}

#[test]
fn a_dropped_program_is_gone_and_its_folder_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let guarded = Guarded::spawn(&shell("exec sleep 600").orphaned_folder(folder.path())).unwrap();
    let id = guarded.id();
    assert!(process::runs(id));
    drop(guarded);
    assert!(!process::runs(id));
    assert!(folder.path().exists());
}

#[tokio::test]
async fn a_program_that_cannot_be_executed_ends_with_a_status_and_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let launch = Launch::new(folder.path().join("missing")).output(&log, &log);
    let status = Guarded::spawn(&launch).unwrap().wait(DEADLINE).await.unwrap();
    assert_eq!(status.code(), Some(127));
    assert!(fs::read_to_string(&log).unwrap().contains("missing"));
}

#[test]
fn an_output_file_that_cannot_be_opened_is_an_error_with_its_path() {
    let launch = shell("exit").output("/nowhere/out", "/dev/null");
    assert!(Guarded::spawn(&launch).unwrap_err().to_string().contains("/nowhere/out"));
}

#[test]
fn a_killed_owner_takes_program_and_folder_along() {
    let mut owner = again::command("guard::holds_a_program").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines().map(Result::unwrap);
    let id: u32 = lines.find_map(|line| line.strip_prefix("program ")?.parse().ok()).unwrap();
    let folder = lines.find_map(|line| line.strip_prefix("folder ").map(str::to_owned)).unwrap();
    assert!(process::runs(id) && Path::new(&folder).exists());
    owner.kill().unwrap();
    owner.wait().unwrap();
    process::await_end("the program", || !process::runs(id));
    process::await_end("the folder", || !Path::new(&folder).exists());
}

#[test]
#[ignore = "run by a_killed_owner_takes_program_and_folder_along"]
fn holds_a_program() {
    if again::runs() {
        let folder = tempfile::tempdir().unwrap();
        let guarded = Guarded::spawn(&shell("exec sleep 600").orphaned_folder(folder.path())).unwrap();
        again::say(&format!("program {}", guarded.id()));
        again::say(&format!("folder {}", folder.path().display()));
        thread::park();
    }
}
