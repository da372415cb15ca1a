//! What a status that is written anew needs of the one before it: transitions, the token and the outputs, without the sentences.

use jiff::Timestamp;

use super::{
    CandidateStatus, ConditionStatus, ConsumersStatus, DeferralStatus, FurtherRequirements,
    GithubPatConnectionStatus as Status, OutputStatus, PermissionProofs, ReadyChange, RequirementStatus,
    RotationStatus, TokenStatus, WithdrawnOutput,
    digest::sum_with_transitions,
    status::{ALL_TYPES, Purposes, knowledge},
};
use crate::domain::{Reason, knowledge::Knowledge, requirement::Requirement};

/// A status as it stands in the cluster, without its sentences.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusSummary {
    /// Equal for two statuses that say the same, instants of checks aside.
    sum: u64,
    /// The generation that it speaks of.
    pub observed_generation: Option<i64>,
    /// Of each condition of ours.
    transitions: Box<[Transition]>,
    /// The token that was last seen in the Secret.
    pub token: Option<Box<TokenStatus>>,
    /// The demands that GitHub is asked about.
    pub requirements: Box<[RequirementStatus]>,
    /// Those that have no line of their own.
    pub further_requirements: Option<Box<FurtherRequirements>>,
    /// What is known of permissions on each of several.
    pub permission_proofs: Option<Box<PermissionProofs>>,
    /// The Secrets that the token may come from.
    pub candidates: Box<[CandidateStatus]>,
    /// The last change of the token in use.
    pub rotation: Option<Box<RotationStatus>>,
    /// The outputs that stood.
    pub outputs: Box<[OutputStatus]>,
    /// What others had put on outputs that are gone.
    pub withdrawn_outputs: Box<[WithdrawnOutput]>,
    /// The objects that name an output.
    pub consumers: Option<Box<ConsumersStatus>>,
    /// The deferral, if one held.
    pub deferral: Option<Box<DeferralStatus>>,
    /// The last changes of Ready.
    pub history: Box<[ReadyChange]>,
    /// When the token was to be asked about at the latest.
    pub next_check_at: Option<Timestamp>,
    /// The request that was last acted on.
    pub last_handled_request: Option<Box<str>>,
}

/// The part of a condition that the next one needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    type_: u8,
    /// Whether it held.
    pub status: ConditionStatus,
    /// Why, if this version knows the reason.
    pub reason: Option<Reason>,
    /// When the status last changed, in seconds.
    at: i64,
}

impl Transition {
    /// When the status last changed; `None` if it was never judged, which the schema's default says by the epoch.
    pub fn at(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.at).ok().filter(|at| *at > Timestamp::UNIX_EPOCH)
    }
}

impl From<Status> for StatusSummary {
    fn from(status: Status) -> Self {
        let sum = sum_with_transitions(&status);
        let transitions = status.conditions.iter().filter_map(|condition| {
            let type_ = ALL_TYPES.into_iter().position(|type_| type_ == condition.type_)?;
            Some(Transition {
                type_: u8::try_from(type_).ok()?,
                status: condition.status,
                reason: condition.reason.parse().ok(),
                at: condition.last_transition_time.0.as_second(),
            })
        });
        StatusSummary {
            sum,
            observed_generation: status.observed_generation,
            transitions: transitions.collect(),
            token: status.token.map(Box::new),
            requirements: status.requirements.into(),
            further_requirements: status.further_requirements.map(Box::new),
            permission_proofs: status.permission_proofs.map(Box::new),
            candidates: status.candidates.into(),
            rotation: status.rotation.map(Box::new),
            outputs: status.outputs.into(),
            withdrawn_outputs: status.withdrawn_outputs.into(),
            consumers: status.consumers.map(Box::new),
            deferral: status.deferral.map(Box::new),
            history: status.history.into(),
            next_check_at: status.next_check_at.map(|at| at.0),
            last_handled_request: status.last_handled_request.map(Into::into),
        }
    }
}

impl StatusSummary {
    /// True if that status says the same, apart from `checkedAt` and `nextCheckAt`.
    pub fn says_the_same(&self, status: &Status) -> bool {
        self.sum == sum_with_transitions(status)
    }

    /// What it makes credible of its own token, but for its purposes. A refusal that an acceptance came after is void.
    pub fn knowledge(&self) -> Knowledge {
        let token = self.token.as_deref();
        token.map_or_else(Knowledge::default, |of| {
            let subject = (of.hashed_token, &*of.host);
            let (deferral, purposes) = (self.deferral.as_deref(), Purposes::default());
            knowledge(token, deferral, purposes, subject, &Requirement::default())
        })
    }

    /// The condition of this type.
    pub fn condition(&self, type_: &str) -> Option<&Transition> {
        self.transitions
            .iter()
            .find(|known| ALL_TYPES.into_iter().nth(usize::from(known.type_)) == Some(type_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Condition, time};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn status(message: &str) -> Status {
        let condition = Condition {
            type_: "Ready".to_owned(),
            status: ConditionStatus::True,
            reason: "Ready".to_owned(),
            message: message.to_owned(),
            last_transition_time: time(at(77)),
            observed_generation: Some(1),
        };
        Status { observed_generation: Some(1), conditions: vec![condition], ..Status::default() }
    }

    #[test]
    fn a_summary_knows_its_status_again_and_no_other() {
        let summary = StatusSummary::from(status("good"));
        assert!(summary.says_the_same(&status("good")) && !summary.says_the_same(&status("bad")));
        let later = Status { next_check_at: Some(time(at(99))), ..status("good") };
        assert!(summary.says_the_same(&later), "nextCheckAt is written with other changes only");
        let ready = summary.condition("Ready").unwrap();
        assert_eq!(
            (ready.status, ready.reason, ready.at()),
            (ConditionStatus::True, Some(Reason::Ready), Some(at(77)))
        );
        assert_eq!(summary.condition("Published"), None);
    }
}
