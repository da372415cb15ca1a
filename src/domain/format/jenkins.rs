//! Credentials that Jenkins takes from a Secret with a label, with its Kubernetes Credentials Provider:
//! <https://jenkinsci.github.io/kubernetes-credentials-provider-plugin/examples/>.

use super::{Definition, PLAIN, basic_auth};

pub(super) const JENKINS: Definition = Definition {
    labels: &[("jenkins.io/credentials-type", "usernamePassword")],
    data: basic_auth::pair,
    ..PLAIN
};
