//! The resource as the API server sees it: what it takes, what it says of what it does not, and what it adds.

mod stored;
mod wrong_specs;

use github_pat_operator::{
    api::{self, GithubPatConnection, GithubPatConnectionSpec as Spec},
    domain::Reason,
    settings::from_yaml,
};
use http::Request;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
    core::Status,
};
use serde_json::{Value, json};

use crate::world::{NAMESPACE, World, from};

/// What the API server adds when rules could not be evaluated, beside what is wrong.
const UNCHECKED: &str = "some validation rules were not checked";

#[test]
fn the_checked_in_definition_is_the_one_that_the_code_makes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/crds/githubpatconnections.githubpat.dev.yaml");
    let checked_in: Value = from_yaml(&std::fs::read_to_string(path).unwrap()).unwrap();
    let made = serde_json::to_value(api::definition()).unwrap();
    assert!(checked_in == made, "run: target/debug/github-pat-operator crds > {path}");
}

#[tokio::test]
async fn a_wrong_spec_is_refused_with_one_sentence_that_names_the_field() {
    let world = World::start().await;
    let definitions = Api::<CustomResourceDefinition>::all(world.client.clone());
    let status = definitions.get("githubpatconnections.githubpat.dev").await.unwrap().status.unwrap();
    let conditions = status.conditions.unwrap();
    assert!(conditions.iter().all(|condition| condition.type_ != "NonStructuralSchema"), "{conditions:?}");
    let rows = wrong_specs::all();
    for (name, spec, field, words) in rows {
        let refused = *create(&world, "ci", spec).await.expect_err(name);
        let causes = refused.details.iter().flat_map(|details| &details.causes);
        let causes: Vec<_> = causes.filter(|cause| !cause.message.contains(UNCHECKED)).collect();
        assert_eq!((refused.code, causes.len()), (422, 1), "{name}: {}", refused.message);
        assert_eq!(causes[0].field, field, "{name}: {}", refused.message);
        assert!(causes[0].message.contains(words), "{name}: {}", refused.message);
        assert_eq!(refused.message.lines().count(), 1, "{name}: {}", refused.message);
    }
    // Null is not a value of any field, and stands for one that is not given.
    for (name, nulls) in [
        ("scalars", json!({ "host": null, "interval": null, "suspend": null, "onInvalid": null })),
        ("lists", json!({ "publish": null, "warnBefore": null })),
        ("an object", json!({ "require": null })),
        (
            "inside",
            json!({ "require": { "kinds": null, "scopes": null, "expiry": { "maxLifetime": null } } }),
        ),
    ] {
        let created =
            create(&world, "ci", spec(nulls)).await.unwrap_or_else(|refused| panic!("{name}: {refused}"));
        let expected: Spec = from(spec(json!({})));
        assert_eq!(from::<Spec>(created.data["spec"].clone()), expected, "{name}");
    }
}

