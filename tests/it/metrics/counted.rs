//! What is counted of connections and hosts, held against what there is.

use github_simulator::NewToken;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, api::DeleteParams};
use serde_json::json;

use super::text::Scrape;
use crate::world::{NAMESPACE, World, from};

#[tokio::test]
async fn questions_that_wait_are_counted_with_the_age_of_the_oldest() {
    let mut world = World::start().await;
    world.another_host("second").await;
    // The longest that a question may take, and no answer before the test has seen enough.
    let host = "{ name: simulated, concurrency: 1, timeout: 60s,";
    let settings = world.settings().replace("{ name: simulated,", host);
    world.github.hold(true);
    for name in ["asked", "waits"] {
        world.secret(name, &world.github.token(NewToken::classic(name, "acme-ci"))).await;
        world.connection(name, json!({})).await;
    }
    let operator = world.operator_with_settings(&settings).await;
    let of = |scrape: &Scrape, name, host, urgency| {
        scrape.value(name, &[("host", host), ("urgency", urgency)]).unwrap()
    };
    let waits = |scrape: &Scrape| of(scrape, "github_pat_queue_depth", "simulated", "New") == 1.0;
    let first = operator.scrape_until("one question that waits for the other", waits).await;
    assert_eq!(first.value("github_pat_host_questions_in_flight", &[("host", "simulated")]), Some(1.0));
    let oldest = |scrape: &Scrape| of(scrape, "github_pat_queue_oldest_seconds", "simulated", "New");
    let later = operator.scrape_until("that it grows old", |scrape| oldest(scrape) > oldest(&first)).await;
    assert!((0.0..60.0).contains(&oldest(&later)), "{}", oldest(&later));
    for (host, urgency) in [("simulated", "Routine"), ("second", "New")] {
        for name in ["github_pat_queue_depth", "github_pat_queue_oldest_seconds"] {
            assert_eq!(of(&first, name, host, urgency), 0.0, "{name} of {host}, {urgency}");
        }
    }
    world.github.hold(false);
    world.ready("waits", "True", "Ready").await;
    let empty = |scrape: &Scrape| of(scrape, "github_pat_queue_depth", "simulated", "New") == 0.0;
    let last = operator.scrape_until("that nothing waits", empty).await;
    assert_eq!(oldest(&last), 0.0);
}

#[tokio::test]
async fn outputs_candidates_and_consumers_are_counted() {
    let world = World::start().await;
    let token = |name: &str| world.github.token(NewToken::classic(name, "acme-ci").scopes(&["repo"]));
    let versioned =
        json!([{ "secretName": "pull", "format": "Opaque", "versioned": true, "keepVersions": 2 }]);
    for name in ["versions", "leaving", "spare", "standby"] {
        world.secret(name, &token(name)).await;
    }
    world.secret("wrong", "no token").await;
    world.connection("versions", json!({ "publish": versioned })).await;
    let publish = json!([{ "secretName": "out", "format": "Opaque" }]);
    world.connection("leaving", json!({ "publish": publish })).await;
    let standby = json!([{ "name": "standby" }, { "name": "wrong" }]);
    world.connection("spare", json!({ "standby": standby })).await;
    let operator = world.operator_with(&["--consumers", "true"]).await;
    let seen = world.ready("versions", "True", "Ready").await;
    let first = seen.status.unwrap().outputs[0].current_name.clone().unwrap();
    for (name, secret) in [("builder", "out"), ("old", &*first)] {
        let account = json!({ "metadata": { "name": name }, "imagePullSecrets": [{ "name": secret }] });
        let accounts = Api::<ServiceAccount>::namespaced(world.client.clone(), NAMESPACE);
        accounts.create(&Default::default(), &from(account)).await.unwrap();
    }
    world.ready("leaving", "True", "Ready").await;
    // It is held by somebody else's finalizer, so it neither goes nor comes again.
    let held = kube::api::Patch::Merge(json!({ "metadata": { "finalizers": ["example.com/held"] } }));
    world.secrets().patch("out", &Default::default(), &held).await.unwrap();
    world.secret("versions", &token("second")).await;
    world.secret("leaving", &token("third")).await;
    let expected = [
        ("github_pat_connection_outputs", "versions", "state", "earlier", 1.0),
        ("github_pat_connection_candidates", "spare", "usable", "True", 2.0),
        ("github_pat_connection_candidates", "spare", "usable", "False", 1.0),
        ("github_pat_connection_consumers", "versions", "behind", "true", 1.0),
        ("github_pat_connection_consumers", "versions", "behind", "false", 0.0),
        ("github_pat_connection_consumers", "leaving", "behind", "true", 0.0),
        ("github_pat_connection_consumers", "leaving", "behind", "false", 1.0),
    ];
    for (metric, name, label, value, number) in expected {
        let what = format!("{number} {metric} of {name} with {label} {value}");
        let labels = [("namespace", NAMESPACE), ("name", name), (label, value)];
        operator.scrape_until(&what, |scrape| scrape.value(metric, &labels) == Some(number)).await;
    }
    let all = |scrape: &Scrape| {
        let states = ["current", "earlier", "leaving", "outdated"];
        states.map(|state| scrape.value("github_pat_outputs", &[("state", state)]).unwrap())
    };
    operator.scrape_until("three outputs", |scrape| all(scrape) == [2.0, 1.0, 0.0, 0.0]).await;
    world.secrets().delete("out", &DeleteParams::default()).await.unwrap();
    let left = |scrape: &Scrape| all(scrape) == [1.0, 1.0, 1.0, 0.0];
    let scrape = operator.scrape_until("one that is being deleted", left).await;
    let leaving = [("name", "leaving"), ("state", "leaving")];
    assert_eq!(scrape.value("github_pat_connection_outputs", &leaving), Some(1.0));

    let condemned = token("condemned");
    world.github.revoke("condemned");
    world.secret("versions", &condemned).await;
    world.ready("versions", "False", "BadCredentials").await;
    let is_outdated = |scrape: &Scrape| {
        let of =
            |state| scrape.value("github_pat_connection_outputs", &[("name", "versions"), ("state", state)]);
        of("outdated").is_some() && all(scrape)[3] == of("outdated").unwrap()
    };
    operator.scrape_until("outputs of another token than that of the status", is_outdated).await;
}
