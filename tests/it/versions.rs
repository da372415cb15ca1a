//! Outputs of which each token has an immutable Secret of its own.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use futures::{StreamExt, pin_mut};
use github_pat_operator::api::Phase;
use github_simulator::NewToken;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    runtime::{watcher, watcher::Event},
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::world::{World, from};

fn publish(versioned: bool) -> Value {
    let mut output = json!({ "secretName": "pull", "format": "Opaque" });
    if versioned {
        (output["versioned"], output["keepVersions"]) = (json!(true), json!(2));
    }
    json!([output])
}

/// The name of the present version once it is not this one.
async fn current(world: &World, before: &str) -> String {
    let name = |seen: &github_pat_operator::api::GithubPatConnection| {
        let outputs = &seen.status.as_ref()?.outputs;
        outputs.iter().find(|output| output.secret_name == "pull")?.current_name.clone()
    };
    let seen = world.until("ci", |seen| name(seen).is_some_and(|name| name != before)).await;
    name(&seen).unwrap()
}

/// The Secrets whose names begin with that of the output.
async fn standing(world: &World) -> BTreeSet<String> {
    let secrets = world.secrets().list(&ListParams::default()).await.unwrap();
    secrets.into_iter().map(|secret| secret.name_any()).filter(|name| name.starts_with("pull")).collect()
}

/// Follows what stands, and keeps the names of each moment.
fn observer(secrets: Api<Secret>) -> (Arc<Mutex<Vec<BTreeSet<String>>>>, JoinHandle<()>) {
    let moments = Arc::new(Mutex::new(vec![BTreeSet::new()]));
    let noted = moments.clone();
    let task = tokio::spawn(async move {
        let events = watcher(secrets, watcher::Config::default());
        pin_mut!(events);
        while let Some(event) = events.next().await {
            let (name, stands) = match event.unwrap() {
                Event::Apply(secret) | Event::InitApply(secret) => (secret.name_any(), true),
                Event::Delete(secret) => (secret.name_any(), false),
                Event::Init | Event::InitDone => continue,
            };
            if !name.starts_with("pull") {
                continue;
            }
            let mut moments = noted.lock().unwrap();
            let mut now = moments.last().unwrap().clone();
            if stands {
                now.insert(name)
            } else {
                now.remove(&name)
            };
            moments.push(now);
        }
    });
    (moments, task)
}

#[tokio::test]
async fn each_token_gets_an_immutable_secret_and_never_more_stand_than_are_kept() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let (moments, watching) = observer(world.secrets());
    let mut names: Vec<String> = Vec::new();
    let texts: Vec<_> = (0..5)
        .map(|number| world.github.token(NewToken::classic(&format!("t{number}"), "acme-ci")))
        .collect();
    world.secret("ci", &texts[0]).await;
    let connection = world.connection("ci", json!({ "interval": "24h", "publish": publish(true) })).await;
    for text in &texts {
        world.secret("ci", text).await;
        let name = current(&world, names.last().map_or("", String::as_str)).await;
        let secret = world.secrets().get(&name).await.unwrap();
        assert_eq!(secret.immutable, Some(true), "{name}");
        assert_eq!(secret.owner_references()[0].uid, connection.uid().unwrap());
        assert_eq!(world.value(&name, "token").await.as_ref(), Some(text));
        names.push(name);
    }
    world.ready("ci", "True", "Ready").await;
    let kept: BTreeSet<_> = names[2..].iter().cloned().collect();
    assert_eq!(standing(&world).await, kept, "the present one and two before it");
    world.secret_until(&names[1], |secret| secret.is_none()).await;

    // An earlier token comes back: its Secret stands still, and a gone one has the same name again.
    world.secret("ci", &texts[3]).await;
    assert_eq!(current(&world, &names[4]).await, names[3]);
    world.secret("ci", &texts[0]).await;
    assert_eq!(current(&world, &names[3]).await, names[0]);
    watching.abort();
    let moments = moments.lock().unwrap();
    assert!(moments.len() > 8, "{moments:?}");
    assert!(moments.iter().all(|names| names.len() <= 3), "{moments:?}");
    for (before, after) in names.iter().zip(&names[1..]) {
        let made = moments.iter().position(|names| names.contains(after)).unwrap();
        assert!(moments[made].contains(before), "{before} stands until {after} does");
    }
}

