//! A foreign hand on many outputs at once, and two connections that want the same one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use control_plane::AuditEvent;
use futures::{StreamExt, pin_mut, stream};
use github_pat_operator::api::GithubPatConnection;
use github_simulator::NewToken;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
    runtime::{watcher, watcher::Event},
};
use serde_json::{Value, json};

use crate::{
    tenant::{Tenant, eventually, within},
    world::{NAMESPACE, World, is_so},
};

const CONNECTIONS: usize = 125;
const OUTPUTS: usize = 8;

#[tokio::test]
async fn a_thousand_outputs_that_are_edited_at_once_are_mended_with_one_write_each() {
    let world = World::audited().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    ours.secret("ci", &text).await;
    let output = |connection: usize, number: usize| format!("out-{connection}-{number}");
    stream::iter(0..CONNECTIONS)
        .for_each_concurrent(8, async |connection| {
            let publish: Vec<_> = (0..OUTPUTS)
                .map(|number| json!({ "secretName": output(connection, number), "format": "Opaque" }))
                .collect();
            let spec = json!({ "secretRef": { "name": "ci" }, "interval": "24h", "publish": publish });
            ours.connection(&format!("ci-{connection}"), spec).await;
        })
        .await;
    for connection in 0..CONNECTIONS {
        ours.ready(&format!("ci-{connection}"), "True", "Ready").await;
    }
    let names: Vec<_> = (0..CONNECTIONS)
        .flat_map(|connection| (0..OUTPUTS).map(move |number| output(connection, number)))
        .collect();
    assert_eq!(names.len(), 1000);
    // The audit log tells of a write a moment after its effect.
    let statuses = || world.writes().iter().filter(|(_, kind, _)| kind == "githubpatconnections").count();
    eventually("all statuses are told", async || statuses() >= CONNECTIONS).await;
    let begun = world.requests().len();

    let (params, spoilt) = (PatchParams::default(), Patch::Merge(json!({ "data": { "token": "eA==" } })));
    let edited = Instant::now();
    stream::iter(&names)
        .for_each_concurrent(32, async |name| {
            ours.secrets().patch(name, &params, &spoilt).await.unwrap();
        })
        .await;
    within(Duration::from_secs(180), "every output is right again", async || {
        let secrets = ours.secrets().list(&Default::default()).await.unwrap();
        let is_right = |secret: &Secret| {
            secret
                .data
                .as_ref()
                .and_then(|data| data.get("token"))
                .is_some_and(|value| value.0 == text.as_bytes())
        };
        secrets.items.iter().filter(|secret| secret.name_any() != "ci").all(is_right)
    })
    .await;
    let took = edited.elapsed();
    let since = || world.requests().split_off(begun);
    eventually("all writes are told", async || {
        since().iter().filter(|event| event.is_write() && event.resource == "secrets").count() >= names.len()
    })
    .await;
    // That an output was mended is told as an Event, as far as the queue of Events takes it.
    let requests = since().into_iter().filter(|event| event.resource != "events");
    let (writes, reads): (Vec<_>, Vec<_>) = requests.partition(AuditEvent::is_write);
    let reads = reads.iter().filter(|event| event.verb == "get").count();
    eprintln!("1000 edits were mended within {took:?}, with {} writes and {reads} reads", writes.len());
    let mut counted = BTreeMap::<_, usize>::new();
    for event in &writes {
        *counted.entry((event.resource.as_str(), event.name.as_str())).or_default() += 1;
    }
    let often: Vec<_> = counted.iter().filter(|(_, count)| **count != 1).collect();
    assert_eq!((counted.len(), often), (names.len(), vec![]), "one write for each edit");
    assert!(counted.keys().all(|(resource, _)| *resource == "secrets"), "no status changes");
}

