//! Each field with a value of another kind.

use super::*;

/// One value of each kind, for fields that want another.
const VALUES: [&str; 8] = ["null", "true", "-7", "1.5", "word", "''", "[1, [2]]", "{ a: { b: 1 } }"];

#[test]
fn every_setting_with_a_value_of_another_kind_is_told_in_plain_words() {
    let mut told = 0;
    // A field that there is none of brings out those that there are.
    for (before, behind, path) in [("", "", ""), ("hosts: [{ ", " }]", "hosts[0].")] {
        let fault = from_yaml::<SettingsInput>(&format!("{before}nosuch: 1{behind}")).unwrap_err();
        let fields = fault.split_once("write one of ").unwrap().1.replace(" or ", ", ");
        for (field, value) in fields.split(", ").flat_map(|field| VALUES.map(|value| (field, value))) {
            let text = format!("{before}{field}: {value}{behind}");
            let Err(message) = from_yaml::<SettingsInput>(&text) else { continue };
            assert_plain(&text, &message, path, ": ");
            told += 1;
        }
    }
    assert!(told > 80, "{told}");
}

#[test]
fn every_field_of_a_spec_with_a_value_of_another_kind_is_told_in_plain_words() {
    let definition = serde_json::to_value(api::definition()).unwrap();
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut told = 0;
    for path in paths(schema) {
        for value in VALUES {
            let text = format!("secretRef: {{ name: a }}\n{}", at(&path, value));
            let text = if path[0] == "secretRef" { at(&path, value) } else { text };
            let spec: Value = from_yaml(&text).unwrap();
            let Err(message) = from_value::<GithubPatConnectionSpec>("spec", &spec) else { continue };
            assert_plain(&text, &message, &format!("spec.{}", path[0]), ": ");
            told += 1;
        }
    }
    assert!(told > 80, "{told}");
}

/// The path of every field below the schema; an empty part stands for an item of a list.
fn paths(schema: &Value) -> Vec<Vec<String>> {
    let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let inner = fields.map(|(name, schema)| (name.clone(), schema));
    let items = schema.get("items").map(|items| (String::new(), items));
    inner
        .chain(items)
        .flat_map(|(part, schema)| {
            let below = paths(schema).into_iter().map(|path| [vec![part.clone()], path].concat());
            [vec![part.clone()]].into_iter().chain(below).collect::<Vec<_>>()
        })
        .collect()
}

/// The value at this path, as YAML.
fn at(path: &[String], value: &str) -> String {
    path.iter().rev().fold(value.to_owned(), |text, part| match part.as_str() {
        "" => format!("[{text}]"),
        part if *part == path[0] => format!("{part}: {text}"),
        part => format!("{{ {part}: {text} }}"),
    })
}

#[test]
fn a_list_is_taken_nowhere_for_fields_with_names() {
    let definition = serde_json::to_value(api::definition()).unwrap();
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut told = 0;
    for path in paths(schema) {
        let of = path.iter().fold(schema, |schema, part| match part.as_str() {
            "" => &schema["items"],
            part => &schema["properties"][part],
        });
        if of["type"] != "object" {
            continue;
        }
        // As many items as it has fields, of which one at least fits.
        for list in ["[]", "[[a], a, a]", "[a, a, a]", "[true]", "[a, Opaque, true]"] {
            let text = format!("secretRef: {{ name: a }}\n{}", at(&path, list));
            let text = if path[0] == "secretRef" { at(&path, list) } else { text };
            let spec: Value = from_yaml(&text).unwrap();
            let message = from_value::<GithubPatConnectionSpec>("spec", &spec).unwrap_err();
            assert!(message.ends_with("write fields with names in place of a list"), "{text}: {message}");
            told += 1;
        }
    }
    assert!(told >= 25, "{told}");
    for text in ["hosts: [[a, 'https://a.example.com']]", "hosts: [{ name: a, proxy: ['http://a'] }]"] {
        let message = from_yaml::<SettingsInput>(text).unwrap_err();
        assert!(message.ends_with("write fields with names in place of a list"), "{text}: {message}");
    }
}
