//! Until when each sink has been told everything, in a ConfigMap: whoever leads next goes on from there. It is written only after a sink
//! has been told something.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{Fault, object::FIELD_MANAGER, within};

/// The ConfigMap.
#[derive(Clone)]
pub struct Receipts {
    api: Api<ConfigMap>,
    name: String,
}

impl Receipts {
    /// The ConfigMap of this name, in this namespace or in that of the Pod or the kubeconfig.
    pub fn new(client: Client, namespace: Option<&str>, name: &str) -> Self {
        let namespace = namespace.unwrap_or_else(|| client.default_namespace()).to_owned();
        Receipts { api: Api::namespaced(client, &namespace), name: name.to_owned() }
    }

    /// What it says. What is no instant is not known.
    ///
    /// # Errors
    ///
    /// If the API server does not tell.
    pub async fn read(&self) -> Result<BTreeMap<String, Timestamp>, Fault> {
        let read = match within(self.api.get(&self.name)).await {
            Err(fault) if fault.is_not_found() => return Ok(BTreeMap::new()),
            read => read?,
        };
        let told = read.data.into_iter().flatten();
        Ok(told.filter_map(|(sink, until)| Some((sink, until.parse().ok()?))).collect())
    }

    /// Writes it; of sinks in `gone` it says nothing any more.
    ///
    /// # Errors
    ///
    /// If the API server refuses.
    pub async fn write(&self, told: &BTreeMap<String, Timestamp>, gone: &[String]) -> Result<(), Fault> {
        let said = told.iter().map(|(sink, until)| (sink.clone(), Value::from(until.to_string())));
        let data: serde_json::Map<_, _> =
            said.chain(gone.iter().map(|sink| (sink.clone(), Value::Null))).collect();
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(json!({ "data": data }));
        match within(self.api.patch(&self.name, &params, &patch)).await {
            Err(fault) if fault.is_not_found() => self.create(told).await,
            patched => patched.map(|_| ()),
        }
    }

    async fn create(&self, told: &BTreeMap<String, Timestamp>) -> Result<(), Fault> {
        let data = told.iter().map(|(sink, until)| (sink.clone(), until.to_string())).collect();
        let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
        let made = ConfigMap { metadata, data: Some(data), ..ConfigMap::default() };
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        within(self.api.create(&params, &made)).await.map(|_| ())
    }
}
