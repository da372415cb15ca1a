//! From a cluster full of new connections to all of them Ready, beside a bare client.

use std::time::Duration;

use crate::{
    Failed, Options,
    bare::{self, Sample},
    goals,
    load::Load,
    process::{self, Cpu},
    report::{Figures, Report, progress},
    scrape,
    stage::{Audit, BARE_NAMESPACE, NAMESPACE, SETTLE, Stage},
};

/// How long after the last change memory counts as settled.
pub(crate) const SETTLED_AFTER: Duration = Duration::from_secs(10);
/// A tenth of the goal, and a minute for the start.
const SLOWEST_RATE: u32 = 20;
const LATENCY: Duration = Duration::from_millis(100);

/// How long all of them may take.
pub(crate) fn deadline(connections: u32) -> Duration {
    Duration::from_secs((connections / SLOWEST_RATE).saturating_add(60).into())
}

/// Rate, CPU and memory of the operator, and what a bare client reaches.
pub(crate) async fn run(options: &Options, report: &mut Report) -> Result<(), Failed> {
    let stage = Stage::set(options, Audit::None).await?;
    let count = options.connections;
    let mut figures = Figures::new(
        "cold",
        format!("{count} connections and their Secrets exist, then the operator starts; no audit log"),
    );
    let empty = memory_on_an_empty_cluster(&stage).await?;
    progress(&format!("creating {count} connections"));
    Load::of(count).create(&stage).await?;
    tokio::time::sleep(SETTLE).await;

    progress("starting the operator");
    let before = stage.cpu(None)?;
    let operator = stage.operator()?;
    let last = stage.ready.all(NAMESPACE, count, deadline(count)).await;
    let last = last.map_err(|error| format!("{error}; its log ends with: {}", operator.log()))?;
    let rate = f64::from(count) / last.duration_since(operator.started).as_secs_f64();
    // The passes that our own last writes wake.
    tokio::time::sleep(SETTLE).await;
    let used = stage.cpu(Some(&operator))?.since(before);
    let questions = stage.github.calls().len();
    tokio::time::sleep(SETTLED_AFTER).await;
    let (peak, settled) = (process::peak(operator.id())?, process::resident(operator.id())?);
    let mut scraped = Figures::new("scrape", format!("/metrics of the same {count} connections"));
    scrape::add(&operator, &mut scraped).await?;
    stage.linger().await;
    operator.stop().await?;

    let (bare, spent) = bare_client(&stage, options).await?;
    figures.add_with_goal("connections Ready", rate, "/s", goals::RATE);
    figures.add(format!("bare client, {}", bare.manner), bare.rate, "/s");
    figures.add_with_goal("share of the bare client", rate / bare.rate, "", goals::SHARE_OF_BARE);
    figures.add_with_goal(
        "questions per connection",
        questions as f64 / f64::from(count),
        "",
        goals::QUESTIONS,
    );
    add_cpu(&mut figures, used, count);
    figures.add("cores busy with other programs, operator", used.cores_of_others(), "");
    figures.add("cores busy with other programs, bare client", spent.cores_of_others(), "");
    figures.add("CPU of API server and etcd, bare client", per_1000(cluster(spent), count), "s per 1,000");
    figures.add("memory on an empty cluster", empty, "MiB");
    figures.add_with_goal("memory, peak", peak, "MiB", goals::peak(count));
    figures.add("memory, settled", settled, "MiB");
    report.print(&figures)?;
    report.print(&scraped)
}

/// The rate alone, with a GitHub that takes its time.
pub(crate) async fn run_with_latency(options: &Options, report: &mut Report) -> Result<(), Failed> {
    let stage = Stage::set(options, Audit::None).await?;
    let count = options.connections;
    stage.github.latency(LATENCY);
    progress(&format!("creating {count} connections"));
    Load::of(count).create(&stage).await?;
    tokio::time::sleep(SETTLE).await;
    progress("starting the operator");
    let operator = stage.operator()?;
    let last = stage.ready.all(NAMESPACE, count, deadline(count)).await?;
    let rate = f64::from(count) / last.duration_since(operator.started).as_secs_f64();
    stage.linger().await;
    operator.stop().await?;
    let mut figures =
        Figures::new("latency", format!("the same with {LATENCY:?} before each answer of GitHub"));
    figures.add("connections Ready", rate, "/s");
    report.print(&figures)
}

async fn memory_on_an_empty_cluster(stage: &Stage) -> Result<f64, Failed> {
    let mut operator = stage.operator()?;
    operator.ready().await?;
    tokio::time::sleep(SETTLE).await;
    let memory = process::resident(operator.id())?;
    operator.stop().await?;
    Ok(memory)
}

struct Bare {
    rate: f64,
    manner: &'static str,
}

/// As many connections again, for which nobody works but the bare client.
async fn bare_client(stage: &Stage, options: &Options) -> Result<(Bare, Cpu), Failed> {
    let count = options.connections;
    progress("creating as many for the bare client");
    let load = Load { namespace: BARE_NAMESPACE, ..Load::of(count) };
    let connections = load.connections(stage).await?;
    let sample = Sample::read(&stage.client, NAMESPACE, &load.name(0), options.status_write).await?;
    tokio::time::sleep(SETTLE).await;
    progress(&format!("the bare client writes with {} requests at once", bare::CONCURRENCY));
    let before = stage.cpu(None)?;
    let seconds = sample.write_all(&stage.client, &connections).await?;
    tokio::time::sleep(SETTLE).await;
    let spent = stage.cpu(None)?.since(before);
    Ok((Bare { rate: f64::from(count) / seconds, manner: sample.manner.name() }, spent))
}

fn add_cpu(figures: &mut Figures, used: Cpu, count: u32) {
    let (operator, all) = (per_1000(used.operator, count), per_1000(cluster(used), count));
    figures.add_with_goal("CPU of the operator", operator, "s per 1,000", goals::OPERATOR_CPU);
    figures.add("CPU of kube-apiserver", per_1000(used.api_server, count), "s per 1,000");
    figures.add("CPU of etcd", per_1000(used.etcd, count), "s per 1,000");
    figures.add_with_goal("CPU of API server and etcd", all, "s per 1,000", goals::CLUSTER_CPU);
    figures.add("CPU of this benchmark", per_1000(used.benchmark, count), "s per 1,000");
}

fn cluster(cpu: Cpu) -> f64 {
    cpu.api_server + cpu.etcd
}

fn per_1000(seconds: f64, count: u32) -> f64 {
    seconds * 1000.0 / f64::from(count)
}
