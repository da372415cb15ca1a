//! The names of Secrets: that of the token, whether there can be such, and what stands under that of an output before there is a connection.

use github_pat_operator::{
    api::GithubPatConnectionSpec as Spec,
    cluster::secrets::{ADOPT, CONNECTION},
};
use kube::ResourceExt;

use crate::{
    apply::Present,
    cluster::{Cluster, fitting, object_name},
    error::Error,
};

/// The Secret of a connection for which nobody has named one: a name of an object has 253 characters at most.
pub(crate) fn secret_of(connection: &str) -> String {
    fitting(connection, "-pat")
}

/// Finds out whether there can be the Secrets that the spec names.
///
/// # Errors
///
/// If no Secret can have one of the names.
pub(super) fn are_names(spec: &Spec) -> Result<(), Error> {
    let mut named = spec.sources().chain(spec.publish.iter().map(|output| output.secret_name.as_str()));
    named.try_for_each(|name| {
        let named = object_name(name).map(drop);
        named.map_err(|error| Error::Usage(format!("the spec names a Secret {name:?}, which is {error}")))
    })
}

/// Finds out whether the operator would leave this output of a new connection alone, as far as the user may read what is there.
///
/// # Errors
///
/// If it would.
pub(super) async fn may_be_output(cluster: &Cluster, connection: &str, output: &str) -> Result<(), Error> {
    let Present::There(found) = cluster.secret(output).await? else { return Ok(()) };
    let names_it = |annotation| found.annotations().get(annotation).is_some_and(|of| of == connection);
    // The second one is on the outputs of a connection of this name that was deleted.
    if [ADOPT, CONNECTION].into_iter().any(names_it) {
        return Ok(());
    }
    let adopt = cluster.kubectl(&format!("annotate secret {output} {ADOPT}={connection}"));
    Err(Error::Usage(format!(
        "there is a Secret {output} in namespace {} already, which is no output of connection {connection}, so the operator would leave it \
         alone: nothing was written; give the output another name, or {adopt} lets the connection take it over",
        cluster.namespace
    )))
}
