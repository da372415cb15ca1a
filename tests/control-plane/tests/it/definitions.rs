use control_plane::{ControlPlane, Options};
use kube::{
    Api,
    api::{ApiResource, DynamicObject, ListParams},
    core::GroupVersionKind,
};
use serde_json::{from_value, json};

#[tokio::test]
async fn what_is_defined_is_listed_at_once() {
    let plane = ControlPlane::start(Options::default()).await.unwrap();
    let client = plane.admin_client().unwrap();
    for number in 0..10 {
        let (plural, kind) = (format!("things{number}"), format!("Thing{number}"));
        let schema = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        let version = |name: &str, storage: bool| json!({ "name": name, "served": true, "storage": storage, "schema": { "openAPIV3Schema": schema } });
        let definition = json!({
            "metadata": { "name": format!("{plural}.example.com") },
            "spec": {
                "group": "example.com", "scope": "Namespaced",
                "names": { "plural": plural, "kind": kind }, "versions": [version("v1", true), version("v2", false)],
            },
        });
        plane.define(&from_value(definition).unwrap()).await.unwrap();
        for version in ["v1", "v2"] {
            let resource = ApiResource::from_gvk_with_plural(
                &GroupVersionKind::gvk("example.com", version, &kind),
                &plural,
            );
            let objects = Api::<DynamicObject>::all_with(client.clone(), &resource);
            assert!(objects.list(&ListParams::default()).await.unwrap().items.is_empty());
        }
    }
}

#[tokio::test]
async fn a_definition_that_the_api_server_refuses_is_named() {
    let plane = ControlPlane::start(Options::default()).await.unwrap();
    let definition = json!({
        "metadata": { "name": "things.example.com" },
        "spec": {
            "group": "example.org", "scope": "Namespaced", "names": { "plural": "things", "kind": "Thing" },
            "versions": [],
        },
    });
    let error = plane.define(&from_value(definition).unwrap()).await.unwrap_err().to_string();
    assert!(error.starts_with("the API server does not serve things.example.com: "), "{error}");
}
