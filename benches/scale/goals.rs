//! What the figures shall be, on two cores.

use std::fmt;

/// A bound of a figure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

/// Connections that become Ready in a second.
pub(crate) const RATE: Goal = Goal::AtLeast(200.0);
/// The same as a share of what a bare client reaches.
pub(crate) const SHARE_OF_BARE: Goal = Goal::AtLeast(0.7);
/// CPU seconds of the operator for 1,000 new connections.
pub(crate) const OPERATOR_CPU: Goal = Goal::AtMost(0.7);
/// CPU seconds of kube-apiserver and etcd for 1,000 new connections.
pub(crate) const CLUSTER_CPU: Goal = Goal::AtMost(8.0);
/// Writes for a new connection: its output, and its status.
pub(crate) const WRITES: Goal = Goal::AtMost(2.0);
/// Reads for a new connection, and for a due question: the source.
pub(crate) const READS: Goal = Goal::AtMost(1.0);
/// Questions for a new connection. Of ten thousand tokens a few reach a due instant of theirs while the section runs.
pub(crate) const QUESTIONS: Goal = Goal::AtMost(1.005);
/// What must not happen.
pub(crate) const NONE: Goal = Goal::AtMost(0.0);
/// Seconds until a new connection is Ready while another host stalls.
pub(crate) const BESIDE_A_STALLED_HOST: Goal = Goal::AtMost(1.0);

/// Resident memory after many connections came and went, as a multiple of what it was before.
pub(crate) const AFTER_CHURN: Goal = Goal::AtMost(1.2);

/// CPU seconds of one scrape of 10,000 connections.
pub(crate) const SCRAPE_CPU: Goal = Goal::AtMost(0.2);
/// MiB of its answer, and of memory that it takes.
pub(crate) const SCRAPE: Goal = Goal::AtMost(4.0);

/// MiB of resident memory at the peak.
pub(crate) fn peak(connections: u32) -> Goal {
    Goal::AtMost(if connections <= 1000 { 20.0 } else { 32.0 })
}

/// Seconds until a connection that is created right after a restart is Ready.
pub(crate) fn after_a_restart(connections: u32) -> Goal {
    Goal::AtMost(if connections <= 1000 { 0.3 } else { 1.5 })
}

impl Goal {
    pub(crate) fn is_met(self, value: f64) -> bool {
        match self {
            Goal::AtLeast(bound) => value >= bound,
            Goal::AtMost(bound) => value <= bound,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, bound) = match self {
            Goal::AtLeast(bound) => (">=", bound),
            Goal::AtMost(bound) => ("<=", bound),
        };
        formatter.pad(&format!("{sign} {bound}"))
    }
}
