//! Two namespaces: whatever a spec says and a Secret claims, no bytes of one appear in the other.

use std::collections::BTreeSet;

use github_pat_operator::api::{self, GithubPatConnection};
use github_simulator::NewToken;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams, PostParams},
    runtime::wait::await_condition,
};
use serde_json::{Value, json};

use crate::world::{NAMESPACE, SOON, World, from, is_so};

/// A Secret of the other namespace, as a path would name it.
const ELSEWHERE: &str = "team-b/ci";
/// The fields that take a text of this form: what is put on a Secret as it is, registries, and names of GitHub's things.
const HARMLESS: [&str; 4] = [
    "spec.publish[].annotations{}",
    "spec.publish[].registries[]",
    "spec.require.packages[].name",
    "spec.require.repositories[].name",
];

/// Every text below the schema, with `[]` for the items of a list and `{}` for the values of a map.
fn texts(path: &str, schema: &Value, found: &mut BTreeSet<String>) {
    if schema["type"] == "string" && schema.get("enum").is_none() {
        found.insert(path.to_owned());
    }
    if let Some(items) = schema.get("items") {
        texts(&format!("{path}[]"), items, found);
    }
    if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
        texts(&format!("{path}{{}}"), values, found);
    }
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        texts(&format!("{path}.{name}"), property, found);
    }
}

/// A spec that has this text at this path, and this output where it is a field of outputs.
fn spec_with(path: &str, text: &str, output: &Value) -> Value {
    fn put(at: &mut Value, path: &str, text: &str, output: &Value) {
        let end = path.find(['.', '[', '{']).unwrap_or(path.len());
        let (name, rest) = path.split_at(end);
        if name == "extraEntriesFrom" && at[name].is_null() {
            at[name] = json!({ "name": "further" });
        }
        let field = &mut at[name];
        match rest {
            "" => *field = json!(text),
            "[]" => *field = json!([text]),
            "{}" => *field = json!({ "a": text }),
            _ => match rest.strip_prefix("[].") {
                Some(inner) => {
                    let mut item = match name {
                        "publish" => output.clone(),
                        "restart" => json!({ "kind": "Deployment" }),
                        _ => json!({ "name": "acme/app" }),
                    };
                    put(&mut item, inner, text, output);
                    *field = json!([item]);
                }
                None => put(field, rest.trim_start_matches('.'), text, output),
            },
        }
    }
    let mut spec = json!({ "secretRef": { "name": "pat" } });
    put(&mut spec, path.strip_prefix("spec.").unwrap(), text, output);
    spec
}

/// An output of each format, with each field beside it that a format may need.
fn outputs(schema: &Value) -> Vec<Value> {
    let formats =
        schema["properties"]["publish"]["items"]["properties"]["format"]["enum"].as_array().unwrap();
    let needed = [json!({}), json!({ "url": "https://github.com/acme" }), json!({ "owner": "acme" })];
    let output = |format: &Value, more: &Value| {
        let mut output = json!({ "secretName": "out", "format": format });
        output.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        output
    };
    formats.iter().flat_map(|format| needed.iter().map(move |more| output(format, more))).collect()
}

