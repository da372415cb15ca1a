//! A new connection on a healthy host while many others wait for a host that accepts and never answers.

use std::time::{Duration, Instant};

use github_simulator::Outage;

use crate::{
    Failed, Options,
    goals::BESIDE_A_STALLED_HOST,
    load::Load,
    report::{Figures, Report, progress},
    stage::{Audit, NAMESPACE, STALLED_HOST, Stage},
};

/// Twenty times as many as the operator works on at once by default.
const WAITING: u32 = 320;
/// In this time the operator has begun to ask about as many of them as it can.
const BEGUN: Duration = Duration::from_secs(5);
/// New connections one after another, the slowest of which is told.
const PROBES: u32 = 3;
/// After one that took longer than this, no other is needed.
const ENOUGH: Duration = Duration::from_secs(10);
/// Who waits for longer has seen enough.
const DEADLINE: Duration = Duration::from_secs(120);

pub(crate) async fn run(options: &Options, report: &mut Report) -> Result<(), Failed> {
    let stage = Stage::set(options, Audit::None).await?;
    stage.stalled.outage(Some(Outage::Stall));
    progress(&format!("creating {WAITING} connections on a host that never answers"));
    let waiting = Load { host: STALLED_HOST, prefix: "wait", ..Load::of(WAITING) };
    waiting.create(&stage).await?;
    let mut operator = stage.operator()?;
    operator.ready().await?;
    tokio::time::sleep(BEGUN).await;

    let mut slowest = Duration::ZERO;
    for number in 0..PROBES {
        let prefix = format!("new{number}");
        let new = Load { prefix: &prefix, ..Load::of(1) };
        new.secrets(&stage).await?;
        let begin = Instant::now();
        new.connections(&stage).await?;
        let ready = stage.ready.one(NAMESPACE, &new.name(0), DEADLINE).await;
        let took = ready.map_or(DEADLINE, |ready| ready.duration_since(begin));
        slowest = slowest.max(took);
        progress(&format!("new connection {number}: Ready after {took:.2?}"));
        if took > ENOUGH {
            break;
        }
    }
    stage.linger().await;
    operator.stop().await?;
    let about = format!(
        "{WAITING} connections wait for a host that never answers; up to {PROBES} new ones on another, {DEADLINE:?} at most"
    );
    let mut figures = Figures::new("stalled", about);
    figures.add_with_goal("slowest new connection Ready", slowest.as_secs_f64(), "s", BESIDE_A_STALLED_HOST);
    report.print(&figures)
}
