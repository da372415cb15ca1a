//! What the chart renders, checked by kubeconform against the schemas of the API server, of our definition and of the operator of
//! Prometheus: strictly, so that a field which nobody knows is seen.

use std::collections::BTreeMap;

use control_plane::sources;

use super::*;

/// How kubeconform finds the schema of a kind in the folder.
const LAYOUT: &str = "{{.ResourceKind}}{{.KindSuffix}}.json";

/// Kind, group and version.
type Known = [String; 3];

/// The definitions of the OpenAPI that the API server has.
pub(super) async fn definitions(client: &Client) -> Value {
    let request = http::Request::get("/openapi/v2").body(Vec::new()).unwrap();
    let text = client.request_text(request).await.unwrap();
    let mut document: Value = serde_json::from_str(&text).unwrap();
    let mut definitions = document["definitions"].take();
    for definition in definitions.as_object_mut().unwrap().values_mut() {
        strict(definition);
    }
    // What stands for an amount may be a number too.
    definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"]["type"] = json!(["string", "number"]);
    definitions
}

/// Makes a schema refuse what it does not name.
fn strict(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    let is_open = fields.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
    if fields.contains_key("properties") && !fields.contains_key("additionalProperties") && !is_open {
        fields.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    let is_either = fields.get("format").is_some_and(|format| format == "int-or-string");
    if is_either || fields.contains_key("x-kubernetes-int-or-string") {
        fields.insert("type".to_owned(), json!(["integer", "string"]));
        fields.remove("format");
    }
    if let Some(properties) = fields.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(strict);
    }
    for below in ["items", "additionalProperties"] {
        fields.get_mut(below).into_iter().for_each(strict);
    }
}

/// The names of the definitions that a schema rests on.
pub(super) fn rests_on(schema: &Value, definitions: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            let named = fields.get("$ref").and_then(Value::as_str);
            let named = named.and_then(|path| path.strip_prefix("#/definitions/"));
            if let Some(name) = named.filter(|name| found.insert((*name).to_owned())) {
                rests_on(&definitions[name], definitions, found);
            }
            fields.values().for_each(|value| rests_on(value, definitions, found));
        }
        Value::Array(all) => all.iter().for_each(|value| rests_on(value, definitions, found)),
        _ => {}
    }
}

/// The schema of each kind that the API server itself has.
fn of_the_api_server(definitions: &Value) -> BTreeMap<Known, Value> {
    let mut schemas = BTreeMap::new();
    for definition in definitions.as_object().unwrap().values() {
        // What has several is a list of options that all groups share.
        let Some([kind]) = definition["x-kubernetes-group-version-kind"].as_array().map(Vec::as_slice) else {
            continue;
        };
        let known = ["kind", "group", "version"].map(|field| kind[field].as_str().unwrap().to_owned());
        schemas.insert(known, definition.clone());
    }
    schemas
}

/// The schema of each version of a definition. What all objects have need not stand there.
fn of_a_definition(definition: &CustomResourceDefinition) -> BTreeMap<Known, Value> {
    let spec = &definition.spec;
    let schema =
        |schema: &k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps| {
            let mut schema = serde_json::to_value(schema).unwrap();
            strict(&mut schema);
            schema["properties"]["metadata"] =
                json!({ "$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" });
            for name in ["apiVersion", "kind"] {
                schema["properties"][name] = json!({ "type": "string" });
            }
            schema
        };
    let of = |version: &k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinitionVersion| {
        let given = version.schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
        ([spec.names.kind.clone(), spec.group.clone(), version.name.clone()], schema(given))
    };
    spec.versions.iter().map(of).collect()
}

/// A folder with the schemas in the layout of kubeconform.
async fn schemas(client: &Client) -> tempfile::TempDir {
    let definitions = definitions(client).await;
    let mut all = of_the_api_server(&definitions);
    assert!(all.len() > 100, "{}", all.len());
    all.extend(of_a_definition(&api::definition()));
    let folder = sources::prometheus_operator_crds().unwrap();
    for kind in ["servicemonitors", "podmonitors", "prometheusrules"] {
        let text = fs::read_to_string(folder.join(format!("monitoring.coreos.com_{kind}.yaml"))).unwrap();
        all.extend(of_a_definition(&serde_saphyr::from_str(&text).unwrap()));
    }
    let directory = tempfile::tempdir().unwrap();
    for ([kind, group, version], mut schema) in all {
        let mut named = BTreeSet::new();
        rests_on(&schema, &definitions, &mut named);
        schema["definitions"] =
            named.into_iter().map(|name| (name.clone(), definitions[&name].clone())).collect();
        let parts = [kind.as_str(), group.split('.').next().unwrap(), &version];
        let name = parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("-");
        fs::write(directory.path().join(format!("{}.json", name.to_lowercase())), schema.to_string())
            .unwrap();
    }
    directory
}

/// What kubeconform says of these files, as kind, name and what is wrong.
fn checked(schemas: &Path, files: &[PathBuf]) -> Vec<(String, String, String)> {
    let location = schemas.join(LAYOUT);
    let output = Command::new(binaries::find(Program::Kubeconform).unwrap())
        .args(["-strict", "-verbose", "-output", "json", "-schema-location", location.to_str().unwrap()])
        .args(files)
        .output()
        .unwrap();
    let said: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let text = |resource: &Value, field: &str| resource[field].as_str().unwrap_or_default().to_owned();
    let all = said["resources"].as_array().unwrap().iter().map(|resource| {
        let wrong = match resource["status"].as_str() {
            Some("statusValid" | "statusEmpty") => String::new(),
            _ => format!("{}: {}", text(resource, "status"), text(resource, "msg")),
        };
        (text(resource, "kind"), text(resource, "name"), wrong)
    });
    all.collect()
}

