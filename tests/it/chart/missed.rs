//! The rights that the chart grants in each of its modes: each that is taken away is missed, and who misses it says so.

use std::time::Duration;

use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::api::DeleteParams;

use super::{
    rights::{MODES, rules},
    *,
};
use crate::{
    release::is_role_of,
    world::{Operator, is_so},
};

/// A namespace, empty for any, and group, resource with subresource, and verb.
type Taken<'a> = (&'a str, &'a [String; 3]);

/// True once the API server has refused the ServiceAccount this right.
fn is_refused(world: &World, (place, [group, resource, verb]): Taken<'_>) -> bool {
    let refused = world.plane.audit().unwrap().into_iter().filter(|event| event.code == 403);
    let mut ours = refused.filter(|event| event.user.starts_with("system:serviceaccount:"));
    ours.any(|event| {
        let parts = [event.resource, event.subresource].join("/");
        let is_there = place.is_empty() || event.namespace == place;
        is_there && event.group == *group && event.verb == *verb && parts.trim_end_matches('/') == resource
    })
}

/// Waits for this, or for the refusal.
pub(super) async fn until(world: &World, taken: Taken<'_>, done: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + SOON;
    while !is_refused(world, taken) && !done().await {
        assert!(tokio::time::Instant::now() < deadline, "{taken:?} is missed by nobody");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the API server lets the ServiceAccount do this no more.
pub(super) async fn until_taken(world: &World, right: &[String; 3]) {
    until_taken_in(world, NAMESPACE, RELEASE, right).await;
}

/// The same with an object of this name in this namespace.
pub(super) async fn until_taken_in(
    world: &World,
    namespace: &str,
    name: &str,
    [group, resource, verb]: &[String; 3],
) {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let review: SubjectAccessReview = from(json!({ "metadata": {}, "spec": {
        "user": format!("system:serviceaccount:{RELEASE}:{RELEASE}"),
        "resourceAttributes": {
            "namespace": namespace, "group": group, "resource": resource, "subresource": subresource, "verb": verb, "name": name,
        },
    } }));
    let reviews = Api::<SubjectAccessReview>::all(world.client.clone());
    let deadline = tokio::time::Instant::now() + SOON;
    while reviews.create(&PostParams::default(), &review).await.unwrap().status.unwrap().allowed {
        let taken = [group, resource, verb];
        assert!(tokio::time::Instant::now() < deadline, "{taken:?} is granted by another role too");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The role with all of its rights but this one, each for the objects of before.
pub(super) fn without(role: &Value, right: &[String; 3]) -> Value {
    let left = role["rules"].as_array().unwrap().iter().flat_map(|rule| {
        let rights = rules(&json!({ "rules": [rule] })).into_iter().filter(|other| other != right);
        rights.map(|[group, resource, verb]| {
            let mut one = rule.clone();
            for (field, value) in [("apiGroups", group), ("resources", resource), ("verbs", verb)] {
                one[field] = json!([value]);
            }
            one
        })
    });
    let mut limited = role.clone();
    limited["rules"] = left.collect();
    limited
}

#[test]
fn a_right_that_is_taken_away_leaves_the_others_as_narrow_as_they_were() {
    let rule = |verbs: &[&str], names: &[&str]| {
        let mut rule = json!({ "apiGroups": [""], "resources": ["configmaps"], "verbs": verbs });
        if !names.is_empty() {
            rule["resourceNames"] = json!(names);
        }
        rule
    };
    let role =
        json!({ "kind": "Role", "rules": [rule(&["create"], &[]), rule(&["get", "update"], &["told"])] });
    let limited = without(&role, &["", "configmaps", "get"].map(str::to_owned));
    assert_eq!(limited["rules"], json!([rule(&["create"], &[]), rule(&["update"], &["told"])]));
}

/// Takes each right of the mode away in turn, but for those on the Lease, which `taken` has: an operator that rotates a token misses it.
async fn each_is_missed((value, flags): (&str, &[&str]), count: usize) {
    let world = World::with(Options { paged_lists: true, ..Options::default() }).await;
    world.namespace(RELEASE).await;
    let manifests = rendered(&["--set", value, "--set", "settings.leaderElection=false"]);
    for manifest in &manifests {
        apply(&world.client, manifest, false).await;
    }
    world.may_be_refused("");
    let kubeconfig = world.plane.service_account(RELEASE, RELEASE).await.unwrap();
    let bound = |role: &&Value| manifests.iter().any(|binding| is_role_of(role, binding));
    let named = |role: &&Value| role["metadata"]["name"] == format!("{RELEASE}-secrets");
    let roles = manifests.iter().filter(|role| !role["rules"].is_null() && (bound(role) || named(role)));
    let all: Vec<_> =
        roles.flat_map(|role| rules(role).into_iter().map(move |right| (role, right))).collect();
    assert_eq!(all.len(), count);
    for (number, (role, right)) in all.iter().enumerate() {
        apply(&world.client, &without(role, right), false).await;
        let place = role["metadata"]["namespace"].as_str().unwrap_or_default();
        until_taken_in(&world, if place.is_empty() { NAMESPACE } else { place }, RELEASE, right).await;
        let taken = (place, right);
        let flags = [flags, &["--lease-namespace", RELEASE]].concat();
        let operator = world.unready_operator(kubeconfig.clone(), &world.settings(), &flags);
        let (name, out) = (format!("ci-{number}"), format!("out-{number}"));
        let texts = ["first", "second"]
            .map(|text| world.github.token(NewToken::classic(&format!("{text}-{number}"), "acme-ci")));
        let output = async || world.value(&out, "token").await;
        world.secret(&name, &texts[0]).await;
        let spec = json!({ "interval": "24h", "publish": [{ "secretName": out, "format": "Opaque" }] });
        world.connection(&name, spec).await;
        let is_ready = async || {
            let seen = world.connections().get(&name).await.unwrap();
            is_so(&seen, "Ready", "True", "Ready")
        };
        until(&world, taken, is_ready).await;
        world.secret(&name, &texts[1]).await;
        until(&world, taken, async || output().await.as_deref() == Some(texts[1].as_str())).await;
        world.change(&name, json!({ "publish": [] })).await;
        until(&world, taken, async || output().await.is_none()).await;
        // Of which an Event tells.
        operator.renew(&format!("{}trustFor: 48h\n", world.settings()));
        until(&world, taken, async || false).await;
        let words = tells(right, flags.contains(&"Cluster"));
        until_told_of(&world, &operator, &name, words).await;
        operator.stop().await;
        apply(&world.client, role, false).await;
        world.connections().delete(&name, &DeleteParams::default()).await.unwrap();
    }
}

/// What the operator logs without this right, or the reason for which the connection is not Ready.
fn tells(right: &[String; 3], is_cluster: bool) -> &'static str {
    let [_, resource, verb] = right;
    match (resource.as_str(), verb.as_str()) {
        ("githubpatconnections", "list" | "watch") => "may not list and watch githubpatconnections",
        ("githubpatconnections", "get") | ("githubpatconnections/status", "update") => {
            "the status was not written"
        }
        ("events", "create") => "an event was not sent",
        ("secrets", "list" | "watch") if is_cluster => "may not list and watch secrets",
        ("secrets", "list" | "watch") => "NamespaceNotGranted",
        ("secrets", "get") => "doing=\"read\" error=the API server answered Forbidden",
        ("secrets", "create") => "doing=\"create\" error=the API server answered Forbidden",
        ("secrets", "update") => "doing=\"update\" error=the API server answered Forbidden",
        ("secrets", "delete") => "doing=\"delete\" error=the API server answered Forbidden",
        _ => panic!("nothing is known to break without {right:?}"),
    }
}

/// Waits until the operator has logged these words, or the connection is not Ready for this reason.
async fn until_told_of(world: &World, operator: &Operator, name: &str, words: &str) {
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        let seen = world.connections().get(name).await.unwrap();
        if operator.log().contains(words) || is_so(&seen, "Ready", "False", words) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "nobody says {words:?}: {}", operator.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
#[ignore = "starts an operator for each right; .ci/long runs it"]
async fn each_right_that_is_taken_away_is_missed() {
    each_is_missed(MODES[0], 11).await;
}

#[tokio::test]
#[ignore = "starts an operator for each of eleven rights; .ci/long runs it"]
async fn each_right_for_all_namespaces_that_is_taken_away_is_missed() {
    each_is_missed(MODES[1], 11).await;
}

#[tokio::test]
#[ignore = "starts an operator for each of twelve rights; .ci/long runs it"]
async fn each_right_of_the_roles_of_some_namespaces_that_is_taken_away_is_missed() {
    each_is_missed(MODES[2], 12).await;
}
