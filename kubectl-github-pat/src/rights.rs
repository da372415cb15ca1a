//! What the API server says that the user may do.

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::{Api, api::PostParams};

use crate::{cluster::Cluster, error::Error};

/// A resource and its group.
pub(crate) const CONNECTIONS: (&str, &str) = ("githubpatconnections", "githubpat.dev");
pub(crate) const SECRETS: (&str, &str) = ("secrets", "");

/// A verb, and the resource for which it is needed.
pub(crate) type Need = (&'static str, (&'static str, &'static str));

/// Whether the user may do this, in the namespace and to the object of this name, or to all; nothing where the API server does not tell.
pub(crate) async fn may(
    cluster: &Cluster,
    (namespace, name): (Option<&str>, Option<&str>),
    (verb, (resource, group)): Need,
) -> Option<bool> {
    let attributes = ResourceAttributes {
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
        verb: Some(verb.to_owned()),
        resource: Some(resource.to_owned()),
        group: Some(group.to_owned()),
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let asked = cluster.call("ask what you may", api.create(&PostParams::default(), &review)).await;
    asked.ok()?.status.map(|status| status.allowed)
}

/// Finds out whether the user may follow the connection, before anything is written whose end nobody could show.
///
/// # Errors
///
/// If the API server says that the user may not.
pub(crate) async fn may_follow(cluster: &Cluster, name: &str) -> Result<(), Error> {
    let namespace = &cluster.namespace;
    for verb in ["list", "watch"] {
        // Where the API server does not tell, the watch itself does.
        if may(cluster, (Some(namespace), Some(name)), (verb, CONNECTIONS)).await == Some(false) {
            return Err(Error::Refused(format!(
                "you may not {verb} connection {name} in namespace {namespace}, so that nothing could show what becomes of it: nothing was \
                 written; {} shows what you may",
                cluster.kubectl("auth can-i --list")
            )));
        }
    }
    Ok(())
}
