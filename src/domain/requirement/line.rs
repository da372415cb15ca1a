//! One line a demand that GitHub must be asked about: whether it is met, and why not.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{
    Finding, Reason, Verdict,
    knowledge::{Proofs, Proven},
    permission::{Level, Permission, Resource},
    probe::Probe,
    proof::{Denial, Facts, Lifetime, Proof},
    unexplained::Unexplained,
};

/// What is demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Kind {
    /// That an organization lets the token in, of which its account is a member.
    Organization,
    /// That the token sees a repository.
    Repository,
    /// That git takes a push to a repository.
    Push,
    /// That a fine-grained token has a permission.
    Permission,
    /// That a fine-grained token has no such permission.
    ForbiddenPermission,
    /// That the registry lets the token pull an image.
    Package,
}

/// Whether a demand is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum State {
    /// It is.
    Met,
    /// It is not.
    NotMet,
    /// No request that only reads can tell.
    Unproven,
    /// GitHub has not answered yet.
    Unknown,
}

impl State {
    /// What is told first is lowest.
    pub const fn rank(self) -> u8 {
        match self {
            State::NotMet => 0,
            State::Unknown => 1,
            State::Unproven => 2,
            State::Met => 3,
        }
    }
}

/// One demand, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What is demanded.
    pub kind: Kind,
    /// Of what: `acme`, `acme/app`, `contents: write`.
    pub name: String,
    /// On which repository or organization a permission was proven; of several the first that says otherwise, `None` if none does.
    pub on: Option<String>,
    /// What it rests on, if that is one permission on several.
    pub each: Vec<(Probe, Proven)>,
    /// Whether it is met.
    pub state: State,
    /// Why, and what to do.
    pub finding: Finding,
    /// What else GitHub told.
    pub facts: Facts,
    /// What a policy on lifetimes named, if one keeps the token out.
    pub lifetime: Lifetime,
    /// The answer of GitHub, if no cause is known.
    pub answer: Option<Unexplained>,
    /// When GitHub last said so.
    pub at: Option<Timestamp>,
}

impl Line {
    /// A line about which nothing is known yet.
    pub(super) fn new(kind: Kind, name: impl Into<String>) -> Self {
        let finding = Finding::new(Reason::ProofAwaited, "GitHub has not been asked about it yet");
        Line {
            kind,
            name: name.into(),
            on: None,
            each: Vec::new(),
            state: State::Unknown,
            finding,
            facts: Facts::default(),
            lifetime: Lifetime::default(),
            answer: None,
            at: None,
        }
    }

    pub(super) fn is(mut self, state: State, reason: Reason, message: impl Into<String>) -> Self {
        (self.state, self.finding) = (state, Finding::new(reason, message));
        let is_unexplained = matches!(
            reason,
            Reason::RoleOrFeature
                | Reason::PushRefused
                | Reason::UnexpectedAnswer
                | Reason::UnexplainedUnauthorized
        );
        self.answer = self.answer.filter(|_| is_unexplained);
        self.finding.message += &self.answer.map_or_else(String::new, Unexplained::told);
        self
    }

    pub(super) fn met(self) -> Self {
        self.is(State::Met, Reason::Proven, "proven")
    }

    /// With the instant and the facts of this proof.
    pub(super) fn by(mut self, proven: &Proven) -> Self {
        if let Some((proof, at)) = &proven.last {
            self.at = Some(self.at.map_or(*at, |before| before.min(*at)));
            if let Proof::Held(facts) = proof
                && *facts != Facts::default()
            {
                self.facts = facts.clone();
            }
            if let Proof::Denied(Denial::LifetimeForbidden(lifetime)) = proof {
                self.lifetime = *lifetime;
            }
            if let Proof::Denied(Denial::Undecided(answer)) = proof {
                self.answer = *answer;
            }
        }
        self
    }

