//! Least privilege: the Secrets of a namespace are the operator's to read only where somebody has granted that.

use std::time::Instant;

use control_plane::Options;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use serde_json::json;

use crate::{
    ungranted::{
        OPERATOR, WITHIN, becomes, binding, bindings, command, connect, connection, connections, grant,
        operator, operator_with, revoke, run, ungranted,
    },
    world::{NAMESPACE, World, from, is_so},
};

#[tokio::test]
async fn a_namespace_that_is_not_granted_says_the_command_that_grants_it_and_holds_up_no_other() {
    let world = ungranted(Options { audit: true, ..Options::default() }).await;
    world.namespace("team-b").await;
    grant(&world, "team-b").await;
    connect(&world, NAMESPACE).await;
    let _operator = operator(&world).await;
    connect(&world, "team-b").await;
    becomes(&world, "team-b", "True", "Ready").await;
    let seen = becomes(&world, NAMESPACE, "False", "NamespaceNotGranted").await;
    assert!(is_so(&seen, "SecretResolved", "False", "NamespaceNotGranted"));
    assert!(seen.status.as_ref().unwrap().condition("Stalled").is_none(), "the grant may arrive");
    assert_eq!(world.asked(NAMESPACE), 0);
    run(&world, &command(&seen)).await;
    let granted = Instant::now();
    becomes(&world, NAMESPACE, "True", "Ready").await;
    assert!(granted.elapsed() < WITHIN, "{:?}", granted.elapsed());
    assert_eq!(world.value("out", "token").await, world.value("ci", "token").await);
}

/// How many watches of Secrets in this namespace have ended.
fn ended(world: &World, namespace: &str) -> usize {
    let requests = world.plane.audit().unwrap().into_iter();
    let watches = requests.filter(|event| event.verb == "watch" && event.resource == "secrets");
    watches.filter(|event| event.namespace == namespace).count()
}

#[tokio::test]
async fn the_watch_of_a_namespace_ends_with_its_last_connection_and_begins_with_the_next_first_one() {
    let world = ungranted(Options { audit: true, ..Options::default() }).await;
    grant(&world, NAMESPACE).await;
    let operator = operator(&world).await;
    connect(&world, NAMESPACE).await;
    becomes(&world, NAMESPACE, "True", "Ready").await;
    assert_eq!(ended(&world, NAMESPACE), 0);
    for _ in 0..2 {
        let before = ended(&world, NAMESPACE);
        connections(&world, NAMESPACE).delete("ci", &DeleteParams::default()).await.unwrap();
        let began = Instant::now();
        while ended(&world, NAMESPACE) == before {
            assert!(began.elapsed() < WITHIN, "the watch goes on");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        // There is no garbage collector, so the output stands.
        connections(&world, NAMESPACE).create(&PostParams::default(), &connection()).await.unwrap();
        becomes(&world, NAMESPACE, "True", "Ready").await;
        world.secrets().delete("out", &DeleteParams::default()).await.unwrap();
        world.secret_until("out", |secret| secret.is_some()).await;
    }
    assert!(!operator.log().contains("panicked"), "{}", operator.log());
}

#[tokio::test]
async fn a_grant_that_was_taken_away_is_told_and_costs_no_output_no_question_and_no_second_write() {
    let world = ungranted(Options { audit: true, ..Options::default() }).await;
    grant(&world, NAMESPACE).await;
    let first = operator(&world).await;
    connect(&world, NAMESPACE).await;
    becomes(&world, NAMESPACE, "True", "Ready").await;
    let uid = async || world.secrets().get("out").await.unwrap().metadata.uid;
    let before = uid().await;
    first.stop().await;
    revoke(&world, NAMESPACE).await;
    let second = operator(&world).await;
    let seen = becomes(&world, NAMESPACE, "False", "NamespaceNotGranted").await;
    assert!(is_so(&seen, "Published", "Unknown", "NamespaceNotGranted"), "nobody knows what stands");
    assert!(is_so(&seen, "Authenticated", "Unknown", "NoToken"), "nothing is said against the token");
    let status = seen.status.as_ref().unwrap();
    assert_eq!(status.outputs.len(), 1, "it is not forgotten");
    let login = status.token.as_ref().and_then(|token| token.login.as_deref());
    assert_eq!(login, Some(NAMESPACE));
    second.stop().await;
    // Another start finds it said.
    let third = operator(&world).await;
    grant(&world, NAMESPACE).await;
    becomes(&world, NAMESPACE, "True", "Ready").await;
    assert_eq!((uid().await, world.asked(NAMESPACE)), (before, 1));
    third.stop().await;
    let audit = world.plane.audit().unwrap().into_iter();
    let writes = audit.filter(|event| event.is_write() && event.user.starts_with("system:serviceaccount:"));
    let writes: Vec<_> = writes.map(|event| (event.verb, event.resource, event.subresource)).collect();
    let count = |resource: &str| writes.iter().filter(|(_, written, _)| written == resource).count();
    assert_eq!((count("secrets"), count("githubpatconnections")), (1, 3), "{writes:?}");
}

#[tokio::test]
async fn a_namespace_whose_connections_may_not_be_watched_is_told_in_the_log_and_holds_up_no_other() {
    let world = ungranted(Options::default()).await;
    world.namespace("team-b").await;
    Api::<ClusterRoleBinding>::all(world.client.clone())
        .delete(OPERATOR, &DeleteParams::default())
        .await
        .unwrap();
    let mut watching = binding(OPERATOR);
    watching["metadata"]["name"] = json!("connections");
    world.may_be_refused("/namespaces/team-b/githubpatconnections");
    bindings(&world, NAMESPACE).create(&PostParams::default(), &from(watching)).await.unwrap();
    grant(&world, NAMESPACE).await;
    connect(&world, NAMESPACE).await;
    let flags = ["--watch-namespaces", &format!("{NAMESPACE},team-b")];
    let operator = operator_with(&world, &flags).await;
    becomes(&world, NAMESPACE, "True", "Ready").await;
    let told = "may not list and watch githubpatconnections in the namespace team-b: bind the Role";
    operator.until_logged(told).await;
    tokio::time::sleep(WITHIN).await;
    assert_eq!(operator.log().matches(told).count(), 1, "{}", operator.log());
}
