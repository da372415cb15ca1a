//! Clocks of nodes that jump under two replicas: who leads is counted by a clock that only goes forward, and what GitHub says of the time
//! is believed. The library of the program `faketime` gives a process another time of day.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use github_simulator::NewToken;
use jiff::Timestamp;
use serde_json::json;

use crate::{
    progress::livez,
    replica::{Replica, lease, one_writer_at_a_time},
    tenant::{Tenant, in_, within},
    world::{NAMESPACE, Operator, SOON, World},
};

const DAY: i64 = 24 * 3600;

/// The time of day of one process.
struct Clock(PathBuf);

impl Clock {
    fn new(world: &World, name: &str) -> Self {
        Clock(world.file(name, "+0"))
    }

    fn environment(&self, library: &Path) -> Vec<(&'static str, OsString)> {
        vec![
            ("LD_PRELOAD", library.into()),
            ("FAKETIME_TIMESTAMP_FILE", (&self.0).into()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ]
    }

    /// So far from the time of day from now on.
    fn jumps(&self, by: &str) {
        let new = self.0.with_extension("new");
        fs::write(&new, by).unwrap();
        fs::rename(&new, &self.0).unwrap();
    }
}

/// Waits until the process logs with a time of day that is so far from the real one.
async fn until_logged_at(operator: &Operator, offset: &str) {
    let (number, unit) = offset.split_at(offset.trim_end_matches(['h', 'd']).len());
    let seconds = match unit {
        "d" => DAY,
        "h" => 3600,
        _ => 1,
    };
    let ahead = number.parse::<i64>().unwrap() * seconds;
    within(SOON, &format!("a line is logged at {offset}"), async || {
        let log = operator.log();
        let line = log.lines().rev().find_map(|line| line.split(' ').next()?.parse::<Timestamp>().ok());
        line.is_some_and(|at| (at.as_second() - in_(ahead).as_second()).abs() < 60)
    })
    .await;
}

/// The library, as it is installed or from Debian's archive; a line says so if it cannot be had.
fn library() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faketime");
    if find(&folder).is_none() {
        fs::create_dir_all(&folder).unwrap();
        let script = "download() { apt-get download libfaketime; }; download || { apt-get update && download; } && dpkg -x libfaketime_*.deb .";
        // What became of it is seen below.
        let _ = Command::new("sh").current_dir(&folder).args(["-c", script]).output();
    }
    let found = find(Path::new("/")).or_else(|| find(&folder));
    if found.is_none() {
        assert!(env::var_os("TEST_NOTHING_LEFT_OUT").is_none(), "the library of faketime cannot be had");
        eprintln!("jumps of clocks were left out: install faketime");
    }
    found
}

fn find(root: &Path) -> Option<PathBuf> {
    let folders = fs::read_dir(root.join("usr/lib")).ok()?.flatten();
    folders.map(|folder| folder.path().join("faketime/libfaketime.so.1")).find(|path| path.is_file())
}

#[tokio::test]
async fn a_clock_that_jumps_takes_the_lease_from_nobody_and_moves_no_verdict() {
    let Some(library) = library() else { return };
    let mut world = World::audited().await;
    let clocks = ["first", "second"].map(|name| Clock::new(&world, name));
    let mut replicas = Vec::new();
    for (clock, name) in clocks.iter().zip(["first", "second"]) {
        world.environment = clock.environment(&library);
        replicas.push(Replica::start(&world, name, &[]).await);
        replicas[0].leads().await;
    }
    for Replica { operator, .. } in &replicas {
        let maps = fs::read_to_string(format!("/proc/{}/maps", operator.id())).unwrap();
        assert!(maps.contains("libfaketime"), "its clock is the node's");
    }
    let world = world;
    let ours = Tenant::of(&world, NAMESPACE);
    let token = |name: &str| world.github.token(NewToken::classic(name, "ci").expires(in_(60 * DAY)));
    ours.secret("ci", &token("t")).await;
    let spec = json!({
        "onInvalid": "Withdraw",
        "require": { "expiry": { "minRemaining": "480h" } },
        "publish": [{ "secretName": "out", "format": "Opaque" }],
    });
    ours.connection("ci", spec).await;
    ours.ready("ci", "True", "Ready").await;
    let (history, uids, before) = (ours.history(), ours.uids().await, lease(&world).await);
    let offsets = ["+1h", "-1h", "+1d", "-1d", "-400d", "+0"];
    for (number, (who, offset)) in [&clocks[..1], &clocks[1..], &clocks[..]]
        .into_iter()
        .flat_map(|who| offsets.map(|offset| (who, offset)))
        .enumerate()
    {
        who.iter().for_each(|clock| clock.jumps(offset));
        // What was due is asked, and what is new is published.
        let last = if number == 0 { "t".to_owned() } else { format!("t{}", number - 1) };
        world.until_asked(&last, world.asked(&last) + 1).await;
        let text = token(&format!("t{number}"));
        ours.secret("ci", &text).await;
        let is_it = |secret: Option<&k8s_openapi::api::core::v1::Secret>| {
            let value = secret.and_then(|secret| secret.data.as_ref()?.get("token"));
            value.is_some_and(|value| value.0 == text.as_bytes())
        };
        world.secret_until("out", is_it).await;
        ours.ready("ci", "True", "Ready").await;
        if who[0].0 == clocks[0].0 {
            until_logged_at(&replicas[0].operator, offset).await;
        }
        let now = lease(&world).await;
        for field in ["holderIdentity", "leaseTransitions"] {
            assert_eq!(now[field], before[field], "{offset}: {}", replicas[0].operator.log());
        }
        eprintln!("{} clock(s) at {offset}", who.len());
    }
    assert!(!replicas[1].has_led());
    assert_eq!(ours.uids().await, uids, "nothing was withdrawn and made anew");
    let condemned: Vec<_> = history.seen().into_iter().filter(|(_, status, _)| status == "False").collect();
    assert!(condemned.is_empty(), "{condemned:?}");
    one_writer_at_a_time(&world);
}

#[tokio::test]
async fn a_clock_that_jumps_while_questions_wait_for_their_turn_fails_no_probe() {
    let Some(library) = library() else { return };
    let mut world = World::start().await;
    let clock = Clock::new(&world, "clock");
    world.environment = clock.environment(&library);
    let operator = world.operator_with_settings(&(world.settings() + "questionsPerMinute: 6\n")).await;
    let ours = Tenant::of(&world, NAMESPACE);
    let bots = (0..30).map(|number| format!("bot-{number}"));
    let bots = bots.map(|name| (name.clone(), world.github.token(NewToken::classic(&name, &name))));
    ours.many(bots, &json!({ "interval": "24h" })).await;
    for offset in ["+1h", "-1h", "+1d"] {
        let before = world.github.calls().len();
        clock.jumps(offset);
        // The worker of the host looks at the clock every ten seconds at least.
        for _ in 0..120 {
            assert_eq!(livez(&operator.url).await, 200, "{offset}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(world.github.wait_until(SOON, |calls| calls.len() > before).await, "{offset}");
        until_logged_at(&operator, offset).await;
    }
    assert!(world.github.calls().len() < 30, "some have waited all the while");
}
