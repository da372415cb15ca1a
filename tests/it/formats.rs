//! Outputs as their consumers find them: every format on a real API server, the labels and annotations that a spec asks for, and the
//! manifests of `docs/consumers`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use control_plane::sources;
use github_pat_operator::domain::output::Format;
use github_simulator::NewToken;
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
    runtime::wait::await_condition,
};
use serde_json::{Value, json};

use crate::{
    docs::{consumers, yaml_documents},
    world::{NAMESPACE, SOON, World, from, is_so},
};

/// An output of this format with what it needs.
fn output(format: Format) -> Value {
    let name = format.as_str();
    let mut output = json!({ "secretName": name.to_lowercase(), "format": name });
    if name.starts_with("ArgoCD") {
        output["url"] = json!("https://github.com/acme/");
    }
    if ["NuGetConfig", "CrossplaneGithub"].contains(&name) {
        output["owner"] = json!("acme");
    }
    output
}

/// Settings under which the simulated GitHub is github.com.
fn github_com(world: &World) -> String {
    let (url, mode) = (world.github.url(), world.of_mode());
    format!(
        "hosts: [{{ name: github.com, apiUrl: '{url}', webUrl: 'https://github.com', registry: ghcr.io }}]\n\
         minimumInterval: 10s\nconfirmAfter: 1s\n{mode}"
    )
}

#[tokio::test]
async fn every_format_is_a_secret_that_the_api_server_takes() {
    let world = World::start().await;
    let _operator = world.operator_with_settings(&github_com(&world)).await;
    let token = NewToken::classic("ci", "acme-ci").scopes(&["read:packages"]);
    world.secret("ci", &world.github.token(token)).await;
    for (index, formats) in Format::ALL.chunks(16).enumerate() {
        let publish: Vec<_> = formats.iter().copied().map(output).collect();
        let spec = json!({ "host": "github.com", "secretRef": { "name": "ci" }, "publish": publish });
        let name = format!("of-{index}");
        world.connection(&name, spec).await;
        let status = world.ready(&name, "True", "Ready").await.status.unwrap();
        let written: Vec<_> = status.outputs.iter().map(|output| output.format).collect();
        assert_eq!(written, formats);
    }
    let hash = world.connections().get("of-0").await.unwrap().status.unwrap().token.unwrap().hashed_token;
    for format in Format::ALL {
        let secret = world.secrets().get(&format.as_str().to_lowercase()).await.unwrap();
        let annotation = |name: &str| secret.annotations().get(&format!("githubpat.dev/{name}")).cloned();
        assert_eq!(annotation("format").as_deref(), Some(format.as_str()));
        assert_eq!(annotation("token-hash"), Some(hash.to_string()), "{format:?}");
        assert_eq!((annotation("expires-at"), annotation("proven-at").is_some()), (None, true), "{format:?}");
        assert_eq!(secret.labels()["app.kubernetes.io/managed-by"], "github-pat-operator", "{format:?}");
    }
    let all = ListParams::default().labels("app.kubernetes.io/managed-by=github-pat-operator");
    let listed = world.secrets().list(&all).await.unwrap();
    let listed: BTreeSet<_> = listed.into_iter().map(|secret| secret.name_any()).collect();
    assert_eq!(listed, Format::ALL.iter().map(|format| format.as_str().to_lowercase()).collect());
    let found = world.secrets().get("argocdrepocreds").await.unwrap();
    assert_eq!(found.labels()["argocd.argoproj.io/secret-type"], "repo-creds");
}

fn has(secret: Option<&Secret>, key: &str, value: Option<&str>) -> bool {
    let map = |secret: &Secret| {
        let found = secret.labels().get(key).or_else(|| secret.annotations().get(key));
        found.map(String::as_str) == value
    };
    secret.is_some_and(map)
}