#[tokio::test]
async fn every_right_spec_of_the_documentation_is_taken() {
    let world = World::start().await;
    let four = ["a", "b", "c", "d"].map(|name| json!({ "name": name, "key": "pat" }));
    let rows = [
        ("the least", json!({})),
        ("the shortest interval", json!({ "interval": "10s" })),
        ("the longest interval", json!({ "interval": "24h" })),
        ("a mixed interval", json!({ "interval": "1h30m15s" })),
        ("no warning", json!({ "warnBefore": [] })),
        (
            "ten warnings",
            json!({ "warnBefore": (1..=10).map(|hours| format!("{hours}h")).collect::<Vec<_>>() }),
        ),
        (
            "all kinds",
            json!({ "require": { "kinds": ["Classic", "FineGrained", "OAuth", "AppUser", "AppInstallation"] } }),
        ),
        (
            "scopes",
            json!({ "require": { "scopes": ["repo", "read:org", "admin:org_hook", "manage_runners:enterprise"] } }),
        ),
        (
            "an expiry",
            json!({ "require": { "expiry": { "required": true, "maxLifetime": "8784h", "minRemaining": "24h" } } }),
        ),
        (
            "as much time to be left as a token may live",
            json!({ "require": { "expiry": { "minRemaining": "24h", "maxLifetime": "1440m" } } }),
        ),
        (
            "either kind, each with what it can have",
            json!({ "require": {
                "scopes": ["repo"], "permissions": { "contents": "write" },
                "organizations": [{ "name": "acme" }, { "name": "labs" }], "packages": [{ "name": "acme/app" }],
                "repositories": [{ "name": "acme/app", "access": "Push" }, { "name": "labs/app", "access": "Push" }],
                "forbid": { "scopes": ["delete_repo"], "permissions": { "contents": "admin", "issues": "read" } },
            } }),
        ),
        (
            "a fine-grained token that pushes to one owner and reads of another",
            json!({ "require": { "kinds": ["FineGrained"], "repositories": [
                { "name": "acme/app", "access": "Push" }, { "name": "Acme/lib", "access": "Push" }, { "name": "labs/app" },
            ] } }),
        ),
        ("another host", json!({ "host": "ghe-1.example.com" })),
        ("sixteen outputs", outputs(&(0..16).map(|number| format!("out-{number}")).collect::<Vec<_>>())),
        (
            "sixteen outputs with long names and versions",
            json!({ "publish": (0..16).map(|number| json!({
                "secretName": format!("{number:a>242}"), "format": "Opaque", "versioned": true, "keepVersions": 10,
            })).collect::<Vec<_>>() }),
        ),
        ("four standbys", json!({ "standby": four, "holdDown": "0s" })),
        (
            "sixteen outputs with as many labels and annotations",
            json!({ "publish": (0..16).map(|number| {
                let keys = (0..16).map(|key| format!("{}/{key:b>63}", "a".repeat(253)));
                let marks: serde_json::Map<_, _> = keys.map(|key| (key, json!("c".repeat(63)))).collect();
                json!({ "secretName": format!("out-{number}"), "format": "Opaque", "labels": marks, "annotations": marks })
            }).collect::<Vec<_>>() }),
        ),
        ("withdrawal", json!({ "onInvalid": "Withdraw", "suspend": true })),
        ("withdrawal after a while", json!({ "onInvalid": "Withdraw", "withdrawAfter": "10s" })),
        (
            "outputs with all their fields",
            json!({ "publish": [
                { "secretName": "a", "format": "Opaque", "key": "pat.txt", "publicOnly": false, "registries": [], "tektonGit": [] },
                { "secretName": "b", "format": "ArgoCDRepository", "url": "https://github.com/acme/app.git", "project": "shop" },
                { "secretName": "c", "format": "DockerConfigJson", "registries": ["ghcr.io", "r.example:5000/a/b"] },
                {
                    "secretName": "d", "format": "BasicAuth", "tektonGit": ["https://github.com"],
                    "labels": { "team": "a", "example.com/tier": "" }, "annotations": { "note": "any text: {}" },
                },
                {
                    "secretName": "e", "format": "Opaque",
                    "labels": { "argocd.argoproj.io/secret-type": "cluster", (format!("{}/{}", "a".repeat(253), "b".repeat(63))): "x" },
                },
                { "secretName": "f", "format": "Opaque", "key": ".a", "labels": { "a.b-c/D_e.f": "G_h.i" } },
                { "secretName": "g", "format": "Opaque", "key": "a..b" },
            ] }),
        ),
    ];
    for (name, more) in rows {
        create(&world, "ci", spec(more)).await.unwrap_or_else(|refused| panic!("{name}: {refused}"));
    }
}

