//! Secrets made by hand that cannot become outputs by an update alone.

use github_simulator::NewToken;
use kube::{ResourceExt, api::PostParams};
use serde_json::json;

use crate::world::{World, from};

#[tokio::test]
async fn what_can_only_be_made_anew_is_taken_over_with_its_marks_once_the_token_is_proven() {
    let world = World::start().await;
    let _operator = world.operator().await;
    // Name, type, whether it is immutable.
    let rows = [
        ("immutable", "Opaque", true),
        ("of-another-type", "kubernetes.io/basic-auth", false),
        ("both", "kubernetes.io/basic-auth", true),
    ];
    for (name, type_, immutable) in rows {
        let annotations = json!({ "githubpat.dev/adopt": "ci", "example.com/contact": "team-a" });
        let secret = from(json!({
            "metadata": { "name": name, "labels": { "team": "a" }, "annotations": annotations },
            "type": type_,
            "immutable": immutable,
            "stringData": { "username": "bot", "password": "old", "token": "old" },
        }));
        world.secrets().create(&PostParams::default(), &secret).await.unwrap();
    }
    let publish: Vec<_> =
        rows.iter().map(|(name, ..)| json!({ "secretName": name, "format": "Opaque" })).collect();
    world.connection("ci", json!({ "publish": publish })).await;
    world.ready("ci", "False", "SecretNotFound").await;
    for (name, ..) in rows {
        assert_eq!(world.value(name, "token").await.as_deref(), Some("old"), "{name}: nothing is proven yet");
    }

    let text = world.github.token(NewToken::classic("ci", "acme-ci"));
    world.secret("ci", &text).await;
    world.ready("ci", "True", "Ready").await;
    for (name, ..) in rows {
        let secret = world.secrets().get(name).await.unwrap();
        assert_eq!(world.value(name, "token").await.as_deref(), Some(text.as_str()), "{name}");
        assert_eq!((secret.type_.as_deref(), secret.immutable), (Some("Opaque"), None), "{name}");
        assert_eq!(secret.labels().get("team").map(String::as_str), Some("a"), "{name}");
        let annotations = secret.annotations();
        assert_eq!(annotations.get("example.com/contact").map(String::as_str), Some("team-a"), "{name}");
        assert!(!annotations.contains_key("githubpat.dev/adopt"), "{name}");
    }
}
