//! One connection with all that outputs and rotations have: a token in reserve, versions, entries of another Secret, workloads to restart, and
//! consumers that are listed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use control_plane::AuditEvent;
use futures::{StreamExt, pin_mut};
use github_simulator::NewToken;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    cuts::{Cuts, cut_after_each_write},
    standby::{is_rotated_to, is_usable},
    tenant::Tenant,
    world::{NAMESPACE, World, from},
};

/// What the operator is told, so that it lists who consumes an output.
const CONSUMERS: &str = "consumers: true\n";

/// The annotation by which the Deployment is restarted.
const RESTARTED: &str = "restart.githubpat.dev/ci";

fn spec() -> Value {
    json!({
        "standby": [{ "name": "ci-next" }],
        "holdDown": "0s",
        "publish": [
            { "secretName": "ci-git", "format": "BasicAuth" },
            { "secretName": "ci-env", "format": "Opaque" },
            {
                "secretName": "ci-pull", "format": "DockerConfigJson", "registries": ["registry.example"], "versioned": true,
                "extraEntriesFrom": { "name": "further" },
            },
        ],
        "restart": [{ "kind": "Deployment", "name": "builder" }],
    })
}

/// A Deployment whose controller is played.
struct Builder {
    _controller: JoinSet<()>,
    /// What each roll-out was for, as the annotation says.
    rolled_out: Arc<Mutex<Vec<String>>>,
}

/// A Deployment with the output in its environment, an entry for another registry, and the right to restart.
async fn set(world: &World) -> Builder {
    world.rights.add("restartWorkloads=true");
    let entry = json!({ "auths": { "other.example": { "auth": "bWU6c2VjcmV0" } } }).to_string();
    let further = json!({
        "metadata": { "name": "further" }, "type": "kubernetes.io/dockerconfigjson",
        "stringData": { ".dockerconfigjson": entry },
    });
    world.secrets().create(&PostParams::default(), &from(further)).await.unwrap();
    let pod = json!({ "containers": [{
        "name": "main", "image": "builder", "envFrom": [{ "secretRef": { "name": "ci-env" } }],
    }] });
    let deployment: Deployment = from(json!({ "metadata": { "name": "builder" }, "spec": {
        "replicas": 1, "selector": { "matchLabels": { "app": "builder" } },
        "template": { "metadata": { "labels": { "app": "builder" } }, "spec": pod },
    } }));
    let deployments = Api::<Deployment>::namespaced(world.client.clone(), NAMESPACE);
    deployments.create(&PostParams::default(), &deployment).await.unwrap();
    let rolled_out = Arc::new(Mutex::new(Vec::new()));
    let _controller = JoinSet::from_iter([rolls_out(deployments, rolled_out.clone())]);
    Builder { _controller, rolled_out }
}

