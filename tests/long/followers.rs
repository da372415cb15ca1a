//! What comes after the outputs: workloads are restarted, and those are waited for that still run with the old token.

use std::{collections::BTreeMap, fs};

use control_plane::{AuditEvent, sources};
use github_pat_operator::{
    api::{GithubPatConnection, Phase},
    domain::token::Token,
};
use github_simulator::NewToken;
use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet, StatefulSet},
    batch::v1::Job,
    core::v1::{Pod, ServiceAccount},
    rbac::v1::{ClusterRole, ClusterRoleBinding},
};
use kube::{
    Api,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
    runtime::wait::await_condition,
};
use serde_json::{Value, json};

use crate::world::{NAMESPACE, SOON, World, from};

const CONSUMERS: [&str; 2] = ["--consumers", "true"];
const RESTARTED: &str = "restart.githubpat.dev/ci";

pub(crate) fn deployments(world: &World) -> Api<Deployment> {
    Api::namespaced(world.client.clone(), NAMESPACE)
}

/// A pod template whose container has the output in its environment.
fn template() -> Value {
    json!({
        "metadata": { "labels": { "app": "builder" } },
        "spec": { "containers": [{
            "name": "main", "image": "builder", "envFrom": [{ "secretRef": { "name": "ci-env" } }],
        }] },
    })
}

pub(crate) async fn deployment(world: &World, name: &str, paused: bool) {
    let spec = json!({
        "replicas": 2, "paused": paused, "selector": { "matchLabels": { "app": "builder" } }, "template": template(),
    });
    let made: Deployment = from(json!({ "metadata": { "name": name }, "spec": spec }));
    deployments(world).create(&PostParams::default(), &made).await.unwrap();
    roll_out(world, name, 2).await;
}

