//! The operator started anew beside connections that it has judged before.

use std::time::{Duration, Instant};

use crate::{
    Failed, Options,
    audit::Requests,
    cold, goals,
    load::Load,
    report::{Figures, Report, progress},
    stage::{Audit, NAMESPACE, Stage},
};

/// Longer than the section takes, so that no question is due in it.
const INTERVAL: &str = "1h";
/// Restarts, each with a new connection right after it.
const RESTARTS: u32 = 3;
/// What the names of those new connections begin with.
const LATE: &str = "late";
/// After so long an operator has looked at every connection that it knows.
const LOOKED: Duration = Duration::from_secs(10);
/// How long such a connection may take.
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) async fn run(options: &Options, report: &mut Report) -> Result<(), Failed> {
    let stage = Stage::set(options, Audit::Kept).await?;
    let count = options.connections;
    progress(&format!("creating {count} connections with an interval of {INTERVAL}"));
    Load { interval: INTERVAL, ..Load::of(count) }.create(&stage).await?;
    progress("starting the operator");
    let mut operator = stage.operator()?;
    stage.ready.all(NAMESPACE, count, cold::deadline(count)).await?;
    tokio::time::sleep(LOOKED).await;

    let (before, calls) = (Requests::so_far(&stage)?, stage.github.calls().len());
    let mut ready = Vec::new();
    for number in 0..RESTARTS {
        progress(&format!("restart {number}"));
        let prefix = format!("{LATE}{number}");
        let late = Load { prefix: &prefix, ..Load::of(1) };
        late.secrets(&stage).await?;
        operator.stop().await?;
        operator = stage.operator()?;
        let begin = Instant::now();
        late.connections(&stage).await?;
        let at = stage.ready.one(NAMESPACE, &late.name(0), DEADLINE).await;
        ready.push(at.map_or(DEADLINE, |at| at.duration_since(begin)).as_secs_f64());
        tokio::time::sleep(LOOKED).await;
    }
    // Each new connection has its one question.
    let asked = stage.github.calls().len().saturating_sub(calls);
    let early = asked.saturating_sub(ready.len());
    let requests = Requests::so_far(&stage)?.since(&before).without(LATE);

    ready.sort_by(f64::total_cmp);
    let about = format!(
        "{RESTARTS} times with {count} known connections; a new one is created right after the start"
    );
    let mut figures = Figures::new("restart", about);
    figures.add_with_goal("writes", requests.writes(), "", goals::NONE);
    figures.add_with_goal("questions before their instant", early as f64, "", goals::NONE);
    let median = ready.get(ready.len() / 2).copied().unwrap_or_default();
    figures.add_with_goal("new connection Ready, median", median, "s", goals::after_a_restart(count));
    figures.add("new connection Ready, slowest", ready.last().copied().unwrap_or_default(), "s");
    let reads = requests.reads() / f64::from(count) / f64::from(RESTARTS);
    figures.add("reads per connection and restart", reads, "");
    report.print(&figures)?;
    stage.linger().await;
    operator.stop().await
}
