use crate::again;
use control_plane::{Program, binaries::find};
use std::{
    fs::{self, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// A `go` that counts its calls, waits for a word, and builds something.
const BUILDS: &str = r#"#!/bin/sh
echo "$PWD $*" >>"$ROOM/calls"
while [ "$1" != -o ]; do shift; done
read -r word <"$ROOM/word"
echo "$word" >"$2"
"#;

const FAILS: &str = r#"#!/bin/sh
echo "go: downloading example.org/a v1.0.0" >&2
echo "dial tcp: lookup proxy.example.org: no such host" >&2
exit 1
"#;

/// A machine with an empty cache, and no program in its `PATH` but perhaps `go`.
struct Room(TempDir);

impl Room {
    fn with_go(script: &str) -> Self {
        let room = Self::without_go();
        let go = room.path("bin/go");
        fs::write(&go, script).unwrap();
        fs::set_permissions(&go, fs::Permissions::from_mode(0o755)).unwrap();
        room
    }

    fn without_go() -> Self {
        let room = Self(tempfile::tempdir().unwrap());
        fs::create_dir(room.path("bin")).unwrap();
        room
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn asks(&self) -> Command {
        let mut command = again::command("binaries::asks_for_etcd");
        command
            .env("PATH", self.path("bin"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("ROOM", self.0.path());
        command.env_remove("KUBEBUILDER_ASSETS").stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn answer(&self) -> String {
        answer(&mut self.asks().spawn().unwrap())
    }
}

fn answer(child: &mut Child) -> String {
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    child.wait().unwrap();
    text
}

#[test]
#[ignore = "run by the other tests, in environments of their choice"]
fn asks_for_etcd() {
    if again::runs() {
        again::say(&match find(Program::Etcd) {
            Ok(path) => format!("found {}", path.display()),
            Err(error) => format!("error {error}"),
        });
    }
}

#[test]
fn a_file_in_kubebuilder_assets_comes_first() {
    let room = Room::without_go();
    fs::write(room.path("bin/etcd"), "").unwrap();
    let answer = answer(&mut room.asks().env("KUBEBUILDER_ASSETS", room.path("bin")).spawn().unwrap());
    assert!(answer.contains(&format!("found {}", room.path("bin/etcd").display())), "{answer}");
}

#[test]
fn two_processes_that_ask_at_once_build_once() {
    let room = Room::with_go(BUILDS);
    let status = Command::new("mkfifo").arg(room.path("word")).status().unwrap();
    assert!(status.success());
    let mut builder = room.asks().spawn().unwrap();
    let first = line_with(&mut builder, "building etcd v");
    let mut waiter = room.asks().spawn().unwrap();
    let second = line_with(&mut waiter, "waiting for the build of etcd v");
    assert!(first.contains("a few minutes the first time") && second.contains("by somebody else"));
    OpenOptions::new().write(true).open(room.path("word")).unwrap().write_all(b"built\n").unwrap();
    let built = room.path(&format!("cache/github-pat-operator/etcd-{}", Program::Etcd.version().unwrap()));
    for child in [&mut builder, &mut waiter] {
        let answer = answer(child);
        assert!(answer.contains(&format!("found {}", built.display())), "{answer}");
    }
    assert_eq!(fs::read_to_string(&built).unwrap(), "built\n");
    let calls = fs::read_to_string(room.path("calls")).unwrap();
    assert_eq!(calls.lines().count(), 1, "{calls}");
    assert!(calls.contains("/go/etcd build -ldflags -s -w -o "), "{calls}");
    assert!(room.answer().contains("found"));
    assert_eq!(fs::read_to_string(room.path("calls")).unwrap(), calls);
}

#[test]
fn without_go_the_error_says_what_was_tried_and_the_two_ways_out() {
    let answer = Room::without_go().answer();
    for part in [
        "error cannot find or build etcd",
        "KUBEBUILDER_ASSETS is not set",
        "go cannot be run",
        "install Go",
        "set KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver",
    ] {
        assert!(answer.contains(part), "{part} is not in {answer}");
    }
}

#[test]
fn a_failed_build_is_told_with_the_last_words_of_go_and_leaves_nothing_behind() {
    let room = Room::with_go(FAILS);
    let answer = room.answer();
    assert!(answer.contains("no such host") && answer.contains("install Go"), "{answer}");
    assert_eq!(names(&room.path("cache/github-pat-operator")), ["etcd.lock"]);
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn line_with(child: &mut Child, part: &str) -> String {
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(part) {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "{part} was not said");
    }
    child.stderr = Some(stderr.into_inner());
    line
}
