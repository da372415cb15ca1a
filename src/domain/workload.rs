//! The workloads that are restarted once a new token is published, and how far their roll-out is.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{consumer::Consumers, format::OBJECT_NAME};

/// The kind of a workload, as Kubernetes names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum WorkloadKind {
    /// A Deployment of `apps/v1`.
    Deployment,
    /// A StatefulSet of `apps/v1`.
    StatefulSet,
    /// A DaemonSet of `apps/v1`.
    DaemonSet,
}

impl WorkloadKind {
    /// The word in the spec.
    pub const fn as_str(self) -> &'static str {
        match self {
            WorkloadKind::Deployment => "Deployment",
            WorkloadKind::StatefulSet => "StatefulSet",
            WorkloadKind::DaemonSet => "DaemonSet",
        }
    }

    /// The resource in the path of a request.
    pub const fn plural(self) -> &'static str {
        match self {
            WorkloadKind::Deployment => "deployments",
            WorkloadKind::StatefulSet => "statefulsets",
            WorkloadKind::DaemonSet => "daemonsets",
        }
    }
}

/// A workload in the namespace of the connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct Workload {
    /// The kind: Deployment, StatefulSet or DaemonSet.
    pub kind: WorkloadKind,
    /// The name.
    #[schemars(length(max = 253), extend("x-kubernetes-validations" = [{
        "rule": OBJECT_NAME,
        "message": "name must be that of a workload: lower case letters, digits, dots and hyphens",
    }]))]
    pub name: String,
}

impl std::fmt::Display for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)
    }
}

/// What a workload says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollOut {
    /// The value of our annotation in its pod template: the [`mark`] of the token that it was restarted for last.
    pub restarted_for: Option<String>,
    /// A Deployment that is paused, or whose Pods are replaced by hand only (`OnDelete`).
    pub halt: Option<Halt>,
    /// Its controller has seen the pod template as it is now.
    pub is_observed: bool,
    /// How many Pods it wants.
    pub wanted: i64,
    /// How many of them a roll-out replaces: a StatefulSet keeps those below its `partition`.
    pub replaced: i64,
    /// How many Pods it has, old ones included.
    pub total: i64,
    /// How many of them are of the present pod template.
    pub updated: i64,
    /// How many of them serve.
    pub available: i64,
}

/// Why a change of the pod template replaces no Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// `spec.paused` of a Deployment.
    Paused,
    /// `spec.updateStrategy.type: OnDelete` of a StatefulSet or DaemonSet.
    OnDelete,
}

/// Where the restart of one workload is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Restart {
    /// There is no such workload, so that nobody waits for it.
    Missing,
    /// It waits: a paused workload is not touched.
    Paused,
    /// Its pod template is to be annotated.
    Due,
    /// It was restarted, and somebody has taken the mark off its pod template: it is done once more after a pause.
    Unmarked,
    /// Its Pods are being replaced: so many of the wanted ones are new.
    Rolling(i64, i64),
    /// Its new Pods are there, and more is awaited.
    Settling {
        /// Whether as many Pods serve as are wanted.
        is_serving: bool,
        /// How many Pods more there are than are wanted.
        surplus: i64,
    },
    /// Its Pods must be deleted by hand: so many of the wanted ones are new.
    ByHand(i64, i64),
    /// The API server does not let the operator: why, and what to do about it.
    Refused(String),
    /// Every Pod is new but so many, which a StatefulSet keeps below its `partition`.
    Kept(i64),
    /// Every Pod is new.
    Done,
}

/// What is noted of a restart: the hash of the token, and after a blank when the rotation to it began, or when outputs had to be written
/// anew in it. Pods may have started with another token since an earlier rotation to the same one.
pub fn mark(hash: &str, begun: Timestamp) -> String {
    format!("{hash} {begun}")
}

