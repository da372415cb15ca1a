//! What an operator of commit `a555db4`, the first one that ran end to end, has left in a cluster.
//!
//! `stored.json` has what it stored for six tokens: the spec, its status and its outputs, as the API server gave them back. What
//! differs between tokens stands between at signs.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use github_pat_operator::{api::GithubPatConnection, domain::token::Token};
use github_simulator::NewToken;
use jiff::{SignedDuration, Timestamp};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams, PostParams},
};
use serde_json::{Value, json};

use crate::world::{NAMESPACE, SOON, World, from};

/// How many connections there are of each kind of token: a hundred in all.
pub(crate) const COUNTS: [(&str, usize); 6] =
    [("classic", 30), ("fine", 30), ("short", 10), ("dead", 10), ("gone", 10), ("narrow", 10)];

/// What the operator of that commit stored.
pub(crate) fn stored() -> Value {
    serde_json::from_str(include_str!("stored.json")).unwrap()
}

/// The same with these words in the place of those between at signs, and instants as much later as given.
fn filled(value: &Value, words: &BTreeMap<&str, String>, later: SignedDuration) -> Value {
    match value {
        Value::String(text) if text == "@ID@" => words["@ID@"].parse::<i64>().unwrap().into(),
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(at) => (at + later).strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into(),
            Err(_) => words.iter().fold(text.clone(), |text, (word, by)| text.replace(word, by)).into(),
        },
        Value::Array(values) => values.iter().map(|value| filled(value, words, later)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (key.clone(), filled(value, words, later))).collect()
        }
        other => other.clone(),
    }
}

/// Stores what the operator of that commit left for one token of this kind, a minute ago.
pub(crate) async fn store(world: &World, kind: &str, number: usize) {
    let name = format!("{kind}-{number}");
    let login = format!("acme-{name}");
    let id = world.github.account(&login);
    let token = match kind {
        "fine" => NewToken::fine_grained(&name, &login),
        "classic" => NewToken::classic(&name, &login).scopes(&["repo", "read:packages"]),
        "short" => NewToken::classic(&name, &login).scopes(&["gist"]),
        _ => NewToken::classic(&name, &login).scopes(&["repo"]),
    };
    let text = world.github.token(token);
    if ["dead", "gone"].contains(&kind) {
        world.github.revoke(&name);
    }
    world.secret(&name, &text).await;
    let hash = Token::try_from(text.as_bytes()).unwrap().hashed();
    let stored = stored();
    let later = Timestamp::now()
        - SignedDuration::from_secs(60)
        - stored["at"].as_str().unwrap().parse::<Timestamp>().unwrap().duration_since(Timestamp::UNIX_EPOCH);
    let later = later.duration_since(Timestamp::UNIX_EPOCH);
    let mut words = BTreeMap::from([
        ("@NAME@", name.clone()),
        ("@LOGIN@", login.clone()),
        ("@ID@", id.to_string()),
        ("@TOKEN@", text.clone()),
        ("@HASH@", hash.to_string()),
        ("@AUTH@", BASE64_STANDARD.encode(format!("{login}:{text}"))),
        ("@URL@", world.github.url()),
    ]);
    let kept = &stored["kinds"][kind];
    let resource = ApiResource::erase::<GithubPatConnection>(&());
    let connections: Api<DynamicObject> = Api::namespaced_with(world.client.clone(), NAMESPACE, &resource);
    let spec = filled(&kept["spec"], &words, later);
    let mut first = spec.clone();
    // It was asked about more often before it was refused.
    let is_changed = kept["status"]["observedGeneration"] == 2;
    if is_changed {
        first["interval"] = json!("10s");
    }
    let mut object: DynamicObject = from(json!({ "metadata": { "name": name }, "spec": first }));
    object.types =
        Some(kube::core::TypeMeta { api_version: resource.api_version.clone(), kind: resource.kind.clone() });
    let mut object = connections.create(&PostParams::default(), &object).await.unwrap();
    if is_changed {
        object.data["spec"] = spec;
        object = connections.replace(&name, &PostParams::default(), &object).await.unwrap();
    }
    words.insert("@UID@", object.uid().unwrap());
    object.data["status"] = filled(&kept["status"], &words, later);
    connections.replace_status(&name, &PostParams::default(), &object).await.unwrap();
    for output in kept["outputs"].as_array().unwrap() {
        let output = from(filled(output, &words, later));
        world.secrets().create(&PostParams::default(), &output).await.unwrap();
    }
}

/// The data and UIDs of all Secrets, by name: what workloads read, and that nothing was made anew.
pub(crate) async fn held(world: &World) -> BTreeMap<String, (Option<String>, Value)> {
    let secrets = world.secrets().list(&ListParams::default()).await.unwrap();
    secrets.into_iter().map(|secret| (secret.name_any(), (secret.uid(), json!(secret.data)))).collect()
}

/// The status of each connection, once the API server serves a definition that was changed.
pub(crate) async fn statuses_of(world: &World) -> BTreeMap<String, Value> {
    let deadline = Instant::now() + SOON;
    let connections = loop {
        match world.connections().list(&ListParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 429 && Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            listed => break listed.unwrap(),
        }
    };
    connections.into_iter().map(|one| (one.name_any(), json!(one.status))).collect()
}
