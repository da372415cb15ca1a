//! Events: one for each change that a person may want to know of, and none for anything else.

use std::time::Duration;

use github_simulator::{NewToken, Outage};
use k8s_openapi::api::{
    events::v1::Event,
    rbac::v1::{ClusterRole, ClusterRoleBinding},
};
use kube::{
    Api, ResourceExt,
    api::{ListParams, PostParams},
};
use serde_json::json;

use crate::world::{NAMESPACE, SOON, World, from};

/// What the events about the connection say so far, in no order.
pub(crate) async fn notes(world: &World, name: &str) -> Vec<String> {
    let api = Api::<Event>::namespaced(world.client.clone(), NAMESPACE);
    let events = api.list(&ListParams::default()).await.unwrap().items.into_iter();
    let about = events.filter(|event| event.regarding.as_ref().unwrap().name.as_deref() == Some(name));
    about.map(|event| format!("{}: {}", event.reason.unwrap(), event.note.unwrap())).collect()
}

/// The events about the connection so far, oldest first, as type and reason.
async fn events(world: &World, name: &str) -> Vec<(String, String)> {
    let api = Api::<Event>::namespaced(world.client.clone(), NAMESPACE);
    let mut events = api.list(&ListParams::default()).await.unwrap().items;
    events.retain(|event| event.regarding.as_ref().unwrap().name.as_deref() == Some(name));
    events.sort_by_key(|event| event.event_time.as_ref().unwrap().0);
    let told = events.into_iter().map(|event| (event.type_.unwrap(), event.reason.unwrap()));
    told.collect()
}

/// Waits until there are so many events about the connection; gives type and reason of each.
async fn until_told(world: &World, name: &str, count: usize) -> Vec<String> {
    let told = async {
        loop {
            let events = events(world, name).await;
            if events.len() >= count {
                return events;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let told = tokio::time::timeout(SOON, told).await;
    let told = told.unwrap_or_else(|_| panic!("{name} has fewer than {count} events"));
    told.into_iter().map(|(type_, reason)| format!("{type_} {reason}")).collect()
}

#[tokio::test]
async fn a_change_of_account_is_noted_and_told_once_also_across_a_restart() {
    let world = World::audited().await;
    let operator = world.operator().await;
    let publish = json!([{ "secretName": "out", "format": "BasicAuth" }]);
    world.secret("ci", &world.github.token(NewToken::classic("bot", "acme-bot"))).await;
    let connection = world.connection("ci", json!({ "publish": publish })).await;
    world.ready("ci", "True", "Ready").await;
    assert_eq!(events(&world, "ci").await, [], "a new connection that is Ready is none");
    world.secret("ci", &world.github.token(NewToken::classic("person", "octocat"))).await;
    let told = until_told(&world, "ci", 3).await;
    assert_eq!(told, ["Normal OutputWritten", "Warning AccountChanged", "Normal SafeToRevoke"]);
    let of = |seen: &github_pat_operator::api::GithubPatConnection| {
        let token = seen.status.clone().unwrap().token.unwrap();
        (token.login, token.previous_account.map(|previous| previous.login))
    };
    let noted = (Some("octocat".to_owned()), Some("acme-bot".to_owned()));
    let seen = world.until("ci", |seen| of(seen) == noted).await;
    let said = seen.status.as_ref().unwrap().message("Authenticated").unwrap().to_owned();
    assert!(said.starts_with("GitHub accepts the token of octocat (id "), "{said}");
    assert!(said.contains("it was the token of acme-bot (id "), "{said}");
    let api = Api::<Event>::namespaced(world.client.clone(), NAMESPACE);
    let event = api.list(&ListParams::default()).await.unwrap().items.pop().unwrap();
    assert_eq!(event.regarding.unwrap().uid, connection.uid());
    operator.until_logged("the account of the token is not the one before").await;
    let log = operator.stop().await;
    assert_eq!(log.matches("the account of the token is not the one before").count(), 1, "{log}");

    let written = world.writes().len();
    let asked = world.asked("person");
    let operator = world.operator().await;
    world.until_asked("person", asked + 2).await;
    assert_eq!(world.writes()[written..], [], "neither the note nor the event is written anew");
    assert!(!operator.stop().await.contains("the account of the token is not the one before"));

    let _operator = world.operator().await;
    world.change("ci", json!({ "expect": { "login": "octocat" } })).await;
    world.until("ci", |seen| of(seen) == (Some("octocat".to_owned()), None)).await;
    assert_eq!(until_told(&world, "ci", 3).await.len(), 3, "that it is meant is no event");
}

#[tokio::test]
async fn transitions_of_ready_and_changes_of_outputs_are_told_and_outages_are_not() {
    let world = World::audited().await;
    let _operator = world.operator().await;
    let spec = json!({ "interval": "10s", "publish": [{ "secretName": "out", "format": "Opaque" }] });
    world.secret("ci", &world.github.token(NewToken::classic("first", "acme-ci"))).await;
    world.connection("ci", spec).await;
    world.ready("ci", "True", "Ready").await;
    world.github.outage(Some(Outage::Status(502)));
    world.ready("ci", "True", "AcceptedEarlier").await;
    world.github.outage(None);
    world.ready("ci", "True", "Ready").await;
    world.github.revoke("first");
    world.ready("ci", "False", "BadCredentials").await;
    world.secret("ci", &world.github.token(NewToken::classic("second", "acme-ci"))).await;
    world.ready("ci", "True", "Ready").await;
    world.change("ci", json!({ "publish": [] })).await;
    let told = until_told(&world, "ci", 5).await;
    let expected = [
        "Warning BadCredentials",
        "Normal OutputWritten",
        "Normal Ready",
        "Normal SafeToRevoke",
        "Normal OutputDeleted",
    ];
    assert_eq!(told, expected);

    world.secret("new", &world.github.token(NewToken::classic("new", "acme-ci").scopes(&[]))).await;
    world.connection("new", json!({ "require": { "scopes": ["repo"] } })).await;
    world.ready("new", "False", "ScopeMissing").await;
    assert_eq!(until_told(&world, "new", 1).await, ["Warning ScopeMissing"], "a new one that is not Ready");
    let written = world.until_written(1).await.len();
    let asked = world.asked("second");
    world.until_asked("second", asked + 2).await;
    assert_eq!(world.writes().len(), written, "nothing is told in steady state");
}

#[tokio::test]
async fn without_the_right_to_create_events_all_else_goes_on() {
    let world = World::start().await;
    let rule = |group: &str, resources: &[&str]| json!({ "apiGroups": [group], "resources": resources, "verbs": ["*"] });
    let resources = ["githubpatconnections", "githubpatconnections/status"];
    let rules = [rule("githubpat.dev", &resources), rule("", &["secrets"])];
    let role: ClusterRole = from(json!({ "metadata": { "name": "quiet" }, "rules": rules }));
    let binding: ClusterRoleBinding = from(json!({
        "metadata": { "name": "quiet" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "quiet" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "quiet" }],
    }));
    Api::all(world.client.clone()).create(&PostParams::default(), &role).await.unwrap();
    Api::all(world.client.clone()).create(&PostParams::default(), &binding).await.unwrap();
    let operator = world.operator_as(world.plane.user("quiet", None).unwrap(), &[]).await;
    world.secret("ci", "no token").await;
    world.connection("ci", json!({})).await;
    world.ready("ci", "False", "NotAToken").await;
    operator.until_logged("an event was not sent").await;
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    world.ready("ci", "True", "Ready").await;
}