#[tokio::test]
async fn no_field_of_the_spec_can_name_another_namespace() {
    let definition = serde_json::to_value(api::definition()).unwrap();
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let names = schema.to_string().to_lowercase();
    for word in ["\"namespace\":", "\"namespaces\":", "namespaceselector", "namespaceref"] {
        assert!(!names.contains(word), "there is a field {word}");
    }
    let mut fields = BTreeSet::new();
    texts("spec", schema, &mut fields);
    assert!(
        fields.contains("spec.secretRef.name") && fields.contains("spec.publish[].secretName"),
        "{fields:?}"
    );
    let world = World::start().await;
    let resource = ApiResource::erase::<GithubPatConnection>(&());
    let objects = Api::<DynamicObject>::namespaced_with(world.client.clone(), NAMESPACE, &resource);
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let outputs = outputs(schema);
    let mut taken = Vec::new();
    for field in &fields {
        let last = field.rsplit('.').next().unwrap().trim_end_matches(['[', ']', '{', '}']);
        let outputs = if field.starts_with("spec.publish[]") { &outputs[..] } else { &outputs[..1] };
        let mut is_named = false;
        for output in outputs {
            let spec = spec_with(field, ELSEWHERE, output);
            match objects
                .create(&dry, &DynamicObject::new("ci", &resource).data(json!({ "spec": spec })))
                .await
            {
                Ok(_) => {
                    taken.push(field.as_str());
                    is_named = true;
                    break;
                }
                Err(kube::Error::Api(refused)) => is_named |= refused.message.contains(last),
                Err(error) => panic!("{field}: {error}"),
            }
        }
        assert!(is_named, "{field} is never refused for what stands in it");
    }
    let strangers: Vec<_> = taken.iter().filter(|field| !HARMLESS.contains(field)).collect();
    assert_eq!(
        strangers,
        Vec::<&&str>::new(),
        "what takes a text with a slash must not name an object of the cluster"
    );
}

/// A pull secret of this namespace for another registry.
fn entries_of(namespace: &str) -> String {
    let entry = json!({ "username": namespace, "password": format!("password-of-{namespace}") });
    json!({ "auths": { "r.example": entry } }).to_string()
}

/// True if there is no Secret for what stands by.
fn misses_its_standby(seen: &GithubPatConnection) -> bool {
    let candidates = seen.status.as_ref().map_or(&[][..], |status| &status.candidates);
    candidates.get(1).is_some_and(|candidate| candidate.reason == "SecretNotFound")
}