#[tokio::test]
async fn labels_and_annotations_follow_the_spec_in_one_write_each_and_those_of_others_stay() {
    let world = World::audited().await;
    let operator = world.operator().await;
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    let marked = |labels: Value, annotations: Value| {
        json!({ "publish": [{
            "secretName": "out", "format": "Opaque", "labels": labels, "annotations": annotations,
        }] })
    };
    world.connection("ci", marked(json!({ "team": "a", "tier": "b" }), json!({ "note": "x" }))).await;
    world.ready("ci", "True", "Ready").await;
    world
        .secret_until("out", |secret| has(secret, "team", Some("a")) && has(secret, "note", Some("x")))
        .await;
    let theirs =
        json!({ "metadata": { "labels": { "theirs": "1" }, "annotations": { "their.s/note": "2" } } });
    let params = PatchParams::apply("somebody");
    world.secrets().patch("out", &params, &Patch::Merge(theirs)).await.unwrap();

    world.change("ci", marked(json!({ "team": "b" }), json!({ "other": "y" }))).await;
    world
        .secret_until("out", |secret| has(secret, "team", Some("b")) && has(secret, "other", Some("y")))
        .await;
    let seen = world.secrets().get_opt("out").await.unwrap();
    for (key, value) in [("tier", None), ("note", None), ("theirs", Some("1")), ("their.s/note", Some("2"))] {
        assert!(has(seen.as_ref(), key, value), "{key}: {:?}", seen.unwrap().metadata);
    }
    world.ready("ci", "True", "Ready").await;
    // The audit log tells of a write a moment after its effect is seen: the spoilt one below comes after whatever came before.
    let writes_before = seen.unwrap().metadata.managed_fields.unwrap();
    let ours = writes_before.iter().filter(|entry| entry.manager.as_deref() == Some("github-pat-operator"));
    assert_eq!(ours.count(), 1);

    let spoilt = json!({ "metadata": { "labels": { "team": "c", "app.kubernetes.io/managed-by": null } } });
    world.secrets().patch("out", &params, &Patch::Merge(spoilt)).await.unwrap();
    world.secret_until("out", |secret| has(secret, "team", Some("b"))).await;
    world
        .secret_until("out", |secret| {
            has(secret, "app.kubernetes.io/managed-by", Some("github-pat-operator"))
        })
        .await;

    let before = world.secrets().get("out").await.unwrap();
    operator.stop().await;
    let _operator = world.operator().await;
    world.change("ci", json!({ "warnBefore": [] })).await;
    world.until("ci", |seen| is_so(seen, "Published", "True", "Published")).await;
    assert_eq!(world.secrets().get("out").await.unwrap(), before, "a restart writes nothing");

    world.change("ci", marked(Value::Null, Value::Null)).await;
    world.secret_until("out", |secret| has(secret, "team", None) && has(secret, "other", None)).await;
    let bare = world.secrets().get("out").await.unwrap();
    assert!(has(Some(&bare), "theirs", Some("1")) && has(Some(&bare), "their.s/note", Some("2")));
    let lists = bare.annotations().keys().filter(|key| key.contains("applied"));
    assert_eq!(lists.count(), 0);
}

#[tokio::test]
async fn a_url_of_another_host_is_not_given_the_token() {
    let world = World::start().await;
    let _operator = world.operator_with_settings(&github_com(&world)).await;
    world.secret("ci", &world.github.token(NewToken::classic("ci", "acme-ci"))).await;
    let url = |url: &str| json!({ "host": "github.com", "publish": [{ "secretName": "out", "format": "ArgoCDRepoCreds", "url": url }] });
    world.connection("ci", url("https://github.com.example/acme")).await;
    let published = world.condition("ci", "Published", "False", "OutputInvalid").await;
    assert!(published.message.contains("begin with https://github.com/"), "{}", published.message);
    assert!(world.secrets().get_opt("out").await.unwrap().is_none());
    world.change("ci", url("https://github.com/acme/")).await;
    world.ready("ci", "True", "Ready").await;
    assert_eq!(world.value("out", "url").await.as_deref(), Some("https://github.com/acme/"));
}

#[tokio::test]
async fn the_manifests_of_every_consumer_are_taken_and_name_the_secrets_that_are_written() {
    let world = World::start().await;
    let _operator = world.operator_with_settings(&github_com(&world)).await;
    let scopes = ["repo", "workflow", "read:packages"];
    let token = world.github.token(NewToken::classic("bot", "acme-bot").scopes(&scopes));
    let pages = consumers();
    assert!(pages.len() > 10, "{pages:?}");
    let of_sources = |file: &PathBuf| file.ends_with("source.toolkit.fluxcd.io_gitrepositories.yaml");
    let git_repositories = sources::gitops_crds().unwrap().into_iter().find(of_sources);
    for file in [git_repositories.unwrap(), sources::task_run_crd().unwrap()] {
        define(&world, &file).await;
    }
    let applicable = BTreeSet::from(["v1", "batch/v1", "source.toolkit.fluxcd.io/v1", "tekton.dev/v1"]);
    let mut taken = BTreeSet::new();
    for (page, text) in pages {
        let manifests: Vec<Value> = yaml_documents(&text).collect();
        let mut written = BTreeSet::new();
        for manifest in manifests.iter().filter(|manifest| manifest["kind"] == "GithubPatConnection") {
            written.extend(publish(&world, &page, manifest, &token).await);
        }
        assert!(!written.is_empty(), "{page} has no connection");
        for manifest in manifests.iter().filter(|manifest| manifest["kind"] != "GithubPatConnection") {
            let mut named = secrets_in(manifest);
            // What runs as a ServiceAccount of the page has the Secrets of that.
            let account = manifest["spec"]["serviceAccountName"].as_str();
            let accounts = manifests.iter().filter(|other| other["kind"] == "ServiceAccount");
            let its_own = accounts.filter(|other| other["metadata"]["name"].as_str() == account);
            named.extend(its_own.flat_map(secrets_in));
            assert!(
                !named.is_empty() && named.is_subset(&written),
                "{page}: {named:?} is not of {written:?}"
            );
            let version = manifest["apiVersion"].as_str().unwrap();
            if applicable.contains(version) {
                applied(&world, &page, manifest).await;
                taken.extend(applicable.get(version));
            }
        }
    }
    assert_eq!(taken, applicable, "each is on a page");
}

