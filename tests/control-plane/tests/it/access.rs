use control_plane::{ControlPlane, Options};
use k8s_openapi::api::{
    core::v1::{Secret, ServiceAccount},
    rbac::v1::{ClusterRoleBinding, Role, RoleBinding},
};
use kube::{
    Api, Client,
    api::{ListParams, PostParams},
};
use serde_json::{from_value, json};

#[tokio::test]
async fn a_service_account_may_do_what_it_is_bound_to_and_nothing_else() {
    let control_plane = ControlPlane::start(Options::default()).await.unwrap();
    let admin = control_plane.admin_client().unwrap();
    make_service_account(&admin, "reader").await;
    let kubeconfig = control_plane.service_account("default", "reader").await.unwrap();
    let reader = control_plane.client_of(&kubeconfig).await.unwrap();

    let secrets: Api<Secret> = Api::namespaced(reader.clone(), "default");
    let error = secrets.list(&ListParams::default()).await.unwrap_err().to_string();
    assert!(error.contains("system:serviceaccount:default:reader") && error.contains("forbidden"), "{error}");

    bind_to_reading_secrets(&admin, "reader").await;
    // The authorizer reads roles from its own watch, so the right comes when the API server has seen it itself.
    allowed(&secrets).await;
    let secret = from_value(json!({ "metadata": { "name": "new" } })).unwrap();
    assert!(secrets.create(&PostParams::default(), &secret).await.is_err());
    assert!(Api::<Secret>::namespaced(reader, "kube-system").list(&ListParams::default()).await.is_err());
}

#[tokio::test]
async fn a_user_is_known_by_name_and_group() {
    let control_plane = ControlPlane::start(Options::default()).await.unwrap();
    let admin = control_plane.admin_client().unwrap();
    let binding = json!({
        "metadata": { "name": "readers" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "readers" }],
    });
    let bindings: Api<ClusterRoleBinding> = Api::all(admin);
    bindings.create(&PostParams::default(), &from_value(binding).unwrap()).await.unwrap();

    let inside = control_plane.user("ann", Some("readers")).unwrap();
    allowed(&Api::namespaced(control_plane.client_of(&inside).await.unwrap(), "default")).await;
    let outside = control_plane.client_of(&control_plane.user("bob", None).unwrap()).await.unwrap();
    let refused = Api::<Secret>::default_namespaced(outside).list(&ListParams::default()).await;
    assert!(refused.unwrap_err().to_string().contains("\"bob\""));
}

#[tokio::test]
async fn a_service_account_that_does_not_exist_gets_no_token() {
    let control_plane = ControlPlane::start(Options::default()).await.unwrap();
    let error = control_plane.service_account("default", "nobody").await.unwrap_err();
    assert!(error.to_string().contains("default/nobody"), "{error}");
}

async fn make_service_account(admin: &Client, name: &str) {
    let account = from_value(json!({ "metadata": { "name": name } })).unwrap();
    Api::<ServiceAccount>::default_namespaced(admin.clone())
        .create(&PostParams::default(), &account)
        .await
        .unwrap();
}

async fn bind_to_reading_secrets(admin: &Client, name: &str) {
    let role = json!({
        "metadata": { "name": name },
        "rules": [{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"] }],
    });
    let binding = json!({
        "metadata": { "name": name },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name },
        "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": "default" }],
    });
    let params = PostParams::default();
    let roles: Api<Role> = Api::default_namespaced(admin.clone());
    roles.create(&params, &from_value(role).unwrap()).await.unwrap();
    let bindings: Api<RoleBinding> = Api::default_namespaced(admin.clone());
    bindings.create(&params, &from_value(binding).unwrap()).await.unwrap();
}

/// Nothing can be watched for this: asks until it is allowed.
async fn allowed(secrets: &Api<Secret>) {
    let asking = async {
        while let Err(error) = secrets.list(&ListParams::default()).await {
            assert!(error.to_string().contains("forbidden"), "{error}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), asking).await.unwrap();
}
