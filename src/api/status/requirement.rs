//! What a status says of the demands that GitHub is asked about.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::time;
use crate::domain::{
    Finding,
    proof::{Facts, Lifetime, Role, Visibility},
    requirement::{Kind, Line, Packed, PackedPermissions, State},
};

/// One demand that GitHub is asked about, and what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequirementStatus {
    /// What is demanded.
    pub kind: Kind,
    /// Of what, as in acme/app or contents: write.
    pub name: String,
    /// Whether it is met; Unproven if no request that only reads can tell.
    pub state: State,
    /// Why, in one word for machines; docs/reasons.md explains each.
    pub reason: String,
    /// On which repository or organization a permission was proven. If several are demanded, the first that says otherwise; absent if
    /// it was proven on each of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// Who sees the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// Set if the repository is archived.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub archived: bool,
    /// The name that the repository has now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    /// The role that the account has in a repository to which it must push, whatever the token may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The longest lifetime in days that the policy of the organization allows, if GitHub named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_days: Option<i32>,
    /// GitHub's answer if its cause is not known: the status, and the id of the request for GitHub's support. The first one stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// GitHub said so at this instant or later; refreshed like checkedAt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

impl From<&Line> for RequirementStatus {
    fn from(line: &Line) -> Self {
        RequirementStatus {
            kind: line.kind,
            name: line.name.clone(),
            state: line.state,
            reason: line.finding.reason.as_str().to_owned(),
            on: line.on.clone().filter(|on| !on.is_empty()),
            visibility: line.facts.visibility,
            archived: line.facts.archived,
            moved_to: line.facts.moved_to.as_deref().map(str::to_owned),
            role: line.facts.role,
            longest_days: line.lifetime.days.map(i32::from),
            answer: line.answer.map(|answer| answer.to_string()),
            at: line.at.map(time),
        }
    }
}

impl RequirementStatus {
    /// The line that it was made of, without its sentence; `None` if a later version wrote it.
    pub(crate) fn line(&self) -> Option<Line> {
        Some(Line {
            kind: self.kind,
            name: self.name.clone(),
            on: Some(self.on.clone().unwrap_or_default()),
            each: Vec::new(),
            state: self.state,
            finding: Finding::new(self.reason.parse().ok()?, String::new()),
            facts: Facts {
                visibility: self.visibility,
                archived: self.archived,
                moved_to: self.moved_to.as_deref().map(Into::into),
                role: self.role,
            },
            lifetime: Lifetime { days: self.longest_days.and_then(|days| days.try_into().ok()), token: None },
            answer: self.answer.as_deref().and_then(|answer| answer.parse().ok()),
            at: self.at.as_ref().map(|at| at.0),
        })
    }
}

/// Demands without a line of their own, and what is known of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FurtherRequirements {
    /// How many there are.
    pub count: i32,
    /// How many of them are not met.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_met: i32,
    /// On which other repositories, organizations or accounts than those of the spec permissions were proven.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4), extend("x-kubernetes-list-type" = "atomic"))]
    pub on: Vec<String>,
    /// What GitHub showed, in a form that only the operator reads.
    pub proofs: String,
    /// When GitHub said so, in the same form.
    pub at: String,
}

impl FurtherRequirements {
    /// What is known of them.
    pub fn packed(&self) -> Packed {
        Packed::read(&self.proofs, &self.at)
    }
}

/// What is known of permissions that are demanded on several repositories or organizations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PermissionProofs {
    /// What GitHub showed, in a form that only the operator reads.
    pub proofs: String,
    /// When GitHub said so, in the same form.
    pub at: String,
}

impl PermissionProofs {
    /// What these lines rest on; `None` if each rests on one thing.
    pub(crate) fn of(lines: &[Line]) -> Option<PermissionProofs> {
        let packed: PackedPermissions = lines.iter().flat_map(|line| &line.each).collect();
        let (proofs, at) = packed.texts();
        (!packed.is_empty()).then_some(PermissionProofs { proofs, at })
    }

    /// What is known of them.
    pub fn packed(&self) -> PackedPermissions {
        PackedPermissions::read(&self.proofs, &self.at)
    }
}

fn is_zero(number: &i32) -> bool {
    *number == 0
}
