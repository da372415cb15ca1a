//! Requests and questions counted: cold, over whole intervals in which nothing changes, and after a restart.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use github_simulator::Call;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

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
/// Restarts, each with a new connection right after it.
const RESTARTS: u32 = 3;
/// What the names of those new connections begin with.
const LATE: &str = "late";
/// How long such a connection may take.
const DEADLINE: Duration = Duration::from_secs(60);
/// How much before its instant a question may seem to come, as the one before it may have been late.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

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
    let (operator, figures) = restart(&stage, operator, count, interval).await?;
    report.print(&figures)?;
    stage.linger().await;
    operator.stop().await
}

fn counted_cold(stage: &Stage, count: u32) -> Result<Figures, Failed> {
    let by = f64::from(count);
    let requests = Requests::so_far(stage, LATE)?;
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
    let (requests, calls) = (Requests::so_far(stage, LATE)?, stage.github.calls().len());
    // Reading the logs took CPU time too.
    let before = stage.cpu(Some(operator))?;
    tokio::time::sleep(interval.saturating_mul(INTERVALS)).await;
    let used = stage.cpu(Some(operator))?.since(before);
    let asked = stage.github.calls().len().saturating_sub(calls) as f64;
    let requests = Requests::so_far(stage, LATE)?.since(&requests);

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

async fn restart(
    stage: &Stage,
    mut operator: Operator,
    count: u32,
    interval: Duration,
) -> Result<(Operator, Figures), Failed> {
    let (before, calls) = (Requests::so_far(stage, LATE)?, stage.github.calls());
    let mut ready = Vec::new();
    for number in 0..RESTARTS {
        progress(&format!("restart {number}"));
        let prefix = format!("{LATE}{number}");
        let late = Load { prefix: &prefix, ..Load::of(1) };
        late.secrets(stage).await?;
        operator.stop().await?;
        operator = stage.operator()?;
        let begin = Instant::now();
        late.connections(stage).await?;
        let at = stage.ready.one(NAMESPACE, &late.name(0), DEADLINE).await;
        ready.push(at.map_or(DEADLINE, |at| at.duration_since(begin)).as_secs_f64());
    }
    progress("one interval, in which each question shall wait for its instant");
    tokio::time::sleep(interval).await;
    let early = early(&calls, &stage.github.calls(), interval)?;
    let requests = Requests::so_far(stage, LATE)?.since(&before);

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
    figures.add(
        "reads per connection and restart",
        requests.reads() / f64::from(count) / f64::from(RESTARTS),
        "",
    );
    Ok((operator, figures))
}

/// How many of the first questions after the calls of `before` came too early: an interval after the question before, or two
/// after the one before that, whichever is earlier, since a question may have come late.
fn early(before: &[Call], calls: &[Call], interval: Duration) -> Result<usize, Failed> {
    let interval = SignedDuration::try_from(interval)?;
    let mut due = HashMap::<&str, (Timestamp, Timestamp)>::new();
    for call in before {
        let Some(token) = call.token.as_deref() else { continue };
        let next = call.at.checked_add(interval)?;
        let earlier = due.get(token).map(|(next, _)| next.checked_add(interval)).transpose()?;
        due.insert(token, (next, earlier.map_or(next, |earlier| earlier.min(next))));
    }
    let mut early: usize = 0;
    for call in calls.iter().skip(before.len()) {
        let Some((_, instant)) = call.token.as_deref().and_then(|token| due.remove(token)) else { continue };
        if call.at < instant.checked_sub(TOLERANCE)? {
            early = early.saturating_add(1);
        }
    }
    Ok(early)
}