/// Defines a resource of Flux or Tekton as its own module has it. No module that can be had defines Flux's Provider.
async fn define(world: &World, file: &Path) {
    let definition = serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    world.plane.define(&definition).await.unwrap();
}

/// Applies the connection, and gives the Secrets that it writes.
async fn publish(world: &World, page: &str, manifest: &Value, token: &str) -> BTreeSet<String> {
    let namespace = namespace(manifest);
    let client = || world.client.clone();
    if Api::<Namespace>::all(client()).get_opt(namespace).await.unwrap().is_none() {
        world.namespace(namespace).await;
    }
    let source = manifest["spec"]["secretRef"]["name"].as_str().unwrap();
    let secrets = Api::<Secret>::namespaced(client(), namespace);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": source }, "stringData": { "token": token },
    });
    secrets.patch(source, &PatchParams::apply("test"), &Patch::Apply(secret)).await.unwrap();
    let outputs = manifest["spec"]["publish"].as_array().unwrap();
    for further in outputs.iter().filter_map(|output| output["extraEntriesFrom"]["name"].as_str()) {
        let config = json!({ "auths": { "r.example": { "auth": "" } } }).to_string();
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": further },
            "type": "kubernetes.io/dockerconfigjson", "stringData": { ".dockerconfigjson": config },
        });
        secrets.patch(further, &PatchParams::apply("test"), &Patch::Apply(secret)).await.unwrap();
    }
    let name = applied(world, page, manifest).await;
    let connections = Api::namespaced(client(), namespace);
    let ready = |seen: Option<&github_pat_operator::api::GithubPatConnection>| {
        seen.is_some_and(|seen| is_so(seen, "Ready", "True", "Ready"))
    };
    let waited = tokio::time::timeout(SOON, await_condition(connections.clone(), &name, ready));
    let seen =
        waited.await.unwrap_or_else(|_| panic!("{page}: {name} did not become Ready")).unwrap().unwrap();
    let outputs: BTreeSet<_> =
        seen.status.unwrap().outputs.into_iter().map(|output| output.secret_name).collect();
    for output in &outputs {
        assert!(secrets.get_opt(output).await.unwrap().is_some(), "{page}: {output}");
    }
    outputs
}

/// Applies a manifest as `kubectl apply --server-side` does, which takes no unknown field.
async fn applied(world: &World, page: &str, manifest: &Value) -> String {
    let object: DynamicObject = from(manifest.clone());
    let types = object.types.clone().unwrap();
    let kind = ApiResource::from_gvk(&GroupVersionKind::try_from(types).unwrap());
    let namespace = namespace(manifest);
    if kind.kind == "Pod" {
        let accounts = Api::<ServiceAccount>::namespaced(world.client.clone(), namespace);
        if accounts.get_opt("default").await.unwrap().is_none() {
            let account = from(json!({ "metadata": { "name": "default" } }));
            accounts.create(&PostParams::default(), &account).await.unwrap();
        }
    }
    let api = Api::<DynamicObject>::namespaced_with(world.client.clone(), namespace, &kind);
    let params = PatchParams::apply("reader").validation_strict();
    let name = object.name_any();
    api.patch(&name, &params, &Patch::Apply(manifest))
        .await
        .unwrap_or_else(|error| panic!("{page}: {name}: {error}"));
    name
}

fn namespace(manifest: &Value) -> &str {
    manifest["metadata"]["namespace"].as_str().unwrap_or(NAMESPACE)
}

/// The Secrets that a manifest names.
fn secrets_in(manifest: &Value) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    collect(manifest, &mut named);
    named
}

fn collect(value: &Value, named: &mut BTreeSet<String>) {
    let Value::Object(fields) = value else {
        value.as_array().into_iter().flatten().for_each(|item| collect(item, named));
        return;
    };
    for (field, value) in fields {
        let lists = ["imagePullSecrets", "secrets"].contains(&field.as_str());
        let of_list = value.as_array().into_iter().flatten().filter(|_| lists).map(|item| &item["name"]);
        let found = match field.as_str() {
            "secretName" => Some(value),
            "secretRef" => Some(&value["name"]),
            _ => None,
        };
        named.extend(of_list.chain(found).filter_map(|name| name.as_str().map(str::to_owned)));
        collect(value, named);
    }
}