/// Where the restart is of which this is noted.
///
/// A roll-out has ended when `kubectl rollout status` would say so:
/// <https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#complete-deployment>.
pub fn restart(workload: Option<&RollOut>, mark: &str) -> Restart {
    let Some(workload) = workload else { return Restart::Missing };
    if workload.restarted_for.as_deref() != Some(mark) {
        return if workload.halt == Some(Halt::Paused) { Restart::Paused } else { Restart::Due };
    }
    let RollOut { wanted, replaced, total, updated, available, .. } = *workload;
    // Before its controller has seen the annotation, it counts Pods of the template before.
    let updated = if workload.is_observed { updated } else { 0 };
    let are_there = workload.is_observed && updated >= replaced;
    let is_done = are_there && available >= wanted && total <= wanted;
    match workload.halt {
        _ if is_done && updated < wanted => Restart::Kept(wanted.saturating_sub(updated)),
        _ if is_done => Restart::Done,
        Some(Halt::Paused) => Restart::Paused,
        _ if are_there => Restart::Settling {
            is_serving: available >= wanted,
            surplus: total.saturating_sub(wanted).max(0),
        },
        Some(Halt::OnDelete) => Restart::ByHand(updated, replaced),
        None => Restart::Rolling(updated, replaced),
    }
}

/// What was seen and done once every output held the token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Following {
    /// Where the restart of each workload is, in the order of the spec.
    pub restarts: Vec<(Workload, Restart)>,
    /// When every output held the token, if a rotation waits for these.
    pub published: Option<Timestamp>,
    /// What names the outputs, if that was listed.
    pub consumers: Option<Consumers>,
    /// Why it could not be listed.
    pub unlisted: Option<String>,
}

impl Following {
    /// The workloads that are waited for, as a person reads it; `None` if there are none.
    pub fn awaited(&self) -> Option<String> {
        let awaited: Vec<_> = self.restarts.iter().filter(|(_, restart)| !restart.is_over()).collect();
        let said = awaited.iter().map(|(workload, restart)| format!("{workload} {restart}"));
        (!awaited.is_empty()).then(|| said.collect::<Vec<_>>().join(", "))
    }

    /// The workloads that keep Pods below a partition, each as a person reads it.
    pub fn kept(&self) -> Vec<String> {
        let kept = self.restarts.iter().filter(|(_, restart)| matches!(restart, Restart::Kept(_)));
        kept.map(|(workload, restart)| format!("{workload} {restart}")).collect()
    }

    /// The workloads that there are not, each as a person reads it.
    pub fn missing(&self) -> Vec<String> {
        let missing = self.restarts.iter().filter(|(_, restart)| *restart == Restart::Missing);
        missing.map(|(workload, _)| workload.to_string()).collect()
    }
}

impl std::fmt::Display for Restart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Restart::Missing => f.write_str("(not there)"),
            Restart::Paused => f.write_str("(paused: resume it)"),
            Restart::Due => f.write_str("(not restarted yet)"),
            Restart::Unmarked => f.write_str(
                "(restarted, but somebody took restart.githubpat.dev/… off its pod template: have them leave it)",
            ),
            Restart::Rolling(new, wanted) => write!(f, "({new} of {wanted} Pods are new)"),
            Restart::Settling { is_serving, surplus } => {
                let serving = (!is_serving).then(|| "not enough Pods are available".to_owned());
                let going = (*surplus > 0).then(|| format!("{surplus} of the others have still to go"));
                let awaited: Vec<_> = serving.into_iter().chain(going).collect();
                write!(f, "(its new Pods are there: {})", awaited.join(", "))
            }
            Restart::ByHand(new, wanted) => {
                write!(
                    f,
                    "({new} of {wanted} Pods are new: delete the others, since its strategy is OnDelete)"
                )
            }
            Restart::Refused(why) => write!(f, "({why})"),
            Restart::Kept(old) => write!(f, "({old} Pods below its partition are not replaced)"),
            Restart::Done => f.write_str("(restarted)"),
        }
    }
}