    /// What keeps a proof from being known: it was not asked for, its first answer is to be confirmed, or there was no answer.
    pub(super) fn awaits(self, proven: Option<&Proven>) -> Self {
        let Some(proven) = proven else { return self };
        match (proven.deferred, proven.doubted) {
            (Some(deferred), _) => {
                let message = format!("since {}, {}", deferred.since, deferred.deferral.sentence());
                let line = Line { answer: deferred.deferral.answer, ..self };
                line.is(State::Unknown, deferred.deferral.reason, message)
            }
            (None, Some(_)) => {
                let message = "one answer of GitHub speaks against it, the next one decides";
                self.is(State::Unknown, Reason::ProofAwaited, message)
            }
            (None, None) => self,
        }
    }

    /// What is demanded, and of a permission on what.
    fn title(&self) -> String {
        match self.on.as_deref().filter(|on| !on.is_empty()) {
            Some(on) => format!("{} on {on}", self.name),
            None => self.name.clone(),
        }
    }

    /// For the whole: whether the demand holds. What cannot be proven holds, unless the connection refuses that.
    pub(super) fn verdict(&self) -> Verdict<()> {
        let what = match self.kind {
            Kind::Organization => "organization",
            Kind::Repository => "repository",
            Kind::Push => "push to",
            Kind::Permission => "permission",
            Kind::ForbiddenPermission => "forbidden permission",
            Kind::Package => "package",
        };
        let message = || format!("{what} {}: {}", self.title(), self.finding.message);
        match self.state {
            State::Met | State::Unproven => Verdict::Yes(()),
            State::NotMet => Verdict::no(self.finding.reason, message()),
            State::Unknown => Verdict::unknown(self.finding.reason, message()),
        }
    }

    /// The proofs that this line rests on, as far as its words tell: what a status remembers of them.
    pub fn remembered(&self) -> Vec<(Probe, Proven)> {
        let Some(at) = self.at else { return Vec::new() };
        let held = || Proven::remembered(Proof::Held(self.facts.clone()), at);
        let denied = |denial| Proven::remembered(Proof::Denied(denial), at);
        let denial = denial(self.finding.reason, self.lifetime, self.answer);
        let name = &*self.name;
        let by_denial = || match (self.state, denial) {
            (State::Met, None) => Some(held()),
            (State::Met, Some(denial)) => Some(denied(denial)),
            (State::NotMet | State::Unproven, Some(denial)) => Some(denied(denial)),
            _ => None,
        };
        match self.kind {
            Kind::Organization => {
                let (organization, membership) = (Probe::organization(name), Probe::membership(name));
                match self.finding.reason {
                    Reason::OrganizationNotFound => {
                        return pairs([(organization, Some(denied(Denial::NotFound)))]);
                    }
                    Reason::RoleOrFeature => {
                        return pairs([(organization, Some(denied(Denial::Undecided(self.answer))))]);
                    }
                    _ => {}
                }
                // A policy may have kept the token from either. The organization is asked first again, and the membership after it.
                if let Some(denial) = denial.filter(|denial| policy(*denial, name).is_some()) {
                    return pairs([(organization, Some(denied(denial))), (membership, Some(denied(denial)))]);
                }
                pairs([(organization, Some(held())), (membership, by_denial())])
            }
            Kind::Repository => pairs([(Probe::repository(name), by_denial())]),
            Kind::Push => pairs([(Probe::push(name), by_denial())]),
            Kind::Package => pairs([(Probe::package(name), by_denial())]),
            Kind::Permission | Kind::ForbiddenPermission => {
                let Some((key, level)) = name.split_once(": ") else { return Vec::new() };
                let level = match level {
                    "read" => Level::Read,
                    "write" => Level::Write,
                    _ => Level::Admin,
                };
                let permission = Permission::named(key, level);
                let is_one = |(permission, on): &(Permission, &str)| {
                    !on.is_empty() || permission.row().resource == Resource::Account
                };
                let probe = permission.zip(self.on.as_deref()).filter(is_one);
                let probe = probe.map(|(permission, on)| Probe::Permission(permission, on.into()));
                let proven = match self.finding.reason {
                    Reason::WriteNotProvable | Reason::PermissionForbidden => Some(held()),
                    // A 404 showed that a forbidden one is there, which is no proof of it.
                    Reason::RoleOrFeature if self.facts.visibility.is_some() => Some(held()),
                    Reason::CoverageNotProvable => Some(denied(Denial::PermissionMissing)),
                    _ if self.kind == Kind::ForbiddenPermission && self.state == State::Met => {
                        Some(denied(Denial::PermissionMissing))
                    }
                    _ => by_denial(),
                };
                pairs([(probe, proven)])
            }
        }
    }
}