/// What its controller writes when so many Pods are new; none runs here.
pub(crate) async fn roll_out(world: &World, name: &str, updated: i32) {
    let generation = deployments(world).get(name).await.unwrap().metadata.generation;
    let status = json!({ "status": {
        "observedGeneration": generation, "replicas": 2, "updatedReplicas": updated, "readyReplicas": 2, "availableReplicas": 2,
    } });
    deployments(world).patch_status(name, &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
}

/// What is noted of its restart.
pub(crate) fn mark(deployment: &Deployment) -> Option<&str> {
    let meta = deployment.spec.as_ref()?.template.metadata.as_ref()?;
    meta.annotations.as_ref()?.get(RESTARTED).map(String::as_str)
}

/// The token that it was restarted for. After it comes the instant at which the rotation began.
fn restarted(deployment: &Deployment) -> Option<&str> {
    let (token, begun) = mark(deployment)?.split_once(' ').unwrap();
    begun.parse::<Timestamp>().unwrap();
    Some(token)
}

pub(crate) async fn until_restarted(world: &World, name: &str, hash: &str) {
    let is_restarted =
        |found: Option<&Deployment>| found.and_then(restarted).is_some_and(|value| value == hash);
    let condition = await_condition(deployments(world), name, is_restarted);
    tokio::time::timeout(SOON, condition).await.unwrap().unwrap();
}

/// The connection once its rotation is in this phase, and its message has the words.
pub(crate) async fn phase(world: &World, phase: Phase, words: &str) -> String {
    let seen = world
        .until("ci", |seen| {
            let rotation = seen.status.as_ref().and_then(|status| status.rotation.as_ref());
            rotation.is_some_and(|rotation| rotation.phase == phase && rotation.message.contains(words))
        })
        .await;
    seen.status.unwrap().token.unwrap().hashed_token.to_string()
}

pub(crate) async fn connected(world: &World, restart: Value) {
    world.secret("ci", &world.github.token(NewToken::classic("old", "acme-ci"))).await;
    let publish = json!([
        { "secretName": "ci-env", "format": "Opaque" }, { "secretName": "ci-git", "format": "BasicAuth" },
    ]);
    world.connection("ci", json!({ "publish": publish, "restart": restart })).await;
    world.ready("ci", "True", "Ready").await;
}

#[tokio::test]
async fn a_new_token_restarts_each_workload_once_and_the_roll_out_is_waited_for() {
    let world = World::audited().await;
    deployment(&world, "builder", false).await;
    deployment(&world, "paused", true).await;
    world.rights.add("restartWorkloads=true");
    let operator = world.operator().await;
    let restart = json!([
        { "kind": "Deployment", "name": "builder" }, { "kind": "Deployment", "name": "paused" },
        { "kind": "StatefulSet", "name": "nowhere" },
    ]);
    connected(&world, restart).await;
    world.secret("ci", &world.github.token(NewToken::classic("new", "acme-ci"))).await;
    let hash = phase(&world, Phase::Restarting, "Deployment builder (0 of 2 Pods are new)").await;
    until_restarted(&world, "builder", &hash).await;
    roll_out(&world, "builder", 1).await;
    phase(&world, Phase::Restarting, "Deployment builder (1 of 2 Pods are new)").await;
    roll_out(&world, "builder", 2).await;
    phase(&world, Phase::Restarting, "waiting for Deployment paused (paused: resume it)").await;
    assert_eq!(restarted(&deployments(&world).get("paused").await.unwrap()), None);
    // Whoever starts anew goes on, and restarts nothing twice.
    operator.stop().await;
    let _operator = world.operator().await;
    let resumed = json!({ "spec": { "paused": false } });
    let patch = Patch::Merge(&resumed);
    deployments(&world).patch("paused", &PatchParams::default(), &patch).await.unwrap();
    until_restarted(&world, "paused", &hash).await;
    roll_out(&world, "paused", 2).await;
    phase(&world, Phase::SafeToRevoke, "there is no StatefulSet nowhere to restart").await;
    let patched: Vec<_> = world.requests().into_iter().filter(|event| event.verb == "patch").collect();
    let of: BTreeMap<&str, usize> = patched.iter().fold(BTreeMap::new(), |mut of, event| {
        *of.entry(event.name.as_str()).or_default() += 1;
        of
    });
    assert_eq!(of, BTreeMap::from([("builder", 1), ("paused", 1)]), "one restart for all outputs");
    let requests = world.requests();
    let updated = |name: &str| {
        let last = requests.iter().rev().find(|event| event.verb == "update" && event.name == name);
        last.unwrap_or_else(|| panic!("{name} was not updated")).answered
    };
    let written = [updated("ci-env"), updated("ci-git")].into_iter().max().unwrap();
    for restart in patched {
        assert!(restart.received > written, "{} before all outputs were written", restart.name);
    }
    let old = deployments(&world).get("builder").await.unwrap();
    assert_eq!(restarted(&old), Some(&*hash));
}

#[tokio::test]
async fn a_token_that_comes_back_has_its_workload_restarted_again() {
    let world = World::audited().await;
    deployment(&world, "builder", false).await;
    world.rights.add("restartWorkloads=true");
    let _operator = world.operator().await;
    connected(&world, json!([{ "kind": "Deployment", "name": "builder" }])).await;
    let [first, second] =
        ["first", "second"].map(|name| world.github.token(NewToken::classic(name, "acme-ci")));
    for text in [&first, &second] {
        world.secret("ci", text).await;
        let hash = phase(&world, Phase::Restarting, "Deployment builder (0 of 2 Pods are new)").await;
        until_restarted(&world, "builder", &hash).await;
        roll_out(&world, "builder", 2).await;
        phase(&world, Phase::SafeToRevoke, "").await;
    }
    let paused = |paused: bool| Patch::Merge(json!({ "spec": { "paused": paused } }));
    let all = deployments(&world);
    all.patch("builder", &PatchParams::default(), &paused(true)).await.unwrap();
    roll_out(&world, "builder", 2).await;
    // Pods may start with the first one now, and the mark of the restart for the second one stands still.
    world.secret("ci", &first).await;
    phase(&world, Phase::Restarting, "waiting for Deployment builder (paused: resume it)").await;
    world.secret("ci", &second).await;
    world.until("ci", |seen| is_published(seen, &second)).await;
    phase(&world, Phase::Restarting, "waiting for Deployment builder (paused: resume it)").await;
    all.patch("builder", &PatchParams::default(), &paused(false)).await.unwrap();
    let hash = phase(&world, Phase::Restarting, "Deployment builder (0 of 2 Pods are new)").await;
    until_restarted(&world, "builder", &hash).await;
    roll_out(&world, "builder", 2).await;
    phase(&world, Phase::SafeToRevoke, "").await;
    let requests = world.requests();
    let restarts = requests.iter().filter(|event| event.verb == "patch" && event.name == "builder");
    assert_eq!(restarts.count(), 3);
}

/// True once the rotation to this token has written every output.
fn is_published(seen: &GithubPatConnection, text: &str) -> bool {
    let rotation = seen.status.as_ref().and_then(|status| status.rotation.as_ref());
    rotation.is_some_and(|rotation| {
        rotation.new_token.hashed_token == Token::try_from(text.as_bytes()).unwrap().describe().hashed
            && rotation.phase == Phase::Restarting
    })
}

#[tokio::test]
async fn a_mark_that_somebody_takes_off_is_not_put_back_at_once_each_time() {
    let world = World::audited().await;
    deployment(&world, "builder", false).await;
    world.rights.add("restartWorkloads=true");
    let _operator = world.operator().await;
    connected(&world, json!([{ "kind": "Deployment", "name": "builder" }])).await;
    world.secret("ci", &world.github.token(NewToken::classic("new", "acme-ci"))).await;
    let hash = phase(&world, Phase::Restarting, "Deployment builder (0 of 2 Pods are new)").await;
    until_restarted(&world, "builder", &hash).await;
    let bare = json!({ "spec": { "template": { "metadata": { "annotations": { RESTARTED: null } } } } });
    for _ in 0..25 {
        deployments(&world).patch("builder", &PatchParams::default(), &Patch::Merge(&bare)).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    phase(&world, Phase::Restarting, "somebody took restart.githubpat.dev/… off its pod template").await;
    let restarts = || {
        let requests = world.requests().into_iter();
        requests.filter(|event| event.verb == "patch" && event.name == "builder").count()
    };
    assert_eq!(restarts(), 1);
    until_restarted(&world, "builder", &hash).await;
    phase(&world, Phase::Restarting, "Deployment builder (0 of 2 Pods are new)").await;
    assert_eq!(restarts(), 2, "once more, after a minute");
    roll_out(&world, "builder", 2).await;
    phase(&world, Phase::SafeToRevoke, "").await;
}

#[tokio::test]
async fn bytes_that_outputs_kept_restart_nothing_again_and_those_of_another_host_do() {
    let mut world = World::audited().await;
    world.another_host("two").await;
    deployment(&world, "builder", false).await;
    world.rights.add("restartWorkloads=true");
    let _operator = world.operator().await;
    connected(&world, json!([{ "kind": "Deployment", "name": "builder" }])).await;
    let new = world.github.token(NewToken::classic("new", "acme-ci"));
    world.secret("ci", &new).await;
    let waiting = "Deployment builder (0 of 2 Pods are new)";
    let hash = phase(&world, Phase::Restarting, waiting).await;
    until_restarted(&world, "builder", &hash).await;
    let rotation = || async {
        let seen = world.connections().get("ci").await.unwrap();
        seen.status.unwrap().rotation.unwrap()
    };
    let before = rotation().await;
    // A token of which this host knows nothing is pasted over it, and the other one is back before it is believed to be of no use.
    let elsewhere = world.host("two").token(NewToken::classic("elsewhere", "acme-ci"));
    world.secret("ci", &elsewhere).await;
    phase(&world, Phase::Proving, "").await;
    assert!(rotation().await.interrupted.is_some());
    world.secret("ci", &new).await;
    assert_eq!(phase(&world, Phase::Restarting, "Deployment builder (").await, hash);
    let back = rotation().await;
    assert_eq!(
        (back.started_at, back.published_at, back.interrupted),
        (before.started_at, before.published_at, None)
    );
    roll_out(&world, "builder", 2).await;
    phase(&world, Phase::SafeToRevoke, "").await;
    let patched = || {
        let is_it = |event: &AuditEvent| event.verb == "patch" && event.name == "builder";
        world.requests().into_iter().filter(is_it).count()
    };
    assert_eq!(patched(), 1);
    // The token of another host is another one, and the old one is to be revoked where it is of.
    let host = world.connections().get("ci").await.unwrap().status.unwrap().token.unwrap().host;
    let moved = Patch::Merge(json!({ "spec": { "host": "two" } }));
    world.connections().patch("ci", &PatchParams::default(), &moved).await.unwrap();
    // What the outputs hold is judged by the other host first, which does not know it.
    let judged = world
        .until("ci", |seen| {
            let token = seen.status.as_ref().and_then(|status| status.token.as_ref());
            token.is_some_and(|token| token.host == "two" && token.refused.is_some())
        })
        .await;
    let before = judged.status.unwrap().token.unwrap().accepted_before.unwrap();
    assert_eq!((&before.host, before.login.as_deref()), (&host, Some("acme-ci")));
    world.secret("ci", &elsewhere).await;
    let hash = phase(&world, Phase::Restarting, waiting).await;
    until_restarted(&world, "builder", &hash).await;
    roll_out(&world, "builder", 2).await;
    phase(
        &world,
        Phase::SafeToRevoke,
        &format!("once nothing else uses the old one of acme-ci on {host}, revoke it"),
    )
    .await;
    let over = rotation().await;
    assert_eq!((over.old_host, over.revoke_at, patched()), (Some(host), None, 2));
}

#[tokio::test]
async fn an_output_that_was_put_back_has_its_workload_restarted_once_more() {
    let world = World::audited().await;
    deployment(&world, "builder", false).await;
    world.rights.add("restartWorkloads=true");
    let _operator = world.operator().await;
    connected(&world, json!([{ "kind": "Deployment", "name": "builder" }])).await;
    let old = world.secrets().get("ci-env").await.unwrap();
    world.secret("ci", &world.github.token(NewToken::classic("new", "acme-ci"))).await;
    let hash = phase(&world, Phase::Restarting, "Deployment builder (0 of 2 Pods are new)").await;
    until_restarted(&world, "builder", &hash).await;
    let rotation = || async {
        let seen = world.connections().get("ci").await.unwrap();
        seen.status.unwrap().rotation.unwrap()
    };
    let published = rotation().await.published_at.unwrap();
    let noted = mark(&deployments(&world).get("builder").await.unwrap()).unwrap().to_owned();
    // The instants have whole seconds.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let mut put_back = world.secrets().get("ci-env").await.unwrap();
    (put_back.data, put_back.metadata.annotations) = (old.data, old.metadata.annotations);
    let before = world.requests().len();
    world.secrets().replace("ci-env", &PostParams::default(), &put_back).await.unwrap();
    let is_again = |found: Option<&Deployment>| {
        let is_new = |mark: &str| mark != noted && mark.starts_with(&format!("{hash} "));
        found.and_then(mark).is_some_and(is_new)
    };
    let condition = await_condition(deployments(&world), "builder", is_again);
    tokio::time::timeout(SOON, condition).await.unwrap().unwrap();
    let again = rotation().await;
    assert!(again.published_at.clone().unwrap() > published);
    assert_eq!(again.written_anew_at, again.published_at);
    // An operator that is killed in between leaves word.
    let changed: Vec<_> = world.requests().into_iter().skip(before).filter(AuditEvent::is_write).collect();
    let first =
        changed.iter().find(|event| event.resource == "secrets" || event.subresource == "status").unwrap();
    assert_eq!((&*first.subresource, &*first.name), ("status", "ci"));
    roll_out(&world, "builder", 2).await;
    phase(&world, Phase::SafeToRevoke, "").await;
    let patched =
        world.requests().into_iter().filter(|event| event.verb == "patch" && event.name == "builder");
    assert_eq!(patched.count(), 2, "once more, and no more");
}

#[tokio::test]
async fn what_names_an_output_is_told_while_a_workload_is_awaited() {
    let world = World::start().await;
    deployment(&world, "paused", true).await;
    world.rights.add("restartWorkloads=true");
    let _operator = world.operator_with(&CONSUMERS).await;
    connected(&world, json!([{ "kind": "Deployment", "name": "paused" }])).await;
    world.secret("ci", &world.github.token(NewToken::classic("new", "acme-ci"))).await;
    let seen = world
        .until("ci", |seen| {
            let status = seen.status.as_ref();
            let rotation = status.and_then(|status| status.rotation.as_ref());
            let published = rotation.and_then(|rotation| rotation.published_at.as_ref());
            let listed =
                status.and_then(|status| status.consumers.as_ref()).map(|listed| &listed.observed_at);
            published.zip(listed).is_some_and(|(published, listed)| listed.0 >= published.0)
        })
        .await;
    let status = seen.status.unwrap();
    assert_eq!(status.rotation.unwrap().phase, Phase::Restarting);
    assert_eq!(status.consumers.unwrap().counts, BTreeMap::from([("Deployment".to_owned(), 1)]));
}

#[tokio::test]
async fn a_workload_that_may_not_be_restarted_is_told_with_the_remedy() {
    let world = World::start().await;
    let user = world.plane.user("without-workloads", None).unwrap();
    let rules = json!([
        { "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections"], "verbs": ["get", "list", "watch"] },
        { "apiGroups": ["githubpat.dev"], "resources": ["githubpatconnections/status"], "verbs": ["update"] },
        { "apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch", "create", "update", "delete"] },
        { "apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"] },
    ]);
    let role: ClusterRole = from(json!({ "metadata": { "name": "without" }, "rules": rules }));
    let binding: ClusterRoleBinding = from(json!({
        "metadata": { "name": "without" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "without" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "without-workloads" }],
    }));
    Api::all(world.client.clone()).create(&PostParams::default(), &role).await.unwrap();
    Api::all(world.client.clone()).create(&PostParams::default(), &binding).await.unwrap();
    deployment(&world, "builder", false).await;
    let _operator = world.operator_as(user, &CONSUMERS).await;
    connected(&world, json!([{ "kind": "Deployment", "name": "builder" }])).await;
    world.secret("ci", &world.github.token(NewToken::classic("new", "acme-ci"))).await;
    phase(&world, Phase::Restarting, "set the chart value restartWorkloads").await;
    let seen = world.connections().get("ci").await.unwrap();
    assert!(seen.status.unwrap().consumers.unwrap().forbidden.contains(&"pods".to_owned()));
    world.change("ci", json!({ "restart": [] })).await;
    phase(&world, Phase::SafeToRevoke, "the operator may not list pods, ").await;
}

