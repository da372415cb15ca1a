//! Which container images the token must be able to pull from the host's registry.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    super::{Reason, probe::Probe, proof::Proof},
    Evidence, Requirement,
    line::{Kind, Line, State},
};

/// A container image that the token must be able to pull.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct PackageDemand {
    /// Its name in the registry, as in `acme/app`, without the registry and without a tag.
    #[schemars(length(max = 255), extend("x-kubernetes-validations" = [{
        "rule": "self.matches('^[a-zA-Z0-9_-]+(/[a-zA-Z0-9_.-]+)+$') && !self.matches('/[.][.]?(/|$)')",
        "message": "name must be that of an image in the host's registry, such as acme/app, without registry and tag",
    }]))]
    pub name: String,
}

/// One line an image.
pub(super) fn lines(demanded: &Requirement, evidence: &Evidence<'_>) -> Vec<Line> {
    demanded.packages.iter().map(|demand| line(&demand.name, evidence)).collect()
}

/// What is to be asked.
pub(super) fn probes(demanded: &Requirement, evidence: &Evidence<'_>) -> Vec<Probe> {
    let can_ask = evidence.has_registry && evidence.kind.has_scopes();
    demanded.packages.iter().filter(|_| can_ask).filter_map(|demand| Probe::package(&demand.name)).collect()
}

fn line(name: &str, evidence: &Evidence<'_>) -> Line {
    let line = Line::new(Kind::Package, name);
    let Some(probe) = Probe::package(name) else {
        let message = "this is no name of an image: correct it in require.packages";
        return line.is(State::NotMet, Reason::DemandImpossible, message);
    };
    if !evidence.has_registry {
        let message =
            "the host has no registry in the operator's settings: have an administrator add hosts[].registry";
        return line.is(State::NotMet, Reason::RegistryUnknown, message);
    }
    if !evidence.kind.has_scopes() {
        let message =
            "GitHub's registry takes classic tokens only: store a classic token with the scope read:packages";
        return line.is(State::NotMet, Reason::DemandImpossible, message);
    }
    let proven = evidence.proven(&probe);
    match proven.and_then(|proven| proven.proof().map(|proof| (proven, proof))) {
        None => line.awaits(proven),
        Some((proven, Proof::Held(_))) => {
            line.by(proven).is(State::Met, Reason::Proven, "the registry lets the token pull it")
        }
        Some((proven, Proof::Denied(_))) => line.by(proven).is(
            State::NotMet,
            Reason::PackageRefused,
            "the registry does not let the token pull it: there may be no such image, the account may have no access to it, the \
             token may lack the scope read:packages, or its organization may want it authorized for single sign-on",
        ),
    }
}