fn pairs<const N: usize>(pairs: [(Option<Probe>, Option<Proven>); N]) -> Vec<(Probe, Proven)> {
    pairs.into_iter().filter_map(|(probe, proven)| probe.zip(proven)).collect()
}

/// The proofs that these lines remember.
pub fn remembered<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Proofs {
    lines.into_iter().flat_map(Line::remembered).collect()
}

/// The denial that a reason of a line stands for.
fn denial(reason: Reason, lifetime: Lifetime, answer: Option<Unexplained>) -> Option<Denial> {
    Some(match reason {
        Reason::SsoRequired => Denial::SsoRequired,
        Reason::ClassicTokensForbidden => Denial::ClassicForbidden,
        Reason::FineGrainedTokensForbidden => Denial::FineGrainedForbidden,
        Reason::LifetimeForbidden => Denial::LifetimeForbidden(lifetime),
        Reason::AddressForbidden => Denial::AddressForbidden,
        Reason::AppForbidden => Denial::AppForbidden,
        Reason::MembershipPending => Denial::MembershipPending,
        Reason::NotAMember | Reason::OrganizationNotFound | Reason::RepositoryNotVisible => Denial::NotFound,
        Reason::RepositoryBlocked => Denial::Blocked,
        Reason::PermissionMissing => Denial::PermissionMissing,
        // A status of an earlier build has it so.
        Reason::PushRefused if answer.is_some() => Denial::Undecided(answer),
        Reason::PushRefused | Reason::PackageRefused => Denial::Refused,
        Reason::MembershipNotShown
        | Reason::Covered
        | Reason::CoverageNotProvable
        | Reason::RoleOrFeature => Denial::Undecided(answer),
        _ => return None,
    })
}

/// What a policy of an organization or enterprise says to a token, and what to do; `None` if it is no policy. `owner` is the
/// organization.
pub(super) fn policy(denial: Denial, owner: &str) -> Option<Finding> {
    let (reason, message) = match denial {
        Denial::SsoRequired => (
            Reason::SsoRequired,
            format!(
                "{owner} wants the token authorized for its single sign-on: on GitHub, under Settings, Developer settings, \
                 Tokens (classic), choose Configure SSO beside the token and authorize {owner}"
            ),
        ),
        Denial::ClassicForbidden => (
            Reason::ClassicTokensForbidden,
            format!(
                "{owner} or its enterprise lets no classic token in: make a fine-grained one with {owner} as its owner"
            ),
        ),
        Denial::FineGrainedForbidden => (
            Reason::FineGrainedTokensForbidden,
            format!(
                "{owner} or its enterprise lets no fine-grained token in: use a GitHub App, or ask an owner of {owner}"
            ),
        ),
        Denial::LifetimeForbidden(Lifetime { days, .. }) => (
            Reason::LifetimeForbidden,
            format!(
                "{owner} or its enterprise lets no token in that lives longer than {}: make one that ends sooner, or shorten \
                 this one on its page on GitHub",
                days.map_or_else(|| "its policy allows".to_owned(), |days| format!("{days} days"))
            ),
        ),
        Denial::AddressForbidden => (
            Reason::AddressForbidden,
            format!(
                "{owner} has a list of allowed addresses, and the cluster's is not on it: have an owner add the address from \
                     which the cluster reaches GitHub"
            ),
        ),
        Denial::AppForbidden => (
            Reason::AppForbidden,
            format!(
                "{owner} lets no OAuth app in that it has not approved: ask an owner to approve it, or use a personal \
                     access token"
            ),
        ),
        Denial::Blocked => (
            Reason::RepositoryBlocked,
            "GitHub blocks the repository, for its terms of service or a legal demand: ask its owner"
                .to_owned(),
        ),
        _ => return None,
    };
    Some(Finding::new(reason, message))
}
