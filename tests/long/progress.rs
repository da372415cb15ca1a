//! Whether the process is alive: it says so while work moves, and ends when a part of it ends.

use std::{
    future,
    time::{Duration, Instant},
};

use control_plane::{Guarded, Launch, Program};
use github_pat_operator::{
    cluster::transport,
    run::operate,
    settings::{Settings, SettingsInput},
};
use github_simulator::{NewToken, Outage};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    tenant::{Tenant, questions, until_asked, within},
    world::{NAMESPACE, World, free_address},
};

/// What `/livez` says.
pub(crate) async fn livez(url: &str) -> u16 {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(5));
    client.build().unwrap().get(format!("{url}/livez")).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_silent_api_server_and_a_silent_host_are_no_reason_to_be_restarted() {
    let mut world = World::start().await;
    world.another_host("silent").await;
    let ours = Tenant::of(&world, NAMESPACE);
    let operator = world.operator().await;
    let bots: Vec<_> = (0..40).map(|number| format!("bot-{number}")).collect();
    let made = bots.iter().map(|name| (name.clone(), world.github.token(NewToken::classic(name, name))));
    ours.many(made, &json!({})).await;
    world.host("silent").outage(Some(Outage::Stall));
    let silent = (0..40).map(|number| {
        let name = format!("silent-{number}");
        (name.clone(), world.host("silent").token(NewToken::classic(&name, &name)))
    });
    ours.many(silent, &json!({ "host": "silent" })).await;
    for name in &bots {
        ours.ready(name, "True", "Ready").await;
    }
    world.plane.freeze(Program::KubeApiserver).await.unwrap();
    // All are due again and again meanwhile, and none can read its source.
    let until = std::time::Instant::now() + Duration::from_secs(45);
    within(Duration::from_secs(60), "45 s pass", async || {
        assert_eq!(livez(&operator.url).await, 200);
        std::time::Instant::now() >= until
    })
    .await;
    world.plane.thaw(Program::KubeApiserver).await.unwrap();
    let ours = Tenant::of(&world, NAMESPACE);
    for name in ["bot-0", "bot-39"] {
        until_asked(&world.github, name, questions(&world.github, name).len() + 2).await;
    }
    ours.secret("after", &world.github.token(NewToken::classic("after", "after"))).await;
    ours.connection("after", json!({})).await;
    ours.ready("after", "True", "Ready").await;
    assert_eq!(livez(&operator.url).await, 200);
}

#[tokio::test]
async fn an_operator_whose_probes_cannot_be_served_ends() {
    let world = World::start().await;
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let (settings, log) = (world.file("settings.yaml", &world.settings()), world.file("log", ""));
    let launch = Launch::new(env!("CARGO_BIN_EXE_github-pat-operator"))
        .arguments(["run", "--listen", &listen, "--config", settings.to_str().unwrap()])
        .variable("KUBECONFIG", world.plane.admin_kubeconfig())
        .output(&log, &log);
    let mut process = Guarded::spawn(&launch).unwrap();
    let status = process.wait(Duration::from_secs(30)).await.unwrap();
    assert!(!status.success(), "{status}");
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.contains("cannot listen on"), "{said}");
}

/// A field of `/proc/PID/status`: a number, or KiB.
fn field(process: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn limit(process: u32, memory: Option<u64>) {
    let id = Pid::from_raw(i32::try_from(process).unwrap());
    prlimit(id, Resource::As, Rlimit { current: memory, maximum: None }).unwrap();
}

/// Leaves the process no memory for the stack of a further thread.
async fn forbid_threads(process: u32) {
    within(Duration::from_secs(60), "no thread waits for work", async || field(process, "Threads:") == 1)
        .await;
    limit(process, Some((field(process, "VmSize:") + 1536) * 1024));
}

/// Names are resolved in a thread of their own, and a process that can have no further thread panics where one is wanted, inside of a
/// question: <https://docs.rs/tokio/latest/tokio/task/fn.spawn_blocking.html>.
#[tokio::test]
async fn a_panic_inside_a_question_defers_that_question_alone() {
    let mut world = World::start().await;
    world.another_host("named").await;
    let url = world.host("named").url().to_owned();
    let settings = world.settings().replace(&url, &url.replace("127.0.0.1", "localhost"));
    let ours = Tenant::of(&world, NAMESPACE);
    let operator = world.operator_with_settings(&settings).await;
    let process = operator.id();
    let named = async |name: &str, host: &str| {
        let github = if host == "named" { world.host("named") } else { &world.github };
        ours.secret(name, &github.token(NewToken::classic(name, name))).await;
        ours.connection(name, json!({ "host": host, "interval": "10s" })).await;
    };
    named("before", "simulated").await;
    ours.ready("before", "True", "Ready").await;
    forbid_threads(process).await;
    named("unresolved", "named").await;
    operator.until_logged("a question panicked").await;
    ours.ready("unresolved", "Unknown", "QuestionFailed").await;
    // All others are asked about meanwhile, new ones too.
    named("meanwhile", "simulated").await;
    ours.ready("meanwhile", "True", "Ready").await;
    until_asked(&world.github, "before", questions(&world.github, "before").len() + 2).await;
    assert_eq!(livez(&operator.url).await, 200);
    limit(process, None);
    ours.ready("unresolved", "True", "Ready").await;
    assert_eq!(operator.id(), process);
    operator.stop().await;
}

/// The name of a sink is resolved by the task that tells the sinks, and nothing contains a panic there.
#[tokio::test]
async fn a_task_that_panics_ends_the_process_which_says_which_one_it_was() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let receiver = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://localhost:{}", receiver.local_addr().unwrap().port());
    let settings =
        format!("{}leaseNamespace: {NAMESPACE}\nsinks: [{{ name: ops, url: '{url}' }}]\n", world.settings());
    let mut operator = world.operator_with_settings(&settings).await;
    forbid_threads(operator.id()).await;
    ours.connection("missing", json!({})).await;
    let status = operator.process().wait(Duration::from_secs(30)).await.unwrap();
    let said = operator.log();
    assert_eq!(status.code(), Some(1), "{status}: {said}");
    assert!(said.contains("a task of the operator panicked (telling the sinks)"), "{said}");
}

/// The same program in this process, since from outside nobody can take its workers away: here it has none.
#[tokio::test]
async fn work_that_waits_and_does_not_move_fails_the_probe_within_30_s() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let listen = free_address();
    let text = format!("{}listen: '{listen}'\n", world.settings());
    let kubeconfig = world.account(&text, &[]).await;
    let transport = transport::of(world.plane.client_of(&kubeconfig).await.unwrap());
    let input = SettingsInput::read(&world.file("settings.yaml", &text)).unwrap();
    let settings = Settings { concurrency: 0, ..Settings::new(input, SettingsInput::default()).unwrap() };
    let running = operate(transport, NAMESPACE.to_owned(), settings, None, future::pending());
    let operator = tokio::spawn(running);
    let url = format!("http://{listen}");
    let says = async |path: &str| {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        client.get(format!("{url}/{path}")).send().await.ok().map(|answer| answer.status().as_u16())
    };
    within(Duration::from_secs(30), "everything is listed", async || says("readyz").await == Some(200)).await;
    assert_eq!(livez(&url).await, 200, "nothing waits");
    ours.connection("ci", json!({})).await;
    let began = Instant::now();
    within(Duration::from_secs(30), "the probe fails", async || says("livez").await == Some(503)).await;
    assert!(began.elapsed() > Duration::from_secs(25), "{:?}", began.elapsed());
    operator.abort();
}