#[tokio::test]
async fn argo_cd_counts_as_a_consumer_of_what_it_finds_by_its_label() {
    let world = World::start().await;
    let _operator = world.operator_with(&CONSUMERS).await;
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    let url = format!("{}/acme/app", world.github.url());
    let publish = json!([
        { "secretName": "repo", "format": "ArgoCDRepository", "url": url }, { "secretName": "out", "format": "Opaque" },
    ]);
    // An output that cannot be written hides the consumers of no other.
    world.secret("out", "of somebody else").await;
    world.connection("ci", json!({ "publish": publish })).await;
    let seen =
        world.until("ci", |seen| seen.status.as_ref().is_some_and(|status| status.consumers.is_some())).await;
    let consumers = seen.status.unwrap().consumers.unwrap();
    assert_eq!(consumers.counts, BTreeMap::from([("ArgoCD".to_owned(), 1)]));
    assert_eq!(consumers.objects[0].name, "repo");
}

#[tokio::test]
async fn a_git_repository_of_flux_counts_as_a_consumer_of_the_secret_that_it_names() {
    let world = World::start().await;
    let [_, _, _, file, ..] = sources::gitops_crds().unwrap();
    let definition = serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    world.plane.define(&definition).await.unwrap();
    let kind =
        ApiResource::from_gvk(&GroupVersionKind::gvk("source.toolkit.fluxcd.io", "v1", "GitRepository"));
    let repositories = Api::<DynamicObject>::namespaced_with(world.client.clone(), NAMESPACE, &kind);
    for (name, secret) in [("app", "ci-git"), ("other", "something-else")] {
        let spec = json!({ "interval": "5m", "url": "https://github.com/acme/app", "secretRef": { "name": secret } });
        let made = DynamicObject::new(name, &kind).data(json!({ "spec": spec }));
        repositories.create(&PostParams::default(), &made).await.unwrap();
    }
    let _operator = world.operator_with(&CONSUMERS).await;
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    world.connection("ci", json!({ "publish": [{ "secretName": "ci-git", "format": "FluxGit" }] })).await;
    let seen =
        world.until("ci", |seen| seen.status.as_ref().is_some_and(|status| status.consumers.is_some())).await;
    let consumers = seen.status.unwrap().consumers.unwrap();
    assert_eq!(consumers.counts, BTreeMap::from([("GitRepository".to_owned(), 1)]));
    assert_eq!(consumers.objects[0].name, "app");
}