#[tokio::test]
async fn what_one_namespace_says_moves_no_bytes_of_the_other() {
    let world = World::start().await;
    world.namespace("team-b").await;
    let namespaces = [NAMESPACE, "team-b"];
    let secrets = |namespace: &str| Api::<Secret>::namespaced(world.client.clone(), namespace);
    let connections =
        |namespace: &str| Api::<GithubPatConnection>::namespaced(world.client.clone(), namespace);
    let token = |name: &str, namespace: &str| {
        world.github.token(NewToken::classic(name, namespace).scopes(&["read:packages"]))
    };
    let texts = namespaces.map(|namespace| token(namespace, namespace));
    let spares = namespaces.map(|namespace| token(&format!("spare-{namespace}"), namespace));
    let publish = json!([
        { "secretName": "out", "format": "Opaque" }, { "secretName": "git", "format": "BasicAuth" },
        { "secretName": "many", "format": "Opaque", "versioned": true },
        { "secretName": "pull", "format": "DockerConfigJson", "extraEntriesFrom": { "name": "further" } },
    ]);
    let opaque = |name: &str| json!([{ "secretName": name, "format": "Opaque" }]);
    let mut uids = Vec::new();
    // The same names on both sides, a chain, and a standby in use; and names of what only the other side has.
    for ((namespace, text), spare) in namespaces.iter().zip(&texts).zip(&spares) {
        let made = [
            ("ci", "token", text.clone()),
            ("spare", "token", spare.clone()),
            (&format!("only-{namespace}"), "token", spare.clone()),
            ("dead", "token", "of nobody".to_owned()),
            ("further", ".dockerconfigjson", entries_of(namespace)),
            (&format!("entries-{namespace}"), ".dockerconfigjson", entries_of(namespace)),
        ];
        for (name, key, value) in made {
            let source = from(json!({ "metadata": { "name": name }, "stringData": { key: value } }));
            secrets(namespace).create(&PostParams::default(), &source).await.unwrap();
        }
        let other = namespaces.iter().find(|other| *other != namespace).unwrap();
        let strange = json!([{
            "secretName": "strange", "format": "DockerConfigJson", "extraEntriesFrom": { "name": format!("entries-{other}") },
        }]);
        for (name, source, standby, publish) in [
            ("ci", "ci", None, publish.clone()),
            ("next", "out", None, opaque("last")),
            ("spared", "dead", Some("spare".to_owned()), opaque("of-spare")),
            ("stray", "dead", Some(format!("only-{other}")), opaque("stray")),
            ("mixed", "ci", None, strange),
        ] {
            let standby: Vec<_> = standby.iter().map(|name| json!({ "name": name })).collect();
            let connection: GithubPatConnection = from(json!({
                "metadata": { "name": name },
                "spec": {
                    "host": "simulated", "interval": "24h", "secretRef": { "name": source }, "standby": standby,
                    "publish": publish,
                },
            }));
            let made = connections(namespace).create(&PostParams::default(), &connection).await.unwrap();
            uids.push((namespace, name, made.uid().unwrap()));
        }
    }
    // Secrets that claim to belong to a connection of the other side: by label and owner, and as a present to it.
    for (namespace, name, uid) in &uids {
        let other = namespaces.iter().find(|other| other != namespace).unwrap();
        let claims: Secret = from(json!({
            "metadata": {
                "name": format!("claimed-{name}"),
                "labels": { "githubpat.dev/connection-uid": uid },
                "annotations": { "githubpat.dev/connection": name, "githubpat.dev/adopt": name },
                "ownerReferences": [{
                    "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection", "name": name, "uid": uid,
                }],
            },
            "stringData": { "token": "of nobody" },
        }));
        secrets(other).create(&PostParams::default(), &claims).await.unwrap();
    }
    let _operator = world.operator().await;
    for (namespace, name, _) in &uids {
        let waited = await_condition(connections(namespace), name, |seen: Option<&GithubPatConnection>| {
            seen.is_some_and(|seen| match *name {
                "spared" => is_so(seen, "Published", "True", "Published"),
                "stray" => misses_its_standby(seen) && is_so(seen, "Ready", "False", "NotAToken"),
                "mixed" => is_so(seen, "Published", "False", "ExtraEntriesUnusable"),
                _ => is_so(seen, "Ready", "True", "Ready"),
            })
        });
        let waited = tokio::time::timeout(SOON, waited).await;
        waited.unwrap_or_else(|_| panic!("{namespace}/{name} did not become so")).unwrap();
    }
    let of = |namespace: &str, text: &String, spare: &String| {
        [text.clone(), spare.clone(), format!("password-of-{namespace}")]
    };
    let of_all: Vec<_> = namespaces
        .iter()
        .zip(texts.iter().zip(&spares))
        .map(|(namespace, (text, spare))| of(namespace, text, spare))
        .collect();
    for (namespace, ours) in namespaces.iter().zip(&of_all) {
        let mut with = [0; 3];
        for secret in secrets(namespace).list(&ListParams::default()).await.unwrap() {
            let name = secret.name_any();
            for (_, value) in secret.data.unwrap_or_default() {
                let value = String::from_utf8_lossy(&value.0).into_owned();
                let others = of_all.iter().filter(|other| *other != ours).flatten();
                let strangers = others.filter(|other| value.contains(other.as_str()));
                assert_eq!(strangers.count(), 0, "{namespace}/{name} has bytes of the other namespace");
                for (with, text) in with.iter_mut().zip(ours) {
                    *with += usize::from(value.contains(text.as_str()));
                }
                assert!(!name.starts_with("claimed-") || value == "of nobody", "{namespace}/{name}: {value}");
            }
        }
        let [of_token, of_spare, of_entries] = with;
        assert_eq!(of_token, 6, "the source, four outputs and the end of the chain in {namespace}");
        assert_eq!(of_spare, 3, "both that stand by, and the output of one in {namespace}");
        assert_eq!(of_entries, 3, "both with further entries, and the pull secret of one in {namespace}");
    }
}