fn written(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
#[ignore = "runs helm and kubeconform for each of many values; .ci/long runs it"]
async fn kubeconform_takes_all_that_the_chart_renders_and_the_examples_and_no_field_that_nobody_knows() {
    let world = World::start().await;
    let (schemas, folder) = (schemas(&world.client).await, tempfile::tempdir().unwrap());
    let mut files = of_the_matrix(folder.path(), &[]).await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut examples = Vec::new();
    crate::docs::walk(&root, &mut examples);
    let is_manifest = |path: &PathBuf| {
        let below = path.strip_prefix(&root).unwrap();
        path.extension().is_some_and(|end| end == "yaml")
            && (below.starts_with("demo") || below.starts_with("gitops/team-a"))
    };
    files.extend(examples.into_iter().filter(is_manifest));
    let found = taken(&schemas, &files);
    let kinds: BTreeSet<_> = found.iter().map(|(kind, _, _)| kind.as_str()).collect();
    let expected = [
        "Deployment",
        "MutatingAdmissionPolicy",
        "ValidatingAdmissionPolicy",
        "GithubPatConnection",
        "ServiceMonitor",
        "CustomResourceDefinition",
        "NetworkPolicy",
        "PodDisruptionBudget",
    ];
    assert!(expected.iter().all(|kind| kinds.contains(kind)), "{kinds:?}");

    // What Helm passes on as it is, and an unknown field in each kind that is rendered.
    let object = |fields: &str| {
        format!(
            "extraObjects=[{{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{{\"name\":\"a\"}},{fields}}}]"
        )
    };
    let rows = [(object("\"dta\":{}"), "dta"), (object("\"immutable\":\"a\""), "immutable")];
    for (value, word) in rows {
        let output = template(&["--set-json", &value]);
        assert!(output.status.success(), "{value}: {}", said(&output));
        let found = checked(schemas.path(), &[written(folder.path(), "wrong.yaml", output.stdout)]);
        let wrong: Vec<_> = found.iter().filter(|(_, _, wrong)| !wrong.is_empty()).collect();
        assert!(
            matches!(wrong[..], [(kind, _, wrong)] if kind == "ConfigMap" && wrong.contains(word)),
            "{value}: {wrong:?}"
        );
    }
    every_kind_is_checked(&schemas, &files, folder.path());
}

/// What the chart renders with each set of values, and these flags: a file each in this folder.
async fn of_the_matrix(folder: &Path, here: &[&str]) -> Vec<PathBuf> {
    let given = every_value().await;
    let mut files = Vec::new();
    for (number, flags) in golden::matrix(given.path()).into_iter().enumerate() {
        let flags = [&flags.iter().map(String::as_str).collect::<Vec<_>>(), here].concat();
        let output = template(&flags);
        assert!(output.status.success(), "{flags:?}: {}", said(&output));
        files.push(written(folder, &format!("{number}.yaml"), output.stdout));
    }
    files
}

/// What kubeconform has found in these files: nothing that is wrong.
fn taken(schemas: &tempfile::TempDir, files: &[PathBuf]) -> Vec<(String, String, String)> {
    let found = checked(schemas.path(), files);
    let wrong: Vec<_> = found.iter().filter(|(_, _, wrong)| !wrong.is_empty()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    found
}

/// The same of what the chart renders for the Kubernetes of this client, which has schemas of its own.
pub(super) async fn kubeconform_takes_the_matrix(client: &Client, here: &[&str]) {
    let (schemas, folder) = (schemas(client).await, tempfile::tempdir().unwrap());
    let files = of_the_matrix(folder.path(), here).await;
    assert!(taken(&schemas, &files).len() > files.len());
    every_kind_is_checked(&schemas, &files, folder.path());
}

/// One manifest of each kind, with a field that nobody knows at its top, in its metadata and in its spec.
fn every_kind_is_checked(schemas: &tempfile::TempDir, files: &[PathBuf], folder: &Path) {
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    let mut one_of_each = BTreeMap::new();
    for text in texts {
        let documents = text.split("\n---\n").filter(|document| document.contains("kind:"));
        for manifest in documents.map(|document| serde_saphyr::from_str::<Value>(document).unwrap()) {
            one_of_each.entry(manifest["kind"].as_str().unwrap().to_owned()).or_insert(manifest);
        }
    }
    assert!(one_of_each.len() > 15, "{:?}", one_of_each.keys());
    let mut broken = Vec::new();
    for (kind, manifest) in &one_of_each {
        for place in ["", "metadata", "spec"]
            .into_iter()
            .filter(|place| place.is_empty() || manifest[place].is_object())
        {
            let mut wrong = manifest.clone();
            let at = if place.is_empty() { &mut wrong } else { &mut wrong[place] };
            at["unheardOf"] = json!(1);
            broken.push(written(folder, &format!("{kind}-{place}.json"), wrong.to_string()));
        }
    }
    let found = checked(schemas.path(), &broken);
    assert_eq!(found.len(), broken.len());
    let taken: Vec<_> = found.iter().filter(|(_, _, wrong)| !wrong.contains("unheardOf")).collect();
    assert!(taken.is_empty(), "{taken:#?}");
}
