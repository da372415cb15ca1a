//! Versions of an output that nothing names any more, where the operator lists who names one.

use github_simulator::NewToken;
use k8s_openapi::api::{
    apps::v1::ReplicaSet,
    core::v1::{Pod, ServiceAccount},
};
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use serde_json::json;

use crate::{
    tenant::Tenant,
    world::{NAMESPACE, World, from},
};

/// Gives the connection another token, and adds the name of its version.
async fn next(world: &World, ours: &Tenant<'_>, names: &mut Vec<String>) {
    let text = world.github.token(NewToken::classic(&format!("t{}", names.len()), "acme-ci"));
    ours.secret("ci", &text).await;
    let last = names.last().cloned();
    let seen = ours
        .until("ci", |seen| {
            let output = seen.status.as_ref().and_then(|status| status.outputs.first());
            output.is_some_and(|output| output.current_name.is_some() && output.current_name != last)
        })
        .await;
    names.push(seen.status.unwrap().outputs[0].current_name.clone().unwrap());
}

#[tokio::test]
async fn an_earlier_version_stays_while_a_pod_names_it_and_goes_before_its_number_afterwards() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let pods = Api::<Pod>::namespaced(world.client.clone(), NAMESPACE);
    let accounts = Api::<ServiceAccount>::namespaced(world.client.clone(), NAMESPACE);
    let default: ServiceAccount = from(json!({ "metadata": { "name": "default" } }));
    accounts.create(&PostParams::default(), &default).await.unwrap();
    let settings = world.settings() + "heartbeat: 1m\nconsumers: true\n";
    let _operator = world.operator_with_settings(&settings).await;
    let publish = json!([{ "secretName": "pull", "format": "Opaque", "versioned": true, "keepVersions": 5 }]);
    ours.connection("ci", json!({ "publish": publish })).await;
    let mut names: Vec<String> = Vec::new();
    for number in 0..3 {
        next(&world, &ours, &mut names).await;
        if number == 0 {
            let pod = json!({ "metadata": { "name": "web-0" }, "spec": {
                "containers": [{ "name": "main", "image": "builder" }], "imagePullSecrets": [{ "name": names[0] }],
            } });
            pods.create(&PostParams::default(), &from::<Pod>(pod)).await.unwrap();
        }
    }
    // The rotation waits for the Pod, and nothing goes meanwhile.
    ours.until("ci", |seen| {
        let rotation = seen.status.as_ref().and_then(|status| status.rotation.as_ref());
        rotation.is_some_and(|rotation| rotation.message.contains("Pod web-0"))
    })
    .await;
    for name in &names {
        assert!(ours.value(name, "token").await.is_some(), "{name}");
    }
    let second = json!({ "metadata": { "name": "web-1" }, "spec": {
        "containers": [{ "name": "main", "image": "builder" }], "imagePullSecrets": [{ "name": names[2] }],
    } });
    pods.create(&PostParams::default(), &from::<Pod>(second)).await.unwrap();
    let at_once = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    pods.delete("web-0", &at_once).await.unwrap();
    for name in &names[..2] {
        world.secret_until(name, |found| found.is_none()).await;
    }
    assert!(ours.value(&names[2], "token").await.is_some());
}

#[tokio::test]
async fn an_earlier_version_stays_while_a_revision_names_it_or_a_connection_reads_it() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let settings = world.settings() + "heartbeat: 1m\nconsumers: true\n";
    let _operator = world.operator_with_settings(&settings).await;
    let publish = json!([{ "secretName": "pull", "format": "Opaque", "versioned": true, "keepVersions": 5 }]);
    ours.connection("ci", json!({ "publish": publish })).await;
    let mut names: Vec<String> = Vec::new();
    for _ in 0..4 {
        next(&world, &ours, &mut names).await;
    }
    // What `kubectl rollout undo` would bring back.
    let sets = Api::<ReplicaSet>::namespaced(world.client.clone(), NAMESPACE);
    let pod = json!({
        "containers": [{ "name": "main", "image": "builder", "envFrom": [{ "secretRef": { "name": names[0] } }] }],
    });
    let set: ReplicaSet = from(json!({ "metadata": { "name": "web-1" }, "spec": {
        "replicas": 0, "selector": { "matchLabels": { "app": "web" } },
        "template": { "metadata": { "labels": { "app": "web" } }, "spec": pod },
    } }));
    sets.create(&PostParams::default(), &set).await.unwrap();
    ours.connection("reader", json!({ "secretRef": { "name": names[1] } })).await;
    ours.ready("reader", "True", "Ready").await;
    world.secret_until(&names[2], |found| found.is_none()).await;
    for number in [0, 1, 3] {
        assert!(ours.value(&names[number], "token").await.is_some(), "{number}");
    }
    ours.ready("reader", "True", "Ready").await;
}