impl Restart {
    /// True if nobody waits for it any more.
    pub fn is_over(&self) -> bool {
        matches!(self, Restart::Missing | Restart::Kept(_) | Restart::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rolled_out() -> RollOut {
        RollOut {
            restarted_for: Some("new".to_owned()),
            halt: None,
            is_observed: true,
            wanted: 3,
            replaced: 3,
            total: 3,
            updated: 3,
            available: 3,
        }
    }

    #[test]
    fn a_restart_is_over_when_every_pod_is_new_and_serves() {
        let old = || RollOut { restarted_for: Some("old".to_owned()), ..rolled_out() };
        let rows = [
            ("no workload", None, Restart::Missing),
            ("never restarted", Some(RollOut { restarted_for: None, ..rolled_out() }), Restart::Due),
            ("restarted for the token before", Some(old()), Restart::Due),
            ("paused before", Some(RollOut { halt: Some(Halt::Paused), ..old() }), Restart::Paused),
            ("by hand, not annotated", Some(RollOut { halt: Some(Halt::OnDelete), ..old() }), Restart::Due),
            ("not observed", Some(RollOut { is_observed: false, ..rolled_out() }), Restart::Rolling(0, 3)),
            ("half way", Some(RollOut { updated: 1, total: 4, ..rolled_out() }), Restart::Rolling(1, 3)),
            (
                "old ones left",
                Some(RollOut { total: 4, ..rolled_out() }),
                Restart::Settling { is_serving: true, surplus: 1 },
            ),
            (
                "not serving",
                Some(RollOut { available: 2, ..rolled_out() }),
                Restart::Settling { is_serving: false, surplus: 0 },
            ),
            (
                "paused half way",
                Some(RollOut { updated: 1, halt: Some(Halt::Paused), ..rolled_out() }),
                Restart::Paused,
            ),
            (
                "by hand, half way",
                Some(RollOut { updated: 1, halt: Some(Halt::OnDelete), ..rolled_out() }),
                Restart::ByHand(1, 3),
            ),
            ("done", Some(rolled_out()), Restart::Done),
            ("a partition", Some(RollOut { replaced: 1, updated: 1, ..rolled_out() }), Restart::Kept(2)),
            ("a partition, and all are new", Some(RollOut { replaced: 1, ..rolled_out() }), Restart::Done),
            (
                "scaled to nothing",
                Some(RollOut { wanted: 0, replaced: 0, total: 0, updated: 0, available: 0, ..rolled_out() }),
                Restart::Done,
            ),
        ];
        for (name, workload, expected) in rows {
            assert_eq!(restart(workload.as_ref(), "new"), expected, "{name}");
        }
    }

    #[test]
    fn a_restart_that_is_not_over_says_what_is_awaited() {
        let one = || RollOut { wanted: 1, replaced: 1, total: 1, updated: 1, available: 1, ..rolled_out() };
        let kept = || RollOut { replaced: 1, updated: 1, ..rolled_out() };
        let rows = [
            ("not observed", RollOut { is_observed: false, ..one() }, "(0 of 1 Pods are new)"),
            ("not begun", RollOut { updated: 0, ..one() }, "(0 of 1 Pods are new)"),
            (
                "the new one does not serve",
                RollOut { available: 0, ..one() },
                "(its new Pods are there: not enough Pods are available)",
            ),
            (
                "the old one does not go",
                RollOut { total: 2, available: 2, ..one() },
                "(its new Pods are there: 1 of the others have still to go)",
            ),
            (
                "the old one stays until the new one serves",
                RollOut { total: 2, ..one() },
                "(its new Pods are there: 1 of the others have still to go)",
            ),
            (
                "above a partition, the new one does not serve",
                RollOut { available: 2, ..kept() },
                "(its new Pods are there: not enough Pods are available)",
            ),
            (
                "by hand, and the new ones do not serve",
                RollOut { halt: Some(Halt::OnDelete), available: 1, ..rolled_out() },
                "(its new Pods are there: not enough Pods are available)",
            ),
        ];
        for (name, workload, expected) in rows {
            assert_eq!(restart(Some(&workload), "new").to_string(), expected, "{name}");
        }
    }

    #[test]
    fn a_restart_for_the_same_token_in_an_earlier_rotation_does_not_count() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let rows = [
            ("in this rotation", mark("new", at(60)), Restart::Done),
            ("in an earlier one, or before outputs were written anew", mark("new", at(30)), Restart::Due),
            ("another token", mark("old", at(60)), Restart::Due),
        ];
        for (name, noted, expected) in rows {
            let workload = RollOut { restarted_for: Some(noted), ..rolled_out() };
            assert_eq!(restart(Some(&workload), &mark("new", at(60))), expected, "{name}");
            let paused = RollOut { halt: Some(Halt::Paused), ..workload };
            assert_ne!(restart(Some(&paused), &mark("new", at(30))), Restart::Due, "{name}, paused");
        }
    }
}