#[tokio::test]
async fn a_version_is_made_anew_when_it_is_deleted_and_nobody_changes_its_data() {
    let world = World::audited().await;
    let operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("ci", &text).await;
    world.connection("ci", json!({ "interval": "24h", "publish": publish(true) })).await;
    let name = current(&world, "").await;
    world.ready("ci", "True", "Ready").await;
    let spoilt = Patch::Merge(json!({ "data": { "token": "eA==" } }));
    let refused = world.secrets().patch(&name, &PatchParams::default(), &spoilt).await.unwrap_err();
    assert!(refused.to_string().contains("immutable"), "{refused}");
    let labelled = Patch::Merge(json!({ "metadata": { "labels": { "team": "a" } } }));
    world.secrets().patch(&name, &PatchParams::default(), &labelled).await.unwrap();

    world.secrets().delete(&name, &DeleteParams::default()).await.unwrap();
    world.secret_until(&name, |secret| secret.is_some_and(|secret| secret.immutable == Some(true))).await;
    // Somebody makes it by hand, as ours, with another token, and without immutability.
    operator.stop().await;
    let mut forged = world.secrets().get(&name).await.unwrap();
    world.secrets().delete(&name, &DeleteParams::default()).await.unwrap();
    (forged.metadata.uid, forged.metadata.resource_version, forged.immutable) = (None, None, None);
    forged.data.as_mut().unwrap().get_mut("token").unwrap().0 = b"x".to_vec();
    world.secrets().create(&PostParams::default(), &forged).await.unwrap();
    let _operator = world.operator().await;
    let is_right = |secret: Option<&Secret>| {
        secret.is_some_and(|secret| {
            secret.immutable == Some(true) && secret.data.as_ref().unwrap()["token"].0 == text.as_bytes()
        })
    };
    world.secret_until(&name, is_right).await;
    world.ready("ci", "True", "Ready").await;
    assert_eq!(standing(&world).await, [name].into());
}

#[tokio::test]
async fn an_output_moves_to_versions_and_back_and_its_old_name_goes_last() {
    let world = World::audited().await;
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("ci", &text).await;
    world.connection("ci", json!({ "interval": "24h", "publish": publish(false) })).await;
    world.ready("ci", "True", "Ready").await;
    let (moments, watching) = observer(world.secrets());
    world.change("ci", json!({ "publish": publish(true) })).await;
    let name = current(&world, "").await;
    world.secret_until("pull", |secret| secret.is_none()).await;
    world.ready("ci", "True", "Ready").await;
    assert_eq!(standing(&world).await, [name.clone()].into());
    world.change("ci", json!({ "publish": publish(false) })).await;
    world.secret_until(&name, |secret| secret.is_none()).await;
    let outputs = world.ready("ci", "True", "Ready").await.status.unwrap().outputs;
    assert_eq!((outputs[0].secret_name.as_str(), &outputs[0].current_name), ("pull", &None));
    assert_eq!(world.value("pull", "token").await, Some(text));
    watching.abort();
    let moments = moments.lock().unwrap();
    let gaps = moments.iter().skip(1).filter(|names| names.is_empty()).count();
    assert_eq!(gaps, 0, "{moments:?}");
}

#[tokio::test]
async fn a_version_that_a_backup_restored_is_taken_over() {
    let world = World::start().await;
    let operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("ci", &text).await;
    let spec = json!({ "interval": "24h", "publish": publish(true) });
    world.connection("ci", spec.clone()).await;
    let name = current(&world, "").await;
    world.ready("ci", "True", "Ready").await;
    operator.stop().await;
    let mut backup = world.secrets().get(&name).await.unwrap();
    world.connections().delete("ci", &DeleteParams::default()).await.unwrap();
    world.secrets().delete(&name, &DeleteParams::default()).await.unwrap();
    // As Velero restores: new uids, and no owner references.
    (backup.metadata.uid, backup.metadata.resource_version) = (None, None);
    (backup.metadata.managed_fields, backup.metadata.owner_references) = (None, None);
    let restored: Secret = from(serde_json::to_value(&backup).unwrap());
    let restored = world.secrets().create(&PostParams::default(), &restored).await.unwrap();
    let connection = world.connection("ci", spec).await;

    let _operator = world.operator().await;
    world.ready("ci", "True", "Ready").await;
    let after = world.secrets().get(&name).await.unwrap();
    assert_eq!((after.uid(), after.immutable), (restored.uid(), Some(true)));
    assert_eq!(after.owner_references()[0].uid, connection.uid().unwrap());
    assert_eq!(world.value(&name, "token").await, Some(text));
}

