//! Connections that come and go, wave after wave, and what the operator keeps of them.

use std::time::{Duration, Instant};

use crate::{
    Failed, Options, cold, goals,
    load::{CONNECTIONS, JSON, Load, send},
    process,
    report::{Figures, Report, progress},
    stage::{Audit, NAMESPACE, SETTLE, Stage},
};

/// How long after the last connection went it is measured: the connections to GitHub are closed after 30 s, and what is free is given back
/// within 30 s of that.
const AT_REST: Duration = Duration::from_secs(70);
/// Connections that exist at once.
const WAVE: u32 = 200;
/// Waves between two lines that tell how far it is.
const TOLD_EVERY: u32 = 25;

/// Memory before the first connection, while they come and go, and when the last one is gone.
pub(crate) async fn run(options: &Options, report: &mut Report) -> Result<(), Failed> {
    let stage = Stage::set(options, Audit::None).await?;
    stage.github.keep_calls(false);
    let count = options.connections;
    let mut operator = stage.operator()?;
    operator.ready().await?;
    tokio::time::sleep(SETTLE).await;
    let before = process::resident(operator.id())?;
    progress(&format!("{count} connections come and go, {WAVE} at a time; {before:.1} MiB before"));

    let begin = Instant::now();
    let mut first = None;
    let mut gone: u32 = 0;
    for wave in 0..count.div_ceil(WAVE) {
        let prefix = format!("w{wave:03}");
        let load = Load { prefix: &prefix, ..Load::of(WAVE.min(count.saturating_sub(gone))) };
        load.create(&stage).await?;
        gone = gone.saturating_add(load.count);
        let ready = stage.ready.all(NAMESPACE, gone, cold::deadline(load.count)).await;
        ready.map_err(|error| format!("{error}; its log ends with: {}", operator.log()))?;
        delete_all(&stage).await?;
        let memory = process::resident(operator.id())?;
        first.get_or_insert(memory);
        if wave.is_multiple_of(TOLD_EVERY) {
            progress(&format!("{gone} are gone; {memory:.1} MiB"));
        }
    }
    let rate = f64::from(count) / begin.elapsed().as_secs_f64();
    tokio::time::sleep(AT_REST).await;
    let (after, peak) = (process::resident(operator.id())?, process::peak(operator.id())?);
    stage.linger().await;
    operator.stop().await?;

    let about = format!("{count} connections become Ready and are deleted, {WAVE} at a time; no audit log");
    let mut figures = Figures::new("churn", about);
    figures.add("connections that came and went", rate, "/s");
    let first = first.unwrap_or(before);
    figures.add("memory before the first connection", before, "MiB");
    figures.add("memory after the first wave", first, "MiB");
    figures.add("memory, peak", peak, "MiB");
    figures.add("memory after", after, "MiB");
    figures.add("memory after, by that after the first wave", after / first, "");
    figures.add_with_goal("memory after, by that before", after / before, "", goals::AFTER_CHURN);
    report.print(&figures)
}

/// Deletes the connections, then their sources and outputs.
async fn delete_all(stage: &Stage) -> Result<(), Failed> {
    let connections = format!("{CONNECTIONS}/{NAMESPACE}/githubpatconnections");
    for uri in [connections, format!("/api/v1/namespaces/{NAMESPACE}/secrets")] {
        send(&stage.client, "DELETE", &uri, JSON, String::new()).await?;
    }
    Ok(())
}
