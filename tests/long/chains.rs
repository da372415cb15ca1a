//! Connections of which one reads what another one publishes: what flows through them, and what would go round in a circle.

use std::time::{Duration, Instant};

use github_simulator::NewToken;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, PostParams},
};
use serde_json::{Value, json};

use crate::world::{NAMESPACE, World, from};

/// A connection that reads this Secret and writes the other one.
fn link(source: &str, output: &str) -> Value {
    json!({
        "interval": "24h", "secretRef": { "name": source },
        "publish": [{ "secretName": output, "format": "Opaque" }],
    })
}

fn holds(secret: Option<&Secret>, text: &str) -> bool {
    let value = secret.and_then(|secret| secret.data.as_ref()?.get("token"));
    value.is_some_and(|value| value.0 == text.as_bytes())
}

#[tokio::test]
async fn a_new_token_flows_through_a_chain_of_connections_within_seconds() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let old = world.github.token(NewToken::classic("old", "acme-ci"));
    world.secret("first", &old).await;
    for (name, source, output) in [("a", "first", "second"), ("b", "second", "third"), ("c", "third", "last")]
    {
        world.connection(name, link(source, output)).await;
    }
    for name in ["a", "b", "c"] {
        world.ready(name, "True", "Ready").await;
    }
    assert_eq!(world.value("last", "token").await.as_ref(), Some(&old));
    let new = world.github.token(NewToken::classic("new", "acme-ci"));
    let stored = Instant::now();
    world.secret("first", &new).await;
    world.secret_until("last", |secret| holds(secret, &new)).await;
    assert!(stored.elapsed() < Duration::from_secs(10), "{:?}", stored.elapsed());
    assert_eq!(world.asked("new"), 1, "one question serves them all");
    assert_eq!(world.value("second", "token").await.as_ref(), Some(&new));

    // What goes is noticed as well.
    world.change("a", json!({ "publish": [] })).await;
    world.ready("b", "False", "SecretNotFound").await;
    assert_eq!(world.value("last", "token").await, Some(new), "and takes nothing from those who come after");
}

#[tokio::test]
async fn a_circle_of_any_length_is_refused_in_each_of_its_connections_before_anything_is_written() {
    let world = World::audited().await;
    let lengths = [2, 3, 10];
    let secret = |length: usize, number: usize| format!("s{length}-{}", number % length);
    let connection = |length: usize, number: usize| format!("c{length}-{}", number % length);
    for length in lengths {
        for number in 0..length {
            // A token stands in each source but one, which is to be made.
            if number > 0 {
                let name = connection(length, number);
                let text = world.github.token(NewToken::classic(&name, "acme-ci"));
                world.secret(&secret(length, number), &text).await;
            }
            let spec = link(&secret(length, number), &secret(length, number + 1));
            world.connection(&connection(length, number), spec).await;
        }
    }
    let before = world.secrets().list(&Default::default()).await.unwrap().items;
    let _operator = world.operator().await;
    for length in lengths {
        for number in 0..length {
            let name = connection(length, number);
            let said = world.condition(&name, "Published", "False", "PublishCycle").await.message;
            let way: Vec<_> = (number..=number + length).map(|number| connection(length, number)).collect();
            assert!(said.contains(&format!("({})", way.join(" → "))), "{said}");
        }
    }
    assert_eq!(world.secrets().list(&Default::default()).await.unwrap().items, before);
    let written = world.writes();
    assert!(written.iter().all(|(_, resource, _)| resource != "secrets"), "{written:?}");
}

#[tokio::test]
async fn a_circle_that_an_edit_closes_is_refused_and_heals_when_one_connection_leaves_it() {
    let world = World::start().await;
    let _operator = world.operator().await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("first", &text).await;
    let names = ["a", "b", "c"];
    for (name, spec) in
        names.iter().zip([link("first", "second"), link("second", "third"), link("third", "last")])
    {
        world.connection(name, spec).await;
    }
    for name in names {
        world.ready(name, "True", "Ready").await;
    }
    let before = world.secrets().get("first").await.unwrap();
    let close = json!({ "publish": [
        { "secretName": "first", "format": "Opaque" }, { "secretName": "last", "format": "Opaque" },
    ] });
    let opened = json!({ "publish": [{ "secretName": "last", "format": "Opaque" }] });
    for closes_again in [false, true] {
        world.change("c", close.clone()).await;
        for name in names {
            world.ready(name, "False", "PublishCycle").await;
        }
        assert_eq!(world.secrets().get("first").await.unwrap(), before);
        assert_eq!(world.value("last", "token").await.as_ref(), Some(&text), "what leads nowhere is kept up");
        if closes_again {
            world.connections().delete("c", &DeleteParams::default()).await.unwrap();
        } else {
            world.change("c", opened.clone()).await;
            world.ready("c", "True", "Ready").await;
        }
        for name in ["a", "b"] {
            world.ready(name, "True", "Ready").await;
        }
    }
}

#[tokio::test]
async fn the_same_names_in_two_namespaces_are_no_circle() {
    let world = World::start().await;
    let _operator = world.operator().await;
    world.namespace("team-b").await;
    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("first", &text).await;
    world.connection("a", link("first", "second")).await;
    let mut there = world.connections().get("a").await.unwrap();
    there.metadata = from(json!({ "name": "b" }));
    (there.spec.secret_ref.name, there.spec.publish[0].secret_name) =
        ("second".to_owned(), "first".to_owned());
    let namespace = Api::namespaced(world.client.clone(), "team-b");
    let there = namespace.create(&PostParams::default(), &there).await.unwrap();
    assert_eq!(there.namespace().as_deref(), Some("team-b"));
    world.ready("a", "True", "Ready").await;
    assert_eq!(world.secrets().get("second").await.unwrap().namespace().as_deref(), Some(NAMESPACE));
}

#[tokio::test]
async fn a_circle_over_a_version_of_an_output_is_refused_too() {
    let world = World::start().await;
    let _operator = world.operator().await;
    world.secret("first", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    let publish = json!([{ "secretName": "many", "format": "Opaque", "versioned": true }]);
    world.connection("a", json!({ "secretRef": { "name": "first" }, "publish": publish })).await;
    let seen = world.ready("a", "True", "Ready").await;
    let version = seen.status.unwrap().outputs[0].current_name.clone().unwrap();
    world.connection("b", link(&version, "first")).await;
    for (name, way) in [("a", "a → b → a"), ("b", "b → a → b")] {
        let said = world.condition(name, "Published", "False", "PublishCycle").await.message;
        assert!(said.contains(&format!("({way})")), "{said}");
    }
    world.change("b", link(&version, "last")).await;
    for name in ["a", "b"] {
        world.ready(name, "True", "Ready").await;
    }
    // An edit of the other one closes it as well.
    world.change("b", link("many-0123456789", "first")).await;
    world.ready("a", "False", "PublishCycle").await;
    world.change("a", json!({ "publish": [{ "secretName": "one", "format": "Opaque" }] })).await;
    world.ready("a", "True", "Ready").await;
    world.change("a", json!({ "publish": publish })).await;
    for name in ["a", "b"] {
        world.condition(name, "Published", "False", "PublishCycle").await;
    }
}
