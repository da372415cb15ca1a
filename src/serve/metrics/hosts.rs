//! The hosts: what waits for each, what is spent of its budgets, and what keeps it from being asked.

use std::fmt;

use jiff::Timestamp;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeGaugeValue},
    metrics::MetricType,
};

use super::gauge;
use crate::{
    domain::probing::{Urgency, admission::HostState},
    prober::Prober,
};

/// Shows the hosts.
pub(super) struct Hosts(pub(super) Prober);

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hosts")
    }
}

impl Collector for Hosts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let now = Timestamp::now();
        let states = self.0.states(now);
        let states: Vec<_> = states.iter().map(|(name, state)| (&**name, state)).collect();
        queue(&states, now, &mut encoder)?;
        let mut of =
            |name, help, value: fn(&HostState) -> f64| of_each(&states, &mut encoder, name, help, value);
        of("github_pat_host_questions_in_flight", "Questions that are on their way", |state| {
            count(state.asking)
        })?;
        of("github_pat_host_points", "Points that may be spent at once; a request costs one", |state| {
            state.points.into()
        })?;
        of("github_pat_host_points_used", "Points that are spent and have not come back", |state| {
            state.points_spent.into()
        })?;
        of("github_pat_host_points_left", "Points that may be spent now", |state| {
            state.points.saturating_sub(state.points_spent).into()
        })?;
        of(
            "github_pat_host_accounts_limited",
            "Accounts that are not asked for, since GitHub's hourly limit for them is spent",
            |state| count(state.accounts_blocked),
        )?;
        of("github_pat_host_failed_logins", "Logins that failed within the last hour", |state| {
            count(state.failed_logins)
        })?;
        of(
            "github_pat_host_failed_logins_limit",
            "Failed logins that the settings allow in an hour",
            |state| state.failed_logins_limit.into(),
        )?;
        of(
            "github_pat_host_refuses_many",
            "1 while the host refuses tokens that it accepted before, which is not believed",
            |state| f64::from(u8::from(state.incident)),
        )?;
        of(
            "github_pat_host_clock_offset_seconds",
            "How much the clock of the host is ahead of ours",
            |state| state.clock_offset.as_secs_f64(),
        )?;
        let help = "1 while the host gives no answers and one question at a time is asked, with what the last one brought";
        let mut family = gauge(&mut encoder, "github_pat_host_breaker_open", help)?;
        for (host, state) in &states {
            let labels = [("host", *host), ("reason", state.breaker.map_or("", |reason| reason.as_str()))];
            family.encode_family(&labels)?.encode_gauge(&u32::from(state.breaker.is_some()))?;
        }
        let help = "Answers whose date was far from what was expected and was not used";
        let mut family =
            encoder.encode_descriptor("github_pat_host_clock_outliers", help, None, MetricType::Counter)?;
        for (host, state) in &states {
            let labels = [("host", *host)];
            let mut counter = family.encode_family(&labels)?;
            counter.encode_counter::<[(&str, &str); 0], _, f64>(&state.clock_outliers, None)?;
        }
        Ok(())
    }
}

/// What waits, by urgency.
fn queue(states: &[(&str, &HostState)], now: Timestamp, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let waiting = || {
        states.iter().flat_map(|(host, state)| {
            let by_urgency = Urgency::ALL.into_iter().zip(state.waiting);
            by_urgency.map(|(urgency, waiting)| ([("host", *host), ("urgency", urgency.as_str())], waiting))
        })
    };
    let help = "Questions that wait to be asked, by urgency";
    let mut family = gauge(encoder, "github_pat_queue_depth", help)?;
    for (labels, (number, _)) in waiting() {
        family.encode_family(&labels)?.encode_gauge(&number)?;
    }
    let help = "For how long the oldest question that waits has done so; 0 if none waits";
    let mut family = gauge(encoder, "github_pat_queue_oldest_seconds", help)?;
    for (labels, (_, since)) in waiting() {
        let age = since.map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0));
        family.encode_family(&labels)?.encode_gauge(&age)?;
    }
    Ok(())
}

fn of_each<V: EncodeGaugeValue>(
    states: &[(&str, &HostState)],
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: impl Fn(&HostState) -> V,
) -> fmt::Result {
    let mut family = gauge(encoder, name, help)?;
    for (host, state) in states {
        family.encode_family(&[("host", *host)])?.encode_gauge(&value(state))?;
    }
    Ok(())
}

fn count(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap_or(u32::MAX))
}
