//! Operators that end after each single write of a rotation, and so before each, too.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use github_pat_operator::api::{GithubPatConnection, Phase};
use github_simulator::NewToken;
use kube::api::PostParams;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    followers::{connected, deployment, deployments, mark, phase, roll_out, until_restarted},
    release::is_account,
    standby::{has, held, in_use, is_rotated_to, is_usable, knows, spec},
    tenant::Tenant,
    world::{NAMESPACE, World},
};

/// So often a rotation is begun anew until an operator has ended after a given write and before the next one.
const ATTEMPTS: usize = 12;
/// What a rotation changes. Events are sent beside it, at no instant in particular.
const CHANGED: [&str; 3] = ["secrets", "githubpatconnections", "deployments"];

/// What came of it.
pub(crate) struct Cuts {
    /// After how many writes an operator ended, where a new token came into the same Secret and where a standby took over.
    pub(crate) kills: Vec<usize>,
    /// How many operators ended where one output had the new token and another one had not.
    pub(crate) halves: Vec<usize>,
    /// The Secrets that stood all the while, by their uids.
    pub(crate) uids: BTreeMap<String, String>,
    /// How often a token came into use.
    pub(crate) rounds: usize,
}

/// The changes that operators made, as the audit log tells them.
struct Changes {
    log: File,
    /// A line that is not whole yet.
    rest: Vec<u8>,
    count: usize,
}

impl Changes {
    fn of(world: &World) -> Self {
        let log = PathBuf::from(world.plane.directory()).join("audit.log");
        Changes { log: File::open(log).unwrap(), rest: Vec::new(), count: 0 }
    }

    fn count(&mut self) -> usize {
        self.log.read_to_end(&mut self.rest).unwrap();
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        for line in self.rest.drain(..whole).collect::<Vec<_>>().split(|byte| *byte == b'\n') {
            self.count += usize::from(!line.is_empty() && is_change(line));
        }
        self.count
    }

    /// How many there are once there come no more.
    async fn at_rest(&mut self) -> usize {
        loop {
            let before = self.count();
            tokio::time::sleep(Duration::from_millis(500)).await;
            if self.count() == before {
                return before;
            }
        }
    }