#[tokio::test]
async fn what_is_taken_over_under_the_name_of_a_version_is_compared_first() {
    let world = World::audited().await;
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("ci", &text).await;
    let spec = json!({ "interval": "24h", "publish": publish(true) });
    world.connection("ci", spec.clone()).await;
    let name = current(&world, "").await;
    world.ready("ci", "True", "Ready").await;
    let made = world.secrets().get(&name).await.unwrap();
    // It comes back while the operator knows of no connection that wants it: as it was, and with something else in it for ever.
    let rows: [(&str, &[u8], &str); 2] =
        [("first", text.as_bytes(), "create update"), ("second", b"x", "create create delete create")];
    for (round, held, verbs) in rows {
        world.connections().delete("ci", &DeleteParams::default()).await.unwrap();
        // Who hears of a connection that was made later has heard of the deletion.
        world.connection(round, json!({})).await;
        world.ready(round, "False", "SecretNotFound").await;
        world.secrets().delete(&name, &DeleteParams::default()).await.unwrap();
        let mut backup = made.clone();
        (backup.metadata.uid, backup.metadata.resource_version) = (None, None);
        (backup.metadata.managed_fields, backup.metadata.owner_references) = (None, None);
        backup.data.as_mut().unwrap().get_mut("token").unwrap().0 = held.to_vec();
        world.secrets().create(&PostParams::default(), &backup).await.unwrap();
        // Who hears of a Secret that was made later has heard of this one.
        world.secret(round, &world.github.token(NewToken::classic(round, "acme-ci"))).await;
        world.ready(round, "True", "Ready").await;
        let before = world.writes().len();
        world.connection("ci", spec.clone()).await;
        world.ready("ci", "True", "Ready").await;
        assert_eq!(world.value(&name, "token").await.as_ref(), Some(&text));
        let writes = world.writes().split_off(before);
        let writes = writes.iter().filter(|(_, resource, _)| resource == "secrets");
        let written: Vec<_> = writes.map(|(verb, ..)| verb.as_str()).collect();
        assert_eq!(written.join(" "), verbs);
    }
}

#[tokio::test]
async fn two_connections_that_make_the_same_version_are_quiet_and_the_second_takes_over_when_it_is_gone() {
    let world = World::audited().await;
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("ci", &text).await;
    let spec = json!({ "interval": "24h", "secretRef": { "name": "ci" }, "publish": publish(true) });
    world.connection("ci", spec.clone()).await;
    let name = current(&world, "").await;
    world.ready("ci", "True", "Ready").await;
    world.connection("second", spec.clone()).await;
    world.ready("second", "False", "ForeignSecret").await;
    let tries = || {
        let writes = world.writes();
        writes.iter().filter(|(_, resource, _)| resource == "secrets").count()
    };
    let before = tries();
    for pass in 0..3 {
        let change = json!({ "warnBefore": [format!("{}h", pass + 1)] });
        let generation = world.change("second", change).await.metadata.generation;
        let judged = |seen: &github_pat_operator::api::GithubPatConnection| {
            seen.status.as_ref().is_some_and(|status| status.observed_generation == generation)
        };
        world.until("second", judged).await;
    }
    assert_eq!(tries(), before, "it is known that the Secret is another's");

    // Nobody collects garbage here, so the Secret goes by hand.
    world.connections().delete("ci", &DeleteParams::default()).await.unwrap();
    world.secrets().delete(&name, &DeleteParams::default()).await.unwrap();
    world.ready("second", "True", "Ready").await;
    assert_eq!(world.value(&name, "token").await, Some(text));

    // The same beside one that somebody made by hand.
    world.connections().delete("second", &DeleteParams::default()).await.unwrap();
    world.secrets().delete(&name, &DeleteParams::default()).await.unwrap();
    world.secret(&name, "by hand").await;
    world.connection("third", spec).await;
    world.ready("third", "False", "ForeignSecret").await;
    let before = tries();
    for pass in 0..3 {
        let change = json!({ "warnBefore": [format!("{}h", pass + 1)] });
        let generation = world.change("third", change).await.metadata.generation;
        let judged = |seen: &github_pat_operator::api::GithubPatConnection| {
            seen.status.as_ref().is_some_and(|status| status.observed_generation == generation)
        };
        world.until("third", judged).await;
    }
    assert_eq!(tries(), before, "nor does it try to make this one");
    world.secrets().delete(&name, &DeleteParams::default()).await.unwrap();
    world.ready("third", "True", "Ready").await;
}

#[tokio::test]
async fn two_connections_with_versions_of_one_token_do_not_wait_for_each_other() {
    let world = World::start().await;
    let _operator = world.operator().await;
    world.secret("pat", &world.github.token(NewToken::classic("old", "acme-ci"))).await;
    for name in ["first", "second"] {
        let publish = json!([{ "secretName": name, "format": "Opaque", "versioned": true }]);
        world.connection(name, json!({ "secretRef": { "name": "pat" }, "publish": publish })).await;
        world.ready(name, "True", "Ready").await;
    }
    world.secret("pat", &world.github.token(NewToken::classic("new", "acme-ci"))).await;
    for name in ["first", "second"] {
        let is_over = |seen: &github_pat_operator::api::GithubPatConnection| {
            let rotation = seen.status.as_ref().and_then(|status| status.rotation.as_ref());
            rotation.is_some_and(|rotation| rotation.phase == Phase::SafeToRevoke)
        };
        world.until(name, is_over).await;
    }
}
