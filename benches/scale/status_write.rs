//! What a write of the status costs the API server: PUT, apply and merge patch of the same bytes.

use clap::ValueEnum;

use crate::{
    Failed, Options,
    bare::{Manner, Sample, timed},
    cold,
    load::{Created, Load},
    report::{Figures, Report, progress},
    stage::{Audit, BARE_NAMESPACE, NAMESPACE, SETTLE, Stage},
};

/// How often each manner has its turn. They take turns, so that what the API server gathers meanwhile falls on all.
const ROUNDS: u32 = 3;
/// Connections in a turn: some hundred ticks of CPU time, of which one is 10 ms.
const TURN: u32 = 400;
const MILLISECONDS: f64 = 1000.0;

/// What one kind of write has cost in all turns.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    writes: f64,
    seconds: f64,
    api_server: f64,
    etcd: f64,
    /// Cores that other programs kept busy meanwhile.
    others: f64,
}

/// The first status of a connection, and the same once more with one condition changed.
#[derive(Clone, Copy, Debug, Default)]
struct Costs {
    first: Cost,
    next: Cost,
}

pub(crate) async fn run(options: &Options, report: &mut Report) -> Result<(), Failed> {
    let stage = Stage::set(options, Audit::None).await?;
    let sample = sample(&stage).await?;
    let changed = sample.changed();
    let mut others: f64 = 0.0;
    let mut costs: Vec<(Manner, Costs)> =
        Manner::value_variants().iter().map(|manner| (*manner, Costs::default())).collect();
    for round in 0..=ROUNDS {
        progress(&format!("round {round} of {ROUNDS}; 0 warms the API server up and is not counted"));
        for (manner, costs) in &mut costs {
            let prefix = format!("{}{round}", manner.letters());
            let load = Load { namespace: BARE_NAMESPACE, prefix: &prefix, ..Load::of(TURN) };
            let connections = load.connections(&stage).await?;
            let (first, written) = turn(&stage, &sample, &connections, *manner).await?;
            let (next, _) = turn(&stage, &changed, &written, *manner).await?;
            others = others.max(first.others).max(next.others);
            if round > 0 {
                costs.first.add(first);
                costs.next.add(next);
            }
        }
    }
    stage.linger().await;
    let bytes = sample.status_bytes();
    let about = format!("a status of {bytes} bytes, {} writes of each kind; no audit log", ROUNDS * TURN);
    let mut figures = Figures::new("status-write", about);
    for (manner, Costs { first, next }) in costs {
        for (which, cost) in [("first", first), ("next", next)] {
            let what = format!("{}, {which} status", manner.name());
            figures.add(format!("{what}: CPU of API server"), cost.each(cost.api_server), "ms a write");
            figures.add(format!("{what}: CPU of etcd"), cost.each(cost.etcd), "ms a write");
            figures.add(format!("{what}: rate"), cost.writes / cost.seconds, "/s");
        }
    }
    figures.add("cores busy with other programs, at most", others, "");
    report.print(&figures)
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
    tokio::time::sleep(SETTLE).await;
    let before = stage.cpu(None)?;
    let write = |connection| sample.write_status(&stage.client, connection, manner);
    let (seconds, written) = timed(connections, write).await?;
    let used = stage.cpu(None)?.since(before);
    let writes = f64::from(TURN);
    Ok((
        Cost {
            writes,
            seconds,
            api_server: used.api_server,
            etcd: used.etcd,
            others: used.cores_of_others(),
        },
        written,
    ))
}

impl Cost {
    fn add(&mut self, turn: Cost) {
        self.writes += turn.writes;
        self.seconds += turn.seconds;
        self.api_server += turn.api_server;
        self.etcd += turn.etcd;
    }

    fn each(self, seconds: f64) -> f64 {
        seconds * MILLISECONDS / self.writes
    }
}