    /// Ends the process as soon as there are so many; `false` if it is told to stop before.
    fn kill_at(&mut self, count: usize, process: u32, is_over: &AtomicBool) -> bool {
        let process = Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
        while !is_over.load(Relaxed) {
            if self.count() >= count {
                kill_process(process, Signal::KILL).unwrap();
                return true;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        false
    }
}

fn is_change(line: &[u8]) -> bool {
    let event: Value = serde_json::from_slice(line).unwrap();
    let is_write = ["create", "update", "patch", "delete"].iter().any(|verb| event["verb"] == *verb);
    is_write
        && CHANGED.iter().any(|resource| event["objectRef"]["resource"] == *resource)
        && event["user"]["username"].as_str().is_some_and(is_account)
}

/// In turn a new token comes into the first Secret, and the one in use is revoked. The operator is killed before its first change of the
/// cluster, after it, after its second, and so on until there is none more. Where the next change had come by then, the same is done once more.
///
/// `is_whole` looks at the outputs once they are to hold this token.
pub(crate) async fn cut_after_each_write(
    world: &World,
    settings: &str,
    more: Value,
    is_whole: impl AsyncFn(String),
) -> Cuts {
    let ours = Tenant::of(world, NAMESPACE);
    let settings =
        world.settings() + "failedLoginsPerHour: 1000\nfailedLoginsPerNamespace: 1000\n" + settings;
    let mut operator = world.operator_with_settings(&settings).await;
    let mut changes = Changes::of(world);
    let mut rounds = 0;
    let mut store = async |secret: &str| {
        rounds += 1;
        let name = format!("t{rounds}");
        let text = world.github.token(NewToken::classic(&name, "acme-ci").scopes(&["read:packages"]));
        ours.secret(secret, &text).await;
        (name, text)
    };
    store("ci-next").await;
    let (mut in_first, _) = store("ci").await;
    // Nothing else is due on this day.
    let mut spec = spec("ci", more);
    spec["interval"] = "24h".into();
    ours.connection("ci", spec).await;
    ours.until("ci", |seen| in_use(seen) == Some("ci") && is_usable(seen, "ci-next")).await;
    // Each version is a Secret of its own.
    let lasting = async || {
        let mut uids = ours.uids().await;
        uids.retain(|name, _| !name.starts_with("ci-pull-"));
        uids
    };
    let uids = lasting().await;
    let (mut kills, mut halves) = (Vec::new(), Vec::new());
    for fails_over in [false, true] {
        let secret = if fails_over { "ci-next" } else { "ci" };
        let (mut step, mut attempts, mut half) = (0, 0, 0);
        loop {
            let next = if fails_over {
                let next = store(secret).await;
                let stands_by = |seen: &GithubPatConnection| knows(seen, &next.1) && is_usable(seen, secret);
                ours.until("ci", |seen| in_use(seen) == Some("ci") && stands_by(seen)).await;
                Some(next)
            } else {
                None
            };
            let before = changes.at_rest().await;
            let (name, text) = match next {
                Some(next) => {
                    world.github.revoke(&in_first);
                    ours.request("ci", &format!("step {step}, attempt {attempts}")).await;
                    next
                }
                None => store(secret).await,
            };
            let rotated = |seen: &GithubPatConnection| is_rotated_to(seen, secret) && has(seen, &text);
            let (process, is_over) = (operator.id(), Arc::new(AtomicBool::new(false)));
            let killer = std::thread::spawn({
                let is_over = is_over.clone();
                move || (changes.kill_at(before + step, process, &is_over), changes)
            });
            let ended = async {
                ours.until("ci", rotated).await;
                tokio::time::sleep(Duration::from_secs(2)).await;
            };
            let killed = async {
                while !killer.is_finished() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::select! { () = ended => (), () = killed => () }
            is_over.store(true, Relaxed);
            let is_killed;
            (is_killed, changes) = killer.join().unwrap();
            let made = changes.at_rest().await - before;
            if is_killed {
                drop(operator);
                let [git, env] = held(&ours, "ci").await.map(|value| value.as_deref() == Some(&*text));
                half += usize::from(git != env);
                operator = world.operator_with_settings(&settings).await;
            }
            ours.until("ci", rotated).await;
            eprintln!("{secret}, after write {step}: {made} were made");
            is_whole(text.clone()).await;
            // One question for a proof, one more if it takes over from another Secret, and at most one extra.
            let (asked, due) = (world.asked(&name), 1 + usize::from(fails_over));
            assert!(asked <= due + 1, "{secret}, after write {step}: {asked} questions");
            if fails_over {
                in_first = store("ci").await.0;
                ours.until("ci", |seen| is_rotated_to(seen, "ci")).await;
            } else {
                in_first = name;
            }
            if !is_killed {
                break;
            }
            attempts += 1;
            assert!(attempts < ATTEMPTS, "{secret}: no operator ended right after write {step}");
            if made == step {
                (step, attempts) = (step + 1, 0);
            }
        }
        kills.push(step - 1);
        halves.push(half);
    }
    eprintln!("operators ended after each of {kills:?} writes, {halves:?} of them between two outputs");
    assert_eq!(lasting().await, uids, "an orphan, or something lost or made anew");
    Cuts { kills, halves, uids, rounds }
}

#[tokio::test]
async fn whichever_write_of_a_rotation_is_the_last_of_an_operator_the_next_one_ends_it() {
    let world = World::audited().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let is_whole = async |text: String| {
        assert_eq!(held(&ours, "ci").await, [Some(text.clone()), Some(text)]);
    };
    let Cuts { kills, halves, uids, .. } = cut_after_each_write(&world, "", json!({}), is_whole).await;
    assert!(kills.iter().all(|kills| *kills >= 3), "{kills:?}");
    assert!(halves.iter().all(|halves| *halves >= 1), "no operator ended between two outputs: {halves:?}");
    assert!(uids.keys().map(String::as_str).eq(["ci", "ci-env", "ci-git", "ci-next"]), "{uids:?}");
}

/// A foreign hand puts the old token into an output of which the rotation was published. Pods may start with it, so the workload is restarted
/// once more, whichever of the writes that follow is the last one of an operator.
#[tokio::test]
async fn whichever_write_after_an_output_was_put_back_is_the_last_its_workload_is_restarted_once_more() {
    let world = World::audited().await;
    deployment(&world, "builder", false).await;
    world.rights.add("restartWorkloads=true");
    let mut operator = world.operator().await;
    connected(&world, json!([{ "kind": "Deployment", "name": "builder" }])).await;
    let mut changes = Changes::of(&world);
    let rotation = async || {
        let seen = world.connections().get("ci").await.unwrap();
        seen.status.unwrap().rotation.unwrap()
    };
    let marked = async || mark(&deployments(&world).get("builder").await.unwrap()).map(str::to_owned);
    let mut killed_after = Vec::new();
    // The status that says so, the output, the status again, and the workload.
    for step in 1..=4 {
        let old = world.secrets().get("ci-env").await.unwrap();
        let text = world.github.token(NewToken::classic(&format!("put-back-{step}"), "acme-ci"));
        world.secret("ci", &text).await;
        let hash = phase(&world, Phase::Restarting, "Deployment builder (0 of 2 Pods are new)").await;
        until_restarted(&world, "builder", &hash).await;
        let (published, noted) = (rotation().await.published_at.unwrap(), marked().await);
        let before = changes.at_rest().await;
        // The instants have whole seconds.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let mut put_back = world.secrets().get("ci-env").await.unwrap();
        (put_back.data, put_back.metadata.annotations) = (old.data, old.metadata.annotations);
        let (process, is_over) = (operator.id(), Arc::new(AtomicBool::new(false)));
        let killer = std::thread::spawn({
            let is_over = is_over.clone();
            move || (changes.kill_at(before + step, process, &is_over), changes)
        });
        world.secrets().replace("ci-env", &PostParams::default(), &put_back).await.unwrap();
        let killed = tokio::time::timeout(Duration::from_secs(30), async {
            while !killer.is_finished() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let _ = killed.await;
        is_over.store(true, Relaxed);
        let is_killed;
        (is_killed, changes) = killer.join().unwrap();
        assert!(is_killed, "there were fewer than {step} writes");
        drop(operator);
        killed_after.push(changes.at_rest().await - before);
        operator = world.operator().await;
        let is_again = async || {
            let held = world.value("ci-env", "token").await;
            held.as_ref() == Some(&text) && marked().await.is_some_and(|mark| Some(&mark) != noted.as_ref())
        };
        let again = tokio::time::timeout(Duration::from_secs(60), async {
            while !is_again().await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        assert!(again.await.is_ok(), "after write {step}: {:?}", rotation().await);
        assert!(marked().await.unwrap().starts_with(&format!("{hash} ")), "it is for the same token");
        roll_out(&world, "builder", 2).await;
        phase(&world, Phase::SafeToRevoke, "").await;
        let over = rotation().await;
        assert!(over.published_at.unwrap() > published, "after write {step}");
        assert!(over.written_anew_at.is_some(), "after write {step}");
    }
    eprintln!("operators ended after {killed_after:?} writes");
}