#[tokio::test]
async fn pods_that_started_before_the_new_token_are_waited_for_by_name() {
    let world = World::start().await;
    let pods = Api::<Pod>::namespaced(world.client.clone(), NAMESPACE);
    let accounts = Api::<ServiceAccount>::namespaced(world.client.clone(), NAMESPACE);
    let sets = Api::<StatefulSet>::namespaced(world.client.clone(), NAMESPACE);
    let account: ServiceAccount =
        from(json!({ "metadata": { "name": "puller" }, "imagePullSecrets": [{ "name": "ci-env" }] }));
    accounts.create(&PostParams::default(), &account).await.unwrap();
    // No Pod is taken without it, and its controller does not run here.
    let default: ServiceAccount = from(json!({ "metadata": { "name": "default" } }));
    accounts.create(&PostParams::default(), &default).await.unwrap();
    let set: StatefulSet = from(json!({ "metadata": { "name": "db" }, "spec": {
        "serviceName": "db", "selector": { "matchLabels": { "app": "builder" } }, "template": template(),
    } }));
    sets.create(&PostParams::default(), &set).await.unwrap();
    let spec = template()["spec"].clone();
    for name in ["web-0", "other"] {
        let mut spec = spec.clone();
        if name == "other" {
            spec["containers"][0]["envFrom"][0]["secretRef"]["name"] = "something-else".into();
        }
        let pod: Pod = from(json!({ "metadata": { "name": name }, "spec": spec }));
        pods.create(&PostParams::default(), &pod).await.unwrap();
        started(&pods, name).await;
    }
    let _operator = world.operator_with(&CONSUMERS).await;
    connected(&world, json!([])).await;
    let seen =
        world.until("ci", |seen| seen.status.as_ref().is_some_and(|status| status.consumers.is_some())).await;
    let consumers = seen.status.unwrap().consumers.unwrap();
    let expected = [("Pod", 1), ("ServiceAccount", 1), ("StatefulSet", 1)];
    assert_eq!(consumers.counts, expected.map(|(kind, count)| (kind.to_owned(), count)).into());
    assert_eq!(consumers.behind, 0);
    world.secret("ci", &world.github.token(NewToken::classic("new", "acme-ci"))).await;
    phase(&world, Phase::WaitingForConsumers, "still run with the old one: web-0;").await;
    // It is replaced once the second in which the outputs were written is over.
    let replaced = world.connections().get("ci").await.unwrap().status.unwrap().rotation.unwrap();
    let published = replaced.published_at.unwrap().0;
    let left = published.duration_since(jiff::Timestamp::now());
    tokio::time::sleep(left.try_into().unwrap_or_default()).await;
    started(&pods, "web-0").await;
    phase(&world, Phase::SafeToRevoke, "").await;
}