/// What an observer saw that must not be: two owners, or a token of the one in a Secret of the other.
struct Witness {
    wrong: Arc<Mutex<Vec<String>>>,
    moments: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Witness {
    /// Follows the output from now on. `tokens` has those of each connection by its name.
    fn of(
        secrets: Api<Secret>,
        tokens: BTreeMap<&'static str, Vec<String>>,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let witness = Witness { wrong: Arc::default(), moments: Arc::default() };
        let (wrong, moments) = (witness.wrong.clone(), witness.moments.clone());
        let task = tokio::spawn(async move {
            let events = watcher(secrets, watcher::Config::default().fields("metadata.name=out"));
            pin_mut!(events);
            while let Some(event) = events.next().await {
                let (Ok(Event::Apply(secret)) | Ok(Event::InitApply(secret))) = event else { continue };
                let owners: Vec<_> =
                    secret.owner_references().iter().map(|owner| (&owner.name, &owner.uid)).collect();
                if owners.len() > 1 {
                    wrong.lock().unwrap().push(format!("{} owners: {owners:?}", owners.len()));
                }
                let label = secret.labels().get("githubpat.dev/connection-uid");
                let Some((name, uid)) = owners.first() else { continue };
                if label != Some(uid) {
                    wrong.lock().unwrap().push(format!("the label of another one beside the owner {name}"));
                }
                let value = secret.data.as_ref().and_then(|data| data.get("token"));
                let holds = |text: &String| value == Some(&ByteString(text.as_bytes().to_vec()));
                let of = tokens.iter().find(|(_, tokens)| tokens.iter().any(holds)).map(|(name, _)| *name);
                if of.is_some_and(|of| of != name.as_str()) {
                    wrong.lock().unwrap().push(format!("a token of {of:?} in a Secret of {name}"));
                }
                *moments.lock().unwrap().entry((*name).clone()).or_default() += 1;
            }
        });
        (witness, task)
    }
}

#[tokio::test]
async fn two_connections_that_fight_over_one_output_for_a_thousand_steps_never_own_it_together() {
    let world = World::start().await;
    let ours = Tenant::of(&world, NAMESPACE);
    let _operator = world.operator().await;
    let names = ["one", "two"];
    let mut tokens = BTreeMap::new();
    for name in names {
        let of = |letter: &str| world.github.token(NewToken::classic(&format!("{name}-{letter}"), name));
        tokens.insert(name, vec![of("a"), of("b")]);
        ours.secret(name, &tokens[name][0]).await;
        ours.connection(name, json!({ "interval": "24h", "publish": [] })).await;
    }
    for name in names {
        ours.ready(name, "True", "Ready").await;
    }
    let (witness, watching) = Witness::of(ours.secrets(), tokens.clone());
    let out = json!([{ "secretName": "out", "format": "Opaque" }]);
    let mut chance = fastrand::Rng::with_seed(20_261_126);
    let patch = async |patch: Value| {
        // There may be none.
        let _ = ours.secrets().patch("out", &PatchParams::default(), &Patch::Merge(patch)).await;
    };
    for _ in 0..1000 {
        let name = names[chance.usize(0..2)];
        match chance.u8(0..12) {
            0..4 => drop(ours.change(name, json!({ "publish": out })).await),
            4..6 => drop(ours.change(name, json!({ "publish": [] })).await),
            6..8 => ours.secret(name, &tokens[name][chance.usize(0..2)]).await,
            8 => drop(ours.secrets().delete("out", &DeleteParams::default()).await),
            9 => patch(json!({ "data": { "token": "eA==" } })).await,
            10 => patch(json!({ "metadata": { "annotations": { "githubpat.dev/adopt": name } } })).await,
            _ => patch(json!({ "metadata": { "ownerReferences": null } })).await,
        }
        if chance.u8(..) < 40 {
            tokio::time::sleep(Duration::from_millis(chance.u64(0..300))).await;
        }
    }
    // It ends with one that wants it, and nobody who has it.
    ours.change("one", json!({ "publish": [] })).await;
    ours.change("two", json!({ "publish": [] })).await;
    let _ = ours.secrets().delete("out", &DeleteParams::default()).await;
    for name in names {
        ours.ready(name, "True", "Ready").await;
    }
    ours.change("two", json!({ "publish": out })).await;
    within(Duration::from_secs(180), "the last one has it", async || {
        let value = ours.value("out", "token").await;
        value.is_some_and(|value| tokens["two"].contains(&value))
    })
    .await;
    // The foreign hand is told of until it has ceased for long enough.
    let is_ready = |seen: &GithubPatConnection| is_so(seen, "Ready", "True", "Ready");
    ours.until_within(Duration::from_secs(300), "two", is_ready).await;
    watching.abort();
    let moments = witness.moments.lock().unwrap().clone();
    eprintln!("an observer saw {moments:?}");
    assert!(
        names.iter().all(|name| moments.get(*name).is_some_and(|moments| *moments > 20)),
        "both had it: {moments:?}"
    );
    assert_eq!(*witness.wrong.lock().unwrap(), Vec::<String>::new());
}
