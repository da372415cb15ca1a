//! What a scrape of `/metrics` costs an operator that knows many connections.

use crate::{Failed, goals, operator::Operator, process, report::Figures};

/// CPU time is counted in ticks of 10 ms, so that several scrapes share them.
const SCRAPES: u32 = 20;
const MIB: f64 = 1024.0 * 1024.0;

/// Scrapes again and again, and adds what one costs.
pub(crate) async fn add(operator: &Operator, figures: &mut Figures) -> Result<(), Failed> {
    let (id, before) = (operator.id().to_string(), process::resident(operator.id())?);
    let used = process::cpu_seconds(&id)?;
    let mut size = 0;
    for _ in 0..SCRAPES {
        size = operator.metrics().await?.len();
    }
    let used = process::cpu_seconds(&id)? - used;
    figures.add_with_goal("scrape: CPU of the operator", used / f64::from(SCRAPES), "s", goals::SCRAPE_CPU);
    figures.add_with_goal("scrape: size of the answer", size as f64 / MIB, "MiB", goals::SCRAPE);
    let grown = (process::resident(operator.id())? - before).max(0.0);
    figures.add_with_goal("scrape: memory that it added", grown, "MiB", goals::SCRAPE);
    Ok(())
}
