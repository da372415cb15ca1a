//! The `githubConfigSecret` of a runner scale set of actions-runner-controller:
//! <https://github.com/actions/actions-runner-controller/blob/master/charts/gha-runner-scale-set/values.yaml>.

use super::{Definition, PLAIN, entry};

pub(super) const ACTIONS_RUNNER_CONTROLLER: Definition =
    Definition { data: |material| vec![entry("github_token", material.secret())], ..PLAIN };
