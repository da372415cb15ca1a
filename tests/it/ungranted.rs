//! A cluster in which nobody has granted the operator any Secret, and what grants it some.

use std::time::Duration;

use control_plane::Options;
use github_pat_operator::api::GithubPatConnection;
use github_simulator::NewToken;
use k8s_openapi::api::{
    core::v1::{Secret, ServiceAccount},
    rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding},
};
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use serde_json::{Value, json};

use crate::world::{Operator, SOON, World, from, is_so};

/// The ServiceAccount and its namespace, and the first part of the names of its roles.
pub(crate) const OPERATOR: &str = "github-pat-operator";
/// Whoever grants a namespace waits no longer than this.
pub(crate) const WITHIN: Duration = Duration::from_secs(10);

/// A cluster in which the operator's ServiceAccount may watch connections, and read no Secret.
pub(crate) async fn ungranted(options: Options) -> World {
    let world = World::with(options).await;
    world.namespace(OPERATOR).await;
    world.may_be_refused("/secrets");
    let roles = [
        (
            OPERATOR,
            json!([
                { "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": ["get", "list", "watch"] },
                { "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections/status"], "verbs": ["update"] },
                { "apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"] },
            ]),
        ),
        (
            "github-pat-operator-secrets",
            json!([
                { "apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch", "create", "update", "delete"] },
            ]),
        ),
    ];
    let params = PostParams::default();
    for (name, rules) in roles {
        let role: ClusterRole = from(json!({ "metadata": { "name": name }, "rules": rules }));
        Api::all(world.client.clone()).create(&params, &role).await.unwrap();
    }
    let account: ServiceAccount = from(json!({ "metadata": { "name": OPERATOR } }));
    Api::namespaced(world.client.clone(), OPERATOR).create(&params, &account).await.unwrap();
    let binding: ClusterRoleBinding = from(binding(OPERATOR));
    Api::all(world.client.clone()).create(&params, &binding).await.unwrap();
    world
}

pub(crate) fn binding(role: &str) -> Value {
    json!({
        "metadata": { "name": OPERATOR },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
        "subjects": [{ "kind": "ServiceAccount", "name": OPERATOR, "namespace": OPERATOR }],
    })
}

/// An operator as its ServiceAccount.
pub(crate) async fn operator(world: &World) -> Operator {
    operator_with(world, &[]).await
}

/// The same with more flags.
pub(crate) async fn operator_with(world: &World, flags: &[&str]) -> Operator {
    let kubeconfig = world.plane.service_account(OPERATOR, OPERATOR).await.unwrap();
    world.operator_as(kubeconfig, flags).await
}

pub(crate) fn bindings(world: &World, namespace: &str) -> Api<RoleBinding> {
    Api::namespaced(world.client.clone(), namespace)
}

/// Does what this command says, which is the one that grants a namespace.
pub(crate) async fn run(world: &World, command: &str) {
    let words: Vec<_> = command.split(' ').collect();
    let ["kubectl", "create", "rolebinding", name, "-n", namespace, role, account] = words[..] else {
        panic!("no such command: {command}")
    };
    let role = role.strip_prefix("--clusterrole=").unwrap();
    let (of, account) = account.strip_prefix("--serviceaccount=").unwrap().split_once(':').unwrap();
    assert_eq!((name, of, account), (OPERATOR, OPERATOR, OPERATOR));
    bindings(world, namespace).create(&PostParams::default(), &from(binding(role))).await.unwrap();
}

pub(crate) async fn grant(world: &World, namespace: &str) {
    let role = "github-pat-operator-secrets";
    bindings(world, namespace).create(&PostParams::default(), &from(binding(role))).await.unwrap();
}

pub(crate) async fn revoke(world: &World, namespace: &str) {
    bindings(world, namespace).delete(OPERATOR, &DeleteParams::default()).await.unwrap();
}

/// A token and a connection in any namespace, which publishes it as `out`.
pub(crate) async fn connect(world: &World, namespace: &str) {
    let text = world.github.token(NewToken::classic(namespace, namespace));
    let source: Secret = from(json!({ "metadata": { "name": "ci" }, "stringData": { "token": text } }));
    Api::namespaced(world.client.clone(), namespace).create(&PostParams::default(), &source).await.unwrap();
    connections(world, namespace).create(&PostParams::default(), &connection()).await.unwrap();
}

pub(crate) fn connection() -> GithubPatConnection {
    from(json!({
        "metadata": { "name": "ci" },
        "spec": {
            "host": "simulated", "secretRef": { "name": "ci" }, "interval": "24h",
            "publish": [{ "secretName": "out", "format": "Opaque" }],
        },
    }))
}

pub(crate) fn connections(world: &World, namespace: &str) -> Api<GithubPatConnection> {
    Api::namespaced(world.client.clone(), namespace)
}

pub(crate) async fn becomes(
    world: &World,
    namespace: &str,
    ready: &str,
    reason: &str,
) -> GithubPatConnection {
    let is =
        |seen: Option<&GithubPatConnection>| seen.is_some_and(|seen| is_so(seen, "Ready", ready, reason));
    let api = connections(world, namespace);
    let waited =
        tokio::time::timeout(SOON, kube::runtime::wait::await_condition(api.clone(), "ci", is)).await;
    match waited {
        Ok(seen) => seen.unwrap().unwrap(),
        Err(_) => {
            panic!("{namespace} did not become {ready} {reason}: {:?}", api.get("ci").await.unwrap().status)
        }
    }
}

/// The command in the message of a connection whose namespace is not granted.
pub(crate) fn command(seen: &GithubPatConnection) -> String {
    let status = seen.status.as_ref().unwrap();
    let message = &status.condition("Ready").unwrap().message;
    let at = message.find("kubectl").unwrap_or_else(|| panic!("no command: {message}"));
    message[at..].to_owned()
}
