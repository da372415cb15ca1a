//! The operator started anew beside connections that it has judged before.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use github_simulator::Call;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    Failed, Options,
    audit::Requests,
    cold, goals,
    load::{CONNECTIONS, JSON, LONG_INTERVAL, Load, send},
    report::{Figures, Report, progress},
    stage::{Audit, NAMESPACE, Stage},
};

/// Restarts, each with a new connection right after it.
const RESTARTS: u32 = 3;
/// What the names of those new connections begin with.
const LATE: &str = "late";
/// After so long an operator has looked at every connection that it knows.
const LOOKED: Duration = Duration::from_secs(10);
/// How long such a connection may take.
const DEADLINE: Duration = Duration::from_secs(60);
/// How much before its instant a question may seem to come.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

pub(crate) async fn run(options: &Options, report: &mut Report) -> Result<(), Failed> {
    let stage = Stage::set(options, Audit::Kept).await?;
    let count = options.connections;
    progress(&format!("creating {count} connections with an interval of {LONG_INTERVAL}"));
    Load::of(count).create(&stage).await?;
    progress("starting the operator");
    let mut operator = stage.operator()?;
    stage.ready.all(NAMESPACE, count, cold::deadline(count)).await?;
    tokio::time::sleep(LOOKED).await;

    let due = instants(&stage).await?;
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
    let early = early(due, stage.github.calls().get(calls..).unwrap_or_default())?;
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

/// When each connection is to be asked about next, as its status says.
async fn instants(stage: &Stage) -> Result<HashMap<String, Timestamp>, Failed> {
    let mut instants = HashMap::new();
    let mut next = String::new();
    loop {
        let uri = format!("{CONNECTIONS}/{NAMESPACE}/githubpatconnections?limit=500&continue={next}");
        let list: Value =
            serde_json::from_slice(&send(&stage.client, "GET", &uri, JSON, String::new()).await?)?;
        for connection in list.get("items").and_then(Value::as_array).into_iter().flatten() {
            let text = |pointer: &str| connection.pointer(pointer).and_then(Value::as_str);
            let (Some(name), Some(at)) = (text("/metadata/name"), text("/status/nextCheckAt")) else {
                return Err("a connection without nextCheckAt".into());
            };
            instants.insert(name.to_owned(), at.parse()?);
        }
        match list.pointer("/metadata/continue").and_then(Value::as_str).filter(|next| !next.is_empty()) {
            Some(more) => next = more.to_owned(),
            None => return Ok(instants),
        }
    }
}

/// How many of the first questions about a token came before its instant.
fn early(mut due: HashMap<String, Timestamp>, calls: &[Call]) -> Result<usize, Failed> {
    let mut early: usize = 0;
    for call in calls {
        let Some(instant) = call.token.as_deref().and_then(|token| due.remove(token)) else { continue };
        if call.at < instant.checked_sub(TOLERANCE)? {
            early = early.saturating_add(1);
        }
    }
    Ok(early)
}