#[tokio::test]
async fn who_names_an_earlier_version_keeps_the_old_token_from_being_revoked() {
    let world = World::start().await;
    let pods = Api::<Pod>::namespaced(world.client.clone(), NAMESPACE);
    let accounts = Api::<ServiceAccount>::namespaced(world.client.clone(), NAMESPACE);
    let default: ServiceAccount = from(json!({ "metadata": { "name": "default" } }));
    accounts.create(&PostParams::default(), &default).await.unwrap();
    let _operator = world.operator_with(&CONSUMERS).await;
    world.secret("ci", &world.github.token(NewToken::classic("old", "acme-ci"))).await;
    let publish = json!([{ "secretName": "pull", "format": "Opaque", "versioned": true }]);
    world.connection("ci", json!({ "publish": publish })).await;
    let seen = world.ready("ci", "True", "Ready").await;
    let version = seen.status.unwrap().outputs[0].current_name.clone().unwrap();
    let pod = json!({ "metadata": { "name": "web-0" }, "spec": {
        "containers": [{ "name": "main", "image": "builder" }], "imagePullSecrets": [{ "name": version }],
    } });
    pods.create(&PostParams::default(), &from::<Pod>(pod.clone())).await.unwrap();
    let mut spec = pod["spec"].clone();
    spec["restartPolicy"] = "Never".into();
    let job: Job = from(
        json!({ "metadata": { "name": "nightly" }, "spec": { "suspend": true, "template": { "spec": spec } } }),
    );
    let jobs = Api::<Job>::namespaced(world.client.clone(), NAMESPACE);
    jobs.create(&PostParams::default(), &job).await.unwrap();
    // To what it was before nobody has come back.
    let mut template = template();
    template["spec"] = pod["spec"].clone();
    let set: ReplicaSet = from(json!({ "metadata": { "name": "web-1" }, "spec": {
        "replicas": 0, "selector": { "matchLabels": { "app": "builder" } }, "template": template,
    } }));
    let sets = Api::<ReplicaSet>::namespaced(world.client.clone(), NAMESPACE);
    sets.create(&PostParams::default(), &set).await.unwrap();
    world.secret("ci", &world.github.token(NewToken::classic("new", "acme-ci"))).await;
    phase(
        &world,
        Phase::WaitingForConsumers,
        "name an earlier version of an output: Job nightly, Pod web-0;",
    )
    .await;
    jobs.delete("nightly", &DeleteParams::background()).await.unwrap();
    phase(&world, Phase::WaitingForConsumers, "name an earlier version of an output: Pod web-0;").await;
    let at_once = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    pods.delete("web-0", &at_once).await.unwrap();
    phase(&world, Phase::SafeToRevoke, "").await;
}

/// What the kubelet writes when the container has just been started; none runs here.
async fn started(pods: &Api<Pod>, name: &str) {
    let status = json!({ "status": { "phase": "Running", "containerStatuses": [{
        "name": "main", "image": "builder", "imageID": "", "ready": true, "restartCount": 0,
        "state": { "running": { "startedAt": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string() } },
    }] } });
    pods.patch_status(name, &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
}
