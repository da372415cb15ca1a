//! The types for programs of others, which are generated: `WRITE_SDK=1 cargo test --test it sdk`. `.ci/sdk` has them compiled.

mod golang;
mod schema;
mod types;
mod typescript;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use github_pat_operator::{api, settings::documents};
use serde_json::{Value, json};

use crate::docs::{root, walk};

fn definition() -> Value {
    let definition = serde_json::to_value(api::definition()).unwrap();
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

#[test]
fn the_types_for_others_are_those_that_are_generated() {
    let definition = definition();
    let types = types::types(&definition);
    let files = [
        ("schema/githubpatconnection.schema.json", schema::file(&definition)),
        ("typescript/githubpatconnection.d.ts", typescript::file(&types)),
        ("go/v1alpha1/types.go", golang::file(&types)),
    ];
    for (name, made) in files {
        let path = root().join("sdk").join(name);
        if std::env::var_os("WRITE_SDK").is_some() {
            fs::write(&path, &made).unwrap();
        }
        let stands = fs::read_to_string(&path).unwrap_or_default();
        assert!(stands == made, "run: WRITE_SDK=1 cargo test --test it sdk, then .ci/sdk");
    }
}

/// controller-gen writes them in `.ci/sdk`, which needs Go. This test needs none, and so tells it earlier.
#[test]
fn the_copies_of_the_go_types_know_every_field() {
    let read = |name: &str| fs::read_to_string(root().join("sdk/go/v1alpha1").join(name)).unwrap();
    let (types, copies) = (read("types.go"), read("zz_generated.deepcopy.go"));
    let structs = blocks(&types, "type ", " struct {\n");
    let copied = blocks(&copies, "func (in *", ") {\n");
    let copied: BTreeMap<_, _> = copied
        .iter()
        .filter_map(|(name, body)| Some((name.split_once(") DeepCopyInto(")?.0, *body)))
        .collect();

    let names: Vec<_> = structs.iter().map(|(name, _)| *name).collect();
    assert!(names.len() > 30, "{names:?}");
    assert_eq!(
        copied.keys().copied().collect::<BTreeSet<_>>(),
        names.iter().copied().collect(),
        "run: .ci/sdk"
    );
    for (name, body) in structs {
        let fields = body.lines().filter_map(|line| line.trim().split_once(' '));
        for (field, rest) in fields.filter(|(field, _)| field.starts_with(char::is_uppercase)) {
            let shared = ["*", "[]", "map["].iter().any(|start| rest.trim_start().starts_with(start));
            assert!(
                !shared || copied[name].contains(&format!("in.{field} != nil")),
                "{name}.{field}: run: .ci/sdk"
            );
        }
    }
}

/// What stands between the first line of a block of Go and its end, by the text between `start` and `end` in that line.
fn blocks<'a>(text: &'a str, start: &str, end: &str) -> Vec<(&'a str, &'a str)> {
    let parts = text.split("\n}\n").filter_map(|part| {
        let (_, block) = part.rsplit_once(&format!("\n{start}"))?;
        block.split_once(end)
    });
    parts.collect()
}

#[test]
fn the_schema_takes_the_manifests_of_the_demo_and_no_wrong_ones() {
    let schema: Value = serde_json::from_str(&schema::file(&definition())).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let mut files = Vec::new();
    walk(&root().join("examples/demo"), &mut files);
    files.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    files.push(root().join("sdk/schema/connection.yaml"));
    let mut good = Vec::new();
    for file in files {
        let documents = documents(&fs::read_to_string(&file).unwrap()).unwrap();
        good.extend(documents.into_iter().filter(|document| document["kind"] == "GithubPatConnection"));
    }
    assert!(good.len() > 15, "{}", good.len());
    for manifest in &good {
        let wrong: Vec<_> = schema.iter_errors(manifest).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{manifest}: {wrong:?}");
    }
    let plain = json!({
        "apiVersion": "githubpat.dev/v1alpha1", "kind": "GithubPatConnection", "metadata": { "name": "ci" },
        "spec": { "secretRef": { "name": "pat" } },
    });
    assert!(schema.is_valid(&plain));
    for (field, value) in [
        ("/spec/secretRef", json!({})),
        ("/spec/secretRef", json!({ "name": "pat", "namespace": "other" })),
        ("/spec", json!({ "secretRef": { "name": "pat" }, "require": { "scope": ["repo"] } })),
        ("/spec", json!({ "secretRef": { "name": "pat" }, "require": { "kinds": ["classic"] } })),
        ("/spec", json!({ "secretRef": { "name": "pat" }, "publish": [{ "secretName": "git" }] })),
        ("/kind", json!("Connection")),
    ] {
        let mut wrong = plain.clone();
        *wrong.pointer_mut(field).unwrap() = value.clone();
        assert!(!schema.is_valid(&wrong), "{field}: {value}");
    }
}
