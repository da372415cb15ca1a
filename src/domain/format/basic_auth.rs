//! User name and password for git over HTTPS:
//! <https://kubernetes.io/docs/concepts/configuration/secret/#basic-authentication-secret>.
//!
//! Tekton takes such a Secret for the URLs that its annotations `tekton.dev/git-0`, `tekton.dev/git-1` and so on name:
//! <https://tekton.dev/docs/pipelines/auth/#understanding-credential-selection>.

use super::{Definition, Entry, Field, Material, PLAIN, Terms, entry};
use crate::domain::Finding;

pub(super) const BASIC_AUTH: Definition = Definition {
    secret_type: "kubernetes.io/basic-auth",
    takes: &[Field::TektonGit],
    annotations: |output| {
        let urls = output.tekton_git.iter().enumerate();
        urls.map(|(index, url)| (format!("{TEKTON}git-{index}"), url.clone())).collect()
    },
    suits: |terms: &Terms<'_>| -> Result<(), Finding> {
        terms.output.tekton_git.iter().try_for_each(|url| terms.covers("each of tektonGit", url))
    },
    data: pair,
    ..PLAIN
};

/// With which the annotations begin that Tekton reads.
pub(super) const TEKTON: &str = "tekton.dev/";

/// What git asks for, under the names that Kubernetes gave it.
pub(super) fn pair(material: &Material<'_>) -> Vec<Entry> {
    vec![entry("username", material.username), entry("password", material.secret())]
}
