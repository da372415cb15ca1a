//! Requests and questions counted: cold, and over whole intervals in which nothing changes.

use std::time::Duration;

use crate::{
    Failed, Options,
    audit::Requests,
    cold, goals,
    load::Load,
    operator::Operator,
    report::{Figures, Report, progress},
    stage::{Audit, NAMESPACE, SETTLE, Stage},
};

/// Intervals that are watched.
const INTERVALS: u32 = 2;
/// The shortest interval: a cluster of 1,000 connections is Ready well before its end.
const SHORTEST: u32 = 30;
/// Questions a second at most, so that asking leaves most of two cores idle.
const QUESTIONS_A_SECOND: u32 = 50;

pub(crate) async fn run(options: &Options, report: &mut Report) -> Result<(), Failed> {
    let stage = Stage::set(options, Audit::Kept).await?;
    let count = options.connections;
    let seconds = SHORTEST.max(count / QUESTIONS_A_SECOND);
    let interval = Duration::from_secs(seconds.into());
    progress(&format!("creating {count} connections with an interval of {interval:?}"));
    let written = format!("{seconds}s");
    Load { interval: &written, ..Load::of(count) }.create(&stage).await?;
    progress("starting the operator");
    let operator = stage.operator()?;
    stage.ready.all(NAMESPACE, count, cold::deadline(count)).await?;
    tokio::time::sleep(SETTLE).await;
    report.print(&counted_cold(&stage, count)?)?;
    report.print(&steady(&stage, &operator, count, interval).await?)?;
    stage.linger().await;
    operator.stop().await
}

fn counted_cold(stage: &Stage, count: u32) -> Result<Figures, Failed> {
    let by = f64::from(count);
    let requests = Requests::so_far(stage)?;
    let about = format!("requests for each of {count} new connections, from the audit log");
    let mut figures = Figures::new("counts", about);
    figures.add_with_goal("writes per connection", requests.writes() / by, "", goals::WRITES);
    figures.add_with_goal("reads per connection", requests.reads() / by, "", goals::READS);
    requests.add_each(&mut figures, by);
    Ok(figures)
}

async fn steady(
    stage: &Stage,
    operator: &Operator,
    count: u32,
    interval: Duration,
) -> Result<Figures, Failed> {
    progress("one interval until every question has its instant");
    tokio::time::sleep(interval).await;
    progress(&format!("watching {INTERVALS} intervals"));
    let (requests, calls) = (Requests::so_far(stage)?, stage.github.calls().len());
    // Reading the logs took CPU time too.
    let before = stage.cpu(Some(operator))?;
    tokio::time::sleep(interval.saturating_mul(INTERVALS)).await;
    let used = stage.cpu(Some(operator))?.since(before);
    let asked = stage.github.calls().len().saturating_sub(calls) as f64;
    let requests = Requests::so_far(stage)?.since(&requests);

    let seconds = interval.saturating_mul(INTERVALS).as_secs_f64();
    let about =
        format!("{count} connections over {INTERVALS} intervals of {interval:?}; a pass is one due question");
    let mut figures = Figures::new("steady", about);
    let an_interval = asked / f64::from(count) / f64::from(INTERVALS);
    figures.add("questions per connection and interval", an_interval, "");
    figures.add("cores busy with other programs", used.cores_of_others(), "");
    figures.add_with_goal("writes per pass", requests.writes() / asked, "", goals::NONE);
    figures.add_with_goal("reads per pass", requests.reads() / asked, "", goals::READS);
    requests.add_each(&mut figures, asked);
    figures.add("CPU of the operator", used.operator / asked * 1000.0, "ms a pass");
    figures.add("CPU of the operator", used.operator / seconds * 100.0, "% of a core");
    figures.add("CPU of API server and etcd", (used.api_server + used.etcd) / seconds * 100.0, "% of a core");
    Ok(figures)
}