#[tokio::test]
async fn an_unknown_field_is_refused_under_strict_validation_and_dropped_without() {
    let world = World::start().await;
    let rows = [
        ("spec.nosuch", json!({ "nosuch": 1 }), "/spec/nosuch"),
        ("spec.require.scope", json!({ "require": { "scope": ["repo"] } }), "/spec/require/scope"),
        (
            "spec.require.expiry.maxLifeTime",
            json!({ "require": { "expiry": { "maxLifeTime": "1h" } } }),
            "/spec/require/expiry/maxLifeTime",
        ),
        (
            "spec.secretRef.namespace",
            json!({ "secretRef": { "name": "pat", "namespace": "other" } }),
            "/spec/secretRef/namespace",
        ),
        (
            "spec.publish[0].namespace",
            json!({ "publish": [{ "secretName": "out", "format": "Opaque", "namespace": "other" }] }),
            "/spec/publish/0/namespace",
        ),
    ];
    raw(&world).create(&PostParams::default(), &object("ci", spec(json!({})))).await.unwrap();
    for (field, more, pointer) in rows {
        let taken = create(&world, "loose", spec(more.clone())).await.unwrap();
        assert_eq!(taken.data.pointer(pointer), None, "{field}");
        let strict = PatchParams::default().validation_strict();
        let patch = Patch::Merge(json!({ "spec": spec(more) }));
        let refused = *refusal(raw(&world).patch("ci", &strict, &patch).await).expect_err(field);
        assert!(
            refused.message.contains(&format!("unknown field \"{field}\"")),
            "{field}: {}",
            refused.message
        );
    }
}

#[tokio::test]
async fn the_api_server_fills_in_the_defaults_of_the_code_and_a_status_that_is_pending() {
    let world = World::start().await;
    raw(&world).create(&PostParams::default(), &object("ci", spec(json!({})))).await.unwrap();
    let stored = raw(&world).get("ci").await.unwrap();
    let expected: Spec = from(spec(json!({})));
    let mut in_full = serde_json::to_value(&expected).unwrap();
    assert_eq!(from::<Spec>(stored.data["spec"].clone()), expected);
    // What serde leaves out because it is empty may stand in the stored object.
    let mut spec_there = stored.data["spec"].clone();
    for spec in [&mut in_full, &mut spec_there] {
        spec.as_object_mut().unwrap().retain(|name, value| name != "publish" || *value != json!([]));
    }
    assert_eq!(spec_there, in_full);

    let pending = stored.data["status"].clone();
    let ready = &pending["conditions"][0];
    assert_eq!(
        (&ready["type"], &ready["status"], &ready["reason"]),
        (&json!("Ready"), &json!("Unknown"), &json!("Pending"))
    );
    let managed = stored.metadata.managed_fields.unwrap();
    assert!(managed.iter().all(|entry| entry.subresource.is_none()), "nobody wrote a status");
    let params = PatchParams::default();
    let change = Patch::Merge(json!({ "spec": { "suspend": true }, "metadata": { "labels": { "a": "b" } } }));
    let changed = raw(&world).patch("ci", &params, &change).await.unwrap();
    assert_eq!((changed.metadata.generation, &changed.data["status"]), (Some(2), &pending));
    let listed = raw(&world).list(&Default::default()).await.unwrap();
    assert_eq!(listed.items[0].data["status"], pending);
    let removed =
        raw(&world).patch_status("ci", &params, &Patch::Merge(json!({ "status": null }))).await.unwrap();
    assert_eq!(removed.data["status"], pending, "an erased status is pending again");
}