/// What the controller of Deployments writes; none runs here.
async fn rolls_out(deployments: Api<Deployment>, rolled_out: Arc<Mutex<Vec<String>>>) {
    let events = watcher(deployments.clone(), watcher::Config::default()).default_backoff().applied_objects();
    pin_mut!(events);
    while let Some(event) = events.next().await {
        let Ok(deployment) = event else { continue };
        let generation = deployment.metadata.generation;
        let observed = deployment.status.as_ref().and_then(|status| status.observed_generation);
        if observed == generation {
            continue;
        }
        let template = deployment.spec.as_ref().and_then(|spec| spec.template.metadata.as_ref());
        let annotations = template.and_then(|template| template.annotations.as_ref());
        rolled_out.lock().unwrap().extend(annotations.and_then(|all| all.get(RESTARTED)).cloned());
        let status = json!({ "status": {
            "observedGeneration": generation, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
        } });
        let patch = Patch::Merge(&status);
        while deployments.patch_status("builder", &PatchParams::default(), &patch).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// The name of the version that the status calls the present one.
async fn present(world: &World) -> String {
    let status = world.connections().get("ci").await.unwrap().status.unwrap();
    let mut outputs = status.outputs.into_iter();
    outputs.find_map(|output| output.current_name).unwrap()
}

/// Every output holds this token alone, and the entry of the other Secret.
async fn is_whole(world: &World, text: &str) {
    assert_eq!(world.value("ci-git", "password").await.as_deref(), Some(text));
    assert_eq!(world.value("ci-env", "token").await.as_deref(), Some(text));
    let config = world.value(&present(world).await, ".dockerconfigjson").await.unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    let auths = config["auths"].as_object().unwrap();
    assert!(auths.keys().eq(["other.example", "registry.example"]), "{:?}", auths.keys());
    assert_eq!(auths["other.example"]["auth"], "bWU6c2VjcmV0");
    let own = &auths["registry.example"];
    assert_eq!(own["password"].as_str(), Some(text), "of another token, or of none");
}

/// How often the operator restarted the Deployment.
fn restarts(world: &World) -> usize {
    let requests = world.requests();
    let is_restart =
        |event: &&AuditEvent| event.verb == "patch" && event.resource == "deployments" && event.code == 200;
    requests.iter().filter(is_restart).count()
}

#[tokio::test]
async fn whichever_write_is_the_last_of_an_operator_all_outputs_end_whole_and_each_token_restarts_once() {
    let world = World::audited().await;
    let builder = set(&world).await;
    let whole = async |text: String| is_whole(&world, &text).await;
    let Cuts { kills, halves, uids, rounds } = cut_after_each_write(&world, CONSUMERS, spec(), whole).await;
    assert!(kills.iter().all(|kills| *kills >= 6), "{kills:?}");
    assert!(halves.iter().all(|halves| *halves >= 1), "no operator ended between two outputs: {halves:?}");
    let expected = ["ci", "ci-env", "ci-git", "ci-next", "further"];
    assert!(uids.keys().map(String::as_str).eq(expected), "{uids:?}");
    let rolled_out = builder.rolled_out.lock().unwrap().clone();
    // In each round a token comes into use, and after each fail-over the first choice comes back; two that follow within one look are one.
    let (count, restarts) = (rolled_out.len(), restarts(&world));
    assert!((1..=rounds).contains(&restarts), "{restarts} restarts for {rounds} tokens: {rolled_out:?}");
    let token = |mark: &String| mark.split(' ').next().unwrap().to_owned();
    let once: BTreeSet<_> = rolled_out.iter().map(token).collect();
    assert_eq!(once.len(), count, "a token restarts once: {rolled_out:?}");
    let all = world.secrets().list(&Default::default()).await.unwrap();
    let versions: Vec<String> =
        all.iter().map(ResourceExt::name_any).filter(|name| name.starts_with("ci-pull-")).collect();
    assert!((1..=3).contains(&versions.len()), "{versions:?}");
    assert!(versions.contains(&present(&world).await));
}

/// How often the operator asked for each verb and resource, since then; for Secrets by name.
fn asked(world: &World, from: usize) -> BTreeMap<String, usize> {
    let mut asked = BTreeMap::new();
    for event in world.requests().into_iter().skip(from).filter(|event| event.verb != "watch") {
        let of = if event.resource == "secrets" { event.name } else { String::new() };
        *asked.entry(format!("{} {} {of}", event.verb, event.resource).trim().to_owned()).or_default() += 1;
    }
    asked
}

#[tokio::test]
async fn after_a_rotation_nothing_is_written_or_read_but_the_tokens_that_are_asked_about() {
    let world = World::audited().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _builder = set(&world).await;
    let settings = world.settings() + CONSUMERS;
    let operator = world.operator_with_settings(&settings).await;
    let token =
        |name: &str| world.github.token(NewToken::classic(name, "acme-ci").scopes(&["read:packages"]));
    for name in ["ci", "ci-next"] {
        ours.secret(name, &token(name)).await;
    }
    ours.connection("ci", spec()).await;
    ours.until("ci", |seen| is_usable(seen, "ci-next")).await;
    ours.secret("ci", &token("new")).await;
    ours.until("ci", |seen| is_rotated_to(seen, "ci")).await;
    is_whole(&world, &world.github.token_text("new").unwrap()).await;
    assert_eq!(restarts(&world), 1);
    // What is told of the end of the rotation is told by then.
    world.until_asked("new", world.asked("new") + 1).await;

    let (before, written, from) = (world.asked("new"), world.writes().len(), world.requests().len());
    let standby = world.asked("ci-next");
    world.until_asked("new", before + 5).await;
    let asked_before = asked(&world, from);
    eprintln!("in steady state: {asked_before:?}");
    let since = world.writes().split_off(written);
    assert!(since.is_empty(), "{since:?}");
    let sources = ["get secrets ci", "get secrets ci-next"];
    assert!(asked_before.keys().all(|of| sources.contains(&of.as_str())), "{asked_before:?}");
    let read = |asked: &BTreeMap<String, usize>, name: &str| {
        asked.get(&format!("get secrets {name}")).copied().unwrap_or_default()
    };
    let questions = world.asked("new") - before;
    assert!(read(&asked_before, "ci") <= questions + 1, "{asked_before:?} for {questions} questions");
    let questions = world.asked("ci-next") - standby;
    assert!(read(&asked_before, "ci-next") <= questions + 1, "{asked_before:?} for {questions} questions");
    let present = present(&world).await;
    operator.stop().await;
    let (before, standby, from) = (world.asked("new"), world.asked("ci-next"), world.requests().len());
    let _operator = world.operator_with_settings(&settings).await;
    world.until_asked("new", before + 3).await;
    let after = asked(&world, from);
    eprintln!("after a restart: {after:?}");
    let since = world.writes().split_off(written);
    assert!(since.is_empty(), "a restart writes nothing: {since:?}");
    for output in ["ci-git", "ci-env", &present] {
        assert_eq!(read(&after, output), 1, "{output} is read once: {after:?}");
    }
    assert!(read(&after, "further") <= 1, "{after:?}");
    let questions = world.asked("new") - before;
    assert!(read(&after, "ci") <= questions + 2, "{after:?} for {questions} questions");
    let questions = world.asked("ci-next") - standby;
    assert!(read(&after, "ci-next") <= questions + 2, "{after:?} for {questions} questions");
    let seen = world.connections().get("ci").await.unwrap();
    assert!(is_rotated_to(&seen, "ci"));
}
