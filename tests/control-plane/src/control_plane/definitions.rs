//! Resources that the API server serves beside its own.

use super::{
    ControlPlane, Error,
    processes::{POLL, READY_DEADLINE},
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams, PostParams},
    core::GroupVersionKind,
    runtime::{conditions::is_crd_established, wait::await_condition},
};
use tokio::time::{Instant, sleep, timeout};

impl ControlPlane {
    /// Creates the definition, and waits as [`serves`](Self::serves) does.
    ///
    /// # Errors
    ///
    /// When the API server refuses the definition, and as for [`serves`](Self::serves).
    pub async fn define(&self, definition: &CustomResourceDefinition) -> Result<(), Error> {
        let name = definition.name_any();
        let definitions = Api::<CustomResourceDefinition>::all(self.admin_client()?);
        let created = definitions.create(&PostParams::default(), definition).await;
        created.map_err(|source| Error::Definition { name: name.clone(), source: source.into() })?;
        self.serves(&name).await
    }

    /// Waits until the API server lists the objects of this definition, in each version that it serves. To be established is not
    /// enough: until its cache has started, a list or watch gets 429, "storage is (re)initializing". Of a definition that was replaced a
    /// moment ago it may list by the one before.
    ///
    /// # Errors
    ///
    /// When it does not within three minutes, with its last answer.
    pub async fn serves(&self, name: &str) -> Result<(), Error> {
        let failed = |source| Error::Definition { name: name.to_owned(), source };
        let (client, since) = (self.admin_client()?, Instant::now());
        let definitions = Api::<CustomResourceDefinition>::all(client.clone());
        let established =
            timeout(READY_DEADLINE, await_condition(definitions, name, is_crd_established())).await;
        let established = established.map_err(|elapsed| failed(elapsed.into()))?;
        let definition = established.map_err(|error| failed(error.into()))?;
        for objects in definition.iter().flat_map(|definition| served(&client, definition)) {
            while let Err(error) = objects.list(&ListParams::default()).await {
                if since.elapsed() >= READY_DEADLINE {
                    return Err(failed(error.into()));
                }
                sleep(POLL).await;
            }
        }
        Ok(())
    }
}

/// The objects of each version that is served.
fn served(client: &Client, definition: &CustomResourceDefinition) -> Vec<Api<DynamicObject>> {
    let spec = &definition.spec;
    let versions = spec.versions.iter().filter(|version| version.served);
    let objects = versions.map(|version| {
        let kind = GroupVersionKind::gvk(&spec.group, &version.name, &spec.names.kind);
        Api::all_with(client.clone(), &ApiResource::from_gvk_with_plural(&kind, &spec.names.plural))
    });
    objects.collect()
}
