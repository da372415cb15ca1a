//! What a write of the status costs the API server: PUT, apply and merge patch of the same bytes.

use std::time::Duration;

use clap::ValueEnum;

use crate::{
    Failed, Options,
    bare::{Manner, Sample, timed},
    cold,
    load::{Created, Load},
    report::{Figures, Report, progress},
    stage::{Audit, BARE_NAMESPACE, NAMESPACE, Stage},
};

/// How often each manner has its turn, each time at another place in the round. The median counts, so that neither a collection
/// of garbage nor another program decides.
const ROUNDS: u32 = 5;
/// Connections in a turn: some hundred ticks of CPU time, of which one is 10 ms.
const TURN: u32 = 400;
/// For what the turn before left to do.
const BETWEEN_TURNS: Duration = Duration::from_secs(1);
const MILLISECONDS: f64 = 1000.0;

/// What a turn has cost.
#[derive(Clone, Copy, Debug)]
struct Cost {
    seconds: f64,
    api_server: f64,
    etcd: f64,
    /// Cores that other programs kept busy meanwhile.
    others: f64,
}

/// The turns of one manner: the first status of each connection, and then one in its place that differs a little.
struct Costs {
    manner: Manner,
    first: Vec<Cost>,
    next: Vec<Cost>,
}

pub(crate) async fn run(options: &Options, report: &mut Report) -> Result<(), Failed> {
    let stage = Stage::set(options, Audit::None).await?;
    let sample = sample(&stage).await?;
    let changed = sample.changed();
    let new = |manner: &Manner| Costs { manner: *manner, first: Vec::new(), next: Vec::new() };
    let mut costs: Vec<Costs> = Manner::value_variants().iter().map(new).collect();
    for round in 0..=ROUNDS {
        progress(&format!("round {round} of {ROUNDS}; 0 warms the API server up and is not counted"));
        for Costs { manner, first, next } in &mut costs {
            let prefix = format!("{}{round}", manner.letters());
            let load = Load { namespace: BARE_NAMESPACE, prefix: &prefix, ..Load::of(TURN) };
            let connections = load.connections(&stage).await?;
            let (cost, written) = turn(&stage, &sample, &connections, *manner).await?;
            let (cost_of_next, _) = turn(&stage, &changed, &written, *manner).await?;
            if round > 0 {
                first.push(cost);
                next.push(cost_of_next);
            }
        }
        costs.rotate_left(1);
    }
    stage.linger().await;
    report.print(&figures(&costs, sample.status_bytes()))
}

fn figures(costs: &[Costs], bytes: usize) -> Figures {
    let about =
        format!("a status of {bytes} bytes, the median of {ROUNDS} turns of {TURN} writes; no audit log");
    let mut figures = Figures::new("status-write", about);
    let writes = f64::from(TURN);
    for Costs { manner, first, next } in costs {
        for (which, turns) in [("first", first), ("next", next)] {
            let what = format!("{}, {which} status", manner.name());
            let each = |field: fn(&Cost) -> f64| median(turns, field) * MILLISECONDS / writes;
            figures.add(format!("{what}: CPU of API server"), each(|cost| cost.api_server), "ms a write");
            figures.add(format!("{what}: CPU of etcd"), each(|cost| cost.etcd), "ms a write");
            figures.add(format!("{what}: rate"), writes / median(turns, |cost| cost.seconds), "/s");
        }
    }
    let others = costs.iter().flat_map(|costs| costs.first.iter().chain(&costs.next));
    let others = others.map(|cost| cost.others).fold(0.0, f64::max);
    figures.add("cores busy with other programs, at most", others, "");
    figures
}

fn median(turns: &[Cost], field: fn(&Cost) -> f64) -> f64 {
    let mut values: Vec<f64> = turns.iter().map(field).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A status that the operator itself has written.
async fn sample(stage: &Stage) -> Result<Sample, Failed> {
    let load = Load { prefix: "one", ..Load::of(1) };
    load.create(stage).await?;
    let operator = stage.operator()?;
    stage.ready.all(NAMESPACE, 1, cold::deadline(1)).await?;
    operator.stop().await?;
    Sample::read(&stage.client, NAMESPACE, &load.name(0), None).await
}

async fn turn(
    stage: &Stage,
    sample: &Sample,
    connections: &[Created],
    manner: Manner,
) -> Result<(Cost, Vec<Created>), Failed> {
    tokio::time::sleep(BETWEEN_TURNS).await;
    let before = stage.cpu(None)?;
    let write = |connection| sample.write_status(&stage.client, connection, manner);
    let (seconds, written) = timed(connections, write).await?;
    let used = stage.cpu(None)?.since(before);
    let others = used.cores_of_others();
    Ok((Cost { seconds, api_server: used.api_server, etcd: used.etcd, others }, written))
}
