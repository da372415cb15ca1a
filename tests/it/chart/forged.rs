//! What a tenant with the role of the chart can say in a status of their own.

use github_pat_operator::{api::GithubPatConnection, domain::token::Token};

use super::{
    policies::{guarded, refusal, user},
    *,
};

#[tokio::test]
async fn a_status_that_a_tenant_forges_is_dropped_or_refused_and_publishes_nothing() {
    let world = guarded(&["--set", "grant.namespaces={team-a}"]).await;
    let kubeconfig = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
    let operator = world.operator_as(kubeconfig, &[]).await;
    let good = world.github.token(NewToken::classic("good", "acme-ci"));
    let bad = world.github.token(NewToken::classic("bad", "acme-ci"));
    world.github.revoke("bad");
    world.secret("good", &good).await;
    world.secret("forged", &bad).await;
    world.connection("good", json!({})).await;
    let status = json!(world.ready("good", "True", "Ready").await.status).to_string();
    let [good, bad] = [good, bad].map(|text| Token::try_from(text.as_bytes()).unwrap().hashed().to_string());
    assert!(status.contains(&good), "{status}");
    let status: Value = serde_json::from_str(&status.replace(&good, &bad)).unwrap();

    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": { "name": "tenants", "namespace": NAMESPACE },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": format!("{RELEASE}-edit") },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "tenant" }],
    });
    apply(&world.client, &role, false).await;
    let tenant = user(&world, "tenant", &[("", "secrets", &[], &["get"])]).await;
    let connections = Api::<GithubPatConnection>::namespaced(tenant, NAMESPACE);
    let publish = json!([{ "secretName": "forged-out", "format": "Opaque" }]);
    let spec = json!({ "host": "simulated", "secretRef": { "name": "forged" }, "interval": "10s", "publish": publish });
    let forged = from(json!({ "metadata": { "name": "forged" }, "spec": spec, "status": status }));
    let made = connections.create(&PostParams::default(), &forged).await.unwrap();
    // That of the definition.
    assert!(made.status.unwrap().token.is_none());
    let patch = Patch::Merge(json!({ "status": status }));
    let params = PatchParams::default();
    let refused = refusal(connections.patch_status("forged", &params, &patch).await).unwrap();
    assert!(refused.contains("cannot patch resource \"githubpatconnections/status\""), "{refused}");
    world.ready("forged", "False", "BadCredentials").await;
    connections.patch("forged", &params, &patch).await.unwrap();
    let said = world.ready("forged", "False", "BadCredentials").await.status.unwrap();
    assert_ne!(json!(said), status);
    operator.stop().await;
    assert_eq!(world.value("forged-out", "token").await, None);
}