#[tokio::test]
async fn kubectl_prints_the_documented_columns() {
    let world = World::start().await;
    raw(&world).create(&PostParams::default(), &object("ci", spec(json!({})))).await.unwrap();
    let status = json!({ "status": {
        "conditions": [
            condition(json!({ "type": "Ready", "status": "True", "reason": "ExpiresSoon" })),
            condition(json!({ "type": "Published", "status": "True", "reason": "NothingRequested" })),
        ],
        "token": {
            "secretName": "pat", "host": "github.com", "kind": "Classic", "hashedToken": "x", "login": "acme-ci",
            "scopes": ["read:org", "repo"], "expiresAt": "2999-01-01T00:00:00Z", "checkedAt": "2020-01-01T00:00:00Z",
        },
        "candidates": [
            { "secretName": "pat", "usable": "False", "reason": "BadCredentials" },
            { "secretName": "pat-next", "usable": "True", "reason": "Accepted", "inUse": true },
        ],
    } });
    raw(&world).patch_status("ci", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    let request =
        Request::get(format!("/apis/githubpat.dev/v1alpha1/namespaces/{NAMESPACE}/githubpatconnections"))
            .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
            .body(Vec::new())
            .unwrap();
    let table: Value = world.client.request(request).await.unwrap();
    let columns = table["columnDefinitions"].as_array().unwrap();
    let named = |priority: i64| -> Vec<&str> {
        let columns = columns.iter().filter(|column| column["priority"] == priority);
        columns.map(|column| column["name"].as_str().unwrap()).collect()
    };
    assert_eq!(named(0), ["Name", "Ready", "Reason", "Login", "Kind", "Expires", "Age"]);
    assert_eq!(named(1), ["Host", "Scopes", "Checked", "Secret", "In Use"]);
    let cells = table["rows"][0]["cells"].as_array().unwrap();
    let cell = |name: &str| {
        let index = columns.iter().position(|column| column["name"] == name).unwrap();
        cells[index].clone()
    };
    for (column, expected) in [
        ("Name", "ci"),
        ("Ready", "True"),
        ("Reason", "ExpiresSoon"),
        ("Login", "acme-ci"),
        ("Kind", "Classic"),
        ("Expires", "2999-01-01T00:00:00Z"),
        ("Host", "github.com"),
        ("Scopes", r#"["read:org","repo"]"#),
        ("Secret", "pat"),
        ("In Use", "pat-next"),
    ] {
        assert_eq!(cell(column), expected, "{column}");
    }
    // What kubectl prints: each column as wide as its longest cell, and three spaces between.
    let longest = Reason::ALL.iter().map(|reason| reason.as_str().len()).max().unwrap();
    let usual =
        ["acme-release-bot".len(), "Unknown".len(), longest, "acme-release-bot".len(), "FineGrained".len()];
    let width =
        usual.into_iter().chain([cell("Expires").as_str().unwrap().len(), "364d".len()]).sum::<usize>()
            + 6 * 3;
    assert!(width <= 120, "{width} characters in a line");
    let checked = cell("Checked");
    assert!(checked.as_str().is_some_and(|age| age.ends_with('y') || age.ends_with('d')), "{checked}");
}

#[tokio::test]
async fn two_managers_apply_outputs_of_their_own_to_one_connection() {
    let world = World::start().await;
    let apply = async |manager: &str, spec: Value| {
        let patch = Patch::Apply(manifest("ci", spec));
        refusal(raw(&world).patch("ci", &PatchParams::apply(manager), &patch).await)
    };
    let output = |name: &str, format: &str| json!([{ "secretName": name, "format": format }]);
    apply("team", spec(json!({ "publish": output("a", "Opaque") }))).await.unwrap();
    let both = apply("platform", json!({ "publish": output("b", "BasicAuth") })).await.unwrap();
    assert_eq!(
        both.data["spec"]["publish"],
        json!([{ "secretName": "a", "format": "Opaque" }, { "secretName": "b", "format": "BasicAuth" }])
    );
    let conflict = apply("platform", json!({ "publish": output("a", "BasicAuth") })).await.unwrap_err();
    assert_eq!(conflict.code, 409);
    assert!(conflict.message.contains(r#".spec.publish[secretName="a"].format"#), "{}", conflict.message);
    let left = apply("team", spec(json!({}))).await.unwrap();
    assert_eq!(left.data["spec"]["publish"], output("b", "BasicAuth"));
}

#[tokio::test]
async fn a_status_outside_the_limits_of_a_condition_is_refused() {
    let world = World::start().await;
    raw(&world).create(&PostParams::default(), &object("ci", spec(json!({})))).await.unwrap();
    let good = condition(json!({ "type": "Ready", "status": "True", "reason": "Ready" }));
    let rows = [
        ("a reason of two words", json!({ "reason": "not good" }), "reason"),
        ("a reason that begins with a digit", json!({ "reason": "4xx" }), "reason"),
        ("an empty reason", json!({ "reason": "" }), "reason"),
        ("a reason too long", json!({ "reason": "a".repeat(1025) }), "reason"),
        ("a status that is none", json!({ "status": "Maybe" }), "status"),
        ("a type with a space", json!({ "type": "Very Ready" }), "type"),
        ("a type too long", json!({ "type": "a".repeat(317) }), "type"),
        ("a message too long", json!({ "message": "a".repeat(32_769) }), "message"),
        ("no time", json!({ "lastTransitionTime": null }), "lastTransitionTime"),
        ("no time of day", json!({ "lastTransitionTime": "yesterday" }), "lastTransitionTime"),
        ("a negative generation", json!({ "observedGeneration": -1 }), "observedGeneration"),
    ];
    for (name, change, field) in rows {
        let mut wrong = good.clone();
        wrong.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let patch = Patch::Merge(json!({ "status": { "conditions": [wrong] } }));
        let refused =
            *refusal(raw(&world).patch_status("ci", &PatchParams::default(), &patch).await).expect_err(name);
        assert_eq!(refused.code, 422, "{name}");
        assert!(
            refused.message.contains(&format!("status.conditions[0].{field}")),
            "{name}: {}",
            refused.message
        );
    }
}

#[tokio::test]
async fn a_status_applied_to_an_older_version_is_refused_and_the_uid_alone_protects_no_namesake() {
    let world = World::start().await;
    let created = raw(&world).create(&PostParams::default(), &object("ci", spec(json!({})))).await.unwrap();
    let apply = async |metadata: Value, reason: &str| {
        let ready = condition(json!({ "type": "Ready", "status": "True", "reason": reason }));
        let patch = json!({
            "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection", "metadata": metadata,
            "status": { "conditions": [ready] },
        });
        let params = PatchParams::apply("operator").force();
        refusal(raw(&world).patch_status("ci", &params, &Patch::Apply(patch)).await)
    };
    let uid = created.metadata.uid.unwrap();
    apply(json!({ "name": "ci", "uid": uid }), "First").await.unwrap();
    let version = created.metadata.resource_version.unwrap();
    let late = apply(json!({ "name": "ci", "resourceVersion": version }), "Late").await.unwrap_err();
    assert_eq!(late.code, 409, "{}", late.message);
    // The strategy of a status takes the metadata of the stored object, so a uid is not compared.
    let other = "00000000-0000-0000-0000-000000000000";
    let taken = apply(json!({ "name": "ci", "uid": other }), "Other").await.unwrap();
    assert_eq!(
        (taken.metadata.uid, &taken.data["status"]["conditions"][0]["reason"]),
        (Some(uid), &json!("Other"))
    );
}

/// A spec that names the Secret `pat`, and more.
fn spec(more: Value) -> Value {
    let mut spec = json!({ "secretRef": { "name": "pat" } });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec
}

fn outputs(names: &[impl AsRef<str>]) -> Value {
    let outputs = names.iter().map(|name| json!({ "secretName": name.as_ref(), "format": "Opaque" }));
    json!({ "publish": outputs.collect::<Vec<_>>() })
}

fn condition(more: Value) -> Value {
    let mut condition = json!({ "message": "as it is", "lastTransitionTime": "2020-01-01T00:00:00Z" });
    condition.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    condition
}

fn resource() -> ApiResource {
    ApiResource::erase::<GithubPatConnection>(&())
}

/// Without our types between, which would not hold what is wrong.
fn raw(world: &World) -> Api<DynamicObject> {
    Api::namespaced_with(world.client.clone(), NAMESPACE, &resource())
}

fn object(name: &str, spec: Value) -> DynamicObject {
    let mut object = DynamicObject::new(name, &resource());
    object.data = json!({ "spec": spec });
    object
}

fn manifest(name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection", "metadata": { "name": name }, "spec": spec,
    })
}

/// What the API server makes of a new connection, which is not kept.
async fn create(world: &World, name: &str, spec: Value) -> Result<DynamicObject, Box<Status>> {
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    refusal(raw(world).create(&dry, &object(name, spec)).await)
}

fn refusal<T>(answer: kube::Result<T>) -> Result<T, Box<Status>> {
    answer.map_err(|error| match error {
        kube::Error::Api(status) => status,
        other => panic!("{other}"),
    })
}
